package main

import (
	"fmt"

	"github.com/spf13/cobra"

	"zup/plan"
	"zup/plan/config"
	"zup/providers"
)

func (c *cli) validateCommand() *cobra.Command {
	var f configFlags
	var asJSON bool
	cmd := &cobra.Command{
		Use:   "validate",
		Short: "Check the configuration without touching a node",
		Long: `validate reads the configuration and reports every mistake in it at once. It
connects to nothing.`,
		Args: arguments(0, 0),
		RunE: func(*cobra.Command, []string) error {
			dir, err := c.directory()
			if err != nil {
				return err
			}
			cfg, diags := config.Load(dir, config.Options{
				Vars: f.vars, Env: c.env, Version: version, Plan: plan.ConditionType(), Products: plan.Declared(providers.All()),
			})
			if asJSON {
				if err := diags.WriteJSON(c.programs()); err != nil {
					return err
				}
				if diags.HasErrors() {
					return said(exitError)
				}
				return nil
			}
			if err := diags.WriteText(c.err, c.colored(c.err), width(c.err)); err != nil {
				return err
			}
			errors, warnings := diags.Counts()
			if errors > 0 {
				return fail(exitError, "", "the configuration has %s", counted(errors, "error", "errors"))
			}
			text := "The configuration is valid"
			if warnings > 0 {
				text += ", with " + counted(warnings, "warning", "warnings")
			}
			fmt.Fprintf(c.out, "%s: %s, %s.\n", c.outStyle().good(text), counted(len(cfg.Clusters), "cluster", "clusters"), counted(nodesOf(cfg), "node", "nodes"))
			return nil
		},
	}
	f.add(cmd, false)
	cmd.Flags().BoolVar(&asJSON, "json", false, "print JSON")
	return cmd
}

func nodesOf(cfg *config.Config) int {
	n := 0
	for _, c := range cfg.Clusters {
		n += len(c.Nodes)
	}
	return n
}
