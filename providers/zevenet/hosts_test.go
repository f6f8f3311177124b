package zevenet

import (
	"net/netip"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
)

var allowTables = []struct {
	name, table, client string
	want                match
}{
	{"empty", "", "192.168.100.25", no},
	{"exact", "sshd: 192.168.100.25\n", "192.168.100.25", yes},
	{"other daemon", "vsftpd: ALL\n", "192.168.100.25", no},
	{"all", "ALL: ALL\n", "192.168.100.25", yes},
	{"prefix", "sshd: 192.168.100.\n", "192.168.100.25", yes},
	{"prefix of another net", "sshd: 192.168.10.\n", "192.168.100.25", no},
	{"no prefix without dot", "sshd: 192.168.100\n", "192.168.100.25", maybe},
	{"net and mask", "sshd: 192.168.100.0/255.255.255.0\n", "192.168.100.25", yes},
	{"net and mask, other", "sshd: 192.168.100.0/255.255.255.240\n", "192.168.100.25", no},
	{"cidr", "sshd: 192.168.100.0/24\n", "192.168.100.25", yes},
	{"list", "sshd: 10.0.0.1, 10.0.0.2 192.168.100.25\n", "192.168.100.25", yes},
	{"daemon list", "vsftpd sshd: 192.168.100.25\n", "192.168.100.25", yes},
	{"except", "sshd: 192.168.100. EXCEPT 192.168.100.25\n", "192.168.100.25", no},
	{"except another", "sshd: 192.168.100. EXCEPT 192.168.100.26\n", "192.168.100.25", yes},
	{"except within except", "sshd: ALL EXCEPT 192.168.100. EXCEPT 192.168.100.25\n", "192.168.100.25", yes},
	{"daemon except", "ALL EXCEPT sshd: ALL\n", "192.168.100.25", no},
	{"comment", "# sshd: ALL\n", "192.168.100.25", no},
	{"continued", "sshd: 10.0.0.1 \\\n 192.168.100.25\n", "192.168.100.25", yes},
	{"shell command", "sshd: 192.168.100.25 : spawn echo hi\n", "192.168.100.25", yes},
	{"second line", "sshd: 10.0.0.1\nsshd: 192.168.100.25\n", "192.168.100.25", yes},
	{"no final line feed", "sshd: 192.168.100.25", "192.168.100.25", no},
	{"no final line feed, matched before", "sshd: 192.168.100.25\n# end", "192.168.100.25", yes},
	{"host name", "sshd: zva5n2.example.net\n", "192.168.100.25", maybe},
	{"domain", "sshd: .example.net\n", "192.168.100.25", maybe},
	{"file of patterns", "sshd: /etc/friends\n", "192.168.100.25", maybe},
	{"ipv6 network", "sshd: [2001:db8::]/32\n", "2001:db8::25", yes},
	{"ipv6 network, length inside", "sshd: [2001:db8::/32]\n", "2001:db8::25", maybe},
	{"ipv6 exact", "sshd: [2001:db8::25]\n", "2001:db8::25", yes},
	{"longer address", "sshd: 192.168.100.250\n", "192.168.100.25", no},
}

func TestMatchTable(t *testing.T) {
	for _, tt := range allowTables {
		got, line := matchTable(tt.table, netip.MustParseAddr(tt.client))
		if got != tt.want {
			t.Errorf("%s: %d (%q), want %d", tt.name, got, line, tt.want)
		}
	}
}

// libwrap itself must agree wherever matchTable is certain: hosts.deny refuses
// everybody, so whoever gets in was matched by hosts.allow.
func TestMatchTableAgreesWithLibwrap(t *testing.T) {
	tcpdmatch, err := exec.LookPath("tcpdmatch")
	if err != nil {
		if os.Getenv("ZUP_CI") != "" {
			t.Fatal("tcpdmatch is missing: apt-get install tcpd")
		}
		t.Skip("tcpdmatch is missing: apt-get install tcpd")
	}
	for _, tt := range allowTables {
		if tt.want == maybe || strings.Contains(tt.table, "spawn") {
			continue
		}
		dir := t.TempDir()
		for name, text := range map[string]string{"hosts.allow": tt.table, "hosts.deny": "ALL: ALL\n"} {
			if err := os.WriteFile(filepath.Join(dir, name), []byte(text), 0o644); err != nil {
				t.Fatal(err)
			}
		}
		cmd := exec.Command(tcpdmatch, "-d", "sshd", tt.client)
		cmd.Dir = dir
		out, _ := cmd.CombinedOutput()
		got := is(strings.Contains(string(out), "granted"))
		if got != tt.want {
			t.Errorf("%s: libwrap says %d, matchTable %d\n%s", tt.name, got, tt.want, out)
		}
	}
}

func FuzzMatchTable(f *testing.F) {
	for _, tt := range allowTables {
		f.Add(tt.table)
	}
	f.Fuzz(func(t *testing.T, table string) {
		matchTable(table, netip.MustParseAddr("192.168.100.25"))
		matchTable(table, netip.MustParseAddr("2001:db8::25"))
	})
}
