package plan

import (
	"encoding/json"
	"fmt"
	"maps"
	"reflect"
	"slices"
	"strings"
)

// Difference is a part of a plan that is not what zup makes.
type Difference struct {
	Where string   // "action edge.zva5n1.update", "cluster edge, node zva5n1", or "the plan"
	What  []string // what of it, by the names of the plan file, with both values where they are short
}

func (d Difference) String() string { return d.Where + ": " + strings.Join(d.What, "; ") }

// differences compares a plan with the one that was made again, part by part. Parts
// that have a name are compared by it.
func differences(p, made *Plan) []Difference {
	var c comparison
	c.named("action", elements(p.Actions), elements(made.Actions))
	if len(c.all) == 0 {
		c.order(p.Actions, made.Actions)
	}
	c.clusters(p, made)
	c.named("rule", elements(p.Rules), elements(made.Rules))
	c.named("waiver", elements(p.Waivers), elements(made.Waivers))
	c.named("window", elements(p.Windows), elements(made.Windows))
	c.named("freeze", elements(p.Freezes), elements(made.Freezes))
	c.named("product", elements(p.Products), elements(made.Products))
	c.fields("the plan", reflect.ValueOf(p).Elem(), reflect.ValueOf(made).Elem(),
		"actions", "clusters", "commit", "created", "created_from", "freezes", "plan_id", "products", "rules", "waivers", "windows")
	return c.all
}

type comparison struct{ all []Difference }

func (c *comparison) add(where string, what ...string) {
	if len(what) > 0 {
		c.all = append(c.all, Difference{where, what})
	}
}

// clusters compares what clusters have of their own, and then their parts.
func (c *comparison) clusters(p, made *Plan) {
	c.pairs("cluster", elements(p.Clusters), elements(made.Clusters), func(where string, a, b reflect.Value) {
		c.fields(where, a, b, "nodes", "probes", "checks")
		x, y := a.Addr().Interface().(*Cluster), b.Addr().Interface().(*Cluster)
		c.named(where+", node", elements(x.Nodes), elements(y.Nodes))
		c.named(where+", probe", elements(x.Probes), elements(y.Probes))
		c.named(where+", check", elements(x.Checks), elements(y.Checks))
	})
}

// order says which action is the first that stands elsewhere.
func (c *comparison) order(p, made []Action) {
	for i := range p {
		if p[i].ID != made[i].ID {
			c.add("action "+p[i].ID, "its place among the others")
			return
		}
	}
}

// elements makes the elements of a list comparable by name.
func elements[T any](all []T) []reflect.Value {
	values := make([]reflect.Value, len(all))
	for i := range all {
		values[i] = reflect.ValueOf(&all[i]).Elem()
	}
	return values
}

func nameOf(v reflect.Value) string {
	for _, field := range []string{"ID", "Name"} {
		if f := v.FieldByName(field); f.IsValid() {
			return f.String()
		}
	}
	return ""
}

func (c *comparison) named(kind string, have, want []reflect.Value) {
	c.pairs(kind, have, want, func(where string, a, b reflect.Value) { c.fields(where, a, b) })
}

// pairs calls both for each two that have the same name, and says which are there
// on one side only.
func (c *comparison) pairs(kind string, have, want []reflect.Value, both func(where string, a, b reflect.Value)) {
	made := make(map[string]reflect.Value, len(want))
	for _, v := range want {
		made[nameOf(v)] = v
	}
	for _, v := range have {
		name := nameOf(v)
		b, ok := made[name]
		if !ok {
			c.add(kind+" "+name, "zup makes none of this name")
			continue
		}
		delete(made, name)
		both(kind+" "+name, v, b)
	}
	for _, name := range slices.Sorted(maps.Keys(made)) {
		c.add(kind+" "+name, "is missing")
	}
}

// fields compares two structs field by field, by the names of the plan file.
func (c *comparison) fields(where string, a, b reflect.Value, but ...string) {
	var what []string
	for i := range a.NumField() {
		name, _, _ := strings.Cut(a.Type().Field(i).Tag.Get("json"), ",")
		if !slices.Contains(but, name) && !reflect.DeepEqual(a.Field(i).Interface(), b.Field(i).Interface()) {
			what = append(what, name+" "+inTheFile(a.Field(i), b.Field(i)))
		}
	}
	c.add(where, what...)
}

// inTheFile says how two values differ: what stands in the file, and what zup makes.
// Of a long text it is the first line that differs.
func inTheFile(a, b reflect.Value) string {
	if a.Kind() == reflect.String {
		x, y := firstDifference(a.String(), b.String())
		return fmt.Sprintf("is %s, zup makes %s", quoted(x), quoted(y))
	}
	x, errA := json.Marshal(a.Interface())
	y, errB := json.Marshal(b.Interface())
	if errA != nil || errB != nil {
		return "differs"
	}
	return fmt.Sprintf("is %s, zup makes %s", around(string(x), string(y)), around(string(y), string(x)))
}

// firstDifference returns the first lines in which two texts differ.
func firstDifference(a, b string) (string, string) {
	x, y := strings.Split(a, "\n"), strings.Split(b, "\n")
	for i := range max(len(x), len(y)) {
		switch {
		case i >= len(x):
			return "", y[i]
		case i >= len(y):
			return x[i], ""
		case x[i] != y[i]:
			return around(x[i], y[i]), around(y[i], x[i])
		}
	}
	return a, b
}

// shortText is how much of a value a difference shows, in bytes.
const shortText = 60

// around returns the part of a text in which it differs from another one.
func around(a, b string) string {
	if len(a) <= shortText {
		return a
	}
	at := 0
	for at < min(len(a), len(b)) && a[at] == b[at] {
		at++
	}
	start := max(0, min(at-shortText/3, len(a)-shortText))
	end := min(len(a), start+shortText)
	text := strings.ToValidUTF8(a[start:end], "")
	if start > 0 {
		text = "…" + text
	}
	if end < len(a) {
		text += "…"
	}
	return text
}

func quoted(s string) string {
	if s == "" {
		return "nothing"
	}
	return fmt.Sprintf("%q", s)
}
