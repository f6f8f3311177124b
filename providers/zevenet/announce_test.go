package zevenet

import (
	"os"
	"os/exec"
	"strings"
	"testing"
)

// The second that arping stays for after it has sent is not waited for; one that has
// not sent by then is.
func TestAnnounceWaitsUntilItIsSent(t *testing.T) {
	t.Parallel()
	for name, tt := range map[string]struct{ first, calls string }{
		"sent at once":          {`echo "ARPING $6"; exec perl -e '$SIG{INT} = sub { print "Sent 1 probes (1 broadcast(s))\n"; exit }; sleep 600'`, "1"},
		"ends when it has sent": {`echo "Sent 1 probes (1 broadcast(s))"`, "1"},
		"kept from sending":     {`exec perl -e '$SIG{INT} = sub { print "Sent 0 probes (0 broadcast(s))\n"; exit }; sleep 600'`, "2"},
		"it fails":              {`echo "arping: Interface \"eth0\" is down" >&2; exit 2`, "2"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			s := newSandbox(t)
			if err := os.Mkdir(s.path("programs"), 0o755); err != nil {
				t.Fatal(err)
			}
			s.program("programs/arping", `echo "$*" >>`+quote(s.path("calls"))+`
case "$*" in *-q*) exit 0 ;; esac
`+tt.first)
			s.write("root/config/if_eth0:1_conf", "[eth0:1]\naddr=192.0.2.10\nstatus=up\n")
			s.write("root/config/if_eth0:2_conf", "[eth0:2]\naddr=192.0.2.11\nstatus=down\n")
			cmd := exec.Command("sh")
			cmd.Stdin = strings.NewReader(strings.NewReplacer(
				"PATH=/usr/local/sbin:", "PATH="+quote(s.path("programs"))+":/usr/local/sbin:",
				"/usr/local/zevenet", s.path("root"),
			).Replace(script("announce", "")))
			if out, err := cmd.CombinedOutput(); err != nil {
				t.Fatalf("%v\n%s", err, out)
			}
			want := "-A -c 1 -I eth0 192.0.2.10\n"
			if tt.calls == "2" {
				want += "-A -q -c 1 -I eth0 192.0.2.10\n"
			}
			if got := s.read("calls"); got != want {
				t.Errorf("called with\n%swant\n%s", got, want)
			}
		})
	}
}
