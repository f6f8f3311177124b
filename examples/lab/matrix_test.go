//go:build linux

package main

import (
	"context"
	"encoding/json"
	"fmt"
	"maps"
	"math/rand/v2"
	"os"
	"slices"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"

	"zup/examples/lab/world"
)

// A cut is one way in which an update is cut off.
type cut struct {
	switchover string
	action     int     // place in the plan
	moment     string  // "before" or "during" it; "after" it, if it is the last
	part       float64 // of "during": how much of the time that the action takes without a cut
	fault      string  // what happens
	node       int     // to which node, 0 or 1
	way        string  // "resume" or "plan": how it goes on
}

func (c cut) String() string {
	when := c.moment
	if when == "during" {
		when = fmt.Sprintf("%s (%.0f %%)", when, 100*c.part)
	}
	return fmt.Sprintf("%s %d %s %s %d %s", c.switchover, c.action+1, when, c.fault, c.node+1, c.way)
}

// The faults: zup is killed with -9, every connection to a node is cut, or a node
// loses its power and gets it back.
const (
	killed  = "killed"
	cutOff  = "cut off"
	powered = "power cut"
)

// The dimensions of the matrix.
var (
	cutFaults = []struct {
		fault string
		node  int
	}{{killed, 0}, {cutOff, 0}, {cutOff, 1}, {powered, 0}, {powered, 1}}
	cutWays     = []string{"resume", "plan"}
	cutActions  = []int{25, 21} // how many actions a plan has, by switchover
	switchovers = []string{"drain", "restart"}
)

// cutsOnce is how many cases there are if every cut strikes once before, in and after
// every action.
const cutsOnce = (25 + 26 + 21 + 22) * 5

// allCuts is the whole matrix. The first cutsOnce cases are every cut of every action,
// half of them ended the one way and half the other; as many after them are the same cuts
// ended the other way; the rest strikes in every action again, at other moments, both ways.
// Any beginning of it is spread: the first 20 have every fault in and between actions of
// both switchovers, each with both ways; the first 40 have every combination of the four.
// Which action, and how far in it, the seed says.
func allCuts(seed uint64) []cut {
	rnd := rand.New(rand.NewPCG(seed, 0))
	all := spreadCuts(rnd, "between", "during")
	all = append(all, otherWay(rnd, all)...)
	again := spreadCuts(rnd, "during")
	return slices.Concat(all, again, otherWay(rnd, again))
}

// spreadCuts are the cuts of every kind in turn: what is a kind of its own here are
// the switchover, the fault with its node, and the moment.
func spreadCuts(rnd *rand.Rand, moments ...string) []cut {
	var kinds [][]cut
	for s, switchover := range switchovers {
		for _, f := range cutFaults {
			for _, moment := range moments {
				kinds = append(kinds, cutsOfAKind(rnd, cut{switchover: switchover, moment: moment, fault: f.fault, node: f.node}, cutActions[s]))
			}
		}
	}
	var all []cut
	for i := 0; i <= slices.Max(cutActions); i++ {
		for k, kind := range kinds {
			if i < len(kind) {
				turn := k/(len(kinds)/2) + k%len(moments) // both ways for each fault
				kind[i].way = cutWays[(i+turn)%2]
				all = append(all, kind[i])
			}
		}
	}
	return all
}

// otherWay are the same cuts, ended the other way and at other moments of the actions.
func otherWay(rnd *rand.Rand, cuts []cut) []cut {
	others := slices.Clone(cuts)
	for i := range others {
		others[i].way = cutWays[(slices.Index(cutWays, cuts[i].way)+1)%2]
		if cuts[i].moment == "during" {
			others[i].part = rnd.Float64()
		}
	}
	return others
}

// cutsOfAKind are the cuts at every action of so many, in a random order. Right after
// an action is right before the next one: between actions there is one cut before each,
// and one after the last.
func cutsOfAKind(rnd *rand.Rand, kind cut, actions int) []cut {
	var all []cut
	for i := range actions {
		c := kind
		c.action = i
		if c.moment == "between" {
			c.moment = "before"
		} else {
			c.part = rnd.Float64()
		}
		all = append(all, c)
	}
	if kind.moment == "between" {
		kind.action, kind.moment = actions-1, "after"
		all = append(all, kind)
	}
	rnd.Shuffle(len(all), func(i, j int) { all[i], all[j] = all[j], all[i] })
	return all
}

// ended is what became of the cuts of one kind.
type ended struct {
	cases, well, inside int
	refused             int // zup resume said that it takes a new plan
	again               int // a command had to be given again, because the node was still starting, or a job of zup ran there
	lost, sent          int
	longest             time.Duration
}

// TestCutSample shows that a short sample is spread and a long one is everything.
func TestCutSample(t *testing.T) {
	all := allCuts(1)
	for _, f := range cutFaults {
		of := func(is func(cut) bool) {
			t.Helper()
			if !slices.ContainsFunc(all[:20], func(c cut) bool { return c.fault == f.fault && c.node == f.node && is(c) }) {
				t.Error("the sample is not spread")
			}
		}
		of(func(c cut) bool { return c.moment == "during" })
		of(func(c cut) bool { return c.moment != "during" })
		for k := range 2 {
			of(func(c cut) bool { return c.way == cutWays[k] })
			of(func(c cut) bool { return c.switchover == switchovers[k] })
		}
	}
	cells, cases := map[cut]bool{}, map[cut]bool{}
	for i, c := range all {
		c.part = 0
		cases[c] = true
		c.way = ""
		cells[c] = true
		if i+1 == cutsOnce && (len(cells) != cutsOnce || len(cases) != cutsOnce) || i+1 == 2*cutsOnce && len(cases) != 2*cutsOnce {
			t.Errorf("the first %d cases are %d cuts, with the way %d", i+1, len(cells), len(cases))
		}
	}
	if want := 2*cutsOnce + (25+21)*5*2; len(all) != want || len(cells) != cutsOnce || len(cases) != 2*cutsOnce {
		t.Errorf("%d cases, %d cuts, with the way %d; want %d, %d, %d", len(all), len(cells), len(cases), want, cutsOnce, 2*cutsOnce)
	}
	if !slices.Equal(all, allCuts(1)) || slices.Equal(all, allCuts(2)) {
		t.Error("the seed does not say which")
	}
}

// TestCutMatrix cuts an update off in every way and ends it: ZUP_CUTS says which
// cases of the matrix are tried, ZUP_SEED how they are chosen. The table goes into the log.
func TestCutMatrix(t *testing.T) {
	needLab(t)
	needsTime(t)
	seed := uint64(1)
	if n, err := strconv.ParseUint(os.Getenv("ZUP_SEED"), 10, 64); err == nil {
		seed = n
	}
	all := allCuts(seed)
	cases := chosenCuts(t, all, os.Getenv("ZUP_CUTS"))
	began := time.Now()
	whole := map[string]uncut{}
	var mu sync.Mutex
	t.Run("uncut", func(t *testing.T) {
		for i, switchover := range switchovers {
			t.Run(switchover, func(t *testing.T) {
				t.Parallel()
				u := measureUncut(t, switchover, cutActions[i])
				mu.Lock()
				defer mu.Unlock()
				whole[switchover] = u
			})
		}
	})
	if t.Failed() {
		return
	}
	table := map[string]*ended{}
	t.Run("cuts", func(t *testing.T) {
		for _, c := range cases {
			t.Run(c.String(), func(t *testing.T) {
				t.Parallel()
				from := time.Now()
				e := c.try(t, whole[c.switchover])
				t.Logf("%v; %d of %d requests lost, longest gap %v", time.Since(from).Round(time.Second), e.lost, e.sent, e.longest.Round(time.Millisecond))
				mu.Lock()
				defer mu.Unlock()
				key := fmt.Sprintf("%-8s %-9s", c.switchover, c.fault)
				if table[key] == nil {
					table[key] = &ended{}
				}
				table[key].add(e, !t.Failed())
			})
		}
	})
	t.Logf("\nseed %d, %d of %d cases in %v\n%s", seed, len(cases), len(all), time.Since(began).Round(time.Second), tableOf(table))
}

// chosenCuts are the first 20, as many as are asked for, all of them, or a part:
// "20-40" are those after the 20th up to the 40th.
func chosenCuts(t *testing.T, all []cut, asked string) []cut {
	t.Helper()
	from, to := 0, 20
	first, last, part := strings.Cut(asked, "-")
	var err, err2 error
	switch {
	case asked == "all":
		to = len(all)
	case part:
		from, err = strconv.Atoi(first)
		to, err2 = strconv.Atoi(last)
	case asked != "":
		to, err = strconv.Atoi(asked)
	}
	if err != nil || err2 != nil || from < 0 || from > to {
		t.Fatalf("ZUP_CUTS=%q is neither a number, nor two with a - between them, nor all", asked)
	}
	return all[min(from, len(all)):min(to, len(all))]
}

// tableOf prints what became of the cuts. "inside" counts those that were to strike
// during an action and did.
func tableOf(table map[string]*ended) string {
	var b strings.Builder
	fmt.Fprintf(&b, "%-18s %6s %6s %6s %8s %6s %9s %6s %12s\n", "", "cases", "well", "inside", "refused", "again", "requests", "lost", "longest gap")
	for _, k := range slices.Sorted(maps.Keys(table)) {
		e := table[k]
		fmt.Fprintf(&b, "%-18s %6d %6d %6d %8d %6d %9d %6d %10.1f s\n", k, e.cases, e.well, e.inside, e.refused, e.again, e.sent, e.lost, e.longest.Seconds())
	}
	return b.String()
}

func (e *ended) add(o ended, well bool) {
	e.cases++
	if well {
		e.well++
	}
	e.inside += o.inside
	e.refused += o.refused
	e.again += o.again
	e.sent, e.lost = e.sent+o.sent, e.lost+o.lost
	e.longest = max(e.longest, o.longest)
}

// cutWorld is a pair that is as quick as it gets: hundreds of cases are tried.
var cutWorld = world.Options{Phase: 50 * time.Millisecond}

// uncut is an update that is not cut off: how long each action takes, and what it does
// to the nodes.
type uncut struct {
	took  map[string]time.Duration
	deeds map[string]int
}

func measureUncut(t *testing.T, switchover string, actions int) uncut {
	b := newBench(t, cutWorld, world.ConfigOptions{Switchover: switchover, Interval: "500ms"})
	b.wants(0, nil, "apply", "-auto-approve")
	began, took := map[string]time.Time{}, map[string]time.Duration{}
	for _, e := range b.journals() {
		switch e.Event {
		case "begin":
			began[e.Action] = e.Time
		case "done":
			took[e.Action] = e.Time.Sub(began[e.Action])
		}
	}
	if len(took) != actions {
		t.Fatalf("the plan has %d actions, the matrix is made for %d: %v", len(took), actions, took)
	}
	deeds := b.deeds()
	t.Log(deeds)
	return uncut{took, deeds}
}

// deeds is what the nodes themselves have written down since they were switched on:
// how often each of them became MASTER, went into maintenance mode, stopped its
// services, and installed the product.
func (b *bench) deeds() map[string]int {
	b.Helper()
	const count = `for role in master maintenance ''; do echo "role-$role $(grep -c "the node is now '$role'" /var/log/syslog)"; done
echo "update $(grep -c ' upgrade zevenet:' /var/log/dpkg.log)"`
	deeds := map[string]int{}
	for _, n := range b.c.Nodes {
		fields := strings.Fields(b.says(n.Name, count))
		for i := 0; i+1 < len(fields); i += 2 {
			deeds[n.Name+" "+fields[i]], _ = strconv.Atoi(fields[i+1])
		}
	}
	return deeds
}

// try cuts one update off and ends it.
func (c cut) try(t *testing.T, whole uncut) (e ended) {
	b := newBench(t, cutWorld, world.ConfigOptions{Switchover: c.switchover, Interval: "500ms"})
	b.wants(2, nil, "plan", "-detailed-exitcode", "-out", "edge.plan")
	ids := b.actionIDs("edge.plan")
	watch, err := startWatchEvery(t.Context(), b.World, 100*time.Millisecond)
	if err != nil {
		t.Fatal(err)
	}
	defer watch.stop()
	over := make(chan struct{})
	cmd := b.command(t.Context(), "apply", "edge.plan")
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	go func() {
		cmd.Wait()
		close(over)
	}()
	b.awaitCut(c, ids, time.Duration(c.part*float64(whole.took[ids[c.action]])), over)
	lost := c.strike(b, cmd)
	if c.moment == "during" && b.isAt(ids[c.action]) {
		e.inside = 1
	}
	<-over
	work := work{}
	work.jobs(b)
	b.goOn(c, &e, work)
	all, err := watch.stop()
	if err != nil {
		t.Fatal(err)
	}
	for _, r := range all {
		e.sent, e.lost = e.sent+r.Sent, e.lost+r.Lost
		if r.kind == knows {
			e.longest = max(e.longest, r.Longest)
		}
	}
	b.endsWell()
	work.once(b, c)
	if deeds := b.deeds(); c.fault != powered && !maps.Equal(deeds, whole.deeds) {
		t.Errorf("the nodes did %v, without a cut they do %v", deeds, whole.deeds)
	}
	if most := c.mostSilence(lost) + all.held(); e.longest > most {
		t.Errorf("nobody served for %v, allowed are %v", e.longest, most)
	}
	return e
}

// What a power cut takes away.
type loss int

const (
	nothing loss = iota // the node did not serve
	server              // the node served, and the other one can take over
	last                // the node served, and the other one was out of service
)

// strike is the cut itself. It returns what was taken away from those who are served.
func (c cut) strike(b *bench, cmd *world.Cmd) (lost loss) {
	b.Helper()
	node := b.c.Nodes[c.node].Name
	role := func(node string) string {
		said, _ := b.Exec(b.Context(), node, "head", "-n", "1", "/usr/local/zevenet/node_status")
		return strings.TrimSpace(said)
	}
	switch c.fault {
	case killed:
		cmd.Process.Kill()
	case cutOff:
		b.Exec(b.Context(), node, "pkill", "-9", "-f", "^sshd: root")
	case powered:
		switch other := role(b.c.Nodes[1-c.node].Name); {
		case role(node) == "backup", other == "master":
		case other == "backup":
			lost = server
		default:
			lost = last
		}
		if _, err := b.Exec(b.Context(), world.Control, world.SnapshotCommand, "reset", node); err != nil {
			b.Fatal(err)
		}
	}
	return lost
}

// mostSilence is for how long clients that know the VIP's MAC may go without an
// answer. One node serves at all times that the fault leaves one: where the one that
// serves loses its power, the other one has to notice first; where that one was out of
// service just then, the first one has to start again.
func (c cut) mostSilence(lost loss) time.Duration {
	switch {
	case lost == last:
		return 30 * time.Second
	case lost == server:
		return 12 * time.Second
	case c.switchover == "restart": // the vendor's order has a gap of its own
		return 3 * time.Second
	}
	return 2 * time.Second
}

// work is which runs have carried out an action on its node.
type work map[string]map[string]bool

func (w work) add(action, run string) {
	if w[action] == nil {
		w[action] = map[string]bool{}
	}
	w[action][run] = true
}

// jobs adds what the nodes say: every job that was started has its directory there,
// until the very end of an update. One whose input was closed, because it waited for an
// answer when nobody was there any more, has done nothing.
func (w work) jobs(b *bench) {
	b.Helper()
	for _, n := range b.c.Nodes {
		out, err := b.Exec(b.Context(), n.Name, "sh", "-c", "cd /var/lib/zup/jobs 2>/dev/null && { ls -d */started; grep -l '^close ' */answers; } 2>/dev/null || true")
		if err != nil {
			continue // it has no power just now; it will be asked again
		}
		for id := range strings.FieldsSeq(out) {
			id, file, _ := strings.Cut(id, "/")
			run, action, _ := strings.Cut(id, ".")
			if file == "answers" {
				delete(w[action], run)
			} else {
				w.add(action, run)
			}
		}
	}
}

// once asserts that no action that changes what a node is or does was carried out
// twice. What may be repeated is left out: reading the package lists, saving or
// pushing the configuration, announcing an address. Where a node lost its power, the
// product starts with what its disk has: only what is on a disk counts then, see endsWell.
func (w work) once(b *bench, c cut) {
	b.Helper()
	if c.fault == powered {
		return // a job ends with its node, and the log of dpkg says what of an update had been done
	}
	kinds := []string{"update", "block", "unblock", "drain", "rejoin", "hold", "stop-replication", "start-replication"}
	first := ""
	for _, e := range b.journals() {
		if first == "" {
			first = e.run
		}
		if e.Event == "begin" && e.run != first { // nobody cut these off
			w.add(e.Action, e.run)
		}
	}
	for action, runs := range w {
		kind := action[strings.LastIndex(action, ".")+1:]
		_, undone := w[action+".undo1"]
		if slices.Contains(kinds, kind) && len(runs) > 1 && !undone {
			told, _ := b.Exec(b.Context(), world.Control, "sh", "-c", "cd "+workDir+"/.zup/runs && grep -H . */transcripts/"+action+".txt; grep -HF '\""+action+"\"' */journal.jsonl")
			b.Errorf("%s was carried out %d times: %v\n%s", action, len(runs), slices.Sorted(maps.Keys(runs)), told)
		}
	}
}

// journalEntry is a line of a journal.
type journalEntry struct {
	run           string
	Time          time.Time
	Event, Action string
}

// journals are the journals of all runs, one after the other.
func (b *bench) journals() []journalEntry {
	b.Helper()
	out, err := b.Exec(b.Context(), world.Control, "sh", "-c", "cd "+workDir+"/.zup/runs && grep -H . */journal.jsonl")
	if err != nil {
		b.Fatal(err)
	}
	var all []journalEntry
	for line := range strings.Lines(out) {
		file, text, _ := strings.Cut(line, ":")
		e := journalEntry{run: strings.TrimSuffix(file, "/journal.jsonl")}
		if err := json.Unmarshal([]byte(text), &e); err != nil {
			continue // the last line of a journal that was cut off
		}
		all = append(all, e)
	}
	return all
}

// isAt reports whether an action has begun and is not done.
func (b *bench) isAt(action string) bool {
	at := false
	for _, e := range b.journals() {
		if e.Action == action {
			at = e.Event == "begin"
		}
	}
	return at
}

// actionIDs are the IDs of a saved plan, in order.
func (b *bench) actionIDs(file string) []string {
	b.Helper()
	_, out := b.zup("show", "-json", file)
	var p struct{ Actions []struct{ ID string } }
	if err := json.Unmarshal([]byte(out), &p); err != nil {
		b.Fatal(err)
	}
	var ids []string
	for _, a := range p.Actions {
		ids = append(ids, a.ID)
	}
	return ids
}

// awaitCut waits for the moment, or for the end of the run.
func (b *bench) awaitCut(c cut, ids []string, delay time.Duration, over <-chan struct{}) {
	b.Helper()
	id, event := ids[c.action], "begin"
	switch {
	case c.moment == "after":
		event = "done"
	case c.moment == "before" && c.action == 0:
		id, event = "", "run_begin"
	case c.moment == "before":
		id, event = ids[c.action-1], "done"
	}
	pattern := `"event":"` + event + `"`
	if id != "" {
		pattern = `"action":"` + id + `".*` + pattern
	}
	ctx, cancel := context.WithCancel(b.Context())
	defer cancel()
	go func() {
		select {
		case <-over:
			cancel()
		case <-ctx.Done():
		}
	}()
	b.Exec(ctx, world.Control, "timeout", "100", "sh", "-c", "cd "+workDir+`; until ls .zup/runs/*/journal.jsonl >/dev/null 2>&1; do sleep 0.05; done
tail -n +1 -s 0.01 -f .zup/runs/*/journal.jsonl | grep -m 1 -q '`+pattern+`'`)
	if c.moment == "during" {
		select {
		case <-over:
		case <-time.After(delay):
		}
	}
}

// goOn ends what was cut off, first the way that is tried, then with new plans.
func (b *bench) goOn(c cut, e *ended, work work) {
	b.Helper()
	b.awaitUp()
	args := []string{"apply", "-auto-approve"}
	if c.way == "resume" {
		args = []string{"resume"}
	}
	var code int
	var out string
	for range 8 {
		work.jobs(b)
		if code, out = b.zup(args...); code == 0 {
			return
		}
		b.Logf("zup %s: exit %d\n%s", args[0], code, afterPlan(out))
		switch {
		case args[0] == "apply":
			e.again = 1
		case !strings.Contains(out, "every run has ended"):
			e.refused = 1
		}
		args = []string{"apply", "-auto-approve"}
		time.Sleep(3 * time.Second) // roles move, services start
	}
	b.Fatalf("it does not end; the last one exited with %d:\n%s\n%s", code, out, b.afterwards())
}

// afterwards is what the nodes have to say when something went wrong.
func (b *bench) afterwards() string {
	const look = `head /usr/local/zevenet/node_status; grep -h ' State = \|riority = ' /tmp/keepalived.data; cat /etc/keepalived/keepalived.conf
ip -br addr; nft list ruleset; ps axfww -o pid,lstart,args; tail -n 80 /var/log/syslog`
	var all strings.Builder
	for _, n := range b.c.Nodes {
		out, err := b.Exec(context.WithoutCancel(b.Context()), n.Name, "sh", "-c", look)
		fmt.Fprintf(&all, "== %s: %v\n%s", n.Name, err, out)
	}
	return all.String()
}

// awaitUp waits until both nodes run.
func (b *bench) awaitUp() {
	b.Helper()
	for deadline := time.Now().Add(60 * time.Second); ; time.Sleep(200 * time.Millisecond) {
		up := 0
		for _, n := range b.c.Nodes {
			if s, err := b.Inspect(b.Context(), n.Name); err == nil && (s.Role == "master" || s.Role == "backup" || s.Role == "maintenance") {
				up++
			}
		}
		if up == len(b.c.Nodes) {
			return
		}
		if time.Now().After(deadline) {
			b.Fatal("a node does not come back")
		}
	}
}

// endsWell asserts that the pair is at rest with the version, and that nothing was
// installed twice.
func (b *bench) endsWell() {
	b.Helper()
	master := ""
	for name, s := range b.inspect() {
		if s.Role == "master" {
			master = name
		}
	}
	b.atRest(master)
	for _, n := range b.c.Nodes {
		out, err := b.Exec(b.Context(), n.Name, "sh", "-c", "grep -c ' upgrade zevenet:' /var/log/dpkg.log || true")
		if times := strings.TrimSpace(out); err != nil || times != "1" {
			b.Errorf("%s was updated %s times (%v)", n.Name, times, err)
		}
	}
}
