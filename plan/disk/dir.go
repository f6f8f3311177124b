package disk

import (
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
)

// Dir is a directory whose content may be anybody's. Names in it are relative to it,
// or absolute and below it; nothing outside can be reached through it, not by "..",
// not by an absolute path and not by a symbolic link.
type Dir struct {
	path string // as given
	abs  string
	root *os.Root
}

// OpenDir opens the directory at path, which may be a link to one. What it can't use
// comes as a *fs.PathError: nothing is there, or ErrIrregular where it is a file.
func OpenDir(path string) (*Dir, error) {
	path = filepath.Clean(path)
	info, err := os.Stat(path)
	if err != nil {
		return nil, at(path, err)
	}
	if !info.IsDir() { // opening a FIFO would wait
		return nil, refused(path, ErrIrregular)
	}
	abs, err := filepath.Abs(path)
	if err != nil {
		return nil, err
	}
	root, err := os.OpenRoot(path)
	if err != nil {
		return nil, at(path, err)
	}
	return &Dir{path, abs, root}, nil
}

// Close closes the directory.
func (d *Dir) Close() error { return d.root.Close() }

// Names lists what is in the directory, sorted.
func (d *Dir) Names() ([]string, error) {
	f, err := d.root.Open(".")
	if err != nil {
		return nil, at(d.path, err)
	}
	defer f.Close()
	names, err := f.Readdirnames(-1)
	slices.Sort(names)
	return names, at(d.path, err)
}

// FS is the directory as a tree to walk. What it opens has no limits: read with Read.
func (d *Dir) FS() fs.FS { return d.root.FS() }

// Inside makes a name relative to the directory, by its text alone. Its error is
// ErrOutside.
func (d *Dir) Inside(name string) (string, error) {
	if filepath.IsAbs(name) {
		rel, err := filepath.Rel(d.abs, name)
		if err != nil {
			return "", refused(name, ErrOutside)
		}
		name = rel
	}
	local := filepath.Clean(filepath.FromSlash(name))
	if !filepath.IsLocal(local) {
		return "", refused(name, ErrOutside)
	}
	return local, nil
}

// Stat follows links as far as they stay in the directory.
func (d *Dir) Stat(name string) (fs.FileInfo, error) {
	name, err := d.Inside(name)
	if err != nil {
		return nil, err
	}
	info, err := d.root.Stat(name)
	return info, at(name, err)
}

// Open opens a regular file. It follows links as far as they stay in the directory,
// and waits for nobody.
func (d *Dir) Open(name string) (*File, error) {
	name, err := d.Inside(name)
	if err != nil {
		return nil, err
	}
	info, err := d.root.Stat(name)
	if err == nil {
		err = readable(info, name)
	}
	if err != nil {
		return nil, at(name, err)
	}
	return d.open(name)
}

func (d *Dir) open(name string) (*File, error) {
	f, err := d.root.OpenFile(name, os.O_RDONLY|waitsForNobody, 0)
	if err != nil {
		return nil, at(name, err)
	}
	return opened(f, name)
}

// Read reads a file that Open opens, of at most limit bytes.
func (d *Dir) Read(name string, limit int64) ([]byte, error) {
	f, err := d.Open(name)
	if err != nil {
		return nil, err
	}
	return f.All(name, limit)
}

// OpenPlain opens a regular file that is not a link itself, whatever the link leads
// to; that is a *LinkError.
func (d *Dir) OpenPlain(name string) (*File, error) {
	name, err := d.Inside(name)
	if err != nil {
		return nil, err
	}
	info, err := d.root.Lstat(name)
	switch {
	case err != nil:
		return nil, at(name, err)
	case info.Mode()&fs.ModeSymlink != 0:
		path := filepath.Join(d.path, name)
		return nil, newLinkError(path, filepath.Join(d.abs, name))
	}
	if err := readable(info, name); err != nil {
		return nil, err
	}
	f, err := d.open(name)
	if err != nil {
		return nil, err
	}
	if got, err := f.Stat(); err != nil || !os.SameFile(info, got) {
		f.Close()
		return nil, errors.Join(refused(name, errReplaced), err)
	}
	return f, nil
}

// ReadPlain reads a file that OpenPlain opens, of at most limit bytes.
func (d *Dir) ReadPlain(name string, limit int64) ([]byte, error) {
	f, err := d.OpenPlain(name)
	if err != nil {
		return nil, err
	}
	return f.All(name, limit)
}
