package config

import (
	"errors"
	"fmt"
	"strconv"
	"strings"

	"github.com/hashicorp/hcl/v2"
	"github.com/hashicorp/hcl/v2/ext/typeexpr"
	"github.com/hashicorp/hcl/v2/hclsyntax"
	"github.com/zclconf/go-cty/cty"
	"github.com/zclconf/go-cty/cty/convert"
)

// variable is one variable block and the value that it came to have.
type variable struct {
	name   string
	header hcl.Range

	wanted    cty.Type           // cty.DynamicPseudoType where no type is said
	optional  *typeexpr.Defaults // of the object attributes in the type; nil: none
	verbatim  bool               // a value from the environment or -var is text, not an expression
	sensitive bool
	nullable  bool

	fallback    cty.Value // the default; cty.NilVal: there is none
	fallbackAt  hcl.Range
	validations []validation

	given given
	value cty.Value // unknown where there is none, which has been reported
}

// declareVariables reads the variable blocks, without the values that come from
// outside.
func (l *loader) declareVariables() {
	l.variables = make(map[string]*variable, len(l.blocks.variable))
	for _, b := range l.blocks.variable {
		v := l.declareVariable(b)
		if first := l.variables[v.name]; first != nil {
			l.errorf(&v.header, fmt.Sprintf("variable %q is declared twice", v.name), "The first declaration is at %s.", lineOf(first.header))
			if v.sensitive && !first.sensitive {
				first.sensitive = true
				l.sources[first.header.Filename].hide(first.fallbackAt)
			}
			continue
		}
		l.variables[v.name] = v
		l.declared = append(l.declared, v)
	}
}

// variableNames returns the names of all variables, sorted.
func (l *loader) variableNames() []string {
	if len(l.namesOfVariables) != len(l.variables) {
		l.namesOfVariables = sortedKeys(l.variables)
	}
	return l.namesOfVariables
}

func (l *loader) declareVariable(block *hcl.Block) *variable {
	b := l.body(block, variableLayout)
	v := &variable{
		name: block.Labels[0], header: b.place.Range,
		wanted: cty.DynamicPseudoType, verbatim: true, nullable: true,
		value: cty.DynamicVal,
	}
	if !hclsyntax.ValidIdentifier(v.name) {
		l.errorf(&block.LabelRanges[0], fmt.Sprintf("variable %q has no usable name", v.name), "A name begins with a letter and goes on with letters, digits, underscores and dashes.")
	}
	v.sensitive = l.hideDefault(block)
	typed := l.readType(b, v)
	l.constant(b, "description", cty.String, false)
	if sens, ok := l.constant(b, "sensitive", cty.Bool, false); ok {
		v.sensitive = sens.True()
	}
	if null, ok := l.constant(b, "nullable", cty.Bool, false); ok {
		v.nullable = null.True()
	}
	l.readDefault(b, v, typed)
	for _, block := range b.blocks {
		l.readValidation(block, v)
	}
	return v
}

// hideDefault keeps a block's default from being shown if the variable is
// sensitive, or will be once a mistake in the block is corrected. An argument
// with an unknown name may be the default with a slip in it.
func (l *loader) hideDefault(block *hcl.Block) (sensitive bool) {
	attrs, _ := block.Body.JustAttributes()
	for name, attr := range attrs {
		if near(name, "sensitive") == "" {
			continue
		}
		v, diags := l.constantValue(attr.Expr)
		sensitive = sensitive || diags.HasErrors() || !v.RawEquals(cty.False)
	}
	if !sensitive {
		return false
	}
	for name, attr := range attrs {
		switch name {
		case "type", "description", "sensitive", "nullable", "validation":
		default:
			l.sources[attr.Range.Filename].hide(attr.Expr.Range())
		}
	}
	return true
}

// constant reads an argument that may not refer to anything.
func (l *loader) constant(b *body, name string, want cty.Type, secret bool) (cty.Value, bool) {
	attr := b.attrs[name]
	if attr == nil {
		return cty.NilVal, false
	}
	v, ok := l.evalConstant(attr.Expr, secret)
	if !ok || v.IsNull() {
		return v, false
	}
	return b.convert(name, v, want)
}

func (l *loader) readType(b *body, v *variable) (ok bool) {
	attr := b.attrs["type"]
	if attr == nil {
		return true
	}
	wanted, optional, diags := typeexpr.TypeConstraintWithDefaults(l.typeExpression(attr.Expr))
	if diags.HasErrors() {
		if quoted, isText := literal(attr.Expr); isText && quoted.Type() == cty.String {
			l.errorf(b.at("type"), "the type stands in quotes", "Write it without: type = %s", quoted.AsString())
			return false
		}
		for _, d := range diags {
			l.addEvaluation(d, attr.Expr, false)
		}
		return false
	}
	v.wanted, v.optional = wanted, optional
	v.verbatim = wanted.IsPrimitiveType()
	return true
}

func (l *loader) readDefault(b *body, v *variable, typed bool) {
	attr := b.attrs["default"]
	if attr == nil {
		if b.said("default") {
			v.fallback = cty.DynamicVal
		}
		return
	}
	v.fallbackAt = attr.Expr.Range()
	val, ok := l.evalConstant(attr.Expr, v.sensitive)
	if !ok || !typed || v.sensitive && l.replayed != nil { // a placeholder stands there
		v.fallback = cty.DynamicVal
		return
	}
	l.now.Store(&v.fallbackAt)
	val, err := v.convert(l.budget, val)
	switch {
	case err != nil:
		l.errorf(&v.fallbackAt, fmt.Sprintf("the default of variable %q does not fit its type", v.name), "%s", v.mismatch(err))
		v.fallback = cty.DynamicVal
	case val.IsNull() && !v.nullable:
		l.errorf(&v.fallbackAt, fmt.Sprintf("the default of variable %q is null", v.name), "The variable says nullable = false. Without a default, a value must be given.")
		v.fallback = cty.DynamicVal
	default:
		v.fallback = val
	}
}

// convert makes a value one of the variable's type, with the defaults of
// optional attributes filled in.
func (v *variable) convert(b *budget, val cty.Value) (cty.Value, error) {
	b.weigh(val)
	if v.optional != nil && !val.IsNull() {
		b.fillsIn(v.optional, val)
		val = v.optional.Apply(val)
	}
	b.converts(val, v.wanted)
	return convert.Convert(val, v.wanted)
}

// fillsIn counts what it takes to fill in the defaults of optional attributes, which may
// have optional attributes themselves.
func (b *budget) fillsIn(d *typeexpr.Defaults, val cty.Value) {
	b.takes(workArgument)
	if val.IsNull() || !val.IsKnown() || d == nil || len(d.DefaultValues) == 0 && len(d.Children) == 0 {
		return
	}
	t := val.Type()
	switch {
	case t.IsObjectType() || t.IsMapType():
		given := val.AsValueMap()
		b.makes(bytesObject + float64(len(given)+len(d.DefaultValues))*bytesEntry)
		for name, inside := range given {
			b.fillsIn(childOf(d, name), inside)
		}
		for name, fallback := range d.DefaultValues {
			if inside, said := given[name]; said && !inside.IsNull() {
				continue
			}
			w := b.weigh(fallback)
			b.takes(w.values * workArgument)
			b.fillsIn(d.Children[name], fallback)
		}
	case t.IsTupleType() || t.IsCollectionType():
		b.makes(b.turns(val) * bytesElement)
		b.unifies(t, 1, true)
		for i, inside := range val.AsValueSlice() {
			b.fillsIn(childOf(d, strconv.Itoa(i)), inside)
		}
	}
}

// childOf returns the defaults of what is inside of something.
func childOf(d *typeexpr.Defaults, key string) *typeexpr.Defaults {
	if d.Type.IsTupleType() || d.Type.IsObjectType() {
		return d.Children[key]
	}
	return d.Children[""]
}

// typeExpression lets the defaults in a type, which the library evaluates, be counted.
func (l *loader) typeExpression(expr hcl.Expression) hcl.Expression {
	node, native := expr.(hclsyntax.Expression)
	if !native {
		text, ok := literalText(expr)
		if !ok || measure([]byte(text), inHCL).excess() != "" {
			return expr
		}
		l.parses(measure([]byte(text), inHCL))
		at := expr.Range().Start
		parsed, diags := hclsyntax.ParseExpression([]byte(text), expr.Range().Filename, at)
		if diags.HasErrors() {
			return expr
		}
		node = parsed
	}
	hclsyntax.VisitAll(node, func(n hclsyntax.Node) hcl.Diagnostics { //nolint:errcheck // the callback never fails
		if call, ok := n.(*hclsyntax.FunctionCallExpr); ok && call.Name == "optional" && len(call.Args) > 1 {
			call.Args[1] = l.meter(call.Args[1], noFunctions)
		}
		return nil
	})
	return node
}

// mismatch explains an error of convert; it may quote no value if the variable
// is sensitive.
func (v *variable) mismatch(err error) string {
	if v.sensitive {
		return fmt.Sprintf("It should be of type %s. The details are withheld, because the variable is sensitive.", typeexpr.TypeString(v.wanted))
	}
	if at := (cty.PathError{}); errors.As(err, &at) && len(at.Path) > 0 {
		return fmt.Sprintf("At %s: %s.", pathText(at.Path), err)
	}
	return sentence(err.Error())
}

// pathText says where in a value something is: .nodes[0].port
func pathText(path cty.Path) string {
	var b strings.Builder
	for _, step := range path {
		switch step := step.(type) {
		case cty.GetAttrStep:
			b.WriteString("." + step.Name)
		case cty.IndexStep:
			key, err := convert.Convert(step.Key, cty.String)
			if err != nil || key.IsNull() || !key.IsKnown() {
				b.WriteString("[…]")
				continue
			}
			b.WriteString("[" + key.AsString() + "]")
		}
	}
	return b.String()
}
