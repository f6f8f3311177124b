package config

import (
	"slices"

	"github.com/zclconf/go-cty/cty"
	"github.com/zclconf/go-cty/cty/function"
)

// params makes the parameters of a function from names and types.
func params(namesAndTypes ...any) []function.Parameter {
	var out []function.Parameter
	for i := 0; i < len(namesAndTypes); i += 2 {
		out = append(out, function.Parameter{
			Name: namesAndTypes[i].(string),
			Type: namesAndTypes[i+1].(cty.Type),
		})
	}
	return out
}

// computes makes a function whose result has one type.
func computes(result cty.Type, params []function.Parameter, f func(args []cty.Value) (cty.Value, error)) function.Function {
	return function.New(&function.Spec{
		Params: params,
		Type:   function.StaticReturnType(result),
		Impl: func(args []cty.Value, _ cty.Type) (cty.Value, error) {
			if !whollyKnown(args) {
				return cty.UnknownVal(result), nil
			}
			return f(args)
		},
	})
}

// whollyKnown reports whether everything in the arguments is known: a list may be, and
// its elements not, where a rule's condition is looked at before there is a plan.
func whollyKnown(args []cty.Value) bool {
	return !slices.ContainsFunc(args, func(a cty.Value) bool { return !a.IsWhollyKnown() })
}

// yields makes a function whose result's type depends on the values it is given.
// It is computed twice, once for the type, so f is cheap.
func yields(params []function.Parameter, rest *function.Parameter, f func(args []cty.Value) (cty.Value, error)) function.Function {
	return function.New(&function.Spec{
		Params:   params,
		VarParam: rest,
		Type: func(args []cty.Value) (cty.Type, error) {
			if !whollyKnown(args) {
				return cty.DynamicPseudoType, nil
			}
			v, err := f(args)
			if err != nil {
				return cty.NilType, err
			}
			return v.Type(), nil
		},
		Impl: func(args []cty.Value, _ cty.Type) (cty.Value, error) {
			if !whollyKnown(args) {
				return cty.DynamicVal, nil
			}
			return f(args)
		},
	})
}

// textToText makes a function from a text to a text.
func textToText(f func(string) (string, error)) function.Function {
	return computes(cty.String, params("str", cty.String), func(args []cty.Value) (cty.Value, error) {
		s, err := f(args[0].AsString())
		return cty.StringVal(s), err
	})
}

// twoTexts makes a function that compares two texts.
func twoTexts(f func(s, other string) bool, other string) function.Function {
	return computes(cty.Bool, params("str", cty.String, other, cty.String), func(args []cty.Value) (cty.Value, error) {
		return cty.BoolVal(f(args[0].AsString(), args[1].AsString())), nil
	})
}
