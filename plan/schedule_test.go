package plan_test

import (
	"bytes"
	"slices"
	"testing"
	"time"

	"zup/plan"
)

// What a plan says of a moment. It takes three minutes or so.
func TestOpensAndCloses(t *testing.T) {
	p := built(t, 1)
	p.Windows = []plan.Window{{Days: []string{"sat"}, DurationS: 4 * 3600, Name: "weekend", Start: "22:00", Timezone: "Europe/Berlin"}}
	p.Freezes = []plan.Freeze{{From: "2026-11-28T23:00:00Z", Name: "audit", Timezone: "Europe/Berlin", To: "2026-11-29T00:59:00Z"}}
	before := encoded(t, p)
	for _, tt := range []struct {
		now, opens string
		waivers    []string // that would be needed; nil: it may be begun
	}{
		{"2026-11-25T12:00:00Z", "not now: no window is open; the next window is weekend: Sat 2026-11-28 22:00 CET (21:00 UTC), for 2 h", []string{"windows"}},
		{"2026-11-28T21:00:00Z", "now, for another 2 h, until freeze audit begins, Sun 2026-11-29 00:00 CET (Sat 23:00 UTC)", nil},
		{"2026-11-28T22:59:00Z", "not now: what is to be done takes about 3 min, and 1 min is left until freeze audit begins, Sun 2026-11-29 00:00 CET (Sat 23:00 UTC); the next window is weekend: Sun 2026-11-29 01:59 CET (00:59 UTC), for 1 min; that is too short for it", []string{"freeze:audit"}},
		{"2026-11-28T23:30:00Z", "not now: freeze audit lasts until Sun 2026-11-29 01:59 CET (00:59 UTC); the next window is weekend: Sun 2026-11-29 01:59 CET (00:59 UTC), for 1 min; that is too short for it", []string{"freeze:audit"}},
		{"2026-11-29T00:59:00Z", "not now: what is to be done takes about 3 min, and 1 min is left until window weekend ends, Sun 2026-11-29 02:00 CET (01:00 UTC); the next window is weekend: Sat 2026-12-05 22:00 CET (21:00 UTC), for 4 h", []string{"windows"}},
		{"2026-12-05T21:00:00Z", "now, for another 4 h, until window weekend ends, Sun 2026-12-06 02:00 CET (01:00 UTC)", nil},
	} {
		now, err := time.Parse(time.RFC3339, tt.now)
		if err != nil {
			t.Fatal(err)
		}
		if got := p.Opens(now); got != tt.opens {
			t.Errorf("at %s:\n%s\nwant\n%s", tt.now, got, tt.opens)
		}
		closed := p.Closed(now, 3*time.Minute)
		if (closed == nil) != (tt.waivers == nil) || closed != nil && !slices.Equal(closed.Waivers, tt.waivers) {
			t.Errorf("at %s closed: %+v", tt.now, closed)
		}
		if closed == nil {
			continue
		}
		q := copyOf(t, p)
		for _, name := range tt.waivers {
			q.Waivers = append(q.Waivers, plan.Waiver{Name: name, Because: "it has to be"})
		}
		if closed := q.Closed(now, 3*time.Minute); closed != nil && !slices.Equal(closed.Waivers, []string{"windows"}) {
			t.Errorf("at %s with waivers closed: %+v", tt.now, closed)
		}
	}
	if !bytes.Equal(before, encoded(t, p)) {
		t.Error("the plan has changed with the time")
	}
}

// Windows and what is waived are part of what is signed and applied.
func TestPolicyIsPartOfTheIdentity(t *testing.T) {
	p := built(t, 1)
	for name, change := range map[string]func(*plan.Plan){
		"window": func(p *plan.Plan) { p.Windows = []plan.Window{{Days: []string{"sat"}}} },
		"freeze": func(p *plan.Plan) { p.Freezes = []plan.Freeze{{}} },
		"rule":   func(p *plan.Plan) { p.Rules = []plan.Rule{{}} },
		"waiver": func(p *plan.Plan) { p.Waivers = []plan.Waiver{{}} },
	} {
		q := built(t, 1)
		change(q)
		if q.Identify(); q.PlanID == p.PlanID {
			t.Errorf("with another %s it has the same ID", name)
		}
	}
}
