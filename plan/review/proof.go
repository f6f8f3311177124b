package review

import (
	"errors"
	"slices"

	"zup/plan"
	"zup/plan/document"
	"zup/plan/show"
)

// Proof adds to a plan's document what came of making it again, as plan.Prove says it.
// What is not proven comes before everything else.
func Proof(d *document.Document, p *plan.Plan, err error) {
	var altered *plan.AlteredError
	switch {
	case err == nil:
		addFact(d, document.Fact{Label: "Proven", Tone: document.Good, Text: show.Proven(p)})
		return
	case errors.As(err, &altered):
		d.Verdict = document.Note{Tone: document.Bad, Word: "Altered", Text: "This plan is not what zup makes of its configuration and its facts. Neither zup approve nor zup apply takes it."}
	default:
		d.Verdict = document.Note{Tone: document.Bad, Word: "Not proven", Text: err.Error() + "."}
		return
	}
	t := document.Table{Caption: "What is not as zup makes it", Head: []string{"Where", "What"}}
	for _, diff := range altered.Differences {
		for _, what := range diff.What {
			t.Rows = append(t.Rows, []document.Cell{{Text: diff.Where, Exact: true}, {Text: what, Exact: true}})
		}
	}
	d.Sections = slices.Insert(d.Sections, 0, document.Section{ID: "altered", Title: "This plan was altered", Blocks: []document.Block{t}})
}

// addFact adds a line to the facts of the first section.
func addFact(d *document.Document, f document.Fact) {
	if len(d.Sections) == 0 {
		return
	}
	if facts, ok := d.Sections[0].Blocks[0].(document.Facts); ok {
		d.Sections[0].Blocks[0] = append(facts, f)
	}
}
