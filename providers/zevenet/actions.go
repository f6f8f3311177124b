package zevenet

import (
	"fmt"
	"slices"

	"zup/plan"
)

// Seconds that the parts of an update are given before the run stops, and that
// they are estimated to take. A limit is generous: passing it stops the run,
// and a person has to look.
const (
	updateLimit = 45 * 60
	healthLimit = 180
	moveLimit   = 45
)

// moveLimit is for how many seconds a switchover is waited for: with a weight on the
// tracked link the other node takes the role by its higher priority.
func (p *pair) moveLimit() int { return max(moveLimit, 4*p.deadratio+10) }

// limit is that many seconds, in every build that is not for tests.
func limit(seconds int) int {
	if shortLimits {
		return min(seconds, 40)
	}
	return seconds
}

func (p *pair) id(n *node, kind string) string {
	if n == nil {
		return p.cfg.Name + "." + kind
	}
	return p.cfg.Name + "." + n.name + "." + kind
}

// was names the fact that says how a node is before something temporary is put on
// it.
func was(n *node, fact string) []plan.Fact { return []plan.Fact{{Fact: fact, Node: n.name}} }

// on is a condition on a node's fact.
func on(n *node, fact string, values ...string) plan.Condition {
	return plan.Condition{Node: n.name, Fact: fact, Is: values}
}

// serves is what proves that a node serves: unknown counts as not serving.
func (p *pair) serves(n *node) []plan.Condition {
	if withoutSettle {
		return []plan.Condition{on(n, "role", "master", "backup")}
	}
	if n.serving == nil {
		n.serving = slices.Concat([]plan.Condition{on(n, "role", "master"), on(n, "vrrp", "MASTER")}, p.neighbours(n, "open"))
	}
	return n.serving
}

// neighbours are the conditions that a node does, or does not, answer for the VIPs when
// somebody asks who has them, as far as this version of the product tells: ARP for IPv4,
// neighbour discovery for IPv6.
func (p *pair) neighbours(n *node, how string) []plan.Condition {
	var c []plan.Condition
	for _, fact := range []string{"arp", "nd"} {
		if p.tells(fact) {
			c = append(c, on(n, fact, how))
		}
	}
	return c
}

// standsBy is what proves that a node is a backup and out of the users' way.
func (p *pair) standsBy(n *node) []plan.Condition {
	if n.standby == nil {
		n.standby = slices.Concat([]plan.Condition{on(n, "role", "backup"), on(n, "vrrp", "BACKUP")}, p.neighbours(n, "blocked"))
	}
	return n.standby
}

// drainedStates are the VRRP states of a node in maintenance mode: a tracked link without
// a weight leads to FAULT, one with a weight leaves it BACKUP with a lower priority.
var drainedStates = []string{"FAULT", "BACKUP"}

// isDrained is what proves that a node in maintenance mode is out of the way, while the
// other one serves. Its role can be said before its ARP rules are there, so both are
// asked.
func (p *pair) isDrained(n *node) []plan.Condition {
	if withoutSettle {
		return []plan.Condition{on(n, "maintenance", "yes")}
	}
	if n.drained == nil {
		n.drained = slices.Concat([]plan.Condition{
			on(n, "maintenance", "yes"), on(n, "role", "maintenance"), on(n, "vrrp", drainedStates...),
		}, p.neighbours(n, "blocked"))
	}
	return n.drained
}

// coversFarms: whatever listens on the VIPs of one node listens on the other's.
func coversFarms(n, of *node) plan.Condition {
	return plan.Condition{Node: n.name, Fact: "farms", Covers: of.name}
}

// hasTarget is what proves that a node runs the version of the plan.
func (p *pair) hasTarget(n *node) []plan.Condition {
	if n.target == nil {
		n.target = []plan.Condition{
			on(n, "package", "ii "+p.cfg.Version), on(n, "version", p.cfg.Version), on(n, "audit", "clean"),
		}
	}
	return n.target
}

func (b *builder) preflight() plan.Action {
	p := b.pair
	a := plan.Action{
		ID: p.id(nil, "preflight"), Kind: "preflight", Primitive: plan.Gate, Rule: true,
		Title:  "Check that both nodes are as planned",
		Reason: "nothing is touched unless the pair still is what the plan was made for",
		Record: []plan.Fact{{Fact: "digest", Node: p.master.name}, {Fact: "edited", Node: p.master.name}}, TimeoutS: 60, EstimateS: 1,
	}
	a.Until = slices.Concat(p.serves(p.master), []plan.Condition{on(p.backup, "role", p.backup.fact("role"))})
	for _, n := range p.nodes {
		a.Until = append(a.Until, on(n, "version", n.fact("version")), p.asDpkgHasIt(n))
		if p.needs(n) {
			a.Until = append(a.Until, on(n, "lock", "free"))
		}
	}
	return a
}

// asDpkgHasIt is the condition that no package is half-way on a node; where an update did
// not end, that dpkg says of the product's package what it said.
func (p *pair) asDpkgHasIt(n *node) plan.Condition {
	if p.isHalf(n) {
		return on(n, "package", n.fact("package"))
	}
	return on(n, "audit", "clean")
}

// offers is the condition that a node would install the planned version. Where it has
// been unpacked already, apt would install nothing.
func (p *pair) offers(n *node) plan.Condition {
	if p.isHalf(n) {
		return on(n, "candidate", p.cfg.Version)
	}
	return on(n, "offer", p.cfg.Version)
}

func (b *builder) refresh(n *node) plan.Action {
	v := b.pair.cfg.Version
	return plan.Action{
		ID: b.pair.id(n, "refresh"), Kind: "refresh", Node: n.name, Primitive: plan.Script, Rule: true, Detached: true,
		Title:  "Refresh the package lists; the repository must offer " + v,
		Reason: b.pair.everyNode() + " must be offered the planned version before anything else is touched",
		Script: b.script("refresh", ""), TimeoutS: 300, EstimateS: 10,
		Check:   append([]plan.Condition{b.pair.offers(n), on(n, "room", "enough")}, b.pair.whole(n)...),
		CheckS:  10,
		Forbid:  []string{`Error connecting to`, `There isn't a valid activation certificate`, `^(E|Error): `},
		Prompts: nil,
	}
}

// save takes the product's own backup of a node's configuration.
func (b *builder) save(n *node) plan.Action {
	file := b.pair.product.root + "/backups/backup-zup-" + n.fact("version") + ".tar.gz"
	return plan.Action{
		ID: b.pair.id(n, "save"), Kind: "save", Node: n.name, Primitive: plan.Script, Detached: true,
		Title:  "Save the configuration with the product's own backup",
		Reason: "to look up what was: the product does not apply it on another version",
		Script: b.script("save", ""), TimeoutS: 120, EstimateS: 2,
		Check: []plan.Condition{on(n, "saved", file)}, CheckS: 10,
		Leaves: file, Left: "the product does not apply it on another version",
	}
}

func (b *builder) stopReplication(n *node) plan.Action {
	p := b.pair
	return plan.Action{
		ID: p.id(n, "stop-replication"), Kind: "stop-replication", Node: n.name, Primitive: plan.Script, Detached: true,
		Title:  "Stop replication, by PID",
		Reason: fmt.Sprintf("MASTER would overwrite the configuration that %s migrates with its own", p.peer(n).name),
		Script: b.script("replication_stop", p.peerAddress(n)), TimeoutS: 60, EstimateS: 2,
		Check: []plan.Condition{on(n, "replication", "off")}, CheckS: 10,
		Opens: []string{n.name + "/replication"}, Before: was(n, "replication"), NotMaster: true,
	}
}

func (b *builder) startReplication(n *node) plan.Action {
	p := b.pair
	return plan.Action{
		ID: p.id(n, "start-replication"), Kind: "start-replication", Node: n.name, Primitive: plan.Script, Detached: true,
		Title:  "Start replication",
		Reason: "MASTER must replicate its configuration, and nothing else starts it before the role moves again",
		Script: b.script("replication_start", p.peerAddress(n)), TimeoutS: 60, EstimateS: 2,
		Check: []plan.Condition{on(n, "replication", "running")}, CheckS: 20,
		Closes: []string{n.name + "/replication"},
	}
}

func (b *builder) block(n *node) plan.Action {
	p := b.pair
	peer := p.peer(n)
	return plan.Action{
		ID: p.id(n, "block"), Kind: "block", Node: n.name, Primitive: plan.Script, Detached: true,
		Title:  fmt.Sprintf("Keep %s out: %q in hosts.deny", peer.name, denyLine(p.address(peer))),
		Reason: fmt.Sprintf("when its service starts, %s asks MASTER for the configuration and would get the old one", peer.name),
		Script: b.script("block", p.address(peer)), Undo: b.script("unblock", p.address(peer)), TimeoutS: 60, EstimateS: 7,
		Check:  []plan.Condition{on(n, "deny", "present"), on(peer, "peer_ssh", "refused")},
		CheckS: 15,
		Opens:  []string{n.name + "/hosts.deny"}, Before: was(n, "hosts_deny"), UndoCheck: []plan.Condition{on(n, "deny", "none")},
	}
}

func (b *builder) unblock(n *node, reason string) plan.Action {
	p := b.pair
	peer := p.peer(n)
	return plan.Action{
		ID: p.id(n, "unblock"), Kind: "unblock", Node: n.name, Primitive: plan.Script, Detached: true,
		Title:  fmt.Sprintf("Let %s in again: put hosts.deny back", peer.name),
		Reason: reason,
		Script: b.script("unblock", p.address(peer)), TimeoutS: 60, EstimateS: 2,
		Check:  []plan.Condition{on(n, "deny", "none"), on(peer, "peer_ssh", "ok "+n.name)},
		CheckS: 30,
		Closes: []string{n.name + "/hosts.deny"},
	}
}

// complaints are lines of apt's that dpkg judges: an updater goes on after it has
// installed everything, and what apt says then (that a list can't be read, that the
// repository lacks a package) is no reason to stop. Where a script calls "apt", apt 3 says
// Error where the versions before say E.
func complaints() []string { return []string{`^(E|Error): `} }

// badOutput are lines of an updater's output that mean failure whatever dpkg has. Its exit
// status is 0 whatever happens.
func badOutput() []string {
	return []string{
		`^Abort\.`, `\[[Yy]/[Nn]\] Abort\.`, `dpkg: error`, `Sub-process .* returned an error`, `Installation aborted`,
		`Your certificate key is not valid`, `There isn't a valid activation certificate`, `There is no cluster configuration at`,
		`^Error trying to mount ISO`, `^Not public key found`, `^zup: the updater prints no command`,
		`^Error: (Cannot Install|There is no cluster)`, `^(apt would install|zup: there is no room for) .*: nothing was installed`, `^this node serves, and `,
	}
}

// prompts are the questions of the updater, which depend on the role in which
// it finds its node.
func (p *pair) prompts(asMaster bool) []plan.Prompt {
	// Since apt 3 (Debian 13) "apt" asks more briefly than "apt-get".
	all := []plan.Prompt{{Name: "apt", Match: `(Do you want to continue|Continue)\? \[Y/n\] ?$`, Answer: "y", Max: 1}}
	if asMaster {
		all = append(all, plan.Prompt{Name: "master", Match: `Are you sure\? \[y/N\] ?$`, Answer: "y", Max: 1})
	}
	return all
}

func (b *builder) update(n *node, asMaster bool) plan.Action {
	p := b.pair
	a := plan.Action{
		ID: p.id(n, "update"), Kind: "update", Lasting: plan.LastingVersion, Node: n.name, Primitive: plan.Script, Detached: true, Out: true,
		Title:  fmt.Sprintf("Update %s → %s", n.fact("version"), p.cfg.Version),
		Reason: fmt.Sprintf("it runs %s, the configuration wants %s", n.fact("version"), p.cfg.Version),
		Script: b.updateScript(n), TimeoutS: limit(updateLimit), EstimateS: 60,
		Check: p.hasTarget(n), CheckS: 10,
		Forbid: badOutput(), Judged: complaints(), Prompts: p.updatePrompts(n, asMaster),
		Requires: []plan.Condition{on(n, "lock", "free")},
	}
	if p.isHalf(n) {
		a.Title = fmt.Sprintf("Finish the update to %s that did not end", p.cfg.Version)
		a.Reason = fmt.Sprintf("zup's update did not end there, and dpkg has packages that are not installed whole: it says %q for %s (%s). They are finished first, by their own scripts and with a restart of the services",
			n.fact("package"), p.product.pkg, dpkgWords(n.fact("package")))
	}
	if n.bare() {
		a.Title += " the way its updater prints"
		a.Reason += "; its updater has no -i"
	}
	if p.brings() {
		a.Requires = append(a.Requires, on(n, "source", p.imageSource()))
	}
	p.packagesOf(n, &a)
	if p.leavesSysctl(n) {
		a.Leaves, a.Left = p.product.sysctlCopy(), "/etc/sysctl.conf as it was before the package emptied it: put back from it what you need"
	}
	return a
}

// ready waits until a node that was updated could serve.
func (b *builder) ready(n *node, until []plan.Condition) plan.Action {
	p := b.pair
	a := plan.Action{
		ID: p.id(n, "ready"), Kind: "ready", Node: n.name, Primitive: plan.Wait,
		Title:    "Wait until it is healthy, with every farm up",
		Reason:   "the updater's exit status says nothing; the role may not move to a node whose farms are not up yet",
		TimeoutS: limit(healthLimit + 4*p.deadratio), EstimateS: 5,
	}
	a.Until = slices.Concat(p.hasTarget(n), until, []plan.Condition{on(n, "keepalived", "1"), coversFarms(n, p.peer(n))})
	return a
}

// unchanged is the condition that MASTER's configuration is the one that was
// there when replication was stopped: what was edited since would be lost.
func (b *builder) unchanged() []plan.Condition {
	p := b.pair
	return []plan.Condition{
		{Node: p.master.name, Fact: "edited", SameAs: plan.Recorded, Says: fmt.Sprintf(
			"MASTER's configuration was edited since replication stopped: {seen}. Take that back, and zup resume goes on; or make a new plan: %s takes over without that edit then, and it has to be repeated there afterwards", p.peer(p.master).name)},
		{Node: p.master.name, Fact: "digest", SameAs: plan.Recorded},
	}
}

func (b *builder) gate(n *node) plan.Action {
	p := b.pair
	a := plan.Action{
		ID: p.id(nil, "gate"), Kind: "gate", Primitive: plan.Gate, Rule: true,
		Title:    fmt.Sprintf("Check %s before MASTER is touched", n.name),
		Reason:   "an edit made on MASTER since replication stopped would be lost, and from here on the other node has to carry everything",
		TimeoutS: 60, EstimateS: 1,
	}
	a.Until = slices.Concat(p.hasTarget(n), p.serves(p.master), []plan.Condition{
		on(n, "licence", n.fact("licence")), on(n, "replication", "off"),
	})
	if !p.needs(p.master) { // replication runs: nothing is lost
		a.Reason = "from here on the other node has to carry everything"
		a.Until = append(a.Until, coversFarms(n, p.master))
		return a
	}
	// Its update is refused without a licence, and the role would have moved for nothing.
	a.Until = append(a.Until, on(p.master, "licence", p.master.fact("licence")))
	if !withoutBlock { // who took the line out has let the old configuration through
		a.Until = append(a.Until, on(p.master, "deny", "present"))
	}
	a.Until = append(a.Until, b.unchanged()...)
	return a
}

func (b *builder) boost(n *node) plan.Action {
	return plan.Action{
		ID: b.unique(n, "boost"), Kind: "boost", Node: n.name, Primitive: plan.Script, Detached: true, Next: true,
		Title:  fmt.Sprintf("Raise its VRRP priority to %d for the switchover", boosted),
		Reason: "boost is configured: it then takes over at once, and clients that ask for a VIP's MAC meanwhile get an answer",
		Script: b.script("boost", ""), Undo: b.script("unboost", ""), TimeoutS: 60, EstimateS: 1,
		Check: []plan.Condition{on(n, "priority", fmt.Sprint(boosted))}, CheckS: 10,
		Opens: []string{n.name + "/boost"}, Before: was(n, "priority"),
		UndoCheck: []plan.Condition{{Node: n.name, Fact: "priority", Not: []string{fmt.Sprint(boosted), unknown}}},
	}
}

func (b *builder) unboost(n *node, reason string) plan.Action {
	return plan.Action{
		ID: b.unique(n, "unboost"), Kind: "unboost", Node: n.name, Primitive: plan.Script, Detached: true,
		Title: "Put its VRRP priority back", Reason: reason,
		Script: b.script("unboost", ""), TimeoutS: 60, EstimateS: 1,
		Check:  []plan.Condition{{Node: n.name, Fact: "priority", Not: []string{fmt.Sprint(boosted), unknown}}},
		CheckS: 10,
		Closes: []string{n.name + "/boost"},
	}
}

// answerMS is within how many milliseconds whoever was served before must be served
// by the node that has taken over, where max_interruption says nothing.
const answerMS = 5000

// drain puts MASTER into maintenance mode. If the other node does not take over, or
// has the role and users get no answer, MASTER takes the role back at once.
func (b *builder) drain(n *node, reason string) plan.Action {
	p := b.pair
	to := p.peer(n)
	a := plan.Action{
		ID: b.unique(n, "drain"), Kind: "drain", Node: n.name, Primitive: plan.Script, Detached: true, Out: true, Next: true,
		Impact: plan.Switchover,
		Title:  fmt.Sprintf("Maintenance mode: %s takes over while it still serves", to.name),
		Reason: reason,
		Script: b.script("maintenance_on", ""), TimeoutS: 60, EstimateS: 2,
		Check:  slices.Concat(p.serves(to), p.isDrained(n)[:1]),
		CheckS: p.moveLimit(),
		Opens:  []string{n.name + "/maintenance"}, Before: was(n, "maintenance"),
		AnswersMS: answerMS, Back: b.takeBack(n),
	}
	if ms := p.cfg.MaxInterruption.Milliseconds(); ms > 0 {
		a.AnswersMS = max(ms, 1000)
	}
	return a
}

// takeBack gives the role back to a node that was drained. The product replicates
// from whoever gets the role: where the node has the old version still, the other
// one has to keep it out first, or its migrated configuration is overwritten.
func (b *builder) takeBack(n *node) []plan.Step {
	p := b.pair
	to := p.peer(n)
	var steps []plan.Step
	if p.needs(n) {
		steps = append(steps, plan.Step{
			Title: fmt.Sprintf("Keep %s out: it still has the old configuration", n.name), Node: to.name,
			Script: b.script("block", p.address(n)), CheckS: 10,
			Check: []plan.Condition{on(to, "deny", "present")},
			Opens: []string{to.name + "/hosts.deny"}, Before: was(to, "hosts_deny"),
		})
	}
	return append(steps, plan.Step{
		Title: "Leave maintenance mode", Node: n.name, Script: b.script("maintenance_off", ""), CheckS: 30 + p.deadratio,
		Check:  []plan.Condition{on(n, "maintenance", "no"), on(n, "role", "master", "backup")},
		Closes: []string{n.name + "/maintenance"},
	}, plan.Step{
		Title: "Maintenance mode: " + n.name + " takes over again", Node: to.name, Script: b.script("maintenance_on", ""), CheckS: p.moveLimit(),
		Check: slices.Concat(p.serves(n), p.isDrained(to)[:1]),
		Opens: []string{to.name + "/maintenance"}, Before: was(to, "maintenance"),
		Unless: p.serves(n), // it never let go
	})
}

// hold has BACKUP in maintenance mode for its own update, where it could not be
// updated as a backup.
func (b *builder) hold(n *node, reason string) plan.Action {
	p := b.pair
	return plan.Action{
		ID: p.id(n, "hold"), Kind: "hold", Node: n.name, Primitive: plan.Script, Detached: true, Out: true,
		Title:  "Maintenance mode while it is updated",
		Reason: reason,
		Script: b.script("maintenance_on", ""), Undo: b.script("maintenance_off", ""), TimeoutS: 60, EstimateS: 2,
		Check:  slices.Concat(p.isDrained(n), p.serves(p.peer(n))),
		CheckS: p.moveLimit(),
		Opens:  []string{n.name + "/maintenance"}, Before: was(n, "maintenance"), UndoCheck: []plan.Condition{on(n, "maintenance", "no")},
	}
}

// settle waits for what must hold before the old MASTER may be touched.
func (b *builder) settle(from *node, out []plan.Condition) plan.Action {
	p := b.pair
	to := p.peer(from)
	a := plan.Action{
		ID: b.unique(to, "settle"), Kind: "settle", Node: to.name, Primitive: plan.Wait, Next: true,
		Title:    fmt.Sprintf("Wait until only %s answers for the VIPs", to.name),
		Reason:   fmt.Sprintf("%s may be touched only when it has let go for certain", from.name),
		TimeoutS: p.moveLimit(), EstimateS: 1,
	}
	a.Until = slices.Concat(p.serves(to), out)
	return a
}

func (b *builder) announce(n *node) plan.Action {
	title := "One more gratuitous ARP for every VIP"
	if b.pair.hasIPv6() {
		title = "One more announcement of every VIP: gratuitous ARP, neighbour advertisement"
	}
	return plan.Action{
		ID: b.unique(n, "announce"), Kind: "announce", Node: n.name, Primitive: plan.Script, Detached: true,
		Title:  title,
		Reason: "a client that learned the old MAC while the role moved is stuck until the next one",
		Script: b.script("announce", ""), TimeoutS: 60, EstimateS: 2,
		Check: b.pair.serves(n), CheckS: 10,
	}
}

// rejoin takes a node out of maintenance mode.
func (b *builder) rejoin(n *node, reason string, check []plan.Condition) plan.Action {
	p := b.pair
	return plan.Action{
		ID: b.unique(n, "rejoin"), Kind: "rejoin", Node: n.name, Primitive: plan.Script, Detached: true,
		Title:  "Leave maintenance mode",
		Reason: reason,
		Script: b.script("maintenance_off", ""), TimeoutS: 120, EstimateS: 3,
		Check:   slices.Concat([]plan.Condition{on(n, "maintenance", "no")}, check),
		CheckS:  30 + p.deadratio,
		Closes:  []string{n.name + "/maintenance"},
		MayMove: p.failsBack() && p.primary == n.name,
	}
}

// failback waits for the cluster's own failback.
func (b *builder) failback(to *node, reason string) plan.Action {
	p := b.pair
	a := plan.Action{
		ID: p.id(to, "failback"), Kind: "failback", Node: to.name, Primitive: plan.Wait, Impact: plan.Switchover, Next: true,
		Title:    fmt.Sprintf("Wait until %s takes MASTER by itself", to.name),
		Reason:   reason,
		TimeoutS: p.failbackLimit(), EstimateS: p.preemption(),
	}
	a.Until = slices.Concat(p.serves(to), p.standsBy(p.peer(to)))
	return a
}

func (b *builder) sync(from *node, kind, reason string) plan.Action {
	p := b.pair
	to := p.peer(from)
	return plan.Action{
		ID: p.id(from, kind), Kind: kind, Node: from.name, Primitive: plan.Script, Detached: true,
		Title:  fmt.Sprintf("Push the configuration to %s once", to.name),
		Reason: reason,
		Script: b.script("sync", ""), TimeoutS: 300, EstimateS: 3,
		Check:  []plan.Condition{{Node: to.name, Fact: "digest", SameAs: from.name}},
		CheckS: 30,
	}
}

func (b *builder) verify(master *node) plan.Action {
	p := b.pair
	backup := p.peer(master)
	a := plan.Action{
		ID: p.id(nil, "verify"), Kind: "verify", Primitive: plan.Wait, Final: true,
		Title:    "Verify the whole pair",
		Reason:   "a run is done when everything is proven, not when everything was carried out",
		TimeoutS: 120, EstimateS: 5,
		Mentions: p.pendingReboots(),
	}
	a.Until = slices.Concat(p.serves(master), p.standsBy(backup), p.clean(master), p.clean(backup), p.saysOK(master, backup), []plan.Condition{
		on(master, "replication", "running"), on(backup, "replication", "off"),
		coversFarms(backup, master), coversFarms(master, backup),
		{Node: backup.name, Fact: "digest", SameAs: master.name},
	})
	return a
}

// clean is what a finished run leaves on a node.
func (p *pair) clean(n *node) []plan.Condition {
	return slices.Concat(p.hasTarget(n), []plan.Condition{
		on(n, "maintenance", "no"), on(n, "deny", "none"), on(n, "keepalived", "1"), on(n, "open", "none"),
		on(n, "peer_ssh", "ok "+p.peer(n).name),
	})
}

// saysOK are the conditions that the product itself says that the cluster is well, of both
// nodes at once: on whoever is asked for it. One that never said anything is not made to.
func (p *pair) saysOK(master, backup *node) []plan.Condition {
	asked := []*node{master, backup}
	if p.product.askedForStatus() == "master" {
		asked = asked[:1]
	}
	var c []plan.Condition
	for _, n := range asked {
		said := n.fact("status")
		if said == elsewhere {
			said = p.peer(n).fact("status")
		}
		if said != unknown {
			c = append(c, on(n, "status", "ok"))
		}
	}
	return c
}

func (b *builder) tidy(n *node) plan.Action {
	return plan.Action{
		ID: b.pair.id(n, "tidy"), Kind: "tidy", Node: n.name, Primitive: plan.Script,
		Title:  "Remove what zup kept there",
		Reason: "nothing stays behind",
		Script: b.script("tidy", ""), TimeoutS: 30, EstimateS: 1,
		Check: []plan.Condition{on(n, "left", "no")}, CheckS: 10,
	}
}
