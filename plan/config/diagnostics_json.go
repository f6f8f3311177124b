package config

import (
	"encoding/json"
	"io"

	"github.com/hashicorp/hcl/v2"

	"zup/plan/escape"
)

// Validation is what "zup validate -json" prints. It has the keys of "terraform
// validate -json", so that editors and pipelines that read the one can read the
// other.
type Validation struct {
	FormatVersion string       `json:"format_version"` // "1.0"
	Valid         bool         `json:"valid"`          // there is no error; warnings may be there
	ErrorCount    int          `json:"error_count"`
	WarningCount  int          `json:"warning_count"`
	Diagnostics   []Diagnostic `json:"diagnostics"` // in the order of files and places
}

// Diagnostic is a message with its place in the configuration, if it has one.
type Diagnostic struct {
	Severity Severity `json:"severity"`
	Summary  string   `json:"summary"` // one line
	Detail   string   `json:"detail"`  // may have several lines; may be empty
	Range    *Range   `json:"range,omitempty"`
	Snippet  *Snippet `json:"snippet,omitempty"`
}

// Severity says how much a diagnostic weighs.
type Severity string

// The severities.
const (
	Error   Severity = "error"
	Warning Severity = "warning"
)

// Range is a place in a configuration file.
type Range struct {
	Filename string `json:"filename"`
	Start    Pos    `json:"start"`
	End      Pos    `json:"end"` // the first position after it
}

// Pos is a position in a file.
type Pos struct {
	Line   int `json:"line"`   // from 1
	Column int `json:"column"` // from 1, in characters as people see them
	Byte   int `json:"byte"`   // from 0
}

// Snippet is the line of the file that a diagnostic is about.
type Snippet struct {
	Context              *string  `json:"context"` // the block's header, or null
	Code                 string   `json:"code"`    // one line, as it may be shown
	StartLine            int      `json:"start_line"`
	HighlightStartOffset int      `json:"highlight_start_offset"` // into code, in bytes
	HighlightEndOffset   int      `json:"highlight_end_offset"`
	Values               []string `json:"values"` // always empty: values are never printed
}

// WriteJSON writes all diagnostics as one JSON document for programs.
func (d *Diagnostics) WriteJSON(w io.Writer) error {
	errors, warnings := d.Counts()
	enc := json.NewEncoder(w)
	enc.SetEscapeHTML(false)
	enc.SetIndent("", "  ")
	return enc.Encode(Validation{
		FormatVersion: "1.0",
		Valid:         errors == 0,
		ErrorCount:    errors,
		WarningCount:  warnings,
		Diagnostics:   d.List(),
	})
}

// List returns all diagnostics as values for programs; never nil.
func (d *Diagnostics) List() []Diagnostic {
	all := make([]Diagnostic, 0, len(d.All))
	for _, diag := range d.All {
		all = append(all, d.diagnostic(diag))
	}
	return all
}

func (d *Diagnostics) diagnostic(diag *hcl.Diagnostic) Diagnostic {
	out := Diagnostic{Severity: Error, Summary: escape.Line(diag.Summary), Detail: escape.Text(diag.Detail)}
	if diag.Severity == hcl.DiagWarning {
		out.Severity = Warning
	}
	rng := diag.Subject
	if rng == nil {
		return out
	}
	out.Range = &Range{escape.Line(rng.Filename), Pos(rng.Start), Pos(rng.End)}
	src := d.sources[rng.Filename]
	if src == nil || len(src.text) == 0 {
		return out
	}
	s := src.snippet(*rng)
	s.before, s.marked, s.after = s.fit(4 * unlimited)
	out.Snippet = &Snippet{
		Code:                 s.before + s.marked + s.after,
		StartLine:            rng.Start.Line,
		HighlightStartOffset: len(s.before),
		HighlightEndOffset:   len(s.before) + len(s.marked),
		Values:               []string{},
	}
	if header := escape.Line(src.header(rng.Start.Byte)); header != "" {
		out.Snippet.Context = &header
	}
	return out
}
