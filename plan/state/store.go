package state

import (
	"bytes"
	"context"
	"crypto/rand"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"slices"
	"time"

	"github.com/gofrs/flock"

	"zup/plan/disk"
)

const (
	backupSuffix = ".backup"
	lockSuffix   = ".lock"
)

// Read reads the state file at path without a lock. No file is not a state: nil.
// Errors are *DamagedError, *NewerError or those of the file system. A state that is
// reached by a link is refused: its lock and its backup would be beside the link.
func Read(path string) (*State, error) {
	s, _, err := read(path)
	return s, err
}

func read(path string) (*State, []byte, error) {
	if err := disk.Check(path); err != nil && !errors.Is(err, fs.ErrNotExist) {
		return nil, nil, placedState("read state file", path, err)
	}
	data, err := disk.ReadFile(path, disk.MaxState)
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
	if err := Check(path); err != nil {
		return nil, err
	}
	lock, err := disk.Lock(path+lockSuffix, true)
	if err == nil {
		err = takeLock(ctx, lock, path, timeout)
	}
	if err != nil {
		return nil, placedState("lock state", path, err)
	}
	s := &Store{path: path, lock: lock}
	if s.state, s.data, err = read(path); err == nil {
		err = placedState("write beside state", path, errors.Join(s.sign(me), writable(path)))
	}
	if err != nil {
		s.Close()
		return nil, err
	}
	return s, nil
}

// Check says whether the state file at path and what is kept beside it can be read and
// written as far as that depends on what is there: none is a link, or is reached by
// one. It touches nothing.
func Check(path string) error {
	for _, suffix := range []string{"", lockSuffix, backupSuffix} {
		err := disk.Check(path + suffix)
		if suffix != "" {
			err = disk.Own(err)
		}
		if errors.Is(err, fs.ErrNotExist) { // of the directory
			return nil
		}
		if err != nil {
			return placedState("use state file", path+suffix, err)
		}
	}
	return nil
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
	if data, err := disk.ReadFile(path+lockSuffix, disk.MaxKey); err == nil {
		if json.Unmarshal(data, &h) != nil {
			return Holder{}
		}
	}
	return h
}

// Locked reports whether any process holds the lock of the state file at path.
func Locked(path string) (bool, error) {
	if err := Check(path); err != nil {
		return false, err
	}
	lock, err := disk.Lock(path+lockSuffix, false)
	got := false
	if err == nil {
		got, err = lock.TryLock()
	}
	if errors.Is(err, fs.ErrNotExist) {
		return false, nil
	}
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
	f, err := disk.Held(s.lock)
	if err != nil {
		return err
	}
	if err = f.Truncate(0); err == nil {
		_, err = f.Write(append(data, '\n'))
	}
	return errors.Join(err, f.Close())
}

// Close gives the lock back. It may be called twice.
func (s *Store) Close() error {
	if s.lock.Locked() {
		if f, err := disk.Held(s.lock); err == nil {
			f.Truncate(0) // a name that stays there is harmless: the kernel knows who holds the lock
			f.Close()
		}
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
	if err := disk.ReplaceBy(s.path, 0o600, data); err != nil {
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
	there, err := disk.ReadFile(s.path, disk.MaxState)
	if err == nil && bytes.Equal(there, s.data) {
		err = disk.Keep(s.path, s.path+backupSuffix)
	}
	if err != nil || !bytes.Equal(there, s.data) { // or a file system without hard links
		err = disk.ReplaceBy(s.path+backupSuffix, 0o600, s.data)
	}
	return placedState("back up state file", s.path, err)
}

func newLineage() string {
	var b [16]byte
	rand.Read(b[:]) // never fails since Go 1.24
	return fmt.Sprintf("%x-%x-%x-%x-%x", b[0:4], b[4:6], b[6:8], b[8:10], b[10:16])
}
