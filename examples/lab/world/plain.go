//go:build linux

package world

import (
	"context"
	_ "embed"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"time"

	"golang.org/x/sys/unix"
)

// Plain is the name of the pair of ordinary Debian nodes, as a configuration calls its
// product. Nothing of it is emulated.
const Plain = "keepalived"

//go:embed plain/hook.sh
var plainHook string

//go:embed plain/boot.sh
var plainBoot string

// PlainOptions says what pair of ordinary Debian nodes to start. The zero value is lb1
// MASTER and lb2 BACKUP of one VRRP instance with two virtual IPs, served by HAProxy.
type PlainOptions struct {
	Web       string // haproxy or nginx; "" means haproxy
	Debian    int    // 11, 12 or 13; 0 means 12
	NoPreempt bool   // neither node takes the role from a MASTER of a lower priority
	TrackFile bool   // keepalived tracks a file that can lower the priority
	Instances int    // VRRP instances, one virtual IP each from two on; 0 means 1, with two

	Progress Progress
}

func (o *PlainOptions) complete() error {
	if o.Web == "" {
		o.Web = "haproxy"
	}
	if o.Debian == 0 {
		o.Debian = DefaultDebian
	}
	if o.Instances == 0 {
		o.Instances = 1
	}
	switch {
	case o.Web != "haproxy" && o.Web != "nginx":
		return fmt.Errorf("web: %q is neither haproxy nor nginx", o.Web)
	case releases[o.Debian] == "":
		return fmt.Errorf("debian: %d is none of 11, 12 and 13", o.Debian)
	case o.Instances < 1 || o.Instances > 20:
		return fmt.Errorf("instances: %d is not between 1 and 20", o.Instances)
	}
	return nil
}

// plainPackages is what a plain node has besides Debian's essential packages.
var plainPackages = []string{
	"systemd", "systemd-sysv", "openssh-server", "keepalived", "haproxy", "nginx-light", "iproute2", "iputils-arping",
	"procps", "sudo",
}

// plainWeb is what nginx is made of, by Debian's release: the package with the program first.
var plainWeb = map[int]string{11: "nginx-light nginx-common libnginx-mod-http-echo", 12: "nginx nginx-common", 13: "nginx nginx-common"}

// PreparePlain builds what StartPlain needs, unless it is in the cache.
func PreparePlain(ctx context.Context, debian int, progress Progress) (base, mountPoint string, err error) {
	c, err := openCache(ctx)
	if err != nil {
		return "", "", err
	}
	defer c.close()
	if err := installHostPackages(ctx, progress); err != nil {
		return "", "", err
	}
	release := releases[debian]
	sources := map[string]string{}
	oneLine, deb822 := debianSources(codename())
	if oneLine = forRelease(oneLine, codename(), release); oneLine != "" {
		sources["debian.list"] = oneLine
	}
	if deb822 = forRelease(deb822, codename(), release); deb822 != "" {
		sources["debian.sources"] = deb822
	}
	hook := "NGINX='" + plainWeb[debian] + "'\n" + plainHook
	key := digest("plain", release, debArch(), plainPackages, oneLine, deb822, hook)
	base, err = c.get("plain-"+key+".tar.zst", func(out *os.File) error {
		progress.begin(fmt.Sprintf("build the nodes' system, Debian %d, with mmdebstrap", debian))
		return build(ctx, order{MountPoint: c.mountPoint(), Codename: release, Sources: sources, Packages: plainPackages, Hook: hook}, out)
	})
	return base, c.mountPoint(), err
}

// StartPlain brings a pair of ordinary nodes up and returns when lb1 is MASTER of every
// instance and the virtual IPs are served. Whatever ends the calling process ends it.
func StartPlain(ctx context.Context, o PlainOptions) (*World, error) {
	if err := o.complete(); err != nil {
		return nil, fmt.Errorf("start world: %w", err)
	}
	if lacks := Missing(); len(lacks) > 0 {
		return nil, fmt.Errorf("start world: this machine lacks %q", lacks)
	}
	base, mountPoint, err := PreparePlain(ctx, o.Debian, o.Progress)
	if err != nil {
		return nil, fmt.Errorf("prepare world: %w", err)
	}
	o.Progress.begin("start the world")
	sweepCgroups()
	plan := &plannedWorld{blueprint: blueprint{MountPoint: mountPoint, Node: base}}
	if err := plan.addPlain(&o); err != nil {
		return nil, fmt.Errorf("plan world: %w", err)
	}
	w := &World{Clusters: plan.clusters, Identity: Home + "/.ssh/id_ed25519", hosts: map[string]int{}, ended: make(chan struct{}), commands: map[*Cmd]bool{}}
	if err := w.run(ctx, plan.blueprint, o.Progress); err != nil {
		w.Close()
		return nil, fmt.Errorf("start world: %w", err)
	}
	if err := w.settlePlain(ctx, &o); err != nil {
		w.Close()
		return nil, fmt.Errorf("start world: %w", err)
	}
	return w, nil
}

// addPlain adds the pair, the reference and the visitors.
func (w *plannedWorld) addPlain(o *PlainOptions) error {
	user, err := newED25519()
	if err != nil {
		return err
	}
	c := Cluster{Product: Plain, Name: "shop"}
	for i := range max(2, o.Instances) {
		c.VIPs = append(c.VIPs, fmt.Sprint(serviceNet, 10+i))
	}
	for i, name := range []string{"lb1", "lb2"} {
		key, err := newED25519()
		if err != nil {
			return err
		}
		c.Nodes[i] = Node{Name: name, Hostname: name, Address: nodeAddress(false, 0, i), HostKey: key.Public}
		files := o.files(name, key, user)
		files["/etc/keepalived/keepalived.conf"] = text(o.keepalived(i, c.VIPs))
		files["/lab/settings"] = text(fmt.Sprintf("ADDRESSES='%s/24 %s/24'\nWEB=%s\nKEEPALIVED=yes\n", c.Nodes[i].Address, fmt.Sprint(serviceNet, 4+i), o.Web))
		w.Hosts = append(w.Hosts, host{Name: name, Hostname: name, Node: true, Systemd: true, Files: files})
	}
	key, err := newED25519()
	if err != nil {
		return err
	}
	files := o.files(Reference, key, user)
	files["/lab/settings"] = text(fmt.Sprintf("ADDRESSES=%s/24\nWEB=%s\nKEEPALIVED=\n", ReferenceAddress, o.Web))
	w.Hosts = append(w.Hosts, host{Name: Reference, Hostname: Reference, Node: true, Systemd: true, Files: files})
	w.clusters = append(w.clusters, c)
	w.addVisitors(false, secrets{user: user})
	return nil
}

// files is the disk of a node, over the base system.
func (o *PlainOptions) files(name string, key, user keyPair) map[string]file {
	return map[string]file{
		"/etc/hostname":                                    text(name + "\n"),
		"/etc/hosts":                                       text("127.0.0.1 localhost\n127.0.1.1 " + name + "\n"),
		"/etc/resolv.conf":                                 text(""),
		"/etc/ssh/ssh_host_ed25519_key":                    secret(key.Private),
		"/etc/ssh/ssh_host_ed25519_key.pub":                text(key.Public + "\n"),
		"/root/.ssh/authorized_keys":                       secret(user.Public + "\n"),
		"/etc/haproxy/haproxy.cfg":                         text(plainHAProxy),
		"/etc/nginx/sites-available/default":               text(plainNginx),
		"/lab/boot":                                        script(plainBoot),
		"/etc/systemd/system/lab-boot.service":             text("[Unit]\nDescription=What the lab does at boot\nAfter=basic.target\n[Service]\nType=oneshot\nRemainAfterExit=yes\nExecStart=/lab/boot\n"),
		"/etc/systemd/system/multi-user.target.d/lab.conf": text("[Unit]\nWants=lab-boot.service\n"),
	}
}

// plainHAProxy answers by itself, on every address: who answered stands in a header.
const plainHAProxy = `global
	log /dev/log local0
	user haproxy
	group haproxy
	daemon

defaults
	mode http
	timeout connect 5s
	timeout client 50s
	timeout server 50s

frontend shop
	bind :80
	http-request return status 200 content-type text/plain lf-string "%H\n"
`

const plainNginx = "server {\n\tlisten 80 default_server;\n\tlocation / { default_type text/plain; return 200 \"$hostname\\n\"; }\n}\n"

// keepalived is a node's keepalived.conf, as people write it.
func (o *PlainOptions) keepalived(position int, vips []string) string {
	priority := []int{150, 100}[position]
	var b strings.Builder
	fmt.Fprintf(&b, "global_defs {\n\trouter_id lb%d\n}\n\n", position+1)
	if o.TrackFile {
		b.WriteString("vrrp_track_file drain {\n\tfile /etc/keepalived/drain\n\tweight -60\n}\n\n")
	}
	for i := range o.Instances {
		of := vips
		if o.Instances > 1 {
			of = vips[i : i+1]
		}
		fmt.Fprintf(&b, "vrrp_instance VI_%d {\n\tstate BACKUP\n\tinterface eth0\n\tvirtual_router_id %d\n\tpriority %d\n\tadvert_int 1\n", i+1, 51+i, priority)
		if o.NoPreempt {
			b.WriteString("\tnopreempt\n")
		}
		fmt.Fprintf(&b, "\tunicast_src_ip %s\n\tunicast_peer {\n\t\t%s\n\t}\n", nodeAddress(false, 0, position), nodeAddress(false, 0, 1-position))
		if o.TrackFile {
			b.WriteString("\ttrack_file {\n\t\tdrain weight -60\n\t}\n")
		}
		b.WriteString("\tvirtual_ipaddress {\n")
		for _, vip := range of {
			fmt.Fprintf(&b, "\t\t%s/24 dev eth0\n", vip)
		}
		b.WriteString("\t}\n}\n\n")
	}
	return b.String()
}

// settlePlain waits until lb1 has every virtual IP and serves on it, and lb2 has none.
func (w *World) settlePlain(ctx context.Context, o *PlainOptions) error {
	const look = `ip -o addr show dev eth0`
	deadline := time.Now().Add(bootTimeout)
	seen := ""
	for time.Now().Before(deadline) && ctx.Err() == nil {
		seen = ""
		right := true
		for i, n := range w.Clusters[0].Nodes {
			out, err := w.Exec(ctx, n.Name, "sh", "-c", look)
			if err != nil {
				return err
			}
			for _, vip := range w.Clusters[0].VIPs {
				right = right && strings.Contains(out, " "+vip+"/") == (i == 0)
			}
			seen += out
		}
		if right {
			return w.awaitWeb(ctx)
		}
		time.Sleep(200 * time.Millisecond)
	}
	return errors.Join(ctx.Err(), fmt.Errorf("lb1 has not got every virtual IP: %s", seen))
}

// awaitWeb waits until every virtual IP answers the client.
func (w *World) awaitWeb(ctx context.Context) error {
	const ask = `for vip; do timeout 2 perl -MIO::Socket::INET -e '$s = IO::Socket::INET->new(PeerAddr => $ARGV[0], PeerPort => 80, Timeout => 1) or exit 1' "$vip" || exit 1; done`
	var err error
	for range 50 {
		if _, err = w.Exec(ctx, Client, append([]string{"sh", "-c", ask, "sh", ReferenceAddress}, w.Clusters[0].VIPs...)...); err == nil {
			return nil
		}
		time.Sleep(200 * time.Millisecond)
	}
	return err
}

// Versions are what a plain node's packages can be updated from and to: NAME OLD NEW, a line
// each.
func (w *World) Versions(ctx context.Context) (string, error) {
	return w.Exec(ctx, w.Clusters[0].Nodes[0].Name, "cat", "/lab/versions")
}

// cgroupPrefix is in the names of the cgroups that nodes with systemd have.
const cgroupPrefix = "zup-lab-"

// ownCgroup moves this process, which will be the node's init, into a cgroup of its own,
// which is the whole tree for the node. The kernel does not remove it with the processes:
// sweepCgroups does.
func (h host) ownCgroup() error {
	dir := h.dir() + "/cgroup"
	if err := os.MkdirAll(dir, 0o755); err != nil {
		return err
	}
	if err := unix.Mount("cgroup2", dir, "cgroup2", 0, ""); err != nil {
		return fmt.Errorf("mount cgroups: %w", err)
	}
	own := filepath.Join(dir, fmt.Sprintf("%s%s-%d", cgroupPrefix, h.Name, time.Now().UnixNano()))
	if err := os.Mkdir(own, 0o755); err != nil {
		return err
	}
	if err := os.WriteFile(filepath.Join(own, "cgroup.procs"), []byte("0"), 0o644); err != nil {
		return fmt.Errorf("move into a cgroup: %w", err)
	}
	if err := unix.Unshare(unix.CLONE_NEWCGROUP); err != nil {
		return fmt.Errorf("make a cgroup namespace: %w", err)
	}
	return unix.Unmount(dir, unix.MNT_DETACH)
}

// sweepCgroups removes those of nodes that are gone.
func sweepCgroups() {
	mounts, _ := os.ReadFile("/proc/self/mounts")
	for line := range strings.Lines(string(mounts)) {
		if fields := strings.Fields(line); len(fields) > 2 && fields[2] == "cgroup2" {
			tops, _ := filepath.Glob(filepath.Join(fields[1], cgroupPrefix+"*"))
			for _, top := range tops {
				removeCgroup(top)
			}
			return
		}
	}
}

// removeCgroup removes a cgroup without processes, and those below it first.
func removeCgroup(dir string) {
	entries, _ := os.ReadDir(dir)
	for _, e := range entries {
		if e.IsDir() {
			removeCgroup(filepath.Join(dir, e.Name()))
		}
	}
	unix.Rmdir(dir)
}

// becomeSystemd gives the process to systemd, on a root that is complete but for what a
// container manager brings.
func (h host) becomeSystemd() error {
	root := h.root()
	for _, m := range []struct{ source, target, kind, options string }{
		{"tmpfs", "/tmp", "tmpfs", "mode=1777"},
		{"tmpfs", "/sys/fs/cgroup", "tmpfs", "mode=755"},
		{"cgroup2", "/sys/fs/cgroup", "cgroup2", ""},
	} {
		if err := unix.Mount(m.source, root+m.target, m.kind, 0, m.options); err != nil {
			return fmt.Errorf("mount %s: %w", m.target, err)
		}
	}
	if err := changeRoot(root); err != nil {
		return err
	}
	console, err := os.OpenFile("/var/log/console", os.O_CREATE|os.O_WRONLY|os.O_APPEND, 0o600)
	if err != nil {
		return err
	}
	for _, fd := range []int{1, 2} {
		if err := unix.Dup2(int(console.Fd()), fd); err != nil {
			return err
		}
	}
	return unix.Exec("/lib/systemd/systemd", []string{"systemd", "--log-target=console"}, []string{"container=lab"})
}

// PlainConfig is the configuration of the pair as a person would write it: packages are
// lines NAME = "VERSION", drain is how MASTER is moved; "" says nothing about that.
func (w *World) PlainConfig(packages, drain string) string {
	c := w.Clusters[0]
	var b strings.Builder
	fmt.Fprintf(&b, "cluster %q %q {\n  packages = {\n%s  }\n", Plain, c.Name, packages)
	if drain != "" {
		fmt.Fprintf(&b, "  drain = %q\n", drain)
	}
	fmt.Fprintf(&b, "\n  ssh {\n    user          = \"root\"\n    identity_file = %q\n  }\n", w.Identity)
	for _, n := range c.Nodes {
		fmt.Fprintf(&b, "\n  node %q {\n    address = %q\n    ssh {\n      host_key = %q\n    }\n  }\n", n.Name, n.Address, n.HostKey)
	}
	for i, vip := range c.VIPs {
		fmt.Fprintf(&b, "\n  probe \"web%d\" {\n    http     = \"http://%s/\"\n    interval = \"20ms\"\n    timeout  = \"900ms\"\n  }\n", i+1, vip)
	}
	b.WriteString("}\n")
	return b.String()
}
