package zevenet

import (
	"slices"

	"zup/plan"
	pairs "zup/providers/pair"
)

// builder puts actions in order and keeps track of what is true at that point.
type builder struct {
	pairs.Builder
	pair  *pair
	moves []switchover

	master    *node  // who is MASTER now; nil: either of them
	otherRole string // the role of the other node now

	expected struct { // what roles made last, and for which of them
		master     *node
		otherRole  string
		conditions []plan.Condition
	}
}

// begin makes b ready for a pair; otherRole is what the other node is than master.
func (b *builder) begin(p *pair, master *node, otherRole string) {
	b.pair, b.master, b.otherRole = p, master, otherRole
	b.Builder = pairs.Builder{Cluster: p.cfg.Name, Roles: b.roles}
}

// script returns a script of the pair's product.
func (b *builder) script(name, peer string) string { return b.pair.product.script(name, peer) }

// roles are the conditions that every change has in common: who is MASTER serves,
// and the other node is what it is expected to be.
func (b *builder) roles() []plan.Condition {
	if b.expected.conditions != nil && b.expected.master == b.master && b.expected.otherRole == b.otherRole {
		return b.expected.conditions
	}
	b.expected.master, b.expected.otherRole = b.master, b.otherRole
	if len(b.pair.nodes) == 1 {
		b.expected.conditions = []plan.Condition{on(b.pair.nodes[0], "clustered", "no")}
	} else if b.master == nil {
		b.expected.conditions = []plan.Condition{
			on(b.pair.nodes[0], "role", "master", "backup"), on(b.pair.nodes[1], "role", "master", "backup"),
		}
	} else {
		b.expected.conditions = slices.Concat(b.pair.serves(b.master), []plan.Condition{on(b.pair.peer(b.master), "role", b.otherRole)})
	}
	return b.expected.conditions
}

// unique returns the ID of an action that a plan can have more than once.
func (b *builder) unique(n *node, kind string) string { return b.ID(n.name, kind) }
