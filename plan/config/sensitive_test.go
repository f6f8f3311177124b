package config

import (
	"bytes"
	"encoding/json"
	"fmt"
	"path/filepath"
	"strings"
	"testing"

	"github.com/rogpeppe/go-internal/txtar"
)

// canary is the secret in the tests of this file. Wherever it is printed,
// somebody's password would have been.
const canary = "hunter2"

// shownOf returns everything that can be made visible of a Load.
func shownOf(t testing.TB, cfg *Config, diags *Diagnostics) string {
	t.Helper()
	var b bytes.Buffer
	for _, width := range []int{0, 30, 80} {
		for _, color := range []bool{false, true} {
			if err := diags.WriteText(&b, color, width); err != nil {
				t.Fatal(err)
			}
		}
	}
	if err := diags.WriteJSON(&b); err != nil {
		t.Fatal(err)
	}
	for _, d := range diags.All {
		fmt.Fprintf(&b, "%+v\n", *d)
	}
	if cfg != nil {
		for _, f := range cfg.Files {
			fmt.Fprintf(&b, "%+v\n", f)
		}
		for _, c := range cfg.Clusters {
			fmt.Fprintf(&b, "%v %+v %#v\n", c, *c, *c)
		}
		asJSON, err := json.Marshal(cfg)
		if err != nil {
			t.Fatal(err)
		}
		b.Write(asJSON)
	}
	return b.String()
}

func TestNoSensitiveValueIsShown(t *testing.T) {
	t.Parallel()
	files, err := filepath.Glob("testdata/sensitive*.txtar")
	if err != nil || len(files) < 3 {
		t.Fatalf("archives: %v, %v", files, err)
	}
	for _, name := range files {
		archive, err := txtar.ParseFile(name)
		if err != nil {
			t.Fatal(err)
		}
		c := unpack(t, archive)
		cfg, diags := Load(c.dir, c.opts)
		if out := shownOf(t, cfg, diags); strings.Contains(out, canary) {
			t.Errorf("%s shows the secret:\n%s", name, out)
		}
	}
}

// A slip of the pen anywhere in a file must not show the secret in it either.
// Every byte of these files is left out once, and replaced by others that break
// the syntax in their own ways.
func TestNoSlipShowsASensitiveValue(t *testing.T) {
	t.Parallel()
	const cluster = `
cluster "zevenet" "edge" {
  version = "6.1.20"
  node "n1" { address = "192.0.2.1" }
  snapshot {
    create = ["snap", "{name}", var.token]
  }
}
`
	slips := []string{"", "\"", "}", "{", "\n", ",", "=", "x", "${", "\xff"}
	if testing.Short() {
		slips = slips[:4]
	}
	const declared = "variable \"token\" {\n  sensitive = true\n}\n"
	for _, tt := range []struct {
		name, path string
		text       string
		with       map[string]string
	}{
		{name: "native", path: "a.zup.hcl", text: "variable \"token\" {\n  type      = string\n  sensitive = true\n  default   = \"hunter2\"\n}\n" + cluster},
		{name: "last", path: "a.zup.hcl", text: cluster + "variable \"token\" {\n  default   = \"hunter2\"\n  sensitive = true\n}\n"},
		{name: "object", path: "a.zup.hcl", text: "variable \"token\" {\n  default = {\n    a = [\"hunter2\"]\n  }\n  sensitive = true\n}\n"},
		{name: "heredoc", path: "a.zup.hcl", text: "variable \"token\" {\n  default = <<EOT\nhunter2\nEOT\n  sensitive = true\n}\n"},
		{name: "call", path: "a.zup.hcl", text: "locals {\n  a = sensitive(\"hunter2\")\n  b = 1\n}\n" + cluster},
		{name: "call in a text", path: "a.zup.hcl", text: "locals {\n  a = \"x${sensitive({ a = \"hunter2\" })}\"\n}\n"},
		{name: "call of a heredoc", path: "a.zup.hcl", text: "locals {\n  a = sensitive(<<EOT\nhunter2\nEOT\n  )\n}\n"},
		{name: "call in values", path: "x.zup.vars", text: "a = sensitive(\"hunter2\")\n", with: map[string]string{"a.zup.hcl": "variable \"a\" {}\n"}},
		{name: "json", path: "a.zup.json", text: `{"variable": {"token": {"default": "hunter2", "sensitive": true, "type": "string"}}}`},
		{name: "json on lines", path: "a.zup.json", text: "{\n\"variable\": {\n\"token\": {\n\"sensitive\": true,\n\"default\": \"hunter2\"\n}\n}\n}\n"},
		{name: "vars", path: "x.zup.vars", text: "other = 1\ntoken = \"hunter2\"\n", with: map[string]string{"a.zup.hcl": declared}},
		{name: "vars json", path: "x.zup.vars.json", text: `{"token": "hunter2", "other": 1}`, with: map[string]string{"a.zup.hcl": declared}},
	} {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			dir := t.TempDir()
			for name, text := range tt.with {
				write(t, dir, name, text)
			}
			for i := range len(tt.text) {
				for _, slip := range slips {
					text := tt.text[:i] + slip + tt.text[i+1:]
					if !strings.Contains(text, canary) {
						continue
					}
					write(t, dir, tt.path, text)
					cfg, diags := Load(dir, Options{Products: family})
					if out := shownOf(t, cfg, diags); strings.Contains(out, canary) {
						t.Errorf("with %q for %q at %d the secret is shown:\n%s\n%s", slip, tt.text[i], i, text, printed(t, diags))
					}
				}
			}
		})
	}
}
