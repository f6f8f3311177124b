package config

import (
	"github.com/zclconf/go-cty/cty"
	"github.com/zclconf/go-cty/cty/function"
)

func sensitiveFunc() function.Function {
	return ofAnything(func(v cty.Value) cty.Value { return v.Mark(sensitive) })
}

// withheldFunc is sensitive where a configuration is read again: what it was handed may
// be a placeholder by now.
func withheldFunc() function.Function {
	return ofAnything(func(v cty.Value) cty.Value {
		v, _ = v.Unmark()
		return cty.UnknownVal(v.Type()).Mark(sensitive)
	})
}

func nonsensitiveFunc() function.Function {
	return ofAnything(func(v cty.Value) cty.Value {
		v, _ = v.Unmark()
		return v
	})
}

// nonsensitiveIn is nonsensitive where its results are recorded, and where they come from
// the record, because what it is handed is not there.
func nonsensitiveIn(q *questions) function.Function {
	return function.New(&function.Spec{
		Params: anything(),
		Type:   function.StaticReturnType(cty.DynamicPseudoType),
		Impl: func(args []cty.Value, _ cty.Type) (cty.Value, error) {
			v, marks := args[0].Unmark()
			if len(marks) == 0 && v.IsKnown() {
				return v, nil
			}
			return q.declare(v), nil
		},
	})
}

func isSensitiveFunc() function.Function {
	return function.New(&function.Spec{
		Params: anything(),
		Type:   function.StaticReturnType(cty.Bool),
		Impl: func(args []cty.Value, _ cty.Type) (cty.Value, error) {
			return cty.BoolVal(args[0].HasMark(sensitive)), nil
		},
	})
}

// ofAnything makes a function that leaves a value as it is but for its marks.
func ofAnything(f func(cty.Value) cty.Value) function.Function {
	return function.New(&function.Spec{
		Params: anything(),
		Type:   func(args []cty.Value) (cty.Type, error) { return args[0].Type(), nil },
		Impl:   func(args []cty.Value, _ cty.Type) (cty.Value, error) { return f(args[0]), nil },
	})
}

func anything() []function.Parameter {
	return []function.Parameter{{
		Name: "value", Type: cty.DynamicPseudoType,
		AllowUnknown: true, AllowNull: true, AllowMarked: true, AllowDynamicType: true,
	}}
}
