package config

import (
	"strconv"
	"strings"
)

// near returns the one of the known names that was probably meant by a name
// that is not among them, or "". Of equally near ones the first wins.
func near(name string, known ...string) string {
	if len(name) > maxNear {
		return ""
	}
	best, limit := "", slips(len(name))+1
	lower := strings.ToLower(name)
	for _, k := range known {
		if max(len(k)-len(name), len(name)-len(k)) >= limit {
			continue
		}
		if d := distance(lower, strings.ToLower(k)); d < limit {
			best, limit = k, d
		}
	}
	return best
}

// maxNear is the longest name, in bytes, that somebody may have meant to write in
// another way.
const maxNear = 200

// slips is how many slips of the pen a name of a length may have.
func slips(length int) int {
	switch {
	case length < 6:
		return 1
	case length < 12:
		return 2
	}
	return 3
}

// distance counts the bytes that were added, left out or replaced, and the
// neighbours that were swapped, to get from one text to another.
func distance(a, b string) int {
	rows := [3][]int{make([]int, len(b)+1), make([]int, len(b)+1), make([]int, len(b)+1)}
	before, above, row := rows[0], rows[1], rows[2]
	for j := range above {
		above[j] = j
	}
	for i := 1; i <= len(a); i++ {
		row[0] = i
		for j := 1; j <= len(b); j++ {
			replaced := above[j-1]
			if a[i-1] != b[j-1] {
				replaced++
			}
			row[j] = min(replaced, above[j]+1, row[j-1]+1)
			if i > 1 && j > 1 && a[i-1] == b[j-2] && a[i-2] == b[j-1] {
				row[j] = min(row[j], before[j-2]+1)
			}
		}
		before, above, row = above, row, before
	}
	return above[len(b)]
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
	n := len(words)
	if n < 2 {
		return strings.Join(words, "")
	}
	return strings.Join(words[:n-1], ", ") + " " + last + " " + words[n-1]
}

// quoted shows a value that somebody wrote, or the beginning of a long one.
func quoted(s string) string {
	const most = 60
	n := 0
	for i := range s {
		if n++; n > most {
			return strconv.Quote(s[:i] + "…")
		}
	}
	return strconv.Quote(s)
}
