package main

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"sync"
	"time"

	"zup/plan"
	"zup/plan/apply"
	"zup/plan/escape"
	"zup/plan/state"
	"zup/providers/ssh"
)

// lockNodes makes the nodes of the clusters that have something to do this run's. It
// waits for what an earlier run of this state file still does there, and for others as
// long as -lock-timeout says.
func (a *applying) lockNodes(ctx context.Context, c carrying, run string) (*apply.Locks, error) {
	if c.fleet == nil {
		return nil, nil
	}
	claim := claimOf(a.me(c.command), run, c.plan.PlanID)
	for deadline := a.now().Add(a.state.lockTimeout); ; {
		locks, err := apply.Lock(ctx, c.plan, withActions(c.plan), a.workers(c), claim, 2*a.parallelism)
		if err == nil {
			return locks, nil
		}
		if err := c.fleet.mayChange(); err != nil {
			return nil, err
		}
		var locked *apply.LockedError
		if !errors.As(err, &locked) {
			return nil, fail(exitError, hintOf(err), "not every node can be asked whether it is as planned; nothing was changed\n%w", err)
		}
		if orphans := orphansOf(c.fleet.locksOf(ctx, c.plan), c.store.State()); len(orphans) > 0 {
			if err := a.await(ctx, c.dir, orphans, true); err != nil {
				return nil, err
			}
			continue
		}
		if !a.waitUntil(ctx, deadline) {
			return nil, nodesLocked(err.Error(), locked.Job)
		}
	}
}

// waitUntil waits a second and reports whether there is a point in trying again.
func (c *cli) waitUntil(ctx context.Context, deadline time.Time) bool {
	if !c.now().Before(deadline) {
		return false
	}
	select {
	case <-time.After(time.Second):
		return true
	case <-ctx.Done():
		return false
	}
}

// nodesLocked is the refusal to begin while somebody else is at work.
func nodesLocked(text string, job bool) error {
	hint := "wait until it is done, or give -lock-timeout=5m to wait here; zup unlock shows whether its holder lives"
	if job {
		hint = "wait until the job has ended, or give -lock-timeout=5m to wait here; where its run was begun, zup resume follows it"
	}
	return fail(exitLocked, hint, "somebody else is at work; nothing was changed\n%s", text)
}

func withActions(p *plan.Plan) []string {
	var names []string
	for i := range p.Actions {
		if name := p.Actions[i].Cluster; !slices.Contains(names, name) {
			names = append(names, name)
		}
	}
	return names
}

// claimOf is what this zup tells the nodes about itself.
func claimOf(h state.Holder, run, planID string) apply.Claim {
	return apply.Claim{
		Run: run, Since: h.Since, Who: fmt.Sprintf("%s@%s, process %d", h.User, h.Host, h.PID),
		What: fmt.Sprintf("zup %s, run %s, plan %.12s", h.Command, run, planID),
	}
}

// Lock implements apply.Locker.
func (w worker) Lock(ctx context.Context, c apply.Claim) error {
	return lockedError(w.host.Lock(ctx, ssh.Claim{Run: c.Run, Who: c.Who, What: c.What, Since: c.Since}))
}

// Confirm implements apply.Locker.
func (w worker) Confirm(ctx context.Context) error { return lockedError(w.host.Confirm(ctx)) }

// Unlock implements apply.Locker.
func (w worker) Unlock(ctx context.Context) error { return w.host.Unlock(ctx) }

// Anew implements apply.Locker.
func (w worker) Anew() { w.host.Anew() }

func lockedError(err error) error {
	var held *ssh.HeldError
	if !errors.As(err, &held) {
		return err
	}
	return &apply.LockedError{Text: err.Error(), Job: len(held.Status.Jobs) > 0, Err: err}
}

// nodeLock is how the lock of one node stands.
type nodeLock struct {
	cluster, node string
	host          *ssh.Host
	status        ssh.LockStatus
	err           error // it could not be asked
}

// lookedAt are the locks of several nodes, as they are asked side by side.
type lookedAt struct {
	mu  sync.Mutex
	all []nodeLock
}

func (l *lookedAt) look(ctx context.Context, cluster, node string, host *ssh.Host, ask func(context.Context) (ssh.LockStatus, error)) {
	status, err := ask(ctx)
	l.mu.Lock()
	defer l.mu.Unlock()
	l.all = append(l.all, nodeLock{cluster, node, host, status, err})
}

func (l *lookedAt) sorted() []nodeLock {
	l.mu.Lock()
	defer l.mu.Unlock()
	slices.SortFunc(l.all, func(a, b nodeLock) int {
		return strings.Compare(a.cluster+"/"+a.node, b.cluster+"/"+b.node)
	})
	return l.all
}

// clearLocks removes what dead holders have left on the nodes of a plan that has
// nothing to do. What can't be reached keeps a text that locks nobody out.
func (f *fleet) clearLocks(ctx context.Context, p *plan.Plan) {
	var work sync.WaitGroup
	for i := range p.Clusters {
		c := &p.Clusters[i]
		for k := range c.Nodes {
			work.Go(func() {
				if n, err := f.planned(ctx, c, &c.Nodes[k]); err == nil {
					n.host.ClearLock(ctx)
				}
			})
		}
	}
	work.Wait()
}

// atWork says in one line who is at work on the node, or "".
func (l nodeLock) atWork() string {
	switch {
	case l.err != nil:
		return "it could not be asked who is at work on " + l.node + ": " + escape.Line(l.err.Error())
	case l.status.State == ssh.LockStale && len(l.status.Jobs) == 0:
		return ""
	}
	return l.status.AtWork(l.node)
}

// warnAtWork says who is at work: what is planned now may be outdated in a moment. Its
// own are work of a run that was begun here.
func (c *cli) warnAtWork(locks []nodeLock, own bool) {
	hint := "what is planned now may be outdated in a moment"
	if own {
		hint += "; zup plan -wait waits until it has ended, and so does zup apply"
	}
	told := false
	for _, l := range locks {
		if text := l.atWork(); text != "" {
			told = true
			c.warned(l.cluster, hint, "%s", text)
			fmt.Fprintf(c.err, "%s %s\n", c.errStyle().notice("Warning:"), escape.Line(text))
		}
	}
	if told && own {
		fmt.Fprintln(c.err, "  zup plan -wait  waits until it has ended: it belongs to a run that was begun here")
	}
	if told {
		fmt.Fprintln(c.err)
	}
}

// heldBy returns the refusal to begin where somebody else is at work, or nil.
func heldBy(locks []nodeLock) error {
	var lines []string
	onlyJobs := true
	for _, l := range locks {
		sure := l.status.State == ssh.LockHeld || len(l.status.Jobs) > 0
		if text := l.atWork(); l.err == nil && sure && text != "" {
			lines = append(lines, fmt.Sprintf("cluster %q: %s", l.cluster, text))
			onlyJobs = onlyJobs && l.status.State != ssh.LockHeld
		}
	}
	if lines == nil {
		return nil
	}
	return nodesLocked(joinLines(lines), onlyJobs)
}
