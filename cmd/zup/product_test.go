package main

import (
	"go/ast"
	"go/parser"
	"go/token"
	"io/fs"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"testing"

	"zup/plan"
	"zup/providers"
)

// productWords are words by which a reader knows a product. Whoever adds a product adds
// its own; its name, its facts and its kinds of actions are found by themselves.
const productWords = `zevenet skudonet relianoid checkupgrades noid-updater zeninotify zcluster
	keepalived vrrp hosts.deny hosts_deny replicat dpkg node_status cluster.conf failback enterprise.bin`

// ownFacts are facts that mean the same on every product: zup's own.
var ownFacts = []string{plan.FactOpen, plan.FactJobs, plan.FactTime, plan.FactSkew}

// housesOwn are strings that are called like a fact, a kind or a role of a product and are
// something of the house's where they stand, by file. A file that reads a fact by its name
// does not belong here.
var housesOwn = map[string]string{
	"cmd/zup/status.go":         "status",                                  // the command
	"cmd/zup/validate.go":       "nodes",                                   // how many
	"cmd/zup/version.go":        "version",                                 // the command
	"plan/apply/report.go":      "left room",                               // kinds of stops
	"plan/config/body.go":       "block master package restore snapshot",   // arguments and blocks
	"plan/config/cluster.go":    "master package snapshot version",         // the same
	"plan/config/jsonschema.go": "master package restore snapshot version", // arguments and blocks
	"plan/config/own.go":        "version",                                 // an argument
	"plan/config/rule.go":       "deny",                                    // a level
	"plan/config/snapshot.go":   "restore",                                 // an argument
	"plan/differ.go":            "nodes product",                           // parts of a plan
	"plan/disk/lock.go":         "lock",                                    // what could not be done
	"plan/disk/write.go":        "room",                                    // the name of a file
	"plan/document/document.go": "steps",                                   // a block
	"plan/house.go":             "role version",                            // keys of the plan file
	"plan/plan.go":              "boot gate upload version",                // what lasts, and primitives
	"plan/review/actions.go":    "nodes",                                   // how many
	"plan/show/house.go":        "hold holds",                              // a verb
	"plan/show/plan.go":         "updates",                                 // a verb
	"plan/stream/stream.go":     "version",                                 // a type of message
}

// Nothing above a provider knows a product: no fact, no kind of an action and no role by
// its name, and none of the words by which people know it. What is said about a product
// stands in the plan.
func TestNoProductOutsideProviders(t *testing.T) {
	names := productNames(t)
	words := strings.Fields(productWords)
	for name := range providers.All() {
		words = append(words, name)
	}
	fset := token.NewFileSet()
	used := map[string]bool{}
	for _, dir := range []string{"plan", "cmd"} {
		err := filepath.WalkDir("../../"+dir, func(path string, d fs.DirEntry, err error) error {
			if err != nil || d.IsDir() || !strings.HasSuffix(path, ".go") || strings.HasSuffix(path, "_test.go") {
				return err
			}
			text, err := os.ReadFile(path)
			if err != nil {
				return err
			}
			file := strings.TrimPrefix(filepath.ToSlash(path), "../../")
			for n, line := range strings.Split(string(text), "\n") {
				for _, word := range words {
					if strings.Contains(strings.ToLower(line), word) {
						t.Errorf("%s:%d knows %q: %s", file, n+1, word, strings.TrimSpace(line))
					}
				}
			}
			tree, err := parser.ParseFile(fset, path, text, parser.SkipObjectResolution)
			if err != nil {
				return err
			}
			for at, s := range literals(tree) {
				switch {
				case !names[s]:
				case slices.Contains(strings.Fields(housesOwn[file]), s):
					used[file+" "+s] = true
				default:
					t.Errorf("%s: %q is a fact, a kind or a role of a product", fset.Position(at), s)
				}
			}
			return nil
		})
		if err != nil {
			t.Fatal(err)
		}
	}
	for file, all := range housesOwn {
		for _, s := range strings.Fields(all) {
			if !used[file+" "+s] {
				t.Errorf("housesOwn: %s has no %q any more", file, s)
			}
		}
	}
}

// literals are the strings of a file that are no import and no tag of a field.
func literals(tree *ast.File) map[token.Pos]string {
	all := map[token.Pos]string{}
	ast.Inspect(tree, func(n ast.Node) bool {
		switch n := n.(type) {
		case *ast.ImportSpec:
			return false
		case *ast.BasicLit:
			if s, err := strconv.Unquote(n.Value); err == nil && n.Kind == token.STRING {
				all[n.Pos()] = s
			}
		}
		return true
	})
	return all
}

// kindOf and roleOf are how a provider writes the kinds of its actions and its roles.
var (
	kindOf = regexp.MustCompile(`Kind: "([a-z0-9-]+)"`)
	roleOf = regexp.MustCompile(`"role"\)?, ((?:"[a-z]+"(?:, )?)+)`)
)

// productNames are the facts, kinds and roles of every product.
func productNames(t *testing.T) map[string]bool {
	t.Helper()
	names := map[string]bool{}
	for name, p := range providers.All() {
		for _, fact := range p.ObservedFacts() {
			names[fact] = true
		}
		product := p.Product()
		for i := range product.Status {
			names[product.Status[i].Fact] = true
		}
		if len(product.Status) == 0 {
			t.Errorf("%s has no words", name)
		}
	}
	files, err := filepath.Glob("../../providers/*/*.go")
	if err != nil {
		t.Fatal(err)
	}
	kinds := 0
	for _, path := range files {
		text, err := os.ReadFile(path)
		if err != nil {
			t.Fatal(err)
		}
		for _, m := range kindOf.FindAllSubmatch(text, -1) {
			kinds, names[string(m[1])] = kinds+1, true
		}
		for _, m := range roleOf.FindAllSubmatch(text, -1) {
			for _, role := range strings.Split(string(m[1]), ", ") {
				if s, err := strconv.Unquote(role); err == nil {
					names[s] = true
				}
			}
		}
	}
	if kinds < 10 || !names["vrrp"] || !names["master"] {
		t.Fatalf("%d kinds of actions were found: they are written in another way now", kinds)
	}
	for _, word := range append(ownFacts, "none") { // which is what is said of everything that is not there
		delete(names, word)
	}
	return names
}
