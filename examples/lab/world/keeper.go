//go:build linux

package world

import (
	"encoding/gob"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"time"

	"golang.org/x/sys/unix"
)

// blueprint is what the keeper is told on its standard input: everything that
// the world will be. Updates of the offer may follow; the end of the input is
// the end of the world.
type blueprint struct {
	MountPoint string
	Node       string // path of the packed root file system
	Hosts      []host
	Offer      offer
	Cert, Key  string          // of the repository
	Home       map[string]file // below /lab/home: the home directory on control and the clients
}

// report is what the keeper says on its descriptor 3, one packet each. With the
// names of hosts come their descriptors, in the same order.
type report struct {
	Step  string   `json:",omitempty"`
	Error string   `json:",omitempty"`
	Hosts []string `json:",omitempty"` // hosts that are up; at most hostsPerReport
	Done  bool     `json:",omitempty"`
}

const (
	reportFD       = 3
	hostsPerReport = 100 // the kernel passes at most 253 descriptors at once

	bootTimeout = 60 * time.Second
	bootsAtOnce = 8 // an even number: the nodes of a pair boot together
)

// keeper is PID 1 of the world. When it ends, the kernel ends everything that
// it started and takes its mounts and network devices away.
type keeper struct {
	blueprint
	repository *repository

	mu      sync.Mutex // of running
	running []*runningHost
}

type runningHost struct {
	host
	turn  sync.Mutex // whoever switches it off and on
	index int
	cmd   *exec.Cmd
	input io.WriteCloser
	up    io.Reader  // a visitor says here that it is up
	ended chan error // gets the reason when its init has ended
}

func runKeeper() error {
	input := gob.NewDecoder(os.Stdin)
	var k keeper
	if err := input.Decode(&k.blueprint); err != nil {
		return err
	}
	if err := k.start(); err != nil {
		tell(report{Error: err.Error()})
		return err
	}
	for {
		var q request
		if err := input.Decode(&q); err != nil {
			return nil // our parent has gone, or wants us to go
		}
		if err := k.fulfil(q); err != nil {
			tell(report{Error: err.Error()})
		}
	}
}

func (k *keeper) fulfil(q request) error {
	if q.Offer != nil {
		if err := k.repository.set(*q.Offer); err != nil {
			return err
		}
	}
	if q.Hosts {
		return k.tellHosts()
	}
	return tell(report{Done: true})
}

func tell(r report, descriptors ...int) error {
	packet, err := json.Marshal(r)
	if err != nil {
		return err
	}
	return unix.Sendmsg(reportFD, packet, unix.UnixRights(descriptors...), nil, 0)
}

func (k *keeper) start() error {
	unix.CloseOnExec(reportFD)
	steps := []struct {
		what string
		do   func() error
	}{
		{"make a root for the lab", k.makeRoot},
		{"unpack the base system", func() error { return unpack(k.Node, "/lab/base") }},
		{"make disks and network", k.makeHosts},
		{"open the repository", k.openRepository},
		{"boot", k.boot},
		{"offer snapshots", k.offerSnapshots},
	}
	for _, s := range steps {
		tell(report{Step: s.what})
		if err := s.do(); err != nil {
			return fmt.Errorf("%s: %w", s.what, err)
		}
	}
	return k.tellHosts()
}

// makeRoot changes to a root that has everything of this machine's, and /lab
// besides, which nobody outside sees.
func (k *keeper) makeRoot() error {
	if err := unix.Sethostname([]byte("zup-lab")); err != nil {
		return err
	}
	if err := unix.Mount("", "/", "", unix.MS_REC|unix.MS_PRIVATE, ""); err != nil {
		return fmt.Errorf("make mounts private: %w", err)
	}
	root := k.MountPoint
	if err := unix.Mount("zup-lab", root, "tmpfs", 0, "mode=755"); err != nil {
		return err
	}
	entries, err := os.ReadDir("/")
	if err != nil {
		return err
	}
	for _, entry := range entries {
		if err := mirror(root, entry); err != nil {
			return err
		}
	}
	for target, kind := range map[string]string{"/proc": "proc", "/sys": "sysfs"} {
		if err := unix.Mount(kind, root+target, kind, 0, ""); err != nil {
			return fmt.Errorf("mount %s: %w", target, err)
		}
	}
	if err := changeRoot(root); err != nil {
		return err
	}
	if err := os.MkdirAll("/lab/base", 0o755); err != nil {
		return err
	}
	return writeFiles("/lab/home", k.Home)
}

// mirror shows an entry of this machine's / in the new root. Files directly in
// / are not needed by anybody.
func mirror(root string, entry os.DirEntry) error {
	from, to := "/"+entry.Name(), filepath.Join(root, entry.Name())
	switch {
	case entry.Name() == "lab":
		return nil
	case entry.Type()&os.ModeSymlink != 0:
		target, err := os.Readlink(from)
		if err != nil {
			return err
		}
		return os.Symlink(target, to)
	case !entry.IsDir():
		return nil
	}
	if err := os.Mkdir(to, 0o755); err != nil {
		return err
	}
	if entry.Name() == "proc" || entry.Name() == "sys" {
		return nil
	}
	if err := unix.Mount(from, to, "", unix.MS_BIND|unix.MS_REC, ""); err != nil {
		return fmt.Errorf("mount %s: %w", from, err)
	}
	return nil
}

// makeHosts starts an init for each host, which waits, and connects it to the
// one bridge.
func (k *keeper) makeHosts() error {
	var network strings.Builder
	// With an address of its own: a bridge takes the lowest of its ports otherwise, and
	// another one when a node comes back with a new link.
	fmt.Fprintf(&network, "link set lo up\nlink add br0 address 02:6c:61:62:ff:ff type bridge\nlink set br0 up\naddress add %s/24 dev br0\n", repositoryAddress)
	for i, h := range k.Hosts {
		if h.Node {
			if err := h.makeDisk(); err != nil {
				return err
			}
		}
		r, err := k.startHost(h)
		if err != nil {
			return fmt.Errorf("start %s: %w", h.Name, err)
		}
		r.index = i
		k.running = append(k.running, r)
		network.WriteString(r.plugIn())
	}
	return ip(network.String())
}

func (r *runningHost) link() string { return fmt.Sprint("v", r.index) }

// plugIn is what ip(8) is told to connect the host to the bridge. Its network card
// keeps its address when it is switched off and on.
func (r *runningHost) plugIn() string {
	mac := fmt.Sprintf("02:6c:61:62:%02x:%02x", r.index>>8, r.index&0xff)
	return fmt.Sprintf("link add %s type veth peer name eth0 address %s netns %d\nlink set %s master br0 up\n",
		r.link(), mac, r.cmd.Process.Pid, r.link())
}

func (k *keeper) startHost(h host) (*runningHost, error) {
	cmd := self(roleHost, hostNamespaces)
	cmd.SysProcAttr.Pdeathsig = 0 // it can't outlive the keeper, but may outlive the thread
	input, err := cmd.StdinPipe()
	if err != nil {
		return nil, err
	}
	up, err := cmd.StdoutPipe()
	if err != nil {
		return nil, err
	}
	if err := cmd.Start(); err != nil {
		return nil, err
	}
	r := &runningHost{host: h, cmd: cmd, input: input, up: up, ended: make(chan error, 1)}
	go func() {
		state, err := cmd.Process.Wait()
		if err == nil {
			err = errors.New(state.String())
		}
		r.ended <- err
		k.rebootIfAsked(h.Name, cmd)
	}()
	return r, nil
}

func (k *keeper) openRepository() (err error) {
	if k.repository, err = newRepository(k.Cert, k.Key); err != nil {
		return err
	}
	return k.repository.set(k.Offer)
}

// boot tells every host what it is and waits until it is up: a few at a time,
// because many at once starve each other of adverts and flap.
func (k *keeper) boot() error {
	for batch := range slices.Chunk(k.running, bootsAtOnce) {
		for _, r := range batch {
			if err := r.begin(); err != nil {
				return err
			}
		}
		deadline := time.After(bootTimeout)
		for _, r := range batch {
			if err := r.waitUp(deadline); err != nil {
				return fmt.Errorf("%s: %w", r.Name, err)
			}
		}
	}
	return nil
}

// begin tells the waiting init what it is.
func (r *runningHost) begin() error {
	if err := gob.NewEncoder(r.input).Encode(r.host); err != nil {
		return fmt.Errorf("%s: %w", r.Name, err)
	}
	return r.input.Close()
}

// waitUp polls for the file that a node's boot script writes last; a visitor
// says it.
func (r *runningHost) waitUp(deadline <-chan time.Time) error {
	if !r.Node {
		if _, err := r.up.Read(make([]byte, 8)); err != nil {
			return errors.New("ended before it was up")
		}
		return nil
	}
	flag := fmt.Sprintf("/proc/%d/root/run/lab-up", r.cmd.Process.Pid)
	for {
		if _, err := os.Stat(flag); err == nil {
			return nil
		}
		select {
		case <-time.After(5 * time.Millisecond):
		case err := <-r.ended:
			return fmt.Errorf("ended before it was up: %w", err)
		case <-deadline:
			return fmt.Errorf("not up after %v; its boot.log ends: %s", bootTimeout, r.bootLog())
		}
	}
}

func (r *runningHost) bootLog() string {
	log, _ := os.ReadFile(r.root() + "/var/log/boot.log")
	console, _ := os.ReadFile(r.root() + "/var/log/console")
	return tail(string(log)+string(console), 10)
}

// tellHosts hands descriptors of all inits to our parent, which enters the
// hosts' namespaces by them.
func (k *keeper) tellHosts() error {
	k.mu.Lock()
	defer k.mu.Unlock()
	for hosts := range slices.Chunk(k.running, hostsPerReport) {
		var r report
		var descriptors []int
		for _, h := range hosts {
			fd, err := unix.PidfdOpen(h.cmd.Process.Pid, 0)
			if err != nil {
				return fmt.Errorf("open %s: %w", h.Name, err)
			}
			r.Hosts = append(r.Hosts, h.Name)
			descriptors = append(descriptors, fd)
		}
		if err := tell(r, descriptors...); err != nil {
			return err
		}
		for _, fd := range descriptors {
			unix.Close(fd)
		}
	}
	return tell(report{Done: true})
}
