package zevenet

import (
	"encoding/base64"
	"fmt"
	"strings"
	pairs "zup/providers/pair"
)

// The package of the product takes everything but comments out of /etc/sysctl.conf at
// every update. What is in force stays in force until the next boot. docs/procedure.md has
// how well that is known.

// sysctlCopy is where a node's /etc/sysctl.conf is kept before its update. It stays there.
func (p *personality) sysctlCopy() string { return p.root + "/backups/sysctl.conf-zup" }

// shownSysctl is how many bytes of the lines a warning shows.
const shownSysctl = 4 << 10

// sysctlLines are what an update would take out of a node's /etc/sysctl.conf; ok is false
// where that is not known.
func (n *node) sysctlLines() (lines []string, ok bool) {
	said := n.fact("sysctl")
	if said == "none" {
		return nil, true
	}
	text, err := base64.StdEncoding.DecodeString(said)
	if err != nil || said == unknown {
		return nil, false
	}
	for line := range strings.Lines(strings.ToValidUTF8(string(text), "\ufffd")) {
		if line = strings.TrimSpace(line); line != "" {
			lines = append(lines, line)
		}
	}
	return lines, true
}

func losesSysctl(p *pair, n *node) pairs.Finding {
	if !p.needs(n) {
		return pairs.Skip("it needs no update")
	}
	lines, ok := n.sysctlLines()
	switch {
	case !ok:
		return pairs.Unseen("what its /etc/sysctl.conf says", n.fact("sysctl"))
	case len(lines) == 0 && p.leavesSysctl(n):
		return pairs.Pass("its /etc/sysctl.conf has comments only; what an earlier attempt took out is in " + p.product.sysctlCopy())
	case len(lines) == 0:
		return pairs.Pass("its /etc/sysctl.conf has comments only")
	}
	empties := "its package empties"
	if p.product.name != "zevenet" {
		empties = "its package may empty, as that of Zevenet EE does,"
	}
	hint := fmt.Sprintf("they are in force until it boots, and a copy is kept there as %s: put back from it what you need", p.product.sysctlCopy())
	if p.mayReboot(n) {
		hint = fmt.Sprintf("it comes back without them from the reboot that this plan may make. A copy is kept there as %s: put back from it what you need", p.product.sysctlCopy())
	}
	return pairs.Unfit(fmt.Sprintf("would lose %s of /etc/sysctl.conf, which %s down to the comments: %s", plural(len(lines), "line"), empties, shownLines(lines)), "", hint)
}

// shownLines are lines one behind the other, as far as a warning goes.
func shownLines(lines []string) string {
	var b strings.Builder
	for i, line := range lines {
		if b.Len()+len(line) > shownSysctl {
			fmt.Fprintf(&b, "; and %d more, which are in the copy", len(lines)-i)
			break
		}
		if i > 0 {
			b.WriteString("; ")
		}
		b.WriteString(line)
	}
	return b.String()
}

func plural(n int, what string) string {
	if n == 1 {
		return "1 " + what
	}
	return fmt.Sprintf("%d %ss", n, what)
}

// leavesSysctl reports whether there is a copy of /etc/sysctl.conf to be named once a node
// is updated: one is made, or an attempt that did not end has made it.
func (p *pair) leavesSysctl(n *node) bool {
	lines, _ := n.sysctlLines()
	return len(lines) > 0 || n.fact("sysctl_kept") == "yes" && (p.isHalf(n) || p.recorded.Unfinished())
}
