package sshtest

import (
	"errors"
	"net"
	"sync"
)

// faults are what goes wrong at the moment.
type faults struct {
	refuse           int
	refuseText       string
	hang             bool
	deny             bool
	ignoreKeepalives bool
	cutSessions      bool
	dropAfter        int // bytes to send before the next drop; 0: none
}

// RefuseNext closes the next n connections before a word was said. If text is not
// empty it is sent first.
func (s *Server) RefuseNext(n int, text string) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.faults.refuse, s.faults.refuseText = n, text
}

// Hang makes new connections get no answer at all.
func (s *Server) Hang(on bool) { s.mu.Lock(); defer s.mu.Unlock(); s.faults.hang = on }

// Deny lets nobody log in.
func (s *Server) Deny(on bool) { s.mu.Lock(); defer s.mu.Unlock(); s.faults.deny = on }

// IgnoreKeepalives leaves global requests without an answer.
func (s *Server) IgnoreKeepalives(on bool) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.faults.ignoreKeepalives = on
}

// DropConnections cuts all connections.
func (s *Server) DropConnections() {
	s.mu.Lock()
	defer s.mu.Unlock()
	for c := range s.conns {
		c.Conn.Close()
	}
}

// DropAfter cuts one connection, the one over which the server sends the nth byte
// from now on.
func (s *Server) DropAfter(n int) { s.mu.Lock(); defer s.mu.Unlock(); s.faults.dropAfter = n }

// CutSessions cuts the connection whenever a client opens a session.
func (s *Server) CutSessions(on bool) { s.mu.Lock(); defer s.mu.Unlock(); s.faults.cutSessions = on }

func (s *Server) cutsSessions() bool { s.mu.Lock(); defer s.mu.Unlock(); return s.faults.cutSessions }

// Freeze stops or lets go everything that the server sends and receives, without
// closing anything, as a cut cable does.
func (s *Server) Freeze(on bool) {
	s.mu.Lock()
	defer s.mu.Unlock()
	for c := range s.conns {
		c.freeze(on)
	}
}

// A faultyConn is a connection that can be frozen, and dropped in mid-word.
type faultyConn struct {
	net.Conn
	server *Server

	mu     sync.Mutex
	thawed *sync.Cond
	frozen bool
}

func (c *faultyConn) freeze(on bool) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.frozen = on
	c.thawed.Broadcast()
}

func (c *faultyConn) wait() {
	c.mu.Lock()
	defer c.mu.Unlock()
	for c.frozen {
		c.thawed.Wait()
	}
}

func (c *faultyConn) Read(p []byte) (int, error) {
	n, err := c.Conn.Read(p)
	c.wait()
	return n, err
}

func (c *faultyConn) Write(p []byte) (int, error) {
	c.wait()
	if n := c.server.allowed(len(p)); n < len(p) {
		c.Conn.Write(p[:n])
		c.Conn.Close()
		return n, errors.New("dropped")
	}
	return c.Conn.Write(p)
}

// allowed returns how many of n bytes may be sent before the drop that DropAfter
// asked for.
func (s *Server) allowed(n int) int {
	s.mu.Lock()
	defer s.mu.Unlock()
	switch {
	case s.faults.dropAfter == 0:
		return n
	case s.faults.dropAfter > n:
		s.faults.dropAfter -= n
		return n
	default:
		n, s.faults.dropAfter = s.faults.dropAfter-1, 0
		return n
	}
}
