//go:build linux

package main

import (
	"flag"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"zup/examples/lab/world"
)

func TestMain(m *testing.M) {
	world.Main()
	flag.Parse()
	if !slices.ContainsFunc(os.Args, func(a string) bool { return strings.HasPrefix(a, "-test.parallel") }) {
		flag.Set("test.parallel", "6") // pairs mostly wait
	}
	os.Exit(m.Run())
}

func build(t *testing.T) string {
	t.Helper()
	lab := filepath.Join(t.TempDir(), "lab")
	if out, err := exec.Command("go", "build", "-o", lab, ".").CombinedOutput(); err != nil {
		t.Fatalf("%v: %s", err, out)
	}
	return lab
}

// The README's first command: a pair is updated, nothing is left to do, and the
// nodes are as they must be.
func TestLab(t *testing.T) {
	needLab(t)
	out, err := exec.CommandContext(t.Context(), build(t)).CombinedOutput()
	if err != nil {
		t.Fatalf("%v\n%s", err, out)
	}
	for _, want := range []string{"No changes.", "Nothing here was ever run on a real appliance.", "hosts.deny is as it was, byte for byte"} {
		if !strings.Contains(string(out), want) {
			t.Errorf("no %q in\n%s", want, out)
		}
	}
	if strings.Contains(string(out), world.LicenceSerial) {
		t.Error("the licence's serial number was printed")
	}
}

func TestFlags(t *testing.T) {
	lab := build(t)
	for _, c := range []struct {
		args []string
		exit int
		says string
	}{
		{[]string{"-fault", "help"}, 0, "split-brain "},
		{[]string{"-way", "help"}, 0, "known-hosts-command "},
		{[]string{"-way", "tunnel"}, 64, "none of jumps, certificates, revoked, known-hosts-command, proxy-command"},
		{[]string{"-switchover", "jump"}, 64, "neither drain nor restart"},
		{[]string{"-product", "f5"}, 64, "none of zevenet, skudonet, relianoid"},
		{[]string{"-deadratio", "0"}, 64, "not a number of seconds"},
		{[]string{"-debian", "10"}, 64, "none of 11, 12 and 13"},
		{[]string{"apply"}, 64, "unexpected argument"},
	} {
		cmd := exec.Command(lab, c.args...)
		out, _ := cmd.CombinedOutput()
		if cmd.ProcessState.ExitCode() != c.exit || !strings.Contains(string(out), c.says) {
			t.Errorf("%q: exit %d\n%s", c.args, cmd.ProcessState.ExitCode(), out)
		}
	}
}

// As nobody in particular, the lab says what it lacks and does nothing.
func TestWithoutRoot(t *testing.T) {
	if os.Geteuid() != 0 {
		if os.Getenv("ZUP_CI") == "1" {
			t.Fatal("becoming nobody takes root")
		}
		t.Skip("becoming nobody takes root")
	}
	lab := build(t)
	for dir := filepath.Dir(lab); len(dir) > len(os.TempDir()); dir = filepath.Dir(dir) {
		if err := os.Chmod(dir, 0o755); err != nil {
			t.Fatal(err)
		}
	}
	cmd := exec.Command("setpriv", "--reuid=65534", "--clear-groups", lab)
	cmd.Dir = "/"
	out, _ := cmd.CombinedOutput()
	if cmd.ProcessState.ExitCode() != 1 || !strings.Contains(string(out), "- root: ") {
		t.Errorf("exit %d\n%s", cmd.ProcessState.ExitCode(), out)
	}
}
