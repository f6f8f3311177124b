package review

import (
	"fmt"
	"math"
	"slices"
	"strings"

	"zup/plan"
	"zup/plan/apply"
	"zup/plan/escape"
	"zup/plan/picture"
	"zup/plan/show"
	"zup/plan/state"
)

// stretch is a time from and to, in seconds since the cluster's first action.
type stretch struct{ from, to float64 }

// course is when each action of a cluster runs, or ran.
type course struct {
	cluster *plan.Cluster
	actions []*plan.Action
	at      map[string]stretch // by action; one that did not run is not in it
	end     float64
	failed  string          // the action that failed
	took    map[string]bool // the switchovers that took place
}

// planned is the course as the estimates have it: every action as early as it can
// be.
func planned(c *plan.Cluster, actions []*plan.Action) *course {
	k := &course{cluster: c, actions: actions, at: map[string]stretch{}, took: map[string]bool{}}
	for _, a := range actions {
		begin := 0.0
		for _, id := range a.After {
			begin = max(begin, k.at[id].to)
		}
		k.add(a, stretch{begin, begin + float64(a.EstimateS)}, true)
	}
	return k
}

// actual is the course as the report has it.
func actual(c *plan.Cluster, actions []*plan.Action, r *apply.ClusterReport) *course {
	k := &course{cluster: c, actions: actions, at: map[string]stretch{}, took: map[string]bool{}}
	k.end = max(0, r.Ended.Sub(r.Started).Seconds(), r.TookNS.Seconds())
	for _, a := range actions {
		i := slices.IndexFunc(r.Actions, func(x apply.ActionReport) bool { return x.ID == a.ID })
		if i < 0 || r.Actions[i].Started.IsZero() {
			continue
		}
		ar := &r.Actions[i]
		begin := ar.Started.Sub(r.Started).Seconds()
		until := max(begin, k.end) // it has begun, and nobody knows when it ended
		if !ar.Ended.IsZero() {
			until = begin + ar.Took().Seconds()
		}
		if ar.Outcome == apply.ActionHasFail {
			k.failed = a.ID
		}
		k.add(a, stretch{begin, until}, ar.Outcome == apply.ActionIsDone)
	}
	return k
}

func (k *course) add(a *plan.Action, s stretch, done bool) {
	k.at[a.ID] = s
	k.end = max(k.end, s.to)
	k.took[a.ID] = done && a.Impact == plan.Switchover
}

// serving is who is MASTER when: stretches by node.
func (k *course) serving() map[string][]stretch {
	all := map[string][]stretch{}
	master, since := "", 0.0
	for i := range k.cluster.Nodes {
		if n := &k.cluster.Nodes[i]; n.Name == k.cluster.MasterNow || len(k.cluster.Nodes) == 1 {
			master = n.Name
		}
	}
	for _, a := range k.moves() {
		until := k.at[a.ID].to
		if master != "" {
			all[master] = append(all[master], stretch{since, until})
		}
		master, since = k.next(a, master), until
	}
	if master != "" {
		all[master] = append(all[master], stretch{since, k.end})
	}
	return all
}

// moves are the switchovers that take place, in the order of time.
func (k *course) moves() []*plan.Action {
	var all []*plan.Action
	for _, a := range k.actions {
		if k.took[a.ID] {
			all = append(all, a)
		}
	}
	slices.SortStableFunc(all, func(a, b *plan.Action) int { return compare(k.at[a.ID].to, k.at[b.ID].to) })
	return all
}

// next is who serves after a switchover: an action on MASTER moves the role away, one
// on the other node waits for it there.
func (k *course) next(a *plan.Action, master string) string {
	if a.Node != master {
		return a.Node
	}
	for i := range k.cluster.Nodes {
		if n := k.cluster.Nodes[i].Name; n != master {
			return n
		}
	}
	return ""
}

func compare(a, b float64) int {
	switch {
	case a < b:
		return -1
	case a > b:
		return 1
	}
	return 0
}

// out is when a node could not take over: from an action that takes it out until it
// is proven to be healthy and everything that the action opened is closed. An action
// that failed leaves it out.
func (k *course) out(node string) []stretch {
	var all []stretch
	for i, a := range k.actions {
		at, ran := k.at[a.ID]
		if !a.Out || a.Node != node || !ran {
			continue
		}
		until := max(at.to, k.proven(i))
		for _, change := range a.Opens {
			until = max(until, k.closed(i, change))
		}
		if a.ID == k.failed {
			until = k.end
		}
		all = append(all, stretch{at.from, until})
	}
	return merged(all)
}

// proven is when the first action after this one that looks at its node and waits has
// ended.
func (k *course) proven(i int) float64 {
	for _, a := range k.actions[i+1:] {
		if a.Primitive == plan.Wait && a.Node == k.actions[i].Node {
			return k.endOf(a)
		}
	}
	return 0
}

// closed is when a temporary change is closed.
func (k *course) closed(i int, change string) float64 {
	for _, a := range k.actions[i+1:] {
		if slices.Contains(a.Closes, change) {
			return k.endOf(a)
		}
	}
	return k.end
}

// endOf is when an action ended. One that never ran ended never.
func (k *course) endOf(a *plan.Action) float64 {
	if at, ok := k.at[a.ID]; ok {
		return at.to
	}
	return k.end
}

func merged(all []stretch) []stretch {
	slices.SortFunc(all, func(a, b stretch) int { return compare(a.from, b.from) })
	var out []stretch
	for _, s := range all {
		if n := len(out); n > 0 && s.from <= out[n-1].to {
			out[n-1].to = max(out[n-1].to, s.to)
			continue
		}
		out = append(out, s)
	}
	return out
}

// spare is for how many seconds only one node of a pair could serve.
func (k *course) spare() float64 {
	if len(k.cluster.Nodes) < 2 {
		return 0
	}
	var all []stretch
	for i := range k.cluster.Nodes {
		all = append(all, k.out(k.cluster.Nodes[i].Name)...)
	}
	total := 0.0
	for _, s := range merged(all) {
		total += s.to - s.from
	}
	return total
}

// roles is what a node is to users, one stretch after the other.
func (k *course) roles(node string) []picture.Span {
	serves, out := k.serving()[node], k.out(node)
	cuts := []float64{0, k.end}
	for _, s := range slices.Concat(serves, out) {
		cuts = append(cuts, s.from, s.to)
	}
	slices.Sort(cuts)
	cuts = slices.Compact(cuts)
	var all []picture.Span
	for i := range len(cuts) - 1 {
		s := stretch{cuts[i], cuts[i+1]}
		span := k.role(s, serves, out)
		if n := len(all); n > 0 && all[n-1].Kind == span.Kind {
			all[n-1].To = span.To
			continue
		}
		all = append(all, span)
	}
	for i := range all {
		if all[i].Kind == picture.Out || all[i].Kind == picture.Nobody {
			all[i].Label += k.because(node, all[i])
		}
	}
	return all
}

func (k *course) role(s stretch, serves, out []stretch) picture.Span {
	within := func(all []stretch) bool {
		return slices.ContainsFunc(all, func(x stretch) bool { return x.from <= s.from && s.to <= x.to })
	}
	span := picture.Span{From: s.from, To: s.to, Kind: picture.StandsBy, Label: "stands by"}
	switch {
	case within(out) && len(k.cluster.Nodes) == 1:
		span.Kind, span.Label = picture.Nobody, "nobody serves"
	case within(serves):
		span.Kind, span.Label = picture.Serves, "serves"
	case within(out):
		span.Kind, span.Label = picture.Out, "out"
	}
	return span
}

// because names the action for which a node is out.
func (k *course) because(node string, s picture.Span) string {
	for _, what := range []plan.Lasting{plan.LastingVersion, plan.LastingBoot} {
		for _, a := range k.actions {
			if at, ran := k.at[a.ID]; ran && a.Lasting == what && a.Node == node && at.from < s.To && at.to > s.From {
				return ": " + escape.Name(a.Kind)
			}
		}
	}
	return ""
}

// timeline is the picture of the course; label says what a switchover costs.
func (k *course) timeline(id, title string, label func(*plan.Action) string) picture.Timeline {
	t := picture.Timeline{ID: id, Title: title, End: k.end}
	for i := range k.cluster.Nodes {
		name := k.cluster.Nodes[i].Name
		lane := picture.Lane{Name: escape.Name(name), Roles: k.roles(name)}
		for _, a := range k.actions {
			at, ran := k.at[a.ID]
			if !ran || a.Node != name || !a.Changes() && len(a.Argv) == 0 && a.ID != k.failed {
				continue
			}
			kind := picture.Work
			if a.ID == k.failed {
				kind = picture.Failed
			}
			lane.Work = append(lane.Work, picture.Span{From: at.from, To: at.to, Kind: kind, Label: a.Title})
		}
		t.Lanes = append(t.Lanes, lane)
	}
	for _, a := range k.moves() {
		t.Marks = append(t.Marks, picture.Mark{At: k.at[a.ID].to, Label: label(a)})
	}
	t.Desc = strings.Join(words(t), ". ")
	return t
}

// words says what a timeline shows.
func words(t picture.Timeline) []string {
	var all []string
	for _, l := range t.Lanes {
		var parts []string
		for _, r := range l.Roles {
			parts = append(parts, fmt.Sprintf("%s %s", r.Label, during(stretch{r.From, r.To})))
		}
		all = append(all, l.Name+": "+strings.Join(parts, ", "))
	}
	for _, m := range t.Marks {
		all = append(all, fmt.Sprintf("after %s: %s", show.Seconds(int(math.Round(m.At))), m.Label))
	}
	return all
}

func during(s stretch) string {
	return fmt.Sprintf("from %s to %s", moment(s.from), moment(s.to))
}

// moment is a time since the beginning, "1:05".
func moment(s float64) string {
	n := int(math.Round(s))
	if n >= 3600 {
		return fmt.Sprintf("%d:%02d:%02d", n/3600, n/60%60, n%60)
	}
	return fmt.Sprintf("%d:%02d", n/60, n%60)
}

func isDone(c *apply.ClusterReport) bool { return c.Outcome == state.OutcomeDone }
