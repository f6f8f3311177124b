package main

import (
	"bytes"
	"errors"
	"fmt"
	"math/rand/v2"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"zup/plan"
	"zup/plan/state"
	"zup/providers/ssh/sshtest"
	"zup/providers/zevenet/zevenettest"
)

const killedConfig = `cluster "zevenet" "edge" {
  version = "6.1.20"
  node "zva5n1" { address = "zva5n1" }
  node "zva5n2" { address = "zva5n2" }
}
`

// killedWorld is a pair in memory, and a directory in which zup is run, and killed.
type killedWorld struct {
	*pair
	dir string
	env []string
}

func newKilledWorld(t *testing.T) *killedWorld {
	t.Helper()
	w := &killedWorld{pair: &pair{zevenettest.New("zva5n1", "zva5n2", "zva5n1", "disabled"), map[string]*sshtest.Server{}, map[string]*hold{}}, dir: t.TempDir()}
	hosts := ""
	for _, name := range []string{"zva5n1", "zva5n2"} {
		w.servers[name] = w.Serve(t, name, sshtest.Config{})
		hosts += hostBlock(name, name, "root", w.servers[name])
	}
	home := filepath.Join(w.dir, "home")
	err := errors.Join(os.MkdirAll(filepath.Join(home, ".ssh"), 0o700),
		os.WriteFile(filepath.Join(home, ".ssh", "config"), []byte(hosts), 0o600),
		os.WriteFile(filepath.Join(w.dir, "edge.zup.hcl"), []byte(killedConfig), 0o600))
	if err != nil {
		t.Fatal(err)
	}
	w.env = append(os.Environ(), "HOME="+home, "SSH_AUTH_SOCK=", "ZUP_LOG=")
	return w
}

// zup starts zup, as a process of its own. What it says is in the buffer when it has ended.
func (w *killedWorld) zup(t *testing.T, args ...string) (*exec.Cmd, *bytes.Buffer) {
	t.Helper()
	var out bytes.Buffer
	cmd := exec.Command("zup", args...)
	cmd.Dir, cmd.Env, cmd.Stdout, cmd.Stderr = w.dir, w.env, &out, &out
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	return cmd, &out
}

// ends runs zup to its end, which must be with 0.
func (w *killedWorld) ends(t *testing.T, args ...string) string {
	t.Helper()
	cmd, out := w.zup(t, args...)
	if err := cmd.Wait(); err != nil {
		t.Fatalf("zup %s: %v\n%s", strings.Join(args, " "), err, out)
	}
	return out.String()
}

// journal waits until the journal of the only run says this of an action.
func (w *killedWorld) journal(t *testing.T, event state.Event, action string, over <-chan struct{}) {
	t.Helper()
	for {
		files, _ := filepath.Glob(filepath.Join(w.dir, ".zup", "runs", "*", "journal.jsonl"))
		for _, path := range files {
			entries, _, _ := state.ReadJournal(path)
			if slices.ContainsFunc(entries, func(e state.Entry) bool { return e.Event == event && e.Action == action }) {
				return
			}
		}
		select {
		case <-over:
			return
		case <-time.After(time.Millisecond):
		}
	}
}

// A kill strikes one action at one moment.
type kill struct {
	action plan.Action
	moment string
	delay  time.Duration // where nothing runs on a node that could be held
}

// The moments: what is about to begin is written down; its job has begun, and asks after
// the kill only; all that its job was to do is done, and it runs still while the next
// apply begins; that it is done is written down.
var killMoments = []string{"written", "asks", "runs", "done"}

func (k kill) String() string { return k.action.ID + " " + k.moment }

// kills are all of them, in a random order.
func kills(actions []plan.Action, seed uint64) []kill {
	rnd := rand.New(rand.NewPCG(seed, 0))
	var all []kill
	for _, a := range actions {
		for _, m := range killMoments {
			all = append(all, kill{a, m, time.Duration(rnd.IntN(100)) * time.Millisecond})
		}
	}
	rnd.Shuffle(len(all), func(i, j int) { all[i], all[j] = all[j], all[i] })
	return all
}

// strike runs an update and kills it. It returns what lets the job go on that is held.
func (k kill) strike(t *testing.T, w *killedWorld) (release func()) {
	t.Helper()
	begun, killed, released := make(chan struct{}), make(chan struct{}), make(chan struct{})
	var once sync.Once
	begin := func() { once.Do(func() { close(begun) }) }
	holds := k.action.Primitive == plan.Script && (k.moment == "asks" || k.moment == "runs")
	if holds {
		w.Fail(k.action.Node, k.action.Kind, func(z *zevenettest.Pair) zevenettest.Fault {
			z.Forget(k.action.Node, k.action.Kind)
			if k.moment == "asks" {
				begin()
				<-killed
				return zevenettest.Fault{}
			}
			return zevenettest.Fault{AtEnd: begin, Until: released}
		})
	}
	cmd, out := w.zup(t, "apply", "-auto-approve")
	over := make(chan struct{})
	go func() {
		cmd.Wait()
		close(over)
	}()
	switch {
	case holds:
		select {
		case <-begun:
		case <-over:
			t.Fatalf("it ended before %s began\n%s", k, out)
		}
	case k.moment == "done":
		w.journal(t, state.Done, k.action.ID, over)
	default:
		w.journal(t, state.Begin, k.action.ID, over)
		if k.moment != "written" {
			time.Sleep(k.delay)
		}
	}
	cmd.Process.Kill()
	<-over
	close(killed)
	return func() { close(released) }
}

// TestKilledThenApplyAtOnce kills zup with -9 at every action of a full update, and has
// apply end it at once: no job of its own is a stranger. ZUP_MATRIX=1 tries every moment of
// every action, otherwise it is a sample.
func TestKilledThenApplyAtOnce(t *testing.T) {
	first := newKilledWorld(t)
	first.ends(t, "plan", "-out", "all.plan")
	p, err := readPlan(filepath.Join(first.dir, "all.plan"))
	if err != nil {
		t.Fatal(err)
	}
	all := kills(p.Actions, 1)
	if len(all) != 100 {
		t.Errorf("the matrix has %d cases", len(all))
	}
	if os.Getenv("ZUP_MATRIX") == "" {
		runs := func(k kill) bool {
			return k.action.Kind == "update" && (k.moment == "asks" || k.moment == "runs")
		}
		all = append(slices.DeleteFunc(slices.Clone(all[8:]), func(k kill) bool { return !runs(k) }), all[:8]...)
	}
	var mu sync.Mutex
	well, waited := 0, 0
	t.Run("kills", func(t *testing.T) {
		for _, k := range all {
			t.Run(k.String(), func(t *testing.T) {
				t.Parallel()
				w := newKilledWorld(t)
				release := k.strike(t, w)
				cmd, out := w.zup(t, "apply", "-auto-approve")
				time.AfterFunc(time.Second, release)
				if err := cmd.Wait(); err != nil {
					t.Fatalf("the apply after it: %v\n%s", err, out)
				}
				if again := w.ends(t, "plan"); !strings.Contains(again, "No changes.") {
					t.Errorf("the plan after it:\n%s", again)
				}
				if err := w.atRest("zva5n1", "6.1.20"); err != nil {
					t.Error(err)
				}
				mu.Lock()
				defer mu.Unlock()
				well++
				if strings.Contains(out.String(), "Waiting: ") {
					waited++
				}
			})
		}
	})
	t.Log(fmt.Sprintf("%d of %d ended with 0 and No changes; %d waited for what the run that was killed still did", well, len(all), waited))
}
