//go:build linux

package world

import (
	"bufio"
	"fmt"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"
)

// Whenever the program that started a world is killed, nothing of it is left.
func TestKilledLeavesNothing(t *testing.T) {
	needNamespaces(t)
	if err := Prepare(t.Context(), DefaultDebian, nil); err != nil {
		t.Fatal(err)
	}
	for _, when := range []string{"start the world", "unpack the base system", "make disks and network", "boot", "up"} {
		t.Run(when, func(t *testing.T) {
			killed(t, when, 20*time.Millisecond)
		})
	}
	t.Run("build", func(t *testing.T) {
		compiled, err := exec.Command("go", "env", "GOCACHE").Output()
		if err != nil {
			t.Fatal(err)
		}
		t.Setenv("GOCACHE", strings.TrimSpace(string(compiled)))
		t.Setenv("XDG_CACHE_HOME", t.TempDir()) // nothing of the lab's is cached there
		killed(t, fmt.Sprintf("build the base system, Debian %d, with mmdebstrap", DefaultDebian), 2*time.Second)
		left, err := filepath.Glob(filepath.Join(os.Getenv("XDG_CACHE_HOME"), "zup-lab", "*.zst"))
		if err != nil || len(left) > 0 {
			t.Errorf("half a file in the cache: %v, %v", left, err)
		}
	})
}

// killed starts a world in another process and kills it, without a chance to do
// anything about it, some time after it has said that it came to a step.
func killed(t *testing.T, step string, after time.Duration) {
	t.Helper()
	temp := t.TempDir()
	mounts, links := mountTable(t), linkNames(t)
	cmd := exec.CommandContext(t.Context(), "/proc/self/exe")
	cmd.Env = append(os.Environ(), startEnv+"=1", "TMPDIR="+temp)
	out, err := cmd.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	defer cmd.Wait()
	defer cmd.Process.Kill()
	seen := bufio.NewScanner(out)
	for seen.Scan() && seen.Text() != step {
		if strings.HasPrefix(seen.Text(), "failed") {
			t.Fatal(seen.Text())
		}
	}
	time.Sleep(after)
	family := descendants(cmd.Process.Pid)
	if len(family) == 0 && step != "start the world" {
		t.Fatalf("no process was started; the last step was %q", seen.Text())
	}
	cmd.Process.Kill()
	cmd.Wait()
	nothingLeft(t, family)
	if got := mountTable(t); got != mounts {
		t.Errorf("mounts:\n%s\nwere:\n%s", got, mounts)
	}
	if got := linkNames(t); got != links {
		t.Errorf("network links: %s, were: %s", got, links)
	}
	if files, err := os.ReadDir(temp); err != nil || len(files) > 0 {
		t.Errorf("temporary files: %v, %v", files, err)
	}
}

func TestCloseLeavesNothing(t *testing.T) {
	p := startPair(t, Options{})
	family := descendants(os.Getpid())
	if len(family) < 10 {
		t.Fatalf("only %d processes of a pair", len(family))
	}
	sleeper := p.Command(t.Context(), p.master.Name, "sleep", "infinity")
	if err := sleeper.Start(); err != nil {
		t.Fatal(err)
	}
	p.Close()
	p.Close()
	if err := sleeper.Wait(); err == nil {
		t.Error("a command outlived its host")
	}
	nothingLeft(t, family)
	if _, err := p.Exec(t.Context(), p.master.Name, "true"); err == nil {
		t.Error("a command runs on a node that is gone")
	}
}

// process identifies a process by more than a number that may be used again.
type process struct {
	pid   int
	begun string
	name  string
}

// descendants are the processes that a process has started, at any depth, as
// this machine sees them.
func descendants(root int) []process {
	children := map[int][]process{}
	files, _ := filepath.Glob("/proc/[0-9]*/stat")
	for _, file := range files {
		p, parent, ok := readStat(file)
		if ok {
			children[parent] = append(children[parent], p)
		}
	}
	var all []process
	for queue := []int{root}; len(queue) > 0; queue = queue[1:] {
		for _, child := range children[queue[0]] {
			all = append(all, child)
			queue = append(queue, child.pid)
		}
	}
	return all
}

func readStat(file string) (p process, parent int, ok bool) {
	stat, err := os.ReadFile(file)
	if err != nil {
		return p, 0, false
	}
	head, rest, _ := strings.Cut(string(stat), ") ")
	pid, name, _ := strings.Cut(head, " (")
	fields := strings.Fields(rest)
	if len(fields) < 20 || fields[0] == "Z" {
		return p, 0, false
	}
	p.pid, _ = strconv.Atoi(pid)
	parent, _ = strconv.Atoi(fields[1])
	p.name, p.begun = name, fields[19]
	return p, parent, true
}

// nothingLeft gives the kernel a moment to bury the dead.
func nothingLeft(t *testing.T, family []process) {
	t.Helper()
	alive := func(p process) bool {
		now, _, ok := readStat(fmt.Sprintf("/proc/%d/stat", p.pid))
		return ok && now.begun == p.begun
	}
	for deadline := time.Now().Add(time.Minute); slices.ContainsFunc(family, alive); {
		if time.Now().After(deadline) {
			t.Fatalf("still alive: %v", slices.DeleteFunc(family, func(p process) bool { return !alive(p) }))
		}
		time.Sleep(10 * time.Millisecond)
	}
}

func mountTable(t *testing.T) string {
	t.Helper()
	table, err := os.ReadFile("/proc/self/mounts")
	if err != nil {
		t.Fatal(err)
	}
	return string(table)
}

func linkNames(t *testing.T) string {
	t.Helper()
	links, err := net.Interfaces()
	if err != nil {
		t.Fatal(err)
	}
	var names []string
	for _, l := range links {
		names = append(names, l.Name)
	}
	return strings.Join(names, " ")
}
