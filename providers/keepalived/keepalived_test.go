package keepalived

import (
	"cmp"
	"maps"
	"slices"
	"strings"
	"testing"

	"zup/plan"
	"zup/plan/config"
	"zup/plan/state"
	"zup/providers/keepalived/arguments"
	"zup/providers/keepalived/keepalivedtest"
)

// usual is a healthy node; lb1 has priority 150 and is MASTER, lb2 has 100.
func usual(name string, change map[string]string) plan.ObservedNode {
	facts := keepalivedtest.Facts(name, name == "lb1", wanted)
	maps.Copy(facts, change)
	return plan.ObservedNode{Name: name, Facts: facts}
}

var instance = keepalivedtest.Instance

var wanted = map[string]string{"haproxy": "2.6.12-1+deb12u4"}

func shop() *config.Cluster {
	return &config.Cluster{
		Provider: Name, Name: "shop", Own: arguments.Arguments{Packages: wanted}.Own(),
		Nodes: []config.Node{{Name: "lb1", Address: "192.0.2.21"}, {Name: "lb2", Address: "192.0.2.22"}},
	}
}

type facts = map[string]string

// decide plans the pair with what differs from the usual.
func decide(t *testing.T, cfg *config.Cluster, lb1, lb2 facts) plan.Decision {
	t.Helper()
	return decideOn(t, plan.Situation{Config: cfg, Nodes: []plan.ObservedNode{usual("lb1", lb1), usual("lb2", lb2)}})
}

// decideOn decides, and holds what comes out to the rules of every plan.
func decideOn(t *testing.T, s plan.Situation) plan.Decision {
	t.Helper()
	if refusals := (Provider{}).Refuse(s.Config); len(refusals) > 0 {
		return plan.Decision{Refusals: refusals}
	}
	d := Provider{}.Decide(s)
	if len(d.Refusals) > 0 {
		if len(d.Actions) > 0 {
			t.Error("there are actions besides the refusals")
		}
		return d
	}
	c := d.Cluster
	c.Name, c.Provider, c.Way = s.Config.Name, Name, cmp.Or(c.Way, plan.Forward)
	for i := range c.Nodes {
		c.Nodes[i].Name = s.Config.Nodes[i].Name
	}
	product := Provider{}.Product()
	product.Name = Name
	p := plan.Plan{Actions: d.Actions, Clusters: []plan.Cluster{c}, Products: []plan.Product{product}}
	if err := p.Validate(); err != nil {
		t.Errorf("the plan breaks a rule: %v", err)
	}
	return d
}

// kinds are the actions, node and kind each, in order.
func kinds(d plan.Decision) string {
	var all []string
	for _, a := range d.Actions {
		all = append(all, strings.TrimPrefix(a.ID, "shop."))
	}
	return strings.Join(all, " ")
}

func ids(refusals []plan.Refusal) []string {
	var all []string
	for _, r := range refusals {
		id := r.Check
		if r.Node != "" {
			id = r.Node + "." + r.Check
		}
		all = append(all, id)
	}
	return all
}

const (
	stage1   = "preflight lb2.refresh lb1.refresh lb2.fetch lb1.fetch lb2.update lb2.ready gate "
	updateM  = "lb2.settle lb2.announce lb1.update lb1.ready "
	finished = "lb1.announce verify lb1.tidy lb2.tidy"
	updated  = "haproxy=2.6.12-1+deb12u4"
)

// done are the facts of a node that has the wanted packages.
func done(more facts) facts {
	all := facts{"packages": updated, "version": "2.6.12-1+deb12u4", "simulated": "none"}
	maps.Copy(all, more)
	return all
}

func TestOrderOfAnUpdate(t *testing.T) {
	t.Parallel()
	nopreempt := func(name, state string, priority int) facts {
		return facts{"instances": instance(name, state, priority, "preempt=no")}
	}
	tracked := facts{"track_files": "drain;path=/etc/keepalived/drain;status=0;instance=VI_1;weight=-60;"}
	drained := facts{"open": "priority", "left": "yes", "role": "backup", "vrrp": "BACKUP", "vips_here": "none", "priority": "99 99", "instances": instance("VI_1", "BACKUP", 99, "")}
	serving := facts{"role": "master", "vrrp": "MASTER", "vips_here": "all", "instances": instance("VI_1", "MASTER", 100, "")}
	for name, tt := range map[string]struct {
		lb1, lb2 facts
		master   string
		want     string
	}{
		"both are old":       {want: stage1 + "lb1.drain " + updateM + "lb1.put-back " + finished},
		"nothing to do":      {lb1: done(nil), lb2: done(nil)},
		"only BACKUP is old": {lb1: done(nil), want: "preflight lb2.refresh lb2.fetch lb2.update lb2.ready verify lb1.tidy lb2.tidy"},
		"only MASTER is old": {lb2: done(nil), want: "preflight lb1.refresh lb1.fetch gate lb1.drain " + updateM + "lb1.put-back " + finished},
		"a file is tracked":  {lb1: tracked, want: stage1 + "lb1.drain " + updateM + "lb1.put-back " + finished},
		"nopreempt": {
			lb1: nopreempt("VI_1", "MASTER", 150), lb2: nopreempt("VI_1", "BACKUP", 100),
			want: stage1 + "lb2.raise lb1.drain " + updateM + "lb1.start-again lb2.put-back lb1.raise lb2.drain lb1.settle lb1.announce lb2.start-again lb1.put-back verify lb1.tidy lb2.tidy",
		},
		"nopreempt, and the other one shall be MASTER": {
			lb1: nopreempt("VI_1", "MASTER", 150), lb2: nopreempt("VI_1", "BACKUP", 100), master: "lb2",
			want: stage1 + "lb2.raise lb1.drain " + updateM + "lb1.start-again lb2.put-back verify lb2.tidy lb1.tidy",
		},
		"cut off after the role had moved": {
			lb1: drained, lb2: done(serving),
			want: "preflight lb1.refresh lb1.fetch lb1.update lb1.ready lb1.put-back " + finished,
		},
		"cut off before it was given back": {lb1: done(drained), lb2: done(serving), want: "preflight lb1.ready lb1.put-back " + finished},
		"an old program still runs":        {lb1: done(nil), lb2: done(facts{"stale": "haproxy"}), want: "preflight lb2.refresh lb2.fetch lb2.update lb2.ready verify lb1.tidy lb2.tidy"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			cfg := shop()
			cfg.Master = tt.master
			d := decide(t, cfg, tt.lb1, tt.lb2)
			if got := kinds(d); len(d.Refusals) > 0 || got != tt.want {
				t.Errorf("%v\n got %s\nwant %s", d.Refusals, got, tt.want)
			}
		})
	}
}

func TestUnfitPairsAreRefused(t *testing.T) {
	t.Parallel()
	master := facts{"role": "master", "vrrp": "MASTER", "vips_here": "all", "instances": instance("VI_1", "MASTER", 100, "")}
	for name, tt := range map[string]struct {
		lb1, lb2 facts
		drain    string
		want     string
	}{
		"two MASTERs":                 {lb2: master, want: "roles"},
		"none":                        {lb1: facts{"role": "backup", "vrrp": "BACKUP", "vips_here": "none"}, want: "roles"},
		"instances split":             {lb1: facts{"role": "unclear", "vrrp": "mixed", "vips_here": "some: 192.0.2.10"}, lb2: facts{"role": "unclear", "vrrp": "mixed"}, want: "roles"},
		"MASTER without a virtual IP": {lb1: facts{"role": "unclear", "vips_here": "some: 192.0.2.10"}, want: "roles"},
		"BACKUP in FAULT":             {lb2: facts{"role": "fault", "vrrp": "FAULT"}, want: "roles"},
		"keepalived stopped":          {lb2: facts{"keepalived": "0", "role": "halted", "instances": "none"}, want: "lb2.keepalived"},
		"two keepalived":              {lb2: facts{"keepalived": "2"}, want: "lb2.keepalived"},
		"use_vmac":                    {lb2: facts{"instances": instance("VI_1", "BACKUP", 100, "vmac=yes")}, want: "lb2.instances"},
		"priority 255":                {lb1: facts{"instances": instance("VI_1", "MASTER", 255, "")}, want: "lb1.instances"},
		"no virtual IP":               {lb1: facts{"instances": instance("VI_1", "MASTER", 150, "vips=")}, want: "lb1.instances same-instances"},
		"other virtual IPs":           {lb2: facts{"instances": instance("VI_1", "BACKUP", 100, "vips=192.0.2.10")}, want: "same-instances"},
		"nopreempt without a way": {
			lb2: facts{"instances": instance("VI_1", "BACKUP", 100, "preempt=no"), "priority_lines": "0"}, want: "way",
		},
		"drain asks for a way that there is not": {drain: arguments.DrainTrack, want: "way"},
		"configuration refused by its program":   {lb2: facts{"valid": "haproxy: unknown keyword"}, want: "lb2.configuration"},
		"BACKUP does not listen":                 {lb2: facts{"listens": "tcp/192.0.2.10:80"}, want: "listens"},
		"removals":                               {lb1: facts{"removals": "openssh-server"}, want: "lb1.removals"},
		"apt finds no way":                       {lb1: facts{"simulated": "error E: Unable to correct problems"}, want: "lb1.removals"},
		"held":                                   {lb2: facts{"holds": "haproxy"}, want: "lb2.holds"},
		"dpkg half-way":                          {lb2: facts{"audit": "haproxy"}, want: "lb2.dpkg"},
		"not installed":                          {lb2: facts{"packages": "haproxy=none"}, want: "lb2.installed"},
		"another machine":                        {lb2: facts{"hostname": "lb3"}, want: "lb2.hostname"},
		"not root":                               {lb2: facts{"uid": "1000"}, want: "lb2.root"},
		"another system":                         {lb2: facts{"system": "rocky 9"}, want: "lb2.system"},
		"no systemd":                             {lb2: facts{"supervisor": "other"}, want: "lb2.system"},
		"apt at work":                            {lb2: facts{"lock": "/var/lib/dpkg/lock by 1 (apt)"}, want: "lb2.lock"},
		"a full disk":                            {lb2: facts{"disk": "/=1000"}, want: "lb2.disk"},
		"a service down":                         {lb2: facts{"dead": "haproxy"}, want: "lb2.services"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			cfg := shop()
			cfg.Own = arguments.Arguments{Packages: wanted, Drain: tt.drain}.Own()
			d := decide(t, cfg, tt.lb1, tt.lb2)
			if got := strings.Join(ids(d.Refusals), " "); got != tt.want {
				t.Errorf("refused by %q, want %q: %v", got, tt.want, d.Refusals)
			}
			for _, r := range d.Refusals {
				if r.Summary == "" || !r.Rule && r.Hint == "" {
					t.Errorf("%+v says too little", r)
				}
			}
		})
	}
}

// A fact that could not be found out never lets a change happen.
func TestUnknownFactsRefuse(t *testing.T) {
	t.Parallel()
	for _, fact := range []string{"uid", "hostname", "system", "keepalived", "instances", "role", "audit", "packages", "holds", "removals", "valid", "lock", "disk", "dead", "listens"} {
		for _, node := range []string{"lb1", "lb2"} {
			change := map[string]facts{node: {fact: unknown}}
			d := decide(t, shop(), change["lb1"], change["lb2"])
			if len(d.Refusals) == 0 {
				t.Errorf("%s of %s is unknown, and a plan is made: %s", fact, node, kinds(d))
			}
		}
	}
}

func TestWaysOfMoving(t *testing.T) {
	t.Parallel()
	file := func(weight, instance string) string {
		return "drain;path=/etc/keepalived/drain;status=0;instance=" + instance + ";weight=" + weight + ";"
	}
	for name, tt := range map[string]struct {
		lb1, lb2 facts
		drain    string
		want     way
	}{
		"priority":             {want: way{how: arguments.DrainPriority, value: 99}},
		"a heavy file":         {lb1: facts{"track_files": file("-60", "VI_1")}, want: way{arguments.DrainTrack, "/etc/keepalived/drain", 1}},
		"a light file":         {lb1: facts{"track_files": file("-20", "VI_1")}, want: way{arguments.DrainTrack, "/etc/keepalived/drain", 3}},
		"a feather":            {lb1: facts{"track_files": file("-1", "VI_1")}, want: way{arguments.DrainTrack, "/etc/keepalived/drain", 51}},
		"no weight":            {lb1: facts{"track_files": file("0", "VI_1")}, want: way{how: arguments.DrainPriority, value: 99}},
		"a file of another":    {lb1: facts{"track_files": file("-60", "VI_2")}, want: way{how: arguments.DrainPriority, value: 99}},
		"a file, not wanted":   {lb1: facts{"track_files": file("-60", "VI_1")}, drain: arguments.DrainPriority, want: way{how: arguments.DrainPriority, value: 99}},
		"priorities elsewhere": {lb1: facts{"priority_lines": "0"}, want: way{how: arguments.DrainRaise, value: 254}},
		"nopreempt":            {lb2: facts{"instances": instance("VI_1", "BACKUP", 100, "preempt=no")}, want: way{how: arguments.DrainRaise, value: 254}},
		"tracked weights count": {
			lb1:  facts{"instances": instance("VI_1", "MASTER", 150, "effective=155")},
			want: way{how: arguments.DrainPriority, value: 94},
		},
		"too low to be below": {lb2: facts{"instances": instance("VI_1", "BACKUP", 1, ""), "usual": "1 1"}, want: way{how: arguments.DrainRaise, value: 254}},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			cfg := shop()
			cfg.Own = arguments.Arguments{Packages: wanted, Drain: tt.drain}.Own()
			p := newPair(plan.Situation{Config: cfg, Nodes: []plan.ObservedNode{usual("lb1", tt.lb1), usual("lb2", tt.lb2)}})
			if got, why := p.wayTo(p.nodes[1]); got != tt.want || why != "" {
				t.Errorf("got %+v (%s), want %+v", got, why, tt.want)
			}
		})
	}
}

func TestWarningsNameWhatTheyAreAbout(t *testing.T) {
	t.Parallel()
	for name, tt := range map[string]struct {
		lb2  facts
		want string
	}{
		"drift":         {facts{"configs": "haproxy/haproxy.cfg=bbbbbbbbbbbb"}, "the nodes have different haproxy/haproxy.cfg in /etc"},
		"old lists":     {facts{"offers": "none"}, "lb2 has package lists without haproxy=2.6.12-1+deb12u4"},
		"no way back":   {facts{"returns": "none"}, "lb2 runs haproxy=1.0-1, which no repository has any more"},
		"more packages": {facts{"simulated": "^haproxy=1.0-1>2.6.12-1+deb12u4 +liblua=5.4"}, "the update of lb2 also brings liblua 5.4"},
		"a downgrade":   {facts{"simulated": "vhaproxy=2.6.12-1+deb12u5>2.6.12-1+deb12u4"}, "lb2 goes back to an older version: haproxy=2.6.12-1+deb12u5>2.6.12-1+deb12u4"},
	} {
		d := decide(t, shop(), nil, tt.lb2)
		if !slices.ContainsFunc(d.Cluster.Warnings, func(w string) bool { return strings.Contains(w, tt.want) }) {
			t.Errorf("%s: no warning has %q: %q, %v", name, tt.want, d.Cluster.Warnings, d.Refusals)
		}
	}
}

func TestWantedMasterMustNotContradictThePriorities(t *testing.T) {
	t.Parallel()
	cfg := shop()
	cfg.Master = "lb2"
	if d := decide(t, cfg, nil, nil); strings.Join(ids(d.Refusals), " ") != "master" {
		t.Errorf("lb1 takes the role by itself, lb2 is wanted: %v", d.Refusals)
	}
}

// To rest is what is open closed again, and nothing updated; not where the nodes differ.
func TestBackOutUndoesAndUpdatesNothing(t *testing.T) {
	t.Parallel()
	drained := facts{"open": "priority", "left": "yes", "role": "backup", "vrrp": "BACKUP", "vips_here": "none", "instances": instance("VI_1", "BACKUP", 99, "")}
	serving := facts{"role": "master", "vrrp": "MASTER", "vips_here": "all", "instances": instance("VI_1", "MASTER", 100, "")}
	differ := decideOn(t, plan.Situation{Config: shop(), Way: plan.Rest, Nodes: []plan.ObservedNode{usual("lb1", drained), usual("lb2", done(serving))}})
	if got := ids(differ.Refusals); !slices.Equal(got, []string{"back-out"}) {
		t.Errorf("one node is updated: refused by %q", got)
	}
	d := decideOn(t, plan.Situation{
		Config: shop(), Way: plan.Rest, Nodes: []plan.ObservedNode{usual("lb1", drained), usual("lb2", serving)},
		Recorded: state.Cluster{Open: []state.Change{{Name: "lb1/priority"}}},
	})
	if got, want := kinds(d), "preflight lb1.ready lb1.put-back "+finished; got != want || d.Cluster.Way != plan.Rest {
		t.Errorf("way %q, %v\n got %s\nwant %s", d.Cluster.Way, d.Refusals, got, want)
	}
}

func TestConfigurationsThatAreNotCarriedOut(t *testing.T) {
	t.Parallel()
	for name, change := range map[string]func(*config.Cluster){
		"package":  func(c *config.Cluster) { c.Package = &config.Package{} },
		"snapshot": func(c *config.Cluster) { c.Snapshot = &config.Snapshot{} },
	} {
		cfg := shop()
		change(cfg)
		if got := ids(Provider{}.Refuse(cfg)); !slices.Contains(got, name) {
			t.Errorf("%s: refused by %v", name, got)
		}
	}
}

// Every fact that a plan is made from, waits for or tells is one that the script knows.
func TestFactsAreThoseOfTheScript(t *testing.T) {
	t.Parallel()
	text := Provider{}.FactsScript()
	names := Provider{}.ObservedFacts()
	for _, w := range words {
		names = append(names, w.Fact)
	}
	d := decide(t, shop(), nil, nil)
	for i := range d.Actions {
		a := &d.Actions[i]
		for _, c := range slices.Concat(a.Check, a.Requires, a.Until, a.UndoCheck) {
			names = append(names, c.Fact)
		}
	}
	for _, name := range names {
		if !strings.Contains(text, "\nfact_"+name+"() {") {
			t.Errorf("the script has no fact %q", name)
		}
	}
}
