package main

import (
	"os/exec"
	"slices"
	"strings"
	"testing"
)

// importOrder says who may import whom inside this module, from the leaves up.
// A line names a package and, after the "<", every package of ours that it may
// import, directly; test files may import more. Whoever adds an import adds it
// here, where it can be seen that the arrows still go one way: config and
// observed state go into plan, a plan goes into apply, and only cmd/zup knows
// them all.
const importOrder = `
	plan/escape
	plan/approval       < plan/escape
	plan/window
	plan/schema
	plan/shell          < plan/escape
	plan/disk           < plan/shell
	plan/checkout
	plan/name
	plan/product
	plan/config         < plan/escape plan/approval plan/window plan/disk plan/name plan/product
	plan/state          < plan/escape plan/disk plan/name plan/shell
	plan/probe
	plan/reach
	plan                < plan/config plan/product plan/state plan/reach plan/escape plan/approval plan/window plan/name
	plan/stream         < plan plan/config plan/escape plan/shell
	plan/observe        < plan plan/config plan/reach plan/escape
	plan/apply          < plan plan/config plan/state plan/stream plan/probe plan/escape plan/approval plan/window plan/disk plan/name
	plan/picture        < plan/escape
	plan/document       < plan/picture plan/escape
	plan/show           < plan plan/apply plan/state plan/document plan/escape plan/approval plan/window
	plan/review         < plan plan/config plan/stream plan/apply plan/state plan/picture plan/document plan/show plan/escape plan/approval plan/shell
	providers/ssh/sshconfig < plan/disk
	providers/ssh       < plan/escape plan/disk plan/shell providers/ssh/sshconfig
	providers/ssh/sshtest
	providers/reader    < providers/ssh
	providers/libwrap
	providers/pair      < plan
	providers/vrrp
	providers/debian
	providers/zevenet/zevenettest < providers/ssh/sshtest providers/libwrap
	providers/zevenet/arguments < plan/product
	providers/zevenet   < plan plan/config plan/product plan/state plan/escape plan/name providers/libwrap providers/zevenet/arguments plan/shell providers/pair providers/vrrp providers/debian
	providers/keepalived/keepalivedtest
	providers/keepalived/arguments < plan/product plan/name
	providers/keepalived < plan plan/config plan/product plan/state providers/keepalived/arguments plan/shell providers/pair providers/vrrp providers/debian
	providers           < plan plan/observe plan/apply providers/keepalived providers/zevenet providers/zevenet/arguments
	cmd/zup             < plan plan/approval plan/checkout plan/config plan/state plan/probe plan/stream plan/observe plan/apply plan/document plan/show plan/review plan/reach plan/escape plan/shell plan/disk plan/name providers providers/reader providers/ssh
	examples/ci
	examples/lab        < examples/lab/world plan/escape
	examples/lab/world
	examples/lab/enterprise
`

func TestImportsGoOneWay(t *testing.T) {
	allowed := map[string][]string{}
	var order []string
	for line := range strings.Lines(strings.TrimSpace(importOrder)) {
		pkg, imports, _ := strings.Cut(strings.TrimSpace(line), "<")
		pkg = strings.TrimSpace(pkg)
		for _, imp := range strings.Fields(imports) {
			if !slices.Contains(order, imp) && imp != "examples/lab/world" {
				t.Errorf("importOrder: %s may import %s, which stands below it", pkg, imp)
			}
		}
		order = append(order, pkg)
		allowed[pkg] = strings.Fields(imports)
	}

	out, err := exec.Command("go", "list", "-f", `{{.ImportPath}} {{join .Imports " "}}`, "zup/...").Output()
	if err != nil {
		t.Fatalf("go list: %v", err)
	}
	seen := 0
	for line := range strings.Lines(string(out)) {
		fields := strings.Fields(line)
		pkg := strings.TrimPrefix(fields[0], "zup/")
		if _, ok := allowed[pkg]; !ok {
			t.Errorf("package %s is not in importOrder: add it where it belongs", pkg)
			continue
		}
		seen++
		for _, imp := range fields[1:] {
			imp, ours := strings.CutPrefix(imp, "zup/")
			if ours && !slices.Contains(allowed[pkg], imp) {
				t.Errorf("%s imports %s, which importOrder does not allow", pkg, imp)
			}
		}
	}
	if seen == 0 {
		t.Error("go list named no package of this module")
	}
}
