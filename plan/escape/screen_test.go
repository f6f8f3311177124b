package escape

import (
	"strings"
	"testing"
)

func TestScreen(t *testing.T) {
	for _, c := range []struct {
		name        string
		color, live bool
		writes      []string
		want        string
	}{
		{"text", false, false, []string{"Zürich → 6.1.20\n", "\ttab\n"}, "Zürich → 6.1.20\n\ttab\n"},
		{"colours that nobody wanted", false, false, []string{"\x1b[1mPlan\x1b[22m\n"}, `\x1b[1mPlan\x1b[22m` + "\n"},
		{"zup's own colours", true, false, []string{"\x1b[1mPlan\x1b[22m \x1b[31;1mbad\x1b[0;22m\n"}, "\x1b[1mPlan\x1b[22m \x1b[31;1mbad\x1b[0;22m\n"},
		{"other sequences", true, true, []string{"\x1b[2J\x1b[8mhidden\x1b]0;t\x07\x1b[1;1H"}, `\x1b[2J\x1b[8mhidden\x1b]0;t\a\x1b[1;1H`},
		{"a line that lives", true, true, []string{Begin + "\x1b[33m1 of 2\x1b[0m", Begin, "done\n"}, Begin + "\x1b[33m1 of 2\x1b[0m" + Begin + "done\n"},
		{"a line that lives where nothing does", false, false, []string{Begin + "x"}, `\r\x1b[Kx`},
		{"a carriage return", true, true, []string{"all is well\rFAILED\n"}, `all is well\rFAILED` + "\n"},
		{"a character in pieces", false, false, []string{"Z\xc3", "\xbcrich", "\xe2", "\x80", "\xae", "x\n"}, "Zürich" + `\u202ex` + "\n"},
		{"half a character", false, false, []string{"a\xe2\x80", "b\n"}, `a\xe2\x80b` + "\n"},
		{"what hides", false, false, []string{"a\u200bb\u202ec\ufe0f\u3164\n"}, `a\u200bb\u202ec\ufe0f\u3164` + "\n"},
		{"letters of two alphabets", false, false, []string{"zup чеckupgrades\n"}, `zup \u0447\u0435ckupgrades` + "\n"},
		{"columns", false, false, []string{"name" + strings.Repeat(" ", 60) + "9\n\n\n\n\n\n\n"}, "name" + strings.Repeat(" ", 60) + "9\n\n\n\n\n\n\n"},
		{"text of any language, in pieces", false, false, []string{"сор\n", "нос ", "и\n"}, "сор\nнос и\n"},
		{"a command of the platform", false, false, []string{"a\n::error::x\n", "::error::y\n", "said: ", "::error::z\n"}, "a\n" + `\x3a:error::x` + "\n" + `\x3a:error::y` + "\nsaid: ::error::z\n"},
	} {
		var b strings.Builder
		s := &Screen{W: &b, Live: c.live, Color: func() bool { return c.color }}
		for _, w := range c.writes {
			if n, err := s.Write([]byte(w)); n != len(w) || err != nil {
				t.Errorf("%s: %d, %v", c.name, n, err)
			}
		}
		if b.String() != c.want {
			t.Errorf("%s:\n     %q\nwant %q", c.name, b.String(), c.want)
		}
	}
}

func TestJSON(t *testing.T) {
	for in, want := range map[string]string{
		`{"a":"Zürich → 東京"}` + "\n":               "",
		"{\"a\":\"x\u202ey\u200b\ufe0f\"}":         `{"a":"x\u202ey\u200b\ufe0f"}`,
		"[\"\U000e0041\", \"\u007f\u0085\u00a0\"]": `["\udb40\udc41", "\u007f\u0085\u00a0"]`,
		"[\"a\xffb\"]":            `["a\ufffdb"]`,
		`["##[add-mask]x","a#b"]`: `["\u0023#[add-mask]x","a#b"]`,
		"{\n  \"a\": 1\n}\n":      "",
	} {
		if want == "" {
			want = in
		}
		if got := string(JSON([]byte(in))); got != want {
			t.Errorf("JSON(%q) = %q", in, got)
		}
		var b strings.Builder
		w := JSONWriter(&b)
		for i := range len(in) {
			w.Write([]byte(in[i : i+1]))
		}
		if b.String() != want && !strings.Contains(in, "##[") { // a command in pieces of one byte is none of its writer's
			t.Errorf("in pieces %q becomes %q", in, b.String())
		}
	}
}
