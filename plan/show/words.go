package show

import (
	"fmt"
	"slices"
	"strings"
	"time"

	"zup/plan"
	"zup/plan/escape"
)

// What follows are the words that text and documents have in common, so that a
// change request and a terminal never say it differently.

// CommitNote says in words what a plan's commit has behind it, or is instead of one.
// It is "" where the configuration is as it is in the commit.
func CommitNote(commit string) string {
	switch {
	case commit == plan.CommitUnknown:
		return "the configuration is in a repository, and its commit could not be read"
	case strings.HasSuffix(commit, plan.CommitChanged):
		return "the configuration had changes that are in no commit"
	case strings.HasSuffix(commit, plan.CommitDoubt):
		return "nobody knows whether the configuration is as it is in that commit"
	}
	return ""
}

// What says what a cluster's actions do, in a line.
func What(c *plan.Cluster, actions []plan.Action) string {
	var nodes, reboots []string
	for _, a := range actions {
		switch a.Lasting {
		case plan.LastingBoot:
			reboots = append(reboots, escape.Name(a.Node))
		case plan.LastingVersion:
			nodes = append(nodes, escape.Name(a.Node))
		}
	}
	to := escape.Name(c.To)
	if len(nodes) == 0 && len(reboots) > 0 {
		return "reboot " + strings.Join(reboots, ", then ") + "; every node runs " + to
	}
	if len(nodes) == 0 {
		todo := "clean up"
		if c.Way == plan.Back {
			todo = "back to before the update: clean up"
		}
		if c.Way == plan.Rest {
			todo = "back out: undo what is temporary"
		}
		if c.Interruption.Switchovers > 0 && c.MasterNow != c.Master {
			todo = "move MASTER to " + escape.Name(c.Master)
		}
		return todo + "; every node runs " + to
	}
	if c.Way == plan.Back {
		return "back to the snapshots, " + Versions(c) + " on " + strings.Join(nodes, ", then ")
	}
	return Versions(c) + " on " + strings.Join(nodes, ", then ")
}

// Versions is from which version to which, or the only one.
func Versions(c *plan.Cluster) string {
	if c.From == c.To {
		return escape.Name(c.To)
	}
	return escape.Name(c.From) + " → " + escape.Name(c.To)
}

// Interrupted says how often and for how long users are interrupted.
func Interrupted(c *plan.Cluster) string {
	in := c.Interruption
	most := "≤ " + Milliseconds(float64(in.PerSwitchoverMSMax))
	switch {
	case in.Outages > 0:
		return "outage, ≤ " + Seconds(int(c.Interruption.PerSwitchoverMSMax/1000))
	case in.Switchovers == 0:
		return "not at all"
	}
	switch in.Switchovers {
	case 1:
		return "once, " + most
	case 2:
		return "twice, " + most + " each"
	default:
		return fmt.Sprintf("%d times, %s each", in.Switchovers, most)
	}
}

// MasterNow is the node that was MASTER when the plan was made, or "nobody".
func MasterNow(c *plan.Cluster) string {
	if c.MasterNow == "" {
		return "nobody"
	}
	return escape.Name(c.MasterNow)
}

// Measured names the probes of a cluster.
func Measured(c *plan.Cluster) string {
	if len(c.Probes) == 0 {
		return "nothing: there is no probe"
	}
	names := make([]string, len(c.Probes))
	for i, pr := range c.Probes {
		names[i] = escape.Name(pr.Name)
	}
	const most = 12
	text := strings.Join(names[:min(len(names), most)], ", ")
	if more := len(names) - most; more > 0 {
		text += fmt.Sprintf(" and %d more", more)
	}
	if c.Probes[0].Found {
		return text + ", found up, every " + Milliseconds(float64(c.Probes[0].IntervalMS))
	}
	return "by " + text
}

// Checked counts the checks by their results.
func Checked(c *plan.Cluster) string {
	count := map[plan.Status]int{}
	var not []string
	for _, ch := range c.Checks {
		count[ch.Status]++
		if ch.Status == plan.Error {
			not = append(not, escape.Name(strings.TrimPrefix(ch.ID, c.Name+".")))
		}
	}
	text := fmt.Sprintf("%d checks passed", count[plan.Passed])
	for _, s := range []plan.Status{plan.Failed, plan.Error, plan.Skipped} {
		if count[s] > 0 {
			text += fmt.Sprintf(", %d %s", count[s], map[plan.Status]string{plan.Failed: "failed", plan.Error: "could not be made", plan.Skipped: "skipped"}[s])
		}
	}
	if len(not) > 0 {
		text += "; not known: " + strings.Join(not, ", ")
	}
	return text
}

// Temporary lists what a cluster's actions open and close again, and what they close
// that somebody else left open.
func Temporary(actions []plan.Action) string {
	var opened, left []string
	for _, a := range actions {
		opened = append(opened, a.Opens...)
		for _, name := range a.Closes {
			if !slices.Contains(opened, name) {
				left = append(left, name)
			}
		}
	}
	var parts []string
	if len(opened) > 0 {
		parts = append(parts, Names(slices.Compact(opened), ", ")+": opened and closed again")
	}
	if len(left) > 0 {
		parts = append(parts, Names(left, ", ")+": left by an earlier attempt, closed")
	}
	return strings.Join(parts, "; ")
}

// Names lists names.
func Names(all []string, between string) string {
	shown := make([]string, len(all))
	for i, s := range all {
		shown[i] = escape.Name(s)
	}
	return strings.Join(shown, between)
}

// NodeOf is the name of the node that an action is about: of the only one of its cluster,
// or "both", where it names none.
func NodeOf(c *plan.Cluster, a *plan.Action) string {
	switch {
	case a.Node != "":
		return escape.Name(a.Node)
	case len(c.Nodes) == 1:
		return escape.Name(c.Nodes[0].Name)
	}
	return "both"
}

// Where says where an action runs: on its node, or here, where zup runs.
func Where(c *plan.Cluster, a *plan.Action) string {
	if a.Here() {
		return "here, for " + NodeOf(c, a)
	}
	return NodeOf(c, a)
}

// Title is what an action does, marked where it runs here.
func Title(a *plan.Action) string { return escape.Line(a.Title) + hereMark(a.Here()) }

// hereMark stands behind the title of what runs where zup runs.
func hereMark(here bool) string {
	if here {
		return " [here]"
	}
	return ""
}

// Seconds writes a duration: "1 s", "4 min", "1 h 20 min".
func Seconds(s int) string {
	d := time.Duration(s) * time.Second
	switch {
	case s < 100:
		return fmt.Sprintf("%d s", s)
	case d < time.Hour:
		return fmt.Sprintf("%d min", int(d.Round(time.Minute).Minutes()))
	default:
		d = d.Round(time.Minute)
		return fmt.Sprintf("%d h %02d min", int(d.Hours()), int(d.Minutes())%60)
	}
}

// Milliseconds writes an interruption: "24 ms", "0.81 s", "15.8 s".
func Milliseconds(ms float64) string {
	switch {
	case ms < 100:
		return fmt.Sprintf("%.0f ms", ms)
	case ms < 10_000:
		return fmt.Sprintf("%.2f s", ms/1000)
	default:
		return fmt.Sprintf("%.1f s", ms/1000)
	}
}

// Plural is "1 action" or "3 actions".
func Plural(n int, one, many string) string {
	if n == 1 {
		return "1 " + one
	}
	return fmt.Sprintf("%d %s", n, many)
}

// Glyph is the mark of an action, and what it means in a word: "~" changes something,
// "?" looks and may stop the run, "…" waits.
func Glyph(a *plan.Action) (mark, means string) {
	switch {
	case a.Primitive == plan.Wait:
		return "…", "waits"
	case a.Primitive == plan.Gate, a.Primitive == plan.Local && len(a.Argv) == 0:
		return "?", "looks"
	}
	return "~", "changes"
}
