//go:build linux

package main

import (
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"
	"time"

	"zup/examples/lab/world"
)

// imageFile is the image on control; updatesDir is where it goes on a node.
const (
	imageFile  = "update-6.1.20.iso"
	updatesDir = "/usr/local/zevenet/updates"
)

// offline is a bench whose configuration has a package block.
type offline struct {
	*bench
	image []byte
}

func newOffline(t *testing.T, o world.Options, padding int) *offline {
	t.Helper()
	return newOfflineOf(t, o, "6.1.20", padding)
}

func newOfflineOf(t *testing.T, o world.Options, version string, padding int) *offline {
	t.Helper()
	needLab(t)
	switch lacks := world.LacksLoop(); {
	case lacks != "" && os.Getenv("ZUP_CI") == "1":
		t.Fatal("this machine lacks ", lacks)
	case lacks != "":
		t.Skip("this machine lacks ", lacks)
	}
	b := newBench(t, o, world.ConfigOptions{})
	if b.before == nil {
		b.before = b.inspect()
	}
	image, err := b.Image(t.Context(), version, padding)
	if err != nil {
		t.Fatal(err)
	}
	b.put(workDir+"/"+imageFile, image, 0o644)
	sum := sha256.Sum256(image)
	b.configure(world.ConfigOptions{Package: imageFile, SHA256: hex.EncodeToString(sum[:])})
	return &offline{b, image}
}

// says runs a command on a host and returns what it prints.
func (b *bench) says(host, script string) string {
	b.Helper()
	out, err := b.Exec(b.Context(), host, "sh", "-c", script)
	if err != nil {
		b.Fatal(err)
	}
	return out
}

// traces is everything of an offline update that a node can show: files, mounts,
// loop devices, apt's sources and the names of its lists.
const traces = `ls -A ` + updatesDir + ` /usr/local/zevenet /media /etc/apt/sources.list.d; cat /etc/apt/sources.list.d/*
grep -l APT_CONFIG /proc/[0-9]*/environ 2>/dev/null
grep -e /media -e loop /proc/self/mounts
ls /var/lib/apt/lists | grep media; true`

func (o *offline) traces() map[string]string {
	o.Helper()
	all := map[string]string{}
	for _, n := range o.c.Nodes {
		all[n.Name] = o.says(n.Name, traces)
	}
	return all
}

// transcript returns what an action of the last run printed, and how it ended.
func (b *bench) transcript(action string) string {
	b.Helper()
	out := b.says(world.Control, "cat $(ls -td "+workDir+"/.zup/runs/* | head -n 1)/transcripts/"+action+".txt")
	_, printed, _ := strings.Cut(out, "\n# output:\n")
	return printed
}

// endsClean asserts that the update is done and nothing of the image is left.
func (o *offline) endsClean(before map[string]string) {
	o.Helper()
	o.atRest("zva5n1")
	for node, now := range o.traces() {
		if now != before[node] {
			o.Errorf("%s: left behind:\n%s\nbefore:\n%s", node, now, before[node])
		}
	}
}

// Without a route to the repository the pair is updated from the image, and
// nothing of it is left.
func testOffline(t *testing.T) {
	o := newOffline(t, world.Options{Fault: "repo-unreachable"}, 0)
	before := o.traces()
	o.wants(2, []string{`Upload update-6\.1\.20\.iso`, `Have apt take its packages from the image alone`, `zva5n2/image, zva5n1/image`}, "plan", "-detailed-exitcode")
	o.wants(0, []string{`edge: verified`}, "apply", "-auto-approve")
	for _, n := range o.c.Nodes {
		if said := o.transcript("edge." + n.Name + ".upload"); !strings.Contains(said, fmt.Sprintf("zup: sent %d bytes over sftp in ", len(o.image))) {
			o.Errorf("%s: %s", n.Name, said)
		}
	}
	o.endsClean(before)
}

// A node that reaches the repository as well takes what the configuration says,
// although the repository offers a newer version by now, and the updater sets up apt with
// the repository each time that it is called.
func testOfflineWithRoute(t *testing.T) {
	o := newOffline(t, world.Options{}, 0)
	if err := o.Offer("6.1.21"); err != nil {
		t.Fatal(err)
	}
	before := o.traces()
	o.wants(0, []string{`edge: verified`}, "apply", "-auto-approve")
	o.endsClean(before)
}

// The lab can tell: a source list that names the image is turned back by -i itself, which
// then installs what the repository has.
func testOfflineByHandWithRoute(t *testing.T) {
	o := newOffline(t, world.Options{}, 0)
	if err := o.Offer("6.1.21"); err != nil {
		t.Fatal(err)
	}
	if err := o.WriteFile(t.Context(), "zva5n2", updatesDir+"/"+imageFile, o.image, 0o600); err != nil {
		t.Fatal(err)
	}
	o.on("zva5n2", "mkdir /media/update-6.1.20; mount -o loop,ro "+updatesDir+"/"+imageFile+" /media/update-6.1.20; "+
		"echo 'deb [trusted=yes] file:///media/update-6.1.20 buster main' >/etc/apt/sources.list.d/zevenet.list; apt-get -q update; yes | checkupgrades -i")
	if got := o.inspect()["zva5n2"].Installed; got != "6.1.21" {
		t.Errorf("it installed %s", got)
	}
}

// RELIANOID's updater mounts an image by itself, where it does not reach the repository,
// and for the time of the call; where it does, it unmounts what it had mounted.
func testOfflineRelianoid(t *testing.T) {
	for name, fault := range map[string]string{"no route": "repo-unreachable", "a route": ""} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			o := newOfflineOf(t, world.Options{Product: "relianoid", Fault: fault}, "8.5.0", 0)
			if fault == "" {
				if err := o.Offer("8.6.0"); err != nil {
					t.Fatal(err)
				}
			}
			before := o.traces()
			o.wants(0, []string{`edge: verified: zva5n1 and zva5n2 run 8\.5\.0`}, "apply", "-auto-approve")
			o.endsClean(before)
		})
	}
}

// A node without sftp gets the image over a plain session.
func testOfflineWithoutSFTP(t *testing.T) {
	o := newOffline(t, world.Options{Fault: "repo-unreachable"}, 0)
	before := o.traces()
	o.on("zva5n2", "rm /usr/lib/openssh/sftp-server")
	o.wants(0, []string{`edge: verified`}, "apply", "-auto-approve")
	if said := o.transcript("edge.zva5n2.upload"); !strings.Contains(said, "over a plain session") || !strings.Contains(said, "not over sftp: ") {
		o.Error(said)
	}
	if said := o.transcript("edge.zva5n1.upload"); !strings.Contains(said, "over sftp") {
		o.Error(said)
	}
	o.endsClean(before)
}

// zup is killed while it uploads. The next plan and apply send only what is missing,
// and what was damaged meanwhile.
func testOfflineInterrupted(t *testing.T) {
	const padding = 96 << 20
	o := newOffline(t, world.Options{Fault: "repo-unreachable", Disk: "512m"}, padding)
	before := o.traces()
	const part = updatesDir + ".zup/" + imageFile
	cmd := o.command(o.Context(), "apply", "-auto-approve")
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	const wait = `i=0; while [ "$(stat -c %s ` + part + ` 2>/dev/null || echo 0)" -lt 20000000 ]; do i=$((i + 1)); [ $i -lt 20000 ] || exit 1; done`
	o.says("zva5n2", wait)
	cmd.Process.Kill()
	cmd.Wait()
	time.Sleep(300 * time.Millisecond) // what the connection still had
	if left := o.says("zva5n2", "stat -c %s "+part); strings.TrimSpace(left) == "" || len(o.says("zva5n2", "ls "+updatesDir+"/"+imageFile+" 2>/dev/null || true")) > 0 {
		t.Fatalf("it was not cut off: %s", left)
	}
	if _, out := o.zup("status"); !strings.Contains(out, "zva5n2/image") {
		o.Error(out)
	}
	o.on("zva5n1", `test ! -e `+part+` || printf damage | dd of=`+part+` bs=1 seek=9000000 conv=notrunc status=none`)
	o.wants(0, []string{`edge: verified`}, "apply", "-auto-approve")
	said := o.transcript("edge.zva5n2.upload")
	if !strings.Contains(said, "zup: resumed: ") || strings.Contains(said, fmt.Sprintf("zup: sent %d bytes", len(o.image))) {
		o.Errorf("not resumed: %s", said)
	}
	o.Log(said)
	o.Log(o.transcript("edge.zva5n1.upload"))
	o.endsClean(before)
}

// An image that is not the configured one is refused before anything is done; so is
// one that changes after it was planned, and one that arrives damaged.
func testOfflineCorrupt(t *testing.T) {
	o := newOffline(t, world.Options{Fault: "repo-unreachable"}, 0)
	files := o.files()
	bad := append([]byte{}, o.image...)
	bad[len(bad)/2] ^= 1
	o.wants(0, nil, "plan", "-out", "edge.plan")
	o.put(workDir+"/"+imageFile, bad, 0o644)
	o.wants(1, []string{`has the SHA-256 [0-9a-f]{64}, the configuration says [0-9a-f]{64}`, `no node was changed`}, "plan")
	o.untouched(files)
	o.wants(5, []string{`the file has changed since it was planned`, `Serves now +zva5n1, with version 6\.1\.19`}, "apply", "edge.plan")
	o.put(workDir+"/"+imageFile, o.image, 0o644)
	for _, n := range o.c.Nodes { // bytes of an earlier attempt that are none of ours
		o.on(n.Name, "mkdir -m 700 "+updatesDir+".zup; head -c 5000000 /dev/urandom >"+updatesDir+".zup/"+imageFile)
	}
	o.wants(0, []string{`edge: verified`}, "apply", "-auto-approve")
	if said := o.transcript("edge.zva5n2.upload"); !strings.Contains(said, "zup: dropped: 5000000 bytes") {
		o.Error(said)
	}
	o.atRest("zva5n1")
}

// What is in the way is seen before anything is done: a disk without room for the
// image, and an image that the updater would prefer.
func testOfflineRefused(t *testing.T) {
	o := newOffline(t, world.Options{Fault: "repo-unreachable"}, 30<<20)
	files := o.files()
	o.on("zva5n1", "head -c 40000000 /dev/zero >/var/tmp/fill") // of 256 MiB, of which an update wants 200
	o.wants(6, []string{`zva5n1: has too little free disk for the image`, `no node was changed`}, "plan")
	o.on("zva5n1", "rm /var/tmp/fill")
	o.untouched(files)

	o.on("zva5n2", "touch "+updatesDir+"/update-6.1.19.iso "+updatesDir+"/update-6.1.100.iso")
	out := o.wants(6, []string{`zva5n2: has a file in its updates directory that the updater would take for the image instead of update-6\.1\.20\.iso`, `update-6\.1\.100\.iso`}, "plan")
	if strings.Contains(out, "6.1.19.iso") {
		o.Error("an older image was reported")
	}
	o.on("zva5n2", "rm "+updatesDir+"/update-6.1.100.iso")
	// Whatever it is, the updater takes it for an image.
	for _, name := range []string{"update-6.1.20.iso.sha256", "update-6.1.20.iso.filepart"} {
		o.on("zva5n1", "echo no image >"+updatesDir+"/"+name)
		o.wants(6, []string{`zva5n1: has a file in its updates directory`, regexp.QuoteMeta(name)}, "plan")
		if got := o.says("zva5n1", "cat "+updatesDir+"/"+name); got != "no image\n" {
			o.Errorf("%s is %q by now", name, got)
		}
		o.on("zva5n1", "rm "+updatesDir+"/"+name)
	}
	o.wants(2, nil, "plan", "-detailed-exitcode")
}

// An image that somebody else put there is used, and stays.
func testOfflineImageThere(t *testing.T) {
	o := newOffline(t, world.Options{Fault: "repo-unreachable"}, 0)
	for _, n := range o.c.Nodes {
		if err := o.WriteFile(t.Context(), n.Name, updatesDir+"/"+imageFile, o.image, 0o600); err != nil {
			t.Fatal(err)
		}
	}
	before := o.traces()
	o.wants(0, []string{`edge: verified`}, "apply", "-auto-approve")
	if said := o.transcript("edge.zva5n2.upload"); !strings.Contains(said, "is there already; nothing was sent") {
		o.Error(said)
	}
	o.endsClean(before)
}

// A run that is cut off after the image was taken is ended by the next one, which
// takes it away again.
func testOfflineKilledLater(t *testing.T) {
	o := newOffline(t, world.Options{Fault: "repo-unreachable"}, 0)
	before := o.traces()
	o.killAt("edge.zva5n2.update", "Unpacking zevenet")
	o.await(func(s map[string]world.NodeState) bool {
		n := s["zva5n2"] // the updater has ended
		return n.Installed == "6.1.20" && n.Role == "backup" && n.Farms == 2 && n.Audit == 0 && n.HostsDeny == o.before["zva5n2"].HostsDeny
	})
	o.wants(0, []string{`edge: verified`}, "apply", "-auto-approve")
	o.endsClean(before)
}

// A lab that ends while a node has an image mounted gives its loop device back: it is
// this machine's own.
func testOfflineLabEnds(t *testing.T) {
	o := newOffline(t, world.Options{}, 0)
	const name = "of-a-lab-that-ends.iso"
	if err := o.WriteFile(t.Context(), "zva5n2", updatesDir+"/"+name, o.image, 0o600); err != nil {
		t.Fatal(err)
	}
	o.on("zva5n2", "mkdir /media/x && mount -o loop,ro "+updatesDir+"/"+name+" /media/x")
	used := func() bool {
		files, err := filepath.Glob("/sys/block/loop*/loop/backing_file")
		if err != nil {
			t.Fatal(err)
		}
		return slices.ContainsFunc(files, func(f string) bool {
			text, _ := os.ReadFile(f)
			return strings.Contains(string(text), name)
		})
	}
	if !used() {
		t.Fatal("no loop device has the image")
	}
	o.Close()
	for deadline := time.Now().Add(10 * time.Second); used(); time.Sleep(20 * time.Millisecond) {
		if time.Now().After(deadline) {
			t.Fatal("the loop device is still in use")
		}
	}
}

func testOfflineAll(t *testing.T) {
	for _, tt := range []struct {
		name string
		test func(*testing.T)
	}{
		{"no route to the repository", testOffline},
		{"a route besides", testOfflineWithRoute},
		{"a route, by hand", testOfflineByHandWithRoute},
		{"relianoid", testOfflineRelianoid},
		{"no sftp", testOfflineWithoutSFTP},
		{"interrupted", testOfflineInterrupted},
		{"corrupt", testOfflineCorrupt},
		{"refused", testOfflineRefused},
		{"image there", testOfflineImageThere},
		{"killed later", testOfflineKilledLater},
		{"the lab ends", testOfflineLabEnds},
	} {
		t.Run(tt.name, func(t *testing.T) {
			oneOfMany(t, slices.Contains([]string{"no route to the repository", "a route besides", "refused"}, tt.name))
			t.Parallel()
			tt.test(t)
		})
	}
}
