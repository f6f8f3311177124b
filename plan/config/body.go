package config

import (
	"cmp"
	"fmt"
	"maps"
	"slices"
	"strconv"
	"strings"

	"github.com/hashicorp/hcl/v2"
	"github.com/zclconf/go-cty/cty"
	"github.com/zclconf/go-cty/cty/convert"
)

// layout is what a block of the language may hold. None of the arguments is
// marked as required: what is missing is told in our own words.
type layout struct {
	where   string // in messages: "in a probe block"
	schema  *hcl.BodySchema
	product string // of a cluster block: whose it is
}

var (
	rootLayout = &layout{where: "at the top level", schema: &hcl.BodySchema{
		Blocks: []hcl.BlockHeaderSchema{
			{Type: "zup"},
			{Type: "variable", LabelNames: []string{"name"}},
			{Type: "locals"},
			{Type: "secret", LabelNames: []string{"name"}},
			{Type: "cluster", LabelNames: []string{"provider", "name"}},
			{Type: "approval"},
			{Type: "window", LabelNames: []string{"name"}},
			{Type: "freeze", LabelNames: []string{"name"}},
			{Type: "rule", LabelNames: []string{"name"}},
		},
	}}
	zupLayout = &layout{where: "in a zup block", schema: &hcl.BodySchema{
		Attributes: []hcl.AttributeSchema{{Name: "required_version"}},
	}}
	approvalLayout = &layout{where: "in an approval block", schema: &hcl.BodySchema{
		Attributes: []hcl.AttributeSchema{{Name: "signers"}, {Name: "revoked"}, {Name: "required"}, {Name: "author_may_approve"}},
	}}
	clusterLayout = &layout{where: "in a cluster block", schema: &hcl.BodySchema{
		Attributes: []hcl.AttributeSchema{
			{Name: "master"}, {Name: "max_interruption"},
		},
		Blocks: []hcl.BlockHeaderSchema{
			{Type: "ssh"}, {Type: "node", LabelNames: []string{"name"}}, {Type: "package"}, {Type: "snapshot"},
			{Type: "probe", LabelNames: []string{"name"}},
		},
	}}
	clusterSSHLayout = &layout{where: "in an ssh block", schema: &hcl.BodySchema{
		Attributes: []hcl.AttributeSchema{{Name: "user"}, {Name: "become"}, {Name: "port"}, {Name: "identity_file"}, {Name: "jump"}, {Name: "jump_host_keys"}},
	}}
	nodeLayout = &layout{where: "in a node block", schema: &hcl.BodySchema{
		Attributes: []hcl.AttributeSchema{{Name: "address"}},
		Blocks:     []hcl.BlockHeaderSchema{{Type: "ssh"}},
	}}
	nodeSSHLayout = &layout{where: "in the ssh block of a node", schema: &hcl.BodySchema{
		Attributes: []hcl.AttributeSchema{
			{Name: "user"}, {Name: "become"}, {Name: "port"}, {Name: "identity_file"}, {Name: "jump"}, {Name: "jump_host_keys"}, {Name: "host_key"},
		},
	}}
	packageLayout = &layout{where: "in a package block", schema: &hcl.BodySchema{
		Attributes: []hcl.AttributeSchema{{Name: "offline"}, {Name: "sha256"}},
	}}
	snapshotLayout = &layout{where: "in a snapshot block", schema: &hcl.BodySchema{
		Attributes: []hcl.AttributeSchema{{Name: "create"}, {Name: "restore"}, {Name: "delete"}, {Name: "list"}, {Name: "keep_for"}, {Name: "secrets"}},
	}}
	secretLayout = &layout{where: "in a secret block", schema: &hcl.BodySchema{
		Attributes: []hcl.AttributeSchema{{Name: "description"}},
	}}
	probeLayout = &layout{where: "in a probe block", schema: &hcl.BodySchema{
		Attributes: []hcl.AttributeSchema{{Name: "tcp"}, {Name: "http"}, {Name: "interval"}, {Name: "timeout"}},
	}}
	windowLayout = &layout{where: "in a window block", schema: &hcl.BodySchema{
		Attributes: []hcl.AttributeSchema{{Name: "days"}, {Name: "start"}, {Name: "duration"}, {Name: "timezone"}},
	}}
	freezeLayout = &layout{where: "in a freeze block", schema: &hcl.BodySchema{
		Attributes: []hcl.AttributeSchema{{Name: "from"}, {Name: "to"}, {Name: "timezone"}},
	}}
	ruleLayout = &layout{where: "in a rule block", schema: &hcl.BodySchema{
		Attributes: []hcl.AttributeSchema{{Name: "condition"}, {Name: "message"}, {Name: "level"}},
	}}
	variableLayout = &layout{where: "in a variable block", schema: &hcl.BodySchema{
		Attributes: []hcl.AttributeSchema{
			{Name: "type"}, {Name: "default"}, {Name: "description"}, {Name: "sensitive"}, {Name: "nullable"},
		},
		Blocks: []hcl.BlockHeaderSchema{{Type: "validation"}},
	}}
	validationLayout = &layout{where: "in a validation block", schema: &hcl.BodySchema{
		Attributes: []hcl.AttributeSchema{{Name: "condition"}, {Name: "error_message"}},
	}}
)

// layouts is where to look for the home of a name that was found in the wrong
// block.
var layouts = []*layout{
	rootLayout, zupLayout, clusterLayout, clusterSSHLayout, nodeLayout, nodeSSHLayout, packageLayout, snapshotLayout,
	probeLayout, approvalLayout, windowLayout, freezeLayout, ruleLayout, variableLayout, validationLayout, secretLayout,
}

// content takes a body apart. What does not belong there is reported. The names
// in meant are there, but written wrongly: nobody should be told that they are
// missing.
func (r *collector) content(body hcl.Body, in *layout) (content *hcl.BodyContent, meant []string) {
	content, diags := body.Content(in.schema)
	for i, d := range diags {
		switch d.Summary {
		case "Unsupported argument", "Unsupported block type", "Extraneous JSON object property":
			meant = append(meant, r.unknown(d, in))
			continue
		case "Missing block label":
			if i > 0 && subject(d) == subject(diags[i-1]) {
				continue // says in other words why the block has no label
			}
		}
		r.add(d)
		if _, blockType, ok := strings.Cut(d.Summary, " for "); ok {
			meant = append(meant, blockType)
		}
	}
	return content, meant
}

// unknown says in our words what the library says of a name that does not
// belong in a body. It returns the name that was meant, if that can be told.
func (r *collector) unknown(d *hcl.Diagnostic, in *layout) (meant string) {
	name := r.word(*d.Subject)
	kind := "argument"
	if d.Summary == "Unsupported block type" || (d.Summary == "Extraneous JSON object property" && in == rootLayout) {
		kind = "block"
	}
	meant, hint := in.hint(name, r.layouts)
	r.errorf(d.Subject, fmt.Sprintf("unknown %s %q", kind, name), "%s", hint)
	return meant
}

// hint says what was meant by a name that is unknown here, or where it belongs.
func (in *layout) hint(name string, layouts []*layout) (meant, hint string) {
	args, blocks := in.names()
	known := slices.Concat(args, blocks)
	switch n := near(name, known...); {
	case slices.Contains(blocks, name):
		return name, fmt.Sprintf("%q is a block here, not an argument: write it without the equals sign, %s { … }.", name, name)
	case slices.Contains(args, name):
		return name, fmt.Sprintf("%q is an argument here, not a block: write %s = …", name, name)
	case n != "":
		return n, fmt.Sprintf("Did you mean %q?", n)
	}
	for _, other := range layouts {
		args, blocks := other.names()
		switch {
		case !slices.Contains(slices.Concat(args, blocks), name):
		case other.product != "" && in.product != "":
			return "", fmt.Sprintf("%q is an argument of cluster %q. What is known in a block of cluster %q: %s.", name, other.product, in.product, list(known, "and"))
		default:
			return "", fmt.Sprintf("%q belongs %s.", name, other.where)
		}
	}
	return "", fmt.Sprintf("What is known %s: %s.", in.where, list(known, "and"))
}

func (in *layout) names() (args, blocks []string) {
	for _, a := range in.schema.Attributes {
		args = append(args, a.Name)
	}
	for _, b := range in.schema.Blocks {
		blocks = append(blocks, b.Type)
	}
	return args, blocks
}

// word returns the name at a place, without the quotes that it has in JSON.
func (r *collector) word(rng hcl.Range) string {
	src := r.sources[rng.Filename]
	if src == nil {
		return ""
	}
	sp := src.clamp(rng)
	w := string(src.text[sp.start:sp.end])
	if src.json {
		if u, err := strconv.Unquote(w); err == nil {
			return u
		}
		w = strings.Trim(w, `"`)
	}
	return w
}

// body is a block whose arguments are being read: each with its value, and with
// its place for later.
type body struct {
	l      *loader
	attrs  hcl.Attributes
	blocks hcl.Blocks
	meant  []string // see content
	place  Place
}

func (l *loader) body(b *hcl.Block, in *layout) *body {
	content, meant := l.content(b.Body, in)
	out := &body{l: l, attrs: content.Attributes, blocks: content.Blocks, meant: meant, place: Place{Range: blockHeader(b)}}
	if n := len(content.Attributes); n > 0 {
		out.place.args = make([]argRange, 0, n)
		for _, a := range in.schema.Attributes {
			if attr, ok := content.Attributes[a.Name]; ok {
				out.place.args = append(out.place.args, argRange{a.Name, attr.Expr.Range()})
			}
		}
	}
	return out
}

// said reports whether an argument is written in the block at all, or was meant
// by something else that is.
func (b *body) said(name string) bool { return b.attrs[name] != nil || slices.Contains(b.meant, name) }

// absent reports whether an argument is not said, or is null. One that could not
// be evaluated is said.
func (b *body) absent(name string) bool {
	if b.attrs[name] == nil {
		return !b.said(name)
	}
	v, ok := b.l.eval(b.attrs[name].Expr, b.l.scope)
	v, _ = v.Unmark()
	return ok && v.IsNull()
}

// at returns the place of an argument's value, or of the block's header.
func (b *body) at(name string) *hcl.Range {
	rng := b.place.At(name)
	return &rng
}

// value evaluates an argument and converts it. It is not ok when the argument
// is not said, is null, or is wrong, which has been reported then.
func (b *body) value(name string, want cty.Type) (v cty.Value, ok bool) {
	v, ok = b.raw(name)
	if !ok {
		return v, false
	}
	if b.sensitive(name, v, "No argument of a cluster may hold one.") {
		return v, false
	}
	return b.convert(name, v, want)
}

// sensitive reports whether there is something in a value that must not be shown,
// which is an error, and what to do about it then.
func (b *body) sensitive(name string, v cty.Value, hint string) bool {
	if !v.ContainsMarked() {
		return false
	}
	b.l.errorf(b.at(name), fmt.Sprintf("%q is sensitive", name),
		"This value comes from a sensitive variable and would be written into the plan file, which people attach to tickets. %s", hint)
	return true
}

// raw is value without the conversion, and with sensitive values let through.
func (b *body) raw(name string) (v cty.Value, ok bool) {
	attr := b.attrs[name]
	if attr == nil {
		return v, false
	}
	v, ok = b.l.eval(attr.Expr, b.l.scope)
	if !ok {
		return v, false
	}
	if t := v.Type(); !t.IsPrimitiveType() {
		b.l.now.Store(b.at(name))
		w := b.l.weigh(v)
		b.l.takes(w.values * workArgument)
		b.l.makes(w.values * bytesElement) // it is kept in another form
	}
	if shallow, _ := v.Unmark(); shallow.IsNull() {
		return v, false
	}
	return v, true
}

func (b *body) convert(name string, v cty.Value, want cty.Type) (cty.Value, bool) {
	b.l.now.Store(b.at(name))
	b.l.converts(v, want)
	out, err := convert.Convert(v, want)
	if err != nil {
		got := noun(v.Type())
		if want.IsListType() && got == "a list" {
			got = fmt.Sprintf("a list with something else in it: %s", err)
		}
		b.l.errorf(b.at(name), fmt.Sprintf("wrong type for %q", name), "%s is wanted here, and this is %s.", sentenceNoun(want), got)
		return out, false
	}
	if !out.IsWhollyKnown() || hasNull(out) {
		if out.IsWhollyKnown() {
			b.l.errorf(b.at(name), fmt.Sprintf("wrong type for %q", name), "One of the values in it is null.")
		}
		return out, false
	}
	return out, true
}

func hasNull(v cty.Value) bool {
	found := false
	cty.Walk(v, func(_ cty.Path, v cty.Value) (bool, error) { //nolint:errcheck // the callback never fails
		shallow, _ := v.Unmark()
		found = found || shallow.IsNull()
		return !found, nil
	})
	return found
}

// text reads an argument that is a string.
func (b *body) text(name string) (string, bool) {
	v, ok := b.value(name, cty.String)
	if !ok {
		return "", false
	}
	return v.AsString(), true
}

// noun names a type as in "this is a list".
func noun(t cty.Type) string {
	switch {
	case t == cty.String:
		return "a string"
	case t == cty.Bool:
		return "true or false"
	case t == cty.Number:
		return "a number"
	case t.IsListType() && t.ElementType() == cty.String:
		return "a list of strings"
	case t.IsListType(), t.IsTupleType(), t.IsSetType():
		return "a list"
	case t.IsMapType(), t.IsObjectType():
		return "an object"
	}
	return "of type " + t.FriendlyName()
}

func sentenceNoun(t cty.Type) string {
	n := noun(t)
	return strings.ToUpper(n[:1]) + n[1:]
}

// inOrder returns attributes as they stand in the file.
func inOrder(attrs hcl.Attributes) []*hcl.Attribute {
	return slices.SortedFunc(maps.Values(attrs), func(a, b *hcl.Attribute) int {
		return cmp.Compare(a.Range.Start.Byte, b.Range.Start.Byte)
	})
}
