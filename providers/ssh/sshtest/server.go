// Package sshtest runs an SSH server inside the test process.
//
// Start with New. The server knows the scripts that it was told about with Answer
// and its relatives; a script that it does not know fails the test. It speaks the
// protocol of package ssh for scripts and for detached jobs, and its jobs go on
// when a connection is dropped, as real ones do. With Config.Local it really runs
// everything with the local sh instead. What can go wrong with a connection is a
// method: refuse, hang, freeze, drop.
//
// The package never listens on anything but 127.0.0.1 and leaves nothing behind
// when the test ends. It knows package ssh by its wire protocol only, and writes
// that down once more: what both say is what is promised.
package sshtest

import (
	"crypto/ecdsa"
	"crypto/ed25519"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/rsa"
	"encoding/pem"
	"errors"
	"fmt"
	"io"
	"net"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"sync"
	"testing"

	"golang.org/x/crypto/ssh"
)

// Config says what kind of server it is. The zero value is a server with one
// Ed25519 key that lets root in.
type Config struct {
	HostKeys []string // types of host key: "ed25519", "ecdsa", "rsa"; nil: ed25519
	User     string   // who may log in; "": root. Others than root must use sudo
	NoSudo   bool     // sudo wants a password
	Password bool     // passwords are offered as a method; none is right
	Local    bool     // run everything for real, with the local sh
	InMemory bool     // no listener, only DialContext: for tests with testing/synctest
	Forward  bool     // be a jump host: forward connections; see Names
	Names    Network  // the addresses that a jump host knows; others are refused
}

// A Server is one SSH server. Its methods are safe for concurrent use and may be
// called while clients are connected.
type Server struct {
	t      testing.TB
	config Config
	signer []ssh.Signer
	listen net.Listener
	work   sync.WaitGroup
	files  string // directory of the test's own
	client ssh.Signer

	mu       sync.Mutex
	keys     map[string]bool // who may log in
	conns    map[*faultyConn]bool
	accepted int
	handlers []func(Request) (Reply, bool)
	requests []Request
	jobs     map[string]*job
	running  map[int]bool // sessions of a Local server, by process number
	closed   bool
	faults   faults
}

type faults struct {
	refuse           int
	refuseText       string
	hang             bool
	deny             bool
	ignoreKeepalives bool
	dropAfter        int // bytes to send before the next drop; 0: none
}

// New starts a server that ends with the test.
func New(t testing.TB, c Config) *Server {
	t.Helper()
	s := &Server{
		t:       t,
		config:  c,
		keys:    map[string]bool{},
		conns:   map[*faultyConn]bool{},
		jobs:    map[string]*job{},
		running: map[int]bool{},
		files:   t.TempDir(),
	}
	if c.HostKeys == nil {
		c.HostKeys = []string{"ed25519"}
	}
	for _, kind := range c.HostKeys {
		s.signer = append(s.signer, NewKey(t, kind))
	}
	s.client = NewKey(t, "ed25519")
	s.AcceptKey(s.client.PublicKey())
	t.Cleanup(s.close)
	if c.InMemory {
		return s
	}
	var err error
	if s.listen, err = net.Listen("tcp", "127.0.0.1:0"); err != nil {
		t.Fatalf("sshtest: %v", err)
	}
	s.work.Go(s.accept)
	return s
}

func (s *Server) close() {
	s.mu.Lock()
	s.closed = true
	for _, j := range s.jobs {
		j.abandon()
	}
	s.mu.Unlock()
	if s.listen != nil {
		s.listen.Close()
	}
	s.Freeze(false)
	s.DropConnections()
	if s.config.Local {
		EndJobs(s.t, s.JobDir())
		s.endProcesses()
	}
	s.work.Wait()
}

// NewKey makes a key pair of one of the types that Config.HostKeys takes.
func NewKey(t testing.TB, kind string) ssh.Signer {
	t.Helper()
	s, err := ssh.NewSignerFromKey(newPrivateKey(t, kind))
	if err != nil {
		t.Fatalf("sshtest: %v", err)
	}
	return s
}

func newPrivateKey(t testing.TB, kind string) any {
	var key any
	var err error
	switch kind {
	case "ed25519":
		_, key, err = ed25519.GenerateKey(rand.Reader)
	case "ecdsa":
		key, err = ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	case "rsa":
		key, err = rsa.GenerateKey(rand.Reader, 2048)
	default:
		err = fmt.Errorf("unknown type of key %q", kind)
	}
	if err != nil {
		t.Fatalf("sshtest: %v", err)
	}
	return key
}

// WriteKey makes a key pair, writes the private half to file in OpenSSH's format,
// encrypted if there is a passphrase, and returns the public half.
func WriteKey(t testing.TB, kind, file, passphrase string) ssh.PublicKey {
	t.Helper()
	key := newPrivateKey(t, kind)
	if k, ok := key.(ed25519.PrivateKey); ok {
		key = &k
	}
	block, err := ssh.MarshalPrivateKey(key, filepath.Base(file))
	if passphrase != "" {
		block, err = ssh.MarshalPrivateKeyWithPassphrase(key, filepath.Base(file), []byte(passphrase))
	}
	if err != nil {
		t.Fatalf("sshtest: %v", err)
	}
	if err := os.WriteFile(file, pem.EncodeToMemory(block), 0o600); err != nil {
		t.Fatalf("sshtest: %v", err)
	}
	plain := pem.EncodeToMemory(block)
	var s ssh.Signer
	if passphrase != "" {
		s, err = ssh.ParsePrivateKeyWithPassphrase(plain, []byte(passphrase))
	} else {
		s, err = ssh.ParsePrivateKey(plain)
	}
	if err != nil {
		t.Fatalf("sshtest: %v", err)
	}
	return s.PublicKey()
}

// Addr returns the server's host:port; of a server in memory one that nothing
// listens on.
func (s *Server) Addr() string {
	if s.listen == nil {
		return "127.0.0.1:22"
	}
	return s.listen.Addr().String()
}

// Port returns the server's port on 127.0.0.1.
func (s *Server) Port() int {
	_, port, _ := net.SplitHostPort(s.Addr())
	n, _ := strconv.Atoi(port)
	return n
}

// HostKey returns the server's first host key in the form "type base64".
func (s *Server) HostKey() string { return s.HostKeys()[0] }

// HostKeys returns all its host keys in that form.
func (s *Server) HostKeys() []string {
	var keys []string
	for _, k := range s.signer {
		keys = append(keys, strings.TrimSpace(string(ssh.MarshalAuthorizedKey(k.PublicKey()))))
	}
	return keys
}

// KnownHosts writes a known_hosts file that names the server by the given names,
// in the form host or [host]:port, with all its keys, and returns the file. Without
// names it is the address that Addr returns.
func (s *Server) KnownHosts(names ...string) string {
	s.t.Helper()
	if len(names) == 0 {
		names = []string{fmt.Sprintf("[127.0.0.1]:%d", s.Port())}
	}
	var b strings.Builder
	for _, key := range s.HostKeys() {
		fmt.Fprintf(&b, "%s %s\n", strings.Join(names, ","), key)
	}
	f, err := os.CreateTemp(s.files, "known_hosts")
	if err == nil {
		_, err = f.WriteString(b.String())
		f.Close()
	}
	if err != nil {
		s.t.Fatalf("sshtest: %v", err)
	}
	return f.Name()
}

// IdentityFile writes a private key that the server accepts, and returns the file.
func (s *Server) IdentityFile() string {
	s.t.Helper()
	f := filepath.Join(s.files, "id_ed25519")
	if _, err := os.Stat(f); err != nil {
		s.AcceptKey(WriteKey(s.t, "ed25519", f, ""))
	}
	return f
}

// JobDir returns the directory on the "node" where a Local server keeps its jobs:
// give it to the client.
func (s *Server) JobDir() string { return filepath.Join(s.files, "jobs") }

// AcceptKey lets a key in.
func (s *Server) AcceptKey(key ssh.PublicKey) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.keys[string(key.Marshal())] = true
}

// RefuseNext closes the next n connections before a word was said. If text is not
// empty it is sent first.
func (s *Server) RefuseNext(n int, text string) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.faults.refuse, s.faults.refuseText = n, text
}

// Hang makes new connections get no answer at all.
func (s *Server) Hang(on bool) { s.mu.Lock(); defer s.mu.Unlock(); s.faults.hang = on }

// Deny lets nobody log in.
func (s *Server) Deny(on bool) { s.mu.Lock(); defer s.mu.Unlock(); s.faults.deny = on }

// IgnoreKeepalives leaves global requests without an answer.
func (s *Server) IgnoreKeepalives(on bool) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.faults.ignoreKeepalives = on
}

// DropConnections cuts all connections.
func (s *Server) DropConnections() {
	s.mu.Lock()
	defer s.mu.Unlock()
	for c := range s.conns {
		c.Conn.Close()
	}
}

// DropAfter cuts one connection, the one over which the server sends the nth byte
// from now on.
func (s *Server) DropAfter(n int) { s.mu.Lock(); defer s.mu.Unlock(); s.faults.dropAfter = n }

// Freeze stops or lets go everything that the server sends and receives, without
// closing anything, as a cut cable does.
func (s *Server) Freeze(on bool) {
	s.mu.Lock()
	defer s.mu.Unlock()
	for c := range s.conns {
		c.freeze(on)
	}
}

// Connections returns how many TCP connections there have been.
func (s *Server) Connections() int {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.accepted
}

func (s *Server) accept() {
	for {
		c, err := s.listen.Accept()
		if err != nil {
			return
		}
		s.work.Go(func() { s.Serve(c) })
	}
}

// Serve speaks SSH on c until it ends. The server calls it for the connections to
// Addr; call it for others.
func (s *Server) Serve(c net.Conn) {
	defer c.Close()
	fc := &faultyConn{Conn: c, server: s}
	fc.thawed = sync.NewCond(&fc.mu)
	s.mu.Lock()
	s.accepted++
	if s.closed {
		s.mu.Unlock()
		return
	}
	s.conns[fc] = true
	refused, text, hang := s.faults.refuse > 0, s.faults.refuseText, s.faults.hang
	if refused {
		s.faults.refuse--
	}
	s.mu.Unlock()
	defer func() {
		s.mu.Lock()
		delete(s.conns, fc)
		s.mu.Unlock()
		fc.freeze(false)
	}()
	switch {
	case refused:
		io.WriteString(c, text)
	case hang:
		io.Copy(io.Discard, c)
	default:
		s.talk(fc)
	}
}

func (s *Server) talk(c net.Conn) {
	sc, chans, reqs, err := ssh.NewServerConn(c, s.serverConfig())
	if err != nil {
		return
	}
	defer sc.Close()
	s.work.Go(func() {
		for r := range reqs {
			s.mu.Lock()
			ignore := s.faults.ignoreKeepalives
			s.mu.Unlock()
			if r.WantReply && !ignore {
				r.Reply(false, nil)
			}
		}
	})
	for ch := range chans {
		switch ch.ChannelType() {
		case "session":
			s.work.Go(func() { s.session(ch, sc.User()) })
		case "direct-tcpip":
			s.work.Go(func() { s.forward(ch) })
		default:
			ch.Reject(ssh.UnknownChannelType, "unknown")
		}
	}
}

func (s *Server) serverConfig() *ssh.ServerConfig {
	config := &ssh.ServerConfig{
		MaxAuthTries: 6,
		PublicKeyCallback: func(c ssh.ConnMetadata, key ssh.PublicKey) (*ssh.Permissions, error) {
			s.mu.Lock()
			defer s.mu.Unlock()
			if s.faults.deny || !s.keys[string(key.Marshal())] || c.User() != s.user() {
				return nil, errors.New("denied")
			}
			return nil, nil
		},
	}
	if s.config.Password {
		config.PasswordCallback = func(ssh.ConnMetadata, []byte) (*ssh.Permissions, error) {
			s.t.Error("sshtest: somebody tried a password")
			return nil, errors.New("denied")
		}
	}
	for _, k := range s.signer {
		config.AddHostKey(k)
	}
	return config
}

func (s *Server) user() string {
	if s.config.User == "" {
		return "root"
	}
	return s.config.User
}

func (s *Server) forward(ch ssh.NewChannel) {
	var to struct {
		Host  string
		Port  uint32
		From  string
		FPort uint32
	}
	if !s.config.Forward {
		ch.Reject(ssh.Prohibited, "open failed")
		return
	}
	if err := ssh.Unmarshal(ch.ExtraData(), &to); err != nil {
		ch.Reject(ssh.ConnectionFailed, err.Error())
		return
	}
	out, err := s.config.Names.DialContext(s.t.Context(), "tcp", net.JoinHostPort(to.Host, strconv.Itoa(int(to.Port))))
	if err != nil {
		ch.Reject(ssh.ConnectionFailed, lastWords(err))
		return
	}
	defer out.Close()
	in, reqs, err := ch.Accept()
	if err != nil {
		return
	}
	go ssh.DiscardRequests(reqs)
	defer in.Close()
	s.work.Go(func() { io.Copy(out, in); out.Close() })
	io.Copy(in, out)
}

// lastWords are the kernel's, which is all that sshd says.
func lastWords(err error) string {
	for {
		next := errors.Unwrap(err)
		if next == nil {
			return err.Error()
		}
		err = next
	}
}

// A faultyConn is a connection that can be frozen, and dropped in mid-word.
type faultyConn struct {
	net.Conn
	server *Server

	mu     sync.Mutex
	thawed *sync.Cond
	frozen bool
}

func (c *faultyConn) freeze(on bool) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.frozen = on
	c.thawed.Broadcast()
}

func (c *faultyConn) wait() {
	c.mu.Lock()
	defer c.mu.Unlock()
	for c.frozen {
		c.thawed.Wait()
	}
}

func (c *faultyConn) Read(p []byte) (int, error) {
	n, err := c.Conn.Read(p)
	c.wait()
	return n, err
}

func (c *faultyConn) Write(p []byte) (int, error) {
	c.wait()
	if n := c.server.allowed(len(p)); n < len(p) {
		c.Conn.Write(p[:n])
		c.Conn.Close()
		return n, errors.New("dropped")
	}
	return c.Conn.Write(p)
}

// allowed returns how many of n bytes may be sent before the drop that DropAfter
// asked for.
func (s *Server) allowed(n int) int {
	s.mu.Lock()
	defer s.mu.Unlock()
	switch {
	case s.faults.dropAfter == 0:
		return n
	case s.faults.dropAfter > n:
		s.faults.dropAfter -= n
		return n
	default:
		n, s.faults.dropAfter = s.faults.dropAfter-1, 0
		return n
	}
}
