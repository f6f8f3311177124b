package zevenet

import (
	"fmt"
	"strings"
)

// What dpkg says of a package: three letters, what is wanted, what is there, and whether
// it has to be installed anew; then the version (fact "package").

// dpkgWords is what dpkg's letters mean, where a package is not installed whole.
func dpkgWords(pkg string) string {
	letters, version, _ := strings.Cut(pkg, " ")
	if len(letters) < 2 {
		return fmt.Sprintf("%q, which zup does not know", pkg)
	}
	if strings.Contains(letters[2:], "R") {
		return version + " is damaged and has to be installed again"
	}
	switch letters[1] {
	case 'U':
		return version + " is unpacked and not configured"
	case 'F':
		return version + " is half configured: its own script for that did not end, or failed"
	case 'H':
		return version + " is half installed: unpacking or removing it did not end"
	case 'W', 't':
		return version + " waits for another package's script"
	case 'c':
		return "it was removed, and its configuration files were left"
	case 'n':
		return "it is not installed"
	case 'i':
		return version + " is installed, and marked to be removed"
	}
	return fmt.Sprintf("%q, which zup does not know", pkg)
}

// wasTurnedBack reports whether the update of a node did not get as far as unpacking the
// new version, because the package refused that or the disk was full. The product's
// scripts do not take that back: dpkg is left with the old version, not configured, and
// nothing was restarted.
func (p *pair) wasTurnedBack(n *node) bool {
	letters, version, _ := strings.Cut(n.fact("package"), " ")
	return p.isHalf(n) && len(letters) >= 2 && letters[1] == 'U' && version == n.fact("version")
}

// repairMeans says what a repair by hand does to a node in the role that it has, and how
// to go about it.
func (p *pair) repairMeans(n *node) string {
	does := "dpkg --configure -a there runs the packages' own scripts in full, and that of " + p.product.pkg + " restarts its services"
	switch role := n.fact("role"); {
	case len(p.nodes) == 1:
		return does + ": nobody serves meanwhile. At a time of your choice run it, look at its output, and plan again"
	case role == "backup" || role == "maintenance":
		return fmt.Sprintf("%s; %s is %s, so nobody feels it. Run it, look at its output, and plan again", does, n.name, role)
	}
	return fmt.Sprintf("do not repair it while it serves: %s, an outage. Have the other node take over first (maintenance mode in the product), run it then, look at its output, and plan again", does)
}
