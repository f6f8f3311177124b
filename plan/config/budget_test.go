package config

import (
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/hashicorp/hcl/v2"
	"github.com/zclconf/go-cty/cty"
)

// A function that says nothing of what it takes would not be held to anything.
func TestEveryFunctionSaysWhatItTakes(t *testing.T) {
	t.Parallel()
	for _, e := range entries() {
		if e.cost == nil {
			t.Errorf("%s has no cost", e.Name)
		}
	}
}

// What a function says that it makes is not less than what it makes, whatever it is
// called with.
func TestNoFunctionMakesMoreThanItSays(t *testing.T) {
	t.Parallel()
	text := cty.StringVal(strings.Repeat("aé\"\\\n$%,;", 60))
	var numbers, texts []cty.Value
	entries := map[string]cty.Value{}
	for i := range 40 {
		numbers = append(numbers, cty.NumberIntVal(int64(i)))
		texts = append(texts, cty.StringVal(fmt.Sprintf("a\"%d", i)))
		entries[fmt.Sprint(i)] = cty.StringVal("\u0001b")
	}
	list, names := cty.ListVal(numbers), cty.ListVal(texts)
	pool := []cty.Value{
		text, list, names, cty.MapVal(entries), cty.ObjectVal(entries), cty.SetVal(texts[:20]), cty.SetVal(texts[20:]),
		cty.TupleVal([]cty.Value{list, names, cty.MapVal(entries)}), cty.NumberIntVal(3), cty.NumberIntVal(200), cty.StringVal("/(.)/"), cty.StringVal("[a-z](.?)"), cty.StringVal("a"),
		cty.StringVal(""), cty.StringVal("$1$1$1$1"), cty.StringVal("%100s"), cty.StringVal(`[[1, 2, {"a": "b"}], [3]]`), cty.StringVal("::/0"), cty.ListVal([]cty.Value{list, list}),
		cty.MapVal(map[string]cty.Value{"a": names, "b": names}), cty.NumberFloatVal(1e300), cty.ListVal([]cty.Value{cty.True}),
	}
	callable := newTable(&answers{budget: &budget{}, dir: &directory{}}, "")
	for name := range entryOf() {
		if callable.use(name); entryOf()[name].reading != nil || name == "try" || name == "can" {
			continue
		}
		f := callable.functions[name]
		n := len(f.Params())
		if f.VarParam() != nil {
			n = max(n+1, 2)
		}
		called := 0
		combine(pool, min(n, 3), func(args []cty.Value) {
			b := &budget{}
			paid := ending(func() { b.pays(entryOf()[name], args) }) == nil
			v, err := f.Call(args)
			if err != nil || !paid {
				return
			}
			called++
			size := func(v cty.Value) float64 {
				w := (&budget{}).weigh(v)
				return w.text + w.values*32
			}
			shared := size(cty.TupleVal(args))
			if made := size(v); made > b.bytes+shared+1000 {
				t.Errorf("%s makes %.0f bytes and says %.0f, of %.300s", name, made, b.bytes, fmt.Sprintf("%#v", args))
			}
		})
		if called == 0 && !strings.HasPrefix(name, "cidr") && !strings.Contains(" timeadd timecmp formatdate uuidv5 base64decode parseint one setproduct tobool ", " "+name+" ") {
			t.Errorf("%s was never called", name)
		}
	}
}

// combine hands out every way to choose n values.
func combine(pool []cty.Value, n int, do func([]cty.Value)) {
	args := make([]cty.Value, n)
	var fill func(int)
	fill = func(i int) {
		if i == n {
			do(args)
			return
		}
		for _, v := range pool {
			args[i] = v
			fill(i + 1)
		}
	}
	fill(0)
}

// What people write for a large fleet is not too much.
func TestLargeIsNotTooLarge(t *testing.T) {
	t.Parallel()
	var csv, object strings.Builder
	csv.WriteString("site,address,carrier,weight\n")
	for i := range 2000 {
		fmt.Fprintf(&csv, "site%d,10.%d.%d.1,carrier%d,%d\n", i, i/250, i%250, i%7, i)
		fmt.Fprintf(&object, "    site%d = { address = \"10.%d.%d.1\", port = %d }\n", i, i/250, i%250, 2000+i)
	}
	for name, locals := range map[string]string{
		"table":      "rows = csvdecode(file(\"sites.csv\"))\n  by = { for r in local.rows : r.site => r }\n  of = { for r in local.rows : r.carrier => r.address... }\n  heavy = [for r in local.rows : r.site if r.weight > 1000]\n",
		"lookups":    "rows = csvdecode(file(\"sites.csv\"))\n  by = { for r in local.rows : r.site => r.address }\n  a = [for i in range(500) : local.by[\"site${i}\"]]\n  b = [for i in range(200) : lookup(local.by, \"site${i}\", \"\")]\n",
		"merged":     "defaults = { user = \"root\", port = 22, carrier = \"a\" }\n  all = { for i in range(1000) : \"n${i}\" => merge(local.defaults, { name = \"n${i}\" }) }\n",
		"sets":       "a = toset([for i in range(1000) : \"n${i}\"])\n  b = setsubtract(local.a, [\"n1\"])\n  c = [for n in local.a : upper(n)]\n",
		"conditions": "a = [for i in range(1000) : i % 2 == 0 ? { a = i } : { a = i, b = 1 }]\n  b = flatten([for i in range(300) : [for j in range(20) : { i = i, j = j }]])\n",
		"templates":  "a = [for i in range(300) : templatefile(\"motd.tpl\", { name = \"n${i}\", list = range(20) })]\n",
		"object":     "nodes = {\n" + object.String() + "  }\n  list = [for k, n in local.nodes : \"${k}:${n.port}\"]\n  sorted = sort(slice(local.list, 0, 1000))\n",
		"text":       "a = <<EOT\n" + strings.Repeat("a line of some text, as in a message of the day\n", 5000) + "EOT\n  b = split(\"\\n\", local.a)\n",
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			dir := t.TempDir()
			write(t, dir, "sites.csv", csv.String())
			write(t, dir, "motd.tpl", "Welcome to ${name}.\n%{ for x in list }line ${x}\n%{ endfor }")
			write(t, dir, "a.zup.hcl", "locals {\n  "+locals+"}\n"+clusterNumber(1)+"variable \"target\" {\n  default = \"6.1.20\"\n}\nlocals {\n  user = \"root\"\n}\n")
			if _, diags := Load(dir, Options{Products: family}); len(diags.All) > 0 {
				t.Error(printed(t, diags))
			}
		})
	}
}

// What was not counted ends all the same: the watch ends what comes to a step, and leaves
// behind what does not.
func TestTheWatchEndsWhatWasNotCounted(t *testing.T) {
	var keep [][]byte
	for name, tt := range map[string]struct {
		time   time.Duration
		memory uint64
		load   func(l *loader)
		says   string
	}{
		"time, with steps": {time.Millisecond, MaxMemory, func(l *loader) {
			for {
				l.takes(0)
				time.Sleep(time.Millisecond)
			}
		}, "evaluation takes too long"},
		"time, without": {time.Millisecond, MaxMemory, func(*loader) { select {} }, "evaluation takes too long"},
		"memory": {time.Minute, 32 << 20, func(l *loader) {
			for {
				l.takes(0)
				keep = append(keep, make([]byte, 1<<20))
				time.Sleep(time.Millisecond)
			}
		}, "evaluation needs too much memory"},
	} {
		l := newLoader(Options{Products: family})
		l.sources["a.zup.hcl"] = &source{name: "a.zup.hcl", text: []byte("locals {\n  a = 1\n}\n"), blocks: []block{{span{0, 18}, "locals"}}}
		l.settle()
		w := l.watch(tt.time, tt.memory)
		cfg, diags := l.under(w, func() *Config {
			l.now.Store(&hcl.Range{Filename: "a.zup.hcl", Start: hcl.Pos{Line: 2, Column: 7, Byte: 15}, End: hcl.Pos{Line: 2, Column: 8, Byte: 16}})
			tt.load(l)
			return &Config{}
		})
		w.end()
		keep = nil
		want := "Error: " + tt.says + "\n\n  on a.zup.hcl line 2, in locals:\n   2:   a = 1\n            ^\n"
		if got := printed(t, diags); cfg != nil || !strings.HasPrefix(got, want) {
			t.Errorf("%s: %v\n%s", name, cfg, got)
		}
	}
}

// A rule that is harmless as long as there is no plan may be endless once there is one.
func TestRulesEnd(t *testing.T) {
	t.Parallel()
	actions := make([]cty.Value, 100)
	for i := range actions {
		actions[i] = cty.ObjectVal(map[string]cty.Value{"kind": cty.StringVal("update"), "node": cty.StringVal("n"), "opens": cty.ListValEmpty(cty.String)})
	}
	plan := cty.ObjectVal(map[string]cty.Value{
		"change": cty.StringVal(""), "not_after": cty.StringVal(""), "clusters": emptyPlan.GetAttr("clusters"), "actions": cty.ListVal(actions),
	})
	endless := "length([for a in plan.actions : [for b in plan.actions : [for c in plan.actions : [for d in plan.actions : a.node]]]]) > 0"
	for _, file := range []struct{ name, text string }{
		{"a.zup.hcl", "rule \"a\" {\n  condition = " + endless + "\n  message   = \"m\"\n}\nrule \"b\" {\n  condition = length(plan.actions) == 100\n  message   = \"m\"\n}\n"},
		{"a.zup.json", `{"rule": {"a": {"condition": "${` + endless + `}", "message": "m"}, "b": {"condition": "${length(plan.actions) == 100}", "message": "m"}}}`},
	} {
		dir := t.TempDir()
		write(t, dir, file.name, file.text)
		cfg, diags := Load(dir, fuzzOptions)
		if diags.HasErrors() {
			t.Fatal(printed(t, diags))
		}
		if _, err := cfg.Rules[0].Holds(plan); err == nil || !strings.Contains(err.Error(), "evaluation takes too long, at a.zup.") {
			t.Errorf("%s: %v", file.name, err)
		}
		if holds, err := cfg.Rules[1].Holds(plan); err != nil || !holds {
			t.Errorf("%s: the other rule, by itself: %v, %v", file.name, holds, err)
		}
		failed := 0
		Judge(cfg.Rules, plan, func(_ *Rule, _ bool, err error) {
			if err != nil {
				failed++
			}
		})
		if failed != 2 {
			t.Errorf("%s: together, %d rules can't be evaluated", file.name, failed)
		}
	}
}

// A key of an object in JSON may be computed, and from something sensitive.
func TestSensitiveKeyInJSON(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	write(t, dir, "a.zup.json", `{"variable": {"v": {"default": "hunter2", "sensitive": true}}, "locals": {"a": {"${var.v}": 1}, "b": "${nonsensitive(length(local.a))}"}}`)
	if _, diags := Load(dir, Options{Products: family}); diags.HasErrors() {
		t.Error(printed(t, diags))
	}
}
