package zevenet

import (
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"slices"
	"strings"
	"time"

	"zup/plan"
	"zup/plan/config"
	"zup/plan/state"
)

// Seconds that a command of a snapshot block is given, and that it is estimated
// to take. What a hypervisor needs depends on the disk more than on anything else.
const (
	snapshotLimit = 60 * 60
	listLimit     = 120
)

// snapshotName is what the snapshots of this plan are called. It has no clock: it
// is another one as soon as the state file was written, a node was started again
// or something else is planned.
func (p *pair) snapshotName() string {
	h := sha256.New()
	fmt.Fprintf(h, "%q %d %q %q", p.state.Lineage, p.state.Serial, p.cfg.Name, p.cfg.Version)
	for _, n := range p.nodes {
		fmt.Fprintf(h, " %q %q %q", n.name, n.fact("version"), n.fact("boot"))
	}
	version := strings.Map(func(r rune) rune {
		if r == '.' || r == '-' || '0' <= r && r <= '9' || 'a' <= r && r <= 'z' || 'A' <= r && r <= 'Z' {
			return r
		}
		return '_'
	}, p.lowest())
	return "zup-" + version + "-" + hex.EncodeToString(h.Sum(nil))[:8]
}

// untouched reports whether there is nothing on the pair that zup, or an attempt
// by hand, left: nothing that a snapshot must not bring back.
func (p *pair) untouched() bool {
	for _, n := range p.nodes {
		if n.fact("open") != "none" || len(p.nodes) > 1 && n.fact("deny") != "none" || n.fact("maintenance") != "no" || p.isHalf(n) {
			return false
		}
	}
	return len(p.recorded.Open) == 0
}

// takesSnapshots reports whether the plan begins with snapshots: where the update
// is still all to be done. In the middle of one they would hold its changes.
func (p *pair) takesSnapshots() bool {
	if p.cfg.Snapshot == nil || !p.needs(p.master) || !p.untouched() {
		return false
	}
	return !p.recorded.Unfinished() || p.backup == nil || p.needs(p.backup)
}

func (b *builder) takeSnapshots() {
	p := b.pair
	if !p.takesSnapshots() {
		return
	}
	name := p.snapshotName()
	var actions []plan.Action
	for _, n := range p.inOrder() {
		actions = append(actions, b.takeSnapshot(n, name))
	}
	b.Then(actions...)
}

func (b *builder) takeSnapshot(n *node, name string) plan.Action {
	s := b.pair.cfg.Snapshot
	return plan.Action{
		ID: b.pair.id(n, "snapshot"), Kind: "snapshot", Node: n.name, Primitive: plan.Local,
		Title:  "Take the snapshot " + name,
		Reason: "it is the way back to " + n.fact("version") + ", and is taken before anything is changed",
		Argv:   s.Create.Expand(n.name, name), Proof: listed(s, n, name, false),
		Keeps: name, Secrets: s.Secrets, TimeoutS: snapshotLimit, EstimateS: 30,
	}
}

// listed asks whether a snapshot is there, or is gone, where the configuration
// says how to ask.
func listed(s *config.Snapshot, n *node, name string, gone bool) []plan.Proof {
	if s.List == nil {
		return nil
	}
	return []plan.Proof{{Absent: gone, Argv: s.List.Expand(n.name, name), Word: name}}
}

// wayBack says in one line whether there is a way back from what the plan does.
func (p *pair) wayBack(b *builder) []string {
	none := "there is no way back to " + p.lowest()
	if p.cfg.Snapshot == nil {
		return []string{"no snapshot is configured: " + none}
	}
	if b.Has(p.id(p.master, "snapshot")) {
		if p.cfg.Snapshot.Restore == nil {
			return []string{"the snapshot block has no restore command: the way back to " + p.lowest() + " is by hand"}
		}
		return nil
	}
	if set := p.lastSnapshots(); p.recorded.Unfinished() && set != nil && set[0].Version == p.lowest() {
		return nil
	}
	return []string{"no snapshot is taken, because an update has begun already and would be in it: " + none}
}

// lastSnapshots returns the newest snapshots that one run has taken of both nodes,
// in the order of the nodes, or nil.
func (p *pair) lastSnapshots() []state.Snapshot {
	all := slices.DeleteFunc(slices.Clone(p.recorded.Snapshots), func(s state.Snapshot) bool { return s.Begun })
	for i := len(all) - 1; i >= 0; i-- {
		var set []state.Snapshot
		for _, n := range p.nodes {
			k := slices.IndexFunc(all, func(s state.Snapshot) bool { return s.Run == all[i].Run && s.Node == n.name })
			if k >= 0 {
				set = append(set, all[k])
			}
		}
		if len(set) == len(p.nodes) {
			return set
		}
	}
	return nil
}

// begunSnapshots says what snapshots a run was taking when it was cut off: nobody
// knows whether they are there.
func (p *pair) begunSnapshots() []string {
	var all []string
	for _, s := range p.recorded.Snapshots {
		if s.Begun {
			all = append(all, fmt.Sprintf("run %s did not end while it took or deleted the snapshot %s of %s: look with the snapshot tool whether it is there, and delete it", s.Run, s.Name, s.Node))
		}
	}
	return all
}

// deleteSnapshots ends a plan with the removal of snapshots that need not be kept
// any longer, its own among them.
func (b *builder) deleteSnapshots() {
	p, s := b.pair, b.pair.cfg.Snapshot
	if s == nil || s.KeepFor == nil {
		return
	}
	var actions []plan.Action
	for _, old := range p.recorded.Snapshots {
		tooOld := *s.KeepFor == 0 || p.now().Sub(old.Taken) >= *s.KeepFor
		if n := p.node(old.Node); n != nil && tooOld && !old.Begun {
			actions = append(actions, b.deleteSnapshot(n, old.Name, actions))
		}
	}
	if *s.KeepFor == 0 {
		for _, a := range b.Actions {
			if a.Kind == "snapshot" {
				actions = append(actions, b.deleteSnapshot(p.node(a.Node), a.Keeps, actions))
			}
		}
	}
	if len(actions) > 0 {
		b.Then(actions...)
	}
}

// now is the time on the nodes, of the later clock; the planner has none. What
// can't be read is the beginning of time: nothing is old then.
func (p *pair) now() time.Time {
	var latest int64
	for _, n := range p.nodes {
		latest = max(latest, int64(number(n.fact("time"))))
	}
	return time.Unix(latest, 0).UTC()
}

func (b *builder) deleteSnapshot(n *node, name string, before []plan.Action) plan.Action {
	s := b.pair.cfg.Snapshot
	id := b.pair.id(n, "delete-snapshot")
	for i := 2; slices.ContainsFunc(before, func(a plan.Action) bool { return a.ID == id }); i++ {
		id = fmt.Sprintf("%s-%d", b.pair.id(n, "delete-snapshot"), i)
	}
	return plan.Action{
		ID: id, Kind: "delete-snapshot", Node: n.name, Primitive: plan.Local,
		Title:  "Delete the snapshot " + name,
		Reason: "keep_for is " + inWords(*s.KeepFor) + ": it need not be kept any longer",
		Argv:   s.Delete.Expand(n.name, name), Proof: listed(s, n, name, true),
		Drops: name, Secrets: s.Secrets, TimeoutS: snapshotLimit, EstimateS: 10,
	}
}

// inWords writes a duration as people do: 72h, not 72h0m0s.
func inWords(d time.Duration) string {
	s := d.String()
	if strings.HasSuffix(s, "m0s") {
		s = strings.TrimSuffix(s, "0s")
	}
	if strings.HasSuffix(s, "h0m") {
		s = strings.TrimSuffix(s, "0m")
	}
	return s
}
