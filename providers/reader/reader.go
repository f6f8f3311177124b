// Package reader makes what is installed on a node for a key that may only read: an
// account, the line of its authorized_keys, one script and its sudo rule. Start with
// Install.
//
// The script has in it the very scripts that zup sends to read facts, and answers who has
// the node's lock; it runs nothing that is sent to it. How zup talks to it stands in
// package ssh. Nothing here connects to anything.
package reader

import (
	"crypto/sha256"
	_ "embed"
	"encoding/hex"
	"fmt"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"sync"

	gossh "golang.org/x/crypto/ssh"

	"zup/providers/ssh"
)

// A Product is what a reader can read of one product.
type Product struct {
	Name   string   // as a configuration calls it
	Script string   // the script that reads its facts
	Facts  []string // the names that may be asked for
}

// Digest is what a reader knows the product's script by: its SHA-256, hex.
func (p Product) Digest() string {
	sum := sha256.Sum256([]byte(p.Script))
	return hex.EncodeToString(sum[:])
}

// A Reader is what is to be installed.
type Reader struct {
	User     string    // the account; see CheckUser
	Products []Product // in any order
	Version  string    // zup's own
	Keys     []string  // lines of authorized_keys, from ParseKey
}

// DefaultUser is the account if nobody says another one.
const DefaultUser = "zup-reader"

const (
	library = "/usr/local/lib/zup"
	path    = library + "/reader"
)

//go:embed reader.sh
var scriptTemplate string

//go:embed install.sh
var installTemplate string

//go:embed remove.sh
var removeTemplate string

var isUser = sync.OnceValue(func() *regexp.Regexp { return regexp.MustCompile(`^[a-z_][a-z0-9_-]{0,30}$`) })

// CheckUser reports what is wrong with the name of an account: it stands in sudoers and in
// scripts, and is not one that is there for something else.
func CheckUser(name string) error {
	switch {
	case !isUser().MatchString(name):
		return fmt.Errorf("%q is not a name for an account: it has up to 31 lower-case letters, digits, %q and %q, and no digit or %q in front", name, "_", "-", "-")
	case name == "root":
		return fmt.Errorf("root may do everything: the account has to be one of its own")
	}
	return nil
}

// ParseKey reads the file of one public key and returns its line for authorized_keys, with
// everything forbidden but the reader. A private key, several keys, options and
// certificates are refused, and never shown.
func ParseKey(text []byte) (string, error) {
	if strings.Contains(string(text), "PRIVATE KEY") {
		return "", fmt.Errorf("it is a private key: the public one is in the file beside it, with .pub at the end of its name")
	}
	key, comment, options, rest, err := gossh.ParseAuthorizedKey(text)
	switch {
	case err != nil:
		return "", fmt.Errorf("it is not a public key: it should look like \"ssh-ed25519 AAAA… comment\"")
	case len(options) > 0:
		return "", fmt.Errorf("there is something before the key's type: the options are zup's to write")
	case len(strings.TrimSpace(string(rest))) > 0:
		return "", fmt.Errorf("it has more than one line: give each key its own -key")
	}
	if !slices.Contains(keyTypes, key.Type()) {
		return "", fmt.Errorf("keys of type %q are not for this", key.Type())
	}
	line := fmt.Sprintf(`restrict,command="%s" %s`, path, strings.TrimSpace(string(gossh.MarshalAuthorizedKey(key))))
	if comment = plain(comment); comment != "" {
		line += " " + comment
	}
	return line, nil
}

// keyTypes are the types of key that OpenSSH of the nodes takes. A certificate is not one:
// who may log in with it is for its authority to say.
var keyTypes = []string{
	gossh.KeyAlgoED25519, gossh.KeyAlgoSKED25519, gossh.KeyAlgoECDSA256, gossh.KeyAlgoECDSA384, gossh.KeyAlgoECDSA521, gossh.KeyAlgoSKECDSA256, gossh.KeyAlgoRSA,
}

// plain keeps of a comment what means nothing to anybody.
func plain(comment string) string {
	const fit = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789@._+-"
	var b strings.Builder
	for _, c := range comment {
		if b.Len() == 80 {
			break
		}
		if strings.ContainsRune(fit, c) {
			b.WriteRune(c)
		} else if c == ' ' && b.Len() > 0 {
			b.WriteByte('_')
		}
	}
	return b.String()
}

// Script returns what runs for the key.
func (r Reader) Script() string {
	products := slices.SortedFunc(slices.Values(r.Products), func(a, b Product) int { return strings.Compare(a.Name, b.Name) })
	var facts, known strings.Builder
	for _, p := range products {
		fmt.Fprintf(&facts, "facts_%s() (\n%s%s\n)\n", p.Name, begin(p.Name), strings.TrimSuffix(p.Script, "\n"))
		fmt.Fprintf(&known, "\t'%s %s') names='%s' ;;\n", p.Name, p.Digest(), strings.Join(p.Facts, " "))
	}
	return r.fill(scriptTemplate, "@LOOK@", strings.TrimSuffix(ssh.LookProgram(), "\n"), "@FACTS@", facts.String(), "@KNOWN@", strings.TrimSuffix(known.String(), "\n"))
}

// begin marks where a product's own script begins, for whoever compares.
func begin(product string) string { return "# ---- facts of " + product + ", as zup sends them\n" }

// Sudoers returns the account's rule. It allows the script without any argument, as root,
// in an environment of root's own.
func (r Reader) Sudoers() string {
	return r.fill(`# zup-reader edition @EDITION@, of zup @VERSION@: @USER@ may run this and nothing else, without arguments.
Defaults!@PATH@ env_reset, !setenv, !requiretty, !use_pty, !noexec, !env_keep, !env_check, secure_path = "/usr/sbin:/usr/bin:/sbin:/bin"
@USER@ ALL = (root) NOPASSWD: @PATH@ ""
`)
}

// AuthorizedKeys returns the account's authorized_keys.
func (r Reader) AuthorizedKeys() string { return strings.Join(r.Keys, "\n") + "\n" }

// Install returns a script for sh that installs all of it, run on the node as root.
func (r Reader) Install() string {
	count := "1 key"
	if len(r.Keys) != 1 {
		count = strconv.Itoa(len(r.Keys)) + " keys"
	}
	script, sudoers, keys := r.Script(), r.Sudoers(), r.AuthorizedKeys()
	return r.fill(installTemplate, "@SCRIPT@", script, "@SUDOERS@", sudoers, "@KEYS@", keys, "@COUNT@", count, "@END@", unused(script+sudoers+keys))
}

// Remove returns a script that takes it away again.
func (r Reader) Remove() string { return r.fill(removeTemplate) }

// unused returns a word that no line of a text is, for the end of a here-document.
func unused(text string) string {
	word := "END-OF-FILE"
	for strings.Contains(text, word) {
		word += "-"
	}
	return word
}

// fill puts what is known into a template, once: what is put in is not looked at again.
func (r Reader) fill(template string, more ...string) string {
	return strings.NewReplacer(append([]string{
		"@EDITION@", strconv.Itoa(ssh.ReaderEdition), "@PROTOCOL@", strconv.Itoa(ssh.ReaderProtocol), "@VERSION@", r.Version,
		"@USER@", r.User, "@PATH@", path, "@LIB@", library, "@HOME@", "/var/lib/" + r.User,
	}, more...)...).Replace(template)
}
