package plan

import (
	"maps"
	"slices"
	"strings"

	"zup/plan/name"
)

// Named lists what in a command may be the name of a file: its program, and each
// argument or the part of one behind a "=". A program without a slash is looked for in
// PATH, and is not a file of any folder.
func Named(argv []string) []string {
	var names []string
	for i, arg := range argv {
		if i == 0 && !strings.Contains(arg, "/") {
			continue
		}
		names = append(names, arg)
		if _, value, ok := strings.Cut(arg, "="); ok && value != "" {
			names = append(names, value)
		}
	}
	return names
}

// cover writes down of every local action which files its commands name.
func (p *Plan) cover(found []CommandFile) {
	byPath := make(map[string]CommandFile, len(found))
	for _, f := range found {
		byPath[f.Path] = f
	}
	for i := range p.Actions {
		if a := &p.Actions[i]; a.Primitive == Local {
			a.cover(byPath)
		}
	}
}

func (a *Action) cover(found map[string]CommandFile) {
	add := func(f CommandFile) {
		if !slices.Contains(a.Files, f) {
			a.Files = append(a.Files, f)
		}
	}
	for _, argv := range a.commands() {
		if !strings.Contains(argv[0], "/") {
			add(CommandFile{Path: argv[0], Uncovered: "a program of the machine that applies"})
		}
		for _, name := range Named(argv) {
			if f, ok := found[name]; ok {
				add(f)
			}
		}
	}
	slices.SortFunc(a.Files, func(x, y CommandFile) int { return strings.Compare(x.Path, y.Path) })
}

// commands are all that a local action runs.
func (a *Action) commands() [][]string {
	var all [][]string
	if len(a.Argv) > 0 {
		all = append(all, a.Argv)
	}
	for _, p := range a.Proof {
		all = append(all, p.Argv)
	}
	return all
}

// Here reports whether an action runs where zup runs, and not on its node.
func (a *Action) Here() bool { return a.Primitive == Local }

// Secrets returns the names of all secrets that commands of the plan get, sorted.
func (p *Plan) Secrets() []string {
	names := map[string]bool{}
	for i := range p.Actions {
		for _, name := range p.Actions[i].Secrets {
			names[name] = true
		}
	}
	return slices.Sorted(maps.Keys(names))
}

// localShape says what is wrong with a local action, or "".
func (a *Action) localShape() string {
	switch {
	case a.Node == "":
		return "a local action is for a node"
	case len(a.Argv) == 0 && len(a.Proof) == 0:
		return "a local action needs a command or a proof"
	case len(a.Argv) > 0 && a.Argv[0] == "":
		return "the command has no program"
	case len(a.Argv) == 0 && (len(a.Check) > 0 || a.Keeps != "" || a.Drops != ""):
		return "a local action without a command changes nothing"
	case a.Script != "" || a.Undo != "" || a.Detached || len(a.Until) > 0 || len(a.Prompts) > 0 || len(a.Forbid)+len(a.Judged) > 0:
		return "a local action runs a command where zup runs, and nothing on a node"
	}
	for i, secret := range a.Secrets {
		if !name.Secret(secret) || i > 0 && a.Secrets[i-1] >= secret {
			return "secrets are named in order, each once"
		}
	}
	for _, p := range a.Proof {
		if len(p.Argv) == 0 || p.Argv[0] == "" || p.Word == "" {
			return "a proof needs a command and a word"
		}
	}
	for _, f := range a.Files {
		if (f.SHA256 == "") == (f.Uncovered == "") || f.SHA256 != "" && !name.Digest(f.SHA256) {
			return "a file that a command names has a digest, or a reason why it has none"
		}
	}
	return ""
}

// isLocal reports whether the action has what only local ones may have.
func (a *Action) isLocal() bool {
	return len(a.Argv) > 0 || len(a.Proof) > 0 || len(a.Files) > 0 || len(a.Secrets) > 0 || a.Keeps != "" || a.Drops != ""
}
