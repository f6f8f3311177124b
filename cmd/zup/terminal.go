package main

import (
	"io"
	"os"

	"github.com/fatih/color"
	"github.com/mattn/go-isatty"
	"golang.org/x/term"

	"zup/plan/escape"
	"zup/plan/show"
)

// screen is a stream for people. Whatever is written to it, no control sequence and
// nothing that hides comes out but zup's own.
func (c *cli) screen(w io.Writer) *escape.Screen {
	return &escape.Screen{W: w, Live: isTerminal(w) && c.getenv("TERM") != "dumb", Color: func() bool { return c.colored(w) }}
}

// programs is standard output for a document in JSON.
func (c *cli) programs() io.Writer { return escape.JSONWriter(c.raw) }

// bytes is standard output for a document whose bytes count. On a terminal nobody
// counts them, and what does not show is escaped.
func (c *cli) bytes() io.Writer {
	if isTerminal(c.raw) {
		return c.programs()
	}
	return c.raw
}

// filtered is standard output for text that goes on to where it is carried out, or, on
// a terminal, to somebody's eyes.
func (c *cli) filtered() io.Writer {
	if isTerminal(c.raw) {
		return c.out
	}
	return c.raw
}

// file is what a stream is written to in the end.
func file(stream any) (f *os.File, ok bool) {
	if s, is := stream.(*escape.Screen); is {
		stream = s.W
	}
	f, ok = stream.(*os.File)
	return f, ok
}

// isTerminal reports whether a stream is a terminal.
func isTerminal(stream any) bool {
	f, ok := file(stream)
	return ok && isatty.IsTerminal(f.Fd())
}

// colored reports whether a stream gets colours: only a terminal that can, and
// only if nobody asked for none.
func (c *cli) colored(w io.Writer) bool {
	return isTerminal(w) && !c.noColor && c.getenv("NO_COLOR") == "" && c.getenv("TERM") != "dumb"
}

// width returns the columns of a terminal, and 80 of anything else.
func width(w io.Writer) int {
	if f, ok := file(w); ok {
		if columns, _, err := term.GetSize(int(f.Fd())); err == nil && columns > 0 {
			return columns
		}
	}
	return 80
}

// show says how to write plans and reports to stdout.
func (c *cli) show(verbose bool) show.Options {
	o := show.Options{Color: c.colored(c.out), Now: c.now(), Verbose: verbose, Width: width(c.out)}
	if isTerminal(c.out) {
		o.Code = o.Width
	}
	return o
}

// style colours single words.
type style bool

func (c *cli) errStyle() style { return style(c.colored(c.err)) }
func (c *cli) outStyle() style { return style(c.colored(c.out)) }

func (s style) paint(text string, attributes ...color.Attribute) string {
	if !s {
		return text
	}
	p := color.New(attributes...)
	p.EnableColor()
	return p.Sprint(text)
}

func (s style) bold(text string) string   { return s.paint(text, color.Bold) }
func (s style) faint(text string) string  { return s.paint(text, color.Faint) }
func (s style) good(text string) string   { return s.paint(text, color.FgGreen) }
func (s style) notice(text string) string { return s.paint(text, color.FgYellow) }
func (s style) bad(text string) string    { return s.paint(text, color.FgRed, color.Bold) }
