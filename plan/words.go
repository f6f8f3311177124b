package plan

import (
	"fmt"
	"slices"
	"strings"

	"zup/plan/name"
)

// worded holds a product to words that can be said: of facts by their names, and by
// comparing facts of one node with values.
func worded(c *checked) string {
	for i := range c.plan.Products {
		p := &c.plan.Products[i]
		if !name.Fact(p.VersionFact) {
			return fmt.Sprintf("product %q: %s", p.Name, misnamed("a fact", p.VersionFact))
		}
		for k := range p.Status {
			if problem := p.Status[k].misworded(); problem != "" {
				return fmt.Sprintf("product %q: %s", p.Name, problem)
			}
		}
	}
	return ""
}

func (w *Word) misworded() string {
	switch {
	case !name.Fact(w.Fact):
		return misnamed("a fact", w.Fact)
	case w.Means == "" && w.Says == "":
		return fmt.Sprintf("nothing is said about %q", w.Fact)
	case w.Says == "" && len(w.When) > 0:
		return fmt.Sprintf("nothing is said about %q, and when", w.Fact)
	}
	for i := range w.When {
		cond := &w.When[i]
		if cond.Node != "" || cond.SameAs != "" || cond.Covers != "" || !cond.saysOneThing() {
			return fmt.Sprintf("the condition on %q under which something is said about %q does not compare a fact of the same node with values", cond.Fact, w.Fact)
		}
		if !name.Fact(cond.Fact) {
			return misnamed("a fact", cond.Fact)
		}
	}
	return ""
}

// Said is something that is to be said of a node: Text, with Seen where {seen} stands.
type Said struct{ Text, Seen string }

// Describe says how a node is, from its facts, in the product's words and as they stand:
// whoever shows them escapes both.
func (p *Product) Describe(facts map[string]string) []Said {
	var all []Said
	read := func(_, fact string) (string, bool) { v, ok := facts[fact]; return v, ok }
	for i := range p.Status {
		w := &p.Status[i]
		seen, known := facts[w.Fact]
		if w.Says == "" || !known || !holdAll(w.When, read) {
			continue
		}
		all = append(all, Said{w.Says, seen})
	}
	return all
}

// Means says what a fact is about whose name alone does not tell, else "".
func (p *Product) Means(fact string) string {
	for i := range p.Status {
		if w := &p.Status[i]; w.Fact == fact && w.Means != "" {
			return w.Means
		}
	}
	return ""
}

// Tells lists the facts that Describe needs, and the one that is the version; sorted.
func (p *Product) Tells() []string {
	names := []string{p.VersionFact}
	for i := range p.Status {
		if w := &p.Status[i]; w.Says != "" {
			names = append(names, w.Fact)
			for k := range w.When {
				names = append(names, w.When[k].Fact)
			}
		}
	}
	slices.Sort(names)
	return slices.Compact(names)
}

// IsServing reports whether it is proven that the node serves. Of one that has nothing to
// prove it by, it is not.
func (n *Node) IsServing(facts map[string]string) bool {
	read := func(_, fact string) (string, bool) { v, ok := facts[fact]; return v, ok }
	return len(n.Serves) > 0 && holdAll(n.Serves, read)
}

// holdAll evaluates conditions that compare with nothing that was recorded.
func holdAll(conditions []Condition, read func(node, fact string) (string, bool)) bool {
	nothing := func(string, string) (string, bool) { return "", false }
	for i := range conditions {
		if holds, _, _ := conditions[i].Holds(read, nothing); !holds {
			return false
		}
	}
	return true
}

// With returns the text with what was seen in its place.
func (s Said) With(seen string) string { return strings.ReplaceAll(s.Text, "{seen}", seen) }
