//go:build linux

package main

import (
	"fmt"
	"testing"

	"zup/examples/lab/world"
)

// The whole update of a pair whose nodes, cluster and VIPs have IPv6 addresses, with farms
// that no TCP connection reaches: by maintenance mode with and without a raised priority,
// in the vendor's order, and on each Debian.
func testIPv6(t *testing.T) {
	for _, tt := range []struct {
		debian int
		config world.ConfigOptions
		most   string // that the plan says clients feel
	}{
		{12, world.ConfigOptions{}, "0\\.90"},
		{12, world.ConfigOptions{Boost: true, Budget: "600ms"}, "0\\.11"},
		{12, world.ConfigOptions{Switchover: "restart"}, "0\\.90"},
		{11, world.ConfigOptions{}, "0\\.90"},
		{13, world.ConfigOptions{}, "0\\.90"},
	} {
		name := fmt.Sprintf("%d %s", tt.debian, tt.config.Switchover)
		if tt.config.Boost {
			name += "boost"
		}
		t.Run(name, func(t *testing.T) {
			oneOfMany(t, tt.debian == 12 && tt.config.Switchover == "")
			t.Parallel()
			b := newBench(t, world.Options{Debian: tt.debian, IPv6: true, L4: true}, tt.config)
			before := b.files()
			b.wants(2, []string{
				`Keep zva5n2 out: "sshd: \[2001:db8:100::25\]" in hosts\.deny`, `One more announcement of every VIP`, `Interrupted +[^,]*, ≤ ` + tt.most + ` s`,
			}, "plan", "-detailed-exitcode", "-verbose")
			b.untouched(before)
			b.wants(0, []string{`edge: verified`}, "apply", "-auto-approve")
			b.atRest("zva5n1")
		})
	}
}

// The updater's own line for an IPv6 peer keeps nobody out. One that a cut has left there
// goes with the update.
func testIPv6Leftover(t *testing.T) {
	b := newBench(t, world.Options{IPv6: true}, world.ConfigOptions{})
	b.on("zva5n2", "echo 'sshd: 2001:db8:100::24' >>/etc/hosts.deny")
	b.wants(0, []string{`edge: verified`}, "apply", "-auto-approve")
	if left := b.says("zva5n2", "grep -c 2001:db8:100::24 /etc/hosts.deny || true"); left != "0\n" {
		t.Errorf("%q lines are left", left)
	}
}
