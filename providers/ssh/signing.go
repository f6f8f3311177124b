package ssh

import (
	"context"
	"fmt"
	"os"

	"golang.org/x/crypto/ssh"
)

// A SigningKey is a key of whoever runs zup, for signing something that is no
// login.
type SigningKey struct {
	Public ssh.PublicKey
	Source string // file or agent, for people

	of *candidate
}

// Signer returns what signs. It may ask for the passphrase.
func (k *SigningKey) Signer() (ssh.Signer, error) {
	s, err := k.of.signer()
	if err != nil {
		return nil, fmt.Errorf("key %s: %w", k.Source, err)
	}
	return s, nil
}

// SigningKeys lists the keys that are at hand: with a file the one in it, whose
// private half may be in the agent only; otherwise those in the files with the
// usual names, then the agent's. Security keys are reached through the agent.
// Certificates are left out. The keys work until ctx ends.
func (d *Dialer) SigningKeys(ctx context.Context, file string) ([]SigningKey, error) {
	e := &endpoint{keys: keyChoice{only: file != "", agent: first(d.AgentSocket, os.Getenv("SSH_AUTH_SOCK"))}}
	if e.keys.agent == "none" {
		e.keys.agent = ""
	}
	if file != "" {
		e.keys.files = []string{inHome(d.home(), file)}
	}
	if file == "" {
		e.keys.files = d.usualKeys()
	}
	a := &auth{ctx: ctx, of: e, ring: &keyring{ask: d.Passphrase}, agents: d.theAgents(), pause: func() func() { return func() {} }}
	a.gather()
	keys := []SigningKey{}
	for _, c := range a.keys {
		if _, cert := c.pub.(*ssh.Certificate); c.pub != nil && !cert && c.signer != nil {
			keys = append(keys, SigningKey{c.pub, c.source, c})
		}
	}
	if file != "" && len(keys) == 0 {
		return nil, fmt.Errorf("key %s: %s", file, unusable(a.keys))
	}
	return keys, nil
}

// unusable says why none of the keys can sign.
func unusable(keys []*candidate) string {
	for _, c := range keys {
		if c.outcome != outcomeNotTried {
			return c.outcome
		}
	}
	if len(keys) == 0 {
		return "there is no such file"
	}
	return "its public half is not beside it; ssh-keygen -y -f FILE >FILE.pub writes it"
}
