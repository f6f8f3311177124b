package main

import (
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"maps"
	"path/filepath"
	"slices"

	"zup/plan"
	"zup/plan/config"
	"zup/plan/disk"
)

// maxCommandFile is the size of the largest file whose digest a plan has because a
// command names it, in bytes.
const maxCommandFile = 64 << 20

// commandFiles finds what the clusters' commands name that run where zup runs, in the
// configuration's directory. What is not there is an argument like any other.
func commandFiles(dir string, clusters []*config.Cluster) ([]plan.CommandFile, error) {
	names := map[string]bool{}
	for _, c := range clusters {
		if c.Snapshot == nil {
			continue
		}
		for _, argv := range []config.Argv{c.Snapshot.Create, c.Snapshot.Restore, c.Snapshot.Delete, c.Snapshot.List} {
			for i := range c.Nodes {
				if len(argv) == 0 {
					continue
				}
				// A snapshot has no name yet, and none is that of a file.
				for _, name := range plan.Named(argv.Expand(c.Nodes[i].Name, "{name}")) {
					names[name] = true
				}
			}
		}
	}
	if len(names) == 0 {
		return nil, nil
	}
	d, err := disk.OpenDir(dir)
	if err != nil {
		return nil, fail(exitError, "", "directory %q: %w", dir, err)
	}
	defer d.Close()
	var found []plan.CommandFile
	for _, name := range slices.Sorted(maps.Keys(names)) {
		if f, ok := commandFile(d, dir, name); ok {
			found = append(found, f)
		}
	}
	return found, nil
}

// commandFile looks at one name. It is not ok if there is nothing under it.
func commandFile(d *disk.Dir, dir, name string) (plan.CommandFile, bool) {
	f := plan.CommandFile{Path: name}
	path := name
	if !filepath.IsAbs(path) {
		path = filepath.Join(dir, name)
	}
	info, err := disk.Stat(path)
	switch {
	case err != nil:
		return f, false
	case info.IsDir():
		f.Uncovered = "a directory, and what is in it may change"
		return f, name != "" && name != "." && name != "/"
	}
	if _, err := d.Inside(name); err != nil {
		f.Uncovered = "a file outside of the configuration's directory"
		return f, true
	}
	if f.SHA256, err = digestIn(d, name); err != nil {
		f.SHA256, f.Uncovered = "", err.Error()
	}
	return f, true
}

var errLarge = fmt.Errorf("larger than %d MB", maxCommandFile>>20)

// digestIn returns the SHA-256 of a regular file of the directory, hex.
func digestIn(d *disk.Dir, name string) (string, error) {
	f, err := d.Open(name)
	if err != nil {
		var place *fs.PathError
		if errors.As(err, &place) {
			err = place.Err
		}
		return "", err
	}
	defer f.Close()
	h := sha256.New()
	n, err := io.Copy(h, io.LimitReader(f, maxCommandFile+1))
	switch {
	case err != nil:
		return "", err
	case n > maxCommandFile:
		return "", errLarge
	}
	return hex.EncodeToString(h.Sum(nil)), nil
}

// digest returns what compares a file that a command names with the plan.
func digest(dir string) func(name string) (string, error) {
	return func(name string) (string, error) {
		d, err := disk.OpenDir(dir)
		if err != nil {
			return "", err
		}
		defer d.Close()
		return digestIn(d, name)
	}
}
