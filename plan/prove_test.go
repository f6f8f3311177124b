package plan_test

import (
	"bytes"
	"cmp"
	"encoding/json"
	"errors"
	"fmt"
	"maps"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"

	"zup/plan"
	"zup/plan/state"
)

// corpusPlans are the plans of the corpus, as they come back from their files.
func corpusPlans(t testing.TB) map[string]*plan.Plan {
	t.Helper()
	files, _ := filepath.Glob("testdata/*.txtar")
	all := map[string]*plan.Plan{}
	for _, path := range files {
		s := loadSituation(t, path)
		p, err := plan.Build(s.input)
		if err != nil {
			continue // refused: TestCorpus looks at those
		}
		p.Created = "2026-11-22T15:00:00Z"
		back, err := plan.Decode(bytes.NewReader(encoded(t, p)))
		if err != nil {
			t.Fatalf("%s: %v", path, err)
		}
		all[strings.TrimSuffix(filepath.Base(path), ".txtar")] = back
	}
	return all
}

// Every plan of the corpus is proven by what stands in its own file.
func TestProveWhatZupMade(t *testing.T) {
	all := corpusPlans(t)
	if len(all) < 60 {
		t.Fatalf("only %d plans", len(all))
	}
	for _, name := range slices.Sorted(maps.Keys(all)) {
		if err := plan.Prove(all[name], providers(), "0.1.0"); err != nil {
			t.Errorf("%s: %v", name, err)
		}
	}
}

// Another version of zup proves nothing, and a plan without its origin is none of this
// one's.
func TestProveRefuses(t *testing.T) {
	p := corpusPlans(t)["update_drain"]
	var other *plan.OtherZupError
	if err := plan.Prove(p, providers(), "0.3.0"); !errors.As(err, &other) || other.Made != "0.1.0" {
		t.Errorf("a plan of another zup: %v", err)
	}
	p.CreatedFrom = nil
	p.Identify()
	var altered *plan.AlteredError
	if err := plan.Prove(p, providers(), "0.1.0"); !errors.As(err, &altered) || !strings.Contains(err.Error(), "created_from is missing") {
		t.Errorf("a plan without an origin: %v", err)
	}
}

// leaf is a value somewhere in a plan file.
type leaf struct {
	path string
	set  func(any) // replaces it
	is   any
}

// leaves lists every value of a document that is no object and no list, and every list
// that can be made one element shorter.
func leaves(path string, v any, set func(any), add func(leaf)) {
	switch v := v.(type) {
	case map[string]any:
		for _, key := range slices.Sorted(maps.Keys(v)) {
			leaves(path+"."+key, v[key], func(x any) {
				if x == nil {
					delete(v, key)
					return
				}
				v[key] = x
			}, add)
		}
	case []any:
		if len(v) > 0 {
			add(leaf{path + "[-]", set, v})
		}
		for i := range v {
			leaves(fmt.Sprintf("%s[%d]", path, i), v[i], func(x any) { v[i] = x }, add)
		}
	default:
		add(leaf{path, set, v})
	}
}

// other returns what a value is altered to.
func other(v any) any {
	switch v := v.(type) {
	case bool:
		return !v
	case json.Number:
		n, _ := v.Int64()
		return json.Number(fmt.Sprint(n + 1))
	case string:
		if v == "" {
			return "x"
		}
		return v + " "
	case []any:
		return v[:len(v)-1]
	}
	return nil
}

// Whatever value of a plan is altered, and its ID computed anew as docs/plan-format.md
// shows, the plan is not what zup makes of it any more: it is refused when it is read,
// or when it is made again, and then the part is named. Here it is every eighth value of
// each plan; ZUP_MATRIX=1 alters all of them.
func TestAlteredPlansAreNotProven(t *testing.T) {
	all := corpusPlans(t)
	altered, named, stride := 0, 0, 8
	switch {
	case os.Getenv("ZUP_MATRIX") != "":
		stride = 1
	case testing.Short(): // for the race detector
		stride = 128
	}
	for n, name := range []string{"update_drain", "snapshot_update", "update_offline", "rule_one_site_waived", "waive_disk", "windows", "rollback_both", "update_boost", "resume_before_backup"} {
		p := all[name]
		if p == nil {
			t.Fatalf("%s is not in the corpus", name)
		}
		data := encoded(t, p)
		for i := n % stride; ; i += stride {
			var doc map[string]any
			dec := json.NewDecoder(bytes.NewReader(data))
			dec.UseNumber()
			if err := dec.Decode(&doc); err != nil {
				t.Fatal(err)
			}
			var list []leaf
			for _, key := range slices.Sorted(maps.Keys(doc)) {
				if slices.Contains([]string{"commit", "created", "created_sha256", "plan_id"}, key) {
					continue // nothing is decided by them
				}
				leaves(key, doc[key], func(x any) { doc[key] = x }, func(l leaf) { list = append(list, l) })
			}
			if i >= len(list) {
				break
			}
			l := list[i]
			l.set(other(l.is))
			altered++
			where, err := apply(t, doc)
			switch {
			case err == nil:
				t.Errorf("%s: %s altered, and it is proven", name, l.path)
			case where != "":
				named++
			}
		}
	}
	t.Logf("%d alterations, %d found when the plan was made again, the others when it was read", altered, named)
	if altered < 2000 && !testing.Short() {
		t.Errorf("only %d alterations", altered)
	}
}

var createdSHA256 = regexp.MustCompile(`"created_sha256":"[0-9a-f]*"`)

// apply does with an altered document what zup does before it applies one. where is the
// part that differs, "" if the plan was not even read.
func apply(t *testing.T, doc map[string]any) (where string, err error) {
	t.Helper()
	text, err := json.Marshal(doc)
	if err != nil {
		t.Fatal(err)
	}
	var p plan.Plan
	if err := json.Unmarshal(text, &p); err != nil {
		return "", err
	}
	p.Identify()
	file := encoded(t, &p)
	if digest, ok := doc["created_sha256"].(string); ok { // whoever computes the ID anew leaves it
		file = createdSHA256.ReplaceAll(file, []byte(`"created_sha256":"`+digest+`"`))
	}
	back, err := plan.Decode(bytes.NewReader(file))
	if err != nil {
		return "", err
	}
	err = plan.Prove(back, providers(), "0.1.0")
	var a *plan.AlteredError
	if errors.As(err, &a) {
		if len(a.Differences) == 0 {
			t.Errorf("altered, and nothing is named: %v", err)
			return "", err
		}
		return a.Differences[0].Where, err
	}
	return "", err
}

// What a plan was made from is not zup's own word: whatever is put into it in the place
// of a digest or a name, no plan is made of it, and so none is proven.
func TestForgedOriginsMakeNoPlan(t *testing.T) {
	const evil = "0;touch /tmp/pwned;:0000000000000000000000000000000000000000000"
	for _, sum := range []string{evil, strings.Repeat("A", 64), strings.Repeat("0", 63) + "\n", "$(" + strings.Repeat("0", 61) + ")", strings.Repeat("0", 65), ""} {
		for what, forge := range map[string]func(*plan.Input){
			"the image's digest":  func(in *plan.Input) { in.Images["edge"] = &plan.Image{SHA256: sum, Size: 524288000} },
			"a command's digest":  func(in *plan.Input) { in.Commands = []plan.CommandFile{{Path: "x", SHA256: cmp.Or(sum, evil)}} },
			"a recorded snapshot": func(in *plan.Input) { recordSnapshot(in, sum) },
		} {
			s := loadSituation(t, "testdata/update_offline.txtar")
			forge(&s.input)
			if p, err := plan.Build(s.input); err == nil {
				t.Errorf("%s is %q, and there is a plan: %.200s", what, sum, p.PlanID)
			}
		}
	}
}

func recordSnapshot(in *plan.Input, name string) {
	in.Recorded = &state.State{Lineage: "x", Serial: 1, Clusters: map[string]*state.Cluster{
		"edge": {Snapshots: []state.Snapshot{{Name: name, Node: "zva5n1"}}},
	}}
}

// The digest that the configuration asks for is a part of what is proven: a plan of
// another image is none.
func TestPinnedImageIsProven(t *testing.T) {
	s := loadSituation(t, "testdata/update_offline.txtar")
	s.input.Config.Clusters[0].Package.SHA256 = strings.Repeat("a", 64)
	var refused *plan.RefusedError
	if _, err := plan.Build(s.input); !errors.As(err, &refused) || !strings.Contains(err.Error(), "the configuration says aaaa") {
		t.Errorf("another image than the configured one: %v", err)
	}
}
