package main

import (
	"encoding/json"
	"errors"
	"io/fs"
	"path/filepath"
	"strings"

	"github.com/spf13/cobra"

	"zup/plan/apply"
	"zup/plan/review"
)

func (c *cli) reportCommand() *cobra.Command {
	var state stateFlags
	var f forms
	cmd := &cobra.Command{
		Use:   "report [RUN]",
		Short: "Say what became of a run, and whether its records were altered",
		Long: `report prints what was planned beside what became of it, for the last run or the one
that is named: when each action began and how long it took, what the probes have
measured over the whole run, and for how long only one node could serve. Nothing
is asked of a node.

It compares the journal and the transcripts with the digests that were written
while the run went on. If something was altered since, the report says what, and
the exit code is 7.`,
		Args: arguments(0, 1),
		RunE: func(_ *cobra.Command, args []string) error {
			folder, err := c.reported(&state, args)
			if err != nil {
				return err
			}
			return c.printRun(folder, &f)
		},
	}
	state.add(cmd, false)
	f.add(cmd)
	return cmd
}

// reported is the folder of the run that is asked for, or of the last one.
func (c *cli) reported(f *stateFlags, args []string) (string, error) {
	if len(args) == 1 {
		folder, err := c.runNamed(args[0])
		if err != nil || folder != "" {
			return folder, err
		}
	}
	dir, err := c.directory()
	if err != nil {
		return "", err
	}
	run, err := c.lastRun(f.file(dir), args)
	return runFolder(dir, run), err
}

// printRun prints a run, and fails if its records were altered.
func (c *cli) printRun(folder string, f *forms) error {
	r, err := apply.Load(folder)
	if errors.Is(err, fs.ErrNotExist) {
		return fail(exitError, "zup state prints the last run of each cluster", "%s is not a folder of a run: %w", folder, err)
	}
	if err != nil {
		return err
	}
	if f.json {
		err = c.encodeRun(r)
	} else {
		err = c.document(review.Run(r), f)
	}
	if err == nil && len(r.Chain.Altered) > 0 {
		return fail(exitDamaged, "the copy that the support bundle or the change request has may be right", "the records of run %s were altered: %s", filepath.Base(folder), strings.Join(r.Chain.Altered, "; "))
	}
	return err
}

// encodeRun prints what a program reads of a run.
func (c *cli) encodeRun(r *apply.Record) error {
	enc := json.NewEncoder(c.programs())
	enc.SetIndent("", "  ")
	altered := r.Chain.Altered
	if altered == nil {
		altered = []string{}
	}
	probes := r.Series
	if probes == nil {
		probes = []apply.ProbeSeries{}
	}
	return enc.Encode(struct {
		Altered  []string            `json:"altered"`
		Ended    bool                `json:"ended"`
		LastLine string              `json:"journal_sha256"`
		Probes   []apply.ProbeSeries `json:"probes"`
		Report   *apply.Report       `json:"report"`
	}{altered, !r.Cut, r.Chain.End, probes, r.Report})
}
