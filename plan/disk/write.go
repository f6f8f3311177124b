package disk

import (
	"crypto/rand"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"syscall"
)

// Check says whether a file can be written at path as far as that depends on what is
// there: nothing or a regular file, and no link on the way. A *LinkError or a
// *KindError says what stands in the way; whether zup may write there nobody knows
// before it does.
func Check(path string) error {
	p, err := placeOf(path)
	if err != nil {
		return err
	}
	defer p.close()
	_, err = p.look()
	return err
}

// CheckDir says whether a directory that MkdirAll would make, or has made, is reached
// without a link.
func CheckDir(path string) error {
	dir, err := openPlainDir(path)
	if err == nil {
		return dir.Close()
	}
	if errors.Is(err, fs.ErrNotExist) {
		return nil
	}
	return err
}

// OpenPlainDir is OpenDir for a directory of zup's own: neither it nor a directory on
// the way to it may be a link.
func OpenPlainDir(path string) (*Dir, error) {
	root, err := openPlainDir(path)
	if err != nil {
		return nil, err
	}
	abs, err := filepath.Abs(path)
	return &Dir{path, abs, root}, err
}

func openPlainDir(path string) (*os.Root, error) {
	abs, err := filepath.Abs(path)
	if err != nil {
		return nil, err
	}
	return walk(path, abs, nil)
}

// MkdirAll makes a directory and those above it that are missing. One that is there is
// fine, a link to one below a guarded directory is a *LinkError.
func MkdirAll(path string, perm fs.FileMode) error {
	abs, err := filepath.Abs(path)
	if err != nil {
		return err
	}
	dir, err := walk(path, abs, func(mkdir func(fs.FileMode) error) error {
		if err := mkdir(perm); err != nil && !errors.Is(err, fs.ErrExist) {
			return err
		}
		return nil
	})
	if err != nil {
		return err
	}
	return dir.Close()
}

// Create makes a file that must not be there yet, and opens it for writing.
func Create(path string, perm fs.FileMode) (*os.File, error) {
	p, err := placeOf(path)
	if err != nil {
		return nil, err
	}
	defer p.close()
	if info, err := p.look(); err != nil {
		return nil, err
	} else if info != nil {
		return nil, refused(path, syscall.EEXIST)
	}
	f, err := p.dir.OpenFile(p.name, os.O_RDWR|os.O_CREATE|os.O_EXCL, perm)
	return f, p.at(err)
}

// Edit opens a file for reading and writing in place, and empties nothing. With perm
// one that is not there is made; with perm 0 it must be there.
func Edit(path string, perm fs.FileMode) (*os.File, error) {
	p, err := placeOf(path)
	if err != nil {
		return nil, err
	}
	defer p.close()
	info, err := p.look()
	switch {
	case err != nil:
		return nil, err
	case info == nil && perm == 0:
		return nil, refused(path, syscall.ENOENT)
	case info == nil:
		f, err := p.dir.OpenFile(p.name, os.O_RDWR|os.O_CREATE|os.O_EXCL, perm)
		return f, p.at(err)
	}
	f, err := p.dir.OpenFile(p.name, os.O_RDWR|waitsForNobody, 0)
	if err != nil {
		return nil, p.at(err)
	}
	if got, err := f.Stat(); err != nil || !os.SameFile(info, got) {
		f.Close()
		return nil, errors.Join(refused(path, errReplaced), err)
	}
	return f, nil
}

// Replace puts a file with what write writes in the place of the one at path, whole or
// not at all: temporary file beside it, fsync, rename, fsync of the directory. Whoever
// reads path sees the old or the new bytes, and after a power cut too.
func Replace(path string, perm fs.FileMode, write func(io.Writer) error) error {
	p, err := placeOf(path)
	if err != nil {
		return err
	}
	defer p.close()
	if _, err := p.look(); err != nil {
		return err
	}
	f, name, err := p.temporary()
	if err != nil {
		return err
	}
	err = write(f)
	if err == nil && perm != 0o600 {
		err = f.Chmod(perm)
	}
	if err == nil {
		err = f.Sync()
	}
	if err = errors.Join(err, f.Close()); err == nil {
		err = p.rename(name)
	}
	if err != nil {
		p.dir.Remove(name)
		return p.at(err)
	}
	return p.sync()
}

// ReplaceBy is Replace for what is in memory.
func ReplaceBy(path string, perm fs.FileMode, data []byte) error {
	return Replace(path, perm, func(w io.Writer) error {
		_, err := w.Write(data)
		return err
	})
}

// Rewrite is ReplaceBy for a file that is there and keeps its mode.
func Rewrite(path string, data []byte) error {
	p, err := placeOf(path)
	if err != nil {
		return err
	}
	info, err := p.look()
	p.close()
	switch {
	case err != nil:
		return err
	case info == nil:
		return refused(path, syscall.ENOENT)
	}
	return ReplaceBy(path, info.Mode().Perm(), data)
}

// temporary makes a file beside the place, mode 0600.
func (p *place) temporary() (*os.File, string, error) {
	for {
		name := fmt.Sprintf(".%s.%s", p.name, rand.Text()[:10])
		f, err := p.dir.OpenFile(name, os.O_RDWR|os.O_CREATE|os.O_EXCL, 0o600)
		if !errors.Is(err, fs.ErrExist) {
			return f, name, p.at(err)
		}
	}
}

// rename gives a file beside the place its name. What became a link in this very
// moment is replaced by it: rename follows none.
func (p *place) rename(from string) error {
	err := p.dir.Rename(from, p.name)
	var link *os.LinkError
	if errors.As(err, &link) {
		return refused(p.path, link.Err)
	}
	return err
}

func (p *place) sync() error {
	d, err := p.dir.Open(".")
	if err != nil {
		return p.at(err)
	}
	defer d.Close()
	return p.at(d.Sync())
}

// Sync has the names in the directory of a file be on the disk.
func Sync(path string) error {
	p, err := placeOf(path)
	if err != nil {
		return err
	}
	defer p.close()
	return p.sync()
}

// Keep gives the file at path a second name beside it, in the place of what had that
// name. Its error may be that the file system has no hard links.
func Keep(path, name string) error {
	p, err := placeOf(path)
	if err != nil {
		return err
	}
	defer p.close()
	to := &place{name, p.dir, filepath.Base(name)}
	for _, one := range []*place{p, to} {
		if _, err := one.look(); err != nil {
			return err
		}
	}
	temporary := to.name + ".new"
	p.dir.Remove(temporary)
	if err := p.dir.Link(p.name, temporary); err != nil {
		return err
	}
	return to.rename(temporary)
}

// Remove removes a file. Of a link it removes the link.
func Remove(path string) error {
	p, err := placeOf(path)
	if err != nil {
		return err
	}
	defer p.close()
	return p.at(p.dir.Remove(p.name))
}

// Unnamed makes a file in a directory that has no name there: it is gone once it is
// closed, whatever happens to zup.
func Unnamed(dir string) (*os.File, error) {
	p, err := placeOf(filepath.Join(dir, "room"))
	if err != nil {
		return nil, err
	}
	defer p.close()
	f, name, err := p.temporary()
	if err != nil {
		return nil, err
	}
	if err := p.dir.Remove(name); err != nil {
		f.Close()
		return nil, p.at(err)
	}
	return f, nil
}
