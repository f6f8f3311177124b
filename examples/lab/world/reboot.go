//go:build linux

package world

import (
	"cmp"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"

	debversion "github.com/knqyf263/go-deb-version"
	"golang.org/x/sys/unix"
)

// The kernels that the nodes say they run: at first, and after an update that
// brings one. They all run this machine's.
const (
	oldKernel = "4.19.112-z6000"
	newKernel = "4.19.118-z6000"
)

// rebootFlag is where a node's command reboot says that its end is a reboot.
const rebootFlag = "/lab/reboot"

// rebootIfAsked switches a node on again whose init has ended because the node
// wanted to reboot: with the disk as it left it.
func (k *keeper) rebootIfAsked(name string, was *exec.Cmd) {
	r := k.node(name)
	if r == nil {
		return
	}
	r.turn.Lock()
	defer r.turn.Unlock()
	if r.cmd != was { // it was switched off and on meanwhile
		return
	}
	if err := os.Remove(r.upper() + rebootFlag); err != nil {
		return // switched off
	}
	if err := k.reboot(r); err != nil {
		fmt.Fprintf(os.Stderr, "reboot %s: %v\n", name, err)
	}
}

// reset takes the power away from a node and gives it back: whatever it was doing
// ends, and it boots with the disk as it is at that moment.
func (r *runningHost) reset() error {
	if err := os.WriteFile(r.upper()+rebootFlag, nil, 0o600); err != nil {
		return err
	}
	return r.cmd.Process.Kill()
}

func (k *keeper) reboot(r *runningHost) error {
	ip("link del " + r.link() + "\n") // it may have gone with the node's end of it
	disk := r.upper() + ".off"
	if err := os.Rename(r.upper(), disk); err != nil {
		return err
	}
	if err := k.switchOn(r, disk); err != nil {
		return err
	}
	return os.RemoveAll(disk)
}

// personalize makes a node say a boot ID and a kernel of its own: the kernel, which
// all share, has one for all of them. The node boots the newest that is on its
// disk.
func personalize(root string) error {
	id, err := os.ReadFile("/proc/sys/kernel/random/uuid")
	if err != nil {
		return err
	}
	for name, content := range map[string]string{"random/boot_id": string(id), "osrelease": newest(root) + "\n"} {
		file := root + "/run/lab-" + filepath.Base(name)
		if err := os.WriteFile(file, []byte(content), 0o444); err != nil {
			return err
		}
		if err := unix.Mount(file, root+"/proc/sys/kernel/"+name, "", unix.MS_BIND, ""); err != nil {
			return fmt.Errorf("give it a %s of its own: %w", name, err)
		}
	}
	return nil
}

// newest returns the newest kernel on a node's disk.
func newest(root string) string {
	best := ""
	kernels, _ := filepath.Glob(root + "/boot/vmlinuz-*")
	for _, k := range kernels {
		name := strings.TrimPrefix(filepath.Base(k), "vmlinuz-")
		if v, err := debversion.NewVersion(name); err == nil {
			if b, err := debversion.NewVersion(best); best == "" || err == nil && v.GreaterThan(b) {
				best = name
			}
		}
	}
	return cmp.Or(best, oldKernel)
}
