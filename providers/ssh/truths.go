package ssh

import (
	"context"
	"errors"
	"fmt"
	"os"
	"strconv"
	"strings"
	"sync"

	"zup/plan/escape"
	"zup/providers/ssh/sshconfig"
)

// truths are the commands of Match exec that were run, and whether each has ended with
// status 0. ssh runs them for one host at a time; here each is run once, whoever wants to
// know, and no more than askedAtOnce side by side. A command that names the host is another
// one for each host.
type truths struct {
	mu   sync.Mutex
	turn chan struct{}
	all  map[string]*truth
}

type truth struct {
	done  chan struct{} // closed when the rest is there
	holds bool
	err   error
}

// asksCommands returns what runs the commands of the files.
func (d *Dialer) asksCommands(ctx context.Context, files *sshconfig.Files) sshconfig.Exec {
	return func(command string, tokens map[byte]string) (bool, error) {
		here, _ := os.Hostname()
		short, _, _ := strings.Cut(here, ".")
		if err := harmless(command, tokens); err != nil {
			return false, &sshconfig.UndecidedError{Why: err.Error()}
		}
		tokens['d'], tokens['i'], tokens['l'], tokens['L'] = d.home(), strconv.Itoa(os.Getuid()), here, short
		command, err := sshconfig.Expand(command, tokens, false)
		if err != nil { // versions of ssh differ in their tokens
			return false, &sshconfig.UndecidedError{Why: err.Error()}
		}
		if d.trusted(files) != nil { // and ssh is not asked either, for that reason
			return false, &sshconfig.UndecidedError{}
		}
		return d.holds(ctx, command)
	}
}

// holds reports whether a command ends with status 0.
func (d *Dialer) holds(ctx context.Context, command string) (bool, error) {
	ts := &d.truths
	ts.mu.Lock()
	if ts.all == nil {
		ts.all, ts.turn = map[string]*truth{}, make(chan struct{}, askedAtOnce)
	}
	t, asked := ts.all[command]
	if !asked {
		t = &truth{done: make(chan struct{})}
		ts.all[command] = t
	}
	ts.mu.Unlock()
	if !asked {
		t.holds, t.err = ts.run(ctx, d, command)
		if t.err != nil { // another one may have more time
			ts.mu.Lock()
			delete(ts.all, command)
			ts.mu.Unlock()
		}
		close(t.done)
	}
	select {
	case <-t.done:
		return t.holds, t.err
	case <-ctx.Done():
		return false, context.Cause(ctx)
	}
}

// run runs a command as ssh does it, with nothing to read, and nobody who reads it.
func (ts *truths) run(ctx context.Context, d *Dialer, command string) (bool, error) {
	select {
	case ts.turn <- struct{}{}:
		defer func() { <-ts.turn }()
	case <-ctx.Done():
		return false, context.Cause(ctx)
	}
	sh, err := shellOf(d.environ())
	if err != nil {
		return false, err
	}
	limit, cancel := context.WithTimeout(ctx, askLimit)
	defer cancel()
	p, err := d.start([]string{sh, "-c", command}, streams{quiet: true})
	if err != nil {
		return false, err
	}
	defer p.leave()
	select {
	case <-p.ended:
	case <-limit.Done():
		if ctx.Err() != nil {
			return false, context.Cause(ctx)
		}
		return false, fmt.Errorf("no end within %v: %s", askLimit, escape.Line(command))
	}
	d.log().Debug("command of ssh_config", "command", command, "status", p.cmd.ProcessState.ExitCode())
	if !p.cmd.ProcessState.Exited() {
		return false, errors.New(escape.Line(command) + ": " + p.err.Error())
	}
	return p.cmd.ProcessState.ExitCode() == 0, nil
}
