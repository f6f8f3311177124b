package ssh

import (
	"context"
	_ "embed"
	"errors"
	"fmt"
	"io"
	"strings"
	"sync"
	"time"
)

// A Claim says who wants a host for itself.
type Claim struct {
	Run   string    // of a job ID the first word: other jobs must not be running there
	Who   string    // for people, one line: user, machine, process
	What  string    // for people, one line: command, run, plan
	Since time.Time // by the clock of this machine
}

// Lock takes the host's lock, or takes it over from an earlier connection of this
// Host. While it is held, a process on the host holds it in a session of its own
// over the same connection, and the kernel there frees it with that process: when
// this program, the connection or the host dies, or when nothing was heard for
// LockLease. It returns a *HeldError when somebody else has it, or when a job runs
// there that is not of this run. Nothing is waited for.
//
// A connection that is made again takes the lock again before anything else goes
// over it. If somebody else was there after the first Confirm, Confirm, Job and Upload return a
// *HeldError from then on; Run goes on, so that the host can still be looked at.
func (h *Host) Lock(ctx context.Context, c Claim) error {
	if err := h.lockNow(ctx, c); err != nil {
		return h.named(err)
	}
	return nil
}

func (h *Host) lockNow(ctx context.Context, claim Claim) error {
	l := &lock{claim: claim, token: newMark()}
	for again := true; ; again = false {
		c, err := h.connection(ctx)
		if err != nil {
			return err
		}
		err = h.grab(ctx, c, l)
		var lost *LostError
		if errors.As(err, &lost) && again {
			continue
		}
		if err == nil {
			h.mu.Lock()
			h.lock = l
			h.mu.Unlock()
		}
		return err
	}
}

// Confirm asks the host whether this Host still has its lock, right before something
// is changed. Where the connection is lost it asks nothing: nothing can be done over
// it either. The error is a *HeldError.
func (h *Host) Confirm(ctx context.Context) error {
	l := h.locked()
	if l == nil {
		return nil
	}
	if g := l.held(); g != nil && !g.conn.dead() {
		if g.ask(ctx, "begin", "here") == nil { // else the connection is given up
			l.begin()
		}
	}
	return h.named(l.lost())
}

// Unlock gives the lock back, and nothing of it stays on the host. A connection that
// was lost is made again for that; where that can't be done the kernel frees the lock,
// and its text stays.
func (h *Host) Unlock(ctx context.Context) error {
	l := h.locked()
	if l == nil {
		return nil
	}
	defer func() {
		h.mu.Lock()
		defer h.mu.Unlock()
		h.lock = nil
	}()
	err := h.unlock(ctx, l)
	var lost *LostError
	if errors.As(err, &lost) { // nobody had noticed before
		err = h.unlock(ctx, l)
	}
	return h.named(err)
}

func (h *Host) unlock(ctx context.Context, l *lock) error {
	_, err := h.connection(ctx)
	g := l.held()
	if err != nil || g == nil || g.conn.dead() {
		return err
	}
	defer g.let()
	return g.ask(ctx, "release", "free")
}

// Anew says that the machine may come back as it was earlier, with whatever
// lock there was then: a snapshot is being restored. The next connection takes the
// lock as if for the first time, and waits for one that nobody holds any more.
func (h *Host) Anew() {
	if l := h.locked(); l != nil {
		l.mu.Lock()
		l.anew = true
		l.mu.Unlock()
	}
}

// locked returns the lock that the Host has, or had and must have again.
func (h *Host) locked() *lock {
	h.mu.Lock()
	defer h.mu.Unlock()
	return h.lock
}

// relock takes the lock on a new connection. That somebody else has it is not an error
// here: it is for those who want to change something.
func (h *Host) relock(ctx context.Context, c *conn) error {
	l := h.locked()
	if l == nil || l.lost() != nil {
		return nil
	}
	err := h.grab(ctx, c, l)
	for start := time.Now(); l.isAnew() && heldBySomebody(err) && time.Since(start) < h.lease()+10*time.Second; {
		if err := sleep(ctx, time.Second); err != nil {
			return err
		}
		err = h.grab(ctx, c, l)
	}
	var held *HeldError
	if errors.As(err, &held) {
		held.Meanwhile = true
		l.lose(held)
		return nil
	}
	return err
}

func heldBySomebody(err error) bool {
	var held *HeldError
	return errors.As(err, &held)
}

// mine returns why nothing may be changed on the host, or nil.
func (h *Host) mine() error {
	if l := h.locked(); l != nil {
		return l.lost()
	}
	return nil
}

func (h *Host) lease() time.Duration {
	return max(fallback(h.dialer.LockLease, time.Minute), time.Millisecond)
}

// A lock is what a Host wants to hold, whatever becomes of its connections.
type lock struct {
	claim Claim
	token string

	mu    sync.Mutex
	boot  string // of the host when it was taken; "": never
	begun bool   // something may have been changed under it
	anew  bool
	grip  *grip      // nil: never
	gone  *HeldError // somebody else was there
}

func (l *lock) held() *grip {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.grip
}

func (l *lock) isAnew() bool {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.anew
}

// lost returns the *HeldError that ended it, or nil.
func (l *lock) lost() error {
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.gone == nil {
		return nil
	}
	return l.gone
}

func (l *lock) lose(e *HeldError) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.gone = e
}

func (l *lock) begin() {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.begun = true
}

func (l *lock) taken(g *grip, boot string) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.grip, l.boot, l.anew = g, boot, false
}

// before is what the host is asked to compare with: the boot in which the lock was
// taken, if nobody else may have had it since something was changed.
func (l *lock) before() string {
	l.mu.Lock()
	defer l.mu.Unlock()
	if !l.begun || l.anew {
		return "-"
	}
	return l.boot
}

func (l *lock) text() string {
	line := func(s string) string { return strings.Join(strings.Fields(s), " ") }
	return strings.Join([]string{line(l.claim.Who), l.claim.Since.UTC().Format(time.RFC3339), line(l.claim.What)}, "\n")
}

// grab takes the lock on one connection.
func (h *Host) grab(ctx context.Context, c *conn, l *lock) error {
	body := strings.Join([]string{h.lockFile(), fmt.Sprintf("%.3f", h.lease().Seconds()), l.token, l.before(), l.text(), ""}, "\n")
	request, err := h.request("hold", first(l.claim.Run, "none"), 0, false, body)
	if err != nil {
		return err
	}
	g, err := h.grip(ctx, c, request, "")
	if err != nil {
		return c.failed(ctx, "lock", false, err)
	}
	f, err := g.next(ctx, time.Minute)
	if err == nil && f.word == "held" {
		l.taken(g, f.field(0))
		go g.keep(h.lease() / 6)
		return nil
	}
	defer g.let()
	switch {
	case err != nil:
		return c.failed(ctx, "lock", true, err)
	case f.word == "lock" && f.field(0) == "taken":
		return &HeldError{Status: described(LockStatus{State: LockStale}, f.hex(1))}
	case f.word == "lock":
		return &HeldError{Status: f.lockStatus()}
	case f.word == "jobs":
		return &HeldError{Status: LockStatus{State: LockFree, Jobs: f.runningJobs()}}
	case f.word == "error":
		return fmt.Errorf("lock: %w", f.err())
	}
	return &ShellError{Output: fmt.Sprintf("in the lock protocol: %q", f.word)}
}

func (h *Host) lockFile() string { return first(h.dialer.LockFile, defaultLockFile) }

// A grip holds the lock on one connection. Without an answer in time the connection
// is given up: one without its lock is of no use.
type grip struct {
	conn   *conn
	orders *mailbox
	frames <-chan frame
	stop   func()
	late   time.Duration

	turn sync.Mutex // one question at a time
	over bool       // the session has ended
	done chan struct{}
}

// grip sends a request about the lock; read is what a reader is asked instead.
func (h *Host) grip(ctx context.Context, c *conn, request, read string) (*grip, error) {
	g := &grip{
		conn: c, orders: &mailbox{lines: make(chan string, 1)}, done: make(chan struct{}),
		late: fallback(h.dialer.KeepaliveDeadline, 15*time.Second),
	}
	s, err := c.open(ctx, h.door(), sending{script: jobScript(), read: read, input: io.MultiReader(strings.NewReader(request), g.orders)})
	if err != nil {
		return nil, err
	}
	g.frames, g.stop = s.frames()
	return g, nil
}

// keep asks now and then, so that the host knows that somebody is there.
func (g *grip) keep(every time.Duration) {
	tick := time.NewTicker(every)
	defer tick.Stop()
	for {
		select {
		case <-g.conn.gone:
			g.let()
			return
		case <-g.done:
			return
		case <-tick.C:
			g.ask(context.Background(), "here", "here")
		}
	}
}

func (g *grip) ask(ctx context.Context, word, want string) error {
	g.turn.Lock()
	defer g.turn.Unlock()
	switch {
	case g.conn.dead():
		return &LostError{Doing: "lock", Err: g.conn.blamed(g.conn.cause)}
	case g.over:
		return nil
	}
	g.orders.lines <- word + "\n"
	f, err := g.next(ctx, g.late)
	if err == nil && f.word == want {
		return nil
	}
	if err == nil {
		err = &ShellError{Output: fmt.Sprintf("in the lock protocol: %q", f.word)}
	}
	err = fmt.Errorf("its lock is gone: %w", err)
	g.conn.end(err)
	return &LostError{Doing: "lock", Sent: true, Err: err}
}

// next waits for the next reply.
func (g *grip) next(ctx context.Context, limit time.Duration) (frame, error) {
	timer := time.NewTimer(limit)
	defer timer.Stop()
	select {
	case f := <-g.frames:
		return f, f.stop
	case <-g.conn.gone:
		return frame{}, errNoStatus
	case <-ctx.Done():
		return frame{}, errNoStatus
	case <-timer.C:
		return frame{}, fmt.Errorf("no answer for %v", limit)
	}
}

// let ends the session.
func (g *grip) let() {
	g.turn.Lock()
	defer g.turn.Unlock()
	if !g.over {
		g.over = true
		close(g.done)
		close(g.orders.lines)
		g.stop()
	}
}

//go:embed lock.pl
var lockProgram string
