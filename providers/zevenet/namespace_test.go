package zevenet

import (
	"os"
	"os/exec"
	"strings"
	"syscall"
	"testing"
	"time"
)

// TestProcessesOfAContainerAreNotTheNodes: what pushes in a container, which has process
// numbers of its own, is not this node's replication, and nobody ends it.
func TestProcessesOfAContainerAreNotTheNodes(t *testing.T) {
	if os.Getuid() != 0 {
		if os.Getenv("ZUP_CI") != "" {
			t.Fatal("a PID namespace needs root")
		}
		t.Skip("a PID namespace needs root")
	}
	for inside, want := range map[bool]string{true: "off", false: "running"} {
		s := newSandbox(t)
		s.write("root/config/cluster.conf", strings.ReplaceAll(clusterConf, "192.168.100.25", "198.51.100.25"))
		cmd := &exec.Cmd{Path: os.Args[0], Args: []string{"rsync", "-azvr", "--delete", "/x/", "root@198.51.100.25:/x/"}, Env: append(os.Environ(), "ZUP_TEST_SLEEP=1")}
		if inside {
			cmd.SysProcAttr = &syscall.SysProcAttr{Cloneflags: syscall.CLONE_NEWPID}
		}
		if err := cmd.Start(); err != nil {
			t.Fatal(err)
		}
		time.Sleep(200 * time.Millisecond)
		if got := s.facts("replication")["replication"]; got != want {
			t.Errorf("in a container: %v: replication is %q, want %q", inside, got, want)
		}
		cmd.Process.Kill()
		cmd.Wait() //nolint:errcheck // it was killed
	}
}
