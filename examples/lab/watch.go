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

// watch measures all VIPs from both kinds of clients at once.
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
	watch := &watch{interval: 5 * time.Millisecond * time.Duration(len(w.Clusters))}
	var vips []string
	for _, cluster := range w.Clusters {
		vips = append(vips, cluster.VIPs...)
	}
	for _, kind := range kinds {
		probe, err := w.Probe(ctx, world.ProbeOptions{
			Host: kind.host, Targets: vips, Interval: watch.interval, Forget: kind.host == world.Stranger,
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
		for _, r := range results {
			all = append(all, row{kinds[i].name, r})
		}
	}
	w.probes = nil
	return all, errors.Join(errs...)
}

type row struct {
	kind string
	world.ProbeResult
}

type felt []row

func (f felt) lost() (n int) {
	for _, r := range f {
		n += r.Lost
	}
	return n
}

func (f felt) String() string {
	var b strings.Builder
	fmt.Fprintf(&b, "  %-13s %-24s %8s %6s %12s %14s  %s\n", "VIP", "client", "requests", "lost", "longest gap", "waited >100ms", "answered by")
	for _, r := range f {
		fmt.Fprintf(&b, "  %-13s %-24s %8d %6d %9d ms %14d  %s\n", r.Target, r.kind, r.Sent, r.Lost, r.Longest.Milliseconds(), r.Waited, answeredBy(r.ByNode))
	}
	return b.String()
}

func answeredBy(byNode map[string]int) string {
	var parts []string
	for name, n := range byNode {
		parts = append(parts, fmt.Sprintf("%s %d", name, n))
	}
	if len(parts) == 2 && parts[0] > parts[1] {
		parts[0], parts[1] = parts[1], parts[0]
	}
	return strings.Join(parts, ", ")
}
