//go:build linux

package main

import (
	"strings"
	"testing"

	"zup/examples/lab/world"
)

// What the lab says before it begins fits into 80 columns, whatever was chosen.
func TestDescriptionFits(t *testing.T) {
	w := &world.World{Clusters: []world.Cluster{{
		Name: "edge", Product: "relianoid", From: "8.4.0", To: "8.5.0", VIPs: []string{"192.0.2.10", "192.0.2.11"},
		Nodes: [2]world.Node{{Name: "zva5n1", Address: "192.168.100.24"}, {Name: "zva5n2", Address: "192.168.100.25"}},
	}}}
	for _, f := range world.Faults {
		for _, offline := range []bool{false, true} {
			text := introduction + describe(w, choices{product: "relianoid", failback: "zva5n1", deadratio: 5, fault: f.Name, offline: offline})
			for line := range strings.Lines(text) {
				if n := len(strings.TrimRight(line, "\n")); n > 80 {
					t.Errorf("%d columns: %s", n, line)
				}
			}
			if !strings.Contains(strings.Join(strings.Fields(text), " "), "Fault "+f.Name+": "+f.About+".") {
				t.Errorf("the fault is not described:\n%s", text)
			}
		}
	}
}
