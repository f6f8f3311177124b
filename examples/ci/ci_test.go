// Package ci_test reads the pipelines of this folder and carries them out: every step,
// word for word, with bash, on two runners that reach a pair of nodes in memory behind
// SSH servers. Stand-ins are the platforms' own tools only: checkout, artifacts, gh and
// glab; where it is not known whether one of them follows a link, ours does. What the
// platforms obey in a log and in a comment is written down here from their source.
//
// attack_test.go brings what an attacker may bring in a pull request, on a planning
// runner, or between two jobs.
package ci_test

import (
	"bytes"
	"crypto/sha256"
	"errors"
	"flag"
	"fmt"
	"io/fs"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"runtime"
	"slices"
	"strings"
	"testing"

	"go.yaml.in/yaml/v3"

	"zup/providers/ssh/sshtest"
	"zup/providers/zevenet/zevenettest"
)

// zup is the built program.
var zup string

func TestMain(m *testing.M) {
	dir, err := os.MkdirTemp("", "zup-ci-")
	if err != nil {
		panic(err)
	}
	zup = filepath.Join(dir, "zup")
	if out, err := exec.Command("go", "build", "-o", zup, "zup/cmd/zup").CombinedOutput(); err != nil {
		fmt.Fprintf(os.Stderr, "%v\n%s", err, out)
		os.Exit(1)
	}
	flag.Parse()
	if f := flag.Lookup("test.parallel"); f.Value.String() == fmt.Sprint(runtime.GOMAXPROCS(0)) {
		f.Value.Set("8") // they mostly wait
	}
	code := m.Run()
	os.RemoveAll(dir)
	os.Exit(code)
}

const configuration = `cluster "zevenet" "edge" {
  version     = "6.1.20"
  probe_farms = false
  node "zva5n1" { address = "zva5n1" }
  node "zva5n2" { address = "zva5n2" }
}
`

// canary stands in files that are nobody's business.
const canary = "CANARY-OF-THE-RUNNER"

// world is a repository, the runners, and what the platform keeps.
type world struct {
	t     *testing.T
	pair  *zevenettest.Pair
	dir   string
	work  string // the repository, as somebody works in it; branches of it are checked out
	kept  string // artifacts, by name
	plan  *runner
	apply *runner
	ours  *runner // the platform's own

	pwned string // a file that nothing may make
}

// runner is a machine that runs jobs.
type runner struct {
	name  string
	home  string
	state string            // file
	env   map[string]string // what its service has in its environment
	zups  string            // file: the environment and the arguments of each zup that was started
	calls string            // file: what gh and glab were called with
	said  string            // file: the comment that was posted
}

// A zup that writes down its environment first.
const witness = `#!/bin/sh
{ printf 'zup %%s\0' "$*"; env -0; } >>'%s'
exec '%s' "$@"
`

// forge is gh and glab: it writes down how it was called, and keeps the comment.
const forge = `#!/bin/sh
{ printf '%%s' "${0##*/}"; printf ' %%s' "$@"; echo; } >>'%[1]s'
case "$1 $2 $4" in
"pr comment --edit-last") exit 1 ;; # there is none yet
"pr comment --body-file") cat "$5" >'%[2]s' ;;
"api --method "*) cat "${6#body=@}" >'%[2]s' ;;
esac
`

func newWorld(t *testing.T) *world {
	dir := t.TempDir()
	w := &world{
		t: t, dir: dir, pair: zevenettest.New("zva5n1", "zva5n2", "zva5n1", "disabled"), work: filepath.Join(dir, "work"), kept: filepath.Join(dir, "kept"),
		pwned: filepath.Join(dir, "PWNED"),
	}
	var ssh strings.Builder
	for _, name := range []string{"zva5n1", "zva5n2"} {
		s := w.pair.Serve(t, name, sshtest.Config{})
		fmt.Fprintf(&ssh, "Host %s\n\tHostName 127.0.0.1\n\tPort %d\n\tUser root\n\tHostKeyAlias %s\n\tIdentityFile %s\n\tUserKnownHostsFile %s\n",
			name, s.Port(), name, s.IdentityFile(), s.KnownHosts(name))
	}
	w.plan, w.apply, w.ours = w.newRunner("zup-plan"), w.newRunner("zup-apply"), w.newRunner("ours")
	for _, r := range []*runner{w.plan, w.apply} {
		w.write(filepath.Join(r.home, ".ssh", "config"), ssh.String())
		w.write(filepath.Join(r.home, "bin", "zup"), fmt.Sprintf(witness, r.zups, zup))
	}
	for _, name := range []string{"gh", "glab"} {
		w.write(filepath.Join(w.ours.home, "bin", name), fmt.Sprintf(forge, w.ours.calls, w.ours.said))
	}
	w.git("init", "-q", "-b", "main", ".")
	w.commit(map[string]string{"edge.zup.hcl": configuration})
	return w
}

// newRunner is a machine with files that are nobody's business.
func (w *world) newRunner(name string) *runner {
	dir := filepath.Join(w.dir, name)
	r := &runner{
		name: name, home: filepath.Join(dir, "home"), state: filepath.Join(dir, "var", "edge.state.json"), env: map[string]string{},
		zups: filepath.Join(dir, "zups"), calls: filepath.Join(dir, "calls"), said: filepath.Join(dir, "said"),
	}
	for path, text := range map[string]string{
		".ssh/authorized_keys": "ssh-ed25519 AAAAowner owner\n", ".ssh/id_ed25519": "-----BEGIN OPENSSH PRIVATE KEY-----\n" + canary + "\n",
		".ssh/zup.plan.x.sig": canary + "\n", ".netrc": canary + "\n", "other/edge.zup.hcl": "# " + canary + "\n" + configuration, "other/.zup/runs/r/plan.zup": canary,
	} {
		w.write(filepath.Join(r.home, path), text)
	}
	w.check(os.MkdirAll(filepath.Join(r.home, "bin"), 0o700))
	w.check(os.MkdirAll(filepath.Dir(r.state), 0o700))
	return r
}

func (w *world) check(err error) {
	w.t.Helper()
	if err != nil {
		w.t.Fatal(err)
	}
}

// write writes a file that may be run, and the folders above it.
func (w *world) write(path, text string) {
	w.t.Helper()
	w.check(os.MkdirAll(filepath.Dir(path), 0o700))
	w.check(os.WriteFile(path, []byte(text), 0o700))
}

func (w *world) text(path string) string {
	w.t.Helper()
	data, err := os.ReadFile(path)
	w.check(err)
	return string(data)
}

func (w *world) must(args ...string) {
	w.t.Helper()
	if out, err := exec.Command(args[0], args[1:]...).CombinedOutput(); err != nil {
		w.t.Fatalf("%q: %v\n%s", args, err, out)
	}
}

// git works in the repository.
func (w *world) git(args ...string) {
	w.t.Helper()
	w.check(os.MkdirAll(w.work, 0o700))
	w.must(append([]string{"git", "-C", w.work, "-c", "user.name=a", "-c", "user.email=a@example.net"}, args...)...)
}

// commit adds files to the repository; a text that begins with "-> " is a symbolic
// link, and an empty one removes the file.
func (w *world) commit(files map[string]string) {
	w.t.Helper()
	for path, text := range files {
		path = filepath.Join(w.work, path)
		target, link := strings.CutPrefix(text, "-> ")
		w.check(os.RemoveAll(path))
		switch {
		case link:
			w.check(os.MkdirAll(filepath.Dir(path), 0o700))
			w.check(os.Symlink(target, path))
		case text != "":
			w.write(path, text)
		}
	}
	w.git("add", "-A", "-f", ".")
	w.git("commit", "-qm", "x")
}

// commitOf is the commit of a branch.
func (w *world) commitOf(branch string) string {
	w.t.Helper()
	out, err := exec.Command("git", "-C", w.work, "rev-parse", "--verify", branch+"^{commit}").Output()
	if err != nil {
		return "" // a branch of an event that starts nothing
	}
	return strings.TrimSpace(string(out))
}

// cleanCheckout asserts that nothing in a checkout was changed but a folder that no
// commit can have.
func (w *world) cleanCheckout(dir string) {
	w.t.Helper()
	if _, err := os.Stat(filepath.Join(dir, ".git")); err != nil {
		return
	}
	out, err := exec.Command("git", "-C", dir, "-c", "core.fsmonitor=false", "-c", "core.quotePath=true", "status", "--porcelain", "--ignored", "--untracked-files=all", "--ignore-submodules").Output()
	w.check(err)
	for line := range strings.Lines(string(out)) {
		if !regexp.MustCompile(`^\?\? zup-[0-9a-f]{40}/`).MatchString(line) {
			w.t.Errorf("in the checkout: %s", line)
		}
	}
}

// checkout makes a checkout of a branch.
func (w *world) checkout(branch, dir string) {
	w.t.Helper()
	w.must("git", "clone", "-q", "-b", branch, w.work, dir)
}

// bash carries out a script as a platform does, and returns what it wrote. What comes over
// two streams has no order: here everything of standard error comes last.
func (r *runner) bash(dir, script string, env map[string]string) (string, error) {
	cmd := exec.Command("bash", "--noprofile", "--norc", "-eo", "pipefail", "-c", script)
	cmd.Dir = dir
	cmd.Env = []string{"PATH=" + filepath.Join(r.home, "bin") + ":" + os.Getenv("PATH"), "HOME=" + r.home}
	for _, from := range []map[string]string{r.env, env} {
		for name, value := range from {
			cmd.Env = append(cmd.Env, name+"="+value)
		}
	}
	var out, errs bytes.Buffer
	cmd.Stdout, cmd.Stderr = &out, &errs
	err := cmd.Run()
	return out.String() + errs.String(), err
}

// keep is what a platform does with artifacts, if it follows links: a path becomes the
// last part of its name.
func (w *world) keep(name string, paths []string) {
	w.t.Helper()
	to := filepath.Join(w.kept, name)
	w.check(os.RemoveAll(to))
	w.check(os.MkdirAll(to, 0o700))
	for _, p := range paths {
		if _, err := os.Stat(p); err == nil {
			w.must("cp", "-rL", "--", p, to)
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

// kept returns the text of a file that was kept.
func (w *world) keptText(artifact, name string) string {
	w.t.Helper()
	return w.text(filepath.Join(w.kept, artifact, name))
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

// untouched asserts that nothing was done on the nodes.
func (w *world) untouched() {
	w.t.Helper()
	for _, name := range []string{"zva5n1", "zva5n2"} {
		if f := w.pair.FactsOf(name); f["version"] != "6.1.19" || f["open"] != "none" || f["maintenance"] != "no" {
			w.t.Errorf("%s: %v", name, f)
		}
	}
}

// split makes both nodes MASTER, and whole repairs that.
func (w *world) split() {
	w.pair.Set("zva5n2", "role", "master")
	w.pair.Set("zva5n2", "vrrp", "MASTER")
}

// started returns how a runner's zups were started: the arguments, and the names of
// the variables that they had.
func (r *runner) started(w *world) (calls []string, variables map[string]string) {
	w.t.Helper()
	variables = map[string]string{}
	data, err := os.ReadFile(r.zups)
	if err != nil && !errors.Is(err, fs.ErrNotExist) {
		w.t.Fatal(err)
	}
	for entry := range strings.SplitSeq(string(data), "\x00") {
		name, value, ok := strings.Cut(entry, "=")
		switch {
		case strings.HasPrefix(entry, "zup "):
			calls = append(calls, entry)
		case ok:
			variables[name] = value
		}
	}
	return calls, variables
}

// tree is everything below some folders: kinds, modes, targets of links and digests.
func tree(t *testing.T, dirs ...string) map[string]string {
	t.Helper()
	all := map[string]string{}
	for _, dir := range dirs {
		err := filepath.WalkDir(dir, func(path string, d fs.DirEntry, err error) error {
			if err != nil {
				return err
			}
			info, err := d.Info()
			if err != nil {
				return err
			}
			text := info.Mode().String()
			switch {
			case info.Mode()&fs.ModeSymlink != 0:
				target, _ := os.Readlink(path)
				text += " -> " + target
			case info.Mode().IsRegular():
				data, err := os.ReadFile(path)
				if err != nil {
					return err
				}
				text += fmt.Sprintf(" %x", sha256.Sum256(data))
			}
			all[path] = text
			return nil
		})
		if err != nil {
			t.Fatal(err)
		}
	}
	return all
}

// same reports what differs between two trees.
func same(t *testing.T, before, after map[string]string) {
	t.Helper()
	for path, was := range before {
		if is := after[path]; is != was {
			t.Errorf("%s was %s and is %q", path, was, is)
		}
	}
	for path, is := range after {
		if _, was := before[path]; !was {
			t.Errorf("%s is new: %s", path, is)
		}
	}
}

// grep lists the files below a folder that have a text.
func grep(t *testing.T, dir, what string) []string {
	t.Helper()
	var found []string
	err := filepath.WalkDir(dir, func(path string, d fs.DirEntry, err error) error {
		if errors.Is(err, fs.ErrNotExist) {
			return nil
		}
		if err != nil || !d.Type().IsRegular() {
			return err
		}
		data, err := os.ReadFile(path)
		if bytes.Contains(data, []byte(what)) {
			found = append(found, path)
		}
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	return found
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

func contains(t *testing.T, where, text string, words ...string) {
	t.Helper()
	for _, word := range words {
		if !strings.Contains(text, word) {
			t.Errorf("%s does not say %q:\n%s", where, word, text)
		}
	}
}

// pipe is a pipeline of one of the platforms.
type pipe interface {
	// review carries out the jobs of a pull request from a branch, and returns their logs
	// and which of them failed.
	review(branch string) (log string, failed []string)
	// propose and apply carry out the jobs of main.
	propose() (log string, failed bool)
	apply() (log string, failed bool)
	// forged lists what a log says to the platform besides what the pipeline itself says.
	forged(log string) []string
	the() *world
	folder(dir string) // names the folder of the configuration
}

// platforms runs a test on each of them.
func platforms(t *testing.T, test func(t *testing.T, p pipe)) {
	for name, start := range map[string]func(*testing.T) pipe{"GitHub": newGitHub, "GitLab": newGitLab} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			test(t, start(t))
		})
	}
}

func TestPullRequest(t *testing.T) {
	t.Parallel()
	platforms(t, func(t *testing.T, p pipe) {
		w := p.the()
		w.git("branch", "change")
		log, failed := p.review("change")
		if len(failed) > 0 {
			t.Fatalf("%q failed:\n%s", failed, log)
		}
		contains(t, "the log", log, "The configuration is valid", "6.1.19 → 6.1.20")
		w.has("zup-plan", "zup.plan", "comment.md", "plan.jsonl")
		if said := w.text(w.ours.said); said != w.keptText("zup-plan", "comment.md") || !strings.HasPrefix(said, "# edge: 6.1.19 → 6.1.20") {
			t.Errorf("the comment says\n%s", said)
		}

		// A refusal is a comment, too.
		w.split()
		log, failed = p.review("change")
		if !slices.Equal(failed, []string{"plan"}) {
			t.Errorf("%q failed", failed)
		}
		contains(t, "the log", log, "split brain")
		contains(t, "the comment", w.text(w.ours.said), "# A rule refuses to plan this", "split brain")
	})
}

func TestApply(t *testing.T) {
	t.Parallel()
	platforms(t, func(t *testing.T, p pipe) {
		w := p.the()
		if log, failed := p.propose(); failed {
			t.Fatal(log)
		}
		w.has("zup-proposed", "zup.plan", "comment.md", "plan.jsonl")
		log, failed := p.apply()
		if failed {
			t.Fatal(log)
		}
		contains(t, "the log", log, "edge: verified")
		w.atRest()
		w.has("zup-report", "report.html", "report.md", "apply.jsonl", "runs/*/report.json", "runs/*/journal.jsonl", "runs/*/plan.zup")

		// The same plan once more.
		log, failed = p.apply()
		if !failed {
			t.Error("a plan was applied twice")
		}
		contains(t, "the log", log, "this plan was applied before", "The plan is stale")
		if log, failed := p.propose(); failed || !strings.Contains(log, "No changes") {
			t.Error(log)
		}
	})
}

func TestApplyIsRefused(t *testing.T) {
	t.Parallel()
	platforms(t, func(t *testing.T, p pipe) {
		w := p.the()
		if log, failed := p.propose(); failed {
			t.Fatal(log)
		}
		w.pair.Set("zva5n2", "updater", "bare")
		log, failed := p.apply()
		if !failed {
			t.Error("a stale plan was applied")
		}
		contains(t, "the log", log, `updater was "install" when the plan was made`, "The plan is stale")
		w.pair.Set("zva5n2", "updater", "")
		w.pair.Fail("zva5n2", "update", func(p *zevenettest.Pair) zevenettest.Fault {
			p.Nodes["zva5n1"].Config = "edited"
			return zevenettest.Fault{}
		})
		log, failed = p.apply()
		if !failed {
			t.Error("a rule was not heeded")
		}
		contains(t, "the log", log, "A rule refused or stopped it")
		w.has("zup-report", "report.md", "runs/*/report.json")
	})
}
