package plan_test

import (
	"bytes"
	"errors"
	"strings"
	"testing"

	"zup/plan"
)

// evil are names that lead out of a folder, are taken for options, or are not what
// they look like.
var evil = []string{"../../../evil", "--all", "-x", "a/b", "a\x1b[2J", "a\u202eb", "a b", "a\nb", "..", ".", "/etc/passwd", "\u0430", "$(id)", "{name}"}

// named is a plan that has every name that a plan can have.
func named(t *testing.T) *plan.Plan {
	t.Helper()
	p := built(t, 1)
	for i := range p.Actions {
		a := &p.Actions[i]
		switch a.Kind {
		case "save":
			a.Before = []plan.Fact{{Fact: "role", Node: a.Node}}
			a.Record = []plan.Fact{{Fact: "role", Node: a.Node}}
			a.Mentions = []plan.Mention{{Fact: "reboot", Node: a.Node, Text: "x"}}
		case "update":
			a.Leaves = "/usr/local/x.tar.gz"
		}
	}
	last := p.Actions[len(p.Actions)-1].ID
	p.Actions = append(p.Actions,
		plan.Action{
			ID: "pair-00000.zva5n1.upload", Cluster: "pair-00000", Node: "zva5n1", Kind: "upload", Primitive: plan.Upload, Impact: plan.None, TimeoutS: 1, After: []string{last},
			Check:  []plan.Condition{{Node: "zva5n1", Fact: "image", Is: []string{"x"}}},
			Upload: &plan.Transfer{From: "x.iso", To: "/x.iso", Part: "/x.iso.part", Size: 1, SHA256: strings.Repeat("0", 64)},
		},
		plan.Action{
			ID: "pair-00000.zva5n1.snapshot", Cluster: "pair-00000", Node: "zva5n1", Kind: "snapshot", Primitive: plan.Local, Impact: plan.None, TimeoutS: 1, After: []string{last},
			Argv: []string{"snap"}, Keeps: "zup-6.1.19-08bf4dcb",
		},
		plan.Action{
			ID: "pair-00000.zva5n1.delete-snapshot", Cluster: "pair-00000", Node: "zva5n1", Kind: "delete-snapshot", Primitive: plan.Local, Impact: plan.None, TimeoutS: 1, After: []string{last},
			Argv: []string{"snap"}, Drops: "zup-6.1.19-08bf4dcb",
		})
	p.Identify()
	if _, err := plan.Decode(bytes.NewReader(encoded(t, p))); err != nil {
		t.Fatal(err)
	}
	return p
}

func action(t *testing.T, p *plan.Plan, kind string) *plan.Action {
	t.Helper()
	for i := range p.Actions {
		if p.Actions[i].Kind == kind {
			return &p.Actions[i]
		}
	}
	t.Fatalf("no action of the kind %s", kind)
	return nil
}

// renamed has another name in every place of the plan where it stands.
func renamed(p *plan.Plan, from, to string) {
	for i := range p.Actions {
		a := &p.Actions[i]
		if a.ID == from {
			a.ID = to
		}
		for k := range a.After {
			if a.After[k] == from {
				a.After[k] = to
			}
		}
	}
}

// A plan whose ID was computed anew is damaged all the same if a name in it is none: a
// transcript is called after an action, and a snapshot's name is a word of a command.
func TestNamesInAPlanAreHeldToTheirGrammar(t *testing.T) {
	for what, change := range map[string]func(*testing.T, *plan.Plan, string){
		"action": func(t *testing.T, p *plan.Plan, s string) { renamed(p, action(t, p, "refresh").ID, s) },
		"action, kind": func(t *testing.T, p *plan.Plan, s string) {
			renamed(p, action(t, p, "refresh").ID, "pair-00000.zva5n2."+s)
		},
		"action, node": func(t *testing.T, p *plan.Plan, s string) {
			renamed(p, action(t, p, "refresh").ID, "pair-00000."+s+".refresh")
		},
		"kind": func(t *testing.T, p *plan.Plan, s string) { action(t, p, "refresh").Kind = s },
		"cluster": func(_ *testing.T, p *plan.Plan, s string) {
			p.Clusters[0].Name = s
			for i := range p.Actions {
				p.Actions[i].Cluster = s
			}
		},
		"provider": func(_ *testing.T, p *plan.Plan, s string) { p.Clusters[0].Provider, p.Products[0].Name = s, s },
		"product": func(_ *testing.T, p *plan.Plan, s string) {
			p.Products = append(p.Products, plan.Product{Facts: "x", Name: s})
		},
		"node": func(_ *testing.T, p *plan.Plan, s string) {
			p.Clusters[0].Nodes = append(p.Clusters[0].Nodes, plan.Node{Name: s})
		},
		"fact of a node":  func(_ *testing.T, p *plan.Plan, s string) { p.Clusters[0].Nodes[0].Facts[s] = "x" },
		"probe":           func(_ *testing.T, p *plan.Plan, s string) { p.Clusters[0].Probes[0].Name = s },
		"prompt":          func(t *testing.T, p *plan.Plan, s string) { action(t, p, "update").Prompts[0].Name = s },
		"fact of a check": func(t *testing.T, p *plan.Plan, s string) { action(t, p, "update").Check[0].Fact = s },
		"fact of a gate":  func(t *testing.T, p *plan.Plan, s string) { action(t, p, "gate").Until[0].Fact = s },
		"fact required": func(t *testing.T, p *plan.Plan, s string) {
			a := action(t, p, "update")
			a.Requires = append([]plan.Condition{{Fact: s, Node: a.Node, Is: []string{"x"}}}, a.Requires...)
		},
		"fact before":        func(t *testing.T, p *plan.Plan, s string) { action(t, p, "save").Before[0].Fact = s },
		"fact to record":     func(t *testing.T, p *plan.Plan, s string) { action(t, p, "save").Record[0].Fact = s },
		"fact to mention":    func(t *testing.T, p *plan.Plan, s string) { action(t, p, "save").Mentions[0].Fact = s },
		"fact of a step":     func(t *testing.T, p *plan.Plan, s string) { action(t, p, "drain").Back[0].Check[0].Fact = s },
		"fact before a step": func(t *testing.T, p *plan.Plan, s string) { action(t, p, "drain").Back[0].Before[0].Fact = s },
		"change":             func(t *testing.T, p *plan.Plan, s string) { action(t, p, "block").Opens[0] = "zva5n1/" + s },
		"change closed":      func(t *testing.T, p *plan.Plan, s string) { action(t, p, "verify").Closes = []string{"zva5n1/" + s} },
		"change of a step":   func(t *testing.T, p *plan.Plan, s string) { action(t, p, "drain").Back[0].Opens[0] = "zva5n2/" + s },
		"snapshot kept":      func(t *testing.T, p *plan.Plan, s string) { action(t, p, "snapshot").Keeps = s },
		"snapshot dropped":   func(t *testing.T, p *plan.Plan, s string) { action(t, p, "delete-snapshot").Drops = s },
		"file left":          func(t *testing.T, p *plan.Plan, s string) { action(t, p, "update").Leaves = s },
		"file uploaded":      func(t *testing.T, p *plan.Plan, s string) { action(t, p, "upload").Upload.To = s },
		"part uploaded":      func(t *testing.T, p *plan.Plan, s string) { action(t, p, "upload").Upload.Part = s },
	} {
		for _, s := range evil {
			if s == "/etc/passwd" && (strings.HasPrefix(what, "file") || strings.HasPrefix(what, "part")) { // of a node
				continue
			}
			p := named(t)
			change(t, p, s)
			p.Identify()
			_, err := plan.Decode(bytes.NewReader(encoded(t, p)))
			var damaged *plan.DamagedError
			if !errors.As(err, &damaged) {
				t.Errorf("%s %q: %v", what, s, err)
			}
		}
	}
}

// An action can't have the name of another cluster's, or of another node's.
func TestAnActionIsCalledAfterItsClusterAndNode(t *testing.T) {
	for _, id := range []string{"pair-00001.zva5n2.refresh", "pair-00000.zva5n1.refresh2", "refresh", "pair-00000", "pair-00000.", "pair-00000.zva5n2.", "pair-00000.zva5n2.refresh.undo1", "xpair-00000.zva5n2.refresh"} {
		p := named(t)
		a := action(t, p, "refresh")
		if a.Node != "zva5n2" {
			t.Fatal(a.ID)
		}
		renamed(p, a.ID, id)
		if err := p.Validate(); err == nil || !strings.Contains(err.Error(), "is not the name of an action") {
			t.Errorf("%s: %v", id, err)
		}
	}
}
