package config

import (
	"errors"
	"strings"
	"testing"

	"github.com/zclconf/go-cty/cty"
	"github.com/zclconf/go-cty/cty/function"
)

// A rule's condition is looked at before there is a plan: no function may choke on a
// list whose elements nobody knows yet.
func TestFunctionsTakeWhatIsPartlyKnown(t *testing.T) {
	t.Parallel()
	text := cty.UnknownVal(cty.String)
	partly := []cty.Value{
		text, cty.DynamicVal, cty.ListVal([]cty.Value{text}), cty.TupleVal([]cty.Value{text, cty.StringVal("a")}), cty.SetVal([]cty.Value{text}),
		cty.MapVal(map[string]cty.Value{"a": text}), cty.ObjectVal(map[string]cty.Value{"a": text}), cty.ListVal([]cty.Value{cty.UnknownVal(cty.Bool)}),
		cty.ListVal([]cty.Value{cty.ListVal([]cty.Value{text})}), cty.ListVal([]cty.Value{cty.UnknownVal(cty.Number)}), cty.UnknownVal(cty.Number),
	}
	called := 0
	callable := newTable(&answers{budget: &budget{}, dir: &directory{}}, "")
	for name := range entryOf() {
		callable.use(name)
	}
	for name, f := range callable.functions {
		for _, first := range partly {
			for _, rest := range partly {
				args := []cty.Value{first}
				for len(args) < len(f.Params()) || len(args) < 2 && f.VarParam() != nil {
					args = append(args, rest)
				}
				var panicked function.PanicError
				if _, err := f.Call(args); errors.As(err, &panicked) && strings.Contains(string(panicked.Stack), "plan/config/functions") {
					t.Errorf("%s(%#v): %.400s", name, args, err)
				}
				called++
			}
		}
	}
	if called < 1000 {
		t.Errorf("only %d calls", called)
	}
}
