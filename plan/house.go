package plan

import (
	"reflect"
	"slices"
	"strings"
	"sync"

	"github.com/zclconf/go-cty/cty"

	"zup/plan/config"
)

// conditionSees lists what the condition of a rule of the house sees of a plan, by
// the names of the plan file. Of types that are not listed it sees everything.
var conditionSees = map[reflect.Type][]string{
	reflect.TypeFor[Plan](): {"actions", "author", "change", "clusters", "freezes", "not_after", "windows"},
	reflect.TypeFor[Action](): {
		"after", "closes", "cluster", "detached", "drops", "estimate_s", "id", "impact", "keeps", "kind", "lasting", "node", "opens",
		"out", "primitive", "reason", "title",
	},
	reflect.TypeFor[Node](): {"address", "facts", "name", "role", "version"},
}

// ConditionType is the type of what a condition calls plan: for config.Options.
var ConditionType = sync.OnceValue(func() cty.Type { return typeOf(reflect.TypeFor[Plan]()) })

// seen yields the fields of a struct that a condition sees, with their names.
func seen(t reflect.Type, yield func(i int, name string)) {
	only, listed := conditionSees[t]
	for i := range t.NumField() {
		name, _, _ := strings.Cut(t.Field(i).Tag.Get("json"), ",")
		if !listed || slices.Contains(only, name) {
			yield(i, name)
		}
	}
}

func typeOf(t reflect.Type) cty.Type {
	switch t.Kind() {
	case reflect.String:
		return cty.String
	case reflect.Bool:
		return cty.Bool
	case reflect.Int, reflect.Int64:
		return cty.Number
	case reflect.Slice:
		return cty.List(typeOf(t.Elem()))
	case reflect.Map:
		return cty.Map(typeOf(t.Elem()))
	case reflect.Struct:
		attributes := map[string]cty.Type{}
		seen(t, func(i int, name string) { attributes[name] = typeOf(t.Field(i).Type) })
		return cty.Object(attributes)
	}
	panic("plan: a condition can't see a " + t.String())
}

func valueOf(v reflect.Value) cty.Value {
	switch v.Kind() {
	case reflect.String:
		return cty.StringVal(v.String())
	case reflect.Bool:
		return cty.BoolVal(v.Bool())
	case reflect.Int, reflect.Int64:
		return cty.NumberIntVal(v.Int())
	case reflect.Slice:
		if v.Len() == 0 {
			return cty.ListValEmpty(typeOf(v.Type().Elem()))
		}
		elements := make([]cty.Value, v.Len())
		for i := range elements {
			elements[i] = valueOf(v.Index(i))
		}
		return cty.ListVal(elements)
	case reflect.Map:
		if v.Len() == 0 {
			return cty.MapValEmpty(typeOf(v.Type().Elem()))
		}
		values := make(map[string]cty.Value, v.Len())
		for it := v.MapRange(); it.Next(); {
			values[it.Key().String()] = valueOf(it.Value())
		}
		return cty.MapVal(values)
	}
	values := map[string]cty.Value{}
	seen(v.Type(), func(i int, name string) { values[name] = valueOf(v.Field(i)) })
	return cty.ObjectVal(values)
}

// judge evaluates the rules of the house. A rule that can't be evaluated does not
// hold.
func (p *Plan) judge(rules []*config.Rule) {
	if len(rules) == 0 {
		return
	}
	config.Judge(rules, valueOf(reflect.ValueOf(p).Elem()), func(r *config.Rule, holds bool, err error) {
		is := Rule{Condition: r.Condition, Level: r.Level, Message: r.Message, Name: r.Name, Status: Passed}
		switch {
		case err != nil:
			is.Status, is.Detail = Error, err.Error()
		case !holds:
			is.Status = Failed
		}
		p.Rules = append(p.Rules, is)
	})
}

// Denies reports whether a plan that the rule is against may not be applied.
func (r *Rule) Denies() bool { return r.Level != config.LevelWarn }

// Broken returns the rules of the house that keep the plan from being applied: of
// level "deny", not passed, and not waived. A plan that changes nothing breaks none.
func (p *Plan) Broken() []*Rule {
	var all []*Rule
	for i := range p.Rules {
		r := &p.Rules[i]
		if r.Denies() && r.Status != Passed && p.Waiver(r.Name) == nil && !p.Empty() {
			all = append(all, r)
		}
	}
	return all
}
