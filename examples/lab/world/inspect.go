//go:build linux

package world

import (
	"context"
	"encoding/base64"
	"fmt"
	"strconv"
	"strings"
)

// NodeState is what a node looks like from the inside, found out without zup
// and without the product's own judgement.
type NodeState struct {
	Role        string // master, backup, maintenance; "" while the service is stopped
	Installed   string // version that dpkg has
	Configured  string // version that global.conf has
	Audit       int    // lines of dpkg --audit: 0 is good
	HostsDeny   string
	HostsAllow  string
	Maintenance bool   // an operator's flag, or the tracked link down
	Replicators int    // processes of zeninotify
	Keepalived  int    // parent processes of keepalived: 1 is good
	Blocked     int    // ARP drop rules: two for each VIP on a node that must stay silent
	Farms       int    // web servers that run
	Marker      string // the lab's file in the replicated configuration, on one line
	Replicated  string // digest of the configuration as far as it is replicated
}

// MarkerIntact tells whether the lab's marker is as the given version's
// installation leaves it. A node that an old one has overwritten since is not.
func (s NodeState) MarkerIntact(version string) bool {
	return s.Marker == strings.ReplaceAll(strings.TrimSpace(healthChecks(version)), "\n", " ")
}

// Inspect looks at a node; nothing on it changes.
func (w *World) Inspect(ctx context.Context, node string) (NodeState, error) {
	out, err := w.ExecInput(ctx, node, w.whose.text(nodeScript("inspect")), "sh")
	if err != nil {
		return NodeState{}, fmt.Errorf("inspect %s: %w", node, err)
	}
	v := map[string]string{}
	for line := range strings.Lines(out) {
		key, value, _ := strings.Cut(strings.TrimRight(line, "\n"), " ")
		v[key] = strings.TrimSpace(value)
	}
	number := func(key string) int {
		n, _ := strconv.Atoi(v[key])
		return n
	}
	decoded := func(key string) string {
		b, _ := base64.StdEncoding.DecodeString(v[key])
		return string(b)
	}
	return NodeState{
		Role: v["role"], Installed: v["installed"], Configured: v["configured"], Audit: number("audit"),
		HostsDeny: decoded("deny"), HostsAllow: decoded("allow"),
		Maintenance: v["flag"] != "" || v["link"] == "down",
		Replicators: number("replicators"), Keepalived: number("keepalived"),
		Blocked: number("blocked"), Farms: number("farms"),
		Marker: v["marker"], Replicated: v["replicated"],
	}, nil
}

// Files returns a digest of every file, with owner and mode, below /etc,
// /usr/local/zevenet, dpkg's database, apt's lists and caches of a node, and of what
// keepalived leaves in /tmp; and how often the updater has written to the log, which it
// does each time that it is called. That is what a plan must not change.
func (w *World) Files(ctx context.Context, node string) (map[string]string, error) {
	const list = `find /etc /usr/local/zevenet /var/lib/dpkg /var/lib/apt /var/cache/apt $(find /tmp -maxdepth 1 -name 'keepalived*') \( -type f -exec sh -c 'for f; do stat -c "%u:%g:%a %n" "$f"; sha256sum <"$f"; done' sh {} + \) -o -printf '%U:%G:%m %p\n%y %l\n'
echo "- the calls of the updater"; grep -c checkupgrades /var/log/syslog || true`
	out, err := w.Exec(ctx, node, "sh", "-c", w.whose.text(list))
	if err != nil {
		return nil, fmt.Errorf("list files of %s: %w", node, err)
	}
	files := map[string]string{}
	lines := strings.Split(strings.TrimSpace(out), "\n")
	for i := 0; i+1 < len(lines); i += 2 {
		mode, path, _ := strings.Cut(lines[i], " ")
		files[path] = mode + " " + lines[i+1]
	}
	return files, nil
}
