package ssh

import (
	"testing"

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
