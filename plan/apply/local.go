package apply

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"slices"
	"strings"
	"syscall"
	"time"

	"zup/plan"
	"zup/plan/escape"
	"zup/plan/state"
)

// Command is a command that is run where zup runs.
type Command struct {
	Argv    []string
	Secrets []string // names of those that it gets in its environment
}

// SecretPrefix begins the name of an environment variable that holds a secret.
const SecretPrefix = "ZUP_SECRET_"

// Process runs commands where zup runs. The zero value runs them in the current
// folder, with the environment of the process.
type Process struct {
	Dir     string
	Env     []string // as os.Environ gives it; nil: that of the process. A secret in it is taken out
	Secrets []string // as Env: ZUP_SECRET_name=value, each for the commands that name it
}

// endAfter is how long a command that was told to end may take for it before it
// is killed.
const endAfter = 10 * time.Second

// Run runs a command without a shell and with nothing on its standard input, and hands
// on what it prints. Its environment is zup's, with no secrets but its own, which are
// blotted out of what it prints. It has a process group of its own, so that a ^C at the
// terminal does not reach it. When ctx ends it is told to end, and killed if it does not.
func (p *Process) Run(ctx context.Context, c Command, output func([]byte)) (int, error) {
	env, secrets, err := p.environment(c.Secrets)
	if err != nil {
		return 0, err
	}
	blots := newBlotter(secrets, output)
	defer blots.end()
	cmd := exec.CommandContext(ctx, c.Argv[0], c.Argv[1:]...)
	cmd.Dir, cmd.Env = p.Dir, env
	cmd.SysProcAttr = &syscall.SysProcAttr{Setpgid: true}
	cmd.Cancel = func() error { return syscall.Kill(-cmd.Process.Pid, syscall.SIGTERM) }
	cmd.WaitDelay = endAfter
	w := &writer{blots.write} // one for both, so that they come in order
	cmd.Stdout, cmd.Stderr = w, w
	err = cmd.Run()
	var exit *exec.ExitError
	switch {
	case ctx.Err() != nil:
		return 0, ctx.Err()
	case errors.As(err, &exit) && exit.Exited():
		return exit.ExitCode(), nil
	case errors.As(err, &exit):
		return 0, errors.New("it was ended: " + exit.String())
	case errors.Is(err, exec.ErrWaitDelay): // it has ended, and something that it started holds on to its output
		return cmd.ProcessState.ExitCode(), nil
	}
	return 0, err
}

// environment returns the environment of a command that gets some secrets, and their
// values.
func (p *Process) environment(names []string) (env, values []string, err error) {
	all := p.Env
	if all == nil {
		all = os.Environ()
	}
	given := map[string]string{}
	for _, entry := range all {
		if !strings.HasPrefix(entry, SecretPrefix) {
			env = append(env, entry)
		}
	}
	for _, entry := range p.Secrets {
		name, value, _ := strings.Cut(strings.TrimPrefix(entry, SecretPrefix), "=")
		given[name] = value
	}
	for _, name := range names {
		value, ok := given[name]
		if why := unusable(value, ok); why != "" {
			return nil, nil, fmt.Errorf("%s%s %s", SecretPrefix, name, why)
		}
		env = append(env, SecretPrefix+name+"="+value)
		values = append(values, value)
	}
	return env, values, nil
}

// unusable says what is wrong with the value of a secret, or "".
func unusable(value string, given bool) string {
	switch {
	case !given:
		return "is not set"
	case strings.TrimSpace(value) == "":
		return "is empty"
	case len(strings.TrimSpace(value)) < leastSecret:
		return fmt.Sprintf("has fewer than %d characters: it could not be blotted out of what a command prints", leastSecret)
	}
	return ""
}

// MissingSecrets says which secrets that commands of the plan get are not in an
// environment, or can't be used: "ZUP_SECRET_token is not set". An action that is done
// needs none; nil: none is.
func MissingSecrets(p *plan.Plan, secrets []string, done func(action string) bool) []string {
	process := &Process{Env: []string{}, Secrets: secrets}
	var missing []string
	for i := range p.Actions {
		a := &p.Actions[i]
		if done != nil && done(a.ID) {
			continue
		}
		for _, name := range a.Secrets {
			if _, _, err := process.environment([]string{name}); err != nil && !slices.Contains(missing, err.Error()) {
				missing = append(missing, err.Error())
			}
		}
	}
	slices.Sort(missing)
	return missing
}

type writer struct{ output func([]byte) }

func (w *writer) Write(b []byte) (int, error) {
	w.output(b)
	return len(b), nil
}

// local runs the action's command here and asks for its proofs; then its check
// must hold. A command that has nothing to remove any more may fail: an earlier run
// may have been cut off after it, and the proof is what counts.
func (b *branch) local(ctx context.Context, a *plan.Action) *Stop {
	t, err := b.transcriptOf(a, a.ID, strings.Join(a.Argv, "\n"))
	if err != nil {
		return &Stop{Kind: StopFailed, Why: "could not be written down, and so was not begun: " + err.Error()}
	}
	defer t.close()
	if why := b.changedFile(a); why != "" {
		return &Stop{Kind: kindOf(a), Why: why}
	}
	if len(a.Argv) > 0 {
		b.mayComeBackAsItWas(a)
		if why := b.command(ctx, a, a.Argv, t, t.output); why != "" && (a.Drops == "" || len(a.Proof) == 0) {
			return &Stop{Kind: kindOf(a), Why: why, Tail: t.tail()}
		}
	}
	for _, p := range a.Proof {
		if why := b.proven(ctx, a, p, t); why != "" {
			return &Stop{Kind: kindOf(a), Why: why, Tail: t.tail()}
		}
	}
	stop := b.until(ctx, a, a.Check, time.Duration(a.CheckS)*time.Second)
	if stop != nil {
		stop.Tail = t.tail()
	}
	return stop
}

// changedFile says which file that the action's commands name is not the planned one, or
// "".
func (b *branch) changedFile(a *plan.Action) string {
	for _, f := range a.Files {
		if f.SHA256 == "" {
			continue
		}
		switch sum, err := b.Digest(f.Path); {
		case err != nil:
			return fmt.Sprintf("here, %s can't be compared with the plan, and nothing was run: %s", escape.Name(f.Path), escape.Line(err.Error()))
		case sum != f.SHA256:
			return fmt.Sprintf("here, %s is not the file that was planned, and nothing was run: its SHA-256 is %s, the plan has %s", escape.Name(f.Path), sum, f.SHA256)
		}
	}
	return ""
}

// command runs one command of a local action, unless a file that it names has changed
// since it was planned. It returns what went wrong, or "".
func (b *branch) command(ctx context.Context, a *plan.Action, argv []string, t *transcript, output func([]byte)) string {
	if why := b.changedFile(a); why != "" {
		return why
	}
	limited, cancel := context.WithTimeout(ctx, a.Timeout())
	defer cancel()
	exit, err := b.Local(limited, Command{argv, a.Secrets}, output)
	if ctx.Err() == nil && limited.Err() != nil {
		err = fmt.Errorf("it had not ended after %s and was ended", round(a.Timeout()))
	}
	t.ended(exit, err)
	switch {
	case err != nil:
		return fmt.Sprintf("here, %s: %s", shown(argv), escape.Line(err.Error()))
	case exit != 0:
		return fmt.Sprintf("here, %s ended with status %d", shown(argv), exit)
	}
	return ""
}

// proofLimit is how many bytes of what a proof prints are looked at.
const proofLimit = 1 << 20

// proven runs a command that shows whether the action did what it should.
func (b *branch) proven(ctx context.Context, a *plan.Action, p plan.Proof, t *transcript) string {
	fmt.Fprintf(t.file, "# proof: %s, which must %sname %s\n# output:\n", shown(p.Argv), not(p.Absent), escape.Line(p.Word))
	var out bytes.Buffer
	why := b.command(ctx, a, p.Argv, t, func(data []byte) {
		out.Write(data[:min(len(data), max(0, proofLimit-out.Len()))])
		t.output(data)
	})
	switch there := slices.Contains(strings.Fields(out.String()), p.Word); {
	case why != "":
		return why
	case there == p.Absent:
		return fmt.Sprintf("here, %s must %sname %s", shown(p.Argv), not(p.Absent), escape.Line(p.Word))
	}
	return ""
}

func not(absent bool) string {
	if absent {
		return "not "
	}
	return ""
}

// shown is a command as a message shows it.
func shown(argv []string) string { return escape.Exact(fmt.Sprintf("%+q", argv)) }

// snapshots remembers the snapshot that an action takes, before its command runs
// and when it is proven, or forgets the one that it has removed.
func (b *branch) snapshots(c *state.Cluster, a *plan.Action, begun bool) {
	if begun && a.Keeps == "" {
		for i := range c.Snapshots {
			if s := &c.Snapshots[i]; dropsBlindly(a) && s.Node == a.Node && s.Name == a.Drops {
				s.Begun = true
			}
		}
		return
	}
	c.Snapshots = slices.DeleteFunc(c.Snapshots, func(s state.Snapshot) bool {
		return s.Node == a.Node && (s.Name == a.Drops || s.Name == a.Keeps)
	})
	if a.Keeps != "" {
		c.Snapshots = append(c.Snapshots, state.Snapshot{
			Begun: begun, Name: a.Keeps, Node: a.Node, Run: b.RunID, Taken: b.Now().UTC(), Version: b.cluster.Node(a.Node).Version,
		})
	}
}

// dropsBlindly reports whether an action removes a snapshot and nobody can be asked
// whether it is gone: from the moment in which it begins the snapshot may be there.
func dropsBlindly(a *plan.Action) bool { return a.Drops != "" && len(a.Proof) == 0 }
