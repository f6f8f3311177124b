package zevenet

import (
	"fmt"
	"strings"
)

// skewTimes is how many times as long as in VRRP version 2 a backup waits after the master
// let go: over IPv6 VRRP is version 3, in which the skew is a part of the advertisement
// interval and not of a second.
func (p *pair) skewTimes() int64 {
	if strings.Contains(p.address(p.nodes[0]), ":") {
		return int64(max(1, p.deadratio))
	}
	return 1
}

// waitsLonger is by how much that makes a move's interruption longer, in milliseconds.
func (p *pair) waitsLonger(m switchover) int64 {
	switch {
	case m.how == preempted:
		return 0
	case m.how == drained && p.own.Boost:
		return skew(boosted) * (p.skewTimes() - 1)
	default:
		return skew(p.priorityOf(m.to)) * (p.skewTimes() - 1)
	}
}

// overIPv6 says behind what is said of a move what is otherwise over IPv6; "" where nothing
// is.
func (p *pair) overIPv6(m switchover) string {
	var words string
	if n := p.skewTimes(); n > 1 && m.how != preempted {
		words = fmt.Sprintf(". Over IPv6 VRRP is version 3: the takeover waits %d times as long", n)
	}
	if m.how == drained && p.hasIPv6() {
		words += ". At an IPv6 VIP nobody is served meanwhile: the old MASTER drops what comes there at once"
	}
	return words
}
