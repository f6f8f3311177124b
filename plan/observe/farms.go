package observe

import (
	"context"
	"net"
	"slices"
	"time"

	"golang.org/x/sync/errgroup"

	"zup/plan"
	"zup/plan/config"
	"zup/plan/reach"
)

const (
	farmTimeout     = time.Second // for one connection
	farmParallelism = 64
	farmLimit       = 200    // connections for one cluster
	farmsHeard      = 10_000 // of a cluster; nobody has so many, and a node may say anything
)

// Farms connects once to every farm of the clusters that are to be probed and say
// nothing of how: what answers from here can be measured from here. Which they are the
// nodes say, so that the sieve has to let each of them through; of a cluster at most 200
// are tried. It blocks for a second at the most for each 64 of them.
func Farms(ctx context.Context, clusters []*config.Cluster, observed plan.Observed, products map[string]Product, sieve reach.Sieve) map[string][]plan.Farm {
	all := map[string][]plan.Farm{}
	var g errgroup.Group
	g.SetLimit(farmParallelism)
	for _, c := range clusters {
		if len(c.Probes) == 0 && products[c.Provider].Watches(c) {
			all[c.Name] = try(ctx, &g, products[c.Provider], observed[c.Name], sieve)
		}
	}
	g.Wait()
	return all
}

// FarmsOf is Farms for the nodes of one cluster that nobody has configured.
func FarmsOf(ctx context.Context, product Product, nodes []plan.ObservedNode, sieve reach.Sieve) []plan.Farm {
	var g errgroup.Group
	g.SetLimit(farmParallelism)
	farms := try(ctx, &g, product, nodes, sieve)
	g.Wait()
	return farms
}

// try begins to connect to the farms that are to be tried; which of them answer is known
// when the group has ended.
func try(ctx context.Context, g *errgroup.Group, product Product, nodes []plan.ObservedNode, sieve reach.Sieve) []plan.Farm {
	vips, addresses := product.Farms(nodes)
	farms := sifted(sieve, vips, addresses)
	for i := range farms {
		if farms[i].Foreign != "" || farms[i].Spared {
			continue
		}
		g.Go(func() error {
			farms[i].Answers = answers(ctx, farms[i].Address)
			return nil
		})
	}
	return farms
}

// sifted says of each farm whether it is to be tried.
func sifted(sieve reach.Sieve, vips, addresses []string) []plan.Farm {
	slices.Sort(addresses)
	addresses = slices.Compact(addresses)
	foreign := sieve.Farms(addresses[:min(len(addresses), farmsHeard)], vips)
	farms := make([]plan.Farm, len(addresses))
	tried := 0
	for i, a := range addresses {
		farms[i].Address = a[:min(len(a), 100)]
		switch {
		case i < len(foreign) && foreign[i] != "":
			farms[i].Foreign = foreign[i]
		case i >= len(foreign) || tried == farmLimit:
			farms[i].Spared = true
		default:
			tried++
		}
	}
	return farms
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
