//go:build linux

package main

import (
	"strings"
	"testing"
	"time"

	"zup/examples/lab/world"
)

// The way back, on a real pair whose snapshots are copies of its disks. What must
// hold at its end is looked at without zup.

func snapshotsOf(b *bench, node string) string {
	b.Helper()
	out, err := b.Exec(b.Context(), world.Control, world.SnapshotCommand, "list", node)
	if err != nil {
		b.Fatal(err)
	}
	return out
}

func (b *bench) boots() map[string]string {
	b.Helper()
	all := map[string]string{}
	for _, n := range b.c.Nodes {
		id, err := b.Exec(b.Context(), n.Name, "cat", "/proc/sys/kernel/random/boot_id")
		if err != nil {
			b.Fatal(err)
		}
		all[n.Name] = id
	}
	return all
}

// rolledBack plans the way back, applies the plan, and asserts that the cluster is
// as it was before, with the old version, that nothing is left, and that there is
// nothing more to go back from.
func (b *bench) rolledBack(master string, says ...string) {
	b.Helper()
	b.wants(2, says, "plan", "-rollback", "-out", "back.plan", "-detailed-exitcode")
	b.wants(0, []string{`edge: verified: .* run 6\.1\.19`, master + " is MASTER"}, "apply", "back.plan")
	b.isBack(master)
	b.wants(0, []string{`(?m)^No changes\.`}, "plan", "-rollback", "-detailed-exitcode")
}

func (b *bench) isBack(master string) {
	b.Helper()
	after := b.inspect()
	for _, f := range verify(backToOld(b.World), b.before, after) {
		if !f.ok {
			b.Errorf("%s: %s", f.where, f.what)
		}
	}
	if after[master].Role != "master" {
		b.Errorf("%s is %s", master, after[master].Role)
	}
	for _, n := range b.c.Nodes {
		if after[n.Name].Marker != b.before[n.Name].Marker {
			b.Errorf("%s: the configuration is %q, and was %q", n.Name, after[n.Name].Marker, b.before[n.Name].Marker)
		}
		if out, err := b.Exec(b.Context(), n.Name, "sh", "-c", "ls -d /var/lib/zup /tmp/keepalived*.data /run/zup.look /etc/*.zup 2>/dev/null || true"); err != nil || out != "" {
			b.Errorf("%s: left behind: %s%v", n.Name, out, err)
		}
	}
}

// BACKUP failed to update: it goes back, MASTER never stops serving and is not
// touched, and afterwards the pair can be updated again.
func testRollbackAfterBackupFailed(t *testing.T) {
	oneOfMany(t, false)
	b := newBench(t, world.Options{Fault: "postinst-fails"}, world.ConfigOptions{Snapshots: true})
	b.await(func(s map[string]world.NodeState) bool { // with a fault nobody has waited for that
		return s["zva5n1"].Role == "master" && s["zva5n1"].Replicators == 1 && s["zva5n2"].Role == "backup" &&
			s["zva5n1"].Farms == 2 && s["zva5n2"].Farms == 2 && s["zva5n2"].Blocked == 4
	})
	b.before = b.inspect()
	b.wants(5, []string{`edge: stopped`, `Or back +zup plan -rollback`}, "apply", "-auto-approve")
	for _, n := range b.c.Nodes {
		if out := snapshotsOf(b, n.Name); !strings.HasPrefix(out, "zup-6.1.19-") || strings.Count(out, "\n") != 1 {
			t.Errorf("%s has the snapshots %q", n.Name, out)
		}
	}
	if s := b.inspect()["zva5n2"]; s.Installed == "6.1.19" {
		t.Fatalf("the update did not fail half-way: %+v", s)
	}
	boots := b.boots()
	b.rolledBack("zva5n1", `back to the snapshots, 6\.1\.20 → 6\.1\.19 on zva5n2\n`, `Interrupted +not at all`)
	if after := b.boots(); after["zva5n1"] != boots["zva5n1"] || after["zva5n2"] == boots["zva5n2"] {
		t.Errorf("booted: %v, before: %v", after, boots)
	}
	b.on("zva5n2", "rm /lab/hook/postinst")
	b.configure(world.ConfigOptions{Snapshots: true, KeepFor: "0s"})
	b.wants(0, []string{`edge: verified`}, "apply", "-auto-approve")
	b.atRest("zva5n1")
	for _, n := range b.c.Nodes {
		if out := snapshotsOf(b, n.Name); out != "" {
			t.Errorf("%s still has the snapshots %q", n.Name, out)
		}
	}
	b.wants(1, []string{`no snapshots of both nodes are recorded`}, "plan", "-rollback")
}

// Both nodes were updated: both go back, one after the other, and somebody serves
// all the time.
func testRollbackAfterUpdate(t *testing.T) {
	for _, failback := range []string{"", "zva5n1", "zva5n2"} {
		t.Run("failback="+failback, func(t *testing.T) {
			oneOfMany(t, failback == "")
			t.Parallel()
			b := newBench(t, world.Options{Failback: failback}, world.ConfigOptions{Snapshots: true})
			b.before = b.inspect()
			ends := "zva5n1"
			if failback != "" {
				ends = failback
			}
			b.wants(0, []string{`edge: verified`}, "apply", "-auto-approve")
			b.atRest(ends)
			boots := b.boots()
			all := b.felt(func() { b.rolledBack(ends, `back to the snapshots, 6\.1\.20 → 6\.1\.19 on zva5n\d, then zva5n\d\n`) })
			for _, r := range all {
				if r.Lost*10 > r.Sent {
					t.Errorf("%+v: somebody was not served for long", r)
				}
			}
			for node, id := range b.boots() {
				if id == boots[node] {
					t.Errorf("%s was not started again", node)
				}
			}
		})
	}
}

// zup is killed after the role has moved: the old MASTER, still at the old version,
// takes over again and the other node goes back.
func testRollbackAfterSwitchover(t *testing.T) {
	oneOfMany(t, false)
	b := newBench(t, world.Options{}, world.ConfigOptions{Snapshots: true})
	b.killAt("edge.zva5n2.announce", "# script")
	b.await(func(s map[string]world.NodeState) bool { return s["zva5n2"].Role == "master" })
	b.rolledBack("zva5n1", `6\.1\.20 → 6\.1\.19 on zva5n2\n`)
}

// zup is killed while the first node goes back; the next plan of the way back ends
// it, and does not restore that node twice.
func testRollbackIsCutOff(t *testing.T) {
	oneOfMany(t, false)
	b := newBench(t, world.Options{}, world.ConfigOptions{Snapshots: true})
	b.wants(0, nil, "apply", "-auto-approve")
	b.wants(0, nil, "plan", "-rollback", "-out", "first.plan")
	cmd := b.command(t.Context(), "apply", "first.plan")
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	b.awaitTranscript("edge.zva5n2.restore", "# command")
	cmd.Process.Kill()
	cmd.Wait()
	b.await(func(s map[string]world.NodeState) bool {
		n := s["zva5n2"]
		return n.Installed == "6.1.19" && n.Role == "backup" && n.Farms == 2 && n.Keepalived == 1
	})
	b.wants(3, []string{`applied before`}, "apply", "first.plan")
	b.rolledBack("zva5n1", `6\.1\.20 → 6\.1\.19 on zva5n1\n`)
}

func (b *bench) awaitTranscript(action, says string) {
	b.Helper()
	for deadline := time.Now().Add(2 * time.Minute); ; time.Sleep(10 * time.Millisecond) {
		out, _ := b.Exec(b.Context(), world.Control, "sh", "-c", "cat "+workDir+"/.zup/runs/*/transcripts/"+action+".txt 2>/dev/null || true")
		if strings.Contains(out, says) {
			return
		}
		if time.Now().After(deadline) {
			b.Fatalf("%s does not say %q:\n%s", action, says, out)
		}
	}
}
