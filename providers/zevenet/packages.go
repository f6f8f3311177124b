package zevenet

import (
	"fmt"
	"slices"
	"strings"
	pairs "zup/providers/pair"

	"zup/plan"
	"zup/plan/shell"
)

// What an update of a node does to packages besides the product's own, as apt simulates it
// there (fact "packages"): a word is "^NAME=OLD>NEW", "+NAME=NEW" or "-NAME=OLD", and
// "?NAME" is what the updater asks for and no list has.

// packageChanges are those that a node's package lists know of; ok is false where nobody
// knows what an update brings.
func (n *node) packageChanges() (all []plan.Package, ok bool) {
	said := n.fact("packages")
	if said == unknown || said == "same" || strings.HasPrefix(said, "error") {
		return nil, false
	}
	for _, word := range n.words("packages") {
		name, versions, _ := strings.Cut(word[1:], "=")
		switch word[0] {
		case '^':
			from, to, _ := strings.Cut(versions, ">")
			all = append(all, plan.Package{From: from, Name: name, To: to})
		case '+':
			all = append(all, plan.Package{Name: name, To: versions})
		case '-':
			all = append(all, plan.Package{From: versions, Name: name})
		}
	}
	return all, true
}

// lacking are packages that the updater asks for and no list of a node has.
func (n *node) lacking() []string {
	var all []string
	for _, word := range n.words("packages") {
		if name, ok := strings.CutPrefix(word, "?"); ok {
			all = append(all, name)
		}
	}
	return all
}

// removals are the names of what an update would remove; "none" alone where it is nothing.
func removals(changes []plan.Package) []string {
	var names []string
	for _, c := range changes {
		if c.To == "" {
			names = append(names, c.Name)
		}
	}
	if names == nil {
		return []string{"none"}
	}
	slices.Sort(names)
	return slices.Compact(names)
}

// whole are the conditions that apt would take nothing away that a node needs, and nothing
// that is not in the plan, where the plan knows what it would take away.
func (p *pair) whole(n *node) []plan.Condition {
	c := []plan.Condition{on(n, "loses", "none")}
	if changes, ok := n.packageChanges(); ok && !p.brings() && !p.isHalf(n) {
		c = append(c, plan.Condition{Node: n.name, Fact: "removals", Within: removals(changes)})
	}
	return c
}

// losesNothing looks for packages that the update would remove and that a node can't be
// without. It does not refuse: the lists that it goes by are those of the last refresh, and a
// plan does not make them younger.
func losesNothing(p *pair, n *node) pairs.Finding {
	changes, ok := n.packageChanges()
	switch {
	case !p.needs(n):
		return pairs.Skip("it needs no update")
	case p.brings():
		return pairs.Skip("apt takes everything from the image, and is asked once it has it")
	case !ok:
		return pairs.Skip("asked once its package lists are refreshed")
	}
	var lost []string
	for _, c := range changes {
		if c.To == "" && slices.Contains([]string{p.product.pkg, "keepalived", "openssh-server"}, c.Name) {
			lost = append(lost, c.Name)
		}
	}
	if len(lost) > 0 {
		return pairs.Unfit("would lose "+list(lost)+" with its update", shell.Command(append([]string{"apt-get", "-s"}, strings.Fields(p.product.upgrade)...)...)+" there says so",
			"without that it does not serve, or nobody gets in. Its package lists may be old: if that is so once they are refreshed, the run stops before anything else is touched")
	}
	return pairs.Pass("its update removes nothing that it can't be without")
}

// packagesOf puts into a node's update what it does to packages.
func (p *pair) packagesOf(n *node, a *plan.Action) {
	if steps := stepsInWords(n.words("steps")); steps != "" {
		a.Reason += ". When its updater has upgraded everything, " + steps
	}
	if lacking := n.lacking(); len(lacking) > 0 {
		a.Reason += fmt.Sprintf(". Its repository has no %s: the updater complains of that (E: Unable to locate package) and goes on, and dpkg judges", list(lacking))
	}
	switch changes, ok := n.packageChanges(); {
	case p.brings():
		a.Reason += ". What else the image brings is known once apt has read it there"
	case ok && !p.isHalf(n):
		a.Packages = changes
	}
}

// stepsInWords says what an updater does once it has upgraded everything.
func stepsInWords(steps []string) string {
	var purges, installs, says []string
	for _, step := range steps {
		switch kind, name, _ := strings.Cut(step, ":"); {
		case step == "purge:*deb10*":
			purges = append(purges, `every package that is called or versioned "deb10"`)
		case kind == "purge":
			purges = append(purges, name)
		case kind == "install":
			installs = append(installs, name)
		}
	}
	if purges != nil {
		slices.Sort(purges)
		says = append(says, "it purges "+list(purges))
	}
	if slices.Contains(steps, "autoremove") {
		says = append(says, "removes what nothing depends on any more (autoremove)")
	}
	if slices.Contains(steps, "update") {
		says = append(says, "reads the package lists again")
	}
	if installs != nil {
		says = append(says, "installs "+strings.Join(installs, ", ")+", which may bring packages that were not there and a newer version than the planned one: what is there then is compared with the plan")
	}
	return strings.Join(says, ", ")
}

// bringsTo reports whether changes bring a package to a version.
func bringsTo(changes []plan.Package, name, version string) bool {
	return slices.ContainsFunc(changes, func(c plan.Package) bool { return c.Name == name && c.To == version })
}

// packageCautions are what the reader has to know of the packages of the updates.
func (p *pair) packageCautions() []string {
	var all, old []string
	for _, n := range p.inOrder() {
		if !p.needs(n) || p.brings() {
			continue
		}
		said := n.fact("packages")
		changes, known := n.packageChanges()
		switch {
		case said == unknown:
			all = append(all, fmt.Sprintf("what else the update of %s brings could not be found out", n.name))
		case said == "same", known && !p.isHalf(n) && !bringsTo(changes, p.product.pkg, p.cfg.Version):
			old = append(old, n.name)
		case strings.HasPrefix(said, "error"):
			all = append(all, fmt.Sprintf("apt can't say what else the update of %s brings: %s", n.name, strings.TrimSpace(strings.TrimPrefix(said, "error"))))
		}
		var gone, restarts []string
		for _, c := range changes {
			switch {
			case c.To == "":
				gone = append(gone, c.Name+" "+c.From)
			case c.Name == "keepalived", c.Name == "openssh-server", strings.HasPrefix(c.Name, "linux-image-"):
				restarts = append(restarts, strings.TrimSpace(c.Name+" "+c.To))
			}
		}
		if gone != nil {
			all = append(all, fmt.Sprintf("the update of %s removes %s", n.name, list(gone)))
		}
		if restarts != nil {
			all = append(all, fmt.Sprintf("the update of %s brings %s: a service of its own is restarted, or a reboot is pending afterwards", n.name, list(restarts)))
		}
	}
	if old != nil {
		all = append(all, fmt.Sprintf("the package lists on %s do not know %s yet: what else an update there brings is not known before they are refreshed", list(old), p.cfg.Version))
	}
	return all
}

// knowsItself says whether RELIANOID's updater takes a node for one of the Enterprise
// Edition: it goes by the name of the kernel that runs.
func knowsItself(p *pair, n *node) pairs.Finding {
	kernel := n.fact("kernel")
	switch {
	case p.product.name != "relianoid":
		return pairs.Finding{}
	case !p.needs(n):
		return pairs.Skip("it needs no update")
	case kernel == unknown:
		return pairs.Unseen("which kernel it runs", kernel)
	case !strings.Contains(kernel, "noid"):
		return pairs.Unfit(fmt.Sprintf("runs a kernel whose name has no \"noid\" (%s)", kernel), kernel,
			"its updater takes it for one of the community edition then: its -i heeds no role, asks nothing on a MASTER and puts no line of its own into hosts.deny. What keeps the nodes apart is zup's block alone, which is proven")
	}
	return pairs.Pass("its kernel's name has noid: the updater takes it for what it is")
}
