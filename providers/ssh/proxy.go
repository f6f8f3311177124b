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
	if fd, ok := w.settings.Value("ProxyUseFdpass"); ok && (strings.EqualFold(fd.Args[0], "yes") || strings.EqualFold(fd.Args[0], "true")) {
		w.refuse(fd, "ProxyUseFdpass "+fd.Args[0], errors.New("zup takes no connection that a program has opened: leave it out, and name a ProxyCommand that stays there, such as nc %h %p"))
		return nil
	}
	tokens := map[byte]string{}
	for _, token := range []byte("hnprk") {
		tokens[token] = w.tokens[token]
	}
	command, err := w.program(v, v.Args[1], tokens)
	if err != nil {
		w.refuse(v, "ProxyCommand", err)
		return nil
	}
	return &proxyCommand{command: "exec " + command, at: v.At()}
}

// program expands the tokens of a program that the value v names. Nobody but the user may
// choose it, and what others may have chosen, the names of the host and of who logs in, may
// be no more in it than a name.
func (w *words) program(v sshconfig.Value, text string, tokens map[byte]string) (string, error) {
	if w.dialer.Trusted != nil && v.Line > 0 { // else ssh was asked, for which all files are trusted
		if err := w.dialer.Trusted(v.File); err != nil {
			return "", fmt.Errorf("it is not run: %w", err)
		}
	}
	if err := harmless(text, tokens); err != nil {
		return "", err
	}
	return sshconfig.Expand(text, tokens, false)
}

// harmless returns an error if one of the tokens that text uses stands for more than a name.
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
	started, err := d.start([]string{sh, "-c", p.command}, stdin, stdout)
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
	if err == io.EOF { // how it ends is said in errors: by itself, or because it is hung up
		select {
		case <-c.ended:
		case <-time.After(hangupGrace / 4):
		}
	}
	return n, pipeError(err)
}

func (c *piped) Write(b []byte) (int, error) {
	n, err := c.in.Write(b)
	return n, pipeError(err)
}

// pipeError says of a closed file what is said of a closed connection.
func pipeError(err error) error {
	if errors.Is(err, os.ErrClosed) {
		return net.ErrClosed
	}
	return err
}

// Close ends the command. It does not wait for that.
func (c *piped) Close() error {
	err := errors.Join(c.in.Close(), c.out.Close())
	go c.end()
	return pipeError(err)
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
	if err != nil && !errors.Is(err, io.EOF) && !errors.Is(err, syscall.EPIPE) {
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
