package config

import (
	"bytes"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"path/filepath"
	"strings"
	"unicode/utf8"

	"github.com/hashicorp/hcl/v2"
	"github.com/hashicorp/hcl/v2/hclsyntax"
	"github.com/hashicorp/hcl/v2/json"
)

// file is a configuration file or a variable file on its way from bytes to a
// body.
type file struct {
	*source
	path   string // to read it by
	sha256 string
	body   hcl.Body // nil: there is nothing to look at
	faults []int    // where its syntax errors are, in bytes
	diags  hcl.Diagnostics
}

func newFile(path string) *file {
	return &file{
		source: &source{name: filepath.ToSlash(path), json: strings.HasSuffix(path, ".json")},
		path:   path,
	}
}

// broken reports whether a part of the file is unknown.
func (f *file) broken() bool { return f.diags.HasErrors() }

// read fetches the file's bytes. A directory that is called like a
// configuration file is not one.
func (f *file) read(get func(path string) ([]byte, error)) {
	text, err := get(f.path)
	if errors.Is(err, errDirectory) {
		return
	}
	if err != nil {
		f.fail(nil, fmt.Sprintf("cannot read %q", f.name), fmt.Sprintf("The file %s.", err))
		return
	}
	sum := sha256.Sum256(text)
	f.text, f.sha256 = text, hex.EncodeToString(sum[:])
}

// parse sets body, as far as there is one.
func (f *file) parse() {
	if f.sha256 == "" {
		return
	}
	if !utf8.Valid(f.text) {
		f.failUTF8()
		return
	}
	if tooDeep(f.text, f.json) {
		f.fail(&hcl.Range{Filename: f.name, Start: hcl.InitialPos, End: hcl.InitialPos}, "nested too deep",
			fmt.Sprintf("Expressions are limited to %d levels of nesting and %d operators in a row.", maxNesting, maxChain))
		return
	}
	var parsed *hcl.File
	var diags hcl.Diagnostics
	if f.json {
		parsed, diags = parseJSON(f.text, f.name)
	} else {
		parsed, diags = hclsyntax.ParseConfig(f.text, f.name, hcl.InitialPos)
	}
	for _, d := range diags {
		if d.Subject != nil {
			f.faults = append(f.faults, d.Subject.Start.Byte)
		}
	}
	f.diags = append(f.diags, diags...)
	if diags.HasErrors() {
		f.hideAround()
	}
	if parsed != nil && !(f.json && diags.HasErrors()) {
		f.body = parsed.Body
	}
}

func (f *file) failUTF8() {
	at := 0
	for at < len(f.text) {
		r, size := utf8.DecodeRune(f.text[at:])
		if r == utf8.RuneError && size == 1 {
			break
		}
		at += size
	}
	detail := "Configuration is written in UTF-8; this byte is none."
	if bytes.HasPrefix(f.text, []byte("\xff\xfe")) || bytes.HasPrefix(f.text, []byte("\xfe\xff")) {
		detail = "The file is UTF-16. Configuration is written in UTF-8: save it as that."
	}
	start := hcl.Pos{Line: 1 + bytes.Count(f.text[:at], []byte("\n")), Byte: at}
	start.Column = 1 + utf8.RuneCount(f.text[bytes.LastIndexByte(f.text[:at], '\n')+1:at])
	end := start
	end.Byte++
	end.Column++
	f.hideAround()
	f.fail(&hcl.Range{Filename: f.name, Start: start, End: end}, "the file is not UTF-8", detail)
}

func (f *file) fail(subject *hcl.Range, summary, detail string) {
	f.diags = append(f.diags, &hcl.Diagnostic{Severity: hcl.DiagError, Summary: summary, Detail: detail, Subject: subject})
}

// parseJSON skips a byte order mark, as the parser of the native syntax does.
func parseJSON(text []byte, name string) (*hcl.File, hcl.Diagnostics) {
	bom := len(text) - len(bytes.TrimPrefix(text, []byte("\ufeff")))
	return json.ParseWithStartPos(text[bom:], name, hcl.Pos{Line: 1, Column: 1, Byte: bom})
}

// blockSpan returns where a top-level block stands, from its header to its
// closing brace. In JSON, where several blocks share the property that names
// their type, it begins at the last label.
func (f *file) blockSpan(b *hcl.Block) span {
	if body, ok := b.Body.(*hclsyntax.Body); ok {
		return f.clamp(hcl.RangeBetween(b.TypeRange, body.SrcRange))
	}
	return f.clamp(hcl.RangeBetween(blockHeader(b), b.Body.MissingItemRange()))
}

// hasFault reports whether a syntax error lies in a stretch of the file.
func (f *file) hasFault(sp span) bool {
	for _, at := range f.faults {
		if sp.start <= at && at <= sp.end {
			return true
		}
	}
	return false
}

// blockHeader returns the place to show for a block as a whole.
func blockHeader(b *hcl.Block) hcl.Range {
	if _, native := b.Body.(*hclsyntax.Body); native {
		return b.DefRange
	}
	if n := len(b.LabelRanges); n > 0 {
		return b.LabelRanges[n-1]
	}
	return b.TypeRange
}
