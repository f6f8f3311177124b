package config

import (
	"encoding/json"
	"io"

	"github.com/hashicorp/hcl/v2"
)

// The JSON form has the keys of "terraform validate -json", so that editors and
// pipelines that read the one can read the other.
type (
	jsonReport struct {
		FormatVersion string           `json:"format_version"`
		Valid         bool             `json:"valid"`
		ErrorCount    int              `json:"error_count"`
		WarningCount  int              `json:"warning_count"`
		Diagnostics   []jsonDiagnostic `json:"diagnostics"`
	}
	jsonDiagnostic struct {
		Severity string       `json:"severity"` // "error" or "warning"
		Summary  string       `json:"summary"`
		Detail   string       `json:"detail"`
		Range    *jsonRange   `json:"range,omitempty"`
		Snippet  *jsonSnippet `json:"snippet,omitempty"`
	}
	jsonRange struct {
		Filename string  `json:"filename"`
		Start    jsonPos `json:"start"`
		End      jsonPos `json:"end"`
	}
	jsonPos struct {
		Line   int `json:"line"`   // from 1
		Column int `json:"column"` // from 1, in characters as people see them
		Byte   int `json:"byte"`   // from 0
	}
	jsonSnippet struct {
		Context              *string  `json:"context"` // the block's header, or null
		Code                 string   `json:"code"`    // one line, as it may be shown
		StartLine            int      `json:"start_line"`
		HighlightStartOffset int      `json:"highlight_start_offset"` // into Code, in bytes
		HighlightEndOffset   int      `json:"highlight_end_offset"`
		Values               []string `json:"values"` // always empty: values are never printed
	}
)

// WriteJSON writes all diagnostics as one JSON document for programs.
func (d *Diagnostics) WriteJSON(w io.Writer) error {
	errors, warnings := d.Counts()
	out := jsonReport{
		FormatVersion: "1.0",
		Valid:         errors == 0,
		ErrorCount:    errors,
		WarningCount:  warnings,
		Diagnostics:   []jsonDiagnostic{},
	}
	for _, diag := range d.All {
		out.Diagnostics = append(out.Diagnostics, d.jsonDiagnostic(diag))
	}
	enc := json.NewEncoder(w)
	enc.SetEscapeHTML(false)
	enc.SetIndent("", "  ")
	return enc.Encode(out)
}

func (d *Diagnostics) jsonDiagnostic(diag *hcl.Diagnostic) jsonDiagnostic {
	out := jsonDiagnostic{Severity: "error", Summary: diag.Summary, Detail: diag.Detail}
	if diag.Severity == hcl.DiagWarning {
		out.Severity = "warning"
	}
	rng := diag.Subject
	if rng == nil {
		return out
	}
	out.Range = &jsonRange{rng.Filename, jsonPos(rng.Start), jsonPos(rng.End)}
	src := d.sources[rng.Filename]
	if src == nil || len(src.text) == 0 {
		return out
	}
	s := src.snippet(*rng)
	s.before, s.marked, s.after = s.fit(4 * unlimited)
	out.Snippet = &jsonSnippet{
		Code:                 s.before + s.marked + s.after,
		StartLine:            rng.Start.Line,
		HighlightStartOffset: len(s.before),
		HighlightEndOffset:   len(s.before) + len(s.marked),
		Values:               []string{},
	}
	if header := src.header(rng.Start.Byte); header != "" {
		out.Snippet.Context = &header
	}
	return out
}
