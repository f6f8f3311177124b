package config

import (
	"bytes"
	"errors"
	"fmt"
	"maps"
	"slices"
	"strings"

	"github.com/hashicorp/hcl/v2"
	"github.com/hashicorp/hcl/v2/hclsyntax"
	"github.com/zclconf/go-cty/cty"
)

// mark is the type of what cty attaches to a value.
type mark string

// sensitive marks a value that must not be shown. It spreads to every value that
// is computed from it.
const sensitive = mark("sensitive")

// eval evaluates an expression where names are known. It is not ok when there is
// no value, which has been reported then, here or where the cause lies: a value
// that could not be had is unknown wherever it is used, and silently.
func (l *loader) eval(expr hcl.Expression, ctx *hcl.EvalContext) (cty.Value, bool) {
	l.takes(workNode)
	if v, ok := literal(expr); ok {
		l.weighAt(v, expr)
		return v, true
	}
	expr = l.expression(expr, l.callable)
	refs := expr.Variables()
	known := true
	for _, ref := range refs {
		known = l.checkReference(ref, expr) && known
	}
	if !known {
		return cty.DynamicVal, false
	}
	before, calls := l.dir.current, l.dir.calls
	l.dir.current, l.dir.calls = expr.Range(), 0
	v, diags := expr.Value(ctx)
	l.dir.current, l.dir.calls = before, calls
	l.withholdSensitive(expr, refs, ctx)
	if diags.HasErrors() {
		secret := l.mentionsSensitive(expr) || l.refersToSensitive(refs, ctx)
		for _, d := range diags {
			l.addEvaluation(d, expr, secret)
		}
		return cty.DynamicVal, false
	}
	if l.weighAt(v, expr).unknown {
		l.needsValue(expr)
		l.noteUnknown(expr)
		return v, false
	}
	return v, true
}

// weighAt weighs the value of an expression.
func (l *loader) weighAt(v cty.Value, expr hcl.Expression) weight {
	shallow, _ := v.Unmark()
	if t := v.Type(); t == cty.Bool || t == cty.String && (!isText(shallow) || len(shallow.AsString()) < 1000) {
		return weight{values: 1, unknown: !v.IsKnown()}
	}
	at := expr.Range()
	l.now.Store(&at)
	w := l.weigh(v)
	l.takes(w.text / textPerLook) // somebody will look at it
	return w
}

// expression returns an expression in the form in which it is evaluated: as one that
// counts what that takes. It may be called again with what it has returned.
func (l *loader) expression(expr hcl.Expression, t *table) hcl.Expression {
	switch e := expr.(type) {
	case *metered, *jsonExpr:
		return e
	case hclsyntax.Expression:
		at := e.Range() // of a number that is too large
		l.now.Store(&at)
		return l.meter(e, t)
	}
	if l.fromJSON == nil {
		l.fromJSON = map[hcl.Expression]*jsonExpr{}
	}
	if l.fromJSON[expr] == nil {
		l.fromJSON[expr] = l.readJSON(expr, t)
	}
	return l.fromJSON[expr]
}

// literal is the short way for what most arguments are: a number, true, false or
// a plain string.
func literal(expr hcl.Expression) (cty.Value, bool) {
	switch e := expr.(type) {
	case *hclsyntax.LiteralValueExpr:
		return e.Val, true
	case *hclsyntax.TemplateExpr:
		if e.IsStringLiteral() {
			v, diags := e.Parts[0].Value(nil)
			return v, !diags.HasErrors()
		}
	}
	return cty.NilVal, false
}

// evalConstant evaluates an expression that may refer to nothing.
func (l *loader) evalConstant(expr hcl.Expression, secret bool) (cty.Value, bool) {
	v, diags := l.constantValue(expr)
	for _, d := range diags {
		switch d.Summary {
		case "Variables not allowed", "Function calls not allowed":
			l.errorf(l.placeIn(expr, d.Subject), "a constant is wanted here", "It can't refer to other values or call functions. A local value can.")
		default:
			l.addEvaluation(d, expr, secret)
		}
	}
	return v, !diags.HasErrors()
}

// constantValue is the value of an expression that refers to nothing, in JSON of one
// that is taken literally.
func (l *loader) constantValue(expr hcl.Expression) (cty.Value, hcl.Diagnostics) {
	at := expr.Range()
	l.now.Store(&at)
	v, diags := l.expression(expr, noFunctions).Value(nil)
	if !diags.HasErrors() {
		l.weighAt(v, expr)
	}
	return v, diags
}

// noFunctions is the table where none can be called.
var noFunctions = &table{}

// addEvaluation reports what the library says of an expression. Its details may
// quote values, so they are withheld if a sensitive one takes part.
func (l *loader) addEvaluation(d *hcl.Diagnostic, expr hcl.Expression, secret bool) {
	c := *d
	c.Subject = l.placeIn(expr, d.Subject)
	if unknown, ok := hcl.DiagnosticExtra[hclsyntax.FunctionCallUnknownDiagExtra](d); ok {
		l.unknownFunction(c.Subject, unknown.CalledFunctionNamespace()+unknown.CalledFunctionName())
		return
	}
	call, isCall := hcl.DiagnosticExtra[hclsyntax.FunctionCallDiagExtra](d)
	if isCall && d.Summary == "Error in function call" {
		c.Summary = fmt.Sprintf("function %q failed", call.CalledFunctionName())
	}
	c.Detail = callDetail(d)
	if secret {
		c.Detail = "The details are withheld, because a sensitive value takes part in this expression."
	}
	l.add(&c)
}

// callDetail returns a diagnostic's detail, without what the library adds to the
// function's own message.
func callDetail(d *hcl.Diagnostic) string {
	call, ok := hcl.DiagnosticExtra[hclsyntax.FunctionCallDiagExtra](d)
	if !ok || call.FunctionCallError() == nil {
		return d.Detail
	}
	var said messageError
	switch err := call.FunctionCallError(); {
	case errors.As(err, &said):
		return string(said)
	case d.Summary == "Error in function call":
		return sentence(err.Error())
	}
	return d.Detail
}

// messageError is a function's error that stands for itself, in sentences.
type messageError string

func (e messageError) Error() string { return string(e) }

// placeIn returns a place in an expression. In a JSON string with escapes the
// library can't tell places; the whole string is shown then.
func (l *loader) placeIn(expr hcl.Expression, rng *hcl.Range) *hcl.Range {
	whole := expr.Range()
	if rng == nil {
		return &whole
	}
	src := l.sources[whole.Filename]
	if src == nil || !src.json {
		return rng
	}
	sp := src.clamp(whole)
	if bytes.IndexByte(src.text[sp.start:sp.end], '\\') >= 0 {
		return &whole
	}
	return rng
}

// mentionsSensitive reports whether an expression calls the function sensitive.
// It looks at the text only, and rather sees one too many.
func (l *loader) mentionsSensitive(expr hcl.Expression) bool {
	rng := expr.Range()
	src := l.sources[rng.Filename]
	if src == nil {
		return true
	}
	sp := src.clamp(rng)
	return bytes.Contains(src.text[sp.start:sp.end], []byte("sensitive"))
}

func (l *loader) refersToSensitive(refs []hcl.Traversal, ctx *hcl.EvalContext) bool {
	for _, ref := range refs {
		if len(ref) < 2 {
			continue
		}
		v, diags := ref[:2].TraverseAbs(ctx)
		if !diags.HasErrors() && l.weigh(v).marked {
			return true
		}
	}
	return false
}

// checkReference reports a name that does not exist. It is better at it than the
// library: it knows what was meant by a name without its "var.".
func (l *loader) checkReference(ref hcl.Traversal, expr hcl.Expression) bool {
	root, ok := ref[0].(hcl.TraverseRoot)
	if !ok {
		return true
	}
	name, rng, named := referredName(ref)
	at := l.placeIn(expr, &rng)
	switch {
	case root.Name == planName && l.inRule:
		return true
	case root.Name == "secret":
		l.unreadable(name, at)
	case root.Name != "var" && root.Name != "local" && root.Name != "path":
		l.unknownRoot(root.Name, l.placeIn(expr, &root.SrcRange))
	case !named:
		l.errorf(at, fmt.Sprintf("%q needs a name", root.Name), "Write %s.name; %s alone is not a value.", root.Name, root.Name)
	case root.Name == "path" && name != "root":
		l.errorf(at, fmt.Sprintf("unknown path %q", name), "There is path.root, the configuration's own directory. A path that depends on where zup runs would change the plan.")
	case root.Name == "path":
		return true
	case root.Name == "var" && l.variables[name] != nil, root.Name == "local" && l.locals[name] != nil:
		return true
	case root.Name == "var" && l.secrets[name] != nil:
		l.unreadable(name, at)
	case l.incomplete:
		// It may be declared in the part that could not be read.
	case root.Name == "var":
		l.errorf(at, fmt.Sprintf("variable %q is not declared", name), "%s",
			l.hint(name, fmt.Sprintf("Declare it: variable %q { }", name), l.variableNames()))
	default:
		l.errorf(at, fmt.Sprintf("local value %q is not declared", name), "%s",
			l.hint(name, fmt.Sprintf("Declare it: locals { %s = … }", name), l.localNames()))
	}
	return false
}

// referredName returns the name in var.name or var["name"].
func referredName(ref hcl.Traversal) (name string, rng hcl.Range, ok bool) {
	if len(ref) < 2 {
		return "", ref.SourceRange(), false
	}
	switch step := ref[1].(type) {
	case hcl.TraverseAttr:
		return step.Name, hcl.RangeBetween(ref[0].SourceRange(), step.SrcRange), true
	case hcl.TraverseIndex:
		if key := step.Key; key.Type() == cty.String && key.IsKnown() && !key.IsNull() {
			return key.AsString(), hcl.RangeBetween(ref[0].SourceRange(), step.SrcRange), true
		}
	}
	return "", ref.SourceRange(), false
}

func (l *loader) unknownRoot(name string, at *hcl.Range) {
	summary := fmt.Sprintf("unknown name %q", name)
	switch {
	case l.variables[name] != nil:
		l.errorf(at, summary, `Did you mean "var.%s"?`, name)
	case l.locals[name] != nil:
		l.errorf(at, summary, `Did you mean "local.%s"?`, name)
	case name == planName:
		l.errorf(at, summary, "Only the condition of a rule can refer to the plan: everything else is what the plan is made from.")
	case l.inRule && near(name, planName) != "":
		l.errorf(at, summary, "Did you mean %q?", planName)
	case near(name, "var", "local", "path") != "":
		l.errorf(at, summary, "Did you mean %q?", near(name, "var", "local", "path"))
	default:
		l.errorf(at, summary, "An expression can refer to var.name, local.name and path.root. A text stands in quotes: %q.", name)
	}
}

func (l *loader) unknownFunction(at *hcl.Range, name string) {
	for _, o := range OmittedFunctions() {
		if o.Name == name {
			l.errorf(at, fmt.Sprintf("function %q is left out on purpose", name), "%s", o.Reason)
			return
		}
	}
	if strings.Contains(name, "::") {
		l.errorf(at, fmt.Sprintf("unknown function %q", name), "There are no namespaces of functions here: a provider brings none.")
		return
	}
	l.errorf(at, fmt.Sprintf("unknown function %q", name), "%s", didYouMean(name, "zup has those of Terraform's functions that depend on nothing but their arguments and the files beside the configuration.", sortedKeys(entryOf())...))
}

func sortedKeys[V any](m map[string]V) []string { return slices.Sorted(maps.Keys(m)) }
