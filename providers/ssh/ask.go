package ssh

import (
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"sync"
	"time"

	"zup/plan/escape"
	"zup/plan/shell"
	"zup/providers/ssh/sshconfig"
)

// An oracle asks ssh itself what the configuration files say about a host, where only ssh
// can tell. Nobody waits for the question of another host, nothing is asked twice, and no
// more than askedAtOnce programs run side by side.
type oracle struct {
	turn chan struct{}

	mu      sync.Mutex
	answers map[sshconfig.Query]*answer
	usual   sshconfig.Settings // what ssh says where no file says anything
}

type answer struct {
	done     chan struct{} // closed when the rest is there
	settings sshconfig.Settings
	err      error
}

const (
	askedAtOnce = 16
	askLimit    = 15 * time.Second // for one answer: a Match exec may wait for something
)

// askSSH returns what ssh -G makes of the files. why is what keeps zup from reading them,
// and what is returned where ssh can't be asked.
func (d *Dialer) askSSH(ctx context.Context, q sshconfig.Query, files *sshconfig.Files, why error) (sshconfig.Settings, error) {
	program := ""
	if d.SSH != nil {
		program = d.SSH()
	}
	if program == "" {
		return nil, why
	}
	if err := d.askable(q, files); err != nil {
		var line *sshconfig.LineError
		if errors.As(why, &line) {
			return nil, &sshconfig.LineError{File: line.File, Line: line.Line, Err: fmt.Errorf("%w, and ssh is not asked: %w", line.Err, err)}
		}
		return nil, why
	}
	d.mu.Lock()
	if d.oracle == nil {
		d.oracle = &oracle{turn: make(chan struct{}, askedAtOnce), answers: map[sshconfig.Query]*answer{}}
	}
	o := d.oracle
	d.mu.Unlock()

	o.mu.Lock()
	a, asked := o.answers[q]
	if !asked {
		a = &answer{done: make(chan struct{})}
		o.answers[q] = a
	}
	o.mu.Unlock()
	if !asked {
		a.settings, a.err = o.ask(ctx, program, q, files)
		if a.err != nil { // another one may have more time
			o.mu.Lock()
			delete(o.answers, q)
			o.mu.Unlock()
		}
		close(a.done)
	}
	select {
	case <-a.done:
		return a.settings, a.err
	case <-ctx.Done():
		return nil, context.Cause(ctx)
	}
}

// word is what a name may consist of that gets into the commands of a configuration file:
// a shell reads it there.
var word = regexp.MustCompile(`^[A-Za-z0-9_:][A-Za-z0-9_.:%@+-]*$`)

// askable returns why ssh is not asked.
func (d *Dialer) askable(q sshconfig.Query, files *sshconfig.Files) error {
	for _, name := range []string{q.Host, q.User} {
		if name != "" && !word.MatchString(name) {
			return fmt.Errorf("a shell may read %q as more than a name", name)
		}
	}
	names, err := files.Survey()
	if err != nil {
		return err
	}
	if d.Trusted == nil {
		return nil
	}
	for _, file := range names {
		if err := d.Trusted(file); err != nil {
			return fmt.Errorf("its files may start programs, and %w", err)
		}
	}
	return nil
}

func (o *oracle) ask(ctx context.Context, program string, q sshconfig.Query, files *sshconfig.Files) (sshconfig.Settings, error) {
	select {
	case o.turn <- struct{}{}:
		defer func() { <-o.turn }()
	case <-ctx.Done():
		return nil, context.Cause(ctx)
	}
	usual, err := o.defaults(ctx, program, files.Home)
	if err != nil {
		return nil, err
	}
	file, err := wrapper(files, q.Usual)
	if err != nil {
		return nil, err
	}
	defer os.Remove(file)
	said, err := effective(ctx, program, file, files.Home, q)
	if err != nil {
		return nil, err
	}
	return said.beside(usual, q), nil
}

// defaults asks once what ssh says where no file says anything.
func (o *oracle) defaults(ctx context.Context, program, home string) (sshconfig.Settings, error) {
	o.mu.Lock()
	defer o.mu.Unlock()
	if o.usual != nil {
		return o.usual, nil
	}
	said, err := effective(ctx, program, os.DevNull, home, sshconfig.Query{Host: "none"})
	o.usual = sshconfig.Settings(said)
	return o.usual, err
}

// wrapper writes a file that stands for both files, because ssh takes either the two that
// it knows or one. Where none of them says who logs in, it is the usual user.
func wrapper(files *sshconfig.Files, usual string) (string, error) {
	f, err := os.CreateTemp("", "zup-ssh-config-")
	if err != nil {
		return "", err
	}
	defer f.Close()
	for _, name := range []string{files.User, files.System} {
		if name != "" {
			fmt.Fprintf(f, "Include \"%s\"\n", name)
		}
	}
	_, err = fmt.Fprintf(f, "Match all\n  User %s\n", usual)
	return f.Name(), err
}

// effectiveSettings are all that ssh -G prints.
type effectiveSettings sshconfig.Settings

// effective runs ssh -G. It runs in the user's home, so that nothing in the directory in
// which zup was started is a program that a file names without its place.
func effective(ctx context.Context, program, file, home string, q sshconfig.Query) (effectiveSettings, error) {
	ctx, cancel := context.WithTimeout(ctx, askLimit)
	defer cancel()
	args := []string{"-G", "-F", file}
	if q.User != "" {
		args = append(args, "-l", q.User)
	}
	if q.Port != 0 {
		args = append(args, "-p", strconv.Itoa(q.Port))
	}
	cmd := exec.CommandContext(ctx, program, append(args, "--", q.Host)...)
	cmd.Dir = first(home, string(filepath.Separator))
	cmd.Env = append(slices.DeleteFunc(os.Environ(), func(kv string) bool {
		return strings.HasPrefix(kv, "PWD=") || strings.HasPrefix(kv, "OLDPWD=")
	}), "LC_ALL=C")
	cmd.WaitDelay = time.Second
	out, err := cmd.Output()
	var exit *exec.ExitError
	origin := shell.Command("ssh", "-G", q.Host)
	switch {
	case ctx.Err() != nil:
		return nil, &sshconfig.LineError{File: origin, Err: fmt.Errorf("no answer within %v: a command in ssh_config may be waiting for something", askLimit)}
	case errors.As(err, &exit):
		return nil, &sshconfig.LineError{File: origin, Err: fmt.Errorf("%w: %s", err, escape.Tail(string(exit.Stderr), 3))}
	case err != nil:
		return nil, &sshconfig.LineError{File: origin, Err: err}
	}
	said := effectiveSettings{}
	for line := range strings.Lines(string(out)) {
		k, v, _ := strings.Cut(strings.TrimRight(line, "\r\n"), " ")
		said[k] = append(said[k], sshconfig.Value{Args: []string{v}, File: origin})
	}
	return said, nil
}

// beside returns what is said other than usually, in the form in which files say it.
func (said effectiveSettings) beside(usual sshconfig.Settings, q sshconfig.Query) sshconfig.Settings {
	s := sshconfig.Settings{}
	for k, values := range said {
		same := func(a, b sshconfig.Value) bool { return a.Args[0] == b.Args[0] }
		if k != "user" && slices.EqualFunc(values, usual[k], same) {
			continue
		}
		s[k] = values
		switch k {
		case "hostname":
			if strings.EqualFold(values[0].Args[0], q.Host) {
				delete(s, k)
				continue
			}
			values[0].Args[0] = strings.ReplaceAll(values[0].Args[0], "%", "%%")
		case "userknownhostsfile", "globalknownhostsfile":
			values[0].Args = strings.Fields(values[0].Args[0])
		case "setenv":
			var all []string
			for _, v := range values {
				all = append(all, v.Args[0])
			}
			s[k] = []sshconfig.Value{{Args: all, File: values[0].File}}
		case "proxyjump", "proxycommand":
			name := map[string]string{"proxyjump": "ProxyJump", "proxycommand": "ProxyCommand"}[k]
			s["proxy"] = []sshconfig.Value{{Args: []string{name, values[0].Args[0]}, File: values[0].File}}
		}
	}
	delete(s, "canonicalizehostname") // ssh has heeded it
	return s
}
