//go:build linux

package world

import "fmt"

// ReferenceAddress is where Reference answers, beside the VIPs. What a client feels
// there is what the machine does to everybody at that moment, so what it feels at a VIP
// is judged against it.
const ReferenceAddress = serviceNet + "200"

// addReference adds a host with a node's system, and one farm like those of the nodes.
// Nothing else of the product runs on it, and it belongs to no pair.
func (w *plannedWorld) addReference(whose product) {
	w.Hosts = append(w.Hosts, host{Name: Reference, Hostname: Reference, Node: true, Files: whose.files(map[string]file{
		"/etc/hostname":                    text(Reference + "\n"),
		"/lab/boot":                        script(nodeScript("reference")),
		"/lab/settings":                    text(fmt.Sprintf("ADDRESS=%s\n", ReferenceAddress)),
		zevenet + "/config/web1_proxy.cfg": text(farmConf("web1", ReferenceAddress)),
	})})
}
