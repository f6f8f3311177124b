// Package shell writes commands for people to copy: into a terminal, from a hint, a
// message, a report or a page.
//
// Start with Command. Whatever stands in such a command that somebody has named, a file,
// a host, a user, goes through it or through Quote: a blank in a name must not become
// two words, and nothing in a name may become a command of its own. The package runs
// nothing, and is not for scripts that zup sends to nodes: what it writes is for bash,
// zsh, ksh and busybox too, but not for every sh.
package shell

import (
	"fmt"
	"strings"

	"zup/plan/escape"
)

// Command returns the words as one line to type into a shell, each of them quoted where
// it has to be. The name of a file that somebody has given goes through File before.
func Command(words ...string) string {
	quoted := make([]string, len(words))
	for i, w := range words {
		quoted[i] = Quote(w)
	}
	return strings.Join(quoted, " ")
}

// File returns the name of a file so that it is not taken for an option where it stands
// alone. It is not quoted.
func File(name string) string {
	if strings.HasPrefix(name, "-") {
		return "./" + name
	}
	return name
}

// Quote returns s as one word: the shell gives its bytes back unchanged. What does not
// show on a screen as what it is (see escape.Name) is written in octal, as in $'\033'. A
// NUL, which no shell can hold, is left out.
func Quote(s string) string {
	s = strings.ReplaceAll(s, "\x00", "")
	switch {
	case escape.Name(s) != s:
		return octal(s)
	case isPlain(s):
		return s
	}
	return "'" + strings.ReplaceAll(s, "'", `'\''`) + "'"
}

// isPlain reports whether no shell sees more in s than its letters. "=" means something
// at the beginning of a word only.
func isPlain(s string) bool {
	const signs = "_-./:,@%+="
	special := func(r rune) bool {
		letter := r >= 0x80 || 'a' <= r && r <= 'z' || 'A' <= r && r <= 'Z' || '0' <= r && r <= '9'
		return !letter && !strings.ContainsRune(signs, r)
	}
	return s != "" && s[0] != '=' && strings.IndexFunc(s, special) < 0
}

func octal(s string) string {
	var b strings.Builder
	b.WriteString("$'")
	for i := 0; i < len(s); i++ {
		switch c := s[i]; {
		case c == '\'' || c == '\\':
			b.WriteString(`\` + string(c))
		case c < ' ' || c > '~', c == ' ' && i > 0 && s[i-1] == ' ', c == ' ' && i == 0:
			fmt.Fprintf(&b, `\%03o`, c)
		default:
			b.WriteByte(c)
		}
	}
	return b.String() + "'"
}
