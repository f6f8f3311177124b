package main

import (
	"fmt"
	"os"

	"github.com/spf13/cobra"
	"github.com/spf13/cobra/doc"

	"zup/plan/escape"
)

func (c *cli) manCommand() *cobra.Command {
	return &cobra.Command{
		Use:   "man DIRECTORY",
		Short: "Write manual pages into a directory",
		Long:  `man writes a manual page for every command: man -l DIRECTORY/zup-plan.1`,
		Args:  arguments(1, 1),
		RunE: func(cmd *cobra.Command, args []string) error {
			if err := os.MkdirAll(args[0], 0o755); err != nil {
				return err
			}
			cmd.Root().DisableAutoGenTag = true
			if err := doc.GenManTree(cmd.Root(), &doc.GenManHeader{Title: "ZUP", Section: "1", Source: "zup " + version, Manual: "zup"}, args[0]); err != nil {
				return err
			}
			fmt.Fprintf(c.out, "Wrote manual pages to %s.\n", escape.Name(args[0]))
			return nil
		},
	}
}
