package show

import (
	"fmt"
	"io"

	"zup/plan/approval"
	"zup/plan/escape"
)

// Approvals writes who has signed a plan, whose signature does not count and why,
// and who is missing.
func Approvals(w io.Writer, v *approval.Verdict, o Options) error {
	pr := newPrinter(w, o)
	mark := notice
	if v.Enough() {
		mark = good
	}
	pr.line("%s  %s", pr.style(bold, "Approvals"), pr.style(mark, fmt.Sprintf("%d of %d", v.Counted(), v.Required)))
	for _, l := range Votes(v) {
		pr.labelled(l.Label, nil, l.Text)
	}
	return pr.err
}

// ApprovalLines is Approvals for a message: what is wanted and one line for each
// signature and for those who are missing.
func ApprovalLines(v *approval.Verdict) []string {
	lines := []string{fmt.Sprintf("the plan needs %s and has %d", Plural(v.Required, "approval", "approvals"), v.Counted())}
	for _, l := range Votes(v) {
		lines = append(lines, fmt.Sprintf("  %-12s  %s", l.Label, l.Text))
	}
	return lines
}

// Vote is a signature that counts or does not, or who is missing.
type Vote struct{ Label, Text string }

// Votes are all signatures, each as one line, and who is missing.
func Votes(v *approval.Verdict) []Vote {
	var lines []Vote
	for _, vote := range v.Votes {
		who, name, why := escape.Name(vote.Who), escape.Name(vote.Name), escape.Line(vote.Why)
		switch {
		case vote.Counts:
			lines = append(lines, Vote{"Signed", fmt.Sprintf("%s, with %s", who, vote.Key)})
		case vote.Who != "":
			lines = append(lines, Vote{"Not counted", fmt.Sprintf("%s in %s: %s", who, name, why)})
		default:
			lines = append(lines, Vote{"Not counted", fmt.Sprintf("%s: %s", name, why)})
		}
	}
	if left := v.Required - v.Counted(); left > 0 {
		lines = append(lines, Vote{"Missing", missing(left, v.Missing)})
	}
	return lines
}

func missing(left int, who []string) string {
	names := Names(who, ", ")
	switch {
	case len(who) == 0:
		return fmt.Sprintf("%d more, and nobody is left who could sign", left)
	case len(who) < left:
		return fmt.Sprintf("%d more, and nobody is left who could sign but %s", left, names)
	case len(who) == left:
		return names
	}
	return fmt.Sprintf("%d of %s", left, names)
}
