package apply

import (
	"context"
	"slices"
	"strings"
	"sync"
	"time"

	"zup/plan"
	"zup/plan/escape"
)

// readLimit is how long a node may take to answer for its facts; the slowest of
// them ask the peer over ssh.
const readLimit = 75 * time.Second

// facts are what some nodes said just now; a node that did not answer is not in.
type facts struct {
	of  map[string]map[string]string
	err map[string]error
}

func (f facts) get(node, fact string) (string, bool) {
	v, ok := f.of[node][fact]
	return v, ok
}

// readFacts reads single facts, each node once.
func (b *branch) readFacts(ctx context.Context, wanted []plan.Fact) facts {
	byNode := map[string][]string{}
	for _, f := range wanted {
		byNode[f.Node] = append(byNode[f.Node], f.Fact)
	}
	return b.read(ctx, byNode)
}

// read asks the nodes for facts, all of them side by side.
func (b *branch) read(ctx context.Context, wanted map[string][]string) facts {
	f := facts{of: map[string]map[string]string{}, err: map[string]error{}}
	var mu sync.Mutex
	var wg sync.WaitGroup
	for node, names := range wanted {
		wg.Go(func() {
			got, err := b.readNode(ctx, node, names)
			mu.Lock()
			defer mu.Unlock()
			if err != nil {
				f.err[node] = err
				return
			}
			f.of[node] = got
		})
	}
	wg.Wait()
	return f
}

func (b *branch) readNode(ctx context.Context, node string, names []string) (map[string]string, error) {
	ctx, cancel := context.WithTimeout(ctx, readLimit)
	defer cancel()
	host, err := b.dial(ctx, node)
	if err != nil {
		return nil, err
	}
	out, _, err := host.Run(ctx, b.product().Facts, slices.Concat(names, b.cluster.Asked)...)
	if err != nil {
		return nil, err
	}
	return plan.ParseFacts(out, names)
}

// missed evaluates conditions and returns those that do not hold. A node that
// does not answer holds nothing.
func (b *branch) missed(ctx context.Context, conditions []plan.Condition) []Mismatch {
	if len(conditions) == 0 {
		return nil
	}
	f := b.read(ctx, plan.Reads(conditions))
	recorded := func(node, fact string) (string, bool) {
		b.mu.Lock()
		defer b.mu.Unlock()
		v, ok := b.recorded[plan.Fact{Node: node, Fact: fact}]
		return v, ok
	}
	var missed []Mismatch
	for _, c := range conditions {
		holds, want, seen := c.Holds(f.get, recorded)
		if holds {
			continue
		}
		if err := f.err[c.Node]; err != nil {
			seen = "not known (" + err.Error() + ")"
		}
		says := ""
		if f.err[c.Node] == nil && seen != "unknown" {
			says = strings.ReplaceAll(escape.Line(c.Says), "{seen}", escape.Line(seen))
		}
		missed = append(missed, Mismatch{Node: c.Node, Fact: c.Fact, Want: escape.Line(want), Seen: escape.Line(seen), Says: says})
	}
	return missed
}

// product is what the plan says about the product of this cluster.
func (b *branch) product() *plan.Product { return b.plan.Product(b.cluster.Provider) }

// condition reads how the cluster was left, for the message about a stop. It
// takes no longer than a person would wait.
func (b *branch) condition(ctx context.Context) *Condition {
	b.runner.mu.Lock()
	c := &Condition{Changed: b.touched}
	if known := b.Store.State().Cluster(b.cluster.Name); known.Run == b.RunID {
		c.Open = known.Open
	}
	b.runner.mu.Unlock()
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), 20*time.Second)
	defer cancel()
	wanted := map[string][]string{}
	for i := range b.cluster.Nodes {
		n := &b.cluster.Nodes[i]
		names := slices.Concat(b.product().Tells(), plan.Reads(n.Serves)[n.Name])
		slices.Sort(names)
		wanted[n.Name] = slices.Compact(names)
	}
	f := b.read(ctx, wanted)
	for i := range b.cluster.Nodes {
		n := &b.cluster.Nodes[i]
		nc := NodeCondition{Name: n.Name, Facts: f.of[n.Name], Serves: n.IsServing(f.of[n.Name])}
		nc.Version = escape.Line(nc.Facts[b.product().VersionFact])
		for name, value := range nc.Facts {
			nc.Facts[name] = escape.Line(value)
		}
		if err := f.err[n.Name]; err != nil {
			nc.Why = escape.Line(err.Error())
		}
		c.Nodes = append(c.Nodes, nc)
	}
	return c
}

// explained is what the product has to say of conditions that do not hold, behind what
// was said of them; "" if that is nothing.
func (b *branch) explained(ctx context.Context, conditions []plan.Condition, missed []Mismatch) string {
	product := b.Explain[b.cluster.Provider]
	if product == nil {
		return ""
	}
	conditions = slices.DeleteFunc(slices.Clone(conditions), func(c plan.Condition) bool {
		return !slices.ContainsFunc(missed, func(m Mismatch) bool { return m.Node == c.Node && m.Fact == c.Fact })
	})
	wanted := product.Evidence(b.cluster, conditions)
	if len(wanted) == 0 {
		return ""
	}
	read := b.readFacts(ctx, wanted)
	evidence := map[plan.Fact]string{}
	for _, f := range wanted {
		if v, ok := read.get(f.Node, f.Fact); ok {
			evidence[f] = v
		}
	}
	if why := product.Explain(b.cluster, conditions, evidence); why != "" {
		return "; " + escape.Line(why)
	}
	return ""
}
