package observe

import (
	"context"
	"net"
	"time"

	"golang.org/x/sync/errgroup"

	"zup/plan"
	"zup/plan/config"
)

const (
	farmTimeout     = time.Second // for one connection
	farmParallelism = 64
)

// Farms connects once to every farm of the clusters that are to be probed and say
// nothing of how: what answers from here can be measured from here. It blocks for
// a second at the most for each 64 of them.
func Farms(ctx context.Context, clusters []*config.Cluster, observed plan.Observed, products map[string]Product) map[string][]plan.Farm {
	all := map[string][]plan.Farm{}
	var g errgroup.Group
	g.SetLimit(farmParallelism)
	for _, c := range clusters {
		if len(c.Probes) > 0 || !c.ProbeFarms {
			continue
		}
		addresses := products[c.Provider].Farms(observed[c.Name])
		farms := make([]plan.Farm, len(addresses))
		all[c.Name] = farms
		for i, address := range addresses {
			g.Go(func() error {
				farms[i] = plan.Farm{Address: address, Answers: answers(ctx, address)}
				return nil
			})
		}
	}
	g.Wait()
	return all
}

func answers(ctx context.Context, address string) bool {
	dialer := net.Dialer{Timeout: farmTimeout}
	conn, err := dialer.DialContext(ctx, "tcp", address)
	if err != nil {
		return false
	}
	conn.Close()
	return true
}
