package main

import (
	"bytes"
	"io"
	"strings"

	"github.com/spf13/cobra"

	"zup/plan"
	"zup/plan/config"
	"zup/providers"
)

// completes reports whether a shell asks what the last word may be completed to, and
// rewrites the question and the answer where an option was begun with one dash: the
// library completes options with two, and a shell drops what does not begin like the
// word that was typed.
func completes(root *cobra.Command, out io.Writer, args []string) (flush func() error) {
	none := func() error { return nil }
	if len(args) < 2 || args[0] != cobra.ShellCompRequestCmd && args[0] != cobra.ShellCompNoDescRequestCmd {
		return none
	}
	last := args[len(args)-1]
	if !strings.HasPrefix(last, "-") || strings.HasPrefix(last, "--") || strings.Contains(last, "=") {
		return none
	}
	args = singleDash(root, args)
	args[len(args)-1] = "-" + last
	var answer bytes.Buffer
	root.SetArgs(args)
	root.SetOut(&answer)
	return func() error {
		for line := range strings.Lines(answer.String()) {
			if option, ok := strings.CutPrefix(line, "--"); ok {
				line = "-" + option
			}
			if _, err := io.WriteString(out, line); err != nil {
				return err
			}
		}
		return nil
	}
}

// completeTargets completes an option with the names of the configuration's clusters.
func (c *cli) completeTargets(*cobra.Command, []string, string) ([]string, cobra.ShellCompDirective) {
	dir, err := c.directory()
	if err != nil {
		return nil, cobra.ShellCompDirectiveError
	}
	cfg, _ := config.Load(dir, config.Options{Env: c.env, Version: version, Products: plan.Declared(providers.All())})
	if cfg == nil {
		return nil, cobra.ShellCompDirectiveError
	}
	var names []string
	for _, cluster := range cfg.Clusters {
		names = append(names, cluster.Name)
	}
	return names, cobra.ShellCompDirectiveNoFileComp
}

// refuseOtherShells has the library's completion command refuse a shell that it does
// not know; it would print its help and succeed.
func refuseOtherShells(root *cobra.Command) {
	root.InitDefaultCompletionCmd()
	cmd, _, err := root.Find([]string{"completion"})
	must(err)
	var shells []string
	for _, sub := range cmd.Commands() {
		shells = append(shells, sub.Name())
	}
	hint := "zup completion SHELL, with one of " + strings.Join(shells, ", ")
	cmd.Args = cobra.ArbitraryArgs
	cmd.RunE = func(_ *cobra.Command, args []string) error {
		if len(args) == 0 {
			return usagef(hint, "completion needs an argument: for which shell?")
		}
		return usagef(hint, "there is no completion for %q", args[0])
	}
}

// must is for what can only fail by a defect that every start of zup would show.
func must(err error) {
	if err != nil {
		panic(err)
	}
}
