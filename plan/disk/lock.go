package disk

import (
	"errors"
	"io/fs"
	"os"

	"github.com/gofrs/flock"
)

// Lock returns the lock that is held on the file at path, untaken. Taking it makes
// the file, mode 0600, if create says so; without that, and without a file, taking it
// is fs.ErrNotExist. The file stays when the lock is gone: removing it would let two
// processes hold locks on two files of one name.
//
// Whoever has taken the lock asks Held whether it is the one of that file.
func Lock(path string, create bool) (*flock.Flock, error) {
	if err := Check(path); err != nil {
		return nil, err
	}
	flag := os.O_RDONLY | followsNoLink | waitsForNobody
	if create {
		flag |= os.O_CREATE
	}
	return flock.New(path, flock.SetFlag(flag), flock.SetPermissions(0o600)), nil
}

// Held opens the file whose lock was taken, for writing in place. An error is that
// the path leads to another file than the lock: somebody has exchanged it.
func Held(lock *flock.Flock) (*os.File, error) {
	path := lock.Path()
	f, err := Edit(path, 0)
	if err != nil {
		return nil, err
	}
	info, err := f.Stat()
	locked, err2 := lock.Stat()
	if err := errors.Join(err, err2); err != nil {
		f.Close()
		return nil, err
	}
	if !os.SameFile(info, locked) {
		f.Close()
		return nil, &fs.PathError{Op: "lock", Path: path, Err: errReplaced}
	}
	return f, nil
}
