package plan_test

import (
	"bytes"
	"cmp"
	"errors"
	"fmt"
	"maps"
	"os"
	"path/filepath"
	"reflect"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"testing"

	"github.com/hashicorp/hcl/v2/ext/typeexpr"
	"github.com/zclconf/go-cty/cty"

	"zup/plan"
	"zup/plan/config"
	"zup/plan/schema"
	"zup/providers/keepalived"
	"zup/providers/keepalived/arguments"
	"zup/providers/keepalived/keepalivedtest"
	"zup/providers/zevenet"
)

// Every configuration that the documentation shows, and the one that zup init
// writes, is planned for healthy nodes of the version before: none is refused, and
// each has something to do.
func TestDocumentedConfigurationsArePlanned(t *testing.T) {
	planned := 0
	for name, text := range documented(t) {
		t.Run(name, func(t *testing.T) {
			dir := t.TempDir()
			if err := os.WriteFile(filepath.Join(dir, "a.zup.hcl"), []byte(text), 0o600); err != nil {
				t.Fatal(err)
			}
			if err := os.CopyFS(dir, os.DirFS("config/testdata/approval")); err != nil {
				t.Fatal(err)
			}
			cfg, diags := config.Load(dir, config.Options{Version: "0.1.0", Plan: plan.ConditionType(), Products: plan.Declared(planners())})
			if diags.HasErrors() {
				var b bytes.Buffer
				diags.WriteText(&b, false, 80)
				t.Fatalf("%s\n%s", text, &b)
			}
			in := plan.Input{Config: cfg, Version: "0.1.0", Observed: plan.Observed{}, Images: map[string]*plan.Image{}, Providers: map[string]plan.Provider{}}
			for name, p := range planners() {
				in.Providers[name] = p
			}
			for _, c := range cfg.Clusters {
				in.Observed[c.Name] = healthy(c)
				if c.Package != nil {
					in.Images[c.Name] = &plan.Image{Size: 1 << 20, SHA256: cmp.Or(c.Package.SHA256, strings.Repeat("0", 64))}
				}
			}
			p, err := plan.Build(in)
			if err != nil {
				t.Fatalf("%s\n%v", text, err)
			}
			for _, c := range cfg.Clusters {
				if !slices.ContainsFunc(p.Actions, func(a plan.Action) bool { return a.Cluster == c.Name && a.Kind == "update" }) {
					t.Errorf("cluster %q is not updated", c.Name)
				}
			}
			planned += len(cfg.Clusters)
		})
	}
	if planned < 10 {
		t.Errorf("only %d clusters were planned", planned)
	}
}

// healthy is what the nodes of a cluster say that runs the version before the one
// that is wanted.
func healthy(c *config.Cluster) []plan.ObservedNode {
	if c.Provider == keepalived.Name {
		var all []plan.ObservedNode
		for i, n := range c.Nodes {
			all = append(all, plan.ObservedNode{Name: n.Name, HostKey: hostKey, Facts: keepalivedtest.Facts(n.Name, i == 0, arguments.Of(c.Own).Packages)})
		}
		return all
	}
	old := versionBefore(c.Version)
	facts := [2]map[string]string{pairFacts("zva5n1"), pairFacts("zva5n2")}
	var members []string
	for i, n := range c.Nodes {
		members = append(members, fmt.Sprintf("%s=10.0.0.%d", n.Name, i+1))
	}
	var all []plan.ObservedNode
	for i, n := range c.Nodes {
		f := facts[i]
		maps.Copy(f, map[string]string{
			"hostname": n.Name, "version": old, "package": "ii " + old, "nodes": strings.Join(members, " "), "own_address": fmt.Sprintf("10.0.0.%d", i+1),
			"peer_ssh": "ok " + c.Nodes[len(c.Nodes)-1-i].Name,
			"vips":     "198.51.100.10", "farms": "198.51.100.10:80",
		})
		if len(c.Nodes) == 1 {
			maps.Copy(f, map[string]string{"clustered": "no", "role": "none", "vrrp": "down", "keepalived": "0"})
		}
		all = append(all, plan.ObservedNode{Name: n.Name, HostKey: hostKey, Facts: f})
	}
	return all
}

// versionBefore counts the last number down that can be.
func versionBefore(version string) string {
	parts := strings.Split(version, ".")
	for i := len(parts) - 1; i > 0; i-- {
		if n, _ := strconv.Atoi(parts[i]); n > 0 {
			parts[i] = strconv.Itoa(n - 1)
			break
		}
	}
	return strings.Join(parts, ".")
}

// refusedElsewhere are refusals that no check of docs/procedure.md's table makes, and
// the sentence there that has them.
var refusedElsewhere = map[string]string{
	"back-out":  "| backing out when one node is updated and the other is not |",
	"nodes":     "| `boost` or `master` with one node |",
	"reachable": "| a node that does not answer, or not in time |",
	"rollback":  "| the way back without recorded snapshots of both nodes,",
}

// Whatever refuses a plan in the corpus stands in docs/procedure.md.
func TestRefusalsAreDocumented(t *testing.T) {
	page, err := os.ReadFile("../docs/procedure.md")
	if err != nil {
		t.Fatal(err)
	}
	files, _ := filepath.Glob("testdata/*.txtar")
	seen := map[string]bool{}
	for _, path := range files {
		_, err := plan.Build(loadSituation(t, path).input)
		var refused *plan.RefusedError
		if !errors.As(err, &refused) {
			continue
		}
		for _, r := range refused.Refusals {
			seen[r.Check] = true
			sentence := refusedElsewhere[r.Check]
			if sentence == "" {
				sentence = "\n| " + r.Check + " | "
			}
			if !strings.Contains(string(page), sentence) {
				t.Errorf("%s: check %q has no sentence in docs/procedure.md", path, r.Check)
			}
		}
	}
	for check := range refusedElsewhere {
		if !seen[check] {
			t.Errorf("no situation is refused for %q", check)
		}
	}
}

var hclFence = regexp.MustCompile("(?ms)^```hcl *([^\n]*)\n(.*?)^```")

// documented returns every HCL block of the documentation that is no mistake, as a
// whole configuration.
func documented(t *testing.T) map[string]string {
	t.Helper()
	all := map[string]string{}
	pages, _ := filepath.Glob("../docs/*.md")
	for _, page := range append(pages, "../README.md", "../examples/lab/README.md") {
		data, err := os.ReadFile(page)
		if err != nil {
			t.Fatal(err)
		}
		for i, m := range hclFence.FindAllStringSubmatch(string(data), -1) {
			name := fmt.Sprintf("%s %d", filepath.Base(page), i+1)
			switch m[1] {
			case "mistake":
			case "fragment=top":
				all[name] = m[2] + asCluster("")
			case "fragment=cluster":
				all[name] = asCluster(m[2])
			default:
				all[name] = m[2]
			}
		}
	}
	starter, err := os.ReadFile("../providers/zevenet/arguments/starter.zup.hcl")
	if err != nil {
		t.Fatal(err)
	}
	all["starter"] = string(starter)
	return all
}

// asCluster completes what stands in a cluster block.
func asCluster(text string) string {
	if !regexp.MustCompile(`(?m)^version\b`).MatchString(text) {
		text += "version = \"6.1.20\"\n"
	}
	if !strings.Contains(text, "node \"") {
		text += "node \"zva5n1\" { address = \"192.0.2.11\" }\nnode \"zva5n2\" { address = \"192.0.2.12\" }\n"
	}
	return "\ncluster \"zevenet\" \"edge\" {\n" + text + "}\n"
}

// The table of what a condition sees is that of the types; -update writes it.
func TestPolicyListsWhatAConditionSees(t *testing.T) {
	const page, begin, end = "../docs/policy.md", "<!-- condition: begin -->\n", "<!-- condition: end -->"
	data, err := os.ReadFile(page)
	if err != nil {
		t.Fatal(err)
	}
	before, rest, ok := strings.Cut(string(data), begin)
	got, after, ok2 := strings.Cut(rest, end)
	if !ok || !ok2 {
		t.Fatal("the marks of the table are missing")
	}
	var want strings.Builder
	want.WriteString("| name | type | what |\n|---|---|---|\n")
	seenRows(&want, planTypes(t), "plan", reflect.TypeFor[plan.Plan](), plan.ConditionType())
	if *update {
		if err := os.WriteFile(page, []byte(before+begin+want.String()+end+after), 0o644); err != nil {
			t.Fatal(err)
		}
		return
	}
	if got != want.String() {
		t.Error("the table is not that of the types; write it with -update")
	}
}

// seenRows writes a row for every field of a struct that a condition sees.
func seenRows(w *strings.Builder, g *schema.Generator, path string, t reflect.Type, object cty.Type) {
	for _, f := range reflect.VisibleFields(t) {
		name, _, _ := strings.Cut(f.Tag.Get("json"), ",")
		if !object.HasAttribute(name) {
			continue
		}
		of, inside, at := object.AttributeType(name), f.Type, path+"."+name
		if of.IsListType() && of.ElementType().IsObjectType() {
			of, inside, at = of.ElementType(), inside.Elem(), at+"[*]"
		}
		what := g.Comment(t.Name() + "." + f.Name)
		if of.IsObjectType() {
			what, _, _ = strings.Cut(g.Comment(inside.Name()), ". ")
			what = strings.TrimSuffix(what, ".")
		}
		if values := g.Values(f.Type); what == "" && values != nil {
			what = strings.Trim(fmt.Sprintf("%q", values), "[]")
		}
		kind := typeexpr.TypeString(of)
		if of.IsObjectType() {
			kind = "object"
		}
		fmt.Fprintf(w, "| `%s` | %s | %s |\n", at, kind, strings.ReplaceAll(what, "|", "\\|"))
		if of.IsObjectType() {
			seenRows(w, g, at, inside, of)
		}
	}
}

// planners are all products.
func planners() map[string]plan.Provider {
	all := map[string]plan.Provider{keepalived.Name: keepalived.Provider{}}
	for name, p := range zevenet.Providers() {
		all[name] = p
	}
	return all
}
