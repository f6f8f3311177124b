//go:build linux

package main

import (
	"testing"
	"time"

	"zup/examples/lab/world"
)

// wanted is what a planned switchover may cost.
const (
	wantedLost    = 1 // requests of each kind of client, both VIPs and the whole run together
	wantedLongest = 100 * time.Millisecond
	wantedSent    = 5000 // or it was no measurement
)

// unharmed asserts that clients of one kind felt next to nothing.
func (b *bench) unharmed(all felt, kind string) {
	b.Helper()
	lost := 0
	for _, r := range all {
		if r.kind != kind {
			continue
		}
		lost += r.Lost
		if r.Longest > wantedLongest || r.Sent < wantedSent/2 {
			b.Errorf("%s: %v", kind, r.ProbeResult)
		}
	}
	if lost > wantedLost {
		b.Errorf("%s: %d lost", kind, lost)
	}
}

// felt measures what clients feel while zup applies.
func (b *bench) felt(run func()) felt {
	b.Helper()
	w, err := startWatch(b.Context(), b.World)
	if err != nil {
		b.Fatal(err)
	}
	defer w.stop()
	run()
	time.Sleep(time.Second)
	all, err := w.stop()
	if err != nil {
		b.Fatal(err)
	}
	b.Logf("\n%s", all)
	return all
}

// noSecret looks for a secret in everything that zup left on control.
func (b *bench) noSecret(secret string) {
	b.Helper()
	out, err := b.Exec(b.Context(), world.Control, "sh", "-c", "grep -rlF -e '"+secret+"' -e 'PRIVATE KEY' "+workDir+" || true")
	if err != nil || out != "" {
		b.Errorf("a secret is in %s (%v)", out, err)
	}
}

// The main job. A plan leaves both nodes as they are, byte for byte; the update
// costs clients next to nothing; and no secret is in any file.
func TestUpdateDrain(t *testing.T) {
	b := newBench(t, world.Options{}, world.ConfigOptions{Interval: "5ms"})
	before := b.files()
	b.wants(2, []string{`6\.1\.19 → 6\.1\.20 on zva5n2, then zva5n1`}, "plan", "-detailed-exitcode", "-out", "edge.plan")
	b.untouched(before)
	all := b.felt(func() {
		out := b.wants(0, []string{
			`edge: verified: zva5n1 and zva5n2 run 6\.1\.20, zva5n1 is MASTER, nothing is open`,
			`edge, probe web1, whole run +\d{4,} +[01] `,
		}, "apply", "edge.plan")
		t.Logf("\n%s", out)
	})
	b.unharmed(all, "knows the VIP's MAC")
	b.atRest("zva5n1")
	b.wants(3, []string{`applied before`}, "apply", "edge.plan")
	b.noSecret(world.LicenceSerial)
}

// With boost even clients that ask ARP anew for every request feel next to nothing.
func TestUpdateBoost(t *testing.T) {
	b := newBench(t, world.Options{}, world.ConfigOptions{Boost: true, Interval: "5ms"})
	all := b.felt(func() { b.wants(0, []string{`edge: verified`}, "apply", "-auto-approve") })
	b.unharmed(all, "knows the VIP's MAC")
	b.unharmed(all, "asks ARP anew each time")
	b.atRest("zva5n1")
}

// The old MASTER's services stop at the very first moment of its update: it may be
// touched only once nobody needs it any more. A zup that does not look is caught.
func TestOldMasterIsTouchedOnlyWhenNobodyNeedsIt(t *testing.T) {
	t.Run("zup", func(t *testing.T) {
		b := newBench(t, world.Options{Fault: "eager-stop"}, world.ConfigOptions{Interval: "5ms"})
		all := b.felt(func() { b.wants(0, []string{`edge: verified`}, "apply", "-auto-approve") })
		b.unharmed(all, "knows the VIP's MAC")
	})
	t.Run("handicapped", func(t *testing.T) {
		b := newBenchWith(t, world.Options{Fault: "eager-stop"}, world.ConfigOptions{}, handicapped)
		b.env = []string{"ZUP_HANDICAP=settle"}
		all := b.felt(func() { b.wants(0, nil, "apply", "-auto-approve") })
		lost := 0
		for _, r := range all {
			if r.kind == "knows the VIP's MAC" {
				lost += r.Lost
			}
		}
		if lost <= wantedLost {
			t.Errorf("a zup that does not wait lost %d requests: the lab can't tell", lost)
		}
	})
}

// The vendor's order is carried out as asked, and its gap reported as measured.
func TestUpdateRestart(t *testing.T) {
	b := newBench(t, world.Options{}, world.ConfigOptions{Switchover: "restart", Interval: "5ms"})
	b.felt(func() {
		b.wants(0, []string{`edge: verified`, `zva5n1\.update +\d+ +\d+ +0\.\d\d s`}, "apply", "-auto-approve")
	})
	b.atRest("zva5n1")
}
