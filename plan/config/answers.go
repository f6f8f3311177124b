package config

import (
	"fmt"
	"io/fs"
	"slices"
	"strings"

	"github.com/hashicorp/hcl/v2"
	"github.com/hashicorp/hcl/v2/hclsyntax"
	"github.com/zclconf/go-cty/cty"
)

// answers answers what expressions ask of the configuration's directory, and counts it.
type answers struct {
	*budget
	dir *directory

	within    *table                          // what templates can call
	templates map[string]hclsyntax.Expression // parsed, by path
}

// text returns the bytes of a file.
func (a *answers) text(name string) ([]byte, error) {
	if err := usablePath(name); err != nil {
		return nil, err
	}
	content, err := a.dir.readFile(name)
	a.takes(workCall*10 + float64(len(content))/textPerStep)
	a.makes(float64(len(content)) * 3) // as it is read, as a text, and in what the function makes of it
	return content, err
}

// exists reports whether there is a regular file.
func (a *answers) exists(name string) (bool, error) {
	if err := usablePath(name); err != nil {
		return false, err
	}
	a.takes(workCall * 10)
	return a.dir.exists(name)
}

// usablePath refuses what is longer than any path: taking it apart takes time.
func usablePath(name string) error {
	if len(name) > maxPath {
		return fmt.Errorf("is longer than a path may be, which is %d bytes", maxPath)
	}
	return nil
}

// maxPath is how long a path and a pattern of paths may be, in bytes.
const maxPath = 4096

// names answers which regular files below a directory fit a pattern by their path from
// there; sorted.
func (a *answers) names(dir, pattern string, patterns [][]string) ([]string, error) {
	q, err := a.dir.ask(Question{About: AskedNames, Path: dir, Pattern: pattern}, func(q *Question) error {
		start, err := a.dir.inside(dir)
		if err != nil {
			return err
		}
		if q.Names, err = a.find(start, patterns); err != nil {
			return err
		}
		slices.Sort(q.Names)
		return nil
	})
	a.takes(workCall * 5)
	for _, name := range q.Names {
		a.makes(float64(len(name)) + bytesEntry)
	}
	return q.Names, err
}

// find lists the regular files below start whose path from there fits one of the
// patterns.
func (a *answers) find(start string, patterns [][]string) ([]string, error) {
	length := 0
	for _, pattern := range patterns {
		for _, part := range pattern {
			length += len(part) + 1
		}
	}
	var found []string
	err := fs.WalkDir(a.dir.root.FS(), start, func(name string, entry fs.DirEntry, err error) error {
		a.takes(workCall * 5)
		if err != nil {
			return cause(err)
		}
		if !entry.Type().IsRegular() {
			return nil
		}
		rel := strings.TrimPrefix(strings.TrimPrefix(name, start), "/")
		parts := strings.Split(rel, "/")
		a.takes(float64(length) * float64(len(parts)))
		for _, pattern := range patterns {
			if matches(pattern, parts) {
				a.makes(float64(len(rel)) + bytesEntry)
				found = append(found, rel)
				break
			}
		}
		return nil
	})
	return found, err
}

// evalTemplate evaluates a file as a template.
func (a *answers) evalTemplate(name string, content []byte, vars map[string]cty.Value) (cty.Value, error) {
	fail := func(diags hcl.Diagnostics) error {
		d := diags[0]
		detail := callDetail(d)
		if strings.Contains(string(content), "sensitive") {
			detail = "The details are withheld, because a sensitive value takes part."
		}
		return messageError(fmt.Sprintf("The template does not work: %s line %d: %s", name, subject(d).Start.Line, detail))
	}
	expr, diags := a.template(name, content)
	if diags.HasErrors() {
		return cty.NilVal, fail(diags)
	}
	for _, ref := range expr.Variables() {
		if _, ok := vars[ref.RootName()]; !ok {
			return cty.NilVal, messageError(fmt.Sprintf("The template %s uses %q in line %d, which it is not handed.", name, ref.RootName(), ref.SourceRange().Start.Line))
		}
	}
	a.call.Store(a.now.Load())
	v, diags := expr.Value(&hcl.EvalContext{Variables: vars, Functions: a.within.functions})
	a.now.Store(a.call.Swap(nil))
	if diags.HasErrors() {
		return cty.NilVal, fail(diags)
	}
	return v, nil
}

// template parses a template, once: functions are called twice, and in loops.
func (a *answers) template(name string, content []byte) (hclsyntax.Expression, hcl.Diagnostics) {
	if t := a.templates[name]; t != nil {
		return t, nil
	}
	size := measure(content, asTemplate)
	if why := size.excess(); why != "" {
		at := hcl.Range{Filename: name, Start: hcl.InitialPos, End: hcl.InitialPos}
		return nil, hcl.Diagnostics{{Severity: hcl.DiagError, Detail: why, Subject: &at}}
	}
	a.parses(size)
	expr, diags := hclsyntax.ParseTemplate(content, name, hcl.InitialPos)
	if diags.HasErrors() {
		return nil, diags
	}
	if a.templates == nil {
		a.templates = map[string]hclsyntax.Expression{}
		a.within = newTable(a, "templatefile")
	}
	in := instrument{budget: a.budget, table: a.within}
	a.templates[name] = in.node(expr, true)
	return a.templates[name], nil
}
