package pair

import (
	"fmt"
	"slices"

	"zup/plan"
)

// Builder puts the actions of one cluster in order.
type Builder struct {
	Cluster string                  // its name
	Roles   func() []plan.Condition // what every change requires at this point: who serves, and what the other node is
	Actions []plan.Action

	last []string // the actions that the next one comes after
}

// usualActions is how many actions a plan for one pair usually has.
const usualActions = 26

// Then appends actions that may run side by side, after everything before. An action that
// changes a node requires the roles that are expected by then.
func (b *Builder) Then(actions ...plan.Action) {
	if b.Actions == nil {
		b.Actions = make([]plan.Action, 0, usualActions)
	}
	ids := make([]string, 0, len(actions))
	for i := range actions {
		a := &actions[i]
		a.Cluster, a.After = b.Cluster, b.last
		if a.After == nil {
			a.After = []string{}
		}
		if a.Impact == "" {
			a.Impact = plan.None
		}
		switch {
		case !a.Changes():
		case len(a.Requires) == 0:
			a.Requires = b.Roles() // shared: nobody changes the conditions of a plan
		default:
			a.Requires = slices.Concat(b.Roles(), a.Requires)
		}
		b.Actions = append(b.Actions, *a)
		ids = append(ids, a.ID)
	}
	if len(ids) > 0 {
		b.last = ids
	}
}

// ID returns the ID of an action of a node, or of none; a number makes it one of its own
// where a plan has the kind several times.
func (b *Builder) ID(node, kind string) string {
	id := b.Cluster + "." + kind
	if node != "" {
		id = b.Cluster + "." + node + "." + kind
	}
	unique := id
	for i := 2; b.Has(unique); i++ {
		unique = fmt.Sprintf("%s-%d", id, i)
	}
	return unique
}

// Has reports whether there is an action of that ID.
func (b *Builder) Has(id string) bool {
	return slices.ContainsFunc(b.Actions, func(a plan.Action) bool { return a.ID == id })
}

// StillOpen lists the temporary changes that are open when the last action is done: what
// was open before and what these actions open, and none of them closes.
func (b *Builder) StillOpen(before []string) []string {
	names := slices.Clone(before)
	for _, a := range b.Actions {
		names = append(names, a.Opens...)
	}
	for _, a := range b.Actions {
		names = slices.DeleteFunc(names, func(n string) bool { return slices.Contains(a.Closes, n) })
	}
	slices.Sort(names)
	return slices.Compact(names)
}
