package zevenet

import (
	"fmt"
	"maps"
	"slices"
	"strings"
	"testing"
	"time"

	"pgregory.net/rapid"

	"zup/plan"
	"zup/plan/config"
	"zup/plan/state"
)

// model is a pair as far as planning sees it: what actions do to it and what its
// facts are then. It knows the product's ways (who pushes and pulls when, who
// preempts whom), so that a plan that would do damage does it here too.
type model struct {
	node    map[string]*modelNode
	master  string // name of the node that serves
	primary string // "disabled" or a node
	damage  string // the first thing that would have gone wrong on a real pair
}

type modelNode struct {
	name, peer  string
	version     string
	config      string // "old" format or "new", migrated
	maintenance bool
	replicates  bool
	deny        bool // its hosts.deny keeps the peer out
	boosted     bool
	open        map[string]bool
	left        bool
}

const (
	oldVersion = "6.1.19"
	newVersion = "6.1.20"
)

func newModel(master, primary string) *model {
	m := &model{node: map[string]*modelNode{}, master: master, primary: primary}
	for _, n := range [][2]string{{"a1", "b2"}, {"b2", "a1"}} {
		m.node[n[0]] = &modelNode{name: n[0], peer: n[1], version: oldVersion, config: "old", replicates: n[0] == master, open: map[string]bool{}}
	}
	return m
}

func (m *model) hurt(format string, args ...any) {
	if m.damage == "" {
		m.damage = fmt.Sprintf(format, args...)
	}
}

// facts are what the facts script would print.
func (m *model) facts(name string) map[string]string {
	n, peer := m.node[name], m.node[m.node[name].peer]
	f := map[string]string{
		"audit": "clean", "clustered": "yes", "deadratio": "1", "digest": n.config, "disk": "/=4000000", "farms": "192.0.2.10:80",
		"holds": "none", "hosts_allow": "absent", "hosts_deny": "absent", "hostname": name, "images": "none", "interface": "eth0",
		"jobs": "none", "keepalived": "1", "libwrap": "yes", "licence": "valid until X", "lock": "free", "offer": newVersion, "room": "enough",
		"nodes": "a1=192.0.2.1 b2=192.0.2.2", "own_address": map[string]string{"a1": "192.0.2.1", "b2": "192.0.2.2"}[name],
		"package": "ii " + n.version, "version": n.version, "primary": m.primary, "priority_lines": "1", "product": "yes", "reboot": "none",
		"skew": "0", "status": "ok", "uid": "0", "updater": "install", "vips": "192.0.2.10",
		"deny": word(n.deny, "present", "none"), "maintenance": word(n.maintenance, "yes", "no"), "left": word(n.left, "yes", "no"),
		"replication": word(n.replicates, "running", "off"), "peer_ssh": word(peer.deny, "refused", "ok "+peer.name),
		"priority": word(n.boosted, "254", word(m.primary == name, "120", "50")), "open": "none",
	}
	if open := slices.Sorted(maps.Keys(n.open)); len(open) > 0 {
		f["open"] = strings.Join(open, " ")
	}
	switch {
	case m.master == name:
		f["role"], f["vrrp"], f["arp"] = "master", "MASTER", "open"
	case n.maintenance:
		f["role"], f["vrrp"], f["arp"] = "maintenance", "FAULT", "blocked"
	default:
		f["role"], f["vrrp"], f["arp"] = "backup", "BACKUP", "blocked"
	}
	return f
}

func word(b bool, yes, no string) string {
	if b {
		return yes
	}
	return no
}

// becomesMaster moves the role: the product starts the replicator there, whose
// first act is a full push.
func (m *model) becomesMaster(name string) {
	n := m.node[name]
	peer := m.node[n.peer]
	m.master, peer.replicates, n.replicates = name, false, true
	m.push(name)
}

// push copies the configuration to the peer, unless the peer keeps it out.
func (m *model) push(name string) {
	n := m.node[name]
	peer := m.node[n.peer]
	if peer.deny {
		return
	}
	if peer.config == "new" && n.config == "old" {
		m.hurt("%s overwrote the migrated configuration of %s", name, peer.name)
	}
	peer.config = n.config
}

// settle lets time pass: a primary that is fit takes the role back.
func (m *model) settle() {
	if p := m.node[m.primary]; p != nil && !p.maintenance && m.master != p.name {
		m.becomesMaster(p.name)
	}
}

// do is what an action does to a real pair.
func (m *model) do(a *plan.Action) {
	n := m.node[a.Node]
	if n == nil || a.Primitive != plan.Script {
		return
	}
	peer := m.node[n.peer]
	n.left = true
	switch a.Kind {
	case "refresh", "announce":
	case "stop-replication":
		n.replicates = false
	case "start-replication":
		n.replicates = true
		m.push(n.name)
	case "block":
		n.deny, n.open["hosts.deny"] = true, true
	case "unblock":
		n.deny = false
		delete(n.open, "hosts.deny")
	case "update":
		m.update(n, peer)
	case "boost":
		n.boosted, n.open["boost"] = true, true
	case "unboost":
		n.boosted = false
		delete(n.open, "boost")
	case "drain", "hold":
		m.maintain(n, peer)
	case "rejoin":
		m.rejoin(n, peer)
	case "sync", "sync-first":
		m.push(n.name)
	case "tidy":
		if len(n.open) > 0 {
			m.hurt("tidied %s with %v open", n.name, n.open)
		}
		n.left = false
	default:
		panic("the model does not know " + a.Kind)
	}
}

func (m *model) update(n, peer *modelNode) {
	if m.master != n.name && m.master != peer.name {
		m.hurt("%s updated while nobody served", n.name)
	}
	if peer.replicates && peer.version == oldVersion {
		m.hurt("%s updated while %s replicates an old configuration to it", n.name, peer.name)
	}
	wasMaster := m.master == n.name
	if wasMaster && (peer.maintenance || peer.version == oldVersion) {
		m.hurt("%s updated as MASTER while %s could not take over", n.name, peer.name)
	}
	if wasMaster {
		m.becomesMaster(peer.name)
	}
	n.version, n.config, n.boosted = newVersion, "new", false
	if m.master == peer.name && !peer.deny { // the service's start asks MASTER to push
		m.push(peer.name)
	}
	m.settle()
}

func (m *model) maintain(n, peer *modelNode) {
	n.maintenance, n.open["maintenance"] = true, true
	if m.master != n.name {
		return
	}
	if peer.maintenance {
		m.hurt("both nodes in maintenance")
		return
	}
	m.becomesMaster(peer.name)
}

func (m *model) rejoin(n, peer *modelNode) {
	n.maintenance = false
	delete(n.open, "maintenance")
	if m.master == peer.name && !n.deny && !peer.deny {
		m.push(peer.name)
	}
	m.settle()
}

// situation is what a plan is made from.
func (m *model) situation(cfg *config.Cluster, recorded state.Cluster) plan.Situation {
	s := plan.Situation{Config: cfg, Recorded: recorded}
	for i := range cfg.Nodes {
		s.Nodes = append(s.Nodes, plan.ObservedNode{Name: cfg.Nodes[i].Name, Facts: m.facts(cfg.Nodes[i].Name)})
	}
	return s
}

// failing returns the first condition that does not hold.
func (m *model) failing(conditions []plan.Condition, recorded map[string]string) string {
	for _, c := range conditions {
		holds, want, seen := c.Holds(
			func(node, fact string) (string, bool) { v, ok := m.facts(node)[fact]; return v, ok },
			func(node, fact string) (string, bool) { v, ok := recorded[node+"/"+fact]; return v, ok })
		if !holds {
			return fmt.Sprintf("%s of %s is %q, wanted %s", c.Fact, c.Node, seen, want)
		}
	}
	return ""
}

// carryOut runs actions on the model the way apply would, up to the action at
// index cut, which is left as half says: not begun, begun without an effect, or
// done without anybody having noted it.
func (m *model) carryOut(actions []plan.Action, recorded *state.Cluster, run string, cut, half int) error {
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
		if i == cut && half == 1 {
			return nil
		}
		serving := m.master
		m.do(a)
		if a.Out && a.Node == serving && m.master == serving && a.Kind != "update" {
			return fmt.Errorf("%s took %s out, and nobody took over", a.ID, a.Node)
		}
		if bad := m.failing(a.Check, recorded.Recorded); bad != "" {
			return fmt.Errorf("%s is not proven: %s", a.ID, bad)
		}
		if bad := m.failing(a.Until, recorded.Recorded); bad != "" {
			return fmt.Errorf("%s waits for ever: %s", a.ID, bad)
		}
		if i == cut {
			return nil
		}
		recorded.Open = slices.DeleteFunc(recorded.Open, func(o state.Change) bool { return slices.Contains(a.Closes, o.Name) })
		for _, f := range a.Record {
			recorded.Recorded[f.Node+"/"+f.Fact] = m.facts(f.Node)[f.Fact]
		}
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
		m := newModel(rapid.SampledFrom(nodes).Draw(t, "master"), primary)
		cfg := &config.Cluster{
			Provider: "zevenet", Name: "edge", Version: newVersion,
			Switchover: rapid.SampledFrom([]string{"drain", "restart"}).Draw(t, "switchover"),
			Master:     rapid.SampledFrom([]string{"", "a1", "b2"}).Draw(t, "wanted"),
			Nodes:      []config.Node{{Name: "a1", Address: "192.0.2.101"}, {Name: "b2", Address: "192.0.2.102"}},
		}
		cfg.Boost = cfg.Switchover == "drain" && rapid.Bool().Draw(t, "boost")
		if primary != "disabled" && cfg.Master != "" {
			cfg.Master = primary
		}
		if rapid.Bool().Draw(t, "update before") { // somebody updated one node, or both, properly
			for _, n := range nodes {
				if rapid.Bool().Draw(t, n) {
					m.node[n].version, m.node[n].config = newVersion, "new"
				}
			}
			if peer := m.node[m.master].peer; m.node[m.master].version == oldVersion && m.node[peer].version == newVersion {
				m.node[m.master].replicates = false
			}
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
				cut, half = rapid.IntRange(0, len(d.Actions)-1).Draw(t, "cut"), rapid.IntRange(0, 2).Draw(t, "half")
			}
			recorded.Run, recorded.Outcome, recorded.Master = fmt.Sprint(round), state.OutcomeRunning, d.Cluster.Master
			if err := m.carryOut(d.Actions, &recorded, recorded.Run, cut, half); err != nil {
				t.Fatalf("round %d: %v\n%s", round, err, ids(d.Actions))
			}
			if m.damage != "" {
				t.Fatalf("round %d: %s\n%s", round, m.damage, ids(d.Actions))
			}
			if cut < 0 {
				recorded = state.Cluster{Outcome: state.OutcomeDone}
			} else if rapid.Bool().Draw(t, "state lost") {
				recorded = state.Cluster{}
			}
		}
		for _, n := range m.node {
			if n.version != newVersion || n.config != "new" || n.deny || n.maintenance || n.boosted || n.left || len(n.open) > 0 || n.replicates != (m.master == n.name) {
				t.Fatalf("at the end: %+v, master %s", *n, m.master)
			}
		}
		if cfg.Master != "" && m.master != cfg.Master {
			t.Fatalf("%s is MASTER, %s was wanted", m.master, cfg.Master)
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
func checkPlan(t *rapid.T, cfg *config.Cluster, m *model, d plan.Decision, recorded state.Cluster) {
	in := plan.Input{
		Config: &config.Config{Clusters: []*config.Cluster{cfg}}, Version: "test",
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
