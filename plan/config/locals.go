package config

import (
	"fmt"
	"strings"

	"github.com/hashicorp/hcl/v2"
	"github.com/zclconf/go-cty/cty"
)

// local is one local value. It is evaluated when it is first needed:
//
//	waiting ──► busy ──► done
//	              └────► done, with an unknown value: it needs itself
type local struct {
	name  string
	expr  hcl.Expression
	at    hcl.Range // of the name
	needs []string  // the local values that it refers to

	state localState
	value cty.Value
}

type localState int

const (
	waiting localState = iota
	busy
	done
)

// declareLocals reads the locals blocks without evaluating anything.
func (l *loader) declareLocals() {
	l.locals = map[string]*local{}
	for _, b := range l.blocks.locals {
		attrs, diags := b.Body.JustAttributes()
		l.add(diags...)
		for _, attr := range inOrder(attrs) {
			if first := l.locals[attr.Name]; first != nil {
				l.errorf(&attr.NameRange, fmt.Sprintf("local value %q is declared twice", attr.Name), "The first declaration is at %s.", lineOf(first.at))
				continue
			}
			expr := l.expression(attr.Expr, l.callable)
			l.locals[attr.Name] = &local{name: attr.Name, expr: expr, at: attr.NameRange, needs: localsIn(expr)}
			l.localOrder = append(l.localOrder, attr.Name)
		}
	}
}

// localNames returns the names of all local values, sorted.
func (l *loader) localNames() []string {
	if len(l.namesOfLocals) != len(l.locals) {
		l.namesOfLocals = sortedKeys(l.locals)
	}
	return l.namesOfLocals
}

// localsIn lists the local values that expressions refer to.
func localsIn(exprs ...hcl.Expression) []string {
	var names []string
	for _, expr := range exprs {
		for _, ref := range expr.Variables() {
			if ref.RootName() != "local" {
				continue
			}
			if name, _, ok := referredName(ref); ok {
				names = append(names, name)
			}
		}
	}
	return names
}

// newScope returns what an expression can refer to, but for local values.
func (l *loader) newScope() *hcl.EvalContext {
	values := make(map[string]cty.Value, len(l.variables))
	for name, v := range l.variables {
		values[name] = v.value
	}
	return &hcl.EvalContext{
		Variables: map[string]cty.Value{
			"var":  cty.ObjectVal(values),
			"path": cty.ObjectVal(map[string]cty.Value{"root": cty.StringVal(".")}),
		},
		Functions: l.callable.functions,
	}
}

// withLocals returns the scope with exactly those local values that some
// expressions refer to.
func (l *loader) withLocals(scope *hcl.EvalContext, exprs ...hcl.Expression) *hcl.EvalContext {
	needs := localsIn(exprs...)
	if len(needs) == 0 {
		return scope
	}
	child := scope.NewChild()
	child.Variables = map[string]cty.Value{"local": l.localValues(needs, scope, nil)}
	return child
}

// localValues evaluates local values and returns them as one object. The path
// holds the names that are being evaluated for them.
func (l *loader) localValues(needs []string, scope *hcl.EvalContext, path []string) cty.Value {
	values := make(map[string]cty.Value, len(needs))
	for _, name := range needs {
		if lv := l.locals[name]; lv != nil {
			l.evaluateLocal(lv, scope, path)
			values[name] = lv.value
		}
	}
	return cty.ObjectVal(values)
}

// maxReferences is over how many other local values one may refer to another. Each is
// evaluated while those before it wait.
const maxReferences = 10_000

func (l *loader) evaluateLocal(lv *local, scope *hcl.EvalContext, path []string) {
	switch lv.state {
	case done:
		return
	case busy:
		l.breakCycle(lv, path)
		return
	}
	if len(path) > maxReferences {
		lv.state, lv.value = done, cty.DynamicVal
		l.errorf(&lv.at, "local values refer to each other too deep", "There are more than %d between one that has a value by itself and one that refers to it.", maxReferences)
		return
	}
	lv.state, lv.value = busy, cty.DynamicVal
	ctx := scope
	if len(lv.needs) > 0 {
		ctx = scope.NewChild()
		ctx.Variables = map[string]cty.Value{"local": l.localValues(lv.needs, scope, append(path, lv.name))}
	}
	if lv.state == done { // it was found to need itself
		return
	}
	lv.value, _ = l.eval(lv.expr, ctx)
	lv.state = done
}

// breakCycle reports local values that need each other, once, and leaves all of
// them without a value.
func (l *loader) breakCycle(lv *local, path []string) {
	start := len(path) - 1
	for path[start] != lv.name {
		start--
	}
	cycle := path[start:]
	first := 0
	for i, name := range cycle {
		member := l.locals[name]
		member.state, member.value = done, cty.DynamicVal
		if before(member.at, l.locals[cycle[first]].at) {
			first = i
		}
	}
	names := make([]string, 0, len(cycle)+1)
	for i := range len(cycle) + 1 {
		names = append(names, "local."+cycle[(first+i)%len(cycle)])
	}
	at := l.locals[cycle[first]].at
	if len(cycle) == 1 {
		l.errorf(&at, fmt.Sprintf("local value %q refers to itself", lv.name), "%s", strings.Join(names, " → "))
		return
	}
	l.errorf(&at, "local values refer to each other in a circle", "%s", strings.Join(names, " → "))
}

// evaluateLocals evaluates what no validation block needed and completes the
// scope of cluster blocks. If a validation block refused a variable everything
// is evaluated anew, now without its value.
func (l *loader) evaluateLocals() {
	scope := l.newScope()
	if l.refused {
		for _, lv := range l.locals {
			lv.state = waiting
		}
	}
	scope.Variables["local"] = l.localValues(l.localOrder, scope, nil)
	l.scope = scope
}

func before(a, b hcl.Range) bool {
	if a.Filename != b.Filename {
		return a.Filename < b.Filename
	}
	return a.Start.Byte < b.Start.Byte
}
