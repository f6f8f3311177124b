package ssh

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"os"
	"strings"
	"syscall"
	"time"

	"zup/plan/escape"
	"zup/providers/ssh/sshconfig"
)

// ErrProxy is the reason of a ConnectError whose ProxyCommand could not be started, or
// ended before an SSH server had said anything through it.
var ErrProxy = errors.New("the command led to no SSH server")

// A proxyCommand stands for the connection to an endpoint: the server is at its other end.
type proxyCommand struct {
	command string // for the shell
	at      string // FILE:LINE of ssh_config
}

// String is how errors call it.
func (p *proxyCommand) String() string { return "the ProxyCommand of " + p.at }

// proxied returns what ProxyCommand says about t, nil where nobody does, or where whoever
// names the host says how to get there.
func (r *resolver) proxied(t Target, w *words) *proxyCommand {
	v, ok := w.settings.Value("proxy")
	if !ok || t.Jump != nil || !strings.EqualFold(v.Args[0], "ProxyCommand") || strings.EqualFold(v.Args[1], "none") {
		return nil
	}
	if fd, _ := w.settings.Value("ProxyUseFdpass"); w.yes("ProxyUseFdpass") {
		w.refuse(fd, "ProxyUseFdpass "+fd.Args[0], errors.New("zup takes no connection that a program has opened: leave it out, and name a ProxyCommand that stays there, such as nc %h %p"))
		return nil
	}
	tokens := map[byte]string{}
	for _, token := range []byte("hnprk") {
		tokens[token] = w.tokens[token]
	}
	err := errors.Join(w.own(v), harmless(v.Args[1], tokens))
	var command string
	if err == nil {
		command, err = sshconfig.Expand(v.Args[1], tokens, false)
	}
	if err != nil {
		w.refuse(v, "ProxyCommand", err)
		return nil
	}
	return &proxyCommand{command: "exec " + command, at: v.At()}
}

// own returns an error for a line that names a program and may not be the user's own.
func (w *words) own(v sshconfig.Value) error {
	if w.dialer.Trusted == nil || v.Line == 0 { // ssh was asked, for which all files are trusted
		return nil
	}
	if err := w.dialer.Trusted(v.File); err != nil {
		return &foreignProgramError{err}
	}
	return nil
}

// A foreignProgramError says that a program is not run because others may have named it.
type foreignProgramError struct{ err error }

func (e *foreignProgramError) Error() string { return "it is not run: " + e.err.Error() }
func (e *foreignProgramError) Unwrap() error { return e.err }

// harmless returns an error if one of the tokens that text uses stands for more than a name:
// who has named the host, and who logs in there, need not be the user.
func harmless(text string, tokens map[byte]string) error {
	for i := 0; i+1 < len(text); i++ {
		if text[i] != '%' {
			continue
		}
		i++
		if value := tokens[text[i]]; value != "" && !word.MatchString(value) {
			return fmt.Errorf("%%%c is %q, and a shell may read that as more than a name", text[i], value)
		}
	}
	return nil
}

// dial starts the command. It is ended with the connection.
func (p *proxyCommand) dial(d *Dialer) (net.Conn, error) {
	sh, err := shellOf(d.environ())
	if err != nil {
		return nil, err
	}
	stdin, in, err := os.Pipe()
	if err != nil {
		return nil, err
	}
	out, stdout, err := os.Pipe()
	if err != nil {
		stdin.Close()
		in.Close()
		return nil, err
	}
	started, err := d.start([]string{sh, "-c", p.command}, streams{in: stdin, out: stdout})
	if err != nil {
		in.Close()
		out.Close()
		return nil, err
	}
	return &piped{process: started, of: p, in: in, out: out}, nil
}

// piped is the connection that a command stands for.
type piped struct {
	*process
	of  *proxyCommand
	in  *os.File // its standard input
	out *os.File // its standard output
}

func (c *piped) Read(b []byte) (int, error) {
	n, err := c.out.Read(b)
	return n, c.over(err)
}

// Write takes whatever is written, also where the command reads no more: how it has ended,
// and what it said before, is there to be read.
func (c *piped) Write(b []byte) (int, error) {
	n, err := c.in.Write(b)
	if errors.Is(err, syscall.EPIPE) {
		return len(b), nil
	}
	return n, c.over(err)
}

// over returns the error of a connection for that of a pipe. Errors say whether the command
// has ended by itself: where it is about to, that is waited for before it is hung up.
func (c *piped) over(err error) error {
	switch {
	case errors.Is(err, os.ErrClosed):
		return net.ErrClosed
	case err == io.EOF:
		select {
		case <-c.ended:
		case <-time.After(hangupGrace / 4):
		}
	}
	return err
}

// Close ends the command. It does not wait for that.
func (c *piped) Close() error {
	err := errors.Join(c.in.Close(), c.out.Close())
	go c.end()
	return err
}

func (c *piped) LocalAddr() net.Addr  { return c }
func (c *piped) RemoteAddr() net.Addr { return c }

// Network and String make it its own address: the command is all that is known of it.
func (c *piped) Network() string { return "ProxyCommand" }
func (c *piped) String() string  { return c.of.String() }

func (c *piped) SetDeadline(t time.Time) error {
	return errors.Join(c.SetReadDeadline(t), c.SetWriteDeadline(t))
}
func (c *piped) SetReadDeadline(t time.Time) error  { return c.out.SetReadDeadline(t) }
func (c *piped) SetWriteDeadline(t time.Time) error { return c.in.SetWriteDeadline(t) }

// detail adds what the command has to say to the detail of an error. An end with status 0 is
// the server's, which has closed the connection.
func (c *piped) detail(detail string) (more string, failed bool) {
	status, text := c.said()
	var all []string
	if detail != "" {
		all = append(all, detail)
	}
	if status != "" {
		all = append(all, "the command has ended ("+status+")")
	}
	if text != "" {
		all = append(all, "the command said: "+text)
	}
	return strings.Join(all, "; "), status != "" && status != "exit status 0"
}

// explain is what a handshake that failed says where a command is in between.
func (c *piped) explain(s *handshake, e *ConnectError) error {
	e.Via = first(s.via, c.of.String())
	detail, failed := c.detail(e.Detail)
	e.Detail = detail
	if failed && s.conn.text() == "" && errors.Is(e.Reason, ErrHangup) {
		e.Reason, e.Err = ErrProxy, &proxyError{c.of, e.Err}
	}
	return e
}

// lost says why a connection has ended that had worked.
func (c *piped) lost(err error) error {
	if err != nil && !errors.Is(err, io.EOF) {
		return err
	}
	detail, _ := c.detail("")
	return errors.New(c.of.String() + ": " + first(detail, "the server closed the connection"))
}

// A proxyError keeps which command it was, for the hint.
type proxyError struct {
	of  *proxyCommand
	err error
}

func (e *proxyError) Error() string { return e.of.String() + ": " + e.err.Error() }
func (e *proxyError) Unwrap() error { return e.err }

// wayFrom is how connections to e are opened from here, and through what.
func (d *Dialer) wayFrom(e *endpoint) (dial func(context.Context, string) (net.Conn, error), via string) {
	if e.proxy == nil {
		return d.dialFrom(e), ""
	}
	return func(_ context.Context, addr string) (net.Conn, error) {
		if err := e.allowed(hostOnly(addr)); err != nil {
			return nil, err
		}
		c, err := e.proxy.dial(d)
		if err != nil {
			return nil, &ConnectError{Addr: e.addr, Via: e.proxy.String(), Reason: ErrProxy, Detail: escape.Line(err.Error()), Err: &proxyError{e.proxy, err}}
		}
		return c, nil
	}, e.proxy.String()
}
