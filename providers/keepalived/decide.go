// Package keepalived plans updates of pairs of ordinary Debian nodes on which keepalived
// moves virtual IPs, and HAProxy or nginx, or whatever listens there, serves them.
//
// Start with Provider.Decide: judge.go is what is looked at before, build is the procedure,
// way.go how MASTER is moved. Its functions get values and return values.
package keepalived

import (
	"fmt"
	"slices"

	"zup/plan"
	"zup/plan/config"
	"zup/providers/keepalived/arguments"
	pairs "zup/providers/pair"
)

// Provider plans pairs with keepalived.
type Provider struct{}

// Name is how a configuration calls the product.
const Name = arguments.Name

// FactsScript returns the script that reads facts.
func (Provider) FactsScript() string { return script("facts") }

// ObservedFacts are the facts that a plan is made from.
func (Provider) ObservedFacts() []string { return slices.Clone(observedFacts) }

// Asked are the words that the facts script gets besides the names of facts.
func (Provider) Asked(c *config.Cluster) []string {
	s := settingsOf(c)
	return s.words()
}

// Checks implements plan.Provider.
func (Provider) Checks() []plan.CheckRule { return pairs.Rules(stages()) }

// Refuse implements plan.Provider.
func (Provider) Refuse(c *config.Cluster) []plan.Refusal {
	var all []plan.Refusal
	refuse := func(check, summary, hint string) {
		all = append(all, plan.Refusal{Cluster: c.Name, Check: check, Summary: summary, Hint: hint})
	}
	if c.Package != nil {
		refuse("package", "a package block has no meaning here", "the nodes get their packages from their own repositories: remove it")
	}
	if c.Snapshot != nil {
		refuse("snapshot", "snapshots of such pairs are not planned yet", "remove the snapshot block, and take them yourself")
	}
	return all
}

// Decide implements plan.Provider.
func (Provider) Decide(s plan.Situation) plan.Decision {
	p := newPair(s)
	switch s.Way {
	case plan.Back:
		return plan.Decision{Refusals: []plan.Refusal{{
			Cluster: p.cfg.Name, Check: "way-back", Rule: true,
			Summary: "there are no snapshots of such a pair to go back to",
			Hint:    "write the versions to go back to into packages, and plan: apt gets --allow-downgrades where the plan says that a package goes back",
		}}}
	case plan.Rest:
		p.backsOut = true
		if a, b := p.nodes[0], p.nodes[1]; a.fact("packages") != b.fact("packages") {
			return plan.Decision{Refusals: []plan.Refusal{{
				Cluster: p.cfg.Name, Check: "back-out", Rule: true,
				Summary: "one node is updated and the other is not: that is not where a pair rests",
				Detail:  fmt.Sprintf("%s has %s; %s has %s", a.name, list(a.words("packages")), b.name, list(b.words("packages"))),
				Hint:    "zup resume, or zup plan, updates the other one; or write the old versions into packages, and zup plan goes back. Either closes what is open",
			}}}
		}
	}
	d := p.decide()
	if p.backsOut {
		d.Cluster.Way = plan.Rest
	}
	return d
}

func (p *pair) decide() plan.Decision {
	v := pairs.Judge(p.situation, p, p.nodes, func(n *node) string { return n.name }, stages())
	d := plan.Decision{Cluster: p.describe(v), Refusals: v.Refusals, Waived: v.Waived}
	if len(v.Refusals) > 0 {
		return d
	}
	d.Cluster.MasterNow = p.master.name
	for i, n := range p.nodes {
		d.Cluster.Nodes[i].Serves = p.serves(n)
	}
	b := newBuilder(p)
	wanted := p.wanted()
	if !p.atRest() {
		b.build()
	}
	d.Actions = b.Actions
	d.Cluster.Master = wanted.name
	d.Cluster.Interruption = b.predict()
	d.Cluster.Warnings = append(d.Cluster.Warnings, b.cautions()...)
	return d
}

// describe fills in what the plan says about the pair.
func (p *pair) describe(v pairs.Verdict) plan.Cluster {
	c := plan.Cluster{Asked: p.settings.words(), To: p.settings.text(), Checks: v.Checks, Warnings: v.Warnings}
	if p.backsOut {
		c.To = p.nodes[0].fact("version")
	}
	for _, n := range p.nodes {
		facts := make(map[string]string, len(restsOn))
		for _, name := range restsOn {
			facts[name] = n.fact(name)
		}
		c.Nodes = append(c.Nodes, plan.Node{Facts: facts, Role: n.fact("role"), Version: n.fact("version")})
		if c.From == "" || c.From == p.settings.text() {
			c.From = n.fact("version")
		}
	}
	return c
}

// atRest reports whether the pair is as it shall be, with nothing left over.
func (p *pair) atRest() bool {
	for _, n := range p.nodes {
		if p.needs(n) || n.fact("open") != "none" || n.fact("left") != "no" {
			return false
		}
	}
	return p.master == p.wanted() && p.backup.fact("role") == "backup" && len(p.recorded.Open) == 0
}

// moves reports whether MASTER has to give the role away.
func (p *pair) moves() bool {
	return p.needs(p.master) || p.usualMaster() == nil && p.master != p.wanted()
}

// build is the procedure: what is missing, and only that, in this order.
func (b *builder) build() {
	b.Then(b.preflight())
	b.cleanUpFirst()
	b.stageBoth()
	if b.pair.needs(b.backup) {
		b.Then(b.update(b.backup))
		b.Then(b.ready(b.backup))
	}
	if b.pair.needs(b.master) {
		old := b.master
		b.Then(b.gate())
		b.moveTo(b.backup, old.name+" is to be updated")
		b.Then(b.update(old))
		if slices.Contains(b.other, "halted") { // a package of keepalived's own starts it
			b.other = []string{"halted", "backup"}
		}
		b.Then(b.ready(old))
		b.giveBack()
	}
	b.closeAll()
	if wanted := b.pair.wanted(); b.master != wanted {
		b.moveTo(wanted, wanted.name+" shall be MASTER at the end, and does not take the role by itself")
		b.giveBack()
	}
	b.finish()
}

// cleanUpFirst undoes what an earlier run left open where it would be in the way of this
// one: on MASTER, which has the role all the same, and on a BACKUP that has to take it.
func (b *builder) cleanUpFirst() {
	p := b.pair
	for _, mark := range []string{markPriority, markTrack} {
		if p.ours(b.master, mark) {
			b.Then(b.restore(b.master, mark, "an earlier run was cut off before MASTER had moved"))
		}
	}
	if p.needs(b.master) {
		b.closeAll()
	}
}

// stageBoth has everything on both nodes before anything else is touched.
func (b *builder) stageBoth() {
	var refreshed, fetched []plan.Action
	for _, n := range b.pair.inOrder() {
		if b.pair.needs(n) {
			refreshed, fetched = append(refreshed, b.refresh(n)), append(fetched, b.fetch(n))
		}
	}
	b.Then(refreshed...)
	b.Then(fetched...)
}

// moveTo moves MASTER, and leaves open what has moved it.
func (b *builder) moveTo(to *node, reason string) {
	from := b.pair.peer(to)
	w, _ := b.pair.wayTo(to)
	switch w.how {
	case arguments.DrainRaise:
		b.Then(b.raise(to, w))
		b.Then(b.stop(from, to, reason))
		b.other = []string{"halted"}
	default:
		b.Then(b.lower(from, to, w, reason))
		b.other = []string{"backup"}
	}
	b.master, b.backup = to, from
	b.moved = append(b.moved, move{to, w.how})
	b.Then(b.settle())
	b.Then(b.announce())
}

// giveBack closes what the last move has opened, on nodes that are ready by then.
func (b *builder) giveBack() { b.closeAll() }

// closeAll closes every temporary change: what this plan has opened and what an earlier run
// has left. What keeps a node from the role that it takes by itself is closed last.
func (b *builder) closeAll() {
	for _, n := range []*node{b.backup, b.master} {
		if b.isOpen(n, markStopped) {
			b.Then(b.start(n))
			b.other = []string{"backup"}
		}
	}
	for _, n := range []*node{b.backup, b.master} {
		for _, mark := range []string{markRaise, markPriority, markTrack} {
			if b.isOpen(n, mark) {
				b.close(n, mark)
			}
		}
	}
}

// close closes one of them. The role goes where it goes by itself then.
func (b *builder) close(n *node, mark string) {
	usual := b.pair.usualMaster()
	reason := n.name + " is as it shall be"
	if usual == nil || usual == b.master || b.openBesides(n, mark) {
		b.Then(b.restore(n, mark, reason))
		return
	}
	if !b.Has(b.pair.cfg.Name + "." + usual.name + ".ready") {
		b.Then(b.ready(usual))
	}
	a := b.restore(n, mark, reason+", and takes the role back while the other node still serves")
	if mark == markRaise {
		a.Reason = usual.name + " is as it shall be, and takes the role back by its higher priority while " + n.name + " still serves"
	}
	a.Impact, a.Next, a.MayMove = plan.Switchover, true, true
	a.Check = append(a.Check, slices.Concat(b.pair.serves(usual), b.pair.standsBy(b.pair.peer(usual)))...)
	a.CheckS = b.pair.limit(usual)
	b.Then(a)
	b.master, b.backup = usual, b.pair.peer(usual)
	b.moved = append(b.moved, move{usual, preempted})
	b.Then(b.announce())
}

// finish proves everything and removes zup's traces.
func (b *builder) finish() {
	v := b.verify()
	v.Closes = b.StillOpen(b.recordedOpen())
	b.Then(v)
	b.Then(b.tidy(b.master), b.tidy(b.backup))
}
