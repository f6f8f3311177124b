package document

import (
	"bytes"
	"crypto/sha256"
	_ "embed"
	"encoding/base64"
	"fmt"
	"html/template"
	"io"
	"slices"
	"sync"

	"zup/plan/escape"
	"zup/plan/picture"
)

//go:embed page.html
var pageText string

//go:embed page.css
var pageStyle string

var style = picture.Palette + picture.Style + pageStyle

// policy lets the page use its own stylesheet and nothing else: no script, no
// image, no connection, no frame, no form.
func policy() string {
	sum := sha256.Sum256([]byte(style))
	return "default-src 'none'; style-src 'sha256-" + base64.StdEncoding.EncodeToString(sum[:]) + "'; base-uri 'none'; form-action 'none'"
}

// page is read when it is first needed: every start of zup would wait for it.
var page = sync.OnceValue(func() *template.Template {
	return template.Must(template.New("page.html").Funcs(template.FuncMap{
		"line":     escape.Line,
		"name":     escape.Name,
		"code":     code,
		"svg":      func(s string) template.HTML { return template.HTML(s) },
		"number":   func(numbers []int, column int) bool { return slices.Contains(numbers, column) },
		"add":      func(a, b int) int { return a + b },
		"sections": outline,
	}).Parse(pageText))
})

// HTML writes the document as one page that needs nothing besides itself.
func HTML(w io.Writer, d *Document) error {
	var b bytes.Buffer
	err := page().Execute(&b, struct {
		*Document
		Policy string
		Style  template.CSS
	}{d, policy(), template.CSS(style)})
	if err != nil {
		return fmt.Errorf("write page: %w", err)
	}
	_, err = w.Write(b.Bytes())
	return err
}

// code is the text of a block whose every character counts.
func code(c Code) string {
	if c.Read {
		return escape.Text(c.Text)
	}
	return escape.Code(c.Text)
}

// entry is a line of the table of contents.
type entry struct{ ID, Title string }

// outline is what the page has.
func outline(d *Document) []entry {
	var all []entry
	for _, s := range d.Sections {
		all = append(all, entry{s.ID, s.Title})
	}
	return all
}
