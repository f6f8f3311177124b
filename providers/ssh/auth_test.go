package ssh

import (
	"context"
	"errors"
	"net"
	"os"
	"path/filepath"
	"strings"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"golang.org/x/crypto/ssh"
	"golang.org/x/crypto/ssh/agent"

	"zup/providers/ssh/sshtest"
)

// startAgent runs an agent with these keys and returns its socket.
func startAgent(t *testing.T, keys ...agent.AddedKey) string {
	t.Helper()
	ring := agent.NewKeyring()
	for _, k := range keys {
		if err := ring.Add(k); err != nil {
			t.Fatal(err)
		}
	}
	return listenAgent(t, func(c net.Conn) { agent.ServeAgent(ring, c) })
}

// agentKey makes a key for an agent, and lets it in where a server is given.
func agentKey(t *testing.T, s *sshtest.Server, comment string) agent.AddedKey {
	t.Helper()
	file := filepath.Join(t.TempDir(), "key")
	pub := sshtest.WriteKey(t, "ed25519", file, "")
	text, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	key, err := ssh.ParseRawPrivateKey(text)
	if err != nil {
		t.Fatal(err)
	}
	if s != nil {
		s.AcceptKey(pub)
	}
	return agent.AddedKey{PrivateKey: key, Comment: comment}
}

func TestAgent(t *testing.T) {
	t.Parallel()
	s := sshtest.New(t, sshtest.Config{})
	d := newDialer(t)
	d.AgentSocket = startAgent(t, agentKey(t, nil, "other"), agentKey(t, s, "mine"))
	to := target(s)
	to.IdentityFile = ""
	dial(t, d, to)
}

func TestAgentOfSSHConfig(t *testing.T) {
	t.Parallel()
	s := sshtest.New(t, sshtest.Config{})
	d := newDialer(t)
	d.AgentSocket = ""
	writeConfig(t, d, "Host *\n IdentityAgent "+startAgent(t, agentKey(t, s, "mine"))+"\n")
	to := target(s)
	to.IdentityFile = ""
	dial(t, d, to)
}

func TestAgentWithRSA(t *testing.T) {
	t.Parallel()
	s := sshtest.New(t, sshtest.Config{})
	file := filepath.Join(t.TempDir(), "id_rsa")
	s.AcceptKey(sshtest.WriteKey(t, "rsa", file, ""))
	text, _ := os.ReadFile(file)
	key, err := ssh.ParseRawPrivateKey(text)
	if err != nil {
		t.Fatal(err)
	}
	d := newDialer(t)
	d.AgentSocket = startAgent(t, agent.AddedKey{PrivateKey: key})
	to := target(s)
	to.IdentityFile = ""
	dial(t, d, to)

	// And from the file.
	d = newDialer(t)
	to.IdentityFile = file
	dial(t, d, to)
}

// An identity file that the agent holds is used through the agent, before all
// others, and nobody is asked for its passphrase: only six keys may be tried.
func TestIdentityFileInAgent(t *testing.T) {
	t.Parallel()
	s := sshtest.New(t, sshtest.Config{})
	d := newDialer(t)
	file := filepath.Join(t.TempDir(), "id")
	pub := sshtest.WriteKey(t, "ed25519", file, "secret")
	s.AcceptKey(pub)
	text, _ := os.ReadFile(file)
	key, err := ssh.ParseRawPrivateKeyWithPassphrase(text, []byte("secret"))
	if err != nil {
		t.Fatal(err)
	}
	var keys []agent.AddedKey
	for range 8 {
		keys = append(keys, agentKey(t, nil, "other"))
	}
	d.AgentSocket = startAgent(t, append(keys, agent.AddedKey{PrivateKey: key, Comment: "mine"})...)
	d.Passphrase = func(context.Context, string) ([]byte, error) {
		t.Error("asked for a passphrase")
		return nil, errors.New("no")
	}
	to := target(s)
	to.IdentityFile = file
	dial(t, d, to)
}

func TestIdentitiesOnly(t *testing.T) {
	t.Parallel()
	s := sshtest.New(t, sshtest.Config{})
	d := newDialer(t)
	d.AgentSocket = startAgent(t, agentKey(t, s, "not this one"))
	writeConfig(t, d, "IdentitiesOnly yes\n")
	to := target(s)
	to.IdentityFile = filepath.Join(t.TempDir(), "id")
	sshtest.WriteKey(t, "ed25519", to.IdentityFile, "")
	var denied *AuthError
	if err := dialError(t, d, to); !errors.As(err, &denied) || len(denied.Keys) != 1 {
		t.Errorf("got %v", err)
	}
}

func TestPassphrase(t *testing.T) {
	t.Parallel()
	s := sshtest.New(t, sshtest.Config{})
	d := newDialer(t)
	file := filepath.Join(t.TempDir(), "id")
	s.AcceptKey(sshtest.WriteKey(t, "ed25519", file, "secret"))
	var asked atomic.Int32
	given := []byte("secret")
	d.Passphrase = func(_ context.Context, f string) ([]byte, error) {
		asked.Add(1)
		if f != file {
			t.Errorf("asked for %s", f)
		}
		return given, nil
	}
	to := target(s)
	to.IdentityFile = file
	done := make(chan error)
	for range 2 {
		go func() {
			h, err := d.Dial(t.Context(), to)
			if err == nil {
				h.Close()
			}
			done <- err
		}()
	}
	for range 2 {
		if err := <-done; err != nil {
			t.Error(err)
		}
	}
	dial(t, d, to)
	if asked.Load() != 1 {
		t.Errorf("asked %d times", asked.Load())
	}
	if string(given) != "\x00\x00\x00\x00\x00\x00" {
		t.Error("the passphrase was not overwritten")
	}
}

// The passphrase of a key that the server does not want is nobody's business.
func TestPassphraseIsAskedOnlyForKeysThatAreWanted(t *testing.T) {
	t.Parallel()
	s := sshtest.New(t, sshtest.Config{})
	d := newDialer(t)
	d.Passphrase = func(context.Context, string) ([]byte, error) {
		t.Error("asked")
		return nil, errors.New("no")
	}
	to := target(s)
	to.IdentityFile = filepath.Join(t.TempDir(), "id")
	sshtest.WriteKey(t, "ed25519", to.IdentityFile, "secret")
	var denied *AuthError
	if err := dialError(t, d, to); !errors.As(err, &denied) || denied.Keys[0].Outcome != outcomeRefused {
		t.Errorf("got %v", err)
	}
}

// A human is slower than the limit for a handshake, and the clock waits.
func TestPassphraseStopsTheClock(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s, d, to := inMemory(t)
		file := filepath.Join(t.TempDir(), "id")
		s.AcceptKey(sshtest.WriteKey(t, "ed25519", file, "secret"))
		d.Passphrase = func(context.Context, string) ([]byte, error) {
			time.Sleep(100 * time.Second)
			return []byte("secret"), nil
		}
		to.IdentityFile = file
		dial(t, d, to).Close()
		d.Close()
	})
}

func TestWrongPassphrase(t *testing.T) {
	t.Parallel()
	s := sshtest.New(t, sshtest.Config{})
	d := newDialer(t)
	to := target(s)
	to.IdentityFile = filepath.Join(t.TempDir(), "id")
	s.AcceptKey(sshtest.WriteKey(t, "ed25519", to.IdentityFile, "secret"))
	asked := 0
	d.Passphrase = func(context.Context, string) ([]byte, error) {
		asked++
		return []byte("hunter2"), nil
	}
	for range 2 {
		err := dialError(t, d, to)
		contains(t, "error", err.Error(), "\n  wrong passphrase: "+to.IdentityFile)
		if strings.Contains(err.Error(), "hunter2") {
			t.Error("the passphrase is in the error")
		}
	}
	if asked != 1 {
		t.Errorf("asked %d times", asked)
	}
}

// After a key that cannot sign the others are tried.
func TestKeyThatCannotSignIsPassedOver(t *testing.T) {
	t.Parallel()
	s := sshtest.New(t, sshtest.Config{})
	d := newDialer(t)
	locked := filepath.Join(t.TempDir(), "locked")
	s.AcceptKey(sshtest.WriteKey(t, "ed25519", locked, "secret"))
	d.Passphrase = func(context.Context, string) ([]byte, error) { return nil, errors.New("nobody there") }
	writeConfig(t, d, "IdentityFile "+locked+"\nIdentityFile "+s.IdentityFile()+"\n")
	to := target(s)
	to.IdentityFile = ""
	dial(t, d, to)
}

func TestAuthErrorText(t *testing.T) {
	t.Parallel()
	s := sshtest.New(t, sshtest.Config{Password: true})
	d := newDialer(t)
	dir := t.TempDir()
	refused := sshtest.WriteKey(t, "ed25519", filepath.Join(dir, "refused"), "")
	locked := sshtest.WriteKey(t, "ed25519", filepath.Join(dir, "locked"), "secret")
	if err := os.WriteFile(filepath.Join(dir, "junk"), []byte("junk"), 0o600); err != nil {
		t.Fatal(err)
	}
	writeConfig(t, d, "IdentityFile "+dir+"/refused\nIdentityFile "+dir+"/locked\nIdentityFile "+dir+"/junk\nIdentityFile "+dir+"/missing\n")
	held := agentKey(t, nil, "a\x1b[31m comment")
	d.AgentSocket = startAgent(t, held)
	to := target(s)
	to.IdentityFile = ""
	err := dialError(t, d, to)

	signer, _ := ssh.NewSignerFromKey(held.PrivateKey)
	want := `node "zva5n1": log in to ` + s.Addr() + ` as root: no key was accepted (the server accepts password, publickey; zup uses keys only)` +
		"\n  refused: agent a\\x1b[31m comment ssh-ed25519 " + ssh.FingerprintSHA256(signer.PublicKey()) + // as ssh does: what only the agent has before what only files have
		"\n  refused: " + dir + "/refused ssh-ed25519 " + ssh.FingerprintSHA256(refused) +
		"\n  encrypted, and nobody was asked for the passphrase: " + dir + "/locked ssh-ed25519 " + ssh.FingerprintSHA256(locked) +
		"\n  this is not a private key: " + dir + "/junk"
	if err.Error() != want {
		t.Errorf("got  %s\nwant %s", err, want)
	}
	var denied *AuthError
	errors.As(err, &denied)
	if got, want := denied.Hint(), "load the key into an agent: ssh-add "+dir+"/locked"; got != want {
		t.Errorf("hint %q, want %q", got, want)
	}
}

func TestTooManyKeys(t *testing.T) {
	t.Parallel()
	s := sshtest.New(t, sshtest.Config{})
	d := newDialer(t)
	var keys []agent.AddedKey
	for range 8 {
		keys = append(keys, agentKey(t, nil, "k"))
	}
	d.AgentSocket = startAgent(t, keys...)
	to := target(s)
	to.IdentityFile = ""
	var denied *AuthError
	if err := dialError(t, d, to); !errors.As(err, &denied) {
		t.Fatalf("got %v", err)
	}
	contains(t, "error", denied.Error(), "not tried: agent k", `the server said "too many authentication failures"`)
	contains(t, "hint", denied.Hint(), "IdentitiesOnly")
}

func TestIdentityFileThatIsMissing(t *testing.T) {
	t.Parallel()
	d := newDialer(t)
	err := dialError(t, d, Target{Name: `node "zva5n1"`, Address: "127.0.0.1", IdentityFile: "~/nothing"})
	want := `node "zva5n1": read identity file: stat ` + d.Home + `/nothing: no such file or directory`
	if err.Error() != want {
		t.Errorf("got  %s\nwant %s", err, want)
	}
}

func publicKeyOf(t *testing.T, file string) ssh.PublicKey {
	t.Helper()
	text, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	s, err := ssh.ParsePrivateKey(text)
	if err != nil {
		t.Fatal(err)
	}
	return s.PublicKey()
}
