package ci_test

import (
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"

	"go.yaml.in/yaml/v3"
)

// pipeline is a pipeline of GitLab CI, as far as ours goes.
type pipeline struct {
	Stages    []string
	Default   struct{ Interruptible bool }
	Variables map[string]string
	Workflow  struct{ Rules []map[string]string }
	Check     gitlabJob
	Plan      gitlabJob
	Note      gitlabJob
	Propose   gitlabJob
	Apply     gitlabJob
}

type gitlabJob struct {
	Stage         string
	Image         string
	Needs         []string
	Tags          []string
	Rules         []map[string]string
	Variables     map[string]string
	Environment   environment
	ResourceGroup string   `yaml:"resource_group"`
	Script        []string // in one shell
	Artifacts     struct {
		Name, When string
		Paths      []string
		Reports    struct{ Dotenv string }
	}
}

// environment is a name, or a name and what is done with it.
type environment struct{ Name, Action string }

func (e *environment) UnmarshalYAML(n *yaml.Node) error {
	if n.Kind == yaml.ScalarNode {
		e.Name = n.Value
		return nil
	}
	type plain environment
	return n.Decode((*plain)(e))
}

func (p *pipeline) jobs() map[string]gitlabJob {
	return map[string]gitlabJob{"check": p.Check, "plan": p.Plan, "note": p.Note, "propose": p.Propose, "apply": p.Apply}
}

// gitlab carries out jobs of the pipeline.
type gitlab struct {
	*world
	pipeline
	dir       string            // of the configuration
	variables map[string]string // of the pipeline
	dotenv    map[string]string // that a job has reported
	branch    string
}

func newGitLab(t *testing.T) pipe {
	return &gitlab{world: newWorld(t), pipeline: read[pipeline](t, "gitlab/.gitlab-ci.yml"), dotenv: map[string]string{}}
}

func (g *gitlab) the() *world       { return g.world }
func (g *gitlab) folder(dir string) { g.dir = dir }

func (g *gitlab) on(source, branch string) {
	g.branch = branch
	g.variables = map[string]string{
		"CI_PIPELINE_SOURCE": source, "CI_DEFAULT_BRANCH": "main", "CI_PROJECT_ID": "17", "CI_PIPELINE_ID": "4712", "CI_SERVER_URL": "https://gitlab.example",
		"CI_COMMIT_SHA": g.commitOf(branch), "CI_JOB_TOKEN": "GITLAB-TOKEN", "CI_REPOSITORY_URL": "https://gitlab-ci-token:GITLAB-TOKEN@gitlab.example/a/b.git", "CI_REGISTRY_PASSWORD": "GITLAB-TOKEN",
	}
	if source == "merge_request_event" {
		g.variables["CI_MERGE_REQUEST_IID"], g.variables["CI_MERGE_REQUEST_SOURCE_PROJECT_ID"] = "7", "17"
	} else {
		g.variables["CI_COMMIT_BRANCH"] = branch
	}
}

func (g *gitlab) review(branch string) (log string, failed []string) {
	g.on("merge_request_event", branch)
	for _, name := range []string{"check", "plan", "note"} {
		said, bad := g.job(name)
		log += said
		if bad {
			failed = append(failed, map[string]string{"check": "check", "plan": "plan", "note": "comment"}[name])
		}
	}
	return log, failed
}

func (g *gitlab) propose() (string, bool) { g.on("push", "main"); return g.job("propose") }
func (g *gitlab) apply() (string, bool)   { g.on("push", "main"); return g.job("apply") }

// holds evaluates the rules of a job: equations of variables and strings.
func (g *gitlab) holds(rules []map[string]string) bool {
	value := func(s string) string {
		if name, ok := strings.CutPrefix(s, "$"); ok {
			return g.variables[name]
		}
		return strings.Trim(s, `"`)
	}
	return slices.ContainsFunc(rules, func(rule map[string]string) bool {
		for part := range strings.SplitSeq(rule["if"], " && ") {
			left, right, ok := strings.Cut(part, " == ")
			if !ok {
				g.t.Fatalf("the test does not know %q", part)
			}
			if value(left) != value(right) {
				return false
			}
		}
		return true
	})
}

// job carries out a job with the artifacts of those that it needs.
func (g *gitlab) job(name string) (string, bool) {
	g.t.Helper()
	j := g.jobs()[name]
	if !g.holds(g.Workflow.Rules) || !g.holds(j.Rules) {
		g.t.Fatalf("job %s is not carried out", name)
	}
	r := map[string]*runner{"zup-plan": g.plan(), "zup-apply": g.world.apply, "saas-linux-small-amd64": g.ours}[strings.Join(j.Tags, " ")]
	dir := filepath.Join(g.t.TempDir(), "builds")
	env := map[string]string{"CI": "true", "CI_PROJECT_DIR": dir, "ZUP_STATE": r.state, "ZUP_DIR": g.dir}
	for _, from := range []map[string]string{g.variables, j.Variables} {
		for key, value := range from {
			env[key] = os.Expand(value, func(name string) string { return g.variables[name] })
		}
	}
	if j.Environment.Name == "zup-note" {
		env["GITLAB_TOKEN"] = "NOTE-TOKEN"
	}
	if j.Variables["GIT_STRATEGY"] == "none" {
		g.check(os.Mkdir(dir, 0o700))
	} else {
		g.checkout(g.branch, dir)
	}
	for _, need := range j.Needs {
		artifact := g.jobs()[need].Artifacts
		to := filepath.Join(dir, "zup-"+g.variables["CI_COMMIT_SHA"])
		g.check(os.Mkdir(to, 0o700))
		if _, err := os.Stat(filepath.Join(g.kept, artifact.Name)); err != nil {
			return "there are no artifacts of " + need, true
		}
		g.must("cp", "-rP", filepath.Join(g.kept, artifact.Name)+"/.", to)
		for key, value := range g.dotenv {
			env[key] = value
		}
	}
	log, err := r.bash(dir, strings.Join(j.Script, "\n"), env)
	g.t.Logf("%s:\n%s", name, log)
	g.keepOf(dir, j)
	g.cleanCheckout(dir)
	return log, err != nil
}

func (g *gitlab) plan() *runner { return g.world.plan }

// keepOf keeps a job's artifacts.
func (g *gitlab) keepOf(dir string, j gitlabJob) {
	g.t.Helper()
	if j.Artifacts.Name == "" {
		return
	}
	expand := func(path string) string {
		return filepath.Join(dir, os.Expand(path, func(name string) string { return g.variables[name] }))
	}
	var paths []string
	for _, p := range j.Artifacts.Paths {
		paths = append(paths, expand(p))
	}
	g.keep(j.Artifacts.Name, paths)
	if data, err := os.ReadFile(expand(j.Artifacts.Reports.Dotenv)); err == nil && j.Artifacts.Reports.Dotenv != "" {
		for line := range strings.Lines(string(data)) {
			key, value, _ := strings.Cut(strings.TrimSuffix(line, "\n"), "=")
			g.dotenv[key] = value
		}
	}
}

// What GitLab does with a log, from its source (ansi2json): it obeys control sequences,
// takes a carriage return for the beginning of the line, and folds between sections,
// whose marks end with both.
var gitlabObeys = regexp.MustCompile(`[^\n]*[\x1b\r][^\n]*`)

func (g *gitlab) forged(log string) []string {
	forged := gitlabObeys.FindAllString(log, -1)
	for key, value := range g.dotenv {
		if key != "PLAN_ID" || !regexp.MustCompile(`^[0-9a-f]{64}$`).MatchString(value) {
			forged = append(forged, "dotenv: "+key+"="+value)
		}
	}
	return forged
}

// Merge requests of forks have no pipeline, and each job is for its own.
func TestGitLabJobsRunForTheirEvents(t *testing.T) {
	t.Parallel()
	g := newGitLab(t).(*gitlab)
	for _, c := range []struct {
		source, branch, from string
		want                 []string
	}{
		{"merge_request_event", "change", "17", []string{"check", "note", "plan"}},
		{"merge_request_event", "change", "18", nil},
		{"push", "main", "", []string{"apply", "propose"}},
		{"push", "change", "", nil},
		{"schedule", "main", "", []string{"apply", "propose"}},
	} {
		g.on(c.source, c.branch)
		if c.from != "" {
			g.variables["CI_MERGE_REQUEST_SOURCE_PROJECT_ID"] = c.from
		}
		var got []string
		for name, j := range g.jobs() {
			if g.holds(g.Workflow.Rules) && g.holds(j.Rules) {
				got = append(got, name)
			}
		}
		slices.Sort(got)
		if !slices.Equal(got, c.want) {
			t.Errorf("%s of %s: %q", c.source, c.branch, got)
		}
	}
}

// Whoever starts the apply may name the plan himself.
func TestGitLabPlanIDByHand(t *testing.T) {
	t.Parallel()
	g := newGitLab(t).(*gitlab)
	if log, failed := g.propose(); failed {
		t.Fatal(log)
	}
	for _, id := range []string{"", "any", strings.Repeat("0", 64)} {
		g.dotenv["PLAN_ID"] = id
		if log, failed := g.apply(); !failed {
			t.Errorf("%q: %s", id, log)
		}
	}
	g.untouched()
}
