package main

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"

	"github.com/spf13/cobra"

	"zup/plan/config"
)

// starterFile is what zup init writes.
const starterFile = "main.zup.hcl"

func (c *cli) initCommand() *cobra.Command {
	return &cobra.Command{
		Use:   "init",
		Short: "Write a commented configuration to start from",
		Long: `init writes ` + starterFile + `, a configuration with a comment on everything that
can be said in one. A file that is there already is left alone.`,
		Args: arguments(0, 0),
		RunE: func(*cobra.Command, []string) error {
			dir, err := c.directory()
			if err != nil {
				return err
			}
			for _, pattern := range []string{"*.zup.hcl", "*.zup.json"} {
				if found, _ := filepath.Glob(filepath.Join(dir, pattern)); len(found) > 0 {
					return fail(exitError, "zup validate checks it", "there is a configuration already: %s", found[0])
				}
			}
			path := filepath.Join(dir, starterFile)
			f, err := os.OpenFile(path, os.O_WRONLY|os.O_CREATE|os.O_EXCL, 0o644)
			if errors.Is(err, fs.ErrExist) {
				return fail(exitError, "", "%s is there already", path)
			}
			if err != nil {
				return fail(exitError, "", "write %s: %w", path, err)
			}
			if _, err := f.Write(config.Starter()); err != nil {
				return errors.Join(fail(exitError, "", "write %s: %w", path, err), f.Close())
			}
			if err := f.Close(); err != nil {
				return err
			}
			fmt.Fprintf(c.out, "Wrote %s. Put your own nodes into it, then:\n  zup validate\n  zup plan\n", path)
			return nil
		},
	}
}
