package ssh

import (
	"os/exec"
	"strings"
	"testing"
)

func TestQuote(t *testing.T) {
	t.Parallel()
	for _, c := range []struct{ in, want string }{
		{"", "''"},
		{"sshd:", "sshd:"},
		{"/usr/local/zevenet", "/usr/local/zevenet"},
		{"192.168.100.25", "192.168.100.25"},
		{"a b", "'a b'"},
		{"it's", `'it'\''s'`},
		{"$HOME", "'$HOME'"},
		{"~", "'~'"},
		{"a=b", "'a=b'"},
		{"#x", "'#x'"},
		{"!", "'!'"},
		{"a\nb", "'a\nb'"},
		{"ü", "'ü'"},
		{"a\x00b", "ab"},
	} {
		if got := Quote(c.in); got != c.want {
			t.Errorf("Quote(%q) = %s, want %s", c.in, got, c.want)
		}
	}
}

// FuzzQuote asks a real shell, once between other words of a command and once
// by way of a script's arguments.
func FuzzQuote(f *testing.F) {
	for _, s := range []string{"", "a", "'", "''", `\`, `\'`, "\n", " ", "\t", "$(id)", "`id`", "!!", "*", "~root",
		"-n", "\x01\x7f\xff", "ü\u202e", "a'b\"c\\d", "&& reboot", "'; reboot; '", "\r\n"} {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, s string) {
		want := strings.ReplaceAll(s, "\x00", "")
		script := "printf '%s.' " + Quote(s) + "\n" + preamble([]string{"first", s}) + `printf '%s.' "$2"`
		cmd := exec.Command("sh")
		cmd.Stdin = strings.NewReader(script)
		out, err := cmd.Output()
		if err != nil {
			t.Fatalf("sh: %v", err)
		}
		if got := string(out); got != want+"."+want+"." {
			t.Errorf("the shell made %q of %q", got, s)
		}
	})
}
