package state

import (
	"bufio"
	"bytes"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"sync"
	"time"

	"zup/plan/disk"
)

// Entry is one line of a journal: what a run was about to do, or has done.
type Entry struct {
	Action   string            `json:"action,omitempty"`   // empty: about the run itself
	Attempt  int               `json:"attempt,omitempty"`  // counts from 1 when an action is begun again
	Detail   string            `json:"detail,omitempty"`   // one line for people
	Event    Event             `json:"event"`              //
	Files    map[string]string `json:"files,omitempty"`    // below the run's folder, as they are now → SHA-256, hex
	Recorded map[string]string `json:"recorded,omitempty"` // "node/fact" → value
	Seq      int               `json:"seq"`                // counts from 1
	Time     time.Time         `json:"time"`               //
}

// Event is what a journal entry is about.
type Event string

// The events, in the order in which an action can have them. A journal that
// ends with Begin tells that the action may have run: ask the node.
const (
	RunBegin  Event = "run_begin"
	Begin     Event = "begin" // written before the first byte goes to a node
	Done      Event = "done"  // proven by the action's check
	Fail      Event = "fail"
	UndoBegin Event = "undo_begin"
	UndoDone  Event = "undo_done"
	UndoFail  Event = "undo_fail"
	RunEnd    Event = "run_end"
	Resume    Event = "resume" // the run goes on
)

// A line ends with a digest of itself and of the lines before it, so that a bit that
// was flipped anywhere, a line that is missing and one from another place are seen:
//
//	{"event":"begin","seq":2,"time":"…","sum":"<32 hex digits>"}
const (
	sumBefore = `,"sum":"`
	sumAfter  = `"}`
	sumLength = 32
)

// sumOf is the digest of a line without its end, in a journal whose line before ends
// with this sum.
func sumOf(before string, line []byte) string {
	h := sha256.New()
	h.Write([]byte(before))
	h.Write(line)
	return hex.EncodeToString(h.Sum(nil))[:sumLength]
}

// cutSum splits a line into what was digested and the digest.
func cutSum(line []byte) (body []byte, sum string, ok bool) {
	end := len(sumBefore) + sumLength + len(sumAfter)
	line = bytes.TrimSuffix(line, []byte("\n"))
	if len(line) < end || !bytes.HasSuffix(line, []byte(sumAfter)) {
		return nil, "", false
	}
	body, tail := line[:len(line)-end], line[len(line)-end:]
	sum = string(tail[len(sumBefore) : len(sumBefore)+sumLength])
	return body, sum, bytes.HasPrefix(tail, []byte(sumBefore))
}

// Journal is the file in which a run writes down each action before and after.
// Its methods may be called from several goroutines.
type Journal struct {
	mu   sync.Mutex
	f    *os.File
	path string
	seq  int
	sum  string // of the last line
	size int64  // of the lines that are whole
	now  func() time.Time
}

// CreateJournal makes a new journal at path, mode 0600. A file that is there
// already is an error.
func CreateJournal(path string, now func() time.Time) (*Journal, error) {
	f, err := disk.Create(path, 0o600)
	if err != nil {
		return nil, placed("create journal", path, err)
	}
	if err := disk.Sync(path); err != nil {
		f.Close()
		return nil, placed("create journal", path, err)
	}
	return &Journal{f: f, path: path, now: now}, nil
}

// AppendJournal continues a journal and returns what stands in it. A last line that
// was cut off is taken away, and cut tells of it: if zup was writing it, what it was
// about had not begun; if the file was damaged later, it may have.
func AppendJournal(path string, now func() time.Time) (j *Journal, entries []Entry, cut bool, err error) {
	read, err := readJournal(path)
	if err != nil {
		return nil, nil, false, err
	}
	f, err := disk.Edit(path, 0)
	if err != nil {
		return nil, nil, false, placed("continue journal", path, err)
	}
	j = &Journal{f: f, path: path, now: now, seq: len(read.entries), sum: read.sum, size: read.size}
	if err := j.cutBack(); err != nil {
		f.Close()
		return nil, nil, false, placed("continue journal", path, err)
	}
	return j, read.entries, read.cut, nil
}

// cutBack takes away what follows the last whole line.
func (j *Journal) cutBack() error {
	if err := j.f.Truncate(j.size); err != nil {
		return err
	}
	_, err := j.f.Seek(j.size, io.SeekStart)
	return err
}

// Write appends the entry, with its number and the time, and returns when it is
// on the disk. When it fails the journal is as before: half a line is taken away.
func (j *Journal) Write(e Entry) error {
	j.mu.Lock()
	defer j.mu.Unlock()
	e.Seq, e.Time = j.seq+1, j.now().UTC()
	line, err := json.Marshal(e)
	if err != nil {
		return err
	}
	line = line[:len(line)-len("}")]
	sum := sumOf(j.sum, line)
	line = append(line, sumBefore+sum+sumAfter+"\n"...)
	if _, err = j.f.Write(line); err == nil {
		err = j.f.Sync()
	}
	if err != nil {
		return placed("write journal", j.path, errors.Join(err, j.cutBack()))
	}
	j.seq, j.sum, j.size = e.Seq, sum, j.size+int64(len(line))
	return nil
}

// Close closes the file.
func (j *Journal) Close() error { return j.f.Close() }

// DamagedJournalError says that a journal is not what zup wrote.
type DamagedJournalError struct {
	Path   string
	Entry  int // the first that can't be believed, from 1
	Reason string
}

func (e *DamagedJournalError) Error() string {
	return fmt.Sprintf("journal %s is damaged: entry %d %s", e.Path, e.Entry, e.Reason)
}

// ReadJournal reads a journal. A last line that was cut off is left out and
// reported by cut; anything else that is no journal is a *DamagedJournalError,
// with the entries before it.
func ReadJournal(path string) (entries []Entry, cut bool, err error) {
	read, err := readJournal(path)
	return read.entries, read.cut, err
}

// journalText is what a journal says as far as it can be believed.
type journalText struct {
	entries []Entry
	sum     string // of the last line
	size    int64  // of the lines
	cut     bool   // something follows that is no whole line
}

func readJournal(path string) (journalText, error) {
	f, err := disk.Open(path)
	if err == nil && f.Size() > disk.MaxRecord {
		err = errors.Join(&disk.SizeError{Limit: disk.MaxRecord, Size: f.Size()}, f.Close())
	}
	if err != nil {
		return journalText{}, placed("read journal", path, err)
	}
	defer f.Close()
	return parseJournal(path, f)
}

func parseJournal(path string, from io.Reader) (t journalText, err error) {
	r := bufio.NewReader(from)
	for {
		line, err := r.ReadBytes('\n')
		switch {
		case errors.Is(err, io.EOF):
			t.cut = len(bytes.TrimSpace(line)) > 0
			return t, nil
		case err != nil:
			return t, placed("read journal", path, err)
		}
		e, sum, reason := t.next(line)
		if reason != "" {
			return t, &DamagedJournalError{path, len(t.entries) + 1, reason}
		}
		t.entries, t.sum, t.size = append(t.entries, e), sum, t.size+int64(len(line))
	}
}

// next reads one line; reason says why it can't be believed.
func (t *journalText) next(line []byte) (e Entry, sum, reason string) {
	body, sum, ok := cutSum(line)
	if !ok {
		return e, "", "does not end with a sum"
	}
	if sumOf(t.sum, body) != sum {
		return e, "", "has a sum that is not that of its content and of what stands before it"
	}
	if err := json.Unmarshal(line, &e); err != nil {
		return e, "", "is no JSON object: " + err.Error()
	}
	if e.Seq != len(t.entries)+1 {
		return e, "", fmt.Sprintf("has the number %d", e.Seq)
	}
	if problem := e.misnamed(); problem != "" {
		return e, "", "has a name that zup would not give: " + problem
	}
	return e, sum, ""
}
