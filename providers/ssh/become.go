package ssh

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"strings"
	"sync"

	"golang.org/x/crypto/ssh"

	"zup/plan/escape"
)

// How a user other than root becomes root, as Target.Become says it.
const (
	BecomeSudo         = "sudo"          // sudo -n, whose rule asks for no password
	BecomeSudoPassword = "sudo-password" // sudo, with the password of Dialer.SudoPassword
	BecomeDoas         = "doas"          // doas -n, whose rule asks for no password
)

// Becomes are the values that Target.Become may have besides "", which is BecomeSudo.
var Becomes = []string{BecomeSudo, BecomeSudoPassword, BecomeDoas}

// A door is how sessions on a host become root.
type door struct {
	how       string // one of Becomes; "": root has logged in
	user, at  string // who it is, and where
	passwords *passwords
}

// command is the command line of a session. asks is what sudo prints when it wants the
// password, and begins the line that says that it did not or that it was right; both are
// new each time, so that nothing that the account prints passes for them.
func (d door) command() (line, asks, begins string) {
	switch d.how {
	case "":
		return bootstrap, "", ""
	case BecomeDoas:
		return "doas -n " + bootstrap, "", ""
	case BecomeSudoPassword:
		// sudo prints one % for two: a shell that prints each command that it runs does not
		// print what is waited for. The same holds for the two words of echo.
		nonce := newMark()
		return fmt.Sprintf(`sudo -S -p '%s%%%%asks' %s %s`, nonce, strings.Replace(bootstrap, "sh -c '", `sh -c 'echo "$1-$2"; `, 1), nonce+" begins"),
			nonce + "%asks", nonce + "-begins"
	}
	return "sudo -n " + bootstrap, "", ""
}

// tried is how errors call it.
func tried(how string) string {
	switch how {
	case BecomeDoas:
		return "doas -n"
	case BecomeSudoPassword:
		return "sudo"
	}
	return "sudo -n"
}

// passwords are those with which users become root, as long as a Dialer lives: asked for
// once for each user, whichever host is first, and kept nowhere but here.
type passwords struct {
	ask func(ctx context.Context, user, host string) ([]byte, error) // nil: nobody is asked

	turn    sync.Mutex // held while asking: one question at a time
	by      map[string]password
	refused map[string]bool // by user and host
}

type password struct {
	text []byte
	err  error
}

// ErrNobodyToAsk is why a password does not come.
var ErrNobodyToAsk = errors.New("sudo-password is for people at a terminal, and nobody is asked here")

func (p *passwords) of(ctx context.Context, user, host string) ([]byte, error) {
	if p.ask == nil {
		return nil, ErrNobodyToAsk
	}
	p.turn.Lock()
	defer p.turn.Unlock()
	if known, ok := p.by[user]; ok {
		return known.text, known.err
	}
	if err := ctx.Err(); err != nil {
		return nil, context.Cause(ctx)
	}
	text, err := p.ask(ctx, user, host)
	if err == nil && bytes.ContainsAny(text, "\n\x00") {
		err = errors.New("it has more than one line")
	}
	if ctx.Err() != nil {
		return text, err
	}
	if p.by == nil {
		p.by = map[string]password{}
	}
	p.by[user] = password{text, err}
	return text, err
}

// refuse remembers that a host did not take the password. It is not tried there again: an
// account may be locked after a few.
func (p *passwords) refuse(user, host string) {
	p.turn.Lock()
	defer p.turn.Unlock()
	if p.refused == nil {
		p.refused = map[string]bool{}
	}
	p.refused[user+"@"+host] = true
}

func (p *passwords) isRefused(user, host string) bool {
	p.turn.Lock()
	defer p.turn.Unlock()
	return p.refused[user+"@"+host]
}

// forget overwrites them.
func (p *passwords) forget() {
	p.turn.Lock()
	defer p.turn.Unlock()
	for _, known := range p.by {
		clear(known.text)
	}
	p.by = nil
}

// An entrance is what a session does before it sends anything: sudo may ask for the
// password, on standard input, which must not get to what runs behind it.
type entrance struct {
	door         door
	asks, begins string
	asked        chan struct{} // holds one token when sudo has asked once more
	changes      chan struct{} // holds one token when sudo wants the password to be changed
	open         chan struct{} // closed when what was asked to run has begun
	once         sync.Once

	mu   sync.Mutex
	text []byte // of what came last on standard error
	sent []byte // the password that was sent; nil: none
	err  error  // why there is no way in
}

func newEntrance(d door, asks, begins string) *entrance {
	if asks == "" {
		return nil
	}
	return &entrance{door: d, asks: asks, begins: begins, asked: make(chan struct{}, 1), changes: make(chan struct{}, 1), open: make(chan struct{})}
}

// Write listens to standard error.
func (e *entrance) Write(p []byte) (int, error) {
	e.mu.Lock()
	defer e.mu.Unlock()
	e.text = append(e.text, p...)
	if i := bytes.LastIndex(e.text, []byte(e.asks)); i >= 0 {
		e.text = append(e.text[:0], e.text[i+len(e.asks):]...)
		select {
		case e.asked <- struct{}{}:
		default:
		}
	}
	if bytes.Contains(e.text, []byte(newPassword)) {
		select {
		case e.changes <- struct{}{}:
		default:
		}
	}
	e.text = e.text[max(0, len(e.text)-max(len(e.asks), len(newPassword))):]
	return len(p), nil
}

// newPassword is what sudo says before it has somebody change an expired password.
const newPassword = "password is expired, reset your password and try again"

// begun is told that what was asked to run has begun.
func (e *entrance) begun() { e.once.Do(func() { close(e.open) }) }

// pass returns when the way is free, and reports whether it is. It does not return before
// the session ends otherwise.
func (e *entrance) pass(ctx context.Context, s *session) bool {
	for {
		select {
		case <-e.open:
			return true
		case <-s.exited:
			return false
		case <-e.changes: // it asks for the one that there is and a new one
			s.ch.CloseWrite()
			return false
		case <-e.asked:
			if err := e.answer(ctx, s); err != nil {
				e.mu.Lock()
				e.err = err
				e.mu.Unlock()
				s.ch.CloseWrite()
				return false
			}
		}
	}
}

// errWrongPassword is why sudo asks once more.
var errWrongPassword = errors.New("the password is not right there")

func (e *entrance) answer(ctx context.Context, s *session) error {
	d := e.door
	e.mu.Lock()
	again := e.sent != nil
	e.mu.Unlock()
	if again {
		d.passwords.refuse(d.user, d.at)
	}
	if d.passwords.isRefused(d.user, d.at) {
		return errWrongPassword
	}
	resume := s.clock.pause()
	text, err := d.passwords.of(ctx, d.user, d.at)
	resume()
	if err != nil {
		return err
	}
	e.mu.Lock()
	e.sent = text
	e.mu.Unlock()
	_, err = s.ch.Write(append(bytes.Clone(text), '\n'))
	return err
}

// failed returns why there was no way in; nil if that is not what ended the session.
func (e *entrance) failed() error {
	if e == nil {
		return nil
	}
	e.mu.Lock()
	defer e.mu.Unlock()
	return e.err
}

// without takes what must not be seen out of what an account has printed: our own words,
// and the password if something repeats what it reads.
func (e *entrance) without(said []byte) []byte {
	if e == nil {
		return said
	}
	e.mu.Lock()
	defer e.mu.Unlock()
	for _, word := range []string{e.asks, e.begins} {
		said = bytes.ReplaceAll(said, []byte(word), nil)
	}
	if len(e.sent) > 0 {
		said = bytes.ReplaceAll(said, e.sent, []byte("(the password)"))
	}
	return said
}

// door returns how sessions of this host become root.
func (h *Host) door() door {
	return door{how: h.of.becomes(), user: h.of.user, at: h.of.addr, passwords: h.dialer.sudoPasswords()}
}

// becomes is how who logs in becomes root, "" for root. The account of a reader has a rule
// of its own, for sudo -n: the same configuration serves those who may change something.
func (e *endpoint) becomes() string {
	switch e.user {
	case "root":
		return ""
	case readerWord:
		return BecomeSudo
	}
	return first(e.become, BecomeSudo)
}

// MayWantPassword reports whether Dial may call SudoPassword for t. It connects to nothing.
func (d *Dialer) MayWantPassword(ctx context.Context, t Target) (bool, error) {
	if t.Become != BecomeSudoPassword {
		return false, nil
	}
	e, err := d.resolve(ctx, t)
	return err == nil && e.becomes() == BecomeSudoPassword, err
}

// becomeRoot finds out whether the user can become root.
func (h *Host) becomeRoot(ctx context.Context, c *conn) error {
	d := h.door()
	if d.how == BecomeSudoPassword && h.dialer.SudoPassword == nil {
		return &SudoError{User: d.user, How: d.how, Err: ErrNobodyToAsk}
	}
	res, err := c.run(ctx, d, Command{Script: "id -u"})
	refused := SudoError{User: d.user, How: d.how}
	var shell *ShellError
	var entry *entryError
	var reader *ReaderError
	switch {
	case errors.As(err, &reader) && reader.Reader != nil && reader.Reader.Protocol == ReaderProtocol:
		return nil // it is root where it reads, and what it does not do it says when it is asked
	case errors.As(err, &reader):
		return err
	case errors.As(err, &entry):
		refused.Err, refused.Output = entry.err, entry.said
	case errors.As(err, &shell) && (shell.Waited > 0 || shell.Flood > 0):
		refused.Err, refused.Output = shell, shell.Output
	case errors.As(err, &shell) && shell.ofAccount():
		return err // neither sudo nor doas was even started
	case errors.As(err, &shell):
		refused.Output = shell.Output
		if d.how == BecomeSudoPassword && strings.Contains(shell.Output, "incorrect password attempt") { // and no more tries
			d.passwords.refuse(d.user, d.at)
			refused.Err = errWrongPassword
		}
	case err != nil:
		return err
	case res.Exit >= 125 && strings.Contains(string(res.Stderr), "Permission denied"): // of the first program that it was to start
		refused.Output, refused.NoExec = escape.Tail(string(res.Stderr), 3), true
	case string(res.Stdout) != "0\n":
		refused.Output = fmt.Sprintf("it made us user %q instead of root", res.Stdout)
	default:
		return nil
	}
	return &refused
}

// An entryError says that sudo let nobody in, and that it is no matter of the account's shell.
type entryError struct {
	err  error
	said string
}

func (e *entryError) Error() string { return e.err.Error() }
func (e *entryError) Unwrap() error { return e.err }

func (d *Dialer) sudoPasswords() *passwords {
	d.mu.Lock()
	defer d.mu.Unlock()
	if d.passwords == nil {
		d.passwords = &passwords{ask: d.SudoPassword}
	}
	return d.passwords
}

// listenToErrors copies what comes on standard error to where it is kept, and to the entrance.
func (s *session) listenToErrors(ch ssh.Channel) {
	defer close(s.errEOF)
	var to io.Writer = s.stderr
	if s.entrance != nil {
		to = io.MultiWriter(s.stderr, s.entrance)
	}
	io.Copy(to, ch.Stderr())
}
