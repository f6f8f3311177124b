package state

import (
	"bufio"
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"sync"
	"time"
)

// Entry is one line of a journal: what a run was about to do, or has done.
type Entry struct {
	Action   string            `json:"action,omitempty"`   // empty: about the run itself
	Attempt  int               `json:"attempt,omitempty"`  // counts from 1 when an action is begun again
	Detail   string            `json:"detail,omitempty"`   // one line for people
	Event    Event             `json:"event"`              //
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

// Journal is the file in which a run writes down each action before and after.
// Its methods may be called from several goroutines.
type Journal struct {
	mu  sync.Mutex
	f   *os.File
	seq int
	now func() time.Time
}

// CreateJournal makes a new journal at path, mode 0600. A file that is there
// already is an error.
func CreateJournal(path string, now func() time.Time) (*Journal, error) {
	f, err := os.OpenFile(path, os.O_WRONLY|os.O_CREATE|os.O_EXCL|os.O_APPEND, 0o600)
	if err != nil {
		return nil, fmt.Errorf("create journal: %w", err)
	}
	return &Journal{f: f, now: now}, nil
}

// AppendJournal continues a journal and returns what stands in it. A last line that
// was cut off is taken away: what it was about had not begun.
func AppendJournal(path string, now func() time.Time) (*Journal, []Entry, error) {
	entries, _, err := ReadJournal(path)
	if err != nil {
		return nil, nil, err
	}
	f, err := os.OpenFile(path, os.O_RDWR, 0o600)
	if err != nil {
		return nil, nil, fmt.Errorf("continue journal: %w", err)
	}
	end, err := lastLine(f)
	if err == nil {
		err = f.Truncate(end)
	}
	if err == nil {
		_, err = f.Seek(end, io.SeekStart)
	}
	if err != nil {
		f.Close()
		return nil, nil, fmt.Errorf("continue journal: %w", err)
	}
	return &Journal{f: f, now: now, seq: len(entries)}, entries, nil
}

// lastLine is the offset behind the last line feed.
func lastLine(r io.Reader) (int64, error) {
	data, err := io.ReadAll(r)
	return int64(bytes.LastIndexByte(data, '\n') + 1), err
}

// Write appends the entry, with its number and the time, and returns when it is
// on the disk.
func (j *Journal) Write(e Entry) error {
	j.mu.Lock()
	defer j.mu.Unlock()
	e.Seq, e.Time = j.seq+1, j.now().UTC()
	data, err := json.Marshal(e)
	if err == nil {
		_, err = j.f.Write(append(data, '\n'))
	}
	if err == nil {
		err = j.f.Sync()
	}
	if err != nil {
		return fmt.Errorf("write journal: %w", err)
	}
	j.seq++
	return nil
}

// Close closes the file.
func (j *Journal) Close() error { return j.f.Close() }

// ReadJournal reads a journal. A last line that was cut off is left out and
// reported by cut; anything else that is no journal is an error.
func ReadJournal(path string) (entries []Entry, cut bool, err error) {
	f, err := os.Open(path)
	if err != nil {
		return nil, false, fmt.Errorf("read journal: %w", err)
	}
	defer f.Close()
	r := bufio.NewReader(f)
	for {
		line, err := r.ReadBytes('\n')
		switch {
		case errors.Is(err, io.EOF):
			return entries, len(bytes.TrimSpace(line)) > 0, nil
		case err != nil:
			return entries, false, fmt.Errorf("read journal: %w", err)
		}
		var e Entry
		if err := json.Unmarshal(line, &e); err != nil {
			return entries, false, fmt.Errorf("read journal %s: entry %d: %w", path, len(entries)+1, err)
		}
		if e.Seq != len(entries)+1 {
			return entries, false, fmt.Errorf("read journal %s: entry %d has number %d", path, len(entries)+1, e.Seq)
		}
		entries = append(entries, e)
	}
}
