//go:build linux

package main

import (
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"slices"
	"strings"
	"time"

	"zup/examples/lab/world"
)

// statuses are how zup ended, three times, in an update that clients watch.
type statuses struct{ planned, applied, again int }

// watchedUpdate plans, applies and plans again, and prints what clients felt. It ends
// early, without an error, when soft does.
func watchedUpdate(soft, hard context.Context, w *world.World, c choices) (u statuses, err error) {
	watch, err := startWatch(soft, w)
	if err != nil {
		return u, err
	}
	defer watch.stop()
	if u.planned, err = zup(hard, w, planArgs(c)...); err != nil {
		return u, err
	}
	if u.applied, err = zup(hard, w, "apply", "-auto-approve"); err != nil || soft.Err() != nil {
		return u, err
	}
	felt, err := watch.stop()
	if err != nil {
		return u, err
	}
	fmt.Printf("\nWhat clients felt, measured by the lab: a new connection to each VIP every %v\n\n%s", watch.interval, felt)
	u.again, err = zup(hard, w, "plan", "-detailed-exitcode")
	return u, err
}

// demonstrate updates the pairs with zup and judges the outcome without it.
func demonstrate(soft, hard context.Context, w *world.World, c choices) error {
	before, err := inspect(soft, w)
	if err != nil {
		return err
	}
	if err := measureIdle(soft, w, c); err != nil {
		return err
	}
	u, err := watchedUpdate(soft, hard, w, c)
	if err != nil || soft.Err() != nil {
		return err
	}
	after, err := inspect(soft, w)
	if err != nil {
		return err
	}
	findings := verify(w, before, after)
	if c.rollback {
		return goBack(soft, hard, w, before, findings)
	}
	fmt.Printf("\nChecked on the nodes, without zup:\n\n%s", table(findings))
	if c.fault != "" && !c.reboot {
		fmt.Println(wrapped(fmt.Sprintf("With the fault %s zup plan ended with status %d, zup apply with %d, and zup plan afterwards with %d.", c.fault, u.planned, u.applied, u.again)))
		return nil
	}
	return verdict(findings, u.planned, u.applied, u.again)
}

// goBack has zup go back to the snapshots that it has taken, whatever came of the
// update, and wants the nodes to be as they were before it.
func goBack(soft, hard context.Context, w *world.World, before map[string]world.NodeState, updated []finding) error {
	fmt.Printf("\nChecked on the nodes after the update, without zup:\n\n%s", table(updated))
	watch, err := startWatch(soft, w)
	if err != nil {
		return err
	}
	defer watch.stop()
	planned, err := zup(hard, w, "plan", "-rollback", "-out", "back.plan")
	if err != nil {
		return err
	}
	applied, err := zup(hard, w, "apply", "back.plan")
	if err != nil || soft.Err() != nil {
		return err
	}
	felt, err := watch.stop()
	if err != nil {
		return err
	}
	fmt.Printf("\nWhat clients felt on the way back, measured by the lab: a new connection to each\nVIP every %v\n\n%s", watch.interval, felt)
	again, err := zup(hard, w, "plan", "-rollback", "-detailed-exitcode")
	if err != nil {
		return err
	}
	after, err := inspect(soft, w)
	if err != nil {
		return err
	}
	findings := verify(backToOld(w), before, after)
	fmt.Printf("\nChecked on the nodes after the way back, without zup:\n\n%s", table(findings))
	return verdict(findings, planned, applied, again)
}

// backToOld is the world as it shall be when its pairs run what they ran at first.
func backToOld(w *world.World) *world.World {
	old := &world.World{Clusters: slices.Clone(w.Clusters)}
	for i := range old.Clusters {
		old.Clusters[i].To = old.Clusters[i].From
	}
	return old
}

func planArgs(c choices) []string {
	if c.verbose {
		return []string{"plan", "-verbose"}
	}
	return []string{"plan"}
}

// verdict wants everything to have gone well.
func verdict(findings []finding, planned, applied, again int) error {
	var wrong []error
	for _, step := range []struct {
		command string
		status  int
	}{{"zup plan", planned}, {"zup apply", applied}, {"zup plan -detailed-exitcode after it", again}} {
		if step.status != 0 {
			wrong = append(wrong, fmt.Errorf("%s ended with status %d", step.command, step.status))
		}
	}
	for _, f := range findings {
		if !f.ok {
			wrong = append(wrong, fmt.Errorf("%s: %s", f.where, f.what))
		}
	}
	return errors.Join(wrong...)
}

// zup runs zup on control, in front of the person who runs the lab, and returns
// its exit status.
func zup(ctx context.Context, w *world.World, args ...string) (status int, err error) {
	fmt.Printf("\n$ zup %s\n", strings.Join(args, " "))
	cmd := w.Command(ctx, world.Control, append([]string{world.Home + "/bin/zup"}, args...)...)
	cmd.Dir = workDir
	cmd.Stdin, cmd.Stdout, cmd.Stderr = os.Stdin, os.Stdout, os.Stderr
	err = cmd.Run()
	var exit *exec.ExitError
	if errors.As(err, &exit) && exit.Exited() {
		return exit.ExitCode(), nil
	}
	return 0, err
}

// inspect looks at every node; one that can't be looked at is left out.
func inspect(ctx context.Context, w *world.World) (map[string]world.NodeState, error) {
	states := map[string]world.NodeState{}
	for _, cluster := range w.Clusters {
		for _, node := range cluster.Members() {
			state, err := w.Inspect(ctx, node.Name)
			if err != nil {
				return nil, err
			}
			states[node.Name] = state
		}
	}
	return states, nil
}

// measureIdle shows that the measurement itself loses nothing.
func measureIdle(ctx context.Context, w *world.World, c choices) error {
	watch, err := startWatch(ctx, w)
	if err != nil {
		return err
	}
	defer watch.stop()
	select {
	case <-ctx.Done():
		return ctx.Err()
	case <-time.After(2 * time.Second):
	}
	felt, err := watch.stop()
	if err != nil {
		return err
	}
	if felt.lost() > 0 && c.fault == "" {
		return fmt.Errorf("requests are lost before anything was done; is this machine too busy?\n%s", felt)
	}
	return nil
}
