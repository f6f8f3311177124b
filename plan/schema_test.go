package plan_test

import (
	"bytes"
	"encoding/json"
	"fmt"
	"go/ast"
	"go/parser"
	"go/token"
	"os"
	"path/filepath"
	"reflect"
	"slices"
	"strings"
	"testing"

	"github.com/santhosh-tekuri/jsonschema/v6"

	"zup/plan"
)

// schemaFile is published for those who read plan files with other programs.
const schemaFile = "../docs/plan.schema.json"

// TestSchemaIsThatOfTheTypes holds the published schema against the types and
// their comments; -update writes it.
func TestSchemaIsThatOfTheTypes(t *testing.T) {
	g := &schemaGenerator{comments: comments(t, "plan.go"), defs: map[string]any{}}
	root := g.object(reflect.TypeFor[plan.Plan]())
	root["$schema"] = "https://json-schema.org/draft/2020-12/schema"
	root["$id"] = "plan.schema.json"
	root["title"] = fmt.Sprintf("zup plan file, format version %d", plan.FormatVersion)
	root["$defs"] = g.defs
	want, err := json.MarshalIndent(root, "", "  ")
	if err != nil {
		t.Fatal(err)
	}
	want = append(want, '\n')
	if *update {
		if err := os.WriteFile(schemaFile, want, 0o644); err != nil {
			t.Fatal(err)
		}
	}
	got, err := os.ReadFile(schemaFile)
	if err != nil || !bytes.Equal(got, want) {
		t.Errorf("%s is not what the types say (%v); write it with -update", schemaFile, err)
	}
}

// TestPlansFitTheSchema validates every plan of the corpus.
func TestPlansFitTheSchema(t *testing.T) {
	schema, err := jsonschema.NewCompiler().Compile(schemaFile)
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
		if err := schema.Validate(doc); err != nil {
			t.Errorf("%s: %v", path, err)
		}
		valid++
		doc.(map[string]any)["surprise"] = true
		if schema.Validate(doc) == nil {
			t.Error("the schema takes what is not in the format")
		}
	}
	if valid < 10 {
		t.Errorf("only %d plans", valid)
	}
}

type schemaGenerator struct {
	comments map[string]string // "Type" or "Type.Field" → text
	defs     map[string]any
}

// enums are the named string types of the format.
var enums = map[reflect.Type][]any{
	reflect.TypeFor[plan.Status]():    {plan.Passed, plan.Failed, plan.Error, plan.Skipped},
	reflect.TypeFor[plan.Impact]():    {plan.None, plan.Switchover, plan.Outage},
	reflect.TypeFor[plan.Primitive](): {plan.Script, plan.Upload, plan.Wait, plan.Gate, plan.Local},
}

func (g *schemaGenerator) of(t reflect.Type) map[string]any {
	switch t.Kind() {
	case reflect.String:
		s := map[string]any{"type": "string"}
		if values, ok := enums[t]; ok {
			s["enum"] = values
		}
		return s
	case reflect.Bool:
		return map[string]any{"type": "boolean"}
	case reflect.Int, reflect.Int64:
		return map[string]any{"type": "integer", "minimum": 0}
	case reflect.Pointer:
		return g.of(t.Elem())
	case reflect.Slice:
		return map[string]any{"type": "array", "items": g.of(t.Elem())}
	case reflect.Map:
		return map[string]any{"type": "object", "additionalProperties": g.of(t.Elem())}
	case reflect.Struct:
		if g.defs[t.Name()] == nil {
			g.defs[t.Name()] = true // a type that holds itself would not end
			g.defs[t.Name()] = g.object(t)
		}
		return map[string]any{"$ref": "#/$defs/" + t.Name()}
	}
	panic("no schema for " + t.String())
}

func (g *schemaGenerator) object(t reflect.Type) map[string]any {
	properties := map[string]any{}
	required := []string{}
	for f := range fields(t) {
		name, options, _ := strings.Cut(f.Tag.Get("json"), ",")
		s := g.of(f.Type)
		if text := g.comments[t.Name()+"."+f.Name]; text != "" {
			s["description"] = text
		}
		properties[name] = s
		if !strings.Contains(options, "omitempty") {
			required = append(required, name)
		}
	}
	slices.Sort(required)
	return map[string]any{
		"type": "object", "description": g.comments[t.Name()], "properties": properties,
		"required": required, "additionalProperties": false,
	}
}

func fields(t reflect.Type) func(func(reflect.StructField) bool) {
	return func(yield func(reflect.StructField) bool) {
		for i := range t.NumField() {
			if !yield(t.Field(i)) {
				return
			}
		}
	}
}

// comments returns the comments of the types in a file and of their fields.
func comments(t *testing.T, file string) map[string]string {
	t.Helper()
	f, err := parser.ParseFile(token.NewFileSet(), file, nil, parser.ParseComments)
	if err != nil {
		t.Fatal(err)
	}
	all := map[string]string{}
	for _, d := range f.Decls {
		decl, ok := d.(*ast.GenDecl)
		if !ok || decl.Tok != token.TYPE {
			continue
		}
		spec := decl.Specs[0].(*ast.TypeSpec)
		paragraph, _, _ := strings.Cut(decl.Doc.Text(), "\n\n")
		all[spec.Name.Name] = strings.Join(strings.Fields(paragraph), " ")
		st, ok := spec.Type.(*ast.StructType)
		if !ok {
			continue
		}
		for _, field := range st.Fields.List {
			all[spec.Name.Name+"."+field.Names[0].Name] = strings.TrimSpace(field.Comment.Text())
		}
	}
	return all
}
