package keepalived

import (
	"maps"
	"slices"

	"zup/plan/config"
	"zup/plan/product"
	"zup/providers/keepalived/arguments"
)

// Declared implements plan.Provider.
func (Provider) Declared() product.Declaration { return arguments.Declared() }

// settings is what a cluster's block says besides what all products have.
type settings struct{ arguments.Arguments }

func settingsOf(c *config.Cluster) settings { return settings{arguments.Of(c.Own)} }

// words are the wanted packages as the facts script is told of them and says them:
// NAME=VERSION, sorted.
func (s *settings) words() []string {
	var all []string
	for _, name := range slices.Sorted(maps.Keys(s.Packages)) {
		all = append(all, name+"="+s.Packages[name])
	}
	return all
}

// text is what the nodes shall run, as the fact "version" says it.
func (s *settings) text() string {
	text := ""
	for _, name := range slices.Sorted(maps.Keys(s.Packages)) {
		switch {
		case len(s.Packages) == 1:
			return s.Packages[name]
		case text != "":
			text += ", "
		}
		text += name + " " + s.Packages[name]
	}
	return text
}
