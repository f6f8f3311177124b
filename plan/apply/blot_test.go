package apply

import (
	"bytes"
	"slices"
	"strings"
	"testing"

	"pgregory.net/rapid"

	"zup/plan"
)

// Wherever a text is cut, and whatever stands around them, no secret comes out, and
// everything else does.
func TestNoCutShowsASecret(t *testing.T) {
	t.Parallel()
	rapid.Check(t, func(t *rapid.T) {
		letters := rapid.SampledFrom([]byte("ab\n"))
		secret := rapid.Map(rapid.SliceOfN(letters, leastSecret, 12), func(b []byte) string { return string(b) })
		secrets := rapid.SliceOfN(secret, 1, 3).Draw(t, "secrets")
		var text []byte
		for range rapid.IntRange(0, 8).Draw(t, "parts") {
			if rapid.Bool().Draw(t, "secret?") {
				text = append(text, secrets[rapid.IntRange(0, len(secrets)-1).Draw(t, "which")]...)
			}
			text = append(text, rapid.SliceOfN(letters, 0, 9).Draw(t, "between")...)
		}
		var out []byte
		b := newBlotter(secrets, func(data []byte) { out = append(out, data...) })
		for rest := text; len(rest) > 0; {
			n := rapid.IntRange(1, len(rest)).Draw(t, "cut")
			b.write(slices.Clone(rest[:n]))
			rest = rest[n:]
		}
		b.end()
		want := slices.Clone(text)
		for _, s := range b.secrets {
			for i := range text {
				if bytes.HasPrefix(text[i:], s) {
					copy(want[i:], bytes.Repeat([]byte("*"), len(s)))
				}
			}
		}
		if !bytes.Equal(out, want) {
			t.Fatalf("of %q with %q came %q, want %q", text, secrets, out, want)
		}
	})
}

// What can't be the beginning of a secret does not wait.
func TestOutputIsNotHeldBack(t *testing.T) {
	t.Parallel()
	var out strings.Builder
	b := newBlotter([]string{"secret-one", "line one of a key\nline two of a key\n"}, func(data []byte) { out.Write(data) })
	for _, step := range []struct{ in, out string }{
		{"50 %", "50 %"}, {" ... sec", "50 % ... "}, {"ond", "50 % ... second"}, {" line two of a key", "50 % ... second *****************"},
	} {
		if b.write([]byte(step.in)); out.String() != step.out {
			t.Errorf("after %q: %q, want %q", step.in, out.String(), step.out)
		}
	}
}

// A key file as an environment has it, and as programs print it: indented, trimmed, with
// other line ends.
func TestBlanksAroundASecretDoNotShowIt(t *testing.T) {
	t.Parallel()
	for _, secret := range []string{" CANARY-one\t\n", "  -----BEGIN\n  CANARY-one\n\tCANARY-two  \r\n"} {
		for _, printed := range []string{"got CANARY-one!\n", "\t  CANARY-one\r\nx", strings.TrimSpace(secret), "> " + strings.ReplaceAll(secret, "\n", "\n> ")} {
			var out strings.Builder
			b := newBlotter([]string{secret}, func(data []byte) { out.Write(data) })
			b.write([]byte(printed))
			b.end()
			if strings.Contains(out.String(), "CANARY") {
				t.Errorf("of %q came %q", printed, out.String())
			}
		}
	}
}

func TestCommandsGetTheirSecretsOnly(t *testing.T) {
	t.Parallel()
	p := &Process{Dir: t.TempDir(), Env: []string{"PATH=/usr/bin:/bin", "ZUP_SECRET_among=the-others", "ZUP_VAR_x=y"},
		Secrets: []string{"ZUP_SECRET_mine=0123456789", "ZUP_SECRET_yours=abcdefghij", "ZUP_SECRET_=nameless"}}
	run := func(names ...string) (string, error) {
		var out strings.Builder
		_, err := p.Run(t.Context(), Command{Argv: []string{"sh", "-c", "env | grep ^ZUP_ | sort"}, Secrets: names}, func(b []byte) { out.Write(b) })
		return out.String(), err
	}
	for _, tt := range []struct {
		names []string
		want  string
	}{
		{nil, "ZUP_VAR_x=y\n"},
		{[]string{"mine"}, "ZUP_SECRET_mine=**********\nZUP_VAR_x=y\n"},
		{[]string{"mine", "yours"}, "ZUP_SECRET_mine=**********\nZUP_SECRET_yours=**********\nZUP_VAR_x=y\n"},
	} {
		if got, err := run(tt.names...); got != tt.want || err != nil {
			t.Errorf("with %q: %q, %v; want %q", tt.names, got, err, tt.want)
		}
	}
	if got, err := run("theirs"); err == nil || got != "" || !strings.Contains(err.Error(), "ZUP_SECRET_theirs is not set") {
		t.Errorf("a command ran without its secret: %q, %v", got, err)
	}
}

func TestMissingSecrets(t *testing.T) {
	t.Parallel()
	p := &plan.Plan{Actions: []plan.Action{
		{ID: "a", Secrets: []string{"one", "two"}}, {ID: "b", Secrets: []string{"one", "three"}}, {ID: "c"}, {ID: "d", Secrets: []string{"four"}},
	}}
	env := []string{"ZUP_SECRET_two=long enough", "ZUP_SECRET_three=short", "ZUP_SECRET_five=long enough"}
	got := MissingSecrets(p, env, func(id string) bool { return id == "d" })
	if want := []string{"ZUP_SECRET_one is not set", "ZUP_SECRET_three has fewer than 6 characters: it could not be blotted out of what a command prints"}; !slices.Equal(got, want) {
		t.Errorf("%q", got)
	}
	if got := MissingSecrets(p, nil, nil); len(got) != 4 {
		t.Errorf("of no environment: %q", got)
	}
}
