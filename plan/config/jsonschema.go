package config

import (
	"slices"
	"strings"

	"github.com/zclconf/go-cty/cty"

	"zup/plan/product"
)

// argumentTypes are the types of the house's own arguments. One that has the same name in
// two blocks is of one type.
var argumentTypes = map[string]cty.Type{
	"address": cty.String, "author_may_approve": cty.Bool, "become": cty.String, "condition": cty.String, "create": cty.List(cty.String), "days": cty.List(cty.String),
	"default": cty.DynamicPseudoType, "delete": cty.List(cty.String), "description": cty.String, "duration": cty.String, "error_message": cty.String,
	"from": cty.String, "host_key": cty.String, "http": cty.String, "identity_file": cty.String, "interval": cty.String,
	"jump": cty.List(cty.String), "jump_host_keys": cty.Map(cty.String), "keep_for": cty.String, "level": cty.String, "list": cty.List(cty.String),
	"master": cty.String, "max_interruption": cty.String, "message": cty.String, "nullable": cty.Bool, "offline": cty.String, "port": cty.Number,
	"required": cty.Number, "required_version": cty.String, "restore": cty.List(cty.String), "revoked": cty.String, "secrets": cty.List(cty.String),
	"sensitive": cty.Bool, "sha256": cty.String, "signers": cty.String, "start": cty.String, "tcp": cty.String, "timeout": cty.String,
	"timezone": cty.String, "to": cty.String, "type": cty.String, "user": cty.String, "version": cty.String,
}

// JSONSchema returns the schema of *.zup.json files whose clusters are of these products:
// for editors, which complete names by it and mark what is written wrongly. It refuses
// nothing that Load takes; what an expression comes to it can't know.
func JSONSchema(products []product.Declaration) map[string]any {
	g := bodies{}
	clusters := map[string]any{}
	for i := range products {
		clusters[products[i].Name] = g.blocks("cluster "+products[i].Name, g.cluster(&products[i]), 1)
	}
	root := g.body(rootLayout)
	root["properties"].(map[string]any)["cluster"] = oneOrMany(map[string]any{"type": "object", "properties": clusters, "additionalProperties": false})
	root["$schema"] = "https://json-schema.org/draft/2020-12/schema"
	root["$id"] = "config.schema.json"
	root["$defs"] = map[string]any(g)
	root["title"] = "a *.zup.json file"
	return root
}

// bodies are what blocks may hold, by a name of their own.
type bodies map[string]any

// cluster is the body of a cluster block of a product.
func (g bodies) cluster(d *product.Declaration) map[string]any {
	s := g.body(clusterLayoutOf(d))
	properties := s["properties"].(map[string]any)
	required := []string{"node"}
	if d.Version != nil {
		properties["version"].(map[string]any)["description"] = d.Version.About
		required = append(required, "version")
	}
	for i := range d.Arguments {
		a := &d.Arguments[i]
		of := typeSchema(a.Type)
		if a.Values != nil {
			of = map[string]any{"anyOf": []any{map[string]any{"enum": append(values(a.Values), nil)}, map[string]any{"type": "string", "pattern": `[$%]\{`}}}
		}
		of["description"] = a.About
		if a.Default != cty.NilVal && a.Default.Type().IsPrimitiveType() {
			of["default"] = plain(a.Default)
		}
		properties[a.Name] = of
		if a.Missing != "" {
			required = append(required, a.Name)
		}
	}
	slices.Sort(required)
	s["required"] = required
	s["title"] = d.Title
	return s
}

// body is what a block may hold, but for the cluster blocks of a file.
func (g bodies) body(in *layout) map[string]any {
	properties := map[string]any{"//": map[string]any{"description": "a comment"}}
	for _, a := range in.schema.Attributes {
		properties[a.Name] = typeSchema(argumentTypes[a.Name])
	}
	for _, b := range in.schema.Blocks {
		switch inner := in.inner(b.Type); {
		case inner != nil:
			properties[b.Type] = g.blocks(inner.where, g.body(inner), len(b.LabelNames))
		case in != rootLayout || b.Type != "cluster":
			properties[b.Type] = g.blocks(b.Type, map[string]any{"type": "object"}, 0) // locals have any name
		}
	}
	return map[string]any{"type": "object", "properties": properties, "additionalProperties": false}
}

// blocks are one or many bodies, each below its labels: an object for each, or a list.
func (g bodies) blocks(name string, body map[string]any, labels int) map[string]any {
	name = strings.ReplaceAll(strings.TrimPrefix(strings.TrimPrefix(name, "in a "), "in "), " ", "-")
	g[name] = body
	s := oneOrMany(map[string]any{"$ref": "#/$defs/" + name})
	for range labels {
		s = oneOrMany(map[string]any{"type": "object", "additionalProperties": s})
	}
	return s
}

// inner is the layout of a block inside another; nil: it has none.
func (in *layout) inner(block string) *layout {
	if in == nodeLayout && block == "ssh" {
		return nodeSSHLayout
	}
	return map[string]*layout{
		"zup": zupLayout, "variable": variableLayout, "validation": validationLayout, "secret": secretLayout, "approval": approvalLayout,
		"window": windowLayout, "freeze": freezeLayout, "rule": ruleLayout, "ssh": clusterSSHLayout, "node": nodeLayout,
		"package": packageLayout, "snapshot": snapshotLayout, "probe": probeLayout,
	}[block]
}

func oneOrMany(s map[string]any) map[string]any {
	return map[string]any{"anyOf": []any{s, map[string]any{"type": "array", "items": s}}}
}

// typeSchema is what may stand for a value of a type. A string may be an expression, and
// null is as if nothing was said.
func typeSchema(t cty.Type) map[string]any {
	switch {
	case t == cty.String:
		return map[string]any{"type": []string{"string", "number", "boolean", "null"}}
	case t == cty.Bool:
		return map[string]any{"type": []string{"boolean", "string", "null"}}
	case t == cty.Number:
		return map[string]any{"type": []string{"number", "string", "null"}}
	case t.IsMapType(), t.IsObjectType():
		return map[string]any{"type": []string{"object", "string", "null"}}
	case t.IsListType():
		return map[string]any{"type": []string{"array", "string", "null"}}
	}
	return map[string]any{}
}

func values(all []string) []any {
	out := make([]any, len(all))
	for i, v := range all {
		out[i] = v
	}
	return out
}

// plain is a primitive value as JSON has it.
func plain(v cty.Value) any {
	switch v.Type() {
	case cty.String:
		return v.AsString()
	case cty.Bool:
		return v.True()
	}
	n, _ := v.AsBigFloat().Float64()
	return n
}
