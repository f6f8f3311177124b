package escape

import (
	"strings"
	"testing"
	"unicode"
	"unicode/utf8"
)

func TestLine(t *testing.T) {
	for in, want := range map[string]string{
		"":                       "",
		"plain text, ümläut":     "plain text, ümläut",
		"\x1b[31mred\x1b[0m":     `\x1b[31mred\x1b[0m`,
		"a\nb\tc\rd":             `a\nb\tc\rd`,
		"bell\a del\x7f nul\x00": `bell\a del\x7f nul\x00`,
		"bad \xff\xfe utf8":      `bad \xff\xfe utf8`,
		"c1 \u009b31m":           `c1 \u009b31m`,
		"bidi \u202egnp.exe":     `bidi \u202egnp.exe`,
		"filler \u3164":          `filler \u3164`,
		"\ufffd is itself":       "\ufffd is itself",
	} {
		if got := Line(in); got != want {
			t.Errorf("Line(%q) = %q, want %q", in, got, want)
		}
	}
}

func TestText(t *testing.T) {
	if got, want := Text("one\r\ntwo\tx\n\x1b]0;title\a"), "one\ntwo\tx\n"+`\x1b]0;title\a`; got != want {
		t.Errorf("Text = %q, want %q", got, want)
	}
	if got, want := Text("50%\r100%\n"), `50%\r100%`+"\n"; got != want {
		t.Errorf("a carriage return alone hides text: Text = %q, want %q", got, want)
	}
}

func TestPrinted(t *testing.T) {
	for in, want := range map[string]string{
		"":                                      "",
		"plain":                                 "plain",
		"0%\r50%\r100%":                         "100%",
		"\r0% [Working]\r            \rFetched": "Fetched",
		"Reading... 0%\r\rReading... Done\r":    "Reading... Done",
		"done \r          ":                     "done",
		"\x1b7\x1b[24;0fProgress: [ 47%]\x1b8Unpacking":                                 "Unpacking",
		"\x1b7\x1b[0;24r\x1b8\x1b[1A\x1b[J\x1b[1;31mE: \x1b[0mSub-process returned (1)": "E: Sub-process returned (1)",
		"\x1b]0;owned\atitle":  "title",
		"\x1bcreset \u202egnp": `reset \u202egnp`,
		"cut off \x1b[12":      `cut off 12`,
		"cut off \x1b]0;never": `cut off 0;never`,
		"ends in \x1b":         `ends in \x1b`,
		"bell\a":               `bell\a`,
	} {
		if got := Printed(in); got != want {
			t.Errorf("Printed(%q) = %q, want %q", in, got, want)
		}
	}
}

func TestTail(t *testing.T) {
	for _, tt := range []struct {
		in   string
		n    int
		want string
	}{
		{"", 3, ""},
		{"one\n", 3, "one"},
		{"one\ntwo\nthree\n", 2, "two\nthree"},
		{"one\r\n\x1btwo\r\n\r\n", 1, `\x1btwo`},
		{"one\ntwo", 0, ""},
	} {
		if got := Tail(tt.in, tt.n); got != tt.want {
			t.Errorf("Tail(%q, %d) = %q, want %q", tt.in, tt.n, got, tt.want)
		}
	}
	if long := Tail(strings.Repeat("é", 5000), 1); len(long) > 420 || !utf8.ValidString(long) {
		t.Errorf("a long line is %d bytes, valid %t", len(long), utf8.ValidString(long))
	}
}

// FuzzLine: whatever goes in, what comes out is valid UTF-8 without a rune
// that acts on a terminal.
func FuzzLine(f *testing.F) {
	for _, s := range []string{
		"", "\x1b[2J\u202e\xff\r\n", "\x1b]0;title\x07", "\x1b]52;c;Zm9v\x1b\\", "\x9b31m", "\u009b2J", "50 %\r 60 %\r100 %", "a\bb\b", "\x1b", "\x1b[", "\x1bP+q\x1b\\",
		"\u2066\u200b\ufeff\u00ad\ue000", "e\u0301", "\U000e0041", "\xc3", "\xed\xa0\x80", "\t\n\v\f", strings.Repeat("\xff", 300),
	} {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, s string) {
		for _, out := range []string{Line(s), Printed(s), strings.NewReplacer("\n", "", "\t", "").Replace(Text(s)), strings.ReplaceAll(Tail(s, 3), "\n", "")} {
			out = strings.ReplaceAll(out, "\t", "")
			if !utf8.ValidString(out) {
				t.Fatalf("not UTF-8: %q", out)
			}
			for _, r := range out {
				if !unicode.IsPrint(r) {
					t.Fatalf("%U came through in %q", r, out)
				}
			}
		}
	})
}

func BenchmarkLine(b *testing.B) {
	s := strings.Repeat("Setting up zevenet (6.1.20) ... ", 32)
	b.SetBytes(int64(len(s)))
	b.ReportAllocs()
	for b.Loop() {
		Line(s)
	}
}

// A pattern sees what a terminal shows, whatever colours and bars are in between.
func TestDrawn(t *testing.T) {
	for in, want := range map[string]string{
		"plain": "plain",
		"\x1b[1;31mError: \x1b[0m\x1b[1mno\x1b[0m": "Error: no",
		"\x1b[1mdpkg:\x1b[0m error processing":     "dpkg: error processing",
		"Continue? [Y/n] \x1b[0m":                  "Continue? [Y/n] ",
		"a\x1b7\x1b[24;0fProgress: [ 40%]\x1b8b":   "ab",
		"\x1b]0;title\x07a":                        "a",
	} {
		if got := string(Drawn([]byte(in))); got != want {
			t.Errorf("%q is shown as %q, want %q", in, got, want)
		}
	}
}
