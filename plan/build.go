package plan

import (
	"cmp"
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"maps"
	"runtime"
	"slices"
	"strconv"
	"strings"
	"sync"
	"sync/atomic"

	"zup/plan/config"
	"zup/plan/escape"
	"zup/plan/product"
	"zup/plan/state"
)

// Observed is what the nodes of all clusters said just now.
type Observed map[string][]ObservedNode // by cluster name; nodes in the order of the configuration

// ObservedNode is what one node said. Either Err is set or Facts is.
type ObservedNode struct {
	Err     error             // why it could not be asked
	Facts   map[string]string // as the product's facts script printed them
	HostKey string            // the key that it showed, authorized_keys form without comment
	Name    string            // as the configuration calls it
}

// Provider knows a product. Its methods are pure: no clock, no network, no
// files. What they return depends on their arguments alone.
type Provider interface {
	// Product returns what goes into every plan about the product; Build sets its Name.
	Product() Product
	// Declared is what the product declares about its cluster blocks.
	Declared() product.Declaration
	// Watches reports whether, where a cluster has no probes, what answers of its services
	// is to be watched.
	Watches(*config.Cluster) bool
	// Refuse says why a cluster can't be planned whatever its nodes say; nil if
	// that depends on them.
	Refuse(*config.Cluster) []Refusal
	// Checks lists every check that Decide may make.
	Checks() []CheckRule
	// Master returns the name of the node that is MASTER, as far as those that have
	// answered say; "" if none does.
	Master([]ObservedNode) string
	// Decide looks at one cluster that Refuse has nothing against and all of
	// whose nodes answered, and says what has to be done or why nothing may be. A
	// decision that goes another way than Forward says so in Cluster.Way: what says
	// nothing is not taken for the way back.
	Decide(Situation) Decision
}

// Situation is everything that a provider decides on.
type Situation struct {
	Config   *config.Cluster
	Image    *Image         // of the cluster's package block; nil: it has none
	Nodes    []ObservedNode // in the order of the configuration, none with Err
	Recorded state.Cluster
	State    StateRef // where Recorded is from
	Waived   []string // IDs of the checks that need not pass
	Way      Way      // where the plan is to lead; never empty
}

// Waives reports whether a check need not pass.
func (s *Situation) Waives(check string) bool { return slices.Contains(s.Waived, check) }

// CheckRule is a kind of check that a provider makes.
type CheckRule struct {
	Name     string
	About    string // what passes
	Pair     bool   // its ID is cluster.name; otherwise cluster.node.name
	Waivable bool   // it need not pass if somebody says why
}

// Decision is what a provider makes of a situation. With refusals there are no
// actions. Without actions nothing has to be done. Of Cluster the provider sets
// Checks, From, Interruption, Master, Warnings, Way, and of each node Facts, Role, Serves and
// Version; Build sets what the configuration says, and MasterNow.
type Decision struct {
	Actions  []Action
	Cluster  Cluster
	Refusals []Refusal
	Waived   []Waiver // checks that did not pass and need not, without Because
}

// Refusal says why a cluster can't be planned.
type Refusal struct {
	Cluster string
	Node    string // empty: the cluster as a whole
	Check   string // name of the check that did not pass
	Summary string // one sentence: what is wrong
	Detail  string // what was seen, where; may be empty
	Hint    string // what to do next; may be empty
	Waiver  string // ID of the check where it can be waived; empty: it can't
	Rule    bool   // a rule refuses; otherwise something could not be reached or read
}

func (r Refusal) String() string {
	where := fmt.Sprintf("cluster %q", r.Cluster)
	if r.Node != "" {
		where += fmt.Sprintf(", node %q", r.Node)
	}
	s := where + ": " + r.Summary
	if r.Detail != "" {
		s += ": " + r.Detail
	}
	return s
}

// RefusedError carries every reason why a plan was not made. Partial is what was
// found out on the way: the clusters with their checks, without actions.
type RefusedError struct {
	Partial  []Cluster
	Refusals []Refusal
}

func (e *RefusedError) Error() string {
	lines := make([]string, len(e.Refusals))
	for i, r := range e.Refusals {
		lines[i] = r.String()
	}
	return strings.Join(lines, "\n")
}

// Rule reports whether every refusal comes from a rule.
func (e *RefusedError) Rule() bool {
	return !slices.ContainsFunc(e.Refusals, func(r Refusal) bool { return !r.Rule })
}

// Declared lists what the products declare, sorted by name: for config.Options.
func Declared[P interface{ Declared() product.Declaration }](products map[string]P) []product.Declaration {
	all := make([]product.Declaration, 0, len(products))
	for _, name := range slices.Sorted(maps.Keys(products)) {
		all = append(all, products[name].Declared())
	}
	return all
}

// Input is everything that Build works from.
type Input struct {
	Author    string // see Plan.Author
	Change    string // see Plan.Change
	Commit    string // see Plan.Commit
	Config    *config.Config
	Images    map[string]*Image // by cluster name: of those that have a package block
	Commands  []CommandFile     // what was found where local commands may name a file, see Named; sorted by path
	Clusters  []string          // names of the clusters to plan; nil: all
	Farms     map[string][]Farm // by cluster name: of clusters without probes, what was tried from here; nil: nothing was
	NotAfter  string            // see Plan.NotAfter
	Observed  Observed
	Providers map[string]Provider
	Recorded  *state.State // nil: there is no state file
	Version   string       // zup's own
	Waivers   []Waiver     // what is not to be heeded, without What; see CheckWaivers
	Way       Way          // empty: Forward
}

// Build makes a plan. It returns a *RefusedError when a cluster can't be planned
// and a *WaiverError when something can't be waived; any other error is a defect of
// zup: a plan that breaks its own rules. A plan that breaks a rule of the house is
// made: see Plan.Broken.
func Build(in Input) (*Plan, error) {
	if err := CheckWaivers(in); err != nil {
		return nil, err
	}
	in.Way = cmp.Or(in.Way, Forward)
	p := &Plan{
		Approval:      approvalOf(in.Config.Approval),
		Author:        in.Author,
		Change:        in.Change,
		Commit:        in.Commit,
		Config:        planned(in.Config),
		FormatVersion: FormatVersion,
		NotAfter:      in.NotAfter,
		Clusters:      make([]Cluster, 0, len(in.Config.Clusters)),
		Products:      []Product{},
		ZupVersion:    in.Version,
	}
	p.schedule(in.Config)
	if in.Recorded != nil {
		p.State = StateRef{in.Recorded.Lineage, in.Recorded.Serial}
	}
	decisions := decideAll(in, selected(in))
	var refused RefusedError
	var waived []Waiver
	total := 0
	for i := range decisions {
		p.Clusters = append(p.Clusters, decisions[i].Cluster)
		refused.Refusals = append(refused.Refusals, decisions[i].Refusals...)
		waived = append(waived, decisions[i].Waived...)
		total += len(decisions[i].Actions)
	}
	p.Actions = make([]Action, 0, total)
	for i := range decisions {
		p.Actions = append(p.Actions, decisions[i].Actions...)
	}
	if len(refused.Refusals) > 0 {
		refused.Partial = p.Clusters
		return nil, &refused
	}
	p.cover(in.Commands)
	p.Products = products(in, p.Clusters)
	p.judge(in.Config.Rules)
	p.waive(in.Waivers, waived)
	p.CreatedFrom = origin(in, p.Clusters, p.Waivers)
	if err := p.Validate(); err != nil {
		return nil, fmt.Errorf("the plan that was made breaks a rule; this is a defect of zup: %w", err)
	}
	p.Identify()
	return p, nil
}

// Unplannable returns a *RefusedError if a cluster can't be planned whatever its
// nodes say, so that they need not be asked; otherwise nil. Of Input it needs
// Config, Clusters and Providers.
func Unplannable(in Input) error {
	var refused RefusedError
	for _, cfg := range selected(in) {
		refused.Refusals = append(refused.Refusals, in.Providers[cfg.Provider].Refuse(cfg)...)
	}
	if len(refused.Refusals) > 0 {
		return &refused
	}
	return nil
}

// selected returns the clusters to plan, sorted by name.
func selected(in Input) []*config.Cluster {
	all := make([]*config.Cluster, 0, len(in.Config.Clusters))
	for _, c := range in.Config.Clusters {
		if in.Clusters == nil || slices.Contains(in.Clusters, c.Name) {
			all = append(all, c)
		}
	}
	slices.SortFunc(all, func(a, b *config.Cluster) int { return strings.Compare(a.Name, b.Name) })
	return all
}

// decideAll decides on every cluster; they do not depend on each other, so it is
// done on all processors.
func decideAll(in Input, clusters []*config.Cluster) []Decision {
	all := make([]Decision, len(clusters))
	var next atomic.Int64
	var wg sync.WaitGroup
	for range min(runtime.GOMAXPROCS(0), len(clusters)) {
		wg.Go(func() {
			for i := next.Add(1) - 1; int(i) < len(clusters); i = next.Add(1) - 1 {
				all[i] = decide(in, clusters[i])
			}
		})
	}
	wg.Wait()
	return all
}

func decide(in Input, cfg *config.Cluster) Decision {
	nodes := in.Observed[cfg.Name]
	provider := in.Providers[cfg.Provider]
	var d Decision
	if d.Refusals = provider.Refuse(cfg); len(d.Refusals) == 0 {
		d.Refusals = unanswered(cfg, nodes)
	}
	if len(d.Refusals) == 0 {
		if d = provider.Decide(situation(in, cfg)); len(d.Refusals) == 0 && cmp.Or(d.Cluster.Way, Forward) != in.Way {
			d = Decision{Refusals: []Refusal{unknownWay(cfg, in.Way)}}
		}
	}
	d.Cluster.Way = in.Way
	fillIn(&d.Cluster, cfg, nodes)
	d.Cluster.MasterNow = provider.Master(nodes)
	if in.Farms != nil && len(cfg.Probes) == 0 && len(d.Actions) > 0 && provider.Watches(cfg) {
		watchFarms(&d.Cluster, in.Farms[cfg.Name])
	}
	return d
}

// situation is what a provider decides on.
func situation(in Input, cfg *config.Cluster) Situation {
	s := Situation{Config: cfg, Image: in.Images[cfg.Name], Nodes: in.Observed[cfg.Name], Recorded: in.Recorded.Cluster(cfg.Name), Way: in.Way}
	for _, w := range in.Waivers {
		s.Waived = append(s.Waived, w.Name)
	}
	if in.Recorded != nil {
		s.State = StateRef{in.Recorded.Lineage, in.Recorded.Serial}
	}
	return s
}

// unknownWay refuses a way that a product does not have.
func unknownWay(cfg *config.Cluster, way Way) Refusal {
	r := Refusal{Cluster: cfg.Name, Check: "rollback", Summary: fmt.Sprintf("zup knows no way back for a cluster of %q", cfg.Provider)}
	if way == Rest {
		r.Check, r.Summary = "back-out", fmt.Sprintf("zup can't back out of a cluster of %q", cfg.Provider)
	}
	return r
}

func unanswered(cfg *config.Cluster, nodes []ObservedNode) []Refusal {
	var all []Refusal
	for i := range cfg.Nodes {
		name := cfg.Nodes[i].Name
		switch {
		case i >= len(nodes):
			all = append(all, Refusal{Cluster: cfg.Name, Node: name, Check: "reachable", Summary: "was not asked"})
		case nodes[i].Err != nil:
			all = append(all, Refusal{
				Cluster: cfg.Name, Node: name, Check: "reachable",
				Summary: "can't be observed", Detail: nodes[i].Err.Error(), Hint: hint(nodes[i].Err),
			})
		}
	}
	return all
}

// hint returns what an error advises to do, from whichever layer knows.
func hint(err error) string {
	for err != nil {
		if h, ok := err.(interface{ Hint() string }); ok {
			return h.Hint()
		}
		u, ok := err.(interface{ Unwrap() error })
		if !ok {
			return ""
		}
		err = u.Unwrap()
	}
	return ""
}

// farmMS is how often farms that were found are asked, all together, milliseconds.
const farmMS = 20

// watchFarms makes a probe of each farm that answers. All of them together open a
// connection every 20 ms, or each of them one a second where there are many.
func watchFarms(c *Cluster, farms []Farm) {
	var silent []string
	for _, f := range farms {
		switch {
		case f.Foreign != "" || f.Spared:
			continue
		case !f.Answers:
			silent = append(silent, f.Address)
			continue
		}
		c.Probes = append(c.Probes, Probe{Name: f.Address, TCP: f.Address, Found: true, TimeoutMS: config.DefaultTimeout.Milliseconds()})
	}
	for i := range c.Probes {
		c.Probes[i].IntervalMS = min(int64(len(c.Probes))*farmMS, 1000)
	}
	switch {
	case len(c.Probes) == 0:
		c.Warnings = append(c.Warnings, "no probe is configured and no farm answers from here: what users feel is not measured")
		if c.MaxInterruptionMS > 0 {
			c.Warnings = append(c.Warnings, "max_interruption has no effect: nothing is measured")
		}
	case len(silent) > 0:
		c.Warnings = append(c.Warnings, "not measured, for it does not answer from here: "+strings.Join(silent, ", "))
	}
	c.Warnings = append(c.Warnings, untried(farms)...)
}

// untried says what was not tried, a sentence for each reason.
func untried(farms []Farm) []string {
	const shown = 5
	var reasons, all []string
	foreign := map[string][]string{}
	spared := 0
	for _, f := range farms {
		switch {
		case f.Spared:
			spared++
		case f.Foreign != "":
			if foreign[f.Foreign] == nil {
				reasons = append(reasons, f.Foreign)
			}
			foreign[f.Foreign] = append(foreign[f.Foreign], escape.Line(f.Address))
		}
	}
	slices.Sort(reasons)
	for _, why := range reasons {
		names, more, is := foreign[why], "", "is not an address"
		if len(names) > 1 {
			is = "are not addresses"
		}
		if n := len(names) - shown; n > 0 {
			names, more = names[:shown], fmt.Sprintf(" and %d more", n)
		}
		all = append(all, fmt.Sprintf("not tried: %s%s, which %s of users (%s)", strings.Join(names, ", "), more, is, why))
	}
	if spared > 0 {
		all = append(all, fmt.Sprintf("not tried: %d more farms; those that were are enough to measure by", spared))
	}
	return all
}

// fillIn sets what the configuration says about a cluster.
func fillIn(c *Cluster, cfg *config.Cluster, nodes []ObservedNode) {
	c.MaxInterruptionMS = cfg.MaxInterruption.Milliseconds()
	c.Name, c.Provider = cfg.Name, cfg.Provider
	if c.Way == Forward || c.To == "" {
		c.To = cmp.Or(cfg.Version, c.To)
	}
	c.Probes = make([]Probe, len(cfg.Probes))
	for i, p := range cfg.Probes {
		c.Probes[i] = Probe{
			HTTP: p.HTTP, IntervalMS: p.Interval.Milliseconds(), Name: p.Name,
			TCP: p.TCP, TimeoutMS: p.Timeout.Milliseconds(),
		}
	}
	if c.Nodes == nil {
		c.Nodes = make([]Node, len(cfg.Nodes))
	}
	for i := range c.Nodes {
		n, from := &c.Nodes[i], &cfg.Nodes[i]
		n.Address, n.Name = from.Address, from.Name
		n.SSH = SSH{Become: from.SSH.Become, IdentityFile: from.SSH.IdentityFile, Jump: jump(from.SSH.Jump), JumpHostKeys: from.SSH.JumpHostKeys, Port: from.SSH.Port, User: from.SSH.User}
		if i < len(nodes) {
			n.HostKey = nodes[i].HostKey
		}
		n.Fingerprint = Fingerprint(n.Facts)
	}
	if c.Checks == nil {
		c.Checks = []Check{}
	}
	if c.Warnings == nil {
		c.Warnings = []string{}
	}
}

func jump(hops []config.Hop) []string {
	if hops == nil {
		return nil
	}
	if len(hops) == 0 {
		return []string{"none"}
	}
	all := make([]string, len(hops))
	for i, h := range hops {
		all[i] = h.String()
	}
	return all
}

// Fingerprint is the digest of the facts that a plan rests on: SHA-256 over
// name=value lines in the order of the names, hex.
func Fingerprint(facts map[string]string) string {
	var text []byte
	for _, name := range slices.Sorted(maps.Keys(facts)) {
		text = append(text, name...)
		text = append(text, '=')
		text = strconv.AppendQuote(text, facts[name])
		text = append(text, '\n')
	}
	sum := sha256.Sum256(text)
	return hex.EncodeToString(sum[:])
}

func approvalOf(a *config.Approval) *Approval {
	if a == nil {
		return nil
	}
	out := &Approval{AuthorMayApprove: a.AuthorMayApprove, Required: a.Required, Signers: fileOf(a.Signers)}
	if a.Revoked != nil {
		revoked := fileOf(*a.Revoked)
		out.Revoked = &revoked
	}
	return out
}

// products returns each product that a cluster is of, sorted by name.
func products(in Input, clusters []Cluster) []Product {
	names := map[string]bool{}
	for i := range clusters {
		names[clusters[i].Provider] = true
	}
	all := make([]Product, 0, len(names))
	for _, name := range slices.Sorted(maps.Keys(names)) {
		of := in.Providers[name].Product()
		of.Name = name
		all = append(all, of)
	}
	return all
}
