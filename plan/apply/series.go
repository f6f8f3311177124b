package apply

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"path/filepath"
	"slices"

	"zup/plan/disk"
	"zup/plan/probe"
	"zup/plan/state"
)

// Files in a run's folder that say what became of it.
const (
	ReportFile = "report.json"
	SeriesFile = "probes.jsonl"
)

// ProbeSeries is a line of probes.jsonl: what one probe felt over the whole run. A
// run that was resumed has a line for each time.
type ProbeSeries struct {
	Cluster string `json:"cluster"`
	Probe   string `json:"probe"`
	probe.Series
}

// keep takes the series of a probe for the run's folder.
func (b *branch) keep(s ProbeSeries) {
	b.runner.mu.Lock()
	defer b.runner.mu.Unlock()
	b.runner.series = append(b.runner.series, s)
}

// writeSeries appends the series to what an earlier attempt has left.
func (r *runner) writeSeries() error {
	if len(r.series) == 0 {
		return nil
	}
	slices.SortStableFunc(r.series, func(a, b ProbeSeries) int { return r.place(a.Cluster) - r.place(b.Cluster) })
	path := filepath.Join(r.Dir, SeriesFile)
	data, err := disk.ReadFile(path, disk.MaxRecord)
	if err != nil && !errors.Is(err, fs.ErrNotExist) {
		return err
	}
	for i := range r.series {
		line, err := json.Marshal(&r.series[i])
		if err != nil {
			return err
		}
		data = append(append(data, line...), '\n')
	}
	return r.written(func() error { return disk.ReplaceBy(path, 0o600, data) })
}

func (r *runner) place(cluster string) int {
	return slices.IndexFunc(r.report.Clusters, func(c ClusterReport) bool { return c.Name == cluster })
}

// ReadSeries reads probes.jsonl of a run's folder. A run without probes has none.
func ReadSeries(dir string) ([]ProbeSeries, error) {
	d, err := disk.OpenDir(dir)
	if err != nil {
		return nil, fmt.Errorf("read probes: %w", err)
	}
	defer d.Close()
	data, err := d.ReadPlain(SeriesFile, disk.MaxRecord)
	if errors.Is(err, fs.ErrNotExist) {
		return nil, nil
	}
	if err != nil {
		return nil, fmt.Errorf("read probes: %w", err)
	}
	var all []ProbeSeries
	for line := range bytes.Lines(data) {
		var s ProbeSeries
		if err := json.Unmarshal(line, &s); err != nil {
			return all, fmt.Errorf("read probes %s: line %d: %w", SeriesFile, len(all)+1, err)
		}
		if !s.even() {
			return all, fmt.Errorf("read probes %s: line %d: its lists are not of one length", SeriesFile, len(all)+1)
		}
		all = append(all, s)
	}
	return all, nil
}

// even reports whether every bucket has all its figures.
func (s *ProbeSeries) even() bool {
	n := len(s.Sent)
	return s.BucketMS > 0 && n == len(s.Lost) && n == len(s.GapMS) && n == len(s.SlowMS)
}

// digests returns the SHA-256 of files of the run's folder, of those that are there.
func (r *runner) digests(names ...string) map[string]string {
	sums := map[string]string{}
	for _, name := range names {
		if sum, err := state.FileDigest(filepath.Join(r.Dir, name)); err == nil {
			sums[name] = sum
		}
	}
	return sums
}
