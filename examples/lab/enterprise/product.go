//go:build linux

package main

import (
	"os"
	"path/filepath"
)

// product is whose stand-in this program is: it lies in /usr/local/NAME/bin.
type product struct {
	root       string
	module     string   // where the functions of the cluster are
	replicator string   // its verb, and the name of its link
	manager    string   // the cluster's command line
	local      []string // scripts of the administrator, which belong to one node only
}

var products = map[string]product{
	"zevenet": {
		"/usr/local/zevenet", "Zevenet::API40::System::Cluster", "zeninotify", "zcluster-manager", []string{"zlb-start", "zlb-stop"},
	},
	"skudonet": {
		"/usr/local/skudonet", "Skudonet::API40::System::Cluster", "zeninotify", "zcluster-manager", []string{"zlb-start", "zlb-stop"},
	},
	"relianoid": {
		"/usr/local/relianoid", "Relianoid::EE::HTTP::Controllers::API::System::Cluster", "noid-cluster-notify", "noid-cluster-manager",
		[]string{"noid-start", "noid-stop"},
	},
}

// own is the product that this program belongs to; anywhere else it is Zevenet's.
var own = productOf(os.Executable())

func productOf(path string, _ error) product {
	if p, ok := products[filepath.Base(filepath.Dir(filepath.Dir(path)))]; ok {
		return p
	}
	return products["zevenet"]
}
