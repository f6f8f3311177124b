package plan

import (
	"fmt"

	"zup/plan/config"
)

// Returner is a Provider that can plan the way back to the snapshots of the last
// run.
type Returner interface {
	// GoBack is Decide for the way back. Cluster.To of the decision is the
	// version of the snapshots.
	GoBack(Situation) Decision
}

// BackOuter is a Provider that can plan how a cluster comes to rest without being
// updated any further.
type BackOuter interface {
	// BackOut is Decide for that. Cluster.To of the decision is the version that
	// the nodes keep.
	BackOut(Situation) Decision
}

// backOut decides on how one cluster comes to rest.
func backOut(p Provider, s Situation) Decision {
	b, ok := p.(BackOuter)
	if !ok {
		return Decision{Refusals: []Refusal{{
			Cluster: s.Config.Name, Check: "back-out",
			Summary: fmt.Sprintf("zup can't back out of a cluster of %q", s.Config.Provider),
		}}}
	}
	d := b.BackOut(s)
	d.Cluster.BackOut = true
	return d
}

// situation is what a provider decides on.
func situation(in Input, cfg *config.Cluster) Situation {
	s := Situation{Config: cfg, Image: in.Images[cfg.Name], Nodes: in.Observed[cfg.Name], Recorded: in.Recorded.Cluster(cfg.Name)}
	for _, w := range in.Waivers {
		s.Waived = append(s.Waived, w.Name)
	}
	if in.Recorded != nil {
		s.State = StateRef{in.Recorded.Lineage, in.Recorded.Serial}
	}
	return s
}

// goBack decides on the way back of one cluster.
func goBack(p Provider, s Situation) Decision {
	r, ok := p.(Returner)
	if !ok {
		return Decision{Refusals: []Refusal{{
			Cluster: s.Config.Name, Check: "rollback",
			Summary: fmt.Sprintf("zup knows no way back for a cluster of %q", s.Config.Provider),
		}}}
	}
	d := r.GoBack(s)
	d.Cluster.Rollback = true
	return d
}
