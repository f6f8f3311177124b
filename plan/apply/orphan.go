package apply

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"time"

	"zup/plan"
	"zup/plan/disk"
	"zup/plan/escape"
	"zup/plan/name"
)

// An Orphan is a job that a run which was cut off has left running: zup is gone, and
// the node goes on.
type Orphan struct {
	Run    string       // that began it
	Dir    string       // the run's own folder
	Action *plan.Action // of the run's plan
}

// OrphanOf returns the job of this ID, if it belongs to an action of the plan of this
// run; otherwise nil. What takes an action back is none: nothing more follows from it.
func OrphanOf(p *plan.Plan, run, dir, job string) *Orphan {
	for i := range p.Actions {
		if a := &p.Actions[i]; a.Detached && job == run+"."+a.ID {
			return &Orphan{Run: run, Dir: dir, Action: a}
		}
	}
	return nil
}

// Follow follows the job to its end, answers what the run's plan lets be answered, and
// keeps what it printed in a transcript of the run's folder. It never starts a job: a
// node where it never began, or has been forgotten, has none. How it ended is not
// judged here; a *StillRunningError says that it has not. lines gets what it prints,
// escaped.
func (o *Orphan) Follow(ctx context.Context, host Host, lines func(string)) error {
	id := o.Run + "." + o.Action.ID
	asker, ok := host.(Asker)
	if !ok {
		return errors.New("it can't be asked how its jobs stand")
	}
	if is, err := asker.JobState(ctx, id); err != nil || is != JobRunning {
		return err
	}
	f, err := o.transcript()
	if err != nil {
		return err
	}
	defer f.Close()
	t := &orphanText{to: f, lines: lines}
	exit, err := host.Job(ctx, Job{ID: id, Script: o.Action.Script, Prompts: o.Action.Prompts, Timeout: o.Action.Timeout(), Output: t.output})
	t.end(exit, err)
	return err
}

// transcript makes a file beside those of the attempts before.
func (o *Orphan) transcript() (*os.File, error) {
	if !name.Action(o.Action.ID) {
		return nil, fmt.Errorf("%q can't name a transcript", o.Action.ID)
	}
	for i := 2; ; i++ {
		f, err := disk.Create(filepath.Join(o.Dir, transcriptsName, fmt.Sprintf("%s.%d.txt", o.Action.ID, i)), 0o600)
		if errors.Is(err, fs.ErrExist) {
			continue
		}
		if err == nil {
			_, err = fmt.Fprintf(f, "# %s on %s, followed to its end after its run was cut off, from %s\n# output:\n",
				o.Action.ID, o.Action.Node, time.Now().UTC().Format(time.RFC3339Nano))
		}
		return f, err
	}
}

// orphanText writes what a job prints as lines. What can't be written is left out: the
// node has all of it.
type orphanText struct {
	to      *os.File
	lines   func(string)
	cutter  lineCutter
	written int
}

func (t *orphanText) output(data []byte) {
	t.cutter.write(data, t.line)
}

func (t *orphanText) line(raw string) {
	if t.written < transcriptLimit {
		n, _ := fmt.Fprintln(t.to, escape.Line(raw))
		t.written += n
	}
	t.lines(escape.Printed(raw))
}

func (t *orphanText) end(exit int, err error) {
	t.cutter.end(t.line)
	how := fmt.Sprintf("exit status %d", exit)
	if err != nil {
		how = escape.Line(err.Error())
	}
	fmt.Fprintf(t.to, "# %s\n", how)
}
