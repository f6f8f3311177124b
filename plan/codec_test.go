package plan_test

import (
	"bytes"
	"encoding/json"
	"errors"
	"reflect"
	"slices"
	"strings"
	"testing"
	"unicode/utf8"

	"zup/plan"
)

func built(t testing.TB, pairs int) *plan.Plan {
	t.Helper()
	p, err := plan.Build(manyPairs(pairs))
	if err != nil {
		t.Fatal(err)
	}
	p.Created = "2026-11-22T15:00:00Z"
	return p
}

func encoded(t testing.TB, p *plan.Plan) []byte {
	t.Helper()
	var b bytes.Buffer
	if err := p.Encode(&b); err != nil {
		t.Fatal(err)
	}
	return b.Bytes()
}

func TestEncodeAndDecode(t *testing.T) {
	for _, pairs := range []int{0, 1, 3, 20} {
		p := built(t, pairs)
		data := encoded(t, p)
		back, err := plan.Decode(bytes.NewReader(data))
		if err != nil {
			t.Fatal(err)
		}
		if !reflect.DeepEqual(p, back) {
			t.Errorf("%d pairs: what was read is not what was written", pairs)
		}
		if !bytes.Equal(data, encoded(t, back)) {
			t.Errorf("%d pairs: written again it has other bytes", pairs)
		}
	}
}

// The ID is that of the content: not of the time, and of everything else.
func TestIdentity(t *testing.T) {
	p, q := built(t, 2), built(t, 2)
	q.Created = "2030-01-01T00:00:00Z"
	q.Identify()
	if p.PlanID != q.PlanID || len(p.PlanID) != 64 {
		t.Errorf("the same plan has the IDs %s and %s", p.PlanID, q.PlanID)
	}
	q.Actions[3].Script += " "
	q.Identify()
	if p.PlanID == q.PlanID {
		t.Error("another script, and the same ID")
	}
	q = built(t, 2)
	q.NotAfter = "2030-01-01T00:00:00Z"
	q.Identify()
	if p.PlanID == q.PlanID {
		t.Error("another end, and the same ID")
	}
}

// Every object of a plan file has its keys in order, at every depth.
func TestKeysAreSorted(t *testing.T) {
	dec := json.NewDecoder(bytes.NewReader(encoded(t, built(t, 1))))
	type level struct {
		object bool
		isKey  bool
		last   string
	}
	var stack []level
	for {
		tok, err := dec.Token()
		if err != nil {
			break
		}
		top := len(stack) - 1
		if d, ok := tok.(json.Delim); ok {
			switch d {
			case '{', '[':
				if top >= 0 {
					stack[top].isKey = true
				}
				stack = append(stack, level{object: d == '{', isKey: true})
			default:
				stack = stack[:top]
			}
			continue
		}
		if top < 0 || !stack[top].object {
			continue
		}
		if stack[top].isKey {
			key := tok.(string)
			if key <= stack[top].last {
				t.Errorf("key %q follows %q", key, stack[top].last)
			}
			stack[top].last = key
		}
		stack[top].isKey = !stack[top].isKey
	}
}

// alterations are ways to change a file at a place, without anybody noticing at a
// glance.
var alterations = []func(data []byte, at int) []byte{
	func(data []byte, at int) []byte { data[at] ^= 1 << (at % 7); return data },
	func(data []byte, at int) []byte { data[at]++; return data },
	func(data []byte, at int) []byte { return slices.Delete(data, at, at+1) },
	func(data []byte, at int) []byte { return slices.Insert(data, at, data[at]) },
}

// Whatever byte of a plan file is altered: it is refused, or nothing that it was made from
// is believed, or it means the same, and what it means is proven by its ID.
func TestAlteredBytes(t *testing.T) {
	t.Parallel()
	p := built(t, 1)
	p.Author, p.Change, p.Commit = "alice@example.com", "CHG0012345", "0123456789abcdef+"
	p.Identify()
	data := encoded(t, p)
	step := max(1, len(data)/2500)
	refused := 0
	for n, i := 0, 0; i < len(data); n, i = n+1, i+step {
		altered := alterations[n%len(alterations)](slices.Clone(data), i)
		back, err := plan.Decode(bytes.NewReader(altered))
		var damaged *plan.DamagedError
		var newer *plan.NewerError
		var older *plan.OlderError
		switch {
		case errors.As(err, &damaged) || errors.As(err, &newer) || errors.As(err, &older):
			refused++
		case err != nil:
			t.Fatalf("byte %d: %v", i, err)
		case back.PlanID != p.PlanID:
			t.Fatalf("byte %d: accepted with another ID", i)
		case back.CreatedSHA256 != "": // what it was made from: that is for Prove
			var proof *plan.AlteredError
			if !errors.As(plan.Prove(back, providers(), "0.1.0"), &proof) || proof.Differences[0].Where != "created_from" {
				t.Fatalf("byte %d: %v", i, proof)
			}
			refused++
		default:
			back.Commit, back.Created = p.Commit, p.Created
			if !bytes.Equal(encoded(t, back), data) {
				t.Fatalf("byte %d: accepted with another meaning", i)
			}
		}
	}
	if refused < 2000 {
		t.Errorf("only %d refused", refused)
	}
	for _, n := range []int{0, 1, len(data) / 2, len(data) - 1} {
		if _, err := plan.Decode(bytes.NewReader(data[:n])); err == nil {
			t.Errorf("cut off after %d bytes, and accepted", n)
		}
	}
	if _, err := plan.Decode(bytes.NewReader(append(slices.Clone(data), '\n'))); err == nil {
		t.Error("with a line feed more, and accepted")
	}
}

func TestRules(t *testing.T) {
	for _, tt := range []struct {
		name, want string
		break_     func(p *plan.Plan)
	}{
		{"unknown node", "names node", func(p *plan.Plan) { p.Actions[0].Until[0].Node = "zva9" }},
		{"unknown cluster", "not in the plan", func(p *plan.Plan) { p.Actions[4].Cluster = "other" }},
		{"no facts script", "facts script is missing", func(p *plan.Plan) { p.Products = nil }},
		{"duplicate ID", "there twice", func(p *plan.Plan) { p.Actions[1].ID = p.Actions[0].ID }},
		{"out of order", "does not stand before it", func(p *plan.Plan) { p.Actions[0], p.Actions[5] = p.Actions[5], p.Actions[0] }},
		{"no check", "needs a check", func(p *plan.Plan) { first(p, "update").Check = nil }},
		{"no limit", "no time limit", func(p *plan.Plan) { first(p, "update").TimeoutS = 0 }},
		{"unknown primitive", "not known", func(p *plan.Plan) { first(p, "update").Primitive = "pray" }},
		{"a wait that runs a script", "changes nothing", func(p *plan.Plan) { first(p, "ready").Script = "reboot" }},
		{"bad pattern", "missing argument", func(p *plan.Plan) { first(p, "update").Forbid = []string{"*"} }},
		{"answer with a line feed", "malformed", func(p *plan.Plan) { first(p, "update").Prompts[0].Answer = "y\ny" }},
		{"two conditions in one", "exactly one thing", func(p *plan.Plan) { first(p, "update").Check[0].SameAs = "zva5n1" }},
		{"left open", "no later action closes it", func(p *plan.Plan) { first(p, "unblock").Closes = nil }},
		{"undo without a check", "undo needs a check", func(p *plan.Plan) { first(p, "block").UndoCheck = nil }},
		{"a zone that nobody knows", "unknown time zone", func(p *plan.Plan) {
			p.Windows = []plan.Window{{Days: []string{"sat"}, DurationS: 60, Start: "22:00", Timezone: "Local"}}
		}},
		{"a window without a day", "never opens", func(p *plan.Plan) {
			p.Windows = []plan.Window{{DurationS: 60, Start: "22:00", Timezone: "UTC"}}
		}},
		{"a window that never closes", "never closes", func(p *plan.Plan) {
			p.Windows = []plan.Window{{Days: []string{"sat"}, DurationS: 1 << 40, Start: "22:00", Timezone: "UTC"}}
		}},
		{"a freeze of nothing", "ends before it begins", func(p *plan.Plan) {
			p.Freezes = []plan.Freeze{{From: "2026-11-28T23:00:00Z", To: "2026-11-28T23:00:00Z", Timezone: "UTC"}}
		}},
		{"both out at once", "both nodes would be out", func(p *plan.Plan) {
			for i := range p.Actions {
				if a := &p.Actions[i]; a.Kind == "update" && a.Node == "zva5n1" {
					a.After = []string{p.Actions[0].ID}
				}
			}
		}},
		{"nobody serves meanwhile", "requires nothing of the other node", func(p *plan.Plan) {
			u := first(p, "update")
			u.Requires = slices.DeleteFunc(u.Requires, func(c plan.Condition) bool { return c.Node != u.Node })
		}},
	} {
		t.Run(tt.name, func(t *testing.T) {
			p := copyOf(t, built(t, 1))
			if err := p.Validate(); err != nil {
				t.Fatal(err)
			}
			tt.break_(p)
			if err := p.Validate(); err == nil || !strings.Contains(err.Error(), tt.want) {
				t.Errorf("err is %v, want %q", err, tt.want)
			}
		})
	}
}

// copyOf shares nothing with p.
func copyOf(t testing.TB, p *plan.Plan) *plan.Plan {
	t.Helper()
	var q plan.Plan
	if err := json.Unmarshal(encoded(t, p), &q); err != nil {
		t.Fatal(err)
	}
	return &q
}

func first(p *plan.Plan, kind string) *plan.Action {
	i := slices.IndexFunc(p.Actions, func(a plan.Action) bool { return a.Kind == kind })
	return &p.Actions[i]
}

func TestParseFacts(t *testing.T) {
	names := []string{"role", "version"}
	for _, tt := range []struct{ in, err string }{
		{"version=6.1.19\nrole=master\nend\n", ""},
		{"role=a=b\nversion=\nend\n", ""},
		{"role=master\nversion=6.1.19\n", "cut off after 2 of 2"},
		{"", "cut off after 0 of 2"},
		{"role=master\nend\n", "version is missing"},
		{"role=master\nrole=backup\nversion=1\nend\n", "role is there twice"},
		{"role=master\nevil=1\nversion=1\nend\n", `"evil=1" was not asked for`},
		{"Last login: never\nrole=master\nversion=1\nend\n", "was not asked for"},
		{"role=\xff\nversion=1\nend\n", "not UTF-8"},
		{"role=master\nversion=1\nend\nrole=backup\n", "follows the end"},
		{"role=" + strings.Repeat("x", 2<<20) + "\nversion=1\nend\n", "too long"},
	} {
		_, err := plan.ParseFacts([]byte(tt.in), names)
		if (err == nil) != (tt.err == "") || (err != nil && !strings.Contains(err.Error(), tt.err)) {
			t.Errorf("ParseFacts(%.40q): %v, want %q", tt.in, err, tt.err)
		}
	}
}

func TestConditions(t *testing.T) {
	facts := map[string]string{"a/role": "master", "a/farms": "x:1 y:2", "b/farms": "x:1", "a/digest": "d", "b/digest": "d", "a/odd": "unknown", "a/gone": "none", "b/odd": "unknown"}
	read := func(node, fact string) (string, bool) { v, ok := facts[node+"/"+fact]; return v, ok }
	recorded := func(node, fact string) (string, bool) { return "d", node == "a" && fact == "digest" }
	for _, tt := range []struct {
		c    plan.Condition
		want bool
	}{
		{plan.Condition{Node: "a", Fact: "role", Is: []string{"backup", "master"}}, true},
		{plan.Condition{Node: "a", Fact: "role", Is: []string{"backup"}}, false},
		{plan.Condition{Node: "a", Fact: "role", Not: []string{"backup"}}, true},
		{plan.Condition{Node: "b", Fact: "role", Not: []string{"backup"}}, false}, // what can't be read holds nothing
		{plan.Condition{Node: "b", Fact: "role", Is: []string{""}}, false},
		{plan.Condition{Node: "a", Fact: "digest", SameAs: "b"}, true},
		{plan.Condition{Node: "a", Fact: "digest", SameAs: plan.Recorded}, true},
		{plan.Condition{Node: "b", Fact: "digest", SameAs: plan.Recorded}, false},
		{plan.Condition{Node: "a", Fact: "farms", Within: []string{"y:2", "z:3", "x:1"}}, true},
		{plan.Condition{Node: "a", Fact: "farms", Within: []string{"x:1"}}, false},
		{plan.Condition{Node: "a", Fact: "gone", Within: []string{"x:1"}}, true}, // it says none
		{plan.Condition{Node: "a", Fact: "digest", Within: []string{"none"}}, false},
		{plan.Condition{Node: "b", Fact: "role", Within: []string{"backup"}}, false},
		{plan.Condition{Node: "a", Fact: "odd", Within: []string{"unknown"}}, false},
		{plan.Condition{Node: "a", Fact: "odd", SameAs: "b"}, false}, // two unknowns are not the same
		{plan.Condition{Node: "a", Fact: "farms", Covers: "b"}, true},
		{plan.Condition{Node: "b", Fact: "farms", Covers: "a"}, false},
		{plan.Condition{Node: "a", Fact: "odd", Covers: "b"}, false},
	} {
		if got, want, seen := tt.c.Holds(read, recorded); got != tt.want {
			t.Errorf("%s: %t (want %s, seen %s)", tt.c, got, want, seen)
		}
	}
}

func FuzzDecode(f *testing.F) {
	p := built(f, 1)
	f.Add(encoded(f, p))
	text := encoded(f, p)
	for _, n := range []int{1, len(text) / 3, len(text) - 1} { // cut off, flipped, twice, longer
		f.Add(text[:n])
		flipped := bytes.Clone(text)
		flipped[n] ^= 4
		f.Add(flipped)
	}
	f.Add(slices.Concat(text, text))
	f.Add(bytes.ReplaceAll(text, []byte(`"after"`), []byte(`"After"`)))
	f.Add(bytes.ReplaceAll(text, []byte(`"check"`), []byte(`"check":null,"check"`)))
	f.Add([]byte(`{"format_version":1}`))
	f.Add([]byte(`{"format_version":2,"zup_version":"x"}`))
	f.Fuzz(func(t *testing.T, data []byte) {
		if back, err := plan.Decode(bytes.NewReader(data)); err == nil && !bytes.Equal(data, encoded(t, back)) {
			t.Error("accepted, and written again it has other bytes")
		}
	})
}

func FuzzParseFacts(f *testing.F) {
	for _, s := range []string{
		"role=master\nversion=6.1.19\nend\n", "", "end\n", "role=\nversion=\nend\n", "role=master\r\nversion=1\r\nend\r\n", "role=a=b\nversion=\x1b[2J\nend\n",
		"version=1\nrole=$(id)\nend\n", "role=`id`\nversion=';id;'\nend\n", "role=\xff\nversion=\x00\nend\n", "role=1\nrole=2\nversion=3\nend\n", "motd\nrole=1\nversion=3\nend\nend\n",
	} {
		f.Add([]byte(s))
	}
	f.Fuzz(func(t *testing.T, data []byte) {
		facts, err := plan.ParseFacts(data, []string{"role", "version"})
		if err == nil && len(facts) != 2 {
			t.Errorf("%d facts", len(facts))
		}
		for name, value := range facts {
			if strings.Contains(value, "\n") || !utf8.ValidString(value) || !bytes.Contains(data, []byte(name+"="+value)) {
				t.Errorf("%s is %q", name, value)
			}
		}
	})
}
