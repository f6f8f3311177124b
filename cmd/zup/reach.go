package main

import (
	"fmt"
	"net"
	"net/netip"

	"zup/plan"
	"zup/plan/escape"
	"zup/plan/reach"
	"zup/providers"
)

// sieve keeps back what no node may send zup to: this machine, and what the nodes are
// reached by.
func (f *fleet) sieve() reach.Sieve {
	here := reach.New(net.InterfaceAddrs())
	if f == nil {
		return here
	}
	return here.With(f.dialer.Ways()...)
}

// unwatched returns, by cluster, the probes of farms that were found which are not asked
// from here, and says so: the plan may have been made elsewhere. live is what the nodes
// have just said, nil if they were not asked.
func (c *cli) unwatched(p *plan.Plan, fleet *fleet, live plan.Observed) map[string][]string {
	sieve, all, told := fleet.sieve(), map[string][]string{}, false
	for i := range p.Clusters {
		cl := &p.Clusters[i]
		var probes, farms, vips []string
		for _, pr := range cl.Probes {
			if pr.Found {
				probes, farms = append(probes, pr.Name), append(farms, pr.TCP)
			}
		}
		if product, ok := providers.All()[cl.Provider]; ok && live != nil {
			vips, _ = product.Farms(live[cl.Name])
		} else {
			vips = hosts(farms)
		}
		for k, why := range sieve.Farms(farms, vips) {
			if why == "" {
				continue
			}
			told = true
			all[cl.Name] = append(all[cl.Name], probes[k])
			fmt.Fprintf(c.err, "%s %s is not measured from here: %s is not an address of users (%s)\n", c.errStyle().notice("Warning:"), cl.Name, escape.Line(farms[k]), why)
			c.warned(cl.Name, "what users feel there is not measured", "%s is not an address of users (%s)", farms[k], why)
		}
	}
	if told {
		fmt.Fprintln(c.err)
	}
	return all
}

func hosts(farms []string) []string {
	all := make([]string, len(farms))
	for i, f := range farms {
		if at, err := netip.ParseAddrPort(f); err == nil {
			all[i] = at.Addr().String()
		}
	}
	return all
}

// peerAddress returns why zup does not go where a node says that its peer is, nil if it
// does: an IP address of another machine.
func peerAddress(sieve reach.Sieve, address string) error {
	a, err := netip.ParseAddr(address)
	if err != nil {
		return fmt.Errorf("%q is not an IP address", cut(address))
	}
	if why := sieve.Address(a); why != "" {
		return fmt.Errorf("%s is not another node's address (%s)", escape.Line(cut(a.String())), why)
	}
	return nil
}
