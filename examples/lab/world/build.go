//go:build linux

package world

import (
	"bytes"
	"context"
	"encoding/gob"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"

	"golang.org/x/sys/unix"
)

// basePackages is what a node has besides Debian's essential packages: the real
// programs that the emulated product is made of.
var basePackages = []string{
	"openssh-server", "openssh-client", "rsync", "keepalived", "nftables", "nginx-light",
	"iproute2", "iputils-arping", "iputils-ping", "procps", "netcat-openbsd", "mount",
	"busybox", "tini", "openssl", "sudo", "dropbear-bin",
}

// order is what a builder is told on its standard input.
type order struct {
	MountPoint string
	Product    string            // for a node: whose it is
	Codename   string            // for a base: Debian's release
	Sources    map[string]string // for a base: apt sources by file name
	Base       string            // for a node: path of the packed base
	Debs       map[string][]byte // for a node: packages to install, by file name
	Packages   []string          // for a base: what it has; nil: basePackages
	Hook       string            // for a base: shell that runs in it at last; "": none
}

// build runs a builder in namespaces of its own, so that killing it at any
// moment removes its mounts, files and processes, and lets it write to out.
func build(ctx context.Context, o order, out *os.File) error {
	var input bytes.Buffer
	if err := gob.NewEncoder(&input).Encode(o); err != nil {
		return err
	}
	return aside(func() error {
		cmd := self(roleBuilder, unix.CLONE_NEWNS|unix.CLONE_NEWPID|unix.CLONE_NEWIPC|unix.CLONE_NEWUTS)
		var stderr bytes.Buffer
		cmd.Stdin, cmd.Stdout, cmd.Stderr = &input, out, &stderr
		if err := cmd.Start(); err != nil {
			return fmt.Errorf("start builder: %w", err)
		}
		stop := context.AfterFunc(ctx, func() { cmd.Process.Kill() })
		defer stop()
		if err := cmd.Wait(); err != nil {
			return fmt.Errorf("build root file system: %w\n%s", err, tail(stderr.String(), 30))
		}
		return nil
	})
}

func runBuilder() error {
	var o order
	if err := gob.NewDecoder(os.Stdin).Decode(&o); err != nil {
		return err
	}
	if err := unix.Mount("", "/", "", unix.MS_REC|unix.MS_PRIVATE, ""); err != nil {
		return fmt.Errorf("make mounts private: %w", err)
	}
	if err := unix.Mount("proc", "/proc", "proc", 0, ""); err != nil {
		return fmt.Errorf("mount proc: %w", err)
	}
	if err := unix.Mount("lab", o.MountPoint, "tmpfs", 0, "mode=755"); err != nil {
		return fmt.Errorf("mount tmpfs: %w", err)
	}
	os.Setenv("TMPDIR", o.MountPoint)
	os.Setenv("LC_ALL", "C.UTF-8")
	if o.Base == "" {
		return buildBase(o)
	}
	return buildNode(o)
}

// buildBase makes a Debian with mmdebstrap and writes it, packed, to standard
// output.
func buildBase(o order) error {
	packages := o.Packages
	if packages == nil {
		packages = basePackages
	}
	args := []string{
		"--mode=root", "--variant=apt", "--format=tar",
		"--include=" + strings.Join(packages, ","),
		`--aptopt=Acquire::Languages "none"`,
		`--aptopt=APT::Install-Recommends "false"`,
	}
	for _, dir := range []string{"man", "doc", "info", "locale"} {
		args = append(args, "--dpkgopt=path-exclude=/usr/share/"+dir+"/*")
	}
	if o.Hook != "" {
		path := filepath.Join(o.MountPoint, "hook")
		if err := os.WriteFile(path, []byte(o.Hook), 0o644); err != nil {
			return err
		}
		args = append(args, `--customize-hook=chroot "$1" sh -e -s <`+path)
	}
	args = append(args, o.Codename, "-")
	for _, name := range sortedKeys(o.Sources) {
		path := filepath.Join(o.MountPoint, name)
		if err := os.WriteFile(path, []byte(o.Sources[name]), 0o644); err != nil {
			return err
		}
		args = append(args, path)
	}
	return packed(exec.Command("mmdebstrap", args...))
}

// buildNode installs the product's packages into the base and packs the result.
// Services are not started: a node that was never configured has none.
func buildNode(o order) error {
	whose, err := productNamed(o.Product)
	if err != nil {
		return err
	}
	root := filepath.Join(o.MountPoint, "root")
	if err := os.Mkdir(root, 0o755); err != nil {
		return err
	}
	if err := unpack(o.Base, root); err != nil {
		return err
	}
	// Only the vendor's repository is in reach of a node.
	for _, name := range []string{"sources.list", "sources.list.d"} {
		if err := os.RemoveAll(filepath.Join(root, "etc/apt", name)); err != nil {
			return err
		}
	}
	dir := filepath.Join(root, "debs")
	if err := os.Mkdir(dir, 0o755); err != nil {
		return err
	}
	install := []string{"-i"}
	for _, name := range sortedKeys(o.Debs) {
		if err := os.WriteFile(filepath.Join(dir, name), o.Debs[name], 0o644); err != nil {
			return err
		}
		install = append(install, "/debs/"+name)
	}
	if err := writeFiles(root, whose.files(machineFiles())); err != nil {
		return err
	}
	for _, argv := range [][]string{append([]string{"/usr/bin/dpkg"}, install...), {"/usr/sbin/useradd", "-m", "-p", "*", "-s", "/bin/bash", "ops"}} {
		cmd := exec.Command(argv[0], argv[1:]...)
		cmd.SysProcAttr = &unix.SysProcAttr{Chroot: root}
		cmd.Dir, cmd.Stdout, cmd.Stderr = "/", os.Stderr, os.Stderr
		if err := cmd.Run(); err != nil {
			return fmt.Errorf("%s: %w", argv[0], err)
		}
	}
	if err := os.RemoveAll(dir); err != nil {
		return err
	}
	return packed(exec.Command("tar", "-C", root, "--numeric-owner", "-cf", "-", "."))
}

// sshdConfig leaves sshd with the key exchange that the appliances' own OpenSSH 7.9
// prefers. That of the machine's newer one takes many times as long, and the nodes
// talk to each other all the time. PAM would start programs at each login to print what
// nobody reads.
const sshdConfig = "PermitRootLogin yes\nUsePAM no\nKexAlgorithms curve25519-sha256,ecdh-sha2-nistp256,diffie-hellman-group14-sha256\n"

// machineFiles is what every node has that is no node's own and belongs to no
// package of the product.
func machineFiles() map[string]file {
	return map[string]file{
		"/etc/ssh/sshd_config.d/zevenet.conf":  text(sshdConfig),
		"/etc/sudoers.d/ops":                   {Mode: 0o440, Data: []byte("ops ALL=(ALL) NOPASSWD: ALL\n")},
		"/etc/profile.d/zevenet.sh":            text("PATH=$PATH:" + zevenet + "/bin\n"),
		"/etc/zevenet_version":                 text("ZVA 6000, hypervisor: KVM\n"),
		"/etc/apt/sources.list.d/zevenet.list": text(repositoryLine + "\n"),
		"/etc/apt/apt.conf.d/99lab":            text(nodeScript("apt.conf")),
		"/etc/default/locale":                  text(""),
		"/etc/iproute2/rt_tables":              text("255\tlocal\n254\tmain\n253\tdefault\n0\tunspec\n"),
		zevenet + "/config/local/.keep":        text(""),
		zevenet + "/backups/.keep":             text(""),
		zevenet + "/updates/.keep":             text(""),
	}
}

// packed runs a command that prints a tar archive and compresses what it prints
// to standard output.
func packed(producer *exec.Cmd) error {
	pipe, err := producer.StdoutPipe()
	if err != nil {
		return err
	}
	producer.Stderr = os.Stderr
	zstd := exec.Command("zstd", "-q", "-3", "-T0", "-c")
	zstd.Stdin, zstd.Stdout, zstd.Stderr = pipe, os.Stdout, os.Stderr
	if err := producer.Start(); err != nil {
		return err
	}
	if err := zstd.Run(); err != nil {
		return fmt.Errorf("zstd: %w", err)
	}
	if err := producer.Wait(); err != nil {
		return fmt.Errorf("%s: %w", producer.Args[0], err)
	}
	return nil
}

func unpack(archive, dir string) error {
	cmd := exec.Command("tar", "-C", dir, "--zstd", "--numeric-owner", "-xpf", archive)
	if out, err := cmd.CombinedOutput(); err != nil {
		return fmt.Errorf("unpack %s: %w: %s", archive, err, out)
	}
	return nil
}

// writeFiles creates the files below root, over what is there.
func writeFiles(root string, files map[string]file) error {
	for _, name := range sortedKeys(files) {
		f, path := files[name], filepath.Join(root, name)
		if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
			return err
		}
		if err := os.WriteFile(path, f.Data, os.FileMode(f.Mode)); err != nil {
			return err
		}
		if err := os.Chmod(path, os.FileMode(f.Mode)); err != nil {
			return err
		}
	}
	return nil
}

func tail(s string, lines int) string {
	all := strings.Split(strings.TrimRight(s, "\n"), "\n")
	return strings.Join(all[max(0, len(all)-lines):], "\n")
}
