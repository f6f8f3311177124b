//go:build linux

package main

import (
	"testing"

	"zup/examples/lab/world"
)

// In the vendor's order the package turns MASTER's update back while MASTER serves. It goes
// on serving; what dpkg was left with restarts the services when it is finished, which the
// next plan does only once the other node has taken over.
func testTurnedBackServing(t *testing.T) {
	b := newBench(t, world.Options{Fault: "licence-refused-master"}, world.ConfigOptions{Switchover: "restart"})
	b.before = b.inspect()
	b.wants(5, []string{`Your certificate key is not valid`, `Serves now +zva5n1, with version 6\.1\.19`}, "apply", "-auto-approve")
	if s := b.inspect()["zva5n1"]; s.Role != "master" || s.Farms != 2 || s.Audit == 0 {
		t.Errorf("%+v", s)
	}
	if err := b.Mend(t.Context()); err != nil {
		t.Fatal(err)
	}
	// In which role it is when packages are configured there.
	b.on("zva5n1", "mkdir -p /lab/hook; echo 'head -n 1 /usr/local/zevenet/node_status >>/lab/roles' >/lab/hook/postinst; "+
		"sed -i '/Completing the/i head -n 1 /usr/local/zevenet/node_status >>/lab/roles' /var/lib/dpkg/info/zevenet.postinst")
	b.wants(0, []string{`edge: verified`, `although switchover is "restart"`}, "apply", "-auto-approve")
	if roles := b.says("zva5n1", "sort -u /lab/roles"); roles != "maintenance\n" {
		t.Errorf("configured as %q", roles)
	}
	b.atRest("zva5n1")
}
