package zevenet

import (
	"os"
	"os/exec"
	"strings"
	"testing"
)

// rebootSandbox runs node scripts that look for kernels, on made-up ones.
func rebootSandbox(t *testing.T) (*sandbox, func(name, tail string) string) {
	s := newSandbox(t)
	for _, d := range []string{"boot", "run"} {
		if err := os.Mkdir(s.path(d), 0o755); err != nil {
			t.Fatal(err)
		}
	}
	return s, func(text, tail string) string {
		t.Helper()
		const order = "exec reboot"
		text = strings.NewReplacer(
			order, "echo ordered >"+s.path("ordered"), "sleep 2;", "", "command -v reboot", "true",
			"/proc/sys/kernel/osrelease", s.path("osrelease"), "/proc/sys/kernel/random/boot_id", s.path("boot_id"),
			"find /boot", "find "+s.path("boot"), "/run/reboot-required", s.path("run/reboot-required"), "/var/lib/zup", s.path("var/lib/zup"),
		).Replace(text)
		if strings.Contains(text, order) {
			t.Fatal("this would reboot the machine")
		}
		cmd := exec.Command("sh", append([]string{"-s"}, strings.Fields(tail)...)...)
		cmd.Stdin = strings.NewReader(text)
		out, err := cmd.CombinedOutput()
		if err != nil {
			t.Fatalf("%v: %s", err, out)
		}
		return string(out)
	}
}

func TestPendingReboot(t *testing.T) {
	t.Parallel()
	for name, tt := range map[string]struct {
		running string
		kernels []string
		asked   bool
		want    string
	}{
		"newest runs":          {"4.19.118-z6000", []string{"4.19.112-z6000", "4.19.118-z6000"}, false, "none"},
		"a newer one is there": {"4.19.9-z6000", []string{"4.19.9-z6000", "4.19.118-z6000"}, false, "running 4.19.9-z6000, installed 4.19.118-z6000"},
		"a newer one runs":     {"4.19.118-z6000", []string{"4.19.112-z6000"}, false, "none"},
		"no kernel is there":   {"6.1.0-18-amd64", nil, false, "none"},
		"a package asks":       {"4.19.118-z6000", []string{"4.19.118-z6000"}, true, "required by a package"},
		"not readable":         {"", nil, false, "unknown"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			s, run := rebootSandbox(t)
			if tt.running != "" {
				s.write("osrelease", tt.running+"\n")
			}
			for _, k := range tt.kernels {
				s.write("boot/vmlinuz-"+k, "")
			}
			if tt.asked {
				s.write("run/reboot-required", "")
			}
			if got := run(script("facts", ""), "reboot"); got != "reboot="+tt.want+"\nend\n" {
				t.Errorf("got %q, want %q", got, tt.want)
			}
		})
	}
}

// The order is given only where a reboot is pending, and the node says that it is
// through when its boot ID is another one.
func TestReboot(t *testing.T) {
	t.Parallel()
	s, run := rebootSandbox(t)
	s.write("osrelease", "4.19.112-z6000\n")
	s.write("boot_id", "one\n")
	rebooted := func() string { return run(script("facts", ""), "rebooted") }
	if out := run(script("reboot", ""), ""); out != "no reboot is pending\n" || rebooted() != "rebooted=not-asked\nend\n" {
		t.Errorf("%q", out)
	}
	s.write("boot/vmlinuz-4.19.118-z6000", "")
	if out := run(script("reboot", "")+"\nwait", ""); out != "rebooting: running 4.19.112-z6000, installed 4.19.118-z6000\n" || rebooted() != "rebooted=no\nend\n" {
		t.Errorf("%q", out)
	}
	for range 100 {
		if s.read("ordered") == "ordered\n" {
			break
		}
		exec.Command("sleep", "0.02").Run()
	}
	if got := s.read("ordered"); got != "ordered\n" {
		t.Errorf("the order: %q", got)
	}
	s.write("boot_id", "two\n")
	if got := rebooted(); got != "rebooted=yes\nend\n" {
		t.Error(got)
	}
	s.write("osrelease", "4.19.118-z6000\n")
	if out := run(script("reboot", ""), ""); out != "no reboot is pending\n" || rebooted() != "rebooted=not-asked\nend\n" {
		t.Errorf("%q", out)
	}
}
