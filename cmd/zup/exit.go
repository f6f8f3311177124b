package main

import (
	"errors"
	"fmt"
	"path/filepath"
	"strings"

	"zup/plan"
	"zup/plan/disk"
	"zup/plan/escape"
	"zup/plan/shell"
	"zup/plan/state"
	"zup/plan/stream"
)

// Exit codes. docs/commands.md has the table for users.
const (
	exitOK          = 0
	exitError       = 1  // nothing was changed
	exitChanges     = 2  // plan -detailed-exitcode: there are changes
	exitStale       = 3  // stale, already applied or expired plan
	exitLocked      = 4  // somebody else is at work
	exitStopped     = 5  // apply stopped part-way
	exitRule        = 6  // refused or stopped by a rule
	exitDamaged     = 7  // plan file damaged or altered
	exitUnproven    = 8  // carried out, but not verified, or something is still open
	exitUsage       = 64 // wrong usage
	exitInterrupted = 130
)

// meanings say what an exit code means where no plan was made.
var meanings = map[int]string{
	exitError: "an error", exitStale: "a plan that can't be applied any more", exitLocked: "somebody else is at work", exitRule: "refused by a rule",
	exitDamaged: "a damaged or altered file", exitUsage: "wrong usage", exitInterrupted: "interrupted",
}

// failure is an error with its exit code. A failure whose text is already
// written has no err.
type failure struct {
	code int
	err  error
	hint string
}

func (f *failure) Error() string {
	if f.err == nil {
		return fmt.Sprintf("exit %d", f.code)
	}
	return f.err.Error()
}

func (f *failure) Unwrap() error { return f.err }

// fail returns a failure with a message.
func fail(code int, hint, format string, args ...any) error {
	return &failure{code, fmt.Errorf(format, args...), hint}
}

// said returns a failure whose text is written already.
func said(code int) error { return &failure{code: code} }

// exit writes the error, if there is one to write, and returns the exit code.
func (c *cli) exit(err error) int {
	if err == nil {
		return exitOK
	}
	f := classify(err)
	if hint := c.chdirHint(err); hint != "" {
		f.hint = hint
	}
	if f.err != nil {
		c.stream.Send(stream.Failed(f.err.Error(), f.hint, f.code))
		s := c.errStyle()
		fmt.Fprintf(c.err, "%s %s\n", s.bad("zup: error:"), escape.Text(f.err.Error()))
		if f.hint != "" {
			fmt.Fprintf(c.err, "%s %s\n", s.bold("zup: hint:"), escape.Text(f.hint))
		}
	}
	return f.code
}

// command is a command to copy that does something where this one does it.
func (c *cli) command(words ...string) string {
	all := []string{"zup"}
	if c.chdir != "" {
		all = append(all, "-chdir="+c.chdir)
	}
	return shell.Command(append(all, words...)...)
}

// classify finds the exit code and the hint of an error from below.
func classify(err error) *failure {
	var f *failure
	if errors.As(err, &f) {
		return f
	}
	var (
		damaged *plan.DamagedError
		newer   *plan.NewerError
		older   *plan.OlderError
		locked  *state.LockedError
		usage   *usageError
		waiver  *plan.WaiverError
		altered *plan.AlteredError
		other   *plan.OtherZupError
	)
	switch {
	case errors.As(err, &altered):
		return &failure{exitDamaged, err, "zup show has all of it; make a new plan: zup plan -out FILE"}
	case errors.As(err, &other):
		return &failure{exitStale, err, fmt.Sprintf("make a new plan: zup plan -out FILE; or carry this one out with zup %s", escape.Line(other.Made))}
	case errors.As(err, &waiver):
		return waiverFailure(waiver)
	case errors.As(err, &usage):
		return &failure{exitUsage, err, usage.hint}
	case errors.As(err, &damaged):
		return &failure{exitDamaged, err, damaged.Hint()}
	case errors.As(err, &newer):
		return &failure{exitDamaged, err, fmt.Sprintf("it was written by zup %s: use that version or a later one", escape.Line(newer.ZupVersion))}
	case errors.As(err, &older):
		return &failure{exitDamaged, err, older.Hint()}
	case errors.As(err, &locked):
		return &failure{exitLocked, err, "wait until it is done, or give -lock-timeout=5m to wait here"}
	}
	return &failure{exitError, err, hintOf(err)}
}

// hintOf returns the advice of the first error of the chain that has one.
func hintOf(err error) string {
	var h interface{ Hint() string }
	if errors.As(err, &h) {
		return h.Hint()
	}
	return ""
}

// usageError is about the command line itself.
type usageError struct {
	err  error
	hint string
}

func (e *usageError) Error() string { return e.err.Error() }

func usagef(hint, format string, args ...any) error {
	return &usageError{fmt.Errorf(format, args...), hint}
}

// directory returns the configuration's directory, which must be there.
func (c *cli) directory() (string, error) {
	dir := c.chdir
	if dir == "" {
		dir = "."
	}
	info, err := disk.Stat(dir)
	if err != nil {
		return "", fail(exitError, "", "directory %q: %w", dir, err)
	}
	if !info.IsDir() {
		return "", fail(exitError, "", "%q is not a directory", dir)
	}
	return dir, nil
}

// inDir returns a path that starts at the configuration's directory.
func inDir(dir, path string) string {
	if filepath.IsAbs(path) || dir == "." {
		return path
	}
	return filepath.Join(dir, path)
}

func joinLines(lines []string) string { return strings.Join(lines, "\n") }
