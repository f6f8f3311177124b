package checkout

import (
	"bytes"
	"os"
	"strings"
	"testing"
)

// fuzzed are three objects of a pack, and where the index has them.
var fuzzed = map[string]int{cafe: 12, strings.Repeat("d", 40): 40, strings.Repeat("e", 40): 80}

// FuzzPack: whatever is in a pack, an object ends, within its limits.
func FuzzPack(f *testing.F) {
	p := &planted{f, f.TempDir()}
	other := strings.Repeat("d", 40)
	for _, entries := range [][]inPack{
		{whole(cafe, "commit", "tree x")},
		{whole(other, "tree", "0123456789"), byPlace(cafe, 1, delta(10, 30, 3)), byName(strings.Repeat("e", 40), cafe, delta(30, 60, 2))},
		{byName(cafe, other, delta(10, 10, 1)), byName(other, cafe, delta(10, 10, 1))},
		{{id: cafe, kind: packedCommit, size: 1 << 40, data: "x"}},
	} {
		p.pack(entries...)
		pack, err := os.ReadFile(p.path(".git/objects/pack/pack-x.pack"))
		if err != nil {
			f.Fatal(err)
		}
		f.Add(pack, uint16(12))
		f.Add(pack, uint16(40))
	}
	p.write("x.idx", string(index(fuzzed)))
	f.Fuzz(func(t *testing.T, data []byte, at uint16) {
		x := p.fuzzedPack(t, "x.pack", data)
		defer x.folder.Close()
		if kind, data, err := x.object(int64(at)); err == nil && (len(data) > maxObject || kind == "") {
			t.Errorf("%q of %d bytes", kind, len(data))
		}
	})
}

// fuzzedPack is the pack x with one of its files written anew.
func (p *planted) fuzzedPack(t *testing.T, name string, data []byte) *pack {
	if err := os.WriteFile(p.path(name), data, 0o600); err != nil {
		t.Fatal(err)
	}
	objects, err := openFolder(&meter{ctx: t.Context(), left: 64 << 20}, p.dir)
	if err != nil {
		t.Fatal(err)
	}
	return &pack{folder: objects, format: formatSHA1, name: "x"}
}

// FuzzIndex: what is found in an index is a place in a file.
func FuzzIndex(f *testing.F) {
	p := &planted{f, f.TempDir()}
	good := index(fuzzed)
	f.Add(good)
	f.Add(good[:1040])
	f.Add(bytes.Replace(good, []byte{0, 0, 0, 80}, []byte{0x80, 0, 0, 0}, 1))
	f.Fuzz(func(t *testing.T, data []byte) {
		x := p.fuzzedPack(t, "x.idx", data)
		defer x.folder.Close()
		for id := range fuzzed {
			if at, found, err := x.find(id); at < 0 || found && err != nil {
				t.Errorf("%s at %d: %t %v", id, at, found, err)
			}
		}
	})
}

// FuzzDelta: what a delta makes has the length that it says, or is refused.
func FuzzDelta(f *testing.F) {
	f.Add([]byte("0123456789"), []byte(delta(10, 30, 3)))
	f.Add([]byte("0123456789"), []byte("\x0a\x05\x05abcde"))
	f.Add([]byte{}, []byte("\x00\x00"))
	f.Add([]byte("x"), []byte(delta(1, 4<<30, 100)))
	f.Fuzz(func(t *testing.T, base, delta []byte) {
		m := &meter{ctx: t.Context(), left: 64 << 20}
		out, err := m.apply(base, delta)
		if err != nil {
			return
		}
		_, rest, _ := length(delta)
		if want, _, _ := length(rest); uint64(len(out)) != want || len(out) > maxObject {
			t.Errorf("%d bytes, want %d", len(out), want)
		}
	})
}

// FuzzLoose: an object has the size that its header says, or is refused.
func FuzzLoose(f *testing.F) {
	f.Add([]byte(deflated("tree 3\x00abc")))
	f.Add([]byte(deflated("commit 99999999999\x00abc")))
	f.Add([]byte(deflated(strings.Repeat("x", 100))))
	f.Add([]byte("\x78\x01" + strings.Repeat("\x00\x00\x00\xff\xff", 10)))
	f.Fuzz(func(t *testing.T, data []byte) {
		folder := &folder{meter: &meter{ctx: t.Context(), left: 64 << 20}}
		_, out, err := folder.loose(bytes.NewReader(data), int64(len(data)))
		if err == nil && len(out) > maxObject {
			t.Errorf("%d bytes", len(out))
		}
	})
}

// FuzzTree: every entry has a name and a whole hash, and lies one behind the other.
func FuzzTree(f *testing.F) {
	f.Add([]byte(treeEntry("100644", "x", cafe) + treeEntry("40000", "y", cafe)))
	f.Add([]byte("40000 x\x00short"))
	f.Add([]byte("99999999999999999999 x\x00" + strings.Repeat("y", 20)))
	f.Fuzz(func(t *testing.T, data []byte) {
		n := 0
		err := formatSHA1.entries(data, func(name []byte, e entry) {
			n += len(name) + len(e.hash)
			if len(name) == 0 || len(e.hash) != formatSHA1.size || len(e.id()) != 40 {
				t.Errorf("name %q, hash %x", name, e.hash)
			}
		})
		if err == nil && n > len(data) {
			t.Errorf("%d bytes out of %d", n, len(data))
		}
	})
}

// FuzzSettings: what is read has no key of a section that has a name of its own.
func FuzzSettings(f *testing.F) {
	for _, s := range []string{"[core]\nworktree=\"a\\\nb\" ; c\n", "[a \"b\\\"]\"]\nx\n", "[", "[core]\nx=\\", "\ufeff[x]y=z", "[core]\r\nx = y\r\n"} {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, text string) {
		s, err := parseSettings(text)
		if err != nil {
			return
		}
		for key := range s {
			if strings.Count(key, ".") != 1 || key != strings.ToLower(key) {
				t.Errorf("key %q of %q", key, text)
			}
		}
	})
}
