package ssh

import (
	"context"
	"errors"
	"io"
	"testing"
	"time"

	"golang.org/x/crypto/ssh"
)

// What every error says, and what it suggests; the tests of what causes them hold
// the rest.
func TestErrorTexts(t *testing.T) {
	t.Parallel()
	key := ExpectedKey{KeyType: "ssh-rsa", Fingerprint: "SHA256:aaa", Source: "/etc/ssh/ssh_known_hosts:7", File: "/etc/ssh/ssh_known_hosts"}
	for _, c := range []struct {
		name       string
		err        error
		text, hint string
	}{
		{"refused", &ConnectError{Addr: "lb1:22", Reason: ErrRefused, Tries: 3, Took: 11600 * time.Millisecond},
			"connect lb1:22: connection refused (3 tries in 12s)",
			"is sshd running there, and is this its port?"},
		{"resolve", &ConnectError{Addr: "lb1:22", Reason: ErrResolve, Detail: "no such host"},
			"connect lb1:22: name not resolved: no such host",
			"no name server here knows lb1: check how it is spelled, or give its IP address"},
		{"no answer", &ConnectError{Addr: "lb1:22", Via: "ops@bastion:22", Reason: ErrNoAnswer, Detail: "within 15s", Tries: 1},
			"connect lb1:22 through ops@bastion:22: no answer: within 15s",
			"something swallows what is sent to port 22: check the address, and the firewalls between ops@bastion:22 and lb1"},
		{"silent", &ConnectError{Addr: "lb1:22", Reason: ErrSilent},
			"connect lb1:22: connected, but the server is silent",
			"the host is up but sshd does not speak: look at its load and its log"},
		{"hangup", &ConnectError{Addr: "lb1:22", Reason: ErrHangup},
			"connect lb1:22: closed before the SSH handshake was done",
			`it ended without a word, as where hosts.deny names this machine: look for "refused connect" in the log there`},
		{"not ssh", &ConnectError{Addr: "lb1:80", Reason: ErrNotSSH, Detail: `it said "HTTP/1.1 400 Bad Request"`},
			`connect lb1:80: no SSH handshake: it said "HTTP/1.1 400 Bad Request"`,
			"a web server listens on port 80: which port is sshd's?"},
		{"jump", &JumpError{Hop: "ops@bastion:22", Place: 1, Of: 2, Err: &ConnectError{Addr: "bastion:22", Reason: ErrRefused}},
			"jump host 1 of 2, ops@bastion:22: connect bastion:22: connection refused",
			"is sshd running there, and is this its port?"},
		{"lost", &LostError{Doing: "run", Err: io.EOF},
			"run: connection lost: EOF", "it ended without a word that says why: run the same again"},
		{"revoked", &HostKeyChangedError{Addr: "lb1:22", KeyType: "ssh-rsa", Fingerprint: "SHA256:aaa", Revoked: true, Wanted: []ExpectedKey{key}},
			"host key of lb1:22 is revoked: ssh-rsa SHA256:aaa, by /etc/ssh/ssh_known_hosts:7",
			"do not connect; the host needs a new key"},
		{"changed, pinned", &HostKeyChangedError{Addr: "lb1:22", KeyType: "ecdsa-sha2-nistp256", Fingerprint: "SHA256:bbb", Wanted: []ExpectedKey{{KeyType: "ssh-rsa", Fingerprint: "SHA256:aaa", Source: "the pinned host_key"}}},
			"host key of lb1:22 is not the expected one: somebody may be listening in\n  offered:  ecdsa-sha2-nistp256 SHA256:bbb\n  expected: ssh-rsa SHA256:aaa (the pinned host_key)",
			"compare on the node's own console: ssh-keygen -lf /etc/ssh/ssh_host_ecdsa_key.pub; if the key was replaced, replace it there too"},
		{"changed", &HostKeyChangedError{Addr: "lb1:2222", Name: "[lb1]:2222", KeyType: "ssh-rsa", Fingerprint: "SHA256:bbb", Wanted: []ExpectedKey{key}},
			"host key of lb1:2222 is not the expected one: somebody may be listening in\n  offered:  ssh-rsa SHA256:bbb\n  expected: ssh-rsa SHA256:aaa (/etc/ssh/ssh_known_hosts:7)",
			"compare on the node's own console: ssh-keygen -lf /etc/ssh/ssh_host_rsa_key.pub; if the host was reinstalled: ssh-keygen -f /etc/ssh/ssh_known_hosts -R '[lb1]:2222'"},
		{"no keys", &AuthError{User: "root", Addr: "lb1:22", Offers: []string{"publickey"}},
			"log in to lb1:22 as root: there is no key to log in with (the server accepts publickey; zup uses keys only)",
			"name a key with identity_file, or load one into an agent with ssh-add"},
		{"second factor", &AuthError{User: "root", Addr: "lb1:22", Offers: []string{"keyboard-interactive"}, Partial: true, Keys: []KeyUse{{KeyType: "ssh-ed25519", Fingerprint: "SHA256:aaa", Source: "agent me", Outcome: "accepted"}}},
			"log in to lb1:22 as root: the key was accepted, but the server wants more than a key (the server accepts keyboard-interactive; zup uses keys only)\n  accepted: agent me ssh-ed25519 SHA256:aaa",
			"zup cannot answer passwords or codes: let the server accept a key alone for this user"},
		{"key refused", &AuthError{User: "root", Addr: "lb1:22", Keys: []KeyUse{{KeyType: "ssh-ed25519", Fingerprint: "SHA256:aaa", Source: "/k", Outcome: outcomeRefused}}},
			"log in to lb1:22 as root: no key was accepted\n  refused: /k ssh-ed25519 SHA256:aaa",
			"let the key in: ssh-copy-id -i FILE.pub root@lb1"},
		{"sudo", &SudoError{User: "ops", Output: "ops is not in the sudoers file."},
			"run as root with sudo -n as user ops: sudo refused: ops is not in the sudoers file.",
			"log in as root, or allow it on the node: echo 'ops ALL=(root) NOPASSWD: ALL' >/etc/sudoers.d/zup"},
		{"sudo wants a terminal", &SudoError{User: "ops", Output: "sudo: sorry, you must have a tty to run sudo"},
			"run as root with sudo -n as user ops: sudo refused: sudo: sorry, you must have a tty to run sudo",
			"sudo wants a terminal there (requiretty), and zup has none: log in as root, or on the node: echo 'Defaults:ops !requiretty' >>/etc/sudoers.d/zup"},
		{"sudo with NOEXEC", &SudoError{User: `CORP\dave s`, Output: "zup: 1: head: Permission denied", NoExec: true},
			`run as root with sudo -n as user CORP\dave s: sudo lets nothing be started: zup: 1: head: Permission denied`,
			`its rule says NOEXEC, and under that nothing can be started: log in as root, or allow it on the node: echo 'CORP\\dave\ s ALL=(root) NOPASSWD: EXEC: ALL' >/etc/sudoers.d/zup`},
		{"sudo in a container", &SudoError{User: "ops", Output: `sudo: The "no new privileges" flag is set, which prevents sudo from running as root.`},
			`run as root with sudo -n as user ops: sudo refused: sudo: The "no new privileges" flag is set, which prevents sudo from running as root.`,
			"sudo can't become root where sshd runs there (a container, NoNewPrivileges in its unit, a file system mounted with nosuid): log in as root"},
		{"no sudo", &SudoError{User: "ops", Output: "bash: line 1: sudo: command not found"},
			"run as root with sudo -n as user ops: sudo refused: bash: line 1: sudo: command not found",
			"log in as root, or install it on the node: apt-get install sudo"},
		{"key exchange", &ConnectError{Addr: "lb1:22", Reason: ErrNotSSH, Err: &ssh.AlgorithmNegotiationError{What: "key exchange", SupportedAlgorithms: []string{"curve25519-sha256", "ecdh-sha2-nistp256"}}},
			"connect lb1:22: no SSH handshake",
			"sshd there offers none that this zup takes: add one in its /etc/ssh/sshd_config, and reload it: KexAlgorithms +curve25519-sha256"},
		{"MAC", &ConnectError{Addr: "lb1:22", Reason: ErrNotSSH, Err: &ssh.AlgorithmNegotiationError{What: "client to server MAC", SupportedAlgorithms: []string{"hmac-sha2-256"}}},
			"connect lb1:22: no SSH handshake",
			"sshd there offers none that this zup takes: add one in its /etc/ssh/sshd_config, and reload it: MACs +hmac-sha2-256"},
		{"penalty", &ConnectError{Addr: "lb1:22", Reason: ErrHangup, Detail: `it said "Not allowed at this time"`},
			`connect lb1:22: closed before the SSH handshake was done: it said "Not allowed at this time"`,
			"sshd there refuses this address for a while, because attempts from it have failed (PerSourcePenalties) or too many connections are being opened (MaxStartups): wait some minutes; its log says which it was, and PerSourcePenaltyExemptList in its sshd_config exempts an address"},
		{"shell", &ShellError{User: "ops", Exit: 1, Output: "This account is currently not available."},
			"the account does not run commands (exit status 1): This account is currently not available.",
			"its shell is nologin: give it one on the node: usermod -s /bin/sh ops"},
		{"silent shell", &ShellError{Exit: 1},
			"the account does not run commands (exit status 1): it said nothing",
			"a shell such as /bin/false does that: give it one on the node: usermod -s /bin/sh USER"},
		{"chatty", &OutputError{Limit: 1 << 20, Bytes: 50000000},
			"the script printed 50000000 bytes, more than the 1048576 allowed", ""},
		{"still running", &StillRunningError{ID: "run/a", Seen: true, Err: limitError(30 * time.Minute)},
			"it goes on on the node, nobody follows it: no end within 30m0s",
			"run the same again: it attaches to the job and never starts it twice"},
		{"perhaps running", &StillRunningError{ID: "run/a", Err: context.Canceled},
			"it is not known whether it was started: context canceled",
			"run the same again: it attaches to the job and never starts it twice"},
		{"died", &JobDiedError{ID: "run/a", Bytes: 17},
			"it ended without an exit status, after 17 bytes of output: it was killed, or the node went down",
			"find out what it did before running it again: its output is in the transcript and in its job directory on the node"},
		{"mismatch", &JobMismatchError{ID: "run/a"},
			"a job with this id and another script is there already; nothing was started", ""},
		{"unknown prompt", &UnknownPromptError{Text: "Who?\x1b[0m", Ended: true, Exit: 1},
			`it asks what no prompt answers: "Who?"; it was given end of input and ended with exit status 1`,
			"read its output, settle the question on the node by hand, then plan again"},
		{"prompt too often", &UnknownPromptError{Text: "More?", Prompt: "more"},
			`it asks "more" more often than allowed: "More?"; it was given end of input and is still running`,
			"log in to the node and look at what the job waits for; it is not ended by zup"},
	} {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			if got := c.err.Error(); got != c.text {
				t.Errorf("got  %s\nwant %s", got, c.text)
			}
			if got := hint(c.err); got != c.hint {
				t.Errorf("hint %s\nwant %s", got, c.hint)
			}
		})
	}
	if err := error(&JumpError{Err: &ConnectError{Reason: ErrRefused, Err: io.EOF}}); !errors.Is(err, ErrRefused) || !errors.Is(err, io.EOF) {
		t.Error("an error hides its causes")
	}
}
