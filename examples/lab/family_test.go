//go:build linux

package main

import (
	"fmt"
	"slices"
	"strings"
	"testing"

	"zup/examples/lab/world"
)

// Each product of the family is updated under its own names, and the plan says what
// nobody has verified.
func testFamily(t *testing.T) {
	for product, says := range map[string][]string{
		"zevenet":   {`edge \(zevenet\)`},
		"skudonet":  {`edge \(skudonet\)`, `nobody has verified that its updater`},
		"relianoid": {`edge \(relianoid\): 8\.4\.0 → 8\.5\.0`, `nobody has verified that its cluster's command line is noid-cluster-manager`},
	} {
		for _, switchover := range []string{"drain", "restart"} {
			t.Run(product+" "+switchover, func(t *testing.T) {
				oneOfMany(t, product == "relianoid" && switchover == "drain")
				t.Parallel()
				b := newBench(t, world.Options{Product: product}, world.ConfigOptions{Switchover: switchover})
				before := b.files()
				b.wants(2, says, "plan", "-detailed-exitcode")
				b.untouched(before)
				b.wants(0, []string{`edge: verified`, `zva5n1 is MASTER`}, "apply", "-auto-approve")
				b.atRest("zva5n1")
			})
		}
	}
}

// RELIANOID's updater before and since it goes on when everything is upgraded, by the
// counting of both editions: what that does is in the plan, by apt's own simulation.
func testRelianoidOfItsTime(t *testing.T) {
	for _, tt := range []struct {
		from, to string
		lists    bool // the nodes have read their lists before
		says     []string
	}{
		{"7.8.0", "7.9.0", false, []string{`do not know 7\.9\.0 yet`}},
		{"7.8.0", "7.9.0", true, []string{`Upgrades 3: `, `relianoid 7\.8\.0 → 7\.9\.0`, `relianoid-gui 7\.8\.0 → 7\.9\.0`, `relianoid-ipds 7\.8\.0 → 7\.9\.0`}},
		{"7.9.0", "7.10.0", true, []string{`Removes 2: gdnsd 3\.8\.0~deb10u1, zproxy 0\.4|Removes 2: zproxy 0\.4, gdnsd 3\.8\.0~deb10u1`, `Installs 1: relianoid-cli 7\.10\.0`, `it purges every package that is called or versioned "deb10" and zproxy`}},
		{"8.5.0", "8.6.0", true, []string{`Removes 2: `, `Installs 1: relianoid-cli 8\.6\.0`}},
	} {
		t.Run(fmt.Sprint(tt.from, " ", tt.to, " ", tt.lists), func(t *testing.T) {
			oneOfMany(t, tt.to == "7.10.0")
			t.Parallel()
			b := newBench(t, world.Options{Product: "relianoid", From: tt.from, To: tt.to}, world.ConfigOptions{})
			if tt.lists {
				b.on("zva5n1", "apt-get -q update")
				b.on("zva5n2", "apt-get -q update")
			}
			before := b.files()
			out := b.wants(2, tt.says, "plan", "-detailed-exitcode")
			b.untouched(before)
			if gone := strings.Contains(out, "Removes"); gone != (tt.from != "7.8.0") {
				t.Error("what the updater of that version removes is not what the plan says")
			}
			b.wants(0, []string{`edge: verified`}, "apply", "-auto-approve")
			b.atRest("zva5n1")
			for _, node := range []string{"zva5n1", "zva5n2"} {
				got := strings.Fields(b.says(node, `dpkg-query -W -f='${db:Status-Abbrev}${Package}\n' zproxy gdnsd relianoid-cli 2>/dev/null | sed -n 's/^ii *//p'`))
				want := []string{"gdnsd", "zproxy"}
				if tt.from != "7.8.0" {
					want = []string{"relianoid-cli"}
				}
				if slices.Sort(got); !slices.Equal(got, want) {
					t.Errorf("%s has %q, want %q", node, got, want)
				}
			}
		})
	}
}

// What an updater can do is read from it, and each is used in its own way, with the
// same gates, and with questions answered by role.
func testUpdaters(t *testing.T) {
	for _, tt := range []struct {
		from, switchover, says string
	}{
		{"6.0.15", "drain", `the way its updater prints`},
		{"6.0.15", "restart", `the way its updater prints`},
		{"6.0.16", "drain", `Update 6\.0\.16 → 6\.1\.20`},
		{"6.1.3", "drain", `the updater of 6\.1\.3 installs nothing on a backup; in maintenance mode it does`},
		{"6.1.3", "restart", `the updater of 6\.1\.3 installs nothing on a backup; in maintenance mode it does`},
	} {
		t.Run(tt.from+" "+tt.switchover, func(t *testing.T) {
			oneOfMany(t, tt.from == "6.0.15" && tt.switchover == "drain")
			t.Parallel()
			b := newBench(t, world.Options{From: tt.from}, world.ConfigOptions{Switchover: tt.switchover})
			b.wants(2, []string{tt.says}, "plan", "-detailed-exitcode")
			b.wants(0, []string{`edge: verified`}, "apply", "-auto-approve")
			b.atRest("zva5n1")
		})
	}
}

// The updater of 6.1.3 does refuse on a backup: without maintenance mode it installs
// nothing. The lab can tell.
func testUpdaterThatShunsBackups(t *testing.T) {
	oneOfMany(t, false)
	b := newBench(t, world.Options{From: "6.1.3"}, world.ConfigOptions{})
	b.on("zva5n2", "checkupgrades >/dev/null; yes | checkupgrades -i | grep -q 'There is no cluster configuration at'")
	if got := b.inspect()["zva5n2"].Installed; got != "6.1.3" {
		t.Errorf("it installed %s", got)
	}
}

// Names, addresses and keys that have led the updater or a person astray.
func testAddressesAndNames(t *testing.T) {
	for fault, says := range map[string]string{
		"similar-names":   `one node's name is part of the other's`,
		"cluster-address": `"sshd: 10\.77\.0\.25" in hosts\.deny`,
		"aws-keys":        `"sshd: 192\.168\.100\.25" in hosts\.deny`,
	} {
		t.Run(fault, func(t *testing.T) {
			oneOfMany(t, fault == "cluster-address")
			t.Parallel()
			b := newBench(t, world.Options{Fault: fault}, world.ConfigOptions{})
			b.before = b.inspect()
			b.wants(2, []string{says}, "plan", "-detailed-exitcode")
			b.wants(0, []string{`edge: verified`}, "apply", "-auto-approve")
			b.atRest(b.c.Nodes[0].Name)
		})
	}
}

// Failback in the versions that do not do it although it is set, and out of them.
func testFailbackOfItsTime(t *testing.T) {
	for _, tt := range []struct{ from, to, switchover, failback, ends string }{
		{"6.1.4", "6.1.5", "drain", "zva5n1", "zva5n1"},
		{"6.1.4", "6.1.5", "restart", "zva5n1", "zva5n1"},
		{"6.1.4", "6.1.5", "drain", "zva5n2", "zva5n2"}, // its service starts while it is kept out, and finds no master
		{"6.1.5", "6.1.20", "drain", "zva5n1", "zva5n1"},
		{"6.1.5", "6.1.20", "drain", "zva5n2", "zva5n2"},
	} {
		t.Run(tt.from+" "+tt.to+" "+tt.switchover+" "+tt.failback, func(t *testing.T) {
			oneOfMany(t, tt.to == "6.1.5" && tt.switchover == "drain" && tt.failback == "zva5n1")
			t.Parallel()
			b := newBench(t, world.Options{From: tt.from, To: tt.to, Failback: tt.failback}, world.ConfigOptions{Switchover: tt.switchover})
			b.wants(0, []string{`edge: verified`, tt.ends + ` is MASTER`}, "apply", "-auto-approve")
			b.atRest(tt.ends)
		})
	}
}

// A pair of another product than the configuration says is refused with the name to
// write, also where RELIANOID has left a link at Zevenet's path.
func testOtherProduct(t *testing.T) {
	b := newBench(t, world.Options{Product: "relianoid"}, world.ConfigOptions{})
	for _, wrong := range []string{"zevenet", "skudonet"} {
		text := strings.Replace(b.Config(b.c, world.ConfigOptions{}), `cluster "relianoid"`, `cluster "`+wrong+`"`, 1)
		b.put(workDir+"/lab.zup.hcl", []byte(text), 0o644)
		b.wants(1, []string{`but RELIANOID Enterprise`, `write cluster "relianoid" instead of cluster "` + wrong + `"`}, "plan")
	}
}
