package main

import (
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"
	"unicode"

	"github.com/spf13/cobra"

	"zup/plan"
	"zup/plan/escape"
	"zup/plan/shell"
)

// waiveFlags are the flags of what is not to be heeded, in the order of the command
// line: -because is the reason of every -waive before it that has none yet.
type waiveFlags struct {
	waivers []plan.Waiver
}

func (f *waiveFlags) add(cmd *cobra.Command) {
	cmd.Flags().Var((*waiveFlag)(f), "waive", "do not heed this rule, check (cluster.check or cluster.node.check), freeze:NAME or windows: `name`; may be repeated")
	cmd.Flags().Var((*becauseFlag)(f), "because", "why; the `reason` stands in the plan and in the report")
}

type waiveFlag waiveFlags

func (f *waiveFlag) Set(s string) error {
	if slices.ContainsFunc(f.waivers, func(w plan.Waiver) bool { return w.Name == s }) {
		return fmt.Errorf("%q is waived twice", s)
	}
	f.waivers = append(f.waivers, plan.Waiver{Name: s})
	return nil
}
func (f *waiveFlag) String() string { return "" }
func (f *waiveFlag) Type() string   { return "name" }

// maxBecause is how long a reason may be, in bytes.
const maxBecause = 500

type becauseFlag waiveFlags

func (f *becauseFlag) Set(s string) error {
	s = strings.TrimSpace(s)
	switch {
	case s == "":
		return errors.New("a reason is wanted")
	case len(s) > maxBecause:
		return fmt.Errorf("a reason has at most %d characters", maxBecause)
	case strings.ContainsFunc(s, unicode.IsControl) || strings.ToValidUTF8(s, "") != s:
		return errors.New("a reason is one line of plain text")
	}
	given := false
	for i := range f.waivers {
		if f.waivers[i].Because == "" {
			f.waivers[i].Because, given = s, true
		}
	}
	if !given {
		return errors.New("it stands behind the -waive whose reason it is")
	}
	return nil
}
func (f *becauseFlag) String() string { return "" }
func (f *becauseFlag) Type() string   { return "reason" }

// check wants a reason for each.
func (f *waiveFlags) check() error {
	for _, w := range f.waivers {
		if w.Because == "" {
			return usagef(fmt.Sprintf("-waive %s -because \"…\": the reason stands in the plan and in the report", w.Name), "-waive %s: a reason is missing", w.Name)
		}
	}
	return nil
}

// unneeded says which waivers had nothing to waive.
func (p *planning) unneeded(pl *plan.Plan) {
	for _, w := range p.waive.waivers {
		if pl.Waiver(w.Name) == nil {
			p.warned("", "", "-waive %s was not needed, and is not in the plan: nothing is against it", w.Name)
			fmt.Fprintf(p.err, "%s -waive %s was not needed, and is not in the plan: nothing is against it\n",
				p.errStyle().notice("Note:"), escape.Name(w.Name))
		}
	}
}

// waiverFailure is the exit code and the hint of a waiver that can't be.
func waiverFailure(e *plan.WaiverError) *failure {
	switch {
	case e.NoneSuch && e.Near != "":
		return &failure{exitUsage, e, fmt.Sprintf("did you mean %s?", e.Near)}
	case e.NoneSuch:
		return &failure{exitUsage, e, "zup plan names what may be waived where it refuses"}
	}
	return &failure{exitRule, e, ""}
}

// permitted refuses a plan that a rule of the house is against.
func permitted(p *plan.Plan) error {
	broken := p.Broken()
	if len(broken) == 0 {
		return nil
	}
	var lines []string
	for _, r := range broken {
		text := r.Message
		if r.Detail != "" {
			text = r.Detail
		}
		lines = append(lines, fmt.Sprintf("rule %s: %s", r.Name, text))
	}
	return fail(exitRule, fmt.Sprintf("zup plan -waive %s -because \"…\" -out FILE, for a reason that will stand in the plan", shell.Quote(broken[0].Name)),
		"the plan may not be applied\n%s", joinLines(lines))
}

// open refuses to begin outside the windows of a plan, or so late that it would not
// fit.
func (c *cli) open(p *plan.Plan, need time.Duration) error {
	closed := p.Closed(c.now(), need)
	if closed == nil {
		return nil
	}
	hint := ""
	if len(closed.Waivers) > 0 {
		var waived []string
		for _, name := range closed.Waivers {
			waived = append(waived, "-waive", name)
		}
		hint = fmt.Sprintf("in an emergency: zup plan %s -because \"…\" -out FILE", shell.Command(waived...))
	}
	return fail(exitRule, hint, "not now: %s; nothing was changed\n%s", closed.Why, closed.Next)
}

// estimate is how long a plan takes.
func estimate(p *plan.Plan) time.Duration {
	return time.Duration(plan.Estimate(p.Actions)) * time.Second
}
