package keepalived

import (
	"embed"
	"strconv"
	"strings"

	"zup/providers/debian"
	pairs "zup/providers/pair"
	"zup/providers/vrrp"
)

//go:embed node/*.sh
var nodeScripts embed.FS

// zupDir is where zup keeps on a node what an interrupted run needs: open/NAME for each
// open temporary change, kept/ for bytes to put back, jobs/ for the detached jobs.
const zupDir = "/var/lib/zup"

// functions are what several scripts use, each in a file of its own; one that calls
// another stands before it here, and after it in the script.
var functions = []struct{ name, file string }{
	{"put_back", "put_back.sh"},
	{"replace_priorities", "priorities.sh"},
	{"reload_keepalived", "reload.sh"},
	{"keepalived_data", ""},
	{"keepalived_parents", "keepalived.sh"},
	{"is_ours", "processes.sh"},
	{"own_folder", "folder.sh"},
	{"pending_reboot", "pending.sh"},
	{"apt_lock", "lock.sh"},
	{"stale_units", "stale.sh"},
}

// prologue makes what a script finds on a node the same everywhere.
const prologue = `set -u
PATH=/usr/sbin:/usr/bin:/sbin:/bin LC_ALL=C
export PATH LC_ALL
`

// variable is what a script is told.
type variable struct{ name, value string }

// script returns a script of node/, complete: with what it uses of functions, and with
// the variables that it is told.
func script(name string, told ...variable) string {
	text := read(name + ".sh")
	for _, f := range functions {
		if strings.Contains(text, f.name) {
			text = pairs.Uncommented(function(f.file)) + text
		}
	}
	var head strings.Builder
	head.WriteString(prologue)
	for _, v := range append([]variable{{"zup", zupDir}}, told...) {
		head.WriteString(v.name + "=" + quote(v.value) + "\n")
	}
	return head.String() + text
}

func function(file string) string {
	if file == "" {
		return vrrp.AskAll()
	}
	return read(file)
}

// read returns a part of a script: the product's own, or one of those that every pair has.
func read(name string) string {
	return pairs.Part(name, nodeScripts, vrrp.Scripts, debian.Scripts)
}

func quote(s string) string { return pairs.Quote(s) }

func number(n int) string { return strconv.Itoa(n) }
