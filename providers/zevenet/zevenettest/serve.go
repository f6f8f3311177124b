package zevenettest

import (
	"fmt"
	"strings"
	"sync"
	"testing"
	"time"

	"zup/providers/ssh/sshtest"
)

// Fault is what goes wrong when a script of one kind runs on one node.
type Fault struct {
	Before  bool            // the script has no effect at all
	Exit    int             // its exit status
	Stdout  string          // printed instead of what it would print
	Delay   time.Duration   // it takes this long
	Until   <-chan struct{} // it does not end before this is closed; nil: it need not wait
	AtEnd   func()          // called when only the end is left
	Prompts []sshtest.Prompt
}

// Fail says what goes wrong from now on when a script of this kind runs on a
// node. The function may change the pair, which is locked meanwhile.
func (p *Pair) Fail(node, kind string, f func(*Pair) Fault) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.faults[node+" "+kind] = f
}

// Forget takes Fail back. It is for the function of Fail itself.
func (p *Pair) Forget(node, kind string) { delete(p.faults, node+" "+kind) }

// Set makes a node say something whatever it is; an empty value takes that back.
func (p *Pair) Set(node, fact, value string) {
	p.mu.Lock()
	defer p.mu.Unlock()
	if value == "" {
		delete(p.Nodes[node].Facts, fact)
		return
	}
	p.Nodes[node].Facts[fact] = value
}

// kinds tells a script by the first words of its comment.
var kinds = []struct{ comment, kind string }{
	{"# Refreshes the package lists", "refresh"},
	{"# Saves the configuration", "save"},
	{"# Makes ready for an offline image", "prepare"},
	{"# Has apt take its packages from the offline image", "refresh"},
	{"# Takes an offline image away again", "remove-image"},
	{"# Ends the replicator by PID", "stop-replication"},
	{"# Starts the replicator:", "start-replication"},
	{"# Keeps the peer out of", "block"},
	{"# Takes the line for the peer out", "unblock"},
	{"# Updates this node with", "update"},
	{"# Finishes what dpkg had begun", "repair"}, // where nothing follows it
	{"# Raises this node's VRRP", "boost"},
	{"# Puts the VRRP priority back", "unboost"},
	{"# Puts this node into maintenance", "drain"},
	{"# Takes this node out of maintenance", "rejoin"},
	{"# One more gratuitous ARP", "announce"},
	{"# Pushes this node's configuration", "sync"},
	{"# Reboots this node", "reboot"},
	{"# Removes what zup left", "tidy"},
	{"# Reads facts of this node", "facts"},
}

// lookScript begins the script with which package ssh looks how much of a file is
// there.
const lookScript = "to=$1 part=$2 size=$3 want=$4"

// KindOf tells what a script of the provider does, as Do calls it; "" if it is none.
func KindOf(script string) string {
	for _, k := range kinds {
		if strings.Contains(script, "\n"+k.comment) {
			return k.kind
		}
	}
	return ""
}

// Serve puts a node of the pair behind an SSH server. A script that the product's
// provider does not have fails the test.
func (p *Pair) Serve(t testing.TB, node string, c sshtest.Config) *sshtest.Server {
	t.Helper()
	s := sshtest.New(t, c)
	done := map[string]bool{} // jobs: attaching does nothing again
	var mu sync.Mutex
	s.AnswerFunc(func(r sshtest.Request) (sshtest.Reply, bool) {
		kind := KindOf(r.Script)
		switch {
		case kind == "" && !strings.HasPrefix(r.Script, lookScript):
			return sshtest.Reply{}, false
		case kind == "facts":
			return sshtest.Reply{Stdout: p.printFacts(node, r.Script, r.Args)}, true
		}
		if kind == "" { // the image is there; sending one takes a real node
			p.Do("upload", node)
			return sshtest.Reply{Stdout: "there\n"}, true
		}
		mu.Lock()
		again := r.Kind == sshtest.Job && done[r.ID]
		done[r.ID] = true
		mu.Unlock()
		if again {
			return sshtest.Reply{}, true
		}
		return p.reply(node, kind), true
	})
	return s
}

// printFacts answers the facts script of one product, which may be another one than
// the node's.
func (p *Pair) printFacts(node, script string, names []string) string {
	facts := p.FactsOf(node)
	what, _, _ := strings.Cut(facts["product"], " ")
	if what != "no" && what != "community" && !strings.Contains(script, "root='/usr/local/"+p.Product+"'") {
		facts["product"] = "other " + p.Product
	}
	facts["time"] = fmt.Sprint(time.Now().Unix())
	var b strings.Builder
	for _, name := range names {
		value := facts[name]
		if value == "" {
			value = "unknown"
		}
		fmt.Fprintf(&b, "%s=%s\n", name, value)
	}
	b.WriteString("end\n")
	return b.String()
}

// reply does what the script does, or what goes wrong.
func (p *Pair) reply(node, kind string) sshtest.Reply {
	p.mu.Lock()
	fault := p.faults[node+" "+kind]
	var f Fault
	if fault != nil { // it may call Forget
		f = fault(p)
	}
	master := p.Master == node
	p.mu.Unlock()
	if !f.Before {
		p.Do(kind, node)
	}
	r := sshtest.Reply{Stdout: f.Stdout, Exit: f.Exit, Delay: f.Delay, Until: f.Until, AtEnd: f.AtEnd, Prompts: f.Prompts}
	if kind == "update" && f.Stdout == "" && f.Prompts == nil {
		r.Stdout = "Reading package lists...\n"
		if master {
			r.Prompts = append(r.Prompts, sshtest.Prompt{Text: "Are you sure? [y/N] ", Then: ""})
		}
		asks := "Do you want to continue? [Y/n] "
		if p.Apt3 {
			asks = "Upgrading:\n\x1b[32m  zevenet\n\x1b[0m\n\x1b[1mContinue?\x1b[0m [Y/n] \x1b[0m"
		}
		r.Prompts = append(r.Prompts, sshtest.Prompt{
			Text: asks, Then: "Setting up zevenet (" + p.To + ") ...\n",
		})
	}
	return r
}
