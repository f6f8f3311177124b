package zevenet

import (
	"slices"
	"strings"
	pairs "zup/providers/pair"

	"zup/plan"
	"zup/plan/state"
)

// aloneMS is how long the services of a node without a cluster may be down while
// it updates: up to a minute, by the vendor's instructions.
const aloneMS = 60_000

// aloneRebootMS is how long such a node may be away while it reboots.
const aloneRebootMS = 5 * 60_000

// stagesAlone is what is looked at before a node without a cluster is updated: of
// the rules for a pair those that are about one node, and one of its own.
func stagesAlone() []stage {
	return []stage{
		only("root", "hostname", "product"),
		append(stage{alone}, only("not-a-vip", "version", "updater")...),
		only("licence", "dpkg", "holds", "lock", "disk", "leftovers", "image-room", "image", "clock", "images", "reboot", "packages", "kernel", "sysctl", "save"),
		{ofNode("listens", pairs.Refuses, listens, "without a cluster: what listens on the VIPs is known")},
	}
}

var alone = ofNode("alone", pairs.Refuses, isAlone, "without a cluster: the node is in none")

// only picks checks of stages by their names.
func only(names ...string) stage {
	return slices.DeleteFunc(slices.Concat(stages()...), func(c check) bool { return !slices.Contains(names, c.Name) })
}

func isAlone(_ *pair, n *node) pairs.Finding {
	switch {
	case n.fact("clustered") == "no" && n.fact("role") == "none":
		return pairs.Pass("the node is in no cluster")
	case n.fact("clustered") == "no":
		return pairs.Unfit("is in no cluster and has a role all the same", "node_status says "+n.fact("role"),
			"it was taken out of a cluster, or is about to be put into one: finish that first")
	}
	return pairs.Mistaken("is in a cluster", "cluster.conf has "+n.fact("nodes"), "configure both of its nodes: then nobody feels an outage")
}

func listens(_ *pair, n *node) pairs.Finding {
	if n.fact("farms") == unknown {
		return pairs.Unseen("what listens on its VIPs", unknown)
	}
	return pairs.Pass("what listens on its VIPs is known")
}

// decideAlone plans a node without a cluster.
func decideAlone(p *pair) plan.Decision {
	n := p.nodes[0]
	p.assignAlone()
	v := judge(p, stagesAlone())
	d := plan.Decision{Cluster: p.describe(v), Refusals: v.Refusals, Waived: v.Waived}
	d.Cluster.Master = n.name
	if len(v.Refusals) > 0 {
		return d
	}
	b := &builder{}
	b.begin(p, nil, "")
	if p.changes(n) || n.fact("left") != "no" || n.fact("open") != "none" || len(p.recorded.Open) > 0 {
		b.alone(n)
	}
	b.deleteSnapshots()
	d.Actions = b.Actions
	d.Cluster.Interruption = p.predictAlone(n)
	d.Cluster.Warnings = append(d.Cluster.Warnings, p.begunSnapshots()...)
	d.Cluster.Warnings = append(d.Cluster.Warnings, p.unendedUpdates()...)
	if p.needs(n) {
		d.Cluster.Warnings = append(d.Cluster.Warnings, p.product.assumed()...)
		d.Cluster.Warnings = append(d.Cluster.Warnings, p.unmeasured()...)
		d.Cluster.Warnings = append(d.Cluster.Warnings, p.overtaken()...)
		d.Cluster.Warnings = append(d.Cluster.Warnings, p.packageCautions()...)
		d.Cluster.Warnings = append(d.Cluster.Warnings, p.wayBack(b)...)
	}
	return d
}

func (p *pair) predictAlone(n *node) plan.Interruption {
	switch {
	case p.mayReboot(n):
		return plan.Interruption{
			Outages: 1, PerSwitchoverMSMax: aloneRebootMS,
			Why: "there is no other node to take over while it reboots; five minutes are a guess, because nobody has measured it on an appliance" + p.farmsDieFirst("; "),
		}
	case p.needs(n):
		return plan.Interruption{
			Outages: 1, PerSwitchoverMSMax: aloneMS,
			Why: "there is no other node to take over while the update restarts the services; a minute is what the vendor says, nobody has measured it on an appliance" + p.farmsDieFirst("; "),
		}
	}
	return plan.Interruption{Why: "nothing on the node is restarted"}
}

// alone is the procedure for a node without a cluster: there is nobody whom its
// configuration could come from, and nobody who serves meanwhile.
func (b *builder) alone(n *node) {
	p := b.pair
	ready := []plan.Condition{{Node: n.name, Fact: "farms", Covers: plan.Recorded}}
	back := plan.Action{
		ID: p.id(n, "ready"), Kind: "ready", Node: n.name, Primitive: plan.Wait,
		Title:    "Wait until every farm is up again",
		Reason:   "the updater's exit status says nothing; whatever listened on the VIPs before must listen again",
		Until:    slices.Concat(p.hasTarget(n), ready),
		TimeoutS: healthLimit, EstimateS: 5,
	}
	before := b.preflightAlone(n)
	before.Until = append(before.Until, p.asDpkgHasIt(n))
	before.Record = []plan.Fact{{Fact: "farms", Node: n.name}}
	b.Then(before)
	b.takeSnapshots()
	b.removeForeignImages()
	b.refreshBoth()
	if p.needs(n) {
		u := b.update(n, false)
		u.Impact = plan.Outage
		b.Then(u)
		b.Then(back)
	}
	b.rebootIfNeeded(n, back)
	b.removeImages()
	b.endAlone(n, ready)
}

func (b *builder) preflightAlone(n *node) plan.Action {
	return plan.Action{
		ID: b.pair.id(nil, "preflight"), Kind: "preflight", Primitive: plan.Gate, Rule: true,
		Title:  "Check that the node is as planned",
		Reason: "nothing is touched unless the node still is what the plan was made for",
		Until:  []plan.Condition{on(n, "clustered", "no"), on(n, "version", n.fact("version"))}, TimeoutS: 60, EstimateS: 1,
	}
}

// endAlone proves that the node serves and removes zup's traces.
func (b *builder) endAlone(n *node, ready []plan.Condition) {
	p := b.pair
	b.Then(plan.Action{
		ID: p.id(nil, "verify"), Kind: "verify", Primitive: plan.Wait, Final: true,
		Title:    "Verify the node",
		Reason:   "a run is done when everything is proven, not when everything was carried out",
		Until:    slices.Concat(p.hasTarget(n), ready, []plan.Condition{on(n, "open", "none")}),
		Closes:   b.stillOpen(),
		Mentions: p.pendingReboots(),
		TimeoutS: 120, EstimateS: 2,
	})
	b.Then(b.tidy(n))
}

// goBackAlone plans the way back of a node without a cluster.
func (p *pair) goBackAlone(taken state.Snapshot) plan.Decision {
	n := p.nodes[0]
	v := judge(p, []stage{only("root", "hostname"), {alone}})
	d := plan.Decision{Cluster: p.describe(v), Refusals: v.Refusals, Waived: v.Waived}
	d.Cluster.To, d.Cluster.Master = p.cfg.Version, n.name
	if len(v.Refusals) > 0 {
		return d
	}
	b := &returner{set: []state.Snapshot{taken}}
	b.begin(p, nil, "")
	d.Cluster.Interruption.Why = "nothing on the node is restarted"
	if p.needs(n) || n.fact("audit") != "clean" {
		b.backAlone(n)
		d.Cluster.Interruption = plan.Interruption{
			Outages: 1, PerSwitchoverMSMax: aloneRebootMS,
			Why: "there is no other node to take over while it is restored; five minutes are a guess, because nobody has measured it on an appliance",
		}
		d.Cluster.Warnings = append(d.Cluster.Warnings, p.lost(n, taken))
		d.Cluster.Nodes[0].Facts["boot"] = n.fact("boot")
	} else if n.fact("left") != "no" || n.fact("open") != "none" || len(p.recorded.Open) > 0 {
		b.Then(b.preflightAlone(n))
		b.removeImages()
		b.endAlone(n, nil)
	}
	b.deleteSnapshots()
	d.Actions = b.Actions
	return d
}

// backAlone restores the node and waits until whatever listened on its VIPs when
// the snapshot was taken listens again, as far as the state file has that.
func (b *returner) backAlone(n *node) {
	p := b.pair
	var ready []plan.Condition
	if farms := p.recorded.Recorded[n.name+"/farms"]; farms != "" {
		ready = append(ready, on(n, "farms", farms))
	}
	b.Then(b.preflightAlone(n))
	if ask := b.findSnapshot(n); ask != nil {
		b.Then(ask...)
	}
	r := b.restore(n, nil)
	r.Impact = plan.Outage
	r.Check = slices.Concat(p.hasTarget(n), []plan.Condition{on(n, "clustered", "no"), on(n, "open", "none")})
	b.Then(r)
	b.endAlone(n, ready)
}

// checkAlone says what in the configuration makes no sense for one node.
func checkAlone(boost bool, master string) (summary, hint string) {
	var of []string
	if boost {
		of = append(of, "boost")
	}
	if master != "" {
		of = append(of, "master")
	}
	if of == nil {
		return "", ""
	}
	return "for a single node there is no " + strings.Join(of, " and no "), "remove it, or configure the other node too"
}
