// Package apply carries out a plan. It is an interpreter: it knows the
// primitives of package plan, what goes before and after an action, and no
// product at all.
//
// Start with Run. Around every action it reads the required facts again, writes
// the journal before the first byte goes to a node, keeps temporary changes in
// the state from before they are made until they are proven gone, and evaluates
// the action's own check; nothing counts as done because a command exited with
// 0. Time-outs stop a branch, they never go forward. Clusters are independent
// branches of one graph.
package apply

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"slices"
	"sync"
	"time"

	"zup/plan"
	"zup/plan/approval"
	"zup/plan/disk"
	"zup/plan/name"
	"zup/plan/probe"
	"zup/plan/state"
	"zup/plan/stream"
)

// Host is a connection to one node.
type Host interface {
	// Run runs a script that may be run any number of times, with arguments, and
	// returns what it wrote to its standard output and its exit status.
	Run(ctx context.Context, script string, args ...string) (out []byte, exit int, err error)
	// Job runs a script as a job of its own that outlives the connection, exactly
	// once for an ID, and follows it to its end.
	Job(ctx context.Context, job Job) (exit int, err error)
}

// Job is a detached job on a node.
type Job struct {
	ID      string        // [A-Za-z0-9._-]
	Script  string        // POSIX sh
	Prompts []plan.Prompt // not empty: the job has a terminal
	Timeout time.Duration
	Output  func([]byte) // gets every byte of output as it comes
}

// StillRunningError is what Job returns when it stopped waiting for a job that
// goes on on the node.
type StillRunningError struct {
	Job   string // its ID
	Cause error
}

func (e *StillRunningError) Error() string {
	return fmt.Sprintf("job %s is still running on the node: %v", e.Job, e.Cause)
}

func (e *StillRunningError) Unwrap() error { return e.Cause }

// Explainer says in a product's words why conditions do not hold, from facts that are read
// then.
type Explainer interface {
	Evidence(c *plan.Cluster, missed []plan.Condition) []plan.Fact
	// Explain may get less than it has asked for. What it returns is shown escaped; "" if
	// it has nothing to say.
	Explain(c *plan.Cluster, missed []plan.Condition, evidence map[plan.Fact]string) string
}

// Options are everything that Run needs besides the plan.
type Options struct {
	Dial  Dial
	Locks *Locks // of the nodes; nil: nobody else can be at work on them

	Store       *state.Store // under its lock
	RunID       string       // fit for a file name and a job ID
	Dir         string       // the run's own folder; Run makes it
	Version     string       // zup's own
	Parallelism int          // clusters carried out side by side; 0: 10
	Resume      bool         // continue the run of this ID and folder
	FailFast    bool         // one that fails stops the others at their next safe point

	// Unwatched are probes that are not asked from here, by cluster.
	Unwatched map[string][]string

	// Signatures of the plan, to be kept in Dir under their names.
	Signatures []approval.Signature

	// Digest returns the SHA-256, hex, of a file that a command which runs here names; nil:
	// no file can be had.
	Digest func(path string) (string, error)

	// Explain finds out why conditions may not hold, by product; one that is missing has
	// nothing to say.
	Explain map[string]Explainer

	// Local runs a command where zup runs; nil: as a process in the current folder.
	Local func(ctx context.Context, c Command, output func([]byte)) (exit int, err error)

	// Closed says why the run may not go on at a moment, for what will take so long; nil:
	// as the plan's own windows and freezes say.
	Closed func(now time.Time, need time.Duration) *plan.Closed

	Stop   <-chan struct{}  // closed: stop at the next safe point; nil: never
	Events func(Event)      // what happens, as it happens, from several goroutines; may be nil
	Now    func() time.Time // the clock of what is written down, which may jump; nil: time.Now
	Poll   time.Duration    // at least between two looks at a condition that is waited for; 0: 250 ms
}

// runner is one run of one plan.
type runner struct {
	Options
	plan     *plan.Plan
	branches map[string][]*plan.Action // by cluster, in order
	journal  *state.Journal
	watch    map[string]*probe.Watch // by cluster
	report   *Report
	series   []ProbeSeries   // of the clusters that have ended
	stopping context.Context // ends when the run shall stop at the next safe point
	stop     context.CancelFunc
	past     map[string]*past // of a run that is resumed, by action
	room     *room
	began    time.Time     // by the clock that never jumps
	earlier  time.Duration // how long the run had been going on when it was resumed

	events *os.File       // events.jsonl
	ev     *stream.Writer // into it

	mu sync.Mutex // of Store and report
}

// Run carries out the plan and returns what became of it. The report is never
// nil. The error is nil only if every cluster ended verified; otherwise it is an
// *IncompleteError, or an error about zup's own files before anything was done.
//
// Cancelling ctx stops the waiting at once: jobs that run on nodes go on there.
func Run(ctx context.Context, p *plan.Plan, o Options) (*Report, error) {
	r := &runner{Options: o, plan: p, branches: branches(p), watch: map[string]*probe.Watch{}}
	r.defaults()
	r.began = time.Now()
	r.report = newReport(p, r.RunID, r.Now())
	r.stopping, r.stop = context.WithCancel(ctx)
	defer r.stop()
	begin := r.open
	if r.Resume {
		begin = r.reopen
	}
	if !name.Run(r.RunID) {
		begin = func() error { return fmt.Errorf("%q can't name a run", r.RunID) }
	}
	if err := begin(); err != nil {
		r.close()
		return r.report, fmt.Errorf("run %s: %w; nothing was changed", r.RunID, err)
	}
	defer r.close()
	var heeding sync.WaitGroup
	defer func() {
		r.stop()
		heeding.Wait()
	}()
	if r.Stop != nil {
		heeding.Go(r.heed)
	}
	r.event(Event{Kind: RunBegin})
	r.clusters(ctx)
	return r.report, r.end()
}

// heed passes on that somebody wants the run to stop.
func (r *runner) heed() {
	select {
	case <-r.Stop:
		r.event(Event{Kind: StopRequested})
		r.stop()
	case <-r.stopping.Done():
	}
}

func (r *runner) defaults() {
	if r.Now == nil {
		r.Now = time.Now
	}
	if r.Poll == 0 {
		r.Poll = 250 * time.Millisecond
	}
	if r.Local == nil {
		r.Local = (&Process{}).Run
	}
	if r.Digest == nil {
		r.Digest = func(string) (string, error) { return "", errors.ErrUnsupported }
	}
	if r.Parallelism == 0 {
		r.Parallelism = 10
	}
	if r.Events == nil {
		r.Events = func(Event) {}
	}
}

// open makes the run's folder and writes down that it begins.
func (r *runner) open() error {
	if err := disk.MkdirAll(filepath.Join(r.Dir, transcriptsName), 0o700); err != nil {
		return &state.PlaceError{Op: "make folder", Path: r.Dir, Err: disk.Own(err)}
	}
	if err := r.keepRoom(); err != nil {
		return err
	}
	if err := r.writePlan(); err != nil {
		return err
	}
	for _, s := range r.Signatures {
		if err := disk.ReplaceBy(filepath.Join(r.Dir, s.Name), 0o600, s.Text); err != nil {
			return err
		}
	}
	var err error
	if r.journal, err = state.CreateJournal(filepath.Join(r.Dir, state.JournalFile), r.Now); err != nil {
		return err
	}
	if r.events, err = disk.Create(filepath.Join(r.Dir, eventsName), 0o600); err != nil {
		return err
	}
	r.beginEvents()
	if err := r.journal.Write(state.Entry{Event: state.RunBegin, Detail: "plan " + r.plan.PlanID}); err != nil {
		return err
	}
	return r.update(r.recordBegin)
}

func (r *runner) keepRoom() (err error) {
	r.room, err = keepRoom(roomFor(r.plan), r.Dir, filepath.Dir(r.Store.Path()))
	return err
}

// Names in a run's folder, besides those of the report and the probes.
const (
	PlanFile        = "plan.zup"
	eventsName      = "events.jsonl"
	transcriptsName = "transcripts"
)

// beginEvents begins to write into events.jsonl.
func (r *runner) beginEvents() {
	r.ev = stream.New(r.Now, eventsFile{r})
	r.ev.Send(stream.Version(r.Version))
}

// goOnWithEvents opens events.jsonl at its end.
func (r *runner) goOnWithEvents() (err error) {
	r.events, err = disk.Edit(filepath.Join(r.Dir, eventsName), 0o600)
	if err == nil {
		_, err = r.events.Seek(0, io.SeekEnd)
	}
	if err == nil {
		r.beginEvents()
	}
	return err
}

func (r *runner) writePlan() error {
	path := filepath.Join(r.Dir, PlanFile)
	f, err := disk.Create(path, 0o600)
	if err != nil {
		return err
	}
	if err := errors.Join(r.plan.Encode(f), f.Sync(), f.Close()); err != nil {
		return &state.PlaceError{Op: "write plan", Path: path, Err: err}
	}
	return nil
}

func (r *runner) close() {
	if r.journal != nil {
		r.journal.Close()
	}
	if r.events != nil {
		r.events.Close()
	}
	if r.room != nil {
		r.room.give()
	}
}

// end writes down how the run ended.
func (r *runner) end() error {
	r.report.finish(r.Now(), r.earlier+time.Since(r.began))
	r.room.give() // nothing begins any more
	errs := []error{
		r.update(r.recordEnd),
		r.writeSeries(),
		r.report.write(filepath.Join(r.Dir, ReportFile)),
		r.writeJournal(state.Entry{Event: state.RunEnd, Detail: r.report.Outcome, Files: r.digests(SeriesFile, ReportFile)}),
	}
	r.event(Event{Kind: RunEnd, Text: r.report.Outcome})
	if err := errors.Join(errs...); err != nil {
		return fmt.Errorf("run %s was carried out (%s), but its end could not be written down: %w", r.RunID, r.report.Outcome, err)
	}
	return r.report.incomplete()
}

// update changes the state file.
func (r *runner) update(change func(*state.State)) error {
	r.mu.Lock()
	defer r.mu.Unlock()
	return r.written(func() error { return r.Store.Update(r.Version, change) })
}

func (r *runner) recordBegin(s *state.State) {
	if i := slices.IndexFunc(s.Applied, func(a state.Applied) bool { return a.Run == r.RunID }); i >= 0 {
		s.Applied[i].Outcome = state.OutcomeRunning
	} else {
		s.Applied = append(s.Applied, state.Applied{
			Outcome: state.OutcomeRunning, PlanID: r.plan.PlanID, Run: r.RunID, Started: r.Now().UTC(),
		})
	}
	for i := range r.plan.Clusters {
		c := &r.plan.Clusters[i]
		if r.through(c.Name) {
			continue
		}
		known := s.Cluster(c.Name)
		known.Master, known.Outcome, known.PlanID, known.Run = c.Master, state.OutcomeRunning, r.plan.PlanID, r.RunID
		if known.Open == nil {
			known.Open = []state.Change{}
		}
		s.Clusters[c.Name] = &known
	}
}

func (r *runner) recordEnd(s *state.State) {
	for i := range s.Applied {
		if s.Applied[i].Run == r.RunID {
			s.Applied[i].Outcome = r.report.Outcome
		}
	}
	for i := range r.report.Clusters {
		c := &r.report.Clusters[i]
		known := s.Clusters[c.Name]
		if known == nil || known.Run != r.RunID {
			continue
		}
		known.Outcome = c.Outcome
		if c.Outcome == state.OutcomeDone {
			known.Master, known.Recorded, known.Version = "", nil, r.plan.Cluster(c.Name).To
			// The plan of this run has said what an earlier one may have left.
			known.Snapshots = slices.DeleteFunc(known.Snapshots, func(s state.Snapshot) bool { return s.Begun })
		}
	}
}

// branches returns the actions of each cluster, in order.
func branches(p *plan.Plan) map[string][]*plan.Action {
	all := make(map[string][]*plan.Action, len(p.Clusters))
	for i := range p.Actions {
		a := &p.Actions[i]
		all[a.Cluster] = append(all[a.Cluster], a)
	}
	return all
}
