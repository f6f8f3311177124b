// Package approval says who has signed something, and whether that is enough.
//
// Who may sign stands in an allowed signers file, the one of ssh-keygen; a
// signature is in the SSHSIG format, so that "ssh-keygen -Y verify" comes to the
// same answer without zup. Start with Demand.Judge for a set of signatures, and
// with Sign to make one.
//
// The package reads no file, asks no agent and has no clock: texts, keys and the
// time are handed in.
package approval

import (
	"bytes"
	"encoding/base64"
	"encoding/pem"
	"errors"
	"fmt"
	"strings"
	"time"

	"github.com/hiddeco/sshsig"
	"golang.org/x/crypto/ssh"

	"zup/plan/escape"
)

// Namespace keeps a signature over a plan from being taken for one over anything
// else, such as a commit, and the other way round.
const Namespace = "zup-plan"

// Demand is whose signatures are needed.
type Demand struct {
	Signers          *Signers
	Revoked          Keys // none of these counts; nil: none is revoked
	Required         int  // how many different people
	Author           string
	AuthorMayApprove bool
}

// Signature is a file that may be one.
type Signature struct {
	Name   string // of the file
	Text   []byte
	Unread string // why nobody has read it, so that it does not count; empty: it was read
}

// IsSignature reports whether the file is a signature at all, whoever made it and
// whatever it is for.
func (s *Signature) IsSignature() bool {
	_, err := parse(s.Text)
	return s.Unread == "" && err == nil
}

// Vote is what became of a signature.
type Vote struct {
	Name   string // of the file
	Key    string // fingerprint, SHA256:…; empty: it has no key that could be read
	Who    string // the name in the signers file; empty: nobody there has this key
	Counts bool
	Why    string // it does not count
}

// Verdict is what the signatures come to.
type Verdict struct {
	Required int
	Votes    []Vote   // in the order of the signatures
	Missing  []string // who could sign and has not, in the order of the signers file
}

// Counted is how many people have signed.
func (v *Verdict) Counted() int {
	n := 0
	for _, vote := range v.Votes {
		if vote.Counts {
			n++
		}
	}
	return n
}

// Enough reports whether as many people have signed as are required.
func (v *Verdict) Enough() bool { return v.Counted() >= v.Required }

// Judge looks at every signature over a message. Of several by one person the
// first counts.
func (d *Demand) Judge(message []byte, signatures []Signature, at time.Time) Verdict {
	v := Verdict{Required: d.Required}
	signed := map[int]string{} // person → file
	for _, s := range signatures {
		vote := Vote{Name: s.Name}
		line, why := 0, s.Unread
		if why == "" {
			line, why = d.judge(message, s.Text, at, &vote)
		}
		if why == "" {
			person := d.Signers.person[line]
			if first, twice := signed[person]; twice {
				why = fmt.Sprintf("the same person has signed already, in %s", first)
			} else {
				signed[person], vote.Counts = s.Name, true
			}
		}
		vote.Why = why
		v.Votes = append(v.Votes, vote)
	}
	v.Missing = d.missing(signed, at)
	return v
}

// judge returns the line of the signers file that a signature counts for, or why
// it does not count.
func (d *Demand) judge(message, text []byte, at time.Time, vote *Vote) (line int, why string) {
	sig, err := parse(text)
	if err != nil {
		return 0, err.Error()
	}
	vote.Key = ssh.FingerprintSHA256(sig.PublicKey)
	if err := verify(message, sig); err != nil {
		return 0, err.Error()
	}
	line, why = d.May(sig.PublicKey, at)
	if line >= 0 {
		vote.Who = d.Signers.List[line].Name()
	}
	return line, why
}

// May returns the line of the signers file under which the owner of a key may sign
// at a time. Otherwise why says what is in the way; then the line is -1 unless it
// says whose key it is.
func (d *Demand) May(key ssh.PublicKey, at time.Time) (line int, why string) {
	line, why = -1, "its key is not in the signers file"
	for i := range d.Signers.List {
		s := &d.Signers.List[i]
		if !equal(s.Key, key) {
			continue
		}
		if line, why = i, d.obstacle(s, at); why == "" {
			return i, ""
		}
	}
	return line, why
}

// obstacle says why a signer can't sign at a time, or nothing.
func (d *Demand) obstacle(s *Signer, at time.Time) string {
	switch {
	case d.Revoked.Has(s.Key):
		return "its key is revoked"
	case s.Namespaces != "" && !matchList(Namespace, s.Namespaces):
		return fmt.Sprintf("the signers file lets its key sign in namespaces=%q only, and this is %s", s.Namespaces, Namespace)
	case !s.After.IsZero() && at.Before(s.After):
		return "its key is valid only from " + s.After.UTC().Format(time.RFC3339)
	case !s.Before.IsZero() && at.Truncate(time.Second).After(s.Before):
		return "its key was valid only until " + s.Before.UTC().Format(time.RFC3339)
	case !d.AuthorMayApprove && s.isAuthor(d.Author):
		return fmt.Sprintf("%s made the plan, and author_may_approve is false", escape.Name(d.Author))
	case !d.AuthorMayApprove && escape.Name(d.Author) != d.Author:
		return fmt.Sprintf("nobody can tell who made the plan: the author is %s, which passes for another name, and author_may_approve is false", escape.Name(d.Author))
	}
	return ""
}

// missing lists who could sign and has not, each person once.
func (d *Demand) missing(signed map[int]string, at time.Time) []string {
	var names []string
	told := map[int]bool{}
	for i := range d.Signers.List {
		person := d.Signers.person[i]
		if _, done := signed[person]; done || told[person] || d.obstacle(&d.Signers.List[i], at) != "" {
			continue
		}
		told[person] = true
		names = append(names, d.Signers.List[i].Name())
	}
	return names
}

// Sign returns a signature over a message, as "ssh-keygen -Y sign" writes it. A
// security key may wait for a touch meanwhile.
func Sign(message []byte, key ssh.Signer) ([]byte, error) {
	sig, err := sshsig.Sign(bytes.NewReader(message), key, sshsig.HashSHA512, Namespace)
	if err != nil {
		return nil, err
	}
	return sshsig.Armor(sig), nil
}

// parse reads a signature. The library would pass over what stands around the
// armour, over headers in it, and over other ways to write the same bytes in Base64;
// ssh-keygen does not.
func parse(text []byte) (*sshsig.Signature, error) {
	block, rest := pem.Decode(text)
	begins := bytes.HasPrefix(text, []byte("-----BEGIN "+sshsig.PEMType+"-----"))
	if block == nil || !begins || len(block.Headers) > 0 || len(bytes.TrimSpace(rest)) > 0 || !canonical(text, block.Bytes) {
		return nil, errors.New("it is no SSH signature")
	}
	sig, err := sshsig.ParseSignature(block.Bytes)
	if err != nil {
		return nil, fmt.Errorf("it is no SSH signature: %w", err)
	}
	if _, ok := sig.PublicKey.(*ssh.Certificate); ok {
		return nil, errors.New("it was made with a certificate; sign with the key itself")
	}
	return sig, nil
}

// canonical reports whether the armour is the one of these bytes, however its lines are
// broken.
func canonical(armour, blob []byte) bool {
	body := bytes.TrimPrefix(armour, []byte("-----BEGIN "+sshsig.PEMType+"-----"))
	body, _, ended := bytes.Cut(body, []byte("\n-----END "+sshsig.PEMType+"-----"))
	return ended && string(bytes.Join(bytes.Fields(body), nil)) == base64.StdEncoding.EncodeToString(blob)
}

func verify(message []byte, sig *sshsig.Signature) error {
	if sig.Namespace != Namespace {
		return fmt.Errorf("it was made for the namespace %q, not for %s", sig.Namespace, Namespace)
	}
	err := sshsig.Verify(bytes.NewReader(message), sig, sig.PublicKey, sig.HashAlgorithm, Namespace)
	switch {
	case err == nil:
		return nil
	case strings.Contains(err.Error(), "user presence"): // the library has no exported error for it
		return errors.New("nobody touched the security key that made it")
	}
	return errors.New("it is for another plan, or was altered")
}

func equal(a, b ssh.PublicKey) bool { return bytes.Equal(a.Marshal(), b.Marshal()) }
