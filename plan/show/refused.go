package show

import (
	"io"
	"slices"
	"strings"

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
		where := escape.Name(r.Cluster)
		if r.Node != "" {
			where += ", " + escape.Name(r.Node)
		}
		for k, line := range wrap("Refused: "+where+": "+escape.Line(r.Summary), pr.width-2) {
			if rest, ok := strings.CutPrefix(line, "Refused:"); ok && k == 0 {
				pr.line("%s%s", pr.style(bad, "Refused:"), pr.style(bold, rest))
				continue
			}
			pr.line("  %s", pr.style(bold, line))
		}
		if r.Detail != "" {
			pr.detail(r.Detail)
		}
		if r.Hint != "" {
			pr.line("")
			pr.detail(r.Hint)
		}
		if r.Waiver != "" {
			pr.line("")
			pr.detail("Or, for a reason that will stand in the plan:")
			pr.line("    -waive %s -because \"…\"", escape.Name(r.Waiver))
		}
	}
	return pr.err
}

// detail writes text of one or several lines, indented. A line with a word that
// nobody could break, such as a key, is something to copy: it stays whole.
func (p *printer) detail(text string) {
	for _, line := range splitLines(escape.Text(text)) {
		if slices.ContainsFunc(strings.Fields(line), func(word string) bool { return len(word) > p.width/2 }) {
			p.line("  %s", line)
			continue
		}
		p.indented(2, nil, line)
	}
}
