package main

import (
	"context"
	"errors"
	"fmt"
	"os"
	"strings"
	"sync"
	"syscall"
	"time"

	"github.com/spf13/cobra"
	"golang.org/x/sync/errgroup"

	"zup/plan/config"
	"zup/plan/escape"
	"zup/plan/shell"
	"zup/plan/state"
	"zup/providers/ssh"
)

func (c *cli) unlockCommand() *cobra.Command {
	p := &planning{cli: c}
	cmd := &cobra.Command{
		Use:   "unlock",
		Short: "Say who holds the locks, and remove what dead holders have left",
		Long: `unlock says who holds the lock of the state file and the lock of each node, and
what shows that the holder lives: its process, its session, its running job. Every
lock is held by a kernel and ends with its process, so there is none to break:
while a holder lives unlock refuses with exit code 4. Of one that is gone it removes
what is left: a line or two of text.`,
		Args: arguments(0, 0),
		RunE: func(cmd *cobra.Command, _ []string) error { return p.unlock(cmd.Context()) },
	}
	p.add(cmd, false)
	return cmd
}

func (p *planning) unlock(ctx context.Context) error {
	dir, err := p.directory()
	if err != nil {
		return err
	}
	if err := p.check(); err != nil {
		return err
	}
	path := p.state.file(dir)
	locked, err := state.Locked(path)
	if err != nil {
		return err
	}
	hint := ""
	if locked {
		h := state.ReadHolder(path)
		hint = fmt.Sprintf("end that process if it must not go on: kill %d on %s", h.PID, shell.Quote(h.Host))
		fmt.Fprintf(p.out, "%s: the kernel says that its lock is held, by %s; %s\n", escape.Name(path), escape.Line(h.String()), livesHere(h))
	} else {
		fmt.Fprintf(p.out, "Nobody holds the lock of %s.\n", escape.Name(path))
	}
	held, err := p.unlockNodes(ctx, dir)
	switch {
	case locked || held:
		return fail(exitLocked, hint, "somebody is at work: nothing was unlocked that a living process holds")
	case err != nil:
		return err
	}
	return nil
}

// livesHere says what this machine knows of the holder's process.
func livesHere(h state.Holder) string {
	if name, err := os.Hostname(); err != nil || name != h.Host {
		return "that is another machine than this one"
	}
	if err := syscall.Kill(h.PID, 0); errors.Is(err, syscall.ESRCH) {
		return "there is no such process here, so that another one must hold it"
	}
	return "that process is alive on this machine"
}

// unlockNodes asks every node, and reports whether somebody is at work on one. The
// error is that one could not be asked.
func (p *planning) unlockNodes(ctx context.Context, dir string) (held bool, err error) {
	cfg, err := p.load(dir, &p.config)
	if err != nil {
		return false, err
	}
	fleet := p.newFleet(dir, p.input)
	defer fleet.Close()
	clusters := chosen(cfg, p.config.targets)
	if err := p.canAsk(ctx, fleet, p.input, fleet.targetsOf(clusters)); err != nil {
		return false, err
	}
	before, after, failed := p.clear(ctx, clusters, fleet)
	for i, l := range after {
		if l.err == nil {
			fmt.Fprintf(p.out, "%s: %s\n", escape.Name(l.node), evidence(l.node, before[i].status, l.status))
			held = held || isHeld(l.status)
			continue
		}
		failed = append(failed, l.err)
	}
	if len(failed) == 0 {
		return held, nil
	}
	lines := make([]string, len(failed))
	for i, err := range failed {
		lines[i] = err.Error()
	}
	return held, fail(exitError, hintOf(failed[0]), "not every node could be asked who holds its lock\n%s", joinLines(lines))
}

// clear asks every node how its lock stands, removes what a dead holder has left, and
// asks again.
func (p *planning) clear(ctx context.Context, clusters []*config.Cluster, fleet *fleet) (before, after []nodeLock, failed []error) {
	var looks, clears lookedAt
	var mu sync.Mutex
	var work errgroup.Group
	work.SetLimit(2 * p.parallelism)
	for _, c := range clusters {
		for i := range c.Nodes {
			work.Go(func() error {
				n, err := fleet.configured(ctx, c, &c.Nodes[i])
				if err != nil {
					mu.Lock()
					defer mu.Unlock()
					failed = append(failed, err)
					return nil
				}
				looks.look(ctx, c.Name, c.Nodes[i].Name, n.host, n.host.LockStatus)
				clears.look(ctx, c.Name, c.Nodes[i].Name, n.host, n.host.ClearLock)
				return nil
			})
		}
	}
	work.Wait()
	return looks.sorted(), clears.sorted(), failed
}

func isHeld(s ssh.LockStatus) bool { return s.State == ssh.LockHeld || len(s.Jobs) > 0 }

// evidence says how a lock stands, and what shows it.
func evidence(node string, before, now ssh.LockStatus) string {
	var all []string
	switch {
	case now.State == ssh.LockHeld:
		all = append(all, now.AtWork(node), held(now))
	case now.State == ssh.LockUnknown:
		all = append(all, "the node does not tell who holds its lock: "+now.AtWork(node))
	case before.State == ssh.LockStale:
		all = append(all, "the kernel has freed the lock; what its holder had left is removed: "+escape.Line(before.Who)+", "+escape.Line(before.What))
	default:
		all = append(all, "nobody holds its lock")
	}
	for _, j := range now.Jobs {
		all = append(all, fmt.Sprintf("job %s runs since %s", escape.Line(j.Name), j.Started.Local().Format(time.DateTime)))
	}
	return strings.Join(all, "; ")
}

// held is what the node's kernel knows of the holder.
func held(s ssh.LockStatus) string {
	text := fmt.Sprintf("process %d there holds it", s.PID)
	if s.Age >= 0 {
		text += " and has lived for " + s.Age.String()
	}
	if s.Client != "" {
		text += ", in a session from " + escape.Line(s.Client)
	}
	return text
}
