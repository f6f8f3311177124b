package state

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"syscall"

	"zup/plan/disk"
)

// PlaceError says that a file of zup can't be where it shall be: its directory is
// read-only, its disk is full, or its file system has no locks.
type PlaceError struct {
	Op   string // what was tried: "lock state"
	Path string
	Err  error
	Flag string // that puts the file elsewhere; empty: none does
}

func (e *PlaceError) Error() string {
	var link *disk.LinkError // these say what they are about
	var kind *disk.KindError
	switch {
	case errors.As(e.Err, &link):
		return fmt.Sprintf("%s: %v", e.Op, link)
	case errors.As(e.Err, &kind):
		return fmt.Sprintf("%s: %v", e.Op, kind)
	}
	if noLocks(e.Err) {
		return fmt.Sprintf("%s %s: its file system has no locks that the kernel holds (%v), and without one two runs could work on the same nodes", e.Op, e.Path, cause(e.Err))
	}
	return fmt.Sprintf("%s %s: %v", e.Op, e.Path, cause(e.Err))
}

func (e *PlaceError) Unwrap() error { return e.Err }

// Hint says what to do about it.
func (e *PlaceError) Hint() string {
	var advised interface{ Hint() string } // of a link, or of what is not a file
	switch {
	case errors.As(disk.Named(e.Flag, e.Err), &advised):
		return advised.Hint()
	case noLocks(e.Err):
		return e.Flag + " FILE puts it on a local file system; everybody who works on these nodes has to give the same one"
	case NoRoom(e.Err):
		return "make room on the file system of " + filepath.Dir(e.Path) + ", and run the same command again"
	case errors.Is(e.Err, syscall.EROFS), errors.Is(e.Err, os.ErrPermission):
		hint := "make " + filepath.Dir(e.Path) + " writable for you"
		if e.Flag != "" {
			hint += ", or give another place: " + e.Flag + " FILE"
		}
		return hint
	}
	return ""
}

// placed wraps an error of the file system; what is none, or is wrapped already,
// stays as it is.
func placed(op, path string, err error) error {
	var already *PlaceError
	if err == nil || errors.As(err, &already) {
		return err
	}
	return &PlaceError{Op: op, Path: path, Err: err}
}

// placedState is placed for the state file and what is beside it.
func placedState(op, path string, err error) error {
	err = placed(op, path, err)
	var place *PlaceError
	if errors.As(err, &place) {
		place.Flag = "-state"
	}
	return err
}

// cause leaves out the name of the file, which the message has already.
func cause(err error) error {
	var p *os.PathError
	if errors.As(err, &p) {
		return p.Err
	}
	return err
}

// noLocks are the answers of a file system that can't lock: NFS without its lock
// daemon, some network and user space file systems.
func noLocks(err error) bool {
	return errors.Is(err, syscall.ENOLCK) || errors.Is(err, syscall.ENOTSUP) || errors.Is(err, syscall.ENOSYS)
}

// NoRoom reports whether an error says that there is no room left to write: the disk
// is full, or what this user or process may write is used up.
func NoRoom(err error) bool {
	return errors.Is(err, syscall.ENOSPC) || errors.Is(err, syscall.EDQUOT) || errors.Is(err, syscall.EFBIG)
}

// writable tries whether a file can be made beside path.
func writable(path string) error {
	f, err := disk.Unnamed(filepath.Dir(path))
	if err != nil {
		return err
	}
	_, err = f.Write([]byte("\n"))
	return errors.Join(err, f.Close())
}
