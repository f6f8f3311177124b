//go:build linux

package world

import "testing"

func (p *pairUnderTest) snap(args ...string) (string, error) {
	p.Helper()
	return p.Exec(p.Context(), Control, append([]string{SnapshotCommand}, args...)...)
}

// A restored node has the disk of then, to the last deleted file, and was started
// anew; the pair goes on as after a power cut of BACKUP.
func TestSnapshot(t *testing.T) {
	p := startPair(t, Options{})
	node := p.backup.Name
	run := func(script string) string {
		t.Helper()
		out, err := p.Exec(t.Context(), node, "sh", "-c", script)
		if err != nil {
			t.Fatal(err)
		}
		return out
	}
	must := func(args ...string) string {
		t.Helper()
		out, err := p.snap(args...)
		if err != nil {
			t.Fatal(err)
		}
		return out
	}
	// Something new, something of the base deleted, a folder of the base replaced.
	run(`echo one >/etc/test; mkdir /root/kept; echo two >/root/kept/a; rm -r /usr/share/zoneinfo; rm -r /etc/logrotate.d; mkdir /etc/logrotate.d; echo three >/etc/logrotate.d/x`)
	boot := run("cat /proc/sys/kernel/random/boot_id")
	must("create", node, "s-1")
	run(`echo other >/etc/test; rm -r /root/kept; touch /root/gone; mkdir /usr/share/zoneinfo; rm /etc/hostname; rm /etc/logrotate.d/x; echo broken >/usr/local/zevenet/config/global.conf; mkdir /run/volatile`)
	if out := must("list", node); out != "s-1\n" {
		t.Errorf("listed: %q", out)
	}
	if out, err := p.snap("create", node, "s-1"); err == nil {
		t.Errorf("a snapshot was overwritten: %s", out)
	}
	must("restore", node, "s-1")
	p.await(p.backup, "up and backup", func(s NodeState) bool { return s.Role == "backup" && s.Farms == 2 && s.Keepalived == 1 })
	if after := run("cat /etc/test /root/kept/a /etc/logrotate.d/*; ls -d /root/gone /usr/share/zoneinfo /run/volatile 2>/dev/null || true"); after != "one\ntwo\nthree\n" {
		t.Errorf("the disk has %q", after)
	}
	if after := run("cat /proc/sys/kernel/random/boot_id"); after == boot || len(after) != len(boot) {
		t.Errorf("boot ID %q, was %q", after, boot)
	}
	if out := p.ssh(p.backup, "", "hostname"); out != node+"\n" {
		t.Errorf("over ssh it says %q", out)
	}
	if s := p.inspect(p.master); s.Role != "master" || s.Replicators != 1 {
		t.Errorf("MASTER: %+v", s)
	}
	must("delete", node, "s-1")
	if out := must("list", node); out != "" {
		t.Errorf("listed: %q", out)
	}
	for _, args := range [][]string{{"restore", node, "s-1"}, {"delete", node, "s-1"}, {"list", "nobody"}, {"create", node, "../x"}, {"create", node}} {
		if out, err := p.snap(args...); err == nil {
			t.Errorf("%q: %s", args, out)
		}
	}
}

// Restoring MASTER is a power cut to the others: BACKUP takes over, and the old
// MASTER comes back as backup.
func TestSnapshotOfMaster(t *testing.T) {
	p := startPair(t, Options{})
	for _, verb := range []string{"create", "restore"} {
		if _, err := p.snap(verb, p.master.Name, "s"); err != nil {
			t.Fatal(err)
		}
	}
	p.awaitRole(p.backup, "master")
	p.await(p.master, "back", func(s NodeState) bool { return s.Role == "backup" && s.Farms == 2 && s.Blocked == 4 })
}
