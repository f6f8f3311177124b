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
	if slices.ContainsFunc(pl.Clusters, func(c plan.Cluster) bool { return c.Rollback }) {
		as = "as before the run that took the snapshots"
	}
	if slices.ContainsFunc(pl.Clusters, func(c plan.Cluster) bool { return c.BackOut }) {
		as = "at rest"
	}
	p.line("%s Every node is %s.", p.style(good, "No changes."), as)
	for i := range pl.Clusters {
		c := &pl.Clusters[i]
		p.line("")
		p.line("%s (%s): %s %s", c.Name, c.Provider, nodesRun(c), c.To)
		if len(c.Nodes) > 1 {
			p.labelled("MASTER", nil, masterNow(c))
		}
		p.warnings(c)
	}
}

func nodeNames(c *plan.Cluster) string {
	names := make([]string, len(c.Nodes))
	for i := range c.Nodes {
		names[i] = c.Nodes[i].Name
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

func masterNow(c *plan.Cluster) string {
	for i := range c.Nodes {
		if c.Nodes[i].Role == "master" {
			return c.Nodes[i].Name
		}
	}
	return "nobody"
}

func (p *printer) headline(pl *plan.Plan, busy, quiet []*plan.Cluster) {
	for _, line := range Outages(pl) {
		p.indented(0, bad, line)
	}
	p.line("%s  %s, %s, about %s", p.style(bold, "Plan "+short(pl.PlanID)),
		plural(len(busy), "cluster", "clusters"), plural(len(pl.Actions), "action", "actions"), seconds(plan.Estimate(pl.Actions)))
	if len(quiet) > 0 {
		p.line("Nothing to do for %s.", plural(len(quiet), "more cluster", "more clusters"))
	}
}

// origin says who made a saved plan, when, from which commit, and for which change.
func origin(pl *plan.Plan) string {
	s := "Planned " + pl.Created
	for _, part := range [][2]string{{" by ", pl.Author}, {", commit ", pl.Commit}, {", change ", pl.Change}} {
		if part[1] != "" {
			s += part[0] + part[1]
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
				c.Name, outage(c), seconds(int(c.Interruption.PerSwitchoverMSMax/1000))))
		}
	}
	return lines
}

// outage says what a node does that serves nobody meanwhile.
func outage(c *plan.Cluster) string {
	switch {
	case c.Rollback:
		return "is restored"
	case c.From == c.To:
		return "reboots"
	}
	return "updates"
}

func short(id string) string { return id[:min(12, len(id))] }

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
		p.line("%-28s %-20s %-22s %s", cut(c.Name, 28), cut(versions(c), 20), cut(interrupted(c), 22), seconds(plan.Estimate(branches[c.Name])))
	}
}

func versions(c *plan.Cluster) string {
	if c.From == c.To {
		return c.To
	}
	return escape.Line(c.From) + " → " + c.To
}

func interrupted(c *plan.Cluster) string {
	in := c.Interruption
	most := "≤ " + milliseconds(float64(in.PerSwitchoverMSMax))
	switch {
	case in.Outages > 0:
		return "outage, ≤ " + seconds(int(c.Interruption.PerSwitchoverMSMax/1000))
	case in.Switchovers == 0:
		return "not at all"
	}
	switch in.Switchovers {
	case 1:
		return "once, " + most
	case 2:
		return "twice, " + most + " each"
	default:
		return fmt.Sprintf("%d times, %s each", in.Switchovers, most)
	}
}

// summary is what somebody reads who has to say yes or no.
func (p *printer) summary(c *plan.Cluster, actions []plan.Action) {
	p.line("%s (%s): %s", p.style(bold, c.Name), c.Provider, what(c, actions))
	if in := c.Interruption; in.Switchovers > 0 || in.Outages > 0 {
		p.labelled("Interrupted", notice, interrupted(c))
		p.labelled("  because", nil, escape.Line(c.Interruption.Why))
	} else {
		p.labelled("Interrupted", good, "not at all: "+escape.Line(c.Interruption.Why))
	}
	if len(c.Nodes) > 1 {
		p.labelled("MASTER", nil, fmt.Sprintf("%s now, %s at the end", masterNow(c), c.Master))
	}
	if opens := temporary(actions); opens != "" {
		p.labelled("Temporary", nil, opens)
	}
	p.labelled("Measured", nil, measured(c))
	p.labelled("Checked", nil, checked(c))
	p.warnings(c)
}

func what(c *plan.Cluster, actions []plan.Action) string {
	var nodes, reboots []string
	for _, a := range actions {
		if a.Kind == "reboot" {
			reboots = append(reboots, a.Node)
		}
		if a.Kind == "update" || a.Kind == "restore" {
			nodes = append(nodes, a.Node)
		}
	}
	if len(nodes) == 0 && len(reboots) > 0 {
		return "reboot " + strings.Join(reboots, ", then ") + "; every node runs " + c.To
	}
	if len(nodes) == 0 {
		todo := "clean up"
		if c.Rollback {
			todo = "back to before the update: clean up"
		}
		if c.BackOut {
			todo = "back out: undo what is temporary"
		}
		if c.Interruption.Switchovers > 0 && masterNow(c) != c.Master {
			todo = "move MASTER to " + c.Master
		}
		return todo + "; every node runs " + c.To
	}
	if c.Rollback {
		return "back to the snapshots, " + versions(c) + " on " + strings.Join(nodes, ", then ")
	}
	return versions(c) + " on " + strings.Join(nodes, ", then ")
}

// temporary lists what the plan opens and closes again, and what it closes that
// somebody else left open.
func temporary(actions []plan.Action) string {
	var opened, left []string
	for _, a := range actions {
		opened = append(opened, a.Opens...)
		for _, name := range a.Closes {
			if !slices.Contains(opened, name) {
				left = append(left, name)
			}
		}
	}
	var parts []string
	if len(opened) > 0 {
		parts = append(parts, strings.Join(slices.Compact(opened), ", ")+": opened and closed again")
	}
	if len(left) > 0 {
		parts = append(parts, strings.Join(left, ", ")+": left by an earlier attempt, closed")
	}
	return strings.Join(parts, "; ")
}

// measured names the probes.
func measured(c *plan.Cluster) string {
	if len(c.Probes) == 0 {
		return "nothing: there is no probe"
	}
	names := make([]string, len(c.Probes))
	for i, pr := range c.Probes {
		names[i] = escape.Line(pr.Name)
	}
	const most = 12
	text := strings.Join(names[:min(len(names), most)], ", ")
	if more := len(names) - most; more > 0 {
		text += fmt.Sprintf(" and %d more", more)
	}
	if c.Probes[0].Found {
		return text + ", found up, every " + milliseconds(float64(c.Probes[0].IntervalMS))
	}
	return "by " + text
}

func checked(c *plan.Cluster) string {
	count := map[plan.Status]int{}
	var not []string
	for _, ch := range c.Checks {
		count[ch.Status]++
		if ch.Status == plan.Error {
			not = append(not, strings.TrimPrefix(ch.ID, c.Name+"."))
		}
	}
	text := fmt.Sprintf("%d checks passed", count[plan.Passed])
	for _, s := range []plan.Status{plan.Failed, plan.Error, plan.Skipped} {
		if count[s] > 0 {
			text += fmt.Sprintf(", %d %s", count[s], map[plan.Status]string{plan.Failed: "failed", plan.Error: "could not be made", plan.Skipped: "skipped"}[s])
		}
	}
	if len(not) > 0 {
		text += "; not known: " + strings.Join(not, ", ")
	}
	return text
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
		nodeWidth = max(nodeWidth, len(n.Name))
	}
	nodeWidth = min(nodeWidth, 20)
	titleWidth := p.width - numberWidth - nodeWidth - durationWidth - 2
	p.line("%s", p.style(bold, fmt.Sprintf("%s  %s  %s%s",
		pad("", numberWidth-1), pad("Node", nodeWidth), pad("Actions of "+c.Name, titleWidth-1), "About")))
	for i := range actions {
		a := &actions[i]
		node := a.Node
		switch {
		case node == "" && len(c.Nodes) == 1:
			node = c.Nodes[0].Name
		case node == "":
			node = "both"
		}
		left := numberWidth + nodeWidth + 3
		for k, line := range wrap(escape.Line(a.Title)+impact(a), titleWidth-2) {
			if k > 0 {
				p.line("%s%s", strings.Repeat(" ", left), line)
				continue
			}
			p.line("%s  %s  %s%s", p.style(glyphStyle(a), fmt.Sprintf("%2d%s", i+1, glyph(a))), pad(cut(node, nodeWidth), nodeWidth),
				p.title(a, line, titleWidth-1), seconds(a.EstimateS))
		}
		p.indented(left, faint, escape.Line(a.Reason))
		if verbose {
			p.details(a, left)
		}
	}
}

func (p *printer) title(a *plan.Action, s string, width int) string {
	padded := pad(s, width)
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

// glyph marks what an action does: "~" changes something, "?" looks and may stop
// the run, "…" waits.
func glyph(a *plan.Action) string {
	switch a.Primitive {
	case plan.Local:
		if len(a.Argv) == 0 {
			return "?"
		}
	case plan.Gate:
		return "?"
	case plan.Wait:
		return "…"
	}
	return "~"
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
