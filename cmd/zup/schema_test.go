package main

import (
	"bufio"
	"bytes"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"maps"
	"os"
	"path/filepath"
	"reflect"
	"regexp"
	"slices"
	"strings"
	"sync"
	"testing"
	"unicode/utf8"

	"github.com/santhosh-tekuri/jsonschema/v6"

	"zup/plan/apply"
	"zup/plan/config"
	"zup/plan/escape"
	"zup/plan/schema"
	"zup/plan/state"
	"zup/plan/stream"
)

// format is something that zup writes for programs, with its schema under docs/.
type format struct {
	name, title string
	root        reflect.Type
	sources     []string // Go files that have the types
	more        func(g *schema.Generator, root map[string]any)
}

var formats = []format{
	{"stream", "a message of zup plan -json, zup apply -json and zup resume -json, version " + stream.UI, reflect.TypeFor[stream.Message](),
		[]string{"plan/stream/stream.go", "plan/config/diagnostics_json.go"}, streamSchema},
	{"report", "report.json of a run", reflect.TypeFor[apply.Report](), []string{"plan/apply/report.go", "plan/state/state.go"}, nil},
	{"state", "zup.state.json and zup state -json, format version 1", reflect.TypeFor[state.State](), []string{"plan/state/state.go"}, stateSchema},
	{"status", "zup status -json, format version 1", reflect.TypeFor[statusReport](), []string{"cmd/zup/status.go", "plan/state/state.go"}, nil},
	{"validate", "zup validate -json", reflect.TypeFor[config.Validation](), []string{"plan/config/diagnostics_json.go"}, nil},
}

// stateSchema adds what the file has and the type has not.
func stateSchema(_ *schema.Generator, root map[string]any) {
	root["properties"].(map[string]any)["digest"] = map[string]any{"type": "string", "description": "SHA-256 of the file without it; zup state -json prints none"}
}

// streamSchema says which keys each type of message has: those and no others.
func streamSchema(g *schema.Generator, root map[string]any) {
	var all []any
	for _, typ := range slices.Sorted(maps.Keys(stream.Payloads)) {
		var not []any
		for _, key := range []string{"change", "changes", "diagnostic", "hook", "probe", "run", "ui", "zup"} {
			if !slices.Contains(stream.Payloads[typ], key) {
				not = append(not, map[string]any{"required": []string{key}})
			}
		}
		all = append(all, map[string]any{
			"if":   map[string]any{"properties": map[string]any{"type": map[string]any{"const": typ}}},
			"then": map[string]any{"required": stream.Payloads[typ], "not": map[string]any{"anyOf": not}},
		})
	}
	root["allOf"] = all
}

// The published schemas are those of the types; -update writes them.
func TestSchemasAreThoseOfTheTypes(t *testing.T) {
	for _, f := range formats {
		var sources []string
		for _, s := range f.sources {
			sources = append(sources, "../../"+s)
		}
		g, err := schema.New(sources...)
		if err != nil {
			t.Fatal(err)
		}
		schema.Enum(g, config.Error, config.Warning)
		schema.Enum(g, stream.Info, stream.Warn, stream.Error)
		schema.Enum(g, slices.Sorted(maps.Keys(stream.Payloads))...)
		schema.Enum(g, apply.StopAsked, apply.StopBudget, apply.StopFailed, apply.StopLeft, apply.StopLocked, apply.StopRoom, apply.StopRule, apply.StopUnproven, apply.StopWindow)
		root := g.Root(f.root, f.name+".schema.json", f.title)
		if f.more != nil {
			f.more(g, root)
		}
		if err := schema.Hold("../../docs/"+f.name+".schema.json", root, *updateScripts); err != nil {
			t.Error(err)
		}
	}
}

// docsDir has the schemas. Scripts run in folders of their own: see TestScripts.
const docsDir = "ZUP_TEST_DOCS"

var published = struct {
	sync.Mutex
	all map[string]*jsonschema.Schema
}{all: map[string]*jsonschema.Schema{}}

func schemaOf(name string) (*jsonschema.Schema, error) {
	published.Lock()
	defer published.Unlock()
	if published.all[name] == nil {
		dir := os.Getenv(docsDir)
		if dir == "" {
			dir = "../../docs"
		}
		c := jsonschema.NewCompiler()
		c.AssertFormat()
		s, err := c.Compile(filepath.Join(dir, name+".schema.json"))
		if err != nil {
			return nil, err
		}
		published.all[name] = s
	}
	return published.all[name], nil
}

// checkDocument validates one JSON document.
func checkDocument(name string, data []byte) error {
	s, err := schemaOf(name)
	if err != nil {
		return err
	}
	doc, err := jsonschema.UnmarshalJSON(bytes.NewReader(data))
	if err != nil {
		return fmt.Errorf("%s: %w\n%s", name, err, data)
	}
	if err := s.Validate(doc); err != nil {
		return fmt.Errorf("%s: %w\n%s", name, err, data)
	}
	return nil
}

// controls are what a terminal would obey; JSON has them escaped, and a reader that
// prints a message has them again.
var controls = regexp.MustCompile(`\\u00(0[0-8b-f]|1[0-9a-f]|7f|8[0-9a-f]|9[0-9a-f])`)

// checkStream validates every line of a stream: the first names the version, and
// nothing but objects that fit is in it.
func checkStream(data []byte) error {
	if len(data) > 0 && data[len(data)-1] != '\n' {
		return fmt.Errorf("the stream ends in the middle of a line: %q", data[max(0, len(data)-200):])
	}
	lines := bufio.NewScanner(bytes.NewReader(data))
	lines.Buffer(nil, 8<<20)
	for n := 1; lines.Scan(); n++ {
		if n == 1 && !strings.Contains(lines.Text(), `"type":"version"`) {
			return fmt.Errorf("the first line of the stream is %s", lines.Text())
		}
		if err := checkDocument("stream", lines.Bytes()); err != nil {
			return fmt.Errorf("line %d of the stream: %w", n, err)
		}
		if controls.Match(lines.Bytes()) {
			return fmt.Errorf("line %d of the stream has a control character: %s", n, lines.Text())
		}
	}
	return lines.Err()
}

// checkOutput validates what a command has printed and written for programs.
func checkOutput(args []string, code int, stdout []byte) error {
	args = singleDash(newCLI(stdio{}, nil).root(), args)
	cmd, isJSON, into := "", false, ""
	for i, a := range args {
		switch name, value, ok := strings.Cut(a, "="); {
		case name == "--json" && value != "false":
			isJSON = true
		case name == "--json-into" && ok:
			into = value
		case name == "--json-into" && i+1 < len(args):
			into = args[i+1]
		case cmd == "" && !strings.HasPrefix(a, "-"):
			cmd = a
		}
	}
	var errs []error
	if isJSON {
		errs = append(errs, checkPrinted(cmd, code, stdout))
	}
	if info, err := os.Stat(into); err != nil || !info.Mode().IsRegular() || code == exitUsage {
		return errors.Join(errs...) // no file, or a pipe: whoever reads it looks at it
	}
	if data, err := os.ReadFile(into); err == nil && bytes.HasPrefix(data, []byte(`{"@level"`)) {
		errs = append(errs, checkStream(data))
	}
	return errors.Join(errs...)
}

func checkPrinted(cmd string, code int, stdout []byte) error {
	switch {
	case cmd == "plan" || cmd == "apply" || cmd == "resume":
		if len(stdout) == 0 && code != exitUsage {
			return errors.New("the stream is empty")
		}
		return checkStream(stdout)
	case (cmd == "status" || cmd == "validate") && len(stdout) > 0:
		return checkDocument(cmd, stdout)
	case cmd == "state" && len(stdout) > 0 && strings.TrimSpace(string(stdout)) != "null":
		return checkDocument(cmd, stdout)
	}
	return nil
}

// checkFiles validates every stream, report and state file that zup has left below
// a folder.
func checkFiles(dir string) error {
	var errs []error
	err := filepath.WalkDir(dir, func(path string, e fs.DirEntry, err error) error {
		if err != nil || !e.Type().IsRegular() {
			return err
		}
		data, err := os.ReadFile(path)
		if err != nil {
			return err
		}
		inRun := strings.Contains(path, "/.zup/runs/")
		switch {
		case inRun && e.Name() == "events.jsonl":
			whole := data[:bytes.LastIndexByte(data, '\n')+1] // it may have been killed
			errs = append(errs, checkStream(whole))
		case inRun && e.Name() == "report.json":
			errs = append(errs, checkDocument("report", data))
		case e.Name() == "zup.state.json" && bytes.Contains(data, []byte(`"format_version": 1`)) && jsonWhole(data):
			errs = append(errs, checkDocument("state", data))
		}
		return nil
	})
	return errors.Join(append(errs, err)...)
}

// jsonWhole reports whether a file is JSON: scripts leave damaged ones on purpose.
func jsonWhole(data []byte) bool {
	_, err := jsonschema.UnmarshalJSON(bytes.NewReader(data))
	return err == nil
}

// complaints is where a zup that ran in a script says that what it wrote does not
// fit its schema.
const complaints = "ZUP_TEST_COMPLAINTS"

// checkedRun is run, and then looks at what was written, for programs and for people.
func checkedRun(args []string, std stdio, zup func(stdio) int) int {
	var out, errs bytes.Buffer
	std.out, std.err = alsoTo(&out, std.out), alsoTo(&errs, std.err)
	code := zup(std)
	if err := errors.Join(checkOutput(args, code, out.Bytes()), checkShown(args, out.String()), checkShown(nil, errs.String())); err != nil {
		f, _ := os.OpenFile(os.Getenv(complaints), os.O_WRONLY|os.O_CREATE|os.O_APPEND, 0o600)
		fmt.Fprintf(f, "zup %s: %v\n", strings.Join(args, " "), err)
		f.Close()
	}
	return code
}

// alsoTo keeps what is written to a stream that is not a terminal.
func alsoTo(b *bytes.Buffer, stream io.Writer) io.Writer {
	if stream == nil || isTerminal(stream) {
		return stream
	}
	return io.MultiWriter(b, stream)
}

// checkShown refuses output, of whatever command and form, in which something does not
// show. What is a file word for word is left out.
func checkShown(args []string, text string) error {
	args = singleDash(newCLI(stdio{}, nil).root(), args)
	if len(args) > 0 && (args[0] == "show" && (slices.Contains(args, "--json") || slices.Contains(args, "--canonical")) || args[0] == "fmt" && slices.Contains(args, "-")) {
		return nil
	}
	for i, r := range text {
		_, size := utf8.DecodeRuneInString(text[i:])
		if bad := r == utf8.RuneError && size == 1 || escape.Invisible(r) && r != '\n' && r != '\t'; bad {
			return fmt.Errorf("%U is in the output: %q", r, text[max(0, i-40):min(len(text), i+40)])
		}
	}
	return nil
}

// What does not fit is found.
func TestSchemasRefuse(t *testing.T) {
	const version = `{"@level":"info","@message":"zup 1","@module":"zup.ui","@timestamp":"2026-11-22T15:00:00Z","type":"version","ui":"1.0","zup":"1"}` + "\n"
	if err := checkStream([]byte(version)); err != nil {
		t.Fatal(err)
	}
	for _, bad := range []string{
		strings.Replace(version, `"type":"version"`, `"type":"stop_requested"`, 1),
		strings.Replace(version, `,"zup":"1"`, ``, 1),
		strings.Replace(version, `"info"`, `"loud"`, 1),
		strings.Replace(version, `2026-11-22T15:00:00Z`, `22 Nov`, 1),
		strings.TrimSuffix(version, "\n"),
		version + "Plan: 3 actions\n",
		version + strings.Replace(version, `zup 1`, `\u001b[2J`, 1),
		version + strings.Replace(version, `"type":"version"`, `"surprise":1,"type":"version"`, 1),
		version + strings.Replace(version, `"type":"version"`, `"type":"apply_start"`, 1),
	} {
		if checkStream([]byte(bad)) == nil {
			t.Errorf("it takes %s", bad)
		}
	}
	if checkDocument("report", []byte(`{}`)) == nil || checkDocument("state", []byte(`{"format_version":1}`)) == nil {
		t.Error("the schemas take anything")
	}
}

// The page about streams has every type, and what it shows fits the schema.
func TestStreamsAreDocumented(t *testing.T) {
	data, err := os.ReadFile("../../docs/machine-output.md")
	if err != nil {
		t.Fatal(err)
	}
	for typ := range stream.Payloads {
		if !regexp.MustCompile("(?m)^\\|.*`" + string(typ) + "`").Match(data) {
			t.Errorf("docs/machine-output.md does not have %s", typ)
		}
	}
	shown := 0
	for _, f := range fences(t) {
		if f.page == "machine-output.md" && f.info == "json" {
			shown++
			if err := checkStream([]byte(f.text)); err != nil {
				t.Error(err)
			}
		}
	}
	if shown == 0 {
		t.Error("docs/machine-output.md shows no stream")
	}
}

// The published schema of configurations in JSON is what zup prints; -update writes it.
func TestConfigurationSchemaIsPublished(t *testing.T) {
	var b bytes.Buffer
	if err := writeSchema(&b); err != nil {
		t.Fatal(err)
	}
	const path = "../../docs/config.schema.json"
	if *updateScripts {
		if err := os.WriteFile(path, b.Bytes(), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	if text, err := os.ReadFile(path); err != nil || !bytes.Equal(text, b.Bytes()) {
		t.Errorf("%s is not what zup validate -schema prints (%v); write it with -update", path, err)
	}
}
