package main

import (
	"bytes"
	"cmp"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"
)

// module is one that the binary contains.
type module struct {
	Path, Version, Dir string

	license string // its name
	text    string // of all its licence files
}

// allowed are the licences that a module may have, with a phrase of their own each.
var allowed = []struct{ name, phrase string }{
	{"Unicode-3.0", "UNICODE LICENSE V3"},
	{"MPL-2.0", "Mozilla Public License, version 2.0"},
	{"MPL-2.0", "Mozilla Public License Version 2.0"},
	{"Apache-2.0", "Apache License"},
	{"ISC", "Permission to use, copy, modify, and/or distribute this software"},
	{"ISC", "Permission to use, copy, modify, and distribute this software"},
	{"MIT", "Permission is hereby granted, free of charge"},
	{"BSD-3-Clause", "Neither the name"},
	{"BSD-2-Clause", "Redistribution and use in source and binary forms"},
}

var isLicense = regexp.MustCompile(`(?i)^(licen[sc]e|copying|notice|patents)([-.](md|txt|mit|apache|libyaml))?$`)

// contained lists the data and the modules whose packages are linked into the binary, on any system
// that it is built for.
func contained(t *testing.T) []module {
	t.Helper()
	found := map[string]module{}
	for _, system := range []string{"linux", "darwin"} {
		cmd := exec.Command("go", "list", "-deps", "-json=Module", ".")
		cmd.Env = append(os.Environ(), "GOOS="+system, "CGO_ENABLED=0")
		out, err := cmd.Output()
		if err != nil {
			t.Fatal(err)
		}
		for dec := json.NewDecoder(bytes.NewReader(out)); ; {
			var p struct {
				Module *struct {
					module
					Main bool
				}
			}
			if err := dec.Decode(&p); errors.Is(err, io.EOF) {
				break
			} else if err != nil {
				t.Fatal(err)
			}
			if p.Module != nil && !p.Module.Main {
				found[p.Module.Path] = p.Module.module
			}
		}
	}
	// Of Go itself the version is left out: it is that of whoever builds.
	root, err := exec.Command("go", "env", "GOROOT").Output()
	if err != nil {
		t.Fatal(err)
	}
	all := []module{{Path: "Go's standard library", Dir: strings.TrimSpace(string(root))}}
	for _, m := range found {
		all = append(all, m)
	}
	slices.SortFunc(all, func(a, b module) int { return cmp.Compare(a.Path, b.Path) })
	all = append(all, module{Path: "Unicode's data on look-alike characters", Version: "15.0.0", Dir: "../../plan/escape/unicode"})
	for i := range all {
		all[i].read(t)
	}
	return all
}

func (m *module) read(t *testing.T) {
	t.Helper()
	entries, err := os.ReadDir(m.Dir)
	if err != nil {
		t.Fatal(err)
	}
	var names []string
	for _, e := range entries {
		if !isLicense.MatchString(e.Name()) || e.IsDir() {
			continue
		}
		text, err := os.ReadFile(filepath.Join(m.Dir, e.Name()))
		if err != nil {
			t.Fatal(err)
		}
		m.text += strings.TrimRight(strings.ReplaceAll(string(text), "\r\n", "\n"), "\n ") + "\n\n"
		words := strings.Join(strings.Fields(string(text)), " ")
		for _, l := range allowed {
			ours := names != nil && names[0] == "Unicode-3.0" // whose words are those of MIT
			bsd := ours || strings.HasPrefix(l.name, "BSD") && slices.ContainsFunc(names, func(n string) bool { return strings.HasPrefix(n, "BSD") })
			if strings.Contains(words, l.phrase) && !bsd && !slices.Contains(names, l.name) {
				names = append(names, l.name)
			}
		}
	}
	m.license = strings.Join(names, " and ")
	if m.license == "" {
		t.Errorf("%s %s: it has no licence that is allowed", m.Path, m.Version)
	}
}

// page writes the list, and each text once.
func page(all []module) []byte {
	var b bytes.Buffer
	b.WriteString("zup is licensed under Apache-2.0. Its binary contains these modules of others:\n\n")
	for _, m := range all {
		fmt.Fprintln(&b, strings.TrimRight(fmt.Sprintf("%-45s %-40s %s", m.Path, m.Version, m.license), " "))
	}
	var texts []string
	users := map[string][]string{}
	for _, m := range all {
		if users[m.text] == nil {
			texts = append(texts, m.text)
		}
		users[m.text] = append(users[m.text], m.Path)
	}
	for _, text := range texts {
		fmt.Fprintf(&b, "\n%s\n%s\n\n%s", strings.Repeat("=", 78), strings.Join(users[text], "\n"), text)
	}
	return append(bytes.TrimRight(b.Bytes(), "\n"), '\n')
}

// What the binary contains stands in licenses.txt with its licence, and docs/licenses.md
// has the same list. A module that is added, updated or has another licence fails here.
func TestLicensesOfWhatTheBinaryContains(t *testing.T) {
	all := contained(t)
	want := page(all)
	if *updateScripts {
		if err := os.WriteFile("licenses.txt", want, 0o644); err != nil {
			t.Fatal(err)
		}
	} else if string(want) != licenses {
		t.Error("licenses.txt is not what go.mod says; go test ./cmd/zup -run Licenses -update writes it anew")
	}
	doc, err := os.ReadFile("../../docs/licenses.md")
	if err != nil {
		t.Fatal(err)
	}
	var rows strings.Builder
	for _, m := range all {
		fmt.Fprintf(&rows, "| %s | %s | %s |\n", m.Path, m.Version, m.license)
	}
	head, _, _ := strings.Cut(string(doc), "|---|---|---|\n")
	if text := head + "|---|---|---|\n" + rows.String(); *updateScripts {
		if err := os.WriteFile("../../docs/licenses.md", []byte(text), 0o644); err != nil {
			t.Fatal(err)
		}
	} else if string(doc) != text {
		t.Error("docs/licenses.md is not what go.mod says; go test ./cmd/zup -run Licenses -update writes it anew")
	}
}
