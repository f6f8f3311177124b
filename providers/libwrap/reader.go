package libwrap

import "strings"

// bufferSize is the room that libwrap has for a line and those that continue it, with the
// byte that ends them.
const bufferSize = 2048

// reader takes a table's lines apart as libwrap's buffer gets them.
type reader struct {
	text string
	read int // lines that were read to their end
}

// line returns the next line with those that continue it, "" after the last one, and the
// number of its first line. whole is false where it has no line feed, because it is the
// last one or too long: libwrap then gives the table up.
func (r *reader) line() (line string, number int, whole bool) {
	var b strings.Builder
	for b.Len() < bufferSize-1 && r.text != "" {
		if b.Len() == 0 {
			number = r.read + 1
		}
		piece := r.take(bufferSize - 1 - b.Len())
		before, ended := strings.CutSuffix(piece, "\n")
		before, more := strings.CutSuffix(before, `\`)
		if ended && more {
			b.WriteString(before)
			continue
		}
		b.WriteString(piece)
		if ended {
			return b.String(), number, true
		}
	}
	return b.String(), number, false
}

// take returns the next bytes up to a line feed, at most that many; what follows a NUL
// among them is lost.
func (r *reader) take(most int) string {
	n := min(most, len(r.text))
	if i := strings.IndexByte(r.text[:n], '\n'); i >= 0 {
		n = i + 1
		r.read++
	}
	piece := r.text[:n]
	r.text = r.text[n:]
	piece, _, _ = strings.Cut(piece, "\x00")
	return piece
}
