package ssh

import (
	"context"
	"errors"
	"fmt"
	"io"
	"strings"
	"sync"
	"time"

	"golang.org/x/crypto/ssh"
)

// A Terminal is what somebody sits at.
type Terminal struct {
	In   io.Reader // what is typed; nobody waits for its end
	Out  io.Writer // what the host's shell prints, as it is
	Term string    // its type, as TERM has it

	Columns, Rows int
	Resized       <-chan [2]int // its new columns and rows; nil: it keeps its size
}

// A Login is a connection on which somebody can work by hand.
type Login struct {
	conn *conn
	name string
}

// Login connects as Dial does, by the same way, with the same keys and as the same user, and
// leaves it at that: sudo is not asked for, and no lock is taken.
func (d *Dialer) Login(ctx context.Context, t Target) (*Login, error) {
	name := first(t.Name, t.Address)
	e, err := d.resolve(ctx, t)
	if err != nil {
		return nil, fmt.Errorf("%s: %w", name, err)
	}
	c, err := d.connect(ctx, e, onHangup)
	if err != nil {
		return nil, fmt.Errorf("%s: %w", name, err)
	}
	return &Login{c, name}, nil
}

// Shell runs the login shell of the user at a terminal, which has to be raw, and returns its
// exit status, 128 and the signal's number if a signal ended it. When ctx is done the session
// is hung up.
func (l *Login) Shell(ctx context.Context, t Terminal) (int, error) {
	status, err := l.shell(ctx, t)
	if err != nil {
		return 0, fmt.Errorf("%s: %w", l.name, err)
	}
	return status, nil
}

func (l *Login) shell(ctx context.Context, t Terminal) (int, error) {
	s, err := l.conn.client.NewSession()
	if err != nil {
		return 0, l.conn.why(err)
	}
	defer s.Close()
	for _, variable := range l.conn.env {
		name, value, _ := strings.Cut(variable, "=")
		_ = s.Setenv(name, value) // the server takes what it likes
	}
	if err := s.RequestPty(first(t.Term, "dumb"), t.Rows, t.Columns, ssh.TerminalModes{}); err != nil {
		return 0, fmt.Errorf("the server gives no terminal: %w", err)
	}
	keys := &keyboard{in: t.In, atStart: true, hungUp: make(chan struct{})}
	out := &inTurn{to: t.Out}
	s.Stdin, s.Stdout, s.Stderr = keys, out, out
	if err := s.Shell(); err != nil {
		return 0, fmt.Errorf("the server starts no shell: %w", err)
	}
	ended := make(chan error, 1)
	go func() { ended <- s.Wait() }()
	for {
		select {
		case err := <-ended:
			return l.ended(err)
		case size := <-t.Resized:
			_ = s.WindowChange(size[1], size[0])
		case <-l.conn.gone:
			select { // what has arrived already counts
			case err := <-ended:
				return l.ended(err)
			case <-time.After(lingerFor):
			}
			return 0, &LostError{Doing: "shell", Sent: true, Err: l.conn.cause}
		case <-keys.hungUp:
			return 0, ErrHungUp
		case <-ctx.Done():
			return 0, context.Cause(ctx)
		}
	}
}

// inTurn is a writer that two may write to.
type inTurn struct {
	mu sync.Mutex
	to io.Writer
}

func (w *inTurn) Write(b []byte) (int, error) {
	w.mu.Lock()
	defer w.mu.Unlock()
	return w.to.Write(b)
}

// ErrHungUp says that whoever sat at a terminal has typed ~. at the beginning of a line.
var ErrHungUp = errors.New("hung up: ~. was typed")

// A keyboard is what is typed, without what is meant for zup: ~. at the beginning of a line
// hangs up, and ~~ stands for ~. A terminal that is raw has no other key that ends a session
// whose shell is stuck.
type keyboard struct {
	in      io.Reader
	atStart bool // of a line
	tilde   bool // one is held back
	hungUp  chan struct{}
}

func (k *keyboard) Read(b []byte) (int, error) {
	if len(b) < 2 {
		return 0, io.ErrShortBuffer // a tilde that was held back may come with what follows it
	}
	for {
		typed := make([]byte, len(b)/2)
		n, err := k.in.Read(typed)
		meant, over := k.meant(typed[:n])
		switch {
		case over:
			close(k.hungUp)
			return copy(b, meant), io.EOF
		case len(meant) > 0 || err != nil:
			return copy(b, meant), err
		}
	}
}

// meant returns what of it is for the host, and whether it is over.
func (k *keyboard) meant(typed []byte) (meant []byte, over bool) {
	for _, c := range typed {
		switch {
		case k.tilde && c == '.':
			return meant, true
		case k.tilde && c != '~':
			meant = append(meant, '~', c)
		case k.atStart && !k.tilde && c == '~':
			k.tilde, k.atStart = true, false
			continue
		default:
			meant = append(meant, c)
		}
		k.tilde, k.atStart = false, c == '\r' || c == '\n'
	}
	return meant, false
}

// ended says how a shell has ended.
func (l *Login) ended(err error) (int, error) {
	var exit *ssh.ExitError
	var missing *ssh.ExitMissingError
	switch {
	case err == nil:
		return 0, nil
	case errors.As(err, &exit) && exit.Signal() != "":
		return 128 + signals(exit.Signal()), nil
	case errors.As(err, &exit):
		return exit.ExitStatus(), nil
	case errors.As(err, &missing):
		return 0, &LostError{Doing: "shell", Sent: true, Err: l.conn.why(errNoStatus)}
	}
	return 0, err
}

// Close closes the connection.
func (l *Login) Close() { l.conn.end(ErrClosed) }
