package plan

import (
	"fmt"
	"slices"

	"zup/plan/config"
)

// Under returns the plan as a configuration judges it that lies where the plan is
// applied: with the approvals, windows, freezes and rules that this one demands, and
// with the waivers that the plan has. The plan itself stays as it is.
func (p *Plan) Under(cfg *config.Config) *Plan {
	q := *p
	q.Approval = approvalOf(cfg.Approval)
	q.Windows, q.Freezes, q.Rules = nil, nil, nil
	q.schedule(cfg)
	q.judge(cfg.Rules)
	return &q
}

// Weaker says what a plan demands less of itself than a configuration demands of
// every plan, a sentence each.
func (p *Plan) Weaker(cfg *config.Config) []string {
	q := p.Under(cfg)
	var all []string
	add := func(format string, args ...any) { all = append(all, fmt.Sprintf(format, args...)) }
	switch a, b := p.Approval, q.Approval; {
	case b == nil:
	case a == nil:
		add("approvals: the plan demands none, the configuration %d", b.Required)
	default:
		if a.Required < b.Required {
			add("approvals: the plan demands %d, the configuration %d", a.Required, b.Required)
		}
		if a.AuthorMayApprove && !b.AuthorMayApprove {
			add("approvals: the plan lets its author approve, the configuration does not")
		}
		if a.Signers.SHA256 != b.Signers.SHA256 {
			add("approvals: the plan names other signers than %s has today", b.Signers.Path)
		}
	}
	if len(q.Windows) > 0 && len(p.Windows) == 0 {
		add("windows: the plan may be applied at any time, the configuration has %d", len(q.Windows))
	}
	for i := range q.Windows {
		if len(p.Windows) > 0 && !slices.ContainsFunc(p.Windows, q.Windows[i].equal) {
			add("windows: %s is not as the configuration has it", q.Windows[i].Name)
		}
	}
	for i := range p.Windows {
		if len(q.Windows) > 0 && !slices.ContainsFunc(q.Windows, func(w Window) bool { return w.Name == p.Windows[i].Name }) {
			add("windows: the configuration has no window %s", p.Windows[i].Name)
		}
	}
	for i := range q.Freezes {
		if !slices.Contains(p.Freezes, q.Freezes[i]) {
			add("freezes: the plan does not know %s", q.Freezes[i].Name)
		}
	}
	for i := range q.Rules {
		r := &q.Rules[i]
		if !slices.ContainsFunc(p.Rules, func(o Rule) bool {
			return o.Name == r.Name && o.Condition == r.Condition && o.Level == r.Level
		}) {
			add("rules: %s is not in the plan as the configuration has it", r.Name)
		}
	}
	return all
}

func (w *Window) equal(o Window) bool {
	return w.Name == o.Name && w.Start == o.Start && w.Timezone == o.Timezone && w.DurationS == o.DurationS && slices.Equal(w.Days, o.Days)
}
