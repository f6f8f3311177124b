package apply

import (
	"context"
	"fmt"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"zup/plan"
	"zup/plan/state"
)

// nodes are two nodes with jobs that outlive zup: a job that was begun sets a fact
// when it ends, whether somebody follows it or not.
type nodes struct {
	t     *testing.T
	mu    sync.Mutex
	facts map[string]map[string]string
	jobs  map[string]*keptJob
	ran   map[string]int // scripts, by how often
	local map[string]int // commands, by how often

	cut func(moment, id string) // called at each moment at which zup may be killed
}

type keptJob struct {
	script string
	ended  bool
	died   bool
}

func newNodes(t *testing.T) *nodes {
	return &nodes{
		t: t, jobs: map[string]*keptJob{}, ran: map[string]int{}, local: map[string]int{},
		facts: map[string]map[string]string{"a1": {"x": "0"}, "a2": {"x": "0"}},
		cut:   func(string, string) {},
	}
}

// copy is what is there when zup is killed now.
func (n *nodes) copy() *nodes {
	c := newNodes(n.t)
	for name, f := range n.facts {
		c.facts[name] = maps.Clone(f)
	}
	for id, j := range n.jobs {
		kept := *j
		c.jobs[id] = &kept
	}
	c.ran, c.local = maps.Clone(n.ran), maps.Clone(n.local)
	return c
}

// remote is a connection to one of them.
type remote struct {
	n    *nodes
	name string
}

func (r remote) Run(_ context.Context, script string, args ...string) ([]byte, int, error) {
	r.n.mu.Lock()
	defer r.n.mu.Unlock()
	if script != factsScript {
		r.n.set(script)
		return nil, 0, nil
	}
	var b strings.Builder
	for _, name := range args {
		value := r.n.facts[r.name][name]
		if value == "" {
			value = "unknown"
		}
		fmt.Fprintf(&b, "%s=%s\n", name, value)
	}
	return []byte(b.String() + "end\n"), 0, nil
}

// set carries out a script: "node fact value".
func (n *nodes) set(script string) {
	n.ran[script]++
	w := strings.Fields(script)
	n.facts[w[0]][w[1]] = w[2]
}

func (r remote) Job(_ context.Context, job Job) (int, error) {
	r.n.cut("not started", job.ID)
	r.n.mu.Lock()
	j := r.n.jobs[job.ID]
	if j == nil {
		j = &keptJob{script: job.Script}
		r.n.jobs[job.ID] = j
	}
	r.n.mu.Unlock()
	r.n.cut("running", job.ID)
	r.n.mu.Lock()
	if !j.ended {
		j.ended = true
		r.n.set(j.script)
	}
	r.n.mu.Unlock()
	r.n.cut("ended", job.ID)
	if strings.HasSuffix(job.Script, "fails") {
		return 3, nil
	}
	return 0, nil
}

func (r remote) JobState(_ context.Context, id string) (JobState, error) {
	r.n.mu.Lock()
	defer r.n.mu.Unlock()
	switch j := r.n.jobs[id]; {
	case j == nil:
		return JobNeverStarted, nil
	case j.died:
		return JobDied, nil
	case j.ended:
		return JobEnded, nil
	}
	return JobRunning, nil
}

// command takes a snapshot or lists what there is.
func (n *nodes) command(_ context.Context, c Command, output func([]byte)) (int, error) {
	argv := c.Argv
	if argv[0] == "list" {
		n.mu.Lock()
		defer n.mu.Unlock()
		for name := range n.local {
			output([]byte(name + "\n"))
		}
		return 0, nil
	}
	n.cut("command not started", argv[1])
	n.mu.Lock()
	n.local[argv[1]]++
	n.mu.Unlock()
	n.cut("command ended", argv[1])
	return 0, nil
}

func (n *nodes) options(t *testing.T, dir string) Options {
	t.Helper()
	store, err := state.Open(t.Context(), filepath.Join(dir, "zup.state.json"), 0, state.Holder{PID: os.Getpid()})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { store.Close() })
	return Options{
		Dial: func(_ context.Context, _ *plan.Cluster, node *plan.Node) (Host, error) {
			return remote{n, node.Name}, nil
		},
		Local: n.command, Store: store, RunID: "r1", Dir: filepath.Join(dir, "run"), Version: "test", Poll: time.Millisecond,
	}
}

// resumable is a plan of everything that can be cut off.
func resumable() *plan.Plan {
	is := func(node, fact, value string) []plan.Condition {
		return []plan.Condition{{Node: node, Fact: fact, Is: []string{value}}}
	}
	script := func(id, node, fact, value string) plan.Action {
		return plan.Action{
			ID: id, Node: node, Kind: "k", Title: id, Primitive: plan.Script, Detached: true, TimeoutS: 10,
			Script: node + " " + fact + " " + value, Check: is(node, fact, value),
		}
	}
	snapshot := plan.Action{
		ID: "a.a1.snapshot", Node: "a1", Kind: "snapshot", Primitive: plan.Local, Keeps: "zup-1.0-00000001", TimeoutS: 10,
		Argv: []string{"take", "zup-1.0-00000001"}, Proof: []plan.Proof{{Argv: []string{"list"}, Word: "zup-1.0-00000001"}},
	}
	remember := plan.Action{
		ID: "a.gate", Kind: "k", Primitive: plan.Gate, Until: is("a1", "x", "0"), TimeoutS: 10,
		Record: []plan.Fact{{Fact: "x", Node: "a1"}},
	}
	open := script("a.a1.open", "a1", "deny", "present")
	open.Opens = []string{"a1/deny"}
	update := script("a.a2.update", "a2", "x", "1")
	update.Requires = slices.Concat(is("a1", "deny", "present"), is("a2", "x", "0")) // which does not hold any more once it has begun
	same := plan.Action{
		ID: "a.same", Kind: "k", Primitive: plan.Gate, TimeoutS: 10,
		Until: []plan.Condition{{Node: "a1", Fact: "x", SameAs: plan.Recorded}},
	}
	closing := script("a.a1.close", "a1", "deny", "none")
	closing.Closes = []string{"a1/deny"}
	tidy := script("a.a1.tidy", "a1", "left", "no")
	tidy.Detached = false // may be run any number of times
	return planOf([]plan.Cluster{cluster("a")}, snapshot, remember, open, update, same, closing, tidy)
}

// From wherever zup was killed, the run is resumed to its end, and nothing that
// changes a node is done twice.
func TestResumeFromEveryCut(t *testing.T) {
	type cut struct {
		name string
		dir  string
		left *nodes
	}
	var cuts []cut
	dir := t.TempDir()
	whole := newNodes(t)
	kill := func(moment, id string) {
		whole.mu.Lock()
		defer whole.mu.Unlock()
		c := cut{moment + " " + id, filepath.Join(t.TempDir(), "copy"), whole.copy()}
		if err := os.CopyFS(c.dir, os.DirFS(dir)); err != nil {
			t.Fatal(err)
		}
		cuts = append(cuts, c)
	}
	whole.cut = kill
	o := whole.options(t, dir)
	o.Events = func(e Event) {
		if e.Kind == ActionDone || e.Kind == ActionBegin {
			kill(string(e.Kind), e.Action)
		}
	}
	if _, err := Run(t.Context(), resumable(), o); err != nil {
		t.Fatal(err)
	}
	if len(cuts) < 20 {
		t.Fatalf("only %d cuts", len(cuts))
	}
	for _, c := range cuts {
		t.Run(c.name, func(t *testing.T) {
			o := c.left.options(t, c.dir)
			o.Resume = true
			r, err := Run(t.Context(), resumable(), o)
			if err != nil {
				t.Fatalf("%v\n%+v", err, r.Clusters[0].Stop)
			}
			for script, times := range c.left.ran {
				if times != 1 && script != "a1 left no" {
					t.Errorf("%q was carried out %d times", script, times)
				}
			}
			if len(c.left.ran) != 4 || c.left.local["zup-1.0-00000001"] != 1 {
				t.Errorf("carried out: %v, %v", c.left.ran, c.left.local)
			}
			known := o.Store.State().Cluster("a")
			if known.Outcome != state.OutcomeDone || len(known.Open) > 0 || len(known.Snapshots) != 1 || known.Snapshots[0].Begun {
				t.Errorf("%+v", known)
			}
			if applied := o.Store.State().Applied; len(applied) != 1 || applied[0].Outcome != state.OutcomeDone {
				t.Errorf("%+v", applied)
			}
			if entries, cut, err := state.ReadJournal(filepath.Join(c.dir, "run", "journal.jsonl")); err != nil || cut || entries[len(entries)-1].Event != state.RunEnd {
				t.Errorf("%v %v %v", entries, cut, err)
			}
		})
	}
}

// stoppedAt carries the plan out up to an action whose job is left as it is there.
func stoppedAt(t *testing.T, id string, leave func(n *nodes, job *keptJob)) (*nodes, string) {
	t.Helper()
	n, dir, copied := newNodes(t), t.TempDir(), filepath.Join(t.TempDir(), "copy")
	var left *nodes
	n.cut = func(moment, job string) {
		if moment == "running" && job == "r1."+id {
			left = n.copy()
			leave(left, left.jobs[job])
			if err := os.CopyFS(copied, os.DirFS(dir)); err != nil {
				t.Fatal(err)
			}
		}
	}
	if _, err := Run(t.Context(), resumable(), n.options(t, dir)); err != nil {
		t.Fatal(err)
	}
	return left, copied
}

// A run is not resumed on a guess.
func TestResumeRefuses(t *testing.T) {
	for name, tt := range map[string]struct {
		at    string
		leave func(*nodes, *keptJob)
		kind  StopKind
		why   string
		again bool // resuming may help, once that is gone
	}{
		"a job that died":             {"a.a2.update", func(_ *nodes, j *keptJob) { j.died = true }, StopFailed, "nobody knows how far it got", false},
		"something that was undone":   {"a.a2.update", func(n *nodes, _ *keptJob) { n.facts["a1"]["deny"] = "none" }, StopRule, "what this run had done does not hold any more", false},
		"an edit that would be lost":  {"a.a2.update", func(n *nodes, _ *keptJob) { n.facts["a1"]["x"] = "edited" }, StopFailed, "not everything is as it must be", true},
		"a result that is not proven": {"a.a1.close", func(n *nodes, j *keptJob) { j.script, j.ended = "a1 y z", true }, StopFailed, "not everything was as it must be", true},
	} {
		t.Run(name, func(t *testing.T) {
			left, dir := stoppedAt(t, tt.at, tt.leave)
			o := left.options(t, dir)
			o.Resume = true
			r, err := Run(t.Context(), resumable(), o)
			s := r.Clusters[0].Stop
			if err == nil || s == nil || s.Kind != tt.kind || !strings.Contains(s.Why, tt.why) {
				t.Fatalf("%v %+v", err, s)
			}
			if got := r.Clusters[0].Resumable(resumable()); got != tt.again {
				t.Errorf("it says that it can be resumed: %t", got)
			}
			if o.Store.State().Cluster("a").Outcome != state.OutcomeStopped {
				t.Error(o.Store.State().Cluster("a").Outcome)
			}
		})
	}
}

// A journal whose last line was cut off is continued behind the line before.
func TestResumeCutJournal(t *testing.T) {
	left, dir := stoppedAt(t, "a.a2.update", func(*nodes, *keptJob) {})
	path := filepath.Join(dir, "run", "journal.jsonl")
	f, err := os.OpenFile(path, os.O_WRONLY|os.O_APPEND, 0)
	if err != nil {
		t.Fatal(err)
	}
	f.WriteString(`{"action":"a.a2.upd`)
	f.Close()
	o := left.options(t, dir)
	o.Resume = true
	if _, err := Run(t.Context(), resumable(), o); err != nil {
		t.Fatal(err)
	}
	if _, cut, err := state.ReadJournal(path); cut || err != nil {
		t.Errorf("%v %v", cut, err)
	}
}

// What a stopped run says of resuming is what resuming does.
func TestResumable(t *testing.T) {
	p := &plan.Plan{Actions: []plan.Action{
		{ID: "script", Primitive: plan.Script, Detached: true},
		{ID: "wait", Primitive: plan.Wait},
		{ID: "command", Primitive: plan.Local, Argv: []string{"snap"}},
		{ID: "look", Primitive: plan.Local},
	}}
	seen := []Mismatch{{Fact: "role"}}
	for _, tt := range []struct {
		stop       Stop
		outcome    string
		transcript string
		want       bool
	}{
		{Stop{Action: "script", Kind: StopFailed}, ActionHasFail, "it", false},            // its end is judged once
		{Stop{Action: "script", Kind: StopFailed, Seen: seen}, ActionHasFail, "it", true}, // its check is made again
		{Stop{Action: "script", Kind: StopRule, Seen: seen}, ActionHasFail, "", true},     // it was not begun
		{Stop{Action: "script", Kind: StopRule, Seen: seen}, ActionSkipped, "", false},    // what was done before does not hold
		{Stop{Action: "script", Kind: StopFailed, Undo: "was undone"}, ActionHasFail, "it", false},
		{Stop{Action: "script", Kind: StopFailed, Spent: true}, ActionHasFail, "", false},
		{Stop{Action: "script", Kind: StopFailed, Running: "job"}, ActionHasFail, "it", true},
		{Stop{Action: "script", Kind: StopAsked}, ActionSkipped, "", true},
		{Stop{Action: "script", Kind: StopBudget}, ActionSkipped, "", true},
		{Stop{Action: "wait", Kind: StopFailed, Seen: seen}, ActionHasFail, "", true},
		{Stop{Action: "command", Kind: StopFailed}, ActionHasFail, "it", false},
		{Stop{Action: "look", Kind: StopRule}, ActionHasFail, "it", true},
		{Stop{Action: "gone", Kind: StopRule}, ActionHasFail, "", false},
	} {
		c := &ClusterReport{Stop: &tt.stop, Actions: []ActionReport{{ID: tt.stop.Action, Outcome: tt.outcome, Transcript: tt.transcript}}}
		if got := c.Resumable(p); got != tt.want {
			t.Errorf("%+v, %s, transcript %q: resumable is %t", tt.stop, tt.outcome, tt.transcript, got)
		}
	}
}
