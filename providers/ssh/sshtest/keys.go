package sshtest

import (
	"crypto/ecdsa"
	"crypto/ed25519"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/rsa"
	"encoding/pem"
	"fmt"
	"os"
	"path/filepath"
	"testing"

	"golang.org/x/crypto/ssh"
)

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
