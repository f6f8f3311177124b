//go:build linux

package main

import (
	"fmt"
	"strings"

	"zup/examples/lab/world"
)

// finding is one thing that was looked at in the end.
type finding struct {
	where string
	what  string
	ok    bool
}

// verify compares the nodes with what an update must leave behind.
func verify(w *world.World, before, after map[string]world.NodeState) []finding {
	var all []finding
	for _, cluster := range w.Clusters {
		if !cluster.Alone {
			all = append(all, verifyPair(cluster, after)...)
		}
		for _, node := range cluster.Members() {
			all = append(all, verifyNode(node.Name, cluster, before[node.Name], after[node.Name])...)
		}
	}
	return all
}

func verifyPair(c world.Cluster, after map[string]world.NodeState) []finding {
	a, b := after[c.Nodes[0].Name], after[c.Nodes[1].Name]
	roles := a.Role + " and " + b.Role
	return []finding{
		{c.Name, "the roles are " + roles, roles == "master and backup" || roles == "backup and master"},
		{c.Name, "the replicated configuration is the same on both", a.Replicated == b.Replicated && a.Replicated != ""},
	}
}

func verifyNode(name string, c world.Cluster, before, after world.NodeState) []finding {
	replicators, blocked, keepalived := 0, 2*len(c.VIPs), 1
	switch {
	case c.Alone:
		blocked, keepalived = 0, 0
	case after.Role == "master":
		replicators, blocked = 1, 0
	}
	return []finding{
		{name, fmt.Sprintf("runs %s: dpkg says %q, global.conf %q", c.To, after.Installed, after.Configured), after.Installed == c.To && after.Configured == c.To},
		{name, "hosts.deny is as it was, byte for byte", after.HostsDeny == before.HostsDeny},
		{name, "hosts.allow is as it was, byte for byte", after.HostsAllow == before.HostsAllow},
		{name, "not in maintenance", !after.Maintenance},
		{name, fmt.Sprintf("replication: %s, its role is %q", processes(after.Replicators), after.Role), after.Replicators == replicators},
		{name, "keepalived: " + processes(after.Keepalived), after.Keepalived == keepalived},
		{name, fmt.Sprintf("farms: %d up", after.Farms), after.Farms == len(c.VIPs)},
		{name, fmt.Sprintf("ARP: %d rules keep it silent", after.Blocked), after.Blocked == blocked},
		{name, "migrated marker intact: " + after.Marker, after.MarkerIntact(c.To)},
		{name, "dpkg --audit finds nothing", after.Audit == 0},
	}
}

func processes(n int) string {
	if n == 1 {
		return "1 process"
	}
	return fmt.Sprintf("%d processes", n)
}

func table(findings []finding) string {
	var b strings.Builder
	for _, f := range findings {
		mark := "ok    "
		if !f.ok {
			mark = "FAILED"
		}
		fmt.Fprintf(&b, "  %s  %-8s %s\n", mark, f.where, f.what)
	}
	return b.String()
}
