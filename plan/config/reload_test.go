package config

import (
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/rogpeppe/go-internal/txtar"
)

// Every configuration of the corpus that is not wrong is the same one when it is read
// again from what Load has kept of it. Where something is not in the record, because
// it was sensitive, that is said.
func TestReloadOfTheCorpus(t *testing.T) {
	t.Parallel()
	files, _ := filepath.Glob("testdata/*.txtar")
	reloaded := 0
	for _, name := range files {
		archive, err := txtar.ParseFile(name)
		if err != nil {
			t.Fatal(err)
		}
		c := unpack(t, archive)
		cfg, diags := Load(c.dir, c.opts)
		if diags.HasErrors() {
			continue
		}
		again, diags := Reload(cfg.Files, recordOf(cfg), c.opts)
		if diags.HasErrors() {
			t.Errorf("%s: %v", name, diags.All)
			continue
		}
		reloaded++
		cfg.Dir, cfg.Read = "", nil
		if len(again.Unknown) > 0 {
			t.Logf("%s: unknown: %v", name, again.Unknown)
			continue
		}
		if want, got := dump(cfg), dump(again); want != got {
			t.Errorf("%s (-load +reload):\n%s", name, cmp.Diff(want, got))
		}
	}
	if reloaded < 10 {
		t.Errorf("only %d", reloaded)
	}
}

func recordOf(cfg *Config) Record {
	return Record{Asked: cfg.Asked, Nonsensitive: cfg.Nonsensitive, Values: cfg.Values, VarFiles: cfg.VarFiles}
}

func writeAll(t *testing.T, dir string, files map[string]string) {
	t.Helper()
	for name, text := range files {
		path := filepath.Join(dir, name)
		if err := os.MkdirAll(filepath.Dir(path), 0o700); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
	}
}

const aCluster = `
cluster "zevenet" "edge" {
  version = local.version
  node "zva5n1" { address = "192.0.2.11" }
}
`

// What expressions have asked the directory is answered again without it, and nothing
// else is.
func TestReloadAnswersQuestions(t *testing.T) {
	dir := t.TempDir()
	writeAll(t, dir, map[string]string{
		"a.zup.hcl": `locals {
  version = trimspace(file("version"))
  sum     = filesha256("blob")
  names   = fileset("sub", "*.txt")
  text    = templatefile("t.tpl", { n = 3 })
  there   = fileexists("sub/a.txt") && !fileexists("sub/c.txt")
  maybe   = try(file("missing"), "none")
}
variable "x" {
  type    = map(number)
  default = { a = 1 }
}
rule "all" {
  condition = length(plan.clusters) < length(local.names) + var.x["a"] && local.there && local.sum != "" && local.text == "3\n" && local.maybe == "none"
  message   = "${local.text}"
}
` + aCluster, "version": "6.1.20\n", "blob": "\xff\x00", "sub/a.txt": "", "sub/b.txt": "", "sub/d.md": "", "t.tpl": "${n}\n",
	})
	cfg, diags := Load(dir, Options{Products: family})
	if diags.HasErrors() {
		t.Fatal(diags.All)
	}
	again, diags := Reload(cfg.Files, recordOf(cfg), Options{Products: family})
	if diags.HasErrors() || len(again.Unknown) > 0 {
		t.Fatal(diags.All, again)
	}
	if v := again.Clusters[0].Version; v != "6.1.20" || again.Rules[0].Message != "3\n" {
		t.Errorf("version %q, message %q", v, again.Rules[0].Message)
	}
	if len(cfg.Asked) != 7 {
		t.Errorf("%d questions: %+v", len(cfg.Asked), cfg.Asked)
	}
	// Without an answer the value is unknown, and where that is stands there.
	for i := range cfg.Asked {
		if cfg.Asked[i].Path != "version" {
			continue
		}
		without := append(append([]Question{}, cfg.Asked[:i]...), cfg.Asked[i+1:]...)
		again, diags = Reload(cfg.Files, Record{Asked: without, Values: cfg.Values}, Options{Products: family})
		if diags.HasErrors() || strings.Join(again.Unknown, " ") != "a.zup.hcl line 19" {
			t.Errorf("without an answer: %v, %+v", diags.All, again)
		}
	}
}

// What is sensitive, or takes part in it, is in no record; what does not depend on it is
// the same.
func TestReloadWithholds(t *testing.T) {
	dir := t.TempDir()
	writeAll(t, dir, map[string]string{
		"a.zup.hcl": `variable "token" {
  sensitive = true
  default   = "CANARY-default"
}
variable "path" {
  sensitive = true
  default   = "CANARY-path"
}
locals {
  raw     = file("secret")
  wrapped = sensitive(local.raw)
  direct  = sensitive(file("secret2"))
  by      = file(var.path)
  length  = nonsensitive(length(var.token))
  version = "6.1.20"
}
rule "length" {
  condition = length(plan.clusters) < 5
  message   = "m"
}
` + aCluster, "secret": "CANARY-1", "secret2": "CANARY-2", "CANARY-path": "CANARY-3",
	})
	cfg, diags := Load(dir, Options{Products: family})
	if diags.HasErrors() {
		t.Fatal(diags.All)
	}
	if len(cfg.Asked) != 0 || len(cfg.Values) != 0 {
		t.Errorf("recorded: %+v %+v", cfg.Asked, cfg.Values)
	}
	again, diags := Reload(cfg.Files, recordOf(cfg), Options{Products: family})
	if diags.HasErrors() || len(again.Unknown) > 0 || again.Clusters[0].Version != "6.1.20" {
		t.Errorf("%v %+v", diags.All, again)
	}
	writeAll(t, dir, map[string]string{"b.zup.hcl": `cluster "zevenet" "b" {
  version = "6.1.${local.length}"
  node "b" { address = "192.0.2.12" }
}`})
	cfg, diags = Load(dir, Options{Products: family})
	if diags.HasErrors() {
		t.Fatal(diags.All)
	}
	again, diags = Reload(cfg.Files, recordOf(cfg), Options{Products: family})
	if diags.HasErrors() || len(again.Unknown) > 0 || again.Clusters[1].Version != "6.1.14" {
		t.Errorf("%v %+v", diags.All, again)
	}
	// What nobody has declared is unknown.
	again, diags = Reload(cfg.Files, Record{}, Options{Products: family})
	if diags.HasErrors() || strings.Join(again.Unknown, " ") != "b.zup.hcl line 2" {
		t.Errorf("%v %+v", diags.All, again)
	}
}

// Two values that look alike once they are hidden are two in the record: the same every
// time, and each in its own place when the configuration is read again.
func TestReloadTellsHiddenValuesApart(t *testing.T) {
	dir := t.TempDir()
	writeAll(t, dir, map[string]string{"a.zup.hcl": `
locals {
  a = nonsensitive(sensitive("192.0.2.1"))
  b = nonsensitive(sensitive("192.0.2.2"))
  c = "${nonsensitive(sensitive("6.1"))}.${nonsensitive(sensitive("20"))}"
}
cluster "zevenet" "edge" {
  version = local.c
  node "a" { address = local.a }
  node "b" { address = local.b }
}
`})
	var first []Value
	for range 20 {
		cfg, diags := Load(dir, Options{Products: family})
		if diags.HasErrors() {
			t.Fatal(diags.All)
		}
		if first == nil {
			first = cfg.Nonsensitive
		}
		if diff := cmp.Diff(first, cfg.Nonsensitive); diff != "" || len(first) != 4 {
			t.Fatalf("%v %s", first, diff)
		}
		again, diags := Reload(cfg.Files, recordOf(cfg), Options{Products: family})
		if diags.HasErrors() {
			t.Fatal(diags.All)
		}
		if c := again.Clusters[0]; c.Version != "6.1.20" || c.Nodes[0].Address != "192.0.2.1" || c.Nodes[1].Address != "192.0.2.2" {
			t.Fatalf("%q %v %s %v", c.Version, c.Nodes[0].Address, again.Unknown, cfg.Nonsensitive)
		}
	}
}

// Configurations can be read side by side.
func TestLoadsDoNotDisturbEachOther(t *testing.T) {
	for range 8 {
		t.Run("", func(t *testing.T) {
			t.Parallel()
			dir := t.TempDir()
			writeAll(t, dir, map[string]string{"a.zup.hcl": "variable \"a\" {\n  default = upper(\"x\")\n}\n"})
			if _, diags := Load(dir, Options{Products: family}); !diags.HasErrors() {
				t.Error("a default calls a function")
			}
		})
	}
}
