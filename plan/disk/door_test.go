package disk

import (
	"go/ast"
	"go/parser"
	"go/token"
	"io/fs"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"testing"
)

// pathTakers are the functions that take a path and look at, open, make or change what
// is there. Outside of this package only exceptions may name one: a file that was not
// opened through the door is waited for, read without an end, or written through a
// link.
var pathTakers = map[string][]string{
	"os": {
		"Chdir", "Chmod", "Chown", "Chtimes", "CopyFS", "Create", "CreateTemp", "DirFS", "Lchown", "Link", "Lstat", "Mkdir", "MkdirAll", "MkdirTemp",
		"Open", "OpenFile", "OpenInRoot", "OpenRoot", "ReadDir", "ReadFile", "Readlink", "Remove", "RemoveAll", "Rename", "Stat", "Symlink", "Truncate", "WriteFile",
	},
	"path/filepath":                      {"EvalSymlinks", "Glob", "Walk", "WalkDir"},
	"io/ioutil":                          {"ReadDir", "ReadFile", "TempDir", "TempFile", "WriteFile"},
	"syscall":                            {"Creat", "Link", "Mkdir", "Mkfifo", "Open", "Openat", "Rename", "Symlink", "Truncate", "Unlink"},
	"golang.org/x/sys/unix":              {"Creat", "Link", "Mkdir", "Mkfifo", "Open", "Openat", "Openat2", "Rename", "Symlink", "Truncate", "Unlink"},
	"github.com/gofrs/flock":             {"New", "NewFlock"},
	"github.com/spf13/cobra/doc":         {"GenManTree", "GenManTreeFromOpts", "GenMarkdownTree", "GenYamlTree", "GenReSTTree"},
	"golang.org/x/crypto/ssh/knownhosts": {"New"},
	"html/template":                      {"ParseFiles", "ParseGlob"},
	"text/template":                      {"ParseFiles", "ParseGlob"},
	"net/http":                           {"Dir", "FileServer", "ServeFile"},
	"archive/zip":                        {"OpenReader"},
	"crypto/tls":                         {"LoadX509KeyPair"},
}

// exceptions are the places that may, each with the reason.
var exceptions = map[string]string{
	"cmd/zup/ask.go: os.OpenFile":              "the terminal, /dev/tty, to ask for a passphrase or a password: a device on purpose, of a name that nobody chooses",
	"cmd/zup/author.go: filepath.EvalSymlinks": "nothing is opened: where a directory of PATH, or a file of git's settings, really is",
	"cmd/zup/origin.go: os.Lstat":              "nothing is opened: whether a variable file is the directory's own",
	"providers/ssh/sshconfig: filepath.Glob":   "nothing is opened: which files Include names; each is then opened through the door",
	"providers/ssh/ask.go: os.CreateTemp":      "a file of our own for ssh -G, of a name that nobody chooses, in the directory for such files",
	"providers/ssh/ask.go: os.Remove":          "the same file",
	"plan/checkout: os.Stat":                   "git's own files lie outside of the directory: opened as here, regular and bounded, and read at offsets",
	"plan/checkout: os.Lstat":                  "nothing is opened: where the repository is",
	"plan/checkout: filepath.EvalSymlinks":     "nothing is opened: where a path of the configuration really is",
	"plan/checkout: os.OpenRoot":               "git's own files, each then opened in it, regular and bounded",
	"plan/schema: os.ReadFile":                 "runs in tests only",
	"plan/schema: os.WriteFile":                "runs in tests only",
	"providers/ssh/sshtest: os.CreateTemp":     "runs in tests only",
	"providers/ssh/sshtest: os.ReadFile":       "runs in tests only",
	"providers/ssh/sshtest: os.Stat":           "runs in tests only",
	"providers/ssh/sshtest: os.WriteFile":      "runs in tests only",
	"providers/ssh/sshtest: filepath.Glob":     "runs in tests only",
}

func TestEveryFileGoesThroughTheDoor(t *testing.T) {
	seen, used := 0, map[string]bool{}
	for _, top := range []string{"cmd", "plan", "providers"} {
		err := filepath.WalkDir(filepath.Join("..", "..", top), func(path string, e fs.DirEntry, err error) error {
			if err != nil || e.IsDir() || !strings.HasSuffix(path, ".go") || strings.HasSuffix(path, "_test.go") {
				return err
			}
			name, err := filepath.Rel(filepath.Join("..", ".."), path)
			if err != nil || filepath.Dir(name) == "plan/disk" {
				return err
			}
			seen++
			for _, call := range doors(t, path) {
				switch file, dir := name+": "+call, filepath.Dir(name)+": "+call; {
				case exceptions[file] != "":
					used[file] = true
				case exceptions[dir] != "":
					used[dir] = true
				default:
					t.Errorf("%s: goes past plan/disk; use that, or add an exception with its reason", file)
				}
			}
			return nil
		})
		if err != nil {
			t.Fatal(err)
		}
	}
	if seen < 100 || len(used) < 5 {
		t.Errorf("looked at %d files and found %d exceptions: this test looks at the wrong place", seen, len(used))
	}
}

// doors lists the uses of pathTakers in a file, as they are written there.
func doors(t *testing.T, path string) []string {
	t.Helper()
	f, err := parser.ParseFile(token.NewFileSet(), path, nil, parser.SkipObjectResolution)
	if err != nil {
		t.Fatal(err)
	}
	imports := map[string]string{} // the name in the file → the package
	for _, spec := range f.Imports {
		pkg, err := strconv.Unquote(spec.Path.Value)
		if err != nil {
			t.Fatal(err)
		}
		name := pkg[strings.LastIndexByte(pkg, '/')+1:]
		if spec.Name != nil {
			name = spec.Name.Name
		}
		if name == "." && pathTakers[pkg] != nil {
			t.Errorf("%s: imports %s without its name", path, pkg)
		}
		imports[name] = pkg
	}
	var found []string
	ast.Inspect(f, func(n ast.Node) bool {
		sel, ok := n.(*ast.SelectorExpr)
		if !ok {
			return true
		}
		if pkg, ok := sel.X.(*ast.Ident); ok && slices.Contains(pathTakers[imports[pkg.Name]], sel.Sel.Name) {
			found = append(found, pkg.Name+"."+sel.Sel.Name)
		}
		return true
	})
	return found
}
