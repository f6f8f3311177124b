package approval

import (
	"encoding/base64"
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"
	"unicode/utf8"

	"golang.org/x/crypto/ssh"

	"zup/plan/escape"
)

// maxSigners bounds a file: who is the same person is found by comparing all with
// all.
const maxSigners = 1000

// Signers is an allowed signers file.
type Signers struct {
	List   []Signer
	person []int // of each in List: the first one that is the same person
}

// Signer is one line of the file.
type Signer struct {
	Line       int      // in the file, from 1
	Names      []string // patterns; with "!" in front: not these
	Key        ssh.PublicKey
	Namespaces string    // pattern list; empty: any
	After      time.Time // valid from then on; zero: always was
	Before     time.Time // valid up to and with then; zero: for good
}

// Name is how the signer is called here: the first name on the line.
func (s *Signer) Name() string { return s.Names[0] }

// Accepts reports whether somebody of that name may use the key, as "ssh-keygen -Y
// verify -I NAME" decides it.
func (s *Signer) Accepts(name string) bool { return matchNames(name, s.Names) }

// isAuthor is more generous than Accepts: see fold.
func (s *Signer) isAuthor(author string) bool { return matchNames(fold(author), foldAll(s.Names)) }

// Mistake is something on a line that can't be used.
type Mistake struct {
	Line int    // from 1
	Text string // lower case, without a full stop
}

// ParseSigners reads an allowed signers file. With a mistake in it there are no
// signers: a line that nobody understood might have been the one that matters.
func ParseSigners(text string) (*Signers, []Mistake) {
	var s Signers
	mistakes := eachLine(text, func(number int, line string) error {
		signer, err := parseSigner(line)
		signer.Line = number
		if len(s.List) <= maxSigners {
			s.List = append(s.List, signer)
		}
		return err
	})
	switch {
	case len(mistakes) > 0:
		return nil, mistakes
	case len(s.List) == 0:
		return nil, []Mistake{{1, "nobody is named here"}}
	case len(s.List) > maxSigners:
		return nil, []Mistake{{s.List[maxSigners].Line, fmt.Sprintf("a file has at most %d signers", maxSigners)}}
	}
	s.people()
	return &s, nil
}

// maxMistakes is how many mistakes are told of one file.
const maxMistakes = 1000

// eachLine calls do for every line that says something.
func eachLine(text string, do func(number int, line string) error) []Mistake {
	var mistakes []Mistake
	number := 0
	for line := range strings.Lines(text) {
		number++
		line = strings.Trim(line, " \t\r\n")
		if line == "" || line[0] == '#' {
			continue
		}
		err := error(nil)
		if !utf8.ValidString(line) || strings.ContainsFunc(line, isControl) {
			err = errors.New("there is a byte in it that is no text")
		} else {
			err = do(number, line)
		}
		if err != nil {
			mistakes = append(mistakes, Mistake{number, err.Error()})
		}
		if len(mistakes) == maxMistakes {
			break
		}
	}
	return mistakes
}

func isControl(r rune) bool { return r < ' ' && r != '\t' || r == 0x7f }

// people finds out which lines are one person: those that share a name or a key.
// Two keys of one person must not count for two.
func (s *Signers) people() {
	s.person = make([]int, len(s.List))
	names := make([][]string, len(s.List))
	for i := range s.List {
		s.person[i], names[i] = i, foldAll(s.List[i].Names)
		for j := range i {
			if a, b := s.person[i], s.person[j]; a != b && (equal(s.List[i].Key, s.List[j].Key) || shared(names[i], names[j]) || shared(names[j], names[i])) {
				for k := range i + 1 {
					if s.person[k] == max(a, b) {
						s.person[k] = min(a, b)
					}
				}
			}
		}
	}
}

// shared reports whether one of the names fits the patterns. Both are folded.
func shared(names, patterns []string) bool {
	return slices.ContainsFunc(names, func(name string) bool { return name[0] != '!' && matchNames(name, patterns) })
}

// Same reports whether two of List are one person.
func (s *Signers) Same(i, j int) bool { return s.person[i] == s.person[j] }

// People is how many different people the file names, those left out who have no
// key but revoked ones.
func (s *Signers) People(revoked Keys) int {
	people := map[int]bool{}
	for i := range s.List {
		if !revoked.Has(s.List[i].Key) {
			people[s.person[i]] = true
		}
	}
	return len(people)
}

const signerForm = `; a line has a name, options if there are any, and a public key`

// parseSigner reads "names [options] type key [comment]".
func parseSigner(line string) (s Signer, err error) {
	names, rest := cutWord(line)
	if s.Names, err = splitNames(names); err != nil {
		return s, err
	}
	if rest == "" {
		return s, errors.New("there is a name and no key" + signerForm)
	}
	word, after := cutWord(rest)
	if !isKeyType(word) {
		options, after, err := cutOptions(rest)
		if err != nil {
			return s, err
		}
		if err := s.setOptions(options); err != nil {
			return s, err
		}
		word, rest = cutWord(after)
		s.Key, err = parseKey(word, rest)
		return s, err
	}
	s.Key, err = parseKey(word, after)
	return s, err
}

// cutWord cuts the first word from a line; it may stand in quotes.
func cutWord(s string) (word, rest string) {
	if quoted, ok := strings.CutPrefix(s, `"`); ok {
		if word, rest, ok = strings.Cut(quoted, `"`); ok {
			return word, strings.TrimLeft(rest, " \t")
		}
	}
	if i := strings.IndexAny(s, " \t"); i >= 0 {
		return s[:i], strings.TrimLeft(s[i:], " \t")
	}
	return s, ""
}

func splitNames(list string) ([]string, error) {
	names := strings.Split(list, ",")
	for _, n := range names {
		if strings.Trim(n, "! \t") == "" {
			return nil, errors.New("a name is empty" + signerForm)
		}
		if shown := escape.Name(n); shown != n {
			return nil, fmt.Errorf("the name %s has a character that does not show, or that passes for another one", shown)
		}
	}
	if i := slices.IndexFunc(names, func(n string) bool { return n[0] != '!' }); i > 0 {
		names[0], names[i] = names[i], names[0] // the first one is how the signer is called
	} else if i < 0 {
		return nil, errors.New("it says only who is not meant")
	}
	return names, nil
}

// isKeyType reports whether a word is the type of a key, also of one that can't be
// used here.
func isKeyType(word string) bool {
	return strings.HasPrefix(word, "ssh-") || strings.HasPrefix(word, "sk-") || strings.HasPrefix(word, "ecdsa-")
}

// cutOptions cuts the options from a line, which end at the first blank that is
// not in quotes.
func cutOptions(s string) (options []string, rest string, err error) {
	start, quoted := 0, false
	for i := 0; i < len(s); i++ {
		switch c := s[i]; {
		case c == '\\' && i+1 < len(s) && s[i+1] == '"':
			i++
		case c == '"':
			quoted = !quoted
		case quoted:
		case c == ',':
			options = append(options, s[start:i])
			start = i + 1
		case c == ' ' || c == '\t':
			return append(options, s[start:i]), strings.TrimLeft(s[i:], " \t"), nil
		}
	}
	return nil, "", errors.New("there is no key in it" + signerForm)
}

func (s *Signer) setOptions(options []string) error {
	seen := map[string]bool{}
	for _, o := range options {
		name, value, given := strings.Cut(o, "=")
		name = strings.ToLower(name)
		if seen[name] {
			return fmt.Errorf("the option %s is there twice", name)
		}
		seen[name] = true
		if name == "cert-authority" {
			return errors.New("certificates are not supported (cert-authority): list the keys themselves, not their authority's")
		}
		if name != "namespaces" && name != "valid-after" && name != "valid-before" {
			return fmt.Errorf("%q is neither a key's type nor an option; the options are namespaces, valid-after and valid-before", name)
		}
		if !given || len(value) < 2 || value[0] != '"' || value[len(value)-1] != '"' {
			return fmt.Errorf("the value of %s stands in quotes: %s=\"…\"", name, name)
		}
		if err := s.setOption(name, strings.ReplaceAll(value[1:len(value)-1], `\"`, `"`)); err != nil {
			return err
		}
	}
	if !s.After.IsZero() && !s.Before.IsZero() && !s.After.Before(s.Before) {
		return errors.New("it is valid at no time: valid-before is not later than valid-after")
	}
	return nil
}

func (s *Signer) setOption(name, value string) (err error) {
	switch name {
	case "namespaces":
		if s.Namespaces = value; value == "" {
			err = errors.New("namespaces is empty")
		}
	case "valid-after":
		s.After, err = parseTime(value)
	case "valid-before":
		s.Before, err = parseTime(value)
	}
	return err
}

// parseTime reads YYYYMMDD, YYYYMMDDHHMM or YYYYMMDDHHMMSS: in UTC with a Z behind
// it, otherwise in the zone of this machine, as ssh-keygen takes it.
func parseTime(text string) (time.Time, error) {
	digits, zone := text, time.Local
	if n := len(text) - 1; n > 0 && (text[n] == 'Z' || text[n] == 'z') {
		digits, zone = text[:n], time.UTC
	}
	const full = "20060102150405"
	if n := len(digits); n == 8 || n == 12 || n == 14 {
		if t, err := time.ParseInLocation(full[:n], digits, zone); err == nil {
			return t, nil
		}
	}
	return time.Time{}, fmt.Errorf("%q is not a time: write YYYYMMDD, YYYYMMDDHHMM or YYYYMMDDHHMMSS, with a Z behind it for UTC", text)
}

// parseKey reads the key that stands behind its type.
func parseKey(kind, rest string) (ssh.PublicKey, error) {
	text, _ := cutWord(rest)
	switch {
	case strings.Contains(kind, "-cert-v0"):
		return nil, errors.New("this is a certificate: put the key itself here")
	case strings.HasPrefix(kind, "ssh-dss"):
		return nil, errors.New("DSA keys are broken: use ed25519")
	}
	blob, err := base64.StdEncoding.DecodeString(text)
	if err != nil || len(blob) == 0 {
		return nil, errors.New("there is no key behind its type, or it is cut off")
	}
	key, err := ssh.ParsePublicKey(blob)
	switch {
	case err != nil:
		return nil, fmt.Errorf("the key can't be read: %w", err)
	case key.Type() != kind:
		return nil, fmt.Errorf("it is said to be of type %s, and the key is of type %s", kind, key.Type())
	}
	return key, nil
}
