package zevenet

import (
	"net/netip"
	"slices"
	"strings"

	"zup/plan"
)

// Farms returns what MASTER says of itself: its VIPs, and VIP and port of each farm that
// is up, sorted. There are none if it is not known who MASTER is. The nodes' own
// addresses in the cluster are not VIPs, whoever says so.
func (Provider) Farms(nodes []plan.ObservedNode) (vips, farms []string) {
	for _, n := range nodes {
		if n.Facts["role"] != "master" {
			continue
		}
		farms = strings.Fields(n.Facts["farms"])
		farms = slices.DeleteFunc(farms, func(f string) bool { return !strings.Contains(f, ":") }) // "none", "unknown"
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
