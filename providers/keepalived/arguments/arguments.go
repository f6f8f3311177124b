// Package arguments declares what the cluster blocks of pairs with keepalived hold, and
// reads them. Start with Declared and Of.
//
// It imports nothing of the language, so that the language can be tested with it.
package arguments

import (
	"fmt"
	"maps"
	"slices"

	debversion "github.com/knqyf263/go-deb-version"
	"github.com/zclconf/go-cty/cty"

	"zup/plan/name"
	"zup/plan/product"
)

// How MASTER is moved.
const (
	DrainAuto     = "auto"            // the first of the others that this pair's configuration allows
	DrainTrack    = "track_file"      // a file that keepalived tracks lowers MASTER's priority
	DrainPriority = "priority"        // MASTER's priority in keepalived.conf is lowered for the time
	DrainRaise    = "raise-then-stop" // the other node's priority is raised, then keepalived is stopped on MASTER
)

// Name is how a configuration calls the product.
const Name = "keepalived"

// Declared says what the cluster blocks of the product hold.
func Declared() product.Declaration { return declared }

var declared = product.Declaration{
	Name: Name, Title: "pairs with keepalived",
	Nodes: product.Nodes{
		Least: 2, Most: 2, Words: "two nodes", Example: `node "lb1" { address = "192.0.2.21" }`,
		Limits: "[two ordinary Debian nodes](keepalived.md)",
	},
	Arguments: []product.Argument{
		{
			Name: "packages", Type: cty.Map(cty.String), Check: packagesProblem,
			Missing: `It says which package has which version on every node: packages = { haproxy = "2.6.12-1+deb12u4" }`,
			About:   "which package has which version on every node; nothing else is changed but what they need",
			Limits:  "exact versions as dpkg writes them, with epoch and revision",
		},
		{
			Name: "drain", Type: cty.String, Default: cty.StringVal(DrainAuto),
			Values: []string{DrainAuto, DrainTrack, DrainPriority, DrainRaise},
			Choice: `It is "track_file", "priority" or "raise-then-stop", or "auto", which takes the first of them that the pair allows.`,
			About:  "[how MASTER is moved](keepalived.md)",
		},
	},
}

// packagesProblem says what is wrong with a map of packages; "" if nothing is.
func packagesProblem(v cty.Value) string {
	all := v.AsValueMap()
	if len(all) == 0 {
		return `It is empty. Write packages = { haproxy = "2.6.12-1+deb12u4" }.`
	}
	for _, pkg := range slices.Sorted(maps.Keys(all)) {
		switch {
		case !name.Package(pkg):
			return fmt.Sprintf("%q is not the name of a package: Debian's have lower-case letters, digits, and the characters + - . in them, beginning with a letter or digit.", pkg)
		case all[pkg].IsNull() || !isVersion(all[pkg].AsString()):
			return fmt.Sprintf("%s has no exact version. Write it as dpkg does, with its epoch and revision, such as \"2.6.12-1+deb12u4\": apt-cache madison %s on a node lists what there is.", pkg, pkg)
		}
	}
	return ""
}

// isVersion reports whether s is a version of a package as dpkg writes it.
func isVersion(s string) bool {
	_, err := debversion.NewVersion(s)
	return err == nil && name.Version(s)
}

// Arguments are those of one cluster.
type Arguments struct {
	Packages map[string]string // exact versions, by name
	Drain    string            // one of the four
}

// Of reads the arguments of a cluster.
func Of(own map[string]cty.Value) Arguments {
	a := Arguments{Packages: map[string]string{}, Drain: declared.Value(own, "drain").AsString()}
	if v := declared.Value(own, "packages"); v != cty.NilVal {
		for pkg, version := range v.AsValueMap() {
			a.Packages[pkg] = version.AsString()
		}
	}
	return a
}

// Own is the other way round: what a configuration has of these arguments.
func (a Arguments) Own() map[string]cty.Value {
	all := map[string]cty.Value{}
	for pkg, version := range a.Packages {
		all[pkg] = cty.StringVal(version)
	}
	own := map[string]cty.Value{"packages": cty.MapVal(all)}
	if a.Drain != "" {
		own["drain"] = cty.StringVal(a.Drain)
	}
	return own
}
