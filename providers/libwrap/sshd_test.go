package libwrap

import (
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
	"testing"
)

// A real sshd at port 22, in a network of its own, lets in whom the tables let in. What
// tcpdmatch can't be told is here: the port, and the address that was connected to.
const askSshd = `set -e
cd "$1"
ip link set lo up
ip addr add 192.168.100.24/32 dev lo; ip addr add 192.168.100.25/32 dev lo
ip addr add 2001:db8::24/128 dev lo nodad; ip addr add 2001:db8::25/128 dev lo nodad
mkdir -p /run/sshd etc
cp -a /etc/. etc/ 2>/dev/null || :
echo 'hosts: files' >etc/nsswitch.conf
cp allow etc/hosts.allow; cp deny etc/hosts.deny
mount --bind etc /etc
ssh-keygen -q -t ed25519 -N '' -f key
"$(command -v sshd)" -f /dev/null -h "$1/key" -o PidFile="$1/pid" -o UsePAM=no -o LogLevel=QUIET
# sshd goes into the background before it listens; its file of the PID comes after.
for i in $(seq 300); do [ ! -s "$1/pid" ] || break; sleep 0.1; done
for family in 192.168.100.2 2001:db8::2; do (
	said=$(ssh -F /dev/null -b "${family}5" -o BatchMode=yes -o StrictHostKeyChecking=no -o UserKnownHostsFile=/dev/null "nobody@${family}4" 2>&1) || :
	case $said in
	*'Permission denied'*) echo granted ;;
	*reset* | *closed*) echo denied ;;
	*) printf %s "$said" | tr " \\n" __ ;;
	esac >"said$family"
) & done
wait
kill "$(cat "$1/pid")"
cat said192.168.100.2 said2001:db8::2
`

func TestAgreesWithSshd(t *testing.T) {
	t.Parallel()
	if testing.Short() {
		t.Skip("libwrap takes its time to refuse")
	}
	if os.Getuid() != 0 {
		if os.Getenv("ZUP_CI") != "" {
			t.Fatal("needs root")
		}
		t.Skip("needs root")
	}
	if _, err := exec.LookPath("sshd"); err != nil {
		if os.Getenv("ZUP_CI") != "" {
			t.Fatal("needs sshd")
		}
		t.Skip("needs sshd")
	}
	all := []tables{
		{"", ""},
		{"", "sshd: 192.168.100.25\n"},
		{"", "sshd: [2001:db8::25]\n"},
		{"", "sshd: 2001:db8::25\n"},
		{"all: all\n", "ALL: ALL\n"},
		{"SSHD: 192.168.100.25\n", "ALL: ALL\n"},
		{"22: ALL\n", "ALL: ALL\n"},
		{"23: ALL\n", "ALL: ALL\n"},
		{"sshd@192.168.100.24: ALL\n", "ALL: ALL\n"},
		{"sshd@192.168.100.26: ALL\n", "ALL: ALL\n"},
		{"sshd@[2001:db8::24]: ALL\n", "ALL: ALL\n"},
		{"sshd: [2001:db8::]/64 EXCEPT [2001:db8::26]\n", "ALL: ALL\n"},
		{"sshd: ALL except 192.168.100.25\n", "ALL: ALL\n"},
		{"sshd: 192.168.100.25 : deny\nsshd: ALL\n", ""},
		{"", "sshd: 192.168.100.25 : allow\nALL: ALL\n"},
		{"# x", ""},
		{"", "# x"},
		{"sshd: ALL: alow\n", ""},
	}
	var wg sync.WaitGroup
	for _, one := range all {
		dir := t.TempDir()
		for name, text := range map[string]string{"allow": one.allow, "deny": one.deny} {
			if err := os.WriteFile(filepath.Join(dir, name), []byte(text), 0o644); err != nil {
				t.Fatal(err)
			}
		}
		wg.Go(func() { // libwrap takes 5 s to refuse
			out, err := exec.Command("unshare", "-n", "-m", "sh", "-c", askSshd, "sh", dir).CombinedOutput()
			said := strings.Fields(string(out))
			if err != nil || len(said) != 2 {
				t.Errorf("%v\n%s", err, out)
				return
			}
			for i, family := range []string{"192.168.100.2", "2001:db8::2"} {
				v := Decide(Table{"hosts.allow", one.allow}, Table{"hosts.deny", one.deny},
					Connection{Daemon: "sshd", Port: 22, Client: Host{Address: family + "5"}, Server: Host{Address: family + "4"}})
				if said[i] != words[v.Answer] {
					t.Errorf("%s5: %+v: sshd says %s, Decide %+v", family, one, said[i], v)
				}
			}
		})
	}
	wg.Wait()
}
