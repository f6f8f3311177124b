package zevenet

import (
	"fmt"
	"testing"

	"pgregory.net/rapid"

	"zup/plan"
	"zup/plan/apply"
	"zup/plan/config"
	"zup/plan/state"
	"zup/providers/zevenet/arguments"
	"zup/providers/zevenet/zevenettest"
)

// Wherever the end of a window stops a run, the pair is served and has a node to
// spare, MASTER is not ahead of the other node, nothing is damaged, and in the next
// window the same plan goes on to its end. No switchover begins where the run could
// have rested.
func TestWindowsEndWhereThePairCanRest(t *testing.T) {
	stops := 0
	rapid.Check(t, func(t *rapid.T) {
		primary := rapid.SampledFrom([]string{"disabled", "a1", "b2"}).Draw(t, "primary")
		cfg := &config.Cluster{
			Provider: "zevenet", Name: "edge", Version: zevenettest.NewVersion,
			Master: rapid.SampledFrom([]string{"", "a1", "b2"}).Draw(t, "wanted"),
			Nodes:  []config.Node{{Name: "a1", Address: "192.0.2.101"}, {Name: "b2", Address: "192.0.2.102"}},
		}
		own := arguments.Arguments{Switchover: rapid.SampledFrom([]string{"drain", "restart"}).Draw(t, "switchover")}
		own.Boost = own.Switchover == "drain" && rapid.Bool().Draw(t, "boost")
		if primary != "disabled" && cfg.Master != "" {
			cfg.Master = primary
		}
		own.Reboot = rapid.SampledFrom([]string{arguments.RebootNever, arguments.RebootIfNeeded}).Draw(t, "reboot")
		if own.Switchover == "restart" && primary != "disabled" {
			own.Reboot = arguments.RebootNever // refused
		}
		cfg.Own = own.Own()
		pending := rapid.Bool().Draw(t, "waits for a reboot")
		master := rapid.SampledFrom([]string{"a1", "b2"}).Draw(t, "master")
		fresh := func() model {
			m := model{zevenettest.New("a1", "b2", master, primary)}
			m.Nodes["a1"].Pending, m.Nodes["b2"].Brings = pending, pending
			return m
		}
		d := Provider{}.Decide(fresh().situation(cfg, state.Cluster{}))
		if len(d.Refusals) > 0 {
			t.Fatalf("refused: %v", d.Refusals)
		}
		for at := range d.Actions {
			if bound(d.Actions, at) || !rests(d.Actions, at) {
				continue
			}
			stops++
			m, recorded := fresh(), state.Cluster{}
			if err := m.carryOut(d.Actions, &recorded, "r1", at, 0); err != nil {
				t.Fatal(err)
			}
			checkRest(t, m, d.Actions[at].ID)
			if err := m.carryOut(d.Actions[at:], &recorded, "r1", -1, 0); err != nil {
				t.Fatalf("gone on at %s: %v", d.Actions[at].ID, err)
			}
			if damage := m.Damage(); damage != "" {
				t.Fatal(damage)
			}
		}
		switchovers := 0
		for at, a := range d.Actions {
			if a.Impact == plan.Switchover && a.Changes() {
				if switchovers++; switchovers == 1 && !bound(d.Actions, at) && !rests(d.Actions, at) && !takenOut(d.Actions, at) {
					t.Fatalf("%s begins after the end of a window", a.ID)
				}
			}
		}
	})
	if stops < 100 {
		t.Errorf("only %d stops", stops)
	}
}

// rests is apply's own answer for the moment before an action.
func rests(actions []plan.Action, at int) bool {
	pointers, begun := make([]*plan.Action, len(actions)), make([]bool, len(actions))
	for i := range actions {
		pointers[i], begun[i] = &actions[i], i < at
	}
	return apply.RestsUntilNextWindow(pointers, begun)
}

// bound reports whether an action belongs to one that stands before it.
func bound(actions []plan.Action, at int) bool {
	for i := range at {
		for _, id := range actions[at].After {
			if actions[i].Next && actions[i].ID == id {
				return true
			}
		}
	}
	return false
}

// takenOut reports whether a node is in maintenance mode before an action.
func takenOut(actions []plan.Action, at int) bool {
	out := map[string]bool{}
	for _, a := range actions[:at] {
		for _, name := range a.Closes {
			delete(out, name)
		}
		for _, name := range a.Opens {
			if a.Out {
				out[name] = true
			}
		}
	}
	return len(out) > 0
}

func checkRest(t *rapid.T, m model, before string) {
	t.Helper()
	if damage := m.Damage(); damage != "" {
		t.Fatalf("before %s: %s", before, damage)
	}
	serves, spare := m.Nodes[m.Master], m.Nodes[m.Nodes[m.Master].Peer]
	if serves.Maintenance || spare.Maintenance || serves.Boosted || spare.Boosted {
		t.Fatalf("before %s it rests with %+v and %+v", before, *serves, *spare)
	}
	if serves.Version == zevenettest.NewVersion && spare.Version == zevenettest.OldVersion {
		t.Fatalf("before %s MASTER is ahead of the node that is to take over: %s", before, fmt.Sprint(m.Master))
	}
}
