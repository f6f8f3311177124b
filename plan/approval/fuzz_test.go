package approval_test

import (
	"crypto/ed25519"
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
