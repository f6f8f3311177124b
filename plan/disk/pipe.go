package disk

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"
)

// Pipe opens a pipe or a device for writing. It waits for nobody: a pipe that nobody
// reads from is an error. Like what Edit opens it is reached through no link.
func Pipe(path string) (*os.File, error) {
	p, err := placeOf(path)
	if err != nil {
		return nil, err
	}
	defer p.close()
	_, err = p.look()
	var kind *KindError
	if !errors.As(err, &kind) || !kind.IsPipe() {
		return nil, errors.Join(err, refused(path, errors.New("is neither a pipe nor a device")))
	}
	info, err := p.dir.Lstat(p.name)
	if err != nil {
		return nil, p.at(err)
	}
	f, err := p.dir.OpenFile(p.name, os.O_WRONLY|waitsForNobody, 0)
	switch {
	case errors.Is(err, syscall.ENXIO):
		return nil, refused(path, errors.New("nobody reads from this pipe; start its reader first"))
	case err != nil:
		return nil, p.at(err)
	}
	if got, err := f.Stat(); err != nil || !os.SameFile(info, got) {
		f.Close()
		return nil, errors.Join(refused(path, errReplaced), err)
	}
	return f, nil
}

// Descriptor returns what zup was started with under the descriptor that a path such
// as /dev/fd/3 or /dev/stderr names; ok is false for every other path. There are links
// under these names, and none of them is followed: what they would lead to is open.
func Descriptor(path string) (f *os.File, ok bool, err error) {
	path = filepath.Clean(path)
	number, named := descriptor(path)
	if !named {
		return nil, false, nil
	}
	f, err = duplicate(number, path)
	if err != nil {
		return nil, true, &fs.PathError{Op: "open", Path: path, Err: err}
	}
	if info, err := f.Stat(); err != nil || info.IsDir() || info.Mode().Type()&fs.ModeIrregular != 0 {
		f.Close()
		return nil, true, refused(path, fmt.Errorf("descriptor %d is not open for writing", number))
	}
	return f, true, nil
}

// IsDescriptor reports whether a path is one that Descriptor takes.
func IsDescriptor(path string) bool {
	_, named := descriptor(filepath.Clean(path))
	return named
}

func descriptor(path string) (number int, named bool) {
	for _, dir := range []string{"/dev/fd/", "/proc/self/fd/"} {
		if rest, in := strings.CutPrefix(path, dir); in {
			n, err := strconv.ParseUint(rest, 10, 16)
			return int(n), err == nil
		}
	}
	number, named = standard[path]
	return number, named
}

var standard = map[string]int{"/dev/stdin": 0, "/dev/stdout": 1, "/dev/stderr": 2}
