package zevenet

import (
	"slices"
	"strings"

	"zup/plan"
)

// Farms returns what MASTER says of itself: its VIPs, and VIP and port of each farm that
// is up, sorted. There are none if it is not known who MASTER is.
func (Provider) Farms(nodes []plan.ObservedNode) (vips, farms []string) {
	for _, n := range nodes {
		if n.Facts["role"] != "master" {
			continue
		}
		farms = strings.Fields(n.Facts["farms"])
		farms = slices.DeleteFunc(farms, func(f string) bool { return !strings.Contains(f, ":") }) // "none", "unknown"
		slices.Sort(farms)
		return strings.Fields(n.Facts["vips"]), farms
	}
	return nil, nil
}
