package config

import (
	"math"
	"regexp"
	"regexp/syntax"
	"strings"

	"github.com/zclconf/go-cty-yaml"
	"github.com/zclconf/go-cty/cty"
)

// cost counts what a call of a function takes, before it is made. It sees the arguments
// as they are written, not yet converted to the types of the parameters, and adds to
// what every call takes: looking through its arguments several times.
type cost func(*bill)

// bill is what a call has to pay for.
type bill struct {
	*budget
	args []cty.Value
	in   []weight // of the arguments
}

const (
	workCall     = 40 // a call
	workArgument = 25 // a value that is in an argument
	textPerLook  = 4  // bytes that are gone through character by character in a step
)

// pays counts what a call takes.
func (b *budget) pays(e *entry, args []cty.Value) {
	l := &bill{b, args, make([]weight, len(args))}
	b.takes(workCall)
	for i, arg := range args {
		l.in[i] = b.weigh(arg)
		b.takes((l.in[i].values-1)*workArgument + l.in[i].text/textPerLook)
	}
	e.cost(l)
}

// text is an argument that is a text, or "".
func (l *bill) text(i int) string {
	if i >= len(l.args) {
		return ""
	}
	if v, _ := l.args[i].Unmark(); isText(v) {
		return v.AsString()
	}
	return ""
}

// number is an argument that is a number, or text that may become one, or 0.
func (l *bill) number(i int) float64 {
	if i >= len(l.args) {
		return 0
	}
	v, _ := l.args[i].Unmark()
	if isText(v) {
		n, err := cty.ParseNumberVal(v.AsString())
		if err != nil {
			return 0
		}
		v = n
	}
	if v.Type() != cty.Number || !v.IsKnown() || v.IsNull() {
		return 0
	}
	n, _ := v.AsBigFloat().Float64()
	return n
}

// length is how many elements an argument has; 1 for what has none.
func (l *bill) length(i int) float64 {
	if i >= len(l.args) {
		return 0
	}
	v, _ := l.args[i].Unmark()
	t := v.Type()
	switch {
	case !v.IsKnown() || v.IsNull():
		return 0
	case t.IsObjectType():
		return float64(len(t.AttributeTypes()))
	case t.IsTupleType() || t.IsCollectionType():
		return float64(v.LengthInt())
	}
	return 1
}

// sum adds up what is in all arguments.
func (l *bill) sum() (w weight) {
	for _, one := range l.in {
		w.values += one.values
		w.deep += one.deep
		w.text += one.text
		w.levels = max(w.levels, one.levels)
	}
	return w
}

func (l *bill) lengths() (n float64) {
	for i := range l.args {
		n += l.length(i)
	}
	return n
}

// small is the cost of a function whose result has no more than a few bytes.
func small(l *bill) { l.makes(256) }

// handedOn is the cost of a function that returns an argument or something in it.
func handedOn(*bill) {}

// items is the cost of a function that makes one list of the elements of its arguments.
func items(l *bill) { l.makes(l.lengths() * bytesElement * 3) }

// attributes is the cost of a function that makes one map or object of the elements of
// its arguments.
func attributes(l *bill) { l.makes(bytesObject + l.lengths()*bytesEntry*2) }

// everything is the cost of a function whose result has everything in it that its arguments
// have, and takes so many times their space.
func everything(times float64) cost {
	return func(l *bill) {
		w := l.sum()
		l.takes(times * w.values * workArgument)
		l.makes(times * w.bytes())
	}
}

// texts is the cost of a function whose result is a text so many times as long as its
// arguments at most.
func texts(times float64) cost {
	return func(l *bill) { l.writes(times*l.sum().text + 64) }
}

// writes counts the making of a text.
func (l *bill) writes(bytes float64) {
	l.takes(bytes / textPerLook)
	l.makes(bytes * 2)
}

// characters is the cost of a function that looks for the ends of characters.
func characters(l *bill) {
	l.takes(l.sum().text)
	texts(1)(l)
}

func trimCost(l *bill) {
	texts(1)(l)
	if cutset := l.text(1); strings.ContainsFunc(cutset, func(r rune) bool { return r >= 0x80 }) {
		l.takes(float64(len(l.text(0))) * float64(len(cutset)) / 8)
	}
}

func joinCost(l *bill) {
	n := 0.0
	for i := 1; i < len(l.args); i++ {
		n += l.length(i)
	}
	l.writes(l.sum().text + n*float64(len(l.text(0))))
}

func splitCost(l *bill) {
	n := float64(strings.Count(l.text(1), l.text(0)) + 1)
	l.takes(n * workValue * 2)
	l.makes(n * bytesElement * 2)
	l.writes(l.in[len(l.in)-1].text)
}

func indentCost(l *bill) {
	s := l.text(1)
	l.writes(float64(len(s)) + float64(strings.Count(s, "\n"))*max(0, l.number(0)))
}

func parseIntCost(l *bill) {
	n := float64(len(l.text(0)))
	if n > maxBits {
		l.pass(overNumber)
	}
	l.takes(n * n / 1000)
	l.makes(n + bytesNumber)
}

func rangeCost(l *bill) {
	from, to, step := 0.0, l.number(0), 1.0
	if len(l.args) > 1 {
		from, to = to, l.number(1)
	}
	if len(l.args) > 2 {
		step = l.number(2)
	}
	n := 1024.0 // the library makes no more
	if step != 0 {
		n = min(n, math.Abs((to-from)/step)+1)
	}
	l.takes(n * workNode)
	l.makes(n * (bytesElement + bytesNumber))
}

// formatCost reads widths and precisions out of the format.
func formatCost(l *bill) {
	for _, arg := range l.args[1:] {
		l.checkNumerals(arg) // a verb may want a number
	}
	l.writes(formatted(l.text(0), l.in[1:]))
}

// formatted is how long a text that is made from a format may be: every verb may be
// about the longest argument.
func formatted(format string, args []weight) float64 {
	longest := 64.0
	for _, w := range args {
		longest = max(longest, w.values*24+w.text*6)
	}
	bytes := float64(len(format)) + float64(strings.Count(format, "%"))*longest
	number := 0.0
	for i := 0; i <= len(format); i++ {
		if i < len(format) && '0' <= format[i] && format[i] <= '9' {
			number = number*10 + float64(format[i]-'0')
			continue
		}
		bytes += min(number, 1e18)
		number = 0
	}
	return bytes
}

func formatListCost(l *bill) {
	n := 1.0
	for i := 1; i < len(l.args); i++ {
		n = max(n, l.length(i))
	}
	each := make([]weight, 0, len(l.in))
	for i, w := range l.in[1:] {
		l.checkNumerals(l.args[i+1])
		if l.length(i+1) > 1 {
			w = longestOf(l.budget, l.args[i+1])
		}
		each = append(each, w)
	}
	l.takes(n * workNode * float64(len(l.args)))
	l.makes(n * bytesElement * 2)
	l.writes(n * formatted(l.text(0), each))
}

// longestOf is the weight of the heaviest element.
func longestOf(b *budget, v cty.Value) (most weight) {
	v, _ = v.Unmark()
	if !v.IsKnown() || v.IsNull() || !v.CanIterateElements() {
		return b.weigh(v)
	}
	for _, element := range v.Elements() {
		if w := b.weigh(element); w.values*24+w.text*6 > most.values*24+most.text*6 {
			most = w
		}
	}
	return most
}

func distinctCost(l *bill) {
	items(l)
	l.takes(l.length(0) * l.sum().deep * workEqual / 2)
}

// searchCost is that of comparing every element with a value.
func searchCost(l *bill) {
	l.takes((l.in[0].deep + l.length(0)*l.in[len(l.in)-1].deep) * workEqual)
}

func matchKeysCost(l *bill) {
	items(l)
	l.takes(l.length(1) * l.length(2) * workEqual)
}

func coalesceCost(l *bill) {
	types := make([]cty.Type, len(l.args))
	for i, arg := range l.args {
		types[i] = arg.Type()
	}
	l.unifiesAll(types, 2, true)
	everything(1)(l)
}

// setCost is that of putting the elements of all arguments into a set.
func setCost(l *bill) {
	n := l.lengths()
	l.takes(2 * n * (1 + 20*math.Log2(n+1)*max(1, l.sum().values/max(1, n))) * workValue)
	l.makes(n * bytesEntry * 4)
}

func setProductCost(l *bill) {
	n, wide, sets := 1.0, float64(len(l.args)), true
	each := 0.0 // bytes of one of each, which may be converted every time
	for i, arg := range l.args {
		n *= l.length(i)
		sets = sets && arg.Type().IsSetType()
		each += l.in[i].bytes() / max(1, l.length(i))
	}
	l.takes(n * wide * workArgument * 3)
	l.makes(n * (2*bytesElement + each))
	if sets {
		l.takes(n * 20 * math.Log2(n+1) * wide * workValue)
		l.makes(n * bytesEntry * 4)
	}
}

func sortCost(l *bill) {
	items(l)
	n := l.length(0)
	l.takes(n * math.Log2(n+1) * workValue)
}

func transposeCost(l *bill) {
	n := l.sum().values
	l.takes(n * workArgument)
	l.makes(n * (bytesEntry + bytesElement*3))
}

func flattenCost(l *bill) {
	n := l.sum().values
	l.takes(n * workArgument)
	l.makes(n * bytesElement * 3)
}

func subnetsCost(l *bill) {
	n := float64(len(l.args))
	l.takes(n * workCall * 4)
	l.makes(n * bytesElement * 8)
}

// convertCost is that of one of the functions that convert to a type.
func convertCost(wanted cty.Type) cost {
	return func(l *bill) {
		for _, arg := range l.args {
			l.converts(arg, wanted)
		}
		small(l)
	}
}

func encodeJSONCost(l *bill) {
	w := l.sum()
	l.takes(w.values * workArgument * 2)
	l.writes(w.values*24 + w.text*6)
}

// encodeYAMLCost: each line begins with two blanks for every level.
func encodeYAMLCost(l *bill) {
	w := l.sum()
	l.takes(w.values * workArgument * 4)
	l.writes(w.values*(24+4*w.levels) + w.text*12)
}

// regexCost is that of one search; the library compiles the pattern twice.
func regexCost(l *bill) {
	r := l.pattern(l.text(0))
	n := float64(len(l.text(1)))
	l.takes(r.perByte * (n + 1))
	l.makes((r.groups + 1) * bytesElement * 4)
	l.writes(n * (r.groups + 1))
}

func regexAllCost(l *bill) {
	s := l.text(1)
	r := l.pattern(l.text(0))
	n, matched := l.matches(r, s)
	l.makes(n * (r.groups + 2) * (bytesElement*2 + bytesEntry))
	l.takes(n * (r.groups + 2) * workNode)
	l.writes(matched * (r.groups + 1))
}

func replaceCost(l *bill) {
	s, what, with := l.text(0), l.text(1), l.text(2)
	if len(what) > 1 && what[0] == '/' && what[len(what)-1] == '/' {
		r := l.pattern(what[1 : len(what)-1])
		n, matched := l.matches(r, s)
		l.takes(n * float64(len(with)))
		l.writes(float64(len(s)) + n*float64(len(with)) + matched*float64(strings.Count(with, "$")))
		return
	}
	l.writes(float64(len(s)) + float64(strings.Count(s, what))*float64(len(with)))
}

// maxPattern is how many bytes a regular expression may have.
const maxPattern = 10_000

// pattern is what is known of a regular expression before it is used.
type pattern struct {
	text    string
	perByte float64 // steps for each byte that it is tried on, at most
	groups  float64
}

func (l *bill) pattern(text string) pattern {
	if len(text) > maxPattern {
		l.pass(overTime)
	}
	classes := float64(strings.Count(text, "[") + strings.Count(text, `\p`) + strings.Count(text, `\P`))
	l.takes(float64(len(text))*workNode + classes*workNode*20)
	if strings.Contains(text, "(?") {
		l.takes(classes * 50_000) // letters of both cases: up to a millisecond for a range
	}
	l.makes(float64(len(text))*150 + classes*8192)
	tree, err := syntax.Parse(text, syntax.Perl)
	if err != nil {
		return pattern{text: text} // the function will say so
	}
	size := instructions(tree)
	l.takes(size * workNode * 4)
	l.makes(size * 200)
	return pattern{text, 0.4*size + 1, float64(tree.MaxCap())}
}

// instructions is how large a program a regular expression becomes.
func instructions(r *syntax.Regexp) float64 {
	n := 2.0 + float64(len(r.Rune))
	if r.Op == syntax.OpCharClass {
		n = 2
	}
	for _, sub := range r.Sub {
		n += instructions(sub)
	}
	if r.Op == syntax.OpRepeat {
		n *= float64(max(1, r.Min, r.Max))
	}
	return n
}

// matches counts the matches of a pattern, and the bytes in them, by looking for them:
// how far the library has to read for one can't be told otherwise.
func (l *bill) matches(p pattern, s string) (n, bytes float64) {
	if p.perByte == 0 {
		return 0, 0
	}
	if all := float64(len(s)) + 1; all*all*p.perByte < 1e6 {
		l.takes(all * all * p.perByte)
		return all, all
	}
	re, err := regexp.Compile(p.text)
	if err != nil {
		return 0, 0
	}
	for from := 0; from <= len(s); {
		at := re.FindReaderIndex(&counted{strings.NewReader(s[from:]), l.budget, p.perByte})
		if at == nil {
			break
		}
		n++
		bytes += float64(at[1] - at[0])
		from += max(at[1], 1)
	}
	return n, bytes
}

// counted takes steps for every character that is read of it.
type counted struct {
	*strings.Reader
	*budget
	each float64
}

// ReadRune reads a character.
func (c *counted) ReadRune() (rune, int, error) {
	c.takes(c.each)
	return c.Reader.ReadRune()
}

func decodeJSONCost(l *bill) {
	s := l.text(0)
	shape := measureJSON(s)
	switch {
	case shape.levels > maxNesting:
		l.pass(overDepth)
	case shape.digits > 2*maxDigits:
		l.pass(overNumber)
	}
	l.takes(shape.values*workArgument*6 + shape.deep/textPerLook)
	l.makes(shape.values*(bytesEntry+bytesElement) + float64(len(s))*2)
}

func decodeCSVCost(l *bill) {
	s := l.text(0)
	n := float64(strings.Count(s, ",") + strings.Count(s, "\n") + strings.Count(s, "\r") + 1)
	l.takes(n * workArgument * 4)
	l.makes(n*bytesEntry*2 + float64(strings.Count(s, "\n")+1)*bytesObject + float64(len(s))*2)
}

// decodeYAMLCost also looks at the type of what will be decoded: an alias of an alias of
// an alias is small as long as nobody looks at it.
func decodeYAMLCost(l *bill) {
	s := l.text(0)
	tokens := float64(strings.Count(s, "\n") + 1)
	for i := range len(s) {
		switch s[i] {
		case ',', ':', '-', '?', '[', ']', '{', '}', '&', '*', '!', '"', '\'', '|', '>':
			tokens++
		}
	}
	levels := levelsOfYAML(s)
	switch {
	case levels > maxNesting:
		l.pass(overDepth)
	case longestRow(s) > 2*maxDigits:
		l.pass(overNumber)
	}
	directives := float64(strings.Count(s, "\n%") + 1)
	merges := float64(strings.Count(s, "<<"))
	l.takes(tokens*(workArgument*4+float64(levels)/2) + directives*directives + merges*tokens*workValue + float64(len(s)))
	l.makes(tokens*(bytesEntry+bytesElement) + float64(len(s))*2)
	if t, err := yaml.Standard.ImpliedType([]byte(s)); err == nil {
		var all weight
		l.weighType(t, &all, 0)
		l.takes(all.values * workArgument * 4)
		l.makes(all.values * bytesEntry * 2)
	}
}

// levelsOfYAML is how deep a text in YAML is nested at most: by brackets, which are
// counted in texts too, and by indentation.
func levelsOfYAML(s string) int {
	most, brackets := 0, 0
	var indents []int
	for line := range strings.Lines(s) {
		inner := strings.TrimLeft(line, " ")
		dashes := 0
		for strings.HasPrefix(inner, "- ") || strings.HasPrefix(inner, "? ") || strings.HasPrefix(inner, "-\t") {
			dashes++
			inner = strings.TrimLeft(inner[1:], " \t")
		}
		indent := len(line) - len(inner)
		for len(indents) > 0 && indents[len(indents)-1] > indent {
			indents = indents[:len(indents)-1]
		}
		if len(indents) == 0 || indents[len(indents)-1] < indent {
			indents = append(indents, indent)
		}
		for i := range len(line) {
			switch line[i] {
			case '[', '{':
				brackets++
			case ']', '}':
				brackets = max(0, brackets-1)
			}
			most = max(most, brackets+len(indents)+dashes)
		}
	}
	return most
}

// longestRow is the length of the longest row of digits in a text.
func longestRow[T string | []byte](s T) (most int) {
	row := 0
	for i := range len(s) {
		if row++; s[i] < '0' || s[i] > '9' {
			row = 0
		}
		most = max(most, row)
	}
	return most
}
