package review

import (
	"fmt"
	"maps"
	"math"
	"slices"
	"strings"
	"time"

	"zup/plan"
	"zup/plan/apply"
	"zup/plan/document"
	"zup/plan/escape"
	"zup/plan/show"
	"zup/plan/state"
)

// Run is the document of a run: what was planned beside what became of it.
func Run(r *apply.Record) *document.Document {
	d := &document.Document{Kind: "Report of a change", Title: title(r.Plan), Verdict: became(r)}
	d.Foot = fmt.Sprintf("Run %s of plan %s. Digest of the journal: %s", escape.Name(r.Report.Run), escape.Name(r.Plan.PlanID), escape.Name(orNone(r.Chain.End)))
	add := func(id, title string, blocks ...document.Block) {
		if len(blocks) > 0 {
			d.Sections = append(d.Sections, document.Section{ID: id, Title: title, Blocks: blocks})
		}
	}
	add("summary", "What became of it", runSummary(r)...)
	add("end", "Where it ended", ends(r)...)
	add("picture", "Picture of the run", runPictures(r)...)
	add("interruptions", "Interruptions, measured", interruptions(r)...)
	add("spare", "Time without a spare node", spares(r)...)
	add("actions", "Planned and actual", runActions(r)...)
	add("records", "Records", records(r)...)
	add("checks", "Checks before the run", checks(r.Plan)...)
	add("sign", "Signatures", document.Sign{Head: []string{"Role", "Name", "Date", "Signature"}, Rows: [][]string{{"Applied by", "", "", ""}, {"Reviewed by", "", "", ""}}})
	return d
}

func orNone(s string) string {
	if s == "" {
		return "none"
	}
	return s
}

// became is the one sentence about how it ended.
func became(r *apply.Record) document.Note {
	switch {
	case len(r.Chain.Altered) > 0:
		return document.Note{Tone: document.Bad, Word: "Altered", Text: "The records of this run are not as they were written: " + strings.Join(r.Chain.Altered[:1], "") + more(len(r.Chain.Altered)-1)}
	case r.Cut:
		return document.Note{Tone: document.Notice, Word: "Not ended", Text: "The run goes on, or was cut off: " + countDone(r) + ". zup resume continues it."}
	case r.Report.Outcome == state.OutcomeDone:
		return document.Note{Tone: document.Good, Word: "Done and verified", Text: fmt.Sprintf("%s in %s. %s", countDone(r), took(r.Report), felt(r))}
	case r.Report.Outcome == state.OutcomeUnproven:
		return document.Note{Tone: document.Bad, Word: "Not proven", Text: "Everything was carried out, but the final verification failed."}
	}
	for i := range r.Report.Clusters {
		if c := &r.Report.Clusters[i]; c.Stop != nil {
			return document.Note{Tone: document.Bad, Word: "Stopped", Text: fmt.Sprintf("%s: %s. %s. %s", stoppedAt(c, r.Plan), c.Stop.Why, countDone(r), serves(c.Condition))}
		}
	}
	return document.Note{Tone: document.Notice, Word: "Stopped", Text: "Not every cluster was begun: " + countDone(r) + "."}
}

// stoppedAt names the action at which a cluster stopped as a reader knows it.
func stoppedAt(c *apply.ClusterReport, p *plan.Plan) string {
	for _, a := range p.Branch(c.Name) {
		where := "both nodes"
		if a.Node != "" {
			where = show.Where(p.Cluster(c.Name), a)
		}
		if a.ID == c.Stop.Action {
			return fmt.Sprintf("%s, at %s (%s)", escape.Name(c.Name), a.Title, where)
		}
	}
	return escape.Name(c.Name)
}

// serves says who was found to serve after a stop.
func serves(c *apply.Condition) string {
	if c == nil {
		return ""
	}
	for _, n := range c.Nodes {
		if n.Serves {
			return escape.Name(n.Name) + " serves, with version " + escape.Name(n.Version) + "."
		}
	}
	return "Nobody is known to serve."
}

func countDone(r *apply.Record) string {
	done, all := 0, 0
	for i := range r.Report.Clusters {
		for k := range r.Report.Clusters[i].Actions {
			if all++; r.Report.Clusters[i].Actions[k].Outcome == apply.ActionIsDone {
				done++
			}
		}
	}
	return fmt.Sprintf("%d of %s done", done, show.Plural(all, "action", "actions"))
}

// felt is the longest gap that any probe saw.
func felt(r *apply.Record) string {
	longest, lost, probes := 0.0, 0, 0
	for i := range r.Report.Clusters {
		for _, pr := range r.Report.Clusters[i].Probes {
			probes++
			longest, lost = max(longest, pr.LongestMS), lost+pr.Lost
		}
	}
	if probes == 0 {
		return "What users felt was not measured: there was no probe."
	}
	return fmt.Sprintf("The longest time without an answer was %s, and %s got none.", show.Milliseconds(longest), show.Plural(lost, "request", "requests"))
}

// took is how long a run took. One that was cut off has written down no more than
// when its last entry was.
func took(r *apply.Report) string {
	if r.TookNS > 0 {
		return lasting(r.TookNS.Seconds())
	}
	return lasting(r.Ended.Sub(r.Started).Seconds())
}

// lasting is how long something took, to the second: "48 s", "2 min 07 s".
func lasting(seconds float64) string {
	n := int(math.Round(max(0, seconds)))
	switch {
	case n < 100:
		return show.Seconds(n)
	case n < 3600:
		return fmt.Sprintf("%d min %02d s", n/60, n%60)
	}
	return fmt.Sprintf("%d h %02d min", n/3600, n/60%60)
}

func utc(t time.Time) string {
	if t.IsZero() {
		return "–"
	}
	return t.UTC().Format("2006-01-02 15:04:05 UTC")
}

func runSummary(r *apply.Record) []document.Block {
	f := document.Facts{
		{Label: "Run", Text: r.Report.Run, Exact: true},
		{Label: "Plan", Text: r.Plan.PlanID, Exact: true},
		{Label: "Began", Text: utc(r.Report.Started)},
		{Label: "Ended", Text: utc(r.Report.Ended)},
		{Label: "Took", Text: fmt.Sprintf("%s; the plan said %s", took(r.Report), show.Seconds(plan.Estimate(r.Plan.Actions)))},
	}
	if r.Cut {
		f[3].Label = "Last entry"
	}
	for _, x := range summary(r.Plan) {
		if x.Label != "Plan" && x.Text != "" {
			f = append(f, x)
		}
	}
	return []document.Block{f}
}

// ends is in what condition each cluster was left.
func ends(r *apply.Record) []document.Block {
	if r.Cut {
		return []document.Block{document.Text("The run has written down no end. zup status asks the nodes how they are; zup resume goes on with the same plan.")}
	}
	all := r.Report.Clusters
	var blocks []document.Block
	good := []string{}
	for i := range all {
		c, pl := &all[i], r.Plan.Cluster(all[i].Name)
		switch {
		case pl == nil:
		case isDone(c) && len(all) >= manyClusters:
			good = append(good, escape.Name(c.Name))
		default:
			blocks = append(blocks, document.Heading{ID: fmt.Sprintf("end%d", i+1), Title: escape.Name(c.Name)})
			blocks = append(blocks, end(c, r.Plan)...)
		}
	}
	if len(good) > 0 {
		blocks = append([]document.Block{document.Text("Verified: " + strings.Join(good, ", ") + ".")}, blocks...)
	}
	return blocks
}

func end(c *apply.ClusterReport, p *plan.Plan) []document.Block {
	if c.Stop == nil && isDone(c) {
		pl := p.Cluster(c.Name)
		f := document.Facts{{Label: "Verified", Text: "every node runs " + escape.Name(pl.To) + master(pl) + ", nothing is open", Tone: document.Good}}
		f = append(f, kept(c, p)...)
		for _, m := range c.Mentions {
			f = append(f, document.Fact{Label: "Note", Text: m, Tone: document.Notice})
		}
		return []document.Block{f}
	}
	if c.Stop == nil {
		return []document.Block{document.Facts{{Label: "Not begun", Text: "nothing was touched", Tone: document.Notice}}}
	}
	return stopped(c, p)
}

func master(c *plan.Cluster) string {
	if len(c.Nodes) == 1 {
		return ""
	}
	return ", " + escape.Name(c.Master) + " is MASTER"
}

func kept(c *apply.ClusterReport, p *plan.Plan) document.Facts {
	var f document.Facts
	for _, text := range show.Kept(c, p) {
		f = append(f, document.Fact{Label: "Kept", Text: text})
	}
	return f
}

// stopped says why, and in what condition.
func stopped(c *apply.ClusterReport, pl *plan.Plan) []document.Block {
	s := c.Stop
	f := document.Facts{{Label: "Stopped at", Text: escape.Name(s.Action), Tone: document.Bad}, {Label: "Because", Text: s.Why}}
	for _, m := range s.Seen {
		f = append(f, document.Fact{Label: "Seen", Text: m.String()})
	}
	if s.Undo != "" {
		f = append(f, document.Fact{Label: "The action", Text: s.Undo})
	}
	if s.Running != "" {
		f = append(f, document.Fact{Label: "Still running", Text: "job " + escape.Name(s.Running) + " on " + escape.Name(s.Node), Tone: document.Notice})
	}
	f = append(f, condition(c.Condition, pl.Product(pl.Cluster(c.Name).Provider))...)
	f = append(f, kept(c, pl)...)
	for _, choice := range show.Choices(c, pl) {
		f = append(f, document.Fact{Label: choice.Label, Text: choice.Text})
	}
	blocks := []document.Block{f}
	if s.Tail != "" {
		blocks = append(blocks, document.Code{Label: "What the node printed up to there", Text: s.Tail, Read: true})
	}
	return blocks
}

func condition(c *apply.Condition, of *plan.Product) document.Facts {
	if c == nil {
		return nil
	}
	var f document.Facts
	for _, n := range c.Nodes {
		switch {
		case n.Facts == nil:
			f = append(f, document.Fact{Label: escape.Name(n.Name), Text: "did not answer: " + n.Why, Tone: document.Bad})
		case n.Serves:
			f = append(f, document.Fact{Label: escape.Name(n.Name), Text: "serves: " + show.Node(of, n.Facts), Tone: document.Good})
		default:
			f = append(f, document.Fact{Label: escape.Name(n.Name), Text: show.Node(of, n.Facts)})
		}
	}
	if !c.Changed {
		f = append(f, document.Fact{Label: "Changed", Text: "nothing was changed"})
	}
	for _, o := range c.Open {
		f = append(f, document.Fact{Label: "Still open", Text: escape.Name(o.Name) + ", since " + utc(o.Since), Tone: document.Notice})
	}
	return f
}

// spares is for how long only one node of each pair could serve.
func spares(r *apply.Record) []document.Block {
	t := document.Table{Caption: "How long only one node of a pair could serve", Head: []string{"Cluster", "Planned", "Actual"}, Numbers: []int{1, 2}}
	for i := range r.Report.Clusters {
		c := &r.Report.Clusters[i]
		pl := r.Plan.Cluster(c.Name)
		if pl == nil || len(pl.Nodes) < 2 || c.Started.IsZero() {
			continue
		}
		acts := r.Plan.Branch(c.Name)
		now := document.Cell{Text: lasting(actual(pl, acts, c).spare())}
		if !isDone(c) && c.Condition != nil && c.Condition.Changed {
			now.Text += " until it stopped"
		}
		t.Rows = append(t.Rows, []document.Cell{{Text: escape.Name(c.Name)}, {Text: lasting(planned(pl, acts).spare())}, now})
	}
	if len(t.Rows) == 0 {
		return nil
	}
	return []document.Block{t, document.Text("From an action that takes a node out until the node is proven to be healthy and out of maintenance.")}
}

// runActions are the steps with what was planned and what was.
func runActions(r *apply.Record) []document.Block {
	sums := digests(r.Entries)
	var blocks []document.Block
	for i := range r.Report.Clusters {
		c := &r.Report.Clusters[i]
		pl := r.Plan.Cluster(c.Name)
		if pl == nil {
			continue
		}
		s := document.Steps{Caption: "Actions of " + escape.Name(c.Name), Head: []string{"Planned", "Begun", "Took", "Outcome"}, FoldAs: "Transcript and commands"}
		for k, a := range r.Plan.Branch(c.Name) {
			at := slices.IndexFunc(c.Actions, func(x apply.ActionReport) bool { return x.ID == a.ID })
			if at < 0 {
				continue
			}
			s.List = append(s.List, ran(pl, a, k+1, &c.Actions[at], c, sums))
		}
		if len(r.Report.Clusters) < manyClusters {
			blocks = append(blocks, document.Heading{ID: fmt.Sprintf("actions%d", i+1), Title: escape.Name(c.Name)}, s)
			continue
		}
		blocks = append(blocks, document.Fold{Title: escape.Name(c.Name) + ": " + orNone(c.Outcome), Rank: rankCluster, Blocks: []document.Block{s}})
	}
	return blocks
}

// ran is one action with what became of it.
func ran(pl *plan.Cluster, a *plan.Action, number int, ar *apply.ActionReport, c *apply.ClusterReport, sums map[string]map[string]string) document.Step {
	step := stepOf(pl, a, number)
	begun, lasted := document.Cell{Text: "–"}, document.Cell{Text: "–"}
	if !ar.Started.IsZero() {
		begun.Text = "+" + moment(ar.Started.Sub(c.Started).Seconds())
	}
	if !ar.Ended.IsZero() {
		lasted.Text = exactSeconds(ar.Took())
		if late := ar.Took().Seconds() - float64(a.EstimateS); late > 10 && late > float64(a.EstimateS) {
			lasted.Tone = document.Notice
		}
	}
	outcome := document.Cell{Text: ar.Outcome, Tone: map[string]document.Tone{apply.ActionIsDone: document.Good, apply.ActionHasFail: document.Bad}[ar.Outcome]}
	if ar.Outcome == apply.ActionPending && !ar.Started.IsZero() {
		outcome = document.Cell{Text: "begun", Tone: document.Notice}
	}
	if ar.Outcome == apply.ActionHasFail {
		step.Badge = document.Note{Tone: document.Bad, Word: "failed"}
	}
	step.Values = []document.Cell{{Text: show.Seconds(a.EstimateS)}, begun, lasted, outcome}
	for _, name := range slices.Sorted(maps.Keys(sums[a.ID])) {
		step.Fold = append(step.Fold, document.Facts{{Label: escape.Name(name), Text: sums[a.ID][name], Exact: true}})
	}
	step.Fold = append(step.Fold, exactly(a)...)
	return step
}

// exactSeconds is how long something took: "0.4 s", "61 s", "2 min".
func exactSeconds(d time.Duration) string {
	if d < 10*time.Second {
		return fmt.Sprintf("%.1f s", d.Seconds())
	}
	return show.Seconds(int(d.Round(time.Second).Seconds()))
}

// digests are the files that the journal names, by action.
func digests(entries []state.Entry) map[string]map[string]string {
	all := map[string]map[string]string{}
	for _, e := range entries {
		if len(e.Files) == 0 {
			continue
		}
		if all[e.Action] == nil {
			all[e.Action] = map[string]string{}
		}
		maps.Copy(all[e.Action], e.Files)
	}
	return all
}

// records says whether the run's files are as they were written.
func records(r *apply.Record) []document.Block {
	f := document.Facts{
		{Label: "Journal", Text: show.Plural(r.Chain.Lines, "line", "lines") + ", each with a digest of itself and of all before it"},
		{Label: "Its digest", Text: orNone(r.Chain.End), Exact: true},
		{Label: "Files", Text: show.Plural(r.Chain.Files, "file is", "files are") + " as the journal has their digests", Tone: document.Good},
	}
	blocks := []document.Block{f}
	var notes document.Notes
	for _, what := range r.Chain.Altered {
		notes = append(notes, document.Note{Tone: document.Bad, Word: "Altered", Text: what})
	}
	if len(notes) > 0 {
		f[2].Tone = document.Plain
		blocks = append(blocks, notes)
	}
	blocks = append(blocks, document.Text("The journal names every transcript with its digest, and zup report compares them all. Whoever keeps the journal's own digest, in the change request for example, can show later that nothing was altered."))
	t := document.Table{Caption: "Files and their digests", Head: []string{"File", "SHA-256"}}
	for _, e := range r.Entries {
		for _, name := range slices.Sorted(maps.Keys(e.Files)) {
			t.Rows = append(t.Rows, []document.Cell{{Text: name, Exact: true}, {Text: e.Files[name], Exact: true}})
		}
	}
	if len(t.Rows) > 0 {
		blocks = append(blocks, document.Fold{Title: "Every digest", Rank: rankChecks, Blocks: []document.Block{t}})
	}
	return blocks
}
