package main

import (
	"fmt"
	"time"

	"zup/plan"
	"zup/plan/approval"
	"zup/plan/config"
	"zup/plan/escape"
	"zup/plan/stream"
	"zup/providers"
)

// demanding is a plan that is to be applied, and what is demanded of it: by itself, and
// by the configuration that lies where it is applied. Both count.
type demanding struct {
	*plan.Plan
	revoked approval.Keys // today
	beside  *plan.Plan    // as that configuration judges it; nil: there is none
	weaker  []string      // what the plan demands less of itself
}

// beside reads what the configuration in a directory demands of every plan. A key that
// is revoked today does not count, whatever the plan says of it: a stolen key must not
// count because of an older plan, nor because its list was taken away.
func (c *cli) beside(p *plan.Plan, dir string) (*demanding, error) {
	d := &demanding{Plan: p}
	if p.Approval != nil && p.Approval.Revoked != nil {
		var err error
		if d.revoked, err = revokedToday(dir, p.Approval.Revoked.Path); err != nil {
			return nil, err
		}
	}
	cfg, diags := config.Policy(dir, config.Options{
		Env: c.env, Version: version, Plan: plan.ConditionType(), Products: plan.Declared(providers.All()),
	})
	if diags.HasErrors() {
		c.stream.Send(stream.Configuration(diags)...)
		if err := diags.WriteText(c.err, c.colored(c.err), width(c.err)); err != nil {
			return nil, err
		}
		return nil, fail(exitError, "zup validate shows every mistake",
			"what the configuration beside the plan demands can't be read; nothing was changed")
	}
	if cfg == nil {
		return d, nil
	}
	d.beside, d.weaker = p.Under(cfg), p.Weaker(cfg)
	by, err := d.beside.Demand()
	if by != nil {
		d.revoked = append(d.revoked, by.Revoked...)
	}
	return d, err
}

// judges are the plan by each of those who demand something of it.
func (d *demanding) judges() []*plan.Plan {
	if d.beside == nil {
		return []*plan.Plan{d.Plan}
	}
	return []*plan.Plan{d.Plan, d.beside}
}

// permitted refuses a plan that a rule of the house is against.
func (d *demanding) permitted() error {
	for _, p := range d.judges() {
		if err := permitted(p); err != nil {
			return d.because(p, err)
		}
	}
	return nil
}

// open refuses to begin outside the windows.
func (d *demanding) open(c *cli, need time.Duration) error {
	for _, p := range d.judges() {
		if err := c.open(p, need); err != nil {
			return d.because(p, err)
		}
	}
	return nil
}

// closed returns what says why a run may not go on; nil: the plan's own windows do.
func (d *demanding) closed() func(time.Time, time.Duration) *plan.Closed {
	if d.beside == nil || len(d.beside.Windows)+len(d.beside.Freezes) == 0 {
		return nil
	}
	return func(now time.Time, need time.Duration) *plan.Closed {
		for _, p := range d.judges() {
			if closed := p.Closed(now, need); closed != nil {
				return closed
			}
		}
		return nil
	}
}

// because names what the plan demands less, where it is refused for that.
func (d *demanding) because(by *plan.Plan, err error) error {
	if by == d.Plan || len(d.weaker) == 0 {
		return err
	}
	f := classify(err)
	return fail(f.code, f.hint, "%w\nThe configuration beside the plan demands more than the plan:\n  %s", f.err, joinIndented(d.weaker))
}

func joinIndented(lines []string) string {
	text := ""
	for i, line := range lines {
		if i > 0 {
			text += "\n  "
		}
		text += line
	}
	return text
}

// tell says what the plan demands less, where it is applied all the same.
func (d *demanding) tell(c *cli) {
	if len(d.weaker) == 0 {
		return
	}
	fmt.Fprintf(c.err, "%s the configuration beside the plan demands more than the plan, and is heeded:\n", c.errStyle().notice("Note:"))
	for _, line := range d.weaker {
		fmt.Fprintf(c.err, "  %s\n", escape.Line(line))
		c.warned("", "the configuration is heeded", "the plan demands less than the configuration beside it: %s", line)
	}
}
