package zevenet

import (
	"encoding/base64"
	"errors"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
)

// sandbox runs node scripts for real, by a real shell, with the paths of a node
// moved below a temporary directory.
type sandbox struct {
	t   testing.TB
	dir string
}

func newSandbox(t testing.TB) *sandbox {
	t.Helper()
	s := &sandbox{t: t, dir: t.TempDir()}
	for _, d := range []string{"etc/keepalived", "var/lib", "root/config/local", "root/bin"} {
		if err := os.MkdirAll(filepath.Join(s.dir, d), 0o755); err != nil {
			t.Fatal(err)
		}
	}
	s.write("etc/hostname", "zva5n1\n")
	return s
}

func (s *sandbox) path(name string) string { return filepath.Join(s.dir, name) }

func (s *sandbox) write(name, text string) {
	s.t.Helper()
	if err := os.WriteFile(s.path(name), []byte(text), 0o640); err != nil {
		s.t.Fatal(err)
	}
}

// read returns the text of a file, or "(absent)".
func (s *sandbox) read(name string) string {
	data, err := os.ReadFile(s.path(name))
	if err != nil {
		return "(absent)"
	}
	return string(data)
}

// run runs a node script for a node whose peer is 192.168.100.2.
func (s *sandbox) run(name string) string {
	s.t.Helper()
	out, err := s.shell(name)
	if err != nil {
		s.t.Fatalf("%s: %v\n%s", name, err, out)
	}
	return out
}

// shell has sh run a node script. No process of this machine is looked for.
func (s *sandbox) shell(name string) (string, error) { return s.shellFor(name, "192.168.100.2") }

// shellFor is shell for a node with that peer.
func (s *sandbox) shellFor(name, peer string) (string, error) {
	text := strings.NewReplacer(
		"/etc/hosts.deny", s.path("etc/hosts.deny"),
		"/etc/keepalived/", s.path("etc/keepalived")+"/",
		"/etc/sysctl.conf", s.path("etc/sysctl.conf"),
		"/var/lib/zup", s.path("var/lib/zup"),
		"/usr/local/zevenet", s.path("root"),
		"pidof keepalived", "false",
	).Replace(script(name, peer))
	cmd := exec.Command("sh")
	cmd.Stdin = strings.NewReader(text)
	out, err := cmd.CombinedOutput()
	return string(out), err
}

// hostsDeny are contents of hosts.deny that a node may have, some of them traps.
var hostsDeny = map[string]string{
	"absent":               "(absent)",
	"empty":                "",
	"others":               "# by hand\nsshd: 10.0.0.7\nALL: 203.0.113.0/24\n",
	"no final line feed":   "sshd: 10.0.0.7\nsshd: 10.0.0.8",
	"comment unterminated": "# nothing here",
	"longer address":       "sshd: 192.168.100.20\nsshd: 192.168.100.240\n",
	"blank lines":          "\n\nsshd: 10.0.0.7\n\n",
	"carriage returns":     "sshd: 10.0.0.7\r\n",
}

func (s *sandbox) deny(text string) {
	if text != "(absent)" {
		s.write("etc/hosts.deny", text)
	}
}

// A node in maintenance mode is taken out of it by the product; of one that is not in it
// only the mark goes.
func TestMaintenanceOff(t *testing.T) {
	t.Parallel()
	for name, tt := range map[string]struct{ role, flag, asks string }{
		"with its flag":             {"maintenance", "root/config/local/maintenance_flag", "asked\n"},
		"of a version without flag": {"maintenance", "", "asked\n"},
		"before the role has moved": {"master", "root/config/local/maintenance_flag", "asked\n"},
		"not in it":                 {"backup", "", "(absent)"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			s := newSandbox(t)
			s.write("root/node_status", tt.role+"\n")
			if tt.flag != "" {
				s.write(tt.flag, "")
			}
			if err := os.MkdirAll(s.path("var/lib/zup/open"), 0o700); err != nil {
				t.Fatal(err)
			}
			s.write("var/lib/zup/open/maintenance", "")
			bridge := "#!/bin/sh\necho asked >>" + s.path("asked") + "\nrm -f " + s.path("root/config/local/maintenance_flag") + "\n"
			s.write("root/bin/enterprise.bin", bridge)
			if err := os.Chmod(s.path("root/bin/enterprise.bin"), 0o755); err != nil {
				t.Fatal(err)
			}
			s.run("maintenance_off")
			if got := s.read("asked"); got != tt.asks {
				t.Errorf("the product was asked: %q", got)
			}
			if got := s.read("var/lib/zup/open/maintenance"); got != "(absent)" {
				t.Error("the mark is still there")
			}
		})
	}
}

// The block ends the file with the exact line, whatever was there, and taking it
// away brings every byte back, and the file's mode.
func TestBlockAndUnblock(t *testing.T) {
	t.Parallel()
	for name, before := range hostsDeny {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			s := newSandbox(t)
			s.deny(before)
			s.run("block")
			blocked := s.read("etc/hosts.deny")
			if !strings.HasSuffix("\n"+blocked, "\nsshd: 192.168.100.2\n") {
				t.Fatalf("blocked: %q", blocked)
			}
			if before != "(absent)" && !strings.HasPrefix(blocked, before) {
				t.Errorf("other lines were changed: %q", blocked)
			}
			s.run("block")
			if again := s.read("etc/hosts.deny"); again != blocked {
				t.Errorf("the second time changed it: %q", again)
			}
			s.run("unblock")
			if after := s.read("etc/hosts.deny"); after != before {
				t.Errorf("after: %q, before: %q", after, before)
			}
			if before != "(absent)" {
				if info, err := os.Stat(s.path("etc/hosts.deny")); err != nil || info.Mode().Perm() != 0o640 {
					t.Errorf("mode %v, %v", info.Mode(), err)
				}
			}
			s.run("unblock")
			if after := s.read("etc/hosts.deny"); after != before {
				t.Errorf("unblocking twice: %q", after)
			}
			s.run("tidy")
			if left := s.read("var/lib/zup"); left != "(absent)" {
				t.Error("something was left behind")
			}
		})
	}
}

// What somebody else changes between block and unblock stays.
func TestUnblockKeepsWhatOthersChanged(t *testing.T) {
	t.Parallel()
	for _, tt := range []struct{ name, before, meanwhile, want string }{
		{"line added", "sshd: 10.0.0.7\n", "sshd: 10.0.0.7\nsshd: 192.168.100.2\nsshd: 10.0.0.9\n", "sshd: 10.0.0.7\nsshd: 10.0.0.9\n"},
		{"line removed", "sshd: 10.0.0.7\n", "sshd: 192.168.100.2\n", ""},
		{"ours removed already", "sshd: 10.0.0.7\n", "sshd: 10.0.0.7\n", "sshd: 10.0.0.7\n"},
		{"longer address stays", "", "sshd: 192.168.100.2\nsshd: 192.168.100.24\n", "sshd: 192.168.100.24\n"},
		{"twice", "", "sshd: 192.168.100.2\nsshd: 192.168.100.2\n", ""},
	} {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			s := newSandbox(t)
			s.deny(tt.before)
			s.run("block")
			s.write("etc/hosts.deny", tt.meanwhile)
			s.run("unblock")
			if got := s.read("etc/hosts.deny"); got != tt.want {
				t.Errorf("got %q, want %q", got, tt.want)
			}
		})
	}
}

// A line that zup knows nothing about, left by hand, is removed exactly.
func TestUnblockWithoutARecord(t *testing.T) {
	t.Parallel()
	s := newSandbox(t)
	s.deny("# x\nsshd: 192.168.100.2\nsshd: 192.168.100.24\n")
	s.run("unblock")
	if got, want := s.read("etc/hosts.deny"), "# x\nsshd: 192.168.100.24\n"; got != want {
		t.Errorf("got %q, want %q", got, want)
	}
}

// updater stands in for checkupgrades: it treats hosts.deny as the product does
// on a backup, with a plain append and an unanchored sed.
const updater = `#!/bin/sh
echo "sshd: 192.168.100.2" >>HOSTS_DENY
DURING
sed -i "/sshd: 192.168.100.2/d" HOSTS_DENY
exit 0
`

// Whatever the updater's clean-up takes from hosts.deny comes back.
func TestUpdatePutsHostsDenyBack(t *testing.T) {
	t.Parallel()
	for name, before := range hostsDeny {
		for during, want := range map[string]string{
			":": before,
			// Somebody adds a line while the updater runs: it stays.
			"echo 'sshd: 10.9.9.9' >>HOSTS_DENY": "",
			// The updater dies before it cleans up.
			"exit 0": before,
		} {
			t.Run(name+", "+during, func(t *testing.T) {
				t.Parallel()
				s := newSandbox(t)
				s.deny(before)
				s.write("root/bin/checkupgrades", strings.ReplaceAll(strings.ReplaceAll(updater, "DURING", during), "HOSTS_DENY", s.path("etc/hosts.deny")))
				if err := os.Chmod(s.path("root/bin/checkupgrades"), 0o755); err != nil {
					t.Fatal(err)
				}
				s.run("update")
				got := s.read("etc/hosts.deny")
				if during == ":" || during == "exit 0" {
					if during == "exit 0" && before == "(absent)" {
						want = "sshd: 192.168.100.2\n" // nothing was there to compare with: the next plan sees the line
					}
					if got != want {
						t.Errorf("got %q, want %q", got, want)
					}
					return
				}
				if !strings.Contains(got, "sshd: 10.9.9.9\n") {
					t.Errorf("the other one's line is lost: %q", got)
				}
				for line := range strings.Lines(before) {
					if before != "(absent)" && strings.HasSuffix(line, "\n") && !strings.Contains(got, line) {
						t.Errorf("%q is lost: %q", line, got)
					}
				}
			})
		}
	}
}

func TestBoostAndBack(t *testing.T) {
	t.Parallel()
	const conf = "vrrp_instance ZCluster {\n\tinterface eth0\n\tpriority 50\n\tadvert_int 5\n}\n"
	s := newSandbox(t)
	s.write("etc/keepalived/keepalived.conf", conf)
	// No keepalived runs here: the scripts then fail where they would signal it.
	s.fails("boost")
	if got := s.read("etc/keepalived/keepalived.conf"); !strings.Contains(got, "\tpriority 254\n") || !strings.Contains(got, "advert_int 5") {
		t.Errorf("boosted: %q", got)
	}
	s.fails("boost")
	s.run("unboost")
	if got := s.read("etc/keepalived/keepalived.conf"); got != conf {
		t.Errorf("after: %q", got)
	}
	if open := s.read("var/lib/zup/open/boost"); open != "(absent)" {
		t.Error("boost is still marked as open")
	}
	s.write("etc/keepalived/keepalived.conf", conf+"\tpriority 60\n")
	if out := s.fails("boost"); !strings.Contains(out, "not exactly one priority line") {
		t.Errorf("two priority lines: %s", out)
	}
}

// fails runs a script that must exit with another status than 0.
func (s *sandbox) fails(name string) string {
	s.t.Helper()
	out, err := s.shell(name)
	if err == nil {
		s.t.Fatalf("%s succeeded:\n%s", name, out)
	}
	return out
}

// Tidying up refuses while something is open.
func TestTidyRefusesWhileSomethingIsOpen(t *testing.T) {
	t.Parallel()
	s := newSandbox(t)
	s.run("block")
	if out := s.fails("tidy"); !strings.Contains(out, "hosts.deny") {
		t.Errorf("it says %q", out)
	}
}

// zup's folder is root's alone, and never where a link leads.
func TestZupsFolderIsRootsAlone(t *testing.T) {
	t.Parallel()
	for name, prepare := range map[string]func(s *sandbox) error{
		"absent": func(*sandbox) error { return nil },
		"open to everybody": func(s *sandbox) error {
			return errors.Join(os.MkdirAll(s.path("var/lib/zup/open"), 0o777), os.Chmod(s.path("var/lib/zup"), 0o777))
		},
		"a link": func(s *sandbox) error {
			return errors.Join(os.Mkdir(s.path("elsewhere"), 0o755), os.Symlink(s.path("elsewhere"), s.path("var/lib/zup")))
		},
		"a dangling link": func(s *sandbox) error { return os.Symlink(s.path("elsewhere"), s.path("var/lib/zup")) },
		"a link inside": func(s *sandbox) error {
			return errors.Join(os.MkdirAll(s.path("elsewhere"), 0o755), os.Mkdir(s.path("var/lib/zup"), 0o700), os.Symlink(s.path("elsewhere"), s.path("var/lib/zup/kept")))
		},
		"a file": func(s *sandbox) error { return os.WriteFile(s.path("var/lib/zup"), nil, 0o600) },
	} {
		for _, script := range []string{"block", "maintenance_on", "update", "boost", "image_prepare"} {
			t.Run(name+", "+script, func(t *testing.T) {
				t.Parallel()
				s := newSandbox(t)
				s.deny("sshd: 10.0.0.7\n")
				if err := prepare(s); err != nil {
					t.Fatal(err)
				}
				out, err := s.shell(script)
				if left, _ := os.ReadDir(s.path("elsewhere")); len(left) > 0 {
					t.Errorf("it followed the link: %v", left)
				}
				if name != "absent" && name != "open to everybody" {
					if err == nil || !strings.Contains(out, "is not a folder of root's") || s.read("etc/hosts.deny") != "sshd: 10.0.0.7\n" {
						t.Errorf("%v %s", err, out)
					}
					return
				}
				for _, dir := range []string{"", "/open", "/kept"} {
					if info, err := os.Lstat(s.path("var/lib/zup" + dir)); err != nil || info.Mode() != os.ModeDir|0o700 {
						t.Errorf("%s: %v %v", dir, info.Mode(), err)
					}
				}
			})
		}
	}
}

// Every script is complete: it sets what it uses and is valid for sh.
func TestScriptsAreValid(t *testing.T) {
	for _, p := range family {
		for name := range p.scripts() {
			text := p.script(name, "192.0.2.1")
			cmd := exec.Command("sh", "-n")
			cmd.Stdin = strings.NewReader(text)
			if out, err := cmd.CombinedOutput(); err != nil {
				t.Errorf("%s: %s: %v\n%s", p.name, name, err, out)
			}
			for _, v := range variables {
				uses := strings.Contains(text, "$"+v.name) || strings.Contains(text, "${"+v.name)
				if uses && !strings.Contains(text, "\n"+v.name+"=") {
					t.Errorf("%s: %s uses $%s and does not set it", p.name, name, v.name)
				}
			}
		}
	}
}

func TestQuote(t *testing.T) {
	for _, s := range []string{"", "plain", "it's", "$(reboot)", "a\nb", `\`, "'; rm -rf / #"} {
		out, err := exec.Command("sh", "-c", "printf %s "+quote(s)).Output()
		if err != nil || string(out) != s {
			t.Errorf("quote(%q): the shell makes %q of it (%v)", s, out, err)
		}
	}
}

// What the package takes out of /etc/sysctl.conf is in a copy before the updater is
// called, never in place of another one, and nothing is installed where there is no room.
func TestSysctlIsKept(t *testing.T) {
	t.Parallel()
	const kept = "root/backups/sysctl.conf-zup"
	for name, tt := range map[string]struct {
		conf, there string
		want, older string
		fails       bool
	}{
		"lines":                  {"# a\nnet.ipv4.ip_forward = 1\n", "(absent)", "# a\nnet.ipv4.ip_forward = 1\n", "", false},
		"without a line feed":    {"vm.swappiness=10", "(absent)", "vm.swappiness=10", "", false},
		"comments":               {"# a\n; b\n\n \t\n", "(absent)", "(absent)", "", false},
		"absent":                 {"(absent)", "(absent)", "(absent)", "", false},
		"emptied since":          {"# a\n", "x=1\n", "x=1\n", "", false},
		"the same copy is there": {"x=1\n", "x=1\n", "x=1\n", "", false},
		"another copy is there":  {"x=2\n", "x=1\n", "x=2\n", "x=1\n", false},
		"no room":                {"x=2\n", "(a file)", "(absent)", "", true},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			s := newSandbox(t)
			switch tt.there {
			case "(a file)":
				s.write("root/backups", "")
			case "(absent)":
			default:
				if err := os.Mkdir(s.path("root/backups"), 0o700); err != nil {
					t.Fatal(err)
				}
				s.write(kept, tt.there)
			}
			if tt.conf != "(absent)" {
				s.write("etc/sysctl.conf", tt.conf)
			}
			out, err := s.shell("keep_sysctl")
			if (err != nil) != tt.fails || tt.fails && !strings.Contains(out, "nothing was installed") {
				t.Errorf("%v: %s", err, out)
			}
			if got := s.read(kept); got != tt.want {
				t.Errorf("the copy says %q, want %q", got, tt.want)
			}
			older, _ := filepath.Glob(s.path(kept) + ".*Z")
			if len(older) != len(strings.Fields(tt.older)) {
				t.Fatalf("older copies: %q", older)
			}
			for _, path := range older {
				if data, err := os.ReadFile(path); err != nil || string(data) != tt.older {
					t.Errorf("the older copy says %q (%v)", data, err)
				}
			}
			if strings.Contains(strings.Join(older, " ")+out, ".new") {
				t.Error("something half is left")
			}
			lost := map[bool]string{true: "none", false: base64.StdEncoding.EncodeToString([]byte(strings.TrimPrefix(strings.TrimSuffix(tt.conf, "\n"), "# a\n") + "\n"))}
			got := s.facts("sysctl", "sysctl_kept")
			if want := lost[tt.want == "(absent)" && !tt.fails || name == "emptied since"]; got["sysctl"] != want {
				t.Errorf("%v, want %q", got, want)
			}
			if (got["sysctl_kept"] == "yes") != (tt.want != "(absent)") {
				t.Errorf("%v", got)
			}
		})
	}
}

// Whatever way a node is updated, that comes before the updater and before dpkg.
func TestSysctlIsKeptFirst(t *testing.T) {
	t.Parallel()
	for _, p := range family {
		for _, names := range updates() {
			text := p.script(names, "192.0.2.1")
			kept := strings.Index(text, `cp -p /etc/sysctl.conf "$sysctl.new"`)
			for _, runs := range []string{`"$updater" -i`, "--with-new-pkgs upgrade ;;", "dpkg --configure -a", "apt-get -y --no-remove -f install"} {
				if at := strings.Index(text, runs); kept < 0 || at >= 0 && at < kept {
					t.Errorf("%s: %q comes before the copy in %q", p.name, runs, names)
				}
			}
		}
	}
}
