package config

import (
	"bytes"
	"fmt"

	"github.com/hashicorp/hcl/v2"
	"github.com/hashicorp/hcl/v2/hclsyntax"
	"github.com/zclconf/go-cty/cty"
	"github.com/zclconf/go-cty/cty/convert"
)

// jsonExpr is an expression of a file in JSON. The library parses the strings in it as
// templates each time it evaluates them; here they are parsed once, and counted as the
// expressions of other files are.
type jsonExpr struct {
	hcl.Expression // the library's
	*budget

	text    hclsyntax.Expression // of a string, which is a template
	faults  hcl.Diagnostics      // why it is none
	list    []*jsonExpr
	entries []jsonEntry // of an object
	kind    jsonKind
}

type jsonKind int

const (
	jsonScalar jsonKind = iota
	jsonText
	jsonList
	jsonObject
)

type jsonEntry struct{ key, value *jsonExpr }

// literalText is what a string in JSON says, taken literally.
func literalText(expr hcl.Expression) (string, bool) {
	if hclList(expr) != nil || hclMap(expr) != nil {
		return "", false
	}
	v, diags := expr.Value(nil)
	if diags.HasErrors() || v.IsNull() || v.Type() != cty.String {
		return "", false
	}
	return v.AsString(), true
}

func hclList(expr hcl.Expression) []hcl.Expression {
	if is, ok := expr.(interface{ ExprList() []hcl.Expression }); ok {
		return is.ExprList()
	}
	return nil
}

func hclMap(expr hcl.Expression) []hcl.KeyValuePair {
	if is, ok := expr.(interface{ ExprMap() []hcl.KeyValuePair }); ok {
		return is.ExprMap()
	}
	return nil
}

// readJSON takes an expression in JSON apart.
func (l *loader) readJSON(expr hcl.Expression, t *table) *jsonExpr {
	e := &jsonExpr{Expression: expr, budget: l.budget}
	if list := hclList(expr); list != nil {
		e.kind = jsonList
		for _, inside := range list {
			e.list = append(e.list, l.readJSON(inside, t))
		}
		return e
	}
	if entries := hclMap(expr); entries != nil {
		e.kind = jsonObject
		for _, pair := range entries {
			e.entries = append(e.entries, jsonEntry{l.readJSON(pair.Key, t), l.readJSON(pair.Value, t)})
		}
		return e
	}
	if text, ok := literalText(expr); ok {
		e.kind = jsonText
		l.readTemplate(e, text, t)
	}
	return e
}

// readTemplate parses a string. Where it stands in the file can't be told exactly if
// there are escapes in it; then it is the place of everything in it.
func (l *loader) readTemplate(e *jsonExpr, text string, t *table) {
	whole := e.Range()
	in := instrument{budget: l.budget, table: t}
	if src := l.sources[whole.Filename]; src == nil || bytes.IndexByte([]byte(src.at(&whole)), '\\') >= 0 {
		in.place = &whole
	}
	l.now.Store(&whole)
	start := whole.Start // behind the quotation mark
	start.Byte++
	start.Column++
	size := measure([]byte(text), asTemplate)
	if why := size.excess(); why != "" {
		e.faults = hcl.Diagnostics{{Severity: hcl.DiagError, Summary: size.heading(), Detail: why, Subject: &whole}}
		return
	}
	l.parses(size)
	parsed, diags := hclsyntax.ParseTemplate([]byte(text), whole.Filename, start)
	if e.faults = diags; !diags.HasErrors() {
		e.text = in.node(parsed, false)
	}
}

// Variables lists what the expression refers to.
func (e *jsonExpr) Variables() (refs []hcl.Traversal) {
	if e.text != nil {
		return e.text.Variables()
	}
	for _, inside := range e.list {
		refs = append(refs, inside.Variables()...)
	}
	for _, entry := range e.entries {
		refs = append(refs, entry.key.Variables()...)
		refs = append(refs, entry.value.Variables()...)
	}
	return refs
}

// Value evaluates the expression. Without a context its strings are taken literally.
func (e *jsonExpr) Value(ctx *hcl.EvalContext) (cty.Value, hcl.Diagnostics) {
	e.takes(workNode)
	switch e.kind {
	case jsonText:
		if ctx == nil {
			break
		}
		if e.text == nil {
			return cty.DynamicVal, e.faults
		}
		v, diags := e.text.Value(ctx)
		return v, append(e.faults, diags...)
	case jsonList:
		return e.listValue(ctx)
	case jsonObject:
		return e.objectValue(ctx)
	}
	v, diags := e.Expression.Value(ctx)
	e.checkNumber(v)
	return v, diags
}

func (e *jsonExpr) listValue(ctx *hcl.EvalContext) (cty.Value, hcl.Diagnostics) {
	e.makes(float64(len(e.list)) * bytesElement)
	var diags hcl.Diagnostics
	values := make([]cty.Value, len(e.list))
	for i, inside := range e.list {
		v, more := inside.Value(ctx)
		values[i] = v
		diags = append(diags, more...)
	}
	return cty.TupleVal(values), diags
}

// objectValue lets keys be templates, too. Marks of a key go to the object.
func (e *jsonExpr) objectValue(ctx *hcl.EvalContext) (cty.Value, hcl.Diagnostics) {
	e.makes(bytesObject + float64(len(e.entries))*bytesEntry)
	var diags hcl.Diagnostics
	values := make(map[string]cty.Value, len(e.entries))
	places := make(map[string]hcl.Range, len(e.entries))
	var marks []cty.ValueMarks
	known := true
	for _, entry := range e.entries {
		key, more := entry.key.Value(ctx)
		diags = append(diags, more...)
		v, more := entry.value.Value(ctx)
		diags = append(diags, more...)
		key, of := key.Unmark()
		marks = append(marks, of)
		at := entry.key.Range()
		fault := func(summary, detail string) {
			diags = append(diags, &hcl.Diagnostic{Severity: hcl.DiagError, Summary: summary, Detail: detail, Subject: &at})
		}
		name, err := convert.Convert(key, cty.String)
		switch {
		case err != nil:
			fault("Invalid object key expression", fmt.Sprintf("Cannot use this expression as an object key: %s.", err))
		case name.IsNull():
			fault("Invalid object key expression", "Cannot use null value as an object key.")
		case !name.IsKnown():
			known = false
		default:
			if first, twice := places[name.AsString()]; twice {
				fault("Duplicate object attribute", fmt.Sprintf("An attribute named %s was already defined at %s.", quoted(name.AsString()), first))
				continue
			}
			values[name.AsString()], places[name.AsString()] = v, at
		}
	}
	if !known {
		return cty.DynamicVal.WithMarks(marks...), diags
	}
	return cty.ObjectVal(values).WithMarks(marks...), diags
}
