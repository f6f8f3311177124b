package show

import (
	"fmt"
	"slices"

	"zup/plan"
	"zup/plan/escape"
)

// secrets writes which secrets commands of the plan get that run here.
func (p *printer) secrets(pl *plan.Plan) {
	for _, name := range pl.Secrets() {
		n := 0
		for i := range pl.Actions {
			if slices.Contains(pl.Actions[i].Secrets, name) {
				n++
			}
		}
		p.labelled("Secret", nil, fmt.Sprintf("%s, which commands of %s get that run here", escape.Name(name), Plural(n, "action", "actions")))
	}
}
