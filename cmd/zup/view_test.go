package main

import (
	"bytes"
	"strings"
	"testing"
	"time"

	"zup/plan"
	"zup/plan/apply"
)

// How far an upload is, and at what rate, is in the line about it; where no line can
// live it is said every ten seconds.
func TestViewShowsProgress(t *testing.T) {
	var out bytes.Buffer
	v := &view{c: &applying{planning: planning{cli: &cli{stdio: stdio{out: &out}}}}, plan: &plan.Plan{}, width: 110, nodes: 6}
	e := apply.Event{Action: "edge.n1.upload", Cluster: "edge", Node: "n1", Index: 2, Total: 9, Title: "Upload x.iso, 500 MiB", Kind: apply.ActionBegin}
	v.event(e)
	e.Kind, e.Text = apply.ActionProgress, "37 % of 500 MiB, 11.2 MiB/s"
	v.event(e)
	if out.Len() > 0 {
		t.Errorf("a line for every event: %q", out.String())
	}
	v.beat(time.Now().Add(sayEvery))
	if got := out.String(); !strings.Contains(got, "Upload x.iso, 500 MiB") || !strings.Contains(got, "37 % of 500 MiB, 11.2 MiB/s") {
		t.Errorf("%q", got)
	}
	e.Kind, e.Text = apply.ActionWaits, "n1: image is none"
	v.event(e)
	out.Reset()
	v.live = true
	v.draw(time.Now())
	if got := out.String(); strings.Contains(got, "37 %") || !strings.Contains(got, "waits: n1: image is none") {
		t.Errorf("%q", got)
	}
}
