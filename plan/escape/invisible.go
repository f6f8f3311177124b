package escape

import "unicode"

// Invisible reports whether a character does not show, or does not show as itself:
// controls, format characters and whatever else a font may leave out (default
// ignorable code points, variation selectors, tags, fillers), characters that change
// the order of others, every blank but U+0020, and what no standard says how to draw
// (unassigned and private code points, surrogates). Of ASCII these are the controls,
// line feed and tab among them. U+FFFD shows.
func Invisible(r rune) bool {
	switch {
	case r < 0x7f:
		return r < ' '
	case r < 0xa0:
		return true
	}
	// IsPrint refuses controls, format characters, separators and all blanks, and what is
	// unassigned or private. The rest are letters, marks and symbols to Unicode.
	return !unicode.IsPrint(r) ||
		r >= 0x34f && unicode.In(r, unicode.Other_Default_Ignorable_Code_Point, unicode.Variation_Selector, blank)
}

// blank are characters that are drawn as nothing and that Unicode has no property for.
var blank = &unicode.RangeTable{
	R16: []unicode.Range16{
		{Lo: 0x2800, Hi: 0x2800, Stride: 1}, // braille pattern without dots
		{Lo: 0x2d7f, Hi: 0x2d7f, Stride: 1}, // Tifinagh consonant joiner
		{Lo: 0xfffc, Hi: 0xfffc, Stride: 1}, // object replacement character
	},
	R32: []unicode.Range32{
		{Lo: 0x1107f, Hi: 0x1107f, Stride: 1}, // Brahmi number joiner
		{Lo: 0x13441, Hi: 0x13442, Stride: 1}, // blanks of hieroglyphs
		{Lo: 0x16fe4, Hi: 0x16fe4, Stride: 1}, // Khitan small script filler
		{Lo: 0x1d159, Hi: 0x1d159, Stride: 1}, // musical symbol null notehead
	},
}
