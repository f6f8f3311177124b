package config

import (
	"bytes"
	"strings"
	"unicode/utf8"

	"github.com/hashicorp/hcl/v2"

	"zup/plan/escape"
)

// snippet is the source line of a diagnostic, cut in three around the place. It
// is fit to be shown: escaped, without secrets and with tabs as blanks.
type snippet struct {
	before, marked, after string
}

// snippet returns the first line of a range. A range that is empty, or that
// begins at the end of a line, marks nothing.
func (s *source) snippet(rng hcl.Range) snippet {
	line, place := s.line(rng)
	parts := [3]span{{line.start, place.start}, place, {place.end, line.end}}
	var out [3]string
	column := 0
	for i, part := range parts {
		out[i], column = visible(s.shown(part), column)
	}
	return snippet{out[0], out[1], out[2]}
}

// longestLine is how much of a line is looked at on either side of a place, in bytes:
// more than is ever shown.
const longestLine = 3_000

// line returns the line in which a range begins, without its line feed, and the
// part of it that the range covers, widened to whole secrets.
func (s *source) line(rng hcl.Range) (line, place span) {
	place = s.clamp(rng)
	from, to := s.around(place.start)
	line.start = from + bytes.LastIndexByte(s.text[from:place.start], '\n') + 1
	if line.start == 0 {
		line.start = byteOrderMark(s.text)
	}
	line.end = to
	if i := bytes.IndexByte(s.text[place.start:to], '\n'); i >= 0 {
		line.end = place.start + i
	}
	if line.end > line.start && s.text[line.end-1] == '\r' {
		line.end--
	}
	place = within(s.widen(within(place, line)), line)
	return line, place
}

// around returns how far a line may reach around a place. It ends between characters.
func (s *source) around(at int) (from, to int) {
	from, to = max(0, at-longestLine), min(len(s.text), at+longestLine)
	for from > 0 && from < at && !utf8.RuneStart(s.text[from]) {
		from++
	}
	for to < len(s.text) && to > at && !utf8.RuneStart(s.text[to]) {
		to--
	}
	return from, to
}

func within(sp, limits span) span {
	return span{min(max(sp.start, limits.start), limits.end), min(max(sp.end, limits.start), limits.end)}
}

// tabWidth is how far apart tab stops are in a snippet.
const tabWidth = 4

// visible escapes a part of a line and expands its tabs; column is where the
// part begins, and where the next one does is returned.
func visible(s string, column int) (string, int) {
	if !strings.Contains(s, "\t") {
		s = escape.Line(s)
		return s, column + escape.Width(s)
	}
	var b strings.Builder
	for i, part := range strings.Split(s, "\t") {
		if i > 0 {
			n := tabWidth - column%tabWidth
			b.WriteString("        "[:n])
			column += n
		}
		part = escape.Line(part)
		b.WriteString(part)
		column += escape.Width(part)
	}
	return b.String(), column
}

// fit cuts the snippet so that it takes no more than some columns, with an
// ellipsis where something is missing. What is marked is kept, from its start.
func (s snippet) fit(columns int) (before, marked, after string) {
	const ellipsis = "…"
	if escape.Width(s.before)+escape.Width(s.marked)+escape.Width(s.after) <= columns {
		return s.before, s.marked, s.after
	}
	marked = s.marked
	if escape.Width(marked) > columns/2 {
		marked = escape.First(marked, columns/2-1) + ellipsis
	}
	rest := columns - escape.Width(marked)
	before, after = s.before, s.after
	lead := min(escape.Width(before), max(rest/2, rest-escape.Width(after)))
	if escape.Width(before) > lead {
		before = ellipsis + lastColumns(before, lead-1)
	}
	if trail := rest - escape.Width(before); escape.Width(after) > trail {
		after = escape.First(after, trail-1) + ellipsis
	}
	return before, marked, after
}

func lastColumns(s string, n int) string {
	skip := escape.Width(s) - n
	for i, r := range s {
		if skip <= 0 && escape.RuneWidth(r) > 0 {
			return s[i:]
		}
		skip -= escape.RuneWidth(r)
	}
	return ""
}
