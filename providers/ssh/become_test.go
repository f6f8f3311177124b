package ssh

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/hashicorp/go-hclog"

	"zup/providers/ssh/sshtest"
)

// becoming starts a server for the user ops, and says how to get in.
func becoming(t *testing.T, how string, c sshtest.Config) (*sshtest.Server, *Dialer, Target) {
	t.Helper()
	c.User = "ops"
	s := sshtest.New(t, c)
	s.Answer("id -u", sshtest.Reply{Stdout: "0\n"})
	to := target(s)
	to.User, to.Become = "ops", how
	return s, newDialer(t), to
}

func TestDoas(t *testing.T) {
	t.Parallel()
	s, d, to := becoming(t, BecomeDoas, sshtest.Config{Doas: true})
	dial(t, d, to)
	for _, q := range s.Requests() {
		if q.Exec != "doas -n "+bootstrap {
			t.Errorf("%s", q.Exec)
		}
	}
}

// The password is asked for once, whatever runs and on however many nodes, and everything
// works behind it: scripts with input, jobs, locks.
func TestSudoPasswordIsAskedOnce(t *testing.T) {
	t.Parallel()
	const secret = "pässwörd 'with\" $(all) 100%% \\"
	s, d, to := becoming(t, BecomeSudoPassword, sshtest.Config{SudoPassword: secret})
	other, _, toOther := becoming(t, BecomeSudoPassword, sshtest.Config{SudoPassword: secret})
	for _, server := range []*sshtest.Server{s, other} {
		server.AnswerFunc(func(q sshtest.Request) (sshtest.Reply, bool) {
			return sshtest.Reply{Stdout: "<" + q.Stdin + ">"}, q.Script == "cat"
		})
		server.Answer("a job", sshtest.Reply{Stdout: "done\n", Exit: 3})
	}
	var asked atomic.Int32
	given := []byte(secret)
	d.SudoPassword = func(_ context.Context, user, host string) ([]byte, error) {
		asked.Add(1)
		if user != "ops" || host != s.Addr() && host != other.Addr() {
			t.Errorf("asked for %s at %s", user, host)
		}
		return given, nil
	}
	hosts := make([]*Host, 2)
	var all sync.WaitGroup
	for i, to := range []Target{to, toOther} {
		all.Go(func() {
			var err error
			if hosts[i], err = d.Dial(t.Context(), to); err != nil {
				t.Error(err)
			}
		})
	}
	all.Wait()
	for _, h := range hosts {
		if h == nil {
			t.Fatal("no host")
		}
		defer h.Close()
		res, err := h.Run(t.Context(), Command{Script: "cat", Stdin: strings.NewReader("input")})
		if err != nil || string(res.Stdout) != "<input>" {
			t.Errorf("%q %v", res.Stdout, err)
		}
		if res := follow(t, h, Job{ID: "run/job", Script: "a job"}); string(res.Output) != "done\n" || res.Exit != 3 {
			t.Errorf("%q %d", res.Output, res.Exit)
		}
	}
	if n := asked.Load(); n != 1 {
		t.Errorf("asked %d times", n)
	}
	for _, q := range s.Requests() {
		if strings.Contains(fmt.Sprintf("%+v", q), "wörd") {
			t.Errorf("the password is in %+v", q)
		}
	}
	d.Close()
	if strings.Trim(string(given), "\x00") != "" {
		t.Error("the password was not overwritten")
	}
}

// Where no password is wanted nobody is asked, and nothing but what is to run is sent.
func TestSudoPasswordThatIsNotWanted(t *testing.T) {
	t.Parallel()
	_, d, to := becoming(t, BecomeSudoPassword, sshtest.Config{})
	d.SudoPassword = func(context.Context, string, string) ([]byte, error) {
		t.Error("asked")
		return nil, nil
	}
	dial(t, d, to)
}

// A wrong one is given once on each node, however often somebody connects: accounts are
// locked after a few. It is not in the error.
func TestWrongSudoPassword(t *testing.T) {
	t.Parallel()
	s, d, to := becoming(t, BecomeSudoPassword, sshtest.Config{SudoPassword: "right"})
	asked := 0
	d.SudoPassword = func(context.Context, string, string) ([]byte, error) {
		asked++
		return []byte("hunter2"), nil
	}
	for range 3 {
		err := dialError(t, d, to)
		if want := `node "zva5n1": run as root with sudo as user ops: the password is not that of ops there`; err.Error() != want {
			t.Errorf("got %v", err)
		}
		contains(t, "hint", hint(err), "run it again", "ops ALL=(root) NOPASSWD: ALL")
	}
	if asked != 1 || s.WrongPasswords() != 1 {
		t.Errorf("asked %d times, %d wrong passwords", asked, s.WrongPasswords())
	}
}

// Nobody is connected to where nobody could be asked.
func TestSudoPasswordNeedsSomebody(t *testing.T) {
	t.Parallel()
	_, d, to := becoming(t, BecomeSudoPassword, sshtest.Config{SudoPassword: "right"})
	err := dialError(t, d, to)
	contains(t, "error", err.Error(), "sudo-password is for people at a terminal")
	contains(t, "hint", hint(err), `become = "sudo"`, "echo 'ops ALL=(root) NOPASSWD: ALL' >/etc/sudoers.d/zup", "zup reader")
	if !errors.Is(err, ErrNobodyToAsk) {
		t.Errorf("got %v", err)
	}

	d = newDialer(t)
	d.SudoPassword = func(context.Context, string, string) ([]byte, error) {
		return nil, errors.New("nobody\x1b[2J there")
	}
	for range 2 {
		err = dialError(t, d, to)
		contains(t, "error", err.Error(), `it wants a password, and none came: nobody\x1b[2J there`)
	}
	for _, bad := range []string{"two\nlines", "nul\x00"} {
		d = newDialer(t)
		d.SudoPassword = func(context.Context, string, string) ([]byte, error) { return []byte(bad), nil }
		contains(t, "error", dialError(t, d, to).Error(), "more than one line")
	}
}

// A human is slower than the limits, and they stand still.
func TestSudoPasswordStopsTheClock(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := sshtest.New(t, sshtest.Config{InMemory: true, User: "ops", SudoPassword: "right"})
		s.Answer("id -u", sshtest.Reply{Stdout: "0\n"})
		d := newDialer(t)
		d.DialContext = s.DialContext
		to := Target{Address: "192.168.100.24", IdentityFile: s.IdentityFile(), HostKey: s.HostKey(), User: "ops", Become: BecomeSudoPassword}
		d.SudoPassword = func(context.Context, string, string) ([]byte, error) {
			time.Sleep(200 * time.Second)
			return []byte("right"), nil
		}
		dial(t, d, to).Close()
		d.Close()
	})
}

// What sudo and doas of Debian 11 to 13 say, each with what to do.
func TestSudoSaysNo(t *testing.T) {
	t.Parallel()
	for _, c := range []struct{ how, says, text, hint string }{
		{BecomeSudoPassword, "ops is not in the sudoers file.  This incident will be reported.", "sudo refused: ops is not in", "echo 'ops ALL=(root) ALL' >/etc/sudoers.d/zup"},
		{BecomeSudo, "ops is not in the sudoers file.", "sudo refused: ", "echo 'ops ALL=(root) NOPASSWD: ALL' >/etc/sudoers.d/zup"},
		{BecomeSudoPassword, "Sorry, user ops may not run sudo on zva5n1.", "sudo refused: ", "ops ALL=(root) ALL"},
		{BecomeSudoPassword, "Sorry, user ops is not allowed to execute '/usr/bin/sh -c read' as root on zva5n1.", "does not allow what zup runs, which is sh: ", "ops ALL=(root) ALL"},
		{BecomeSudoPassword, "sudo: Account expired or PAM config lacks an \"account\" section for sudo, contact your system administrator", "the account ops has expired there, or is locked: ", "chage -l ops"},
		{BecomeSudoPassword, "sudo: account validation failure, is your account locked?", "the account ops has expired there, or is locked: ", "chage -l ops"},
		{BecomeSudoPassword, "sudo: Account or password is expired, reset your password and try again", "the password of ops has expired there: ", "ssh -t ops@NODE passwd"},
		{BecomeSudo, "sudo: Password expired, contact your system administrator", "the password of ops has expired there: ", "passwd"},
		{BecomeSudoPassword, "sudo: timed out reading password", "in the time that sudo allows", "run the same again"},
		{BecomeSudoPassword, "sudo: sorry, you must have a tty to run sudo", "sudo refused: sudo: sorry, you must have a tty", "Defaults:ops !requiretty"},
		{BecomeSudoPassword, "sh: 1: sudo: not found", "sudo refused: sh: 1: sudo: not found", "apt-get install sudo"},
		{BecomeSudo, "/etc/sudoers.d/zup:1:5: syntax error\nsudo: no valid sudoers sources found, quitting", "sudo can't use its rules there: ", "visudo -c"},
		{BecomeDoas, "doas: Operation not permitted", "run as root with doas -n as user ops: doas there has no rule for ops that allows what zup runs", "echo 'permit nopass ops as root cmd sh' >>/etc/doas.conf"},
		{BecomeDoas, "doas: Authentication required", "run as root with doas -n as user ops: doas refused: doas: Auth", "permit nopass ops as root cmd sh"},
		{BecomeDoas, "doas: doas is not enabled, /etc/doas.conf: No such file or directory", "doas has no /etc/doas.conf there: ", "permit nopass ops as root cmd sh"},
		{BecomeDoas, "bash: line 1: doas: command not found", "doas refused: ", "apt-get install doas"},
		{BecomeDoas, "doas: not installed setuid", "doas refused: ", "doas can't become root"},
	} {
		e := &SudoError{User: "ops", How: c.how, Output: c.says}
		if !strings.Contains(e.Error(), c.text) || !strings.Contains(e.Hint(), c.hint) || strings.Contains(e.Error(), "%!") {
			t.Errorf("%s: %v\nhint: %s", c.says, e, e.Hint())
		}
	}
	for user, want := range map[string][2]string{
		"ops": {"ops ALL=(root) NOPASSWD: ALL", "permit nopass ops as root cmd sh"}, `CORP\dave s`: {`CORP\\dave\ s ALL=(root) NOPASSWD: ALL`, `permit nopass "CORP\\dave s" as root cmd sh`},
	} {
		if got := [2]string{Rule(BecomeSudo, user), Rule(BecomeDoas, user)}; got != want {
			t.Errorf("%q", got)
		}
	}
}

// An account that repeats what it reads, or what it runs, gets no password that it could
// show, and what is shown has none.
func TestSudoPasswordIsNotShown(t *testing.T) {
	t.Parallel()
	if shell := loginShell(t); !strings.HasSuffix(shell, "/bash") {
		skip(t, "needs bash as the login shell of root; it is "+shell)
	}
	const secret = "CANARY-sudo"
	for name, bashrc := range map[string]string{
		"each command is printed":           "set -xv; sudo() { shift 3; \"$@\"; }",
		"it pretends to be sudo, and tells": "sudo() { printf %s \"${3//%%/%}\"; read -r p; echo \"I have $p\"; echo \"and $p\" >&2; exit 1; }",
		"it tells and goes on":              "sudo() { printf %s \"${3//%%/%}\" >&2; read -r p; echo \"I have $p\"; echo \"and $p\" >&2; shift 3; \"$@\"; }",
		"it repeats for ever":               "sudo() { printf %s \"${3//%%/%}\" >&2; read -r p; yes \"I have $p\"; }",
		"it repeats what was asked for":     "sudo() { echo \"$@\"; cat; exit 1; }",
		"it asks something else":            "sudo() { printf 'Verification code: ' >&2; read -r p; echo \"I have $p\"; exit 1; }",
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			s := startSSHD(t)
			s.write(t, ".bashrc", []byte(bashrc+"\n"))
			var log bytes.Buffer
			var mu sync.Mutex
			d := newDialer(t)
			d.Log = hclog.New(&hclog.LoggerOptions{Level: hclog.Trace, Output: &log, Mutex: &mu})
			d.AnswerTimeout = 2 * time.Second
			d.SudoPassword = func(context.Context, string, string) ([]byte, error) { return []byte(secret), nil }
			e, err := d.resolve(t.Context(), s.target())
			if err != nil {
				t.Fatal(err)
			}
			c, err := d.connect(t.Context(), e, onHangup)
			if err != nil {
				t.Fatal(err)
			}
			defer c.end(errors.New("done"))
			// root logs in here, and runs what another user would.
			res, err := c.run(t.Context(), door{how: BecomeSudoPassword, user: "ops", at: "here", passwords: d.sudoPasswords()}, Command{Script: "echo hello"})
			if works := name == "each command is printed" || name == "it tells and goes on"; works != (err == nil && string(res.Stdout) == "hello\n") {
				t.Errorf("%q, %v", res.Stdout, err)
			}
			mu.Lock()
			defer mu.Unlock()
			said := fmt.Sprint(err, string(res.Stdout), log.String())
			if err == nil {
				said = fmt.Sprint(string(res.Stdout), log.String())
			}
			if strings.Contains(said, secret) {
				t.Errorf("it is shown: %s", said)
			}
			if name == "each command is printed" && strings.Contains(string(res.Stderr), secret) {
				t.Errorf("it was sent to what did not ask: %s", res.Stderr)
			}
		})
	}
}

// The password is in no file and in no process's arguments or environment.
func TestSudoPasswordIsNowhere(t *testing.T) {
	t.Parallel()
	const secret = "CANARY-nowhere"
	s, d, to := becoming(t, BecomeSudoPassword, sshtest.Config{SudoPassword: secret, Local: true})
	d.JobDir, d.LockFile = s.JobDir(), s.LockFile()
	d.SudoPassword = func(context.Context, string, string) ([]byte, error) { return []byte(secret), nil }
	if os.Getuid() != 0 {
		skip(t, "needs root, whom the user becomes")
	}
	h := dial(t, d, to)
	look := `for p in /proc/[0-9]*; do tr '\0' ' ' <"$p/cmdline"; tr '\0' ' ' <"$p/environ"; done 2>/dev/null`
	res, err := h.Run(t.Context(), Command{Script: look, Limit: 64 << 20})
	if err != nil || len(res.Stdout) < 100 || bytes.Contains(res.Stdout, []byte(secret)) {
		t.Errorf("%d bytes, %v", len(res.Stdout), err)
	}
	follow(t, h, Job{ID: "run/job", Script: "cat; env"})
	files, _ := filepath.Glob(filepath.Join(s.JobDir(), "*", "*"))
	if len(files) == 0 {
		t.Error("the job has left nothing")
	}
	for _, f := range files {
		if text, _ := os.ReadFile(f); bytes.Contains(text, []byte(secret)) {
			t.Errorf("%s has it", f)
		}
	}
}
