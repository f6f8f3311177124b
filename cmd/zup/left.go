package main

import (
	"fmt"
	"slices"
	"strings"
	"time"

	"zup/plan"
	"zup/plan/escape"
	"zup/plan/show"
	"zup/plan/state"
)

// leftOn is what an unfinished run that the state file does not know has left on a
// node: it was lost, or the run was begun elsewhere.
type leftOn struct {
	cluster, node string
	open          []string // temporary changes
	runs          []string // whose jobs are there, oldest first
}

// unknownLeft reads from the nodes what they have that the state file does not know.
func unknownLeft(observed plan.Observed, clusters []string, s *state.State) []leftOn {
	var all []leftOn
	for _, name := range clusters {
		known := s.Cluster(name)
		for _, n := range observed[name] {
			l := leftOn{cluster: name, node: n.Name}
			for _, change := range plan.FactWords(n.Facts[plan.FactOpen]) {
				if !known.IsOpen(n.Name + "/" + change) {
					l.open = append(l.open, change)
				}
			}
			for _, job := range plan.FactWords(n.Facts[plan.FactJobs]) {
				run, _, _ := strings.Cut(job, ".")
				if !slices.Contains(l.runs, run) && !(known.Unfinished() && run == known.Run) {
					l.runs = append(l.runs, run)
				}
			}
			slices.Sort(l.runs) // they begin with the time
			if len(l.open) > 0 || len(l.runs) > 0 {
				all = append(all, l)
			}
		}
	}
	return all
}

// warnLeft says what a run that the state file does not know has left, since when, and
// how to go on.
func (p *planning) warnLeft(observed plan.Observed, clusters []string, s *state.State) {
	all := unknownLeft(observed, clusters, s)
	if len(all) == 0 {
		return
	}
	fmt.Fprintf(p.err, "%s a run that the state file does not know has not ended\n", p.errStyle().notice("Unfinished:"))
	for _, l := range all {
		p.warned(l.cluster, "zup plan makes a plan with exactly what is missing, zup plan -back-out one that undoes what is open",
			"a run that the state file does not know has left something on %s%s: %s", l.node, sinceRuns(l.runs), leftText(l))
		for _, change := range l.open {
			fmt.Fprintf(p.err, "  open  %s/%s, marked on the node%s\n", escape.Name(l.node), escape.Name(change), sinceRuns(l.runs))
		}
		if len(l.open) == 0 {
			fmt.Fprintf(p.err, "  left  jobs on %s%s\n", escape.Name(l.node), sinceRuns(l.runs))
		}
	}
	fmt.Fprintf(p.err, "  zup plan            makes a plan with exactly what is missing\n"+
		"  zup plan -back-out  makes one that undoes what is open, without updating\n"+
		"  zup resume          continues it with its own plan, where it was begun and with its state file\n\n")
}

func leftText(l leftOn) string {
	if len(l.open) == 0 {
		return "its jobs"
	}
	return strings.Join(l.open, ", ")
}

// sinceRuns says which runs those are, and when the first one began.
func sinceRuns(runs []string) string {
	if len(runs) == 0 {
		return ""
	}
	text := ", by run " + show.Names(runs, ", ")
	stamp, _, _ := strings.Cut(runs[0], "-")
	if began, err := time.Parse(runStamp, stamp); err == nil {
		text += ", begun " + began.Local().Format(time.DateTime)
	}
	return text
}
