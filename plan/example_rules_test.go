package plan_test

import (
	"bytes"
	"slices"
	"strings"
	"testing"
	"time"

	"zup/plan"
	"zup/plan/config"
	"zup/providers/zevenet"
)

// The example of rules is planned: both sites at once are refused, each alone is not,
// and it may begin when the page says so.
func TestExampleOfRules(t *testing.T) {
	cfg, diags := config.Load("../examples/rules", config.Options{Plan: plan.ConditionType(), Products: plan.Declared(zevenet.Providers())})
	if len(diags.All) > 0 {
		var b bytes.Buffer
		diags.WriteText(&b, false, 80)
		t.Fatal(b.String())
	}
	in := plan.Input{Config: cfg, Version: "0.1.0", Observed: plan.Observed{}, Providers: map[string]plan.Provider{"zevenet": zevenet.Provider{}}}
	for _, c := range cfg.Clusters {
		in.Observed[c.Name] = healthy(c)
		for i := range in.Observed[c.Name] {
			in.Observed[c.Name][i].Facts["role"] = []string{"master", "backup"}[i]
		}
	}
	for _, tt := range []struct {
		clusters []string
		waivers  []plan.Waiver
		broken   []string
	}{
		{nil, nil, []string{"one-site-at-a-time"}},
		{nil, []plan.Waiver{{Name: "one-site-at-a-time", Because: "CHG0012345"}}, nil},
		{[]string{"berlin"}, nil, nil},
		{[]string{"hamburg"}, nil, nil},
	} {
		in.Clusters, in.Waivers = tt.clusters, tt.waivers
		p, err := plan.Build(in)
		if err != nil {
			t.Fatal(err)
		}
		var broken []string
		for _, r := range p.Broken() {
			broken = append(broken, r.Name)
		}
		if !slices.Equal(broken, tt.broken) || len(p.Rules) != 5 {
			t.Errorf("%v: %v of %d rules are against it", tt.clusters, broken, len(p.Rules))
		}
		if len(p.Waivers) != len(tt.waivers) {
			t.Errorf("waivers %v", p.Waivers)
		}
		const want = "not now: no window is open; the next window is weekend: Sat 2026-11-28 22:00 CET (21:00 UTC), for 4 h"
		if got := p.Opens(time.Date(2026, 11, 25, 12, 0, 0, 0, time.UTC)); got != want {
			t.Errorf("it says %q", got)
		}
		if c := p.Closed(time.Date(2026, 12, 19, 22, 0, 0, 0, time.UTC), time.Minute); c == nil || !strings.Contains(c.Why, "freeze year-end lasts until Thu 2027-01-07 06:00 CET") {
			t.Errorf("in the freeze: %+v", c)
		}
	}
}
