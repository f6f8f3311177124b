package main

import (
	"strings"
	"testing"

	"zup/plan"
	"zup/plan/config"
	"zup/providers"
)

func foundPair(change func(*found)) *found {
	node := func(name, address string) foundNode {
		return foundNode{address: address, ObservedNode: plan.ObservedNode{
			HostKey: "ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIJ1r5hPjrCYqZ2tMVbXh6vFQmIRoAFZz3GkTZuIm0dXL",
			Facts:   map[string]string{"hostname": name, "version": "6.1.19", "primary": "disabled"},
		}}
	}
	f := &found{provider: "zevenet", from: "root@192.0.2.1", nodes: []foundNode{node("lb-1", "192.0.2.1"), node("lb-2", "2001:db8::2")},
		farms: []plan.Farm{{Address: "[2001:db8::80]:443", Answers: true}, {Address: "192.0.2.80:80"}}}
	if change != nil {
		change(f)
	}
	for i := range f.nodes {
		f.nodes[i].seen = providers.All()[f.provider].Sighting(f.nodes[i].Facts)
	}
	return f
}

// What was found is described so that it can be read again.
func TestDescribe(t *testing.T) {
	for _, tt := range []struct {
		name, want string
		change     func(*found)
	}{
		{"pair", `cluster "zevenet" "lb"`, nil},
		{"farm", `probe "tcp-2001-db8--80-443"`, nil},
		{"silent farm", `# probe "tcp-192-0-2-80-80"`, nil},
		{"alone", `cluster "zevenet" "lb-1"`, func(f *found) { f.nodes = f.nodes[:1] }},
		{"nothing in common", `cluster "zevenet" "east"`, func(f *found) {
			f.nodes[0].Facts["hostname"], f.nodes[1].Facts["hostname"] = "east", "west"
		}},
		{"capitals", `node "LB-1"`, func(f *found) { f.nodes[0].Facts["hostname"] = "LB-1" }},
		{"the newer version", `version = "6.1.20"`, func(f *found) { f.nodes[1].Facts["version"] = "6.1.20" }},
		{"port", "port     = 2222", func(f *found) { f.nodes[0].port = 2222 }},
	} {
		text, err := foundPair(tt.change).describe()
		if err != nil || !strings.Contains(string(text), tt.want) {
			t.Errorf("%s: %v\n%s", tt.name, err, text)
			continue
		}
		dir := t.TempDir()
		if err := (&cli{stdio: stdio{nil, &strings.Builder{}, nil}}).writeConfiguration(dir+"/main.zup.hcl", text, ""); err != nil {
			t.Fatal(err)
		}
		if _, diags := config.Load(dir, config.Options{Version: version, Products: plan.Declared(providers.All())}); len(diags.All) > 0 {
			var b strings.Builder
			diags.WriteText(&b, false, 80)
			t.Errorf("%s: %s\n%s", tt.name, &b, text)
		}
	}
}

// What a node says becomes no part of a configuration unless it is what it should be.
func TestDescribeHostile(t *testing.T) {
	for name, change := range map[string]func(*found){
		"hostname": func(f *found) { f.nodes[0].Facts["hostname"] = "a\" {}\n" },
		"version":  func(f *found) { f.nodes[0].Facts["version"] = "${file(\"/etc/shadow\")}" },
		"farm":     func(f *found) { f.farms[0].Address = "x\n}" },
	} {
		if text, err := foundPair(change).describe(); err == nil {
			t.Errorf("%s: accepted\n%s", name, text)
		}
	}
	text, err := foundPair(func(f *found) {
		f.farms[0] = plan.Farm{Address: "[fe80::1%\x1b[2J\u202e]:80", Foreign: "with a zone"}
	}).describe()
	if err != nil || !strings.Contains(string(text), "# Left out, and not tried:") || strings.ContainsAny(string(text), "\x1b\u202e") {
		t.Errorf("%v\n%q", err, text)
	}
	text, err = foundPair(func(f *found) { f.from = "root@a\n}"; f.nodes[0].Facts["primary"] = "x\n}" }).describe()
	if err != nil || strings.Contains(string(text), "\n}\n}") {
		t.Errorf("%v\n%s", err, text)
	}
}

func TestParseFrom(t *testing.T) {
	for s, want := range map[string]string{
		"192.0.2.1": "/192.0.2.1/0", "root@lb:2222": "root/lb/2222", "[2001:db8::1]:22": "/2001:db8::1/22", "2001:db8::1": "/2001:db8::1/0",
	} {
		n, err := parseFrom(s)
		if got := strings.Join([]string{n.user, n.address}, "/"); err != nil || !strings.HasPrefix(want, got+"/") {
			t.Errorf("parseFrom(%q) = %q, %v", s, got, err)
		}
	}
	for _, s := range []string{"", "@lb", "lb:0", "lb:x", "a b", "root@"} {
		if _, err := parseFrom(s); err == nil {
			t.Errorf("parseFrom(%q) is accepted", s)
		}
	}
}
