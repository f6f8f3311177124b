package checkout

import (
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"
)

// gitRepo is a repository that git itself has made.
type gitRepo struct {
	t   *testing.T
	dir string
}

// needGit skips a test where there is no git to compare with.
func needGit(t *testing.T) {
	t.Helper()
	if _, err := exec.LookPath("git"); err != nil {
		if os.Getenv("ZUP_CI") == "1" {
			t.Fatal("there is no git to compare with, and with ZUP_CI nothing is skipped")
		}
		t.Skip("there is no git to compare with")
	}
}

func (g gitRepo) at(dir string) gitRepo { return gitRepo{g.t, dir} }

// git runs git in the repository and returns what it prints.
func (g gitRepo) git(args ...string) string {
	g.t.Helper()
	out, err := g.command(args...).CombinedOutput()
	if err != nil {
		g.t.Fatalf("git %s: %v: %s", strings.Join(args, " "), err, out)
	}
	return strings.TrimSpace(string(out))
}

func (g gitRepo) command(args ...string) *exec.Cmd {
	cmd := exec.Command("git", append([]string{"-c", "user.name=a", "-c", "user.email=a@example.com", "-c", "protocol.file.allow=always", "-c", "init.defaultBranch=main", "-c", "gc.auto=0", "-c", "commit.gpgSign=false"}, args...)...)
	cmd.Dir = g.dir
	cmd.Env = append(slices.DeleteFunc(os.Environ(), func(kv string) bool { return strings.HasPrefix(kv, "GIT_") }),
		"GIT_CONFIG_GLOBAL=/dev/null", "GIT_CONFIG_NOSYSTEM=1")
	return cmd
}

// newRepo makes a repository with a configuration in conf and other files, committed.
func newRepo(t *testing.T, initArgs ...string) gitRepo {
	t.Helper()
	needGit(t)
	g := gitRepo{t, realTemp(t)}
	g.git(append([]string{"init", "-q"}, initArgs...)...)
	g.fill()
	g.git("add", ".")
	g.git("commit", "-qm", "first")
	return g
}

// realTemp is a directory without links in its name.
func realTemp(t testing.TB) string {
	t.Helper()
	dir, err := filepath.EvalSymlinks(t.TempDir())
	if err != nil {
		t.Fatal(err)
	}
	return dir
}

// confFiles are what the configuration of newRepo consists of.
var confFiles = []string{"edge.zup.hcl", "prod.zup.vars", "sub/offer.txt", "../shared.vars"}

func (g gitRepo) fill() {
	g.t.Helper()
	for _, name := range confFiles {
		g.write(filepath.Join("conf", name), "the text of "+name+"\n")
	}
	for i := range 50 {
		g.write(fmt.Sprintf("other/%d/file.txt", i), fmt.Sprintf("file %d\n", i))
	}
}

func (g gitRepo) write(name, text string) {
	g.t.Helper()
	path := filepath.Join(g.dir, name)
	if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
		g.t.Fatal(err)
	}
	if err := os.WriteFile(path, []byte(text), 0o644); err != nil {
		g.t.Fatal(err)
	}
}

func (g gitRepo) remove(name string) {
	g.t.Helper()
	if err := os.RemoveAll(filepath.Join(g.dir, name)); err != nil {
		g.t.Fatal(err)
	}
}

func isConfig(name string) bool {
	return strings.HasSuffix(name, ".zup.hcl") || strings.HasSuffix(name, ".zup.vars")
}

// look asks about the configuration in conf.
func (g gitRepo) look(more ...string) Answer {
	g.t.Helper()
	q := Question{Dir: filepath.Join(g.dir, "conf"), Belongs: isConfig}
	for _, name := range append(slices.Clone(confFiles), more...) {
		q.Files = append(q.Files, File{Path: name})
	}
	return Look(g.t.Context(), q)
}

// clean asserts that the answer is git's: this commit, and nothing is changed.
func (g gitRepo) clean(about string) {
	g.t.Helper()
	a := g.look()
	if head := g.git("rev-parse", "HEAD"); a.Commit != head || !a.Clean() || a.Top != g.dir {
		g.t.Errorf("%s: %+v, want %s in %s, clean", about, a, head, g.dir)
	}
}

// differs asserts that a file is said to be changed.
func (g gitRepo) differs(about, name string, more ...string) {
	g.t.Helper()
	a := g.look(more...)
	if head := g.git("rev-parse", "HEAD"); a.Commit != head || a.Changed != name {
		g.t.Errorf("%s: %+v, want %s, and that %s differs", about, a, head, name)
	}
}

// agrees asserts what is true of every form of repository: as it was checked out it is
// clean, and whatever is done to a file of the configuration is found.
func (g gitRepo) agrees(form string) {
	g.t.Helper()
	g.clean(form)
	g.write("other/0/file.txt", "changed\n")
	g.write("conf/notes.txt", "what else lies around\n")
	g.clean(form + ", with other files changed")
	for _, name := range confFiles {
		path := filepath.Join("conf", name)
		old, err := os.ReadFile(filepath.Join(g.dir, path))
		if err != nil {
			g.t.Fatal(err)
		}
		g.write(path, string(old)+"\n")
		g.differs(form+", with a file changed", path)
		g.write(path, string(old))
	}
	g.write("conf/more.zup.vars", "x\n")
	g.differs(form+", with a new file", "conf/more.zup.vars", "more.zup.vars")
	g.remove("conf/more.zup.vars")
	g.clean(form + ", as before")
}
