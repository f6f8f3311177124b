package zevenet

import (
	"regexp"
	"strings"
)

// fileSuffix is what version sort leaves out at first: "update-6.1.20.iso" is
// compared as "update-6.1.20", so that ".iso" is not a part of the version.
var fileSuffix = regexp.MustCompile(`(\.[A-Za-z~][A-Za-z0-9~]*)*$`)

// compareVersionSort orders absolute paths as "sort -V" does, which is how the updater finds
// the newest image: stretches of digits by their value, letters before other
// characters, "~" before everything.
func compareVersionSort(a, b string) int {
	if a == b {
		return 0
	}
	if d := compareVersions(a[:len(a)-len(fileSuffix.FindString(a))], b[:len(b)-len(fileSuffix.FindString(b))]); d != 0 {
		return d
	}
	if d := compareVersions(a, b); d != 0 {
		return d
	}
	return strings.Compare(a, b)
}

// compareVersions is the comparison of Debian's package versions.
func compareVersions(a, b string) int {
	for a != "" || b != "" {
		for a != "" && !isDigit(a[0]) || b != "" && !isDigit(b[0]) {
			if d := weight(a) - weight(b); d != 0 {
				return d
			}
			a, b = a[1:], b[1:] // of the same weight: both have a character
		}
		var x, y string
		x, a = digits(a)
		y, b = digits(b)
		if d := len(x) - len(y); d != 0 {
			return d
		}
		if d := strings.Compare(x, y); d != 0 {
			return d
		}
	}
	return 0
}

func isDigit(c byte) bool { return '0' <= c && c <= '9' }

// weight is the place of the first character.
func weight(s string) int {
	switch {
	case s == "" || isDigit(s[0]):
		return 0
	case s[0] == '~':
		return -1
	case 'a' <= s[0] && s[0] <= 'z' || 'A' <= s[0] && s[0] <= 'Z':
		return int(s[0])
	}
	return int(s[0]) + 256
}

// digits cuts the number at the beginning off, without leading zeros.
func digits(s string) (number, rest string) {
	end := 0
	for end < len(s) && isDigit(s[end]) {
		end++
	}
	return strings.TrimLeft(s[:end], "0"), s[end:]
}
