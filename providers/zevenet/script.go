package zevenet

import (
	"embed"
	"strings"

	"zup/providers/debian"
	pairs "zup/providers/pair"
	"zup/providers/vrrp"
)

//go:embed node/*.sh
var nodeScripts embed.FS

// zupDir is where zup keeps on a node what an interrupted run needs: open/NAME
// for each open temporary change, kept/ for bytes to put back, jobs/ for the
// detached jobs. A finished run leaves nothing of it.
const zupDir = "/var/lib/zup"

// variables are the names that a script of node/ may use, in the order in which
// they are set.
var variables = []struct {
	name  string
	value func(*personality) string
}{
	{"root", func(p *personality) string { return p.root }},
	{"package", func(p *personality) string { return p.pkg }},
	{"updater", func(p *personality) string { return p.updater }},
	{"upgrade", func(p *personality) string { return p.upgrade }},
	{"lists", func(p *personality) string { return p.lists }},
	{"renews", func(p *personality) string { return p.renews }},
	{"module", func(p *personality) string { return p.module }},
	{"bridge", func(p *personality) string { return p.bridge }},
	{"manager", func(p *personality) string { return p.manager }},
	{"asked_for_status", (*personality).askedForStatus},
	{"replicator", func(p *personality) string { return p.replicator }},
	{"replicators", func(p *personality) string { return strings.Join(p.replicators(), " ") }},
	{"pidfiles", func(p *personality) string { return strings.Join(p.pidfiles(), " ") }},
	{"saver", func(p *personality) string { return p.saver }},
	{"licence", func(p *personality) string { return p.licence }},
	{"sysctl", (*personality).sysctlCopy},
	{"zup", func(*personality) string { return zupDir }},
}

// functions are what several scripts use, each in a file of its own; one that
// calls another stands before it here, and after it in the script.
var functions = []struct{ name, file string }{
	{"reload_keepalived", "reload.sh"},
	{"keepalived_data", "keepalived_data.sh"},
	{"keepalived_parents", "keepalived.sh"},
	{"replicators", "replicators.sh"},
	{"is_ours", "processes.sh"},
	{"what_is_here", "whose.sh"},
	{"ask_peer", "peer.sh"},
	{"take_image", "image.sh"},
	{"check_offer", "offer.sh"},
	{"sources_of_candidate", "policy.sh"},
	{"lying", "listing.sh"},
	{"updater_steps", "steps.sh"},
	{"own_folder", "folder.sh"},
	{"deny_line", "deny_line.sh"},
	{"config_sums", "configured.sh"},
	{"pending_reboot", "pending.sh"},
	{"apt_lock", "lock.sh"},
	{"name_secrets", "secrets.sh"},
	{"sysctl_lines", "sysctl.sh"},
}

// prologue makes what a script finds on a node the same everywhere: apt, dpkg
// and non-login shells have different ideas of PATH. What somebody besides root may put
// programs into, as Debian's group staff long could, is not looked into.
const prologue = `set -u
PATH=/usr/sbin:/usr/bin:/sbin:/bin LC_ALL=C
export PATH LC_ALL
case $(stat -Lc '%u %A' /usr/local /usr/local/sbin /usr/local/bin 2>/dev/null) in
'0 d'????-??-?'
0 d'????-??-?'
0 d'????-??-?) PATH=/usr/local/sbin:/usr/local/bin:$PATH ;;
esac
`

// complete returns every script of the product, complete except for $peer.
func (p *personality) complete() map[string]string {
	all := map[string]string{}
	for _, name := range []string{
		"block", "boost", "facts", "image_prepare", "image_refresh", "image_remove", "image_use", "keep_sysctl", "last_look", "maintenance_off", "maintenance_on", "reboot", "refresh",
		"repair", "replication_start", "replication_stop", "save", "sync", "tidy", "unblock", "unboost", "update", "update_printed",
	} {
		all[name] = p.completed(read(name + ".sh"))
	}
	all["announce"] = p.completed(read("announcing.sh") + read("announce.sh"))
	for _, names := range updates() {
		var body strings.Builder
		for name := range strings.FieldsSeq(names) {
			body.WriteString(read(name + ".sh"))
		}
		all[names] = p.completed(body.String())
	}
	return all
}

// updates are the scripts that update a node, each by the names of its parts, one after
// the other: what the package takes away is kept, then from an image or not, finishing what dpkg had begun or not, and as the updater
// can.
func updates() []string {
	var all []string
	for _, image := range []string{"", "image_use "} {
		for _, half := range []string{"", "repair "} {
			for _, way := range []string{"update", "update_printed"} {
				all = append(all, "keep_sysctl "+image+half+"last_look "+way)
			}
		}
	}
	return all
}

// completed puts in front of a script's body what it uses: variables of the
// product and functions.
func (p *personality) completed(body string) string {
	text := body
	for _, f := range functions {
		if strings.Contains(text, f.name) {
			text = pairs.Uncommented(read(f.file)) + text
		}
	}
	var head strings.Builder
	head.WriteString(prologue)
	for _, v := range variables {
		if strings.Contains(text, "$"+v.name) || strings.Contains(text, "${"+v.name) {
			head.WriteString(v.name + "=" + quote(v.value(p)) + "\n")
		}
	}
	return head.String() + text
}

// read returns a part of a script: the product's own, or one of those that every pair has.
func read(name string) string {
	return pairs.Part(name, nodeScripts, vrrp.Scripts, debian.Scripts)
}

func quote(s string) string { return pairs.Quote(s) }
