package zevenet

import (
	"fmt"

	"zup/plan"
	"zup/providers/zevenet/arguments"
)

// boosted is the VRRP priority that boost gives a node for a moment.
const boosted = 254

// skew is how long a backup of this priority waits after the master let go, in
// milliseconds: (256 - priority)/256 of a second in VRRP version 2, whatever
// the advertisement interval is.
func skew(priority int) int64 { return int64(256-priority) * 1000 / 256 }

// preemption is after how many seconds a node of higher priority takes the role
// from a master that still serves: three advertisement intervals and its skew.
func (p *pair) preemption() int { return 3*p.deadratio + 1 }

// failbackLimit is for how many seconds an automatic failback is waited for:
// preemption starts only when the service start is through.
func (p *pair) failbackLimit() int { return 4*p.deadratio + 30 }

// priorityOf is the VRRP priority that a node has, or will have after a restart.
func (p *pair) priorityOf(n *node) int {
	if v := number(n.fact("priority")); v > 0 && v < 255 {
		return v
	}
	if n.name == p.primary {
		return 120
	}
	return 50
}

// switchover is one move of the role in a plan.
type switchover struct {
	to  *node
	how how
}

type how int

const (
	drained   how = iota // maintenance mode on the old MASTER
	restarted            // the update's restart of the old MASTER
	preempted            // the new MASTER's higher priority
)

// predict says what users of the VIPs will feel, and why that much.
func (p *pair) predict(moves []switchover) plan.Interruption {
	out := plan.Interruption{Switchovers: len(moves)}
	if len(moves) == 0 {
		out.Why = "MASTER does not move and is not touched"
		return out
	}
	worst := moves[0]
	for _, m := range moves {
		if ms := p.gap(m); ms > out.PerSwitchoverMSMax || m == moves[0] {
			out.PerSwitchoverMSMax, worst = ms, m
		}
	}
	out.Why = p.why(worst) + p.overIPv6(worst)
	return out
}

// announcing is what the product's notify scripts and its gratuitous ARP took at the
// most once VRRP had moved the role, in milliseconds, on the emulated pair.
const announcing = 100

// killing is for how long HTTP farms may be dead before keepalived lets the role go, where
// the package kills them first, in milliseconds. It takes a service stop to begin, and
// nobody has measured it on an appliance.
const killing = 1000

// killsFarmsFirst reports whether the new package's own script kills pound, and with it
// every HTTP farm, before it stops the services: what it installs is a version from 6.1.0 on.
func (p *pair) killsFarmsFirst() bool { return atLeast(p.cfg.Version, "6.1.0") }

// farmsDieFirst says that, behind what is said before it; "" where it is not so.
func (p *pair) farmsDieFirst(before string) string {
	if !p.killsFarmsFirst() {
		return ""
	}
	if p.product.name != "zevenet" {
		return before + "HTTP farms may die first: Zevenet EE's package kills pound before it stops the services since 6.1.0, and nobody has verified that this one does not"
	}
	return before + "HTTP farms die first: since 6.1.0 the package kills pound before it stops the services"
}

// gap is the longest interruption that a move can mean, in milliseconds.
func (p *pair) gap(m switchover) int64 {
	switch {
	case m.how == preempted:
		return announcing
	case m.how == drained && p.own.Boost:
		return p.takesOver(boosted) + announcing
	case m.how == restarted && p.killsFarmsFirst():
		return killing + p.takesOver(p.priorityOf(m.to)) + announcing
	default:
		return p.takesOver(p.priorityOf(m.to)) + announcing
	}
}

// askingAnew says, in one line of a plan's text, what the moves cost clients that ask
// for a VIP's MAC meanwhile, and what boost would make of that; "" where it is used, or
// has nothing to do with it.
func (p *pair) askingAnew(moves []switchover) string {
	worst := int64(0)
	for _, m := range moves {
		if m.how == drained {
			worst = max(worst, p.gap(m))
		}
	}
	switch {
	case worst == 0 || p.own.Boost || p.own.Switchover == arguments.SwitchoverRestart:
		return ""
	case p.notBoostable() != "":
		return fmt.Sprintf("clients that ask ARP anew wait ≤ %.2f s; boost is not possible", float64(worst)/1000)
	}
	return fmt.Sprintf("clients that ask ARP anew wait ≤ %.2f s; boost = true: %.2f s", float64(worst)/1000, float64(p.takesOver(boosted)+announcing)/1000)
}

func (p *pair) why(m switchover) string {
	prio := p.priorityOf(m.to)
	switch {
	case m.how == preempted:
		return fmt.Sprintf("%s takes the role while the other node still serves; up to 0.1 s were measured on the emulated pair", m.to.name)
	case m.how == drained && p.own.Boost:
		return fmt.Sprintf("the old MASTER serves until %s announces itself, which takes (256-%d)/256 s with its priority raised, and up to 0.1 s for its scripts (measured on the emulated pair)", m.to.name, boosted)
	case m.how == drained:
		return fmt.Sprintf("VRRP: %s takes over (256-%d)/256 s after MASTER let go, its scripts need up to 0.1 s more (measured on the emulated pair), and nobody answers ARP until then. Clients that know a VIP's MAC are served by the old MASTER meanwhile", m.to.name, prio)
	default:
		first := p.farmsDieFirst("")
		if first != "" {
			first += ", so they are dead while their VIPs are still on MASTER; a second is reckoned for that, nobody has measured it on an appliance. Then "
		}
		return first + fmt.Sprintf("VRRP: %s takes over (256-%d)/256 s after the update stopped keepalived on MASTER, whose farms stop meanwhile, and its scripts need up to 0.1 s more (measured on the emulated pair); a crash instead of a stop costs 3 × %d s more", m.to.name, prio, p.deadratio)
	}
}
