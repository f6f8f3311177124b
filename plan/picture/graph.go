package picture

import (
	"fmt"
	"slices"
	"strings"
)

// Box is one action of a graph.
type Box struct {
	ID     string
	After  []string // IDs of boxes that stand before it in the list
	Column string   // of the node that it is about
	Text   string
	Strong bool // it moves MASTER
}

// Chart is a graph from top to bottom, one column a node.
type Chart struct {
	ID, Title, Desc string
	Columns         []string // from left to right
	Boxes           []Box
}

// Measures of a graph, in pixels.
const (
	boxW   = 290.0
	boxH   = 42.0
	rowH   = 64.0
	colGap = 46.0
	headH  = 44.0
)

// Graph draws every action in the column of its node, and below each other what
// comes after each other.
func Graph(g Chart) string {
	rows := layers(g)
	last := maxOf(rows)
	width := colGap + float64(len(g.Columns))*(boxW+colGap)
	c := open(g.ID, g.Title, g.Desc, width, headH+float64(last+1)*rowH+10)
	for i, name := range g.Columns {
		c.text("p-name", "middle", colGap+float64(i)*(boxW+colGap)+boxW/2, 22, fit(name, boxW))
	}
	place := map[string]int{}
	for i, b := range g.Boxes {
		place[b.ID] = i
	}
	for i := range g.Boxes {
		for _, id := range reduced(g.Boxes, place, i) {
			c.edge(g, rows, place[id], i)
		}
	}
	for i, b := range g.Boxes {
		x, y := g.at(rows, i)
		c.box(b, i+1, x, y)
	}
	return c.close()
}

// layers gives every box the first row that is below all that it comes after and
// free in its column.
func layers(g Chart) []int {
	row := map[string]int{}
	used := map[string]bool{}
	rows := make([]int, len(g.Boxes))
	for i, b := range g.Boxes {
		at := 0
		for _, id := range b.After {
			at = max(at, row[id]+1)
		}
		for used[fmt.Sprint(b.Column, at)] {
			at++
		}
		used[fmt.Sprint(b.Column, at)] = true
		row[b.ID], rows[i] = at, at
	}
	return rows
}

// reduced leaves out of what a box comes after everything that another of them
// comes after anyway.
func reduced(boxes []Box, place map[string]int, i int) []string {
	var direct []string
	for _, id := range boxes[i].After {
		implied := slices.ContainsFunc(boxes[i].After, func(other string) bool {
			return other != id && reaches(boxes, place, place[other], id)
		})
		if !implied {
			direct = append(direct, id)
		}
	}
	return direct
}

// reaches reports whether the box at index i comes after the one with this ID.
func reaches(boxes []Box, place map[string]int, i int, id string) bool {
	seen := map[int]bool{}
	queue := []int{i}
	for len(queue) > 0 {
		k := queue[0]
		queue = queue[1:]
		for _, before := range boxes[k].After {
			if before == id {
				return true
			}
			if j := place[before]; !seen[j] {
				seen[j] = true
				queue = append(queue, j)
			}
		}
	}
	return false
}

// at is the upper left corner of a box.
func (g Chart) at(rows []int, i int) (x, y float64) {
	column := max(0, slices.Index(g.Columns, g.Boxes[i].Column))
	return colGap + float64(column)*(boxW+colGap), headH + float64(rows[i])*rowH
}

func (c *canvas) box(b Box, number int, x, y float64) {
	class := "p-box"
	if b.Strong {
		class = "p-strong"
	}
	c.rect(class, x, y, boxW, boxH)
	lines := wrap(fmt.Sprintf("%d  %s", number, b.Text), boxW-18, 2)
	for i, line := range lines {
		c.text("p-label", "start", x+9, y+boxH/2+4-float64(len(lines)-1)*7.5+float64(i)*15, line)
	}
}

// edge draws an arrow from the bottom of one box to the top of another. One that
// would run through boxes of its own column goes round them.
func (c *canvas) edge(g Chart, rows []int, from, to int) {
	x1, y1 := g.at(rows, from)
	x2, y2 := g.at(rows, to)
	x1, y1, x2 = x1+boxW/2, y1+boxH, x2+boxW/2
	switch {
	case x1 == x2 && rows[to] > rows[from]+1:
		side := x1 - boxW/2 - 14
		c.path("p-edge", fmt.Sprintf("M%s %sV%sH%sV%sH%sV%s", num(x1-24), num(y1), num(y1+8), num(side), num(y2-12), num(x2-24), num(y2-5)))
		x2 -= 24
	case x1 == x2:
		c.path("p-edge", fmt.Sprintf("M%s %sV%s", num(x1), num(y1), num(y2-5)))
	default: // down beside the column of the target, then to it
		lane := (x1 + x2) / 2
		if rows[to] == rows[from]+1 {
			c.path("p-edge", fmt.Sprintf("M%s %sV%sH%sV%s", num(x1), num(y1), num(y1+11), num(x2), num(y2-5)))
		} else {
			c.path("p-edge", fmt.Sprintf("M%s %sV%sH%sV%sH%sV%s", num(x1), num(y1), num(y1+11), num(lane), num(y2-11), num(x2), num(y2-5)))
		}
	}
	c.path("p-arrow", fmt.Sprintf("M%s %sl-4.5 -7h9z", num(x2), num(y2)))
}

// Words draws lines of text, for what is too large to be drawn. A line that begins
// with a space is about the one before it.
func Words(id, title string, lines []string) string {
	type row struct {
		x    float64
		text string
	}
	var rows []row
	for _, line := range lines {
		x := 24.0
		if strings.HasPrefix(line, " ") {
			x = 48
		}
		for _, part := range wrap(line, wide-24-x, 40) {
			rows = append(rows, row{x, part})
		}
	}
	c := open(id, title, strings.Join(lines, ". "), wide, 60+20*float64(len(rows)))
	c.text("p-name", "start", 24, 28, title)
	for i, r := range rows {
		c.text("p-label", "start", r.x, 58+20*float64(i), r.text)
	}
	return c.close()
}
