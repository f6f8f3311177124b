package main

import (
	"context"
	"fmt"
	"os"
	"os/user"
	"path/filepath"
	"slices"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"zup/plan"
	"zup/plan/config"
	"zup/plan/state"
	"zup/plan/stream"
	"zup/providers"
)

// configFlags are the flags of every command that reads a configuration.
type configFlags struct {
	vars    []config.VarArg
	targets []string
}

func (f *configFlags) add(cmd *cobra.Command, targets bool) {
	flags := cmd.Flags()
	flags.Var((*varFlag)(f), "var", "set a variable: `name=value`; may be repeated")
	flags.Var((*varFileFlag)(f), "var-file", "read variables from this `file`; may be repeated, later ones win")
	if targets {
		flags.StringArrayVar(&f.targets, "target", nil, "only this `cluster`; may be repeated")
	}
}

// varFlag and varFileFlag keep the order of the command line among themselves.
type varFlag configFlags

func (f *varFlag) Set(s string) error {
	name, value, ok := strings.Cut(s, "=")
	if !ok || name == "" {
		return fmt.Errorf("%q is not name=value", s)
	}
	f.vars = append(f.vars, config.VarArg{Name: name, Value: value})
	return nil
}
func (f *varFlag) String() string { return "" }
func (f *varFlag) Type() string   { return "name=value" }

type varFileFlag configFlags

func (f *varFileFlag) Set(s string) error {
	f.vars = append(f.vars, config.VarArg{File: s})
	return nil
}
func (f *varFileFlag) String() string { return "" }
func (f *varFileFlag) Type() string   { return "file" }

// stateFlags are the flags of every command that reads or writes the state.
type stateFlags struct {
	path        string
	lockTimeout time.Duration
}

func (f *stateFlags) add(cmd *cobra.Command, locks bool) {
	cmd.Flags().StringVar(&f.path, "state", "", "the state `file`; default zup.state.json beside the configuration")
	if locks {
		cmd.Flags().DurationVar(&f.lockTimeout, "lock-timeout", 0, "wait this long for the locks of the state and of the nodes")
	}
}

func (f *stateFlags) file(dir string) string {
	if f.path != "" {
		return f.path
	}
	return filepath.Join(dir, "zup.state.json")
}

// open takes the lock.
func (f *stateFlags) open(ctx context.Context, c *cli, dir, command string) (*state.Store, error) {
	if err := placeForRuns(dir); err != nil {
		return nil, err
	}
	return state.Open(ctx, f.file(dir), f.lockTimeout, c.me(command))
}

// me is who takes a lock.
func (c *cli) me(command string) state.Holder {
	h := state.Holder{Command: command, PID: os.Getpid(), Since: c.now().UTC(), User: "unknown user", Host: "unknown host"}
	if u, err := user.Current(); err == nil {
		h.User = u.Username
	}
	if name, err := os.Hostname(); err == nil {
		h.Host = name
	}
	return h
}

// load reads the configuration. Diagnostics are written to stderr; with an error
// among them nothing else is done.
func (c *cli) load(dir string, f *configFlags) (*config.Config, error) {
	cfg, diags := config.Load(dir, config.Options{
		Vars: f.vars, Env: c.env, Version: version, Plan: plan.ConditionType(), Products: plan.Declared(providers.All()),
	})
	c.stream.Send(stream.Configuration(diags)...)
	if err := diags.WriteText(c.err, c.colored(c.err), width(c.err)); err != nil {
		return nil, err
	}
	if diags.HasErrors() {
		errors, _ := diags.Counts()
		return nil, fail(exitError, "", "the configuration has %s; no node was touched", counted(errors, "error", "errors"))
	}
	if err := known(cfg, f.targets); err != nil {
		return nil, err
	}
	return cfg, nil
}

func counted(n int, one, many string) string {
	if n == 1 {
		return "1 " + one
	}
	return fmt.Sprintf("%d %s", n, many)
}

// known refuses targets that the configuration does not have.
func known(cfg *config.Config, targets []string) error {
	for _, t := range targets {
		if !slices.ContainsFunc(cfg.Clusters, func(c *config.Cluster) bool { return c.Name == t }) {
			names := make([]string, len(cfg.Clusters))
			for i, c := range cfg.Clusters {
				names[i] = c.Name
			}
			return usagef("the configuration has: "+strings.Join(names, ", "), "-target %s: there is no such cluster", t)
		}
	}
	return nil
}

// chosen returns the clusters that -target leaves.
func chosen(cfg *config.Config, targets []string) []*config.Cluster {
	if targets == nil {
		return cfg.Clusters
	}
	var out []*config.Cluster
	for _, c := range cfg.Clusters {
		if slices.Contains(targets, c.Name) {
			out = append(out, c)
		}
	}
	return out
}
