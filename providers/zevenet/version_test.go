package zevenet

import (
	"cmp"
	"testing"

	debversion "github.com/knqyf263/go-deb-version"
	"pgregory.net/rapid"
)

func TestAtLeast(t *testing.T) {
	for _, tt := range []struct {
		a, b string
		want bool
	}{
		{"6.1.20", "6.1.19", true}, {"6.1.19", "6.1.20", false}, {"6.1.20", "6.1.20", true}, {"6.1.9", "6.1.10", false},
		{"6.1.20", "6", true}, {"5.9.3", "6", false}, {"6", "6.0.0", false}, {"6.1.20-2", "6.1.20", true}, {"6.1.20~rc1", "6.1.20", false},
		{"unknown", "6", false}, {"", "6", false}, {"6.1.20", "", false}, {"99999999999999999999", "6", true},
	} {
		if got := atLeast(tt.a, tt.b); got != tt.want {
			t.Errorf("atLeast(%q, %q) = %t", tt.a, tt.b, got)
		}
	}
}

// The short cut for numbers agrees with dpkg's order.
func TestCompareDottedIsDpkgsOrder(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		version := rapid.StringMatching(`[0-9]{1,3}(\.[0-9]{1,3}){0,3}`)
		a, b := version.Draw(t, "a"), version.Draw(t, "b")
		order, ok := compareDotted(a, b)
		if !ok {
			return
		}
		x, _ := debversion.NewVersion(a)
		y, _ := debversion.NewVersion(b)
		if want := cmp.Compare(x.Compare(y), 0); order != want {
			t.Fatalf("compareDotted(%q, %q) = %d, dpkg says %d", a, b, order, want)
		}
	})
}
