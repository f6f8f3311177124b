package keepalived

import (
	"fmt"
	"slices"
	"strconv"
	"strings"

	"zup/plan/shell"
	pairs "zup/providers/pair"
)

type (
	finding = pairs.Finding
	stage   = pairs.Stage[*pair, *node]
)

// stages is everything that is looked at before a plan is made, in order. What may be waived
// is looked at again by the plan itself: see pairs.Waivable.
func stages() []stage {
	return []stage{
		{
			{Name: "root", Otherwise: pairs.Refuses, Node: isRoot, About: "commands run as root there, directly or with sudo -n"},
			{Name: "hostname", Otherwise: pairs.Refuses, Node: isTheNode, About: "the node's own name is its label"},
			{Name: "system", Otherwise: pairs.Refuses, Node: isDebian, About: "it is Debian, or Ubuntu, with systemd"},
			{Name: "keepalived", Otherwise: pairs.Refuses, Node: hasKeepalived, About: "one keepalived runs, and says what its instances do; or it was stopped by a run of zup's that did not end"},
		},
		{
			{Name: "instances", Otherwise: pairs.Refuses, Node: hasFitInstances, About: "no instance has use_vmac, a priority of 255 or no virtual IP"},
			{Name: "same-instances", Otherwise: pairs.Refuses, Pair: instancesAgree, About: "both nodes have the same instances with the same virtual IPs"},
		},
		{{Name: "roles", Otherwise: pairs.Refuses, Pair: hasOneMaster, About: "one node is MASTER of every instance and has every virtual IP, the other one is BACKUP of all and has none"}},
		{
			{Name: "dpkg", Otherwise: pairs.Refuses, Node: dpkgIsClean, About: "`dpkg --audit` is silent, or what it names was begun by an update of zup's on a node that is not MASTER: the plan finishes that"},
			{Name: "installed", Otherwise: pairs.Refuses, Node: hasPackages, About: "every package of `packages` is installed: zup updates, it does not set up"},
			{Name: "holds", Otherwise: pairs.Refuses, Node: isNotHeld, About: "none of the packages is held back"},
			{Name: "removals", Otherwise: pairs.Refuses, Node: removesNothing, About: "apt can install the wanted versions, and removes nothing for them"},
			{Name: "configuration", Otherwise: pairs.Refuses, Node: isValid, About: "haproxy -c, nginx -t and keepalived -t have nothing against the configuration files"},
			{Name: "lock", Otherwise: pairs.Waivable, Node: aptIsFree, About: "nobody holds apt's or dpkg's locks"},
			{Name: "disk", Otherwise: pairs.Waivable, Node: hasRoom, About: "at least 200 MiB are free wherever an update writes"},
			{Name: "services", Otherwise: pairs.Refuses, Node: servicesRun, About: "whatever is enabled of the known services runs"},
			{Name: "offers", Otherwise: pairs.Warns, Node: isOffered, About: "the package lists have the wanted versions already"},
			{Name: "way-back", Otherwise: pairs.Warns, Node: hasWayBack, About: "a repository still has the installed versions"},
			{Name: "clock", Otherwise: pairs.Warns, Node: clockAgrees, About: "the clock is less than a minute off"},
			{Name: "reboot", Otherwise: pairs.Warns, Node: needsNoReboot, About: "no reboot is pending"},
			{Name: "listens", Otherwise: pairs.Refuses, Pair: backupListens, About: "whatever listens on MASTER's virtual IPs listens on BACKUP's too, before it has them"},
			{Name: "way", Otherwise: pairs.Refuses, Pair: hasWay, About: "there is a way to move MASTER that keeps it serving until the other node does, or that `drain` asks for"},
			{Name: "master", Otherwise: pairs.Refuses, Pair: masterIsPossible, About: "the wanted MASTER is the node that takes the role by itself, if there is one"},
			{Name: "drift", Otherwise: pairs.Warns, Pair: configurationsAgree, About: "the configuration files of HAProxy and nginx are the same on both nodes"},
		},
	}
}

func isRoot(_ *pair, n *node) finding {
	switch got := n.fact("uid"); got {
	case "0":
		return pairs.Pass("commands run as root")
	case unknown:
		return pairs.Unseen("as whom commands run", got)
	default:
		return pairs.Mistaken("does not run commands as root", "uid "+got, "log in as root, or let the account use sudo without a password")
	}
}

func isTheNode(_ *pair, n *node) finding {
	if got := n.fact("hostname"); !strings.EqualFold(got, n.name) {
		return pairs.Mistaken("is another machine", fmt.Sprintf("it says that it is %q", got), "correct the label or the address of the node")
	}
	return pairs.Pass("it says that it is " + n.name)
}

func isDebian(_ *pair, n *node) finding {
	system := n.fact("system")
	name, _, _ := strings.Cut(system, " ")
	switch {
	case system == unknown:
		return pairs.Unseen("which system it has", system)
	case name != "debian" && name != "ubuntu":
		return pairs.Mistaken("has neither Debian nor Ubuntu", system, "zup updates packages with apt there; it knows no other way")
	case n.fact("supervisor") != "systemd":
		return pairs.Mistaken("does not run systemd", system, "Debian's other script for keepalived leaves it dead after a restart")
	}
	return pairs.Pass(system + " with systemd")
}

func hasKeepalived(p *pair, n *node) finding {
	switch got := n.fact("keepalived"); {
	case got == unknown:
		return pairs.Unseen("whether keepalived runs", got)
	case got == "0" && p.ours(n, markStopped):
		return pairs.Pass("zup has stopped keepalived there, and the plan starts it again")
	case got == "0":
		return pairs.Unfit("does not run keepalived", "", "start it, and find out why it does not run: systemctl status keepalived")
	case got != "1":
		return pairs.Unfit("runs keepalived more than once", got+" of them", "two of them flap for ever: end one")
	case len(n.instances) == 0:
		return pairs.Unseen("what keepalived says of its VRRP instances", n.fact("instances"))
	}
	return pairs.Pass("keepalived runs and answers")
}

func hasFitInstances(p *pair, n *node) finding {
	for i := range n.instances {
		of := &n.instances[i]
		switch {
		case of.VMAC:
			return pairs.Unfit("has use_vmac in "+of.Name, "", "virtual IPs were black-holed in two of four moves with it: take it out, or move the role by hand")
		case of.Priority == 255 || of.Effective == 255:
			return pairs.Unfit("has priority 255 in "+of.Name, "", "that is the owner of the addresses, who never gives the role away: use 254 at most")
		case len(of.VIPs) == 0:
			return pairs.Unfit("has no virtual IP in "+of.Name, "", "nothing proves then that the role is there: give it one")
		}
	}
	return pairs.Pass(fmt.Sprintf("%d of them, with %d virtual IPs", len(n.instances), len(n.words("vips"))))
}

func instancesAgree(p *pair) finding {
	a, b := p.nodes[0], p.nodes[1]
	if len(a.instances) == 0 || len(b.instances) == 0 {
		return pairs.Skip("keepalived is stopped on one of them")
	}
	if x, y := a.shape(), b.shape(); !slices.Equal(x, y) {
		return pairs.Unfit("the nodes have different instances or virtual IPs",
			fmt.Sprintf("only %s: %s; only %s: %s", a.name, list(without(x, y)), b.name, list(without(y, x))), "correct keepalived.conf of one of them")
	}
	return pairs.Pass("both nodes have the same")
}

// shape is what both nodes must have in common of their instances.
func (n *node) shape() []string {
	var all []string
	for i := range n.instances {
		vips := slices.Sorted(slices.Values(n.instances[i].VIPs))
		all = append(all, n.instances[i].Name+" with "+strings.Join(vips, " "))
	}
	slices.Sort(all)
	return all
}

func hasOneMaster(p *pair) finding {
	var masters, others []*node
	var seen []string
	for _, n := range p.nodes {
		seen = append(seen, n.describe())
		switch role := n.fact("role"); {
		case role == "master":
			masters = append(masters, n)
		case role == "backup", role == "halted" && p.ours(n, markStopped):
			others = append(others, n)
		}
	}
	detail := strings.Join(seen, "; ")
	switch {
	case len(masters) == 2:
		return pairs.Unfit("both nodes are MASTER", detail, "they do not hear each other's advertisements: look at the network and the firewall between them (VRRP is IP protocol 112)")
	case len(masters) == 1 && len(others) == 1:
		p.master, p.backup = masters[0], others[0]
		return pairs.Pass(p.master.name + " is MASTER")
	case slices.ContainsFunc(p.nodes, func(n *node) bool { return n.fact("vrrp") == "mixed" }):
		return pairs.Unfit("the instances are split between the nodes", detail, "zup moves all of them together: give each node the same order of priorities in every instance, or put them into one vrrp_sync_group")
	case len(masters) == 0:
		return pairs.Unfit("no node is MASTER with all of its virtual IPs", detail, "look at the logs of keepalived on both: journalctl -u keepalived")
	}
	return pairs.Unfit("the other node is not BACKUP", detail, "it could not take over: look at the log of keepalived there: journalctl -u keepalived")
}

// describe says how a node is: every instance with its state, and the VIPs that it has.
func (n *node) describe() string {
	var all []string
	for i := range n.instances {
		all = append(all, n.instances[i].Name+" "+n.instances[i].State)
	}
	if len(all) == 0 {
		all = []string{"keepalived " + n.fact("vrrp")}
	}
	return fmt.Sprintf("%s: %s, virtual IPs there: %s", n.name, strings.Join(all, ", "), n.fact("vips_here"))
}

func dpkgIsClean(p *pair, n *node) finding {
	switch got := n.fact("audit"); {
	case got == "clean":
		return pairs.Pass("dpkg --audit has nothing to say")
	case got == unknown:
		return pairs.Unseen("what dpkg --audit says", got)
	case p.isHalf(n) && !p.backsOut && n.fact("role") != "master":
		return pairs.Pass("zup's update did not end there, and the plan finishes it: " + got)
	default:
		return pairs.Unfit("has packages that are not installed whole", "dpkg --audit: "+got, "on it: dpkg --configure -a, while the other node is MASTER; then plan again")
	}
}

func hasPackages(p *pair, n *node) finding {
	if n.fact("packages") == unknown {
		return pairs.Unseen("which packages it has", unknown)
	}
	var missing []string
	for _, word := range n.words("packages") {
		if name, version, _ := strings.Cut(word, "="); version == "none" {
			missing = append(missing, name)
		}
	}
	if missing != nil {
		return pairs.Mistaken("does not have "+list(missing), "dpkg has no such package installed", "correct packages, or install it there first")
	}
	return pairs.Pass("all of them are installed")
}

func isNotHeld(p *pair, n *node) finding {
	if n.fact("holds") == unknown {
		return pairs.Unseen("which packages are held back", unknown)
	}
	var held []string
	for _, name := range n.words("holds") {
		if _, wanted := p.settings.Packages[name]; wanted && p.needs(n) {
			held = append(held, name)
		}
	}
	if held != nil {
		return pairs.Unfit("holds back "+list(held), "", "on it: "+shell.Command(append([]string{"apt-mark", "unhold"}, held...)...))
	}
	return pairs.Pass("none of them is held back")
}

// offersAll reports whether the package lists of a node have every wanted version.
func (p *pair) offersAll(n *node) bool { return n.fact("offers") == p.wantedPackages() }

func removesNothing(p *pair, n *node) finding {
	changes := n.fact("simulated")
	switch {
	case !p.needs(n):
		return pairs.Skip("it needs no update")
	case !p.offersAll(n):
		return pairs.Skip("asked once its package lists are refreshed")
	case changes == unknown:
		return pairs.Unseen("what apt would do", changes)
	case strings.HasPrefix(changes, "error"):
		return pairs.Unfit("can't install the wanted versions", strings.TrimSpace(strings.TrimPrefix(changes, "error")), "ask it there: "+p.simulation())
	case n.fact("removals") != "none":
		return pairs.Unfit("would lose "+list(n.words("removals"))+" with its update", "", "zup removes nothing: ask apt there what is in the way: "+p.simulation())
	}
	return pairs.Pass("apt removes nothing for them")
}

// simulation is the command that says what apt would do.
func (p *pair) simulation() string {
	return shell.Command(append([]string{"apt-get", "-s", "install"}, p.settings.words()...)...)
}

func isValid(_ *pair, n *node) finding {
	switch got := n.fact("valid"); got {
	case "ok":
		return pairs.Pass("the programs can read their configuration files")
	case unknown:
		return pairs.Unseen("whether its configuration files are right", got)
	default:
		return pairs.Unfit("has a configuration that its program refuses or complains of", got, "correct it: with the next restart the service might not come back as it is")
	}
}

func aptIsFree(p *pair, n *node) finding {
	switch got := n.fact("lock"); {
	case got == "free":
		return pairs.Pass("nobody holds apt's or dpkg's locks")
	case !p.needs(n):
		return pairs.Skip("it needs no update")
	case got == unknown:
		return pairs.Unseen("who holds apt's and dpkg's locks", got)
	default:
		return pairs.Unfit("has apt or dpkg at work", got, "wait until it is done and plan again")
	}
}

// minFreeKiB is what must be free on every file system that an update writes to. What apt
// will really need is compared once its lists are fresh.
const minFreeKiB = 200 << 10

func hasRoom(p *pair, n *node) finding {
	if !p.needs(n) {
		return pairs.Skip("it needs no update")
	}
	mounts := n.words("disk")
	if len(mounts) == 0 {
		return pairs.Unseen("how much disk is free", n.fact("disk"))
	}
	for _, word := range mounts {
		mount, free, _ := strings.Cut(word, "=")
		kib, err := strconv.ParseInt(free, 10, 64)
		if err != nil || kib < minFreeKiB {
			return pairs.Unfit("has too little free disk", fmt.Sprintf("%d MiB on %s, at least %d MiB are wanted", kib>>10, mount, minFreeKiB>>10), "make room there")
		}
	}
	return pairs.Pass(fmt.Sprintf("at least %d MiB are free", minFreeKiB>>10))
}

func servicesRun(_ *pair, n *node) finding {
	switch got := n.fact("dead"); got {
	case "none":
		return pairs.Pass("they run: " + list(n.words("services")))
	case unknown:
		return pairs.Unseen("which services are meant to run", got)
	default:
		return pairs.Unfit("does not run "+list(n.words("dead"))+", which is enabled", "", "start it, or disable it: "+shell.Command(append([]string{"systemctl", "status"}, n.words("dead")...)...))
	}
}

func isOffered(p *pair, n *node) finding {
	switch {
	case !p.needs(n):
		return pairs.Skip("it needs no update")
	case p.offersAll(n):
		return pairs.Pass("its package lists have them")
	}
	return pairs.Unfit("has package lists without "+list(without(p.settings.words(), n.words("offers"))), "", "what else its update brings is not known before they are refreshed; if they lack it then, the run stops before anything is touched")
}

func hasWayBack(p *pair, n *node) finding {
	if !p.needs(n) {
		return pairs.Skip("it needs no update")
	}
	if gone := without(n.words("packages"), append(n.words("returns"), p.settings.words()...)); len(gone) > 0 {
		return pairs.Unfit("runs "+list(gone)+", which no repository has any more", "", "there is no way back by packages: take a snapshot if you want one")
	}
	return pairs.Pass("a repository still has what it runs")
}

// maxSkew is how far a node's clock may be off before it is mentioned, seconds.
const maxSkew = 60

func clockAgrees(_ *pair, n *node) finding {
	d, err := strconv.Atoi(n.fact("skew"))
	if err != nil {
		return pairs.Unseen("the time there", n.fact("skew"))
	}
	if d > maxSkew || d < -maxSkew {
		return pairs.Unfit(fmt.Sprintf("has a clock that is more than %d s off", maxSkew), "", "times in its logs do not match the report")
	}
	return pairs.Pass(fmt.Sprintf("its clock is less than %d s off", maxSkew))
}

func needsNoReboot(_ *pair, n *node) finding {
	switch got := n.fact("reboot"); got {
	case "none":
		return pairs.Pass("no reboot is pending")
	case unknown:
		return pairs.Unseen("whether a reboot is pending", got)
	default:
		return pairs.Unfit("waits for a reboot ("+got+")", "", "zup does not reboot it")
	}
}

func backupListens(p *pair) finding {
	for _, n := range p.nodes {
		if n.fact("listens") == unknown && n.fact("role") != "halted" {
			return pairs.Unseen("what listens on the virtual IPs of "+n.name, unknown)
		}
	}
	switch missing := without(p.master.words("listens"), p.backup.words("listens")); {
	case p.backup.fact("role") == "halted":
		return pairs.Skip("keepalived is stopped on " + p.backup.name + ", and says which addresses are virtual")
	case len(p.master.words("listens")) == 0:
		return pairs.Unfit("nothing listens on the virtual IPs of "+p.master.name, "", "zup proves that the other node serves by what listens there: start it")
	case len(missing) > 0:
		return pairs.Unfit(p.backup.name+" does not listen wherever "+p.master.name+" does", "nothing listens there on "+list(missing),
			"it would have the addresses and refuse everybody. Let it bind to addresses that it does not have: net.ipv4.ip_nonlocal_bind = 1 in /etc/sysctl.d (it is "+strings.Join(p.backup.words("nonlocal"), " and ")+" there, for IPv4 and IPv6), or bind to the wildcard")
	}
	return pairs.Pass("what listens on MASTER's virtual IPs listens on the other node too")
}

func hasWay(p *pair) finding {
	if !p.moves() {
		return pairs.Skip("MASTER does not move")
	}
	w, why := p.wayTo(p.backup)
	if why != "" {
		return pairs.Unfit("there is no way to move MASTER from "+p.master.name, why, "see docs/keepalived.md for what each way needs")
	}
	return pairs.Pass(w.about(p.master))
}

func masterIsPossible(p *pair) finding {
	usual := p.usualMaster()
	switch {
	case usual == nil:
		return pairs.Pass("no node takes the role by itself while the other one serves")
	case p.cfg.Master != "" && p.cfg.Master != usual.name:
		return pairs.Unfit("master is "+p.cfg.Master+", and "+usual.name+" takes the role by itself", "it has the higher priority and no nopreempt",
			"change one of the two: master in the configuration, or the priorities")
	}
	return pairs.Pass(usual.name + " takes the role by itself: it has the higher priority")
}

func configurationsAgree(p *pair) finding {
	a, b := p.nodes[0], p.nodes[1]
	if a.fact("configs") == unknown || b.fact("configs") == unknown {
		return pairs.Unseen("whether the configuration files agree", unknown)
	}
	if files := differing(a.words("configs"), b.words("configs")); len(files) > 0 {
		return pairs.Unfit("the nodes have different "+list(files)+" in /etc", "", "nobody replicates them: see that the other node serves what this one does")
	}
	return pairs.Pass("they are the same")
}

// differing are the names of files whose digests are not the same, or that one side lacks.
func differing(a, b []string) []string {
	var names []string
	for _, word := range append(without(a, b), without(b, a)...) {
		name, _, _ := strings.Cut(word, "=")
		names = append(names, name)
	}
	slices.Sort(names)
	names = slices.Compact(names)
	if more := len(names) - 8; more > 0 {
		names = append(names[:8], fmt.Sprintf("%d more", more))
	}
	return names
}
