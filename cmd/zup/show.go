package main

import (
	"github.com/spf13/cobra"

	"zup/plan/show"
)

func (c *cli) showCommand() *cobra.Command {
	var asJSON, canonical, verbose bool
	cmd := &cobra.Command{
		Use:   "show FILE",
		Short: "Print a saved plan",
		Long: `show prints a plan that "zup plan -out FILE" wrote, also one that is stale or was
applied, as text or as the JSON that is in the file, and who has approved it.
Nothing is asked of a node.

With -canonical it prints the bytes that signatures are over, and that plan_id is
the SHA-256 of.`,
		Args: arguments(1, 1),
		RunE: func(_ *cobra.Command, args []string) error {
			p, err := readPlan(args[0])
			if err != nil {
				return err
			}
			switch {
			case canonical:
				return p.EncodeIdentity(c.out)
			case asJSON:
				return p.Encode(c.out)
			}
			if err := show.Plan(c.out, p, c.show(verbose)); err != nil {
				return err
			}
			return c.listApprovals(p, args[0])
		},
	}
	cmd.Flags().BoolVar(&asJSON, "json", false, "print JSON")
	cmd.Flags().BoolVar(&canonical, "canonical", false, "print the bytes that signatures are over")
	addVerbose(cmd, &verbose)
	return cmd
}
