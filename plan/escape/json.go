package escape

import (
	"bytes"
	"fmt"
	"io"
	"unicode/utf16"
	"unicode/utf8"
)

// JSON returns a JSON text that means the same, in which every character that does not
// show is written as \uXXXX. Bytes that are not UTF-8 become U+FFFD, as JSON has no
// others. A CI platform finds no command in it. A text that needs nothing is returned
// as it is.
func JSON(text []byte) []byte {
	var out []byte
	done := 0
	for i := 0; i < len(text); {
		c := text[i]
		if c >= ' ' && c < 0x7f && c != '#' || c == '\n' || c == '\t' || c == '\r' { // in a string these are escaped already
			i++
			continue
		}
		r, size := utf8.DecodeRune(text[i:])
		rest, command := bytes.CutPrefix(text[i:], []byte("##"))
		command = command && bytes.HasPrefix(bytes.TrimLeft(rest, letters), []byte("["))
		invalid := r == utf8.RuneError && size == 1
		if !command && !invalid && !Invisible(r) {
			i += size
			continue
		}
		out = append(out, text[done:i]...)
		if high, low := utf16.EncodeRune(r); r > 0xffff {
			out = fmt.Appendf(out, `\u%04x\u%04x`, high, low)
		} else {
			out = fmt.Appendf(out, `\u%04x`, r)
		}
		i += size
		done = i
	}
	if done == 0 {
		return text
	}
	return append(out, text[done:]...)
}

// JSONWriter returns a writer of JSON texts that writes them as JSON makes them.
func JSONWriter(w io.Writer) io.Writer { return &jsonWriter{w: w} }

type jsonWriter struct {
	w    io.Writer
	rest []byte // the beginning of a character that was cut in two
}

func (j *jsonWriter) Write(data []byte) (int, error) {
	text := append(j.rest, data...)
	whole := len(text) - unfinished(text)
	j.rest = bytes.Clone(text[whole:])
	if _, err := j.w.Write(JSON(text[:whole])); err != nil {
		return 0, err
	}
	return len(data), nil
}
