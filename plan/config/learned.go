package config

import (
	"cmp"
	"maps"
	"path/filepath"
	"slices"
	"strings"
)

// Asked is a path that fileexists was asked about.
type Asked struct {
	Path   string // relative to the directory, with slashes
	Exists bool
}

// Listed is what fileset has found.
type Listed struct {
	Dir     string   // where it looked, relative to the directory, with slashes
	Pattern string   // as it was written
	Found   []string // relative to Dir, with slashes, sorted
	Depth   int      // how many names a path may have at most to fit the pattern; 0: any number

	patterns [][]string
}

// Matches reports whether a path, relative to Dir and with slashes, fits the pattern.
func (l Listed) Matches(path string) bool {
	parts := strings.Split(path, "/")
	return slices.ContainsFunc(l.patterns, func(p []string) bool { return matches(p, parts) })
}

// learned is what expressions know of a directory besides the files that they have
// read. The directory's mutex guards it.
type learned struct {
	asked  map[string]Asked
	listed map[[2]string]Listed
}

// noteExists keeps what was said of a path.
func (d *directory) noteExists(name string, exists bool) {
	name, err := d.inside(name)
	if err != nil {
		return
	}
	d.mu.Lock()
	defer d.mu.Unlock()
	if d.asked == nil {
		d.asked = map[string]Asked{}
	}
	name = filepath.ToSlash(name)
	d.asked[name] = Asked{name, exists}
}

// noteListed keeps what was found below a directory.
func (d *directory) noteListed(start, pattern string, patterns [][]string, found []string) {
	l := Listed{Dir: filepath.ToSlash(start), Pattern: pattern, patterns: patterns}
	l.Found = found
	for _, p := range patterns {
		l.Depth = max(l.Depth, len(p))
	}
	if slices.ContainsFunc(patterns, func(p []string) bool { return slices.Contains(p, "**") }) {
		l.Depth = 0
	}
	d.mu.Lock()
	defer d.mu.Unlock()
	if d.listed == nil {
		d.listed = map[[2]string]Listed{}
	}
	d.listed[[2]string{l.Dir, pattern}] = l
}

// learnt returns everything that was kept, sorted.
func (d *directory) learnt() ([]Asked, []Listed) {
	d.mu.Lock()
	defer d.mu.Unlock()
	asked := slices.SortedFunc(maps.Values(d.asked), func(a, b Asked) int { return strings.Compare(a.Path, b.Path) })
	listed := slices.SortedFunc(maps.Values(d.listed), func(a, b Listed) int {
		return cmp.Or(strings.Compare(a.Dir, b.Dir), strings.Compare(a.Pattern, b.Pattern))
	})
	return asked, listed
}
