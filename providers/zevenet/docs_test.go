package zevenet

import (
	"flag"
	"os"
	"regexp"
	"strings"
	"testing"
)

var update = flag.Bool("update", false, "rewrite the generated parts of the documentation")

const procedure = "../../docs/procedure.md"

// The commands that docs/procedure.md shows are those of the node scripts.
func TestProcedureShowsTheScripts(t *testing.T) {
	text, err := os.ReadFile(procedure)
	if err != nil {
		t.Fatal(err)
	}
	fences := regexp.MustCompile("(?s)```sh (\\w+)\n(.*?)```").FindAllStringSubmatch(string(text), -1)
	if len(fences) < 5 {
		t.Errorf("only %d commands are shown", len(fences))
	}
	for _, f := range fences {
		if body := script(f[1], "192.0.2.2"); !strings.Contains(body, f[2]) {
			t.Errorf("script %s has no such lines:\n%s", f[1], f[2])
		}
	}
}

// The table of checks is that of the rules; -update writes it.
func TestProcedureListsTheChecks(t *testing.T) {
	data, err := os.ReadFile(procedure)
	if err != nil {
		t.Fatal(err)
	}
	const begin, end = "<!-- checks: begin -->\n", "<!-- checks: end -->"
	before, rest, ok := strings.Cut(string(data), begin)
	got, after, ok2 := strings.Cut(rest, end)
	if !ok || !ok2 {
		t.Fatal("the marks of the table are missing")
	}
	var table strings.Builder
	table.WriteString("| check | passes when | otherwise |\n|---|---|---|\n")
	for _, c := range checks() {
		table.WriteString("| " + c.Name + " | " + c.About + " | " + string(c.Otherwise) + " |\n")
	}
	if *update {
		if err := os.WriteFile(procedure, []byte(before+begin+table.String()+end+after), 0o644); err != nil {
			t.Fatal(err)
		}
		return
	}
	if got != table.String() {
		t.Error("the table is not that of the rules; write it with -update")
	}
}
