package review_test

import (
	"bytes"
	"fmt"
	"os"
	"strings"
	"testing"
	"unicode/utf8"

	"golang.org/x/net/html"

	"zup/plan"
	"zup/plan/document"
	"zup/plan/review"
	"zup/plan/show"
)

func planText(t *testing.T, p *plan.Plan) []string {
	t.Helper()
	var b bytes.Buffer
	if err := show.Plan(&b, p, show.Options{}); err != nil {
		t.Fatal(err)
	}
	return strings.Split(strings.TrimRight(b.String(), "\n"), "\n")
}

// The plan of a pair fits on two screens, and its first fifteen lines have what it
// takes to say yes or no.
func TestPlanOfAPairIsShort(t *testing.T) {
	lines := planText(t, planOf(t, pairConfig))
	if len(lines) > 120 {
		t.Errorf("%d lines", len(lines))
	}
	head := strings.Join(lines[:15], "\n")
	for _, what := range []string{"6.1.19 → 6.1.20 on zva5n2, then zva5n1", "25 actions", "about 3 min", "Interrupted", "≤ 0.90 s", "MASTER", "Measured", "Checked", "there is no way back"} {
		if !strings.Contains(head, what) {
			t.Errorf("the first 15 lines do not say %q:\n%s", what, head)
		}
	}
}

// The plan of 200 pairs starts with one screen, and says where the rest is.
func TestPlanOf200PairsStartsWithASummary(t *testing.T) {
	lines := planText(t, planOf(t, fleet(200)))
	if len(lines) > 24 {
		t.Errorf("%d lines are more than a screen", len(lines))
	}
	text := strings.Join(lines, "\n")
	for _, what := range []string{"200 clusters, 5000 actions", "twice, ≤ 0.90 s each", "and 186 more", "-target NAME"} {
		if !strings.Contains(text, what) {
			t.Errorf("it does not say %q:\n%s", what, text)
		}
	}
}

// What is posted as a comment is never too long, and says what was left out.
func TestMarkdownFits(t *testing.T) {
	for _, pairs := range []int{1, 3, 9, 200} {
		md := markdown(t, review.Change(planOf(t, fleet(pairs)), nil))
		if n := utf8.RuneCountInString(md); n > document.MarkdownLimit {
			t.Errorf("%d pairs: %d characters", pairs, n)
		}
		if left := strings.Contains(md, "**Left out**"); !left && pairs > 1 {
			t.Errorf("%d pairs: what is left out is not said", pairs)
		}
		if pairs == 1 && !strings.Contains(md, "Exact commands: Actions of") {
			t.Error("the commands of a pair are not there")
		}
		for _, what := range []string{"## Impact", "## Risks", "Point of no return"} {
			if !strings.Contains(md, what) {
				t.Errorf("%d pairs: %q is missing", pairs, what)
			}
		}
		if strings.Count(md, "<details>") != strings.Count(md, "</details>") {
			t.Errorf("%d pairs: something is folded and not ended", pairs)
		}
	}
}

// The page of 200 pairs has every command and stays below what a browser opens at
// once.
func TestPageOf200Pairs(t *testing.T) {
	p := planOf(t, fleet(200))
	page := pageOf(t, review.Change(p, nil))
	if n := len(page); n > 40<<20 {
		t.Errorf("%d MB", n>>20)
	}
	if n := strings.Count(page, "Exact commands"); n < len(p.Actions) {
		t.Errorf("%d of %d actions have their commands", n, len(p.Actions))
	}
}

// Windows, freezes, rules, approval and waivers are in the document when the plan has
// them.
func TestConditionsAreShown(t *testing.T) {
	p := planOf(t, pairConfig)
	p.Approval = &plan.Approval{Required: 2, Signers: plan.File{Path: "allowed_signers", SHA256: strings.Repeat("ab", 32)}}
	p.Windows = []plan.Window{{Name: "night", Days: []string{"sat", "sun"}, Start: "22:00", DurationS: 4 * 3600, Timezone: "Europe/Berlin"}}
	p.Freezes = []plan.Freeze{{Name: "yearend", From: "2026-12-20T00:00:00Z", To: "2027-01-07T00:00:00Z"}}
	p.Rules = []plan.Rule{
		{Name: "quick", Condition: "all(c.interruption.per_switchover_ms_max < 1000)", Level: "deny", Message: "no switchover above 1 s", Status: plan.Passed},
		{Name: "snapshots", Condition: "all(c.snapshots)", Level: "deny", Message: "snapshots are required", Status: plan.Failed},
	}
	check := p.Clusters[0].Name + ".disk-of-the-house"
	p.Clusters[0].Checks = append(p.Clusters[0].Checks, plan.Check{ID: check, Status: plan.Failed, Detail: "12 MB free"})
	p.Waivers = []plan.Waiver{{Name: "snapshots", Because: "the disks are too small, see CHG1"}, {Name: check, Because: "cleaned by hand"}}
	for form, text := range map[string]string{"HTML": pageOf(t, review.Change(p, nil)), "Markdown": strings.NewReplacer(`\`, "", "<!-- -->", "").Replace(markdown(t, review.Change(p, nil)))} {
		for _, what := range []string{
			"2 different signatures of those in allowed_signers", "does not count", "Window night", "sat, sun from 22:00 (Europe/Berlin) for 4 h 00 min",
			"Freeze yearend", "not from 2026-12-20 00:00:00 UTC until 2027-01-07 00:00:00 UTC", "no switchover above 1 s", "snapshots are required; waived because: the disks are too small, see CHG1",
			"12 MB free; waived because: cleaned by hand", "waived", "CHG0012345", "Maria Lindt",
		} {
			if !strings.Contains(text, what) {
				t.Errorf("%s does not say %q", form, what)
			}
		}
		if n := strings.Count(text, "Approved by"); n != 2 {
			t.Errorf("%s has room for %d approvals", form, n)
		}
	}
}

// A node that is alone is shown as what it is.
func TestSingleNode(t *testing.T) {
	p := planOf(t, "cluster \"zevenet\" \"solo\" {\n  version = \"6.1.20\"\n  node \"zva5n1\" { address = \"10.0.0.1\" }\n}\n")
	d := review.Change(p, nil)
	if d.Verdict.Word != "Outage" || d.Verdict.Tone != document.Bad {
		t.Errorf("%+v", d.Verdict)
	}
	if text := pageOf(t, d); !strings.Contains(text, "nobody serves") || strings.Contains(text, "MASTER moves, gap") {
		t.Error("the page does not say that nobody serves, or says that the role moves")
	}
}

func TestNothingToDo(t *testing.T) {
	p := planOf(t, strings.Replace(pairConfig, "6.1.20", "6.1.19", 1))
	if d := review.Change(p, nil); !p.Empty() || d.Verdict.Word != "No changes" {
		t.Errorf("%d actions, %+v", len(p.Actions), d.Verdict)
	}
}

// The pictures say the same as the model: who serves, who is out, and for how long
// there is no spare node.
func TestCourse(t *testing.T) {
	p := planOf(t, pairConfig)
	words := markdown(t, review.Change(p, nil))
	for _, what := range []string{"zva5n1: serves from 0:00 to 1:30, out: update from 1:30 to 2:43, stands by from 2:43 to 2:45, serves from 2:45", "stands by from 0:00 to 0:22, out: update from 0:22 to 1:27"} {
		if !strings.Contains(words, what) {
			t.Errorf("it does not say %q:\n%s", what, grep(words, "serves from"))
		}
	}
	failed := review.Run(runOf(p, "edge.zva5n2.update"))
	if text := markdown(t, failed); !strings.Contains(text, "until it stopped") || !strings.Contains(text, "zva5n1 serves, with version 6.1.19") {
		t.Error("the report of a failed run does not say who serves, or for how long there was no spare node")
	}
}

func grep(text, word string) string {
	var all []string
	for line := range strings.Lines(text) {
		if strings.Contains(line, word) {
			all = append(all, line)
		}
	}
	return strings.Join(all, "")
}

// The graph of a pair is drawn, that of 200 is said in words; neither names anything
// outside.
func TestGraph(t *testing.T) {
	for _, pairs := range []int{1, 2, 200} {
		p := planOf(t, fleet(pairs))
		svg := review.Graph(p)
		if again := review.Graph(p); again != svg {
			t.Error("the same plan gave another graph")
		}
		if _, err := html.Parse(strings.NewReader(svg)); err != nil || strings.Count(svg, "<svg") != 1 {
			t.Errorf("%d pairs: %v", pairs, err)
		}
		boxes := strings.Count(svg, `class="p-box"`) + strings.Count(svg, `class="p-strong"`)
		want := len(p.Actions)
		if pairs == 200 {
			want = 0
			if !strings.Contains(svg, "200 clusters, each with 25 actions in the same order") {
				t.Error("the graph of 200 pairs does not say what they have in common")
			}
		}
		if boxes != want {
			t.Errorf("%d pairs: %d boxes, not %d", pairs, boxes, want)
		}
		if dir := os.Getenv("ZUP_DOCUMENTS"); dir != "" {
			os.WriteFile(fmt.Sprintf("%s/graph%d.svg", dir, pairs), []byte(svg), 0o644)
		}
	}
}
