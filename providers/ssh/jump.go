package ssh

import (
	"context"
	"errors"
	"strings"
)

// A jump is a connection to a host that others are reached through. All targets
// behind the same chain share it.
type jump struct {
	turn chan struct{} // holds one token while somebody connects
	conn *conn         // nil: not connected; guarded by turn
}

func (j *jump) close() {
	j.turn <- struct{}{}
	if j.conn != nil {
		j.conn.end(errors.New("closed"))
	}
	<-j.turn
}

// through returns the connections to the hops, each reached through the
// one before it and each verified against its own pinned key or entry in known_hosts.
func (d *Dialer) through(ctx context.Context, hops []*endpoint) ([]*conn, error) {
	dial, via := d.wayFrom(hops[0])
	var way []*conn
	for i, hop := range hops {
		j, err := d.jump(hops[:i+1])
		if err != nil {
			return nil, err
		}
		last, err := j.get(ctx, func() (*conn, error) { return d.attempt(ctx, hop, dial, via, way...) })
		if err != nil {
			if ctx.Err() != nil {
				return nil, err
			}
			return nil, &JumpError{Hop: hop.String(), Place: i + 1, Of: len(hops), Err: err}
		}
		dial, via = last.dial, hop.String()
		way = append(way, last)
	}
	return way, nil
}

// jump returns what is shared by all who come through the same chain.
func (d *Dialer) jump(chain []*endpoint) (*jump, error) {
	var key []string
	for _, hop := range chain {
		id := hop.String() + " " + hop.knownAs
		if hop.proxy != nil {
			id += " " + hop.proxy.command
		}
		if hop.pinned != nil { // who pins a key shares nothing with who does not
			id += " " + authorizedKey(hop.pinned)
		}
		key = append(key, id)
	}
	d.mu.Lock()
	defer d.mu.Unlock()
	if d.closed {
		return nil, errors.New("dialer is closed")
	}
	if d.jumps == nil {
		d.jumps = make(map[string]*jump)
	}
	j := d.jumps[strings.Join(key, ", ")]
	if j == nil {
		j = &jump{turn: make(chan struct{}, 1)}
		d.jumps[strings.Join(key, ", ")] = j
	}
	return j, nil
}

// get returns the connection, and makes it when there is none that works.
func (j *jump) get(ctx context.Context, connect func() (*conn, error)) (*conn, error) {
	select {
	case j.turn <- struct{}{}:
		defer func() { <-j.turn }()
	case <-ctx.Done():
		return nil, context.Cause(ctx)
	}
	if j.conn != nil && !j.conn.dead() {
		return j.conn, nil
	}
	c, err := connect()
	if err != nil {
		return nil, err
	}
	j.conn = c
	return c, nil
}
