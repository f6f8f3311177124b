//go:build linux

package main

import (
	"bytes"
	"errors"
	"slices"
	"strings"
	"testing"
)

const conf = `deadratio=1
interface=eth0
primary=disabled

[zva5n1]
ip=192.168.100.24

[zva5n2]
ip=192.168.100.25
`

func TestParseCluster(t *testing.T) {
	got, err := parseCluster(conf, "zva5n2")
	want := cluster{"eth0", member{"zva5n2", "192.168.100.25"}, member{"zva5n1", "192.168.100.24"}}
	if err != nil || got != want {
		t.Errorf("got %+v, %v", got, err)
	}
	for _, text := range []string{"", "interface=eth0\n[zva5n2]\nip=192.168.100.25\n"} {
		if _, err := parseCluster(text, "zva5n2"); !errors.Is(err, errNotClustered) {
			t.Errorf("%q: %v", text, err)
		}
	}
	if _, err := parseCluster(conf, "zva5n9"); err == nil {
		t.Error("a node that cluster.conf does not name is clustered")
	}
}

func TestVerb(t *testing.T) {
	for _, c := range []struct{ argv, want string }{
		{"/usr/local/zevenet/bin/enterprise.bin zeninotify", "zeninotify"},
		{"/usr/local/zevenet/bin/zeninotify", "zeninotify"},
		{"/usr/local/zevenet/bin/zeninotify stop", "zeninotify stop"},
		{"enterprise.bin Some::Module function", "Some::Module function"},
		{"enterprise.bin", ""},
		{"/usr/bin/perl -w /usr/local/zevenet/bin/enterprise.bin zeninotify", "zeninotify"},
		{"/usr/bin/perl -w /usr/local/zevenet/bin/zeninotify stop", "zeninotify stop"},
		{"perl -w", "-w"},
		{"perl", ""},
	} {
		if got := verb(strings.Fields(c.argv)); strings.Join(got, " ") != c.want {
			t.Errorf("%s: %q, not %q", c.argv, got, c.want)
		}
	}
}

func TestIsReplicator(t *testing.T) {
	for argv, want := range map[string]bool{
		"/usr/local/zevenet/bin/enterprise.bin zeninotify":      true,
		"/usr/local/zevenet/bin/zeninotify":                     true,
		"/usr/local/zevenet/bin/enterprise.bin zeninotify stop": false,
		"sh -c zeninotify":   false,
		"grep zeninotify":    false,
		"enterprise.bin a b": false,
	} {
		if got := isReplicator(strings.Fields(argv)); got != want {
			t.Errorf("%s: %t", argv, got)
		}
	}
}

func TestJudge(t *testing.T) {
	for _, c := range []struct {
		role       string
		run        services
		status     string
		wantsWords string
	}{
		{"master", services{true, true}, "ok", "Node online and active"},
		{"backup", services{true, false}, "ok", "Node online and passive"},
		{"maintenance", services{true, false}, "ok", "Node in maintenance mode"},
		{"master", services{true, false}, "failure", "Failed services: zeninotify"},
		{"backup", services{true, true}, "failure", "Failed services: zeninotify"},
		{"backup", services{false, true}, "failure", "Failed services: keepalived, zeninotify"},
		{"", services{true, false}, "failure", "Unknown role"},
	} {
		if got := judge(c.role, c.run); got.Status != c.status || got.Message != c.wantsWords {
			t.Errorf("%s %+v: %+v", c.role, c.run, got)
		}
	}
}

func TestRsyncArgs(t *testing.T) {
	args := rsyncArgs(member{"zva5n2", "192.168.100.25"}, configDir+"/")
	// rsync takes the first pattern that matches: VIPs before NICs.
	vips, nics := slices.Index(args, "--include=if_*:*_conf"), slices.Index(args, "--exclude=if_*_conf")
	if vips < 0 || nics < vips || args[0] != "-azvr" || args[1] != "--delete" {
		t.Errorf("%q", args)
	}
	if last := args[len(args)-1]; last != "root@192.168.100.25:/usr/local/zevenet/config/" {
		t.Errorf("to %s", last)
	}
}

func TestBridgeRefusesNonsense(t *testing.T) {
	for _, c := range []struct{ module, function, input string }{
		{"Zevenet::API40::System::Cluster", "no_such_function", "[]"},
		{"Zevenet::API40::System::Cluster", "get_cluster_nodes_status", "no JSON"},
	} {
		var out bytes.Buffer
		if exit := bridge(c.module, c.function, strings.NewReader(c.input), &out); exit != 1 || out.Len() > 0 {
			t.Errorf("%s %q: exit %d, %s", c.function, c.input, exit, &out)
		}
	}
}
