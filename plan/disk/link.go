package disk

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strings"

	"zup/plan/shell"
)

// LinkError says that a symbolic link stands where zup would have to go through it.
type LinkError struct {
	Path    string // what was asked for
	Link    string // the link: Path, or something on the way to it
	Target  string // what the link says
	Instead string // what Path leads to, as somebody would name it
	Flag    string // with which Instead is named, such as "-out"; see Named
	Advice  string // in the place of the hint, where nobody names Path; see Own
}

func (e *LinkError) Error() string {
	if e.Link == filepath.Clean(e.Path) {
		return fmt.Sprintf("%s is a symbolic link to %s, and zup follows no link here", e.Path, e.Target)
	}
	return fmt.Sprintf("%s: on the way to it %s is a symbolic link to %s, and zup follows no link here", e.Path, e.Link, e.Target)
}

// Hint says what to type.
func (e *LinkError) Hint() string {
	switch {
	case e.Advice != "":
		return e.Advice
	case strings.HasSuffix(e.Flag, "="):
		return "remove the link, or name what it leads to: " + e.Flag + shell.Quote(e.Instead)
	}
	return "remove the link, or name what it leads to: " + e.Flag + shell.Quote(shell.File(e.Instead))
}

// Named has the hint of a *LinkError say how to name another file: with "-out" it
// prints -out=FILE, and with "zup fmt" that command. Other errors are not changed.
func Named(how string, err error) error {
	var link *LinkError
	switch {
	case how == "" || !errors.As(err, &link):
	case strings.HasPrefix(how, "-"):
		link.Flag = how + "="
	default:
		link.Flag = how + " "
	}
	return err
}

// IsOnTheWayTo reports whether the link is a path itself or on the way to it.
func (e *LinkError) IsOnTheWayTo(path string) bool {
	return isBelow(named(e.Path, absolute(path)), e.Link)
}

// Leads says where a path leads when every link in it is followed, also where nothing
// is yet.
func Leads(path string) string { return named(path, follow(path)) }

func absolute(path string) string {
	if abs, err := filepath.Abs(path); err == nil {
		return abs
	}
	return path
}

// Own has the hint of a *LinkError or a *KindError say that there is no other place: zup
// gives the file its name itself. Other errors are not changed.
func Own(err error) error {
	const itself = "; zup makes what belongs there itself: "
	var link *LinkError
	var kind *KindError
	switch {
	case errors.As(err, &link):
		link.Advice = "remove the link" + itself + shell.Command("rm", shell.File(link.Link))
	case errors.As(err, &kind) && kind.Mode.IsDir():
		kind.Advice = "move the directory away" + itself + shell.Command("mv", shell.File(kind.Path), shell.File(kind.Path+".old"))
	case errors.As(err, &kind):
		kind.Advice = "remove it" + itself + shell.Command("rm", shell.File(kind.Path))
	}
	return err
}

// newLinkError describes the link at a path; abs is where that is.
func newLinkError(path, link string) *LinkError {
	e := &LinkError{Path: path, Link: named(path, link), Instead: named(path, follow(path))}
	e.Target, _ = os.Readlink(link)
	return e
}

// named writes an absolute path the way another one was written: relative to the
// current directory, where that one was and it is below.
func named(like, abs string) string {
	if filepath.IsAbs(like) {
		return abs
	}
	for _, here := range [2]func(string) (string, error){filepath.Abs, realPath} {
		dir, err := here(".")
		if err != nil {
			continue
		}
		rel, err := filepath.Rel(dir, abs)
		if err == nil && (filepath.IsLocal(rel) || strings.HasPrefix(filepath.Clean(like), "..")) {
			return rel
		}
	}
	return abs
}

// maxLinks is how many links are followed to say where a path leads; the kernel gives
// up after as many.
const maxLinks = 40

// follow says where a path leads, also where nothing is yet.
func follow(path string) string {
	abs, err := filepath.Abs(path)
	if err != nil {
		return path
	}
	top := filepath.VolumeName(abs) + string(filepath.Separator)
	done, rest := top, parts(abs)
	for links := 0; len(rest) > 0; {
		next := filepath.Join(done, rest[0])
		target, err := os.Readlink(next)
		if rest = rest[1:]; err != nil {
			done = next
			continue
		}
		if links++; links > maxLinks {
			return path
		}
		if filepath.IsAbs(target) {
			done = top
		}
		rest = append(parts(target), rest...)
	}
	return done
}

// parts splits a path; ".." stays what it is.
func parts(path string) []string {
	path = path[len(filepath.VolumeName(path)):]
	return strings.FieldsFunc(path, func(r rune) bool { return r < 0x80 && os.IsPathSeparator(uint8(r)) })
}

func isLink(info fs.FileInfo) bool { return info.Mode()&fs.ModeSymlink != 0 }
