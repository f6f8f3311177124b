package zevenet

import (
	"fmt"
	"regexp"
	"slices"
	pairs "zup/providers/pair"

	"zup/plan"
	"zup/plan/config"
	"zup/plan/product"
	"zup/providers/zevenet/arguments"
)

// FactsScript returns the script that reads facts: Product.Facts, and the one that observes.
func (pr Provider) FactsScript() string { return pr.personality().script("facts", "") }

// Decide implements plan.Provider: it judges the pair, and if nothing is against
// it, says what is missing between what is and what shall be.
func (pr Provider) Decide(s plan.Situation) plan.Decision {
	var d plan.Decision
	switch s.Way {
	case plan.Back:
		d = pr.goBack(s)
	case plan.Rest:
		d = pr.backOut(s)
	default:
		d = newPair(pr.personality(), s).decide()
	}
	d.Cluster.Way = s.Way
	return d
}

func (p *pair) decide() plan.Decision {
	if len(p.nodes) == 1 {
		return decideAlone(p)
	}
	v := judge(p, stages())
	d := plan.Decision{Cluster: p.describe(v), Refusals: v.Refusals, Waived: v.Waived}
	if len(v.Refusals) > 0 {
		return d
	}
	b := &builder{}
	b.begin(p, p.master, p.backup.fact("role"))
	if !p.atRest() {
		b.build()
	}
	b.deleteSnapshots()
	d.Actions = b.Actions
	d.Cluster.Master = p.wanted().name
	p.proveServing(&d.Cluster)
	d.Cluster.Interruption = p.predict(b.moves)
	d.Cluster.Warnings = append(d.Cluster.Warnings, p.cautions(b)...)
	return d
}

// Declared implements plan.Provider.
func (pr Provider) Declared() product.Declaration {
	p := pr.personality()
	return arguments.Declared(p.name, p.title)
}

// Watches implements plan.Provider.
func (Provider) Watches(c *config.Cluster) bool { return arguments.Of(c.Own).ProbeFarms }

// Refuse implements plan.Provider: it refuses what the language knows and this
// provider does not carry out.
func (Provider) Refuse(c *config.Cluster) []plan.Refusal {
	var all []plan.Refusal
	refuse := func(check, summary, hint string) {
		all = append(all, plan.Refusal{Cluster: c.Name, Check: check, Summary: summary, Hint: hint})
	}
	if len(c.Nodes) == 1 {
		if summary, hint := checkAlone(arguments.Of(c.Own).Boost, c.Master); summary != "" {
			refuse("nodes", summary, hint)
		}
	}
	return all
}

// describe fills in what the plan says about the pair.
func (p *pair) describe(v pairs.Verdict) plan.Cluster {
	c := plan.Cluster{Checks: v.Checks, Warnings: v.Warnings, From: p.nodes[0].fact("version")}
	for _, n := range p.nodes {
		version := n.fact("version")
		if atLeast(c.From, version) {
			c.From = version
		}
		facts := make(map[string]string, len(restsOn))
		for _, name := range restsOn {
			facts[name] = n.fact(name)
		}
		c.Nodes = append(c.Nodes, plan.Node{Facts: facts, Role: n.fact("role"), Version: version})
	}
	return c
}

// proveServing says for each node of a pair what proves that it serves, once it is known
// who is MASTER: what the actions require when the other node goes out.
func (p *pair) proveServing(c *plan.Cluster) {
	for i, n := range p.nodes {
		c.Nodes[i].Serves = p.serves(n)
	}
}

// cautions are sentences for the reader that no rule is about.
func (p *pair) cautions(b *builder) []string {
	var all []string
	if len(b.Actions) > 0 {
		all = append(all, p.product.assumed()...)
	}
	if p.losesMaintenance(b) {
		all = append(all, "nobody has verified that maintenance mode outlives the restart of the services before 6.1.12; if it does not, the run stops there, with the other node serving")
	}
	if slices.ContainsFunc(b.Actions, func(a plan.Action) bool { return a.Kind == "update" }) {
		all = append(all, p.overtaken()...)
		all = append(all, p.packageCautions()...)
		all = append(all, p.wayBack(b)...)
	}
	if len(b.Actions) > 0 {
		all = append(all, p.unmeasured()...)
	}
	all = append(all, p.unendedUpdates()...)
	all = append(all, p.begunSnapshots()...)
	if p.editedSince() {
		what := ""
		if files := p.master.fact("edited"); files != "none" && files != unknown {
			what = " (" + files + ")"
		}
		all = append(all, fmt.Sprintf("the configuration on %s was edited since an earlier run stopped replication%s: %s takes over without that edit, so repeat it there afterwards", p.master.name, what, p.backup.name))
	}
	if anew := p.askingAnew(b.moves); anew != "" {
		all = append(all, anew)
	}
	if len(b.moves) > 0 {
		all = append(all, "connections that are open while MASTER moves are cut; clients have to open them again")
	}
	return all
}

// unendedUpdates says of whose configuration nobody knows whether it is whole.
func (p *pair) unendedUpdates() []string {
	look := "look at what it has before the role moves there"
	if len(p.nodes) == 1 {
		look = "look at what it has afterwards"
	}
	var all []string
	for _, n := range p.nodes {
		switch {
		case p.wasTurnedBack(n) && p.backsOut:
		case p.wasTurnedBack(n):
			all = append(all, fmt.Sprintf("the update of %s was turned back before anything of it was unpacked; whatever turned it back must be gone, or it is turned back again", n.name))
		case p.isHalf(n):
			all = append(all, fmt.Sprintf("the update of %s ended in the middle, and nobody knows whether the product was migrating its configuration then: %s", n.name, look))
		}
	}
	return all
}

// overtaken says which nodes know already, from the last time that their package lists
// were refreshed, that the repository offers a newer version than the planned one.
func (p *pair) overtaken() []string {
	var all []string
	for _, n := range p.nodes {
		offered := n.fact("candidate")
		if p.brings() || !p.needs(n) || !isOffered.MatchString(offered) || atLeast(p.cfg.Version, offered) {
			continue
		}
		all = append(all, fmt.Sprintf("the package lists on %s offer %s already: if the repository has nothing else, the run stops before anything but the lists is touched; write that version, or bring an image of %s", n.name, offered, p.cfg.Version))
	}
	return all
}

// isOffered is what a version looks like, where a node may say anything.
var isOffered = regexp.MustCompile(`^[0-9]+(\.[0-9]+)+(-[0-9A-Za-z.+~]+)?$`)

// editedSince reports whether MASTER's configuration is another one than when the
// unfinished run stopped replication.
func (p *pair) editedSince() bool {
	before := p.recorded.Recorded[p.master.name+"/digest"]
	return p.recorded.Unfinished() && p.needs(p.master) && !p.needs(p.backup) &&
		before != "" && before != p.master.fact("digest")
}

func (p *pair) lowest() string {
	low := p.nodes[0].fact("version")
	for _, n := range p.nodes[1:] {
		if v := n.fact("version"); atLeast(low, v) {
			low = v
		}
	}
	return low
}

// atRest reports whether the pair is as it shall be, with nothing left over.
func (p *pair) atRest() bool {
	for _, n := range p.nodes {
		if p.changes(n) || p.isHalf(n) || n.fact("deny") != "none" || n.fact("open") != "none" || n.fact("left") != "no" || n.fact("maintenance") != "no" {
			return false
		}
	}
	return p.master == p.wanted() && p.backup.fact("role") == "backup" &&
		p.master.fact("replication") == "running" &&
		p.master.fact("digest") == p.backup.fact("digest") && len(p.recorded.Open) == 0
}

// build is the procedure: what is missing, and only that, in this order.
func (b *builder) build() {
	b.Then(b.preflight())
	b.takeSnapshots()
	b.cleanUpFirst()
	b.refreshBoth()
	if b.pair.needs(b.pair.master) {
		b.isolate()
	}
	if b.pair.changes(b.pair.backup) || b.pair.isHalf(b.pair.backup) {
		b.changeBackup()
	}
	if b.pair.changes(b.pair.master) {
		b.changeMaster()
	}
	b.unblockBoth()
	b.rejoinBoth()
	b.giveBack()
	b.finish()
}

// cleanUpFirst removes what an earlier attempt left and what would be in the way
// of this one.
func (b *builder) cleanUpFirst() {
	p := b.pair
	for _, n := range p.nodes {
		if p.ours(n, "boost") {
			b.Then(b.unboost(n, "an earlier run was cut off while its priority was raised"))
		}
		b.forgetMaintenance(n)
	}
	b.removeForeignImages()
	if p.master.fact("version") != p.backup.fact("version") || p.isHalf(p.backup) || p.isHalf(p.master) || p.backup.fact("role") != "backup" {
		return
	}
	if p.backup.fact("deny") == "present" {
		b.Then(b.unblock(p.backup, "an earlier attempt left the line there, and MASTER can't replicate"))
	}
	if p.master.fact("digest") != p.backup.fact("digest") && p.needs(p.master) {
		b.Then(b.sync(p.master, "sync-first", "the configurations differ: "+p.backup.name+" would take over with an old one"))
	}
}

func (b *builder) refreshBoth() {
	if b.pair.brings() {
		b.stageBoth()
	}
	var actions, saves []plan.Action
	for _, n := range b.pair.inOrder() {
		if !b.pair.needs(n) {
			continue
		}
		if !b.pair.brings() {
			actions = append(actions, b.refresh(n))
		}
		if n.fact("saver") == "yes" && !b.pair.isHalf(n) { // it may be migrated already
			saves = append(saves, b.save(n))
		}
	}
	if len(actions) > 0 {
		b.Then(actions...)
	}
	if len(saves) > 0 {
		b.Then(saves...)
	}
}

// isolate keeps MASTER's old configuration away from the node that is updated
// first: neither pushed by MASTER nor pulled by the other.
func (b *builder) isolate() {
	m := b.pair.master
	if m.fact("replication") != "off" {
		b.Then(b.stopReplication(m))
	}
	if !withoutBlock && (m.fact("deny") != "present" || b.pair.backup.fact("peer_ssh") != "refused") {
		b.Then(b.block(m))
	}
}

// held reports whether BACKUP must be kept from taking the role by itself once
// it is updated.
func (p *pair) held() bool {
	return p.failsBack() && p.primary == p.backup.name
}

func (b *builder) changeBackup() {
	p, n := b.pair, b.pair.backup
	inMaintenance := n.fact("role") == "maintenance"
	switch {
	case inMaintenance && !p.needs(p.master): // a run was cut off after the role had moved
		b.Then(b.settle(n, p.isDrained(n)))
		b.Then(b.announce(p.master))
	case !inMaintenance && p.held():
		b.Then(b.hold(n, fmt.Sprintf("the cluster's failback is %s: it would take the role as soon as its service is back, farms or not", n.name)))
		inMaintenance, b.otherRole = true, "maintenance"
	case !inMaintenance && p.needs(n) && p.shunsBackups(n):
		b.Then(b.hold(n, fmt.Sprintf("the updater of %s installs nothing on a backup; in maintenance mode it does", n.fact("version"))))
		inMaintenance, b.otherRole = true, "maintenance"
	}
	ready := b.ready(n, p.standsBy(n))
	if inMaintenance {
		ready = b.ready(n, slices.Concat(p.isDrained(n), p.serves(p.master)))
	}
	if p.needs(n) {
		u := b.update(n, false)
		if p.needs(p.master) {
			u.Requires = append(u.Requires, on(p.master, "replication", "off"))
			if !withoutBlock {
				u.Requires = append(u.Requires, on(p.master, "deny", "present"))
			}
		}
		b.Then(u)
		b.Then(ready)
	} else if p.isHalf(n) {
		b.Then(b.finishPackages(n))
		b.Then(ready)
	}
	b.rebootIfNeeded(n, ready)
}

func (b *builder) changeMaster() {
	p, m, n := b.pair, b.pair.master, b.pair.backup
	if b.otherRole == "maintenance" && p.held() {
		b.Then(b.gate(n))
		b.moveByFailback(n)
		ready := b.ready(m, p.standsBy(m))
		if p.needs(m) {
			b.Then(b.update(m, false))
			b.Then(ready)
		}
		b.rebootIfNeeded(m, ready)
		return
	}
	if b.otherRole == "maintenance" {
		why := "an earlier run left it in maintenance mode, and it must be able to take over"
		if b.Has(p.id(n, "hold")) {
			why = "it is updated, and must be able to take over"
		}
		b.Then(b.rejoin(n, why, p.standsBy(n)))
		b.otherRole = "backup"
	}
	b.Then(b.gate(n))
	ready := b.ready(m, slices.Concat(p.isDrained(m), p.serves(n)))
	switch {
	case !p.needs(m):
		b.moveByDrain(n, m.name+" is to be rebooted")
	case p.own.Switchover == arguments.SwitchoverRestart && !p.isHalf(m):
		b.restart()
		return
	default:
		why := fmt.Sprintf("%s is to be updated, and its services restart then", m.name)
		if p.own.Switchover == arguments.SwitchoverRestart {
			why = fmt.Sprintf("dpkg has packages there that are not installed whole, and finishing them restarts the services: that is not for a node that serves, although switchover is %q", arguments.SwitchoverRestart)
		}
		b.moveByDrain(n, why)
		u := b.update(m, false)
		u.Requires = slices.Concat(u.Requires, p.isDrained(m), b.unchanged())
		b.Then(u)
		b.Then(ready)
	}
	b.rebootIfNeeded(m, ready)
}

// restart is the vendor's own order: MASTER is updated while it serves, and the
// restart of its services moves the role.
func (b *builder) restart() {
	p, m, n := b.pair, b.pair.master, b.pair.backup
	u := b.update(m, true)
	u.Impact, u.Next = plan.Switchover, true
	u.Requires = slices.Concat(u.Requires, p.standsBy(n), p.hasTarget(n), []plan.Condition{coversFarms(n, m)}, b.unchanged())
	b.Then(u)
	b.moves = append(b.moves, switchover{n, restarted})
	if p.failsBack() && p.primary == m.name {
		b.master = nil
		b.Then(b.ready(m, []plan.Condition{on(m, "role", "master", "backup")}))
		return
	}
	b.master, b.otherRole = n, "backup"
	ready := b.ready(m, slices.Concat(p.standsBy(m), p.serves(n)))
	b.Then(ready)
	b.rebootIfNeeded(m, ready)
}

// moveByDrain moves the role to a node that is healthy by putting MASTER into
// maintenance mode, where it stays.
func (b *builder) moveByDrain(to *node, reason string) {
	p, from := b.pair, b.pair.peer(to)
	if p.own.Boost {
		b.Then(b.boost(to))
	}
	b.Then(b.drain(from, reason))
	b.master, b.otherRole = to, "maintenance"
	b.moves = append(b.moves, switchover{to, drained})
	if p.own.Boost {
		u := b.unboost(to, "the role has moved")
		u.Next = true
		b.Then(u)
	}
	if !withoutSettle {
		b.Then(b.settle(from, p.isDrained(from)))
		b.Then(b.announce(to))
	}
}

// moveByFailback lets a node out of maintenance mode that the cluster prefers
// and that takes the role by itself.
func (b *builder) moveByFailback(to *node) {
	p, from := b.pair, b.pair.peer(to)
	r := b.rejoin(to, "it is healthy now, and the cluster's failback may move the role to it", nil)
	r.Next = true
	b.Then(r)
	b.Then(b.failback(to, fmt.Sprintf("its priority is the higher one: it takes the role 3 × %d s after it is back", p.deadratio)))
	b.master, b.otherRole = to, "backup"
	b.moves = append(b.moves, switchover{to, preempted})
	b.Then(b.settle(from, p.standsBy(from)))
	b.Then(b.announce(to))
}

// unblockBoth closes the block, and any line for this pair whoever left it.
func (b *builder) unblockBoth() {
	p := b.pair
	for _, n := range []*node{p.master, p.backup} {
		switch {
		case b.Has(p.id(n, "unblock")):
		case b.Has(p.id(n, "block")):
			b.Then(b.unblock(n, "both nodes run the same version again"))
		case n.blocks():
			b.Then(b.unblock(n, "an earlier attempt left the line there"))
		}
	}
}

// forgetMaintenance closes a maintenance mode that did not come about, or that a node
// has forgotten: its mark is there, and the node is not in it.
func (b *builder) forgetMaintenance(n *node) {
	if !slices.Contains(n.words("open"), "maintenance") || n.fact("maintenance") != "no" || n.fact("role") == "maintenance" {
		return
	}
	r := b.rejoin(n, "an earlier run was about to have it there when it was cut off, and has left its mark", []plan.Condition{on(n, "role", n.fact("role"))})
	r.Title = "Make sure that it is not in maintenance mode"
	b.Then(r)
}

// rejoinBoth takes whoever is still in maintenance mode out of it.
func (b *builder) rejoinBoth() {
	p := b.pair
	if b.master == nil || b.otherRole != "maintenance" {
		return
	}
	n := p.peer(b.master)
	is := "it is healthy"
	if b.Has(p.id(n, "update")) {
		is = "it is updated and healthy"
	}
	if p.failsBack() && p.primary == n.name {
		b.Then(b.rejoin(n, is, []plan.Condition{on(n, "role", "backup", "master")}))
		b.master = nil
		return
	}
	b.Then(b.rejoin(n, is+", and takes the configuration from MASTER", p.standsBy(n)))
	b.otherRole = "backup"
}

// giveBack brings MASTER to where it shall be at the end.
func (b *builder) giveBack() {
	p, to := b.pair, b.pair.wanted()
	switch {
	case b.master == nil:
		b.Then(b.failback(to, fmt.Sprintf("the cluster's failback is %s; it takes the role 3 × %d s after it is back", to.name, p.deadratio)))
		b.master, b.otherRole = to, "backup"
		b.moves = append(b.moves, switchover{to, preempted})
	case b.master != to:
		from := b.master
		b.moveByDrain(to, fmt.Sprintf("%s shall be MASTER at the end, and the cluster does not bring it back by itself", to.name))
		b.Then(b.rejoin(from, "the role is where it shall be", p.standsBy(from)))
		b.otherRole = "backup"
	}
}

// finish brings replication back, proves everything and removes zup's traces.
func (b *builder) finish() {
	p := b.pair
	if len(b.moves) == 0 && p.master.fact("replication") == "off" {
		b.Then(b.startReplication(p.master))
	}
	if slices.ContainsFunc(b.Actions, func(a plan.Action) bool { return a.Kind == "update" }) || p.master.fact("digest") != p.backup.fact("digest") {
		b.Then(b.sync(b.master, "sync", "both nodes must have the configuration of the node that serves"))
	}
	b.removeImages()
	v := b.verify(b.master)
	v.Closes = b.stillOpen()
	b.Then(v)
	b.Then(b.tidy(b.master), b.tidy(p.peer(b.master)))
}

// stillOpen lists the temporary changes that the verification proves gone:
// replication, which the product starts again with the role, and what only the
// state file still remembers.
func (b *builder) stillOpen() []string {
	var recorded []string
	for _, c := range b.pair.recorded.Open {
		recorded = append(recorded, c.Name)
	}
	return b.StillOpen(recorded)
}
