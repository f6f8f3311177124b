package config

import (
	"errors"
	"fmt"
	"io"
	"io/fs"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
)

// MaxFile is the size of the largest file that is read. A configuration of that
// size is a mistake, such as an image with the wrong name.
const MaxFile = 4 << 20

const maxFile = MaxFile

// directory is where a configuration lives. Nothing outside it can be reached
// through it, not by "..", not by an absolute path and not by a symbolic link.
type directory struct {
	path string // as given
	abs  string
	root *os.Root

	mu   sync.Mutex
	read map[string]bool // paths of files that were read
}

func openDirectory(path string) (*directory, error) {
	info, err := os.Stat(path)
	switch {
	case errors.Is(err, fs.ErrNotExist):
		return nil, errors.New("there is no such directory")
	case err != nil:
		return nil, cause(err)
	case !info.IsDir():
		return nil, errors.New("this is a file; name the directory that it is in")
	}
	abs, err := filepath.Abs(path)
	if err != nil {
		return nil, cause(err)
	}
	root, err := os.OpenRoot(path)
	if err != nil {
		return nil, cause(err)
	}
	return &directory{path: path, abs: abs, root: root, read: map[string]bool{}}, nil
}

func (d *directory) close() { d.root.Close() }

// list returns the names in the directory, sorted, but for hidden files and
// what editors leave behind.
func (d *directory) list() ([]string, error) {
	f, err := d.root.Open(".")
	if err != nil {
		return nil, cause(err)
	}
	defer f.Close()
	names, err := f.Readdirnames(-1)
	if err != nil {
		return nil, cause(err)
	}
	names = slices.DeleteFunc(names, func(name string) bool { return strings.HasPrefix(name, ".") })
	slices.Sort(names)
	return names, nil
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

// errDirectory is what readFile returns for a directory.
var errDirectory = errors.New("is a directory")

// readFile reads a regular file of at most maxFile bytes. Its errors have no
// path in them.
func (d *directory) readFile(name string) ([]byte, error) {
	name, err := d.inside(name)
	if err != nil {
		return nil, err
	}
	info, err := d.root.Stat(name)
	switch {
	case err != nil:
		return nil, cause(err)
	case info.IsDir():
		return nil, errDirectory
	case !info.Mode().IsRegular():
		return nil, errors.New("is not a regular file")
	case info.Size() > maxFile:
		return nil, tooLarge(info.Size())
	}
	f, err := d.root.Open(name)
	if err != nil {
		return nil, cause(err)
	}
	defer f.Close()
	d.mu.Lock()
	d.read[filepath.ToSlash(name)] = true
	d.mu.Unlock()
	return readLimited(f)
}

// alsoRead returns the paths of the files that were read and are not called like
// configuration or variable files, sorted.
func (d *directory) alsoRead() []string {
	d.mu.Lock()
	defer d.mu.Unlock()
	return slices.DeleteFunc(slices.Sorted(maps.Keys(d.read)), func(name string) bool {
		return !strings.Contains(name, "/") && isSource(name)
	})
}

// isSource reports whether a file of that name is read without being asked for.
func isSource(name string) bool {
	return slices.ContainsFunc([]string{".zup.hcl", ".zup.json", ".zup.vars", ".zup.vars.json"}, func(end string) bool {
		return strings.HasSuffix(name, end) && !strings.HasPrefix(name, ".")
	})
}

// exists reports whether there is a regular file.
func (d *directory) exists(name string) (bool, error) {
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

// errOutside is what every path gets that leads out of the directory.
var errOutside = errors.New("leads outside the configuration's directory, which is as far as zup reads")

// errMissing is what every path gets where there is nothing.
var errMissing = errors.New("does not exist")

// inside makes a path relative to the directory. An absolute one is fine as long
// as it stays inside.
func (d *directory) inside(name string) (string, error) {
	if filepath.IsAbs(name) {
		rel, err := filepath.Rel(d.abs, name)
		if err != nil {
			return "", errOutside
		}
		name = rel
	}
	name = filepath.Clean(filepath.FromSlash(name))
	if !filepath.IsLocal(name) {
		return "", errOutside
	}
	return name, nil
}

// readOutside reads a file that was named on the command line. Unlike those of
// the directory it may be a pipe.
func readOutside(name string) ([]byte, error) {
	f, err := os.Open(name)
	if err != nil {
		return nil, cause(err)
	}
	defer f.Close()
	if info, err := f.Stat(); err == nil {
		switch {
		case info.IsDir():
			return nil, errors.New("is a directory")
		case info.Mode().IsRegular() && info.Size() > maxFile:
			return nil, tooLarge(info.Size())
		}
	}
	return readLimited(f)
}

func readLimited(r io.Reader) ([]byte, error) {
	text, err := io.ReadAll(io.LimitReader(r, maxFile+1))
	if err != nil {
		return nil, cause(err)
	}
	if len(text) > maxFile {
		return nil, tooLarge(int64(len(text)))
	}
	return text, nil
}

func tooLarge(size int64) error {
	if size < 5<<20 {
		return errors.New("is larger than 4 MB")
	}
	return fmt.Errorf("is %.1f MB; the limit is 4 MB", float64(size)/(1<<20))
}

// cause returns what went wrong without the operation and the path, which the
// message around it names in the user's own words.
func cause(err error) error {
	var perr *fs.PathError
	if !errors.As(err, &perr) {
		return err
	}
	switch {
	case errors.Is(err, fs.ErrNotExist):
		return errMissing
	case strings.Contains(perr.Err.Error(), "escapes"): // os.Root has no exported error for it
		return errOutside
	}
	return fmt.Errorf("can't be read: %w", perr.Err)
}
