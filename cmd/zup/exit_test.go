package main

import (
	"errors"
	"testing"

	"zup/plan/apply"
)

// How a run of several clusters ended is how the worst of them did; what has touched
// nothing is told apart from what has.
func TestOutcome(t *testing.T) {
	stop := func(kind apply.StopKind) apply.ClusterReport {
		return apply.ClusterReport{Outcome: "stopped", Stop: &apply.Stop{Kind: kind}, Condition: &apply.Condition{}}
	}
	changed := func(c apply.ClusterReport) apply.ClusterReport {
		c.Condition = &apply.Condition{Changed: true}
		return c
	}
	well := apply.ClusterReport{Outcome: "done", Condition: &apply.Condition{}}
	for _, tt := range []struct {
		name string
		all  []apply.ClusterReport
		want int
	}{
		{"well", []apply.ClusterReport{well}, exitOK},
		{"not proven", []apply.ClusterReport{well, changed(stop(apply.StopUnproven))}, exitUnproven},
		{"failed", []apply.ClusterReport{changed(stop(apply.StopFailed))}, exitStopped},
		{"failed before anything was touched", []apply.ClusterReport{stop(apply.StopFailed)}, exitError},
		{"failed, of which nobody knows what it touched", []apply.ClusterReport{{Outcome: "stopped", Stop: &apply.Stop{Kind: apply.StopFailed}}}, exitStopped},
		{"failed and not proven", []apply.ClusterReport{changed(stop(apply.StopUnproven)), changed(stop(apply.StopFailed))}, exitStopped},
		{"left", []apply.ClusterReport{changed(stop(apply.StopLeft))}, exitStopped},
		{"locked", []apply.ClusterReport{stop(apply.StopLocked)}, exitLocked},
		{"a rule", []apply.ClusterReport{changed(stop(apply.StopRule))}, exitRule},
		{"the budget", []apply.ClusterReport{changed(stop(apply.StopBudget))}, exitRule},
		{"the window's end", []apply.ClusterReport{changed(stop(apply.StopWindow))}, exitRule},
		{"no room for the record", []apply.ClusterReport{changed(stop(apply.StopRoom))}, exitStopped},
		{"asked to", []apply.ClusterReport{well, changed(stop(apply.StopAsked))}, exitInterrupted},
		{"asked to before a cluster began", []apply.ClusterReport{well, {Condition: &apply.Condition{}}}, exitInterrupted},
	} {
		got := exitOK
		if err := outcome(&apply.Report{Clusters: tt.all}); err != nil {
			var f *failure
			if !errors.As(err, &f) {
				t.Errorf("%s: %v", tt.name, err)
				continue
			}
			got = f.code
		}
		if got != tt.want {
			t.Errorf("%s: exit code %d, want %d", tt.name, got, tt.want)
		}
	}
}
