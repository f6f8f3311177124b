package stream

import (
	"fmt"
	"strings"

	"zup/plan"
	"zup/plan/config"
	"zup/plan/escape"
)

// Version is the first message of a stream.
func Version(zup string) Message {
	return Message{Type: TypeVersion, Text: "zup " + zup, UI: UI, Zup: zup}
}

// Of returns the message of a diagnostic. Its text is escaped here.
func Of(d Diagnostic) Message {
	d.Summary, d.Detail, d.Hint = escape.Line(d.Summary), escape.Text(d.Detail), escape.Text(d.Hint)
	d.Cluster, d.Node, d.Action, d.Check = escape.Name(d.Cluster), escape.Name(d.Node), escape.Name(d.Action), escape.Name(d.Check)
	m := Message{Type: TypeDiagnostic, Level: Error, Text: "Error: " + d.Summary, Diagnostic: &d}
	if d.Severity == config.Warning {
		m.Level, m.Text = Warn, "Warning: "+d.Summary
	}
	return m
}

// Configuration returns a message for everything that was found in a
// configuration.
func Configuration(diags *config.Diagnostics) []Message {
	var all []Message
	for _, d := range diags.List() {
		all = append(all, Of(Diagnostic{Diagnostic: d}))
	}
	return all
}

// Warned returns a warning. Lines after the first are its detail.
func Warned(cluster, text, hint string) Message {
	return Of(Diagnostic{Diagnostic: said(config.Warning, text), Cluster: cluster, Hint: hint})
}

// Failed returns the error that zup ends with.
func Failed(text, hint string, code int) Message {
	return Of(Diagnostic{Diagnostic: said(config.Error, text), Hint: hint, ExitCode: code})
}

func said(s config.Severity, text string) config.Diagnostic {
	summary, detail, _ := strings.Cut(text, "\n")
	return config.Diagnostic{Severity: s, Summary: summary, Detail: detail}
}

// Refused returns a message for every reason why no plan was made.
func Refused(e *plan.RefusedError) []Message {
	all := make([]Message, 0, len(e.Refusals))
	for _, r := range e.Refusals {
		all = append(all, Of(Diagnostic{
			Diagnostic: config.Diagnostic{Severity: config.Error, Summary: r.Summary, Detail: r.Detail},
			Check:      r.Check, Cluster: r.Cluster, Hint: r.Hint, Node: r.Node,
		}))
	}
	return all
}

// Asked says that a node has answered, or why it has not.
func Asked(cluster, node string, err error) Message {
	h := Hook{Cluster: escape.Name(cluster), Node: escape.Name(node)}
	if err != nil {
		h.Error = escape.Text(err.Error())
		return Message{Type: TypeRefreshErrored, Level: Error, Text: h.Node + ": could not be asked", Hook: &h}
	}
	return Message{Type: TypeRefreshComplete, Text: h.Node + ": asked", Hook: &h}
}

// Plan returns what a plan warns of, every action, and last the summary: with the
// file that it was written to, if it was, and the command that carries it out: next,
// quoted for a shell.
func Plan(p *plan.Plan, file, next string) []Message {
	var all []Message
	for i := range p.Clusters {
		for _, w := range p.Clusters[i].Warnings {
			all = append(all, Warned(p.Clusters[i].Name, w, ""))
		}
	}
	all = append(all, planned(p)...)
	s := Summary(p, "plan")
	s.PlanFile = escape.Name(file)
	if !p.Empty() {
		s.Next = []string{next}
	}
	text := fmt.Sprintf("Plan: %d actions", s.Actions)
	if p.Empty() {
		text = "No changes"
	}
	return append(all, Message{Type: TypeChangeSummary, Text: text, Changes: s})
}

func planned(p *plan.Plan) []Message {
	total, index := map[string]int{}, map[string]int{}
	for i := range p.Actions {
		total[p.Actions[i].Cluster]++
	}
	all := make([]Message, 0, len(p.Actions))
	for i := range p.Actions {
		a := &p.Actions[i]
		index[a.Cluster]++
		c := &Change{
			Action: escape.Name(a.ID), After: names(a.After), Cluster: escape.Name(a.Cluster), EstimateSeconds: a.EstimateS, Here: a.Here(),
			Impact: string(a.Impact), Index: index[a.Cluster], Kind: escape.Name(a.Kind), Node: escape.Name(a.Node),
			Reason: escape.Line(a.Reason), Title: escape.Line(a.Title), Total: total[a.Cluster],
		}
		all = append(all, Message{Type: TypePlannedChange, Text: c.Action + Mark(c.Here) + ": " + c.Title, Change: c})
	}
	return all
}

// Mark stands behind the ID of an action that runs where zup runs.
func Mark(here bool) string {
	if here {
		return " [here]"
	}
	return ""
}

func names(all []string) []string {
	shown := make([]string, len(all))
	for i, s := range all {
		shown[i] = escape.Name(s)
	}
	return shown
}

// Summary returns what a plan has. Nothing of it is done yet.
func Summary(p *plan.Plan, operation string) *Changes {
	s := &Changes{Actions: len(p.Actions), Clusters: []Cluster{}, Next: []string{}, Operation: operation, PlanID: escape.Name(p.PlanID)}
	of := map[string][]plan.Action{}
	for _, a := range p.Actions {
		of[a.Cluster] = append(of[a.Cluster], a)
	}
	for i := range p.Clusters {
		c := &p.Clusters[i]
		if actions := of[c.Name]; len(actions) > 0 {
			s.Clusters = append(s.Clusters, Cluster{
				Actions: len(actions), EstimateSeconds: plan.Estimate(actions), From: escape.Name(c.From), Master: escape.Name(c.Master), Name: escape.Name(c.Name),
				Outages: c.Interruption.Outages, PerSwitchoverMaxS: float64(c.Interruption.PerSwitchoverMSMax) / 1000,
				Switchovers: c.Interruption.Switchovers, To: escape.Name(c.To),
			})
		}
	}
	return s
}

// Nothing is the end of an apply of a plan that has no actions.
func Nothing(p *plan.Plan, operation string) Message {
	s := Summary(p, operation)
	s.Outcome = "done"
	return Message{Type: TypeChangeSummary, Text: "Nothing to do", Changes: s}
}
