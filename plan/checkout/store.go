package checkout

import (
	"cmp"
	"encoding/hex"
	"errors"
	"fmt"
	"hash"
	"io/fs"
	"path/filepath"
	"slices"
	"strconv"
	"strings"

	"github.com/pjbgf/sha1cd"
)

// store is the objects of a repository, in its own directory and in those that it
// borrows from.
type store struct {
	format  *format
	meter   *meter
	folders []*folder
	packs   []*pack
	missing error // why there may be objects that were not found
}

var errCollision = errors.New("its bytes were made to have the hash of others")

// openStore opens everything where objects may be.
func (r *repository) openStore() (*store, error) {
	s := &store{format: r.format, meter: r.meter}
	objects, err := r.common.within("objects")
	if err != nil {
		return nil, err
	}
	s.add(objects, 0)
	for _, f := range s.folders {
		if err := s.listPacks(f); err != nil {
			s.missing = cmp.Or(s.missing, err)
		}
	}
	return s, nil
}

func (s *store) close() {
	for _, f := range s.folders {
		f.Close()
	}
}

// add takes up a directory with objects, and those that it borrows from. These may be
// anywhere: what an object is worth, its hash says.
func (s *store) add(f *folder, depth int) {
	s.folders = append(s.folders, f)
	text, err := f.read("info/alternates", maxText)
	if errors.Is(err, fs.ErrNotExist) {
		return
	}
	if err == nil && depth == maxDepth {
		err = f.fail("read", "info/alternates", errors.New("too many lend to each other"))
	}
	if err != nil {
		s.missing = cmp.Or(s.missing, err)
		return
	}
	for line := range strings.Lines(string(text)) {
		line = strings.TrimRight(line, "\n")
		if line == "" || line[0] == '#' {
			continue
		}
		if err := s.borrow(f, line, depth); err != nil {
			s.missing = cmp.Or(s.missing, err)
		}
	}
}

func (s *store) borrow(from *folder, line string, depth int) error {
	if line[0] == '"' {
		unquoted, err := strconv.Unquote(line)
		if err != nil {
			return from.fail("read", "info/alternates", errors.New("a line can't be read"))
		}
		line = unquoted
	}
	path := inside(from.Name(), line)
	if slices.ContainsFunc(s.folders, func(f *folder) bool { return filepath.Clean(f.Name()) == filepath.Clean(path) }) {
		return nil
	}
	if len(s.folders) >= maxAlternates {
		return from.fail("read", "info/alternates", errors.New("objects are in too many directories"))
	}
	f, err := openFolder(s.meter, path)
	if err != nil {
		return err
	}
	s.add(f, depth+1)
	return nil
}

// object returns the bytes of an object of this kind. An object of which there are
// several copies is missing only if none of them is good.
func (s *store) object(id, kind string) ([]byte, error) {
	var bad error
	for read := range s.copies(id) {
		got, data, err := read()
		if err == nil {
			err = s.verify(id, got, data)
		}
		switch {
		case errors.Is(err, errTotal) || errors.Is(err, errSlow):
			return nil, err
		case err != nil:
			bad = cmp.Or(bad, fmt.Errorf("object %s: %w", id, err))
		case got != kind:
			return nil, fmt.Errorf("object %s is a %s, not a %s", id, got, kind)
		default:
			return data, nil
		}
	}
	return nil, cmp.Or(bad, s.missing, fmt.Errorf("object %s is not in %s", id, s.folders[0].Name()))
}

// copies yields a function for each place that has an object, or fails to say so.
func (s *store) copies(id string) func(func(func() (string, []byte, error)) bool) {
	return func(yield func(func() (string, []byte, error)) bool) {
		for _, f := range s.folders {
			file, size, err := f.open(id[:2]+"/"+id[2:], 2*maxObject)
			if errors.Is(err, fs.ErrNotExist) {
				continue
			}
			more := yield(func() (string, []byte, error) {
				if err != nil {
					return "", nil, err
				}
				return f.loose(file, size)
			})
			if file != nil {
				file.Close()
			}
			if !more {
				return
			}
		}
		for _, p := range s.packs {
			at, found, err := p.find(id)
			if !found && err == nil {
				continue
			}
			if !yield(func() (string, []byte, error) {
				if err != nil {
					return "", nil, err
				}
				return p.object(at)
			}) {
				return
			}
		}
	}
}

// verify proves that bytes are those of an object.
func (s *store) verify(id, kind string, data []byte) error {
	h := s.format.start(kind, int64(len(data)))
	h.Write(data) // never fails
	sum, err := s.format.finish(h)
	if err == nil && sum != id {
		err = errors.New("damaged: its bytes have another hash")
	}
	return err
}

// start begins to compute the name of an object.
func (f *format) start(kind string, size int64) hash.Hash {
	h := f.new()
	fmt.Fprintf(h, "%s %d\x00", kind, size)
	return h
}

// finish returns it in hex.
func (f *format) finish(h hash.Hash) (string, error) {
	if detects, ok := h.(sha1cd.CollisionResistantHash); ok {
		sum, collision := detects.CollisionResistantSum(nil)
		if collision {
			return "", errCollision
		}
		return hex.EncodeToString(sum), nil
	}
	return hex.EncodeToString(h.Sum(nil)), nil
}
