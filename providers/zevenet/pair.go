package zevenet

import (
	"slices"
	"strconv"
	"strings"

	"zup/plan"
	"zup/plan/config"
	"zup/plan/state"
	"zup/providers/zevenet/arguments"
)

// ObservedFacts are the facts that a plan is made from; the facts script knows
// a few more, which only a run asks for.
func (Provider) ObservedFacts() []string {
	return []string{
		"arp", "audit", "boot", "candidate", "clustered", "deadratio", "deny", "digest", "disk", "edited", "farms", "holds",
		"hosts_allow", "hosts_deny", "hostname", "images", "interface", "jobs", "keepalived", "kernel", "left", "libwrap", "licence",
		"lock", "maintenance", "nd", "nodes", "open", "own_address", "package", "packages", "peer_ssh", "primary", "priority",
		"priority_lines", "product", "reboot", "replication", "role", "saver", "staged", "status", "steps", "sysctl", "sysctl_kept", "time", "uid", "updater", "updates", "version",
		"vips", "vrrp",
	}
}

// restsOn are the facts that make a plan stale when they change: those that
// decide which actions are in it.
var restsOn = []string{
	"clustered", "deadratio", "deny", "hostname", "images", "interface", "libwrap", "maintenance", "nodes", "open",
	"package", "primary", "priority_lines", "product", "replication", "role", "updater", "version", "vrrp",
}

// unknown is what the facts script prints for what it could not find out.
const unknown = "unknown"

// node is one node of a pair with its facts.
type node struct {
	name  string
	facts map[string]string
	cfg   *config.Node

	// Conditions that many actions have in common, made once; see actions.go.
	serving, standby, drained, target []plan.Condition
}

// fact returns a fact, or unknown.
func (n *node) fact(name string) string {
	if v := n.facts[name]; v != "" {
		return v
	}
	return unknown
}

// words returns the words of a fact that is a list; "none" and unknown are empty.
func (n *node) words(name string) []string {
	switch v := n.fact(name); v {
	case "none", unknown:
		return nil
	default:
		return strings.Fields(v)
	}
}

// at reports whether the node runs this version: the package is installed whole
// and the product's own file agrees.
func (n *node) at(version string) bool {
	return n.fact("package") == "ii "+version && n.fact("version") == version
}

// pair is a cluster of two as it is, as it was left, and as it shall be.
type pair struct {
	situation *plan.Situation
	cfg       *config.Cluster
	own       arguments.Arguments // of cfg
	recorded  state.Cluster
	state     plan.StateRef
	nodes     []*node
	product   *personality
	image     *plan.Image // of its package block
	backsOut  bool        // nothing is updated: cfg.Version is what the nodes run

	// Known once the rules of "roles" have passed.
	master *node
	backup *node // the other one, whatever its role is

	deadratio int    // seconds, VRRP's advertisement interval
	primary   string // the node that the cluster's own failback prefers; empty: disabled
}

func newPair(product *personality, s plan.Situation) *pair {
	p := &pair{situation: &s, cfg: s.Config, own: arguments.Of(s.Config.Own), recorded: s.Recorded, state: s.State, product: product, image: s.Image}
	for i := range s.Nodes {
		p.nodes = append(p.nodes, &node{name: s.Nodes[i].Name, facts: s.Nodes[i].Facts, cfg: &s.Config.Nodes[i]})
	}
	first := p.nodes[0]
	p.deadratio, _ = strconv.Atoi(first.fact("deadratio"))
	if v := first.fact("primary"); v != "disabled" && v != unknown {
		p.primary = v
	}
	return p
}

// assignRoles finds MASTER. It is to be called only when exactly one node is.
func (p *pair) assignRoles() {
	for i, n := range p.nodes {
		if n.fact("role") == "master" {
			p.master, p.backup = n, p.nodes[1-i]
		}
	}
}

// assignAlone makes the node of a cluster of one the one that serves.
func (p *pair) assignAlone() { p.master = p.nodes[0] }

// inOrder lists the nodes in the order in which they are changed: MASTER last.
func (p *pair) inOrder() []*node {
	if p.backup == nil {
		return []*node{p.master}
	}
	return []*node{p.backup, p.master}
}

func (p *pair) peer(n *node) *node {
	if p.nodes[0] == n {
		return p.nodes[1]
	}
	return p.nodes[0]
}

// peerAddress is the cluster address of the other node; empty where there is none.
func (p *pair) peerAddress(n *node) string {
	if len(p.nodes) == 1 {
		return ""
	}
	return p.address(p.peer(n))
}

func (p *pair) everyNode() string {
	if len(p.nodes) == 1 {
		return "the node"
	}
	return "both nodes"
}

func (p *pair) node(name string) *node {
	for _, n := range p.nodes {
		if n.name == name {
			return n
		}
	}
	return nil
}

// address returns the cluster address of a node: the one that its peer uses, from
// cluster.conf, not the management address.
func (p *pair) address(n *node) string {
	for _, word := range n.words("nodes") {
		if name, ip, ok := strings.Cut(word, "="); ok && name == n.name {
			return ip
		}
	}
	return ""
}

// ours reports whether a temporary change on a node is zup's: its mark is on the
// node, or the state file has it.
func (p *pair) ours(n *node, name string) bool {
	return slices.Contains(n.words("open"), name) || p.recorded.IsOpen(n.name+"/"+name)
}

// blocks reports whether something is left on the node of a block of its peer: the line,
// whoever wrote it, or zup's mark. One that only the state file remembers is gone; the
// verification proves it.
func (n *node) blocks() bool {
	return n.fact("deny") == "present" || slices.Contains(n.words("open"), "hosts.deny")
}

func (p *pair) needs(n *node) bool { return (!n.at(p.cfg.Version) || p.isHalf(n)) && !p.backsOut }

// isHalf reports whether zup's own update of a node did not end, by a power cut or because it
// failed, so that dpkg has packages there that are not installed whole: its update is finished
// then, in the place that an update has. That it was zup's is known by the folder of its
// job, which is on the node until a run has ended there.
func (p *pair) isHalf(n *node) bool {
	switch audit := n.fact("audit"); {
	case audit == "clean", audit == unknown, strings.HasPrefix(audit, "error "):
		return false
	}
	return slices.ContainsFunc(n.words("jobs"), func(job string) bool { return strings.HasSuffix(job, "."+p.id(n, "update")) })
}

// wanted is who shall be MASTER at the end: as configured, else where the
// cluster's own failback takes it anyway, else as the unfinished run wanted it,
// else whoever is MASTER now.
func (p *pair) wanted() *node {
	if n := p.node(p.cfg.Master); n != nil {
		return n
	}
	if p.failsBack() {
		return p.node(p.primary)
	}
	if n := p.node(p.recorded.Master); n != nil && p.recorded.Unfinished() {
		return n
	}
	return p.master
}

// tells reports whether this version keeps the backup from answering for the VIPs where
// zup looks for it, by the fact about that; then what is there proves who gets the traffic.
func (p *pair) tells(fact string) bool {
	return p.backup.fact(fact) == "blocked" && p.master.fact(fact) == "open"
}

// hasIPv6 reports whether MASTER has an IPv6 VIP.
func (p *pair) hasIPv6() bool {
	return slices.ContainsFunc(p.master.words("vips"), func(v string) bool { return strings.Contains(v, ":") })
}
