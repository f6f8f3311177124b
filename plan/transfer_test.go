package plan_test

import (
	"strings"
	"testing"

	"zup/plan"
)

// An upload that could not be verified, or that would write over what it
// replaces, is not a plan.
func TestUploadRules(t *testing.T) {
	for _, tt := range []struct {
		breaks string
		change func(*plan.Action)
	}{
		{"", func(*plan.Action) {}},
		{"needs a file", func(a *plan.Action) { a.Upload = nil }},
		{"needs a file", func(a *plan.Action) { a.Upload.From = "" }},
		{"needs a file", func(a *plan.Action) { a.Node = "" }},
		{"that it replaces", func(a *plan.Action) { a.Upload.Part = a.Upload.To }},
		{"can't be verified", func(a *plan.Action) { a.Upload.SHA256 = "abc" }},
		{"can't be verified", func(a *plan.Action) { a.Upload.Size = 0 }},
		{"needs a check", func(a *plan.Action) { a.Check = nil }},
		{"is not undone", func(a *plan.Action) { a.Detached = true }},
		{"sends no file", func(a *plan.Action) { a.Primitive, a.Script = plan.Script, "true" }},
	} {
		a := plan.Action{
			ID: "edge.n1.upload", Cluster: "edge", Node: "n1", Primitive: plan.Upload, Impact: plan.None, TimeoutS: 1,
			Check:  []plan.Condition{{Node: "n1", Fact: "image", Is: []string{"x"}}},
			Upload: &plan.Transfer{From: "x.iso", To: "/x.iso", Part: "/x.iso.part", Size: 1, SHA256: strings.Repeat("0", 64)},
		}
		tt.change(&a)
		p := &plan.Plan{
			Actions: []plan.Action{a}, Products: []plan.Product{{Facts: "facts", Name: "p", VersionFact: "version"}},
			Clusters: []plan.Cluster{{Name: "edge", Provider: "p", Way: plan.Forward, Nodes: []plan.Node{{Name: "n1"}, {Name: "n2"}}}},
		}
		switch err := p.Validate(); {
		case tt.breaks == "" && err != nil:
			t.Error(err)
		case tt.breaks != "" && (err == nil || !strings.Contains(err.Error(), tt.breaks)):
			t.Errorf("%q: %v", tt.breaks, err)
		}
	}
}
