package show

import (
	"fmt"
	"strings"

	"zup/plan"
	"zup/plan/escape"
)

// local writes what an action runs where zup runs: every argument in quotes.
func (p *printer) local(left int, a *plan.Action) {
	if len(a.Argv) > 0 {
		p.line("%sruns here", strings.Repeat(" ", left))
		p.exactly(left+2, fmt.Sprintf("%+q", a.Argv))
	}
	if len(a.Secrets) > 0 {
		p.line("%sgets the secrets: %s", strings.Repeat(" ", left), escape.Name(strings.Join(a.Secrets, ", ")))
	}
	for _, q := range a.Proof {
		verb := "names"
		if q.Absent {
			verb = "does not name"
		}
		p.line("%sproven when this, run here, %s %s", strings.Repeat(" ", left), verb, escape.Exact(q.Word))
		p.exactly(left+2, fmt.Sprintf("%+q", q.Argv))
	}
	for _, f := range a.Files {
		if f.SHA256 != "" {
			p.line("%scompared right before: %s", strings.Repeat(" ", left), escape.Name(f.Path))
			p.line("%s  SHA-256 %s", strings.Repeat(" ", left), escape.Exact(f.SHA256))
			continue
		}
		p.indented(left, nil, fmt.Sprintf("not covered by this plan: %s, %s", escape.Name(f.Path), escape.Line(f.Uncovered)))
	}
}
