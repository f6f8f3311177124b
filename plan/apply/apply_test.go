package apply

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"zup/plan"
	"zup/plan/state"
)

// world is a set of nodes with facts. Scripts are words that change them: a job
// whose script it does not know fails the test.
type world struct {
	t  *testing.T
	mu sync.Mutex

	facts map[string]map[string]string // by node
	do    map[string]func(ctx context.Context, out func([]byte)) (int, error)
	ran   []string // scripts, in the order in which they began
	jobs  map[string]bool
	dead  map[string]bool // nodes that do not answer
	store *state.Store
	dir   string
}

func newWorld(t *testing.T, nodes ...string) *world {
	t.Helper()
	w := &world{
		t: t, facts: map[string]map[string]string{}, jobs: map[string]bool{}, dead: map[string]bool{}, dir: t.TempDir(),
		do: map[string]func(context.Context, func([]byte)) (int, error){},
	}
	for _, n := range nodes {
		w.facts[n] = map[string]string{"role": "backup", "vrrp": "BACKUP", "version": "1", "maintenance": "no", "deny": "none", "replication": "off", "serves": "yes"}
	}
	var err error
	w.store, err = state.Open(t.Context(), filepath.Join(w.dir, "zup.state.json"), 0, state.Holder{PID: os.Getpid()})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { w.store.Close() })
	return w
}

func (w *world) set(node, fact, value string) {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.facts[node][fact] = value
}

// sets is a script that sets a fact and ends well.
func (w *world) sets(node, fact, value string) func(context.Context, func([]byte)) (int, error) {
	return func(context.Context, func([]byte)) (int, error) {
		w.set(node, fact, value)
		return 0, nil
	}
}

func (w *world) began() []string {
	w.mu.Lock()
	defer w.mu.Unlock()
	return slices.Clone(w.ran)
}

// place is the connection to one node.
type place struct {
	w    *world
	node string
}

func (w *world) dial(_ context.Context, _ *plan.Cluster, n *plan.Node) (Host, error) {
	w.mu.Lock()
	defer w.mu.Unlock()
	if w.dead[n.Name] {
		return nil, fmt.Errorf("node %q: no answer", n.Name)
	}
	return place{w, n.Name}, nil
}

const factsScript = "read facts"

func (p place) Run(ctx context.Context, script string, args ...string) ([]byte, int, error) {
	if script != factsScript {
		exit, err := p.run(ctx, script, func([]byte) {})
		return nil, exit, err
	}
	p.w.mu.Lock()
	defer p.w.mu.Unlock()
	if p.w.dead[p.node] {
		return nil, 0, fmt.Errorf("node %q: no answer", p.node)
	}
	var b strings.Builder
	for _, name := range args {
		value := p.w.facts[p.node][name]
		if value == "" {
			value = "unknown"
		}
		fmt.Fprintf(&b, "%s=%s\n", name, value)
	}
	b.WriteString("end\n")
	return []byte(b.String()), 0, nil
}

func (p place) Job(ctx context.Context, job Job) (int, error) {
	p.w.mu.Lock()
	twice := p.w.jobs[job.ID]
	p.w.jobs[job.ID] = true
	p.w.mu.Unlock()
	if twice {
		p.w.t.Errorf("job %s was started twice", job.ID)
	}
	return p.run(ctx, job.Script, job.Output)
}

func (p place) run(ctx context.Context, script string, out func([]byte)) (int, error) {
	p.w.mu.Lock()
	p.w.ran = append(p.w.ran, script)
	do := p.w.do[script]
	p.w.mu.Unlock()
	if do == nil {
		p.w.t.Errorf("node %s was asked to run the unknown script %q", p.node, script)
		return 127, nil
	}
	return do(ctx, out)
}

// cluster is a cluster of two nodes, name1 and name2.
func cluster(name string) plan.Cluster {
	return plan.Cluster{
		Name: name, Provider: "p", From: "1", To: "2", Master: name + "1", Way: plan.Forward,
		Nodes: []plan.Node{{Name: name + "1", Serves: serves(name + "1")}, {Name: name + "2", Serves: serves(name + "2")}},
	}
}

// serves is what proves that a node serves.
func serves(node string) []plan.Condition {
	return []plan.Condition{{Node: node, Fact: "serves", Is: []string{"yes"}}}
}

func planOf(clusters []plan.Cluster, actions ...plan.Action) *plan.Plan {
	p := &plan.Plan{Clusters: clusters, Actions: actions, Products: []plan.Product{{Name: "p", Facts: factsScript, VersionFact: "version"}}, FormatVersion: plan.FormatVersion}
	last := map[string]string{}
	for i := range p.Actions {
		a := &p.Actions[i]
		if a.Cluster == "" {
			a.Cluster, _, _ = strings.Cut(a.ID, ".")
		}
		if a.After == nil {
			a.After = []string{}
			if id := last[a.Cluster]; id != "" {
				a.After = []string{id}
			}
		}
		last[a.Cluster] = a.ID
		if a.Impact == "" {
			a.Impact = plan.None
		}
		if a.TimeoutS == 0 {
			a.TimeoutS = 10
		}
	}
	p.Identify()
	return p
}

// action is a script on a node whose check is that a fact has a value.
func action(id, node, fact, value string) plan.Action {
	return plan.Action{
		ID: id, Node: node, Kind: "k", Title: "title of " + id, Primitive: plan.Script, Script: id, Detached: true,
		Check: []plan.Condition{{Node: node, Fact: fact, Is: []string{value}}},
	}
}

func wait(id, node, fact, value string) plan.Action {
	return plan.Action{ID: id, Node: node, Kind: "k", Primitive: plan.Wait, Until: []plan.Condition{{Node: node, Fact: fact, Is: []string{value}}}}
}

func (w *world) options() Options {
	return Options{Dial: w.dial, Store: w.store, RunID: "r1", Dir: filepath.Join(w.dir, "run"), Version: "test", Poll: time.Millisecond}
}

func (w *world) apply(p *plan.Plan, change ...func(*Options)) (*Report, error) {
	o := w.options()
	for _, c := range change {
		c(&o)
	}
	if err := p.Validate(); err != nil {
		w.t.Fatal(err)
	}
	return Run(w.t.Context(), p, o)
}

func TestDone(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newWorld(t, "edge1", "edge2")
		one := action("edge.one", "edge1", "version", "2")
		one.Opens, one.Record = []string{"edge1/thing"}, []plan.Fact{{Node: "edge1", Fact: "version"}}
		two := action("edge.two", "edge2", "version", "2")
		two.Closes = []string{"edge1/thing"}
		two.Requires = []plan.Condition{{Node: "edge1", Fact: "version", SameAs: plan.Recorded}}
		p := planOf([]plan.Cluster{cluster("edge")}, one, two, wait("edge.three", "edge2", "role", "backup"))
		w.do["edge.one"] = func(context.Context, func([]byte)) (int, error) {
			// The journal and the open change are on the disk before the script runs.
			if entries, _, err := state.ReadJournal(filepath.Join(w.dir, "run", "journal.jsonl")); err != nil || entries[len(entries)-1].Event != state.Begin {
				t.Errorf("the journal has %v (%v) when the script runs", entries, err)
			}
			s, err := state.Read(filepath.Join(w.dir, "zup.state.json"))
			known := s.Cluster("edge")
			if err != nil || !known.IsOpen("edge1/thing") {
				t.Errorf("the change is not recorded as open when the script runs: %v %v", known, err)
			}
			time.Sleep(3 * time.Second)
			w.set("edge1", "version", "2")
			return 0, nil
		}
		w.do["edge.two"] = w.sets("edge2", "version", "2")
		report, err := w.apply(p)
		if err != nil {
			t.Fatal(err)
		}
		if report.Outcome != state.OutcomeDone || report.Worst() != "" {
			t.Errorf("outcome %s", report.Outcome)
		}
		if took := report.Clusters[0].Actions[0].Took(); took != 3*time.Second {
			t.Errorf("the first action took %s", took)
		}
		known := w.store.State().Cluster("edge")
		if known.Outcome != state.OutcomeDone || len(known.Open) != 0 || known.Version != "2" || known.Recorded != nil {
			t.Errorf("state at the end: %+v", known)
		}
		if a, ok := w.store.State().WasApplied(p.PlanID); !ok || a.Outcome != state.OutcomeDone {
			t.Errorf("the plan is not known as applied: %+v", a)
		}
		entries, cut, err := state.ReadJournal(filepath.Join(w.dir, "run", "journal.jsonl"))
		if err != nil || cut {
			t.Fatal(err, cut)
		}
		var got []string
		for _, e := range entries {
			got = append(got, string(e.Event)+" "+e.Action)
		}
		want := []string{"run_begin ", "begin edge.one", "done edge.one", "begin edge.two", "done edge.two", "begin edge.three", "done edge.three", "run_end "}
		if !slices.Equal(got, want) {
			t.Errorf("journal %q", got)
		}
		if entries[2].Recorded["edge1/version"] != "2" {
			t.Errorf("recorded %v", entries[2].Recorded)
		}
		for _, name := range []string{"plan.zup", "events.jsonl", "report.json", "transcripts/edge.one.txt"} {
			info, err := os.Stat(filepath.Join(w.dir, "run", name))
			if err != nil || info.Mode().Perm() != 0o600 {
				t.Errorf("%s: %v %v", name, info, err)
			}
		}
		f, err := os.Open(filepath.Join(w.dir, "run", "plan.zup"))
		if err != nil {
			t.Fatal(err)
		}
		defer f.Close()
		if kept, err := plan.Decode(f); err != nil || kept.PlanID != p.PlanID {
			t.Errorf("the plan as applied: %v", err)
		}
	})
}

// stopOf applies a plan that must not end well.
func (w *world) stopOf(p *plan.Plan, change ...func(*Options)) (*Report, *Stop) {
	w.t.Helper()
	report, err := w.apply(p, change...)
	var incomplete *IncompleteError
	if !errors.As(err, &incomplete) {
		w.t.Fatalf("err is %v", err)
	}
	stop := report.Clusters[0].Stop
	if stop == nil {
		w.t.Fatal("no stop in the report")
	}
	return report, stop
}

func TestStops(t *testing.T) {
	for _, tt := range []struct {
		name    string
		change  func(w *world, one, two *plan.Action)
		kind    StopKind
		why     string
		ran     []string
		undo    string
		open    []string
		changed bool
	}{
		{
			name: "what it requires does not hold",
			change: func(w *world, one, two *plan.Action) {
				one.Requires = []plan.Condition{{Node: "edge2", Fact: "role", Is: []string{"master"}}}
			},
			kind: StopRule, why: "requires does not hold",
		},
		{
			name: "a node does not answer for what is required",
			change: func(w *world, one, two *plan.Action) {
				one.Requires = []plan.Condition{{Node: "edge2", Fact: "role", Is: []string{"backup"}}}
				w.dead["edge2"] = true
			},
			kind: StopRule, why: "requires does not hold",
		},
		{
			name: "exit status", changed: true,
			change: func(w *world, one, two *plan.Action) {
				w.do["edge.one"] = func(_ context.Context, out func([]byte)) (int, error) {
					out([]byte("it did not work\n"))
					return 3, nil
				}
			},
			kind: StopFailed, why: "status 3", ran: []string{"edge.one"}, open: []string{"edge1/thing"},
		},
		{
			name: "exit status 0, and its check does not hold", changed: true,
			change: func(w *world, one, two *plan.Action) {
				w.do["edge.one"] = func(context.Context, func([]byte)) (int, error) { return 0, nil }
			},
			kind: StopFailed, why: "within", ran: []string{"edge.one"}, open: []string{"edge1/thing"},
		},
		{
			name: "exit status 0, and output that means failure", changed: true,
			change: func(w *world, one, two *plan.Action) {
				one.Forbid = []string{`^E: `}
				w.do["edge.one"] = func(_ context.Context, out func([]byte)) (int, error) {
					w.set("edge1", "version", "2")
					out([]byte("all\r\nE: "))
					out([]byte("Sub-process\r\nfine\r\n"))
					return 0, nil
				}
			},
			kind: StopFailed, why: `"E: Sub-process"`, ran: []string{"edge.one"}, open: []string{"edge1/thing"},
		},
		{
			name: "output that may mean failure, and its check does not hold", changed: true,
			change: func(w *world, one, two *plan.Action) {
				one.Judged = []string{`^E: `}
				w.do["edge.one"] = func(_ context.Context, out func([]byte)) (int, error) {
					out([]byte("E: Failed to fetch\r\nfine\r\n"))
					return 0, nil
				}
			},
			kind: StopFailed, why: `"E: Failed to fetch"`, ran: []string{"edge.one"}, open: []string{"edge1/thing"},
		},
		{
			name: "output that may mean failure before output that does", changed: true,
			change: func(w *world, one, two *plan.Action) {
				one.Judged, one.Forbid = []string{`^E: `}, []string{`^Error: Cannot`}
				w.do["edge.one"] = func(_ context.Context, out func([]byte)) (int, error) {
					w.set("edge1", "version", "2")
					out([]byte("E: Failed to fetch\r\nError: Cannot Install\r\n"))
					return 0, nil
				}
			},
			kind: StopFailed, why: `"E: Failed to fetch"`, ran: []string{"edge.one"}, open: []string{"edge1/thing"},
		},
		{
			name: "undone", changed: true,
			change: func(w *world, one, two *plan.Action) {
				one.Undo, one.UndoCheck = "undo one", []plan.Condition{{Node: "edge1", Fact: "version", Is: []string{"1"}}}
				w.do["edge.one"] = func(context.Context, func([]byte)) (int, error) { w.set("edge1", "version", "half"); return 0, nil }
				w.do["undo one"] = w.sets("edge1", "version", "1")
			},
			kind: StopFailed, why: "within", ran: []string{"edge.one", "undo one"}, undo: "was undone",
		},
		{
			name: "undo that does not work", changed: true,
			change: func(w *world, one, two *plan.Action) {
				one.Undo, one.UndoCheck = "undo one", []plan.Condition{{Node: "edge1", Fact: "version", Is: []string{"1"}}}
				w.do["edge.one"] = func(context.Context, func([]byte)) (int, error) { w.set("edge1", "version", "half"); return 0, nil }
				w.do["undo one"] = func(context.Context, func([]byte)) (int, error) { return 0, nil }
			},
			kind: StopFailed, why: "within", ran: []string{"edge.one", "undo one"}, undo: "could not be undone: edge1: version is half", open: []string{"edge1/thing"},
		},
		{
			name: "what still runs is not undone", changed: true,
			change: func(w *world, one, two *plan.Action) {
				one.Undo, one.UndoCheck = "undo one", []plan.Condition{{Node: "edge1", Fact: "version", Is: []string{"1"}}}
				w.do["edge.one"] = func(context.Context, func([]byte)) (int, error) {
					return 0, &StillRunningError{"r1.edge.one", errors.New("limit passed")}
				}
			},
			kind: StopFailed, why: "still running", ran: []string{"edge.one"}, open: []string{"edge1/thing"},
		},
		{
			name: "a gate with a rule", changed: true,
			change: func(w *world, one, two *plan.Action) {
				*two = plan.Action{ID: "edge.two", Cluster: "edge", After: two.After, Kind: "k", Primitive: plan.Gate, Rule: true, Impact: plan.None, TimeoutS: 1,
					Closes: two.Closes, Until: []plan.Condition{{Node: "edge1", Fact: "role", Is: []string{"master"}}}}
			},
			kind: StopRule, why: "not everything is as it must be", ran: []string{"edge.one"}, open: []string{"edge1/thing"},
		},
		{
			name: "the final verification", changed: true,
			change: func(w *world, one, two *plan.Action) {
				*two = wait("edge.two", "edge1", "role", "master")
				two.Cluster, two.After, two.Impact, two.TimeoutS, two.Final, two.Closes = "edge", []string{"edge.one"}, plan.None, 5, true, []string{"edge1/thing"}
			},
			kind: StopUnproven, why: "within 5s", ran: []string{"edge.one"}, open: []string{"edge1/thing"},
		},
	} {
		t.Run(tt.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				w := newWorld(t, "edge1", "edge2")
				w.do["edge.one"] = w.sets("edge1", "version", "2")
				one, two := action("edge.one", "edge1", "version", "2"), action("edge.two", "edge2", "version", "2")
				one.Opens, two.Closes, one.CheckS = []string{"edge1/thing"}, []string{"edge1/thing"}, 2
				p := planOf([]plan.Cluster{cluster("edge")}, one, two, action("edge.three", "edge1", "version", "3"))
				tt.change(w, &p.Actions[0], &p.Actions[1])
				report, stop := w.stopOf(p)
				if stop.Kind != tt.kind || !strings.Contains(stop.Why, tt.why) {
					t.Errorf("stop %q: %s", stop.Kind, stop.Why)
				}
				if got := w.began(); !slices.Equal(got, tt.ran) {
					t.Errorf("ran %q, want %q", got, tt.ran)
				}
				if stop.Undo != tt.undo {
					t.Errorf("undo: %q", stop.Undo)
				}
				var open []string
				for _, o := range report.Clusters[0].Condition.Open {
					open = append(open, o.Name)
				}
				if !slices.Equal(open, tt.open) {
					t.Errorf("open %q, want %q", open, tt.open)
				}
				if got := report.Clusters[0].Condition.Changed; got != tt.changed {
					t.Errorf("changed is %t", got)
				}
				if len(report.Clusters[0].Condition.Nodes) != 2 {
					t.Error("the condition of the nodes is not in the report")
				}
				if last := report.Clusters[0].Actions[2]; last.Outcome != ActionSkipped {
					t.Errorf("the last action is %s", last.Outcome)
				}
			})
		})
	}
}

// A run that has carried out everything, and proven all of it, does not end well while
// something temporary is open. Here an earlier run has left it, and the plan, which was
// made without the state file, knows nothing of it.
func TestOpenAtTheEnd(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newWorld(t, "edge1", "edge2")
		left := state.Change{Action: "edge.old", Name: "edge1/thing", Run: "an earlier run", Before: "deny=none"}
		if err := w.store.Update("1.0.0", func(s *state.State) {
			s.Clusters = map[string]*state.Cluster{"edge": {Outcome: state.OutcomeStopped, Open: []state.Change{left}}}
		}); err != nil {
			t.Fatal(err)
		}
		w.do["edge.one"] = w.sets("edge1", "version", "2")
		p := planOf([]plan.Cluster{cluster("edge")}, action("edge.one", "edge1", "version", "2"), wait("edge.two", "edge1", "version", "2"))
		report, stop := w.stopOf(p)
		if stop.Kind != StopUnproven || stop.Action != "edge.two" || !strings.HasSuffix(stop.Why, "temporary changes are still open: edge1/thing") {
			t.Errorf("stopped with %q at %s: %s", stop.Kind, stop.Action, stop.Why)
		}
		for _, a := range report.Clusters[0].Actions {
			if a.Outcome != ActionIsDone {
				t.Errorf("%s is %s", a.ID, a.Outcome)
			}
		}
		if report.Outcome != state.OutcomeUnproven {
			t.Errorf("outcome %s", report.Outcome)
		}
		known := w.store.State().Cluster("edge")
		if known.Outcome != state.OutcomeUnproven || !slices.Equal(known.Open, []state.Change{left}) {
			t.Errorf("state at the end: %+v", known)
		}
	})
}

// Waiting goes on while a condition does not hold, says for what, and a limit
// that passes stops.
func TestWait(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newWorld(t, "edge1", "edge2")
		p := planOf([]plan.Cluster{cluster("edge")}, wait("edge.one", "edge1", "role", "master"))
		go func() {
			time.Sleep(9 * time.Second)
			w.set("edge1", "role", "master")
		}()
		var waits []string
		if _, err := w.apply(p, func(o *Options) {
			o.Events = func(e Event) {
				if e.Kind == ActionWaits {
					waits = append(waits, e.Text)
				}
			}
		}); err != nil {
			t.Fatal(err)
		}
		if !slices.Equal(waits, []string{"edge1: role is backup"}) {
			t.Errorf("it said %q", waits)
		}
	})
}

func TestStopAsked(t *testing.T) {
	for _, tt := range []struct {
		name string
		next bool // the action under way belongs to the next one
		ran  []string
		rest string
	}{
		{"at the end of the action", false, []string{"edge.one"}, "edge.one"},
		{"not before what belongs together is done", true, []string{"edge.one", "edge.two"}, "edge.two"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				w := newWorld(t, "edge1", "edge2")
				one := action("edge.one", "edge1", "version", "2")
				one.Next = tt.next
				p := planOf([]plan.Cluster{cluster("edge")}, one, action("edge.two", "edge2", "version", "2"), action("edge.three", "edge2", "version", "3"))
				stop := make(chan struct{})
				w.do["edge.one"] = func(context.Context, func([]byte)) (int, error) {
					close(stop)
					time.Sleep(time.Second)
					w.set("edge1", "version", "2")
					return 0, nil
				}
				w.do["edge.two"] = w.sets("edge2", "version", "2")
				_, s := w.stopOf(p, func(o *Options) { o.Stop = stop })
				if s.Kind != StopAsked {
					t.Errorf("stop %s: %s", s.Kind, s.Why)
				}
				if got := w.began(); !slices.Equal(got, tt.ran) {
					t.Errorf("ran %q", got)
				}
				if got := RestAfter(p, "edge.one"); got != tt.rest {
					t.Errorf("RestAfter says %s", got)
				}
			})
		})
	}
}

// Nobody waits any more: the run ends at once, undoes nothing, and says what may
// still be running.
func TestLeft(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newWorld(t, "edge1", "edge2")
		one := action("edge.one", "edge1", "version", "2")
		one.Undo, one.UndoCheck = "undo one", one.Check
		p := planOf([]plan.Cluster{cluster("edge")}, one, action("edge.two", "edge2", "version", "2"))
		ctx, cancel := context.WithCancel(t.Context())
		w.do["edge.one"] = func(ctx context.Context, _ func([]byte)) (int, error) {
			cancel()
			<-ctx.Done()
			return 0, &StillRunningError{"r1.edge.one", ctx.Err()}
		}
		report, err := Run(ctx, p, w.options())
		if err == nil {
			t.Fatal("no error")
		}
		s := report.Clusters[0].Stop
		if s.Kind != StopLeft || s.Running != "r1.edge.one" || s.Node != "edge1" {
			t.Errorf("stop: %+v", s)
		}
		if got := w.began(); !slices.Equal(got, []string{"edge.one"}) {
			t.Errorf("ran %q", got)
		}
	})
}

// Clusters are independent branches: one that fails does not stop another, unless
// it is asked to.
func TestClustersAreIndependent(t *testing.T) {
	for _, failFast := range []bool{false, true} {
		t.Run(fmt.Sprintf("fail fast %t", failFast), func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				w := newWorld(t, "bad1", "bad2", "good1", "good2")
				p := planOf([]plan.Cluster{cluster("bad"), cluster("good")},
					action("bad.one", "bad1", "version", "2"), action("bad.two", "bad1", "version", "2"),
					action("good.one", "good1", "version", "2"), action("good.two", "good2", "version", "2"))
				w.do["bad.one"] = func(context.Context, func([]byte)) (int, error) { return 1, nil }
				w.do["good.one"] = func(context.Context, func([]byte)) (int, error) {
					time.Sleep(time.Minute)
					w.set("good1", "version", "2")
					return 0, nil
				}
				w.do["good.two"] = w.sets("good2", "version", "2")
				report, _ := w.stopOf(p, func(o *Options) { o.FailFast = failFast })
				want := state.OutcomeDone
				if failFast {
					want = state.OutcomeStopped
				}
				if got := report.Clusters[1].Outcome; got != want {
					t.Errorf("the good cluster ended %s", got)
				}
				if report.Worst() != StopFailed {
					t.Errorf("worst is %s", report.Worst())
				}
			})
		})
	}
}

func TestParallelism(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var clusters []plan.Cluster
		var actions []plan.Action
		var nodes []string
		for i := range 6 {
			name := fmt.Sprintf("c%d", i)
			clusters = append(clusters, cluster(name))
			nodes = append(nodes, name+"1", name+"2")
			actions = append(actions, action(name+".one", name+"1", "version", "2"))
		}
		w := newWorld(t, nodes...)
		now, most := 0, 0
		for i := range 6 {
			name := fmt.Sprintf("c%d", i)
			w.do[name+".one"] = func(context.Context, func([]byte)) (int, error) {
				w.mu.Lock()
				now++
				most = max(most, now)
				w.mu.Unlock()
				time.Sleep(time.Second)
				w.mu.Lock()
				now--
				w.facts[name+"1"]["version"] = "2"
				w.mu.Unlock()
				return 0, nil
			}
		}
		if _, err := w.apply(planOf(clusters, actions...), func(o *Options) { o.Parallelism = 3 }); err != nil {
			t.Fatal(err)
		}
		if most != 3 {
			t.Errorf("%d clusters side by side", most)
		}
	})
}

// An interruption that is longer than allowed stops the run before its next
// action.
func TestMaxInterruption(t *testing.T) {
	server := httptest.NewServer(http.HandlerFunc(func(http.ResponseWriter, *http.Request) {}))
	w := newWorld(t, "edge1", "edge2")
	c := cluster("edge")
	c.MaxInterruptionMS = 100
	c.Probes = []plan.Probe{{Name: "web", HTTP: server.URL, IntervalMS: 5, TimeoutMS: 50}}
	one := action("edge.one", "edge1", "version", "2")
	one.Impact = plan.Switchover
	p := planOf([]plan.Cluster{c}, one, action("edge.two", "edge2", "version", "2"))
	w.do["edge.one"] = func(context.Context, func([]byte)) (int, error) {
		addr := server.Listener.Addr().String()
		server.Close()
		time.Sleep(200 * time.Millisecond)
		if l, err := net.Listen("tcp", addr); err == nil {
			go http.Serve(l, http.HandlerFunc(func(http.ResponseWriter, *http.Request) {}))
			t.Cleanup(func() { l.Close() })
		}
		w.set("edge1", "version", "2")
		return 0, nil
	}
	report, stop := w.stopOf(p)
	if stop.Kind != StopBudget || stop.Action != "edge.two" || !strings.Contains(stop.Why, "probe web") {
		t.Errorf("stop: %+v", stop)
	}
	probe := report.Clusters[0].Probes[0]
	if probe.Lost == 0 || probe.LongestMS < 190 || len(probe.Switchovers) != 1 || probe.Switchovers[0].Lost == 0 {
		t.Errorf("measured: %+v", probe)
	}
}

// What a node prints can't reach a terminal as it is, neither from the
// transcript nor from the report, and a flood of it fills no disk.
func TestHostileOutput(t *testing.T) {
	w := newWorld(t, "edge1", "edge2")
	p := planOf([]plan.Cluster{cluster("edge")}, action("edge.one", "edge1", "version", "2"))
	w.do["edge.one"] = func(_ context.Context, out func([]byte)) (int, error) {
		out([]byte("\x1b[2Jgone\xff\x00\u202e\r\n"))
		flood := []byte(strings.Repeat("x", 1<<20) + "\n")
		for range 40 {
			out(flood)
		}
		out([]byte("last \x1b]0;title\a"))
		return 1, nil
	}
	report, stop := w.stopOf(p)
	data, err := os.ReadFile(filepath.Join(w.dir, "run", report.Clusters[0].Actions[0].Transcript))
	if err != nil {
		t.Fatal(err)
	}
	js, _ := json.Marshal(report)
	for name, text := range map[string]string{"transcript": string(data), "tail": stop.Tail, "report": string(js)} {
		if strings.ContainsAny(text, "\x1b\x00\a\r") || strings.Contains(text, "\u202e") {
			t.Errorf("the %s has control characters", name)
		}
	}
	if len(data) > transcriptLimit+2*lineLimit {
		t.Errorf("the transcript has %d bytes", len(data))
	}
	if !strings.Contains(string(data), "the rest of the output is left out") || !strings.HasSuffix(stop.Tail, "\nlast") ||
		!strings.Contains(string(data), `\x1b[2Jgone\xff\x00\u202e`) || len(stop.Tail) > tailLines*500 {
		t.Errorf("tail: %q", stop.Tail[max(0, len(stop.Tail)-100):])
	}
}

// A run that can't write begins nothing.
func TestUnwritableRun(t *testing.T) {
	w := newWorld(t, "edge1", "edge2")
	p := planOf([]plan.Cluster{cluster("edge")}, action("edge.one", "edge1", "version", "2"))
	o := w.options()
	if err := os.WriteFile(o.Dir, nil, 0o600); err != nil {
		t.Fatal(err)
	}
	_, err := Run(t.Context(), p, o)
	if err == nil || !strings.Contains(err.Error(), "nothing was changed") {
		t.Errorf("err: %v", err)
	}
	if len(w.began()) > 0 {
		t.Errorf("ran %q", w.began())
	}
}

// What a plan wants to be told of the nodes at the end is in the report, unless it
// goes without saying.
func TestMentions(t *testing.T) {
	w := newWorld(t, "a1", "a2")
	w.facts["a1"]["reboot"] = "running 1\x1b[31m, installed 2"
	w.facts["a2"]["reboot"] = "none"
	last := wait("a.verify", "", "version", "1")
	last.Until[0].Node = "a1"
	for _, n := range []string{"a1", "a2", "a1"} {
		last.Mentions = append(last.Mentions, plan.Mention{Fact: "reboot", Node: n, Text: "a reboot is pending", Unless: "none"})
	}
	last.Mentions[2].Fact = "unheard-of"
	r, err := w.apply(planOf([]plan.Cluster{cluster("a")}, last))
	if err != nil {
		t.Fatal(err)
	}
	want := []string{`a1: a reboot is pending: running 1\x1b[31m, installed 2`, "a1: whether a reboot is pending could not be read"}
	if got := r.Clusters[0].Mentions; !slices.Equal(got, want) {
		t.Errorf("got %q", got)
	}
}
