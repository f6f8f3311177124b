package zevenet

import (
	"os"
	"strings"
	"testing"
)

// script returns a script of the first product of the family.
func script(name, peer string) string { return family[0].script(name, peer) }

// No script of one product names something of another one's; only the facts
// script, which has to tell them apart, knows their names.
func TestPersonalitiesAreApart(t *testing.T) {
	for _, p := range family {
		for name := range p.scripts() {
			text := p.script(name, "192.0.2.1")
			for _, other := range family {
				if other != p && strings.Contains(text, other.root+"/") {
					t.Errorf("%s: %s names %s", p.name, name, other.root)
				}
			}
		}
	}
}

// What a product's pair is updated with is its own, in every action.
func TestProvidersUseTheirOwnNames(t *testing.T) {
	for name, provider := range Providers() {
		p := provider.personality()
		if p.name != name || !strings.Contains(provider.FactsScript(), "root='/usr/local/"+name+"'\n") {
			t.Errorf("the provider %q is of %s", name, p.name)
		}
		for script, wants := range map[string][]string{
			"update":         {"updater='" + p.updater + "'"},
			"maintenance_on": {"module='" + p.module + "'", "bridge='" + p.root + "/bin/enterprise.bin'"},
			"sync":           {"manager='" + p.manager + "'"},
			"save":           {"saver='" + map[string]string{"zevenet": "/usr/local/zevenet/bin/zenbackup.pl", "skudonet": "/usr/local/skudonet/bin/zenbackup.pl", "relianoid": "/usr/local/relianoid/bin/noid-backup"}[name] + "'"},
			"replication_stop": {
				"replicators='" + strings.Join(p.replicators(), " ") + "'", "pidfiles='" + strings.Join(p.pidfiles(), " ") + "'",
			},
			"facts": {"package='" + p.pkg + "'", "licence='" + p.licence + "'", "upgrade='" + p.upgrade + "'"},
		} {
			for _, want := range wants {
				if !strings.Contains(p.script(script, "192.0.2.1"), "\n"+want+"\n") {
					t.Errorf("%s: %s does not set %s", name, script, want)
				}
			}
		}
	}
}

// The table of products in docs/procedure.md is that of the code; -update writes
// it, except for how well each value is known.
func TestProcedureListsTheProducts(t *testing.T) {
	data, err := os.ReadFile(procedure)
	if err != nil {
		t.Fatal(err)
	}
	const begin, end = "<!-- products: begin -->\n", "<!-- products: end -->"
	before, rest, ok := strings.Cut(string(data), begin)
	got, after, ok2 := strings.Cut(rest, end)
	if !ok || !ok2 {
		t.Fatal("the marks of the table are missing")
	}
	var table strings.Builder
	table.WriteString("| |")
	for _, p := range family {
		table.WriteString(" `" + p.name + "` |")
	}
	table.WriteString("\n|---|" + strings.Repeat("---|", len(family)) + "\n")
	for _, row := range []struct {
		name  string
		value func(*personality) string
	}{
		{"product", func(p *personality) string { return p.title }},
		{"from version", func(p *personality) string { return p.floor }},
		{"root", func(p *personality) string { return "`" + p.root + "`" }},
		{"package", func(p *personality) string { return "`" + p.pkg + "`" }},
		{"updater", func(p *personality) string { return "`" + p.short(p.updater) + "`" }},
		{"its `-i` is apt's", func(p *personality) string { return "`" + p.upgrade + "`" }},
		{"replicator", func(p *personality) string { return "`enterprise.bin " + p.replicator + "`" }},
		{"its PID file", func(p *personality) string { return "`" + p.pidfiles()[0] + "`" }},
		{"saver", func(p *personality) string { return "`" + p.short(p.saver) + "`" }},
		{clusterCommands, func(p *personality) string { return "`" + p.short(p.manager) + "`" }},
		{clusterFunctions, func(p *personality) string { return "`" + p.module + "`" }},
		{"licence", func(p *personality) string { return "`" + p.short(p.licence) + "`" }},
		{"service", func(p *personality) string { return "`" + p.service + "`" }},
		{"apt source", func(p *personality) string { return "`" + p.source + "`" }},
		{"API's header", func(p *personality) string { return "`" + p.header + "`" }},
	} {
		table.WriteString("| " + row.name + " |")
		for _, p := range family {
			mark := ""
			if p.assumes(row.name) {
				mark = " (?)"
			}
			table.WriteString(" " + row.value(p) + mark + " |")
		}
		table.WriteString("\n")
	}
	if *update {
		if err := os.WriteFile(procedure, []byte(before+begin+table.String()+end+after), 0o644); err != nil {
			t.Fatal(err)
		}
		return
	}
	if got != table.String() {
		t.Error("the table is not that of the products; write it with -update")
	}
}

// short is a path below the product's root.
func (p *personality) short(path string) string { return strings.TrimPrefix(path, p.root+"/") }
