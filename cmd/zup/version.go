package main

import (
	"encoding/json"
	"fmt"
	"maps"
	"runtime"
	"slices"

	"github.com/spf13/cobra"
)

func (c *cli) versionCommand() *cobra.Command {
	var asJSON bool
	cmd := &cobra.Command{
		Use:   "version",
		Short: "Print zup's version",
		Args:  arguments(0, 0),
		RunE: func(*cobra.Command, []string) error {
			if asJSON {
				return json.NewEncoder(c.programs()).Encode(map[string]any{
					"zup_version": version, "platform": runtime.GOOS + "_" + runtime.GOARCH,
					"providers": slices.Sorted(maps.Keys(providers())),
				})
			}
			_, err := fmt.Fprintf(c.out, "zup %s on %s_%s\n", version, runtime.GOOS, runtime.GOARCH)
			return err
		},
	}
	cmd.Flags().BoolVar(&asJSON, "json", false, "print JSON")
	return cmd
}
