package zevenet

import (
	"fmt"
	"os"
	"slices"
	"strings"
	"testing"

	"zup/plan"
	"zup/plan/config"
	"zup/providers/zevenet/arguments"
)

// The block for an IPv6 peer has brackets: without them libwrap takes what follows the
// first colon for an option. What the updater writes goes as well.
func TestBlockAndUnblockIPv6(t *testing.T) {
	t.Parallel()
	const peer, line, bare = "2001:db8::25", "sshd: [2001:db8::25]\n", "sshd: 2001:db8::25\n"
	if denyLine(peer)+"\n" != line || denyLine("192.168.100.25") != "sshd: 192.168.100.25" {
		t.Errorf("%q %q", denyLine(peer), denyLine("192.168.100.25"))
	}
	for name, tt := range map[string]struct{ before, meanwhile, want string }{
		"absent":                      {"(absent)", "", "(absent)"},
		"others":                      {"sshd: [2001:db8::250]\nsshd: 10.0.0.7\n", "", "sshd: [2001:db8::250]\nsshd: 10.0.0.7\n"},
		"no final line feed":          {"sshd: 10.0.0.7", "", "sshd: 10.0.0.7"},
		"the updater's line was left": {"# x\n" + bare, "", "# x\n"},
		"the updater's line comes":    {"# x\n", "# x\n" + line + bare, "# x\n"},
		"ours is gone":                {"# x\n", "# x\n" + bare, "# x\n"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			s := newSandbox(t)
			s.deny(tt.before)
			do := func(name string) {
				if out, err := s.shellFor(name, peer); err != nil {
					t.Fatalf("%s: %v\n%s", name, err, out)
				}
			}
			do("block")
			if got := s.read("etc/hosts.deny"); !strings.HasSuffix("\n"+got, "\n"+line) {
				t.Errorf("blocked: %q", got)
			}
			if tt.meanwhile != "" {
				s.write("etc/hosts.deny", tt.meanwhile)
			}
			do("unblock")
			if got := s.read("etc/hosts.deny"); got != tt.want {
				t.Errorf("after: %q, want %q", got, tt.want)
			}
		})
	}
}

// The facts of a node with IPv6 addresses are those of one with IPv4 ones, however the
// product has written them.
func TestFactsIPv6(t *testing.T) {
	t.Parallel()
	s := newSandbox(t)
	s.write("root/config/cluster.conf", strings.NewReplacer("192.168.100.24", "2001:DB8:0::24", "192.168.100.25", "2001:db8::25").Replace(clusterConf))
	s.write("root/config/if_eth0:1_conf", "addr=2001:DB8:0:0::10\nstatus=up\n")
	s.write("root/node_status", "master\n")
	deny := func(text string) string {
		s.write("etc/hosts.deny", text)
		return s.facts("deny")["deny"]
	}
	if got := s.facts("nodes", "vips"); got["nodes"] != "zva5n1=2001:DB8:0::24 zva5n2=2001:db8::25" || got["vips"] != "2001:db8::10" {
		t.Errorf("%v", got)
	}
	for text, want := range map[string]string{
		"sshd: [2001:db8::25]\n": "present", "sshd: [2001:db8::250]\n": "none", "sshd: 2001:db8::25\n": "present", "sshd: 2001:db8::250\n": "none",
	} {
		if got := deny(text); got != want {
			t.Errorf("%q: %s, want %s", text, got, want)
		}
	}
}

// A backup drops what comes for its IPv6 VIPs in netdev cluster; what can't be looked at
// is unknown, and so counts for nothing.
func TestNeighbourDiscoveryIsTold(t *testing.T) {
	t.Parallel()
	const table = "table netdev cluster {\n\tchain cl-eth0 {\n\t\ttype filter hook ingress device \"eth0\" priority -100; policy accept;\n%s\t}\n}\n"
	rules := func(lines ...string) string { return fmt.Sprintf(table, strings.Join(lines, "")) }
	const ten, eleven = "\t\tip6 daddr 2001:db8::10 drop\n", "\t\tip6 daddr 2001:db8::11 drop\n"
	for name, tt := range map[string]struct{ vips, nft, want string }{
		"no IPv6 VIP":           {"192.0.2.10", "cat table", "none"},
		"both dropped":          {"2001:db8::10 2001:DB8:0::11 192.0.2.10", "cat table", "blocked"},
		"one dropped":           {"2001:db8::10 2001:db8::12", "cat table", "partial"},
		"none dropped":          {"2001:db8::12 2001:db8::13", "cat table", "open"},
		"longer address":        {"2001:db8::1", "cat table", "open"},
		"as a set":              {"2001:db8::10 2001:db8::11", "cat set", "blocked"},
		"counted and dropped":   {"2001:db8::10", "cat counted", "blocked"},
		"accepted, not dropped": {"2001:db8::10", "cat accepted", "open"},
		"no table":              {"2001:db8::10", "echo 'Error: No such file or directory' >&2; exit 1", "open"},
		"nft does not work":     {"2001:db8::10", "echo 'Operation not permitted' >&2; exit 1", "unknown"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			s := newSandbox(t)
			for i, vip := range strings.Fields(tt.vips) {
				s.write(fmt.Sprintf("root/config/if_eth0:%d_conf", i), "addr="+vip+"\nstatus=up\n")
			}
			if err := os.Mkdir(s.path("programs"), 0o755); err != nil {
				t.Fatal(err)
			}
			s.write("table", rules(ten, eleven))
			s.write("set", rules("\t\tip6 daddr { 2001:db8::10, 2001:db8::11 } drop\n"))
			s.write("counted", rules("\t\tip6 daddr 2001:db8::10 counter packets 3 bytes 180 drop\n"))
			s.write("accepted", rules("\t\tip6 daddr 2001:db8::10 accept\n"))
			s.program("programs/nft", "cd "+quote(s.dir)+"; "+tt.nft)
			if got := s.factsOfNode("nd"); got != "nd="+tt.want+"\n" {
				t.Errorf("%s, want %s", got, tt.want)
			}
		})
	}
}

// Who serves and who stands by is proven by IPv6's neighbours too, where it can be seen.
func TestNeighboursAreConditions(t *testing.T) {
	make := func(name, vips, arp, nd string) *node {
		return &node{name: name, facts: map[string]string{"vips": vips, "arp": arp, "nd": nd, "role": map[bool]string{true: "master", false: "backup"}[name == "a"]}}
	}
	for name, tt := range map[string]struct {
		vips    string
		arp, nd [2]string
		want    string
		status  string
	}{
		"IPv4":                  {"192.0.2.10", [2]string{"open", "blocked"}, [2]string{"none", "none"}, "arp", "passed"},
		"both":                  {"192.0.2.10 2001:db8::10", [2]string{"open", "blocked"}, [2]string{"open", "blocked"}, "arp nd", "passed"},
		"IPv6":                  {"2001:db8::10", [2]string{"none", "none"}, [2]string{"open", "blocked"}, "nd", "passed"},
		"IPv6 is not told":      {"192.0.2.10 2001:db8::10", [2]string{"open", "blocked"}, [2]string{"open", "open"}, "arp", "failed"},
		"IPv6 is dropped twice": {"2001:db8::10", [2]string{"none", "none"}, [2]string{"blocked", "blocked"}, "", "failed"},
		"IPv6 is unknown":       {"2001:db8::10", [2]string{"none", "none"}, [2]string{"unknown", "blocked"}, "", "failed"},
	} {
		a, b := make("a", tt.vips, tt.arp[0], tt.nd[0]), make("b", tt.vips, tt.arp[1], tt.nd[1])
		p := &pair{cfg: &config.Cluster{}, nodes: both(a, b), master: a, backup: b}
		for how, conditions := range map[string][]string{"open": facts(p.serves(a)), "blocked": facts(p.standsBy(b))} {
			if got := strings.Join(conditions[2:], " "); got != tt.want {
				t.Errorf("%s: %s: %q, want %q", name, how, got, tt.want)
			}
		}
		if got := arpTells(p); string(got.Status) != tt.status {
			t.Errorf("%s: %+v, want %s", name, got, tt.status)
		}
	}
}

// VRRP over IPv6 is version 3, whose skew is a part of the advertisement interval; and an
// old MASTER does not serve an IPv6 VIP until the other node has it.
func TestPredictionIPv6(t *testing.T) {
	for name, tt := range map[string]struct {
		address, vip string
		boost        bool
		ms           int64
		says         string
	}{
		"IPv4":                 {"192.168.100.24", "192.0.2.10", false, 904, "takes over (256-50)/256 s after"},
		"IPv4 VIP alone":       {"2001:db8::24", "192.0.2.10", false, 4120, "the takeover waits 5 times as long"},
		"IPv6 VIP alone":       {"192.168.100.24", "2001:db8::10", false, 904, "At an IPv6 VIP nobody is served meanwhile: the old MASTER drops"},
		"IPv6, with boost":     {"2001:db8::24", "2001:db8::10", true, 135, "the takeover waits 5 times as long. At an IPv6 VIP nobody is served meanwhile"},
		"IPv6 without a boost": {"2001:db8::24", "2001:db8::10", false, 4120, "waits 5 times as long. At an IPv6 VIP nobody"},
	} {
		a := &node{name: "a", facts: map[string]string{"nodes": "a=" + tt.address + " b=x", "vips": tt.vip}}
		b := &node{name: "b", facts: map[string]string{"nodes": "a=" + tt.address + " b=x"}}
		p := &pair{cfg: &config.Cluster{}, own: arguments.Arguments{Boost: tt.boost}, nodes: both(a, b), master: a, backup: b, deadratio: 5}
		got := p.predict([]switchover{{to: b, how: drained}})
		if got.PerSwitchoverMSMax != tt.ms || !strings.Contains(got.Why, tt.says) {
			t.Errorf("%s: %d %q, want %d %q", name, got.PerSwitchoverMSMax, got.Why, tt.ms, tt.says)
		}
	}
}

// A client that has the old master's address in its cache has the new one's after the
// announcement, and takes it for a router still if it was one.
func TestAnnouncementIsBelieved(t *testing.T) {
	t.Parallel()
	needs(t, "unshare", "perl", "ip", "sysctl")
	const told = `
mount -t tmpfs tmpfs /usr/local && mkdir -p /usr/local/zevenet/config && mount -t tmpfs tmpfs /run && mkdir /run/netns && mount -t sysfs sysfs /sys || exit 9
printf 'addr=2001:DB8:0::10\nstatus=up\n' >'/usr/local/zevenet/config/if_eth0:1_conf'
printf 'status=up\neth0:2;2001:db8::11;64;;\n' >'/usr/local/zevenet/config/if_eth0:2_conf'
printf 'addr=2001:db8::12\nstatus=down\n' >'/usr/local/zevenet/config/if_eth0:3_conf'
printf 'addr = 2001:db8::13\nstatus = up\n' >'/usr/local/zevenet/config/if_eth0:4_conf'
ip netns add client && ip link add eth0 address 02:00:00:00:00:24 type veth peer name eth0 netns client || exit 9
ip link set eth0 up; for i in 10 11 12; do ip addr add 2001:db8::$i/64 dev eth0 nodad; done
in_client() { ip netns exec client "$@"; }
in_client ip link set eth0 up; in_client ip addr add 2001:db8::1/64 dev eth0 nodad
until ip -br link show eth0 | grep -q ' UP ' && ! ip addr show dev eth0 | grep -q tentative; do sleep 0.05; done
for i in 10 11 12; do in_client ip neigh add 2001:db8::$i lladdr 02:00:00:00:00:99 dev eth0 nud reachable router; done
sysctl -qw net.ipv6.conf.eth0.forwarding=1
printf '%s' "$ANNOUNCE" | sh 2>&1
for i in 10 11 12; do in_client ip neigh show 2001:db8::$i | sed 's/^/client: /; s/ dev eth0//; s/ [A-Z]* *$//'; done
`
	got := inNamespaces(t, told, []string{"ANNOUNCE=" + script("announce", "")})
	const want = `neighbour advertisement on eth0 for 2001:DB8:0::10
neighbour advertisement on eth0 for 2001:db8::11
neighbour advertisement on eth0 for 2001:db8::13
2001:db8::13: Cannot assign requested address
client: 2001:db8::10 lladdr 02:00:00:00:00:24 router
client: 2001:db8::11 lladdr 02:00:00:00:00:24 router
client: 2001:db8::12 lladdr 02:00:00:00:00:99 router
`
	gotLines, wantLines := strings.Split(got, "\n"), strings.Split(want, "\n")
	slices.Sort(gotLines)
	slices.Sort(wantLines)
	if !slices.Equal(gotLines, wantLines) {
		t.Errorf("got\n%s\nwant\n%s", got, want)
	}
}

func both(a, b *node) []*node { return []*node{a, b} }

// facts are the names of the facts that conditions are about.
func facts(conditions []plan.Condition) []string {
	var names []string
	for _, c := range conditions {
		names = append(names, c.Fact)
	}
	return names
}
