package apply

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"sync"
	"time"

	"golang.org/x/sync/errgroup"

	"zup/plan"
)

// Locker is a Host that one run at a time has for itself.
type Locker interface {
	// Lock makes the node this run's. A *LockedError says that it is somebody
	// else's.
	Lock(ctx context.Context, c Claim) error
	// Confirm asks the node whether it is this run's still. It must be called before
	// something is changed. A *LockedError says that somebody else was there.
	Confirm(ctx context.Context) error
	// Unlock gives the node back.
	Unlock(ctx context.Context) error
	// Anew says that the node may come back as it was earlier, with the lock of then.
	Anew()
}

// Claim says for whom a node is locked.
type Claim struct {
	Run   string    // whose jobs may be running there already
	Who   string    // user, machine, process; one line for people
	What  string    // command, run, plan; one line for people
	Since time.Time // of the process
}

// LockedError says that somebody else works on a node. Its text names the node and
// is fit for a terminal.
type LockedError struct {
	Text string
	Job  bool // it is a job that nobody may be following any more
	Err  error
}

func (e *LockedError) Error() string { return e.Text }
func (e *LockedError) Unwrap() error { return e.Err }

// Dial returns the connection to a node, the same one each time.
type Dial = func(ctx context.Context, cluster *plan.Cluster, node *plan.Node) (Host, error)

// Locks are the locked nodes of a plan. A nil *Locks has none.
type Locks struct {
	mu    sync.Mutex
	hosts map[string]Locker // by cluster/node
}

// Lock locks every node of these clusters of the plan, side by side: all of them
// or none. The error has a line for each node that can't be had, and wraps the
// *LockedErrors among them. Nothing is waited for.
func Lock(ctx context.Context, p *plan.Plan, clusters []string, dial Dial, claim Claim, parallelism int) (*Locks, error) {
	l := &Locks{hosts: map[string]Locker{}}
	var work errgroup.Group
	work.SetLimit(parallelism)
	var errs []error
	for i := range p.Clusters {
		c := &p.Clusters[i]
		if !slices.Contains(clusters, c.Name) {
			continue
		}
		for k := range c.Nodes {
			n := &c.Nodes[k]
			work.Go(func() error {
				if err := l.take(ctx, c, n, dial, claim); err != nil {
					l.mu.Lock()
					defer l.mu.Unlock()
					errs = append(errs, fmt.Errorf("cluster %q: %w", c.Name, err))
				}
				return nil
			})
		}
	}
	work.Wait()
	if len(errs) == 0 {
		return l, nil
	}
	l.Release(ctx)
	slices.SortFunc(errs, func(a, b error) int { return strings.Compare(a.Error(), b.Error()) })
	return nil, errors.Join(errs...)
}

func (l *Locks) take(ctx context.Context, c *plan.Cluster, n *plan.Node, dial Dial, claim Claim) error {
	host, err := dial(ctx, c, n)
	if err != nil {
		return err
	}
	locker, ok := host.(Locker)
	if !ok {
		return fmt.Errorf("node %q: it can't be locked", n.Name)
	}
	if err := locker.Lock(ctx, claim); err != nil {
		return err
	}
	l.mu.Lock()
	defer l.mu.Unlock()
	l.hosts[c.Name+"/"+n.Name] = locker
	return nil
}

// releaseLimit is how long giving the locks back may take: without an answer the
// kernels free them.
const releaseLimit = 5 * time.Second

// Release gives every lock back, also when ctx has ended. It may be called twice.
func (l *Locks) Release(ctx context.Context) {
	if l == nil {
		return
	}
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), releaseLimit)
	defer cancel()
	l.mu.Lock()
	defer l.mu.Unlock()
	var wg sync.WaitGroup
	for _, h := range l.hosts {
		wg.Go(func() { h.Unlock(ctx) })
	}
	wg.Wait()
	clear(l.hosts)
}

// of returns the locked nodes of a cluster.
func (l *Locks) of(c *plan.Cluster) []Locker {
	if l == nil {
		return nil
	}
	l.mu.Lock()
	defer l.mu.Unlock()
	var all []Locker
	for i := range c.Nodes {
		if h := l.hosts[c.Name+"/"+c.Nodes[i].Name]; h != nil {
			all = append(all, h)
		}
	}
	return all
}

// alone asks every node of the cluster whether it is this run's still, right before
// something is changed. It returns why nothing may be, or nil.
func (b *branch) alone(ctx context.Context) *Stop {
	hosts := b.Locks.of(b.cluster)
	errs := make([]error, len(hosts))
	var wg sync.WaitGroup
	for i, h := range hosts {
		wg.Go(func() { errs[i] = h.Confirm(ctx) })
	}
	wg.Wait()
	if err := errors.Join(errs...); err != nil {
		return &Stop{Kind: StopLocked, Why: err.Error()}
	}
	return nil
}

// mayComeBackAsItWas has the node's lock taken anew after an action that switches
// the node off and on from outside, such as restoring a snapshot.
func (b *branch) mayComeBackAsItWas(a *plan.Action) {
	if b.Locks == nil || !a.Out || a.Node == "" {
		return
	}
	b.Locks.mu.Lock()
	defer b.Locks.mu.Unlock()
	if h := b.Locks.hosts[b.cluster.Name+"/"+a.Node]; h != nil {
		h.Anew()
	}
}
