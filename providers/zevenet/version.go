package zevenet

import debversion "github.com/knqyf263/go-deb-version"

// atLeast reports whether version is min or later, by dpkg's order. What is no
// version is not.
func atLeast(version, min string) bool {
	a, errA := debversion.NewVersion(version)
	b, errB := debversion.NewVersion(min)
	return errA == nil && errB == nil && !a.LessThan(b)
}
