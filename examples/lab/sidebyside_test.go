//go:build linux

package main

import (
	"fmt"
	"regexp"
	"strings"
	"testing"

	"zup/examples/lab/world"
)

// TestSideBySide runs everything that measures no time. It ends before the tests
// that do begin.
func TestSideBySide(t *testing.T) {
	for _, tt := range []struct {
		name string
		test func(*testing.T)
		long bool // for those who have more than ten minutes
		rare bool // what is like another one here, or like a cut of the matrix: with ZUP_MATRIX=1
	}{
		{"not stopped", testNotStopped, false, false},
		{"refused", testRefused, false, false},
		{"failback", testFailback, false, false},
		{"updated before", testUpdatedBefore, false, false},
		{"several pairs", testSeveralPairs, true, false},
		{"hosts files", testHostsFiles, true, false},
		{"clean up", testCleanUp, true, true},
		{"killed", testKilled, false, false},
		{"ended in dpkg", testEndedInDpkg, true, false},
		{"two operators", testTwoOperators, true, false},
		{"budget", testBudget, true, false},
		{"farms", testFarms, true, true},
		{"single", testSingle, true, false},
		{"init", testInit, true, false},
		{"reader", testReader, true, false},
		{"resumed", testResumed, true, true},
		{"reboot", testReboot, true, false},
		{"reboot later", testRebootLater, true, true},
		{"reboot does not help", testRebootDoesNotHelp, true, true},
		{"single node reboots", testSingleReboots, true, true},
		{"rollback after BACKUP failed", testRollbackAfterBackupFailed, true, false},
		{"rollback after update", testRollbackAfterUpdate, true, false},
		{"rollback after switchover", testRollbackAfterSwitchover, true, true},
		{"rollback is cut off", testRollbackIsCutOff, true, true},
		{"offline", testOfflineAll, true, false},
		{"family", testFamily, true, false},
		{"updaters", testUpdaters, true, false},
		{"RELIANOID of its time", testRelianoidOfItsTime, true, false},
		{"updater that shuns backups", testUpdaterThatShunsBackups, true, true},
		{"addresses and names", testAddressesAndNames, true, false},
		{"failback of its time", testFailbackOfItsTime, true, true},
		{"other product", testOtherProduct, true, false},
		{"turned back while it serves", testTurnedBackServing, true, false},
		{"looks change nothing", testLooksChangeNothing, false, false},
		{"asking the updater changes a node", testAskingTheUpdaterChangesANode, true, false},
		{"debians", testDebians, true, false},
		{"ways", testWays, true, false},
		{"ipv6", testIPv6, true, false},
		{"ipv6 leftover", testIPv6Leftover, true, true},
		{"the lab can tell", testTheLabCanTell, false, false},
	} {
		t.Run(tt.name, func(t *testing.T) {
			if tt.long {
				needsTime(t)
			}
			oneOfMany(t, !tt.rare)
			t.Parallel()
			tt.test(t)
		})
	}
}

// Failback in each form, in both orders: MASTER ends where it shall.
func testFailback(t *testing.T) {
	for _, tt := range []struct {
		failback, switchover, master, ends string
		deadratio                          int
		sample                             bool
	}{
		{"zva5n1", "drain", "", "zva5n1", 1, true},
		{"zva5n1", "drain", "", "zva5n1", 5, false},
		{"zva5n1", "restart", "", "zva5n1", 1, false},
		{"zva5n2", "drain", "", "zva5n2", 1, false},
		{"", "drain", "zva5n2", "zva5n2", 1, true},
		{"", "restart", "zva5n2", "zva5n2", 1, false},
	} {
		t.Run(fmt.Sprintf("failback=%s %s master=%s deadratio=%d", tt.failback, tt.switchover, tt.master, tt.deadratio), func(t *testing.T) {
			if tt.failback != "zva5n1" || tt.deadratio != 1 || tt.switchover != "drain" {
				needsTime(t)
			}
			oneOfMany(t, tt.sample)
			t.Parallel()
			b := newBench(t, world.Options{Failback: tt.failback, Deadratio: tt.deadratio}, world.ConfigOptions{Switchover: tt.switchover, Master: tt.master})
			b.wants(0, []string{`edge: verified`, tt.ends + " is MASTER"}, "apply", "-auto-approve")
			b.atRest(tt.ends)
		})
	}
}

// hosts.deny and hosts.allow come back byte for byte, whatever is in them.
func testHostsFiles(t *testing.T) {
	o := world.Options{
		HostsDeny: map[string]string{
			// The updater's unanchored clean-up would take the first line along.
			"zva5n1": "sshd: 192.168.100.250\nsshd: 192.168.100.2\n\n# by hand, do not touch\nALL: 203.0.113.0/24\n",
			// No final line feed: libwrap denies everybody whom hosts.allow does not let in.
			"zva5n2": "sshd: 192.168.100.240\nsshd: 192.168.100.24X # odd\nsshd: 203.0.113.9",
		},
		HostsAllow: map[string]string{
			"zva5n1": "# nothing here\nvsftpd: ALL\n",
			"zva5n2": "sshd: 192.168.100.1 192.168.100.24\n",
		},
	}
	b := newBench(t, o, world.ConfigOptions{})
	b.wants(0, []string{`edge: verified`}, "apply", "-auto-approve")
	b.atRest("zva5n1")
}

// Half of the work was done before, by hand and properly, or by somebody who began
// at the wrong end.
func testUpdatedBefore(t *testing.T) {
	t.Run("BACKUP", func(t *testing.T) {
		t.Parallel()
		b := newBench(t, world.Options{}, world.ConfigOptions{})
		b.on("zva5n1", "enterprise.bin zeninotify stop; echo 'sshd: 192.168.100.25' >>/etc/hosts.deny")
		b.on("zva5n2", "checkupgrades >/dev/null; echo y | checkupgrades -i")
		b.before["zva5n2"] = b.inspect()["zva5n2"] // the updater took a line along that is not its own
		out := b.wants(2, []string{`6\.1\.19 → 6\.1\.20 on zva5n1\n`}, "plan", "-detailed-exitcode")
		if strings.Contains(out, "Stop replication") {
			t.Error(out)
		}
		b.wants(0, []string{`edge: verified`}, "apply", "-auto-approve")
		b.atRest("zva5n1")
	})
	t.Run("MASTER", func(t *testing.T) {
		oneOfMany(t, false)
		needsTime(t)
		t.Parallel()
		b := newBench(t, world.Options{}, world.ConfigOptions{})
		b.on("zva5n1", "checkupgrades >/dev/null; printf 'y\\ny\\n' | checkupgrades -i")
		b.await(func(s map[string]world.NodeState) bool {
			return s["zva5n2"].Role == "master" && s["zva5n1"].Role == "backup"
		})
		b.wants(2, []string{`zva5n1 runs 6\.1\.20 while zva5n2 still replicates .* it may have lost what its update migrated`}, "plan", "-detailed-exitcode")
		b.wants(0, []string{`edge: verified`}, "apply", "-auto-approve")
		for node, s := range b.inspect() {
			if s.Installed != "6.1.20" || s.Maintenance || (s.Role == "master") != (node == "zva5n2") {
				b.Errorf("%s: %+v", node, s)
			}
		}
		b.wants(0, []string{`(?m)^No changes\.`}, "plan", "-detailed-exitcode")
	})
}

// Leftovers of an earlier attempt on a pair that has the version are cleaned up by a
// plan of their own, which interrupts nobody.
func testCleanUp(t *testing.T) {
	b := newBench(t, world.Options{}, world.ConfigOptions{})
	b.wants(0, nil, "apply", "-auto-approve")
	b.on("zva5n1", "enterprise.bin zeninotify stop; echo 'sshd: 192.168.100.25' >>/etc/hosts.deny")
	b.on("zva5n2", "echo 'sshd: 192.168.100.24' >>/etc/hosts.deny")
	b.wants(2, []string{`clean up; every node runs 6\.1\.20`, `Interrupted +not at all`, `left by an earlier attempt`}, "plan", "-detailed-exitcode")
	b.wants(0, []string{`edge: verified`}, "apply", "-auto-approve")
	b.atRest("zva5n1")
}

// zup is killed in the middle of BACKUP's update, and again right after the role has
// moved; each time a new plan has what is missing, and at the end all is well.
func testKilled(t *testing.T) {
	b := newBench(t, world.Options{}, world.ConfigOptions{})
	b.killAt("edge.zva5n2.update", "Unpacking zevenet")
	if _, out := b.zup("status"); !strings.Contains(out, "zva5n1/hosts.deny") || !strings.Contains(out, "jobs on zva5n2") {
		b.Error(out)
	}
	b.await(func(s map[string]world.NodeState) bool { // the job goes on without zup
		return s["zva5n2"].Installed == "6.1.20" && s["zva5n2"].Role == "backup" && s["zva5n2"].Farms == 2
	})
	b.killAt("edge.zva5n2.announce", "# script")
	b.on(world.Control, "rm "+workDir+"/zup.state.json")
	b.wants(2, []string{`left by an earlier attempt`}, "plan", "-detailed-exitcode")
	b.wants(0, []string{`edge: verified`}, "apply", "-auto-approve")
	b.atRest("zva5n2") // without the state file nobody knows that MASTER was another
}

// BACKUP loses its power in the middle of its update, with the new package unpacked and
// not configured: the next plan finishes that, and nobody has to repair anything.
func testEndedInDpkg(t *testing.T) {
	b := newBench(t, world.Options{Fault: "postinst-hangs"}, world.ConfigOptions{})
	cmd := b.command(t.Context(), "apply", "-auto-approve")
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	b.awaitTranscript("edge.zva5n2.update", "Setting up zevenet (")
	b.on(world.Control, world.SnapshotCommand+" reset zva5n2")
	cmd.Wait()
	if got := cmd.ProcessState.ExitCode(); got != 5 {
		t.Errorf("apply ended with %d", got)
	}
	if err := b.Mend(t.Context()); err != nil {
		t.Fatal(err)
	}
	b.awaitUp()
	if got := strings.TrimSpace(b.says("zva5n2", "dpkg-query -W -f='${db:Status-Abbrev}${Version}' zevenet")); got != "iF 6.1.20" {
		t.Errorf("dpkg says %q", got)
	}
	b.wants(6, []string{`zva5n2: its update did not end: that can't be undone`, `finish the update: zup plan has what dpkg had begun first`}, "plan", "-back-out")
	b.wants(2, []string{`Finish the update to 6\.1\.20 that did not end`, `it says "iF 6\.1\.20" for zevenet`}, "plan", "-detailed-exitcode")
	b.wants(0, []string{`edge: verified`}, "apply", "-auto-approve")
	for node, s := range b.inspect() {
		if s.Installed != "6.1.20" || !s.MarkerIntact("6.1.20") {
			t.Errorf("%s: %+v", node, s)
		}
	}
	b.wants(0, []string{`(?m)^No changes\.`}, "plan", "-detailed-exitcode")
}

// Two operators with a directory each: the second one is told who is at work, and may go
// on when the first one is gone and has left no job running.
func testTwoOperators(t *testing.T) {
	b := newBench(t, world.Options{}, world.ConfigOptions{})
	const second = "-chdir=" + workDir + "/second"
	b.on(world.Control, "mkdir "+workDir+"/second; cp "+workDir+"/lab.zup.hcl "+workDir+"/second")
	b.wants(0, nil, second, "plan", "-out", workDir+"/second/edge.plan")
	first := b.command(t.Context(), "apply", "-auto-approve")
	if err := first.Start(); err != nil {
		t.Fatal(err)
	}
	b.awaitTranscript("edge.zva5n2.update", "Unpacking zevenet")
	b.wants(4, []string{`somebody else is at work; nothing was changed`, `node "zva5n1": root@\S+, process \d+ is at work on it since \S+: zup apply, run \S+, plan [0-9a-f]{12}`},
		second, "apply", workDir+"/second/edge.plan")
	b.wants(4, []string{`zva5n1: root@.* is at work on zva5n1 .*; process \d+ there holds it and has lived for \d+m?\d*s, in a session from \d`}, second, "unlock")
	first.Process.Kill()
	first.Wait()
	b.wants(0, []string{`edge: verified`}, second, "apply", "-auto-approve", "-lock-timeout=2m")
	// The first one's state file still has what was open: its next apply proves it gone.
	b.wants(0, []string{`edge: verified`}, "apply", "-auto-approve")
	b.atRest("zva5n1")
}

// The same, and the run goes on with its own plan: nothing is carried out twice.
func testResumed(t *testing.T) {
	b := newBench(t, world.Options{}, world.ConfigOptions{})
	b.killAt("edge.zva5n2.update", "Unpacking zevenet")
	b.wants(0, []string{`7 of 25 actions are done\. It goes on with: Update 6\.1\.19 → 6\.1\.20 \(zva5n2\)`, `edge: verified`}, "resume")
	b.atRest("zva5n1")
	for _, n := range b.c.Nodes {
		if out := b.says(n.Name, "grep -c ' upgrade zevenet:' /var/log/dpkg.log || true"); strings.TrimSpace(out) != "1" {
			t.Errorf("%s was updated %s times", n.Name, out)
		}
	}
}

// killAt starts apply and kills it with -9 when the transcript of an action says
// something.
func (b *bench) killAt(action, says string) {
	b.Helper()
	cmd := b.command(b.Context(), "apply", "-auto-approve", "-lock-timeout=1m")
	if err := cmd.Start(); err != nil {
		b.Fatal(err)
	}
	b.awaitTranscript(action, says)
	cmd.Process.Kill()
	cmd.Wait()
}

// The vendor's order interrupts for longer than is allowed here, because MASTER's
// farms stop long before its role moves: the run stops before its next action, with
// the new MASTER serving, and a new plan ends it.
func testBudget(t *testing.T) {
	b := newBench(t, world.Options{Fault: "eager-stop"}, world.ConfigOptions{Switchover: "restart", Budget: "1s"})
	b.awaitWhole()
	b.before = b.inspect()
	b.wants(6, []string{`edge: stopped: interrupted for too long`, `Serves now +zva5n2, with version 6\.1\.20`, `Next +zup resume`, `Or +zup plan`}, "apply", "-auto-approve")
	b.configure(world.ConfigOptions{Switchover: "restart"}) // the rest is no matter of time
	b.wants(0, []string{`edge: verified`}, "apply", "-auto-approve")
	b.atRest("zva5n1") // the state file knows who was MASTER
}

// Several pairs side by side, of which one fails.
func testSeveralPairs(t *testing.T) {
	b := newBench(t, world.Options{Clusters: 2, Fault: "postinst-fails"}, world.ConfigOptions{})
	b.wants(5, []string{`edge: stopped`, `edge2: verified`}, "apply", "-auto-approve")
}

// MASTER's replicated configuration overwrites the migrated one where the block is
// left out and the updater's own protection is void: the lab can tell.
func testTheLabCanTell(t *testing.T) {
	for _, tt := range []struct {
		handicap string
		intact   bool
	}{{"", true}, {"block", false}} {
		t.Run("without="+tt.handicap, func(t *testing.T) {
			oneOfMany(t, !tt.intact) // that nothing is lost without a handicap, everything else here shows
			t.Parallel()
			b := newBenchWith(t, world.Options{Fault: "similar-names"}, world.ConfigOptions{}, handicapped)
			b.env = []string{"ZUP_HANDICAP=" + tt.handicap}
			b.zup("apply", "-auto-approve")
			intact := true
			for _, s := range b.inspect() {
				intact = intact && s.MarkerIntact("6.1.20")
			}
			if intact != tt.intact {
				t.Errorf("intact is %t: %+v", intact, b.inspect())
			}
		})
	}
}

// Without a probe block the farms that answer from here are found and watched.
func testFarms(t *testing.T) {
	b := newBench(t, world.Options{}, world.ConfigOptions{NoProbes: true})
	b.wants(2, []string{`Measured +192\.0\.2\.10:80, 192\.0\.2\.11:80, found up, every 40 ms`}, "plan", "-detailed-exitcode")
	b.wants(0, []string{`edge: verified`, `edge, probe 192\.0\.2\.11:80, whole run +\d+ +\d+ +[0-9.]+ m?s`, `connect to 192\.0\.2\.10:80`}, "apply", "-auto-approve")
	b.atRest("zva5n1")
}

// A node without a cluster: the outage is announced before anything else and in the
// question, and measured.
func testSingle(t *testing.T) {
	b := newBench(t, world.Options{Single: true}, world.ConfigOptions{})
	out := b.wants(2, []string{`Interrupted +outage, ≤ 60 s`}, "plan", "-detailed-exitcode")
	if !strings.HasPrefix(out, "OUTAGE: edge has one node") {
		t.Errorf("the outage does not stand first:\n%s", out)
	}
	asked, _ := b.Exec(b.Context(), world.Control, "sh", "-c", "cd "+workDir+"; echo no | NO_COLOR=1 script -qec '"+world.Home+"/bin/zup apply' /dev/null")
	if !regexp.MustCompile(`OUTAGE: edge has one node; [^\n]*\s+Carry out these actions\?[^$]*not approved`).MatchString(asked) {
		t.Errorf("the question does not name the outage:\n%s", asked)
	}
	b.wants(0, []string{`edge: verified: zva5n1 runs 6\.1\.20, nothing is open`, `zva5n1\.update +\d+ +[1-9]\d* +[0-9.]+ m?s`}, "apply", "-auto-approve")
	b.atRest("")
}

// A live pair is read, from either of its nodes, and what was written describes it:
// there is nothing to do. Reading changes nothing.
func testInit(t *testing.T) {
	b := newBench(t, world.Options{Failback: "zva5n2"}, world.ConfigOptions{})
	before := b.files()
	for i, n := range b.c.Nodes {
		dir := fmt.Sprintf("found%d", i)
		b.on(world.Control, "mkdir "+workDir+"/"+dir)
		b.wants(0, []string{`Wrote .*main\.zup\.hcl`}, "init", "-chdir", dir, "-from", "root@"+n.Address)
		b.wants(0, []string{`valid: 1 cluster, 2 nodes`}, "validate", "-chdir", dir)
		b.wants(0, nil, "fmt", "-check", "-chdir", dir)
	}
	b.untouched(before)
	text, err := b.Exec(b.Context(), world.Control, "cat", workDir+"/found0/main.zup.hcl")
	if err != nil {
		t.Fatal(err)
	}
	t.Log(text)
	for _, want := range append(b.c.VIPs, b.c.Nodes[0].HostKey, b.c.Nodes[1].HostKey, `cluster "zevenet" "zva5n"`, "failback is zva5n2", `user = "root"`) {
		if !strings.Contains(text, want) {
			t.Errorf("no %q", want)
		}
	}
	// Failback moves MASTER to where the cluster wants it, so that nothing is left to do.
	b.on("zva5n2", "/etc/init.d/zevenet restart >/dev/null 2>&1")
	b.await(func(s map[string]world.NodeState) bool {
		return s["zva5n2"].Role == "master" && s["zva5n1"].Role == "backup"
	})
	b.wants(0, []string{`(?m)^No changes\.`}, "plan", "-detailed-exitcode", "-chdir", "found1")
	b.wants(1, []string{`there is a configuration already`}, "init", "-chdir", "found0", "-from", "root@"+b.c.Nodes[0].Address)
}
