package zevenet

import (
	"fmt"
	"strings"

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

func canUpdate(p *pair, n *node) finding {
	v := n.fact("version")
	switch got := n.fact("updater"); {
	case !p.needs(n):
		return skip("it needs no update")
	case got == "bare":
		return pass("its updater has no -i: the command that it prints is used")
	case got == unknown:
		f := unseen("what its updater can do", p.product.updater+" tells its options apart in no way that zup knows; it is not asked, because every call of it sets up apt anew, also one for its help")
		f.hint = "update the pair by hand, as the vendor describes, and have this updater looked at"
		return f
	case got != "install":
		return unfit("has an updater that can't be used", got, "repair the installation first")
	case p.shunsBackups(n):
		return pass("its updater takes -i, but not on a backup (" + v + "): a backup is put into maintenance mode for it")
	}
	return pass("its updater takes -i")
}

// updateScript is the script that updates a node, the way its updater can: from the image,
// if there is one; what dpkg had begun first; and not without a last look at what would be
// installed, and from where.
func (b *builder) updateScript(n *node) string {
	parts, image := "", ""
	if b.pair.brings() {
		parts, image = "image_use ", b.pair.imagePath()
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
	return "version=" + quote(b.pair.cfg.Version) + "\nimage=" + quote(image) + "\nat=''\n" + b.script(parts, b.pair.peerAddress(n))
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
func (p *personality) overMajors(from, to string) string {
	over := fmt.Sprintf("to %s as the vendor describes", major(to))
	if p.name == "relianoid" {
		over = fmt.Sprintf("take the cluster apart, because noid-updater -U refuses while there is one, run noid-updater -U on both nodes until they run %s, and form the cluster again", major(to))
	}
	return fmt.Sprintf("go there in steps: with zup to the newest %s; then %s; then with zup to %s", major(from), over, to)
}

// withoutUpdater says what to do where the updater is not there.
func (p *personality) withoutUpdater() string {
	if p.name == "relianoid" {
		return "RELIANOID has it since 7.7: " + p.belowFloor()
	}
	return "repair the installation first"
}

// bridgeAnswers looks whether the functions of the cluster are where they are
// assumed to be: the role is moved through them.
func bridgeAnswers(p *pair) finding {
	if !p.product.assumes(clusterFunctions) {
		return skip("its functions are known")
	}
	for _, n := range p.nodes {
		if n.fact("status") == unknown {
			return unfit("the product does not answer under the name that zup assumes",
				"asked on "+n.name,
				"the role could not be moved: this version has its functions elsewhere than in the module that docs/procedure.md names")
		}
	}
	return pass("the product answers under the assumed name")
}

// losesMaintenance reports whether a node is updated in maintenance mode whose
// version may not have noted it where the new one looks after the restart.
func (p *pair) losesMaintenance(b *builder) bool {
	if p.product.name != "zevenet" {
		return false
	}
	out := map[string]bool{}
	for _, a := range b.actions {
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
