package config

import (
	"fmt"
	"regexp"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/zclconf/go-cty/cty"

	"zup/plan/product"
)

// other is a product that has nothing in common with the family: no version, a map that is
// required, two or three nodes.
var other = product.Declaration{
	Name: "balancer", Title: "A balancer",
	Nodes: product.Nodes{Least: 2, Most: 3, Words: "two or three nodes", Example: `node "lb1" { address = "192.0.2.1" }`},
	Arguments: []product.Argument{
		{
			Name: "packages", Type: cty.Map(cty.String), Missing: `It names exact versions: packages = { haproxy = "2.6.12-1" }`,
			Check: func(v cty.Value) string {
				for name := range v.AsValueMap() {
					if !regexp.MustCompile(`^[a-z0-9+.-]+$`).MatchString(name) {
						return fmt.Sprintf("%q is not the name of a package.", name)
					}
				}
				return ""
			},
		},
		{
			Name: "drain", Type: cty.String, Default: cty.StringVal("auto"), Values: []string{"auto", "priority"},
			Choice: `It is "auto", which takes the way that the configuration has, or "priority".`,
		},
		{Name: "weight", Type: cty.Number, Default: cty.NumberIntVal(100)},
	},
	Check: func(s product.Said) []product.Problem {
		if s.Own["drain"].AsString() == "priority" && !s.MaxInterruption {
			return []product.Problem{{Argument: "drain", Summary: "drain has no limit", Detail: "Say max_interruption.", Warning: true}}
		}
		return nil
	},
}

// What a product declares is read, and its mistakes are told as the house's own are: with
// what was meant, the place and a caret.
func TestDeclaredArguments(t *testing.T) {
	t.Parallel()
	products := append([]product.Declaration{other}, family...)
	const text = `cluster "balancer" "a" {
  packages = { haproxy = "2.6.12-1", keepalived = "1:2.2.7-1+b2" }
  drain    = "priority"
  node "n1" { address = "192.0.2.1" }
  node "n2" { address = "192.0.2.2" }
  node "n3" { address = "192.0.2.3" }
}
`
	dir := t.TempDir()
	write(t, dir, "a.zup.hcl", text)
	cfg, diags := Load(dir, Options{Products: products})
	if cfg == nil || len(diags.All) != 1 || diags.All[0].Summary != "drain has no limit" {
		t.Fatal(printed(t, diags))
	}
	want := map[string]cty.Value{
		"packages": cty.MapVal(map[string]cty.Value{"haproxy": cty.StringVal("2.6.12-1"), "keepalived": cty.StringVal("1:2.2.7-1+b2")}),
		"drain":    cty.StringVal("priority"), "weight": cty.NumberIntVal(100),
	}
	if diff := cmp.Diff(want, cfg.Clusters[0].Own, noPlaces); diff != "" || cfg.Clusters[0].Version != "" {
		t.Error(diff)
	}
	again, diags := Reload(cfg.Files, recordOf(cfg), Options{Products: products})
	if again == nil || cmp.Diff(cfg.Clusters, again.Clusters, noPlaces) != "" {
		t.Errorf("read again it is another one: %s", printed(t, diags))
	}
}

func TestMistakesInDeclaredArguments(t *testing.T) {
	t.Parallel()
	const nodes = `
  node "n1" { address = "192.0.2.1" }
  node "n2" { address = "192.0.2.2" }
}
`
	for _, tt := range []struct{ name, block, want string }{
		{"a slip", `cluster "balancer" "a" {
  packages = {}
  drian    = "auto"` + nodes, `Error: unknown argument "drian"

  on a.zup.hcl line 3, in cluster "balancer" "a":
   3:   drian    = "auto"
        ^^^^^

Did you mean "drain"?`},
		{"a value that nobody knows", `cluster "balancer" "a" {
  packages = {}
  drain    = "prioritty"` + nodes, `Error: unknown drain "prioritty"

  on a.zup.hcl line 3, in cluster "balancer" "a":
   3:   drain    = "prioritty"
                   ^^^^^^^^^^^

Did you mean "priority"?`},
		{"a value that means nothing", `cluster "balancer" "a" {
  packages = {}
  drain    = "no"` + nodes, `It is "auto", which takes the way that the configuration has, or "priority".`},
		{"missing", `cluster "balancer" "a" {` + nodes, `Error: missing "packages"

  on a.zup.hcl line 1, in cluster "balancer" "a":
   1: cluster "balancer" "a" {
      ^^^^^^^^^^^^^^^^^^^^^^

It names exact versions: packages = { haproxy = "2.6.12-1" }`},
		{"of another type", `cluster "balancer" "a" {
  packages = ["haproxy"]` + nodes, `Error: wrong type for "packages"`},
		{"null in it", `cluster "balancer" "a" {
  packages = { haproxy = null }` + nodes, `One of the values in it is null.`},
		{"checked by the product", `cluster "balancer" "a" {
  packages = { "; reboot" = "1" }` + nodes, `Error: "packages" is not right`},
		{"of another product", `cluster "balancer" "a" {
  packages = {}
  boost    = true` + nodes, `"boost" is an argument of cluster "relianoid". What is known in a block of cluster "balancer": packages, drain, weight, master,`},
		{"a version where there is none", `cluster "balancer" "a" {
  packages = {}
  version  = "1.2.3"` + nodes, `"version" is an argument of cluster "relianoid".`},
		{"in another block", `cluster "balancer" "a" {
  packages = {}
  node "n3" {
    address = "192.0.2.9"
    drain = "auto"
  }` + nodes, `"drain" belongs in a cluster block.`},
		{"too few nodes", `cluster "balancer" "a" {
  packages = {}
  node "n1" { address = "192.0.2.1" }
}
`, `A cluster has two or three nodes, and this one has 1.`},
		{"too many nodes", `cluster "balancer" "a" {
  packages = {}
  node "n3" { address = "192.0.2.3" }
  node "n4" { address = "192.0.2.4" }` + nodes, `This is the fourth one.`},
		{"a product that is meant", `cluster "balancr" "a" {
  packages = {}
  drain    = "xyz"` + nodes, `Error: unknown drain "xyz"`},
		{"a product that nobody knows", `cluster "netscaler" "a" {
  packages = {}
  boost    = "perhaps"` + nodes, `This zup knows: balancer, relianoid, skudonet and zevenet.`},
		{"sensitive", `variable "s" {
  default   = "auto"
  sensitive = true
}
cluster "balancer" "a" {
  packages = {}
  drain    = var.s` + nodes, `Error: "drain" is sensitive`},
	} {
		dir := t.TempDir()
		write(t, dir, "a.zup.hcl", tt.block)
		cfg, diags := Load(dir, Options{Products: append([]product.Declaration{other}, family...)})
		text := printed(t, diags)
		if !strings.Contains(text, tt.want) {
			t.Errorf("%s: it does not say %s\n%s", tt.name, tt.want, text)
		}
		if cfg != nil && strings.Contains(text, "Error:") {
			t.Errorf("%s: there is an error and a configuration", tt.name)
		}
		if n, _ := diags.Counts(); n != 1 && !slices.Contains([]string{"a product that is meant", "sensitive"}, tt.name) {
			t.Errorf("%s: %d errors\n%s", tt.name, n, text)
		}
	}
}
