package zevenet

import (
	"fmt"
	"slices"
	"strings"

	"zup/plan"
)

// finding is what a rule says about a node or the pair.
type finding struct {
	status  plan.Status
	detail  string // what was seen; of a passed rule nothing that changes by the minute
	summary string // of a rule that did not pass: what is wrong, in one sentence
	hint    string // and what to do next
	rule    bool   // it is the pair that is not fit; otherwise something is wrong with the way in or the configuration
}

func pass(detail string) finding { return finding{status: plan.Passed, detail: detail} }

func skip(detail string) finding { return finding{status: plan.Skipped, detail: detail} }

// unfit is a finding about the health of the pair.
func unfit(summary, detail, hint string) finding {
	return finding{plan.Failed, detail, summary, hint, true}
}

// mistaken is a finding about the configuration or the way in.
func mistaken(summary, detail, hint string) finding {
	return finding{plan.Failed, detail, summary, hint, false}
}

// unseen is a finding that could not be made.
func unseen(what, fact string) finding {
	return finding{plan.Error, fact, what + " could not be found out", "", true}
}

// otherwise is what becomes of a plan when a rule does not pass.
type otherwise string

// What does not pass and is waived becomes part of the plan, with the reason. A
// refusal may be waived only where the plan itself looks again at what the rule is
// about, before anything is changed on the nodes:
//
//   - disk: refresh proves that apt's own reckoning has room, and stops the run
//   - lock: the preflight gate of a pair and every update require the locks to be free
//
// Everything else keeps users served, or keeps what is on the nodes from being lost.
const (
	refuses  otherwise = "refused"
	waivable otherwise = "refused, or waived"
	warns    otherwise = "a warning, or waived"
)

// nodeRule looks at one node.
type nodeRule struct {
	name      string
	otherwise otherwise
	look      func(*pair, *node) finding
	about     string // what passes, for the documentation
}

// pairRule looks at both.
type pairRule struct {
	name      string
	otherwise otherwise
	look      func(*pair) finding
	about     string // what passes, for the documentation
}

// stage is a set of rules that make sense once those of the stages before have
// passed. All of a stage are looked at, so that all mistakes come at once.
type stage struct {
	nodes []nodeRule
	pair  []pairRule
}

// stages is everything that is looked at before a plan is made, in order.
func stages() []stage {
	return []stage{
		{nodes: []nodeRule{
			{"root", refuses, isRoot, "commands run as root there, directly or with sudo -n"},
			{"hostname", refuses, isTheNode, "the node's own name is its label"},
			{"product", refuses, hasProduct, "the product and its updater are installed"},
		}},
		{nodes: []nodeRule{
			{"clustered", refuses, isClustered, "the node is in a cluster"},
			{"members", refuses, hasMembers, "its cluster is formed by the two configured nodes"},
			{"cluster-address", refuses, hasOwnAddress, "it has its cluster address"},
			{"not-a-vip", refuses, isNoVIP, "its management address is no VIP"},
			{"version", refuses, hasVersion, "dpkg and the product agree on a version that zup knows, of the planned one's major version and not newer than it"},
			{"updater", refuses, canUpdate, "what the updater can do is known (read from it)"},
		}},
		{pair: []pairRule{{"roles", refuses, hasOneMaster, "exactly one node is MASTER"}}},
		{
			nodes: []nodeRule{
				{"role-agrees", refuses, roleAgrees, "the role file and keepalived agree"},
				{"maintenance", refuses, maintenanceIsOurs, "nobody is in maintenance mode, unless zup left it so"},
				{"keepalived", refuses, oneKeepalived, "one keepalived runs"},
				{"peer-ssh", refuses, reachesPeer, "each node gets into the other over ssh, and it is the other"},
				{"replication", refuses, replicatesOnMaster, "the configuration is replicated from MASTER and not from BACKUP"},
				{"licence", refuses, isLicensed, "the licence certificate is there and has not expired"},
				{"dpkg", refuses, dpkgIsClean, "`dpkg --audit` is silent"},
				{"holds", refuses, isNotHeld, "the product's package is not held back"},
				{"lock", waivable, aptIsFree, "nobody holds apt's or dpkg's locks"},
				{"disk", waivable, hasRoom, "at least 200 MiB are free wherever an update writes"},
				{"leftovers", refuses, hasNoLeftovers, "with a `package` block: no other image in the updates directory would win over it"},
				{"image-room", refuses, hasImageRoom, "with a `package` block: there is room for the image besides"},
				{"clock", warns, clockAgrees, "the clock is less than a minute off"},
				{"images", warns, hasNoImages, "no offline image lies in the updates directory"},
				{"reboot", warns, needsNoReboot, "no reboot is pending, or the plan has it"},
				{"save", warns, canSave, "the product can save its configuration"},
			},
			pair: []pairRule{
				{"image", refuses, hasImage, "with a `package` block: the image can be read, has the configured SHA-256 and a name that the updater takes"},
				{"libwrap", refuses, blockCanHold, "MASTER's sshd heeds hosts.deny"},
				{"hosts-allow", refuses, allowDoesNotVoid, "no line of MASTER's hosts.allow would void the block"},
				{"failback", refuses, failbackAgrees, "both nodes have the same cluster settings, and the wanted MASTER does not contradict them"},
				{"reboot-order", refuses, rebootIsPossible, "with `reboot`: a node stays out of the way until it is back and proven healthy"},
				{"boost", refuses, boostIsPossible, "with `boost`: keepalived.conf has one priority line on both nodes"},
				{"farms", refuses, farmsAgree, "whatever listens on MASTER's VIPs listens on BACKUP's too"},
				{"arp", warns, arpTells, "ARP for the VIPs is dropped on BACKUP and not on MASTER"},
				{"vips", warns, vipsAgree, "both nodes have the same VIPs"},
				{"names", warns, namesAreDistinct, "neither node's name is part of the other's (the updater then takes a wrong address)"},
				{"configuration", warns, configurationsAgree, "the replicated configurations agree"},
				{"bridge", refuses, bridgeAnswers, "the product answers under the names that nobody has verified"},
				{"cluster-status", warns, statusIsKnown, "the product answers for the cluster's status"},
			},
		},
	}
}

// Rule is a rule that is looked at before a plan is made.
type Rule struct {
	Name      string
	About     string // what passes
	Otherwise string // what becomes of the plan if it does not
	Pair      bool   // it is about the pair, not about each node
}

// Rules lists every rule, in the order in which they are looked at.
func (Provider) Rules() []Rule {
	var all []Rule
	for _, s := range slices.Concat(stages(), stagesAlone()) {
		for _, r := range s.nodes {
			if !slices.ContainsFunc(all, func(of Rule) bool { return of.Name == r.name }) {
				all = append(all, Rule{r.name, r.about, string(r.otherwise), false})
			}
		}
		for _, r := range s.pair {
			all = append(all, Rule{r.name, r.about, string(r.otherwise), true})
		}
	}
	return all
}

// Checks implements plan.Provider.
func (pr Provider) Checks() []plan.CheckRule {
	var all []plan.CheckRule
	for _, r := range pr.Rules() {
		all = append(all, plan.CheckRule{Name: r.Name, About: r.About, Pair: r.Pair, Waivable: otherwise(r.Otherwise) != refuses})
	}
	return all
}

// verdict is everything that the rules found.
type verdict struct {
	checks   []plan.Check
	refusals []plan.Refusal
	warnings []string
	waived   []plan.Waiver
}

// judge looks at the pair, stage by stage, and stops after the first stage that
// refuses.
func judge(p *pair, stages []stage) verdict {
	var v verdict
	for _, s := range stages {
		for _, r := range s.nodes {
			for _, n := range p.nodes {
				v.add(p, n.name, r.name, r.otherwise, r.look(p, n))
			}
		}
		for _, r := range s.pair {
			v.add(p, "", r.name, r.otherwise, r.look(p))
		}
		if len(v.refusals) > 0 {
			break
		}
	}
	slices.SortFunc(v.checks, func(a, b plan.Check) int { return strings.Compare(a.ID, b.ID) })
	return v
}

func (v *verdict) add(p *pair, node, name string, or otherwise, f finding) {
	if f.status == "" { // not about a cluster like this one
		return
	}
	id := p.cfg.Name + "." + name
	if node != "" {
		id = p.cfg.Name + "." + node + "." + name
	}
	v.checks = append(v.checks, plan.Check{ID: id, Status: f.status, Detail: f.detail})
	if f.status == plan.Passed || f.status == plan.Skipped {
		return
	}
	switch {
	case or != refuses && p.situation.Waives(id):
		v.waived = append(v.waived, plan.Waiver{Name: id, What: f.text(node)})
	case or == warns:
		text := f.text(node)
		if f.hint != "" {
			text += "; " + f.hint
		}
		v.warnings = append(v.warnings, text)
	default:
		refusal := plan.Refusal{
			Cluster: p.cfg.Name, Node: node, Check: name,
			Summary: f.summary, Detail: f.detail, Hint: f.hint, Rule: f.rule,
		}
		if or == waivable {
			refusal.Waiver = id
		}
		v.refusals = append(v.refusals, refusal)
	}
}

// text is what is wrong, in a sentence.
func (f *finding) text(node string) string {
	if node == "" {
		return f.summary
	}
	return node + " " + f.summary
}

func isRoot(_ *pair, n *node) finding {
	if n.fact("uid") == "0" {
		return pass("commands run as root")
	}
	return mistaken("commands do not run as root there", "uid "+n.fact("uid"),
		"use root, or a user whom sudo -n lets become root")
}

func isTheNode(p *pair, n *node) finding {
	if got := n.fact("hostname"); got != n.name {
		return mistaken("another machine answers at its address",
			fmt.Sprintf("%s says that it is %q", n.cfg.Address, got),
			"correct the label or the address of the node")
	}
	return pass("the node's own name is " + n.name)
}

func hasProduct(p *pair, n *node) finding {
	got := n.fact("product")
	if other := p.product.sibling(strings.TrimPrefix(got, "other ")); other != nil {
		return mistaken("does not run "+p.product.title+" but "+other.title, p.product.root+" is not there, "+other.root+" is",
			fmt.Sprintf("write cluster %q instead of cluster %q", other.name, p.product.name))
	}
	if path, ok := strings.CutPrefix(got, "without "); ok {
		return mistaken("lacks a command of "+p.product.title, path+" can't be executed", "repair the installation first; where the vendor has renamed it, zup does not know the new name yet")
	}
	switch got {
	case "yes":
		return pass(p.product.title + " with its updater")
	case "no-updater":
		return mistaken("has no updater", p.product.updater+" is not there or can't be executed", p.product.withoutUpdater())
	default:
		return mistaken("does not run "+p.product.title, p.product.root+" is not there", "correct the provider or the address of the node")
	}
}

func isClustered(p *pair, n *node) finding {
	if n.fact("clustered") == "yes" {
		return pass("node_status and cluster.conf are there")
	}
	return mistaken("is not in a cluster", "no node_status, or fewer than two nodes in cluster.conf",
		"create the cluster in the product first, or configure the node alone")
}

func hasMembers(p *pair, n *node) finding {
	var names []string
	for _, word := range n.words("nodes") {
		name, _, _ := strings.Cut(word, "=")
		names = append(names, name)
	}
	want := []string{p.nodes[0].name, p.nodes[1].name}
	slices.Sort(want)
	slices.Sort(names)
	if !slices.Equal(names, want) {
		return mistaken("is clustered with somebody else",
			fmt.Sprintf("its cluster.conf has %s, the configuration has %s", list(names), list(want)),
			"configure the two nodes that form the cluster")
	}
	if validAddress(p.address(n)) && validAddress(p.address(p.peer(n))) {
		return pass("cluster.conf has " + list(want))
	}
	return unfit("has no usable addresses in cluster.conf", n.fact("nodes"), "correct the cluster in the product first")
}

func hasOwnAddress(p *pair, n *node) finding {
	if addr := n.fact("own_address"); addr != p.address(n) {
		return unfit("does not have its own cluster address", addr, "bring its cluster interface up first")
	}
	return pass("has its cluster address " + p.address(n))
}

func isNoVIP(_ *pair, n *node) finding {
	if slices.Contains(n.words("vips"), n.cfg.Address) {
		return mistaken("its address is a VIP", n.cfg.Address+" changes hands with the role", "use the node's own management address")
	}
	return pass("its management address is no VIP")
}

func hasVersion(p *pair, n *node) finding {
	v, target := n.fact("version"), p.cfg.Version
	pkg := n.fact("package")
	switch {
	case v == unknown:
		return unseen("the version", "no $version in global.conf")
	case !strings.HasPrefix(pkg, "ii "):
		return unfit("has a package that is not installed whole", fmt.Sprintf("dpkg says %q for %s", pkg, p.product.pkg),
			"run dpkg --configure -a there, look at its output, and plan again")
	case pkg != "ii "+v:
		return unfit("does not know which version it runs", fmt.Sprintf("dpkg has %s, global.conf has %s", strings.TrimPrefix(pkg, "ii "), v),
			"an earlier update did not end: repair it with the vendor before anything else")
	case !atLeast(v, p.product.floor):
		return unfit("runs a version below "+p.product.floor, v, p.product.belowFloor())
	case !atLeast(target, v):
		return unfit("would be downgraded", fmt.Sprintf("it runs %s, the configuration wants %s", v, target),
			"a way back to an older version is a snapshot, not the updater")
	case major(v) != major(target):
		return unfit("can't reach the planned version in one step", fmt.Sprintf("it runs %s, the configuration wants %s", v, target), p.product.overMajors(v, target))
	}
	return pass("runs " + v)
}

func hasOneMaster(p *pair) finding {
	var masters []string
	for _, n := range p.nodes {
		if n.fact("role") == "master" {
			masters = append(masters, n.name)
		}
	}
	roles := fmt.Sprintf("%s is %s, %s is %s", p.nodes[0].name, p.nodes[0].fact("role"), p.nodes[1].name, p.nodes[1].fact("role"))
	switch len(masters) {
	case 0:
		return unfit("no node is MASTER", roles, "find out why with the product's own means; nothing may be updated while nobody is known to serve")
	case 2:
		for _, n := range p.nodes {
			if f := roleAgrees(p, n); f.status == plan.Failed {
				return unfit("both nodes call themselves MASTER, and "+n.name+" "+f.summary, roles+"; on "+n.name+": "+f.detail, f.hint)
			}
		}
		return unfit("split brain: both nodes are MASTER", roles, "restore the link between the nodes and see that one of them becomes backup")
	}
	p.assignRoles()
	return pass(p.master.name + " is MASTER")
}

// vrrpOf is the VRRP state that goes with a role of the product.
var vrrpOf = map[string]string{"master": "MASTER", "backup": "BACKUP", "maintenance": "FAULT"}

func roleAgrees(p *pair, n *node) finding {
	role, vrrp := n.fact("role"), n.fact("vrrp")
	switch {
	case role == "stopped":
		return unfit("its service is stopped or restarting", "node_status is empty", "start it with "+p.product.service+", or wait")
	case vrrpOf[role] == "":
		return unseen("its role", fmt.Sprintf("node_status says %q", role))
	case vrrp == unknown:
		return unseen("what its keepalived thinks", "keepalived did not write its data")
	case vrrp != vrrpOf[role]:
		return unfit("disagrees with itself about its role", fmt.Sprintf("node_status says %s, keepalived says %s", role, vrrp),
			"a notification was lost or the file is stale: restart its service at a time of your choice")
	}
	return pass("node_status and keepalived agree")
}

func maintenanceIsOurs(p *pair, n *node) finding {
	flag, role := n.fact("maintenance"), n.fact("role")
	switch {
	case flag == unknown:
		return unseen("whether it is in maintenance mode", unknown)
	case flag == "no" && role != "maintenance":
		return pass("it is not in maintenance mode")
	case p.ours(n, "maintenance"):
		return pass("an earlier run of zup put it into maintenance mode")
	case flag == "yes":
		return unfit("is in maintenance mode, and zup did not put it there", "", "ask who did, and take it out in the product when they agree")
	}
	return unfit("is in a fault state", "node_status says maintenance without anybody having asked for it: a tracked interface is down",
		"look at its interfaces; the product calls a keepalived FAULT maintenance")
}

func oneKeepalived(p *pair, n *node) finding {
	switch got := n.fact("keepalived"); got {
	case "1":
		return pass("one keepalived runs")
	case unknown:
		return unseen("whether keepalived runs", got)
	case "0":
		return unfit("keepalived does not run there", "", "start its service with "+p.product.service)
	default:
		return unfit("runs keepalived more than once", got+" of them", "two of them fight for ever: restart its service at a time of your choice")
	}
}

func reachesPeer(p *pair, n *node) finding {
	peer := p.peer(n)
	got := n.fact("peer_ssh")
	switch {
	case got == "ok "+peer.name:
		return pass("gets into " + peer.name + " over ssh")
	case strings.HasPrefix(got, "ok "):
		return unfit("reaches another machine at its peer's address", fmt.Sprintf("%s answers as %q", p.address(peer), strings.TrimPrefix(got, "ok ")),
			"correct cluster.conf in the product first")
	case got == "refused" && peer.fact("deny") == "present":
		return skip("an earlier attempt left a line in " + peer.name + "'s hosts.deny that keeps it out")
	case got == unknown:
		return unseen("whether it gets into "+peer.name+" over ssh", got)
	}
	return unfit("does not get into "+peer.name+" over ssh", got+unterminatedNote(peer),
		fmt.Sprintf("on %s: ssh root@%s true", n.name, p.address(peer)))
}

func unterminatedNote(n *node) string {
	for _, table := range []string{"hosts_allow", "hosts_deny"} {
		if text, ok := tableText(n.fact(table)); ok && unterminated(text) {
			return fmt.Sprintf("; the last line of /etc/%s on %s has no line feed, and libwrap then denies everybody whom no earlier line allows",
				strings.Replace(table, "_", ".", 1), n.name)
		}
	}
	return ""
}

func replicatesOnMaster(p *pair, n *node) finding {
	got := n.fact("replication")
	switch {
	case got == unknown:
		return unseen("whether it replicates its configuration", got)
	case n == p.master && got == "running":
		return pass("replicates its configuration, as MASTER does")
	case n == p.master:
		return skip("does not replicate its configuration; the plan deals with that")
	case got == "off":
		return pass("does not replicate its configuration, as it must be")
	}
	return unfit("replicates its configuration although it is not MASTER", "it would overwrite that of "+p.master.name,
		"end its "+p.product.replicator+" and find out who started it")
}

func isLicensed(p *pair, n *node) finding {
	got := n.fact("licence")
	switch {
	case strings.HasPrefix(got, "valid "):
		return pass(got)
	case !p.needs(n):
		return skip("it needs no update")
	case got == unknown:
		return unseen("its licence", got)
	}
	return unfit("has no valid licence", got, "the package refuses to install without one: renew "+p.product.licence)
}

func dpkgIsClean(_ *pair, n *node) finding {
	switch got := n.fact("audit"); got {
	case "clean":
		return pass("dpkg --audit has nothing to say")
	case unknown:
		return unseen("what dpkg --audit says", got)
	default:
		return unfit("has packages in a broken state", "dpkg --audit: "+got, "repair them there (dpkg --configure -a) and plan again")
	}
}

func isNotHeld(p *pair, n *node) finding {
	held := n.words("holds")
	switch {
	case n.fact("holds") == unknown:
		return unseen("which packages are held back", unknown)
	case slices.Contains(held, p.product.pkg) && p.needs(n):
		return unfit("holds the package back that is to be updated", strings.Join(held, " "), "on it: apt-mark unhold "+p.product.pkg)
	case len(held) > 0:
		return pass("holds back " + list(held) + ", not the product")
	}
	return pass("no package is held back")
}

func aptIsFree(p *pair, n *node) finding {
	switch got := n.fact("lock"); {
	case got == "free":
		return pass("nobody holds apt's or dpkg's locks")
	case !p.needs(n):
		return skip("it needs no update")
	case got == unknown:
		return unseen("who holds apt's and dpkg's locks", got)
	default:
		return unfit("apt or dpkg is at work there", got, "wait until it is done (the product looks for updates every night) and plan again")
	}
}

func canSave(p *pair, n *node) finding {
	switch {
	case !p.needs(n):
		return skip("it needs no update")
	case n.fact("saver") == "yes":
		return pass("the product can save its configuration")
	case p.product.saver == "":
		return skip("nobody knows how " + p.product.title + " saves its configuration")
	}
	return unfit("can't save its configuration before the update", p.product.saver+" is not there", "")
}

// minFreeKiB is what must be free on every file system that an update writes
// to. What apt will really need is compared once its lists are fresh.
const minFreeKiB = 200 << 10

func hasRoom(p *pair, n *node) finding {
	if !p.needs(n) {
		return skip("it needs no update")
	}
	mounts := n.words("disk")
	if len(mounts) == 0 {
		return unseen("how much disk is free", n.fact("disk"))
	}
	for _, word := range mounts {
		mount, free, _ := strings.Cut(word, "=")
		if kib := number(free); kib < minFreeKiB {
			return unfit("has too little free disk", fmt.Sprintf("%d MiB on %s, at least %d MiB are wanted", kib>>10, mount, minFreeKiB>>10),
				"make room there: an update that runs out of disk restarts the services without updating them")
		}
	}
	return pass(fmt.Sprintf("at least %d MiB are free", minFreeKiB>>10))
}

func list(words []string) string {
	if len(words) == 0 {
		return "nothing"
	}
	return strings.Join(words, " and ")
}
