// Package review turns plans and runs into documents for people who were not there:
// the change document that is attached to a change request and signed, and the
// report that is attached when it is done. It is pure: no clock, no files, and the
// same input gives the same document.
//
// Start with Change for a plan and Run for a run.
package review

import (
	"fmt"
	"math"
	"slices"
	"strings"

	"zup/plan"
	"zup/plan/approval"
	"zup/plan/document"
	"zup/plan/escape"
	"zup/plan/picture"
	"zup/plan/show"
)

// manyClusters is from how many clusters on the details of each are folded.
const manyClusters = 8

// Ranks of what Markdown leaves out when it is too long, the last one first.
const (
	rankCluster = 1 // everything about one of many clusters
	rankChecks  = 2
	rankCode    = 3 // as document.Steps has it
	rankFiles   = 4
	rankFacts   = 5
)

// Change is the document of a plan. With what was found of signatures beside it, it
// lists them; nil is that nobody has looked, or that none are demanded.
func Change(p *plan.Plan, signed *approval.Verdict) *document.Document {
	d := &document.Document{Kind: "Change plan", Title: title(p), Verdict: verdict(p)}
	d.Foot = footOfPlan + escape.Name(p.PlanID) + footOfBytes
	add := func(id, title string, blocks ...document.Block) {
		if len(blocks) > 0 {
			d.Sections = append(d.Sections, document.Section{ID: id, Title: title, Blocks: blocks})
		}
	}
	add("summary", "What and why", summary(p))
	if p.Empty() {
		add("checks", "Checks", checks(p)...)
		add("configuration", "Configuration", files(p)...)
		return d
	}
	add("impact", "Impact", impact(p)...)
	add("picture", "Picture of the change", pictures(p)...)
	add("risks", "Risks", risks(p))
	add("conditions", "Approval, windows and rules", conditions(p, signed)...)
	add("back", "Point of no return and way back", back(p)...)
	add("actions", "Actions in order", actions(p)...)
	add("checks", "Checks", checks(p)...)
	add("configuration", "Configuration", files(p)...)
	add("sign", "Signatures", sign(p)...)
	return d
}

// busy are the clusters that have actions.
func busy(p *plan.Plan) []*plan.Cluster {
	with := map[string]bool{}
	for i := range p.Actions {
		with[p.Actions[i].Cluster] = true
	}
	var all []*plan.Cluster
	for i := range p.Clusters {
		if c := &p.Clusters[i]; with[c.Name] {
			all = append(all, c)
		}
	}
	return all
}

func values(actions []*plan.Action) []plan.Action {
	all := make([]plan.Action, len(actions))
	for i, a := range actions {
		all[i] = *a
	}
	return all
}

// title names the clusters and what becomes of them.
func title(p *plan.Plan) string {
	all := busy(p)
	switch len(all) {
	case 0:
		return "Nothing to do for " + show.Plural(len(p.Clusters), "cluster", "clusters")
	case 1:
		return escape.Name(all[0].Name) + ": " + show.What(all[0], values(p.Branch(all[0].Name)))
	}
	return show.Plural(len(all), "cluster", "clusters") + ": " + versionsOf(all)
}

// versionsOf is from which version to which, where all agree.
func versionsOf(all []*plan.Cluster) string {
	text := show.Versions(all[0])
	for _, c := range all[1:] {
		if show.Versions(c) != text {
			return "several versions"
		}
	}
	return text
}

// verdict is the one sentence about what users feel.
func verdict(p *plan.Plan) document.Note {
	if p.Empty() {
		return document.Note{Tone: document.Good, Word: "No changes", Text: "Every node is as the configuration wants it."}
	}
	if lines := show.Outages(p); len(lines) > 0 {
		return document.Note{Tone: document.Bad, Word: "Outage", Text: strings.TrimPrefix(lines[0], "OUTAGE: ") + more(len(lines)-1)}
	}
	worst, moves := int64(0), 0
	for _, c := range busy(p) {
		moves += c.Interruption.Switchovers
		worst = max(worst, c.Interruption.PerSwitchoverMSMax)
	}
	about := fmt.Sprintf("%s, about %s.", show.Plural(len(p.Actions), "action", "actions"), show.Seconds(plan.Estimate(p.Actions)))
	if moves == 0 {
		return document.Note{Tone: document.Good, Word: "No interruption is expected.", Text: about}
	}
	return document.Note{Tone: document.Notice, Word: "Short interruptions", Text: fmt.Sprintf(
		"MASTER moves %s; each time users get no answer for up to %s. One node serves at every moment. %s",
		times(moves), show.Milliseconds(float64(worst)), about)}
}

func more(n int) string {
	if n == 0 {
		return ""
	}
	return fmt.Sprintf(" And %d more like it.", n)
}

func times(n int) string {
	switch n {
	case 1:
		return "once"
	case 2:
		return "twice"
	}
	return fmt.Sprintf("%d times", n)
}

// summary is what and why, who planned it, when, and from what.
func summary(p *plan.Plan) document.Facts {
	f := document.Facts{{Label: "Why", Text: why(p)}}
	add := func(label, text string, exact bool) {
		if text != "" {
			f = append(f, document.Fact{Label: label, Text: text, Exact: exact})
		}
	}
	add("Change request", escape.Name(p.Change), false)
	add("Planned by", escape.Name(p.Author), false)
	add("Planned at", clock(p.Created), false)
	add("From commit", p.Commit, true)
	add("Plan", p.PlanID, true)
	if note := show.CommitNote(p.Commit); note != "" {
		label := "Not certain"
		if strings.HasSuffix(p.Commit, plan.CommitChanged) {
			label = "Not committed"
		}
		f = append(f, document.Fact{Label: label, Tone: document.Notice, Text: note + "; its text is below"})
	}
	if p.NotAfter != "" {
		add("Not to be applied after", clock(p.NotAfter), false)
	}
	add("Made by", "zup "+escape.Name(p.ZupVersion), false)
	return f
}

// why is the reasons for which nodes are updated, without repetition.
func why(p *plan.Plan) string {
	var all []string
	for i := range p.Actions {
		a := &p.Actions[i]
		if a.Lasting != "" && !slices.Contains(all, a.Reason) {
			all = append(all, a.Reason)
		}
	}
	if len(all) == 0 && len(p.Actions) > 0 {
		for i := range p.Actions {
			if a := &p.Actions[i]; a.Changes() && !slices.Contains(all, a.Reason) {
				all = append(all, a.Reason)
			}
		}
	}
	if len(all) == 0 {
		return "every node is as the configuration wants it"
	}
	const most = 4
	text := strings.Join(all[:min(len(all), most)], "; ")
	if n := len(all) - most; n > 0 {
		text += fmt.Sprintf("; and %d more reasons", n)
	}
	return text
}

// clock writes a moment of a plan file: always in UTC, so that everybody reads the
// same.
func clock(rfc3339 string) string {
	date, time, ok := strings.Cut(strings.TrimSuffix(rfc3339, "Z"), "T")
	if !ok || !strings.HasSuffix(rfc3339, "Z") {
		return escape.Name(rfc3339)
	}
	return escape.Name(date) + " " + escape.Name(time) + " UTC"
}

// impact is one row a cluster.
func impact(p *plan.Plan) []document.Block {
	t := document.Table{
		Caption: "What users feel, by cluster",
		Head:    []string{"Cluster", "Version", "Users are interrupted", "MASTER now", "MASTER at the end", "Without a spare node", "About"},
		Numbers: []int{5, 6},
	}
	all := busy(p)
	for _, c := range all {
		acts := p.Branch(c.Name)
		t.Rows = append(t.Rows, []document.Cell{
			{Text: escape.Name(c.Name) + " (" + escape.Name(c.Provider) + ")"}, {Text: show.Versions(c)}, {Text: show.Interrupted(c), Tone: tone(c)},
			{Text: show.MasterNow(c)}, {Text: atTheEnd(c)}, {Text: withoutSpare(planned(c, acts))}, {Text: show.Seconds(plan.Estimate(values(acts)))},
		})
	}
	blocks := []document.Block{t}
	if quiet := len(p.Clusters) - len(all); quiet > 0 {
		blocks = append(blocks, document.Text("Nothing to do for "+show.Plural(quiet, "more cluster", "more clusters")+"."))
	}
	reasons := document.Facts{}
	for _, c := range all[:min(len(all), manyClusters)] {
		name := escape.Name(c.Name)
		reasons = append(reasons, document.Fact{Label: name + ", why so long", Text: c.Interruption.Why})
		if text := show.Temporary(values(p.Branch(c.Name))); text != "" {
			reasons = append(reasons, document.Fact{Label: name + ", temporary", Text: text})
		}
		reasons = append(reasons, document.Fact{Label: name + ", measured", Text: show.Measured(c) + limit(c)})
	}
	return append(blocks, reasons)
}

func limit(c *plan.Cluster) string {
	if c.MaxInterruptionMS == 0 {
		return ""
	}
	return fmt.Sprintf("; a gap above %s stops the run before the next action", show.Milliseconds(float64(c.MaxInterruptionMS)))
}

func tone(c *plan.Cluster) document.Tone {
	switch {
	case c.Interruption.Outages > 0:
		return document.Bad
	case c.Interruption.Switchovers > 0:
		return document.Notice
	}
	return document.Good
}

func atTheEnd(c *plan.Cluster) string {
	if len(c.Nodes) == 1 {
		return escape.Name(c.Nodes[0].Name)
	}
	return escape.Name(c.Master)
}

func withoutSpare(k *course) string {
	if len(k.cluster.Nodes) < 2 {
		return "there is none"
	}
	return show.Seconds(int(math.Round(k.spare())))
}

// pictures are one figure a cluster, unless there are many.
func pictures(p *plan.Plan) []document.Block {
	all := busy(p)
	if len(all) >= manyClusters {
		return []document.Block{document.Text("Each cluster has its picture with its actions. Clusters are carried out side by side, as many as -parallelism allows, and none waits for another.")}
	}
	var blocks []document.Block
	for i, c := range all {
		blocks = append(blocks, pictureOf(c, p.Branch(c.Name), fmt.Sprintf("course%d", i+1)))
	}
	return blocks
}

func pictureOf(c *plan.Cluster, acts []*plan.Action, id string) document.Figure {
	most := "≤ " + show.Milliseconds(float64(c.Interruption.PerSwitchoverMSMax))
	t := planned(c, acts).timeline(id, "The course of "+escape.Name(c.Name)+", as planned", func(*plan.Action) string {
		return "MASTER moves, gap " + most
	})
	return document.Figure{
		SVG: picture.Course(t), Mermaid: picture.Gantt(t), Words: words(t),
		Caption: escape.Name(c.Name) + ": who serves and who could take over. Times are estimates since the first action.",
	}
}

// risks are what nobody should find out afterwards.
func risks(p *plan.Plan) document.Notes {
	var all document.Notes
	var order []document.Note
	clusters := map[document.Note][]string{}
	add := func(c *plan.Cluster, n document.Note) {
		if clusters[n] == nil {
			order = append(order, n)
		}
		clusters[n] = append(clusters[n], c.Name)
	}
	for _, c := range busy(p) {
		for _, n := range risksOf(c, p.Branch(c.Name)) {
			add(c, n)
		}
	}
	for _, n := range order {
		if of := clusters[n]; len(busy(p)) > 1 {
			n.Text += " (" + nameList(of) + ")"
		}
		all = append(all, n)
	}
	for _, w := range p.Waivers {
		all = append(all, document.Note{Tone: document.Notice, Word: "Waived", Text: escape.Name(w.Name) + ": " + w.Because})
	}
	if len(all) == 0 {
		all = document.Notes{{Tone: document.Good, Word: "None", Text: "is known that is not a part of the procedure"}}
	}
	return all
}

func nameList(all []string) string {
	const most = 6
	text := show.Names(all[:min(len(all), most)], ", ")
	if n := len(all) - most; n > 0 {
		text += fmt.Sprintf(" and %d more", n)
	}
	return text
}

func risksOf(c *plan.Cluster, acts []*plan.Action) []document.Note {
	var all []document.Note
	if c.Interruption.Outages > 0 {
		all = append(all, document.Note{Tone: document.Bad, Word: "Outage", Text: "there is one node: nobody serves while it is worked on"})
	}
	for _, ch := range c.Checks {
		if n, ok := unproven[ch.Status]; ok {
			n.Text = escape.Name(strings.TrimPrefix(ch.ID, c.Name+".")) + ": " + ch.Detail
			all = append(all, n)
		}
	}
	for _, w := range c.Warnings {
		all = append(all, document.Note{Tone: document.Notice, Word: "Warning", Text: w})
	}
	if len(c.Probes) == 0 {
		all = append(all, document.Note{Tone: document.Notice, Word: "Not measured", Text: "there is no probe: what users feel will not be known"})
	}
	if s := planned(c, acts).spare(); s > 0 {
		all = append(all, document.Note{Tone: document.Notice, Word: "No spare", Text: fmt.Sprintf(
			"for about %s only one node can serve: if that one fails then, users are down until the other one is back", show.Seconds(int(math.Round(s))))})
	}
	return all
}

var unproven = map[plan.Status]document.Note{
	plan.Failed: {Tone: document.Bad, Word: "Check failed"},
	plan.Error:  {Tone: document.Notice, Word: "Not known"},
}
