package apply

import (
	"encoding/json"
	"time"

	"zup/plan/state"
)

// EventKind is what an event is about.
type EventKind string

// The kinds of events. Each action begins once and ends once, done, failed or
// skipped; in between it may say what it waits for and what it prints.
const (
	RunBegin       EventKind = "run_begin"
	ClusterBegin   EventKind = "cluster_begin"
	ActionBegin    EventKind = "action_begin"
	ActionWaits    EventKind = "action_waits"    // Text: for what
	ActionPrints   EventKind = "action_prints"   // Text: a line of output, escaped
	ActionProgress EventKind = "action_progress" // Text, Bytes, Size, Rate: how far an upload is
	ActionDone     EventKind = "action_done"
	ActionFailed   EventKind = "action_failed" // Text: why
	UndoBegin      EventKind = "undo_begin"
	UndoEnd        EventKind = "undo_end" // Text: how it went
	StopRequested  EventKind = "stop_requested"
	ClusterEnd     EventKind = "cluster_end" // Text: the outcome
	RunEnd         EventKind = "run_end"     // Text: the outcome
)

// Event is something that happened in a run. All text is escaped.
type Event struct {
	Action  string        `json:"action,omitempty"`
	Bytes   int64         `json:"bytes,omitempty"` // of a file, that are on the node
	Cluster string        `json:"cluster,omitempty"`
	Index   int           `json:"index,omitempty"` // of the action in its cluster, from 1
	Kind    EventKind     `json:"kind"`
	Node    string        `json:"node,omitempty"`
	Rate    int64         `json:"rate,omitempty"` // bytes a second, since the upload began
	Size    int64         `json:"size,omitempty"` // of the file
	Text    string        `json:"text,omitempty"`
	Time    time.Time     `json:"time"`
	Title   string        `json:"title,omitempty"`
	Took    time.Duration `json:"took_ns,omitempty"` // of an action that ended
	Total   int           `json:"total,omitempty"`   // actions of the cluster
}

// event writes the event down and hands it on. Lines of output are in the
// transcripts and not written here once more.
func (r *runner) event(e Event) {
	e.Time = r.Now().UTC()
	if e.Kind != ActionPrints {
		if data, err := json.Marshal(e); err == nil {
			r.writeEvent(append(data, '\n'))
		}
	}
	r.Events(e)
}

// writeEvent writes a line, or no further one if that fails: events are a help for
// readers, the journal is what counts.
func (r *runner) writeEvent(line []byte) {
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.ev == nil {
		return
	}
	if _, err := r.ev.Write(line); err != nil {
		r.ev.Close()
		r.ev = nil
		if state.NoRoom(err) {
			r.noRoom(err)
		}
	}
}
