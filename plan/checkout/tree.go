package checkout

import (
	"bytes"
	"encoding/hex"
	"fmt"
	"strconv"
)

// treeOf returns the tree of a commit.
func (s *store) treeOf(commit string) (string, error) {
	data, err := s.object(commit, "commit")
	if err != nil {
		return "", err
	}
	line, _, _ := bytes.Cut(data, []byte{'\n'})
	if text, ok := bytes.CutPrefix(line, []byte("tree ")); ok {
		if id, ok := s.format.id(string(text)); ok {
			return id, nil
		}
	}
	return "", fmt.Errorf("commit %s names no tree", commit)
}

// entry is what a tree has under a name.
type entry struct {
	mode uint32
	hash []byte
}

func (e entry) isTree() bool { return e.mode&0o170000 == 0o040000 }
func (e entry) isFile() bool { return e.mode&0o170000 == 0o100000 }

// id is the name of the object in hex.
func (e entry) id() string { return hex.EncodeToString(e.hash) }

// tree calls see for every entry of a tree. What it is handed is valid only then; what
// see keeps is all that stays in memory.
func (s *store) tree(id string, see func(name []byte, e entry)) error {
	data, err := s.object(id, "tree")
	if err != nil {
		return err
	}
	if err := s.format.entries(data, see); err != nil {
		return fmt.Errorf("tree %s: %w", id, err)
	}
	return nil
}

// entries reads a tree: mode, name, a zero byte and the hash, again and again.
func (f *format) entries(data []byte, see func(name []byte, e entry)) error {
	for len(data) > 0 {
		head, rest, ok := bytes.Cut(data, []byte{0})
		mode, name, ok2 := bytes.Cut(head, []byte{' '})
		if !ok || !ok2 || len(name) == 0 || len(rest) < f.size {
			return errFormat
		}
		m, err := strconv.ParseUint(string(mode), 8, 32)
		if err != nil {
			return errFormat
		}
		see(name, entry{uint32(m), rest[:f.size]})
		data = rest[f.size:]
	}
	return nil
}
