package config

import (
	"bytes"

	"github.com/hashicorp/hcl/v2/hclwrite"
)

// Format returns a file's text in the one layout that zup fmt knows: alignment
// and blanks change, comments and everything else stay. Formatting twice changes
// nothing more. A text that does not parse comes back as it is, with an error,
// and so does JSON, whose layout is left to others, without one.
func Format(src []byte, filename string) ([]byte, *Diagnostics) {
	f := newFile(filename)
	f.read(func(string) ([]byte, error) { return src, nil })
	r := newCollector()
	r.sources[f.name] = f.source
	if f.json {
		return src, r.finish()
	}
	f.parse()
	for _, p := range f.parts {
		f.noteBlocks(p.body)
	}
	r.addFaults(f)
	diags := r.finish()
	if diags.HasErrors() {
		return src, diags
	}
	return format(src), diags
}

// format repeats the library's formatting until it settles: a pass may move what
// the next one aligns.
func format(src []byte) []byte {
	for range 4 {
		out := hclwrite.Format(src)
		if bytes.Equal(out, src) {
			break
		}
		src = out
	}
	return src
}
