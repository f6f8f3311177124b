package config

import (
	"bytes"
	"encoding/json"
	"strings"
	"testing"

	"github.com/rogpeppe/go-internal/txtar"
	"github.com/santhosh-tekuri/jsonschema/v6"

	"zup/plan/product"
)

func compiledSchema(t *testing.T, products []product.Declaration) *jsonschema.Schema {
	t.Helper()
	text, err := json.Marshal(JSONSchema(products))
	if err != nil {
		t.Fatal(err)
	}
	doc, err := jsonschema.UnmarshalJSON(bytes.NewReader(text))
	if err != nil {
		t.Fatal(err)
	}
	c := jsonschema.NewCompiler()
	if err := c.AddResource("config.schema.json", doc); err != nil {
		t.Fatal(err)
	}
	s, err := c.Compile("config.schema.json")
	if err != nil {
		t.Fatal(err)
	}
	return s
}

func fits(t *testing.T, s *jsonschema.Schema, text string) error {
	t.Helper()
	doc, err := jsonschema.UnmarshalJSON(strings.NewReader(text))
	if err != nil {
		t.Fatal(err)
	}
	return s.Validate(doc)
}

// The schema takes every configuration in JSON that is valid, and marks what nobody would
// want to find out by starting zup.
func TestJSONSchema(t *testing.T) {
	t.Parallel()
	s := compiledSchema(t, append([]product.Declaration{other}, family...))
	taken := 0
	for _, f := range fences(t) {
		if f.lang == "json" {
			taken++
			if err := fits(t, s, f.text); err != nil {
				t.Errorf("%s: %v", f.at(), err)
			}
		}
	}
	archive, err := txtar.ParseFile("testdata/same/everything.txtar")
	if err != nil || taken == 0 {
		t.Fatal(err, taken)
	}
	if err := fits(t, s, member(archive, "json.zup.json")); err != nil {
		t.Error(err)
	}

	const nodes = `"node": {"n1": {"address": "192.0.2.1"}, "n2": {"address": "192.0.2.2"}}`
	for _, tt := range []struct {
		name, cluster string
		valid         bool
	}{
		{"a pair", `"zevenet": {"a": {"version": "6.1.20", ` + nodes + `}}`, true},
		{"an expression", `"zevenet": {"a": {"version": "${var.v}", "switchover": "${var.s}", "boost": "${var.b}", ` + nodes + `}}`, true},
		{"null", `"zevenet": {"a": {"version": "6.1.20", "switchover": null, ` + nodes + `}}`, true},
		{"in lists", `"zevenet": [{"a": [{"version": "6.1.20", ` + nodes + `}]}]`, true},
		{"a comment", `"zevenet": {"a": {"//": "x", "version": "6.1.20", ` + nodes + `}}`, true},
		{"a comment among labels", `"zevenet": {"//": "x", "a": {"version": "6.1.20", ` + nodes + `}}`, false},
		{"another product", `"balancer": {"a": {"packages": {"haproxy": "1"}, "drain": "priority", ` + nodes + `}}`, true},
		{"a product that nobody knows", `"netscaler": {"a": {"version": "6.1.20", ` + nodes + `}}`, false},
		{"a slip", `"zevenet": {"a": {"version": "6.1.20", "swichover": "drain", ` + nodes + `}}`, false},
		{"a value that nobody knows", `"zevenet": {"a": {"version": "6.1.20", "switchover": "drian", ` + nodes + `}}`, false},
		{"a list for a flag", `"zevenet": {"a": {"version": "6.1.20", "boost": [], ` + nodes + `}}`, false},
		{"an argument of another product", `"balancer": {"a": {"packages": {}, "boost": true, ` + nodes + `}}`, false},
		{"no version", `"zevenet": {"a": {` + nodes + `}}`, false},
		{"no packages", `"balancer": {"a": {` + nodes + `}}`, false},
		{"no node", `"zevenet": {"a": {"version": "6.1.20"}}`, false},
		{"a slip in a node", `"zevenet": {"a": {"version": "6.1.20", "node": {"n1": {"adress": "192.0.2.1"}}}}`, false},
	} {
		text := `{"cluster": {` + tt.cluster + `}}`
		if err := fits(t, s, text); (err == nil) != tt.valid {
			t.Errorf("%s: %v", tt.name, err)
		}
		if !strings.Contains(text, "${") { // whose variables are not there
			dir := t.TempDir()
			write(t, dir, "a.zup.json", text)
			if cfg, diags := Load(dir, Options{Products: append([]product.Declaration{other}, family...)}); (cfg != nil) != tt.valid {
				t.Errorf("%s: zup says otherwise\n%s", tt.name, printed(t, diags))
			}
		}
	}
}

// An argument without a type would be taken whatever it is.
func TestEveryArgumentHasAType(t *testing.T) {
	t.Parallel()
	for _, in := range layouts {
		for _, a := range in.schema.Attributes {
			if _, ok := argumentTypes[a.Name]; !ok {
				t.Errorf("%q, as it stands %s, has no type", a.Name, in.where)
			}
		}
	}
}
