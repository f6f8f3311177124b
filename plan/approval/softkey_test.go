package approval_test

import (
	"crypto/ed25519"
	"crypto/sha256"
	"io"
	"net"
	"slices"
	"strings"
	"testing"
	"time"

	"golang.org/x/crypto/ssh"
	"golang.org/x/crypto/ssh/agent"

	"zup/plan/approval"
)

// softKey does what a security key does, and what an agent hands on of it: see
// PROTOCOL.u2f of OpenSSH. It signs with or without being touched.
type softKey struct {
	key     ed25519.PrivateKey
	touched bool
}

const application = "ssh:"

func (k softKey) PublicKey() ssh.PublicKey {
	blob := ssh.Marshal(struct {
		Type        string
		Key         []byte
		Application string
	}{ssh.KeyAlgoSKED25519, k.key.Public().(ed25519.PublicKey), application})
	key, err := ssh.ParsePublicKey(blob)
	if err != nil {
		panic(err)
	}
	return key
}

func (k softKey) Sign(_ io.Reader, data []byte) (*ssh.Signature, error) {
	app, message := sha256.Sum256([]byte(application)), sha256.Sum256(data)
	state := []byte{0, 0, 0, 0, 7} // flags and counter
	if k.touched {
		state[0] = 1
	}
	signed := slices.Concat(app[:], state, message[:])
	return &ssh.Signature{Format: ssh.KeyAlgoSKED25519, Blob: ed25519.Sign(k.key, signed), Rest: state}, nil
}

// A security key that was touched signs for its owner, as ssh-keygen sees it too; one
// that was not does not.
func TestSecurityKey(t *testing.T) {
	needKeygen(t)
	k := softKey{ed25519.NewKeyFromSeed(make([]byte, ed25519.SeedSize)), true}
	line := "alice@example.com " + strings.TrimSpace(string(ssh.MarshalAuthorizedKey(k.PublicKey())))
	d := &approval.Demand{Signers: signers(t, line), Required: 1}
	sig, err := approval.Sign([]byte(message), k)
	if err != nil {
		t.Fatal(err)
	}
	if v := d.Judge([]byte(message), []approval.Signature{{Name: "sig", Text: sig}}, time.Now()); !v.Enough() {
		t.Errorf("%+v", v)
	}
	dir := t.TempDir()
	write(t, dir, "signers", line+"\n")
	write(t, dir, "sig", string(sig))
	if !keygen(t, dir, message, "-Y", "verify", "-f", "signers", "-I", "alice@example.com", "-n", "zup-plan", "-s", "sig") {
		t.Error("ssh-keygen does not agree")
	}

	k.touched = false
	if sig, err = approval.Sign([]byte(message), k); err != nil {
		t.Fatal(err)
	}
	v := d.Judge([]byte(message), []approval.Signature{{Name: "sig", Text: sig}}, time.Now())
	if v.Enough() || v.Votes[0].Why != "nobody touched the security key that made it" {
		t.Errorf("%+v", v)
	}
}

// tokenAgent is an agent that holds one security key.
type tokenAgent struct {
	agent.Agent
	key softKey
}

func (a tokenAgent) List() ([]*agent.Key, error) {
	pub := a.key.PublicKey()
	return []*agent.Key{{Format: pub.Type(), Blob: pub.Marshal()}}, nil
}

func (a tokenAgent) Sign(_ ssh.PublicKey, data []byte) (*ssh.Signature, error) {
	return a.key.Sign(nil, data)
}

// What a security key says besides its signature comes through the agent unharmed.
func TestSecurityKeyThroughAgent(t *testing.T) {
	k := softKey{ed25519.NewKeyFromSeed(make([]byte, ed25519.SeedSize)), true}
	here, there := net.Pipe()
	defer here.Close()
	go agent.ServeAgent(tokenAgent{key: k}, there)
	keys, err := agent.NewClient(here).Signers()
	if err != nil || len(keys) != 1 {
		t.Fatal(keys, err)
	}
	sig, err := approval.Sign([]byte(message), keys[0])
	if err != nil {
		t.Fatal(err)
	}
	line := "alice@example.com " + string(ssh.MarshalAuthorizedKey(k.PublicKey()))
	d := &approval.Demand{Signers: signers(t, line), Required: 1}
	if v := d.Judge([]byte(message), []approval.Signature{{Name: "sig", Text: sig}}, time.Now()); !v.Enough() {
		t.Errorf("%+v", v)
	}
}
