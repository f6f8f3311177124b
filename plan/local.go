package plan

// Here reports whether an action runs where zup runs, and not on its node.
func (a *Action) Here() bool { return a.Primitive == Local }

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
	for _, p := range a.Proof {
		if len(p.Argv) == 0 || p.Argv[0] == "" || p.Word == "" {
			return "a proof needs a command and a word"
		}
	}
	return ""
}

// isLocal reports whether the action has what only local ones may have.
func (a *Action) isLocal() bool {
	return len(a.Argv) > 0 || len(a.Proof) > 0 || a.Keeps != "" || a.Drops != ""
}
