package config

import (
	"bytes"
	"errors"
	"fmt"

	"github.com/hashicorp/hcl/v2"
	"github.com/hashicorp/hcl/v2/hclwrite"

	"zup/plan/disk"
)

// Formatter formats the files of one run of zup fmt, which may be so and so much
// together. The zero value is ready.
type Formatter struct {
	words int // that were parsed, or gone through while formatting
}

// maxFormatted is how many words and signs a Formatter goes through. It goes through a
// text at least twice, and through each change again.
const maxFormatted = 3_500_000

// maxGrown is by how many bytes a file may grow at most.
const maxGrown = 32 << 20

// Format returns a file's text in the one layout that zup fmt knows: alignment
// and blanks change, comments and everything else stay. Formatting twice changes
// nothing more. A text that does not parse comes back as it is, with an error,
// and so does JSON, whose layout is left to others, without one.
func Format(src []byte, filename string) ([]byte, *Diagnostics) {
	return new(Formatter).Format(src, filename)
}

// Format is what the function of that name does.
func (m *Formatter) Format(src []byte, filename string) ([]byte, *Diagnostics) {
	f := newFile(filename)
	f.read(func(string) ([]byte, error) {
		if len(src) > maxFile {
			return nil, &disk.SizeError{Limit: maxFile}
		}
		return src, nil
	})
	r := newCollector()
	r.sources[f.name] = f.source
	if f.json {
		return src, r.finish()
	}
	fits := ending(func() { f.size(&budget{}) }) == nil
	pieces := f.pieces
	if !m.may(pieces) || !fits {
		f.pieces = nil
		f.fail(&hcl.Range{Filename: f.name, Start: hcl.InitialPos, End: hcl.InitialPos}, "this is too much to be formatted in one go", sentence(errTooMuch.Error()))
	}
	f.parse()
	for _, p := range f.parts {
		f.noteBlocks(p.body)
	}
	if f.broken() && f.isValues() {
		f.hideAll()
	}
	whole := len(f.parts) == 1 // it was not cut, or in the wrong places
	f.parts = nil
	r.addFaults(f)
	out := src
	if !r.hasErrors() {
		var err error
		if out, err = m.format(pieces, src, whole); err != nil {
			r.errorf(nil, fmt.Sprintf("cannot format %q", f.name), "%s", sentence(err.Error()))
			out = src
		}
	}
	return out, r.finish()
}

// may reports whether there is room for another file. It may grow: every level of
// nesting moves its lines by two columns.
func (m *Formatter) may(pieces []piece) bool {
	grown := 0
	for _, p := range pieces {
		m.words += p.words
		grown += 2 * p.nesting * bytes.Count(p.text, []byte("\n"))
	}
	return m.words <= maxFormatted && grown <= maxGrown
}

var errTooMuch = errors.New("there is too much in these files; name some of them: zup fmt FILE")

// format lays out the pieces of a text. A small text is laid out as a whole.
func (m *Formatter) format(pieces []piece, src []byte, whole bool) ([]byte, error) {
	words := 0
	for _, p := range pieces {
		words += p.words
	}
	if whole || words <= maxWords {
		return m.settle(src, words)
	}
	out := make([]byte, 0, len(src)+len(src)/4)
	for _, p := range pieces {
		text, err := m.settle(p.text, p.words)
		if err != nil {
			return nil, err
		}
		out = append(out, text...)
	}
	return out, nil
}

// settle repeats the library's formatting until it settles: a pass may move what
// the next one aligns.
func (m *Formatter) settle(src []byte, words int) ([]byte, error) {
	for range 4 {
		if m.words += words; m.words > maxFormatted {
			return nil, errTooMuch
		}
		out := hclwrite.Format(src)
		if bytes.Equal(out, src) {
			break
		}
		src = out
	}
	return src, nil
}
