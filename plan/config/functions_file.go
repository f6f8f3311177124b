package config

import (
	"fmt"
	"path"
	"strings"
	"unicode/utf8"

	"github.com/zclconf/go-cty/cty"
	"github.com/zclconf/go-cty/cty/function"
)

// ofFile makes a function of a file's bytes.
func ofFile(ask *answers, f func(content []byte) (string, error)) function.Function {
	return computes(cty.String, params("path", cty.String), func(args []cty.Value) (cty.Value, error) {
		content, err := ask.text(args[0].AsString())
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

func fileFunc(ask *answers) function.Function { return ofFile(ask, asText) }

func asText(content []byte) (string, error) {
	if !utf8.Valid(content) {
		return "", fmt.Errorf("is not a text in UTF-8; filebase64 reads any file")
	}
	return string(content), nil
}

func fileBase64Func(ask *answers) function.Function {
	return ofFile(ask, func(content []byte) (string, error) { return inBase64(content), nil })
}

func fileHashFunc(sum func([]byte) []byte, encode func([]byte) string) func(*answers) function.Function {
	return func(ask *answers) function.Function {
		return ofFile(ask, func(content []byte) (string, error) { return encode(sum(content)), nil })
	}
}

func fileExistsFunc(ask *answers) function.Function {
	return computes(cty.Bool, params("path", cty.String), func(args []cty.Value) (cty.Value, error) {
		ok, err := ask.exists(args[0].AsString())
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
func fileSetFunc(ask *answers) function.Function {
	p := params("path", cty.String, "pattern", cty.String)
	return computes(cty.Set(cty.String), p, func(args []cty.Value) (cty.Value, error) {
		patterns, err := globs(args[1].AsString())
		if err != nil {
			return cty.NilVal, function.NewArgError(1, err)
		}
		found, err := ask.names(args[0].AsString(), args[1].AsString(), patterns)
		if err == errNotRecorded {
			return cty.UnknownVal(cty.Set(cty.String)), nil
		}
		if err != nil {
			return cty.NilVal, fileError(args[0].AsString(), err)
		}
		if len(found) == 0 {
			return cty.SetValEmpty(cty.String), nil
		}
		all := make([]cty.Value, len(found))
		for i, name := range found {
			all[i] = cty.StringVal(name)
		}
		ask.fillsSet(cty.TupleVal(all))
		return cty.SetVal(all), nil
	})
}

// globs splits a pattern into the parts of a path, once for every way to choose
// from its {a,b}.
func globs(pattern string) ([][]string, error) {
	const most = 1000
	if len(pattern) > maxPath {
		return nil, fmt.Errorf("the pattern is longer than %d bytes", maxPath)
	}
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
// number of directories. What a ** stands for grows only when the rest does not fit, and
// only that of the last one has to: an earlier one could not do better.
func matches(pattern, parts []string) bool {
	p, at := 0, 0
	star, behind := -1, 0 // the last **, and where what it stands for ends
	for at < len(parts) {
		if p < len(pattern) && pattern[p] == "**" {
			star, behind = p, at
			p++
			continue
		}
		if p < len(pattern) {
			if ok, err := path.Match(pattern[p], parts[at]); err == nil && ok {
				p++
				at++
				continue
			}
		}
		if star < 0 {
			return false
		}
		behind++
		p, at = star+1, behind
	}
	for p < len(pattern) && pattern[p] == "**" {
		p++
	}
	return p == len(pattern)
}

// templateFileFunc evaluates a file as a template. It sees the values that it is
// handed and nothing else, and can't evaluate another template.
func templateFileFunc(ask *answers) function.Function {
	p := params("path", cty.String, "vars", cty.DynamicPseudoType)
	return yields(p, nil, func(args []cty.Value) (cty.Value, error) {
		name := args[0].AsString()
		content, err := ask.text(name)
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
		if strings.Contains(string(content), "sensitive") {
			ask.dir.withhold(ask.dir.current)
		}
		return ask.evalTemplate(name, content, args[1].AsValueMap())
	})
}
