package ssh

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"strings"
	"sync"
	"testing"

	"github.com/hashicorp/go-hclog"

	"zup/providers/ssh/sshtest"
)

func TestRunWire(t *testing.T) {
	t.Parallel()
	s := sshtest.New(t, sshtest.Config{})
	s.Answer("cat /etc/hostname", sshtest.Reply{Stdout: "zva5n1\n", Stderr: "oh\n", Exit: 3})
	h := dial(t, newDialer(t), target(s))
	res, err := h.Run(t.Context(), Command{Script: "cat /etc/hostname", Args: []string{"a b", "it's", ""}})
	if err != nil {
		t.Fatal(err)
	}
	if string(res.Stdout) != "zva5n1\n" || string(res.Stderr) != "oh\n" || res.Exit != 3 || res.Truncated {
		t.Errorf("result is %q %q %d %v", res.Stdout, res.Stderr, res.Exit, res.Truncated)
	}
	q := s.Requests()[0]
	if q.Exec != bootstrap {
		t.Errorf("exec request is %s", q.Exec)
	}
	if len(q.Args) != 3 || q.Args[0] != "a b" || q.Args[1] != "it's" || q.Args[2] != "" {
		t.Errorf("arguments are %q", q.Args)
	}
}

func TestRunLocal(t *testing.T) {
	t.Parallel()
	h, _ := localHost(t)
	for _, c := range []struct{ script, stdout, stderr string }{
		{"echo hello; echo oops >&2", "hello\n", "oops\n"},
		{"read x; echo \"<$x>\"", "<>\n", ""},
		{"pwd", "/\n", ""},
		{"echo \"$#\"", "0\n", ""},
		{"cat <<'E'\n$a 'b'\nE\n", "$a 'b'\n", ""},
		{"# nothing", "", ""},
		{"", "", ""},
	} {
		res := run(t, h, c.script)
		if string(res.Stdout) != c.stdout || string(res.Stderr) != c.stderr || res.Exit != 0 {
			t.Errorf("%q gives %q %q %d", c.script, res.Stdout, res.Stderr, res.Exit)
		}
	}
	if res := run(t, h, "set -e\nfalse\necho no\n"); res.Exit != 1 || len(res.Stdout) > 0 {
		t.Errorf("set -e: %q %d", res.Stdout, res.Exit)
	}
}

// The script is not the standard input of what it runs, and Stdin is.
func TestRunStdin(t *testing.T) {
	t.Parallel()
	h, _ := localHost(t)
	if res := run(t, h, "cat\necho still here\n"); string(res.Stdout) != "still here\n" {
		t.Errorf("a command ate the script: %q", res.Stdout)
	}
	data := bytes.Repeat([]byte("0123456789abcde\n"), 1<<16) // 1 MiB
	res, err := h.Run(t.Context(), Command{Script: `cat >"$1"; wc -c <"$1"`, Args: []string{t.TempDir() + "/up load"}, Stdin: bytes.NewReader(data)})
	if err != nil || strings.TrimSpace(string(res.Stdout)) != "1048576" {
		t.Errorf("%q %v", res.Stdout, err)
	}
}

// Scripts look for processes by words of their command lines, and must not find
// the shell that runs them, nor its arguments.
func TestScriptIsInNoCommandLine(t *testing.T) {
	t.Parallel()
	h, _ := localHost(t)
	const look = "ps -ef | grep zeninotify-[s]tandin; : zeninotify-standin"
	if res := run(t, h, look); len(res.Stdout) > 0 {
		t.Errorf("run: %s", res.Stdout)
	}
	res, err := h.Run(t.Context(), Command{Script: look, Args: []string{"zeninotify-standin"}})
	if err != nil || len(res.Stdout) > 0 {
		t.Errorf("run with argument: %s %v", res.Stdout, err)
	}
	for _, pty := range []bool{false, true} {
		j, err := h.Job(short(t), Job{ID: fmt.Sprintf("run/zeninotify-standin.%v", pty), Script: look, Args: []string{"zeninotify-standin"}, PTY: pty})
		if err != nil || len(j.Output) > 0 {
			t.Errorf("job: %s %v", j.Output, err)
		}
	}
	// The check itself finds what is there.
	if res := run(t, h, `sh -c 'sleep 60; :' zeninotify-standin & sleep 0.5; `+look+`; kill $!`); len(res.Stdout) == 0 {
		t.Error("nothing was found that is there")
	}
}

func TestRunExit(t *testing.T) {
	t.Parallel()
	h, _ := localHost(t)
	for script, want := range map[string]int{
		"exit 3": 3, "false": 1, "exit 255": 255, "kill -9 $$": 137, "kill -TERM $$": 143, "nonexistent-command": 127,
		"if": 2,
	} {
		res, err := h.Run(t.Context(), Command{Script: script})
		if err != nil || res.Exit != want {
			t.Errorf("%q: exit %d, want %d (%v)", script, res.Exit, want, err)
		}
	}
}

func TestRunOutputLimit(t *testing.T) {
	t.Parallel()
	h, _ := localHost(t)
	mark := t.TempDir() + "/ran to its end"
	res, err := h.Run(t.Context(), Command{Script: `head -c 50000000 /dev/zero; : >"$1"; exit 5`, Args: []string{mark}, Limit: 1000})
	var chatty *OutputError
	if !errors.As(err, &chatty) || chatty.Bytes != 50000000 || chatty.Limit != 1000 {
		t.Fatalf("got %v", err)
	}
	if len(res.Stdout) != 1000 || !res.Truncated || res.Exit != 5 {
		t.Errorf("%d bytes, %v, exit %d", len(res.Stdout), res.Truncated, res.Exit)
	}
	if _, err := os.Stat(mark); err != nil {
		t.Error("the script was disturbed")
	}
	if want := `node "zva5n1": run: the script printed 50000000 bytes, more than the 1000 allowed`; err.Error() != want {
		t.Errorf("got %s", err)
	}

	res, err = h.Run(t.Context(), Command{Script: "head -c 1048576 /dev/zero; head -c 10000000 /dev/zero >&2; echo end >&2"})
	if err != nil || len(res.Stdout) != 1<<20 || res.Truncated {
		t.Errorf("at the limit: %d bytes, %v", len(res.Stdout), err)
	}
	if len(res.Stderr) != stderrMax || !bytes.HasSuffix(res.Stderr, []byte("\x00end\n")) {
		t.Errorf("stderr has %d bytes", len(res.Stderr))
	}
}

// The exit status can arrive before the last of the output. When the connection is
// cut between them, that is no result.
func TestRunCutAfterItsStatus(t *testing.T) {
	t.Parallel()
	s := sshtest.New(t, sshtest.Config{})
	s.Answer("cat", sshtest.Reply{Stdout: strings.Repeat("x", 1000), Cut: 999})
	h := dial(t, newDialer(t), target(s))
	for range 20 {
		res, err := h.Run(t.Context(), Command{Script: "cat"})
		var lost *LostError
		if !errors.As(err, &lost) || !lost.Sent {
			t.Errorf("%d bytes, %v", len(res.Stdout), err)
		}
	}
}

// What a script prints comes back as it is, the mark of a session included.
func TestRunHostileOutput(t *testing.T) {
	t.Parallel()
	h, _ := localHost(t)
	want := "\x00\x1b[2J\x1b]0;x\x07\xff\xfezup-0123456789abcdef\n\r\n"
	res, err := h.Run(t.Context(), Command{Script: "cat", Stdin: strings.NewReader(want)})
	if err != nil || string(res.Stdout) != want {
		t.Errorf("got %q %v", res.Stdout, err)
	}
	if _, err := h.Run(t.Context(), Command{Script: "echo a\x00b"}); !errors.Is(err, errNUL) {
		t.Errorf("got %v", err)
	}
}

// A service that keeps the script's output open does not keep Run waiting.
func TestRunLeavesProcessesBehind(t *testing.T) {
	t.Parallel()
	h, _ := localHost(t)
	res := run(t, h, "sleep 600 & echo $!")
	run(t, h, "kill "+string(res.Stdout)) // it lives
}

func TestRunEndsWithItsContext(t *testing.T) {
	t.Parallel()
	s := sshtest.New(t, sshtest.Config{})
	running, until := make(chan struct{}), make(chan struct{})
	defer close(until)
	s.AnswerFunc(func(sshtest.Request) (sshtest.Reply, bool) {
		close(running)
		return sshtest.Reply{Until: until}, true
	})
	h := dial(t, newDialer(t), target(s))
	ctx, cancel := context.WithCancelCause(t.Context())
	go func() {
		<-running
		cancel(errors.New("interrupted"))
	}()
	_, err := h.Run(ctx, Command{Script: "wait"})
	if err == nil || err.Error() != `node "zva5n1": run: interrupted` {
		t.Errorf("got %v", err)
	}
}

// A script that did not arrive whole is not run. The server sees to it here as sh
// does in life; TestCutOffScript has sh.
func TestScriptIsSentWhole(t *testing.T) {
	t.Parallel()
	long := "echo start\n" + strings.Repeat("# "+strings.Repeat("x", 1000)+"\n", 1000) + "echo end"
	h, _ := localHost(t)
	if res := run(t, h, long); string(res.Stdout) != "start\nend\n" {
		t.Errorf("got %q", res.Stdout)
	}
}

func TestCutOffScript(t *testing.T) {
	t.Parallel()
	const script = "echo one\necho two\n"
	whole := fmt.Sprintf("zup-1 %d\n%s\n#zup-1", len(script)+7, script)
	for n := range len(whole) {
		cmd := exec.Command("sh", "-c", bootstrap)
		cmd.Stdin = strings.NewReader(whole[:n])
		out, err := cmd.Output()
		if err == nil || strings.Contains(string(out), "one") {
			t.Errorf("of %q it ran: %q", whole[:n], out)
		}
	}
	cmd := exec.Command("sh", "-c", bootstrap)
	cmd.Stdin = strings.NewReader(whole)
	if out, err := cmd.Output(); string(out) != "zup-1\none\ntwo\n" {
		t.Errorf("whole: %q %v", out, err)
	}
}

func TestSudo(t *testing.T) {
	t.Parallel()
	s := sshtest.New(t, sshtest.Config{User: "ops"})
	s.Answer("id -u", sshtest.Reply{Stdout: "0\n"})
	s.Answer("reboot", sshtest.Reply{})
	to := target(s)
	to.User = "ops"
	h := dial(t, newDialer(t), to)
	run(t, h, "reboot")
	if _, err := h.JobStatus(t.Context(), "run/x"); err != nil {
		t.Error(err)
	}
	for _, q := range s.Requests() {
		if q.Exec != "sudo -n "+bootstrap {
			t.Errorf("%s %q: %s", q.Kind, q.Script, q.Exec)
		}
	}
}

func TestSudoThatWantsAPassword(t *testing.T) {
	t.Parallel()
	s := sshtest.New(t, sshtest.Config{User: "ops", NoSudo: true})
	to := target(s)
	to.User = "ops"
	err := dialError(t, newDialer(t), to)
	var sudo *SudoError
	if !errors.As(err, &sudo) {
		t.Fatalf("got %v", err)
	}
	if want := `node "zva5n1": run as root with sudo -n as user ops: sudo refused: sudo: a password is required`; err.Error() != want {
		t.Errorf("got  %s\nwant %s", err, want)
	}
	if got, want := hint(err), "log in as root, or allow it on the node: echo 'ops ALL=(root) NOPASSWD: ALL' >/etc/sudoers.d/zup"; got != want {
		t.Errorf("hint %s", got)
	}
}

// What stands in the way of sudo is named for what it is, not for what it usually is.
func TestSudoThatHindersOtherwise(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct {
		config     sshtest.Config
		text, hint string
	}{
		"requiretty": {sshtest.Config{NoSudo: true, SudoSays: "sudo: sorry, you must have a tty to run sudo"}, "you must have a tty", "requiretty"},
		"noexec":     {sshtest.Config{NoExec: true}, "sudo lets nothing be started: zup\\x3a 1: head: Permission denied", "NOPASSWD: EXEC: ALL"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			c.config.User = "ops"
			s := sshtest.New(t, c.config)
			to := target(s)
			to.User = "ops"
			err := dialError(t, newDialer(t), to)
			if !strings.Contains(err.Error(), c.text) || !strings.Contains(hint(err), c.hint) {
				t.Errorf("%v\nhint: %s", err, hint(err))
			}
		})
	}
}

// A server that knows other key exchanges only is an SSH server.
func TestNoCommonKeyExchange(t *testing.T) {
	t.Parallel()
	s := sshtest.New(t, sshtest.Config{Kex: []string{"diffie-hellman-group-exchange-sha1"}})
	err := dialError(t, newDialer(t), target(s))
	if got := hint(err); !strings.Contains(err.Error(), "no common algorithm for key exchange") || !strings.Contains(got, "KexAlgorithms +") {
		t.Errorf("%v\nhint: %s", err, got)
	}
}

// Nothing that is secret, and no script, is in the log.
func TestLogHoldsNoSecrets(t *testing.T) {
	t.Parallel()
	s := sshtest.New(t, sshtest.Config{})
	s.AnswerMatch("secret", sshtest.Reply{Stdout: "also-secret-output"})
	d := newDialer(t)
	var log bytes.Buffer
	var mu sync.Mutex
	d.Log = hclog.New(&hclog.LoggerOptions{Level: hclog.Trace, Output: &log, Mutex: &mu})
	file := t.TempDir() + "/id"
	s.AcceptKey(sshtest.WriteKey(t, "ed25519", file, "secret-passphrase"))
	d.Passphrase = func(context.Context, string) ([]byte, error) { return []byte("secret-passphrase"), nil }
	to := target(s)
	to.IdentityFile = file
	h := dial(t, d, to)
	if _, err := h.Run(t.Context(), Command{Script: "echo secret-script", Args: []string{"secret-argument"}}); err != nil {
		t.Fatal(err)
	}
	if _, err := h.Job(t.Context(), Job{ID: "run/x", Script: "echo secret-script", Prompts: []Prompt{{Name: "p", Match: "x", Answer: "secret-answer"}}}); err != nil {
		t.Fatal(err)
	}
	h.Close()
	<-h.conn.gone
	d.Close()
	mu.Lock()
	defer mu.Unlock()
	contains(t, "log", log.String(), "connected", "script ran", "job followed")
	if strings.Contains(log.String(), "secret") {
		t.Errorf("secrets in the log:\n%s", log.String())
	}
}
