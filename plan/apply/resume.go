package apply

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"path/filepath"
	"slices"
	"strings"
	"time"

	"zup/plan"
	"zup/plan/disk"
	"zup/plan/state"
)

// A run that ended before everything was done is continued with Options.Resume: the
// same plan, run ID and folder. What its journal calls done is not done again, but
// must still hold; what had begun is asked on the node by the ID of its job; the
// rest is carried out like the first time.

// JobState is how a job stands on its node.
type JobState int

// The states of a job. Died means that it ended and nobody wrote down how.
const (
	JobNeverStarted JobState = iota
	JobRunning
	JobEnded
	JobDied
)

// Asker is a Host that knows how its jobs stand.
type Asker interface {
	JobState(ctx context.Context, id string) (JobState, error)
}

// past is what a journal says of one action.
type past struct {
	began, ended time.Time
	done         bool
	failed       string // why it failed the last time
	undone       bool
	recorded     map[string]string
}

// history reads the journal of the run that is resumed.
func history(entries []state.Entry) map[string]*past {
	all := map[string]*past{}
	for _, e := range entries {
		if e.Action == "" {
			continue
		}
		p := all[e.Action]
		if p == nil {
			p = &past{}
			all[e.Action] = p
		}
		switch e.Event {
		case state.Begin:
			*p = past{began: e.Time}
		case state.Done:
			p.done, p.ended, p.recorded = true, e.Time, e.Recorded
		case state.Fail:
			p.failed = e.Detail
		case state.UndoBegin, state.UndoDone, state.UndoFail:
			p.undone = true
		}
	}
	return all
}

// reopen continues the files of the run's folder.
func (r *runner) reopen() error {
	if err := ownFolder(r.Dir); err != nil {
		return err
	}
	journal, entries, cut, err := state.AppendJournal(filepath.Join(r.Dir, state.JournalFile), r.Now)
	if err != nil {
		return err
	}
	r.journal, r.past = journal, history(entries)
	if cut {
		r.doubtNext()
	}
	r.doubtRecorded()
	if err := r.keepRoom(); err != nil {
		return err
	}
	if err := r.goOnWithEvents(); err != nil {
		return err
	}
	if err := r.journal.Write(state.Entry{Event: state.Resume, Detail: "plan " + r.plan.PlanID}); err != nil {
		return err
	}
	r.recall(entries)
	return r.update(r.recordBegin)
}

// ownFolder refuses a run's folder in which a link has the name of something that the
// run will write: it would be noticed at its end only.
func ownFolder(dir string) error {
	err := disk.CheckDir(filepath.Join(dir, transcriptsName))
	for _, name := range []string{state.JournalFile, eventsName, SeriesFile, ReportFile} {
		if err == nil {
			err = disk.Check(filepath.Join(dir, name))
		}
	}
	var link *disk.LinkError
	if errors.As(err, &link) {
		link.Advice = "put what it leads to in the place of the link, and run the same command again"
	}
	return err
}

// doubtRecorded compares the journal with the state file, which is written first: an
// action that the one knows and the other does not may have begun.
func (r *runner) doubtRecorded() {
	for cluster, actions := range r.branches {
		known := r.Store.State().Cluster(cluster)
		for _, a := range actions {
			opened := slices.ContainsFunc(known.Open, func(c state.Change) bool { return c.Run == r.RunID && c.Action == a.ID })
			taken := slices.ContainsFunc(known.Snapshots, func(s state.Snapshot) bool {
				return s.Run == r.RunID && s.Node == a.Node && s.Name == a.Keeps
			})
			if r.past[a.ID] == nil && (opened || taken) {
				r.past[a.ID] = &past{}
			}
		}
	}
}

// doubtNext is for a journal that was cut off in a line: whatever could have begun next may
// have begun, and its node is asked.
func (r *runner) doubtNext() {
	for _, actions := range r.branches {
		done := map[string]bool{}
		for _, a := range actions {
			done[a.ID] = r.isPast(a)
		}
		for _, a := range actions {
			if r.past[a.ID] == nil && isReady(a, done) {
				r.past[a.ID] = &past{}
			}
		}
	}
}

// recall puts into the report what was done before.
func (r *runner) recall(entries []state.Entry) {
	if len(entries) > 0 {
		r.report.Started = entries[0].Time
		r.earlier = max(0, r.Now().Sub(entries[0].Time)) // the clock may have been set back since
	}
	for i := range r.report.Clusters {
		c := &r.report.Clusters[i]
		for k := range c.Actions {
			a := &c.Actions[k]
			p := r.past[a.ID]
			if p == nil || !p.done {
				continue
			}
			a.Started, a.Ended, a.Outcome = p.began, p.ended, ActionIsDone
			a.TookNS = max(0, p.ended.Sub(p.began))
			if c.Started.IsZero() || p.began.Before(c.Started) {
				c.Started = p.began
			}
			if p.ended.After(c.Ended) {
				c.Ended = p.ended
			}
		}
		if r.through(c.Name) {
			c.Outcome = state.OutcomeDone
		}
		c.TookNS = max(0, c.Ended.Sub(c.Started))
	}
}

// through reports whether everything of a cluster was done before.
func (r *runner) through(cluster string) bool {
	return !slices.ContainsFunc(r.branches[cluster], func(a *plan.Action) bool { return !r.isPast(a) })
}

func (r *runner) isPast(a *plan.Action) bool {
	p := r.past[a.ID]
	return p != nil && p.done
}

// remember takes over what the actions that are done have recorded.
func (b *branch) remember() {
	for _, a := range b.actions {
		if !b.isPast(a) {
			continue
		}
		for name, value := range b.past[a.ID].recorded {
			node, fact, _ := strings.Cut(name, "/")
			b.recorded[plan.Fact{Fact: fact, Node: node}] = value
		}
	}
}

// stillHolds looks whether what the run had done is as it left it. It returns why
// the run can't be resumed, or nil.
func (b *branch) stillHolds(ctx context.Context) *Stop {
	next := b.next(b.doneBefore(), b.begunBefore())
	conditions := Left(b.actions, func(a *plan.Action) (begun, done bool) { return b.past[a.ID] != nil, b.isPast(a) })
	if next == nil || len(conditions) == 0 {
		return nil
	}
	missed := b.missedFor(ctx, conditions, requireGrace)
	if len(missed) == 0 {
		return nil
	}
	return b.stopAt(ctx, next, &Stop{Kind: StopRule, Seen: missed, Why: "what this run had done does not hold any more: a new plan has what is missing now"})
}

func (b *branch) doneBefore() map[string]bool {
	done := map[string]bool{}
	for _, a := range b.actions {
		if b.isPast(a) {
			done[a.ID] = true
		}
	}
	return done
}

func (b *branch) begunBefore() []bool {
	begun := make([]bool, len(b.actions))
	for i, a := range b.actions {
		begun[i] = b.isPast(a)
	}
	return begun
}

// Left is what a run that was cut off must find to be resumed: what each action has
// proven that is done, unless a later one has changed the same node, or has moved the
// role or may have. What an action has opened stays, until it is closed, or until its
// node may have become MASTER where that ends it. Of several conditions on a fact the
// last one counts. The actions are those of one cluster, in order; how says how far each
// of them got.
func Left(actions []*plan.Action, how func(*plan.Action) (begun, done bool)) []plan.Condition {
	type proof struct {
		plan.Condition
		by    *plan.Action
		opens []string
	}
	held := map[plan.Fact]proof{}
	for _, a := range actions {
		begun, done := how(a)
		if !begun {
			continue
		}
		for fact, p := range held {
			opened := len(p.opens) > 0
			p.opens = slices.DeleteFunc(slices.Clone(p.opens), func(n string) bool {
				return slices.Contains(a.Closes, n) || p.by.NotMaster && bringsRoleTo(a, fact.Node)
			})
			if opened && len(p.opens) == 0 { // what it has proven, on whichever node, ends with it
				delete(held, fact)
				continue
			}
			held[fact] = p
			// What an action has changed that is not done, nobody knows.
			touched := a.Changes() && (fact.Node == a.Node || !done) || a.Impact == plan.Switchover || a.MayMove
			if touched && len(p.opens) == 0 {
				delete(held, fact)
			}
		}
		if !done {
			continue
		}
		for _, c := range slices.Concat(a.Check, a.Until) {
			held[plan.Fact{Fact: c.Fact, Node: c.Node}] = proof{c, a, a.Opens}
		}
	}
	var all []plan.Condition
	for _, fact := range slices.SortedFunc(maps.Keys(held), func(a, b plan.Fact) int {
		return strings.Compare(a.Node+"/"+a.Fact, b.Node+"/"+b.Fact)
	}) {
		all = append(all, held[fact].Condition)
	}
	return all
}

// bringsRoleTo reports whether a node may be MASTER once an action has begun. The role
// leaves who goes out, who may have it back by himself afterwards, unless something that
// the action opens keeps him out; and it goes to who does not go out.
func bringsRoleTo(a *plan.Action, node string) bool {
	switch {
	case a.Impact != plan.Switchover:
		return a.MayMove && a.Node == node
	case a.Node == node:
		return !a.Out || len(a.Opens) == 0
	}
	return a.Out
}

// again looks how far an action got that had begun before. It returns whether the
// action has reached its node, so that what it requires is not asked again, or why
// it can't go on.
func (b *branch) again(ctx context.Context, a *plan.Action) (reached bool, stop *Stop) {
	p := b.past[a.ID]
	if p == nil || p.done {
		return false, nil
	}
	switch {
	case p.undone:
		return false, &Stop{Kind: StopFailed, Spent: true, Why: "it failed in this run, and was undone (" + p.failed + "): a new plan decides anew"}
	case a.Primitive == plan.Local && len(a.Argv) > 0:
		return b.ranHere(ctx, a)
	case a.Detached && a.Primitive == plan.Script:
		return b.ranThere(ctx, a)
	}
	return false, nil // it may be carried out any number of times
}

// ranThere asks the node how the action's job stands.
func (b *branch) ranThere(ctx context.Context, a *plan.Action) (bool, *Stop) {
	host, err := b.dial(ctx, a.Node)
	var is JobState
	if err == nil {
		asker, ok := host.(Asker)
		if !ok {
			err = errors.New("it can't be asked how its jobs stand")
		} else {
			is, err = asker.JobState(ctx, b.jobID(a.ID))
		}
	}
	switch {
	case err != nil:
		return false, &Stop{Kind: StopFailed, Why: "it had begun, and its node can't be asked how it stands: " + err.Error()}
	case is == JobNeverStarted:
		return false, nil
	case is == JobDied:
		return true, &Stop{Kind: StopFailed, Spent: true, Why: "its job was cut off on the node, and nobody knows how far it got: a new plan looks at what is there"}
	}
	return true, nil // running or ended: Job attaches to it
}

// settleGrace is for how long a node may need to show what a command that ran
// before has brought about.
const settleGrace = time.Minute

// ranHere asks for the proofs of a command that may have run: what they show is
// not done again.
func (b *branch) ranHere(ctx context.Context, a *plan.Action) (bool, *Stop) {
	missed := b.missedFor(ctx, a.Check, settleGrace)
	switch {
	case len(a.Proof) == 0 && len(a.Check) == 0:
		return false, &Stop{Kind: StopFailed, Why: "its command may have run or not, and there is no way to ask: a new plan looks at what is there"}
	case len(missed) > 0:
		return false, &Stop{Kind: StopFailed, Seen: missed, Why: "its command may have run or not, and what it should bring about is not there: a new plan looks at what is there"}
	}
	t, err := b.transcriptOf(a, a.ID, "")
	if err != nil {
		return false, &Stop{Kind: StopFailed, Why: "could not be written down: " + err.Error()}
	}
	defer t.close()
	for _, proof := range a.Proof {
		if why := b.proven(ctx, a, proof, t); why != "" {
			return false, nil // it did not run, or not to its end
		}
	}
	return true, nil
}

// missedFor reads conditions until they hold, for as long as that takes at the most.
func (b *branch) missedFor(ctx context.Context, conditions []plan.Condition, grace time.Duration) []Mismatch {
	began := time.Now()
	deadline := began.Add(grace)
	for {
		asked := time.Now()
		missed := b.missed(ctx, conditions)
		took := time.Since(asked)
		if len(missed) == 0 || ctx.Err() != nil || !time.Now().Before(deadline) {
			return missed
		}
		select {
		case <-time.After(min(pause(b.Poll, took, time.Since(began)), time.Until(deadline))):
		case <-ctx.Done():
		}
	}
}

// Resumable reports whether resuming a run that has stopped can end it, once the
// cause of the stop is gone. It can't where an action has failed for good: a script's
// end is judged once, and what was undone is not done again.
func (c *ClusterReport) Resumable(p *plan.Plan) bool {
	if c.Stop == nil {
		return false
	}
	a := p.Action(c.Stop.Action)
	return a != nil && c.resumableAt(a)
}

func (c *ClusterReport) resumableAt(a *plan.Action) bool {
	at := c.action(a.ID)
	switch {
	case c.Stop.Kind == StopAsked, c.Stop.Kind == StopLeft, c.Stop.Kind == StopBudget, c.Stop.Kind == StopRoom, c.Stop.Kind == StopWindow, c.Stop.Kind == StopLocked, c.Stop.Running != "":
		return true
	case c.Stop.Spent, at.Outcome != ActionHasFail: // what was done before does not hold
		return false
	case c.Stop.Undo != "", a.Primitive == plan.Local && len(a.Argv) > 0:
		return false
	case a.Primitive != plan.Script || !a.Detached, at.Transcript == "": // it may be tried again, or was not begun
		return true
	}
	return len(c.Stop.Seen) > 0 // its script has ended well, and its check is made again
}

// Rest returns what a journal leaves to be done of a plan: how many actions each
// cluster has and how many are done, and the ID of the first that is not.
func Rest(p *plan.Plan, entries []state.Entry) map[string]Remainder {
	all := map[string]Remainder{}
	known := history(entries)
	for i := range p.Actions {
		a := &p.Actions[i]
		r := all[a.Cluster]
		r.Total++
		switch h := known[a.ID]; {
		case h != nil && h.done:
			r.Done++
		case r.Next == nil:
			r.Next = a
		}
		all[a.Cluster] = r
	}
	return all
}

// Remainder is what is left of a plan for one cluster.
type Remainder struct {
	Done, Total int
	Next        *plan.Action // the first that is not done; nil: everything is
}

func (r Remainder) String() string {
	if r.Next == nil {
		return fmt.Sprintf("all %d actions are done", r.Total)
	}
	return fmt.Sprintf("%d of %d actions are done", r.Done, r.Total)
}
