package apply

import (
	"bytes"
	"context"
	"errors"
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"testing/synctest"
	"time"

	"zup/plan"
	"zup/plan/state"
)

// Wherever the journal of a run was cut off by damage, in a line or between two, and
// whatever it then says of actions that the nodes know better: resume ends well or
// refuses, and nothing that changes a node is done twice.
func TestResumeOfATruncatedJournal(t *testing.T) {
	left, dir := stoppedAt(t, "a.a2.update", func(n *nodes, j *keptJob) {
		j.ended = true
		n.set(j.script)
	})
	journal, err := os.ReadFile(filepath.Join(dir, "run", "journal.jsonl"))
	if err != nil {
		t.Fatal(err)
	}
	ended, refused := 0, 0
	for at := range journal {
		if rest := journal[at:]; rest[0] != '\n' && (at == 0 || journal[at-1] != '\n') && at%41 != 0 {
			continue
		}
		n, copied := left.copy(), filepath.Join(t.TempDir(), "copy")
		if err := os.CopyFS(copied, os.DirFS(dir)); err != nil {
			t.Fatal(err)
		}
		if err := os.Truncate(filepath.Join(copied, "run", "journal.jsonl"), int64(at)); err != nil {
			t.Fatal(err)
		}
		o := n.options(t, copied)
		o.Resume = true
		synctest.Test(t, func(t *testing.T) {
			r, err := Run(t.Context(), resumable(), o)
			switch {
			case err == nil:
				ended++
			case r.Clusters[0].Stop == nil:
				t.Errorf("cut at %d: %v", at, err)
			default:
				refused++
			}
		})
		for script, times := range n.ran {
			if times != 1 && script != "a1 left no" {
				t.Errorf("cut at %d: %q was carried out %d times", at, script, times)
			}
		}
		if n.local["zup-1.0-00000001"] != 1 {
			t.Errorf("cut at %d: the snapshot was taken %d times", at, n.local["zup-1.0-00000001"])
		}
	}
	t.Logf("%d ended well, %d were refused", ended, refused)
	if ended < 3 || refused < 10 {
		t.Errorf("%d ended well, %d were refused", ended, refused)
	}
}

// A clock that is set by hours in either direction, at every look, changes no time
// limit, no duration and no measured window.
func TestClockThatJumps(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newWorld(t, "edge1", "edge2")
		slow := func(node, fact, value string) func(context.Context, func([]byte)) (int, error) {
			return func(context.Context, func([]byte)) (int, error) {
				time.Sleep(3 * time.Second)
				w.set(node, fact, value)
				return 0, nil
			}
		}
		w.do["edge.one"], w.do["edge.two"] = slow("edge1", "version", "2"), slow("edge2", "version", "2")
		one, two := action("edge.one", "edge1", "version", "2"), action("edge.two", "edge2", "version", "2")
		late := wait("edge.late", "edge2", "role", "master")
		go func() {
			time.Sleep(10 * time.Second) // of the 10 s that the wait has, from second 6 on
			w.set("edge2", "role", "master")
		}()
		looks := 0
		report, err := w.apply(planOf([]plan.Cluster{cluster("edge")}, one, two, late), func(o *Options) {
			o.Now = func() time.Time {
				looks++
				return time.Now().Add(time.Duration(1-2*(looks%2)) * time.Duration(looks) * time.Hour)
			}
		})
		if err != nil {
			t.Fatalf("%v %+v", err, report.Clusters[0].Stop)
		}
		for i, want := range []time.Duration{3 * time.Second, 3 * time.Second, 4 * time.Second} {
			if got := report.Clusters[0].Actions[i].Took(); got < want || got > want+want/8 {
				t.Errorf("%s took %s, want %s", report.Clusters[0].Actions[i].ID, got, want)
			}
		}
		if got := report.TookNS; got < 10*time.Second || got > 11*time.Second || report.Clusters[0].TookNS != got {
			t.Errorf("the run took %s, its cluster %s", got, report.Clusters[0].TookNS)
		}
		entries, _, err := state.ReadJournal(filepath.Join(w.dir, "run", "journal.jsonl"))
		if err != nil {
			t.Fatal(err)
		}
		back := 0
		for i := 1; i < len(entries); i++ {
			if entries[i].Time.Before(entries[i-1].Time) {
				back++
			}
		}
		if back == 0 {
			t.Error("the clock did not go back in this test")
		}
	})
}

// And a limit is a limit, however much the clock is set back meanwhile.
func TestLimitWhileTheClockGoesBack(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newWorld(t, "edge1", "edge2")
		began := time.Now()
		report, err := w.apply(planOf([]plan.Cluster{cluster("edge")}, wait("edge.never", "edge1", "role", "master")), func(o *Options) {
			o.Now = func() time.Time { return began.Add(-2 * time.Since(began)) }
		})
		if err == nil || !strings.Contains(report.Clusters[0].Stop.Why, "within 10s") {
			t.Fatal(err)
		}
		if took := time.Since(began); took > 11*time.Second {
			t.Errorf("it stopped after %s", took)
		}
	})
}

// A run that is resumed with a clock that was set back in between has no negative
// durations.
func TestResumeBeforeItBegan(t *testing.T) {
	left, dir := stoppedAt(t, "a.a2.update", func(*nodes, *keptJob) {})
	o := left.options(t, dir)
	o.Resume = true
	o.Now = func() time.Time { return time.Now().Add(-24 * time.Hour) }
	r, err := Run(t.Context(), resumable(), o)
	if err != nil {
		t.Fatal(err)
	}
	if r.TookNS < 0 || r.TookNS > time.Minute || r.Clusters[0].TookNS < 0 {
		t.Errorf("the run took %s, its cluster %s", r.TookNS, r.Clusters[0].TookNS)
	}
	for _, a := range r.Clusters[0].Actions {
		if a.Took() < 0 || a.Took() > time.Minute {
			t.Errorf("%s took %s", a.ID, a.Took())
		}
	}
}

// The room that is kept is really there, has no name, and is given back.
func TestRoom(t *testing.T) {
	dir := t.TempDir()
	r, err := keepRoom(300<<10, dir)
	if err != nil {
		t.Fatal(err)
	}
	var s syscall.Stat_t
	if err := syscall.Fstat(int(r.kept[0].Fd()), &s); err != nil || s.Blocks*512 < 300<<10 || s.Nlink != 0 {
		t.Errorf("%d bytes on the disk, %d names (%v)", s.Blocks*512, s.Nlink, err)
	}
	if files, err := os.ReadDir(dir); err != nil || len(files) != 0 {
		t.Errorf("%v %v", files, err)
	}
	f := r.kept[0]
	r.give()
	r.give()
	if _, err := f.Write([]byte("x")); !errors.Is(err, os.ErrClosed) {
		t.Errorf("err is %v", err)
	}
	if _, err := keepRoom(1, filepath.Join(dir, "not there")); err == nil {
		t.Error("room in a folder that is not there")
	}
}

// What was refused for want of room is written once more when the room is given up,
// and the run is asked to stop; another error is not tried again.
func TestWritten(t *testing.T) {
	for _, tt := range []struct {
		err   error
		times int
	}{{syscall.ENOSPC, 2}, {syscall.EDQUOT, 2}, {syscall.EIO, 1}} {
		r := &runner{room: &room{}}
		r.stopping, r.stop = context.WithCancel(t.Context())
		times := 0
		err := r.written(func() error {
			if times++; times == 1 {
				return &os.PathError{Op: "write", Path: "x", Err: tt.err}
			}
			return nil
		})
		if times != tt.times || (err == nil) != (tt.times == 2) || (r.room.full() == nil) != (r.stopping.Err() == nil) || (r.room.full() != nil) != (tt.times == 2) {
			t.Errorf("%v: %d times, %v, full: %v, stopping: %v", tt.err, times, err, r.room.full(), r.stopping.Err())
		}
	}
}

// A transcript that can't be kept to its end says so, and how the script ended.
func TestTranscriptWithoutRoom(t *testing.T) {
	full, err := os.OpenFile("/dev/full", os.O_WRONLY, 0)
	if err != nil {
		if os.Getenv("ZUP_CI") != "" {
			t.Fatal(err)
		}
		t.Skip(err)
	}
	defer full.Close()
	r := &runner{Options: Options{Events: func(Event) {}, Now: time.Now}, room: &room{}}
	r.stopping, r.stop = context.WithCancel(t.Context())
	b := &branch{runner: r}
	tr := &transcript{b: b, action: &plan.Action{}, file: full, began: time.Now()}
	b.actions = []*plan.Action{tr.action}
	tr.output([]byte("one\ntwo\n"))
	if !state.NoRoom(r.room.full()) || r.stopping.Err() == nil || !strings.Contains(tr.cut, "left out: ") || tr.written != 0 {
		t.Fatalf("full: %v, stopping: %v, %+v", r.room.full(), r.stopping.Err(), tr)
	}
	kept, err := os.Create(filepath.Join(t.TempDir(), "t"))
	if err != nil {
		t.Fatal(err)
	}
	defer kept.Close()
	tr.file = kept
	tr.ended(3, nil)
	text, err := os.ReadFile(kept.Name())
	if err != nil || !bytes.Contains(text, []byte("# the rest of the output is left out")) || !bytes.Contains(text, []byte("# exit status 3 after")) {
		t.Errorf("%s (%v)", text, err)
	}
	if tr.tail() != "one\ntwo" {
		t.Errorf("the message has %q", tr.tail())
	}
}
