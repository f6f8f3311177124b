// Package providers has the one list of the products that zup knows: All. A new product is
// a folder beside this file, and a line in it.
//
// It runs nothing and decides nothing.
package providers

import (
	"zup/plan"
	"zup/plan/apply"
	"zup/plan/observe"
	"zup/providers/keepalived"
	"zup/providers/zevenet"
	"zup/providers/zevenet/arguments"
)

// Product is everything that the command asks of a product. Those who plan, observe and
// apply each know the part of it that they declare.
type Product interface {
	plan.Provider
	observe.Product
	apply.Explainer

	// WholeFiles are the facts that are whole files, which nobody wants to read in a list.
	WholeFiles() []string
	// Sighting says what a node that nobody has configured is, by its facts.
	Sighting(facts map[string]string) plan.Sighting
	// Draft says what a configuration of such nodes has. An error means that they say
	// something that can't be written into one.
	Draft([]plan.ObservedNode) (plan.Draft, error)
}

// All returns every product, by the name that a configuration uses.
func All() map[string]Product {
	all := map[string]Product{keepalived.Name: keepalived.Provider{}}
	for name, p := range zevenet.Providers() {
		all[name] = p
	}
	return all
}

// Starter returns the commented configuration that zup init writes where nothing is known
// of the nodes.
func Starter() []byte { return arguments.Starter() }
