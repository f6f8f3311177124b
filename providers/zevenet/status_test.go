package zevenet

import (
	"os/exec"
	"slices"
	"strings"
	"testing"

	"zup/plan"
)

// What the product says of both nodes is asked once: on MASTER. Where zup has to find out
// whether the product answers under a name, each node is asked.
func TestStatusIsAskedOnceAPair(t *testing.T) {
	t.Parallel()
	for name, tt := range map[string]struct {
		product *personality
		role    string
		want    string
		asked   bool
	}{
		"MASTER":                      {family[0], "master", "ok", true},
		"BACKUP":                      {family[0], "backup", elsewhere, false},
		"a service that has stopped":  {family[0], "", elsewhere, false},
		"in maintenance":              {family[0], "maintenance", elsewhere, false},
		"BACKUP of an assumed name":   {family[2], "backup", "ok", true},
		"MASTER of an assumed name":   {family[2], "master", "ok", true},
		"a node that has no role yet": {family[0], "(absent)", "ok", true},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			s := newSandbox(t)
			if tt.role != "(absent)" {
				s.write("root/node_status", tt.role+"\n")
			}
			s.program("root/bin/enterprise.bin", `echo asked >>`+quote(s.path("asked"))+`
echo '{"params":[{"status":"ok"},{"status":"ok"}]}'`)
			cmd := exec.Command("sh", "-s", "--", "status")
			cmd.Stdin = strings.NewReader(strings.ReplaceAll(tt.product.script("facts", ""), tt.product.root, s.path("root")))
			out, err := cmd.Output()
			if err != nil {
				t.Fatal(err)
			}
			facts, err := plan.ParseFacts(out, []string{"status"})
			if err != nil || facts["status"] != tt.want || (s.read("asked") != "(absent)") != tt.asked {
				t.Errorf("%v, %v, asked: %s", facts, err, s.read("asked"))
			}
		})
	}
}

// The end of a run is proven by the answer of whoever is MASTER then, which is of both
// nodes, unless the product never answered.
func TestVerifiedByTheProductsOwnWord(t *testing.T) {
	for name, tt := range map[string]struct {
		product     *personality
		first, last string // said by the node that is MASTER in the end, and by the other one
		on          []string
	}{
		"MASTER was asked":              {family[0], "ok", elsewhere, []string{"a"}},
		"the other one was MASTER":      {family[0], elsewhere, "ok", []string{"a"}},
		"it said that something is off": {family[0], "1 failure,1 ok,", elsewhere, []string{"a"}},
		"it never answered":             {family[0], unknown, elsewhere, nil},
		"nor there":                     {family[0], elsewhere, unknown, nil},
		"each is asked":                 {family[2], "ok", "ok", []string{"a", "b"}},
		"each, and one answers":         {family[2], unknown, "ok", []string{"b"}},
	} {
		t.Run(name, func(t *testing.T) {
			a, b := &node{name: "a", facts: map[string]string{"status": tt.first}}, &node{name: "b", facts: map[string]string{"status": tt.last}}
			p := &pair{product: tt.product, nodes: []*node{a, b}}
			var got []string
			for _, c := range p.saysOK(a, b) {
				if c.Fact != "status" || !slices.Equal(c.Is, []string{"ok"}) {
					t.Errorf("%+v", c)
				}
				got = append(got, c.Node)
			}
			if !slices.Equal(got, tt.on) {
				t.Errorf("asked %q, want %q", got, tt.on)
			}
		})
	}
	p := &pair{product: family[0], nodes: []*node{{name: "a", facts: map[string]string{"status": elsewhere}}, {name: "b", facts: map[string]string{"status": elsewhere}}}}
	if f := statusIsKnown(p); f.Status == plan.Passed {
		t.Error("nobody was asked, and it is known")
	}
}
