package config

import (
	"fmt"
	"slices"

	"github.com/hashicorp/hcl/v2"
	"github.com/zclconf/go-cty/cty"

	"zup/plan/product"
)

// layoutsWith is where to look for the home of a name, with the arguments that products
// declare among the others: a cluster block has a layout for each product.
func layoutsWith(products []product.Declaration) []*layout {
	if len(products) == 0 {
		return layouts
	}
	all := make([]*layout, 0, len(layouts)+len(products))
	for _, in := range layouts {
		if in != clusterLayout {
			all = append(all, in)
			continue
		}
		for i := range products {
			all = append(all, clusterLayoutOf(&products[i]))
		}
	}
	return all
}

// clusterLayoutOf is what a cluster block of a product may hold.
func clusterLayoutOf(d *product.Declaration) *layout {
	in := &layout{where: clusterLayout.where, product: d.Name, schema: &hcl.BodySchema{Blocks: clusterLayout.schema.Blocks}}
	if d.Version != nil {
		in.add("version")
	}
	for i := range d.Arguments {
		in.add(d.Arguments[i].Name)
	}
	for _, a := range clusterLayout.schema.Attributes {
		in.add(a.Name)
	}
	return in
}

func (in *layout) add(name string) {
	if !slices.ContainsFunc(in.schema.Attributes, func(a hcl.AttributeSchema) bool { return a.Name == name }) {
		in.schema.Attributes = append(in.schema.Attributes, hcl.AttributeSchema{Name: name})
	}
}

// clusterLayout is what a cluster block may hold: of a product that nobody knows, whatever
// any product has.
func (l *loader) clusterLayout(of *product.Declaration) *layout {
	if of != nil {
		return l.layouts[slices.IndexFunc(l.layouts, func(in *layout) bool { return in.product == of.Name })]
	}
	anything := &layout{where: clusterLayout.where, schema: &hcl.BodySchema{Blocks: clusterLayout.schema.Blocks}}
	anything.add("version")
	for _, in := range l.layouts {
		if in.where == clusterLayout.where {
			for _, a := range in.schema.Attributes {
				anything.add(a.Name)
			}
		}
	}
	return anything
}

// own reads the arguments that the product of a cluster declares. One that is not said, or
// is wrong, which has been reported then, has its default.
func (b *body) own(of *product.Declaration) map[string]cty.Value {
	if of == nil {
		return nil
	}
	own := make(map[string]cty.Value, len(of.Arguments))
	for i := range of.Arguments {
		a := &of.Arguments[i]
		v, ok := b.value(a.Name, a.Type)
		if !ok && a.Missing != "" && b.absent(a.Name) {
			b.l.errorf(&b.place.Range, fmt.Sprintf("missing %q", a.Name), "%s", a.Missing)
		}
		if !ok || !b.holds(a, v) {
			v = a.Default
		}
		if v != cty.NilVal {
			own[a.Name] = v
		}
	}
	return own
}

// holds says what is wrong with a value of the right type.
func (b *body) holds(a *product.Argument, v cty.Value) bool {
	if a.Type == cty.String && a.Values != nil {
		if text := v.AsString(); !slices.Contains(a.Values, text) {
			b.l.errorf(b.at(a.Name), fmt.Sprintf("unknown %s %s", a.Name, quoted(text)), "%s", didYouMean(text, a.Choice, a.Values...))
			return false
		}
	}
	if a.Check == nil {
		return true
	}
	problem := a.Check(v)
	if problem != "" {
		b.l.errorf(b.at(a.Name), fmt.Sprintf("%q is not right", a.Name), "%s", problem)
	}
	return problem == ""
}

// tell says what a product has found not to go together.
func (b *body) tell(problems []product.Problem) {
	for _, p := range problems {
		if p.Warning {
			b.l.warnf(b.at(p.Argument), p.Summary, "%s", p.Detail)
			continue
		}
		b.l.errorf(b.at(p.Argument), p.Summary, "%s", p.Detail)
	}
}
