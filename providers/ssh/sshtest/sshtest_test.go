package sshtest

import (
	"fmt"
	"os"
	"strings"
	"sync"
	"testing"

	"golang.org/x/crypto/ssh"
)

// A recorder is a test that may fail.
type recorder struct {
	testing.TB
	mu     sync.Mutex
	errors []string
}

func (r *recorder) Errorf(format string, args ...any) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.errors = append(r.errors, fmt.Sprintf(format, args...))
}

func (r *recorder) Error(args ...any) { r.Errorf("%s", fmt.Sprint(args...)) }

// ask logs in to s and runs a command line with this input.
func ask(t *testing.T, s *Server, user, command, input string) (string, error) {
	t.Helper()
	text, err := os.ReadFile(s.IdentityFile())
	if err != nil {
		t.Fatal(err)
	}
	key, err := ssh.ParsePrivateKey(text)
	if err != nil {
		t.Fatal(err)
	}
	c, err := ssh.Dial("tcp", s.Addr(), &ssh.ClientConfig{User: user, Auth: []ssh.AuthMethod{ssh.PublicKeys(key)}, HostKeyCallback: ssh.FixedHostKey(s.signer[0].PublicKey())})
	if err != nil {
		t.Fatal(err)
	}
	defer c.Close()
	session, err := c.NewSession()
	if err != nil {
		t.Fatal(err)
	}
	session.Stdin = strings.NewReader(input)
	out, err := session.Output(command)
	return string(out), err
}

func wire(script string) string {
	script += "\n#mark"
	return fmt.Sprintf("mark %d\n%s", len(script), script)
}

func TestWhatIsUnknownFailsTheTest(t *testing.T) {
	for _, c := range []struct{ name, user, command, input, want string }{
		{"known", "root", bootstrap, wire("cd /; known"), ""},
		{"script", "root", bootstrap, wire("cd /; reboot"), "nobody told the server what this does (run):\nreboot"},
		{"command line", "root", "reboot", "", "not the command line that sessions have: reboot"},
		{"no sudo", "ops", bootstrap, wire("cd /; known"), "user ops runs this without sudo"},
		{"not in /", "root", bootstrap, wire("known"), "the script does not start in /"},
		{"no mark", "root", bootstrap, "mark 5\nhello", "the script does not end in its mark"},
	} {
		t.Run(c.name, func(t *testing.T) {
			r := &recorder{TB: t}
			s := New(r, Config{User: c.user})
			s.Answer("known", Reply{Stdout: "hello\n"})
			out, err := ask(t, s, c.user, c.command, c.input)
			r.mu.Lock()
			defer r.mu.Unlock()
			got := strings.Join(r.errors, "; ")
			if c.want == "" {
				if got != "" || err != nil || out != "mark\nhello\n" {
					t.Errorf("%q %v: %s", out, err, got)
				}
			} else if !strings.Contains(got, c.want) {
				t.Errorf("the test failed with %q, want %q", got, c.want)
			}
		})
	}
}

func TestUnwrap(t *testing.T) {
	for _, c := range []struct {
		text, script string
		args         []string
	}{
		{"cd /; echo hi", "echo hi", nil},
		{"cd /; " + ending + "echo hi", "echo hi", nil},
		{"cd /; set -- a; " + ending + "echo hi", "echo hi", []string{"a"}},
		{"cd /; set -- a 'b c' 'it'\\''s' ''; echo \"$1\"", "echo \"$1\"", []string{"a", "b c", "it's", ""}},
	} {
		script, args := unwrap(t.Errorf, c.text)
		if script != c.script || fmt.Sprintf("%q", args) != fmt.Sprintf("%q", c.args) {
			t.Errorf("%q %q", script, args)
		}
	}
}
