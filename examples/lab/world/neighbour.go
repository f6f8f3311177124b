//go:build linux

package world

import (
	"encoding/binary"
	"fmt"
	"net/netip"

	"golang.org/x/sys/unix"
)

// forgetter deletes entries of the kernel's neighbour table, the ARP cache, in
// the network namespace that it was made in.
type forgetter struct{ fd int }

func newForgetter() (forgetter, error) {
	fd, err := unix.Socket(unix.AF_NETLINK, unix.SOCK_RAW|unix.SOCK_CLOEXEC, unix.NETLINK_ROUTE)
	if err != nil {
		return forgetter{}, fmt.Errorf("open netlink: %w", err)
	}
	return forgetter{fd}, nil
}

// forget asks the kernel to drop what it knows about an address on a link.
// That there is no such entry is not an error, so no answer is awaited.
func (f forgetter) forget(link int, address netip.Addr) error {
	ip, family := address.AsSlice(), byte(unix.AF_INET)
	if address.Is6() {
		family = unix.AF_INET6
	}
	size := unix.SizeofNlMsghdr + unix.SizeofNdMsg + unix.SizeofRtAttr + len(ip)
	m := make([]byte, 0, size)
	m = binary.NativeEndian.AppendUint32(m, uint32(size))
	m = binary.NativeEndian.AppendUint16(m, unix.RTM_DELNEIGH)
	m = binary.NativeEndian.AppendUint16(m, unix.NLM_F_REQUEST)
	m = append(m, make([]byte, 8)...) // sequence number, port
	m = append(m, family, 0, 0, 0)
	m = binary.NativeEndian.AppendUint32(m, uint32(link))
	m = append(m, 0, 0, 0, 0) // state, flags, type
	m = binary.NativeEndian.AppendUint16(m, uint16(unix.SizeofRtAttr+len(ip)))
	m = binary.NativeEndian.AppendUint16(m, unix.NDA_DST)
	m = append(m, ip...)
	return unix.Sendto(f.fd, m, 0, &unix.SockaddrNetlink{Family: unix.AF_NETLINK})
}
