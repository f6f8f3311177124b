package main

import (
	"fmt"
	"io"
	"path/filepath"
	"strings"

	"github.com/spf13/cobra"
	"github.com/spf13/cobra/doc"

	"zup/plan/disk"
	"zup/plan/escape"
)

func (c *cli) manCommand() *cobra.Command {
	return &cobra.Command{
		Use:   "man DIRECTORY",
		Short: "Write manual pages into a directory",
		Long:  `man writes a manual page for every command: man -l DIRECTORY/zup-plan.1`,
		Args:  arguments(1, 1),
		RunE: func(cmd *cobra.Command, args []string) error {
			cmd.Root().DisableAutoGenTag = true
			err := disk.Named("zup man", disk.MkdirAll(args[0], 0o755))
			if err == nil {
				err = disk.Own(writeManuals(cmd.Root(), args[0]))
			}
			if err != nil {
				return fail(exitError, hintOf(err), "write manual pages: %w", err)
			}
			fmt.Fprintf(c.out, "Wrote manual pages to %s.\n", escape.Name(args[0]))
			return nil
		},
	}
}

// writeManuals writes the page of a command and those of the commands below it.
func writeManuals(cmd *cobra.Command, dir string) error {
	for _, below := range cmd.Commands() {
		if below.IsAvailableCommand() && !below.IsAdditionalHelpTopicCommand() {
			if err := writeManuals(below, dir); err != nil {
				return err
			}
		}
	}
	path := filepath.Join(dir, strings.ReplaceAll(cmd.CommandPath(), " ", "-")+".1")
	return disk.Replace(path, 0o644, func(w io.Writer) error {
		return doc.GenMan(cmd, &doc.GenManHeader{Title: "ZUP", Section: "1", Source: "zup " + version, Manual: "zup"}, w)
	})
}
