package zevenet

import (
	"bytes"
	"flag"
	"fmt"
	"maps"
	"math/rand/v2"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"pgregory.net/rapid"

	"zup/plan"
	"zup/plan/config"
	"zup/plan/state"
	"zup/providers/zevenet/arguments"
	"zup/providers/zevenet/zevenettest"
)

// TestProperties holds what zup promises of its plans against generated cases. A case
// is a cluster, its configuration, what somebody did to it before, and a run that is
// cut off up to four times anywhere; after each cut the state file may be lost. The
// actions of a plan are carried out in any order that their After allows. Then
//
//	rest     the next plan that is not cut off ends at rest: the wanted version, the
//	         wanted MASTER, nothing open, nothing damaged on the way
//	one out  no plan takes both nodes out at once
//	closed   what an action of a plan opens, an action that comes after it closes
//	bytes    the same input gives the same bytes
//	empty    at rest there is nothing to plan, with the state file and without it
//
// -rapid.checks says how many cases: docs/reliability.md has the figures of the last
// large run.
func TestProperties(t *testing.T) {
	if f := flag.Lookup("rapid.checks"); f.Value.String() == f.DefValue {
		defer f.Value.Set(f.DefValue)
		f.Value.Set("600")
		if testing.Short() {
			f.Value.Set("150")
		}
	}
	began := time.Now()
	seen := counts{}
	rapid.Check(t, func(t *rapid.T) {
		c := newCase(t, &seen)
		c.run()
	})
	t.Logf("%d cases in %s\n%s", seen.of["cases"], time.Since(began).Round(time.Second), &seen)
	for _, name := range []string{
		"drain", "restart", "boost", "weights on tracked links", "failback disabled", "failback to a1", "failback to b2", "reboot if needed", "snapshot",
		"snapshot deleted at once", "offline", "single node", "back out", "way back", "state lost", "cut",
		"update ended with its node", "update turned back", "updated before", "back out refused half-way", "back out refused in the middle",
	} {
		if seen.of[name] == 0 && seen.of["cases"] >= 600 {
			t.Errorf("no case had: %s", name)
		}
	}
}

// counts says what the cases were made of.
type counts struct {
	mu sync.Mutex
	of map[string]int
}

func (c *counts) add(name string, n int) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.of == nil {
		c.of = map[string]int{}
	}
	c.of[name] += n
}

func (c *counts) String() string {
	var b strings.Builder
	for _, name := range slices.Sorted(maps.Keys(c.of)) {
		fmt.Fprintf(&b, "%9d %s\n", c.of[name], name)
	}
	return b.String()
}

// Intents are the plans that an operator can ask for.
const (
	goOn    = "update"
	backOut = "back out"
	goBack  = "way back"
)

// aCase is one case.
type aCase struct {
	own arguments.Arguments // of cfg
	*rapid.T
	model
	cfg      *config.Cluster
	seen     *counts
	recorded state.Cluster
	master   string // before anything was done
	serial   int64
}

func (c *aCase) pick(name string, all ...string) string {
	v := rapid.SampledFrom(all).Draw(c.T, name)
	return v
}

func (c *aCase) flip(name string) bool { return rapid.Bool().Draw(c.T, name) }

// one in n cases.
func (c *aCase) one(n int, name string) bool { return rapid.IntRange(1, n).Draw(c.T, name) == 1 }

func newCase(t *rapid.T, seen *counts) *aCase {
	c := &aCase{T: t, seen: seen}
	seen.add("cases", 1)
	alone := c.one(8, "single node")
	primary := "disabled"
	if !alone {
		primary = c.pick("primary", "disabled", "a1", "b2")
	}
	c.model = model{zevenettest.New("a1", "b2", c.pick("master", "a1", "b2"), primary)}
	c.cfg = &config.Cluster{
		Provider: "zevenet", Name: "edge", Version: zevenettest.NewVersion,
		Nodes: []config.Node{{Name: "a1", Address: "192.0.2.101"}, {Name: "b2", Address: "192.0.2.102"}},
	}
	c.own = arguments.Arguments{
		Switchover: c.pick("switchover", "drain", "restart"), Reboot: c.pick("reboot", arguments.RebootNever, arguments.RebootIfNeeded),
	}
	if c.flip("second node first") {
		slices.Reverse(c.cfg.Nodes)
	}
	if c.Alone = alone; alone {
		c.Master = "a1"
		c.cfg.Nodes = []config.Node{{Name: "a1", Address: "192.0.2.101"}}
		c.own.Switchover = "drain"
	} else {
		c.choosePair(primary)
	}
	c.cfg.Own = c.own.Own()
	c.chooseRest()
	c.master = c.Master
	c.note(alone, primary)
	return c
}

// choosePair draws what only a pair has.
func (c *aCase) choosePair(primary string) {
	c.Weights = c.flip("weights")
	c.own.Boost = c.own.Switchover == "drain" && c.flip("boost")
	if c.cfg.Master = c.pick("wanted", "", "a1", "b2"); c.cfg.Master != "" && primary != "disabled" {
		c.cfg.Master = primary // anything else is refused
	}
	if c.own.Switchover == "restart" && primary != "disabled" {
		c.own.Reboot = arguments.RebootNever // refused
	}
	if !c.one(3, "updated before") {
		return
	}
	for _, n := range []string{"a1", "b2"} { // properly, by somebody
		if c.flip(n + " is updated") {
			c.Nodes[n].Version, c.Nodes[n].Config = zevenettest.NewVersion, "new"
			c.seen.add("updated before", 1)
		}
	}
	if m := c.Nodes[c.Master]; m.Version == zevenettest.OldVersion && c.Nodes[m.Peer].Version == zevenettest.NewVersion {
		m.Replicates = false
	}
}

// chooseRest draws reboots, snapshots and packages.
func (c *aCase) chooseRest() {
	for _, n := range c.cfg.Nodes {
		c.Nodes[n.Name].Pending, c.Nodes[n.Name].Brings = c.flip(n.Name+" waits for a reboot"), c.flip(n.Name+" gets a kernel")
	}
	if c.flip("offline") {
		c.cfg.Package = &config.Package{Offline: zevenettest.ImageName}
	}
	if c.flip("snapshot") {
		c.cfg.Snapshot = &config.Snapshot{
			Create: config.Argv{"create", "{node}", "{name}"}, Restore: config.Argv{"restore", "{node}", "{name}"},
			Delete: config.Argv{"delete", "{node}", "{name}"},
		}
		if c.flip("list") {
			c.cfg.Snapshot.List = config.Argv{"list", "{node}"}
			c.seen.add("snapshots can be listed", 1)
		}
		if c.one(3, "deleted at once") {
			c.cfg.Snapshot.KeepFor = new(time.Duration)
		}
	}
}

// note counts what the case is made of.
func (c *aCase) note(alone bool, primary string) {
	for name, is := range map[string]bool{
		"single node": alone, c.own.Switchover: !alone, "boost": c.own.Boost, "weights on tracked links": c.Weights, "reboot if needed": c.own.Reboot == arguments.RebootIfNeeded,
		"offline": c.cfg.Package != nil, "snapshot": c.cfg.Snapshot != nil,
		"snapshot deleted at once": c.cfg.Snapshot != nil && c.cfg.Snapshot.KeepFor != nil, "wanted MASTER given": c.cfg.Master != "",
		"failback disabled": !alone && primary == "disabled", "failback to " + primary: primary != "disabled",
	} {
		if is {
			c.seen.add(name, 1)
		}
	}
}

// run plans and carries out until there is nothing to do, with cuts on the way, and
// goes another way after some of them.
func (c *aCase) run() {
	intent, cuts := goOn, rapid.IntRange(0, 4).Draw(c.T, "cuts")
	for round := 0; ; round++ {
		p := c.plan(intent)
		if p == nil { // half-way there is no way out but on
			intent = goOn
			p = c.plan(intent)
		}
		if len(p.Actions) == 0 {
			break
		}
		if round > cuts {
			c.Fatalf("round %d, %s: there is still something to do:\n%s", round, intent, ids(p.Actions))
		}
		actions := c.shuffled(p.Actions)
		cut, half := -1, 0
		if round < cuts {
			cut, half = rapid.IntRange(0, len(actions)-1).Draw(c.T, "cut"), rapid.IntRange(0, 6).Draw(c.T, "half")
			if actions[cut].Kind == "update" && half > 2 { // more of what only an update can leave
				half = 5 + half%2
			}
			c.seen.add("cut", 1)
		}
		c.carry(p, actions, cut, half)
		if half == 5 && actions[cut].Kind == "update" {
			c.seen.add("update ended with its node", 1)
		}
		if half == 6 && actions[cut].Kind == "update" {
			c.seen.add("update turned back", 1)
		}
		if cut >= 0 {
			intent = c.next(intent)
		}
		if half == 6 && intent == goOn && actions[cut].Kind == "update" && c.one(2, "out of an update turned back") {
			intent = backOut
			c.seen.add(backOut, 1)
		}
	}
	c.atRest(intent)
}

// plan makes the plan twice and looks at it; nil: it was refused, as it has to be.
func (c *aCase) plan(intent string) *plan.Plan {
	one, refused := c.build(intent)
	two, again := c.build(intent)
	if (refused == nil) != (again == nil) || refused != nil && refused.Error() != again.Error() {
		c.Fatalf("the same input is refused with %v and with %v", refused, again)
	}
	versions, half := map[string]bool{}, false
	for _, n := range c.cfg.Nodes {
		versions[c.Nodes[n.Name].Version] = true
		half = half || c.Nodes[n.Name].Half != "" || c.Nodes[n.Name].Turned != "" && (c.Alone || c.Master == n.Name)
	}
	if refused != nil {
		if intent == backOut && len(versions) == 2 && strings.Contains(refused.Error(), "nothing can be undone safely") {
			c.seen.add("back out refused half-way", 1)
			return nil
		}
		if intent == backOut && half && strings.Contains(refused.Error(), "its update did not end") {
			c.seen.add("back out refused in the middle", 1)
			return nil
		}
		if c.noWayBackAnyMore(intent, refused) { // which is its end
			return &plan.Plan{}
		}
		c.Fatalf("%s: %v", intent, refused)
	}
	if intent == backOut && (len(versions) == 2 || half) {
		c.Fatalf("backs out half-way:\n%s", ids(one.Actions))
	}
	if slices.ContainsFunc(one.Actions, func(a plan.Action) bool { return a.Kind == "repair" }) {
		c.seen.add("backed out of an update turned back", 1)
	}
	c.sameBytes(one, two)
	for _, wrong := range []string{oneOut(one), closed(one, c.recorded.Open)} {
		if wrong != "" {
			c.Fatalf("%s:\n%s", wrong, ids(one.Actions))
		}
	}
	c.seen.add("plans", 1)
	c.seen.add("actions", len(one.Actions))
	return one
}

func (c *aCase) build(intent string) (*plan.Plan, error) {
	recorded := c.recorded
	recorded.Snapshots, recorded.Open, recorded.Recorded = slices.Clone(recorded.Snapshots), slices.Clone(recorded.Open), maps.Clone(recorded.Recorded)
	cfg := *c.cfg
	return plan.Build(plan.Input{
		Config: &config.Config{Clusters: []*config.Cluster{&cfg}}, Version: "test",
		Images:    map[string]*plan.Image{cfg.Name: imageOf(&cfg)},
		Observed:  plan.Observed{cfg.Name: c.situation(&cfg, recorded).Nodes},
		Providers: map[string]plan.Provider{"zevenet": Provider{}},
		Recorded:  &state.State{Lineage: "l", Serial: c.serial, Clusters: map[string]*state.Cluster{cfg.Name: &recorded}},
		Way:       map[string]plan.Way{goBack: plan.Back, backOut: plan.Rest}[intent],
	})
}

// noWayBackAnyMore: a way back whose last actions delete the snapshots can't be planned
// again once one of them is gone.
func (c *aCase) noWayBackAnyMore(intent string, refused error) bool {
	return intent == goBack && refused != nil && c.cfg.Snapshot.KeepFor != nil && !c.mayGoBack() && strings.Contains(refused.Error(), "there is no way back")
}

func (c *aCase) sameBytes(one, two *plan.Plan) {
	var a, b bytes.Buffer
	if err := one.Encode(&a); err != nil {
		c.Fatal(err)
	}
	if err := two.Encode(&b); err != nil {
		c.Fatal(err)
	}
	if !bytes.Equal(a.Bytes(), b.Bytes()) || one.PlanID != two.PlanID {
		c.Fatalf("the same input gives\n%s\nand\n%s", &a, &b)
	}
}

// order tells which actions are done before another one begins.
func order(actions []plan.Action) map[string]map[string]bool {
	before := map[string]map[string]bool{}
	for _, a := range actions {
		all := map[string]bool{}
		for _, id := range a.After {
			all[id] = true
			maps.Copy(all, before[id])
		}
		before[a.ID] = all
	}
	return before
}

// oneOut: of two actions that take different nodes out one is over before the other
// begins, and the second one asks something of the node that was out first. It returns
// what is wrong, or "".
func oneOut(p *plan.Plan) string {
	before := order(p.Actions)
	for i := range p.Actions {
		for j := range p.Actions[:i] {
			first, second := &p.Actions[j], &p.Actions[i]
			if !first.Out || !second.Out || first.Node == second.Node {
				continue
			}
			if !before[second.ID][first.ID] {
				return fmt.Sprintf("%s and %s can run at once", first.ID, second.ID)
			}
			if !slices.ContainsFunc(second.Requires, func(q plan.Condition) bool { return q.Node == first.Node }) {
				return fmt.Sprintf("%s asks nothing of %s, which was out", second.ID, first.Node)
			}
		}
	}
	return ""
}

// closed: what is opened, or is open already, is closed by an action that comes after.
func closed(p *plan.Plan, open []state.Change) string {
	before := order(p.Actions)
	closes := func(name, after string) bool {
		return slices.ContainsFunc(p.Actions, func(a plan.Action) bool {
			return slices.Contains(a.Closes, name) && (after == "" || before[a.ID][after])
		})
	}
	for _, a := range p.Actions {
		for _, name := range a.Opens {
			if !closes(name, a.ID) {
				return fmt.Sprintf("%s opens %s, and nothing after it closes that", a.ID, name)
			}
		}
	}
	for _, o := range open {
		if !closes(o.Name, "") {
			return fmt.Sprintf("%s is open, and nothing closes it", o.Name)
		}
	}
	return ""
}

// shuffled returns the actions in some order that their After allows.
func (c *aCase) shuffled(actions []plan.Action) []plan.Action {
	r := rand.New(rand.NewPCG(rapid.Uint64().Draw(c.T, "order"), 0))
	left, done := slices.Clone(actions), map[string]bool{}
	var all []plan.Action
	for len(left) > 0 {
		var ready []int
		for i, a := range left {
			if !slices.ContainsFunc(a.After, func(id string) bool { return !done[id] }) {
				ready = append(ready, i)
			}
		}
		i := ready[r.IntN(len(ready))]
		all, done[left[i].ID] = append(all, left[i]), true
		left = slices.Delete(left, i, i+1)
	}
	return all
}

// carry carries the actions out, and keeps what apply keeps.
func (c *aCase) carry(p *plan.Plan, actions []plan.Action, cut, half int) {
	c.serial++
	run := fmt.Sprint("r", c.serial)
	c.recorded.Run, c.recorded.Outcome, c.recorded.Master = run, state.OutcomeRunning, p.Clusters[0].Master
	if err := c.carryOut(actions, &c.recorded, run, cut, half); err != nil {
		c.Fatalf("%v\n%s", err, ids(actions))
	}
	if damage := c.Damage(); damage != "" {
		c.Fatalf("cut at %d: %s\n%s", cut, damage, ids(actions))
	}
	if cut < 0 {
		if len(c.recorded.Open) > 0 {
			c.Fatalf("carried out to its end, and open: %+v", c.recorded.Open)
		}
		c.recorded = state.Cluster{Outcome: state.OutcomeDone, Snapshots: c.recorded.Snapshots}
	}
}

// next is what the operator does after a cut: goes on, out, or back, with the state
// file or without it.
func (c *aCase) next(intent string) string {
	if intent != goBack && c.one(3, "state lost") {
		c.recorded = state.Cluster{}
		c.seen.add("state lost", 1)
	}
	switch way := c.pick("next", goOn, goOn, backOut, goBack); {
	case intent != goOn:
		return intent
	case way == goBack && c.cfg.Snapshot != nil && c.mayGoBack():
		c.seen.add(goBack, 1)
		return goBack
	case way == backOut:
		c.seen.add(backOut, 1)
		return backOut
	}
	return intent
}

// mayGoBack reports whether one run has taken a snapshot of every node, before
// somebody had updated one of them, and all of them are still there.
func (c *aCase) mayGoBack() bool {
	of := map[string]int{}
	for _, s := range c.recorded.Snapshots {
		if s.Version == zevenettest.OldVersion && !s.Begun && slices.Contains(c.Snapshots(s.Node), s.Name) {
			of[s.Run]++
		}
	}
	for _, n := range of {
		if n == len(c.cfg.Nodes) {
			return c.Primary == "disabled" || c.Primary == c.master
		}
	}
	return false
}

// atRest looks at the end: at the nodes themselves, and at the next plan.
func (c *aCase) atRest(intent string) {
	for _, member := range c.cfg.Nodes {
		n := c.Nodes[member.Name]
		want := map[string]string{goOn: zevenettest.NewVersion, goBack: zevenettest.OldVersion, backOut: n.Version}[intent]
		format := map[string]string{zevenettest.NewVersion: "new", zevenettest.OldVersion: "old"}[want]
		replicates := !c.Alone && c.Master == n.Name
		if n.Version != want || n.Config != format || n.Deny || n.Maintenance || n.Boosted || n.Left || n.Image || len(n.Open) > 0 || n.Replicates != replicates && !c.Alone {
			c.Fatalf("%s ended with %+v, master %s", intent, *n, c.Master)
		}
		if n.Pending && c.own.Reboot == arguments.RebootIfNeeded && intent == goOn {
			c.Fatalf("%s still waits for a reboot", n.Name)
		}
	}
	if c.cfg.Master != "" && intent != goBack && c.Master != c.cfg.Master {
		c.Fatalf("%s is MASTER, %s was wanted", c.Master, c.cfg.Master)
	}
	c.nothingToDo(intent)
	if intent != goBack {
		c.recorded = state.Cluster{}
		c.nothingToDo(intent)
	}
}

func (c *aCase) nothingToDo(intent string) {
	p, err := c.build(intent)
	if c.noWayBackAnyMore(intent, err) {
		return
	}
	if err != nil || !p.Empty() {
		c.Fatalf("%s: at rest the next plan has %v, %v", intent, p, err)
	}
}

// The properties can fail: plans that break them are told from good ones.
func TestPropertiesTell(t *testing.T) {
	m := model{zevenettest.New("a1", "b2", "a1", "disabled")}
	cfg := &config.Cluster{
		Provider: "zevenet", Name: "edge", Version: zevenettest.NewVersion, Own: arguments.Arguments{Switchover: "drain"}.Own(),
		Nodes: []config.Node{{Name: "a1", Address: "192.0.2.101"}, {Name: "b2", Address: "192.0.2.102"}},
	}
	good := func() *plan.Plan {
		return &plan.Plan{Actions: Provider{}.Decide(m.situation(cfg, state.Cluster{})).Actions}
	}
	if wrong := oneOut(good()) + closed(good(), nil); wrong != "" {
		t.Fatal(wrong)
	}
	last := func(p *plan.Plan, kind string) *plan.Action {
		i := len(p.Actions) - 1
		for p.Actions[i].Kind != kind {
			i--
		}
		return &p.Actions[i]
	}
	p := good()
	last(p, "drain").After = nil
	if oneOut(p) == "" {
		t.Error("two nodes are out at once, and nothing was said")
	}
	p = good()
	u := last(p, "update")
	u.Requires = slices.DeleteFunc(u.Requires, func(q plan.Condition) bool { return q.Node != u.Node })
	if oneOut(p) == "" {
		t.Error("nobody is asked whether it serves, and nothing was said")
	}
	p = good()
	last(p, "unblock").After = nil
	if closed(p, nil) == "" {
		t.Error("a change may be closed before it is opened, and nothing was said")
	}
	p = good()
	last(p, "unblock").Closes = nil
	if closed(p, nil) == "" {
		t.Error("a change stays open, and nothing was said")
	}
	if closed(good(), []state.Change{{Name: "a1/image"}}) == "" {
		t.Error("a change of an earlier run stays open, and nothing was said")
	}
}
