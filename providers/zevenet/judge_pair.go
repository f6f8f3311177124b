package zevenet

import (
	"fmt"
	"net/netip"
	"slices"
	"strconv"
	"strings"
	pairs "zup/providers/pair"

	"zup/plan"
)

// maxSkew is how far a node's clock may be off before it is mentioned, seconds.
const maxSkew = 60

func clockAgrees(_ *pair, n *node) pairs.Finding {
	got := n.fact("skew")
	if got == unknown {
		return pairs.Unseen("the time there", got)
	}
	if d := number(got); d > maxSkew || d < -maxSkew {
		return pairs.Unfit(fmt.Sprintf("has a clock that is more than %d s off", maxSkew), "", "times in its logs do not match the report")
	}
	return pairs.Pass(fmt.Sprintf("its clock is less than %d s off", maxSkew))
}

func hasNoImages(p *pair, n *node) pairs.Finding {
	images := n.words("images")
	if p.brings() {
		return pairs.Skip("the plan brings an image of its own")
	}
	if len(images) == 0 || !p.needs(n) {
		return pairs.Pass("nothing lies in its updates directory")
	}
	return pairs.Unfit("has files in its updates directory: "+strings.Join(images, ", "), "",
		"should the repository not answer, the updater takes "+images[len(images)-1]+" for an image, whatever it is, and the plan stops then")
}

// mustBlock reports whether MASTER must keep BACKUP out: while one node has the
// migrated configuration and MASTER still the old one.
func (p *pair) mustBlock() bool { return p.needs(p.master) }

func blockCanHold(p *pair) pairs.Finding {
	switch {
	case !p.mustBlock():
		return pairs.Skip("nobody has to be kept out")
	case p.master.fact("libwrap") == "yes":
		return pairs.Pass("sshd on " + p.master.name + " heeds hosts.deny")
	}
	return pairs.Unfit(fmt.Sprintf("sshd on %s does not heed hosts.deny", p.master.name), "it is built without libwrap",
		"without that MASTER can't keep BACKUP's pull away during the update, and its old configuration would overwrite the migrated one")
}

func failbackAgrees(p *pair) pairs.Finding {
	for _, fact := range []string{"primary", "deadratio", "interface"} {
		if a, b := p.nodes[0].fact(fact), p.nodes[1].fact(fact); a != b {
			return pairs.Unfit("the nodes disagree about their cluster's settings",
				fmt.Sprintf("%s is %s on %s and %s on %s", fact, a, p.nodes[0].name, b, p.nodes[1].name),
				"save the cluster's settings in the product on MASTER, which replicates them")
		}
	}
	if p.deadratio <= 0 {
		return pairs.Unseen("the cluster's check interval", "deadratio is "+p.nodes[0].fact("deadratio"))
	}
	switch {
	case p.primary == "":
		return pairs.Pass("failback is disabled")
	case p.node(p.primary) == nil:
		return pairs.Unfit("failback names a node that the cluster does not have", p.primary, "correct the failback setting in the product")
	case p.failsBack() && p.cfg.Master != "" && p.cfg.Master != p.primary:
		return pairs.Unfit("the configuration wants another MASTER than the cluster's own failback", fmt.Sprintf("master is %q, the cluster's failback is %q", p.cfg.Master, p.primary),
			"the cluster would move it back at once: change one of the two")
	}
	return pairs.Pass("failback is " + p.primary)
}

func boostIsPossible(p *pair) pairs.Finding {
	if !p.own.Boost {
		return pairs.Skip("not asked for")
	}
	if why := p.notBoostable(); why != "" {
		return pairs.Unfit("boost needs exactly one priority line in keepalived.conf", why, "leave boost out")
	}
	return pairs.Pass("keepalived.conf has one priority line on both nodes")
}

// notBoostable says why boost can't be used; "" if it can.
func (p *pair) notBoostable() string {
	for _, n := range p.nodes {
		if got := n.fact("priority_lines"); got != "1" {
			return fmt.Sprintf("%s has %s", n.name, got)
		}
	}
	return ""
}

// NotBoostable says of two nodes as they were observed why the check of boost would not
// pass; "" if it would. What it says came from a node.
func (Provider) NotBoostable(observed []plan.ObservedNode) string {
	p := &pair{}
	for _, o := range observed {
		p.nodes = append(p.nodes, &node{name: o.Name, facts: o.Facts})
	}
	return p.notBoostable()
}

func farmsAgree(p *pair) pairs.Finding {
	for _, n := range p.nodes {
		if n.fact("farms") == unknown {
			return pairs.Unseen("what listens on the VIPs of "+n.name, unknown)
		}
	}
	if p.backup.fact("role") != "backup" {
		return pairs.Skip(p.backup.name + " is in maintenance mode")
	}
	if missing := without(p.master.words("farms"), p.backup.words("farms")); len(missing) > 0 {
		return pairs.Unfit(fmt.Sprintf("%s does not have all farms up", p.backup.name), "nothing listens there on "+strings.Join(missing, ", "),
			"start them, or take them down on "+p.master.name+" too: they would be lost with the switchover")
	}
	return pairs.Pass("what listens on MASTER's VIPs listens on the other node's too")
}

func arpTells(p *pair) pairs.Finding {
	var facts []string
	if !p.hasIPv6() || p.master.fact("arp") != "none" || p.backup.fact("arp") != "none" {
		facts = append(facts, "arp")
	}
	if p.hasIPv6() {
		facts = append(facts, "nd")
	}
	var words []string
	for _, fact := range facts {
		what, takes := "ARP for the VIPs", "answers"
		if fact == "nd" {
			what, takes = "what comes for the IPv6 VIPs", "takes"
		}
		switch {
		case !p.tells(fact):
			return pairs.Unfit(what+" is not dropped where zup looks for it", fmt.Sprintf("%s: %s, %s: %s", p.master.name, p.master.fact(fact), p.backup.name, p.backup.fact(fact)),
				"roles are judged by node_status and keepalived alone")
		case p.backup.fact("role") == "backup":
			words = append(words, "the backup drops "+what+", MASTER does not")
		default:
			words = append(words, "MASTER "+takes+" "+what+", the other node does not")
		}
	}
	return pairs.Pass(strings.Join(words, "; "))
}

func vipsAgree(p *pair) pairs.Finding {
	a, b := p.master.words("vips"), p.backup.words("vips")
	slices.Sort(a)
	slices.Sort(b)
	if slices.Equal(a, b) {
		return pairs.Pass("both nodes have the same VIPs")
	}
	return pairs.Unfit("the nodes have different VIPs", fmt.Sprintf("%s: %s, %s: %s", p.master.name, list(a), p.backup.name, list(b)), "see that replication works")
}

func namesAreDistinct(p *pair) pairs.Finding {
	a, b := p.nodes[0].name, p.nodes[1].name
	if strings.Contains(a, b) || strings.Contains(b, a) {
		return pairs.Unfit("one node's name is part of the other's", a+" and "+b,
			"the updater then takes the wrong address for its own protection; zup's block on MASTER is what holds")
	}
	return pairs.Pass("neither name is part of the other")
}

func configurationsAgree(p *pair) pairs.Finding {
	a, b := p.master.fact("digest"), p.backup.fact("digest")
	switch {
	case a == unknown || b == unknown:
		return pairs.Unseen("whether the nodes' configurations agree", unknown)
	case p.master.fact("version") != p.backup.fact("version"):
		if p.needs(p.master) && p.master.fact("replication") == "running" {
			return pairs.Unfit(fmt.Sprintf("%s runs %s while %s still replicates the configuration of %s to it", p.backup.name, p.backup.fact("version"), p.master.name, p.master.fact("version")), "",
				"it may have lost what its update migrated; zup can't tell")
		}
		return pairs.Skip("the nodes run different versions")
	case a == b:
		return pairs.Pass("the nodes' configurations agree")
	}
	return pairs.Unfit("the nodes' configurations differ although they run the same version", "",
		"the plan pushes that of "+p.master.name+" to "+p.backup.name+", as replication would")
}

// elsewhere is what the product says of the cluster where the other node is asked.
const elsewhere = "elsewhere"

func statusIsKnown(p *pair) pairs.Finding {
	if !slices.ContainsFunc(p.nodes, func(n *node) bool { return n.fact("status") != elsewhere }) {
		return pairs.Unseen("what the product says of the cluster (no node was MASTER when they were asked)", unknown)
	}
	for _, n := range p.nodes {
		if n.fact("status") == unknown {
			return pairs.Unseen("what the product says of the cluster (asked on "+n.name+")", unknown)
		}
	}
	return pairs.Pass("the product answers for the cluster's status")
}

func without(all, present []string) []string {
	var missing []string
	for _, one := range all {
		if !slices.Contains(present, one) {
			missing = append(missing, one)
		}
	}
	return missing
}

func number(s string) int {
	n, err := strconv.Atoi(s)
	if err != nil {
		return 0
	}
	return n
}

func validAddress(s string) bool {
	addr, err := netip.ParseAddr(s)
	return err == nil && addr.Zone() == ""
}

// sameAddress compares two addresses however they are written; a name is not an address.
func sameAddress(a, b string) bool {
	x, errX := netip.ParseAddr(a)
	y, errY := netip.ParseAddr(b)
	return a == b || errX == nil && errY == nil && x.Unmap() == y.Unmap()
}
