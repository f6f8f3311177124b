package main

import (
	"bufio"
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"io/fs"
	"maps"
	"os"
	"os/signal"
	"path/filepath"
	"slices"
	"strings"
	"sync/atomic"
	"syscall"
	"time"

	"github.com/spf13/cobra"

	"zup/plan"
	"zup/plan/apply"
	"zup/plan/approval"
	"zup/plan/disk"
	"zup/plan/escape"
	"zup/plan/observe"
	"zup/plan/shell"
	"zup/plan/show"
	"zup/plan/state"
	"zup/plan/stream"
)

// applying is one run of zup apply.
type applying struct {
	planning
	autoApprove bool
	failFast    bool
	planID      string               // the only plan that may be carried out; "": any
	signatures  []approval.Signature // of the plan file, to be kept with the run
}

func (c *cli) applyCommand() *cobra.Command {
	a := &applying{planning: planning{cli: c}}
	cmd := &cobra.Command{
		Use:   "apply [FILE]",
		Short: "Carry out a plan, and prove what it did",
		Long: `apply FILE carries out a plan that "zup plan -out FILE" wrote, exactly as it is
in the file and without asking: the file is the approval. It is refused if it was
applied before, if a node has changed since, outside its windows, if a rule of the
configuration is against it, or if the configuration demands approvals and
signatures are missing beside it. What the configuration in the directory demands
today counts as well as what the plan says. With -plan-id it is carried out only if
it is the plan of that ID.

Without a file apply plans, shows the plan, and asks.

^C stops at the next safe point and says which; a second ^C stops waiting and
says what is still running on which node.`,
		Args: arguments(0, 1),
		RunE: func(cmd *cobra.Command, args []string) error {
			switch {
			case cmd.Flags().Changed("plan-id") && a.planID == "": // a variable that was not set is not "any plan"
				return usagef("zup show FILE prints it", "-plan-id is empty: no plan was named")
			case len(args) == 1:
				return a.file(cmd.Context(), args[0])
			case a.planID != "":
				return usagef("zup apply -plan-id ID FILE", "-plan-id is the ID of a saved plan, and none is named")
			}
			return a.fresh(cmd.Context())
		},
	}
	a.add(cmd, true)
	a.origin.add(cmd)
	a.waive.add(cmd)
	addVerbose(cmd, &a.verbose)
	a.addStream(cmd)
	cmd.Flags().StringVar(&a.planID, "plan-id", "", "carry out FILE only if it is the plan of this `ID`, all 64 digits of it")
	cmd.Flags().BoolVar(&a.autoApprove, "auto-approve", false, "do not ask")
	cmd.Flags().BoolVar(&a.failFast, "fail-fast", false, "when one cluster fails, stop the others at their next safe point")
	return cmd
}

// fresh plans, shows, asks, and carries out.
func (a *applying) fresh(ctx context.Context) error {
	if !a.autoApprove && a.machine {
		return usagef("give -auto-approve, or apply a plan that was written with zup plan -out FILE", "with -json nobody is asked for approval")
	}
	if !a.autoApprove && (!a.input || !isTerminal(a.in)) {
		return usagef("give -auto-approve, or apply a plan that was written with zup plan -out FILE", "there is no terminal to ask for approval")
	}
	dir, err := a.directory()
	if err != nil {
		return err
	}
	store, err := a.state.open(ctx, a.cli, dir, "apply")
	if err != nil {
		return err
	}
	defer store.Close()
	fleet, p, err := a.make(ctx, "apply", store)
	if fleet != nil {
		defer fleet.Close()
	}
	if err != nil {
		return err
	}
	if err := show.Plan(a.out, p, a.show(a.verbose)); err != nil {
		return err
	}
	a.stream.Send(stream.Plan(p, "", a.onState("apply"))...)
	if p.Empty() {
		a.stream.Send(stream.Nothing(p, "apply"))
		fleet.clearLocks(ctx, p)
		return nil
	}
	if err := permitted(p); err != nil {
		return err
	}
	if err := a.open(p, estimate(p)); err != nil {
		return err
	}
	if err := a.needSecrets(p, nil, "apply"); err != nil {
		return err
	}
	if !a.autoApprove {
		if err := a.ask(p); err != nil {
			return err
		}
		if err := a.open(p, estimate(p)); err != nil { // nobody knows how long the answer took
			return err
		}
	}
	p.Created = a.now().UTC().Format(time.RFC3339)
	// Whoever is asked takes time to think, and the nodes do not stand still.
	return a.carryOut(ctx, carrying{dir: dir, store: store, fleet: fleet, plan: p, command: "apply", look: !a.autoApprove})
}

// ask wants the literal yes.
func (a *applying) ask(p *plan.Plan) error {
	s := a.outStyle()
	for _, line := range show.Outages(p) {
		fmt.Fprintf(a.out, "\n%s", s.bad(line))
	}
	fmt.Fprintf(a.out, "\n%s\n  Only \"yes\" is taken for an answer.\n\n  %s ", s.bold("Carry out these actions?"), s.bold("Enter a value:"))
	line, err := bufio.NewReader(a.in).ReadString('\n')
	if strings.TrimSpace(line) == "yes" {
		fmt.Fprintln(a.out)
		return nil
	}
	if err != nil {
		fmt.Fprintln(a.out)
	}
	return fail(exitError, "", "not approved; nothing was changed")
}

// file carries out a saved plan.
func (a *applying) file(ctx context.Context, path string) error {
	if len(a.waive.waivers) > 0 {
		return usagef("plan again with it: zup plan -waive NAME -because \"…\" -out "+shell.Quote(path), "a saved plan is carried out as it is: what it waives stands in it")
	}
	if len(a.config.vars) > 0 || len(a.config.targets) > 0 {
		return usagef("plan again with them: "+a.command("plan", "-out", path), "a saved plan is carried out as it is: -var, -var-file and -target have no place here")
	}
	if a.origin.said() {
		return usagef("plan again with them: "+a.command("plan", "-out", path), "a saved plan says itself who made it and for which change: -author and -change have no place here")
	}
	if err := a.check(); err != nil {
		return err
	}
	p, err := readPlan(path)
	if err != nil {
		return err
	}
	if err := a.isPlan(p, path); err != nil {
		return err
	}
	if err := prove(p); err != nil {
		return fmt.Errorf("%s: %w", path, err)
	}
	dir, err := a.directory()
	if err != nil {
		return err
	}
	store, err := a.state.open(ctx, a.cli, dir, "apply "+path)
	if err != nil {
		return err
	}
	defer store.Close()
	if err := a.acceptable(p, store.State()); err != nil {
		return err
	}
	if p.Empty() {
		fmt.Fprintln(a.out, "The plan has no actions: there is nothing to do.")
		a.stream.Send(stream.Nothing(p, "apply"))
		return nil
	}
	d, err := a.beside(p, dir)
	if err != nil {
		return err
	}
	if err := d.permitted(); err != nil {
		return err
	}
	if a.signatures, err = a.approved(d, path); err != nil {
		return err
	}
	if err := d.open(a.cli, estimate(p)); err != nil {
		return err
	}
	d.tell(a.cli)
	if err := a.needSecrets(p, nil, "apply", shell.File(path)); err != nil {
		return err
	}
	names := make([]string, 0, len(p.Clusters))
	for i := range p.Clusters {
		names = append(names, p.Clusters[i].Name)
	}
	a.warnUnfinished(dir, names, store.State())
	fleet := a.newFleet(dir, a.input)
	defer fleet.Close()
	if err := a.canAsk(ctx, fleet, a.input, fleet.targetsIn(p)); err != nil {
		return err
	}
	return a.carryOut(ctx, carrying{dir: dir, store: store, fleet: fleet, plan: p, command: shell.Command("apply", shell.File(path)), look: true, closed: d.closed()})
}

// isPlan refuses a plan that is not the one of -plan-id.
func (a *applying) isPlan(p *plan.Plan, path string) error {
	switch {
	case a.planID == "" || a.planID == p.PlanID:
		return nil
	case len(a.planID) != len(p.PlanID):
		return usagef("zup show prints it; all 64 digits count", "-plan-id: %q is not the ID of a plan", a.planID)
	}
	return fail(exitStale, shell.Command("zup", "show", shell.File(path))+" prints what it is", "%s is not the plan that was asked for; nothing was changed\n  asked for  %s\n  it is      %s", path, a.planID, p.PlanID)
}

func readPlan(path string) (*plan.Plan, error) {
	f, err := disk.Open(path)
	if err != nil {
		hint := ""
		if errors.Is(err, disk.ErrIrregular) {
			hint = "write it to a file first"
		}
		if errors.Is(err, fs.ErrNotExist) {
			hint = shell.Command("zup", "plan", "-out", path) + " writes one"
		}
		return nil, fail(exitError, hint, "read plan: %w", err)
	}
	defer f.Close()
	p, err := plan.Decode(f)
	if err != nil {
		return nil, fmt.Errorf("%s: %w", path, err)
	}
	return p, nil
}

// acceptable refuses a plan that was applied, has expired, or was made from
// another state.
func (a *applying) acceptable(p *plan.Plan, s *state.State) error {
	const again = "make a new plan: zup plan -out FILE"
	lineage := ""
	if s != nil {
		lineage = s.Lineage
		if done, ok := s.WasApplied(p.PlanID); ok {
			return fail(exitStale, again, "this plan was applied before: run %s, begun %s, outcome %s", done.Run, done.Started.Format(time.RFC3339), done.Outcome)
		}
	}
	if lineage != p.State.Lineage {
		return fail(exitStale, again, "this plan was made from another state: lineage planned %s, live %s", orNone(p.State.Lineage), orNone(lineage))
	}
	return inTime(p, a.now())
}

// clockSlack is by how much the clocks of the machine that planned and of the one
// that applies may differ.
const clockSlack = 5 * time.Minute

// inTime refuses a plan that has expired, and one whose end can't be judged because
// the clock here stands before the plan was made.
func inTime(p *plan.Plan, now time.Time) error {
	if p.NotAfter == "" {
		return nil
	}
	limit, err := time.Parse(time.RFC3339, p.NotAfter)
	if err != nil || now.After(limit) {
		return fail(exitStale, "make a new plan: zup plan -out FILE", "this plan has expired: it may not be applied after %s, and it is %s", p.NotAfter, now.UTC().Format(time.RFC3339))
	}
	if made, err := time.Parse(time.RFC3339, p.Created); err == nil && now.Add(clockSlack).Before(made) {
		return fail(exitStale, "set the clock of this machine, or make a new plan: zup plan -out FILE",
			"this plan may not be applied after %s, and whether it is later can't be told: it was made at %s, and the clock here says %s", p.NotAfter, p.Created, now.UTC().Format(time.RFC3339))
	}
	return nil
}

func orNone(s string) string {
	if s == "" {
		return "none"
	}
	return s
}

// unchanged observes the plan's nodes again and refuses the plan if a fact that
// it rests on has changed; otherwise it returns what they said.
func (a *applying) unchanged(ctx context.Context, p *plan.Plan, fleet *fleet, s *state.State) (plan.Observed, error) {
	targets := make([]observe.Target, 0, len(p.Clusters))
	total := 0
	for i := range p.Clusters {
		t := observe.Target{Cluster: p.Clusters[i].Name, Product: p.Clusters[i].Provider, Words: p.Clusters[i].Asked}
		for _, n := range p.Clusters[i].Nodes {
			t.Nodes = append(t.Nodes, n.Name)
			total++
		}
		targets = append(targets, t)
	}
	line := a.progressLine("Asking the nodes whether they are as planned", total)
	observed := observe.Nodes(ctx, targets, observe.Options{
		Dial: func(ctx context.Context, cluster, node string) (observe.Host, error) {
			c := p.Cluster(cluster)
			return hostOrError(fleet.planned(ctx, c, c.Node(node)))
		},
		Products: products(), Parallelism: 2 * a.parallelism, Now: a.now,
		Asked: a.asked(line),
	})
	line.stop()
	if ctx.Err() != nil {
		return nil, fail(exitInterrupted, "", "interrupted while the nodes were being asked; nothing was changed")
	}
	a.warnLeft(observed, withActions(p), s)
	return observed, compare(p, observed)
}

func compare(p *plan.Plan, observed plan.Observed) error {
	var unreachable, stale []string
	var first error
	for i := range p.Clusters {
		c := &p.Clusters[i]
		for k, live := range observed[c.Name] {
			n := &c.Nodes[k]
			if live.Err != nil {
				first = errors.Join(first, live.Err)
				unreachable = append(unreachable, fmt.Sprintf("cluster %q: %v", c.Name, live.Err))
				continue
			}
			for _, fact := range slices.Sorted(maps.Keys(n.Facts)) {
				if got := live.Facts[fact]; got != n.Facts[fact] {
					stale = append(stale, fmt.Sprintf("cluster %q, node %q: %s was %q when the plan was made, it is %q now",
						c.Name, n.Name, fact, n.Facts[fact], escape.Line(got)))
				}
			}
		}
	}
	switch {
	case len(unreachable) > 0:
		return fail(exitError, hintOf(first), "not every node can be asked whether it is as planned; nothing was changed\n%s", joinLines(unreachable))
	case len(stale) > 0:
		return fail(exitStale, "make a new plan: zup plan -out FILE", "the plan is stale; nothing was changed\n%s", joinLines(stale))
	}
	return nil
}

// runID names a run: when it began, and four characters against two runs in one
// second.
func runID(now time.Time) string {
	var b [2]byte
	rand.Read(b[:])
	return fmt.Sprintf("%s-%x", now.UTC().Format(runStamp), b)
}

// runStamp is the form of the time with which the ID of a run begins.
const runStamp = "20060102T150405Z"

// carrying is a plan that is about to be carried out.
type carrying struct {
	dir     string
	store   *state.Store
	fleet   *fleet // nil: there is nothing left to do on a node
	plan    *plan.Plan
	command string // as the user gave it, for whoever comes second
	resumed string // the ID of the run to resume; "": a new run
	look    bool   // whether the nodes are as planned is to be looked at

	closed func(now time.Time, need time.Duration) *plan.Closed // see apply.Options.Closed
}

// carryOut locks the nodes, runs the plan, or resumes the run of it with this ID, and
// shows what becomes of it.
func (a *applying) carryOut(ctx context.Context, c carrying) error {
	run := c.resumed
	if run == "" {
		run = runID(a.now())
	}
	locks, err := a.lockNodes(ctx, c, run)
	if err != nil {
		return err
	}
	defer locks.Release(ctx)
	var live plan.Observed
	if c.look {
		if live, err = a.unchanged(ctx, c.plan, c.fleet, c.store.State()); err != nil {
			return err
		}
	}
	runDir := runFolder(c.dir, run)
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	view := a.newView(c.plan)
	stop := a.interrupts(cancel, view)
	report, err := apply.Run(ctx, c.plan, apply.Options{
		Dial: a.workers(c), Locks: locks, Local: (&apply.Process{Dir: c.dir, Env: a.env, Secrets: a.secrets}).Run, Digest: digest(c.dir),
		Store: c.store, RunID: run, Dir: runDir, Version: version, Resume: c.resumed != "",
		Signatures: a.signatures, Closed: c.closed, Explain: explainers(),
		Parallelism: a.parallelism, FailFast: a.failFast, Stop: stop.asked, Events: a.tell(view),
		Unwatched: a.unwatched(c.plan, c.fleet, live),
		Now:       a.now,
	})
	stop.end()
	view.end()
	var incomplete *apply.IncompleteError
	if err != nil && !errors.As(err, &incomplete) {
		return err
	}
	if err := show.Report(a.out, report, c.plan, runDir, a.show(a.verbose)); err != nil {
		// A terminal that was closed changes nothing about how the run ended.
		fmt.Fprintf(a.err, "zup: the report can't be shown (%s): it is in %s\n", escape.Line(err.Error()), escape.Name(filepath.Join(runDir, apply.ReportFile)))
	}
	return outcome(report)
}

// workers dials nodes for apply.
func (a *applying) workers(c carrying) apply.Dial {
	return func(ctx context.Context, pc *plan.Cluster, n *plan.Node) (apply.Host, error) {
		h, err := c.fleet.planned(ctx, pc, n)
		if err != nil {
			return nil, err
		}
		return worker{h, c.dir, a.expand}, nil
	}
}

// tell hands every event to the view and to the stream. What nodes print is shown
// by both only if it is asked for.
func (a *applying) tell(v *view) func(apply.Event) {
	return func(e apply.Event) {
		v.event(e)
		if e.Kind != apply.ActionPrints || a.verbose {
			a.stream.Send(e.Messages...)
		}
	}
}

// runFolder is where a run keeps its files.
func runFolder(dir, run string) string { return filepath.Join(dir, ".zup", "runs", run) }

// outcome turns how a run ended into the exit code.
func outcome(r *apply.Report) error {
	switch r.Worst() {
	case "":
		return nil
	case apply.StopAsked:
		return said(exitInterrupted)
	case apply.StopRule, apply.StopBudget, apply.StopWindow:
		return said(exitRule)
	case apply.StopUnproven:
		return said(exitUnproven)
	}
	switch {
	case r.Changed():
		return said(exitStopped)
	case r.Worst() == apply.StopLocked:
		return said(exitLocked)
	}
	return said(exitError)
}

// interrupts turns signals into a stop at the next safe point, and the second
// one into the end of all waiting.
type interrupts struct {
	asked   chan struct{}
	signals chan os.Signal
	quit    chan struct{}
}

// unbrokenByPipes keeps a reader that goes away from ending zup. It does no harm twice.
func unbrokenByPipes() { signal.Ignore(syscall.SIGPIPE) }

// catching counts the runs that heed signals themselves.
var catching atomic.Int32

func (a *applying) interrupts(cancel context.CancelFunc, v *view) *interrupts {
	i := &interrupts{asked: make(chan struct{}), signals: make(chan os.Signal, 4), quit: make(chan struct{})}
	catching.Add(1)
	signal.Notify(i.signals, os.Interrupt, syscall.SIGTERM)
	if !signal.Ignored(syscall.SIGHUP) { // nohup: the run goes on when the terminal is gone
		signal.Notify(i.signals, syscall.SIGHUP)
	}
	unbrokenByPipes() // a closed terminal must not end a run between two actions
	go func() {
		asked := false
		for {
			select {
			case <-i.quit:
				return
			case <-i.signals:
				if asked {
					v.leaving()
					cancel()
					continue
				}
				asked = true
				v.stopping()
				close(i.asked)
			}
		}
	}()
	return i
}

func (i *interrupts) end() {
	signal.Stop(i.signals)
	catching.Add(-1)
	close(i.quit)
}
