// Package window reckons with the times at which a change may be made: windows
// that come again every week, and freezes in which nothing may happen.
//
// Start with Calendar. Everything is a pure function of the calendar and of a
// moment that is handed in; the package asks no clock. It brings the time zones
// with it, so that a machine without them reckons like every other.
package window

import (
	"fmt"
	"slices"
	"time"
	_ "time/tzdata" // so that the same file means the same on a machine without zones
)

// Window is a stretch of time that comes again. It begins on each of Days when
// the clocks of Zone show Start, and lasts for Duration of real time.
type Window struct {
	Name     string
	Days     []time.Weekday
	Start    Clock
	Duration time.Duration // more than 0, at most MaxDuration
	Zone     *time.Location
}

// MaxDuration is how long a window may be: after a week it begins anew.
const MaxDuration = 7 * 24 * time.Hour

// Clock is a time of day on the wall.
type Clock struct{ Hour, Minute int }

func (c Clock) String() string { return fmt.Sprintf("%02d:%02d", c.Hour, c.Minute) }

// ParseClock reads "22:00".
func ParseClock(text string) (Clock, error) {
	t, err := time.Parse("15:04", text)
	if err != nil || len(text) != len("15:04") {
		return Clock{}, fmt.Errorf("%q is not a time of day", text)
	}
	return Clock{t.Hour(), t.Minute()}, nil
}

// dayNames are the days as configurations and plans have them, from Monday on.
var dayNames = []string{"mon", "tue", "wed", "thu", "fri", "sat", "sun"}

// DayNames returns the names of the days, from Monday on.
func DayNames() []string { return slices.Clone(dayNames) }

// ParseDay reads "mon" to "sun".
func ParseDay(text string) (time.Weekday, bool) {
	i := slices.Index(dayNames, text)
	return time.Weekday((i + 1) % 7), i >= 0
}

// Freeze is a stretch of time in which nothing may happen, windows or not.
type Freeze struct {
	Name string
	From time.Time      // the first moment of it
	To   time.Time      // the first moment after it
	Zone *time.Location // to show it in; nil: UTC
}

func (f *Freeze) has(t time.Time) bool { return !t.Before(f.From) && t.Before(f.To) }

// Calendar is when a change may be made: in any of the windows, or at any time
// if there is none, and in no freeze.
type Calendar struct {
	Windows []Window
	Freezes []Freeze
}

// Always reports whether the calendar leaves every moment open.
func (c *Calendar) Always() bool { return len(c.Windows) == 0 && len(c.Freezes) == 0 }

// Stretch is a time that is open from its first moment until the first one
// after it. A freeze may have cut what the windows leave open.
type Stretch struct {
	From   time.Time
	Until  time.Time // zero: it has no end
	Window *Window   // whose it is, the first of several; nil: there are no windows
}

// Left is how long the stretch lasts after a moment in it; without end it is the
// longest duration that there is.
func (s Stretch) Left(t time.Time) time.Duration {
	if s.Until.IsZero() {
		return 1<<63 - 1
	}
	return s.Until.Sub(t)
}

// Open returns the stretch that a moment is in, from that moment on. It is not ok
// where the moment is outside every window or in a freeze.
func (c *Calendar) Open(t time.Time) (Stretch, bool) {
	if c.Frozen(t) != nil {
		return Stretch{}, false
	}
	s := Stretch{From: t}
	if len(c.Windows) > 0 {
		if s.Until, s.Window = c.covered(t); s.Window == nil {
			return Stretch{}, false
		}
	}
	for i := range c.Freezes {
		if from := c.Freezes[i].From; from.After(t) && c.Freezes[i].To.After(from) && (s.Until.IsZero() || from.Before(s.Until)) {
			s.Until = from
		}
	}
	return s, true
}

// Frozen returns a freeze that a moment is in, or nil.
func (c *Calendar) Frozen(t time.Time) *Freeze {
	for i := range c.Freezes {
		if c.Freezes[i].has(t) {
			return &c.Freezes[i]
		}
	}
	return nil
}

// farthest is how far into the future windows that follow each other without a
// gap are looked at.
const farthest = 14 * 24 * time.Hour

// covered returns until when windows follow each other without a gap from a
// moment on, and the first one that the moment is in, or nil. The zero time is as far
// as it looks.
func (c *Calendar) covered(t time.Time) (until time.Time, in *Window) {
	until = t
	for grown := true; grown && until.Sub(t) < farthest; {
		grown = false
		for i := range c.Windows {
			if end, ok := c.Windows[i].end(until); ok {
				until, grown = end, true
				if in == nil {
					in = &c.Windows[i]
				}
			}
		}
	}
	if until.Sub(t) >= farthest {
		until = time.Time{}
	}
	return until, in
}

// Next returns the first stretch that begins after a moment. It is not ok where
// there is none, because the windows never come again.
func (c *Calendar) Next(after time.Time) (Stretch, bool) {
	at := after
	if open, ok := c.Open(at); ok {
		if open.Until.IsZero() {
			return Stretch{}, false
		}
		at = open.Until
	}
	for {
		if f := c.Frozen(at); f != nil {
			at = f.To
			continue
		}
		if s, ok := c.Open(at); ok && at.After(after) {
			return s, true
		}
		next, ok := c.begin(at)
		if !ok {
			return Stretch{}, false
		}
		at = next
	}
}

// begin returns when a window next begins after a moment.
func (c *Calendar) begin(after time.Time) (first time.Time, ok bool) {
	for i := range c.Windows {
		w := &c.Windows[i]
		for _, day := range w.around(after, 0, 8) {
			b := w.beginOn(day)
			if b.After(after) && (!ok || b.Before(first)) {
				first, ok = b, true
			}
		}
	}
	return first, ok
}

// end returns the latest end of the window's stretches that a moment is in.
func (w *Window) end(t time.Time) (end time.Time, ok bool) {
	for _, day := range w.around(t, 8, 0) {
		b := w.beginOn(day)
		if e := b.Add(w.Duration); !t.Before(b) && t.Before(e) && e.After(end) {
			end, ok = e, true
		}
	}
	return end, ok
}

// date is a day of the calendar.
type date struct {
	year  int
	month time.Month
	day   int
}

// around returns the dates on which the window begins, from some days before a
// moment until some days after it, and one more on either side.
func (w *Window) around(t time.Time, before, after int) []date {
	year, month, day := t.In(w.Zone).Date()
	var all []date
	for i := -before - 1; i <= after+1; i++ {
		d := time.Date(year, month, day+i, 0, 0, 0, 0, time.UTC)
		if slices.Contains(w.Days, d.Weekday()) {
			all = append(all, date{d.Year(), d.Month(), d.Day()})
		}
	}
	return all
}

func (w *Window) beginOn(d date) time.Time {
	first, _ := Resolve(time.Date(d.year, d.month, d.day, w.Start.Hour, w.Start.Minute, 0, 0, time.UTC), w.Zone)
	return first
}

// Resolve returns when the clocks of a zone show a time, which is handed in as if
// it were UTC: the first moment and the last, which differ in an hour that comes
// twice. A time that clocks jump over is the moment after the gap.
func Resolve(wall time.Time, zone *time.Location) (first, last time.Time) {
	const most = 36 * time.Hour // more than any clock is off
	at := wall.Add(-most).In(zone)
	var gap time.Time
	for {
		begin, end := at.ZoneBounds()
		_, offset := at.Zone()
		t := wall.Add(-time.Duration(offset) * time.Second).In(zone)
		late := !end.IsZero() && !t.Before(end)
		early := !begin.IsZero() && t.Before(begin)
		switch {
		case !late && !early && first.IsZero():
			first, last = t, t
		case !late && !early:
			last = t
		case early && gap.IsZero():
			gap = begin
		}
		if end.IsZero() || end.After(wall.Add(most)) {
			break
		}
		at = end
	}
	if first.IsZero() {
		first, last = gap, gap
	}
	return first, last
}
