//go:build linux

package world

import (
	"encoding/gob"
	"fmt"
	"os"
	"os/exec"
	"os/signal"
	"path/filepath"
	"strings"

	"golang.org/x/sys/unix"
)

// host is a machine of the world as the keeper makes it.
type host struct {
	Name        string
	Hostname    string
	Addresses   []string        // with prefix length; a node sets its own when it boots
	IPv6        bool            // it has IPv6 at all
	Unreachable []string        // addresses that a visitor has no route to
	Node        bool            // a machine of a pair, with a root of its own; else a visitor with this machine's files
	Files       map[string]file // a node's disk, over the base; a visitor's replacements for this machine's files
	Size        string          // a node's disk; "" is 256m
	Systemd     bool            // of a node: its init is systemd

	disks int // how many disks the node has had before this one
}

func (h host) dir() string  { return "/lab/hosts/" + h.Name }
func (h host) root() string { return h.dir() + "/root" }

// upper is the folder that has what differs on the node's disk from the base.
func (h host) upper() string { return fmt.Sprint(h.dir(), "/disk/upper", h.disks) }

// makeDisk mounts a node's root: an overlay whose upper half is a tmpfs of its
// own, so that df on the node tells the truth.
func (h host) makeDisk() error {
	disk := h.dir() + "/disk"
	for _, dir := range []string{disk, h.root()} {
		if err := os.MkdirAll(dir, 0o755); err != nil {
			return err
		}
	}
	size := h.Size
	if size == "" {
		size = "256m"
	}
	if err := unix.Mount(h.Name, disk, "tmpfs", 0, "mode=755,size="+size); err != nil {
		return fmt.Errorf("mount disk of %s: %w", h.Name, err)
	}
	if err := h.mountRoot(); err != nil {
		return err
	}
	return writeFiles(h.root(), h.Files)
}

func (h host) mountRoot() error {
	work := fmt.Sprint(h.dir(), "/disk/work", h.disks)
	for _, dir := range []string{h.upper(), work} {
		if err := os.MkdirAll(dir, 0o755); err != nil {
			return err
		}
	}
	options := fmt.Sprintf("lowerdir=/lab/base,upperdir=%s,workdir=%s", h.upper(), work)
	if err := unix.Mount("overlay", h.root(), "overlay", 0, options); err != nil {
		return fmt.Errorf("mount root of %s: %w", h.Name, err)
	}
	return nil
}

const hostNamespaces = unix.CLONE_NEWNS | unix.CLONE_NEWNET | unix.CLONE_NEWPID | unix.CLONE_NEWUTS | unix.CLONE_NEWIPC

// runHost is PID 1 of a host. It waits on its standard input for what it shall
// be, which comes when its network link is there.
func runHost() error {
	var h host
	if err := gob.NewDecoder(os.Stdin).Decode(&h); err != nil {
		return err
	}
	if err := unix.Sethostname([]byte(h.Hostname)); err != nil {
		return fmt.Errorf("set hostname: %w", err)
	}
	h.quietIPv6()
	if h.Node {
		return h.becomeNode()
	}
	return h.becomeVisitor()
}

// quietIPv6 keeps addresses from being probed for duplicates, the VIPs are on both nodes of
// a pair, and hosts from chatting about routers; where IPv6 is not part of the lab, all of
// it.
func (h host) quietIPv6() {
	if !h.IPv6 {
		os.WriteFile("/proc/sys/net/ipv6/conf/all/disable_ipv6", []byte("1"), 0)
		return
	}
	for _, name := range []string{"accept_dad", "dad_transmits", "accept_ra", "router_solicitations", "autoconf"} {
		for _, of := range []string{"all", "default", "eth0"} {
			os.WriteFile("/proc/sys/net/ipv6/conf/"+of+"/"+name, []byte("0"), 0)
		}
	}
}

// becomeNode replaces the root and gives the process to the node's own init.
func (h host) becomeNode() error {
	root := h.root()
	if h.Systemd {
		if err := h.ownCgroup(); err != nil {
			return err
		}
	}
	for _, m := range []struct{ source, target, kind, options string }{
		{"proc", "/proc", "proc", ""},
		{"sysfs", "/sys", "sysfs", ""},
		{"tmpfs", "/run", "tmpfs", "mode=755"},
		{"tmpfs", "/dev", "tmpfs", "mode=755"},
	} {
		if err := unix.Mount(m.source, root+m.target, m.kind, 0, m.options); err != nil {
			return fmt.Errorf("mount %s: %w", m.target, err)
		}
	}
	if err := makeDevices(root + "/dev"); err != nil {
		return err
	}
	if h.Systemd {
		return h.becomeSystemd()
	}
	if err := personalize(root); err != nil {
		return err
	}
	if err := changeRoot(root); err != nil {
		return err
	}
	env := []string{"PATH=/usr/sbin:/usr/bin:/sbin:/bin", "HOME=/root", "LANG=C.UTF-8"}
	return unix.Exec("/usr/bin/tini", []string{"tini", "-g", "--", "/lab/boot"}, env)
}

// makeDevices fills a node's /dev. The console is a file: what is written to it
// can be read in /var/log/console.
func makeDevices(dev string) error {
	for name, minor := range map[string][2]uint32{
		"null": {1, 3}, "zero": {1, 5}, "full": {1, 7}, "random": {1, 8}, "urandom": {1, 9}, "tty": {5, 0},
	} {
		path := filepath.Join(dev, name)
		if err := unix.Mknod(path, unix.S_IFCHR|0o666, int(unix.Mkdev(minor[0], minor[1]))); err != nil {
			return fmt.Errorf("make %s: %w", path, err)
		}
		if err := os.Chmod(path, 0o666); err != nil {
			return err
		}
	}
	if err := makeLoopDevices(dev); err != nil {
		return err
	}
	for name, target := range map[string]string{
		"fd": "/proc/self/fd", "stdin": "/proc/self/fd/0", "stdout": "/proc/self/fd/1", "stderr": "/proc/self/fd/2",
		"ptmx": "pts/ptmx", "console": "/var/log/console",
	} {
		if err := os.Symlink(target, filepath.Join(dev, name)); err != nil {
			return err
		}
	}
	for _, dir := range []string{"pts", "shm"} {
		if err := os.Mkdir(filepath.Join(dev, dir), 0o755); err != nil {
			return err
		}
	}
	if err := unix.Mount("devpts", filepath.Join(dev, "pts"), "devpts", 0, "newinstance,ptmxmode=0666,mode=620,gid=5"); err != nil {
		return fmt.Errorf("mount devpts: %w", err)
	}
	return unix.Mount("tmpfs", filepath.Join(dev, "shm"), "tmpfs", 0, "mode=1777")
}

// loopDevices is how many images may be mounted on this machine at once. A loop
// device is the machine's own, whoever uses it; the kernel frees it with the mount.
const loopDevices = 64

func makeLoopDevices(dev string) error {
	if err := unix.Mknod(filepath.Join(dev, "loop-control"), unix.S_IFCHR|0o600, int(unix.Mkdev(10, 237))); err != nil {
		return fmt.Errorf("make loop-control: %w", err)
	}
	for i := range loopDevices {
		path := filepath.Join(dev, fmt.Sprint("loop", i))
		if err := unix.Mknod(path, unix.S_IFBLK|0o600, int(unix.Mkdev(7, uint32(i)))); err != nil {
			return fmt.Errorf("make %s: %w", path, err)
		}
	}
	return nil
}

// changeRoot makes root the root of this mount namespace and forgets the old
// one.
func changeRoot(root string) error {
	if err := unix.Chdir(root); err != nil {
		return err
	}
	if err := unix.PivotRoot(".", "."); err != nil {
		return fmt.Errorf("change root to %s: %w", root, err)
	}
	if err := unix.Unmount(".", unix.MNT_DETACH); err != nil {
		return fmt.Errorf("drop old root: %w", err)
	}
	return unix.Chdir("/")
}

// becomeVisitor keeps the world's files, this machine's, but for /proc, /sys
// and a few in /etc, and stays as an init that does nothing.
func (h host) becomeVisitor() error {
	var commands strings.Builder
	fmt.Fprintln(&commands, "link set lo up\nlink set eth0 up")
	for _, address := range h.Addresses {
		fmt.Fprintf(&commands, "address add %s dev eth0\n", address)
	}
	for _, address := range h.Unreachable {
		fmt.Fprintf(&commands, "route add unreachable %s\n", address)
	}
	if err := ip(commands.String()); err != nil {
		return err
	}
	if err := writeFiles(h.dir(), h.Files); err != nil {
		return err
	}
	for _, name := range sortedKeys(h.Files) {
		if err := unix.Mount(h.dir()+name, name, "", unix.MS_BIND, ""); err != nil {
			return fmt.Errorf("mount %s: %w", name, err)
		}
	}
	for target, kind := range map[string]string{"/proc": "proc", "/sys": "sysfs"} {
		if err := unix.Mount(kind, target, kind, 0, ""); err != nil {
			return fmt.Errorf("mount %s: %w", target, err)
		}
	}
	return idle()
}

// ip carries out commands for ip(8) in this process's network namespace.
func ip(commands string) error {
	cmd := exec.Command("ip", "-batch", "-")
	cmd.Stdin = strings.NewReader(commands)
	if out, err := cmd.CombinedOutput(); err != nil {
		return fmt.Errorf("set up network: %w: %s", err, out)
	}
	return nil
}

// idle is an init without services: it buries the dead, for ever. It tells on
// its standard output that the host is there.
func idle() error {
	dead := make(chan os.Signal, 1)
	signal.Notify(dead, unix.SIGCHLD)
	signal.Ignore(unix.SIGINT, unix.SIGTERM, unix.SIGHUP)
	os.Stdout.WriteString("up\n")
	os.Stdout.Close()
	for range dead {
		for {
			pid, err := unix.Wait4(-1, nil, unix.WNOHANG, nil)
			if pid <= 0 || err != nil {
				break
			}
		}
	}
	return nil
}
