package ssh

import (
	"bytes"
	"crypto/ecdsa"
	"crypto/ed25519"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/sha256"
	"encoding/binary"
	"encoding/pem"
	"fmt"
	"io"
	"math/big"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"golang.org/x/crypto/ssh"
	"golang.org/x/crypto/ssh/agent"

	"zup/providers/ssh/sshtest"
)

// An openSSHAgent is OpenSSH's own agent.
type openSSHAgent struct {
	t      *testing.T
	socket string
}

// startSSHAgent starts one; env is for what it asks with.
func startSSHAgent(t *testing.T, env ...string) *openSSHAgent {
	t.Helper()
	if _, err := exec.LookPath("ssh-agent"); err != nil {
		skip(t, "needs ssh-agent: apt-get install openssh-client")
	}
	dir, err := os.MkdirTemp("", "agent") // the names of sockets have to be short
	if err != nil {
		t.Fatal(err)
	}
	a := &openSSHAgent{t, filepath.Join(dir, "socket")}
	cmd := exec.Command("ssh-agent", "-D", "-a", a.socket)
	cmd.Env = append(os.Environ(), env...)
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		cmd.Process.Kill()
		cmd.Wait()
		os.RemoveAll(dir)
	})
	eventually(t, "the agent listens", func() bool {
		c, err := net.Dial("unix", a.socket)
		if err == nil {
			c.Close()
		}
		return err == nil
	})
	return a
}

// add runs ssh-add, which is told what it asks for.
func (a *openSSHAgent) add(says string, args ...string) {
	a.t.Helper()
	cmd := exec.Command("ssh-add", args...)
	ask := askpass(a.t, "echo '"+says+"'")
	cmd.Env = append(os.Environ(), "SSH_AUTH_SOCK="+a.socket, "SSH_ASKPASS="+ask, "SSH_ASKPASS_REQUIRE=force", "DISPLAY=:0")
	if out, err := cmd.CombinedOutput(); err != nil {
		a.t.Fatalf("ssh-add %q: %v\n%s", args, err, out)
	}
}

// askpass writes a program that OpenSSH asks with.
func askpass(t *testing.T, script string) string {
	t.Helper()
	file := filepath.Join(t.TempDir(), "askpass")
	if err := os.WriteFile(file, []byte("#!/bin/sh\n"+script+"\n"), 0o700); err != nil {
		t.Fatal(err)
	}
	return file
}

// certify writes a certificate of the key in file beside it.
func certify(t *testing.T, ca ssh.Signer, file string, key ssh.PublicKey) *ssh.Certificate {
	t.Helper()
	cert := &ssh.Certificate{Key: key, CertType: ssh.UserCert, ValidPrincipals: []string{"root"}, ValidBefore: ssh.CertTimeInfinity}
	if err := cert.SignCert(rand.Reader, ca); err != nil {
		t.Fatal(err)
	}
	writeText(t, file+"-cert.pub", string(ssh.MarshalAuthorizedKey(cert)))
	return cert
}

func writeText(t *testing.T, file, text string) {
	t.Helper()
	if err := os.WriteFile(file, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
}

// believing starts a sshd that lets in whom an authority vouches for, and nobody else.
func believing(t *testing.T, ca ssh.Signer) *openSSH {
	t.Helper()
	file := filepath.Join(t.TempDir(), "ca.pub")
	writeText(t, file, string(ssh.MarshalAuthorizedKey(ca.PublicKey())))
	s := startSSHD(t, "TrustedUserCAKeys "+file)
	s.write(t, "authorized_keys", nil)
	return s
}

// Certificates of all kinds of key, in OpenSSH's agent and beside keys that are there: each
// gets in as ssh gets in.
func TestCertificatesInAnAgent(t *testing.T) {
	t.Parallel()
	ca := sshtest.NewKey(t, "ed25519")
	s := believing(t, ca)
	for _, kind := range []string{"ed25519", "ecdsa", "rsa"} {
		for name, c := range map[string]struct {
			config string
			remove string // of DIR/id, once the agent has it all
			in     bool
		}{
			"the agent has both":              {"", "id id.pub id-cert.pub", true},
			"IdentitiesOnly, all are files":   {"IdentitiesOnly yes\nIdentityFile DIR/id", "", true},
			"IdentitiesOnly, no private key":  {"IdentitiesOnly yes\nIdentityFile DIR/id", "id", true},
			"IdentitiesOnly, the public one":  {"IdentitiesOnly yes\nIdentityFile DIR/id.pub\nCertificateFile DIR/id-cert.pub", "id", true},
			"IdentitiesOnly, only its cert":   {"IdentitiesOnly yes\nIdentityFile DIR/id", "id id.pub", true},
			"IdentitiesOnly, without it":      {"IdentitiesOnly yes\nIdentityFile DIR/id", "id-cert.pub", false},
			"IdentitiesOnly, another file":    {"IdentitiesOnly yes\nIdentityFile DIR/other", "", false},
			"CertificateFile":                 {"CertificateFile DIR/id-cert.pub", "id id.pub", true},
			"only rsa-sha2-256 and ed25519":   {"PubkeyAcceptedAlgorithms rsa-sha2-256-cert-v01@openssh.com,ssh-ed25519-cert-v01@openssh.com,ecdsa-*", "id id.pub id-cert.pub", true},
			"no certificates":                 {"PubkeyAcceptedAlgorithms -*-cert-v01@openssh.com", "id", false},
			"the agent is not to be asked":    {"IdentityAgent none\nIdentityFile DIR/id", "id", false},
			"the agent is none, the key file": {"IdentityAgent none\nIdentityFile DIR/id", "", true},
		} {
			t.Run(kind+"/"+name, func(t *testing.T) {
				t.Parallel()
				a := startSSHAgent(t)
				dir := t.TempDir()
				id := filepath.Join(dir, "id")
				key := sshtest.WriteKey(t, kind, id, "")
				writeText(t, id+".pub", string(ssh.MarshalAuthorizedKey(key)))
				certify(t, ca, id, key)
				sshtest.WriteKey(t, "ed25519", filepath.Join(dir, "other"), "")
				a.add("", id)
				for _, file := range strings.Fields(c.remove) {
					os.Remove(filepath.Join(dir, file))
				}
				d := newDialer(t)
				d.AgentSocket = ""
				config := strings.ReplaceAll(c.config, "DIR", dir)
				if !strings.Contains(config, "IdentityAgent") {
					config += "\nIdentityAgent " + a.socket
				}
				writeConfig(t, d, config+"\n")
				to := s.target()
				to.IdentityFile = ""
				h, err := d.Dial(t.Context(), to)
				if (err == nil) != c.in {
					t.Errorf("zup: %v", err)
				}
				if err == nil {
					h.Close()
				}
				if got := sshGetsIn(t, s, d.Home+"/.ssh/config"); got != c.in {
					t.Errorf("ssh gets in: %t", got)
				}
			})
		}
	}
}

// sshGetsIn reports whether ssh gets in with a configuration.
func sshGetsIn(t *testing.T, s *openSSH, config string) bool {
	t.Helper()
	known := filepath.Join(t.TempDir(), "known_hosts")
	writeText(t, known, fmt.Sprintf("[127.0.0.1]:%d %s\n", s.port, s.hostKey))
	cmd := exec.Command("ssh", "-F", config, "-o", "BatchMode=yes", "-o", "UserKnownHostsFile="+known, "-p", fmt.Sprint(s.port), "root@127.0.0.1", "true")
	cmd.Env = append(os.Environ(), "SSH_AUTH_SOCK=", "HOME="+t.TempDir())
	return cmd.Run() == nil
}

// The key in the agent serves the certificate beside an encrypted file: nobody is asked.
func TestCertificateOfAKeyInTheAgentAsksNobody(t *testing.T) {
	t.Parallel()
	ca := sshtest.NewKey(t, "ed25519")
	s := believing(t, ca)
	a := startSSHAgent(t)
	id := filepath.Join(t.TempDir(), "id")
	certify(t, ca, id, sshtest.WriteKey(t, "ed25519", id, "secret"))
	cert, err := os.ReadFile(id + "-cert.pub")
	if err != nil {
		t.Fatal(err)
	}
	os.Remove(id + "-cert.pub")
	a.add("secret", id)
	writeText(t, id+"-cert.pub", string(cert)) // which came later
	d := newDialer(t)
	d.AgentSocket = a.socket
	to := s.target()
	to.IdentityFile = id
	dial(t, d, to)
}

// OpenSSH's agent asks for a confirmation: who takes his time is waited for and told, who
// says no has the next key tried. One that is locked has no keys.
func TestAgentThatAsks(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct {
		program string
		told    int
		in      bool
	}{
		"yes, after a while": {"sleep 1.5", 1, true},
		"no":                 {"exit 1", 0, false},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			s := startSSHD(t)
			a := startSSHAgent(t, "SSH_ASKPASS="+askpass(t, c.program), "SSH_ASKPASS_REQUIRE=force", "DISPLAY=:0")
			a.add("", "-c", s.identityFile)
			d := newDialer(t)
			d.AgentSocket = a.socket
			lines := told(d)
			to := s.target()
			to.IdentityFile = ""
			h, err := d.Dial(t.Context(), to)
			if (err == nil) != c.in || len(lines()) != c.told {
				t.Errorf("%v, said %q", err, lines())
			}
			if err == nil {
				h.Close()
				return
			}
			contains(t, "error", err.Error(), "accepted, but it cannot sign: the agent refused to sign")
			other := filepath.Join(s.dir, "other")
			both, _ := os.ReadFile(filepath.Join(s.dir, "authorized_keys"))
			s.write(t, "authorized_keys", append(both, ssh.MarshalAuthorizedKey(sshtest.WriteKey(t, "ed25519", other, ""))...))
			writeConfig(t, d, "IdentityFile "+s.identityFile+"\nIdentityFile "+other+"\n")
			d = &Dialer{Home: d.Home, LocalUser: "root", SystemConfigFile: "none", AgentSocket: a.socket, RetryFor: -1}
			t.Cleanup(func() { d.Close() })
			dial(t, d, to)
		})
	}
	s := startSSHD(t)
	a := startSSHAgent(t)
	a.add("", s.identityFile)
	a.add("locked", "-x")
	d := newDialer(t)
	d.AgentSocket = a.socket
	dial(t, d, s.target())
}

// Keys on a PKCS#11 token, which OpenSSH's agent has loaded.
func TestTokenThroughAnAgent(t *testing.T) {
	t.Parallel()
	const library = "/usr/lib/softhsm/libsofthsm2.so"
	for _, program := range []string{library, "/usr/bin/softhsm2-util", "/usr/bin/pkcs11-tool"} {
		if _, err := os.Stat(program); err != nil {
			skip(t, "needs "+program+": apt-get install softhsm2 opensc")
		}
	}
	dir := t.TempDir()
	writeText(t, filepath.Join(dir, "conf"), "directories.tokendir = "+dir+"/tokens\nobjectstore.backend = file\n")
	if err := os.Mkdir(filepath.Join(dir, "tokens"), 0o700); err != nil {
		t.Fatal(err)
	}
	conf := "SOFTHSM2_CONF=" + filepath.Join(dir, "conf")
	for _, args := range [][]string{
		{"softhsm2-util", "--init-token", "--free", "--label", "zup", "--pin", "1234", "--so-pin", "1234"},
		{"pkcs11-tool", "--module", library, "--login", "--pin", "1234", "--keypairgen", "--key-type", "rsa:2048", "--id", "01", "--label", "rsa"},
		{"pkcs11-tool", "--module", library, "--login", "--pin", "1234", "--keypairgen", "--key-type", "EC:prime256v1", "--id", "02", "--label", "ec"},
	} {
		cmd := exec.Command(args[0], args[1:]...)
		cmd.Env = append(os.Environ(), conf)
		if out, err := cmd.CombinedOutput(); err != nil {
			t.Fatalf("%q: %v\n%s", args, err, out)
		}
	}
	a := startSSHAgent(t, conf)
	a.add("1234", "-s", library)
	conn, err := net.Dial("unix", a.socket)
	if err != nil {
		t.Fatal(err)
	}
	defer conn.Close()
	keys, err := agent.NewClient(conn).List()
	if err != nil || len(keys) != 2 {
		t.Fatalf("%d keys, %v", len(keys), err)
	}
	for _, k := range keys {
		s := startSSHD(t)
		s.write(t, "authorized_keys", []byte(k.String()+"\n"))
		d := newDialer(t)
		d.AgentSocket = a.socket
		public := filepath.Join(dir, k.Format+".pub")
		writeText(t, public, k.String()+"\n")
		writeConfig(t, d, "IdentitiesOnly yes\nIdentityFile "+public+"\n")
		to := s.target()
		to.IdentityFile = ""
		dial(t, d, to)
	}
}

// A securityKey is a key of a FIDO device, in software: OpenSSH has such a thing in its
// own tests only.
type securityKey struct {
	pub  ssh.PublicKey
	sign func(digest []byte) []byte // of what a device signs
}

const skApplication = "ssh:"

func newSecurityKey(t *testing.T, kind string) *securityKey {
	t.Helper()
	var blob []byte
	k := &securityKey{}
	switch kind {
	case ssh.KeyAlgoSKED25519:
		pub, private, err := ed25519.GenerateKey(rand.Reader)
		if err != nil {
			t.Fatal(err)
		}
		blob = ssh.Marshal(struct{ Kind, Key, Application string }{kind, string(pub), skApplication})
		k.sign = func(data []byte) []byte { return ed25519.Sign(private, data) }
	case ssh.KeyAlgoSKECDSA256:
		private, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
		if err != nil {
			t.Fatal(err)
		}
		public, err := private.PublicKey.Bytes()
		if err != nil {
			t.Fatal(err)
		}
		blob = ssh.Marshal(struct{ Kind, Curve, Key, Application string }{kind, "nistp256", string(public), skApplication})
		k.sign = func(data []byte) []byte {
			digest := sha256.Sum256(data)
			r, s, err := ecdsa.Sign(rand.Reader, private, digest[:])
			if err != nil {
				t.Error(err)
			}
			return ssh.Marshal(struct{ R, S *big.Int }{r, s})
		}
	}
	var err error
	if k.pub, err = ssh.ParsePublicKey(blob); err != nil {
		t.Fatal(err)
	}
	return k
}

// A deviceAgent has security keys, and perhaps their certificates.
type deviceAgent struct {
	agent.Agent // nil: only what is below is asked
	keys        []*securityKey
	certs       []*ssh.Certificate
	touched     time.Duration // after so long
	counter     *atomic.Uint32
}

func (a deviceAgent) List() ([]*agent.Key, error) {
	listed := []*agent.Key{{Format: "unheard-of", Blob: ssh.Marshal(struct{ Kind, Key string }{"unheard-of", "x"}), Comment: "of another time"}}
	for _, k := range a.keys {
		listed = append(listed, &agent.Key{Format: k.pub.Type(), Blob: k.pub.Marshal(), Comment: "yubikey"})
	}
	for _, c := range a.certs {
		listed = append(listed, &agent.Key{Format: c.Type(), Blob: c.Marshal(), Comment: "yubikey with a certificate"})
	}
	return listed, nil
}

func (a deviceAgent) Sign(key ssh.PublicKey, data []byte) (*ssh.Signature, error) {
	time.Sleep(a.touched)
	pub, err := ssh.ParsePublicKey(key.Marshal())
	if err != nil {
		return nil, err
	}
	if cert, ok := pub.(*ssh.Certificate); ok {
		pub = cert.Key
	}
	for _, k := range a.keys {
		if bytes.Equal(k.pub.Marshal(), pub.Marshal()) {
			const present = 1
			application, message := sha256.Sum256([]byte(skApplication)), sha256.Sum256(data)
			rest := binary.BigEndian.AppendUint32([]byte{present}, a.counter.Add(1))
			signed := append(append(bytes.Clone(application[:]), rest...), message[:]...)
			return &ssh.Signature{Format: pub.Type(), Blob: k.sign(signed), Rest: rest}, nil
		}
	}
	return nil, io.EOF
}

// Security keys get in to OpenSSH's server through an agent, with the key alone, with a
// certificate, and by the file that ssh-keygen writes for them; who has to touch one is told.
func TestSecurityKeysThroughAnAgent(t *testing.T) {
	t.Parallel()
	ca := sshtest.NewKey(t, "ed25519")
	for _, kind := range []string{ssh.KeyAlgoSKED25519, ssh.KeyAlgoSKECDSA256} {
		k := newSecurityKey(t, kind)
		id := filepath.Join(t.TempDir(), "id_sk")
		cert := certify(t, ca, id, k.pub)
		os.Rename(id+"-cert.pub", id+".cert")
		writeText(t, id, handle(k.pub))
		for name, c := range map[string]struct {
			config string
			s      *openSSH
		}{
			"the agent's":          {"", startSSHD(t)},
			"IdentitiesOnly":       {"IdentitiesOnly yes\nIdentityFile " + id, startSSHD(t)},
			"a certificate":        {"", believing(t, ca)},
			"a certificate's file": {"IdentitiesOnly yes\nIdentityFile " + id + "\nCertificateFile " + id + ".cert", believing(t, ca)},
		} {
			t.Run(kind+"/"+name, func(t *testing.T) {
				t.Parallel()
				device := deviceAgent{keys: []*securityKey{k}, touched: 1200 * time.Millisecond, counter: new(atomic.Uint32)}
				if strings.Contains(name, "certificate") {
					device.certs = []*ssh.Certificate{cert}
				} else {
					c.s.write(t, "authorized_keys", ssh.MarshalAuthorizedKey(k.pub))
				}
				d := newDialer(t)
				d.AgentSocket = listenAgent(t, func(c net.Conn) { agent.ServeAgent(device, c) })
				lines := told(d)
				writeConfig(t, d, c.config+"\n")
				to := c.s.target()
				to.IdentityFile = ""
				dial(t, d, to)
				if said := lines(); len(said) != 1 || !strings.Contains(said[0], "sk-") || !strings.Contains(said[0], "touch the security key") {
					t.Errorf("said %q", said)
				}
			})
		}
	}

	// Without the agent its file is known for what it is.
	k := newSecurityKey(t, ssh.KeyAlgoSKED25519)
	d := newDialer(t)
	s := sshtest.New(t, sshtest.Config{})
	to := target(s)
	to.IdentityFile = filepath.Join(t.TempDir(), "id_sk")
	writeText(t, to.IdentityFile, handle(k.pub))
	err := dialError(t, d, to)
	contains(t, "error", err.Error(), "a security key that is not in the agent", ssh.FingerprintSHA256(k.pub))
	contains(t, "hint", hint(err), "ssh-add "+to.IdentityFile)
}

// The usual names of security keys count where they are, and are not spoken of otherwise.
func TestSecurityKeyOfTheUsualName(t *testing.T) {
	t.Parallel()
	s := startSSHD(t)
	k := newSecurityKey(t, ssh.KeyAlgoSKED25519)
	s.write(t, "authorized_keys", ssh.MarshalAuthorizedKey(k.pub))
	d := newDialer(t)
	device := deviceAgent{keys: []*securityKey{k}, counter: new(atomic.Uint32)}
	d.AgentSocket = listenAgent(t, func(c net.Conn) { agent.ServeAgent(device, c) })
	writeConfig(t, d, "IdentitiesOnly yes\n")
	to := s.target()
	to.IdentityFile = ""
	err := dialError(t, d, to)
	if strings.Contains(err.Error(), "_sk") {
		t.Errorf("%v", err)
	}
	writeText(t, filepath.Join(d.Home, ".ssh", "id_ed25519_sk.pub"), string(ssh.MarshalAuthorizedKey(k.pub)))
	dial(t, d, to)
}

// handle is the file of a security key as far as zup reads it.
func handle(pub ssh.PublicKey) string {
	body := append([]byte("openssh-key-v1\x00"), ssh.Marshal(struct {
		Cipher, KDF, Options string
		Keys                 uint32
		Public, Private      []byte
	}{"none", "none", "", 1, pub.Marshal(), []byte("a handle that only OpenSSH reads")})...)
	return string(encodePEM(body))
}

// Which agent counts, as ssh_config(5) has it.
func TestIdentityAgent(t *testing.T) {
	s := sshtest.New(t, sshtest.Config{})
	named := startAgent(t, agentKey(t, s, "named"))
	other := startAgent(t, agentKey(t, nil, "not let in"))
	t.Setenv("ZUP_TEST_AGENT", named)
	t.Setenv("ZUP_TEST_DIR", filepath.Dir(named))
	t.Setenv("SSH_AUTH_SOCK", other)
	home := t.TempDir()
	if err := os.Symlink(named, filepath.Join(home, "socket")); err != nil {
		t.Fatal(err)
	}
	for _, c := range []struct {
		config, env string
		err         string // "": it gets in
	}{
		{"IdentityAgent " + named, other, ""},
		{"IdentityAgent \"" + named + "\"", other, ""},
		{"IdentityAgent $ZUP_TEST_AGENT", other, ""},
		{"IdentityAgent ${ZUP_TEST_AGENT}", other, ""},
		{"IdentityAgent ${ZUP_TEST_DIR}/agent", other, ""},
		{"IdentityAgent ~/socket", other, ""},
		{"IdentityAgent %d/socket", other, ""},
		{"IdentityAgent SSH_AUTH_SOCK", named, ""},
		{"", named, ""},
		{"IdentityAgent $SSH_AUTH_SOCK", named, ""},
		{"Match host nothing\nIdentityAgent none\nMatch all\nIdentityAgent " + named, other, ""},
		{"IdentityAgent none", named, "there is no key to log in with"},
		{"IdentityAgent " + named + "\nIdentityAgent none", other, ""},
		{"IdentityAgent none\nIdentityAgent " + named, named, "there is no key to log in with"},
		{"IdentityAgent $ZUP_TEST_UNSET", named, "there is no key to log in with"},
		{"IdentityAgent ${ZUP_TEST_UNSET}", named, "the environment has no \"ZUP_TEST_UNSET\""},
		{"IdentityAgent $ZUP_TEST_DIR/agent", named, "is not a variable of the environment"},
		{"IdentityAgent $", named, "is not a variable of the environment"},
		{"IdentityAgent agent", named, "a relative name means another file"},
		{"IdentityAgent /nonexistent", named, "no answer: dial unix /nonexistent"},
		{"IdentityAgent " + other, named, "refused: agent not let in"},
		{"IdentitiesOnly yes", named, "there is no key to log in with"},
	} {
		d := newDialer(t)
		d.Home, d.AgentSocket = home, ""
		os.Unsetenv("ZUP_TEST_UNSET")
		t.Setenv("SSH_AUTH_SOCK", c.env)
		writeConfig(t, d, c.config+"\n")
		to := target(s)
		to.IdentityFile = ""
		h, err := d.Dial(t.Context(), to)
		if (err == nil) != (c.err == "") || err != nil && !strings.Contains(err.Error(), c.err) {
			t.Errorf("%s: %v", c.config, err)
		}
		if err == nil {
			h.Close()
		}
	}
}

// No key gets into an agent, whatever the configuration says, and Way says so.
func TestAddKeysToAgentIsIgnored(t *testing.T) {
	t.Parallel()
	for value, want := range map[string]string{"yes": "yes, ignored on purpose", "confirm 3600": "confirm 3600, ignored on purpose", "ask": "ask, ignored on purpose", "no": "", "": ""} {
		s := sshtest.New(t, sshtest.Config{})
		a := startSSHAgent(t)
		d := newDialer(t)
		d.AgentSocket = a.socket
		if value != "" {
			writeConfig(t, d, "AddKeysToAgent "+value+"\n")
		}
		dial(t, d, target(s))
		out, _ := exec.Command("env", "SSH_AUTH_SOCK="+a.socket, "ssh-add", "-l").CombinedOutput()
		if !strings.Contains(string(out), "no identities") {
			t.Errorf("%s: the agent has %s", value, out)
		}
		way, err := d.Way(t.Context(), target(s))
		if err != nil {
			t.Fatal(err)
		}
		got := ""
		for _, f := range way[0].Facts {
			if f.What == "AddKeysToAgent" {
				got = f.Value
			}
		}
		if !strings.HasPrefix(got, want) || want == "" && got != "" {
			t.Errorf("%s: %q", value, got)
		}
	}
}

func encodePEM(body []byte) []byte {
	return pem.EncodeToMemory(&pem.Block{Type: "OPENSSH PRIVATE KEY", Bytes: body})
}
