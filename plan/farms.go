package plan

import (
	"fmt"

	"zup/plan/reach"
)

// farmsOfUsers: what a plan watches because a node has named it can be an address of
// users. Whether it is one where zup runs, apply looks at itself.
func farmsOfUsers(c *checked) string {
	var sieve reach.Sieve
	for i := range c.plan.Clusters {
		cl := &c.plan.Clusters[i]
		for _, p := range cl.Probes {
			if !p.Found {
				continue
			}
			why := sieve.Farms([]string{p.TCP}, nil)[0]
			if why != reach.NotVIP || p.HTTP != "" {
				return fmt.Sprintf("cluster %q is watched at %q, which a node has named and which is not an address of users (%s)", cl.Name, p.TCP+p.HTTP, why)
			}
		}
	}
	return ""
}
