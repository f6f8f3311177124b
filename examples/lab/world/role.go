//go:build linux

package world

import (
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"

	"golang.org/x/sys/unix"
)

// The lab re-executes its own program for everything that must live inside
// other namespaces. Which part such a process plays is its argv[0].
const (
	roleTrial   = "zup-lab-trial"   // tries whether namespaces and mounts are allowed
	roleBuilder = "zup-lab-builder" // builds a root file system and writes it to its standard output
	roleKeeper  = "zup-lab-keeper"  // PID 1 of the world: owns bridge, hosts and repository
	roleHost    = "zup-lab-host"    // PID 1 of one host until its own init takes over
	roleProber  = "zup-lab-prober"  // asks the VIPs over and over

	roleSnapshot = "lab-snapshot" // takes and restores snapshots, on control
)

var roles = map[string]func() error{
	roleTrial:   runTrial,
	roleBuilder: runBuilder,
	roleKeeper:  runKeeper,
	roleHost:    runHost,
	roleProber:  runProber,

	roleSnapshot: runSnapshot,
}

var hooked bool

// Main must be the first call of main, or of TestMain, in every program that
// starts a world. It returns at once, unless this process was started by the
// lab to play a part inside the namespaces: then it plays it and exits.
func Main() {
	hooked = true
	name := filepath.Base(os.Args[0])
	play, ok := roles[name]
	if !ok {
		return
	}
	if err := play(); err != nil {
		fmt.Fprintf(os.Stderr, "%s: %v\n", name, err)
		os.Exit(1)
	}
	os.Exit(0)
}

// self prepares this program to be run in the given role, in new namespaces. It
// is killed when the thread that starts it ends.
func self(role string, namespaces uintptr) *exec.Cmd {
	if !hooked {
		panic("world.Main must be called first in main or TestMain")
	}
	return &exec.Cmd{
		Path:   "/proc/self/exe",
		Args:   []string{role},
		Stderr: os.Stderr,
		SysProcAttr: &unix.SysProcAttr{
			Cloneflags: namespaces,
			Pdeathsig:  unix.SIGKILL,
		},
	}
}

// aside runs f on a thread of its own, which f may spoil by changing its
// namespaces: the thread ends with f. A child that f starts with a parent-death
// signal lives no longer than f. The process's first thread is never taken,
// because it can't end.
func aside(f func() error) error {
	result := make(chan error, 1)
	go func() {
		runtime.LockOSThread()
		if unix.Gettid() == unix.Getpid() {
			result <- aside(f)
			runtime.UnlockOSThread()
			return
		}
		result <- f()
	}()
	return <-result
}
