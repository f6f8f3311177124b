package review_test

import (
	"bytes"
	"flag"
	"fmt"
	"maps"
	"math"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"zup/plan"
	"zup/plan/apply"
	"zup/plan/config"
	"zup/plan/document"
	"zup/plan/probe"
	"zup/plan/review"
	"zup/plan/state"
	"zup/providers/zevenet"
	"zup/providers/zevenet/zevenettest"
)

var update = flag.Bool("update", false, "rewrite the goldens")

const hostKey = "ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIJ1r5hPjrCYqZ2tMVbXh6vFQmIRoAFZz3GkTZuIm0dXL"

const pairConfig = `cluster "zevenet" "edge" {
  version          = "6.1.20"
  max_interruption = "3s"
  node "zva5n1" { address = "192.168.100.24" }
  node "zva5n2" { address = "192.168.100.25" }
  probe "web1" { http = "http://192.0.2.10/" }
  probe "web2" { tcp = "192.0.2.11:443" }
}
`

// fleet is the configuration of so many pairs.
func fleet(n int) string {
	var b strings.Builder
	for i := range n {
		fmt.Fprintf(&b, "cluster \"zevenet\" \"edge%03d\" {\n  version = \"6.1.20\"\n  node \"zva5n1\" { address = \"10.0.%d.1\" }\n  node \"zva5n2\" { address = \"10.0.%d.2\" }\n}\n", i, i, i)
	}
	return b.String()
}

// planOf plans a configuration for healthy pairs; facts are what they say
// differently.
func planOf(t testing.TB, hcl string, facts ...string) *plan.Plan {
	t.Helper()
	dir := t.TempDir()
	if err := os.WriteFile(filepath.Join(dir, "edge.zup.hcl"), []byte(hcl), 0o600); err != nil {
		t.Fatal(err)
	}
	cfg, diags := config.Load(dir, config.Options{Products: plan.Declared(zevenet.Providers())})
	if diags.HasErrors() {
		t.Fatal(diags)
	}
	in := plan.Input{Config: cfg, Observed: plan.Observed{}, Providers: map[string]plan.Provider{}, Version: "0.1.0"}
	for name, p := range zevenet.Providers() {
		in.Providers[name] = p
	}
	for _, c := range cfg.Clusters {
		in.Observed[c.Name] = observed(c, facts)
	}
	p, err := plan.Build(in)
	if err != nil {
		t.Fatal(err)
	}
	p.Author, p.Change, p.Commit, p.Created = "Maria Lindt <maria@example.net>", "CHG0012345", "8e49365c0b1d+", "2026-11-25T21:04:00Z"
	p.Identify()
	return p
}

func observed(c *config.Cluster, facts []string) []plan.ObservedNode {
	pair := zevenettest.New("zva5n1", "zva5n2", "zva5n1", "disabled")
	var all []plan.ObservedNode
	for _, n := range c.Nodes {
		f := pair.FactsOf(n.Name)
		for _, change := range facts {
			name, value, _ := strings.Cut(change, "=")
			f[name] = value
		}
		if len(c.Nodes) == 1 {
			maps.Copy(f, map[string]string{"clustered": "no", "role": "none", "vrrp": "down", "keepalived": "0", "nodes": "none"})
		}
		all = append(all, plan.ObservedNode{Name: n.Name, HostKey: hostKey, Facts: f})
	}
	return all
}

var began = time.Date(2026, 11, 25, 22, 0, 0, 0, time.UTC)

// runOf is a run of the plan as it may have been: every action takes a little less
// than was planned. It stops at the action of this kind and node, if there is one.
func runOf(p *plan.Plan, failsAt string) *apply.Record {
	r := &apply.Record{Plan: p, Report: &apply.Report{PlanID: p.PlanID, Run: "20261125T220000Z-4e1c", Started: began, Outcome: state.OutcomeDone}}
	at, end := map[string]time.Time{}, began
	c := apply.ClusterReport{Name: p.Clusters[0].Name, From: p.Clusters[0].From, To: p.Clusters[0].To, Started: began, Outcome: state.OutcomeDone}
	for i := range p.Actions {
		a := &p.Actions[i]
		ar := apply.ActionReport{ID: a.ID, Node: a.Node, Title: a.Title, EstimateS: a.EstimateS, Outcome: apply.ActionSkipped}
		if c.Stop == nil {
			ar.Started = began
			for _, id := range a.After {
				if at[id].After(ar.Started) {
					ar.Started = at[id]
				}
			}
			ar.Ended = ar.Started.Add(time.Duration(a.EstimateS)*time.Second*4/5 + time.Duration(i)*37*time.Millisecond)
			ar.TookNS = ar.Ended.Sub(ar.Started)
			ar.Outcome, ar.Transcript = apply.ActionIsDone, "transcripts/"+a.ID+".txt"
			at[a.ID] = ar.Ended
			r.Entries = append(r.Entries, state.Entry{Event: state.Done, Action: a.ID, Files: map[string]string{ar.Transcript: strings.Repeat(fmt.Sprintf("%02x", i), 32)}})
		}
		if a.ID == failsAt {
			ar.Outcome, c.Outcome, r.Report.Outcome = apply.ActionHasFail, state.OutcomeStopped, state.OutcomeStopped
			c.Stop = &apply.Stop{Action: a.ID, Node: a.Node, Kind: apply.StopFailed, Why: `the node printed "E: Sub-process /usr/bin/dpkg returned an error code (1)"`,
				Tail: "Setting up zevenet (6.1.20) ...\ndpkg: error processing package zevenet (--configure):\n installed zevenet package post-installation script subprocess returned error exit status 1\nE: Sub-process /usr/bin/dpkg returned an error code (1)"}
			c.Condition = &apply.Condition{Changed: true, Nodes: []apply.NodeCondition{
				{Name: "zva5n1", Serves: true, Version: "6.1.19", Facts: map[string]string{"role": "master", "vrrp": "MASTER", "version": "6.1.19", "replication": "off", "deny": "present"}},
				{Name: "zva5n2", Version: "6.1.20", Facts: map[string]string{"role": "backup", "vrrp": "BACKUP", "version": "6.1.20"}},
			}, Open: []state.Change{{Action: "edge.zva5n1.block", Name: "zva5n1/hosts.deny", Run: r.Report.Run, Since: began.Add(25 * time.Second)}}}
		}
		if ar.Ended.After(end) {
			end = ar.Ended
		}
		c.Actions = append(c.Actions, ar)
	}
	c.Ended, r.Report.Ended = end, end.Add(300*time.Millisecond)
	measure(p, r, &c)
	r.Report.TookNS = r.Report.Ended.Sub(began)
	r.Report.Clusters = []apply.ClusterReport{c}
	r.Chain = state.Chain{End: strings.Repeat("5e", 32), Files: len(r.Entries) + 2, Lines: 2*len(r.Entries) + 2}
	return r
}

// measure adds what the probes felt: a gap at every switchover.
func measure(p *plan.Plan, r *apply.Record, c *apply.ClusterReport) {
	total := c.Ended.Sub(c.Started)
	for k, pr := range p.Clusters[0].Probes {
		n := int(total/(500*time.Millisecond)) + 1
		s := apply.ProbeSeries{Cluster: c.Name, Probe: pr.Name, Series: probe.Series{Begin: began, BucketMS: 500,
			GapMS: make([]float64, n), Gaps: []probe.Gap{}, Lost: make([]int, n), Sent: make([]int, n), SlowMS: make([]float64, n)}}
		for i := range n {
			s.Sent[i], s.SlowMS[i] = 25, 3
			s.GapMS[i] = 22 + 6*math.Abs(math.Sin(float64(i*(k+3))))
		}
		report := apply.ProbeReport{Name: pr.Name, Method: "GET " + pr.HTTP + " every 20ms over a new connection, lost after 500ms"}
		if pr.TCP != "" {
			report.Method = "TCP connect to " + pr.TCP + " every 20ms over a new connection, lost after 500ms"
		}
		report.Figures = apply.Figures{Sent: 25 * n, LongestMS: 28, LongestAt: began}
		for i := range p.Actions {
			ar := c.Actions[i]
			if p.Actions[i].Impact == plan.None || ar.Outcome != apply.ActionIsDone {
				continue
			}
			gap := 420 + 130*float64(k)
			b := min(n-1, int(ar.Ended.Sub(began)/(500*time.Millisecond)))
			s.GapMS[b], s.Lost[b] = gap, 2*k
			report.Figures.LongestMS, report.Figures.LongestAt, report.Figures.Lost = gap, ar.Ended, report.Figures.Lost+2*k
			report.Switchovers = append(report.Switchovers, apply.WindowReport{Action: ar.ID, Figures: apply.Figures{Sent: 140, Lost: 2 * k, LongestMS: gap, LongestAt: ar.Ended}})
		}
		c.Probes = append(c.Probes, report)
		r.Series = append(r.Series, s)
	}
}

func pageOf(t testing.TB, d *document.Document) string {
	t.Helper()
	var b bytes.Buffer
	if err := document.HTML(&b, d); err != nil {
		t.Fatal(err)
	}
	return b.String()
}

func markdown(t testing.TB, d *document.Document) string {
	t.Helper()
	var b bytes.Buffer
	if err := document.Markdown(&b, d); err != nil {
		t.Fatal(err)
	}
	return b.String()
}

// The same plan gives the same page, byte for byte.
func TestSameBytes(t *testing.T) {
	p := planOf(t, pairConfig)
	for _, make := range []func() *document.Document{
		func() *document.Document { return review.Change(p, nil) },
		func() *document.Document { return review.Run(runOf(p, "")) },
	} {
		first, md := pageOf(t, make()), markdown(t, make())
		for range 20 {
			if pageOf(t, make()) != first || markdown(t, make()) != md {
				t.Fatal("the same plan gave other bytes")
			}
		}
	}
}

// samples are the documents that goldens, browser and limits are about.
func samples(t testing.TB) map[string]*document.Document {
	p := planOf(t, pairConfig)
	return map[string]*document.Document{
		"plan":     review.Change(p, nil),
		"finished": review.Run(runOf(p, "")),
		"failed":   review.Run(runOf(p, "edge.zva5n2.update")),
	}
}
