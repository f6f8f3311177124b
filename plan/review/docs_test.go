package review_test

import (
	"os"
	"strings"
	"testing"

	"zup/plan/review"
)

// The sample in the documentation is what zup prints, up to the actions.
func TestDocumentedSample(t *testing.T) {
	const path, begin, end = "../../docs/documents.md", "<!-- sample: begin -->\n", "<!-- sample: end -->"
	data, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	before, rest, _ := strings.Cut(string(data), begin)
	got, after, ok := strings.Cut(rest, end)
	if !ok {
		t.Fatal("the marks of the sample are missing")
	}
	p := planOf(t, pairConfig)
	p.PlanID = strings.Repeat("0", 64) // the real one changes with every script
	head, _, _ := strings.Cut(markdown(t, review.Change(p, nil)), "## Risks")
	want := "````markdown\n" + head + "````\n"
	if *update {
		if err := os.WriteFile(path, []byte(before+begin+want+end+after), 0o644); err != nil {
			t.Fatal(err)
		}
		return
	}
	if got != want {
		t.Error("the sample is not what zup prints; write it with -update")
	}
}
