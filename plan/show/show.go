// Package show writes plans, refusals and reports as text for people: the
// summary first, details below, columns that line up at 80. It decides nothing
// and reads nothing but what it is handed.
//
// Text that came from a node or a file is escaped before it is written.
package show

import (
	"fmt"
	"io"
	"strings"
	"time"
	"unicode/utf8"

	"github.com/fatih/color"

	"zup/plan/escape"
)

// Options say how to write.
type Options struct {
	Color   bool      // the reader is a terminal that shows colours
	Proven  bool      // a saved plan was made again and came out the same
	Now     time.Time // for which it is said whether the plan may be begun; zero: it is not said
	Verbose bool      // with the very commands
	Width   int       // columns; 0: 80
	Code    int       // columns of what is shown word for word; 0: 160, as nobody knows the page
}

// printer writes lines and remembers the first error.
type printer struct {
	w     io.Writer
	width int
	most  int // columns of code
	color bool
	err   error
}

func newPrinter(w io.Writer, o Options) *printer {
	if o.Width == 0 {
		o.Width = 80
	}
	if o.Code == 0 {
		o.Code = 160
	}
	return &printer{w: w, width: min(max(o.Width, 40), 110), most: max(o.Code, 40), color: o.Color}
}

func (p *printer) line(format string, args ...any) {
	if p.err == nil {
		_, p.err = io.WriteString(p.w, strings.TrimRight(fmt.Sprintf(format, args...), " ")+"\n")
	}
}

// Styles have a meaning each: see docs/commands.md.
var (
	bold   = []color.Attribute{color.Bold}
	faint  = []color.Attribute{color.Faint}
	good   = []color.Attribute{color.FgGreen}
	notice = []color.Attribute{color.FgYellow}
	bad    = []color.Attribute{color.FgRed, color.Bold}
)

func (p *printer) style(attributes []color.Attribute, s string) string {
	if !p.color || s == "" {
		return s
	}
	c := color.New(attributes...)
	c.EnableColor()
	return c.Sprint(s)
}

// labelled writes text after a label, wrapped, in a column of its own.
func (p *printer) labelled(label string, style []color.Attribute, text string) {
	const column = 16
	for i, line := range wrap(text, p.width-column) {
		if i > 0 {
			label = ""
		}
		p.line("  %s%s%s", p.style(style, label), strings.Repeat(" ", max(1, column-2-escape.Width(label))), line)
	}
}

// indented writes text wrapped behind a prefix of spaces.
func (p *printer) indented(spaces int, style []color.Attribute, text string) {
	for _, line := range wrap(text, p.width-spaces) {
		p.line("%s%s", strings.Repeat(" ", spaces), p.style(style, line))
	}
}

// wrap breaks text between words so that no line is longer than width, unless a
// word is. In scripts without blanks it breaks between letters.
func wrap(text string, width int) []string {
	var lines []string
	line := ""
	for _, word := range words(text, width) {
		switch {
		case line == "":
			line = word
		case escape.Width(line)+1+escape.Width(word) <= width:
			line += " " + word
		default:
			lines = append(lines, line)
			line = word
		}
	}
	return append(lines, line)
}

// words are those of a text. One of wide letters is cut so that it fits.
func words(text string, width int) []string {
	var all []string
	for word := range strings.FieldsSeq(text) {
		if w := escape.Width(word); w > width && w > utf8.RuneCountInString(word) {
			for head := escape.First(word, max(width, 10)); head != word; head = escape.First(word, max(width, 10)) {
				all = append(all, head)
				word = word[len(head):]
			}
		}
		all = append(all, word)
	}
	return all
}

func splitLines(s string) []string { return strings.Split(strings.TrimRight(s, "\n"), "\n") }
