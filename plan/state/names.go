package state

import (
	"fmt"
	"maps"
	"slices"

	"zup/plan/name"
)

// misnamed says which name of the state is not one that zup would give, or "". Names
// from here become folders, jobs on nodes and words of the commands that restore and
// delete snapshots.
func (s *State) misnamed() string {
	for _, a := range s.Applied {
		if !name.Run(a.Run) {
			return isNot(a.Run, "a run")
		}
	}
	for _, called := range slices.Sorted(maps.Keys(s.Clusters)) {
		if !name.Cluster(called) {
			return isNot(called, "a cluster")
		}
		if problem := s.Clusters[called].Misnamed(); problem != "" {
			return fmt.Sprintf("in cluster %q, %s", called, problem)
		}
	}
	return ""
}

// Misnamed says which name of what is known of a cluster is not one that zup would give,
// or "".
func (c *Cluster) Misnamed() string {
	switch {
	case c.Run != "" && !name.Run(c.Run):
		return isNot(c.Run, "a run")
	case c.Version != "" && !name.Release(c.Version):
		return isNot(c.Version, "a version")
	case c.Master != "" && !name.Node(c.Master):
		return isNot(c.Master, "a node")
	}
	for _, o := range c.Open {
		switch {
		case !name.Change(o.Name):
			return isNot(o.Name, "a temporary change")
		case o.Action != "" && !name.Action(o.Action):
			return isNot(o.Action, "an action")
		case o.Run != "" && !name.Run(o.Run):
			return isNot(o.Run, "a run")
		}
	}
	for _, s := range c.Snapshots {
		switch {
		case !name.Snapshot(s.Name):
			return isNot(s.Name, "a snapshot")
		case !name.Node(s.Node):
			return isNot(s.Node, "a node")
		case s.Version != "" && !name.Version(s.Version):
			return isNot(s.Version, "a version")
		case s.Run != "" && !name.Run(s.Run):
			return isNot(s.Run, "a run")
		}
	}
	for _, fact := range slices.Sorted(maps.Keys(c.Recorded)) {
		if !name.NodeFact(fact) {
			return isNot(fact, "a fact of a node")
		}
	}
	return ""
}

func isNot(s, what string) string { return fmt.Sprintf("%q is not the name of %s", s, what) }

// misnamed says which name of a journal's line is not one that zup would give, or "".
func (e *Entry) misnamed() string {
	if e.Action != "" && !name.Action(e.Action) {
		return isNot(e.Action, "an action")
	}
	for file := range e.Files {
		if !name.RunFile(file) {
			return isNot(file, "a file of a run")
		}
	}
	for fact := range e.Recorded {
		if !name.NodeFact(fact) {
			return isNot(fact, "a fact of a node")
		}
	}
	return ""
}
