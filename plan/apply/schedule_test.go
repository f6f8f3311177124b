package apply

import (
	"context"
	"slices"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"zup/plan"
	"zup/plan/state"
)

// moves is an action that moves MASTER away from a node, which is out until back.
func moves(id, node, other string) plan.Action {
	a := action(id, node, "maintenance", "yes")
	a.Impact, a.Out, a.Next = plan.Switchover, true, true
	a.Opens = []string{node + "/maintenance"}
	a.Requires = append(serves(node), plan.Condition{Node: other, Fact: "deny", Is: []string{"none"}})
	return a
}

func back(id, node string) plan.Action {
	a := action(id, node, "maintenance", "no")
	a.Closes = []string{node + "/maintenance"}
	return a
}

// procedure is a run as it is with a pair: look, change, move, change, back, move,
// back, prove. Every action is estimated at a minute.
func procedure() *plan.Plan {
	p := planOf([]plan.Cluster{cluster("edge")},
		wait("edge.look", "edge1", "role", "backup"),
		action("edge.first", "edge2", "version", "2"),
		moves("edge.away", "edge1", "edge2"),
		wait("edge.settled", "edge2", "role", "backup"),
		action("edge.second", "edge1", "version", "2"),
		back("edge.back", "edge1"),
		moves("edge.home", "edge2", "edge1"),
		wait("edge.settled-again", "edge2", "role", "backup"),
		back("edge.rest", "edge2"),
		action("edge.tidy", "edge1", "left", "no"),
		wait("edge.verify", "edge1", "version", "2"),
	)
	for i := range p.Actions {
		p.Actions[i].EstimateS = 60
		p.Actions[i].TimeoutS = 3 * 3600
	}
	return p
}

// The clock of these tests begins on a Saturday at midnight, UTC.
var saturday = plan.Window{Name: "weekend", Days: []string{"sat"}, Start: "00:00", DurationS: 3600, Timezone: "UTC"}

func TestWindows(t *testing.T) {
	for _, tt := range []struct {
		name   string
		after  time.Duration            // how long after midnight it begins
		takes  map[string]time.Duration // of the others each takes ten seconds
		change func(*plan.Plan)
		before string // action before which it stops; "": it ends well
		why    string
	}{
		{name: "everything fits"},
		{name: "one minute more than is left", after: 49*time.Minute + time.Second, before: "edge.look", why: "what is to be done takes about 11 min, and 10 min is left until window weekend ends, Sat 2000-01-01 01:00 UTC"},
		{name: "as much as is left", after: 49 * time.Minute},
		{name: "after the window", after: 2 * time.Hour, before: "edge.look", why: "no window is open"},
		{name: "the first change takes so long that the rest does not fit", takes: map[string]time.Duration{"edge.first": 40 * time.Minute}, before: "edge.away", why: "left until window weekend ends"},
		{name: "the first change takes longer than the window", takes: map[string]time.Duration{"edge.first": 70 * time.Minute}, before: "edge.away", why: "no window is open"},
		{name: "slow, but it fits", takes: map[string]time.Duration{"edge.first": 6 * time.Minute}},
		{name: "the window ends while a node is out: it comes back, and stays", takes: map[string]time.Duration{"edge.second": 90 * time.Minute}, before: "edge.home", why: "no window is open"},
		{name: "the window ends while MASTER moves", takes: map[string]time.Duration{"edge.away": 90 * time.Minute}, before: "edge.home", why: "no window is open"},
		{name: "the window ends when only rest is left", takes: map[string]time.Duration{"edge.rest": 90 * time.Minute}},
		{name: "a freeze begins", takes: map[string]time.Duration{"edge.first": 15 * time.Minute}, before: "edge.away", why: "left until freeze audit begins, Sat 2000-01-01 00:20 UTC", change: func(p *plan.Plan) {
			p.Freezes = []plan.Freeze{{Name: "audit", From: "2000-01-01T00:20:00Z", To: "2000-01-01T00:30:00Z", Timezone: "UTC"}}
		}},
		{name: "a freeze without windows", before: "edge.look", why: "freeze audit lasts until Sat 2000-01-01 00:30 UTC", change: func(p *plan.Plan) {
			p.Windows = nil
			p.Freezes = []plan.Freeze{{Name: "audit", From: "2000-01-01T00:00:00Z", To: "2000-01-01T00:30:00Z", Timezone: "UTC"}}
		}},
		{name: "windows are waived", after: 2 * time.Hour, change: func(p *plan.Plan) {
			p.Waivers = []plan.Waiver{{Name: "windows", Because: "everybody is awake"}}
		}},
		{name: "windows are waived, the freeze is not", after: 2 * time.Hour, before: "edge.look", why: "freeze audit lasts", change: func(p *plan.Plan) {
			p.Waivers = []plan.Waiver{{Name: "windows", Because: "everybody is awake"}}
			p.Freezes = []plan.Freeze{{Name: "audit", From: "2000-01-01T00:00:00Z", To: "2000-01-02T00:00:00Z", Timezone: "UTC"}}
		}},
	} {
		t.Run(tt.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				time.Sleep(tt.after)
				p := procedure()
				p.Windows = []plan.Window{saturday}
				if tt.change != nil {
					tt.change(p)
				}
				p.Identify()
				w := newWorld(t, "edge1", "edge2")
				w.takes(p, tt.takes)
				report, err := w.apply(p)
				if tt.before == "" {
					if err != nil {
						t.Fatal(err)
					}
					return
				}
				stop := report.Clusters[0].Stop
				if stop == nil || stop.Kind != StopWindow || stop.Action != tt.before || !strings.Contains(stop.Why, tt.why) {
					t.Fatalf("stop %+v", stop)
				}
				if report.Worst() != StopWindow || report.Outcome != state.OutcomeStopped {
					t.Errorf("worst %s, outcome %s", report.Worst(), report.Outcome)
				}
				if c := w.store.State().Cluster("edge"); len(c.Open) > 0 {
					t.Errorf("it rests with %v open", c.Open)
				}
				w.goesOn(p, tt.before, stop)
			})
		})
	}
}

// takes says how long the scripts take.
func (w *world) takes(p *plan.Plan, long map[string]time.Duration) {
	for i := range p.Actions {
		a := &p.Actions[i]
		if a.Primitive != plan.Script {
			continue
		}
		d := 10 * time.Second
		if special, ok := long[a.ID]; ok {
			d = special
		}
		w.do[a.ID] = func(context.Context, func([]byte)) (int, error) {
			time.Sleep(d)
			w.set(a.Node, a.Check[0].Fact, a.Check[0].Is[0])
			return 0, nil
		}
	}
}

// goesOn resumes a week later, in the next window, where everything is quick.
func (w *world) goesOn(p *plan.Plan, from string, stop *Stop) {
	w.t.Helper()
	if stop.Opens == "" {
		w.t.Error("it does not say when it may go on")
	}
	began := w.began()
	first := slices.IndexFunc(p.Actions, func(a plan.Action) bool { return a.ID == from })
	for i := range p.Actions {
		a := &p.Actions[i]
		if a.Primitive == plan.Script && slices.Contains(began, a.ID) != (i < first) {
			w.t.Errorf("%s ran: %t", a.ID, i >= first)
		}
	}
	w.takes(p, nil)
	resumed := func(o *Options) { o.Resume = true }
	if report, _ := w.apply(p, resumed); p.Closed(time.Now(), 0) != nil && report.Clusters[0].Stop.Kind != StopWindow {
		w.t.Errorf("resumed at once, it stopped with %+v", report.Clusters[0].Stop)
	}
	next := time.Date(2000, 1, 8, 0, 0, 0, 0, time.UTC)
	time.Sleep(time.Until(next))
	if report, err := w.apply(p, resumed); err != nil {
		w.t.Errorf("in the next window: %v %+v", err, report.Clusters[0].Stop)
	}
	if !slices.Equal(w.began(), []string{"edge.first", "edge.away", "edge.second", "edge.back", "edge.home", "edge.rest", "edge.tidy"}) {
		w.t.Errorf("ran %v", w.began())
	}
}
