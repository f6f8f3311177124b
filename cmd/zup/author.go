package main

import (
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"os/user"
	"path/filepath"
	"slices"
	"strings"
	"time"

	"zup/plan/checkout"
	"zup/plan/escape"
)

// gitLimit is how long git may take to say what is set. Without its answer the author
// is user@host.
const gitLimit = 10 * time.Second

// ownScopes are git's options for what the user, and what the machine, has set: never
// what a repository has.
var ownScopes = []string{"--global", "--system"}

// ownName returns who makes the plan: user.email of the user's own git settings, then
// of the machine's, or user@host. What lies in the checkout decides nothing: not a
// program called git, and not a file of settings, wherever the environment says that
// they are. top is the work tree, or empty.
func (o *origin) ownName(ctx context.Context, c *cli, dir, top string) string {
	me := c.me("")
	fallback := me.User + "@" + me.Host
	foreign := newForeign(dir, top)
	git := foreign.program(c.getenv("PATH"), "git")
	if git == "" {
		return fallback
	}
	for _, scope := range ownScopes {
		email, err := foreign.email(ctx, c, git, scope)
		switch {
		case err != nil:
			o.remark("say who makes the plan: -author=NAME", "git's %s settings do not say who makes the plan: %v; the author is %s", scope[2:], err, fallback)
			return fallback
		case email == "":
			continue
		case !isWord(email, 250):
			o.remark("say who makes the plan: -author=NAME", "user.email of git's %s settings is not a name that a signers file could have: %s; the author is %s", scope[2:], quoted(email), fallback)
			return fallback
		}
		return email
	}
	return fallback
}

// foreign is what others may have brought: the configuration's directory, and the work
// tree that it is in.
type foreign struct {
	dir  string
	top  string   // the work tree; empty: there is none
	real []string // both without links
	home string   // the user's, whatever the environment says; empty: not known
}

func newForeign(dir, top string) *foreign {
	f := &foreign{dir: dir, top: top}
	if u, err := user.Current(); err == nil {
		f.home = u.HomeDir
	}
	for _, path := range []string{dir, top} {
		if abs, err := filepath.Abs(path); path != "" && err == nil {
			f.real = append(f.real, abs)
			if real, err := filepath.EvalSymlinks(abs); err == nil {
				f.real = append(f.real, real)
			}
		}
	}
	return f
}

// has reports whether a path is in one of the directories, by its name or by what it
// leads to. One that is not absolute may be.
func (f *foreign) has(path string) bool {
	if !filepath.IsAbs(path) {
		return true
	}
	names := []string{filepath.Clean(path)}
	if real, err := filepath.EvalSymlinks(path); err == nil {
		names = append(names, real)
	}
	return slices.ContainsFunc(f.real, func(dir string) bool {
		return slices.ContainsFunc(names, func(name string) bool {
			rel, err := filepath.Rel(dir, name)
			return err == nil && filepath.IsLocal(rel)
		})
	})
}

// program finds a program by the directories of PATH, or returns "".
func (f *foreign) program(path, name string) string {
	for _, dir := range filepath.SplitList(path) {
		if f.has(dir) {
			continue
		}
		found, err := exec.LookPath(filepath.Join(dir, name))
		if err == nil && !f.has(found) {
			return found
		}
	}
	return ""
}

// environ returns an environment whose PATH has no directory that others may have brought.
func (f *foreign) environ(env []string) []string {
	env = slices.Clone(env)
	for i, kv := range env {
		if path, ok := strings.CutPrefix(kv, "PATH="); ok {
			dirs := slices.DeleteFunc(filepath.SplitList(path), f.has)
			env[i] = "PATH=" + strings.Join(dirs, string(filepath.ListSeparator))
		}
	}
	return env
}

// brought returns an error if a file of settings may have come with the checkout. One
// that is in nobody's commit is the user's own even where his home is in a work tree.
// Without a repository nobody knows where a file has come from, unless the directory is
// the user's home itself.
func (f *foreign) brought(ctx context.Context, file string) error {
	switch {
	case !f.has(file):
		return nil
	case !filepath.IsAbs(file): // nobody knows where it is
	case f.top != "":
		if tracked, err := checkout.Has(ctx, f.dir, file); err == nil && !tracked {
			return nil
		}
	default:
		if rel, err := filepath.Rel(f.home, file); err == nil && filepath.IsLocal(rel) && f.has(f.home) {
			return nil
		}
	}
	return fmt.Errorf("%s belongs to the configuration's checkout", file)
}

// email asks git for user.email. It is "" where it is not set. Git runs in the root
// directory, is told that there is no repository, and gets nothing from the
// environment that could bring another one's settings in.
func (f *foreign) email(ctx context.Context, c *cli, git, scope string) (string, error) {
	if scope == "--global" && c.getenv("HOME") == "" && c.getenv("XDG_CONFIG_HOME") == "" && c.getenv("GIT_CONFIG_GLOBAL") == "" {
		return "", nil // git would call that an error
	}
	ctx, cancel := context.WithTimeout(ctx, gitLimit)
	defer cancel()
	cmd := exec.CommandContext(ctx, git, "config", scope, "--includes", "--null", "--show-origin", "--get-regexp", `^(user\.email|include(if)?\..*)$`)
	cmd.Dir = string(filepath.Separator)
	cmd.Env = gitEnvironment(c.env)
	cmd.WaitDelay = time.Second
	out, err := cmd.Output()
	c.logger().Debug("git settings", "git", git, "scope", scope, "error", err)
	var exit *exec.ExitError
	switch {
	case ctx.Err() != nil:
		return "", errors.New("git did not answer in time")
	case errors.As(err, &exit) && exit.ExitCode() == 1: // it is not set
		return "", nil
	case errors.As(err, &exit):
		return "", fmt.Errorf("git: %w: %s", err, escape.Tail(string(exit.Stderr), 1))
	case err != nil:
		return "", err
	}
	return f.lastEmail(ctx, string(out))
}

// lastEmail reads git's answer: of each setting the file that it is in, its name and
// its value. The last one counts. None may be from a foreign file, and neither may
// what includes others.
func (f *foreign) lastEmail(ctx context.Context, answer string) (email string, err error) {
	for answer != "" {
		origin, rest, ok1 := strings.Cut(answer, "\x00")
		setting, rest, ok2 := strings.Cut(rest, "\x00")
		file, ok3 := strings.CutPrefix(origin, "file:")
		if !ok1 || !ok2 || !ok3 {
			return "", errors.New("git's answer can't be read")
		}
		if err := f.brought(ctx, file); err != nil {
			return "", err
		}
		if name, value, _ := strings.Cut(setting, "\n"); name == "user.email" {
			email = value
		}
		answer = rest
	}
	return email, nil
}

// gitEnvironment leaves out whatever tells git where a repository is or what is set in
// it, and all else that is meant for git, but for where the user has his settings.
func gitEnvironment(env []string) []string {
	own := slices.DeleteFunc(slices.Clone(env), func(kv string) bool {
		name, _, _ := strings.Cut(kv, "=")
		kept := name == "GIT_CONFIG_GLOBAL" || name == "GIT_CONFIG_SYSTEM" || name == "GIT_CONFIG_NOSYSTEM"
		return strings.HasPrefix(name, "GIT_") && !kept || name == "PWD" || name == "OLDPWD"
	})
	return append(own, "GIT_DIR="+os.DevNull, "LC_ALL=C")
}
