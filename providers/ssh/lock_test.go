package ssh

import (
	"context"
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"

	"zup/providers/ssh/sshtest"
)

var lockedSince = time.Date(2026, 11, 25, 3, 0, 0, 0, time.UTC)

func claim(who, run string) Claim {
	return Claim{Run: run, Who: who, What: "zup apply, run " + run, Since: lockedSince}
}

// second returns another host that leads to the same machine, with a connection of
// its own.
func second(t *testing.T, h *Host, to Target) *Host {
	t.Helper()
	d := newDialer(t)
	d.JobDir, d.LockFile, d.LockLease, d.RetryFor = h.dialer.JobDir, h.dialer.LockFile, h.dialer.LockLease, h.dialer.RetryFor
	return dial(t, d, to)
}

func lockOn(t *testing.T, h *Host, c Claim) {
	t.Helper()
	if err := h.Lock(short(t), c); err != nil {
		t.Fatal(err)
	}
}

// beginOn takes the lock, and something may be changed under it.
func beginOn(t *testing.T, h *Host, c Claim) {
	t.Helper()
	lockOn(t, h, c)
	if err := h.Confirm(short(t)); err != nil {
		t.Fatal(err)
	}
}

func heldError(t *testing.T, err error) *HeldError {
	t.Helper()
	var held *HeldError
	if !errors.As(err, &held) {
		t.Fatalf("got %v, want a *HeldError", err)
	}
	return held
}

func lockStatus(t *testing.T, h *Host) LockStatus {
	t.Helper()
	s, err := h.LockStatus(short(t))
	if err != nil {
		t.Fatal(err)
	}
	return s
}

// eventually waits until f is true.
func eventually(t *testing.T, what string, f func() bool) {
	t.Helper()
	for deadline := time.Now().Add(2 * time.Minute); !f(); time.Sleep(20 * time.Millisecond) {
		if time.Now().After(deadline) {
			t.Fatalf("never: %s", what)
		}
	}
}

func noFile(t *testing.T, path string) {
	t.Helper()
	if _, err := os.Stat(path); !errors.Is(err, fs.ErrNotExist) {
		t.Errorf("%s is there: %v", path, err)
	}
}

// The second one is told who, since when and what for; a lock that is given back
// leaves nothing behind.
func TestLock(t *testing.T) {
	t.Parallel()
	h, s := localHost(t)
	other := second(t, h, target(s))
	if got := lockStatus(t, h); got.State != LockFree {
		t.Errorf("%+v", got)
	}
	lockOn(t, h, claim("anna@desk, process 1", "run1"))
	held := heldError(t, other.Lock(short(t), claim("ben@laptop, process 2", "run2")))
	if want := "anna@desk, process 1 is at work on it since 2026-11-25T03:00:00Z: zup apply, run run1"; held.Error() != want {
		t.Errorf("got  %s\nwant %s", held, want)
	}
	if got := lockStatus(t, other); got.State != LockHeld || got.PID == 0 || got.Age < 0 || got.Who != "anna@desk, process 1" {
		t.Errorf("%+v", got)
	}
	if got, err := other.ClearLock(short(t)); err != nil || got.State != LockHeld {
		t.Errorf("%+v %v", got, err)
	}
	if err := h.Confirm(short(t)); err != nil {
		t.Error(err)
	}
	if err := h.Unlock(short(t)); err != nil {
		t.Error(err)
	}
	noFile(t, s.LockFile())
	lockOn(t, other, claim("ben@laptop", "run2"))
	if err := other.Unlock(short(t)); err != nil {
		t.Error(err)
	}
	noFile(t, s.LockFile())
}

// Of many who want it at the same time one gets it.
func TestLockRace(t *testing.T) {
	t.Parallel()
	h, s := localHost(t)
	const n = 6
	got := make(chan error, n)
	for range n {
		other := second(t, h, target(s))
		go func() { got <- other.Lock(short(t), claim("one of them", "run")) }()
	}
	won := 0
	for range n {
		if err := <-got; err == nil {
			won++
		} else if held := heldError(t, err); held.Status.Who != "one of them" {
			t.Errorf("%v", held)
		}
	}
	if won != 1 {
		t.Errorf("%d hold the lock", won)
	}
}

// The kernel frees the lock with whoever holds it, in every way in which that can
// end; what it said stays until somebody clears it or takes the lock.
func TestLockIsFreedByTheKernel(t *testing.T) {
	t.Parallel()
	for name, end := range map[string]func(*Host, *sshtest.Server, LockStatus){
		"its client is gone":      func(h *Host, _ *sshtest.Server, _ LockStatus) { h.Close() },
		"its process is killed":   func(_ *Host, _ *sshtest.Server, l LockStatus) { syscall.Kill(l.PID, syscall.SIGKILL) },
		"its session is killed":   func(h *Host, s *sshtest.Server, _ LockStatus) { h.Close(); s.KillSessions() },
		"its client says nothing": func(h *Host, s *sshtest.Server, _ LockStatus) { s.Freeze(true) },
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			s := sshtest.New(t, sshtest.Config{Local: true})
			d := newDialer(t)
			d.JobDir, d.LockFile, d.LockLease = s.JobDir(), s.LockFile(), 6*time.Second
			d.KeepaliveInterval = -1
			h := dial(t, d, target(s))
			beginOn(t, h, claim("anna", "run1"))
			end(h, s, lockStatus(t, h))
			eventually(t, "the lock is free", func() bool { return !fileIsLocked(t, s.LockFile()) })
			s.Freeze(false)
			other := second(t, h, target(s))
			if got := lockStatus(t, other); got.State != LockStale || got.Who != "anna" || got.PID != 0 {
				t.Errorf("%+v", got)
			}
			if got, err := other.ClearLock(short(t)); err != nil || got.State != LockFree {
				t.Errorf("%+v %v", got, err)
			}
			noFile(t, s.LockFile())
		})
	}
}

// As long as nothing was changed, whoever is gone leaves nothing behind.
func TestLockBeforeTheFirstChange(t *testing.T) {
	t.Parallel()
	for name, s := range map[string]*sshtest.Server{
		"node": sshtest.New(t, sshtest.Config{Local: true}), "emulated": sshtest.New(t, sshtest.Config{}),
	} {
		d := newDialer(t)
		d.JobDir, d.LockFile = s.JobDir(), s.LockFile()
		h := dial(t, d, target(s))
		lockOn(t, h, claim("anna", "run1"))
		h.Close()
		other := second(t, h, target(s))
		eventually(t, name+": the lock is free", func() bool { return lockStatus(t, other).State == LockFree })
		noFile(t, s.LockFile())

		// What somebody else has left is put back.
		beginOn(t, other, claim("ben", "run2"))
		other.Close()
		third := second(t, h, target(s))
		eventually(t, name+": the lock is stale", func() bool { return lockStatus(t, third).State == LockStale })
		lockOn(t, third, claim("anna", "run3"))
		if err := third.Unlock(short(t)); err != nil {
			t.Error(err)
		}
		if got := lockStatus(t, third); got.State != LockStale || got.Who != "ben" {
			t.Errorf("%s: %+v", name, got)
		}
	}
}

// fileIsLocked asks the kernel of this machine.
func fileIsLocked(t *testing.T, path string) bool {
	t.Helper()
	f, err := os.Open(path)
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	return syscall.Flock(int(f.Fd()), syscall.LOCK_SH|syscall.LOCK_NB) != nil
}

// A connection that was lost takes the lock again, whether or not the node has
// noticed that the old one is gone.
func TestLockIsTakenAgain(t *testing.T) {
	t.Parallel()
	h, s := localHost(t)
	beginOn(t, h, claim("anna", "run1"))
	for range 3 {
		s.DropConnections()
		run(t, h, "true")
		if err := h.Confirm(short(t)); err != nil {
			t.Fatal(err)
		}
		if got := lockStatus(t, h); got.State != LockHeld || got.Who != "anna" {
			t.Errorf("%+v", got)
		}
	}
	follow(t, h, Job{ID: "run1.a", Script: "echo still ours"})
	s.DropConnections()
	if err := h.Unlock(short(t)); err != nil {
		t.Error(err)
	}
	noFile(t, s.LockFile())
}

// Whoever held the lock while the connection was lost has changed what a run rests
// on: nothing is changed any more, but looking goes on.
func TestLockIsLostMeanwhile(t *testing.T) {
	t.Parallel()
	for name, leave := range map[string]func(*Host) error{
		"and is still at it": func(*Host) error { return nil },
		"and is through":     func(h *Host) error { return h.Unlock(context.Background()) },
		"and died":           (*Host).Close,
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			h, s := localHost(t)
			count := newCounter(t)
			beginOn(t, h, claim("anna", "run1"))
			other := second(t, h, target(s))
			syscall.Kill(lockStatus(t, other).PID, syscall.SIGKILL) // as when the lease is over
			eventually(t, "the lock is free", func() bool { return !fileIsLocked(t, s.LockFile()) })
			beginOn(t, other, claim("ben", "run2"))
			if err := leave(other); err != nil {
				t.Fatal(err)
			}
			h.Confirm(short(t)) // notices that its lock is gone
			if res := run(t, h, "echo look"); string(res.Stdout) != "look\n" {
				t.Errorf("%q", res.Stdout)
			}
			held := heldError(t, h.Confirm(short(t)))
			if !held.Meanwhile || !strings.Contains(held.Error(), "while the connection was lost, somebody else ") {
				t.Errorf("%v", held)
			}
			_, err := h.Job(short(t), Job{ID: "run1.a", Script: count.script()})
			heldError(t, err)
			from := filepath.Join(t.TempDir(), "file")
			if err := os.WriteFile(from, []byte("0\n"), 0o600); err != nil {
				t.Fatal(err)
			}
			to := filepath.Join(t.TempDir(), "to")
			_, err = h.Upload(short(t), Upload{From: from, To: to, Part: to + ".part", Size: 2,
				SHA256: "9a271f2a916b0b6ee6cecb2426f0b3206ef074578be55d9bc94f6f3fe3ab86aa"})
			heldError(t, err)
			noFile(t, to)
			count.check(t, 0)
			if err := h.Unlock(short(t)); err != nil {
				t.Error(err)
			}
		})
	}
}

// After a reboot nothing is left of the lock, and that is nobody else's doing.
func TestLockAfterReboot(t *testing.T) {
	t.Parallel()
	s := sshtest.New(t, sshtest.Config{})
	s.Answer("true", sshtest.Reply{})
	h := dial(t, newDialer(t), target(s))
	beginOn(t, h, claim("anna", "run1"))
	s.Reboot()
	run(t, h, "true")
	if err := h.Confirm(short(t)); err != nil {
		t.Error(err)
	}
	if got := lockStatus(t, h); got.State != LockHeld || got.Who != "anna" {
		t.Errorf("%+v", got)
	}
}

// A machine that was put back to a snapshot with its memory has the lock of then,
// which ends when its client is not heard of. Without Anew it would be another's.
func TestLockAnew(t *testing.T) {
	t.Parallel()
	h, s := localHost(t)
	h.dialer.LockLease = 6 * time.Second
	beginOn(t, h, claim("anna", "run2"))
	ghost := second(t, h, target(s))
	h.Anew()
	syscall.Kill(lockStatus(t, h).PID, syscall.SIGKILL)
	eventually(t, "the lock is free", func() bool { return !fileIsLocked(t, s.LockFile()) })
	lockOn(t, ghost, claim("anna", "run1"))
	time.AfterFunc(time.Second, func() { ghost.Close() })
	h.Confirm(short(t))
	run(t, h, "true")
	if err := h.Confirm(short(t)); err != nil {
		t.Error(err)
	}
	if got := lockStatus(t, h); got.State != LockHeld || !strings.Contains(got.What, "run2") {
		t.Errorf("%+v", got)
	}
}

// A job goes on without its client and without the lock. Whoever comes next waits
// for it, unless it is of the same run.
func TestLockAndJobs(t *testing.T) {
	t.Parallel()
	h, s := localHost(t)
	lockOn(t, h, claim("anna", "run1"))
	go h.Job(short(t), Job{ID: "run1.update", Script: "read x <" + Quote(fifo(t, s)) + "; exit 3"})
	other := second(t, h, target(s))
	eventually(t, "the job runs", func() bool {
		st, err := other.JobStatus(short(t), "run1.update")
		return err == nil && st.State == JobRunning
	})
	h.Close()
	var held *HeldError
	eventually(t, "only the job is in the way", func() bool {
		held = heldError(t, other.Lock(short(t), claim("ben", "run2")))
		return held.Status.State == LockFree
	})
	if !strings.HasPrefix(held.Error(), "job run1.update still runs on it, since ") || held.Status.Jobs[0].Name != "run1.update" {
		t.Errorf("%v", held)
	}
	if got := lockStatus(t, other); len(got.Jobs) != 1 || got.Jobs[0].Name != "run1.update" {
		t.Errorf("%+v", got)
	}
	lockOn(t, other, claim("anna", "run1")) // resumes
	if err := other.Unlock(short(t)); err != nil {
		t.Error(err)
	}
	// run11 is another run.
	heldError(t, other.Lock(short(t), claim("anna", "run")))
	if err := os.WriteFile(fifoPath(s), []byte("\n"), 0); err != nil {
		t.Fatal(err)
	}
	eventually(t, "the job has ended", func() bool { return other.Lock(short(t), claim("ben", "run2")) == nil })
}

// A job that asks, and whose client is gone, would wait for ever. Who has the lock closes
// its input after half a minute, and it ends as it does where a question has no answer.
func TestLockAndJobThatAsks(t *testing.T) {
	t.Parallel()
	h, s := localHost(t)
	lockOn(t, h, claim("anna", "run1"))
	job := Job{ID: "run1.update", Script: askTwice, Prompts: askTwicePrompts()[:1], PromptQuiet: time.Hour}
	go h.Job(short(t), job)
	out := filepath.Join(h.dialer.JobDir, job.ID, "out")
	eventually(t, "it asks for the second time", func() bool {
		text, _ := os.ReadFile(out)
		return strings.HasSuffix(string(text), "[Y/n] ")
	})
	other := second(t, h, target(s))
	heldError(t, other.Lock(short(t), claim("ben", "run2"))) // she is there
	h.Close()
	answers := filepath.Join(h.dialer.JobDir, job.ID, "answers")
	closed := func() bool {
		text, _ := os.ReadFile(answers)
		return strings.Contains(string(text), "close ")
	}
	eventually(t, "only the job is in the way", func() bool {
		return heldError(t, other.Lock(short(t), claim("ben", "run2"))).Status.State == LockFree
	})
	// It is given its time: what a busy machine takes for the tries does not count.
	if info, err := os.Stat(out); err != nil || closed() && time.Since(info.ModTime()) < 20*time.Second {
		t.Errorf("it was not given the time (%v)", err)
	}
	if err := os.Chtimes(out, time.Time{}, time.Now().Add(-time.Minute)); err != nil {
		t.Fatal(err)
	}
	if s := lockStatus(t, other); len(s.Jobs) != 1 || closed() {
		t.Errorf("who looks has closed it: %+v", s)
	}
	eventually(t, "its input is closed", func() bool {
		heldError(t, other.Lock(short(t), claim("ben", "run2")))
		return closed()
	})
	eventually(t, "it has ended", func() bool { return other.Lock(short(t), claim("ben", "run2")) == nil })
	text, err := os.ReadFile(out)
	if err != nil || !strings.HasSuffix(string(text), "Do you want to continue? [Y/n] Abort.\n") {
		t.Errorf("%q (%v)", text, err)
	}
	// Who resumes is told what became of it.
	_, err = second(t, h, target(s)).Job(short(t), job)
	if want := `it asks what no prompt answers: "Do you want to continue? [Y/n]"; it was given end of input and ended with exit status 0`; err == nil || !strings.Contains(err.Error(), want) {
		t.Errorf("%v", err)
	}
}

func fifoPath(s *sshtest.Server) string { return s.LockFile() + ".fifo" }

func fifo(t *testing.T, s *sshtest.Server) string {
	t.Helper()
	if err := syscall.Mkfifo(fifoPath(s), 0o600); err != nil {
		t.Fatal(err)
	}
	return fifoPath(s)
}

// What the file says is of the other one's making.
func TestLockTextIsHostile(t *testing.T) {
	t.Parallel()
	h, s := localHost(t)
	if err := os.WriteFile(s.LockFile(), []byte("token\n-\n\x1b[2Janna\nnow\n\x07\xff"+strings.Repeat("x", 5000)), 0o600); err != nil {
		t.Fatal(err)
	}
	got := lockStatus(t, h)
	if got.State != LockStale || len(got.What) > 2000 || strings.ContainsAny(got.AtWork("it"), "\x1b\x07") {
		t.Errorf("%+v\n%s", got, got.AtWork("it"))
	}
	lockOn(t, h, Claim{Run: "run1", Who: "two\nlines", What: "a\x00b"})
	if got := lockStatus(t, h); got.Who != "two lines" || got.State != LockHeld {
		t.Errorf("%+v", got)
	}
}

// A link where the lock should be is nobody's lock, and what it leads to is left
// alone.
func TestLockFollowsNoLink(t *testing.T) {
	t.Parallel()
	h, s := localHost(t)
	to := filepath.Join(t.TempDir(), "to")
	if err := errors.Join(os.WriteFile(to, []byte("mine"), 0o600), os.Symlink(to, s.LockFile())); err != nil {
		t.Fatal(err)
	}
	if err := h.Lock(short(t), claim("anna", "run1")); err == nil || !strings.Contains(err.Error(), "symbolic links") {
		t.Errorf("got %v", err)
	}
	if text, err := os.ReadFile(to); err != nil || string(text) != "mine" {
		t.Errorf("%q %v", text, err)
	}
}

// The lock as it goes over the wire, and the emulated node's answers.
func TestLockWire(t *testing.T) {
	t.Parallel()
	s := sshtest.New(t, sshtest.Config{})
	s.Answer("true", sshtest.Reply{})
	h := dial(t, newDialer(t), target(s))
	beginOn(t, h, claim("anna", "run1"))
	other := dial(t, newDialer(t), target(s))
	heldError(t, other.Lock(short(t), claim("ben", "run2")))
	s.DropConnections()
	run(t, h, "true")
	if err := h.Confirm(short(t)); err != nil {
		t.Error(err)
	}
	q := s.Requests()[0]
	body := strings.Split(q.Script, "\n")
	if q.Kind != sshtest.Lock || q.ID != "run1" || body[0] != "/run/zup.lock" || body[1] != "60.000" || body[3] != "-" ||
		strings.Join(body[4:], "|") != "anna|2026-11-25T03:00:00Z|zup apply, run run1|" {
		t.Errorf("%+v", q)
	}
	h.Close()
	eventually(t, "the lock is free", func() bool { return lockStatus(t, other).State == LockStale })
	beginOn(t, other, claim("ben", "run2"))
	if err := other.Unlock(short(t)); err != nil || s.LockText() != "" {
		t.Errorf("%v, left %q", err, s.LockText())
	}
}
