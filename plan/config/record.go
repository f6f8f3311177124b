package config

import (
	"cmp"
	"crypto/sha256"
	"encoding/base64"
	"encoding/hex"
	"errors"
	"fmt"
	"slices"
	"sync"
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
// answered again. Evaluation is done by one goroutine; files are read by several.
type questions struct {
	mu       sync.Mutex
	all      map[questionKey]*asked
	withheld map[hcl.Range]bool // questions of these expressions are not told
	current  hcl.Range          // the expression that is being evaluated
	calls    int                // of nonsensitive in it, so far
	declared map[call]cty.Value // what nonsensitive has made of what is sensitive
	recorded map[string]Value   // the same, in a replay, by expression and call
	text     func(hcl.Range) string

	replayed bool // the answers are all there is
}

// call is one of the calls of nonsensitive in an expression, from 0.
type call struct {
	in     hcl.Range
	number int
}

func (c call) name(text string) string { return fmt.Sprintf("%s #%d", text, c.number) }

// declare keeps what the configuration declares not to be sensitive although it is made
// from something that is. In a replay the value is the one of the record.
func (q *questions) declare(v cty.Value) cty.Value {
	c := call{q.current, q.calls}
	q.calls++
	if !q.replayed {
		if q.declared == nil {
			q.declared = map[call]cty.Value{}
		}
		q.declared[c] = v
		return v
	}
	one, ok := q.recorded[c.name(q.text(c.in))]
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
	byName := map[string]Value{}
	for c, v := range q.declared {
		if one, ok := encodeValue(c.name(text(c.in)), v); ok {
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
	q.mu.Lock()
	known := q.all[key]
	q.mu.Unlock()
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
	q.mu.Lock()
	defer q.mu.Unlock()
	if q.all == nil {
		q.all = map[questionKey]*asked{}
	}
	if q.all[key] == nil {
		q.all[key] = &asked{Question: one}
	}
	if in := &q.all[key].in; !slices.Contains(*in, q.current) {
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
