package apply

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"sync"
	"time"

	"zup/plan"
	"zup/plan/disk"
	"zup/plan/escape"
	"zup/plan/name"
	"zup/plan/state"
)

const (
	transcriptLimit = 32 << 20 // bytes of output that a transcript keeps
	lineLimit       = 64 << 10 // a longer line is cut in two
	tailLines       = 12       // lines of output that an error shows
)

// transcript is what was sent to a node for one action and what came back, in a
// file of its own: the script, the output, escaped, the exit status, the time.
type transcript struct {
	b      *branch
	action *plan.Action
	file   *os.File
	path   string // below the run's folder
	began  time.Time
	forbid []*regexp.Regexp
	judged []*regexp.Regexp

	mu      sync.Mutex
	lines   lineCutter
	last    []string // the last lines as a terminal would leave them, up to bad
	written int64
	cut     string // why nothing more is kept; empty: all of it is
	bad     string // the first line that a pattern of Forbid matched
	doubted string // the first line that a pattern of Judged matched, and none of Forbid
}

func (b *branch) transcript(a *plan.Action) (*transcript, error) {
	t, err := b.transcriptOf(a, a.ID, a.Script)
	if err != nil {
		return nil, err
	}
	if t.forbid, err = compiled(a.Forbid); err == nil {
		t.judged, err = compiled(a.Judged)
	}
	if err != nil {
		t.close()
		return nil, err
	}
	return t, nil
}

func compiled(patterns []string) ([]*regexp.Regexp, error) {
	all := make([]*regexp.Regexp, 0, len(patterns))
	for _, pattern := range patterns {
		re, err := regexp.Compile(pattern)
		if err != nil {
			return nil, err
		}
		all = append(all, re)
	}
	return all, nil
}

func (b *branch) transcriptOf(a *plan.Action, name, script string) (*transcript, error) {
	f, path, err := b.newTranscript(name)
	if err != nil {
		return nil, err
	}
	t := &transcript{b: b, action: a, file: f, path: path, began: time.Now()}
	where, what := "on", "script"
	if a.Primitive == plan.Local {
		where, what = "here, for", "command, one argument a line"
	}
	head := fmt.Sprintf("# %s %s %s, begun %s\n# %s:\n%s\n# output:\n",
		name, where, a.Node, b.Now().UTC().Format(time.RFC3339Nano), what, indent(script))
	b.runner.mu.Lock()
	b.report.action(a.ID).Transcript = path
	b.runner.mu.Unlock()
	return t, b.written(func() error { return writeAnew(f, head) })
}

// newTranscript makes a file for a transcript. In a run that is resumed an earlier
// attempt may have the name.
func (b *branch) newTranscript(called string) (f *os.File, path string, err error) {
	if !name.Action(called) {
		return nil, "", fmt.Errorf("%q can't name a transcript", called)
	}
	path = filepath.Join(transcriptsName, called+".txt")
	for i := 2; ; i++ {
		err = b.written(func() error {
			f, err = disk.Create(filepath.Join(b.Dir, path), 0o600)
			return err
		})
		if !b.Resume || !errors.Is(err, fs.ErrExist) {
			return f, path, err
		}
		path = filepath.Join(transcriptsName, fmt.Sprintf("%s.%d.txt", called, i))
	}
}

func writeAnew(f *os.File, text string) error {
	err := f.Truncate(0)
	if err == nil {
		_, err = f.Seek(0, io.SeekStart)
	}
	if err == nil {
		_, err = f.WriteString(text)
	}
	return err
}

func indent(s string) string {
	return "\t" + strings.ReplaceAll(strings.TrimRight(s, "\n"), "\n", "\n\t")
}

// output takes bytes of output as they come.
func (t *transcript) output(data []byte) {
	t.mu.Lock()
	defer t.mu.Unlock()
	t.lines.write(data, t.line)
}

// lineCutter makes lines of output that comes in pieces.
type lineCutter struct {
	partial []byte // of a line that has not ended
}

// write hands on every line that ends in data, without its end.
func (c *lineCutter) write(data []byte, line func(raw string)) {
	for len(data) > 0 {
		n := bytes.IndexByte(data, '\n')
		if n < 0 {
			c.partial = append(c.partial, data...)
			if len(c.partial) > lineLimit {
				c.cut(line)
			}
			return
		}
		c.partial = append(c.partial, data[:n]...)
		c.cut(line)
		data = data[n+1:]
	}
}

func (c *lineCutter) cut(line func(raw string)) {
	raw := strings.TrimRight(string(c.partial), "\r")
	c.partial = c.partial[:0]
	line(raw)
}

// end hands on a line that nothing has ended.
func (c *lineCutter) end(line func(raw string)) {
	if len(c.partial) > 0 {
		c.cut(line)
	}
}

// line takes a line of the output.
func (t *transcript) line(raw string) {
	text, printed := escape.Line(raw), escape.Printed(raw)
	if t.bad == "" {
		if t.last = append(t.last, printed); len(t.last) > tailLines {
			t.last = t.last[1:]
		}
		switch {
		case matches(t.forbid, printed, raw):
			t.bad = printed
		case t.doubted == "" && matches(t.judged, printed, raw):
			t.doubted = printed
		}
	}
	t.keep(text + "\n")
	t.b.event(t.b.about(t.b.index(t.action), Event{Kind: ActionPrints, Text: printed}))
}

// keep writes into the file. Where there is no room, the rest of the output is left
// out: the room that is kept for the record is not for this.
func (t *transcript) keep(text string) {
	if t.cut != "" {
		return
	}
	n, err := t.file.WriteString(text)
	t.written += int64(n)
	switch {
	case err != nil:
		t.cut = "the rest of the output is left out: " + err.Error()
		if state.NoRoom(err) {
			t.b.noRoom(err)
		}
	case t.written > transcriptLimit:
		t.cut = "the rest of the output is left out"
	}
}

// matches reports whether a pattern matches a line, as a terminal shows it or as it came.
func matches(patterns []*regexp.Regexp, printed, raw string) bool {
	return slices.ContainsFunc(patterns, func(re *regexp.Regexp) bool { return re.MatchString(printed) || re.MatchString(raw) })
}

// doubt is what the node printed that means failure unless the check of its action holds
// soon; "" is nothing.
func (t *transcript) doubt() string {
	t.mu.Lock()
	defer t.mu.Unlock()
	return t.doubted
}

// ended writes how the script ended.
func (t *transcript) ended(exit int, err error) {
	t.mu.Lock()
	defer t.mu.Unlock()
	t.lines.end(t.line)
	how := fmt.Sprintf("exit status %d", exit)
	if err != nil {
		how = escape.Line(err.Error())
	}
	if t.cut != "" {
		how = t.cut + "\n# " + how
	}
	t.b.written(func() error {
		_, err := fmt.Fprintf(t.file, "# %s after %s\n", how, round(time.Since(t.began)))
		return err
	})
}

// judge says whether the script failed by what it printed or how it ended.
func (t *transcript) judge(exit int, err error) *Stop {
	t.mu.Lock()
	defer t.mu.Unlock()
	s := &Stop{Kind: StopFailed, Tail: strings.Join(t.last, "\n")}
	switch running := stillRunning(err); {
	case running != "":
		s.Running, s.Why = running, escape.Line(err.Error())
	case err != nil:
		s.Why = escape.Line(err.Error())
	case t.bad != "" && t.doubted != "": // it came first, and says more
		s.Why = "the node printed \"" + t.doubted + "\""
	case t.bad != "":
		s.Why = "the node printed \"" + t.bad + "\""
	case exit != 0:
		s.Why = fmt.Sprintf("its script ended with status %d", exit)
	default:
		return nil
	}
	return s
}

func (t *transcript) tail() string {
	t.mu.Lock()
	defer t.mu.Unlock()
	return strings.Join(t.last, "\n")
}

// close ends the transcript. What the journal writes next about its action has its
// digest.
func (t *transcript) close() {
	t.file.Close()
	sum, err := state.FileDigest(filepath.Join(t.b.Dir, t.path))
	if err != nil {
		return // a file that can't be read back has no digest, and the report says that it has none
	}
	t.b.mu.Lock()
	defer t.b.mu.Unlock()
	sums := t.b.sums[t.action.ID]
	if sums == nil {
		sums = map[string]string{}
		t.b.sums[t.action.ID] = sums
	}
	sums[filepath.ToSlash(t.path)] = sum
}

// writeJournal writes an entry, with the digests of the transcripts of its action that
// were closed since the entry before.
func (b *branch) writeJournal(e state.Entry) error {
	b.mu.Lock()
	e.Files = b.sums[e.Action]
	delete(b.sums, e.Action)
	b.mu.Unlock()
	return b.runner.writeJournal(e)
}
