package zevenet

import (
	"slices"
	"strings"

	"zup/plan"
)

// aloneMS is how long the services of a node without a cluster may be down while
// it updates: up to a minute, by the vendor's instructions.
const aloneMS = 60_000

// stagesAlone is what is looked at before a node without a cluster is updated: of
// the rules for a pair those that are about one node, and one of its own.
func stagesAlone() []stage {
	return []stage{
		only("root", "hostname", "product"),
		{nodes: append([]nodeRule{{"alone", false, isAlone, "without a cluster: the node is in none"}}, only("not-a-vip", "version", "updater").nodes...)},
		only("licence", "dpkg", "holds", "lock", "disk", "clock", "images", "reboot", "save"),
		{nodes: []nodeRule{{"listens", false, listens, "without a cluster: what listens on the VIPs is known"}}},
	}
}

// only picks rules of stages by their names.
func only(names ...string) stage {
	var s stage
	for _, of := range stages() {
		for _, r := range of.nodes {
			if slices.Contains(names, r.name) {
				s.nodes = append(s.nodes, r)
			}
		}
	}
	return s
}

func isAlone(_ *pair, n *node) finding {
	switch {
	case n.fact("clustered") == "no" && n.fact("role") == "none":
		return pass("the node is in no cluster")
	case n.fact("clustered") == "no":
		return unfit("is in no cluster and has a role all the same", "node_status says "+n.fact("role"),
			"it was taken out of a cluster, or is about to be put into one: finish that first")
	}
	return mistaken("is in a cluster", "cluster.conf has "+n.fact("nodes"), "configure both of its nodes: then nobody feels an outage")
}

func listens(_ *pair, n *node) finding {
	if n.fact("farms") == unknown {
		return unseen("what listens on its VIPs", unknown)
	}
	return pass("what listens on its VIPs is known")
}

// decideAlone plans a node without a cluster.
func decideAlone(p *pair) plan.Decision {
	n := p.nodes[0]
	v := judge(p, stagesAlone())
	d := plan.Decision{Cluster: p.describe(v), Refusals: v.refusals}
	d.Cluster.Master = n.name
	if len(v.refusals) > 0 {
		return d
	}
	d.Cluster.Interruption.Why = "nothing on the node is restarted"
	b := &builder{pair: p}
	if p.needs(n) || n.fact("left") != "no" || n.fact("open") != "none" || len(p.recorded.Open) > 0 {
		b.alone(n)
	}
	if p.needs(n) {
		d.Cluster.Interruption = plan.Interruption{
			Outages: 1, PerSwitchoverMSMax: aloneMS,
			Why: "there is no other node to take over while the update restarts the services; a minute is what the vendor says, nobody has measured it on an appliance",
		}
		d.Cluster.Warnings = append(d.Cluster.Warnings, "no snapshot is configured: there is no way back to "+n.fact("version"))
	}
	d.Actions = b.actions
	return d
}

// alone is the procedure for a node without a cluster: there is nobody whom its
// configuration could come from, and nobody who serves meanwhile.
func (b *builder) alone(n *node) {
	p := b.pair
	ready := []plan.Condition{{Node: n.name, Fact: "farms", Covers: plan.Recorded}}
	before := plan.Action{
		ID: p.id(nil, "preflight"), Kind: "preflight", Primitive: plan.Gate, Rule: true,
		Title:  "Check that the node is as planned",
		Reason: "nothing is touched unless the node still is what the plan was made for",
		Until:  []plan.Condition{on(n, "clustered", "no"), on(n, "version", n.fact("version")), on(n, "audit", "clean")},
		Record: []plan.Fact{{Fact: "farms", Node: n.name}}, TimeoutS: 60, EstimateS: 1,
	}
	b.then(before)
	if p.needs(n) {
		b.then(b.refresh(n))
		if n.fact("saver") == "yes" {
			b.then(b.save(n))
		}
		u := b.update(n, false)
		u.Impact = plan.Outage
		b.then(u)
		b.then(plan.Action{
			ID: p.id(n, "ready"), Kind: "ready", Node: n.name, Primitive: plan.Wait,
			Title:    "Wait until every farm is up again",
			Reason:   "the updater's exit status says nothing; whatever listened on the VIPs before must listen again",
			Until:    slices.Concat(p.hasTarget(n), ready),
			TimeoutS: healthLimit, EstimateS: 5,
		})
	}
	b.then(plan.Action{
		ID: p.id(nil, "verify"), Kind: "verify", Primitive: plan.Wait, Final: true,
		Title:    "Verify the node",
		Reason:   "a run is done when everything is proven, not when everything was carried out",
		Until:    slices.Concat(p.hasTarget(n), ready, []plan.Condition{on(n, "open", "none")}),
		Closes:   b.stillOpen(),
		TimeoutS: 120, EstimateS: 2,
	})
	b.then(b.tidy(n))
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
