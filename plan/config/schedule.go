package config

import (
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/hashicorp/hcl/v2"
	"github.com/zclconf/go-cty/cty"

	"zup/plan/window"
)

// Window is a stretch of time that comes again, in which a plan may be applied.
type Window struct {
	Name     string
	Days     []string      // on which it begins: "mon" to "sun", each once, from Monday on
	Start    string        // "22:00", on the clocks of Timezone
	Duration time.Duration // of real time; whole minutes, at most a week
	Timezone string        // IANA name

	Place
}

// Freeze is a stretch of time in which no plan may be applied.
type Freeze struct {
	Name     string
	From     time.Time // UTC; the first moment of it
	To       time.Time // UTC; the first moment after it
	Timezone string    // IANA name, to show it in; "UTC" where the times have an offset

	Place
}

func (l *loader) readWindows() []*Window {
	all := make([]*Window, 0, len(l.blocks.window))
	first := map[string]Place{}
	for _, block := range l.blocks.window {
		w := l.readWindow(block)
		l.once("window", w.Name, &block.LabelRanges[0], w.Place, first)
		all = append(all, w)
	}
	return all
}

func (l *loader) readFreezes() []*Freeze {
	all := make([]*Freeze, 0, len(l.blocks.freeze))
	first := map[string]Place{}
	for _, block := range l.blocks.freeze {
		f := l.readFreeze(block)
		l.once("freeze", f.Name, &block.LabelRanges[0], f.Place, first)
		all = append(all, f)
	}
	return all
}

// once checks the name of a block, which no other block of its type may have.
func (l *loader) once(kind, name string, at *hcl.Range, place Place, first map[string]Place) {
	l.checkName(kind, name, at)
	if other, twice := first[name]; twice {
		l.errorf(at, fmt.Sprintf("%s %q is declared twice", kind, name), "The first one is at %s.", lineOf(other.Range))
		return
	}
	first[name] = place
}

func (l *loader) readWindow(block *hcl.Block) *Window {
	b := l.body(block, windowLayout)
	w := &Window{Name: block.Labels[0], Place: b.place}
	w.Days = l.readDays(b)
	if text, ok := b.text("start"); ok {
		w.Start = text
		if _, err := window.ParseClock(text); err != nil {
			l.errorf(b.at("start"), fmt.Sprintf("%s is not a time of day", quoted(text)), `Write hours and minutes with two digits each, "00:00" to "23:59".`)
		}
	} else if b.absent("start") {
		l.errorf(&b.place.Range, `missing "start"`, `It is when the window begins: start = "22:00"`)
	}
	w.Duration = l.readWindowDuration(b)
	w.Timezone = l.readZone(b)
	if b.absent("timezone") {
		l.errorf(&b.place.Range, `missing "timezone"`, `It says whose clocks "start" is on: timezone = "Europe/Berlin". There is no default: it would be another one on another machine.`)
	}
	return w
}

func (l *loader) readWindowDuration(b *body) time.Duration {
	d, ok := b.duration("duration")
	switch {
	case !ok && b.absent("duration"):
		l.errorf(&b.place.Range, `missing "duration"`, `It is how long the window lasts: duration = "4h"`)
	case ok && (d < time.Minute || d > window.MaxDuration):
		l.errorf(b.at("duration"), "duration is out of range", "It is a time from 1m to %dh, a week.", int(window.MaxDuration.Hours()))
	case ok && d%time.Minute != 0:
		l.errorf(b.at("duration"), "duration is not a whole number of minutes", "A window is reckoned in minutes.")
	}
	return d
}

func (l *loader) readDays(b *body) []string {
	v, ok := b.value("days", cty.List(cty.String))
	if !ok {
		if b.absent("days") {
			l.errorf(&b.place.Range, `missing "days"`, `It lists the days on which the window begins: days = ["sat", "sun"]`)
		}
		return nil
	}
	known := window.DayNames()
	var days []string
	for _, v := range v.AsValueSlice() {
		switch day := v.AsString(); {
		case !slices.Contains(known, day):
			l.errorf(b.at("days"), fmt.Sprintf("%s is not a day", quoted(day)), "%s", dayHint(day, known))
		case slices.Contains(days, day):
			l.errorf(b.at("days"), fmt.Sprintf("%q is in the list twice", day), "Name each day once.")
		default:
			days = append(days, day)
		}
	}
	if v.LengthInt() == 0 {
		l.errorf(b.at("days"), "the window has no day", `Without one it never opens: days = ["sat", "sun"]`)
	}
	slices.SortFunc(days, func(a, b string) int { return slices.Index(known, a) - slices.Index(known, b) })
	return days
}

func dayHint(day string, known []string) string {
	lower := strings.ToLower(day)
	if len(lower) > 2 && slices.Contains(known, lower[:3]) {
		return fmt.Sprintf("Did you mean %q?", lower[:3])
	}
	return didYouMean(day, fmt.Sprintf("A day is one of %s.", list(known, "and")), known...)
}

// readZone reads the name of a time zone; it is empty where there is none.
func (l *loader) readZone(b *body) string {
	text, ok := b.text("timezone")
	if !ok {
		return ""
	}
	if _, ok := window.Zone(text); !ok {
		l.errorf(b.at("timezone"), fmt.Sprintf("unknown time zone %s", quoted(text)), "%s", zoneHint(text))
	}
	return text
}

func zoneHint(text string) string {
	const otherwise = `It is a name of the IANA database, such as "Europe/Berlin" or "UTC".`
	if strings.EqualFold(text, "local") {
		return otherwise + " The zone of the machine that zup runs on would be another one elsewhere."
	}
	names := window.ZoneNames()
	for _, name := range names { // a city without its continent
		if _, city, ok := strings.Cut(name, "/"); ok && strings.EqualFold(city, strings.ReplaceAll(text, " ", "_")) {
			return fmt.Sprintf("Did you mean %q?", name)
		}
	}
	return didYouMean(text, otherwise, names...)
}

func (l *loader) readFreeze(block *hcl.Block) *Freeze {
	b := l.body(block, freezeLayout)
	f := &Freeze{Name: block.Labels[0], Timezone: l.readZone(b), Place: b.place}
	var ok, too bool
	f.From, ok = l.readMoment(b, "from", f.Timezone, false)
	f.To, too = l.readMoment(b, "to", f.Timezone, true)
	if ok && too && !f.To.After(f.From) {
		l.errorf(b.at("to"), "the freeze ends before it begins", "It lasts from %s until %s, which is the first moment after it.",
			f.From.Format(time.RFC3339), f.To.Format(time.RFC3339))
	}
	if f.Timezone == "" {
		f.Timezone = "UTC"
	}
	return f
}

// readMoment reads a time: with an offset, or of the clocks of the freeze's zone. Of
// a time that they show twice a freeze begins with the first and ends with the last.
func (l *loader) readMoment(b *body, name, zone string, last bool) (time.Time, bool) {
	text, ok := b.text(name)
	if !ok {
		if b.absent(name) {
			l.errorf(&b.place.Range, fmt.Sprintf("missing %q", name), `A freeze has a beginning and an end: from = "2026-12-18 18:00", to = "2027-01-07 06:00", timezone = "Europe/Berlin"`)
		}
		return time.Time{}, false
	}
	t, wall, problem := parseMoment(text)
	switch {
	case problem != "":
		l.errorf(b.at(name), fmt.Sprintf("%s is not a time", quoted(text)), "%s", problem)
	case t.Year() < 1970 || t.Year() > 9998:
		l.errorf(b.at(name), fmt.Sprintf("%s is out of range", quoted(text)), "The years are 1970 to 9998.")
	case wall && zone == "" && b.absent("timezone"):
		l.errorf(b.at(name), fmt.Sprintf("%s is a time on nobody knows whose clocks", quoted(text)),
			`Add timezone = "Europe/Berlin", or write the offset: "2026-12-18T18:00:00+01:00".`)
	case !wall && !b.absent("timezone"):
		l.errorf(b.at(name), fmt.Sprintf("%s has an offset, and there is a time zone", quoted(text)), "One of the two: leave timezone out, or write the time as its clocks show it.")
	case !wall:
		return t.UTC(), true
	default:
		location, ok := window.Zone(zone)
		if !ok {
			return t, false
		}
		first, end := window.Resolve(t, location)
		if last {
			first = end
		}
		return first.UTC(), true
	}
	return t, false
}

// parseMoment reads a time with an offset, or without one, which is a wall clock's.
func parseMoment(text string) (t time.Time, wall bool, problem string) {
	if t, err := time.Parse(time.RFC3339, text); err == nil {
		return t, false, ""
	}
	for _, layout := range []string{"2006-01-02 15:04", "2006-01-02 15:04:05", "2006-01-02T15:04", "2006-01-02T15:04:05"} {
		if t, err := time.Parse(layout, text); err == nil {
			return t, true, ""
		}
	}
	if _, err := time.Parse(time.DateOnly, text); err == nil {
		return t, false, fmt.Sprintf("Write the time of day too, for a day may count or not: %q.", text+" 00:00")
	}
	return t, false, `Write one such as "2026-12-18 18:00", or with an offset "2026-12-18T18:00:00+01:00".`
}
