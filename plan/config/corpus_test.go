package config

import (
	"bytes"
	"flag"
	"fmt"
	"maps"
	"os"
	"path/filepath"
	"reflect"
	"slices"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/hashicorp/hcl/v2/hclwrite"
	"github.com/rogpeppe/go-internal/txtar"
	"github.com/zclconf/go-cty/cty"
)

var update = flag.Bool("update", false, "rewrite the goldens in testdata")

// TestCorpus loads the configuration in every testdata/*.txtar and compares what
// is printed with the file "diagnostics" of the archive, and the values with the
// file "config". A file "setup" has one directive a line:
//
//	var NAME=VALUE, var-file NAME, env NAME=VALUE, version V, provider NAME
//	width N, color           how diagnostics are printed
//	load DIR                 instead of the archive's own directory
//	write NAME "GO STRING"   a file that can't stand in an archive
//	size NAME BYTES          a file of zeros
//	link NAME TARGET, fifo NAME, mkdir NAME
//
// Every document is loaded twice: what it says must not depend on the order of a
// map or on which file was parsed first.
func TestCorpus(t *testing.T) {
	t.Parallel()
	files, err := filepath.Glob("testdata/*.txtar")
	if err != nil || len(files) == 0 {
		t.Fatalf("no archives in testdata: %v", err)
	}
	for _, name := range files {
		t.Run(strings.TrimSuffix(filepath.Base(name), ".txtar"), func(t *testing.T) {
			t.Parallel()
			archive, err := txtar.ParseFile(name)
			if err != nil {
				t.Fatal(err)
			}
			c := unpack(t, archive)
			got := c.load(t)
			if again := c.load(t); again != got {
				t.Errorf("loading twice differs:\n%s", cmp.Diff(got, again))
			}
			if *update {
				rewrite(t, name, archive, got)
				return
			}
			for name, text := range map[string]string{"diagnostics": got.diagnostics, "config": got.config} {
				if want := member(archive, name); want != text {
					t.Errorf("%s (-want +got):\n%s", name, cmp.Diff(want, text))
				}
			}
		})
	}
}

// somePlan is the type of a plan with less in it than there is.
var somePlan = cty.Object(map[string]cty.Type{
	"change": cty.String, "not_after": cty.String,
	"actions": cty.List(cty.Object(map[string]cty.Type{"kind": cty.String, "node": cty.String, "opens": cty.List(cty.String)})),
	"clusters": cty.List(cty.Object(map[string]cty.Type{
		"name": cty.String, "to": cty.String, "address": cty.String,
		"interruption": cty.Object(map[string]cty.Type{"outages": cty.Number, "switchovers": cty.Number}),
	})),
})

// corpusCase is an unpacked archive.
type corpusCase struct {
	dir   string
	opts  Options
	width int
	color bool
}

type corpusResult struct{ diagnostics, config string }

func (c corpusCase) load(t *testing.T) corpusResult {
	cfg, diags := Load(c.dir, c.opts)
	var text bytes.Buffer
	if err := diags.WriteText(&text, c.color, c.width); err != nil {
		t.Fatal(err)
	}
	if (cfg == nil) != diags.HasErrors() {
		t.Errorf("config is nil: %v, but there are errors: %v", cfg == nil, diags.HasErrors())
	}
	out := corpusResult{diagnostics: strings.ReplaceAll(text.String(), c.dir, "$DIR")}
	if cfg != nil {
		out.config = dump(cfg)
	}
	return out
}

func member(archive *txtar.Archive, name string) string {
	for _, f := range archive.Files {
		if f.Name == name {
			return string(f.Data)
		}
	}
	return ""
}

func rewrite(t *testing.T, name string, archive *txtar.Archive, got corpusResult) {
	var files []txtar.File
	for _, f := range archive.Files {
		if f.Name != "diagnostics" && f.Name != "config" {
			files = append(files, f)
		}
	}
	if got.diagnostics != "" {
		files = append(files, txtar.File{Name: "diagnostics", Data: []byte(got.diagnostics)})
	}
	if got.config != "" {
		files = append(files, txtar.File{Name: "config", Data: []byte(got.config)})
	}
	archive.Files = files
	if err := os.WriteFile(name, txtar.Format(archive), 0o666); err != nil {
		t.Fatal(err)
	}
}

func unpack(t *testing.T, archive *txtar.Archive) corpusCase {
	c := corpusCase{dir: t.TempDir()}
	c.opts.Products = family
	c.opts.Plan = somePlan
	for _, f := range archive.Files {
		switch f.Name {
		case "setup", "diagnostics", "config":
		default:
			write(t, c.dir, f.Name, string(f.Data))
		}
	}
	for line := range strings.Lines(member(archive, "setup")) {
		if line = strings.TrimSpace(line); line != "" && line[0] != '#' {
			c.setup(t, line)
		}
	}
	return c
}

func (c *corpusCase) setup(t *testing.T, line string) {
	verb, rest, _ := strings.Cut(line, " ")
	name, arg, _ := strings.Cut(rest, " ")
	path := filepath.Join(c.dir, name)
	var err error
	switch verb {
	case "var":
		name, value, _ := strings.Cut(rest, "=")
		c.opts.Vars = append(c.opts.Vars, VarArg{Name: name, Value: value})
	case "var-file":
		c.opts.Vars = append(c.opts.Vars, VarArg{File: path})
	case "env":
		c.opts.Env = append(c.opts.Env, rest)
	case "version":
		c.opts.Version = rest
	case "width":
		c.width, err = strconv.Atoi(rest)
	case "color":
		c.color = true
	case "load":
		c.dir = path
	case "write":
		var text string
		if text, err = strconv.Unquote(arg); err == nil {
			write(t, c.dir, name, text)
		}
	case "size":
		var size int64
		if size, err = strconv.ParseInt(arg, 10, 64); err == nil {
			write(t, c.dir, name, "")
			err = os.Truncate(path, size)
		}
	case "link":
		err = os.Symlink(arg, path)
	case "fifo":
		err = syscall.Mkfifo(path, 0o600)
	case "mkdir":
		err = os.Mkdir(path, 0o700)
	default:
		t.Fatalf("setup: unknown directive %q", line)
	}
	if err != nil {
		t.Fatalf("setup: %s: %v", line, err)
	}
}

func write(t testing.TB, dir, name, text string) {
	t.Helper()
	path := filepath.Join(dir, name)
	if err := os.MkdirAll(filepath.Dir(path), 0o700); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
}

// dump prints the clusters of a Config, one field a line, without their places
// and without what is zero.
func dump(cfg *Config) string {
	var b strings.Builder
	for _, c := range cfg.Clusters {
		dumpValue(&b, "cluster", "", reflect.ValueOf(c))
	}
	for _, s := range cfg.Secrets {
		dumpValue(&b, "secret", "", reflect.ValueOf(s))
	}
	if cfg.Approval != nil {
		dumpValue(&b, "approval", "", reflect.ValueOf(cfg.Approval))
	}
	for _, name := range cfg.Read {
		dumpValue(&b, "read", "", reflect.ValueOf(name))
	}
	for _, w := range cfg.Windows {
		dumpValue(&b, "window", "", reflect.ValueOf(w))
	}
	for _, f := range cfg.Freezes {
		dumpValue(&b, "freeze", "", reflect.ValueOf(f))
	}
	for _, r := range cfg.Rules {
		fmt.Fprintf(&b, "rule\n  Name = %q\n  Condition = %q\n  Level = %q\n  Message = %q\n", r.Name, r.Condition, r.Level, r.Message)
	}
	return b.String()
}

func dumpValue(b *strings.Builder, name, indent string, v reflect.Value) {
	switch x := v.Interface().(type) {
	case Place:
		return
	case time.Time:
		fmt.Fprintf(b, "%s%s = %s\n", indent, name, x.Format(time.RFC3339))
		return
	case time.Duration:
		fmt.Fprintf(b, "%s%s = %s\n", indent, name, x)
		return
	case map[string]cty.Value:
		for _, name := range slices.Sorted(maps.Keys(x)) {
			fmt.Fprintf(b, "%s%s = %s\n", indent, name, hclwrite.TokensForValue(x[name]).Bytes())
		}
		return
	case Argv:
		if x != nil {
			fmt.Fprintf(b, "%s%s = %q\n", indent, name, []string(x))
		}
		return
	case []Hop:
		if x != nil {
			fmt.Fprintf(b, "%s%s = %v\n", indent, name, x)
		}
		return
	}
	if v.IsZero() {
		return
	}
	switch v.Kind() {
	case reflect.Pointer:
		dumpValue(b, name, indent, v.Elem())
	case reflect.Slice:
		for i := range v.Len() {
			dumpValue(b, name, indent, v.Index(i))
		}
	case reflect.Struct:
		fmt.Fprintf(b, "%s%s\n", indent, name)
		for i := range v.NumField() {
			dumpValue(b, v.Type().Field(i).Name, indent+"  ", v.Field(i))
		}
	case reflect.String:
		fmt.Fprintf(b, "%s%s = %q\n", indent, name, v)
	default:
		fmt.Fprintf(b, "%s%s = %v\n", indent, name, v)
	}
}
