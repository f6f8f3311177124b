package keepalived

import (
	"flag"
	"os"
	"slices"
	"strings"
	"testing"
)

var update = flag.Bool("update", false, "rewrite the generated parts of the documentation")

// The table of checks is that of the judge; -update writes it.
func TestPageListsTheChecks(t *testing.T) {
	const page, begin, end = "../../docs/keepalived.md", "<!-- checks: begin -->\n", "<!-- checks: end -->"
	data, err := os.ReadFile(page)
	if err != nil {
		t.Fatal(err)
	}
	before, rest, ok := strings.Cut(string(data), begin)
	got, after, ok2 := strings.Cut(rest, end)
	if !ok || !ok2 {
		t.Fatal("the marks of the table are missing")
	}
	var table strings.Builder
	table.WriteString("| check | passes when | otherwise |\n|---|---|---|\n")
	for _, c := range slices.Concat(stages()...) {
		table.WriteString("| " + c.Name + " | " + c.About + " | " + string(c.Otherwise) + " |\n")
	}
	if *update {
		if err := os.WriteFile(page, []byte(before+begin+table.String()+end+after), 0o644); err != nil {
			t.Fatal(err)
		}
		return
	}
	if got != table.String() {
		t.Error("the table is not that of the judge; write it with -update")
	}
}
