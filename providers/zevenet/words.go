package zevenet

import "zup/plan"

// Product implements plan.Provider.
func (pr Provider) Product() plan.Product {
	return plan.Product{Facts: pr.FactsScript(), Status: words, VersionFact: "version"}
}

// Master implements plan.Provider.
func (Provider) Master(nodes []plan.ObservedNode) string {
	for i := range nodes {
		if nodes[i].Facts["role"] == "master" {
			return nodes[i].Name
		}
	}
	return ""
}

// is and isNot are conditions under which something is said of a node.
func is(fact string, values ...string) plan.Condition { return plan.Condition{Fact: fact, Is: values} }
func isNot(fact string, values ...string) plan.Condition {
	return plan.Condition{Fact: fact, Not: values}
}

// say is a word about a fact, said of a node for which all of the conditions hold.
func say(fact, text string, when ...plan.Condition) plan.Word {
	return plan.Word{Fact: fact, Says: text, When: when}
}

// keepalivedDiffers is said where a role and keepalived's state do not belong together. In
// maintenance mode it is FAULT; BACKUP where the tracked link has a weight.
const keepalivedDiffers = "keepalived says {seen}"

// words tell how a node is, in this order, and then what facts are that nobody would guess
// from their names.
var words = []plan.Word{
	say("role", "{seen}", isNot("role", "none")),
	say("version", "{seen}"),
	say("role", "in no cluster", is("role", "none")),
	say("vrrp", keepalivedDiffers, is("role", "master"), isNot("vrrp", "MASTER")),
	say("vrrp", keepalivedDiffers, is("role", "backup"), isNot("vrrp", "BACKUP")),
	say("vrrp", keepalivedDiffers, is("role", "maintenance"), isNot("vrrp", drainedStates...)),
	say("vrrp", keepalivedDiffers, is("role", "maintenance"), isNot("maintenance", "yes"), is("vrrp", "BACKUP")),
	say("vrrp", keepalivedDiffers, isNot("role", "master", "backup", "maintenance", "none")),
	say("maintenance", "in maintenance mode", is("maintenance", "yes"), isNot("role", "none")),
	say("deny", "its peer is kept out by hosts.deny", is("deny", "present"), isNot("role", "none")),
	say("audit", "dpkg has packages that are not installed whole: zup plan finishes them, or says how",
		isNot("audit", "clean", unknown, ""), isNot("role", "none")),
	say("replication", "replication is off", is("role", "master"), is("replication", "off")),
	say("replication", "replication runs although it is not MASTER", isNot("role", "master", "none"), is("replication", "running")),

	{Fact: "arp", Means: "whether it answers ARP for the VIPs"},
	{Fact: "audit", Means: "what dpkg --audit says"},
	{Fact: "deny", Means: "the line in its hosts.deny that keeps its peer out"},
	{Fact: "digest", Means: "of the configuration that is replicated"},
	{Fact: "farms", Means: "what listens on the VIPs"},
	{Fact: "left", Means: "whether zup has left anything there"},
	{Fact: "lock", Means: "who holds the locks of apt and dpkg"},
	{Fact: "nd", Means: "whether it takes what comes for the IPv6 VIPs"},
	{Fact: "offer", Means: "what its package lists offer"},
	{Fact: "open", Means: "what zup has opened there"},
	{Fact: "package", Means: "what dpkg says of it"},
	{Fact: "peer_ssh", Means: "what becomes of its ssh to its peer"},
	{Fact: "room", Means: "whether its disk has room for the packages"},
	{Fact: "source", Means: "where apt would get the package from"},
	{Fact: "status", Means: "what the product says of its cluster"},
	{Fact: "vrrp", Means: "what keepalived says of its role"},
}
