package plan_test

import (
	"fmt"
	"slices"
	"testing"

	"zup/plan"
)

// A failback is waited for by the cluster's own check interval: four of them and half
// a minute, because preemption begins only when the service has started.
func TestFailbackIsWaitedForByTheClustersTimers(t *testing.T) {
	for _, deadratio := range []int{1, 5, 20} {
		s := loadSituation(t, "testdata/update_failback_master.txtar")
		for _, nodes := range s.input.Observed {
			for i := range nodes {
				nodes[i].Facts["deadratio"] = fmt.Sprint(deadratio)
			}
		}
		p, err := plan.Build(s.input)
		if err != nil {
			t.Fatal(err)
		}
		i := slices.IndexFunc(p.Actions, func(a plan.Action) bool { return a.Kind == "failback" })
		if i < 0 || p.Actions[i].TimeoutS != 4*deadratio+30 || p.Actions[i].EstimateS != 3*deadratio+1 {
			t.Errorf("deadratio %d: %+v", deadratio, p.Actions[max(i, 0)])
		}
	}
}
