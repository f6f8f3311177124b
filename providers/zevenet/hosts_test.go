package zevenet

import (
	"encoding/base64"
	"strings"
	"testing"

	"zup/plan"
	"zup/plan/config"
)

// What MASTER's tables make of the block, and with which words: refused with the line, or
// passed with what is not known. What each line means is compared with libwrap in
// providers/libwrap.
func TestBlockIsJudgedAsLibwrapReadsIt(t *testing.T) {
	for name, tt := range map[string]struct{ allow, deny, backup, status, says string }{
		"nothing":                   {"", "", "", "passed", "no line of hosts.allow"},
		"all":                       {"all: all\n", "", "", "failed", "line 1: all: all"},
		"upper case":                {"SSHD: 192.168.100.25\n", "", "", "failed", "line 1: SSHD"},
		"denies":                    {"sshd: 192.168.100.25 : deny\nsshd: ALL\n", "", "", "passed", ""},
		"except":                    {"sshd: ALL except 192.168.100.25\n", "", "", "passed", ""},
		"its port":                  {"22: ALL\n", "", "", "failed", "line 1: 22: ALL"},
		"our end":                   {"sshd@192.168.100.24: ALL\n", "", "", "failed", "line 1: sshd@"},
		"another end":               {"sshd@192.0.2.10: ALL\n", "", "", "passed", ""},
		"second line":               {"# x\nsshd: 192.168.100.\n", "", "", "failed", "line 2: sshd: 192.168.100."},
		"no comment":                {"# x\n # sshd: ALL\n", "", "", "failed", "line 2: # sshd: ALL"},
		"no line feed":              {"sshd: ALL", "", "", "passed", ""},
		"a domain":                  {"sshd: .example.net\n", "", "", "passed", "line 1 of /etc/hosts.allow on a may let b in: sshd: .example.net"},
		"a domain, then for sure":   {"sshd: .example.net\nsshd: ALL\n", "", "", "failed", "line 2: sshd: ALL"},
		"denied before, for sure":   {"sshd: ALL : deny\nsshd: .example.net\n", "", "", "passed", "no line of"},
		"let in by hosts.deny":      {"", "sshd: 192.168.100.25 : allow\n", "", "failed", "line 1: sshd: 192.168.100.25 : allow"},
		"let in behind the block":   {"", "sshd: 192.168.100.25\nsshd: ALL: allow\n", "", "passed", "no line of"},
		"hosts.deny not terminated": {"", "# x", "", "passed", "no line of"},
		"IPv6":                      {"sshd: [2001:db8::]/32\n", "", "2001:db8::25", "failed", "line 1: sshd: [2001:db8::]/32"},
		"IPv6, another net":         {"sshd: [2001:db9::]/32\n", "", "2001:db8::25", "passed", "no line of"},
		"IPv6, any IPv4":            {"sshd: 0.0.0.0/0.0.0.0\n", "", "2001:db8::25", "passed", "no line of"},
		"IPv6 written long":         {"sshd: [2001:0db8:0::0025]\n", "", "2001:DB8::25", "failed", "line 1: sshd: [2001:0db8"},
	} {
		if tt.backup == "" {
			tt.backup = "192.168.100.25"
		}
		p := pairWithTables(tt.allow, tt.deny, tt.backup)
		f := allowDoesNotVoid(p)
		if string(f.Status) != tt.status || !strings.Contains(f.Summary+f.Detail, tt.says) {
			t.Errorf("%s: %s %q %q, want %s %q", name, f.Status, f.Summary, f.Detail, tt.status, tt.says)
		}
	}
	p := pairWithTables("", "", "192.168.100.25")
	p.master.facts["hosts_deny"] = unknown
	if f := allowDoesNotVoid(p); f.Status == "passed" {
		t.Errorf("hosts.deny is unknown: %v", f)
	}
}

func pairWithTables(allow, deny, backup string) *pair {
	const members = "a=192.168.100.24 b="
	a := &node{name: "a", facts: map[string]string{"nodes": members + backup, "hosts_allow": tableFact(allow), "hosts_deny": tableFact(deny)}}
	b := &node{name: "b", facts: map[string]string{"nodes": members + backup}}
	return &pair{cfg: &config.Cluster{Version: "6.1.20"}, nodes: []*node{a, b}, master: a, backup: b}
}

// tableFact is what the facts script makes of a table.
func tableFact(text string) string {
	if text == "" {
		return "empty"
	}
	return base64.StdEncoding.EncodeToString([]byte(text))
}

// A block that does not hold says which line lets BACKUP in; one that was taken away and
// still holds, which line keeps it out.
func TestBlockIsExplained(t *testing.T) {
	c := &plan.Cluster{Nodes: []plan.Node{{Name: "a"}, {Name: "b"}}}
	for name, tt := range map[string]struct {
		wanted, allow, deny, want string
	}{
		"lets in":           {"refused", "# x\nsshd: ALL\n", "sshd: 192.168.100.25\n", "line 2 of /etc/hosts.allow on a lets b in: sshd: ALL"},
		"may let in":        {"refused", "sshd: b\n", "sshd: 192.168.100.25\n", "line 1 of /etc/hosts.allow on a may let b in: sshd: b ("},
		"hosts.deny allows": {"refused", "", "ALL: ALL: allow\nsshd: 192.168.100.25\n", "line 1 of /etc/hosts.deny on a lets b in"},
		"no line does":      {"refused", "", "sshd: 192.168.100.25\n", "its sshd does not heed them, or b comes from another address"},
		"keeps out":         {"ok a", "", "# y\nALL: 192.168.\n", "line 2 of /etc/hosts.deny on a keeps b out: ALL: 192.168."},
		"allow denies":      {"ok a", "sshd: ALL: deny\n", "", "line 1 of /etc/hosts.allow on a keeps b out"},
		"cut off":           {"ok a", "", "# y", "the last line of /etc/hosts.deny on a has no line feed"},
		"too long":          {"ok a", "", "# y\nsshd: " + strings.Repeat("10.0.0.1 ", 300) + "\n", "line 2 of /etc/hosts.deny on a is longer than libwrap reads"},
		"cut off in allow":  {"ok a", "# y", "", ""},
		"nothing there":     {"ok a", "", "", ""},
	} {
		missed := []plan.Condition{{Node: "b", Fact: "peer_ssh", Is: []string{tt.wanted}}, {Node: "a", Fact: "deny", Is: []string{"present"}}}
		evidence := map[plan.Fact]string{}
		for _, f := range (Provider{}).Evidence(c, missed) {
			evidence[f] = map[string]string{"hosts_allow": tableFact(tt.allow), "hosts_deny": tableFact(tt.deny), "nodes": "a=192.168.100.24 b=192.168.100.25"}[f.Fact]
		}
		got := Provider{}.Explain(c, missed, evidence)
		if tt.want == "" && got != "" || !strings.Contains(got, tt.want) {
			t.Errorf("%s: %q, want %q", name, got, tt.want)
		}
		if got := (Provider{}).Explain(c, missed, nil); got != "" {
			t.Errorf("%s: without evidence %q", name, got)
		}
	}
	if got := (Provider{}).Evidence(c, []plan.Condition{{Node: "a", Fact: "role"}}); got != nil {
		t.Errorf("asks %v about a role", got)
	}
}
