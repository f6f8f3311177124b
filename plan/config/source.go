package config

import (
	"bytes"
	"cmp"
	"slices"
	"strings"

	"github.com/hashicorp/hcl/v2"
)

// sensitiveText stands wherever a sensitive value would have been shown.
const sensitiveText = "(sensitive)"

// source is a text that diagnostics point into: a configuration file or a
// variable file.
type source struct {
	name    string
	text    []byte
	json    bool
	secrets []span  // what must not be shown; see seal
	blocks  []block // top-level blocks, for "in cluster …"; see seal
}

// span is a stretch of a text, in bytes, without its end.
type span struct{ start, end int }

func (s span) contains(offset int) bool { return s.start <= offset && offset < s.end }

// block is where a top-level block stands, and its header as people say it.
type block struct {
	span
	header string
}

// hide marks a stretch of the text as one that must not be shown. A final line
// feed, which belongs to a heredoc's range, stays visible.
func (s *source) hide(r hcl.Range) {
	sp := s.clamp(r)
	for sp.end > sp.start && (s.text[sp.end-1] == '\n' || s.text[sp.end-1] == '\r') {
		sp.end--
	}
	if sp.end > sp.start {
		s.secrets = append(s.secrets, sp)
	}
}

func (s *source) hideAll() { s.secrets = append(s.secrets, span{0, len(s.text)}) }

// hidden reports whether a place must not be shown.
func (s *source) hidden(offset int) bool {
	return slices.ContainsFunc(s.secrets, func(sp span) bool { return sp.start <= offset && offset <= sp.end })
}

// at returns the text of a range, secrets and all; "" for none.
func (s *source) at(r *hcl.Range) string {
	if r == nil {
		return ""
	}
	sp := s.clamp(*r)
	return string(s.text[sp.start:sp.end])
}

func (s *source) clamp(r hcl.Range) span {
	start := min(max(r.Start.Byte, 0), len(s.text))
	return span{start, min(max(r.End.Byte, start), len(s.text))}
}

// clone returns a copy that is sealed.
func (s *source) clone() *source {
	c := *s
	c.secrets, c.blocks = slices.Clone(s.secrets), slices.Clone(s.blocks)
	c.seal()
	return &c
}

// seal puts what was noted about the text into order; hide must not be called
// afterwards. Overlapping secrets become one.
func (s *source) seal() {
	byStart := func(a, b span) int { return cmp.Compare(a.start, b.start) }
	slices.SortFunc(s.secrets, byStart)
	merged := s.secrets[:0]
	for _, sp := range s.secrets {
		if n := len(merged); n > 0 && sp.start < merged[n-1].end {
			merged[n-1].end = max(merged[n-1].end, sp.end)
			continue
		}
		merged = append(merged, sp)
	}
	s.secrets = merged
	slices.SortFunc(s.blocks, func(a, b block) int { return byStart(a.span, b.span) })
}

// shown returns a stretch of the text as it may be shown: each secret in it, or
// the part of one, is replaced.
func (s *source) shown(sp span) string {
	if sp.start == sp.end {
		return ""
	}
	i, _ := slices.BinarySearchFunc(s.secrets, sp.start, func(sec span, at int) int {
		return cmp.Compare(sec.end, at+1)
	})
	if i == len(s.secrets) || s.secrets[i].start >= sp.end {
		return string(s.text[sp.start:sp.end])
	}
	var b strings.Builder
	at := sp.start
	for _, sec := range s.secrets[i:] {
		if sec.start >= sp.end {
			break
		}
		if sec.start > at {
			b.Write(s.text[at:sec.start])
		}
		b.WriteString(`"` + sensitiveText + `"`)
		at = min(sec.end, sp.end)
	}
	b.Write(s.text[at:sp.end])
	return b.String()
}

// widen grows a stretch so that it does not begin or end inside a secret.
func (s *source) widen(sp span) span {
	i, _ := slices.BinarySearchFunc(s.secrets, sp.start, func(sec span, at int) int {
		return cmp.Compare(sec.end, at+1)
	})
	for _, sec := range s.secrets[i:] {
		if sec.start >= sp.end {
			break
		}
		sp.start, sp.end = min(sp.start, sec.start), max(sp.end, sec.end)
	}
	return sp
}

// header names the top-level block around a place, or is empty.
func (s *source) header(offset int) string {
	i, found := slices.BinarySearchFunc(s.blocks, offset, func(b block, at int) int {
		return cmp.Compare(b.start, at)
	})
	if !found {
		i--
	}
	if i < 0 || !s.blocks[i].contains(offset) {
		return ""
	}
	return s.blocks[i].header
}

// hideAround hides what may be a sensitive default, or in a call of sensitive, in
// a file that does not parse, where nobody can tell what belongs to which block:
// in native syntax everything from the opening brace of a variable up to the next
// line that begins a block, if the word "sensitive" stands between, and elsewhere
// from the line with the word on; in JSON the whole file.
func (s *source) hideAround() {
	if !saysSensitive(s.text) {
		return
	}
	if s.json {
		s.hideAll()
		return
	}
	region, said := span{-1, 0}, -1
	flush := func(end int) {
		if region.start >= 0 && saysSensitive(s.text[region.start:end]) {
			s.secrets = append(s.secrets, span{region.start, end})
		}
		if said >= 0 {
			s.secrets = append(s.secrets, span{said, end})
		}
		region.start, said = -1, -1
	}
	at := 0
	for line := range bytes.Lines(s.text) {
		if word := firstWord(line); beginsBlock(word) {
			flush(at)
			if word == "variable" {
				region.start = at + min(1+max(bytes.IndexByte(line, '{'), len("variable")), len(line))
			}
		}
		if said < 0 && region.start < 0 && saysSensitive(line) {
			said = at + wordBefore(line)
		}
		at += len(line)
	}
	flush(at)
}

// saysSensitive reports whether the word is in a text, even with a slip in it:
// one half is right then. What lies between its letters does not count.
func saysSensitive(text []byte) bool {
	letters := bytes.Map(func(r rune) rune {
		if 'a' <= r && r <= 'z' {
			return r
		}
		return -1
	}, bytes.ToLower(text))
	return bytes.Contains(letters, []byte("sens")) || bytes.Contains(letters, []byte("itive"))
}

// wordBefore returns where in a line the first word ends: what it is about may be shown.
func wordBefore(line []byte) int {
	return len(line) - len(bytes.TrimLeft(line, " \t")) + len(firstWord(line))
}

func firstWord(line []byte) string {
	line = bytes.TrimLeft(line, " \t")
	end := bytes.IndexAny(line, " \t\"{\r\n")
	if end < 0 {
		end = len(line)
	}
	return string(line[:end])
}
