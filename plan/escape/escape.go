// Package escape makes text that came from somewhere else fit to be shown.
//
// What a node prints, what a configuration, a plan or a file name says is hostile
// until it went through here. It may obey no terminal, hide nothing, and be read as
// nothing else than what it is: control sequences, bidirectional overrides, bytes that
// are not UTF-8, characters that do not show, letters that pass for others and blanks
// that push text out of sight come out as visible Go escapes such as \x1b, \u202e
// and \x20{3000}.
//
// How much is escaped depends on what the text is for:
//
//   - Line and Text are for what is read: titles, reasons, messages, what a node
//     prints. Every language stays readable.
//   - Name is for what is compared by eye: names, addresses, paths.
//   - Exact and Code are for what is carried out: whatever is not ASCII is escaped.
//
// JSON keeps a document for programs as it is and writes what does not show in JSON's
// own way. Screen is a writer that nothing of all this gets past. docs/documents.md
// has the rules. The package never decides what is shown, only in which form.
package escape

import (
	"regexp"
	"strings"
	"unicode/utf8"
)

// Line returns s on one line, with everything escaped that could move the cursor,
// change colours, hide or reorder text, or pass for something else; line feeds and tabs
// are escaped too. A string that needs nothing is returned as it is, without allocation.
// What Line returns it returns again.
func Line(s string) string { return escape(s, rules{kind: prose}) }

// Text is Line for output of several lines: line feeds and tabs stay, and a
// carriage return right before a line feed is dropped (terminals print both). More
// than three empty lines are said in words.
func Text(s string) string { return escape(s, rules{kind: prose, lines: true}) }

// Name is Line for what is compared by eye: besides, every character is escaped that
// looks like one of ASCII or is written from right to left, and blanks that could be
// overlooked. A name is fit to be compared if Name returns it as it is.
func Name(s string) string { return escape(s, rules{kind: name}) }

// Exact is Line for what is carried out or compared word for word, such as an argument
// of a command: every character that is not ASCII is escaped, and so are blanks that
// could be overlooked.
func Exact(s string) string { return escape(s, rules{kind: exact}) }

// Code is Exact for text of several lines, such as a script; line feeds and tabs stay.
// More than three empty lines are said in words.
func Code(s string) string { return escape(s, rules{kind: exact, lines: true}) }

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
