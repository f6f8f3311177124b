package sshconfig

import (
	"strings"
	"testing"
)

func TestMatchPattern(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		pattern, s string
		want       bool
	}{
		{"", "", true}, {"*", "", true}, {"?", "", false}, {"a*c", "abbc", true}, {"a*c", "abb", false},
		{"**b", "ab", true}, {"a?c", "abc", true}, {"[a]", "a", false}, {"*.example.net", "x.example.net", true},
		{strings.Repeat("*a", 50) + "b", strings.Repeat("a", 5000), false}, {"*", "*", true}, {"a*", "b", false},
	} {
		if got := Match(c.pattern, c.s); got != c.want {
			t.Errorf("%q and %q: %v", c.pattern, c.s, got)
		}
	}
}
