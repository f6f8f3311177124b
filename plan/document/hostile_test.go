package document_test

import (
	"bytes"
	"fmt"
	"slices"
	"strings"
	"testing"
	"unicode/utf8"

	"github.com/yuin/goldmark"
	"github.com/yuin/goldmark/extension"
	mdhtml "github.com/yuin/goldmark/renderer/html"
	"golang.org/x/net/html"

	"zup/plan/document"
	"zup/plan/picture"
)

// hostile is what a node or a file may say.
var hostile = []string{
	`<script>alert(1)</script>`, `</code></pre><img src=x onerror=alert(1)>`, `"><a href="http://evil.example">`,
	"| a | b |", "a | b\n|---|---|", "`code` ``more`` ```", "```\nfence\n```\n# heading", "**bold** _it_ ~~no~~ ***", "[link](http://evil.example)",
	"![img](http://evil.example/x.png)", "http://evil.example/ and www.evil.example and https://evil.example", "@everyone please", "see #123 and GH-1", "$x^2$", "&lt;b&gt; &#60;",
	"# heading", "- item", "+ item", "1. item", "12) item", "> quote", "---", "===", "    indented", "a\\", "\\", "|", "`", "a`|`b", "<!-- comment", "-->", "</details>", "</summary><b>",
	"\x1b[31mred\x1b[0m", "\u202ereversed", "line\r\nline", "a\x00b", "\xff\xfe", "[^1]: note", "::: warning", "~~~", "{{.}}", "<svg onload=alert(1)>", "javascript:alert(1)", "]]>", "чеckupgrades", "сору", "a\ufe0f\u200b\u3164", "x" + strings.Repeat(" ", 3000) + "far", "a" + strings.Repeat("\n", 200) + "b", strings.Repeat("x", 500), "::error::x", "##[add-mask]x", "/merge", "|`|", "``|", " `a` ",
	"/merge", "no\n```\n/merge\n```", "no\n````\n\n# APPROVED by @security-team ![x](https://evil.example/p.png)\n/merge\n````text\n::error::forged", "a\n/approve\n", "!1 and %2", "ftp://evil.example",
}

// everything is a document with the text in each place where text can be.
func everything(s string) *document.Document {
	cell := document.Cell{Text: s}
	exact := document.Cell{Text: s, Exact: true}
	note := document.Note{Tone: document.Notice, Word: "Warning", Text: s}
	return &document.Document{
		Kind: s, Title: s, Verdict: note, Foot: s,
		Sections: []document.Section{{ID: "a", Title: s, Blocks: []document.Block{
			document.Text(s), document.Heading{ID: "b", Title: s}, document.Notes{note, note},
			document.Facts{{Label: s, Text: s}, {Label: s, Text: s, Exact: true}},
			document.Table{Caption: s, Head: []string{s, s}, Numbers: []int{1}, Rows: [][]document.Cell{{cell, exact}, {exact, cell}}},
			document.Figure{Caption: s, Words: []string{s, s}, SVG: picture.Course(picture.Timeline{
				ID: "p", Title: s, Desc: s, End: 100, Lanes: []picture.Lane{{Name: s, Roles: []picture.Span{{To: 100, Label: "serves"}}}}, Marks: []picture.Mark{{At: 3, Label: s}},
			})},
			document.Steps{Caption: s, Head: []string{s}, FoldAs: s, List: []document.Step{{
				Number: 1, Mark: "~", Means: "changes", Node: s, Title: s, Reason: s, Badge: note, Values: []document.Cell{cell}, Fold: []document.Block{document.Code{Label: s, Text: s}},
			}}},
			document.Fold{Title: s, Blocks: []document.Block{document.Text(s)}},
			document.Code{Label: s, Text: s}, document.List{Label: s, Items: []string{s, s}},
			document.Sign{Head: []string{s, s}, Rows: [][]string{{s, s}}},
		}}},
	}
}

// skeleton is the elements and names of attributes of a page, without its text.
func skeleton(t *testing.T, page string) string {
	t.Helper()
	root, err := html.Parse(strings.NewReader(page))
	if err != nil {
		t.Fatal(err)
	}
	var b strings.Builder
	var walk func(*html.Node)
	walk = func(n *html.Node) {
		if n.Type == html.ElementNode {
			b.WriteString("<" + n.Data)
			for _, a := range n.Attr {
				b.WriteString(" " + a.Key)
				if a.Key == "href" || a.Key == "src" || a.Key == "class" {
					b.WriteString("=" + a.Val)
				}
			}
			b.WriteString(">\n")
		}
		for c := n.FirstChild; c != nil; c = c.NextSibling {
			walk(c)
		}
	}
	walk(root)
	return b.String()
}

// render makes HTML of Markdown as a forge does: with tables, links of their own, and
// HTML as it is.
func render(t *testing.T, md string) string {
	t.Helper()
	var b bytes.Buffer
	if err := goldmark.New(goldmark.WithExtensions(extension.GFM), goldmark.WithRendererOptions(mdhtml.WithUnsafe())).Convert([]byte(md), &b); err != nil {
		t.Fatal(err)
	}
	return b.String()
}

// Whatever a text says, the page has the elements that it has for a plain word.
func TestHostileHTML(t *testing.T) {
	want := skeleton(t, page(t, everything("word")))
	for _, s := range hostile {
		got := page(t, everything(s))
		if skeleton(t, got) != want {
			t.Errorf("%q changes the page", s)
		}
		if strings.ContainsAny(got, "\x1b\u202e\x00") {
			t.Errorf("%q reaches the page as it is", s)
		}
	}
}

// What pushes text out of sight, or passes for something else, is shown in every form.
func TestNothingHides(t *testing.T) {
	for _, c := range []struct{ in, shown, read string }{
		{"x" + strings.Repeat(" ", 3000) + "far", `x\x20{3000}far`, `x\x20{3000}far`},
		{"a" + strings.Repeat("\n", 3001) + "b", "… 3000 empty lines", "… 3000 empty lines"},
		{"чеckupgrades", `\u0447\u0435ckupgrades`, `\u0447\u0435ckupgrades`},
		{"Zürich", `Z\u00fcrich`, "Zürich"},
		{"x\ufe0f", `x\ufe0f`, `x\ufe0f`},
	} {
		for _, read := range []bool{false, true} {
			want := c.shown
			if read {
				want = c.read
			}
			d := &document.Document{Sections: []document.Section{{ID: "a", Title: "t", Blocks: []document.Block{document.Code{Text: c.in, Read: read}}}}}
			for form, text := range map[string]string{"HTML": page(t, d), "Markdown": comment(t, d)} {
				if !strings.Contains(text, want) || strings.Contains(text, strings.Repeat(" ", 100)) || strings.Contains(text, strings.Repeat("\n", 20)) {
					t.Errorf("%s, read %t: %.40q is not shown as %q", form, read, c.in, want)
				}
			}
		}
	}
	long := comment(t, &document.Document{Sections: []document.Section{{Title: "t", Blocks: []document.Block{document.Code{Text: strings.Repeat("x", 5000) + "; far"}}}}})
	for line := range strings.Lines(long) {
		if len(line) > 130 {
			t.Errorf("a line of a fence has %d characters", len(line))
		}
	}
}

func TestHostileMarkdown(t *testing.T) {
	want := skeleton(t, render(t, comment(t, everything("word"))))
	for _, s := range hostile {
		md := comment(t, everything(s))
		got := skeleton(t, render(t, md))
		if got != want {
			t.Errorf("%q changes the comment:\n%s", s, firstDifference(want, got))
		}
		if strings.ContainsAny(md, "\x1b\u202e\x00") {
			t.Errorf("%q reaches the comment as it is", s)
		}
	}
	for _, action := range []string{"/merge", "/approve @bob"} {
		for line := range strings.Lines(comment(t, everything(action))) {
			if strings.HasPrefix(strings.TrimSpace(line), "/") && strings.TrimSpace(line) != action { // alone it is a line of a fence, where it means nothing
				t.Errorf("%q is a quick action", line)
			}
		}
		if md := comment(t, &document.Document{Verdict: document.Note{Text: action}}); strings.Contains(md, "\n/") {
			t.Errorf("%s is a quick action:\n%s", action, md)
		}
	}
	for _, mention := range []string{"@everyone", "#123", "://evil.example", "www.evil.example", "!1", "%2"} {
		fold := &document.Document{Sections: []document.Section{{Title: "x", Blocks: []document.Block{document.Fold{Title: "see " + mention}}}}}
		if md := comment(t, fold); strings.Contains(md, mention) {
			t.Errorf("%s in the title of what is folded is a mention:\n%s", mention, md)
		}
		if md := comment(t, &document.Document{Verdict: document.Note{Text: "see " + mention}}); strings.Contains(md, mention) {
			t.Errorf("%s is a mention:\n%s", mention, md)
		}
	}
}

// GitLab takes a line that begins with a slash for an order to it, unless it stands
// between two lines of three backticks. With those of a text it is not to be told what
// stands there; so no line begins with one.
func TestNoLineOfACommentIsAnOrder(t *testing.T) {
	for _, s := range hostile {
		for line := range strings.Lines(comment(t, everything(s))) {
			if strings.HasPrefix(line, "/") {
				t.Errorf("%q makes the line %q", s, line)
			}
		}
	}
}

// However long a text is, and whatever it is made of, the comment is not too long.
func TestAnyCommentFits(t *testing.T) {
	for _, s := range []string{"@", "a", "`", "\U000e0041", "/\n", "```\n", "京"} {
		md := comment(t, everything(strings.Repeat(s, 20_000)))
		if n := utf8.RuneCountInString(md); n > document.MarkdownLimit {
			t.Errorf("%q: %d characters", s, n)
		}
		if !strings.Contains(md, "**Left out**") {
			t.Errorf("%q: what is left out is not said", s)
		}
	}
}

func firstDifference(want, got string) string {
	a, b := strings.Split(want, "\n"), strings.Split(got, "\n")
	for i := range a {
		if i >= len(b) || a[i] != b[i] {
			return fmt.Sprintf("wanted %q, got %q", a[max(0, i-2):min(len(a), i+2)], b[max(0, min(len(b), i-2)):min(len(b), i+3)])
		}
	}
	return "more"
}

// What a text says is still there to be read.
func TestTextSurvives(t *testing.T) {
	for _, s := range []string{"a|b*c_d[e](f)`g`<h>&i", "10% of #1", "user@host: 1. - +", "/etc/hosts at https://host/ and www.host !5 100%"} {
		md := render(t, comment(t, &document.Document{Title: "t", Verdict: document.Note{Text: s}, Sections: []document.Section{{ID: "a", Title: "x", Blocks: []document.Block{
			document.Facts{{Label: "l", Text: s, Exact: true}}, document.Code{Text: s},
		}}}}))
		root, err := html.Parse(strings.NewReader(md))
		if err != nil {
			t.Fatal(err)
		}
		var texts []string
		for n := range root.Descendants() {
			if n.Type == html.ElementNode && slices.Contains([]string{"p", "code"}, n.Data) {
				texts = append(texts, strings.TrimSpace(inner(n)))
			}
		}
		n := 0
		for _, text := range texts {
			if text == s {
				n++
			}
		}
		if n != 3 {
			t.Errorf("%q is there %d times, not 3: %q", s, n, texts)
		}
	}
}

func inner(n *html.Node) string {
	var b strings.Builder
	for c := range n.Descendants() {
		if c.Type == html.TextNode {
			b.WriteString(c.Data)
		}
	}
	return b.String()
}

func page(t *testing.T, d *document.Document) string {
	t.Helper()
	var b bytes.Buffer
	if err := document.HTML(&b, d); err != nil {
		t.Fatal(err)
	}
	return b.String()
}

func comment(t *testing.T, d *document.Document) string {
	t.Helper()
	var b bytes.Buffer
	if err := document.Markdown(&b, d); err != nil {
		t.Fatal(err)
	}
	return b.String()
}

func FuzzHostile(f *testing.F) {
	for _, s := range hostile {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, s string) {
		if strings.TrimSpace(s) == "" {
			return // an empty paragraph is none
		}
		if want := skeleton(t, page(t, everything("word"))); skeleton(t, page(t, everything(s))) != want {
			t.Errorf("%q changes the page", s)
		}
		if want := skeleton(t, render(t, comment(t, everything("word")))); skeleton(t, render(t, comment(t, everything(s)))) != want {
			t.Errorf("%q changes the comment", s)
		}
	})
}
