package main

import (
	"bytes"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"reflect"
	"regexp"
	"strings"
	"testing"

	"github.com/spf13/cobra"
	"github.com/spf13/pflag"

	"zup/plan"
	"zup/plan/config"
	"zup/providers"
)

const commandsPage = "../../docs/commands.md"

// commands returns every command that a user can type.
func allCommands() []*cobra.Command {
	c := newCLI(stdio{}, nil)
	root := c.root()
	root.InitDefaultCompletionCmd()
	var all []*cobra.Command
	for _, cmd := range root.Commands() {
		if cmd.Name() != "help" {
			all = append(all, cmd)
		}
	}
	return all
}

func TestCommandsAreDocumented(t *testing.T) {
	data, err := os.ReadFile(commandsPage)
	if err != nil {
		t.Fatal(err)
	}
	for _, cmd := range allCommands() {
		if !strings.Contains(string(data), "| `zup "+cmd.Name()) {
			t.Errorf("docs/commands.md does not have zup %s", cmd.Name())
		}
	}
	for _, code := range []int{exitOK, exitError, exitChanges, exitStale, exitLocked, exitStopped, exitRule, exitDamaged, exitUnproven, exitUsage, exitInterrupted} {
		if !strings.Contains(string(data), fmt.Sprintf("\n| %d | ", code)) {
			t.Errorf("docs/commands.md does not have exit code %d", code)
		}
	}
}

// The table of options is made from the commands; -update writes it.
func TestOptionsAreDocumented(t *testing.T) {
	data, err := os.ReadFile(commandsPage)
	if err != nil {
		t.Fatal(err)
	}
	const begin, end = "<!-- options: begin -->\n", "<!-- options: end -->"
	before, rest, _ := strings.Cut(string(data), begin)
	got, after, ok := strings.Cut(rest, end)
	if !ok {
		t.Fatal("the marks of the table are missing")
	}
	want := optionsTable()
	if *updateScripts {
		if err := os.WriteFile(commandsPage, []byte(before+begin+want+end+after), 0o644); err != nil {
			t.Fatal(err)
		}
		return
	}
	if got != want {
		t.Error("the options are not those of the commands; write them with -update")
	}
}

func optionsTable() string {
	type option struct{ usage, value, def string }
	options := map[string]option{}
	users := map[string][]string{}
	var order []string
	add := func(user string) func(*pflag.Flag) {
		return func(f *pflag.Flag) {
			if f.Name == "help" || f.Hidden {
				return
			}
			value, usage := pflag.UnquoteUsage(f)
			key := f.Name + "\x00" + usage
			if _, seen := options[key]; !seen {
				order = append(order, key)
			}
			def := f.DefValue
			if def == "false" || def == "[]" || def == "0s" {
				def = ""
			}
			options[key] = option{usage, value, def}
			users[key] = append(users[key], user)
		}
	}
	newCLI(stdio{}, nil).root().PersistentFlags().VisitAll(add("all"))
	for _, cmd := range allCommands() {
		if cmd.Name() != "completion" {
			cmd.LocalFlags().VisitAll(add(cmd.Name()))
		}
	}
	var b strings.Builder
	b.WriteString("| option | commands | meaning |\n|---|---|---|\n")
	for _, key := range order {
		name, _, _ := strings.Cut(key, "\x00")
		o := options[key]
		text := "`-" + name
		if o.value != "" {
			text += "=" + strings.ToUpper(o.value)
		}
		text += "`"
		meaning := o.usage
		if o.def != "" && o.def != "true" {
			meaning += "; default " + o.def
		}
		if o.def == "true" {
			meaning += "; on unless `-" + name + "=false`"
		}
		fmt.Fprintf(&b, "| %s | %s | %s |\n", text, strings.Join(users[key], ", "), strings.ReplaceAll(meaning, "|", "\\|"))
	}
	return b.String()
}

// fence is a block of code in a page.
type fence struct{ page, info, text string }

func fences(t *testing.T) []fence {
	t.Helper()
	pages, err := filepath.Glob("../../docs/*.md")
	if err != nil {
		t.Fatal(err)
	}
	var all []fence
	re := regexp.MustCompile("(?ms)^```([^\n]*)\n(.*?)^```")
	for _, page := range append(pages, "../../README.md", "../../examples/README.md", "../../examples/lab/README.md", "../../examples/ci/README.md") {
		data, err := os.ReadFile(page)
		if err != nil {
			t.Fatal(err)
		}
		for _, m := range re.FindAllStringSubmatch(string(data), -1) {
			all = append(all, fence{filepath.Base(page), m[1], m[2]})
		}
	}
	return all
}

// Every configuration that the documentation shows is valid. language.md has a
// test of its own.
func TestDocumentedConfigurations(t *testing.T) {
	for _, f := range fences(t) {
		if f.info != "hcl" || f.page == "language.md" {
			continue
		}
		dir := t.TempDir()
		if err := os.WriteFile(filepath.Join(dir, "x.zup.hcl"), []byte(f.text), 0o600); err != nil {
			t.Fatal(err)
		}
		if err := os.CopyFS(dir, os.DirFS("../../plan/config/testdata/approval")); err != nil {
			t.Fatal(err)
		}
		_, diags := config.Load(dir, config.Options{Version: version, Plan: plan.ConditionType(), Products: plan.Declared(providers.All())})
		if len(diags.All) > 0 {
			var b bytes.Buffer
			diags.WriteText(&b, false, 80)
			t.Errorf("%s:\n%s", f.page, &b)
		}
	}
}

// Links between pages lead somewhere.
func TestDocumentedLinks(t *testing.T) {
	link := regexp.MustCompile(`\]\(([^)#:]+)(#[^)]*)?\)`)
	pages, _ := filepath.Glob("../../docs/*.md")
	for _, page := range append(pages, "../../README.md", "../../examples/README.md", "../../examples/lab/README.md", "../../examples/ci/README.md") {
		data, err := os.ReadFile(page)
		if err != nil {
			t.Fatal(err)
		}
		for _, m := range link.FindAllStringSubmatch(string(data), -1) {
			if _, err := os.Stat(filepath.Join(filepath.Dir(page), m[1])); err != nil {
				t.Errorf("%s: %v", filepath.Base(page), err)
			}
		}
	}
}

// docs/reliability.md has every fuzz target, and no other.
func TestEveryFuzzTargetIsDocumented(t *testing.T) {
	data, err := os.ReadFile("../../docs/reliability.md")
	if err != nil {
		t.Fatal(err)
	}
	_, list, _ := strings.Cut(string(data), "<!-- fuzz: begin -->")
	list, _, _ = strings.Cut(list, "<!-- fuzz: end -->")
	documented := map[string]bool{}
	for _, m := range regexp.MustCompile(`go test \./(\S+) -fuzz (Fuzz\w+) `).FindAllStringSubmatch(list, -1) {
		documented[m[1]+" "+m[2]] = true
	}
	root := os.DirFS("../..")
	err = fs.WalkDir(root, ".", func(path string, _ fs.DirEntry, err error) error {
		if err != nil || !strings.HasSuffix(path, "_test.go") {
			return err
		}
		text, err := fs.ReadFile(root, path)
		for _, m := range regexp.MustCompile(`(?m)^func (Fuzz\w+)\(`).FindAllStringSubmatch(string(text), -1) {
			name := filepath.Dir(path) + " " + m[1]
			if !documented[name] {
				t.Errorf("%s is not in the list", name)
			}
			delete(documented, name)
		}
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	for name := range documented {
		t.Errorf("there is no %s", name)
	}
}

// A test that a page names is one: in the file that the link leads to.
func TestDocumentedTestsAreThere(t *testing.T) {
	named := regexp.MustCompile("\\[`(Test\\w+)`\\]\\(([^)#:]+)\\)")
	pages, _ := filepath.Glob("../../docs/*.md")
	found := 0
	for _, page := range pages {
		data, err := os.ReadFile(page)
		if err != nil {
			t.Fatal(err)
		}
		for _, m := range named.FindAllStringSubmatch(string(data), -1) {
			found++
			file, err := os.ReadFile(filepath.Join(filepath.Dir(page), m[2]))
			if err != nil || !strings.Contains(string(file), "\nfunc "+m[1]+"(t *testing.T)") {
				t.Errorf("%s: there is no %s in %s", filepath.Base(page), m[1], m[2])
			}
		}
	}
	if found < 10 {
		t.Errorf("only %d tests are named", found)
	}
}

// Every command that can be typed has a manual page.
func TestEveryCommandHasAManualPage(t *testing.T) {
	dir := t.TempDir()
	if code := run(t.Context(), []string{"man", dir}, stdio{nil, &bytes.Buffer{}, &bytes.Buffer{}}, nil); code != exitOK {
		t.Fatal(code)
	}
	for _, cmd := range allCommands() {
		page, err := os.ReadFile(filepath.Join(dir, "zup-"+cmd.Name()+".1"))
		if err != nil {
			t.Error(err)
			continue
		}
		if !strings.Contains(string(page), cmd.Short) {
			t.Errorf("the page of %s does not say what it does", cmd.Name())
		}
	}
}

// docs/commands.md has every key of status -json.
func TestStatusKeysAreDocumented(t *testing.T) {
	data, err := os.ReadFile(commandsPage)
	if err != nil {
		t.Fatal(err)
	}
	_, section, _ := strings.Cut(string(data), "`zup status -json` prints")
	for _, of := range []any{clusterStatus{}, nodeStatus{}, problem{}} {
		for i := range reflect.TypeOf(of).NumField() {
			key, _, _ := strings.Cut(reflect.TypeOf(of).Field(i).Tag.Get("json"), ",")
			if !strings.Contains(section, "`"+key+"`") {
				t.Errorf("%T: docs/commands.md does not have %q", of, key)
			}
		}
	}
}
