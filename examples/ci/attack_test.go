package ci_test

import (
	"bytes"
	"crypto/ed25519"
	"crypto/rand"
	"crypto/sha256"
	"encoding/pem"
	"fmt"
	"io/fs"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"
	"unicode/utf8"

	"github.com/yuin/goldmark"
	"github.com/yuin/goldmark/extension"
	mdhtml "github.com/yuin/goldmark/renderer/html"
	"golang.org/x/crypto/ssh"
	"golang.org/x/net/html"

	"zup/providers/zevenet/zevenettest"
)

// message is a configuration that has this text shown, by a plan that can't be made.
// Its file is in the canonical form, and validate finds nothing: the text differs only
// where there is what a plan writes first, as if that were in the checkout.
func message(text string) string {
	text = strings.NewReplacer("${", "$${", "%{", "%%{").Replace(fmt.Sprintf("%q", text))
	return `variable "t" {
  default = "6.1.20"
  validation {
    condition     = var.t == "x"
    error_message = ` + text + `
  }
}
cluster "zevenet" "edge" {
  version     = var.t
  probe_farms = false
  node "zva5n1" { address = "zva5n1" }
  node "zva5n2" { address = "zva5n2" }
}
`
}

const login = "ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIHsFSKBoU+1gEFEhQqhy8yH3pQ+gkHOpIyOSfPmQtn2Q attacker"

// attack is what somebody brings in a pull request.
type attack struct {
	folder string            // of the configuration
	files  map[string]string // of the branch; HOME, STATE and PWNED are the planning runner's
	env    map[string]string // of the planning runner's service
	fails  []string          // jobs
	says   []string          // in the logs
}

var attacks = map[string]attack{
	// C2: names in the checkout that a job of another kind would write to.
	"a login on the runner": {
		files: map[string]string{"plan.txt": "-> HOME/.ssh/authorized_keys", "edge.zup.hcl": strings.Replace(message("no\n"+login+"\nok"), `var.t == "x"`, `!fileexists("plan.jsonl") || var.t == "x"`, 1)},
	},
	"a login on the runner, through the comment": {
		files: map[string]string{"comment.md": "-> HOME/.ssh/authorized_keys", "plan.md": "-> HOME/.ssh/authorized_keys", "edge.zup.hcl": message("no\n" + login + "\nok")}, fails: []string{"check", "plan"}, says: []string{"ssh-ed25519"},
	},
	"the plan over the state":         {files: map[string]string{"zup.plan": "-> STATE", "zup.state.json": "-> STATE", "zup.state.json.lock": "-> STATE"}},
	"the plan over a login":           {files: map[string]string{"zup.plan": "-> HOME/.ssh/authorized_keys"}},
	"the stream over a key":           {files: map[string]string{"plan.jsonl": "-> HOME/.ssh/id_ed25519", "comment.md": "-> HOME/.ssh/id_ed25519"}},
	"a file outside is made":          {files: map[string]string{"plan.jsonl": "-> PWNED", "zup.plan": "-> PWNED", "comment.md": "-> PWNED", "plan.txt": "-> PWNED"}},
	"folders that jobs would make":    {files: map[string]string{"zup": "-> HOME/.ssh", "zup-4712": "-> HOME/.ssh", "proposed": "-> HOME/.ssh", "checkout": "-> HOME/.ssh"}},
	"a folder that is there":          {files: map[string]string{"zup-4712/zup.plan": "-> HOME/.ssh/id_ed25519", "zup-4712/comment.md": "-> HOME/.netrc", "zup-4712/plan.jsonl": "-> HOME/.netrc"}},
	"runs of another folder":          {files: map[string]string{".zup": "-> HOME/other/.zup"}},
	"a key for a signature":           {files: map[string]string{"approvals/zup.plan.x.sig": "-> HOME/.ssh/id_ed25519", "approvals/zup.plan.y.sig": "-> PWNED", "zup.plan.z.sig": "-> HOME/.ssh/id_ed25519"}},
	"a folder of keys for signatures": {files: map[string]string{"approvals": "-> HOME/.ssh"}},
	"signatures with hostile names":   {files: map[string]string{"approvals/zup.plan.-rf.sig": "x", "approvals/zup.plan.\n::error::x.sig": "x", "approvals/zup.plan.$(touch pwned).sig": "x", "approvals/zup.plan.%s\x1b[2J.sig": "x"}},

	// M3: texts that want to be more than text, in the comment and in the log.
	"text leaves its fence": {
		files: map[string]string{"edge.zup.hcl": message("no\n````\n\n# APPROVED by @security-team ![x](https://evil.example/p.png)\n/merge\n````text\n::error file=a::forged")},
		fails: []string{"check", "plan"}, says: []string{"APPROVED by @security-team"},
	},
	"text leaves the fence that GitLab sees": {files: map[string]string{"edge.zup.hcl": message("no\n```\n/merge\n/approve\n```")}, fails: []string{"check", "plan"}, says: []string{"/merge"}},
	"text gives orders to the log": {
		files: map[string]string{"edge.zup.hcl": message("no\n::add-mask::6.1.20\n \u2003::error::forged\n##[error]forged\nx ##[add-mask]6.1.20\n::stop-commands::t\n::endgroup::\nsection_start:1:x\r\x1b[0Kforged")},
		fails: []string{"check", "plan"}, says: []string{"forged"},
	},
	"a file name gives orders to the log":   {files: map[string]string{"::add-mask::x.zup.vars": "a  =  1\n", "##[add-mask]y.zup.vars": "b  =  1\n"}, fails: []string{"check"}},
	"a file's lines give orders, formatted": {files: map[string]string{"edge.zup.hcl": "locals {\n   a = <<END\n::error::forged\n ::add-mask::x\nEND\n}\n" + configuration}, fails: []string{"check"}},
	"text wants to be an output":            {files: map[string]string{"edge.zup.hcl": message("changes=true\nplan-id=" + strings.Repeat("0", 64) + "\nPLAN_ID=x\n::set-output name=changes::true")}, fails: []string{"check", "plan"}},
	"a title of two lines":                  {files: map[string]string{"edge.zup.hcl": strings.Replace(configuration, `"edge"`, `"edge\n::error::forged"`, 1)}, fails: []string{"check", "plan"}},
	"text without an end":                   {files: map[string]string{"edge.zup.hcl": message(strings.Repeat("@security-team `/merge` ", 40_000))}, fails: []string{"check", "plan"}},

	// C1, and whatever else might be obeyed because it lies there.
	"a repository inside": {folder: "conf", files: embedded()},
	"start files of shells": {files: map[string]string{
		".bashrc": "touch PWNED\n", ".bash_profile": "touch PWNED\n", ".profile": "touch PWNED\n", ".envrc": "touch PWNED\n", ".env": "BASH_ENV=.bashrc\n", "BASH_ENV": "touch PWNED\n", ".netrc": "x", ".ssh/config": "Host *\n\tProxyCommand touch PWNED\n",
	}},
	"programs in the checkout": {files: programs("zup", "env", "git", "od", "tr", "mktemp", "cat", "cp", "mkdir", "rm", "sha256sum", "ssh", "grep", "gh", "glab")},
	"attributes and modules":   {files: map[string]string{".gitattributes": "* filter=x diff=x\n", ".gitmodules": "[submodule \"x\"]\n\tpath = x\n\turl = ext::sh -c 'touch PWNED'\n\tupdate = !touch PWNED\n", ".gitconfig": "[core]\n\tfsmonitor = touch PWNED\n"}},

	// The folder of the configuration.
	"a folder called -rf":          {folder: "-rf", files: map[string]string{"-rf/edge.zup.hcl": configuration, "edge.zup.hcl": ""}},
	"a folder called --help":       {folder: "--help", files: map[string]string{"--help/edge.zup.hcl": configuration, "edge.zup.hcl": ""}},
	"a folder of two lines":        {folder: "a\n::error::forged", files: map[string]string{"a\n::error::forged/edge.zup.hcl": configuration, "edge.zup.hcl": ""}},
	"a folder with substitutions":  {folder: "$(touch pwned) `touch pwned` *", files: map[string]string{"$(touch pwned) `touch pwned` */edge.zup.hcl": configuration, "edge.zup.hcl": ""}},
	"a folder that leads out":      {folder: "conf", files: map[string]string{"conf": "-> HOME/other", "edge.zup.hcl": ""}, fails: []string{"check", "plan", "comment"}, says: []string{"ZUP_DIR leads out of the checkout."}},
	"a folder that leads out deep": {folder: "a/conf", files: map[string]string{"a": "-> HOME", "edge.zup.hcl": ""}, fails: []string{"check", "plan", "comment"}},
	"a folder that leads nowhere":  {folder: "conf", files: map[string]string{"conf": "-> PWNED", "edge.zup.hcl": ""}, fails: []string{"check", "plan", "comment"}},

	// M4: values that the runner's service has in its environment.
	"a variable of the runner": {
		files: map[string]string{"edge.zup.hcl": "variable \"token\" {\n  default = \"\"\n  validation {\n    condition     = var.token == \"x\"\n    error_message = \"it is <${base64encode(var.token)}>.\"\n  }\n}\n" + configuration},
		env:   map[string]string{"ZUP_VAR_token": canary, "ZUP_SECRET_token": canary, "TOKEN": canary}, fails: []string{"check", "plan"}, says: []string{"it is <>."},
	},
}

// embedded is a folder that git takes for a repository of its own, whose settings have
// a program run.
func embedded() map[string]string {
	dir, err := os.MkdirTemp("", "zup-evil-")
	if err != nil {
		panic(err)
	}
	defer os.RemoveAll(dir)
	files := map[string]string{
		"conf/.gitattributes": "* filter=x\n", "conf/edge.zup.hcl": configuration, "edge.zup.hcl": "",
		"conf/config": "[core]\n\trepositoryformatversion = 0\n\tbare = false\n\tworktree = .\n\tfsmonitor = touch PWNED\n[filter \"x\"]\n\tclean = \"touch PWNED; cat\"\n[user]\n\temail = carol@example.com\n",
	}
	if err := os.WriteFile(filepath.Join(dir, "edge.zup.hcl"), []byte(configuration), 0o700); err != nil {
		panic(err)
	}
	for _, args := range [][]string{{"init", "-q"}, {"add", "."}, {"-c", "user.name=x", "-c", "user.email=x@example.com", "commit", "-qm", "x"}} {
		if out, err := exec.Command("git", append([]string{"-C", dir}, args...)...).CombinedOutput(); err != nil {
			panic(string(out))
		}
	}
	root := filepath.Join(dir, ".git")
	err = filepath.WalkDir(root, func(path string, d fs.DirEntry, err error) error {
		rel, _ := filepath.Rel(root, path)
		if first, _, _ := strings.Cut(rel, "/"); err != nil || d.IsDir() || !slices.Contains([]string{"HEAD", "objects", "refs", "index"}, first) {
			return err
		}
		data, err := os.ReadFile(path)
		files["conf/"+rel] = string(data)
		return err
	})
	if err != nil {
		panic(err)
	}
	return files
}

func programs(names ...string) map[string]string {
	files := map[string]string{}
	for _, name := range names {
		files[name] = "#!/bin/sh\ntouch PWNED\n"
		files["bin/"+name] = files[name]
	}
	return files
}

// Whatever a pull request brings: nothing on a runner changes, nothing of the runner is
// in an artifact, a log or the comment, and the platform is told nothing.
func TestAttacksOfAPullRequest(t *testing.T) {
	t.Parallel()
	platforms(t, func(t *testing.T, p pipe) {
		start := newGitHub
		if _, is := p.(*gitlab); is {
			start = newGitLab
		}
		for name, a := range attacks {
			t.Run(name, func(t *testing.T) {
				t.Parallel()
				p := start(t)
				w := p.the()
				w.git("checkout", "-q", "-b", "attack")
				w.commit(w.placed(a.files))
				w.plan.env = a.env
				p.folder(a.folder)
				unharmed := w.watch(p)
				log, failed := p.review("attack")
				unharmed(log)
				if !slices.Equal(failed, a.fails) {
					t.Errorf("%q failed, not %q", failed, a.fails)
				}
				contains(t, "the log", log, a.says...)
			})
		}
	})
}

// placed puts the runner's paths into files.
func (w *world) placed(files map[string]string) map[string]string {
	put := strings.NewReplacer("HOME", w.plan.home, "STATE", w.plan.state, "PWNED", w.pwned)
	placed := map[string]string{}
	for path, text := range files {
		placed[path] = put.Replace(text)
	}
	return placed
}

// watch looks at the runners before jobs, and returns what looks again after them.
func (w *world) watch(p pipe) func(log string) {
	w.t.Helper()
	for _, r := range []*runner{w.plan, w.apply} {
		if _, err := os.Stat(r.state); err != nil {
			w.write(r.state+".other", canary)
		}
	}
	folders := []string{w.plan.home, w.apply.home, w.ours.home, filepath.Dir(w.plan.state)}
	before := tree(w.t, folders...)
	return func(log string) {
		w.t.Helper()
		same(w.t, before, tree(w.t, folders...))
		if _, err := os.Lstat(w.pwned); err == nil {
			w.t.Error("something was carried out, or written outside")
		}
		for _, path := range append(grep(w.t, w.kept, canary), grep(w.t, filepath.Dir(w.ours.said), canary)...) {
			if !strings.HasPrefix(path, w.ours.home) {
				w.t.Errorf("%s has what is nobody's business", path)
			}
		}
		if strings.Contains(log, canary) {
			w.t.Errorf("the log has what is nobody's business:\n%s", log)
		}
		if forged := p.forged(log); len(forged) > 0 {
			w.t.Errorf("the platform is told %q", forged)
		}
		if data, err := os.ReadFile(w.ours.said); err == nil {
			harmless(w.t, string(data))
		}
		w.started()
	}
}

// started asserts what the zups had in their environment: on the planning runner what
// every program needs and no more; where plans are applied the secrets, and no token.
func (w *world) started() {
	w.t.Helper()
	known := []string{"HOME", "PATH", "PWD", "OLDPWD", "SHLVL", "_", "GIT_CONFIG_COUNT", "GIT_CONFIG_KEY_0", "GIT_CONFIG_VALUE_0"}
	for _, r := range []*runner{w.plan, w.apply} {
		calls, variables := r.started(w)
		for name, value := range variables {
			secret := r == w.apply && strings.HasPrefix(name, "ZUP_SECRET_")
			if !slices.Contains(known, name) && !secret || strings.Contains(value, "-TOKEN") {
				w.t.Errorf("on %s zup has %s=%s", r.name, name, value)
			}
		}
		for _, call := range calls {
			if apply := strings.Contains(call, " apply "); apply && r == w.plan {
				w.t.Errorf("on %s: %s", r.name, call)
			}
		}
	}
}

// harmless asserts that a comment has nothing that zup did not put there.
func harmless(t *testing.T, md string) {
	t.Helper()
	if n := utf8.RuneCountInString(md); n > 65_000 {
		t.Errorf("the comment has %d characters", n)
	}
	if strings.Contains("\n"+md, "\n/") || strings.ContainsAny(md, "\x1b\r") {
		t.Errorf("the comment gives orders:\n%s", md)
	}
	var page bytes.Buffer
	if err := goldmark.New(goldmark.WithExtensions(extension.GFM), goldmark.WithRendererOptions(mdhtml.WithUnsafe())).Convert([]byte(md), &page); err != nil {
		t.Fatal(err)
	}
	root, err := html.Parse(&page)
	if err != nil {
		t.Fatal(err)
	}
	titles := 0
	for n := range root.Descendants() {
		switch {
		case n.Type == html.ElementNode && n.Data == "h1":
			titles++
		case n.Type == html.ElementNode && slices.Contains([]string{"a", "img", "script"}, n.Data):
			t.Errorf("the comment has <%s>", n.Data)
		case n.Type == html.TextNode && n.Parent.Data != "code" && regexp.MustCompile(`@security|://evil`).MatchString(n.Data):
			t.Errorf("the comment mentions or links: %q", n.Data)
		}
	}
	if titles != 1 {
		t.Errorf("the comment has %d titles", titles)
	}
}

// The planning runner was taken over: what it leaves for the comment is not zup's.
func TestForgedComment(t *testing.T) {
	t.Parallel()
	for what, forge := range map[string]func(w *world, path string){
		"a link": func(w *world, path string) {
			w.check(os.Remove(path))
			w.check(os.Symlink(filepath.Join(w.ours.home, ".netrc"), path))
		},
		"a folder": func(w *world, path string) { w.check(os.Remove(path)); w.check(os.Mkdir(path, 0o700)) },
		"nothing":  func(w *world, path string) { w.check(os.Remove(path)) },
		"an order": func(w *world, path string) { w.write(path, "# edge\n\n/merge\n") }, // GitHub knows none
	} {
		t.Run(what, func(t *testing.T) {
			t.Parallel()
			platforms(t, func(t *testing.T, p pipe) {
				w := p.the()
				w.git("branch", "change")
				p.review("change")
				w.check(os.Remove(w.ours.said))
				forge(w, filepath.Join(w.kept, "zup-plan", "comment.md"))
				g, github := p.(*github)
				var failed bool
				if github {
					_, failed, _ = g.job("comment")
				} else {
					_, failed = p.(*gitlab).job("note")
				}
				if order := what == "an order" && github; !failed && !order {
					t.Error("it was posted")
				}
				if _, err := os.Stat(w.ours.said); err == nil && failed {
					t.Error("it was posted")
				}
			})
		})
	}
}

// reid gives an edited plan its matching ID, as docs/plan-format.md prints it.
func reid(plan string) string {
	var identity strings.Builder
	for line := range strings.Lines(plan) {
		if !regexp.MustCompile(`^"(commit|created|plan_id)":`).MatchString(line) {
			identity.WriteString(line)
		}
	}
	return regexp.MustCompile(`(?m)^"plan_id":"[0-9a-f]+"`).ReplaceAllString(plan, fmt.Sprintf(`"plan_id":"%x"`, sha256.Sum256([]byte(identity.String()))))
}

func planID(t *testing.T, plan string) string {
	t.Helper()
	m := regexp.MustCompile(`(?m)^"plan_id":"([0-9a-f]{64})"`).FindStringSubmatch(plan)
	if m == nil {
		t.Fatal("the plan has no ID")
	}
	return m[1]
}

// Between the jobs somebody has replaced what was proposed: nothing else is carried out.
func TestReplacedPlan(t *testing.T) {
	t.Parallel()
	for what, c := range map[string]struct {
		replace func(w *world, path, plan string)
		says    string
	}{
		"a script of its own, with the ID of that": {func(w *world, path, plan string) {
			w.write(path, reid(strings.Replace(plan, "# Saves the configuration", "touch /x\\n# Saves the configuration", 1)))
		}, "is not the plan that was asked for"},
		"a script of its own": {func(w *world, path, plan string) {
			w.write(path, strings.Replace(plan, "# Saves the configuration", "touch /x\\n# Saves the configuration", 1))
		}, "The plan was altered"},
		"an action of another kind, with the ID of that": {func(w *world, path, plan string) {
			w.write(path, reid(strings.Replace(plan, `"primitive":"script"`, `"primitive":"local"`, 1)))
		}, "The plan was altered"},
		"another node, with the ID of that": {func(w *world, path, plan string) {
			w.write(path, reid(strings.Replace(plan, `"address":"zva5n1"`, `"address":"zva5n9"`, 1)))
		}, "is not the plan that was asked for"},
		"a link": {func(w *world, path, plan string) {
			w.write(path+".else", plan)
			w.check(os.Remove(path))
			w.check(os.Symlink(path+".else", path))
		}, "The plan is not a file."},
		"a folder":         {func(w *world, path, _ string) { w.check(os.Remove(path)); w.check(os.Mkdir(path, 0o700)) }, "The plan is not a file."},
		"nothing":          {func(w *world, path, _ string) { w.check(os.Remove(path)) }, "The plan is not a file."},
		"an empty file":    {func(w *world, path, _ string) { w.write(path, "") }, "The plan was altered"},
		"half of the plan": {func(w *world, path, plan string) { w.write(path, plan[:len(plan)/2]) }, "The plan was altered"},
	} {
		t.Run(what, func(t *testing.T) {
			t.Parallel()
			platforms(t, func(t *testing.T, p pipe) {
				w := p.the()
				if log, failed := p.propose(); failed {
					t.Fatal(log)
				}
				unharmed := w.watch(p)
				path := filepath.Join(w.kept, "zup-proposed", "zup.plan")
				c.replace(w, path, w.text(path))
				log, failed := p.apply()
				if !failed {
					t.Error("it was carried out")
				}
				contains(t, "the log", log, c.says)
				w.untouched()
				unharmed(log)
			})
		})
	}
}

// What else lies in the artifact stays there.
func TestArtifactWithMore(t *testing.T) {
	t.Parallel()
	platforms(t, func(t *testing.T, p pipe) {
		w := p.the()
		if log, failed := p.propose(); failed {
			t.Fatal(log)
		}
		dir := filepath.Join(w.kept, "zup-proposed")
		for name, text := range map[string]string{
			"zup.plan.x.sig": canary, "approvals/zup.plan.y.sig": canary, "apply.jsonl": canary, "report.html": canary, "report.md": canary, "runs/r/x": canary, "checkout/edge.zup.hcl": "x", ".zup/runs/r/x": canary, "edge.zup.hcl": "x",
		} {
			w.write(filepath.Join(dir, name), text)
		}
		w.check(os.Symlink(filepath.Join(w.apply.home, ".ssh", "id_ed25519"), filepath.Join(dir, "zup.plan.z.sig")))
		unharmed := w.watch(p)
		log, failed := p.apply()
		if failed {
			t.Error(log)
		}
		w.atRest()
		w.check(os.RemoveAll(dir))
		unharmed(log)
		if found, _ := filepath.Glob(filepath.Join(w.kept, "zup-report", "runs", "*", "*.sig")); len(found) > 0 {
			t.Errorf("the run has %q", found)
		}
	})
}

// Main itself has links where a run writes: it is written in a copy, without them.
func TestLinksOnMain(t *testing.T) {
	t.Parallel()
	platforms(t, func(t *testing.T, p pipe) {
		w := p.the()
		home := w.apply.home
		w.commit(map[string]string{
			".zup": "-> " + home + "/other/.zup", "apply.jsonl": "-> " + home + "/.netrc", "zup.plan": "-> " + home + "/.netrc", "report.md": "-> " + w.pwned, "runs": "-> " + home + "/.ssh", "zup-4712": "-> " + home + "/.ssh",
			"approvals/zup.plan.x.sig": "-> " + home + "/.ssh/id_ed25519", "zup.state.json": "-> " + home + "/.netrc", "zup.state.json.lock": "-> " + home + "/.netrc",
		})
		before := tree(t, w.plan.home, filepath.Join(home, ".ssh"), filepath.Join(home, "other"), filepath.Join(home, ".netrc"))
		unharmed := w.watch(p)
		said, failed := p.propose()
		if failed {
			t.Fatal(said)
		}
		unharmed(said)
		log, failed := p.apply()
		if failed {
			t.Error(log)
		}
		w.atRest()
		unharmed(log)
		same(t, before, tree(t, w.plan.home, filepath.Join(home, ".ssh"), filepath.Join(home, "other"), filepath.Join(home, ".netrc")))
	})
}

// The configuration lies in a folder of which a part was made a link after the plan.
func TestFolderOfMainLeadsOut(t *testing.T) {
	t.Parallel()
	platforms(t, func(t *testing.T, p pipe) {
		w := p.the()
		w.commit(map[string]string{"conf/edge.zup.hcl": configuration, "edge.zup.hcl": ""})
		p.folder("conf")
		if log, failed := p.propose(); failed {
			t.Fatal(log)
		}
		w.commit(map[string]string{"conf": "-> " + w.apply.home + "/other"})
		unharmed := w.watch(p)
		log, failed := p.apply()
		if !failed {
			t.Error("it was applied")
		}
		contains(t, "the log", log, "ZUP_DIR leads out of the checkout.")
		w.untouched()
		unharmed(log)
	})
}

// Secrets are where plans are applied and nowhere else; tokens are where comments are
// posted and nowhere else.
func TestSecretsAndTokens(t *testing.T) {
	t.Parallel()
	platforms(t, func(t *testing.T, p pipe) {
		w := p.the()
		for _, r := range []*runner{w.plan, w.apply} {
			r.env = map[string]string{"ZUP_SECRET_hypervisor": "for " + r.name, "ZUP_VAR_x": canary, "GH_TOKEN": "A-TOKEN", "GITLAB_TOKEN": "A-TOKEN", "ACTIONS_RUNTIME_TOKEN": "A-TOKEN", "SSH_AUTH_SOCK": ""}
		}
		w.git("branch", "change")
		unharmed := w.watch(p)
		said, _ := p.review("change")
		unharmed(said)
		if _, variables := w.plan.started(w); variables["ZUP_SECRET_hypervisor"] != "" {
			t.Error("who plans has a secret")
		}
		proposed, _ := p.propose()
		if _, variables := w.apply.started(w); variables["ZUP_SECRET_hypervisor"] != "" {
			t.Error("who proposes has a secret")
		}
		log, failed := p.apply()
		if failed {
			t.Error(log)
		}
		_, variables := w.apply.started(w)
		if variables["ZUP_SECRET_hypervisor"] != "for zup-apply" {
			t.Errorf("who applies has no secret: %q", variables)
		}
		for name, value := range variables {
			if strings.Contains(name, "TOKEN") || strings.Contains(value, "TOKEN") || strings.HasPrefix(name, "ZUP_VAR_") {
				t.Errorf("who applies has %s=%s", name, value)
			}
		}
		for _, path := range grep(t, w.kept, "for zup-apply") {
			t.Errorf("%s has a secret", path)
		}
		if strings.Contains(proposed+log, "for zup-apply") {
			t.Error("a log has a secret")
		}
	})
}

// key makes a key of SSH, and returns its file and its public half.
func (w *world) key() (file, public string) {
	w.t.Helper()
	pub, private, err := ed25519.GenerateKey(rand.Reader)
	w.check(err)
	block, err := ssh.MarshalPrivateKey(private, "")
	w.check(err)
	file = filepath.Join(w.dir, "reviewer", "id")
	w.write(file, string(pem.EncodeToMemory(block)))
	w.check(os.Chmod(file, 0o600))
	key, err := ssh.NewPublicKey(pub)
	w.check(err)
	return file, strings.TrimSpace(string(ssh.MarshalAuthorizedKey(key)))
}

// A signature of the plan of the pull request counts for the one that main makes, which
// is the same plan; what is only called like a signature is in no artifact.
func TestApprovals(t *testing.T) {
	t.Parallel()
	platforms(t, func(t *testing.T, p pipe) {
		w := p.the()
		key, public := w.key()
		w.commit(map[string]string{
			"allowed_signers": "alice@example.com " + public + "\n", "approvals/zup.plan.zz.sig": "-> " + w.apply.home + "/.ssh/id_ed25519",
			"edge.zup.hcl": "approval {\n  required = 1\n  signers  = \"allowed_signers\"\n}\n" + configuration,
		})
		w.git("branch", "change")
		if log, failed := p.review("change"); len(failed) > 0 {
			t.Fatal(log)
		}
		w.git("merge", "-q", "change")
		if log, failed := p.propose(); failed {
			t.Fatal(log)
		}
		reviewed, proposed := w.keptText("zup-plan", "zup.plan"), w.keptText("zup-proposed", "zup.plan")
		if planID(t, reviewed) != planID(t, proposed) {
			t.Fatal("main makes another plan than the pull request")
		}
		log, failed := p.apply()
		if !failed {
			t.Error("a plan was applied that nobody has signed")
		}
		contains(t, "the log", log, "the plan needs 1 approval and has 0", "A rule refused")
		w.untouched()

		// Alice signs on her own machine.
		file := filepath.Join(w.dir, "reviewer", "zup.plan")
		w.write(file, reviewed)
		w.must("env", "-i", "HOME="+filepath.Dir(key), zup, "approve", "-input=false", "-key", key, file)
		w.commit(map[string]string{"approvals/zup.plan.alice@example.com.sig": w.text(file + ".alice@example.com.sig")})
		unharmed := w.watch(p)
		said, _ := p.propose()
		contains(t, "the log", said, "It is approved")
		log, failed = p.apply()
		if failed {
			t.Error(log)
		}
		w.atRest()
		w.has("zup-report", "runs/*/plan.zup.alice@example.com.sig")
		unharmed(said + log)
	})
}

// What was planned from a state that is behind is for reading: it is not carried out in
// the place of what main makes from the state itself.
func TestStateThatIsBehind(t *testing.T) {
	t.Parallel()
	platforms(t, func(t *testing.T, p pipe) {
		w := p.the()
		w.git("branch", "change")
		for range 2 {
			p.propose()
			if log, failed := p.apply(); failed {
				t.Fatal(log)
			}
			w.atRest()
			for _, n := range w.pair.Nodes { // somebody has put them back
				n.Version, n.Config = zevenettest.OldVersion, "old"
			}
		}
		p.review("change") // without any state
		if log, failed := p.propose(); failed {
			t.Fatal(log)
		}
		stale, proposed := w.keptText("zup-plan", "zup.plan"), w.keptText("zup-proposed", "zup.plan")
		if planID(t, stale) == planID(t, proposed) {
			t.Fatal("the state makes no difference")
		}
		path := filepath.Join(w.kept, "zup-proposed", "zup.plan")
		w.write(path, stale)
		log, failed := p.apply()
		if !failed {
			t.Error("it was carried out")
		}
		contains(t, "the log", log, "is not the plan that was asked for")
		w.untouched()

		// With a copy of the state it is the same plan, and the copy is not written to.
		w.write(w.plan.state, w.text(w.apply.state))
		w.check(os.Chmod(w.plan.state, 0o400))
		before := tree(t, filepath.Dir(w.plan.state))
		if log, failed := p.review("change"); len(failed) > 0 {
			t.Fatal(log)
		}
		same(t, before, tree(t, filepath.Dir(w.plan.state)))
		if planID(t, w.keptText("zup-plan", "zup.plan")) != planID(t, proposed) {
			t.Error("a copy of the state makes another plan")
		}
	})
}
