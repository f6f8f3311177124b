package picture

import (
	"fmt"
	"strings"

	"zup/plan/escape"
)

// Timeline is a change from left to right. Times are seconds since it began.
type Timeline struct {
	ID    string // unique in its page
	Title string
	Desc  string // all of it in words
	End   float64
	Lanes []Lane
	Marks []Mark
}

// Lane is one node.
type Lane struct {
	Name  string
	Roles []Span // what it is to users, one after the other
	Work  []Span // what is done on it
}

// Kind is what a span shows.
type Kind int

// The kinds of spans.
const (
	Serves Kind = iota // users are answered by this node
	StandsBy
	Out    // it could not take over
	Nobody // nobody serves
	Work
	Failed // work that failed
)

// Span is a stretch of time of a lane.
type Span struct {
	From, To float64
	Kind     Kind
	Label    string // written where there is room
}

// Mark is a moment that everybody has to know: MASTER moves.
type Mark struct {
	At    float64
	Label string
}

// Measures of a timeline, in pixels.
const (
	wide    = 960.0
	gutter  = 118.0
	margin  = 22.0
	roleH   = 28.0
	workH   = 9.0
	laneGap = 22.0
	markH   = 17.0
)

// scale turns seconds into a place from left to right.
type scale struct{ end float64 }

func (s scale) x(t float64) float64 {
	return gutter + (wide-gutter-margin)*min(max(t, 0), s.end)/max(s.end, 0.001)
}

// Course draws who serves, who is out and what is worked on, one lane a node, with
// the moments at which MASTER moves.
func Course(t Timeline) string {
	s := scale{max(t.End, 1)}
	rows := markRows(t.Marks, s)
	top := 14 + markH*float64(1+maxOf(rows))
	bottom := top + float64(len(t.Lanes))*(roleH+workH+laneGap)
	c := open(t.ID, t.Title, t.Desc, wide, bottom+58)
	c.hatch()
	c.axis(s, top-4, bottom)
	for i, l := range t.Lanes {
		c.lane(l, s, top+float64(i)*(roleH+workH+laneGap))
	}
	c.marks(t.Marks, rows, s, bottom)
	c.legend(bottom + 44)
	return c.close()
}

func (c *canvas) lane(l Lane, s scale, y float64) {
	c.text("p-name", "end", gutter-10, y+roleH/2+4, fit(l.Name, gutter-14))
	for _, r := range l.Roles {
		c.role(r, s, y)
	}
	for _, w := range l.Work {
		class := "p-work"
		if w.Kind == Failed {
			class = "p-failed"
		}
		x := s.x(w.From)
		c.rect(class, x, y+roleH+3, max(s.x(w.To)-x-1, 2), workH)
		if w.Kind == Failed {
			c.text("p-small p-name p-halo", "start", x, y+roleH+workH+15, "✗ failed")
		}
	}
}

func (c *canvas) role(r Span, s scale, y float64) {
	x, w := s.x(r.From), s.x(r.To)-s.x(r.From)
	label := "p-small"
	switch r.Kind {
	case Serves:
		c.rect("p-serve", x, y, w-1, roleH)
		label = "p-on"
	case StandsBy:
		c.rect("p-stand", x, y+6, w-1, roleH-12)
	default:
		c.hatched(x, y+3, w-1, roleH-6)
		label = "p-name p-halo"
	}
	if r.Label != "" && span(r.Label)+10 < w {
		c.text(label, "middle", x+w/2, y+roleH/2+4, r.Label)
	}
}

func (c *canvas) axis(s scale, top, bottom float64) {
	step := tick(s.end)
	for t := 0.0; t <= s.end; t += step {
		c.line("p-axis", s.x(t), top, s.x(t), bottom)
		anchor := "middle"
		if t == 0 {
			anchor = "start"
		}
		c.text("p-small", anchor, s.x(t), bottom+15, clock(t))
	}
}

// tick is the distance of the lines of the axis.
func tick(end float64) float64 {
	for _, step := range []float64{1, 2, 5, 10, 15, 30, 60, 120, 300, 600, 900, 1800, 3600, 7200} {
		if end/step <= 10 {
			return step
		}
	}
	return end / 8
}

// clock writes a time since the beginning: "45 s", "3 min", "1:30 min", "1 h 05".
func clock(t float64) string {
	s := int(t)
	switch {
	case s == 0:
		return "start"
	case s < 60:
		return fmt.Sprintf("%d s", s)
	case s < 3600 && s%60 == 0:
		return fmt.Sprintf("%d min", s/60)
	case s < 3600:
		return fmt.Sprintf("%d:%02d min", s/60, s%60)
	}
	return fmt.Sprintf("%d h %02d", s/3600, s/60%60)
}

// markRows gives every mark a row for its label so that no two overlap.
func markRows(marks []Mark, s scale) []int {
	rows := make([]int, len(marks))
	var ends []float64
	for i, m := range marks {
		from := labelStart(m, s)
		row := 0
		for row < len(ends) && ends[row] > from-10 {
			row++
		}
		if row == len(ends) {
			ends = append(ends, 0)
		}
		ends[row], rows[i] = from+bold(m.Label), row
	}
	return rows
}

func labelStart(m Mark, s scale) float64 {
	return max(4, min(s.x(m.At)-4, wide-6-bold(m.Label)))
}

func maxOf(rows []int) int {
	most := 0
	for _, r := range rows {
		most = max(most, r)
	}
	return most
}

func (c *canvas) marks(marks []Mark, rows []int, s scale, bottom float64) {
	for i, m := range marks {
		y := 14 + markH*float64(rows[i])
		c.line("p-mark", s.x(m.At), y+4, s.x(m.At), bottom)
		c.text("p-name p-halo", "start", labelStart(m, s), y, m.Label)
	}
}

// legend says what the shapes mean.
func (c *canvas) legend(y float64) {
	x := gutter
	for _, entry := range []struct{ shape, text string }{
		{"serve", "serves"}, {"stand", "stands by"}, {"out", "out: could not take over"}, {"work", "work on the node"}, {"mark", "MASTER moves"},
	} {
		switch entry.shape {
		case "serve":
			c.rect("p-serve", x, y-10, 22, 12)
		case "stand":
			c.rect("p-stand", x, y-8, 22, 8)
		case "out":
			c.hatched(x, y-10, 22, 12)
		case "work":
			c.rect("p-work", x, y-8, 22, 7)
		default:
			c.line("p-mark", x+11, y-11, x+11, y+3)
		}
		c.text("p-small", "start", x+28, y, entry.text)
		x += 28 + span(entry.text) + 24
	}
}

// Gantt is the same for a reader who draws Mermaid: one section a node, what is
// worked on there, and the moments at which MASTER moves.
func Gantt(t Timeline) string {
	var b strings.Builder
	fmt.Fprintf(&b, "gantt\n    title %s\n    dateFormat X\n    axisFormat %%M:%%S\n", ganttText(t.Title))
	for _, l := range t.Lanes {
		fmt.Fprintf(&b, "    section %s\n", ganttText(l.Name))
		for _, r := range l.Roles {
			tag := map[Kind]string{Serves: "active, ", Out: "crit, ", Nobody: "crit, "}[r.Kind]
			fmt.Fprintf(&b, "    %s :%s%d, %d\n", ganttText(r.Label), tag, int(r.From), max(int(r.To), int(r.From)+1))
		}
	}
	if len(t.Marks) > 0 {
		fmt.Fprint(&b, "    section MASTER moves\n")
	}
	for _, m := range t.Marks {
		fmt.Fprintf(&b, "    %s :milestone, %d, 0\n", ganttText(m.Label), int(m.At))
	}
	return b.String()
}

// ganttText keeps what means nothing in Mermaid's language.
func ganttText(s string) string {
	return strings.Map(func(r rune) rune {
		if strings.ContainsRune(":;#,%<>\"`{}[]()|", r) {
			return ' '
		}
		return r
	}, escape.Line(s))
}
