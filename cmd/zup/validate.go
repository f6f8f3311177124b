package main

import (
	"encoding/json"
	"fmt"
	"io"

	"github.com/spf13/cobra"

	"zup/plan"
	"zup/plan/config"
	"zup/providers"
)

func (c *cli) validateCommand() *cobra.Command {
	var f configFlags
	var asJSON, schema bool
	cmd := &cobra.Command{
		Use:   "validate",
		Short: "Check the configuration without touching a node",
		Long: `validate reads the configuration and reports every mistake in it at once. It
connects to nothing.

With -schema it prints the JSON Schema of *.zup.json files for editors, and reads no
configuration.`,
		Args: arguments(0, 0),
		RunE: func(*cobra.Command, []string) error {
			if schema {
				return writeSchema(c.programs())
			}
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
	cmd.Flags().BoolVar(&schema, "schema", false, "print the JSON Schema of *.zup.json files, and read no configuration")
	return cmd
}

// writeSchema writes what *.zup.json files may hold, of every product.
func writeSchema(w io.Writer) error {
	enc := json.NewEncoder(w)
	enc.SetEscapeHTML(false)
	enc.SetIndent("", "  ")
	return enc.Encode(config.JSONSchema(plan.Declared(providers.All())))
}

func nodesOf(cfg *config.Config) int {
	n := 0
	for _, c := range cfg.Clusters {
		n += len(c.Nodes)
	}
	return n
}
