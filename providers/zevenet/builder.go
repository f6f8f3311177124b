package zevenet

import (
	"fmt"
	"slices"

	"zup/plan"
)

// builder puts actions in order and keeps track of what is true at that point.
type builder struct {
	pair    *pair
	actions []plan.Action
	last    []string // the actions that the next one comes after
	moves   []switchover

	master    *node  // who is MASTER now; nil: either of them
	otherRole string // the role of the other node now

	expected struct { // what roles made last, and for which of them
		master     *node
		otherRole  string
		conditions []plan.Condition
	}
}

// usualActions is how many actions a plan for one pair usually has.
const usualActions = 26

// then appends actions that may run side by side, after everything before. An
// action that changes a node requires the roles that are expected by then.
func (b *builder) then(actions ...plan.Action) {
	if b.actions == nil {
		b.actions = make([]plan.Action, 0, usualActions)
	}
	ids := make([]string, 0, len(actions))
	for i := range actions {
		a := &actions[i]
		a.Cluster, a.After = b.pair.cfg.Name, b.last
		if a.After == nil {
			a.After = []string{}
		}
		if a.Impact == "" {
			a.Impact = plan.None
		}
		switch {
		case !a.Changes():
		case len(a.Requires) == 0:
			a.Requires = b.roles() // shared: nobody changes the conditions of a plan
		default:
			a.Requires = slices.Concat(b.roles(), a.Requires)
		}
		b.actions = append(b.actions, *a)
		ids = append(ids, a.ID)
	}
	b.last = ids
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
func (b *builder) unique(n *node, kind string) string {
	id := b.pair.id(n, kind)
	for i := 2; b.has(id); i++ {
		id = fmt.Sprintf("%s-%d", b.pair.id(n, kind), i)
	}
	return id
}

func (b *builder) has(id string) bool {
	return slices.ContainsFunc(b.actions, func(a plan.Action) bool { return a.ID == id })
}
