package zevenet

import (
	"fmt"
	"slices"
	"testing"
	"time"

	"pgregory.net/rapid"

	"zup/plan"
	"zup/plan/config"
	"zup/plan/state"
	"zup/providers/zevenet/arguments"
	"zup/providers/zevenet/zevenettest"
)

// local carries out a local action on the model.
func (m model) local(a *plan.Action) bool {
	switch a.Kind {
	case "snapshot":
		m.Snapshot(a.Node, a.Keeps)
	case "restore":
		return m.Restore(a.Node, a.Argv[len(a.Argv)-1])
	case "delete-snapshot":
		if !m.DeleteSnapshot(a.Node, a.Drops) && len(a.Proof) == 0 { // with a proof, that counts
			return false
		}
	}
	for _, p := range a.Proof {
		if slices.Contains(m.Snapshots(a.Node), p.Word) == p.Absent {
			return false
		}
	}
	return true
}

// remember keeps in the state what apply does.
func (m model) remember(a *plan.Action, recorded *state.Cluster, run string) {
	recorded.Snapshots = slices.DeleteFunc(recorded.Snapshots, func(s state.Snapshot) bool { return s.Node == a.Node && s.Name == a.Drops })
	if a.Keeps != "" {
		recorded.Snapshots = append(recorded.Snapshots, state.Snapshot{
			Name: a.Keeps, Node: a.Node, Run: run, Taken: time.Unix(1000, 0), Version: m.Nodes[a.Node].Version,
		})
	}
}

// TestEveryWayBackEndsAtRest: from wherever an update was cut off, or from its end,
// the way back, itself cut off anywhere and planned again, ends with both nodes at
// the old version, nobody with a configuration of the wrong one, somebody serving
// all the time and nothing left.
func TestEveryWayBackEndsAtRest(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		nodes := []string{"a1", "b2"}
		primary := rapid.SampledFrom([]string{"disabled", "a1", "b2"}).Draw(t, "primary")
		master := rapid.SampledFrom(nodes).Draw(t, "master")
		if primary != "disabled" {
			master = primary
		}
		m := model{zevenettest.New("a1", "b2", master, primary)}
		cfg := &config.Cluster{
			Provider: "zevenet", Name: "edge", Version: zevenettest.NewVersion,
			Nodes: []config.Node{{Name: "a1", Address: "192.0.2.101"}, {Name: "b2", Address: "192.0.2.102"}},
			Snapshot: &config.Snapshot{
				Create: config.Argv{"create", "{node}", "{name}"}, Restore: config.Argv{"restore", "{node}", "{name}"}, List: config.Argv{"list", "{node}"},
			},
		}
		own := arguments.Arguments{Switchover: rapid.SampledFrom([]string{"drain", "restart"}).Draw(t, "switchover")}
		own.Boost = own.Switchover == "drain" && rapid.Bool().Draw(t, "boost")
		cfg.Own = own.Own()
		var recorded state.Cluster
		run := 0
		apply := func(d plan.Decision, cut, half int) {
			run++
			recorded.Run, recorded.Outcome, recorded.Master = fmt.Sprint(run), state.OutcomeRunning, d.Cluster.Master
			if err := m.carryOut(d.Actions, &recorded, recorded.Run, cut, half); err != nil {
				t.Fatalf("run %d: %v\n%s", run, err, ids(d.Actions))
			}
			if damage := m.Damage(); damage != "" {
				t.Fatalf("run %d, cut at %d: %s\n%s", run, cut, damage, ids(d.Actions))
			}
			if cut < 0 {
				recorded = state.Cluster{Outcome: state.OutcomeDone, Snapshots: recorded.Snapshots}
			}
		}
		d := Provider{}.Decide(m.situation(cfg, recorded))
		if len(d.Refusals) > 0 {
			t.Fatal(d.Refusals)
		}
		cut := rapid.IntRange(3, len(d.Actions)).Draw(t, "cut") // after the snapshots
		if cut == len(d.Actions) {
			cut = -1
		}
		apply(d, cut, rapid.IntRange(0, 2).Draw(t, "half"))
		cuts := rapid.IntRange(0, 3).Draw(t, "cuts")
		for round := 0; ; round++ {
			d := Provider{}.Decide(towards(plan.Back, m.situation(cfg, recorded)))
			if len(d.Refusals) > 0 {
				t.Fatalf("round %d: refused: %v", round, d.Refusals)
			}
			if len(d.Actions) == 0 {
				break
			}
			if round > cuts {
				t.Fatalf("round %d: there is still something to do: %s", round, ids(d.Actions))
			}
			checkWayBack(t, cfg, m, recorded)
			cut, half := -1, 0
			if round < cuts {
				cut, half = rapid.IntRange(0, len(d.Actions)-1).Draw(t, "cut back"), rapid.IntRange(0, 2).Draw(t, "half back")
			}
			apply(d, cut, half)
		}
		for _, n := range m.Nodes {
			if n.Version != zevenettest.OldVersion || n.Config != "old" || n.Deny || n.Maintenance || n.Boosted || n.Left || len(n.Open) > 0 || n.Replicates != (m.Master == n.Name) {
				t.Fatalf("at the end: %+v, master %s", *n, m.Master)
			}
		}
		if m.Master != master {
			t.Fatalf("%s is MASTER, it was %s", m.Master, master)
		}
	})
}

func checkWayBack(t *rapid.T, cfg *config.Cluster, m model, recorded state.Cluster) {
	in := plan.Input{
		Config: &config.Config{Clusters: []*config.Cluster{cfg}}, Version: "test", Way: plan.Back,
		Observed:  plan.Observed{cfg.Name: m.situation(cfg, recorded).Nodes},
		Providers: map[string]plan.Provider{"zevenet": Provider{}},
		Recorded:  &state.State{Clusters: map[string]*state.Cluster{cfg.Name: &recorded}},
	}
	p, err := plan.Build(in)
	if err != nil {
		t.Fatal(err)
	}
	if c := p.Cluster(cfg.Name); c.Way != plan.Back || c.To != zevenettest.OldVersion {
		t.Fatalf("%+v", c)
	}
}
