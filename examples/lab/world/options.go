//go:build linux

package world

import (
	"fmt"
	"time"
)

// The versions that a world has where Options names no others.
const (
	DefaultFrom = "6.1.19"
	DefaultTo   = "6.1.20"
)

// DefaultDebian is the release that nodes have where Options names no other one.
const DefaultDebian = 12

// releases are the Debians that nodes can have, by number.
var releases = map[int]string{11: "bullseye", 12: "bookworm", 13: "trixie"}

// Options says what world to start. The zero value is one healthy pair: zva5n1
// MASTER, zva5n2 BACKUP, failback disabled, 6.1.19 installed, 6.1.20 offered.
type Options struct {
	Clusters  int       // pairs on the one network; 0 means 1, at most 80
	Hostnames [2]string // names of the first pair's nodes; "" means zva5n1, zva5n2
	Product   string    // one of Products; "" means zevenet
	Debian    int       // release of the nodes' system: 11, 12 or 13; 0 means 12
	From      string    // installed version; "" means the product's: DefaultFrom
	To        string    // version that the repository offers; "" means the product's: DefaultTo
	Failback  string    // the product's setting: "" disabled, or the name of a node of the first pair; the other pairs have the same position
	Deadratio int       // VRRP advertisement interval in seconds; 0 means 1, the product's own default is 5

	// IPv6 gives the nodes, their cluster and the VIPs IPv6 addresses; only the repository
	// and the reference have IPv4 ones then.
	IPv6 bool

	// L4 adds farms of the kernel's to the web servers: see l4Farms.
	L4 bool

	// Single makes the first pair one node without a cluster: zva5n1; the other
	// machine is off the network.
	Single bool

	// Phase is how long each phase of a service start or stop takes at least; 0
	// means 200 ms.
	Phase time.Duration

	// HostsDeny and HostsAllow replace a node's file, by the node's name. The
	// default hosts.deny is Debian's comments and the lines of other people.
	HostsDeny, HostsAllow map[string]string

	// Disk is the size of each node's disk, as tmpfs takes it; "" means 256m.
	Disk string

	// Way is the name of one of Ways, by which control reaches the nodes; "" means directly.
	Way string

	// Fault is the name of one of Faults; it strikes the first pair only.
	Fault string

	// Perl makes the product's enterprise.bin a Perl script, as it is in every tree that
	// can be read; otherwise it is a compiled program.
	Perl bool

	// Progress is told what Start does; it may be nil.
	Progress Progress
}

// complete replaces zero values by what they mean and finds the fault.
func (o *Options) complete() (Fault, error) {
	fault, err := FaultNamed(o.Fault)
	if err != nil {
		return fault, err
	}
	if fault.options != nil {
		fault.options(o)
	}
	way, err := WayNamed(o.Way)
	if err == nil && o.IPv6 && way.hops > 0 {
		err = fmt.Errorf("way: the jump hosts of %q have no IPv6", way.Name)
	}
	if err != nil {
		return fault, err
	}
	whose, err := productNamed(o.Product)
	if err != nil {
		return fault, err
	}
	o.setDefaults(whose)
	if releases[o.Debian] == "" {
		return fault, fmt.Errorf("debian: %d is none of 11, 12 and 13", o.Debian)
	}
	if o.Clusters < 1 || o.Clusters > maxClusters {
		return fault, fmt.Errorf("clusters: %d is not between 1 and %d", o.Clusters, maxClusters)
	}
	if o.Failback != "" && o.failbackPosition() < 0 {
		return fault, fmt.Errorf("failback: %q is none of the first pair's nodes, %s and %s", o.Failback, o.Hostnames[0], o.Hostnames[1])
	}
	return fault, nil
}

func (o *Options) setDefaults(whose product) {
	o.Product = whose.name
	if o.Clusters == 0 {
		o.Clusters = 1
	}
	for i, name := range nodeNames(0) {
		if o.Hostnames[i] == "" {
			o.Hostnames[i] = name
		}
	}
	if o.From == "" {
		o.From = whose.from
	}
	if o.To == "" {
		o.To = whose.to
	}
	if o.Debian == 0 {
		o.Debian = DefaultDebian
	}
	if o.Deadratio == 0 {
		o.Deadratio = 1
	}
	if o.Phase == 0 {
		o.Phase = 200 * time.Millisecond
	}
}

// failbackPosition is the position, in each pair, of the node that failback
// goes to; -1 where it is disabled.
func (o *Options) failbackPosition() int {
	switch o.Failback {
	case o.Hostnames[0]:
		return 0
	case o.Hostnames[1]:
		return 1
	}
	return -1
}
