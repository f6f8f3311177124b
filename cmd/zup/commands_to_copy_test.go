package main

import (
	"fmt"
	"go/ast"
	"go/parser"
	"go/token"
	"io/fs"
	"path/filepath"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"testing"
)

// openCommand matches text that ends inside of a command to copy.
var openCommand = regexp.MustCompile(`(?:^|[^\w-])(?:` +
	`zup (?:-\S+ )*(?:COMMANDS)|ssh-keygen|ssh-add|ssh-copy-id|ssh(?: -\S+)*|scp|rm|mv|cp|ln|kill|chmod|chown|mkdir|umount|git [a-z]+|sh -c|echo|dpkg -[a-z-]+|apt-get|systemctl` +
	`)(?: [^:;,\n]*)?[ =@'"]$`)

// verb matches one verb of a format.
var verb = regexp.MustCompile(`%[-+# 0]*[0-9*]*(?:\.[0-9*]+)?(?:\[\d+\])?[a-zA-Z%]`)

// TestCommandsToCopyAreQuoted finds commands in messages into which something is put that
// package shell has not quoted: by +, or by a verb of a format.
func TestCommandsToCopyAreQuoted(t *testing.T) {
	seen := 0
	for _, dir := range []string{"../../cmd", "../../plan", "../../providers"} {
		err := filepath.WalkDir(dir, func(path string, d fs.DirEntry, err error) error {
			if err != nil || !strings.HasSuffix(path, ".go") || strings.HasSuffix(path, "_test.go") || strings.Contains(path, "test/") {
				return err
			}
			set := token.NewFileSet()
			file, err := parser.ParseFile(set, path, nil, parser.SkipObjectResolution)
			if err != nil {
				return err
			}
			bad, good := unquoted(file)
			seen += good
			for _, at := range bad {
				t.Errorf("%s: what is put into this command has to go through package shell", set.Position(at))
			}
			return nil
		})
		if err != nil {
			t.Fatal(err)
		}
	}
	if seen < 10 {
		t.Errorf("only %d commands were found that are as they should be: this test looks at nothing", seen)
	}
}

// The test itself sees what it is for.
func TestUnquotedCommandsAreFound(t *testing.T) {
	for body, want := range map[string]int{
		`_ = "zup apply " + path`:                                 1,
		`_ = "zup apply " + shell.Quote(path)`:                    0,
		`_ = shell.Command("zup", "apply", path)`:                 0,
		`_ = c.command("apply", path)`:                            0,
		`fmt.Fprintf(w, "zup apply %s\n", path)`:                  1,
		`fmt.Fprintf(w, "%s: zup apply %s\n", a, shell.Quote(p))`: 0,
		`_ = fail(1, "zup show "+path+" prints it", "no: %s", a)`: 1,
		`_ = fmt.Sprintf("kill %d on it", pid)`:                   0,
		`_ = fmt.Sprintf("ssh-keygen -f %s -R %s", a, b)`:         2,
		`_ = "zup plan, and then " + what`:                        0,
		`_ = "rm -r " + dir`:                                      1,
	} {
		file, err := parser.ParseFile(token.NewFileSet(), "x.go", "package x\nfunc f() { "+body+" }", 0)
		if err != nil {
			t.Fatal(err)
		}
		if bad, _ := unquoted(file); len(bad) != want {
			t.Errorf("%s: %d found, want %d", body, len(bad), want)
		}
	}
}

// unquoted returns where something is put into a command without being quoted, and how
// often it is.
func unquoted(file *ast.File) (bad []token.Pos, good int) {
	command := openCommandOf()
	judge := func(before string, put ast.Expr) {
		switch {
		case !command.MatchString(before):
		case isQuoted(put):
			good++
		default:
			bad = append(bad, put.Pos())
		}
	}
	inside := map[ast.Expr]bool{} // of a sum that was looked at
	ast.Inspect(file, func(n ast.Node) bool {
		switch n := n.(type) {
		case *ast.BinaryExpr:
			if n.Op != token.ADD || inside[n] {
				return true
			}
			terms := sum(n, inside)
			for i := 1; i < len(terms); i++ {
				judge(textOf(terms[i-1]), terms[i])
			}
		case *ast.CallExpr:
			if isQuoted(n) {
				good++
			}
			for i, arg := range n.Args {
				text := textOf(arg)
				if lit, ok := arg.(*ast.BasicLit); !ok || lit.Kind != token.STRING {
					continue
				}
				next := i + 1
				for _, at := range verb.FindAllStringIndex(text, -1) {
					if strings.HasSuffix(text[at[0]:at[1]], "%") {
						continue
					}
					if next < len(n.Args) && !slices.Contains([]string{"d", "v"}, text[at[1]-1:at[1]]) {
						judge(verb.ReplaceAllString(text[:at[0]], "x"), n.Args[next])
					}
					next++
				}
			}
		}
		return true
	})
	return bad, good
}

func openCommandOf() *regexp.Regexp {
	var names []string
	for _, cmd := range newCLI(stdio{}, nil).root().Commands() {
		names = append(names, regexp.QuoteMeta(cmd.Name()))
	}
	return regexp.MustCompile(strings.Replace(openCommand.String(), "COMMANDS", strings.Join(names, "|"), 1))
}

// sum returns the terms of a + b + c, in order.
func sum(e ast.Expr, inside map[ast.Expr]bool) []ast.Expr {
	inside[e] = true
	if b, ok := e.(*ast.BinaryExpr); ok && b.Op == token.ADD {
		return append(sum(b.X, inside), sum(b.Y, inside)...)
	}
	return []ast.Expr{e}
}

// textOf is the text of a literal, and of anything else something that is no command.
func textOf(e ast.Expr) string {
	lit, ok := e.(*ast.BasicLit)
	if !ok || lit.Kind != token.STRING {
		return ""
	}
	s, err := strconv.Unquote(lit.Value)
	if err != nil {
		return fmt.Sprint(err)
	}
	return s
}

// isQuoted reports whether an expression is a literal, or comes from package shell, or
// from command, which calls it.
func isQuoted(e ast.Expr) bool {
	switch e := e.(type) {
	case *ast.BasicLit:
		return true
	case *ast.CallExpr:
		f, ok := e.Fun.(*ast.SelectorExpr)
		if !ok {
			return false
		}
		pkg, _ := f.X.(*ast.Ident)
		return f.Sel.Name == "command" || pkg != nil && pkg.Name == "shell" && (f.Sel.Name == "Quote" || f.Sel.Name == "Command")
	}
	return false
}
