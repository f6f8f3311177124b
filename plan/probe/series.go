package probe

import (
	"slices"
	"time"
)

// maxBuckets bounds a Series: however long a watch lasted, it has no more
// buckets, and they get wider instead.
const maxBuckets = 720

// maxGaps is how many of the longest stretches without an answer a Series keeps
// to the microsecond.
const maxGaps = 24

// Series is what one target felt over the whole watch, short enough to be kept
// and to be drawn. Bucket i is about the requests that were sent from Begin plus
// i times BucketMS on, for BucketMS.
type Series struct {
	Begin    time.Time `json:"begin"`
	BucketMS int64     `json:"bucket_ms"`
	GapMS    []float64 `json:"gap_ms"`     // the longest stretch without an answer that reaches into the bucket
	Gaps     []Gap     `json:"gaps"`       // the longest ones of all, in the order in which they began
	Lost     []int     `json:"lost"`       // requests without an answer
	Sent     []int     `json:"sent"`       // requests
	SlowMS   []float64 `json:"slowest_ms"` // the answer that took longest; 0: there was none
}

// Gap is a stretch in which no answer arrived.
type Gap struct {
	At time.Time `json:"at"`
	MS float64   `json:"ms"`
}

// Series returns what the target of that name felt so far. Its size is bounded.
func (w *Watch) Series(name string) Series {
	for _, l := range w.lanes {
		if l.target.Name == name {
			l.mu.Lock()
			samples, end := slices.Clone(l.samples), l.ended
			l.mu.Unlock()
			if end.IsZero() {
				end = time.Now()
			}
			return series(samples, l.began, end, l.target.Interval)
		}
	}
	return Series{}
}

// series sorts samples into buckets. One is at least as wide as five requests
// are apart: narrower ones would show the clock of the probe and no network.
func series(samples []Sample, began, end time.Time, interval time.Duration) Series {
	width := bucketWidth(end.Sub(began), interval)
	n := int(max(0, end.Sub(began))/width) + 1
	s := Series{
		Begin: began.UTC(), BucketMS: width.Milliseconds(), Gaps: []Gap{},
		GapMS: make([]float64, n), Lost: make([]int, n), Sent: make([]int, n), SlowMS: make([]float64, n),
	}
	at := func(t time.Time) int { return min(max(0, int(t.Sub(began)/width)), n-1) }
	for _, x := range samples {
		i := at(x.Start)
		s.Sent[i]++
		if !x.OK {
			s.Lost[i]++
		} else {
			s.SlowMS[i] = max(s.SlowMS[i], milliseconds(x.Took))
		}
	}
	for _, g := range gaps(samples, began, end) {
		ms := milliseconds(g.until.Sub(g.from))
		for i := at(g.from); i <= at(g.until); i++ {
			s.GapMS[i] = max(s.GapMS[i], ms)
		}
		s.Gaps = append(s.Gaps, Gap{g.from.UTC(), ms})
	}
	s.Gaps = longest(s.Gaps)
	return s
}

func bucketWidth(total, interval time.Duration) time.Duration {
	width := max(5*interval, 10*time.Millisecond).Round(time.Millisecond)
	for total/width >= maxBuckets {
		width *= 2
	}
	return width
}

type stretch struct{ from, until time.Time }

// gaps returns every stretch from one answer to the next, the first one from the
// beginning and the last one to the end.
func gaps(samples []Sample, began, end time.Time) []stretch {
	var answers []time.Time
	for _, x := range samples {
		if x.OK {
			answers = append(answers, x.End())
		}
	}
	slices.SortFunc(answers, time.Time.Compare)
	if len(answers) == 0 || end.After(answers[len(answers)-1]) {
		answers = append(answers, end)
	}
	all := make([]stretch, len(answers))
	for i, until := range answers {
		all[i] = stretch{began, until}
		began = until
	}
	return all
}

// longest keeps the longest ones, in the order of time.
func longest(all []Gap) []Gap {
	slices.SortStableFunc(all, func(a, b Gap) int { return int(b.MS*1000) - int(a.MS*1000) })
	all = all[:min(len(all), maxGaps)]
	slices.SortFunc(all, func(a, b Gap) int { return a.At.Compare(b.At) })
	return slices.Clip(all)
}

func milliseconds(d time.Duration) float64 { return float64(d.Microseconds()) / 1000 }
