package config

import (
	"bytes"
	"encoding/json"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"
	"unicode/utf8"

	"github.com/google/go-cmp/cmp"
	"github.com/rogpeppe/go-internal/txtar"
	"github.com/zclconf/go-cty/cty"

	"zup/plan/window"
	"zup/providers/zevenet/arguments"
)

// FuzzLoad holds what is true of any input: it is read without a panic and to
// the same end every time, what is reported has a place and can be shown, what
// is not reported is fit to be planned, and formatting changes no meaning.
func FuzzLoad(f *testing.F) {
	archives, err := filepath.Glob("testdata/*.txtar")
	if err != nil {
		f.Fatal(err)
	}
	more, err := filepath.Glob("testdata/same/*.txtar")
	if err != nil {
		f.Fatal(err)
	}
	for _, name := range append(archives, more...) {
		archive, err := txtar.ParseFile(name)
		if err != nil {
			f.Fatal(err)
		}
		var native, asJSON, vars string
		for _, file := range archive.Files {
			switch {
			case strings.HasSuffix(file.Name, ".zup.hcl"):
				native += string(file.Data)
			case strings.HasSuffix(file.Name, ".zup.json"):
				asJSON = string(file.Data)
			case strings.HasSuffix(file.Name, ".zup.vars"):
				vars += string(file.Data)
			}
		}
		f.Add(native, asJSON, vars)
	}
	f.Add(string(arguments.Starter()), "", "")
	f.Fuzz(func(t *testing.T, native, asJSON, vars string) {
		if len(native)+len(asJSON)+len(vars) > 1<<16 || strings.Contains(native+asJSON, "range(") {
			t.Skip("too slow to be worth it")
		}
		dir := t.TempDir()
		write(t, dir, "a.zup.hcl", native)
		write(t, dir, "x.zup.vars", vars)
		if asJSON != "" {
			write(t, dir, "b.zup.json", asJSON)
		}
		cfg, diags := Load(dir, fuzzOptions)
		checkDiagnostics(t, dir, diags)
		if cfg == nil {
			return
		}
		checkConfig(t, cfg)
		checkPolicy(t, cfg)
		checkFormat(t, dir, native, cfg)
	})
}

var fuzzOptions = Options{Plan: somePlan, Products: family}

func checkDiagnostics(t *testing.T, dir string, diags *Diagnostics) {
	t.Helper()
	again := printed(t, diags)
	if _, second := Load(dir, fuzzOptions); printed(t, second) != again {
		t.Errorf("loading twice differs:\n%s", cmp.Diff(again, printed(t, second)))
	}
	seen := map[string]bool{}
	for _, d := range diags.All {
		one := &Diagnostics{All: diags.All[:0:0], sources: diags.sources}
		one.Add(d)
		text := printed(t, one)
		if key := fmt.Sprint(d.Subject, text); seen[key] {
			t.Errorf("reported twice:\n%s", text)
		} else {
			seen[key] = true
		}
		if i := strings.IndexFunc(text, func(r rune) bool { return r < ' ' && r != '\n' }); i >= 0 {
			t.Errorf("a control character is shown: %q", text)
		}
		if d.Summary == "" {
			t.Error("a diagnostic says nothing")
		}
		if d.Subject == nil {
			continue
		}
		src, err := os.ReadFile(filepath.Join(dir, d.Subject.Filename))
		if err != nil {
			t.Errorf("%q is in no file: %v", d.Summary, err)
		}
		if s, e := d.Subject.Start.Byte, d.Subject.End.Byte; s < 0 || e < s || e > len(src) || d.Subject.Start.Line < 1 {
			t.Errorf("%q is at %#v in a file of %d bytes", d.Summary, d.Subject, len(src))
		}
	}
	var b bytes.Buffer
	for _, width := range []int{1, 40} {
		if err := diags.WriteText(&b, true, width); err != nil || !utf8.Valid(b.Bytes()) {
			t.Errorf("WriteText: %v, %q", err, b.Bytes())
		}
	}
	b.Reset()
	if err := diags.WriteJSON(&b); err != nil || !json.Valid(b.Bytes()) {
		t.Errorf("WriteJSON: %v", err)
	}
}

func checkConfig(t *testing.T, cfg *Config) {
	t.Helper()
	names := map[string]bool{}
	for _, c := range cfg.Clusters {
		if names[c.Name] || !isName(c.Name) || family[0].Version.Problem(c.Version) != "" || c.MaxInterruption < 0 {
			t.Errorf("let through: %+v", c)
		}
		names[c.Name] = true
		if len(c.Nodes) < 1 || len(c.Nodes) > 2 {
			t.Errorf("%s has %d nodes", c.Name, len(c.Nodes))
		}
		for _, n := range c.Nodes {
			if addressProblem(n.Address) != "" || labelProblem(n.Name) != "" || n.SSH.Port < 0 || n.SSH.Port > 65535 {
				t.Errorf("let through: %+v", n)
			}
		}
		for _, p := range c.Probes {
			if (p.TCP == "") == (p.HTTP == "") || p.Interval <= 0 || p.Timeout <= 0 {
				t.Errorf("let through: %+v", p)
			}
		}
		if s := c.Snapshot; s != nil && len(s.Create) == 0 {
			t.Error("a snapshot without a command")
		}
	}
}

func checkPolicy(t *testing.T, cfg *Config) {
	t.Helper()
	for _, w := range cfg.Windows {
		_, known := window.Zone(w.Timezone)
		if _, err := window.ParseClock(w.Start); err != nil || !known || len(w.Days) == 0 || w.Duration < time.Minute || w.Duration > window.MaxDuration {
			t.Errorf("let through: %+v", w)
		}
	}
	for _, f := range cfg.Freezes {
		if _, known := window.Zone(f.Timezone); !known || !f.To.After(f.From) {
			t.Errorf("let through: %+v", f)
		}
	}
	for _, r := range cfg.Rules {
		if r.Message == "" || r.Level != LevelDeny && r.Level != LevelWarn {
			t.Errorf("let through: %+v", r)
		}
		r.Holds(emptyPlan) // whatever it says, it does not panic
	}
}

// emptyPlan is one with nothing in it.
var emptyPlan = cty.ObjectVal(map[string]cty.Value{
	"change": cty.StringVal(""), "not_after": cty.StringVal(""),
	"actions":  cty.ListValEmpty(somePlan.AttributeType("actions").ElementType()),
	"clusters": cty.ListValEmpty(somePlan.AttributeType("clusters").ElementType()),
})

func checkFormat(t *testing.T, dir, native string, cfg *Config) {
	t.Helper()
	out, diags := Format([]byte(native), "a.zup.hcl")
	if diags.HasErrors() {
		t.Fatalf("loads, but is not formatted:\n%s", printed(t, diags))
	}
	if again, _ := Format(out, "a.zup.hcl"); !bytes.Equal(out, again) {
		t.Errorf("formatting twice differs:\n%s", cmp.Diff(string(out), string(again)))
	}
	write(t, dir, "a.zup.hcl", string(out))
	formatted, diags := Load(dir, fuzzOptions)
	if diags.HasErrors() {
		t.Fatalf("does not load once formatted:\n%s\n%s", out, printed(t, diags))
	}
	if diff := cmp.Diff(cfg.Clusters, formatted.Clusters, noPlaces); diff != "" {
		t.Errorf("formatting changes the meaning:\n%s", diff)
	}
}
