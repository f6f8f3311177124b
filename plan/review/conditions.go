package review

import (
	"fmt"

	"zup/plan"
	"zup/plan/approval"
	"zup/plan/document"
	"zup/plan/escape"
	"zup/plan/show"
)

// conditions are approval, windows, freezes and rules of the house.
func conditions(p *plan.Plan, signed *approval.Verdict) []document.Block {
	f := document.Facts{{Label: "Approval", Text: "none is required"}}
	if a := p.Approval; a != nil {
		f[0].Text = fmt.Sprintf("%s of those in %s; the author %s", show.Plural(a.Required, "signature", "different signatures"), escape.Name(a.Signers.Path), mayApprove(a))
		f = append(f, document.Fact{Label: "Signers' digest", Text: a.Signers.SHA256, Exact: true})
		f = append(f, votes(signed)...)
	}
	if len(p.Windows) == 0 {
		f = append(f, document.Fact{Label: "Windows", Text: "none is set: at any time"})
	}
	for _, w := range p.Windows {
		f = append(f, document.Fact{Label: "Window " + w.Name, Text: fmt.Sprintf("%s from %s (%s) for %s", show.Names(w.Days, ", "), escape.Name(w.Start), escape.Name(w.Timezone), show.Seconds(int(w.DurationS)))})
	}
	for _, z := range p.Freezes {
		f = append(f, document.Fact{Label: "Freeze " + z.Name, Tone: document.Notice, Text: "not from " + clock(z.From) + " until " + clock(z.To)})
	}
	if p.NotAfter != "" {
		f = append(f, document.Fact{Label: "Expires", Text: clock(p.NotAfter)})
	}
	f = append(f, document.Fact{Label: "Carried out once", Text: show.Once(p)})
	blocks := []document.Block{f}
	if len(p.Rules) > 0 {
		blocks = append(blocks, rules(p))
	}
	return blocks
}

// votes are the signatures that are beside the plan, if anybody has looked.
func votes(signed *approval.Verdict) document.Facts {
	if signed == nil {
		return nil
	}
	count := document.Fact{Label: "Approved by now", Text: fmt.Sprintf("%d of %d", signed.Counted(), signed.Required), Tone: document.Notice}
	if signed.Enough() {
		count.Tone = document.Good
	}
	f := document.Facts{count}
	for _, v := range show.Votes(signed) {
		f = append(f, document.Fact{Label: v.Label, Text: v.Text})
	}
	return f
}

func mayApprove(a *plan.Approval) string {
	if a.AuthorMayApprove {
		return "may be one of them"
	}
	return "does not count"
}

// rules is what the rules of the house say about this plan.
func rules(p *plan.Plan) document.Table {
	t := document.Table{Caption: "Rules of the house", Head: []string{"Rule", "Result", "Level", "Message", "Condition"}}
	for _, r := range p.Rules {
		result, detail := statusCell(r.Status), r.Message
		if because, ok := waived(p, r.Name); ok && r.Status != plan.Passed {
			result, detail = document.Cell{Text: "waived", Tone: document.Notice}, detail+"; waived because: "+because
		}
		if r.Detail != "" {
			detail += "; " + r.Detail
		}
		t.Rows = append(t.Rows, []document.Cell{{Text: escape.Name(r.Name)}, result, {Text: escape.Name(r.Level)}, {Text: detail}, {Text: escape.Exact(r.Condition), Exact: true}})
	}
	return t
}

func waived(p *plan.Plan, name string) (because string, ok bool) {
	for _, w := range p.Waivers {
		if w.Name == name {
			return w.Because, true
		}
	}
	return "", false
}

func statusCell(s plan.Status) document.Cell {
	switch s {
	case plan.Passed:
		return document.Cell{Text: "passed", Tone: document.Good}
	case plan.Failed:
		return document.Cell{Text: "failed", Tone: document.Bad}
	case plan.Error:
		return document.Cell{Text: "could not be made", Tone: document.Notice}
	}
	return document.Cell{Text: "skipped"}
}

// checks are what failed, could not be made, was waived or skipped, and folded what
// passed.
func checks(p *plan.Plan) []document.Block {
	var blocks []document.Block
	open := document.Table{Caption: "Checks that did not pass", Head: []string{"Check", "Result", "Detail"}}
	passed := document.Table{Caption: "Checks that passed", Head: []string{"Check", "Result", "Detail"}}
	for i := range p.Clusters {
		c := &p.Clusters[i]
		for _, ch := range c.Checks {
			row := []document.Cell{{Text: escape.Name(ch.ID)}, statusCell(ch.Status), {Text: ch.Detail}}
			because, ok := waived(p, ch.ID)
			switch {
			case ch.Status == plan.Passed:
				passed.Rows = append(passed.Rows, row)
				continue
			case ok:
				row[1], row[2].Text = document.Cell{Text: "waived", Tone: document.Notice}, ch.Detail+"; waived because: "+because
			}
			open.Rows = append(open.Rows, row)
		}
	}
	if len(open.Rows) > 0 {
		blocks = append(blocks, open)
	} else if len(passed.Rows) > 0 {
		blocks = append(blocks, document.Text("Every check passed."))
	}
	if len(passed.Rows) > 0 {
		blocks = append(blocks, document.Fold{Title: show.Plural(len(passed.Rows), "check", "checks") + " passed", Rank: rankChecks, Blocks: []document.Block{passed}})
	}
	return blocks
}

// files is the configuration that was planned, and how facts are read.
func files(p *plan.Plan) []document.Block {
	t := document.Table{Caption: "Files of the configuration", Head: []string{"File", "SHA-256"}}
	var texts []document.Block
	for _, f := range p.Config.Files {
		t.Rows = append(t.Rows, []document.Cell{{Text: f.Path, Exact: true}, {Text: f.SHA256, Exact: true}})
		texts = append(texts, document.Code{Label: escape.Name(f.Path), Text: f.Text, Read: true})
	}
	blocks := []document.Block{t, document.Fold{Title: "The text of the configuration", Rank: rankFiles, Blocks: texts}}
	for _, product := range p.Products {
		blocks = append(blocks, document.Fold{Title: "The script that reads the facts of " + escape.Name(product.Name), Rank: rankFacts, Blocks: []document.Block{
			document.Code{Label: "It changes nothing", Text: product.Facts},
		}})
	}
	return blocks
}

// sign is room for as many signatures as the plan needs.
func sign(p *plan.Plan) []document.Block {
	s := document.Sign{Head: []string{"Role", "Name", "Date", "Signature"}}
	s.Rows = append(s.Rows, []string{"Planned by", escape.Name(p.Author), "", ""})
	n := 1
	if p.Approval != nil {
		n = min(max(n, p.Approval.Required), 8)
	}
	for range n {
		s.Rows = append(s.Rows, []string{"Approved by", "", "", ""})
	}
	s.Rows = append(s.Rows, []string{"Applied by", "", "", ""})
	blocks := []document.Block{document.Text("By hand, for plan " + escape.Name(p.PlanID) + ".")}
	if p.Approval != nil {
		blocks = append(blocks, document.Text("What counts for zup apply is not the paper: it takes the signatures beside the plan file, over the plan's bytes."))
	}
	return append(blocks, s)
}
