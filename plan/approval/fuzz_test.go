package approval_test

import (
	"bytes"
	"crypto/ed25519"
	"encoding/pem"
	"os"
	"os/exec"
	"path/filepath"
	"testing"
	"time"

	"golang.org/x/crypto/ssh"

	"zup/plan/approval"
)

// FuzzSigners: no signers file ends zup, and one that is taken names people who can
// be told apart from nobody.
func FuzzSigners(f *testing.F) {
	key, err := ssh.NewSignerFromKey(ed25519.NewKeyFromSeed(make([]byte, ed25519.SeedSize)))
	if err != nil {
		f.Fatal(err)
	}
	line := string(ssh.MarshalAuthorizedKey(key.PublicKey()))
	for _, names := range []string{"a@x ", "!b@x,*@x ", `"a@x" namespaces="*,!git" `, `a@x valid-after="20200101",valid-before="20300101Z" `, "a@x cert-authority ", "", `a@x namespaces="\"" `} {
		f.Add(names+line, line)
	}
	sig, err := approval.Sign([]byte(message), key)
	if err != nil {
		f.Fatal(err)
	}
	f.Fuzz(func(t *testing.T, text, list string) {
		revoked, _ := approval.ParseRevoked(list)
		s, mistakes := approval.ParseSigners(text)
		if (s == nil) != (len(mistakes) > 0) {
			t.Fatalf("signers %v, mistakes %v", s, mistakes)
		}
		if s == nil {
			return
		}
		d := &approval.Demand{Signers: s, Revoked: revoked, Required: 1, Author: "a@x"}
		v := d.Judge([]byte(message), []approval.Signature{{Name: "a", Text: sig}, {Name: "b", Text: []byte(text)}}, time.Now())
		if n := v.Counted(); n > s.People(revoked) || n > 0 && v.Votes[0].Who == "" {
			t.Errorf("%+v", v)
		}
	})
}

// FuzzSignature: no file that is called like a signature ends zup, none counts for
// another message, and what counts ssh-keygen takes, too.
func FuzzSignature(f *testing.F) {
	key, err := ssh.NewSignerFromKey(ed25519.NewKeyFromSeed(make([]byte, ed25519.SeedSize)))
	if err != nil {
		f.Fatal(err)
	}
	line := "a@x " + string(ssh.MarshalAuthorizedKey(key.PublicKey()))
	signers, mistakes := approval.ParseSigners(line)
	if len(mistakes) > 0 {
		f.Fatal(mistakes)
	}
	text, err := approval.Sign([]byte(message), key)
	if err != nil {
		f.Fatal(err)
	}
	block, _ := pem.Decode(text)
	f.Add(block.Bytes, true)
	f.Add(text, false)
	f.Add(append(bytes.Clone(text), text...), false)
	f.Add(append([]byte("\r\n"), bytes.ReplaceAll(text, []byte("\n"), []byte("\r\n"))...), false)
	f.Add(append(bytes.Clone(block.Bytes), 0), true)
	f.Fuzz(func(t *testing.T, blob []byte, bare bool) {
		sig := blob
		if bare {
			sig = pem.EncodeToMemory(&pem.Block{Type: "SSH SIGNATURE", Bytes: blob})
		}
		d := &approval.Demand{Signers: signers, Required: 1, Author: "b@x"}
		counts := func(of string) bool {
			v := d.Judge([]byte(of), []approval.Signature{{Name: "a", Text: sig}}, time.Now())
			return v.Counted() > 0
		}
		if counts(message + " ") {
			t.Error("it counts for another message")
		}
		if counts(message) && !keygenTakes(t, line, sig) {
			t.Error("it counts, and ssh-keygen refuses it")
		}
	})
}

// keygenTakes reports whether ssh-keygen takes a signature of the message by a@x, or
// true where it is not installed.
func keygenTakes(t *testing.T, line string, sig []byte) bool {
	program, err := exec.LookPath("ssh-keygen")
	if err != nil {
		return true
	}
	dir := t.TempDir()
	signers, file := filepath.Join(dir, "signers"), filepath.Join(dir, "sig")
	for path, text := range map[string][]byte{signers: []byte(line), file: sig} {
		if err := os.WriteFile(path, text, 0o600); err != nil {
			t.Fatal(err)
		}
	}
	cmd := exec.Command(program, "-Y", "verify", "-f", signers, "-I", "a@x", "-n", approval.Namespace, "-s", file)
	cmd.Stdin = bytes.NewReader([]byte(message))
	return cmd.Run() == nil
}
