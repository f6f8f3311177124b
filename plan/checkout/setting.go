package checkout

import (
	"crypto/sha256"
	"errors"
	"fmt"
	"hash"
	"io/fs"
	"strings"

	"github.com/pjbgf/sha1cd"
)

// format is how a repository names its objects.
type format struct {
	name string
	size int // bytes of a hash
	new  func() hash.Hash
}

// A SHA-1 is computed as git computes it: bytes that were made to have the hash of
// others are found out by the traces that every known way to make them leaves.
var (
	formatSHA1   = &format{"sha1", sha1cd.Size, func() hash.Hash { return sha1cd.New() }}
	formatSHA256 = &format{"sha256", sha256.Size, sha256.New}
)

// readFormat reads the two settings without which nothing in a repository can be
// understood.
func (r *repository) readFormat() (*format, error) {
	s, err := r.settings("config")
	if err != nil {
		return nil, err
	}
	if storage, ok := s["extensions.refstorage"]; ok && !strings.EqualFold(storage, "files") {
		return nil, fmt.Errorf("%s keeps references as %q, which zup does not read", r.common.Name(), storage)
	}
	switch name, ok := s["extensions.objectformat"]; {
	case !ok || strings.EqualFold(name, "sha1"):
		return formatSHA1, nil
	case strings.EqualFold(name, "sha256"):
		return formatSHA256, nil
	default:
		return nil, fmt.Errorf("%s names objects by %q, which zup does not know", r.common.Name(), name)
	}
}

// settings reads one of git's configuration files. It follows no include, and neither
// does git where it asks for these keys. Without the file nothing is set.
func (r *repository) settings(name string) (map[string]string, error) {
	text, err := r.common.read(name, maxSettings)
	if errors.Is(err, fs.ErrNotExist) {
		return nil, nil
	}
	if err != nil {
		return nil, err
	}
	s, err := parseSettings(string(text))
	if err != nil {
		return nil, r.common.fail("read", name, err)
	}
	return s, nil
}

// parseSettings returns what a configuration file of git sets, by "section.key" in
// lower case; of several values the last one counts. Keys of sections that have a
// name, such as [remote "origin"], are left out.
func parseSettings(text string) (map[string]string, error) {
	p := settingsParser{rest: strings.ReplaceAll(strings.TrimPrefix(text, "\ufeff"), "\r\n", "\n")}
	all := map[string]string{}
	for {
		p.rest = strings.TrimLeft(p.rest, " \t\n\r\v\f")
		switch {
		case p.rest == "":
			return all, nil
		case p.rest[0] == '#' || p.rest[0] == ';':
			_, p.rest, _ = strings.Cut(p.rest, "\n")
		case p.rest[0] == '[':
			if !p.section() {
				return nil, errors.New("a section's header can't be read")
			}
		default:
			key, value, ok := p.setting()
			if !ok {
				return nil, errors.New("a setting can't be read")
			}
			if p.plain {
				all[p.name+"."+key] = value
			}
		}
	}
}

type settingsParser struct {
	rest  string
	name  string // of the section, in lower case
	plain bool   // it has no second name
}

// section reads [core], [remote "origin"] or the old [remote.origin].
func (p *settingsParser) section() bool {
	line, _, _ := strings.Cut(p.rest[1:], "\n")
	end := strings.IndexAny(line, "]\" \t")
	if end <= 0 || strings.ContainsFunc(line[:end], func(r rune) bool { return !isKey(r) && r != '.' }) {
		return false
	}
	p.name = strings.ToLower(line[:end])
	p.plain = line[end] == ']' && !strings.Contains(p.name, ".")
	if line[end] == ']' {
		p.rest = p.rest[1+end+1:]
		return true
	}
	quote := strings.TrimLeft(line[end:], " \t")
	if quote == "" || quote[0] != '"' {
		return false
	}
	for i := 1; i < len(quote); i++ {
		switch quote[i] {
		case '\\':
			i++
		case '"':
			if !strings.HasPrefix(quote[i+1:], "]") {
				return false
			}
			p.rest = p.rest[1+len(line)-len(quote)+i+2:]
			return true
		}
	}
	return false
}

func isKey(r rune) bool {
	return 'a' <= r && r <= 'z' || 'A' <= r && r <= 'Z' || '0' <= r && r <= '9' || r == '-'
}

// setting reads "key = value". A key alone is true.
func (p *settingsParser) setting() (key, value string, ok bool) {
	end := strings.IndexFunc(p.rest, func(r rune) bool { return !isKey(r) })
	if end < 0 {
		end = len(p.rest)
	}
	if end == 0 {
		return "", "", false
	}
	key, p.rest = strings.ToLower(p.rest[:end]), strings.TrimLeft(p.rest[end:], " \t")
	switch {
	case p.rest == "" || p.rest[0] == '\n' || p.rest[0] == '#' || p.rest[0] == ';':
		return key, "true", true
	case p.rest[0] != '=':
		return "", "", false
	}
	p.rest = strings.TrimLeft(p.rest[1:], " \t")
	value, ok = p.value()
	return key, value, ok
}

// value reads up to the end of the line: quotes, escapes, and a backslash at the end
// of a line that goes on. Blanks at its end and comments are not part of it.
func (p *settingsParser) value() (string, bool) {
	var b strings.Builder
	quoted, kept := false, 0 // bytes of b that stay whatever follows
	for p.rest != "" {
		c := p.rest[0]
		p.rest = p.rest[1:]
		switch {
		case c == '\n':
			return b.String()[:kept], !quoted
		case c == '\\':
			if p.rest == "" {
				return "", false
			}
			c, p.rest = p.rest[0], p.rest[1:]
			i := strings.IndexByte("\n\"\\ntb", c)
			if i < 0 {
				return "", false
			}
			if i > 0 {
				b.WriteByte("\n\"\\\n\t\b"[i])
				kept = b.Len()
			}
		case c == '"':
			quoted = !quoted
			kept = b.Len()
		case !quoted && (c == '#' || c == ';'):
			_, p.rest, _ = strings.Cut(p.rest, "\n")
			return b.String()[:kept], true
		default:
			b.WriteByte(c)
			if quoted || c != ' ' && c != '\t' {
				kept = b.Len()
			}
		}
	}
	return b.String()[:kept], !quoted
}

// isTrue reads a setting that is true or false.
func isTrue(value string) bool {
	switch strings.ToLower(value) {
	case "true", "yes", "on", "1":
		return true
	}
	return false
}
