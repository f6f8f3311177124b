// Package ci_test reads the pipelines of this folder and carries them out: every
// step, word for word, with bash in a checkout, against a pair of nodes in memory
// behind SSH servers. Stand-ins are the platforms' own tools only: checkout,
// artifacts, gh and glab.
package ci_test

import (
	"bytes"
	"fmt"
	"maps"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"

	"go.yaml.in/yaml/v3"

	"zup/providers/ssh/sshtest"
	"zup/providers/zevenet/zevenettest"
)

// world is a repository, a runner that reaches a pair, and what the platform keeps.
type world struct {
	t      *testing.T
	pair   *zevenettest.Pair
	home   string // of the runner
	origin string // the repository
	kept   string // artifacts, by name
	calls  string // file: what the platform's tool was called with
	state  string
}

const configuration = `cluster "zevenet" "edge" {
  version = "6.1.20"
  node "zva5n1" { address = "zva5n1" }
  node "zva5n2" { address = "zva5n2" }
}
`

// tool is gh and glab: it writes down how it was called, and brings artifacts.
const tool = `#!/bin/sh
printf '%s' "${0##*/}" >>"$CALLS"
printf ' %s' "$@" >>"$CALLS"
echo >>"$CALLS"
case "$1 $2" in
"run download") cp -r "$KEPT/$5/." . ;;
"pr comment") if [ "$4" = --edit-last ]; then exit 1; fi; test -s "$5" ;;
esac
`

func newWorld(t *testing.T) *world {
	dir := t.TempDir()
	w := &world{
		t: t, pair: zevenettest.New("zva5n1", "zva5n2", "zva5n1", "disabled"), home: filepath.Join(dir, "home"),
		origin: filepath.Join(dir, "origin"), kept: filepath.Join(dir, "kept"), calls: filepath.Join(dir, "calls"), state: filepath.Join(dir, "state.json"),
	}
	bin := filepath.Join(w.home, "bin")
	for _, d := range []string{bin, filepath.Join(w.home, ".ssh"), w.origin, w.kept} {
		w.check(os.MkdirAll(d, 0o700))
	}
	var ssh strings.Builder
	for _, name := range []string{"zva5n1", "zva5n2"} {
		s := w.pair.Serve(t, name, sshtest.Config{})
		fmt.Fprintf(&ssh, "Host %s\n\tHostName 127.0.0.1\n\tPort %d\n\tUser root\n\tHostKeyAlias %s\n\tIdentityFile %s\n\tUserKnownHostsFile %s\n",
			name, s.Port(), name, s.IdentityFile(), s.KnownHosts(name))
	}
	w.check(os.WriteFile(filepath.Join(w.home, ".ssh", "config"), []byte(ssh.String()), 0o600))
	w.check(os.WriteFile(filepath.Join(w.origin, "edge.zup.hcl"), []byte(configuration), 0o600))
	for _, name := range []string{"gh", "glab"} {
		w.check(os.WriteFile(filepath.Join(bin, name), []byte(tool), 0o700))
	}
	w.must("go", "build", "-o", filepath.Join(bin, "zup"), "zup/cmd/zup")
	w.must("git", "init", "-q", "-b", "main", w.origin)
	w.must("git", "-C", w.origin, "add", ".")
	w.must("git", "-C", w.origin, "-c", "user.name=a", "-c", "user.email=a@example.net", "commit", "-qm", "edge")
	return w
}

func (w *world) check(err error) {
	w.t.Helper()
	if err != nil {
		w.t.Fatal(err)
	}
}

func (w *world) must(args ...string) {
	w.t.Helper()
	if out, err := exec.Command(args[0], args[1:]...).CombinedOutput(); err != nil {
		w.t.Fatalf("%v: %v\n%s", args, err, out)
	}
}

func (w *world) checkout() string {
	dir := filepath.Join(w.t.TempDir(), "work")
	w.must("git", "clone", "-q", w.origin, dir)
	return dir
}

// bash carries out a script as the platform does, and returns what it wrote.
func (w *world) bash(dir, script string, env map[string]string) (string, error) {
	cmd := exec.Command("bash", "--noprofile", "--norc", "-eo", "pipefail", "-c", script)
	cmd.Dir = dir
	cmd.Env = []string{
		"PATH=" + filepath.Join(w.home, "bin") + ":" + os.Getenv("PATH"), "HOME=" + w.home, "CALLS=" + w.calls, "KEPT=" + w.kept,
	}
	for name, value := range env {
		cmd.Env = append(cmd.Env, name+"="+value)
	}
	var out bytes.Buffer
	cmd.Stdout, cmd.Stderr = &out, &out
	err := cmd.Run()
	return out.String(), err
}

// keep is what the platform does with artifacts.
func (w *world) keep(dir, name string, paths []string) {
	to := filepath.Join(w.kept, name)
	w.check(os.RemoveAll(to))
	w.check(os.MkdirAll(to, 0o700))
	for _, p := range paths {
		if _, err := os.Stat(filepath.Join(dir, p)); err == nil {
			w.must("sh", "-c", `cd "$1" && cp -r --parents "$2" "$3"`, "sh", dir, p, to)
		}
	}
}

func (w *world) text(path string) string {
	data, err := os.ReadFile(path)
	w.check(err)
	return string(data)
}

func read[T any](t *testing.T, path string) T {
	t.Helper()
	var v T
	data, err := os.ReadFile(path)
	if err == nil {
		d := yaml.NewDecoder(bytes.NewReader(data))
		d.KnownFields(true) // a key that this test does not know may mean anything
		err = d.Decode(&v)
	}
	if err != nil {
		t.Fatalf("%s: %v", path, err)
	}
	return v
}

// sound checks a script with bash and, where it is there, shellcheck.
func sound(t *testing.T, name, script string) {
	t.Helper()
	for _, check := range [][]string{{"bash", "-n"}, {"shellcheck", "-s", "bash", "-"}} {
		if _, err := exec.LookPath(check[0]); err != nil && check[0] == "shellcheck" {
			continue
		}
		cmd := exec.Command(check[0], check[1:]...)
		cmd.Stdin = strings.NewReader(script)
		if out, err := cmd.CombinedOutput(); err != nil {
			t.Errorf("%s: %s: %v\n%s", name, check[0], err, out)
		}
	}
}

// workflow is a workflow of GitHub Actions, as far as ours goes.
type workflow struct {
	Name        string
	On          yaml.Node
	Permissions map[string]string
	Defaults    struct{ Run struct{ Shell string } }
	Env         map[string]string
	Jobs        map[string]job
}

type job struct {
	Needs       string
	If          string
	RunsOn      []string `yaml:"runs-on"`
	Outputs     map[string]string
	Environment string
	Concurrency struct {
		Group  string
		Cancel bool `yaml:"cancel-in-progress"`
	}
	Steps []step
}

type step struct {
	ID, Name, Uses, If, Run string
	Env                     map[string]string
	With                    struct {
		Name   string
		Path   string
		Hidden bool `yaml:"include-hidden-files"`
	}
}

// github carries out jobs of the workflow for one event.
type github struct {
	*world
	flow    workflow
	values  map[string]string // what expressions stand for
	summary string
}

var expression = regexp.MustCompile(`\$\{\{ *([a-z_.]+) *\}\}`)

func (g *github) expand(s string) string {
	return expression.ReplaceAllStringFunc(s, func(e string) string {
		name := expression.FindStringSubmatch(e)[1]
		v, ok := g.values[name]
		if !ok {
			g.t.Fatalf("the test does not know %s", e)
		}
		return v
	})
}

// holds evaluates what our conditions are made of: equations, and always().
func (g *github) holds(condition string, failed bool) bool {
	if condition == "" {
		return !failed
	}
	always := false
	for _, part := range strings.Split(condition, " && ") {
		if part == "always()" {
			always = true
			continue
		}
		name, want, ok := strings.Cut(part, " == ")
		got, known := g.values[name]
		if !ok || !known {
			g.t.Fatalf("the test does not know %q", part)
		}
		if got != strings.Trim(want, "'") {
			return false
		}
	}
	return always || !failed
}

// job carries out a job, and returns what its steps wrote and whether it failed.
func (g *github) job(name string) (string, bool) {
	j := g.flow.Jobs[name]
	if !g.holds(j.If, false) {
		g.t.Fatalf("job %s is not carried out", name)
	}
	dir, output, said, failed := "", filepath.Join(g.t.TempDir(), "output"), "", false
	for _, s := range j.Steps {
		if !g.holds(s.If, failed) {
			continue
		}
		switch {
		case strings.HasPrefix(s.Uses, "actions/checkout@"):
			dir = g.checkout()
		case strings.HasPrefix(s.Uses, "actions/upload-artifact@"):
			paths := strings.Fields(s.With.Path)
			if !s.With.Hidden { // the platform leaves them out then
				paths = slices.DeleteFunc(paths, func(p string) bool { return strings.HasPrefix(p, ".") })
			}
			g.keep(dir, s.With.Name, paths)
		case s.Uses != "":
			g.t.Fatalf("%s is an action of somebody else", s.Uses)
		default:
			env := map[string]string{"GITHUB_OUTPUT": output, "GITHUB_STEP_SUMMARY": g.summary, "GITHUB_RUN_ID": "4711"}
			for _, from := range []map[string]string{g.flow.Env, s.Env} {
				for k, v := range from {
					env[k] = g.expand(v)
				}
			}
			out, err := g.bash(dir, s.Run, env)
			g.t.Logf("%s, %s:\n%s", name, s.Name, out)
			said += out
			failed = failed || err != nil
		}
	}
	data, _ := os.ReadFile(output)
	for line := range strings.Lines(string(data)) {
		key, value, _ := strings.Cut(strings.TrimSpace(line), "=")
		g.values["needs."+name+".outputs."+key] = value
	}
	return said, failed
}

func newGitHub(t *testing.T, event string) *github {
	w := newWorld(t)
	return &github{world: w, flow: read[workflow](t, "github/zup.yml"), summary: filepath.Join(t.TempDir(), "summary"), values: map[string]string{
		"vars.ZUP_STATE": w.state, "github.token": "t", "github.event_name": event, "github.ref": "refs/heads/main", "github.event.pull_request.number": "7",
	}}
}

func (g *github) want(name string, mayFail bool, words ...string) {
	g.t.Helper()
	said, failed := g.job(name)
	if failed != mayFail {
		g.t.Fatalf("job %s: failed: %v", name, failed)
	}
	for _, word := range words {
		if !strings.Contains(said, word) {
			g.t.Errorf("job %s does not say %q", name, word)
		}
	}
}

// atRest asserts that both nodes are updated and nothing is left.
func (w *world) atRest() {
	w.t.Helper()
	for _, name := range []string{"zva5n1", "zva5n2"} {
		if f := w.pair.FactsOf(name); f["version"] != "6.1.20" || f["open"] != "none" || w.pair.Damage() != "" {
			w.t.Errorf("%s: %v %s", name, f, w.pair.Damage())
		}
	}
}

// has asserts that files were kept, and are not empty.
func (w *world) has(artifact string, paths ...string) {
	w.t.Helper()
	for _, p := range paths {
		found, _ := filepath.Glob(filepath.Join(w.kept, artifact, p))
		if len(found) == 0 {
			w.t.Errorf("artifact %s has no %s", artifact, p)
		}
		for _, f := range found {
			if info, err := os.Stat(f); err != nil || info.Size() == 0 {
				w.t.Errorf("artifact %s: %s is empty", artifact, p)
			}
		}
	}
}

func TestGitHubPullRequest(t *testing.T) {
	g := newGitHub(t, "pull_request")
	g.want("check", false, "The configuration is valid")
	g.want("plan", false, "6.1.19 → 6.1.20")
	calls := g.text(g.calls)
	if calls != "gh pr comment 7 --edit-last --body-file plan.md\ngh pr comment 7 --body-file plan.md\n" {
		t.Errorf("gh was called with\n%s", calls)
	}
	g.has("zup-plan", "zup.plan", "plan.md", "plan.jsonl")
	if len(g.text(filepath.Join(g.kept, "zup-plan", "plan.md"))) > 65000 {
		t.Error("the comment is too long")
	}

	// A refusal is a comment too.
	g.pair.Set("zva5n2", "role", "master")
	g.pair.Set("zva5n2", "vrrp", "MASTER")
	g.want("plan", true, "split brain")
	if md := g.text(filepath.Join(g.kept, "zup-plan", "plan.md")); !strings.Contains(md, "A rule refuses to plan this") || !strings.Contains(md, "split brain") {
		t.Errorf("the comment says\n%s", md)
	}
}

func TestGitHubApply(t *testing.T) {
	g := newGitHub(t, "push")
	g.want("check", false)
	g.want("plan", false)
	g.want("apply", false, "edge: verified")
	g.atRest()
	g.has("zup-report", "report.html", "report.md", "apply.jsonl", ".zup/runs/*/report.json")
	if calls := g.text(g.calls); calls != "gh run download 4711 --name zup-plan\n" {
		t.Errorf("gh was called with\n%s", calls)
	}

	// The same plan once more.
	g.want("apply", true, "::error title=The plan is stale")
	g.want("plan", false, "No changes")
	if got := g.values["needs.plan.outputs.changes"]; got != "false" {
		t.Errorf("there are changes: %s", got)
	}
}

func TestGitHubApplyIsRefused(t *testing.T) {
	g := newGitHub(t, "push")
	g.want("plan", false)
	g.pair.Set("zva5n2", "updater", "bare")
	g.want("apply", true, `updater was "install" when the plan was made`, "::error title=The plan is stale")
	g.pair.Set("zva5n2", "updater", "")
	g.pair.Fail("zva5n2", "update", func(p *zevenettest.Pair) zevenettest.Fault {
		p.Nodes["zva5n1"].Config = "edited"
		return zevenettest.Fault{}
	})
	g.want("apply", true, "::error title=A rule refused or stopped it")
	g.has("zup-report", "report.md", ".zup/runs/*/report.json")
}

// pipeline is a pipeline of GitLab CI, as far as ours goes.
type pipeline struct {
	Stages  []string
	Default struct {
		Tags          []string
		Interruptible bool
	}
	Workflow struct{ Rules []map[string]string }
	Check    gitlabJob
	Plan     gitlabJob
	Apply    gitlabJob
}

type gitlabJob struct {
	Stage         string
	Needs         []string
	Rules         []map[string]string
	Environment   string
	ResourceGroup string   `yaml:"resource_group"`
	Script        []string // in one shell
	AfterScript   []string `yaml:"after_script"`
	Artifacts     struct {
		Name, When string
		Paths      []string
	}
}

func (j gitlabJob) scripts() map[string]string {
	return map[string]string{"script": strings.Join(j.Script, "\n"), "after_script": strings.Join(j.AfterScript, "\n")}
}

// run carries out a job, with the artifacts of those that it needs.
func (j gitlabJob) run(w *world, env map[string]string, needed ...string) (string, error) {
	dir := w.checkout()
	for _, name := range needed {
		w.must("cp", "-r", filepath.Join(w.kept, name)+"/.", dir)
	}
	out, err := w.bash(dir, j.scripts()["script"], env)
	after, afterErr := w.bash(dir, j.scripts()["after_script"], env)
	w.check(afterErr)
	w.t.Logf("%s%s", out, after)
	w.keep(dir, j.Artifacts.Name, j.Artifacts.Paths)
	return out + after, err
}

func TestGitLab(t *testing.T) {
	w, p := newWorld(t), read[pipeline](t, "gitlab/.gitlab-ci.yml")
	env := map[string]string{"ZUP_STATE": w.state, "CI_MERGE_REQUEST_IID": "7"}
	p.Check.Artifacts.Name = "check"
	if out, err := p.Check.run(w, env); err != nil || !strings.Contains(out, "The configuration is valid") {
		t.Errorf("%v: %s", err, out)
	}
	if _, err := p.Plan.run(w, env); err != nil {
		t.Fatal(err)
	}
	w.has("zup-plan", "zup.plan", "plan.md", "plan.jsonl")
	if calls := w.text(w.calls); !strings.HasPrefix(calls, "glab mr note 7 --message ") || !strings.Contains(calls, "6.1.20") {
		t.Errorf("glab was called with\n%s", calls)
	}

	delete(env, "CI_MERGE_REQUEST_IID")
	if _, err := p.Plan.run(w, env); err != nil {
		t.Fatal(err)
	}
	w.pair.Set("zva5n2", "updater", "bare")
	if out, err := p.Apply.run(w, env, "zup-plan"); err == nil || !strings.Contains(out, "The plan is stale") {
		t.Errorf("%v: %s", err, out)
	}
	w.pair.Set("zva5n2", "updater", "")
	if out, err := p.Apply.run(w, env, "zup-plan"); err != nil || !strings.Contains(out, "edge: verified") {
		t.Errorf("%v: %s", err, out)
	}
	w.atRest()
	w.has("zup-report", "report.html", "report.md", "apply.jsonl", ".zup/runs/*/report.json")

	w.pair.Set("zva5n2", "role", "master")
	w.pair.Set("zva5n2", "vrrp", "MASTER")
	if _, err := p.Plan.run(w, env); err == nil {
		t.Error("split brain, and the job ended well")
	}
	if md := w.text(filepath.Join(w.kept, "zup-plan", "plan.md")); !strings.Contains(md, "A rule refuses") {
		t.Errorf("the comment says\n%s", md)
	}
}

// Every script is sound, and no expression of the platform is in one: what a branch
// is called must not become a command.
func TestScriptsAreSound(t *testing.T) {
	flow, p := read[workflow](t, "github/zup.yml"), read[pipeline](t, "gitlab/.gitlab-ci.yml")
	if flow.Defaults.Run.Shell != "bash" {
		t.Error("the steps are not for bash")
	}
	n := 0
	for name, j := range flow.Jobs {
		for _, s := range j.Steps {
			if s.Run == "" {
				continue
			}
			n++
			sound(t, name+", "+s.Name, s.Run)
			if strings.Contains(s.Run, "${{") {
				t.Errorf("%s, %s: an expression in a script", name, s.Name)
			}
		}
	}
	for name, j := range map[string]gitlabJob{"check": p.Check, "plan": p.Plan, "apply": p.Apply} {
		scripts := j.scripts()
		for _, part := range slices.Sorted(maps.Keys(scripts)) {
			n++
			sound(t, "gitlab "+name+" "+part, scripts[part])
		}
	}
	if n < 10 {
		t.Errorf("only %d scripts", n)
	}
	apply := flow.Jobs["apply"]
	if apply.Environment != "production" || apply.Concurrency.Group == "" || apply.Concurrency.Cancel || p.Apply.Environment != "production" || p.Apply.ResourceGroup == "" || p.Default.Interruptible {
		t.Error("an apply is not protected, or may be ended from outside")
	}
}
