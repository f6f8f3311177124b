//go:build linux

package main

import (
	"fmt"
	"strings"
	"testing"

	"zup/examples/lab/world"
)

// The whole update in each form on nodes with the programs of Debian 11 and of Debian
// 13; that of Debian 12 is what all other tests have.
func testDebians(t *testing.T) {
	for _, debian := range []int{11, 13} {
		for form, update := range map[string]func(*testing.T, world.Options){
			"drain":   updateByDrain,
			"restart": updateByRestart,
			"single":  updateSingle,
			"offline": updateOffline,
		} {
			t.Run(fmt.Sprintf("%d %s", debian, form), func(t *testing.T) {
				oneOfMany(t, form == "drain")
				t.Parallel()
				update(t, world.Options{Debian: debian})
			})
		}
	}
}

// has asserts that the node's programs are those of that Debian, and sshd one that
// heeds hosts.deny: what a block rests on.
func (b *bench) has(debian int) {
	b.Helper()
	const look = `cut -d . -f 1 /etc/debian_version
keepalived --version 2>&1 | sed -n 's/^Keepalived v\([0-9.]*\).*/\1/p'
for bin in /usr/sbin/sshd /usr/lib/openssh/sshd-session; do ldd $bin 2>/dev/null; done | grep -c libwrap | sed 's/[1-9].*/libwrap/'`
	want := map[int]string{11: "11 2.1.5 libwrap", 12: "12 2.2.7 libwrap", 13: "13 2.3.3 libwrap"}[debian]
	for _, n := range b.c.Members() {
		if got := strings.Join(strings.Fields(b.says(n.Name, look)), " "); got != want {
			b.Errorf("%s has %q, want %q", n.Name, got, want)
		}
	}
}

func updateByDrain(t *testing.T, o world.Options) {
	b := newBench(t, o, world.ConfigOptions{})
	b.has(o.Debian)
	before := b.files()
	b.wants(2, []string{`6\.1\.19 → 6\.1\.20 on zva5n2, then zva5n1`}, "plan", "-detailed-exitcode")
	b.untouched(before)
	b.wants(0, []string{`edge: verified`}, "apply", "-auto-approve")
	b.atRest("zva5n1")
}

func updateByRestart(t *testing.T, o world.Options) {
	b := newBench(t, o, world.ConfigOptions{Switchover: "restart"})
	b.wants(0, []string{`edge: verified`}, "apply", "-auto-approve")
	b.atRest("zva5n1")
}

func updateSingle(t *testing.T, o world.Options) {
	o.Single = true
	b := newBench(t, o, world.ConfigOptions{})
	b.wants(0, []string{`edge: verified: zva5n1 runs 6\.1\.20`}, "apply", "-auto-approve")
	b.atRest("")
}

func updateOffline(t *testing.T, o world.Options) {
	b := newOffline(t, o, 0)
	before := b.traces()
	if err := b.Reachable(false); err != nil {
		t.Fatal(err)
	}
	b.wants(0, []string{`edge: verified`}, "apply", "-auto-approve")
	b.atRest("zva5n1")
	for node, traces := range b.traces() {
		if traces != before[node] {
			t.Errorf("%s: left\n%s\nwas\n%s", node, traces, before[node])
		}
	}
}
