package approval

import (
	"strings"
	"unicode"

	"golang.org/x/text/unicode/norm"

	"zup/plan/escape"
)

// fold returns a name as people take it: whoever is called the same but for capitals,
// for the form of letters or for what does not show is the same. No ssh-keygen does
// that, so it never lets anybody sign; it finds out who is one and the same person.
func fold(name string) string {
	seen := strings.Map(func(r rune) rune {
		if escape.Invisible(r) {
			return -1
		}
		first := r
		for other := unicode.SimpleFold(r); other != r; other = unicode.SimpleFold(other) {
			first = min(first, other)
		}
		return first
	}, norm.NFKC.String(name))
	return norm.NFKC.String(seen)
}

func foldAll(names []string) []string {
	all := make([]string, len(names))
	for i, n := range names {
		all[i] = fold(n)
	}
	return all
}

// matchNames reports whether a name matches one of the patterns, and none of those
// with "!" in front.
func matchNames(name string, patterns []string) bool {
	found := false
	for _, p := range patterns {
		p, not := strings.CutPrefix(p, "!")
		if match(name, p) {
			if not {
				return false
			}
			found = true
		}
	}
	return found
}

func matchList(name, list string) bool { return matchNames(name, strings.Split(list, ",")) }

// match is OpenSSH's match_pattern: "*" is any text, "?" any character. What was
// matched last by a "*" is lengthened where the rest does not fit, so that no
// pattern takes long.
func match(s, pattern string) bool {
	i, j, star, from := 0, 0, -1, 0
	for i < len(s) {
		switch {
		case j < len(pattern) && pattern[j] == '*':
			star, from = j, i
			j++
		case j < len(pattern) && (pattern[j] == '?' || pattern[j] == s[i]):
			i, j = i+1, j+1
		case star >= 0:
			from++
			i, j = from, star+1
		default:
			return false
		}
	}
	return strings.Trim(pattern[j:], "*") == ""
}
