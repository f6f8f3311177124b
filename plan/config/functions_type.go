package config

import (
	"github.com/zclconf/go-cty/cty"
	"github.com/zclconf/go-cty/cty/function"
)

// sensitiveFunc marks a value. Where a configuration is read again the value is unknown,
// since it may be a placeholder by now.
func sensitiveFunc(ask *answers) function.Function {
	if !ask.dir.replayed {
		return ofAnything(func(v cty.Value) cty.Value { return v.Mark(sensitive) })
	}
	return function.New(&function.Spec{
		Params: anything(),
		Type:   function.StaticReturnType(cty.DynamicPseudoType), // the placeholder may be of another type
		Impl:   func([]cty.Value, cty.Type) (cty.Value, error) { return cty.DynamicVal.Mark(sensitive), nil },
	})
}

// nonsensitiveFunc takes the mark away. Its results are recorded, and where a
// configuration is read again they come from the record, because what it is handed is
// not there.
func nonsensitiveFunc(ask *answers) function.Function {
	return function.New(&function.Spec{
		Params: anything(),
		Type:   function.StaticReturnType(cty.DynamicPseudoType),
		Impl: func(args []cty.Value, _ cty.Type) (cty.Value, error) {
			v, marks := args[0].Unmark()
			if len(marks) == 0 && v.IsKnown() {
				return v, nil
			}
			return ask.dir.declare(v), nil
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
