package zevenet

import (
	"fmt"
	"slices"
	"strings"
	pairs "zup/providers/pair"

	"zup/plan"
)

// What an installed updater can do is read in its text (fact "updater"): "install"
// takes -i, "bare" does not and prints which command of apt does. It is never called to
// find that out: every call sets up apt anew. Only what can't be read is concluded from
// the version.

// bare reports whether a node's updater can't install by itself.
func (n *node) bare() bool { return n.fact("updater") == "bare" }

// shunsBackups reports whether a node's updater installs nothing while the node
// is a backup: that of 6.1.2 and 6.1.3 takes the cluster's configuration for
// missing then. In maintenance mode it does not look for it.
func (p *pair) shunsBackups(n *node) bool {
	v := n.fact("version")
	return p.product.name == "zevenet" && !n.bare() && atLeast(v, "6.1.2") && !atLeast(v, "6.1.4")
}

func canUpdate(p *pair, n *node) pairs.Finding {
	v := n.fact("version")
	switch got := n.fact("updater"); {
	case !p.needs(n):
		return pairs.Skip("it needs no update")
	case got == "bare":
		return pairs.Pass("its updater has no -i: the command that it prints is used")
	case got == unknown:
		f := pairs.Unseen("what its updater can do", p.product.updater+" tells its options apart in no way that zup knows; it is not asked, because every call of it sets up apt anew, also one for its help")
		f.Hint = "update the pair by hand, as the vendor describes, and have this updater looked at"
		return f
	case got != "install":
		return pairs.Unfit("has an updater that can't be used", got, "repair the installation first")
	case p.shunsBackups(n):
		return pairs.Pass("its updater takes -i, but not on a backup (" + v + "): a backup is put into maintenance mode for it")
	}
	return pairs.Pass("its updater takes -i")
}

// updateScript is the script that updates a node, the way its updater can: from the image,
// if there is one; what dpkg had begun first; and not without a last look at what would be
// installed, and from where.
func (b *builder) updateScript(n *node) string {
	parts, image := "keep_sysctl ", ""
	if b.pair.brings() {
		parts += "image_use "
		image = b.pair.imagePath()
	}
	if b.pair.isHalf(n) {
		parts += "repair "
	}
	parts += "last_look "
	if n.bare() {
		parts += "update_printed"
	} else {
		parts += "update"
	}
	assigned := "version=" + quote(b.pair.cfg.Version) + "\nimage=" + quote(image) + "\nat=''\n"
	return b.pair.product.scriptWith(assigned, parts, b.pair.peerAddress(n))
}

// updatePrompts are the questions that a node's updater asks in its role. One
// that can't install has no questions of its own.
func (p *pair) updatePrompts(n *node, asMaster bool) []plan.Prompt {
	return p.prompts(asMaster && !n.bare())
}

// major is what stands before a version's first dot.
func major(version string) string {
	m, _, _ := strings.Cut(version, ".")
	return m
}

// belowFloor says how a node that is too old gets to where zup starts.
func (p *personality) belowFloor() string {
	if p.name == "relianoid" {
		return "update it to " + p.floor + " or later by hand: until then its updater is checkupgrades, and before 7.3 its replicator zeninotify"
	}
	return "migrate it to " + p.floor + " as the vendor describes; zup starts there"
}

// overMajors spells out how a pair gets to another major version, which an
// updater does not do on clustered nodes.
func (p *pair) overMajors(from, to string) string {
	if p.product.name == "relianoid" {
		return p.overRelianoidMajors(from, to)
	}
	return fmt.Sprintf("go there in steps: with zup to the newest %s; then to %s as the vendor describes; then with zup to %s", major(from), major(to), to)
}

// countedBy is whose counting a version of RELIANOID is of, and its major version: the
// Enterprise Edition counts 8, 10, the community edition 7, 9. Versions of
// different editions can't be compared.
func countedBy(version string) (edition string, of int) {
	of = number(major(version))
	if of%2 == 0 {
		return "Enterprise Edition", of
	}
	return "community edition", of
}

func countedAlike(a, b string) bool {
	x, _ := countedBy(a)
	y, _ := countedBy(b)
	return x == y
}

func (p *pair) overRelianoidMajors(from, to string) string {
	edition, at := countedBy(from)
	other, wants := countedBy(to)
	switch {
	case edition != other:
		return fmt.Sprintf("no way leads there: the Enterprise Edition counts 8, 10 and the community edition 7, 9, so %s is of the %s's counting and %s of the %s's (8.6 is not later than 7.10, but its sister). Write a version that counts as %s does; from the community edition to the Enterprise Edition is the vendor's noid-updater -E, without zup",
			to, other, from, edition, from)
	case wants != at+2:
		return fmt.Sprintf("it goes one major version at a time, and the %s counts in twos: %d comes after %d", edition, at+2, at)
	}
	cluster := "first, there must be no cluster: noid-updater -U refuses as long as cluster.conf says anything"
	way := fmt.Sprintf("take the cluster apart in the product, run noid-updater -U on one node and then on the other until both run %d (nobody takes over meanwhile: an outage for whatever that node serves), and form the cluster again", wants)
	if len(p.nodes) == 1 {
		cluster = "first, there must be no cluster, and here there is none"
		way = fmt.Sprintf("run noid-updater -U there until it runs %d (an outage)", wants)
	}
	return fmt.Sprintf("the vendor has three conditions for it: %s; second, the vendor's repository must have %d for this node: where it answers 404, noid-updater -U says that major upgrades are not permitted; third, a person at a terminal must accept the licence agreement that the packages ask about. It takes the node to the next Debian, too. The way: with zup to the newest %d; then %s; then with zup to %s",
		cluster, wants, at, way, to)
}

// withoutUpdater says what to do where the updater is not there.
func (p *personality) withoutUpdater() string {
	if p.name == "relianoid" {
		return "RELIANOID has it since 7.6: " + p.belowFloor()
	}
	return "repair the installation first"
}

// overshot says what to do about a node that is newer than the configuration wants: where
// zup's own update of it has left its job there, the updater has brought more than planned.
func (p *pair) overshot(n *node) string {
	const back = "a way back to an older version is a snapshot, not the updater"
	if !slices.ContainsFunc(n.words("jobs"), func(job string) bool { return strings.HasSuffix(job, "."+p.id(n, "update")) }) {
		return back
	}
	return fmt.Sprintf("zup's update of it has brought a newer version than the planned one, as its updater may where the repository has got one meanwhile: plan with version = %q, which has exactly what is missing; %s", n.fact("version"), back)
}

// bridgeAnswers looks whether the functions of the cluster are where they are
// assumed to be: the role is moved through them.
func bridgeAnswers(p *pair) pairs.Finding {
	if !p.product.assumes(clusterFunctions) {
		return pairs.Skip("its functions are known")
	}
	for _, n := range p.nodes {
		if n.fact("status") == unknown {
			return pairs.Unfit("the product does not answer under the name that zup assumes",
				"asked on "+n.name,
				"the role could not be moved: this version has its functions elsewhere than in the module that docs/procedure.md names")
		}
	}
	return pairs.Pass("the product answers under the assumed name")
}

// losesMaintenance reports whether a node is updated in maintenance mode whose
// version may not have noted it where the new one looks after the restart.
func (p *pair) losesMaintenance(b *builder) bool {
	if p.product.name != "zevenet" {
		return false
	}
	out := map[string]bool{}
	for _, a := range b.Actions {
		switch a.Kind {
		case "drain", "hold":
			out[a.Node] = true
		case "rejoin":
			out[a.Node] = false
		case "update":
			if out[a.Node] && !atLeast(p.node(a.Node).fact("version"), "6.1.12") {
				return true
			}
		}
	}
	return false
}
