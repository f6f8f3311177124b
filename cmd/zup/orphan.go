package main

import (
	"context"
	"errors"
	"fmt"
	"path/filepath"
	"strings"
	"sync"
	"time"

	"zup/plan"
	"zup/plan/apply"
	"zup/plan/escape"
	"zup/plan/state"
	"zup/providers/ssh"
)

// A run that is killed leaves its job on the node, and for a moment the session there
// that held the lock. Whoever has the lock of the state file that knows this run knows
// that nobody follows it any more: it is not a stranger, and is waited for.

// An orphan is what a run that this state file knows still does on a node.
type orphan struct {
	nodeLock
	run string
	job ssh.RunningJob // Name "": none, its lock is held by a session that is about to end
}

// lockDies is for how long a lock may be held by a session whose client was killed: a
// node that hears nothing of it frees the lock after a minute.
const lockDies = 90 * time.Second

// orphanLimit is for how long a job is waited for of which is not known how long it may
// take.
const orphanLimit = time.Hour

// orphansOf returns what runs of the state file still do on the nodes, if nobody else is
// at work there; otherwise nothing.
func orphansOf(locks []nodeLock, s *state.State) []orphan {
	if s == nil {
		return nil
	}
	var all []orphan
	for _, l := range locks {
		if l.err != nil {
			continue
		}
		if l.status.State == ssh.LockHeld {
			run := runIn(s, func(run string) bool { return strings.Contains(l.status.What, ", run "+run+", ") })
			switch {
			case run == "":
				return nil
			case len(l.status.Jobs) == 0:
				all = append(all, orphan{nodeLock: l, run: run})
			}
		}
		for _, job := range l.status.Jobs {
			run := runIn(s, func(run string) bool { return strings.HasPrefix(job.Name, run+".") })
			if run == "" {
				return nil
			}
			all = append(all, orphan{l, run, job})
		}
	}
	return all
}

// runIn returns the run of the state file that is meant, or "".
func runIn(s *state.State, is func(run string) bool) string {
	for _, a := range s.Applied {
		if a.Run != "" && is(a.Run) {
			return a.Run
		}
	}
	return ""
}

// await waits until the orphans have ended. One that changes nodes follows their jobs
// under the lock of their run, and answers what they ask; one that only looks, looks. It
// returns the refusal to go on when something has not ended in its time.
func (p *planning) await(ctx context.Context, dir string, orphans []orphan, follow bool) error {
	var work sync.WaitGroup
	errs := make([]error, len(orphans))
	for i, o := range orphans {
		work.Go(func() { errs[i] = p.awaitOne(ctx, dir, o, follow) })
	}
	work.Wait()
	return errors.Join(errs...)
}

func (p *planning) awaitOne(ctx context.Context, dir string, o orphan, follow bool) error {
	known := p.orphanOf(dir, o)
	limit := orphanLimit
	switch {
	case o.job.Name == "" && (follow || !p.isLocked(dir)):
		limit = lockDies
	case known != nil:
		limit = known.Action.Timeout()
	}
	line := p.tellWaiting(o, known)
	defer line.stop()
	for deadline := time.Now().Add(limit); ; {
		if o.job.Name != "" && follow {
			p.follow(ctx, dir, o, known, line)
		}
		status, err := o.host.LockStatus(ctx)
		still := err != nil || o.still(status)
		switch {
		case ctx.Err() != nil:
			return fail(exitInterrupted, "", "interrupted while a job was waited for; nothing was changed")
		case !still:
			return nil
		case !time.Now().Before(deadline):
			return nodesLocked(fmt.Sprintf("cluster %q: %s, and was waited for %s", o.cluster, o.atWork(), limit), o.job.Name != "")
		}
		p.waitUntil(ctx, p.now().Add(time.Minute))
	}
}

// isLocked reports whether the state file's lock is held: then its run is not cut off.
func (p *planning) isLocked(dir string) bool {
	locked, err := state.Locked(p.state.file(dir))
	return locked && err == nil
}

// still reports whether a look at the node shows the orphan.
func (o *orphan) still(s ssh.LockStatus) bool {
	if o.job.Name == "" {
		return s.State == ssh.LockHeld && s.What == o.status.What
	}
	for _, j := range s.Jobs {
		if j.Name == o.job.Name {
			return true
		}
	}
	return false
}

// orphanOf finds out from the run's own plan what a job is; nil: it does not say.
func (p *planning) orphanOf(dir string, o orphan) *apply.Orphan {
	folder := runFolder(dir, o.run)
	pl, err := readPlan(filepath.Join(folder, apply.PlanFile))
	if err != nil || prove(pl) != nil {
		return nil
	}
	return apply.OrphanOf(pl, o.run, folder, o.job.Name)
}

// follow follows a job under the lock of its run. Where its plan is not to be had
// nobody can answer it: asking for the lock as somebody else ends its input then.
func (p *planning) follow(ctx context.Context, dir string, o orphan, known *apply.Orphan, line *waitingLine) {
	w := worker{&node{o.host}, dir, p.expand}
	run, planID := o.run, "-"
	if known == nil {
		run = "none"
	}
	if w.Lock(ctx, claimOf(p.me("apply, waiting for job "+o.job.Name), run, planID)) != nil {
		return
	}
	defer w.Unlock(context.WithoutCancel(ctx))
	if known != nil {
		known.Follow(ctx, w, line.printed) // whether it has ended is asked afterwards
	}
}

// waitingLine says what is waited for: on a terminal a line that lives, elsewhere one
// now and then.
type waitingLine struct {
	c     *cli
	what  string
	live  bool
	start time.Time
	quit  chan struct{}
	wg    sync.WaitGroup

	mu    sync.Mutex
	last  string // that it printed
	shown bool
}

func (p *planning) tellWaiting(o orphan, known *apply.Orphan) *waitingLine {
	what := fmt.Sprintf("the session of run %s on %s", o.run, o.node)
	if o.job.Name != "" {
		what = fmt.Sprintf("job %s on %s", o.job.Name, o.node)
	}
	if known != nil {
		what = fmt.Sprintf("%s on %s", known.Action.Title, o.node)
	}
	began := ""
	if !o.job.Started.IsZero() {
		began = ", begun " + o.job.Started.Local().Format(time.DateTime)
	}
	l := &waitingLine{c: p.cli, what: what, live: isTerminal(p.err) && p.getenv("TERM") != "dumb", start: time.Now(), quit: make(chan struct{})}
	fmt.Fprintf(p.err, "%s %s still runs%s: it belongs to run %s, which was begun here\n",
		p.errStyle().notice("Waiting:"), escape.Line(what), began, escape.Name(o.run))
	p.warned(o.cluster, "it is waited for", "%s still runs%s: it belongs to run %s, which was begun here", what, began, o.run)
	l.wg.Go(l.run)
	return l
}

func (l *waitingLine) printed(text string) {
	if strings.TrimSpace(text) == "" {
		return
	}
	l.mu.Lock()
	defer l.mu.Unlock()
	l.last = text
}

func (l *waitingLine) run() {
	every := sayEvery
	if l.live {
		every = time.Second
	}
	tick := time.NewTicker(every)
	defer tick.Stop()
	for {
		select {
		case <-l.quit:
			return
		case now := <-tick.C:
			l.say(now)
		}
	}
}

func (l *waitingLine) say(now time.Time) {
	l.mu.Lock()
	defer l.mu.Unlock()
	text := fmt.Sprintf("waiting for %s, %s", escape.Line(l.what), since(l.start, now))
	if l.last != "" {
		text += ": " + escape.Line(l.last)
	}
	if l.live {
		fmt.Fprint(l.c.err, escape.Begin+escape.Cut(text, width(l.c.err)-1))
		l.shown = true
		return
	}
	fmt.Fprintln(l.c.err, text)
}

// stop takes the line away and says that the wait is over.
func (l *waitingLine) stop() {
	close(l.quit)
	l.wg.Wait()
	if l.shown {
		fmt.Fprint(l.c.err, escape.Begin)
	}
	fmt.Fprintf(l.c.err, "Waited %s for %s.\n\n", since(l.start, time.Now()), escape.Line(l.what))
}

// locksOf looks who is at work on the nodes of the clusters of a plan that have something
// to do.
func (f *fleet) locksOf(ctx context.Context, p *plan.Plan) []nodeLock {
	var locks lookedAt
	var work sync.WaitGroup
	for _, name := range withActions(p) {
		c := p.Cluster(name)
		for k := range c.Nodes {
			work.Go(func() {
				if n, err := f.planned(ctx, c, &c.Nodes[k]); err == nil {
					locks.look(ctx, c.Name, c.Nodes[k].Name, n.host, n.host.LockStatus)
				}
			})
		}
	}
	work.Wait()
	return locks.sorted()
}
