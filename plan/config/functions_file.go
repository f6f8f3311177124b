package config

import (
	"fmt"
	"io/fs"
	"maps"
	"path"
	"slices"
	"strings"
	"unicode/utf8"

	"github.com/hashicorp/hcl/v2"
	"github.com/hashicorp/hcl/v2/hclsyntax"
	"github.com/zclconf/go-cty/cty"
	"github.com/zclconf/go-cty/cty/function"
)

// ofFile makes a function of a file's bytes.
func ofFile(dir *directory, f func(content []byte) (string, error)) function.Function {
	return computes(cty.String, params("path", cty.String), func(args []cty.Value) (cty.Value, error) {
		content, err := dir.readFile(args[0].AsString())
		if err == errNotRecorded {
			return cty.UnknownVal(cty.String), nil
		}
		if err == nil {
			var s string
			if s, err = f(content); err == nil {
				return cty.StringVal(s), nil
			}
		}
		return cty.NilVal, fileError(args[0].AsString(), err)
	})
}

func fileError(name string, err error) error {
	if err == errMissing {
		return messageError(fmt.Sprintf("There is no file %q. A relative path starts at the configuration's directory.", name))
	}
	return messageError(fmt.Sprintf("%q %s.", name, err))
}

func fileFunc(dir *directory) function.Function { return ofFile(dir, asText) }

func asText(content []byte) (string, error) {
	if !utf8.Valid(content) {
		return "", fmt.Errorf("is not a text in UTF-8; filebase64 reads any file")
	}
	return string(content), nil
}

func fileBase64Func(dir *directory) function.Function {
	return ofFile(dir, func(content []byte) (string, error) { return inBase64(content), nil })
}

func fileHashFunc(sum func([]byte) []byte, encode func([]byte) string) func(*directory) function.Function {
	return func(dir *directory) function.Function {
		return ofFile(dir, func(content []byte) (string, error) { return encode(sum(content)), nil })
	}
}

func fileExistsFunc(dir *directory) function.Function {
	return computes(cty.Bool, params("path", cty.String), func(args []cty.Value) (cty.Value, error) {
		ok, err := dir.exists(args[0].AsString())
		if err == errNotRecorded {
			return cty.UnknownVal(cty.Bool), nil
		}
		if err != nil {
			return cty.NilVal, fileError(args[0].AsString(), err)
		}
		return cty.BoolVal(ok), nil
	})
}

// fileSetFunc returns paths relative to the directory that it is asked about.
// Links to directories are not followed.
func fileSetFunc(dir *directory) function.Function {
	p := params("path", cty.String, "pattern", cty.String)
	return computes(cty.Set(cty.String), p, func(args []cty.Value) (cty.Value, error) {
		patterns, err := globs(args[1].AsString())
		if err != nil {
			return cty.NilVal, function.NewArgError(1, err)
		}
		names, err := dir.names(args[0].AsString(), args[1].AsString(), patterns)
		if err == errNotRecorded {
			return cty.UnknownVal(cty.Set(cty.String)), nil
		}
		if err != nil {
			return cty.NilVal, fileError(args[0].AsString(), err)
		}
		found := make([]cty.Value, len(names))
		for i, name := range names {
			found[i] = cty.StringVal(name)
		}
		if len(found) == 0 {
			return cty.SetValEmpty(cty.String), nil
		}
		return cty.SetVal(found), nil
	})
}

// names answers which regular files below a directory fit a pattern by their path from
// there; sorted.
func (d *directory) names(dir, pattern string, patterns [][]string) ([]string, error) {
	q, err := d.ask(Question{About: AskedNames, Path: dir, Pattern: pattern}, func(q *Question) error {
		start, err := d.inside(dir)
		if err != nil {
			return err
		}
		if q.Names, err = d.find(start, patterns); err != nil {
			return err
		}
		slices.Sort(q.Names)
		d.noteListed(start, pattern, patterns, q.Names)
		return nil
	})
	return q.Names, err
}

// find lists the regular files below start whose path from there fits one of the
// patterns.
func (d *directory) find(start string, patterns [][]string) ([]string, error) {
	var found []string
	err := fs.WalkDir(d.root.FS(), start, func(name string, entry fs.DirEntry, err error) error {
		if err != nil {
			return cause(err)
		}
		if !entry.Type().IsRegular() {
			return nil
		}
		rel := strings.TrimPrefix(strings.TrimPrefix(name, start), "/")
		for _, pattern := range patterns {
			if matches(pattern, strings.Split(rel, "/")) {
				found = append(found, rel)
				break
			}
		}
		return nil
	})
	return found, err
}

// globs splits a pattern into the parts of a path, once for every way to choose
// from its {a,b}.
func globs(pattern string) ([][]string, error) {
	const most = 1000
	var out [][]string
	for pending := []string{pattern}; len(pending) > 0; {
		p := pending[0]
		pending = pending[1:]
		head, alternatives, tail, ok := cutBraces(p)
		if !ok {
			parts := strings.Split(path.Clean(p), "/")
			for _, part := range parts {
				if _, err := path.Match(part, ""); err != nil {
					return nil, fmt.Errorf("the pattern can't be read")
				}
			}
			out = append(out, parts)
			continue
		}
		for _, a := range alternatives {
			pending = append(pending, head+a+tail)
		}
		if len(pending)+len(out) > most {
			return nil, fmt.Errorf("the pattern has more than %d alternatives", most)
		}
	}
	return out, nil
}

// cutBraces cuts a pattern around its first innermost pair of braces.
func cutBraces(p string) (head string, alternatives []string, tail string, ok bool) {
	end := strings.IndexByte(p, '}')
	if end < 0 {
		return p, nil, "", false
	}
	start := strings.LastIndexByte(p[:end], '{')
	if start < 0 {
		return p, nil, "", false
	}
	return p[:start], strings.Split(p[start+1:end], ","), p[end+1:], true
}

// matches reports whether a path fits a pattern, part by part; ** stands for any
// number of directories.
func matches(pattern, parts []string) bool {
	switch {
	case len(pattern) == 0:
		return len(parts) == 0
	case pattern[0] == "**":
		for i := range len(parts) + 1 {
			if matches(pattern[1:], parts[i:]) {
				return true
			}
		}
		return false
	case len(parts) == 0:
		return false
	}
	ok, err := path.Match(pattern[0], parts[0])
	return err == nil && ok && matches(pattern[1:], parts[1:])
}

// templateFileFunc evaluates a file as a template. It sees the values that it is
// handed and nothing else, and can't evaluate another template.
func templateFileFunc(dir *directory) function.Function {
	p := params("path", cty.String, "vars", cty.DynamicPseudoType)
	return yields(p, nil, func(args []cty.Value) (cty.Value, error) {
		name := args[0].AsString()
		content, err := dir.readFile(name)
		if err == errNotRecorded {
			return cty.DynamicVal, nil
		}
		if err == nil {
			_, err = asText(content)
		}
		if err != nil {
			return cty.NilVal, fileError(name, err)
		}
		if t := args[1].Type(); !t.IsObjectType() && !t.IsMapType() {
			return cty.NilVal, function.NewArgErrorf(1, "a map or an object is required")
		}
		if tooDeep(content, false) {
			return cty.NilVal, messageError(fmt.Sprintf("%q is nested too deep.", name))
		}
		if strings.Contains(string(content), "sensitive") {
			dir.withhold(dir.current)
		}
		return evalTemplate(dir, name, content, args[1].AsValueMap())
	})
}

func evalTemplate(dir *directory, name string, content []byte, vars map[string]cty.Value) (cty.Value, error) {
	fail := func(diags hcl.Diagnostics) error {
		d := diags[0]
		detail := callDetail(d)
		if strings.Contains(string(content), "sensitive") {
			detail = "The details are withheld, because a sensitive value takes part."
		}
		return messageError(fmt.Sprintf("The template does not work: %s line %d: %s", name, subject(d).Start.Line, detail))
	}
	expr, diags := hclsyntax.ParseTemplate(content, name, hcl.InitialPos)
	if diags.HasErrors() {
		return cty.NilVal, fail(diags)
	}
	for _, ref := range expr.Variables() {
		if _, ok := vars[ref.RootName()]; !ok {
			return cty.NilVal, messageError(fmt.Sprintf("The template %s uses %q in line %d, which it is not handed.", name, ref.RootName(), ref.SourceRange().Start.Line))
		}
	}
	functions := maps.Clone(dir.functions)
	delete(functions, "templatefile")
	v, diags := expr.Value(&hcl.EvalContext{Variables: vars, Functions: functions})
	if diags.HasErrors() {
		return cty.NilVal, fail(diags)
	}
	return v, nil
}
