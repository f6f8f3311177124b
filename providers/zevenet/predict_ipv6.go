package zevenet

import (
	"fmt"
	"strings"
)

// takesOver is for how many milliseconds a backup of this priority waits after the master
// let go.
func (p *pair) takesOver(priority int) int64 { return skew(priority) * p.skewTimes() }

// skewTimes is how many times as long as in VRRP version 2 that is: over IPv6 VRRP is
// version 3, in which the skew is a part of the advertisement interval and not of a second.
func (p *pair) skewTimes() int64 {
	if strings.Contains(p.address(p.nodes[0]), ":") {
		return int64(max(1, p.deadratio))
	}
	return 1
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
