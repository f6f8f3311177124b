package disk

import (
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
)

// guarded are the real paths that Guard was told of. They only become more.
var guarded struct {
	sync.Mutex
	dirs []string
}

// Guard has nothing be written through a link below this directory any more, as
// below the one that zup was started in. It may be named before it is there; then it
// has no effect.
func Guard(dir string) {
	real, err := realPath(dir)
	if err != nil {
		return
	}
	guarded.Lock()
	defer guarded.Unlock()
	if !slices.Contains(guarded.dirs, real) {
		guarded.dirs = append(guarded.dirs, real)
	}
}

func realPath(path string) (string, error) {
	abs, err := filepath.Abs(path)
	if err != nil {
		return "", err
	}
	return filepath.EvalSymlinks(abs)
}

// walls are the real paths of the directories below which no link is followed, each
// with the checkout that it lies in.
func walls() []string {
	guarded.Lock()
	dirs := slices.Clone(guarded.dirs)
	guarded.Unlock()
	if here, err := realPath("."); err == nil {
		dirs = append(dirs, here)
	}
	for _, dir := range slices.Clone(dirs) {
		if top := checkout(dir); top != "" {
			dirs = append(dirs, top)
		}
	}
	// Below the root of the file system lies everything, and nobody checks that out.
	return slices.DeleteFunc(dirs, func(dir string) bool { return filepath.Dir(dir) == dir })
}

// checkout is the directory around dir that a version control system has made, or "".
func checkout(dir string) string {
	for ; filepath.Dir(dir) != dir; dir = filepath.Dir(dir) {
		if _, err := os.Lstat(filepath.Join(dir, ".git")); err == nil {
			return dir
		}
	}
	return ""
}

// isBelow reports whether a real path is that of a directory or of something in it.
func isBelow(path, dir string) bool {
	rest, ok := strings.CutPrefix(path, dir)
	return ok && (rest == "" || os.IsPathSeparator(rest[0]))
}

// around returns the innermost of the walls around a real path, or "".
func around(walls []string, path string) string {
	found := ""
	for _, dir := range walls {
		if isBelow(path, dir) && len(dir) > len(found) {
			found = dir
		}
	}
	return found
}

// ReadHere is ReadFile for a name from the command line that may be one of a file in
// a guarded directory: through that directory's door then, so that a link in it leads
// no further than the directory.
func ReadHere(path string, limit int64) ([]byte, error) {
	dir, name := within(path)
	if dir == "" {
		return ReadFile(path, limit)
	}
	d, err := OpenDir(dir)
	if err != nil {
		return nil, err
	}
	defer d.Close()
	data, err := d.Read(name, limit)
	return data, at(path, err)
}

// within returns the innermost guarded directory around a path, and its name there; ""
// where there is none.
func within(path string) (dir, name string) {
	abs, err := filepath.Abs(path)
	if err != nil {
		return "", ""
	}
	walls := walls()
	real := filepath.VolumeName(abs) + string(filepath.Separator)
	rest := parts(abs)
	for ; len(rest) > 1 && around(walls, real) == ""; rest = rest[1:] {
		if real, err = filepath.EvalSymlinks(filepath.Join(real, rest[0])); err != nil {
			return "", ""
		}
	}
	if around(walls, real) == "" {
		return "", ""
	}
	whole := filepath.Join(real, filepath.Join(rest...))
	dir = around(walls, whole)
	name, err = filepath.Rel(dir, whole)
	if err != nil {
		return "", ""
	}
	return dir, name
}
