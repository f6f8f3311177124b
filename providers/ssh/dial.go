// Package ssh runs scripts on one host and follows jobs that outlive the
// connection.
//
// Start with Dialer.Dial, which returns a Host: one connection, kept for the
// whole run and renewed when it was lost. Host.Run runs a script and returns what
// it printed. Host.Job starts a script that goes on without us, exactly once, and
// attaches to it when it is there already.
//
// The package takes its settings from ~/.ssh/config like ssh, verifies every host
// it talks to, jump hosts included, and logs in with keys only. It never writes to
// known_hosts, never asks a question but for a passphrase, and knows nothing of
// what the scripts are about.
package ssh

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"net"
	"net/netip"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"syscall"
	"time"

	"github.com/hashicorp/go-hclog"
	"golang.org/x/crypto/ssh"

	"zup/providers/ssh/sshconfig"
)

// A Target says which host to connect to, and how. What is left empty comes from
// ~/.ssh/config, and then from the defaults of ssh.
type Target struct {
	Name         string   // how errors call it, e.g. node "zva5n1"; "": Address
	Address      string   // IP address, host name or alias of ~/.ssh/config
	Port         int      // 0: ~/.ssh/config, then 22
	User         string   // "": ~/.ssh/config, then root
	IdentityFile string   // "": ~/.ssh/config, then the usual names; ~ is expanded; relative: see Dialer.Dir
	Jump         []string // [user@]host[:port], outermost first; nil: ProxyJump of ~/.ssh/config; empty: none
	HostKey      string   // "ssh-ed25519 AAAA…": only this key; "": known_hosts

	// JumpHostKeys has the key of jump hosts, by their names or addresses as Jump or
	// ~/.ssh/config writes them, or as HOST:PORT: only that key. For those that it does not
	// have known_hosts decides.
	JumpHostKeys map[string]string

	// Allow is asked about each IP address before a connection is opened to it from here,
	// where it was not chosen here: Address is what a node has said, and ~/.ssh/config has
	// no HostName for it. nil: any.
	Allow func(netip.Addr) error
}

// A Dialer connects to hosts. The zero value works as ssh would for the user who
// runs it. Its fields must not change after the first Dial. It is safe for
// concurrent use.
type Dialer struct {
	Home             string   // where ~ is; "": the user's home directory
	Dir              string   // where the relative path of a Target's identity file begins, and which it can't leave; "": the current one
	LocalUser        string   // who logs in to jump hosts where nobody says; "": who runs this program
	ConfigFile       string   // "": ~/.ssh/config; "none": none
	SystemConfigFile string   // "": /etc/ssh/ssh_config; "none": none
	KnownHostsFiles  []string // nil: as ssh_config says; files that do not exist are passed over
	AgentSocket      string   // stands for $SSH_AUTH_SOCK, which IdentityAgent outranks; "none": no agent at all

	// SSH returns where the program ssh is, which is asked (ssh -G) what a configuration file
	// means where nothing else can tell. nil or "": what can't be told is refused.
	SSH func() string

	// Trusted returns an error for a configuration file that must not choose which programs
	// ssh starts, because others may have written it. nil: all may.
	Trusted func(file string) error

	// Environ returns the environment of the programs that ssh_config has zup start. nil:
	// that of the process. They never get a ZUP_SECRET_ variable.
	Environ func() []string

	// Passphrase returns the passphrase of an identity file. It is called at
	// most once for each file, never twice at a time, and only when a server
	// would take that key; it may block, and the limits of time stand still
	// meanwhile. The returned slice is overwritten after use. Without it
	// encrypted keys are not used.
	Passphrase func(ctx context.Context, file string) ([]byte, error)

	// DialContext opens the TCP connections that go out from here. nil: a
	// net.Dialer.
	DialContext func(ctx context.Context, network, addr string) (net.Conn, error)

	Timeout           time.Duration // for one connection with its handshake; 0: 15s
	RetryFor          time.Duration // for trying again where that can help; 0: 30s; negative: never
	KeepaliveInterval time.Duration // 0: 5s; negative: no keepalives
	KeepaliveDeadline time.Duration // how long an answer may take; 0: 15s, more than an 8s cut of the link needs

	JobDir    string        // directory on the node that holds the jobs; "": /var/lib/zup/jobs
	LockFile  string        // file on the node that is its lock; "": /run/zup.lock
	LockLease time.Duration // after so long without a sign of life the node takes its lock back; 0: 1m
	Log       hclog.Logger  // nil: none. No script, key or passphrase is ever logged

	mu       sync.Mutex
	files    *sshconfig.Files // nil: not read yet
	oracle   *oracle          // nil: nothing was asked yet
	minder   minder
	truths   truths
	trust    sync.Once
	mistrust error // found out by trust
	ring     *keyring
	jumps    map[string]*jump
	ways     map[string]bool // IP addresses that connections were asked for
	closed   bool
}

// Dial connects to the host and logs in, and with a user other than root finds
// out whether sudo works. It blocks until then, at most for the time that its
// limits and ctx allow. A connection that is closed before its handshake is done
// is tried again for RetryFor, because sshd does that when too many are being
// opened (MaxStartups); nothing else is. Errors start with the target's name and
// wrap one of the error types of this package.
func (d *Dialer) Dial(ctx context.Context, t Target) (*Host, error) {
	name := first(t.Name, t.Address)
	e, err := d.resolve(ctx, t)
	if err != nil {
		return nil, fmt.Errorf("%s: %w", name, err)
	}
	h := &Host{dialer: d, name: name, of: e, turn: make(chan struct{}, 1)}
	if err := h.open(ctx); err != nil {
		return nil, fmt.Errorf("%s: %w", name, err)
	}
	return h, nil
}

// Close closes the connections to jump hosts, and with them every Host behind one, and
// ends whatever ssh_config had started, and with it every Host that is reached through
// that. Other connections are their Host's to close.
func (d *Dialer) Close() error {
	d.mu.Lock()
	d.closed = true
	jumps := d.jumps
	d.jumps = nil
	d.mu.Unlock()
	for _, j := range jumps {
		j.close()
	}
	d.minder.close()
	return nil
}

// connect reaches e through its jump hosts, and tries again as long as again says
// that it can help.
func (d *Dialer) connect(ctx context.Context, e *endpoint, again func(error) bool) (*conn, error) {
	start := time.Now()
	budget := fallback(d.RetryFor, 30*time.Second)
	for try := 1; ; try++ {
		c, err := d.reach(ctx, e)
		if err == nil {
			return c, nil
		}
		var ce *ConnectError
		if errors.As(err, &ce) {
			ce.Tries, ce.Took = try, time.Since(start)
		}
		pause := retryPause(try)
		if ctx.Err() != nil || !again(err) || time.Since(start)+pause > budget {
			return nil, err
		}
		d.log().Info("connection failed, trying again", "to", e.String(), "in", pause, "error", err)
		if err := sleep(ctx, pause); err != nil {
			return nil, err
		}
	}
}

// retryPause is what to wait after so many tries. A refused try can hold one of
// sshd's places for 5 seconds: quick retries would lock out ourselves.
func retryPause(tries int) time.Duration {
	switch tries {
	case 1:
		return time.Second
	case 2:
		return 4 * time.Second
	}
	return 8 * time.Second
}

// onHangup is the reason to try again when nobody has been there yet: the server
// is up, and closed the connection before it was known who wants something.
func onHangup(err error) bool { return errors.Is(err, ErrHangup) }

// onOutage is the reason to try again when the host has been reached before: it
// may be restarting its sshd or its network.
func onOutage(err error) bool {
	var lost *LostError
	return onHangup(err) || errors.Is(err, ErrRefused) || errors.Is(err, ErrNoAnswer) ||
		errors.Is(err, ErrSilent) || errors.Is(err, ErrProxy) || errors.Is(err, ErrResolve) || errors.As(err, &lost)
}

// reach makes one attempt.
func (d *Dialer) reach(ctx context.Context, e *endpoint) (*conn, error) {
	if len(e.hops) == 0 {
		dial, via := d.wayFrom(e)
		return d.attempt(ctx, e, dial, via)
	}
	if err := e.allowed(hostOnly(e.addr)); err != nil {
		return nil, fmt.Errorf("connect %s: %w", e.addr, err)
	}
	way, err := d.through(ctx, e.hops)
	if err != nil {
		return nil, err
	}
	last := way[len(way)-1]
	c, err := d.attempt(ctx, e, last.dial, e.hops[len(e.hops)-1].String(), way...)
	if err != nil && last.dead() {
		return nil, &JumpError{
			Hop: e.hops[len(e.hops)-1].String(), Place: len(e.hops), Of: len(e.hops),
			Err: &LostError{Doing: "connect " + e.addr, Err: last.cause},
		}
	}
	return c, err
}

func (d *Dialer) dialWith(ctx context.Context, e *endpoint, dialer *net.Dialer, addr string) (net.Conn, error) {
	network := first(e.network, "tcp")
	if d.DialContext != nil {
		return d.DialContext(ctx, network, addr)
	}
	dialer.LocalAddr = e.from
	return dialer.DialContext(ctx, network, addr)
}

// dialFrom opens connections to e that go out from here. It asks about every address that
// a name turns out to have, right before the connection to it is opened.
func (d *Dialer) dialFrom(e *endpoint) func(context.Context, string) (net.Conn, error) {
	if e.allow == nil {
		return func(ctx context.Context, addr string) (net.Conn, error) {
			return d.dialWith(ctx, e, &net.Dialer{}, addr)
		}
	}
	control := func(_ context.Context, _, addr string, _ syscall.RawConn) error { return e.allowed(hostOnly(addr)) }
	return func(ctx context.Context, addr string) (net.Conn, error) {
		if err := e.allowed(hostOnly(addr)); err != nil {
			return nil, err
		}
		return d.dialWith(ctx, e, &net.Dialer{ControlContext: control}, addr)
	}
}

// A foreignError says that an address is not connected to.
type foreignError struct{ error }

// allowed asks about an address; what is a name still is not asked about.
func (e *endpoint) allowed(host string) error {
	a, err := netip.ParseAddr(host)
	if e.allow == nil || err != nil {
		return nil
	}
	if err := e.allow(a); err != nil {
		return &foreignError{err}
	}
	return nil
}

// Ways returns the IP addresses that connections to hosts and jump hosts were opened to,
// or asked of a jump host, so far.
func (d *Dialer) Ways() []string {
	d.mu.Lock()
	defer d.mu.Unlock()
	return slices.Sorted(maps.Keys(d.ways))
}

// goes remembers a way to a host.
func (d *Dialer) goes(addr string) {
	a, err := netip.ParseAddr(hostOnly(addr))
	if err != nil {
		return
	}
	d.mu.Lock()
	defer d.mu.Unlock()
	if d.ways == nil {
		d.ways = map[string]bool{}
	}
	d.ways[a.Unmap().WithZone("").String()] = true
}

// attempt opens one connection to e, verifies the host and logs in. way are the
// connections through which it goes.
func (d *Dialer) attempt(ctx context.Context, e *endpoint, dial func(context.Context, string) (net.Conn, error), via string, way ...*conn) (*conn, error) {
	start := time.Now()
	timeout := fallback(d.Timeout, 15*time.Second)
	parent := ctx
	ctx, cancel := context.WithCancelCause(ctx)
	defer cancel(nil)
	clock := newClock(timeout, func() { cancel(errTimeout) })
	defer clock.stop()

	d.goes(e.addr)
	nc, err := dial(ctx, e.addr)
	if err != nil {
		return nil, connectError(parent, ctx, e.addr, via, timeout, err)
	}
	if via == "" { // else nobody here knows
		d.goes(nc.RemoteAddr().String())
	}
	check, err := d.newKeyCheck(ctx, e)
	if err != nil {
		nc.Close()
		return nil, err
	}
	check.way = way
	s := &handshake{
		of:    e,
		via:   via,
		conn:  &overheard{Conn: nc},
		check: check,
		auth:  &auth{ctx: ctx, of: e, ring: d.keyring(), pause: clock.pause, said: tail{max: 4 << 10}},
	}
	client, err := s.do(ctx)
	if err != nil {
		if parent.Err() != nil {
			return nil, fmt.Errorf("connect %s: %w", e.addr, context.Cause(parent))
		}
		return nil, s.explain(ctx, timeout, err)
	}
	d.log().Debug("connected", "to", e.String(), "through", via, "key", ssh.FingerprintSHA256(check.key), "took", time.Since(start))
	return d.watch(s, client), nil
}

// errTimeout is the cause of a context whose clock ran out.
var errTimeout = errors.New("time is up")

// A handshake is everything between TCP and a usable client.
type handshake struct {
	of    *endpoint
	via   string
	conn  *overheard
	check *keyCheck
	auth  *auth
	known atomic.Bool // the host's key was accepted: what follows is the login
}

type handshakeResult struct {
	client *ssh.Client
	err    error
}

// do returns when the handshake is done or ctx is, whatever the network does.
func (s *handshake) do(ctx context.Context) (*ssh.Client, error) {
	config := &ssh.ClientConfig{
		Config:            s.of.algorithms.transport,
		User:              s.of.user,
		AuthCallback:      s.auth.next,
		HostKeyAlgorithms: s.check.algorithms(),
		HostKeyCallback: func(host string, remote net.Addr, key ssh.PublicKey) error {
			err := s.check.check(host, remote, key)
			s.known.Store(err == nil)
			return err
		},
		BannerCallback: s.auth.printed,
		ClientVersion:  "SSH-2.0-zup",
	}
	result := make(chan handshakeResult, 1)
	go func() {
		c, chans, reqs, err := ssh.NewClientConn(s.conn, s.of.addr, config)
		if err != nil {
			result <- handshakeResult{err: err}
			return
		}
		result <- handshakeResult{client: ssh.NewClient(c, chans, reqs)}
	}()
	select {
	case r := <-result:
		return r.client, r.err
	case <-ctx.Done():
		go func() {
			s.conn.Close()
			if r := <-result; r.err == nil {
				r.client.Close()
			}
		}()
		return nil, errTimeout
	}
}

// explain turns the error of a handshake into one that says whose turn it is.
func (s *handshake) explain(ctx context.Context, timeout time.Duration, err error) error {
	if errors.Is(err, errTimeout) && s.check.asking.Load() {
		return s.of.asksHosts.failed(fmt.Errorf("no end within %v", timeout))
	}
	if errors.Is(err, errTimeout) {
		detail := fmt.Sprintf("no handshake within %v", timeout)
		switch {
		case s.known.Load():
			detail = fmt.Sprintf("no end of the login within %v", timeout)
		case s.conn.greeting() != "":
			detail += ", after its greeting"
		}
		return s.failed(ErrSilent, detail, err)
	}
	var mismatch *ssh.AlgorithmNegotiationError
	said := disconnectReason(err)
	switch {
	case s.check.err != nil:
		return s.check.err
	case s.known.Load() && hungUp(err):
		hungUp := "the server hung up"
		if p, ok := s.conn.Conn.(*piped); ok {
			hungUp, _ = p.detail(hungUp)
		}
		return s.auth.failed(errors.New(hungUp))
	case s.known.Load():
		return s.auth.failed(said)
	case errors.As(err, &mismatch):
		return s.failed(ErrNotSSH, strings.TrimPrefix(mismatch.Error(), "ssh: "), err)
	case said != nil:
		return s.failed(ErrHangup, said.Error(), err)
	case hungUp(err) && !s.conn.foreign():
		return s.failed(ErrHangup, s.conn.quote(), err)
	default:
		return s.failed(ErrNotSSH, first(s.conn.quote(), err.Error()), err)
	}
}

func (s *handshake) failed(reason error, detail string, err error) error {
	e := &ConnectError{Addr: s.of.addr, Via: s.via, Reason: reason, Detail: detail, Err: err, Greeting: s.conn.greeting()}
	if m := e.negotiation(); m != nil {
		e.Narrowed = s.of.narrowedBy(m.What)
	}
	return s.through(e)
}

// through adds what a command has to say that is in between.
func (s *handshake) through(e *ConnectError) error {
	if p, ok := s.conn.Conn.(*piped); ok {
		return p.explain(s, e)
	}
	return e
}

func (d *Dialer) keyring() *keyring {
	d.mu.Lock()
	defer d.mu.Unlock()
	if d.ring == nil {
		d.ring = &keyring{ask: d.Passphrase}
	}
	return d.ring
}

func (d *Dialer) log() hclog.Logger {
	if d.Log == nil {
		return hclog.NewNullLogger()
	}
	return d.Log
}

func fallback(d, otherwise time.Duration) time.Duration {
	if d == 0 {
		return otherwise
	}
	return d
}

func sleep(ctx context.Context, d time.Duration) error {
	t := time.NewTimer(d)
	defer t.Stop()
	select {
	case <-t.C:
		return nil
	case <-ctx.Done():
		return context.Cause(ctx)
	}
}
