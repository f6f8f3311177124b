package apply

import (
	"time"

	"zup/plan/state"
	"zup/plan/stream"
)

// EventKind is what an event is about.
type EventKind string

// The kinds of events. Each action begins once and ends once, done, failed or
// skipped; in between it may say what it waits for and what it prints. What they
// are called outside of zup is in messages.go.
const (
	RunBegin       EventKind = "run_begin"
	ClusterBegin   EventKind = "cluster_begin" // Done: actions of an earlier attempt
	ActionBegin    EventKind = "action_begin"
	ActionWaits    EventKind = "action_waits"    // Text: for what
	ActionPrints   EventKind = "action_prints"   // Text: a line of output, escaped
	ActionProgress EventKind = "action_progress" // Text, Bytes, Size, Rate: how far an upload is
	ActionRuns     EventKind = "action_runs"     // it goes on, as it does every ten seconds
	ActionDone     EventKind = "action_done"
	ActionFailed   EventKind = "action_failed" // Text: why
	UndoBegin      EventKind = "undo_begin"
	UndoEnd        EventKind = "undo_end" // Text: how it went
	StopRequested  EventKind = "stop_requested"
	ProbeEnd       EventKind = "probe_end"   // Probe: what it measured
	ClusterEnd     EventKind = "cluster_end" // Text: the outcome
	RunEnd         EventKind = "run_end"     // Text: the outcome
)

// Event is something that happened in a run. Action and Cluster are as in the plan; all
// other text is escaped.
type Event struct {
	Action   string
	Bytes    int64 // of a file, that are on the node
	Cluster  string
	Done     int  // actions of the cluster that were done before
	Here     bool // the action runs where zup runs
	Index    int  // of the action in its cluster, from 1
	Kind     EventKind
	Messages []stream.Message // the same for programs
	Node     string
	Probe    *ProbeReport
	Rate     int64 // bytes a second, since the upload began
	Size     int64 // of the file
	Stop     *Stop // why a cluster's run ended early
	Text     string
	Time     time.Time
	Title    string
	Took     time.Duration // of an action that ended, or since it began
	Total    int           // actions of the cluster
}

// event writes the event down and hands it on. Lines of output are in the
// transcripts and not written here once more.
func (r *runner) event(e Event) {
	e.Time = r.Now().UTC()
	e.Messages = r.messages(e)
	if e.Kind != ActionPrints {
		r.ev.Send(e.Messages...)
	}
	r.Events(e)
}

// eventsFile is events.jsonl. Events are a help for readers, the journal is what
// counts: one that can't be written stops nothing, unless there is no room left.
type eventsFile struct{ *runner }

func (f eventsFile) Write(line []byte) (int, error) {
	n, err := f.events.Write(line)
	if state.NoRoom(err) {
		f.noRoom(err)
	}
	return n, err
}

// runsEvery is how often an action that goes on says so.
const runsEvery = 10 * time.Second

// alive says every ten seconds that an action goes on, until the function that it
// returns is called.
func (b *branch) alive(i int) (end func()) {
	quit, done := make(chan struct{}), make(chan struct{})
	began := b.Now()
	go func() {
		defer close(done)
		t := time.NewTicker(runsEvery)
		defer t.Stop()
		for {
			select {
			case <-quit:
				return
			case <-t.C:
				b.event(b.about(i, Event{Kind: ActionRuns, Took: b.Now().Sub(began)}))
			}
		}
	}()
	return func() {
		close(quit)
		<-done
	}
}
