package config

import (
	"maps"
	"math"
	"slices"
	"strings"

	"github.com/zclconf/go-cty/cty"
)

// Limits of single values.
const (
	maxDepth  = 1000 // levels of nesting
	maxDigits = 4932 // of a number before and after the point: those of a float of 128 bits
	maxBits   = 16384
)

// weight is what is in a value. Where the same value is in it several times it counts
// several times: everything that looks at a value goes through all of it.
type weight struct {
	values  float64 // itself, and everything inside
	deep    float64 // the same, each as often as it is levels deep
	text    float64 // bytes of the strings and keys, and of the numbers as they are printed
	levels  float64 // how deep it is nested
	unknown bool    // something in it is unknown
	marked  bool    // something in it is sensitive
}

// bytes is what a copy of the value takes.
func (w weight) bytes() float64 { return w.values*bytesElement*2 + w.text }

// weigh looks through a value. It is how a value that is small in memory and endless to
// look at, because it has itself inside many times, is found: looking takes steps.
func (b *budget) weigh(v cty.Value) weight {
	var w weight
	b.weighInto(v, &w, 0)
	return w
}

func (b *budget) weighInto(v cty.Value, w *weight, depth int) {
	w.values++
	w.deep += float64(depth + 1)
	w.levels = max(w.levels, float64(depth))
	if v.IsMarked() {
		w.marked = true
		v, _ = v.Unmark()
	}
	t := v.Type()
	switch {
	case !v.IsKnown():
		w.unknown = true
		b.weighType(t, w, depth)
	case v.IsNull():
		b.weighType(t, w, depth)
	case t == cty.String:
		w.text += float64(len(v.AsString()))
	case t == cty.Number:
		w.text += b.digits(v)
	case t.IsPrimitiveType() || t.IsCapsuleType():
	case depth > maxDepth:
		b.pass(overDepth)
	default:
		b.weighInside(v, t, w, depth)
	}
}

// weighInside is weighInto for what is inside of something.
func (b *budget) weighInside(v cty.Value, t cty.Type, w *weight, depth int) {
	if t.IsObjectType() {
		for name := range t.AttributeTypes() {
			b.takes(workValue)
			w.text += float64(len(name))
			b.weighInto(v.GetAttr(name), w, depth+1)
		}
		return
	}
	if t.IsCollectionType() && v.LengthInt() == 0 {
		b.weighType(t, w, depth)
		return
	}
	b.takes(b.turns(v) * workValue)
	for key, element := range v.Elements() {
		if t.IsMapType() {
			w.text += float64(len(key.AsString()))
		}
		b.weighInto(element, w, depth+1)
	}
}

// turns is how many turns it takes to go through a collection. The elements of a set are
// sorted each time.
func (b *budget) turns(v cty.Value) float64 {
	if v.IsMarked() {
		v, _ = v.Unmark()
	}
	if !v.IsKnown() || v.IsNull() {
		return 0
	}
	t := v.Type()
	switch {
	case t.IsSetType():
		n := float64(v.LengthInt())
		var of weight
		b.weighType(t.ElementType(), &of, 0)
		return n * (1 + 20*math.Log2(n+1)*max(1, of.values))
	case t.IsObjectType():
		return float64(len(t.AttributeTypes()))
	case t.IsTupleType() || t.IsCollectionType():
		return float64(v.LengthInt())
	}
	return 0
}

// weighType looks through a type in the same way: that of an empty list may be as
// endless as a value.
func (b *budget) weighType(t cty.Type, w *weight, depth int) {
	switch {
	case t.IsPrimitiveType() || t == cty.DynamicPseudoType || t.IsCapsuleType():
		return
	case depth > maxDepth:
		b.pass(overDepth)
	case t.IsCollectionType():
		b.takes(workValue)
		w.values++
		b.weighType(t.ElementType(), w, depth+1)
	case t.IsObjectType():
		for _, of := range t.AttributeTypes() {
			b.takes(workValue)
			w.values++
			b.weighType(of, w, depth+1)
		}
	case t.IsTupleType():
		for _, of := range t.TupleElementTypes() {
			b.takes(workValue)
			w.values++
			b.weighType(of, w, depth+1)
		}
	}
}

// digits checks that a number is not too large to be printed, and returns how many
// bytes that takes at most.
func (b *budget) digits(v cty.Value) float64 {
	n := v.AsBigFloat()
	if n.IsInf() {
		return 8
	}
	exponent := n.MantExp(nil)
	if exponent > maxBits || exponent < -maxBits {
		b.pass(overNumber)
	}
	return 24 + math.Abs(float64(exponent))*0.302 + float64(n.MinPrec())*0.302
}

// checkNumber is digits for what may not be a number.
func (b *budget) checkNumber(v cty.Value) {
	v, _ = v.Unmark()
	if v.Type() == cty.Number && v.IsKnown() && !v.IsNull() {
		b.digits(v)
	}
}

// checkNumeral checks a text before it is made a number: that takes time in the square
// of its length, and the number may be too large.
func (b *budget) checkNumeral(s string) {
	digits := strings.TrimLeft(s, "+-")
	n := strings.IndexFunc(digits, func(r rune) bool { return (r < '0' || r > '9') && r != '.' })
	switch {
	case n > 2*maxDigits || n < 0 && len(digits) > 2*maxDigits:
		b.pass(overNumber)
	case n > 0: // there may be an exponent
		if v, err := cty.ParseNumberVal(s); err == nil {
			b.checkNumber(v)
		}
	}
}

// converts counts what it takes to make a value one of another type, before that is
// done. The library compares the types of elements with each other where they differ,
// puts the elements of a set into few buckets if somebody wants it to, and parses a
// text that shall be a number.
func (b *budget) converts(v cty.Value, wanted cty.Type) {
	if wanted == cty.DynamicPseudoType || wanted.IsCapsuleType() {
		return
	}
	if wanted.IsPrimitiveType() {
		if shallow, _ := v.Unmark(); wanted == cty.Number && isText(shallow) {
			b.checkNumeral(shallow.AsString())
		}
		return
	}
	w := b.weigh(v)
	if v.Type().Equals(wanted) {
		return
	}
	b.takes(w.values * workValue * 4)
	b.makes(w.values*bytesElement + w.text)
	b.unifies(v.Type(), 1, holds(wanted, isDynamic))
	if holds(wanted, func(t cty.Type) bool { return t == cty.Number }) {
		b.checkNumerals(v)
	}
	if holds(wanted, cty.Type.IsSetType) {
		b.fillsSets(v)
	}
}

func isDynamic(t cty.Type) bool { return t == cty.DynamicPseudoType }

// isText reports whether a value that is not marked is a text that is known.
func isText(v cty.Value) bool { return v.Type() == cty.String && v.IsKnown() && !v.IsNull() }

// holds reports whether a type is, or has in it, one of a kind.
func holds(t cty.Type, is func(cty.Type) bool) bool {
	switch {
	case is(t):
		return true
	case t.IsCollectionType():
		return holds(t.ElementType(), is)
	case t.IsObjectType():
		for _, of := range t.AttributeTypes() {
			if holds(of, is) {
				return true
			}
		}
	case t.IsTupleType():
		for _, of := range t.TupleElementTypes() {
			if holds(of, is) {
				return true
			}
		}
	}
	return false
}

func (b *budget) checkNumerals(v cty.Value) {
	each(v, func(v cty.Value) {
		if isText(v) {
			b.checkNumeral(v.AsString())
		}
	})
}

// each calls do for a value and everything in it. It must have been weighed.
func each(v cty.Value, do func(cty.Value)) {
	v, _ = v.Unmark()
	do(v)
	if !v.IsKnown() || v.IsNull() || !v.CanIterateElements() {
		return
	}
	for _, element := range v.Elements() {
		each(element, do)
	}
}

// unifies counts what it takes to find a type for all elements of a tuple or attributes
// of an object, some times over. The library compares each type with each other one,
// and where nobody says which type is wanted and they differ, it also keeps which one
// is the more general.
func (b *budget) unifies(t cty.Type, times float64, open bool) {
	switch {
	case t.IsTupleType():
		b.unifiesAll(t.TupleElementTypes(), times, open)
	case t.IsObjectType():
		b.unifiesAll(slices.Collect(maps.Values(t.AttributeTypes())), times, open)
	case t.IsCollectionType():
		b.unifies(t.ElementType(), times, open)
	}
}

func (b *budget) unifiesAll(types []cty.Type, times float64, open bool) {
	if len(types) == 0 {
		return
	}
	var all weight
	differ := false
	for _, t := range types {
		all.values++
		b.weighType(t, &all, 0)
		differ = differ || open && !t.Equals(types[0])
	}
	pairs := float64(len(types)) * all.values * times
	if !differ {
		b.takes(pairs / 4)
		b.unifies(types[0], times*float64(len(types)), open)
		return
	}
	b.takes(pairs * 4)
	b.makes(pairs * 8)
	for _, t := range types {
		b.unifies(t, times, open)
	}
}

// fillsSets counts what it takes to make sets of what is in a value: the square of how
// many elements have the same hash, which is one of 32 bits that anybody can compute.
func (b *budget) fillsSets(v cty.Value) {
	each(v, func(v cty.Value) {
		if v.IsKnown() && !v.IsNull() && v.CanIterateElements() && !v.Type().IsMapType() && !v.Type().IsObjectType() {
			b.fillsSet(v)
		}
	})
}

func (b *budget) fillsSet(v cty.Value) {
	n := float64(v.LengthInt())
	b.takes(n * 30)
	b.makes(n * bytesEntry)
	if n < 1000 {
		b.takes(n * 8)
		return
	}
	buckets := make(map[int]float64, int(n))
	for _, element := range v.Elements() {
		element, _ = element.UnmarkDeep()
		if element.IsWhollyKnown() {
			hash := element.Hash()
			b.takes(10 * buckets[hash])
			buckets[hash]++
		}
	}
}
