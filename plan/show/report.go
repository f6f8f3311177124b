package show

import (
	"fmt"
	"io"
	"path/filepath"
	"strings"
	"time"

	"zup/plan"
	"zup/plan/apply"
	"zup/plan/escape"
	"zup/plan/state"
)

// Report writes what became of a run: where everything ended, what was measured,
// and for each cluster that stopped, in what condition it is and what to do next.
// dir is the run's folder.
func Report(w io.Writer, r *apply.Report, p *plan.Plan, dir string, o Options) error {
	pr := newPrinter(w, o)
	for i := range r.Clusters {
		if i > 0 {
			pr.line("")
		}
		pr.ended(&r.Clusters[i], p)
	}
	pr.probes(r)
	pr.line("")
	pr.line("Run %s took %s.", r.Run, seconds(int(r.TookNS.Round(time.Second).Seconds())))
	pr.line("Report: %s", filepath.Join(dir, "report.json"))
	return pr.err
}

func (p *printer) ended(c *apply.ClusterReport, pl *plan.Plan) {
	switch {
	case c.Outcome == "":
		p.line("%s: %s", p.style(bold, c.Name), p.style(notice, "not begun"))
	case c.Stop == nil:
		p.done(c, pl)
	default:
		p.stopped(c, pl)
	}
}

func (p *printer) done(c *apply.ClusterReport, pl *plan.Plan) {
	cl := pl.Cluster(c.Name)
	p.line("%s: %s", p.style(bold, c.Name), p.style(good, fmt.Sprintf("verified: %s %s%s, nothing is open", nodesRun(cl), c.To, isMaster(cl))))
	p.labelled("Done", nil, fmt.Sprintf("%s in %s; the plan said %s", plural(count(c, apply.ActionIsDone), "action", "actions"),
		seconds(int(c.TookNS.Round(time.Second).Seconds())), seconds(plan.Estimate(branchOf(pl, c.Name)))))
	p.kept(c, pl)
	for _, m := range c.Mentions {
		p.labelled("Note", notice, m)
	}
}

func isMaster(c *plan.Cluster) string {
	if len(c.Nodes) == 1 {
		return ""
	}
	return ", " + c.Master + " is MASTER"
}

func branchOf(pl *plan.Plan, cluster string) []plan.Action {
	return actionsOf(pl)[cluster]
}

func count(c *apply.ClusterReport, outcome string) int {
	n := 0
	for i := range c.Actions {
		if c.Actions[i].Outcome == outcome {
			n++
		}
	}
	return n
}

// stopped says what happened, in what condition the cluster is, and what to type.
func (p *printer) stopped(c *apply.ClusterReport, pl *plan.Plan) {
	s := c.Stop
	verb := map[apply.StopKind]string{
		apply.StopFailed: "stopped: an action failed", apply.StopRule: "stopped by a rule", apply.StopBudget: "stopped: interrupted for too long",
		apply.StopAsked: "stopped as asked, at a safe point", apply.StopLeft: "left while something was running", apply.StopUnproven: "carried out, but not proven",
		apply.StopRoom: "stopped: no room left for the record, at a safe point",
	}[s.Kind]
	style := bad
	if s.Kind == apply.StopAsked || s.Kind == apply.StopRoom {
		style = notice
	}
	p.line("%s: %s", p.style(bold, c.Name), p.style(style, verb))
	p.labelled("Action", nil, fmt.Sprintf("%s: %s", s.Action, titleOf(c, s.Action)))
	p.labelled("Because", nil, s.Why)
	for _, m := range s.Seen {
		p.labelled("  seen", nil, m.String())
	}
	if s.Tail != "" {
		p.line("  The node printed up to there:")
		for line := range strings.Lines(s.Tail) {
			for _, part := range wrap(strings.TrimRight(line, "\n"), p.width-6) {
				p.line("    | %s", p.style(faint, part))
			}
		}
	}
	if s.Undo != "" {
		p.labelled("The action", nil, s.Undo)
	}
	if s.Running != "" {
		p.labelled("Running", notice, fmt.Sprintf("job %s goes on on %s", s.Running, s.Node))
	}
	p.kept(c, pl)
	p.labelled("Done so far", nil, fmt.Sprintf("%d of %d actions", count(c, apply.ActionIsDone), len(c.Actions)))
	p.condition(c.Condition, pl.Cluster(c.Name))
	p.labelled("Next", bold, next(c, pl))
	p.wayBack(c, pl)
	if s.Kind == apply.StopFailed {
		p.labelled("For a ticket", nil, "zup support-bundle packs plan, journal and transcripts of this run")
	}
}

func titleOf(c *apply.ClusterReport, id string) string {
	for i := range c.Actions {
		if a := &c.Actions[i]; a.ID == id {
			if a.Node != "" {
				return a.Title + " (" + a.Node + ")"
			}
			return a.Title
		}
	}
	return ""
}

// kept names what was left on the nodes on purpose.
func (p *printer) kept(c *apply.ClusterReport, pl *plan.Plan) {
	for _, a := range branchOf(pl, c.Name) {
		if a.Leaves == "" {
			continue
		}
		for i := range c.Actions {
			if c.Actions[i].ID == a.ID && c.Actions[i].Outcome == apply.ActionIsDone {
				p.labelled("Kept", nil, fmt.Sprintf("%s:%s; the product does not apply it on another version", a.Node, escape.Line(a.Leaves)))
			}
		}
	}
}

// condition says what serves now and what is open.
func (p *printer) condition(c *apply.Condition, cl *plan.Cluster) {
	if c == nil {
		return
	}
	serving := 0
	if len(cl.Nodes) == 1 {
		serving = 1 // whether it does is for the probes to say
	}
	for _, n := range c.Nodes {
		if n.Facts["role"] == "master" && n.Facts["vrrp"] == "MASTER" {
			serving++
			p.labelled("Serves now", good, fmt.Sprintf("%s, with version %s", n.Name, n.Facts["version"]))
		}
	}
	if serving == 0 {
		p.labelled("Serves now", bad, "nobody is known to serve")
	}
	for _, n := range c.Nodes {
		if n.Facts == nil {
			p.labelled(n.Name, notice, "did not answer: "+n.Why)
			continue
		}
		p.labelled(n.Name, nil, Node(n.Facts))
	}
	if !c.Changed {
		p.labelled("Changed", nil, "nothing was changed")
	}
	for _, o := range c.Open {
		p.labelled("Still open", notice, fmt.Sprintf("%s, since %s", o.Name, o.Since.Local().Format(time.TimeOnly)))
	}
}

// Node says in one line how a node is, from its facts, which must be escaped.
func Node(f map[string]string) string {
	if f["role"] == "none" {
		return f["version"] + ", in no cluster"
	}
	parts := []string{f["role"], f["version"]}
	if f["vrrp"] != map[string]string{"master": "MASTER", "backup": "BACKUP", "maintenance": "FAULT"}[f["role"]] {
		parts = append(parts, "keepalived says "+f["vrrp"])
	}
	if f["maintenance"] == "yes" {
		parts = append(parts, "in maintenance mode")
	}
	if f["deny"] == "present" {
		parts = append(parts, "its peer is kept out by hosts.deny")
	}
	switch {
	case f["role"] == "master" && f["replication"] == "off":
		parts = append(parts, "replication is off")
	case f["role"] != "master" && f["replication"] == "running":
		parts = append(parts, "replication runs although it is not MASTER")
	}
	return strings.Join(parts, ", ")
}

// next is the command to type, and when.
func next(c *apply.ClusterReport, pl *plan.Plan) string {
	commands := c.Next(pl.Cluster(c.Name))
	switch c.Stop.Kind {
	case apply.StopAsked:
		return strings.Join(commands, ", or ") + ": either does exactly what is missing"
	case apply.StopRoom:
		return "make room on the disk, then " + strings.Join(commands, ", or ") + ": either does exactly what is missing"
	case apply.StopLeft:
		return commands[0] + ": it attaches to what still runs; or zup status, and once nothing runs any more: " + commands[1]
	default:
		return commands[0] + ", once the cause is gone: it contains exactly what is missing"
	}
}

// probes writes what was measured, and how.
func (p *printer) probes(r *apply.Report) {
	any := false
	for i := range r.Clusters {
		for _, pr := range r.Clusters[i].Probes {
			if !any {
				any = true
				p.line("")
				p.line("%s", p.style(bold, fmt.Sprintf("%-46s %9s %6s %12s", "Measured from here", "requests", "lost", "longest gap")))
			}
			p.figures(r.Clusters[i].Name+", probe "+pr.Name+", whole run", pr.Figures)
			for _, w := range pr.Switchovers {
				p.figures("  "+strings.TrimPrefix(w.Action, r.Clusters[i].Name+"."), w.Figures)
			}
			p.indented(2, faint, pr.Method+"; a gap is the longest time without an answer arriving")
		}
	}
	if !any && r.Outcome == state.OutcomeDone {
		p.line("")
		p.line("No probe is configured: what users felt was not measured.")
	}
}

func (p *printer) figures(what string, f apply.Figures) {
	style := good
	if f.Lost > 0 {
		style = notice
	}
	p.line("%-46s %9d %s %12s", cut(what, 46), f.Sent, p.style(style, fmt.Sprintf("%6d", f.Lost)), milliseconds(f.LongestMS))
}
