package zevenet

import (
	"slices"

	"zup/plan"
	pairs "zup/providers/pair"
)

// What is looked at before a plan is made is a table of checks, in stages: package pair
// has what they find, and what becomes of it. Two refusals may be waived, because the plan
// itself looks again at what they are about:
//
//   - disk: refresh proves that apt's own reckoning has room, and stops the run
//   - lock: the preflight gate of a pair and every update require the locks to be free
//
// Everything else keeps users served, or keeps what is on the nodes from being lost.
type (
	check = pairs.Check[*pair, *node]
	stage = pairs.Stage[*pair, *node]
)

// ofNode is a check of every node; about says what passes, for the documentation.
func ofNode(name string, otherwise pairs.Otherwise, look func(*pair, *node) pairs.Finding, about string) check {
	return check{Name: name, Otherwise: otherwise, About: about, Node: look}
}

// ofPair is a check of the pair.
func ofPair(name string, otherwise pairs.Otherwise, look func(*pair) pairs.Finding, about string) check {
	return check{Name: name, Otherwise: otherwise, About: about, Pair: look}
}

// stages is everything that is looked at before a plan is made, in order.
func stages() []stage {
	return []stage{
		{
			ofNode("root", pairs.Refuses, isRoot, "commands run as root there, directly or with sudo -n"),
			ofNode("hostname", pairs.Refuses, isTheNode, "the node's own name is its label"),
			ofNode("product", pairs.Refuses, hasProduct, "the product and its updater are installed"),
		},
		{
			ofNode("clustered", pairs.Refuses, isClustered, "the node is in a cluster"),
			ofNode("members", pairs.Refuses, hasMembers, "its cluster is formed by the two configured nodes"),
			ofNode("cluster-address", pairs.Refuses, hasOwnAddress, "it has its cluster address"),
			ofNode("not-a-vip", pairs.Refuses, isNoVIP, "its management address is no VIP"),
			ofNode("version", pairs.Refuses, hasVersion, "dpkg and the product agree on a version that zup knows, of the planned one's major version and not newer than it"),
			ofNode("updater", pairs.Refuses, canUpdate, "what the updater can do is known (read in its text)"),
		},
		{ofPair("roles", pairs.Refuses, hasOneMaster, "exactly one node is MASTER")},
		{
			ofNode("role-agrees", pairs.Refuses, roleAgrees, "the role file and keepalived agree"),
			ofNode("maintenance", pairs.Refuses, maintenanceIsOurs, "nobody is in maintenance mode, unless zup left it so"),
			ofNode("keepalived", pairs.Refuses, oneKeepalived, "one keepalived runs"),
			ofNode("peer-ssh", pairs.Refuses, reachesPeer, "each node gets into the other over ssh, and it is the other"),
			ofNode("replication", pairs.Refuses, replicatesOnMaster, "the configuration is replicated from MASTER and not from BACKUP"),
			ofNode("licence", pairs.Refuses, isLicensed, "the licence certificate is there and has not expired"),
			ofNode("dpkg", pairs.Refuses, dpkgIsClean, "`dpkg --audit` is silent, or what it names was begun by an update of zup's that did not end: the plan finishes that"),
			ofNode("holds", pairs.Refuses, isNotHeld, "the product's package is not held back"),
			ofNode("lock", pairs.Waivable, aptIsFree, "nobody holds apt's or dpkg's locks"),
			ofNode("disk", pairs.Waivable, hasRoom, "at least 200 MiB are free wherever an update writes"),
			ofNode("leftovers", pairs.Refuses, hasNoLeftovers, "with a `package` block: nothing in the updates directory, an image or not, would win over it"),
			ofNode("image-room", pairs.Refuses, hasImageRoom, "with a `package` block: there is room for the image besides"),
			ofNode("clock", pairs.Warns, clockAgrees, "the clock is less than a minute off"),
			ofNode("images", pairs.Warns, hasNoImages, "nothing lies in the updates directory: the updater takes any file for an image"),
			ofNode("reboot", pairs.Warns, needsNoReboot, "no reboot is pending, or the plan has it"),
			ofNode("packages", pairs.Warns, losesNothing, "the update removes nothing that a node can't be without: the product, keepalived, the ssh server"),
			ofNode("kernel", pairs.Warns, knowsItself, "RELIANOID: the name of the kernel that runs has \"noid\", by which the updater knows the Enterprise Edition"),
			ofNode("sysctl", pairs.Warns, losesSysctl, "/etc/sysctl.conf has comments only: the package empties it down to them"),
			ofNode("save", pairs.Warns, canSave, "the product can save its configuration"),
			ofPair("image", pairs.Refuses, hasImage, "with a `package` block: the image can be read, has the configured SHA-256 and a name that the updater takes"),
			ofPair("libwrap", pairs.Refuses, blockCanHold, "MASTER's sshd heeds hosts.deny"),
			ofPair("hosts-allow", pairs.Refuses, allowDoesNotVoid, "no line of MASTER's hosts.allow, nor an earlier one of its hosts.deny, would void the block"),
			ofPair("failback", pairs.Refuses, failbackAgrees, "both nodes have the same cluster settings, and the wanted MASTER does not contradict them"),
			ofPair("reboot-order", pairs.Refuses, rebootIsPossible, "with `reboot`: a node stays out of the way until it is back and proven healthy"),
			ofPair("boost", pairs.Refuses, boostIsPossible, "with `boost`: keepalived.conf has one priority line on both nodes"),
			ofPair("farms", pairs.Refuses, farmsAgree, "whatever listens on MASTER's VIPs listens on BACKUP's too"),
			ofPair("arp", pairs.Warns, arpTells, "ARP for the VIPs, and what comes for IPv6 ones, is dropped on BACKUP and not on MASTER"),
			ofPair("vips", pairs.Warns, vipsAgree, "both nodes have the same VIPs"),
			ofPair("names", pairs.Warns, namesAreDistinct, "neither node's name is part of the other's (the updater then takes a wrong address)"),
			ofPair("configuration", pairs.Warns, configurationsAgree, "the replicated configurations agree"),
			ofPair("bridge", pairs.Refuses, bridgeAnswers, "the product answers under the names that nobody has verified"),
			ofPair("cluster-status", pairs.Warns, statusIsKnown, "the product answers for the cluster's status"),
		},
	}
}

// checks are all of them, in the order in which they are looked at, each once.
func checks() []check {
	var all []check
	for _, c := range slices.Concat(slices.Concat(stages(), stagesAlone())...) {
		if !slices.ContainsFunc(all, func(of check) bool { return of.Name == c.Name }) {
			all = append(all, c)
		}
	}
	return all
}

// Checks implements plan.Provider.
func (Provider) Checks() []plan.CheckRule { return pairs.Rules([]stage{checks()}) }

func judge(p *pair, stages []stage) pairs.Verdict {
	return pairs.Judge(p.situation, p, p.nodes, func(n *node) string { return n.name }, stages)
}
