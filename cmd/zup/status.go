package main

import (
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"zup/plan"
	"zup/plan/config"
	"zup/plan/escape"
	"zup/plan/show"
	"zup/plan/state"
	"zup/providers"
)

// statusReport is what status -json prints.
type statusReport struct {
	Clusters      []clusterStatus `json:"clusters"`
	FormatVersion int             `json:"format_version"` // 1
}

// clusterStatus is how one cluster is just now.
type clusterStatus struct {
	Healthy  bool           `json:"healthy"`            // every check passed or was skipped
	LastRun  string         `json:"last_run,omitempty"` // as the state file has it
	Master   string         `json:"master"`             // empty: not known
	Name     string         `json:"name"`
	Nodes    []nodeStatus   `json:"nodes"`
	Open     []state.Change `json:"open"` // temporary changes that the state file has
	Outcome  string         `json:"outcome,omitempty"`
	Problems []problem      `json:"problems"` // why it is not healthy
	Provider string         `json:"provider"`
	Target   string         `json:"target"` // the version that the configuration wants
	Warnings []string       `json:"warnings"`
}

// nodeStatus is how one node is just now.
type nodeStatus struct {
	Address string            `json:"address"`
	Error   string            `json:"error,omitempty"` // why it could not be asked
	Facts   map[string]string `json:"facts,omitempty"`
	Lock    string            `json:"lock,omitempty"` // who is at work on it
	Name    string            `json:"name"`
}

// problem is why a cluster is not healthy.
type problem struct {
	Check   string `json:"check"`
	Detail  string `json:"detail,omitempty"`
	Hint    string `json:"hint,omitempty"`
	Node    string `json:"node,omitempty"`
	Rule    bool   `json:"rule"`
	Summary string `json:"summary"`
}

func (c *cli) statusCommand() *cobra.Command {
	p := &planning{cli: c}
	var asJSON bool
	cmd := &cobra.Command{
		Use:   "status",
		Short: "Ask every node how it is",
		Long: `status asks the nodes of every cluster: roles, versions, health, temporary changes,
and what an interrupted run left. It changes nothing. It exits with 6 if a
cluster is not healthy, and with 1 if a node could not be asked.`,
		Args: arguments(0, 0),
		RunE: func(cmd *cobra.Command, _ []string) error { return p.status(cmd, asJSON) },
	}
	p.add(cmd, false)
	cmd.Flags().BoolVar(&asJSON, "json", false, "print JSON")
	return cmd
}

func (p *planning) status(cmd *cobra.Command, asJSON bool) error {
	dir, err := p.directory()
	if err != nil {
		return err
	}
	if err := p.check(); err != nil {
		return err
	}
	cfg, err := p.load(dir, &p.config)
	if err != nil {
		return err
	}
	recorded, err := state.Read(p.state.file(dir))
	if err != nil {
		return err
	}
	fleet := p.newFleet(dir, p.input)
	defer fleet.Close()
	clusters := chosen(cfg, p.config.targets)
	if err := p.canAsk(cmd.Context(), fleet, p.input, fleet.targetsOf(clusters)); err != nil {
		return err
	}
	observed, locks := p.observe(cmd.Context(), clusters, fleet)
	if cmd.Context().Err() != nil {
		return said(exitInterrupted)
	}
	all := make([]clusterStatus, 0, len(clusters))
	for _, c := range clusters {
		s := p.statusOf(cfg, c, observed, recorded)
		for i := range s.Nodes {
			for _, l := range locks {
				if l.cluster == c.Name && l.node == s.Nodes[i].Name {
					s.Nodes[i].Lock = l.atWork()
				}
			}
		}
		all = append(all, s)
	}
	if asJSON {
		enc := json.NewEncoder(p.programs())
		enc.SetIndent("", "  ")
		if err := enc.Encode(statusReport{all, 1}); err != nil {
			return err
		}
	} else {
		p.printStatus(all)
	}
	return statusCode(all)
}

func statusCode(all []clusterStatus) error {
	code := exitOK
	for _, s := range all {
		for _, pr := range s.Problems {
			if !pr.Rule {
				return said(exitError)
			}
			code = exitRule
		}
	}
	if code != exitOK {
		return said(code)
	}
	return nil
}

// statusOf judges one cluster the way a plan would.
func (p *planning) statusOf(cfg *config.Config, c *config.Cluster, observed plan.Observed, recorded *state.State) clusterStatus {
	known := recorded.Cluster(c.Name)
	s := clusterStatus{
		Name: c.Name, Provider: c.Provider, Target: c.Version, LastRun: known.Run, Outcome: known.Outcome,
		Open: known.Open, Problems: []problem{}, Warnings: []string{},
	}
	if s.Open == nil {
		s.Open = []state.Change{}
	}
	product := providers.All()[c.Provider]
	s.Master = product.Master(observed[c.Name])
	for i, n := range observed[c.Name] {
		ns := nodeStatus{Name: n.Name, Address: c.Nodes[i].Address, Facts: shortFacts(n.Facts, product.WholeFiles())}
		if n.Err != nil {
			ns.Error = n.Err.Error()
		}
		s.Nodes = append(s.Nodes, ns)
	}
	pl, err := plan.Build(plan.Input{
		Config: withoutImage(cfg, c), Observed: observed, Providers: planners(), Recorded: recorded, Version: version,
	})
	var refused *plan.RefusedError
	switch {
	case errors.As(err, &refused):
		for _, r := range refused.Refusals {
			s.Problems = append(s.Problems, problem{r.Check, r.Detail, r.Hint, r.Node, r.Rule, r.Summary})
		}
		for _, c := range refused.Partial {
			s.Warnings = append(s.Warnings, c.Warnings...)
		}
	case err != nil:
		s.Problems = append(s.Problems, problem{Check: "plan", Summary: err.Error()})
	default:
		s.Warnings = append(s.Warnings, pl.Clusters[0].Warnings...)
	}
	s.Healthy = len(s.Problems) == 0
	return s
}

// withoutImage is the configuration of one cluster as if its nodes reached the
// repository: how they are does not depend on an image that an update would need.
func withoutImage(cfg *config.Config, c *config.Cluster) *config.Config {
	one, alone := *c, *cfg
	one.Package, alone.Clusters = nil, []*config.Cluster{&one}
	return &alone
}

// shortFacts leaves out what is a whole file.
func shortFacts(facts map[string]string, files []string) map[string]string {
	out := make(map[string]string, len(facts))
	for name, value := range facts {
		if !slices.Contains(files, name) {
			out[name] = escape.Line(value)
		}
	}
	return out
}

func (p *planning) printStatus(all []clusterStatus) {
	st := p.outStyle()
	for i, s := range all {
		var product plan.Product
		if known, ok := providers.All()[s.Provider]; ok {
			product = known.Product()
		}
		if i > 0 {
			fmt.Fprintln(p.out)
		}
		health := st.good("healthy")
		if !s.Healthy {
			health = st.bad("not healthy")
		}
		fmt.Fprintf(p.out, "%s (%s): %s; the configuration wants %s\n", st.bold(escape.Name(s.Name)), escape.Name(s.Provider), health, escape.Name(s.Target))
		for _, n := range s.Nodes {
			if n.Error != "" {
				fmt.Fprintf(p.out, "  %s %s\n", escape.Pad(escape.Name(n.Name), 16), st.bad("could not be asked"))
				continue
			}
			fmt.Fprintf(p.out, "  %s %s\n", escape.Pad(escape.Name(n.Name), 16), show.Node(&product, n.Facts))
		}
		p.printLeft(s, st)
		for _, pr := range s.Problems {
			where := ""
			if pr.Node != "" {
				where = escape.Name(pr.Node) + " "
			}
			fmt.Fprintf(p.out, "  %s %s%s\n", st.bad("Problem "), where, escape.Line(pr.Summary))
			for _, text := range []string{pr.Detail, pr.Hint} {
				for line := range strings.Lines(escape.Text(text)) {
					fmt.Fprintf(p.out, "           %s\n", strings.TrimRight(line, "\n"))
				}
			}
		}
		for _, w := range s.Warnings {
			fmt.Fprintf(p.out, "  %s %s\n", st.notice("Warning "), escape.Line(w))
		}
	}
}

// printLeft says what an interrupted run left, here and on the nodes.
func (p *planning) printLeft(s clusterStatus, st style) {
	for _, o := range s.Open {
		fmt.Fprintf(p.out, "  %s %s, since %s, by run %s\n", st.notice("Open    "), escape.Name(o.Name), o.Since.Local().Format(time.DateTime), escape.Name(o.Run))
	}
	for _, n := range s.Nodes {
		if n.Lock != "" {
			fmt.Fprintf(p.out, "  %s %s\n", st.notice("Locked  "), escape.Line(n.Lock))
		}
		for _, name := range plan.FactWords(n.Facts[plan.FactOpen]) {
			if slices.ContainsFunc(s.Open, func(o state.Change) bool { return o.Name == n.Name+"/"+name }) {
				continue
			}
			fmt.Fprintf(p.out, "  %s %s/%s, marked on the node, unknown to the state file\n", st.notice("Open    "), escape.Name(n.Name), escape.Name(name))
		}
		if jobs := n.Facts[plan.FactJobs]; len(plan.FactWords(jobs)) > 0 {
			fmt.Fprintf(p.out, "  %s jobs on %s: %s\n", st.notice("Left    "), escape.Name(n.Name), escape.Line(jobs))
		}
	}
	if s.LastRun != "" && s.Outcome != state.OutcomeDone {
		fmt.Fprintf(p.out, "  %s %s %s: zup resume continues it, a new plan has what is missing\n", st.notice("Last run"), escape.Name(s.LastRun), howItEnded(s.Outcome))
	}
}
