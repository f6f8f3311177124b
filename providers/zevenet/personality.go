// Package zevenet knows Zevenet EE 6 pairs: which facts to read on their nodes,
// what those facts mean, and which actions bring a pair to another version.
//
// It runs nothing. Provider.FactsScript returns the script that package observe
// and package apply run, and Provider.Decide is a function of values to values.
// What is known about the product, and how well, stands in docs/procedure.md.
package zevenet

// personality is what differs between the products of the family.
type personality struct {
	name       string // as the configuration calls it
	title      string // as people call it
	root       string // everything of the product is below it
	pkg        string // Debian package whose version is the product's
	updater    string // absolute: a shell that is no login shell has it on no PATH
	bridge     string // compiled binary that calls the product's own functions
	manager    string // the cluster's command line
	replicator string // verb of the bridge, and name of the symlink, that replicates the configuration
	pidfile    string // of the replicator
	saver      string // packs the configuration: NAME -c makes root/backups/backup-NAME.tar.gz
	licence    string // certificate without which the package's preinst aborts
}

var zevenet = personality{
	name:       "zevenet",
	title:      "Zevenet EE",
	root:       "/usr/local/zevenet",
	pkg:        "zevenet",
	updater:    "/usr/local/zevenet/bin/checkupgrades",
	bridge:     "/usr/local/zevenet/bin/enterprise.bin",
	manager:    "/usr/local/zevenet/bin/zcluster-manager",
	replicator: "zeninotify",
	pidfile:    "/var/run/zeninotify.pid",
	saver:      "/usr/local/zevenet/bin/zenbackup.pl",
	licence:    "/usr/local/zevenet/www/zlbcertfile.pem",
}
