package ssh

import (
	"bytes"
	"encoding/pem"
	"errors"
	"io/fs"
	"path/filepath"
	"strings"

	"golang.org/x/crypto/ssh"

	"zup/plan/disk"
)

// named makes a file that was asked for the only identity file. It must be there; if it
// can't be read, the agent may have its key.
func (k *keyChoice) named(d *Dialer, file string) error {
	path := inHome(d.home(), file)
	if !filepath.IsAbs(path) && !strings.HasPrefix(path, "~") {
		k.dir = first(d.Dir, ".")
		path = filepath.Join(k.dir, path)
	}
	k.files = []string{path}
	if _, err := disk.Stat(path); k.dir == "" && err != nil {
		return err
	}
	f, err := k.open(path)
	if err == nil {
		return f.Close()
	}
	if errors.Is(err, fs.ErrPermission) {
		return nil
	}
	return err
}

// inHome expands ~/ at the beginning of a file name.
func inHome(home, path string) string {
	if rest, ok := strings.CutPrefix(path, "~/"); ok {
		return filepath.Join(home, rest)
	}
	return path
}

// open opens an identity file, or what lies beside one.
func (k *keyChoice) open(path string) (*disk.File, error) {
	if k.dir == "" {
		return disk.Open(path)
	}
	name, err := filepath.Rel(k.dir, path)
	if err != nil {
		return nil, err
	}
	d, err := disk.OpenDir(k.dir)
	if err != nil {
		return nil, err
	}
	defer d.Close()
	return d.Open(name)
}

// read reads an identity file, or what lies beside one.
func (k *keyChoice) read(path string) ([]byte, error) {
	f, err := k.open(path)
	if err != nil {
		return nil, err
	}
	return f.All(path, disk.MaxKey)
}

// public reads a file in authorized_keys form, nil if it is none.
func (k *keyChoice) public(path string) ssh.PublicKey {
	text, err := k.read(path)
	if err != nil {
		return nil
	}
	return parsePublic(text)
}

// publicKey reads a file in authorized_keys form wherever it is, nil if it is none.
func publicKey(path string) ssh.PublicKey {
	text, err := disk.ReadFile(path, disk.MaxKey)
	if err != nil {
		return nil
	}
	return parsePublic(text)
}

// publicHalf reads the public half that a private key in OpenSSH's form has in the clear;
// nil if it is none.
func publicHalf(text []byte) ssh.PublicKey {
	block, _ := pem.Decode(text)
	if block == nil || block.Type != "OPENSSH PRIVATE KEY" {
		return nil
	}
	rest, ok := bytes.CutPrefix(block.Bytes, []byte("openssh-key-v1\x00"))
	var file struct {
		Cipher, KDF, Options string
		Keys                 uint32
		Public               []byte
		Rest                 []byte `ssh:"rest"`
	}
	if !ok || ssh.Unmarshal(rest, &file) != nil {
		return nil
	}
	key, err := ssh.ParsePublicKey(file.Public)
	if err != nil {
		return nil
	}
	return key
}

// usualKeys returns the identity files where nobody names one. Those of security keys are
// among them if they are there: few people have any.
func (d *Dialer) usualKeys() []string {
	var files []string
	for _, name := range []string{"id_ed25519", "id_ecdsa", "id_rsa"} {
		files = append(files, filepath.Join(d.home(), ".ssh", name))
	}
	for _, name := range []string{"id_ed25519_sk", "id_ecdsa_sk"} {
		file := filepath.Join(d.home(), ".ssh", name)
		if missing(file) == "" || missing(file+".pub") == "" {
			files = append(files, file)
		}
	}
	return files
}

func parsePublic(text []byte) ssh.PublicKey {
	key, _, _, _, err := ssh.ParseAuthorizedKey(text)
	if err != nil {
		return nil
	}
	return key
}
