package plan

import (
	"fmt"
	"strings"

	"zup/plan/name"
)

// wellNamed holds every name that becomes a path, a part of a command or a part of
// another name to its grammar: transcripts and jobs are called after actions, facts
// are arguments of a script, and snapshots those of a command here.
func wellNamed(c *checked) string {
	for i := range c.plan.Products {
		if p := &c.plan.Products[i]; !name.Word(p.Name) {
			return misnamed("a product", p.Name)
		}
	}
	for i := range c.plan.Clusters {
		if problem := c.plan.Clusters[i].misnamed(); problem != "" {
			return problem
		}
	}
	for i := range c.plan.Actions {
		a := &c.plan.Actions[i]
		if !a.isCalledAsItIs() {
			return misnamed("an action", a.ID)
		}
		if problem := a.misnamed(); problem != "" {
			return fmt.Sprintf("action %q: %s", a.ID, problem)
		}
	}
	return c.plan.CreatedFrom.misnamed()
}

// misnamed holds what a plan was made from to the same: nobody but zup has given these
// names and digests, and scripts are made of them.
func (o *Origin) misnamed() string {
	if o == nil {
		return ""
	}
	for i := range o.Commands {
		if sum := o.Commands[i].SHA256; sum != "" && !name.Digest(sum) {
			return misnamed("a digest", sum)
		}
	}
	for i := range o.Clusters {
		s := &o.Clusters[i]
		if s.Image != nil && s.Image.Error == "" && !name.Digest(s.Image.SHA256) {
			return fmt.Sprintf("the image of cluster %q: %s", s.Name, misnamed("a digest", s.Image.SHA256))
		}
		if s.Recorded != nil {
			if problem := s.Recorded.Misnamed(); problem != "" {
				return fmt.Sprintf("what is recorded of cluster %q: %s", s.Name, problem)
			}
		}
	}
	return ""
}

func misnamed(what, s string) string { return fmt.Sprintf("%q is not the name of %s", s, what) }

func (c *Cluster) misnamed() string {
	switch {
	case !name.Cluster(c.Name):
		return misnamed("a cluster", c.Name)
	case !name.Word(c.Provider):
		return misnamed("a product", c.Provider)
	}
	for i := range c.Nodes {
		n := &c.Nodes[i]
		if !name.Node(n.Name) {
			return misnamed("a node", n.Name)
		}
		for fact := range n.Facts {
			if !name.Fact(fact) {
				return misnamed("a fact", fact)
			}
		}
	}
	for i := range c.Probes {
		if !name.Probe(c.Probes[i].Name) {
			return misnamed("a probe", c.Probes[i].Name)
		}
	}
	return ""
}

// isCalledAsItIs reports whether the ID is made of the action's cluster, its node if it
// names one, and a kind. The names of clusters and nodes are looked at by themselves.
func (a *Action) isCalledAsItIs() bool {
	rest, ok := strings.CutPrefix(a.ID, a.Cluster)
	if !ok || rest == "" || rest[0] != '.' {
		return false
	}
	rest = rest[1:]
	if kind, found := strings.CutPrefix(rest, a.Node); found && a.Node != "" && kind != "" && kind[0] == '.' {
		rest = kind[1:]
	}
	return name.Word(rest)
}

func (a *Action) misnamed() string {
	switch {
	case a.Kind != "" && !name.Word(a.Kind):
		return misnamed("a kind of action", a.Kind)
	case a.Keeps != "" && !name.Snapshot(a.Keeps):
		return misnamed("a snapshot", a.Keeps)
	case a.Drops != "" && !name.Snapshot(a.Drops):
		return misnamed("a snapshot", a.Drops)
	case a.Leaves != "" && !name.Remote(a.Leaves):
		return misnamed("a file on a node", a.Leaves)
	case a.Upload != nil && !name.Remote(a.Upload.To):
		return misnamed("a file on a node", a.Upload.To)
	case a.Upload != nil && !name.Remote(a.Upload.Part):
		return misnamed("a file on a node", a.Upload.Part)
	}
	for i := range a.Prompts {
		if !name.Word(a.Prompts[i].Name) {
			return misnamed("a prompt", a.Prompts[i].Name)
		}
	}
	for i := range a.Mentions {
		if !name.Fact(a.Mentions[i].Fact) {
			return misnamed("a fact", a.Mentions[i].Fact)
		}
	}
	problem := namedFacts(a.Before, a.Record)
	if problem == "" {
		problem = namedChanges(a.Opens, a.Closes)
	}
	for i := range a.Back {
		if problem == "" {
			problem = namedFacts(a.Back[i].Before)
		}
		if problem == "" {
			problem = namedChanges(a.Back[i].Opens, a.Back[i].Closes)
		}
	}
	return problem
}

// namedFacts looks at facts that are read; those of conditions are looked at with
// them.
func namedFacts(lists ...[]Fact) string {
	for _, list := range lists {
		for i := range list {
			if !name.Fact(list[i].Fact) {
				return misnamed("a fact", list[i].Fact)
			}
		}
	}
	return ""
}

func namedChanges(lists ...[]string) string {
	for _, list := range lists {
		for _, change := range list {
			if !name.Change(change) {
				return misnamed("a temporary change", change)
			}
		}
	}
	return ""
}
