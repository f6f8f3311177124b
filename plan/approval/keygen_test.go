package approval_test

import (
	"bytes"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"golang.org/x/crypto/ssh"

	"zup/plan/approval"
)

// keygen runs ssh-keygen in a folder and reports whether it agrees.
func keygen(t *testing.T, dir, stdin string, args ...string) bool {
	t.Helper()
	cmd := exec.Command("ssh-keygen", args...)
	cmd.Dir, cmd.Stdin = dir, strings.NewReader(stdin)
	out, err := cmd.CombinedOutput()
	if t.Failed() || testing.Verbose() {
		t.Logf("ssh-keygen %s: %v\n%s", strings.Join(args, " "), err, out)
	}
	return err == nil
}

func needKeygen(t *testing.T) {
	t.Helper()
	if _, err := exec.LookPath("ssh-keygen"); err != nil {
		if os.Getenv("ZUP_CI") != "" {
			t.Fatal("there is no ssh-keygen: install openssh-client")
		}
		t.Skip("there is no ssh-keygen: install openssh-client")
	}
}

// newKey has ssh-keygen make a key and returns its public half as a line.
func newKey(t *testing.T, dir, name string, options ...string) string {
	t.Helper()
	args := slices.Concat([]string{"-q", "-N", "", "-C", name, "-f", name}, options)
	if !keygen(t, dir, "", args...) {
		t.Fatalf("no key %s", name)
	}
	text, err := os.ReadFile(filepath.Join(dir, name+".pub"))
	if err != nil {
		t.Fatal(err)
	}
	return strings.TrimSpace(string(text))
}

func privateKey(t *testing.T, dir, name string) ssh.Signer {
	t.Helper()
	text, err := os.ReadFile(filepath.Join(dir, name))
	if err != nil {
		t.Fatal(err)
	}
	s, err := ssh.ParsePrivateKey(text)
	if err != nil {
		t.Fatal(err)
	}
	return s
}

func write(t *testing.T, dir, name, text string) {
	t.Helper()
	if err := os.WriteFile(filepath.Join(dir, name), []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
}

func signers(t *testing.T, text string) *approval.Signers {
	t.Helper()
	s, mistakes := approval.ParseSigners(text)
	if len(mistakes) > 0 {
		t.Fatalf("%q: %v", text, mistakes)
	}
	return s
}

const message = "{\n\"actions\":[],\n\"zup_version\":\"0.1.0\"\n}\n"

// keys are the kinds that people have.
var keys = map[string][]string{
	"ed25519":  {"-t", "ed25519"},
	"ecdsa256": {"-t", "ecdsa", "-b", "256"},
	"ecdsa384": {"-t", "ecdsa", "-b", "384"},
	"ecdsa521": {"-t", "ecdsa", "-b", "521"},
	"rsa":      {"-t", "rsa", "-b", "2048"},
}

// What is signed here is verified by ssh-keygen, and what is signed there is
// verified here, with every kind of key; the smallest change is seen by both.
func TestBothWays(t *testing.T) {
	needKeygen(t)
	for name, options := range keys {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			dir := t.TempDir()
			public := newKey(t, dir, "key", options...)
			write(t, dir, "signers", "alice@example.com "+public+"\n")
			ours, err := approval.Sign([]byte(message), privateKey(t, dir, "key"))
			if err != nil {
				t.Fatal(err)
			}
			write(t, dir, "ours.sig", string(ours))
			write(t, dir, "theirs", message)
			if !keygen(t, dir, "", "-Y", "sign", "-f", "key", "-n", "zup-plan", "theirs") {
				t.Fatal("ssh-keygen does not sign")
			}
			theirs, _ := os.ReadFile(filepath.Join(dir, "theirs.sig"))
			d := &approval.Demand{Signers: signers(t, "alice@example.com "+public), Required: 1}
			for file, sig := range map[string][]byte{"ours.sig": ours, "theirs.sig": theirs} {
				for text, want := range map[string]bool{message: true, strings.Replace(message, "0.1.0", "0.1.1", 1): false, "": false} {
					v := d.Judge([]byte(text), []approval.Signature{{Name: file, Text: sig}}, time.Now())
					ssh := keygen(t, dir, text, "-Y", "verify", "-f", "signers", "-I", "alice@example.com", "-n", "zup-plan", "-s", file)
					if v.Enough() != want || ssh != want {
						t.Errorf("%s over %q: zup %v, ssh-keygen %v, want %v", file, text, v, ssh, want)
					}
				}
			}
		})
	}
}

// A line of the signers file lets the same people sign as ssh-keygen would.
func TestLines(t *testing.T) {
	needKeygen(t)
	dir := t.TempDir()
	key, other := newKey(t, dir, "key", "-t", "ed25519"), newKey(t, dir, "other", "-t", "ecdsa")
	bare := strings.Join(strings.Fields(key)[:2], " ")
	sig, err := approval.Sign([]byte(message), privateKey(t, dir, "key"))
	if err != nil {
		t.Fatal(err)
	}
	write(t, dir, "sig", string(sig))
	const who = "alice@example.com"
	for i, tt := range []struct {
		text string
		want bool
	}{
		{"alice@example.com " + key, true},
		{"alice@example.com " + bare, true},
		{"# who may\n\n  alice@example.com\t" + key + "\r\n", true},
		{"alice@example.com " + key + " and a long comment", true},
		{`"alice@example.com" ` + key, true},
		{"alice@example.com " + other, false},
		{"alice@example.com " + other + "\nalice@example.com " + key, true},
		{"bob@example.com " + key, false},
		{"bob@example.com,alice@example.com " + key, true},
		{"*@example.com " + key, true},
		{"a?ice@*.com " + key, true},
		{"a*b*@*.com " + key, false},
		{"*@example.com,!alice@example.com " + key, false},
		{"!bob@example.com,*@example.com " + key, true},
		{"Alice@example.com " + key, false},
		{`alice@example.com namespaces="zup-plan" ` + key, true},
		{`alice@example.com NameSpaces="git,zup-*" ` + key, true},
		{`alice@example.com namespaces="git" ` + key, false},
		{`alice@example.com namespaces="*,!zup-plan" ` + key, false},
		{`alice@example.com namespaces="git" ` + key + "\n" + `alice@example.com ` + key, true},
		{`alice@example.com valid-after="20200101" ` + key, true},
		{`alice@example.com valid-after="20990101Z" ` + key, false},
		{`alice@example.com valid-before="202001010000Z" ` + key, false},
		{`alice@example.com valid-after="20200101Z",valid-before="20990101000000" ` + key, true},
		{`alice@example.com namespaces="zup-plan",valid-before="20200101" ` + key, false},
		// What follows is refused as a whole.
		{"alice@example.com", false},
		{"alice@example.com ssh-ed25519", false},
		{"alice@example.com ssh-ed25519 AAAA", false},
		{"alice@example.com ssh-rsa " + strings.Fields(key)[1], false},
		{"alice@example.com namespaces=zup-plan " + key, false},
		{`alice@example.com valid-after="20200101",valid-after="20200101" ` + key, false},
		{`alice@example.com valid-after="yesterday" ` + key, false},
		{`alice@example.com valid-after="20210101",valid-before="20200101" ` + key, false},
		{`alice@example.com no-pty ` + key, false},
		{`alice@example.com cert-authority ` + key, false},
	} {
		file := fmt.Sprintf("signers%d", i)
		write(t, dir, file, tt.text+"\n")
		got := false
		if s, mistakes := approval.ParseSigners(tt.text); len(mistakes) == 0 {
			d := &approval.Demand{Signers: s, Required: 1, AuthorMayApprove: true}
			got = d.Judge([]byte(message), []approval.Signature{{Name: "sig", Text: sig}}, time.Now()).Votes[0].Counts &&
				slices.ContainsFunc(s.List, func(l approval.Signer) bool { return l.Accepts(who) })
		}
		theirs := keygen(t, dir, message, "-Y", "verify", "-f", file, "-I", who, "-n", "zup-plan", "-s", "sig")
		if got != tt.want || theirs != tt.want {
			t.Errorf("%q: zup %v, ssh-keygen %v, want %v", tt.text, got, theirs, tt.want)
		}
	}
}

// Revoked keys, other namespaces and certificates count neither here nor there.
func TestRefused(t *testing.T) {
	needKeygen(t)
	dir := t.TempDir()
	key, other := newKey(t, dir, "key", "-t", "ed25519"), newKey(t, dir, "other", "-t", "ed25519")
	write(t, dir, "signers", "alice@example.com "+key+"\n")
	write(t, dir, "revoked", "# stolen\n"+key+"\n")
	write(t, dir, "nobody", "# none yet\n"+other+"\n")
	write(t, dir, "plan", message)
	sign := func(namespace string) string {
		os.Remove(filepath.Join(dir, "plan.sig"))
		if !keygen(t, dir, "", "-Y", "sign", "-f", "key", "-n", namespace, "plan") {
			t.Fatal("ssh-keygen does not sign")
		}
		text, _ := os.ReadFile(filepath.Join(dir, "plan.sig"))
		return string(text)
	}
	verify := func(sig, revoked string) (ours, theirs bool, why string) {
		list, _ := os.ReadFile(filepath.Join(dir, revoked))
		keys, mistakes := approval.ParseRevoked(string(list))
		if len(mistakes) > 0 {
			t.Fatal(mistakes)
		}
		d := &approval.Demand{Signers: signers(t, "alice@example.com "+key), Revoked: keys, Required: 1}
		v := d.Judge([]byte(message), []approval.Signature{{Name: "sig", Text: []byte(sig)}}, time.Now())
		write(t, dir, "sig", sig)
		theirs = keygen(t, dir, message, "-Y", "verify", "-f", "signers", "-I", "alice@example.com", "-n", "zup-plan", "-s", "sig", "-r", revoked)
		return v.Enough(), theirs, v.Votes[0].Why
	}
	good := sign("zup-plan")
	for _, tt := range []struct{ name, sig, revoked, why string }{
		{"good", good, "nobody", ""},
		{"revoked", good, "revoked", "its key is revoked"},
		{"namespace", sign("git"), "nobody", `it was made for the namespace "git", not for zup-plan`},
		{"altered", alter(good), "nobody", "it is for another plan, or was altered"},
		{"cut off", good[:len(good)/2], "nobody", "it is no SSH signature"},
		{"empty", "", "nobody", "it is no SSH signature"},
		{"something before it", "x\n" + good, "nobody", "it is no SSH signature"},
		{"with a header", strings.Replace(good, "URE-----\n", "URE-----\nA: b\n\n", 1), "nobody", "it is no SSH signature"},
	} {
		ours, theirs, why := verify(tt.sig, tt.revoked)
		if want := tt.why == ""; ours != want || theirs != want || why != tt.why {
			t.Errorf("%s: zup %v, ssh-keygen %v, why %q", tt.name, ours, theirs, why)
		}
	}

	if !keygen(t, dir, "", "-q", "-s", "other", "-I", "id", "-n", "alice@example.com", "key.pub") {
		t.Fatal("no certificate")
	}
	os.Remove(filepath.Join(dir, "plan.sig"))
	if !keygen(t, dir, "", "-Y", "sign", "-f", "key-cert.pub", "-n", "zup-plan", "plan") {
		t.Skip("this ssh-keygen signs with no certificate from a file")
	}
	text, _ := os.ReadFile(filepath.Join(dir, "plan.sig"))
	if ours, _, why := verify(string(text), "nobody"); ours || !strings.Contains(why, "certificate") {
		t.Errorf("with a certificate: %v, %q", ours, why)
	}
}

// alter changes a character near the end of the armour, where the signature is.
func alter(sig string) string {
	b := []byte(sig)
	at := bytes.Index(b, []byte("\n-----END")) - 10
	if b[at]++; b[at] == '{' || b[at] == '[' || b[at] == ':' || b[at] == ',' {
		b[at] -= 2
	}
	return string(b)
}
