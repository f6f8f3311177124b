//go:build linux

package main

import (
	"fmt"
	"strings"
	"testing"

	"zup/examples/lab/world"
)

// The whole update, with zup knowing the nodes' names alone: everything else is in
// ssh_config, and each way to the nodes has a trouble of its own in the end, which stops zup
// before anything is touched.
func testWays(t *testing.T) {
	for _, way := range world.Ways {
		t.Run(way.Name, func(t *testing.T) {
			oneOfMany(t, way.Name == "jumps" || way.Name == "revoked")
			t.Parallel()
			b := newBench(t, world.Options{Way: way.Name}, world.ConfigOptions{ByName: true})
			b.goesBy(way.Name)
			before := b.files()
			b.wants(2, []string{`6\.1\.19 → 6\.1\.20 on zva5n2, then zva5n1`}, "plan", "-detailed-exitcode")
			b.untouched(before)
			b.wants(0, []string{`edge: verified`}, "apply", "-auto-approve")
			b.atRest("zva5n1")
			b.blocked(way.Name)
		})
	}
}

// goesBy asserts that control reaches the nodes in this way and in no other one.
func (b *bench) goesBy(way string) {
	b.Helper()
	_, printed := b.zup("ssh", "zva5n1", "-print")
	want := map[string]string{
		"jumps": "hop3", "certificates": "user-cert.pub", "revoked": ".ssh/revoked", "known-hosts-command": "bin/known-hosts", "proxy-command": "-W",
	}[way]
	if !strings.Contains(printed, want) {
		b.Errorf("zup ssh -print lacks %q:\n%s", want, printed)
	}
	if way == "jumps" || way == "proxy-command" {
		for _, n := range b.c.Members() {
			if out, err := b.Exec(b.Context(), world.Control, "ping", "-c", "1", "-W", "1", n.Address); err == nil {
				b.Errorf("control reaches %s by itself:\n%s", n.Name, out)
			}
		}
	}
}

// blocked breaks the way, and wants the next plan to say so in words that fit.
func (b *bench) blocked(way string) {
	b.Helper()
	const ssh = world.Home + "/.ssh/"
	var says []string
	switch way {
	case "jumps":
		b.on("hop2", "echo sshd: ALL >>/etc/hosts.deny")
		says = []string{`jump host 2 of 3, ops@hop2:22: connect hop2:22 through\s+root@hop1:22: closed\s+before`, `hosts\.deny\s+names\s+root@hop1:22`}
	case "certificates":
		b.on("zva5n1", "rm /etc/ssh/sshd_config.d/certificates.conf; kill -HUP $(cat /run/sshd.pid)")
		says = []string{`host key of zva5n1:22 is unknown`}
	case "revoked":
		b.on(world.Control, fmt.Sprintf("echo '%s' >>%srevoked", b.c.Nodes[0].HostKey, ssh))
		says = []string{`node "zva5n1": host key of zva5n1:22 is revoked: .*/\.ssh/revoked:4`, `do not connect`}
	case "known-hosts-command":
		b.on(world.Control, "printf '#!/bin/sh\\nexit 0\\n' >"+world.Home+"/bin/known-hosts")
		says = []string{`host key of zva5n1:22 is unknown`}
	case "proxy-command":
		b.on("hop1", "echo sshd: ALL >>/etc/hosts.deny")
		says = []string{`through the ProxyCommand of .*/\.ssh/config:\d+: the command led to no SSH server`, `see what it does alone`}
	}
	before := b.files()
	b.wants(1, says, "plan")
	b.untouched(before)
}
