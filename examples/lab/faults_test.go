//go:build linux

package main

import (
	"maps"
	"slices"
	"strings"
	"testing"

	"zup/examples/lab/world"
)

// What is wrong with a pair before anything is done refuses the plan, each with its
// own message, and nothing is touched.
func testRefused(t *testing.T) {
	for fault, want := range map[string]struct {
		exit int
		says string
	}{
		"split-brain":          {6, `split brain`},
		"no-master":            {6, `no node is MASTER`},
		"maintenance-backup":   {6, `zva5n2: is in maintenance mode, and zup did not put it there`},
		"stale-node-status":    {6, `split brain|disagrees with itself`},
		"not-clustered":        {1, `is not in a cluster`},
		"foreign-peer":         {1, `clustered with somebody else`},
		"product-missing":      {1, `zva5n2: does not run Zevenet EE it is a plain Debian GNU/Linux 12`},
		"community-edition":    {1, `zva5n2: runs Zevenet Community Edition, and not Zevenet EE`},
		"product-replaced":     {1, `zva5n2: does not run Zevenet EE any more: SKUDONET Enterprise has replaced it`},
		"hostname-differs":     {1, `another machine answers at its address`},
		"version-5":            {6, `runs a version below 6`},
		"peer-unreachable":     {6, `does not get into`},
		"hosts-allow-override": {6, `sshd: ALL`},
		"no-libwrap":           {6, `does not heed hosts\.deny`},
		"licence-missing":      {6, `zva5n2: has no valid licence`},
		"licence-expired":      {6, `zva5n2: has no valid licence`},
		"disk-full":            {6, `too little free disk`},
		"dpkg-broken":          {6, `packages in a broken state`},
		"package-held":         {6, `holds the package`},
		"apt-locked":           {6, `apt or dpkg is at work there`},
		"failback-unknown":     {6, `failback names a node that the cluster does not have`},
		"backup-down":          {1, `zva5n2: can't be observed`},
		"ssh-down":             {1, `connection refused`},
		"hang-ssh":             {1, `silent`},
	} {
		t.Run(fault, func(t *testing.T) {
			oneOfMany(t, slices.Contains(sampleOfRefused, fault))
			t.Parallel()
			b := newBench(t, world.Options{Fault: fault}, world.ConfigOptions{})
			node := b.c.Nodes[0].Name
			before, err := b.Files(t.Context(), node)
			if err != nil {
				t.Fatal(err)
			}
			b.wants(want.exit, []string{want.says, `no node was changed`}, "plan")
			b.wants(want.exit, []string{want.says}, "apply", "-auto-approve")
			after, err := b.Files(t.Context(), node)
			if err != nil || !maps.Equal(before, after) {
				t.Errorf("%s has changed (%v)", node, err)
			}
		})
	}
}

// sampleOfRefused are those for which a real machine matters most; what the facts of
// the others lead to is held by package plan's situations too.
var sampleOfRefused = []string{
	"split-brain", "product-missing", "no-libwrap", "disk-full", "backup-down", "hang-ssh",
}

// What looks bad and is none does not stop the run.
func testNotStopped(t *testing.T) {
	for _, fault := range []string{"ssh-dropped", "replicator-by-link", "peer-ssh-refused", "replication-off", "updater-without-i"} {
		t.Run(fault, func(t *testing.T) {
			needsTime(t)
			oneOfMany(t, fault == "replicator-by-link")
			t.Parallel()
			b := newBench(t, world.Options{Fault: fault}, world.ConfigOptions{})
			denied := map[string]string{}
			for node, s := range b.inspect() {
				// What peer-ssh-refused plants is for zup to take away.
				denied[node] = strings.ReplaceAll(s.HostsDeny, "sshd: 192.168.100.25\n", "")
			}
			b.wants(0, []string{`edge: verified`}, "apply", "-auto-approve", "-verbose")
			for node, s := range b.inspect() {
				if s.Installed != "6.1.20" || !s.MarkerIntact("6.1.20") || s.HostsDeny != denied[node] {
					t.Errorf("%s: %+v", node, s)
				}
			}
		})
	}
}
