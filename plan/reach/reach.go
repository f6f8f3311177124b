// Package reach says which addresses that a node has named zup may connect to: those of
// its users, and not this machine, its neighbours, or what only looks like another
// machine. Start with New. It connects to nothing and resolves nothing.
package reach

import (
	"cmp"
	"errors"
	"net"
	"net/netip"
	"slices"
	"strings"
)

// A Sieve keeps back what zup may not connect to. The zero value knows of no address of
// this machine and of no way to a node.
type Sieve struct {
	here []netip.Addr // this machine's
	ways []netip.Addr // by which nodes and jump hosts are reached
	deaf error        // why here is not known: nothing is let through
}

// New returns a sieve for this machine. here is what net.InterfaceAddrs returns.
func New(here []net.Addr, err error) Sieve {
	s := Sieve{deaf: err}
	for _, a := range here {
		if n, ok := a.(*net.IPNet); ok {
			if addr, ok := netip.AddrFromSlice(n.IP); ok {
				s.here = append(s.here, addr.Unmap())
			}
		}
	}
	if err == nil && len(s.here) == 0 {
		s.deaf = errors.New("it has none")
	}
	return s
}

// With returns a sieve that keeps back the ways to nodes and jump hosts as well. What is
// not an IP address is not looked at.
func (s Sieve) With(ways ...string) Sieve {
	s.ways = slices.Clone(s.ways)
	for _, w := range ways {
		if a, err := netip.ParseAddr(w); err == nil {
			s.ways = append(s.ways, a.Unmap().WithZone(""))
		}
	}
	return s
}

// Address returns why zup may not connect to an address, "" if it may. The reason is a
// phrase that stands in brackets behind "not an address of users".
func (s Sieve) Address(a netip.Addr) string {
	switch {
	case s.deaf != nil:
		return "which addresses this machine has is not known: " + s.deaf.Error()
	case !a.IsValid():
		return "not an IP address"
	case a.Zone() != "":
		return "with a zone"
	}
	for _, form := range forms(a) {
		if why := special(form); why != "" {
			return why
		}
		if slices.Contains(s.here, form) {
			return "this machine's own"
		}
		if slices.Contains(s.ways, form) {
			return "a node or jump host is reached there"
		}
	}
	return ""
}

// NotVIP is why a farm may not be tried that could be one of users.
const NotVIP = "not a VIP of MASTER"

// Farms returns of each farm at IP:port why it may not be tried, "" if it may: its
// address has to be among the VIPs, and what is not an address of users is not a VIP.
func (s Sieve) Farms(farms, vips []string) []string {
	known := make(map[netip.Addr]bool, len(vips))
	for _, v := range vips {
		if vip, err := netip.ParseAddr(v); err == nil {
			known[vip] = true
		}
	}
	why := make([]string, len(farms))
	for i, farm := range farms {
		at, err := netip.ParseAddrPort(farm)
		switch {
		case err != nil || at.Port() == 0:
			why[i] = "not an IP address with a port"
		case !known[at.Addr()]:
			why[i] = cmp.Or(s.Address(at.Addr()), NotVIP)
		default:
			why[i] = s.Address(at.Addr())
		}
	}
	return why
}

// Name reports whether a name that a node has said may be looked up: a host name by its
// grammar, that no resolver takes for a number or for this machine.
func Name(name string) bool {
	if len(name) > 253 {
		return false
	}
	letter := false
	labels := strings.Split(strings.ToLower(name), ".")
	for _, label := range labels {
		if label == "" || len(label) > 63 || label[0] == '-' || label[len(label)-1] == '-' {
			return false
		}
		for _, c := range label {
			switch {
			case 'a' <= c && c <= 'z':
				letter = true
			case '0' <= c && c <= '9', c == '-':
			default:
				return false
			}
		}
	}
	last := labels[len(labels)-1]
	return letter && last[0] > '9' && !strings.Contains(strings.ToLower(name), "localhost") && !strings.HasPrefix(last, "ip6-")
}

// kinds are the stretches of addresses that nobody's users are in. What is for
// documentation is let through: examples and the lab are there.
var kinds = []struct {
	prefix netip.Prefix
	what   string
}{
	{netip.MustParsePrefix("0.0.0.0/8"), "unspecified"},
	{netip.MustParsePrefix("127.0.0.0/8"), "loopback"},
	{netip.MustParsePrefix("169.254.0.0/16"), "link-local"},
	{netip.MustParsePrefix("192.0.0.0/24"), "reserved"},
	{netip.MustParsePrefix("224.0.0.0/4"), "multicast"},
	{netip.MustParsePrefix("255.255.255.255/32"), "broadcast"},
	{netip.MustParsePrefix("240.0.0.0/4"), "reserved"},
	{netip.MustParsePrefix("::/128"), "unspecified"},
	{netip.MustParsePrefix("::1/128"), "loopback"},
	{netip.MustParsePrefix("fe80::/10"), "link-local"},
	{netip.MustParsePrefix("fec0::/10"), "reserved"},
	{netip.MustParsePrefix("ff00::/8"), "multicast"},
	{netip.MustParsePrefix("100::/64"), "reserved"},
	{netip.MustParsePrefix("64:ff9b:1::/48"), "reserved"},     // NAT64 of one's own: what stands for which address is not known
	{netip.MustParsePrefix("fd00:ec2::/32"), "a cloud's own"}, // its service of metadata, as below
	{netip.MustParsePrefix("100.100.100.200/32"), "a cloud's own"},
	{netip.MustParsePrefix("168.63.129.16/32"), "a cloud's own"},
}

func special(a netip.Addr) string {
	for _, k := range kinds {
		if k.prefix.Contains(a) {
			return k.what
		}
	}
	return ""
}

// embedded are the ways in which IPv6 carries an IPv4 address, with the byte at which it
// begins; and whether its bits are inverted, as Teredo has them.
var embedded = []struct {
	prefix   netip.Prefix
	at       int
	inverted bool
}{
	{netip.MustParsePrefix("::/96"), 12, false},           // IPv4-compatible
	{netip.MustParsePrefix("::ffff:0:0/96"), 12, false},   // IPv4-mapped
	{netip.MustParsePrefix("::ffff:0:0:0/96"), 12, false}, // IPv4-translated
	{netip.MustParsePrefix("64:ff9b::/96"), 12, false},    // NAT64
	{netip.MustParsePrefix("2002::/16"), 2, false},        // 6to4
	{netip.MustParsePrefix("2001::/32"), 12, true},        // Teredo: the client
	{netip.MustParsePrefix("2001::/32"), 4, false},        // and its server
}

// forms returns the address and every IPv4 address that it stands for.
func forms(a netip.Addr) []netip.Addr {
	all := []netip.Addr{a}
	if a.Is4() {
		return all
	}
	b := a.As16()
	for _, e := range embedded {
		if !e.prefix.Contains(a) {
			continue
		}
		var four [4]byte
		copy(four[:], b[e.at:])
		if e.inverted {
			for i := range four {
				four[i] ^= 0xff
			}
		}
		all = append(all, netip.AddrFrom4(four))
	}
	// ISATAP: 0:5efe or 200:5efe before the last four bytes.
	if b[9] == 0 && b[10] == 0x5e && b[11] == 0xfe && b[8]&^2 == 0 {
		all = append(all, netip.AddrFrom4([4]byte(b[12:])))
	}
	return all
}
