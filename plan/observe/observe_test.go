package observe

import (
	"context"
	"errors"
	"sync"
	"testing"
	"testing/synctest"
	"time"
)

// silent is a host that says nothing until nobody waits any more.
type silent struct{ speaks }

func (silent) Run(ctx context.Context, _ string, _ ...string) ([]byte, error) {
	<-ctx.Done()
	return nil, ctx.Err()
}

// Nodes are asked side by side, as many at a time as may be, and one that fails or says
// nothing stops no other.
func TestNodesAreAskedSideBySide(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		const answer = "role=backup\ntime=5\nend\n"
		refused := errors.New("refused")
		var mu sync.Mutex
		at, most := 0, 0
		asked := map[string]error{}
		began := time.Now()
		got := Nodes(t.Context(), []Target{
			{Cluster: "a", Product: "p", Nodes: []string{"a1", "a2"}}, {Cluster: "b", Product: "p", Nodes: []string{"b1", "b2", "b3"}},
		}, Options{
			Dial: func(_ context.Context, cluster, node string) (Host, error) {
				mu.Lock()
				at++
				most = max(most, at)
				mu.Unlock()
				time.Sleep(time.Second)
				mu.Lock()
				at--
				mu.Unlock()
				switch node {
				case "a2":
					return nil, refused
				case "b2":
					return silent{}, nil
				}
				return speaks(answer), nil
			},
			Products: map[string]Product{"p": asks{}}, Parallelism: 2, Timeout: 10 * time.Second,
			Now: func() time.Time { return time.Unix(3, 0) },
			Asked: func(cluster, node string, err error) {
				mu.Lock()
				defer mu.Unlock()
				asked[cluster+"."+node] = err
			},
		})
		if most != 2 {
			t.Errorf("%d were asked at a time", most)
		}
		if took := time.Since(began); took > 12*time.Second {
			t.Errorf("it took %s", took)
		}
		for _, n := range got["b"][:1] {
			if n.Err != nil || n.Facts["skew"] != "2" || n.Name != "b1" {
				t.Errorf("%+v", n)
			}
		}
		if n := got["a"][1]; !errors.Is(n.Err, refused) || n.Facts != nil {
			t.Errorf("%+v", n)
		}
		if n := got["b"][1]; !errors.Is(n.Err, context.DeadlineExceeded) || n.Facts != nil {
			t.Errorf("%+v", n)
		}
		if len(asked) != 5 || asked["a.a2"] == nil || asked["a.a1"] != nil || asked["b.b3"] != nil {
			t.Errorf("%v", asked)
		}
	})
}
