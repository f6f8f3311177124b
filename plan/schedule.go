package plan

import (
	"fmt"
	"slices"
	"strings"
	"time"

	"zup/plan/config"
	"zup/plan/window"
)

// freezeWaiver begins the name by which a freeze is waived.
const freezeWaiver = "freeze:"

// schedule takes over when the plan may be applied.
func (p *Plan) schedule(cfg *config.Config) {
	for _, w := range cfg.Windows {
		p.Windows = append(p.Windows, Window{
			Days: w.Days, DurationS: int64(w.Duration / time.Second), Name: w.Name, Start: w.Start, Timezone: w.Timezone,
		})
	}
	for _, f := range cfg.Freezes {
		p.Freezes = append(p.Freezes, Freeze{
			From: f.From.Format(time.RFC3339), Name: f.Name, Timezone: f.Timezone, To: f.To.Format(time.RFC3339),
		})
	}
	slices.SortFunc(p.Windows, func(a, b Window) int { return strings.Compare(a.Name, b.Name) })
	slices.SortFunc(p.Freezes, func(a, b Freeze) int { return strings.Compare(a.Name, b.Name) })
}

// Calendar returns when the plan may be applied, without what is waived. An error
// says what can't be reckoned with; such a plan may never be applied.
func (p *Plan) Calendar() (*window.Calendar, error) {
	c := &window.Calendar{}
	for i := range p.Windows {
		w, err := p.Windows[i].reckon()
		if err != nil {
			return nil, fmt.Errorf("window %q: %w", p.Windows[i].Name, err)
		}
		if p.Waiver(config.WindowsWaiver) == nil {
			c.Windows = append(c.Windows, w)
		}
	}
	for i := range p.Freezes {
		f, err := p.Freezes[i].reckon()
		if err != nil {
			return nil, fmt.Errorf("freeze %q: %w", p.Freezes[i].Name, err)
		}
		if p.Waiver(freezeWaiver+f.Name) == nil {
			c.Freezes = append(c.Freezes, f)
		}
	}
	return c, nil
}

func (w *Window) reckon() (window.Window, error) {
	zone, ok := window.Zone(w.Timezone)
	if !ok {
		return window.Window{}, fmt.Errorf("unknown time zone %q", w.Timezone)
	}
	start, err := window.ParseClock(w.Start)
	if err != nil {
		return window.Window{}, err
	}
	all := window.Window{Name: w.Name, Start: start, Duration: time.Duration(w.DurationS) * time.Second, Zone: zone}
	for _, name := range w.Days {
		day, ok := window.ParseDay(name)
		if !ok {
			return all, fmt.Errorf("unknown day %q", name)
		}
		all.Days = append(all.Days, day)
	}
	if w.DurationS <= 0 || w.DurationS > int64(window.MaxDuration/time.Second) || len(all.Days) == 0 {
		return all, fmt.Errorf("it never opens, or never closes")
	}
	return all, nil
}

func (f *Freeze) reckon() (window.Freeze, error) {
	from, err := time.Parse(time.RFC3339, f.From)
	if err != nil {
		return window.Freeze{}, err
	}
	to, err := time.Parse(time.RFC3339, f.To)
	if err != nil {
		return window.Freeze{}, err
	}
	zone, ok := window.Zone(f.Timezone)
	if !ok {
		return window.Freeze{}, fmt.Errorf("unknown time zone %q", f.Timezone)
	}
	if !to.After(from) {
		return window.Freeze{}, fmt.Errorf("it ends before it begins")
	}
	return window.Freeze{Name: f.Name, From: from, To: to, Zone: zone}, nil
}

// calendarKnown: a plan whose windows nobody can reckon with could be applied at any
// time, or never.
func calendarKnown(c *checked) string {
	if _, err := c.plan.Calendar(); err != nil {
		return err.Error()
	}
	return ""
}

// Closed says why a plan may not be begun, or not be gone on with.
type Closed struct {
	Why     string   // in words
	Next    string   // when it may; in words
	Waivers []string // what stands in the way
}

// Closed looks whether a moment is open for what takes a time; nil: it is. What the
// plan waives is not in the way.
func (p *Plan) Closed(now time.Time, need time.Duration) *Closed {
	c, err := p.Calendar()
	if err != nil {
		return &Closed{Why: err.Error(), Next: "make a new plan"}
	}
	if c.Always() {
		return nil
	}
	next := nextText(c, now)
	if f := c.Frozen(now); f != nil {
		closed := &Closed{Why: fmt.Sprintf("freeze %s lasts until %s", f.Name, window.Moment(f.To, f.Zone)), Next: next}
		closed.Waivers = append(closed.Waivers, freezeWaiver+f.Name)
		if _, open := (&window.Calendar{Windows: c.Windows}).Open(now); !open {
			closed.Waivers = append(closed.Waivers, config.WindowsWaiver)
		}
		return closed
	}
	s, open := c.Open(now)
	switch {
	case !open:
		return &Closed{Why: "no window is open", Next: next, Waivers: []string{config.WindowsWaiver}}
	case s.Left(now) >= need:
		return nil
	}
	return &Closed{
		Why:     fmt.Sprintf("what is to be done takes about %s, and %s is left until %s", window.Length(need+time.Minute-1), window.Length(s.Left(now)), endText(c, s)),
		Next:    next,
		Waivers: []string{endsBy(c, s)},
	}
}

// endsBy is the waiver of what ends a stretch.
func endsBy(c *window.Calendar, s window.Stretch) string {
	if f := c.Frozen(s.Until); f != nil && f.From.Equal(s.Until) {
		return freezeWaiver + f.Name
	}
	return config.WindowsWaiver
}

func endText(c *window.Calendar, s window.Stretch) string {
	if f := c.Frozen(s.Until); f != nil && f.From.Equal(s.Until) {
		return fmt.Sprintf("freeze %s begins, %s", f.Name, window.Moment(s.Until, f.Zone))
	}
	return fmt.Sprintf("window %s ends, %s", s.Window.Name, window.Moment(s.Until, s.Zone()))
}

func nextText(c *window.Calendar, now time.Time) string {
	s, ok := c.Next(now)
	switch {
	case !ok:
		return "nothing opens any more"
	case s.Window == nil:
		return "open again from " + window.Moment(s.From, zoneOf(c, s.From)) + lastsText(s)
	}
	return fmt.Sprintf("the next window is %s: %s%s", s.Window.Name, window.Moment(s.From, s.Zone()), lastsText(s))
}

// zoneOf is the zone of the freeze that ends at a moment.
func zoneOf(c *window.Calendar, end time.Time) *time.Location {
	for i := range c.Freezes {
		if c.Freezes[i].To.Equal(end) {
			return c.Freezes[i].Zone
		}
	}
	return time.UTC
}

func lastsText(s window.Stretch) string {
	if s.Until.IsZero() {
		return ""
	}
	return ", for " + window.Length(s.Left(s.From))
}

// Opens says whether the plan may be begun at a moment, and when it may next, for
// whoever reads the plan then; "" if it may always.
func (p *Plan) Opens(now time.Time) string {
	c, err := p.Calendar()
	if err != nil || c.Always() {
		return ""
	}
	need := time.Duration(Estimate(p.Actions)) * time.Second
	if closed := p.Closed(now, need); closed != nil {
		return "not now: " + closed.Why + "; " + closed.Next + p.tooShort(c, now, need)
	}
	s, _ := c.Open(now)
	if s.Until.IsZero() {
		return "now, and at any time from now on"
	}
	return fmt.Sprintf("now, for another %s, until %s", window.Length(s.Left(now)), endText(c, s))
}

func (p *Plan) tooShort(c *window.Calendar, now time.Time, need time.Duration) string {
	if s, ok := c.Next(now); ok && s.Left(s.From) < need {
		return "; that is too short for it"
	}
	return ""
}
