package keepalived

import (
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"zup/plan"
	"zup/providers/vrrp"
)

// every returns each script as it is sent to a node.
func every() map[string]string {
	told := []variable{
		{"wants", "haproxy=2.6.12-1+deb12u4"}, {"downgrades", ""}, {"mark", "priority"}, {"priority", "99"}, {"lines", "1"},
		{"file", "/etc/keepalived/drain"}, {"value", "1"}, {"vips", "192.0.2.10 2001:db8::10"},
	}
	all := map[string]string{}
	entries, _ := nodeScripts.ReadDir("node")
	for _, e := range entries {
		if name, ok := strings.CutSuffix(e.Name(), ".sh"); ok && !strings.Contains(read(e.Name()), name+"() {") && name != "stale" && name != "priorities" {
			all[name] = script(name, told...)
		}
	}
	all["tidy"] = script("tidy")
	return all
}

func TestScriptsAreShell(t *testing.T) {
	t.Parallel()
	if len(every()) < 10 {
		t.Errorf("only %d scripts", len(every()))
	}
	for name, text := range every() {
		cmd := exec.Command("sh", "-n")
		cmd.Stdin = strings.NewReader(text)
		if out, err := cmd.CombinedOutput(); err != nil {
			t.Errorf("%s: %v\n%s", name, err, out)
		}
	}
	checker, err := exec.LookPath("shellcheck")
	if err != nil {
		if os.Getenv("ZUP_CI") == "1" {
			t.Fatal("there is no shellcheck")
		}
		t.Skip("there is no shellcheck")
	}
	for name, text := range every() {
		// Variables come from what asks for a script, and functions call each other by name.
		cmd := exec.Command(checker, "-s", "dash", "-e", "SC2329,SC2317,SC2034,SC2086,SC2154", "-")
		cmd.Stdin = strings.NewReader(text)
		if out, err := cmd.CombinedOutput(); err != nil {
			t.Errorf("%s: %v\n%s", name, err, out)
		}
	}
}

// A real keepalived of this machine, in namespaces: what the facts say of it, and that its
// priorities and the file that it tracks are put back byte for byte, with nothing left
// behind.
func TestAgainstARealKeepalived(t *testing.T) {
	t.Parallel()
	if lacks := lacksKeepalived(); lacks != "" {
		if os.Getenv("ZUP_CI") == "1" {
			t.Fatal(lacks)
		}
		t.Skip(lacks)
	}
	dir := t.TempDir()
	write := func(name, text string) string {
		path := filepath.Join(dir, name)
		text = strings.ReplaceAll(text, zupDir, "/run/zup")
		if err := os.WriteFile(path, []byte(text), 0o644); err != nil {
			t.Fatal(err)
		}
		return path
	}
	const conf = `vrrp_track_file drain {
	file /etc/keepalived/drain
	weight -60
}
vrrp_instance VI_1 {
	interface eth0
	virtual_router_id 51
	priority  150  # the first
	track_file {
		drain weight -60
	}
	virtual_ipaddress {
		192.0.2.10/24
	}
}
vrrp_instance VI_2 {
	interface eth0
	virtual_router_id 52
	priority 100
	nopreempt
	virtual_ipaddress {
		192.0.2.11/24
		192.0.2.12/32
	}
}
`
	lower := []variable{{"mark", markPriority}, {"priority", "50"}, {"lines", "2"}}
	track := []variable{{"mark", markTrack}, {"file", "/etc/keepalived/drain"}, {"value", "2"}}
	script := `
ip link set lo up
ip link add eth0 type veth peer name other && ip link set eth0 up && ip link set other up && ip addr add 192.0.2.1/24 dev eth0
mount -t tmpfs tmpfs /run && cp -r "$1" /run/test && set -- /run/test && mount -t tmpfs tmpfs /tmp && mount -t tmpfs tmpfs /etc/keepalived
cp "$1/conf" /etc/keepalived/keepalived.conf && printf '0' >/etc/keepalived/drain
cp -p /etc/keepalived/keepalived.conf /run/before; cp -p /etc/keepalived/drain /run/drain
hostname lb1
perl -MIO::Socket::INET -e '$s = IO::Socket::INET->new(LocalAddr => "0.0.0.0", LocalPort => 80, Listen => 1, ReuseAddr => 1) or die; sleep 60' &
ls -A /tmp >/run/tmp
keepalived -n -l >/run/log 2>&1 &
facts() { sh "$1/facts" role vrrp vips vips_here instances track_files priority usual priority_lines open left keepalived hostname listens conf valid packages version haproxy=1.0 keepalived=1.0; }
for i in 1 2 3 4 5 6 7 8 9 10 11 12 13 14 15 16 17 18 19 20; do
	case $(sh "$1/facts" role) in role=master*) break ;; esac
	sleep 0.5
done
echo "# first"; facts "$1"
sh "$1/lower" || cat /run/log; sleep 1
echo "# lowered"; facts "$1"
sh "$1/lower"
sh "$1/raise"; sleep 1
cmp /run/before /etc/keepalived/keepalived.conf && echo "same=conf"
sh "$1/track"; sleep 1
echo "# tracked"; facts "$1"
sh "$1/untrack"; sleep 1
cmp /run/drain /etc/keepalived/drain && echo "same=drain"
echo "# last"; facts "$1"
sh "$1/tidy"; ls -d /run/zup 2>/dev/null
ls -A /tmp | cmp - /run/tmp && echo "same=tmp"
`
	write("conf", conf)
	write("facts", Provider{}.FactsScript())
	write("lower", scriptOf("set_priority", lower))
	write("raise", closes(markPriority))
	write("track", scriptOf("set_track", track))
	write("untrack", closes(markTrack))
	write("tidy", scriptOf("tidy", nil))
	out, err := exec.Command("unshare", "-m", "-n", "-p", "-u", "-f", "--mount-proc", "sh", write("all", script), dir).CombinedOutput()
	if err != nil {
		t.Fatalf("%v\n%s", err, out)
	}
	parts := strings.Split(string(out), "# ")
	if len(parts) != 5 {
		t.Fatalf("%d parts:\n%s", len(parts), out)
	}
	for i, want := range []map[string]string{
		{
			"role": "master", "vrrp": "MASTER", "vips": "192.0.2.10 192.0.2.11 192.0.2.12", "vips_here": "all", "priority": "100 150", "usual": "100 150",
			"priority_lines": "2", "open": "none", "left": "no", "keepalived": "1", "hostname": "lb1", "listens": "tcp/192.0.2.10:80 tcp/192.0.2.11:80 tcp/192.0.2.12:80",
			"packages": "haproxy=none keepalived=" + installedKeepalived(t), "track_files": "drain;path=/etc/keepalived/drain;status=0;instance=VI_1;weight=-60;",
		},
		{"role": "master", "priority": "50 50", "usual": "100 150", "open": "priority", "left": "yes"},
		{"priority": "30 100", "usual": "100 150", "open": "track"},
		{"role": "master", "priority": "100 150", "open": "none", "left": "yes"},
	} {
		got := said(parts[i+1])
		for name, value := range want {
			if got[name] != value {
				t.Errorf("part %d: %s is %q, want %q", i, name, got[name], value)
			}
		}
	}
	for _, same := range []string{"same=conf", "same=drain", "same=tmp"} {
		if !strings.Contains(string(out), same) {
			t.Errorf("no %q in\n%s", same, out)
		}
	}
	if strings.Contains(string(out), "\n/run/zup") {
		t.Error("zup's folder is there still")
	}
	all, ok := vrrp.ParseInstances(plan.FactWords(said(parts[1])["instances"]))
	if !ok || len(all) != 2 || all[0].Name != "VI_1" || all[0].Priority != 150 || !all[0].Preempt || all[1].Preempt || len(all[1].VIPs) != 2 || all[0].AdvertMS != 1000 {
		t.Errorf("instances: %+v, %v", all, ok)
	}
}

func scriptOf(name string, told []variable) string { return script(name, told...) }

// said are the facts of a part of what was printed.
func said(text string) map[string]string {
	all := map[string]string{}
	for line := range strings.Lines(text) {
		if name, value, ok := strings.Cut(strings.TrimSpace(line), "="); ok {
			if _, twice := all[name]; !twice {
				all[name] = value
			}
		}
	}
	return all
}

// lacksKeepalived says what this machine lacks to run one in namespaces.
func lacksKeepalived() string {
	if os.Getuid() != 0 {
		return "namespaces need root"
	}
	if _, err := exec.LookPath("keepalived"); err != nil {
		return "there is no keepalived"
	}
	return ""
}

func installedKeepalived(t *testing.T) string {
	out, err := exec.Command("dpkg-query", "-W", "-f=${Version}", "keepalived").Output()
	if err != nil {
		t.Fatal(err)
	}
	return string(out)
}
