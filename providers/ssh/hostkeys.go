package ssh

import (
	"bytes"
	"errors"
	"fmt"
	"net"
	"os"
	"slices"
	"strings"

	"github.com/skeema/knownhosts"
	"golang.org/x/crypto/ssh"
	xknownhosts "golang.org/x/crypto/ssh/knownhosts"

	"zup/plan/disk"
)

// A keyCheck decides whether a host key is the right one: the pinned key if there
// is one, otherwise known_hosts. It never asks and never writes.
type keyCheck struct {
	of    *endpoint
	db    *knownhosts.HostKeyDB // nil when the key is pinned or there is no file
	files []string              // that db was read from
	way   []*conn               // to the jump hosts, outermost first
	key   ssh.PublicKey         // what was accepted
	err   error                 // why it was refused
}

func newKeyCheck(of *endpoint) (*keyCheck, error) {
	c := &keyCheck{of: of}
	if of.pinned != nil {
		return c, nil
	}
	for _, file := range of.knownHosts {
		switch there, err := isKnownHosts(file); {
		case err != nil:
			return nil, &ConfigError{File: file, Err: err, hint: "name a file of host keys there"}
		case there:
			c.files = append(c.files, file)
		}
	}
	if len(c.files) == 0 {
		return c, nil
	}
	var err error
	if c.db, err = knownhosts.NewDB(c.files...); err != nil {
		return nil, &ConfigError{File: "known_hosts", Err: err, hint: "mend or remove that line"}
	}
	return c, nil
}

// isKnownHosts reports whether there is a file of host keys to read. The parser opens
// it by its name and reads whatever it finds.
func isKnownHosts(file string) (bool, error) {
	f, err := disk.Open(file)
	switch {
	case errors.Is(err, disk.ErrIrregular):
		return false, err
	case err != nil: // as if there were none
		return false, nil
	}
	defer f.Close()
	if f.Size() > disk.MaxKnownHosts {
		return false, &disk.SizeError{Limit: disk.MaxKnownHosts, Size: f.Size()}
	}
	return file != os.DevNull, nil
}

// algorithms returns the host key algorithms to ask for, those of the expected
// keys first: a server with several keys shows one of a known type, and a server
// that has none of them shows another, which check then refuses by name.
func (c *keyCheck) algorithms() []string {
	var want []string
	authority := false
	for _, k := range c.expected() {
		authority = authority || k.Cert
		want = append(want, algorithmsOf(k)...)
	}
	for _, a := range ssh.SupportedAlgorithms().HostKeys {
		// A certificate is of use only where an authority is known.
		if !slices.Contains(want, a) && (authority || !strings.Contains(a, "-cert-")) {
			want = append(want, a)
		}
	}
	return want
}

func (c *keyCheck) expected() []knownhosts.PublicKey {
	switch {
	case c.of.pinned != nil:
		return []knownhosts.PublicKey{{PublicKey: c.of.pinned}}
	case c.db != nil:
		return c.db.HostKeys(c.of.knownAs)
	}
	return nil
}

func algorithmsOf(k knownhosts.PublicKey) []string {
	switch typ := k.Type(); {
	case typ == ssh.KeyAlgoRSA && k.Cert:
		return []string{ssh.CertAlgoRSASHA512v01, ssh.CertAlgoRSASHA256v01}
	case typ == ssh.KeyAlgoRSA:
		return []string{ssh.KeyAlgoRSASHA512, ssh.KeyAlgoRSASHA256}
	case k.Cert:
		// The host's own key may be of another type than its authority's.
		return nil
	default:
		return []string{typ}
	}
}

// check is the ssh.HostKeyCallback. The error is kept as well, for the handshake
// wraps it in words of its own.
func (c *keyCheck) check(_ string, _ net.Addr, key ssh.PublicKey) error {
	c.err = c.verify(key)
	if c.err == nil {
		c.key = key
	}
	return c.err
}

func (c *keyCheck) verify(key ssh.PublicKey) error {
	for _, hop := range c.way {
		if slices.ContainsFunc(hop.keys, func(k []byte) bool { return bytes.Equal(k, bare(key)) }) {
			return &SameKeyError{Addr: c.of.addr, Jump: hop.to, KeyType: key.Type(), Fingerprint: ssh.FingerprintSHA256(key)}
		}
	}
	if c.of.pinned != nil {
		if bytes.Equal(key.Marshal(), c.of.pinned.Marshal()) {
			return nil
		}
		return c.changed(key, []ExpectedKey{expectedKey(c.of.pinned, c.of.pinnedBy, "")})
	}
	if c.db == nil {
		return c.unknown(key)
	}
	err := c.db.HostKeyCallback()(c.of.knownAs, &net.TCPAddr{IP: net.IPv4zero}, key)
	var known *xknownhosts.KeyError
	var revoked *xknownhosts.RevokedError
	switch {
	case err == nil:
		return nil
	case errors.As(err, &revoked):
		e := c.changed(key, []ExpectedKey{knownKey(revoked.Revoked)})
		e.Revoked = true
		return e
	case errors.As(err, &known) && len(known.Want) == 0:
		return c.unknown(key)
	case errors.As(err, &known):
		var want []ExpectedKey
		for _, k := range known.Want {
			want = append(want, knownKey(k))
		}
		return c.changed(key, want)
	default:
		return fmt.Errorf("host key of %s: %w", c.of.addr, err)
	}
}

func (c *keyCheck) unknown(key ssh.PublicKey) error {
	return &UnknownHostError{
		Addr:        c.of.addr,
		KeyType:     key.Type(),
		Fingerprint: ssh.FingerprintSHA256(key),
		KnownHosts:  knownhosts.Line([]string{c.of.knownAs}, key),
		HostKey:     authorizedKey(key),
		Files:       c.files,
		Jump:        c.jump(),
	}
}

func (c *keyCheck) changed(key ssh.PublicKey, want []ExpectedKey) *HostKeyChangedError {
	return &HostKeyChangedError{
		Addr:        c.of.addr,
		Wanted:      want,
		KeyType:     key.Type(),
		Fingerprint: ssh.FingerprintSHA256(key),
		Name:        knownhosts.Normalize(c.of.knownAs),
		Jump:        c.jump(),
		HostKey:     authorizedKey(key),
	}
}

// jump returns by which name a jump host can be pinned, "" for a node.
func (c *keyCheck) jump() string {
	if !c.of.jumpHost {
		return ""
	}
	return c.of.name
}

func expectedKey(key ssh.PublicKey, source, file string) ExpectedKey {
	return ExpectedKey{KeyType: key.Type(), Fingerprint: ssh.FingerprintSHA256(key), Source: source, File: file}
}

func knownKey(k xknownhosts.KnownKey) ExpectedKey {
	return expectedKey(k.Key, fmt.Sprintf("%s:%d", k.Filename, k.Line), k.Filename)
}

// itsOwn returns every key that the host which was accepted may show another time.
func (c *keyCheck) itsOwn() [][]byte {
	all := [][]byte{bare(c.key)}
	for _, k := range c.expected() {
		if !k.Cert {
			all = append(all, bare(k.PublicKey))
		}
	}
	return all
}

// bare returns the bytes of a key; of a certificate those of the host's own key.
func bare(key ssh.PublicKey) []byte {
	if cert, ok := key.(*ssh.Certificate); ok {
		key = cert.Key
	}
	return key.Marshal()
}

// authorizedKey returns the form "type base64" that host_key takes. Of a
// certificate it is the host's own key.
func authorizedKey(key ssh.PublicKey) string {
	if cert, ok := key.(*ssh.Certificate); ok {
		key = cert.Key
	}
	return strings.TrimSpace(string(ssh.MarshalAuthorizedKey(key)))
}
