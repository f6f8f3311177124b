package plan

import (
	"bufio"
	"bytes"
	"cmp"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"iter"
	"runtime"

	"zup/plan/escape"
)

// Encode writes the canonical form: JSON with sorted keys, no HTML escapes,
// line feeds, one action and one cluster a line. The same plan gives the same
// bytes.
func (p *Plan) Encode(w io.Writer) error { return encode(w, p, false) }

// EncodeIdentity writes the bytes that PlanID is the SHA-256 of and that
// signatures are over: the plan file without the lines that begin with commit, created
// and plan_id.
func (p *Plan) EncodeIdentity(w io.Writer) error { return encode(w, p, true) }

// Identify computes PlanID from everything but Commit, Created and PlanID.
func (p *Plan) Identify() {
	h := sha256.New()
	if err := encode(h, p, true); err != nil {
		panic("plan: " + err.Error()) // a hash takes every byte and Plan holds nothing that JSON can't
	}
	p.PlanID = hex.EncodeToString(h.Sum(nil))
}

// lines writes one JSON document, value by value, so that a plan of ten
// thousand clusters is never in memory as text.
type lines struct {
	w   *bufio.Writer
	enc *valueEncoder
	err error

	origin string // digest of what the plan was made from
}

// valueEncoder turns values into JSON the way a plan file has it.
type valueEncoder struct {
	buf bytes.Buffer
	enc *json.Encoder
}

func newValueEncoder() *valueEncoder {
	e := &valueEncoder{}
	e.enc = json.NewEncoder(&e.buf)
	e.enc.SetEscapeHTML(false)
	return e
}

// add appends v to the buffer, without the line feed that json.Encoder appends.
func (e *valueEncoder) add(v any) error {
	err := e.enc.Encode(v)
	if err == nil {
		e.buf.Truncate(e.buf.Len() - 1)
	}
	return err
}

func encode(w io.Writer, p *Plan, identity bool) error {
	_, err := encodeLines(w, p, identity)
	return err
}

// encodeLines also returns the digest of what the plan was made from, as it stands in
// what was written.
func encodeLines(w io.Writer, p *Plan, identity bool) (origin string, err error) {
	l := &lines{w: bufio.NewWriterSize(w, 1<<16), enc: newValueEncoder()}

	l.raw("{\n")
	list(l, "actions", p.Actions)
	optional(l, "approval", p.Approval, p.Approval == nil)
	optional(l, "author", p.Author, p.Author == "")
	optional(l, "change", p.Change, p.Change == "")
	list(l, "clusters", p.Clusters)
	if p.Commit != "" && !identity {
		l.field("commit", p.Commit)
	}
	l.field("config", &p.Config)
	if !identity {
		l.created(p)
	}
	l.field("format_version", p.FormatVersion)
	optional(l, "freezes", p.Freezes, len(p.Freezes) == 0)
	l.field("not_after", p.NotAfter)
	if !identity {
		l.field("plan_id", p.PlanID)
	}
	list(l, "products", p.Products)
	optional(l, "rules", p.Rules, len(p.Rules) == 0)
	l.field("state", &p.State)
	optional(l, "waivers", p.Waivers, len(p.Waivers) == 0)
	optional(l, "windows", p.Windows, len(p.Windows) == 0)
	l.key("zup_version")
	l.value(p.ZupVersion)
	l.raw("\n}\n")
	if l.err == nil {
		l.err = l.w.Flush()
	}
	return l.origin, l.err
}

func (l *lines) raw(s string) {
	if l.err == nil {
		_, l.err = l.w.WriteString(s)
	}
}

func (l *lines) key(name string) { l.raw(`"` + name + `":`) }

func (l *lines) value(v any) {
	if l.err != nil {
		return
	}
	l.enc.buf.Reset()
	if l.err = l.enc.add(v); l.err == nil {
		_, l.err = l.w.Write(l.enc.buf.Bytes())
	}
}

func (l *lines) field(name string, v any) {
	l.key(name)
	l.value(v)
	l.raw(",\n")
}

// optional is a field that is left out where it says nothing.
func optional(l *lines, name string, v any, empty bool) {
	if !empty {
		l.field(name, v)
	}
}

// created writes when the plan was made and from what: on one line, which is not part
// of the identity, because nodes say something else about their clocks each time.
func (l *lines) created(p *Plan) {
	l.key("created")
	l.value(p.Created)
	if p.CreatedFrom != nil {
		h := sha256.New()
		part := func(s string, v any) {
			l.raw(s)
			l.value(v)
			h.Write([]byte(s))
			h.Write(l.enc.buf.Bytes())
		}
		l.raw(`,"created_from":`)
		separator := `{"clusters":[`
		for i := range p.CreatedFrom.Clusters {
			part(separator, &p.CreatedFrom.Clusters[i])
			separator = ","
		}
		if separator != "," {
			l.raw(separator)
		}
		if len(p.CreatedFrom.Commands) > 0 {
			part(`],"commands":`, p.CreatedFrom.Commands)
			part(`,"request":`, &p.CreatedFrom.Request)
		} else {
			part(`],"request":`, &p.CreatedFrom.Request)
		}
		l.raw("}")
		l.raw(`,"created_sha256":`)
		l.origin = hex.EncodeToString(h.Sum(nil))
		l.value(cmp.Or(p.CreatedSHA256, l.origin))
	}
	l.raw(",\n")
}

// chunk is how many elements of a list are encoded at once.
const chunk = 64

func list[T any](l *lines, name string, all []T) {
	l.key(name)
	l.raw("[")
	for text := range encoded(all) {
		if l.err == nil {
			_, l.err = l.w.Write(text.buf.Bytes())
		}
		if l.err == nil {
			l.err = text.err
		}
	}
	if len(all) > 0 {
		l.raw("\n")
	}
	l.raw("],\n")
}

// part is a piece of a list as text.
type part struct {
	*valueEncoder
	err  error
	done chan struct{}
}

// encoded yields the elements of a list as text, in order, while other
// processors work on those that come next.
func encoded[T any](all []T) iter.Seq[*part] {
	return func(yield func(*part) bool) {
		free := make(chan *valueEncoder, 2*runtime.GOMAXPROCS(0))
		for range cap(free) {
			free <- nil // made when it is needed
		}
		parts := make(chan *part, cap(free))
		quit := make(chan struct{})
		defer close(quit)
		go func() {
			defer close(parts)
			for start := 0; start < len(all); start += chunk {
				select {
				case enc := <-free:
					p := &part{valueEncoder: enc, done: make(chan struct{})}
					parts <- p
					go encodePart(p, all[start:min(start+chunk, len(all))], start == 0)
				case <-quit:
					return
				}
			}
		}()
		for p := range parts {
			<-p.done
			if !yield(p) {
				return
			}
			free <- p.valueEncoder
		}
	}
}

func encodePart[T any](p *part, elements []T, first bool) {
	defer close(p.done)
	if p.valueEncoder == nil {
		p.valueEncoder = newValueEncoder()
	}
	p.buf.Reset()
	for i := range elements {
		if !first || i > 0 {
			p.buf.WriteByte(',')
		}
		p.buf.WriteByte('\n')
		if p.err = p.add(&elements[i]); p.err != nil {
			return
		}
	}
}

// DamagedError says that a plan file is not what zup wrote.
type DamagedError struct {
	Reason string
	Sent   string // what was done to it on the way, if it is whole but for that
	Undo   string // the command that undoes that
}

func (e *DamagedError) Error() string {
	if e.Sent != "" {
		return "plan file damaged or altered: " + e.Sent
	}
	return "plan file damaged or altered: " + e.Reason
}

// Hint says how to get the file as it was.
func (e *DamagedError) Hint() string {
	if e.Sent == "" {
		return "make a new plan: zup plan -out FILE"
	}
	return "it is whole but for that: send it as it is (a binary file; for git: *.zup -text in .gitattributes), or undo it: " + e.Undo
}

// NewerError says that a plan file was written in a later format.
type NewerError struct {
	Version    int    // of the file
	ZupVersion string // of the zup that wrote it, as the file says
}

func (e *NewerError) Error() string {
	return fmt.Sprintf("plan file has format version %d; this zup reads version %d", e.Version, FormatVersion)
}

// OlderError says that a plan file was written in an earlier format.
type OlderError struct {
	Version    int    // of the file
	ZupVersion string // of the zup that wrote it, as the file says
}

func (e *OlderError) Error() string {
	return fmt.Sprintf("plan file has format version %d, which zup %s wrote; this zup reads version %d", e.Version, escape.Line(e.ZupVersion), FormatVersion)
}

// Hint says what to do with it.
func (e *OlderError) Hint() string {
	return "make a new plan: zup plan -out FILE; to look at this one, use the zup that wrote it"
}

// maxFile bounds what Decode reads: 2 GiB are some 40,000 clusters.
const maxFile = 2 << 30

// Decode reads a plan file. It refuses, with a *DamagedError, whatever is not
// byte for byte what Encode writes, whose ID is not that of its content or
// which breaks a rule of Validate; with a *NewerError a later format and with an
// *OlderError an earlier one.
func Decode(r io.Reader) (*Plan, error) {
	data, err := io.ReadAll(io.LimitReader(r, maxFile+1))
	if err != nil {
		return nil, fmt.Errorf("read plan file: %w", err)
	}
	if len(data) > maxFile {
		return nil, &DamagedError{Reason: "larger than 2 GiB"}
	}
	p, err := decode(data)
	var damaged *DamagedError
	if errors.As(err, &damaged) {
		damaged.Sent, damaged.Undo = sent(data)
	}
	return p, err
}

func decode(data []byte) (*Plan, error) {
	if err := checkFormat(data); err != nil {
		return nil, err
	}
	var p Plan
	dec := json.NewDecoder(bytes.NewReader(data))
	dec.DisallowUnknownFields()
	if err := dec.Decode(&p); err != nil {
		return nil, &DamagedError{Reason: err.Error()}
	}
	if err := sameBytes(&p, data); err != nil {
		return nil, err
	}
	said := p.PlanID
	if p.Identify(); p.PlanID != said {
		return nil, &DamagedError{Reason: fmt.Sprintf("plan_id is %.12s…, its content gives %.12s…", said, p.PlanID)}
	}
	if err := p.Validate(); err != nil {
		return nil, &DamagedError{Reason: err.Error()}
	}
	return &p, nil
}

func checkFormat(data []byte) error {
	var head struct {
		FormatVersion int    `json:"format_version"`
		ZupVersion    string `json:"zup_version"`
	}
	var syntax *json.SyntaxError
	switch err := json.Unmarshal(data, &head); {
	case errors.As(err, &syntax):
		return &DamagedError{Reason: fmt.Sprintf("not JSON after byte %d of %d: %v", syntax.Offset, len(data), err)}
	case err != nil:
		return &DamagedError{Reason: err.Error()}
	case head.FormatVersion > FormatVersion:
		return &NewerError{head.FormatVersion, head.ZupVersion}
	case head.FormatVersion < 1:
		return &DamagedError{Reason: "no format_version: not a plan file"}
	case head.FormatVersion < FormatVersion:
		return &OlderError{head.FormatVersion, head.ZupVersion}
	}
	return nil
}

func sameBytes(p *Plan, data []byte) error {
	c := &comparer{rest: data}
	origin, err := encodeLines(c, p, false)
	if err != nil || len(c.rest) > 0 {
		return &DamagedError{Reason: fmt.Sprintf("byte %d is not what zup wrote", c.done)}
	}
	if p.CreatedSHA256 == origin {
		p.CreatedSHA256 = ""
	}
	return nil
}

// comparer is a writer that takes only the bytes that it waits for.
type comparer struct {
	rest []byte
	done int
}

var errDiffers = errors.New("differs")

func (c *comparer) Write(b []byte) (int, error) {
	if bytes.HasPrefix(c.rest, b) {
		c.rest, c.done = c.rest[len(b):], c.done+len(b)
		return len(b), nil
	}
	for i := range b {
		if i >= len(c.rest) || c.rest[i] != b[i] {
			c.done += i
			break
		}
	}
	return 0, errDiffers
}
