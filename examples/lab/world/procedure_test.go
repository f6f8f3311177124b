//go:build linux

package world

import (
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"
)

const (
	updater = "/usr/local/zevenet/bin/checkupgrades"
	bridge  = "/usr/local/zevenet/bin/enterprise.bin Zevenet::API40::System::Cluster "
)

// update is what the vendor's procedure does on one node.
func (p *pairUnderTest) update(node Node, answers string) {
	p.Helper()
	out := p.ssh(node, "", updater)
	out += p.ssh(node, answers, updater+" -i")
	for _, bad := range []string{"Abort.", "\nE: ", "dpkg: error", "Installation aborted"} {
		if strings.Contains(out, bad) {
			p.Fatalf("%s: %q in the transcript:\n%s", node.Name, bad, out)
		}
	}
}

// block is step 0: replication ends and BACKUP may not ask for the
// configuration.
func (p *pairUnderTest) block() {
	p.ssh(p.master, "", `kill -9 $(cat /var/run/zeninotify.pid)`)
	p.ssh(p.master, "", fmt.Sprintf("echo 'sshd: %s' >>/etc/hosts.deny", p.backup.Address))
	if out, err := p.trySSH(p.backup, "", "ssh -o ConnectTimeout=2 -o BatchMode=yes "+p.master.Address+" true"); err == nil {
		p.Fatalf("BACKUP still gets into MASTER: %s", out)
	}
}

func (p *pairUnderTest) unblock() {
	p.ssh(p.master, "", fmt.Sprintf("sed -i '/^sshd: %s$/d' /etc/hosts.deny", p.backup.Address))
}

func (p *pairUnderTest) maintenance(node Node, status string) string {
	return p.ssh(node, `[{"action":"maintenance","status":"`+status+`"}]`, bridge+"set_cluster_actions")
}

// measure runs something and returns what a client that knows the VIPs' MAC
// addresses felt meanwhile, and what it felt at the reference.
func (p *pairUnderTest) measure(during func()) (results []ProbeResult, reference ProbeResult) {
	p.Helper()
	targets := append(slices.Clone(p.Clusters[0].VIPs), ReferenceAddress)
	probe, err := p.Probe(p.Context(), ProbeOptions{Host: Client, Targets: targets})
	if err != nil {
		p.Fatal(err)
	}
	stranger, err := p.Probe(p.Context(), ProbeOptions{Host: Stranger, Targets: targets, Forget: true})
	if err != nil {
		p.Fatal(err)
	}
	during()
	results, err = probe.Stop()
	if err != nil {
		p.Fatal(err)
	}
	for _, r := range results {
		p.Log("client  ", r)
	}
	others, err := stranger.Stop()
	if err != nil {
		p.Fatal(err)
	}
	for _, r := range others {
		p.Log("stranger", r)
	}
	return results[:len(results)-1], results[len(results)-1]
}

// updated wants both nodes to be as a good update leaves them.
func (p *pairUnderTest) updated(master, backup Node) {
	p.Helper()
	p.awaitRole(master, "master")
	p.awaitRole(backup, "backup")
	p.await(master, "replicating", func(s NodeState) bool { return s.Replicators == 1 })
	states := map[string]NodeState{master.Name: p.inspect(master), backup.Name: p.inspect(backup)}
	for name, s := range states {
		if s.Installed != DefaultTo || s.Configured != DefaultTo || !s.MarkerIntact(DefaultTo) || s.Maintenance || s.Audit != 0 || s.Farms != 2 {
			p.Errorf("%s: %+v", name, s)
		}
	}
	if m, b := states[master.Name], states[backup.Name]; m.Replicated != b.Replicated || m.Blocked != 0 || b.Blocked != 4 || b.Replicators != 0 {
		p.Errorf("master %+v\nbackup %+v", m, b)
	}
}

func TestVendorsOrderLosesRequests(t *testing.T) {
	p := startPair(t, Options{})
	results, reference := p.measure(func() {
		p.block()
		p.update(p.backup, "y\n")
		p.update(p.master, "y\ny\n")
		p.unblock()
		p.updated(p.backup, p.master)
	})
	for _, r := range results {
		// For half a second on an idle machine; on a busy one they take their time to stop.
		if r.Lost <= 2+reference.Lost {
			t.Errorf("a stop of MASTER's services should be felt: %v; %v", r, reference)
		}
	}
	if got := p.inspect(p.master).HostsDeny; got != defaultHostsDeny {
		t.Errorf("MASTER's hosts.deny:\n%s", got)
	}
	// As in the product, BACKUP's updater takes somebody else's line with it.
	if got := p.inspect(p.backup).HostsDeny; got != strings.ReplaceAll(defaultHostsDeny, "sshd: 192.168.100.240\n", "") {
		t.Errorf("BACKUP's hosts.deny:\n%s", got)
	}
}

func TestMaintenanceFirstLosesNothing(t *testing.T) {
	p := startPair(t, Options{})
	results, reference := p.measure(func() {
		p.block()
		p.update(p.backup, "y\n")
		p.maintenance(p.master, "enable")
		p.awaitRole(p.backup, "master")
		p.await(p.master, "silent", func(s NodeState) bool { return s.Role == "maintenance" && s.Blocked == 4 })
		p.await(p.backup, "heard", func(s NodeState) bool { return s.Blocked == 0 })
		for _, vip := range p.Clusters[0].VIPs {
			p.ssh(p.backup, "", "arping -A -c 2 -I eth0 "+vip)
		}
		p.update(p.master, "y\n")
		p.unblock()
		if out := p.maintenance(p.master, "disable"); !strings.Contains(out, `"code":200`) {
			t.Error(out)
		}
		if out := p.maintenance(p.master, "disable"); !strings.Contains(out, "The node is not under maintenance") {
			t.Error(out)
		}
		p.updated(p.backup, p.master)
	})
	for _, r := range results {
		// How short a gap can be is for the tests of the whole lab.
		if r.Lost > 2+reference.Lost || r.Longest > 20*reference.Longest {
			t.Errorf("a drained MASTER should not be missed: %v; %v", r, reference)
		}
	}
}

// Without step 0, MASTER overwrites what BACKUP's update has migrated. The
// marker must show it.
func TestMarkerTellsAForgottenBlock(t *testing.T) {
	t.Parallel()
	p := startPair(t, Options{})
	p.update(p.backup, "y\n")
	p.ssh(p.master, "", "touch /usr/local/zevenet/config/web1_proxy.cfg")
	p.await(p.backup, "overwritten", func(s NodeState) bool { return s.Installed == DefaultTo && !s.MarkerIntact(DefaultTo) })
}

func TestIdleLosesNothing(t *testing.T) {
	p := startPair(t, Options{})
	results, reference := p.measure(func() { time.Sleep(2 * time.Second) })
	for _, r := range append(results, reference) {
		if r.Lost > 0 || r.Sent < 100 {
			t.Error(r)
		}
	}
}

// Another user than root gets in, and may use sudo.
func TestOps(t *testing.T) {
	t.Parallel()
	p := startPair(t, Options{})
	out, err := p.Exec(t.Context(), Control, "ssh", "-l", "ops", p.master.Name, "id -un; sudo -n id -un")
	if err != nil || out != "ops\nroot\n" {
		t.Errorf("%q, %v", out, err)
	}
}

func TestRepositoryCanChange(t *testing.T) {
	t.Parallel()
	p := startPair(t, Options{})
	if err := p.Offer("6.1.21"); err != nil {
		t.Fatal(err)
	}
	p.ssh(p.master, "", updater)
	if out := p.ssh(p.master, "", updater+" zevenet"); !strings.Contains(out, "candidate = 6.1.21\n") {
		t.Error(out)
	}
	if err := p.Reachable(false); err != nil {
		t.Fatal(err)
	}
	if out := p.ssh(p.master, "", updater); !strings.Contains(out, "Error connecting to Zevenet Update System") {
		t.Error(out)
	}
	if err := p.Reachable(true); err != nil {
		t.Fatal(err)
	}
	if out := p.ssh(p.master, "", updater); !strings.Contains(out, "3 package(s) require upgrade") {
		t.Error(out)
	}
}

func TestFailback(t *testing.T) {
	t.Parallel()
	p := startPair(t, Options{Failback: "zva5n1"})
	p.ssh(p.master, "", "/etc/init.d/zevenet restart")
	p.awaitRole(p.master, "master")
	p.awaitRole(p.backup, "backup")
	if log := p.ssh(p.backup, "", "cat /var/log/syslog"); !strings.Contains(log, "the node is now 'master'") {
		t.Errorf("%s was never master:\n%s", p.backup.Name, log)
	}
}

func TestMaintenanceSurvivesRestart(t *testing.T) {
	t.Parallel()
	p := startPair(t, Options{})
	p.maintenance(p.backup, "enable")
	p.awaitRole(p.backup, "maintenance")
	p.ssh(p.backup, "", "/etc/init.d/zevenet restart")
	p.awaitRole(p.backup, "maintenance")
	if !p.inspect(p.backup).Maintenance {
		t.Error("the flag is gone")
	}
}

func TestClusterStatus(t *testing.T) {
	t.Parallel()
	p := startPair(t, Options{})
	out := p.ssh(p.master, "[]", bridge+"get_cluster_nodes_status")
	for _, want := range []string{"Node online and active", "Node online and passive", `"node":"remote"`} {
		if !strings.Contains(out, want) {
			t.Errorf("no %q in %s", want, out)
		}
	}
	if out := p.ssh(p.master, "", "/usr/local/zevenet/bin/cluster_status"); out != "Master\n" {
		t.Errorf("cluster_status: %q", out)
	}
	p.ssh(p.master, "", `kill -9 $(cat /var/run/zeninotify.pid)`)
	if out, err := p.trySSH(p.master, "", "/usr/local/zevenet/bin/cluster_status"); err == nil {
		t.Errorf("cluster_status is content without replication: %q", out)
	}
}

func TestSeveralPairs(t *testing.T) {
	t.Parallel()
	needNamespaces(t)
	w, err := Start(t.Context(), Options{Clusters: 4})
	if err != nil {
		t.Fatal(err)
	}
	defer w.Close()
	for _, c := range w.Clusters {
		for i, want := range []string{"master", "backup"} {
			state, err := w.Inspect(t.Context(), c.Nodes[i].Name)
			if err != nil || state.Role != want {
				t.Errorf("%s: %q, not %s, %v", c.Nodes[i].Name, state.Role, want, err)
			}
		}
	}
}
