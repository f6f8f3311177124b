package main

import (
	"context"
	"fmt"
	"maps"
	"net"
	"net/netip"
	"regexp"
	"slices"
	"strconv"
	"strings"

	"github.com/hashicorp/hcl/v2/hclwrite"
	debversion "github.com/knqyf263/go-deb-version"
	"github.com/zclconf/go-cty/cty"

	"zup/plan"
	"zup/plan/config"
	"zup/plan/escape"
	"zup/plan/observe"
	"zup/plan/reach"
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
	if first.Facts["clustered"] == "yes" {
		peer, err := c.peer(ctx, fleet, f.provider, first)
		if err != nil {
			return nil, err
		}
		f.nodes = []foundNode{first, peer}
		slices.SortFunc(f.nodes, func(a, b foundNode) int { return strings.Compare(a.Facts["hostname"], b.Facts["hostname"]) })
	} else {
		f.nodes = []foundNode{first}
	}
	cluster := &config.Cluster{Provider: f.provider, Name: "found", ProbeFarms: true}
	observed := plan.Observed{}
	for _, n := range f.nodes {
		observed[cluster.Name] = append(observed[cluster.Name], n.ObservedNode)
	}
	f.farms = observe.Farms(ctx, []*config.Cluster{cluster}, observed, products(), fleet.sieve())[cluster.Name]
	return f, nil
}

// recognize asks a node as each product would until one of them is at home there. Where
// none is, what the one says that knows it best is said.
func (c *cli) recognize(ctx context.Context, fleet *fleet, f *found, n *foundNode) error {
	var says, next string
	known := false
	for _, provider := range slices.Sorted(maps.Keys(providers())) {
		c.look(ctx, fleet, provider, n, nil)
		if n.Err != nil {
			return fmt.Errorf("read %s: %w", escape.Line(n.address), n.Err)
		}
		here, near, what, hint := providers()[provider].Sighting(n.Facts)
		if here {
			f.provider = provider
			return nil
		}
		if near && !known || says == "" {
			says, next, known = what, hint, near
		}
	}
	if known {
		return fail(exitError, escape.Line(next), "%s %s", escape.Line(n.address), escape.Line(says))
	}
	return fail(exitError, "", "%s runs none of the products that zup knows: %s (%s)", escape.Line(n.address),
		strings.Join(slices.Sorted(maps.Keys(providers())), ", "), escape.Line(says))
}

// look asks one node. Of one that another node has named, allow is asked about the
// addresses that its name stands for.
func (c *cli) look(ctx context.Context, fleet *fleet, provider string, n *foundNode, allow func(netip.Addr) error) {
	cluster := &config.Cluster{Provider: provider, Name: "found", Nodes: []config.Node{{
		Name: n.address, Address: n.address, SSH: config.SSH{User: n.user, Port: n.port},
	}}}
	observed := observe.Nodes(ctx, []*config.Cluster{cluster}, observe.Options{
		Dial: func(ctx context.Context, c *config.Cluster, n *config.Node) (observe.Host, error) {
			return hostOrError(fleet.named(ctx, c, n, allow))
		},
		Products: products(), Now: c.now,
	})
	n.ObservedNode = observed[cluster.Name][0]
}

// peer finds the other node of the first one's cluster: at its cluster address, or
// else by its name, which ~/.ssh/config may know. Both are the first node's word: what is
// not another machine's address, or not the name of a host, is not connected to.
func (c *cli) peer(ctx context.Context, fleet *fleet, provider string, first foundNode) (foundNode, error) {
	for _, member := range strings.Fields(first.Facts["nodes"]) {
		name, address, _ := strings.Cut(member, "=")
		if name == first.Facts["hostname"] {
			continue
		}
		if !reach.Name(name) {
			return foundNode{}, fmt.Errorf("%s says that its peer is called %q, which is no host name", escape.Line(first.address), cut(name))
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
			if n.Err == nil && n.Facts["hostname"] != name {
				n.Err = fmt.Errorf("another machine answers there: it says that it is %q", escape.Line(n.Facts["hostname"]))
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
	return foundNode{}, fail(exitError, "", "%s is in a cluster and names no other node: cluster.conf has %s",
		escape.Line(first.address), escape.Line(first.Facts["nodes"]))
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
			return n, fmt.Errorf("%q is no port", port)
		}
		host, n.port = h, int(p)
	}
	n.address = strings.Trim(host, "[]")
	if n.address == "" || strings.ContainsAny(n.address, " /\"'\\") {
		return n, fmt.Errorf("%q names no host", s)
	}
	return n, nil
}

// What a node may say where it becomes part of a configuration. The rest is
// checked when the text is read again.
var (
	isHostname = regexp.MustCompile(`^[A-Za-z0-9]([A-Za-z0-9-]{0,61}[A-Za-z0-9])?$`)
	isVersion  = regexp.MustCompile(`^[0-9]+(\.[0-9]+){2,}(-[0-9A-Za-z.+~]+)?$`)
)

// describe writes the configuration of what was found.
func (f *found) describe() ([]byte, error) {
	version := f.nodes[0].Facts["version"]
	for _, n := range f.nodes {
		if h := n.Facts["hostname"]; !isHostname.MatchString(h) {
			return nil, fmt.Errorf("%s calls itself %q, which is no host name", escape.Line(n.address), h)
		}
		v := n.Facts["version"]
		if !isVersion.MatchString(v) {
			return nil, fmt.Errorf("%s says %q where its version should be", escape.Line(n.address), v)
		}
		if newer(v, version) {
			version = v
		}
	}
	var b strings.Builder
	fmt.Fprintf(&b, "# Read from %s by zup init. It describes what is there; change the version to update.\n\n", escape.Line(f.from))
	fmt.Fprintf(&b, "cluster %s %s {\n", literal(f.provider), literal(f.name()))
	fmt.Fprintf(&b, "version = %s\n", literal(version))
	switch primary := f.nodes[0].Facts["primary"]; {
	case len(f.nodes) == 1:
	case isHostname.MatchString(primary) && primary != "disabled" && primary != "unknown":
		fmt.Fprintf(&b, "\n# The cluster's own failback is %s: it is MASTER when apply ends.\n", primary)
	default:
		b.WriteString("\n# The cluster's own failback is disabled: whoever is MASTER when the plan is made\n# is MASTER again when apply ends. To say who: master = \"NAME\"\n")
	}
	b.WriteString(f.boost())
	if f.nodes[0].user != "" {
		fmt.Fprintf(&b, "\nssh {\nuser = %s\n}\n", literal(f.nodes[0].user))
	}
	for _, n := range f.nodes {
		fmt.Fprintf(&b, "\nnode %s {\naddress = %s\nssh {\n", literal(n.Facts["hostname"]), literal(n.address))
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

// boost is the argument of that name with its reason, where its check would pass.
func (f *found) boost() string {
	if len(f.nodes) != 2 {
		return ""
	}
	observed := make([]plan.ObservedNode, len(f.nodes))
	for i, n := range f.nodes {
		observed[i] = plan.ObservedNode{Name: n.Facts["hostname"], Facts: n.Facts}
	}
	if why := providers()[f.provider].NotBoostable(observed); why != "" {
		return fmt.Sprintf("\n# boost is not possible: it needs exactly one priority line in keepalived.conf, and\n# %s.\n", escape.Line(why))
	}
	return "\n# BACKUP's VRRP priority is raised for the moment of the switchover: clients that ask\n" +
		"# ARP anew for a virtual IP wait 0.1 s then, and up to 0.9 s without it. It edits the\n" +
		"# one priority line of keepalived.conf, and puts it back.\nboost = true\n"
}

func literal(s string) string { return string(hclwrite.TokensForValue(cty.StringVal(s)).Bytes()) }

// newer compares by dpkg's order; both have been found to be versions.
func newer(a, b string) bool {
	x, errA := debversion.NewVersion(a)
	y, errB := debversion.NewVersion(b)
	return errA == nil && errB == nil && x.GreaterThan(y)
}

// name is what the nodes' names have in common, or the first one's name.
func (f *found) name() string {
	name := strings.ToLower(f.nodes[0].Facts["hostname"])
	if len(f.nodes) == 2 {
		other := strings.ToLower(f.nodes[1].Facts["hostname"])
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
