package checkout

import (
	"bytes"
	"compress/zlib"
	"crypto/sha1"
	"encoding/binary"
	"encoding/hex"
	"fmt"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
)

// planted is a directory with a configuration and a .git that came with it: what git
// would never write can be in it.
type planted struct {
	t   testing.TB
	dir string
}

// newPlanted makes a repository whose HEAD names a commit of what is in conf.
func newPlanted(t testing.TB) *planted {
	p := &planted{t, realTemp(t)}
	p.write("conf/edge.zup.hcl", "the text")
	p.write(".git/refs/x", "")
	p.write(".git/config", "[core]\n\trepositoryformatversion = 0\n")
	p.head(p.loose("commit", "tree "+p.trees("the text")+"\n\nfirst\n"))
	return p
}

func (p *planted) path(name string) string { return filepath.Join(p.dir, name) }

func (p *planted) write(name, text string) {
	p.t.Helper()
	if err := os.MkdirAll(filepath.Dir(p.path(name)), 0o755); err != nil {
		p.t.Fatal(err)
	}
	if err := os.WriteFile(p.path(name), []byte(text), 0o644); err != nil {
		p.t.Fatal(err)
	}
}

func (p *planted) remove(name string) {
	p.t.Helper()
	if err := os.RemoveAll(p.path(name)); err != nil {
		p.t.Fatal(err)
	}
}

func (p *planted) link(target, name string) {
	p.t.Helper()
	p.remove(name)
	if err := os.Symlink(target, p.path(name)); err != nil {
		p.t.Fatal(err)
	}
}

// sparse makes a file that has a beginning and a size.
func (p *planted) sparse(name, text string, size int64) {
	p.t.Helper()
	p.write(name, text)
	if err := os.Truncate(p.path(name), size); err != nil {
		p.t.Fatal(err)
	}
}

// head makes HEAD name something, and returns it.
func (p *planted) head(text string) string {
	p.write(".git/HEAD", text+"\n")
	return text
}

// trees writes the trees of a commit that has conf/edge.zup.hcl with this text.
func (p *planted) trees(text string) string {
	conf := p.loose("tree", treeEntry("100644", "edge.zup.hcl", objectID("blob", text)))
	return p.loose("tree", treeEntry("40000", "conf", conf))
}

func treeEntry(mode, name, id string) string {
	raw, _ := hex.DecodeString(id)
	return mode + " " + name + "\x00" + string(raw)
}

func objectID(kind, data string) string {
	sum := sha1.Sum(fmt.Appendf(nil, "%s %d\x00%s", kind, len(data), data))
	return hex.EncodeToString(sum[:])
}

// loose writes an object under its own name.
func (p *planted) loose(kind, data string) string {
	id := objectID(kind, data)
	p.raw(id, deflated(fmt.Sprintf("%s %d\x00%s", kind, len(data), data)))
	return id
}

// raw writes anything as a loose object of that name.
func (p *planted) raw(id string, text string) { p.write(".git/objects/"+id[:2]+"/"+id[2:], text) }

func deflated(texts ...string) string {
	var b bytes.Buffer
	w := zlib.NewWriter(&b)
	for _, text := range texts {
		w.Write([]byte(text))
	}
	w.Close()
	return b.String()
}

// bomb deflates so many megabytes of zeros behind a header.
func bomb(header string, megabytes int) string {
	texts := append(make([]string, 0, megabytes+1), header)
	zeros := strings.Repeat("\x00", 1<<20)
	for range megabytes {
		texts = append(texts, zeros)
	}
	return deflated(texts...)
}

// inPack is an entry of a pack, and the name under which the index has it.
type inPack struct {
	id   string
	kind byte
	size int    // as it is declared
	base string // of packedByName, in hex
	back int    // of packedByPlace: so many entries before
	data string // deflated
}

func whole(id, kind, data string) inPack {
	kinds := map[string]byte{"commit": packedCommit, "tree": packedTree, "blob": packedBlob, "tag": packedTag}
	return inPack{id: id, kind: kinds[kind], size: len(data), data: deflated(data)}
}

func byName(id, base, delta string) inPack {
	return inPack{id: id, kind: packedByName, size: len(delta), base: base, data: deflated(delta)}
}

func byPlace(id string, back int, delta string) inPack {
	return inPack{id: id, kind: packedByPlace, size: len(delta), back: back, data: deflated(delta)}
}

// pack writes a pack of these entries with its index.
func (p *planted) pack(entries ...inPack) {
	pack := []byte("PACK\x00\x00\x00\x02")
	pack = binary.BigEndian.AppendUint32(pack, uint32(len(entries)))
	places := map[string]int{}
	var at []int
	for i, e := range entries {
		places[e.id] = len(pack)
		at = append(at, len(pack))
		c, n := e.kind<<4|byte(e.size&15), e.size>>4
		for ; n > 0; n >>= 7 {
			pack = append(pack, c|0x80)
			c = byte(n & 0x7f)
		}
		pack = append(pack, c)
		switch e.kind {
		case packedByName:
			raw, _ := hex.DecodeString(e.base)
			pack = append(pack, raw...)
		case packedByPlace:
			pack = append(pack, distanceOf(at, i, e.back)...)
		}
		pack = append(pack, e.data...)
	}
	pack = append(pack, make([]byte, 20)...)
	p.write(".git/objects/pack/pack-x.pack", string(pack))
	p.write(".git/objects/pack/pack-x.idx", string(index(places)))
}

// distanceOf encodes how far before an entry another one begins.
func distanceOf(at []int, i, back int) []byte {
	d := at[i] - at[i-back]
	out := []byte{byte(d & 0x7f)}
	for d >>= 7; d > 0; d >>= 7 {
		d--
		out = append([]byte{byte(d&0x7f) | 0x80}, out...)
	}
	return out
}

func index(places map[string]int) []byte {
	ids := slices.Sorted(maps.Keys(places))
	out := []byte(indexMagic)
	for b := range 256 {
		n := 0
		for _, id := range ids {
			if raw, _ := hex.DecodeString(id[:2]); int(raw[0]) <= b {
				n++
			}
		}
		out = binary.BigEndian.AppendUint32(out, uint32(n))
	}
	for _, id := range ids {
		raw, _ := hex.DecodeString(id)
		out = append(out, raw...)
	}
	out = append(out, make([]byte, 4*len(ids))...)
	for _, id := range ids {
		out = binary.BigEndian.AppendUint32(out, uint32(places[id]))
	}
	return append(out, make([]byte, 40)...)
}

// varint is a length as deltas have it.
func varint(n int) string {
	out := []byte{}
	for ; n > 0x7f; n >>= 7 {
		out = append(out, byte(n&0x7f)|0x80)
	}
	return string(append(out, byte(n)))
}

// delta makes an object of so many bytes from a base, copying it again and again.
func delta(base, size, times int) string {
	all := string([]byte{0x80 | 0x70, byte(base), byte(base >> 8), byte(base >> 16)})
	return varint(base) + varint(size) + strings.Repeat(all, times)
}
