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
	HostKeys     []string // types of host key: "ed25519", "ecdsa", "rsa"; nil: ed25519
	User         string   // who may log in; "": root. Others than root must use sudo
	NoSudo       bool     // sudo wants a password
	SudoSays     string   // besides NoSudo: this and not that it wants a password
	SudoPassword string   // sudo -S asks for this one, and sudo -n is refused
	Doas         bool     // others than root must use doas
	NoExec       bool     // sudo lets a shell begin that may start nothing
	Kex          []string // key exchanges that it knows; nil: those of the library
	Password     bool     // passwords are offered as a method; none is right
	Local        bool     // run everything for real, with the local sh
	InMemory     bool     // no listener, only DialContext: for tests with testing/synctest
	Forward      bool     // be a jump host: forward connections; see Names
	Names        Network  // the addresses that a jump host knows; others are refused
	KeysOf       *Server  // it has the host keys of this one and none of its own, as an impostor has
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
	wrong    int // passwords that sudo was given
	handlers []func(Request) (Reply, bool)
	requests []Request
	jobs     map[string]*job
	lock     lock
	running  map[int]bool // sessions of a Local server, by process number
	closed   bool
	faults   faults
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
	if c.KeysOf != nil {
		s.signer, c.HostKeys = c.KeysOf.signer, nil
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

// LockFile returns the file on the "node" that is the lock of a Local server: give
// it to the client.
func (s *Server) LockFile() string { return filepath.Join(s.files, "lock") }

// AcceptKey lets a key in.
func (s *Server) AcceptKey(key ssh.PublicKey) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.keys[string(key.Marshal())] = true
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
		Config:       ssh.Config{KeyExchanges: s.config.Kex},
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
