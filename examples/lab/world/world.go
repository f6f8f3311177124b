//go:build linux

// Package world runs a real pair of load balancer nodes, or several, on one
// Debian machine: real sshd with libwrap, keepalived, rsync, apt and dpkg, and
// a web server on two VIPs, in namespaces that vanish with the process that
// started them. The product on the nodes is EMULATED after the publicly
// readable source of Zevenet EE 6.1.20; none of this was ever run on, or
// compared with, a real appliance.
//
// A program calls Main first, then Start, then Command or Exec to run things on
// the nodes, on control, where zup runs, and on the clients; Close ends
// everything. Nothing is left on the machine besides a cache directory, also
// when the program is killed. The package has nothing of zup in it; Config
// writes what a person would write for zup.
package world

import (
	"context"
	"encoding/gob"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"slices"
	"sync"
	"time"

	"golang.org/x/sys/unix"
)

// World is a running lab.
type World struct {
	Clusters []Cluster

	// Identity is the path of the private key that gets root (and the user ops,
	// who may use sudo) into every node, as control sees it.
	Identity string

	whose      product
	fault      Fault
	enterprise []byte
	keeper     *exec.Cmd
	input      io.Closer
	orders     *gob.Encoder
	reports    *os.File
	offer      offer
	ended      chan struct{}
	close      sync.Once
	talk       sync.Mutex // one request at a time

	mu       sync.Mutex
	hosts    map[string]int // descriptors of the hosts' inits; nil when the world is closed
	commands map[*Cmd]bool  // started and not waited for
}

// Home is the home directory on control and on the clients. It vanishes with
// the world.
const Home = "/lab/home"

// Start brings a world up and returns when the roles are as the options want
// them and the VIPs are served, or, with a fault, when the nodes have booted.
// What the cache lacks is built first. Whatever ends the calling process ends
// the world, too.
func Start(ctx context.Context, o Options) (*World, error) {
	fault, err := o.complete()
	if err != nil {
		return nil, fmt.Errorf("start world: %w", err)
	}
	if lacks := Missing(); len(lacks) > 0 {
		return nil, fmt.Errorf("start world: this machine lacks %q", lacks)
	}
	whose, err := productNamed(o.Product)
	if err != nil {
		return nil, fmt.Errorf("start world: %w", err)
	}
	whose.perl = o.Perl
	parts, err := prepare(ctx, whose, o.From, o.Debian, o.Progress)
	if err != nil {
		return nil, fmt.Errorf("prepare world: %w", err)
	}
	o.Progress.begin("start the world")
	plan, err := newBlueprint(&o, fault, whose, parts)
	if err != nil {
		return nil, fmt.Errorf("plan world: %w", err)
	}
	w := &World{Clusters: plan.clusters, Identity: Home + "/.ssh/id_ed25519", whose: whose, fault: fault, enterprise: parts.enterprise,
		offer: plan.Offer, hosts: map[string]int{}, ended: make(chan struct{}), commands: map[*Cmd]bool{}}
	if err := w.run(ctx, plan.blueprint, o.Progress); err != nil {
		w.Close()
		return nil, fmt.Errorf("start world: %w", err)
	}
	return w, nil
}

// run starts the keeper and waits until it says that all hosts are up.
func (w *World) run(ctx context.Context, b blueprint, progress Progress) error {
	pair, err := unix.Socketpair(unix.AF_UNIX, unix.SOCK_SEQPACKET|unix.SOCK_CLOEXEC, 0)
	if err != nil {
		return err
	}
	w.reports = os.NewFile(uintptr(pair[0]), "reports of the keeper")
	theirs := os.NewFile(uintptr(pair[1]), "reports of the keeper")
	defer theirs.Close()
	w.keeper = self(roleKeeper, worldNamespaces)
	w.keeper.ExtraFiles = []*os.File{theirs}
	input, err := w.keeper.StdinPipe()
	if err != nil {
		return err
	}
	w.input, w.orders = input, gob.NewEncoder(input)
	if err := w.startKeeper(); err != nil {
		return err
	}
	stop := context.AfterFunc(ctx, func() { w.keeper.Process.Kill() })
	defer stop()
	if err := w.orders.Encode(b); err != nil {
		return fmt.Errorf("talk to the keeper: %w", err)
	}
	if err := w.await(progress); err != nil {
		return errors.Join(err, context.Cause(ctx))
	}
	return nil
}

// startKeeper keeps the thread that the keeper's life hangs on.
func (w *World) startKeeper() error {
	started := make(chan error, 1)
	go aside(func() error {
		err := w.keeper.Start()
		started <- err
		if err == nil {
			w.keeper.Wait()
		}
		close(w.ended)
		return nil
	})
	return <-started
}

// await reads the keeper's reports up to the one that says that it is done.
func (w *World) await(progress Progress) error {
	packet, rights := make([]byte, 64<<10), make([]byte, unix.CmsgSpace(4*hostsPerReport))
	for {
		n, nrights, _, _, err := unix.Recvmsg(int(w.reports.Fd()), packet, rights, unix.MSG_CMSG_CLOEXEC)
		if err == unix.EINTR {
			continue
		}
		if err != nil {
			return fmt.Errorf("listen to the keeper: %w", err)
		}
		if n == 0 {
			return errors.New("the keeper has ended")
		}
		var r report
		if err := json.Unmarshal(packet[:n], &r); err != nil {
			return fmt.Errorf("understand the keeper: %w", err)
		}
		switch {
		case r.Error != "":
			return errors.New(r.Error)
		case r.Step != "":
			progress.begin(r.Step)
		case r.Done:
			return nil
		}
		if err := w.take(r.Hosts, rights[:nrights]); err != nil {
			return err
		}
	}
}

// take keeps the descriptors that came with a report.
func (w *World) take(names []string, rights []byte) error {
	if len(names) == 0 {
		return nil
	}
	messages, err := unix.ParseSocketControlMessage(rights)
	if err != nil || len(messages) != 1 {
		return fmt.Errorf("descriptors of the hosts: %d messages, %v", len(messages), err)
	}
	descriptors, err := unix.ParseUnixRights(&messages[0])
	if err != nil || len(descriptors) != len(names) {
		return fmt.Errorf("descriptors of the hosts: %d for %d hosts, %v", len(descriptors), len(names), err)
	}
	w.mu.Lock()
	defer w.mu.Unlock()
	for i, name := range names {
		if w.hosts == nil { // closed meanwhile
			unix.Close(descriptors[i])
			continue
		}
		if old, ok := w.hosts[name]; ok {
			unix.Close(old)
		}
		w.hosts[name] = descriptors[i]
	}
	return nil
}

// Close ends the world and returns when all its processes are gone. It may be
// called more than once.
func (w *World) Close() {
	w.close.Do(func() {
		if w.input != nil {
			w.input.Close()
		}
		hosts := w.depopulate()
		if w.keeper != nil && w.keeper.Process != nil {
			w.keeper.Process.Kill()
			<-w.ended
		}
		if w.reports != nil {
			w.reports.Close()
		}
		for _, fd := range hosts {
			unix.Close(fd)
		}
	})
}

// depopulate lets no command start any more and waits for those that nobody has
// waited for: the kernel does not end a PID namespace while a child of ours in
// it is unburied.
func (w *World) depopulate() (hosts map[string]int) {
	w.mu.Lock()
	defer w.mu.Unlock()
	hosts, w.hosts = w.hosts, nil
	for c := range w.commands {
		go c.Wait()
	}
	return hosts
}

// Ended is closed when the world is gone, by Close or by itself.
func (w *World) Ended() <-chan struct{} { return w.ended }

// Offer makes the repository offer another version from now on; existing
// downloads are not disturbed.
func (w *World) Offer(version string) error {
	w.offer.Files = repositoryFiles(w.whose.packages(version, w.enterprise), w.whose.codename)
	return w.setOffer()
}

// Reachable makes the repository listen or refuse connections from now on.
func (w *World) Reachable(yes bool) error {
	w.offer.Down = !yes
	return w.setOffer()
}

// Mend ends the fault that the world was started with and mends what it has done, as
// somebody would who has found it. It is an error where a step can't be carried out.
func (w *World) Mend(ctx context.Context) error {
	c := w.Clusters[0]
	w.offer.DenyPool, w.offer.Down = nil, false
	if err := w.Offer(c.To); err != nil {
		return err
	}
	for i, script := range []string{w.fault.mendMaster, w.fault.mendBackup} {
		// What it starts must not keep our pipe open, and its words must be in nobody's
		// command line: it looks for processes by theirs.
		const run = `sh -e >/lab/mended 2>&1 || { cat /lab/mended; exit 1; }`
		script = w.whose.text("rm -rf /lab/hook\n" + script)
		if out, err := w.ExecInput(ctx, c.Nodes[i].Name, script, "sh", "-c", run); err != nil {
			return fmt.Errorf("mend %s: %w\n%s", w.fault.Name, err, out)
		}
	}
	return nil
}

func (w *World) setOffer() error {
	return w.ask(request{Offer: &w.offer})
}

// plannedWorld is a blueprint and what its starter wants to know about it.
type plannedWorld struct {
	blueprint
	clusters []Cluster
}

// secrets are the keys of one world.
type secrets struct {
	user           keyPair // control's key for the nodes
	peer           keyPair // the nodes' key for each other
	repositoryCert string
	repositoryKey  string
}

func newSecrets(whose product) (s secrets, err error) {
	if s.user, err = newED25519(); err != nil {
		return s, err
	}
	if s.peer, err = newRSA(); err != nil {
		return s, err
	}
	s.repositoryCert, s.repositoryKey, err = certificate(whose.text(repositoryHost), time.Now().Add(300*24*time.Hour))
	return s, err
}

// newBlueprint lays out the whole world; it changes nothing.
func newBlueprint(o *Options, fault Fault, whose product, parts ingredients) (*plannedWorld, error) {
	s, err := newSecrets(whose)
	if err != nil {
		return nil, err
	}
	w := &plannedWorld{blueprint: blueprint{
		MountPoint: parts.mountPoint, Node: parts.node, Cert: s.repositoryCert, Key: s.repositoryKey,
	}}
	offered, next, without, conflicts := o.To, "", "", ""
	for i := range o.Clusters {
		p, err := newPair(o, i, whose, s)
		if err != nil {
			return nil, err
		}
		if i == 0 && fault.plant != nil {
			fault.plant(p, &w.Offer)
			offered, next, without, conflicts = p.offered, p.next, p.without, p.conflicts
		}
		if err := w.addPair(p); err != nil {
			return nil, err
		}
	}
	debs := slices.DeleteFunc(whose.packages(offered, parts.enterprise), func(d deb) bool { return d.name == without })
	for i := range debs {
		if debs[i].name == whose.name {
			debs[i].conflicts = conflicts
		}
	}
	w.Offer.Files = repositoryFiles(debs, whose.codename)
	if next != "" {
		for name, data := range repositoryFiles(whose.packages(next, parts.enterprise), whose.codename) {
			w.Offer.Files["next/"+name] = data
		}
	}
	w.addVisitors(o.IPv6, s)
	w.addReference(whose)
	if err := w.addWay(o.Way, s.user, whose); err != nil {
		return nil, err
	}
	for i := range w.Hosts {
		w.Hosts[i].IPv6 = o.IPv6
	}
	return w, nil
}

func (w *plannedWorld) addPair(p *pair) error {
	for _, m := range p.machines() {
		files, err := p.files(m)
		if err != nil {
			return err
		}
		w.Hosts = append(w.Hosts, host{Name: m.Name, Hostname: m.Hostname, Node: true, Files: files, Size: m.size})
	}
	w.clusters = append(w.clusters, p.cluster())
	return nil
}

// addWay lets control reach the nodes in another way.
func (w *plannedWorld) addWay(name string, user keyPair, whose product) error {
	way, err := WayNamed(name)
	if err != nil || name == "" {
		return err
	}
	f, err := newWayfarer(w, way, user)
	if err != nil {
		return err
	}
	return f.lay(whose)
}

// addVisitors adds control and the clients, and their home directory.
func (w *plannedWorld) addVisitors(ipv6 bool, s secrets) {
	hosts, known, names := "127.0.0.1 localhost\n"+controlAddress+" control\n", "", managementNet+"* "+managementNet6+"*"
	for _, c := range w.clusters {
		for _, n := range c.Nodes {
			hosts += n.Address + " " + n.Name + "\n"
			names += " " + n.Name
			known += n.Address + "," + n.Name + " " + n.HostKey + "\n"
		}
	}
	config := "Host " + names + "\n\tUser root\n\tIdentityFile " + Home + "/.ssh/id_ed25519\n\tUserKnownHostsFile " + Home + "/.ssh/known_hosts\n"
	w.Home = map[string]file{
		"/.ssh/id_ed25519":     secret(s.user.Private),
		"/.ssh/id_ed25519.pub": text(s.user.Public + "\n"),
		"/.ssh/known_hosts":    text(known),
		"/.ssh/config":         text(config),
	}
	// OpenSSH looks for its user's files in the home that /etc/passwd names.
	etc := map[string]file{"/etc/hosts": text(hosts), "/etc/ssh/ssh_config": text(config)}
	for i, name := range []string{Control, Client, Stranger} {
		addresses := []string{fmt.Sprint(serviceNet, 201+i, "/24")}
		if name == Control {
			addresses = []string{controlAddress + "/24", serviceNet + "1/24"}
		}
		if ipv6 {
			addresses = append(addresses, fmt.Sprint(serviceNet6, 201+i, "/64"))
			if name == Control {
				addresses = append(addresses, managementNet6+"1/64")
			}
		}
		w.Hosts = append(w.Hosts, host{Name: name, Hostname: name, Addresses: addresses, Files: etc})
	}
}
