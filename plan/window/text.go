package window

import (
	"fmt"
	"time"
)

// Moment writes a time as the clocks of a zone show it, and in UTC:
// "Sat 2026-11-28 22:00 CET (21:00 UTC)". A nil zone is UTC.
func Moment(t time.Time, zone *time.Location) string {
	const day = "Mon 2006-01-02"
	utc := t.UTC()
	if zone == nil {
		zone = time.UTC
	}
	local := t.In(zone)
	if _, offset := local.Zone(); offset == 0 {
		return utc.Format(day + " 15:04 UTC")
	}
	layout := "15:04 UTC"
	if local.Day() != utc.Day() {
		layout = "Mon 15:04 UTC"
	}
	return local.Format(day+" 15:04 MST") + " (" + utc.Format(layout) + ")"
}

// Zone is the one in which to show the stretch.
func (s Stretch) Zone() *time.Location {
	if s.Window == nil {
		return time.UTC
	}
	return s.Window.Zone
}

// Length writes a duration in minutes, for people: "45 min", "3 h 30 min", "2 d".
// What is begun of a minute does not count.
func Length(d time.Duration) string {
	minutes := int(d / time.Minute)
	days, hours, minutes := minutes/60/24, minutes/60%24, minutes%60
	text := ""
	for _, part := range []struct {
		n    int
		unit string
	}{{days, "d"}, {hours, "h"}, {minutes, "min"}} {
		if part.n > 0 {
			text += fmt.Sprintf(" %d %s", part.n, part.unit)
		}
	}
	if text == "" {
		return "less than 1 min"
	}
	return text[1:]
}
