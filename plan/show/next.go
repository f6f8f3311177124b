package show

import (
	"zup/plan"
	"zup/plan/apply"
	"zup/plan/escape"
)

// Choice is a command that leads on from a run that has stopped.
type Choice struct {
	Label string // "Next", "Or", …
	Text  string // the command, when to type it, and what it does
	First bool   // it is the way to go on, not another way out
}

// Choices are the commands that lead on from where a cluster has stopped, the best
// one first. One that would be refused from there is not among them.
func Choices(c *apply.ClusterReport, pl *plan.Plan) []Choice {
	var all []Choice
	label := "Next"
	for _, text := range next(c, pl) {
		all = append(all, Choice{label, text, true})
		label = "Or"
	}
	if backsOut(c, pl) {
		all = append(all, Choice{"Or back out", "zup plan -back-out -out FILE: undoes what is temporary, and updates nothing", false})
	}
	if tookSnapshots(c, pl) {
		all = append(all, Choice{"Or back", "zup plan -rollback -out FILE: to the snapshots that this run has taken", false})
	}
	switch c.Stop.Kind {
	case apply.StopFailed, apply.StopRule, apply.StopUnproven:
		all = append(all, Choice{"For a ticket", "zup support-bundle packs plan, journal and transcripts of this run", false})
	}
	return all
}

func (p *printer) choices(c *apply.ClusterReport, pl *plan.Plan) {
	for _, choice := range Choices(c, pl) {
		style := bold
		if !choice.First {
			style = nil
		}
		p.labelled(choice.Label, style, choice.Text)
	}
}

// tookSnapshots reports whether the run has taken a snapshot of every node.
func tookSnapshots(c *apply.ClusterReport, pl *plan.Plan) bool {
	taken := 0
	for i := range pl.Actions {
		a := &pl.Actions[i]
		for k := range c.Actions {
			if a.Keeps != "" && c.Actions[k].ID == a.ID && c.Actions[k].Outcome == apply.ActionIsDone {
				taken++
			}
		}
	}
	return taken > 0 && taken == len(pl.Cluster(c.Name).Nodes)
}

// next are the ways to go on: with the plan of the run, or with a new one.
func next(c *apply.ClusterReport, pl *plan.Plan) []string {
	again := apply.Again(pl.Cluster(c.Name))
	const missing = ": a new plan has exactly what is missing"
	switch {
	case c.Stop.Kind == apply.StopAsked:
		return []string{"zup resume, or " + again + ": either does exactly what is missing"}
	case c.Stop.Kind == apply.StopRoom:
		return []string{"make room on the disk, then zup resume, or " + again + ": either does exactly what is missing"}
	case c.Stop.Kind == apply.StopWindow:
		return []string{"zup resume, when it may go on: " + escape.Line(c.Stop.Opens)}
	case c.Stop.Kind == apply.StopLeft || c.Stop.Running != "":
		return []string{"zup resume: it attaches to what still runs", "zup status, and once nothing runs any more: " + again}
	case c.Stop.Kind == apply.StopBudget:
		return []string{"zup resume: goes on with the plan of this run, and measures anew", again + missing}
	case !c.Resumable(pl):
	case ran(c, pl.Action(c.Stop.Action)): // its script is not run again
		return []string{
			again + ", once the cause is gone: it contains exactly what is missing",
			"zup resume, if what was seen is as wanted by then: it looks again, and goes on with the plan of this run",
		}
	default:
		when := "once the cause is gone"
		if len(c.Stop.Seen) > 0 {
			when = "once what was seen is as wanted"
		}
		return []string{"zup resume, " + when + ": goes on with the plan of this run", again + ", if that can't be" + missing}
	}
	return []string{again + ", once the cause is gone: it contains exactly what is missing"}
}

// ran reports whether the action that stopped the run has run its script, which is
// not done twice.
func ran(c *apply.ClusterReport, at *plan.Action) bool {
	for i := range c.Actions {
		if a := &c.Actions[i]; a.ID == at.ID {
			return at.Primitive == plan.Script && at.Detached && a.Transcript != ""
		}
	}
	return false
}

// backsOut reports whether a run can be undone without a choice: it has changed
// something, and every node still has the version that it had.
func backsOut(c *apply.ClusterReport, pl *plan.Plan) bool {
	cl := pl.Cluster(c.Name)
	if cl.Way != plan.Forward || c.Condition == nil || len(c.Condition.Open) == 0 {
		return false
	}
	for _, n := range c.Condition.Nodes {
		was := cl.Node(n.Name)
		if n.Facts == nil || was == nil || n.Version != was.Version || was.Version == c.To {
			return false
		}
	}
	return true
}
