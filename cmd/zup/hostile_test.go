package main

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"reflect"
	"regexp"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/hashicorp/hcl/v2"
	"github.com/spf13/cobra"
	"golang.org/x/net/html"

	"zup/plan"
	"zup/plan/apply"
	"zup/plan/approval"
	"zup/plan/config"
	"zup/plan/document"
	"zup/plan/escape"
	"zup/plan/review"
	"zup/plan/shell"
	"zup/plan/show"
	"zup/plan/state"
	"zup/plan/stream"
)

// hostile is what a text from elsewhere may have in it: control sequences, what hides
// and what reorders, letters that pass for others, blanks and lines that push the rest
// out of sight, ends of elements, strings and fences, and what a CI platform obeys.
var hostile = "\x1b[31m\x1b]0;t\a\x9b2J\u009b2J\u202eevil\u2066 alice\ufe0f\u200b\u2028\U000e0041\u2800 zup чеckupgrades сору ａｄｍｉｎ" +
	strings.Repeat(" ", 300) + "FAR\r\n::error file=a::forged\nzup: forged\n##[add-mask]x\n" + strings.Repeat("\n", 30) +
	"</pre></code></td><script>x</script>\"] `````\n|a|b|\x00\xff e\u0301\u0301\u0301\u0301\u0301\u0301 "

// poison appends the hostile text to every string below v, and gives everything that is
// empty a value, so that whatever a form writes of v is written. What is only one of
// several words, which no reader would know otherwise, keeps its value.
func poison(v reflect.Value, keep ...string) {
	switch v.Kind() {
	case reflect.String:
		if v.Type() == reflect.TypeFor[string]() {
			v.SetString(v.String() + hostile)
		}
	case reflect.Pointer:
		if v.IsNil() {
			v.Set(reflect.New(v.Type().Elem()))
		}
		poison(v.Elem(), keep...)
	case reflect.Slice:
		if v.Len() == 0 && v.Type().Elem().Kind() != reflect.Uint8 {
			v.Set(reflect.MakeSlice(v.Type(), 1, 1))
		}
		own := reflect.MakeSlice(v.Type(), v.Len(), v.Len()) // a provider may share its words among plans
		reflect.Copy(own, v)
		v.Set(own)
		for i := range v.Len() {
			poison(v.Index(i), keep...)
		}
	case reflect.Map:
		if v.Type().Key().Kind() != reflect.String {
			return
		}
		all := reflect.MakeMap(v.Type())
		if v.Len() == 0 {
			v.Set(all)
			v.SetMapIndex(reflect.ValueOf("version"), reflect.Zero(v.Type().Elem()))
		}
		for _, k := range v.MapKeys() {
			e := reflect.New(v.Type().Elem()).Elem()
			e.Set(v.MapIndex(k))
			poison(e, keep...)
			all.SetMapIndex(k, e)
		}
		v.Set(all)
	case reflect.Struct:
		for i := range v.NumField() {
			if f := v.Type().Field(i); f.IsExported() && !slices.Contains(keep, f.Name) {
				poison(v.Field(i), keep...)
			}
		}
	}
}

// hostilePlan is a plan of a pair in which every text is hostile and nothing is left
// out, with local actions among the others. Where words is set, the words that forms go
// by are left as they are.
func hostilePlan(t *testing.T, words bool) *plan.Plan {
	t.Helper()
	p, _ := pairPlan(t, "")
	keep := []string{"After"}
	if words {
		keep = append(keep, "Kind", "Lasting", "Role", "Created", "From", "To", "Days")
	}
	for i := range p.Actions {
		if i%4 == 1 {
			p.Actions[i].Primitive = plan.Local
		}
	}
	after := map[string]string{}
	for i := range p.Actions {
		after[p.Actions[i].ID] = p.Actions[i].ID + hostile
	}
	poison(reflect.ValueOf(p).Elem(), keep...)
	for i := range p.Actions {
		for k, id := range p.Actions[i].After {
			p.Actions[i].After[k] = after[id]
		}
	}
	return p
}

// hostileRun is a run of such a plan that stopped, or is done.
func hostileRun(p *plan.Plan, stopped bool) *apply.Record {
	at := time.Date(2026, 11, 25, 22, 0, 0, 0, time.UTC)
	c := apply.ClusterReport{Name: p.Clusters[0].Name, Outcome: state.OutcomeDone, Started: at, Ended: at.Add(time.Minute), Mentions: []string{hostile}}
	for i := range p.Actions {
		a := &p.Actions[i]
		c.Actions = append(c.Actions, apply.ActionReport{ID: a.ID, Node: a.Node, Title: a.Title, Outcome: apply.ActionIsDone, Started: at, Ended: at.Add(time.Second)})
	}
	var pr apply.ProbeReport
	poison(reflect.ValueOf(&pr).Elem())
	c.Probes = []apply.ProbeReport{pr}
	if stopped {
		a := &p.Actions[len(p.Actions)-1]
		c.Outcome = state.OutcomeStopped
		poison(reflect.ValueOf(&c.Stop), "Action")
		poison(reflect.ValueOf(&c.Condition))
		c.Stop.Action, c.Stop.Kind = a.ID, apply.StopFailed
		c.Condition.Nodes = append(c.Condition.Nodes, apply.NodeCondition{Name: hostile, Why: hostile})
	}
	r := &apply.Record{Plan: p, Report: &apply.Report{Run: "run" + hostile, PlanID: p.PlanID, Outcome: c.Outcome, Started: at, Ended: c.Ended, Clusters: []apply.ClusterReport{c}}}
	poison(reflect.ValueOf(&r.Entries))
	poison(reflect.ValueOf(&r.Series))
	poison(reflect.ValueOf(&r.Chain))
	return r
}

// writtenBy is what a function writes.
func writtenBy(t *testing.T, write func(io.Writer) error) string {
	t.Helper()
	var b bytes.Buffer
	if err := write(&b); err != nil {
		t.Fatal(err)
	}
	return b.String()
}

// ownLine is how hostile text would begin a line of its own that a CI platform obeys, or
// that is taken for zup's.
var ownLine = regexp.MustCompile(`(?m)^\s*::error|^\s*zup: forged`)

// farRight is text that is pushed out of sight.
var farRight = regexp.MustCompile(` {100}|\n{20}`)

// noHostile fails if something hostile came through.
func noHostile(t *testing.T, form, text string) {
	t.Helper()
	if err := checkShown(nil, text); err != nil {
		t.Errorf("%s: %v", form, err)
	}
	for _, bad := range []string{"чеck", "сору", "ａｄｍｉｎ", "##[add-mask]", "e\u0301\u0301\u0301\u0301\u0301"} {
		if i := strings.Index(text, bad); i >= 0 {
			t.Errorf("%s has %q: %q", form, bad, text[max(0, i-80):min(len(text), i+80)])
		}
	}
	page := strings.HasSuffix(form, "HTML") || strings.HasSuffix(form, "Markdown") // blocks of code of their own
	for _, re := range []*regexp.Regexp{ownLine, farRight} {
		if page && re == ownLine {
			text = strings.ReplaceAll(text, "\nzup: forged", "")
		}
		if at := re.FindStringIndex(text); at != nil {
			t.Errorf("%s has what fits %s: %q", form, re, text[max(0, at[0]-80):min(len(text), at[1]+80)])
		}
	}
	if !strings.Contains(text, `u202e`) {
		t.Errorf("%s has nothing of the hostile text: it was not looked at\n%.2000s", form, text)
	}
}

// No form lets through what hides, deceives or acts, in whatever field of a plan or a
// run it stands: every one is filled, and each new one is by this test.
func TestNoFormLetsHostileTextThrough(t *testing.T) {
	t.Parallel()
	for _, words := range []bool{true, false} {
		p := hostilePlan(t, words)
		for form, text := range planForms(t, p) {
			noHostile(t, form, text)
		}
		for _, stopped := range []bool{true, false} {
			for form, text := range runForms(t, hostileRun(p, stopped)) {
				noHostile(t, form, text)
			}
		}
	}
}

func planForms(t *testing.T, p *plan.Plan) map[string]string {
	var v approval.Verdict
	poison(reflect.ValueOf(&v))
	v.Required = 3
	v.Votes = append(v.Votes, approval.Vote{Name: hostile, Who: hostile, Key: "SHA256:x", Counts: true}, approval.Vote{Name: hostile, Why: hostile})
	change := review.Change(p, &v)
	all := map[string]string{
		"graph, SVG":     review.Graph(p),
		"graph, DOT":     writtenBy(t, func(w io.Writer) error { writeDOT(w, p); return nil }),
		"graph, Mermaid": writtenBy(t, func(w io.Writer) error { writeMermaid(w, p); return nil }),
		"approvals": writtenBy(t, func(w io.Writer) error {
			fmt.Fprintln(w, strings.Join(show.ApprovalLines(&v), "\n"))
			return show.Approvals(w, &v, show.Options{})
		}),
		"change, HTML":     writtenBy(t, func(w io.Writer) error { return document.HTML(w, change) }),
		"change, Markdown": writtenBy(t, func(w io.Writer) error { return document.Markdown(w, change) }),
		"stream":           streamOf(append(stream.Plan(p, "edge"+hostile, "zup apply "+shell.Quote("edge"+hostile)), stream.Nothing(p, "apply"))...),
	}
	for _, verbose := range []bool{false, true} {
		o := show.Options{Verbose: verbose, Now: time.Now()}
		all[fmt.Sprintf("plan, text, verbose %t", verbose)] = writtenBy(t, func(w io.Writer) error { return show.Plan(w, p, o) })
		all[fmt.Sprintf("change, text, verbose %t", verbose)] = writtenBy(t, func(w io.Writer) error { return show.Document(w, change, o) })
	}
	inTheirPlace(t, all)
	return all
}

func runForms(t *testing.T, r *apply.Record) map[string]string {
	run := review.Run(r)
	return map[string]string{
		"run, HTML":     writtenBy(t, func(w io.Writer) error { return document.HTML(w, run) }),
		"run, Markdown": writtenBy(t, func(w io.Writer) error { return document.Markdown(w, run) }),
		"run, text":     writtenBy(t, func(w io.Writer) error { return show.Document(w, run, show.Options{Verbose: true}) }),
		"end of apply":  writtenBy(t, func(w io.Writer) error { return show.Report(w, r.Report, r.Plan, "run"+hostile, show.Options{}) }),
	}
}

func streamOf(messages ...stream.Message) string {
	var b bytes.Buffer
	stream.New(time.Now, &b).Send(messages...)
	return b.String()
}

// inTheirPlace fails if hostile text has left an element, a string or a line of JSON.
func inTheirPlace(t *testing.T, all map[string]string) {
	t.Helper()
	for line := range strings.Lines(all["stream"]) {
		if !json.Valid([]byte(line)) {
			t.Errorf("a line of the stream is not JSON: %.200q", line)
		}
	}
	mermaid := regexp.MustCompile(`^(flowchart TD|  a\d+\["[^"\[\]<>` + "`" + `]*"\]|  a\d+ --> a\d+)$`)
	for line := range strings.SplitSeq(strings.TrimSpace(all["graph, Mermaid"]), "\n") {
		if !mermaid.MatchString(line) {
			t.Errorf("Mermaid: %.200q", line)
		}
	}
	const text = `"(?:[^"\\]|\\.)*"`
	dot := regexp.MustCompile(`^(digraph plan \{|  rankdir = TB|  node \[shape = box\]| *\}|  subgraph ` + text + ` \{|    label = ` + text + `|    ` + text + ` \[label = ` + text + `(, style = bold)?\]|  ` + text + ` -> ` + text + `)$`)
	for line := range strings.SplitSeq(strings.TrimSpace(all["graph, DOT"]), "\n") {
		if !dot.MatchString(line) {
			t.Errorf("DOT: %.200q", line)
		}
	}
	for _, form := range []string{"change, HTML", "graph, SVG"} {
		root, err := html.Parse(strings.NewReader(all[form]))
		if err != nil {
			t.Fatal(err)
		}
		for n := range root.Descendants() {
			if n.Type == html.ElementNode && n.Data == "script" {
				t.Errorf("%s has a script", form)
			}
		}
	}
	if regexp.MustCompile(`one argument a line</p>\n<pre[^>]*><code>[^<]*\nzup: forged`).MatchString(all["change, HTML"]) {
		t.Error("an argument of a command passes for several")
	}
	if n, m := strings.Count(all["change, HTML"], "<pre"), strings.Count(all["change, HTML"], "</pre>"); n != m || n < 20 {
		t.Errorf("%d blocks begin, %d end", n, m)
	}
}

// Every line about an action that runs where zup runs says so, in every form.
func TestEveryFormSaysWhatRunsHere(t *testing.T) {
	p, _ := pairPlan(t, "")
	a := &p.Actions[1]
	a.Primitive, a.Argv, a.Script, a.Check, a.Title = plan.Local, []string{"virsh", "x"}, "", nil, "Take the snapshot"
	r := hostileRun(p, false)
	r.Report.Clusters[0].Mentions, r.Report.Clusters[0].Probes, r.Series = nil, nil, nil
	stopped := hostileRun(p, true)
	stopped.Report.Clusters[0].Stop.Action = a.ID
	var live bytes.Buffer
	v := &view{c: &applying{planning: planning{cli: &cli{stdio: stdio{out: &live}}}}, plan: p, width: 80, nodes: 6}
	for _, kind := range []apply.EventKind{apply.ActionBegin, apply.ActionDone} {
		v.event(apply.Event{Kind: kind, Action: a.ID, Cluster: "edge", Node: a.Node, Title: a.Title, Index: 2, Total: 25, Here: a.Here()})
	}
	forms := planForms(t, p)
	for form, text := range runForms(t, r) {
		if form != "end of apply" { // it names no action that is done
			forms[form] = text
		}
	}
	forms["end of apply"] = runForms(t, stopped)["end of apply"]
	forms["live"] = live.String()
	delete(forms, "approvals")
	for form, text := range forms {
		marked := 0
		for line := range strings.Lines(text) {
			if strings.Contains(line, "Take the snapshot") && regexp.MustCompile(`here, for zva5n|\[here\]`).MatchString(line) || strings.Contains(line, "here, for zva5n2") && form == "graph, DOT" {
				marked++
			}
		}
		if marked == 0 {
			t.Errorf("%s does not say that it runs here\n%s", form, text)
		}
		if strings.Count(text, "[here]")+strings.Count(text, "here, for zva5n2") > strings.Count(text, "Take the snapshot")+1 {
			t.Errorf("%s says it of others too", form)
		}
	}
}

// What is printed of state, status, refusals, mistakes and errors goes the same way.
func TestNoMessageLetsHostileTextThrough(t *testing.T) {
	var s state.State
	poison(reflect.ValueOf(&s))
	taken := s.Clusters["version"]
	begun := *taken
	begun.Snapshots = slices.Clone(taken.Snapshots)
	begun.Snapshots[0].Begun = true
	s.Clusters = map[string]*state.Cluster{"edge" + hostile: taken, "begun": &begun}
	var all []clusterStatus
	poison(reflect.ValueOf(&all))
	all[0].Nodes = append(all[0].Nodes, nodeStatus{Name: hostile, Facts: map[string]string{"open": hostile, "jobs": hostile, "vrrp": hostile, "role": "master", "version": hostile}})
	all[0].Nodes[0].Error = ""
	var refused plan.RefusedError
	poison(reflect.ValueOf(&refused))
	diags := &config.Diagnostics{All: hcl.Diagnostics{{Summary: hostile, Detail: hostile, Subject: &hcl.Range{Filename: "a" + hostile}}}}
	var live bytes.Buffer
	v := &view{c: &applying{planning: planning{cli: &cli{stdio: stdio{out: &live}}, verbose: true}}, plan: hostilePlan(t, true), width: 80, nodes: 6, several: true}
	for _, kind := range []apply.EventKind{apply.ActionBegin, apply.ActionWaits, apply.ActionProgress, apply.ActionPrints, apply.ActionDone, apply.ActionFailed, apply.UndoBegin, apply.UndoEnd} {
		v.event(apply.Event{Kind: kind, Action: "a" + hostile, Cluster: "c" + hostile, Node: "n" + hostile, Title: "t" + hostile, Text: "x" + hostile, Index: 1, Total: 2})
	}
	a := v.plan.Actions[0]
	v.event(apply.Event{Kind: apply.ActionBegin, Action: a.ID, Cluster: a.Cluster, Node: a.Node, Title: a.Title})
	v.beat(time.Now().Add(time.Minute))
	v.stopping()
	v.leaving()
	printed := func(print func(c *cli)) string {
		var b bytes.Buffer
		print(&cli{stdio: stdio{out: &b, err: &b}, raw: &b})
		return b.String()
	}
	for form, text := range map[string]string{
		"state":            printed(func(c *cli) { c.printState(&s) }),
		"status":           printed(func(c *cli) { (&planning{cli: c}).printStatus(all) }),
		"refusals":         writtenBy(t, func(w io.Writer) error { return show.Refused(w, &refused, show.Options{}) }),
		"refusals, stream": streamOf(stream.Refused(&refused)...),
		"mistakes":         writtenBy(t, func(w io.Writer) error { return diags.WriteText(w, false, 80) }),
		"mistakes, JSON":   writtenBy(t, func(w io.Writer) error { return diags.WriteJSON(escape.JSONWriter(w)) }),
		"mistakes, stream": streamOf(stream.Configuration(diags)...),
		"an error":         printed(func(c *cli) { c.exit(fail(exitError, hostile, "x%s", hostile)) }),
		"an error, stream": streamOf(stream.Failed(hostile, hostile, 1), stream.Asked(hostile, hostile, errors.New(hostile)), stream.Warned(hostile, hostile, hostile)),
		"the live view":    live.String(),
		"at work":          printed(func(c *cli) { c.warnAtWork([]nodeLock{{node: "n" + hostile, err: errors.New(hostile)}}, true) }),
		"left": printed(func(c *cli) {
			(&planning{cli: c}).warnLeft(plan.Observed{"edge": {{Name: hostile, Facts: map[string]string{"open": hostile, "jobs": hostile}}}}, []string{"edge"}, nil)
		}),
		"unfinished": printed(func(c *cli) {
			s.Clusters["edge"] = &state.Cluster{Run: "r" + hostile, Outcome: state.OutcomeStopped, Open: []state.Change{{Name: hostile}}}
			(&planning{cli: c}).warnUnfinished(t.TempDir(), []string{"edge"}, &s)
		}),
	} {
		noHostile(t, form, text)
	}
}

// commandLines are what every command is called with in a place where everything that
// can be hostile is. A command that is not among them fails the test.
var commandLines = map[string][][]string{
	"apply":          {{"apply", "PLAN"}, {"apply", "-json", "PLAN"}, {"apply", "-auto-approve"}, {"apply", "NOTHING"}},
	"approve":        {{"approve", "PLAN"}, {"approve", "-key", "NOTHING", "PLAN"}},
	"completion":     {{"completion", "HOSTILE"}, {"__complete", "plan", "-target", ""}, {"__complete", "show", "HOSTILE"}},
	"fmt":            {{"fmt", "-check"}, {"fmt", "-check", "-diff"}, {"fmt", "HOSTILE"}, {"fmt", "-check", "-diff", "FILE"}},
	"graph":          {{"graph", "PLAN"}, {"graph", "-type", "mermaid", "PLAN"}, {"graph", "-type", "svg", "PLAN"}, {"graph", "-type", "HOSTILE", "PLAN"}},
	"init":           {{"init"}, {"init", "-from", "HOSTILE"}, {"init", "-from", "root@127.0.0.1:1"}},
	"man":            {{"man", "FILE"}},
	"plan":           {{"plan"}, {"plan", "-json"}, {"plan", "-verbose", "-author", "HOSTILE"}, {"plan", "-change", "HOSTILE"}, {"plan", "-waive", "HOSTILE", "-because", "b"}, {"plan", "-target", "HOSTILE"}, {"plan", "-var", "HOSTILE=1"}, {"plan", "-var-file", "HOSTILE"}, {"plan", "-not-after", "HOSTILE"}, {"plan", "-out", "HOSTILE/x"}},
	"reader":         {{"reader", "-key", "HOSTILE"}, {"reader", "-key", "FILE"}, {"reader", "-part", "HOSTILE"}, {"reader", "-remove"}},
	"report":         {{"report"}, {"report", "HOSTILE"}, {"report", "-html"}, {"report", "-md"}, {"report", "-json"}},
	"resume":         {{"resume"}, {"resume", "HOSTILE"}, {"resume", "-json"}},
	"show":           {{"show", "PLAN"}, {"show", "-verbose", "PLAN"}, {"show", "-md", "PLAN"}, {"show", "-html", "PLAN"}, {"show", "NOTHING"}, {"show", "FILE"}},
	"ssh":            {{"ssh", "-print", "zva5n1"}, {"ssh", "HOSTILE"}, {"ssh", "-print", "HOSTILE"}},
	"state":          {{"state"}, {"state", "-json"}, {"state", "-state", "HOSTILE"}},
	"status":         {{"status"}, {"status", "-json"}},
	"support-bundle": {{"support-bundle"}, {"support-bundle", "HOSTILE"}, {"support-bundle", "-out", "HOSTILE/x", "run"}},
	"unlock":         {{"unlock"}, {"unlock", "-state", "HOSTILE"}},
	"validate":       {{"validate"}, {"validate", "-json"}, {"validate", "-chdir", "HOSTILE"}, {"validate", "-HOSTILE"}, {"HOSTILE"}},
	"version":        {{"version"}, {"version", "-json"}, {"version", "HOSTILE"}},
}

// No command lets through what hides, deceives or acts, wherever it comes from: the
// configuration, its files' names, a plan, the state, the command line. Commands that
// are added later have to be added to commandLines.
func TestNoCommandLetsHostileTextThrough(t *testing.T) {
	t.Parallel()
	base := t.TempDir()
	short := strings.NewReplacer("\x00", "", "/", "", strings.Repeat(" ", 300), strings.Repeat(" ", 60), strings.Repeat("\n", 30), "\n\n\n\n\n\n").Replace(hostile)
	argument := strings.ReplaceAll(hostile, "\x00", "")
	dir := filepath.Join(base, short[:min(len(short), 200)])
	write := func(name, text string) string {
		path := filepath.Join(dir, name)
		if err := os.MkdirAll(filepath.Dir(path), 0o700); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
		return path
	}
	comment := strings.Map(func(r rune) rune {
		if r == '\n' || r == '\r' || r == 0 {
			return -1
		}
		return r
	}, utf8Of(hostile))
	file := write("edge\x1b[31m\u202e чеckupgrades\n::error file=a::forged.zup.hcl", `cluster "zevenet" "edge" {
        # `+comment+strings.Repeat("\n", 30)+`
        version = "6.1.20"
  node "zva5n1" {
    address = "127.0.0.1"
    ssh { port = 1 }
  }
}
variable "v" {
  default     = `+hclQuote(hostile)+`
  description = `+hclQuote(hostile)+`
}
rule "quiet" {
  condition     = true
  message       = `+hclQuote(hostile)+`
}
`)
	p := hostilePlan(t, true)
	plain, _ := pairPlan(t, "")
	for i := range plain.Actions { // texts that need not fit together
		plain.Actions[i].Title, plain.Actions[i].Reason = utf8Of(p.Actions[i].Title), utf8Of(p.Actions[i].Reason)
		plain.Actions[i].Script += map[bool]string{true: utf8Of(hostile)}[plain.Actions[i].Script != ""]
	}
	text := utf8Of(hostile)
	plain.Author, plain.Change, plain.Commit = "alice"+text, text, text
	plain.Clusters[0].Warnings, plain.Clusters[0].Interruption.Why = []string{text}, text
	plain.Config.Files = []plan.File{{Path: "a" + text, Text: text, SHA256: strings.Repeat("0", 64)}}
	plain.Waivers = []plan.Waiver{{Name: "x" + text, Because: text, What: text}}
	plain.Identify()
	planFile := write("edge"+short[:20]+".plan", writtenBy(t, plain.Encode))
	write("edge"+short[:20]+".plan."+short[:30]+".sig", hostile)

	root := newCLI(stdio{nil, io.Discard, io.Discard}, nil).root()
	var names []string
	for _, cmd := range root.Commands() {
		if cmd.Name() != "help" && cmd.Name() != cobra.ShellCompRequestCmd {
			names = append(names, cmd.Name())
		}
	}
	for name := range commandLines {
		if !slices.Contains(names, name) {
			t.Errorf("there is no command %q any more", name)
		}
	}
	shown := 0
	for _, name := range names {
		if len(commandLines[name]) == 0 {
			t.Errorf("zup %s is called with nothing hostile: add it to commandLines", name)
		}
		for _, line := range commandLines[name] {
			args := []string{}
			for _, a := range line {
				args = append(args, strings.NewReplacer("PLAN", planFile, "FILE", file, "NOTHING", filepath.Join(dir, "no"+short[:40]), "HOSTILE", argument).Replace(a))
			}
			if !slices.Contains(line, "-chdir") && line[0] != "__complete" {
				args = append(args[:1:1], append([]string{"-chdir=" + dir}, args[1:]...)...)
			}
			var out, errs bytes.Buffer
			env := []string{"HOME=" + base, "PATH=" + os.Getenv("PATH"), "ZUP_LOG=debug"}
			code := run(t.Context(), args, stdio{strings.NewReader(""), &out, &errs}, env)
			what := fmt.Sprintf("zup %q (exit code %d)", line, code)
			if slices.Contains(line, "-html") || slices.Contains(line, "-md") {
				what += ", HTML"
			}
			if name == "show" && slices.Contains(line, "PLAN") && code != exitOK && code != exitDamaged { // it is shown, and that zup did not make it
				t.Errorf("%s: the plan is not shown\n%s", what, errs.String())
			}
			for _, text := range []string{out.String(), errs.String()} {
				if strings.Contains(text, `\u202e`) {
					shown++
					noHostile(t, what, text)
				} else if err := checkShown(nil, text); err != nil {
					t.Errorf("%s: %v", what, err)
				}
			}
		}
	}
	if shown < 40 {
		t.Errorf("hostile text was shown by %d outputs: most were not looked at", shown)
	}
}

// utf8Of is a text as a plan can hold it.
func utf8Of(s string) string { return strings.ToValidUTF8(s, "") }

// hclQuote is a text in quotes as HCL takes it.
func hclQuote(s string) string {
	q, _ := json.Marshal(strings.ReplaceAll(utf8Of(s), "\x00", ""))
	return strings.NewReplacer("${", "$${", "%{", "%%{", `\u003c`, "<", `\u003e`, ">", `\u0026`, "&", `\b`, "", `\f`, "").Replace(string(q))
}
