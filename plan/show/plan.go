package show

import (
	"fmt"
	"io"
	"slices"
	"strings"

	"github.com/fatih/color"

	"zup/plan"
	"zup/plan/escape"
)

// manyClusters is from how many clusters on the details of each are left to
// -verbose.
const manyClusters = 8

// Plan writes a plan.
func Plan(w io.Writer, p *plan.Plan, o Options) error {
	pr := newPrinter(w, o)
	busy, quiet := split(p)
	if len(busy) == 0 {
		pr.noChanges(p)
		return pr.err
	}
	pr.headline(p, busy, quiet)
	pr.house(p, o.Now)
	branches := actionsOf(p)
	if len(busy) > 1 {
		pr.table(busy, branches)
	}
	if len(busy) >= manyClusters && !o.Verbose {
		pr.line("")
		pr.line("Details of every cluster: the same with -verbose, or one at a time with -target NAME.")
		return pr.err
	}
	for _, c := range busy {
		pr.line("")
		pr.summary(c, branches[c.Name])
	}
	for _, c := range busy {
		pr.line("")
		pr.actions(c, branches[c.Name], o.Verbose)
	}
	if o.Verbose {
		pr.houseRules(p)
		pr.appendix(p, busy)
	}
	if p.Created != "" { // a saved plan
		pr.line("")
		pr.indented(0, faint, origin(p))
		if o.Proven {
			pr.indented(0, faint, "Proven: "+Proven(p)+".")
		}
		if o.Verbose {
			pr.indented(0, faint, "Carried out once, "+Once(p)+".")
		}
	}
	return pr.err
}

func split(p *plan.Plan) (busy, quiet []*plan.Cluster) {
	branches := actionsOf(p)
	for i := range p.Clusters {
		if c := &p.Clusters[i]; len(branches[c.Name]) > 0 {
			busy = append(busy, c)
		} else {
			quiet = append(quiet, c)
		}
	}
	return busy, quiet
}

func actionsOf(p *plan.Plan) map[string][]plan.Action {
	all := map[string][]plan.Action{}
	for _, a := range p.Actions {
		all[a.Cluster] = append(all[a.Cluster], a)
	}
	return all
}

func (p *printer) noChanges(pl *plan.Plan) {
	as := "as the configuration wants it"
	if slices.ContainsFunc(pl.Clusters, func(c plan.Cluster) bool { return c.Way == plan.Back }) {
		as = "as before the run that took the snapshots"
	}
	if slices.ContainsFunc(pl.Clusters, func(c plan.Cluster) bool { return c.Way == plan.Rest }) {
		as = "at rest"
	}
	p.line("%s Every node is %s.", p.style(good, "No changes."), as)
	for i := range pl.Clusters {
		c := &pl.Clusters[i]
		p.line("")
		p.line("%s (%s): %s %s", escape.Name(c.Name), escape.Name(c.Provider), nodesRun(c), escape.Name(c.To))
		if len(c.Nodes) > 1 {
			p.labelled("MASTER", nil, MasterNow(c))
		}
		p.warnings(c)
	}
}

func nodeNames(c *plan.Cluster) string {
	names := make([]string, len(c.Nodes))
	for i := range c.Nodes {
		names[i] = escape.Name(c.Nodes[i].Name)
	}
	return strings.Join(names, " and ")
}

// nodesRun is "zva5n1 and zva5n2 run" or "zva5n1 runs".
func nodesRun(c *plan.Cluster) string {
	if len(c.Nodes) == 1 {
		return nodeNames(c) + " runs"
	}
	return nodeNames(c) + " run"
}

func (p *printer) headline(pl *plan.Plan, busy, quiet []*plan.Cluster) {
	for _, line := range Outages(pl) {
		p.indented(0, bad, line)
	}
	p.line("%s  %s, %s, about %s", p.style(bold, "Plan "+short(pl.PlanID)),
		Plural(len(busy), "cluster", "clusters"), Plural(len(pl.Actions), "action", "actions"), Seconds(plan.Estimate(pl.Actions)))
	if len(quiet) > 0 {
		p.line("Nothing to do for %s.", Plural(len(quiet), "more cluster", "more clusters"))
	}
}

// origin says who made a saved plan, when, from which commit, and for which change.
func origin(pl *plan.Plan) string {
	s := "Planned " + pl.Created
	commit := pl.Commit
	if note := CommitNote(commit); note != "" {
		commit += " (" + note + ")"
	}
	for _, part := range [][2]string{{" by ", pl.Author}, {", commit ", commit}, {", change ", pl.Change}} {
		if part[1] != "" {
			s += part[0] + escape.Name(part[1])
		}
	}
	return escape.Line(s)
}

// Outages says which clusters nobody serves while they are updated: what comes
// before everything else.
func Outages(pl *plan.Plan) []string {
	var lines []string
	for i := range pl.Clusters {
		if c := &pl.Clusters[i]; c.Interruption.Outages > 0 {
			lines = append(lines, fmt.Sprintf("OUTAGE: %s has one node; nobody serves while it %s, for up to %s.",
				escape.Name(c.Name), outage(c), Seconds(int(c.Interruption.PerSwitchoverMSMax/1000))))
		}
	}
	return lines
}

// outage says what a node does that serves nobody meanwhile.
func outage(c *plan.Cluster) string {
	switch {
	case c.Way == plan.Back:
		return "is restored"
	case c.From == c.To:
		return "reboots"
	}
	return "updates"
}

func short(id string) string { return escape.First(escape.Name(id), 12) }

// table is one line a cluster, where there are several.
func (p *printer) table(busy []*plan.Cluster, branches map[string][]plan.Action) {
	const rows = 14
	p.line("")
	p.line("%s", p.style(bold, fmt.Sprintf("%-28s %-20s %-22s %s", "Cluster", "Version", "Interrupted", "About")))
	for i, c := range busy {
		if i == rows && len(busy) > rows+1 {
			p.line("… and %d more", len(busy)-rows)
			break
		}
		p.line("%s %s %s %s", column(escape.Name(c.Name), 28), column(Versions(c), 20), column(Interrupted(c), 22), Seconds(plan.Estimate(branches[c.Name])))
	}
}

// summary is what somebody reads who has to say yes or no.
func (p *printer) summary(c *plan.Cluster, actions []plan.Action) {
	p.line("%s (%s): %s", p.style(bold, escape.Name(c.Name)), escape.Name(c.Provider), What(c, actions))
	if in := c.Interruption; in.Switchovers > 0 || in.Outages > 0 {
		p.labelled("Interrupted", notice, Interrupted(c))
		p.labelled("  because", nil, escape.Line(c.Interruption.Why))
	} else {
		p.labelled("Interrupted", good, "not at all: "+escape.Line(c.Interruption.Why))
	}
	if len(c.Nodes) > 1 {
		p.labelled("MASTER", nil, fmt.Sprintf("%s now, %s at the end", MasterNow(c), escape.Name(c.Master)))
	}
	if opens := Temporary(actions); opens != "" {
		p.labelled("Temporary", nil, opens)
	}
	p.labelled("Measured", nil, Measured(c))
	p.labelled("Checked", nil, Checked(c))
	p.warnings(c)
}

func (p *printer) warnings(c *plan.Cluster) {
	for _, w := range c.Warnings {
		p.labelled("Warning", notice, escape.Line(w))
	}
}

// Columns of the list of actions.
const (
	numberWidth   = 4
	durationWidth = 7
)

func (p *printer) actions(c *plan.Cluster, actions []plan.Action, verbose bool) {
	nodeWidth := 4
	for _, n := range c.Nodes {
		nodeWidth = max(nodeWidth, escape.Width(escape.Name(n.Name)))
	}
	nodeWidth = min(nodeWidth, 20)
	titleWidth := p.width - numberWidth - nodeWidth - durationWidth - 2
	p.line("%s", p.style(bold, fmt.Sprintf("%s  %s  %s%s",
		escape.Pad("", numberWidth-1), escape.Pad("Node", nodeWidth), escape.Pad("Actions of "+escape.Name(c.Name), titleWidth-1), "About")))
	for i := range actions {
		a := &actions[i]
		left := numberWidth + nodeWidth + 3
		for k, line := range wrap(Title(a)+impact(a), titleWidth-2) {
			if k > 0 {
				p.line("%s%s", strings.Repeat(" ", left), line)
				continue
			}
			mark, _ := Glyph(a)
			p.line("%s  %s  %s%s", p.style(glyphStyle(a), fmt.Sprintf("%2d%s", i+1, mark)), column(NodeOf(c, a), nodeWidth),
				p.title(a, line, titleWidth-1), Seconds(a.EstimateS))
		}
		p.indented(left, faint, escape.Line(a.Reason))
		for _, line := range Packages(a) {
			p.indented(left, faint, line)
		}
		if verbose {
			p.details(a, left)
		}
	}
}

// column is an escaped text in a column of its own.
func column(s string, width int) string { return escape.Pad(escape.Cut(s, width), width) }

func (p *printer) title(a *plan.Action, s string, width int) string {
	padded := escape.Pad(s, width)
	if a.Impact != plan.None {
		return p.style(notice, padded)
	}
	return padded
}

func impact(a *plan.Action) string {
	switch a.Impact {
	case plan.Switchover:
		return " [switchover]"
	case plan.Outage:
		return " [outage]"
	}
	return ""
}

func glyphStyle(a *plan.Action) []color.Attribute {
	if a.Impact != plan.None {
		return notice
	}
	if a.Changes() || len(a.Argv) > 0 {
		return good
	}
	return nil
}
