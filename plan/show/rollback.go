package show

import (
	"zup/plan"
	"zup/plan/apply"
)

// wayBack names the way back where a run that stopped has taken snapshots of both
// nodes.
func (p *printer) wayBack(c *apply.ClusterReport, pl *plan.Plan) {
	taken := 0
	for i := range pl.Actions {
		a := &pl.Actions[i]
		for k := range c.Actions {
			if a.Keeps != "" && c.Actions[k].ID == a.ID && c.Actions[k].Outcome == apply.ActionIsDone {
				taken++
			}
		}
	}
	if cl := pl.Cluster(c.Name); taken == len(cl.Nodes) && taken > 0 {
		p.labelled("Or back", nil, "zup plan -rollback -out FILE: to the snapshots that this run has taken")
	}
}
