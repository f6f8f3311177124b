package plan

import (
	"maps"
	"slices"

	"zup/plan/config"
)

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
	case a.Script != "" || a.Undo != "" || a.Detached || len(a.Until) > 0 || len(a.Prompts) > 0 || len(a.Forbid) > 0:
		return "a local action runs a command where zup runs, and nothing on a node"
	}
	for i, name := range a.Secrets {
		if !config.IsSecretName(name) || i > 0 && a.Secrets[i-1] >= name {
			return "secrets are named in order, each once"
		}
	}
	for _, p := range a.Proof {
		if len(p.Argv) == 0 || p.Argv[0] == "" || p.Word == "" {
			return "a proof needs a command and a word"
		}
	}
	return ""
}

// isLocal reports whether the action has what only local ones may have.
func (a *Action) isLocal() bool {
	return len(a.Argv) > 0 || len(a.Proof) > 0 || len(a.Secrets) > 0 || a.Keeps != "" || a.Drops != ""
}
