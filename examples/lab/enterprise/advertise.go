package main

import (
	"fmt"
	"net"
	"net/netip"
	"os"
	"time"

	"golang.org/x/sys/unix"
)

// advertise sends two unsolicited neighbour advertisements for an address of this node,
// a second apart, as the product announces its IPv4 addresses with arping.
func advertise(link, address string) (exit int) {
	for i := range 2 {
		if i > 0 {
			time.Sleep(time.Second)
		}
		if err := advertiseOnce(link, address); err != nil {
			fmt.Fprintf(os.Stderr, "advertise %s on %s: %v\n", address, link, err)
			return 1
		}
	}
	return 0
}

func advertiseOnce(link, address string) error {
	ip, err := netip.ParseAddr(address)
	if err != nil {
		return err
	}
	device, err := net.InterfaceByName(link)
	if err != nil {
		return err
	}
	s, err := unix.Socket(unix.AF_INET6, unix.SOCK_RAW|unix.SOCK_CLOEXEC, unix.IPPROTO_ICMPV6)
	if err != nil {
		return err
	}
	defer unix.Close(s)
	// Whoever gets one with another hop limit does not believe it.
	if err := unix.SetsockoptInt(s, unix.IPPROTO_IPV6, unix.IPV6_MULTICAST_HOPS, 255); err != nil {
		return err
	}
	if err := unix.Bind(s, &unix.SockaddrInet6{Addr: ip.As16(), ZoneId: uint32(device.Index)}); err != nil {
		return err
	}
	const advertisement, overrides, targetLink = 136, 0x20, 2
	target := ip.As16()
	m := append([]byte{advertisement, 0, 0, 0, overrides, 0, 0, 0}, target[:]...)
	m = append(m, targetLink, 1)
	m = append(m, device.HardwareAddr...)
	all := netip.MustParseAddr("ff02::1").As16()
	return unix.Sendto(s, m, 0, &unix.SockaddrInet6{Addr: all, ZoneId: uint32(device.Index)})
}
