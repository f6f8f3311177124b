package apply

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"slices"
	"strings"
	"time"

	"zup/plan"
	"zup/plan/escape"
	"zup/plan/state"
)

// action carries out the action at index i of the branch, from reading what it
// requires to writing down that it is done. It returns why the branch stops
// here, or nil.
func (b *branch) action(ctx context.Context, i int) *Stop {
	a := b.actions[i]
	b.begin(i)
	ended := b.alive(i)
	stop := b.carryOut(ctx, a)
	ended()
	b.end(i, stop)
	return stop
}

func (b *branch) begin(i int) {
	a := b.actions[i]
	b.runner.mu.Lock()
	b.report.action(a.ID).Started = b.Now().UTC()
	b.spans[a.ID] = span{from: time.Now()}
	b.runner.mu.Unlock()
	b.event(b.about(i, Event{Kind: ActionBegin}))
}

func (b *branch) end(i int, stop *Stop) {
	a := b.actions[i]
	b.runner.mu.Lock()
	ar := b.report.action(a.ID)
	s := span{b.spans[a.ID].from, time.Now()}
	b.spans[a.ID] = s
	ar.Ended, ar.TookNS = b.Now().UTC(), s.to.Sub(s.from)
	ar.Outcome = ActionIsDone
	if stop != nil {
		ar.Outcome, ar.Undo = ActionHasFail, stop.Undo
	}
	took := ar.TookNS
	b.runner.mu.Unlock()
	if stop != nil {
		b.event(b.about(i, Event{Kind: ActionFailed, Text: stop.Why, Took: took}))
		return
	}
	b.event(b.about(i, Event{Kind: ActionDone, Took: took}))
}

// about fills in which action an event is about.
func (b *branch) about(i int, e Event) Event {
	a := b.actions[i]
	e.Action, e.Cluster, e.Here = a.ID, a.Cluster, a.Here()
	e.Node, e.Title, e.Text = escape.Name(a.Node), escape.Line(a.Title), escape.Text(e.Text)
	e.Index, e.Total = i+1, len(b.actions)
	return e
}

func (b *branch) index(a *plan.Action) int { return slices.Index(b.actions, a) }

func (b *branch) carryOut(ctx context.Context, a *plan.Action) *Stop {
	reached, stop := b.again(ctx, a)
	if stop != nil {
		return b.stopAt(ctx, a, stop)
	}
	if !reached {
		if missed := b.missedFor(ctx, a.Requires, requireGrace); len(missed) > 0 {
			return b.stopAt(ctx, a, &Stop{Kind: StopRule, Seen: missed, Why: "what this action requires does not hold"})
		}
	}
	if a.Changes() {
		if stop := b.alone(ctx); stop != nil {
			return b.stopAt(ctx, a, stop)
		}
	}
	if err := b.writeBegin(ctx, a); err != nil {
		return b.stopAt(ctx, a, &Stop{Kind: StopFailed, Why: "could not be written down, and so was not begun: " + err.Error()})
	}
	if !reached || a.Primitive != plan.Local {
		stop = b.primitive(ctx, a)
	}
	if stop == nil {
		recorded, missed := b.record(ctx, a)
		if len(missed) > 0 {
			stop = &Stop{Kind: StopFailed, Seen: missed, Why: "what has to be remembered could not be read"}
		} else if err := b.writeDone(a, recorded); err != nil {
			stop = &Stop{Kind: StopFailed, Why: "is done, but could not be written down: " + err.Error()}
		}
	}
	if stop == nil {
		b.mention(ctx, a)
		return nil
	}
	b.stopAt(ctx, a, stop)
	b.writeJournal(state.Entry{Event: state.Fail, Action: a.ID, Detail: stop.Why}) // what can't be written here is still in the report
	b.undo(ctx, a, stop)
	return stop
}

// requireGrace is for how long what an action requires may not hold before the
// run stops: as long as a node may need to answer clearly.
const requireGrace = 3 * time.Second

// stopAt completes a stop with what all of them have in common.
func (b *branch) stopAt(ctx context.Context, a *plan.Action, s *Stop) *Stop {
	s.Action, s.Node = a.ID, a.Node
	switch {
	case a.Final && s.Kind != StopLeft && s.Kind != StopLocked:
		s.Kind = StopUnproven
	case ctx.Err() != nil && s.Kind != StopLeft:
		s.Kind, s.Why = StopLeft, "nobody waited for it to end"
	}
	return s
}

// writeBegin writes the journal and, before they exist, the temporary changes
// that the action opens and the snapshot that it takes.
func (b *branch) writeBegin(ctx context.Context, a *plan.Action) error {
	if len(a.Opens) > 0 || a.Keeps != "" || dropsBlindly(a) {
		before := b.before(ctx, a)
		err := b.update(func(s *state.State) {
			c := s.Clusters[a.Cluster]
			b.open(c, a, before)
			b.snapshots(c, a, true)
		})
		if err != nil {
			return err
		}
	}
	if a.Changes() {
		b.runner.mu.Lock()
		b.touched = true
		b.runner.mu.Unlock()
	}
	return b.writeJournal(state.Entry{Event: state.Begin, Action: a.ID})
}

// before reads how it is before the action opens anything, by node.
func (b *branch) before(ctx context.Context, a *plan.Action) map[string]string {
	if len(a.Before) == 0 {
		return nil
	}
	facts := b.readFacts(ctx, a.Before)
	was := map[string]string{}
	for _, f := range a.Before {
		v, ok := facts.get(f.Node, f.Fact)
		if !ok {
			v = "unknown"
		}
		was[f.Node] = f.Fact + "=" + v
	}
	return was
}

// open records the temporary changes of an action. One that is open already keeps
// what was before it.
func (b *branch) open(c *state.Cluster, a *plan.Action, before map[string]string) {
	for _, name := range a.Opens {
		node, _, _ := strings.Cut(name, "/")
		if !c.IsOpen(name) {
			c.Open = append(c.Open, state.Change{Action: a.ID, Before: before[node], Name: name, Run: b.RunID, Since: b.Now().UTC()})
		}
	}
}

func closeChanges(c *state.Cluster, names []string) {
	c.Open = slices.DeleteFunc(c.Open, func(o state.Change) bool { return slices.Contains(names, o.Name) })
}

// writeDone writes the journal and closes what the action is proven to have
// undone.
func (b *branch) writeDone(a *plan.Action, recorded map[plan.Fact]string) error {
	entry := state.Entry{Event: state.Done, Action: a.ID}
	if len(recorded) > 0 {
		entry.Recorded = map[string]string{}
		for f, v := range recorded {
			entry.Recorded[f.Node+"/"+f.Fact] = v
		}
	}
	if err := b.writeJournal(entry); err != nil {
		return err
	}
	if len(a.Closes) == 0 && len(recorded) == 0 && a.Keeps == "" && a.Drops == "" {
		return nil
	}
	return b.update(func(s *state.State) {
		c := s.Clusters[a.Cluster]
		closeChanges(c, a.Closes)
		b.snapshots(c, a, false)
		if c.Recorded == nil {
			c.Recorded = map[string]string{}
		}
		maps.Copy(c.Recorded, entry.Recorded)
	})
}

func (b *branch) record(ctx context.Context, a *plan.Action) (map[plan.Fact]string, []Mismatch) {
	if len(a.Record) == 0 {
		return nil, nil
	}
	facts := b.readFacts(ctx, a.Record)
	recorded := map[plan.Fact]string{}
	var missed []Mismatch
	for _, f := range a.Record {
		v, ok := facts.get(f.Node, f.Fact)
		if !ok || v == "unknown" {
			missed = append(missed, Mismatch{Node: f.Node, Fact: f.Fact, Seen: "could not be read", Want: "any value"})
			continue
		}
		recorded[f] = v
	}
	b.mu.Lock()
	maps.Copy(b.recorded, recorded)
	b.mu.Unlock()
	return recorded, missed
}

// mention reads what the report is to say of the nodes.
func (b *branch) mention(ctx context.Context, a *plan.Action) {
	if len(a.Mentions) == 0 {
		return
	}
	wanted := make([]plan.Fact, 0, len(a.Mentions))
	for _, m := range a.Mentions {
		wanted = append(wanted, plan.Fact{Fact: m.Fact, Node: m.Node})
	}
	facts := b.readFacts(ctx, wanted)
	var all []string
	for _, m := range a.Mentions {
		switch v, ok := facts.get(m.Node, m.Fact); {
		case !ok || v == "unknown":
			all = append(all, fmt.Sprintf("%s: whether %s could not be read", m.Node, m.Text))
		case v != m.Unless:
			all = append(all, fmt.Sprintf("%s: %s: %s", m.Node, m.Text, escape.Line(v)))
		}
	}
	b.runner.mu.Lock()
	b.report.Mentions = append(b.report.Mentions, all...)
	b.runner.mu.Unlock()
}

func (b *branch) primitive(ctx context.Context, a *plan.Action) *Stop {
	switch a.Primitive {
	case plan.Gate:
		if missed := b.missed(ctx, a.Until); len(missed) > 0 {
			return &Stop{Kind: kindOf(a), Seen: missed, Why: "not everything is as it must be" + b.explained(ctx, a.Until, missed)}
		}
		return nil
	case plan.Wait:
		return b.until(ctx, a, a.Until, a.Timeout())
	case plan.Upload:
		return b.upload(ctx, a)
	case plan.Local:
		return b.local(ctx, a)
	default:
		return b.script(ctx, a)
	}
}

func kindOf(a *plan.Action) StopKind {
	if a.Rule {
		return StopRule
	}
	return StopFailed
}

// until waits for conditions. Passing the limit is a stop, never a go.
func (b *branch) until(ctx context.Context, a *plan.Action, conditions []plan.Condition, limit time.Duration) *Stop {
	began := time.Now()
	deadline := began.Add(limit)
	said := ""
	for {
		asked := time.Now()
		missed := b.missed(ctx, conditions)
		took := time.Since(asked)
		if len(missed) == 0 {
			return nil
		}
		if text := waitsFor(missed); text != said {
			said = text
			b.event(b.about(b.index(a), Event{Kind: ActionWaits, Text: text}))
		}
		if ctx.Err() != nil {
			return &Stop{Kind: StopLeft, Seen: missed, Why: "nobody waited for it to end"}
		}
		if !time.Now().Before(deadline) {
			return &Stop{Kind: kindOf(a), Seen: missed, Why: "not everything was as it must be within " + round(limit) + b.explained(ctx, conditions, missed)}
		}
		select {
		case <-time.After(min(pause(b.Poll, took, time.Since(began)), time.Until(deadline))):
		case <-ctx.Done():
		}
	}
}

// pause is for how long nodes that serve are left alone between two looks: at least
// for the shortest pause and for as long as the last look took, and for an eighth of
// the time that was waited so far, up to 2 s.
func pause(shortest, took, waited time.Duration) time.Duration {
	return max(shortest, took, min(waited/8, 2*time.Second))
}

func waitsFor(missed []Mismatch) string {
	text := fmt.Sprintf("%s: %s is %s", missed[0].Node, missed[0].Fact, missed[0].Seen)
	if len(missed) > 1 {
		text += fmt.Sprintf(" (and %d more)", len(missed)-1)
	}
	return text
}

// script runs the action's script and waits until its check holds.
func (b *branch) script(ctx context.Context, a *plan.Action) *Stop {
	t, err := b.transcript(a)
	if err != nil {
		return &Stop{Kind: StopFailed, Why: "could not be written down, and so was not begun: " + err.Error()}
	}
	defer t.close()
	began := time.Now()
	exit, err := b.execute(ctx, a, b.jobID(a.ID), a.Script, t)
	t.ended(exit, err)
	if stop := t.judge(exit, err); stop != nil {
		return stop
	}
	limit, doubt := time.Duration(a.CheckS)*time.Second, t.doubt()
	if doubt != "" {
		limit = min(limit, requireGrace)
	}
	stop := b.until(ctx, a, a.Check, limit)
	if stop == nil {
		b.doubted(a, doubt)
		return b.answers(ctx, a, began)
	}
	if doubt != "" {
		stop.Why = "the node printed \"" + doubt + "\""
	}
	stop.Tail = t.tail()
	return stop
}

// doubted has the report tell what a node printed that looked like a failure and was none.
func (b *branch) doubted(a *plan.Action, line string) {
	if line == "" {
		return
	}
	b.runner.mu.Lock()
	defer b.runner.mu.Unlock()
	b.report.Mentions = append(b.report.Mentions, fmt.Sprintf("%s: it printed \"%s\" while everything came out as planned: %s", escape.Name(a.Node), line, escape.Line(a.Title)))
}

func (b *branch) jobID(action string) string { return b.RunID + "." + action }

// execute runs a script on the action's node, detached if the action is.
func (b *branch) execute(ctx context.Context, a *plan.Action, id, script string, t *transcript) (int, error) {
	host, err := b.dial(ctx, a.Node)
	if err != nil {
		return 0, err
	}
	if a.Detached {
		return host.Job(ctx, Job{ID: id, Script: script, Prompts: a.Prompts, Timeout: a.Timeout(), Output: t.output})
	}
	ctx, cancel := context.WithTimeout(ctx, a.Timeout())
	defer cancel()
	out, exit, err := host.Run(ctx, script)
	t.output(out)
	return exit, err
}

// dial returns the connection to a node of the cluster.
func (b *branch) dial(ctx context.Context, name string) (Host, error) {
	b.mu.Lock()
	host := b.host[name]
	b.mu.Unlock()
	if host != nil {
		return host, nil
	}
	host, err := b.Dial(ctx, b.cluster, b.cluster.Node(name))
	if err != nil {
		return nil, err
	}
	b.mu.Lock()
	b.host[name] = host
	b.mu.Unlock()
	return host, nil
}

// stillRunning returns the ID of the job that an error says is still running.
func stillRunning(err error) string {
	var e *StillRunningError
	if errors.As(err, &e) {
		return e.Job
	}
	return ""
}
