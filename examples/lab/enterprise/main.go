//go:build linux

// Command enterprise stands in for the compiled part of the emulated product,
// /usr/local/zevenet/bin/enterprise.bin on a node of the lab: the replicator
// zeninotify (noid-cluster-notify in RELIANOID), the bridge to the API functions of the cluster, cluster_status.
//
// EMULATED after the publicly readable source of EE 6.1.20; nothing here was
// ever run on, or compared with, a real appliance. What is imitated is what
// others can see of it: its line in ps, its pid file, the very rsync command
// with its excludes, the ssh calls to the peer, the JSON that comes back, the
// answers 400. The program is built without cgo, so that it runs in any root
// file system, and it talks to nothing but its own node and its peer.
package main

import (
	"fmt"
	"os"
	"path/filepath"
	"strings"
)

const usage = `usage: enterprise.bin zeninotify [stop]      replicate the configuration to the peer
       enterprise.bin cluster_status         print Master or Slave
       enterprise.bin advertise LINK ADDRESS announce an IPv6 address to its neighbours
       enterprise.bin MODULE FUNCTION        call an API function; a JSON array of its
                                             arguments is read from standard input
`

func main() {
	os.Exit(run(verb(os.Args)))
}

// verb drops the program's name, unless the name is a verb itself: the product
// has symbolic links such as zeninotify that point here. Of a script the name stands
// behind that of its interpreter and its options.
func verb(argv []string) []string {
	if strings.HasPrefix(filepath.Base(argv[0]), "perl") {
		for argv = argv[1:]; len(argv) > 1 && strings.HasPrefix(argv[0], "-"); {
			argv = argv[1:]
		}
	}
	if len(argv) == 0 {
		return nil
	}
	if filepath.Base(argv[0]) != "enterprise.bin" {
		argv[0] = filepath.Base(argv[0])
		return argv
	}
	return argv[1:]
}

func run(argv []string) (exit int) {
	switch {
	case len(argv) == 1 && argv[0] == own.replicator:
		return replicate()
	case len(argv) == 2 && argv[0] == own.replicator && argv[1] == "stop":
		return stopReplication()
	case len(argv) == 1 && argv[0] == "cluster_status":
		return printClusterStatus(os.Stdout)
	case len(argv) == 3 && argv[0] == "advertise":
		return advertise(argv[1], argv[2])
	case len(argv) == 2:
		return bridge(argv[0], argv[1], os.Stdin, os.Stdout)
	}
	fmt.Fprint(os.Stderr, usage)
	return 1
}
