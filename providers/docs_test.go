package providers

import (
	"flag"
	"fmt"
	"maps"
	"os"
	"reflect"
	"slices"
	"strings"
	"testing"

	"github.com/zclconf/go-cty/cty"

	"zup/plan"
	"zup/plan/product"
)

var update = flag.Bool("update", false, "rewrite the generated parts of the documentation")

const (
	languagePage = "../docs/language.md"
	begin        = "<!-- products: written by go test ./providers -run TestLanguage -update -->\n"
	end          = "<!-- products: end -->\n"
)

// The arguments that products declare are those on the page; -update writes them.
func TestLanguageHasWhatProductsDeclare(t *testing.T) {
	text, err := os.ReadFile(languagePage)
	if err != nil {
		t.Fatal(err)
	}
	before, rest, ok := strings.Cut(string(text), begin)
	written, after, closed := strings.Cut(rest, end)
	if !ok || !closed {
		t.Fatalf("%s has no place for the products", languagePage)
	}
	want := sections(plan.Declared(All()))
	if *update {
		if err := os.WriteFile(languagePage, []byte(before+begin+want+end+after), 0o644); err != nil {
			t.Fatal(err)
		}
		return
	}
	if written != want {
		t.Error("what the page says of products is not what they declare; write it with -update")
	}
}

// sections has one section for all products that declare the same.
func sections(all []product.Declaration) string {
	var b strings.Builder
	done := map[string]bool{}
	for i := range all {
		if done[all[i].Name] {
			continue
		}
		var names, titles []string
		for k := range all {
			if alike(all[i], all[k]) {
				done[all[k].Name] = true
				names, titles = append(names, fmt.Sprintf("%q", all[k].Name)), append(titles, all[k].Title)
			}
		}
		fmt.Fprintf(&b, "\n### cluster %s\n\n%s: %s.\n\n%s\n", strings.Join(names, ", "), strings.Join(titles, ", "), all[i].Nodes.Limits, table(&all[i]))
	}
	return b.String()
}

// alike reports whether products declare the same but for their names.
func alike(a, b product.Declaration) bool {
	return table(&a) == table(&b) && a.Nodes == b.Nodes && reflect.ValueOf(a.Check).Pointer() == reflect.ValueOf(b.Check).Pointer()
}

func table(d *product.Declaration) string {
	var b strings.Builder
	b.WriteString("| name | type | default | meaning | limits |\n|---|---|---|---|---|\n")
	if v := d.Version; v != nil {
		fmt.Fprintf(&b, "| `version` | string | required | %s | %s |\n", v.About, v.Limits)
	}
	for i := range d.Arguments {
		a := &d.Arguments[i]
		limits := a.Limits
		if limits == "" && a.Values != nil {
			limits = "one of `\"" + strings.Join(a.Values, "\"`, `\"") + "\"`"
		}
		fmt.Fprintf(&b, "| `%s` | %s | %s | %s | %s |\n", a.Name, typeName(a.Type), fallback(a), a.About, limits)
	}
	return b.String()
}

func typeName(t cty.Type) string {
	return map[cty.Type]string{cty.String: "string", cty.Bool: "bool", cty.Number: "number", cty.Map(cty.String): "map(string)", cty.List(cty.String): "list(string)"}[t]
}

func fallback(a *product.Argument) string {
	v := a.Default
	switch {
	case a.Missing != "":
		return "required"
	case v == cty.NilVal:
		return "–"
	case v.Type() == cty.String:
		return fmt.Sprintf("`%q`", v.AsString())
	case v.Type() == cty.Bool:
		return fmt.Sprintf("`%t`", v.True())
	}
	return fmt.Sprintf("`%s`", v.AsBigFloat())
}

// What a product declares can be read, said and documented: nothing is missing that the
// reader of a configuration, of its diagnostics or of the reference needs.
func TestDeclarationsAreComplete(t *testing.T) {
	house := []string{"version", "master", "max_interruption", "ssh", "node", "package", "snapshot", "probe"}
	for _, name := range slices.Sorted(maps.Keys(All())) {
		d := All()[name].Declared()
		if d.Name != name || d.Title == "" {
			t.Errorf("%s calls itself %q, %q", name, d.Name, d.Title)
		}
		if n := d.Nodes; n.Least < 1 || n.Most < n.Least || n.Words == "" || n.Example == "" || n.Limits == "" {
			t.Errorf("%s: nodes: %+v", name, n)
		}
		if v := d.Version; v != nil && (v.Problem(v.Example) != "" || v.Problem("") == "" || v.About == "" || v.Limits == "") {
			t.Errorf("%s: the example %q is not a version, nothing is one, or it is not documented", name, v.Example)
		}
		seen := slices.Clone(house)
		for i := range d.Arguments {
			a := &d.Arguments[i]
			if slices.Contains(seen, a.Name) {
				t.Errorf("%s: %q is there twice, or the house's", name, a.Name)
			}
			seen = append(seen, a.Name)
			if typeName(a.Type) == "" || a.About == "" {
				t.Errorf("%s: %q has no type that is known, or no meaning", name, a.Name)
			}
			if a.Default != cty.NilVal && !a.Default.Type().Equals(a.Type) {
				t.Errorf("%s: the default of %q is of another type", name, a.Name)
			}
			if a.Values != nil && (a.Type != cty.String || a.Choice == "" || a.Default != cty.NilVal && !slices.Contains(a.Values, a.Default.AsString())) {
				t.Errorf("%s: the values of %q are not told, or its default is none of them", name, a.Name)
			}
			for _, value := range a.Values {
				if !strings.Contains(a.Choice, fmt.Sprintf("%q", value)) {
					t.Errorf("%s: %q does not say what %q means: %s", name, a.Name, value, a.Choice)
				}
			}
		}
		if d.Check != nil {
			own := map[string]cty.Value{}
			for i := range d.Arguments {
				own[d.Arguments[i].Name] = d.Arguments[i].Default
			}
			if problems := d.Check(product.Said{Own: own, Probed: true}); len(problems) > 0 {
				t.Errorf("%s: the defaults do not go together: %v", name, problems)
			}
		}
	}
}
