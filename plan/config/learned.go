package config

import (
	"cmp"
	"maps"
	"path/filepath"
	"slices"
	"strings"
)

// Existence is what fileexists has said of a path.
type Existence struct {
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

// learnt returns what expressions have learned of a directory besides the files that they
// have read, sorted.
func (d *directory) learnt() ([]Existence, []Listed) {
	if d.replayed { // there is no directory
		return nil, nil
	}
	exist, listed := map[string]Existence{}, map[[2]string]Listed{}
	for _, q := range d.all {
		at, err := d.inside(q.Path)
		if q.Error != "" || err != nil {
			continue
		}
		at = filepath.ToSlash(at)
		switch q.About {
		case AskedExists:
			exist[at] = Existence{at, q.Exists}
		case AskedNames:
			listed[[2]string{at, q.Pattern}] = listedAs(at, q.Question)
		}
	}
	return slices.SortedFunc(maps.Values(exist), func(a, b Existence) int { return strings.Compare(a.Path, b.Path) }),
		slices.SortedFunc(maps.Values(listed), func(a, b Listed) int {
			return cmp.Or(strings.Compare(a.Dir, b.Dir), strings.Compare(a.Pattern, b.Pattern))
		})
}

// listedAs is an answer of fileset about a directory, given relative to the
// configuration's.
func listedAs(dir string, q Question) Listed {
	l := Listed{Dir: dir, Pattern: q.Pattern, Found: q.Names}
	l.patterns, _ = globs(q.Pattern) // which was good enough to be asked
	for _, p := range l.patterns {
		l.Depth = max(l.Depth, len(p))
	}
	if slices.ContainsFunc(l.patterns, func(p []string) bool { return slices.Contains(p, "**") }) {
		l.Depth = 0
	}
	return l
}
