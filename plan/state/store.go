package state

import (
	"bytes"
	"context"
	"crypto/rand"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"time"

	"github.com/gofrs/flock"
)

const (
	backupSuffix = ".backup"
	lockSuffix   = ".lock"
)

// Read reads the state file at path without a lock. No file is no state: nil.
// Errors are *DamagedError, *NewerError or those of the file system.
func Read(path string) (*State, error) {
	s, _, err := read(path)
	return s, err
}

func read(path string) (*State, []byte, error) {
	data, err := os.ReadFile(path)
	switch {
	case errors.Is(err, fs.ErrNotExist):
		return nil, nil, nil
	case err != nil:
		return nil, nil, placedState("read state file", path, err)
	}
	s, err := decode(path, data)
	return s, data, withBackup(err)
}

// Holder says who holds the lock of a state file. It is information for people:
// the lock itself is held by the kernel and ends with its process.
type Holder struct {
	Command string    `json:"command"` // "apply"
	Host    string    `json:"host"`
	PID     int       `json:"pid"`
	Since   time.Time `json:"since"`
	User    string    `json:"user"`
}

func (h Holder) String() string {
	return fmt.Sprintf("%s on %s, process %d, since %s, for zup %s", h.User, h.Host, h.PID, h.Since.Format(time.RFC3339), h.Command)
}

// LockedError says that another process holds the lock.
type LockedError struct {
	Path   string
	Holder Holder // zero: it did not say
}

func (e *LockedError) Error() string {
	if e.Holder.PID == 0 {
		return fmt.Sprintf("state %s is locked by another process that did not say who it is", e.Path)
	}
	return fmt.Sprintf("state %s is locked by %s", e.Path, e.Holder)
}

// Store is a state file under its lock.
type Store struct {
	path  string
	lock  *flock.Flock
	state *State // as in the file; nil: no file yet
	data  []byte // the file, byte for byte
}

// Open takes the lock of the state file at path and reads it. It waits for the
// lock up to timeout (0: not at all) and then returns a *LockedError. The lock
// file stays when the lock is gone: removing it would let two processes hold
// locks on two files of one name.
func Open(ctx context.Context, path string, timeout time.Duration, me Holder) (*Store, error) {
	lock := flock.New(path+lockSuffix, flock.SetPermissions(0o600))
	if err := takeLock(ctx, lock, path, timeout); err != nil {
		return nil, err
	}
	s := &Store{path: path, lock: lock}
	var err error
	if s.state, s.data, err = read(path); err == nil {
		err = placedState("write beside state", path, errors.Join(s.sign(me), writable(path)))
	}
	if err != nil {
		s.Close()
		return nil, err
	}
	return s, nil
}

func takeLock(ctx context.Context, lock *flock.Flock, path string, timeout time.Duration) error {
	got, err := lock.TryLock()
	if err == nil && !got && timeout > 0 {
		ctx, cancel := context.WithTimeout(ctx, timeout)
		defer cancel()
		got, err = lock.TryLockContext(ctx, 100*time.Millisecond)
		if errors.Is(err, context.DeadlineExceeded) {
			err = nil
		}
	}
	switch {
	case err != nil:
		return placedState("lock state", path, err)
	case !got:
		return &LockedError{Path: path, Holder: ReadHolder(path)}
	}
	return nil
}

// ReadHolder returns what the holder of the lock of the state file at path
// wrote about itself, or a zero Holder. Whether anybody holds it now is not
// known from that.
func ReadHolder(path string) Holder {
	var h Holder
	if data, err := os.ReadFile(path + lockSuffix); err == nil {
		if json.Unmarshal(data, &h) != nil {
			return Holder{}
		}
	}
	return h
}

// Locked reports whether any process holds the lock of the state file at path.
func Locked(path string) (bool, error) {
	if _, err := os.Stat(path + lockSuffix); errors.Is(err, fs.ErrNotExist) {
		return false, nil
	}
	lock := flock.New(path + lockSuffix)
	got, err := lock.TryLock()
	if err != nil {
		return false, placedState("look at the lock of state", path, err)
	}
	if got {
		err = lock.Unlock()
	}
	return !got, err
}

// sign writes who holds the lock into the lock file, in place: a new file would
// not be the locked one.
func (s *Store) sign(me Holder) error {
	data, err := json.Marshal(me)
	if err != nil {
		return err
	}
	f, err := os.OpenFile(s.path+lockSuffix, os.O_WRONLY|os.O_TRUNC, 0)
	if err != nil {
		return err
	}
	_, err = f.Write(append(data, '\n'))
	return errors.Join(err, f.Close())
}

// Close gives the lock back. It may be called twice.
func (s *Store) Close() error {
	if s.lock.Locked() {
		os.Truncate(s.path+lockSuffix, 0) // a name that stays there is harmless: the kernel knows who holds the lock
	}
	return s.lock.Unlock()
}

// Path is where the state file is.
func (s *Store) Path() string { return s.path }

// State returns the state as it is in the file, or nil if there is none yet.
// It must not be changed; Update does that.
func (s *Store) State() *State { return s.state }

// Update lets change work on a copy of the state and writes the result: whole
// or not at all. It blocks on the disk. When it fails the state is as before.
func (s *Store) Update(zupVersion string, change func(*State)) error {
	next := s.state.clone()
	change(next)
	next.Serial++
	next.ZupVersion = zupVersion
	data, err := next.encode()
	if err != nil {
		return err
	}
	if err := s.keepBackup(); err != nil {
		return err
	}
	if err := WriteFile(s.path, data); err != nil {
		return placedState("write state file", s.path, err)
	}
	s.state, s.data = next, data
	return nil
}

// clone returns a copy whose clusters can be replaced or changed; nil gives a
// new state with a lineage of its own.
func (s *State) clone() *State {
	if s == nil {
		return &State{
			Applied:       []Applied{},
			Clusters:      map[string]*Cluster{},
			FormatVersion: FormatVersion,
			Lineage:       newLineage(),
		}
	}
	next := *s
	next.Applied = slices.Clone(s.Applied)
	next.Clusters = make(map[string]*Cluster, len(s.Clusters))
	for name := range s.Clusters {
		c := s.Cluster(name)
		next.Clusters[name] = &c
	}
	return &next
}

// keepBackup keeps the last write beside. What was damaged meanwhile never gets
// there: those bytes are replaced by the ones that are known to be good.
func (s *Store) keepBackup() error {
	if s.data == nil {
		return nil
	}
	there, err := os.ReadFile(s.path)
	if err == nil && bytes.Equal(there, s.data) {
		err = linkOver(s.path, s.path+backupSuffix)
	}
	if err != nil || !bytes.Equal(there, s.data) { // or a file system without hard links
		err = WriteFile(s.path+backupSuffix, s.data)
	}
	return placedState("back up state file", s.path, err)
}

// linkOver gives the file at path a second name, in place of what had that name.
func linkOver(path, name string) error {
	temporary := name + ".new"
	os.Remove(temporary)
	if err := os.Link(path, temporary); err != nil {
		return err
	}
	return os.Rename(temporary, name)
}

func newLineage() string {
	var b [16]byte
	rand.Read(b[:]) // never fails since Go 1.24
	return fmt.Sprintf("%x-%x-%x-%x-%x", b[0:4], b[4:6], b[6:8], b[8:10], b[10:16])
}

// WriteFile replaces the file at path by data, mode 0600: temporary file, fsync,
// rename, fsync of the directory. Whoever reads path sees the old or the new
// bytes, and after a power cut too.
func WriteFile(path string, data []byte) error {
	return WriteFileFrom(path, func(w io.Writer) error {
		_, err := w.Write(data)
		return err
	})
}

// WriteFileFrom is WriteFile for what is too large to be in memory as text.
func WriteFileFrom(path string, write func(io.Writer) error) (err error) {
	dir := filepath.Dir(path)
	f, err := os.CreateTemp(dir, "."+filepath.Base(path)+".*")
	if err != nil {
		return err
	}
	defer func() {
		if err != nil {
			f.Close()
			os.Remove(f.Name())
		}
	}()
	if err = write(f); err != nil {
		return err
	}
	if err = f.Sync(); err != nil {
		return err
	}
	if err = f.Close(); err != nil {
		return err
	}
	if err = os.Rename(f.Name(), path); err != nil {
		return err
	}
	return syncDir(dir)
}

func syncDir(dir string) error {
	d, err := os.Open(dir)
	if err != nil {
		return err
	}
	defer d.Close()
	return d.Sync()
}
