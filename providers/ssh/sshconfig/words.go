package sshconfig

import (
	"errors"
	"strings"
)

const blank = " \t\r\n"

// delimited cuts the first word off a line as ssh does where it does not heed quotes
// inside of words: keywords, and what stands behind Match. A word ends at a blank, at a
// quote or at one "=". ok is false for a quote that does not end.
func delimited(s string) (word, rest string, ok bool) {
	i := strings.IndexAny(s, blank+`"=`)
	if i < 0 {
		return s, "", true
	}
	if s[i] == '"' {
		text, rest, closed := strings.Cut(s[i+1:], `"`)
		return s[:i] + text, strings.TrimLeft(rest, blank), closed
	}
	word, rest = s[:i], strings.TrimLeft(s[i+1:], blank)
	if after, found := strings.CutPrefix(rest, "="); found && s[i] != '=' {
		rest = strings.TrimLeft(after, blank)
	}
	return word, rest, true
}

// split returns the arguments of a line as ssh does: with quotes of both kinds, backslashes
// before quotes, backslashes and blanks, and up to a "#" that begins a word.
func split(s string) ([]string, error) { return words(s, true) }

// Argv returns the words of a command that ssh runs without a shell, its tokens as they
// are. There is no comment in it.
func Argv(command string) ([]string, error) { return words(command, false) }

func words(s string, comments bool) ([]string, error) {
	var args []string
	for i := 0; i < len(s); i++ {
		if s[i] == ' ' || s[i] == '\t' {
			continue
		}
		if comments && s[i] == '#' {
			break
		}
		var b strings.Builder
		quote := byte(0)
		for ; i < len(s); i++ {
			c := s[i]
			if c == '\\' && i+1 < len(s) && (strings.IndexByte(`'"\`, s[i+1]) >= 0 || quote == 0 && s[i+1] == ' ') {
				i++
				b.WriteByte(s[i])
			} else if quote == 0 && (c == ' ' || c == '\t') {
				break
			} else if quote == 0 && (c == '"' || c == '\'') {
				quote = c
			} else if quote != 0 && c == quote {
				quote = 0
			} else {
				b.WriteByte(c)
			}
		}
		if quote != 0 {
			return nil, errors.New("a quote that does not end")
		}
		args = append(args, b.String())
	}
	return args, nil
}

// MatchList reports whether s is in a list of patterns with commas between them; one with
// "!" that matches excludes it.
func MatchList(list, s string) bool {
	matched := false
	for p := range strings.SplitSeq(list, ",") {
		p, negated := strings.CutPrefix(p, "!")
		if !Match(p, s) {
			continue
		}
		if negated {
			return false
		}
		matched = true
	}
	return matched
}

// Match compares as ssh does: * stands for any text, ? for one byte, and nothing else is
// special. It needs at most len(pattern)*len(s) steps.
func Match(pattern, s string) bool {
	p, i, star, mark := 0, 0, -1, 0
	for i < len(s) {
		switch {
		case p < len(pattern) && pattern[p] == '*':
			star, mark = p, i
			p++
		case p < len(pattern) && (pattern[p] == '?' || pattern[p] == s[i]):
			p++
			i++
		case star >= 0:
			mark++
			p, i = star+1, mark
		default:
			return false
		}
	}
	return strings.Trim(pattern[p:], "*") == ""
}
