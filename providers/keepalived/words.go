package keepalived

import (
	"net/netip"
	"slices"
	"strings"

	"zup/plan"
	"zup/plan/config"
)

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

// Farms implements observe.Product: the virtual IPs, and where TCP is listened on them, in
// the words of the node that is MASTER.
func (Provider) Farms(nodes []plan.ObservedNode) (vips, farms []string) {
	for _, n := range nodes {
		if n.Facts["role"] != "master" {
			continue
		}
		for _, v := range plan.FactWords(n.Facts["vips"]) {
			if _, err := netip.ParseAddr(v); err == nil {
				vips = append(vips, v)
			}
		}
		for _, word := range plan.FactWords(n.Facts["listens"]) {
			if at, ok := strings.CutPrefix(word, "tcp/"); ok && !strings.HasSuffix(at, ":22") {
				farms = append(farms, at)
			}
		}
		slices.Sort(farms)
	}
	return vips, farms
}

// Evidence implements apply.Explainer: what conditions say is enough.
func (Provider) Evidence(*plan.Cluster, []plan.Condition) []plan.Fact { return nil }

// Explain implements apply.Explainer.
func (Provider) Explain(*plan.Cluster, []plan.Condition, map[plan.Fact]string) string { return "" }

// WholeFiles are the facts that are whole files: there are none.
func (Provider) WholeFiles() []string { return nil }

// say is a word about a fact, said of a node for which all of the conditions hold.
func say(fact, text string, when ...plan.Condition) plan.Word {
	return plan.Word{Fact: fact, Says: text, When: when}
}

func is(fact string, values ...string) plan.Condition { return plan.Condition{Fact: fact, Is: values} }
func isNot(fact string, values ...string) plan.Condition {
	return plan.Condition{Fact: fact, Not: values}
}

// words tell how a node is, in this order, and then what facts are that nobody would guess
// from their names.
var words = []plan.Word{
	say("role", "{seen}"),
	say("version", "{seen}"),
	say("vrrp", "keepalived says {seen}", is("role", "unclear", unknown)),
	say("vips_here", "virtual IPs there: {seen}", is("role", "unclear", unknown)),
	say("stale", "still runs what has been replaced: {seen}", isNot("stale", "none", unknown, "")),
	say("dead", "does not run {seen}", isNot("dead", "none", unknown, "")),
	say("audit", "dpkg has packages that are not installed whole", isNot("audit", "clean", unknown, "")),

	{Fact: "archives", Means: "whether it has fetched the packages"},
	{Fact: "audit", Means: "what dpkg --audit says"},
	{Fact: "simulated", Means: "what apt would do"},
	{Fact: "dead", Means: "what is enabled and does not run"},
	{Fact: "left", Means: "whether zup has left anything there"},
	{Fact: "listens", Means: "what listens on the virtual IPs"},
	{Fact: "lock", Means: "who holds the locks of apt and dpkg"},
	{Fact: "offers", Means: "what its package lists have of the wanted versions"},
	{Fact: "open", Means: "what zup has opened there"},
	{Fact: "packages", Means: "the packages that it has"},
	{Fact: "removals", Means: "what apt would remove"},
	{Fact: "room", Means: "whether its disk has room for the packages"},
	{Fact: "stale", Means: "what still runs although it has been replaced"},
	{Fact: "valid", Means: "whether the programs can read their configuration"},
	{Fact: "vips_here", Means: "how many of the virtual IPs are there"},
	{Fact: "vrrp", Means: "what keepalived says of its role"},
}

// Watches implements plan.Provider: without probes, what listens on the virtual IPs is
// watched.
func (Provider) Watches(*config.Cluster) bool { return true }
