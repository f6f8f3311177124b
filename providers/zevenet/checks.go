package zevenet

import (
	"fmt"
	"slices"
	"strconv"
	"strings"
	pairs "zup/providers/pair"

	"zup/plan"
	"zup/plan/name"
	"zup/plan/shell"
)

func isRoot(_ *pair, n *node) pairs.Finding {
	if n.fact("uid") == "0" {
		return pairs.Pass("commands run as root")
	}
	return pairs.Mistaken("commands do not run as root there", "uid "+n.fact("uid"),
		"use root, or a user whom sudo -n lets become root")
}

func isTheNode(p *pair, n *node) pairs.Finding {
	if got := n.fact("hostname"); got != n.name {
		return pairs.Mistaken("another machine answers at its address",
			fmt.Sprintf("%s says that it is %q", n.cfg.Address, got),
			"correct the label or the address of the node")
	}
	return pairs.Pass("the node's own name is " + n.name)
}

func isClustered(p *pair, n *node) pairs.Finding {
	if n.fact("clustered") == "yes" {
		return pairs.Pass("node_status and cluster.conf are there")
	}
	return pairs.Mistaken("is not in a cluster", "no node_status, or fewer than two nodes in cluster.conf",
		"create the cluster in the product first, or configure the node alone")
}

func hasMembers(p *pair, n *node) pairs.Finding {
	var names []string
	for _, word := range n.words("nodes") {
		name, _, _ := strings.Cut(word, "=")
		names = append(names, name)
	}
	want := []string{p.nodes[0].name, p.nodes[1].name}
	slices.Sort(want)
	slices.Sort(names)
	if !slices.Equal(names, want) {
		return pairs.Mistaken("is clustered with somebody else",
			fmt.Sprintf("its cluster.conf has %s, the configuration has %s", list(names), list(want)),
			"configure the two nodes that form the cluster")
	}
	if validAddress(p.address(n)) && validAddress(p.address(p.peer(n))) {
		return pairs.Pass("cluster.conf has " + list(want))
	}
	return pairs.Unfit("has no usable addresses in cluster.conf", n.fact("nodes"), "correct the cluster in the product first")
}

func hasOwnAddress(p *pair, n *node) pairs.Finding {
	if addr := n.fact("own_address"); addr != p.address(n) {
		return pairs.Unfit("does not have its own cluster address", addr, "bring its cluster interface up first")
	}
	return pairs.Pass("has its cluster address " + p.address(n))
}

func isNoVIP(_ *pair, n *node) pairs.Finding {
	if slices.ContainsFunc(n.words("vips"), func(vip string) bool { return sameAddress(vip, n.cfg.Address) }) {
		return pairs.Mistaken("its address is a VIP", n.cfg.Address+" changes hands with the role", "use the node's own management address")
	}
	return pairs.Pass("its management address is no VIP")
}

func hasVersion(p *pair, n *node) pairs.Finding {
	v, target := n.fact("version"), p.cfg.Version
	pkg := n.fact("package")
	switch {
	case v == unknown:
		return pairs.Unseen("the version", "no $version in global.conf")
	case !name.Version(v): // snapshots and files are called after it
		return pairs.Unfit("says a version that is not one", strconv.Quote(v[:min(len(v), name.Longest)]), "correct $version in its global.conf")
	case p.isHalf(n):
		_, begun, _ := strings.Cut(pkg, " ")
		if !atLeast(target, begun) {
			return pairs.Unfit("would be downgraded", fmt.Sprintf("its update to %s did not end, the configuration wants %s", begun, target),
				"finish that update: plan with version = "+strconv.Quote(begun)+"; a way back to an older version is a snapshot")
		}
		return pairs.Pass(fmt.Sprintf("runs %s; its update did not end, and dpkg says %q for %s: %s", v, pkg, p.product.pkg, dpkgWords(pkg)))
	case !strings.HasPrefix(pkg, "ii "):
		return pairs.Unfit("has a package that is not installed whole", fmt.Sprintf("dpkg says %q for %s: %s", pkg, p.product.pkg, dpkgWords(pkg)),
			p.repairMeans(n))
	case pkg != "ii "+v:
		return pairs.Unfit("does not know which version it runs", fmt.Sprintf("dpkg has %s, global.conf has %s", strings.TrimPrefix(pkg, "ii "), v),
			"an earlier update did not end: repair it with the vendor before anything else")
	case !atLeast(v, p.product.floor):
		return pairs.Unfit("runs a version below "+p.product.floor, v, p.product.belowFloor())
	case p.product.name == "relianoid" && !countedAlike(v, target):
		return pairs.Unfit("can't reach the planned version in one step", fmt.Sprintf("it runs %s, the configuration wants %s", v, target), p.overMajors(v, target))
	case !atLeast(target, v):
		return pairs.Unfit("would be downgraded", fmt.Sprintf("it runs %s, the configuration wants %s", v, target),
			p.overshot(n))
	case major(v) != major(target):
		return pairs.Unfit("can't reach the planned version in one step", fmt.Sprintf("it runs %s, the configuration wants %s", v, target), p.overMajors(v, target))
	}
	return pairs.Pass("runs " + v)
}

func hasOneMaster(p *pair) pairs.Finding {
	var masters []string
	for _, n := range p.nodes {
		if n.fact("role") == "master" {
			masters = append(masters, n.name)
		}
	}
	roles := fmt.Sprintf("%s is %s, %s is %s", p.nodes[0].name, p.nodes[0].fact("role"), p.nodes[1].name, p.nodes[1].fact("role"))
	switch len(masters) {
	case 0:
		return pairs.Unfit("no node is MASTER", roles, "find out why with the product's own means; nothing may be updated while nobody is known to serve")
	case 2:
		for _, n := range p.nodes {
			if f := roleAgrees(p, n); f.Status == plan.Failed {
				return pairs.Unfit("both nodes call themselves MASTER, and "+n.name+" "+f.Summary, roles+"; on "+n.name+": "+f.Detail, f.Hint)
			}
		}
		return pairs.Unfit("split brain: both nodes are MASTER", roles, "restore the link between the nodes and see that one of them becomes backup")
	}
	p.assignRoles()
	return pairs.Pass(p.master.name + " is MASTER")
}

// vrrpOf are the VRRP states that go with a role of the product.
var vrrpOf = map[string][]string{"master": {"MASTER"}, "backup": {"BACKUP"}, "maintenance": drainedStates}

func roleAgrees(p *pair, n *node) pairs.Finding {
	role, vrrp := n.fact("role"), n.fact("vrrp")
	switch {
	case role == "stopped":
		return pairs.Unfit("its service is stopped or restarting", "node_status is empty", "start it with "+p.product.service+", or wait")
	case vrrpOf[role] == nil:
		return pairs.Unseen("its role", fmt.Sprintf("node_status says %q", role))
	case vrrp == unknown:
		return pairs.Unseen("what its keepalived thinks", "keepalived did not write its data")
	case !slices.Contains(vrrpOf[role], vrrp), role == "maintenance" && vrrp == "BACKUP" && n.fact("maintenance") != "yes":
		return pairs.Unfit("disagrees with itself about its role", fmt.Sprintf("node_status says %s, keepalived says %s", role, vrrp),
			"a notification was lost or the file is stale: restart its service at a time of your choice")
	}
	return pairs.Pass("node_status and keepalived agree")
}

func maintenanceIsOurs(p *pair, n *node) pairs.Finding {
	flag, role := n.fact("maintenance"), n.fact("role")
	switch {
	case flag == unknown:
		return pairs.Unseen("whether it is in maintenance mode", unknown)
	case flag == "no" && role != "maintenance":
		return pairs.Pass("it is not in maintenance mode")
	case p.ours(n, "maintenance"):
		return pairs.Pass("an earlier run of zup put it into maintenance mode")
	case flag == "yes":
		return pairs.Unfit("is in maintenance mode, and zup did not put it there", "", "ask who did, and take it out in the product when they agree")
	}
	return pairs.Unfit("is in a fault state", "node_status says maintenance without anybody having asked for it: a tracked interface is down",
		"look at its interfaces; the product calls a keepalived FAULT maintenance")
}

func oneKeepalived(p *pair, n *node) pairs.Finding {
	switch got := n.fact("keepalived"); got {
	case "1":
		return pairs.Pass("one keepalived runs")
	case unknown:
		return pairs.Unseen("whether keepalived runs", got)
	case "0":
		return pairs.Unfit("keepalived does not run there", "", "start its service with "+p.product.service)
	default:
		return pairs.Unfit("runs keepalived more than once", got+" of them", "two of them fight for ever: restart its service at a time of your choice")
	}
}

func reachesPeer(p *pair, n *node) pairs.Finding {
	peer := p.peer(n)
	got := n.fact("peer_ssh")
	switch {
	case got == "ok "+peer.name:
		return pairs.Pass("gets into " + peer.name + " over ssh")
	case strings.HasPrefix(got, "ok "):
		return pairs.Unfit("reaches another machine at its peer's address", fmt.Sprintf("%s answers as %q", p.address(peer), strings.TrimPrefix(got, "ok ")),
			"correct cluster.conf in the product first")
	case strings.HasPrefix(got, "prints ") || strings.HasPrefix(got, "ends "):
		return p.isTalked(n, got)
	case got == "refused" && peer.fact("deny") == "present":
		return pairs.Skip("an earlier attempt left a line in " + peer.name + "'s hosts.deny that keeps it out")
	case got == unknown:
		return pairs.Unseen("whether it gets into "+peer.name+" over ssh", got)
	}
	return pairs.Unfit("does not get into "+peer.name+" over ssh", got+p.keptOutNote(peer),
		fmt.Sprintf("on %s: %s", n.name, shell.Command("ssh", "root@"+p.address(peer), "true")))
}

// isTalked is about a node that gets more from its peer than it has asked for, as the facts
// script says it: the product takes whatever comes back for the answer.
func (p *pair) isTalked(n *node, fact string) pairs.Finding {
	peer := p.peer(n)
	words := strings.SplitN(fact, " ", 4)
	if len(words) < 2 || words[1] != peer.name {
		return pairs.Unfit("reaches another machine at its peer's address", fmt.Sprintf("%s answers as %q", p.address(peer), strings.Join(words[1:min(2, len(words))], "")),
			"correct cluster.conf in the product first")
	}
	try := fmt.Sprintf("on %s: %s", n.name, shell.Command("ssh", "root@"+p.address(peer), "true"))
	if words[0] == "ends" {
		return pairs.Unfit("is told by the login shell of "+peer.name+" that every command fails", "it ends with status "+strings.Join(words[2:], " ")+" after a command that ended with 0",
			"the product takes that for a failure: look into /root/.bashrc and /etc/bash.bashrc on "+peer.name+" (an exit, a trap); then "+try+" ends with 0")
	}
	file, text := "-", ""
	if len(words) == 4 {
		file, text = words[2], words[3]
	}
	look, what := "make it silent where nobody sits at a terminal (at its top: case $- in *i*) ;; *) return ;; esac)", file+" on "+peer.name+" prints"
	switch file {
	case "-":
		look, what = "look on "+peer.name+" into what is read for every command: /root/.bashrc, /etc/bash.bashrc, /root/.ssh/rc, /etc/ssh/sshrc", "on "+peer.name+" it is"
	case "a-forced-command":
		look, what = "take the forced command for root out of /root/.ssh/authorized_keys or sshd_config on "+peer.name, "a forced command on "+peer.name+" prints"
	}
	return pairs.Unfit("gets text from the login shell of "+peer.name+" with every answer", what+": "+text,
		"the product's own ssh and rsync take it for the answer (rsync then asks \"is your shell clean?\"): "+look+"; then "+try+" prints nothing")
}

// keptOutNote says which line of the tables there keeps the other node out, if one does.
func (p *pair) keptOutNote(there *node) string {
	if why := p.doorwayOf(there).keepsOut(); why != "" {
		return "; " + why
	}
	return ""
}

func replicatesOnMaster(p *pair, n *node) pairs.Finding {
	got := n.fact("replication")
	switch {
	case got == unknown:
		return pairs.Unseen("whether it replicates its configuration", got)
	case strings.HasPrefix(got, "unrecognised "):
		return p.mayReplicate(got)
	case n == p.master && got == "running":
		return pairs.Pass("replicates its configuration, as MASTER does")
	case n == p.master:
		return pairs.Skip("does not replicate its configuration; the plan deals with that")
	case got == "off":
		return pairs.Pass("does not replicate its configuration, as it must be")
	}
	return pairs.Unfit("replicates its configuration although it is not MASTER", "it would overwrite that of "+p.master.name,
		"end its "+p.product.replicator+" and find out who started it")
}

// mayReplicate is about a process of which nobody knows whether it is the replicator, as the
// facts script says it.
func (p *pair) mayReplicate(fact string) pairs.Finding {
	words := strings.SplitN(fact, " ", 4)
	if len(words) < 4 || strings.Trim(words[1], "0123456789") != "" {
		return pairs.Unseen("whether it replicates its configuration", fact)
	}
	pid, how := words[1], "it has the replicator's file in its command line"
	hint := "on it: " + shell.Command("ps", "-fp", pid) + "; end it if it replicates"
	if words[2] == "command-line" {
		hint += ", or wait until whoever reads or edits that file is done"
	} else {
		how = words[2] + " has its PID"
		hint += "; if it is something else, nobody needs that file: remove it, and start the replicator if none runs (" + shell.Command(p.product.bridge, p.product.replicator) + ")"
	}
	return pairs.Unfit("has a process that may be the replicator, and zup does not know it", fmt.Sprintf("process %s (%s): %s", pid, words[3], how), hint)
}

func isLicensed(p *pair, n *node) pairs.Finding {
	got := n.fact("licence")
	switch {
	case strings.HasPrefix(got, "valid "):
		return pairs.Pass(got)
	case !p.needs(n):
		return pairs.Skip("it needs no update")
	case got == unknown:
		return pairs.Unseen("its licence", got)
	}
	return pairs.Unfit("has no valid licence", got, "the package refuses to install without one: renew "+p.product.licence)
}

func dpkgIsClean(p *pair, n *node) pairs.Finding {
	switch got := n.fact("audit"); {
	case got == "clean":
		return pairs.Pass("dpkg --audit has nothing to say")
	case got == unknown:
		return pairs.Unseen("what dpkg --audit says", got)
	case p.isHalf(n):
		return pairs.Pass("zup's update did not end there, and the plan finishes what dpkg had begun: " + got)
	default:
		return pairs.Unfit("has packages in a broken state", "dpkg --audit: "+got, p.repairMeans(n))
	}
}

func isNotHeld(p *pair, n *node) pairs.Finding {
	held := n.words("holds")
	switch {
	case n.fact("holds") == unknown:
		return pairs.Unseen("which packages are held back", unknown)
	case slices.Contains(held, p.product.pkg) && p.needs(n):
		return pairs.Unfit("holds the package back that is to be updated", strings.Join(held, " "), "on it: apt-mark unhold "+p.product.pkg)
	case len(held) > 0:
		return pairs.Pass("holds back " + list(held) + ", not the product")
	}
	return pairs.Pass("no package is held back")
}

func aptIsFree(p *pair, n *node) pairs.Finding {
	switch got := n.fact("lock"); {
	case got == "free":
		return pairs.Pass("nobody holds apt's or dpkg's locks")
	case !p.needs(n):
		return pairs.Skip("it needs no update")
	case got == unknown:
		return pairs.Unseen("who holds apt's and dpkg's locks", got)
	default:
		return pairs.Unfit("apt or dpkg is at work there", got, "wait until it is done (the product looks for updates every night) and plan again")
	}
}

func canSave(p *pair, n *node) pairs.Finding {
	switch {
	case !p.needs(n):
		return pairs.Skip("it needs no update")
	case n.fact("saver") == "yes":
		return pairs.Pass("the product can save its configuration")
	}
	return pairs.Unfit("can't save its configuration before the update", p.product.saver+" is not there", "")
}

// minFreeKiB is what must be free on every file system that an update writes
// to. What apt will really need is compared once its lists are fresh.
const minFreeKiB = 200 << 10

func hasRoom(p *pair, n *node) pairs.Finding {
	if !p.needs(n) {
		return pairs.Skip("it needs no update")
	}
	mounts := n.words("disk")
	if len(mounts) == 0 {
		return pairs.Unseen("how much disk is free", n.fact("disk"))
	}
	for _, word := range mounts {
		mount, free, _ := strings.Cut(word, "=")
		if kib := number(free); kib < minFreeKiB {
			return pairs.Unfit("has too little free disk", fmt.Sprintf("%d MiB on %s, at least %d MiB are wanted", kib>>10, mount, minFreeKiB>>10),
				"make room there: an update that runs out of disk leaves dpkg with the old version, not configured")
		}
	}
	return pairs.Pass(fmt.Sprintf("at least %d MiB are free", minFreeKiB>>10))
}

func list(words []string) string {
	if len(words) == 0 {
		return "nothing"
	}
	return strings.Join(words, " and ")
}
