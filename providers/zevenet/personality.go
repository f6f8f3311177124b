// Package zevenet knows the pairs of a family of products, Zevenet EE 6 and its
// successors SKUDONET and RELIANOID: which facts to read on their nodes, what
// those facts mean, and which actions bring a pair to another version.
//
// It runs nothing. Providers has one Provider for each product;
// Provider.FactsScript returns the script that package observe and package apply
// run, and Provider.Decide is a function of values to values. What is known about
// the products, and how well, stands in docs/procedure.md.
package zevenet

import (
	"slices"
	"strings"
	"sync"
)

// personality is what differs between the products of the family.
type personality struct {
	name       string // as the configuration calls it
	title      string // as people call it
	root       string // everything of the product is below it
	pkg        string // Debian package whose version is the product's
	updater    string // absolute: a shell that is no login shell has it on no PATH
	upgrade    string // what the updater's -i tells apt to do
	lists      string // how the updater lists its images: the "names" that ls shows, or the "paths" of all files
	renews     string // "yes": the updater's -i reads the package lists anew and mounts an image by itself
	bridge     string // compiled binary that calls the product's own functions
	module     string // of the bridge: where the functions of the cluster are
	manager    string // the cluster's command line
	replicator string // verb of the bridge, and name of the symlink, that replicates the configuration; pidfile of the same name
	saver      string // packs the configuration: NAME -c makes root/backups/backup-NAME.tar.gz
	licence    string // certificate without which the package's preinst aborts
	service    string // command that starts everything
	floor      string // first version whose names are these

	source string // apt's list of the vendor's repository; zup leaves it to the updater
	header string // of the product's HTTP API, which zup does not use

	unverified []assumption

	scripts func() map[string]string // complete except for $peer, by file name without ".sh"
}

// assumption is something that zup goes by although nobody has read it for the
// product.
type assumption struct {
	what string // which of the values above, as docs/procedure.md calls it; empty: none of them
	that string // half a sentence after "nobody has verified that"
}

// The rows of docs/procedure.md's table that an assumption can be about.
const (
	clusterCommands  = "cluster's commands"
	clusterFunctions = "cluster's functions"
)

// renamed are the names that the family's replicator has had: one product took another
// one's over with the code, and a node may still have the old one. The last is known from
// SKUDONET's community edition.
var renamed = []string{"zeninotify", "noid-cluster-notify", "skdinotify"}

// replicators are the names under which a replicator is looked for, the product's own first.
func (p *personality) replicators() []string {
	all := []string{p.replicator}
	for _, name := range renamed {
		if name != p.replicator {
			all = append(all, name)
		}
	}
	return all
}

// pidfiles are the files in which a replicator leaves its PID.
func (p *personality) pidfiles() []string {
	var all []string
	for _, name := range p.replicators() {
		all = append(all, "/var/run/"+name+".pid")
	}
	return all
}

// family is every product, in the order in which they were made.
var family = []*personality{
	{
		name:       "zevenet",
		title:      "Zevenet EE",
		root:       "/usr/local/zevenet",
		pkg:        "zevenet",
		updater:    "/usr/local/zevenet/bin/checkupgrades",
		upgrade:    "--with-new-pkgs upgrade",
		lists:      "names",
		bridge:     "/usr/local/zevenet/bin/enterprise.bin",
		module:     "Zevenet::API40::System::Cluster",
		manager:    "/usr/local/zevenet/bin/zcluster-manager",
		replicator: "zeninotify",
		saver:      "/usr/local/zevenet/bin/zenbackup.pl",
		licence:    "/usr/local/zevenet/www/zlbcertfile.pem",
		service:    "/etc/init.d/zevenet start",
		floor:      "6",
		source:     "/etc/apt/sources.list.d/zevenet.list",
		header:     "ZAPI_KEY",
	},
	{
		name:       "skudonet",
		title:      "SKUDONET Enterprise",
		root:       "/usr/local/skudonet",
		pkg:        "skudonet",
		updater:    "/usr/local/skudonet/bin/checkupgrades",
		upgrade:    "--with-new-pkgs upgrade",
		lists:      "names",
		bridge:     "/usr/local/skudonet/bin/enterprise.bin",
		module:     "Skudonet::API40::System::Cluster",
		manager:    "/usr/local/skudonet/bin/zcluster-manager",
		replicator: "zeninotify",
		saver:      "/usr/local/skudonet/bin/zenbackup.pl",
		licence:    "/usr/local/skudonet/www/zlbcertfile.pem",
		service:    "/etc/init.d/skudonet start",
		floor:      "6",
		source:     "/etc/apt/sources.list.d/skudonet.list",
		header:     "ZAPI_KEY",
		unverified: []assumption{
			{"", "its updater, its cluster and its failback work as those of Zevenet EE 6.1.20"},
			{clusterCommands, "its cluster's command line is zcluster-manager and knows sync"},
			{clusterFunctions, "its functions of the cluster are in Skudonet::API40::System::Cluster"},
		},
	},
	{
		name:       "relianoid",
		title:      "RELIANOID Enterprise",
		root:       "/usr/local/relianoid",
		pkg:        "relianoid",
		updater:    "/usr/local/relianoid/bin/noid-updater",
		upgrade:    "full-upgrade",
		lists:      "paths",
		renews:     "yes",
		bridge:     "/usr/local/relianoid/bin/enterprise.bin",
		module:     "Relianoid::EE::HTTP::Controllers::API::System::Cluster",
		manager:    "/usr/local/relianoid/bin/noid-cluster-manager",
		replicator: "noid-cluster-notify",
		saver:      "/usr/local/relianoid/bin/noid-backup",
		licence:    "/usr/local/relianoid/www/activation-cert.pem",
		service:    "systemctl start relianoid",
		floor:      "7.6",
		source:     "/etc/apt/sources.list.d/relianoid.list",
		header:     "API_KEY",
		unverified: []assumption{
			{"", "its cluster and its failback work as those of Zevenet EE 6.1.20"},
			{clusterCommands, "its cluster's command line is noid-cluster-manager and knows sync"},
			{clusterFunctions, "its functions of the cluster are in Relianoid::EE::HTTP::Controllers::API::System::Cluster"},
		},
	},
}

// Provider plans the pairs of one product. The zero value plans Zevenet's.
type Provider struct{ product *personality }

// Providers returns a provider for each product, by the name that a
// configuration uses.
func Providers() map[string]Provider {
	all := make(map[string]Provider, len(family))
	for _, p := range family {
		all[p.name] = Provider{p}
	}
	return all
}

func (pr Provider) personality() *personality {
	if pr.product == nil {
		return family[0]
	}
	return pr.product
}

func init() {
	for _, p := range family {
		p.scripts = sync.OnceValue(p.complete)
	}
}

// script returns the named script for a node whose peer has this cluster
// address.
func (p *personality) script(name, peer string) string { return p.scriptWith("", name, peer) }

// scriptWith is script with other assignments before it.
func (p *personality) scriptWith(assigned, name, peer string) string {
	s := p.scripts()[name]
	if !strings.Contains(s, "$peer") || name == "facts" {
		return assigned + s
	}
	return assigned + "peer=" + quote(peer) + "\n" + s
}

// assumed says what the plan goes by although nobody has verified it.
func (p *personality) assumed() []string {
	var all []string
	for _, a := range p.unverified {
		all = append(all, "nobody has verified that "+a.that+" ("+p.title+")")
	}
	return all
}

// askedForStatus is who is asked what the product says of the cluster: one answer is of
// both nodes, but where the name of the function is assumed each node has to show that it
// has it.
func (p *personality) askedForStatus() string {
	if p.assumes(clusterFunctions) {
		return "each"
	}
	return "master"
}

// assumes reports whether a value of the table is an assumption.
func (p *personality) assumes(what string) bool {
	return slices.ContainsFunc(p.unverified, func(a assumption) bool { return a.what == what })
}
