package main

import (
	"errors"
	"fmt"
	"io/fs"
	"path/filepath"
	"strings"

	"github.com/spf13/cobra"

	"zup/plan/disk"
	"zup/plan/escape"
	"zup/providers"
)

// starterFile is what zup init writes.
const starterFile = "main.zup.hcl"

func (c *cli) initCommand() *cobra.Command {
	var from string
	var ask bool
	cmd := &cobra.Command{
		Use:   "init",
		Short: "Write a configuration to start from, commented or read from a live node",
		Long: `init writes ` + starterFile + `, a configuration with a comment on everything that
can be said in one. A file that is there already is left alone.

With -from it reads a live node and its peer, changes nothing on them, and writes
the configuration that describes them: their host keys pinned, and a probe for each
farm that is up. "zup plan" on it says that there are no changes. A host that
known_hosts does not have yet is an error, as everywhere.`,
		Args: arguments(0, 0),
		RunE: func(cmd *cobra.Command, _ []string) error {
			dir, err := c.directory()
			if err != nil {
				return err
			}
			path, err := c.vacant(dir)
			if err != nil {
				return err
			}
			if from == "" {
				return c.writeConfiguration(path, providers.Starter(), "Put your own nodes into it, then:\n  zup validate\n  zup plan")
			}
			found, err := c.discover(cmd.Context(), from, ask)
			if err != nil {
				return err
			}
			text, err := found.describe()
			if err != nil {
				return err
			}
			return c.writeConfiguration(path, text, "It describes what is there.\nTo see that, and then to update:\n  zup plan\n  change version, and zup plan again")
		},
	}
	cmd.Flags().StringVar(&from, "from", "", "read it from a live node and its peer, at `[user@]host[:port]`")
	cmd.Flags().BoolVar(&ask, "input", true, "ask for what is missing, such as the passphrase of a key")
	return cmd
}

// vacant returns where a configuration can be written, if there is none.
func (c *cli) vacant(dir string) (string, error) {
	d, err := disk.OpenDir(dir)
	if err != nil {
		return "", fail(exitError, "", "directory %q: %w", dir, err)
	}
	defer d.Close()
	names, err := d.Names()
	if err != nil {
		return "", fail(exitError, "", "directory %q: %w", dir, err)
	}
	for _, end := range []string{".zup.hcl", ".zup.json"} {
		for _, name := range names {
			if strings.HasSuffix(name, end) {
				return "", fail(exitError, "zup validate checks it", "there is a configuration already: %s", filepath.Join(dir, name))
			}
		}
	}
	path := filepath.Join(dir, starterFile)
	return path, unwritten(path, disk.Check(path))
}

func (c *cli) writeConfiguration(path string, text []byte, next string) error {
	f, err := disk.Create(path, 0o644)
	if errors.Is(err, fs.ErrExist) {
		return fail(exitError, "", "%s is there already", path)
	}
	if err != nil {
		return unwritten(path, err)
	}
	if _, err := f.Write(text); err != nil {
		return errors.Join(unwritten(path, err), f.Close())
	}
	if err := f.Close(); err != nil {
		return err
	}
	fmt.Fprintf(c.out, "Wrote %s. %s\n", escape.Name(path), next)
	return nil
}

func unwritten(path string, err error) error {
	if err == nil {
		return nil
	}
	return fail(exitError, hintOf(disk.Own(err)), "write %s: %w", path, err)
}
