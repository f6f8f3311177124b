package zevenet

import (
	"bytes"
	"net/netip"
	"os/exec"
	"slices"
	"strings"
	"testing"
	"unicode"
	"unicode/utf8"

	"zup/plan"
	"zup/plan/config"
	"zup/plan/show"
	"zup/plan/state"
	"zup/providers/zevenet/arguments"
	"zup/providers/zevenet/zevenettest"
)

// hostile are texts that a node or a file may say to have something run or shown.
var hostile = []string{
	"$(touch /tmp/zup-was-here)", "`touch /tmp/zup-was-here`", "'; touch /tmp/zup-was-here; '", "\"; reboot; \"", "a\nreboot\n", "\\", "\\'", "'", "''",
	"${IFS}", "&& reboot", "| sh", "> /etc/passwd", "-rf", "--", "!!", "~root", "*", "#", "\x1b[2J\x1b]0;owned\x07", "\u202egnp.exe", "\xff\xfe", "\x00", "",
	"192.168.100.25; reboot", "a1=192.168.100.24 b2=192.168.100.25\npeer=x", "a1=$(id) b2=`id`", "a1=192.168.100.24 b2=192.168.100.25' reboot '",
	"6.1.20$(id)", "6.1.20'", "6.1.20 -o APT::Foo=bar", "../../etc/passwd", strings.Repeat("9", 400), strings.Repeat("a1=1.2.3.4 ", 300),
}

// FuzzQuote: a real shell makes exactly the word of it that went in.
func FuzzQuote(f *testing.F) {
	for _, s := range hostile {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, s string) {
		want := strings.ReplaceAll(s, "\x00", "") // no shell word can hold one, and no fact does
		sh := exec.Command("sh")
		sh.Stdin = strings.NewReader("word=" + quote(want) + "\nprintf '%s.' \"$word\" " + quote(want))
		out, err := sh.Output()
		if err != nil || string(out) != want+"."+want+"." {
			t.Fatalf("the shell made %q of %q (%v)", out, want, err)
		}
	})
}

// FuzzHostileFacts: whatever a node prints for any of its facts, in any condition of
// a pair, ends in a plan that is valid or in a refusal. No script of the plan has a
// byte from it but an IP address, no command here anything but names of snapshots,
// and no terminal gets more than printable text.
func FuzzHostileFacts(f *testing.F) {
	names := factNames()
	for i := range names {
		f.Add(uint16(i), uint16(i*7), hostile[i%len(hostile)])
	}
	for i, s := range hostile {
		f.Add(uint16(slices.Index(names, "nodes")), uint16(i), s)
		f.Add(uint16(slices.Index(names, "version")), uint16(i), s)
	}
	scripts := knownScripts()
	f.Fuzz(func(t *testing.T, which, where uint16, value string) {
		name := names[int(which)%len(names)]
		m, cfg, recorded := conditionOf(t, int(where))
		printed := zevenettestPrint(m, "b2", name, value)
		facts, err := plan.ParseFacts(printed, names)
		if err != nil {
			return // refused before anybody looks at it
		}
		in := plan.Input{
			Config: &config.Config{Clusters: []*config.Cluster{cfg}}, Version: "test",
			Images:    map[string]*plan.Image{cfg.Name: imageOf(cfg)},
			Observed:  plan.Observed{cfg.Name: {{Name: "a1", Facts: m.FactsOf("a1")}, {Name: "b2", Facts: facts}}},
			Providers: map[string]plan.Provider{"zevenet": Provider{}},
			Recorded:  &state.State{Lineage: "l", Clusters: map[string]*state.Cluster{cfg.Name: &recorded}},
			Way:       []plan.Way{plan.Forward, plan.Back, plan.Rest}[where%3],
		}
		p, err := plan.Build(in)
		var shown bytes.Buffer
		if refused, ok := err.(*plan.RefusedError); ok {
			err = show.Refused(&shown, refused, show.Options{})
		} else if err == nil {
			onlyKnownScripts(t, p, scripts)
			err = show.Plan(&shown, p, show.Options{Verbose: true})
		}
		if err != nil {
			t.Fatalf("%s=%q: %v", name, value, err)
		}
		if bad := strings.IndexFunc(shown.String(), func(r rune) bool { return r != '\n' && r != '\t' && !unicode.IsPrint(r) }); bad >= 0 || !utf8.ValidString(shown.String()) {
			t.Fatalf("%s=%q reaches the terminal:\n%q", name, value, shown.String()[max(0, bad):])
		}
	})
}

// factNames are the facts that the script is asked for.
func factNames() []string {
	var names []string
	for name := range zevenettest.New("a1", "b2", "a1", "disabled").FactsOf("a1") {
		names = append(names, name)
	}
	slices.Sort(names)
	return names
}

// zevenettestPrint is what the facts script prints on a node that lies about one.
func zevenettestPrint(m model, node, name, value string) []byte {
	facts := m.FactsOf(node)
	facts[name] = value
	var b bytes.Buffer
	for _, n := range factNames() {
		b.WriteString(n + "=" + facts[n] + "\n")
	}
	b.WriteString("end\n")
	return b.Bytes()
}

// conditionOf is a pair that an update was cut off in, at some action.
func conditionOf(t *testing.T, at int) (model, *config.Cluster, state.Cluster) {
	m := model{zevenettest.New("a1", "b2", "a1", []string{"disabled", "a1", "b2"}[at%3])}
	cfg := &config.Cluster{
		Provider: "zevenet", Name: "edge", Version: zevenettest.NewVersion, Own: arguments.Arguments{Switchover: "drain", Boost: at%2 == 0}.Own(),
		Nodes: []config.Node{{Name: "a1", Address: "192.0.2.101"}, {Name: "b2", Address: "192.0.2.102"}},
		Snapshot: &config.Snapshot{
			Create: config.Argv{"create", "{node}", "{name}"}, Restore: config.Argv{"restore", "{node}", "{name}"}, List: config.Argv{"list", "{node}"},
		},
	}
	if at%4 == 3 {
		cfg.Package = &config.Package{Offline: zevenettest.ImageName}
	}
	recorded := state.Cluster{Run: "r1", Outcome: state.OutcomeRunning}
	d := Provider{}.Decide(m.situation(cfg, state.Cluster{}))
	recorded.Master = d.Cluster.Master
	if err := m.carryOut(d.Actions, &recorded, "r1", at%len(d.Actions), 2); err != nil {
		t.Fatal(err)
	}
	return m, cfg, recorded
}

// knownScripts are the scripts of the product, which nothing from a node changes.
func knownScripts() map[string]bool {
	known := map[string]bool{}
	for _, text := range (Provider{}).personality().complete() {
		known[text] = true
	}
	return known
}

// onlyKnownScripts holds every script of the plan against the product's own, and what
// stands before one against what may.
func onlyKnownScripts(t *testing.T, p *plan.Plan, known map[string]bool) {
	t.Helper()
	for i := range p.Actions {
		a := &p.Actions[i]
		texts := []string{a.Script, a.Undo}
		for _, s := range a.Back {
			texts = append(texts, s.Script)
		}
		for _, text := range texts {
			if left := strangeIn(text, known); left != "" {
				t.Fatalf("%s has a script that is not the product's, from\n%s\non:\n%s", a.ID, left, text)
			}
		}
		for _, words := range append([][]string{a.Argv}, proofs(a)...) {
			for _, w := range words {
				if w == "" || strings.ContainsFunc(w, func(r rune) bool {
					return r > 'z' || !strings.ContainsRune("-._", r) && !unicode.IsLetter(r) && !unicode.IsDigit(r)
				}) {
					t.Fatalf("%s runs %q here", a.ID, words)
				}
			}
		}
	}
}

func proofs(a *plan.Action) [][]string {
	var all [][]string
	for _, p := range a.Proof {
		all = append(all, p.Argv)
	}
	return all
}

// strangeIn returns what a script has from where on it is not a sequence of the product's
// own, each behind lines that set what may be set; "": all of it is.
func strangeIn(text string, known map[string]bool) string {
	for text != "" {
		line, after, _ := strings.Cut(text, "\n")
		name, value, _ := strings.Cut(line, "=")
		if strings.HasPrefix(value, "'") && mayBeIn(name, strings.Trim(value, "'")) || line == "sum='"+zevenettest.ImageSHA256+"' size=2" {
			text = after
			continue
		}
		longest := ""
		for script := range known {
			if len(script) > len(longest) && strings.HasPrefix(text, script) {
				longest = script
			}
		}
		if longest == "" {
			return text
		}
		text = text[len(longest):]
	}
	return ""
}

func mayBeIn(name, value string) bool {
	switch name {
	case "image":
		return value == "" || value == "/usr/local/zevenet/updates/"+zevenettest.ImageName
	case "version":
		return value == zevenettest.NewVersion
	case "at":
		return value == ""
	case "peer":
		_, err := netip.ParseAddr(value)
		return err == nil && !strings.ContainsAny(value, "%'\"$`\\ \n")
	}
	return false
}
