package zevenet

import (
	"fmt"
	"os"
	"os/exec"
	"strings"
	"testing"
)

// factsOfNode runs the facts script with programs of the sandbox in front of all others.
func (s *sandbox) factsOfNode(names ...string) string {
	s.t.Helper()
	cmd := exec.Command("sh", append([]string{"-s", "--"}, names...)...)
	cmd.Stdin = strings.NewReader(strings.NewReplacer(
		"PATH=/usr/local/sbin:", "PATH="+quote(s.path("programs"))+":/usr/local/sbin:",
		"/usr/local/zevenet", s.path("root"),
	).Replace(script("facts", "")))
	out, err := cmd.Output()
	if err != nil {
		s.t.Fatalf("%v\n%s", err, out)
	}
	return strings.TrimSuffix(string(out), "end\n")
}

// Every farm that nftlb has is listed, with its protocol, address and port, however nftlb
// keys it: with or without the protocol or the port, by nat or in netdev. The tables of
// 1.0.7 are what Debian's nftlb makes of fourteen farms.
func TestFarmsOfNftlb(t *testing.T) {
	t.Parallel()
	for name, tt := range map[string]struct {
		tables string // families
		files  string
		nft    string // what it does instead
		want   string
	}{
		"1.0.7": {"ip ip6 netdev", "1.0.7", "", "sctp/192.0.2.11:* sctp/192.0.2.15:* sctp/[2001:db8::10]:443 sctp/[2001:db8::12]:* " +
			"tcp/192.0.2.10:1000-1003 tcp/192.0.2.10:3000 tcp/192.0.2.10:80 tcp/192.0.2.11:* tcp/192.0.2.12:* tcp/192.0.2.13:8080 " +
			"tcp/192.0.2.15:* tcp/[2001:db8::11]:443 tcp/[2001:db8::12]:* udp/192.0.2.10:80 udp/192.0.2.11:* udp/192.0.2.14:8081 " +
			"udp/192.0.2.14:8085-8087 udp/192.0.2.15:* udp/[2001:db8::12]:*"},
		"as EE 6's was": {"ip netdev", "0.4", "", "any/192.0.2.11:* any/192.0.2.14:* tcp/192.0.2.10:443-444 tcp/192.0.2.10:80 tcp/192.0.2.12:25 " +
			"tcp/192.0.2.13:5060 udp/192.0.2.10:80 udp/[2001:db8::10]:53"},
		"direct ways alone": {"netdev", "0.4", "", "any/192.0.2.14:* tcp/192.0.2.12:25 tcp/192.0.2.13:5060 udp/[2001:db8::10]:53"},
		"no table":          {"", "", "", "none"},
		"nft does not work": {"", "", "exit 1", "unknown"},
		"a table that goes": {"ip", "gone", "", "unknown"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			s := newSandbox(t)
			for i := 10; i <= 18; i++ {
				s.write(fmt.Sprintf("root/config/if_eth0:%d_conf", i), fmt.Sprintf("[eth0:%d]\naddr=192.0.2.%d\nstatus=up\n", i, i))
			}
			for i, vip := range []string{"2001:DB8::0:10", "2001:db8:0:0::11", "2001:db8::12"} {
				s.write(fmt.Sprintf("root/config/if_eth0:v%d_conf", i), "addr="+vip+"\nstatus=up\n")
			}
			dir, err := os.Getwd()
			if err != nil {
				t.Fatal(err)
			}
			if err := os.Mkdir(s.path("programs"), 0o755); err != nil {
				t.Fatal(err)
			}
			s.program("programs/ss", "exit 0")
			s.program("programs/nft", tt.nft+`
case "$*" in
'list tables') echo 'table arp cluster'; for f in `+tt.tables+`; do echo "table $f nftlb"; done ;;
'-nn list table '*) exec cat `+quote(dir)+`/testdata/nftlb/`+tt.files+`-$4.nft ;;
*) exit 1 ;;
esac`)
			if got := s.factsOfNode("farms"); got != "farms="+tt.want+"\n" {
				t.Errorf("%s\nwant farms=%s", got, tt.want)
			}
		})
	}
}

// A port of a VIP is told by protocol, and where it is counts as the VIP however it is
// written.
func TestFarmsThatListen(t *testing.T) {
	t.Parallel()
	s := newSandbox(t)
	s.write("root/config/if_eth0:1_conf", "addr=192.0.2.10\nstatus=up\n")
	s.write("root/config/if_eth0:2_conf", "addr=2001:DB8:0::10\nstatus=up\n")
	if err := os.Mkdir(s.path("programs"), 0o755); err != nil {
		t.Fatal(err)
	}
	s.program("programs/nft", "exit 0")
	s.program("programs/ss", `cat <<'END'
udp   UNCONN 0 0 192.0.2.10:53 0.0.0.0:* ino:1 sk:1 <->
udp   UNCONN 0 0 [2001:db8::10]:53 [::]:* ino:2 sk:2 <->
udp   UNCONN 0 0 192.0.2.99:53 0.0.0.0:* ino:3 sk:3 <->
tcp   LISTEN 0 128 192.0.2.10:53 0.0.0.0:* ino:4 sk:4 <->
tcp   LISTEN 0 128 [::ffff:192.0.2.10]:81 *:* ino:5 sk:5 <->
tcp   LISTEN 0 128 [2001:db8::10]%eth0:443 [::]:* ino:6 sk:6 <->
tcp   LISTEN 0 128 192.0.2.10:82 0.0.0.0:* uid:1000 ino:7 sk:7 <->
END`)
	if got, want := s.factsOfNode("farms"), "farms=tcp/192.0.2.10:53 tcp/192.0.2.10:81 tcp/[2001:db8::10]:443 udp/192.0.2.10:53 udp/[2001:db8::10]:53\n"; got != want {
		t.Errorf("%s\nwant %s", got, want)
	}
}

// A connection can be opened to TCP at one port; the rest is said to be unmeasured.
func TestReachableFarms(t *testing.T) {
	connects, others := reachable(strings.Fields("192.0.2.9:80 tcp/192.0.2.10:80 tcp/[2001:db8::10]:443 udp/192.0.2.10:53 tcp/192.0.2.11:* tcp/192.0.2.12:80-90 any/192.0.2.13:* none unknown"))
	if got, want := strings.Join(connects, " "), "192.0.2.9:80 192.0.2.10:80 [2001:db8::10]:443"; got != want {
		t.Errorf("%s, want %s", got, want)
	}
	if got, want := strings.Join(others, " "), "udp/192.0.2.10:53 tcp/192.0.2.11:* tcp/192.0.2.12:80-90 any/192.0.2.13:*"; got != want {
		t.Errorf("%s, want %s", got, want)
	}
}
