// Package escape makes text that came from somewhere else fit to be shown.
//
// What a node prints, what a file holds and what a host key comment says is
// hostile until it went through here: terminal control sequences, bidirectional
// overrides and bytes that are no UTF-8 come out as visible Go escapes such as
// \x1b or \u202e. Start with Line for anything that has to stay on one line and
// Text for output of several lines. The package never decides what is shown,
// only in which form.
package escape

import (
	"regexp"
	"strconv"
	"strings"
	"unicode"
	"unicode/utf8"
)

// Line returns s with everything escaped that could move the cursor, change
// colours, hide or reorder text; line feeds and tabs are escaped too. A string
// that needs nothing is returned as it is, without allocation.
func Line(s string) string { return escape(s, false) }

// Text is Line for output of several lines: line feeds and tabs stay, and a
// carriage return right before a line feed is dropped (terminals print both).
func Text(s string) string { return escape(s, true) }

// Printed returns what a terminal would have left of a line, escaped as by Line:
// control sequences are taken out, with whatever they drew elsewhere on the
// screen, and of what carriage returns overwrote only the last text stays.
// Progress bars go that way. A line longer than 400 bytes is cut in its middle.
// What a line hides, the transcript still has.
func Printed(line string) string {
	if strings.IndexByte(line, '\x1b') >= 0 {
		line = elsewhere.ReplaceAllString(line, "")
		line = sequence.ReplaceAllString(line, "")
	}
	if strings.IndexByte(line, '\r') >= 0 {
		parts := strings.Split(line, "\r")
		for line = ""; strings.TrimSpace(line) == "" && len(parts) > 0; parts = parts[:len(parts)-1] {
			line = parts[len(parts)-1]
		}
	}
	return clip(Line(strings.TrimRight(line, " ")), 400)
}

// The control sequences of ECMA-48, and what stands between saving the cursor and
// bringing it back (DECSC and DECRC of the VT100).
var (
	elsewhere = regexp.MustCompile(`\x1b7.*?\x1b8`)
	sequence  = regexp.MustCompile(`\x1b\[[0-?]*[ -/]*[@-~]|\x1b[\]PX^_][^\x07\x1b]*(\x07|\x1b\\)|\x1b[ -/]*[0-~]`)
)

// Tail returns the last n lines of s, escaped as by Text, without a final line
// feed. Lines longer than 400 bytes are cut in the middle of the line, marked
// by an ellipsis.
func Tail(s string, n int) string {
	s = strings.TrimRight(s, "\r\n")
	if s == "" || n <= 0 {
		return ""
	}
	start := len(s)
	for ; n > 0 && start >= 0; n-- {
		start = strings.LastIndexByte(s[:start], '\n')
	}
	lines := strings.Split(s[start+1:], "\n")
	for i, line := range lines {
		lines[i] = clip(Text(strings.TrimRight(line, "\r")), 400)
	}
	return strings.Join(lines, "\n")
}

func clip(s string, max int) string {
	if len(s) <= max {
		return s
	}
	head, tail := max/2, len(s)-max/2
	for head > 0 && !utf8.RuneStart(s[head]) {
		head--
	}
	for tail < len(s) && !utf8.RuneStart(s[tail]) {
		tail++
	}
	return s[:head] + " … " + s[tail:]
}

func escape(s string, lines bool) string {
	i := firstUnsafe(s, lines)
	if i < 0 {
		return s
	}
	var b strings.Builder
	b.Grow(len(s) + 16)
	for {
		b.WriteString(s[:i])
		s = s[i:]
		if s == "" {
			return b.String()
		}
		r, size := utf8.DecodeRuneInString(s)
		switch {
		case lines && strings.HasPrefix(s, "\r\n"):
			// The line feed follows and says it all.
		case r == utf8.RuneError && size == 1:
			b.WriteString(`\x`)
			b.WriteString(hex2(s[0]))
		default:
			q := strconv.QuoteRuneToASCII(r)
			b.WriteString(q[1 : len(q)-1])
		}
		s = s[size:]
		if i = firstUnsafe(s, lines); i < 0 {
			i = len(s)
		}
	}
}

func hex2(c byte) string {
	const digits = "0123456789abcdef"
	return string([]byte{digits[c>>4], digits[c&15]})
}

// firstUnsafe returns the offset of the first byte that must be escaped, or -1.
func firstUnsafe(s string, lines bool) int {
	for i := 0; i < len(s); {
		c := s[i]
		if c < utf8.RuneSelf {
			if (c < ' ' && !(lines && (c == '\n' || c == '\t'))) || c == 0x7f {
				return i
			}
			i++
			continue
		}
		r, size := utf8.DecodeRuneInString(s[i:])
		if (r == utf8.RuneError && size == 1) || !unicode.IsPrint(r) || reorders(r) {
			return i
		}
		i += size
	}
	return -1
}

// reorders reports whether a printable-looking rune changes the order or the
// visibility of its neighbours. Most of these are format characters, which
// unicode.IsPrint refuses already; combining enclosing marks and the Hangul
// fillers are not.
func reorders(r rune) bool {
	switch r {
	case 0x115f, 0x1160, 0x3164, 0xffa0, 0x034f:
		return true
	}
	return false
}
