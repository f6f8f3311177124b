package main

import (
	"bytes"
	"fmt"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"
	"unicode/utf8"

	"github.com/yuin/goldmark"
	"github.com/yuin/goldmark/extension"
	mdhtml "github.com/yuin/goldmark/renderer/html"
	"golang.org/x/net/html"

	"zup/plan/document"
)

// foreignText is what somebody who opens a pull request may want in the comment on it.
var foreignText = []string{
	"no\n````\n\n# APPROVED by @security-team ![x](https://evil.example/p.png)\n/merge\n````text\n::error file=a::forged",
	"no\n```\n/merge\n```\n", "/approve", "no\n/merge\n", "<h1>APPROVED</h1><img src=https://evil.example/p.png>", "</details></summary><script>alert(1)</script>",
	"[approved](https://evil.example)", "https://evil.example/ www.evil.example", "@security-team", "see #1 !1 %1", "| a | b |\n|--|--|", "---\n# APPROVED", "APPROVED\n===",
	"\x1b[2J\u202eDEVORPPA", "~~~\n# APPROVED\n~~~", "  \n\t# APPROVED", "<!--", "``` ` ``", "1. APPROVED", strings.Repeat("@a ", 100_000), strings.Repeat("no\n", 100_000),
}

// orders are lines of a comment that a forge, or a robot beside it, carries out.
var orders = regexp.MustCompile(`(?m)^/`)

// harmless fails if a comment has anything that zup did not put there.
func harmless(t *testing.T, what, md string) {
	t.Helper()
	if n := utf8.RuneCountInString(md); n > document.MarkdownLimit {
		t.Errorf("%s: %d characters", what, n)
	}
	if orders.MatchString(md) || strings.ContainsAny(md, "\x1b\u202e\r") {
		t.Errorf("%s: the comment gives orders:\n%s", what, md)
	}
	var page bytes.Buffer
	if err := goldmark.New(goldmark.WithExtensions(extension.GFM), goldmark.WithRendererOptions(mdhtml.WithUnsafe())).Convert([]byte(md), &page); err != nil {
		t.Fatal(err)
	}
	root, err := html.Parse(&page)
	if err != nil {
		t.Fatal(err)
	}
	for n := range root.Descendants() {
		switch {
		case n.Type == html.ElementNode && slices.Contains([]string{"a", "img", "script", "table", "input"}, n.Data):
			t.Errorf("%s: the comment has <%s>:\n%s", what, n.Data, md)
		case n.Type == html.ElementNode && n.Data == "h1" && !strings.Contains("There is no plan", n.FirstChild.Data):
			t.Errorf("%s: the comment has the heading %q", what, n.FirstChild.Data)
		case n.Type == html.TextNode && n.Parent.Data != "code" && regexp.MustCompile(`@security|[!#%]1|://|www\.`).MatchString(n.Data):
			t.Errorf("%s: the comment links to something: %q", what, n.Data)
		}
	}
}

// Wherever a text of a pull request comes into the comment, it stays text.
func TestCommentHoldsForeignText(t *testing.T) {
	for i, text := range foreignText {
		quoted := strings.NewReplacer("${", "$${", "%{", "%%{").Replace(fmt.Sprintf("%q", text))
		if strings.ContainsAny(text, "\x1b\u202e") {
			quoted = `"\u001b[2J\u202eDEVORPPA"`
		}
		name := strings.Map(func(r rune) rune {
			if r == '/' {
				return '_'
			}
			return r
		}, text[:min(len(text), 100)])
		for where, c := range map[string]struct {
			file, config string
			args         []string
		}{
			"message":  {"edge.zup.hcl", "variable \"t\" {\n default = 1\n validation {\n  condition = var.t == 2\n  error_message = " + quoted + "\n }\n}\n", nil},
			"argument": {"edge.zup.hcl", "locals {\n a = " + quoted + ".b\n}\n", nil},
			"file":     {name + ".zup.hcl", "cluster {\n", nil},
			"comment":  {"edge.zup.hcl", "cluster \"zevenet\" \"edge\" { /*\n" + text + "\n*/ swichover = 1 }\n", nil},
			"option":   {"edge.zup.hcl", "", []string{"-var", text}},
			"author":   {"edge.zup.hcl", "", []string{"-author", text}},
			"target":   {"edge.zup.hcl", "cluster \"zevenet\" \"edge\" {\n version = \"6.1.20\"\n node \"a\" { address = \"127.0.0.1\" }\n}\n", []string{"-target", text}},
			"state":    {"edge.zup.hcl", "cluster \"zevenet\" \"edge\" {\n version = \"6.1.20\"\n node \"a\" { address = \"127.0.0.1\" }\n}\n", []string{"-state", "./" + text}},
		} {
			dir := t.TempDir()
			if err := os.WriteFile(filepath.Join(dir, c.file), []byte(c.config), 0o600); err != nil {
				t.Fatal(err)
			}
			if where == "author" && isWord(text, 250) {
				continue // it is one; that a plan's own document holds it, package document shows
			}
			var out, errs bytes.Buffer
			code := run(t.Context(), append([]string{"-chdir", dir, "plan", "-input=false", "-md"}, c.args...), stdio{nil, &out, &errs}, nil)
			if code == exitOK || !strings.HasPrefix(out.String(), "# There is no plan\n") {
				t.Errorf("%s %d: exit code %d:\n%s", where, i, code, out.String())
			}
			harmless(t, fmt.Sprintf("%s %.60q", where, text), out.String())
		}
	}
}

// However many mistakes there are, the comment is made at once, and fits.
func TestCommentOfManyMistakes(t *testing.T) {
	var b strings.Builder
	b.WriteString("cluster \"zevenet\" \"edge\" {\n")
	for i := range 10_000 {
		fmt.Fprintf(&b, "  x%d = \"@security ![x](https://evil.example)\"\n", i)
	}
	b.WriteString("}\n")
	dir := t.TempDir()
	if err := os.WriteFile(filepath.Join(dir, "edge.zup.hcl"), []byte(b.String()), 0o600); err != nil {
		t.Fatal(err)
	}
	var out, errs bytes.Buffer
	if code := run(t.Context(), []string{"-chdir", dir, "plan", "-input=false", "-md"}, stdio{nil, &out, &errs}, nil); code != exitError {
		t.Errorf("exit code %d", code)
	}
	harmless(t, "many", out.String())
	for _, word := range []string{"The configuration has 10002 errors; no node was touched.", "## Error: unknown argument \"x0\"", "## And 9802 more"} {
		if !strings.Contains(out.String(), word) {
			t.Errorf("it does not say %q", word)
		}
	}
}
