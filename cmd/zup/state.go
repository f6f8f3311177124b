package main

import (
	"encoding/json"
	"fmt"
	"maps"
	"slices"
	"time"

	"github.com/spf13/cobra"

	"zup/plan/escape"
	"zup/plan/state"
)

func (c *cli) stateCommand() *cobra.Command {
	var f stateFlags
	var asJSON bool
	cmd := &cobra.Command{
		Use:   "state",
		Short: "Print what zup remembers",
		Long: `state prints the recorded state: for every cluster its last run, the version that
was last verified, and the temporary changes that are still open. It asks no node;
zup status does.`,
		Args: arguments(0, 0),
		RunE: func(*cobra.Command, []string) error {
			dir, err := c.directory()
			if err != nil {
				return err
			}
			s, err := state.Read(f.file(dir))
			if err != nil {
				return err
			}
			if asJSON {
				enc := json.NewEncoder(c.programs())
				enc.SetIndent("", "  ")
				return enc.Encode(s)
			}
			c.printState(s)
			return nil
		},
	}
	f.add(cmd, false)
	cmd.Flags().BoolVar(&asJSON, "json", false, "print JSON")
	return cmd
}

func (c *cli) printState(s *state.State) {
	if s == nil {
		fmt.Fprintln(c.out, "No state yet: nothing was applied here.")
		return
	}
	fmt.Fprintf(c.out, "Lineage %s, serial %d, written by zup %s\n", escape.Name(s.Lineage), s.Serial, escape.Name(s.ZupVersion))
	for _, name := range slices.Sorted(maps.Keys(s.Clusters)) {
		cl := s.Clusters[name]
		verified := escape.Name(cl.Version)
		if verified == "" {
			verified = "never"
		}
		fmt.Fprintf(c.out, "\n%s\n  last run   %s, %s\n  verified   %s\n", c.outStyle().bold(escape.Name(name)), escape.Name(cl.Run), escape.Name(cl.Outcome), verified)
		for _, o := range cl.Open {
			fmt.Fprintf(c.out, "  %s %s since %s, by %s\n", c.outStyle().notice("open      "), escape.Name(o.Name), o.Since.Local().Format(time.DateTime), escape.Name(o.Action))
		}
		for _, o := range cl.Snapshots {
			if o.Begun {
				fmt.Fprintf(c.out, "  snapshot   %s of %s may be there: run %s was cut off at it\n", escape.Name(o.Name), escape.Name(o.Node), escape.Name(o.Run))
				continue
			}
			fmt.Fprintf(c.out, "  snapshot   %s of %s, version %s, taken %s\n", escape.Name(o.Name), escape.Name(o.Node), escape.Name(o.Version), o.Taken.Local().Format(time.DateTime))
		}
	}
}
