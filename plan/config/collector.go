package config

import (
	"cmp"
	"fmt"
	"slices"
	"strings"
	"unicode"
	"unicode/utf8"

	"github.com/hashicorp/hcl/v2"
)

// collector gathers what is wrong, and the texts that it is wrong in.
type collector struct {
	diags   hcl.Diagnostics
	sources map[string]*source
	hints   int // names that were looked through for one that may be meant
	layouts []*layout
}

// maxMistakes is how many diagnostics there can be. Whoever has more does not read them.
const maxMistakes = 20_000

// tooManyMistakes is the value of a panic that ends a Load.
type tooManyMistakes struct{}

func newCollector() *collector { return &collector{sources: map[string]*source{}, layouts: layouts} }

// errorf adds an error. A nil subject is one without a place in a file. The
// detail is one or more sentences; it may be empty.
func (r *collector) errorf(subject *hcl.Range, summary, detail string, args ...any) {
	r.addf(hcl.DiagError, subject, summary, detail, args)
}

// warnf is errorf for what does not keep the configuration from being used.
func (r *collector) warnf(subject *hcl.Range, summary, detail string, args ...any) {
	r.addf(hcl.DiagWarning, subject, summary, detail, args)
}

func (r *collector) addf(severity hcl.DiagnosticSeverity, subject *hcl.Range, summary, detail string, args []any) {
	if len(args) > 0 {
		detail = fmt.Sprintf(detail, args...)
	}
	r.add(&hcl.Diagnostic{Severity: severity, Summary: summary, Detail: detail, Subject: subject})
}

// add takes diagnostics of the HCL library too and brings them into our form.
// Their expression and its values are dropped, so that no writer can print them.
func (r *collector) add(diags ...*hcl.Diagnostic) {
	for _, d := range diags {
		if len(r.diags) >= maxMistakes {
			panic(tooManyMistakes{})
		}
		c := *d
		c.Summary = lowerFirst(strings.Replace(clipped(c.Summary, maxSummary), "seperator", "separator", 1))
		c.Detail = clipped(c.Detail, maxDetail)
		c.Expression, c.EvalContext, c.Extra, c.Context = nil, nil, nil, nil
		if c.Subject != nil {
			c.Subject = r.bound(*c.Subject)
		}
		r.diags = append(r.diags, &c)
	}
}

// How much of a message is shown. The library quotes values of any length.
const (
	maxSummary = 300   // bytes
	maxDetail  = 4_000 // bytes
)

// clipped cuts a long text.
func clipped(s string, most int) string {
	if len(s) <= most {
		return s
	}
	end := most
	for end > 0 && !utf8.RuneStart(s[end]) {
		end--
	}
	return s[:end] + "…"
}

// hint is didYouMean for names of which there may be any number.
func (r *collector) hint(name, otherwise string, known []string) string {
	const most = 2_000_000
	if r.hints += len(known); r.hints > most {
		return otherwise
	}
	return didYouMean(name, otherwise, known...)
}

// addFaults reports what is wrong with a file as a text. The parser's details
// may quote it, so they are withheld where it must not be shown.
func (r *collector) addFaults(f *file) {
	for _, d := range f.diags {
		if d.Subject != nil && f.hidden(d.Subject.Start.Byte) {
			c := *d
			c.Detail = "The details are withheld, because this may be the value of a sensitive variable."
			d = &c
		} else if text := f.at(d.Subject); isVersion(text) {
			c := *d
			c.Summary, c.Detail = "a version stands in quotes", fmt.Sprintf("Write %q: without quotes it would be a number, and it is none.", text)
			d = &c
		}
		r.add(d)
	}
}

// isVersion reports whether text is several numbers with dots between.
func isVersion(text string) bool {
	return strings.Count(text, ".") > 1 && strings.Trim(text, "0123456789.") == "" && text[0] != '.'
}

// bound keeps a range inside its file. Those of expressions in JSON strings are
// estimates.
func (r *collector) bound(rng hcl.Range) *hcl.Range {
	if src, ok := r.sources[rng.Filename]; ok {
		sp := src.clamp(rng)
		rng.Start.Byte, rng.End.Byte = sp.start, sp.end
	}
	return &rng
}

func (r *collector) hasErrors() bool { return r.diags.HasErrors() }

// finish returns everything in the order of the files, each mistake once.
func (r *collector) finish() *Diagnostics {
	for _, s := range r.sources {
		s.seal()
	}
	type key struct {
		severity        hcl.DiagnosticSeverity
		summary, detail string
		subject         hcl.Range
	}
	seen := map[key]bool{}
	diags := slices.DeleteFunc(r.diags, func(d *hcl.Diagnostic) bool {
		k := key{d.Severity, d.Summary, d.Detail, subject(d)}
		dup := seen[k]
		seen[k] = true
		return dup
	})
	slices.SortStableFunc(diags, func(a, b *hcl.Diagnostic) int {
		x, y := subject(a), subject(b)
		return cmp.Or(
			strings.Compare(x.Filename, y.Filename),
			cmp.Compare(x.Start.Byte, y.Start.Byte),
			cmp.Compare(x.End.Byte, y.End.Byte),
			strings.Compare(a.Summary, b.Summary),
		)
	})
	return &Diagnostics{All: diags, sources: r.sources}
}

func subject(d *hcl.Diagnostic) hcl.Range {
	if d.Subject == nil {
		return hcl.Range{}
	}
	return *d.Subject
}

// lowerFirst turns the library's headings into ours; "JSON" stays as it is.
func lowerFirst(s string) string {
	first, size := utf8.DecodeRuneInString(s)
	if second, _ := utf8.DecodeRuneInString(s[size:]); unicode.IsUpper(second) {
		return s
	}
	return string(unicode.ToLower(first)) + s[size:]
}

// sentence makes an error's text one.
func sentence(s string) string {
	first, size := utf8.DecodeRuneInString(s)
	return string(unicode.ToUpper(first)) + s[size:] + "."
}

// lineOf names a place in words.
func lineOf(rng hcl.Range) string { return fmt.Sprintf("%s line %d", rng.Filename, rng.Start.Line) }
