package escape

import (
	_ "embed"
	"slices"
	"strconv"
	"strings"
	"sync"
	"unicode"
	"unicode/utf8"
)

//go:embed unicode/lookalikes.txt
var lookalikeText string

// lookalikes are the ranges of lookalikes.txt, in order.
var lookalikes = sync.OnceValue(func() []unicode.Range32 {
	ranges := make([]unicode.Range32, 0, 800)
	for line := range strings.Lines(lookalikeText) {
		if strings.HasPrefix(line, "#") {
			continue
		}
		for word := range strings.FieldsSeq(line) {
			from, to, ok := strings.Cut(word, "-")
			if !ok {
				to = from
			}
			lo, err := strconv.ParseUint(from, 16, 32)
			hi, err2 := strconv.ParseUint(to, 16, 32)
			if err != nil || err2 != nil {
				panic("escape: lookalikes.txt: " + word) // embedded; every test would show it
			}
			ranges = append(ranges, unicode.Range32{Lo: uint32(lo), Hi: uint32(hi), Stride: 1})
		}
	}
	return ranges
})

// looksASCII reports whether a character looks like one or several of ASCII.
func looksASCII(r rune) bool {
	_, found := slices.BinarySearchFunc(lookalikes(), uint32(r), func(in unicode.Range32, r uint32) int {
		switch {
		case in.Hi < r:
			return -1
		case in.Lo > r:
			return 1
		}
		return 0
	})
	return found
}

// forms are ASCII letters and digits once more, in a form that no language writes:
// full width, mathematical, Roman numerals, ligatures, the long s, the Kelvin sign.
var forms = &unicode.RangeTable{
	R16: []unicode.Range16{
		{Lo: 0x017f, Hi: 0x017f, Stride: 1}, {Lo: 0x2100, Hi: 0x2138, Stride: 1}, {Lo: 0x2160, Hi: 0x217f, Stride: 1},
		{Lo: 0xfb00, Hi: 0xfb06, Stride: 1}, {Lo: 0xff10, Hi: 0xff5a, Stride: 1},
	},
	R32: []unicode.Range32{{Lo: 0x1d400, Hi: 0x1d7ff, Stride: 1}, {Lo: 0x1fbf0, Hi: 0x1fbf9, Stride: 1}},
}

// typography are marks that look like ASCII and that ordinary text has.
const typography = "´¸×‐‑‒–—―‘’‚‛“”„‟‹›«»′″‴…·•−™®№¼½¾"

// scripts are sets of writing systems.
type scripts uint64

const (
	latin scripts = 1 << iota
	eastAsian
	otherScript
	firstTable // the first of tables has this bit
)

// tables are the scripts that are told apart; all others are one.
var tables = []*unicode.RangeTable{
	unicode.Cyrillic, unicode.Greek, unicode.Armenian, unicode.Georgian, unicode.Cherokee, unicode.Coptic, unicode.Ethiopic,
	// From here on those that Latin letters may stand in one word with, in text.
	unicode.Arabic, unicode.Hebrew, unicode.Devanagari, unicode.Bengali, unicode.Gurmukhi, unicode.Gujarati, unicode.Oriya, unicode.Tamil, unicode.Telugu,
	unicode.Kannada, unicode.Malayalam, unicode.Sinhala, unicode.Thai, unicode.Lao, unicode.Tibetan, unicode.Myanmar, unicode.Khmer,
}

const neverWithLatin = 7 // of tables

// scriptOf returns the script of a letter or digit, 0 for what belongs to none.
func scriptOf(r rune) scripts {
	switch {
	case r < utf8.RuneSelf:
		if 'a' <= r|0x20 && r|0x20 <= 'z' {
			return latin
		}
		return 0
	case unicode.Is(unicode.Latin, r):
		return latin
	case unicode.In(r, unicode.Common, unicode.Inherited):
		return 0
	case unicode.In(r, unicode.Han, unicode.Hiragana, unicode.Katakana, unicode.Hangul, unicode.Bopomofo):
		return eastAsian
	}
	for i, t := range tables {
		if unicode.Is(t, r) {
			return firstTable << i
		}
	}
	return otherScript
}

// mixed reports whether no one writes a word with letters of all these scripts.
func (s scripts) mixed(strict bool) bool {
	if s&(s-1) == 0 || s == latin|eastAsian {
		return false
	}
	other := s &^ latin
	return strict || other&(other-1) != 0 || other < firstTable<<neverWithLatin
}

func isWordRune(r rune) bool {
	if r < utf8.RuneSelf {
		return r == '_' || '0' <= r && r <= '9' || 'a' <= r|0x20 && r|0x20 <= 'z'
	}
	return unicode.In(r, unicode.L, unicode.N, unicode.M) && !Invisible(r)
}

// word is what is known of a run of letters, digits and marks.
type word struct {
	scripts scripts
	ascii   bool    // it has a letter or digit of ASCII
	foreign bool    // it has a letter or digit of no Latin script that is not ASCII
	honest  scripts // of its letters that look like none of ASCII, and are none
	looks   bool    // it has a letter or digit that looks like one of ASCII
	forms   bool    // it has one of forms
	numbers bool    // it has a digit that is not ASCII
}

func wordOf(s string) word {
	var w word
	for _, r := range s {
		switch {
		case r < utf8.RuneSelf:
			w.ascii = w.ascii || r != '_'
			w.scripts |= scriptOf(r)
			continue
		case unicode.In(r, unicode.Inherited, unicode.Lm, unicode.No) || r == 'ª' || r == 'º':
			continue // they go with any letter, or show that they are raised
		}
		script := scriptOf(r)
		w.scripts |= script
		w.foreign = w.foreign || script != latin
		w.numbers = w.numbers || unicode.Is(unicode.Nd, r)
		if looksASCII(r) {
			w.looks = true
			w.forms = w.forms || unicode.Is(forms, r)
		} else {
			w.honest |= script
		}
	}
	return w
}

// deceives reports whether a word is written so that it can be read as another one,
// whatever stands around it.
func (w *word) deceives(strict bool) bool {
	return w.scripts.mixed(strict) || w.numbers && w.ascii || w.looks && w.honest == 0 && w.ascii && w.foreign
}

// rightToLeft reports whether a letter changes the order of what stands beside it.
func rightToLeft(r rune) bool {
	return r >= 0x590 && (r <= 0x8ff || r >= 0xfb1d && r <= 0xfdff || r >= 0xfe70 && r <= 0xfeff || r >= 0x10800 && r <= 0x10fff || r >= 0x1e800 && r <= 0x1efff)
}
