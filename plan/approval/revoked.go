package approval

import (
	"errors"
	"slices"
	"strings"

	"golang.org/x/crypto/ssh"
)

// Keys are public keys.
type Keys []ssh.PublicKey

// Has reports whether a key is one of them.
func (k Keys) Has(key ssh.PublicKey) bool {
	return slices.ContainsFunc(k, func(r ssh.PublicKey) bool { return equal(r, key) })
}

// ParseRevoked reads a list of public keys, one a line: what "ssh-keygen -Y verify
// -r" takes besides its own binary form. The list may be empty.
func ParseRevoked(text string) (Keys, []Mistake) {
	if strings.HasPrefix(text, "SSHKRL\n") {
		return nil, []Mistake{{1, "it is a revocation list in OpenSSH's binary form (KRL); list the public keys instead, one a line, which ssh-keygen -r takes too"}}
	}
	var keys Keys
	mistakes := eachLine(text, func(_ int, line string) error {
		kind, rest := cutWord(line)
		if !isKeyType(kind) {
			return errors.New("a revoked key is its type and the key itself, as in a .pub file")
		}
		key, err := parseKey(kind, rest)
		keys = append(keys, key)
		return err
	})
	if len(mistakes) > 0 {
		return nil, mistakes
	}
	return keys, nil
}
