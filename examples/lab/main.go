//go:build linux

// Command lab updates a real pair of load balancer nodes on one Debian 12
// machine, as root:
//
//	go run ./examples/lab
//
// It installs what it needs, builds the nodes' system once, starts the pair in
// namespaces of its own, and runs zup plan and zup apply there as a person
// would. Then it says what clients felt and checks the nodes without asking
// zup. When it ends, however it ends, nothing is left but a cache directory.
//
// The nodes' programs are real; the product on them is EMULATED after published
// source and was never compared with a real appliance.
package main

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"flag"
	"fmt"
	"os"
	"os/signal"
	"path/filepath"
	"slices"
	"strconv"
	"strings"

	"golang.org/x/sys/unix"

	"zup/examples/lab/world"
)

func main() {
	world.Main()
	os.Exit(run())
}

// choices is what the flags say.
type choices struct {
	keep, demo, boost, verbose bool
	single, offline            bool
	ipv6, l4                   bool
	rollback, reboot           bool
	switchover, failback       string
	product, from, to          string
	fault, way                 string
	deadratio, clusters        int
	debian                     int

	web, drain           string // of -product keepalived
	nopreempt, trackFile bool
	instances            int
}

func parseFlags() (c choices, err error) {
	flag.BoolVar(&c.keep, "keep", false, "leave the nodes up in the end and say how to play with them")
	flag.BoolVar(&c.demo, "demo", true, "run zup; -keep -demo=false only starts the nodes")
	flag.StringVar(&c.switchover, "switchover", "drain", "how zup moves the MASTER role: drain or restart")
	flag.BoolVar(&c.boost, "boost", false, "let zup raise BACKUP's VRRP priority for the moment of the switchover")
	flag.StringVar(&c.failback, "failback", "off", "the product's failback setting: off, zva5n1 (MASTER) or zva5n2 (BACKUP)")
	flag.StringVar(&c.product, "product", "zevenet", "which product to emulate: zevenet, skudonet or relianoid; or keepalived, a pair of ordinary nodes with nothing emulated")
	flag.StringVar(&c.web, "web", "haproxy", "with -product keepalived: what serves, haproxy or nginx")
	flag.StringVar(&c.drain, "drain", "", "with -product keepalived: how zup moves MASTER: auto, track_file, priority or raise-then-stop")
	flag.BoolVar(&c.nopreempt, "nopreempt", false, "with -product keepalived: no node takes the role from a MASTER of a lower priority")
	flag.BoolVar(&c.trackFile, "track-file", false, "with -product keepalived: keepalived tracks a file that can lower the priority")
	flag.IntVar(&c.instances, "instances", 1, "with -product keepalived: number of VRRP instances")
	flag.IntVar(&c.debian, "debian", world.DefaultDebian, "release of the nodes' system: 11, 12 or 13")
	flag.StringVar(&c.from, "from", "", "version that the nodes run at first; older ones have the updater and the failback of their time")
	flag.StringVar(&c.to, "to", "", "version that the repository offers")
	flag.IntVar(&c.deadratio, "deadratio", 1, "seconds between VRRP advertisements; the product's default is 5, the lab's 1 makes the demo quick")
	flag.StringVar(&c.fault, "fault", "", "let something go wrong; help lists what")
	flag.StringVar(&c.way, "way", "", "how zup reaches the nodes over ssh, by its ssh_config alone; help lists the ways")
	flag.BoolVar(&c.ipv6, "ipv6", false, "nodes, cluster and VIPs have IPv6 addresses")
	flag.BoolVar(&c.l4, "l4", false, "farms of the kernel's besides the web servers: UDP, a range of ports, one past address translation")
	flag.BoolVar(&c.single, "single", false, "one node without a cluster instead of a pair")
	flag.BoolVar(&c.offline, "offline", false, "zup brings an image, and nobody listens at the repository's address")
	flag.BoolVar(&c.rollback, "rollback", false, "take snapshots, and go back to them after the update")
	flag.BoolVar(&c.reboot, "reboot", false, "let zup reboot nodes that wait for it; see -fault reboot-pending and new-kernel")
	flag.IntVar(&c.clusters, "clusters", 1, "number of pairs, updated side by side")
	flag.BoolVar(&c.verbose, "v", false, "show every step of the start, and zup's plan with its commands")
	flag.Parse()
	switch {
	case flag.NArg() > 0:
		return c, fmt.Errorf("unexpected argument %q", flag.Arg(0))
	case c.switchover != "drain" && c.switchover != "restart":
		return c, fmt.Errorf("-switchover: %q is neither drain nor restart", c.switchover)
	case c.product != world.Plain && !slices.Contains(world.Products(), c.product):
		return c, fmt.Errorf("-product: %q is none of %s, %s", c.product, strings.Join(world.Products(), ", "), world.Plain)
	case c.debian < 11 || c.debian > 13:
		return c, fmt.Errorf("-debian: %d is none of 11, 12 and 13", c.debian)
	case c.deadratio < 1:
		return c, fmt.Errorf("-deadratio: %d is not a number of seconds", c.deadratio)
	}
	return c, nil
}

func run() (exit int) {
	c, err := parseFlags()
	if err != nil {
		fmt.Fprintf(os.Stderr, "lab: error: %v\n", err)
		return 64
	}
	if c.fault == "help" {
		listFaults()
		return 0
	}
	if c.way == "help" {
		listWays()
		return 0
	}
	if _, err := world.WayNamed(c.way); err != nil {
		fmt.Fprintf(os.Stderr, "lab: error: -%v\n", err)
		return 64
	}
	if lacks := world.Missing(); len(lacks) > 0 {
		fmt.Fprintln(os.Stderr, "lab: error: this machine lacks")
		for _, what := range lacks {
			fmt.Fprintln(os.Stderr, "  -", what)
		}
		return 1
	}
	endWithGoRun()
	// ^C is for zup while zup runs: it has a safe point to stop at. The other
	// signals end everything at once.
	hard, stop := signal.NotifyContext(context.Background(), unix.SIGTERM, unix.SIGHUP)
	defer stop()
	soft, stop := signal.NotifyContext(hard, unix.SIGINT)
	defer stop()
	if c.product == world.Plain {
		err = plain(soft, hard, c)
	} else {
		err = lab(soft, hard, c)
	}
	switch {
	case soft.Err() != nil:
		fmt.Println("\nStopped; the nodes are gone.")
		return 130
	case err != nil:
		fmt.Fprintf(os.Stderr, "\nlab: error: %v\n", err)
		return 1
	}
	return 0
}

// endWithGoRun ends this process when the go command that runs it is killed:
// go run does not pass that on.
func endWithGoRun() {
	name, _ := os.ReadFile(filepath.Join("/proc", strconv.Itoa(os.Getppid()), "comm"))
	if strings.TrimSpace(string(name)) == "go" {
		unix.Prctl(unix.PR_SET_PDEATHSIG, uintptr(unix.SIGTERM), 0, 0, 0)
	}
}

func listFaults() {
	for _, f := range world.Faults {
		fmt.Printf("%-28s %s\n", f.Name, f.About)
	}
}

func listWays() {
	for _, w := range world.Ways {
		fmt.Printf("%-22s %s\n", w.Name, w.About)
	}
}

func (c choices) options(p *progress) world.Options {
	o := world.Options{
		Clusters:  c.clusters,
		Single:    c.single,
		Product:   c.product,
		Debian:    c.debian,
		IPv6:      c.ipv6,
		L4:        c.l4,
		From:      c.from,
		To:        c.to,
		Deadratio: c.deadratio,
		Fault:     c.fault,
		Way:       c.way,
		Progress:  p.detail(c.verbose),
	}
	if c.failback != "off" {
		o.Failback = c.failback
	}
	return o
}

// lab is the whole show.
func lab(soft, hard context.Context, c choices) error {
	p := newProgress(os.Stdout)
	defer p.end()
	fmt.Print(introduction, "\n\n")
	if err := world.Prepare(soft, c.debian, p.step); err != nil {
		return err
	}
	p.step("build zup")
	zup, err := world.Build(soft, "zup/cmd/zup")
	if err != nil {
		return err
	}
	p.step("start the nodes")
	w, err := world.Start(soft, c.options(p))
	if err != nil {
		return err
	}
	defer w.Close()
	if err := furnish(soft, w, c, zup); err != nil {
		return err
	}
	p.end()
	fmt.Println(describe(w, c))
	if c.demo {
		err = demonstrate(soft, hard, w, c)
	}
	if c.keep && soft.Err() == nil {
		if err != nil {
			fmt.Fprintf(os.Stderr, "\nlab: error: %v\n", err)
		}
		fmt.Print(howToPlay(w))
		<-soft.Done()
		return nil
	}
	return errors.Join(err, soft.Err())
}

// workDir is where the configuration lies on control and zup is run.
const workDir = world.Home + "/lab"

// furnish puts zup and its configuration onto control.
func furnish(ctx context.Context, w *world.World, c choices, zup []byte) error {
	if err := w.WriteFile(ctx, world.Control, world.Home+"/bin/zup", zup, 0o755); err != nil {
		return fmt.Errorf("install zup on control: %w", err)
	}
	o := world.ConfigOptions{Switchover: c.switchover, Boost: c.boost, Reboot: c.reboot, Snapshots: c.rollback, ByName: c.way != ""}
	if c.offline {
		if err := bringImage(ctx, w, &o); err != nil {
			return err
		}
	}
	var config strings.Builder
	for i, cluster := range w.Clusters {
		if i > 0 {
			config.WriteString("\n")
		}
		config.WriteString(w.Config(cluster, o))
	}
	if err := w.WriteFile(ctx, world.Control, workDir+"/lab.zup.hcl", []byte(config.String()), 0o644); err != nil {
		return fmt.Errorf("write the configuration: %w", err)
	}
	return nil
}

// bringImage puts an offline image onto control and takes the repository away.
func bringImage(ctx context.Context, w *world.World, o *world.ConfigOptions) error {
	if lacks := world.LacksLoop(); lacks != "" {
		return fmt.Errorf("an offline image is mounted on the nodes, and this machine lacks %s", lacks)
	}
	name := "update-" + w.Clusters[0].To + ".iso"
	image, err := w.Image(ctx, w.Clusters[0].To, 0)
	if err != nil {
		return err
	}
	if err := w.WriteFile(ctx, world.Control, workDir+"/"+name, image, 0o644); err != nil {
		return fmt.Errorf("put the image onto control: %w", err)
	}
	sum := sha256.Sum256(image)
	o.Package, o.SHA256 = name, hex.EncodeToString(sum[:])
	return w.Reachable(false)
}
