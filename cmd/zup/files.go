package main

import (
	"bytes"
	"errors"
	"io/fs"
	"path/filepath"

	"zup/plan/config"
	"zup/plan/disk"
	"zup/plan/shell"
)

// readSource reads a configuration file for fmt. What a link in its directory leads to
// outside is nobody's business here.
func readSource(path string) ([]byte, error) {
	disk.Guard(filepath.Dir(path))
	text, err := disk.ReadHere(path, disk.MaxText)
	if err == nil {
		return text, nil
	}
	var link *disk.LinkError
	if errors.Is(err, disk.ErrOutside) && errors.As(disk.Check(path), &link) {
		err = link
	}
	return nil, fail(exitError, linkHint(err, "zup fmt"), "read configuration: %w", err)
}

// rewritable refuses links to what would be rewritten, before anything is.
func rewritable(files []string) error {
	for _, path := range files {
		var link *disk.LinkError
		if !errors.As(disk.Check(path), &link) {
			continue
		}
		text, err := readSource(path)
		if err != nil {
			return err
		}
		if out, _ := config.Format(text, path); !bytes.Equal(text, out) {
			return fail(exitError, linkHint(link, "zup fmt"), "format: %w; no file was rewritten", link)
		}
	}
	return nil
}

// linkHint says what to type instead of a link, or what else an error advises. The
// name is given with an option, as in "-out", or to a command, as in "zup fmt".
func linkHint(err error, how string) string { return hintOf(disk.Named(how, err)) }

// chdirHint is for a link that is -chdir itself or on the way to it: another -state
// would not help then. Otherwise it is empty.
func (c *cli) chdirHint(err error) string {
	var link *disk.LinkError
	if c.chdir == "" || !errors.As(err, &link) || !link.IsOnTheWayTo(c.chdir) {
		return ""
	}
	return "remove the link, or name what it leads to: -chdir=" + shell.Quote(disk.Leads(c.chdir))
}

// placeForPlan refuses, before a node is asked, a place where no plan is written.
func placeForPlan(out string) error {
	if out == "" {
		return nil
	}
	if disk.IsDescriptor(out) {
		return fail(exitError, "zup plan -out FILE, and zup show -json FILE prints it", "write plan: %s is a stream, and a plan is written to a regular file; no node was asked", out)
	}
	err := disk.Check(out)
	if err == nil || errors.Is(err, fs.ErrNotExist) { // what can't be made is said when it is
		return nil
	}
	return fail(exitError, linkHint(err, "-out"), "write plan: %w; no node was asked", err)
}

// placeForSignature refuses, before anything is signed, a place that is elsewhere than
// the plan's name says.
func placeForSignature(path, file string) error {
	err := disk.Check(file)
	if err == nil {
		return nil
	}
	hint := hintOf(disk.Own(err))
	var link *disk.LinkError
	if errors.As(disk.Check(path), &link) && link.Link != filepath.Clean(path) { // a directory on the way to both
		hint = linkHint(link, "zup approve")
	}
	return fail(exitError, hint, "write approval: %w; nothing was signed", err)
}

// placeForRuns refuses, before anything is locked, a folder of runs that is not here.
func placeForRuns(dir string) error {
	if err := disk.CheckDir(runFolder(dir, "")); err != nil {
		return fail(exitError, hintOf(disk.Own(err)), "keep the run: %w; nothing was changed", err)
	}
	return nil
}

// readInside reads a file that the configuration in dir names.
func readInside(dir, name string) ([]byte, error) {
	d, err := disk.OpenDir(dir)
	if err != nil {
		return nil, err
	}
	defer d.Close()
	return d.Read(filepath.FromSlash(name), disk.MaxText)
}
