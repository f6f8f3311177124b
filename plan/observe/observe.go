// Package observe asks every node what it is, all of them side by side, with one
// script and one round trip a node. Start with Nodes.
//
// It changes nothing on a node and judges nothing: what the facts mean is the
// provider's to say.
package observe

import (
	"context"
	"fmt"
	"slices"
	"strconv"
	"time"

	"golang.org/x/sync/errgroup"

	"zup/plan"
	"zup/plan/config"
)

// Host runs a script on a node that it has a connection to.
type Host interface {
	// Run runs a script with arguments and returns what it wrote to its standard
	// output. A script that exits with another status than 0 is an error.
	Run(ctx context.Context, script string, args ...string) ([]byte, error)
	// HostKey returns the key that the host showed, authorized_keys form.
	HostKey() string
}

// Product says what to ask the nodes of a product.
type Product interface {
	FactsScript() string
	ObservedFacts() []string
	// Watches reports whether the farms of a cluster without probes are to be tried.
	Watches(*config.Cluster) bool
	// Farms returns what users reach, in the words of the node that is MASTER: the VIPs,
	// and VIP and port of each farm that is up.
	Farms(nodes []plan.ObservedNode) (vips, farms []string)
}

// Target is a cluster whose nodes are asked.
type Target struct {
	Cluster string
	Product string   // by its name in Options.Products
	Nodes   []string // by names that Options.Dial knows
	Words   []string // what the product's script gets behind the names of facts
}

// Targets are the clusters of a configuration, of these products.
func Targets(clusters []*config.Cluster, products map[string]Product) []Target {
	all := make([]Target, len(clusters))
	for i, c := range clusters {
		all[i] = Target{Cluster: c.Name, Product: c.Provider, Nodes: make([]string, len(c.Nodes))}
		for k := range c.Nodes {
			all[i].Nodes[k] = c.Nodes[k].Name
		}
		if p, ok := products[c.Provider].(Particular); ok {
			all[i].Words = p.Asked(c)
		}
	}
	return all
}

// Particular is a product whose script has to know what the configuration wants: Asked
// returns the words that it gets behind the names of facts.
type Particular interface {
	Asked(*config.Cluster) []string
}

// Options say how to ask.
type Options struct {
	Dial        func(ctx context.Context, cluster, node string) (Host, error)
	Products    map[string]Product
	Parallelism int              // nodes asked at the same time; at most that many; 0: 20
	Timeout     time.Duration    // for one node, connecting included; 0: 90 s
	Now         func() time.Time // to compare clocks
	Asked       func(cluster, node string, err error)
}

// Nodes asks every node of the clusters. It blocks until all have answered or
// failed, or ctx ends; a node that failed has Err set and never stops the others.
func Nodes(ctx context.Context, targets []Target, o Options) plan.Observed {
	if o.Parallelism == 0 {
		o.Parallelism = 20
	}
	if o.Timeout == 0 {
		o.Timeout = 90 * time.Second
	}
	observed := make(plan.Observed, len(targets))
	var g errgroup.Group
	g.SetLimit(o.Parallelism)
	for _, t := range targets {
		nodes := make([]plan.ObservedNode, len(t.Nodes))
		observed[t.Cluster] = nodes
		for i, node := range t.Nodes {
			g.Go(func() error {
				nodes[i] = o.ask(ctx, t, node)
				if o.Asked != nil {
					o.Asked(t.Cluster, node, nodes[i].Err)
				}
				return nil
			})
		}
	}
	g.Wait()
	return observed
}

func (o Options) ask(ctx context.Context, t Target, node string) plan.ObservedNode {
	ctx, cancel := context.WithTimeout(ctx, o.Timeout)
	defer cancel()
	out := plan.ObservedNode{Name: node}
	host, err := o.Dial(ctx, t.Cluster, node)
	if err != nil {
		out.Err = err
		return out
	}
	out.HostKey = host.HostKey()
	product := o.Products[t.Product]
	names := product.ObservedFacts()
	text, err := host.Run(ctx, product.FactsScript(), slices.Concat(names, t.Words)...)
	if err == nil {
		if out.Facts, err = plan.ParseFacts(text, names); err != nil {
			err = fmt.Errorf("%w; if it is not the script's, something says it while a command runs there: a login shell's file (.bashrc of the account, /etc/bash.bashrc), or what such a file has started", err)
		}
	}
	if err != nil {
		out.Err, out.Facts = err, nil
		return out
	}
	out.Facts[plan.FactSkew] = skew(out.Facts[plan.FactTime], o.Now())
	return out
}

// skew returns by how many seconds the node's clock is ahead, or "unknown".
func skew(theirs string, now time.Time) string {
	t, err := strconv.ParseInt(theirs, 10, 64)
	if err != nil {
		return "unknown"
	}
	return strconv.FormatInt(t-now.Unix(), 10)
}
