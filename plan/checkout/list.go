package checkout

import (
	"bytes"
	"fmt"
	"path"
	"strings"
)

// list compares a list of files with what the commit has in that directory.
func (c *comparison) list(root, dir string, l List) {
	if c.changed != "" {
		return
	}
	at, ok := c.locate(dir, l.Dir)
	if !ok {
		return // outside
	}
	found := make(map[string]bool, len(l.Found))
	for _, name := range l.Found {
		found[name] = true
	}
	id, there, err := c.below(root, at)
	if there && err == nil {
		err = c.listed(id, "", 1, l, func(name string) {
			if !found[name] {
				c.change(path.Join(at, name)) // the commit has it, and the list has not
			}
			delete(found, name)
		})
	}
	if err != nil {
		c.doubtful(err)
		return
	}
	for _, name := range l.Found {
		if found[name] {
			c.change(path.Join(at, name))
		}
	}
}

// below walks down to a directory, and returns its tree.
func (c *comparison) below(id, dir string) (tree string, there bool, err error) {
	if dir == "." {
		return id, true, nil
	}
	for part := range strings.SplitSeq(dir, "/") {
		var at *entry
		err := c.store.tree(id, func(name []byte, e entry) {
			if string(name) == part {
				at = &entry{e.mode, bytes.Clone(e.hash)}
			}
		})
		if err != nil || at == nil || !at.isTree() {
			return "", false, err
		}
		id = at.id()
	}
	return id, true, nil
}

// heldCost is what a name that is kept for later counts, in bytes: more than it takes.
const heldCost = 1000

// listed calls see for every file of a list that is in a tree or below it.
func (c *comparison) listed(id, prefix string, depth int, l List, see func(name string)) error {
	type directory struct{ name, id string }
	var below []directory
	var over error
	err := c.store.tree(id, func(name []byte, e entry) {
		full := path.Join(prefix, string(name))
		switch {
		case e.isFile() && l.Matches(full):
			see(full)
		case e.isTree() && (l.Depth == 0 || depth < l.Depth):
			if over == nil {
				over = c.meter.take(heldCost)
			}
			if over == nil {
				below = append(below, directory{full, e.id()})
			}
		}
	})
	if err == nil && over != nil {
		err = fmt.Errorf("tree %s: %w", id, over)
	}
	for i := 0; i < len(below) && err == nil && c.changed == ""; i++ {
		err = c.listed(below[i].id, below[i].name, depth+1, l, see)
	}
	return err
}
