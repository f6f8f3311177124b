package show

import (
	"fmt"
	"strings"

	"github.com/fatih/color"

	"zup/plan"
	"zup/plan/escape"
)

// details writes everything that an action will run and compare, word for word.
func (p *printer) details(a *plan.Action, left int) {
	p.conditions(left, "requires", a.Requires)
	p.conditions(left, "until", a.Until)
	if a.Script != "" {
		p.script(left, "runs", a.Script)
	}
	if u := a.Upload; u != nil {
		p.line("%ssends %s, %d bytes", strings.Repeat(" ", left), escape.Name(u.From), u.Size)
		p.line("%s  to %s, by way of %s", strings.Repeat(" ", left), escape.Name(u.To), escape.Name(u.Part))
		p.line("%s  SHA-256 %s", strings.Repeat(" ", left), escape.Name(u.SHA256))
	}
	p.local(left, a)
	for _, q := range a.Prompts {
		p.line("%sanswers %s to %s, at most %s", strings.Repeat(" ", left), quoted(q.Answer), quoted(q.Match), Plural(q.Max, "time", "times"))
	}
	if len(a.Forbid) > 0 {
		p.line("%sfails when a line of output matches one of", strings.Repeat(" ", left))
		for _, f := range a.Forbid {
			p.line("%s  %s", strings.Repeat(" ", left), escape.Exact(f))
		}
	}
	if len(a.Judged) > 0 {
		p.line("%sand, unless all below holds within 3 s, when one matches one of", strings.Repeat(" ", left))
		for _, f := range a.Judged {
			p.line("%s  %s", strings.Repeat(" ", left), escape.Exact(f))
		}
	}
	p.conditions(left, fmt.Sprintf("done when, within %s,", Seconds(a.CheckS)), a.Check)
	for _, f := range a.Record {
		p.line("%sremembers %s of %s", strings.Repeat(" ", left), escape.Name(f.Fact), escape.Name(f.Node))
	}
	if a.AnswersMS > 0 {
		p.indented(left, nil, fmt.Sprintf("then every probe that answered before must answer within %s; if it fails, or they do not, this brings the role back, and the run stops", Milliseconds(float64(a.AnswersMS))))
		for _, s := range a.Back {
			p.script(left, fmt.Sprintf("on %s: %s", escape.Name(s.Node), escape.Line(s.Title)), s.Script)
			p.conditions(left, "left out where this holds already", s.Unless)
			p.conditions(left, fmt.Sprintf("done when, within %s,", Seconds(s.CheckS)), s.Check)
		}
	}
	for _, m := range a.Mentions {
		p.line("%sthe report names %s of %s unless it is %s", strings.Repeat(" ", left), escape.Name(m.Fact), escape.Name(m.Node), escape.Name(m.Unless))
	}
	if a.Undo != "" {
		p.script(left, "if it fails, undoes it with", a.Undo)
		p.conditions(left, "undone when", a.UndoCheck)
	}
	p.line("%sstops the run after %s", strings.Repeat(" ", left), Seconds(a.TimeoutS))
	p.line("")
}

func (p *printer) conditions(left int, label string, all []plan.Condition) {
	if len(all) == 0 {
		return
	}
	p.line("%s%s", strings.Repeat(" ", left), label)
	for _, c := range all {
		p.line("%s  %s", strings.Repeat(" ", left), escape.Exact(c.String()))
	}
}

func (p *printer) script(left int, label, script string) {
	p.line("%s%s", strings.Repeat(" ", left), label)
	p.exactly(left+2, script)
}

// exactly writes what is carried out.
func (p *printer) exactly(left int, text string) { p.rows(left, escape.Code(text)) }

// rows writes escaped text line by line. A line that is too long goes on behind an
// ellipsis, so that nothing of it is taken for anything else.
func (p *printer) rows(left int, text string) {
	first := strings.Repeat(" ", left) + "| "
	for line := range strings.SplitSeq(strings.TrimSuffix(text, "\n"), "\n") {
		rows := escape.Rows(line, p.most-len(first))
		p.line("%s%s", first, p.style(faint, rows[0]))
		for _, row := range rows[1:] {
			p.line("%s|…%s", first[:left], p.style(faint, row))
		}
	}
}

// quoted is a text that is compared or typed, in quotes.
func quoted(s string) string { return escape.Exact(fmt.Sprintf("%+q", s)) }

// appendix writes what belongs to no single action: how facts are read, and what
// was checked.
func (p *printer) appendix(pl *plan.Plan, busy []*plan.Cluster) {
	for _, c := range busy {
		p.line("")
		p.line("%s", p.style(bold, "Checks of "+escape.Name(c.Name)))
		for _, ch := range c.Checks {
			p.line("  %s %s  %s", p.style(statusStyle(ch.Status), escape.Pad(escape.Name(string(ch.Status)), 7)), escape.Name(strings.TrimPrefix(ch.ID, c.Name+".")), escape.Line(ch.Detail))
		}
	}
	for _, product := range pl.Products {
		p.line("")
		p.line("%s", p.style(bold, "The facts of "+escape.Name(product.Name)+" are read by"))
		p.exactly(2, product.Facts)
	}
}

func statusStyle(s plan.Status) []color.Attribute {
	switch s {
	case plan.Passed:
		return good
	case plan.Skipped:
		return faint
	case plan.Error:
		return notice
	}
	return bad
}
