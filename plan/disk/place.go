package disk

import (
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"syscall"
)

// place is where a file is or will be: its directory, held open, and its name there.
// Whatever becomes of the path meanwhile, it stays that directory.
type place struct {
	path string // as given
	dir  *os.Root
	name string
}

// placeOf finds the directory of a path without following a link below a guarded one.
func placeOf(path string) (*place, error) {
	abs, err := filepath.Abs(path)
	if err != nil {
		return nil, err
	}
	if os.IsPathSeparator(path[len(path)-1]) || filepath.Dir(abs) == abs {
		return nil, refused(path, ErrDirectory)
	}
	dir, err := walk(path, filepath.Dir(abs), nil)
	if err != nil {
		return nil, err
	}
	return &place{path, dir, filepath.Base(abs)}, nil
}

func (p *place) close() error { return p.dir.Close() }

// at makes an error of the file system one about the path.
func (p *place) at(err error) error { return at(p.path, err) }

// look says what is there, or nil for nothing. What is not a regular file is an
// error.
func (p *place) look() (fs.FileInfo, error) {
	info, err := p.dir.Lstat(p.name)
	switch {
	case errors.Is(err, fs.ErrNotExist):
		return nil, nil
	case err != nil:
		return nil, p.at(err)
	case isLink(info):
		abs, _ := filepath.Abs(p.path)
		return nil, newLinkError(p.path, abs)
	case !info.Mode().IsRegular():
		return nil, &KindError{Path: p.path, Mode: info.Mode()}
	}
	return info, nil
}

// maker makes a directory that is missing; nil: nothing is made.
type maker func(mkdir func(fs.FileMode) error) error

// walk opens an absolute directory on the way to path. Above the guarded directories
// it follows links, as everybody does; from there on it goes from one open directory
// to the next, and none of them can be exchanged for a link on the way. What is
// missing it makes with missing, if that is not nil.
func walk(path, abs string, missing maker) (*os.Root, error) {
	walls := walls()
	real := filepath.VolumeName(abs) + string(filepath.Separator)
	rest := parts(abs)
	for ; len(rest) > 0 && around(walls, real) == ""; rest = rest[1:] {
		next := filepath.Join(real, rest[0])
		found, err := filepath.EvalSymlinks(next)
		if errors.Is(err, fs.ErrNotExist) && missing != nil {
			err = missing(func(perm fs.FileMode) error { return os.Mkdir(next, perm) })
			found = next
		}
		if err != nil {
			return nil, at(path, err)
		}
		real = found
	}
	dir, err := openRoot(real)
	if err != nil {
		return nil, at(path, err)
	}
	for i, name := range rest {
		next, err := step(dir, name, missing)
		var link *LinkError
		if errors.As(err, &link) {
			err = newLinkError(path, filepath.Join(real, filepath.Join(rest[:i+1]...)))
		}
		dir.Close()
		if err != nil {
			return nil, at(path, err)
		}
		dir = next
	}
	return dir, nil
}

// openRoot opens a directory; a FIFO in its place would keep it waiting.
func openRoot(path string) (*os.Root, error) {
	info, err := os.Stat(path)
	switch {
	case err != nil:
		return nil, err
	case !info.IsDir():
		return nil, refused(path, syscall.ENOTDIR)
	}
	return os.OpenRoot(path)
}

// step opens a directory in a directory; a link to one is a *LinkError.
func step(dir *os.Root, name string, missing maker) (*os.Root, error) {
	info, err := dir.Lstat(name)
	if errors.Is(err, fs.ErrNotExist) && missing != nil {
		if err = missing(func(perm fs.FileMode) error { return dir.Mkdir(name, perm) }); err == nil {
			info, err = dir.Lstat(name)
		}
	}
	switch {
	case err != nil:
		return nil, err
	case isLink(info):
		return nil, &LinkError{}
	case !info.IsDir():
		return nil, refused(name, syscall.ENOTDIR)
	}
	next, err := dir.OpenRoot(name)
	if err != nil {
		return nil, err
	}
	if got, err := next.Stat("."); err != nil || !os.SameFile(info, got) {
		next.Close()
		return nil, errors.Join(refused(name, errReplaced), err)
	}
	return next, nil
}
