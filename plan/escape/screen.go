package escape

import (
	"bytes"
	"io"
	"strings"
	"sync"
	"unicode/utf8"
)

// Screen is the last look at what goes to a person: whatever was not escaped by then
// is, by those rules of Line that hold for every piece of a text. Of control sequences
// it passes on the colours that zup itself uses, where the reader has colours, and what
// writes a line anew. Each Write may hold a part of a line; a character that is cut in
// two waits for the next one.
type Screen struct {
	W     io.Writer
	Color func() bool // the reader is a terminal that shows colours; nil: it is not
	Live  bool        // the reader is a terminal: a line may be written anew

	mu     sync.Mutex
	rest   []byte // the beginning of a character
	inLine bool   // something stands on the line already
}

// Begin is what begins a line anew, without what stood there.
const Begin = "\r\x1b[K"

// colours are all that zup uses: see docs/commands.md.
var colours = []string{
	"\x1b[0m", "\x1b[22m", "\x1b[0;22m", // back to none
	"\x1b[1m", "\x1b[2m", "\x1b[32m", "\x1b[33m", "\x1b[31;1m", "\x1b[1;31m", "\x1b[1;33m", "\x1b[1;4m",
}

// Write implements io.Writer.
func (s *Screen) Write(data []byte) (int, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	text := append(s.rest, data...)
	whole := len(text) - unfinished(text)
	s.rest = bytes.Clone(text[whole:])
	if _, err := io.WriteString(s.W, s.passed(string(text[:whole]))); err != nil {
		return 0, err
	}
	return len(data), nil
}

// unfinished is how many bytes at the end of a text may be the beginning of a character.
func unfinished(text []byte) int {
	for n := 1; n <= min(len(text), utf8.UTFMax-1); n++ {
		if tail := text[len(text)-n:]; utf8.RuneStart(tail[0]) {
			if !utf8.FullRune(tail) {
				return n
			}
			break
		}
	}
	return 0
}

func (s *Screen) passed(text string) string {
	if strings.IndexByte(text, '\x1b') < 0 {
		return s.plain(text)
	}
	var b strings.Builder
	for text != "" {
		i := s.sequence(text)
		if i == 0 {
			n := s.next(text)
			b.WriteString(s.plain(text[:n]))
			text = text[n:]
			continue
		}
		if text[0] == '\r' {
			s.inLine = false
		}
		b.WriteString(text[:i])
		text = text[i:]
	}
	return b.String()
}

// next is where the next sequence that passes begins.
func (s *Screen) next(text string) int {
	for i := 1; i < len(text); i++ {
		if (text[i] == '\x1b' || text[i] == '\r') && s.sequence(text[i:]) > 0 {
			return i
		}
	}
	return len(text)
}

// sequence is how long the control sequence is with which text begins, if it passes.
func (s *Screen) sequence(text string) int {
	if s.Live && strings.HasPrefix(text, Begin) {
		return len(Begin)
	}
	if text[0] != '\x1b' || s.Color == nil || !s.Color() {
		return 0
	}
	for _, c := range colours {
		if strings.HasPrefix(text, c) {
			return len(c)
		}
	}
	return 0
}

func (s *Screen) plain(text string) string {
	if text == "" {
		return ""
	}
	out := escape(text, rules{kind: screen, lines: true, after: s.inLine})
	s.inLine = !strings.HasSuffix(text, "\n")
	return out
}
