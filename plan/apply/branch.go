package apply

import (
	"context"
	"slices"
	"strings"
	"sync"
	"time"

	"zup/plan"
	"zup/plan/probe"
	"zup/plan/state"
)

// clusters carries out every cluster that has actions, side by side.
func (r *runner) clusters(ctx context.Context) {
	places := make(chan struct{}, r.Parallelism)
	var wg sync.WaitGroup
	for i := range r.plan.Clusters {
		c := &r.plan.Clusters[i]
		if r.through(c.Name) {
			continue
		}
		select {
		case places <- struct{}{}:
		case <-r.stopping.Done(): // what has not begun does not begin
		}
		if r.stopping.Err() != nil {
			break
		}
		wg.Go(func() {
			defer func() { <-places }()
			r.cluster(ctx, c)
		})
	}
	wg.Wait()
}

// branch is one cluster that is being carried out.
type branch struct {
	*runner
	cluster  *plan.Cluster
	actions  []*plan.Action
	report   *ClusterReport
	watch    *probe.Watch
	watched  time.Time // since when
	began    time.Time
	spans    map[string]span // of the actions of this process; under runner.mu
	recorded map[plan.Fact]string
	touched  bool // a script may have reached a node; under runner.mu

	mu   sync.Mutex // of recorded, sums and hosts
	host map[string]Host
	sums map[string]map[string]string // digests of transcripts that no entry of the journal has yet, by action and file
}

// span is from when to when something went on, by the clock that never jumps.
type span struct{ from, to time.Time }

func (r *runner) cluster(ctx context.Context, c *plan.Cluster) {
	b := &branch{
		runner: r, cluster: c, actions: r.branches[c.Name], report: r.report.cluster(c.Name),
		recorded: map[plan.Fact]string{}, host: map[string]Host{}, sums: map[string]map[string]string{}, spans: map[string]span{}, began: time.Now(),
	}
	if b.report.Started.IsZero() {
		b.report.Started = r.Now().UTC()
	}
	b.remember()
	r.event(Event{Kind: ClusterBegin, Cluster: c.Name, Done: len(b.doneBefore()), Total: len(b.actions)})
	b.startProbes(ctx)
	stop := b.stillHolds(ctx)
	if stop == nil {
		stop = b.run(ctx)
	}
	if stop == nil {
		stop = b.nothingOpen()
	}
	b.finish(ctx, stop)
	r.event(Event{Kind: ClusterEnd, Cluster: c.Name, Stop: stop, Text: b.report.Outcome})
	if b.report.Outcome != state.OutcomeDone && r.FailFast && stop.Kind != StopWindow {
		r.stop()
	}
}

// nothingOpen holds at the end of every run that ends well, whatever its plan says.
func (b *branch) nothingOpen() *Stop {
	b.runner.mu.Lock()
	defer b.runner.mu.Unlock()
	known := b.Store.State().Cluster(b.cluster.Name)
	if len(known.Open) == 0 {
		return nil
	}
	var names []string
	for _, o := range known.Open {
		names = append(names, o.Name)
	}
	last := b.actions[len(b.actions)-1]
	return &Stop{Action: last.ID, Node: last.Node, Kind: StopUnproven, Why: "everything was carried out, but temporary changes are still open: " + strings.Join(names, ", ")}
}

// run carries out the actions: each as soon as all that it comes after are done.
// It returns why it stopped, or nil when everything is done.
func (b *branch) run(ctx context.Context) *Stop {
	type result struct {
		index int
		stop  *Stop
	}
	done, begun := b.doneBefore(), b.begunBefore()
	results := make(chan result)
	running := 0
	var stop *Stop
	for {
		if stop == nil {
			stop = b.mayGoOn(done, begun)
		}
		for i, a := range b.actions {
			if stop == nil && !begun[i] && isReady(a, done) {
				begun[i] = true
				running++
				go func() { results <- result{i, b.action(ctx, i)} }()
			}
		}
		if running == 0 {
			return stop
		}
		res := <-results
		running--
		if res.stop == nil {
			done[b.actions[res.index].ID] = true
		} else if stop == nil {
			stop = res.stop
		}
	}
}

func isReady(a *plan.Action, done map[string]bool) bool {
	for _, id := range a.After {
		if !done[id] {
			return false
		}
	}
	return true
}

// mayGoOn says whether another action may begin. A stop that was asked for and the
// end of a window are heeded where the run may rest, and only there.
func (b *branch) mayGoOn(done map[string]bool, begun []bool) *Stop {
	next := b.next(done, begun)
	if next == nil {
		return nil
	}
	if name, longest := b.longest(); b.cluster.MaxInterruptionMS > 0 && longest.Milliseconds() > b.cluster.MaxInterruptionMS {
		return &Stop{
			Action: next.ID, Kind: StopBudget,
			Why: "probe " + name + " got no answer for " + round(longest) + ", max_interruption is " + round(time.Duration(b.cluster.MaxInterruptionMS)*time.Millisecond),
		}
	}
	switch {
	case b.mustGoOn(next, done):
		return nil
	case b.stopping.Err() != nil && b.room.full() != nil:
		return b.fullStop(next)
	case b.stopping.Err() != nil:
		return &Stop{Action: next.ID, Kind: StopAsked, Why: "stopped as asked, before this action"}
	}
	return b.closed(next, done, begun)
}

// next is the first action that would begin now, or nil.
func (b *branch) next(done map[string]bool, begun []bool) *plan.Action {
	for i, a := range b.actions {
		if !begun[i] && isReady(a, done) {
			return a
		}
	}
	return nil
}

// mustGoOn reports whether the run may not rest before this action.
func (b *branch) mustGoOn(next *plan.Action, done map[string]bool) bool {
	for _, a := range b.actions {
		if a.Next && done[a.ID] {
			for _, id := range next.After {
				if id == a.ID {
					return true
				}
			}
		}
	}
	return false
}

// RestAfter returns the action of a cluster after which a run that is at the
// action with this ID may rest.
func RestAfter(p *plan.Plan, id string) string {
	for {
		next := ""
		for i := range p.Actions {
			a := &p.Actions[i]
			for _, before := range a.After {
				if before == id && isNext(p, id) {
					next = a.ID
				}
			}
		}
		if next == "" {
			return id
		}
		id = next
	}
}

func isNext(p *plan.Plan, id string) bool {
	a := p.Action(id)
	return a != nil && a.Next
}

func (b *branch) longest() (string, time.Duration) {
	if b.watch == nil {
		return "", 0
	}
	return b.watch.Longest()
}

func (b *branch) startProbes(ctx context.Context) {
	targets := make([]probe.Target, 0, len(b.cluster.Probes))
	for _, p := range b.cluster.Probes {
		if slices.Contains(b.runner.Unwatched[b.cluster.Name], p.Name) {
			continue
		}
		t := probe.Target{
			Name: p.Name, TCP: p.TCP, HTTP: p.HTTP,
			Interval: time.Duration(p.IntervalMS) * time.Millisecond,
			Timeout:  time.Duration(p.TimeoutMS) * time.Millisecond,
		}
		targets = append(targets, t)
		b.report.Probes = append(b.report.Probes, ProbeReport{Name: p.Name, Method: t.Method(), Switchovers: []WindowReport{}})
	}
	if len(targets) == 0 {
		return
	}
	b.watched = time.Now()
	b.watch = probe.Start(ctx, targets)
}

// finish ends the probes, reads in what condition the cluster is if it did not
// end well, and writes the outcome into the report.
func (b *branch) finish(ctx context.Context, stop *Stop) {
	if b.watch != nil {
		b.watch.Stop()
		b.measure()
	}
	b.runner.mu.Lock()
	b.report.Ended = b.Now().UTC()
	b.report.TookNS += time.Since(b.began)
	b.report.Stop = stop
	b.report.Outcome = outcome(stop)
	for _, a := range b.actions {
		b.report.action(a.ID).skipIfPending()
	}
	b.runner.mu.Unlock()
	if stop != nil {
		condition := b.condition(ctx)
		b.runner.mu.Lock()
		b.report.Condition = condition
		b.runner.mu.Unlock()
	}
}

func outcome(stop *Stop) string {
	switch {
	case stop == nil:
		return state.OutcomeDone
	case stop.Kind == StopUnproven:
		return state.OutcomeUnproven
	default:
		return state.OutcomeStopped
	}
}

// measure puts what the probes felt into the report: over the whole run and
// around every action that moves MASTER.
func (b *branch) measure() {
	for i := range b.report.Probes {
		pr := &b.report.Probes[i]
		pr.set(b.watch.Figures(pr.Name, b.watched, time.Now()))
		b.keep(ProbeSeries{b.cluster.Name, pr.Name, b.watch.Series(pr.Name)})
		for _, a := range b.actions {
			s, begun := b.spans[a.ID]
			if a.Impact == plan.None || !begun || s.from.Before(b.watched) {
				continue
			}
			w := WindowReport{Action: a.ID}
			w.set(b.watch.Figures(pr.Name, s.from, s.to.Add(time.Second)))
			pr.Switchovers = append(pr.Switchovers, w)
		}
		b.event(Event{Kind: ProbeEnd, Cluster: b.cluster.Name, Probe: pr})
	}
}
