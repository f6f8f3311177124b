package apply

import (
	"fmt"
	"path/filepath"
	"slices"
	"strings"

	"zup/plan"
	"zup/plan/config"
	"zup/plan/escape"
	"zup/plan/state"
	"zup/plan/stream"
)

// types are what events are called in a stream. What goes on while an action runs
// is one type.
var types = map[EventKind]stream.Type{
	RunBegin:       stream.TypeRunStart,
	ClusterBegin:   stream.TypeClusterStart,
	ActionBegin:    stream.TypeApplyStart,
	ActionWaits:    stream.TypeApplyProgress,
	ActionPrints:   stream.TypeApplyOutput,
	ActionProgress: stream.TypeApplyProgress,
	ActionRuns:     stream.TypeApplyProgress,
	ActionDone:     stream.TypeApplyComplete,
	ActionFailed:   stream.TypeApplyErrored,
	UndoBegin:      stream.TypeUndoStart,
	UndoEnd:        stream.TypeUndoComplete,
	StopRequested:  stream.TypeStopRequested,
	ProbeEnd:       stream.TypeProbeSummary,
	ClusterEnd:     stream.TypeClusterComplete,
	RunEnd:         stream.TypeChangeSummary,
}

// messages puts an event into the words of package stream: one message, and before
// the end of a cluster that stopped a diagnostic that says why.
func (r *runner) messages(e Event) []stream.Message {
	m := stream.Message{Type: types[e.Kind], Time: e.Time}
	switch e.Kind {
	case RunBegin:
		m.Run = &stream.Run{PlanID: r.plan.PlanID, Resumed: r.Resume, Run: r.RunID}
		m.Text = "Run " + r.RunID + " begins"
	case StopRequested:
		m.Level, m.Text = stream.Warn, "Stopping at the next safe point"
	case ProbeEnd:
		m.Probe = measured(e.Cluster, e.Probe)
		m.Text = fmt.Sprintf("%s, probe %s: %d requests, %d lost, longest gap %.0f ms", m.Probe.Cluster, m.Probe.Name, e.Probe.Sent, e.Probe.Lost, e.Probe.LongestMS)
	case RunEnd:
		m.Changes = r.summary()
		m.Text = fmt.Sprintf("Run %s: %s: %d of %d actions are done", r.RunID, e.Text, m.Changes.Done, m.Changes.Actions)
	case ClusterBegin, ClusterEnd:
		m.Hook = &stream.Hook{Cluster: escape.Name(e.Cluster), Done: e.Done, Total: e.Total, Outcome: e.Text}
		m.Text = m.Hook.Cluster + ": begins"
		if e.Kind == ClusterEnd {
			m.Text = m.Hook.Cluster + ": " + e.Text
		}
	default:
		aboutAction(&m, e)
	}
	if e.Stop != nil {
		d := stopped(e)
		d.Time = e.Time
		return []stream.Message{d, m}
	}
	return []stream.Message{m}
}

// aboutAction fills in what an event of one action says.
func aboutAction(m *stream.Message, e Event) {
	h := &stream.Hook{
		Action: escape.Name(e.Action), Cluster: escape.Name(e.Cluster), Here: e.Here,
		Index: e.Index, Node: e.Node, Title: e.Title, Total: e.Total,
	}
	elapsed := func() string {
		took := float64(e.Took.Milliseconds()) / 1000
		h.ElapsedSeconds = &took
		return round(e.Took)
	}
	said := "begins"
	switch e.Kind {
	case ActionWaits:
		h.Waits, said = e.Text, "waits: "+e.Text
	case ActionPrints:
		h.Output, said = e.Text, e.Text
	case ActionProgress:
		h.Bytes, h.Size, h.Rate, said = e.Bytes, e.Size, e.Rate, e.Text
	case ActionRuns:
		said = "goes on, since " + elapsed()
	case ActionDone:
		said = "done after " + elapsed()
	case ActionFailed:
		elapsed()
		h.Error = escape.Text(e.Text)
		m.Level, said = stream.Error, "failed: "+h.Error
	case UndoBegin:
		m.Level, said = stream.Warn, "is taken back"
	case UndoEnd:
		h.Outcome = escape.Text(e.Text)
		m.Level, said = stream.Warn, h.Outcome
	}
	m.Hook, m.Text = h, h.Action+stream.Mark(h.Here)+": "+said
}

// stopped says why a cluster's run ended early. A stop that was asked for is no
// error.
func stopped(e Event) stream.Message {
	s := e.Stop
	d := stream.Diagnostic{Action: s.Action, Cluster: e.Cluster, Node: s.Node}
	d.Severity, d.Summary = config.Error, fmt.Sprintf("cluster %q: %s: %s", e.Cluster, escape.Name(s.Action), s.Why)
	if s.Kind == StopAsked {
		d.Severity = config.Warning
	}
	var detail []string
	for _, m := range s.Seen {
		detail = append(detail, m.String())
	}
	if s.Tail != "" {
		detail = append(detail, s.Tail)
	}
	if s.Undo != "" {
		detail = append(detail, "the action "+s.Undo)
	}
	if s.Running != "" {
		detail = append(detail, fmt.Sprintf("job %s goes on on %s", escape.Name(s.Running), escape.Name(s.Node)))
	}
	d.Detail = strings.Join(detail, "\n")
	return stream.Of(d)
}

func measured(cluster string, p *ProbeReport) *stream.Probe {
	out := &stream.Probe{
		Cluster: escape.Name(cluster), Name: escape.Name(p.Name), Method: escape.Line(p.Method), Figures: stream.Figures(p.Figures), Switchovers: []stream.Switchover{},
	}
	for _, w := range p.Switchovers {
		out.Switchovers = append(out.Switchovers, stream.Switchover{Figures: stream.Figures(w.Figures), Action: escape.Name(w.Action)})
	}
	return out
}

// summary is the plan, with what became of it.
func (r *runner) summary() *stream.Changes {
	operation := "apply"
	if r.Resume {
		operation = "resume"
	}
	s := stream.Summary(r.plan, operation)
	s.Run, s.Outcome, s.Report = r.RunID, r.report.Outcome, escape.Name(filepath.Join(r.Dir, ReportFile))
	for i := range s.Clusters {
		c, was := &s.Clusters[i], r.report.shownAs(s.Clusters[i].Name)
		c.Outcome = was.Outcome
		for k := range was.Actions {
			if was.Actions[k].Outcome == ActionIsDone {
				c.Done++
			}
		}
		s.Done += c.Done
		if was.Stop != nil {
			c.Stop = &stream.Stop{Action: escape.Name(was.Stop.Action), Kind: string(was.Stop.Kind), Node: escape.Name(was.Stop.Node), Why: escape.Text(was.Stop.Why)}
		}
		if was.Condition != nil {
			for _, o := range was.Condition.Open {
				c.Open = append(c.Open, escape.Name(o.Name))
			}
		}
		for _, next := range was.Next(r.plan) {
			if !slices.Contains(s.Next, next) {
				s.Next = append(s.Next, next)
			}
		}
	}
	return s
}

// Next returns the commands that go on from here, the better one first; none where
// nothing is left to do. Between a stop at a safe point and either of them nothing
// has to be repaired; after a failure its cause has to be gone.
func (c *ClusterReport) Next(p *plan.Plan) []string {
	again := Again(p.Cluster(c.Name))
	switch {
	case c.Outcome == state.OutcomeDone:
		return nil
	case c.Stop == nil, c.Resumable(p):
		return []string{"zup resume", again}
	}
	return []string{again}
}

// Again is the command that plans again what a plan was about.
func Again(of *plan.Cluster) string {
	switch {
	case of.Way == plan.Back:
		return "zup plan -rollback -out FILE"
	case of.Way == plan.Rest:
		return "zup plan -back-out -out FILE"
	}
	return "zup plan"
}
