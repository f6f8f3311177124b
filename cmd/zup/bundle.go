package main

import (
	"archive/tar"
	"compress/gzip"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path"
	"path/filepath"
	"runtime"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"zup/plan/escape"
	"zup/plan/state"
)

func (c *cli) bundleCommand() *cobra.Command {
	var f stateFlags
	var out string
	cmd := &cobra.Command{
		Use:   "support-bundle [RUN]",
		Short: "Pack what is known of a run, for a ticket",
		Long: `support-bundle packs the files of a run into one archive: the plan that was carried
out, the journal, the report, and the transcript of each action with what was sent
and what came back; besides them the state file and zup's version. It asks no node.

No key, password or licence is in any of these files. Names and addresses of your
nodes are, and whatever the nodes have printed: look before you send it.`,
		Args: arguments(0, 1),
		RunE: func(_ *cobra.Command, args []string) error {
			dir, err := c.directory()
			if err != nil {
				return err
			}
			run, err := c.lastRun(f.file(dir), args)
			if err != nil {
				return err
			}
			if out == "" {
				out = "zup-" + run + ".tar.gz"
			}
			return c.bundle(dir, run, f.file(dir), out)
		},
	}
	f.add(cmd, false)
	cmd.Flags().StringVar(&out, "out", "", "write the archive to this `file`")
	return cmd
}

// lastRun is the run that is asked for, or the last one of a state file.
func (c *cli) lastRun(statePath string, args []string) (string, error) {
	s, err := state.Read(statePath)
	switch {
	case err != nil && len(args) == 0:
		return "", err
	case len(args) == 1 && fs.ValidPath(args[0]) && path.Base(args[0]) == args[0] && args[0] != ".":
		return args[0], nil
	case len(args) == 1:
		return "", usagef("zup state prints the last run of each cluster", "%q is no name of a run", args[0])
	case s == nil || len(s.Applied) == 0:
		return "", fail(exitError, "", "nothing was applied here: there is no run")
	}
	return s.Applied[len(s.Applied)-1].Run, nil
}

// bundle writes the archive. One that is there already is not touched.
func (c *cli) bundle(dir, run, statePath, out string) (err error) {
	folder := runFolder(dir, run)
	if _, err := os.Stat(folder); err != nil {
		return fail(exitError, "zup state prints the last run of each cluster", "run %s can't be packed: %w", run, err)
	}
	f, err := os.OpenFile(out, os.O_WRONLY|os.O_CREATE|os.O_EXCL, 0o600)
	if err != nil {
		return fail(exitError, "give another name: -out FILE", "write the archive: %w", err)
	}
	zipped := gzip.NewWriter(f)
	b := &bundle{tar.NewWriter(zipped), "zup-" + run, c.now(), 0}
	err = errors.Join(b.folder(folder), b.optional(statePath, "zup.state.json"),
		b.text("version.txt", fmt.Sprintf("zup %s, %s, %s/%s\n", version, runtime.Version(), runtime.GOOS, runtime.GOARCH)))
	err = errors.Join(err, b.w.Close(), zipped.Close(), f.Sync(), f.Close())
	if err != nil {
		os.Remove(out)
		return fail(exitError, "", "write the archive %s: %w", out, err)
	}
	fmt.Fprintf(c.out, "%s has %s of run %s. Names and addresses of your nodes are in it: look before you send it.\n", escape.Name(out), counted(b.files, "file", "files"), escape.Name(run))
	return nil
}

// bundle is an archive that is being written.
type bundle struct {
	w     *tar.Writer
	name  string // of the folder in it
	now   time.Time
	files int
}

// folder adds every regular file below a directory.
func (b *bundle) folder(dir string) error {
	return filepath.WalkDir(dir, func(path string, e fs.DirEntry, err error) error {
		if err != nil || !e.Type().IsRegular() {
			return err
		}
		name, err := filepath.Rel(dir, path)
		if err != nil {
			return err
		}
		return b.file(path, filepath.ToSlash(name))
	})
}

func (b *bundle) optional(from, name string) error {
	if err := b.file(from, name); !errors.Is(err, fs.ErrNotExist) {
		return err
	}
	return nil
}

// file adds a file as long as it is when it is begun: one of a run that goes on
// grows.
func (b *bundle) file(from, name string) error {
	f, err := os.Open(from)
	if err != nil {
		return err
	}
	defer f.Close()
	info, err := f.Stat()
	if err != nil {
		return err
	}
	return b.add(name, info.Size(), info.ModTime(), io.LimitReader(f, info.Size()))
}

func (b *bundle) text(name, text string) error {
	return b.add(name, int64(len(text)), b.now, strings.NewReader(text))
}

func (b *bundle) add(name string, size int64, changed time.Time, r io.Reader) error {
	b.files++
	err := b.w.WriteHeader(&tar.Header{Name: b.name + "/" + name, Mode: 0o600, Size: size, ModTime: changed, Format: tar.FormatPAX})
	if err == nil {
		_, err = io.Copy(b.w, r)
	}
	return err
}
