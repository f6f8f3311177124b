package probe

import (
	"encoding/json"
	"testing"
	"time"
)

// request is a sample that began so many milliseconds after the start.
func request(began time.Time, atMS, tookMS int, ok bool) Sample {
	return Sample{Start: began.Add(time.Duration(atMS) * time.Millisecond), Took: time.Duration(tookMS) * time.Millisecond, OK: ok}
}

func TestSeries(t *testing.T) {
	began := time.Unix(1000, 0)
	var samples []Sample
	for at := 0; at < 2000; at += 20 {
		ok := at < 1000 || at >= 1500
		samples = append(samples, request(began, at, 5, ok))
	}
	s := series(samples, began, began.Add(2*time.Second), 20*time.Millisecond)
	if s.BucketMS != 100 || len(s.Sent) != 21 {
		t.Fatalf("%d buckets of %d ms", len(s.Sent), s.BucketMS)
	}
	if s.Sent[3] != 5 || s.Lost[3] != 0 || s.GapMS[3] != 20 || s.SlowMS[3] != 5 {
		t.Errorf("a quiet bucket: sent %d, lost %d, gap %v, slowest %v", s.Sent[3], s.Lost[3], s.GapMS[3], s.SlowMS[3])
	}
	const gap = 1505 - 985 // the last answer before it to the first one after it
	if s.Lost[12] != 5 || s.GapMS[12] != gap || s.SlowMS[12] != 0 {
		t.Errorf("inside the gap: lost %d, gap %v, slowest %v", s.Lost[12], s.GapMS[12], s.SlowMS[12])
	}
	if len(s.Gaps) != maxGaps {
		t.Fatalf("%d gaps are kept", len(s.Gaps))
	}
	var worst Gap
	for i, g := range s.Gaps {
		if g.MS > worst.MS {
			worst = g
		}
		if i > 0 && !g.At.After(s.Gaps[i-1].At) {
			t.Error("the gaps are not in the order of time")
		}
	}
	if worst.MS != gap || !worst.At.Equal(began.Add(985*time.Millisecond)) {
		t.Errorf("the longest one is %v", worst)
	}
}

// However long a watch lasted, a series stays small.
func TestSeriesIsBounded(t *testing.T) {
	began := time.Unix(1000, 0)
	for _, length := range []time.Duration{time.Second, time.Hour, 240 * time.Hour} {
		var samples []Sample
		step := max(length/5000, 20*time.Millisecond)
		for at := time.Duration(0); at < length; at += step {
			samples = append(samples, Sample{Start: began.Add(at), Took: 1234567 * time.Nanosecond, OK: at%7 != 0})
		}
		s := series(samples, began, began.Add(length), 20*time.Millisecond)
		sent := 0
		for _, n := range s.Sent {
			sent += n
		}
		if sent != len(samples) {
			t.Errorf("%v: %d of %d requests", length, sent, len(samples))
		}
		data, err := json.Marshal(s)
		if err != nil || len(s.Sent) > maxBuckets || len(data) > 40_000 {
			t.Errorf("%v: %d buckets, %d bytes, %v", length, len(s.Sent), len(data), err)
		}
	}
}

func TestSeriesOfNothing(t *testing.T) {
	began := time.Unix(1000, 0)
	s := series(nil, began, began.Add(time.Second), 20*time.Millisecond)
	if len(s.Gaps) != 1 || s.Gaps[0].MS != 1000 || s.GapMS[5] != 1000 {
		t.Errorf("a watch without an answer: %+v", s)
	}
}
