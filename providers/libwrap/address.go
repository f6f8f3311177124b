package libwrap

import (
	"encoding/binary"
	"math"
	"net/netip"
	"strconv"
	"strings"
)

// inNetwork tells whether an address is in network/mask: a mask or a number of bits for
// IPv4, a number of bits for [IPv6].
func inNetwork(network, mask, address string) truth {
	if four(network, mask, address) {
		return known(true)
	}
	if rest, ok := strings.CutPrefix(strings.ToLower(address), "::ffff:"); ok {
		if _, ok := dotted(rest); ok {
			return known(four(network, mask, rest))
		}
	}
	a, ok := numeric(address)
	if !ok || !isBracketed(network) {
		return truth{}
	}
	if zoned(network) {
		return doubt("which interface is meant by %s is not known here", network)
	}
	n, ok := numeric(network[1 : len(network)-1])
	bits := leading(mask)
	if !ok || bits < 0 || bits > 128 {
		return truth{}
	}
	return known(netip.PrefixFrom(n, int(bits)).Contains(a))
}

// four is network/mask of IPv4. A mask of 32 bits is none where it is written as an
// address, and nor is one of no bits.
func four(network, mask, address string) bool {
	a, okA := dotted(address)
	n, okN := dotted(network)
	m, okM := dotted(mask)
	if !okM {
		bits := leading(mask)
		if bits < 1 || bits > 32 {
			return false
		}
		m = math.MaxUint32 << (32 - bits)
	}
	return okA && okN && a&m == n
}

// dotted reads four numbers with dots between them as inet_addr does, which takes octal
// and hexadecimal ones; 255.255.255.255 is an error to it.
func dotted(s string) (uint32, bool) {
	if end := strings.IndexAny(s, "\v\f"); end >= 0 {
		s = s[:end]
	}
	parts := strings.Split(s, ".")
	if len(parts) != 4 {
		return 0, false
	}
	var b [4]byte
	for i, p := range parts {
		if p == "" || p[0] < '0' || p[0] > '9' || strings.ContainsAny(p, "_bBoO") && !isHex(p) {
			return 0, false
		}
		n, err := strconv.ParseUint(p, 0, 32)
		if err != nil || n > 255 {
			return 0, false
		}
		b[i] = byte(n)
	}
	n := binary.BigEndian.Uint32(b[:])
	return n, n != math.MaxUint32
}

func isHex(s string) bool {
	return strings.HasPrefix(strings.ToLower(s), "0x") && !strings.Contains(s, "_")
}

// numeric reads an IPv6 address as getaddrinfo does, without the interface that may stand
// behind it.
func numeric(s string) (netip.Addr, bool) {
	a, err := netip.ParseAddr(s)
	if err != nil || a.Is4() {
		return netip.Addr{}, false
	}
	if a.Zone() != "" && strings.Trim(a.Zone(), "0123456789") != "" {
		return netip.Addr{}, false
	}
	return a.WithZone(""), true
}

// zoned tells whether a pattern names an interface, so that only its machine knows whether
// it is an address.
func zoned(pattern string) bool {
	if !isBracketed(pattern) {
		return false
	}
	a, err := netip.ParseAddr(pattern[1 : len(pattern)-1])
	return err == nil && strings.Trim(a.Zone(), "0123456789") != ""
}

// leading reads the number at the beginning of s as strtol does, and an int takes it.
func leading(s string) int32 {
	s = strings.TrimLeft(s, "\v\f")
	end := 0
	for end < len(s) && (s[end] >= '0' && s[end] <= '9' || end == 0 && (s[end] == '-' || s[end] == '+')) {
		end++
	}
	n, _ := strconv.ParseInt(s[:end], 10, 64) // the highest or lowest one where it is too long
	return int32(n)
}
