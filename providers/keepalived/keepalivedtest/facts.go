// Package keepalivedtest has the facts of healthy nodes of a pair, for tests.
package keepalivedtest

import (
	"fmt"
	"maps"
	"slices"
	"strings"
)

// Instance is a word of the fact "instances": one with the virtual IPs 192.0.2.10 and
// 192.0.2.11. change replaces one key=value of it; "" nothing.
func Instance(name, state string, priority int, change string) string {
	word := fmt.Sprintf("%s;state=%s;want=%s;priority=%d;effective=%d;advert=1000;preempt=yes;delay=0;vmac=no;version=2;group=none;vips=192.0.2.10,192.0.2.11;",
		name, state, state, priority, priority)
	if key, value, ok := strings.Cut(change, "="); ok {
		before, rest, _ := strings.Cut(word, ";"+key+"=")
		_, after, _ := strings.Cut(rest, ";")
		word = before + ";" + key + "=" + value + ";" + after
	}
	return word
}

// Facts are what a healthy node says that has another version of each wanted package,
// "1.0-1"; as MASTER it has priority 150, and 100 otherwise.
func Facts(name string, master bool, wanted map[string]string) map[string]string {
	var words, has, would []string
	for _, pkg := range slices.Sorted(maps.Keys(wanted)) {
		words = append(words, pkg+"="+wanted[pkg])
		has = append(has, pkg+"=1.0-1")
		would = append(would, "^"+pkg+"=1.0-1>"+wanted[pkg])
	}
	facts := map[string]string{
		"archives": "there", "audit": "clean", "boot": "b", "simulated": strings.Join(would, " "), "conf": "0123456789ab",
		"configs": "haproxy/haproxy.cfg=aaaaaaaaaaaa", "disk": "/=9000000", "dead": "none", "holds": "none", "hostname": name, "supervisor": "systemd",
		"jobs": "none", "keepalived": "1", "left": "no", "listens": "tcp/192.0.2.10:80 tcp/192.0.2.11:443", "lock": "free", "nonlocal": "0 0",
		"offers": strings.Join(words, " "), "open": "none", "packages": strings.Join(has, " "), "priority_lines": "1", "reboot": "none",
		"removals": "none", "returns": strings.Join(has, " "), "services": "haproxy keepalived", "stale": "none", "skew": "0", "system": "debian 12",
		"time": "1", "track_files": "none", "uid": "0", "valid": "ok", "version": "1.0-1", "vips": "192.0.2.10 192.0.2.11",
	}
	state, priority := "BACKUP", 100
	facts["role"], facts["vips_here"] = "backup", "none"
	if master {
		state, priority = "MASTER", 150
		facts["role"], facts["vips_here"] = "master", "all"
	}
	facts["vrrp"], facts["instances"] = state, Instance("VI_1", state, priority, "")
	facts["usual"] = fmt.Sprintf("%d %d", priority, priority)
	facts["priority"] = facts["usual"]
	return facts
}
