package zevenet

import (
	"encoding/base64"
	"fmt"
	"net/netip"
	"slices"
	"strings"
	pairs "zup/providers/pair"

	"zup/plan"
	"zup/providers/libwrap"
)

// The tables that libwrap reads, in that order, and the facts that have them.
const (
	allowFile = "/etc/hosts.allow"
	denyFile  = "/etc/hosts.deny"
)

// tableText decodes a hosts_allow or hosts_deny fact. ok is false when the fact
// is unknown; a file that is not there is empty.
func tableText(fact string) (text string, ok bool) {
	switch fact {
	case "absent", "empty":
		return "", true
	case unknown, "":
		return "", false
	}
	data, err := base64.StdEncoding.DecodeString(fact)
	return string(data), err == nil
}

// denyLine is the line of hosts.deny that keeps an address out of sshd, as the node's
// scripts write it.
func denyLine(address string) string {
	if strings.Contains(address, ":") {
		address = "[" + address + "]"
	}
	return "sshd: " + address
}

// doorway is what one node's libwrap is asked about another node that wants in over ssh.
type doorway struct {
	node, peer   string // names; node is the one with the tables
	to, from     string // their cluster addresses
	allow, deny  string // facts
	withoutBlock bool   // as the tables are; otherwise with the block at the end of hosts.deny
}

// decide says what becomes of the connection. ok is false where that is not known: no
// table, no address.
func (d doorway) decide() (v libwrap.Verdict, ok bool) {
	allow, known := tableText(d.allow)
	deny, knownToo := tableText(d.deny)
	from, err := netip.ParseAddr(d.from)
	if !known || !knownToo || err != nil {
		return v, false
	}
	if !d.withoutBlock {
		if deny != "" && !strings.HasSuffix(deny, "\n") { // as block.sh mends it
			deny += "\n"
		}
		deny += denyLine(d.from) + "\n"
	}
	return libwrap.Decide(libwrap.Table{Path: allowFile, Text: allow}, libwrap.Table{Path: denyFile, Text: deny}, libwrap.Connection{
		Daemon: "sshd", Port: 22, // where the product connects to
		Client: libwrap.Host{Address: from.String()}, Server: libwrap.Host{Address: d.to},
	}), true
}

// says is a line with its place, and what it does.
func (d doorway) says(l libwrap.Line, does string) string {
	words := fmt.Sprintf("line %d of %s on %s %s: %s", l.Number, l.Path, d.node, does, l.Text)
	if l.Doubt != "" {
		words += " (" + l.Doubt + ")"
	}
	return words
}

// lets says which lines let, or may let, the peer in; "" where none does.
func (d doorway) lets() string {
	v, _ := d.decide()
	var words []string
	for _, l := range v.Lines {
		switch {
		case l.Answer == libwrap.Denied:
		case l.Answer == libwrap.Granted && l.Doubt == "":
			words = append(words, d.says(l, "lets "+d.peer+" in"))
		default:
			words = append(words, d.says(l, "may let "+d.peer+" in"))
		}
	}
	return strings.Join(words, "; ")
}

// gotIn says why a peer may have got in that was to be kept out.
func (d doorway) gotIn() string {
	if v, ok := d.decide(); ok && v.Answer == libwrap.Denied {
		return fmt.Sprintf("%s and %s on %s deny %s: its sshd does not heed them, or %s comes from another address", allowFile, denyFile, d.node, d.from, d.peer)
	}
	return d.lets()
}

// keepsOut says which line keeps the peer out although it should get in; "" where none
// does.
func (d doorway) keepsOut() string {
	d.withoutBlock = true
	v, ok := d.decide()
	if !ok || v.Answer == libwrap.Granted {
		return ""
	}
	var words []string
	for _, l := range v.Lines {
		switch {
		case l.Cut:
			what := fmt.Sprintf("the last line of %s on %s has no line feed", l.Path, d.node)
			if len(l.Text) > 2000 {
				what = fmt.Sprintf("line %d of %s on %s is longer than libwrap reads", l.Number, l.Path, d.node)
			}
			words = append(words, what+", and libwrap then denies everybody whom no earlier line allows")
		case l.Doubt != "":
			words = append(words, d.says(l, "may keep "+d.peer+" out"))
		case l.Answer == libwrap.Denied:
			words = append(words, d.says(l, "keeps "+d.peer+" out"))
		}
	}
	return strings.Join(words, "; ")
}

// doorwayOf is the way into a node for its peer.
func (p *pair) doorwayOf(n *node) doorway {
	peer := p.peer(n)
	return doorway{
		node: n.name, peer: peer.name, to: p.address(n), from: p.address(peer),
		allow: n.fact("hosts_allow"), deny: n.fact("hosts_deny"),
	}
}

func allowDoesNotVoid(p *pair) pairs.Finding {
	if !p.mustBlock() {
		return pairs.Skip("nobody has to be kept out")
	}
	d := p.doorwayOf(p.master)
	v, ok := d.decide()
	if !ok {
		return pairs.Unseen("what hosts.allow and hosts.deny on "+p.master.name+" say", p.master.fact("hosts_allow")+", "+p.master.fact("hosts_deny"))
	}
	switch v.Answer {
	case libwrap.Denied:
		return pairs.Pass("no line of hosts.allow would void the block")
	case libwrap.Unsure:
		return pairs.Pass(d.lets() + "; whether the block holds is proven before anything is updated")
	}
	l := v.Lines[len(v.Lines)-1]
	if l.Path == denyFile {
		return pairs.Unfit(fmt.Sprintf("hosts.deny on %s lets %s in before it comes to the block", p.master.name, p.backup.name),
			fmt.Sprintf("line %d: %s", l.Number, l.Text), "take the line out for the time of the update")
	}
	return pairs.Unfit(fmt.Sprintf("hosts.allow on %s lets %s in, whatever hosts.deny says", p.master.name, p.backup.name),
		fmt.Sprintf("line %d: %s", l.Number, l.Text), "libwrap reads hosts.allow first: take the line out for the time of the update")
}

// Evidence lists the facts that tell why conditions that did not hold may not have: of
// one node that does not get into its peer, or gets in although it must not, what libwrap
// reads on the peer.
func (Provider) Evidence(c *plan.Cluster, missed []plan.Condition) []plan.Fact {
	var facts []plan.Fact
	for _, m := range missed {
		for _, n := range c.Nodes {
			if m.Fact != "peer_ssh" || n.Name == m.Node {
				continue
			}
			for _, name := range []string{"hosts_allow", "hosts_deny", "nodes"} {
				if f := (plan.Fact{Fact: name, Node: n.Name}); !slices.Contains(facts, f) {
					facts = append(facts, f)
				}
			}
		}
	}
	return facts
}

// Explain says why conditions may not hold, in words; "" where the evidence does not tell.
func (Provider) Explain(c *plan.Cluster, missed []plan.Condition, evidence map[plan.Fact]string) string {
	var words []string
	for _, m := range missed {
		for _, n := range c.Nodes {
			if m.Fact != "peer_ssh" || n.Name == m.Node {
				continue
			}
			of := func(name string) string { return evidence[plan.Fact{Fact: name, Node: n.Name}] }
			d := doorway{node: n.Name, peer: m.Node, allow: of("hosts_allow"), deny: of("hosts_deny")}
			for _, member := range strings.Fields(of("nodes")) {
				switch name, address, _ := strings.Cut(member, "="); name {
				case d.node:
					d.to = address
				case d.peer:
					d.from = address
				}
			}
			why := d.keepsOut
			if slices.Contains(m.Is, "refused") {
				why = d.gotIn
			}
			if w := why(); w != "" && !slices.Contains(words, w) {
				words = append(words, w)
			}
		}
	}
	return strings.Join(words, "; ")
}
