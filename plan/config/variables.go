package config

import (
	"errors"
	"fmt"
	"slices"
	"strings"

	"github.com/hashicorp/hcl/v2"
	"github.com/hashicorp/hcl/v2/ext/typeexpr"
	"github.com/hashicorp/hcl/v2/hclsyntax"
	"github.com/zclconf/go-cty/cty"
	"github.com/zclconf/go-cty/cty/convert"
)

// envPrefix begins the name of an environment variable that sets a variable.
const envPrefix = "ZUP_VAR_"

// variable is one variable block and the value that it came to have.
type variable struct {
	name   string
	header hcl.Range

	wanted    cty.Type           // cty.DynamicPseudoType where no type is said
	optional  *typeexpr.Defaults // of the object attributes in the type; nil: none
	verbatim  bool               // a value from the environment or -var is text, not an expression
	sensitive bool
	nullable  bool

	fallback   cty.Value // the default; cty.NilVal: there is none
	fallbackAt hcl.Range
	rules      []rule

	given given
	value cty.Value // unknown where there is none, which has been reported
}

// rule is one validation block.
type rule struct {
	condition, message hcl.Expression
}

// given is a value from outside the variable's block.
type given struct {
	from string         // how people know the place: "-var", "ZUP_VAR_target", "prod.zup.vars"; empty: not given
	text string         // from the environment or the command line, if expr is nil
	expr hcl.Expression // from a file
}

// declareVariables reads the variable blocks, without the values that come from
// outside.
func (l *loader) declareVariables() {
	l.variables = make(map[string]*variable, len(l.blocks.variable))
	for _, b := range l.blocks.variable {
		v := l.declareVariable(b)
		if first := l.variables[v.name]; first != nil {
			l.errorf(&v.header, fmt.Sprintf("variable %q is declared twice", v.name), "The first declaration is at %s.", place(first.header))
			first.sensitive = first.sensitive || v.sensitive
			continue
		}
		l.variables[v.name] = v
		l.declared = append(l.declared, v)
	}
}

func (l *loader) declareVariable(block *hcl.Block) *variable {
	b := l.body(block, variableBody, "in a variable block")
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
		l.readRule(block, v)
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
		v, diags := attr.Expr.Value(nil)
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
	wanted, optional, diags := typeexpr.TypeConstraintWithDefaults(attr.Expr)
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
	if !ok || !typed {
		v.fallback = cty.DynamicVal
		return
	}
	val, err := v.convert(val)
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

func (l *loader) readRule(block *hcl.Block, v *variable) {
	b := l.body(block, validationBody, "in a validation block")
	for _, name := range []string{"condition", "error_message"} {
		if !b.said(name) {
			l.errorf(&b.place.Range, fmt.Sprintf("missing %q", name), "A validation block has a condition, and an error_message for when it does not hold.")
		}
	}
	if b.attrs["condition"] != nil && b.attrs["error_message"] != nil {
		v.rules = append(v.rules, rule{b.attrs["condition"].Expr, b.attrs["error_message"].Expr})
	}
}

// convert makes a value one of the variable's type, with the defaults of
// optional attributes filled in.
func (v *variable) convert(val cty.Value) (cty.Value, error) {
	if v.optional != nil && !val.IsNull() {
		val = v.optional.Apply(val)
	}
	return convert.Convert(val, v.wanted)
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

// mustHideValues reports whether a variable file that does not parse may hold
// something that must not be shown.
func (l *loader) mustHideValues() bool {
	return l.incomplete || slices.ContainsFunc(l.declared, func(v *variable) bool { return v.sensitive })
}

// assignVariables gives every variable the value with the highest precedence:
// default, environment, variable files of the directory in lexical order, then
// the flags of the command line in theirs.
func (l *loader) assignVariables() {
	l.assignEnv()
	files := len(l.varFiles)
	for _, arg := range l.opts.Vars {
		if arg.File != "" {
			files--
		}
	}
	for _, f := range l.varFiles[:files] {
		l.assignFile(f)
	}
	given := l.varFiles[files:]
	for _, arg := range l.opts.Vars {
		if arg.File != "" {
			l.assignFile(given[0])
			given = given[1:]
			continue
		}
		l.assignFlag(arg)
	}
	for _, v := range l.declared {
		l.decide(v)
	}
}

func (l *loader) assignEnv() {
	for _, entry := range l.opts.Env {
		name, value, _ := strings.Cut(entry, "=")
		name, ours := strings.CutPrefix(name, envPrefix)
		if v := l.variables[name]; ours && v != nil {
			v.given = given{from: envPrefix + name, text: value}
		}
	}
}

func (l *loader) assignFlag(arg VarArg) {
	v := l.variables[arg.Name]
	switch {
	case v != nil:
		v.given = given{from: "-var", text: arg.Value}
	case !l.incomplete:
		l.errorf(nil, fmt.Sprintf("-var: variable %q is not declared", arg.Name), "%s",
			didYouMean(arg.Name, "No file of the configuration has a variable block with this name.", sortedKeys(l.variables)...))
	}
}

// assignFile takes the assignments of a variable file. What might be sensitive,
// which an unknown name might be too, is never shown.
func (l *loader) assignFile(f *file) {
	if f.broken() {
		l.unreadValues = true
		if l.mustHideValues() {
			f.hideAll()
		}
	}
	l.addFaults(f)
	if len(f.parts) == 0 {
		return
	}
	attrs, diags := f.parts[0].body.JustAttributes()
	for _, d := range diags {
		l.errorf(d.Subject, "this is not an assignment", "A file with values of variables has lines such as name = \"value\" and nothing else.")
		if l.mustHideValues() {
			f.hideAll()
		}
	}
	for name, attr := range attrs {
		v := l.variables[name]
		if v == nil || v.sensitive {
			f.hide(attr.Expr.Range())
		}
		switch {
		case v != nil:
			v.given = given{from: f.name, expr: attr.Expr}
		case !l.incomplete:
			l.warnf(&attr.NameRange, fmt.Sprintf("variable %q is not declared", name), "%s",
				didYouMean(name, "The value is not used.", sortedKeys(l.variables)...))
		}
	}
}

// decide sets the variable's value from what was given, or from its default.
func (l *loader) decide(v *variable) {
	val, ok := v.fallback, v.fallback != cty.NilVal
	if v.given.from != "" {
		val, ok = l.givenValue(v)
		if ok && val.IsNull() && !v.nullable {
			val, ok = v.fallback, v.fallback != cty.NilVal
			if !ok {
				l.errorf(v.valueAt(), fmt.Sprintf("variable %q is null", v.name), "It says nullable = false and has no default.")
			}
		}
	} else if !ok && !l.unreadValues {
		l.errorf(&v.header, fmt.Sprintf("variable %q has no value", v.name),
			"It has no default. Give it a value in one of three ways:\n  -var %s=… on the command line, or -var-file with a file\n  %s%s=… in the environment\n  %s = … in a *.zup.vars file beside the configuration",
			v.name, envPrefix, v.name, v.name)
	}
	if !ok {
		val = cty.DynamicVal
	}
	v.value = val
	if v.sensitive {
		v.value = val.Mark(sensitive)
	}
}

// givenValue evaluates and converts what was given from outside.
func (l *loader) givenValue(v *variable) (cty.Value, bool) {
	val, ok := cty.StringVal(v.given.text), true
	switch {
	case v.given.expr != nil:
		val, ok = l.evalConstant(v.given.expr, v.sensitive)
	case !v.verbatim:
		val, ok = l.parseGiven(v)
	}
	if !ok {
		return cty.DynamicVal, false
	}
	val, err := v.convert(val)
	if err != nil {
		l.errorf(v.valueAt(), fmt.Sprintf("wrong type for variable %q", v.name), "The value from %s does not fit. %s", v.given.from, v.mismatch(err))
		return cty.DynamicVal, false
	}
	return val, true
}

// parseGiven reads a text from the environment or the command line as an
// expression.
func (l *loader) parseGiven(v *variable) (cty.Value, bool) {
	text := []byte(v.given.text)
	val := cty.DynamicVal
	var diags hcl.Diagnostics
	if tooDeep(text, false) {
		diags = hcl.Diagnostics{{Severity: hcl.DiagError, Detail: "It is nested too deep."}}
	} else {
		var expr hclsyntax.Expression
		expr, diags = hclsyntax.ParseExpression(text, v.given.from, hcl.InitialPos)
		if !diags.HasErrors() {
			val, diags = expr.Value(nil)
		}
	}
	if !diags.HasErrors() {
		return val, true
	}
	detail := diags[0].Detail
	if v.sensitive {
		detail = "The details are withheld, because the variable is sensitive."
	}
	l.errorf(&v.header, fmt.Sprintf("the value of variable %q is not an expression", v.name),
		"The value from %s is read as an expression of type %s. %s", v.given.from, typeexpr.TypeString(v.wanted), detail)
	return val, false
}

// valueAt returns the place of a variable's value, or its block's header where
// the value is in no file.
func (v *variable) valueAt() *hcl.Range {
	at := v.header
	switch {
	case v.given.expr != nil:
		at = v.given.expr.Range()
	case v.given.from == "" && v.fallback != cty.NilVal:
		at = v.fallbackAt
	}
	return &at
}

// validateVariables runs the validation blocks. A variable that does not hold
// becomes unknown, so that nothing else is said about its value.
func (l *loader) validateVariables() {
	ctx := l.newScope()
	var refused []*variable
	for _, v := range l.declared {
		for _, r := range v.rules {
			if !l.holds(v, r, ctx) {
				refused = append(refused, v)
			}
		}
	}
	for _, v := range refused {
		v.value = cty.DynamicVal
	}
	l.refused = len(refused) > 0
}

// holds reports whether a value passes one validation block. Where nobody can
// tell, because something is wrong with the rule itself, it passes.
func (l *loader) holds(v *variable, r rule, ctx *hcl.EvalContext) bool {
	ctx = l.withLocals(ctx, r.condition, r.message)
	cond, ok := l.eval(r.condition, ctx)
	if !ok || !v.value.IsWhollyKnown() {
		return true
	}
	cond, _ = cond.Unmark()
	cond, err := convert.Convert(cond, cty.Bool)
	if err != nil || cond.IsNull() {
		rng := r.condition.Range()
		l.errorf(&rng, "wrong type for \"condition\"", "A condition is true or false.")
		return true
	}
	if cond.True() {
		return true
	}
	from := ""
	if v.given.from != "" && v.given.expr == nil {
		from = fmt.Sprintf("\nThe value comes from %s.", v.given.from)
	}
	l.errorf(l.ruleAt(v, r), fmt.Sprintf("invalid value for variable %q", v.name), "%s", l.message(r.message, ctx)+from)
	return false
}

// ruleAt shows the value where it is in a file, and the condition otherwise.
func (l *loader) ruleAt(v *variable, r rule) *hcl.Range {
	if v.given.from != "" && v.given.expr == nil {
		rng := r.condition.Range()
		return &rng
	}
	return v.valueAt()
}

// message evaluates an error_message, whose value may be sensitive itself.
func (l *loader) message(expr hcl.Expression, ctx *hcl.EvalContext) string {
	val, ok := l.eval(expr, ctx)
	if !ok {
		return "Its error_message could not be evaluated."
	}
	if val.ContainsMarked() {
		return "The message of the validation block is withheld, because it contains a sensitive value."
	}
	val, err := convert.Convert(val, cty.String)
	if err != nil || val.IsNull() {
		rng := expr.Range()
		l.errorf(&rng, "wrong type for \"error_message\"", "A string is wanted here.")
		return "Its error_message is not a string."
	}
	return val.AsString()
}

// place names a place in words.
func place(rng hcl.Range) string { return fmt.Sprintf("%s line %d", rng.Filename, rng.Start.Line) }
