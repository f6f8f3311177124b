package ssh

import (
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"time"

	"zup/providers/ssh/sshtest"
)

// relay is a command of three processes that leads to a server on this machine: what it
// starts has to end with it.
const relay = `bash -c 'echo $$ >>"$HOME/pids"; exec 3<>"/dev/tcp/127.0.0.1/$1"; cat <&3 & echo $! >>"$HOME/pids"; cat >&3; wait' relay`

// behindCommand returns a dialer whose ssh_config names a script as ProxyCommand, as WAY,
// and the target.
func behindCommand(t *testing.T, s *sshtest.Server, config, script string) (*Dialer, Target) {
	t.Helper()
	if _, err := exec.LookPath("bash"); err != nil {
		skip(t, "needs bash")
	}
	d := newDialer(t)
	d.Environ = func() []string {
		return []string{"PATH=" + os.Getenv("PATH"), "HOME=" + d.Home, "SHELL=/bin/sh", "ZUP_SECRET_x=CANARY"}
	}
	relay := strings.ReplaceAll(relay, "$1", fmt.Sprint(s.Port()))
	way := filepath.Join(d.Home, "way")
	if err := os.WriteFile(way, []byte(strings.NewReplacer("RELAY", relay, "$DIR", d.Home).Replace(script)), 0o600); err != nil {
		t.Fatal(err)
	}
	writeConfig(t, d, strings.ReplaceAll(config, "WAY", "/bin/sh "+way))
	to := target(s)
	to.Address, to.Port = "lb1", 2201
	return d, to
}

// written returns the lines of a file in the home of d, once there are n of them.
func written(t *testing.T, d *Dialer, name string, n int) []string {
	t.Helper()
	for range 1000 {
		text, _ := os.ReadFile(filepath.Join(d.Home, name))
		if strings.Count(string(text), "\n") >= n {
			return strings.Split(strings.TrimSpace(string(text)), "\n")
		}
		time.Sleep(10 * time.Millisecond)
	}
	t.Fatalf("nobody has written %d lines to %s", n, name)
	return nil
}

// gone waits until none of the processes is there.
func gone(t *testing.T, pids []string) {
	t.Helper()
	for _, p := range pids {
		pid, err := strconv.Atoi(p)
		if err != nil {
			t.Fatal(err)
		}
		for tries := 0; syscall.Kill(pid, 0) == nil; tries++ {
			if state, _ := os.ReadFile(fmt.Sprintf("/proc/%d/stat", pid)); strings.Contains(string(state), ") Z ") {
				break // whoever started it is to reap it
			}
			if tries > 1000 {
				t.Fatalf("process %d is there still", pid)
			}
			time.Sleep(10 * time.Millisecond)
		}
	}
}

// The command gets the user's environment without secrets, in his home, and is ended with
// the connection together with what it has started, though that ignores a hangup.
func TestProxyCommandEndsWithItsConnection(t *testing.T) {
	t.Parallel()
	s := sshtest.New(t, sshtest.Config{Local: true})
	d, to := behindCommand(t, s, "Host lb1\n ProxyCommand WAY %n %h %p %r %k %%\n", "trap '' HUP; pwd >$DIR/cwd; env >$DIR/env; echo \"$@\" >$DIR/tokens; sleep 1000 & echo $! >$DIR/sleeping; RELAY\n")
	d.Trusted = func(string) error { return nil }
	h := dial(t, d, to)
	if res := run(t, h, "echo hello"); string(res.Stdout) != "hello\n" {
		t.Errorf("%q", res.Stdout)
	}
	if got := written(t, d, "tokens", 1)[0]; got != "lb1 lb1 2201 root lb1 %" {
		t.Errorf("tokens: %s", got)
	}
	if got := written(t, d, "cwd", 1)[0]; got != d.Home {
		t.Errorf("it runs in %s", got)
	}
	if env := strings.Join(written(t, d, "env", 3), "\n"); strings.Contains(env, "CANARY") || !strings.Contains(env, "HOME="+d.Home) {
		t.Errorf("its environment: %s", env)
	}
	h.Close()
	gone(t, append(written(t, d, "pids", 2), written(t, d, "sleeping", 1)...))
}

// A connection that is lost is made anew, by the command too.
func TestProxyCommandThatEndsIsSaidAndRunAgain(t *testing.T) {
	t.Parallel()
	s := sshtest.New(t, sshtest.Config{Local: true})
	d, to := behindCommand(t, s, "Host lb1\n ProxyCommand WAY\n", "exec RELAY\n")
	d.RetryFor = 30 * time.Second
	h := dial(t, d, to)
	run(t, h, "true")
	result := make(chan error)
	go func() {
		_, err := h.Run(t.Context(), Command{Script: `touch "$1"; sleep 1000`, Args: []string{filepath.Join(d.Home, "runs")}})
		result <- err
	}()
	for !exists(filepath.Join(d.Home, "runs")) {
		time.Sleep(10 * time.Millisecond)
	}
	pid, _ := strconv.Atoi(written(t, d, "pids", 2)[0])
	syscall.Kill(-pid, syscall.SIGKILL)
	err := <-result
	var lost *LostError
	if !errors.As(err, &lost) || !strings.Contains(err.Error(), "the ProxyCommand of "+filepath.Join(d.Home, ".ssh", "config")+":2: the command has ended (signal: killed)") {
		t.Errorf("got %v", err)
	}
	if res := run(t, h, "echo again"); string(res.Stdout) != "again\n" {
		t.Errorf("%q", res.Stdout)
	}
}

func exists(file string) bool {
	_, err := os.Stat(file)
	return err == nil
}

// What became of a command that led nowhere is said in words, escaped.
func TestProxyCommandThatLeadsNowhere(t *testing.T) {
	t.Parallel()
	s := sshtest.New(t, sshtest.Config{})
	for _, c := range []struct {
		name, command string
		reason        error
		want, hint    string
	}{
		{"status", `echo one >&2; printf '\033[31mno way\n' >&2; exit 3`, ErrProxy, `through the ProxyCommand of CONFIG:2: the command led to no SSH server: the command has ended (exit status 3); the command said: one; \x1b[31mno way`, "sh -c"},
		{"no such program", "exec none-such", ErrProxy, "none-such: not found", "way lb1'"},
		{"signal", "kill -9 $$", ErrProxy, "signal: killed", "sh -c"},
		{"end without a word", "true", ErrHangup, "the command has ended (exit status 0)", "ended without a word"},
		{"another protocol", "echo HTTP/1.0 403 no", ErrNotSSH, `it said "HTTP/1.0 403 no"`, "web proxy"},
		{"silence", "echo patience >&2; cat >/dev/null", ErrSilent, "no handshake within 4s; the command said: patience", "sshd does not speak"},
	} {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			d, to := behindCommand(t, s, "Host lb1\n ProxyCommand WAY %h\n", c.command)
			d.Timeout = 15 * time.Second
			if c.reason == ErrSilent {
				d.Timeout = 4 * time.Second
			}
			_, err := d.Dial(t.Context(), to)
			var ce *ConnectError
			want := strings.ReplaceAll(c.want, "CONFIG", filepath.Join(d.Home, ".ssh", "config"))
			if !errors.As(err, &ce) || !errors.Is(err, c.reason) || !strings.Contains(err.Error(), want) || !strings.Contains(ce.Hint(), c.hint) {
				t.Errorf("got %v\nhint %s", err, ce.Hint())
			}
		})
	}
}

// A jump host may be reached through a command, and is shared by all who come through it.
func TestProxyCommandOfAJumpHost(t *testing.T) {
	t.Parallel()
	node := sshtest.New(t, sshtest.Config{Local: true})
	jump := sshtest.New(t, sshtest.Config{Forward: true, Names: sshtest.Network{"lb1:2201": node, "lb2:2201": node}})
	d, to := behindCommand(t, jump, "Host lb*\n ProxyJump bastion\nHost bastion\n User root\n IdentityFile "+jump.IdentityFile()+"\n UserKnownHostsFile "+jump.KnownHosts("bastion")+"\n ProxyCommand WAY\n", "exec RELAY\n")
	d.KnownHostsFiles = nil
	to.IdentityFile, to.HostKey = node.IdentityFile(), node.HostKey()
	for _, name := range []string{"lb1", "lb2"} {
		to.Address = name
		if res := run(t, dial(t, d, to), "echo hello"); string(res.Stdout) != "hello\n" {
			t.Errorf("%q", res.Stdout)
		}
	}
	pids := written(t, d, "pids", 2)
	if len(pids) != 2 {
		t.Errorf("processes %v: the command was run twice", pids)
	}
	d.Close()
	gone(t, pids)
}

// What a configuration may choose, names, is no more than a name to the shell; and what it
// may bring, files, starts nothing.
func TestProxyCommandIsTheUsersOwn(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		name, config string
		target       Target
		want         string
	}{
		{"address", "ProxyCommand nc %h %p\n", Target{Address: "lb1;touch x"}, `%h is "lb1;touch x", and a shell may read that as more than a name`},
		{"name behind an alias", "HostName lb1\nProxyCommand nc %h %n\n", Target{Address: "$(id)"}, `%n is "$(id)"`},
		{"option", "ProxyCommand nc %h %p\n", Target{Address: "-oProxyCommand=x"}, "a shell may read"},
		{"user", "ProxyCommand nc %r@%h %p\n", Target{Address: "lb1", User: "`id`"}, "a shell may read"},
		{"jump host", "Host !lb1 *\n ProxyCommand nc %h %p\n", Target{Address: "lb1", Jump: []string{"a|b"}}, "a shell may read"},
		{"user that is not asked for", "ProxyCommand nc %h %p\n", Target{Address: "lb1", User: `CORP\me`}, ""},
		{"names that have all signs", "ProxyCommand nc %r %h %p\n", Target{Address: "fe80::1%eth0", User: "a.b+c@d-e_f"}, ""},
		{"file of others", "Include ~/more\n", Target{Address: "lb1"}, "more:1: ProxyCommand: it is not run: more is foreign"},
		{"file of others that is not followed", "ProxyCommand none\nInclude ~/more\n", Target{Address: "lb1"}, ""},
	} {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			d := newDialer(t)
			writeConfig(t, d, c.config)
			if err := os.WriteFile(filepath.Join(d.Home, "more"), []byte("ProxyCommand touch ran\n"), 0o600); err != nil {
				t.Fatal(err)
			}
			d.Trusted = func(file string) error {
				if filepath.Base(file) == "more" {
					return errors.New("more is foreign")
				}
				return nil
			}
			_, err := d.resolve(t.Context(), c.target)
			if (err == nil) != (c.want == "") || err != nil && !strings.Contains(err.Error(), c.want) {
				t.Errorf("got %v", err)
			}
		})
	}
}

// Whoever kills zup, at any moment, leaves nothing of the command behind.
func TestProxyCommandDiesWithZup(t *testing.T) {
	if home := os.Getenv("ZUP_TEST_HOME"); home != "" {
		d := &Dialer{Home: home, SystemConfigFile: "none", AgentSocket: "none", RetryFor: -1}
		_, err := d.Dial(t.Context(), Target{Address: "lb1"})
		t.Fatal("not killed: ", err)
	}
	t.Parallel()
	for _, c := range []struct{ name, command string }{
		{"one process", `exec sleep 1000`},
		{"several that ignore what they can", `trap "" HUP INT TERM PIPE; (sleep 1001; true) & sleep 1002`},
	} {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			d := newDialer(t)
			writeConfig(t, d, "ProxyCommand sh -c 'echo $$ >"+d.Home+"/pid; "+c.command+"'\n")
			zup := exec.Command(os.Args[0], "-test.run=^TestProxyCommandDiesWithZup$")
			zup.Env = append(os.Environ(), "ZUP_TEST_HOME="+d.Home)
			zup.Stdout, zup.Stderr = io.Discard, io.Discard
			if err := zup.Start(); err != nil {
				t.Fatal(err)
			}
			pid := written(t, d, "pid", 1)[0]
			zup.Process.Kill()
			zup.Wait()
			for tries := 0; len(inSession(t, pid)) > 0; tries++ {
				if tries > 500 {
					t.Fatalf("%v are there still", inSession(t, pid))
				}
				time.Sleep(10 * time.Millisecond)
			}
		})
	}
}

// Nor does it matter that somebody has killed the shell that sees to that before.
func TestProxyCommandIsMindedAnew(t *testing.T) {
	t.Parallel()
	s := sshtest.New(t, sshtest.Config{Local: true})
	d, to := behindCommand(t, s, "Host lb1\n ProxyCommand WAY\n", "exec RELAY\n")
	minding := func() *os.Process {
		d.minder.mu.Lock()
		defer d.minder.mu.Unlock()
		return d.minder.cmd.Process
	}
	for range 2 {
		run(t, dial(t, d, to), "true")
		killed := minding()
		killed.Kill()
		run(t, dial(t, d, to), "true")
		for minding() == killed {
			time.Sleep(10 * time.Millisecond)
		}
	}
	pids := written(t, d, "pids", 8)
	d.minder.mu.Lock()
	d.minder.end() // as if zup were gone: the last one knows all of them
	d.minder.mu.Unlock()
	gone(t, pids)
}

// inSession returns the processes of a session.
func inSession(t *testing.T, session string) []string {
	t.Helper()
	var pids []string
	stats, _ := filepath.Glob("/proc/[0-9]*/stat")
	for _, f := range stats {
		text, err := os.ReadFile(f)
		if err != nil {
			continue
		}
		if fields := strings.Fields(string(text[strings.LastIndexByte(string(text), ')')+1:])); fields[3] == session && fields[0] != "Z" {
			pids = append(pids, filepath.Base(filepath.Dir(f)))
		}
	}
	return pids
}

// Real ssh gets the same from the same file: what the command is, and where it leads.
func TestSSHDBehindAProxyCommand(t *testing.T) {
	t.Parallel()
	s := startSSHD(t)
	program, err := exec.LookPath("ssh")
	if err != nil {
		skip(t, "there is no ssh to compare with")
	}
	d := newDialer(t)
	d.KnownHostsFiles = nil
	config := fmt.Sprintf("Host LB1\n HostName Edge.Example.net\n Port 2201\n User root\n HostKeyAlias edge\n IdentityFile %s\n IdentitiesOnly yes\n UserKnownHostsFile %s/known\n"+
		" ProxyCommand sh -c 'echo \"$*\" >>%s/said; exec /usr/sbin/sshd -i -f %s/sshd_config' way \"%%n|%%h|%%p|%%r|%%k|%%%%|$0\" '#' \"it's\"\n", s.identityFile, d.Home, d.Home, s.dir)
	writeConfig(t, d, config)
	if err := os.WriteFile(filepath.Join(d.Home, "known"), []byte("edge "+s.hostKey+"\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	if out, err := exec.Command(program, "-F", filepath.Join(d.Home, ".ssh", "config"), "-o", "BatchMode=yes", "LB1", "echo", "hello").CombinedOutput(); err != nil || string(out) != "hello\n" {
		t.Fatalf("ssh: %v: %s", err, out)
	}
	if res := run(t, dial(t, d, Target{Address: "LB1"}), "echo hello"); string(res.Stdout) != "hello\n" {
		t.Errorf("%q", res.Stdout)
	}
	if said := written(t, d, "said", 2); said[0] != said[1] || !strings.HasPrefix(said[0], "LB1|edge.example.net|2201|root|edge|%|") {
		t.Errorf("ssh and zup have run\n%s", strings.Join(said, "\n"))
	}
}

// The command that most people have: another ssh.
func TestSSHDBehindAnotherSSH(t *testing.T) {
	t.Parallel()
	s := startSSHD(t)
	if _, err := exec.LookPath("ssh"); err != nil {
		skip(t, "there is no ssh to go through")
	}
	d := newDialer(t)
	known := filepath.Join(d.Home, "known")
	writeConfig(t, d, fmt.Sprintf("Host lb*\n HostName 127.0.0.1\n ProxyCommand ssh -F %[1]s/.ssh/config -W %%h:%%p %%r@bastion\nHost lb1\n Port %[2]d\nHost lb2\n Port 1\n"+
		"Host bastion\n HostName 127.0.0.1\n Port %[2]d\nHost *\n IdentityFile %[3]s\n IdentitiesOnly yes\n UserKnownHostsFile %[4]s\n BatchMode yes\n", d.Home, s.port, s.identityFile, known))
	if err := os.WriteFile(known, []byte(fmt.Sprintf("[127.0.0.1]:%d %s\n", s.port, s.hostKey)), 0o600); err != nil {
		t.Fatal(err)
	}
	d.KnownHostsFiles = nil
	h := dial(t, d, Target{Address: "lb1"})
	if res := run(t, h, "echo hello"); string(res.Stdout) != "hello\n" {
		t.Errorf("%q", res.Stdout)
	}
	_, err := d.Dial(t.Context(), Target{Address: "lb2"})
	if !errors.Is(err, ErrProxy) || !strings.Contains(err.Error(), "exit status 255") || !strings.Contains(err.Error(), "Connection refused") {
		t.Errorf("got %v", err)
	}
}
