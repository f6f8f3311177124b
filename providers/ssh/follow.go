package ssh

import (
	"context"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"strings"
	"time"
)

// A follower follows one job to its end, over as many connections as that takes.
type follower struct {
	host   *Host
	job    Job
	script string
	tty    bool

	offset  int64 // of the next byte of output
	kept    tail
	prompts prompter
	sent    bool // the node may have begun the job
	seen    bool // the node has confirmed it
	news    bool // the current session has brought something
	result  JobResult
}

// keptMax is how much of the output a result holds.
const keptMax = 256 << 10

func newFollower(h *Host, job Job) (*follower, error) {
	rules, err := compile(job.Prompts)
	if err != nil {
		return nil, err
	}
	f := &follower{
		host:    h,
		job:     job,
		script:  preamble(job.Args) + job.Script,
		tty:     job.PTY || len(rules) > 0,
		offset:  job.Offset,
		kept:    tail{max: keptMax},
		prompts: prompter{rules: rules, quiet: fallback(job.PromptQuiet, 5*time.Second)},
	}
	if strings.ContainsRune(f.script, 0) {
		return nil, errNUL
	}
	_, err = f.request()
	return f, err
}

func (f *follower) request() (string, error) {
	return f.host.request("job", f.job.ID, f.offset, f.tty, f.script)
}

// follow goes from session to session until the job has ended or nothing can be
// done any more.
func (f *follower) follow(ctx context.Context) error {
	for failures := 0; ; {
		f.news = false
		err := f.session(ctx)
		switch {
		case err == nil:
			return nil
		case ctx.Err() != nil:
			return f.unfinished(context.Cause(ctx))
		case !f.again(err, failures):
			return f.unfinished(err)
		}
		f.host.dialer.log().Info("job goes on without a connection", "on", f.host.of.String(), "id", f.job.ID, "offset", f.offset, "error", err)
		if failures++; f.news {
			failures = 0
		}
		if failures > 1 {
			if err := sleep(ctx, retryPause(failures-1)); err != nil {
				return f.unfinished(err)
			}
		}
	}
}

// again reports whether another session can help. As long as nothing was sent, that
// is so only when the connection had ended without anybody noticing; afterwards a
// job may be running there, and only what the operator has to mend ends the
// attempts.
func (f *follower) again(err error, failures int) bool {
	var lost *LostError
	var shell *ShellError
	switch {
	case !f.sent:
		return errors.As(err, &lost) && failures == 0
	case onOutage(err), errors.Is(err, ErrNoSession):
		return true
	case errors.As(err, &shell):
		return f.seen // perl may be in the middle of its own update
	}
	return false
}

// unfinished says what it means that following ended with err.
func (f *follower) unfinished(err error) error {
	var unknown *UnknownPromptError
	var died *JobDiedError
	var mismatch *JobMismatchError
	var shell *ShellError
	var refused *nodeError
	switch {
	case !f.sent,
		errors.As(err, &unknown), errors.As(err, &died), errors.As(err, &mismatch), errors.As(err, &refused),
		errors.As(err, &shell) && !f.seen:
		return err
	}
	return &StillRunningError{ID: f.job.ID, Seen: f.seen, Err: err}
}

// session attaches to the job once. It returns nil when the job has ended.
func (f *follower) session(ctx context.Context) error {
	c, err := f.host.connection(ctx)
	if err == nil && !f.seen {
		err = f.host.mine()
	}
	if err != nil {
		return err
	}
	request, err := f.request()
	if err != nil {
		return err
	}
	orders := &mailbox{lines: make(chan string, 8)}
	defer close(orders.lines)
	s, err := c.open(ctx, f.host.door(), sending{script: jobScript(), input: io.MultiReader(strings.NewReader(request), orders)})
	if err != nil {
		return c.failed(ctx, "follow", false, err)
	}
	f.sent = true
	frames, stop := s.frames()
	defer stop()
	f.prompts.attach(f.offset, time.Now())
	return f.listen(ctx, c, frames, orders)
}

// listen takes what the node says and sends what the prompter wants.
func (f *follower) listen(ctx context.Context, c *conn, frames <-chan frame, orders *mailbox) error {
	gone := c.gone
	wake := time.NewTimer(time.Hour) // set by decide
	defer wake.Stop()
	for {
		select {
		case fr := <-frames:
			if fr.stop != nil {
				return c.failed(ctx, "follow", true, fr.stop)
			}
			if ended, err := f.take(fr); ended || err != nil {
				return err
			}
		case <-wake.C:
			if f.prompts.closed != nil {
				return f.prompts.closed
			}
			if gone == nil {
				return &LostError{Doing: "follow", Sent: true, Err: c.blamed(c.cause)}
			}
		case <-ctx.Done():
			return context.Cause(ctx)
		case <-gone:
			// What has arrived already is still to be read.
			gone = nil
			wake.Reset(lingerFor)
			continue
		}
		if gone != nil {
			f.decide(orders, wake)
		}
	}
}

// decide carries out what the prompter wants.
func (f *follower) decide(orders *mailbox, wake *time.Timer) {
	p := &f.prompts
	if p.closed != nil {
		wake.Reset(closeGrace - time.Since(p.moved))
		return
	}
	wake.Stop()
	switch o := p.decide(time.Now()); {
	case o.answer != nil:
		p.pending = true
		orders.lines <- fmt.Sprintf("answer %d %d %s %s\n", p.next, p.offset, o.answer.Name, hex.EncodeToString([]byte(o.answer.Answer)))
	case o.close != nil:
		p.pending = true
		orders.lines <- fmt.Sprintf("close %d %s %s\n", p.offset, first(o.close.Prompt, noPrompt), hex.EncodeToString([]byte(o.close.Text)))
	case o.wait > 0:
		wake.Reset(o.wait)
	}
}

// take believes one frame.
func (f *follower) take(fr frame) (ended bool, err error) {
	f.news = true
	now := time.Now()
	switch fr.word {
	case "job":
		if !f.seen {
			f.result.Attached = fr.field(0) == "1"
			f.result.Started = time.Unix(fr.int(1), 0)
		}
		f.seen = true
	case "past":
		f.prompts.recall(fr.data)
	case "out":
		f.offset += int64(len(fr.data))
		f.kept.Write(fr.data)
		f.prompts.output(fr.data, now)
		if f.job.Output != nil {
			f.job.Output(fr.data)
		}
	case "answer":
		f.prompts.answered(int(fr.int(0)), fr.int(1), fr.field(2), now)
	case "close":
		f.prompts.close(&UnknownPromptError{ID: f.job.ID, Text: fr.hex(2), Prompt: strings.TrimPrefix(fr.field(1), noPrompt)}, now)
	case "state":
		f.prompts.processes(fr.field(0), now)
	case "end":
		return true, f.end(fr.status())
	case "error":
		return false, f.refused(fr.err())
	default:
		return false, &ShellError{Output: fmt.Sprintf("in the job protocol: %q", fr.word)}
	}
	return false, nil
}

func (f *follower) end(s JobStatus) error {
	switch {
	case s.State == JobDied:
		return &JobDiedError{ID: f.job.ID, Bytes: f.offset}
	case s.State != JobDone:
		return &ShellError{Output: "in the job protocol: the job ended as " + s.State.String()}
	case s.Bytes != f.offset:
		return &nodeError{fmt.Errorf("its output has %d bytes, and %d were asked for or received", s.Bytes, f.offset)}
	}
	f.result.Exit = s.Exit
	if unknown := f.prompts.closed; unknown != nil {
		unknown.Ended, unknown.Exit = true, s.Exit
		return unknown
	}
	return nil
}

func (f *follower) refused(err error) error {
	if errors.Is(err, errMismatch) {
		return &JobMismatchError{ID: f.job.ID}
	}
	return &nodeError{err}
}

// A nodeError is what the job program itself could not do.
type nodeError struct{ error }

func (e *nodeError) Unwrap() error { return e.error }

// A mailbox is a queue of lines that reads as a stream and ends when lines is
// closed.
type mailbox struct {
	lines chan string
	rest  string
}

func (m *mailbox) Read(p []byte) (int, error) {
	if m.rest == "" {
		m.rest = <-m.lines
	}
	if m.rest == "" {
		return 0, io.EOF
	}
	n := copy(p, m.rest)
	m.rest = m.rest[n:]
	return n, nil
}

// noPrompt stands where a prompt's name would; no name starts with it.
const noPrompt = "@"
