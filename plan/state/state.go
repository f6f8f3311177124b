// Package state keeps what zup knows from last time: the state file with its
// lock, and the journal of a run.
//
// Start with Open, which takes the lock and reads the file; Store.Update is the
// only way to change it. A state file is a help, not a truth: what nodes say
// wins, and what zup put on a node is recognised there without it.
package state

import (
	"maps"
	"slices"
	"time"
)

// FormatVersion is the version of the state file that this zup writes and the
// only one that it reads.
const FormatVersion = 1

// State is one state file.
type State struct {
	Applied       []Applied           `json:"applied"`        // every plan that was begun, oldest first
	Clusters      map[string]*Cluster `json:"clusters"`       // by name
	FormatVersion int                 `json:"format_version"` //
	Lineage       string              `json:"lineage"`        // made once, with the file
	Serial        int64               `json:"serial"`         // grows with every write
	ZupVersion    string              `json:"zup_version"`    // that wrote it
}

// Applied is one plan that was carried out, in whole or in part.
type Applied struct {
	Outcome string    `json:"outcome"` // OutcomeRunning until the run ends; a killed run stays there
	PlanID  string    `json:"plan_id"` //
	Run     string    `json:"run"`     // run ID: its folder below .zup/runs
	Started time.Time `json:"started"` //
}

// Outcomes of a run or of one cluster in it.
const (
	OutcomeRunning  = "running"  // not ended, or cut off
	OutcomeDone     = "done"     // everything carried out and verified
	OutcomeStopped  = "stopped"  // ended part-way
	OutcomeUnproven = "unproven" // everything carried out, but the final verification failed
)

// Cluster is what is known about one cluster.
type Cluster struct {
	Master   string            `json:"master,omitempty"`   // who shall be MASTER at the end of the unfinished run
	Open     []Change          `json:"open"`               // temporary changes, oldest first
	Outcome  string            `json:"outcome"`            // of the last run
	PlanID   string            `json:"plan_id"`            // of the last run
	Recorded map[string]string `json:"recorded,omitempty"` // "node/fact" → value, of the unfinished run
	Run      string            `json:"run"`                // the last run

	Snapshots []Snapshot `json:"snapshots,omitempty"` // that exist or may exist, oldest first

	Version string `json:"version"` // last verified on every node; empty: never
}

// Change is a temporary change: something that zup has put on a node, or is
// about to, and has not yet proven gone.
type Change struct {
	Action string    `json:"action"`           // that opened it
	Before string    `json:"before,omitempty"` // the fact that says how it was, "fact=value"; a file's bytes are in base64
	Name   string    `json:"name"`             // node/name
	Run    string    `json:"run"`
	Since  time.Time `json:"since"`
}

// Snapshot is a snapshot of a node that zup has had taken.
type Snapshot struct {
	Begun   bool      `json:"begun,omitempty"` // nobody has proven it: it may be there
	Name    string    `json:"name"`
	Node    string    `json:"node"`
	Run     string    `json:"run"`   // that took it
	Taken   time.Time `json:"taken"` // when it was proven, or begun
	Version string    `json:"version"`
}

// Cluster returns what is known about the cluster of that name; a zero Cluster
// if nothing is. The result is a copy.
func (s *State) Cluster(name string) Cluster {
	if s == nil || s.Clusters[name] == nil {
		return Cluster{}
	}
	c := *s.Clusters[name]
	c.Open = slices.Clone(c.Open)
	c.Recorded = maps.Clone(c.Recorded)
	c.Snapshots = slices.Clone(c.Snapshots)
	return c
}

// Unfinished reports whether the last run of the cluster did not end well.
func (c *Cluster) Unfinished() bool {
	return c.Outcome == OutcomeRunning || c.Outcome == OutcomeStopped || c.Outcome == OutcomeUnproven
}

// IsOpen reports whether a temporary change is recorded as open.
func (c *Cluster) IsOpen(name string) bool {
	return slices.ContainsFunc(c.Open, func(o Change) bool { return o.Name == name })
}

// WasApplied returns the run in which the plan was begun, if it ever was.
func (s *State) WasApplied(planID string) (Applied, bool) {
	for _, a := range s.Applied {
		if a.PlanID == planID {
			return a, true
		}
	}
	return Applied{}, false
}
