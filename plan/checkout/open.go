package checkout

import (
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"syscall"
)

var (
	errRegular = errors.New("not a regular file")
	errTotal   = errors.New("there is too much to read")
)

// meter counts what one question reads. It is used by one goroutine.
type meter struct {
	ctx  context.Context
	left int64 // bytes
}

// take asks for n more bytes.
func (m *meter) take(n int64) error {
	if m.ctx.Err() != nil {
		return errSlow
	}
	if m.left -= n; m.left < 0 {
		return errTotal
	}
	return nil
}

// folder is a directory that is held open. Names are looked up in it; a link that
// leads out of it leads nowhere.
type folder struct {
	*os.Root
	meter *meter
}

// openFolder opens a directory.
func openFolder(m *meter, path string) (*folder, error) {
	info, err := os.Stat(path) // os.OpenRoot would wait for a FIFO
	if err != nil {
		return nil, err
	}
	if !info.IsDir() {
		return nil, &fs.PathError{Op: "open", Path: path, Err: syscall.ENOTDIR}
	}
	root, err := os.OpenRoot(path)
	if err != nil {
		return nil, err
	}
	return &folder{root, m}, nil
}

// within opens a directory of the folder. It may not be a link, not even to one
// inside.
func (f *folder) within(name string) (*folder, error) {
	info, err := f.Lstat(name)
	if err != nil {
		return nil, err
	}
	if !info.IsDir() {
		return nil, f.fail("open", name, syscall.ENOTDIR)
	}
	root, err := f.OpenRoot(name)
	if err != nil {
		return nil, err
	}
	return &folder{root, f.meter}, nil
}

func (f *folder) fail(op, name string, err error) error {
	return &fs.PathError{Op: op, Path: filepath.Join(f.Name(), name), Err: err}
}

// open opens a regular file of at most so many bytes for reading, without waiting
// for anybody, and not through a link.
func (f *folder) open(name string, limit int64) (*os.File, int64, error) {
	before, err := f.Lstat(name)
	switch {
	case err != nil:
		return nil, 0, f.fail("open", name, cause(err))
	case !before.Mode().IsRegular(): // a device may do something when it is opened
		return nil, 0, f.fail("open", name, errRegular)
	}
	file, err := f.OpenFile(name, os.O_RDONLY|syscall.O_NONBLOCK|syscall.O_NOFOLLOW|syscall.O_NOCTTY, 0)
	if err != nil {
		return nil, 0, f.fail("open", name, cause(err))
	}
	after, err := file.Stat()
	switch {
	case err != nil:
	case !os.SameFile(before, after):
		err = errRegular
	case after.Size() > limit:
		err = fmt.Errorf("larger than %d bytes", limit)
	default:
		return file, after.Size(), nil
	}
	file.Close()
	return nil, 0, f.fail("read", name, cause(err))
}

// read reads a regular file of at most so many bytes.
func (f *folder) read(name string, limit int64) ([]byte, error) {
	file, size, err := f.open(name, limit)
	if err != nil {
		return nil, err
	}
	defer file.Close()
	data := make([]byte, size)
	if _, err := io.ReadFull(f.metered(file), data); err != nil {
		return nil, f.fail("read", name, err)
	}
	return data, nil
}

// cause leaves off the operation and the path.
func cause(err error) error {
	if path := (*fs.PathError)(nil); errors.As(err, &path) {
		return path.Err
	}
	return err
}

// metered is a reader whose bytes count.
func (f *folder) metered(r io.Reader) io.Reader { return &meteredReader{r, f.meter} }

type meteredReader struct {
	r     io.Reader
	meter *meter
}

func (r *meteredReader) Read(p []byte) (int, error) {
	n, err := r.r.Read(p)
	if over := r.meter.take(int64(n)); over != nil {
		return 0, over
	}
	return n, err
}

// readAt fills p from a place of a file.
func (f *folder) readAt(file *os.File, p []byte, at int64) error {
	if err := f.meter.take(int64(len(p))); err != nil {
		return err
	}
	if n, err := file.ReadAt(p, at); n < len(p) {
		return err
	}
	return nil
}
