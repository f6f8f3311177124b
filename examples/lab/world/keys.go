//go:build linux

package world

import (
	"crypto"
	"crypto/ecdsa"
	"crypto/ed25519"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/rsa"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/pem"
	"fmt"
	"math/big"
	"strings"
	"time"

	"golang.org/x/crypto/ssh"
)

// keyPair is an SSH key as files have it: the private half in OpenSSH's format,
// the public half as one line without a comment and without a line feed.
type keyPair struct {
	Private string
	Public  string
}

func newED25519() (keyPair, error) {
	public, private, err := ed25519.GenerateKey(rand.Reader)
	if err != nil {
		return keyPair{}, err
	}
	return newKeyPair(private, public)
}

// newRSA makes the kind of key that the product's nodes have for each other.
func newRSA() (keyPair, error) {
	private, err := rsa.GenerateKey(rand.Reader, 2048)
	if err != nil {
		return keyPair{}, err
	}
	return newKeyPair(private, private.Public())
}

func newKeyPair(private crypto.PrivateKey, public crypto.PublicKey) (keyPair, error) {
	block, err := ssh.MarshalPrivateKey(private, "")
	if err != nil {
		return keyPair{}, err
	}
	key, err := ssh.NewPublicKey(public)
	if err != nil {
		return keyPair{}, err
	}
	line := strings.TrimSpace(string(ssh.MarshalAuthorizedKey(key)))
	return keyPair{string(pem.EncodeToMemory(block)), line}, nil
}

// certificate makes a self-signed certificate that is valid until the given
// time and was for 400 days before, with its key; both PEM.
func certificate(name string, until time.Time) (cert, key string, err error) {
	private, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		return "", "", err
	}
	template := &x509.Certificate{
		SerialNumber:          big.NewInt(time.Now().UnixNano()),
		Subject:               pkix.Name{CommonName: name, Organization: []string{"the lab of zup"}},
		DNSNames:              []string{name},
		NotBefore:             until.Add(-400 * 24 * time.Hour),
		NotAfter:              until,
		IsCA:                  true,
		BasicConstraintsValid: true,
		KeyUsage:              x509.KeyUsageDigitalSignature | x509.KeyUsageCertSign,
	}
	der, err := x509.CreateCertificate(rand.Reader, template, template, private.Public(), private)
	if err != nil {
		return "", "", fmt.Errorf("make certificate %s: %w", name, err)
	}
	pkcs8, err := x509.MarshalPKCS8PrivateKey(private)
	if err != nil {
		return "", "", err
	}
	cert = string(pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: der}))
	key = string(pem.EncodeToMemory(&pem.Block{Type: "PRIVATE KEY", Bytes: pkcs8}))
	return cert, key, nil
}
