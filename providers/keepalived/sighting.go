package keepalived

import (
	"fmt"

	"zup/plan"
)

// Sighting says whether a node that nobody has configured has keepalived. Its peer's name is
// nothing that keepalived knows, so it is never found from here.
func (Provider) Sighting(facts map[string]string) plan.Sighting {
	return plan.Sighting{Name: facts["hostname"]}
}

// Draft implements the rest of it.
func (Provider) Draft([]plan.ObservedNode) (plan.Draft, error) {
	return plan.Draft{}, fmt.Errorf("zup can't write the configuration of such a pair by itself yet")
}
