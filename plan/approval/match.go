package approval

import "strings"

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
