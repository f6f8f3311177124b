package config

import (
	"bytes"
	"fmt"
	"net/netip"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/hashicorp/hcl/v2"
	"github.com/hashicorp/hcl/v2/hclsyntax"
	"github.com/zclconf/go-cty/cty"
	"github.com/zclconf/go-cty/cty/convert"

	keepalived "zup/providers/keepalived/arguments"
)

// languagePage is the reference of the language. What it says is tested here:
//
//	```hcl                   a complete configuration, which is loaded
//	```hcl name=NAME         the same, for a test that wants it by name
//	```hcl fragment=top      blocks of the top level, loaded with a cluster
//	```hcl fragment=cluster  a part of a cluster block, loaded with the rest
//	```hcl mistake           a configuration, and behind it …
//	```text                  … what is printed about it
//	```json                  the configuration right before it, in JSON
//	# → VALUE                behind a local value: what it comes to
//	<!-- arguments: … -->    above a table of what blocks may hold
//	<!-- precedence -->      above the table of where a value is said
const languagePage = "../../docs/language.md"

// docOptions are those of a zup that has been released.
var docOptions = Options{Version: "0.1.0", Plan: docPlan, Products: append(slices.Clone(family), keepalived.Declared())}

// docPlan is what the rules on the page look at; whether a plan has that is tested
// where plans are known.
var docPlan = cty.Object(map[string]cty.Type{"clusters": cty.List(cty.Object(map[string]cty.Type{
	"interruption": cty.Object(map[string]cty.Type{"outages": cty.Number, "per_switchover_ms_max": cty.Number}),
}))})

// fence is a block of code on the page.
type fence struct {
	line       int // of its first line of text
	lang, info string
	text       string
}

func (f fence) at() string { return fmt.Sprintf("%s:%d", filepath.Base(languagePage), f.line) }

func readPage(t *testing.T) string {
	t.Helper()
	text, err := os.ReadFile(languagePage)
	if err != nil {
		t.Fatal(err)
	}
	return string(text)
}

// fences returns the page's blocks of code in their order.
func fences(t *testing.T) []fence {
	t.Helper()
	var all []fence
	var open *fence
	number := 0
	for line := range strings.Lines(readPage(t)) {
		number++
		opening, fenced := strings.CutPrefix(strings.TrimSpace(line), "```")
		switch {
		case fenced && open == nil:
			lang, info, _ := strings.Cut(opening, " ")
			open = &fence{line: number + 1, lang: lang, info: info}
		case fenced:
			all = append(all, *open)
			open = nil
		case open != nil:
			open.text += line
		}
	}
	if open != nil {
		t.Fatalf("%s: the block is not closed", open.at())
	}
	return all
}

func TestLanguageExamples(t *testing.T) {
	t.Parallel()
	seen := map[string]int{}
	var before fence
	for _, f := range fences(t) {
		seen[strings.TrimSpace(f.lang+" "+f.info)]++
		if before.info == "mistake" && f.lang != "text" {
			t.Errorf("%s: behind a mistake comes what is printed about it", f.at())
		}
		switch {
		case f.lang == "hcl" && f.info == "mistake":
		case f.lang == "hcl":
			checkExample(t, f)
		case f.lang == "text" && before.info == "mistake":
			checkMistake(t, before, f)
		case f.lang == "json" && before.lang == "hcl" && before.info == "":
			checkSame(t, before, f)
		default:
			t.Errorf("%s: a block of %q without anything before it that it belongs to", f.at(), f.lang)
		}
		before = f
	}
	if before.info == "mistake" {
		t.Errorf("%s: what is printed about the mistake is missing", before.at())
	}
	for _, kind := range []string{"hcl", "hcl fragment=top", "hcl fragment=cluster", "hcl mistake", "text", "json"} {
		if seen[kind] == 0 {
			t.Errorf("there is no block %q", kind)
		}
	}
}

// checkExample loads a block, which must be right and laid out by zup fmt.
func checkExample(t *testing.T, f fence) {
	dir := t.TempDir()
	write(t, dir, "edge.zup.hcl", whole(t, f))
	if err := os.CopyFS(dir, os.DirFS("testdata/approval")); err != nil {
		t.Fatal(err)
	}
	l := newLoader(docOptions)
	l.load(dir)
	if diags := l.finish(); len(diags.All) > 0 {
		t.Errorf("%s:\n%s", f.at(), printed(t, diags))
		return
	}
	formatted, _ := Format([]byte(f.text), "edge.zup.hcl")
	if diff := cmp.Diff(f.text, string(formatted)); diff != "" {
		t.Errorf("%s: zup fmt would change it:\n%s", f.at(), diff)
	}
	checkResults(t, l, f)
}

var resultComment = regexp.MustCompile(`(?m)^ *([a-z0-9_]+) *=.*# → (.*)$`)

// checkResults compares local values with the comments behind them.
func checkResults(t *testing.T, l *loader, f fence) {
	matches := resultComment.FindAllStringSubmatch(f.text, -1)
	if n := strings.Count(f.text, "→"); n != len(matches) {
		t.Errorf("%s: %d arrows, of which %d stand behind a local value", f.at(), n, len(matches))
	}
	for _, m := range matches {
		got := l.locals[m[1]].value
		want, diags := evaluate(t, m[2])
		if diags.HasErrors() {
			t.Errorf("%s: %s: %v", f.at(), m[2], diags)
			continue
		}
		if want, err := convert.Convert(want, got.Type()); err != nil || !got.RawEquals(want) {
			t.Errorf("%s: %s is %#v, not %s", f.at(), m[1], got, m[2])
		}
	}
}

func checkMistake(t *testing.T, mistake, shown fence) {
	cfg, diags := loadText(t, "edge.zup.hcl", mistake.text)
	if cfg != nil {
		t.Errorf("%s: there is no mistake in it", mistake.at())
	}
	var b bytes.Buffer
	if err := diags.WriteText(&b, false, 80); err != nil {
		t.Fatal(err)
	}
	if want := strings.TrimRight(b.String(), "\n") + "\n"; shown.text != want {
		t.Errorf("%s: what is printed now:\n%s\nwhat the page shows:\n%s", shown.at(), want, shown.text)
	}
}

func checkSame(t *testing.T, native, inJSON fence) {
	want, _ := loadText(t, "edge.zup.hcl", native.text)
	got, diags := loadText(t, "edge.zup.json", inJSON.text)
	if want == nil || len(diags.All) > 0 {
		t.Errorf("%s:\n%s", inJSON.at(), printed(t, diags))
		return
	}
	if diff := cmp.Diff(want.Clusters, got.Clusters, noPlaces); diff != "" {
		t.Errorf("%s differs from the native syntax (-native +json):\n%s", inJSON.at(), diff)
	}
}

func loadText(t *testing.T, name, text string) (*Config, *Diagnostics) {
	t.Helper()
	dir := t.TempDir()
	write(t, dir, name, text)
	return Load(dir, docOptions)
}

// whole makes a configuration of a fragment by adding what a cluster needs.
func whole(t *testing.T, f fence) string {
	switch f.info {
	case "fragment=top":
		return f.text + inCluster(t, f, "")
	case "fragment=cluster":
		return inCluster(t, f, f.text)
	case "":
		return f.text
	}
	if !strings.HasPrefix(f.info, "name=") {
		t.Errorf("%s: there are no blocks of hcl %q", f.at(), f.info)
	}
	return f.text
}

func inCluster(t *testing.T, f fence, text string) string {
	parsed, diags := hclsyntax.ParseConfig([]byte(text), f.at(), hcl.InitialPos)
	if diags.HasErrors() {
		t.Fatalf("%s: %v", f.at(), diags)
	}
	body := parsed.Body.(*hclsyntax.Body)
	if body.Attributes["version"] == nil {
		text += "version = \"6.1.20\"\n"
	}
	if !slices.ContainsFunc(body.Blocks, func(b *hclsyntax.Block) bool { return b.Type == "node" }) {
		text += "node \"zva5n1\" { address = \"192.0.2.11\" }\nnode \"zva5n2\" { address = \"192.0.2.12\" }\n"
	}
	return "\ncluster \"zevenet\" \"edge\" {\n" + text + "}\n"
}

// row is a line of a table, cell by cell.
type row []string

// name is the word in code with which a row begins.
func (r row) name() string { return strings.Trim(r[0], "`") }

var codeSpan = regexp.MustCompile("`([^`]+)`")

// code returns what stands in backticks.
func code(cell string) []string {
	var out []string
	for _, m := range codeSpan.FindAllStringSubmatch(cell, -1) {
		out = append(out, m[1])
	}
	return out
}

// tables returns the tables that have a comment right above them, by its text.
// Header and ruler are left out.
func tables(t *testing.T) map[string][]row {
	t.Helper()
	out := map[string][]row{}
	title := ""
	for line := range strings.Lines(readPage(t)) {
		line = strings.TrimSpace(line)
		if comment, ok := strings.CutPrefix(line, "<!-- "); ok {
			title = strings.TrimSuffix(comment, " -->")
			continue
		}
		if !strings.HasPrefix(line, "|") {
			title = ""
		}
		if title != "" {
			out[title] = append(out[title], cells(line))
		}
	}
	for title, rows := range out {
		for _, r := range rows {
			if len(r) != len(rows[0]) {
				t.Errorf("table %q: %d cells in %v", title, len(r), r)
			}
		}
		out[title] = rows[2:]
	}
	return out
}

func cells(line string) row {
	line = strings.ReplaceAll(strings.Trim(line, "|"), `\|`, "\x00")
	var out row
	for cell := range strings.SplitSeq(line, "|") {
		out = append(out, strings.ReplaceAll(strings.TrimSpace(cell), "\x00", "|"))
	}
	return out
}

// argumentTables returns the tables of arguments by where these hold, as the
// comment says it: "in an ssh block, in the ssh block of a node".
func argumentTables(t *testing.T) map[string][]row {
	t.Helper()
	out := map[string][]row{}
	for title, rows := range tables(t) {
		if places, ok := strings.CutPrefix(title, "arguments: "); ok {
			out[places] = rows
		}
	}
	return out
}

// The tables have every name that the language knows, and no other.
func TestLanguageArguments(t *testing.T) {
	t.Parallel()
	left := map[string]*layout{}
	for _, in := range layouts {
		left[in.where] = in
	}
	for places, rows := range argumentTables(t) {
		var known, documented []string
		for place := range strings.SplitSeq(places, ", ") {
			if left[place] == nil {
				t.Errorf("table of the arguments %s: nothing is known %s, or another table has it", places, place)
				continue
			}
			args, blocks := left[place].names()
			known = append(append(known, args...), blocks...)
			delete(left, place)
		}
		for _, r := range rows {
			documented = append(documented, r.name())
		}
		slices.Sort(known)
		slices.Sort(documented)
		if diff := cmp.Diff(slices.Compact(known), documented); diff != "" {
			t.Errorf("table of the arguments %s (-language +page):\n%s", places, diff)
		}
	}
	for place := range left {
		t.Errorf("there is no table of the arguments %s", place)
	}
}

// Whoever adds a block with a layout that is not in the list would escape the
// test above.
func TestEveryBlockHasALayout(t *testing.T) {
	t.Parallel()
	for _, in := range layouts {
		for _, b := range in.schema.Blocks {
			found := slices.ContainsFunc(layouts, func(l *layout) bool {
				return strings.HasSuffix(l.where, " "+b.Type+" block")
			})
			if !found && b.Type != "locals" {
				t.Errorf("layouts has nothing for the block %s %s", b.Type, in.where)
			}
		}
	}
}

// Each argument stands in an example too.
func TestLanguageExamplesAreComplete(t *testing.T) {
	t.Parallel()
	var text strings.Builder
	for _, f := range fences(t) {
		if f.lang == "hcl" {
			text.WriteString(f.text)
		}
	}
	for _, in := range layoutsWith(family) {
		args, blocks := in.names()
		for _, name := range slices.Concat(args, blocks) {
			if !regexp.MustCompile(`(?m)(^ *|{ )` + name + ` *[={"]`).MatchString(text.String()) {
				t.Errorf("no example has %q, as it stands %s", name, in.where)
			}
		}
	}
}

// Defaults and bounds in the tables are those of the program.
func TestLanguageValues(t *testing.T) {
	t.Parallel()
	tables := argumentTables(t)
	for _, tt := range []struct{ where, name, fallback string }{
		{"in a rule block", "level", strconv.Quote(LevelDeny)},
		{"in a probe block", "interval", strconv.Quote(DefaultInterval.String())},
		{"in a probe block", "timeout", strconv.Quote(DefaultTimeout.String())},
	} {
		if got := find(t, tables[tt.where], tt.name)[2]; got != "`"+tt.fallback+"`" {
			t.Errorf("the default of %q is %s, not %s", tt.name, tt.fallback, got)
		}
	}
	checkBounds(t, find(t, tables["in a probe block"], "interval"), "probe \"web\" {\ntcp = \"192.0.2.10:80\"\ninterval = %s\n}\n")
	checkBounds(t, find(t, tables["in a probe block"], "timeout"), "probe \"web\" {\ntcp = \"192.0.2.10:80\"\ntimeout = %s\n}\n")
	checkBounds(t, find(t, tables["in an ssh block, in the ssh block of a node"], "port"), "ssh {\nport = %s\n}\n")

	page := readPage(t)
	longest := 0
	for isName(strings.Repeat("a", longest+1)) {
		longest++
	}
	for _, limit := range []string{
		fmt.Sprintf("| %d MB |", maxFile>>20),
		fmt.Sprintf("| %d levels |", maxNesting),
		fmt.Sprintf("| %d,%03d operators |", maxChain/1000, maxChain%1000),
		fmt.Sprintf("| %d million steps, about two seconds;", maxWork/1_000_000),
		fmt.Sprintf("| %.0f s of processor time; on a machine that does other things, %.0f s |", MaxTime.Seconds(), 6*MaxTime.Seconds()),
		fmt.Sprintf("| %d MB together |", MaxMemory>>20),
		fmt.Sprintf("| %d,000 words and signs |", maxWords/1000),
		fmt.Sprintf("| %d levels |", maxDepth),
		fmt.Sprintf("| %d digits before the point", maxDigits),
		fmt.Sprintf("| local values that refer to each other in a row | %d,000 |", maxReferences/1000),
		fmt.Sprintf("| a regular expression | %d,000 bytes |", maxPattern/1000),
		fmt.Sprintf("| a path or a pattern of paths | %d bytes |", maxPath),
		fmt.Sprintf("| hosts on the way to a node | %d |", maxHops),
		fmt.Sprintf("| mistakes that are shown | %d,000 |", maxMistakes/1000),
		fmt.Sprintf("goes through %.1f million words", maxFormatted/1e6),
		fmt.Sprintf("| %d characters, beginning ", longest),
	} {
		if !strings.Contains(page, limit) {
			t.Errorf("the limits do not have %q", limit)
		}
	}
}

func find(t *testing.T, rows []row, name string) row {
	t.Helper()
	i := slices.IndexFunc(rows, func(r row) bool { return r.name() == name })
	if i < 0 {
		t.Fatalf("%q is not documented", name)
	}
	return rows[i]
}

// checkBounds loads a part of a cluster with the bounds that a row gives in its
// last cell, which are accepted, and with what is next to them, which is not.
func checkBounds(t *testing.T, r row, part string) {
	t.Helper()
	bounds := code(r[4])
	if len(bounds) != 2 {
		t.Errorf("%q: the limits should be a least and a most: %s", r.name(), r[4])
		return
	}
	accepted := func(value string) bool {
		_, diags := loadText(t, "edge.zup.hcl", inCluster(t, fence{}, fmt.Sprintf(part, value)))
		return !diags.HasErrors()
	}
	for i, bound := range bounds {
		beyond := neighbour(t, bound, 2*i-1)
		if !accepted(bound) || accepted(beyond) {
			t.Errorf("%q: %s is accepted: %v, %s is accepted: %v", r.name(), bound, accepted(bound), beyond, accepted(beyond))
		}
	}
}

// neighbour returns the value one step before or behind a number or duration.
func neighbour(t *testing.T, value string, step int) string {
	t.Helper()
	if n, err := strconv.Atoi(value); err == nil {
		return strconv.Itoa(n + step)
	}
	d, err := time.ParseDuration(strings.Trim(value, `"`))
	if err != nil {
		t.Fatal(err)
	}
	return strconv.Quote((d + time.Duration(step)).String())
}

// Every row of the table adds a place where the variable gets a value, and that
// value wins.
func TestLanguagePrecedence(t *testing.T) {
	t.Parallel()
	rows := tables(t)["precedence"]
	all := fences(t)
	i := slices.IndexFunc(all, func(f fence) bool { return f.info == "name=precedence" })
	if i < 0 || len(rows) < 2 {
		t.Fatal("the page has no example or no table of the precedence")
	}
	dir, outside := t.TempDir(), t.TempDir()
	write(t, dir, "main.zup.hcl", all[i].text)
	opts := docOptions
	for _, r := range rows {
		said, where := code(r[0])[0], code(r[1])
		switch {
		case strings.HasPrefix(said, envPrefix):
			opts.Env = append(opts.Env, said)
		case strings.HasPrefix(said, "-var-file="):
			name := strings.TrimPrefix(said, "-var-file=")
			write(t, outside, name, where[0]+"\n")
			opts.Vars = append(opts.Vars, VarArg{File: filepath.Join(outside, name)})
		case strings.HasPrefix(said, "-var "):
			name, value, _ := strings.Cut(strings.TrimPrefix(said, "-var "), "=")
			opts.Vars = append(opts.Vars, VarArg{Name: name, Value: value})
		case len(where) > 0:
			write(t, dir, where[0], said+"\n")
		case !strings.Contains(all[i].text, said):
			t.Errorf("the example does not say %s", said)
		}
		cfg, diags := Load(dir, opts)
		if len(diags.All) > 0 {
			t.Fatalf("%v:\n%s", r, printed(t, diags))
		}
		if got := cfg.Clusters[0].Version; got != code(r[2])[0] {
			t.Errorf("with %s the version is %s, not %s", said, got, r[2])
		}
	}
}

const (
	functionsBegin = "<!-- functions: written by go test ./plan/config -run TestLanguageFunctions -update -->\n"
	functionsEnd   = "<!-- end of functions -->\n"
)

// The tables of functions are written from the functions themselves.
func TestLanguageFunctions(t *testing.T) {
	page := readPage(t)
	head, rest, begun := strings.Cut(page, functionsBegin)
	got, tail, ended := strings.Cut(rest, functionsEnd)
	if !begun || !ended {
		t.Fatalf("the page has no two comments around its functions:\n%s%s", functionsBegin, functionsEnd)
	}
	want := functionTables()
	if *update {
		if err := os.WriteFile(languagePage, []byte(head+functionsBegin+want+functionsEnd+tail), 0o666); err != nil {
			t.Fatal(err)
		}
		return
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("the functions of the page are out of date; run this test with -update (-program +page):\n%s", diff)
	}
}

func functionTables() string {
	var b strings.Builder
	group := ""
	for _, f := range Functions() {
		if f.Group != group {
			group = f.Group
			fmt.Fprintf(&b, "\n### %s\n\n| function | result | example |\n|---|---|---|\n", strings.ToUpper(group[:1])+group[1:])
		}
		fmt.Fprintf(&b, "| `%s` | %s | %s → %s |\n", f.Name, prose(f.Summary), inCode(f.Example), inCode(f.Result))
	}
	b.WriteString("\n## Functions left out\n\nTerraform has these too, and zup does not, on purpose.\n\n| function | why |\n|---|---|\n")
	for _, o := range OmittedFunctions() {
		fmt.Fprintf(&b, "| `%s` | %s |\n", o.Name, prose(o.Reason))
	}
	return b.String() + "\n"
}

// prose keeps Markdown from seeing its own marks in a sentence.
func prose(s string) string {
	return strings.NewReplacer(`\`, `\\`, `*`, `\*`, "`", "\\`", `<`, `\<`, `|`, `\|`).Replace(s)
}

// inCode sets a text in backticks, in a cell of a table.
func inCode(s string) string { return "`" + strings.ReplaceAll(s, "|", `\|`) + "`" }

var (
	ipv4 = regexp.MustCompile(`\b\d+\.\d+\.\d+\.\d+\b`)
	ipv6 = regexp.MustCompile(`\b[0-9a-f]{1,4}(:[0-9a-f]{0,4}){2,}`)
	link = regexp.MustCompile(`\]\(([^)]*)\)`)
)

// Addresses that somebody could have are not used as examples.
func TestLanguageAddresses(t *testing.T) {
	t.Parallel()
	var reserved []netip.Prefix
	for _, p := range []string{"192.0.2.0/24", "198.51.100.0/24", "203.0.113.0/24", "2001:db8::/32"} {
		reserved = append(reserved, netip.MustParsePrefix(p))
	}
	text, _, _ := strings.Cut(readPage(t), functionsBegin)
	found := map[netip.Addr]bool{}
	for _, s := range slices.Concat(ipv4.FindAllString(text, -1), ipv6.FindAllString(text, -1)) {
		if ip, err := netip.ParseAddr(s); err == nil {
			found[ip] = true
		}
	}
	if len(found) == 0 {
		t.Error("there is no address at all")
	}
	for ip := range found {
		if !slices.ContainsFunc(reserved, func(p netip.Prefix) bool { return p.Contains(ip) }) {
			t.Errorf("%s is not an address for documentation", ip)
		}
	}
}

// Links lead somewhere: to another page or to a heading of this one.
func TestLanguageLinks(t *testing.T) {
	t.Parallel()
	page := readPage(t)
	links := link.FindAllStringSubmatch(page, -1)
	if len(links) == 0 {
		t.Error("there is no link at all")
	}
	for _, m := range links {
		target := m[1]
		if anchor, here := strings.CutPrefix(target, "#"); here {
			heading := regexp.MustCompile(`(?im)^#+ ` + strings.ReplaceAll(regexp.QuoteMeta(anchor), "-", "[ -,]+") + `$`)
			if !heading.MatchString(page) {
				t.Errorf("there is no heading for %s", target)
			}
			continue
		}
		if _, err := os.Stat(filepath.Join(filepath.Dir(languagePage), target)); err != nil {
			t.Errorf("link: %v", err)
		}
	}
}
