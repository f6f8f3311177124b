package apply

import (
	"context"
	"fmt"
	"strings"
	"time"

	"zup/plan"
	"zup/plan/escape"
	"zup/plan/state"
)

// answers waits until every probe that answered before the action began answers
// again. Passing the limit stops the run, and Back brings back who was served.
func (b *branch) answers(ctx context.Context, a *plan.Action, began time.Time) *Stop {
	if a.AnswersMS == 0 || b.watch == nil {
		return nil
	}
	limit := time.Duration(a.AnswersMS) * time.Millisecond
	since := time.Now()
	for deadline := since.Add(limit); ; {
		silent := b.watch.Silent(began, since)
		switch {
		case len(silent) == 0:
			return nil
		case ctx.Err() != nil:
			return &Stop{Kind: StopLeft, Why: "nobody waited for it to end"}
		case !time.Now().Before(deadline):
			return &Stop{Kind: StopRule, Why: fmt.Sprintf("it is done, but probe %s has not answered within %s since, and did before", strings.Join(silent, ", "), round(limit))}
		}
		select {
		case <-time.After(min(b.Poll, 50*time.Millisecond)):
		case <-ctx.Done():
		}
	}
}

// stepsBack are what takes an action back: its own undo, or several steps.
func stepsBack(a *plan.Action) []plan.Step {
	if a.Undo == "" {
		return a.Back
	}
	return []plan.Step{{Title: a.Title, Node: a.Node, Script: a.Undo, Check: a.UndoCheck, CheckS: a.CheckS, Closes: a.Opens}}
}

// undo takes the action back that failed, or is done and does not serve, if it says
// how and if nothing of it can still be running. Each step must be proven before the
// next one.
func (b *branch) undo(ctx context.Context, a *plan.Action, stop *Stop) {
	steps := stepsBack(a)
	if len(steps) == 0 || stop.Running != "" || ctx.Err() != nil {
		return
	}
	b.event(b.about(b.index(a), Event{Kind: UndoBegin}))
	b.writeJournal(state.Entry{Event: state.UndoBegin, Action: a.ID})
	entry := state.Entry{Event: state.UndoDone, Action: a.ID}
	stop.Undo = "was undone"
	for i := range steps {
		why := b.step(ctx, a, &steps[i], i+1)
		if why == "" {
			continue
		}
		stop.Kind, stop.Undo = StopFailed, "could not be undone: "+why
		if len(steps) > 1 {
			stop.Undo = fmt.Sprintf("could not be undone: %s (%s): %s", steps[i].Title, steps[i].Node, why)
		}
		entry.Event, entry.Detail = state.UndoFail, why
		break
	}
	b.writeJournal(entry)
	b.event(b.about(b.index(a), Event{Kind: UndoEnd, Text: stop.Undo}))
}

// step carries out one step of taking an action back. It returns what went wrong, or
// "".
func (b *branch) step(ctx context.Context, of *plan.Action, s *plan.Step, number int) string {
	if len(s.Unless) > 0 && len(b.missed(ctx, s.Unless)) == 0 {
		return ""
	}
	if stop := b.alone(ctx); stop != nil {
		return stop.Why
	}
	a := &plan.Action{
		ID: of.ID, Cluster: of.Cluster, Node: s.Node, Opens: s.Opens, Primitive: plan.Script, Detached: true,
		Script: s.Script, TimeoutS: of.TimeoutS, Title: s.Title, Before: s.Before,
	}
	if len(a.Opens) > 0 {
		before := b.before(ctx, a)
		if err := b.update(func(st *state.State) { b.open(st.Clusters[of.Cluster], a, before) }); err != nil {
			return err.Error()
		}
	}
	suffix := fmt.Sprintf(".undo%d", number)
	t, err := b.transcriptOf(a, of.ID+suffix, s.Script)
	if err != nil {
		return err.Error()
	}
	defer t.close()
	t.action = of
	exit, err := b.execute(ctx, a, b.jobID(of.ID)+suffix, s.Script, t)
	t.ended(exit, err)
	switch {
	case err != nil:
		return escape.Line(err.Error())
	case exit != 0:
		return fmt.Sprintf("its script ended with status %d", exit)
	}
	if stop := b.until(ctx, of, s.Check, time.Duration(s.CheckS)*time.Second); stop != nil {
		return waitsFor(stop.Seen)
	}
	if err := b.update(func(st *state.State) { closeChanges(st.Clusters[of.Cluster], s.Closes) }); err != nil {
		return err.Error()
	}
	return ""
}
