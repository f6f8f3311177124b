package pair

import (
	"slices"
	"strings"

	"zup/plan"
)

// Finding is what a check says about a node or the pair. The zero one says that the check
// is not about a cluster like this one.
type Finding struct {
	Status  plan.Status
	Detail  string // what was seen; of a passed check nothing that changes by the minute
	Summary string // of a check that did not pass: what is wrong, in one sentence
	Hint    string // and what to do next
	Refuses bool   // it is the pair that is not fit; otherwise something is wrong with the way in or the configuration
}

// Pass is a finding that everything is as it must be.
func Pass(detail string) Finding { return Finding{Status: plan.Passed, Detail: detail} }

// Skip is a finding of a check that did not look, and why.
func Skip(detail string) Finding { return Finding{Status: plan.Skipped, Detail: detail} }

// Unfit is a finding about the health of the pair.
func Unfit(summary, detail, hint string) Finding {
	return Finding{plan.Failed, detail, summary, hint, true}
}

// Mistaken is a finding about the configuration or the way in.
func Mistaken(summary, detail, hint string) Finding {
	return Finding{plan.Failed, detail, summary, hint, false}
}

// Unseen is a finding that could not be made.
func Unseen(what, fact string) Finding {
	return Finding{plan.Error, fact, what + " could not be found out", "", true}
}

// Otherwise is what becomes of a plan when a check does not pass.
type Otherwise string

// What does not pass and is waived becomes part of the plan, with the reason. A refusal may
// be waived only where the plan itself looks again at what the check is about before
// anything is changed on the nodes.
const (
	Refuses  Otherwise = "refused"
	Waivable Otherwise = "refused, or waived"
	Warns    Otherwise = "a warning, or waived"
)

// A Check looks at something of P, a product's own pair, or of N, a node of it. One of the
// two functions is set.
type Check[P, N any] struct {
	Name      string
	Otherwise Otherwise
	About     string // what passes, for the documentation
	Node      func(P, N) Finding
	Pair      func(P) Finding
}

// A Stage is a set of checks that make sense once those of the stages before have passed.
// All of a stage are looked at, so that all mistakes come at once.
type Stage[P, N any] []Check[P, N]

// Rules lists every check of the stages, in order.
func Rules[P, N any](stages []Stage[P, N]) []plan.CheckRule {
	var all []plan.CheckRule
	for _, s := range stages {
		for _, c := range s {
			all = append(all, plan.CheckRule{Name: c.Name, About: c.About, Pair: c.Pair != nil, Waivable: c.Otherwise != Refuses})
		}
	}
	return all
}

// Verdict is everything that the checks found.
type Verdict struct {
	Checks   []plan.Check
	Refusals []plan.Refusal
	Warnings []string
	Waived   []plan.Waiver
}

// Judge looks at a pair, stage by stage, and stops after the first stage that refuses.
// nodes are its nodes by name, in the order of the configuration.
func Judge[P, N any](s *plan.Situation, p P, nodes []N, name func(N) string, stages []Stage[P, N]) Verdict {
	v := Verdict{Checks: []plan.Check{}}
	for _, stage := range stages {
		for _, c := range stage {
			if c.Pair != nil {
				v.add(s, "", c.Name, c.Otherwise, c.Pair(p))
				continue
			}
			for _, n := range nodes {
				v.add(s, name(n), c.Name, c.Otherwise, c.Node(p, n))
			}
		}
		if len(v.Refusals) > 0 {
			break
		}
	}
	slices.SortFunc(v.Checks, func(a, b plan.Check) int { return strings.Compare(a.ID, b.ID) })
	return v
}

func (v *Verdict) add(s *plan.Situation, node, name string, or Otherwise, f Finding) {
	if f.Status == "" {
		return
	}
	id := s.Config.Name + "." + name
	if node != "" {
		id = s.Config.Name + "." + node + "." + name
	}
	v.Checks = append(v.Checks, plan.Check{ID: id, Status: f.Status, Detail: f.Detail})
	if f.Status == plan.Passed || f.Status == plan.Skipped {
		return
	}
	switch {
	case or != Refuses && s.Waives(id):
		v.Waived = append(v.Waived, plan.Waiver{Name: id, What: f.text(node)})
	case or == Warns:
		text := f.text(node)
		if f.Hint != "" {
			text += "; " + f.Hint
		}
		v.Warnings = append(v.Warnings, text)
	default:
		refusal := plan.Refusal{
			Cluster: s.Config.Name, Node: node, Check: name,
			Summary: f.Summary, Detail: f.Detail, Hint: f.Hint, Rule: f.Refuses,
		}
		if or == Waivable {
			refusal.Waiver = id
		}
		v.Refusals = append(v.Refusals, refusal)
	}
}

// text is what is wrong, in a sentence.
func (f *Finding) text(node string) string {
	if node == "" {
		return f.Summary
	}
	return node + " " + f.Summary
}
