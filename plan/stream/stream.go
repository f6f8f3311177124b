// Package stream is what zup says to programs while it works: one JSON object a
// line, in the words of Terraform's machine-readable output where they fit.
//
// Start with New; Writer.Send adds lines. A stream begins with Version; the
// messages about configuration, nodes and plans are made here, those about a run
// come from package apply, which keeps the same lines in the run's folder. The
// package decides nothing, and a line that can't be written stops nothing.
//
// Text from nodes and files is escaped before it becomes part of a message.
// docs/machine-output.md is the page for readers.
package stream

import (
	"bytes"
	"encoding/json"
	"io"
	"sync"
	"time"

	"zup/plan/config"
	"zup/plan/escape"
)

// UI is the version of the vocabulary. Its minor part grows when something is
// added, its major part when a reader would misread something.
const UI = "1.1"

// Module is the same in every message.
const Module = "zup.ui"

// Type says what a message is about, and which of its keys are there.
type Type string

// The types of messages.
const (
	TypeVersion         Type = "version"
	TypeDiagnostic      Type = "diagnostic"
	TypeRefreshComplete Type = "refresh_complete"
	TypeRefreshErrored  Type = "refresh_errored"
	TypePlannedChange   Type = "planned_change"
	TypeChangeSummary   Type = "change_summary"
	TypeRunStart        Type = "run_start"
	TypeClusterStart    Type = "cluster_start"
	TypeApplyStart      Type = "apply_start"
	TypeApplyProgress   Type = "apply_progress"
	TypeApplyOutput     Type = "apply_output"
	TypeApplyComplete   Type = "apply_complete"
	TypeApplyErrored    Type = "apply_errored"
	TypeUndoStart       Type = "undo_start"
	TypeUndoComplete    Type = "undo_complete"
	TypeStopRequested   Type = "stop_requested"
	TypeProbeSummary    Type = "probe_summary"
	TypeClusterComplete Type = "cluster_complete"
)

// Payloads says for every type which keys of Message it has besides the common
// ones.
var Payloads = map[Type][]string{
	TypeVersion:         {"ui", "zup"},
	TypeDiagnostic:      {"diagnostic"},
	TypeRefreshComplete: {"hook"},
	TypeRefreshErrored:  {"hook"},
	TypePlannedChange:   {"change"},
	TypeChangeSummary:   {"changes"},
	TypeRunStart:        {"run"},
	TypeClusterStart:    {"hook"},
	TypeApplyStart:      {"hook"},
	TypeApplyProgress:   {"hook"},
	TypeApplyOutput:     {"hook"},
	TypeApplyComplete:   {"hook"},
	TypeApplyErrored:    {"hook"},
	TypeUndoStart:       {"hook"},
	TypeUndoComplete:    {"hook"},
	TypeStopRequested:   {},
	TypeProbeSummary:    {"probe"},
	TypeClusterComplete: {"hook"},
}

// Level says how much a message weighs.
type Level string

// The levels.
const (
	Info  Level = "info"
	Warn  Level = "warn"
	Error Level = "error"
)

// Message is one line of a stream. Its type says which of the keys after it are
// there.
type Message struct {
	Level      Level       `json:"@level"`
	Text       string      `json:"@message"`   // for people, if a program knows no better
	Module     string      `json:"@module"`    // always "zup.ui"
	Time       time.Time   `json:"@timestamp"` // RFC 3339, UTC
	Type       Type        `json:"type"`
	Change     *Change     `json:"change,omitempty"`
	Changes    *Changes    `json:"changes,omitempty"`
	Diagnostic *Diagnostic `json:"diagnostic,omitempty"`
	Hook       *Hook       `json:"hook,omitempty"`
	Probe      *Probe      `json:"probe,omitempty"`
	Run        *Run        `json:"run,omitempty"`
	UI         string      `json:"ui,omitempty"`  // version of this vocabulary
	Zup        string      `json:"zup,omitempty"` // version of zup
}

// Hook is what happens, and where.
type Hook struct {
	Action         string   `json:"action,omitempty"`          // ID of the action in the plan
	Bytes          int64    `json:"bytes,omitempty"`           // of a file, that are on the node
	Cluster        string   `json:"cluster"`                   //
	Done           int      `json:"done,omitempty"`            // actions of the cluster that an earlier attempt of the run has done
	ElapsedSeconds *float64 `json:"elapsed_seconds,omitempty"` // since the action began, if it goes on or has ended
	Error          string   `json:"error,omitempty"`           // why it failed
	Here           bool     `json:"here,omitempty"`            // it runs where zup runs, and not on its node
	Index          int      `json:"index,omitempty"`           // of the action in its cluster, from 1
	Node           string   `json:"node,omitempty"`            // empty: no single node
	Outcome        string   `json:"outcome,omitempty"`         // of a cluster: "done", "stopped" or "unproven"; of taking an action back: how it went
	Output         string   `json:"output,omitempty"`          // a line that the node printed
	Rate           int64    `json:"rate,omitempty"`            // bytes a second, since the upload began
	Size           int64    `json:"size,omitempty"`            // bytes of the file
	Title          string   `json:"title,omitempty"`           // what the action does
	Total          int      `json:"total,omitempty"`           // actions of the cluster
	Waits          string   `json:"waits,omitempty"`           // for what: the first condition that does not hold yet
}

// Change is one action of a plan.
type Change struct {
	Action          string   `json:"action"` // its ID in the plan
	After           []string `json:"after"`  // IDs of the actions that must be done first
	Cluster         string   `json:"cluster"`
	EstimateSeconds int      `json:"estimate_seconds"`
	Here            bool     `json:"here,omitempty"` // it runs where zup runs, and not on its node
	Impact          string   `json:"impact"`         // "none", "switchover" or "outage"
	Index           int      `json:"index"`          // in its cluster, from 1
	Kind            string   `json:"kind"`
	Node            string   `json:"node,omitempty"` // empty: no single node
	Reason          string   `json:"reason"`
	Title           string   `json:"title"`
	Total           int      `json:"total"` // actions of the cluster
}

// Changes is what a plan has, or what became of one.
type Changes struct {
	Actions   int       `json:"actions"`             // of the plan
	Clusters  []Cluster `json:"clusters"`            // those that have actions
	Done      int       `json:"done"`                // actions that are done
	Next      []string  `json:"next"`                // commands to go on with; empty: nothing is left to do
	Operation string    `json:"operation"`           // "plan", "apply" or "resume"
	Outcome   string    `json:"outcome,omitempty"`   // of a run: "done", "stopped" or "unproven"
	PlanFile  string    `json:"plan_file,omitempty"` // that was written
	PlanID    string    `json:"plan_id"`
	Report    string    `json:"report,omitempty"` // file with everything that is known of the run
	Run       string    `json:"run,omitempty"`    // ID of the run
}

// Cluster is what a plan has for one cluster, or what became of it.
type Cluster struct {
	Actions           int      `json:"actions"`
	Done              int      `json:"done"`
	EstimateSeconds   int      `json:"estimate_seconds"`
	From              string   `json:"from"`   // the lowest version that a node runs
	Master            string   `json:"master"` // who is MASTER at the end
	Name              string   `json:"name"`
	Open              []string `json:"open,omitempty"`       // temporary changes, node/name, that a run that stopped has left
	Outages           int      `json:"outages"`              // how often nobody serves
	Outcome           string   `json:"outcome,omitempty"`    // of a run: "done", "stopped" or "unproven"; empty: never begun
	PerSwitchoverMaxS float64  `json:"per_switchover_max_s"` // predicted, for each switchover or outage
	Stop              *Stop    `json:"stop,omitempty"`       // why its run ended early
	Switchovers       int      `json:"switchovers"`          // predicted
	To                string   `json:"to"`                   // the version of every node at the end
}

// Stop says why a cluster's run ended early.
type Stop struct {
	Action string `json:"action"` // that failed, or before which the run stopped
	Kind   string `json:"kind"`   // "failed", "rule", "budget", "asked", "left", "room" or "unproven"
	Node   string `json:"node,omitempty"`
	Why    string `json:"why"`
}

// Probe is what one probe measured over the whole run.
type Probe struct {
	Figures
	Cluster     string       `json:"cluster"`
	Method      string       `json:"method"` // how it was measured, in words
	Name        string       `json:"name"`
	Switchovers []Switchover `json:"switchovers"` // what it measured around every action that moves MASTER
}

// Figures are what a probe measured.
type Figures struct {
	LongestAt time.Time `json:"longest_at"` // when the longest gap began
	LongestMS float64   `json:"longest_ms"` // longest stretch without an answer
	Lost      int       `json:"lost"`       // requests without an answer
	Sent      int       `json:"sent"`       // requests
}

// Switchover is what a probe measured around one action.
type Switchover struct {
	Figures
	Action string `json:"action"`
}

// Run is a run that begins or goes on.
type Run struct {
	PlanID  string `json:"plan_id"`
	Resumed bool   `json:"resumed"` // it goes on
	Run     string `json:"run"`     // its ID
}

// Diagnostic is a message about the configuration, a node, a plan or zup itself.
type Diagnostic struct {
	config.Diagnostic
	Action   string `json:"action,omitempty"`
	Check    string `json:"check,omitempty"` // that did not pass
	Cluster  string `json:"cluster,omitempty"`
	ExitCode int    `json:"exit_code,omitempty"` // zup ends with it
	Hint     string `json:"hint,omitempty"`      // what to do
	Node     string `json:"node,omitempty"`
}

// Writer writes messages to every writer that it was made with. It may be used
// from several goroutines. A nil Writer takes messages and does nothing.
type Writer struct {
	now func() time.Time

	mu    sync.Mutex
	to    []io.Writer
	heard []func(Message)
	errs  []error
}

// New returns a Writer. The clock is for messages that have no time of their own.
func New(now func() time.Time, to ...io.Writer) *Writer {
	return &Writer{now: now, to: to}
}

// Listen has every message handed to f, too, in order and before it is written. f must
// not send any.
func (w *Writer) Listen(f func(Message)) {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.heard = append(w.heard, f)
}

// Send writes messages, one a line.
func (w *Writer) Send(messages ...Message) {
	if w == nil {
		return
	}
	w.mu.Lock()
	defer w.mu.Unlock()
	for _, m := range messages {
		for _, f := range w.heard {
			f(m)
		}
		line, err := w.encode(m)
		if err != nil {
			w.errs = append(w.errs, err)
			continue
		}
		w.write(line)
	}
}

func (w *Writer) encode(m Message) ([]byte, error) {
	m.Module = Module
	if m.Level == "" {
		m.Level = Info
	}
	if m.Time.IsZero() {
		m.Time = w.now()
	}
	m.Time = m.Time.UTC()
	var b bytes.Buffer
	enc := json.NewEncoder(&b)
	enc.SetEscapeHTML(false)
	err := enc.Encode(m)
	return escape.JSON(b.Bytes()), err
}

// write gives up on a writer with its first error: half a line must not be
// followed by another one.
func (w *Writer) write(line []byte) {
	left := w.to[:0]
	for _, to := range w.to {
		if _, err := to.Write(line); err != nil {
			w.errs = append(w.errs, err)
			continue
		}
		left = append(left, to)
	}
	w.to = left
}

// Errs returns what went wrong with writing so far.
func (w *Writer) Errs() []error {
	if w == nil {
		return nil
	}
	w.mu.Lock()
	defer w.mu.Unlock()
	return w.errs
}
