package ssh

import (
	"errors"
	"fmt"
	"strconv"
	"strings"
	"time"

	"golang.org/x/crypto/ssh"

	"zup/plan/escape"
	"zup/plan/shell"
)

// What can come of an attempt to connect, for errors.Is on what Dial, Run and
// Job return. A ConnectError unwraps to one of them.
var (
	ErrResolve  = errors.New("name not resolved")                   // the host name has no address
	ErrRefused  = errors.New("connection refused")                  // the host answers, nothing listens on the port
	ErrNoAnswer = errors.New("no answer")                           // nothing came back at all, or no route
	ErrSilent   = errors.New("connected, but the server is silent") // TCP is up, SSH says nothing
	ErrHangup   = errors.New("closed before the SSH handshake was done")
	ErrNotSSH   = errors.New("no SSH handshake") // the two cannot agree, or it is no SSH server
)

// ErrClosed is what a Host says that was closed with Close.
var ErrClosed = errors.New("host is closed")

// ErrNoSession is the answer of a server that allows no further session on a
// connection. Nothing was run.
var ErrNoSession error = new(sessionError)

// Several error types have a method Hint() string that says what to do next, in
// one line, often a command to run. Their text does not name the node: the
// functions of Host and Dialer put it in front.

// A ConnectError tells how far a connection came. It unwraps to one of ErrResolve,
// ErrRefused, ErrNoAnswer, ErrSilent, ErrHangup, ErrNotSSH, and to the cause.
type ConnectError struct {
	Addr   string        // host:port
	Via    string        // user@host:port of the jump host that was asked to connect; "" without
	Reason error         // one of the Err variables
	Detail string        // what is known beyond that, e.g. what the server said; may be empty
	Err    error         // the cause; may be nil
	Tries  int           // how often it was tried
	Took   time.Duration // how long all of it took

	Greeting string // what the server calls itself, "SSH-2.0-…"; "": it has not said
	Narrowed string // the line of ssh_config that leaves no algorithm that the server has; "": none
}

func (e *ConnectError) Error() string {
	var b strings.Builder
	fmt.Fprintf(&b, "connect %s", e.Addr)
	if e.Via != "" {
		fmt.Fprintf(&b, " through %s", e.Via)
	}
	fmt.Fprintf(&b, ": %s", e.values().in(e.trouble().sentence))
	if e.Tries > 1 {
		fmt.Fprintf(&b, " (%d tries in %v)", e.Tries, e.Took.Round(time.Second))
	}
	return b.String()
}

// Unwrap returns the reason and the cause.
func (e *ConnectError) Unwrap() []error { return nonNil(e.Reason, e.Err) }

// Hint says what to look at.
func (e *ConnectError) Hint() string { return e.values().in(e.trouble().hint) }

// negotiation is what the two sides could not agree on; nil if that is not why.
func (e *ConnectError) negotiation() *ssh.AlgorithmNegotiationError {
	var m *ssh.AlgorithmNegotiationError
	if !errors.As(e.Err, &m) || len(m.SupportedAlgorithms) == 0 {
		return nil
	}
	return m
}

// A JumpError says which host of a jump chain failed; the cause is wrapped.
type JumpError struct {
	Hop   string // user@host:port
	Place int    // 1 is the outermost
	Of    int    // length of the chain
	Err   error
}

func (e *JumpError) Error() string {
	return fmt.Sprintf("jump host %d of %d, %s: %v", e.Place, e.Of, e.Hop, e.Err)
}

// Unwrap returns what is wrong with this host.
func (e *JumpError) Unwrap() error { return e.Err }

// A LostError says that a connection ended while something was going on over it.
// What the node does with it is not known; a read may be asked again, on the same
// Host, which connects anew.
type LostError struct {
	Doing string // e.g. "run"
	// Sent says that the script may have reached the node. If it is false,
	// nothing of it was run.
	Sent bool
	Err  error
}

func (e *LostError) Error() string {
	said := ""
	if e.Err != nil {
		said = e.Err.Error()
	}
	return e.Doing + ": " + values{"said": said}.in(e.trouble().sentence)
}

// Hint says what is to be done next.
func (e *LostError) Hint() string { return e.trouble().hint }

// Unwrap returns why the connection ended.
func (e *LostError) Unwrap() error { return e.Err }

// An UnknownHostError says that nobody vouched for a host key.
type UnknownHostError struct {
	Addr        string // host:port
	KeyType     string
	Fingerprint string   // SHA256:…
	KnownHosts  string   // the line that would make the host known
	HostKey     string   // the key as the argument host_key wants it
	Files       []string // where it was looked for
	Jump        string   // of a jump host, the name by which jump_host_keys has it; "": it is the node itself
}

func (e *UnknownHostError) Error() string {
	pin := "  or pin it in the node's ssh block:\n    " + pinLine(e.Jump, e.HostKey)
	if e.Jump != "" {
		pin = "  or pin the jump host, never as the node's own key, in the ssh block of the cluster or the node:\n    " + pinLine(e.Jump, e.HostKey)
	}
	return fmt.Sprintf("%s\n"+
		"  it is the %s key %s\n"+
		"  once you know that it is the right one, add this line to your known_hosts file:\n"+
		"    %s\n%s",
		e.values().in(e.trouble().sentence), e.KeyType, e.Fingerprint, e.KnownHosts, pin)
}

// pinLine is the line of a configuration that pins a key.
func pinLine(jump, key string) string {
	if jump == "" {
		return fmt.Sprintf("host_key = %q", key)
	}
	return fmt.Sprintf("jump_host_keys = { %q = %q }", jump, key)
}

// Hint says how to find out whether the key is right.
func (e *UnknownHostError) Hint() string { return e.values().in(e.trouble().hint) }

// A HostKeyChangedError says that a host has another key than the one that was
// expected. Somebody may sit in between.
type HostKeyChangedError struct {
	Addr                 string // host:port
	Wanted               []ExpectedKey
	KeyType, Fingerprint string // of the key that was offered
	Name                 string // the host as known_hosts names it
	Revoked              bool   // Wanted is the @revoked line that names this very key
	Jump                 string // of a jump host, the name by which jump_host_keys has it; "": it is the node itself
	HostKey              string // the key that was offered, as these arguments want it
}

// A SameKeyError says that a host shows the key of a jump host on the way to it, whoever
// vouches for that key: the jump host itself may be answering.
type SameKeyError struct {
	Addr                 string // host:port
	Jump                 string // user@host:port
	KeyType, Fingerprint string
}

func (e *SameKeyError) Error() string {
	v := at(e.Addr, e.Jump)
	v["said"] = e.KeyType + " " + e.Fingerprint
	return v.in(e.trouble().sentence)
}

// Hint says what to do if nobody means harm.
func (e *SameKeyError) Hint() string { return e.trouble().hint }

// An ExpectedKey is a key that a host should have, and who says so.
type ExpectedKey struct {
	KeyType, Fingerprint string
	Source               string // file:line, or what else vouches for it
	File                 string // the known_hosts file; "" for other sources
}

func (e *HostKeyChangedError) Error() string {
	said := e.values().in(e.trouble().sentence)
	if e.Revoked {
		return said
	}
	var b strings.Builder
	fmt.Fprintf(&b, "%s\n  offered:  %s %s", said, e.KeyType, e.Fingerprint)
	for _, w := range e.Wanted {
		fmt.Fprintf(&b, "\n  expected: %s %s (%s)", w.KeyType, w.Fingerprint, w.Source)
	}
	return b.String()
}

// Hint says what to do when the change is legitimate.
func (e *HostKeyChangedError) Hint() string { return e.values().in(e.trouble().hint) }

func keygenOnHost(keyType string) string {
	name := "*"
	switch {
	case strings.Contains(keyType, "ed25519"):
		name = "ed25519"
	case strings.Contains(keyType, "ecdsa"):
		name = "ecdsa"
	case strings.Contains(keyType, "rsa"):
		name = "rsa"
	}
	return "ssh-keygen -lf /etc/ssh/ssh_host_" + name + "_key.pub"
}

// An AuthError says that the server let nobody in. It names keys by type and
// fingerprint only.
type AuthError struct {
	User, Addr string
	Offers     []string // the methods that the server still accepts
	Keys       []KeyUse // every key that was at hand, in order
	Partial    bool     // a key was accepted, and the server wants something more
	Said       string   // what the server printed when it had accepted a key, escaped; may be empty
	Err        error    // what the server said when it hung up; may be nil
}

// A KeyUse says what became of one key.
type KeyUse struct {
	KeyType, Fingerprint string // "" when the key could not be read
	Source               string // a file, or the agent and its comment
	Outcome              string // e.g. "refused", "not tried", "encrypted, …"

	silent *SilentAgentError // why it was not used
}

func (e *AuthError) Error() string {
	var b strings.Builder
	fmt.Fprintf(&b, "log in to %s as %s: %s", e.Addr, e.User, e.values().in(e.trouble().sentence))
	if e.Err != nil {
		fmt.Fprintf(&b, ": %s", escape.Line(e.Err.Error()))
	}
	if len(e.Offers) > 0 {
		fmt.Fprintf(&b, " (the server accepts %s; zup uses keys only)", escape.Line(strings.Join(e.Offers, ", ")))
	}
	for _, k := range e.Keys {
		fmt.Fprintf(&b, "\n  %s: %s", k.Outcome, escape.Line(strings.TrimSpace(k.Source+" "+k.KeyType+" "+k.Fingerprint)))
	}
	return b.String()
}

// Unwrap returns what the server said when it hung up.
func (e *AuthError) Unwrap() error { return e.Err }

// Hint says whose turn it is.
func (e *AuthError) Hint() string { return e.values().in(e.trouble().hint) }

// A ShellError says that the login shell of the node did not run what it was
// asked to: an account without a shell, a forced command, a menu, no sh or perl.
type ShellError struct {
	User   string        // "" where it is not known
	Exit   int           // -1: there was none
	Output string        // the last lines of what came back instead, escaped
	Waited time.Duration // so long, and it never began; 0: it said no itself
	Flood  int           // so many bytes, and it never began; 0: it said no itself
}

func (e *ShellError) Error() string { return e.values().in(e.trouble().sentence) }

// Hint says what to change on the node.
func (e *ShellError) Hint() string { return e.values().in(e.trouble().hint) }

func (e *ShellError) values() values {
	return values{"said": e.said(), "exit": fmt.Sprintf("exit status %d", e.Exit), "user": shell.Quote(first(e.User, "USER")),
		"waited": e.Waited.String(), "bytes": strconv.Itoa(e.Flood)}
}

// An OutputError says that a script printed more than its Limit. The script was
// not disturbed: it ran to its end, and the Result that comes with this error
// holds the first Limit bytes and its exit status.
type OutputError struct {
	Limit int64
	Bytes int64 // all that it printed to stdout
}

func (e *OutputError) Error() string {
	return fmt.Sprintf("the script printed %d bytes, more than the %d allowed", e.Bytes, e.Limit)
}

// A ConfigError is about a line of ssh_config that decides how to connect and
// that zup cannot follow.
type ConfigError struct {
	File string
	Err  error
	hint string
}

func (e *ConfigError) Error() string { return fmt.Sprintf("read %s: %v", e.File, e.Err) }

// Unwrap returns what is wrong with the file.
func (e *ConfigError) Unwrap() error { return e.Err }

// Hint says how to do without that line.
func (e *ConfigError) Hint() string { return e.hint }

func nonNil(errs ...error) []error {
	var out []error
	for _, err := range errs {
		if err != nil {
			out = append(out, err)
		}
	}
	return out
}
