package escape

import "unicode"

// Invisible reports whether a reader sees nothing where r stands: control and format
// characters, everything that Unicode lets a renderer leave out (variation selectors,
// fillers, tags, joiners, controls of direction), and blanks of every width. The one
// blank that it lets pass is the space of ASCII.
//
// Two texts that differ only in such runes look the same to whoever compares them.
func Invisible(r rune) bool {
	return r != ' ' && (unicode.In(r, unseen...) || unicode.Is(blank, r))
}

var unseen = []*unicode.RangeTable{
	unicode.Cc, unicode.Cf, unicode.Cs, unicode.Z,
	unicode.Other_Default_Ignorable_Code_Point, unicode.Variation_Selector,
}

// blank are those that Unicode counts as letters, marks or symbols, and that have no
// ink.
var blank = &unicode.RangeTable{
	R16: []unicode.Range16{
		{0x17b4, 0x17b5, 1}, // Khmer inherent vowels
		{0x180b, 0x180f, 1}, // Mongolian selectors and vowel separator
		{0x2800, 0x2800, 1}, // Braille, no dots
		{0xfffc, 0xfffc, 1}, // what stands for an object that is not there
	},
	R32: []unicode.Range32{
		{0x13441, 0x13442, 1}, // blanks of hieroglyphs
		{0x16fe4, 0x16fe4, 1}, // Khitan filler
		{0x1d159, 0x1d159, 1}, // note head of no notes
		{0x1d173, 0x1d17a, 1}, // beams and slurs, which are controls
		{0xe0000, 0xe0fff, 1}, // tags and selectors, assigned or not
	},
}
