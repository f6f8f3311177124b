package plan_test

import (
	"slices"
	"strings"
	"testing"

	"zup/plan"
)

// Without a probe block the farms that answer are watched, all together with a
// bounded number of connections; what does not answer is said.
func TestFarmsAreWatched(t *testing.T) {
	build := func(farms []plan.Farm, change func(*plan.Input)) plan.Cluster {
		t.Helper()
		in := manyPairs(1)
		c := in.Config.Clusters[0]
		c.Probes, c.ProbeFarms = nil, true
		in.Farms = map[string][]plan.Farm{c.Name: farms}
		if change != nil {
			change(&in)
		}
		p, err := plan.Build(in)
		if err != nil {
			t.Fatal(err)
		}
		return p.Clusters[0]
	}
	c := build([]plan.Farm{{"192.0.2.10:80", true}, {"192.0.2.10:5060", false}, {"192.0.2.11:443", true}}, nil)
	if len(c.Probes) != 2 || c.Probes[1].TCP != "192.0.2.11:443" || !c.Probes[1].Found || c.Probes[1].IntervalMS != 40 {
		t.Errorf("probes: %+v", c.Probes)
	}
	if !slices.ContainsFunc(c.Warnings, func(w string) bool { return strings.HasSuffix(w, "from here: 192.0.2.10:5060") }) {
		t.Errorf("warnings: %q", c.Warnings)
	}
	many := make([]plan.Farm, 500)
	for i := range many {
		many[i] = plan.Farm{Address: "192.0.2.10:" + string(rune('0'+i%10)), Answers: true}
	}
	if c = build(many, nil); c.Probes[499].IntervalMS != 1000 {
		t.Errorf("500 farms are asked every %d ms each", c.Probes[499].IntervalMS)
	}
	if c = build(nil, nil); !slices.ContainsFunc(c.Warnings, func(w string) bool { return strings.Contains(w, "is not measured") }) {
		t.Errorf("warnings: %q", c.Warnings)
	}
	c = build(many, func(in *plan.Input) { in.Config.Clusters[0].ProbeFarms = false })
	if len(c.Probes) != 0 {
		t.Errorf("probe_farms = false: %d probes", len(c.Probes))
	}
}
