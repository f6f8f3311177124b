package apply

import (
	"context"
	"net"
	"slices"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"zup/plan"
)

// listening is an address that answers, or refuses, as it is told.
type listening struct {
	addr string
	l    atomic.Pointer[net.Listener]
	n    atomic.Int32 // connections
}

func newListening(t *testing.T) *listening {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	s := &listening{addr: l.Addr().String()}
	s.serve(l)
	t.Cleanup(s.silence)
	return s
}

func (s *listening) serve(l net.Listener) {
	s.l.Store(&l)
	go func() {
		for {
			c, err := l.Accept()
			if err != nil {
				return
			}
			s.n.Add(1)
			c.Close()
		}
	}()
}

func (s *listening) silence() { (*s.l.Load()).Close() }

func (s *listening) answer(t *testing.T) {
	l, err := net.Listen("tcp", s.addr)
	if err != nil {
		t.Error(err)
		return
	}
	s.serve(l)
}

// When whoever was served is not after a switchover, the role goes back and the run
// stops; a probe that never answered says nothing.
func TestSilenceGoesBack(t *testing.T) {
	for name, tt := range map[string]struct {
		silent, stuck, fails bool
		kind                 StopKind
		undo                 string
		ran                  []string
		open                 []string
	}{
		"fails at once":        {false, false, true, StopFailed, "was undone", []string{"a.a1.drain", "rejoin"}, nil},
		"answers":              {false, false, false, "", "", []string{"a.a1.drain", "a.a1.update"}, nil},
		"silent":               {true, false, false, StopRule, "was undone", []string{"a.a1.drain", "rejoin", "return"}, []string{"a2/maintenance"}},
		"silent and no return": {true, true, false, StopFailed, "could not be undone: again (a2): a1: role is backup", []string{"a.a1.drain", "rejoin", "return"}, []string{"a2/maintenance"}},
	} {
		t.Run(name, func(t *testing.T) {
			w := newWorld(t, "a1", "a2")
			vip := newListening(t)
			w.set("a1", "role", "master")
			drain := action("a.a1.drain", "a1", "role", "maintenance")
			drain.Opens = []string{"a1/maintenance"}
			if drain.AnswersMS = 300; !tt.silent {
				drain.AnswersMS = 60_000 // a busy machine's answers come late
			}
			isMaster := []plan.Condition{{Node: "a1", Fact: "role", Is: []string{"master"}}}
			drain.Back = []plan.Step{
				{Title: "out", Node: "a1", Script: "rejoin", CheckS: 1, Closes: []string{"a1/maintenance"}, Check: []plan.Condition{{Node: "a1", Fact: "role", Is: []string{"backup", "master"}}}},
				{Title: "again", Node: "a2", Script: "return", CheckS: 1, Opens: []string{"a2/maintenance"}, Check: isMaster, Unless: isMaster},
			}
			w.do["a.a1.save"] = func(context.Context, func([]byte)) (int, error) {
				for vip.n.Load() < 5 { // the probe has been answered when this is over
					time.Sleep(time.Millisecond)
				}
				return w.sets("a1", "saved", "yes")(nil, nil)
			}
			w.do["a.a1.drain"] = func(context.Context, func([]byte)) (int, error) {
				if tt.fails {
					return 1, nil
				}
				w.set("a1", "role", "maintenance")
				if tt.silent {
					vip.silence()
				}
				return 0, nil
			}
			w.do["rejoin"] = func(context.Context, func([]byte)) (int, error) {
				if !tt.fails {
					w.set("a1", "role", "backup")
				}
				return 0, nil
			}
			w.do["return"] = func(context.Context, func([]byte)) (int, error) {
				if !tt.stuck {
					w.set("a1", "role", "master")
					vip.answer(t)
				}
				return 0, nil
			}
			w.do["a.a1.update"] = w.sets("a1", "version", "2")
			c := cluster("a")
			c.Probes = []plan.Probe{
				{Name: "vip", TCP: vip.addr, IntervalMS: 5, TimeoutMS: 200},
				{Name: "never", TCP: "127.0.0.1:1", IntervalMS: 5, TimeoutMS: 200},
			}
			update := action("a.a1.update", "a1", "version", "2")
			update.Closes = drain.Opens
			r, _ := w.apply(planOf([]plan.Cluster{c}, action("a.a1.save", "a1", "saved", "yes"), drain, update))
			if got := w.began(); !slices.Equal(got[1:], tt.ran) {
				t.Errorf("ran %q", got)
			}
			var open []string
			for _, o := range w.store.State().Cluster("a").Open {
				open = append(open, o.Name)
			}
			if !slices.Equal(open, tt.open) {
				t.Errorf("open: %q", open)
			}
			s := r.Clusters[0].Stop
			if tt.kind == "" {
				if s != nil {
					t.Errorf("%+v", s)
				}
				return
			}
			if s == nil || s.Kind != tt.kind || !strings.HasPrefix(s.Undo, tt.undo) || !strings.Contains(s.Why, map[bool]string{false: "probe vip has not answered within 300ms", true: "status 1"}[tt.fails]) {
				t.Errorf("%+v", s)
			}
		})
	}
}
