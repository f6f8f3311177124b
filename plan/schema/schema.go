// Package schema makes the JSON Schemas under docs/ from the Go types of the formats
// and their comments, so that neither can say something else than the other. Start
// with New. Only tests use it: they hold the published files against the types.
package schema

import (
	"bytes"
	"encoding/json"
	"fmt"
	"go/ast"
	"go/parser"
	"go/token"
	"os"
	"reflect"
	"slices"
	"strings"
	"time"
)

// Generator makes schemas. Of types of several packages that have one name, the first
// one gets it, and the others have their package before it.
type Generator struct {
	comments map[string]string // "Type" or "Type.Field", also with "package." before it → text
	names    map[reflect.Type]string
	defs     map[string]any
	enums    map[reflect.Type][]any
}

// New returns a Generator that takes descriptions from the comments of Go files.
func New(files ...string) (*Generator, error) {
	g := &Generator{comments: map[string]string{}, names: map[reflect.Type]string{}, defs: map[string]any{}, enums: map[reflect.Type][]any{}}
	for _, file := range files {
		if err := g.read(file); err != nil {
			return nil, err
		}
	}
	return g, nil
}

// Enum says which values a named string type has.
func Enum[T ~string](g *Generator, values ...T) {
	for _, v := range values {
		g.enums[reflect.TypeFor[T]()] = append(g.enums[reflect.TypeFor[T]()], v)
	}
}

// Comment returns what the Go files say of a type, or of "Type.Field".
func (g *Generator) Comment(name string) string { return g.comments[name] }

// Values returns the values that Enum has given a type, or nil.
func (g *Generator) Values(t reflect.Type) []any { return g.enums[t] }

// Root returns the schema of a document of a type. The caller may add to it.
func (g *Generator) Root(t reflect.Type, id, title string) map[string]any {
	root := g.object(t)
	root["$schema"] = "https://json-schema.org/draft/2020-12/schema"
	root["$id"] = id
	root["title"] = title
	root["$defs"] = g.defs
	return root
}

// Hold compares a published schema with what the types say, or with update writes
// it.
func Hold(file string, root map[string]any, update bool) error {
	want, err := json.MarshalIndent(root, "", "  ")
	if err != nil {
		return err
	}
	want = append(want, '\n')
	if update {
		return os.WriteFile(file, want, 0o644)
	}
	if got, err := os.ReadFile(file); err != nil || !bytes.Equal(got, want) {
		return fmt.Errorf("%s is not what the types say (%v); write it with -update", file, err)
	}
	return nil
}

func (g *Generator) of(t reflect.Type) map[string]any {
	if t == reflect.TypeFor[time.Time]() {
		return map[string]any{"type": "string", "format": "date-time"}
	}
	switch t.Kind() {
	case reflect.String:
		s := map[string]any{"type": "string"}
		if values, ok := g.enums[t]; ok {
			s["enum"] = values
		}
		return s
	case reflect.Bool:
		return map[string]any{"type": "boolean"}
	case reflect.Int, reflect.Int64:
		return map[string]any{"type": "integer", "minimum": 0}
	case reflect.Float64:
		return map[string]any{"type": "number", "minimum": 0}
	case reflect.Pointer:
		return g.of(t.Elem())
	case reflect.Slice:
		return map[string]any{"type": "array", "items": g.of(t.Elem())}
	case reflect.Map:
		return map[string]any{"type": "object", "additionalProperties": g.of(t.Elem())}
	case reflect.Struct:
		name, known := g.names[t]
		if !known {
			name = t.Name()
			if g.defs[name] != nil {
				name = t.String()
			}
			g.names[t] = name
			g.defs[name] = true // a type that holds itself would not end
			g.defs[name] = g.object(t)
		}
		return map[string]any{"$ref": "#/$defs/" + name}
	}
	panic("no schema for " + t.String())
}

// comment is what the Go files say of a type, or of a field of it.
func (g *Generator) comment(t reflect.Type, field string) string {
	if text, ok := g.comments[t.String()+field]; ok {
		return text
	}
	return g.comments[t.Name()+field]
}

func (g *Generator) object(t reflect.Type) map[string]any {
	properties := map[string]any{}
	required := []string{}
	g.fields(t, properties, &required)
	slices.Sort(required)
	return map[string]any{
		"type": "object", "description": g.comment(t, ""), "properties": properties,
		"required": required, "additionalProperties": false,
	}
}

// fields adds what a struct and the structs embedded in it have.
func (g *Generator) fields(t reflect.Type, properties map[string]any, required *[]string) {
	for i := range t.NumField() {
		f := t.Field(i)
		if f.Anonymous {
			g.fields(f.Type, properties, required)
			continue
		}
		name, options, _ := strings.Cut(f.Tag.Get("json"), ",")
		s := g.of(f.Type)
		omitted := strings.Contains(options, "omitempty") || strings.Contains(options, "omitzero")
		text := g.comment(t, "."+f.Name)
		if !omitted && (f.Type.Kind() == reflect.Pointer || strings.HasPrefix(text, "nil:")) {
			s = orNull(s)
		}
		if text != "" {
			s["description"] = text
		}
		properties[name] = s
		if !omitted {
			*required = append(*required, name)
		}
	}
}

// orNull lets a value be null as well: a pointer that is there without omitempty, or
// a field whose comment begins with what nil means.
func orNull(s map[string]any) map[string]any {
	return map[string]any{"anyOf": []any{s, map[string]any{"type": "null"}}}
}

// read collects the comments of the types in a file and of their fields.
func (g *Generator) read(file string) error {
	f, err := parser.ParseFile(token.NewFileSet(), file, nil, parser.ParseComments)
	if err != nil {
		return err
	}
	for _, d := range f.Decls {
		decl, ok := d.(*ast.GenDecl)
		if !ok || decl.Tok != token.TYPE {
			continue
		}
		for _, spec := range decl.Specs {
			g.typeSpec(f.Name.Name, decl, spec.(*ast.TypeSpec))
		}
	}
	return nil
}

func (g *Generator) typeSpec(in string, decl *ast.GenDecl, spec *ast.TypeSpec) {
	set := func(name, text string) { g.comments[name], g.comments[in+"."+name] = text, text }
	paragraph, _, _ := strings.Cut(decl.Doc.Text(), "\n\n")
	set(spec.Name.Name, strings.Join(strings.Fields(paragraph), " "))
	st, ok := spec.Type.(*ast.StructType)
	if !ok {
		return
	}
	for _, field := range st.Fields.List {
		for _, name := range field.Names {
			set(spec.Name.Name+"."+name.Name, strings.TrimSpace(field.Comment.Text()))
		}
	}
}
