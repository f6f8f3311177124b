package zevenet

import (
	"fmt"
	"strings"
	pairs "zup/providers/pair"

	"zup/plan"
	"zup/providers/zevenet/arguments"
)

// backOut decides on the way to rest: the plan to the version that the nodes run
// already has nothing to update, and undoes whatever is temporary. Where one node
// has another version than the other there is none that is safe. An update that was
// turned back on a node that does not serve is not an obstacle: what dpkg has there is
// finished, at the old version.
func (pr Provider) backOut(s plan.Situation) plan.Decision {
	p := newPair(pr.personality(), s)
	version := p.nodes[0].fact("version")
	for _, n := range p.nodes {
		if p.isHalf(n) && (len(p.nodes) == 1 || n.fact("role") == "master" || !p.wasTurnedBack(n)) {
			return plan.Decision{Cluster: p.describe(pairs.Verdict{}), Refusals: []plan.Refusal{p.unended(n)}}
		}
	}
	if len(p.nodes) > 1 && p.nodes[1].fact("version") != version {
		return plan.Decision{Cluster: p.describe(pairs.Verdict{}), Refusals: []plan.Refusal{p.halfWay()}}
	}
	cfg := *p.cfg
	cfg.Version, cfg.Package, cfg.Own = version, nil, arguments.WithoutReboot(cfg.Own)
	if cfg.Snapshot != nil { // those of the unfinished run may still be wanted
		kept := *cfg.Snapshot
		kept.KeepFor = nil
		cfg.Snapshot = &kept
	}
	s.Config, s.Image = &cfg, nil
	out := newPair(pr.personality(), s)
	out.backsOut = true
	d := out.decide()
	d.Cluster.To = version
	return d
}

// halfWay says why a pair of two versions can't be left as it is without a choice,
// and what the choices are.
func (p *pair) halfWay() plan.Refusal {
	updated, old := p.nodes[0], p.nodes[1]
	if atLeast(old.fact("version"), updated.fact("version")) {
		updated, old = old, updated
	}
	back := p.choiceToGoBack(old.fact("version"))
	stay := fmt.Sprintf("or leave it for now: %s serves with %s, replication is off, and at the next switchover %s takes over with %s and the configuration as it was when replication was stopped",
		old.name, old.fact("version"), updated.name, updated.fact("version"))
	if updated.fact("role") == "master" {
		stay = fmt.Sprintf("or leave it for now: %s serves with %s; at the next switchover %s takes over with %s and a configuration that it may not understand",
			updated.name, updated.fact("version"), old.name, old.fact("version"))
	}
	return plan.Refusal{
		Cluster: p.cfg.Name, Check: "back-out", Rule: true,
		Summary: "one node is updated and the other is not: nothing can be undone safely",
		Detail: fmt.Sprintf("%s runs %s and %s runs %s; replication would overwrite the configuration that %s has migrated with the old one",
			updated.name, updated.fact("version"), old.name, old.fact("version"), updated.name),
		Hint: strings.Join([]string{"finish the update: zup resume, or zup plan", back, stay}, "\n"),
	}
}

// unended says why a node whose update did not end can't be left as it is.
func (p *pair) unended(n *node) plan.Refusal {
	return plan.Refusal{
		Cluster: p.cfg.Name, Node: n.name, Check: "back-out", Rule: true,
		Summary: "its update did not end: that can't be undone",
		Detail:  p.unendedDetail(n),
		Hint:    strings.Join([]string{"finish the update: zup plan has what dpkg had begun first", p.choiceToGoBack(n.fact("version"))}, "\n"),
	}
}

func (p *pair) unendedDetail(n *node) string {
	says := fmt.Sprintf("dpkg says %q for %s: %s", n.fact("package"), p.product.pkg, dpkgWords(n.fact("package")))
	if p.wasTurnedBack(n) {
		return says + ". Finishing that restarts the services, and the node serves"
	}
	return says + ". The configuration may be migrated already"
}

// finishPackages has dpkg finish what it had begun, without an update.
func (b *builder) finishPackages(n *node) plan.Action {
	p := b.pair
	return plan.Action{
		ID: p.id(n, "repair"), Kind: "repair", Node: n.name, Primitive: plan.Script, Detached: true, Out: true,
		Title: "Finish what dpkg had begun; it stays at " + n.fact("version"),
		Reason: fmt.Sprintf("its update was turned back, and dpkg says %q for %s (%s)",
			n.fact("package"), p.product.pkg, dpkgWords(n.fact("package"))),
		Script: b.script("repair", ""), TimeoutS: limit(updateLimit), EstimateS: 30,
		Check: p.hasTarget(n), CheckS: 10,
		Requires: []plan.Condition{on(n, "lock", "free")},
	}
}

// choiceToGoBack says how to get back to a version, or why zup can't.
func (p *pair) choiceToGoBack(version string) string {
	if set := p.lastSnapshots(); set != nil && p.cfg.Snapshot != nil && p.cfg.Snapshot.Restore != nil {
		return "or go back to the snapshots: zup plan -rollback"
	}
	return "there is no way back to " + version + " by zup: it has no snapshots of " + p.everyNode()
}
