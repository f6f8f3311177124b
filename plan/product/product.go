// Package product is how a product declares what its cluster blocks may hold: arguments of
// its own, the form of its versions, how many nodes there are. Start with Declaration.
//
// It reads nothing and says nothing by itself. Package config reads blocks by a
// declaration, and the reference of the language and the JSON Schema are written from it.
package product

import "github.com/zclconf/go-cty/cty"

// Declaration is what a product declares about its cluster blocks.
type Declaration struct {
	Name      string // the first label of the block
	Title     string // as people call it
	Arguments []Argument
	Nodes     Nodes
	Version   *Version // the argument "version"; nil: the product has none

	// Check says what does not go together of what is said in one block; nil: everything
	// does. An argument that is wrong by itself, which is reported, has its default here.
	Check func(Said) []Problem
}

// Argument is one that a product adds to those of every cluster.
type Argument struct {
	Name    string
	Type    cty.Type
	Default cty.Value // of Type, where nothing is said; NilVal: it has none then

	// Missing says what it is for, to somebody who has left it out; empty: it need not be
	// said.
	Missing string

	// Values are the only ones that an argument of type string may have; nil: any. Choice
	// says what they mean, in a sentence to somebody who has written another one.
	Values []string
	Choice string
	// Check says in a sentence what is wrong with a value of Type, "" if nothing is; nil:
	// any will do.
	Check func(cty.Value) string

	About  string // what it does, for the reference, as Markdown
	Limits string // what it may not be, likewise; may be empty
}

// Nodes is how many nodes a cluster has.
type Nodes struct {
	Least, Most int
	Words       string // "one or two nodes"
	Example     string // a node block, in one line
	Limits      string // for the reference, as Markdown
}

// Version is the form of the product's versions.
type Version struct {
	Example string
	Problem func(string) string // in a sentence what is wrong with a version, "" if nothing is
	About   string              // for the reference, as Markdown
	Limits  string              // likewise
}

// Said is what stands in one cluster block.
type Said struct {
	Own             map[string]cty.Value // the product's arguments, with their defaults
	Probed          bool                 // there is a probe block
	MaxInterruption bool                 // there is a limit
}

// Problem is something in a block that does not go together.
type Problem struct {
	Argument string // at which it is shown
	Summary  string
	Detail   string
	Warning  bool // it is not an error
}

// Argument returns the argument of that name, or nil.
func (d *Declaration) Argument(name string) *Argument {
	for i := range d.Arguments {
		if d.Arguments[i].Name == name {
			return &d.Arguments[i]
		}
	}
	return nil
}

// Value returns an argument of a block that may say nothing about it: its default then.
func (d *Declaration) Value(own map[string]cty.Value, name string) cty.Value {
	if v, said := own[name]; said {
		return v
	}
	if a := d.Argument(name); a != nil {
		return a.Default
	}
	return cty.NilVal
}
