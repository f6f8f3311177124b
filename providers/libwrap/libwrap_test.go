package libwrap

import (
	"bufio"
	"bytes"
	"fmt"
	"math/rand/v2"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
)

// sshd is a connection of which libwrap could find out no name, as tcpdmatch has it.
func sshd(client string) Connection {
	return Connection{Daemon: "sshd", Client: Host{client, Unknown}, Server: Host{Unknown, Unknown}, User: Unknown}
}

// tables are a hosts.allow and a hosts.deny.
type tables struct{ allow, deny string }

// tcpdmatch asks Debian's tcpdmatch about a connection from client to sshd, once for each
// of the tables, and returns the words behind "access:".
func tcpdmatch(t *testing.T, client string, all []tables) []string {
	t.Helper()
	program, err := exec.LookPath("tcpdmatch")
	if err != nil {
		if os.Getenv("ZUP_CI") != "" {
			t.Fatal("tcpdmatch is missing: apt-get install tcpd")
		}
		t.Skip("tcpdmatch is missing: apt-get install tcpd")
	}
	dir := t.TempDir()
	for i, one := range all {
		at := filepath.Join(dir, fmt.Sprint(i))
		if err := os.Mkdir(at, 0o755); err != nil {
			t.Fatal(err)
		}
		for name, text := range map[string]string{"hosts.allow": one.allow, "hosts.deny": one.deny} {
			if err := os.WriteFile(filepath.Join(at, name), []byte(text), 0o644); err != nil {
				t.Fatal(err)
			}
		}
	}
	cmd := exec.Command("sh", "-c", `i=0; while [ $i -lt "$1" ]; do cd "$4/$i"; "$2" -d sshd "$3" </dev/null 2>/dev/null | grep -a ^access: || echo access: nothing; i=$((i + 1)); done`,
		"sh", fmt.Sprint(len(all)), program, client, dir)
	out, err := cmd.Output()
	if err != nil {
		t.Fatal(err)
	}
	var said []string
	for s := bufio.NewScanner(bytes.NewReader(out)); s.Scan(); {
		said = append(said, strings.TrimSpace(strings.TrimPrefix(s.Text(), "access:")))
	}
	if len(said) != len(all) {
		t.Fatalf("%d answers to %d questions", len(said), len(all))
	}
	return said
}

var words = [...]string{Denied: "denied", Granted: "granted", Unsure: "unsure"}

func TestAgreesWithTcpdmatch(t *testing.T) {
	t.Parallel()
	const seed = 13
	cases := 1000
	if os.Getenv("ZUP_MATRIX") != "" {
		cases = 12_000
	}
	g := generator{rand.New(rand.NewPCG(seed, 0))}
	clients := []string{"192.168.100.25", "10.0.0.1", "2001:db8::25", "fe80::1"}
	unsure := 0
	for _, client := range clients {
		all := make([]tables, cases/len(clients))
		for i := range all {
			all[i] = tables{g.table(), g.table()}
			if g.often(40) {
				all[i].deny = g.one("", "ALL: ALL\n")
			}
		}
		for i, said := range tcpdmatch(t, client, all) {
			v := Decide(Table{"hosts.allow", all[i].allow}, Table{"hosts.deny", all[i].deny}, sshd(client))
			if v.Answer == Unsure {
				unsure++
			} else if words[v.Answer] != said {
				t.Errorf("%s\nallow %q\ndeny  %q\ntcpdmatch says %s, Decide %+v", client, all[i].allow, all[i].deny, said, v)
			}
		}
	}
	t.Logf("%d of %d unsure", unsure, cases)
}

// What the tables do to a node that wants in, and which line it hangs on. Where a name
// service or a command decides, the answer is unsure.
func TestDecide(t *testing.T) {
	for name, tt := range map[string]struct {
		allow, deny string
		want        Answer
		line        int // of the line that decides; 0: none
	}{
		"nothing":                      {"", "", Granted, 0},
		"hosts.deny":                   {"", "# x\nsshd: 192.168.100.25\n", Denied, 2},
		"hosts.allow wins":             {"sshd: 192.168.100.25\n", "ALL: ALL\n", Granted, 1},
		"keywords in any case":         {"all: all\n", "ALL: ALL\n", Granted, 1},
		"daemons in any case":          {"SSHD: 192.168.100.25\n", "ALL: ALL\n", Granted, 1},
		"daemons with * and ?":         {"s?h*: 192.168.100.25\n", "ALL: ALL\n", Granted, 1},
		"except in any case":           {"sshd: ALL except 192.168.100.25\n", "ALL: ALL\n", Denied, 1},
		"denies in hosts.allow":        {"sshd: 192.168.100.25 : deny\nsshd: ALL\n", "", Denied, 1},
		"allows in hosts.deny":         {"", "sshd: 192.168.100.25 : allow\nALL: ALL\n", Granted, 1},
		"no comment":                   {" # sshd: ALL\n", "ALL: ALL\n", Granted, 1},
		"another daemon":               {"vsftpd: ALL\n", "ALL: ALL\n", Denied, 1},
		"by its port":                  {"22: ALL\n", "ALL: ALL\n", Granted, 1},
		"goes on":                      {"sshd: 10.0.0.1 \\\n 192.168.100.25\nsshd: ALL\n", "ALL: ALL\n", Granted, 1},
		"after one that goes on":       {"sshd: 10.0.0.1 \\\n 10.0.0.2\nsshd: ALL\n", "ALL: ALL\n", Granted, 3},
		"no line feed in hosts.allow":  {"sshd: ALL", "", Granted, 0},
		"no line feed in hosts.deny":   {"", "# x", Denied, 1},
		"an option nobody knows":       {"sshd: ALL : alow\n", "", Denied, 1},
		"a domain":                     {"sshd: .example.net\n", "ALL: ALL\n", Unsure, 1},
		"a user":                       {"sshd: root@ALL\n", "ALL: ALL\n", Unsure, 1},
		"a netgroup":                   {"sshd: @friends\n", "ALL: ALL\n", Unsure, 1},
		"a file of patterns":           {"sshd: /etc/friends\n", "ALL: ALL\n", Unsure, 1},
		"a command that decides":       {"sshd: ALL : aclexec /bin/true\n", "ALL: ALL\n", Unsure, 1},
		"another program":              {"sshd: ALL : twist /bin/cat\n", "", Unsure, 1},
		"a domain, and then certainly": {"sshd: .example.net\nsshd: ALL\n", "ALL: ALL\n", Granted, 2},
	} {
		v := Decide(Table{"hosts.allow", tt.allow}, Table{"hosts.deny", tt.deny},
			Connection{Daemon: "sshd", Port: 22, Client: Host{Address: "192.168.100.25"}, Server: Host{Address: "192.168.100.24"}})
		if v.Answer != tt.want {
			t.Errorf("%s: %+v, want %s", name, v, words[tt.want])
		}
		line := 0
		for _, l := range v.Lines {
			line = l.Number
			if tt.want == Unsure && l.Doubt != "" {
				break
			}
		}
		if line != tt.line {
			t.Errorf("%s: line %d decides, want %d: %+v", name, line, tt.line, v)
		}
	}
}

// Whatever stands in a table there is an answer, and a table that is cut off grants
// nothing.
func FuzzDecide(f *testing.F) {
	for _, seed := range []string{"sshd: ALL\n", "sshd: [2001:db8::]/32 EXCEPT 10.\n", "a:b:c\\\n", "sshd: ALL : deny", "* EXCEPT *: KNOWN : umask 8\n"} {
		f.Add(seed, seed)
	}
	f.Fuzz(func(t *testing.T, allow, deny string) {
		for _, client := range []string{"192.168.100.25", "2001:db8::25"} {
			v := Decide(Table{"hosts.allow", allow}, Table{"hosts.deny", deny}, Connection{Daemon: "sshd", Port: 22, Client: Host{Address: client}})
			if len(v.Lines) == 0 && v.Answer != Granted {
				t.Errorf("no line, and %s", words[v.Answer])
			}
			for _, l := range v.Lines {
				if l.Number < 1 {
					t.Errorf("line %d", l.Number)
				}
			}
		}
	})
}
