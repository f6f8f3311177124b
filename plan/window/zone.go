package window

import (
	_ "embed"
	"strings"
	"time"
)

// zoneNames are those of the time zone database that Go comes with; a test writes
// them.
//
//go:embed zones.txt
var zoneNames string

// ZoneNames returns the name of every time zone that a configuration may have.
func ZoneNames() []string { return strings.Fields(zoneNames) }

// Zone returns the time zone of an IANA name. It is not ok for any other name,
// the machine's own "Local" among them.
func Zone(name string) (*time.Location, bool) {
	if name == "" || strings.ContainsAny(name, " \n") || !strings.Contains("\n"+zoneNames, "\n"+name+"\n") {
		return nil, false
	}
	zone, err := time.LoadLocation(name)
	return zone, err == nil
}
