package zevenet

import (
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"pgregory.net/rapid"

	"zup/plan"
	"zup/plan/apply"
	"zup/plan/config"
	"zup/plan/state"
	"zup/providers/zevenet/arguments"
	"zup/providers/zevenet/zevenettest"
)

// model is a pair in memory whose actions are carried out the way apply would.
type model struct{ *zevenettest.Pair }

// situation is what a plan is made from.
func (m model) situation(cfg *config.Cluster, recorded state.Cluster) plan.Situation {
	s := plan.Situation{Config: cfg, Image: imageOf(cfg), Recorded: recorded}
	for i := range cfg.Nodes {
		s.Nodes = append(s.Nodes, plan.ObservedNode{Name: cfg.Nodes[i].Name, Facts: m.FactsOf(cfg.Nodes[i].Name)})
	}
	return s
}

// imageOf is the image of a configuration's package block.
func imageOf(cfg *config.Cluster) *plan.Image {
	if cfg.Package == nil {
		return nil
	}
	return &plan.Image{SHA256: zevenettest.ImageSHA256, Size: zevenettest.ImageSize}
}

// failing returns the first condition that does not hold.
func (m model) failing(conditions []plan.Condition, recorded map[string]string) string {
	for _, c := range conditions {
		holds, want, seen := c.Holds(
			func(node, fact string) (string, bool) { v, ok := m.FactsOf(node)[fact]; return v, ok },
			func(node, fact string) (string, bool) { v, ok := recorded[node+"/"+fact]; return v, ok })
		if !holds {
			return fmt.Sprintf("%s of %s is %q, wanted %s", c.Fact, c.Node, seen, want)
		}
	}
	return ""
}

// carryOut runs actions on the model the way apply would, up to the action at
// index cut, which is left as half says: not begun, begun without an effect, done without
// anybody having noted it, going back, marked on its node as open and no more than that,
// or, if it is an update, ended in the middle with its node, or turned back by the package.
//
// Wherever it is cut off, what a resumed run wants to find is there; but for the way
// back, which ends a run, and a job that ended with its node.
func (m model) carryOut(actions []plan.Action, recorded *state.Cluster, run string, cut, half int) error {
	if err := m.carry(actions, recorded, run, cut, half); err != nil || cut < 0 || half == 3 || half >= 5 {
		return err
	}
	var all []*plan.Action
	at := map[string]int{}
	for i := range actions {
		all = append(all, &actions[i])
		at[actions[i].ID] = i
	}
	left := apply.Left(all, func(a *plan.Action) (begun, done bool) {
		i := at[a.ID]
		return i < cut || i == cut && half > 0, i < cut
	})
	if bad := m.failing(left, recorded.Recorded); bad != "" {
		return fmt.Errorf("cut off at %s (%d) it can't be resumed: %s", actions[cut].ID, half, bad)
	}
	return nil
}

func (m model) carry(actions []plan.Action, recorded *state.Cluster, run string, cut, half int) error {
	if recorded.Recorded == nil {
		recorded.Recorded = map[string]string{}
	}
	for i := range actions {
		a := &actions[i]
		if i == cut && half == 0 {
			return nil
		}
		if bad := m.failing(a.Requires, recorded.Recorded); bad != "" {
			return fmt.Errorf("%s requires: %s", a.ID, bad)
		}
		for _, name := range a.Opens {
			if !recorded.IsOpen(name) {
				recorded.Open = append(recorded.Open, state.Change{Action: a.ID, Name: name, Run: run, Since: time.Unix(0, 0)})
			}
		}
		for k := range recorded.Snapshots {
			if s := &recorded.Snapshots[k]; a.Drops != "" && len(a.Proof) == 0 && s.Node == a.Node && s.Name == a.Drops {
				s.Begun = true
			}
		}
		if i == cut && half == 1 {
			return nil
		}
		if i == cut && half == 4 {
			m.mark(a)
			return nil
		}
		if i == cut && half == 5 {
			if a.Kind == "update" {
				m.CutUpdate(a.Node, run+"."+a.ID, []string{zevenettest.OldVersion, zevenettest.NewVersion}[cut%2])
			}
			return nil
		}
		if i == cut && half == 6 {
			if a.Kind == "update" {
				m.TurnBack(a.Node, run+"."+a.ID)
			}
			return nil
		}
		if repairs := strings.Contains(a.Script, "dpkg --configure -a"); repairs != ((a.Kind == "update" || a.Kind == "repair") && m.Nodes[a.Node].Half+m.Nodes[a.Node].Turned != "") {
			return fmt.Errorf("%s finishes what dpkg had begun: %t", a.ID, repairs)
		}
		serving := m.Master
		if a.Primitive != plan.Local && a.Changes() && !m.Do(a.Kind, a.Node) {
			return fmt.Errorf("the model does not know %s", a.ID)
		}
		if a.Primitive == plan.Local && !m.local(a) {
			return fmt.Errorf("%s: there is no such snapshot", a.ID)
		}
		if !m.Alone && a.Out && a.Node == serving && m.Master == serving && a.Kind != "update" {
			return fmt.Errorf("%s took %s out, and nobody took over", a.ID, a.Node)
		}
		if bad := m.failing(a.Check, recorded.Recorded); bad != "" {
			return fmt.Errorf("%s is not proven: %s", a.ID, bad)
		}
		if i == cut && len(a.Back) > 0 && half == 3 { // nobody answers: the role goes back
			return m.takeBack(a, recorded, run)
		}
		if bad := m.failing(a.Until, recorded.Recorded); bad != "" {
			return fmt.Errorf("%s waits for ever: %s", a.ID, bad)
		}
		if i == cut {
			return nil
		}
		m.remember(a, recorded, run)
		recorded.Open = slices.DeleteFunc(recorded.Open, func(o state.Change) bool { return slices.Contains(a.Closes, o.Name) })
		for _, f := range a.Record {
			recorded.Recorded[f.Node+"/"+f.Fact] = m.FactsOf(f.Node)[f.Fact]
		}
	}
	return nil
}

// mark leaves of an action what its script does first: the marks of what it opens.
func (m model) mark(a *plan.Action) {
	for _, name := range a.Opens {
		n, what, _ := strings.Cut(name, "/")
		if slices.Contains([]string{"boost", "hosts.deny", "maintenance"}, what) {
			m.Nodes[n].Left, m.Nodes[n].Open[what] = true, true
		}
	}
}

// takeBack carries out an action's steps back.
func (m model) takeBack(a *plan.Action, recorded *state.Cluster, run string) error {
	for _, s := range a.Back {
		for _, name := range s.Opens {
			if !recorded.IsOpen(name) {
				recorded.Open = append(recorded.Open, state.Change{Action: a.ID, Name: name, Run: run, Since: time.Unix(0, 0)})
			}
		}
		if !m.Do(zevenettest.KindOf(s.Script), s.Node) {
			return fmt.Errorf("the model does not know %q", s.Title)
		}
		if bad := m.failing(s.Check, recorded.Recorded); bad != "" {
			return fmt.Errorf("%s: %q is not proven: %s", a.ID, s.Title, bad)
		}
		recorded.Open = slices.DeleteFunc(recorded.Open, func(o state.Change) bool { return slices.Contains(s.Closes, o.Name) })
	}
	if m.Master != a.Node {
		return fmt.Errorf("%s: %s is MASTER", a.ID, m.Master)
	}
	return nil
}

// TestEveryCutEndsAtRest: from whatever a run that was cut off anywhere leaves,
// with or without its state file, planning and applying again ends with the
// version on both nodes, the wanted MASTER, nothing open and nothing damaged, and
// then there is nothing to do.
func TestEveryCutEndsAtRest(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		nodes := []string{"a1", "b2"}
		primary := rapid.SampledFrom([]string{"disabled", "a1", "b2"}).Draw(t, "primary")
		m := model{zevenettest.New("a1", "b2", rapid.SampledFrom(nodes).Draw(t, "master"), primary)}
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
		if rapid.Bool().Draw(t, "update before") { // somebody updated one node, or both, properly
			for _, n := range nodes {
				if rapid.Bool().Draw(t, n) {
					m.Nodes[n].Version, m.Nodes[n].Config = zevenettest.NewVersion, "new"
				}
			}
			master := m.Nodes[m.Master]
			if master.Version == zevenettest.OldVersion && m.Nodes[master.Peer].Version == zevenettest.NewVersion {
				master.Replicates = false
			}
		}
		own.Reboot = rapid.SampledFrom([]string{arguments.RebootNever, arguments.RebootIfNeeded}).Draw(t, "reboot")
		if own.Switchover == "restart" && primary != "disabled" {
			own.Reboot = arguments.RebootNever // refused
		}
		cfg.Own = own.Own()
		for _, n := range nodes {
			m.Nodes[n].Pending, m.Nodes[n].Brings = rapid.Bool().Draw(t, n+" waits for a reboot"), rapid.Bool().Draw(t, n+" gets a kernel")
		}
		if rapid.Bool().Draw(t, "offline") {
			cfg.Package = &config.Package{Offline: zevenettest.ImageName}
		}
		var recorded state.Cluster
		cuts := rapid.IntRange(0, 4).Draw(t, "cuts")
		for round := 0; ; round++ {
			d := Provider{}.Decide(m.situation(cfg, recorded))
			if len(d.Refusals) > 0 {
				t.Fatalf("round %d: refused: %v", round, d.Refusals)
			}
			if len(d.Actions) == 0 {
				break
			}
			if round > cuts {
				t.Fatalf("round %d: there is still something to do: %s", round, ids(d.Actions))
			}
			checkPlan(t, cfg, m, d, recorded)
			cut, half := -1, 0
			if round < cuts {
				cut, half = rapid.IntRange(0, len(d.Actions)-1).Draw(t, "cut"), rapid.IntRange(0, 6).Draw(t, "half")
			}
			recorded.Run, recorded.Outcome, recorded.Master = fmt.Sprint(round), state.OutcomeRunning, d.Cluster.Master
			if err := m.carryOut(d.Actions, &recorded, recorded.Run, cut, half); err != nil {
				t.Fatalf("round %d: %v\n%s", round, err, ids(d.Actions))
			}
			if damage := m.Damage(); damage != "" {
				t.Fatalf("round %d: %s\n%s", round, damage, ids(d.Actions))
			}
			if cut < 0 {
				recorded = state.Cluster{Outcome: state.OutcomeDone}
			} else if rapid.Bool().Draw(t, "state lost") {
				recorded = state.Cluster{}
			}
		}
		for _, n := range m.Nodes {
			if n.Version != zevenettest.NewVersion || n.Config != "new" || n.Deny || n.Maintenance || n.Boosted || n.Left || n.Image || len(n.Open) > 0 || n.Replicates != (m.Master == n.Name) {
				t.Fatalf("at the end: %+v, master %s", *n, m.Master)
			}
			if n.Pending && own.Reboot == arguments.RebootIfNeeded {
				t.Fatalf("%s still waits for a reboot", n.Name)
			}
		}
		if cfg.Master != "" && m.Master != cfg.Master {
			t.Fatalf("%s is MASTER, %s was wanted", m.Master, cfg.Master)
		}
	})
}

// TestBackOut: from whatever a run leaves that was cut off before a node was
// updated, with or without its state file, the way out brings the pair to rest at
// the version that it has, and then there is nothing to undo: also where the package has
// turned an update back. Once one node is updated, or has begun to be, it is refused.
func TestBackOut(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		primary := rapid.SampledFrom([]string{"disabled", "a1", "b2"}).Draw(t, "primary")
		m := model{zevenettest.New("a1", "b2", "a1", primary)}
		cfg := &config.Cluster{
			Provider: "zevenet", Name: "edge", Version: zevenettest.NewVersion,
			Own:   arguments.Arguments{Switchover: "drain", Boost: rapid.Bool().Draw(t, "boost")}.Own(),
			Nodes: []config.Node{{Name: "a1", Address: "192.0.2.101"}, {Name: "b2", Address: "192.0.2.102"}},
		}
		if rapid.Bool().Draw(t, "offline") {
			cfg.Package = &config.Package{Offline: zevenettest.ImageName}
		}
		recorded := state.Cluster{Run: "r1", Outcome: state.OutcomeRunning}
		d := Provider{}.Decide(m.situation(cfg, state.Cluster{}))
		recorded.Master = d.Cluster.Master
		cut, half := rapid.IntRange(0, len(d.Actions)-1).Draw(t, "cut"), rapid.SampledFrom([]int{0, 1, 2, 4, 5, 6}).Draw(t, "half")
		if err := m.carryOut(d.Actions, &recorded, "r1", cut, half); err != nil {
			t.Fatal(err)
		}
		if rapid.Bool().Draw(t, "state lost") {
			recorded = state.Cluster{}
		}
		before := m.Nodes["a1"].Version
		for round := range 2 {
			d := Provider{}.Decide(towards(plan.Rest, m.situation(cfg, recorded)))
			if before != m.Nodes["b2"].Version || m.Nodes["a1"].Turned != "" || m.Nodes["a1"].Half+m.Nodes["b2"].Half != "" {
				if len(d.Refusals) != 1 || d.Refusals[0].Check != "back-out" {
					t.Fatalf("half-way: %+v %s", d.Refusals, ids(d.Actions))
				}
				return
			}
			if len(d.Refusals) > 0 || round > 0 && len(d.Actions) > 0 {
				t.Fatalf("round %d: %+v %s", round, d.Refusals, ids(d.Actions))
			}
			if slices.ContainsFunc(d.Actions, func(a plan.Action) bool { return a.Kind == "update" || a.Kind == "upload" }) {
				t.Fatal(ids(d.Actions))
			}
			if err := m.carryOut(d.Actions, &recorded, "r2", -1, 0); err != nil {
				t.Fatalf("%v\n%s", err, ids(d.Actions))
			}
			recorded = state.Cluster{Outcome: state.OutcomeDone}
		}
		if damage := m.Damage(); damage != "" {
			t.Fatal(damage)
		}
		for _, n := range m.Nodes {
			if n.Version != before || n.Deny || n.Maintenance || n.Boosted || n.Left || n.Image || len(n.Open) > 0 || n.Replicates != (m.Master == n.Name) {
				t.Fatalf("at the end: %+v, master %s", *n, m.Master)
			}
		}
	})
}

func ids(actions []plan.Action) string {
	var all []string
	for _, a := range actions {
		all = append(all, a.ID)
	}
	return strings.Join(all, "\n")
}

// checkPlan holds the decision against the rules of every plan, and against a
// second decision on the same situation.
func checkPlan(t *rapid.T, cfg *config.Cluster, m model, d plan.Decision, recorded state.Cluster) {
	in := plan.Input{
		Config: &config.Config{Clusters: []*config.Cluster{cfg}}, Version: "test",
		Images:    map[string]*plan.Image{cfg.Name: imageOf(cfg)},
		Observed:  plan.Observed{cfg.Name: m.situation(cfg, recorded).Nodes},
		Providers: map[string]plan.Provider{"zevenet": Provider{}},
		Recorded:  &state.State{Clusters: map[string]*state.Cluster{cfg.Name: &recorded}},
	}
	one, err := plan.Build(in)
	if err != nil {
		t.Fatal(err)
	}
	two, err := plan.Build(in)
	if err != nil || one.PlanID != two.PlanID {
		t.Fatalf("the same input gives %s and %s (%v)", one.PlanID, two.PlanID, err)
	}
}

// towards is the situation of somebody who wants to go another way.
func towards(way plan.Way, s plan.Situation) plan.Situation {
	s.Way = way
	return s
}
