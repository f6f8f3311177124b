package zevenet

import (
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
			{"updater", refuses, canUpdate, "what the updater can do is known (read in its text)"},
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
				{"dpkg", refuses, dpkgIsClean, "`dpkg --audit` is silent, or what it names was begun by an update of zup's that did not end: the plan finishes that"},
				{"holds", refuses, isNotHeld, "the product's package is not held back"},
				{"lock", waivable, aptIsFree, "nobody holds apt's or dpkg's locks"},
				{"disk", waivable, hasRoom, "at least 200 MiB are free wherever an update writes"},
				{"leftovers", refuses, hasNoLeftovers, "with a `package` block: nothing in the updates directory, an image or not, would win over it"},
				{"image-room", refuses, hasImageRoom, "with a `package` block: there is room for the image besides"},
				{"clock", warns, clockAgrees, "the clock is less than a minute off"},
				{"images", warns, hasNoImages, "nothing lies in the updates directory: the updater takes any file for an image"},
				{"reboot", warns, needsNoReboot, "no reboot is pending, or the plan has it"},
				{"packages", warns, losesNothing, "the update removes nothing that a node can't be without: the product, keepalived, the ssh server"},
				{"kernel", warns, knowsItself, "RELIANOID: the name of the kernel that runs has \"noid\", by which the updater knows the Enterprise Edition"},
				{"sysctl", warns, losesSysctl, "/etc/sysctl.conf has comments only: the package empties it down to them"},
				{"save", warns, canSave, "the product can save its configuration"},
			},
			pair: []pairRule{
				{"image", refuses, hasImage, "with a `package` block: the image can be read, has the configured SHA-256 and a name that the updater takes"},
				{"libwrap", refuses, blockCanHold, "MASTER's sshd heeds hosts.deny"},
				{"hosts-allow", refuses, allowDoesNotVoid, "no line of MASTER's hosts.allow, nor an earlier one of its hosts.deny, would void the block"},
				{"failback", refuses, failbackAgrees, "both nodes have the same cluster settings, and the wanted MASTER does not contradict them"},
				{"reboot-order", refuses, rebootIsPossible, "with `reboot`: a node stays out of the way until it is back and proven healthy"},
				{"boost", refuses, boostIsPossible, "with `boost`: keepalived.conf has one priority line on both nodes"},
				{"farms", refuses, farmsAgree, "whatever listens on MASTER's VIPs listens on BACKUP's too"},
				{"arp", warns, arpTells, "ARP for the VIPs, and what comes for IPv6 ones, is dropped on BACKUP and not on MASTER"},
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
