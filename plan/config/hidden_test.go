package config

import (
	"encoding/json"
	"path/filepath"
	"strings"
	"testing"

	"github.com/hashicorp/hcl/v2"
	"github.com/hashicorp/hcl/v2/hclsyntax"
	"github.com/rogpeppe/go-internal/txtar"
)

// What is written in a call of sensitive stands in no copy, wherever the call stands and
// whatever is written in it, and the copy parses.
func TestLiteralsOfSensitiveAreHidden(t *testing.T) {
	t.Parallel()
	for name, tt := range map[string]struct{ file, text string }{
		"local":       {"a.zup.hcl", "locals {\n  a = sensitive(\"hunter2\")\n}\n"},
		"nested":      {"a.zup.hcl", "locals {\n  a = upper(sensitive(lower(\"hunter2\")))\n}\n"},
		"object":      {"a.zup.hcl", "locals {\n  a = sensitive({ x = [\"hunter2\", 5], hunter2 = 1, \"hunter2\" = 2 })\n}\n"},
		"key alone":   {"a.zup.hcl", "locals {\n  a = sensitive({ hunter2 = local.b })\n  b = 1\n}\n"},
		"index":       {"a.zup.hcl", "locals {\n  b = {}\n  a = sensitive(try(local.b[\"hunter2\"], local.b))\n}\n"},
		"heredoc":     {"a.zup.hcl", "locals {\n  a = sensitive(<<EOT\nhunter2\nEOT\n  )\n  b = 1\n}\n"},
		"template":    {"a.zup.hcl", "locals {\n  a = \"x${sensitive(\"hunter2\")}y\"\n}\n"},
		"deeper":      {"a.zup.hcl", "locals {\n  a = \"x${\"${sensitive(\"${\"hunter2\"}\")}\"}y\"\n}\n"},
		"in heredoc":  {"a.zup.hcl", "locals {\n  a = <<-EOT\n    x ${sensitive(\"hunter2\")} y\n    %{ if sensitive(\"hunter2\") == \"\" }z%{ endif }\n  EOT\n}\n"},
		"loop":        {"a.zup.hcl", "locals {\n  a = [for x in [1] : sensitive(\"hunter2${x}\") if x != sensitive(\"hunter2\")]\n}\n"},
		"comment":     {"a.zup.hcl", "locals {\n  a = sensitive( # hunter2\n    \"b\"\n  )\n}\n"},
		"spread":      {"a.zup.hcl", "locals {\n  a = sensitive([\"hunter2\"]...)\n}\n"},
		"try":         {"a.zup.hcl", "locals {\n  a = try(nonsensitive(sensitive(\"hunter2\")), sensitive(\"hunter2\"))\n}\n"},
		"blanks":      {"a.zup.hcl", "locals {\n  a = sensitive  (\"hunter2\")\n}\n"},
		"misspelled":  {"a.zup.hcl", "locals {\n  a = sensitve(\"hunter2\")\n  b = Sensitive(\"hunter2\")\n  c = sensitive_(\"hunter2\")\n}\n"},
		"wrong":       {"a.zup.hcl", "locals {\n  a = sensitive(\"a\", \"hunter2\")\n  b = sensitive()\n}\n"},
		"number":      {"a.zup.hcl", "locals {\n  a = nonsensitive(sensitive(\"${8}hunter2\")) == \"x\" ? 1 : sensitive(7)\n}\n"},
		"condition":   {"a.zup.hcl", "rule \"r\" {\n  condition = \"a\" != sensitive(\"hunter2\")\n  message   = \"m\"\n}\n"},
		"validation":  {"a.zup.hcl", "variable \"v\" {\n  default = 1\n  validation {\n    condition     = var.v == sensitive(\"hunter2\")\n    error_message = \"no\"\n  }\n}\n"},
		"default":     {"a.zup.hcl", "variable \"v\" {\n  default   = { a = \"hunter2\" }\n  sensitive = true\n}\n"},
		"type":        {"a.zup.hcl", "variable \"v\" {\n  type    = object({ a = optional(string, sensitive(\"hunter2\")) })\n  default = {}\n}\n"},
		"unknown":     {"a.zup.hcl", "nothing {\n  a = sensitive(\"hunter2\")\n}\n"},
		"values":      {"x.zup.vars", "a = sensitive(\"hunter2\")\n"},
		"json":        {"a.zup.json", `{"locals": {"a": "${sensitive(\"hunter2\")}", "b": ["x${upper(sensitive(\"hunter2\"))}"]}}`},
		"json key":    {"a.zup.json", `{"locals": {"a": {"${sensitive(\"hunter2\")}": 1}}}`},
		"json \\u":    {"a.zup.json", `{"locals": {"a": "${\u0073ensitive\u0028\"hunter2\")}", "b": 1}}`},
		"json wrong":  {"a.zup.json", `{"locals": {"a": "${sensitive(\"hunter2\"", "b": 1}}`},
		"json slip":   {"a.zup.json", `{"locals": {"a": "${sen{itive(\"hunter2\")}", "b": 1}}`},
		"json stray":  {"a.zup.json", `{"nothing": {"a": "${sensitive(\"hunter2\")}"}}`},
		"byte order":  {"a.zup.hcl", "\ufefflocals {\n  a = sensitive(\"hunter2\")\n}\n"},
		"crlf":        {"a.zup.hcl", "locals {\r\n  a = sensitive(<<EOT\r\nhunter2\r\nEOT\r\n  )\r\n}\r\n"},
		"no newlines": {"a.zup.hcl", "locals { a = sensitive(\"hunter2\") }"},
		"broken":      {"a.zup.hcl", "locals {\n  a = sensitive(\"hunter2\"\n  b = [\n}\n"},
		"far away":    {"a.zup.hcl", "locals {\n  a = sensitive(\n    \"x\",\n    \"hunter2\",\n  b = [\n}\n"},
		"in a block":  {"a.zup.hcl", "cluster \"zevenet\" \"edge\" {\n  version = sensitive(\"hunter2\")\n  node \"n1\" { address = \"hunter1 }\n}\n"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			dir := t.TempDir()
			if tt.file == "x.zup.vars" {
				write(t, dir, "a.zup.hcl", "variable \"a\" {}\n")
			}
			write(t, dir, tt.file, tt.text)
			l := newLoader(Options{Products: family})
			cfg, diags := l.watched(func() *Config { return l.load(dir) })
			if cfg != nil {
				cfg.Nonsensitive = nil // what somebody has declared to be no secret is in the record
			}
			if out := shownOf(t, cfg, diags); strings.Contains(out, canary) {
				t.Errorf("it is shown:\n%s", out)
			}
			if cfg != nil {
				checkCopies(t, cfg.Files)
			}
			formatted, diags := Format([]byte(tt.text), tt.file)
			before, after := Shown([]byte(tt.text), formatted, tt.file)
			if out := printed(t, diags) + string(before) + string(after); strings.Contains(out, canary) && tt.file != "a.zup.json" { // of which fmt shows nothing
				t.Errorf("zup fmt shows it:\n%s", out)
			}
		})
	}
}

// checkCopies looks whether the copies of files parse.
func checkCopies(t *testing.T, files []File) {
	t.Helper()
	for _, f := range files {
		if strings.HasSuffix(f.Path, ".json") {
			if !json.Valid([]byte(strings.TrimPrefix(f.Text, "\ufeff"))) {
				t.Errorf("the copy of %s is not JSON:\n%s", f.Path, f.Text)
			}
			continue
		}
		if _, diags := hclsyntax.ParseConfig([]byte(f.Text), f.Path, hcl.InitialPos); diags.HasErrors() {
			t.Errorf("the copy of %s does not parse: %v\n%s", f.Path, diags, f.Text)
		}
	}
}

// What is not in such a call stays, names among it.
func TestNamesInSensitiveAreShown(t *testing.T) {
	t.Parallel()
	const text = "variable \"v\" {\n  default = \"d\"\n}\nlocals {\n  a = sensitive(var.v)\n  b = nonsensitive(sensitive(local.a))\n  c = issensitive(\"x\")\n  d = nonsensitive(\"y\")\n  e = sensitive(upper(local.list[0]))\n  list = [\"z\"]\n}\n"
	dir := t.TempDir()
	write(t, dir, "a.zup.hcl", text)
	cfg, diags := Load(dir, Options{Products: family})
	if cfg == nil || cfg.Files[0].Text != text {
		t.Errorf("%v\n%s", cfg, printed(t, diags))
	}
}

// The copies of every configuration of the tests parse.
func TestCopiesParse(t *testing.T) {
	t.Parallel()
	archives, err := filepath.Glob("testdata/*.txtar")
	if err != nil {
		t.Fatal(err)
	}
	loaded := 0
	for _, name := range archives {
		archive, err := txtar.ParseFile(name)
		if err != nil {
			t.Fatal(err)
		}
		c := unpack(t, archive)
		if cfg, _ := Load(c.dir, c.opts); cfg != nil {
			checkCopies(t, cfg.Files)
			loaded++
		}
	}
	if loaded < 10 {
		t.Errorf("only %d", loaded)
	}
}

// A difference shows what was laid out anew, and no value of a variable that may be
// sensitive.
func TestDifferencesShowNoSensitiveValue(t *testing.T) {
	t.Parallel()
	for _, tt := range []struct{ name, file, before, after string }{
		{"default", "a.zup.hcl", "variable \"v\" {\n  default =  \"(sensitive)\"\n  sensitive = true\n}\n", "variable \"v\" {\n  default   = \"(sensitive)\"\n  sensitive = true\n}\n"},
		{"not sensitive", "a.zup.hcl", "variable \"v\" {\n  default =  \"hunter2\"\n  sensitive = false\n}\n", "variable \"v\" {\n  default   = \"hunter2\"\n  sensitive = false\n}\n"},
		{"values", "x.zup.vars", "a =  \"(sensitive)\"\nbcd = \"(sensitive)\"\n", "a   = \"(sensitive)\"\nbcd = \"(sensitive)\"\n"},
		{"any name", "../.env", "DB_PASSWORD=\"(sensitive)\"\n", "DB_PASSWORD = \"(sensitive)\"\n"},
	} {
		text := strings.ReplaceAll(tt.before, "(sensitive)", "hunter2")
		formatted, diags := Format([]byte(text), tt.file)
		before, after := Shown([]byte(text), formatted, tt.file)
		if string(before) != tt.before || string(after) != tt.after {
			t.Errorf("%s: %q, %q\n%s", tt.name, before, after, printed(t, diags))
		}
	}
	if _, diags := Format([]byte("https://ci:hunter2@example.com\n"), "b.zup.vars"); strings.Contains(printed(t, diags), canary) {
		t.Errorf("a file that is no file of values is shown:\n%s", printed(t, diags))
	}
}
