package ssh

import (
	"errors"
	"fmt"
	"strings"
	"time"

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
var ErrNoSession = errors.New("the server opens no further session on this connection, see MaxSessions in its sshd_config")

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
}

func (e *ConnectError) Error() string {
	var b strings.Builder
	fmt.Fprintf(&b, "connect %s", e.Addr)
	if e.Via != "" {
		fmt.Fprintf(&b, " through %s", e.Via)
	}
	fmt.Fprintf(&b, ": %v", e.Reason)
	if e.Detail != "" {
		fmt.Fprintf(&b, ": %s", e.Detail)
	}
	if e.Tries > 1 {
		fmt.Fprintf(&b, " (%d tries in %v)", e.Tries, e.Took.Round(time.Second))
	}
	return b.String()
}

// Unwrap returns the reason and the cause.
func (e *ConnectError) Unwrap() []error { return nonNil(e.Reason, e.Err) }

// Hint says what to look at.
func (e *ConnectError) Hint() string {
	switch e.Reason {
	case ErrResolve:
		return "check the address, or give the node's IP address"
	case ErrRefused:
		return "is sshd running there, and is this its port?"
	case ErrNoAnswer:
		return "check the address, the route to it and the firewalls between"
	case ErrSilent:
		return "the host is up but sshd does not speak: look at its load and its log"
	case ErrHangup:
		return e.hangup()
	case ErrNotSSH:
		if hint := e.disagreement(); hint != "" {
			return hint
		}
		return "is this the port of an SSH server?"
	}
	return ""
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

func (e *LostError) Error() string { return fmt.Sprintf("%s: connection lost: %v", e.Doing, e.Err) }

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
	where := "there is no known_hosts file"
	if len(e.Files) > 0 {
		where = "it is not in " + strings.Join(e.Files, ", ")
	}
	what, pin := "host key of", "  or pin it in the node's ssh block:\n    "+pinLine(e.Jump, e.HostKey)
	if e.Jump != "" {
		what, pin = "host key of the jump host", "  or pin the jump host, never as the node's own key, in the ssh block of the cluster or the node:\n    "+pinLine(e.Jump, e.HostKey)
	}
	return fmt.Sprintf("%s %s is unknown: %s\n"+
		"  it is the %s key %s\n"+
		"  once you know that it is the right one, add this line to your known_hosts file:\n"+
		"    %s\n%s",
		what, e.Addr, where, e.KeyType, e.Fingerprint, e.KnownHosts, pin)
}

// pinLine is the line of a configuration that pins a key.
func pinLine(jump, key string) string {
	if jump == "" {
		return fmt.Sprintf("host_key = %q", key)
	}
	return fmt.Sprintf("jump_host_keys = { %q = %q }", jump, key)
}

// Hint says how to find out whether the key is right.
func (e *UnknownHostError) Hint() string {
	if e.Jump != "" {
		return "compare the fingerprint on the jump host's own console: " + keygenOnHost(e.KeyType)
	}
	return "compare the fingerprint on the node's own console: " + keygenOnHost(e.KeyType)
}

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
	return fmt.Sprintf("%s shows the same host key as the jump host %s, which may be answering in its place: %s %s", e.Addr, e.Jump, e.KeyType, e.Fingerprint)
}

// Hint says what to do if nobody means harm.
func (e *SameKeyError) Hint() string {
	return "host_key is the node's own key, and jump_host_keys has those of jump hosts; machines that were copied from each other need keys of their own: rm /etc/ssh/ssh_host_*; dpkg-reconfigure openssh-server"
}

// An ExpectedKey is a key that a host should have, and who says so.
type ExpectedKey struct {
	KeyType, Fingerprint string
	Source               string // file:line, or what else vouches for it
	File                 string // the known_hosts file; "" for other sources
}

func (e *HostKeyChangedError) Error() string {
	var b strings.Builder
	if e.Revoked {
		fmt.Fprintf(&b, "host key of %s is revoked: %s %s", e.Addr, e.KeyType, e.Fingerprint)
		for _, w := range e.Wanted {
			fmt.Fprintf(&b, ", by %s", w.Source)
		}
		return b.String()
	}
	fmt.Fprintf(&b, "host key of %s is not the expected one: somebody may be listening in\n  offered:  %s %s", e.Addr, e.KeyType, e.Fingerprint)
	for _, w := range e.Wanted {
		fmt.Fprintf(&b, "\n  expected: %s %s (%s)", w.KeyType, w.Fingerprint, w.Source)
	}
	return b.String()
}

// Hint says what to do when the change is legitimate.
func (e *HostKeyChangedError) Hint() string {
	if e.Revoked {
		return "do not connect; the host needs a new key"
	}
	check := "compare on the node's own console: " + keygenOnHost(e.KeyType)
	if e.Jump != "" {
		check = "compare on the jump host's own console: " + keygenOnHost(e.KeyType)
	}
	for _, w := range e.Wanted {
		if w.File != "" {
			return fmt.Sprintf("%s; if the host was reinstalled: %s", check, shell.Command("ssh-keygen", "-f", w.File, "-R", e.Name))
		}
	}
	if e.Jump != "" {
		return check + "; if the key was replaced: " + pinLine(e.Jump, e.HostKey)
	}
	return check + "; if the key was replaced, replace it there too"
}

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
	fmt.Fprintf(&b, "log in to %s as %s: ", e.Addr, e.User)
	switch {
	case e.Partial:
		b.WriteString("the key was accepted, but the server wants more than a key")
	case len(e.Keys) == 0:
		b.WriteString("there is no key to log in with")
	default:
		b.WriteString("no key was accepted")
	}
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

// Hint says how to give zup a key that the server knows.
func (e *AuthError) Hint() string {
	refused := 0
	for _, k := range e.Keys {
		switch {
		case k.silent != nil:
			return k.silent.Hint()
		case k.Outcome == outcomeSecurityKey:
			return "load it into an agent, and have it within reach: " + shell.Command("ssh-add", shell.File(k.Source))
		case k.Outcome == outcomeEncrypted:
			return "load the key into an agent: " + shell.Command("ssh-add", shell.File(k.Source))
		case k.Outcome == outcomeNotTried:
			return "the server hung up before every key was tried: name the right one with identity_file, and set IdentitiesOnly yes in ~/.ssh/config"
		case k.Outcome == outcomeRefused:
			refused++
		}
	}
	if e.Partial {
		return "zup cannot answer passwords or codes: let the server accept a key alone for this user"
	}
	if refused == 0 {
		return "name a key with identity_file, or load one into an agent with ssh-add"
	}
	return fmt.Sprintf("let the key in: ssh-copy-id -i FILE.pub %s", shell.Quote(e.User+"@"+hostOnly(e.Addr)))
}

// A ShellError says that the login shell of the node did not run what it was
// asked to: an account without a shell, a forced command, a menu, no sh or perl.
type ShellError struct {
	Exit   int
	Output string        // the last lines of what came back instead, escaped
	Waited time.Duration // so long, and it never began; 0: it said no itself
	Flood  int           // so many bytes, and it never began; 0: it said no itself
}

func (e *ShellError) Error() string {
	text := "it said nothing"
	if e.Output != "" {
		text = e.Output
	}
	if e.Flood > 0 {
		return fmt.Sprintf("the account printed %d bytes and did not begin with what it was asked to run; the last of it: %s", e.Flood, text)
	}
	if e.Waited > 0 {
		return fmt.Sprintf("the account did not begin with what it was asked to run within %v: %s", e.Waited, text)
	}
	return fmt.Sprintf("the account does not run commands (exit status %d): %s", e.Exit, text)
}

// Hint says what to try by hand.
func (e *ShellError) Hint() string {
	return "the account needs a shell such as /bin/sh and no forced command: try ssh with the command: sh -c 'echo ok'"
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
