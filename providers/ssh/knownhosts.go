package ssh

import (
	"bytes"
	"crypto/hmac"
	"crypto/sha1"
	"encoding/base64"
	"errors"
	"fmt"
	"net"
	"slices"
	"strings"

	"golang.org/x/crypto/ssh"
	"golang.org/x/crypto/ssh/knownhosts"

	"zup/plan/disk"
	"zup/providers/ssh/sshconfig"
)

// What stands before the host of a line.
const (
	markAuthority = "@cert-authority"
	markRevoked   = "@revoked"
)

// A knownLine is a line of known_hosts that is about a host.
type knownLine struct {
	file string
	line int
	by   *hostsCommand // has printed it; nil: it stands in file
	mark string        // markAuthority, markRevoked; "": the host's own key
	any  bool          // it names no port, and the host listens on another than 22
	key  ssh.PublicKey // nil: it can't be read
	err  error         // why
}

// knownLines are the lines about one host. They are chosen as ssh chooses them: by
// [host]:port, and by the host alone where no line says the port. Lines about others are
// never looked at more closely, because files grow for decades and other programs write
// to them.
type knownLines []knownLine

// readKnownHosts returns what files say about addr, which is HOST:PORT.
func readKnownHosts(files []string, addr string) (knownLines, error) {
	withPort, without, err := searchKnownHosts(files, addr)
	return withPort.or(without), err
}

// hostNames returns the names under which addr, HOST:PORT, is looked for: with its port,
// and alone. On port 22 they are the same.
func hostNames(addr string) (full, host string) {
	host, port, err := net.SplitHostPort(addr)
	if err != nil {
		return addr, addr
	}
	host = strings.ToLower(host)
	return knownhosts.Normalize(net.JoinHostPort(host, port)), host
}

func searchKnownHosts(files []string, addr string) (withPort, without knownLines, err error) {
	full, host := hostNames(addr)
	for _, file := range files {
		text, err := disk.ReadFile(file, disk.MaxKnownHosts)
		if err != nil {
			return nil, nil, &ConfigError{File: file, Err: err}
		}
		a, b := knownLinesOf(text, full, host, knownLine{file: file})
		withPort, without = append(withPort, a...), append(without, b...)
	}
	return withPort, without, nil
}

// knownLinesOf returns the lines of a text that are about a host. of says where they are.
func knownLinesOf(text []byte, full, host string, of knownLine) (withPort, without knownLines) {
	for line := range bytes.Lines(text) {
		of.line++
		mark, hosts, key, ok := splitKnownLine(string(line))
		if !ok {
			continue
		}
		l := of
		l.mark = mark
		switch {
		case hostsMatch(hosts, full):
			l.key, l.err = readKnownKey(key)
			withPort = append(withPort, l)
		case hostsMatch(hosts, host):
			l.any = true
			l.key, l.err = readKnownKey(key)
			without = append(without, l)
		}
	}
	return withPort, without
}

// at is where the line stands.
func (l *knownLine) at() string {
	if l.by != nil {
		return fmt.Sprintf("%s, line %d", l.by, l.line)
	}
	return fmt.Sprintf("%s:%d", l.file, l.line)
}

// or adds the lines without a port: all of them where nothing else is known about the
// host, else only those that take something away.
func (k knownLines) or(without knownLines) knownLines {
	known := k.known()
	for _, l := range without {
		if !known || l.mark == markRevoked {
			k = append(k, l)
		}
	}
	return k
}

// known reports whether a line says which key the host has.
func (k knownLines) known() bool {
	return slices.ContainsFunc(k, func(l knownLine) bool { return l.key != nil && l.mark != markRevoked })
}

// splitKnownLine returns the parts of a line; ok is false for one that is about no host.
func splitKnownLine(text string) (mark, hosts, key string, ok bool) {
	text = strings.Trim(text, " \t\r\n")
	if text == "" || text[0] == '#' {
		return "", "", "", false
	}
	if text[0] == '@' {
		mark, text = cutBlank(text)
		if mark != markAuthority && mark != markRevoked {
			return "", "", "", false
		}
	}
	hosts, key = cutBlank(text)
	return mark, hosts, key, true
}

func readKnownKey(text string) (ssh.PublicKey, error) {
	typ, rest := cutBlank(text)
	blob, _ := cutBlank(rest)
	if blob == "" {
		return nil, errors.New("it has no key")
	}
	raw, err := base64.StdEncoding.DecodeString(blob)
	if err != nil {
		return nil, errors.New("its key is not base64")
	}
	key, err := ssh.ParsePublicKey(raw)
	if err != nil {
		return nil, fmt.Errorf("its key: %w", err)
	}
	if key.Type() != typ {
		return nil, fmt.Errorf("it says %q, and has a key of type %s", typ, key.Type())
	}
	return key, nil
}

func cutBlank(s string) (word, rest string) {
	i := strings.IndexAny(s, " \t")
	if i < 0 {
		return s, ""
	}
	return s[:i], strings.TrimLeft(s[i:], " \t")
}

// hostsMatch reports whether the first field of a line, a list of patterns or a hash,
// stands for name.
func hostsMatch(hosts, name string) bool {
	if hashed, ok := strings.CutPrefix(hosts, "|1|"); ok {
		salt64, hash64, _ := strings.Cut(hashed, "|")
		salt, err := base64.StdEncoding.DecodeString(salt64)
		if err != nil {
			return false
		}
		mac := hmac.New(sha1.New, salt)
		mac.Write([]byte(name))
		return base64.StdEncoding.EncodeToString(mac.Sum(nil)) == hash64
	}
	return sshconfig.MatchList(strings.ToLower(hosts), name)
}

// bad returns an error for the first of the lines about the host with one of these marks
// that can't be read, nil if there is none.
func (k knownLines) bad(marks ...string) error {
	for _, l := range k {
		if l.err != nil && slices.Contains(marks, l.mark) {
			return &ConfigError{
				File: l.at(),
				Err:  fmt.Errorf("this line is about the host, and can't be read: %w", l.err),
				hint: "mend or remove that line",
			}
		}
	}
	return nil
}

// keys returns the lines with this mark that have a key.
func (k knownLines) keys(mark string) knownLines {
	var all knownLines
	for _, l := range k {
		if l.key != nil && l.mark == mark {
			all = append(all, l)
		}
	}
	return all
}

// with returns the line that has key, nil if there is none.
func (k knownLines) with(key ssh.PublicKey) *knownLine {
	for i := range k {
		if bytes.Equal(k[i].key.Marshal(), key.Marshal()) {
			return &k[i]
		}
	}
	return nil
}

// revoked returns the line that takes key away, or the key that a certificate is for or
// was signed with.
func (k knownLines) revoked(key ssh.PublicKey) *knownLine {
	lines := k.keys(markRevoked)
	if cert, ok := key.(*ssh.Certificate); ok {
		if l := lines.with(cert.SignatureKey); l != nil {
			return l
		}
		key = cert.Key
	}
	return lines.with(key)
}

func (l *knownLine) expected() ExpectedKey {
	return expectedKey(l.key, l.at(), l.file)
}
