package zevenet

import (
	"cmp"
	"strconv"
	"strings"

	debversion "github.com/knqyf263/go-deb-version"
)

// atLeast reports whether version is min or later, by dpkg's order. What is no
// version is not.
func atLeast(version, min string) bool {
	if order, ok := compareDotted(version, min); ok {
		return order >= 0
	}
	a, errA := debversion.NewVersion(version)
	b, errB := debversion.NewVersion(min)
	return errA == nil && errB == nil && !a.LessThan(b)
}

// compareDotted compares versions that are numbers with dots between, which all
// of the product's are; ok is false for others. A plan of thousands of pairs
// compares tens of thousands of them.
func compareDotted(a, b string) (order int, ok bool) {
	for {
		x, restA, moreA := strings.Cut(a, ".")
		y, restB, moreB := strings.Cut(b, ".")
		m, errA := strconv.ParseUint(x, 10, 32)
		n, errB := strconv.ParseUint(y, 10, 32)
		if errA != nil || errB != nil {
			return 0, false
		}
		if order == 0 {
			order = cmp.Compare(m, n)
		}
		switch {
		case moreA && moreB:
			a, b = restA, restB
		case !moreA && !moreB:
			return order, true
		default:
			return 0, false
		}
	}
}
