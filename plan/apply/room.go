package apply

import (
	"crypto/rand"
	"fmt"
	"os"
	"path/filepath"
	"sync"

	"zup/plan"
	"zup/plan/disk"
	"zup/plan/state"
)

// room is space on the disks that a run keeps for its own record: files without a
// name, which the kernel takes away when they are closed or zup dies. When nothing
// more can be written it is given up, so that what is under way can be written down
// until the run may rest.
type room struct {
	mu    sync.Mutex
	kept  []*os.File
	cause error // the first write for which there was no room; nil: there is room
}

// roomFor is how many bytes the record of a plan may need from the moment in which the
// disk is full: some lines of the journal, the state file anew, the report.
func roomFor(p *plan.Plan) int64 {
	probes := 0
	for i := range p.Clusters {
		probes += len(p.Clusters[i].Probes)
	}
	return 1<<20 + int64(len(p.Clusters))*4<<10 + int64(len(p.Actions))*512 + int64(probes)*32<<10
}

// keepRoom takes the space in each of the directories.
func keepRoom(size int64, dirs ...string) (*room, error) {
	r := &room{}
	for _, dir := range dirs {
		f, err := disk.Unnamed(dir)
		if err != nil {
			r.give()
			return nil, err
		}
		r.kept = append(r.kept, f)
		if err := fill(f, size); err != nil {
			r.give()
			return nil, &state.PlaceError{Op: "keep room for the record in", Path: filepath.Join(dir, "."), Err: err}
		}
	}
	return r, nil
}

// fill writes what no file system can store in less.
func fill(f *os.File, size int64) error {
	block := make([]byte, 64<<10)
	for ; size > 0; size -= int64(len(block)) {
		rand.Read(block)
		if _, err := f.Write(block[:min(size, int64(len(block)))]); err != nil {
			return err
		}
	}
	return f.Sync()
}

// give gives the space up.
func (r *room) give() {
	r.mu.Lock()
	defer r.mu.Unlock()
	for _, f := range r.kept {
		f.Close()
	}
	r.kept = nil
}

func (r *room) full() error {
	r.mu.Lock()
	defer r.mu.Unlock()
	return r.cause
}

func (r *room) setFull(err error) {
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.cause == nil {
		r.cause = err
	}
}

// noRoom takes notice of a write for which there was no room: the run stops where it
// may rest.
func (r *runner) noRoom(err error) {
	r.room.setFull(err)
	r.stop()
}

// written writes a part of the record that must not be lost. Where there is no room
// for it, the room that was kept is given up and it is written once more.
func (r *runner) written(write func() error) error {
	err := write()
	if !state.NoRoom(err) {
		return err
	}
	r.noRoom(err)
	r.room.give()
	return write()
}

// writeJournal writes an entry.
func (r *runner) writeJournal(e state.Entry) error {
	return r.written(func() error { return r.journal.Write(e) })
}

// fullStop is why a run stops before an action when there is no room left.
func (r *runner) fullStop(next *plan.Action) *Stop {
	return &Stop{Action: next.ID, Kind: StopRoom, Why: fmt.Sprintf("there is no room left for the record of this run (%v): stopped before this action, at a safe point", r.room.full())}
}
