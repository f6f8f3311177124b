package review

import (
	"fmt"
	"slices"
	"strings"
	"time"

	"zup/plan"
	"zup/plan/apply"
	"zup/plan/document"
	"zup/plan/escape"
	"zup/plan/picture"
	"zup/plan/show"
)

// runPictures are the course of each cluster, as it was.
func runPictures(r *apply.Record) []document.Block {
	var blocks []document.Block
	for i := range r.Report.Clusters {
		c := &r.Report.Clusters[i]
		pl := r.Plan.Cluster(c.Name)
		if pl == nil || c.Started.IsZero() || len(r.Report.Clusters) >= manyClusters && isDone(c) {
			continue
		}
		t := actual(pl, r.Plan.Branch(c.Name), c).timeline(fmt.Sprintf("course%d", i+1), "The course of "+escape.Name(c.Name)+", as it was", func(a *plan.Action) string {
			return "MASTER moved" + gapOf(c, a.ID)
		})
		blocks = append(blocks, document.Figure{SVG: picture.Course(t), Mermaid: picture.Gantt(t), Words: words(t),
			Caption: fmt.Sprintf("%s: who served and who could have taken over, since %s.", escape.Name(c.Name), utc(c.Started))})
	}
	return blocks
}

// gapOf is the worst that a probe felt around a switchover.
func gapOf(c *apply.ClusterReport, action string) string {
	worst := -1.0
	for _, pr := range c.Probes {
		for _, w := range pr.Switchovers {
			if w.Action == action {
				worst = max(worst, w.LongestMS)
			}
		}
	}
	if worst < 0 {
		return ""
	}
	return ", gap " + show.Milliseconds(worst)
}

// interruptions are what the probes have measured, as a table and drawn.
func interruptions(r *apply.Record) []document.Block {
	t := document.Table{
		Caption: "Requests and the longest time without an answer", Head: []string{"Probe", "When", "Requests", "Lost", "Longest gap", "Planned"},
		Numbers: []int{2, 3, 4, 5},
	}
	methods := document.List{Label: "How it was measured, from where zup ran:"}
	var figures []document.Block
	for i := range r.Report.Clusters {
		c := &r.Report.Clusters[i]
		pl := r.Plan.Cluster(c.Name)
		if pl == nil {
			continue
		}
		for _, pr := range c.Probes {
			name := escape.Name(c.Name) + ", " + escape.Name(pr.Name)
			t.Rows = append(t.Rows, figuresOf(name, "the whole run", pr.Figures, ""))
			for _, w := range pr.Switchovers {
				t.Rows = append(t.Rows, figuresOf(name, escape.Name(strings.TrimPrefix(w.Action, c.Name+".")), w.Figures, "≤ "+show.Milliseconds(float64(pl.Interruption.PerSwitchoverMSMax))))
			}
			methods.Items = append(methods.Items, name+": "+pr.Method)
		}
		if f, ok := plotOf(r, c, pl, i); ok {
			figures = append(figures, f)
		}
	}
	if len(t.Rows) == 0 {
		return []document.Block{document.Text("There was no probe: what users felt is not known.")}
	}
	return slices.Concat(figures, []document.Block{t, methods})
}

func figuresOf(probe, when string, f apply.Figures, planned string) []document.Cell {
	lost := document.Cell{Text: fmt.Sprint(f.Lost)}
	if f.Lost > 0 {
		lost.Tone = document.Notice
	}
	return []document.Cell{{Text: probe}, {Text: when}, {Text: fmt.Sprint(f.Sent)}, lost, {Text: show.Milliseconds(f.LongestMS)}, {Text: planned}}
}

// plotOf draws the probes of a cluster over the whole run.
func plotOf(r *apply.Record, c *apply.ClusterReport, pl *plan.Cluster, i int) (document.Figure, bool) {
	k := actual(pl, r.Plan.Branch(c.Name), c)
	p := picture.Plot{ID: fmt.Sprintf("probes%d", i+1), Title: "What the probes of " + escape.Name(c.Name) + " measured", End: k.end, LimitMS: float64(pl.MaxInterruptionMS)}
	var said []string
	for _, pr := range c.Probes {
		lane := picture.ProbeLane{Name: escape.Name(pr.Name), Note: target(pl, pr.Name)}
		for _, s := range r.Series {
			if s.Cluster == c.Name && s.Probe == pr.Name {
				lane.Buckets = append(lane.Buckets, buckets(&s, c.Started)...)
			}
		}
		if len(lane.Buckets) > 0 {
			p.Lanes = append(p.Lanes, lane)
			p.End = max(p.End, lane.Buckets[len(lane.Buckets)-1].To)
			said = append(said, fmt.Sprintf("%s: longest gap %s, beginning %s after the start; %s lost of %d", escape.Name(pr.Name),
				show.Milliseconds(pr.LongestMS), moment(pr.LongestAt.Sub(c.Started).Seconds()), show.Plural(pr.Lost, "request", "requests"), pr.Sent))
		}
	}
	for _, a := range k.moves() {
		p.Marks = append(p.Marks, picture.Mark{At: k.at[a.ID].to, Label: "MASTER moved" + gapOf(c, a.ID)})
	}
	p.Desc = strings.Join(said, ". ")
	return document.Figure{SVG: picture.Probes(p), Words: said, Caption: escape.Name(c.Name) + ": the longest time without an answer at every moment of the run, one lane a probe."}, len(p.Lanes) > 0
}

func target(c *plan.Cluster, probe string) string {
	for _, p := range c.Probes {
		if p.Name == probe {
			return p.HTTP + p.TCP
		}
	}
	return ""
}

func buckets(s *apply.ProbeSeries, began time.Time) []picture.Bucket {
	width := float64(s.BucketMS) / 1000
	from := s.Begin.Sub(began).Seconds()
	all := make([]picture.Bucket, len(s.Sent))
	for i := range all {
		all[i] = picture.Bucket{From: from + width*float64(i), To: from + width*float64(i+1), GapMS: s.GapMS[i], Lost: s.Lost[i]}
	}
	return all
}
