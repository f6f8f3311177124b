package ssh

import (
	"errors"
	"fmt"
	"strings"

	"golang.org/x/crypto/ssh"

	"zup/plan/shell"
)

// Hints that fit the case and not the usual case.

// Hint says how to permit it.
func (e *SudoError) Hint() string {
	says := func(words ...string) bool {
		for _, w := range words {
			if strings.Contains(e.Output, w) {
				return true
			}
		}
		return false
	}
	switch {
	case e.User == readerWord: // an account that is to have no other rule than its own
		return hintToInstall("NODE")
	case e.NoExec:
		return "its rule says NOEXEC, and under that nothing can be started: log in as root, or allow it on the node: " + e.rule("EXEC: ALL")
	case says("must have a tty"):
		return "sudo wants a terminal there (requiretty), and zup has none: log in as root, or on the node: " +
			shell.Command("echo", "Defaults:"+e.sudoer()+" !requiretty") + " >>/etc/sudoers.d/zup"
	case says("no new privileges", "setuid root", "nosuid"):
		return "sudo can't become root where sshd runs there (a container, NoNewPrivileges in its unit, a file system mounted with nosuid): log in as root"
	case says("sudo: not found", "sudo: command not found", "sudo: No such file"):
		return "log in as root, or install it on the node: apt-get install sudo"
	}
	return "log in as root, or allow it on the node: " + e.rule("ALL")
}

func (e *SudoError) rule(what string) string {
	return shell.Command("echo", e.sudoer()+" ALL=(root) NOPASSWD: "+what) + " >/etc/sudoers.d/zup"
}

// sudoer is the user as sudoers(5) has it: what means something there is escaped.
func (e *SudoError) sudoer() string {
	var b strings.Builder
	for _, r := range e.User {
		if strings.ContainsRune(`@!=:,()\ "#%+`, r) {
			b.WriteByte('\\')
		}
		b.WriteRune(r)
	}
	return b.String()
}

// sshdSettings are what sshd_config calls what two sides have to agree on.
var sshdSettings = []struct{ what, setting string }{
	{"key exchange", "KexAlgorithms"},
	{"host key", "HostKeyAlgorithms"},
	{"cipher", "Ciphers"},
	{"MAC", "MACs"},
}

// disagreement says what to do where the two sides have no algorithm in common; "" where
// that is not why.
func (e *ConnectError) disagreement() string {
	var m *ssh.AlgorithmNegotiationError
	if !errors.As(e.Err, &m) || len(m.SupportedAlgorithms) == 0 {
		return ""
	}
	for _, s := range sshdSettings {
		if strings.Contains(m.What, s.what) {
			return fmt.Sprintf("sshd there offers none that this zup takes: add one in its /etc/ssh/sshd_config, and reload it: %s +%s", s.setting, m.SupportedAlgorithms[0])
		}
	}
	return "sshd there offers none that this zup takes: add one that it takes in its /etc/ssh/sshd_config"
}

// hangup says what a server means that closes the connection at once.
func (e *ConnectError) hangup() string {
	switch {
	case strings.Contains(e.Detail, "Not allowed at this time"):
		return "sshd there refuses this address for a while because attempts from it have failed (PerSourcePenalties): wait some minutes; PerSourcePenaltyExemptList in its sshd_config exempts it"
	case strings.Contains(e.Detail, "MaxStartups"):
		return "too many connections are being opened there at once (MaxStartups in its sshd_config): wait, or give a smaller -parallelism"
	}
	return "sshd closes connections when hosts.deny names this machine or when too many are being opened (MaxStartups): look for \"refused connect\" and \"MaxStartups\" in the node's log"
}
