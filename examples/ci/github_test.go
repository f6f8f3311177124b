package ci_test

import (
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"
	"unicode"

	"go.yaml.in/yaml/v3"
)

// workflow is a workflow of GitHub Actions, as far as ours goes.
type workflow struct {
	Name        string
	On          yaml.Node
	Permissions map[string]string
	Defaults    struct{ Run struct{ Shell string } }
	Jobs        map[string]githubJob
}

type githubJob struct {
	Needs       string
	If          string
	RunsOn      words `yaml:"runs-on"`
	Permissions map[string]string
	Outputs     map[string]string
	Environment string
	Concurrency struct {
		Group  string
		Cancel bool `yaml:"cancel-in-progress"`
	}
	Steps []step
}

// words is one word or several.
type words []string

func (w *words) UnmarshalYAML(n *yaml.Node) error {
	if n.Kind == yaml.ScalarNode {
		*w = words{n.Value}
		return nil
	}
	return n.Decode((*[]string)(w))
}

type step struct {
	ID, Name, Uses, If, Run string
	Env                     map[string]string
	With                    struct {
		Name    string
		Path    string
		Persist *bool `yaml:"persist-credentials"`
	}
}

// github carries out jobs of the workflow.
type github struct {
	*world
	flow    workflow
	values  map[string]string // what expressions stand for
	branch  string            // that is checked out
	summary string
	outputs []string // lines of GITHUB_OUTPUT, of all jobs
}

func newGitHub(t *testing.T) pipe {
	w := newWorld(t)
	return &github{world: w, flow: read[workflow](t, "github/zup.yml"), summary: filepath.Join(w.dir, "summary"), values: map[string]string{
		"vars.ZUP_DIR": "", "github.token": "GITHUB-TOKEN", "github.repository": "owner/repository", "github.event.pull_request.number": "7",
		"github.event.pull_request.head.repo.full_name": "owner/repository",
	}}
}

func (g *github) the() *world       { return g.world }
func (g *github) folder(dir string) { g.values["vars.ZUP_DIR"] = dir }

// on sets the event.
func (g *github) on(event, ref, branch string) {
	g.values["github.event_name"], g.values["github.ref"], g.branch = event, ref, branch
}

func (g *github) review(branch string) (log string, failed []string) {
	g.on("pull_request", "refs/pull/7/merge", branch)
	for _, name := range []string{"check", "plan", "comment"} {
		said, bad, ran := g.job(name)
		log += said
		if bad || !ran {
			failed = append(failed, name)
		}
	}
	return log, failed
}

func (g *github) propose() (string, bool) { return g.main("propose") }
func (g *github) apply() (string, bool)   { return g.main("apply") }

func (g *github) main(name string) (string, bool) {
	g.on("push", "refs/heads/main", "main")
	log, failed, ran := g.job(name)
	return log, failed || !ran
}

var expression = regexp.MustCompile(`\$\{\{ *([A-Za-z_.-]+) *\}\}`)

func (g *github) expand(s string) string {
	g.t.Helper()
	return expression.ReplaceAllStringFunc(s, func(e string) string { return g.value(expression.FindStringSubmatch(e)[1]) })
}

// value is a string, or what a name stands for.
func (g *github) value(s string) string {
	g.t.Helper()
	if strings.HasPrefix(s, "'") {
		return strings.Trim(s, "'")
	}
	v, ok := g.values[s]
	if !ok && !strings.HasPrefix(s, "steps.") && !strings.HasPrefix(s, "needs.") { // those may not have been set
		g.t.Fatalf("the test does not know %s", s)
	}
	return v
}

// holds evaluates what our conditions are made of: equations, and always().
func (g *github) holds(condition string, failed bool) bool {
	g.t.Helper()
	if condition == "" {
		return !failed
	}
	always := false
	for part := range strings.SplitSeq(condition, " && ") {
		left, right, equal := strings.Cut(part, " == ")
		if !equal {
			left, right, _ = strings.Cut(part, " != ")
		}
		switch {
		case part == "always()":
			always = true
		case right == "":
			g.t.Fatalf("the test does not know %q", part)
		case (g.value(left) == g.value(right)) != equal:
			return false
		}
	}
	return always || !failed
}

// runnerOf is where a job runs.
func (g *github) runnerOf(j githubJob) *runner {
	for labels, r := range map[string]*runner{"self-hosted zup-plan": g.plan, "self-hosted zup-apply": g.world.apply, "ubuntu-latest": g.ours} {
		if strings.Join(j.RunsOn, " ") == labels {
			return r
		}
	}
	g.t.Fatalf("there is no runner %q", j.RunsOn)
	return nil
}

// job carries out a job, and returns what its steps wrote, whether it failed, and
// whether it was carried out.
func (g *github) job(name string) (log string, failed, ran bool) {
	g.t.Helper()
	j := g.flow.Jobs[name]
	needed := j.Needs == "" || g.values["needs."+j.Needs+".result"] == "success"
	if !g.holds(j.If, !needed) {
		g.values["needs."+name+".result"] = "skipped"
		return "", false, false
	}
	r, dir := g.runnerOf(j), g.t.TempDir()
	place := githubPlace{workspace: filepath.Join(dir, "workspace"), temp: filepath.Join(dir, "temp")}
	g.check(os.Mkdir(place.workspace, 0o700))
	g.check(os.Mkdir(place.temp, 0o700))
	g.values["vars.ZUP_STATE"], g.values["runner.temp"] = r.state, place.temp
	for _, s := range j.Steps {
		if !g.holds(s.If, failed) {
			continue
		}
		said, bad := g.step(r, place, s)
		log, failed = log+said, failed || bad
	}
	g.cleanCheckout(place.workspace)
	for key, from := range j.Outputs {
		g.values["needs."+name+".outputs."+key] = g.expand(from)
	}
	g.values["needs."+name+".result"] = map[bool]string{true: "failure", false: "success"}[failed]
	g.t.Logf("%s:\n%s", name, log)
	return log, failed, true
}

// githubPlace is where a job is on its runner.
type githubPlace struct{ workspace, temp string }

func (g *github) step(r *runner, at githubPlace, s step) (log string, failed bool) {
	g.t.Helper()
	action, _, _ := strings.Cut(s.Uses, "@")
	switch action {
	case "actions/checkout":
		g.checkout(g.branch, at.workspace)
		return "", false
	case "actions/upload-artifact":
		g.keep(s.With.Name, strings.Fields(g.expand(s.With.Path)))
		return "", false
	case "actions/download-artifact":
		from := filepath.Join(g.kept, s.With.Name)
		if _, err := os.Stat(from); err != nil {
			return err.Error(), true
		}
		g.must("cp", "-rP", from, g.expand(s.With.Path))
		return "", false
	case "":
		return g.run(r, at, s)
	}
	g.t.Fatalf("%s is an action of somebody else", s.Uses)
	return "", true
}

func (g *github) run(r *runner, at githubPlace, s step) (log string, failed bool) {
	g.t.Helper()
	files := map[string]string{"GITHUB_OUTPUT": "", "GITHUB_ENV": "", "GITHUB_PATH": "", "GITHUB_STATE": ""}
	for name := range files {
		files[name] = filepath.Join(at.temp, "_runner_file_commands_"+name)
		g.write(files[name], "")
	}
	env := map[string]string{"CI": "true", "GITHUB_ACTIONS": "true", "GITHUB_STEP_SUMMARY": g.summary, "GITHUB_WORKSPACE": at.workspace, "RUNNER_TEMP": at.temp}
	for name, path := range files {
		env[name] = path
	}
	for name, value := range s.Env {
		env[name] = g.expand(value)
	}
	log, err := r.bash(at.workspace, s.Run, env)
	for _, name := range []string{"GITHUB_ENV", "GITHUB_PATH", "GITHUB_STATE"} {
		if text := g.text(files[name]); text != "" {
			g.t.Errorf("%s got %q", name, text)
		}
	}
	for line := range strings.Lines(g.text(files["GITHUB_OUTPUT"])) {
		line = strings.TrimSuffix(line, "\n")
		key, value, _ := strings.Cut(line, "=")
		g.values["steps."+s.ID+".outputs."+key] = value
		g.outputs = append(g.outputs, line)
	}
	return log, err != nil
}

// What the runner of GitHub Actions does with lines of a log, from its source
// (ActionCommand.cs, ActionCommandManager.cs): "::name …::" at the beginning of a line,
// after blanks of any kind, and "##[name …]" anywhere in one, where the name is one of
// these; none of it between ::stop-commands::TOKEN and ::TOKEN::.
var githubCommands = []string{
	"add-mask", "add-matcher", "add-path", "debug", "echo", "endgroup", "error", "group", "notice", "remove-matcher", "save-state", "set-env", "set-output", "stop-commands", "warning",
}

// githubObeys lists the commands that the runner would carry out.
func githubObeys(log string) []string {
	var obeyed []string
	stopped := ""
	for _, line := range regexp.MustCompile(`\r\n|\r|\n`).Split(log, -1) {
		name, rest := githubCommand(line, append(slices.Clone(githubCommands), stopped))
		switch {
		case name == "":
		case stopped != "":
			if name == strings.ToLower(stopped) {
				stopped = ""
			}
		case name == "stop-commands":
			stopped = rest
		default:
			obeyed = append(obeyed, strings.TrimSpace(line))
		}
	}
	return obeyed
}

func githubCommand(line string, known []string) (name, rest string) {
	info, rest, ok := strings.Cut(strings.TrimPrefix(strings.TrimLeftFunc(line, unicode.IsSpace), "::"), "::")
	if ok = ok && strings.HasPrefix(strings.TrimLeftFunc(line, unicode.IsSpace), "::"); ok {
		name, _, _ = strings.Cut(info, " ")
	}
	if !ok || !slices.Contains(known, strings.ToLower(name)) {
		_, after, _ := strings.Cut(line, "##[")
		if info, rest, ok = strings.Cut(after, "]"); !ok {
			return "", ""
		}
		name, _, _ = strings.Cut(info, " ")
	}
	if name = strings.ToLower(name); name == "" || !slices.Contains(known, name) {
		return "", ""
	}
	return name, rest
}

// The steps' own messages.
var ownMessages = []string{
	"::error title=The plan is stale::", "::error title=A rule refused or stopped it::", "::error title=The plan was altered::", "::error title=Not proven::", "::error title=zup ended with ",
	"::error::ZUP_DIR leads out of the checkout.", "::error::zup plan has left no comment.", "::error::No plan was approved.", "::error::The plan is not a file.",
}

func (g *github) forged(log string) []string {
	forged := slices.DeleteFunc(githubObeys(log), func(line string) bool {
		return slices.ContainsFunc(ownMessages, func(own string) bool { return strings.HasPrefix(line, own) })
	})
	for _, line := range g.outputs {
		if !regexp.MustCompile(`^(changes=(true|false)|plan-id=[0-9a-f]{64})$`).MatchString(line) {
			forged = append(forged, "GITHUB_OUTPUT: "+line)
		}
	}
	return forged
}

func TestGitHubObeys(t *testing.T) {
	t.Parallel()
	for log, want := range map[string]int{
		"::error::x": 1, " \t\u00a0\u2003::ERROR file=a,line=1::x": 1, "x ::error::x": 0, "::unknown::x": 0, "::error x": 0, "a ##[add-mask]x": 1, "a ##[unknown]x": 0, "a\r::add-mask::x": 1,
		"::stop-commands::t1\n::error::x\n##[error]x\n::t1::\n::error::x": 1, "::stop-commands::t1\n::t2::\n::error::x": 0, "##[stop-commands]t\n::error::x\n##[T]\n##[error]x": 1,
	} {
		if got := githubObeys(log); len(got) != want {
			t.Errorf("%q: %q", log, got)
		}
	}
}

// Workflows of forks run on no runner of one's own, and each job runs for its event only.
func TestGitHubJobsRunForTheirEvents(t *testing.T) {
	t.Parallel()
	g := newGitHub(t).(*github)
	g.git("branch", "change")
	ran := func() (names []string) {
		for _, name := range []string{"check", "plan", "comment", "propose", "apply"} {
			if _, _, ran := g.job(name); ran {
				names = append(names, name)
			}
		}
		return names
	}
	for _, c := range []struct {
		event, ref, head string
		want             []string
	}{
		{"pull_request", "refs/pull/7/merge", "owner/repository", []string{"check", "plan", "comment"}},
		{"pull_request", "refs/pull/7/merge", "fork/repository", nil},
		{"push", "refs/heads/main", "owner/repository", []string{"propose", "apply"}},
		{"push", "refs/heads/change", "owner/repository", nil},
		{"workflow_dispatch", "refs/heads/main", "owner/repository", nil},
	} {
		g.values["github.event.pull_request.head.repo.full_name"] = c.head
		g.on(c.event, c.ref, "change")
		if got := ran(); !slices.Equal(got, c.want) {
			t.Errorf("%s %s of %s: %q", c.event, c.ref, c.head, got)
		}
	}
}

func TestGitHubSummary(t *testing.T) {
	t.Parallel()
	g := newGitHub(t).(*github)
	if log, failed := g.propose(); failed {
		t.Fatal(log)
	}
	if g.text(g.summary) != g.keptText("zup-proposed", "comment.md") {
		t.Error("the summary is not the comment")
	}
	if log, failed := g.apply(); failed {
		t.Fatal(log)
	}
	contains(t, "the summary", g.text(g.summary), "Done and verified")
	g.propose()
	if got := g.values["needs.propose.outputs.changes"]; got != "false" {
		t.Errorf("there are changes: %s", got)
	}
}
