package escape

import (
	"strings"
	"testing"
	"unicode"
)

func TestInvisibleIsWhateverHasNoInk(t *testing.T) {
	for _, s := range []string{
		"\u00ad", // soft hyphen
		"\u034f", // grapheme joiner
		"\u061c\u200e\u200f\u202a\u202e\u2066\u2069", // directions
		"\u115f\u1160\u3164\uffa0",                   // Hangul fillers
		"\u17b4\u17b5",                               // Khmer
		"\u180b\u180c\u180d\u180e\u180f",             // Mongolian
		"\u200b\u200c\u200d\u2060\u2061\u2064\u2065\ufeff",
		"\ufe00\ufe0f\U000e0100\U000e01ef", // variation selectors
		"\u2800\u00a0\u2000\u200a\u202f\u205f\u3000\u1680\u2028\u2029\ufffc",
		"\U00016fe4\U0001d159\U0001d173\U0001d17a\U00013441\U00013442",
		"\U000e0000\U000e0001\U000e0020\U000e007f\U000e0080\U000e0fff",
		"\x00\x1b\x7f\u0085\t\n",
	} {
		for _, r := range s {
			if !Invisible(r) {
				t.Errorf("%U is not said to be invisible", r)
			}
		}
	}
	for _, s := range []string{
		" ", "alice@example.com", "Ümläut ß é e\u0301 ñ", "中文 日本語 한국어", "Ελληνικά Русский עברית العربية हिन्दी ไทย ខ្មែរ ᠮᠣᠩᠭᠣᠯ", "€→…—“”", "🙂", "\u2801\U0001d158",
	} {
		for _, r := range s {
			if Invisible(r) {
				t.Errorf("%U %q is said to be invisible", r, r)
			}
		}
	}
}

// Whatever a later version of Unicode makes ignorable follows from its tables.
func TestInvisibleHasAllThatIsDefaultIgnorable(t *testing.T) {
	for r := rune(0); r <= unicode.MaxRune; r++ {
		ignorable := unicode.In(r, unicode.Cf, unicode.Other_Default_Ignorable_Code_Point, unicode.Variation_Selector, unicode.Z)
		if ignorable && r != ' ' && !Invisible(r) {
			t.Errorf("%U is ignorable or a blank, and not said to be invisible", r)
		}
		if r < unicode.MaxASCII && r > ' ' && Invisible(r) {
			t.Errorf("%q is said to be invisible", r)
		}
	}
	if i := strings.IndexFunc(strings.Repeat("x", 10), Invisible); i >= 0 {
		t.Error("a plain text has an invisible rune")
	}
}
