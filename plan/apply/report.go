package apply

import (
	"encoding/json"
	"fmt"
	"time"

	"zup/plan"
	"zup/plan/disk"
	"zup/plan/escape"
	"zup/plan/probe"
	"zup/plan/state"
)

// Report is what became of a run.
type Report struct {
	Clusters []ClusterReport `json:"clusters"` // those that had actions, in the order of the plan
	Ended    time.Time       `json:"ended"`
	Outcome  string          `json:"outcome"` // the worst of the clusters': see the Outcome constants of package state
	PlanID   string          `json:"plan_id"`
	Run      string          `json:"run"`
	Started  time.Time       `json:"started"`
	TookNS   time.Duration   `json:"took_ns"`           // by a clock that nobody sets
	Waivers  []plan.Waiver   `json:"waivers,omitempty"` // what the plan did not heed, and why
}

// ClusterReport is what became of one cluster.
type ClusterReport struct {
	Actions   []ActionReport `json:"actions"`
	Condition *Condition     `json:"condition,omitempty"` // after the stop; nil: it ended well
	Ended     time.Time      `json:"ended"`
	From      string         `json:"from"`
	Mentions  []string       `json:"mentions,omitempty"` // what the reader has to know of the nodes, escaped
	Name      string         `json:"name"`
	Outcome   string         `json:"outcome"` // empty: never begun
	Probes    []ProbeReport  `json:"probes"`
	Started   time.Time      `json:"started"`
	Stop      *Stop          `json:"stop,omitempty"` // nil: everything is done
	To        string         `json:"to"`
	TookNS    time.Duration  `json:"took_ns"`
}

// ActionReport is what became of one action.
type ActionReport struct {
	Attached   bool              `json:"attached,omitempty"` // its job was running already
	Ended      time.Time         `json:"ended"`
	EstimateS  int               `json:"estimate_s"`
	ID         string            `json:"id"`
	Node       string            `json:"node,omitempty"`
	Outcome    string            `json:"outcome"` // "pending", "done", "failed", "skipped"
	Recorded   map[string]string `json:"recorded,omitempty"`
	Started    time.Time         `json:"started"`
	Title      string            `json:"title"`
	TookNS     time.Duration     `json:"took_ns"`              // by a clock that nobody sets, unlike Ended and Started
	Transcript string            `json:"transcript,omitempty"` // file below the run's folder
	Undo       string            `json:"undo,omitempty"`       // how the undo went, if there was one
}

// Outcomes of an action.
const (
	ActionPending = "pending"
	ActionIsDone  = "done"
	ActionHasFail = "failed"
	ActionSkipped = "skipped"
)

func (a *ActionReport) skipIfPending() {
	if a.Outcome == ActionPending {
		a.Outcome = ActionSkipped
	}
}

// Took is how long the action ran.
func (a *ActionReport) Took() time.Duration { return a.TookNS }

// ProbeReport is what one probe measured over the whole run, and how.
type ProbeReport struct {
	Figures
	Method      string         `json:"method"`
	Name        string         `json:"name"`
	Switchovers []WindowReport `json:"switchovers"` // one for each action that moves MASTER, until one second after it
}

// WindowReport is what one probe measured around one action.
type WindowReport struct {
	Figures
	Action string `json:"action"`
}

// Figures are probe.Figures in a report.
type Figures struct {
	LongestAt time.Time `json:"longest_at"`
	LongestMS float64   `json:"longest_ms"` // longest stretch without an answer
	Lost      int       `json:"lost"`
	Sent      int       `json:"sent"`
}

func (f *Figures) set(p probe.Figures) {
	*f = Figures{p.LongestAt.UTC(), float64(p.Longest.Microseconds()) / 1000, p.Lost, p.Sent}
}

// StopKind is the reason why a cluster's run ended early.
type StopKind string

// The kinds of stops.
const (
	StopFailed   StopKind = "failed"   // an action failed, or a time limit passed
	StopRule     StopKind = "rule"     // a gate or a rule of the plan refused, or the roles were not as planned
	StopLocked   StopKind = "locked"   // somebody else was at work on a node
	StopBudget   StopKind = "budget"   // max_interruption was exceeded
	StopRoom     StopKind = "room"     // there was no room left for the record; at a safe point
	StopAsked    StopKind = "asked"    // somebody asked for it; at a safe point
	StopWindow   StopKind = "window"   // the rest does not fit into the window; at a safe point
	StopLeft     StopKind = "left"     // somebody would not wait: something may still run on a node
	StopUnproven StopKind = "unproven" // everything was carried out, but the verification failed
)

// Stop says why a cluster's run ended early.
type Stop struct {
	Action  string     `json:"action"` // that failed, or before which the run stopped
	Kind    StopKind   `json:"kind"`
	Node    string     `json:"node,omitempty"`
	Opens   string     `json:"opens,omitempty"`   // of a stop because of a window: when the run may go on
	Running string     `json:"running,omitempty"` // ID of the job that still runs on the node
	Seen    []Mismatch `json:"seen,omitempty"`    // what did not hold
	Spent   bool       `json:"spent,omitempty"`   // the action can't be continued, whatever is mended: only a new plan goes on
	Tail    string     `json:"tail,omitempty"`    // the last lines that the node printed, escaped
	Undo    string     `json:"undo,omitempty"`    // how the undo of the action went
	Why     string     `json:"why"`
}

// Mismatch is a condition that did not hold. Its text is escaped.
type Mismatch struct {
	Fact string `json:"fact"`
	Node string `json:"node"`
	Says string `json:"says,omitempty"` // what that means, in the product's words
	Seen string `json:"seen"`
	Want string `json:"want"`
}

func (m Mismatch) String() string {
	if m.Says != "" {
		return m.Node + ": " + m.Says
	}
	return fmt.Sprintf("%s: %s is %s, wanted %s", m.Node, m.Fact, m.Seen, m.Want)
}

// Condition is how a cluster was found after its run stopped.
type Condition struct {
	Changed bool            `json:"changed"` // some action that changes a node had begun
	Nodes   []NodeCondition `json:"nodes"`
	Open    []state.Change  `json:"open"` // temporary changes
}

// NodeCondition is how one node was found. Its text is escaped.
type NodeCondition struct {
	Facts   map[string]string `json:"facts"` // nil: it did not answer
	Name    string            `json:"name"`
	Serves  bool              `json:"serves"`            // it is proven that it does
	Version string            `json:"version,omitempty"` // that it runs, as it says
	Why     string            `json:"why,omitempty"`     // it did not answer
}

// IncompleteError says that not every cluster ended verified. The report has
// the details.
type IncompleteError struct{ Report *Report }

func (e *IncompleteError) Error() string {
	for i := range e.Report.Clusters {
		if c := &e.Report.Clusters[i]; c.Stop != nil {
			return fmt.Sprintf("cluster %q: %s: %s", c.Name, c.Stop.Action, c.Stop.Why)
		}
	}
	return "not every cluster was begun"
}

// Worst returns the kind of stop that weighs most, or "" if there is none.
func (r *Report) Worst() StopKind {
	order := []StopKind{StopLeft, StopFailed, StopLocked, StopRule, StopBudget, StopWindow, StopUnproven, StopRoom, StopAsked}
	for _, kind := range order {
		for i := range r.Clusters {
			if s := r.Clusters[i].Stop; s != nil && s.Kind == kind {
				return kind
			}
		}
	}
	for i := range r.Clusters {
		if r.Clusters[i].Outcome == "" {
			return StopAsked
		}
	}
	return ""
}

// Changed reports whether any action that changes a node had begun.
func (r *Report) Changed() bool {
	for i := range r.Clusters {
		if c := r.Clusters[i].Condition; c == nil || c.Changed {
			return true
		}
	}
	return false
}

func newReport(p *plan.Plan, run string, now time.Time) *Report {
	r := &Report{PlanID: p.PlanID, Run: run, Started: now.UTC(), Outcome: state.OutcomeRunning, Clusters: []ClusterReport{}, Waivers: p.Waivers}
	place := map[string]int{}
	for i := range p.Actions {
		a := &p.Actions[i]
		at, ok := place[a.Cluster]
		if !ok {
			c := p.Cluster(a.Cluster)
			at = len(r.Clusters)
			place[a.Cluster] = at
			r.Clusters = append(r.Clusters, ClusterReport{Name: c.Name, From: c.From, To: c.To, Probes: []ProbeReport{}})
		}
		r.Clusters[at].Actions = append(r.Clusters[at].Actions, ActionReport{
			ID: a.ID, Node: a.Node, Title: a.Title, EstimateS: a.EstimateS, Outcome: ActionPending,
		})
	}
	return r
}

func (r *Report) cluster(name string) *ClusterReport {
	for i := range r.Clusters {
		if r.Clusters[i].Name == name {
			return &r.Clusters[i]
		}
	}
	return nil
}

// shownAs is the cluster whose name is shown so.
func (r *Report) shownAs(name string) *ClusterReport {
	for i := range r.Clusters {
		if escape.Name(r.Clusters[i].Name) == name {
			return &r.Clusters[i]
		}
	}
	return nil
}

func (c *ClusterReport) action(id string) *ActionReport {
	for i := range c.Actions {
		if c.Actions[i].ID == id {
			return &c.Actions[i]
		}
	}
	return nil
}

func (r *Report) finish(now time.Time, took time.Duration) {
	r.Ended, r.TookNS = now.UTC(), took
	switch r.Worst() {
	case "":
		r.Outcome = state.OutcomeDone
	case StopUnproven:
		r.Outcome = state.OutcomeUnproven
	default:
		r.Outcome = state.OutcomeStopped
	}
}

func (r *Report) incomplete() error {
	if r.Worst() == "" {
		return nil
	}
	return &IncompleteError{r}
}

func (r *Report) write(path string) error {
	data, err := json.MarshalIndent(r, "", "  ")
	if err != nil {
		return err
	}
	return disk.ReplaceBy(path, 0o600, append(data, '\n'))
}

func round(d time.Duration) string {
	if d < time.Second {
		return d.Round(time.Millisecond).String()
	}
	return d.Round(10 * time.Millisecond).String()
}
