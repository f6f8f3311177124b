//go:build linux

package world

import (
	"cmp"
	"fmt"
	"strings"
	"time"
)

// The addresses of the lab's one network. Everybody is on 192.168.100.0/24,
// where nodes are managed and have their cluster link; nodes, control and the
// clients are also on 192.0.2.0/24, where the VIPs are.
const (
	managementNet = "192.168.100."
	serviceNet    = "192.0.2."

	// The same with IPv6.
	managementNet6 = "2001:db8:100::"
	serviceNet6    = "2001:db8:1::"

	controlAddress    = managementNet + "1"
	repositoryAddress = managementNet + "2"

	maxClusters = 80
)

// Names of the hosts that belong to no pair.
const (
	Control   = "control"   // where zup runs; has this machine's files
	Client    = "client"    // a client that keeps the VIPs' MAC addresses in its cache
	Stranger  = "stranger"  // a client that forgets them before every request
	Reference = "reference" // a web server like those of the farms, which nobody updates
)

// A Cluster is a pair of nodes of the world.
type Cluster struct {
	Product string  // as a configuration calls it
	Name    string  // edge, edge2, edge3 …
	Nodes   [2]Node // the first one is MASTER when the world has started
	VIPs    []string
	Alone   bool   // the second one is off the network, and there is no cluster
	From    string // installed version
	To      string // version that the repository offers
}

// Members are the nodes that are on the network.
func (c Cluster) Members() []Node {
	if c.Alone {
		return c.Nodes[:1]
	}
	return c.Nodes[:]
}

// A Node is one machine of a pair.
type Node struct {
	Name     string // its name in the world and in the configuration
	Hostname string // what the node calls itself; other than Name only by fault
	Address  string // on the management network
	HostKey  string // one line: type and key
}

// nodeNames are zva5n1 and zva5n2, then zvb5n1 and so on.
func nodeNames(cluster int) [2]string {
	letters := string(rune('a' + cluster%26))
	if cluster >= 26 {
		letters = string(rune('a'+cluster/26-1)) + letters
	}
	return [2]string{"zv" + letters + "5n1", "zv" + letters + "5n2"}
}

func clusterName(cluster int) string {
	if cluster == 0 {
		return "edge"
	}
	return fmt.Sprint("edge", cluster+1)
}

func nodeAddress(ipv6 bool, cluster, position int) string {
	return fmt.Sprint(family(ipv6, managementNet, managementNet6), 24+2*cluster+position)
}

func vips(ipv6 bool, cluster int) []string {
	in := family(ipv6, serviceNet, serviceNet6)
	return []string{fmt.Sprint(in, 10+2*cluster), fmt.Sprint(in, 11+2*cluster)}
}

func family(ipv6 bool, four, six string) string {
	if ipv6 {
		return six
	}
	return four
}

// bracketed is an address where a port or a path follows it.
func bracketed(address string) string {
	if strings.Contains(address, ":") {
		return "[" + address + "]"
	}
	return address
}

// machine is a node before it is switched on: everything that its disk will
// hold besides the installed packages. A fault changes it.
type machine struct {
	Node
	master     bool
	clustered  bool
	foreign    bool   // its cluster.conf names another machine than the peer
	clusterIP  string // in cluster.conf; other than Address only by fault
	ipv4       string // by which it reaches the repository: Address, but for IPv6
	awsKeys    bool   // cluster.conf has what the product adds on AWS
	hostsDeny  string
	hostsAllow string
	licensed   time.Duration     // how much longer the certificate is valid
	kernel     string            // that it boots; "": the usual one
	size       string            // of its disk, as tmpfs takes it
	hooks      map[string]string // shell snippets by the place where they strike
	hostKey    keyPair
}

// pair is a cluster before it is switched on.
type pair struct {
	index         int
	alone         bool
	ipv6, l4      bool
	whose         product
	master        *machine
	backup        *machine
	failback      int    // position of the preferred node, -1 none
	preferred     string // the node in cluster.conf's failback, where it is neither of them
	deadratio     int
	phase         time.Duration
	from, to      string
	offered       string // version that the repository has; other than to only by fault
	without       string // package that the repository lacks; "": none
	conflicts     string // what the new package of the product can't be installed beside; "": nothing
	next          string // version that a second repository has, below "next"; "": there is none
	authorizedKey string // of control
	peerKey       keyPair
	repositoryPEM string
}

// newPair lays out the pair with the given index as the options want it, before
// any fault.
func newPair(o *Options, index int, whose product, s secrets) (*pair, error) {
	p := &pair{
		index: index, ipv6: o.IPv6, l4: o.L4, whose: whose, failback: o.failbackPosition(),
		deadratio: o.Deadratio, phase: o.Phase, from: o.From, to: o.To, offered: o.To,
		authorizedKey: s.user.Public, peerKey: s.peer, repositoryPEM: s.repositoryCert,
	}
	names := nodeNames(index)
	if index == 0 {
		names = o.Hostnames
	}
	var machines [2]*machine
	for i, name := range names {
		key, err := newED25519()
		if err != nil {
			return nil, err
		}
		m := &machine{
			Node:      Node{Name: name, Hostname: name, Address: nodeAddress(o.IPv6, index, i), HostKey: key.Public},
			master:    i == 0,
			clustered: true,
			clusterIP: nodeAddress(o.IPv6, index, i),
			ipv4:      nodeAddress(false, index, i),
			hostsDeny: defaultHostsDeny,
			licensed:  300 * 24 * time.Hour,
			size:      o.Disk,
			hooks:     map[string]string{},
			hostKey:   key,
		}
		if deny, ok := o.HostsDeny[name]; ok {
			m.hostsDeny = deny
		}
		m.hostsAllow = defaultHostsAllow
		if allow, ok := o.HostsAllow[name]; ok {
			m.hostsAllow = allow
		}
		machines[i] = m
	}
	if o.Single && index == 0 {
		p.alone = true
		machines[0].clustered, machines[1].clustered = false, false
		machines[1].hooks["boot"] = "ip link set eth0 down"
	}
	p.master, p.backup = machines[0], machines[1]
	return p, nil
}

func (p *pair) machines() []*machine { return []*machine{p.master, p.backup} }

func (p *pair) cluster() Cluster {
	return Cluster{
		Product: p.whose.name,
		Name:    clusterName(p.index),
		Nodes:   [2]Node{p.master.Node, p.backup.Node},
		VIPs:    vips(p.ipv6, p.index),
		Alone:   p.alone,
		From:    p.from,
		To:      p.to,
	}
}

// Other people's lines are part of the picture: the second one is eaten by the
// updater's clean-up on a BACKUP whose peer is 192.168.100.24.
const (
	defaultHostsDeny = `# /etc/hosts.deny: hosts that are not allowed to access the system.
# See hosts_access(5) and hosts_options(5).
sshd: 203.0.113.66
sshd: 192.168.100.240
`
	defaultHostsAllow = `# /etc/hosts.allow: hosts that are allowed to access the system.
# See hosts_access(5) and hosts_options(5).
`
)

// files is the disk of one of the pair's nodes, over the installed packages.
func (p *pair) files(m *machine) (map[string]file, error) {
	licence, _, err := certificate("zevenet.lab.invalid", time.Now().Add(m.licensed))
	if err != nil {
		return nil, err
	}
	valid, _, err := certificate("zevenet.lab.invalid", time.Now().Add(300*24*time.Hour))
	if err != nil {
		return nil, err
	}
	expired, _, err := certificate("zevenet.lab.invalid", time.Now().Add(-24*time.Hour))
	if err != nil {
		return nil, err
	}
	files := map[string]file{
		"/lab/licence.valid":   text(valid),
		"/lab/licence.expired": text(expired),

		"/etc/hostname":    text(m.Hostname + "\n"),
		"/etc/hosts":       text(p.hosts(m)),
		"/etc/hosts.deny":  text(m.hostsDeny),
		"/etc/hosts.allow": text(m.hostsAllow),
		"/etc/resolv.conf": text(""),

		"/etc/ssh/ssh_host_ed25519_key":     secret(m.hostKey.Private),
		"/etc/ssh/ssh_host_ed25519_key.pub": text(m.hostKey.Public + "\n"),
		"/root/.ssh/id_rsa":                 secret(p.peerKey.Private),
		"/root/.ssh/id_rsa.pub":             text(p.peerKey.Public + "\n"),
		"/root/.ssh/authorized_keys":        secret(p.peerKey.Public + "\n" + p.authorizedKey + "\n"),
		"/root/.ssh/known_hosts":            secret(p.knownHosts()),
		"/home/ops/.ssh/authorized_keys":    text(p.authorizedKey + "\n"),

		// The product puts its licence into every request: something that must
		// never be logged, and that the lab can look for in logs.
		"/etc/apt/apt.conf":              text("Acquire { http::User-Agent \"" + LicenceSerial + "\"; };\n"),
		"/lab/agent":                     text(LicenceSerial + "\n"),
		zevenet + "/www/zlbcertfile.pem": text(licence),

		"/lab/boot":        script(nodeScript("boot")),
		"/usr/sbin/reboot": script(nodeScript("reboot")),

		"/boot/vmlinuz-" + cmp.Or(m.kernel, oldKernel): text("no kernel: the nodes run that of the machine\n"),
		"/lab/settings":       text(p.settings(m)),
		"/lab/repository.pem": text(p.repositoryPEM),
	}
	for name, snippet := range m.hooks {
		files["/lab/hook/"+name] = text(snippet + "\n")
	}
	for name, content := range p.config(m) {
		files[zevenet+"/config/"+name] = text(content)
	}
	if m.clustered {
		files[zevenet+"/node_status"] = text("\n")
		files["/lab/first-priority"] = text(firstPriority(m))
	}
	return p.whose.files(files), nil
}

// LicenceSerial is what the nodes send to the repository as their User-Agent:
// a secret that must turn up in no log, plan or transcript.
const LicenceSerial = "LAB-SERIAL-0123456789:lab-key-id"

func firstPriority(m *machine) string {
	if m.master {
		return "255\n"
	}
	return "50\n"
}

func (p *pair) settings(m *machine) string {
	master := "no"
	if m.master {
		master = "yes"
	}
	all := fmt.Sprintf("ADDRESS=%s\nMASTER=%s\nPHASE=${PHASE:-%g}\n", m.ipv4, master, p.phase.Seconds())
	if p.ipv6 {
		all += "ADDRESS6=" + m.Address + "\n"
	}
	return all
}

func (p *pair) hosts(m *machine) string {
	var b strings.Builder
	fmt.Fprintf(&b, "127.0.0.1 localhost\n%s repo.zevenet.com\n", repositoryAddress)
	for _, n := range p.machines() {
		fmt.Fprintf(&b, "%s %s\n", n.Address, n.Hostname)
	}
	return b.String()
}

func (p *pair) knownHosts() string {
	var b strings.Builder
	for _, n := range p.machines() {
		fmt.Fprintf(&b, "%s,%s %s\n", n.Address, n.clusterIP, n.HostKey)
	}
	return b.String()
}

// config is the product's configuration directory. All but cluster.conf's
// presence is the same on both nodes.
func (p *pair) config(m *machine) map[string]string {
	files := map[string]string{
		"if_eth0_conf":       interfaceConf("eth0", m.Address),
		"health_checks.conf": healthChecks(p.from),
		"zlb-start":          "#!/bin/sh\n# commands to run after the service has started\n",
		"zlb-stop":           "#!/bin/sh\n# commands to run after the service has stopped\n",
	}
	if m.master || m.clustered && !m.foreign {
		p.addServices(files)
	}
	if m.clustered {
		files["cluster.conf"] = p.clusterConf(m)
	}
	return files
}

// addServices adds the VIPs and the farms on them.
func (p *pair) addServices(files map[string]string) {
	all := vips(p.ipv6, p.index)
	for i, vip := range all {
		name := fmt.Sprint("eth0:", i+1)
		files["if_"+name+"_conf"] = interfaceConf(name, vip)
		farm := fmt.Sprint("web", i+1)
		files[farm+"_proxy.cfg"] = farmConf(farm, vip)
	}
	if p.l4 {
		for _, farm := range l4Farms {
			files[farm.name+"_l4.cfg"] = fmt.Sprintf("Name     %s\nAddress  %s\nPort     %s\nProtocol %s\nMode     %s\n", farm.name, all[farm.vip], farm.port, farm.protocol, farm.mode)
		}
	}
}

// l4Farms are farms of the kernel's, as nftlb has them: one on another farm's port with
// another protocol, a range, and one that goes past address translation.
var l4Farms = []struct {
	name, port, protocol, mode string
	vip                        int
}{
	{"quic", "80", "udp", "nat", 0},
	{"media", "10000-10003", "udp", "nat", 1},
	{"voice", "5060", "tcp", "dsr", 1},
}

func interfaceConf(name, address string) string {
	mask := "24"
	if strings.Contains(address, ":") {
		mask = "64"
	}
	return fmt.Sprintf("[%s]\naddr=%s\ngateway=\nmask=%s\nname=%s\nstatus=up\n", name, address, mask, name)
}

func farmConf(name, address string) string {
	return fmt.Sprintf("# A web server of the lab; the product's file is its proxy's.\nName    %s\nStatus  up\nAddress %s\nPort    80\n", name, address)
}

// healthChecks is the lab's marker in the replicated configuration: the new
// version converts it, and an old node that pushes its configuration afterwards
// undoes that where everybody can see it.
func healthChecks(version string) string {
	if configFormat(version) == 1 {
		return "format=1\ninterval=5\nfarm=web1\n"
	}
	return "format=2\ninterval_ms=5000\nfarm=web1\n"
}

// clusterConf is sorted as the product writes it: root keys, then the nodes.
func (p *pair) clusterConf(m *machine) string {
	primary := "disabled"
	if p.preferred != "" {
		primary = p.preferred
	} else if p.failback >= 0 {
		primary = p.machines()[p.failback].Hostname
	}
	members := map[string]string{m.Hostname: m.clusterIP}
	switch other := p.peer(m); {
	case m.foreign:
		members["zvx9n1"] = managementNet + "99"
	default:
		members[other.Hostname] = other.clusterIP
	}
	var b strings.Builder
	fmt.Fprintf(&b, "deadratio=%d\ninterface=eth0\nprimary=%s\n", p.deadratio, primary)
	for _, name := range sortedKeys(members) {
		fmt.Fprintf(&b, "\n[%s]\n", name)
		if m.awsKeys {
			fmt.Fprintf(&b, "instance_id=i-%017x\n", name)
		}
		fmt.Fprintf(&b, "ip=%s\n", members[name])
	}
	return b.String()
}

func (p *pair) peer(m *machine) *machine {
	if m == p.master {
		return p.backup
	}
	return p.master
}
