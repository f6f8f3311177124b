package main

import (
	"encoding/json"
	"fmt"
	"maps"
	"runtime"
	"slices"

	"github.com/spf13/cobra"

	"zup/providers"
)

func (c *cli) versionCommand() *cobra.Command {
	var asJSON, withLicenses bool
	cmd := &cobra.Command{
		Use:   "version",
		Short: "Print zup's version",
		Long: `version prints zup's version and the system that it was built for.

With -licenses it prints which modules of others the binary contains, and their
licences.`,
		Args: arguments(0, 0),
		RunE: func(*cobra.Command, []string) error {
			if withLicenses {
				return c.printLicenses()
			}
			if asJSON {
				return json.NewEncoder(c.programs()).Encode(map[string]any{
					"zup_version": version, "platform": runtime.GOOS + "_" + runtime.GOARCH,
					"providers": slices.Sorted(maps.Keys(providers.All())),
				})
			}
			_, err := fmt.Fprintf(c.out, "zup %s on %s_%s\n", version, runtime.GOOS, runtime.GOARCH)
			return err
		},
	}
	cmd.Flags().BoolVar(&withLicenses, "licenses", false, "print what the binary contains, and its licences")
	cmd.Flags().BoolVar(&asJSON, "json", false, "print JSON")
	return cmd
}
