package main

import (
	"fmt"
	"os"
	"strings"

	"zup/plan"
	"zup/plan/apply"
	"zup/plan/state"
)

// takeSecrets returns the environment, and takes the secrets out of that of the process:
// no program that zup starts gets one but the commands that the plan says.
func takeSecrets() []string {
	env := os.Environ()
	for _, entry := range env {
		if name, _, _ := strings.Cut(entry, "="); strings.HasPrefix(name, apply.SecretPrefix) {
			os.Unsetenv(name)
		}
	}
	return env
}

// needSecrets refuses to begin, or to go on, where a secret is missing that a command
// of the plan gets. What the journal says is done needs none any more.
func (c *cli) needSecrets(p *plan.Plan, command string, journal []state.Entry) error {
	done, now := map[string]bool{}, "nothing was changed"
	if len(journal) > 0 {
		now = "the run stays as it was left"
	}
	for _, e := range journal {
		done[e.Action] = done[e.Action] || e.Event == state.Done
	}
	missing := apply.MissingSecrets(p, c.env, func(id string) bool { return done[id] })
	if len(missing) == 0 {
		return nil
	}
	name, _, _ := strings.Cut(missing[0], " ")
	return fail(exitError, name+"=… zup "+command, "a command of the plan that runs here gets a secret, and %s; %s", strings.Join(missing, ", and "), now)
}

// sayMissingSecrets says which secrets apply will need that are not here. Planning needs
// none.
func (c *cli) sayMissingSecrets(p *plan.Plan) {
	for _, name := range p.Secrets() {
		if c.getenv(apply.SecretPrefix+name) == "" {
			fmt.Fprintf(c.err, "%s zup apply needs the secret %s in its environment, as %s%s\n", c.errStyle().notice("Note:"), name, apply.SecretPrefix, name)
		}
	}
}
