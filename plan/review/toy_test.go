package review_test

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"testing"

	"zup/plan"
	"zup/plan/apply"
	"zup/plan/config"
	"zup/plan/product"
	"zup/plan/review"
	"zup/plan/show"
	"zup/plan/state"
)

// toy is a product that has nothing in common with any that zup knows: other facts, other
// roles, one kind of action.
type toy struct{ words []plan.Word }

func (p toy) Product() plan.Product {
	return plan.Product{Facts: "ask the balancer", Status: p.words, VersionFact: "runs"}
}
func (toy) Declared() product.Declaration {
	return product.Declaration{
		Name: "haproxy", Title: "HAProxy", Nodes: product.Nodes{Least: 2, Most: 5, Words: "two to five nodes"},
		Version: &product.Version{Example: "2.6.12", Problem: func(string) string { return "" }},
	}
}
func (toy) Watches(*config.Cluster) bool          { return false }
func (toy) Refuse(*config.Cluster) []plan.Refusal { return nil }
func (toy) Checks() []plan.CheckRule              { return nil }
func (toy) Master(nodes []plan.ObservedNode) string {
	for _, n := range nodes {
		if n.Facts["mode"] == "active" {
			return n.Name
		}
	}
	return ""
}

func (p toy) serves(node string) []plan.Condition {
	return []plan.Condition{{Node: node, Fact: "mode", Is: []string{"active"}}, {Node: node, Fact: "listens", Not: []string{"nowhere"}}}
}

// Decide upgrades the node that stands by, and nothing else.
func (p toy) Decide(s plan.Situation) plan.Decision {
	d := plan.Decision{Cluster: plan.Cluster{From: "2.6.11", Master: "a", Warnings: []string{}}}
	for _, n := range s.Nodes {
		d.Cluster.Nodes = append(d.Cluster.Nodes, plan.Node{Facts: n.Facts, Role: n.Facts["mode"], Version: n.Facts["runs"], Serves: p.serves(n.Name)})
	}
	d.Actions = []plan.Action{{
		ID: "web.b.upgrade", Cluster: "web", Node: "b", Kind: "upgrade", Lasting: plan.LastingVersion, Out: true, Impact: plan.None, After: []string{},
		Title: "Upgrade 2.6.11 → 2.6.12", Reason: "it runs 2.6.11", Primitive: plan.Script, Script: "upgrade", TimeoutS: 10, EstimateS: 5,
		Requires: p.serves("a"), Check: []plan.Condition{{Node: "b", Fact: "runs", Is: []string{"2.6.12"}}},
	}}
	return d
}

var toyWords = []plan.Word{
	{Fact: "mode", Says: "it is {seen}"},
	{Fact: "runs", Says: "haproxy {seen}"},
	{Fact: "listens", Means: "where the balancer listens"},
	{Fact: "listens", Says: "it listens nowhere", When: []plan.Condition{{Fact: "listens", Is: []string{"nowhere"}}}},
}

// toyHost is a node of it; what it is asked that it does not know fails the test.
type toyHost struct {
	t     *testing.T
	mu    *sync.Mutex
	facts map[string]string
}

func (h toyHost) Run(_ context.Context, script string, args ...string) ([]byte, int, error) {
	h.mu.Lock()
	defer h.mu.Unlock()
	if script == "upgrade" {
		return []byte("E: no space left\n"), 100, nil
	}
	if script != "ask the balancer" {
		h.t.Errorf("the unknown script %q", script)
	}
	var b strings.Builder
	for _, name := range args {
		v, known := h.facts[name]
		if !known {
			h.t.Errorf("asked for %q, which the product does not have", name)
		}
		fmt.Fprintf(&b, "%s=%s\n", name, v)
	}
	return []byte(b.String() + "end\n"), 0, nil
}

func (h toyHost) Job(context.Context, apply.Job) (int, error) {
	return 0, errors.New("the toy has no jobs")
}

const toyConfig = `cluster "haproxy" "web" {
  version = "2.6.12"
  node "a" { address = "192.0.2.1" }
  node "b" { address = "192.0.2.2" }
}
`

// toyPlan plans the toy's pair, whose b is upgraded and listens where the caller says.
func toyPlan(t *testing.T, pair toy) *plan.Plan {
	t.Helper()
	dir := t.TempDir()
	if err := os.WriteFile(filepath.Join(dir, "web.zup.hcl"), []byte(toyConfig), 0o600); err != nil {
		t.Fatal(err)
	}
	cfg, diags := config.Load(dir, config.Options{Products: []product.Declaration{toy{}.Declared()}})
	if diags.HasErrors() {
		t.Fatal(diags)
	}
	observed := plan.Observed{"web": {
		{Name: "a", HostKey: hostKey, Facts: map[string]string{"mode": "active", "runs": "2.6.12", "listens": "192.0.2.10:80"}},
		{Name: "b", HostKey: hostKey, Facts: map[string]string{"mode": "standby", "runs": "2.6.11", "listens": "nowhere"}},
	}}
	p, err := plan.Build(plan.Input{Config: cfg, Observed: observed, Providers: map[string]plan.Provider{"haproxy": pair}, Version: "0.2.0"})
	if err != nil {
		t.Fatal(err)
	}
	var file bytes.Buffer
	if err := p.Encode(&file); err != nil {
		t.Fatal(err)
	}
	if p, err = plan.Decode(&file); err != nil {
		t.Fatal(err)
	}
	return p
}

// toyRun carries it out; the upgrade fails.
func toyRun(t *testing.T, p *plan.Plan) *apply.Report {
	t.Helper()
	dir := t.TempDir()
	store, err := state.Open(t.Context(), filepath.Join(dir, "zup.state.json"), 0, state.Holder{PID: os.Getpid()})
	if err != nil {
		t.Fatal(err)
	}
	defer store.Close()
	var mu sync.Mutex
	r, err := apply.Run(t.Context(), p, apply.Options{
		Dial: func(_ context.Context, _ *plan.Cluster, n *plan.Node) (apply.Host, error) {
			return toyHost{t, &mu, n.Facts}, nil
		},
		Store: store, RunID: "r1", Dir: filepath.Join(dir, "run"), Version: "0.2.0",
	})
	if err == nil {
		t.Fatal("the upgrade was to fail")
	}
	return r
}

// A pair of a product that nobody above a provider knows is described rightly, in the
// product's words and in no other's: what is planned, who serves after a stop and how its
// nodes are.
func TestAnotherProductIsDescribedRightly(t *testing.T) {
	p := toyPlan(t, toy{toyWords})
	r := toyRun(t, p)
	var text bytes.Buffer
	for _, err := range []error{show.Plan(&text, p, show.Options{}), show.Report(&text, r, p, "runs/r1", show.Options{})} {
		if err != nil {
			t.Fatal(err)
		}
	}
	text.WriteString(markdown(t, review.Change(p, nil)))
	text.WriteString(markdown(t, review.Run(&apply.Record{Plan: p, Report: r})))
	for _, want := range []string{
		"2.6.11 → 2.6.12 on b",
		"Serves now    a, with version 2.6.12",
		"a serves, with version 2.6.12",
		"it is active, haproxy 2.6.12",
		"it is standby, haproxy 2.6.11, it listens nowhere",
		"out: upgrade",
		"a now",
	} {
		if !strings.Contains(text.String(), want) {
			t.Errorf("it does not say %q", want)
		}
	}
	for _, word := range []string{"keepalived", "hosts.deny", "replication", "dpkg", "Zevenet", "VRRP", "nobody is known", "clean up"} {
		if strings.Contains(text.String(), word) {
			t.Errorf("it says %q", word)
		}
	}
	if t.Failed() {
		t.Log(text.String())
	}
}

// A product that knows no other way than forward is not taken for one that does.
func TestOtherWaysAreRefused(t *testing.T) {
	dir := t.TempDir()
	if err := os.WriteFile(filepath.Join(dir, "web.zup.hcl"), []byte(toyConfig), 0o600); err != nil {
		t.Fatal(err)
	}
	cfg, _ := config.Load(dir, config.Options{Products: []product.Declaration{toy{}.Declared()}})
	observed := plan.Observed{"web": {{Name: "a", Facts: map[string]string{"mode": "active"}}, {Name: "b", Facts: map[string]string{}}}}
	for way, want := range map[plan.Way]string{
		plan.Back: `zup knows no way back for a cluster of "haproxy"`,
		plan.Rest: `zup can't back out of a cluster of "haproxy"`,
	} {
		_, err := plan.Build(plan.Input{Config: cfg, Observed: observed, Providers: map[string]plan.Provider{"haproxy": toy{toyWords}}, Version: "0.2.0", Way: way})
		if err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%s: %v", way, err)
		}
	}
}

// What a product says is proven with the plan, and what is not a product's word is not a plan.
func TestProductsWordsAreProven(t *testing.T) {
	providers := map[string]plan.Provider{"haproxy": toy{toyWords}}
	if err := plan.Prove(toyPlan(t, toy{toyWords}), providers, "0.2.0"); err != nil {
		t.Fatal(err)
	}
	for name, alter := range map[string]func(p *plan.Plan){
		"words":          func(p *plan.Plan) { p.Products[0].Status[1].Says = "everything is well" },
		"their order":    func(p *plan.Plan) { slices.Reverse(p.Products[0].Status) },
		"when":           func(p *plan.Plan) { p.Products[0].Status[3].When[0].Is = []string{"everywhere"} },
		"means":          func(p *plan.Plan) { p.Products[0].Status[2].Means = "never mind" },
		"the version":    func(p *plan.Plan) { p.Products[0].VersionFact = "mode" },
		"MASTER now":     func(p *plan.Plan) { p.Clusters[0].MasterNow = "b" },
		"what lasts":     func(p *plan.Plan) { p.Actions[0].Lasting = "" },
		"what serves":    func(p *plan.Plan) { p.Clusters[0].Nodes[1].Serves = nil },
		"where it leads": func(p *plan.Plan) { p.Clusters[0].Way = plan.Back },
		"another lasts":  func(p *plan.Plan) { p.Actions[0].Lasting = plan.LastingBoot },
	} {
		p := toyPlan(t, toy{toyWords})
		alter(p)
		p.Identify()
		var altered *plan.AlteredError
		if err := plan.Prove(p, providers, "0.2.0"); !errors.As(err, &altered) {
			t.Errorf("%s: %v", name, err)
		}
	}
	for name, alter := range map[string]func(p *plan.Plan){
		"a fact that is an option":        func(p *plan.Plan) { p.Products[0].Status[0].Fact = "--all" },
		"the version is not a fact":       func(p *plan.Plan) { p.Products[0].VersionFact = "" },
		"nothing said":                    func(p *plan.Plan) { p.Products[0].Status[0].Says = "" },
		"of another node":                 func(p *plan.Plan) { p.Products[0].Status[3].When[0].Node = "a" },
		"compared with another node":      func(p *plan.Plan) { p.Products[0].Status[3].When[0] = plan.Condition{Fact: "mode", SameAs: "a"} },
		"two comparisons in one":          func(p *plan.Plan) { p.Products[0].Status[3].When[0].Not = []string{"x"} },
		"serving proven by another node":  func(p *plan.Plan) { p.Clusters[0].Nodes[0].Serves[0].Node = "b" },
		"nothing proves that it serves":   func(p *plan.Plan) { p.Clusters[0].Nodes[0].Serves = nil },
		"more proves that it serves":      func(p *plan.Plan) { p.Clusters[0].Nodes[0].Serves[0].Is = []string{"active", "standby"} },
		"the node itself serves":          func(p *plan.Plan) { p.Actions[0].Requires = toy{}.serves("b") },
		"half of what proves it":          func(p *plan.Plan) { p.Actions[0].Requires = p.Actions[0].Requires[:1] },
		"moves MASTER, and never had it":  func(p *plan.Plan) { p.Actions[0].Impact = plan.Switchover },
		"something unknown lasts":         func(p *plan.Plan) { p.Actions[0].Lasting = "mood" },
		"another way":                     func(p *plan.Plan) { p.Clusters[0].Way = "" },
		"MASTER is not a node":            func(p *plan.Plan) { p.Clusters[0].MasterNow = "c" },
		"the product has no facts script": func(p *plan.Plan) { p.Products[0].Facts = "" },
	} {
		p := toyPlan(t, toy{toyWords})
		alter(p)
		if err := p.Validate(); err == nil {
			t.Errorf("%s: accepted", name)
		}
	}
}

// What a plan or a node says is escaped where it is shown.
func TestHostileWords(t *testing.T) {
	const hostile = "\x1b[2J\u202e all is well {seen}"
	p := toyPlan(t, toy{[]plan.Word{{Fact: "mode", Says: hostile, Means: hostile}, {Fact: "runs", Says: "{seen}{seen}"}}})
	for i := range p.Clusters[0].Nodes {
		p.Clusters[0].Nodes[i].Facts["runs"] = "{seen}\x1b]0;x\a"
	}
	r := toyRun(t, p)
	var text bytes.Buffer
	if err := show.Report(&text, r, p, "runs/r1", show.Options{}); err != nil {
		t.Fatal(err)
	}
	text.WriteString(markdown(t, review.Run(&apply.Record{Plan: p, Report: r})))
	if strings.ContainsAny(text.String(), "\x1b\u202e\a") || !strings.Contains(text.String(), "all is well active") {
		t.Errorf("%q", text.String())
	}
}
