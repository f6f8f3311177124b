//go:build linux

package main

import (
	"fmt"
	"testing"

	"zup/examples/lab/world"
)

// A plan, a status and an init -from leave a node as it is, byte for byte: apt's
// configuration, lists and caches, what keepalived writes when it is asked, the log of an
// updater that would set up apt anew whatever it is asked. Here it would have something
// to set up: an administrator has taken the User-Agent out of apt.conf, and has a list of
// a mirror.
func testLooksChangeNothing(t *testing.T) {
	for _, product := range world.Products() {
		t.Run(product, func(t *testing.T) {
			oneOfMany(t, product == "zevenet")
			t.Parallel()
			b := newBench(t, world.Options{Product: product}, world.ConfigOptions{})
			for _, n := range b.c.Nodes {
				b.on(n.Name, "echo '// by hand' >/etc/apt/apt.conf; echo 'deb https://mirror.example.net/lb stable main' >/etc/apt/sources.list.d/"+product+".list")
			}
			before := b.files()
			b.wants(2, nil, "plan", "-detailed-exitcode")
			b.wants(0, []string{`zva5n1`}, "status")
			for i, n := range b.c.Nodes {
				dir := fmt.Sprintf("found%d", i)
				b.on(world.Control, "mkdir "+workDir+"/"+dir)
				b.wants(0, []string{`Wrote .*main\.zup\.hcl`}, "init", "-chdir", dir, "-from", "root@"+n.Address)
			}
			b.untouched(before)
		})
	}
}

// The lab can tell: whatever this updater is asked, it sets up apt anew.
func testAskingTheUpdaterChangesANode(t *testing.T) {
	b := newBench(t, world.Options{}, world.ConfigOptions{})
	for _, asked := range []string{"-h", "-n"} {
		b.on("zva5n2", "echo '// by hand' >/etc/apt/apt.conf")
		before := b.files()["zva5n2"]
		b.on("zva5n2", "checkupgrades "+asked)
		after := b.files()["zva5n2"]
		for _, name := range []string{"/etc/apt/apt.conf", "the calls of the updater"} {
			if before[name] == after[name] {
				t.Errorf("%s: %s is as before", asked, name)
			}
		}
	}
}
