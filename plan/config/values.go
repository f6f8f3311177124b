package config

import (
	"fmt"
	"slices"
	"strings"

	"github.com/hashicorp/hcl/v2"
	"github.com/hashicorp/hcl/v2/ext/typeexpr"
	"github.com/hashicorp/hcl/v2/hclsyntax"
	"github.com/zclconf/go-cty/cty"
)

// envPrefix begins the name of an environment variable that sets a variable.
const envPrefix = "ZUP_VAR_"

// given is a value from outside the variable's block.
type given struct {
	from string         // how people know the place: "-var", "ZUP_VAR_target", "prod.zup.vars"; empty: not given
	text string         // from the environment or the command line, if expr is nil
	expr hcl.Expression // from a file
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
	case l.secrets[arg.Name] != nil:
		l.errorf(nil, fmt.Sprintf("-var: %q is a secret", arg.Name), "Its value is in the environment of whoever applies, as %s%s, and is given in no other way.", secretPrefix, arg.Name)
	case !l.incomplete:
		l.errorf(nil, fmt.Sprintf("-var: variable %q is not declared", arg.Name), "%s",
			l.hint(arg.Name, "No file of the configuration has a variable block with this name.", l.variableNames()))
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
	if len(f.parts) == 0 || f.parts[0].faulty {
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
		case l.secrets[name] != nil:
			l.errorf(&attr.NameRange, fmt.Sprintf("%q is a secret", name), "Remove it from here, and consider its value known to others. It is in the environment of whoever applies, as %s%s, and is given in no other way.", secretPrefix, name)
		case !l.incomplete:
			l.warnf(&attr.NameRange, fmt.Sprintf("variable %q is not declared", name), "%s",
				l.hint(name, "The value is not used.", l.variableNames()))
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
		l.missingValue(v)
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
	l.now.Store(v.valueAt())
	val, err := v.convert(l.budget, val)
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
	l.now.Store(&v.header)
	if e := measure(text, inHCL); e.nesting > maxNesting {
		diags = hcl.Diagnostics{{Severity: hcl.DiagError, Detail: "It is nested too deep."}}
	} else if why := e.excess(); why != "" {
		diags = hcl.Diagnostics{{Severity: hcl.DiagError, Detail: why}}
	} else {
		l.parses(e)
		var expr hclsyntax.Expression
		expr, diags = hclsyntax.ParseExpression(text, v.given.from, hcl.InitialPos)
		if !diags.HasErrors() {
			in := instrument{l.budget, noFunctions, &v.header}
			val, diags = in.node(expr, false).Value(nil)
			l.weigh(val)
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
