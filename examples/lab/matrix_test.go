//go:build linux

package main

import (
	"context"
	"encoding/json"
	"fmt"
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
	action     int           // place in the plan
	moment     string        // "before", "during" or "after" it
	delay      time.Duration // of "during", from its begin
	fault      string        // what happens
	node       int           // to which node, 0 or 1
	way        string        // "resume" or "plan": how it goes on
}

func (c cut) String() string {
	return fmt.Sprintf("%s %d %s %s %d %s", c.switchover, c.action+1, c.moment, c.fault, c.node+1, c.way)
}

// The faults: zup is killed with -9, every connection to a node is cut, or a node
// loses its power and gets it back.
const (
	killed  = "killed"
	cutOff  = "cut off"
	powered = "power cut"
)

// allCuts is the whole matrix, in an order that its seed gives.
func allCuts(seed uint64) []cut {
	rnd := rand.New(rand.NewPCG(seed, 0))
	var all []cut
	for switchover, actions := range map[string]int{"drain": 25, "restart": 21} {
		for action := range actions {
			for _, moment := range []string{"before", "during", "during", "after"} {
				for _, way := range []string{"resume", "plan"} {
					for _, f := range []struct {
						fault string
						node  int
					}{{killed, 0}, {cutOff, 0}, {cutOff, 1}, {powered, 0}, {powered, 1}} {
						all = append(all, cut{switchover, action, moment, 0, f.fault, f.node, way})
					}
				}
			}
		}
	}
	slices.SortFunc(all, func(a, b cut) int { return strings.Compare(a.String(), b.String()) })
	for i := range all {
		all[i].delay = time.Duration(rnd.IntN(2000)) * time.Millisecond
	}
	rnd.Shuffle(len(all), func(i, k int) { all[i], all[k] = all[k], all[i] })
	return all
}

// ended is what became of the cuts of one kind.
type ended struct {
	cases, well, refused, repaired int
	lost, sent                     int
	longest                        time.Duration
}

// TestCutMatrix cuts an update off in every way and ends it: ZUP_CUTS says how many
// cases of the matrix are tried, ZUP_SEED which. The table goes into the log.
func TestCutMatrix(t *testing.T) {
	needLab(t)
	needsTime(t)
	cases, seed := 4, uint64(1)
	if n, err := strconv.Atoi(os.Getenv("ZUP_CUTS")); err == nil {
		cases = n
	}
	if n, err := strconv.ParseUint(os.Getenv("ZUP_SEED"), 10, 64); err == nil {
		seed = n
	}
	all := allCuts(seed)
	var mu sync.Mutex
	table := map[string]*ended{}
	t.Run("cuts", func(t *testing.T) {
		for _, c := range all[:min(cases, len(all))] {
			t.Run(c.String(), func(t *testing.T) {
				t.Parallel()
				e := c.try(t)
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
	var b strings.Builder
	fmt.Fprintf(&b, "seed %d, %d of %d cases\n%-18s %6s %6s %8s %9s %9s %6s %12s\n", seed, min(cases, len(all)), len(all), "", "cases", "well", "refused", "repaired", "requests", "lost", "longest gap")
	var keys []string
	for k := range table {
		keys = append(keys, k)
	}
	slices.Sort(keys)
	for _, k := range keys {
		e := table[k]
		fmt.Fprintf(&b, "%-18s %6d %6d %8d %9d %9d %6d %9.1f s\n", k, e.cases, e.well, e.refused, e.repaired, e.sent, e.lost, e.longest.Seconds())
	}
	t.Logf("\n%s", b.String())
}

func (e *ended) add(o ended, well bool) {
	e.cases++
	if well {
		e.well++
	}
	e.refused += o.refused
	e.repaired += o.repaired
	e.sent, e.lost = e.sent+o.sent, e.lost+o.lost
	e.longest = max(e.longest, o.longest)
}

// try cuts one update off and ends it.
func (c cut) try(t *testing.T) (e ended) {
	b := newBench(t, world.Options{}, world.ConfigOptions{Switchover: c.switchover})
	b.wants(2, nil, "plan", "-detailed-exitcode", "-out", "edge.plan")
	ids := b.actionIDs("edge.plan")
	if c.action >= len(ids) {
		t.Fatalf("the plan has only %d actions", len(ids))
	}
	watch, err := startWatch(t.Context(), b.World)
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
	b.awaitCut(c, ids, over)
	node := b.c.Nodes[c.node].Name
	switch c.fault {
	case killed:
		cmd.Process.Kill()
	case cutOff:
		b.Exec(t.Context(), node, "pkill", "-9", "-f", "^sshd: root")
	case powered:
		if _, err := b.Exec(t.Context(), world.Control, world.SnapshotCommand, "reset", node); err != nil {
			t.Fatal(err)
		}
	}
	<-over
	b.goOn(c, &e)
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
	b.endsWell(e)
	return e
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
func (b *bench) awaitCut(c cut, ids []string, over <-chan struct{}) {
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
		case <-time.After(c.delay):
		}
	}
}

// goOn ends what was cut off, first the way that is tried, then with new plans. A
// package that a power cut has left half-way is repaired as zup's message says.
func (b *bench) goOn(c cut, e *ended) {
	b.Helper()
	b.awaitUp()
	args := []string{"apply", "-auto-approve"}
	if c.way == "resume" {
		args = []string{"resume"}
	}
	var code int
	var out string
	for attempt := range 8 {
		code, out = b.zup(args...)
		if code == 0 {
			return
		}
		if attempt == 0 && c.way == "resume" && !strings.Contains(out, "every run has ended") {
			e.refused++
		}
		args = []string{"apply", "-auto-approve"}
		if strings.Contains(out, "dpkg --configure -a") || strings.Contains(out, "broken state") {
			e.repaired++
			for _, n := range b.c.Nodes {
				b.on(n.Name, "DEBIAN_FRONTEND=noninteractive; export DEBIAN_FRONTEND; dpkg --configure -a --force-confold; apt-get -y -f install >/dev/null 2>&1 || true")
			}
		}
		time.Sleep(3 * time.Second) // roles move, services start
	}
	b.Fatalf("it does not end; the last one exited with %d:\n%s", code, out)
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
func (b *bench) endsWell(e ended) {
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
		if times := strings.TrimSpace(out); err != nil || times != "1" && e.repaired == 0 {
			b.Errorf("%s was updated %s times (%v)", n.Name, times, err)
		}
	}
}
