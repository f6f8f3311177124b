package sshtest

import (
	"context"
	"io"
	"net"
	"os"
	"sync"
	"time"
)

// DialContext connects to the server, whatever the address. It fits the field of
// that name in ssh.Dialer. To a server in memory it is the only way.
func (s *Server) DialContext(ctx context.Context, network, addr string) (net.Conn, error) {
	if s.listen != nil {
		return new(net.Dialer).DialContext(ctx, network, s.Addr())
	}
	client, server := pipe()
	s.work.Go(func() { s.Serve(server) })
	return client, nil
}

// pipe returns the two ends of a connection in memory that, unlike net.Pipe, holds
// what was written until it is read: both sides of SSH begin by writing.
func pipe() (a, b net.Conn) {
	x, y := newBuffer(), newBuffer()
	return &end{in: x, out: y}, &end{in: y, out: x}
}

type end struct{ in, out *buffer }

func (e *end) Read(p []byte) (int, error)  { return e.in.read(p) }
func (e *end) Write(p []byte) (int, error) { return e.out.write(p) }

func (e *end) Close() error {
	e.in.close()
	e.out.close()
	return nil
}

func (e *end) LocalAddr() net.Addr              { return &net.TCPAddr{IP: net.IPv4(127, 0, 0, 1)} }
func (e *end) RemoteAddr() net.Addr             { return e.LocalAddr() }
func (e *end) SetDeadline(time.Time) error      { return os.ErrNoDeadline }
func (e *end) SetReadDeadline(time.Time) error  { return os.ErrNoDeadline }
func (e *end) SetWriteDeadline(time.Time) error { return os.ErrNoDeadline }

type buffer struct {
	mu      sync.Mutex
	changed *sync.Cond
	data    []byte
	closed  bool
}

func newBuffer() *buffer {
	b := &buffer{}
	b.changed = sync.NewCond(&b.mu)
	return b
}

func (b *buffer) read(p []byte) (int, error) {
	b.mu.Lock()
	defer b.mu.Unlock()
	for len(b.data) == 0 && !b.closed {
		b.changed.Wait()
	}
	if len(b.data) == 0 {
		return 0, io.EOF
	}
	n := copy(p, b.data)
	b.data = b.data[n:]
	return n, nil
}

func (b *buffer) write(p []byte) (int, error) {
	b.mu.Lock()
	defer b.mu.Unlock()
	if b.closed {
		return 0, net.ErrClosed
	}
	b.data = append(b.data, p...)
	b.changed.Broadcast()
	return len(p), nil
}

func (b *buffer) close() {
	b.mu.Lock()
	defer b.mu.Unlock()
	b.closed = true
	b.changed.Broadcast()
}
