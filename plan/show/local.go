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
		p.line("%s  | %s", strings.Repeat(" ", left), p.style(faint, escape.Line(fmt.Sprintf("%q", a.Argv))))
	}
	if len(a.Secrets) > 0 {
		p.line("%sgets the secrets: %s", strings.Repeat(" ", left), strings.Join(a.Secrets, ", "))
	}
	for _, q := range a.Proof {
		verb := "names"
		if q.Absent {
			verb = "does not name"
		}
		p.line("%sproven when this, run here, %s %s", strings.Repeat(" ", left), verb, escape.Line(q.Word))
		p.line("%s  | %s", strings.Repeat(" ", left), p.style(faint, escape.Line(fmt.Sprintf("%q", q.Argv))))
	}
}
