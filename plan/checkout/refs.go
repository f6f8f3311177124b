package checkout

import (
	"bufio"
	"bytes"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"path"
	"slices"
	"strings"
	"syscall"
)

// head returns the commit that is checked out, in lower-case hex. Where HEAD names a
// branch that has no commit yet, it is empty.
func (r *repository) head() (string, error) {
	name := "HEAD"
	for range maxSymbolic + 1 {
		text, err := r.reference(name)
		switch target, symbolic := strings.CutPrefix(text, "ref:"); {
		case err != nil:
			return "", err
		case text == "" && name != "HEAD":
			return "", nil
		case symbolic:
			if name = strings.TrimLeft(target, " \t"); !isReference(name) {
				return "", fmt.Errorf("%q in %s is not the name of a reference", name, r.common.Name())
			}
		default:
			id, ok := r.format.id(text)
			if !ok {
				return "", fmt.Errorf("%s in %s is not the name of an object: %q", name, r.common.Name(), text)
			}
			return id, nil
		}
	}
	return "", fmt.Errorf("references in %s name each other", r.common.Name())
}

// id reads an object's name in hex, and returns it in lower case.
func (f *format) id(text string) (string, bool) {
	raw, err := hex.DecodeString(text)
	if err != nil || len(raw) != f.size || bytes.Count(raw, []byte{0}) == f.size {
		return "", false
	}
	return hex.EncodeToString(raw), true
}

// isReference keeps a name to what git takes for a branch and the like: it becomes a
// path.
func isReference(name string) bool {
	return strings.HasPrefix(name, "refs/") && path.Clean(name) == name && len(name) < 4096 &&
		!strings.ContainsFunc(name, func(r rune) bool { return r <= ' ' || r == 0x7f || strings.ContainsRune(`~^:?*[\`, r) }) &&
		!slices.ContainsFunc(strings.Split(name, "/"), func(part string) bool {
			return strings.HasPrefix(part, ".") || strings.Contains(part, "..") || strings.HasSuffix(part, ".lock")
		})
}

// reference returns what a reference says, without the line's end: an object's name,
// or "ref: " and another one's. Empty: there is no such reference.
func (r *repository) reference(name string) (string, error) {
	dir := r.common
	if name == "HEAD" || strings.HasPrefix(name, "refs/worktree/") || strings.HasPrefix(name, "refs/bisect/") || strings.HasPrefix(name, "refs/rewritten/") {
		dir = r.own
	}
	info, err := dir.Lstat(name)
	switch {
	case errors.Is(err, fs.ErrNotExist) || errors.Is(err, syscall.ENOTDIR) || err == nil && info.IsDir():
		if name == "HEAD" {
			return "", dir.fail("read", name, errRegular)
		}
		return r.packed(name)
	case err != nil:
		return "", dir.fail("read", name, cause(err))
	case info.Mode()&fs.ModeSymlink != 0: // how git once wrote symbolic references
		target, err := dir.Readlink(name)
		if err != nil || !isReference(target) {
			return "", dir.fail("read", name, errRegular)
		}
		return "ref: " + target, nil
	}
	data, err := dir.read(name, maxText)
	text := strings.TrimRight(string(data), " \t\r\n")
	if err == nil && text == "" {
		err = dir.fail("read", name, errors.New("empty"))
	}
	return text, err
}

// packed looks a reference up in packed-refs. The file is read in pieces: it may be
// of many megabytes.
func (r *repository) packed(name string) (string, error) {
	file, _, err := r.common.open("packed-refs", maxPackedRefs)
	if errors.Is(err, fs.ErrNotExist) {
		return "", nil
	}
	if err != nil {
		return "", err
	}
	defer file.Close()
	lines := bufio.NewReaderSize(r.common.metered(file), maxText)
	for {
		line, err := lines.ReadSlice('\n')
		if err != nil && (err != io.EOF || len(line) > 0) {
			return "", r.common.fail("read", "packed-refs", err)
		}
		if err == io.EOF {
			return "", nil
		}
		id, ref, _ := bytes.Cut(bytes.TrimRight(line, "\r\n"), []byte{' '})
		if string(ref) != name {
			continue
		}
		if text, ok := r.format.id(string(id)); ok {
			return text, nil
		}
		return "", r.common.fail("read", "packed-refs", fmt.Errorf("%s is not the name of an object", name))
	}
}
