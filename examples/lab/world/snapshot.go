//go:build linux

package world

import (
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"time"

	"golang.org/x/sys/unix"
)

// SnapshotCommand takes, restores, deletes and lists snapshots of nodes, and takes
// their power away for a moment, on control: what a hypervisor's command is elsewhere. A snapshot is a copy of a
// node's disk as it would be found after a power cut at that moment. Restoring
// one takes the power away, puts the disk back and switches the node on again.
const SnapshotCommand = Home + "/bin/lab-snapshot"

const (
	snapshotSocket = "/lab/snapshots.sock"
	snapshotDir    = "/lab/snapshots"

	powerOffTimeout = 20 * time.Second
)

// snapshotOrder is what the command asks the keeper for, snapshotAnswer what it
// gets: one line of JSON each.
type snapshotOrder struct{ Verb, Node, Name string }

type snapshotAnswer struct {
	Error string
	Names []string
}

// runSnapshot is the command.
func runSnapshot() error {
	args := os.Args[1:]
	takes := map[string]int{"create": 3, "restore": 3, "delete": 3, "list": 2, "reset": 2}
	if len(args) == 0 || takes[args[0]] != len(args) {
		return errors.New("usage: create NODE NAME, restore NODE NAME, delete NODE NAME, list NODE or reset NODE")
	}
	order := snapshotOrder{Verb: args[0], Node: args[1]}
	if len(args) > 2 {
		order.Name = args[2]
	}
	c, err := net.Dial("unix", snapshotSocket)
	if err != nil {
		return err
	}
	defer c.Close()
	if err := json.NewEncoder(c).Encode(order); err != nil {
		return err
	}
	var a snapshotAnswer
	if err := json.NewDecoder(c).Decode(&a); err != nil {
		return err
	}
	for _, name := range a.Names {
		fmt.Println(name)
	}
	if a.Error != "" {
		return errors.New(a.Error)
	}
	return nil
}

// offerSnapshots puts the command where control finds it, and answers it.
func (k *keeper) offerSnapshots() error {
	if err := copyFile("/proc/self/exe", SnapshotCommand); err != nil {
		return err
	}
	l, err := net.Listen("unix", snapshotSocket)
	if err != nil {
		return err
	}
	go func() {
		for {
			c, err := l.Accept()
			if err != nil {
				return
			}
			go k.answer(c)
		}
	}()
	return nil
}

func copyFile(from, to string) error {
	in, err := os.Open(from)
	if err != nil {
		return err
	}
	defer in.Close()
	if err := os.MkdirAll(filepath.Dir(to), 0o755); err != nil {
		return err
	}
	out, err := os.OpenFile(to, os.O_WRONLY|os.O_CREATE|os.O_EXCL, 0o755)
	if err != nil {
		return err
	}
	_, err = io.Copy(out, in)
	return errors.Join(err, out.Close())
}

func (k *keeper) answer(c net.Conn) {
	defer c.Close()
	var o snapshotOrder
	if err := json.NewDecoder(c).Decode(&o); err != nil {
		return
	}
	var a snapshotAnswer
	names, err := k.carryOut(o)
	if a.Names = names; err != nil {
		a.Error = fmt.Sprintf("%s %s %s: %v", o.Verb, o.Node, o.Name, err)
	}
	json.NewEncoder(c).Encode(a)
}

func (k *keeper) carryOut(o snapshotOrder) (names []string, err error) {
	r := k.node(o.Node)
	if r == nil {
		return nil, errors.New("there is no such node")
	}
	r.turn.Lock()
	defer r.turn.Unlock()
	dir := filepath.Join(snapshotDir, o.Node)
	switch o.Verb {
	case "list":
		return namesIn(dir)
	case "reset":
		return nil, r.reset()
	}
	if o.Name == "" || strings.ContainsAny(o.Name, "/\x00") || o.Name[0] == '.' {
		return nil, errors.New("that is no name for a snapshot")
	}
	snapshot := filepath.Join(dir, o.Name)
	_, missing := os.Stat(snapshot)
	switch {
	case o.Verb == "create" && missing == nil:
		return nil, errors.New("there is one of that name already")
	case o.Verb != "create" && missing != nil:
		return nil, missing
	case o.Verb == "create":
		return nil, r.snapshot(snapshot)
	case o.Verb == "restore":
		return nil, k.restore(r, snapshot)
	}
	return nil, os.RemoveAll(snapshot)
}

func namesIn(dir string) (names []string, err error) {
	entries, err := os.ReadDir(dir)
	if err != nil && !os.IsNotExist(err) {
		return nil, err
	}
	for _, e := range entries {
		if !strings.HasPrefix(e.Name(), ".") {
			names = append(names, e.Name())
		}
	}
	return names, nil
}

func (k *keeper) node(name string) *runningHost {
	k.mu.Lock()
	defer k.mu.Unlock()
	for _, r := range k.running {
		if r.Node && r.Name == name {
			return r
		}
	}
	return nil
}

// snapshot copies the node's disk. Its processes stand still meanwhile, as they do
// when a hypervisor does it, so that the copy is of one moment.
func (r *runningHost) snapshot(to string) error {
	part := filepath.Join(filepath.Dir(to), "."+filepath.Base(to))
	if err := os.MkdirAll(part, 0o755); err != nil {
		return err
	}
	r.signalAll(unix.SIGSTOP)
	err := copyTree(r.upper(), part)
	r.signalAll(unix.SIGCONT)
	if err != nil {
		return errors.Join(err, os.RemoveAll(part))
	}
	return os.Rename(part, to)
}

// signalAll signals every process of the host.
func (r *runningHost) signalAll(s unix.Signal) {
	own, err := os.Readlink(fmt.Sprintf("/proc/%d/ns/pid", r.cmd.Process.Pid))
	if err != nil {
		return
	}
	links, _ := filepath.Glob("/proc/[0-9]*/ns/pid")
	for _, link := range links {
		var pid int
		if ns, err := os.Readlink(link); err == nil && ns == own {
			if _, err := fmt.Sscanf(link, "/proc/%d/", &pid); err == nil {
				unix.Kill(pid, s)
			}
		}
	}
}

// copyTree copies the upper half of an overlay with everything that the overlay
// keeps there: whiteouts are devices, replaced directories have an attribute.
func copyTree(from, to string) error {
	out, err := exec.Command("cp", "-a", "--preserve=all", from+"/.", to).CombinedOutput()
	if err != nil {
		return fmt.Errorf("copy the disk: %w: %s", err, tail(string(out), 3))
	}
	return nil
}

// restore takes the node's power and its link away, puts the disk back and
// switches the node on. It does not wait until the node is up.
func (k *keeper) restore(r *runningHost, snapshot string) error {
	if err := ip("link del " + r.link() + "\n"); err != nil {
		return err
	}
	if err := r.powerOff(); err != nil {
		return err
	}
	return k.switchOn(r, snapshot)
}

// switchOn starts a node that is off, with another disk.
func (k *keeper) switchOn(r *runningHost, disk string) error {
	if err := r.replaceDisk(disk); err != nil {
		return err
	}
	fresh, err := k.startHost(r.host)
	if err != nil {
		return fmt.Errorf("switch on: %w", err)
	}
	k.mu.Lock()
	r.cmd, r.input, r.up, r.ended = fresh.cmd, fresh.input, fresh.up, fresh.ended
	k.mu.Unlock()
	if err := ip(r.plugIn()); err != nil {
		return err
	}
	return r.begin()
}

func (r *runningHost) powerOff() error {
	if err := r.cmd.Process.Kill(); err != nil {
		return fmt.Errorf("switch off: %w", err)
	}
	select {
	case <-r.ended:
		return nil
	case <-time.After(powerOffTimeout):
		return fmt.Errorf("its init has not ended %v after it was killed", powerOffTimeout)
	}
}

// replaceDisk mounts the node's root anew. Other hosts may still hold the old
// mount, so the new one has folders of its own.
func (r *runningHost) replaceDisk(snapshot string) error {
	if err := unix.Unmount(r.root(), unix.MNT_DETACH); err != nil {
		return fmt.Errorf("unmount its root: %w", err)
	}
	if err := os.RemoveAll(r.upper()); err != nil {
		return err
	}
	r.disks++
	if err := os.MkdirAll(r.upper(), 0o755); err != nil {
		return err
	}
	if err := copyTree(snapshot, r.upper()); err != nil {
		return err
	}
	return r.mountRoot()
}

// request is what a World asks its keeper for. An update of the offer, or, when a
// node was switched off and on, the descriptors of the hosts as they are now.
type request struct {
	Offer *offer
	Hosts bool
}

// refresh gets new descriptors if the host's init has ended: it may have been
// switched on again.
func (w *World) refresh(host string) error {
	w.mu.Lock()
	fd, ok := w.hosts[host]
	w.mu.Unlock()
	if !ok {
		return nil
	}
	p := []unix.PollFd{{Fd: int32(fd), Events: unix.POLLIN}}
	if n, err := unix.Poll(p, 0); n == 0 && err == nil {
		return nil
	}
	return w.ask(request{Hosts: true})
}

// ask asks the keeper for something and waits until it is done.
func (w *World) ask(q request) error {
	w.talk.Lock()
	defer w.talk.Unlock()
	if err := w.orders.Encode(q); err != nil {
		return fmt.Errorf("talk to the keeper: %w", err)
	}
	return w.await(nil)
}
