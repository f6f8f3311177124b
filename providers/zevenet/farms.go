package zevenet

import (
	"fmt"
	"net/netip"
	"slices"
	"strings"

	"zup/plan"
)

// Farms returns what MASTER says of itself: its VIPs, and VIP and port of each farm that
// is up and can be tried with a connection, sorted: TCP at one port. There are none if it is not known who MASTER is. The nodes' own
// addresses in the cluster are not VIPs, whoever says so.
func (Provider) Farms(nodes []plan.ObservedNode) (vips, farms []string) {
	for _, n := range nodes {
		if n.Facts["role"] != "master" {
			continue
		}
		farms, _ = reachable(strings.Fields(n.Facts["farms"]))
		slices.Sort(farms)
		members := memberAddresses(nodes)
		for _, v := range strings.Fields(n.Facts["vips"]) {
			if a, err := netip.ParseAddr(v); err == nil && !members[a.Unmap()] {
				vips = append(vips, v)
			}
		}
		return vips, farms
	}
	return nil, nil
}

// reachable takes the words of a farms fact apart: addresses with a port that a TCP
// connection can be opened to, and all others. A word without a protocol is TCP.
func reachable(words []string) (connects, others []string) {
	for _, w := range words {
		protocol, at, ok := strings.Cut(w, "/")
		if !ok {
			protocol, at = "tcp", w
		}
		i := strings.LastIndexByte(at, ':')
		switch {
		case i < 0: // "none", "unknown"
		case protocol == "tcp" && at[i+1:] != "*" && !strings.Contains(at[i+1:], "-"):
			connects = append(connects, at)
		default:
			others = append(others, w)
		}
	}
	return connects, others
}

// unmeasured says which farms no connection can be opened to, where farms are what is
// measured by.
func (p *pair) unmeasured() []string {
	_, others := reachable(p.master.words("farms"))
	if len(others) == 0 || len(p.cfg.Probes) > 0 || !p.own.ProbeFarms {
		return nil
	}
	slices.Sort(others)
	names := strings.Join(others[:min(len(others), 5)], ", ")
	if more := len(others) - 5; more > 0 {
		names += fmt.Sprintf(" and %d more", more)
	}
	return []string{"not measured, for only TCP at one port can be tried: " + names + "; that they are up on whoever gets the role is proven all the same"}
}

// memberAddresses are the addresses that the nodes say they have in their cluster.
func memberAddresses(nodes []plan.ObservedNode) map[netip.Addr]bool {
	all := map[netip.Addr]bool{}
	for _, n := range nodes {
		for _, member := range strings.Fields(n.Facts["nodes"]) {
			_, address, _ := strings.Cut(member, "=")
			if a, err := netip.ParseAddr(address); err == nil {
				all[a.Unmap()] = true
			}
		}
	}
	return all
}
