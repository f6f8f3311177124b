package keepalived

import (
	"fmt"
	"slices"
	"strings"

	"zup/plan"
	"zup/providers/keepalived/arguments"
	pairs "zup/providers/pair"
)

// Seconds that parts of an update are given before the run stops. A limit is generous:
// passing it stops the run, and a person has to look.
const (
	updateLimit = 30 * 60
	healthLimit = 120
)

// limit is for how many seconds a move of MASTER to a node is waited for.
func (p *pair) limit(to *node) int { return p.moveMS(to)/1000 + 20 }

// builder puts actions in order and keeps track of what is true at that point.
type builder struct {
	pairs.Builder
	pair *pair

	master *node    // who is MASTER now
	backup *node    // the other one
	other  []string // the roles that it may have now

	moved []move
}

// move is a move of MASTER in a plan.
type move struct {
	to  *node
	how string
}

// preempted is how a node takes the role that takes it by itself.
const preempted = "preempted"

func newBuilder(p *pair) *builder {
	b := &builder{pair: p, master: p.master, backup: p.backup, other: []string{p.backup.fact("role")}}
	b.Builder = pairs.Builder{Cluster: p.cfg.Name, Roles: b.roles}
	return b
}

// roles are the conditions that every change has in common.
func (b *builder) roles() []plan.Condition {
	return slices.Concat(b.pair.serves(b.master), []plan.Condition{on(b.backup, "role", b.other...)})
}

// on is a condition on a node's fact.
func on(n *node, fact string, values ...string) plan.Condition {
	return plan.Condition{Node: n.name, Fact: fact, Is: values}
}

// serves is what proves that a node serves: unknown counts as not serving.
func (p *pair) serves(n *node) []plan.Condition {
	return []plan.Condition{on(n, "role", "master"), on(n, "vips_here", "all")}
}

// standsBy is what proves that a node is out of the users' way and could take over.
func (p *pair) standsBy(n *node) []plan.Condition {
	return []plan.Condition{on(n, "role", "backup"), on(n, "vips_here", "none")}
}

// hasTarget is what proves that a node runs what is wanted.
func (p *pair) hasTarget(n *node) []plan.Condition {
	return []plan.Condition{
		on(n, "packages", p.target(n)), on(n, "audit", "clean"), on(n, "stale", "none"), on(n, "dead", "none"), on(n, "valid", "ok"), on(n, "keepalived", "1"),
	}
}

// listensLike: whatever listens on the VIPs of one node listens on the other's.
func listensLike(n, of *node) plan.Condition {
	return plan.Condition{Node: n.name, Fact: "listens", Covers: of.name}
}

func change(n *node, mark string) string { return n.name + "/" + mark }

// isOpen reports whether a temporary change is open at this point of the plan.
func (b *builder) isOpen(n *node, mark string) bool {
	open := b.pair.ours(n, mark)
	for i := range b.Actions {
		open = (open || slices.Contains(b.Actions[i].Opens, change(n, mark))) && !slices.Contains(b.Actions[i].Closes, change(n, mark))
	}
	return open
}

// openBesides reports whether another temporary change still keeps MASTER where it is.
func (b *builder) openBesides(n *node, mark string) bool {
	for _, other := range b.pair.nodes {
		for _, m := range []string{markPriority, markTrack, markRaise} {
			if (other != n || m != mark) && b.isOpen(other, m) {
				return true
			}
		}
	}
	return false
}

// recordedOpen are the temporary changes that the state file still remembers.
func (b *builder) recordedOpen() []string {
	var names []string
	for _, c := range b.pair.recorded.Open {
		names = append(names, c.Name)
	}
	return names
}

func (b *builder) preflight() plan.Action {
	p := b.pair
	a := plan.Action{
		ID: b.ID("", "preflight"), Kind: "preflight", Primitive: plan.Gate, Rule: true,
		Title:    "Check that both nodes are as planned",
		Reason:   "nothing is touched unless the pair still is what the plan was made for",
		TimeoutS: 60, EstimateS: 1,
		Until: b.roles(),
	}
	for _, n := range p.nodes {
		a.Until = append(a.Until, on(n, "packages", n.fact("packages")), on(n, "valid", "ok"))
		if p.needs(n) {
			a.Until = append(a.Until, on(n, "lock", "free"))
		}
	}
	return a
}

func (b *builder) wants() variable { return variable{"wants", b.pair.wantedPackages()} }

// downgrades is apt's option that lets a package go back, where the plan has that.
func (b *builder) downgrades(n *node) variable {
	for _, word := range n.words("simulated") {
		if strings.HasPrefix(word, "v") {
			return variable{"downgrades", "--allow-downgrades"}
		}
	}
	return variable{"downgrades", ""}
}

func (b *builder) refresh(n *node) plan.Action {
	return plan.Action{
		ID: b.ID(n.name, "refresh"), Kind: "refresh", Node: n.name, Primitive: plan.Script, Rule: true, Detached: true,
		Title:  "Refresh the package lists; they must have " + strings.Join(b.pair.settings.words(), ", "),
		Reason: "both nodes must be offered the wanted versions before anything else is touched",
		Script: script("refresh"), TimeoutS: 300, EstimateS: 10,
		Check:  append([]plan.Condition{on(n, "offers", b.pair.wantedPackages()), on(n, "removals", "none"), on(n, "room", "enough")}, b.asPlanned(n)...),
		CheckS: 10,
	}
}

// asPlanned is the condition that installing the wanted versions does what the plan says,
// where the package lists knew that when it was made.
func (b *builder) asPlanned(n *node) []plan.Condition {
	if _, known := b.pair.changesOf(n); !known {
		return nil
	}
	c := on(n, "simulated", n.fact("simulated"))
	c.Says = "the update would do something else than the plan says: {seen}. Make a new plan"
	return []plan.Condition{c}
}

func (b *builder) fetch(n *node) plan.Action {
	return plan.Action{
		ID: b.ID(n.name, "fetch"), Kind: "fetch", Node: n.name, Primitive: plan.Script, Detached: true,
		Title:  "Fetch the packages",
		Reason: "nothing has to be fetched while a node is out",
		Script: script("fetch", b.wants(), b.downgrades(n)), TimeoutS: 900, EstimateS: 10,
		Check: []plan.Condition{on(n, "archives", "there")}, CheckS: 10,
	}
}

func (b *builder) update(n *node) plan.Action {
	p := b.pair
	packages, _ := p.changesOf(n)
	return plan.Action{
		ID: b.ID(n.name, "update"), Kind: "update", Lasting: plan.LastingVersion, Node: n.name, Primitive: plan.Script, Detached: true, Out: true,
		Title:  "Update to " + strings.Join(p.settings.words(), ", "),
		Reason: p.whyUpdate(n),
		Script: script("update", b.wants(), b.downgrades(n)), TimeoutS: updateLimit, EstimateS: 20,
		Check: p.hasTarget(n), CheckS: 30,
		Requires: []plan.Condition{on(n, "lock", "free"), on(n, "removals", "none")},
		Packages: packages,
	}
}

// whyUpdate is the difference that an update ends.
func (p *pair) whyUpdate(n *node) string {
	if other := without(n.words("packages"), p.settings.words()); len(other) > 0 {
		return "it has " + list(other)
	}
	if stale := n.words("stale"); len(stale) > 0 {
		return fmt.Sprintf("%s still runs what an earlier update has replaced", list(stale))
	}
	return "dpkg has packages there that are not installed whole"
}

// changesOf is what an update of a node does to packages; known is false where its package
// lists do not know that yet.
func (p *pair) changesOf(n *node) (all []plan.Package, known bool) {
	if !p.offersAll(n) {
		return nil, false
	}
	for _, word := range n.words("simulated") {
		name, versions, _ := strings.Cut(word[1:], "=")
		switch word[0] {
		case '^', 'v':
			from, to, _ := strings.Cut(versions, ">")
			all = append(all, plan.Package{From: from, Name: name, To: to})
		case '+':
			all = append(all, plan.Package{Name: name, To: versions})
		case '-':
			all = append(all, plan.Package{From: versions, Name: name})
		}
	}
	return all, true
}

// ready waits until a node that was updated could serve.
func (b *builder) ready(n *node) plan.Action {
	p := b.pair
	a := plan.Action{
		ID: b.ID(n.name, "ready"), Kind: "ready", Node: n.name, Primitive: plan.Wait,
		Title:    "Wait until it could serve: whatever listens on MASTER listens there",
		Reason:   "the role may not go to a node whose services are not up, or whose new programs refuse their configuration",
		TimeoutS: healthLimit, EstimateS: 5,
		Until: slices.Concat(p.hasTarget(n), p.serves(b.master), []plan.Condition{on(n, "role", b.other...)}),
	}
	if !slices.Contains(b.other, "halted") {
		a.Until = append(a.Until, listensLike(n, b.master))
		return a
	}
	a.Title = "Wait until its services run"
	a.Until = slices.DeleteFunc(a.Until, func(c plan.Condition) bool {
		return c.Node == n.name && (c.Fact == "keepalived" || c.Fact == "dead" || c.Fact == "role")
	})
	return a
}

func (b *builder) gate() plan.Action {
	p, n := b.pair, b.backup
	return plan.Action{
		ID: b.ID("", "gate"), Kind: "gate", Primitive: plan.Gate, Rule: true,
		Title:    fmt.Sprintf("Check %s before MASTER is touched", n.name),
		Reason:   "from here on the other node has to carry everything",
		TimeoutS: 60, EstimateS: 1,
		Until: slices.Concat(p.hasTarget(n), p.serves(b.master), p.standsBy(n), []plan.Condition{listensLike(n, b.master)}),
	}
}

// answerMS is within how many milliseconds whoever was served before must be served by the
// node that has taken over, where max_interruption says nothing.
const answerMS = 5000

func (b *builder) answers() int64 {
	if ms := b.pair.cfg.MaxInterruption.Milliseconds(); ms > 0 {
		return max(ms, 1000)
	}
	return answerMS
}

// lower has a node's priority lower than the other one's, which takes the role while this
// one still serves. If it does not, or users get no answer then, everything is put back.
func (b *builder) lower(from, to *node, w way, reason string) plan.Action {
	p := b.pair
	mark, title := markPriority, fmt.Sprintf("Lower its VRRP priority to %d: %s takes over while it still serves", w.value, to.name)
	if w.how == arguments.DrainTrack {
		mark, title = markTrack, fmt.Sprintf("Write %d into %s, which keepalived tracks: %s takes over while it still serves", w.value, w.file, to.name)
	}
	return plan.Action{
		ID: b.ID(from.name, "drain"), Kind: "drain", Node: from.name, Primitive: plan.Script, Detached: true, Out: true, Next: true,
		Impact: plan.Switchover,
		Title:  title, Reason: reason,
		Script: b.opens(from, mark, w), TimeoutS: 60, EstimateS: p.moveMS(to)/1000 + 1,
		Check:  slices.Concat(p.serves(to), p.standsBy(from)),
		CheckS: p.limit(to),
		Opens:  []string{change(from, mark)}, Before: []plan.Fact{{Fact: "conf", Node: from.name}},
		AnswersMS: b.answers(),
		Back: []plan.Step{{
			Title: "Put its priority back: it takes the role again", Node: from.name, Script: closes(mark), CheckS: p.limit(from),
			Check:  p.goesBack(from),
			Closes: []string{change(from, mark)},
		}},
	}
}

// goesBack is what proves that a node is where it was when what has moved the role is undone:
// MASTER again where it takes the role by itself.
func (p *pair) goesBack(n *node) []plan.Condition {
	if p.usualMaster() == n {
		return p.serves(n)
	}
	return []plan.Condition{on(n, "role", "master", "backup")}
}

// opens and closes are the scripts that make a temporary change and that undo it.
func (b *builder) opens(n *node, mark string, w way) string {
	switch mark {
	case markTrack:
		return script("set_track", variable{"mark", mark}, variable{"file", w.file}, variable{"value", number(w.value)})
	case markStopped:
		return script("stop", variable{"mark", mark})
	}
	return script("set_priority", variable{"mark", mark}, variable{"priority", number(w.value)}, variable{"lines", number(len(n.instances))})
}

// What a change was is in its mark on the node.
func closes(mark string) string {
	switch mark {
	case markTrack:
		return script("unset_track", variable{"mark", mark})
	case markStopped:
		return script("start", variable{"mark", mark})
	}
	return script("unset_priority", variable{"mark", mark})
}

// restore undoes a temporary change by its own bytes, whichever run has made it.
func (b *builder) restore(n *node, mark, reason string) plan.Action {
	title := "Put its VRRP priority back"
	if mark == markTrack {
		title = "Put back what was in the file that keepalived tracks"
	}
	return plan.Action{
		ID: b.ID(n.name, "put-back"), Kind: "put-back", Node: n.name, Primitive: plan.Script, Detached: true,
		Title: title, Reason: reason,
		Script: closes(mark), TimeoutS: 60, EstimateS: 2,
		Check: []plan.Condition{marked(n, mark)}, CheckS: 15,
		Closes: []string{change(n, mark)},
	}
}

// marked is the condition that a temporary change is not marked on a node any more.
func marked(n *node, _ string) plan.Condition { return on(n, "open", "none") }

// raise gives a node that has nopreempt so high a priority that it takes the role at once
// when the other one lets it go.
func (b *builder) raise(to *node, w way) plan.Action {
	return plan.Action{
		ID: b.ID(to.name, "raise"), Kind: "raise", Node: to.name, Primitive: plan.Script, Detached: true, Next: true,
		Title:  fmt.Sprintf("Raise its VRRP priority to %d", w.value),
		Reason: "it takes the role only when the other node lets it go, and then after (256 - priority)/256 s",
		Script: b.opens(to, markRaise, w), Undo: closes(markRaise), TimeoutS: 60, EstimateS: 1,
		Check: []plan.Condition{on(to, "priority", fmt.Sprintf("%d %d", w.value, w.value), number(w.value))}, CheckS: 10,
		Opens: []string{change(to, markRaise)}, Before: []plan.Fact{{Fact: "conf", Node: to.name}},
		UndoCheck: []plan.Condition{on(to, "open", "none")},
	}
}

// stop has a node let the role go.
func (b *builder) stop(from, to *node, reason string) plan.Action {
	p := b.pair
	return plan.Action{
		ID: b.ID(from.name, "drain"), Kind: "drain", Node: from.name, Primitive: plan.Script, Detached: true, Out: true, Next: true,
		Impact: plan.Switchover,
		Title:  fmt.Sprintf("Stop keepalived: %s takes over at once", to.name), Reason: reason,
		Script: b.opens(from, markStopped, way{}), TimeoutS: 60, EstimateS: 2,
		Check:  append(p.serves(to), on(from, "role", "halted")),
		CheckS: p.limit(to),
		Opens:  []string{change(from, markStopped)}, Before: []plan.Fact{{Fact: "conf", Node: from.name}},
		AnswersMS: b.answers(),
		Back: []plan.Step{{
			Title: "Start keepalived again", Node: from.name, Script: closes(markStopped), CheckS: p.limit(from),
			Check:  []plan.Condition{on(from, "role", "master", "backup")},
			Closes: []string{change(from, markStopped)},
		}},
	}
}

func (b *builder) start(n *node) plan.Action {
	p := b.pair
	return plan.Action{
		ID: b.ID(n.name, "start-again"), Kind: "start-again", Node: n.name, Primitive: plan.Script, Detached: true,
		Title: "Start keepalived again", Reason: "it is BACKUP from now on",
		Script: closes(markStopped), TimeoutS: 60, EstimateS: 2,
		Check: slices.Concat(p.standsBy(n), p.serves(b.master)), CheckS: 20,
		Closes: []string{change(n, markStopped)},
	}
}

// settle waits for what must hold before the old MASTER may be touched.
func (b *builder) settle() plan.Action {
	p := b.pair
	return plan.Action{
		ID: b.ID(b.master.name, "settle"), Kind: "settle", Node: b.master.name, Primitive: plan.Wait, Next: true,
		Title:    fmt.Sprintf("Wait until the virtual IPs are on %s, and not on %s", b.master.name, b.backup.name),
		Reason:   fmt.Sprintf("%s may be touched only when it has let go for certain", b.backup.name),
		TimeoutS: p.limit(b.master), EstimateS: 1,
		Until: append(p.serves(b.master), on(b.backup, "role", b.other...), on(b.backup, "vips_here", "none")),
	}
}

func (b *builder) announce() plan.Action {
	n := b.master
	return plan.Action{
		ID: b.ID(n.name, "announce"), Kind: "announce", Node: n.name, Primitive: plan.Script, Detached: true,
		Title:  "One more announcement of every virtual IP",
		Reason: "a client that learned the old MAC while the role moved is stuck until the next one",
		Script: script("announce", variable{"vips", strings.Join(b.vips(), " ")}), TimeoutS: 60, EstimateS: 1,
		Check: b.pair.serves(n), CheckS: 10,
	}
}

func (b *builder) vips() []string {
	for _, n := range b.pair.nodes {
		if vips := n.words("vips"); len(vips) > 0 {
			return vips
		}
	}
	return nil
}

func (b *builder) verify() plan.Action {
	p, m, n := b.pair, b.master, b.backup
	return plan.Action{
		ID: b.ID("", "verify"), Kind: "verify", Primitive: plan.Wait, Final: true,
		Title:    "Verify the whole pair",
		Reason:   "a run is done when everything is proven, not when everything was carried out",
		TimeoutS: 120, EstimateS: 2,
		Until: slices.Concat(p.serves(m), p.standsBy(n), p.hasTarget(m), p.hasTarget(n), []plan.Condition{
			on(m, "open", "none"), on(n, "open", "none"), listensLike(n, m), listensLike(m, n),
		}),
	}
}

func (b *builder) tidy(n *node) plan.Action {
	return plan.Action{
		ID: b.ID(n.name, "tidy"), Kind: "tidy", Node: n.name, Primitive: plan.Script,
		Title:  "Remove what zup kept there",
		Reason: "nothing stays behind",
		Script: script("tidy"), TimeoutS: 30, EstimateS: 1,
		Check: []plan.Condition{on(n, "left", "no")}, CheckS: 10,
	}
}
