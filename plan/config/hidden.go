package config

import (
	"bytes"
	"encoding/json"
	"strings"

	"github.com/hashicorp/hcl/v2"
	"github.com/hashicorp/hcl/v2/hclsyntax"
	"github.com/zclconf/go-cty/cty"
)

// What stands in the text of a configuration and must not be shown, in the copy of it
// that a plan holds, in a message or in a difference: defaults of sensitive variables,
// and what is written inside of a call of sensitive. Of these the text decides, so that
// all of it is hidden before anything is evaluated, and by zup fmt too.
//
// What is hidden is replaced by a text in quotes: the copy parses as the file did.

// hideCalls hides what stands in calls of the function sensitive, unless nothing but
// names stand there. A name that is nearly that of the function counts.
func (f *file) hideCalls() {
	if f.json {
		if callsSensitive(f.text) || saysSensitive(f.text) {
			f.hideStrings()
		}
		return
	}
	if !callsSensitive(f.text) {
		return
	}
	for _, p := range f.parts {
		f.hideIn(p.body.(*hclsyntax.Body))
	}
}

func (f *file) hideIn(n hclsyntax.Node) {
	hclsyntax.VisitAll(n, func(n hclsyntax.Node) hcl.Diagnostics { //nolint:errcheck // the callback never fails
		if call, ok := n.(*hclsyntax.FunctionCallExpr); ok && isSensitiveCall(call.Name) && saysMore(call) {
			f.hide(hcl.Range{Filename: f.name, Start: call.OpenParenRange.End, End: call.CloseParenRange.Start})
		}
		return nil
	})
}

// isSensitiveCall reports whether a function is sensitive, or was meant to be.
func isSensitiveCall(name string) bool {
	return name != "nonsensitive" && name != "issensitive" && near(strings.ToLower(name), "sensitive") != ""
}

// saysMore reports whether anything but names stands in a call: a text, a number, the key
// of an object or an index.
func saysMore(call *hclsyntax.FunctionCallExpr) (more bool) {
	hclsyntax.VisitAll(call, func(n hclsyntax.Node) hcl.Diagnostics { //nolint:errcheck // the callback never fails
		switch n := n.(type) {
		case *hclsyntax.LiteralValueExpr:
			more = more || !n.Val.IsNull()
		case *hclsyntax.ObjectConsExpr, *hclsyntax.ExprSyntaxError:
			more = true
		case *hclsyntax.ScopeTraversalExpr:
			more = more || hasIndex(n.Traversal)
		case *hclsyntax.RelativeTraversalExpr:
			more = more || hasIndex(n.Traversal)
		}
		return nil
	})
	return more
}

func hasIndex(ref hcl.Traversal) bool {
	for _, step := range ref {
		if index, ok := step.(hcl.TraverseIndex); ok && index.Key.Type() == cty.String {
			return true
		}
	}
	return false
}

// callsSensitive reports whether a function that may be sensitive is called in a text,
// whatever that is written in. It looks at every opening parenthesis, of which most files
// have none.
func callsSensitive(text []byte) bool {
	for at := 0; ; at++ {
		i := bytes.IndexByte(text[at:], '(')
		if i < 0 {
			return bytes.Contains(text, []byte(`\u`)) // in JSON, that may be the parenthesis
		}
		at += i
		word := bytes.TrimRight(text[:at], " \t\r\n")
		word = word[len(bytes.TrimRightFunc(word, func(r rune) bool { return r < 0x80 && (letters[byte(r)] || r == '-') })):]
		if len(word) <= maxNear && isSensitiveCall(string(word)) {
			return true
		}
	}
}

// hideStrings hides every string in JSON in which something sensitive is written.
func (f *file) hideStrings() {
	for at := 0; at < len(f.text); at++ {
		if f.text[at] != '"' {
			continue
		}
		end := stringEnd(f.text, at)
		var text string
		if json.Unmarshal(f.text[at:end], &text) != nil || (callsSensitive([]byte(text)) || saysSensitive([]byte(text))) && templateHides(text) {
			f.secrets = append(f.secrets, span{at, end})
		}
		at = end - 1
	}
}

// stringEnd returns where a string in JSON ends that begins at a place.
func stringEnd(text []byte, at int) int {
	for i := at + 1; i < len(text); i++ {
		switch text[i] {
		case '\\':
			i++
		case '"':
			return i + 1
		}
	}
	return len(text)
}

// templateHides reports whether something in a template must not be shown.
func templateHides(text string) bool {
	if measure([]byte(text), asTemplate).excess() != "" {
		return true
	}
	expr, diags := hclsyntax.ParseTemplate([]byte(text), "", hcl.InitialPos)
	if diags.HasErrors() {
		return true
	}
	probe := &file{source: &source{text: []byte(text)}}
	probe.hideIn(expr)
	return len(probe.secrets) > 0
}

// hideDefaults hides the defaults of variables that are, or may be, sensitive.
func (f *file) hideDefaults() {
	for _, p := range f.parts {
		body, native := p.body.(*hclsyntax.Body)
		if !native {
			continue
		}
		for _, b := range body.Blocks {
			if b.Type == "variable" && maySensitive(b.Body.Attributes) {
				f.hideArguments(b.Body.Attributes)
			}
		}
	}
}

// maySensitive reports whether a variable block says that it is sensitive, or anything
// but that it is not.
func maySensitive(attrs hclsyntax.Attributes) bool {
	for name, attr := range attrs {
		if near(name, "sensitive") == "" {
			continue
		}
		if v, literal := attr.Expr.(*hclsyntax.LiteralValueExpr); !literal || !v.Val.RawEquals(cty.False) {
			return true
		}
	}
	return false
}

func (f *file) hideArguments(attrs hclsyntax.Attributes) {
	for name, attr := range attrs {
		switch name {
		case "type", "description", "sensitive", "nullable", "validation":
		default:
			f.hide(attr.Expr.Range())
		}
	}
}

// hideValues hides every value of a file of values: which variables are sensitive stands
// elsewhere.
func (f *file) hideValues() {
	for _, p := range f.parts {
		if body, native := p.body.(*hclsyntax.Body); native {
			for _, attr := range body.Attributes {
				f.hide(attr.Expr.Range())
			}
		}
	}
}

// isValues reports whether a file is called like one of values of variables.
func (f *file) isValues() bool { return !strings.HasSuffix(f.name, ".zup.hcl") }

// Shown returns the text of a file before and after it was formatted as both may be
// shown, for zup fmt -diff.
func Shown(before, after []byte, filename string) (shownBefore, shownAfter []byte) {
	return shownText(before, filename), shownText(after, filename)
}

func shownText(text []byte, filename string) []byte {
	f := newFile(filename)
	f.read(func(string) ([]byte, error) { return text, nil })
	if ending(func() { f.size(&budget{}) }) != nil {
		f.pieces = nil
	}
	f.parse()
	switch {
	case len(f.parts) == 0 || f.broken():
		f.hideAll()
	case f.isValues():
		f.hideValues()
	default:
		f.hideDefaults()
	}
	f.seal()
	return []byte(f.shown(span{0, len(f.text)}))
}
