//go:build linux

package main

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"time"

	"zup/examples/lab/world"
)

// watch measures all VIPs, and the reference beside them, from both kinds of clients
// at once.
type watch struct {
	interval time.Duration
	probes   []*world.Probe
}

// kinds are the two ways to be a client.
var kinds = []struct{ host, name string }{
	{world.Client, "knows the VIP's MAC"},
	{world.Stranger, "asks ARP anew each time"},
}

func startWatch(ctx context.Context, w *world.World) (*watch, error) {
	return startWatchEvery(ctx, w, 5*time.Millisecond*time.Duration(len(w.Clusters)))
}

// startWatchEvery leaves so much time between two requests of one client to one VIP.
func startWatchEvery(ctx context.Context, w *world.World, interval time.Duration) (*watch, error) {
	watch := &watch{interval: interval}
	var vips []string
	for _, cluster := range w.Clusters {
		vips = append(vips, cluster.VIPs...)
	}
	targets := append(vips, world.ReferenceAddress)
	for _, kind := range kinds {
		probe, err := w.Probe(ctx, world.ProbeOptions{
			Host: kind.host, Targets: targets, Interval: watch.interval, Forget: kind.host == world.Stranger,
		})
		if err != nil {
			watch.stop()
			return nil, err
		}
		watch.probes = append(watch.probes, probe)
	}
	return watch, nil
}

// stop ends the measurement; stopping twice is fine.
func (w *watch) stop() (felt, error) {
	var all felt
	var errs []error
	for i, probe := range w.probes {
		results, err := probe.Stop()
		errs = append(errs, err)
		if last := len(results) - 1; err == nil {
			for _, r := range results[:last] {
				all = append(all, row{kinds[i].name, r, results[last]})
			}
		}
	}
	w.probes = nil
	return all, errors.Join(errs...)
}

// row is what clients of one kind felt at one VIP, and at the reference meanwhile.
type row struct {
	kind string
	world.ProbeResult
	reference world.ProbeResult
}

type felt []row

// lost counts requests, those to the reference, too.
func (f felt) lost() (n int) {
	for _, r := range f {
		n += r.Lost + r.reference.Lost
	}
	return n
}

// held is the longest stretch in which the measurement itself was held up.
func (f felt) held() (d time.Duration) {
	for _, r := range f {
		d = max(d, r.Held)
	}
	return d
}

func (f felt) String() string {
	var b strings.Builder
	fmt.Fprintf(&b, "  %-22s %9s %5s %12s %14s %8s\n", "client", "requests", "lost", "longest gap", "waited >0.1 s", "held up")
	line := func(name string, r world.ProbeResult) {
		fmt.Fprintf(&b, "    %-20s %9d %5d %9d ms %14d %5d ms\n", name, r.Sent, r.Lost, r.Longest.Milliseconds(), r.Waited, r.Held.Milliseconds())
	}
	for i, r := range f {
		if i == 0 || r.kind != f[i-1].kind {
			fmt.Fprintf(&b, "  %s\n", r.kind)
		}
		line(r.Target, r.ProbeResult)
		if i == len(f)-1 || r.kind != f[i+1].kind {
			line("reference", r.reference)
		}
	}
	b.WriteString("  reference: a server beside the pair that nobody updates, asked at the same moments\n")
	b.WriteString("  held up: for how long this machine kept the measurement itself from asking\n")
	return b.String()
}
