//go:build linux

package main

import (
	"encoding/json"
	"regexp"
	"strings"
	"testing"

	"zup/examples/lab/world"
)

// A key that may only read plans a pair, says how it is and describes it, as root does, and
// changes nothing: neither with zup nor without. What it has planned is applied by a key
// that may.
func testReader(t *testing.T) {
	b := newBench(t, world.Options{}, world.ConfigOptions{NoProbes: true})
	before := b.files()
	statusAsRoot := b.readFacts()
	const config = world.Home + "/.ssh/config"
	b.on(world.Control, "cp "+config+" "+config+".root && ssh-keygen -q -t ed25519 -N '' -C plans@ci -f "+world.Home+"/.ssh/reader")
	b.on(world.Control, `sed -i '/user *= "root"/d; /identity_file/d' `+workDir+"/lab.zup.hcl")
	for _, n := range b.c.Nodes {
		b.on(world.Control, world.Home+"/bin/zup reader -key "+world.Home+"/.ssh/reader.pub | ssh -F "+config+" "+n.Name+" sh")
	}
	reads := `{ printf 'Host *\n\tUser zup-reader\n\tIdentityFile %s\n\tIdentitiesOnly yes\n' ` + world.Home + "/.ssh/reader; cat " + config + ".root; } >" + config
	b.on(world.Control, reads)

	if got := b.readFacts(); got != statusAsRoot {
		b.Errorf("status says\n%s\nand as root it says\n%s", got, statusAsRoot)
	}
	b.wants(2, []string{`6\.1\.19 → 6\.1\.20 on zva5n2, then zva5n1`, `Measured +192\.0\.2\.10:80, 192\.0\.2\.11:80, found up`}, "plan", "-detailed-exitcode", "-out", "edge.plan")
	b.wants(0, []string{`edge \(zevenet\): healthy`}, "status")
	b.on(world.Control, "mkdir "+workDir+"/found")
	b.wants(0, []string{`Wrote .*main\.zup\.hcl`}, "init", "-chdir", "found", "-from", b.c.Nodes[0].Address)
	b.wants(0, []string{`(?m)^No changes\.`}, "plan", "-chdir", "found", "-detailed-exitcode")
	for _, apply := range [][]string{{"apply", "-auto-approve"}, {"apply", "edge.plan"}} {
		b.wants(1, []string{`this key may only read; nothing was changed`, `node "zva5n2": the key that lets zup in there is for zup reader`}, apply...)
	}
	if out, err := b.Exec(b.Context(), world.Control, "ssh", "-F", config, "zva5n1", "id"); err == nil || !strings.Contains(out+err.Error(), "this key may only read") {
		b.Errorf("%s %v", out, err)
	}
	after := b.files()
	for node, files := range after {
		for name, digest := range files {
			ours := regexp.MustCompile(`^/?(usr/local/lib/zup/|etc/sudoers\.d/zup-reader|var/lib/zup-reader/|etc/(passwd|shadow|group|gshadow|subuid|subgid)-?$)`).MatchString(name)
			if !ours && before[node][name] != digest {
				b.Errorf("%s: %s has changed", node, name)
			}
		}
	}

	b.on(world.Control, "cp "+config+".root "+config)
	b.wants(0, []string{`edge: verified`}, "apply", "edge.plan")
	for _, n := range b.c.Nodes {
		b.on(world.Control, world.Home+"/bin/zup reader -remove | ssh -F "+config+" "+n.Name+" sh")
	}
	b.on(world.Control, reads)
	b.wants(1, []string{`log in to .* as zup-reader: no key was accepted`}, "plan")
	b.on(world.Control, "cp "+config+".root "+config)
	b.atRest("zva5n1")
}

// readFacts is what status says of the nodes, without what changes by itself.
func (b *bench) readFacts() string {
	b.Helper()
	_, out := b.zup("status", "-json")
	var status struct {
		Clusters []struct {
			Nodes []struct {
				Name, Error string
				Facts       map[string]string
			}
		}
	}
	if err := json.Unmarshal([]byte(out), &status); err != nil {
		b.Fatalf("%v\n%s", err, out)
	}
	for _, c := range status.Clusters {
		for _, n := range c.Nodes {
			for _, moves := range []string{"time", "skew", "disk", "updates"} {
				delete(n.Facts, moves)
			}
		}
	}
	text, err := json.MarshalIndent(status, "", " ")
	if err != nil {
		b.Fatal(err)
	}
	return string(text)
}
