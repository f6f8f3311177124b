package window

import (
	"archive/zip"
	"flag"
	"os"
	"path/filepath"
	"runtime"
	"slices"
	"strings"
	"testing"
	"time"

	"pgregory.net/rapid"
)

var update = flag.Bool("update", false, "rewrite the list of zones")

// The list of zones is that of the database that Go brings along; -update writes it.
func TestZoneNames(t *testing.T) {
	//lint:ignore SA1019 the tests run where Go is
	path := filepath.Join(runtime.GOROOT(), "lib", "time", "zoneinfo.zip")
	r, err := zip.OpenReader(path)
	if err != nil {
		if os.Getenv("ZUP_CI") != "" {
			t.Fatalf("this Go has no list of zones: %v", err)
		}
		t.Skipf("this Go has no list of zones: %v", err)
	}
	defer r.Close()
	var names []string
	for _, f := range r.File {
		if !strings.HasSuffix(f.Name, "/") && f.Name != "Factory" {
			names = append(names, f.Name)
		}
	}
	slices.Sort(names)
	want := strings.Join(names, "\n") + "\n"
	if *update {
		if err := os.WriteFile("zones.txt", []byte(want), 0o644); err != nil {
			t.Fatal(err)
		}
		return
	}
	if zoneNames != want {
		t.Error("zones.txt is not what Go has; write it with -update")
	}
}

func TestZone(t *testing.T) {
	for _, name := range ZoneNames() {
		if _, ok := Zone(name); !ok {
			t.Errorf("%s is not known", name)
		}
	}
	for _, name := range []string{"", "Local", "europe/berlin", "Europe/Berlim", "../UTC", "posix/UTC", "CEST", "Europe/Berlin\nUTC", "Europe"} {
		if _, ok := Zone(name); ok {
			t.Errorf("%q is known", name)
		}
	}
}

func zone(t testing.TB, name string) *time.Location {
	t.Helper()
	z, ok := Zone(name)
	if !ok {
		t.Fatalf("no zone %q", name)
	}
	return z
}

func at(t testing.TB, text string) time.Time {
	t.Helper()
	moment, err := time.Parse(time.RFC3339, text)
	if err != nil {
		t.Fatal(err)
	}
	return moment
}

// weekly is a window on the named days.
func weekly(t testing.TB, days, start, duration, zoneName string) Window {
	t.Helper()
	w := Window{Name: days, Zone: zone(t, zoneName)}
	for _, name := range strings.Fields(days) {
		day, ok := ParseDay(name)
		if !ok {
			t.Fatalf("no day %q", name)
		}
		w.Days = append(w.Days, day)
	}
	var err error
	if w.Start, err = ParseClock(start); err != nil {
		t.Fatal(err)
	}
	if w.Duration, err = time.ParseDuration(duration); err != nil {
		t.Fatal(err)
	}
	return w
}

// In 2026, clocks in Berlin jump from 2:00 to 3:00 on Sunday, March 29th, and go
// back from 3:00 to 2:00 on Sunday, October 25th. On Lord Howe Island it is half an
// hour; in Nuuk it happens on Saturday evening; Apia had no December 30th in 2011.
func TestNext(t *testing.T) {
	const never = ""
	for _, tt := range []struct {
		name        string
		windows     []Window
		freezes     [][2]string
		now         string
		open        string // until when it is open now; "": it is not
		from, until string // of the next stretch
	}{
		{
			name: "ordinary", windows: []Window{weekly(t, "sat sun", "22:00", "4h", "Europe/Berlin")},
			now: "2026-11-25T12:00:00Z", from: "2026-11-28T22:00:00+01:00", until: "2026-11-29T02:00:00+01:00",
		}, {
			name: "first moment", windows: []Window{weekly(t, "sat", "22:00", "4h", "Europe/Berlin")},
			now: "2026-11-28T21:00:00Z", open: "2026-11-29T01:00:00Z", from: "2026-12-05T21:00:00Z", until: "2026-12-06T01:00:00Z",
		}, {
			name: "first moment after", windows: []Window{weekly(t, "sat", "22:00", "4h", "Europe/Berlin")},
			now: "2026-11-29T01:00:00Z", from: "2026-12-05T21:00:00Z", until: "2026-12-06T01:00:00Z",
		}, {
			name: "over midnight, from yesterday", windows: []Window{weekly(t, "sat", "22:00", "4h", "Europe/Berlin")},
			now: "2026-11-29T00:59:59Z", open: "2026-11-29T01:00:00Z", from: "2026-12-05T21:00:00Z", until: "2026-12-06T01:00:00Z",
		}, {
			name: "in the hour that does not exist", windows: []Window{weekly(t, "sun", "02:30", "1h", "Europe/Berlin")},
			now: "2026-03-28T12:00:00Z", from: "2026-03-29T03:00:00+02:00", until: "2026-03-29T04:00:00+02:00",
		}, {
			name: "on the edge of that hour", windows: []Window{weekly(t, "sun", "02:00", "1h", "Europe/Berlin")},
			now: "2026-03-28T12:00:00Z", from: "2026-03-29T03:00:00+02:00", until: "2026-03-29T04:00:00+02:00",
		}, {
			name: "over that hour: four real hours", windows: []Window{weekly(t, "sat", "23:00", "4h", "Europe/Berlin")},
			now: "2026-03-28T12:00:00Z", from: "2026-03-28T23:00:00+01:00", until: "2026-03-29T04:00:00+02:00",
		}, {
			name: "in the hour that comes twice", windows: []Window{weekly(t, "sun", "02:30", "1h", "Europe/Berlin")},
			now: "2026-10-24T12:00:00Z", from: "2026-10-25T02:30:00+02:00", until: "2026-10-25T02:30:00+01:00",
		}, {
			name: "over that hour: four real hours again", windows: []Window{weekly(t, "sat", "23:00", "4h", "Europe/Berlin")},
			now: "2026-10-24T12:00:00Z", from: "2026-10-24T23:00:00+02:00", until: "2026-10-25T02:00:00+01:00",
		}, {
			name: "half an hour that does not exist", windows: []Window{weekly(t, "sun", "02:15", "1h", "Australia/Lord_Howe")},
			now: "2026-10-03T00:00:00Z", from: "2026-10-04T02:30:00+11:00", until: "2026-10-04T03:30:00+11:00",
		}, {
			name: "half an hour that comes twice", windows: []Window{weekly(t, "sun", "01:45", "1h", "Australia/Lord_Howe")},
			now: "2026-04-04T00:00:00Z", from: "2026-04-05T01:45:00+11:00", until: "2026-04-05T02:15:00+10:30",
		}, {
			name: "a gap over midnight", windows: []Window{weekly(t, "sun", "00:30", "1h", "America/Nuuk")},
			now: "2026-03-28T12:00:00Z", from: "2026-03-29T00:30:00-01:00", until: "2026-03-29T01:30:00-01:00",
		}, {
			name: "a gap at midnight", windows: []Window{weekly(t, "sun", "00:00", "1h", "America/Havana")},
			now: "2026-03-07T12:00:00Z", from: "2026-03-08T01:00:00-04:00", until: "2026-03-08T02:00:00-04:00",
		}, {
			name: "a day that does not exist", windows: []Window{weekly(t, "fri", "22:00", "1h", "Pacific/Apia")},
			now: "2011-12-29T12:00:00Z", from: "2011-12-31T00:00:00+14:00", until: "2011-12-31T01:00:00+14:00",
		}, {
			name: "two that overlap are one stretch",
			windows: []Window{
				weekly(t, "sat", "22:00", "4h", "Europe/Berlin"), weekly(t, "sat", "23:00", "4h", "UTC"),
			},
			now: "2026-11-25T12:00:00Z", from: "2026-11-28T21:00:00Z", until: "2026-11-29T03:00:00Z",
		}, {
			name: "a freeze over the next one", windows: []Window{weekly(t, "sat sun", "22:00", "4h", "Europe/Berlin")},
			freezes: [][2]string{{"2026-11-28T00:00:00Z", "2026-11-29T12:00:00Z"}},
			now:     "2026-11-25T12:00:00Z", from: "2026-11-29T21:00:00Z", until: "2026-11-30T01:00:00Z",
		}, {
			name: "a freeze cuts the beginning", windows: []Window{weekly(t, "sat sun", "22:00", "4h", "Europe/Berlin")},
			freezes: [][2]string{{"2026-11-28T00:00:00Z", "2026-11-28T22:30:00Z"}},
			now:     "2026-11-25T12:00:00Z", from: "2026-11-28T22:30:00Z", until: "2026-11-29T01:00:00Z",
		}, {
			name: "a freeze cuts the end", windows: []Window{weekly(t, "sat sun", "22:00", "4h", "Europe/Berlin")},
			freezes: [][2]string{{"2026-11-28T23:00:00Z", "2026-11-29T12:00:00Z"}},
			now:     "2026-11-28T21:30:00Z", open: "2026-11-28T23:00:00Z", from: "2026-11-29T21:00:00Z", until: "2026-11-30T01:00:00Z",
		}, {
			name: "a freeze in the middle", windows: []Window{weekly(t, "sat", "22:00", "4h", "Europe/Berlin")},
			freezes: [][2]string{{"2026-11-28T22:00:00Z", "2026-11-28T23:00:00Z"}},
			now:     "2026-11-28T21:30:00Z", open: "2026-11-28T22:00:00Z", from: "2026-11-28T23:00:00Z", until: "2026-11-29T01:00:00Z",
		}, {
			name: "a freeze of centuries", windows: []Window{weekly(t, "mon tue wed thu fri sat sun", "22:00", "4h", "Europe/Berlin")},
			freezes: [][2]string{{"1970-01-01T00:00:00Z", "2969-12-31T00:00:00Z"}},
			now:     "2026-11-28T21:30:00Z", from: "2969-12-31T00:00:00Z", until: "2969-12-31T01:00:00Z",
		}, {
			name: "windows without a gap, until a freeze", windows: []Window{weekly(t, "mon tue wed thu fri sat sun", "00:00", "168h", "UTC")},
			freezes: [][2]string{{"2026-12-18T00:00:00Z", "2027-01-07T00:00:00Z"}},
			now:     "2026-11-28T21:30:00Z", open: "2026-12-18T00:00:00Z", from: "2027-01-07T00:00:00Z", until: never,
		}, {
			name:    "only a freeze, before it",
			freezes: [][2]string{{"2026-12-18T00:00:00Z", "2027-01-07T00:00:00Z"}},
			now:     "2026-11-28T21:30:00Z", open: "2026-12-18T00:00:00Z", from: "2027-01-07T00:00:00Z", until: never,
		}, {
			name:    "only a freeze, after it",
			freezes: [][2]string{{"2026-12-18T00:00:00Z", "2027-01-07T00:00:00Z"}},
			now:     "2027-01-07T00:00:00Z", open: "never", from: never,
		},
	} {
		t.Run(tt.name, func(t *testing.T) {
			c := Calendar{Windows: tt.windows}
			for _, f := range tt.freezes {
				c.Freezes = append(c.Freezes, Freeze{Name: "f", From: at(t, f[0]), To: at(t, f[1])})
			}
			s, ok := c.Open(at(t, tt.now))
			switch {
			case ok != (tt.open != ""):
				t.Errorf("open now: %t", ok)
			case ok && tt.open == "never":
				if !s.Until.IsZero() {
					t.Errorf("open now until %s", s.Until)
				}
			case ok && !s.Until.Equal(at(t, tt.open)):
				t.Errorf("open now until %s", s.Until)
			}
			next, ok := c.Next(at(t, tt.now))
			if ok != (tt.from != "") {
				t.Fatalf("next: %v, %t", next, ok)
			}
			if ok && !next.From.Equal(at(t, tt.from)) {
				t.Errorf("next begins at %s", next.From)
			}
			if ok && tt.until == never != next.Until.IsZero() || ok && tt.until != never && !next.Until.Equal(at(t, tt.until)) {
				t.Errorf("next ends at %s", next.Until)
			}
		})
	}
}

// naive finds when clocks show a time by looking at every minute.
func naive(wall time.Time, zone *time.Location) time.Time {
	for t := wall.Add(-36 * time.Hour); ; t = t.Add(time.Minute) {
		y, m, d := t.In(zone).Date()
		if shown := time.Date(y, m, d, t.In(zone).Hour(), t.In(zone).Minute(), 0, 0, time.UTC); !shown.Before(wall) {
			return t
		}
	}
}

var zones = rapid.SampledFrom([]string{
	"UTC", "Europe/Berlin", "Europe/London", "Europe/Dublin", "America/New_York", "America/St_Johns", "America/Nuuk", "America/Havana",
	"Australia/Lord_Howe", "Pacific/Chatham", "Pacific/Apia", "Asia/Kathmandu", "Asia/Tehran", "Africa/Casablanca", "Antarctica/Troll",
})

// moment is a minute between 2010 and 2037, more often than not near a change of
// the clocks.
func moment(t *rapid.T, z *time.Location) time.Time {
	m := time.Unix(rapid.Int64Range(1262304000/60, 2114380800/60).Draw(t, "minute")*60, 0).UTC()
	if _, end := m.In(z).ZoneBounds(); !end.IsZero() && rapid.IntRange(0, 3).Draw(t, "near") > 0 {
		m = end.UTC().Truncate(time.Minute).Add(time.Duration(rapid.IntRange(-3000, 3000).Draw(t, "off")) * time.Minute)
	}
	return m
}

func TestResolveIsTheFirstMinute(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		z := zone2(t)
		m := moment(t, z).In(z)
		wall := time.Date(m.Year(), m.Month(), m.Day(), m.Hour(), m.Minute(), 0, 0, time.UTC).
			Add(time.Duration(rapid.IntRange(-120, 120).Draw(t, "shift")) * time.Minute)
		first, last := Resolve(wall, z)
		if want := naive(wall, z); !first.Equal(want) {
			t.Fatalf("%s in %s is %s, want %s", wall, z, first, want.In(z))
		}
		if last.Before(first) {
			t.Fatalf("last %s is before first %s", last, first)
		}
		if last.After(first) && (last.In(z).Hour() != wall.Hour() || last.In(z).Minute() != wall.Minute()) {
			t.Fatalf("%s in %s is for the last time %s", wall, z, last)
		}
	})
}

func zone2(t *rapid.T) *time.Location {
	z, _ := Zone(zones.Draw(t, "zone"))
	return z
}

// drawn is a calendar with some windows and freezes around a moment.
func drawn(t *rapid.T) (*Calendar, time.Time) {
	c := &Calendar{}
	now := moment(t, zone2(t))
	for range rapid.IntRange(0, 3).Draw(t, "windows") {
		w := Window{Zone: zone2(t), Start: Clock{rapid.IntRange(0, 23).Draw(t, "hour"), rapid.IntRange(0, 59).Draw(t, "minute")}}
		for _, d := range rapid.SliceOfNDistinct(rapid.IntRange(0, 6), 1, 4, rapid.ID[int]).Draw(t, "days") {
			w.Days = append(w.Days, time.Weekday(d))
		}
		w.Duration = time.Duration(rapid.IntRange(1, 2*24*60).Draw(t, "duration")) * time.Minute
		c.Windows = append(c.Windows, w)
	}
	for range rapid.IntRange(0, 2).Draw(t, "freezes") {
		from := now.Add(time.Duration(rapid.IntRange(-3*24*60, 9*24*60).Draw(t, "from")) * time.Minute)
		c.Freezes = append(c.Freezes, Freeze{Name: "f", From: from, To: from.Add(time.Duration(rapid.IntRange(1, 4*24*60).Draw(t, "for")) * time.Minute)})
	}
	return c, now
}

// begins lists every moment at which a window begins around a moment, minute by
// minute.
func begins(w *Window, now time.Time) []time.Time {
	var all []time.Time
	for i := -10; i <= 10; i++ {
		y, m, d := now.In(w.Zone).Date()
		day := time.Date(y, m, d+i, w.Start.Hour, w.Start.Minute, 0, 0, time.UTC)
		if slices.Contains(w.Days, day.Weekday()) {
			all = append(all, naive(day, w.Zone))
		}
	}
	return all
}

// isOpen is what the calendar says about a moment in the plainest terms.
func isOpen(c *Calendar, begin [][]time.Time, t time.Time) bool {
	for _, f := range c.Freezes {
		if !t.Before(f.From) && t.Before(f.To) {
			return false
		}
	}
	for i, w := range c.Windows {
		for _, b := range begin[i] {
			if !t.Before(b) && t.Before(b.Add(w.Duration)) {
				return true
			}
		}
	}
	return len(c.Windows) == 0
}

// What Open and Next say is what one sees who looks at every minute.
func TestEveryMinuteAgrees(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		c, now := drawn(t)
		begin := make([][]time.Time, len(c.Windows))
		for i := range c.Windows {
			begin[i] = begins(&c.Windows[i], now)
		}
		s, open := c.Open(now)
		if open != isOpen(c, begin, now) {
			t.Fatalf("open at %s: %t", now, open)
		}
		next, ok := c.Next(now)
		end := now.Add(7 * 24 * time.Hour)
		was := open
		for m := now.Add(time.Minute); m.Before(end); m = m.Add(time.Minute) {
			is := isOpen(c, begin, m)
			if was && !is {
				if open && s.Until.Equal(m) {
					open = false // the stretch that now is in has ended, and was seen to
				} else if !ok || !next.Until.Equal(m) {
					t.Fatalf("it closes at %s; now: %v, next: %v %t", m, s, next, ok)
				} else {
					return
				}
			}
			if !was && is && (!ok || !next.From.Equal(m)) {
				t.Fatalf("it opens at %s; next: %v %t", m, next, ok)
			}
			was = is
		}
		if open && !s.Until.IsZero() && s.Until.Before(end) {
			t.Fatalf("it should have closed at %s", s.Until)
		}
		if ok && !open && next.From.Before(end) && !was && next.Until.Before(end) {
			t.Fatalf("nobody saw %v", next)
		}
	})
}
