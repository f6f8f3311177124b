package apply

import (
	"context"
	"errors"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"zup/plan"
	"zup/plan/state"
)

// snapshots are what commands here see and change: "take a1 s1", "drop a1 s1" and
// "list a1".
type snapshots struct {
	have  map[string]bool
	stuck bool
}

func (s *snapshots) run(ctx context.Context, c Command, output func([]byte)) (int, error) {
	argv := c.Argv
	key := strings.Join(argv[1:], " ")
	switch argv[0] {
	case "take":
		if s.stuck {
			<-ctx.Done()
			return 0, ctx.Err()
		}
		s.have[key] = true
	case "drop":
		delete(s.have, key)
	case "list":
		output([]byte("Name  State\n"))
		for k := range s.have {
			if name, ok := strings.CutPrefix(k, argv[1]+" "); ok {
				output([]byte(name + "  disk\n"))
			}
		}
	case "lie": // ends well and does nothing
	case "fail":
		output([]byte("no such domain: \x1b[31m" + argv[1] + "\n"))
		return 3, nil
	default:
		return 0, errors.New("no such program")
	}
	return 0, nil
}

func taking(command string) plan.Action {
	return plan.Action{
		ID: "a.a1.snapshot", Kind: "snapshot", Node: "a1", Primitive: plan.Local, Keeps: "zup-1.0-00000001",
		Argv: []string{command, "a1", "zup-1.0-00000001"}, Proof: []plan.Proof{{Argv: []string{"list", "a1"}, Word: "zup-1.0-00000001"}},
	}
}

func dropping(command string) plan.Action {
	return plan.Action{
		ID: "a.a1.delete-snapshot", Kind: "delete-snapshot", Node: "a1", Primitive: plan.Local, Drops: "zup-1.0-00000001",
		Argv: []string{command, "a1", "zup-1.0-00000001"}, Proof: []plan.Proof{{Absent: true, Argv: []string{"list", "a1"}, Word: "zup-1.0-00000001"}},
	}
}

// A snapshot is in the state from when it is proven until it is proven gone.
func TestSnapshotIsRemembered(t *testing.T) {
	w := newWorld(t, "a1", "a2")
	s := &snapshots{have: map[string]bool{}}
	c := cluster("a")
	c.Nodes[0].Version = "1.0"
	local := func(o *Options) { o.Local = s.run }
	if _, err := w.apply(planOf([]plan.Cluster{c}, taking("take")), local); err != nil {
		t.Fatal(err)
	}
	got := w.store.State().Cluster("a").Snapshots
	if len(got) != 1 || got[0].Begun || got[0].Name != "zup-1.0-00000001" || got[0].Node != "a1" || got[0].Version != "1.0" || got[0].Run != "r1" || got[0].Taken.IsZero() {
		t.Fatalf("%+v", got)
	}
	again := func(o *Options) { o.RunID, o.Dir = "r2", filepath.Join(w.dir, "run2") }
	if _, err := w.apply(planOf([]plan.Cluster{c}, dropping("lie")), local, again); err == nil {
		t.Error("a snapshot that is still listed counts as deleted")
	}
	if got := w.store.State().Cluster("a").Snapshots; len(got) != 1 {
		t.Errorf("%+v", got)
	}
	again = func(o *Options) { o.RunID, o.Dir = "r3", filepath.Join(w.dir, "run3") }
	if _, err := w.apply(planOf([]plan.Cluster{c}, dropping("drop")), local, again); err != nil {
		t.Fatal(err)
	}
	if got := w.store.State().Cluster("a").Snapshots; len(got) != 0 {
		t.Errorf("%+v", got)
	}
}

// A command that fails, does not do what it says or does not end stops the run
// before anything reaches a node.
func TestLocalStops(t *testing.T) {
	for name, tt := range map[string]struct {
		command, why string
		stuck        bool
	}{
		"fails":       {"fail", `["fail" "a1" "zup-1.0-00000001"] ended with status 3`, false},
		"is not true": {"lie", `["list" "a1"] must name zup-1.0-00000001`, false},
		"is missing":  {"gone", `no such program`, false},
		"hangs":       {"take", `it had not ended after 10s and was ended`, true},
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				w := newWorld(t, "a1", "a2")
				s := &snapshots{have: map[string]bool{}, stuck: tt.stuck}
				r, err := w.apply(planOf([]plan.Cluster{cluster("a")}, taking(tt.command), action("a.a1.k", "a1", "version", "2")),
					func(o *Options) { o.Local = s.run })
				if err == nil || !strings.Contains(err.Error(), tt.why) {
					t.Errorf("%v, want %s", err, tt.why)
				}
				// Whether there is one now, nobody knows.
				if got := w.store.State().Cluster("a").Snapshots; r.Changed() || len(w.began()) > 0 || len(got) != 1 || !got[0].Begun {
					t.Errorf("changed: %t, began: %v, %+v", r.Changed(), w.began(), got)
				}
				text, _ := os.ReadFile(filepath.Join(w.dir, "run", "transcripts", "a.a1.snapshot.txt"))
				if !strings.Contains(string(text), "command, one argument a line:\n\t"+tt.command+"\n\ta1\n") || strings.Contains(string(text), "\x1b") {
					t.Errorf("transcript: %q", text)
				}
			})
		})
	}
}

// A command that takes a node out counts as a change of it, and its check is
// waited for.
func TestLocalRestores(t *testing.T) {
	w := newWorld(t, "a1", "a2")
	restore := plan.Action{
		ID: "a.a1.restore", Kind: "restore", Node: "a1", Primitive: plan.Local, Out: true, Argv: []string{"back"}, CheckS: 5,
		Requires: serves("a2"),
		Check:    []plan.Condition{{Node: "a1", Fact: "version", Is: []string{"0"}}},
		Closes:   []string{"a1/hosts.deny"},
	}
	p := planOf([]plan.Cluster{cluster("a")}, restore)
	w.store.Update("test", func(s *state.State) {
		s.Clusters["a"] = &state.Cluster{Open: []state.Change{{Name: "a1/hosts.deny"}}}
	})
	r, err := w.apply(p, func(o *Options) {
		o.Local = func(context.Context, Command, func([]byte)) (int, error) {
			w.mu.Lock()
			defer w.mu.Unlock()
			w.dead["a1"] = true
			time.AfterFunc(50*time.Millisecond, func() {
				w.set("a1", "version", "0")
				w.mu.Lock()
				defer w.mu.Unlock()
				w.dead["a1"] = false
			})
			return 0, nil
		}
	})
	if err != nil || !r.Changed() || len(w.store.State().Cluster("a").Open) > 0 {
		t.Errorf("%v, %+v", err, w.store.State().Cluster("a"))
	}
}

func TestProcess(t *testing.T) {
	dir := t.TempDir()
	p := &Process{Dir: dir}
	var out strings.Builder
	print := func(b []byte) { out.Write(b) }
	if exit, err := p.Run(t.Context(), Command{Argv: []string{"sh", "-c", "pwd; echo $0; echo bad >&2; cat; exit 7", "$(boom) *"}}, print); exit != 7 || err != nil {
		t.Errorf("exit %d, %v", exit, err)
	}
	if want := dir + "\n$(boom) *\nbad\n"; out.String() != want {
		t.Errorf("printed %q, want %q", out.String(), want)
	}
	if _, err := p.Run(t.Context(), Command{Argv: []string{"sh", "-c", "kill -9 $$"}}, print); err == nil || !strings.Contains(err.Error(), "killed") {
		t.Error(err)
	}
	if _, err := p.Run(t.Context(), Command{Argv: []string{"no-such-program-here"}}, print); err == nil {
		t.Error("a program that is not there ended well")
	}
	ctx, cancel := context.WithTimeout(t.Context(), 100*time.Millisecond)
	defer cancel()
	began := time.Now()
	if _, err := p.Run(ctx, Command{Argv: []string{"sh", "-c", "sleep 60 & sleep 60"}}, print); !errors.Is(err, context.DeadlineExceeded) || time.Since(began) > 40*time.Second {
		t.Errorf("%v after %v", err, time.Since(began))
	}
}
