package show_test

import (
	"bytes"
	"strings"
	"testing"

	"zup/plan"
	"zup/plan/document"
	"zup/plan/escape"
	"zup/plan/show"
)

// Columns line up at 80 whatever letters stand in them, and after what was escaped.
func TestColumnsLineUp(t *testing.T) {
	table := document.Table{Head: []string{"Name", "Text", "End"}}
	for _, s := range []string{"plain", "東京のサーバー", "한국어 서버", "🚀 emoji", "e\u0301 a\u0323\u0302", "ใช้ไทย", "\u202ehidden\ufe0f", "чеckupgrades", "Zürich, das ist ein langer Text, der umbrochen werden muss, und noch mehr 東京 davon"} {
		table.Rows = append(table.Rows, []document.Cell{{Text: s}, {Text: s}, {Text: "|end"}})
	}
	var b bytes.Buffer
	d := &document.Document{Title: "t", Sections: []document.Section{{ID: "a", Title: "s", Blocks: []document.Block{table}}}}
	if err := show.Document(&b, d, show.Options{}); err != nil {
		t.Fatal(err)
	}
	at, ends := 0, 0
	for line := range strings.Lines(b.String()) {
		line = strings.TrimRight(line, "\n")
		if escape.Width(line) > 80 {
			t.Errorf("%d columns: %s", escape.Width(line), line)
		}
		if before, _, ok := strings.Cut(line, "|end"); ok {
			ends++
			if w := escape.Width(before); at == 0 {
				at = w
			} else if w != at {
				t.Errorf("the last column begins at %d, not at %d: %s", w, at, line)
			}
		}
	}
	if ends != len(table.Rows) {
		t.Errorf("%d rows", ends)
	}
}

// The list of actions keeps its columns and its 80 characters where titles are wide or
// were escaped, and says what runs here.
func TestActionsLineUp(t *testing.T) {
	p := &plan.Plan{Clusters: []plan.Cluster{{Name: "edge", Provider: "zevenet", From: "1", To: "2", Nodes: []plan.Node{{Name: "zva5n1"}, {Name: "zva5n2"}}}}}
	for _, title := range []string{"Plain", "東京のサーバーを更新する、それから確認する、そして待つ、そして終わる", "\u202e" + strings.Repeat("чеck ", 12), "Take the snapshot"} {
		p.Actions = append(p.Actions, plan.Action{ID: title, Cluster: "edge", Node: "zva5n2", Title: title, Reason: "because", EstimateS: 7, Primitive: plan.Script, Impact: plan.None})
	}
	p.Actions[3].Primitive = plan.Local
	var b bytes.Buffer
	if err := show.Plan(&b, p, show.Options{}); err != nil {
		t.Fatal(err)
	}
	rows := 0
	for line := range strings.Lines(b.String()) {
		line = strings.TrimRight(line, "\n")
		if escape.Width(line) > 80 {
			t.Errorf("%d columns: %s", escape.Width(line), line)
		}
		if before, ok := strings.CutSuffix(line, "7 s"); ok && strings.Contains(line, "zva5n2") {
			if rows++; escape.Width(before) != 73 {
				t.Errorf("the time stands at %d: %s", escape.Width(before), line)
			}
		}
	}
	if rows != 4 || !strings.Contains(b.String(), "Take the snapshot [here]") || strings.Count(b.String(), "[here]") != 1 {
		t.Errorf("%d rows:\n%s", rows, b.String())
	}
}
