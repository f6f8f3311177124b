package main

import (
	"github.com/spf13/cobra"

	"zup/plan/show"
)

func (c *cli) showCommand() *cobra.Command {
	var asJSON, verbose bool
	cmd := &cobra.Command{
		Use:   "show FILE",
		Short: "Print a saved plan",
		Long: `show prints a plan that "zup plan -out FILE" wrote, also one that is stale or was
applied, as text or as the JSON that is in the file. Nothing is asked of a node.`,
		Args: arguments(1, 1),
		RunE: func(_ *cobra.Command, args []string) error {
			p, err := readPlan(args[0])
			if err != nil {
				return err
			}
			if asJSON {
				return p.Encode(c.out)
			}
			return show.Plan(c.out, p, c.show(verbose))
		},
	}
	cmd.Flags().BoolVar(&asJSON, "json", false, "print JSON")
	addVerbose(cmd, &verbose)
	return cmd
}
