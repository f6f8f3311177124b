package ssh

import (
	"cmp"
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
	"time"

	"github.com/rogpeppe/go-internal/txtar"
	"golang.org/x/crypto/ssh"
	"golang.org/x/crypto/ssh/agent"
	"golang.org/x/crypto/ssh/knownhosts"

	"zup/providers/ssh/sshtest"
)

// Each file of testdata/logins is a ssh_config, a known_hosts, perhaps what an agent holds,
// and what becomes of a login at "node" with them: "want". It is tried with ssh and with
// zup at an sshd: they get in, or they don't, at the same server, as the same user, from
// the same address, with the same key and environment, through the same jump host. zup does so
// with ssh on the machine and without. Where zup refuses what ssh does, the comment has
// "zup refuses", and the error names the file and the line. Add a file, and run this with -update.
//
// {node} and {bastion} stand for the two servers' keys as in known_hosts, {nodePort} and
// {bastionPort} for their ports at 127.0.0.1, {other} and {otherRSA} for keys of nobody, {ca}
// for the authority that has signed the node's key for "node.example", {dir} for a
// directory with the private keys known, knownRSA, stranger, signed (let in by its
// certificate for root), both (let in with it and without), expired and elses (whose
// certificates are over, and for somebody else) and the files of the case. An agent holds those that are named in "agent", each by
// its name, a certificate by its name and "-cert".
func TestLoginsAreThoseOfSSH(t *testing.T) {
	t.Parallel()
	program, err := exec.LookPath("ssh")
	if err != nil {
		skip(t, "needs ssh: apt-get install openssh-client")
	}
	files, err := filepath.Glob("testdata/logins/*.txtar")
	if err != nil || len(files) < 60 {
		t.Fatalf("%d logins: %v", len(files), err)
	}
	w := newLogins(t)
	for _, file := range files {
		t.Run(strings.TrimSuffix(filepath.Base(file), ".txtar"), func(t *testing.T) {
			t.Parallel()
			a, err := txtar.ParseFile(file)
			if err != nil {
				t.Fatal(err)
			}
			dir := w.lay(t, a)
			got := w.zup(t, dir, "")
			if asking := w.zup(t, dir, program); asking != got {
				t.Errorf("without ssh on the machine %+v, with it %+v", got, asking)
			}
			if bySSH := w.ssh(t, program, dir); bySSH != got.became && (!strings.Contains(string(a.Comment), "zup refuses") || !namesALine.MatchString(got.err)) {
				t.Errorf("ssh: %s, zup: %s (%s)", bySSH, got.became, got.err)
			}
			text := got.became + "\n"
			if *update {
				for i := range a.Files {
					if a.Files[i].Name == "want" {
						a.Files = append(a.Files[:i], a.Files[i+1:]...)
						break
					}
				}
				a.Files = append(a.Files, txtar.File{Name: "want", Data: []byte(text)})
				if err := os.WriteFile(file, txtar.Format(a), 0o644); err != nil {
					t.Fatal(err)
				}
				return
			}
			if want := fileOf(a, "want"); text != want {
				t.Errorf("got %swant %s(%s)", text, want, got.err)
			}
		})
	}
}

// namesALine is so for an error with a file and a line of it.
var namesALine = regexp.MustCompile(`/(config|known_hosts|[a-z_]+):\d+`)

// logins are the two servers, and everybody's keys.
type logins struct {
	node, bastion *openSSH
	keys          string            // a directory
	called        map[string]string // keys by what authorized_keys has of them
	text          *strings.Replacer
	ring          map[string]agent.AddedKey
}

func newLogins(t *testing.T) *logins {
	w := &logins{keys: t.TempDir(), called: map[string]string{}, ring: map[string]agent.AddedKey{}}
	ca := sshtest.NewKey(t, "ed25519")
	var known, cas []byte
	for _, k := range []struct{ name, kind string }{{"known", "ed25519"}, {"knownRSA", "rsa"}, {"stranger", "ed25519"}, {"signed", "ed25519"}, {"expired", "ed25519"}, {"elses", "ed25519"}, {"both", "ed25519"}} {
		file := filepath.Join(w.keys, k.name)
		pub := sshtest.WriteKey(t, k.kind, file, "")
		w.called[strings.Fields(authorizedKey(pub))[1]] = k.name
		text, err := os.ReadFile(file)
		if err != nil {
			t.Fatal(err)
		}
		private, err := ssh.ParseRawPrivateKey(text)
		if err != nil {
			t.Fatal(err)
		}
		w.ring[k.name] = agent.AddedKey{PrivateKey: private, Comment: k.name}
		writeText(t, file+".pub", authorizedKey(pub)+"\n")
		if strings.HasPrefix(k.name, "known") || k.name == "both" {
			known = append(known, authorizedKey(pub)+"\n"...)
		}
		if k.name == "stranger" || strings.HasPrefix(k.name, "known") {
			continue
		}
		cert := &ssh.Certificate{Key: pub, CertType: ssh.UserCert, ValidPrincipals: []string{"root"}, ValidBefore: ssh.CertTimeInfinity}
		switch k.name {
		case "expired":
			cert.ValidBefore = uint64(time.Now().Add(-time.Hour).Unix())
		case "elses":
			cert.ValidPrincipals = []string{"nobody"}
		}
		if err := cert.SignCert(rand.Reader, ca); err != nil {
			t.Fatal(err)
		}
		line := strings.TrimSpace(string(ssh.MarshalAuthorizedKey(cert)))
		writeText(t, file+"-cert.pub", line+"\n")
		w.called[strings.Fields(line)[1]] = k.name + "'s certificate"
		w.ring[k.name+"-cert"] = agent.AddedKey{PrivateKey: private, Certificate: cert, Comment: k.name}
	}
	cas = ssh.MarshalAuthorizedKey(ca.PublicKey())
	start := func() *openSSH {
		s := startSSHD(t, "ExposeAuthInfo yes", "AcceptEnv WORD", "MaxStartups 1000", "MaxSessions 1000")
		s.stop()
		s.write(t, "ca.pub", cas)
		s.write(t, "authorized_keys", known)
		config, err := os.ReadFile(filepath.Join(s.dir, "sshd_config"))
		if err != nil {
			t.Fatal(err)
		}
		private, err := os.ReadFile(filepath.Join(s.dir, "host_key"))
		if err != nil {
			t.Fatal(err)
		}
		signer, err := ssh.ParsePrivateKey(private)
		if err != nil {
			t.Fatal(err)
		}
		cert := &ssh.Certificate{Key: signer.PublicKey(), CertType: ssh.HostCert, ValidPrincipals: []string{"node.example"}, ValidBefore: ssh.CertTimeInfinity}
		if err := cert.SignCert(rand.Reader, ca); err != nil {
			t.Fatal(err)
		}
		s.write(t, "host_key-cert.pub", ssh.MarshalAuthorizedKey(cert))
		s.write(t, "sshd_config", fmt.Appendf(config, "TrustedUserCAKeys %s/ca.pub\nHostCertificate %s/host_key-cert.pub\n", s.dir, s.dir))
		s.start(t)
		return s
	}
	w.node, w.bastion = start(), start()
	w.text = strings.NewReplacer(
		"{node}", w.node.hostKey, "{bastion}", w.bastion.hostKey, "{nodePort}", fmt.Sprint(w.node.port), "{bastionPort}", fmt.Sprint(w.bastion.port),
		"{other}", authorizedKey(sshtest.NewKey(t, "ed25519").PublicKey()), "{otherRSA}", authorizedKey(sshtest.NewKey(t, "rsa").PublicKey()),
		"{ca}", strings.TrimSpace(string(cas)),
		"{hashed}", hashed(fmt.Sprintf("[127.0.0.1]:%d", w.node.port)), "{hashedOther}", hashed("[127.0.0.1]:1"), "{crlf}", "\r", "{tab}", "\t",
	)
	return w
}

// lay writes what a case has into a directory of its own.
func (w *logins) lay(t *testing.T, a *txtar.Archive) string {
	dir := t.TempDir()
	if err := os.CopyFS(dir, os.DirFS(w.keys)); err != nil {
		t.Fatal(err)
	}
	keys, err := filepath.Glob(filepath.Join(dir, "*"))
	if err != nil {
		t.Fatal(err)
	}
	for _, file := range keys {
		if err := os.Chmod(file, 0o600); err != nil {
			t.Fatal(err)
		}
	}
	for _, f := range a.Files {
		text := strings.ReplaceAll(w.text.Replace(string(f.Data)), "{dir}", dir)
		switch f.Name {
		case "want":
		case "agent":
			ring := agent.NewKeyring()
			for _, name := range strings.Fields(text) {
				key, ok := w.ring[name]
				if !ok {
					t.Fatalf("there is no key %q", name)
				}
				if err := ring.Add(key); err != nil {
					t.Fatal(err)
				}
			}
			if err := os.Symlink(listenAgent(t, func(c net.Conn) { agent.ServeAgent(ring, c) }), filepath.Join(dir, "agent")); err != nil {
				t.Fatal(err)
			}
		case "config":
			writeText(t, filepath.Join(dir, f.Name), text+fmt.Sprintf(`
Host node
  HostName 127.0.0.1
  Port %d
Host bastion
  HostName 127.0.0.1
  Port %d
Host *
  UserKnownHostsFile %s/known_hosts
  GlobalKnownHostsFile none
  IdentityAgent none
  IdentityFile %s/known
`, w.node.port, w.bastion.port, dir, dir))
		default:
			writeText(t, filepath.Join(dir, f.Name), text)
		}
	}
	return dir
}

// became is what a server says of a login, "refused" where there was none.
type became struct{ became, err string }

// whoIs says who is logged in with what from where, and which program of this machine has
// opened the connection: behind a jump host that is the jump host's sshd.
const whoIs = `head -1 "$SSH_USER_AUTH"; echo "$SSH_CONNECTION"; id -un; echo "$WORD"
port=${SSH_CONNECTION#* }; ss -Htnp "sport = :${port%% *}" | sed -n 's/.*users:(("\([^"]*\)".*/\1/p'`

// tell makes a line of it.
func (w *logins) tell(said string) string {
	lines := strings.Split(said+"\n\n\n\n\n", "\n")
	method, connection := strings.Fields(lines[0]), strings.Fields(lines[1])
	if len(method) < 3 || len(connection) < 4 {
		return fmt.Sprintf("nobody knows: %q", said)
	}
	at := map[string]string{fmt.Sprint(w.node.port): "node", fmt.Sprint(w.bastion.port): "bastion"}[connection[3]]
	text := fmt.Sprintf("in as %s at %s from %s with %s", lines[2], at, connection[0], cmp.Or(w.called[method[2]], lines[0]))
	if strings.HasPrefix(lines[4], "sshd") {
		text += ", through the bastion"
	}
	if lines[3] != "" {
		text += fmt.Sprintf(", WORD is %q", lines[3])
	}
	return text
}

// ssh logs in with ssh.
func (w *logins) ssh(t *testing.T, program, dir string) string {
	ctx, cancel := context.WithTimeout(t.Context(), 60*time.Second)
	defer cancel()
	cmd := exec.CommandContext(ctx, program, "-F", filepath.Join(dir, "config"), "-o", "StrictHostKeyChecking=yes", "-o", "BatchMode=yes", "node", whoIs)
	cmd.Env = []string{"PATH=" + os.Getenv("PATH"), "HOME=" + dir}
	out, err := cmd.Output()
	var exit *exec.ExitError
	if errors.As(err, &exit) && exit.ExitCode() == 255 {
		return "refused"
	}
	if err != nil {
		t.Fatalf("ssh: %v", err)
	}
	return w.tell(string(out))
}

// zup logs in with this package; program is the ssh of the machine, "" for none.
func (w *logins) zup(t *testing.T, dir, program string) became {
	d := newDialer(t)
	d.SSH = func() string { return program }
	d.Home, d.KnownHostsFiles, d.ConfigFile, d.AgentSocket = dir, nil, filepath.Join(dir, "config"), ""
	h, err := d.Dial(t.Context(), Target{Name: "node", Address: "node"})
	if err != nil {
		return became{"refused", err.Error()}
	}
	defer h.Close()
	return became{w.tell(string(run(t, h, whoIs).Stdout)), ""}
}

// hashed is a name as HashKnownHosts writes it.
func hashed(name string) string { return knownhosts.HashHostname(name) }

func fileOf(a *txtar.Archive, name string) string {
	for _, f := range a.Files {
		if f.Name == name {
			return string(f.Data)
		}
	}
	return ""
}
