package vrrp

import (
	"strconv"
	"strings"
)

// Instance is a VRRP instance as keepalived says it is.
type Instance struct {
	Name      string
	State     string // MASTER, BACKUP, FAULT, INIT
	Want      string // the state that it is about to have
	Priority  int    // as configured
	Effective int    // with what it tracks; this one counts
	AdvertMS  int    // between two advertisements, milliseconds
	Preempt   bool   // it takes the role from a master of a lower priority
	DelayMS   int    // preempt_delay: so long it waits before it does, milliseconds
	VMAC      bool   // use_vmac
	Version   int    // of VRRP: 2 or 3
	Group     string // sync group; "none"
	VIPs      []string
}

// TrackFile is a file whose number, times a weight, is added to an instance's priority.
type TrackFile struct {
	Name     string
	Path     string
	Status   int // the number that is in it
	Instance string
	Weight   int
}

// ParseInstances reads the words of a facts script about instances: the name, and then
// key=value pairs that semicolons separate. ok is false where one can't be read.
func ParseInstances(words []string) (all []Instance, ok bool) {
	for _, word := range words {
		name, v := values(word)
		i := Instance{
			Name: name, State: v["state"], Want: v["want"], Priority: number(v["priority"]), Effective: number(v["effective"]),
			AdvertMS: number(v["advert"]), Preempt: v["preempt"] == "yes", DelayMS: number(v["delay"]), VMAC: v["vmac"] == "yes", Version: number(v["version"]), Group: v["group"],
		}
		if v["vips"] != "" {
			i.VIPs = strings.Split(v["vips"], ",")
		}
		if name == "" || i.State == "" || i.Priority < 1 || i.Effective < 1 || i.AdvertMS < 1 {
			return nil, false
		}
		all = append(all, i)
	}
	return all, len(all) > 0
}

// ParseTrackFiles reads the words of a facts script about track files, as ParseInstances.
func ParseTrackFiles(words []string) []TrackFile {
	var all []TrackFile
	for _, word := range words {
		name, v := values(word)
		all = append(all, TrackFile{Name: name, Path: v["path"], Status: number(v["status"]), Instance: v["instance"], Weight: number(v["weight"])})
	}
	return all
}

func values(word string) (name string, v map[string]string) {
	name, rest, _ := strings.Cut(word, ";")
	v = map[string]string{}
	for pair := range strings.SplitSeq(rest, ";") {
		if key, value, ok := strings.Cut(pair, "="); ok {
			v[key] = value
		}
	}
	return name, v
}

func number(s string) int {
	n, err := strconv.Atoi(s)
	if err != nil {
		return 0
	}
	return n
}

// SkewMS is how long a backup of this priority waits besides, in milliseconds: 256ths of a
// second in version 2 of VRRP, of the advertisement interval in version 3.
func (i *Instance) SkewMS(priority int) int {
	if i.Version == 3 {
		return (256 - priority) * i.AdvertMS / 256
	}
	return (256 - priority) * 1000 / 256
}

// PreemptMS is after how many milliseconds an instance of this priority takes the role from
// a master of a lower one that still serves: three advertisement intervals and its skew,
// behind what preempt_delay adds.
func (i *Instance) PreemptMS(priority int) int { return i.DelayMS + 3*i.AdvertMS + i.SkewMS(priority) }
