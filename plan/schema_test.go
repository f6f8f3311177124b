package plan_test

import (
	"bytes"
	"fmt"
	"path/filepath"
	"reflect"
	"testing"

	"github.com/santhosh-tekuri/jsonschema/v6"

	"zup/plan"
	"zup/plan/schema"
)

// schemaFile is published for those who read plan files with other programs.
const schemaFile = "../docs/plan.schema.json"

// TestSchemaIsThatOfTheTypes holds the published schema against the types and
// their comments; -update writes it.
func TestSchemaIsThatOfTheTypes(t *testing.T) {
	g := planTypes(t)
	root := g.Root(reflect.TypeFor[plan.Plan](), "plan.schema.json", fmt.Sprintf("zup plan file, format version %d", plan.FormatVersion))
	if err := schema.Hold(schemaFile, root, *update); err != nil {
		t.Error(err)
	}
}

// planTypes knows the types of a plan file.
func planTypes(t *testing.T) *schema.Generator {
	t.Helper()
	g, err := schema.New("state/state.go", "config/record.go", "config/reload.go", "plan.go")
	if err != nil {
		t.Fatal(err)
	}
	schema.Enum(g, plan.Passed, plan.Failed, plan.Error, plan.Skipped)
	schema.Enum(g, plan.None, plan.Switchover, plan.Outage)
	schema.Enum(g, plan.Script, plan.Upload, plan.Wait, plan.Gate, plan.Local)
	return g
}

// TestPlansFitTheSchema validates every plan of the corpus.
func TestPlansFitTheSchema(t *testing.T) {
	published, err := jsonschema.NewCompiler().Compile(schemaFile)
	if err != nil {
		t.Fatal(err)
	}
	files, _ := filepath.Glob("testdata/*.txtar")
	valid := 0
	for _, path := range files {
		p, err := plan.Build(loadSituation(t, path).input)
		if err != nil {
			continue // refused: TestCorpus looks at those
		}
		p.Created = "2026-11-22T15:00:00Z"
		doc, err := jsonschema.UnmarshalJSON(bytes.NewReader(encoded(t, p)))
		if err != nil {
			t.Fatal(err)
		}
		if err := published.Validate(doc); err != nil {
			t.Errorf("%s: %v", path, err)
		}
		valid++
		doc.(map[string]any)["surprise"] = true
		if published.Validate(doc) == nil {
			t.Error("the schema takes what is not in the format")
		}
	}
	if valid < 10 {
		t.Errorf("only %d plans", valid)
	}
}
