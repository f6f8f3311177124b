package ssh

import (
	"errors"
	"fmt"
	"io"
	"os"
	"regexp"
	"slices"
	"strings"
	"testing"
	"time"

	"golang.org/x/crypto/ssh"
)

// kindOf is the kind that an error is of, "" where it has none.
func kindOf(err error) string {
	var e interface{ trouble() trouble }
	switch {
	case errors.Is(err, ErrNoSession):
		return troubleOf(endSession, "").kind
	case errors.As(err, &e):
		return e.trouble().kind
	}
	return ""
}

// examples has one error of each kind.
func exampleOfEachTrouble() map[string]error {
	connect := func(reason error, detail string) *ConnectError {
		return &ConnectError{Addr: "lb1:22", Reason: reason, Detail: detail}
	}
	via := func(reason error, detail string) *ConnectError {
		return &ConnectError{Addr: "lb1:22", Via: "ops@bastion:22", Reason: reason, Detail: detail}
	}
	greeted := func(reason error, detail string) *ConnectError {
		return &ConnectError{Addr: "lb1:22", Reason: reason, Detail: detail, Greeting: "SSH-2.0-OpenSSH_9.2p1"}
	}
	disagree := func(what, narrowed string) *ConnectError {
		return &ConnectError{Addr: "lb1:22", Reason: ErrNotSSH, Detail: "no common algorithm for " + what, Greeting: "SSH-2.0-old", Narrowed: narrowed,
			Err: &ssh.AlgorithmNegotiationError{What: what, SupportedAlgorithms: []string{"ours"}, RequestedAlgorithms: []string{"theirs"}}}
	}
	cert := func(said string) error { return &HostCertError{"lb1:22", "lb1", errors.New(said)} }
	login := func(outcome string, more func(*AuthError)) error {
		e := &AuthError{User: "ops", Addr: "lb1:22", Offers: []string{"publickey"}, Keys: []KeyUse{{KeyType: "ssh-ed25519", Fingerprint: "SHA256:aaa", Source: "/k", Outcome: outcome}}}
		if more != nil {
			more(e)
		}
		return e
	}
	said := func(text string) func(*AuthError) { return func(e *AuthError) { e.Said = text } }
	shell := func(exit int, output string) error { return &ShellError{User: "ops", Exit: exit, Output: output} }
	lost := func(err error) error { return &LostError{Doing: "run", Sent: true, Err: err} }
	return map[string]error{
		"unknown name":                                      connect(ErrResolve, "no such host"),
		"name server in trouble":                            connect(ErrResolve, "server misbehaving"),
		"name unknown to the jump host":                     via(ErrResolve, "Name or service not known"),
		"jump host's name server in trouble":                via(ErrResolve, "Temporary failure in name resolution"),
		"refused":                                           connect(ErrRefused, ""),
		"refused behind a jump host":                        via(ErrRefused, ""),
		"no route to the machine":                           connect(ErrNoAnswer, "no route to host"),
		"network unreachable":                               connect(ErrNoAnswer, "network is unreachable"),
		"forbidden here":                                    connect(ErrNoAnswer, "operation not permitted"),
		"address to connect from is not here":               connect(ErrNoAnswer, "cannot assign requested address"),
		"too few files allowed":                             connect(ErrNoAnswer, "too many open files"),
		"time-out":                                          connect(ErrNoAnswer, "within 15s"),
		"no connection":                                     connect(ErrNoAnswer, "protocol not available"),
		"jump host does not forward":                        via(ErrNoAnswer, "the jump host does not forward connections: AllowTcpForwarding or PermitOpen in its sshd_config"),
		"no route from the jump host":                       via(ErrNoAnswer, "No route to host"),
		"network unreachable from the jump host":            via(ErrNoAnswer, "Network is unreachable"),
		"time-out behind a jump host":                       via(ErrNoAnswer, "within 15s"),
		"jump host can't connect":                           via(ErrNoAnswer, "open failed"),
		"ProxyCommand that leads nowhere":                   &ConnectError{Addr: "lb1:22", Via: "the ProxyCommand of /c:3", Reason: ErrProxy, Detail: "the command has ended (exit status 1)", Err: &proxyError{&proxyCommand{command: "exec nc lb1 22"}, io.EOF}},
		"closed before the greeting, behind a ProxyCommand": &ConnectError{Addr: "lb1:22", Via: "the ProxyCommand of /c:3", Reason: ErrHangup, Detail: "the command has ended (exit status 0)"},
		"a proxy's answer, behind a ProxyCommand":           &ConnectError{Addr: "lb1:22", Via: "the ProxyCommand of /c:3", Reason: ErrNotSSH, Detail: `it said "HTTP/1.0 403 no"`},
		"not SSH, behind a ProxyCommand":                    &ConnectError{Addr: "lb1:22", Via: "the ProxyCommand of /c:3", Reason: ErrNotSSH, Detail: `it said "hello"`},
		"ProxyCommand ended":                                lost(errors.New("the ProxyCommand of /c:3: the command has ended (exit status 1)")),
		"no end of the login":                               greeted(ErrSilent, "no end of the login within 15s"),
		"silent after the greeting":                         greeted(ErrSilent, "no handshake within 15s, after its greeting"),
		"silent":                                            connect(ErrSilent, "no handshake within 15s"),
		"too many connections begun (MaxStartups)":          connect(ErrHangup, `it said "Exceeded MaxStartups"`),
		"penalty, or too many connections begun (PerSourcePenalties, MaxStartups)": connect(ErrHangup, `it said "Not allowed at this time"`),
		"turned away with a message":                     connect(ErrHangup, `it said "no more"`),
		"closed before the greeting":                     connect(ErrHangup, ""),
		"closed before the greeting, behind a jump host": via(ErrHangup, ""),
		"turned away with a message, after the greeting": greeted(ErrHangup, `the server said "no more"`),
		"closed after the greeting":                      greeted(ErrHangup, ""),
		"a web server":                                   connect(ErrNotSSH, `it said "HTTP/1.1 400 Bad Request"`),
		"a TLS server":                                   connect(ErrNotSSH, `it said "\\x15\\x03\\x01"`),
		"an FTP server":                                  connect(ErrNotSSH, `it said "220 (vsFTPd 3.0.3)"`),
		"a mail server":                                  connect(ErrNotSSH, `it said "220 mx.example.net ESMTP Postfix"`),
		"a VNC server":                                   connect(ErrNotSSH, `it said "RFB 003.008"`),
		"an rsync server":                                connect(ErrNotSSH, `it said "@RSYNCD: 31.0"`),
		"a database":                                     connect(ErrNotSSH, `it said "J\\x00\\x00\\x005.5.5-10.11.6-MariaDB"`),
		"SSH 1":                                          &ConnectError{Addr: "lb1:22", Reason: ErrNotSSH, Detail: `it said "SSH-1.5-Cisco-1.25"`, Greeting: "SSH-1.5-Cisco-1.25"},
		"damaged after the greeting":                     greeted(ErrNotSSH, "ssh: MAC failure"),
		"not SSH":                                        connect(ErrNotSSH, `it said "hello"`),
		"no common key exchange":                         disagree("key exchange", ""),
		"no common host key algorithm":                   disagree("host key", ""),
		"no common cipher":                               disagree("client to server cipher", ""),
		"no common MAC":                                  disagree("server to client MAC", ""),
		"no common algorithm":                            disagree("compression", ""),
		"no common algorithm, by ssh_config":             disagree("key exchange", "KexAlgorithms at /home/anna/.ssh/config:3"),
		"host key unknown":                               &UnknownHostError{Addr: "lb1:22", KeyType: "ssh-ed25519", Fingerprint: "SHA256:aaa", KnownHosts: "lb1 ssh-ed25519 AAAA", HostKey: "ssh-ed25519 AAAA"},
		"host key changed":                               &HostKeyChangedError{Addr: "lb1:22", Name: "lb1", KeyType: "ssh-ed25519", Fingerprint: "SHA256:aaa", Wanted: []ExpectedKey{{File: "/k", Source: "/k:3"}}},
		"host key changed, of a jump host that is pinned": &HostKeyChangedError{Addr: "lb1:22", Name: "lb1", Jump: "bastion", KeyType: "ssh-ed25519", Fingerprint: "SHA256:aaa", HostKey: "ssh-ed25519 AAAA"},
		"host key changed, of a host that is pinned":      &HostKeyChangedError{Addr: "lb1:22", Name: "lb1", KeyType: "ssh-ed25519", Fingerprint: "SHA256:aaa"},
		"host key revoked":                                          &HostKeyChangedError{Addr: "lb1:22", Revoked: true, KeyType: "ssh-ed25519", Fingerprint: "SHA256:aaa", Wanted: []ExpectedKey{{File: "/k", Source: "/k:3"}}},
		"host key of a jump host":                                   &SameKeyError{Addr: "lb1:22", Jump: "ops@bastion:22", KeyType: "ssh-ed25519", Fingerprint: "SHA256:aaa"},
		"host key too short":                                        &WeakKeyError{"lb1:22", errors.New("an RSA key of 1024 bits, and RequiredRSASize is 2048")},
		"user certificate expired":                                  login(outcomeExpired+"2026-01-01 00:00 UTC", nil),
		"host certificate expired":                                  cert("it expired at 2026-01-01 00:00 UTC"),
		"host certificate not valid yet":                            cert("it is not yet valid, but from 2030-01-01 00:00 UTC on"),
		"host certificate for another name":                         cert("it is for lb2, lb3 and not for lb1"),
		"host certificate of an unknown authority":                  cert("nobody vouches for its authority, ssh-ed25519 SHA256:aaa"),
		"host certificate with a signature that ssh_config forbids": cert("it is signed with ssh-rsa, which CASignatureAlgorithms leaves out"),
		"host certificate that can't be used":                       cert(`ssh: unsupported critical option "x" in certificate`),
		"second factor":                                             login(outcomeSigned, func(e *AuthError) { e.Partial, e.Offers = true, []string{"keyboard-interactive"} }),
		"server takes no keys":                                      login(outcomeNotTried, func(e *AuthError) { e.Offers = []string{"password"} }),
		"encrypted key":                                             login(outcomeEncrypted, nil),
		"too many keys (MaxAuthTries)":                              login(outcomeNotTried, nil),
		"account expired":                                           login(outcomeSigned, said("Your account has expired; please contact your system administrator.")),
		"password expired, at the login":                            login(outcomeSigned, said("You are required to change your password immediately")),
		"account turned away with a message":                        login(outcomeSigned, said("down for the weekend")),
		"account turned away":                                       login(outcomeSigned, nil),
		"no key":                                                    login("", func(e *AuthError) { e.Keys = nil }),
		"no key can be used":                                        login("this is not a private key", nil),
		"key refused":                                               login(outcomeRefused, nil),
		"password expired":                                          shell(1, "WARNING: Your password has expired.\nPassword change required but no TTY available."),
		"no logins for the time being (/etc/nologin)":               shell(254, "User ops not allowed because /etc/nologin exists\ndown for the weekend"),
		"shell is nologin":                                          shell(1, "This account is currently not available."),
		"files only (internal-sftp)":                                shell(1, "This service allows sftp connections only."),
		"commands refused":                                          shell(-1, "the server refuses to run commands"),
		"program missing":                                           shell(127, "sh: 1: exec: perl: not found"),
		"shell ends at once":                                        shell(1, ""),
		"forced command":                                            shell(1, "Choose 1-9:"),
		"sudo with NOEXEC":                                          &SudoError{User: "ops", Output: "zup: 1: head: Permission denied", NoExec: true},
		"sudo wants a terminal":                                     &SudoError{User: "ops", Output: "sudo: sorry, you must have a tty to run sudo"},
		"sudo can't become root":                                    &SudoError{User: "ops", Output: "sudo: /usr/bin/sudo must be owned by uid 0 and have the setuid bit set; is it setuid root?"},
		"no sudo":                                                   &SudoError{User: "ops", Output: "bash: line 1: sudo: command not found"},
		"account that does not begin":                               &ShellError{User: "ops", Output: "Choose 1-9:", Waited: 30 * time.Second},
		"account that prints without end":                           &ShellError{User: "ops", Output: "y", Flood: 16 << 20},
		"silent agent":                                              login("the agent did not answer", func(e *AuthError) { e.Keys[0].silent = &SilentAgentError{"/a", time.Second, ""} }),
		"security key":                                              login(outcomeSecurityKey, nil),
		"nobody to give a password":                                 &SudoError{User: "ops", How: BecomeSudoPassword, Err: ErrNobodyToAsk},
		"wrong password":                                            &SudoError{User: "ops", How: BecomeSudoPassword, Err: errWrongPassword},
		"no password given":                                         &SudoError{User: "ops", How: BecomeSudoPassword, Err: io.ErrUnexpectedEOF},
		"no doas":                                                   &SudoError{User: "ops", How: BecomeDoas, Output: "bash: line 1: doas: command not found"},
		"doas without rules":                                        &SudoError{User: "ops", How: BecomeDoas, Output: "doas: doas is not enabled, /etc/doas.conf: No such file or directory"},
		"user without a rule":                                       &SudoError{User: "ops", Output: "ops is not in the sudoers file."},
		"rule for something else":                                   &SudoError{User: "ops", Output: "Sorry, user ops is not allowed to execute '/bin/sh' as root on lb1."},
		"doas without a rule for the user":                          &SudoError{User: "ops", How: BecomeDoas, Output: "doas: Operation not permitted"},
		"password expired, for sudo":                                &SudoError{User: "ops", Output: "sudo: Password expired, contact your system administrator"},
		"account expired, for sudo":                                 &SudoError{User: "ops", Output: "sudo: account validation failure, is your account locked?"},
		"password not in time":                                      &SudoError{User: "ops", How: BecomeSudoPassword, Output: "sudo: timed out reading password"},
		"sudo's rules damaged":                                      &SudoError{User: "ops", Output: "sudo: no valid sudoers sources found, quitting"},
		"sudo asks for a password":                                  &SudoError{User: "ops", Output: "sudo: a password is required"},
		"sudo not allowed":                                          &SudoError{User: "ops", Output: "it made us user \"1000\" instead of root"},
		"too many sessions (MaxSessions)":                           ErrNoSession,
		"no sign of life any more":                                  lost(errors.New("no sign of life for 15s")),
		"jump host lost":                                            lost(&JumpError{Hop: "ops@bastion:22", Place: 1, Of: 1, Err: errors.New("no sign of life for 15s")}),
		"connection reset":                                          lost(errors.New("read tcp 192.0.2.1:2->192.0.2.2:22: read: connection reset by peer")),
		"closed by the server":                                      lost(errors.New("the server closed it")),
		"lost":                                                      lost(io.ErrShortBuffer),
	}
}

// Each way in which a connection ends has one sentence and one hint of its own, and no
// value is missing in them.
func TestEachTroubleHasItsWords(t *testing.T) {
	t.Parallel()
	examples := exampleOfEachTrouble()
	hints := map[string]string{}
	for _, row := range troubles {
		err := examples[row.kind]
		if err == nil {
			t.Errorf("%s: there is no example", row.kind)
			continue
		}
		delete(examples, row.kind)
		if got := kindOf(err); got != row.kind {
			t.Errorf("%s: taken for %q", row.kind, got)
			continue
		}
		first, _, _ := strings.Cut(err.Error(), "\n")
		said := hint(err)
		if said == "" || strings.ContainsAny(said, "\n") || strings.HasSuffix(said, ".") || regexp.MustCompile(`\{[a-z]+\}`).MatchString(first+said) {
			t.Errorf("%s: %s\nhint: %s", row.kind, first, said)
		}
		if strings.Contains(first, ". ") && !strings.Contains(row.sentence, "{said}") {
			t.Errorf("%s: more than one sentence: %s", row.kind, first)
		}
		if other, ok := hints[row.hint]; ok && !sameHint(other, row.kind) {
			t.Errorf("%s and %s have the same hint: %s", other, row.kind, row.hint)
		}
		hints[row.hint] = row.kind
	}
	for kind := range examples {
		t.Errorf("%s: the table does not have it", kind)
	}
}

// sameHint is so where two kinds differ in what happened, and not in what helps.
func sameHint(a, b string) bool {
	for _, group := range [][]string{
		{"turned away with a message", "turned away with a message, after the greeting"},
		{"no key", "no key can be used"},
		{"sudo asks for a password", "user without a rule"},
	} {
		if slices.Contains(group, a) && slices.Contains(group, b) {
			return true
		}
	}
	return false
}

// Whatever is said of an end, there is a row for it, and no row hides another one.
func TestNoTroubleIsWithoutWords(t *testing.T) {
	t.Parallel()
	open := map[string]string{}
	for _, row := range troubles {
		if kind, ok := open[row.of]; ok {
			t.Errorf("%s is never reached: %s takes everything", row.kind, kind)
		}
		if row.says == nil {
			open[row.of] = row.kind
		}
	}
	for _, row := range troubles {
		if open[row.of] == "" {
			t.Errorf("%q has no row for what nobody has thought of", row.of)
		}
	}
	if got := troubleOf("something new", "").sentence; got != "ended without a word" {
		t.Errorf("got %q", got)
	}
}

// An address or a text of the other side can't put words into a sentence by braces.
func TestTroubleDoesNotReadItsValues(t *testing.T) {
	t.Parallel()
	e := &ConnectError{Addr: "{via}:22", Reason: ErrHangup, Detail: `it said "{port} {host}"`}
	if want := `connect {via}:22: closed before the SSH handshake was done: it said "{port} {host}"`; e.Error() != want {
		t.Errorf("got %s", e)
	}
}

// docs/connections.md has the table, for people who search for what they were told.
func TestTroublesAreDocumented(t *testing.T) {
	t.Parallel()
	const file = "../../docs/connections.md"
	text, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	var want strings.Builder
	cell := func(s string) string {
		return strings.ReplaceAll(regexp.MustCompile(`\{([a-z]+)\}`).ReplaceAllString(s, "*$1*"), "|", `\|`)
	}
	for _, row := range troubles {
		fmt.Fprintf(&want, "| %s | %s | %s |\n", row.kind, cell(row.sentence), cell(row.hint))
	}
	_, after, ok := strings.Cut(string(text), "<!-- troubles -->\n| what | says | hint |\n|---|---|---|\n")
	got, _, end := strings.Cut(after, "\n\n")
	if !ok || !end || got+"\n" != want.String() {
		t.Errorf("%s: the table should be\n%s", file, want.String())
	}
}

// Servers that are something else, and those that turn somebody away: over real sockets.
func TestOtherServersAreToldApart(t *testing.T) {
	t.Parallel()
	for says, want := range map[string]string{
		"HTTP/1.1 400 Bad Request\r\n\r\n":                      "a web server",
		"<html><body>no</body></html>\n":                        "a web server",
		"\x15\x03\x01\x00\x02\x02\x46":                          "a TLS server",
		"220 (vsFTPd 3.0.3)\r\n":                                "an FTP server",
		"220-FileZilla Server ftp\r\n":                          "an FTP server",
		"220 mx.example.net ESMTP Postfix\r\n":                  "a mail server",
		"* OK [CAPABILITY IMAP4rev1] ready\r\n":                 "a mail server",
		"+OK POP3 ready\r\n":                                    "a mail server",
		"RFB 003.008\n":                                         "a VNC server",
		"@RSYNCD: 31.0\n":                                       "an rsync server",
		"J\x00\x00\x00\x0a5.5.5-10.11.6-MariaDB\x00":            "not SSH", // a line feed behind the length
		"Y\x00\x00\x005.5.5-10.11.6-MariaDB\x00":                "a database",
		"SSH-1.5-Cisco-1.25\n":                                  "SSH 1",
		"SSH-1.99-OpenSSH_3.9\r\n":                              "closed after the greeting",
		"SSH-2.0-OpenSSH_9.2p1\r\n":                             "closed after the greeting",
		"welcome\r\nto the machine\r\nSSH-2.0-dropbear\r\n":     "closed after the greeting",
		"SSH-2.0-x\r\n\xff\xff\xff\xff\xff\xff\xff\xff garbage": "damaged after the greeting",
		"Exceeded MaxStartups\r\n":                              "too many connections begun (MaxStartups)",
		"Not allowed at this time\r\n":                          "penalty, or too many connections begun (PerSourcePenalties, MaxStartups)",
		"":                                                      "closed before the greeting",
		"hello\n":                                               "not SSH",
		"\x1b]0;pwned\x07\n":                                    "not SSH",
	} {
		to := serve(t, says)
		err := dialError(t, newDialer(t), to)
		if got := kindOf(err); got != want {
			t.Errorf("%q is taken for %q, want %q: %v", says, got, want, err)
		}
		if text := err.Error() + hint(err); !strings.HasPrefix(text, `node "zva5n1": connect 127.0.0.1:`) || strings.ContainsAny(text, "\x1b\x07\n") {
			t.Errorf("%q: %q", says, text)
		}
	}
}
