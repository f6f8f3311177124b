package config

import (
	"github.com/hashicorp/hcl/v2"
	"github.com/hashicorp/hcl/v2/ext/customdecode"
	"github.com/hashicorp/hcl/v2/hclsyntax"
	"github.com/zclconf/go-cty/cty"
)

// metered is a node of an expression that counts what evaluating it takes, before that
// is done. To everything that walks through an expression or takes it apart it looks
// like the node in parentheses.
//
// The library evaluates what it wraps. Where what that takes depends on values, those
// are evaluated first, counted, and handed to the library as values.
type metered struct {
	hclsyntax.ParenthesesExpr
	*budget
	table *table
}

// UnwrapExpression lets the library see a call or a list in it.
func (e *metered) UnwrapExpression() hcl.Expression { return e.Expression }

// Value evaluates the node.
func (e *metered) Value(ctx *hcl.EvalContext) (cty.Value, hcl.Diagnostics) {
	outer := e.now.Load()
	e.now.Store(&e.SrcRange)
	e.takes(workNode)
	v, diags := e.value(ctx)
	e.check()
	if len(diags) > 0 {
		e.takes(float64(len(diags)) * workMistake)
		e.makes(float64(len(diags)) * bytesMistake)
	}
	e.now.Store(outer)
	return v, diags
}

func (e *metered) value(ctx *hcl.EvalContext) (cty.Value, hcl.Diagnostics) {
	switch n := e.Expression.(type) {
	case *hclsyntax.TupleConsExpr:
		e.takes(float64(len(n.Exprs)) * workPart)
		e.makes(float64(1+len(n.Exprs)) * bytesElement)
	case *hclsyntax.ObjectConsExpr:
		e.takes(float64(len(n.Items)) * 2 * workPart)
		e.makes(bytesObject + float64(len(n.Items))*bytesEntry)
	case *hclsyntax.TemplateExpr:
		return e.template(n, ctx)
	case *hclsyntax.TemplateJoinExpr:
		return e.join(n, ctx)
	case *hclsyntax.ForExpr:
		return e.loop(n, ctx)
	case *hclsyntax.SplatExpr:
		return e.splat(n, ctx)
	case *hclsyntax.ConditionalExpr:
		return e.conditional(n, ctx)
	case *hclsyntax.IndexExpr:
		return e.index(n, ctx)
	case *hclsyntax.UnaryOpExpr:
		c := *n
		c.Val = e.operand(n.Val, n.Op, 0, ctx)
		return e.numbered(c.Value(ctx))
	case *hclsyntax.BinaryOpExpr:
		c := *n
		c.LHS, c.RHS = e.operand(n.LHS, n.Op, 0, ctx), e.operand(n.RHS, n.Op, 1, ctx)
		return e.numbered(c.Value(ctx))
	case *hclsyntax.FunctionCallExpr:
		return e.call(n, ctx)
	}
	return e.Expression.Value(ctx)
}

// known is an expression whose value has been computed.
type known struct {
	hclsyntax.Expression
	value cty.Value
	diags hcl.Diagnostics
}

// Value returns what has been computed.
func (e *known) Value(*hcl.EvalContext) (cty.Value, hcl.Diagnostics) { return e.value, e.diags }

// ahead evaluates an expression, so that what it is used for can be counted.
func (e *metered) ahead(n hclsyntax.Expression, ctx *hcl.EvalContext) *known {
	v, diags := n.Value(ctx)
	return &known{n, v, diags}
}

// printed is how many bytes a value takes in a text.
func (b *budget) printed(v cty.Value) float64 {
	v, _ = v.Unmark()
	switch {
	case !v.IsKnown() || v.IsNull():
		return 0
	case v.Type() == cty.String:
		return float64(len(v.AsString()))
	case v.Type() == cty.Number:
		return b.digits(v)
	}
	return 8
}

func (e *metered) copies(bytes float64) {
	e.takes(bytes / textPerStep)
	e.makes(bytes * 2)
}

func (e *metered) template(n *hclsyntax.TemplateExpr, ctx *hcl.EvalContext) (cty.Value, hcl.Diagnostics) {
	c := *n
	c.Parts = make([]hclsyntax.Expression, len(n.Parts))
	for i, part := range n.Parts {
		e.takes(workPart)
		ahead := e.ahead(part, ctx)
		c.Parts[i] = ahead
		e.copies(e.printed(ahead.value))
	}
	return c.Value(ctx)
}

func (e *metered) join(n *hclsyntax.TemplateJoinExpr, ctx *hcl.EvalContext) (cty.Value, hcl.Diagnostics) {
	ahead := e.ahead(n.Tuple, ctx)
	if v, _ := ahead.value.Unmark(); v.Type().IsTupleType() && v.IsKnown() && !v.IsNull() {
		for _, element := range v.Elements() {
			e.takes(workValue)
			e.copies(e.printed(element))
		}
	}
	return (&hclsyntax.TemplateJoinExpr{Tuple: ahead}).Value(ctx)
}

func (e *metered) loop(n *hclsyntax.ForExpr, ctx *hcl.EvalContext) (cty.Value, hcl.Diagnostics) {
	ahead := e.ahead(n.CollExpr, ctx)
	e.repeats(ahead.value)
	c := *n
	c.CollExpr = ahead
	v, diags := c.Value(ctx)
	if n.KeyExpr != nil && v.Type().IsObjectType() {
		e.makes(bytesObject + float64(len(v.Type().AttributeTypes()))*bytesEntry)
	}
	return v, diags
}

// repeats counts the turns of a loop over a value, and what it puts together.
func (e *metered) repeats(v cty.Value) {
	turns := e.turns(v)
	e.takes(turns * workTurn)
	e.makes(turns * bytesElement)
}

func (e *metered) splat(n *hclsyntax.SplatExpr, ctx *hcl.EvalContext) (cty.Value, hcl.Diagnostics) {
	ahead := e.ahead(n.Source, ctx)
	e.repeats(ahead.value)
	c := hclsyntax.SplatExpr{Source: ahead, Each: n.Each, Item: n.Item, SrcRange: n.SrcRange, MarkerRange: n.MarkerRange}
	v, diags := c.Value(ctx)
	if v.Type().IsListType() { // their types have been compared
		var of weight
		e.weighType(v.Type().ElementType(), &of, 0)
		e.takes(e.turns(ahead.value) * of.values)
	}
	return v, diags
}

// conditional counts what it takes to find a type for both branches, which are both
// evaluated.
func (e *metered) conditional(n *hclsyntax.ConditionalExpr, ctx *hcl.EvalContext) (cty.Value, hcl.Diagnostics) {
	yes, no := e.ahead(n.TrueResult, ctx), e.ahead(n.FalseResult, ctx)
	if is := yes.value.Type(); !is.IsPrimitiveType() || !no.value.Type().IsPrimitiveType() {
		w := e.weigh(yes.value)
		other := e.weigh(no.value)
		e.takes((w.values + other.values) * workValue)
		if !is.Equals(no.value.Type()) {
			e.unifiesAll([]cty.Type{is, no.value.Type()}, 1, true)
			e.makes((w.values + other.values) * bytesElement)
		}
	}
	c := *n
	c.TrueResult, c.FalseResult = yes, no
	return c.Value(ctx)
}

func (e *metered) index(n *hclsyntax.IndexExpr, ctx *hcl.EvalContext) (cty.Value, hcl.Diagnostics) {
	c := *n
	coll, key := e.ahead(n.Collection, ctx), e.ahead(n.Key, ctx)
	c.Collection, c.Key = coll, key
	e.copies(e.printed(key.value)) // a message may quote it
	if t := coll.value.Type(); t.IsListType() || t.IsTupleType() {
		e.converts(key.value, cty.Number)
	}
	return c.Value(ctx)
}

// operand counts what it takes to make an operand what the operator works on, and to
// compare it.
func (e *metered) operand(n hclsyntax.Expression, op *hclsyntax.Operation, i int, ctx *hcl.EvalContext) hclsyntax.Expression {
	e.takes(workOperand)
	ahead := e.ahead(n, ctx)
	if wanted := op.Impl.Params()[i].Type; wanted != cty.DynamicPseudoType {
		e.converts(ahead.value, wanted)
	} else {
		w := e.weigh(ahead.value)
		e.takes(w.deep*workEqual + w.text/textPerStep)
	}
	return ahead
}

// numbered checks a number that was computed.
func (e *metered) numbered(v cty.Value, diags hcl.Diagnostics) (cty.Value, hcl.Diagnostics) {
	if v.Type() == cty.Number {
		e.makes(bytesNumber)
		e.checkNumber(v)
	}
	return v, diags
}

// call counts what it takes to bring the arguments of a function into its form, and what
// the function says that it takes.
func (e *metered) call(n *hclsyntax.FunctionCallExpr, ctx *hcl.EvalContext) (cty.Value, hcl.Diagnostics) {
	entry := e.table.entry(n.Name)
	if entry == nil {
		e.takes(float64(len(n.Name)) * workNode * 2) // the library looks for a name that may be meant
		return n.Value(ctx)
	}
	f := e.table.functions[n.Name]
	params, rest := f.Params(), f.VarParam()
	c := *n
	c.Args = make([]hclsyntax.Expression, len(n.Args))
	var args []cty.Value
	for i, arg := range n.Args {
		var wanted cty.Type
		switch {
		case i < len(params):
			wanted = params[i].Type
		case rest != nil:
			wanted = rest.Type
		default:
			wanted = cty.DynamicPseudoType
		}
		if customdecode.CustomExpressionDecoderForType(wanted) != nil {
			c.Args[i] = arg // the function evaluates it
			continue
		}
		e.takes(workPart)
		ahead := e.ahead(arg, ctx)
		c.Args[i] = ahead
		if n.ExpandFinal && i == len(n.Args)-1 {
			args = append(args, e.expanded(ahead.value, wanted)...)
			continue
		}
		e.converts(ahead.value, wanted)
		args = append(args, ahead.value)
	}
	e.pays(entry, args)
	v, diags := c.Value(ctx)
	e.check()
	e.weigh(v) // there may be too much in it, or a number in it may be too large
	return v, diags
}

// expanded returns the arguments that a list stands for.
func (e *metered) expanded(list cty.Value, wanted cty.Type) []cty.Value {
	list, _ = list.Unmark()
	if t := list.Type(); !list.IsKnown() || list.IsNull() || !t.IsTupleType() && !t.IsListType() && !t.IsSetType() {
		return nil
	}
	turns := e.turns(list)
	e.takes(turns * workNode)
	e.makes(turns * 4 * bytesElement)
	args := make([]cty.Value, 0, list.LengthInt())
	for _, v := range list.Elements() {
		e.converts(v, wanted)
		args = append(args, v)
	}
	return args
}

// meter wraps the nodes of an expression that are worth counting: not those whose work
// is as large as their text. It changes the expression.
func (b *budget) meter(n hclsyntax.Expression, t *table) hclsyntax.Expression {
	return (&instrument{b, t, nil}).node(n, false)
}

// instrument puts metered nodes into an expression.
type instrument struct {
	*budget
	table *table
	place *hcl.Range // instead of the places of nodes, where those can't be told; nil: they can
}

// node returns a node, wrapped if it is worth counting. In a loop everything is that
// makes something.
func (in *instrument) node(n hclsyntax.Expression, looped bool) hclsyntax.Expression {
	switch n := n.(type) {
	case *metered, *known, nil:
		return n
	case *hclsyntax.LiteralValueExpr:
		if n.Val.Type() == cty.Number {
			in.at(n)
			in.checkNumber(n.Val)
		}
		return n
	case *hclsyntax.ScopeTraversalExpr:
		if len(n.Traversal) > 2 {
			in.at(n)
			in.steps(n.Traversal)
		}
		return n
	case *hclsyntax.AnonSymbolExpr, *hclsyntax.ExprSyntaxError:
		return n
	case *hclsyntax.ParenthesesExpr:
		n.Expression = in.node(n.Expression, looped)
		return n
	case *hclsyntax.ObjectConsKeyExpr:
		if _, isName := n.Wrapped.(*hclsyntax.ScopeTraversalExpr); !isName {
			n.Wrapped = in.node(n.Wrapped, looped)
		}
		return n
	case *hclsyntax.RelativeTraversalExpr:
		n.Source = in.node(n.Source, looped)
		in.steps(n.Traversal)
		return n
	case *hclsyntax.TemplateWrapExpr:
		n.Wrapped = in.node(n.Wrapped, looped)
		return n
	case *hclsyntax.TupleConsExpr, *hclsyntax.ObjectConsExpr, *hclsyntax.TemplateExpr:
		if !in.inside(n, looped) && !looped {
			return n // it is as large as it is written
		}
	default:
		in.inside(n, looped)
	}
	return in.wrap(n)
}

// steps checks the numbers that are indexes.
func (in *instrument) steps(ref hcl.Traversal) {
	for _, step := range ref {
		if index, ok := step.(hcl.TraverseIndex); ok && index.Key.Type() == cty.Number {
			in.checkNumber(index.Key)
		}
	}
}

// at notes where something is that is looked at.
func (in *instrument) at(n hclsyntax.Node) {
	at := n.Range()
	if in.place != nil {
		at = *in.place
	}
	in.now.Store(&at)
}

func (in *instrument) wrap(n hclsyntax.Expression) *metered {
	at := n.Range()
	if in.place != nil {
		at = *in.place
	}
	return &metered{hclsyntax.ParenthesesExpr{Expression: n, SrcRange: at}, in.budget, in.table}
}

// inside wraps what is inside of a node, and reports whether there is anything but
// constants.
func (in *instrument) inside(n hclsyntax.Expression, looped bool) (varies bool) {
	into := func(child *hclsyntax.Expression, looped bool) {
		*child = in.node(*child, looped)
		varies = varies || !constant(*child)
	}
	body := func(child *hclsyntax.Expression) { // every turn may have a mistake to count
		if *child == nil {
			return
		}
		*child = in.node(*child, true)
		if _, counted := (*child).(*metered); !counted {
			*child = in.wrap(*child)
		}
	}
	switch n := n.(type) {
	case *hclsyntax.TupleConsExpr:
		for i := range n.Exprs {
			into(&n.Exprs[i], looped)
		}
	case *hclsyntax.ObjectConsExpr:
		for i := range n.Items {
			into(&n.Items[i].KeyExpr, looped)
			into(&n.Items[i].ValueExpr, looped)
		}
	case *hclsyntax.TemplateExpr:
		for i := range n.Parts {
			into(&n.Parts[i], looped)
		}
	case *hclsyntax.TemplateJoinExpr:
		into(&n.Tuple, looped)
	case *hclsyntax.FunctionCallExpr:
		in.table.use(n.Name)
		for i := range n.Args {
			into(&n.Args[i], looped)
		}
	case *hclsyntax.ConditionalExpr:
		into(&n.Condition, looped)
		into(&n.TrueResult, looped)
		into(&n.FalseResult, looped)
	case *hclsyntax.BinaryOpExpr:
		into(&n.LHS, looped)
		into(&n.RHS, looped)
	case *hclsyntax.UnaryOpExpr:
		into(&n.Val, looped)
	case *hclsyntax.IndexExpr:
		into(&n.Collection, looped)
		into(&n.Key, looped)
	case *hclsyntax.ForExpr:
		into(&n.CollExpr, looped)
		body(&n.KeyExpr)
		body(&n.ValExpr)
		body(&n.CondExpr)
	case *hclsyntax.SplatExpr:
		into(&n.Source, looped)
		body(&n.Each)
	}
	return varies
}

// constant reports whether a node that has been looked at is made of constants only.
func constant(n hclsyntax.Expression) bool {
	switch n := n.(type) {
	case *hclsyntax.LiteralValueExpr, *hclsyntax.TupleConsExpr, *hclsyntax.ObjectConsExpr, *hclsyntax.TemplateExpr:
		return true // otherwise it would be wrapped
	case *hclsyntax.ParenthesesExpr:
		return constant(n.Expression)
	case *hclsyntax.TemplateWrapExpr:
		return constant(n.Wrapped)
	case *hclsyntax.ObjectConsKeyExpr:
		_, isName := n.Wrapped.(*hclsyntax.ScopeTraversalExpr)
		return isName || constant(n.Wrapped)
	}
	return false
}
