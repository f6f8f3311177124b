package config

import (
	"bytes"
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"path/filepath"
	"strings"
	"unicode/utf8"

	"github.com/hashicorp/hcl/v2"
	"github.com/zclconf/go-cty/cty"

	"zup/plan/approval"
)

// readApproval reads the approval block, of which there can be one.
func (l *loader) readApproval() *Approval {
	var first *hcl.Block
	for _, b := range l.blocks.approval {
		if first != nil {
			l.errorf(&b.TypeRange, "a second approval block", "There can be one. The first is at %s.", lineOf(first.TypeRange))
			continue
		}
		first = b
	}
	if first == nil {
		return nil
	}
	b := l.body(first, approvalLayout)
	a := &Approval{Required: 1, Place: b.place}
	signers := l.readSigners(b, a)
	revoked := l.readRevoked(b, a)
	if v, ok := b.value("author_may_approve", cty.Bool); ok {
		a.AuthorMayApprove = v.True()
	}
	l.readRequired(b, a, signers, revoked)
	return a
}

func (l *loader) readSigners(b *body, a *Approval) *approval.Signers {
	f := l.readListed(b, "signers")
	if f == nil {
		if b.absent("signers") {
			l.errorf(&b.place.Range, `missing "signers"`, "It is the path of the file that names who may sign, in the form of ssh-keygen's allowed signers.")
		}
		return nil
	}
	a.Signers = *f
	s, mistakes := approval.ParseSigners(f.Text)
	l.addMistakes(f, mistakes)
	return s
}

func (l *loader) readRevoked(b *body, a *Approval) approval.Keys {
	if a.Revoked = l.readListed(b, "revoked"); a.Revoked == nil {
		return nil
	}
	keys, mistakes := approval.ParseRevoked(a.Revoked.Text)
	l.addMistakes(a.Revoked, mistakes)
	return keys
}

// readRequired refuses a number that can never be reached.
func (l *loader) readRequired(b *body, a *Approval, signers *approval.Signers, revoked approval.Keys) {
	if v, ok := b.value("required", cty.Number); ok {
		n, whole := intValue(v)
		if !whole || n < 1 {
			l.errorf(b.at("required"), "this is not a number of people", "It is a whole number from 1. Without an approval block nobody has to sign.")
			return
		}
		a.Required = n
	}
	if signers == nil {
		return
	}
	if people := signers.People(revoked); a.Required > people {
		l.errorf(b.at("required"), "more approvals are required than there are signers",
			"%d of them, and %s names %d who can sign. Several keys under one name, and names with the same key, are one person.", a.Required, a.Signers.Path, people)
	}
}

// readListed reads the file that an argument names. nil: it is not said, or was
// reported.
func (l *loader) readListed(b *body, name string) *File {
	path, ok := b.text(name)
	if !ok {
		return nil
	}
	if l.sources[filepath.ToSlash(filepath.Clean(path))] != nil {
		l.errorf(b.at(name), fmt.Sprintf("%q is a part of the configuration", path), "A file of its own is wanted here.")
		return nil
	}
	text, err := l.dir.readFile(path)
	switch {
	case err == errMissing:
		l.errorf(b.at(name), fmt.Sprintf("there is no file %q", path), "A relative path starts at the configuration's directory.")
		return nil
	case err != nil:
		l.errorf(b.at(name), fmt.Sprintf("cannot read %q", path), "It %s.", err)
		return nil
	case bytes.Contains(text, []byte("PRIVATE KEY")):
		l.errorf(b.at(name), fmt.Sprintf("there is a private key in %q", path), "Remove it from there, and consider it known to others. Public keys are wanted, such as those in ~/.ssh/id_ed25519.pub.")
		return nil
	case !utf8.Valid(text) && !bytes.HasPrefix(text, []byte("SSHKRL\n")):
		l.errorf(b.at(name), fmt.Sprintf("cannot read %q", path), "It is not a text in UTF-8.")
		return nil
	}
	sum := sha256.Sum256(text)
	return &File{Path: l.dir.at(path), SHA256: hex.EncodeToString(sum[:]), Text: string(text)}
}

// addMistakes reports what is wrong in a file that the configuration names, where
// it stands there.
func (l *loader) addMistakes(f *File, mistakes []approval.Mistake) {
	src := &source{name: f.Path, text: []byte(f.Text)}
	if strings.HasPrefix(f.Text, "SSHKRL\n") {
		src.text = nil // binary
	}
	l.sources[f.Path] = src
	lines := src.lineStarts()
	for _, m := range mistakes {
		l.errorf(src.lineRange(lines, m.Line), fmt.Sprintf("%s can't be used", f.Path), "%s", sentence(m.Text))
	}
}

// lineStarts returns where each line begins, and the end of the text.
func (s *source) lineStarts() []int {
	starts := make([]int, 0, bytes.Count(s.text, []byte("\n"))+2)
	at := 0
	for line := range bytes.Lines(s.text) {
		starts = append(starts, at)
		at += len(line)
	}
	return append(starts, at)
}

// lineRange returns the range of a line, from 1, without its end.
func (s *source) lineRange(starts []int, number int) *hcl.Range {
	last := len(starts) - 1
	start, end := starts[min(number-1, last)], starts[min(number, last)]
	if end > start && s.text[end-1] == '\n' {
		end--
	}
	columns := utf8.RuneCount(s.text[start:end])
	return &hcl.Range{
		Filename: s.name,
		Start:    hcl.Pos{Line: number, Column: 1, Byte: start},
		End:      hcl.Pos{Line: number, Column: 1 + columns, Byte: end},
	}
}
