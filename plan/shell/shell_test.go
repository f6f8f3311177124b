package shell

import (
	"os"
	"os/exec"
	"strings"
	"testing"

	"zup/plan/escape"
)

var words = []string{
	"", "edge.plan", "sub dir/my plan.zup", "-x.plan", "--", "a'b", `a"b`, `a\b`, "a$b", "$(id)", "`id`", "a;b", "a&b", "a|b", "a>b", "a\nb", "a\tb",
	"\x1b[31mred", "p\u0430ypal", "\u202egpj", "план.zup", "日本.zup", "é.plan", "a  b", " a", "a ", "*", "?", "[a]", "{a,b}", "~", "~root", "~/x", "=ls",
	"a=b", "#a", "!a", "a!b", "\xff\xfe", "a\u00a0b", "\u200b", strings.Repeat(" ", 300) + "x", "zup apply x; rm -rf /",
}

// Whatever a word holds, a shell gives it back, and nothing of it moves the cursor, hides
// or passes for something else.
func TestQuoteForAShell(t *testing.T) {
	for _, sh := range []string{"bash", "zsh", "ksh", "mksh", "busybox"} {
		path, err := exec.LookPath(sh)
		if err != nil {
			continue
		}
		args := []string{"-c"}
		if sh == "busybox" {
			args = []string{"sh", "-c"}
		}
		for _, w := range words {
			quoted := Quote(w)
			out, err := exec.Command(path, append(args, "printf '%s|' "+Command("x", w, "y"))...).Output()
			if err != nil || string(out) != "x|"+w+"|y|" {
				t.Errorf("%s: %q as %s: %q, %v", sh, w, quoted, out, err)
			}
			if escape.Line(quoted) != quoted {
				t.Errorf("%q as %s does not show as it is", w, quoted)
			}
		}
	}
}

func FuzzQuote(f *testing.F) {
	for _, w := range words {
		f.Add(w)
	}
	bash, err := exec.LookPath("bash")
	if err != nil {
		if os.Getenv("ZUP_CI") != "" {
			f.Fatal("there is no bash")
		}
		f.Skip("there is no bash")
	}
	f.Fuzz(func(t *testing.T, w string) {
		if strings.ContainsRune(w, 0) {
			t.Skip("no shell can hold a NUL")
		}
		out, err := exec.Command(bash, "-c", "printf '%s|' "+Quote(w)).Output()
		if err != nil || string(out) != w+"|" {
			t.Errorf("%q as %s: %q, %v", w, Quote(w), out, err)
		}
		if escape.Line(Quote(w)) != Quote(w) {
			t.Errorf("%q as %s does not show as it is", w, Quote(w))
		}
	})
}

// Words that mean nothing to a shell stay as they are: people read them.
func TestQuoteOnlyWhereNeeded(t *testing.T) {
	for w, want := range map[string]string{
		"edge.plan": "edge.plan", "日本.plan": "日本.plan", "-state=/srv/a:b,c@d%e+f": "-state=/srv/a:b,c@d%e+f", "sub dir": "'sub dir'", "a'b": `'a'\''b'`,
		"\x1b": `$'\033'`, "~/x": "'~/x'",
	} {
		if got := Quote(w); got != want {
			t.Errorf("%q: %s, want %s", w, got, want)
		}
	}
	if got := Command("zup", "apply", File("-x.plan")); got != "zup apply ./-x.plan" {
		t.Error(got)
	}
}
