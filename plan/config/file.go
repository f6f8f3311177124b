package config

import (
	"bytes"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"path/filepath"
	"slices"
	"strings"
	"unicode/utf8"

	"github.com/hashicorp/hcl/v2"
	"github.com/hashicorp/hcl/v2/hclsyntax"
	"github.com/hashicorp/hcl/v2/json"
)

// file is a configuration file or a variable file on its way from bytes to
// bodies.
type file struct {
	*source
	path   string // to read it by
	sha256 string
	pieces []piece // until it is parsed
	parts  []part  // what could be read of it; most files have one
	diags  hcl.Diagnostics

	// incomplete: variables or local values may be declared in a part that
	// could not be read.
	incomplete bool
}

// part is a stretch of a file that was parsed by itself.
type part struct {
	body   hcl.Body
	faulty bool // it has a syntax error, so what is in the body may be wrong
}

func newFile(path string) *file {
	return &file{
		source: &source{name: filepath.ToSlash(path), json: strings.HasSuffix(path, ".json")},
		path:   path,
	}
}

// isDirectory reports whether it was not a file at all.
func (f *file) isDirectory() bool { return f.sha256 == "" && len(f.diags) == 0 }

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
		f.incomplete = true
		f.fail(nil, fmt.Sprintf("cannot read %q", f.name), fmt.Sprintf("The file %s.", err))
		return
	}
	sum := sha256.Sum256(text)
	f.text, f.sha256 = text, hex.EncodeToString(sum[:])
}

// size finds out how much there is in the file, and what of it is too much to be
// parsed, and counts what parsing it takes.
func (f *file) size(b *budget) {
	switch {
	case f.sha256 == "": // not read
	case !utf8.Valid(f.text):
		f.incomplete = true
		f.failUTF8()
	case f.json:
		f.add(b, piece{f.text, hcl.InitialPos, measure(f.text, inJSON)})
	default:
		start := hcl.InitialPos
		for _, text := range topLevelBlocks(f.text) {
			if !f.add(b, piece{text, start, measure(text, inHCL)}) {
				return
			}
			start.Line += bytes.Count(text, []byte("\n"))
			start.Byte += len(text)
		}
	}
}

// add notes a piece that is to be parsed. If it can't be, nothing of the file is.
func (f *file) add(b *budget, p piece) bool {
	why := p.excess()
	if why == "" {
		b.parses(p.extent)
		f.pieces = append(f.pieces, p)
		return true
	}
	f.incomplete, f.pieces = true, nil
	f.blocks = append(f.blocks, block{span{p.start.Byte, p.start.Byte + len(p.text)}, p.header()})
	f.fail(&hcl.Range{Filename: f.name, Start: p.start, End: p.start}, p.heading(), why)
	return false
}

// largest is how many words and signs are parsed in one go at most.
func (f *file) largest() (words int) {
	for _, p := range f.pieces {
		words = max(words, p.words)
	}
	return words
}

// piece is a stretch of a file that is parsed by itself.
type piece struct {
	text  []byte
	start hcl.Pos
	extent
}

// header is the block that the piece begins with, as far as that can be told without
// parsing it.
func (p *piece) header() string {
	header, _, _ := strings.Cut(string(p.text[:min(len(p.text), 200)]), "{")
	if strings.ContainsAny(header, "\n#=") || !beginsBlock(firstWord([]byte(header))) {
		return ""
	}
	return strings.TrimSpace(header)
}

// parse sets parts, as far as there are any. It must have been found out how much there
// is in the file.
func (f *file) parse() {
	switch {
	case len(f.pieces) == 0:
	case f.json:
		f.parseJSON()
	default:
		f.parseNative()
	}
	f.pieces = nil
	f.diags = f.diags[:min(len(f.diags), maxMistakes)]
	f.hideCalls()
}

// parseJSON leaves a file with a syntax error alone: the parser has no idea
// where to go on, and every message but the first follows from it.
func (f *file) parseJSON() {
	bom := byteOrderMark(f.text)
	parsed, diags := json.ParseWithStartPos(f.text[bom:], f.name, hcl.Pos{Line: 1, Column: 1, Byte: bom})
	if diags.HasErrors() {
		f.incomplete = true
		f.diags = append(f.diags, diags[0])
		f.hideAround()
		return
	}
	f.parts = []part{{body: parsed.Body}}
}

// parseNative parses every top-level block by itself, so that a syntax error in
// one hides nothing in the others; on large files it also takes a fifth less
// memory. Where a block seems to be broken the file is parsed in one go, to see
// whether it was merely cut in the wrong place, such as in a heredoc.
func (f *file) parseNative() {
	words := 0
	for _, p := range f.pieces {
		parsed, diags := hclsyntax.ParseConfig(p.text, f.name, p.start)
		words += p.words
		kept, faulty := essential(diags)
		f.diags = append(f.diags, kept...)
		f.parts = append(f.parts, part{parsed.Body, faulty})
		if word := firstWord(p.text); faulty && (word == "variable" || word == "locals" || !beginsBlock(word)) {
			f.incomplete = true
		}
	}
	if !f.diags.HasErrors() {
		return
	}
	if len(f.pieces) > 1 && words <= maxWords && measure(f.text, inHCL).excess() == "" {
		if whole, diags := hclsyntax.ParseConfig(f.text, f.name, hcl.InitialPos); !diags.HasErrors() {
			f.parts, f.diags, f.incomplete = []part{{body: whole.Body}}, nil, false
			return
		}
	}
	f.hideAround()
}

// essential leaves out the messages that follow from an earlier one. An argument
// that is there twice is no reason not to look at the rest.
func essential(diags hcl.Diagnostics) (kept hcl.Diagnostics, faulty bool) {
	for _, d := range diags {
		twice := d.Summary == "Attribute redefined"
		if twice || !faulty {
			kept = append(kept, d)
		}
		faulty = faulty || !twice
	}
	return kept, faulty
}

// topLevelBlocks cuts a text in front of every line that begins, without a
// blank, with the name of a top-level block.
func topLevelBlocks(text []byte) [][]byte {
	var out [][]byte
	at, start := 0, 0
	for line := range bytes.Lines(text) {
		if beginsBlock(firstWord(line)) && at > start && line[0] != ' ' && line[0] != '\t' {
			out = append(out, text[start:at])
			start = at
		}
		at += len(line)
	}
	return append(out, text[start:])
}

// beginsBlock reports whether a word is the name of a top-level block.
func beginsBlock(word string) bool {
	return slices.ContainsFunc(rootLayout.schema.Blocks, func(b hcl.BlockHeaderSchema) bool { return b.Type == word })
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

// byteOrderMark returns the length of the one that a text may begin with.
func byteOrderMark(text []byte) int {
	return len(text) - len(bytes.TrimPrefix(text, []byte("\ufeff")))
}

// noteBlocks remembers the blocks of a body in native syntax, so that a message
// can say which one it is about.
func (f *file) noteBlocks(body hcl.Body) {
	for _, b := range body.(*hclsyntax.Body).Blocks {
		f.noteBlock(b.AsHCLBlock())
	}
}

func (f *file) noteBlock(b *hcl.Block) {
	f.blocks = append(f.blocks, block{f.blockSpan(b), headerText(b)})
}

func headerText(b *hcl.Block) string {
	var s strings.Builder
	s.WriteString(b.Type)
	for _, label := range b.Labels {
		s.WriteString(" " + quoted(label))
	}
	return s.String()
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
