//go:build linux

package world

import (
	"fmt"
	"strings"
	"time"
)

// A Fault is something that is wrong with the first pair, or goes wrong with it
// during an update.
type Fault struct {
	Name  string
	About string // one line

	options func(*Options)      // before anything is built
	plant   func(*pair, *offer) // before the nodes are switched on

	// What somebody does on the nodes to mend what the fault has done, besides
	// ending it. Not every fault can be mended in a world that runs.
	mendMaster, mendBackup string
}

// Faults is all that the lab can do to a pair, by the place where it strikes.
// Snippets of shell are hooks: boot runs before the node's service starts and
// up when it has; takeover runs when a node is MASTER and does not answer for the VIPs
// yet; saved when its configuration was saved; updater, preinst, postinst and restarted
// run within an
// update, the last one right after the service was restarted. World.Mend ends a
// fault: its hooks are gone then, and the repository is whole.
var Faults = []Fault{
	// What the repository and apt do.
	{Name: "apt-fails-backup", About: "the repository gives BACKUP the lists but no package",
		plant: func(p *pair, o *offer) { o.DenyPool = []string{p.backup.ipv4} }},
	{Name: "apt-fails-master", About: "the repository gives MASTER the lists but no package",
		plant: func(p *pair, o *offer) { o.DenyPool = []string{p.master.ipv4} }},
	{Name: "repo-other-version", About: "the repository offers 6.1.21, not what is asked for",
		plant: func(p *pair, o *offer) { p.offered = "6.1.21" }},
	{Name: "repo-newer-meanwhile", About: "BACKUP's package lists know 6.1.21 once they were refreshed, right before its update",
		plant: func(p *pair, o *offer) {
			p.next = "6.1.21"
			p.backup.hooks["saved"] = `sed -i 's#/4.19-amd64 #/4.19-amd64/next #' /etc/apt/sources.list.d/zevenet.list; apt-get -q update`
		}, mendBackup: `sed -i 's#/next # #' /etc/apt/sources.list.d/zevenet.list`},
	{Name: "repo-unreachable", About: "nobody listens at the repository's address",
		plant: func(p *pair, o *offer) { o.Down = true }},
	{Name: "apt-locked", About: "another apt holds the locks on BACKUP, as the nightly check would",
		plant: onBackup("up", holdAptLocks), mendBackup: freeAptLocks},
	{Name: "apt-locked-meanwhile", About: "another apt takes the locks on BACKUP when its update begins",
		plant: onBackup("updater", holdAptLocks), mendBackup: freeAptLocks},
	{Name: "dpkg-broken", About: "a package on BACKUP is half-configured",
		plant:      onBackup("boot", `sed -i '/^Package: zevenet-ipds$/,/^$/s/^Status: .*/Status: install ok half-configured/' /var/lib/dpkg/status`),
		mendBackup: `dpkg --configure zevenet-ipds`},
	{Name: "package-held", About: "the product's package is on hold on BACKUP",
		plant: onBackup("boot", `apt-mark hold zevenet`), mendBackup: `apt-mark unhold zevenet`},
	{Name: "disk-full", About: "BACKUP's disk has about 2 MB left",
		plant: func(p *pair, o *offer) { p.backup.size = "3m" }},
	{Name: "disk-fills", About: "BACKUP's disk fills up to its last byte when its update begins",
		plant: onBackup("updater", `cat /dev/zero >/filler 2>/dev/null || true`), mendBackup: `rm /filler`},

	// What the packages do.
	{Name: "preinst-fails", About: "the new package refuses to be unpacked on BACKUP",
		plant: onBackup("preinst", `exit 1`)},
	{Name: "licence-refused", About: "the package refuses BACKUP's licence, which has expired since the plan",
		plant: onBackup("updater", expireLicence), mendBackup: newLicence},
	{Name: "licence-refused-master", About: "the package refuses MASTER's licence, which has expired since the role moved",
		plant: onMaster("updater", expireLicence), mendMaster: newLicence},
	{Name: "disk-full-unpack", About: "BACKUP's disk is full when the new package is unpacked",
		plant: onBackup("preinst", fillDisk), mendBackup: `rm /filler`},
	{Name: "disk-full-unpack-master", About: "MASTER's disk is full when the new package is unpacked",
		plant: onMaster("preinst", fillDisk), mendMaster: `rm /filler`},
	{Name: "sysctl-lines", About: "each node's /etc/sysctl.conf has a line of somebody's, which the package takes out",
		plant: onBoth("boot", `echo 'net.ipv4.ip_forward = 1' >>/etc/sysctl.conf`)},
	{Name: "postinst-fails", About: "the new package's installation ends with an error on BACKUP",
		plant: onBackup("postinst", `exit 1`)},
	{Name: "postinst-fails-master", About: "the new package's installation ends with an error on MASTER",
		plant: onMaster("postinst", `exit 1`)},
	{Name: "postinst-hangs", About: "the new package's installation on BACKUP waits for something that does not come",
		plant: onBackup("postinst", `while [ -e /lab/hook/postinst ]; do sleep 0.1; done`)},
	{Name: "unknown-prompt", About: "the new package on BACKUP asks something that nobody has heard of",
		plant: onBackup("preinst", `printf 'Do you accept the new terms of use? [yes/no] '; read -r answer; [ "$answer" = yes ] || exit 1`), mendBackup: configurePackages},
	{Name: "conffile-prompt", About: "a configuration file was edited on BACKUP, so dpkg asks what to do",
		plant: onBackup("boot", `echo '# a local rule' >>/etc/zevenet-ipds.conf`), mendBackup: configurePackages},
	{Name: "noisy", About: "the installation prints 50 MB on each node",
		plant: onBoth("postinst", `yes 'a line of output that nobody wants to read' | head -c 50000000`)},
	{Name: "escapes", About: "the installation prints terminal escapes on each node",
		plant: onBoth("postinst", `printf '\033]0;owned\007\033[2J\033[1;31mred\r\342\200\256reversed\n'`)},
	{Name: "licence-expired", About: "the support contract in BACKUP's certificate has expired",
		plant: func(p *pair, o *offer) { p.backup.licensed = -24 * time.Hour }, mendBackup: newLicence},
	{Name: "licence-expires", About: "the support contract in MASTER's certificate expires while BACKUP updates",
		plant: whenBackup("updater", expireLicence), mendMaster: newLicence},
	{Name: "licence-missing", About: "BACKUP has no activation certificate",
		plant: onBackup("boot", `rm /usr/local/zevenet/www/zlbcertfile.pem`)},
	{Name: "updater-without-i", About: "checkupgrades on both nodes is from before 6.0.16 and takes -i for a package",
		plant: onBoth("boot", `sed -i 's/^ABILITY=.*/ABILITY=none/; /^-i) upgrade ;;$/d' /usr/local/zevenet/bin/checkupgrades`)},
	{Name: "keepalived-dead-after-update", About: "keepalived on BACKUP dies after the update's restart",
		plant: onBackup("restarted", `pkill -9 -x keepalived`), mendBackup: `/etc/init.d/zevenet restart`},
	{Name: "farm-down", About: "one of two farms on BACKUP does not come up after the update",
		plant: onBackup("restarted", `/usr/local/zevenet/bin/farms stop web2`), mendBackup: `/usr/local/zevenet/bin/farms start web2`},
	{Name: "l4-farm-down", About: "a farm of the kernel's, past address translation in netdev, does not come up on BACKUP after the update",
		plant: func(p *pair, o *offer) {
			p.l4 = true
			onBackup("restarted", `/usr/local/zevenet/bin/l4farms stop voice`)(p, o)
		}, mendBackup: `/usr/local/zevenet/bin/l4farms start voice`},
	{Name: "vip-silent", About: "once BACKUP is updated it drops what comes for the VIPs, with its web server up",
		plant: onBackup("restarted", "nft list table ip silent >/dev/null 2>&1 || {\n"+
			"nft add table ip silent; nft add chain ip silent in '{ type filter hook input priority 0; }'; nft add rule ip silent in tcp dport 80 drop; }"), mendBackup: `nft delete table ip silent`},
	{Name: "ssh-dropped", About: "every ssh session to BACKUP is cut in mid-update",
		plant: onBackup("postinst", `pkill -9 -f '^sshd: root' || true`)},
	{Name: "eager-stop", About: "MASTER's updater stops its web services at its very first moment",
		plant: onMaster("updater", stopFarms)},
	{Name: "late-takeover", About: "the same, and BACKUP answers for the VIPs a while after it has become MASTER",
		plant: func(p *pair, o *offer) {
			onMaster("updater", stopFarms)(p, o)
			onBackup("takeover", `sleep 15`)(p, o)
		}},

	// What RELIANOID's updater does since 7.9, and its kernel.
	{Name: "noid-lacks-package", About: "the repository lacks the last package that RELIANOID's updater asks for",
		options: sinceNoid79, plant: func(p *pair, o *offer) { p.without = "relianoid-cli" }},
	{Name: "noid-newer-afterwards", About: "RELIANOID's repository has 8.6.1 when BACKUP's updater reads the lists once more, after the upgrade",
		options: sinceNoid79, plant: newerAfterwards, mendMaster: takeNext("s#/next # #"), mendBackup: takeNext("s#/next # #")},
	{Name: "noid-kernel", About: "BACKUP runs a kernel without noid in its name, so RELIANOID's updater heeds no role",
		options: sinceNoid79, plant: func(p *pair, o *offer) { p.backup.kernel = "6.1.0-18-amd64" }},
	{Name: "noid-loses-ssh", About: "RELIANOID's new package can't be installed beside the ssh server, which apt would remove",
		options: sinceNoid79, plant: func(p *pair, o *offer) { p.conflicts = "openssh-server" }},

	// What waits for a reboot.
	{Name: "reboot-pending", About: "a package on BACKUP asks for a reboot since before the update",
		plant: onBackup("up", wantsReboot)},
	{Name: "reboot-pending-master", About: "the same on MASTER",
		plant: onMaster("up", wantsReboot)},
	{Name: "new-kernel", About: "the update brings a kernel to each node",
		plant: onBoth("postinst", `: >/boot/vmlinuz-`+newKernel)},
	{Name: "reboot-for-ever", About: "a package on BACKUP still asks for a reboot after one",
		plant: onBackup("boot", `: >/run/reboot-required`)},

	// What other people do meanwhile.
	{Name: "config-edit-window", About: "someone edits MASTER's configuration while BACKUP updates",
		plant:      whenBackup("updater", `echo '# edited in the window' >>/usr/local/zevenet/config/web1_proxy.cfg`),
		mendMaster: `sed -i '/^# edited in the window$/d' /usr/local/zevenet/config/web1_proxy.cfg`},
	{Name: "hosts-deny-edited", About: "someone adds a line to MASTER's hosts.deny while BACKUP updates",
		plant: whenBackup("updater", `echo 'sshd: 198.51.100.9' >>/etc/hosts.deny`)},
	{Name: "hosts-deny-cleared", About: "someone takes the line for BACKUP out of MASTER's hosts.deny while BACKUP updates",
		plant: func(p *pair, o *offer) {
			whenBackup("updater", `sed -i '/^sshd: `+p.backup.clusterIP+`$/d' /etc/hosts.deny`)(p, o)
		}},
	{Name: "peer-key-lost", About: "someone takes the nodes' key out of MASTER's authorized_keys while BACKUP updates",
		plant: whenBackup("updater", losePeerKey), mendMaster: restorePeerKey},
	{Name: "role-flip", About: "MASTER's keepalived restarts when BACKUP has just been updated: the roles swap",
		plant: whenBackup("restarted", `. /usr/local/zevenet/lib/zevenet.sh; stop_keepalived; sleep 2; start_keepalived`)},

	// What is wrong with the pair from the start.
	{Name: "split-brain", About: "no VRRP gets through: both nodes are master", plant: splitBrain},
	{Name: "no-master", About: "MASTER's service is stopped and BACKUP is in maintenance", plant: noMaster},
	{Name: "maintenance-backup", About: "an operator has put BACKUP into maintenance",
		plant: onBackup("up", `maintenance enable; until_role maintenance`), mendBackup: endMaintenance},
	{Name: "replication-off", About: "replication on MASTER was killed and not started again",
		plant: onMaster("up", `kill -9 "$(cat /var/run/zeninotify.pid)"`)},
	{Name: "replication-revives", About: "somebody's watchdog on MASTER starts replication again whenever it has ended",
		plant: onMaster("up", reviveReplication)},
	{Name: "clock-skew", About: "BACKUP's command date is an hour ahead; all clocks of the lab are this machine's",
		plant:      onBackup("boot", "mv /usr/bin/date /usr/bin/date.right\nprintf '#!/bin/sh\\nexec /usr/bin/date.right -d \"+1 hour\" \"$@\"\\n' >/usr/bin/date\nchmod 755 /usr/bin/date"),
		mendBackup: `mv /usr/bin/date.right /usr/bin/date`},
	{Name: "replicator-by-link", About: "replication on MASTER was started by its other name, which the vendor's grep does not find",
		plant: onMaster("up", `/usr/local/zevenet/bin/enterprise.bin zeninotify stop; setsid /usr/local/zevenet/bin/zeninotify >/dev/null 2>&1 &`)},
	{Name: "replicator-as-script", About: "the product's binary is a Perl script: the replicator runs as perl, with an option, on both nodes",
		options: func(o *Options) { o.Perl = true }},
	{Name: "replicator-unrecognised", About: "the replicator's PID file on MASTER names a process that is none that anybody knows",
		plant:      onMaster("up", `/usr/local/zevenet/bin/enterprise.bin zeninotify stop; setsid perl -e '$0 = "nd"; sleep' </dev/null >/dev/null 2>&1 & echo $! >/var/run/zeninotify.pid`),
		mendMaster: `kill "$(cat /var/run/zeninotify.pid)"; rm /var/run/zeninotify.pid`},
	{Name: "stale-node-status", About: "BACKUP's node_status says master, its keepalived does not",
		plant: onBackup("up", `until_role backup; echo master >/usr/local/zevenet/node_status`), mendBackup: `/etc/init.d/zevenet restart`},
	{Name: "not-clustered", About: "the nodes know nothing of each other",
		plant: func(p *pair, o *offer) { p.master.clustered, p.backup.clustered = false, false }},
	{Name: "foreign-peer", About: "each node is clustered with somebody else",
		plant: foreignPeer},
	{Name: "product-missing", About: "the machine at BACKUP's address is a plain Debian",
		plant: onBackup("boot", `dpkg --purge --force-all zevenet zevenet-gui-core zevenet-ipds; rm -rf /usr/local/zevenet /etc/init.d/zevenet`)},
	{Name: "community-edition", About: "BACKUP has the product's community edition: its package says so, and a cold standby is all that it is",
		plant: onBackup("boot", `sed -i '/^Package: zevenet$/,/^$/s/^Description: .*/Description: Zevenet Load Balancer Community Edition/' /var/lib/dpkg/status
cd /usr/local/zevenet/bin && rm enterprise.bin zeninotify cluster_status zcluster-manager /etc/init.d/zevenet && mv checkupgrades checkupdates`)},
	{Name: "product-replaced", About: "the package of another product of the family has replaced that on BACKUP and left its directory",
		plant: onBackup("boot", `dpkg --remove --force-all zevenet; rm -f /etc/init.d/zevenet; mkdir -p /usr/local/zevenet/bin /usr/local/skudonet/bin
printf '\nPackage: skudonet\nStatus: install ok installed\nPriority: optional\nSection: net\nMaintainer: nobody\nArchitecture: all\nVersion: 6.3.0\nDescription: load balancer\n\n' >>/var/lib/dpkg/status`)},
	{Name: "hostname-differs", About: "BACKUP calls itself zva5n9",
		plant: func(p *pair, o *offer) { p.backup.Hostname = "zva5n9" }},
	{Name: "weights", About: "the tracked link has a weight: in maintenance mode a node is BACKUP with a low priority, and not in FAULT",
		plant: onBoth("boot", `echo ' weight -250' >/lab/weight`)},
	{Name: "similar-names", About: "the nodes are lb1 and lb10, which the updater confuses",
		options: func(o *Options) { o.Hostnames = [2]string{"lb1", "lb10"} }},
	{Name: "cluster-address", About: "the nodes have other addresses for their cluster than for management",
		plant: clusterAddress},
	{Name: "aws-keys", About: "cluster.conf has an instance_id for each node, as on AWS, which the updater takes for the address",
		plant: func(p *pair, o *offer) { p.master.awsKeys, p.backup.awsKeys = true, true }},
	{Name: "failback-unknown", About: "the cluster's failback names a node that it does not have",
		plant: func(p *pair, o *offer) { p.preferred = "zva5n9" }},
	{Name: "version-5", About: "the nodes run 5.2.14",
		options: func(o *Options) { o.From = "5.2.14" }},

	// What is wrong with ssh.
	{Name: "backup-down", About: "BACKUP's network link is down",
		plant: onBackup("up", `ip link set eth0 down`)},
	{Name: "ssh-down", About: "nobody listens on BACKUP's port 22",
		plant: onBackup("up", stopSSH)},
	{Name: "hang-ssh", About: "BACKUP's port 22 accepts and stays silent",
		plant: onBackup("up", stopSSH+`; while ss -Hltn 'sport = :22' | grep -q .; do sleep 0.02; done
setsid nc -lk 22 >/dev/null 2>&1 &
until ss -Hltn 'sport = :22' | grep -q .; do sleep 0.02; done`)},
	{Name: "peer-unreachable", About: "the nodes' packets to each other's port 22 vanish",
		plant: peerUnreachable},
	{Name: "peer-ssh-refused", About: "a line of an earlier attempt in MASTER's hosts.deny refuses BACKUP",
		plant: func(p *pair, o *offer) { p.master.hostsDeny += "sshd: " + p.backup.Address + "\n" }},
	{Name: "peer-key-refused", About: "the nodes' key is not in MASTER's authorized_keys",
		plant: onMaster("up", losePeerKey), mendMaster: restorePeerKey},
	{Name: "shell-complains", About: "the login shell on MASTER complains on standard error at every command",
		plant: onMaster("boot", `echo 'stty erase ^H' >>/root/.bashrc`)},
	{Name: "shell-talks", About: "the login shell on MASTER says something on standard output before every command, which the product takes for an answer",
		plant: onMaster("up", `echo 'echo welcome to the node' >>/root/.bashrc`), mendMaster: `sed -i '/^echo welcome/d' /root/.bashrc`},
	{Name: "shell-talks-after", About: "the login shell on BACKUP says something after every command, and ends with a status of its own",
		plant: onBackup("up", `echo "trap 'echo goodbye; exit 3' EXIT" >>/root/.bashrc`), mendBackup: `sed -i '/goodbye/d' /root/.bashrc`},
	{Name: "max-startups", About: "BACKUP's sshd has as many connections that nobody has logged in on as it takes",
		plant: onBackup("up", stopSSH+exhaustSSH), mendBackup: `pkill -x nc`},
	{Name: "max-startups-master", About: "MASTER's sshd gets as many connections that nobody has logged in on as it takes, while BACKUP updates",
		plant: whenBackup("updater", stopSSH+exhaustSSH), mendMaster: `pkill -x nc`},
	{Name: "hosts-allow-override", About: "MASTER's hosts.allow lets everybody in, whatever hosts.deny says",
		plant: func(p *pair, o *offer) { p.master.hostsAllow += "sshd: ALL\n" }},
	{Name: "hosts-allow-name", About: "MASTER's hosts.allow lets BACKUP in by a name that only MASTER's resolver knows",
		plant: func(p *pair, o *offer) {
			p.master.hostsAllow += "sshd: .nodes.lab.invalid\n"
			p.master.hooks["boot"] = "sed 's/ " + p.backup.Hostname + "$/ " + p.backup.Hostname + ".nodes.lab.invalid&/' /etc/hosts >/etc/hosts.new; cat /etc/hosts.new >/etc/hosts"
		}, mendMaster: `sed -i 's/ [^ ]*\.nodes\.lab\.invalid//' /etc/hosts`},
	{Name: "no-libwrap", About: "MASTER's ssh server is one without libwrap (dropbear): hosts.deny has no effect",
		plant: onMaster("boot", useDropbear)},
}

// FaultNamed finds a fault; "" is not a fault and no error.
func FaultNamed(name string) (Fault, error) {
	if name == "" {
		return Fault{}, nil
	}
	for _, f := range Faults {
		if f.Name == name {
			return f, nil
		}
	}
	return Fault{}, fmt.Errorf("no fault is called %q", name)
}

func onMaster(hook, snippet string) func(*pair, *offer) {
	return func(p *pair, _ *offer) { p.master.hooks[hook] = snippet }
}

func onBackup(hook, snippet string) func(*pair, *offer) {
	return func(p *pair, _ *offer) { p.backup.hooks[hook] = snippet }
}

func onBoth(hook, snippet string) func(*pair, *offer) {
	return func(p *pair, _ *offer) {
		for _, m := range p.machines() {
			m.hooks[hook] = snippet
		}
	}
}

// whenBackup lets something happen on MASTER when BACKUP's update comes to a
// hook. The nodes' ssh may be blocked then: BACKUP knocks at a port.
func whenBackup(hook, onMaster string) func(*pair, *offer) {
	return func(p *pair, _ *offer) {
		p.backup.hooks[hook] = fmt.Sprintf("nc -N -w 1 %s 4444 </dev/null || true", p.master.Address)
		p.master.hooks["up"] = fmt.Sprintf("(nc -l 4444 >/dev/null; %s) &", onMaster)
	}
}

// sinceNoid79 has RELIANOID's nodes run a version whose updater goes on when everything
// is upgraded.
func sinceNoid79(o *Options) { o.Product, o.From, o.To = "relianoid", "8.5.0", "8.6.0" }

// takeNext has a node take its packages from another repository.
func takeNext(edit string) string {
	return "sed -i '" + edit + "' /etc/apt/sources.list.d/zevenet.list"
}

// newerAfterwards has both nodes find a newer version from the moment on in which BACKUP is
// upgraded and its updater has not ended.
func newerAfterwards(p *pair, o *offer) {
	p.next = "8.6.1"
	take := takeNext("s#/4.19-amd64 #/4.19-amd64/next #")
	whenBackup("upgraded", take)(p, o)
	p.backup.hooks["upgraded"] = take + "; " + p.backup.hooks["upgraded"]
}

const (
	// As an operator ends it, and waits for it.
	endMaintenance = `printf '[{"action":"maintenance","status":"disable"}]' | /usr/local/zevenet/bin/enterprise.bin Zevenet::API40::System::Cluster set_cluster_actions
until [ "$(head -n 1 /usr/local/zevenet/node_status)" = backup ]; do sleep 0.1; done`

	// Nothing of /run is left after a reboot.
	stopFarms   = `/usr/local/zevenet/bin/farms stop`
	wantsReboot = `[ -e /lab/asked ] || : >/run/reboot-required; : >/lab/asked`

	stopSSH = `pkill -o -x sshd`

	useDropbear = `pkill -x sshd
mkdir -p /etc/dropbear
dropbearconvert openssh dropbear /etc/ssh/ssh_host_ed25519_key /etc/dropbear/host_key
dropbear -r /etc/dropbear/host_key
mv /usr/sbin/sshd /usr/sbin/sshd.disabled`

	// Where one package has failed, others may be unpacked and not configured.
	configurePackages = `DEBIAN_FRONTEND=noninteractive dpkg --force-confold --configure -a </dev/null`

	// dpkg's own small files still fit, the package's do not.
	fillDisk = `dd if=/dev/zero of=/filler bs=4096 count=$((($(df -Pk / | awk 'NR == 2 { print $4 }') - 400) / 4)) 2>/dev/null || true`

	// A certificate of each kind lies on every node.
	expireLicence = `cp /lab/licence.expired /usr/local/zevenet/www/zlbcertfile.pem`
	newLicence    = `cp /lab/licence.valid /usr/local/zevenet/www/zlbcertfile.pem`

	// The nodes' key is the first line.
	losePeerKey    = `cp -p /root/.ssh/authorized_keys /lab/authorized_keys; sed -i 1d /root/.ssh/authorized_keys`
	restorePeerKey = `cp -p /lab/authorized_keys /root/.ssh/authorized_keys`

	// Sessions that are there outlive their sshd.
	exhaustSSH = `; while ss -Hltn 'sport = :22' | grep -q .; do sleep 0.02; done
/usr/sbin/sshd -o MaxStartups=3 -o LoginGraceTime=0
until ss -Hltn 'sport = :22' | grep -q .; do sleep 0.02; done
for i in 1 2 3; do (sleep infinity | setsid nc 127.0.0.1 22 >/dev/null 2>&1) & done
for _ in $(seq 200); do
	[ "$(ss -Htn state established 'dport = :22' | grep -c '127.0.0.1:22')" -lt 3 ] || break
	sleep 0.02
done`

	// As the product starts it; it does nothing on a node that is not MASTER.
	reviveReplication = `setsid sh -c '. /usr/local/zevenet/lib/zevenet.sh
while [ -e /lab/hook/up ]; do
	[ "$(role)" != master ] || pgrep -f "enterprise.bin zeninotif[y]" >/dev/null || start_replication
	sleep 0.05
done' </dev/null >/dev/null 2>&1 &`

	freeAptLocks = `pkill -f -- '-MFcntl'`

	holdAptLocks = `setsid perl -MFcntl -e 'for (@ARGV) { open my $f, "+>", $_ or die; push @f, $f; my $lock = pack "s s x4 q q i x4", F_WRLCK, 0, 0, 0, 0; fcntl $f, F_SETLK, $lock or die } sleep' /var/lib/dpkg/lock-frontend /var/lib/apt/lists/lock </dev/null >/dev/null 2>&1 &
sleep 0.3`
)

func drop(rule string) string {
	return strings.Join([]string{
		`nft add table ip fault`,
		`nft add chain ip fault in '{ type filter hook input priority 0; }'`,
		`nft add rule ip fault in ` + rule + ` drop`,
	}, "\n")
}

func clusterAddress(p *pair, _ *offer) {
	for i, m := range p.machines() {
		m.clusterIP = fmt.Sprint("10.77.0.", 24+i)
		m.hooks["boot"] = "ip address add " + m.clusterIP + "/24 dev eth0"
	}
}

func splitBrain(p *pair, _ *offer) {
	for _, m := range p.machines() {
		m.hooks["boot"] = drop("ip protocol 112")
		m.hooks["up"] = "until_role master"
	}
}

func noMaster(p *pair, _ *offer) {
	p.master.hooks["up"] = "/etc/init.d/zevenet stop"
	p.backup.hooks["up"] = "maintenance enable; until_role maintenance"
}

func foreignPeer(p *pair, _ *offer) {
	p.master.foreign, p.backup.foreign = true, true
	p.backup.hooks["up"] = "until_role master"
}

func peerUnreachable(p *pair, _ *offer) {
	for _, m := range p.machines() {
		m.hooks["boot"] = drop(fmt.Sprintf("ip saddr %s tcp dport 22", p.peer(m).Address))
	}
}
