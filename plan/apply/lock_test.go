package apply

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"sync"
	"testing"

	"zup/plan"
	"zup/plan/state"
)

// lockers are the nodes of a world with a lock each.
type lockers struct {
	*world
	mu   sync.Mutex
	by   map[string]string // node → who has it
	said []string          // what was asked of which node, in order
}

func newLockers(w *world) *lockers { return &lockers{world: w, by: map[string]string{}} }

func (l *lockers) dial(ctx context.Context, c *plan.Cluster, n *plan.Node) (Host, error) {
	h, err := l.world.dial(ctx, c, n)
	if err != nil {
		return nil, err
	}
	return lockable{h, l, n.Name}, nil
}

func (l *lockers) say(word, node string) error {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.said = append(l.said, word+" "+node)
	switch who := l.by[node]; {
	case word == "lock" && who == "", word != "lock" && who == "me":
		l.by[node] = map[string]string{"lock": "me", "confirm": "me"}[word]
		return nil
	default:
		return &LockedError{Text: fmt.Sprintf("node %q: %s is at work on it", node, who)}
	}
}

func (l *lockers) give(node, who string) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.by[node] = who
}

func (l *lockers) heard() []string {
	l.mu.Lock()
	defer l.mu.Unlock()
	return slices.Clone(l.said)
}

type lockable struct {
	Host
	l    *lockers
	node string
}

func (h lockable) Lock(context.Context, Claim) error { return h.l.say("lock", h.node) }
func (h lockable) Confirm(context.Context) error     { return h.l.say("confirm", h.node) }
func (h lockable) Unlock(context.Context) error      { return h.l.say("unlock", h.node) }
func (h lockable) Anew()                             { h.l.say("anew", h.node) }

func lockAll(t *testing.T, l *lockers, p *plan.Plan, names ...string) (*Locks, error) {
	t.Helper()
	return Lock(t.Context(), p, names, l.dial, Claim{Run: "r1"}, 4)
}

// All nodes or none, and every node that can't be had is named.
func TestLockAllOrNone(t *testing.T) {
	l := newLockers(newWorld(t, "a1", "a2", "b1", "b2", "c1", "c2"))
	p := planOf([]plan.Cluster{cluster("a"), cluster("b"), cluster("c")})
	l.give("a2", "ben")
	l.dead["b1"] = true
	_, err := lockAll(t, l, p, "a", "b")
	var locked *LockedError
	if want := "cluster \"a\": node \"a2\": ben is at work on it\ncluster \"b\": node \"b1\": no answer"; err == nil || err.Error() != want || !errors.As(err, &locked) {
		t.Errorf("got  %v\nwant %s", err, want)
	}
	if l.by["a1"] != "" || l.by["b2"] != "" || l.by["a2"] != "ben" {
		t.Errorf("%v", l.by)
	}
	if slices.ContainsFunc(l.heard(), func(s string) bool { return strings.Contains(s, " c") }) {
		t.Errorf("cluster c was asked: %v", l.heard())
	}

	locks, err := lockAll(t, l, p, "c")
	if err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	locks.Release(ctx)
	locks.Release(ctx)
	if l.by["c1"] != "" || l.by["c2"] != "" {
		t.Errorf("%v", l.by)
	}
}

// Before each change every node of the cluster is asked; who was there in between
// stops the run, and nothing is undone: nothing had begun.
func TestLockedInBetween(t *testing.T) {
	w := newWorld(t, "a1", "a2")
	l := newLockers(w)
	w.do["a.one"] = func(context.Context, func([]byte)) (int, error) {
		w.set("a1", "version", "2")
		l.give("a2", "ben")
		return 0, nil
	}
	two := action("a.two", "a1", "deny", "present")
	two.Undo, two.UndoCheck = "undo", two.Check
	p := planOf([]plan.Cluster{cluster("a")}, action("a.one", "a1", "version", "2"), two)
	locks, err := lockAll(t, l, p, "a")
	if err != nil {
		t.Fatal(err)
	}
	report, err := w.apply(p, func(o *Options) { o.Dial, o.Locks = l.dial, locks })
	var incomplete *IncompleteError
	if !errors.As(err, &incomplete) {
		t.Fatalf("got %v", err)
	}
	stop := report.Clusters[0].Stop
	if stop.Kind != StopLocked || stop.Action != "a.two" || stop.Why != `node "a2": ben is at work on it` || stop.Undo != "" {
		t.Errorf("%+v", stop)
	}
	if got := w.began(); !slices.Equal(got, []string{"a.one"}) || report.Outcome != state.OutcomeStopped || !report.Changed() {
		t.Errorf("%v %s", got, report.Outcome)
	}
	if got := l.heard()[2:]; len(got) != 4 || !slices.Contains(got[:2], "confirm a1") || !slices.Contains(got[:2], "confirm a2") {
		t.Errorf("%v", got)
	}
}

// A node that a command brings back as it was earlier has the lock of then.
func TestLockAnew(t *testing.T) {
	w := newWorld(t, "a1", "a2")
	l := newLockers(w)
	restore := plan.Action{
		ID: "a.restore", Node: "a1", Kind: "k", Primitive: plan.Local, Argv: []string{"restore", "a1"}, Out: true,
		Requires: serves("a2"),
		Check:    []plan.Condition{{Node: "a1", Fact: "role", Is: []string{"backup"}}},
	}
	p := planOf([]plan.Cluster{cluster("a")}, restore)
	locks, err := lockAll(t, l, p, "a")
	if err != nil {
		t.Fatal(err)
	}
	_, err = w.apply(p, func(o *Options) {
		o.Dial, o.Locks = l.dial, locks
		o.Local = func(context.Context, Command, func([]byte)) (int, error) {
			if got := l.heard(); got[len(got)-1] != "anew a1" {
				t.Errorf("%v", got)
			}
			return 0, nil
		}
	})
	if err != nil {
		t.Error(err)
	}
}
