package zevenet

import (
	"fmt"
	"hash/fnv"
	"os"
	"os/exec"
	"slices"
	"strings"
	"syscall"
	"testing"
	"time"

	"zup/plan"
)

// TestMain lets this program stand in for the replicator: started under another
// name it sleeps.
func TestMain(m *testing.M) {
	if os.Getenv("ZUP_TEST_SLEEP") != "" {
		time.Sleep(time.Minute)
		os.Exit(0)
	}
	os.Exit(m.Run())
}

// facts runs the facts script for real in the sandbox. The replicator has a name
// of its own, so that nobody else's is found.
func (s *sandbox) facts(names ...string) map[string]string {
	s.t.Helper()
	out, err := s.scriptWith("facts", names)
	if err != nil {
		s.t.Fatalf("%v\n%s", err, out)
	}
	facts, err := plan.ParseFacts([]byte(out), names)
	if err != nil {
		s.t.Fatalf("%v\n%s", err, out)
	}
	return facts
}

// replicator is a name that no other test and nobody else on this machine has.
func (s *sandbox) replicator() string {
	h := fnv.New32a()
	h.Write([]byte(s.dir))
	return fmt.Sprintf("zeno%08xtest", h.Sum32())
}

// scriptWith runs a node script with arguments and its own replicator.
func (s *sandbox) scriptWith(name string, args []string) (string, error) {
	text := strings.NewReplacer(
		"/etc/hosts.", s.path("etc")+"/hosts.",
		"/etc/sysctl.conf", s.path("etc/sysctl.conf"),
		"/var/lib/zup", s.path("var/lib/zup"),
		"/usr/local/zevenet", s.path("root"),
		"/var/run/zeninotify.pid", s.path("var/replicator.pid"),
		"zeninotify", s.replicator(),
		"pidof keepalived", "false",
		"/proc/sys/kernel/hostname", s.path("etc/hostname"),
	).Replace(script(name, "192.168.100.25"))
	cmd := exec.Command("sh", append([]string{"-s", "--"}, args...)...)
	cmd.Stdin = strings.NewReader(text)
	out, err := cmd.Output()
	return string(out), err
}

const clusterConf = `deadratio=5
interface=eth0
primary = zva5n1
; a comment = nothing

[zva5n1]
instance_id=i-0123456789
ip=192.168.100.24

[zva5n2]
instance_id=i-9876543210
ip = 192.168.100.25
`

func TestFacts(t *testing.T) {
	t.Parallel()
	s := newSandbox(t)
	s.write("root/config/cluster.conf", clusterConf)
	s.write("root/config/global.conf", "# x\n$version=\"6.1.19\"; #update\n$other=\"1\";\n")
	s.write("root/config/if_eth0:1_conf", "[eth0:1]\naddr=192.0.2.10\nstatus=up\n")
	s.write("root/config/if_eth0:2_conf", "[eth0:2]\nstatus=down\naddr=192.0.2.11\n")
	s.write("root/config/if_eth0:3_conf", "status=up\neth0:3;192.0.2.12;255.255.255.0;;\n")
	s.write("root/config/if_eth0:4_conf", "[eth0:4]\naddr=2001:db8::10\n")
	s.write("root/config/if_eth0_conf", "[eth0]\naddr=192.168.100.24\nstatus=up\n")
	s.write("root/node_status", "master\nold\n")
	s.write("etc/hosts.deny", "sshd: 192.168.100.250\nsshd: 192.168.100.25\n")
	want := map[string]string{
		"hostname": "zva5n1", "version": "6.1.19", "clustered": "yes", "deadratio": "5", "interface": "eth0", "primary": "zva5n1",
		"nodes": "zva5n1=192.168.100.24 zva5n2=192.168.100.25", "vips": "192.0.2.10 192.0.2.12 2001:db8::10", "role": "master",
		"deny": "present", "hosts_allow": "absent", "maintenance": "no", "open": "none", "left": "no", "replication": "off",
		"keepalived": "0", "vrrp": "down", "licence": "missing", "jobs": "none",
	}
	got := s.facts(slices.Sorted(keys(want))...)
	for name, value := range want {
		if got[name] != value {
			t.Errorf("%s is %q, want %q", name, got[name], value)
		}
	}

	s.write("root/node_status", "\n")
	s.write("etc/hosts.deny", "sshd: 192.168.100.250\n")
	s.write("root/config/local/maintenance_flag", "")
	got = s.facts("role", "deny", "maintenance")
	if got["role"] != "stopped" || got["deny"] != "none" || got["maintenance"] != "yes" {
		t.Errorf("%v", got)
	}
	for text, want := range map[string]string{"": "empty", "\n": "Cg==", "\x00 #\r\n": "ACAjDQo="} {
		s.write("etc/hosts.allow", text)
		if got := s.facts("hosts_allow")["hosts_allow"]; got != want {
			t.Errorf("hosts.allow %q is %q, want %q", text, got, want)
		}
	}
	os.Remove(s.path("root/node_status"))
	if got = s.facts("role", "clustered"); got["role"] != "none" || got["clustered"] != "no" {
		t.Errorf("%v", got)
	}
	os.Remove(s.path("root/config/global.conf"))
	if got = s.facts("version"); got["version"] != "unknown" {
		t.Errorf("%v", got)
	}
}

// A keepalived that has just started does not know the signal yet that makes it write its
// data: it would end it. It is left alone, and what it thinks is unknown.
func TestKeepalivedThatHasJustStarted(t *testing.T) {
	t.Parallel()
	for name, tt := range map[string]struct{ program, vrrp string }{
		"it has just started": {`print "\n"; sleep 60`, "unknown"},
		"it has a handler": {`$SIG{USR1} = sub { open my $f, ">", $ARGV[0]; print $f " State = MASTER\n Effective priority = 120\n Total priority = 120\n"; close $f };
			print "\n"; sleep 60 while 1`, "MASTER"},
		"its data is not all there": {`$SIG{USR1} = sub { open my $f, ">", $ARGV[0]; print $f " State = MASTER\n Effective priority = 12"; close $f };
			print "\n"; sleep 60 while 1`, "unknown"},
		"it waits for the signal": {`use POSIX; sigprocmask(SIG_BLOCK, POSIX::SigSet->new(SIGUSR1)); print "\n"; sleep 60`, "unknown"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			s := newSandbox(t)
			data := s.path("keepalived.data")
			process := exec.CommandContext(t.Context(), "perl", "-e", "$| = 1; "+tt.program, data)
			out, err := process.StdoutPipe()
			if err != nil {
				t.Fatal(err)
			}
			if err := process.Start(); err != nil {
				t.Fatal(err)
			}
			if _, err := out.Read(make([]byte, 1)); err != nil { // it is as far as it gets
				t.Fatal(err)
			}
			text := strings.NewReplacer(
				"pidof keepalived", fmt.Sprint("echo ", process.Process.Pid),
				"/etc/keepalived", s.path("etc/keepalived"),
				"/tmp /run/", s.dir+" "+s.dir+"/",
			).Replace(script("facts", "192.168.100.25"))
			cmd := exec.Command("sh", "-s", "--", "vrrp", "keepalived")
			cmd.Stdin = strings.NewReader(text)
			got, err := cmd.Output()
			if want := "vrrp=" + tt.vrrp + "\nkeepalived=1\nend\n"; err != nil || string(got) != want {
				t.Errorf("%q (%v), want %q", got, err, want)
			}
			process.Process.Kill()
			process.Wait()
			if by := process.ProcessState.Sys().(syscall.WaitStatus).Signal(); by != syscall.SIGKILL {
				t.Errorf("it was ended by %v", by)
			}
		})
	}
}

// BenchmarkFacts is what the node pays for one look at it while a role moves, all
// processes that the script starts included.
func BenchmarkFacts(b *testing.B) {
	s := newSandbox(b)
	s.write("root/config/cluster.conf", clusterConf)
	s.write("root/config/if_eth0:1_conf", "[eth0:1]\naddr=192.0.2.10\nstatus=up\n")
	s.write("root/node_status", "master\n")
	names := []string{"role", "vrrp", "priority", "keepalived", "maintenance", "vips", "arp", "farms", "deny", "open"}
	for b.Loop() {
		if got := s.facts(names...); got["role"] != "master" || got["vips"] != "192.0.2.10" {
			b.Fatal(got)
		}
	}
}

func keys(m map[string]string) func(func(string) bool) {
	return func(yield func(string) bool) {
		for k := range m {
			if !yield(k) {
				return
			}
		}
	}
}

// The digest is over what the product replicates, and over nothing else.
func TestDigest(t *testing.T) {
	t.Parallel()
	s := newSandbox(t)
	s.write("root/config/web1_proxy.cfg", "Address 192.0.2.10\n")
	s.write("root/config/if_eth0:1_conf", "addr=192.0.2.10\n")
	before := s.facts("digest")["digest"]
	if len(before) != 64 {
		t.Fatalf("digest %q", before)
	}
	for _, name := range []string{"global.conf", "if_eth0_conf", "zencert.pem", "zencert-c.key", "zlb-start", "zlb-stop", "local/x"} {
		s.write("root/config/"+name, "of this node alone")
		if got := s.facts("digest")["digest"]; got != before {
			t.Errorf("%s is not replicated, but in the digest", name)
		}
	}
	for _, name := range []string{"web2_proxy.cfg", "if_eth0:1_conf", ".hidden", "with space.cfg", "cluster.conf"} {
		s.write("root/config/"+name, "replicated")
		after := s.facts("digest")["digest"]
		if after == before {
			t.Errorf("%s is replicated, but not in the digest", name)
		}
		before = after
	}
}

// Marks of what is open are listed; what can't be found out is unknown, never
// "none".
func TestOpenMarks(t *testing.T) {
	t.Parallel()
	s := newSandbox(t)
	if err := os.MkdirAll(s.path("var/lib/zup/open"), 0o755); err != nil {
		t.Fatal(err)
	}
	s.write("var/lib/zup/open/maintenance", "")
	s.write("var/lib/zup/open/hosts.deny", "")
	if got := s.facts("open", "left"); got["open"] != "hosts.deny maintenance" || got["left"] != "yes" {
		t.Errorf("%v", got)
	}
}

// start starts this program under the given name.
func (s *sandbox) start(args ...string) *exec.Cmd {
	s.t.Helper()
	cmd := &exec.Cmd{Path: os.Args[0], Args: args, Env: append(os.Environ(), "ZUP_TEST_SLEEP=1")}
	if err := cmd.Start(); err != nil {
		s.t.Fatal(err)
	}
	ended := make(chan struct{})
	go func() { cmd.Wait(); close(ended) }()
	s.t.Cleanup(func() { cmd.Process.Kill(); <-ended })
	// Until it has become this program its command line is that of the parent.
	for {
		line, err := os.ReadFile(fmt.Sprintf("/proc/%d/cmdline", cmd.Process.Pid))
		if err != nil {
			s.t.Fatal(err)
		}
		if strings.HasPrefix(string(line), args[0]+"\x00") {
			return cmd
		}
		time.Sleep(time.Millisecond)
	}
}

// The replicator is found however it was started, and nothing else is taken for
// it; stopping it stops all of it.
func TestReplicatorIsFoundAndStopped(t *testing.T) {
	t.Parallel()
	for _, tt := range []struct {
		name string
		args string // BIN is the product's directory, NAME the replicator
		is   string // running, unrecognised or off
	}{
		{"the binary", "BIN/enterprise.bin NAME", "running"},
		{"its link", "BIN/NAME", "running"},
		{"its link with an ending", "BIN/NAME.pl", "running"},
		{"a script by its link", "/usr/bin/perl BIN/NAME", "running"},
		{"a script", "/usr/bin/perl BIN/enterprise.bin NAME", "running"},
		{"a script with an option", "/usr/bin/perl -w BIN/enterprise.bin NAME", "running"},
		{"a script by its link with options", "perl -wT -Mstrict -I/opt/site BIN/NAME", "running"},
		{"a script with an option that has an argument", "/usr/bin/perl5.36.0 -I /opt/lib -w -- BIN/NAME", "running"},
		{"a script without its directory", "perl enterprise.bin NAME", "running"},
		{"a shell's script", "/bin/sh -x BIN/NAME", "running"},
		{"a shell's script with an option that has an argument", "bash -o pipefail BIN/NAME", "running"},
		{"the loader", "/lib64/ld-linux-x86-64.so.2 --library-path /opt BIN/NAME", "running"},
		{"busybox", "busybox sh BIN/NAME", "running"},
		{"a program that starts others", "timeout 60 BIN/enterprise.bin NAME", "running"},
		{"further arguments", "BIN/enterprise.bin NAME --foreground", "running"},
		{"a title", "|enterprise.bin NAME: pushing to zva5n2", "running"},
		{"a title of its own name", "|NAME: waits", "running"},

		{"an interpreter that nobody knows", "/usr/bin/python3 BIN/NAME", "unrecognised"},
		{"an editor", "vim BIN/NAME", "unrecognised"},

		{"its stop verb", "BIN/enterprise.bin NAME stop", "off"},
		{"a script's stop verb", "/usr/bin/perl -w BIN/enterprise.bin NAME stop", "off"},
		{"its link's stop verb", "perl BIN/NAME stop", "off"},
		{"somebody who reads about it", "less /var/log/NAME", "off"},
		{"somebody who looks for it", "grep NAME", "off"},
		{"somebody who has it in a code", "perl -we sleep NAME", "off"},
		{"a shell's words", "|sh|-c|BIN/enterprise.bin NAME &", "off"},
		{"another verb of the binary", "BIN/enterprise.bin xNAME", "off"},
		{"another verb of the script", "/usr/bin/perl BIN/enterprise.bin NAMEx", "off"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			s := newSandbox(t)
			args := strings.NewReplacer("BIN", s.path("root/bin"), "NAME", s.replicator()).Replace(tt.args)
			words := strings.Fields(args)
			if title, ok := strings.CutPrefix(args, "|"); ok {
				words = strings.Split(title, "|")
			}
			cmd := s.start(words...)
			for range 5 { // other processes come and go meanwhile
				if got := s.facts("replication")["replication"]; !strings.HasPrefix(got, tt.is) {
					t.Fatalf("replication is %s, want %s", got, tt.is)
				}
			}
			s.named(cmd.Process.Pid, tt.is == "running")
			out, err := s.scriptWith("replication_stop", nil)
			if err != nil {
				t.Fatal(err, out)
			}
			alive := cmd.Process.Signal(syscall.Signal(0)) == nil
			if alive == (tt.is == "running") {
				t.Errorf("alive is %t afterwards\n%s", alive, out)
			}
			if s.read("var/replicator.pid") == "(absent)" != (tt.is == "running") {
				t.Error("the PID file of a process that lives is gone, or that of one that has ended is not")
			}
			want := "unrecognised"
			if tt.is == "running" {
				want = "off"
			}
			if got := s.facts("replication")["replication"]; !strings.HasPrefix(got, want) {
				t.Errorf("replication is %s afterwards", got)
			}
		})
	}
}

// named has the PID file name a process. One that is not recognised is unrecognised then,
// whatever it is; one that is, is running.
func (s *sandbox) named(pid int, recognised bool) {
	s.t.Helper()
	want := fmt.Sprintf("unrecognised %d %s zevenet.test", pid, s.path("var/replicator.pid"))
	if recognised {
		want = "running"
	}
	for _, text := range []string{"%d\n", "%d", "  %d zeninotify\nx\n"} {
		s.write("var/replicator.pid", fmt.Sprintf(text, pid))
		if got := s.facts("replication")["replication"]; got != want && !(strings.HasPrefix(want, "unr") && strings.Contains(got, want[len("unrecognised "):])) {
			s.t.Errorf("with PID file %q replication is %s, want %s", text, got, want)
		}
	}
}

// What a PID file says of nobody who lives is of no interest.
func TestReplicatorsPIDFileOfNobody(t *testing.T) {
	t.Parallel()
	s := newSandbox(t)
	for _, text := range []string{"", "\n", "zeninotify\n", "0\n", "99999999\n"} {
		if err := os.MkdirAll(s.path("var"), 0o755); err != nil {
			t.Fatal(err)
		}
		s.write("var/replicator.pid", text)
		if got := s.facts("replication")["replication"]; got != "off" {
			t.Errorf("%q: replication is %s", text, got)
		}
	}
}
