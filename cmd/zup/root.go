package main

import (
	"errors"
	"fmt"
	"slices"
	"strings"

	"github.com/agext/levenshtein"
	"github.com/spf13/cobra"
	"github.com/spf13/pflag"

	"zup/plan/disk"
	"zup/plan/shell"
)

func (c *cli) root() *cobra.Command {
	root := &cobra.Command{
		Use:   "zup",
		Short: "Update pairs of load balancers with the least possible downtime",
		Long: `zup updates two-node load balancer clusters with the least possible downtime.

A *.zup.hcl file says what the cluster is and which version it shall run. "zup
plan" reads the live nodes over SSH and prints every action in order; "zup apply"
carries out exactly that, measures what users felt, and proves the result.`,
		SilenceErrors:     true,
		SilenceUsage:      true,
		CompletionOptions: cobra.CompletionOptions{HiddenDefaultCmd: false},
	}
	root.SetFlagErrorFunc(flagError)
	flags := root.PersistentFlags()
	flags.StringVar(&c.chdir, "chdir", "", "change to this `directory` first: configuration, state and runs are there")
	flags.BoolVar(&c.noColor, "no-color", false, "write no colours (NO_COLOR does the same)")
	must(root.MarkPersistentFlagDirname("chdir"))
	root.AddGroup(&cobra.Group{ID: "main", Title: "Main commands:"}, &cobra.Group{ID: "more", Title: "Other commands:"})
	main := []*cobra.Command{c.initCommand(), c.validateCommand(), c.planCommand(), c.approveCommand(), c.applyCommand(), c.resumeCommand(), c.statusCommand()}
	more := []*cobra.Command{c.fmtCommand(), c.showCommand(), c.reportCommand(), c.graphCommand(), c.readerCommand(), c.sshCommand(), c.stateCommand(), c.bundleCommand(), c.unlockCommand(), c.manCommand(), c.versionCommand()}
	for _, cmd := range main {
		cmd.GroupID = "main"
		root.AddCommand(cmd)
	}
	for _, cmd := range more {
		cmd.GroupID = "more"
		root.AddCommand(cmd)
	}
	root.SetHelpCommandGroupID("more")
	root.SetCompletionCommandGroupID("more")
	refuseOtherShells(root)
	root.RunE = func(cmd *cobra.Command, args []string) error {
		if len(args) > 0 {
			return unknownCommand(root, args[0])
		}
		return cmd.Help()
	}
	root.Args = cobra.ArbitraryArgs
	root.PersistentPreRun = func(*cobra.Command, []string) {
		if c.chdir != "" { // others can put links into it, as into the current one
			disk.Guard(c.chdir)
		}
	}
	return root
}

func unknownCommand(root *cobra.Command, name string) error {
	hint := "zup -help lists the commands"
	root.SuggestionsMinimumDistance = 2
	if near := root.SuggestionsFor(name); len(near) > 0 {
		hint = fmt.Sprintf("did you mean %q?", "zup "+near[0])
	}
	return usagef(hint, "there is no command %q", name)
}

// arguments refuses a number of arguments that a command does not take.
func arguments(least, most int) cobra.PositionalArgs {
	return func(cmd *cobra.Command, args []string) error {
		switch {
		case len(args) > most:
			return usagef(cmd.CommandPath()+" -help says how it is used", "%s does not take the argument %q", cmd.CommandPath(), args[most])
		case len(args) < least:
			return usagef("usage: "+cmd.UseLine(), "%s needs an argument", cmd.CommandPath())
		}
		return nil
	}
}

// singleDash lets every long flag be written with one dash, as Terraform's users
// do: -out FILE is --out FILE. The word behind an option that takes a value is that
// value, however it begins.
func singleDash(root *cobra.Command, args []string) []string {
	out := slices.Clone(args)
	cmd := root
	for i := 0; i < len(args); i++ {
		arg := args[i]
		if arg == "--" {
			break
		}
		if !strings.HasPrefix(arg, "-") {
			if sub := subcommand(cmd, arg); sub != nil {
				cmd = sub
			}
			continue
		}
		name, _, hasValue := strings.Cut(strings.TrimPrefix(strings.TrimPrefix(arg, "-"), "-"), "=")
		if !strings.HasPrefix(arg, "--") && len(name) > 1 && isLetter(name[0]) {
			out[i] = "-" + arg
		}
		if f := flagOf(cmd, name); f != nil && f.NoOptDefVal == "" && !hasValue {
			i++
		}
	}
	return out
}

func subcommand(cmd *cobra.Command, name string) *cobra.Command {
	for _, sub := range cmd.Commands() {
		if sub.Name() == name || sub.HasAlias(name) {
			return sub
		}
	}
	return nil
}

// flagOf returns the option of that name, of a command or of all of them; nil: there is none.
func flagOf(cmd *cobra.Command, name string) *pflag.Flag {
	if f := cmd.Flags().Lookup(name); f != nil {
		return f
	}
	if f := cmd.PersistentFlags().Lookup(name); f != nil {
		return f
	}
	return cmd.InheritedFlags().Lookup(name)
}

func isLetter(c byte) bool { return 'a' <= c && c <= 'z' || 'A' <= c && c <= 'Z' }

// flagError says what is wrong with a flag, the way the user wrote it, and which
// one may have been meant.
func flagError(cmd *cobra.Command, err error) error {
	hint := cmd.CommandPath() + " -help lists the options"
	var unknown *pflag.NotExistError
	if errors.As(err, &unknown) {
		name := unknown.GetSpecifiedName()
		if near := nearest(cmd, name); near != "" {
			hint = fmt.Sprintf("did you mean -%s?", near)
		} else if _, err := disk.Stat("-" + name); err == nil {
			hint = "the file is named with " + shell.Command("zup", cmd.Name(), shell.File("-"+name))
		}
		return usagef(hint, "%s has no option -%s", cmd.CommandPath(), name)
	}
	return usagef(hint, "%s", strings.ReplaceAll(err.Error(), `"--`, `"-`))
}

// nearest returns the flag whose name is most like name, or "".
func nearest(cmd *cobra.Command, name string) string {
	best, distance := "", 3
	cmd.Flags().VisitAll(func(f *pflag.Flag) {
		if d := levenshtein.Distance(name, f.Name, nil); d < distance {
			best, distance = f.Name, d
		}
	})
	return best
}
