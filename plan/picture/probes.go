package picture

import (
	"fmt"
	"math"
)

// Plot is what probes have measured over a run, one lane each, on one clock.
type Plot struct {
	ID      string
	Title   string
	Desc    string
	End     float64 // seconds since the run began
	LimitMS float64 // what a gap may be; 0: there is no limit
	Lanes   []ProbeLane
	Marks   []Mark
}

// ProbeLane is one probe.
type ProbeLane struct {
	Name    string
	Note    string // below its name
	Buckets []Bucket
}

// Bucket is a short stretch of time of a probe.
type Bucket struct {
	From, To float64
	GapMS    float64 // longest stretch without an answer that reaches into it
	Lost     int
}

const (
	plotH   = 84.0
	plotGap = 38.0
	leastMS = 1.0
	mostMS  = 100_000.0
)

// level is how high a gap is drawn, of 1. The scale is logarithmic: ten
// milliseconds and ten seconds have to be told apart on one lane.
func level(ms float64) float64 {
	return math.Log10(min(max(ms, leastMS), mostMS)/leastMS) / math.Log10(mostMS/leastMS)
}

// Probes draws the longest gap of every moment, lost requests below it, and the
// moments at which MASTER moved.
func Probes(p Plot) string {
	s := scale{max(p.End, 1)}
	rows := markRows(p.Marks, s)
	top := 34 + markH*float64(1+maxOf(rows))
	bottom := top + float64(len(p.Lanes))*(plotH+plotGap)
	c := open(p.ID, p.Title, p.Desc, wide, bottom-plotGap+62)
	c.axis(s, top-4, bottom-plotGap+8)
	for i, l := range p.Lanes {
		c.probe(l, p.LimitMS, s, top+float64(i)*(plotH+plotGap))
	}
	c.marks(p.Marks, rows, s, bottom-plotGap+8)
	y := bottom - plotGap + 50
	c.rect("p-gap", gutter, y-10, 12, 12)
	c.text("p-small", "start", gutter+18, y, "longest time without an answer (each line ten times the one below)")
	c.rect("p-lost", gutter+452, y-8, 12, 8)
	c.text("p-small", "start", gutter+470, y, "✗ requests lost")
	return c.close()
}

func (c *canvas) probe(l ProbeLane, limit float64, s scale, y float64) {
	floor := y + plotH - 12
	height := plotH - 12
	for _, ms := range []float64{10, 100, 1000, 10_000} {
		at := floor - height*level(ms)
		c.line("p-axis", gutter, at, wide-margin, at)
		c.text("p-small", "end", gutter-6, at+4, milliseconds(ms))
	}
	name := fit(l.Name, 240)
	c.text("p-name p-halo", "start", gutter, y-8, name)
	c.text("p-small p-halo", "start", gutter+12+bold(name), y-8, fit(l.Note, 480))
	var d string
	lost := 0
	for i, b := range l.Buckets {
		x, next := s.x(b.From), s.x(b.To)
		h := height * level(b.GapMS)
		if i == 0 || l.Buckets[i-1].To < b.From-0.001 {
			d += fmt.Sprintf("M%s %s", num(x), num(floor))
		}
		d += fmt.Sprintf("V%sH%s", num(floor-h), num(next))
		if i == len(l.Buckets)-1 || l.Buckets[i+1].From > b.To+0.001 {
			d += fmt.Sprintf("V%sZ", num(floor))
		}
		if lost += b.Lost; b.Lost > 0 {
			c.rect("p-lost", x, floor+3, max(next-x, 3), 7)
		}
	}
	if d != "" {
		c.path("p-gap", d)
	}
	if limit > 0 {
		at := floor - height*level(limit)
		c.line("p-limit", gutter, at, wide-margin, at)
		c.text("p-small p-halo", "end", wide-margin, at-3, "limit "+milliseconds(limit))
	}
	if lost > 0 {
		c.text("p-small p-halo", "end", gutter-6, floor+10, fmt.Sprintf("✗ %d lost", lost))
	}
}

func milliseconds(ms float64) string {
	if ms < 1000 {
		return fmt.Sprintf("%.0f ms", ms)
	}
	return fmt.Sprintf("%g s", ms/1000)
}
