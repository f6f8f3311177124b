package apply

import (
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"path/filepath"
	"time"

	"zup/plan"
	"zup/plan/disk"
	"zup/plan/escape"
	"zup/plan/state"
)

// Record is everything that a run's folder says.
type Record struct {
	Chain   state.Chain
	Cut     bool // the run has not ended, or was cut off: Report is from the journal
	Entries []state.Entry
	Plan    *plan.Plan
	Report  *Report
	Series  []ProbeSeries
}

// Load reads the folder of a run, also of one that goes on or was cut off: then the
// journal says how far it got. What was altered since stands in Chain.
func Load(dir string) (*Record, error) {
	r := &Record{}
	d, err := disk.OpenDir(dir)
	if err != nil {
		return nil, fmt.Errorf("read run: %w", err)
	}
	defer d.Close()
	f, err := d.OpenPlain(PlanFile)
	if err != nil {
		return nil, fmt.Errorf("read run: %w", err)
	}
	r.Plan, err = plan.Decode(f)
	f.Close()
	if err != nil {
		return nil, fmt.Errorf("%s: %w", filepath.Join(dir, PlanFile), err)
	}
	if r.Chain, r.Entries, err = state.VerifyRun(dir); err != nil {
		return nil, err
	}
	if r.Series, err = ReadSeries(dir); err != nil {
		r.Chain.Altered = append(r.Chain.Altered, escape.Line(err.Error()))
	}
	r.Report, err = readReport(d)
	switch {
	case err != nil && !errors.Is(err, fs.ErrNotExist):
		r.Chain.Altered = append(r.Chain.Altered, escape.Line(err.Error()))
		fallthrough
	case err != nil || r.Chain.Open:
		r.Cut, r.Report = true, fromJournal(r.Plan, filepath.Base(dir), r.Entries)
	case r.Report.PlanID != r.Plan.PlanID:
		r.Chain.Altered = append(r.Chain.Altered, ReportFile+" is about another plan")
	}
	return r, nil
}

func readReport(d *disk.Dir) (*Report, error) {
	data, err := d.ReadPlain(ReportFile, disk.MaxRecord)
	if err != nil {
		return nil, err
	}
	var r Report
	if err := json.Unmarshal(data, &r); err != nil {
		return nil, fmt.Errorf("read %s: %w", ReportFile, err)
	}
	return &r, nil
}

// fromJournal is the report of a run that has written none.
func fromJournal(p *plan.Plan, run string, entries []state.Entry) *Report {
	r := &runner{plan: p, branches: branches(p), past: history(entries)}
	r.report = &Report{PlanID: p.PlanID, Run: run, Outcome: state.OutcomeRunning, Clusters: []ClusterReport{}}
	if len(entries) > 0 {
		r.report = newReport(p, run, entries[0].Time)
		r.report.Ended = entries[len(entries)-1].Time
		r.Now = func() time.Time { return r.report.Ended } // as far as its journal goes
	}
	r.recall(entries)
	for i := range r.report.Clusters {
		c := &r.report.Clusters[i]
		for k := range c.Actions {
			if h := r.past[c.Actions[k].ID]; h != nil && !h.done {
				c.Actions[k].Started = h.began
				if h.failed != "" {
					c.Actions[k].Outcome = ActionHasFail
				}
			}
		}
	}
	return r.report
}
