package main

import (
	"archive/tar"
	"cmp"
	"compress/gzip"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"runtime"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"zup/plan/disk"
	"zup/plan/escape"
	"zup/plan/name"
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
	case len(args) == 1 && name.Run(args[0]):
		return args[0], nil
	case len(args) == 1:
		return "", usagef("zup state prints the last run of each cluster", "%q is not the name of a run", args[0])
	case s == nil || len(s.Applied) == 0:
		return "", fail(exitError, "", "nothing was applied here: there is no run")
	}
	return s.Applied[len(s.Applied)-1].Run, nil
}

// bundle writes the archive. One that is there already is not touched.
func (c *cli) bundle(dir, run, statePath, out string) (err error) {
	folder, err := disk.OpenPlainDir(runFolder(dir, run))
	if err != nil {
		hint := "zup state prints the last run of each cluster"
		var link *disk.LinkError
		if errors.As(err, &link) {
			hint = "what a link leads to is not packed"
		}
		return fail(exitError, hint, "run %s can't be packed: %w", run, err)
	}
	defer folder.Close()
	f, err := disk.Create(out, 0o600)
	if err != nil {
		return fail(exitError, cmp.Or(linkHint(err, "-out"), "give another name: -out FILE"), "write the archive: %w", err)
	}
	zipped := gzip.NewWriter(f)
	b := &bundle{tar.NewWriter(zipped), "zup-" + run, c.now(), 0}
	err = errors.Join(b.folder(folder), b.optional(statePath, "zup.state.json"),
		b.text("version.txt", fmt.Sprintf("zup %s, %s, %s/%s\n", version, runtime.Version(), runtime.GOOS, runtime.GOARCH)))
	err = errors.Join(err, b.w.Close(), zipped.Close(), f.Sync(), f.Close())
	if err != nil {
		disk.Remove(out)
		return fail(exitError, linkHint(err, "-state"), "write the archive %s: %w", out, err)
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

// folder adds every regular file below a directory. What a link leads to is somebody
// else's.
func (b *bundle) folder(dir *disk.Dir) error {
	return fs.WalkDir(dir.FS(), ".", func(name string, e fs.DirEntry, err error) error {
		if err != nil || !e.Type().IsRegular() {
			return err
		}
		f, err := dir.OpenPlain(name)
		if err != nil {
			return err
		}
		return b.file(f, name)
	})
}

// optional adds a file under another name, if it is there.
func (b *bundle) optional(from, name string) error {
	err := disk.Check(from)
	var f *disk.File
	if err == nil {
		f, err = disk.Open(from)
	}
	if errors.Is(err, fs.ErrNotExist) {
		return nil
	}
	if err != nil {
		return err
	}
	return b.file(f, name)
}

// file adds a file as long as it was when it was opened: one of a run that goes on
// grows. It closes it.
func (b *bundle) file(f *disk.File, name string) error {
	defer f.Close()
	info, err := f.Stat()
	if err != nil {
		return err
	}
	return b.add(name, f.Size(), info.ModTime(), f)
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
