package approval_test

import (
	"crypto/ed25519"
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"golang.org/x/crypto/ssh"

	"zup/plan/approval"
)

// person is a key pair that is always the same.
func person(t *testing.T, n byte) (key ssh.Signer, line string) {
	t.Helper()
	key, err := ssh.NewSignerFromKey(ed25519.NewKeyFromSeed(slices.Repeat([]byte{n}, ed25519.SeedSize)))
	if err != nil {
		t.Fatal(err)
	}
	return key, strings.TrimSpace(string(ssh.MarshalAuthorizedKey(key.PublicKey())))
}

// Two people have to sign, each counts once, and not who made the plan.
func TestJudge(t *testing.T) {
	var keys []ssh.Signer
	var lines []any
	for n := range byte(6) {
		key, line := person(t, n)
		keys, lines = append(keys, key), append(lines, line)
	}
	const two = "alice@x %s\nbob@x %s\ncarol@x %s\ndave@x %s\n"
	for _, tt := range []struct {
		name    string
		signers string // of the keys 0, 1, …
		author  string
		signed  []int
		counted int
		why     string // of the last signature
		missing string
	}{
		{"nobody", two, "dave@x", nil, 0, "", "alice@x bob@x carol@x"},
		{"one", two, "dave@x", []int{1}, 1, "", "alice@x carol@x"},
		{"two", two, "dave@x", []int{1, 2}, 2, "", "alice@x"},
		{"one twice", two, "dave@x", []int{1, 1}, 1, "the same person has signed already, in 0.sig", "alice@x carol@x"},
		{"the author", two, "bob@x", []int{0, 1}, 1, "bob@x made the plan, and author_may_approve is false", "carol@x dave@x"},
		{"the author in capitals", two, "Bob@X", []int{0, 1}, 1, "Bob@X made the plan, and author_may_approve is false", "carol@x dave@x"},
		{"an author who signs with a key of many", "*@x %s\nbob@y %s\n", "bob@x", []int{0}, 0, "bob@x made the plan, and author_may_approve is false", "bob@y"},
		{"two keys of one", "alice@x %s\nalice@x %s\nbob@x %s\n", "z@x", []int{0, 1}, 1, "the same person has signed already, in 0.sig", "bob@x"},
		{"two keys under different names of one", "alice@x %s\na@y,alice@x %s\nbob@x %s\n", "z@x", []int{0, 1}, 1, "the same person has signed already, in 0.sig", "bob@x"},
		{"two keys tied by a third", "alice@x %s\nal@x %s\nal@x,alice@x %s\nbob@x %s\n", "z@x", []int{0, 1}, 1, "the same person has signed already, in 0.sig", "bob@x"},
		{"a key of many", "alice@x %s\n*@x %s\n", "z@y", []int{0, 1}, 1, "the same person has signed already, in 0.sig", ""},
		{"two keys of one in capitals", "alice@x %s\nAlice@X %s\nbob@x %s\n", "z@x", []int{0, 1}, 1, "the same person has signed already, in 0.sig", "bob@x"},
		{"two keys of one, accents apart", "zoe\u0301@x %s\nzo\u00e9@x %s\nbob@x %s\n", "z@x", []int{0, 1}, 1, "the same person has signed already, in 0.sig", "bob@x"},
		{"capitals of many", "ALICE@x %s\n*lice@X %s\n", "z@y", []int{0, 1}, 1, "the same person has signed already, in 0.sig", ""},
		{"capitals that are excluded", "alice@x %s\n!Alice@x,*@x %s\n", "z@y", []int{0, 1}, 2, "", ""},
		{"an author with something behind the name", two, "bob@x\ufe0f", []int{0, 1}, 0, `bob@x\ufe0f made the plan, and author_may_approve is false`, ""},
		{"an author in full width", two, "\uff42ob@x", []int{1}, 0, `\uff42ob@x made the plan, and author_may_approve is false`, ""},
		{"an author of another alphabet", two, "b\u043eb@x", []int{0, 1}, 0, `nobody can tell who made the plan: the author is b\u043eb@x, which passes for another name, and author_may_approve is false`, ""},
		{"a stranger", two, "dave@x", []int{0, 5}, 1, "its key is not in the signers file", "bob@x carol@x"},
		{"not any more", "alice@x %s\nbob@x valid-before=\"20251231Z\" %s\n", "z@x", []int{0, 1}, 1, "its key was valid only until 2025-12-31T00:00:00Z", ""},
		{"not yet", "alice@x %s\nbob@x valid-after=\"20270101Z\" %s\n", "z@x", []int{0, 1}, 1, "its key is valid only from 2027-01-01T00:00:00Z", ""},
		{"for other things", "alice@x %s\nbob@x namespaces=\"git\" %s\n", "z@x", []int{0, 1}, 1, `the signers file lets its key sign in namespaces="git" only, and this is zup-plan`, ""},
	} {
		t.Run(tt.name, func(t *testing.T) {
			text := fmt.Sprintf(tt.signers, lines[:strings.Count(tt.signers, "%s")]...)
			d := &approval.Demand{Signers: signers(t, text), Required: 2, Author: tt.author}
			var signatures []approval.Signature
			for i, n := range tt.signed {
				sig, err := approval.Sign([]byte(message), keys[n])
				if err != nil {
					t.Fatal(err)
				}
				signatures = append(signatures, approval.Signature{Name: fmt.Sprintf("%d.sig", i), Text: sig})
			}
			v := d.Judge([]byte(message), signatures, time.Date(2026, 11, 25, 0, 0, 0, 0, time.UTC))
			if v.Counted() != tt.counted || v.Enough() != (tt.counted >= 2) || strings.Join(v.Missing, " ") != tt.missing {
				t.Errorf("%+v", v)
			}
			if n := len(v.Votes); n > 0 && v.Votes[n-1].Why != tt.why {
				t.Errorf("%q", v.Votes[n-1].Why)
			}
		})
	}
}

// The author may sign where that is allowed.
func TestAuthorMayApprove(t *testing.T) {
	key, line := person(t, 1)
	d := &approval.Demand{Signers: signers(t, "alice@x "+line), Required: 1, Author: "alice@x", AuthorMayApprove: true}
	sig, err := approval.Sign([]byte(message), key)
	if err != nil {
		t.Fatal(err)
	}
	if v := d.Judge([]byte(message), []approval.Signature{{Name: "a", Text: sig}}, time.Now()); !v.Enough() || v.Votes[0].Who != "alice@x" {
		t.Errorf("%+v", v)
	}
}

// Every mistake of a file is named, with its line.
func TestMistakes(t *testing.T) {
	_, key := person(t, 1)
	for text, want := range map[string]string{
		"":                                       "1: nobody is named here",
		"# nobody\n":                             "1: nobody is named here",
		"alice\n\nbob@x ssh-ed25519 AAAA\n":      "1: there is a name and no key; a line has a name, options if there are any, and a public key | 3: the key can't be read: ",
		"a\x1b[2J " + key:                        "1: there is a byte in it that is no text",
		"# \nalice@x\ufe0f " + key:               `2: the name alice@x\ufe0f has a character that does not show, or that passes for another one`,
		"b@x,\u0430lice@x " + key:                `1: the name \u0430lice@x has`,
		"b@x,!al\u0131ce@x " + key:               `1: the name !al\u0131ce@x has`,
		"alice@x\u00a0 " + key:                   `1: the name alice@x\u00a0 has`,
		"\ufeffalice@x " + key:                   `1: the name \ufeffalice@x has`,
		"\"alice  x\" " + key:                    `1: the name alice\x20{2}x has`,
		"alice\u2013b@x " + key:                  `1: the name alice\u2013b@x has`,
		"a@x,,b@x " + key:                        "1: a name is empty; ",
		"!a@x " + key:                            "1: it says only who is not meant",
		"a@x cert-authority " + key:              "1: certificates are not supported (cert-authority): ",
		"a@x namespace=\"x\" " + key:             "1: \"namespace\" is neither a key's type nor an option; ",
		"a@x valid-after=\"20200230\" " + key:    `1: "20200230" is not a time: `,
		"a@x ssh-dss AAAA":                       "1: DSA keys are broken",
		"a@x ssh-rsa " + strings.Fields(key)[1]:  "1: it is said to be of type ssh-rsa, and the key is of type ssh-ed25519",
		"a@x ssh-ed25519-cert-v01@openssh.com A": "1: this is a certificate",
		strings.Repeat("a@x "+key+"\n", 1001):    "1001: a file has at most 1000 signers",
	} {
		s, mistakes := approval.ParseSigners(text)
		var got []string
		for _, m := range mistakes {
			got = append(got, fmt.Sprintf("%d: %s", m.Line, m.Text))
		}
		if s != nil || !strings.HasPrefix(strings.Join(got, " | "), want) {
			t.Errorf("%.60q: %q, want %q", text, got, want)
		}
	}
	if _, m := approval.ParseRevoked("SSHKRL\n\x00\x00"); len(m) != 1 || !strings.Contains(m[0].Text, "KRL") {
		t.Errorf("a KRL: %v", m)
	}
	if _, m := approval.ParseRevoked("alice@x " + key); len(m) != 1 {
		t.Errorf("a signers file as a list of keys: %v", m)
	}
	if k, m := approval.ParseRevoked("# none\n"); len(k) != 0 || len(m) != 0 {
		t.Errorf("an empty list: %v", m)
	}
}
