package show

import (
	"fmt"
	"strings"
	"time"

	"zup/plan"
	"zup/plan/escape"
	"zup/plan/window"
)

// house writes when the plan may be applied, what the rules of the house say of it,
// and what of all that is waived.
func (p *printer) house(pl *plan.Plan, now time.Time) {
	for i := range pl.Windows {
		w := &pl.Windows[i]
		p.labelled("Window", nil, fmt.Sprintf("%s: %s %s for %s, %s", escape.Line(w.Name), Names(w.Days, ", "), escape.Name(w.Start),
			window.Length(time.Duration(w.DurationS)*time.Second), escape.Name(w.Timezone)))
	}
	for i := range pl.Freezes {
		f := &pl.Freezes[i]
		p.labelled("Freeze", nil, fmt.Sprintf("%s: %s to %s", escape.Line(f.Name), momentOf(f.From, f.Timezone), momentOf(f.To, f.Timezone)))
	}
	if !now.IsZero() {
		if text := pl.Opens(now); text != "" {
			p.labelled("May begin", notice, escape.Line(text))
		}
	}
	p.secrets(pl)
	p.rules(pl)
	p.waivers(pl)
}

func momentOf(text, zone string) string {
	t, err := time.Parse(time.RFC3339, text)
	if err != nil {
		return escape.Line(text)
	}
	z, _ := window.Zone(zone)
	return window.Moment(t, z)
}

// rules writes how many rules of the house hold, and those that do not.
func (p *printer) rules(pl *plan.Plan) {
	if len(pl.Rules) == 0 {
		return
	}
	var counted []string
	for _, c := range []struct {
		n         int
		one, many string
	}{
		{howMany(pl, func(r *plan.Rule) bool { return r.Status == plan.Passed }), "holds", "hold"},
		{howMany(pl, func(r *plan.Rule) bool { return pl.Waiver(r.Name) != nil }), "is waived", "are waived"},
		{howMany(pl, func(r *plan.Rule) bool { return !r.Denies() && against(pl, r) }), "warns", "warn"},
		{len(pl.Broken()), "refuses: this plan may not be applied", "refuse: this plan may not be applied"},
	} {
		if c.n > 0 {
			counted = append(counted, Plural(c.n, c.one, c.many))
		}
	}
	p.labelled("Rules", nil, strings.Join(counted, ", "))
	for i := range pl.Rules {
		r := &pl.Rules[i]
		switch {
		case !against(pl, r):
		case !r.Denies():
			p.labelled("Warning", notice, ruleText(r))
		default:
			p.labelled("Refused", bad, ruleText(r))
		}
	}
}

// against reports whether a rule does not hold and is not waived.
func against(pl *plan.Plan, r *plan.Rule) bool {
	return r.Status != plan.Passed && pl.Waiver(r.Name) == nil
}

func howMany(pl *plan.Plan, is func(*plan.Rule) bool) int {
	n := 0
	for i := range pl.Rules {
		if is(&pl.Rules[i]) {
			n++
		}
	}
	return n
}

func ruleText(r *plan.Rule) string {
	text := fmt.Sprintf("rule %s: %s", escape.Name(r.Name), r.Message)
	if r.Detail != "" {
		text += " (could not be evaluated: " + r.Detail + ")"
	}
	return escape.Line(text)
}

func (p *printer) waivers(pl *plan.Plan) {
	for i := range pl.Waivers {
		w := &pl.Waivers[i]
		p.labelled("Waived", notice, escape.Line(fmt.Sprintf("%s (%s), because: %s", escape.Name(w.Name), w.What, w.Because)))
	}
}

// conditions of the rules of the house, word for word.
func (p *printer) houseRules(pl *plan.Plan) {
	if len(pl.Rules) == 0 {
		return
	}
	p.line("")
	p.line("%s", p.style(bold, "Rules of the house"))
	for i := range pl.Rules {
		r := &pl.Rules[i]
		p.line("  %s %s  %s", p.style(statusStyle(r.Status), escape.Pad(escape.Name(string(r.Status)), 7)), escape.Name(r.Name), escape.Name(r.Level))
		p.exactly(4, r.Condition)
	}
}
