package ssh

import (
	"context"
	_ "embed"
	"errors"
	"fmt"
	"strings"
	"time"
)

// A Job is a script that goes on when the connection is gone. The node knows it by
// its ID: it is started once, and whoever asks again attaches to it, also after it
// has ended, until ForgetJob.
type Job struct {
	ID     string   // words of letters, digits, ".", "_" and "-", joined by "/"
	Script string   // POSIX sh; it starts in / as root, in a session of its own
	Args   []string // its $1, $2, …
	PTY    bool     // give it a terminal; implied by Prompts

	// Prompts are the questions that it may ask, with their answers. A job
	// with a terminal that asks anything else gets end of input, for good,
	// and Job returns an *UnknownPromptError.
	Prompts []Prompt

	// Output gets what the job prints, stdout and stderr together, as it
	// comes, every byte once; nil: nobody wants it. It must not keep the
	// slice. As long as it blocks, nothing is read.
	Output func([]byte)
	Offset int64 // the bytes before this one are known already

	// Timeout is how long to follow the job; 0: as long as ctx allows. The
	// job is never ended.
	Timeout time.Duration

	// PromptQuiet is how long a job must have been silent before a question
	// that no prompt matches is taken for one; 0: 5s.
	PromptQuiet time.Duration
}

// A JobResult is what came of a job that ended.
type JobResult struct {
	Exit     int           // the exit status as sh says it: 128+n after signal n
	Attached bool          // it was there already, or the connection broke while it was being started
	Output   []byte        // its last 256 KiB
	Bytes    int64         // length of its whole output
	Started  time.Time     // by the node's clock, in seconds
	Duration time.Duration // how long Job took
}

// Job starts a job and follows it to its end, or attaches to it if it has been
// started before, by this process or another, running or ended. One session does
// both, and the script runs at most once whatever happens to connections: a lost
// one is made again, and the output goes on at the byte where it broke off.
//
// An exit status other than 0 is a result and not an error. When ctx ends or
// Timeout is over, Job returns at once with a *StillRunningError, and the job goes
// on. Other errors are *UnknownPromptError, *JobDiedError, *JobMismatchError, and
// those of Run.
func (h *Host) Job(ctx context.Context, job Job) (JobResult, error) {
	f, err := newFollower(h, job)
	if err != nil {
		return JobResult{}, h.named(fmt.Errorf("job %q: %w", job.ID, err))
	}
	if job.Timeout > 0 {
		var cancel context.CancelFunc
		ctx, cancel = context.WithTimeoutCause(ctx, job.Timeout, limitError(job.Timeout))
		defer cancel()
	}
	start := time.Now()
	err = f.follow(ctx)
	f.result.Output = f.kept.bytes()
	f.result.Bytes = f.offset
	f.result.Duration = time.Since(start)
	h.dialer.log().Debug("job followed", "on", h.of.String(), "id", job.ID, "attached", f.result.Attached,
		"exit", f.result.Exit, "bytes", f.result.Bytes, "took", f.result.Duration, "error", err)
	if err != nil {
		return f.result, h.named(fmt.Errorf("job %q: %w", job.ID, err))
	}
	return f.result, nil
}

// A limitError is the cause when Timeout is over. It is a
// context.DeadlineExceeded with the limit in its text.
type limitError time.Duration

func (e limitError) Error() string { return fmt.Sprintf("no end within %v", time.Duration(e)) }
func (e limitError) Unwrap() error { return context.DeadlineExceeded }

// A JobState is how a job stands.
type JobState int

// The states of a job. NeverStarted is safe to start; Died means that it ended, but
// nobody wrote down how.
const (
	JobNeverStarted JobState = iota
	JobRunning
	JobDone
	JobDied
)

func (s JobState) String() string {
	switch s {
	case JobNeverStarted:
		return "never started"
	case JobRunning:
		return "running"
	case JobDone:
		return "done"
	case JobDied:
		return "died"
	}
	return fmt.Sprintf("JobState(%d)", int(s))
}

// A JobStatus is how a job stands, and since when.
type JobStatus struct {
	State   JobState
	Started time.Time // of a running job, by the node's clock
	Exit    int       // of a job that is done
	Bytes   int64     // of a job that is done: length of its output
}

// JobStatus asks how a job stands. It changes nothing on the node.
func (h *Host) JobStatus(ctx context.Context, id string) (JobStatus, error) {
	end, err := h.ask(ctx, "status", id)
	if err != nil {
		return JobStatus{}, h.named(fmt.Errorf("status of job %q: %w", id, err))
	}
	return end.status(), nil
}

// ForgetJob removes what the node keeps of a job that has ended: its output, its
// answers, its status. The same ID can then be started again. It is an error while
// the job runs, and none if there is no such job.
func (h *Host) ForgetJob(ctx context.Context, id string) error {
	_, err := h.ask(ctx, "forget", id)
	if err != nil {
		return h.named(fmt.Errorf("forget job %q: %w", id, err))
	}
	return nil
}

// ask sends a request that is answered by one frame.
func (h *Host) ask(ctx context.Context, verb, id string) (frame, error) {
	request, err := h.request(verb, id, 0, false, "")
	if err != nil {
		return frame{}, err
	}
	c, err := h.connection(ctx)
	if err != nil {
		return frame{}, err
	}
	s, err := c.open(ctx, h.door(), sending{script: jobScript(), input: strings.NewReader(request)})
	if err != nil {
		return frame{}, c.failed(ctx, verb, false, err)
	}
	frames, stop := s.frames()
	defer stop()
	select {
	case f := <-frames:
		switch f.word {
		case "end":
			return f, nil
		case "error":
			return frame{}, f.err()
		}
		return frame{}, c.failed(ctx, verb, true, f.stop)
	case <-ctx.Done():
		return frame{}, c.failed(ctx, verb, true, errNoStatus)
	}
}

//go:embed job.pl
var jobProgram string

// jobScript is what a session runs for everything about jobs and locks. The program comes in
// a variable: in an argument it would be seen by scripts that look for processes,
// and stdin is for the request.
func jobScript() string {
	const run = `eval delete $ENV{ZUP_PROGRAM}; die $@ if $@`
	return "# zup job\nexport ZUP_PROGRAM=" + Quote(lookProgram+jobProgram+lockProgram+"main();\n") + "\nexec perl -e " + Quote(run)
}

// request returns what the program reads first.
func (h *Host) request(verb, id string, offset int64, tty bool, script string) (string, error) {
	dir, err := jobDirName(id)
	if err != nil {
		return "", err
	}
	terminal := 0
	if tty {
		terminal = 1
	}
	base := first(h.dialer.JobDir, defaultJobDir)
	if !strings.HasPrefix(base, "/") || strings.ContainsAny(base, "\n\x00") {
		return "", fmt.Errorf("job directory %q is not an absolute path", base)
	}
	return fmt.Sprintf("%s %s %d %d %d %s\n%s", verb, dir, offset, len(script), terminal, base, script), nil
}

// jobDirName makes a file name of an id. "/" becomes "+", which no id holds, so two
// ids never share a directory.
func jobDirName(id string) (string, error) {
	const allowed = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789_-./"
	for _, word := range strings.Split(id, "/") {
		if word == "" || word[0] == '.' || word[0] == '-' || strings.Trim(word, allowed) != "" {
			return "", errors.New(`an id is made of words of letters, digits, ".", "_" and "-", joined by "/"; none starts with "." or "-"`)
		}
	}
	if len(id) > 200 {
		return "", errors.New("an id has at most 200 bytes")
	}
	return strings.ReplaceAll(id, "/", "+"), nil
}

// A StillRunningError says that Job stopped following a job that has not ended as
// far as anybody knows. The cause is the end of ctx or of Timeout, or what stands
// in the way of a new connection.
type StillRunningError struct {
	ID string
	// Seen says that the node has confirmed the start. If it is false, the
	// connection broke before that and nobody knows whether the job was
	// started.
	Seen bool
	Err  error
}

func (e *StillRunningError) Error() string {
	if !e.Seen {
		return fmt.Sprintf("it is not known whether it was started: %v", e.Err)
	}
	return fmt.Sprintf("it goes on on the node, nobody follows it: %v", e.Err)
}

// Unwrap returns why the job is not followed any more.
func (e *StillRunningError) Unwrap() error { return e.Err }

// Hint says how to go on.
func (e *StillRunningError) Hint() string {
	return "run the same again: it attaches to the job and never starts it twice"
}

// A JobDiedError says that a job ended and nobody wrote down how: a power cut, a
// kill -9, no memory. What it did until then is not known.
type JobDiedError struct {
	ID    string
	Bytes int64 // of output that it left
}

func (e *JobDiedError) Error() string {
	return fmt.Sprintf("it ended without an exit status, after %d bytes of output: it was killed, or the node went down", e.Bytes)
}

// Hint says where its output is.
func (e *JobDiedError) Hint() string {
	return "find out what it did before running it again: its output is in the transcript and in its job directory on the node"
}

// A JobMismatchError says that the ID belongs to another script already.
type JobMismatchError struct{ ID string }

func (e *JobMismatchError) Error() string {
	return "a job with this id and another script is there already; nothing was started"
}

// ErrJobRunning is why ForgetJob refuses.
var ErrJobRunning = errors.New("it still runs")
