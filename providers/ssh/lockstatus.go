package ssh

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"time"

	"zup/plan/escape"
)

// LockState is how a lock stands.
type LockState int

// The states of a lock. Of a stale one the kernel says that nobody holds it, and
// something is left of who did. Unknown means that the host does not tell.
const (
	LockFree LockState = iota
	LockHeld
	LockStale
	LockUnknown
)

func (s LockState) String() string {
	return [...]string{"free", "held", "stale", "unknown"}[s]
}

// A LockStatus is how the lock of a host stands, with the evidence. What came from the
// host is as it came: it may hold anything.
type LockStatus struct {
	State  LockState
	Client string        // the address from which its session came; "": not known
	Who    string        // as the holder said
	Since  string        // the same, RFC 3339
	What   string        // the same
	PID    int           // of the process on the host that holds it, as the kernel says; 0: not known
	Age    time.Duration // for how long that process has lived; negative: not known
	Jobs   []RunningJob
}

// A RunningJob is a job that runs, whoever started it.
type RunningJob struct {
	Name    string    // its ID, with "+" for "/"
	Started time.Time // by the host's clock
}

// LockStatus asks how the lock stands and which jobs run, and changes nothing.
func (h *Host) LockStatus(ctx context.Context) (LockStatus, error) {
	return h.askLock(ctx, "who")
}

// ClearLock removes what a dead holder has left, and returns how the lock stands
// then. A lock that is held it leaves alone.
func (h *Host) ClearLock(ctx context.Context) (LockStatus, error) {
	return h.askLock(ctx, "clear")
}

func (h *Host) askLock(ctx context.Context, verb string) (LockStatus, error) {
	s, err := h.lockFrames(ctx, verb)
	var lost *LostError
	if errors.As(err, &lost) { // asking again does no harm
		s, err = h.lockFrames(ctx, verb)
	}
	if err != nil {
		return LockStatus{}, h.named(fmt.Errorf("look at the lock: %w", err))
	}
	return s, nil
}

func (h *Host) lockFrames(ctx context.Context, verb string) (LockStatus, error) {
	request, err := h.request(verb, "none", 0, false, h.lockFile()+"\n")
	if err != nil {
		return LockStatus{}, err
	}
	c, err := h.connection(ctx)
	if err != nil {
		return LockStatus{}, err
	}
	read := ""
	if verb == "who" {
		read = "lock"
	}
	g, err := h.grip(ctx, c, request, read)
	if err != nil {
		return LockStatus{}, c.failed(ctx, verb, false, err)
	}
	defer g.let()
	var s LockStatus
	for {
		switch f, err := g.next(ctx, time.Minute); {
		case err != nil:
			return s, c.failed(ctx, verb, true, err)
		case f.word == "lock":
			s = f.lockStatus()
		case f.word == "jobs":
			s.Jobs = f.runningJobs()
			return s, nil
		case f.word == "error":
			return s, f.err()
		default:
			return s, &ShellError{Output: fmt.Sprintf("in the lock protocol: %q", f.word)}
		}
	}
}

// lockStatus reads a frame "lock STATE PID AGE TEXT".
func (f frame) lockStatus() LockStatus {
	s := LockStatus{State: LockUnknown, PID: max(0, int(f.int(1))), Age: time.Duration(f.int(2)) * time.Second}
	for _, is := range []LockState{LockFree, LockHeld, LockStale} {
		if f.field(0) == is.String() {
			s.State = is
		}
	}
	return described(s, f.hex(3))
}

func described(s LockStatus, text string) LockStatus {
	lines := append(strings.SplitN(text, "\n", 5), "", "", "", "")
	s.Client, s.Who, s.Since, s.What = strings.TrimPrefix(lines[0], "-"), lines[1], lines[2], lines[3]
	return s
}

func (f frame) runningJobs() []RunningJob {
	var all []RunningJob
	for i := 0; i+1 < len(f.fields); i += 2 {
		all = append(all, RunningJob{Name: f.field(i), Started: time.Unix(f.int(i+1), 0)})
	}
	return all
}

// A HeldError says that somebody else works on a host. Nothing was begun there.
type HeldError struct {
	Status    LockStatus
	Meanwhile bool // the lock was ours until the connection was lost
}

func (e *HeldError) Error() string {
	switch text := e.Status.AtWork("it"); {
	case !e.Meanwhile:
		return text
	case e.Status.Who == "" && e.Status.State == LockStale:
		return "while the connection was lost, somebody else was at work on it"
	default:
		return "while the connection was lost, somebody else came: " + text
	}
}

// AtWork says in one line, fit for a terminal, who is at work on the host, or was
// last; "" if nobody is. on is what the line calls the host.
func (s LockStatus) AtWork(on string) string {
	running := ""
	if len(s.Jobs) > 0 {
		running = fmt.Sprintf("job %s still runs on %s, since %s", escape.Line(s.Jobs[0].Name), on, s.Jobs[0].Started.UTC().Format(time.RFC3339))
	}
	switch {
	case s.State == LockFree, s.State == LockStale && running != "":
		return running
	case s.Who == "" && s.PID > 0:
		return fmt.Sprintf("process %d there is at work on %s, and did not say for whom", s.PID, on)
	case s.Who == "":
		return "somebody who did not say who it is is at work on " + on
	}
	return fmt.Sprintf("%s is at work on %s since %s: %s", escape.Line(s.Who), on, escape.Line(s.Since), escape.Line(s.What))
}
