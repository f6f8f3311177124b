package checkout

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
)

// Each form in which git can keep a repository gives git's own answer.

func TestLooseObjects(t *testing.T) {
	t.Parallel()
	newRepo(t).agrees("loose")
}

func TestSHA256(t *testing.T) {
	t.Parallel()
	g := newRepo(t, "--object-format=sha256")
	g.agrees("loose, SHA-256")
	g.git("checkout", "-q", ".")
	g.history(20)
	g.git("gc", "-q")
	g.agrees("packed, SHA-256")
}

// history makes commits that change a long file and the directories around it, so that
// packing finds deltas of trees.
func (g gitRepo) history(n int) {
	g.t.Helper()
	for i := range n {
		g.write(fmt.Sprintf("conf/sub/%d.txt", i), strings.Repeat("line\n", i))
		g.write(fmt.Sprintf("other/%d.txt", i), "x\n")
		g.git("add", "conf", "other")
		g.git("commit", "-qm", fmt.Sprint(i))
	}
}

func TestPackedObjectsWithDeltas(t *testing.T) {
	t.Parallel()
	g := newRepo(t)
	g.history(60)
	g.git("-c", "pack.depth=200", "-c", "pack.window=200", "repack", "-adfq")
	if left := g.git("count-objects"); !strings.HasPrefix(left, "0 ") {
		t.Fatalf("not packed: %s", left)
	}
	// Every tree of the history is read as git reads it, by places and by names of bases.
	g.readsEveryTree()
	g.agrees("packed")
	g.git("checkout", "-q", ".")

	pack, err := filepath.Glob(filepath.Join(g.dir, ".git/objects/pack/*.pack"))
	if err != nil || len(pack) != 1 {
		t.Fatal(pack, err)
	}
	revs := g.command("rev-list", "--objects", "--all")
	out, err := revs.Output()
	if err != nil {
		t.Fatal(err)
	}
	byName := g.command("pack-objects", "--no-reuse-delta", "--window=100", "--depth=100", "-q", filepath.Join(g.dir, "byname")) // without --delta-base-offset
	byName.Stdin = strings.NewReader(string(out))
	if out, err := byName.CombinedOutput(); err != nil {
		t.Fatalf("%v: %s", err, out)
	}
	g.git("prune-packed")
	g.replacePacks("byname-*")
	g.readsEveryTree()
	g.agrees("packed, with bases by name")
}

// replacePacks puts other packs in the place of those of a repository.
func (g gitRepo) replacePacks(pattern string) {
	g.t.Helper()
	dir := filepath.Join(g.dir, ".git/objects/pack")
	old, _ := filepath.Glob(filepath.Join(dir, "*"))
	for _, path := range old {
		os.Chmod(path, 0o644)
		os.Remove(path)
	}
	found, _ := filepath.Glob(filepath.Join(g.dir, pattern))
	if len(found) == 0 {
		g.t.Fatal("no pack was made")
	}
	for _, path := range found {
		name := strings.Replace(filepath.Base(path), "byname-", "pack-", 1)
		if err := os.Rename(path, filepath.Join(dir, name)); err != nil {
			g.t.Fatal(err)
		}
	}
	g.git("fsck", "--no-dangling")
}

// readsEveryTree compares the trees and commits of the whole history with git's.
func (g gitRepo) readsEveryTree() {
	g.t.Helper()
	m := &meter{ctx: g.t.Context(), left: 1 << 40}
	r, _, err := find(m, g.dir)
	if err != nil {
		g.t.Fatal(err)
	}
	defer r.close()
	s, err := r.openStore()
	if err != nil {
		g.t.Fatal(err)
	}
	defer s.close()
	n, deltas := 0, 0
	for line := range strings.Lines(g.git("cat-file", "--batch-all-objects", "--batch-check=%(objectname) %(objecttype) %(objectsize) %(deltabase)")) {
		f := strings.Fields(line)
		if f[1] == "blob" {
			continue
		}
		data, err := s.object(f[0], f[1])
		if err != nil || fmt.Sprint(len(data)) != f[2] {
			g.t.Errorf("%s: %d bytes, %v", line, len(data), err)
		}
		n++
		if strings.Trim(f[3], "0") != "" {
			deltas++
		}
	}
	if n < 60 || deltas < 20 {
		g.t.Errorf("read %d trees and commits, %d of them deltas: too few to prove anything", n, deltas)
	}
}

func TestPackedReferences(t *testing.T) {
	t.Parallel()
	g := newRepo(t)
	for i := range 300 {
		g.git("update-ref", fmt.Sprintf("refs/heads/b%d", i), "HEAD")
	}
	g.git("tag", "-a", "-m", "x", "v1")
	g.git("pack-refs", "--all")
	if _, err := os.Stat(filepath.Join(g.dir, ".git/refs/heads/main")); err == nil {
		t.Fatal("the reference is not packed")
	}
	g.agrees("packed references")
	// A loose one counts before a packed one.
	g.git("checkout", "-q", ".")
	g.git("commit", "-q", "--allow-empty", "-m", "second")
	g.agrees("packed and loose references")
}

func TestSymbolicReferences(t *testing.T) {
	t.Parallel()
	g := newRepo(t)
	g.git("symbolic-ref", "refs/heads/alias", "refs/heads/main")
	g.git("symbolic-ref", "HEAD", "refs/heads/alias")
	g.agrees("symbolic references")
	g.git("checkout", "-q", ".")
	g.git("symbolic-ref", "HEAD", "refs/heads/main")
	g.remove(".git/HEAD")
	if err := os.Symlink("refs/heads/main", filepath.Join(g.dir, ".git/HEAD")); err != nil {
		t.Fatal(err)
	}
	g.agrees("HEAD as a link")
}

func TestDetached(t *testing.T) {
	t.Parallel()
	g := newRepo(t)
	g.git("commit", "-q", "--allow-empty", "-m", "second")
	g.git("checkout", "-q", "HEAD~1")
	g.agrees("detached")
}

func TestUnbornBranchHasNoCommit(t *testing.T) {
	t.Parallel()
	g := newRepo(t)
	g.git("checkout", "-q", "--orphan", "empty")
	if a := g.look(); a.Commit != "" || a.Doubt != nil || a.Top != g.dir {
		t.Errorf("%+v, want no commit", a)
	}
	g.git("pack-refs", "--all")
	if a := g.look(); a.Commit != "" || a.Doubt != nil {
		t.Errorf("%+v, want no commit", a)
	}
}

func TestNoRepository(t *testing.T) {
	t.Parallel()
	dir := realTemp(t)
	if a := Look(t.Context(), Question{Dir: dir}); a != (Answer{}) {
		t.Errorf("%+v, want none", a)
	}
	// An empty .git is none, neither for git nor here: the one further up counts.
	g := newRepo(t)
	if err := os.MkdirAll(filepath.Join(g.dir, "conf/.git/objects"), 0o755); err != nil {
		t.Fatal(err)
	}
	g.agrees("an empty .git below")
}

func TestLinkedWorkTree(t *testing.T) {
	t.Parallel()
	g := newRepo(t)
	other := g.at(filepath.Join(realTemp(t), "linked"))
	g.git("worktree", "add", "-q", "-b", "side", other.dir)
	other.git("commit", "-q", "--allow-empty", "-m", "side")
	g.agrees("the main work tree")
	other.agrees("a linked work tree")
	other.git("checkout", "-q", ".")
	other.git("checkout", "-q", "--detach")
	g.git("pack-refs", "--all")
	g.git("gc", "-q")
	other.agrees("a linked work tree, detached, packed")

	// As newer versions of git write it, when they are asked to.
	admin := filepath.Join(g.dir, ".git/worktrees/linked")
	rel, _ := filepath.Rel(other.dir, admin)
	back, _ := filepath.Rel(admin, filepath.Join(other.dir, ".git"))
	other.write(".git", "gitdir: "+rel+"\n")
	os.WriteFile(filepath.Join(admin, "gitdir"), []byte(back+"\n"), 0o644)
	other.git("checkout", "-q", ".")
	other.agrees("a linked work tree, relative paths")
}

func TestLinkedWorkTreeOfABareRepository(t *testing.T) {
	t.Parallel()
	g := newRepo(t)
	bare := g.at(filepath.Join(realTemp(t), "bare.git"))
	g.git("clone", "-q", "--bare", g.dir, bare.dir)
	linked := g.at(filepath.Join(realTemp(t), "linked"))
	bare.git("worktree", "add", "-q", linked.dir)
	linked.agrees("a linked work tree of a bare repository")
}

// Git's directory does not know of which work tree it is: nobody can tell this one from
// a file that was written to name it.
func TestSeparateGitDirectoryIsInDoubt(t *testing.T) {
	t.Parallel()
	g := newRepo(t)
	git := filepath.Join(realTemp(t), "git")
	g.git("init", "-q", "--separate-git-dir", git)
	if a := g.look(); a.Commit != "" || a.Doubt == nil || !strings.Contains(a.Doubt.Error(), "does not name this work tree") {
		t.Errorf("%+v, want doubt", a)
	}
	// Where it does, it is known.
	g.git("config", "core.worktree", g.dir)
	g.agrees("a separate directory that names the work tree")
}

func TestManyPacksWithOneIndex(t *testing.T) {
	t.Parallel()
	g := newRepo(t)
	for i := range 5 {
		g.git("repack", "-dq")
		g.write(fmt.Sprintf("conf/sub/%d.txt", i), "x\n")
		g.git("add", ".")
		g.git("commit", "-qm", fmt.Sprint(i))
	}
	g.git("repack", "-dq", "--write-midx", "--write-bitmap-index")
	g.git("prune-packed")
	if _, err := os.Stat(filepath.Join(g.dir, ".git/objects/pack/multi-pack-index")); err != nil {
		t.Fatal(err)
	}
	g.agrees("one index of many packs")
}

func TestSubmodule(t *testing.T) {
	t.Parallel()
	inner, outer := newRepo(t), newRepo(t)
	outer.git("submodule", "--quiet", "add", inner.dir, "below/module")
	outer.git("commit", "-qm", "submodule")
	sub := outer.at(filepath.Join(outer.dir, "below/module"))
	if info, err := os.Lstat(filepath.Join(sub.dir, ".git")); err != nil || !info.Mode().IsRegular() {
		t.Fatal("the submodule's .git is not a file")
	}
	sub.git("commit", "-q", "--allow-empty", "-m", "further than the outer one")
	outer.agrees("around a submodule")
	sub.agrees("a submodule")
	sub.git("checkout", "-q", ".")
	sub.git("config", "extensions.worktreeConfig", "true")
	path := sub.git("config", "core.worktree")
	sub.git("config", "--worktree", "core.worktree", path)
	sub.git("config", "--unset", "--file", filepath.Join(outer.dir, ".git/modules/below/module/config"), "core.worktree")
	sub.agrees("a submodule with a configuration of its work tree")

	// A file of the submodule is in no tree of the outer repository.
	outer.differs("a file in a submodule", "below/module", "../below/module/shared.vars")
}

func TestAlternates(t *testing.T) {
	t.Parallel()
	from := newRepo(t)
	from.history(5)
	from.git("gc", "-q")
	second := from.at(filepath.Join(realTemp(t), "second"))
	from.git("clone", "-q", "--shared", from.dir, second.dir)
	third := from.at(filepath.Join(realTemp(t), "third"))
	from.git("clone", "-q", "--shared", second.dir, third.dir)
	if packs, _ := filepath.Glob(filepath.Join(third.dir, ".git/objects/pack/*")); len(packs) > 0 {
		t.Fatal("it has objects of its own")
	}
	second.agrees("borrowed objects")
	third.agrees("objects borrowed twice")
	rel, _ := filepath.Rel(filepath.Join(second.dir, ".git/objects"), filepath.Join(from.dir, ".git/objects"))
	for _, line := range []string{rel, `"` + rel + `"`, "# a comment\n\n" + rel} {
		second.write(".git/objects/info/alternates", line+"\n")
		second.git("checkout", "-q", ".")
		second.agrees("borrowed by " + line)
	}
}

func TestShallowAndPartialClones(t *testing.T) {
	t.Parallel()
	from := newRepo(t)
	from.history(5)
	from.git("config", "uploadpack.allowFilter", "true")
	shallow := from.at(filepath.Join(realTemp(t), "shallow"))
	from.git("clone", "-q", "--depth=1", "file://"+from.dir, shallow.dir)
	shallow.agrees("shallow")
	partial := from.at(filepath.Join(realTemp(t), "partial"))
	from.git("clone", "-q", "--filter=blob:none", "file://"+from.dir, partial.dir)
	partial.agrees("without blobs")
}

// What a work tree has after a filter or a conversion of line ends is not what the
// commit has: nobody can tell without running what the repository names.
func TestConvertedFilesDiffer(t *testing.T) {
	t.Parallel()
	g := newRepo(t)
	g.write(".gitattributes", "*.vars text eol=crlf\n")
	g.git("add", ".")
	g.git("commit", "-qm", "crlf")
	g.remove("conf/prod.zup.vars")
	g.git("checkout", "-q", "conf/prod.zup.vars")
	if status := g.git("status", "--porcelain"); status != "" {
		t.Fatalf("git itself sees a change: %s", status)
	}
	g.differs("CRLF", "conf/prod.zup.vars")

	g = newRepo(t)
	g.write(".gitattributes", "*.txt filter=big\n")
	g.git("config", "filter.big.clean", "sed s/text/pointer/")
	g.git("config", "filter.big.smudge", "sed s/pointer/text/")
	g.git("add", ".")
	g.git("add", "--renormalize", ".")
	g.git("commit", "-qm", "filter")
	if status := g.git("status", "--porcelain"); status != "" {
		t.Fatalf("git itself sees a change: %s", status)
	}
	g.differs("a filter", "conf/sub/offer.txt")
}

// The commit is what HEAD names, whatever lets git take other objects for it.
func TestReplacedObjectsDoNotCount(t *testing.T) {
	t.Parallel()
	g := newRepo(t)
	g.write("conf/edge.zup.hcl", "another text\n")
	g.git("commit", "-qam", "second")
	first, second := g.git("rev-parse", "HEAD~1"), g.git("rev-parse", "HEAD")
	g.git("replace", first, second)
	g.git("checkout", "-q", "--detach", second)
	g.git("update-ref", "--no-deref", "HEAD", first)
	// Git would call it clean: it reads the second commit under the first one's name.
	if status := g.git("diff", "HEAD", "--stat", "--", "conf"); status != "" {
		t.Fatalf("git does not follow the replacement: %s", status)
	}
	g.differs("a replaced commit", "conf/edge.zup.hcl")
	g.write(".git/info/grafts", first+"\n")
	g.write(".git/shallow", first+"\n")
	g.differs("a graft and a shallow file", "conf/edge.zup.hcl")
}

func TestIndexDecidesNothing(t *testing.T) {
	t.Parallel()
	g := newRepo(t)
	g.git("update-index", "--assume-unchanged", "conf/edge.zup.hcl")
	g.git("update-index", "--skip-worktree", "conf/prod.zup.vars")
	g.agrees("an index that says nothing has changed")
	g.write(".git/index", "garbage")
	g.git("rev-parse", "HEAD")
	a := g.look()
	if !a.Clean() {
		t.Errorf("%+v, want clean, whatever the index is", a)
	}
	g.write("conf/edge.zup.hcl", "changed\n")
	if a := g.look(); a.Changed != "conf/edge.zup.hcl" {
		t.Errorf("%+v, want changed, whatever the index is", a)
	}
}

// A file that the commit has and the directory does not is a change like any other: it
// may have been the one that demands approvals.
func TestMissingFilesDiffer(t *testing.T) {
	t.Parallel()
	g := newRepo(t)
	g.write("conf/approval.zup.hcl", "approval {}\n")
	g.git("add", ".")
	g.git("commit", "-qm", "approval")
	g.remove("conf/approval.zup.hcl")
	g.differs("a removed file", "conf/approval.zup.hcl")
	// Where it stands further down it is none of this configuration's.
	g.git("checkout", "-q", ".")
	g.git("mv", "conf/approval.zup.hcl", "conf/sub/approval.zup.hcl")
	g.git("commit", "-qm", "moved")
	g.clean("a file of another directory")
}

func TestLinksDiffer(t *testing.T) {
	t.Parallel()
	g := newRepo(t)
	// A link to the same text, in the place of a file.
	g.write("conf/copy.hcl", "the text of edge.zup.hcl\n")
	g.remove("conf/edge.zup.hcl")
	if err := os.Symlink("copy.hcl", filepath.Join(g.dir, "conf/edge.zup.hcl")); err != nil {
		t.Fatal(err)
	}
	g.differs("a link", "conf/edge.zup.hcl")
	g.git("add", ".")
	g.git("commit", "-qm", "link")
	g.differs("a link that is committed", "conf/edge.zup.hcl")

	// A link to the same files, in the place of a directory.
	g = newRepo(t)
	g.write("elsewhere/offer.txt", "the text of sub/offer.txt\n")
	g.remove("conf/sub")
	if err := os.Symlink("../elsewhere", filepath.Join(g.dir, "conf/sub")); err != nil {
		t.Fatal(err)
	}
	g.differs("a linked directory", "conf/sub/offer.txt")
}

func TestFilesOutsideAreInNoCommit(t *testing.T) {
	t.Parallel()
	g := newRepo(t)
	outside := filepath.Join(realTemp(t), "outside.vars")
	if err := os.WriteFile(outside, []byte("x"), 0o644); err != nil {
		t.Fatal(err)
	}
	a := g.look(outside)
	if !a.Clean() {
		t.Errorf("%+v, want clean", a)
	}
	// One that a link from outside leads to is inside.
	link := filepath.Join(realTemp(t), "link.vars")
	g.write("more.vars", "not committed")
	if err := os.Symlink(filepath.Join(g.dir, "more.vars"), link); err != nil {
		t.Fatal(err)
	}
	g.differs("a link from outside", "more.vars", link)
}

// The directory may be reached through a link: git looks where it really is.
func TestDirectoryThroughALink(t *testing.T) {
	t.Parallel()
	g := newRepo(t)
	link := filepath.Join(realTemp(t), "conf")
	if err := os.Symlink(filepath.Join(g.dir, "conf"), link); err != nil {
		t.Fatal(err)
	}
	a := Look(t.Context(), Question{Dir: link, Files: []File{{Path: "edge.zup.hcl"}, {Path: filepath.Join(link, "prod.zup.vars")}}, Belongs: isConfig})
	if !a.Clean() || a.Top != g.dir {
		t.Errorf("%+v, want clean in %s", a, g.dir)
	}
}

// What was read counts, not what is there by the time somebody looks.
func TestFileThatWasOtherwiseWhenItWasRead(t *testing.T) {
	t.Parallel()
	g := newRepo(t)
	sum := func(text string) string { s := sha256.Sum256([]byte(text)); return hex.EncodeToString(s[:]) }
	q := Question{Dir: filepath.Join(g.dir, "conf"), Files: []File{{Path: "edge.zup.hcl", SHA256: sum("the text of edge.zup.hcl\n")}}}
	if a := Look(t.Context(), q); !a.Clean() {
		t.Errorf("%+v, want clean", a)
	}
	q.Files[0].SHA256 = sum("put back meanwhile\n")
	if a := Look(t.Context(), q); a.Changed != "conf/edge.zup.hcl" {
		t.Errorf("%+v, want changed", a)
	}
	q.Files = append(q.Files, File{Path: "edge.zup.hcl", SHA256: sum("the text of edge.zup.hcl\n")})
	if a := Look(t.Context(), q); a.Changed != "conf/edge.zup.hcl" {
		t.Errorf("used with two texts: %+v, want changed", a)
	}
}

// What is there, and what is not, decides as much as what stands in it.
func TestExistenceCounts(t *testing.T) {
	t.Parallel()
	g := newRepo(t)
	g.write("conf/sub/deep/a.txt", "a")
	g.write("conf/sub/deep/er/b.txt", "b")
	g.git("add", ".")
	g.git("commit", "-qm", "more")
	g.write("conf/sub/untracked.txt", "x")
	any := func(string) bool { return true }
	texts := func(name string) bool { return strings.HasSuffix(name, ".txt") }
	for i, tt := range []struct {
		files   []File
		lists   []List
		changed string
	}{
		{files: []File{{Path: "edge.zup.hcl", Use: Exists}, {Path: "nothing", Use: Absent}, {Path: "no/thing", Use: Absent}, {Path: "sub/nothing", Use: Absent}, {Path: "sub/offer.txt"}}},
		{files: []File{{Path: "sub/untracked.txt", Use: Exists}}, changed: "conf/sub/untracked.txt"},
		{files: []File{{Path: "sub/offer.txt", Use: Absent}}, changed: "conf/sub/offer.txt"},
		{files: []File{{Path: "sub/offer.txt", Use: Absent}, {Path: "sub/offer.txt"}}, changed: "conf/sub/offer.txt"},
		{files: []File{{Path: "sub", Use: Exists}}, changed: "conf/sub"},
		{files: []File{{Path: "sub/offer.txt", Use: Exists}, {Path: "sub/untracked.txt"}}, changed: "conf/sub/untracked.txt"},
		{files: []File{{Path: "sub/untracked.txt"}, {Path: "sub/untracked.txt", Use: Exists}}, changed: "conf/sub/untracked.txt"},
		{files: []File{{Path: "no/where/at/all", Use: Absent}, {Path: "no/where/else"}}, changed: "conf/no"},

		{lists: []List{{Dir: "sub", Matches: texts, Depth: 1, Found: []string{"offer.txt"}}}},
		{lists: []List{{Dir: "sub", Matches: texts, Found: []string{"deep/a.txt", "deep/er/b.txt", "offer.txt"}}}},
		{lists: []List{{Dir: "sub", Matches: texts, Depth: 2, Found: []string{"deep/a.txt", "offer.txt"}}}},
		{lists: []List{{Dir: "sub", Matches: texts, Depth: 1, Found: []string{"offer.txt", "untracked.txt"}}}, changed: "conf/sub/untracked.txt"},
		{lists: []List{{Dir: "sub", Matches: texts, Found: []string{"deep/a.txt", "offer.txt"}}}, changed: "conf/sub/deep/er/b.txt"},
		{lists: []List{{Dir: "sub", Matches: texts}}, changed: "conf/sub/offer.txt"},
		{lists: []List{{Dir: "nowhere/at/all", Matches: any}}},
		{lists: []List{{Dir: "nowhere", Matches: any, Found: []string{"x"}}}, changed: "conf/nowhere/x"},
		{lists: []List{{Dir: "edge.zup.hcl", Matches: any}}},
		{lists: []List{{Dir: "/etc", Matches: any, Found: []string{"passwd"}}}}, // in no commit
	} {
		a := Look(t.Context(), Question{Dir: filepath.Join(g.dir, "conf"), Files: tt.files, Lists: tt.lists})
		if a.Changed != tt.changed || a.Doubt != nil {
			t.Errorf("%d: %+v, want %q", i, a, tt.changed)
		}
	}
	a := Look(t.Context(), Question{Dir: filepath.Join(g.dir, "conf"), Lists: []List{{Dir: "..", Matches: any, Depth: 2}}})
	if a.Changed == "" {
		t.Errorf("%+v, want changed", a)
	}
}

func TestHasTellsWhatIsInTheCommit(t *testing.T) {
	t.Parallel()
	g := newRepo(t)
	g.write("home/.gitconfig", "")
	link := filepath.Join(realTemp(t), "link")
	if err := os.Symlink(filepath.Join(g.dir, "conf/sub"), link); err != nil {
		t.Fatal(err)
	}
	for path, want := range map[string]bool{
		"conf/edge.zup.hcl": true, "conf": true, "shared.vars": true, "home/.gitconfig": false, "conf/no/such": false,
		"../" + filepath.Base(g.dir) + "/shared.vars": true, "/etc/passwd": false, filepath.Join(link, "offer.txt"): true,
		"conf/edge.zup.hcl/x": true, // it stands in the way
	} {
		if !filepath.IsAbs(path) {
			path = filepath.Join(g.dir, path)
		}
		if got, err := Has(t.Context(), filepath.Join(g.dir, "conf"), path); got != want || err != nil {
			t.Errorf("Has(%s) = %t, %v", path, got, err)
		}
	}
	if has, err := Has(t.Context(), realTemp(t), "/etc/passwd"); has || err != nil {
		t.Errorf("without a repository: %t, %v", has, err)
	}
	g.write(".git/HEAD", strings.Repeat("c", 40))
	if _, err := Has(t.Context(), g.dir, filepath.Join(g.dir, "home/.gitconfig")); err == nil {
		t.Error("no error though there is no such commit")
	}
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	if _, err := Has(ctx, g.dir, filepath.Join(g.dir, "conf")); err == nil {
		t.Error("no error though there was no time")
	}
}

// What git says of its own configuration file is what is read in it.
func TestSettingsAreReadAsGitReadsThem(t *testing.T) {
	t.Parallel()
	needGit(t)
	for _, text := range []string{
		"[core]\n\tworktree = ../x\n", "[core] worktree=a b \n", "[core]worktree = \"a b \" ; c\n", "[CORE]\nWorkTree=x#y\n",
		"[core]\nworktree=a\\\n  b\n", "[core]\nworktree=\"a\\tb\\\"c\\\\\"\n", "[core]\r\nworktree = x\r\n", "\ufeff[core]\nworktree=x",
		"[core \"sub\"]\nworktree=x\n[core]\nworktree=y\n", "[core]\nworktree=x\n[core]\nworktree=y\n", "[core]\nworktree\n",
		"[core.sub]\nworktree=x\n", "# [core]\n; x\n[core]\nworktree=\"#x;y\"\n", "[a \"b\\\"]c\"]\nworktree=z\n[core]\nworktree=w\n",
		"[core]\nworktree=x   y  \"  \" z   \n", "[core]\nworktree=\n", "[core]\nworktree=\"\n", "[core\nworktree=x\n", "worktree=x\n", "[core]\n=x\n",
		"[core]\nworktree=\\q\n", "[core]\nworktree x\n", "[include]\npath=x\n[core]\nworktree=y\n", "[core]\n\tworktree = \"x\"\"y\"\n",
	} {
		path := filepath.Join(t.TempDir(), "config")
		if err := os.WriteFile(path, []byte(text), 0o644); err != nil {
			t.Fatal(err)
		}
		out, err := gitRepo{t, t.TempDir()}.command("config", "--file", path, "--null", "--get", "core.worktree").Output()
		want := strings.TrimSuffix(string(out), "\x00")
		s, gotErr := parseSettings(text)
		var exit *exec.ExitError
		bad := errors.As(err, &exit) && exit.ExitCode() != 1 // 1: it is not set
		switch got, set := s["core.worktree"]; {
		case bad != (gotErr != nil):
			t.Errorf("%q: error %v, git's %v", text, gotErr, err)
		case !bad && (set != (err == nil) || got != want && got != "true"):
			t.Errorf("%q: %q, git says %q %v", text, got, want, err)
		}
	}
}
