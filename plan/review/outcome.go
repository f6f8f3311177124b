package review

import (
	"fmt"
	"slices"
	"strings"
	"unicode/utf8"

	"zup/plan/config"
	"zup/plan/document"
	"zup/plan/escape"
	"zup/plan/stream"
)

// End is how a command that plans has ended.
type End struct {
	Code  int    // zup exits with it
	Means string // what that says, in a few words
	Rule  bool   // a rule has refused it
}

// Outcome puts into a document what zup plan has said besides its plan: warnings,
// refusals, mistakes in the configuration, and the error that it ended with. Where there
// is not a plan there is no document yet, and it makes one.
func Outcome(d *document.Document, said []stream.Diagnostic, end End) *document.Document {
	failed := slices.ContainsFunc(said, func(s stream.Diagnostic) bool { return s.Severity == config.Error })
	switch {
	case d == nil:
		d = unplanned(end)
	case failed:
		d.Verdict = document.Note{Tone: document.Bad, Word: "Refused", Text: "zup apply does not carry this plan out. No node was changed."}
	}
	var sections []document.Section
	more := 0
	for i, s := range said {
		if len(sections) == mostSaid && i < len(said)-1 {
			more++
			continue
		}
		if last := i == len(said)-1; last && i > 0 && s.ExitCode != 0 && s.Detail == "" { // it sums up what was said before
			d.Verdict.Text = sentence(clip(s.Summary, mostSummary))
			continue
		}
		sections = append(sections, sectionOf(s, i+1))
	}
	if more > 0 {
		sections = append(sections, document.Section{ID: "said-more", Title: fmt.Sprintf("And %d more", more), Blocks: []document.Block{document.Text(everything)}})
	}
	d.Sections = append(sections, d.Sections...)
	return d
}

// What the feet of changes and outcomes begin and end with, and of no other text.
const (
	footOfPlan  = "Plan "
	footOfBytes = ". The plan file has every byte that will be run; zup apply carries out exactly that, and refuses a file that was altered."
	footOfEnd   = "zup plan ended with exit code "
)

// IsComment reports whether a text is what document.Markdown makes of a change or of an
// outcome: nobody else writes their feet.
func IsComment(text []byte) bool {
	foot := document.MarkdownFoot(text)
	return strings.HasPrefix(foot, footOfPlan) && strings.HasSuffix(foot, footOfBytes) || strings.HasPrefix(foot, footOfEnd)
}

func unplanned(end End) *document.Document {
	d := &document.Document{
		Kind: "Change plan", Title: "There is no plan",
		Verdict: document.Note{Tone: document.Bad, Word: "No plan", Text: "No node was changed."},
		Whole:   everything,
		Foot:    fmt.Sprintf("%s%d: %s.", footOfEnd, end.Code, end.Means),
	}
	if end.Rule {
		d.Title, d.Verdict.Word = "A rule refuses to plan this", "Refused"
	}
	return d
}

// Limits of what is shown: of messages, and of one of them, in characters, so that the
// longest one fits into a comment.
const (
	mostSaid    = 200
	mostSummary = 300
	mostDetail  = 2000
)

const everything = "Standard error of zup plan has everything."

// sectionOf is one message, with where it belongs and what to do about it.
func sectionOf(s stream.Diagnostic, number int) document.Section {
	word := "Error"
	if s.Severity == config.Warning {
		word = "Warning"
	}
	for _, where := range []string{s.Cluster, s.Node} {
		if where != "" {
			word += ", " + where
		}
	}
	section := document.Section{ID: fmt.Sprintf("said-%d", number), Title: clip(word+": "+s.Summary, mostSummary)}
	if s.Range != nil {
		section.Blocks = append(section.Blocks, place(s)...)
	}
	for _, text := range []string{s.Detail, s.Hint} {
		switch text = clip(text, mostDetail); {
		case text == "":
		case strings.Contains(text, "\n"):
			section.Blocks = append(section.Blocks, document.Code{Text: text, Read: true})
		default:
			section.Blocks = append(section.Blocks, document.Text(text))
		}
	}
	return section
}

// place is where in the configuration something is, and the line itself.
func place(s stream.Diagnostic) []document.Block {
	text := fmt.Sprintf("On %s line %d", clip(s.Range.Filename, mostSummary), s.Range.Start.Line)
	if s.Snippet == nil {
		return []document.Block{document.Text(text)}
	}
	if in := s.Snippet.Context; in != nil {
		text += ", in " + clip(*in, mostSummary)
	}
	number := fmt.Sprintf("%4d: ", s.Snippet.StartLine)
	before, marked := s.Snippet.Code[:s.Snippet.HighlightStartOffset], s.Snippet.Code[s.Snippet.HighlightStartOffset:s.Snippet.HighlightEndOffset]
	carets := strings.Repeat(" ", len(number)+escape.Width(before)) + strings.Repeat("^", max(1, escape.Width(marked)))
	return []document.Block{document.Text(text + ":"), document.Code{Text: number + s.Snippet.Code + "\n" + carets, Read: true}}
}

// clip leaves out the end of what is too long, and says so.
func clip(s string, most int) string {
	n := utf8.RuneCountInString(s)
	if n <= most {
		return s
	}
	return fmt.Sprintf("%s … and %d more characters", string([]rune(s)[:most]), n-most)
}

func sentence(s string) string {
	for i, r := range s {
		return strings.ToUpper(string(r)) + strings.TrimRight(s[i+utf8.RuneLen(r):], ".") + "."
	}
	return s
}
