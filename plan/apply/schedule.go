package apply

import (
	"slices"
	"time"

	"zup/plan"
)

// A run that a window or a freeze would cut stops before, at a safe point, as if
// somebody had asked for it. It does so only where the pair can rest until the next
// window, and something is ahead that users feel: see RestsUntilNextWindow.

// closed says why the next action may not begin because of the windows, or nil.
func (b *branch) closed(next *plan.Action, done map[string]bool, begun []bool) *Stop {
	look := b.Closed
	if look == nil && len(b.plan.Windows)+len(b.plan.Freezes) > 0 {
		look = b.plan.Closed
	}
	if look == nil || !RestsUntilNextWindow(b.actions, begun) {
		return nil
	}
	closed := look(b.Now(), b.toDo(done))
	if closed == nil {
		return nil
	}
	return &Stop{Action: next.ID, Kind: StopWindow, Why: closed.Why, Opens: closed.Next}
}

// RestsUntilNextWindow reports whether the end of a window is heeded before the next
// action of a cluster, given its actions and which of them have begun. It is as long
// as nothing has been changed, and as long as an action is ahead that users feel,
// unless a node is out of service that an earlier action took out: then there is none
// to spare, and what comes next brings it back. What nobody feels is carried out past
// the end of the window.
func RestsUntilNextWindow(actions []*plan.Action, begun []bool) bool {
	var out []string // temporary changes that keep a node from serving
	changed, felt := false, false
	for i, a := range actions {
		if !begun[i] {
			felt = felt || a.Changes() && a.Impact != plan.None
			continue
		}
		changed = changed || a.Changes()
		out = slices.DeleteFunc(out, func(name string) bool { return slices.Contains(a.Closes, name) })
		if a.Out {
			out = append(out, a.Opens...)
		}
	}
	return len(out) == 0 && (felt || !changed)
}

// Of what is done a pace is taken. One minute is added to both its actual and its
// estimated time, so that a second that became three does not treble what is left;
// and no pace is worse than mostPace, for an action that hung says little about the
// others.
const (
	headStart = time.Minute
	mostPace  = 3
)

// toDo is how long the actions that are not done will take: the longest path through
// them as the plan estimates it, longer by as much as what is done took longer. What
// was done before a run was resumed does not count.
func (b *branch) toDo(done map[string]bool) time.Duration {
	var rest []plan.Action
	took, estimated := headStart, headStart
	b.runner.mu.Lock()
	for _, a := range b.actions {
		switch {
		case !done[a.ID]:
			rest = append(rest, *a)
		case !b.isPast(a):
			took += b.report.action(a.ID).Took()
			estimated += time.Duration(a.EstimateS) * time.Second
		}
	}
	b.runner.mu.Unlock()
	pace := min(max(float64(took)/float64(estimated), 1), mostPace)
	return time.Duration(float64(plan.Estimate(rest)) * pace * float64(time.Second))
}
