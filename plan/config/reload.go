package config

import (
	"cmp"
	"fmt"
	"slices"

	"github.com/zclconf/go-cty/cty"
	ctyjson "github.com/zclconf/go-cty/cty/json"

	"github.com/hashicorp/hcl/v2"
)

// Value is the final value of a variable.
type Value struct {
	Name  string `json:"name"`
	Type  string `json:"type"`  // as cty writes types in JSON: "string", ["list","number"]
	Value string `json:"value"` // in JSON, of that type
}

// Record is what a configuration rests on besides the text of its files.
type Record struct {
	Asked        []Question
	Nonsensitive []Value // see Config.Nonsensitive
	Values       []Value
	VarFiles     []VarFile
}

// Reload reads a configuration again from the text of its files, as Load has given it
// in Config.Files, and from what Load has recorded. It reads nothing else: no directory,
// no environment, no file. Of opts it looks at Plan, Products and Version.
//
// What depends on something that is not in the record, because it was sensitive, is
// unknown: it is left out, and Config.Unknown says where. Digests of files are taken
// over, since the texts have placeholders. Config is nil exactly if there is an error.
func Reload(files []File, with Record, opts Options) (*Config, *Diagnostics) {
	l := newLoader(Options{Plan: opts.Plan, Products: opts.Products, Version: opts.Version})
	l.replayed = &replayed{files: files, values: with.Values, unknown: map[string]bool{}}
	l.dir = &directory{read: map[string]bool{}}
	l.dir.replay(with.Asked)
	l.dir.text, l.dir.names = l.textOf, callNames{}
	l.dir.recorded = make(map[string]Value, len(with.Nonsensitive))
	for _, v := range with.Nonsensitive {
		l.dir.recorded[v.Name] = v
	}
	cfg, diags := l.watched(l.read)
	if cfg == nil {
		return nil, diags
	}
	cfg.Files, cfg.VarFiles, cfg.Asked, cfg.Nonsensitive, cfg.Values = files, with.VarFiles, with.Asked, with.Nonsensitive, with.Values
	cfg.Unknown = sortedKeys(l.replayed.unknown)
	return cfg, diags
}

// replayed is what a loader has that reads no directory.
type replayed struct {
	files   []File
	values  []Value
	unknown map[string]bool // places of what depends on something that is not recorded
}

// text returns a configuration file's text.
func (r *replayed) text(path string) ([]byte, error) {
	for _, f := range r.files {
		if f.Path == path {
			return []byte(f.Text), nil
		}
	}
	return nil, errMissing
}

// assign gives every variable the value that it had. A sensitive one is unknown.
func (r *replayed) assign(l *loader) {
	byName := map[string]Value{}
	for _, v := range r.values {
		byName[v.Name] = v
	}
	for _, v := range l.declared {
		v.value = cty.UnknownVal(v.wanted)
		if v.sensitive {
			v.value = v.value.Mark(sensitive)
			continue
		}
		recorded, ok := byName[v.name]
		if !ok {
			continue
		}
		value, err := recorded.decode()
		if err == nil {
			value, err = v.convert(l.budget, value)
		}
		if err != nil {
			l.errorf(&v.header, fmt.Sprintf("the recorded value of variable %q can't be read", v.name), "%s", sentence(err.Error()))
			continue
		}
		v.value = value
	}
}

func (v *Value) decode() (cty.Value, error) {
	t, err := ctyjson.UnmarshalType([]byte(v.Type))
	if err != nil {
		return cty.NilVal, err
	}
	return ctyjson.Unmarshal([]byte(v.Value), t)
}

// encodeValue is not ok for what JSON has no form for, which no argument can be either.
func encodeValue(name string, v cty.Value) (Value, bool) {
	if v.ContainsMarked() || !v.IsWhollyKnown() {
		return Value{}, false
	}
	t, err := ctyjson.MarshalType(v.Type())
	if err != nil {
		return Value{}, false
	}
	text, err := ctyjson.Marshal(v, v.Type())
	return Value{Name: name, Type: string(t), Value: string(text)}, err == nil
}

// finalValues are those of the variables that are not sensitive, by name.
func (l *loader) finalValues() []Value {
	var all []Value
	for _, v := range l.declared {
		if v.sensitive {
			continue
		}
		if one, ok := encodeValue(v.name, v.value); ok {
			all = append(all, one)
		}
	}
	slices.SortFunc(all, func(a, b Value) int { return cmp.Compare(a.Name, b.Name) })
	return all
}

// textOf is the text at a place, as it may be shown. It must be called after settle.
func (l *loader) textOf(r hcl.Range) string {
	src := (*l.settled.Load())[r.Filename]
	if src == nil {
		return ""
	}
	return src.shown(src.clamp(r))
}

// noteUnknown keeps where something is unknown that is a part of the configuration.
func (l *loader) noteUnknown(expr hcl.Expression) {
	if l.replayed == nil || !l.inBlocks {
		return
	}
	l.replayed.unknown[lineOf(expr.Range())] = true
}
