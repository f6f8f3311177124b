package config

import (
	"bytes"
	"fmt"
	"io"
	"strings"

	"github.com/hashicorp/hcl/v2"

	"zup/plan/escape"
)

// Diagnostics is everything that was found in a configuration, with the texts
// that it was found in. The zero value holds nothing and can be added to.
//
// What is written from it never contains the value of a sensitive variable, and
// nothing that a terminal would obey.
type Diagnostics struct {
	All hcl.Diagnostics // in the order of the files and places; those without a place first

	sources map[string]*source
}

// HasErrors reports whether there is an error, not counting warnings.
func (d *Diagnostics) HasErrors() bool { return d.All.HasErrors() }

// Add appends diagnostics that were found later. Their ranges, such as those of
// Place.At, are shown with the text that Load read.
func (d *Diagnostics) Add(more ...*hcl.Diagnostic) { d.All = append(d.All, more...) }

// Counts returns how many errors and how many warnings there are.
func (d *Diagnostics) Counts() (errors, warnings int) {
	for _, diag := range d.All {
		if diag.Severity == hcl.DiagWarning {
			warnings++
		} else {
			errors++
		}
	}
	return errors, warnings
}

// WriteText writes all diagnostics for people, each followed by an empty line.
// Details are wrapped at width columns, and long source lines are cut around the
// place; 0 means that nothing is wrapped. Without colour the place is marked by
// a line of carets.
func (d *Diagnostics) WriteText(w io.Writer, color bool, width int) error {
	t := textWriter{sources: d.sources, color: color, width: width}
	for _, diag := range d.All {
		t.diagnostic(diag)
		if _, err := t.out.WriteTo(w); err != nil {
			return err
		}
	}
	return nil
}

// Terminal codes. A part is set off by them and then everything is switched off.
const (
	styleError   = "\x1b[1;31m"
	styleWarning = "\x1b[1;33m"
	styleHeading = "\x1b[1m"
	stylePlace   = "\x1b[1;4m"
	styleOff     = "\x1b[0m"
)

// unlimited is where source lines are cut when no width is given: a file may be
// one line of megabytes.
const unlimited = 160

type textWriter struct {
	out     bytes.Buffer
	sources map[string]*source
	color   bool
	width   int
}

func (t *textWriter) diagnostic(d *hcl.Diagnostic) {
	severity, style := "Error", styleError
	if d.Severity == hcl.DiagWarning {
		severity, style = "Warning", styleWarning
	}
	t.styled(style, severity+":")
	t.out.WriteByte(' ')
	t.styled(styleHeading, escape.Line(d.Summary))
	t.out.WriteString("\n\n")
	if d.Subject != nil {
		t.showPlace(*d.Subject)
	}
	if d.Detail != "" {
		t.out.WriteString(wrap(escape.Text(d.Detail), t.width))
		t.out.WriteString("\n\n")
	}
}

func (t *textWriter) styled(style, s string) {
	if !t.color {
		t.out.WriteString(s)
		return
	}
	t.out.WriteString(style + s + styleOff)
}

// showPlace writes where something is, and the line itself:
//
//	on edge.zup.hcl line 12, in cluster "haproxy" "edge":
//	12:   swichover = "drain"
//	      ^^^^^^^^^
func (t *textWriter) showPlace(rng hcl.Range) {
	src := t.sources[rng.Filename]
	fmt.Fprintf(&t.out, "  on %s line %d", escape.Name(rng.Filename), rng.Start.Line)
	if src == nil || len(src.text) == 0 {
		t.out.WriteString("\n\n")
		return
	}
	if header := src.header(rng.Start.Byte); header != "" {
		t.out.WriteString(", in " + escape.Line(header))
	}
	t.out.WriteString(":\n")
	number := fmt.Sprintf("%4d: ", rng.Start.Line)
	room := unlimited
	if t.width > 0 {
		room = max(t.width-len(number), 20)
	}
	before, marked, after := src.snippet(rng).fit(room)
	t.out.WriteString(number + before)
	if t.color {
		t.styled(stylePlace, marked)
		t.out.WriteString(after + "\n\n")
		return
	}
	t.out.WriteString(marked + after + "\n")
	indent := len(number) + escape.Width(before)
	t.out.WriteString(strings.Repeat(" ", indent) + strings.Repeat("^", max(1, escape.Width(marked))) + "\n\n")
}

// wrap breaks lines at blanks so that they fit into a width. Lines that begin
// with a blank are laid out already and stay as they are.
func wrap(s string, width int) string {
	if width <= 0 {
		return s
	}
	lines := strings.Split(s, "\n")
	for i, line := range lines {
		if !strings.HasPrefix(line, " ") {
			lines[i] = wrapLine(line, width)
		}
	}
	return strings.Join(lines, "\n")
}

func wrapLine(line string, width int) string {
	var b strings.Builder
	at := 0
	for word := range strings.FieldsSeq(line) {
		w := escape.Width(word)
		switch {
		case at == 0:
		case at+1+w > width:
			b.WriteByte('\n')
			at = 0
		default:
			b.WriteByte(' ')
			at++
		}
		b.WriteString(word)
		at += w
	}
	return b.String()
}
