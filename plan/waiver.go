package plan

import (
	"cmp"
	"fmt"
	"maps"
	"slices"
	"strings"

	"github.com/agext/levenshtein"

	"zup/plan/config"
)

// WaiverError says that something can't be waived.
type WaiverError struct {
	Name     string
	Why      string
	NoneSuch bool   // nothing has this name
	Near     string // what was probably meant then; may be empty
}

func (e *WaiverError) Error() string { return e.Name + " can't be waived: " + e.Why }

// CheckWaivers returns a *WaiverError if something of Input.Waivers is not there to
// be waived, or must hold in any case. No node need be asked for that.
func CheckWaivers(in Input) error {
	if len(in.Waivers) == 0 {
		return nil
	}
	names := waivable(in)
	for _, w := range in.Waivers {
		switch why, known := names[w.Name]; {
		case !known:
			return &WaiverError{Name: w.Name, Why: "there is no rule, check, window or freeze of this name", NoneSuch: true, Near: nearest(w.Name, names)}
		case why != "":
			return &WaiverError{Name: w.Name, Why: why}
		}
	}
	return nil
}

// waivable returns everything that has a name, with the reason why it can't be
// waived, or "".
func waivable(in Input) map[string]string {
	names := map[string]string{}
	for _, r := range in.Config.Rules {
		names[r.Name] = ""
	}
	if len(in.Config.Windows) > 0 {
		names[config.WindowsWaiver] = ""
	}
	for _, f := range in.Config.Freezes {
		names[freezeWaiver+f.Name] = ""
	}
	for _, c := range in.Config.Clusters {
		for _, k := range in.Providers[c.Provider].Checks() {
			why := ""
			if !k.Waivable {
				why = "nothing is changed unless " + k.About
			}
			if k.Pair {
				names[c.Name+"."+k.Name] = why
				continue
			}
			for i := range c.Nodes {
				names[c.Name+"."+c.Nodes[i].Name+"."+k.Name] = why
			}
		}
	}
	return names
}

// nearest returns the name that was probably meant, or "".
func nearest(name string, names map[string]string) string {
	best, distance := "", 4
	for _, known := range slices.Sorted(maps.Keys(names)) {
		if d := levenshtein.Distance(name, known, nil); d < distance && d < len(known) {
			best, distance = known, d
		}
	}
	if best == "" { // the name of a check, without where
		for _, known := range slices.Sorted(maps.Keys(names)) {
			if strings.HasSuffix(known, "."+name) {
				return known
			}
		}
	}
	return best
}

// waive writes down what is not heeded: of what was asked for that which did not
// hold. Windows and freezes always count, for nobody knows when the plan is applied.
func (p *Plan) waive(asked, checks []Waiver) {
	what := map[string]string{}
	for _, c := range checks {
		what[c.Name] = c.What
	}
	for i := range p.Rules {
		if r := &p.Rules[i]; r.Status != Passed {
			what[r.Name] = cmp.Or(r.Detail, r.Message)
		}
	}
	if len(p.Windows) > 0 {
		what[config.WindowsWaiver] = "it may be applied outside the windows"
	}
	for i := range p.Freezes {
		what[freezeWaiver+p.Freezes[i].Name] = fmt.Sprintf("it may be applied in the freeze %s", p.Freezes[i].Name)
	}
	for _, w := range asked {
		if text, needed := what[w.Name]; needed {
			p.Waivers = append(p.Waivers, Waiver{Because: w.Because, Name: w.Name, What: text})
		}
	}
	slices.SortFunc(p.Waivers, func(a, b Waiver) int { return strings.Compare(a.Name, b.Name) })
}

// Waiver returns the waiver of that name, or nil.
func (p *Plan) Waiver(name string) *Waiver {
	for i := range p.Waivers {
		if p.Waivers[i].Name == name {
			return &p.Waivers[i]
		}
	}
	return nil
}
