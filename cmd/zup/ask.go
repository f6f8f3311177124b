package main

import (
	"context"
	"errors"
	"fmt"
	"iter"
	"os"
	"os/signal"
	"sync"
	"syscall"

	"golang.org/x/term"

	"zup/plan"
	"zup/plan/config"
	"zup/plan/escape"
	"zup/providers/ssh"
)

// errNoTerminal is why nobody is asked.
var errNoTerminal = errors.New("there is no terminal")

// asking is held by who asks on the terminal: one question at a time.
var asking sync.Mutex

// askHidden asks on the terminal, whatever stdin is, and shows nothing of the answer. When
// ctx ends, nobody is waited for any more.
func askHidden(ctx context.Context, question string) ([]byte, error) {
	asking.Lock()
	defer asking.Unlock()
	tty, err := os.OpenFile("/dev/tty", os.O_RDWR, 0)
	if err != nil {
		return nil, errNoTerminal
	}
	defer tty.Close()
	fd := int(tty.Fd())
	was, err := term.GetState(fd)
	if err != nil {
		return nil, errNoTerminal
	}
	fmt.Fprint(tty, question)
	defer fmt.Fprintln(tty)
	type answer struct {
		text []byte
		err  error
	}
	signals := make(chan os.Signal, 1)
	signal.Notify(signals, os.Interrupt, syscall.SIGTERM)
	defer signal.Stop(signals)
	answered := make(chan answer, 1)
	go func() {
		text, err := term.ReadPassword(fd)
		answered <- answer{text, err}
	}()
	select {
	case a := <-answered:
		if len(signals) == 0 {
			return a.text, a.err
		}
	case <-ctx.Done():
		term.Restore(fd, was)
		return nil, context.Cause(ctx)
	case s := <-signals:
		signals <- s
	}
	term.Restore(fd, was) // or it would show nothing that is typed after zup has ended
	if s := <-signals; catching.Load() == 0 {
		signal.Reset(s)
		syscall.Kill(os.Getpid(), s.(syscall.Signal))
	}
	return nil, errors.New("interrupted")
}

// passphrase asks for that of a key.
func (c *cli) passphrase(ctx context.Context, file string) ([]byte, error) {
	text, err := askHidden(ctx, fmt.Sprintf("Passphrase for %s: ", escape.Name(file)))
	if errors.Is(err, errNoTerminal) {
		return nil, errors.New("there is no terminal to ask for its passphrase; ssh-add it to an agent")
	}
	return text, err
}

// sudoPassword asks for the password with which a user becomes root on the nodes.
func (c *cli) sudoPassword(ctx context.Context, user, host string) ([]byte, error) {
	return askHidden(ctx, fmt.Sprintf("Password of %s for sudo, first on %s: ", escape.Name(user), escape.Name(host)))
}

// hasTerminal reports whether somebody can be asked on the terminal.
func hasTerminal() bool {
	tty, err := os.OpenFile("/dev/tty", os.O_RDWR, 0)
	if err != nil {
		return false
	}
	tty.Close()
	return true
}

// canAsk refuses, before anything is connected to, nodes that may want a password where
// nobody can be asked. ask says that questions are allowed.
func (c *cli) canAsk(ctx context.Context, f *fleet, ask bool, targets iter.Seq2[string, ssh.Target]) error {
	if f.dialer.SudoPassword != nil {
		return nil
	}
	why := "there is no terminal to ask for it"
	switch {
	case c.machine:
		why = "with -json nobody is asked"
	case !ask:
		why = "with -input=false nobody is asked"
	}
	for node, t := range targets {
		if wants, err := f.dialer.MayWantPassword(ctx, t); err == nil && wants { // an error comes again, with its place
			return usagef("it is for people at a terminal. In a pipeline give become = \"sudo\" and a rule on the node that asks for no password; "+c.command("ssh", "-print", node)+" prints it with that. To plan and to look, a key that can only read is enough: zup help reader",
				"node %q: become = \"sudo-password\" needs a password, and %s", node, why)
		}
	}
	return nil
}

// targetsOf say how to reach the nodes of clusters.
func (f *fleet) targetsOf(clusters []*config.Cluster) iter.Seq2[string, ssh.Target] {
	return func(yield func(string, ssh.Target) bool) {
		for _, c := range clusters {
			for i := range c.Nodes {
				if !yield(c.Nodes[i].Name, f.targetOf(&c.Nodes[i])) {
					return
				}
			}
		}
	}
}

// targetsIn say how to reach the nodes of a plan.
func (f *fleet) targetsIn(p *plan.Plan) iter.Seq2[string, ssh.Target] {
	return func(yield func(string, ssh.Target) bool) {
		for i := range p.Clusters {
			for _, n := range p.Clusters[i].Nodes {
				if !yield(n.Name, f.target(n.Name, n.Address, n.HostKey, n.SSH)) {
					return
				}
			}
		}
	}
}
