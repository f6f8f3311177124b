package escape

import (
	"strings"
	"unicode"
	"unicode/utf8"

	"golang.org/x/text/width"
)

// Width returns how many columns of a terminal an escaped text takes; a tab up to 8.
func Width(s string) int {
	n := 0
	for i := 0; i < len(s); i++ {
		if s[i] >= utf8.RuneSelf {
			for _, r := range s[i:] {
				n += RuneWidth(r)
			}
			return n
		}
		if n++; s[i] == '\t' {
			n += tabColumns - 1
		}
	}
	return n
}

// RuneWidth returns how many columns a character takes: 0 for one that is written onto
// the one before it, 2 for wide letters and pictures.
func RuneWidth(r rune) int {
	switch {
	case r == '\t':
		return tabColumns
	case r < 0x300:
		return 1
	case unicode.In(r, unicode.Mn, unicode.Me), r >= 0x1160 && r <= 0x11ff, r >= 0xd7b0 && r <= 0xd7fb: // vowels and endings of Hangul
		return 0
	}
	switch width.LookupRune(r).Kind() {
	case width.EastAsianWide, width.EastAsianFullwidth:
		return 2
	}
	return 1
}

// First returns as much of an escaped text as fits into so many columns. An escape is
// not cut in two.
func First(s string, columns int) string {
	for i := 0; i < len(s); {
		n := 1
		if s[i] == '\\' {
			n = escapeLen(s[i:])
		} else if s[i] >= utf8.RuneSelf {
			_, n = utf8.DecodeRuneInString(s[i:])
		}
		if columns -= Width(s[i : i+n]); columns < 0 {
			return s[:i]
		}
		i += n
	}
	return s
}

// Cut shortens an escaped text to so many columns, with an ellipsis at its end.
func Cut(s string, columns int) string {
	if Width(s) <= columns {
		return s
	}
	return First(s, max(0, columns-1)) + "…"
}

// Pad fills an escaped text with blanks up to so many columns.
func Pad(s string, columns int) string {
	return s + strings.Repeat(" ", max(0, columns-Width(s)))
}

// Rows breaks a line of code that is longer than so many columns, at least 10, before a
// blank where there is one. Each row goes on where the one before it ends: nothing is
// left out.
func Rows(line string, columns int) []string {
	columns = max(columns, 10)
	if len(line)+(tabColumns-1)*strings.Count(line, "\t") <= columns { // no character is wider than long
		return []string{line}
	}
	var rows []string
	for {
		head := First(line, columns)
		if head == line {
			return append(rows, line)
		}
		if blank := strings.LastIndexByte(head, ' '); blank > len(head)/2 {
			head = head[:blank]
		}
		rows, line = append(rows, head), line[len(head):]
	}
}
