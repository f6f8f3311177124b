package show

import (
	"io"

	"zup/plan"
	"zup/plan/escape"
)

// Refused writes why no plan was made: every reason, with what to do.
func Refused(w io.Writer, e *plan.RefusedError, o Options) error {
	pr := newPrinter(w, o)
	for i, r := range e.Refusals {
		if i > 0 {
			pr.line("")
		}
		where := r.Cluster
		if r.Node != "" {
			where += ", " + r.Node
		}
		pr.line("%s %s", pr.style(bad, "Refused:"), pr.style(bold, where+": "+escape.Line(r.Summary)))
		if r.Detail != "" {
			pr.detail(r.Detail)
		}
		if r.Hint != "" {
			pr.line("")
			pr.detail(r.Hint)
		}
	}
	return pr.err
}

// detail writes text of one or several lines, indented; lines that are too long
// for wrapping between words, such as keys, stay whole.
func (p *printer) detail(text string) {
	for _, line := range splitLines(escape.Text(text)) {
		p.indented(2, nil, line)
	}
}
