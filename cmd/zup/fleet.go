package main

import (
	"context"
	"errors"
	"fmt"
	"net/netip"
	"sync"
	"time"

	"github.com/hashicorp/go-hclog"

	"zup/plan"
	"zup/plan/apply"
	"zup/plan/checkout"
	"zup/plan/config"
	"zup/plan/escape"
	"zup/providers/ssh"
)

// fleet holds one connection to each node, from the first look until the end of
// the run.
type fleet struct {
	dialer ssh.Dialer
	mu     sync.Mutex
	hosts  map[string]*connection // by cluster/node
}

// connection is made by whoever comes first; the others wait for it. After an
// error the next one tries again.
type connection struct {
	mu   sync.Mutex
	host *ssh.Host
}

// newFleet connects to nothing yet. With ask, the passphrase of a key and
// sudo's password are asked for on the terminal.
func (c *cli) newFleet(dir string, ask bool) *fleet {
	f := &fleet{hosts: map[string]*connection{}}
	f.dialer.Home, f.dialer.Dir = c.getenv("HOME"), dir
	f.dialer.Log, f.dialer.Notice = c.logger(), c.note
	c.trustSSH(&f.dialer, dir)
	if ask && !c.machine {
		f.dialer.Passphrase = c.passphrase
		if hasTerminal() {
			f.dialer.SudoPassword = c.sudoPassword
		}
	}
	return f
}

// trustSSH lets the dialer ask ssh what ssh_config means, and start what it names, and lets
// no file and no program that came with the configuration's directory be among it.
func (c *cli) trustSSH(d *ssh.Dialer, dir string) {
	if dir == "" {
		dir = "."
	}
	outside := sync.OnceValue(func() *foreign {
		return newForeign(dir, checkout.Look(context.Background(), checkout.Question{Dir: dir}).Top)
	})
	d.SSH = func() string { return outside().program(c.getenv("PATH"), "ssh") }
	d.Trusted = func(file string) error { return outside().brought(context.Background(), file) }
	d.Environ = func() []string { return outside().environ(c.env) }
}

// logger writes to stderr what ZUP_LOG asks for.
func (c *cli) logger() hclog.Logger {
	level := hclog.LevelFromString(c.getenv("ZUP_LOG"))
	if level == hclog.NoLevel {
		return hclog.NewNullLogger()
	}
	return hclog.New(&hclog.LoggerOptions{Name: "zup", Level: level, Output: escaping{c.log}})
}

// note tells whoever waits what for.
func (c *cli) note(text string) {
	fmt.Fprintf(c.err, "%s %s\n", c.errStyle().notice("Note:"), text)
}

// target says how to reach a node. A pinned key wins over known_hosts.
func (f *fleet) target(name, address, pinned string, s plan.SSH) ssh.Target {
	t := ssh.Target{
		Name: fmt.Sprintf("node %q", name), Address: address, Port: s.Port, User: s.User, Become: s.Become,
		IdentityFile: s.IdentityFile, Jump: s.Jump, JumpHostKeys: s.JumpHostKeys, HostKey: pinned,
	}
	if len(s.Jump) == 1 && s.Jump[0] == "none" {
		t.Jump = []string{}
	}
	return t
}

func (f *fleet) dial(ctx context.Context, cluster, node string, t ssh.Target) (*ssh.Host, error) {
	f.mu.Lock()
	key := connectionKey(cluster, node)
	c := f.hosts[key]
	if c == nil {
		c = &connection{}
		f.hosts[key] = c
	}
	f.mu.Unlock()

	c.mu.Lock()
	defer c.mu.Unlock()
	if c.host != nil {
		return c.host, nil
	}
	host, err := f.dialer.Dial(ctx, t)
	if err == nil {
		c.host = host
	}
	return host, err
}

func connectionKey(cluster, node string) string { return cluster + "/" + node }

// Close closes every connection.
func (f *fleet) Close() {
	f.mu.Lock()
	defer f.mu.Unlock()
	for _, c := range f.hosts {
		if c.host != nil {
			c.host.Close()
		}
	}
	f.dialer.Close()
}

// configured dials a node as the configuration describes it.
func (f *fleet) configured(ctx context.Context, c *config.Cluster, n *config.Node) (*node, error) {
	return f.named(ctx, c.Name, n, nil)
}

// targetOf says how to reach a node as the configuration describes it.
func (f *fleet) targetOf(n *config.Node) ssh.Target {
	hops := make([]string, 0, len(n.SSH.Jump))
	for _, h := range n.SSH.Jump {
		hops = append(hops, h.String())
	}
	s := plan.SSH{Become: n.SSH.Become, IdentityFile: n.SSH.IdentityFile, Port: n.SSH.Port, User: n.SSH.User, Jump: hops, JumpHostKeys: n.SSH.JumpHostKeys}
	switch {
	case n.SSH.Jump == nil:
		s.Jump = nil
	case len(hops) == 0:
		s.Jump = []string{"none"}
	}
	return f.target(n.Name, n.Address, n.SSH.HostKey, s)
}

// named dials a node whose address somebody has named; allow is asked about what it
// turns out to be, unless ~/.ssh/config has it.
func (f *fleet) named(ctx context.Context, cluster string, n *config.Node, allow func(netip.Addr) error) (*node, error) {
	t := f.targetOf(n)
	t.Allow = allow
	host, err := f.dial(ctx, cluster, n.Name, t)
	if err != nil {
		return nil, err
	}
	return &node{host}, nil
}

// planned dials a node as a plan describes it, and insists on the host key that
// it showed when the plan was made.
func (f *fleet) planned(ctx context.Context, c *plan.Cluster, n *plan.Node) (*node, error) {
	host, err := f.dial(ctx, c.Name, n.Name, f.target(n.Name, n.Address, n.HostKey, n.SSH))
	if err != nil {
		return nil, err
	}
	return &node{host}, nil
}

// node is a connection as packages observe and apply want it.
type node struct{ host *ssh.Host }

// HostKey implements observe.Host.
func (n *node) HostKey() string { return n.host.HostKey() }

// readTries is how often a script that only reads is run when the connection is
// lost under it.
const readTries = 3

func (n *node) read(ctx context.Context, script string, args []string) (ssh.Result, error) {
	var res ssh.Result
	var err error
	for range readTries {
		res, err = n.host.Run(ctx, ssh.Command{Script: script, Args: args, Limit: 8 << 20, Read: readsFacts(script, args)})
		var lost *ssh.LostError
		if !errors.As(err, &lost) || ctx.Err() != nil {
			break
		}
	}
	return res, err
}

// Run implements observe.Host.
func (n *node) Run(ctx context.Context, script string, args ...string) ([]byte, error) {
	res, err := n.read(ctx, script, args)
	if err == nil && res.Exit != 0 {
		err = fmt.Errorf("the script that reads facts ended with status %d: %s", res.Exit, escape.Tail(string(res.Stderr), 3))
	}
	return res.Stdout, err
}

// worker is a node as package apply wants it.
type worker struct {
	*node
	dir    string                   // of the configuration
	expand func(path string) string // what a path of the plan is on this machine; relative: in dir
}

// Run implements apply.Host.
func (w worker) Run(ctx context.Context, script string, args ...string) ([]byte, int, error) {
	res, err := w.read(ctx, script, args)
	return res.Stdout, res.Exit, err
}

// JobState implements apply.Asker.
func (w worker) JobState(ctx context.Context, id string) (apply.JobState, error) {
	s, err := w.host.JobStatus(ctx, id)
	if err != nil {
		return 0, err
	}
	return map[ssh.JobState]apply.JobState{
		ssh.JobNeverStarted: apply.JobNeverStarted, ssh.JobRunning: apply.JobRunning, ssh.JobDone: apply.JobEnded, ssh.JobDied: apply.JobDied,
	}[s.State], nil
}

// Job implements apply.Host.
func (w worker) Job(ctx context.Context, job apply.Job) (int, error) {
	j := ssh.Job{ID: job.ID, Script: job.Script, Timeout: job.Timeout, Output: job.Output}
	for _, p := range job.Prompts {
		j.Prompts = append(j.Prompts, ssh.Prompt{Name: p.Name, Match: p.Match, Answer: p.Answer, Max: p.Max})
	}
	res, err := w.host.Job(ctx, j)
	var running *ssh.StillRunningError
	if errors.As(err, &running) {
		return 0, &apply.StillRunningError{Job: running.ID, Cause: running.Err}
	}
	var asked *ssh.UnknownPromptError
	if errors.As(err, &asked) && !asked.Ended {
		return 0, &apply.StillRunningError{Job: job.ID, Cause: err}
	}
	return res.Exit, err
}

// escaping keeps what a terminal would obey out of the log.
type escaping struct {
	w interface{ Write([]byte) (int, error) }
}

func (e escaping) Write(b []byte) (int, error) {
	if _, err := e.w.Write([]byte(escape.Text(string(b)))); err != nil {
		return 0, err
	}
	return len(b), nil
}

// since is a duration for people, in whole seconds.
func since(start, now time.Time) string {
	s := int(now.Sub(start).Seconds())
	return fmt.Sprintf("%d:%02d", s/60, s%60)
}
