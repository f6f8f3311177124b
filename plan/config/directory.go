package config

import (
	"cmp"
	"errors"
	"fmt"
	"io/fs"
	"maps"
	"path/filepath"
	"slices"
	"strings"
	"sync"

	"zup/plan/disk"
)

// maxFile is the size of the largest file that is read. A configuration of that
// size is a mistake, such as an image with the wrong name.
const maxFile = disk.MaxText

// directory is where a configuration lives. Nothing outside it can be reached
// through it, not by "..", not by an absolute path and not by a symbolic link.
type directory struct {
	path string // as given
	root *disk.Dir

	mu   sync.Mutex
	read map[string]bool // paths of files that were read
	questions
}

func openDirectory(path string) (*directory, error) {
	root, err := disk.OpenDir(path)
	switch {
	case errors.Is(err, fs.ErrNotExist):
		return nil, errors.New("there is no such directory")
	case errors.Is(err, disk.ErrIrregular):
		return nil, errors.New("this is a file; name the directory that it is in")
	case err != nil:
		return nil, cause(err)
	}
	return &directory{path: path, root: root, read: map[string]bool{}}, nil
}

func (d *directory) close() {
	if d.root != nil {
		d.root.Close()
	}
}

// list returns the names in the directory, sorted, but for hidden files and
// what editors leave behind.
func (d *directory) list() ([]string, error) {
	names, err := d.root.Names()
	if err != nil {
		return nil, cause(err)
	}
	return slices.DeleteFunc(names, func(name string) bool { return strings.HasPrefix(name, ".") }), nil
}

// Sources returns the names of the files of a directory that Load reads in HCL's
// native syntax: configuration and variable files, sorted.
func Sources(dir string) ([]string, error) {
	d, err := openDirectory(dir)
	if err != nil {
		return nil, err
	}
	defer d.close()
	names, err := d.list()
	if err != nil {
		return nil, err
	}
	return slices.DeleteFunc(names, func(name string) bool {
		if !strings.HasSuffix(name, ".zup.hcl") && !strings.HasSuffix(name, ".zup.vars") {
			return true
		}
		info, err := d.root.Stat(name)
		return err == nil && info.IsDir()
	}), nil
}

// readFile answers what is in a file, for an expression or an argument that names it.
func (d *directory) readFile(name string) ([]byte, error) {
	q, err := d.ask(Question{About: AskedText, Path: name}, func(q *Question) error {
		content, err := d.readOwn(name)
		if err != nil {
			return err
		}
		q.setText(content)
		if at, err := d.inside(name); err == nil && at != name {
			q.At = filepath.ToSlash(at)
		}
		return nil
	})
	if err != nil {
		return nil, err
	}
	return q.content()
}

// at returns the path of a file that readFile has read, relative to the directory and
// with slashes.
func (d *directory) at(name string) string {
	q, _ := d.ask(Question{About: AskedText, Path: name}, func(*Question) error { return errNotRecorded })
	return cmp.Or(q.At, filepath.ToSlash(name))
}

// readOwn reads a regular file of at most maxFile bytes. Its errors have no path in
// them.
func (d *directory) readOwn(name string) ([]byte, error) {
	name, err := d.inside(name)
	if err != nil {
		return nil, err
	}
	text, err := d.root.Read(name, maxFile)
	if !errors.Is(err, fs.ErrNotExist) {
		d.mu.Lock()
		d.read[filepath.ToSlash(name)] = true
		d.mu.Unlock()
	}
	return text, cause(err)
}

// alsoRead returns the paths of the files that were read and are not called like
// configuration or variable files, sorted.
func (d *directory) alsoRead() []string {
	d.mu.Lock()
	defer d.mu.Unlock()
	return slices.DeleteFunc(slices.Sorted(maps.Keys(d.read)), func(name string) bool {
		return !strings.Contains(name, "/") && IsSource(name)
	})
}

// IsSource reports whether Load reads a file of that name in a configuration's
// directory without being asked for it by an expression.
func IsSource(name string) bool {
	return slices.ContainsFunc([]string{".zup.hcl", ".zup.json", ".zup.vars", ".zup.vars.json"}, func(end string) bool {
		return strings.HasSuffix(name, end) && !strings.HasPrefix(name, ".")
	})
}

// isConfiguration reports whether a file of that name holds blocks.
func isConfiguration(name string) bool {
	return strings.HasSuffix(name, ".zup.hcl") || strings.HasSuffix(name, ".zup.json")
}

// exists answers whether there is a regular file.
func (d *directory) exists(name string) (bool, error) {
	q, err := d.ask(Question{About: AskedExists, Path: name}, func(q *Question) (err error) {
		q.Exists, err = d.isThere(name)
		return err
	})
	return q.Exists, err
}

func (d *directory) isThere(name string) (bool, error) {
	name, err := d.inside(name)
	if err != nil {
		return false, err
	}
	info, err := d.root.Stat(name)
	switch {
	case errors.Is(err, fs.ErrNotExist):
		return false, nil
	case err != nil:
		return false, cause(err)
	case info.IsDir():
		return false, errDirectory
	}
	return info.Mode().IsRegular(), nil
}

// What is wrong with a path, without the path.
var (
	errOutside   = errors.New("leads outside the configuration's directory, which is as far as zup reads")
	errMissing   = errors.New("does not exist")
	errDirectory = disk.ErrDirectory
)

// inside makes a path relative to the directory. An absolute one is fine as long
// as it stays inside.
func (d *directory) inside(name string) (string, error) {
	name, err := d.root.Inside(name)
	return name, cause(err)
}

// readOutside reads a file that was named on the command line. If it lies in a
// directory that anybody may have put links into, none leads out of that.
func readOutside(name string) ([]byte, error) {
	text, err := disk.ReadHere(name, maxFile)
	switch {
	case errors.Is(err, disk.ErrOutside):
		return nil, errors.New("leads outside the directory that it is in; name what it leads to")
	case errors.Is(err, disk.ErrDirectory):
		return nil, errors.New("is a directory") // and not errDirectory: one of that name was asked for
	case errors.Is(err, disk.ErrIrregular):
		return nil, errors.New("is not a regular file, and no pipe is read; write the values into a file, or give each as ZUP_VAR_name in the environment")
	}
	return text, cause(err)
}

// cause returns what went wrong without the operation and the path, which the
// message around it names in the user's own words.
func cause(err error) error {
	var perr *fs.PathError
	if !errors.As(err, &perr) {
		return err
	}
	var size *disk.SizeError
	switch {
	case errors.Is(err, fs.ErrNotExist):
		return errMissing
	case errors.Is(err, disk.ErrOutside):
		return errOutside
	case errors.Is(err, disk.ErrDirectory), errors.Is(err, disk.ErrIrregular), errors.As(err, &size):
		return perr.Err
	}
	return fmt.Errorf("can't be read: %w", perr.Err)
}
