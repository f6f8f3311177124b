package config

import (
	"cmp"
	"crypto/sha256"
	"encoding/base64"
	"encoding/hex"
	"errors"
	"fmt"
	"slices"
	"unicode/utf8"

	"github.com/hashicorp/hcl/v2"
	"github.com/zclconf/go-cty/cty"
)

// What a question is about.
const (
	AskedText   = "text"   // what is in a file
	AskedExists = "exists" // whether there is a regular file
	AskedNames  = "names"  // which files fit a pattern
)

// Question is something that an expression asked the directory, and the answer. With
// its questions a configuration can be read again where the directory is not: see
// Reload.
type Question struct {
	About   string   `json:"about"`             // AskedText, AskedExists or AskedNames
	At      string   `json:"at,omitempty"`      // of AskedText: Path relative to the directory, where Path is another way to say it
	Base64  bool     `json:"base64,omitempty"`  // Text is Base64, because the bytes are not UTF-8
	Error   string   `json:"error,omitempty"`   // there was no answer, and why
	Exists  bool     `json:"exists,omitempty"`  // of AskedExists
	Names   []string `json:"names,omitempty"`   // of AskedNames, relative to Path, sorted
	Path    string   `json:"path"`              // as the expression said it
	Pattern string   `json:"pattern,omitempty"` // of AskedNames
	SHA256  string   `json:"sha256,omitempty"`  // of AskedText: of the file's bytes, hex
	Text    string   `json:"text,omitempty"`    // of AskedText
}

// questions are those of one reading of a configuration, or of an earlier one that are
// answered again. One goroutine evaluates, and asks.
type questions struct {
	all      map[questionKey]*asked
	withheld map[hcl.Range]bool // questions of these expressions are not told
	current  hcl.Range          // the expression that is being evaluated
	calls    int                // of nonsensitive in it, so far
	declared []declaration      // what nonsensitive has made of what is sensitive, in order
	recorded map[string]Value   // the same, in a replay, by name
	names    callNames          // of a replay
	text     func(hcl.Range) string

	replayed bool // the answers are all there is
}

// call is one of the calls of nonsensitive in an expression, from 0.
type call struct {
	in     hcl.Range
	number int
}

// declaration is what a call of nonsensitive has made of something sensitive.
type declaration struct {
	call
	value cty.Value
}

// callNames gives calls their names in a record: the file, the expression as it may be
// shown, its number among those of the same text there, in the order in which they are
// evaluated, and the number of the call in it. Places would not do: what is hidden has
// another length.
type callNames map[string]map[hcl.Range]int

func (n callNames) of(c call, text func(hcl.Range) string) string {
	where := c.in.Filename + ": " + text(c.in)
	if n[where] == nil {
		n[where] = map[hcl.Range]int{}
	}
	number, seen := n[where][c.in]
	if !seen {
		number = len(n[where])
		n[where][c.in] = number
	}
	return fmt.Sprintf("%s #%d.%d", where, number, c.number)
}

// declare keeps what the configuration declares not to be sensitive although it is made
// from something that is. In a replay the value is the one of the record.
func (q *questions) declare(v cty.Value) cty.Value {
	c := call{q.current, q.calls}
	q.calls++
	if !q.replayed {
		q.declared = append(q.declared, declaration{c, v})
		return v
	}
	one, ok := q.recorded[q.names.of(c, q.text)]
	if !ok {
		return cty.DynamicVal
	}
	v, err := one.decode()
	if err != nil {
		return cty.DynamicVal
	}
	return v
}

// nonsensitive are the values that were declared, sorted by name.
func (q *questions) nonsensitive(text func(hcl.Range) string) []Value {
	byName, names := map[string]Value{}, callNames{}
	for _, d := range q.declared {
		if one, ok := encodeValue(names.of(d.call, text), d.value); ok {
			byName[one.Name] = one
		}
	}
	var all []Value
	for _, name := range sortedKeys(byName) {
		all = append(all, byName[name])
	}
	return all
}

type questionKey struct{ about, path, pattern string }

// asked is a question, and in which expressions it was asked.
type asked struct {
	Question
	in []hcl.Range
}

// errNotRecorded is the answer to a question that nobody asked when the configuration
// was read from its directory, or whose answer was withheld.
var errNotRecorded = errors.New("is not in the record")

// replay lets questions be answered as they were.
func (q *questions) replay(all []Question) {
	q.all, q.replayed = make(map[questionKey]*asked, len(all)), true
	for _, one := range all {
		q.all[questionKey{one.About, one.Path, one.Pattern}] = &asked{Question: one}
	}
}

// ask answers a question, and keeps it. In a replay answer is not called.
func (q *questions) ask(one Question, answer func(*Question) error) (Question, error) {
	key := questionKey{one.About, one.Path, one.Pattern}
	if q.replayed {
		known := q.all[key]
		switch {
		case known == nil:
			return one, errNotRecorded
		case known.Error == errMissing.Error():
			return known.Question, errMissing
		case known.Error != "":
			return known.Question, errors.New(known.Error)
		}
		return known.Question, nil
	}
	known := q.all[key]
	if known != nil && known.Error == "" { // asked twice, it has one answer
		q.note(key, known.Question)
		return known.Question, nil
	}
	err := answer(&one)
	if err != nil {
		one.Error = err.Error()
	}
	q.note(key, one)
	return one, err
}

// note keeps a question and where it was asked.
func (q *questions) note(key questionKey, one Question) {
	if q.all == nil {
		q.all = map[questionKey]*asked{}
	}
	if q.all[key] == nil {
		q.all[key] = &asked{Question: one}
	}
	if in := &q.all[key].in; len(*in) == 0 || (*in)[len(*in)-1] != q.current { // one may be there twice
		*in = append(*in, q.current)
	}
}

// told returns the questions, sorted, but for those that took part in something
// sensitive.
func (q *questions) told() []Question {
	var all []Question
	for _, one := range q.all {
		if !slices.ContainsFunc(one.in, func(r hcl.Range) bool { return q.withheld[r] }) {
			all = append(all, one.Question)
		}
	}
	slices.SortFunc(all, func(a, b Question) int {
		return cmp.Or(cmp.Compare(a.Path, b.Path), cmp.Compare(a.About, b.About), cmp.Compare(a.Pattern, b.Pattern))
	})
	return all
}

func (q *questions) withhold(expr hcl.Range) {
	if q.withheld == nil {
		q.withheld = map[hcl.Range]bool{}
	}
	q.withheld[expr] = true
}

// setText makes the bytes of a file the answer.
func (one *Question) setText(content []byte) {
	sum := sha256.Sum256(content)
	one.SHA256 = hex.EncodeToString(sum[:])
	if one.Base64 = !utf8.Valid(content); one.Base64 {
		one.Text = base64.StdEncoding.EncodeToString(content)
		return
	}
	one.Text = string(content)
}

// content is what setText was given.
func (one *Question) content() ([]byte, error) {
	if one.Base64 {
		return base64.StdEncoding.DecodeString(one.Text)
	}
	return []byte(one.Text), nil
}

// withholdSensitive keeps out of the record what took part in a sensitive value: every
// question of an expression that calls sensitive or refers to something sensitive, and of
// the local values that it depends on.
func (l *loader) withholdSensitive(expr hcl.Expression, refs []hcl.Traversal, ctx *hcl.EvalContext) {
	if len(l.dir.all) == 0 || l.dir.replayed || !l.mentionsSensitive(expr) && !l.refersToSensitive(refs, ctx) {
		return
	}
	l.dir.withhold(expr.Range())
	seen := map[string]bool{}
	pending := localsIn(expr)
	for len(pending) > 0 {
		name := pending[0]
		pending = pending[1:]
		lv := l.locals[name]
		if seen[name] || lv == nil {
			continue
		}
		seen[name] = true
		l.dir.withhold(lv.expr.Range())
		pending = append(pending, lv.needs...)
	}
}
