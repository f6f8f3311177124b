package checkout

import (
	"bytes"
	"cmp"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"maps"
	"os"
	"path"
	"path/filepath"
	"slices"
	"strings"
)

// comparison compares files with a commit.
type comparison struct {
	*repository
	belongs func(name string) bool
	store   *store
	work    *folder // the work tree
	changed string  // see Answer
	doubt   error   // the first
}

// place is a name in the work tree: a file that is asked about, or a directory with
// such files.
type place struct {
	below  map[string]*place
	file   *File
	config bool // the configuration's directory
}

// run compares all files and lists. It stops at the first one that is not as it is in
// the commit, which is an answer whatever else might be in doubt.
func (c *comparison) run(commit, dir string, files []File, lists []List) (changed string, doubt error) {
	id, err := c.open(commit)
	defer c.close()
	if err != nil {
		return "", err
	}
	c.tree(id, ".", c.places(dir, files))
	for _, l := range lists {
		c.list(id, dir, l)
	}
	return c.changed, c.doubt
}

// has reports whether the commit has something under any of the names by which a file
// can be reached.
func (c *comparison) has(commit, dir, file string) (bool, error) {
	id, err := c.open(commit)
	defer c.close()
	if err != nil {
		return false, err
	}
	for _, name := range c.names(dir, file) {
		if found, err := c.contains(id, strings.Split(name, "/")); found || err != nil {
			return found, err
		}
	}
	return false, nil
}

// contains walks down from a tree. Where it gets to something else than a tree on the
// way, such as a submodule, that is what the commit has.
func (c *comparison) contains(id string, parts []string) (bool, error) {
	for i, part := range parts {
		var at *entry
		err := c.store.tree(id, func(name []byte, e entry) {
			if string(name) == part {
				at = &entry{e.mode, bytes.Clone(e.hash)}
			}
		})
		if err != nil || at == nil {
			return false, err
		}
		if !at.isTree() || i == len(parts)-1 {
			return true, nil
		}
		id = at.id()
	}
	return false, nil
}

// open opens the objects and the work tree, and returns the tree of a commit.
func (c *comparison) open(commit string) (tree string, err error) {
	if c.work, err = openFolder(c.meter, c.top); err != nil {
		return "", err
	}
	if c.store, err = c.openStore(); err != nil {
		return "", err
	}
	return c.store.treeOf(commit)
}

func (c *comparison) close() {
	if c.work != nil {
		c.work.Close()
	}
	if c.store != nil {
		c.store.close()
	}
}

// places sorts the files by where they are in the work tree, so that each tree is read
// once.
func (c *comparison) places(dir string, files []File) *place {
	root := &place{}
	if rel, ok := below(c.top, dir); ok && c.belongs != nil {
		root.at(rel).config = true
	}
	for _, f := range files {
		rel, ok := c.locate(dir, f.Path)
		if !ok {
			continue
		}
		root.at(rel).add(c, rel, &f)
	}
	return root
}

// add takes up a file. One that was used in several ways counts in the strictest.
func (p *place) add(c *comparison, name string, f *File) {
	old := p.file
	switch {
	case old == nil:
		p.file = f
	case (old.Use == Absent) != (f.Use == Absent), old.SHA256 != "" && f.SHA256 != "" && old.SHA256 != f.SHA256:
		c.change(name) // it was there and was not, or had two contents
	case old.Use == Exists || old.Use == f.Use && old.SHA256 == "":
		p.file = f
	}
}

// absent reports whether nothing was of importance but that there is nothing.
func (p *place) absent() bool {
	if p.file != nil && p.file.Use != Absent {
		return false
	}
	for _, below := range p.below {
		if !below.absent() {
			return false
		}
	}
	return !p.config
}

// at returns the place with that name, which has slashes.
func (p *place) at(name string) *place {
	if name == "." {
		return p
	}
	for part := range strings.SplitSeq(name, "/") {
		if p.below == nil {
			p.below = map[string]*place{}
		}
		if p.below[part] == nil {
			p.below[part] = &place{}
		}
		p = p.below[part]
	}
	return p
}

// locate returns the name in the work tree that a file has: its own, or, if only what
// a link points to is in the work tree, that one's.
func (c *comparison) locate(dir, file string) (string, bool) {
	names := c.names(dir, file)
	if len(names) == 0 {
		return "", false
	}
	return names[0], true
}

// names returns every name in the work tree by which a file can be reached: as it is
// written, with links on the way to it followed, and where it leads to.
func (c *comparison) names(dir, file string) []string {
	if !filepath.IsAbs(file) {
		file = filepath.Join(dir, filepath.FromSlash(file))
	}
	paths := []string{file}
	if parent, err := filepath.EvalSymlinks(filepath.Dir(file)); err == nil {
		paths = append(paths, filepath.Join(parent, filepath.Base(file)))
	}
	if real, err := filepath.EvalSymlinks(file); err == nil {
		paths = append(paths, real)
	}
	var names []string
	for _, path := range paths {
		if name, ok := below(c.top, path); ok && !slices.Contains(names, name) {
			names = append(names, name)
		}
	}
	return names
}

// below is a path relative to a directory that it is in, with slashes.
func below(dir, path string) (string, bool) {
	rel, err := filepath.Rel(dir, path)
	if err != nil || !filepath.IsLocal(rel) {
		return "", false
	}
	return filepath.ToSlash(rel), true
}

func (c *comparison) change(name string) { c.changed = cmp.Or(c.changed, name) }

func (c *comparison) doubtful(err error) { c.doubt = cmp.Or(c.doubt, err) }

// tree compares what is asked about below a directory with its tree.
func (c *comparison) tree(id, dir string, p *place) {
	if c.changed != "" {
		return
	}
	entries, twice, more := map[string]entry{}, false, ""
	err := c.store.tree(id, func(name []byte, e entry) {
		there := p.below[string(name)]
		if p.config && (there == nil || there.file == nil) && !e.isTree() && c.belongs(string(name)) {
			more = string(name)
		}
		if there == nil {
			return
		}
		_, before := entries[string(name)]
		twice = twice || before
		entries[string(name)] = entry{e.mode, bytes.Clone(e.hash)}
	})
	switch {
	case err != nil:
		c.doubtful(err)
		return
	case twice: // which of them is checked out would be a matter of luck
		c.doubtful(fmt.Errorf("tree %s has a name twice", id))
		return
	case more != "": // the commit has it, and it did not take part
		c.change(path.Join(dir, more))
		return
	}
	for _, name := range slices.Sorted(maps.Keys(p.below)) {
		c.entry(path.Join(dir, name), p.below[name], entries[name])
	}
}

// entry compares one name with what the commit has under it; the zero entry: nothing.
func (c *comparison) entry(name string, p *place, e entry) {
	if e.hash == nil && p.absent() {
		return
	}
	if p.file != nil {
		switch {
		case p.file.Use == Exists && e.isFile(), p.file.Use == Absent && e.isTree():
			return
		case p.file.Use != Content, !e.isFile():
			c.change(name)
			return
		}
		switch same, err := c.same(name, p.file, e.id()); {
		case err != nil:
			c.doubtful(err)
		case !same:
			c.change(name)
		}
		return
	}
	if !e.isTree() {
		c.change(name)
		return
	}
	c.tree(e.id(), name, p)
}

// same compares the bytes of a file with a hash. What is not a regular file, or not there
// any more, or reached through a link, is not the same.
func (c *comparison) same(name string, f *File, id string) (bool, error) {
	if linked, err := c.linked(name); linked || err != nil {
		return false, err
	}
	file, size, err := c.work.open(name, maxFile)
	switch {
	case errors.Is(err, fs.ErrNotExist) || errors.Is(err, errRegular):
		return false, nil
	case err != nil:
		return false, err
	}
	defer file.Close()
	blob, used := c.format.start("blob", size), sha256.New()
	n, err := io.Copy(io.MultiWriter(blob, used), c.work.metered(io.LimitReader(file, size+1)))
	switch {
	case err != nil:
		return false, err
	case n != size: // it changes at this moment
		return false, nil
	case f.SHA256 != "" && !strings.EqualFold(f.SHA256, hex.EncodeToString(used.Sum(nil))):
		return false, nil
	}
	sum, err := c.format.finish(blob)
	return sum == id, err
}

// linked reports whether a directory on the way to a file is a link. Its files are in
// the commit under another name, or not at all.
func (c *comparison) linked(name string) (bool, error) {
	for dir := path.Dir(name); dir != "."; dir = path.Dir(dir) {
		info, err := c.work.Lstat(dir)
		if errors.Is(err, fs.ErrNotExist) {
			return true, nil
		}
		if err != nil {
			return false, c.work.fail("read", dir, cause(err))
		}
		if info.Mode()&os.ModeSymlink != 0 {
			return true, nil
		}
	}
	return false, nil
}
