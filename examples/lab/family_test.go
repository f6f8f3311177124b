//go:build linux

package main

import (
	"testing"

	"zup/examples/lab/world"
)

// Each product of the family is updated under its own names, and the plan says what
// nobody has verified.
func TestFamily(t *testing.T) {
	for product, says := range map[string][]string{
		"zevenet":   {`edge \(zevenet\)`},
		"skudonet":  {`edge \(skudonet\)`, `nobody has verified that its updater`},
		"relianoid": {`edge \(relianoid\): 8\.4\.0 → 8\.5\.0`, `nobody has verified that its cluster's command line is noid-cluster-manager`},
	} {
		for _, switchover := range []string{"drain", "restart"} {
			t.Run(product+" "+switchover, func(t *testing.T) {
				t.Parallel()
				b := newBench(t, world.Options{Product: product}, world.ConfigOptions{Switchover: switchover})
				before := b.files()
				b.wants(2, says, "plan", "-detailed-exitcode")
				b.untouched(before)
				b.wants(0, []string{`edge: verified`, `zva5n1 is MASTER`}, "apply", "-auto-approve")
				b.atRest("zva5n1")
			})
		}
	}
}
