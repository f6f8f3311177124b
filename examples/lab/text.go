//go:build linux

package main

import (
	"fmt"
	"strings"

	"zup/examples/lab/world"
)

const introduction = `The lab: a real pair of load balancer nodes on this machine.

  real      sshd with libwrap, keepalived (VRRP), nftables, rsync over ssh
            started by inotify, apt and dpkg with .deb packages from an HTTPS
            repository, nginx on two VIPs, arping; each node has its own kernel
            namespaces, disk and init
  emulated  the product itself: its scripts, its updater, what its packages
            contain, its cluster API, written after the published source of
            Zevenet EE 6.1.20. Nothing here was ever run on a real appliance.`

// describe says what was started.
func describe(w *world.World, c choices) string {
	var b strings.Builder
	for _, cluster := range w.Clusters {
		fmt.Fprintf(&b, "\n%s\n", cluster.Name)
		for i, node := range cluster.Members() {
			role := []string{"MASTER", "BACKUP"}[i]
			if cluster.Alone {
				role = "without a cluster"
			}
			fmt.Fprintf(&b, "  %-9s %-15s %s, runs %s\n", node.Name, node.Address, role, cluster.From)
		}
		fmt.Fprintf(&b, "  VIPs      %s\n  version   %s", strings.Join(cluster.VIPs, ", "), offered(cluster, c))
	}
	b.WriteString("\n")
	if c.debian != world.DefaultDebian {
		b.WriteString(wrapped(fmt.Sprintf("The nodes' system is Debian %d.", c.debian)))
	}
	if c.product != "zevenet" {
		b.WriteString(wrapped(fmt.Sprintf("The product is %s: Zevenet's emulation under %[1]s's names, as far as they are known.", c.product)))
	}
	if !c.single {
		b.WriteString(wrapped(fmt.Sprintf("Failback is %s. VRRP advertisements every %d s (the product's default is 5).", c.failback, c.deadratio)))
	}
	if way, err := world.WayNamed(c.way); err == nil && way.Name != "" {
		b.WriteString(wrapped(fmt.Sprintf("Way %s: %s.", way.Name, way.About)))
	}
	if f, err := world.FaultNamed(c.fault); err == nil && f.Name != "" {
		b.WriteString(wrapped(fmt.Sprintf("Fault %s: %s.", f.Name, f.About)))
	}
	return strings.TrimRight(b.String(), "\n")
}

// wrapped is a text on a new line, in lines of at most 80 columns.
func wrapped(text string) string {
	var b strings.Builder
	column := 80
	for word := range strings.FieldsSeq(text) {
		separator := " "
		if column+1+len(word) > 80 {
			separator, column = "\n", -1
		}
		b.WriteString(separator + word)
		column += 1 + len(word)
	}
	return b.String()
}

// offered says where the new version comes from.
func offered(cluster world.Cluster, c choices) string {
	if c.offline {
		return cluster.To + " is in an image that zup has; nobody reaches the repository"
	}
	return cluster.To + " is in the repository"
}

// howToPlay says how to get into the nodes while the lab stays up.
func howToPlay(w *world.World) string {
	var b strings.Builder
	enter := func(host, what, then string) {
		pid, err := w.PID(host)
		if err != nil {
			return // the host has ended
		}
		fmt.Fprintf(&b, "  %-22s nsenter -t %d -a %s\n", what, pid, then)
	}
	b.WriteString("\nThe nodes stay up until you press ^C here. In another terminal, as root:\n\n")
	enter(world.Control, "control, where zup is", fmt.Sprintf("\\\n    env HOME=%s PATH=%s/bin:$PATH sh -c 'cd %s; exec bash'", world.Home, world.Home, workDir))
	for _, cluster := range w.Clusters {
		for _, node := range cluster.Members() {
			enter(node.Name, "node "+node.Name, "bash -l")
		}
	}
	enter(world.Client, "a client", "bash")
	node := w.Clusters[0].Nodes[0].Name
	fmt.Fprintf(&b, `
On control:
  configuration          %s/lab.zup.hcl
  zup                    zup plan; zup status; zup apply
  a node                 ssh %s
  the VIPs               curl http://%s/
On a node:
  logs                   /var/log/syslog, /var/log/console, /var/log/boot.log
  the product            /usr/local/%s
`, workDir, node, w.Clusters[0].VIPs[0], w.Clusters[0].Product)
	return b.String()
}
