package show

import (
	"fmt"
	"io"
	"strings"

	"github.com/fatih/color"

	"zup/plan/document"
	"zup/plan/escape"
)

// Document writes a document as text. What is folded elsewhere comes with
// Options.Verbose.
func Document(w io.Writer, d *document.Document, o Options) error {
	p := newPrinter(w, o)
	t := &texts{p, o.Verbose}
	p.line("%s", p.style(bold, escape.Line(d.Title)))
	t.note(d.Verdict, 0)
	for _, s := range d.Sections {
		if s.ID == "sign" {
			continue // nobody signs a terminal
		}
		p.line("")
		p.line("%s", p.style(bold, escape.Line(s.Title)))
		t.blocks(s.Blocks)
	}
	p.line("")
	p.indented(0, faint, escape.Line(d.Foot))
	return p.err
}

// texts writes the blocks of a document.
type texts struct {
	*printer
	verbose bool
}

func (t *texts) blocks(all []document.Block) {
	for _, b := range all {
		switch b := b.(type) {
		case document.Text:
			t.indented(2, nil, escape.Line(string(b)))
		case document.Heading:
			t.line("  %s", t.style(bold, escape.Line(b.Title)))
		case document.Notes:
			for _, n := range b {
				t.note(n, 2)
			}
		case document.Facts:
			t.facts(b)
		case document.Table:
			t.table(b.Head, b.Rows)
		case document.Figure:
			for _, line := range b.Words {
				t.indented(2, nil, escape.Line(line))
			}
		case document.Steps:
			t.steps(b)
		case document.Fold:
			t.fold(b)
		case document.Code:
			t.code(b)
		case document.List:
			t.list(b)
		}
	}
}

func toneStyle(tone document.Tone) []color.Attribute {
	return map[document.Tone][]color.Attribute{document.Good: good, document.Notice: notice, document.Bad: bad}[tone]
}

func (t *texts) note(n document.Note, left int) {
	for i, line := range wrap(strings.TrimSpace(n.Word+": "+escape.Line(n.Text)), t.width-left) {
		if rest, ok := strings.CutPrefix(line, n.Word); ok && i == 0 {
			t.line("%s%s%s", strings.Repeat(" ", left), t.style(toneStyle(n.Tone), n.Word), rest)
			continue
		}
		t.line("%s%s", strings.Repeat(" ", left), line)
	}
}

func (t *texts) facts(all document.Facts) {
	for _, f := range all {
		label := escape.Line(f.Label)
		if escape.Width(label) > 14 {
			t.line("  %s", t.style(toneStyle(f.Tone), label))
			t.indented(4, nil, shown(f.Text, f.Exact))
			continue
		}
		t.labelled(label, toneStyle(f.Tone), shown(f.Text, f.Exact))
	}
}

// shown is the text of a fact or a cell.
func shown(text string, exact bool) string {
	if exact {
		return escape.Name(text)
	}
	return escape.Line(text)
}

// table writes columns as wide as they must be; the widest gives way.
func (t *texts) table(head []string, rows [][]document.Cell) {
	widths := make([]int, len(head))
	measure := func(i int, s string) { widths[i] = max(widths[i], escape.Width(s)) }
	for i, h := range head {
		measure(i, escape.Line(h))
	}
	for _, row := range rows {
		for i, c := range row {
			measure(i, shown(c.Text, c.Exact))
		}
	}
	shrink(widths, t.width-2-2*(len(head)-1))
	cells := make([]document.Cell, len(head))
	for i, h := range head {
		cells[i] = document.Cell{Text: h}
	}
	t.row(cells, widths, bold)
	for _, row := range rows {
		t.row(row, widths, nil)
	}
}

// shrink takes columns from the widest until all fit.
func shrink(widths []int, room int) {
	for {
		total, widest := 0, 0
		for i, w := range widths {
			total += w
			if w > widths[widest] {
				widest = i
			}
		}
		if total <= room || widths[widest] <= 8 {
			return
		}
		widths[widest]--
	}
}

func (t *texts) row(cells []document.Cell, widths []int, style []color.Attribute) {
	lines := make([][]string, len(cells))
	most := 0
	for i, c := range cells {
		lines[i] = wrap(shown(c.Text, c.Exact), widths[i])
		most = max(most, len(lines[i]))
	}
	for k := range most {
		var b strings.Builder
		for i := range cells {
			text := ""
			if k < len(lines[i]) {
				text = lines[i][k]
			}
			s := style
			if s == nil {
				s = toneStyle(cells[i].Tone)
			}
			b.WriteString("  " + t.style(s, text) + strings.Repeat(" ", max(0, widths[i]-escape.Width(text))))
		}
		t.line("%s", b.String())
	}
}

func (t *texts) steps(s document.Steps) {
	head := append([]string{"No.", "Node", "Action"}, s.Head...)
	rows := make([][]document.Cell, len(s.List))
	for i, step := range s.List {
		what := step.Title
		if step.Badge.Word != "" {
			what += " [" + step.Badge.Word + "]"
		}
		rows[i] = append([]document.Cell{{Text: fmt.Sprintf("%d%s", step.Number, step.Mark)}, {Text: step.Node}, {Text: what, Tone: step.Badge.Tone}}, step.Values...)
	}
	t.table(head, rows)
	if !t.verbose {
		return
	}
	for _, step := range s.List {
		t.line("")
		t.line("  %d. %s: %s", step.Number, escape.Line(step.Node), escape.Line(step.Title))
		t.blocks(step.Fold)
	}
}

func (t *texts) fold(f document.Fold) {
	if !t.verbose {
		return
	}
	t.line("  %s", t.style(bold, escape.Line(f.Title)))
	t.blocks(f.Blocks)
}

func (t *texts) code(c document.Code) {
	if c.Label != "" {
		t.line("  %s", escape.Line(c.Label))
	}
	if c.Read {
		t.rows(2, strings.TrimRight(escape.Text(c.Text), "\n"))
		return
	}
	t.exactly(2, c.Text)
}

func (t *texts) list(l document.List) {
	if l.Label != "" {
		t.indented(2, nil, escape.Line(l.Label))
	}
	for _, item := range l.Items {
		t.indented(4, nil, escape.Line(item))
	}
}
