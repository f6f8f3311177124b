package state

import (
	"errors"
	"os"
	"os/exec"
	"os/signal"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"
)

// alone runs a test in a process of its own, and reports in the other one that this was
// done. A bound on files is one for all that a process writes, and go test's own log is
// among that.
func alone(t *testing.T) (elsewhere bool) {
	t.Helper()
	const here = "ZUP_TEST_ALONE"
	if os.Getenv(here) != "" {
		return false
	}
	cmd := exec.Command(os.Args[0], "-test.run=^"+t.Name()+"$", "-test.v")
	cmd.Env = append(os.Environ(), here+"=1")
	if out, err := cmd.CombinedOutput(); err != nil || !strings.Contains(string(out), "--- PASS: "+t.Name()) {
		t.Errorf("%v\n%s", err, out)
	}
	return true
}

// bounded runs f while no file may grow beyond so many bytes, as on a disk that is
// full.
func bounded(t *testing.T, bytes uint64, f func()) {
	t.Helper()
	signal.Ignore(syscall.SIGXFSZ)
	var was syscall.Rlimit
	if err := syscall.Getrlimit(syscall.RLIMIT_FSIZE, &was); err != nil {
		t.Fatal(err)
	}
	if err := syscall.Setrlimit(syscall.RLIMIT_FSIZE, &syscall.Rlimit{Cur: bytes, Max: was.Max}); err != nil {
		t.Fatal(err)
	}
	defer syscall.Setrlimit(syscall.RLIMIT_FSIZE, &was)
	f()
}

// A line that does not fit is not there at all, and when there is room again the
// journal goes on.
func TestJournalThatDoesNotFit(t *testing.T) {
	if alone(t) {
		return
	}
	path := filepath.Join(t.TempDir(), "journal.jsonl")
	j, err := CreateJournal(path, time.Now)
	if err != nil {
		t.Fatal(err)
	}
	written := 0
	bounded(t, 500, func() {
		for err == nil {
			if err = j.Write(Entry{Event: Begin, Action: "edge.a1.update"}); err == nil {
				written++
			}
		}
	})
	if !NoRoom(err) || !strings.Contains(err.Error(), path) || written == 0 {
		t.Fatalf("%d written, then %v", written, err)
	}
	if entries, cut, err := ReadJournal(path); err != nil || cut || len(entries) != written {
		t.Fatalf("%d of %d entries, cut %t: %v", len(entries), written, cut, err)
	}
	if err := errors.Join(j.Write(Entry{Event: Done}), j.Close()); err != nil {
		t.Fatal(err)
	}
	if entries, cut, err := ReadJournal(path); err != nil || cut || len(entries) != written+1 {
		t.Fatalf("%d of %d entries, cut %t: %v", len(entries), written+1, cut, err)
	}
}

// A state that does not fit leaves file, backup and store as they were, and nothing
// beside them.
func TestStateThatDoesNotFit(t *testing.T) {
	if alone(t) {
		return
	}
	dir := t.TempDir()
	path := filepath.Join(dir, "zup.state.json")
	s := open(t, path)
	for range 2 {
		if err := s.Update("1.0", func(*State) {}); err != nil {
			t.Fatal(err)
		}
	}
	big := func(s *State) { s.Clusters[strings.Repeat("x", 5000)] = &Cluster{} }
	bounded(t, 1000, func() {
		err := s.Update("1.0", big)
		var place *PlaceError
		if !NoRoom(err) || !errors.As(err, &place) || !strings.Contains(place.Hint(), "make room on the file system of "+dir) {
			t.Errorf("err is %v", err)
		}
	})
	if now, err := Read(path); err != nil || now.Serial != 2 || s.State().Serial != 2 {
		t.Errorf("file %+v, store %+v (%v)", now, s.State(), err)
	}
	if backup, err := Read(path + backupSuffix); err != nil || backup.Serial > 2 {
		t.Errorf("backup %+v (%v)", backup, err)
	}
	files, err := os.ReadDir(dir)
	if err != nil || len(files) != 3 {
		t.Errorf("%v (%v)", files, err)
	}
	if err := s.Update("1.0", big); err != nil || s.State().Serial != 3 {
		t.Errorf("with room again: %v", err)
	}
}

// Each way in which a place is no good has its own words and its own advice.
func TestPlaceError(t *testing.T) {
	for _, tt := range []struct {
		err        error
		text, hint string
	}{
		{syscall.ENOLCK, "no locks that the kernel holds (no locks available)", "-state FILE puts it on a local file system"},
		{syscall.ENOTSUP, "no locks that the kernel holds", "on a local file system"},
		{&os.PathError{Op: "open", Path: "/d/x.lock", Err: syscall.EROFS}, "lock state /d/x: read-only file system", "make /d writable for you, or give another place: -state FILE"},
		{&os.PathError{Op: "open", Path: "/d/x.lock", Err: syscall.EACCES}, "lock state /d/x: permission denied", "make /d writable for you"},
		{syscall.ENOSPC, "no space left on device", "make room on the file system of /d"},
		{syscall.EDQUOT, "quota", "make room"},
		{syscall.EIO, "input/output error", ""},
	} {
		err := placedState("lock state", "/d/x", tt.err)
		var place *PlaceError
		if !errors.As(err, &place) || !strings.Contains(err.Error(), tt.text) || !strings.Contains(place.Hint(), tt.hint) || (tt.hint == "") != (place.Hint() == "") {
			t.Errorf("%v: %q, %q", tt.err, err, place.Hint())
		}
		if placed("again", "/e", err) != err || !errors.Is(err, tt.err) {
			t.Errorf("%v is wrapped twice", tt.err)
		}
	}
}
