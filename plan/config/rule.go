package config

import (
	"errors"
	"fmt"
	"slices"
	"strings"

	"github.com/hashicorp/hcl/v2"
	"github.com/hashicorp/hcl/v2/hclsyntax"
	"github.com/zclconf/go-cty/cty"
	"github.com/zclconf/go-cty/cty/function"
)

// What becomes of a plan that a rule is against.
const (
	LevelDeny = "deny" // it is not applied
	LevelWarn = "warn" // it is said
)

// Rule is a rule of the house: a condition that every plan has to fulfil.
type Rule struct {
	Name      string
	Condition string // as it stands in the file
	Level     string // LevelDeny or LevelWarn
	Message   string // what is wrong where the condition is false

	expr   hcl.Expression
	scope  *hcl.EvalContext
	budget *budget // of all rules of the configuration
	secret bool    // an error's details may quote a sensitive value

	Place
}

// planName is how a condition calls the plan.
const planName = "plan"

// WindowsWaiver is the name by which all windows are waived; no rule can have it.
const WindowsWaiver = "windows"

// Holds evaluates the condition for a plan, given as an object of the type of
// Options.Plan. The error says why there is no answer. It reads nothing but its
// argument.
func (r *Rule) Holds(plan cty.Value) (holds bool, err error) {
	Judge([]*Rule{r}, plan, func(_ *Rule, h bool, e error) { holds, err = h, e })
	return holds, err
}

// Judge evaluates the conditions of rules of one configuration for a plan and tells what
// Holds returns, in their order. What that may take is limited as for Load, for all of
// them together, and a large plan may be looked through ten times in addition. There is
// no clock: a plan does not depend on one.
func Judge(rules []*Rule, plan cty.Value, tell func(r *Rule, holds bool, err error)) {
	if len(rules) == 0 {
		return
	}
	b := rules[0].budget
	b.turn.Lock()
	defer b.turn.Unlock()
	b.work, b.bytes, b.over = 0, 0, nil
	looks := b.weigh(plan).values * (workArgument + workValue) * 10
	b.work = -looks
	for _, r := range rules {
		holds, err := r.holds(plan)
		tell(r, holds, err)
	}
}

func (r *Rule) holds(plan cty.Value) (holds bool, err error) {
	var v cty.Value
	var diags hcl.Diagnostics
	if over, _ := ending(func() { v, diags = r.expr.Value(withPlan(r.scope, plan)) }).(*overrun); over != nil {
		return false, over
	}
	v, marks := v.Unmark()
	switch {
	case diags.HasErrors() && r.secret:
		return false, errors.New("the condition can't be evaluated; why is withheld, because a sensitive value takes part")
	case diags.HasErrors():
		return false, errors.New(lowerFirst(diags[0].Summary) + ": " + clipped(strings.TrimSuffix(callDetail(diags[0]), "."), maxDetail))
	case len(marks) > 0:
		return false, errors.New("the condition depends on a sensitive value")
	case !v.IsKnown() || v.IsNull() || v.Type() != cty.Bool:
		return false, errors.New("the condition is neither true nor false")
	}
	return v.True(), nil
}

func withPlan(scope *hcl.EvalContext, plan cty.Value) *hcl.EvalContext {
	child := scope.NewChild()
	child.Variables = map[string]cty.Value{planName: plan}
	return child
}

func (l *loader) readRules() []*Rule {
	all := make([]*Rule, 0, len(l.blocks.rule))
	first := map[string]Place{}
	for _, block := range l.blocks.rule {
		r := l.readRule(block)
		l.once("rule", r.Name, &block.LabelRanges[0], r.Place, first)
		if r.Name == WindowsWaiver {
			l.errorf(&block.LabelRanges[0], fmt.Sprintf("a rule can't be called %q", r.Name), "That is the name by which windows are waived.")
		}
		all = append(all, r)
	}
	return all
}

func (l *loader) readRule(block *hcl.Block) *Rule {
	b := l.body(block, ruleLayout)
	r := &Rule{Name: block.Labels[0], Level: LevelDeny, Place: b.place, scope: l.ruleScope(), budget: l.budget}
	switch text, ok := b.text("level"); {
	case ok && text != LevelDeny && text != LevelWarn:
		l.errorf(b.at("level"), fmt.Sprintf("unknown level %s", quoted(text)), "%s",
			didYouMean(text, `It is "deny", which keeps a plan from being applied, or "warn", which says so.`, LevelDeny, LevelWarn))
	case ok:
		r.Level = text
	}
	switch text, ok := b.text("message"); {
	case ok && strings.TrimSpace(text) == "":
		l.errorf(b.at("message"), "the message is empty", "It is what somebody reads whose plan is refused.")
	case ok:
		r.Message = text
	case b.absent("message"):
		l.errorf(&b.place.Range, `missing "message"`, "It is what somebody reads whose plan is refused: what is wrong, and whom to ask.")
	}
	if attr := b.attrs["condition"]; attr != nil {
		r.expr = l.expression(attr.Expr, l.inRules())
		l.checkCondition(r, b)
	} else if !b.said("condition") {
		l.errorf(&b.place.Range, `missing "condition"`, "It is true for a plan that is all right: condition = length(plan.clusters) < 10")
	}
	return r
}

// inRules is what conditions can call: no function that reads files, which would read
// when a plan is made, and none that makes something sensitive or shows it, which is not
// in the record from which a plan is proven.
func (l *loader) inRules() *table {
	if l.forRules == nil {
		l.forRules = newTable(nil, "")
	}
	return l.forRules
}

// ruleScope is what a condition can refer to and call.
func (l *loader) ruleScope() *hcl.EvalContext {
	scope := *l.scope
	scope.Functions = l.inRules().functions
	return &scope
}

// checkCondition finds what can be known to be wrong without a plan: names that
// no plan has, functions, types. A plan is unknown here, but for its type.
func (l *loader) checkCondition(r *Rule, b *body) {
	l.inRule = true
	defer func() { l.inRule = false }()
	known := true
	refs := r.expr.Variables()
	for _, ref := range refs {
		known = l.checkReference(ref, r.expr) && known
	}
	if !known {
		return
	}
	r.secret = l.mentionsSensitive(r.expr) || l.refersToSensitive(refs, l.scope)
	v, diags := r.expr.Value(withPlan(r.scope, cty.UnknownVal(l.planType())))
	if diags = slices.DeleteFunc(diags, choked); !diags.HasErrors() {
		diags = l.strayAttributes(r)
	}
	for _, d := range diags {
		l.addConditionFault(d, r)
	}
	switch {
	case diags.HasErrors():
	case v.ContainsMarked():
		l.errorf(b.at("condition"), `"condition" is sensitive`, "It depends on a sensitive value, and whether it holds stands in the plan.")
	case v.Type() != cty.Bool && v.Type() != cty.DynamicPseudoType:
		l.errorf(b.at("condition"), `wrong type for "condition"`, "A condition is true or false, and this is %s.", noun(v.Type()))
	case v.IsKnown() && v.IsNull():
		l.errorf(b.at("condition"), `"condition" is null`, "A condition is true or false.")
	}
}

// choked reports whether a function of the library gave up on a value of which not
// even the type is known. With a plan there is one.
func choked(d *hcl.Diagnostic) bool {
	call, ok := hcl.DiagnosticExtra[hclsyntax.FunctionCallDiagExtra](d)
	var panicked function.PanicError
	return ok && errors.As(call.FunctionCallError(), &panicked)
}

func (l *loader) planType() cty.Type {
	if l.opts.Plan == cty.NilType {
		return cty.DynamicPseudoType
	}
	return l.opts.Plan
}

const noAttribute = "Unsupported attribute"

// strayAttributes looks into the bodies of for expressions, which nobody evaluates
// while a list is unknown: there every list of the plan has one unknown element, and
// no element is left out.
func (l *loader) strayAttributes(r *Rule) (stray hcl.Diagnostics) {
	var node hclsyntax.Node
	switch e := r.expr.(type) {
	case hclsyntax.Expression:
		node = e
	case *jsonExpr:
		node = e.text
	}
	if node == nil {
		return nil
	}
	loops := map[*hclsyntax.ForExpr]hclsyntax.Expression{}
	hclsyntax.VisitAll(node, func(n hclsyntax.Node) hcl.Diagnostics { //nolint:errcheck // the callback never fails
		if loop, ok := n.(*hclsyntax.ForExpr); ok && loop.CondExpr != nil {
			loops[loop] = loop.CondExpr
		}
		return nil
	})
	scope := withPlan(r.scope, sampleOf(l.planType()))
	look := func() {
		_, diags := r.expr.Value(scope)
		for _, d := range diags {
			if d.Summary == noAttribute {
				stray = append(stray, d)
			}
		}
	}
	look() // with the conditions of the loops …
	for loop := range loops {
		loop.CondExpr = nil
	}
	look() // … and with what they would leave out
	for loop, condition := range loops {
		loop.CondExpr = condition
	}
	return stray
}

// sampleOf is a value of a type in which every list has one element and nothing else
// is known.
func sampleOf(t cty.Type) cty.Value {
	switch {
	case t.IsObjectType():
		values := map[string]cty.Value{}
		for name, of := range t.AttributeTypes() {
			values[name] = sampleOf(of)
		}
		return cty.ObjectVal(values)
	case t.IsListType():
		return cty.ListVal([]cty.Value{sampleOf(t.ElementType())})
	}
	return cty.UnknownVal(t)
}

// addConditionFault reports what is wrong with a condition. Of an attribute that no
// plan has it says which one may be meant.
func (l *loader) addConditionFault(d *hcl.Diagnostic, r *Rule) {
	if d.Summary == noAttribute && strings.HasPrefix(d.Detail, "This object does not have an attribute") {
		at := l.placeIn(r.expr, d.Subject)
		name := strings.Trim(l.word(*at), `.[]"`)
		l.errorf(at, fmt.Sprintf("a plan has no %q here", name), "%s",
			didYouMean(name, "docs/policy.md lists what there is.", attributesOf(l.planType())...))
		return
	}
	if call, ok := hcl.DiagnosticExtra[hclsyntax.FunctionCallUnknownDiagExtra](d); ok && l.asks(call.CalledFunctionName()) {
		l.errorf(l.placeIn(r.expr, d.Subject), fmt.Sprintf("a condition can't call %q", call.CalledFunctionName()),
			"A condition is evaluated for every plan, which reads no file and knows nothing sensitive. Call it in a local value, and use that.")
		return
	}
	l.addEvaluation(d, r.expr, r.secret)
}

func (l *loader) asks(function string) bool {
	e := entryOf()[function]
	return e != nil && e.reading != nil
}

// attributesOf lists the names of attributes at every depth of a type.
func attributesOf(t cty.Type) []string {
	names := map[string]bool{}
	var collect func(cty.Type)
	collect = func(t cty.Type) {
		switch {
		case t.IsObjectType():
			for name, of := range t.AttributeTypes() {
				names[name] = true
				collect(of)
			}
		case t.IsCollectionType():
			collect(t.ElementType())
		}
	}
	collect(t)
	return sortedKeys(names)
}

// showConditions sets the text of every condition. It must be called after all
// secrets are known.
func (l *loader) showConditions(rules []*Rule) {
	for _, r := range rules {
		if r.expr == nil {
			continue
		}
		rng := r.expr.Range()
		src := l.sources[rng.Filename]
		r.Condition = src.shown(src.clamp(rng))
		if src.json {
			inner := strings.TrimSuffix(strings.TrimPrefix(l.word(rng), "${"), "}")
			if !src.hidden(rng.Start.Byte) {
				r.Condition = inner
			}
		}
	}
}
