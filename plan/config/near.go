package config

import (
	"strconv"
	"strings"

	"github.com/agext/levenshtein"
)

// near returns the one of the known names that was probably meant by a name
// that is not among them, or "". Of equally near ones the first wins.
func near(name string, known ...string) string {
	best, bestDistance := "", 3
	if len(name) < 4 {
		bestDistance = 2
	}
	lower := strings.ToLower(name)
	for _, k := range known {
		if abs(len(k)-len(name)) >= bestDistance {
			continue
		}
		if d := levenshtein.Distance(lower, strings.ToLower(k), nil); d < bestDistance {
			best, bestDistance = k, d
		}
	}
	return best
}

func abs(n int) int {
	if n < 0 {
		return -n
	}
	return n
}

// didYouMean is a sentence that offers a known name, or else the sentence
// given for when none is near.
func didYouMean(name string, otherwise string, known ...string) string {
	if n := near(name, known...); n != "" {
		return "Did you mean " + strconv.Quote(n) + "?"
	}
	return otherwise
}

// list joins words as people do: a, b or c.
func list(words []string, last string) string {
	switch n := len(words); n {
	case 0:
		return ""
	case 1:
		return words[0]
	default:
		return strings.Join(words[:n-1], ", ") + " " + last + " " + words[n-1]
	}
}
