// Package arguments declares what the cluster blocks of the family may hold, and reads
// them. Start with Declared and Of.
//
// It imports nothing of the language, so that the language can be tested with it.
package arguments

import (
	"maps"

	"github.com/zclconf/go-cty/cty"

	"zup/plan/product"
)

// How MASTER's role moves to the other node before it is updated.
const (
	SwitchoverDrain   = "drain"   // maintenance mode first, so that the other node takes over while this one still serves
	SwitchoverRestart = "restart" // the vendor's own order: the update's restart moves the role
)

// What happens to a node that waits for a reboot once it is updated.
const (
	RebootNever    = "never"     // it is said, not done
	RebootIfNeeded = "if-needed" // it is rebooted while it is out of its users' way
)

// Declared is what a product of the family declares; they differ by their names alone.
func Declared(name, title string) product.Declaration {
	d := family
	d.Name, d.Title, d.Check = name, title, check
	return d
}

var family = product.Declaration{
	Version: &product.Version{
		Example: "6.1.20", Problem: versionProblem,
		About:  "the version that every node shall run, as its package says it",
		Limits: "exact: three numbers or more, a Debian suffix such as `-1` allowed; no `latest`, no `>=`, no leading `v`",
	},
	Nodes: product.Nodes{
		Least: 1, Most: 2, Words: "one or two nodes", Example: `node "zva5n1" { address = "192.0.2.11" }`,
		Limits: "one or two; one is a node [without a cluster](procedure.md), and nobody serves while it updates",
	},
	Arguments: []product.Argument{
		{
			Name: "switchover", Type: cty.String, Default: cty.StringVal(SwitchoverDrain),
			Values: []string{SwitchoverDrain, SwitchoverRestart},
			Choice: `It is "drain", which moves the role before a service restarts, or "restart", the vendor's own order.`,
			About:  "how MASTER's role moves: `\"drain\"` uses maintenance mode, so that the other node takes over while this one still serves; `\"restart\"` leaves it to the restart that the update makes",
		},
		{
			Name: "boost", Type: cty.Bool, Default: cty.False,
			About:  "raise BACKUP's VRRP priority for the moment of each planned switchover, and put it back. `zup init` and `zup init -from` write `true` where its check would pass; a plan without it says what clients wait that ask ARP anew",
			Limits: "not with `switchover = \"restart\"`",
		},
		{
			Name: "reboot", Type: cty.String, Default: cty.StringVal(RebootNever),
			Values: []string{RebootNever, RebootIfNeeded},
			Choice: `It is "if-needed", which reboots a node that waits for it while it is out of the way, or "never".`,
			About:  "`\"if-needed\"` reboots a node that waits for it, while it is out of its users' way: BACKUP after its update, the old MASTER while it is drained. `\"never\"` only says which node waits",
		},
		{
			Name: "probe_farms", Type: cty.Bool, Default: cty.True,
			About:  "without any probe block: watch every farm that is up on MASTER and answers from where zup runs",
			Limits: "no effect with a probe block",
		},
	},
}

func check(s product.Said) []product.Problem {
	var all []product.Problem
	own := Of(s.Own)
	if own.Boost && own.Switchover == SwitchoverRestart {
		all = append(all, product.Problem{
			Argument: "boost", Summary: `boost does nothing with switchover = "restart"`,
			Detail: `Boost raises BACKUP's priority for the moment of a switchover that maintenance mode makes. With "restart" no switchover is planned: the update's own restart moves the role. Remove boost, or use switchover = "drain".`,
		})
	}
	if s.MaxInterruption && !s.Probed && !own.ProbeFarms {
		all = append(all, product.Problem{
			Argument: "max_interruption", Warning: true, Summary: "max_interruption has no effect without a probe",
			Detail: "Nothing measures an interruption: add a probe block for each virtual IP that matters, or leave probe_farms out.",
		})
	}
	return all
}

// Arguments are those of one cluster, with their defaults where nothing is said.
type Arguments struct {
	Switchover string // SwitchoverDrain or SwitchoverRestart
	Reboot     string // RebootNever or RebootIfNeeded
	Boost      bool   // raise BACKUP's priority for the moment of a planned switchover; never with SwitchoverRestart
	ProbeFarms bool   // without probes: watch the farms that answer from here
}

// Of reads the arguments of a cluster.
func Of(own map[string]cty.Value) Arguments {
	value := func(name string) cty.Value { return family.Value(own, name) }
	return Arguments{
		Switchover: value("switchover").AsString(), Reboot: value("reboot").AsString(),
		Boost: value("boost").True(), ProbeFarms: value("probe_farms").True(),
	}
}

// Own is the other way round: what a configuration has of these arguments.
func (a Arguments) Own() map[string]cty.Value {
	own := map[string]cty.Value{"boost": cty.BoolVal(a.Boost), "probe_farms": cty.BoolVal(a.ProbeFarms)}
	for name, value := range map[string]string{"switchover": a.Switchover, "reboot": a.Reboot} {
		if value != "" {
			own[name] = cty.StringVal(value)
		}
	}
	return own
}

// WithoutReboot is the same with no reboot.
func WithoutReboot(own map[string]cty.Value) map[string]cty.Value {
	own = maps.Clone(own)
	if own == nil {
		own = map[string]cty.Value{}
	}
	own["reboot"] = cty.StringVal(RebootNever)
	return own
}
