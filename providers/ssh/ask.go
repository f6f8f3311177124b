package ssh

import (
	"context"
	"errors"
	"fmt"
	"io"
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

// An asker is the program ssh, and its environment.
type asker struct {
	program string
	env     []string
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
		a.settings, a.err = o.ask(ctx, asker{program, d.environ()}, q, files)
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
	if _, err := files.Survey(); err != nil {
		return err
	}
	return d.trusted(files)
}

// trusted returns an error if one of the files may not choose which programs are started.
// It finds out once.
func (d *Dialer) trusted(files *sshconfig.Files) error {
	d.trust.Do(func() {
		names, err := files.Survey() // an error beside names is about what ssh may find, not zup
		if d.mistrust = err; names != nil {
			d.mistrust = nil
		}
		for _, file := range names {
			if d.Trusted == nil {
				return
			}
			if err := d.Trusted(file); err != nil {
				d.mistrust = fmt.Errorf("its files may start programs, and %w", err)
				return
			}
		}
	})
	return d.mistrust
}

func (o *oracle) ask(ctx context.Context, by asker, q sshconfig.Query, files *sshconfig.Files) (sshconfig.Settings, error) {
	select {
	case o.turn <- struct{}{}:
		defer func() { <-o.turn }()
	case <-ctx.Done():
		return nil, context.Cause(ctx)
	}
	usual, err := o.defaults(ctx, by, files.Home)
	if err != nil {
		return nil, err
	}
	said, err := through(ctx, by, files, q, "Match canonical all\n  SendEnv "+secondPass+"\n")
	if err == nil {
		err = said.whoLogsIn(ctx, by, files, q)
	}
	if err != nil {
		return nil, err
	}
	return said.beside(usual, q), nil
}

// secondPass is sent along, in the answer, if ssh has read the files a second time, for a
// name that it has found or because one of them says Match final.
const secondPass = "ZUP_SECOND_PASS"

// whoLogsIn makes it the usual user where no file says who does. ssh answers with who runs
// it then, as it does where a file names that very user: it is asked once more, with a last
// line that counts only if nobody has said anything before.
func (said effectiveSettings) whoLogsIn(ctx context.Context, by asker, files *sshconfig.Files, q sshconfig.Query) error {
	if q.User != "" || q.Usual == q.LocalUser || said.first("user") != q.LocalUser {
		return nil
	}
	last := "Match all\n"
	if slices.ContainsFunc(said["sendenv"], func(v sshconfig.Value) bool { return v.Args[0] == secondPass }) {
		last = "Match canonical all\n" // whoever is said in the second pass comes after the first
	}
	again, err := through(ctx, by, files, q, last+"  User "+q.Usual+"\n")
	if err == nil {
		said["user"] = again["user"]
	}
	return err
}

func (said effectiveSettings) first(directive string) string {
	return sshconfig.Settings(said).Get(directive)
}

// through asks ssh what the files say about a host, with lines behind them.
func through(ctx context.Context, by asker, files *sshconfig.Files, q sshconfig.Query, behind string) (effectiveSettings, error) {
	file, err := wrapper(files, behind)
	if err != nil {
		return nil, err
	}
	defer os.Remove(file)
	return effective(ctx, by, file, files.Home, q)
}

// defaults asks once what ssh says where no file says anything.
func (o *oracle) defaults(ctx context.Context, by asker, home string) (sshconfig.Settings, error) {
	o.mu.Lock()
	defer o.mu.Unlock()
	if o.usual != nil {
		return o.usual, nil
	}
	said, err := effective(ctx, by, os.DevNull, home, sshconfig.Query{Host: "none"})
	o.usual = sshconfig.Settings(said)
	return o.usual, err
}

// wrapper writes a file that stands for both files, because ssh takes either the two that
// it knows or one, with lines behind them.
func wrapper(files *sshconfig.Files, behind string) (string, error) {
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
	_, err = io.WriteString(f, behind)
	return f.Name(), err
}

// effectiveSettings are all that ssh -G prints.
type effectiveSettings sshconfig.Settings

// effective runs ssh -G. It runs in the user's home, so that nothing in the directory in
// which zup was started is a program that a file names without its place.
func effective(ctx context.Context, by asker, file, home string, q sshconfig.Query) (effectiveSettings, error) {
	ctx, cancel := context.WithTimeout(ctx, askLimit)
	defer cancel()
	args := []string{"-G", "-F", file}
	if q.User != "" {
		args = append(args, "-l", q.User)
	}
	if q.Port != 0 {
		args = append(args, "-p", strconv.Itoa(q.Port))
	}
	cmd := exec.CommandContext(ctx, by.program, append(args, "--", q.Host)...)
	cmd.Dir = first(home, string(filepath.Separator))
	cmd.Env = append(by.env, "LC_ALL=C")
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
