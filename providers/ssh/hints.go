package ssh

import (
	"errors"
	"fmt"
	"strings"

	"golang.org/x/crypto/ssh"
)

// Hints that fit the case and not the usual case.

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
