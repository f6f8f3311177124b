//go:build linux

package main

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"zup/examples/lab/world"
)

// These tests run zup against a real pair and judge the outcome without zup: what
// clients felt is the lab's own measurement, and the nodes are looked at from the
// inside. Where time is measured a test runs alone; the others share the machine.

// needLab skips where there can be no lab, and fails there in CI.
func needLab(t *testing.T) {
	t.Helper()
	lacks := world.Missing()
	switch {
	case testing.Short():
		t.Skip("a real pair is not for -short")
	case len(lacks) > 0 && os.Getenv("ZUP_CI") == "1":
		t.Fatalf("this machine lacks %s", strings.Join(lacks, "; "))
	case len(lacks) > 0:
		t.Skipf("this machine lacks %s", strings.Join(lacks, "; "))
	}
}

// zupBinary builds zup, once for all tests.
var zupBinary = sync.OnceValues(func() ([]byte, error) { return goBuild() })

// handicapped builds a zup that leaves out a precaution if ZUP_HANDICAP names it.
var handicapped = sync.OnceValues(func() ([]byte, error) { return goBuild("-tags=zup_handicap") })

func goBuild(flags ...string) ([]byte, error) {
	dir, err := os.MkdirTemp("", "zup-lab-test-")
	if err != nil {
		return nil, err
	}
	defer os.RemoveAll(dir)
	out := filepath.Join(dir, "zup")
	cmd := exec.Command("go", slices.Concat([]string{"build"}, flags, []string{"-o", out, "zup/cmd/zup"})...)
	cmd.Env = append(os.Environ(), "CGO_ENABLED=0")
	if text, err := cmd.CombinedOutput(); err != nil {
		return nil, fmt.Errorf("%w: %s", err, text)
	}
	return os.ReadFile(out)
}

// bench is a world with zup on its control host.
type bench struct {
	*testing.T
	*world.World
	c      world.Cluster
	before map[string]world.NodeState
	env    []string
}

func newBench(t *testing.T, o world.Options, c world.ConfigOptions) *bench {
	t.Helper()
	return newBenchWith(t, o, c, zupBinary)
}

func newBenchWith(t *testing.T, o world.Options, c world.ConfigOptions, binary func() ([]byte, error)) *bench {
	t.Helper()
	needLab(t)
	zup, err := binary()
	if err != nil {
		t.Fatal(err)
	}
	w, err := world.Start(t.Context(), o)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(w.Close)
	b := &bench{T: t, World: w, c: w.Clusters[0]}
	b.put(world.Home+"/bin/zup", zup, 0o755)
	b.configure(c)
	if o.Fault == "" {
		b.before = b.inspect()
	}
	return b
}

func (b *bench) put(name string, data []byte, mode os.FileMode) {
	b.Helper()
	if err := b.WriteFile(b.Context(), world.Control, name, data, mode); err != nil {
		b.Fatal(err)
	}
}

// configure writes the configuration of all pairs.
func (b *bench) configure(o world.ConfigOptions) {
	b.Helper()
	var text strings.Builder
	for _, c := range b.Clusters {
		text.WriteString(b.Config(c, o) + "\n")
	}
	b.put(workDir+"/lab.zup.hcl", []byte(text.String()), 0o644)
}

func (b *bench) inspect() map[string]world.NodeState {
	b.Helper()
	states, err := inspect(b.Context(), b.World)
	if err != nil {
		b.Fatal(err)
	}
	return states
}

// command prepares a call of zup on control.
func (b *bench) command(ctx context.Context, args ...string) *world.Cmd {
	cmd := b.Command(ctx, world.Control, append([]string{world.Home + "/bin/zup"}, args...)...)
	cmd.Dir = workDir
	if cmd.Env == nil {
		cmd.Env = os.Environ()
	}
	cmd.Env = append(cmd.Env, b.env...)
	return cmd
}

// zup runs zup and returns its exit status and all it printed.
func (b *bench) zup(args ...string) (int, string) {
	b.Helper()
	out, err := b.command(b.Context(), args...).CombinedOutput()
	var exit *exec.ExitError
	switch {
	case errors.As(err, &exit) && exit.Exited():
		return exit.ExitCode(), string(out)
	case err != nil:
		b.Fatalf("zup %q: %v\n%s", args, err, out)
	}
	return 0, string(out)
}

// wants runs zup, which has to exit with this status and to say all of this.
func (b *bench) wants(status int, says []string, args ...string) string {
	b.Helper()
	got, out := b.zup(args...)
	if got != status {
		b.Fatalf("zup %s exited with %d, want %d\n%s", strings.Join(args, " "), got, status, out)
	}
	for _, want := range says {
		if !regexp.MustCompile(want).MatchString(out) {
			b.Errorf("zup %s does not say %q:\n%s", strings.Join(args, " "), want, out)
		}
	}
	return out
}

// atRest asserts what every update ends with, without asking zup, and that the
// next plan is empty.
func (b *bench) atRest(master string) {
	b.Helper()
	after := b.inspect()
	for _, f := range verify(b.World, b.before, after) {
		if !f.ok {
			b.Errorf("%s: %s", f.where, f.what)
		}
	}
	if after[master].Role != "master" {
		b.Errorf("%s is %s", master, after[master].Role)
	}
	for _, c := range b.Clusters {
		for _, n := range c.Nodes {
			if out, err := b.Exec(b.Context(), n.Name, "sh", "-c", "ls -d /var/lib/zup /tmp/keepalived.data /etc/*.zup 2>/dev/null || true"); err != nil || out != "" {
				b.Errorf("%s: left behind: %s%v", n.Name, out, err)
			}
		}
	}
	b.wants(0, []string{`(?m)^No changes\.`}, "plan", "-detailed-exitcode")
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

func (b *bench) files() map[string]map[string]string {
	b.Helper()
	all := map[string]map[string]string{}
	for _, n := range b.c.Nodes {
		files, err := b.Files(b.Context(), n.Name)
		if err != nil {
			b.Fatal(err)
		}
		all[n.Name] = files
	}
	return all
}

func (b *bench) untouched(before map[string]map[string]string) {
	b.Helper()
	for node, files := range b.files() {
		for name, digest := range files {
			if before[node][name] != digest {
				b.Errorf("%s: %s has changed", node, name)
			}
		}
		for name := range before[node] {
			if _, ok := files[name]; !ok {
				b.Errorf("%s: %s is gone", node, name)
			}
		}
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
			`edge, probe web0, whole run +\d{4,} +[01] `,
		}, "apply", "edge.plan")
		t.Logf("\n%s", out)
	})
	b.unharmed(all, "knows the VIP's MAC")
	b.atRest("zva5n1")
	b.wants(3, []string{`applied before`}, "apply", "edge.plan")
	b.noSecret(world.LicenceSerial)
}

// noSecret looks for a secret in everything that zup left on control.
func (b *bench) noSecret(secret string) {
	b.Helper()
	out, err := b.Exec(b.Context(), world.Control, "sh", "-c", "grep -rlF -e '"+secret+"' -e 'PRIVATE KEY' "+workDir+" || true")
	if err != nil || out != "" {
		b.Errorf("a secret is in %s (%v)", out, err)
	}
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

// Failback in each form, in both orders: MASTER ends where it shall.
func TestFailback(t *testing.T) {
	for _, tt := range []struct {
		failback, switchover, master, ends string
		deadratio                          int
	}{
		{"zva5n1", "drain", "", "zva5n1", 1},
		{"zva5n1", "drain", "", "zva5n1", 5},
		{"zva5n1", "restart", "", "zva5n1", 1},
		{"zva5n2", "drain", "", "zva5n2", 1},
		{"", "drain", "zva5n2", "zva5n2", 1},
		{"", "restart", "zva5n2", "zva5n2", 1},
	} {
		t.Run(fmt.Sprintf("failback=%s %s master=%s deadratio=%d", tt.failback, tt.switchover, tt.master, tt.deadratio), func(t *testing.T) {
			t.Parallel()
			b := newBench(t, world.Options{Failback: tt.failback, Deadratio: tt.deadratio}, world.ConfigOptions{Switchover: tt.switchover, Master: tt.master})
			b.wants(0, []string{`edge: verified`, tt.ends + " is MASTER"}, "apply", "-auto-approve")
			b.atRest(tt.ends)
		})
	}
}

// hosts.deny and hosts.allow come back byte for byte, whatever is in them.
func TestHostsFiles(t *testing.T) {
	t.Parallel()
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
func TestUpdatedBefore(t *testing.T) {
	t.Run("BACKUP", func(t *testing.T) {
		t.Parallel()
		b := newBench(t, world.Options{}, world.ConfigOptions{})
		b.on("zva5n1", "enterprise.bin zeninotify stop; echo 'sshd: 192.168.100.25' >>/etc/hosts.deny")
		b.on("zva5n2", "checkupgrades >/dev/null; echo y | checkupgrades -i")
		out := b.wants(2, []string{`6\.1\.19 → 6\.1\.20 on zva5n1\n`}, "plan", "-detailed-exitcode")
		if strings.Contains(out, "Stop replication") {
			t.Error(out)
		}
		b.wants(0, []string{`edge: verified`}, "apply", "-auto-approve")
		b.atRest("zva5n1")
	})
	t.Run("MASTER", func(t *testing.T) {
		t.Parallel()
		b := newBench(t, world.Options{}, world.ConfigOptions{})
		b.on("zva5n1", "checkupgrades >/dev/null; printf 'y\\ny\\n' | checkupgrades -i")
		b.await(func(s map[string]world.NodeState) bool {
			return s["zva5n2"].Role == "master" && s["zva5n1"].Role == "backup"
		})
		b.wants(0, []string{`edge: verified`}, "apply", "-auto-approve")
		b.atRest("zva5n2")
	})
}

// on runs a script on a host, as somebody would by hand.
func (b *bench) on(host, script string) {
	b.Helper()
	if _, err := b.Exec(b.Context(), host, "bash", "-lc", "PATH=$PATH:/usr/local/zevenet/bin; "+script); err != nil {
		b.Fatal(err)
	}
}

func (b *bench) await(holds func(map[string]world.NodeState) bool) {
	b.Helper()
	for deadline := time.Now().Add(30 * time.Second); ; time.Sleep(200 * time.Millisecond) {
		states := b.inspect()
		if holds(states) {
			return
		}
		if time.Now().After(deadline) {
			b.Fatalf("%+v", states)
		}
	}
}

// Leftovers of an earlier attempt on a pair that has the version are cleaned up by a
// plan of their own, which interrupts nobody.
func TestCleanUp(t *testing.T) {
	t.Parallel()
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
func TestKilled(t *testing.T) {
	t.Parallel()
	b := newBench(t, world.Options{}, world.ConfigOptions{})
	b.killAt("edge.zva5n2.update")
	b.wants(0, []string{`Open +zva5n1/hosts\.deny`, `jobs on zva5n2`}, "status")
	b.await(func(s map[string]world.NodeState) bool { // the job goes on without zup
		return s["zva5n2"].Installed == "6.1.20" && s["zva5n2"].Role == "backup" && s["zva5n2"].Farms == 2
	})
	b.killAt("edge.zva5n2.announce")
	b.on(world.Control, "rm "+workDir+"/zup.state.json")
	b.wants(2, []string{`left by an earlier attempt`}, "plan", "-detailed-exitcode")
	b.wants(0, []string{`edge: verified`}, "apply", "-auto-approve")
	b.atRest("zva5n2") // without the state file nobody knows that MASTER was another
}

// killAt starts apply and kills it with -9 when the journal says that an action has
// begun.
func (b *bench) killAt(action string) {
	b.Helper()
	cmd := b.command(b.Context(), "apply", "-auto-approve")
	if err := cmd.Start(); err != nil {
		b.Fatal(err)
	}
	begun := `{"action":"` + action + `","event":"begin"`
	for deadline := time.Now().Add(2 * time.Minute); ; time.Sleep(10 * time.Millisecond) {
		out, _ := b.Exec(b.Context(), world.Control, "sh", "-c", "cat "+workDir+"/.zup/runs/*/journal.jsonl 2>/dev/null || true")
		if strings.Contains(out, begun) {
			break
		}
		if time.Now().After(deadline) {
			b.Fatalf("%s did not begin:\n%s", action, out)
		}
	}
	cmd.Process.Kill()
	cmd.Wait()
}

// Several pairs side by side, of which one fails.
func TestSeveralPairs(t *testing.T) {
	t.Parallel()
	b := newBench(t, world.Options{Clusters: 3, Fault: "postinst-fails"}, world.ConfigOptions{})
	b.wants(5, []string{`edge: stopped`, `edge2: verified`, `edge3: verified`}, "apply", "-auto-approve")
}

// MASTER's replicated configuration overwrites the migrated one where the block is
// left out and the updater's own protection is void: the lab can tell.
func TestTheLabCanTell(t *testing.T) {
	for _, tt := range []struct {
		handicap string
		intact   bool
	}{{"", true}, {"block", false}} {
		t.Run("without="+tt.handicap, func(t *testing.T) {
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

// What is wrong with a pair before anything is done refuses the plan, each with its
// own message, and nothing is touched.
func TestRefused(t *testing.T) {
	for fault, want := range map[string]struct {
		exit int
		says string
	}{
		"split-brain":          {6, `split brain`},
		"no-master":            {6, `no node is MASTER`},
		"maintenance-backup":   {6, `zva5n2: is in maintenance mode, and zup did not put it there`},
		"stale-node-status":    {6, `split brain|disagrees with itself`},
		"not-clustered":        {1, `is not in a cluster`},
		"foreign-peer":         {1, `clustered with somebody else`},
		"product-missing":      {1, `zva5n2: does not run Zevenet EE`},
		"hostname-differs":     {1, `another machine answers at its address`},
		"version-5":            {6, `runs a version below 6`},
		"peer-unreachable":     {6, `does not get into`},
		"hosts-allow-override": {6, `sshd: ALL`},
		"no-libwrap":           {6, `does not heed hosts\.deny`},
		"licence-missing":      {6, `zva5n2: has no valid licence`},
		"licence-expired":      {6, `zva5n2: has no valid licence`},
		"disk-full":            {6, `too little free disk`},
		"dpkg-broken":          {6, `packages in a broken state`},
		"package-held":         {6, `holds the package`},
		"apt-locked":           {6, `apt or dpkg is at work there`},
		"updater-without-i":    {6, `updater without -i`},
		"backup-down":          {1, `zva5n2: can't be observed`},
		"ssh-down":             {1, `connection refused`},
		"hang-ssh":             {1, `silent`},
	} {
		t.Run(fault, func(t *testing.T) {
			t.Parallel()
			b := newBench(t, world.Options{Fault: fault}, world.ConfigOptions{})
			node := b.c.Nodes[0].Name
			before, err := b.Files(t.Context(), node)
			if err != nil {
				t.Fatal(err)
			}
			b.wants(want.exit, []string{want.says, `no node was changed`}, "plan")
			b.wants(want.exit, []string{want.says}, "apply", "-auto-approve")
			after, err := b.Files(t.Context(), node)
			if err != nil || !maps.Equal(before, after) {
				t.Errorf("%s has changed (%v)", node, err)
			}
		})
	}
}

// What goes wrong on the way stops the run with its own message, while MASTER goes on
// serving, untouched where BACKUP is not healthy.
func TestStopped(t *testing.T) {
	for fault, want := range map[string]struct {
		exit int
		says []string
	}{
		"repo-other-version":           {6, []string{`offer is 6\.1\.21, wanted 6\.1\.20`, `Done so far`}},
		"repo-unreachable":             {5, []string{`Error connecting to Zevenet Update System`}},
		"apt-fails-backup":             {5, []string{`edge\.zva5n2\.update`, `E: `}},
		"preinst-fails":                {5, []string{`edge\.zva5n2\.update`, `dpkg: error`}},
		"postinst-fails":               {5, []string{`edge\.zva5n2\.update`, `dpkg: error`, `Still open +zva5n1/hosts\.deny`}},
		"unknown-prompt":               {5, []string{`accept the new terms`}},
		"conffile-prompt":              {5, []string{`Configuration file`}},
		"config-edit-window":           {6, []string{`edge\.gate`, `zva5n1: digest is`}},
		"keepalived-dead-after-update": {5, []string{`zva5n2: (vrrp is down|keepalived is 0)`}},
	} {
		t.Run(fault, func(t *testing.T) {
			t.Parallel()
			b := newBench(t, world.Options{Fault: fault}, world.ConfigOptions{})
			b.wants(want.exit, append(want.says, `Serves now +zva5n1, with version 6\.1\.19`, `Next +zup`), "apply", "-auto-approve")
			s := b.inspect()["zva5n1"]
			if s.Role != "master" || s.Installed != "6.1.19" || s.Farms != 2 || s.Maintenance {
				t.Errorf("MASTER was touched: %+v", s)
			}
		})
	}
}

// What looks bad and is none does not stop the run.
func TestNotStopped(t *testing.T) {
	for _, fault := range []string{"noisy", "escapes", "ssh-dropped", "replicator-by-link", "peer-ssh-refused", "replication-off"} {
		t.Run(fault, func(t *testing.T) {
			t.Parallel()
			b := newBench(t, world.Options{Fault: fault}, world.ConfigOptions{})
			out := b.wants(0, []string{`edge: verified`}, "apply", "-auto-approve", "-verbose")
			if strings.ContainsAny(out, "\x1b\a\r") || strings.Contains(out, "\u202e") {
				t.Error("terminal escapes came through")
			}
			for node, s := range b.inspect() {
				if s.Installed != "6.1.20" || !s.MarkerIntact("6.1.20") || strings.Contains(s.HostsDeny, "sshd: 192.168.100.2"+node[len(node)-1:]+"\n") {
					t.Errorf("%s: %+v", node, s)
				}
			}
		})
	}
}
