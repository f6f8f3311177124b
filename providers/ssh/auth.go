package ssh

import (
	"bytes"
	"context"
	"crypto/x509"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"slices"
	"strings"
	"sync"
	"time"

	"golang.org/x/crypto/ssh"

	"zup/plan/escape"
)

// What became of a key, where a hint depends on it.
const (
	outcomeNotTried  = "not tried"
	outcomeExpired   = "refused, and its certificate expired at "
	outcomeSigned    = "accepted, but not its signature"
	outcomeRefused   = "refused"
	outcomeEncrypted = "encrypted, and nobody was asked for the passphrase"
	outcomeNoPrivate = "not in the agent, and the file has no private key"

	// Of a security key the file has a handle only, and the device signs.
	outcomeSecurityKey = "a security key that is not in the agent, and zup signs with those through an agent only"
)

// An auth logs in to one endpoint, once, with keys only. The keys are offered in
// this order: those in identity files (through the agent if it has them), then
// the agent's others unless IdentitiesOnly is set. The passphrase of an encrypted
// key is asked for when the server has said that it would take that key.
type auth struct {
	ctx    context.Context // of this login; ends with it
	of     *endpoint
	ring   *keyring
	agents *agents
	pause  func() (resume func()) // stops the clock while a human or an agent may be busy

	keys    []*candidate
	left    int      // untried keys when the server last asked
	offers  []string // methods that the server accepts
	partial bool
	said    tail // what the server printed once it had accepted a key
}

// A candidate is a key that may be offered. It is the ssh.Signer that x/crypto
// gets, and sees by the calls what the server does with it.
type candidate struct {
	auth    *auth
	pub     ssh.PublicKey // nil as long as it is known to nobody but the passphrase
	source  string
	signer  func() (ssh.Signer, error)
	outcome string
	silent  *SilentAgentError // why there is none; nil: the agent has answered
}

func (c *candidate) PublicKey() ssh.PublicKey {
	if c.outcome == outcomeNotTried {
		c.outcome = outcomeRefused // unless Sign is called
	}
	return c.pub
}

func (c *candidate) Sign(rand io.Reader, data []byte) (*ssh.Signature, error) {
	return c.SignWithAlgorithm(rand, data, "")
}

func (c *candidate) SignWithAlgorithm(rand io.Reader, data []byte, algorithm string) (*ssh.Signature, error) {
	defer c.auth.pause()()
	s, err := c.signer()
	if err != nil {
		c.outcome = err.Error()
		return nil, err
	}
	c.outcome = outcomeSigned
	sig, err := sign(s, rand, data, algorithm)
	if err != nil {
		c.outcome = fmt.Sprintf("accepted, but it cannot sign: %v", err)
		errors.As(err, &c.silent)
	}
	return sig, err
}

// Algorithms returns with which algorithms the key may sign.
func (c *candidate) Algorithms() []string {
	all, _ := c.auth.of.algorithms.signatures(c.pub)
	return all
}

func sign(s ssh.Signer, rand io.Reader, data []byte, algorithm string) (*ssh.Signature, error) {
	if s, ok := s.(ssh.AlgorithmSigner); ok && algorithm != "" {
		return s.SignWithAlgorithm(rand, data, algorithm)
	}
	return s.Sign(rand, data)
}

// next is the ssh.ClientAuthCallback: it chooses the method to go on with after
// each refusal.
func (a *auth) next(c *ssh.ClientAuthContext) (ssh.AuthMethod, error) {
	a.offers = c.AllowedMethods
	a.partial = len(c.PartialSuccessMethods) > 0
	if a.keys == nil {
		a.gather()
		a.left = -1
	}
	if !slices.Contains(a.offers, "publickey") {
		return nil, errors.New("the server wants no key")
	}
	signers := a.untried()
	if len(signers) == 0 || len(signers) == a.left {
		return nil, errors.New("no key is left")
	}
	a.left = len(signers)
	return ssh.PublicKeys(signers...), nil
}

// untried returns the keys to offer: first all whose public half is known, and
// only when these failed the others, which need a passphrase to be read at all.
func (a *auth) untried() []ssh.Signer {
	var known []ssh.Signer
	for _, c := range a.keys {
		if c.outcome == outcomeNotTried && c.pub != nil {
			known = append(known, c)
		}
	}
	if len(known) > 0 {
		return known
	}
	for _, c := range a.keys {
		if c.outcome != outcomeNotTried {
			continue
		}
		resume := a.pause()
		s, err := c.signer()
		resume()
		if err != nil {
			c.outcome = err.Error()
			continue
		}
		c.pub = s.PublicKey()
		if a.permit(c); c.outcome != outcomeNotTried {
			continue
		}
		return []ssh.Signer{c}
	}
	return nil
}

// gather lists the keys that are at hand, in the order of ssh: certificates that are named,
// what the agent has of the files, what else it has, and files alone. A file that the
// configuration names comes before what the agent has besides: it is meant.
func (a *auth) gather() {
	defer a.pause()()
	inAgent := a.agentKeys()
	others := slices.Clone(inAgent)
	var files []*candidate
	for _, file := range a.of.keys.files {
		files = append(files, a.identity(file, &others)...)
	}
	certs := a.certified(slices.Concat(files, inAgent), &others)
	if a.of.keys.only {
		others = slices.DeleteFunc(others, func(c *candidate) bool { return c.pub != nil }) // an agent that does not answer may have had one that is named
	}
	if a.of.keys.first {
		a.keys = slices.Concat([]*candidate{}, certs, files, others)
	} else {
		isHeld := func(c *candidate) bool { return slices.Contains(inAgent, c) }
		held := slices.DeleteFunc(slices.Clone(inAgent), func(c *candidate) bool { return !slices.Contains(files, c) })
		a.keys = slices.Concat([]*candidate{}, certs, held, others, slices.DeleteFunc(files, isHeld))
	}
	for _, c := range a.keys {
		a.permit(c)
	}
}

// identity returns the key of an identity file, from the agent if that has it, and behind
// it the certificate beside it, which the agent may have too. With CertificateFile ssh
// looks for none there.
func (a *auth) identity(file string, others *[]*candidate) []*candidate {
	c := a.fileKey(file)
	cert, _ := a.of.keys.public(file + "-cert.pub").(*ssh.Certificate)
	if len(a.of.keys.certs) > 0 {
		cert = nil
	}
	if c == nil && cert == nil {
		return nil
	}
	if c == nil { // the certificate says which key it is
		c = a.candidate(cert.Key, file)
		c.outcome = outcomeNoPrivate
	}
	if held := a.take(others, c.pub); held != nil {
		held.source = file + " (in the agent)"
		c = held
	}
	if cert == nil {
		return []*candidate{c}
	}
	if held := a.take(others, cert); held != nil {
		held.source = file + "-cert.pub (in the agent)"
		return []*candidate{c, held}
	}
	if c.signer == nil {
		return []*candidate{c}
	}
	withCert := a.candidate(cert, file+"-cert.pub")
	withCert.signer = c.certified(cert)
	return []*candidate{c, withCert}
}

// permit leaves a key out that the settings forbid.
func (a *auth) permit(c *candidate) {
	if c.pub == nil || c.outcome != outcomeNotTried {
		return
	}
	if _, err := a.of.algorithms.signatures(c.pub); err != nil {
		c.outcome = err.Error()
	}
}

// certified returns the certificates of CertificateFile, each with the key that it is for.
func (a *auth) certified(keys []*candidate, others *[]*candidate) []*candidate {
	var all []*candidate
	for _, file := range a.of.keys.certs {
		c := a.candidate(nil, file)
		all = append(all, c)
		cert, ok := publicKey(file).(*ssh.Certificate)
		if !ok {
			c.outcome = "this is not a certificate"
			continue
		}
		if held := a.take(others, cert); held != nil {
			held.source = file + " (in the agent)"
			all[len(all)-1] = held
			continue
		}
		c.pub, c.outcome = cert, "the key that it is for is not at hand"
		for _, k := range keys {
			if k.pub == nil || k.signer == nil || !bytes.Equal(k.pub.Marshal(), cert.Key.Marshal()) {
				continue
			}
			c.outcome = outcomeNotTried
			c.signer = k.certified(cert)
			break
		}
	}
	return all
}

// certified returns a signer for a certificate of this key.
func (c *candidate) certified(cert *ssh.Certificate) func() (ssh.Signer, error) {
	return func() (ssh.Signer, error) {
		s, err := c.signer()
		if err != nil {
			return nil, err
		}
		return ssh.NewCertSigner(cert, s)
	}
}

// take removes the key pub from held and returns it, nil if it is not there.
func (a *auth) take(held *[]*candidate, pub ssh.PublicKey) *candidate {
	for i, c := range *held {
		if pub != nil && c.pub != nil && bytes.Equal(c.pub.Marshal(), pub.Marshal()) {
			*held = slices.Delete(*held, i, i+1)
			return c
		}
	}
	return nil
}

func (a *auth) agentKeys() []*candidate {
	if a.of.keys.agent == "" {
		return nil
	}
	at := a.agents.at(a.of.keys.agent)
	held, err := at.keys(a.ctx)
	if err != nil {
		var silent *SilentAgentError
		if !errors.As(err, &silent) {
			err = fmt.Errorf("no answer: %w", err)
		}
		return []*candidate{{source: "agent " + at.socket, outcome: err.Error(), silent: silent}}
	}
	var keys []*candidate
	for _, k := range held {
		c := a.candidate(k.pub, "agent")
		c.signer = func() (ssh.Signer, error) { return k, nil }
		if k.comment != "" {
			c.source = "agent " + k.comment
		}
		keys = append(keys, c)
	}
	return keys
}

func (a *auth) candidate(pub ssh.PublicKey, source string) *candidate {
	return &candidate{auth: a, pub: pub, source: source, outcome: outcomeNotTried}
}

// fileKey returns the key in file, or one that says why there is none. A file that is
// missing counts only if its public half is there.
func (a *auth) fileKey(file string) *candidate {
	c := a.candidate(nil, file)
	text, err := a.of.keys.read(file)
	switch {
	case errors.Is(err, fs.ErrNotExist):
		// The private half may be in the agent only.
		if c.pub = a.of.keys.public(file + ".pub"); c.pub == nil {
			return nil
		}
		c.outcome = outcomeNoPrivate
	case err != nil:
		c.outcome = err.Error()
	default:
		a.parse(c, text)
	}
	return c
}

func (a *auth) parse(c *candidate, text []byte) {
	s, err := ssh.ParsePrivateKey(text)
	var locked *ssh.PassphraseMissingError
	switch {
	case err == nil:
		c.pub = s.PublicKey()
		c.signer = func() (ssh.Signer, error) { return s, nil }
	case errors.As(err, &locked):
		if c.pub = locked.PublicKey; c.pub == nil {
			c.pub = a.of.keys.public(c.source + ".pub")
		}
		if a.ring.ask == nil {
			c.outcome = outcomeEncrypted
			return
		}
		c.signer = func() (ssh.Signer, error) { return a.ring.unlock(a.ctx, c.source, text) }
	default:
		c.pub = a.of.keys.public(c.source)
		if c.pub == nil {
			c.pub = publicHalf(text) // of a security key, with which only OpenSSH can sign
		}
		if c.pub == nil {
			c.pub = a.of.keys.public(c.source + ".pub")
		}
		switch {
		case c.pub != nil && strings.HasPrefix(c.pub.Type(), "sk-"):
			c.outcome = outcomeSecurityKey
			return
		case c.pub != nil:
			c.outcome = outcomeNoPrivate
			return
		}
		c.outcome = "this is not a private key"
	}
}

// printed is told what the server prints while it lets somebody in. What it prints to
// everybody is of no interest.
func (a *auth) printed(text string) error {
	for _, c := range a.keys {
		if c.outcome == outcomeSigned {
			a.said.Write([]byte(text))
			break
		}
	}
	return nil
}

// failed returns the error for a login that did not work; err is what ended it.
func (a *auth) failed(err error) *AuthError {
	e := &AuthError{User: a.of.user, Addr: a.of.addr, Offers: a.offers, Partial: a.partial, Said: strings.Join(strings.Fields(escape.Tail(string(a.said.bytes()), 5)), " "), Err: err}
	for _, c := range a.keys {
		use := KeyUse{Source: c.source, Outcome: c.outcome, silent: c.silent}
		if cert, ok := c.pub.(*ssh.Certificate); ok && c.outcome == outcomeRefused && cert.ValidBefore < uint64(time.Now().Unix()) {
			use.Outcome = outcomeExpired + time.Unix(int64(cert.ValidBefore), 0).UTC().Format("2006-01-02 15:04 UTC")
		}
		if c.pub != nil {
			use.KeyType, use.Fingerprint = c.pub.Type(), ssh.FingerprintSHA256(c.pub)
		}
		e.Keys = append(e.Keys, use)
	}
	return e
}

// A keyring remembers unlocked keys as long as its Dialer lives, so that nobody is
// asked twice for the same passphrase, whatever came of the first answer.
type keyring struct {
	ask func(ctx context.Context, file string) ([]byte, error) // nil: never

	turn     sync.Mutex // held while asking: one question at a time
	unlocked map[string]unlocked
}

type unlocked struct {
	signer ssh.Signer
	err    error
}

func (r *keyring) unlock(ctx context.Context, file string, text []byte) (ssh.Signer, error) {
	r.turn.Lock()
	defer r.turn.Unlock()
	if u, ok := r.unlocked[file]; ok {
		return u.signer, u.err
	}
	if err := ctx.Err(); err != nil {
		return nil, err
	}
	u := r.try(ctx, file, text)
	if ctx.Err() == nil {
		if r.unlocked == nil {
			r.unlocked = make(map[string]unlocked)
		}
		r.unlocked[file] = u
	}
	return u.signer, u.err
}

func (r *keyring) try(ctx context.Context, file string, text []byte) unlocked {
	passphrase, err := r.ask(ctx, file)
	if err != nil {
		return unlocked{err: fmt.Errorf("encrypted, and no passphrase came: %w", err)}
	}
	defer clear(passphrase)
	s, err := ssh.ParsePrivateKeyWithPassphrase(text, passphrase)
	if errors.Is(err, x509.IncorrectPasswordError) {
		err = errors.New("wrong passphrase")
	}
	return unlocked{s, err}
}
