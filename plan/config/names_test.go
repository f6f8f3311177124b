package config

import (
	"testing"

	"pgregory.net/rapid"

	"zup/plan/name"
)

// What a configuration may call a node is what a plan may.
func TestLabelsAreNames(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		s := rapid.OneOf(rapid.String(), rapid.StringMatching(`[-a-zA-Z0-9_.]{0,66}`)).Draw(t, "s")
		if (labelProblem(s) == "") != name.Node(s) {
			t.Fatalf("%q: %q", s, labelProblem(s))
		}
	})
}
