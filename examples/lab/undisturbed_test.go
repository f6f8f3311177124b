//go:build linux

package main

import (
	"fmt"
	"math"
	"slices"
	"testing"
	"time"
)

// Whether a switchover was felt is judged against the reference, a server beside the
// pair that nobody updates: it has the same web server on the same bridge, and the same
// prober asks it at the same moments as the VIPs. What the machine does to everybody,
// it does to the reference; what is felt beyond that, the switchover did.

// wantedOne is the number of requests for each that a planned switchover may lose: the
// connections that are open at the very moment in which the role moves are cut, and one
// of 5,000 may be.
const wantedOne = 5000

// longer is how many times longer than the reference's longest gap that of a VIP must
// not be. There are more VIPs than references, and each gap is the longest of thousands,
// so a VIP that nothing happens to has a longer one now and then. Five times is a choice
// and no measurement; a switchover that goes wrong is far beyond it.
const longer = 5

// beyond is what was felt at VIPs beyond what was felt at the reference.
type beyond struct {
	asked  int           // pairs of requests at the same moment, one to a VIP and one to the reference
	vip    int           // only the VIP's was lost
	others int           // only the reference's was lost
	gap    time.Duration // the longest of a VIP
	usual  time.Duration // the longest of the reference
}

// plus adds up what was lost; the gaps are those of c.
func (b beyond) plus(c beyond) beyond {
	return beyond{b.asked + c.asked, b.vip + c.vip, b.others + c.others, c.gap, c.usual}
}

// beyondReference compares what clients of these kinds felt.
func (f felt) beyondReference(kinds ...string) (b beyond) {
	for _, r := range f {
		if !slices.Contains(kinds, r.kind) {
			continue
		}
		for i := range min(len(r.Samples), len(r.reference.Samples)) {
			b.asked++
			switch vip, other := r.Samples[i].OK, r.reference.Samples[i].OK; {
			case !vip && other:
				b.vip++
			case vip && !other:
				b.others++
			}
		}
		b.gap, b.usual = max(b.gap, r.Longest), max(b.usual, r.reference.Longest)
	}
	return b
}

// lost is what was lost beyond the reference, how much of it may be, and from what
// number on chance can't explain it. A request that only one of the two loses, without a
// switchover in between, is as likely the one as the other, so each of them counts once
// for and once against, and what they are apart varies with the root of their number:
// two standard deviations of that may be, three of all are not chance.
func (b beyond) lost() (excess, may, never float64) {
	moves, machine := float64(b.asked)/wantedOne, 2*float64(b.others)
	return float64(b.vip - b.others), moves + 2*math.Sqrt(machine), moves + 3*math.Sqrt(moves+machine)
}

func (b beyond) interrupted() bool { return b.gap > longer*b.usual }

func (b beyond) String() string {
	return fmt.Sprintf("of %d pairs of requests %d lost at a VIP only and %d at the reference only, longest gap %d ms, the reference's %d ms",
		b.asked, b.vip, b.others, b.gap.Milliseconds(), b.usual.Milliseconds())
}

// judgement is what several measurements of the same thing say together.
type judgement struct {
	all         beyond
	interrupted int // measurements with a gap
	measured    int
}

// measurements is how many there may be.
const measurements = 3

// add takes one more measurement into account. Whether a request is on its way just
// when the role moves is chance, so losses are judged over all measurements, and a gap
// has to come twice. It is settled when another one would not change anything.
func (j *judgement) add(b beyond) (settled, fine bool) {
	j.all = j.all.plus(b)
	j.measured++
	if b.interrupted() {
		j.interrupted++
	}
	excess, may, never := j.all.lost()
	if excess > never || j.interrupted > 1 {
		return true, false
	}
	fine = excess <= may && !b.interrupted()
	return fine || j.measured == measurements, fine
}

// undisturbed asserts that clients of these kinds feel next to nothing.
func undisturbed(t *testing.T, measure func(t *testing.T) felt, kinds ...string) {
	t.Helper()
	var j judgement
	for settled, fine := false, false; !settled; {
		var all felt
		t.Run(fmt.Sprintf("measurement %d", j.measured+1), func(t *testing.T) { all = measure(t) })
		if t.Failed() {
			return
		}
		b := all.beyondReference(kinds...)
		if settled, fine = j.add(b); settled && !fine {
			t.Fatalf("felt: %v; in all measurements %v", b, j.all)
		}
		t.Log(b)
	}
}

// A switchover that loses its users' requests is told from a machine that does.
func TestJudgement(t *testing.T) {
	const ms = time.Millisecond
	quiet := beyond{asked: 11000, gap: 12 * ms, usual: 9 * ms}
	cut := beyond{asked: 11000, vip: 4, gap: 14 * ms, usual: 9 * ms} // by the move itself
	gap := beyond{asked: 11000, gap: 60 * ms, usual: 9 * ms}
	busy := beyond{asked: 24000, vip: 320, others: 300, gap: 1900 * ms, usual: 2100 * ms}
	for _, tt := range []struct {
		name     string
		measured []beyond
		fine     bool
	}{
		{"quiet", []beyond{quiet}, true},
		{"everybody is held up", []beyond{busy}, true},
		{"the reference loses more", []beyond{{asked: 11000, vip: 2, others: 90, gap: 90 * ms, usual: 800 * ms}}, true},
		{"cut by chance", []beyond{cut, quiet}, true},
		{"cut each time", []beyond{cut, cut, cut}, false},
		{"a gap once", []beyond{gap, quiet}, true},
		{"a gap twice", []beyond{gap, gap}, false},
		{"refused for a tenth of a second", []beyond{{asked: 11000, vip: 20, gap: 100 * ms, usual: 40 * ms}}, false},
		{"the same on a busy machine", []beyond{{asked: 11000, vip: 60, others: 10, gap: 300 * ms, usual: 200 * ms}}, false},
		{"without settle, as measured", []beyond{{asked: 14166, vip: 137, gap: 360 * ms, usual: 8 * ms}}, false},
	} {
		t.Run(tt.name, func(t *testing.T) {
			var j judgement
			for i, b := range tt.measured {
				settled, fine := j.add(b)
				if last := i == len(tt.measured)-1; settled != last || fine != (last && tt.fine) {
					t.Errorf("measurement %d, %v: settled %v, fine %v", i+1, b, settled, fine)
				}
			}
		})
	}
}
