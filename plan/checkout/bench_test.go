package checkout

import (
	"bufio"
	"fmt"
	"os"
	"path/filepath"
	"testing"
)

// BenchmarkLook asks about 300 files in a repository of 100,000, with a history, as
// git packs it.
func BenchmarkLook(b *testing.B) {
	dir := realTemp(b)
	g := gitRepo{nil, dir}
	run := func(args ...string) {
		if out, err := g.command(args...).CombinedOutput(); err != nil {
			b.Fatalf("git %v: %v: %s", args, err, out)
		}
	}
	run("init", "-q")
	imports := g.command("fast-import", "--quiet")
	in, err := imports.StdinPipe()
	if err != nil {
		b.Fatal(err)
	}
	if err := imports.Start(); err != nil {
		b.Fatal(err)
	}
	w := bufio.NewWriter(in)
	q := Question{Dir: filepath.Join(dir, "network/conf"), Belongs: isConfig}
	if err := os.MkdirAll(q.Dir, 0o755); err != nil {
		b.Fatal(err)
	}
	file := func(name, text string) { fmt.Fprintf(w, "M 100644 inline %s\ndata %d\n%s\n", name, len(text), text) }
	commit := func() {
		fmt.Fprintf(w, "commit refs/heads/main\ncommitter a <a@example.com> 1700000000 +0000\ndata 1\nx\n")
	}
	commit()
	for i := range 100_000 {
		file(fmt.Sprintf("d%d/e%d/f%d", i%100, i/100%50, i), fmt.Sprint(i))
	}
	for i := range 300 {
		name, text := fmt.Sprintf("c%d.zup.hcl", i), fmt.Sprintf("cluster %d %01000d\n", i, i)
		file("network/conf/"+name, text)
		if err := os.WriteFile(filepath.Join(q.Dir, name), []byte(text), 0o644); err != nil {
			b.Fatal(err)
		}
		q.Files = append(q.Files, File{Path: name})
	}
	for i := range 200 {
		commit()
		file(fmt.Sprintf("network/n%d", i), "x")
		file(fmt.Sprintf("new%d", i), "x")
	}
	w.Flush()
	in.Close()
	if err := imports.Wait(); err != nil {
		b.Fatal(err)
	}
	run("symbolic-ref", "HEAD", "refs/heads/main")
	run("repack", "-adfq", "--depth=50")
	for b.Loop() {
		if a := Look(b.Context(), q); !a.Clean() {
			b.Fatalf("%+v", a)
		}
	}
}
