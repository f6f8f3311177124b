package checkout

import (
	"bufio"
	"bytes"
	"cmp"
	"compress/zlib"
	"encoding/binary"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"math"
	"os"
	"slices"
	"strings"
)

// pack is one file of many objects with its index. Both may be larger than memory:
// they are read in places.
type pack struct {
	folder *folder
	format *format
	name   string       // "pack/pack-1234", without an end
	counts *[256]uint32 // objects whose first byte is at most that; nil: not read yet
}

// The layout of an index, version 2: eight bytes, the counts, then of each object its
// hash, its checksum and its place, eight-byte places, and two hashes.
const (
	indexMagic  = "\xfftOc\x00\x00\x00\x02"
	indexCounts = 256 * 4
	indexStart  = int64(len(indexMagic) + indexCounts)
)

// listPacks finds the packs of a directory with objects.
func (s *store) listPacks(f *folder) error {
	dir, err := f.Open("pack")
	if errors.Is(err, fs.ErrNotExist) {
		return nil
	}
	if err != nil {
		return f.fail("open", "pack", cause(err))
	}
	defer dir.Close()
	for {
		names, err := dir.Readdirnames(1000)
		if err == io.EOF {
			return nil
		}
		if err == nil {
			err = s.meter.take(int64(len(names)))
		}
		if err != nil {
			return f.fail("read", "pack", cause(err))
		}
		slices.Sort(names)
		for _, name := range names {
			name, ok := strings.CutSuffix(name, ".idx")
			if !ok {
				continue
			}
			if len(s.packs) == maxPacks {
				return f.fail("read", "pack", errors.New("too many packs"))
			}
			s.packs = append(s.packs, &pack{folder: f, format: s.format, name: "pack/" + name})
		}
	}
}

func (p *pack) fail(err error) error {
	return fmt.Errorf("%s: %w", p.folder.Name()+"/"+p.name, err)
}

// find looks an object up in the index, and returns its place in the pack.
func (p *pack) find(id string) (at int64, found bool, err error) {
	want, err := hex.DecodeString(id)
	if err != nil {
		return 0, false, err
	}
	if p.counts != nil && p.first(want[0]) == int64(p.counts[want[0]]) {
		return 0, false, nil
	}
	index, size, err := p.folder.open(p.name+".idx", math.MaxInt64)
	if err != nil {
		return 0, false, err
	}
	defer index.Close()
	if p.counts == nil {
		if err := p.readCounts(index, size); err != nil {
			return 0, false, p.fail(err)
		}
	}
	n, found, err := p.search(index, want)
	if err != nil || !found {
		return 0, false, err
	}
	if at, err = p.place(index, n, size); err != nil {
		return 0, false, p.fail(err)
	}
	return at, true, nil
}

// first is the number of objects whose hash begins with less than a byte.
func (p *pack) first(b byte) int64 {
	if b == 0 {
		return 0
	}
	return int64(p.counts[b-1])
}

func (p *pack) readCounts(index *os.File, size int64) error {
	head := make([]byte, indexStart)
	if err := p.folder.readAt(index, head, 0); err != nil {
		return damage(err)
	}
	if !bytes.HasPrefix(head, []byte(indexMagic)) {
		return errors.New("the index is not one of version 2")
	}
	counts := new([256]uint32)
	for i := range counts {
		counts[i] = binary.BigEndian.Uint32(head[len(indexMagic)+4*i:])
		if i > 0 && counts[i] < counts[i-1] {
			return errFormat
		}
	}
	if size < indexStart+int64(counts[255])*int64(p.format.size+8) {
		return errFormat
	}
	p.counts = counts
	return nil
}

// search finds the number of an object in the index.
func (p *pack) search(index *os.File, want []byte) (n int64, found bool, err error) {
	entry := make([]byte, p.format.size)
	low, high := p.first(want[0]), int64(p.counts[want[0]])
	for low < high {
		n = low + (high-low)/2
		if err := p.folder.readAt(index, entry, indexStart+n*int64(p.format.size)); err != nil {
			return 0, false, p.fail(damage(err))
		}
		switch c := bytes.Compare(entry, want); {
		case c == 0:
			return n, true, nil
		case c < 0:
			low = n + 1
		default:
			high = n
		}
	}
	return 0, false, nil
}

// place returns where the object of that number begins in the pack.
func (p *pack) place(index *os.File, n, size int64) (int64, error) {
	places := indexStart + int64(p.counts[255])*int64(p.format.size+4)
	long := places + int64(p.counts[255])*4
	var b [8]byte
	if err := p.folder.readAt(index, b[:4], places+n*4); err != nil {
		return 0, damage(err)
	}
	at := int64(binary.BigEndian.Uint32(b[:]))
	if at < 1<<31 {
		return at, nil
	}
	if at = long + (at-1<<31)*8; at+8 > size {
		return 0, errFormat
	}
	if err := p.folder.readAt(index, b[:], at); err != nil {
		return 0, damage(err)
	}
	if at = int64(binary.BigEndian.Uint64(b[:])); at < 0 {
		return 0, errFormat
	}
	return at, nil
}

// packed is one entry of a pack: an object, or what is to be changed in another one.
type packed struct {
	kind byte
	size uint64 // of the content, inflated
	data int64  // where the content begins, deflated
	base int64  // of a delta: where the object that it changes begins
}

// The kinds of entries that matter here.
const (
	packedCommit  = 1
	packedTree    = 2
	packedBlob    = 3
	packedTag     = 4
	packedByPlace = 6
	packedByName  = 7
)

var packedKinds = map[byte]string{packedCommit: "commit", packedTree: "tree", packedBlob: "blob", packedTag: "tag"}

// object reads the object at a place of the pack. One that is written as a change of
// another one is made from that: the deltas are collected down to a whole object, and
// applied from there, so that no more than three of them are in memory.
func (p *pack) object(at int64) (kind string, data []byte, err error) {
	file, size, err := p.folder.open(p.name+".pack", math.MaxInt64)
	if err != nil {
		return "", nil, err
	}
	defer file.Close()
	var deltas []packed
	seen := map[int64]bool{}
	for {
		if seen[at] {
			return "", nil, p.fail(errors.New("deltas are each other's base"))
		}
		seen[at] = true
		e, err := p.entry(file, at, size)
		switch {
		case err != nil:
			return "", nil, p.fail(err)
		case e.kind < packedByPlace:
			if data, err = p.inflate(file, e, size); err != nil {
				return "", nil, p.fail(err)
			}
			for _, d := range slices.Backward(deltas) {
				if data, err = p.change(file, d, size, data); err != nil {
					return "", nil, p.fail(err)
				}
			}
			return packedKinds[e.kind], data, nil
		case len(deltas) == maxChain:
			return "", nil, p.fail(errors.New("too many deltas on top of each other"))
		}
		deltas = append(deltas, e)
		at = e.base
	}
}

// entry reads what stands before an entry's content.
func (p *pack) entry(file *os.File, at, size int64) (e packed, err error) {
	var b [64]byte
	head := b[:max(0, min(int64(len(b)), size-at))]
	if err := p.folder.readAt(file, head, at); err != nil || len(head) == 0 {
		return e, cmp.Or(damage(err), errFormat)
	}
	e.kind, e.size = head[0]>>4&7, uint64(head[0]&15)
	n, shift := 1, 4
	for ; head[n-1]&0x80 != 0; n++ {
		if n == len(head) || shift > 53 {
			return e, errFormat
		}
		e.size |= uint64(head[n]&0x7f) << shift
		shift += 7
	}
	switch e.kind {
	case packedCommit, packedTree, packedBlob, packedTag:
	case packedByPlace:
		back, length := distance(head[n:])
		if length == 0 || back <= 0 || back > at {
			return e, errFormat
		}
		e.base = at - back
		n += length
	case packedByName:
		if len(head) < n+p.format.size {
			return e, errFormat
		}
		name := hex.EncodeToString(head[n : n+p.format.size])
		base, found, err := p.find(name)
		if err != nil {
			return e, err
		}
		if !found {
			return e, fmt.Errorf("the base %s of a delta is not in the pack", name)
		}
		e.base = base
		n += p.format.size
	default:
		return e, errFormat
	}
	e.data = at + int64(n)
	return e, nil
}

// distance reads how far before an entry its base is, and how many bytes that takes;
// 0 bytes: it can't be read.
func distance(b []byte) (int64, int) {
	var d int64
	for i, c := range b {
		if d >= 1<<55 {
			return 0, 0
		}
		d = d<<7 | int64(c&0x7f)
		if c&0x80 == 0 {
			return d, i + 1
		}
		d++
	}
	return 0, 0
}

func (p *pack) inflate(file *os.File, e packed, size int64) ([]byte, error) {
	if e.size > maxObject {
		return nil, errLarge
	}
	r := bufio.NewReader(p.folder.metered(io.NewSectionReader(file, e.data, size-e.data)))
	z, err := zlib.NewReader(r)
	if err != nil {
		return nil, damage(err)
	}
	defer z.Close()
	return p.folder.meter.inflated(z, e.size)
}

// change applies a delta.
func (p *pack) change(file *os.File, e packed, size int64, base []byte) ([]byte, error) {
	delta, err := p.inflate(file, e, size)
	if err != nil {
		return nil, err
	}
	return p.folder.meter.apply(base, delta)
}
