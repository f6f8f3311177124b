package checkout

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"runtime"
	"strings"
	"syscall"
	"testing"
	"time"
)

// ends asks, and fails if that takes more than a few seconds of a processor, which many
// may share, waits until time is up, or needs a hundred megabytes.
func (p *planted) ends() Answer {
	p.t.Helper()
	var before, after runtime.MemStats
	runtime.GC()
	runtime.ReadMemStats(&before)
	start, worked := time.Now(), processor()
	a := Look(p.t.Context(), Question{Dir: p.path("conf"), Files: []File{{Path: "edge.zup.hcl"}}, Belongs: isConfig})
	if took, work := time.Since(start), processor()-worked; took > Limit-time.Second || work > 3*time.Second {
		p.t.Errorf("it took %s, and %s of the processor", took, work)
	}
	runtime.ReadMemStats(&after)
	if grown := int64(after.Sys) - int64(before.Sys); grown > 100<<20 {
		p.t.Errorf("it took %d MB", grown>>20)
	}
	return a
}

// processor is how long this process has worked.
func processor() time.Duration {
	var u syscall.Rusage
	syscall.Getrusage(syscall.RUSAGE_SELF, &u) // fails never for itself
	return time.Duration(u.Utime.Nano() + u.Stime.Nano())
}

const cafe = "cafecafecafecafecafecafecafecafecafecafe"

// doubtful are repositories of which nothing may be said to be clean. The commit is
// what HEAD says, or "" where that can't be read either; doubt is part of the reason.
var doubtful = []struct {
	name   string
	make   func(p *planted) (commit string)
	reason string
}{
	{"HEAD names a commit that is not there", func(p *planted) string { return p.head(cafe) }, "is not in"},
	{"HEAD is garbage", func(p *planted) string { p.head("garbage"); return "" }, "not the name of an object"},
	{"HEAD is too short a name", func(p *planted) string { p.head(cafe[:39]); return "" }, "not the name of an object"},
	{"HEAD is all zeros", func(p *planted) string { p.head(strings.Repeat("0", 40)); return "" }, "not the name of an object"},
	{"HEAD is of another format", func(p *planted) string { p.head(strings.Repeat("c", 64)); return "" }, "not the name of an object"},
	{"HEAD is empty", func(p *planted) string { p.write(".git/HEAD", ""); return "" }, "empty"},
	{"HEAD is large", func(p *planted) string { p.sparse(".git/HEAD", "", 1<<40); return "" }, "larger than"},
	{"HEAD is a FIFO", func(p *planted) string { p.fifo(".git/HEAD"); return "" }, "not a regular file"},
	{"HEAD is a directory", func(p *planted) string { p.remove(".git/HEAD"); p.write(".git/HEAD/x", ""); return "" }, "not a regular file"},
	{"HEAD is a link to a device", func(p *planted) string { p.link("/dev/zero", ".git/HEAD"); return "" }, "not a regular file"},
	{"HEAD is a link to another repository's", func(p *planted) string { p.link("../../HEAD", ".git/HEAD"); return "" }, "not a regular file"},
	{"HEAD is a link to itself", func(p *planted) string { p.link("HEAD", ".git/HEAD"); return "" }, "not a regular file"},

	{"a reference outside of refs", func(p *planted) string { p.head("ref: /etc/passwd"); return "" }, "not the name of a reference"},
	{"a reference that goes up", func(p *planted) string { p.head("ref: refs/../../../x"); return "" }, "not the name of a reference"},
	{"a reference to HEAD", func(p *planted) string { p.head("ref: HEAD"); return "" }, "not the name of a reference"},
	{"references in a circle", func(p *planted) string {
		p.head("ref: refs/heads/a")
		p.write(".git/refs/heads/a", "ref: refs/heads/b")
		p.write(".git/refs/heads/b", "ref: refs/heads/a")
		return ""
	}, "name each other"},
	{"a reference that is a FIFO", func(p *planted) string { p.head("ref: refs/heads/a"); p.fifo(".git/refs/heads/a"); return "" }, "not a regular file"},
	{"a reference that is a link to a file elsewhere", func(p *planted) string {
		p.head("ref: refs/heads/a")
		p.write(".git/refs/heads/x", "")
		p.link("/etc/hostname", ".git/refs/heads/a")
		return ""
	}, "not a regular file"},
	{"references are elsewhere", func(p *planted) string {
		p.head("ref: refs/heads/a")
		p.write("elsewhere/heads/a", cafe)
		p.link("../elsewhere", ".git/refs")
		return ""
	}, "escapes"},
	{"references are in a circle of links", func(p *planted) string {
		p.head("ref: refs/heads/a")
		p.link("refs", ".git/refs")
		return ""
	}, "refs/heads/a"},
	{"packed references of a gigabyte", func(p *planted) string {
		p.head("ref: refs/heads/a")
		p.sparse(".git/packed-refs", "# pack-refs with: peeled fully-peeled sorted \n", 1<<30)
		return ""
	}, "larger than"},
	{"packed references without a line's end", func(p *planted) string {
		p.head("ref: refs/heads/a")
		p.sparse(".git/packed-refs", "# pack-refs with: peeled fully-peeled sorted \n", 200<<20)
		return ""
	}, "packed-refs"},
	{"packed references that are a FIFO", func(p *planted) string { p.head("ref: refs/heads/a"); p.fifo(".git/packed-refs"); return "" }, "not a regular file"},
	{"a packed reference that names nothing", func(p *planted) string {
		p.head("ref: refs/heads/a")
		p.write(".git/packed-refs", " refs/heads/a\n")
		return ""
	}, "not the name of an object"},

	{"the configuration is a FIFO", func(p *planted) string { p.fifo(".git/config"); return "" }, "not a regular file"},
	{"the configuration is elsewhere", func(p *planted) string { p.link("/dev/null", ".git/config"); return "" }, "not a regular file"},
	{"the configuration is large", func(p *planted) string { p.sparse(".git/config", "[core]\n", 1<<30); return "" }, "larger than"},
	{"the configuration is garbage", func(p *planted) string { p.write(".git/config", "\x00\xff"); return "" }, "can't be read"},
	{"references in a table", func(p *planted) string {
		p.write(".git/config", "[core]\n\trepositoryformatversion = 1\n[extensions]\n\trefstorage = reftable\n")
		return ""
	}, "does not read"},
	{"an unknown way to name objects", func(p *planted) string { p.write(".git/config", "[extensions]\nobjectFormat = blake3\n"); return "" }, "does not know"},

	{".git is a FIFO", func(p *planted) string { p.remove(".git"); p.fifo(".git"); return "" }, "neither a directory nor a file"},
	{".git is a link to a repository", func(p *planted) string {
		if err := os.Rename(p.path(".git"), p.path("real")); err != nil {
			p.t.Fatal(err)
		}
		p.link("real", ".git")
		return ""
	}, "neither a directory nor a file"},
	{".git is a link to itself", func(p *planted) string { p.link(".git", ".git"); return "" }, "neither a directory nor a file"},
	{".git is garbage", func(p *planted) string { p.remove(".git"); p.write(".git", "garbage"); return "" }, "not what git writes"},
	{".git is a large file", func(p *planted) string { p.remove(".git"); p.sparse(".git", "gitdir: ", 1<<40); return "" }, "larger than"},
	{".git names nothing", func(p *planted) string { p.remove(".git"); p.write(".git", "gitdir: nowhere\n"); return "" }, "no such file"},
	{".git names a FIFO", func(p *planted) string { p.remove(".git"); p.fifo("f"); p.write(".git", "gitdir: f\n"); return "" }, "not a directory"},
	{"a repository that says it is another one's work tree", func(p *planted) string {
		p.write(".git/commondir", newPlanted(p.t).path(".git")+"\n")
		return ""
	}, "only a linked work tree"},
	{".git names a repository of this machine", func(p *planted) string {
		p.remove(".git")
		p.write(".git", "gitdir: "+newPlanted(p.t).path(".git")+"\n")
		return ""
	}, "does not name this work tree"},
	{".git names a repository that is the work tree's of another one", func(p *planted) string {
		other := newPlanted(p.t)
		other.write(".git/config", "[core]\nworktree = "+other.dir+"\n")
		p.remove(".git")
		p.write(".git", "gitdir: "+other.path(".git")+"\n")
		return ""
	}, "does not name this work tree"},
	{"a linked work tree that its repository does not know", func(p *planted) string {
		p.remove(".git")
		p.write("admin/HEAD", cafe)
		p.write("admin/commondir", newPlanted(p.t).path(".git")+"\n")
		p.write("admin/gitdir", p.path(".git")+"\n")
		p.write(".git", "gitdir: admin\n")
		return ""
	}, "is not one of the work trees"},
	{"another's linked work tree", func(p *planted) string {
		other := newPlanted(p.t)
		other.write(".git/worktrees/w/HEAD", cafe)
		other.write(".git/worktrees/w/commondir", "../..\n")
		other.write("linked/.git", "gitdir: ../.git/worktrees/w\n")
		other.write(".git/worktrees/w/gitdir", other.path("linked/.git")+"\n")
		p.remove(".git")
		p.write(".git", "gitdir: "+other.path(".git/worktrees/w")+"\n")
		return ""
	}, "does not name this work tree"},

	{"objects are elsewhere", func(p *planted) string {
		if err := os.Rename(p.path(".git/objects"), p.path("objects")); err != nil {
			p.t.Fatal(err)
		}
		p.link("../objects", ".git/objects")
		return p.said()
	}, "not a directory"},
	{"objects are a circle of links", func(p *planted) string { p.link("objects", ".git/objects"); return p.said() }, "not a directory"},
	{"a commit under another one's name", func(p *planted) string {
		evil := "tree " + p.trees("the text") + "\n"
		p.raw(cafe, deflated(fmt.Sprintf("commit %d\x00%s", len(evil), evil)))
		return p.head(cafe)
	}, "have another hash"},
	{"a tree under another one's name", func(p *planted) string {
		fake := treeEntry("40000", "conf", p.loose("tree", treeEntry("100644", "edge.zup.hcl", objectID("blob", "the text"))))
		p.raw(cafe, deflated(fmt.Sprintf("tree %d\x00%s", len(fake), fake)))
		return p.head(p.loose("commit", "tree "+cafe+"\n"))
	}, "have another hash"},
	{"a packed commit under another one's name", func(p *planted) string {
		p.pack(whole(cafe, "commit", "tree "+p.trees("the text")+"\n"))
		return p.head(cafe)
	}, "have another hash"},
	{"a commit that is not deflated", func(p *planted) string { p.raw(cafe, "garbage"); return p.head(cafe) }, "damaged"},
	{"a commit that is cut off", func(p *planted) string {
		p.raw(cafe, deflated("commit 1000\x00tree")[:12])
		return p.head(cafe)
	}, "damaged"},
	{"a commit that is a FIFO", func(p *planted) string { p.fifo(".git/objects/ca/" + cafe[2:]); return p.head(cafe) }, "not a regular file"},
	{"a commit that is a link", func(p *planted) string {
		p.write("object", deflated("commit 0\x00"))
		p.write(".git/objects/ca/x", "")
		p.link("../../../object", ".git/objects/ca/"+cafe[2:])
		return p.head(cafe)
	}, "not a regular file"},
	{"HEAD names a tree", func(p *planted) string { return p.head(p.trees("the text")) }, "is a tree, not a commit"},
	{"HEAD names a blob", func(p *planted) string { return p.head(p.loose("blob", "x")) }, "is a blob, not a commit"},
	{"a commit without a tree", func(p *planted) string { return p.head(p.loose("commit", "parent "+cafe+"\n")) }, "names no tree"},
	{"a commit whose tree is not there", func(p *planted) string { return p.head(p.loose("commit", "tree "+cafe+"\n")) }, "is not in"},
	{"a tree that is cut off", func(p *planted) string {
		tree := p.loose("tree", "40000 conf\x00short")
		return p.head(p.loose("commit", "tree "+tree+"\n"))
	}, "damaged"},
	{"a tree that has a name twice", func(p *planted) string {
		good, bad := objectID("blob", "the text"), objectID("blob", "another text")
		conf := p.loose("tree", treeEntry("100644", "edge.zup.hcl", good)+treeEntry("100644", "edge.zup.hcl", bad))
		return p.head(p.loose("commit", "tree "+p.loose("tree", treeEntry("40000", "conf", conf))+"\n"))
	}, "has a name twice"},
	{"a tree with a mode that is none", func(p *planted) string {
		tree := p.loose("tree", treeEntry("99999999999999999999", "conf", cafe))
		return p.head(p.loose("commit", "tree "+tree+"\n"))
	}, "damaged"},

	{"a commit of four gigabytes", func(p *planted) string {
		p.raw(cafe, bomb(fmt.Sprintf("commit %d\x00", 4<<30), 64))
		return p.head(cafe)
	}, "too large"},
	{"a commit that says it is small and goes on", func(p *planted) string {
		p.raw(cafe, bomb("commit 10\x00", 64))
		return p.head(cafe)
	}, "damaged"},
	{"a commit whose size is not a number", func(p *planted) string {
		p.raw(cafe, deflated("commit 99999999999999999999999\x00"))
		return p.head(cafe)
	}, "damaged"},
	{"a header without an end", func(p *planted) string {
		p.raw(cafe, bomb("commit", 0)+strings.Repeat("x", 1<<20))
		return p.head(cafe)
	}, "damaged"},
	{"empty blocks without an end", func(p *planted) string {
		p.raw(cafe, "\x78\x01"+strings.Repeat("\x00\x00\x00\xff\xff", 3<<20))
		return p.head(cafe)
	}, "damaged"},
	{"a large file for a commit", func(p *planted) string { p.sparse(".git/objects/ca/"+cafe[2:], "\x78\x01", 1<<40); return p.head(cafe) }, "larger than"},

	{"deltas in a circle", func(p *planted) string {
		other := strings.Repeat("d", 40)
		p.pack(byName(cafe, other, delta(10, 10, 1)), byName(other, cafe, delta(10, 10, 1)))
		return p.head(cafe)
	}, "each other's base"},
	{"a delta of itself", func(p *planted) string { p.pack(byName(cafe, cafe, delta(10, 10, 1))); return p.head(cafe) }, "each other's base"},
	{"a delta of something that is not there", func(p *planted) string {
		p.pack(byName(cafe, strings.Repeat("d", 40), delta(10, 10, 1)))
		return p.head(cafe)
	}, "is not in the pack"},
	{"a chain of deltas that never ends", func(p *planted) string {
		entries := []inPack{whole(strings.Repeat("0", 39)+"1", "commit", strings.Repeat("x", 10))}
		for i := range maxChain + 10 {
			entries = append(entries, byPlace(fmt.Sprintf("%040x", i+2), 1, delta(10, 10, 1)))
		}
		entries[len(entries)-1].id = cafe
		p.pack(entries...)
		return p.head(cafe)
	}, "too many deltas"},
	{"a delta that makes gigabytes", func(p *planted) string {
		p.pack(whole(strings.Repeat("d", 40), "commit", strings.Repeat("x", 1<<16)), byPlace(cafe, 1, delta(1<<16, 4<<30, 1<<16)))
		return p.head(cafe)
	}, "too large"},
	{"deltas that make megabytes, again and again", func(p *planted) string {
		size := 7 << 20
		entries := []inPack{whole(strings.Repeat("0", 39)+"1", "commit", strings.Repeat("x", size))}
		for i := range 4000 {
			entries = append(entries, byPlace(fmt.Sprintf("%040x", i+2), 1, delta(size, size, 1)))
		}
		entries[len(entries)-1].id = cafe
		p.pack(entries...)
		return p.head(cafe)
	}, "too much to read"},
	{"a packed commit of gigabytes", func(p *planted) string {
		p.pack(inPack{id: cafe, kind: packedCommit, size: 4 << 30, data: bomb("", 64)})
		return p.head(cafe)
	}, "too large"},
	{"a packed commit that goes on", func(p *planted) string {
		p.pack(inPack{id: cafe, kind: packedCommit, size: 10, data: bomb("", 64)})
		return p.head(cafe)
	}, "damaged"},
	{"an entry of a kind that there is not", func(p *planted) string {
		p.pack(inPack{id: cafe, kind: 5, size: 10, data: deflated("0123456789")})
		return p.head(cafe)
	}, "damaged"},
	{"a delta that copies from behind its base", func(p *planted) string {
		p.pack(whole(strings.Repeat("d", 40), "commit", "0123456789"), byPlace(cafe, 1, varint(10)+varint(10)+"\x91\x08\x0a"))
		return p.head(cafe)
	}, "damaged"},
	{"a delta that is cut off", func(p *planted) string {
		p.pack(whole(strings.Repeat("d", 40), "commit", "0123456789"), byPlace(cafe, 1, varint(10)+varint(10)+"\xff"))
		return p.head(cafe)
	}, "damaged"},

	{"an index without a pack", func(p *planted) string {
		p.pack(whole(cafe, "commit", "x"))
		p.remove(".git/objects/pack/pack-x.pack")
		return p.head(cafe)
	}, "no such file"},
	{"an index that points behind its pack", func(p *planted) string {
		p.pack(whole(cafe, "commit", "x"))
		p.write(".git/objects/pack/pack-x.idx", string(index(map[string]int{cafe: 1 << 30})))
		return p.head(cafe)
	}, "damaged"},
	{"an index that is shorter than it says", func(p *planted) string {
		p.pack(whole(cafe, "commit", "x"))
		p.write(".git/objects/pack/pack-x.idx", string(index(map[string]int{cafe: 12})[:1040]))
		return p.head(cafe)
	}, "damaged"},
	{"an index that counts backwards", func(p *planted) string {
		p.write(".git/objects/pack/pack-x.idx", indexMagic+strings.Repeat("\x00\x00\x00\x02\x00\x00\x00\x01", 128)+strings.Repeat("\x00", 1000))
		return p.head(cafe)
	}, "damaged"},
	{"an index of another version", func(p *planted) string {
		p.write(".git/objects/pack/pack-x.idx", strings.Repeat("\x00", 2000))
		return p.head(cafe)
	}, "not one of version 2"},
	{"an index of terabytes", func(p *planted) string {
		p.sparse(".git/objects/pack/pack-x.idx", indexMagic+strings.Repeat("\xff\xff\xff\xff", 256), 1<<42)
		p.sparse(".git/objects/pack/pack-x.pack", "PACK", 1<<42)
		return p.head(cafe)
	}, "is not in"},
	{"an index that is a FIFO", func(p *planted) string { p.fifo(".git/objects/pack/pack-x.idx"); return p.head(cafe) }, "not a regular file"},
	{"packs without number", func(p *planted) string {
		p.write(".git/objects/pack/0.idx", "")
		for i := range maxPacks + 10 {
			if err := os.Link(p.path(".git/objects/pack/0.idx"), p.path(fmt.Sprintf(".git/objects/pack/%d.idx", i+1))); err != nil {
				p.t.Fatal(err)
			}
		}
		return p.head(cafe)
	}, "damaged"},

	{"alternates in a circle", func(p *planted) string {
		p.write(".git/objects/info/alternates", "../../a\n../objects\n.\n")
		p.write("a/info/alternates", p.path(".git/objects")+"\n"+p.path("a")+"\n../a/../a\n")
		return p.head(cafe)
	}, "is not in"},
	{"alternates of alternates of alternates", func(p *planted) string {
		p.write(".git/objects/info/alternates", p.path("a0")+"\n")
		for i := range 20 {
			p.write(fmt.Sprintf("a%d/info/alternates", i), p.path(fmt.Sprintf("a%d", i+1))+"\n")
		}
		return p.head(cafe)
	}, "too many lend"},
	{"alternates without number", func(p *planted) string {
		var b strings.Builder
		for i := range 1000 {
			p.write(fmt.Sprintf("a/%d/x", i), "")
			fmt.Fprintf(&b, "../../a/%d\n", i)
		}
		p.write(".git/objects/info/alternates", b.String())
		return p.head(cafe)
	}, "too many directories"},
	{"alternates that are no directories", func(p *planted) string {
		p.fifo("f")
		p.write(".git/objects/info/alternates", p.path("f")+"\n/dev/zero\n/dev/stdin\nnowhere\n\"\\q\n")
		return p.head(cafe)
	}, "not a directory"},
	{"alternates that are a FIFO", func(p *planted) string { p.fifo(".git/objects/info/alternates"); return p.head(cafe) }, "not a regular file"},

	{"a configuration of a terabyte", func(p *planted) string { p.sparse("conf/edge.zup.hcl", "the text", 1<<40); return p.said() }, "larger than"},
}

// said is what HEAD names.
func (p *planted) said() string {
	p.t.Helper()
	data, err := os.ReadFile(p.path(".git/HEAD"))
	if err != nil {
		p.t.Fatal(err)
	}
	return strings.TrimSpace(string(data))
}

func (p *planted) fifo(name string) {
	p.t.Helper()
	p.remove(name)
	if err := os.MkdirAll(filepath.Dir(p.path(name)), 0o755); err != nil {
		p.t.Fatal(err)
	}
	if err := syscall.Mkfifo(p.path(name), 0o600); err != nil {
		p.t.Fatal(err)
	}
}

// A repository can say too little; then it is in doubt. None of these may be called
// clean, and none may hold zup up.
func TestNothingIsCleanThatIsNotProven(t *testing.T) {
	for _, tt := range doubtful {
		t.Run(strings.ReplaceAll(tt.name, " ", "_"), func(t *testing.T) {
			p := newPlanted(t)
			commit := tt.make(p)
			a := p.ends()
			if a.Clean() || a.Commit != commit || a.Doubt == nil || a.Top != p.dir {
				t.Fatalf("%+v, want commit %q in doubt", a, commit)
			}
			if !strings.Contains(a.Doubt.Error(), tt.reason) {
				t.Errorf("the reason is %q, want something with %q", a.Doubt, tt.reason)
			}
		})
	}
}

// The same kind of repository with nothing wrong is clean: the cases above are in
// doubt because of what was done to them.
func TestPlantedRepositoryIsCleanByItself(t *testing.T) {
	p := newPlanted(t)
	if a := p.ends(); !a.Clean() || a.Commit != p.said() {
		t.Errorf("%+v, want clean", a)
	}
	entries := []inPack{}
	commit := "tree " + p.trees("the text") + "\n\nsecond\n"
	padded := strings.Repeat("x", 100) + commit
	id := objectID("commit", commit)
	entries = append(entries, whole(strings.Repeat("d", 40), "commit", padded),
		byPlace(id, 1, varint(len(padded))+varint(len(commit))+"\x91\x64"+string([]byte{byte(len(commit))})))
	p.pack(entries...)
	p.head(id)
	if a := p.ends(); !a.Clean() || a.Commit != id {
		t.Errorf("with a delta: %+v, want clean", a)
	}
	// A damaged copy of an object does not matter where there is a good one.
	p.raw(id, "garbage")
	if a := p.ends(); !a.Clean() || a.Commit != id {
		t.Errorf("with a damaged copy: %+v, want clean", a)
	}
}

// Something that differs for certain is said, whatever else is in doubt.
func TestWhatDiffersIsSaidWhateverElseIsInDoubt(t *testing.T) {
	for name, spoil := range map[string]func(p *planted){
		"another text":                    func(p *planted) { p.write("conf/edge.zup.hcl", "another text") },
		"a FIFO":                          func(p *planted) { p.fifo("conf/edge.zup.hcl") },
		"a link":                          func(p *planted) { p.write("conf/x", "the text"); p.link("x", "conf/edge.zup.hcl") },
		"a device":                        func(p *planted) { p.link("/dev/zero", "conf/edge.zup.hcl") },
		"gone":                            func(p *planted) { p.remove("conf/edge.zup.hcl") },
		"a directory":                     func(p *planted) { p.remove("conf/edge.zup.hcl"); p.write("conf/edge.zup.hcl/x", "") },
		"another tree that can't be read": func(p *planted) { p.write("conf/edge.zup.hcl", "another text"); p.unreadable() },
		"a link in the tree": func(p *planted) {
			conf := p.loose("tree", treeEntry("120000", "edge.zup.hcl", objectID("blob", "the text")))
			p.head(p.loose("commit", "tree "+p.loose("tree", treeEntry("40000", "conf", conf))+"\n"))
		},
		"a submodule in the tree": func(p *planted) {
			p.head(p.loose("commit", "tree "+p.loose("tree", treeEntry("160000", "conf", cafe))+"\n"))
		},
		"not in the tree": func(p *planted) { p.head(p.loose("commit", "tree "+p.loose("tree", "")+"\n")) },
	} {
		t.Run(strings.ReplaceAll(name, " ", "_"), func(t *testing.T) {
			p := newPlanted(t)
			spoil(p)
			if a := p.ends(); a.Changed == "" || a.Clean() {
				t.Errorf("%+v, want changed", a)
			}
		})
	}
}

// unreadable makes the commit have another directory, whose tree is missing, in which
// there is a file of the configuration as well.
func (p *planted) unreadable() {
	conf := p.loose("tree", treeEntry("40000", "a", cafe)+treeEntry("100644", "edge.zup.hcl", objectID("blob", "the text")))
	p.head(p.loose("commit", "tree "+p.loose("tree", treeEntry("40000", "conf", conf))+"\n"))
}

func TestDoubtAndChangeTogether(t *testing.T) {
	p := newPlanted(t)
	p.unreadable()
	q := Question{Dir: p.path("conf"), Files: []File{{Path: "a/x"}, {Path: "edge.zup.hcl"}}}
	if a := Look(t.Context(), q); a.Changed != "" || a.Doubt == nil {
		t.Errorf("%+v, want doubt", a)
	}
	p.write("conf/edge.zup.hcl", "another text")
	if a := Look(t.Context(), q); a.Changed != "conf/edge.zup.hcl" {
		t.Errorf("%+v, want changed", a)
	}
}

// Everybody who may add files to a repository can add some that make a directory look
// like a repository: HEAD, objects, refs.
func TestEmbeddedRepositoryIsNone(t *testing.T) {
	g := newRepo(t)
	evil := newRepo(t)
	g.git("checkout", "-q", "-b", "pr")
	for _, name := range []string{"HEAD", "objects", "refs", "index"} {
		out, err := evil.command("-C", evil.dir, "rev-parse", "--absolute-git-dir").Output()
		if err != nil {
			t.Fatal(err)
		}
		from := filepath.Join(strings.TrimSpace(string(out)), name)
		if info, err := os.Stat(from); err == nil && info.IsDir() {
			err = os.CopyFS(filepath.Join(g.dir, "conf", name), os.DirFS(from))
			if err != nil {
				t.Fatal(err)
			}
			continue
		}
		data, err := os.ReadFile(from)
		if err != nil {
			t.Fatal(err)
		}
		g.write(filepath.Join("conf", name), string(data))
	}
	g.write("conf/refs/heads/keep", "x")
	g.write("conf/config", "[core]\n\trepositoryformatversion = 0\n\tbare = false\n\tworktree = .\n")
	g.git("add", "-A")
	g.git("commit", "-qm", "pr")
	g.agrees("an embedded repository")
}

// A file system that does not answer does not hold anybody up.
func TestNobodyWaitsForAFileSystemThatHangs(t *testing.T) {
	ctx, cancel := context.WithTimeout(t.Context(), 50*time.Millisecond)
	defer cancel()
	hung := make(chan bool)
	defer close(hung)
	a := within(ctx, Answer{Top: "x", Doubt: errSlow}, func(m *meter, found func(Answer)) {
		found(Answer{Top: "y", Commit: "z", Doubt: errSlow})
		<-hung
	})
	if a.Clean() || a.Commit != "z" || !errors.Is(a.Doubt, errSlow) {
		t.Errorf("%+v, want what was known until then", a)
	}
	if a := within(ctx, Answer{Doubt: errSlow}, func(*meter, func(Answer)) { <-hung }); a.Doubt == nil {
		t.Errorf("%+v, want doubt", a)
	}
}

// Ten directories that are one and the same, ten levels deep, have more names than
// anybody can look at.
func TestListWithoutNumber(t *testing.T) {
	p := newPlanted(t)
	tree := p.loose("tree", treeEntry("100644", "x", objectID("blob", "")))
	for range 12 {
		var entries strings.Builder
		for i := range 10 {
			entries.WriteString(treeEntry("40000", fmt.Sprint(i), tree))
		}
		tree = p.loose("tree", entries.String())
	}
	p.head(p.loose("commit", "tree "+p.loose("tree", treeEntry("40000", "conf", tree))+"\n"))
	var before, after runtime.MemStats
	runtime.ReadMemStats(&before)
	ctx, cancel := context.WithTimeout(t.Context(), time.Second)
	defer cancel()
	start := time.Now()
	a := Look(ctx, Question{Dir: p.path("conf"), Lists: []List{{Dir: ".", Matches: func(string) bool { return false }}}})
	if took := time.Since(start); a.Doubt == nil || took > Limit/2 {
		t.Errorf("%+v after %s", a, took)
	}
	runtime.ReadMemStats(&after)
	if grown := int64(after.Sys) - int64(before.Sys); grown > 100<<20 {
		t.Errorf("it took %d MB", grown>>20)
	}
}

func TestTimeIsUp(t *testing.T) {
	p := newPlanted(t)
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	a := Look(ctx, Question{Dir: p.path("conf"), Files: []File{{Path: "edge.zup.hcl"}}})
	if a.Clean() || !errors.Is(a.Doubt, errSlow) {
		t.Errorf("%+v, want doubt", a)
	}
}

// Where everybody may write, such as in /tmp, another user's .git is nobody's.
func TestAnotherUsersRepositoryIsNotBelieved(t *testing.T) {
	if os.Geteuid() != 0 {
		if os.Getenv("ZUP_CI") == "1" {
			t.Fatal("this needs root, and with ZUP_CI nothing is skipped")
		}
		t.Skip("this needs root")
	}
	p := newPlanted(t)
	chown := func(path string, uid int) {
		if err := os.Chown(p.path(path), uid, uid); err != nil {
			t.Fatal(err)
		}
	}
	chown(".git", 4711)
	if a := p.ends(); a.Commit != "" || a.Doubt == nil || !strings.Contains(a.Doubt.Error(), "another user") {
		t.Errorf("%+v, want doubt", a)
	}
	chown(".", 4711) // a checkout of somebody else's, as a whole
	if a := p.ends(); !a.Clean() {
		t.Errorf("%+v, want clean", a)
	}
	chown(".", 0)
	chown("conf", 4711)
	if a := p.ends(); !a.Clean() {
		t.Errorf("%+v, want clean", a)
	}
}

// Two texts that were made to have one SHA-1 are told apart.
func TestCollisionsAreFound(t *testing.T) {
	for _, name := range []string{"testdata/shattered-1.bin", "testdata/shattered-2.bin"} {
		data, err := os.ReadFile(name)
		if err != nil {
			t.Fatal(err)
		}
		h := formatSHA1.new()
		h.Write(data)
		if sum, err := formatSHA1.finish(h); !errors.Is(err, errCollision) {
			t.Errorf("%s: %s %v, want a collision", name, sum, err)
		}
	}
}
