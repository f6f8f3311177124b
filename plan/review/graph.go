package review

import (
	"fmt"
	"slices"
	"strings"

	"zup/plan"
	"zup/plan/escape"
	"zup/plan/picture"
	"zup/plan/show"
)

// mostBoxes is how many actions a drawn graph may have: more of them nobody can
// follow with a finger.
const mostBoxes = 160

// Graph draws the order of a plan's actions as SVG, a file of its own. What is too
// much to be drawn is said in words.
func Graph(p *plan.Plan) string {
	if len(p.Actions) > mostBoxes {
		return picture.Standalone(picture.Words("graph", title(p), inWords(p)))
	}
	several := len(busy(p)) > 1
	g := picture.Chart{ID: "graph", Title: title(p), Desc: strings.Join(inWords(p), ". ")}
	for _, c := range busy(p) {
		prefix := ""
		if several {
			prefix = escape.Name(c.Name) + ": "
		}
		both := prefix + "both nodes"
		if len(c.Nodes) == 1 {
			both = prefix + escape.Name(c.Nodes[0].Name)
		} else {
			g.Columns = append(g.Columns, both)
		}
		for i := range c.Nodes {
			g.Columns = append(g.Columns, prefix+escape.Name(c.Nodes[i].Name))
		}
		for _, a := range p.Branch(c.Name) {
			column := prefix + escape.Name(a.Node)
			if a.Node == "" {
				column = both
			}
			text := escape.Line(a.Title)
			if a.Here() {
				text = "[here] " + text // first: what does not fit is cut at the end
			}
			g.Boxes = append(g.Boxes, picture.Box{ID: a.ID, After: a.After, Column: column, Text: text, Strong: a.Impact != plan.None})
		}
	}
	return picture.Standalone(picture.Graph(g))
}

// inWords says what a graph would show: which clusters have actions of the same
// kinds in the same order, and what those are.
func inWords(p *plan.Plan) []string {
	var order []string
	alike := map[string][]*plan.Cluster{}
	for _, c := range busy(p) {
		shape := shapeOf(p.Branch(c.Name))
		if alike[shape] == nil {
			order = append(order, shape)
		}
		alike[shape] = append(alike[shape], c)
	}
	slices.SortStableFunc(order, func(a, b string) int { return len(alike[b]) - len(alike[a]) })
	var lines []string
	for _, shape := range order {
		c := alike[shape]
		actions := p.Branch(c[0].Name)
		lines = append(lines, fmt.Sprintf("%s, each with %s in the same order, about %s, users interrupted %s: %s",
			show.Plural(len(c), "cluster", "clusters"), show.Plural(len(actions), "action", "actions"),
			show.Seconds(plan.Estimate(values(actions))), show.Interrupted(c[0]), names(c)))
		lines = append(lines, "    "+strings.ReplaceAll(shape, " ", " → "))
	}
	if len(p.Actions) > mostBoxes {
		lines = append(lines, "", "One cluster is drawn action by action: zup plan -target NAME -out FILE, then zup graph -type svg FILE")
	}
	return lines
}

// shapeOf is the kinds of actions in their order.
func shapeOf(actions []*plan.Action) string {
	kinds := make([]string, len(actions))
	for i, a := range actions {
		kinds[i] = escape.Name(a.Kind)
		if a.Here() {
			kinds[i] += "(here)"
		}
	}
	return strings.Join(kinds, " ")
}

func names(all []*plan.Cluster) string {
	const most = 8
	var some []string
	for _, c := range all[:min(len(all), most)] {
		some = append(some, escape.Name(c.Name))
	}
	text := strings.Join(some, ", ")
	if more := len(all) - most; more > 0 {
		text += fmt.Sprintf(" and %d more", more)
	}
	return text
}
