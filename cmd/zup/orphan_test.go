package main

import (
	"testing"

	"zup/plan/state"
	"zup/providers/ssh"
)

// A lock or a job is its own only where it names a run that the state file knows, and one
// stranger is enough to wait for nobody.
func TestOrphansAreNoStrangers(t *testing.T) {
	const own, other = "20261128T100000Z-0001", "20261128T100000Z-00012"
	s := &state.State{Applied: []state.Applied{{Run: own}}}
	held := func(what string) nodeLock {
		return nodeLock{node: "n", status: ssh.LockStatus{State: ssh.LockHeld, Who: "me", What: what}}
	}
	jobs := func(names ...string) nodeLock {
		l := nodeLock{node: "n", status: ssh.LockStatus{State: ssh.LockStale}}
		for _, name := range names {
			l.status.Jobs = append(l.status.Jobs, ssh.RunningJob{Name: name})
		}
		return l
	}
	for _, c := range []struct {
		name  string
		locks []nodeLock
		s     *state.State
		want  int
	}{
		{"nobody", []nodeLock{{}}, s, 0},
		{"its job", []nodeLock{jobs(own + ".edge.n.update")}, s, 1},
		{"its job, and its session", []nodeLock{jobs(own + ".edge.n.update"), held("zup apply, run " + own + ", plan 12ab")}, s, 2},
		{"another run's job", []nodeLock{jobs(other + ".edge.n.update")}, s, 0},
		{"a job whose run begins with its run's name", []nodeLock{jobs(own + "2.edge.n.update")}, s, 0},
		{"a stranger's job besides", []nodeLock{jobs(own+".edge.n.update", "job")}, s, 0},
		{"a stranger on the other node", []nodeLock{jobs(own + ".edge.n.update"), held("zup apply, run " + other + ", plan 12ab")}, s, 0},
		{"somebody who says nothing", []nodeLock{held("")}, s, 0},
		{"a state that was lost", []nodeLock{jobs(own + ".edge.n.update")}, nil, 0},
		{"a state with a run without a name", []nodeLock{jobs(".edge"), held(", run , ")}, &state.State{Applied: []state.Applied{{}}}, 0},
	} {
		if got := orphansOf(c.locks, c.s); len(got) != c.want {
			t.Errorf("%s: %d, want %d", c.name, len(got), c.want)
		}
	}
}
