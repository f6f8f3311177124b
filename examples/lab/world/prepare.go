//go:build linux

package world

import (
	"context"
	"fmt"
	"os"
	"os/exec"
	"path"
	"path/filepath"
	"strings"

	"golang.org/x/sys/unix"
)

// Progress is told what begins, in a few words: "build the base system". What
// began before is finished then. A nil Progress is not told anything.
type Progress func(step string)

func (p Progress) begin(step string) {
	if p != nil {
		p(step)
	}
}

// hostPackages is what this machine needs, by a program that shows whether it
// is there.
var hostPackages = map[string]string{
	"ip":         "iproute2",
	"mke2fs":     "e2fsprogs",
	"mmdebstrap": "mmdebstrap",
	"ssh":        "openssh-client",
	"zstd":       "zstd",
}

// Missing says in words what this machine lacks to run the lab, one string for
// each; none means that Prepare and Start can work. Debian packages that
// Prepare installs are not counted.
func Missing() []string {
	var lacks []string
	if os.Geteuid() != 0 {
		return []string{"root: the lab makes network devices and mounts, in namespaces of its own"}
	}
	if release := codename(); release != "bookworm" {
		lacks = append(lacks, fmt.Sprintf("Debian 12 (bookworm): /etc/os-release says %q", release))
	} else if lines, stanzas := debianSources(release); lines+stanzas == "" {
		lacks = append(lacks, "apt sources for Debian 12 in /etc/apt")
	}
	if _, err := exec.LookPath("go"); err != nil {
		lacks = append(lacks, "the go command in PATH")
	}
	if err := tryNamespaces(); err != nil {
		lacks = append(lacks, fmt.Sprintf("mount, network, PID, UTS and IPC namespaces: %v", err))
	}
	return lacks
}

func codename() string {
	release, _ := os.ReadFile("/etc/os-release")
	for line := range strings.Lines(string(release)) {
		if name, ok := strings.CutPrefix(line, "VERSION_CODENAME="); ok {
			return strings.Trim(strings.TrimSpace(name), `"`)
		}
	}
	return ""
}

const worldNamespaces = unix.CLONE_NEWNS | unix.CLONE_NEWNET | unix.CLONE_NEWPID | unix.CLONE_NEWUTS | unix.CLONE_NEWIPC

// tryNamespaces does in small what the world does: new namespaces, and an
// overlay on a tmpfs in them.
func tryNamespaces() error {
	return aside(func() error {
		out, err := trial(self(roleTrial, worldNamespaces))
		if err != nil && out != "" {
			return fmt.Errorf("%s", out)
		}
		return err
	})
}

func trial(cmd *exec.Cmd) (string, error) {
	cmd.Stderr = nil
	out, err := cmd.CombinedOutput()
	return strings.TrimSpace(string(out)), err
}

func runTrial() error {
	if err := unix.Mount("", "/", "", unix.MS_REC|unix.MS_PRIVATE, ""); err != nil {
		return fmt.Errorf("make mounts private: %w", err)
	}
	if err := unix.Mount("trial", "/tmp", "tmpfs", 0, ""); err != nil {
		return fmt.Errorf("mount tmpfs: %w", err)
	}
	for _, dir := range []string{"/tmp/l", "/tmp/u", "/tmp/w", "/tmp/root"} {
		if err := os.Mkdir(dir, 0o755); err != nil {
			return err
		}
	}
	if err := unix.Mount("overlay", "/tmp/root", "overlay", 0, "lowerdir=/tmp/l,upperdir=/tmp/u,workdir=/tmp/w"); err != nil {
		return fmt.Errorf("mount overlay on tmpfs: %w", err)
	}
	return nil
}

// Prepare installs the Debian packages that this machine lacks and builds what
// Start needs, unless it is in the cache: the base system of this Debian, the emulated product
// and a node with the version that a pair starts with by default. Start does the
// same for what is missing then; Prepare is for who wants to show its progress
// or to spend the time beforehand.
func Prepare(ctx context.Context, debian int, progress Progress) error {
	_, err := prepare(ctx, products[0], DefaultFrom, debian, progress)
	return err
}

// ingredients is what Prepare leaves for Start.
type ingredients struct {
	node       string // path of the packed root file system of a node
	mountPoint string
	enterprise []byte
}

func prepare(ctx context.Context, whose product, from string, debian int, progress Progress) (ingredients, error) {
	c, err := openCache(ctx)
	if err != nil {
		return ingredients{}, err
	}
	defer c.close()
	// With the cache locked: two labs that start side by side on a fresh machine
	// would meet at apt's lock, which apt-get update does not wait for.
	if err := installHostPackages(ctx, progress); err != nil {
		return ingredients{}, err
	}
	enterprise, err := buildEnterprise(ctx, c, progress)
	if err != nil {
		return ingredients{}, err
	}
	node, err := c.node(ctx, whose, from, debian, enterprise, progress)
	if err != nil {
		return ingredients{}, err
	}
	return ingredients{node, c.mountPoint(), enterprise}, nil
}

// installHostPackages lets apt-get finish what it began, also when ctx ends.
func installHostPackages(ctx context.Context, progress Progress) error {
	var wanted []string
	for _, program := range sortedKeys(hostPackages) {
		if _, err := exec.LookPath(program); err != nil {
			wanted = append(wanted, hostPackages[program])
		}
	}
	if len(wanted) == 0 {
		return ctx.Err()
	}
	progress.begin("install " + strings.Join(wanted, ", ") + " on this machine")
	for _, argv := range [][]string{
		{"apt-get", "update"},
		append([]string{"apt-get", "install", "-y", "--no-install-recommends"}, wanted...),
	} {
		cmd := exec.Command(argv[0], argv[1:]...)
		cmd.Env = append(os.Environ(), "DEBIAN_FRONTEND=noninteractive")
		cmd.SysProcAttr = &unix.SysProcAttr{Setpgid: true}
		if out, err := cmd.CombinedOutput(); err != nil {
			return fmt.Errorf("%s: %w\n%s", strings.Join(argv[:2], " "), err, tail(string(out), 20))
		}
	}
	return ctx.Err()
}

func buildEnterprise(ctx context.Context, c *cache, progress Progress) ([]byte, error) {
	progress.begin("compile enterprise.bin")
	return c.compile(ctx, "zup/examples/lab/enterprise")
}

// Build compiles a command of the checkout that this program was built from,
// without cgo, and returns the binary. The working directory must be inside of
// the checkout.
func Build(ctx context.Context, pkg string) ([]byte, error) {
	c, err := openCache(ctx)
	if err != nil {
		return nil, err
	}
	defer c.close()
	return c.compile(ctx, pkg)
}

func (c *cache) compile(ctx context.Context, pkg string) ([]byte, error) {
	out := c.path(path.Base(pkg) + ".bin")
	cmd := exec.CommandContext(ctx, "go", "build", "-trimpath", "-buildvcs=false", "-ldflags=-s -w", "-o", out, pkg)
	cmd.Env = append(os.Environ(), "CGO_ENABLED=0")
	if text, err := cmd.CombinedOutput(); err != nil {
		return nil, fmt.Errorf("compile %s (inside the checkout of zup?): %w\n%s", pkg, err, tail(string(text), 20))
	}
	return os.ReadFile(out)
}

// Base returns the path of a packed Debian, 11, 12 or 13, without the product: the programs
// that its nodes have. One that is not in the cache is built, which takes half a minute.
func Base(ctx context.Context, debian int, progress Progress) (string, error) {
	if lacks := Missing(); len(lacks) > 0 {
		return "", fmt.Errorf("this machine lacks %q", lacks)
	}
	c, err := openCache(ctx)
	if err != nil {
		return "", err
	}
	defer c.close()
	if err := installHostPackages(ctx, progress); err != nil {
		return "", err
	}
	return c.base(ctx, debian, progress)
}

// HasBase reports whether the cache has that Debian, so that Base returns at once.
func HasBase(debian int) bool {
	dir, err := os.UserCacheDir()
	if err != nil {
		dir = "/var/cache"
	}
	name, _ := baseOf(debian)
	_, err = os.Stat(filepath.Join(dir, "zup-lab", name))
	return err == nil
}

// baseOf returns the name in the cache of the base system of a release, and the apt sources
// that it is made from.
func baseOf(debian int) (name string, sources map[string]string) {
	release := releases[debian]
	oneLine, deb822 := debianSources(codename())
	oneLine, deb822 = forRelease(oneLine, codename(), release), forRelease(deb822, codename(), release)
	sources = map[string]string{}
	if oneLine != "" {
		sources["debian.list"] = oneLine
	}
	if deb822 != "" {
		sources["debian.sources"] = deb822
	}
	return "base-" + digest("base", release, debArch(), basePackages, oneLine, deb822) + ".tar.zst", sources
}

// base returns the packed Debian of this release that all nodes start from.
func (c *cache) base(ctx context.Context, debian int, progress Progress) (string, error) {
	name, sources := baseOf(debian)
	return c.get(name, func(out *os.File) error {
		progress.begin(fmt.Sprintf("build the base system, Debian %d, with mmdebstrap", debian))
		return build(ctx, order{MountPoint: c.mountPoint(), Codename: releases[debian], Sources: sources}, out)
	})
}

// node returns the packed root file system of a node with the given version of
// the product.
func (c *cache) node(ctx context.Context, whose product, version string, debian int, enterprise []byte, progress Progress) (string, error) {
	base, err := c.base(ctx, debian, progress)
	if err != nil {
		return "", err
	}
	debs := map[string][]byte{}
	for _, d := range whose.packages(version, enterprise) {
		debs[d.filename()] = d.bytes()
	}
	inputs := []any{"node", base, whose.files(machineFiles())}
	for _, name := range sortedKeys(debs) {
		inputs = append(inputs, name, string(debs[name]))
	}
	return c.get("node-"+digest(inputs...)+".tar.zst", func(out *os.File) error {
		progress.begin("install the emulated " + whose.name + " " + version + " into the base system")
		return build(ctx, order{MountPoint: c.mountPoint(), Product: whose.name, Base: base, Debs: debs}, out)
	})
}
