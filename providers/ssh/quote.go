package ssh

import "strings"

// Quote returns s as one word of a POSIX shell command: whatever bytes s holds,
// the shell gives them back unchanged. The exception is NUL, which no shell can
// hold; it is left out here, and Run and Job refuse scripts that contain it.
func Quote(s string) string {
	s = strings.ReplaceAll(s, "\x00", "")
	if s != "" && strings.Trim(s, plain) == "" {
		return s
	}
	return "'" + strings.ReplaceAll(s, "'", `'\''`) + "'"
}

// plain holds the characters that mean nothing to any shell wherever they stand
// in a word.
const plain = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789_-./:,@%+"

// preamble returns what stands before a script on its first line, so that line
// numbers in the shell's messages stay right: scripts start in / wherever they
// run, and find their arguments in $1, $2, …
func preamble(args []string) string {
	var b strings.Builder
	b.WriteString("cd /; ")
	if len(args) > 0 {
		b.WriteString("set --")
		for _, arg := range args {
			b.WriteString(" " + Quote(arg))
		}
		b.WriteString("; ")
	}
	return b.String()
}
