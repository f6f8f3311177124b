package ci_test

import (
	"maps"
	"os"
	"os/exec"
	"regexp"
	"slices"
	"strings"
	"testing"
)

// script is one that a job carries out.
type script struct {
	name, text string
	shell      string
}

func scripts(flow workflow, p pipeline) []script {
	var all []script
	for _, name := range slices.Sorted(maps.Keys(flow.Jobs)) {
		for _, s := range flow.Jobs[name].Steps {
			if s.Run != "" {
				all = append(all, script{"GitHub " + name + ", " + s.Name, s.Run, flow.Defaults.Run.Shell})
			}
		}
	}
	for _, name := range slices.Sorted(maps.Keys(p.jobs())) {
		j, shell := p.jobs()[name], "bash"
		if j.Image != "" {
			shell = "sh" // the image need not have another one
		}
		all = append(all, script{"GitLab " + name, strings.Join(j.Script, "\n"), shell})
	}
	return all
}

func (s script) lines() []string { return strings.Split(strings.TrimSpace(s.text), "\n") }

// The scripts are sound to their shell and, where it is there, to shellcheck.
func TestScriptsAreSound(t *testing.T) {
	t.Parallel()
	all := scripts(read[workflow](t, "github/zup.yml"), read[pipeline](t, "gitlab/.gitlab-ci.yml"))
	if len(all) < 11 {
		t.Errorf("only %d scripts", len(all))
	}
	for _, s := range all {
		for _, check := range [][]string{{s.shell, "-n"}, {"shellcheck", "-s", s.shell, "-"}} {
			if _, err := exec.LookPath(check[0]); err != nil && check[0] == "shellcheck" && os.Getenv("ZUP_CI") != "1" {
				continue
			}
			cmd := exec.Command(check[0], check[1:]...)
			cmd.Stdin = strings.NewReader(s.text)
			if out, err := cmd.CombinedOutput(); err != nil {
				t.Errorf("%s: %s: %v\n%s", s.name, check[0], err, out)
			}
		}
	}
}

// Whatever is written lies in a folder of the job's own, by its absolute name.
func TestNothingInTheCheckoutIsWritten(t *testing.T) {
	t.Parallel()
	var (
		redirects = regexp.MustCompile(`(^|[^>&])>>? ?("[^"]*"|[^\s;"&]+)`)
		options   = regexp.MustCompile(`-(out|md-into|json-into)=("[^"]*"|\S+)`)
		writes    = regexp.MustCompile(`(?:^|[ ;])(?:cp|mv|mkdir|rm|tee|touch|ln|install|dd|tar|unzip|git|patch|sed -i)(?: [^;]*)? ("[^"]*"|[^ ;]+)(?:;|$)`)
		own       = regexp.MustCompile(`^"(\$dir/[^"]*|\$dir|\$out/?|\$GITHUB_OUTPUT|\$GITHUB_STEP_SUMMARY|\$conf/\.zup)"$|^/dev/null$`)
		n         = 0
	)
	for _, s := range scripts(read[workflow](t, "github/zup.yml"), read[pipeline](t, "gitlab/.gitlab-ci.yml")) {
		for _, line := range s.lines() {
			if strings.HasPrefix(strings.TrimSpace(line), "#") || strings.Contains(line, "echo ") {
				continue
			}
			for pattern, group := range map[*regexp.Regexp]int{redirects: 2, options: 2, writes: 1} {
				for _, m := range pattern.FindAllStringSubmatch(line, -1) {
					if n++; !own.MatchString(m[group]) {
						t.Errorf("%s: %s: %s", s.name, m[group], strings.TrimSpace(line))
					}
				}
			}
		}
	}
	if n < 40 {
		t.Errorf("only %d places are written to", n)
	}
}

// zup has nothing of a job's environment but what it needs, and says everything between
// the two lines that GitHub wants for that.
func TestZupIsKeptToItself(t *testing.T) {
	t.Parallel()
	for _, s := range scripts(read[workflow](t, "github/zup.yml"), read[pipeline](t, "gitlab/.gitlab-ci.yml")) {
		stopped := false
		for _, line := range s.lines() {
			line = strings.TrimSpace(line)
			switch {
			case line == `echo "::stop-commands::$token"`:
				stopped = true
			case line == `printf '\n::%s::\n' "$token"`:
				stopped = false
			case strings.HasPrefix(line, "#"), strings.Contains(line, "echo "), !regexp.MustCompile(`\bzup (-chdir|show|plan|apply|report|fmt|validate)`).MatchString(line):
			case strings.HasPrefix(line, "exec zup "): // after everything else was unset
			case !strings.Contains(line, `"${clean[@]}" zup `):
				t.Errorf("%s: %s", s.name, line)
			case !stopped && strings.HasPrefix(s.name, "GitHub"):
				t.Errorf("%s: %s is obeyed", s.name, line)
			}
			if strings.Contains(line, "zup_apply ||") && !stopped && strings.HasPrefix(s.name, "GitHub") {
				t.Errorf("%s: %s is obeyed", s.name, line)
			}
		}
		if stopped {
			t.Errorf("%s: its own messages are not obeyed", s.name)
		}
	}
}

// Who may do what on GitHub.
func TestGitHubPermissions(t *testing.T) {
	t.Parallel()
	flow := read[workflow](t, "github/zup.yml")
	text := (&world{t: t}).text("github/zup.yml")
	if flow.Permissions == nil || len(flow.Permissions) > 0 {
		t.Errorf("every job may %v", flow.Permissions)
	}
	may := map[string]map[string]string{}
	for name, j := range flow.Jobs {
		may[name] = j.Permissions
		foreign := false
		for _, s := range j.Steps {
			checkout := strings.HasPrefix(s.Uses, "actions/checkout@")
			foreign = foreign || checkout
			if checkout && (s.With.Persist == nil || *s.With.Persist) {
				t.Errorf("%s: the checkout keeps a token", name)
			}
			if s.Uses != "" && !regexp.MustCompile(`^actions/(checkout|upload-artifact|download-artifact)@[0-9a-f]{40}$`).MatchString(s.Uses) {
				t.Errorf("%s: %s is not pinned", name, s.Uses)
			}
			if s.Uses != "" && !regexp.MustCompile(regexp.QuoteMeta(s.Uses)+` # v\d+\.\d+\.\d+\n`).MatchString(text) {
				t.Errorf("%s: which version is %s?", name, s.Uses)
			}
			if strings.Contains(s.Run, "${{") {
				t.Errorf("%s, %s: an expression in a script", name, s.Name)
			}
			for key, value := range s.Env {
				if token := strings.Contains(value, "token"); token && (key != "GH_TOKEN" || foreign) {
					t.Errorf("%s, %s: %s=%s", name, s.Name, key, value)
				}
			}
		}
		if foreign == slices.Contains(slices.Collect(maps.Values(j.Permissions)), "write") {
			t.Errorf("%s: may %v, and has a checkout: %v", name, j.Permissions, foreign)
		}
		if (name == "apply") != (j.Environment == "production") {
			t.Errorf("%s: environment %q", name, j.Environment)
		}
	}
	read := map[string]string{"contents": "read"}
	want := map[string]map[string]string{"check": read, "plan": read, "comment": {"pull-requests": "write"}, "propose": read, "apply": read}
	if !maps.EqualFunc(may, want, maps.Equal) {
		t.Errorf("jobs may %v", may)
	}
	if apply := flow.Jobs["apply"]; apply.Concurrency.Group == "" || apply.Concurrency.Cancel {
		t.Error("an apply may be ended from outside")
	}
	before, apply, _ := strings.Cut(text, "\n  apply:\n")
	if strings.Contains(before, "secrets.") || !strings.Contains(apply, "secrets.") || strings.Contains(text, "pull_request_target") || strings.Contains(text, "workflow_run") {
		t.Error("secrets, or somebody else's events, are where they do not belong")
	}
}

// Who may do what on GitLab.
func TestGitLabPermissions(t *testing.T) {
	t.Parallel()
	p := read[pipeline](t, "gitlab/.gitlab-ci.yml")
	text := (&world{t: t}).text("gitlab/.gitlab-ci.yml")
	want := map[string][3]string{ // runner, environment, branch
		"check": {"zup-plan", "", "merge_request_event"}, "plan": {"zup-plan", "", "merge_request_event"}, "note": {"saas-linux-small-amd64", "zup-note", "merge_request_event"},
		"propose": {"zup-apply", "", "$CI_DEFAULT_BRANCH"}, "apply": {"zup-apply", "production", "$CI_DEFAULT_BRANCH"},
	}
	for name, j := range p.jobs() {
		w := want[name]
		if !slices.Equal(j.Tags, []string{w[0]}) || j.Environment.Name != w[1] || len(j.Rules) != 1 || !strings.Contains(j.Rules[0]["if"], w[2]) {
			t.Errorf("%s: %q %q %v", name, j.Tags, j.Environment, j.Rules)
		}
		paths := j.Artifacts.Paths
		if dotenv := j.Artifacts.Reports.Dotenv; dotenv != "" {
			paths = append(paths, dotenv)
		}
		for _, path := range paths {
			if !regexp.MustCompile(`^zup-\$CI_COMMIT_SHA/[a-z.-]+$`).MatchString(path) {
				t.Errorf("%s: the artifact %s may be in the checkout", name, path)
			}
		}
	}
	if p.Apply.Rules[0]["when"] != "manual" || p.Apply.ResourceGroup == "" || p.Default.Interruptible {
		t.Error("an apply begins by itself, or may be ended from outside")
	}
	if p.Variables["GIT_STRATEGY"] != "clone" || p.Note.Variables["GIT_STRATEGY"] != "none" || !regexp.MustCompile(`:v\d+\.\d+\.\d+$`).MatchString(p.Note.Image) {
		t.Error("jobs find what others have left, or who writes notes has the checkout")
	}
	for line := range strings.Lines(text) {
		if strings.Contains(line, "_TOKEN") && !strings.Contains(line, "#") {
			t.Errorf("a token by its name: %s", line)
		}
	}
}

// README.md says which version an action is pinned to.
func TestReadmeHasThePins(t *testing.T) {
	t.Parallel()
	w := &world{t: t}
	readme := w.text("README.md")
	pins := regexp.MustCompile(`(actions/[a-z-]+)@([0-9a-f]{40}) # (v[\d.]+)`).FindAllStringSubmatch(w.text("github/zup.yml"), -1)
	if len(pins) < 8 {
		t.Fatalf("only %d pins", len(pins))
	}
	for _, pin := range pins {
		if !strings.Contains(readme, "| `"+pin[1]+"` | "+pin[3]+" | `"+pin[2]+"` |") {
			t.Errorf("README.md does not have %v", pin[0])
		}
	}
}
