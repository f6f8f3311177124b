//go:build linux

package world

import (
	"strings"
	"testing"
	"time"
)

func TestFaultsAreDescribed(t *testing.T) {
	seen := map[string]bool{}
	for _, f := range Faults {
		if seen[f.Name] {
			t.Errorf("two faults are called %s", f.Name)
		}
		seen[f.Name] = true
		if f.About == "" || strings.Contains(f.About, "\n") {
			t.Errorf("%s: %q is not one line", f.Name, f.About)
		}
		if f.plant == nil && f.options == nil {
			t.Errorf("%s does nothing", f.Name)
		}
	}
	if _, err := FaultNamed("no-such-fault"); err == nil {
		t.Error("an unknown fault is accepted")
	}
}

// What a fault makes of a pair before anybody does anything.
func TestFaultsAtStart(t *testing.T) {
	roles := func(master, backup string) func(p *pairUnderTest) {
		return func(p *pairUnderTest) {
			p.awaitRole(p.master, master)
			p.awaitRole(p.backup, backup)
		}
	}
	for fault, check := range map[string]func(p *pairUnderTest){
		"split-brain":        roles("master", "master"),
		"no-master":          roles("", "maintenance"),
		"maintenance-backup": roles("master", "maintenance"),
		"stale-node-status":  roles("master", "master"),
		"foreign-peer":       roles("master", "master"),
		"not-clustered":      roles("", ""),
		"replication-off": func(p *pairUnderTest) {
			p.await(p.master, "without replication", func(s NodeState) bool { return s.Replicators == 0 })
		},
		"product-missing": func(p *pairUnderTest) {
			p.await(p.backup, "empty", func(s NodeState) bool { return s.Installed == "" && s.Configured == "" })
		},
		"hostname-differs": func(p *pairUnderTest) {
			if name := p.ssh(p.backup, "", "hostname"); name != "zva5n9\n" {
				p.Errorf("hostname %q", name)
			}
		},
		"version-5": func(p *pairUnderTest) {
			p.await(p.master, "5.2.14", func(s NodeState) bool { return s.Installed == "5.2.14" && s.Configured == "5.2.14" })
		},
		"disk-full": func(p *pairUnderTest) {
			if free := p.ssh(p.backup, "", "df --output=avail -k / | tail -n 1"); len(strings.TrimSpace(free)) > 4 {
				p.Errorf("%s kB are free", free)
			}
		},
		"dpkg-broken": func(p *pairUnderTest) {
			p.await(p.backup, "broken", func(s NodeState) bool { return s.Audit > 0 })
		},
		"no-libwrap":           unstoppable,
		"hosts-allow-override": unstoppable,
		"backup-down":          unreachable,
		"ssh-down":             unreachable,
		"hang-ssh":             unreachable,
		"peer-unreachable": func(p *pairUnderTest) {
			if out, err := p.trySSH(p.backup, "", "ssh -o ConnectTimeout=1 "+p.master.Address+" true"); err == nil {
				p.Errorf("the nodes reach each other: %s", out)
			}
		},
	} {
		t.Run(fault, func(t *testing.T) {
			oneOfMany(t, fault == "split-brain" || fault == "no-libwrap" || fault == "peer-unreachable" || fault == "dpkg-broken")
			t.Parallel()
			check(startPair(t, Options{Fault: fault, Phase: time.Millisecond}))
		})
	}
}

func unreachable(p *pairUnderTest) {
	if out, err := p.trySSH(p.backup, "", "true"); err == nil {
		p.Errorf("BACKUP is in reach: %s", out)
	}
}

// unstoppable wants a line in MASTER's hosts.deny to have no effect.
func unstoppable(p *pairUnderTest) {
	p.ssh(p.master, "", "echo 'sshd: "+p.backup.Address+"' >>/etc/hosts.deny")
	p.ssh(p.backup, "", "ssh -o BatchMode=yes -o StrictHostKeyChecking=no "+p.master.Address+" true")
}

// What a fault makes of BACKUP's update. The updater says 0 whatever happens.
func TestFaultsInUpdate(t *testing.T) {
	for fault, want := range map[string]string{
		"apt-fails-backup":   "E: Failed to fetch",
		"repo-unreachable":   "No packages to update on /usr/local/zevenet/updates",
		"repo-other-version": "zevenet_6.1.21_",
		"apt-locked":         "E: Could not get lock",
		"package-held":       "have been kept back",
		"preinst-fails":      "pre-installation script subprocess returned error",
		"postinst-fails":     "post-installation script subprocess returned error",
		"unknown-prompt":     "Do you accept the new terms of use?",
		"conffile-prompt":    "*** zevenet-ipds.conf (Y/I/N/O/D/Z) [default=N] ?",
		"licence-expired":    "Installation aborted",
		"escapes":            "\033]0;owned\007",
		"updater-without-i":  "-i it is not installed in the system",
	} {
		t.Run(fault, func(t *testing.T) {
			oneOfMany(t, fault == "postinst-fails" || fault == "unknown-prompt")
			t.Parallel()
			p := startPair(t, Options{Fault: fault, Phase: time.Millisecond})
			out := p.ssh(p.backup, "", updater)
			if !strings.Contains(out, want) {
				out += p.ssh(p.backup, "y\n", updater+" -i")
			}
			if !strings.Contains(out, want) {
				t.Errorf("no %q in the transcript:\n%s", want, out)
			}
		})
	}
	t.Run("keepalived-dead-after-update", func(t *testing.T) {
		t.Parallel()
		p := startPair(t, Options{Fault: "keepalived-dead-after-update"})
		p.update(p.backup, "y\n")
		p.await(p.backup, "without keepalived", func(s NodeState) bool { return s.Keepalived == 0 && s.Installed == DefaultTo })
	})
	t.Run("config-edit-window", func(t *testing.T) {
		t.Parallel()
		p := startPair(t, Options{Fault: "config-edit-window"})
		before := p.inspect(p.master).Replicated
		p.update(p.backup, "y\n")
		p.await(p.master, "edited", func(s NodeState) bool { return s.Replicated != before })
	})
	t.Run("role-flip", func(t *testing.T) {
		t.Parallel()
		p := startPair(t, Options{Fault: "role-flip"})
		p.block()
		p.update(p.backup, "y\n")
		p.awaitRole(p.backup, "master")
		p.awaitRole(p.master, "backup")
	})
}
