package show

import (
	"errors"
	"fmt"
	"io"

	"zup/plan"
	"zup/plan/escape"
)

// Proven says of a plan that plan.Prove has nothing against what that means.
func Proven(p *plan.Plan) string {
	return fmt.Sprintf("every action is what zup %s makes of this configuration and these facts", p.ZupVersion)
}

// Once says how far it reaches that a plan is carried out once.
func Once(p *plan.Plan) string {
	const nodes = "; elsewhere its nodes would have to be as it has them"
	if p.State.Lineage == "" {
		return "where there is no state file" + nodes
	}
	return fmt.Sprintf("by the state file of lineage %s, which had serial %d", escape.Name(p.State.Lineage), p.State.Serial) + nodes
}

// NotProven writes why a plan is not proven: what of it is not as zup makes it.
func NotProven(w io.Writer, err error, o Options) error {
	pr := newPrinter(w, o)
	var altered *plan.AlteredError
	if !errors.As(err, &altered) {
		pr.labelled("Not proven", bad, escape.Line(err.Error()))
		pr.line("")
		return pr.err
	}
	pr.indented(0, bad, "ALTERED: this plan is not what zup "+altered.Version+" makes of its configuration and its facts. Neither zup approve nor zup apply takes it.")
	for _, d := range altered.Differences {
		for i, what := range d.What {
			if i == 0 {
				pr.line("  %s", pr.style(bold, escape.Line(d.Where)))
			}
			pr.indented(4, nil, escape.Line(what))
		}
	}
	pr.line("")
	return pr.err
}
