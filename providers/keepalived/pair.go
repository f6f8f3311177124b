package keepalived

import (
	"cmp"
	"slices"
	"strings"

	"zup/plan"
	"zup/plan/config"
	"zup/plan/state"
	"zup/providers/vrrp"
)

// observedFacts are the facts that a plan is made from.
var observedFacts = []string{
	"archives", "audit", "boot", "simulated", "conf", "configs", "disk", "dead", "holds", "hostname", "supervisor", "instances", "jobs",
	"keepalived", "left", "listens", "lock", "nonlocal", "offers", "open", "packages", "priority", "priority_lines", "reboot", "removals", "returns",
	"role", "services", "stale", "system", "time", "track_files", "uid", "usual", "valid", "version", "vips", "vips_here", "vrrp",
}

// restsOn are the facts that make a plan stale when they change: those that decide which
// actions are in it.
var restsOn = []string{
	"conf", "holds", "hostname", "supervisor", "instances", "open", "packages", "priority_lines", "role", "stale", "track_files", "vips", "vrrp",
}

// unknown is what the facts script prints for what it could not find out.
const unknown = "unknown"

// node is one node of a pair with its facts.
type node struct {
	name      string
	facts     map[string]string
	instances []vrrp.Instance // nil: nobody knows
	files     []vrrp.TrackFile
}

// fact returns a fact, or unknown.
func (n *node) fact(name string) string { return cmp.Or(n.facts[name], unknown) }

// words returns the words of a fact that is a list; "none" and unknown are empty.
func (n *node) words(name string) []string {
	switch v := n.fact(name); v {
	case "none", unknown:
		return nil
	default:
		return strings.Fields(v)
	}
}

// usual is the lowest or greatest priority that an instance has when nothing of zup's is
// open, as keepalived.conf says it: what zup has put there meanwhile does not count.
func (n *node) usual() (low, high int) {
	low, high = 255, 0
	for _, word := range n.words("usual") {
		p := atoi(word)
		low, high = min(low, p), max(high, p)
	}
	return low, high
}

// preempts reports whether every instance takes the role from a master of a lower priority.
func (n *node) preempts() bool {
	return !slices.ContainsFunc(n.instances, func(i vrrp.Instance) bool { return !i.Preempt })
}

// pair is a cluster of two as it is, as it was left, and as it shall be.
type pair struct {
	situation *plan.Situation
	cfg       *config.Cluster
	settings  settings
	recorded  state.Cluster
	backsOut  bool // nothing is updated: the nodes keep what they have
	nodes     []*node

	// Known once the check of the roles has passed.
	master *node
	backup *node
}

func newPair(s plan.Situation) *pair {
	p := &pair{situation: &s, cfg: s.Config, settings: settingsOf(s.Config), recorded: s.Recorded}
	for i := range s.Nodes {
		n := &node{name: s.Nodes[i].Name, facts: s.Nodes[i].Facts}
		n.instances, _ = vrrp.ParseInstances(n.words("instances"))
		n.files = vrrp.ParseTrackFiles(n.words("track_files"))
		p.nodes = append(p.nodes, n)
	}
	return p
}

func (p *pair) peer(n *node) *node {
	if p.nodes[0] == n {
		return p.nodes[1]
	}
	return p.nodes[0]
}

func (p *pair) node(name string) *node {
	for _, n := range p.nodes {
		if n.name == name {
			return n
		}
	}
	return nil
}

// inOrder lists the nodes in the order in which they are changed: MASTER last.
func (p *pair) inOrder() []*node { return []*node{p.backup, p.master} }

// wantedPackages is the fact "packages" of a node that has what is wanted.
func (p *pair) wantedPackages() string { return strings.Join(p.settings.words(), " ") }

// needs reports whether a node has to be updated: a package has another version, is not
// installed whole, or has been replaced and still runs.
func (p *pair) needs(n *node) bool {
	return !p.backsOut && (n.fact("packages") != p.wantedPackages() || n.fact("stale") != "none" || p.isHalf(n))
}

// target is the fact "packages" that a node shall have at the end.
func (p *pair) target(n *node) string {
	if p.backsOut {
		return n.fact("packages")
	}
	return p.wantedPackages()
}

// isHalf reports whether zup's own update of a node did not end, so that dpkg has packages
// there that are not installed whole: the next update finishes them. That it was zup's is
// known by the folder of its job, which is on the node until a run has ended there.
func (p *pair) isHalf(n *node) bool {
	switch audit := n.fact("audit"); {
	case audit == "clean", audit == unknown, strings.HasPrefix(audit, "error "):
		return false
	}
	suffix := "." + p.cfg.Name + "." + n.name + ".update"
	return slices.ContainsFunc(n.words("jobs"), func(job string) bool { return strings.HasSuffix(job, suffix) })
}

// ours reports whether a temporary change on a node is zup's: its mark is on the node, or
// the state file has it.
func (p *pair) ours(n *node, name string) bool {
	return slices.Contains(n.words("open"), name) || p.recorded.IsOpen(n.name+"/"+name)
}

// usualMaster is the node that takes the role by itself when nothing keeps it from that;
// nil where there is none: the priorities are equal, or it has nopreempt.
func (p *pair) usualMaster() *node {
	for _, n := range p.nodes {
		low, _ := n.usual()
		_, high := p.peer(n).usual()
		if low > high && n.preempts() {
			return n
		}
	}
	return nil
}

// wanted is the node that shall be MASTER at the end: the one that takes the role by itself,
// else as configured, else as the unfinished run wanted it, else whoever is MASTER now.
func (p *pair) wanted() *node {
	if n := p.usualMaster(); n != nil {
		return n
	}
	if n := p.node(p.cfg.Master); n != nil {
		return n
	}
	if n := p.node(p.recorded.Master); n != nil && p.recorded.Unfinished() {
		return n
	}
	return p.master
}

// moveMS is how long a move of the role to a node can take at the most, by VRRP's
// arithmetic, while the other one still serves.
func (p *pair) moveMS(to *node) int {
	ms := 0
	for i := range to.instances {
		ms = max(ms, to.instances[i].PreemptMS(to.instances[i].Effective))
	}
	return ms
}

func atoi(s string) int {
	n := 0
	for _, c := range s {
		if c < '0' || c > '9' || n > 1<<20 {
			return 0
		}
		n = n*10 + int(c-'0')
	}
	return n
}

func list(words []string) string {
	if len(words) == 0 {
		return "nothing"
	}
	return strings.Join(words, ", ")
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
