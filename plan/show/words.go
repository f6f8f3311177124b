package show

import "zup/plan"

// What follows are the words that text and documents have in common, so that a
// change request and a terminal never say it differently.

// What says what a cluster's actions do, in a line.
func What(c *plan.Cluster, actions []plan.Action) string { return what(c, actions) }

// Versions is from which version to which, or the only one.
func Versions(c *plan.Cluster) string { return versions(c) }

// Interrupted says how often and for how long users are interrupted.
func Interrupted(c *plan.Cluster) string { return interrupted(c) }

// MasterNow is the node that was MASTER when the plan was made, or "nobody".
func MasterNow(c *plan.Cluster) string { return masterNow(c) }

// Measured names the probes of a cluster.
func Measured(c *plan.Cluster) string { return measured(c) }

// Checked counts the checks by their results.
func Checked(c *plan.Cluster) string { return checked(c) }

// Temporary lists what a cluster's actions open and close again.
func Temporary(actions []plan.Action) string { return temporary(actions) }

// Seconds writes a duration: "1 s", "4 min", "1 h 20 min".
func Seconds(s int) string { return seconds(s) }

// Milliseconds writes an interruption: "24 ms", "0.81 s", "15.8 s".
func Milliseconds(ms float64) string { return milliseconds(ms) }

// Plural is "1 action" or "3 actions".
func Plural(n int, one, many string) string { return plural(n, one, many) }

// Glyph is the mark of an action, and what it means in a word.
func Glyph(a *plan.Action) (mark, means string) {
	mark = glyph(a)
	return mark, map[string]string{"~": "changes", "?": "looks", "…": "waits"}[mark]
}
