package main

import (
	"bytes"
	"strings"
	"testing"

	"zup/plan"
)

// A plan that was made elsewhere, or that somebody has written a farm into, makes apply
// watch no address that is not one of users here and now.
func TestApplyWatchesOnlyUsersAddresses(t *testing.T) {
	var out bytes.Buffer
	c := newCLI(stdio{nil, nil, &out}, nil)
	p := &plan.Plan{Clusters: []plan.Cluster{{Name: "edge", Provider: "zevenet", Probes: []plan.Probe{
		{Name: "192.0.2.10:80", TCP: "192.0.2.10:80", Found: true}, {Name: "198.51.100.7:22", TCP: "198.51.100.7:22", Found: true},
		{Name: "by another name", TCP: "127.0.0.1:22", Found: true}, {Name: "web", TCP: "127.0.0.1:8096"},
	}}}}
	live := plan.Observed{"edge": {{Name: "zva5n1", Facts: map[string]string{"role": "master", "vips": "192.0.2.10", "farms": "none"}}}}
	fleet := c.newFleet("", false)
	got := c.unwatched(p, fleet, live)
	if s := strings.Join(got["edge"], " "); s != "198.51.100.7:22 by another name" {
		t.Errorf("not watched: %s", s)
	}
	for _, want := range []string{"edge is not measured from here: 198.51.100.7:22 is not an address of users (not a VIP of MASTER)", "127.0.0.1:22 is not an address of users (loopback)"} {
		if !strings.Contains(out.String(), want) {
			t.Errorf("it does not say %q:\n%s", want, out.String())
		}
	}
	// A run that is resumed has not asked the nodes.
	if s := strings.Join(c.unwatched(p, nil, nil)["edge"], " "); s != "by another name" {
		t.Errorf("not watched: %s", s)
	}
}
