package main

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"syscall"
	"time"

	"github.com/spf13/cobra"

	"zup/plan"
	"zup/plan/apply"
	"zup/plan/config"
	"zup/plan/disk"
	"zup/plan/escape"
	"zup/plan/observe"
	"zup/plan/shell"
	"zup/plan/show"
	"zup/plan/state"
	"zup/plan/stream"
	"zup/providers"
)

// planning is what plan and apply have in common: from a directory to a plan.
type planning struct {
	*cli
	config      configFlags
	state       stateFlags
	parallelism int
	input       bool
	verbose     bool
	notAfter    string
	rollback    bool
	backOut     bool
	wait        bool // for what a run of this state file that was cut off still does
	origin      origin
	waive       waiveFlags
}

// add adds the flags of everything that asks nodes. A command that changes the
// state file takes its lock.
func (p *planning) add(cmd *cobra.Command, locks bool) {
	p.config.add(cmd, true)
	must(cmd.RegisterFlagCompletionFunc("target", p.completeTargets))
	p.state.add(cmd, locks)
	flags := cmd.Flags()
	flags.IntVar(&p.parallelism, "parallelism", 10, "clusters that are worked on side by side")
	flags.BoolVar(&p.input, "input", true, "ask for what is missing, such as the passphrase of a key")
}

// addVerbose adds the flag of everything that shows a plan.
func addVerbose(cmd *cobra.Command, verbose *bool) {
	cmd.Flags().BoolVar(verbose, "verbose", false, "show the very commands of each action")
}

func (c *cli) planCommand() *cobra.Command {
	p := &planning{cli: c}
	var out string
	var detailed bool
	cmd := &cobra.Command{
		Use:   "plan",
		Short: "Look at the nodes and show what would be done",
		Long: `plan reads the configuration, asks every node over SSH what it is, and prints
the actions that lead from there to the configuration, in order. It changes
nothing on any node.

With -out the plan is written to a file: "zup apply FILE" carries out exactly
that. It is written to a regular file, and through no link.

With -md it prints Markdown for a comment on a pull request and no text: the plan as
"zup show -md" has it, or why there is none. With -md-into the text stays, and the
Markdown goes to a file.

With -rollback it is the way back: the plan restores the snapshots that the last
run has taken, where nodes run another version than they hold.

With -back-out it brings every cluster to rest without updating any further: what
an unfinished run has left is undone, and what it had stopped runs again. Once one node is
updated and the other is not, that is refused, and the choices are named.

A plan that a rule of the configuration is against is shown and written, but the exit
code is 6, and apply refuses it. With -waive NAME -because REASON the rule is not
heeded, and the plan says so.`,
		Args: arguments(0, 0),
		RunE: func(cmd *cobra.Command, _ []string) error {
			if err := placeForPlan(out); err != nil {
				return err
			}
			fleet, pl, err := p.make(cmd.Context(), "plan", nil)
			if fleet != nil {
				defer fleet.Close()
			}
			if err != nil {
				return err
			}
			if out != "" { // before anything is printed: who reads that may go away
				if err := c.write(pl, out); err != nil {
					return err
				}
			}
			if err := unheard(show.Plan(c.out, pl, c.show(p.verbose))); err != nil {
				return err
			}
			c.sayMissingSecrets(pl)
			switch {
			case out != "":
				if err := unheard(p.sayWritten(pl, out)); err != nil {
					return err
				}
			case pl.Approval != nil && !pl.Empty():
				fmt.Fprintf(c.out, "\nIt needs %s: zup plan -out FILE, zup approve FILE, zup apply FILE.\n", counted(pl.Approval.Required, "approval", "approvals"))
			}
			if err := c.commentOn(pl, out); err != nil {
				return err
			}
			if err := permitted(pl); err != nil {
				return err
			}
			words := []string{"apply"}
			if out != "" {
				words = append(words, shell.File(out))
			}
			c.stream.Send(stream.Plan(pl, out, p.onState(words...))...)
			if detailed && !pl.Empty() {
				return said(exitChanges)
			}
			return nil
		},
	}
	p.add(cmd, false)
	p.origin.add(cmd)
	p.waive.add(cmd)
	addVerbose(cmd, &p.verbose)
	c.addStream(cmd)
	c.addComment(cmd)
	cmd.Flags().StringVar(&out, "out", "", "write the plan to this `file`")
	cmd.Flags().StringVar(&p.notAfter, "not-after", "", "the plan may not be applied after this `time`, RFC 3339")
	cmd.Flags().BoolVar(&p.rollback, "rollback", false, "plan the way back to the snapshots that the last run has taken")
	cmd.Flags().BoolVar(&p.backOut, "back-out", false, "plan how to undo what an unfinished run has left, without updating further")
	cmd.Flags().BoolVar(&p.wait, "wait", false, "wait until what a run that was begun here and cut off still does on the nodes has ended")
	cmd.Flags().BoolVar(&detailed, "detailed-exitcode", false, "exit with 2 if there are changes")
	return cmd
}

// write writes a plan file.
func (c *cli) write(p *plan.Plan, path string) error {
	p.Created = c.now().UTC().Format(time.RFC3339)
	if err := disk.Replace(path, 0o600, p.Encode); err != nil {
		place := &state.PlaceError{Op: "write plan", Path: path, Err: err, Flag: "-out"}
		return fail(exitError, place.Hint(), "%w", place)
	}
	return nil
}

// unheard forgives that nobody reads any more what is printed: everything else is done
// all the same, and the exit status says what it says.
func unheard(err error) error {
	if errors.Is(err, syscall.EPIPE) {
		return nil
	}
	return err
}

// onState is a command to copy, as command is, with the state file that was asked for.
func (p *planning) onState(words ...string) string {
	if p.state.path != "" {
		words = slices.Insert(words, 1, "-state="+p.state.path)
	}
	return p.command(words...)
}

// sayWritten says how to go on with a plan file.
func (p *planning) sayWritten(pl *plan.Plan, path string) error {
	if pl.Empty() {
		return nil
	}
	if len(pl.Broken()) > 0 {
		fmt.Fprintf(p.out, "\nWritten to %s, for the review; apply refuses it.\n", escape.Name(path))
		return nil
	}
	apply := p.onState("apply", shell.File(path))
	fmt.Fprintf(p.out, "\nWritten to %s.", escape.Name(path))
	if pl.Approval != nil {
		return p.sayApprovals(pl, path, apply)
	}
	fmt.Fprintf(p.out, " To carry out exactly this plan:\n  %s\n", apply)
	return nil
}

// make loads, observes and plans. The fleet, if it is not nil, is the caller's to
// close. With a store the caller holds the lock; otherwise the state file is read
// without one.
func (p *planning) make(ctx context.Context, command string, store *state.Store) (*fleet, *plan.Plan, error) {
	dir, err := p.directory()
	if err != nil {
		return nil, nil, err
	}
	if err := p.check(); err != nil {
		return nil, nil, err
	}
	cfg, err := p.load(dir, &p.config)
	if err != nil {
		return nil, nil, err
	}
	if command == "apply" && cfg.Approval != nil {
		return nil, nil, fail(exitRule, "zup plan -out FILE, zup approve FILE, zup apply FILE",
			"the configuration demands %s: apply needs the plan file that was approved; nothing was changed", counted(cfg.Approval.Required, "approval", "approvals"))
	}
	var recorded *state.State
	if store != nil {
		recorded = store.State()
	} else if recorded, err = state.Read(p.state.file(dir)); err != nil {
		return nil, nil, err
	}
	if store == nil {
		if err := state.Check(p.state.file(dir)); err != nil {
			return nil, nil, err
		}
		p.warnLocked(dir)
	}
	beforehand := plan.Input{Config: cfg, Clusters: p.config.targets, Providers: planners(), Waivers: p.waive.waivers}
	if err := plan.CheckWaivers(beforehand); err != nil {
		return nil, nil, err
	}
	if err := plan.Unplannable(beforehand); err != nil {
		return nil, nil, p.refused(err)
	}
	fleet := p.newFleet(dir, p.input)
	clusters := chosen(cfg, p.config.targets)
	if err := p.canAsk(ctx, fleet, p.input, fleet.targetsOf(clusters)); err != nil {
		return fleet, nil, err
	}
	names := make([]string, 0, len(clusters))
	for _, c := range clusters {
		names = append(names, c.Name)
	}
	p.warnUnfinished(dir, names, recorded)
	if p.origin.commands, err = commandFiles(dir, clusters); err != nil {
		return fleet, nil, err
	}
	found := make(chan struct{})
	go func() {
		p.origin.find(ctx, p.cli, dir, cfg)
		close(found)
	}()
	images := p.images(ctx, dir, clusters)
	observed, err := p.observeAlone(ctx, dir, clusters, fleet, recorded, store != nil)
	if err == nil && store != nil {
		err = fleet.mayChange()
	}
	if err != nil {
		return fleet, nil, err
	}
	p.warnLeft(observed, names, recorded)
	<-found
	p.origin.tell(p.cli)
	pl, err := plan.Build(plan.Input{
		Author: p.origin.author, Change: p.origin.change, Commit: p.origin.commit,
		Config: cfg, Clusters: p.config.targets, Commands: p.origin.commands, Images: images, NotAfter: p.notAfter, Observed: observed,
		Farms:     observe.Farms(ctx, clusters, observed, products(), fleet.sieve()),
		Providers: planners(), Recorded: recorded, Version: version,
		Waivers: p.waive.waivers, Way: p.way(),
	})
	if err != nil {
		return fleet, nil, p.refused(err)
	}
	p.unneeded(pl)
	return fleet, pl, provable(pl)
}

// provable refuses a plan that nobody could prove later: see plan.Prove.
func provable(pl *plan.Plan) error {
	var altered *plan.AlteredError
	if !errors.As(prove(pl), &altered) {
		return nil
	}
	return fail(exitError, "let nothing that a cluster is made of depend on a sensitive value; if nothing does, this is a defect of zup",
		"the plan could not be made again from what is in it, so that nobody could apply it; no node was changed\n  %s", joinIndented(differencesOf(altered)))
}

func differencesOf(e *plan.AlteredError) []string {
	lines := make([]string, len(e.Differences))
	for i, d := range e.Differences {
		lines[i] = d.String()
	}
	return lines
}

// way is where the plan is to lead.
func (p *planning) way() plan.Way {
	switch {
	case p.rollback:
		return plan.Back
	case p.backOut:
		return plan.Rest
	}
	return plan.Forward
}

// check looks at the flags.
func (p *planning) check() error {
	if p.parallelism < 1 {
		return usagef("", "-parallelism must be at least 1, not %d", p.parallelism)
	}
	if err := p.origin.check(); err != nil {
		return err
	}
	if p.rollback && p.backOut {
		return usagef("-back-out undoes what is temporary, -rollback restores the snapshots", "-rollback and -back-out are two plans")
	}
	if err := p.waive.check(); err != nil {
		return err
	}
	if p.notAfter == "" {
		return nil
	}
	t, err := time.Parse(time.RFC3339, p.notAfter)
	if err != nil {
		return usagef("for example -not-after=2026-12-01T04:00:00Z", "-not-after: %q is no RFC 3339 time", p.notAfter)
	}
	p.notAfter = t.UTC().Format(time.RFC3339)
	return nil
}

// warnLocked says that somebody else is at work: what is planned now may be
// outdated in a moment.
func (p *planning) warnLocked(dir string) {
	path := p.state.file(dir)
	if locked, err := state.Locked(path); err == nil && locked {
		holder := state.ReadHolder(path)
		fmt.Fprintf(p.err, "%s the state is locked by %s\n\n", p.errStyle().notice("Warning:"), escape.Line(holder.String()))
		p.warned("", "what is planned now may be outdated in a moment", "the state is locked by %s", holder)
	}
}

func planners() map[string]plan.Provider {
	all := map[string]plan.Provider{}
	for name, p := range providers.All() {
		all[name] = p
	}
	return all
}

func explainers() map[string]apply.Explainer {
	all := map[string]apply.Explainer{}
	for name, p := range providers.All() {
		all[name] = p
	}
	return all
}

func products() map[string]observe.Product {
	all := map[string]observe.Product{}
	for name, p := range providers.All() {
		all[name] = p
	}
	return all
}

// observe asks every node, with progress if it takes longer than a second; before what
// it is, who is at work on it: what it says may be half done otherwise.
func (p *planning) observe(ctx context.Context, clusters []*config.Cluster, fleet *fleet) (plan.Observed, []nodeLock) {
	total := 0
	for _, c := range clusters {
		total += len(c.Nodes)
	}
	line := p.progressLine("Asking the nodes", total)
	defer line.stop()
	var locks lookedAt
	byName := make(map[string]*config.Cluster, len(clusters))
	for _, c := range clusters {
		byName[c.Name] = c
	}
	observed := observe.Nodes(ctx, observe.Targets(clusters, products()), observe.Options{
		Dial: func(ctx context.Context, cluster, node string) (observe.Host, error) {
			c := byName[cluster]
			host, err := fleet.configured(ctx, c, c.Node(node))
			if err == nil {
				locks.look(ctx, cluster, node, host.host, host.host.LockStatus)
			}
			return hostOrError(host, err)
		},
		Products: products(), Parallelism: 2 * p.parallelism, Now: p.now,
		Asked: p.asked(line),
	})
	return observed, locks.sorted()
}

// observeAlone asks every node, and who is at work on it. A plan that is for reading
// gets a warning; one that is to be carried out at once waits as -lock-timeout says,
// and is refused. What a run of this state file that was cut off still does is waited for
// by both: by the one for reading if -wait says so.
func (p *planning) observeAlone(ctx context.Context, dir string, clusters []*config.Cluster, fleet *fleet, recorded *state.State, refuse bool) (plan.Observed, error) {
	for deadline := p.now().Add(p.state.lockTimeout); ; {
		observed, locks := p.observe(ctx, clusters, fleet)
		if ctx.Err() != nil {
			return nil, fail(exitInterrupted, "", "interrupted while the nodes were being asked; nothing was changed")
		}
		orphans := orphansOf(locks, recorded)
		if len(orphans) > 0 && (refuse || p.wait) {
			if err := p.await(ctx, dir, orphans, refuse); err != nil {
				return nil, err
			}
			continue
		}
		err := heldBy(locks)
		switch {
		case !refuse:
			p.warnAtWork(locks, len(orphans) > 0)
			return observed, nil
		case err == nil:
			return observed, nil
		case !p.waitUntil(ctx, deadline):
			return nil, err
		}
	}
}

// asked counts the nodes that have answered or failed.
func (p *planning) asked(line *progressLine) func(cluster, node string, err error) {
	return func(cluster, node string, err error) {
		line.add()
		p.stream.Send(stream.Asked(cluster, node, err))
	}
}

// hostOrError keeps a nil *node from becoming a host that is not nil.
func hostOrError(n *node, err error) (observe.Host, error) {
	if err != nil {
		return nil, err
	}
	return n, nil
}

// refused writes every reason why there is no plan.
func (p *planning) refused(err error) error {
	var r *plan.RefusedError
	if !errors.As(err, &r) {
		return err
	}
	p.stream.Send(stream.Refused(r)...)
	if err := show.Refused(p.err, r, show.Options{Color: p.colored(p.err), Width: width(p.err)}); err != nil {
		return err
	}
	fmt.Fprintln(p.err)
	code := exitError
	if r.Rule() {
		code = exitRule
	}
	return fail(code, "", "no plan was made: %s; no node was changed", counted(len(r.Refusals), "reason above", "reasons above"))
}
