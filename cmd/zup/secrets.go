package main

import (
	"fmt"
	"os"
	"strings"

	"zup/plan"
	"zup/plan/apply"
	"zup/plan/state"
)

// takeEnvironment returns the environment, and takes the secrets out of that of the
// process.
func takeEnvironment() []string {
	env := os.Environ()
	for _, entry := range env {
		if name, _, _ := strings.Cut(entry, "="); strings.HasPrefix(name, apply.SecretPrefix) {
			os.Unsetenv(name)
		}
	}
	return env
}

// apartSecrets returns an environment without the secrets, and the secrets: no program
// that zup starts gets one but the commands of the plan that name it.
func apartSecrets(all []string) (env, secrets []string) {
	for _, entry := range all {
		if strings.HasPrefix(entry, apply.SecretPrefix) {
			secrets = append(secrets, entry)
		} else {
			env = append(env, entry)
		}
	}
	return env, secrets
}

// needSecrets refuses to begin, or to go on, where a secret is missing that a command
// of the plan gets. What the journal says is done needs none any more.
func (p *planning) needSecrets(pl *plan.Plan, journal []state.Entry, words ...string) error {
	done, now := map[string]bool{}, "nothing was changed"
	if len(journal) > 0 {
		now = "the run stays as it was left"
	}
	for _, e := range journal {
		done[e.Action] = done[e.Action] || e.Event == state.Done
	}
	missing := apply.MissingSecrets(pl, p.secrets, func(id string) bool { return done[id] })
	if len(missing) == 0 {
		return nil
	}
	name, _, _ := strings.Cut(missing[0], " ")
	return fail(exitError, name+"=… "+p.onState(words...), "a command of the plan that runs here gets a secret, and %s; %s", strings.Join(missing, ", and "), now)
}

// sayMissingSecrets says which secrets apply will need that are not here, or can't be
// used. Planning needs none.
func (c *cli) sayMissingSecrets(p *plan.Plan) {
	for _, missing := range apply.MissingSecrets(p, c.secrets, nil) {
		text := "zup apply needs the secrets of the plan's commands in its environment: " + missing
		fmt.Fprintf(c.err, "%s %s\n", c.errStyle().notice("Note:"), text)
		c.warned("", "", "%s", text)
	}
}
