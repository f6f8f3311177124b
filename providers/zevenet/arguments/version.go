package arguments

import (
	"fmt"
	"strings"

	debversion "github.com/knqyf263/go-deb-version"
)

// versionProblem says what is wrong with a version, or nothing. It is compared
// with what a node says of itself, so there must be one way to write it.
func versionProblem(s string) string {
	const example = `Write one such as "6.1.20".`
	switch {
	case s == "":
		return "It is empty. " + example
	case s == "latest" || s == "stable" || s == "newest":
		return "A plan names what will be installed, and that may be another version tomorrow. " + example
	case strings.ContainsAny(s, "<>=~^*! ") && strings.ContainsAny(s[:1], "<>=~^*!"):
		return "A requirement leaves open what will be installed. " + example
	case strings.TrimSpace(s) != s:
		return "There is a blank at one end."
	case (s[0] == 'v' || s[0] == 'V') && versionProblem(s[1:]) == "":
		return fmt.Sprintf("Write it without the %q: %q.", s[:1], s[1:])
	}
	numbers, rest := s, ""
	if i := strings.IndexAny(s, "-+~"); i >= 0 {
		numbers, rest = s[:i], s[i:]
	}
	parts := strings.Split(numbers, ".")
	for _, p := range parts {
		if p == "" || strings.Trim(p, "0123456789") != "" {
			return "It is made of numbers with dots between. " + example
		}
		if len(p) > 1 && p[0] == '0' {
			return fmt.Sprintf("The number %q begins with a zero, and the nodes write it without.", p)
		}
	}
	if len(parts) < 3 {
		return "It has fewer than three numbers, which leaves open what will be installed. " + example
	}
	if _, err := debversion.NewVersion(s); err != nil || rest == "-" || rest == "+" || rest == "~" {
		return "The part behind the numbers is not that of a Debian package version. " + example
	}
	return ""
}
