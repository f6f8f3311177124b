package keepalived

import (
	"fmt"
	"slices"
	"strings"

	"zup/plan"
	"zup/providers/keepalived/arguments"
)

// announcingMS is what the announcement of the addresses by keepalived took a client at the
// most, in milliseconds, in the lab.
const announcingMS = 100

// about says a way in words, for the node that gives the role away.
func (w way) about(from *node) string {
	switch w.how {
	case arguments.DrainTrack:
		return fmt.Sprintf("a file that keepalived of %s tracks lowers its priority: %s", from.name, w.file)
	case arguments.DrainPriority:
		return fmt.Sprintf("the priority of %s is lowered to %d in keepalived.conf, and put back", from.name, w.value)
	}
	return fmt.Sprintf("the other node's priority is raised to %d, and keepalived of %s stopped", w.value, from.name)
}

// predict says what users of the virtual IPs will feel, and why that much.
func (b *builder) predict() plan.Interruption {
	out := plan.Interruption{Switchovers: len(b.moved)}
	if len(b.moved) == 0 {
		out.Why = "MASTER does not move and is not touched"
		return out
	}
	for _, m := range b.moved {
		ms, why := b.pair.gap(m)
		if out.Why == "" || ms > out.PerSwitchoverMSMax {
			out.PerSwitchoverMSMax, out.Why = ms, why
		}
	}
	return out
}

// gap is the longest interruption that a move can mean, in milliseconds, and why.
func (p *pair) gap(m move) (int64, string) {
	from := p.peer(m.to)
	if m.how != arguments.DrainRaise {
		text := ""
		for i := range m.to.instances {
			of := &m.to.instances[i]
			text += fmt.Sprintf("; %s: 3 × %d ms + %d ms", of.Name, of.AdvertMS, of.SkewMS(of.Effective))
		}
		return announcingMS, fmt.Sprintf("VRRP: %s takes the role by its higher priority while %s still serves, so users wait for the announcement only, up to 0.1 s in the lab%s until then", m.to.name, from.name, text)
	}
	worst, name := 0, ""
	for i := range m.to.instances {
		if skew := m.to.instances[i].SkewMS(raised); skew >= worst {
			worst, name = skew, m.to.instances[i].Name
		}
	}
	return int64(worst + announcingMS), fmt.Sprintf("VRRP: %s has let the addresses go before %s takes them, %d ms later with priority %d (%s), and announces them, up to 0.1 s in the lab", from.name, m.to.name, worst, raised, name)
}

// cautions are sentences for the reader that no check is about.
func (b *builder) cautions() []string {
	var all []string
	for _, n := range b.pair.inOrder() {
		packages, known := b.pair.changesOf(n)
		if !known || !b.pair.needs(n) {
			continue
		}
		for _, c := range packages {
			if _, wanted := b.pair.settings.Packages[c.Name]; !wanted {
				all = append(all, fmt.Sprintf("the update of %s also brings %s %s", n.name, c.Name, c.To))
			}
		}
		for _, word := range n.words("simulated") {
			if word[0] == 'v' {
				all = append(all, fmt.Sprintf("%s goes back to an older version: %s", n.name, word[1:]))
			}
		}
	}
	for _, n := range b.pair.nodes {
		if len(b.Actions) > 0 && strings.HasPrefix(n.fact("system"), "ubuntu") {
			all = append(all, n.name+" runs Ubuntu, and nobody has verified zup there")
		}
		if len(b.moved) > 0 && slices.Contains(n.words("services"), "conntrackd") {
			all = append(all, "conntrackd runs on "+n.name+", and zup does not wait until its caches agree")
		}
	}
	if len(b.moved) > 0 {
		all = append(all, "connections that are open while MASTER moves are cut; clients have to open them again")
	}
	return all
}
