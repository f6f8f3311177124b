package config

import (
	"fmt"

	"github.com/hashicorp/hcl/v2"
	"github.com/zclconf/go-cty/cty"
	"github.com/zclconf/go-cty/cty/convert"
)

// validation is one validation block.
type validation struct {
	condition, message hcl.Expression
}

func (l *loader) readValidation(block *hcl.Block, v *variable) {
	b := l.body(block, validationLayout)
	for _, name := range []string{"condition", "error_message"} {
		if !b.said(name) {
			l.errorf(&b.place.Range, fmt.Sprintf("missing %q", name), "A validation block has a condition, and an error_message for when it does not hold.")
		}
	}
	if b.attrs["condition"] != nil && b.attrs["error_message"] != nil {
		v.validations = append(v.validations, validation{b.attrs["condition"].Expr, b.attrs["error_message"].Expr})
	}
}

// validateVariables runs the validation blocks. A variable that does not hold
// becomes unknown, so that nothing else is said about its value.
func (l *loader) validateVariables() {
	ctx := l.newScope()
	var refused []*variable
	for _, v := range l.declared {
		for _, r := range v.validations {
			if !l.holds(v, r, ctx) {
				refused = append(refused, v)
			}
		}
	}
	for _, v := range refused {
		v.value = cty.DynamicVal
	}
	l.refused = len(refused) > 0
}

// holds reports whether a value passes one validation block. Where nobody can
// tell, because something is wrong with the block itself, it passes.
func (l *loader) holds(v *variable, r validation, ctx *hcl.EvalContext) bool {
	ctx = l.withLocals(ctx, r.condition, r.message)
	cond, ok := l.eval(r.condition, ctx)
	if !ok || !v.value.IsWhollyKnown() {
		return true
	}
	cond, _ = cond.Unmark()
	cond, err := convert.Convert(cond, cty.Bool)
	if err != nil || cond.IsNull() {
		rng := r.condition.Range()
		l.errorf(&rng, "wrong type for \"condition\"", "A condition is true or false.")
		return true
	}
	if cond.True() {
		return true
	}
	from := ""
	if v.given.from != "" && v.given.expr == nil {
		from = fmt.Sprintf("\nThe value comes from %s.", v.given.from)
	}
	l.errorf(l.failureAt(v, r), fmt.Sprintf("invalid value for variable %q", v.name), "%s", l.message(r.message, ctx)+from)
	return false
}

// failureAt shows the value where it is in a file, and the condition otherwise.
func (l *loader) failureAt(v *variable, r validation) *hcl.Range {
	if v.given.from != "" && v.given.expr == nil {
		rng := r.condition.Range()
		return &rng
	}
	return v.valueAt()
}

// message evaluates an error_message, whose value may be sensitive itself.
func (l *loader) message(expr hcl.Expression, ctx *hcl.EvalContext) string {
	val, ok := l.eval(expr, ctx)
	if !ok {
		return "Its error_message could not be evaluated."
	}
	if val.ContainsMarked() {
		return "The message of the validation block is withheld, because it contains a sensitive value."
	}
	val, err := convert.Convert(val, cty.String)
	if err != nil || val.IsNull() {
		rng := expr.Range()
		l.errorf(&rng, "wrong type for \"error_message\"", "A string is wanted here.")
		return "Its error_message is not a string."
	}
	return val.AsString()
}
