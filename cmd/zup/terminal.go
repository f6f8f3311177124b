package main

import (
	"io"
	"os"

	"github.com/fatih/color"
	"github.com/mattn/go-isatty"
	"golang.org/x/term"

	"zup/plan/show"
)

// isTerminal reports whether a stream is a terminal.
func isTerminal(stream any) bool {
	f, ok := stream.(*os.File)
	return ok && isatty.IsTerminal(f.Fd())
}

// colored reports whether a stream gets colours: only a terminal that can, and
// only if nobody asked for none.
func (c *cli) colored(w io.Writer) bool {
	return isTerminal(w) && !c.noColor && c.getenv("NO_COLOR") == "" && c.getenv("TERM") != "dumb"
}

// width returns the columns of a terminal, and 80 of anything else.
func width(w io.Writer) int {
	if f, ok := w.(*os.File); ok {
		if columns, _, err := term.GetSize(int(f.Fd())); err == nil && columns > 0 {
			return columns
		}
	}
	return 80
}

// show says how to write plans and reports to stdout.
func (c *cli) show(verbose bool) show.Options {
	return show.Options{Color: c.colored(c.out), Now: c.now(), Verbose: verbose, Width: width(c.out)}
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
