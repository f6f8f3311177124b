package config

import (
	"fmt"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/hashicorp/hcl/v2"
	"github.com/zclconf/go-cty/cty"

	"zup/plan/name"
	"zup/plan/product"
)

// readClusters reads every cluster block. A mistake in one does not keep the
// others from being read.
func (l *loader) readClusters() []*Cluster {
	clusters := make([]*Cluster, 0, len(l.blocks.cluster))
	first := make(map[string]*Cluster, len(l.blocks.cluster))
	owners := make(map[string]*Cluster, 2*len(l.blocks.cluster))
	for _, b := range l.blocks.cluster {
		c := l.readCluster(b)
		if other := first[c.Name]; other != nil {
			l.errorf(&b.LabelRanges[1], fmt.Sprintf("cluster %q is declared twice", c.Name),
				"The first one is at %s. The name alone identifies a cluster, whatever its provider.", lineOf(other.Range))
		} else {
			first[c.Name] = c
		}
		l.checkOwners(c, owners)
		clusters = append(clusters, c)
	}
	return clusters
}

// checkOwners refuses a node that is in another cluster too: two clusters are
// updated side by side, and then nobody counts how many of its nodes are out.
func (l *loader) checkOwners(c *Cluster, owners map[string]*Cluster) {
	for _, n := range c.Nodes {
		if n.Address == "" {
			continue
		}
		key := endpoint(n)
		switch owner := owners[key]; owner {
		case nil:
			owners[key] = c
		case c:
			// Reported where the nodes of one cluster are compared.
		default:
			at := n.At("address")
			l.errorf(&at, fmt.Sprintf("address %q is in two clusters", n.Address), "It is a node of cluster %q too, at %s.", owner.Name, lineOf(owner.Range))
		}
	}
}

func (l *loader) readCluster(block *hcl.Block) *Cluster {
	declared := l.productOf(block)
	b := l.body(block, l.clusterLayout(declared))
	c := &Cluster{Provider: block.Labels[0], Name: block.Labels[1], Place: b.place}
	l.checkName("cluster", c.Name, &block.LabelRanges[1])
	c.Version = l.readVersion(b, declared)
	c.Own = b.own(declared)
	if limit, ok := b.duration("max_interruption"); ok {
		if limit <= 0 {
			l.errorf(b.at("max_interruption"), "max_interruption leaves no time at all", "Every switchover interrupts for some milliseconds. Leave the argument out for no limit.")
		}
		c.MaxInterruption = limit
	}

	var ssh SSH
	if one := l.only(b, "ssh"); one != nil {
		ssh = l.readSSH(one, clusterSSHLayout)
	}
	c.Nodes = l.readNodes(b, ssh, nodesOf(declared))
	c.Master = l.readMaster(b, c.Nodes)
	if one := l.only(b, "package"); one != nil {
		c.Package = l.readPackage(one)
	}
	if one := l.only(b, "snapshot"); one != nil {
		c.Snapshot = l.readSnapshot(one)
	}
	c.Probes = l.readProbes(b)
	if declared != nil && declared.Check != nil {
		b.tell(declared.Check(product.Said{
			Own: c.Own, MaxInterruption: c.MaxInterruption > 0, Probed: len(c.Probes) > 0 || !b.absent("probe"),
		}))
	}
	return c
}

// only returns the block of a type that there may be one of, or nil.
func (l *loader) only(b *body, blockType string) *hcl.Block {
	var one *hcl.Block
	for _, block := range b.blocks {
		switch {
		case block.Type != blockType:
		case one != nil:
			l.errorf(&block.TypeRange, fmt.Sprintf("a second %s block", blockType), "There can be one. The first is at %s.", lineOf(one.TypeRange))
		default:
			one = block
		}
	}
	return one
}

// productOf returns what the product of a block has declared. Of one that nobody knows,
// which is reported, it is the one that was meant, if that can be told, else nil.
func (l *loader) productOf(block *hcl.Block) *product.Declaration {
	name := block.Labels[0]
	if len(l.opts.Products) == 0 {
		return nil
	}
	known := make([]string, len(l.opts.Products))
	for i := range l.opts.Products {
		if known[i] = l.opts.Products[i].Name; known[i] == name {
			return &l.opts.Products[i]
		}
	}
	l.errorf(&block.LabelRanges[0], fmt.Sprintf("unknown provider %q", name), "%s",
		didYouMean(name, fmt.Sprintf("This zup knows: %s.", list(known, "and")), known...))
	if i := slices.Index(known, near(name, known...)); i >= 0 {
		return &l.opts.Products[i]
	}
	return nil
}

// anyProvider is a provider to show how a block begins.
func (l *loader) anyProvider() string {
	if n := len(l.opts.Products); n > 0 {
		return l.opts.Products[n-1].Name
	}
	return "PRODUCT"
}

// checkName checks the name of a cluster or a probe.
func (l *loader) checkName(kind, name string, at *hcl.Range) {
	if !isName(name) {
		hint := "It becomes part of file names and identifiers: lower-case letters, digits, dashes and underscores, 63 at most, beginning with a letter or digit."
		if lower := strings.ToLower(name); isName(lower) {
			hint = fmt.Sprintf("Did you mean %q? %s", lower, hint)
		}
		l.errorf(at, fmt.Sprintf("%s is not a usable name for a %s", quoted(name), kind), "%s", hint)
	}
}

// isName reports whether a cluster or a probe can have this name.
func isName(s string) bool { return name.Cluster(s) }

// readVersion reads the version in the form of the product; one of a product that nobody
// knows may be anything.
func (l *loader) readVersion(b *body, of *product.Declaration) string {
	text, ok := b.text("version")
	switch {
	case of == nil:
		return text
	case of.Version == nil:
		return ""
	case !ok:
		if b.absent("version") {
			l.errorf(&b.place.Range, `missing "version"`, "It is the version that every node shall run: version = %q", of.Version.Example)
		}
		return ""
	}
	if hint := of.Version.Problem(text); hint != "" {
		l.errorf(b.at("version"), fmt.Sprintf("%s is not an exact version", quoted(text)), "%s", hint)
		return ""
	}
	return text
}

func (l *loader) readMaster(b *body, nodes []Node) string {
	text, ok := b.text("master")
	if !ok {
		return ""
	}
	known := make([]string, 0, len(nodes))
	for _, n := range nodes {
		if n.Name == text {
			return text
		}
		known = append(known, n.Name)
	}
	hint := "The cluster has no node."
	if len(known) > 0 {
		quoted := make([]string, len(known))
		for i, k := range known {
			quoted[i] = strconv.Quote(k)
		}
		hint = didYouMean(text, fmt.Sprintf("It is the name of one of the nodes: %s.", list(quoted, "or")), known...)
	}
	l.errorf(b.at("master"), fmt.Sprintf("master %s is not a node of this cluster", quoted(text)), "%s", hint)
	return ""
}

// duration reads an argument such as "500ms".
func (b *body) duration(name string) (time.Duration, bool) {
	text, ok := b.text(name)
	if !ok {
		return 0, false
	}
	d, err := time.ParseDuration(text)
	switch {
	case err != nil:
		b.l.errorf(b.at(name), fmt.Sprintf("%s is not a duration", quoted(text)), "%s", durationHint(text))
		return 0, false
	case d%time.Millisecond != 0:
		b.l.errorf(b.at(name), fmt.Sprintf("%s is not a whole number of milliseconds", quoted(text)), "A plan counts in milliseconds.")
		return 0, false
	}
	return d, true
}

func durationHint(text string) string {
	number, unit := strings.TrimSpace(text), ""
	if i := strings.IndexFunc(number, func(r rune) bool { return (r < '0' || r > '9') && r != '.' }); i >= 0 {
		number, unit = number[:i], strings.ToLower(strings.TrimSpace(number[i:]))
	}
	if _, err := strconv.ParseFloat(number, 64); err == nil {
		switch unit {
		case "":
			return fmt.Sprintf("A duration has a unit: %q or %q.", number+"ms", number+"s")
		case "msec", "msecs", "millis", "millisecond", "milliseconds", "ms":
			return fmt.Sprintf("Did you mean %q?", number+"ms")
		case "sec", "secs", "second", "seconds", "s":
			return fmt.Sprintf("Did you mean %q?", number+"s")
		case "min", "mins", "minute", "minutes", "m":
			return fmt.Sprintf("Did you mean %q?", number+"m")
		}
	}
	return `Write a number with a unit, such as "500ms", "1s" or "2m".`
}

func (l *loader) readPackage(block *hcl.Block) *Package {
	b := l.body(block, packageLayout)
	p := &Package{Place: b.place}
	switch text, ok := b.text("offline"); {
	case ok:
		p.Offline = text
		l.checkPath(b, "offline", text)
	case b.absent("offline"):
		l.errorf(&b.place.Range, `missing "offline"`, "A package block names the image that zup carries to the nodes. Without the block they fetch from the vendor's repository.")
	}
	if text, ok := b.text("sha256"); ok {
		p.SHA256 = strings.ToLower(text)
		if len(text) != 64 || strings.Trim(p.SHA256, "0123456789abcdef") != "" {
			l.errorf(b.at("sha256"), "this is not a SHA-256", "It has 64 hexadecimal digits, as sha256sum prints them; this has %d characters.", len([]rune(text)))
		}
	}
	return p
}

// checkPath refuses what can't be a path. Whether there is a file is found out
// when it is needed.
func (l *loader) checkPath(b *body, name, path string) {
	switch {
	case strings.TrimSpace(path) == "":
		l.errorf(b.at(name), fmt.Sprintf("%q is empty", name), "It is the path of a file.")
	case strings.ContainsFunc(path, isControl):
		l.errorf(b.at(name), fmt.Sprintf("%q is not a path", name), "There is a control character in it.")
	case path[0] == '~' && path != "~" && !strings.HasPrefix(path, "~/"):
		l.errorf(b.at(name), fmt.Sprintf("%q begins with somebody else's home directory", name), "Only ~/ is understood, for your own.")
	}
}

func isControl(r rune) bool { return r < ' ' || r == 0x7f }

// intValue returns a number as an int if it is a whole one that fits.
func intValue(v cty.Value) (int, bool) {
	n, accuracy := v.AsBigFloat().Int64()
	if accuracy != 0 || int64(int(n)) != n {
		return 0, false
	}
	return int(n), true
}
