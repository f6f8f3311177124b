package sshtest

import (
	"context"
	"net"
	"syscall"
)

// A Network says which server has which address, so that clients can be given the
// addresses that they would have in life: 192.168.100.24:22.
type Network map[string]*Server

// DialContext connects to the server that has the address. It fits the field of
// that name in ssh.Dialer. Other addresses refuse the connection.
func (n Network) DialContext(ctx context.Context, network, addr string) (net.Conn, error) {
	s, ok := n[addr]
	if !ok {
		return nil, &net.OpError{Op: "dial", Net: network, Err: syscall.ECONNREFUSED}
	}
	return s.DialContext(ctx, network, addr)
}
