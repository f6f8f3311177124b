package show

import (
	"fmt"
	"strings"

	"zup/plan"
	"zup/plan/escape"
)

// Packages says what an action does to packages, all of them, in a line for each of what it
// installs, upgrades and removes; escaped. One that does nothing but what its title says
// has none.
func Packages(a *plan.Action) []string {
	if len(a.Packages) == 1 && a.Packages[0].From != "" && strings.Contains(a.Title, a.Packages[0].From+" → "+a.Packages[0].To) {
		return nil
	}
	var installs, upgrades, removes []string
	for _, c := range a.Packages {
		name, from, to := escape.Name(c.Name), escape.Name(c.From), escape.Name(c.To)
		switch {
		case c.From == "":
			installs = append(installs, name+" "+to)
		case c.To == "":
			removes = append(removes, name+" "+from)
		default:
			upgrades = append(upgrades, name+" "+from+" → "+to)
		}
	}
	var lines []string
	for _, of := range []struct {
		does string
		all  []string
	}{{"Removes", removes}, {"Installs", installs}, {"Upgrades", upgrades}} {
		if len(of.all) > 0 {
			lines = append(lines, fmt.Sprintf("%s %d: %s", of.does, len(of.all), strings.Join(of.all, ", ")))
		}
	}
	return lines
}
