package observe

import (
	"context"
	"strings"
	"testing"
	"time"

	"zup/plan"
	"zup/plan/config"
)

// speaks is a node that answers with this, whatever it is asked.
type speaks string

func (a speaks) Run(context.Context, string, ...string) ([]byte, error) { return []byte(a), nil }
func (speaks) HostKey() string                                          { return "" }

type asks struct{}

func (asks) Watches(*config.Cluster) bool { return true }

func (asks) FactsScript() string                                       { return "" }
func (asks) ObservedFacts() []string                                   { return []string{"role", "time"} }
func (asks) Farms([]plan.ObservedNode) (vips []string, farms []string) { return nil, nil }

// What is said between the facts, before or after them, is not a fact, and makes none: nothing
// is known of the node then, and who may have said it is named.
func TestTalkBetweenTheFactsIsNoFact(t *testing.T) {
	ask := func(text string) plan.ObservedNode {
		o := Options{
			Dial:     func(context.Context, string, string) (Host, error) { return speaks(text), nil },
			Products: map[string]Product{"p": asks{}}, Now: time.Now,
		}
		return Nodes(t.Context(), []Target{{Product: "p", Cluster: "c", Nodes: []string{"a"}}}, o)["c"][0]
	}
	if n := ask("role=backup\ntime=1\nend\n"); n.Err != nil || n.Facts["role"] != "backup" {
		t.Errorf("%+v", n)
	}
	for _, text := range []string{
		"welcome\nrole=backup\ntime=1\nend\n",
		"role=master\nrole=backup\ntime=1\nend\n",
		"role=backup\nrole=master\ntime=1\nend\n",
		"role=backup\nwelcome time=1\nend\n",
		"role=backup\ntime=1\nend\nrole=master\n",
		"role=backup\ntime=1\nend\nbye\n",
	} {
		n := ask(text)
		if n.Err == nil || n.Facts != nil || !strings.Contains(n.Err.Error(), "/etc/bash.bashrc") {
			t.Errorf("%q: %+v", text, n)
		}
	}
}
