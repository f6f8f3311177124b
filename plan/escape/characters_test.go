package escape

import (
	"strings"
	"testing"
	"unicode"
	"unicode/utf8"

	"golang.org/x/text/unicode/norm"
)

// Characters that show nothing, or not themselves.
var unseen = []rune{
	0x00, 0x07, 0x08, 0x09, 0x0a, 0x0b, 0x0c, 0x0d, 0x1b, 0x1f, 0x7f, 0x80, 0x85, 0x9b, 0x9f, // controls
	0xa0, 0x1680, 0x2000, 0x2001, 0x2002, 0x2003, 0x2004, 0x2005, 0x2006, 0x2007, 0x2008, 0x2009, 0x200a, 0x202f, 0x205f, 0x3000, 0x2800, // blanks
	0xad, 0x34f, 0x61c, 0x115f, 0x1160, 0x17b4, 0x17b5, 0x180b, 0x180c, 0x180d, 0x180e, 0x180f, 0x200b, 0x200c, 0x200d, 0x200e, 0x200f, // fillers and joiners
	0x2028, 0x2029, 0x202a, 0x202b, 0x202c, 0x202d, 0x202e, 0x2060, 0x2061, 0x2062, 0x2063, 0x2064, 0x2065, 0x2066, 0x2067, 0x2068, 0x2069, // order and lines
	0x206a, 0x206f, 0x2d7f, 0x3164, 0xfe00, 0xfe0e, 0xfe0f, 0xfeff, 0xffa0, 0xfff0, 0xfff8, 0xfff9, 0xfffb, 0xfffc,
	0x1107f, 0x110bd, 0x13430, 0x16fe4, 0x1bca0, 0x1bca3, 0x1d159, 0x1d173, 0x1d17a, 0xe0001, 0xe0020, 0xe0041, 0xe007f, 0xe0100, 0xe01ef, 0xe0fff, // tags, selectors
	0xe000, 0xf8ff, 0xf0000, 0x10fffd, 0x378, 0x530, 0xfdd0, 0xffff, 0x1ffff, 0x10ffff, // nobody's, or not a character
}

// Characters that show, whatever else is to be said of them.
var seen = []rune{
	' ', '!', 'a', '~', 0xa1, 0xa9, 0xab, 0xe9, 0xdf, 0x131, 0x300, 0x3a9, 0x430, 0x5d0, 0x627, 0x905, 0xe01, 0x1100, 0x1161, 0x2010, 0x2014, 0x2026, 0x20ac,
	0x2190, 0x2264, 0x2423, 0x2502, 0x25cf, 0x2713, 0x2801, 0x3001, 0x3042, 0x30ce, 0x4e00, 0xac00, 0xff01, 0xfffd, 0x1f600, 0x1d400, 0x20000,
}

func TestInvisible(t *testing.T) {
	for _, r := range unseen {
		if !Invisible(r) {
			t.Errorf("%U shows", r)
		}
	}
	for _, r := range seen {
		if Invisible(r) {
			t.Errorf("%U does not show", r)
		}
	}
}

// Characters that pass for ASCII, and some that do not.
var alike = map[string]bool{
	"аеіјѕорсухԁԛԝһʏАВЕЅІЈКМНОРСТХУЗб":  true, // Cyrillic, and one that is Latin
	"ΑΒΕΖΗΙΚΜΝΟΡΤΥΧαγινορσ":             true, // Greek
	"ıſɑɡɩɪᴏʏƽℓℂℍ":                      true, // Latin
	"ＡＺａｚ０９／：．－；＇":                      true, // full width
	"ⅠⅤⅩⅬⅭⅮⅯⅰⅴⅹⅼⅽⅾⅿⅧ":                   true, // Roman
	"𝐀𝑎𝒷𝓬𝔡𝕖𝖋𝗀𝘩𝙞𝚓𝟎𝟵𝟶":                    true, // mathematical
	"–‐‑−⁃⁄∕∶․‚’‘“”′ǃ∣⁎∗ꓸ":              true, // punctuation
	"ᎪᏴᏟᎬᎻᎫᏞᎷᏢᏚᎢᏔᏃօոսհցⲟⲤꓐꓟꓰ":           true, // Cherokee, Armenian, Coptic, Lisu
	"éüßøłđñçåæœžğşДЖЯшщБДΩΔΣλπωあ東京한ไก": false,
	"→≤≥✓✗€£§©°±":                       false,
}

func TestLooksASCII(t *testing.T) {
	for all, want := range alike {
		for _, r := range all {
			if got := looksASCII(r); got != want {
				t.Errorf("%c %U: %t", r, r, got)
			}
		}
	}
	previous := rune(utf8.RuneSelf - 1)
	for _, in := range lookalikes() {
		if rune(in.Lo) <= previous || in.Hi < in.Lo {
			t.Fatalf("%x-%x stands in the wrong place", in.Lo, in.Hi)
		}
		previous = rune(in.Hi)
	}
}

// Whatever is ASCII but for its form is in the list: this is Unicode's own data, from
// another source than the list.
func TestEveryFormOfASCIIIsALookalike(t *testing.T) {
	n := 0
	for r := rune(utf8.RuneSelf); r <= unicode.MaxRune; r++ {
		if !utf8.ValidRune(r) || Invisible(r) {
			continue
		}
		form := norm.NFKC.String(string(r))
		if strings.ContainsFunc(form, func(r rune) bool { return r >= utf8.RuneSelf }) {
			continue
		}
		if n++; !looksASCII(r) {
			t.Errorf("%c %U is %q to NFKC", r, r, form)
		}
	}
	if n < 1300 {
		t.Errorf("only %d were looked at", n)
	}
}

// No form lets through what does not show, alone or between letters; none of what is
// carried out is anything but ASCII.
func TestNoCharacterPasses(t *testing.T) {
	for r := rune(0); r <= unicode.MaxRune; r++ {
		if r > 0x32400 && r < 0xe0000 || r > 0xe0200 && r%1021 != 0 {
			continue // nothing is assigned there, or anything is private
		}
		for _, s := range []string{string(r), "a" + string(r) + "b", "д" + string(r), "京" + string(r)} {
			for form, out := range map[string]string{"Line": Line(s), "Name": Name(s), "Exact": Exact(s), "Code": Code(s), "Text": Text(s)} {
				for _, c := range out {
					lines := (form == "Text" || form == "Code") && (c == '\n' || c == '\t')
					switch {
					case lines:
					case Invisible(c):
						t.Fatalf("%s(%q) = %q", form, s, out)
					case form == "Name" && looksASCII(c), (form == "Exact" || form == "Code") && c >= utf8.RuneSelf:
						t.Fatalf("%s(%q) = %q", form, s, out)
					}
				}
			}
		}
	}
}

func TestWidth(t *testing.T) {
	for s, want := range map[string]int{
		"": 0, "abc": 3, "é": 1, "e\u0301": 1, "東京": 4, "ｱ": 1, "Ａ": 2, "한국": 4, "🚀": 2, "ไทย": 3, "กำ": 2, "→ ≤ …": 5, "\u1100\u1161\u11a8": 2, "नमस्ते": 4,
	} {
		if got := Width(s); got != want {
			t.Errorf("Width(%q) = %d, not %d", s, got, want)
		}
	}
	for _, c := range []struct {
		in      string
		columns int
		want    string
	}{
		{"東京東京", 5, "東京…"}, {"東京", 4, "東京"}, {"東京", 3, "東…"}, {"abcdef", 4, "abc…"}, {`a\u202eb`, 6, "a…"}, {`a\u202eb`, 8, `a\u202eb`}, {"", 0, ""},
	} {
		if got := Cut(c.in, c.columns); got != c.want || Width(got) > c.columns {
			t.Errorf("Cut(%q, %d) = %q", c.in, c.columns, got)
		}
	}
	if got := Pad("東京", 6); got != "東京  " {
		t.Errorf("%q", got)
	}
}

func TestRowsLeaveNothingOut(t *testing.T) {
	line := strings.Repeat("0123456789", 30) + `\u202e\U0001f600` + strings.Repeat("x", 100)
	rows := Rows(line, 37)
	for _, row := range rows {
		if Width(row) > 37 {
			t.Errorf("%q is too wide", row)
		}
	}
	if strings.Join(rows, "") != line || len(rows) < 10 {
		t.Errorf("%q", rows)
	}
	if rows := Rows("", 80); len(rows) != 1 {
		t.Errorf("%q", rows)
	}
}
