package ssh

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"strconv"
	"strings"
	"time"
)

// A Command is a script to run.
type Command struct {
	Script string    // POSIX sh; it starts in / as root
	Args   []string  // its $1, $2, …; like the script they appear in no process's command line
	Stdin  io.Reader // what the script reads; nil: nothing
	Read   string    // what a reader is asked instead, which runs no script; "": it refuses. See ReadsFacts
	Limit  int64     // bytes of stdout to accept; 0: 1 MiB
}

// A Result is what came of a Command.
type Result struct {
	Stdout    []byte // at most Limit bytes, the first
	Stderr    []byte // at most 64 KiB, the last
	Exit      int    // the exit status as sh says it: 128+n after signal n
	Truncated bool   // Stdout is not all of it
}

// Run runs a script on the host, in a session of its own, and waits for its end.
// An exit status other than 0 is a result and not an error. Processes that the
// script leaves behind go on; their output is not waited for.
//
// It blocks as long as the script runs, however long the connection takes to be
// made again first. When ctx ends, Run returns at once and the script goes on
// until it writes something; when the connection is lost the error is a
// *LostError, and the same holds. With more output than Limit the error is an
// *OutputError, and the result is there all the same.
func (h *Host) Run(ctx context.Context, cmd Command) (Result, error) {
	start := time.Now()
	res, err := h.run(ctx, cmd)
	h.dialer.log().Debug("script ran", "on", h.of.String(), "bytes", len(cmd.Script), "exit", res.Exit,
		"stdout", len(res.Stdout), "took", time.Since(start), "error", err)
	return res, h.named(err)
}

func (h *Host) run(ctx context.Context, cmd Command) (Result, error) {
	for again := true; ; again = false {
		c, err := h.connection(ctx)
		if err != nil {
			return Result{}, err
		}
		res, err := c.run(ctx, h.door(), cmd)
		var lost *LostError
		if !errors.As(err, &lost) || lost.Sent || !again {
			return res, err
		}
		// The connection had ended without anybody noticing.
	}
}

func (c *conn) run(ctx context.Context, d door, cmd Command) (Result, error) {
	s, err := c.open(ctx, d, sending{script: preamble(cmd.Args) + ending + cmd.Script, read: cmd.Read, input: cmd.Stdin})
	if err != nil {
		return Result{}, c.failed(ctx, "run", false, err)
	}
	type outcome struct {
		res Result
		err error
	}
	done := make(chan outcome, 1)
	go func() {
		res, err := s.collect(cmd.Limit)
		done <- outcome{res, err}
	}()
	var o outcome
	select {
	case o = <-done:
	case <-ctx.Done():
		o.err = errNoStatus
		go s.ch.Close()
	case <-c.gone:
		// The end of the script may have arrived right before the end of the
		// connection.
		select {
		case o = <-done:
		case <-time.After(lingerFor):
			o.err = errNoStatus
		}
	}
	return o.res, c.failed(ctx, "run", true, o.err)
}

// failed says what an error in a session means: the node or the account refused,
// the caller has enough, or the connection is lost.
func (c *conn) failed(ctx context.Context, doing string, sent bool, err error) error {
	if err == nil {
		return nil
	}
	var shell *ShellError
	var output *OutputError
	var reader *ReaderError
	var entry *entryError
	switch {
	case errors.As(err, &entry), errors.As(err, &shell), errors.As(err, &output), errors.As(err, &reader), errors.Is(err, ErrNoSession), errors.Is(err, errNUL):
		return fmt.Errorf("%s: %w", doing, err)
	case ctx.Err() != nil:
		return fmt.Errorf("%s: %w", doing, context.Cause(ctx))
	}
	return &LostError{Doing: doing, Sent: sent, Err: c.why(err)}
}

// collect reads what the script prints and waits for its end.
func (s *session) collect(limit int64) (Result, error) {
	defer s.ch.Close()
	if limit <= 0 {
		limit = 1 << 20
	}
	if err := s.begin(); err != nil {
		return Result{}, err
	}
	out := &head{max: limit + int64(len("\n"+s.mark+" 255\n"))}
	last := &tail{max: 1 << 10}
	outEOF := make(chan struct{})
	go func() {
		defer close(outEOF)
		io.Copy(io.MultiWriter(out, last), s.stdout)
	}()
	<-s.exited
	if s.status < 0 {
		return Result{}, errNoStatus
	}
	s.drain(outEOF, out)
	if s.on.broken() {
		// The status can come before the last of the output, and then it is not
		// known whether that has arrived.
		return Result{}, errNoStatus
	}
	res := Result{Exit: s.status, Stderr: s.stderr.bytes()}
	res.Stdout = out.bytes()
	total := out.count()
	if at, exit := endOf(res.Stdout, s.mark); at >= 0 {
		res.Stdout, res.Exit, total = res.Stdout[:at], exit, int64(at)
	} else if end := last.bytes(); total > limit {
		if at, exit = endOf(end, s.mark); at >= 0 {
			res.Exit, total = exit, total-int64(len(end)-at)
		}
	}
	if total > limit {
		res.Stdout, res.Truncated = res.Stdout[:limit], true
		return res, &OutputError{Limit: limit, Bytes: total}
	}
	return res, nil
}

// ending has a script say when it ends, with the mark and its exit status: what comes
// behind that is the login shell's, which may say something when it ends (a trap in a
// .bashrc), and end with a status of its own. $m is bootstrap's.
const ending = `trap "printf '\n%s %s\n' $m \$?" 0; `

// endOf returns where a script's output ends and its exit status; -1 where it does not say:
// it was killed, has become another program, or a reader has answered.
func endOf(out []byte, mark string) (at, exit int) {
	at = bytes.LastIndex(out, []byte("\n"+mark+" "))
	if at < 0 {
		return -1, 0
	}
	status, _, ok := strings.Cut(string(out[at+len(mark)+2:]), "\n")
	exit, err := strconv.Atoi(status)
	if !ok || err != nil || exit < 0 || exit > 255 {
		return -1, 0
	}
	return at, exit
}

// drain waits for the end of stderr and, if out is not nil, of what is copied to
// out. It stops when nothing has come for a while: then something that the script
// left behind holds them open.
func (s *session) drain(outEOF <-chan struct{}, out *head) {
	ends := []<-chan struct{}{s.errEOF}
	if out != nil {
		ends = append(ends, outEOF)
	}
	for len(ends) > 0 {
		before := out.count()
		quiet := time.NewTimer(lingerFor)
		select {
		case <-ends[0]:
			ends = ends[1:]
		case <-quiet.C:
			if out.count() == before {
				return
			}
		}
		quiet.Stop()
	}
}
