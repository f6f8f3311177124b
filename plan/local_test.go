package plan_test

import (
	"strings"
	"testing"

	"zup/plan"
)

func TestRulesOfLocalActions(t *testing.T) {
	s := loadSituation(t, "testdata/snapshot_update.txtar")
	good, err := plan.Build(s.input)
	if err != nil {
		t.Fatal(err)
	}
	for _, tt := range []struct {
		name, want string
		break_     func(p *plan.Plan, a *plan.Action)
	}{
		{"no command", "needs a command or a proof", func(_ *plan.Plan, a *plan.Action) { a.Argv, a.Proof = nil, nil }},
		{"no program", "has no program", func(_ *plan.Plan, a *plan.Action) { a.Argv[0] = "" }},
		{"no node", "is for a node", func(_ *plan.Plan, a *plan.Action) { a.Node = "" }},
		{"nothing taken and remembered", "changes nothing", func(_ *plan.Plan, a *plan.Action) { a.Argv = nil }},
		{"a script besides", "nothing on a node", func(_ *plan.Plan, a *plan.Action) { a.Script = "reboot" }},
		{"a proof of nothing", "needs a command and a word", func(_ *plan.Plan, a *plan.Action) { a.Proof[0].Word = "" }},
		{"a script with a command", "only a local action", func(p *plan.Plan, _ *plan.Action) { first(p, "update").Argv = []string{"reboot"} }},
		{"out without the other", "requires nothing of the other node", func(_ *plan.Plan, a *plan.Action) { a.Out = true }},
	} {
		t.Run(tt.name, func(t *testing.T) {
			p := copyOf(t, good)
			if err := p.Validate(); err != nil {
				t.Fatal(err)
			}
			tt.break_(p, first(p, "snapshot"))
			if err := p.Validate(); err == nil || !strings.Contains(err.Error(), tt.want) {
				t.Errorf("err is %v, want %q", err, tt.want)
			}
		})
	}
}

// The name of a snapshot changes when the state file was written, and does not
// when nothing has.
func TestSnapshotNames(t *testing.T) {
	name := func(file string, change func(*plan.Input)) string {
		s := loadSituation(t, "testdata/"+file+".txtar")
		change(&s.input)
		p, err := plan.Build(s.input)
		if err != nil {
			t.Fatal(err)
		}
		return first(p, "snapshot").Keeps
	}
	same := func(*plan.Input) {}
	one := name("snapshot_update", same)
	if two := name("snapshot_update", same); one != two {
		t.Errorf("%s and %s", one, two)
	}
	booted := name("snapshot_update", func(in *plan.Input) { in.Observed["edge"][0].Facts["boot"] = "another" })
	recorded := name("snapshot_retry", same)
	later := name("snapshot_retry", func(in *plan.Input) { in.Recorded.Serial++ })
	if one == booted || one == recorded || recorded == later {
		t.Errorf("%s %s %s %s", one, booted, recorded, later)
	}
}
