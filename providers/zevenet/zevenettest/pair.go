// Package zevenettest has a pair of nodes that exists in memory only: what the
// actions of a plan do to it, and which facts it has then.
//
// It is a model of what matters for planning, and not an emulation of a node:
// it knows the product's ways (who pushes and who pulls a configuration and
// when, who preempts whom) well enough that a plan which would do damage to a
// real pair does it here too, and says so in Damage. Start with New. Serve puts
// the nodes behind SSH servers inside the test process.
package zevenettest

import (
	"encoding/base64"
	"fmt"
	"maps"
	"slices"
	"strings"
	"sync"

	"zup/providers/libwrap"
)

// Versions of a new pair, and what an update makes of them.
const (
	OldVersion = "6.1.19"
	NewVersion = "6.1.20"
)

// The image of an offline update: what is in it is the line "0".
const (
	ImageName   = "update-6.1.20.iso"
	ImageSize   = 2
	ImageSHA256 = "9a271f2a916b0b6ee6cecb2426f0b3206ef074578be55d9bc94f6f3fe3ab86aa"
)

const repository = "https://repo.zevenet.com/ee/v6/4.19-amd64"

// Pair is two nodes. Its methods may be called from several goroutines; its
// fields may be changed while nothing is running.
type Pair struct {
	Nodes   map[string]*Node
	Product string // what they run: the last part of its root
	Master  string // name of the node that serves
	Primary string // the cluster's failback: "disabled" or a node
	Alone   bool   // Master is in no cluster, and the other node is not there
	To      string // what an update makes of them
	Apt3    bool   // its updater calls apt 3, which asks in other words and in colours
	Weights bool   // its tracked links have weights: in maintenance mode a node is BACKUP with a low priority, and not in FAULT

	mu     sync.Mutex
	damage string
	faults map[string]func(*Pair) Fault // by node and kind

	disks     map[string]Node // snapshots, by node and name
	returning bool            // one was restored: a new configuration on an old node is damage from here on
}

// Node is one node of a pair.
type Node struct {
	Name, Peer, Address string
	Version             string
	Config              string // "old" format, or "new": migrated
	Maintenance         bool
	Replicates          bool
	Deny                bool // its hosts.deny keeps the peer out
	Boosted             bool
	Image               bool              // zup's offline image is there
	Source              string            // where apt gets the package from
	Open                map[string]bool   // marks of open temporary changes
	Left                bool              // zup's folder is there
	Saved               bool              // its configuration was saved
	Boots               int               // how often it was started again
	Pending             bool              // it waits for a reboot
	Brings              bool              // its update brings a kernel
	Half                string            // job of the update that a power cut has ended there in the middle; "": none
	Turned              string            // job of the update that the package has turned back, or a full disk; "": none
	Overshoots          string            // its update brings this version instead of the pair's; "": it does not
	Rebooted            string            // what came of the reboot that zup has ordered: "", "yes"
	Facts               map[string]string // what it says whatever it is
}

// New returns a healthy pair at OldVersion.
func New(first, second, master, primary string) *Pair {
	p := &Pair{Nodes: map[string]*Node{}, Product: "zevenet", To: NewVersion, Master: master, Primary: primary, faults: map[string]func(*Pair) Fault{}}
	for _, n := range []struct{ name, peer, address string }{{first, second, "192.168.100.24"}, {second, first, "192.168.100.25"}} {
		p.Nodes[n.name] = &Node{
			Name: n.name, Peer: n.peer, Address: n.address, Version: OldVersion, Config: "old", Replicates: n.name == master,
			Source: repository, Open: map[string]bool{}, Facts: map[string]string{},
		}
	}
	return p
}

// UseIPv6 gives the nodes and their VIP IPv6 addresses.
func (p *Pair) UseIPv6() {
	for _, n := range p.Nodes {
		n.Address = strings.Replace(n.Address, "192.168.100.", "2001:db8:100::", 1)
		n.Facts["vips"], n.Facts["farms"], n.Facts["arp"] = "2001:db8::10", "tcp/[2001:db8::10]:80", "none"
	}
}

// Damage returns the first thing that would have gone wrong on a real pair, or "".
func (p *Pair) Damage() string {
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.damage
}

func (p *Pair) hurt(format string, args ...any) {
	if p.damage == "" {
		p.damage = fmt.Sprintf(format, args...)
	}
}

// FactsOf returns what the facts script would print on a node.
func (p *Pair) FactsOf(name string) map[string]string {
	p.mu.Lock()
	defer p.mu.Unlock()
	n := p.Nodes[name]
	peer := p.Nodes[n.Peer]
	f := map[string]string{
		"audit": "clean", "boot": fmt.Sprint("boot", n.Boots), "candidate": n.Version, "clustered": "yes", "deadratio": "1", "digest": n.Config,
		"disk": "/=4000000", "farms": "tcp/192.0.2.10:80", "holds": "none", "hosts_allow": "absent", "hosts_deny": "absent",
		"hostname": name, "interface": "eth0", "jobs": "none", "keepalived": "1", "kernel": "6.1.0-noid", "libwrap": "yes",
		"licence": "valid until Jan  1 00:00:00 2028 GMT", "lock": "free", "nodes": p.members(), "offer": p.To,
		"own_address": n.Address, "loses": "none", "package": "ii " + n.Version, "packages": "^" + p.Product + "=" + n.Version + ">" + p.To, "removals": "none", "steps": "none", "primary": p.Primary, "priority_lines": "1", "product": "yes",
		"saver": "yes", "saved": word(n.Saved, "/usr/local/"+p.Product+"/backups/backup-zup-"+n.Version+".tar.gz", "none"),
		"reboot": word(n.Pending, "required by a package", "none"), "rebooted": word(n.Rebooted == "", "not-asked", n.Rebooted), "room": "enough", "source": n.Source, "skew": "0", "sysctl": "none", "sysctl_kept": "no", "status": word(p.Master == name || p.Product != "zevenet", "ok", "elsewhere"), "time": "0", "uid": "0", "updater": "install",
		"version": n.Version, "vips": "192.0.2.10",
		"deny": word(n.Deny, "present", "none"), "left": word(n.Left, "yes", "no"), "maintenance": word(n.Maintenance, "yes", "no"),
		"open": "none", "peer_ssh": word(peer.keepsOut(n), "refused", "ok "+peer.Name),
		"priority":    word(n.Boosted, "254", word(p.Primary == name, "120", "50")),
		"replication": word(n.Replicates, "running", "off"),
	}
	f["image"], f["images"], f["staged"], f["updates"] = "none", "none", "no", "free=4000000"
	if n.Image {
		f["image"], f["images"], f["staged"] = ImageName+" "+ImageSHA256, ImageName, "/usr/local/zevenet/updates/"+ImageName
		f["updates"] += fmt.Sprintf(" %s=%d", ImageName, ImageSize)
	}
	if n.Overshoots != "" && n.Version == n.Overshoots && n.Left {
		f["jobs"] = "r.edge." + name + ".update"
	}
	if n.Half != "" {
		f["package"], f["audit"], f["jobs"] = "iF "+p.To, "zevenet Zevenet", n.Half
		f["offer"], f["candidate"] = "none", p.To
	}
	if n.Turned != "" {
		f["package"], f["audit"], f["jobs"] = "iU "+n.Version, "health-checks zevenet Zevenet zevenet-ipds", n.Turned
		f["candidate"] = p.To
	}
	if open := slices.Sorted(maps.Keys(n.Open)); len(open) > 0 {
		f["open"] = strings.Join(open, " ")
	}
	switch {
	case p.Master == name:
		f["role"], f["vrrp"], f["arp"] = "master", "MASTER", "open"
	case n.Maintenance:
		f["role"], f["vrrp"], f["arp"] = "maintenance", "FAULT", "blocked"
		if p.Weights {
			f["vrrp"], f["priority"] = "BACKUP", "1"
		}
	default:
		f["role"], f["vrrp"], f["arp"] = "backup", "BACKUP", "blocked"
	}
	if p.Alone {
		for name, value := range map[string]string{
			"arp": "none", "clustered": "no", "deadratio": "unknown", "keepalived": "0", "nodes": "none", "own_address": "unknown",
			"peer_ssh": "unknown", "primary": "unknown", "priority": "unknown", "replication": "off", "role": "none", "vrrp": "down",
		} {
			f[name] = value
		}
	}
	maps.Copy(f, n.Facts)
	if _, said := n.Facts["nd"]; !said {
		f["nd"] = "none"
		if strings.Contains(f["vips"], ":") {
			f["nd"] = word(p.Master == name, "open", "blocked")
		}
	}
	return f
}

// keepsOut tells whether its hosts.deny keeps another node out, whatever its hosts.allow
// says; a node is called NAME.example.net by their name service.
func (n *Node) keepsOut(other *Node) bool {
	if !n.Deny {
		return false
	}
	line := "sshd: " + other.Address + "\n"
	if strings.Contains(other.Address, ":") {
		line = "sshd: [" + other.Address + "]\n"
	}
	allow, _ := base64.StdEncoding.DecodeString(n.Facts["hosts_allow"]) // "absent" is none
	v := libwrap.Decide(libwrap.Table{Text: string(allow)}, libwrap.Table{Text: line}, libwrap.Connection{
		Daemon: "sshd", Port: 22, Client: libwrap.Host{Address: other.Address, Name: other.Name + ".example.net"}, Server: libwrap.Host{Address: n.Address},
	})
	return v.Answer == libwrap.Denied
}

func (p *Pair) members() string {
	var all []string
	for _, name := range slices.Sorted(maps.Keys(p.Nodes)) {
		all = append(all, name+"="+p.Nodes[name].Address)
	}
	return strings.Join(all, " ")
}

func word(b bool, yes, no string) string {
	if b {
		return yes
	}
	return no
}

// Do does to the pair what the script of an action of this kind does on a node.
// It reports false for a kind that it does not know.
func (p *Pair) Do(kind, node string) bool {
	p.mu.Lock()
	defer p.mu.Unlock()
	n := p.Nodes[node]
	if kind != "tidy" {
		n.Left = true
	}
	switch kind {
	case "announce", "prepare":
	case "save":
		n.Saved = true
	case "refresh":
		n.Source = repository
		if n.Image {
			n.Source = "file:/media/zup-" + strings.TrimSuffix(ImageName, ".iso")
		}
	case "upload":
		n.Image, n.Open["image"] = true, true
	case "remove-image":
		n.Image, n.Source = false, repository
		delete(n.Open, "image")
	case "stop-replication":
		n.Replicates = false
	case "start-replication":
		n.Replicates = true
		p.push(n)
	case "block":
		n.Deny, n.Open["hosts.deny"] = true, true
	case "unblock":
		n.Deny = false
		delete(n.Open, "hosts.deny")
	case "update":
		p.update(n)
	case "repair":
		p.configure(n)
	case "boost":
		n.Boosted, n.Open["boost"] = true, true
	case "unboost":
		n.Boosted = false
		delete(n.Open, "boost")
	case "drain", "hold":
		p.maintain(n)
	case "rejoin":
		p.rejoin(n)
	case "sync", "sync-first":
		p.push(n)
	case "reboot":
		p.reboot(n)
	case "tidy":
		n.Rebooted = ""
		if len(n.Open) > 0 {
			p.hurt("tidied %s with %v open", n.Name, n.Open)
		}
		n.Left = false
	default:
		return false
	}
	return true
}

// becomesMaster moves the role: the product starts the replicator there, whose
// first act is a full push.
func (p *Pair) becomesMaster(n *Node) {
	p.Master, p.Nodes[n.Peer].Replicates, n.Replicates = n.Name, false, true
	p.push(n)
}

// push copies the configuration to the peer, unless the peer keeps it out.
func (p *Pair) push(n *Node) {
	peer := p.Nodes[n.Peer]
	if peer.keepsOut(n) {
		return
	}
	if peer.Config == "new" && n.Config == "old" {
		p.hurt("%s overwrote the migrated configuration of %s", n.Name, peer.Name)
	}
	if p.returning && n.Version == p.To && peer.Version != p.To {
		p.hurt("%s gave %s, which is back at %s, a configuration of %s", n.Name, peer.Name, OldVersion, NewVersion)
	}
	peer.Config = n.Config
}

// settle lets time pass: a primary that is fit takes the role back.
func (p *Pair) settle() {
	if n := p.Nodes[p.Primary]; n != nil && !n.Maintenance && p.Master != n.Name {
		p.becomesMaster(n)
	}
}

// configure has dpkg finish what it had begun: the packages' own scripts restart the
// services.
func (p *Pair) configure(n *Node) {
	if n.Half+n.Turned == "" {
		return
	}
	if p.Master == n.Name && !p.Alone {
		p.hurt("dpkg --configure restarted %s while it served", n.Name)
	}
	n.Turned = ""
	if peer := p.Nodes[n.Peer]; !p.Alone && p.Master == peer.Name && !peer.keepsOut(n) { // the service's start asks MASTER to push
		p.push(peer)
	}
}

// TurnBack has the update of a node, which is a job of zup's, be turned back by the
// package, or by a full disk, before it is unpacked: dpkg has the old version, not
// configured, and nothing was restarted.
func (p *Pair) TurnBack(node, job string) {
	p.mu.Lock()
	defer p.mu.Unlock()
	n := p.Nodes[node]
	if n.Left = true; n.Half == "" { // the new version is there already
		n.Turned = job
	}
}

func (p *Pair) update(n *Node) {
	peer := p.Nodes[n.Peer]
	p.configure(n)
	n.Half = ""
	if p.Alone {
		n.Version, n.Config, n.Pending = p.To, "new", n.Pending || n.Brings
		return
	}
	if p.Master != n.Name && p.Master != peer.Name {
		p.hurt("%s updated while nobody served", n.Name)
	}
	if peer.Replicates && peer.Version != p.To {
		p.hurt("%s updated while %s replicates an old configuration to it", n.Name, peer.Name)
	}
	if p.Master == n.Name {
		if peer.Maintenance || peer.Version != p.To {
			p.hurt("%s updated as MASTER while %s could not take over", n.Name, peer.Name)
		}
		p.becomesMaster(peer)
	}
	n.Version, n.Config, n.Boosted, n.Pending = p.To, "new", false, n.Pending || n.Brings
	if n.Overshoots != "" {
		n.Version = n.Overshoots
	}
	if p.Master == peer.Name && !peer.keepsOut(n) { // the service's start asks MASTER to push
		p.push(peer)
	}
	p.settle()
}

// CutUpdate takes a node's power away in the middle of its update, which is a job of zup's,
// and gives it back: dpkg has the new version half-way, the configuration is migrated, and
// the product says the old version, or the new one.
func (p *Pair) CutUpdate(node, job string, says string) {
	p.mu.Lock()
	defer p.mu.Unlock()
	n := p.Nodes[node]
	peer := p.Nodes[n.Peer]
	n.Left, n.Half, n.Turned, n.Version, n.Config = true, job, "", says, "new"
	n.Boots++
	n.Boosted, n.Replicates = false, false
	if p.Alone {
		return
	}
	if p.Master == node {
		p.becomesMaster(peer)
	}
	if !peer.keepsOut(n) { // the service's start asks MASTER to push
		p.push(peer)
	}
	p.settle()
}

// reboot starts a node again that waits for it. Its maintenance mode outlives that.
func (p *Pair) reboot(n *Node) {
	n.Rebooted = ""
	if !n.Pending {
		return
	}
	if p.Alone {
		n.Boots++
		n.Pending, n.Rebooted = false, "yes"
		return
	}
	peer := p.Nodes[n.Peer]
	if p.Master == n.Name {
		p.hurt("%s was rebooted while it served", n.Name)
		p.becomesMaster(peer)
	}
	if peer.Maintenance && n.Maintenance {
		p.hurt("%s was rebooted and nobody served", n.Name)
	}
	n.Boots++
	n.Pending, n.Boosted, n.Rebooted, n.Replicates = false, false, "yes", false
	if !peer.keepsOut(n) { // the service's start asks MASTER to push
		p.push(peer)
	}
	p.settle()
}

func (p *Pair) maintain(n *Node) {
	peer := p.Nodes[n.Peer]
	n.Maintenance, n.Open["maintenance"] = true, true
	if p.Master != n.Name {
		return
	}
	if peer.Maintenance {
		p.hurt("both nodes in maintenance")
		return
	}
	p.becomesMaster(peer)
}

func (p *Pair) rejoin(n *Node) {
	peer := p.Nodes[n.Peer]
	delete(n.Open, "maintenance")
	if !n.Maintenance {
		return
	}
	n.Maintenance = false
	if p.Master == peer.Name && !n.keepsOut(peer) && !peer.keepsOut(n) {
		p.push(peer)
	}
	p.settle()
}

// Snapshot keeps a node's disk under a name, and Restore puts it back: the node is
// switched off, which moves the role if it has it, and started again.
func (p *Pair) Snapshot(node, name string) {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.disks == nil {
		p.disks = map[string]Node{}
	}
	kept := *p.Nodes[node]
	kept.Open = maps.Clone(kept.Open)
	p.disks[node+" "+name] = kept
}

// Restore reports false if there is no such snapshot.
func (p *Pair) Restore(node, name string) bool {
	p.mu.Lock()
	defer p.mu.Unlock()
	kept, ok := p.disks[node+" "+name]
	if !ok {
		return false
	}
	n := p.Nodes[node]
	peer := p.Nodes[n.Peer]
	if p.Master == node && !p.Alone {
		p.hurt("%s was switched off while it served", node)
		p.becomesMaster(peer)
	}
	p.returning = true
	n.Version, n.Config, n.Maintenance, n.Deny, n.Boosted, n.Left = kept.Version, kept.Config, kept.Maintenance, kept.Deny, kept.Boosted, kept.Left
	n.Open, n.Replicates = maps.Clone(kept.Open), false
	n.Image, n.Source, n.Saved, n.Pending, n.Half = kept.Image, kept.Source, kept.Saved, kept.Pending, kept.Half
	n.Turned = kept.Turned
	n.Boots++
	if p.Alone {
		return true
	}
	if !peer.keepsOut(n) { // the service's start asks MASTER to push
		p.push(peer)
	}
	p.settle()
	return true
}

// DeleteSnapshot reports false if there is no such snapshot.
func (p *Pair) DeleteSnapshot(node, name string) bool {
	p.mu.Lock()
	defer p.mu.Unlock()
	_, ok := p.disks[node+" "+name]
	delete(p.disks, node+" "+name)
	return ok
}

// Snapshots lists the names of a node's snapshots.
func (p *Pair) Snapshots(node string) []string {
	p.mu.Lock()
	defer p.mu.Unlock()
	var names []string
	for _, key := range slices.Sorted(maps.Keys(p.disks)) {
		if of, name, _ := strings.Cut(key, " "); of == node {
			names = append(names, name)
		}
	}
	return names
}
