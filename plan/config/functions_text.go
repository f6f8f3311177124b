package config

import (
	"path"
	"strings"
	"time"

	"github.com/zclconf/go-cty/cty"
	"github.com/zclconf/go-cty/cty/function"
	"github.com/zclconf/go-cty/cty/function/stdlib"
)

func startsWithFunc() function.Function  { return twoTexts(strings.HasPrefix, "prefix") }
func endsWithFunc() function.Function    { return twoTexts(strings.HasSuffix, "suffix") }
func strContainsFunc() function.Function { return twoTexts(strings.Contains, "substr") }

// replaceFunc takes what is searched for as a regular expression if it stands
// between slashes.
func replaceFunc() function.Function {
	p := params("str", cty.String, "substr", cty.String, "replace", cty.String)
	return computes(cty.String, p, func(args []cty.Value) (cty.Value, error) {
		if s := args[1].AsString(); len(s) > 1 && s[0] == '/' && s[len(s)-1] == '/' {
			return stdlib.RegexReplace(args[0], cty.StringVal(s[1:len(s)-1]), args[2])
		}
		return stdlib.Replace(args[0], args[1], args[2])
	})
}

func basenameFunc() function.Function {
	return textToText(func(s string) (string, error) { return path.Base(s), nil })
}

func dirnameFunc() function.Function {
	return textToText(func(s string) (string, error) { return path.Dir(s), nil })
}

func timeCmpFunc() function.Function {
	return computes(cty.Number, params("a", cty.String, "b", cty.String), func(args []cty.Value) (cty.Value, error) {
		var times [2]time.Time
		for i, arg := range args {
			t, err := time.Parse(time.RFC3339, arg.AsString())
			if err != nil {
				return cty.NilVal, function.NewArgErrorf(i, "not a time as in 2024-02-29T23:00:00Z")
			}
			times[i] = t
		}
		return cty.NumberIntVal(int64(times[0].Compare(times[1]))), nil
	})
}
