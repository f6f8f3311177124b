//go:build linux

package main

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"zup/examples/lab/world"
)

// These tests run zup against a real pair and judge the outcome without zup: what
// clients felt is the lab's own measurement, and the nodes are looked at from the
// inside. Those of TestSideBySide share the machine; where time is measured a test
// runs alone, after them.

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

// needsTime skips what does not fit into the ten minutes that go test gives a
// package unless it is told otherwise.
func needsTime(t *testing.T) {
	t.Helper()
	if limit := flag.Lookup("test.timeout").Value.(flag.Getter).Get().(time.Duration); limit > 0 && limit < 15*time.Minute {
		t.Skipf("all of these tests take longer than %v: go test -timeout 20m", limit)
	}
}

// longest is how long the longest of the tests with a world of its own has taken so
// far, in nanoseconds.
var longest atomic.Int64

// needsRoom skips, but not in CI, when go test's limit would come before a test like
// those before it has ended: on a busy machine the tests that there is time for say
// more than none of them.
func needsRoom(t *testing.T) {
	t.Helper()
	deadline, limited := t.Deadline()
	takes := max(time.Minute, time.Duration(longest.Load())*3/2)
	if limited && os.Getenv("ZUP_CI") != "1" && time.Until(deadline) < takes {
		t.Skipf("go test's limit is in %v, and a test takes up to %v on this machine now: give it -timeout 40m", time.Until(deadline).Round(time.Second), takes.Round(time.Second))
	}
	began := time.Now()
	t.Cleanup(func() {
		for took := int64(time.Since(began)); ; {
			if was := longest.Load(); took <= was || longest.CompareAndSwap(was, took) {
				return
			}
		}
	})
}

// oneOfMany skips what is not in the sample of a long matrix. ZUP_MATRIX=1 runs all
// of it.
func oneOfMany(t *testing.T, sample bool) {
	t.Helper()
	if !sample && os.Getenv("ZUP_MATRIX") != "1" {
		t.Skip("one of many like it: ZUP_MATRIX=1 runs them all")
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
	needsRoom(t)
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
	unwrapped := strings.Join(strings.Fields(out), " ")
	for _, want := range says {
		if re := regexp.MustCompile(want); !re.MatchString(out) && !re.MatchString(unwrapped) {
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
	if !b.c.Alone && after[master].Role != "master" {
		b.Errorf("%s is %s", master, after[master].Role)
	}
	for _, c := range b.Clusters {
		for _, n := range c.Members() {
			if out, err := b.Exec(b.Context(), n.Name, "sh", "-c", "ls -d /var/lib/zup /run/zup.lock /tmp/keepalived*.data /run/zup.look /etc/*.zup 2>/dev/null || true"); err != nil || out != "" {
				b.Errorf("%s: left behind: %s%v", n.Name, out, err)
			}
		}
	}
	b.wants(0, []string{`(?m)^No changes\.`}, "plan", "-detailed-exitcode")
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
		states, err := inspect(b.Context(), b.World) // an error while a node is away
		if err == nil && holds(states) {
			return
		}
		if time.Now().After(deadline) {
			b.Fatalf("%+v, %v", states, err)
		}
	}
}
