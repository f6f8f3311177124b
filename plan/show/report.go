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
	if len(p.Waivers) > 0 {
		pr.line("")
		pr.waivers(p)
	}
	pr.line("")
	pr.line("Run %s took %s.", escape.Name(r.Run), Seconds(int(r.TookNS.Round(time.Second).Seconds())))
	pr.line("Report: %s", escape.Name(filepath.Join(dir, apply.ReportFile)))
	return pr.err
}

func (p *printer) ended(c *apply.ClusterReport, pl *plan.Plan) {
	switch {
	case c.Outcome == "":
		p.line("%s: %s", p.style(bold, escape.Name(c.Name)), p.style(notice, "not begun"))
	case c.Stop == nil:
		p.done(c, pl)
	default:
		p.stopped(c, pl)
	}
}

func (p *printer) done(c *apply.ClusterReport, pl *plan.Plan) {
	cl := pl.Cluster(c.Name)
	p.line("%s: %s", p.style(bold, escape.Name(c.Name)), p.style(good, fmt.Sprintf("verified: %s %s%s, nothing is open", nodesRun(cl), escape.Name(c.To), isMaster(cl))))
	p.labelled("Done", nil, fmt.Sprintf("%s in %s; the plan said %s", Plural(count(c, apply.ActionIsDone), "action", "actions"),
		Seconds(int(c.TookNS.Round(time.Second).Seconds())), Seconds(plan.Estimate(branchOf(pl, c.Name)))))
	p.kept(c, pl)
	for _, m := range c.Mentions {
		p.labelled("Note", notice, escape.Line(m))
	}
}

func isMaster(c *plan.Cluster) string {
	if len(c.Nodes) == 1 {
		return ""
	}
	return ", " + escape.Name(c.Master) + " is MASTER"
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
		apply.StopWindow: "stopped at a safe point, because of the window",
		apply.StopRoom:   "stopped: no room left for the record, at a safe point",
		apply.StopLocked: "stopped: somebody else was at work on it",
	}[s.Kind]
	style := bad
	if s.Kind == apply.StopAsked || s.Kind == apply.StopRoom || s.Kind == apply.StopWindow {
		style = notice
	}
	p.line("%s: %s", p.style(bold, escape.Name(c.Name)), p.style(style, verb))
	p.labelled("Action", nil, fmt.Sprintf("%s: %s", escape.Name(s.Action), titleOf(c, pl, s.Action)))
	p.labelled("Because", nil, escape.Line(s.Why))
	for _, m := range s.Seen {
		p.labelled("  seen", nil, escape.Line(m.String())+means(pl.Product(pl.Cluster(c.Name).Provider), m.Fact))
	}
	if a := pl.Action(s.Action); a != nil && a.Primitive == plan.Gate && a.Reason != "" {
		p.labelled("Looked at, as", nil, escape.Line(a.Reason))
	}
	if s.Tail != "" {
		p.line("  The node printed up to there:")
		for line := range strings.Lines(escape.Text(s.Tail)) {
			for _, part := range wrap(strings.TrimRight(line, "\n"), p.width-6) {
				p.line("    | %s", p.style(faint, part))
			}
		}
	}
	if s.Undo != "" {
		p.labelled("The action", nil, escape.Line(s.Undo))
	}
	if s.Running != "" {
		p.labelled("Running", notice, fmt.Sprintf("job %s goes on on %s", escape.Name(s.Running), escape.Name(s.Node)))
	}
	p.kept(c, pl)
	p.labelled("Done so far", nil, fmt.Sprintf("%d of %d actions", count(c, apply.ActionIsDone), len(c.Actions)))
	p.condition(c.Condition, pl.Cluster(c.Name), pl.Product(pl.Cluster(c.Name).Provider))
	p.choices(c, pl)
}

// means says what a fact is about whose name alone does not tell.
func means(p *plan.Product, fact string) string {
	if text := p.Means(fact); text != "" {
		return " (" + escape.Line(text) + ")"
	}
	return ""
}

// titleOf is what an action does, and where it runs if that is one place.
func titleOf(c *apply.ClusterReport, pl *plan.Plan, id string) string {
	if a := pl.Action(id); a != nil && a.Here() {
		return fmt.Sprintf("%s (%s)", escape.Line(a.Title), Where(pl.Cluster(c.Name), a))
	}
	for i := range c.Actions {
		if a := &c.Actions[i]; a.ID == id {
			if a.Node != "" {
				return escape.Line(a.Title) + " (" + escape.Name(a.Node) + ")"
			}
			return escape.Line(a.Title)
		}
	}
	return ""
}

// kept names what was left on the nodes on purpose.
func (p *printer) kept(c *apply.ClusterReport, pl *plan.Plan) {
	for _, text := range Kept(c, pl) {
		p.labelled("Kept", nil, text)
	}
}

// Kept lists the files that the actions of a run have left on the nodes on purpose, or
// may have left where one has failed, escaped.
func Kept(c *apply.ClusterReport, pl *plan.Plan) []string {
	var all []string
	for _, a := range branchOf(pl, c.Name) {
		if a.Leaves == "" {
			continue
		}
		for i := range c.Actions {
			if c.Actions[i].ID != a.ID {
				continue
			}
			file := escape.Name(a.Node) + ":" + escape.Name(a.Leaves)
			switch c.Actions[i].Outcome {
			case apply.ActionIsDone:
				all = append(all, file+"; "+escape.Line(a.Left))
			case apply.ActionHasFail:
				all = append(all, file+", if it got so far; "+escape.Line(a.Left))
			}
		}
	}
	return all
}

// condition says what serves now and what is open.
func (p *printer) condition(c *apply.Condition, cl *plan.Cluster, of *plan.Product) {
	if c == nil {
		return
	}
	serving := 0
	if len(cl.Nodes) == 1 {
		serving = 1 // whether it does is for the probes to say
	}
	for _, n := range c.Nodes {
		if n.Serves {
			serving++
			p.labelled("Serves now", good, fmt.Sprintf("%s, with version %s", escape.Name(n.Name), escape.Name(n.Version)))
		}
	}
	if serving == 0 {
		p.labelled("Serves now", bad, "nobody is known to serve")
	}
	for _, n := range c.Nodes {
		if n.Facts == nil {
			p.labelled(escape.Name(n.Name), notice, "did not answer: "+escape.Line(n.Why))
			continue
		}
		p.labelled(escape.Name(n.Name), nil, Node(of, n.Facts))
	}
	if !c.Changed {
		p.labelled("Changed", nil, "nothing was changed")
	}
	for _, o := range c.Open {
		p.labelled("Still open", notice, fmt.Sprintf("%s, since %s", escape.Name(o.Name), o.Since.Local().Format(time.TimeOnly)))
	}
}

// Node says in one line how a node is, from its facts, in the product's words.
func Node(p *plan.Product, facts map[string]string) string {
	var parts []string
	for _, said := range p.Describe(facts) {
		text := plan.Said{Text: escape.Line(said.Text)}
		parts = append(parts, text.With(escape.Name(said.Seen)))
	}
	return strings.Join(parts, ", ")
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
			p.figures(escape.Name(r.Clusters[i].Name)+", probe "+escape.Name(pr.Name)+", whole run", pr.Figures)
			for _, w := range pr.Switchovers {
				p.figures("  "+escape.Name(strings.TrimPrefix(w.Action, r.Clusters[i].Name+".")), w.Figures)
			}
			p.indented(2, faint, escape.Line(pr.Method)+"; a gap is the longest time without an answer arriving")
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
	p.line("%s %9d %s %12s", column(what, 46), f.Sent, p.style(style, fmt.Sprintf("%6d", f.Lost)), Milliseconds(f.LongestMS))
}
