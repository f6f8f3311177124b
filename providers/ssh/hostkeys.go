package ssh

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"net"
	"os"
	"slices"
	"strconv"
	"strings"
	"sync/atomic"
	"time"

	"golang.org/x/crypto/ssh"
	"golang.org/x/crypto/ssh/knownhosts"

	"zup/plan/disk"
	"zup/plan/escape"
)

// A keyCheck decides whether a host key is the right one: the pinned key if there
// is one, otherwise known_hosts. It never asks and never writes.
type keyCheck struct {
	ctx     context.Context // of the handshake
	dialer  *Dialer
	of      *endpoint
	known   knownLines    // about the host; none where the key is pinned
	revoked knownLines    // of RevokedHostKeys
	files   []string      // that they were read from
	way     []*conn       // to the jump hosts, outermost first
	key     ssh.PublicKey // what was accepted
	err     error         // why it was refused
	asking  atomic.Bool   // a command is asked about that key right now
}

func (d *Dialer) newKeyCheck(ctx context.Context, of *endpoint) (*keyCheck, error) {
	c := &keyCheck{ctx: ctx, dialer: d, of: of}
	if of.revoked != "" {
		var err error
		if c.revoked, err = readRevoked(of.revoked); err != nil {
			return nil, err
		}
	}
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
	var err error
	if c.known, err = c.lookUp("ORDER", nil); err != nil {
		return nil, err
	}
	// What takes a key away, and can't be read, may be about the key that is shown.
	return c, c.known.bad(markRevoked)
}

// readRevoked reads a file of public keys, one a line, that no host may have. What can't
// be read there may be the very key: it is an error, as it is for ssh.
func readRevoked(file string) (knownLines, error) {
	text, err := disk.ReadFile(file, disk.MaxKnownHosts)
	if err != nil {
		return nil, &ConfigError{File: file, Err: fmt.Errorf("RevokedHostKeys: %w", err), hint: "while that can't be read, no host key can be trusted"}
	}
	if bytes.HasPrefix(text, []byte("SSHKRL\n\x00")) {
		return nil, &ConfigError{File: file, Err: errors.New("RevokedHostKeys: zup does not read the binary form (KRL)"), hint: "name a file of public keys there, one a line"}
	}
	var all knownLines
	n := 0
	for line := range bytes.Lines(text) {
		n++
		s := strings.TrimSpace(string(line))
		if s == "" || s[0] == '#' {
			continue
		}
		key, err := readKnownKey(strings.ReplaceAll(s, "\t", " "))
		if err != nil {
			return nil, &ConfigError{File: fmt.Sprintf("%s:%d", file, n), Err: fmt.Errorf("RevokedHostKeys: this line can't be read: %w", err), hint: "mend or remove that line"}
		}
		all = append(all, knownLine{file: file, line: n, mark: markRevoked, key: key})
	}
	return all, nil
}

// isKnownHosts reports whether there is a file of host keys to read.
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
		want = append(want, algorithmsOf(k)...)
	}
	for _, l := range c.known.keys(markAuthority) {
		authority = true
		if l.key.Type() == ssh.KeyAlgoRSA {
			want = append(want, ssh.CertAlgoRSASHA512v01, ssh.CertAlgoRSASHA256v01)
		}
	}
	for _, a := range ssh.SupportedAlgorithms().HostKeys {
		// A certificate is of use only where an authority is known.
		if !slices.Contains(want, a) && (authority || !strings.Contains(a, "-cert-")) {
			want = append(want, a)
		}
	}
	if left := c.of.algorithms.hostKeys; left != nil {
		want = slices.DeleteFunc(want, func(a string) bool { return !slices.Contains(left, a) })
	}
	return want
}

// expected returns the host's own keys, as far as they are known.
func (c *keyCheck) expected() []ssh.PublicKey {
	if c.of.pinned != nil {
		return []ssh.PublicKey{c.of.pinned}
	}
	var keys []ssh.PublicKey
	for _, l := range c.known.keys("") {
		keys = append(keys, l.key)
	}
	return keys
}

func algorithmsOf(k ssh.PublicKey) []string {
	if k.Type() == ssh.KeyAlgoRSA {
		return []string{ssh.KeyAlgoRSASHA512, ssh.KeyAlgoRSASHA256}
	}
	return []string{k.Type()}
}

// lookUp returns what the files say about the host, and the command besides, which gets to
// know why it is asked and which key the host has shown. As ssh does it, the command is
// asked by the host's own name as long as there is no key, and then as known_hosts has it.
func (c *keyCheck) lookUp(why string, key ssh.PublicKey) (knownLines, error) {
	withPort, without, err := searchKnownHosts(c.files, c.of.knownAs)
	if err != nil || c.of.asksHosts == nil {
		return withPort.or(without), err
	}
	name, _ := hostNames(c.of.knownAs)
	if key == nil {
		name = c.of.asksHosts.tokens['h']
	}
	more, err := c.of.asksHosts.ask(c.ctx, c.dialer, why, name, key)
	return append(withPort, more...).or(without), err
}

// check is the ssh.HostKeyCallback. The error is kept as well, for the handshake
// wraps it in words of its own.
func (c *keyCheck) check(_ string, remote net.Addr, key ssh.PublicKey) error {
	if c.of.asksHosts != nil && c.of.pinned == nil {
		c.asking.Store(true)
		c.known, c.err = c.lookUp("HOSTNAME", key)
		c.asking.Store(false)
		if c.err == nil {
			c.err = c.known.bad(markRevoked)
		}
	}
	if c.err == nil {
		c.err = c.verify(key)
	}
	if c.err == nil {
		c.err = c.verifyAddress(remote, key)
	}
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
	if l := c.revoked.revoked(key); l != nil {
		return c.takenAway(key, l)
	}
	if err := c.of.algorithms.tooSmall(key); err != nil {
		return &WeakKeyError{c.of.addr, err}
	}
	if c.of.pinned != nil {
		if bytes.Equal(key.Marshal(), c.of.pinned.Marshal()) {
			return nil
		}
		return c.changed(key, []ExpectedKey{expectedKey(c.of.pinned, c.of.pinnedBy, "")})
	}
	if l := c.known.revoked(key); l != nil {
		return c.takenAway(key, l)
	}
	if cert, ok := key.(*ssh.Certificate); ok {
		return c.verifyCertificate(cert)
	}
	if c.known.keys("").with(key) != nil {
		return nil
	}
	var want []ExpectedKey
	for _, l := range c.known.keys("") {
		if !l.any { // else it may be the key of another server there
			want = append(want, l.expected())
		}
	}
	if len(want) > 0 {
		return c.changed(key, want)
	}
	// ssh would ask here. Who can read the line should say whether it is that key's.
	if err := c.known.bad("", markAuthority); err != nil {
		return err
	}
	return c.unknown(key)
}

// verifyAddress does what CheckHostIP wants: nobody may know another key of the address
// that a name has led to.
func (c *keyCheck) verifyAddress(remote net.Addr, key ssh.PublicKey) error {
	tcp, direct := remote.(*net.TCPAddr)
	if _, isCert := key.(*ssh.Certificate); !c.of.checkIP || isCert || c.of.pinned != nil || len(c.of.hops) > 0 || c.of.jumpHost && len(c.way) > 0 || !direct || tcp.IP.IsLoopback() {
		return nil
	}
	addr := net.JoinHostPort(tcp.IP.String(), strconv.Itoa(tcp.Port))
	if addr == c.of.knownAs {
		return nil
	}
	lines, _, err := searchKnownHosts(c.files, addr)
	if err == nil && c.of.asksHosts != nil {
		var more knownLines
		full, _ := hostNames(addr)
		more, err = c.of.asksHosts.ask(c.ctx, c.dialer, "ADDRESS", full, key)
		lines = append(lines, more...)
	}
	if err != nil {
		return err
	}
	if l := lines.revoked(key); l != nil {
		return c.takenAway(key, l)
	}
	own := lines.keys("")
	if len(own) == 0 || own.with(key) != nil {
		return nil
	}
	var want []ExpectedKey
	for _, l := range own {
		want = append(want, l.expected())
	}
	e := c.changed(key, want)
	e.Addr, e.Name = e.Addr+" ("+tcp.IP.String()+", which CheckHostIP looks at)", knownhosts.Normalize(addr)
	return e
}

func (c *keyCheck) takenAway(key ssh.PublicKey, by *knownLine) error {
	e := c.changed(key, []ExpectedKey{by.expected()})
	e.Revoked = true
	return e
}

// verifyCertificate accepts a certificate that an authority for this host has signed, and
// of another one the host's own key where that is known, as ssh does.
func (c *keyCheck) verifyCertificate(cert *ssh.Certificate) error {
	authorities := c.known.keys(markAuthority)
	if authorities.with(cert.SignatureKey) == nil && c.known.keys("").with(cert.Key) != nil {
		return nil
	}
	if !c.of.algorithms.authorities.allows(cert.Signature.Format) {
		return &HostCertError{c.of.addr, hostOnly(c.of.knownAs), fmt.Errorf("it is signed with %s, which CASignatureAlgorithms leaves out", cert.Signature.Format)}
	}
	checker := ssh.CertChecker{
		IsHostAuthority: func(key ssh.PublicKey, _ string) bool { return authorities.with(key) != nil },
		IsRevoked:       func(cert *ssh.Certificate) bool { return c.known.revoked(cert) != nil },
	}
	if err := checker.CheckHostKey(c.of.knownAs, nil, cert); err != nil {
		return c.certificateTrouble(cert, err)
	}
	return nil
}

// certificateTrouble says what is wrong with a certificate in words of its own where the
// library has few.
func (c *keyCheck) certificateTrouble(cert *ssh.Certificate, err error) error {
	day := func(t uint64) string { return time.Unix(int64(t), 0).UTC().Format("2006-01-02 15:04 UTC") }
	switch said := err.Error(); {
	case strings.Contains(said, "cert has expired"):
		err = fmt.Errorf("it expired at %s", day(cert.ValidBefore))
	case strings.Contains(said, "not yet valid"):
		err = fmt.Errorf("it is not yet valid, but from %s on", day(cert.ValidAfter))
	case strings.Contains(said, "principal"):
		err = fmt.Errorf("it is for %s and not for %s", escape.Line(strings.Join(cert.ValidPrincipals, ", ")), hostOnly(c.of.knownAs))
	case strings.Contains(said, "authorit"):
		err = fmt.Errorf("nobody vouches for its authority, %s %s", cert.SignatureKey.Type(), ssh.FingerprintSHA256(cert.SignatureKey))
	}
	return &HostCertError{c.of.addr, hostOnly(c.of.knownAs), err}
}

func (c *keyCheck) unknown(key ssh.PublicKey) error {
	return &UnknownHostError{
		Addr:        c.of.addr,
		KeyType:     key.Type(),
		Fingerprint: ssh.FingerprintSHA256(key),
		KnownHosts:  knownhosts.Line([]string{c.of.knownAs}, key),
		HostKey:     authorizedKey(key),
		Files:       c.sources(),
		Jump:        c.jump(),
	}
}

// sources are where a key was looked for.
func (c *keyCheck) sources() []string {
	if c.of.asksHosts == nil {
		return c.files
	}
	return append(slices.Clone(c.files), c.of.asksHosts.String())
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

// itsOwn returns every key that the host which was accepted may show another time.
func (c *keyCheck) itsOwn() [][]byte {
	all := [][]byte{bare(c.key)}
	for _, k := range c.expected() {
		all = append(all, bare(k))
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
