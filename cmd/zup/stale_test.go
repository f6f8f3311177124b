package main

import (
	"fmt"
	"maps"
	"strings"
	"testing"

	"zup/plan"
)

// Each fact that a plan rests on makes it stale when it changes, and the message has
// the fact, what was planned, what is, and the node. No other fact does.
func TestStaleByFact(t *testing.T) {
	p, pair := pairPlan(t, "")
	observed := func(node, fact, value string) plan.Observed {
		var nodes []plan.ObservedNode
		for _, n := range p.Clusters[0].Nodes {
			facts := maps.Clone(pair.FactsOf(n.Name))
			if n.Name == node {
				facts[fact] = value
			}
			nodes = append(nodes, plan.ObservedNode{Name: n.Name, Facts: facts})
		}
		return plan.Observed{"edge": nodes}
	}
	matter, others := 0, 0
	for _, n := range p.Clusters[0].Nodes {
		for fact, was := range pair.FactsOf(n.Name) {
			err := compare(p, observed(n.Name, fact, "other"))
			planned, rests := n.Facts[fact]
			if !rests {
				others++
				if err != nil {
					t.Errorf("%s of %s: %v", fact, n.Name, err)
				}
				continue
			}
			matter++
			want := fmt.Sprintf(`cluster "edge", node %q: %s was %q when the plan was made, it is "other" now`, n.Name, fact, planned)
			if err == nil || classify(err).code != exitStale || !strings.Contains(err.Error(), want) || planned != was {
				t.Errorf("%s of %s: %v, want %s", fact, n.Name, err, want)
			}
		}
	}
	if matter < 20 || others < 20 {
		t.Errorf("%d facts matter, %d do not", matter, others)
	}
}
