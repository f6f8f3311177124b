//go:build linux

package main

import (
	"fmt"
	"os"
	"regexp"
	"slices"
	"strings"
	"sync"
	"testing"

	"zup/examples/lab/world"
)

// A trouble is a fault of the lab, what becomes of an update under it, and the one
// command that ends the update once the fault is gone.
type trouble struct {
	fault      string
	exit       int
	says       []string // patterns; the table shows what the first one matches
	left       string   // how the run leaves MASTER: one of the constants below
	ends       string   // "apply", "resume", or "" where the run has ended it
	master     string   // who is MASTER at the end; "": zva5n1, which was
	adds       string   // what stays in MASTER's hosts.deny, because somebody wrote it meanwhile
	limits     bool     // of a zup whose longest limits are 40 s
	out        bool     // it is backed out of before it is ended
	state      string   // what dpkg says of the product on the node that was updated; "": no matter
	ill        bool     // something is wrong with the pair from the start
	needsLists bool     // the nodes have read their lists before
	version    string   // that the configuration has to say then; "": it stays as it is
	proves     string   // a command that both nodes must end with 0 then
	silent     bool     // nobody replicates when it begins
	sample     bool     // it is among those that CI tries
}

// How a run leaves MASTER.
const (
	untouched  = "yes"                         // it serves, as it was, with the old version
	flipped    = "yes; the fault moved MASTER" // the same, but for the role
	handedOver = "BACKUP was healthy: it had taken over"
	asPlanned  = "the run ended"
)

var troubles = []trouble{
	// apt and the packages.
	{fault: "repo-other-version", exit: 6, says: []string{`offer is 6\.1\.21, wanted 6\.1\.20`}, left: untouched, ends: "apply"},
	{fault: "repo-newer-meanwhile", exit: 5, says: []string{`the node printed "apt would install zevenet 6\.1\.21 now, and not 6\.1\.20: nothing was installed"`, `edge\.zva5n2\.update`, `zva5n2 +backup, 6\.1\.19`}, left: untouched, ends: "apply"},
	{fault: "repo-unreachable", exit: 5, says: []string{`the node printed "Error connecting to Zevenet Update System[^"]*"`}, left: untouched, ends: "apply"},
	{fault: "apt-fails-backup", exit: 5, says: []string{`the node printed "E: Failed to fetch [^ "]*`, `edge\.zva5n2\.update`}, left: untouched, ends: "apply"},
	{fault: "apt-fails-master", exit: 5, says: []string{`the node printed "E: Failed to fetch [^ "]*`, `edge\.zva5n1\.update`}, left: handedOver, ends: "apply"},
	{fault: "preinst-fails", exit: 5, says: []string{`the node printed "dpkg: error [^"]*"`, `edge\.zva5n2\.update`}, left: untouched, ends: "apply"},
	{fault: "licence-refused", exit: 5, says: []string{`the node printed "Your certificate key is not valid[^"]*"`, `edge\.zva5n2\.update`}, left: untouched, ends: "apply", state: "iU 6.1.19"},
	{fault: "licence-refused-master", exit: 5, says: []string{`the node printed "Your certificate key is not valid[^"]*"`, `edge\.zva5n1\.update`}, left: handedOver, ends: "apply", state: "iU 6.1.19"},
	{fault: "disk-full-unpack", exit: 5, says: []string{`the node printed "dpkg: error [^"]*"`, `edge\.zva5n2\.update`, `No space left on device`}, left: untouched, ends: "apply", state: "iU 6.1.19"},
	{fault: "disk-full-unpack-master", exit: 5, says: []string{`the node printed "dpkg: error [^"]*"`, `edge\.zva5n1\.update`, `No space left on device`}, left: handedOver, ends: "apply", state: "iU 6.1.19"},
	{fault: "postinst-fails", exit: 5, says: []string{`the node printed "dpkg: error [^"]*"`, `edge\.zva5n2\.update`, `Still open +zva5n1/hosts\.deny`}, left: untouched, ends: "apply"},
	{fault: "postinst-fails-master", exit: 5, says: []string{`the node printed "dpkg: error [^"]*"`, `edge\.zva5n1\.update`}, left: handedOver, ends: "apply"},
	{fault: "postinst-hangs", exit: 5, says: []string{`is still running on the node: no end within 40s`, `job \S+update goes on on zva5n2`, `Next +zup resume`}, left: untouched, ends: "resume", limits: true},
	{fault: "disk-fills", exit: 5, says: []string{`its script ended with status 1`, `edge\.zva5n2\.update`, `[Nn]o space left`}, left: untouched, ends: "apply"},
	{fault: "apt-locked", exit: 6, says: []string{`zva5n2: apt or dpkg is at work there`, `no node was changed`}, left: untouched, ends: "apply"},
	{fault: "apt-locked-meanwhile", exit: 5, says: []string{`the node printed "E: Could not get lock [^ "]*`, `edge\.zva5n2\.update`}, left: untouched, ends: "apply"},
	{fault: "licence-expired", exit: 6, says: []string{`zva5n2: has no valid licence`, `no node was changed`}, left: untouched, ends: "apply"},
	{fault: "licence-expires", exit: 6, says: []string{`zva5n1: licence is expired`, `edge\.gate`}, left: untouched, ends: "resume"},
	{fault: "unknown-prompt", exit: 5, says: []string{`it asks what no prompt answers: "[^"]*"`, `accept the new terms of use\?`}, left: untouched, ends: "apply"},
	{fault: "conffile-prompt", exit: 5, says: []string{`it asks what no prompt answers: "[^"]*"`, `Configuration file`}, left: untouched, ends: "apply"},
	{fault: "noisy", exit: 0, says: []string{`edge: verified`}, left: asPlanned},
	{fault: "escapes", exit: 0, says: []string{`edge: verified`}, left: asPlanned},
	{fault: "sysctl-lines", exit: 0, says: []string{`zva5n2 would lose 1 line of /etc/sysctl\.conf`, `Kept zva5n1:/usr/local/zevenet/backups/sysctl\.conf-zup`, `edge: verified`}, left: asPlanned,
		proves: `grep -qx 'net.ipv4.ip_forward = 1' /usr/local/zevenet/backups/sysctl.conf-zup && ! grep -q '^net' /etc/sysctl.conf`},

	// RELIANOID.
	{fault: "noid-lacks-package", exit: 0, says: []string{`Note zva5n2: it printed "E: Unable to locate package relianoid-cli"`, `Its repository has no relianoid-cli`, `edge: verified`}, left: asPlanned, needsLists: true,
		proves: `! dpkg -s zproxy gdnsd >/dev/null 2>&1`},
	{fault: "noid-newer-afterwards", exit: 5, says: []string{`zva5n2: package is ii 8\.6\.1, wanted ii 8\.6\.0`, `edge\.zva5n2\.update`, `Serves now zva5n1, with version 8\.5\.0`}, left: untouched, ends: "apply", version: "8.6.1",
		proves: `dpkg -s relianoid-cli | grep -qx 'Version: 8.6.1'`},
	{fault: "noid-kernel", exit: 0, says: []string{`zva5n2 runs a kernel whose name has no "noid" \(6\.1\.0-18-amd64\)`, `edge: verified`}, left: asPlanned},
	{fault: "noid-loses-ssh", exit: 6, says: []string{`loses is openssh-server, wanted none`, `edge\.zva5n[12]\.refresh`}, left: untouched, ends: "apply"},

	// The services.
	{fault: "keepalived-dead-after-update", exit: 5, says: []string{`zva5n2: keepalived is 0, wanted 1`, `edge\.zva5n2\.ready`}, left: untouched, ends: "resume", limits: true},
	{fault: "l4-farm-down", exit: 5, says: []string{`zva5n2: farms is [^,]*, wanted [^|]*?tcp/192\.0\.2\.11:5060 .*udp/192\.0\.2\.11:10000-10003`, `edge\.zva5n2\.ready`}, left: untouched, ends: "resume", limits: true, sample: true},
	{fault: "farm-down", exit: 5, says: []string{`zva5n2: farms is tcp/192\.0\.2\.10:80, wanted [^|]*?192\.0\.2\.11:80`, `edge\.zva5n2\.ready`}, left: untouched, ends: "resume", limits: true, sample: true},
	{fault: "vip-silent", exit: 6, says: []string{`probe web1, web2 has not answered within 5s since, and did before`, `The action +was undone`, `Serves now +zva5n1, with version 6\.1\.19`, `Still open +zva5n2/maintenance`}, left: untouched, ends: "apply", sample: true},
	{fault: "replication-revives", exit: 5, says: []string{`zva5n1: replication is running, wanted off`, `edge\.zva5n1\.stop-replication`}, left: untouched, ends: "apply", out: true},

	{fault: "replicator-as-script", exit: 0, says: []string{`edge: verified`}, left: asPlanned, sample: true},
	{fault: "replicator-unrecognised", exit: 6, says: []string{`has a process that may be the replicator, and zup does not know it`, `process \d+ \(\S+\): /var/run/zeninotify\.pid has its PID`, `no node was changed`}, left: untouched, ends: "apply", silent: true},
	// What is so before anything is done.
	{fault: "dpkg-broken", exit: 6, says: []string{`zva5n2: has packages in a broken state`, `no node was changed`}, left: untouched, ends: "apply"},
	{fault: "package-held", exit: 6, says: []string{`zva5n2: holds the package back that is to be updated`, `no node was changed`}, left: untouched, ends: "apply"},
	{fault: "maintenance-backup", ill: true, exit: 6, says: []string{`zva5n2: is in maintenance mode, and zup did not put it there`, `no node was changed`}, left: untouched, ends: "apply"},
	{fault: "stale-node-status", ill: true, exit: 6, says: []string{`both nodes call themselves MASTER, and zva5n2 disagrees with itself about its role`, `no node was changed`}, left: untouched, ends: "apply"},
	{fault: "replication-off", ill: true, exit: 0, says: []string{`edge: verified`}, left: asPlanned},

	// The way in.
	{fault: "peer-key-refused", exit: 6, says: []string{`zva5n2: does not get into zva5n1 over ssh`, `Permission denied`, `no node was changed`}, left: untouched, ends: "apply"},
	{fault: "hosts-allow-name", exit: 5, says: []string{`line 3 of /etc/hosts\.allow on zva5n1 may let zva5n2 in: sshd: \.nodes\.lab\.invalid`, `edge\.zva5n1\.block`, `zva5n2: peer_ssh is ok zva5n1, wanted refused`}, left: untouched, ends: "apply", sample: true},
	{fault: "peer-key-lost", exit: 5, says: []string{`zva5n2: peer_ssh is failed [^,]*Permission denied`, `edge\.zva5n1\.unblock`}, left: handedOver, ends: "apply"},
	{fault: "shell-complains", exit: 0, says: []string{`edge: verified`}, left: asPlanned, sample: true},
	{fault: "shell-talks", exit: 6, says: []string{`zva5n2: gets text from the login shell of zva5n1 with every answer`, `/root/\.bashrc on zva5n1 prints: welcome to the node`, `is your shell clean`, `no node was changed`}, left: untouched, ends: "apply"},
	{fault: "shell-talks-after", exit: 6, says: []string{`zva5n1: gets text from the login shell of zva5n2 with every answer`, `/root/\.bashrc on zva5n2 prints: goodbye`, `no node was changed`}, left: untouched, ends: "apply"},
	{fault: "max-startups", exit: 1, says: []string{`closed before the SSH handshake was done`, `MaxStartups`, `no node was changed`}, left: untouched, ends: "apply"},
	{fault: "max-startups-master", exit: 5, says: []string{`zva5n2: peer_ssh is failed [^,]*?Connection closed by remote host`, `edge\.zva5n1\.unblock`}, left: handedOver, ends: "apply"},

	// Other people.
	{fault: "config-edit-window", exit: 6, says: []string{`an edit made on MASTER since replication stopped would be lost`, `edge\.gate`, `zva5n1: digest is`}, left: untouched, ends: "resume", sample: true},
	{fault: "hosts-deny-edited", exit: 0, says: []string{`edge: verified`}, left: asPlanned, adds: "sshd: 198.51.100.9\n"},
	{fault: "hosts-deny-cleared", exit: 6, says: []string{`zva5n1: deny is none, wanted present`, `edge\.gate`}, left: untouched, ends: "apply"},
	{fault: "role-flip", exit: 5, says: []string{`zva5n2: role is master, wanted backup`}, left: flipped, ends: "apply", limits: true},
	{fault: "weights", exit: 0, says: []string{`edge: verified`}, left: asPlanned},
	{fault: "clock-skew", exit: 0, says: []string{`zva5n2 has a clock that is more than 60 s off`, `edge: verified`}, left: asPlanned},
}

// TestFaultTable updates a pair under every fault, mends it, and ends the update with
// one command. The table is in docs/reliability.md; what was tried is compared with
// it, and -update writes it. ZUP_FAULTS=all tries every fault.
func TestFaultTable(t *testing.T) {
	needLab(t)
	rows := make([]string, len(troubles))
	var page sync.Mutex
	t.Run("fault", func(t *testing.T) {
		for i, tr := range troubles {
			t.Run(tr.fault, func(t *testing.T) {
				if tr.fault != "config-edit-window" {
					needsTime(t)
				}
				if !tr.sample && os.Getenv("ZUP_FAULTS") != "all" {
					t.Skip("one of many: ZUP_FAULTS=all tries them all")
				}
				t.Parallel()
				row := tr.try(t)
				t.Log(row)
				if t.Failed() {
					return
				}
				page.Lock()
				defer page.Unlock()
				compareFaults(t, []string{row})
				rows[i] = row
			})
		}
	})
	rows = slices.DeleteFunc(rows, func(row string) bool { return row == "" })
	t.Logf("\n%s", strings.Join(rows, "\n"))
}

// try lets the fault strike an update, mends it and ends the update. It returns the
// row of the table.
func (tr trouble) try(t *testing.T) string {
	b := tr.bench(t)
	var zva5n1 map[string]string
	if tr.exit != 0 {
		zva5n1 = b.masterFiles()
	}
	out := b.wants(tr.exit, tr.says, "apply", "-auto-approve", "-verbose")
	if strings.ContainsAny(out, "\x1b\a\r") || strings.Contains(out, "\u202e") {
		t.Error("terminal escapes came through")
	}
	t.Logf("\n%s", afterPlan(out))
	b.leaves(tr, zva5n1)
	b.hasState(tr)
	if tr.version != "" {
		b.wants(6, []string{`plan with version = "` + tr.version + `"`}, "plan")
		b.Clusters[0].To = tr.version
		b.configure(world.ConfigOptions{})
	}
	if err := b.Mend(t.Context()); err != nil {
		t.Fatal(err)
	}
	if strings.Contains(out, "zup support-bundle") {
		b.wants(0, []string{`has \d+ files of run`}, "support-bundle")
	}
	if tr.out {
		b.backsOut(out)
	}
	ended := "–"
	switch tr.ends {
	case "apply":
		ended = "`zup apply`"
		b.wants(0, []string{`edge: verified`}, "apply", "-auto-approve")
	case "resume":
		ended = "`zup resume`"
		b.wants(0, []string{`edge: verified`}, "resume")
	}
	master := "zva5n1"
	if tr.master != "" {
		master = tr.master
	}
	b.atRest(master)
	if tr.proves != "" {
		b.on("zva5n1", tr.proves)
		b.on("zva5n2", tr.proves)
	}
	fault, err := world.FaultNamed(tr.fault)
	if err != nil {
		t.Fatal(err)
	}
	said := regexp.MustCompile(tr.says[0]).FindString(strings.Join(strings.Fields(out), " "))
	return fmt.Sprintf("| %s | %d | %s | %s | %s |", fault.About, tr.exit, strings.ReplaceAll(said, "|", `\|`), tr.left, ended)
}

func (tr trouble) bench(t *testing.T) *bench {
	var b *bench
	if tr.limits {
		b = newBenchWith(t, world.Options{Fault: tr.fault}, world.ConfigOptions{}, handicapped)
		b.env = []string{"ZUP_HANDICAP=limits"}
	} else {
		b = newBench(t, world.Options{Fault: tr.fault}, world.ConfigOptions{})
	}
	switch {
	case tr.silent:
		b.awaitPair(0)
	case !tr.ill:
		b.awaitWhole()
	}
	if tr.needsLists {
		b.on("zva5n1", "apt-get -q update")
		b.on("zva5n2", "apt-get -q update")
	}
	b.before = b.inspect()
	if tr.adds != "" {
		s := b.before["zva5n1"]
		s.HostsDeny += tr.adds
		b.before["zva5n1"] = s
	}
	return b
}

// backsOut takes the way out that the report names: the pair is as it was.
func (b *bench) backsOut(report string) {
	b.Helper()
	if !strings.Contains(report, "zup plan -back-out -out FILE") {
		b.Errorf("the way out is not named:\n%s", report)
	}
	b.wants(0, nil, "plan", "-back-out", "-out", "out.plan")
	b.wants(0, []string{`edge: verified: zva5n1 and zva5n2 run 6\.1\.19`}, "apply", "out.plan")
	for node, s := range b.inspect() {
		was := b.before[node]
		if s != was {
			b.Errorf("%s is\n%+v\nand was\n%+v", node, s, was)
		}
	}
}

// afterPlan is what apply printed once the plan was shown.
func afterPlan(out string) string {
	if i := strings.LastIndex(out, "\nedge: "); i >= 0 {
		return out[i:]
	}
	return out
}

// leaves asserts how the run has left the pair: somebody serves, and MASTER was not
// touched where BACKUP is not healthy.
func (b *bench) leaves(tr trouble, before map[string]string) {
	b.Helper()
	states := b.inspect()
	one, two := states["zva5n1"], states["zva5n2"]
	old := one.Installed == b.c.From && one.Audit == 0 && one.Farms == 2 && !one.Maintenance
	ok := true
	switch tr.left {
	case untouched:
		ok = old && one.Role == "master"
	case flipped:
		ok = old && two.Role == "master" && two.Farms == 2
	case handedOver:
		ok = two.Role == "master" && two.Installed == b.c.To && two.Farms == 2
	}
	if !ok {
		b.Errorf("it was to be left so: %s\nzva5n1 %+v\nzva5n2 %+v", tr.left, one, two)
	}
	if tr.exit == 1 || tr.exit == 6 && slices.Contains(tr.says, `no node was changed`) {
		for name, digest := range b.masterFiles() {
			if before[name] != digest {
				b.Errorf("zva5n1: %s has changed", name)
			}
		}
	}
}

// hasState asserts what dpkg was left with.
func (b *bench) hasState(tr trouble) {
	b.Helper()
	if tr.state == "" {
		return
	}
	node := "zva5n2"
	if strings.HasSuffix(tr.fault, "-master") {
		node = "zva5n1"
	}
	if got := strings.Join(strings.Fields(b.says(node, "dpkg-query -W -f='${db:Status-Abbrev} ${Version}' zevenet")), " "); got != tr.state {
		b.Errorf("%s: dpkg says %q, want %q", node, got, tr.state)
	}
}

func (b *bench) masterFiles() map[string]string {
	b.Helper()
	files, err := b.Files(b.Context(), "zva5n1")
	if err != nil {
		b.Fatal(err)
	}
	return files
}

// compareFaults compares rows with those of the same faults in the documentation;
// -update writes them.
func compareFaults(t *testing.T, rows []string) {
	t.Helper()
	const page, begin, end = "../../docs/reliability.md", "<!-- faults: begin -->\n", "<!-- faults: end -->"
	data, err := os.ReadFile(page)
	if err != nil {
		t.Fatal(err)
	}
	before, rest, _ := strings.Cut(string(data), begin)
	shown, after, ok := strings.Cut(rest, end)
	if !ok {
		t.Fatalf("%s has no place for the faults", page)
	}
	known := map[string]string{}
	for _, row := range slices.Concat(strings.Split(shown, "\n"), rows) {
		if about := aboutOf(row); about != "" && (*update || known[about] == "") {
			known[about] = row
		}
	}
	if !*update {
		for _, row := range rows {
			if got := known[aboutOf(row)]; got != row || !strings.Contains(shown, row) {
				t.Errorf("%s has\n%s\nwant\n%s\n(-update writes it)", page, got, row)
			}
		}
		return
	}
	table := "| what goes wrong | exit | what zup said | MASTER untouched | ended by |\n|---|---|---|---|---|\n"
	for _, tr := range troubles {
		if f, err := world.FaultNamed(tr.fault); err == nil && known[f.About] != "" {
			table += known[f.About] + "\n"
		}
	}
	if err := os.WriteFile(page, []byte(before+begin+table+end+after), 0o644); err != nil {
		t.Fatal(err)
	}
}

// aboutOf is the first column of a row of the table.
func aboutOf(row string) string {
	cells := strings.Split(row, " | ")
	if len(cells) < 5 {
		return ""
	}
	return strings.TrimPrefix(cells[0], "| ")
}
