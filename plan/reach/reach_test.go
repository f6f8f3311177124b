package reach

import (
	"errors"
	"fmt"
	"net"
	"net/netip"
	"strings"
	"testing"
)

func here(t testing.TB, cidrs ...string) Sieve {
	t.Helper()
	var all []net.Addr
	for _, c := range cidrs {
		ip, n, err := net.ParseCIDR(c)
		if err != nil {
			t.Fatal(err)
		}
		all = append(all, &net.IPNet{IP: ip, Mask: n.Mask})
	}
	return New(all, nil)
}

// A farm is tried at a VIP of MASTER's, and nowhere else, however the address is written.
func TestNoNodeSendsZupElsewhere(t *testing.T) {
	s := here(t, "127.0.0.1/8", "10.1.2.3/24", "2001:db8:7::3/64", "fe80::3/64").With("192.0.2.24", "2001:db8::24", "lb1", "")
	for farm, want := range map[string]string{
		"192.0.2.10:80": "", "10.9.8.7:65535": "", "172.16.0.1:1": "", "100.64.0.9:80": "", "203.0.113.7:443": "", "8.8.8.8:53": "",
		"[2001:db8::80]:443": "", "[fd12:3456::1]:80": "", "[2a00::1]:80": "", "[2002:c000:20a::1]:80": "", "[64:ff9b::c000:20a]:80": "",

		"127.0.0.1:8096": "loopback", "127.255.255.254:22": "loopback", "[::1]:22": "loopback",
		"0.0.0.0:80": "unspecified", "0.1.2.3:80": "unspecified", "[::]:80": "unspecified", "[::5]:80": "unspecified",
		"169.254.169.254:80": "link-local", "[fe80::1]:80": "link-local", "[fe80::1%eth0]:80": "with a zone", "[2001:db8::80%eth0]:80": "with a zone",
		"224.0.0.18:80": "multicast", "239.1.1.1:80": "multicast", "[ff02::1]:80": "multicast", "255.255.255.255:80": "broadcast", "240.0.0.1:80": "reserved",
		"192.0.0.8:80": "reserved", "[fec0::1]:80": "reserved", "[100::1]:80": "reserved", "[64:ff9b:1::7f00:1]:80": "reserved",
		"100.100.100.200:80": "a cloud's own", "168.63.129.16:80": "a cloud's own", "[fd00:ec2::254]:80": "a cloud's own",
		"[::ffff:127.0.0.1]:80": "loopback", "[::ffff:7f00:1]:80": "loopback", "[::127.0.0.1]:80": "loopback", "[::ffff:0:127.0.0.1]:80": "loopback",
		"[64:ff9b::7f00:1]:80": "loopback", "[64:ff9b::a9fe:a9fe]:80": "link-local", "[2002:7f00:1::]:80": "loopback", "[2002:a9fe:a9fe::1]:80": "link-local",
		"[2001:0:7f00:1::f5ff:fffe]:80": "loopback", "[2001:0:c000:20a:0:0:80ff:fffe]:80": "loopback", "[fd12::5efe:7f00:1]:80": "loopback", "[fd12::200:5efe:127.0.0.1]:80": "loopback",
		"10.1.2.3:22": "this machine's own", "[2001:db8:7::3]:22": "this machine's own", "[::ffff:10.1.2.3]:22": "this machine's own", "[2002:a01:203::]:22": "this machine's own",
		"192.0.2.24:22": "a node or jump host is reached there", "[2001:db8::24]:22": "a node or jump host is reached there", "[::ffff:192.0.2.24]:22": "a node or jump host is reached there",
		"192.0.2.10": "not an IP address with a port", "192.0.2.10:0": "not an IP address with a port", "192.0.2.10:65536": "not an IP address with a port", "192.0.2.10:-1": "not an IP address with a port",
		"192.0.2.10:http": "not an IP address with a port", "web.example.net:80": "not an IP address with a port", "localhost:80": "not an IP address with a port", "": "not an IP address with a port",
		"2130706433:80": "not an IP address with a port", "0x7f.1:80": "not an IP address with a port", "127.1:80": "not an IP address with a port", "0177.0.0.1:80": "not an IP address with a port",
		"192.0.2.10:80\n127.0.0.1:80": "not an IP address with a port", "192.0.2.10@127.0.0.1:80": "not an IP address with a port", "192.0.2.10:+80": "not an IP address with a port",
	} {
		// The node says itself which its VIPs are: that makes none of them one.
		vip := farm
		if at, err := netip.ParseAddrPort(farm); err == nil {
			vip = at.Addr().String()
		}
		if got := s.Farms([]string{farm}, []string{"198.51.100.1", vip})[0]; got != want {
			t.Errorf("%s: %q, want %q", farm, got, want)
		}
		if got := s.Farms([]string{farm}, []string{"198.51.100.1", "unknown", "none", ""})[0]; want == "" && got != "not a VIP of MASTER" {
			t.Errorf("%s, which is not a VIP: %q", farm, got)
		}
	}
}

// Where it is not known which addresses this machine has, nothing is tried.
func TestNothingIsTriedBlindly(t *testing.T) {
	for name, s := range map[string]Sieve{"an error": New(nil, errors.New("no netlink")), "none": New(nil, nil)} {
		if why := s.Farms([]string{"192.0.2.10:80"}, []string{"192.0.2.10"})[0]; !strings.Contains(why, "which addresses this machine has is not known") {
			t.Errorf("%s: %q", name, why)
		}
	}
}

// With takes nothing away from the sieve that it is called on, and adds to no other.
func TestWithLeavesTheSieveAsItWas(t *testing.T) {
	s := here(t, "10.1.2.3/24")
	a, b := s.With("192.0.2.1"), s.With("192.0.2.2")
	for _, tt := range []struct {
		sieve Sieve
		addr  string
		let   bool
	}{{s, "192.0.2.1", true}, {a, "192.0.2.1", false}, {b, "192.0.2.1", true}, {a, "192.0.2.2", true}, {b, "192.0.2.2", false}} {
		if got := tt.sieve.Address(netip.MustParseAddr(tt.addr)); (got == "") != tt.let {
			t.Errorf("%s: %q", tt.addr, got)
		}
	}
}

func TestNamesThatAreLookedUp(t *testing.T) {
	for name, want := range map[string]bool{
		"zva5n2": true, "ZVA5N2": true, "lb-2": true, "lb2.example.net": true, "a": true, "4lb": false, "lb.4": false, "10ge.example.net": true,
		"": false, ".": false, "lb.": false, ".lb": false, "-lb": false, "lb-": false, "lb_2": false, "lb 2": false, "lb\n2": false, "läb": false,
		"127.0.0.1": false, "2130706433": false, "0x7f000001": false, "0x7f.1": false, "127.1": false, "::1": false, "1": false,
		"localhost": false, "LocalHost": false, "localhost.localdomain": false, "x.localhost": false, "ip6-localhost": false, "ip6-loopback": false,
		"-oProxyCommand=x": false, "lb;reboot": false, "$(id)": false, "lb/../x": false, "root@lb": false, "lb:22": false, "[lb]": false, "%h": false, "*": false, "!lb": false,
		strings.Repeat("a", 63): true, strings.Repeat("a", 64): false, strings.Repeat("a.", 126) + "a": true, strings.Repeat("a.", 127) + "a": false,
	} {
		if got := Name(name); got != want {
			t.Errorf("%q: %t", name, got)
		}
	}
}

// FuzzFarm: whatever a node says, what is tried is one of the VIPs, and is nothing that
// Go's own library knows as loopback, link-local, multicast or unspecified.
func FuzzFarm(f *testing.F) {
	for _, s := range []string{"192.0.2.10:80", "[::ffff:127.0.0.1]:1", "[2002:7f00:1::]:80", "127.1:80", "[fe80::1%25eth0]:80"} {
		f.Add(s, "192.0.2.10")
	}
	s := here(f, "127.0.0.1/8", "10.1.2.3/24")
	f.Fuzz(func(t *testing.T, farm, vip string) {
		if s.Farms([]string{farm}, []string{vip})[0] != "" {
			return
		}
		host, port, err := net.SplitHostPort(farm)
		ip := net.ParseIP(host)
		if err != nil || ip == nil || port == "0" || fmt.Sprint(ip) != fmt.Sprint(net.ParseIP(vip)) {
			t.Fatalf("%q with the VIP %q is tried", farm, vip)
		}
		if ip.IsLoopback() || ip.IsUnspecified() || ip.IsMulticast() || ip.IsLinkLocalUnicast() || ip.Equal(net.IPv4(10, 1, 2, 3)) || ip.Equal(net.IPv4bcast) {
			t.Fatalf("%q is tried", farm)
		}
	})
}
