package zevenet

import (
	"fmt"
	"slices"
	pairs "zup/providers/pair"

	"zup/plan"
	"zup/providers/zevenet/arguments"
)

// rebootLimit is how many seconds a node has to be back after the order to reboot
// was given: appliances check their memory and their disks first.
const rebootLimit = 15 * 60

// forgetfulUntil is the first version of Zevenet whose maintenance mode outlives a
// reboot: it is a file there, and was the state of a link before.
const forgetfulUntil = "6.1.12"

// pending is the reboot that a node waits for, or "".
func (n *node) pending() string {
	if v := n.fact("reboot"); v != "none" && v != unknown {
		return v
	}
	return ""
}

// mayReboot reports whether the plan has a reboot of the node: it waits for one, or
// gets packages that may bring one.
func (p *pair) mayReboot(n *node) bool {
	return p.own.Reboot == arguments.RebootIfNeeded && (p.needs(n) || n.pending() != "")
}

// changes reports whether the node is to be updated or rebooted.
func (p *pair) changes(n *node) bool { return p.needs(n) || p.mayReboot(n) }

// rebootIfNeeded reboots a node that is out of its users' way, and waits until it
// could serve again.
func (b *builder) rebootIfNeeded(n *node, back plan.Action) {
	if !b.pair.mayReboot(n) {
		return
	}
	b.Then(b.reboot(n))
	back.ID = b.unique(n, back.Kind)
	back.Reason = "what was true before the reboot is proven again after it"
	back.Until = append(slices.Clone(back.Until), on(n, "reboot", "none"))
	b.Then(back)
}

func (b *builder) reboot(n *node) plan.Action {
	a := plan.Action{
		ID: b.pair.id(n, "reboot"), Kind: "reboot", Lasting: plan.LastingBoot, Node: n.name, Primitive: plan.Script, Detached: true, Out: true,
		Title:  "Reboot it, if the update asks for that",
		Reason: "reboot is \"if-needed\": whether one is pending is read there when it is updated",
		Script: b.script("reboot", ""), TimeoutS: rebootLimit, EstimateS: 5,
		Requires: slices.Concat(b.pair.hasTarget(n), []plan.Condition{on(n, "lock", "free")}),
		Check:    []plan.Condition{on(n, "rebooted", "yes", "not-asked")}, CheckS: rebootLimit,
	}
	if len(b.pair.nodes) == 1 {
		a.Impact = plan.Outage
	}
	if now := n.pending(); now != "" {
		a.Title, a.EstimateS = "Reboot it", 120
		a.Reason = "a reboot is pending there: " + now
	}
	return a
}

// pendingReboots has the report say which node still waits for a reboot.
func (p *pair) pendingReboots() []plan.Mention {
	var all []plan.Mention
	for _, n := range p.nodes {
		all = append(all, plan.Mention{Fact: "reboot", Node: n.name, Text: "a reboot is pending", Unless: "none"})
	}
	return all
}

func needsNoReboot(p *pair, n *node) pairs.Finding {
	switch now := n.fact("reboot"); {
	case now == "none":
		return pairs.Pass("no reboot is pending")
	case now == unknown:
		return pairs.Unseen("whether it waits for a reboot", unknown)
	case p.mayReboot(n):
		return pairs.Pass("a reboot is pending, and part of the plan")
	default:
		return pairs.Unfit("has a reboot pending ("+now+"), which this plan does not do", "", `with reboot = "if-needed" it would`)
	}
}

// rebootIsPossible: a node that reboots must stay out of the way until it is proven
// healthy.
func rebootIsPossible(p *pair) pairs.Finding {
	if !slices.ContainsFunc(p.nodes, p.mayReboot) {
		return pairs.Skip("nobody is rebooted")
	}
	const hint = `set reboot = "never", and reboot the nodes one after the other when the update is through`
	if v := p.cfg.Version; p.product.name == "zevenet" && !atLeast(v, forgetfulUntil) {
		return pairs.Unfit("can't reboot a node that is to stay in maintenance mode", fmt.Sprintf("%s forgets maintenance mode with a reboot; %s is the first that does not", v, forgetfulUntil), hint)
	}
	if p.own.Switchover == arguments.SwitchoverRestart && p.needs(p.master) && p.failsBack() && p.primary == p.master.name {
		return pairs.Unfit("would have to reboot "+p.master.name+" while it is MASTER", "the cluster's failback gives it the role back right after its update",
			`use switchover = "drain", or `+hint)
	}
	return pairs.Pass("a node that reboots is out of the way")
}
