package zevenet

import (
	"fmt"
	"slices"
	"strings"
	"time"
	pairs "zup/providers/pair"

	"zup/plan"
	"zup/plan/state"
	"zup/providers/zevenet/arguments"
)

// restoreLimit is how many seconds a restored node has to be up with its old
// version, from when the restore command has ended.
const restoreLimit = 15 * 60

// goBack decides on the way back to the snapshots that the last run
// has taken of both nodes. It is judged by rules of its own, because a node that
// is to be restored need not be healthy.
func (pr Provider) goBack(s plan.Situation) plan.Decision {
	p := newPair(pr.personality(), s)
	if len(p.nodes) == 1 {
		p.assignAlone()
	}
	set := p.lastSnapshots()
	if refusals := p.refuseWayBack(set); len(refusals) > 0 {
		return plan.Decision{Cluster: p.describe(pairs.Verdict{}), Refusals: refusals}
	}
	cfg := *p.cfg
	cfg.Version = set[0].Version // from here on it is what every node shall run
	p.cfg = &cfg
	p.own.Reboot = arguments.RebootNever // a node that is restored is started anyway
	if len(p.nodes) == 1 {
		return p.goBackAlone(set[0])
	}
	v := judge(p, wayBackStages())
	d := plan.Decision{Cluster: p.describe(v), Refusals: v.Refusals, Waived: v.Waived}
	d.Cluster.To = cfg.Version
	if len(v.Refusals) > 0 {
		return d
	}
	b := &returner{set: set}
	b.begin(p, p.master, p.backup.fact("role"))
	if b.restores(p.master) || b.restores(p.backup) || !p.atRest() {
		b.build()
	}
	b.deleteSnapshots()
	d.Actions = b.Actions
	d.Cluster.From = b.from()
	d.Cluster.Master = p.wanted().name
	p.proveServing(&d.Cluster)
	d.Cluster.Interruption = b.predictWayBack()
	d.Cluster.Warnings = append(d.Cluster.Warnings, b.losses()...)
	for i, n := range p.nodes {
		d.Cluster.Nodes[i].Facts["boot"] = n.fact("boot") // who was started again since is not as planned
	}
	return d
}

// refuseWayBack says why there is no way back, whatever the nodes are like.
func (p *pair) refuseWayBack(set []state.Snapshot) []plan.Refusal {
	refuse := func(summary, detail, hint string) []plan.Refusal {
		return []plan.Refusal{{Cluster: p.cfg.Name, Check: "rollback", Summary: summary, Detail: detail, Hint: hint}}
	}
	switch {
	case p.cfg.Snapshot == nil:
		return refuse("there is no way back: no snapshot block is configured", "", "configure one before the next update; zup takes the snapshots then")
	case set == nil:
		return refuse("there is no way back: no snapshots of "+p.everyNode()+" are recorded", "the state file has none that one run has taken of "+p.everyNode()+" and that were not deleted",
			"look with the snapshot tool itself what there is; docs/recovery.md has the order in which to restore by hand")
	case p.cfg.Snapshot.Restore == nil:
		return refuse("there is no way back: the snapshot block has no restore command", "", `add one: restore = ["virsh", "snapshot-revert", "{node}", "{name}"]`)
	case len(set) > 1 && set[0].Version != set[1].Version:
		return refuse("the snapshots are of different versions", fmt.Sprintf("%s has %s and %s has %s", set[0].Node, set[0].Version, set[1].Node, set[1].Version),
			"a pair has to run one version: restore one node by hand, or go forward with zup plan")
	}
	return nil
}

// wayBackStages are the rules for a way back. Of a node that is to be restored
// only what is needed to restore it is looked at.
func wayBackStages() []stage {
	return []stage{
		{
			ofNode("root", pairs.Refuses, isRoot, ""),
			ofNode("hostname", pairs.Refuses, isTheNode, ""),
		},
		{ofPair("roles", pairs.Refuses, hasOneMaster, "")},
		{
			ofNode("maintenance", pairs.Refuses, nobodyMaintains, ""),
			ofNode("licence", pairs.Warns, isLicensed, ""),
			ofPair("serving", pairs.Refuses, masterServes, ""),
			ofPair("members", pairs.Refuses, masterKnowsPeer, ""),
			ofPair("libwrap", pairs.Refuses, wayBackCanBlock, ""),
		},
	}
}

// nobodyMaintains: a node that is to be restored may be in any state but one that
// an operator has put it into.
func nobodyMaintains(p *pair, n *node) pairs.Finding {
	if n != p.master && p.damaged(n) && n.fact("maintenance") != "yes" {
		return pairs.Pass("it is to be restored, and nobody has put it into maintenance mode")
	}
	return maintenanceIsOurs(p, n)
}

// masterServes: the node that serves can be trusted to, until the other one can.
func masterServes(p *pair) pairs.Finding {
	if f := roleAgrees(p, p.master); f.Status != plan.Passed {
		f.Summary = p.master.name + " " + f.Summary
		return f
	}
	return oneKeepalived(p, p.master)
}

func masterKnowsPeer(p *pair) pairs.Finding {
	f := hasMembers(p, p.master)
	if f.Status != plan.Passed {
		f.Summary = p.master.name + " " + f.Summary
	}
	return f
}

// wayBackCanBlock: a serving node that is to be restored must keep the other one
// out once that one has its old version.
func wayBackCanBlock(p *pair) pairs.Finding {
	if !p.damaged(p.master) {
		return pairs.Skip("nobody has to be kept out")
	}
	for _, look := range []func(*pair) pairs.Finding{blockCanHold, allowDoesNotVoid} {
		if f := look(p); f.Status != plan.Passed && f.Status != plan.Skipped {
			return f
		}
	}
	return pairs.Pass("sshd on " + p.master.name + " heeds hosts.deny")
}

// damaged reports whether a node is not what its snapshot has: another version, a
// package that is not whole, or a product that does not run.
func (p *pair) damaged(n *node) bool {
	return p.needs(n) || n.fact("audit") != "clean" || vrrpOf[n.fact("role")] == nil || n.fact("vrrp") == "down"
}

// returner puts the way back in order.
type returner struct {
	builder
	set []state.Snapshot // in the order of the nodes
}

// restores reports whether a node goes back to its snapshot. A node of the old
// version does too if the other one may have given it a migrated configuration.
func (b *returner) restores(n *node) bool {
	p := b.pair
	if p.damaged(n) {
		return true
	}
	other := p.peer(n)
	kept := n.fact("deny") == "present" || other.fact("replication") == "off" && other.fact("deny") == "present"
	return n != p.master && p.damaged(other) && !kept
}

func (b *returner) snapshot(n *node) state.Snapshot {
	return b.set[slices.Index(b.pair.nodes, n)]
}

func (b *returner) from() string {
	p := b.pair
	for _, n := range []*node{p.backup, p.master} {
		if v := n.fact("version"); b.restores(n) && v != unknown && v != p.cfg.Version {
			return v
		}
	}
	return p.cfg.Version
}

// build is the way back: the node that does not serve first, then the role moves
// to it, then the other one. Whoever has the old version again is kept away from
// who has not, in both directions, and replication starts when both have it.
func (b *returner) build() {
	p := b.pair
	first, last := p.backup, p.master
	b.Then(b.preflight())
	if asks := b.askForSnapshots(); len(asks) > 0 {
		b.Then(asks...)
	}
	for _, n := range p.nodes {
		if p.ours(n, "boost") && !b.restores(n) {
			b.Then(b.unboost(n, "an earlier run was cut off while its priority was raised"))
		}
		if !b.restores(n) {
			b.forgetMaintenance(n)
		}
	}
	if b.restores(last) {
		b.keepAway(last)
	}
	switch {
	case b.restores(first):
		b.restoreFirst(first)
	case b.otherRole == "maintenance":
		b.comeBack(first, "it has the version already, and must be able to take over")
	}
	if b.restores(last) {
		b.restoreLast(first, last)
	}
	b.endBlocks()
	b.takeImagesAway()
	b.giveBack()
	b.end()
}

// takeImagesAway removes the image of an update from a node that is not restored; from
// one that is, it goes with its disk.
func (b *returner) takeImagesAway() {
	for _, n := range b.pair.nodes {
		if b.pair.ours(n, "image") && !b.restores(n) {
			b.Then(b.removeImage(n, "the update is not carried out, and nothing stays behind"))
		}
	}
}

// preflight replaces that of an update.
func (b *returner) preflight() plan.Action {
	p := b.pair
	a := plan.Action{
		ID: p.id(nil, "preflight"), Kind: "preflight", Primitive: plan.Gate, Rule: true,
		Title:    "Check that both nodes are as planned",
		Reason:   "nothing is touched unless the pair still is what the plan was made for",
		TimeoutS: 60, EstimateS: 1,
	}
	a.Until = slices.Concat(p.serves(p.master), []plan.Condition{on(p.backup, "role", p.backup.fact("role"))})
	for _, n := range p.nodes {
		a.Until = append(a.Until, on(n, "version", n.fact("version")))
	}
	return a
}

// askForSnapshots makes sure that what is to be restored is there, where the
// configuration says how to ask.
func (b *returner) askForSnapshots() []plan.Action {
	var all []plan.Action
	for _, n := range b.pair.inOrder() {
		if b.restores(n) {
			all = append(all, b.findSnapshot(n)...)
		}
	}
	return all
}

func (b *returner) findSnapshot(n *node) []plan.Action {
	s := b.snapshot(n)
	proof := listed(b.pair.cfg.Snapshot, n, s.Name, false)
	if proof == nil {
		return nil
	}
	return []plan.Action{{
		ID: b.pair.id(n, "find-snapshot"), Kind: "find-snapshot", Node: n.name, Primitive: plan.Local, Rule: true,
		Title:  "Ask whether the snapshot " + s.Name + " is there",
		Reason: "nothing is taken down for a snapshot that is gone",
		Proof:  proof, Secrets: b.pair.cfg.Snapshot.Secrets, TimeoutS: listLimit, EstimateS: 2,
	}}
}

// keepAway cuts the serving node, which still has the new version, off from the
// one that gets the old version back: it does not push, and hosts.deny refuses
// the other one's pull and push.
func (b *returner) keepAway(n *node) {
	if n.fact("replication") != "off" {
		a := b.stopReplication(n)
		a.Reason = fmt.Sprintf("%s gets its old version back, and a configuration of the new one must not come after it", b.pair.peer(n).name)
		b.Then(a)
	}
	if n.fact("deny") != "present" || b.pair.peer(n).fact("peer_ssh") != "refused" {
		a := b.block(n)
		a.Reason = fmt.Sprintf("when its service starts, %s would ask for the configuration, and get that of the new version", b.pair.peer(n).name)
		if !strings.HasPrefix(b.pair.peer(n).fact("peer_ssh"), "ok ") { // it does not get in anyway, so that it is refused proves nothing
			a.Check = a.Check[:1]
		}
		b.Then(a)
	}
}

// restore takes a node back to its snapshot.
func (b *returner) restore(n *node, requires []plan.Condition) plan.Action {
	p, s := b.pair, b.snapshot(n)
	closes := []string{}
	for _, what := range []string{"boost", "hosts.deny", "image", "maintenance", "replication"} {
		name := n.name + "/" + what
		if p.ours(n, what) || slices.ContainsFunc(b.Actions, func(a plan.Action) bool { return slices.Contains(a.Opens, name) }) {
			closes = append(closes, name)
		}
	}
	change := ""
	if v := n.fact("version"); v != s.Version {
		change = fmt.Sprintf(": %s → %s", v, s.Version)
	}
	return plan.Action{
		ID: p.id(n, "restore"), Kind: "restore", Lasting: plan.LastingVersion, Node: n.name, Primitive: plan.Local, Out: true, Closes: closes,
		MayMove: p.failsBack() && p.primary == n.name,
		Title:   "Go back to the snapshot " + s.Name + change,
		Reason:  fmt.Sprintf("it was taken on %s, before that run changed anything", s.Taken.UTC().Format("2006-01-02 15:04 MST")),
		Argv:    p.cfg.Snapshot.Restore.Expand(n.name, s.Name), Secrets: p.cfg.Snapshot.Secrets, TimeoutS: snapshotLimit, EstimateS: 60,
		Requires: requires,
		Check: slices.Concat(p.hasTarget(n), []plan.Condition{
			on(n, "role", "master", "backup"), on(n, "vrrp", "MASTER", "BACKUP"),
			on(n, "deny", "none"), on(n, "maintenance", "no"), on(n, "open", "none"),
		}),
		CheckS: restoreLimit,
	}
}

// restoreFirst takes the node back that does not serve.
func (b *returner) restoreFirst(n *node) {
	p := b.pair
	b.Then(b.restore(n, nil))
	if p.failsBack() && p.primary == n.name {
		b.preemptedBy(n)
		return
	}
	b.otherRole = "backup"
	b.Then(b.back(n, p.standsBy(n)))
}

// preemptedBy waits for the role to come to a node that the cluster prefers.
func (b *returner) preemptedBy(n *node) {
	p := b.pair
	a := b.failback(n, fmt.Sprintf("the cluster's failback is %s: it takes the role 3 × %d s after it is up", n.name, p.deadratio))
	a.Next = false
	b.Then(a)
	b.master, b.otherRole = n, "backup"
	b.moves = append(b.moves, switchover{n, preempted})
	b.Then(b.back(n, p.serves(n)))
}

// back waits until a node that was restored could serve.
func (b *returner) back(n *node, until []plan.Condition) plan.Action {
	a := b.ready(n, until)
	a.Reason = "the role may not move to a node whose farms are not up yet"
	return a
}

// comeBack lets a node that was not restored out of maintenance mode.
func (b *returner) comeBack(n *node, reason string) {
	p := b.pair
	if p.failsBack() && p.primary == n.name {
		b.Then(b.rejoin(n, reason, nil))
		b.preemptedBy(n)
		return
	}
	b.Then(b.rejoin(n, reason, p.standsBy(n)))
	b.otherRole = "backup"
}

// restoreLast takes the node back that served, once the other one does.
func (b *returner) restoreLast(first, last *node) {
	p := b.pair
	if b.master == last {
		b.Then(b.backGate(first, last))
		b.moveByDrain(first, fmt.Sprintf("%s goes back to its snapshot, and %s serves meanwhile", last.name, first.name))
		b.Then(b.restore(last, p.isDrained(last)))
	} else {
		b.Then(b.settle(last, p.standsBy(last)))
		b.Then(b.announce(first))
		b.Then(b.restore(last, p.standsBy(last)))
	}
	if p.failsBack() && p.primary == last.name {
		b.master = nil
		b.Then(b.back(last, []plan.Condition{on(last, "role", "master", "backup")}))
		return
	}
	b.otherRole = "backup"
	b.Then(b.back(last, p.standsBy(last)))
}

// backGate is looked at before the role leaves the node that still serves.
func (b *returner) backGate(first, last *node) plan.Action {
	p := b.pair
	a := plan.Action{
		ID: p.id(nil, "gate"), Kind: "gate", Primitive: plan.Gate, Rule: true,
		Title:    fmt.Sprintf("Check %s before %s is touched", first.name, last.name),
		Reason:   "from here on it has to carry everything",
		TimeoutS: 60, EstimateS: 1,
	}
	a.Until = slices.Concat(p.hasTarget(first), p.serves(last), p.standsBy(first), []plan.Condition{
		coversFarms(first, last), on(first, "replication", "off"),
		on(last, "replication", "off"), on(last, "deny", "present"),
	})
	return a
}

// endBlocks takes the line out of hosts.deny where it did not go with the disk.
func (b *returner) endBlocks() {
	p := b.pair
	for _, n := range p.nodes {
		if !b.restores(n) && n.blocks() {
			b.Then(b.unblock(n, "both nodes run "+p.cfg.Version+" again"))
		}
	}
}

// end starts replication, proves everything and removes zup's traces.
func (b *returner) end() {
	p := b.pair
	if len(b.moves) == 0 && b.master.fact("replication") == "off" {
		b.Then(b.startReplication(b.master))
	}
	b.Then(b.sync(b.master, "sync", "both nodes must have the configuration of the node that serves"))
	v := b.verify(b.master)
	v.Closes = b.stillOpen()
	b.Then(v)
	b.Then(b.tidy(b.master), b.tidy(p.peer(b.master)))
}

// unheld is for how long, in milliseconds, users were without an answer on the
// emulated pair when a node that the cluster prefers was restored: it can't be kept
// from taking the role before its farms are up, because it is not there yet.
const unheld = 3600

// preferred is the node that takes the role by itself once it is restored, or nil.
func (b *returner) preferred() *node {
	p := b.pair
	if n := p.node(p.primary); n != nil && p.failsBack() && b.restores(n) {
		return n
	}
	return nil
}

func (b *returner) predictWayBack() plan.Interruption {
	in := b.pair.predict(b.moves)
	if n := b.preferred(); n != nil && in.PerSwitchoverMSMax < unheld {
		in.PerSwitchoverMSMax = unheld
		in.Why = fmt.Sprintf("the cluster's failback gives the role to %s as soon as it has started, perhaps before its farms are up; up to 3.6 s without an answer were measured on the emulated pair", n.name)
	}
	return in
}

func (p *pair) lost(n *node, s state.Snapshot) string {
	return fmt.Sprintf("everything written to %s since %s is lost: logs, and whatever was installed or edited there", n.name, s.Taken.UTC().Format(time.RFC3339))
}

// losses says what does not come back.
func (b *returner) losses() []string {
	var all []string
	p := b.pair
	both := b.restores(p.backup) && b.restores(p.master)
	for _, n := range []*node{p.backup, p.master} {
		if b.restores(n) {
			all = append(all, p.lost(n, b.snapshot(n)))
		}
	}
	if both {
		all = append(all, "the configuration is that of then: repeat on MASTER afterwards what was edited since")
	}
	if n := b.preferred(); n != nil {
		all = append(all, fmt.Sprintf("%s takes the role by itself once it is restored; disable failback in the product before, and plan again, if users must not notice", n.name))
	}
	if len(b.moves) > 0 {
		all = append(all, "connections that are open while MASTER moves are cut; clients have to open them again")
	}
	return all
}
