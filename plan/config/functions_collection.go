package config

import (
	"errors"
	"maps"
	"slices"

	"github.com/zclconf/go-cty/cty"
	"github.com/zclconf/go-cty/cty/convert"
	"github.com/zclconf/go-cty/cty/function"
	"github.com/zclconf/go-cty/cty/function/stdlib"
)

func sumFunc() function.Function {
	return computes(cty.Number, params("list", cty.List(cty.Number)), func(args []cty.Value) (cty.Value, error) {
		numbers := elementsOf(args[0])
		if len(numbers) == 0 {
			return cty.NilVal, function.NewArgErrorf(0, "an empty list has no sum")
		}
		sum := cty.Zero
		for _, n := range numbers {
			if n.IsNull() {
				return cty.NilVal, function.NewArgErrorf(0, "an element is null")
			}
			sum = sum.Add(n)
		}
		return sum, nil
	})
}

func allTrueFunc() function.Function {
	return computes(cty.Bool, params("list", cty.List(cty.Bool)), func(args []cty.Value) (cty.Value, error) {
		isFalse := func(v cty.Value) bool { return v.IsNull() || v.False() }
		return cty.BoolVal(!slices.ContainsFunc(elementsOf(args[0]), isFalse)), nil
	})
}

func anyTrueFunc() function.Function {
	return computes(cty.Bool, params("list", cty.List(cty.Bool)), func(args []cty.Value) (cty.Value, error) {
		isTrue := func(v cty.Value) bool { return !v.IsNull() && v.True() }
		return cty.BoolVal(slices.ContainsFunc(elementsOf(args[0]), isTrue)), nil
	})
}

// coalesceFunc differs from the library's in that it passes over empty texts.
func coalesceFunc() function.Function {
	rest := &function.Parameter{Name: "vals", Type: cty.DynamicPseudoType, AllowNull: true, AllowDynamicType: true}
	return yields(nil, rest, func(args []cty.Value) (cty.Value, error) {
		types := make([]cty.Type, 0, len(args))
		for _, a := range args {
			types = append(types, a.Type())
		}
		wanted, _ := convert.UnifyUnsafe(types)
		if wanted == cty.NilType {
			return cty.NilVal, errors.New("all arguments must have the same type")
		}
		for _, a := range args {
			v, err := convert.Convert(a, wanted)
			if err != nil {
				return cty.NilVal, err
			}
			if v.IsNull() || v.Type() == cty.String && v.AsString() == "" {
				continue
			}
			return v, nil
		}
		return cty.NilVal, errors.New("no argument is neither null nor an empty text")
	})
}

func indexFunc() function.Function {
	p := params("list", cty.DynamicPseudoType, "value", cty.DynamicPseudoType)
	return computes(cty.Number, p, func(args []cty.Value) (cty.Value, error) {
		if t := args[0].Type(); !t.IsListType() && !t.IsTupleType() {
			return cty.NilVal, function.NewArgErrorf(0, "a list is required")
		}
		for i, v := range elementsOf(args[0]) {
			same, err := stdlib.Equal(v, args[1])
			if err == nil && same.IsKnown() && same.True() {
				return cty.NumberIntVal(int64(i)), nil
			}
		}
		return cty.NilVal, errors.New("the list does not have this element")
	})
}

// lengthFunc differs from the library's in that it takes texts too.
func lengthFunc() function.Function {
	return computes(cty.Number, params("value", cty.DynamicPseudoType), func(args []cty.Value) (cty.Value, error) {
		v := args[0]
		switch t := v.Type(); {
		case t == cty.String:
			return stdlib.Strlen(v)
		case t.IsTupleType():
			return cty.NumberIntVal(int64(t.Length())), nil
		case t.IsObjectType():
			return cty.NumberIntVal(int64(len(t.AttributeTypes()))), nil
		case t.IsCollectionType():
			return v.Length(), nil
		}
		return cty.NilVal, function.NewArgErrorf(0, "a collection or a text is required")
	})
}

// lookupFunc differs from the library's in that it works without a default.
func lookupFunc() function.Function {
	p := params("map", cty.DynamicPseudoType, "key", cty.String)
	rest := &function.Parameter{Name: "default", Type: cty.DynamicPseudoType, AllowNull: true, AllowDynamicType: true}
	return yields(p, rest, func(args []cty.Value) (cty.Value, error) {
		m, key := args[0], args[1].AsString()
		if t := m.Type(); !t.IsMapType() && !t.IsObjectType() {
			return cty.NilVal, function.NewArgErrorf(0, "a map is required")
		}
		if len(args) > 3 {
			return cty.NilVal, errors.New("there can be one default")
		}
		if v, ok := m.AsValueMap()[key]; ok {
			return v, nil
		}
		if len(args) == 3 {
			return args[2], nil
		}
		return cty.NilVal, errors.New("the map does not have this key, and there is no default")
	})
}

func matchKeysFunc() function.Function {
	anyList := cty.List(cty.DynamicPseudoType)
	return yields(params("values", anyList, "keys", anyList, "searchset", anyList), nil, func(args []cty.Value) (cty.Value, error) {
		values, keys := elementsOf(args[0]), elementsOf(args[1])
		if len(values) != len(keys) {
			return cty.NilVal, errors.New("there must be as many keys as values")
		}
		var out []cty.Value
		for i, key := range keys {
			if slices.ContainsFunc(elementsOf(args[2]), func(wanted cty.Value) bool { return equalAsText(key, wanted) }) {
				out = append(out, values[i])
			}
		}
		if len(out) == 0 {
			return cty.ListValEmpty(args[0].Type().ElementType()), nil
		}
		return cty.ListVal(out), nil
	})
}

// equalAsText compares two values after conversion to one type.
func equalAsText(a, b cty.Value) bool {
	b, err := convert.Convert(b, a.Type())
	return err == nil && a.RawEquals(b)
}

func oneFunc() function.Function {
	return yields(params("list", cty.DynamicPseudoType), nil, func(args []cty.Value) (cty.Value, error) {
		t := args[0].Type()
		if !t.IsListType() && !t.IsSetType() && !t.IsTupleType() {
			return cty.NilVal, function.NewArgErrorf(0, "a list or set is required")
		}
		switch elems := elementsOf(args[0]); len(elems) {
		case 0:
			if t.IsTupleType() {
				return cty.NullVal(cty.DynamicPseudoType), nil
			}
			return cty.NullVal(t.ElementType()), nil
		case 1:
			return elems[0], nil
		}
		return cty.NilVal, function.NewArgErrorf(0, "it has more than one element")
	})
}

func transposeFunc() function.Function {
	result := cty.Map(cty.List(cty.String))
	return computes(result, params("map", result), func(args []cty.Value) (cty.Value, error) {
		swapped := map[string][]cty.Value{}
		in := args[0].AsValueMap()
		for _, key := range slices.Sorted(maps.Keys(in)) {
			if in[key].IsNull() {
				return cty.NilVal, function.NewArgErrorf(0, "a list is null")
			}
			for _, v := range elementsOf(in[key]) {
				if v.IsNull() {
					return cty.NilVal, function.NewArgErrorf(0, "an element is null")
				}
				swapped[v.AsString()] = append(swapped[v.AsString()], cty.StringVal(key))
			}
		}
		out := map[string]cty.Value{}
		for key, list := range swapped {
			out[key] = cty.ListVal(list)
		}
		if len(out) == 0 {
			return cty.MapValEmpty(cty.List(cty.String)), nil
		}
		return cty.MapVal(out), nil
	})
}

func elementsOf(v cty.Value) []cty.Value {
	out := make([]cty.Value, 0, v.LengthInt())
	for _, e := range v.Elements() {
		out = append(out, e)
	}
	return out
}
