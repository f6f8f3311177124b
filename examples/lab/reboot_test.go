//go:build linux

package main

import (
	"testing"

	"zup/examples/lab/world"
)

// Reboots on a real pair: a node is the power switch of a namespace, with a boot ID
// and a kernel's name of its own.
func testReboot(t *testing.T) {
	for _, tt := range []struct {
		fault, failback string
		never           bool
		rebooted        []string
		says            string
		sample          bool
	}{
		{"reboot-pending", "", false, []string{"zva5n2"}, `Reboot it`, true},
		{"reboot-pending-master", "", false, []string{"zva5n1"}, `Reboot it`, false},
		{"new-kernel", "", false, []string{"zva5n1", "zva5n2"}, `Reboot it, if the update asks for that`, true},
		{"new-kernel", "zva5n1", false, []string{"zva5n1", "zva5n2"}, ``, false},
		{"new-kernel", "zva5n2", false, []string{"zva5n1", "zva5n2"}, ``, false},
		{"new-kernel", "", true, nil, ``, false},
		{"", "", false, nil, `Reboot it, if the update asks for that`, false},
	} {
		t.Run(tt.fault+" failback="+tt.failback, func(t *testing.T) {
			oneOfMany(t, tt.sample)
			t.Parallel()
			b := newBench(t, world.Options{Fault: tt.fault, Failback: tt.failback}, world.ConfigOptions{Reboot: !tt.never})
			b.awaitWhole()
			b.before = b.inspect()
			ends := "zva5n1"
			if tt.failback != "" {
				ends = tt.failback
			}
			boots := b.boots()
			var says []string
			if tt.never {
				says = []string{`Note +zva5n1: a reboot is pending: running 4\.19\.112-z6000, installed 4\.19\.118-z6000`, `Note +zva5n2: a reboot is pending`}
			}
			b.wants(2, []string{tt.says}, "plan", "-detailed-exitcode")
			all := b.felt(func() { b.wants(0, append(says, `edge: verified`), "apply", "-auto-approve") })
			for _, r := range all {
				if r.Lost*50 > r.Sent {
					t.Errorf("somebody was not served for long: %+v", r)
				}
			}
			b.atRest(ends)
			want := map[string]bool{}
			for _, n := range tt.rebooted {
				want[n] = true
			}
			for node, id := range b.boots() {
				if (id != boots[node]) != want[node] {
					t.Errorf("%s: boot %s, before %s", node, id, boots[node])
				}
			}
		})
	}
}

// awaitWhole waits for a pair with a fault, for which the lab does not wait.
func (b *bench) awaitWhole() {
	b.Helper()
	b.awaitPair(1)
}

// awaitPair waits for a pair with so many replicators on MASTER.
func (b *bench) awaitPair(replicators int) {
	b.Helper()
	b.await(func(s map[string]world.NodeState) bool {
		return s["zva5n1"].Role == "master" && s["zva5n1"].Replicators == replicators && s["zva5n2"].Role == "backup" &&
			s["zva5n1"].Farms == 2 && s["zva5n2"].Farms == 2 && s["zva5n2"].Blocked == 4
	})
}

// What was not rebooted with the update is, with a plan of its own; a node that still
// asks for a reboot after one stops the run, with the other one serving.
func testRebootLater(t *testing.T) {
	oneOfMany(t, false)
	b := newBench(t, world.Options{Fault: "new-kernel"}, world.ConfigOptions{})
	b.awaitWhole()
	b.before = b.inspect()
	b.wants(0, []string{`edge: verified`, `Note +zva5n2: a reboot is pending`}, "apply", "-auto-approve")
	b.wants(0, []string{`(?m)^No changes\.`, `Warning +zva5n1 has a reboot pending .* with reboot = "if-needed" it would`}, "plan", "-detailed-exitcode")
	boots := b.boots()
	b.configure(world.ConfigOptions{Reboot: true})
	b.wants(2, []string{`edge \(zevenet\): reboot zva5n2, then zva5n1; every node runs 6\.1\.20`}, "plan", "-detailed-exitcode")
	b.wants(0, []string{`edge: verified`}, "apply", "-auto-approve")
	b.atRest("zva5n1")
	for node, id := range b.boots() {
		if id == boots[node] {
			t.Errorf("%s was not rebooted", node)
		}
	}
}

// A node that still asks for a reboot after one stops the run: it is not rebooted
// again, and the other one serves.
func testRebootDoesNotHelp(t *testing.T) {
	oneOfMany(t, false)
	b := newBench(t, world.Options{Fault: "reboot-for-ever"}, world.ConfigOptions{Reboot: true})
	b.awaitWhole()
	boots := b.boots()
	b.wants(5, []string{`edge\.zva5n2\.ready-2`, `zva5n2: reboot is required by a package, wanted none`, `Serves now +zva5n1, with version 6\.1\.19`}, "apply", "-auto-approve")
	after := b.boots()
	if after["zva5n2"] == boots["zva5n2"] || after["zva5n1"] != boots["zva5n1"] {
		t.Errorf("boots: %v, before: %v", after, boots)
	}
}

func testSingleReboots(t *testing.T) {
	oneOfMany(t, false)
	b := newBench(t, world.Options{Single: true}, world.ConfigOptions{Reboot: true})
	b.on("zva5n1", ": >/run/reboot-required")
	boots := b.boots()
	b.wants(2, []string{`^OUTAGE: edge has one node; nobody serves while it updates, for up to 5 min`}, "plan", "-detailed-exitcode")
	b.wants(0, []string{`edge: verified`}, "apply", "-auto-approve")
	b.atRest("")
	if b.boots()["zva5n1"] == boots["zva5n1"] {
		t.Error("zva5n1 was not rebooted")
	}
}
