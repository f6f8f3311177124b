package plan

import (
	"bytes"
	"unicode/utf16"
)

// changes are what programs do to a text on its way that take it for one: mail, git's
// autocrlf, transfers in text mode, redirections in PowerShell.
var changes = []struct {
	what string
	undo string // in a shell
	back func([]byte) []byte
}{
	{"its line ends were changed to CRLF on the way", `tr -d '\r' <FILE >NEW`, withoutCR},
	{"a byte order mark was put before it on the way", `tail -c +4 FILE >NEW`, withoutMark},
	{"a byte order mark was put before it and its line ends were changed to CRLF on the way", `tail -c +4 FILE | tr -d '\r' >NEW`,
		func(data []byte) []byte {
			if whole := withoutMark(data); len(whole) < len(data) {
				return withoutCR(whole)
			}
			return nil
		}},
	{"it was changed to UTF-16 on the way", `iconv -f UTF-16 -t UTF-8 FILE | tr -d '\r' >NEW`, func(data []byte) []byte { return withoutCR(fromUTF16(data)) }},
	{"its last line end was lost on the way", `(cat FILE; echo) >NEW`, func(data []byte) []byte {
		if bytes.HasSuffix(data, []byte("\n")) {
			return nil
		}
		return append(bytes.Clone(data), '\n')
	}},
}

// sent says what was done to a plan file that is whole but for that, and how it is undone
// in a shell; "" where that is not why it can't be read.
func sent(data []byte) (what, undo string) {
	for _, c := range changes {
		back := c.back(data)
		if back == nil || bytes.Equal(back, data) {
			continue
		}
		if _, err := decode(back); err == nil {
			return c.what, c.undo
		}
	}
	return "", ""
}

// withoutCR needs no care for a CR of the plan's own: JSON has none as it is.
func withoutCR(data []byte) []byte { return bytes.ReplaceAll(data, []byte("\r"), nil) }

func withoutMark(data []byte) []byte { return bytes.TrimPrefix(data, []byte("\xef\xbb\xbf")) }

// fromUTF16 returns nil for what is not.
func fromUTF16(data []byte) []byte {
	little := bytes.HasPrefix(data, []byte("\xff\xfe"))
	if !little && !bytes.HasPrefix(data, []byte("\xfe\xff")) || len(data)%2 != 0 {
		return nil
	}
	units := make([]uint16, 0, len(data)/2)
	for i := 2; i < len(data); i += 2 {
		a, b := uint16(data[i]), uint16(data[i+1])
		if little {
			a, b = b, a
		}
		units = append(units, a<<8|b)
	}
	return []byte(string(utf16.Decode(units)))
}
