package ssh

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"strconv"
	"strings"
	"sync"
	"sync/atomic"
	"syscall"
	"time"

	"golang.org/x/crypto/ssh"

	"zup/plan/escape"
)

// A conn is one connection to one host, logged in. Whoever waits for something
// that comes over it waits for gone as well: x/crypto may be stuck in a write for
// as long as TCP keeps hoping.
type conn struct {
	client *ssh.Client
	to     string // user@host:port
	key    ssh.PublicKey
	keys   [][]byte // every key that the host is known by, the one that it has shown among them
	wire   *overheard
	way    []*conn       // to the jump hosts that it goes through, outermost first
	env    []string      // NAME=VALUE
	answer time.Duration // for an account to begin with what it was asked to run

	mute   atomic.Pointer[muteAccount] // what has not begun with what it was asked to run; nil: nothing
	reader atomic.Pointer[Reader]      // what has answered over it, if that only reads

	once  sync.Once
	gone  chan struct{} // closed when the connection is of no use any more
	cause error         // why; to be read after gone
}

// A muteAccount did not begin with what it was asked to run. Nobody waits for that again
// until some time has gone.
type muteAccount struct {
	because *ShellError
	until   time.Time
}

// muteFor is how long.
const muteFor = time.Minute

// isMute returns why nothing is asked of the account now, nil if something can be.
func (c *conn) isMute() error {
	if m := c.mute.Load(); m != nil && time.Now().Before(m.until) {
		return m.because
	}
	return nil
}

// fallsMute remembers it, and returns it.
func (c *conn) fallsMute(because *ShellError) error {
	c.mute.Store(&muteAccount{because, time.Now().Add(muteFor)})
	return because
}

// watch makes a conn of a finished handshake and keeps an eye on it.
func (d *Dialer) watch(s *handshake, client *ssh.Client) *conn {
	c := &conn{client: client, to: s.of.String(), key: s.check.key, keys: s.check.itsOwn(), wire: s.conn, env: s.of.env, way: s.check.way, answer: fallback(d.AnswerTimeout, accountBegins), gone: make(chan struct{})}
	go func() {
		err := client.Wait()
		if p, ok := s.conn.Conn.(*piped); ok {
			err = p.lost(err)
		}
		if err == nil || errors.Is(err, io.EOF) {
			err = errors.New("the server closed it")
		}
		c.end(err)
		d.log().Debug("connection ended", "to", s.of.String(), "error", c.cause)
	}()
	interval := fallback(d.KeepaliveInterval, 5*time.Second)
	if interval > 0 {
		go c.keepalive(interval, fallback(d.KeepaliveDeadline, 15*time.Second))
	}
	return c
}

// end gives the connection up. It does not wait for the network.
func (c *conn) end(cause error) {
	c.once.Do(func() {
		c.cause = cause
		close(c.gone)
		go c.client.Close()
	})
}

func (c *conn) dead() bool {
	select {
	case <-c.gone:
		return true
	default:
		return false
	}
}

// broken is dead a moment earlier: before anything that the end of the connection
// brings about, such as the end of a channel's data, can be seen.
func (c *conn) broken() bool { return c.dead() || c.wire.ended.Load() }

// why returns what ended the connection, or err if it has not ended. A session can
// notice the end first.
func (c *conn) why(err error) error {
	select {
	case <-c.gone:
		err = c.cause
	case <-time.After(100 * time.Millisecond):
	}
	return c.blamed(err)
}

// blamed names the jump host that has ended, and taken with it what went through it. The
// outermost that has is the one: with it those behind it are gone.
func (c *conn) blamed(err error) error {
	if errors.Is(err, ErrClosed) {
		return err
	}
	for i, hop := range c.way {
		if !hop.broken() {
			continue
		}
		cause := errors.New("the server closed it")
		select {
		case <-hop.gone:
			cause = hop.cause
		case <-time.After(100 * time.Millisecond):
		}
		return &JumpError{Hop: hop.to, Place: i + 1, Of: len(c.way), Err: cause}
	}
	return err
}

// user is who is logged in.
func (c *conn) user() string {
	at := strings.LastIndexByte(c.to, '@')
	return c.to[:max(at, 0)]
}

// dial opens a TCP connection from the host that c leads to.
func (c *conn) dial(ctx context.Context, addr string) (net.Conn, error) {
	return c.client.DialContext(ctx, "tcp", addr)
}

// connectError says what an error of connect(2), here or on a jump host, means.
// parent is what the caller wants, ctx what our clock allows.
func connectError(parent, ctx context.Context, addr, via string, timeout time.Duration, err error) error {
	if parent.Err() != nil {
		return fmt.Errorf("connect %s: %w", addr, context.Cause(parent))
	}
	var foreign *foreignError
	var proxy *ConnectError
	if errors.As(err, &proxy) {
		return proxy
	}
	if errors.As(err, &foreign) {
		return fmt.Errorf("connect %s: %w", addr, foreign.error)
	}
	e := &ConnectError{Addr: addr, Via: via, Reason: ErrNoAnswer, Err: err}
	var dns *net.DNSError
	var refused *ssh.OpenChannelError
	switch {
	case errors.As(err, &dns) && ctx.Err() != nil:
		e.Reason, e.Detail = ErrResolve, fmt.Sprintf("within %v", timeout)
	case errors.As(err, &dns):
		e.Reason, e.Detail = ErrResolve, dns.Err
	case ctx.Err() != nil:
		e.Detail = fmt.Sprintf("within %v", timeout)
	case errors.Is(err, syscall.ECONNREFUSED):
		e.Reason = ErrRefused
	case errors.As(err, &refused):
		e.Detail, e.Reason = channelReason(refused)
	default:
		e.Detail = lastCause(err).Error()
	}
	return e
}

// channelReason reads what a jump host says of its own connect(2); sshd has
// nothing but the words for it.
func channelReason(err *ssh.OpenChannelError) (detail string, reason error) {
	said := strings.ToLower(err.Message)
	switch {
	case err.Reason == ssh.Prohibited:
		return "the jump host does not forward connections: AllowTcpForwarding or PermitOpen in its sshd_config", ErrNoAnswer
	case strings.Contains(said, "refused"):
		return "", ErrRefused
	case strings.Contains(said, "not known"), strings.Contains(said, "resolution"), strings.Contains(said, "no address"):
		return escape.Line(err.Message), ErrResolve
	}
	return escape.Line(err.Message), ErrNoAnswer
}

// lastCause returns the innermost error, which has the words of the kernel and
// not the address once more.
func lastCause(err error) error {
	for {
		next := errors.Unwrap(err)
		if next == nil {
			return err
		}
		err = next
	}
}

// hungUp reports whether err says that the other side closed the connection.
func hungUp(err error) bool {
	return errors.Is(err, io.EOF) || errors.Is(err, io.ErrUnexpectedEOF) || errors.Is(err, net.ErrClosed) ||
		errors.Is(err, syscall.ECONNRESET) || errors.Is(err, syscall.EPIPE)
}

// disconnectReason returns what the server said when it ended the connection with
// a message, nil if it did not. The type of that error is private to x/crypto.
func disconnectReason(err error) error {
	_, rest, ok := strings.Cut(err.Error(), "ssh: disconnect, reason ")
	if !ok {
		return nil
	}
	_, quoted, _ := strings.Cut(rest, ": ")
	said, err := strconv.Unquote(quoted)
	if err != nil {
		said = quoted
	}
	return fmt.Errorf("the server said %q", said)
}

// overheard keeps the first bytes that came in: when it is no SSH server, they say
// what it is. And it knows when nothing comes any more.
type overheard struct {
	net.Conn
	mu    sync.Mutex
	head  []byte
	ended atomic.Bool
}

const overheardMax = 120

func (o *overheard) Read(p []byte) (int, error) {
	n, err := o.Conn.Read(p)
	if err != nil {
		o.ended.Store(true)
	}
	o.mu.Lock()
	defer o.mu.Unlock()
	if room := overheardMax - len(o.head); room > 0 {
		o.head = append(o.head, p[:min(n, room)]...)
	}
	return n, err
}

func (o *overheard) text() string {
	o.mu.Lock()
	defer o.mu.Unlock()
	return string(o.head)
}

// foreign reports whether the server said something that is neither SSH nor one of
// the lines with which sshd turns somebody away.
func (o *overheard) foreign() bool {
	s := o.text()
	return o.old() || s != "" && o.greeting() == "" &&
		!strings.Contains(s, "MaxStartups") && !strings.Contains(s, "Not allowed at this time")
}

func (o *overheard) quote() string {
	line, _, _ := strings.Cut(o.text(), "\n")
	line = strings.TrimSpace(line)
	if line == "" || o.greeting() != "" && !o.old() {
		return ""
	}
	return fmt.Sprintf("it said %q", escape.Line(line))
}

// old reports whether it is a server of SSH 1; 1.99 speaks both.
func (o *overheard) old() bool {
	g := o.greeting()
	return strings.HasPrefix(g, "SSH-1.") && !strings.HasPrefix(g, "SSH-1.99")
}

// greeting is what an SSH server calls itself, which may stand behind other lines; "" where
// it has said no such thing.
func (o *overheard) greeting() string {
	for line := range strings.Lines(o.text()) {
		if strings.HasPrefix(line, "SSH-") {
			return strings.TrimSpace(line)
		}
	}
	return ""
}

// A clock runs out once, after so much time in which it was not paused.
type clock struct {
	mu    sync.Mutex
	timer *time.Timer
	left  time.Duration
	since time.Time // when it last began to run
	holds int       // it runs while nobody holds it
}

func newClock(d time.Duration, ring func()) *clock {
	return &clock{timer: time.AfterFunc(d, ring), left: d, since: time.Now()}
}

// pause stops the clock until the function that it returns is called.
func (c *clock) pause() (resume func()) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.holds++; c.holds == 1 && c.timer.Stop() {
		c.left -= time.Since(c.since)
	}
	return c.resume
}

func (c *clock) resume() {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.holds--; c.holds == 0 {
		c.since = time.Now()
		c.timer.Reset(max(c.left, 0))
	}
}

func (c *clock) stop() {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.holds++ // nobody starts it again
	c.timer.Stop()
}
