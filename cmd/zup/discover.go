package main

import (
	"context"
	"fmt"
	"maps"
	"net"
	"net/netip"
	"slices"
	"strconv"
	"strings"

	"github.com/hashicorp/hcl/v2/hclwrite"
	"github.com/zclconf/go-cty/cty"

	"zup/plan"
	"zup/plan/config"
	"zup/plan/escape"
	"zup/plan/name"
	"zup/plan/observe"
	"zup/plan/reach"
	"zup/providers"
)

// found is a live cluster as zup init describes it.
type found struct {
	provider string
	from     string // as the user named it
	nodes    []foundNode
	farms    []plan.Farm
}

type foundNode struct {
	plan.ObservedNode
	seen    plan.Sighting
	address string // as it was reached
	user    string // empty: nobody said
	port    int    // 0: nobody said
}

// discover reads a live node and its peer; nothing on them changes.
func (c *cli) discover(ctx context.Context, from string, ask bool) (*found, error) {
	first, err := parseFrom(from)
	if err != nil {
		return nil, usagef("for example -from=root@192.168.100.24", "-from: %w", err)
	}
	fleet := c.newFleet("", ask)
	defer fleet.Close()
	line := c.progressLine("Reading the nodes", 2)
	defer line.stop()
	f := &found{from: from}
	if err := c.recognize(ctx, fleet, f, &first); err != nil {
		return nil, err
	}
	line.add()
	if first.seen.Members != nil {
		peer, err := c.peer(ctx, fleet, f.provider, first)
		if err != nil {
			return nil, err
		}
		f.nodes = []foundNode{first, peer}
		slices.SortFunc(f.nodes, func(a, b foundNode) int { return strings.Compare(a.seen.Name, b.seen.Name) })
	} else {
		f.nodes = []foundNode{first}
	}
	observed := make([]plan.ObservedNode, len(f.nodes))
	for i, n := range f.nodes {
		observed[i] = n.ObservedNode
	}
	f.farms = observe.FarmsOf(ctx, providers.All()[f.provider], observed, fleet.sieve())
	return f, nil
}

// recognize asks a node as each product would until one of them is at home there. Where
// none is, what the one says that knows it best is said.
func (c *cli) recognize(ctx context.Context, fleet *fleet, f *found, n *foundNode) error {
	var says, next string
	known := false
	for _, provider := range slices.Sorted(maps.Keys(providers.All())) {
		c.look(ctx, fleet, provider, n, nil)
		if n.Err != nil {
			return fmt.Errorf("read %s: %w", escape.Line(n.address), n.Err)
		}
		if n.seen.Here {
			f.provider = provider
			return nil
		}
		if n.seen.Near && !known || says == "" {
			says, next, known = n.seen.What, n.seen.Next, n.seen.Near
		}
	}
	if known {
		return fail(exitError, escape.Line(next), "%s %s", escape.Line(n.address), escape.Line(says))
	}
	return fail(exitError, "", "%s runs none of the products that zup knows: %s (%s)", escape.Line(n.address),
		strings.Join(slices.Sorted(maps.Keys(providers.All())), ", "), escape.Line(says))
}

// look asks one node. Of one that another node has named, allow is asked about the
// addresses that its name stands for.
func (c *cli) look(ctx context.Context, fleet *fleet, provider string, n *foundNode, allow func(netip.Addr) error) {
	found := observe.Target{Cluster: "found", Product: provider, Nodes: []string{n.address}}
	node := &config.Node{Name: n.address, Address: n.address, SSH: config.SSH{User: n.user, Port: n.port}}
	observed := observe.Nodes(ctx, []observe.Target{found}, observe.Options{
		Dial: func(ctx context.Context, cluster, _ string) (observe.Host, error) {
			return hostOrError(fleet.named(ctx, cluster, node, allow))
		},
		Products: products(), Now: c.now,
	})
	n.ObservedNode = observed[found.Cluster][0]
	n.seen = providers.All()[provider].Sighting(n.Facts)
}

// peer finds the other node of the first one's cluster: at its cluster address, or
// else by its name, which ~/.ssh/config may know. Both are the first node's word: what is
// not another machine's address, or not the name of a host, is not connected to.
func (c *cli) peer(ctx context.Context, fleet *fleet, provider string, first foundNode) (foundNode, error) {
	for _, member := range first.seen.Members {
		name, address := member.Name, member.Address
		if name == first.seen.Name {
			continue
		}
		if !reach.Name(name) {
			return foundNode{}, fmt.Errorf("%s says that its peer is called %q, which is not a host name", escape.Line(first.address), cut(name))
		}
		sieve := fleet.sieve()
		allow := func(a netip.Addr) error { return peerAddress(sieve, a.String()) }
		last := peerAddress(sieve, address)
		for _, at := range []string{address, name} {
			if at == address && last != nil {
				continue
			}
			n := foundNode{address: at, user: first.user, port: first.port}
			c.look(ctx, fleet, provider, &n, allow)
			if n.Err == nil && n.seen.Name != name {
				n.Err = fmt.Errorf("another machine answers there: it says that it is %q", escape.Line(n.seen.Name))
			}
			if n.Err == nil {
				return n, nil
			}
			if last == nil {
				last = n.Err
			}
		}
		return foundNode{}, fmt.Errorf("read the peer %s at %s: %w", escape.Line(name), escape.Line(cut(address)), last)
	}
	return foundNode{}, fail(exitError, "", "%s is in a cluster and names no other node: %s",
		escape.Line(first.address), escape.Line(first.seen.Says))
}

// cut keeps an error that shows a node's words short.
func cut(s string) string { return strings.ToValidUTF8(s[:min(len(s), 100)], "?") }

// parseFrom takes [user@]host[:port] apart.
func parseFrom(s string) (foundNode, error) {
	var n foundNode
	host := s
	if user, rest, ok := strings.Cut(s, "@"); ok {
		n.user, host = user, rest
		if n.user == "" {
			return n, fmt.Errorf("%q has an empty user", s)
		}
	}
	if h, port, err := net.SplitHostPort(host); err == nil {
		p, err := strconv.ParseUint(port, 10, 16)
		if err != nil || p == 0 {
			return n, fmt.Errorf("%q is not a port number", port)
		}
		host, n.port = h, int(p)
	}
	n.address = strings.Trim(host, "[]")
	if n.address == "" || strings.ContainsAny(n.address, " /\"'\\") {
		return n, fmt.Errorf("%q names no host", s)
	}
	return n, nil
}

// describe writes the configuration of what was found.
func (f *found) describe() ([]byte, error) {
	observed := make([]plan.ObservedNode, len(f.nodes))
	for i, n := range f.nodes {
		if !name.Node(n.seen.Name) {
			return nil, fmt.Errorf("%s calls itself %q, which is not a host name", escape.Line(n.address), n.seen.Name)
		}
		observed[i] = plan.ObservedNode{Name: n.seen.Name, Facts: n.Facts}
	}
	draft, err := providers.All()[f.provider].Draft(observed)
	if err != nil {
		return nil, err
	}
	var b strings.Builder
	fmt.Fprintf(&b, "# Read from %s by zup init. It describes what is there; change the version to update.\n\n", escape.Line(f.from))
	fmt.Fprintf(&b, "cluster %s %s {\n", literal(f.provider), literal(f.name()))
	fmt.Fprintf(&b, "version = %s\n", literal(draft.Version))
	b.WriteString(draft.Arguments)
	if f.nodes[0].user != "" {
		fmt.Fprintf(&b, "\nssh {\nuser = %s\n}\n", literal(f.nodes[0].user))
	}
	for _, n := range f.nodes {
		fmt.Fprintf(&b, "\nnode %s {\naddress = %s\nssh {\n", literal(n.seen.Name), literal(n.address))
		if n.port != 0 {
			fmt.Fprintf(&b, "port = %d\n", n.port)
		}
		fmt.Fprintf(&b, "host_key = %s\n}\n}\n", literal(n.HostKey))
	}
	for _, farm := range f.farms {
		at, err := netip.ParseAddrPort(farm.Address)
		if err == nil && farm.Foreign != "" {
			fmt.Fprintf(&b, "\n# Left out, and not tried: %s is not an address of users (%s).\n", escape.Line(at.String()), farm.Foreign)
			continue
		}
		if err != nil {
			return nil, fmt.Errorf("a node says %q where VIP and port of a farm should be", farm.Address)
		}
		block := fmt.Sprintf("probe %s {\ntcp = %s\n}\n", literal(probeName(at)), literal(at.String()))
		if !farm.Answers {
			why := "Does not answer from here"
			if farm.Spared {
				why = "Was not tried: enough others were"
			}
			block = "# " + why + ".\n# " + strings.ReplaceAll(strings.TrimRight(block, "\n"), "\n", "\n# ") + "\n"
		}
		b.WriteString("\n" + block)
	}
	b.WriteString("}\n")
	return hclwrite.Format([]byte(b.String())), nil
}

func literal(s string) string { return string(hclwrite.TokensForValue(cty.StringVal(s)).Bytes()) }

// name is what the nodes' names have in common, or the first one's name.
func (f *found) name() string {
	name := strings.ToLower(f.nodes[0].seen.Name)
	if len(f.nodes) == 2 {
		other := strings.ToLower(f.nodes[1].seen.Name)
		common := 0
		for common < min(len(name), len(other)) && name[common] == other[common] {
			common++
		}
		if shared := strings.Trim(name[:common], "-"); len(shared) > 1 {
			name = shared
		}
	}
	return name
}

func probeName(at netip.AddrPort) string {
	host := strings.Map(func(r rune) rune {
		if r == '.' || r == ':' {
			return '-'
		}
		return r
	}, strings.Trim(at.Addr().String(), ":"))
	return fmt.Sprintf("tcp-%s-%d", host, at.Port())
}
