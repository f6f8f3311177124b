package plan_test

import (
	"slices"
	"strings"
	"testing"

	"zup/plan"
	"zup/providers/zevenet/arguments"
)

// Without a probe block the farms that answer are watched, all together with a
// bounded number of connections; what does not answer is said.
func TestFarmsAreWatched(t *testing.T) {
	build := func(farms []plan.Farm, change func(*plan.Input)) plan.Cluster {
		t.Helper()
		in := manyPairs(1)
		c := in.Config.Clusters[0]
		c.Probes, c.Own = nil, nil
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
	c := build([]plan.Farm{{Address: "192.0.2.10:80", Answers: true}, {Address: "192.0.2.10:5060"}, {Address: "192.0.2.11:443", Answers: true}}, nil)
	if len(c.Probes) != 2 || c.Probes[1].TCP != "192.0.2.11:443" || !c.Probes[1].Found || c.Probes[1].IntervalMS != 40 {
		t.Errorf("probes: %+v", c.Probes)
	}
	if !slices.ContainsFunc(c.Warnings, func(w string) bool { return strings.HasSuffix(w, "from here: 192.0.2.10:5060") }) {
		t.Errorf("warnings: %q", c.Warnings)
	}
	many := make([]plan.Farm, 500)
	for i := range many {
		many[i] = plan.Farm{Address: "192.0.2.10:" + string(rune('1'+i%9)), Answers: true}
	}
	if c = build(many, nil); c.Probes[499].IntervalMS != 1000 {
		t.Errorf("500 farms are asked every %d ms each", c.Probes[499].IntervalMS)
	}
	if c = build(nil, nil); !slices.ContainsFunc(c.Warnings, func(w string) bool { return strings.Contains(w, "is not measured") }) {
		t.Errorf("warnings: %q", c.Warnings)
	}
	c = build(many, func(in *plan.Input) { in.Config.Clusters[0].Own = arguments.Arguments{}.Own() })
	if len(c.Probes) != 0 {
		t.Errorf("probe_farms = false: %d probes", len(c.Probes))
	}
	if c = build([]plan.Farm{
		{Address: "127.0.0.1:8096", Foreign: "loopback"}, {Address: "10.0.0.9:1", Foreign: "not a VIP of MASTER"}, {Address: "127.0.0.1:\x1b[2J", Foreign: "loopback"},
		{Address: "192.0.2.10:80", Answers: true}, {Address: "192.0.2.10:81", Spared: true}, {Address: "192.0.2.10:82", Spared: true},
	}, nil); len(c.Probes) != 1 || c.Probes[0].TCP != "192.0.2.10:80" {
		t.Errorf("probes: %+v", c.Probes)
	}
	for _, want := range []string{
		`not tried: 127.0.0.1:8096, 127.0.0.1:\x1b[2J, which are not addresses of users (loopback)`, "not tried: 10.0.0.9:1, which is not an address of users (not a VIP of MASTER)",
		"not tried: 2 more farms; those that were are enough to measure by",
	} {
		if !slices.Contains(c.Warnings, want) {
			t.Errorf("no warning %q in %q", want, c.Warnings)
		}
	}
}

// A plan that watches an address because a node has named it breaks a rule of every plan
// where that can't be one of users, whoever wrote it in.
func TestFoundFarmsAreUsersAddresses(t *testing.T) {
	in := manyPairs(1)
	c := in.Config.Clusters[0]
	c.Probes, c.Own = nil, nil
	in.Farms = map[string][]plan.Farm{c.Name: {{Address: "192.0.2.10:80", Answers: true}}}
	p, err := plan.Build(in)
	if err != nil {
		t.Fatal(err)
	}
	probe := &p.Clusters[0].Probes[0]
	for _, address := range []string{"127.0.0.1:8096", "[::1]:22", "169.254.169.254:80", "0.0.0.0:80", "localhost:80", "web.example.net:80", "[::ffff:127.0.0.1]:80", ""} {
		probe.TCP = address
		if err := p.Validate(); err == nil || !strings.Contains(err.Error(), "is not an address of users") {
			t.Errorf("%q: %v", address, err)
		}
	}
	probe.TCP, probe.HTTP = "192.0.2.10:80", "http://192.0.2.10/"
	if err := p.Validate(); err == nil {
		t.Error("a URL that no configuration asks for is accepted")
	}
	// What the configuration asks for is the operator's.
	probe.TCP, probe.HTTP, probe.Found = "127.0.0.1:8096", "", false
	if err := p.Validate(); err != nil {
		t.Error(err)
	}
}
