package checkout

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"syscall"
)

// repository is where git keeps what is asked for.
type repository struct {
	meter  *meter
	top    string  // the work tree's directory, without links
	own    *folder // what belongs to this work tree: HEAD
	common *folder // what all work trees share: references, objects, configuration; may be the same
	format *format
}

func (r *repository) close() {
	r.own.Close()
	r.common.Close()
}

// find looks for the first .git on the way up from a directory, which must be a real
// path. Without one it returns nil and no error. An error comes with the directory
// that has the .git.
//
// A directory that only looks like a bare repository, with HEAD, objects and refs in
// it, is none: everybody who may add files to a repository can make one.
func find(m *meter, dir string) (r *repository, top string, err error) {
	for top := dir; ; top = filepath.Dir(top) {
		info, err := os.Lstat(filepath.Join(top, ".git"))
		switch {
		case errors.Is(err, fs.ErrNotExist):
		case err != nil:
			return nil, top, err
		case info.IsDir() && !isRepository(filepath.Join(top, ".git")):
			// Git goes on looking, too: an empty .git is left by some container engines.
		default:
			r, err := openGit(m, dir, top, info)
			return r, top, err
		}
		if top == filepath.Dir(top) {
			return nil, "", nil
		}
	}
}

// isRepository reports whether a directory has what git looks for.
func isRepository(path string) bool {
	for _, name := range []string{"HEAD", "objects", "refs"} {
		if _, err := os.Lstat(filepath.Join(path, name)); errors.Is(err, fs.ErrNotExist) {
			return false
		}
	}
	return true
}

// openGit opens the repository of a .git.
func openGit(m *meter, dir, top string, info fs.FileInfo) (*repository, error) {
	path := filepath.Join(top, ".git")
	r := &repository{meter: m, top: top}
	var err error
	switch {
	case !trusted(info, dir, top):
		return nil, fmt.Errorf("%s belongs to another user than its directory", path)
	case info.IsDir():
		err = r.openDirectory(path)
	case info.Mode().IsRegular():
		err = r.openFile(path, info)
	default:
		return nil, fmt.Errorf("%s is neither a directory nor a file", path)
	}
	if err == nil {
		r.format, err = r.readFormat()
	}
	if err != nil {
		if r.own != nil {
			r.close()
		}
		return nil, err
	}
	return r, nil
}

// trusted reports whether a .git can't have been laid by another user into a
// directory where everybody may write, such as /tmp. It belongs to whoever has the
// directory that it is in, which he could exchange as a whole, or the configuration's.
func trusted(info fs.FileInfo, dir, top string) bool {
	git, ok := info.Sys().(*syscall.Stat_t)
	if !ok || git.Uid == 0 || int(git.Uid) == os.Geteuid() {
		return ok
	}
	for _, path := range []string{dir, top} {
		owner, err := os.Lstat(path)
		if err != nil {
			continue
		}
		if s, ok := owner.Sys().(*syscall.Stat_t); ok && s.Uid == git.Uid {
			return true
		}
	}
	return false
}

// openDirectory opens a .git that is a directory: everything is in it.
func (r *repository) openDirectory(path string) error {
	own, err := openFolder(r.meter, path)
	if err != nil {
		return err
	}
	r.own, r.common = own, own
	if _, err := own.Lstat("commondir"); !errors.Is(err, fs.ErrNotExist) {
		return fmt.Errorf("%s names another repository, which only a linked work tree may", filepath.Join(path, "commondir"))
	}
	return nil
}

// openFile opens what a .git file names: git's directory for a linked work tree, or
// for a submodule. Anybody can write a file that names any repository of this machine,
// so that the one that is named has to name this work tree in turn.
func (r *repository) openFile(path string, info fs.FileInfo) error {
	top, err := openFolder(r.meter, r.top)
	if err != nil {
		return err
	}
	defer top.Close()
	target, err := top.line(".git", "gitdir: ")
	if err != nil {
		return err
	}
	gitDir := inside(r.top, target)
	if r.own, err = openFolder(r.meter, gitDir); err != nil {
		return err
	}
	r.common = r.own
	var back string
	if _, err := r.own.Lstat("commondir"); err == nil {
		back, err = r.openLinked(gitDir)
		if err != nil {
			return err
		}
	} else if back, err = r.workTree(gitDir); err != nil {
		return err
	} else if info, err = os.Lstat(r.top); err != nil {
		return err
	}
	if named, err := os.Stat(back); back == "" || err != nil || !os.SameFile(named, info) {
		return fmt.Errorf("%s names %s, which does not name this work tree", path, gitDir)
	}
	return nil
}

// openLinked opens what linked work trees share, and returns the .git file that their
// repository knows this one by.
func (r *repository) openLinked(gitDir string) (string, error) {
	target, err := r.own.line("commondir", "")
	if err != nil {
		return "", err
	}
	common := inside(gitDir, target)
	if r.common, err = openFolder(r.meter, common); err != nil {
		r.common = r.own
		return "", err
	}
	parent, err := os.Stat(filepath.Dir(filepath.Clean(gitDir)))
	if err != nil {
		return "", err
	}
	if linked, err := os.Lstat(filepath.Join(common, "worktrees")); err != nil || !os.SameFile(parent, linked) {
		return "", fmt.Errorf("%s is not one of the work trees of %s", gitDir, common)
	}
	back, err := r.own.line("gitdir", "")
	return inside(gitDir, back), err
}

// workTree returns the work tree that the directory of a submodule names.
func (r *repository) workTree(gitDir string) (string, error) {
	s, err := r.settings("config")
	if err != nil {
		return "", err
	}
	if isTrue(s["extensions.worktreeconfig"]) {
		own, err := r.settings("config.worktree")
		if err != nil {
			return "", err
		}
		if path, ok := own["core.worktree"]; ok {
			return inside(gitDir, path), nil
		}
	}
	if path, ok := s["core.worktree"]; ok {
		return inside(gitDir, path), nil
	}
	return "", nil
}

// line reads a file that has one line, which begins in a certain way.
func (f *folder) line(name, prefix string) (string, error) {
	text, err := f.read(name, maxText)
	if err != nil {
		return "", err
	}
	rest, ok := strings.CutPrefix(strings.TrimRight(string(text), "\r\n"), prefix)
	if !ok || rest == "" || strings.ContainsAny(rest, "\x00\n") {
		return "", f.fail("read", name, errors.New("not what git writes there"))
	}
	return rest, nil
}

// inside is a path that starts at a directory, unless it is absolute. It is not
// cleaned: where a link is in front of it, ".." is the link's affair.
func inside(dir, path string) string {
	if filepath.IsAbs(path) {
		return path
	}
	return dir + string(filepath.Separator) + path
}
