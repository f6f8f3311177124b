package ssh

import (
	"context"
	"fmt"
	"sync"

	"golang.org/x/crypto/ssh"
)

// A Host is one machine, for as long as it is not closed: the connection is made
// anew when it was lost, and then insists on the host key of the first time. All
// methods are safe for concurrent use; what they run shares the connection.
type Host struct {
	dialer *Dialer
	name   string
	of     *endpoint
	turn   chan struct{} // holds one token while somebody connects

	mu     sync.Mutex
	conn   *conn
	lock   *lock // nil: the host is nobody's, as far as we care
	closed bool
}

// open makes the first connection.
func (h *Host) open(ctx context.Context) error {
	c, err := h.dialer.connect(ctx, h.of, onHangup)
	if err != nil {
		return err
	}
	h.conn = c
	if h.of.user != "root" {
		if err := h.becomeRoot(ctx, c); err != nil {
			h.Close()
			return err
		}
	}
	// Of a certificate it is the authority that counts, and known_hosts has it.
	if _, isCert := c.key.(*ssh.Certificate); !isCert && h.of.pinned == nil {
		h.of.pinned, h.of.pinnedBy = c.key, "the key of this run's first connection"
	}
	return nil
}

// connection returns the connection, and makes it again when it was lost. That
// takes at most RetryFor plus one Timeout.
func (h *Host) connection(ctx context.Context) (*conn, error) {
	select {
	case h.turn <- struct{}{}:
		defer func() { <-h.turn }()
	case <-ctx.Done():
		return nil, context.Cause(ctx)
	}
	c, err := h.current()
	if err != nil || c != nil {
		return c, err
	}
	if c, err = h.dialer.connect(ctx, h.of, onOutage); err != nil {
		return nil, err
	}
	if err := h.relock(ctx, c); err != nil {
		c.end(err)
		return nil, err
	}
	h.mu.Lock()
	defer h.mu.Unlock()
	if h.closed {
		c.end(ErrClosed)
		return nil, ErrClosed
	}
	h.conn = c
	return c, nil
}

// current returns the connection if there is one that works, nil otherwise.
func (h *Host) current() (*conn, error) {
	h.mu.Lock()
	defer h.mu.Unlock()
	if h.closed {
		return nil, ErrClosed
	}
	if h.conn.dead() {
		return nil, nil
	}
	return h.conn, nil
}

// HostKey returns the key that the host has shown, in the form that
// Target.HostKey takes.
func (h *Host) HostKey() string {
	h.mu.Lock()
	defer h.mu.Unlock()
	return authorizedKey(h.conn.key)
}

// Fingerprint returns the fingerprint of HostKey, SHA256:….
func (h *Host) Fingerprint() string {
	h.mu.Lock()
	defer h.mu.Unlock()
	key := h.conn.key
	if cert, ok := key.(*ssh.Certificate); ok {
		key = cert.Key
	}
	return ssh.FingerprintSHA256(key)
}

// Close closes the connection. What runs over it returns an error that wraps
// ErrClosed; jobs go on on the node. Jump hosts stay connected until
// Dialer.Close.
func (h *Host) Close() error {
	h.mu.Lock()
	defer h.mu.Unlock()
	h.closed = true
	h.conn.end(ErrClosed)
	return nil
}

// Reader returns what answers on the host if the key that was let in may only read; nil
// if it may do anything, as far as is known: a user other than root is asked while it
// logs in, root is not.
func (h *Host) Reader() *Reader {
	h.mu.Lock()
	defer h.mu.Unlock()
	return h.conn.reader.Load()
}

// named puts the host's name in front of an error.
func (h *Host) named(err error) error {
	if err == nil {
		return nil
	}
	return fmt.Errorf("%s: %w", h.name, err)
}
