package main

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"path/filepath"
	"slices"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"zup/plan/apply"
	"zup/plan/disk"
	"zup/plan/escape"
	"zup/plan/shell"
	"zup/plan/show"
	"zup/plan/state"
)

func (c *cli) resumeCommand() *cobra.Command {
	a := &applying{planning: planning{cli: c}}
	cmd := &cobra.Command{
		Use:   "resume [RUN]",
		Short: "Continue a run that was cut off, with its own plan",
		Long: `resume continues the last run that did not end, with the plan that was reviewed.
What the run's journal says is done is not done again, but looked at: if it does
not hold any more, nothing is changed. An action that had begun is asked for on
its node by the ID of its job, and never run twice. The rest is carried out.

A new plan is the other way, and the only one after an action has failed for good:
"zup plan" contains exactly what is missing.`,
		Args: arguments(0, 1),
		RunE: func(cmd *cobra.Command, args []string) error {
			return a.resume(cmd.Context(), slices.Concat(args, []string{""})[0])
		},
	}
	a.state.add(cmd, true)
	cmd.Flags().IntVar(&a.parallelism, "parallelism", 10, "clusters that are worked on side by side")
	cmd.Flags().BoolVar(&a.input, "input", true, "ask for what is missing, such as the passphrase of a key")
	addVerbose(cmd, &a.verbose)
	a.addStream(cmd)
	cmd.Flags().BoolVar(&a.failFast, "fail-fast", false, "when one cluster fails, stop the others at their next safe point")
	return cmd
}

func (a *applying) resume(ctx context.Context, run string) error {
	if err := a.check(); err != nil {
		return err
	}
	dir, err := a.directory()
	if err != nil {
		return err
	}
	asked := run
	store, err := a.state.open(ctx, a.cli, dir, "resume "+run)
	if err != nil {
		return err
	}
	defer store.Close()
	if run, err = unfinishedRun(store.State(), run); err != nil {
		return err
	}
	folder := runFolder(dir, run)
	if err := disk.Check(filepath.Join(folder, apply.PlanFile)); err != nil {
		return fail(exitError, "zup plan looks at the nodes, and has what is missing", "run %s can't be resumed: %w", run, err)
	}
	p, err := readPlan(filepath.Join(folder, apply.PlanFile))
	if err != nil {
		return err
	}
	if err := prove(p); err != nil {
		return fmt.Errorf("run %s: %w", run, err)
	}
	if err := a.stillApproved(p, folder, startOf(store.State(), run)); err != nil {
		return err
	}
	entries, _, err := state.ReadJournal(filepath.Join(folder, state.JournalFile))
	if err != nil {
		return fail(exitDamaged, "zup plan looks at the nodes, and has what is missing", "run %s can't be resumed: %w", run, err)
	}
	if err := inState(p.State.Lineage, store.State()); err != nil {
		return err
	}
	words := []string{"resume"}
	if asked != "" {
		words = append(words, asked)
	}
	if err := a.needSecrets(p, entries, words...); err != nil {
		return err
	}
	unbrokenByPipes() // the first lines are written before the run goes on
	rest := apply.Rest(p, entries)
	left := false
	for i := range p.Clusters {
		name := p.Clusters[i].Name
		r, ok := rest[name]
		if !ok {
			continue
		}
		fmt.Fprintf(a.out, "Run %s, %s: %s.", escape.Name(run), escape.Name(name), escape.Line(r.String()))
		if r.Next != nil {
			left = true
			fmt.Fprintf(a.out, " It goes on with: %s", escape.Line(r.Next.Title))
			if r.Next.Node != "" {
				fmt.Fprintf(a.out, " (%s)", show.Where(&p.Clusters[i], r.Next))
			}
		}
		fmt.Fprintln(a.out)
	}
	if left { // whether the rest fits is for the run to see: a node may be out
		if err := a.open(p, 0); err != nil {
			return err
		}
	}
	fleet := a.newFleet(dir, a.input)
	defer fleet.Close()
	if err := a.canAsk(ctx, fleet, a.input, fleet.targetsIn(p)); err != nil {
		return err
	}
	if !left { // it was killed before it could write down that it had ended
		fleet.clearLocks(ctx, p)
		return a.carryOut(ctx, carrying{dir: dir, store: store, plan: p, command: "resume", resumed: run})
	}
	fmt.Fprintln(a.out)
	return a.carryOut(ctx, carrying{dir: dir, store: store, fleet: fleet, plan: p, command: "resume", resumed: run})
}

// inState refuses a plan that was made for another state file.
func inState(lineage string, s *state.State) error {
	if lineage != "" && lineage != s.Lineage {
		return fail(exitStale, "zup plan looks at the nodes, and has what is missing", "the run belongs to another state: lineage planned %s, live %s", lineage, s.Lineage)
	}
	return nil
}

// unfinishedRun returns the run to resume: the one that is asked for, or the only
// one that did not end.
func unfinishedRun(s *state.State, asked string) (string, error) {
	const other = "zup plan looks at the nodes, and has what is missing"
	if s == nil {
		return "", fail(exitError, other, "nothing was applied here: there is no run to resume")
	}
	var runs []string
	for name := range s.Clusters {
		if c := s.Cluster(name); c.Unfinished() && !slices.Contains(runs, c.Run) {
			runs = append(runs, c.Run)
		}
	}
	slices.Sort(runs)
	switch {
	case asked != "" && slices.Contains(runs, asked):
		return asked, nil
	case asked != "":
		return "", fail(exitError, other, "run %q is not the last one of any cluster, or it has ended", asked)
	case len(runs) == 0:
		return "", fail(exitError, other, "every run has ended: there is none to resume")
	case len(runs) > 1:
		return "", usagef(shell.Command("zup", "resume", runs[len(runs)-1]), "several runs have not ended: %s", strings.Join(runs, ", "))
	}
	return runs[0], nil
}

// howItEnded says what became of a run that is not done.
func howItEnded(outcome string) string {
	switch outcome {
	case state.OutcomeStopped:
		return "stopped part-way"
	case state.OutcomeUnproven:
		return "was carried out, but not proven"
	}
	return "was cut off, or is still at work"
}

// openText lists temporary changes, a line each.
func openText(open []state.Change) string {
	var b strings.Builder
	for _, o := range open {
		fmt.Fprintf(&b, "\nopen: %s, since %s", o.Name, o.Since.UTC().Format(time.RFC3339))
	}
	return b.String()
}

// warnUnfinished says first which runs did not end, what they left open, and how to
// go on.
func (p *planning) warnUnfinished(dir string, clusters []string, s *state.State) {
	told := false
	for _, name := range clusters {
		known := s.Cluster(name)
		if !known.Unfinished() {
			continue
		}
		told = true
		p.warned(name, "zup resume continues it with its own plan, zup plan makes a new one with exactly what is missing",
			"run %s of %s %s%s", known.Run, name, howItEnded(known.Outcome), openText(known.Open))
		fmt.Fprintf(p.err, "%s run %s of %s %s\n", p.errStyle().notice("Unfinished:"), escape.Name(known.Run), escape.Name(name), howItEnded(known.Outcome))
		for _, o := range known.Open {
			fmt.Fprintf(p.err, "  open  %s, since %s\n", escape.Name(o.Name), o.Since.Local().Format(time.DateTime))
		}
		if _, err := disk.Stat(filepath.Join(runFolder(dir, known.Run), state.JournalFile)); errors.Is(err, fs.ErrNotExist) {
			fmt.Fprintf(p.err, "  its folder is gone: only a new plan is left\n")
		}
	}
	if told {
		fmt.Fprintf(p.err, "  zup resume  continues it with its own plan\n  zup plan    makes a new one with exactly what is missing\n\n")
	}
}
