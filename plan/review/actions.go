package review

import (
	"fmt"
	"strings"

	"zup/plan"
	"zup/plan/apply"
	"zup/plan/document"
	"zup/plan/escape"
	"zup/plan/shell"
	"zup/plan/show"
)

// actions are the steps of every cluster, with the exact commands folded.
func actions(p *plan.Plan) []document.Block {
	blocks := []document.Block{document.Text("The mark after the number: ~ changes something, ? looks and may stop the run, … waits. What an action requires is read again right before it; a time limit that passes stops the run and never goes on.")}
	all := busy(p)
	for i, c := range all {
		acts := p.Branch(c.Name)
		steps := stepsOf(c, acts)
		if len(all) < manyClusters {
			blocks = append(blocks, document.Heading{ID: fmt.Sprintf("actions%d", i+1), Title: escape.Name(c.Name)}, steps)
			continue
		}
		blocks = append(blocks, document.Fold{
			Title: escape.Name(c.Name) + ": " + show.What(c, values(acts)), Rank: rankCluster,
			Blocks: []document.Block{pictureOf(c, acts, fmt.Sprintf("course%d", i+1)), steps},
		})
	}
	return blocks
}

func stepsOf(c *plan.Cluster, acts []*plan.Action) document.Steps {
	s := document.Steps{Caption: "Actions of " + escape.Name(c.Name), Head: []string{"About"}, FoldAs: "Exact commands"}
	for i, a := range acts {
		step := stepOf(c, a, i+1)
		step.Values = []document.Cell{{Text: show.Seconds(a.EstimateS)}}
		step.Fold = exactly(a)
		s.List = append(s.List, step)
	}
	return s
}

func stepOf(c *plan.Cluster, a *plan.Action, number int) document.Step {
	mark, means := show.Glyph(a)
	return document.Step{Number: number, Mark: mark, Means: means, Node: show.Where(c, a), Title: a.Title, Reason: strings.Join(append([]string{a.Reason}, show.Packages(a)...), ". "), Badge: badge(a)}
}

func badge(a *plan.Action) document.Note {
	switch a.Impact {
	case plan.Switchover:
		return document.Note{Tone: document.Notice, Word: "switchover"}
	case plan.Outage:
		return document.Note{Tone: document.Bad, Word: "outage"}
	}
	return document.Note{}
}

// exactly is everything that an action runs and compares, word for word.
func exactly(a *plan.Action) []document.Block {
	var blocks []document.Block
	list := func(label string, conditions []plan.Condition) {
		if len(conditions) == 0 {
			return
		}
		items := make([]string, len(conditions))
		for i, c := range conditions {
			items[i] = escape.Exact(c.String())
		}
		blocks = append(blocks, document.List{Label: label, Items: items})
	}
	code := func(label, text string) {
		if text != "" {
			blocks = append(blocks, document.Code{Label: label, Text: text})
		}
	}
	list("Required, read again right before", a.Requires)
	list("Until this holds", a.Until)
	node := escape.Name(a.Node)
	if len(a.Packages) > 0 {
		blocks = append(blocks, packages(a))
	}
	code(fmt.Sprintf("Run on %s%s", node, detached(a)), a.Script)
	code("Run here, where zup runs, for "+node+", one argument a line", arguments(a.Argv))
	if len(a.Secrets) > 0 {
		blocks = append(blocks, document.Facts{{Label: "Gets the secrets", Text: escape.Name(strings.Join(a.Secrets, ", ")), Exact: true}})
	}
	if u := a.Upload; u != nil {
		blocks = append(blocks, document.Facts{
			{Label: "Sends", Text: u.From, Exact: true}, {Label: "To", Text: node + ":" + u.To, Exact: true},
			{Label: "Size", Text: fmt.Sprintf("%d bytes", u.Size)}, {Label: "SHA-256", Text: u.SHA256, Exact: true},
		})
	}
	blocks = append(blocks, watched(a)...)
	for _, proof := range a.Proof {
		must := "must name "
		if proof.Absent {
			must = "must not name "
		}
		code("Proof: what this, run here, prints "+must+escape.Exact(proof.Word), arguments(proof.Argv))
	}
	blocks = append(blocks, commandFiles(a)...)
	list(fmt.Sprintf("Done when, within %s", show.Seconds(a.CheckS)), a.Check)
	code("If it fails, it is undone with", a.Undo)
	list("Undone when", a.UndoCheck)
	blocks = append(blocks, stepsBack(a)...)
	return append(blocks, document.Text("Stops the run after "+show.Seconds(a.TimeoutS)+"."))
}

// packages is what an update does to packages.
func packages(a *plan.Action) document.Table {
	t := document.Table{Caption: "Packages, as the lists of " + escape.Name(a.Node) + " say", Head: []string{"Package", "Now", "Then"}}
	for _, c := range a.Packages {
		now, then := document.Cell{Text: c.From, Exact: true}, document.Cell{Text: c.To, Exact: true}
		if c.From == "" {
			now = document.Cell{Text: "not installed"}
		}
		if c.To == "" {
			then = document.Cell{Text: "removed", Tone: document.Notice}
		}
		t.Rows = append(t.Rows, []document.Cell{{Text: c.Name, Exact: true}, now, then})
	}
	return t
}

// commandFiles is what the commands of a local action name: what is compared right
// before they run, and what is not covered.
func commandFiles(a *plan.Action) []document.Block {
	if len(a.Files) == 0 {
		return nil
	}
	t := document.Table{Caption: "What the commands that run here are, and name", Head: []string{"File", "SHA-256, compared right before"}}
	for _, f := range a.Files {
		cell := document.Cell{Text: f.SHA256, Exact: true}
		if f.SHA256 == "" {
			cell = document.Cell{Text: "not covered: " + f.Uncovered, Tone: document.Notice}
		}
		t.Rows = append(t.Rows, []document.Cell{{Text: f.Path, Exact: true}, cell})
	}
	return []document.Block{t}
}

// arguments are those of a command, one a line.
func arguments(argv []string) string {
	lines := make([]string, len(argv))
	for i, arg := range argv {
		lines[i] = escape.Exact(arg)
	}
	return strings.Join(lines, "\n")
}

func detached(a *plan.Action) string {
	if a.Detached {
		return ", as a job of its own, exactly once"
	}
	return ""
}

// watched is what is answered, and what counts as a failure.
func watched(a *plan.Action) []document.Block {
	var blocks []document.Block
	if len(a.Prompts) > 0 {
		t := document.Table{Caption: "Questions that are answered", Head: []string{"Question", "Answer", "At most"}}
		for _, q := range a.Prompts {
			t.Rows = append(t.Rows, []document.Cell{{Text: escape.Exact(q.Match), Exact: true}, {Text: escape.Exact(q.Answer), Exact: true}, {Text: times(q.Max)}})
		}
		blocks = append(blocks, t)
	}
	if len(a.Forbid) > 0 {
		blocks = append(blocks, document.Code{Label: "Fails when a line of output matches one of", Text: arguments(a.Forbid)})
	}
	if len(a.Judged) > 0 {
		blocks = append(blocks, document.Code{Label: "Fails when one matches one of these and what it is done by does not hold within 3 s", Text: arguments(a.Judged)})
	}
	return blocks
}

func stepsBack(a *plan.Action) []document.Block {
	if len(a.Back) == 0 {
		return nil
	}
	blocks := []document.Block{document.Text(fmt.Sprintf("Then every probe that answered before must answer within %s. If it fails, or they do not, this brings the role back, and the run stops:", show.Milliseconds(float64(a.AnswersMS))))}
	for _, s := range a.Back {
		blocks = append(blocks, document.Code{Label: s.Title + ", on " + escape.Name(s.Node), Text: s.Script})
		var items []string
		for _, c := range s.Check {
			items = append(items, escape.Exact(c.String()))
		}
		blocks = append(blocks, document.List{Label: fmt.Sprintf("Done when, within %s", show.Seconds(s.CheckS)), Items: items})
	}
	return blocks
}

// back says for every cluster from where on there is no simple way back, and which
// ways there are.
func back(p *plan.Plan) []document.Block {
	all := busy(p)
	var blocks []document.Block
	for _, group := range alike(all, func(c *plan.Cluster) string { return fmt.Sprint(wayBack(c, p.Branch(c.Name))) }) {
		if len(all) > 1 {
			blocks = append(blocks, document.Text("For "+names(group)+":"))
		}
		blocks = append(blocks, wayBack(group[0], p.Branch(group[0].Name)))
	}
	return blocks
}

// alike groups clusters about which the same is to be said, in their order.
func alike(all []*plan.Cluster, say func(*plan.Cluster) string) [][]*plan.Cluster {
	var groups [][]*plan.Cluster
	place := map[string]int{}
	for _, c := range all {
		text := strings.ReplaceAll(say(c), c.Name, "")
		i, ok := place[text]
		if !ok {
			i = len(groups)
			place[text] = i
			groups = append(groups, nil)
		}
		groups[i] = append(groups[i], c)
	}
	return groups
}

func wayBack(c *plan.Cluster, acts []*plan.Action) document.Facts {
	first := -1
	snapshots := map[string]bool{}
	for i, a := range acts {
		if a.Keeps != "" {
			snapshots[a.Node] = true
		}
		if first < 0 && a.Lasting == plan.LastingVersion {
			first = i
		}
	}
	if first < 0 {
		return document.Facts{{Label: "No return", Text: "no version is changed: there is no point of no return"},
			{Label: "Way back", Text: "a stop leaves the cluster serving; " + apply.Again(c) + " has what is missing"}}
	}
	at := fmt.Sprintf("action %d, %s (%s)", first+1, acts[first].Title, show.Where(c, acts[first]))
	f := document.Facts{
		{Label: "Before action " + fmt.Sprint(first+1), Text: "nothing that lasts was changed: zup plan -back-out undoes what is temporary"},
		{Label: "Point of no return", Text: at + ": from here on the way is forward" + unless(c, snapshots)},
		{Label: "Way back after it", Text: after(c, snapshots)},
	}
	if text := byItself(acts); text != "" {
		f = append(f, document.Fact{Label: "By itself", Text: text})
	}
	return f
}

// byItself names the actions that are taken back at once if they fail.
func byItself(acts []*plan.Action) string {
	var all []string
	for i, a := range acts {
		if len(a.Back) > 0 || a.Undo != "" {
			all = append(all, fmt.Sprintf("%d (%s on %s)", i+1, escape.Name(a.Kind), escape.Name(a.Node)))
		}
	}
	if len(all) == 0 {
		return ""
	}
	word := "action "
	if len(all) > 1 {
		word = "one of the actions "
	}
	return "if " + word + strings.Join(all, ", ") + " fails, zup takes it back at once, and stops"
}

func unless(c *plan.Cluster, snapshots map[string]bool) string {
	if len(snapshots) == len(c.Nodes) {
		return ", or back to the snapshots"
	}
	return ""
}

func after(c *plan.Cluster, snapshots map[string]bool) string {
	switch {
	case c.Way == plan.Back:
		return "none: this is the way back"
	case len(snapshots) == len(c.Nodes):
		return shell.Command("zup", "plan", "-rollback") + " restores the snapshots that this run takes of " + show.Plural(len(c.Nodes), "node", "nodes") + "; what was configured since is lost"
	}
	return "none to " + escape.Name(c.From) + ": no snapshot is taken of every node. A run that stops leaves one node serving; " + apply.Again(c) + " has what is missing"
}
