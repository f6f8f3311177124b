package ssh

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"strings"
	"sync"
	"time"

	"golang.org/x/crypto/ssh"
	"golang.org/x/crypto/ssh/agent"

	"zup/plan/escape"
)

// What an agent may take. Nothing else waits for it: the limits of a login stand still
// meanwhile.
const (
	agentLists    = 3 * time.Second  // saying which keys it has
	agentSigns    = 30 * time.Second // signing: somebody may have to touch a key, or to confirm
	agentPatience = time.Second      // after so long the one who waits is told what for
	agentRest     = time.Minute      // one that was silent is not asked again for so long
)

// agents are those that a Dialer has asked.
type agents struct {
	lists, signs time.Duration
	notice       func(string) // nil: nobody is told

	mu sync.Mutex
	by map[string]*agentAt
}

// An agentAt is an agent at a socket. It is asked one thing at a time: OpenSSH's answers
// nobody else while a security key waits for its touch, which is not silence.
type agentAt struct {
	of     *agents
	socket string
	turn   chan struct{} // holds one token while it is asked

	mu     sync.Mutex
	silent map[string]silence // by key, and "" for the list
}

// A silence is a question that was not answered.
type silence struct {
	limit time.Duration
	until time.Time // when it may be asked again
}

func (a *agents) at(socket string) *agentAt {
	a.mu.Lock()
	defer a.mu.Unlock()
	if a.by == nil {
		a.by = map[string]*agentAt{}
	}
	if a.by[socket] == nil {
		a.by[socket] = &agentAt{of: a, socket: socket, turn: make(chan struct{}, 1), silent: map[string]silence{}}
	}
	return a.by[socket]
}

// A SilentAgentError says that an agent did not answer in time.
type SilentAgentError struct {
	Socket string
	Limit  time.Duration
	Key    string // what it was to sign with; "": it was to list its keys
}

func (e *SilentAgentError) Error() string {
	if e.Key == "" {
		return fmt.Sprintf("no answer within %v", e.Limit)
	}
	return fmt.Sprintf("no signature within %v", e.Limit)
}

// ask has the agent answer one question about what, within limit. Who waits is told why
// with slow, which may be "".
func (a *agentAt) ask(ctx context.Context, what, key, slow string, limit time.Duration, question func(agent.ExtendedAgent) error) error {
	select {
	case a.turn <- struct{}{}:
		defer func() { <-a.turn }()
	case <-ctx.Done():
		return context.Cause(ctx)
	}
	if s, ok := a.resting(what); ok {
		return &SilentAgentError{a.socket, s.limit, key}
	}
	deadline := time.Now().Add(limit)
	conn, err := (&net.Dialer{Deadline: deadline}).DialContext(ctx, "unix", a.socket)
	if err != nil {
		return err
	}
	defer conn.Close()
	defer context.AfterFunc(ctx, func() { conn.Close() })()
	if slow != "" {
		defer time.AfterFunc(agentPatience, func() { a.of.tell(slow) }).Stop()
	}
	conn.SetDeadline(deadline)
	err = question(agent.NewClient(conn))
	switch {
	case err != nil && ctx.Err() != nil:
		return context.Cause(ctx)
	case err != nil && !time.Now().Before(deadline):
		a.rests(what, limit)
		return &SilentAgentError{a.socket, limit, key}
	}
	return err
}

func (a *agentAt) resting(what string) (silence, bool) {
	a.mu.Lock()
	defer a.mu.Unlock()
	s, ok := a.silent[what]
	return s, ok && time.Now().Before(s.until)
}

func (a *agentAt) rests(what string, limit time.Duration) {
	a.mu.Lock()
	a.silent[what] = silence{limit, time.Now().Add(agentRest)}
	a.mu.Unlock()
	if what == "" {
		a.of.tell(fmt.Sprintf("the agent at %s does not answer (%v): its keys are not used", escape.Name(a.socket), limit))
		return
	}
	a.of.tell(fmt.Sprintf("the agent at %s did not sign within %v: that key is not used", escape.Name(a.socket), limit))
}

func (a *agents) tell(text string) {
	if a.notice != nil {
		a.notice(text)
	}
}

// A heldKey is a key that an agent holds. As an ssh.Signer it has the agent sign, for
// as long as ctx lasts.
type heldKey struct {
	at      *agentAt
	ctx     context.Context
	pub     ssh.PublicKey
	comment string
}

// keys lists the keys that the agent holds. Those of a kind that zup does not know are
// left out.
func (a *agentAt) keys(ctx context.Context) ([]*heldKey, error) {
	var listed []*agent.Key
	err := a.ask(ctx, "", "", "", a.of.lists, func(c agent.ExtendedAgent) (err error) {
		listed, err = c.List()
		return err
	})
	if err != nil {
		return nil, err
	}
	var keys []*heldKey
	for _, l := range listed {
		if pub, err := ssh.ParsePublicKey(l.Blob); err == nil {
			keys = append(keys, &heldKey{a, ctx, pub, l.Comment})
		}
	}
	return keys, nil
}

func (k *heldKey) PublicKey() ssh.PublicKey { return k.pub }

func (k *heldKey) Sign(rand io.Reader, data []byte) (*ssh.Signature, error) {
	return k.SignWithAlgorithm(rand, data, "")
}

func (k *heldKey) SignWithAlgorithm(_ io.Reader, data []byte, algorithm string) (*ssh.Signature, error) {
	var flags agent.SignatureFlags
	switch algorithm {
	case ssh.KeyAlgoRSASHA256:
		flags = agent.SignatureFlagRsaSha256
	case ssh.KeyAlgoRSASHA512:
		flags = agent.SignatureFlagRsaSha512
	}
	var sig *ssh.Signature
	err := k.at.ask(k.ctx, string(k.pub.Marshal()), k.called(), k.waitsFor(), k.at.of.signs, func(c agent.ExtendedAgent) (err error) {
		sig, err = c.SignWithFlags(k.pub, data, flags)
		return err
	})
	if err != nil && strings.HasPrefix(err.Error(), "agent: failed to sign challenge") {
		err = errors.New("the agent refused to sign: it was declined, or the device that holds the key is not there")
	}
	return sig, err
}

// called is the key for people.
func (k *heldKey) called() string {
	return escape.Line(strings.TrimSpace(fmt.Sprintf("%s %s %.100s", k.pub.Type(), ssh.FingerprintSHA256(k.pub), k.comment)))
}

// waitsFor says why signing takes its time.
func (k *heldKey) waitsFor() string {
	want := "it may want a PIN, a touch or your confirmation"
	if strings.HasPrefix(k.pub.Type(), "sk-") {
		want = "touch the security key, or give its PIN where the agent asks for it"
	}
	return fmt.Sprintf("waiting up to %v for the agent at %s to sign with %s: %s", k.at.of.signs, escape.Name(k.at.socket), k.called(), want)
}

// Hint says what to do about it.
func (e *SilentAgentError) Hint() string {
	if e.Key != "" {
		return "the agent at " + escape.Name(e.Socket) + " did not sign with " + e.Key + ": run it again, and touch the key or confirm when it asks; or name another key with identity_file"
	}
	return "the agent at " + escape.Name(e.Socket) + " hangs, as a forwarded one does whose connection is gone: does ssh-add -l answer? Set SSH_AUTH_SOCK to another one, or give IdentityAgent none in ~/.ssh/config and name a key with identity_file"
}
