package plan_test

import (
	"bytes"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"zup/plan"
	"zup/plan/config"
	"zup/providers/zevenet"
	"zup/providers/zevenet/arguments"
)

// manyPairs is the input of a plan for n healthy pairs that are a version behind.
func manyPairs(n int) plan.Input {
	in := plan.Input{
		Config: &config.Config{}, Observed: plan.Observed{}, Version: "0.1.0",
		Providers: map[string]plan.Provider{"zevenet": zevenet.Provider{}},
	}
	for i := range n {
		c := &config.Cluster{
			Provider: "zevenet", Name: fmt.Sprintf("pair-%05d", i), Version: "6.1.20", Own: arguments.Arguments{Switchover: "drain"}.Own(),
			Nodes:  []config.Node{{Name: "zva5n1", Address: fmt.Sprintf("10.%d.%d.1", i>>8, i&255)}, {Name: "zva5n2", Address: fmt.Sprintf("10.%d.%d.2", i>>8, i&255)}},
			Probes: []config.Probe{{Name: "web", HTTP: "http://192.0.2.10/", Interval: config.DefaultInterval, Timeout: config.DefaultTimeout}},
		}
		in.Config.Clusters = append(in.Config.Clusters, c)
		for _, node := range c.Nodes {
			in.Observed[c.Name] = append(in.Observed[c.Name], plan.ObservedNode{Name: node.Name, HostKey: hostKey, Facts: pairFacts(node.Name)})
		}
	}
	return in
}

// BenchmarkPlan builds a plan from observations that are given, its ID included.
func BenchmarkPlan(b *testing.B) {
	for _, n := range []int{1, 1000, 10000} {
		in := manyPairs(n)
		b.Run(fmt.Sprintf("pairs=%d", n), func(b *testing.B) {
			b.ReportAllocs()
			for b.Loop() {
				p, err := plan.Build(in)
				if err != nil || len(p.Actions) != 25*n {
					b.Fatal(err, len(p.Actions))
				}
			}
		})
	}
}

// BenchmarkEncode writes the plan file.
func BenchmarkEncode(b *testing.B) {
	p, err := plan.Build(manyPairs(1000))
	if err != nil {
		b.Fatal(err)
	}
	b.ReportAllocs()
	for b.Loop() {
		if err := p.Encode(io.Discard); err != nil {
			b.Fatal(err)
		}
	}
}

// BenchmarkProve makes a plan of a thousand pairs again from what stands in it, as apply
// does: its configuration is read and evaluated, everything is decided anew, and every
// byte is compared.
func BenchmarkProve(b *testing.B) {
	const pairs = 1000
	in := manyPairs(pairs)
	dir := b.TempDir()
	var text strings.Builder
	for _, c := range in.Config.Clusters {
		fmt.Fprintf(&text, "cluster \"zevenet\" %q {\n  version    = \"6.1.20\"\n  switchover = \"drain\"\n", c.Name)
		for _, n := range c.Nodes {
			fmt.Fprintf(&text, "  node %q {\n    address = %q\n  }\n", n.Name, n.Address)
		}
		text.WriteString("  probe \"web\" {\n    http = \"http://192.0.2.10/\"\n  }\n}\n")
	}
	if err := os.WriteFile(filepath.Join(dir, "pairs.zup.hcl"), []byte(text.String()), 0o600); err != nil {
		b.Fatal(err)
	}
	cfg, diags := config.Load(dir, config.Options{})
	if diags.HasErrors() {
		b.Fatal(diags.All)
	}
	in.Config = cfg
	built, err := plan.Build(in)
	if err != nil {
		b.Fatal(err)
	}
	built.Created = "2026-11-22T15:00:00Z"
	p, err := plan.Decode(bytes.NewReader(encoded(b, built)))
	if err != nil || len(p.Actions) != 25*pairs {
		b.Fatal(err, len(p.Actions))
	}
	b.ReportAllocs()
	for b.Loop() {
		if err := plan.Prove(p, in.Providers, "0.1.0"); err != nil {
			b.Fatal(err)
		}
	}
}
