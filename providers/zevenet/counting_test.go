package zevenet

import (
	"strings"
	"testing"

	"zup/plan"
	"zup/plan/config"
)

// What RELIANOID's editions count is not compared from one to the other, and from one
// major version to the next one the vendor's conditions and the way are said.
func TestRelianoidCounts(t *testing.T) {
	t.Parallel()
	for _, tt := range []struct {
		from, to string
		says     []string // of the refusal; none: it is not refused
	}{
		{"7.6.0", "7.10.0", nil},
		{"7.9.0", "7.10.0", nil},
		{"8.4.0", "8.10.1", nil},
		{"8.4.0", "10.0.1", []string{"three conditions", "there must be no cluster", "404", "licence agreement", "the newest 8", "until both run 10", "form the cluster again", "then with zup to 10.0.1"}},
		{"7.10.0", "9.0.1", []string{"three conditions", "the newest 7", "until both run 9"}},
		{"8.4.0", "9.0.1", []string{"9.0.1 is of the community edition's counting", "8.4.0 of the Enterprise Edition's"}},
		{"7.10.0", "8.6.0", []string{"8.6.0 is of the Enterprise Edition's counting", "noid-updater -E"}},
		{"7.10.0", "10.0.0", []string{"counting"}},
		{"8.6.0", "7.10.0", []string{"counting"}},
		{"9.0.1", "8.6.0", []string{"counting"}},
		{"8.4.0", "12.0.0", []string{"10 comes after 8"}},
		{"10.1.0", "10.0.0", []string{"a snapshot"}},
		{"7.5.0", "7.9.0", []string{"7.6 or later by hand"}},
	} {
		p := newPair(Providers()["relianoid"].personality(), plan.Situation{
			Config: &config.Cluster{Version: tt.to, Nodes: []config.Node{{Name: "a"}, {Name: "b"}}},
			Nodes: []plan.ObservedNode{
				{Name: "a", Facts: map[string]string{"version": tt.from, "package": "ii " + tt.from}},
				{Name: "b", Facts: map[string]string{"version": tt.from, "package": "ii " + tt.from}},
			},
		})
		f := hasVersion(p, p.nodes[0])
		if (f.Status == plan.Passed) != (tt.says == nil) {
			t.Errorf("%s to %s: %+v", tt.from, tt.to, f)
		}
		for _, want := range tt.says {
			if !strings.Contains(f.Detail+"; "+f.Hint, want) {
				t.Errorf("%s to %s does not say %q: %s", tt.from, tt.to, want, f.Hint)
			}
		}
	}
}
