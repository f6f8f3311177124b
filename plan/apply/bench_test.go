package apply_test

import (
	"context"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"zup/plan"
	"zup/plan/apply"
	"zup/plan/config"
	"zup/plan/state"
	"zup/providers/zevenet"
	"zup/providers/zevenet/arguments"
	"zup/providers/zevenet/zevenettest"
)

// How long remote commands take in the benchmark. On the emulated pair facts
// take 80 to 200 ms, most jobs 100 ms to 1 s, and an update 5 s: here everything
// is quicker, so that what apply adds weighs more than it does in life.
const (
	factsTake = 25 * time.Millisecond
	jobsTake  = 75 * time.Millisecond
)

// remote is a node whose commands take their time and are written down.
type remote struct {
	pair *zevenettest.Pair
	node string
	plan *plan.Plan
	busy *intervals
}

// intervals are the times at which some remote command ran.
type intervals struct {
	mu  sync.Mutex
	all [][2]time.Time
}

func (i *intervals) spend(d time.Duration) {
	start := time.Now()
	time.Sleep(d)
	i.mu.Lock()
	i.all = append(i.all, [2]time.Time{start, time.Now()})
	i.mu.Unlock()
}

// covered is for how long at least one command ran.
func (i *intervals) covered() time.Duration {
	slices.SortFunc(i.all, func(a, b [2]time.Time) int { return a[0].Compare(b[0]) })
	var sum time.Duration
	var until time.Time
	for _, one := range i.all {
		start := one[0]
		if start.Before(until) {
			start = until
		}
		if one[1].After(start) {
			sum += one[1].Sub(start)
			until = one[1]
		}
	}
	return sum
}

func (r remote) Run(_ context.Context, script string, names ...string) ([]byte, int, error) {
	if len(names) == 0 {
		return nil, 0, r.do(script)
	}
	r.busy.spend(factsTake)
	facts := r.pair.FactsOf(r.node)
	var b strings.Builder
	for _, name := range names {
		b.WriteString(name + "=" + facts[name] + "\n")
	}
	b.WriteString("end\n")
	return []byte(b.String()), 0, nil
}

func (r remote) Job(_ context.Context, job apply.Job) (int, error) { return 0, r.do(job.Script) }

func (r remote) do(script string) error {
	r.busy.spend(jobsTake)
	for i := range r.plan.Actions {
		if a := &r.plan.Actions[i]; a.Script == script && a.Node == r.node {
			r.pair.Do(a.Kind, r.node)
			return nil
		}
	}
	panic("a script that is not in the plan")
}

// BenchmarkApplyOverhead carries out the update of a pair, 25 actions, and
// reports what apply adds to its remote commands: the time in which none of them
// ran, as a percentage of the time in which at least one did. Journal, state
// file and transcripts are written and synced for real.
func BenchmarkApplyOverhead(b *testing.B) {
	b.ReportAllocs()
	var total, covered time.Duration
	for b.Loop() {
		pair := zevenettest.New("zva5n1", "zva5n2", "zva5n1", "disabled")
		cfg := &config.Cluster{
			Provider: "zevenet", Name: "edge", Version: zevenettest.NewVersion, Own: arguments.Arguments{Switchover: "drain"}.Own(),
			Nodes: []config.Node{{Name: "zva5n1", Address: "192.0.2.101"}, {Name: "zva5n2", Address: "192.0.2.102"}},
		}
		p, err := plan.Build(plan.Input{
			Config: &config.Config{Clusters: []*config.Cluster{cfg}}, Version: "test",
			Observed: plan.Observed{"edge": {
				{Name: "zva5n1", Facts: pair.FactsOf("zva5n1")}, {Name: "zva5n2", Facts: pair.FactsOf("zva5n2")},
			}},
			Providers: map[string]plan.Provider{"zevenet": zevenet.Provider{}},
		})
		if err != nil {
			b.Fatal(err)
		}
		dir := b.TempDir()
		store, err := state.Open(b.Context(), filepath.Join(dir, "zup.state.json"), 0, state.Holder{})
		if err != nil {
			b.Fatal(err)
		}
		busy := &intervals{}
		start := time.Now()
		_, err = apply.Run(b.Context(), p, apply.Options{
			Dial: func(_ context.Context, _ *plan.Cluster, n *plan.Node) (apply.Host, error) {
				return remote{pair, n.Name, p, busy}, nil
			},
			Store: store, RunID: "bench", Dir: filepath.Join(dir, "run"), Version: "test",
		})
		if err != nil || pair.Damage() != "" {
			b.Fatal(err, pair.Damage())
		}
		total += time.Since(start)
		covered += busy.covered()
		store.Close()
	}
	b.ReportMetric(100*(total-covered).Seconds()/covered.Seconds(), "overhead-%")
}
