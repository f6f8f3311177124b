//go:build linux

package world

import (
	"strings"
	"testing"
	"time"
)

// A node that reboots is gone for a moment and comes back with its disk, another
// boot ID and the newest of its kernels; what was in its memory is lost.
func TestReboot(t *testing.T) {
	t.Parallel()
	p := startPair(t, Options{})
	const look = "cat /proc/sys/kernel/random/boot_id /proc/sys/kernel/osrelease; ls /run/reboot-required /etc/of-the-disk 2>/dev/null || true"
	p.ssh(p.backup, "", ": >/run/reboot-required; : >/etc/of-the-disk; : >/boot/vmlinuz-"+newKernel)
	before := strings.Fields(p.ssh(p.backup, "", look))
	if len(before) != 4 || before[1] != oldKernel {
		t.Fatalf("before: %q", before)
	}
	p.trySSH(p.backup, "", "reboot")
	for deadline := time.Now().Add(30 * time.Second); ; time.Sleep(100 * time.Millisecond) {
		s, err := p.Inspect(t.Context(), p.backup.Name) // an error while it is away
		if id, _ := p.trySSH(p.backup, "", "cat /proc/sys/kernel/random/boot_id"); err == nil && strings.TrimSpace(id) != before[0] && s.Role == "backup" && s.Farms == 2 && s.Blocked == 4 {
			break
		}
		if time.Now().After(deadline) {
			t.Fatalf("not back: %+v, %v", s, err)
		}
	}
	after := strings.Fields(p.ssh(p.backup, "", look))
	if len(after) != 3 || after[0] == before[0] || after[1] != newKernel || after[2] != "/etc/of-the-disk" {
		t.Errorf("before: %q, after: %q", before, after)
	}
	if s := p.inspect(p.master); s.Role != "master" {
		t.Errorf("MASTER is %+v", s)
	}
}
