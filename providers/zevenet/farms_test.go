package zevenet

import (
	"slices"
	"testing"

	"zup/plan"
)

// What users reach is MASTER's word alone, and the nodes' own addresses are not part of it.
func TestFarmsAreMastersWord(t *testing.T) {
	node := func(role, vips, farms, members string) plan.ObservedNode {
		return plan.ObservedNode{Facts: map[string]string{"role": role, "vips": vips, "farms": farms, "nodes": members}}
	}
	const members = "a1=192.168.100.24 b2=192.168.100.25 c3=2001:db8::24"
	for name, tt := range map[string]struct {
		nodes       []plan.ObservedNode
		vips, farms []string
	}{
		"MASTER's": {[]plan.ObservedNode{node("backup", "198.51.100.9", "198.51.100.9:80", members), node("master", "192.0.2.10 192.0.2.11", "192.0.2.11:443 192.0.2.10:80", members)},
			[]string{"192.0.2.10", "192.0.2.11"}, []string{"192.0.2.10:80", "192.0.2.11:443"}},
		"nobody is MASTER": {[]plan.ObservedNode{node("backup", "192.0.2.10", "192.0.2.10:80", members)}, nil, nil},
		"nothing is known": {[]plan.ObservedNode{node("master", "unknown", "unknown", "unknown")}, nil, nil},
		"its own and its peer's address": {[]plan.ObservedNode{node("master", "192.168.100.24 192.168.100.25 ::ffff:192.168.100.25 2001:db8:0::24 192.0.2.10", "192.168.100.25:22", members)},
			[]string{"192.0.2.10"}, []string{"192.168.100.25:22"}},
		"what the peer says are addresses": {[]plan.ObservedNode{node("master", "192.168.100.25 192.0.2.10", "192.168.100.25:22", "none"), node("backup", "", "", members)},
			[]string{"192.0.2.10"}, []string{"192.168.100.25:22"}},
	} {
		vips, farms := Provider{}.Farms(tt.nodes)
		if !slices.Equal(vips, tt.vips) || !slices.Equal(farms, tt.farms) {
			t.Errorf("%s: %q %q, want %q %q", name, vips, farms, tt.vips, tt.farms)
		}
	}
}
