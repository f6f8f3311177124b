package ssh

import (
	"context"
	"errors"
	"fmt"
	"net"
	"net/netip"
	"path/filepath"
	"slices"
	"strings"
	"sync/atomic"
	"syscall"
	"testing"
	"testing/synctest"
	"time"

	"golang.org/x/crypto/ssh"

	"zup/providers/ssh/sshtest"
)

// dialError dials and returns the error, which there must be.
func dialError(t *testing.T, d *Dialer, target Target) error {
	t.Helper()
	h, err := d.Dial(t.Context(), target)
	if err == nil {
		h.Close()
		t.Fatal("connected")
	}
	return err
}

// answers lets every connection attempt end with err.
func answers(err error) func(context.Context, string, string) (net.Conn, error) {
	return func(ctx context.Context, network, _ string) (net.Conn, error) {
		if err == nil {
			<-ctx.Done()
			err = ctx.Err()
		}
		return nil, &net.OpError{Op: "dial", Net: network, Err: err}
	}
}

func TestConnectErrors(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		name   string
		dial   func(context.Context, string, string) (net.Conn, error)
		reason error
		text   string
	}{
		{"refused", answers(syscall.ECONNREFUSED), ErrRefused,
			`node "zva5n1": connect 192.168.100.24:22: connection refused`},
		{"unreachable", answers(syscall.EHOSTUNREACH), ErrNoAnswer,
			`node "zva5n1": connect 192.168.100.24:22: no answer: no route to host`},
		{"timeout", answers(nil), ErrNoAnswer,
			`node "zva5n1": connect 192.168.100.24:22: no answer: within 20ms`},
		{"no name", answers(&net.DNSError{Err: "no such host", Name: "x"}), ErrResolve,
			`node "zva5n1": connect 192.168.100.24:22: name not resolved: no such host`},
	} {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			d := newDialer(t)
			d.DialContext, d.Timeout = c.dial, 20*time.Millisecond
			err := dialError(t, d, Target{Name: `node "zva5n1"`, Address: "192.168.100.24"})
			if !errors.Is(err, c.reason) {
				t.Errorf("it is no %v", c.reason)
			}
			if err.Error() != c.text {
				t.Errorf("got  %s\nwant %s", err, c.text)
			}
		})
	}
}

// serve answers every connection with text and closes it.
func serve(t *testing.T, text string) Target {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { l.Close() })
	go func() {
		for {
			c, err := l.Accept()
			if err != nil {
				return
			}
			c.Read(make([]byte, 1024))
			fmt.Fprint(c, text)
			c.Close()
		}
	}()
	return Target{Name: `node "zva5n1"`, Address: "127.0.0.1", Port: l.Addr().(*net.TCPAddr).Port}
}

func TestServerThatIsNoneOrRefuses(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		name, says string
		reason     error
		detail     string
	}{
		{"web server", "HTTP/1.1 400 Bad Request\r\n\r\n", ErrNotSSH, `it said "HTTP/1.1 400 Bad Request"`},
		{"hostile", "\x1b]0;pwned\x07\n", ErrNotSSH, `it said "\\x1b]0;pwned\\a"`},
		{"libwrap", "", ErrHangup, ""},
		{"MaxStartups", "Exceeded MaxStartups\r\n", ErrHangup, `it said "Exceeded MaxStartups"`},
		{"penalty", "Not allowed at this time\r\n", ErrHangup, `it said "Not allowed at this time"`},
		{"in key exchange", "SSH-2.0-OpenSSH_9.2p1\r\n", ErrHangup, ""},
	} {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			err := dialError(t, newDialer(t), serve(t, c.says))
			var ce *ConnectError
			if !errors.As(err, &ce) || !errors.Is(err, c.reason) || ce.Detail != c.detail {
				t.Errorf("got %v, want %v: %s", err, c.reason, c.detail)
			}
		})
	}
}

func TestSilentServer(t *testing.T) {
	t.Parallel()
	s := sshtest.New(t, sshtest.Config{})
	s.Hang(true)
	d := newDialer(t)
	d.Timeout = 30 * time.Millisecond
	err := dialError(t, d, target(s))
	if !errors.Is(err, ErrSilent) {
		t.Errorf("got %v", err)
	}
	contains(t, "error", err.Error(), "no handshake within 30ms")
}

// inMemory returns a server and a dialer for use inside a synctest bubble.
func inMemory(t *testing.T) (*sshtest.Server, *Dialer, Target) {
	t.Helper()
	s := sshtest.New(t, sshtest.Config{InMemory: true})
	d := newDialer(t)
	d.DialContext = s.DialContext
	d.RetryFor = 0
	return s, d, Target{Name: `node "zva5n1"`, Address: "192.168.100.24", IdentityFile: s.IdentityFile(), HostKey: s.HostKey()}
}

func TestRetryAfterHangup(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s, d, to := inMemory(t)
		s.RefuseNext(2, "Exceeded MaxStartups\r\n")
		start := time.Now()
		h := dial(t, d, to)
		if took := time.Since(start); took != 5*time.Second {
			t.Errorf("three tries took %v, want pauses of 1s and 4s", took)
		}
		if s.Connections() != 3 {
			t.Errorf("%d connections", s.Connections())
		}
		h.Close()
		d.Close()
	})
}

func TestRetryEndsWithItsBudget(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s, d, to := inMemory(t)
		s.RefuseNext(100, "")
		start := time.Now()
		err := dialError(t, d, to)
		if took := time.Since(start); took > 30*time.Second || s.Connections() > 6 {
			t.Errorf("%d tries took %v", s.Connections(), took)
		}
		const want = `node "zva5n1": connect 192.168.100.24:22: closed before the SSH handshake was done (6 tries in 29s)`
		if err.Error() != want {
			t.Errorf("got  %s\nwant %s", err, want)
		}
	})
}

// What another try cannot help is not tried again.
func TestNoRetry(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s, d, to := inMemory(t)
		s.Deny(true)
		start := time.Now()
		var denied *AuthError
		if err := dialError(t, d, to); !errors.As(err, &denied) {
			t.Errorf("got %v", err)
		}
		to.HostKey = authorizedKey(sshtest.NewKey(t, "ed25519").PublicKey())
		var changed *HostKeyChangedError
		if err := dialError(t, d, to); !errors.As(err, &changed) {
			t.Errorf("got %v", err)
		}
		if took := time.Since(start); took != 0 || s.Connections() != 2 {
			t.Errorf("%d connections in %v", s.Connections(), took)
		}
	})
}

func TestDialEndsWithItsContext(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s, d, to := inMemory(t)
		s.Hang(true)
		ctx, cancel := context.WithTimeoutCause(t.Context(), time.Second, errors.New("enough"))
		defer cancel()
		start := time.Now()
		_, err := d.Dial(ctx, to)
		if err == nil || !strings.Contains(err.Error(), "enough") || time.Since(start) != time.Second {
			t.Errorf("got %v after %v", err, time.Since(start))
		}
		s.DropConnections()
	})
}

func TestReconnect(t *testing.T) {
	t.Parallel()
	s := sshtest.New(t, sshtest.Config{})
	s.Answer("id", sshtest.Reply{Stdout: "root\n"})
	s.Answer("cut", sshtest.Reply{Stdout: "half", Hangup: true})
	h := dial(t, newDialer(t), target(s))

	_, err := h.Run(t.Context(), Command{Script: "cut"})
	var lost *LostError
	if !errors.As(err, &lost) || !lost.Sent {
		t.Fatalf("got %v", err)
	}
	if want := `node "zva5n1": run: connection lost: the server closed it`; err.Error() != want {
		t.Errorf("got  %s\nwant %s", err, want)
	}
	if res := run(t, h, "id"); string(res.Stdout) != "root\n" {
		t.Errorf("%+v", res)
	}
	if s.Connections() != 2 {
		t.Errorf("%d connections", s.Connections())
	}
}

// A connection that ended without anybody noticing shows when a session is opened:
// nothing was sent, so that is done again.
func TestRunOnDeadConnection(t *testing.T) {
	t.Parallel()
	s := sshtest.New(t, sshtest.Config{})
	s.Answer("id", sshtest.Reply{Stdout: "root\n"})
	h := dial(t, newDialer(t), target(s))
	s.DropAfter(1)
	if res := run(t, h, "id"); string(res.Stdout) != "root\n" || s.Connections() != 2 {
		t.Errorf("%+v over %d connections", res, s.Connections())
	}
}

// It is not done again for ever.
func TestRunOnConnectionsThatDieAtOnce(t *testing.T) {
	t.Parallel()
	s := sshtest.New(t, sshtest.Config{})
	h := dial(t, newDialer(t), target(s))
	s.CutSessions(true)
	_, err := h.Run(t.Context(), Command{Script: "id"})
	var lost *LostError
	if !errors.As(err, &lost) || lost.Sent || s.Connections() != 2 {
		t.Errorf("%v over %d connections", err, s.Connections())
	}
	_, err = h.Job(t.Context(), Job{ID: "run/job", Script: "id"})
	if !errors.As(err, &lost) || lost.Sent {
		t.Errorf("got %v", err)
	}
}

// A host stays the machine that it was: another key is refused, even one that
// known_hosts has for that name too.
func TestReconnectInsistsOnTheSameKey(t *testing.T) {
	t.Parallel()
	s, impostor := sshtest.New(t, sshtest.Config{}), sshtest.New(t, sshtest.Config{})
	d := newDialer(t)
	d.KnownHostsFiles = []string{s.KnownHosts("lb"), impostor.KnownHosts("lb")}
	now := s
	d.DialContext = func(ctx context.Context, network, addr string) (net.Conn, error) {
		return now.DialContext(ctx, network, addr)
	}
	to := target(s)
	to.Address, to.Port, to.HostKey = "lb", 0, ""
	h := dial(t, d, to)
	now = impostor
	s.DropConnections()
	<-h.conn.gone
	_, err := h.Run(t.Context(), Command{Script: "id"})
	var changed *HostKeyChangedError
	if !errors.As(err, &changed) {
		t.Fatalf("got %v", err)
	}
	contains(t, "error", err.Error(), "the key of this run's first connection")
}

func TestClosedHost(t *testing.T) {
	t.Parallel()
	s := sshtest.New(t, sshtest.Config{})
	running, until := make(chan struct{}), make(chan struct{})
	s.AnswerFunc(func(sshtest.Request) (sshtest.Reply, bool) {
		close(running)
		return sshtest.Reply{Until: until}, true
	})
	h := dial(t, newDialer(t), target(s))
	got := make(chan error)
	go func() {
		_, err := h.Run(t.Context(), Command{Script: "wait"})
		got <- err
	}()
	<-running
	h.Close()
	if err := <-got; !errors.Is(err, ErrClosed) {
		t.Errorf("got %v", err)
	}
	close(until)
	if _, err := h.Run(t.Context(), Command{Script: "id"}); !errors.Is(err, ErrClosed) {
		t.Errorf("got %v", err)
	}
}

func TestKeepalive(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s, d, to := inMemory(t)
		s.Answer("wait", sshtest.Reply{Delay: time.Hour})
		h := dial(t, d, to)
		start := time.Now()
		go func() {
			time.Sleep(12 * time.Second)
			s.Freeze(true)
		}()
		_, err := h.Run(t.Context(), Command{Script: "wait"})
		var lost *LostError
		if !errors.As(err, &lost) || !strings.Contains(err.Error(), "no sign of life for 15s") {
			t.Errorf("got %v", err)
		}
		// The keepalive of second 15 is the first without an answer.
		if took := time.Since(start); took < 30*time.Second || took > 31*time.Second {
			t.Errorf("it took %v to notice", took)
		}
		s.Freeze(false)
		h.Close()
		d.Close()
	})
}

// A server that ignores the request and is alive otherwise looks the same.
func TestKeepaliveThatIsIgnored(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s, d, to := inMemory(t)
		s.IgnoreKeepalives(true)
		h := dial(t, d, to)
		start := time.Now()
		<-h.conn.gone
		if took := time.Since(start); took != 20*time.Second {
			t.Errorf("it took %v", took)
		}
		h.Close()
		d.Close()
	})
}

// Eight seconds without the link are survived.
func TestShortCutIsSurvived(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s, d, to := inMemory(t)
		s.Answer("wait", sshtest.Reply{Stdout: "done\n", Delay: 30 * time.Second})
		h := dial(t, d, to)
		go func() {
			time.Sleep(4 * time.Second)
			s.Freeze(true)
			time.Sleep(8 * time.Second)
			s.Freeze(false)
		}()
		if res := run(t, h, "wait"); string(res.Stdout) != "done\n" || s.Connections() != 1 {
			t.Errorf("%+v over %d connections", res, s.Connections())
		}
		h.Close()
		d.Close()
	})
}

// A transport can be stuck so that not even closing it helps, as TCP through a dead
// jump host is. Nobody waits for it.
func TestStuckTransport(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s, d, to := inMemory(t)
		s.Answer("wait", sshtest.Reply{Delay: time.Hour})
		s.Answer("hello", sshtest.Reply{})
		release := make(chan struct{})
		d.DialContext = func(ctx context.Context, network, addr string) (net.Conn, error) {
			c, err := s.DialContext(ctx, network, addr)
			return &stuckConn{c, release}, err
		}
		h := dial(t, d, to)
		check := func(want error, limit time.Duration) {
			start := time.Now()
			_, err := h.Run(t.Context(), Command{Script: "wait"})
			var lost *LostError
			if want == nil && !errors.As(err, &lost) || want != nil && !errors.Is(err, want) {
				t.Errorf("got %v", err)
			}
			if took := time.Since(start); took > limit {
				t.Errorf("it took %v, more than %v", took, limit)
			}
		}
		go func() {
			time.Sleep(3 * time.Second)
			s.Freeze(true)
			s.Hang(true)
		}()
		check(nil, 21*time.Second) // a keepalive and its deadline, and a moment for what has arrived
		d.RetryFor = -1
		check(ErrSilent, 15*time.Second)
		s.Freeze(false)
		s.Hang(false)
		run(t, h, "hello")
		s.Freeze(true)
		s.Hang(true)
		check(ErrSilent, 36*time.Second) // it does not get as far as opening a session
		close(release)
		s.Freeze(false)
		s.DropConnections()
		h.Close()
		d.Close()
	})
}

// A stuckConn is closed only when release is.
type stuckConn struct {
	net.Conn
	release chan struct{}
}

func (c *stuckConn) Close() error {
	<-c.release
	return c.Conn.Close()
}

// What nobody here has chosen is asked about before a connection is opened to it: what a
// name turns out to be as well, and not what ~/.ssh/config says.
func TestAddressesAreAskedAbout(t *testing.T) {
	t.Parallel()
	s := sshtest.New(t, sshtest.Config{})
	none := func(a netip.Addr) error { return fmt.Errorf("%v is nothing for users", a) }
	d := newDialer(t)
	to := target(s)
	to.Allow = none
	for address, want := range map[string]string{
		"127.0.0.1": `127.0.0.1 is nothing for users`, "localhost": `is nothing for users`, "::ffff:127.0.0.1": `::ffff:127.0.0.1 is nothing for users`,
	} {
		to.Address = address
		if err := dialError(t, d, to); !strings.HasPrefix(err.Error(), `node "zva5n1": connect `) || !strings.Contains(err.Error(), want) {
			t.Errorf("%s: %v", address, err)
		}
	}
	if n := s.Connections(); n != 0 {
		t.Errorf("%d connections were opened", n)
	}
	writeConfig(t, d, "")
	d = newDialer(t)
	writeConfig(t, d, "Host zva5n1\n HostName 127.0.0.1\n")
	to.Address = "zva5n1"
	dial(t, d, to)
	to.Allow, to.Address = func(netip.Addr) error { return nil }, "127.0.0.1"
	dial(t, d, to)
	if got := d.Ways(); !slices.Equal(got, []string{"127.0.0.1"}) {
		t.Errorf("ways %q", got)
	}
}

// Through a jump host too an address is asked about; and the ways have both.
func TestAddressesBehindAJumpHostAreAskedAbout(t *testing.T) {
	t.Parallel()
	c := newChain(t)
	c.target.Allow = func(a netip.Addr) error { return fmt.Errorf("%v is nothing for users", a) }
	if err := dialError(t, c.d, c.target); err.Error() != `node "zva5n1": connect 192.168.100.24:22: 192.168.100.24 is nothing for users` {
		t.Errorf("got %v", err)
	}
	if c.outer.Connections() != 0 {
		t.Error("the jump host was connected to")
	}
	c.target.Allow = func(netip.Addr) error { return nil }
	dial(t, c.d, c.target)
	if got := c.d.Ways(); !slices.Contains(got, "192.168.100.24") {
		t.Errorf("ways %q", got)
	}
}

// No key is offered to a host before it has shown the right one: not to an unknown host,
// not to one with another key, not to one that is revoked.
func TestNoKeyIsOfferedToAStranger(t *testing.T) {
	t.Parallel()
	stranger := sshtest.NewKey(t, "ed25519")
	var offered atomic.Int32
	config := &ssh.ServerConfig{
		NoClientAuth:         true,
		NoClientAuthCallback: func(ssh.ConnMetadata) (*ssh.Permissions, error) { offered.Add(1); return nil, errors.New("no") },
		PublicKeyCallback: func(ssh.ConnMetadata, ssh.PublicKey) (*ssh.Permissions, error) {
			offered.Add(1)
			return nil, errors.New("no")
		},
	}
	config.AddHostKey(stranger)
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { l.Close() })
	var served atomic.Int32
	go func() {
		for {
			c, err := l.Accept()
			if err != nil {
				return
			}
			served.Add(1)
			go ssh.NewServerConn(c, config)
		}
	}()
	port := l.Addr().(*net.TCPAddr).Port
	name := fmt.Sprintf("[127.0.0.1]:%d ", port)
	key := filepath.Join(t.TempDir(), "id")
	sshtest.WriteKey(t, "ed25519", key, "")
	to := Target{Name: `node "zva5n1"`, Address: "127.0.0.1", Port: port, IdentityFile: key}
	for _, line := range []string{"", name + authorizedKey(sshtest.NewKey(t, "ed25519").PublicKey()), "@revoked " + name + authorizedKey(stranger.PublicKey())} {
		d := newDialer(t)
		knownHosts(t, d, line)
		dialError(t, d, to)
	}
	to.HostKey = authorizedKey(sshtest.NewKey(t, "ed25519").PublicKey())
	dialError(t, newDialer(t), to)
	if served.Load() != 4 || offered.Load() != 0 {
		t.Errorf("%d connections, on which something was offered %d times", served.Load(), offered.Load())
	}
	// The server notices it when somebody takes it for the right one.
	to.HostKey = authorizedKey(stranger.PublicKey())
	dialError(t, newDialer(t), to)
	if offered.Load() == 0 {
		t.Error("the server does not notice what is offered")
	}
}
