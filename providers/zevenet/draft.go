package zevenet

import (
	"fmt"
	"regexp"

	"zup/plan"
	"zup/plan/escape"
	"zup/plan/name"
)

// isWritten is a version that can be written into a configuration, where a node may say
// anything.
var isWritten = regexp.MustCompile(`^[0-9]+(\.[0-9]+){2,}(-[0-9A-Za-z.+~]+)?$`)

// WholeFiles are the facts that are whole files: nobody wants to read them in a list.
func (Provider) WholeFiles() []string { return []string{"hosts_allow", "hosts_deny"} }

// Draft says what a configuration has of nodes that were found, which have called
// themselves by the names of hosts.
func (pr Provider) Draft(nodes []plan.ObservedNode) (plan.Draft, error) {
	var d plan.Draft
	for _, n := range nodes {
		v := n.Facts["version"]
		if !isWritten.MatchString(v) {
			return d, fmt.Errorf("%s says %q where its version should be", escape.Line(n.Name), v)
		}
		if d.Version == "" || !atLeast(d.Version, v) {
			d.Version = v
		}
	}
	if len(nodes) != 2 {
		return d, nil
	}
	switch primary := nodes[0].Facts["primary"]; {
	case primary != "disabled" && primary != unknown && name.Node(primary):
		d.Arguments = fmt.Sprintf("\n# The cluster's own failback is %s: it is MASTER when apply ends.\n", primary)
	default:
		d.Arguments = "\n# The cluster's own failback is disabled: whoever is MASTER when the plan is made\n# is MASTER again when apply ends. To say who: master = \"NAME\"\n"
	}
	if why := pr.NotBoostable(nodes); why != "" {
		d.Arguments += fmt.Sprintf("\n# boost is not possible: it needs exactly one priority line in keepalived.conf, and\n# %s.\n", escape.Line(why))
		return d, nil
	}
	d.Arguments += "\n# BACKUP's VRRP priority is raised for the moment of the switchover: clients that ask\n" +
		"# ARP anew for a virtual IP wait 0.1 s then, and up to 0.9 s without it. It edits the\n" +
		"# one priority line of keepalived.conf, and puts it back.\nboost = true\n"
	return d, nil
}
