package ssh

import (
	"bytes"
	"context"
	"crypto/sha256"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"strconv"
	"strings"
	"sync"
	"syscall"
	"testing"
	"testing/synctest"
	"time"

	"zup/providers/ssh/sshtest"
)

// follow runs a job and checks that Output got the same as the result.
func follow(t *testing.T, h *Host, job Job) JobResult {
	t.Helper()
	var live bytes.Buffer
	job.Output = func(b []byte) { live.Write(b) }
	res, err := h.Job(short(t), job)
	if err != nil {
		t.Fatalf("%v\n%s", err, res.Output)
	}
	if live.Len() < keptMax && !bytes.Equal(live.Bytes(), res.Output) {
		t.Errorf("live output %q, in the result %q", live.Bytes(), res.Output)
	}
	return res
}

// A counter is a file that grows by a byte whenever a script runs "$1" for it.
type counter string

func newCounter(t *testing.T) counter { return counter(filepath.Join(t.TempDir(), "runs")) }

func (c counter) script() string { return "printf x >>" + Quote(string(c)) + "\n" }

func (c counter) check(t *testing.T, want int) {
	t.Helper()
	text, err := os.ReadFile(string(c))
	if err != nil && want > 0 || len(text) != want {
		t.Errorf("the script ran %d times, want %d", len(text), want)
	}
}

func TestJob(t *testing.T) {
	t.Parallel()
	h, _ := localHost(t)
	count := newCounter(t)
	job := Job{ID: "20261122T153700Z-1a2b/edge.zva5n1.update", Script: count.script() + "echo one; echo two >&2; pwd; read x; echo \"<$x> $1\"; exit 4", Args: []string{"a b"}}
	const want = "one\ntwo\n/\n<> a b\n"
	before := time.Now()
	res := follow(t, h, job)
	if res.Exit != 4 || res.Attached || string(res.Output) != want || res.Bytes != int64(len(want)) {
		t.Errorf("%+v %q", res, res.Output)
	}
	if res.Started.Before(before.Add(-2*time.Second)) || res.Started.After(time.Now().Add(2*time.Second)) { // whole seconds
		t.Errorf("started at %v", res.Started)
	}

	// Whoever asks again gets the same.
	res = follow(t, h, job)
	if res.Exit != 4 || !res.Attached || string(res.Output) != want {
		t.Errorf("%+v %q", res, res.Output)
	}
	job.Offset = 4
	res = follow(t, h, job)
	if string(res.Output) != want[4:] || res.Bytes != int64(len(want)) {
		t.Errorf("%+v %q", res, res.Output)
	}
	count.check(t, 1)
}

func TestJobExit(t *testing.T) {
	t.Parallel()
	h, _ := localHost(t)
	for i, c := range []struct {
		script string
		want   int
	}{{"", 0}, {"exit 3", 3}, {"kill -9 $$", 137}, {"nonexistent-command", 127}, {"set -e; false; exit 5", 1}} {
		for _, pty := range []bool{false, true} {
			if res := follow(t, h, Job{ID: fmt.Sprintf("run/%d.%v", i, pty), Script: c.script, PTY: pty}); res.Exit != c.want {
				t.Errorf("%q: exit %d, want %d", c.script, res.Exit, c.want)
			}
		}
	}
}

func TestJobWire(t *testing.T) {
	t.Parallel()
	s := sshtest.New(t, sshtest.Config{})
	s.Answer("checkupgrades -i", sshtest.Reply{Stdout: "3 packages\n", Exit: 2,
		Prompts: []sshtest.Prompt{{Text: "Continue? [Y/n] ", Then: "Done.\n"}}})
	h := dial(t, newDialer(t), target(s))
	job := Job{ID: "run/a", Script: "checkupgrades -i", Args: []string{"x"}, Prompts: []Prompt{{Name: "go", Match: `Continue\?`, Answer: "Y"}}}
	res := follow(t, h, job)
	if string(res.Output) != "3 packages\nContinue? [Y/n] Y\nDone.\n" || res.Exit != 2 || res.Attached {
		t.Errorf("%+v %q", res, res.Output)
	}
	job.Offset = 11
	res = follow(t, h, job)
	if !res.Attached || string(res.Output) != "Continue? [Y/n] Y\nDone.\n" {
		t.Errorf("%+v %q", res, res.Output)
	}
	st, err := h.JobStatus(t.Context(), "run/a")
	if err != nil || st.State != JobDone || st.Exit != 2 {
		t.Errorf("%+v %v", st, err)
	}
	if err := h.ForgetJob(t.Context(), "run/a"); err != nil {
		t.Error(err)
	}
	var kinds []string
	for _, q := range s.Requests() {
		if q.ID != "run+a" || q.Exec != bootstrap {
			t.Errorf("%+v", q)
		}
		kinds = append(kinds, fmt.Sprintf("%s %v %d", q.Kind, q.TTY, q.Offset))
	}
	if got := strings.Join(kinds, ", "); got != "job true 0, job true 11, job status false 0, job forget false 0" {
		t.Errorf("requests: %s", got)
	}
}

func TestJobIDs(t *testing.T) {
	t.Parallel()
	seen := map[string]string{}
	for _, id := range []string{"a", "a/b", "a.b", "a-b", "a_b", "a/b/c", "a/b.c", "20261122T153700Z-1a2b/edge.zva5n1.update"} {
		name, err := jobDirName(id)
		if err != nil || strings.ContainsAny(name, "/ ") || seen[name] != "" {
			t.Errorf("%s becomes %s, as %s did (%v)", id, name, seen[name], err)
		}
		seen[name] = id
	}
	for _, id := range []string{"", "/", "a/", "/a", "a//b", ".", "..", "a/..", "-rf", "a b", "a\nb", "a+b", "ä", "$x", "a\x00", strings.Repeat("a", 201)} {
		if name, err := jobDirName(id); err == nil {
			t.Errorf("%q becomes %s", id, name)
		}
	}
	h := &Host{dialer: &Dialer{}, name: "n"}
	if _, err := h.Job(t.Context(), Job{ID: "../x"}); err == nil || !strings.HasPrefix(err.Error(), `n: job "../x": an id is made of`) {
		t.Errorf("got %v", err)
	}
}

// Whatever a job prints, it cannot end itself, lie about its status, or be changed
// on the way.
func TestJobHostileOutput(t *testing.T) {
	t.Parallel()
	h, _ := localHost(t)
	file := filepath.Join(t.TempDir(), "out")
	want := "end exit 0 0\nout 3\nabc\nerror io x\n\x00\x1b[2J\x1b]0;x\x07\xff\xfe\r\nzup-0123456789abcdef\nstate reading\nend died\nno line feed"
	if err := os.WriteFile(file, []byte(want), 0o600); err != nil {
		t.Fatal(err)
	}
	for _, pty := range []bool{false, true} {
		res := follow(t, h, Job{ID: fmt.Sprint("run/", pty), Script: `cat "$1"; exit 9`, Args: []string{file}, PTY: pty})
		if string(res.Output) != want || res.Exit != 9 {
			t.Errorf("pty %v: %q exit %d", pty, res.Output, res.Exit)
		}
	}
	if _, err := h.Job(t.Context(), Job{ID: "run/nul", Script: "echo \x00"}); !errors.Is(err, errNUL) {
		t.Errorf("got %v", err)
	}
}

func TestJobLargeOutput(t *testing.T) {
	if testing.Short() {
		t.Skip("50 MB")
	}
	h, _ := localHost(t)
	sum, bytesSeen, peak := sha256.New(), int64(0), uint64(0)
	var before runtime.MemStats
	runtime.GC()
	runtime.ReadMemStats(&before)
	res, err := h.Job(short(t), Job{ID: "run/large", Script: "yes 'a line of output that is repeated' | head -c 50000000; echo; echo last",
		Output: func(b []byte) {
			sum.Write(b)
			if bytesSeen += int64(len(b)); bytesSeen%(4<<20) < int64(len(b)) {
				var m runtime.MemStats
				runtime.GC() // what is counted is in use, and not only not yet collected
				runtime.ReadMemStats(&m)
				peak = max(peak, m.HeapAlloc)
			}
		}})
	if err != nil {
		t.Fatal(err)
	}
	want := sha256.New()
	text := bytes.Repeat([]byte("a line of output that is repeated\n"), 50000000/34+1)[:50000000]
	want.Write(append(text, "\nlast\n"...))
	if !bytes.Equal(sum.Sum(nil), want.Sum(nil)) || bytesSeen != 50000006 || res.Bytes != bytesSeen {
		t.Errorf("%d bytes, in the result %d", bytesSeen, res.Bytes)
	}
	if len(res.Output) != keptMax || !bytes.HasSuffix(res.Output, []byte("\nlast\n")) {
		t.Errorf("the result holds %d bytes", len(res.Output))
	}
	// The server is in this process too, and both sides hold a window of 2 MiB.
	if used := int64(peak) - int64(before.HeapAlloc); used > 32<<20 {
		t.Errorf("%d MiB of memory in use", used>>20)
	}
	t.Logf("%v", res.Duration)
}

// The connection is cut at many places, in a word as well as between two; nothing
// is lost or doubled, and the script runs once.
func TestJobDroppedConnections(t *testing.T) {
	t.Parallel()
	var lines strings.Builder
	for i := range 60 {
		fmt.Fprintf(&lines, "line %d of the output\n", i)
	}
	for _, at := range []int{1, 60, 150, 250, 400, 700, 1000, 1500} {
		t.Run(fmt.Sprint(at), func(t *testing.T) {
			t.Parallel()
			h, s := localHost(t)
			count := newCounter(t)
			s.DropAfter(at)
			res := follow(t, h, Job{ID: "run/job", Script: count.script() +
				"i=0; while [ $i -lt 60 ]; do echo \"line $i of the output\"; i=$((i+1)); sleep 0.005; done; exit 6"})
			if string(res.Output) != lines.String() || res.Exit != 6 {
				t.Errorf("exit %d\n%s", res.Exit, res.Output)
			}
			count.check(t, 1)
			if s.Connections() < 2 {
				t.Error("nothing was cut")
			}
		})
	}
}

func TestJobDroppedManyTimes(t *testing.T) {
	t.Parallel()
	h, s := localHost(t)
	count := newCounter(t)
	gate := filepath.Join(t.TempDir(), "gate")
	drops := 0
	res, err := h.Job(short(t), Job{ID: "run/job", Args: []string{gate},
		Script: count.script() + `for i in 1 2 3 4 5 6; do echo $i; until [ -e "$1.$i" ]; do sleep 0.005; done; done`,
		Output: func([]byte) {
			drops++
			s.DropConnections()
			if err := os.WriteFile(fmt.Sprint(gate, ".", drops), nil, 0o600); err != nil {
				t.Error(err)
			}
		}})
	if err != nil || string(res.Output) != "1\n2\n3\n4\n5\n6\n" || drops != 6 {
		t.Errorf("%q in %d pieces: %v", res.Output, drops, err)
	}
	count.check(t, 1)
	if s.Connections() < 6 {
		t.Errorf("%d connections", s.Connections())
	}
}

// The part that talks to us is killed on the node; the job is none of its business.
func TestJobSessionKilled(t *testing.T) {
	t.Parallel()
	h, s := localHost(t)
	count := newCounter(t)
	killed := false
	res, err := h.Job(short(t), Job{ID: "run/job", Script: count.script() + "echo one; sleep 0.2; echo two",
		Output: func([]byte) {
			if !killed {
				s.KillSessions()
			}
			killed = true
		}})
	if err != nil || string(res.Output) != "one\ntwo\n" {
		t.Errorf("%q %v", res.Output, err)
	}
	count.check(t, 1)
	if s.Connections() != 1 || len(s.Requests()) != 2 {
		t.Errorf("%d connections, %d sessions", s.Connections(), len(s.Requests()))
	}
}

func TestJobStartedByManyAtOnce(t *testing.T) {
	t.Parallel()
	_, s := localHost(t)
	count := newCounter(t)
	var group sync.WaitGroup
	var mu sync.Mutex
	starters := 0
	for range 6 {
		group.Go(func() {
			d := newDialer(t)
			d.JobDir = s.JobDir()
			h, err := d.Dial(t.Context(), target(s))
			if err != nil {
				t.Error(err)
				return
			}
			defer h.Close()
			res, err := h.Job(short(t), Job{ID: "run/job", Script: count.script() + "echo one; sleep 0.1; echo two; exit 3"})
			if err != nil || string(res.Output) != "one\ntwo\n" || res.Exit != 3 {
				t.Errorf("%q %d %v", res.Output, res.Exit, err)
			}
			mu.Lock()
			defer mu.Unlock()
			if !res.Attached {
				starters++
			}
		})
	}
	group.Wait()
	count.check(t, 1)
	if starters != 1 {
		t.Errorf("%d of them say that they started it", starters)
	}
}

func TestJobTimeout(t *testing.T) {
	t.Parallel()
	h, s := localHost(t)
	count := newCounter(t)
	gate := filepath.Join(t.TempDir(), "gate")
	job := Job{ID: "run/job", Script: count.script() + `echo one; until [ -e "$1" ]; do sleep 0.01; done; echo two`, Args: []string{gate}, Timeout: 10 * time.Second}
	res, err := h.Job(t.Context(), job)
	var running *StillRunningError
	if !errors.As(err, &running) || !running.Seen || string(res.Output) != "one\n" || res.Bytes != 4 {
		t.Fatalf("%+v %v", res, err)
	}
	if want := `node "zva5n1": job "run/job": it goes on on the node, nobody follows it: no end within 10s`; err.Error() != want {
		t.Errorf("got  %s\nwant %s", err, want)
	}
	if !errors.Is(err, context.DeadlineExceeded) {
		t.Error("not a deadline exceeded")
	}
	if st, err := h.JobStatus(t.Context(), job.ID); err != nil || st.State != JobRunning {
		t.Errorf("%+v %v", st, err)
	}
	if err := h.ForgetJob(t.Context(), job.ID); !errors.Is(err, ErrJobRunning) {
		t.Errorf("got %v", err)
	}

	// A second zup takes over where the first has stopped.
	d := newDialer(t)
	d.JobDir = s.JobDir()
	h2 := dial(t, d, target(s))
	if err := os.WriteFile(gate, nil, 0o600); err != nil {
		t.Fatal(err)
	}
	job.Offset, job.Timeout = res.Bytes, 0
	res = follow(t, h2, job)
	if string(res.Output) != "two\n" || !res.Attached {
		t.Errorf("%+v %q", res, res.Output)
	}
	count.check(t, 1)
}

func TestJobEndsWithItsContext(t *testing.T) {
	t.Parallel()
	h, _ := localHost(t)
	ctx, cancel := context.WithCancelCause(t.Context())
	_, err := h.Job(ctx, Job{ID: "run/job", Script: "echo one; sleep 600", Output: func([]byte) { cancel(errors.New("interrupted")) }})
	var running *StillRunningError
	if !errors.As(err, &running) || !strings.HasSuffix(err.Error(), ": interrupted") {
		t.Errorf("got %v", err)
	}
}

func TestJobMismatch(t *testing.T) {
	t.Parallel()
	h, _ := localHost(t)
	follow(t, h, Job{ID: "run/job", Script: "echo one"})
	for _, job := range []Job{{ID: "run/job", Script: "echo two"}, {ID: "run/job", Script: "echo one", Args: []string{"x"}}} {
		_, err := h.Job(t.Context(), job)
		var mismatch *JobMismatchError
		if !errors.As(err, &mismatch) {
			t.Errorf("got %v", err)
		}
	}
}

func TestJobStates(t *testing.T) {
	t.Parallel()
	h, s := localHost(t)
	state := func(want JobState) JobStatus {
		t.Helper()
		st, err := h.JobStatus(t.Context(), "run/job")
		if err != nil || st.State != want {
			t.Errorf("%v, want %v (%v)", st.State, want, err)
		}
		return st
	}
	state(JobNeverStarted)
	if _, err := os.Stat(s.JobDir()); err == nil {
		t.Error("asking made a directory")
	}
	if err := h.ForgetJob(t.Context(), "run/job"); err != nil {
		t.Error(err)
	}
	res := follow(t, h, Job{ID: "run/job", Script: "echo hello; exit 7", Output: nil})
	if st := state(JobDone); st.Exit != 7 || st.Bytes != res.Bytes {
		t.Errorf("%+v", st)
	}
	if err := h.ForgetJob(t.Context(), "run/job"); err != nil {
		t.Error(err)
	}
	state(JobNeverStarted)
	left, _ := os.ReadDir(s.JobDir())
	if len(left) > 0 {
		t.Errorf("%v is left", left)
	}
}

// jobFile returns a file in the directory of job run/job.
func jobFile(s *sshtest.Server, name string) string {
	return filepath.Join(s.JobDir(), "run+job", name)
}

// pids returns the supervisor's and the script's process numbers.
func pids(t *testing.T, s *sshtest.Server) (supervisor, script int) {
	t.Helper()
	text, err := os.ReadFile(jobFile(s, "started"))
	f := strings.Fields(string(text))
	if err != nil || len(f) != 5 {
		t.Fatalf("%q %v", text, err)
	}
	supervisor, _ = strconv.Atoi(f[1])
	script, _ = strconv.Atoi(f[2])
	return supervisor, script
}

// Signals that end sessions mean nothing to the supervisor, and the script has them
// as any other does.
func TestJobSignals(t *testing.T) {
	t.Parallel()
	h, s := localHost(t)
	for _, pty := range []bool{false, true} {
		gate := filepath.Join(t.TempDir(), "gate")
		sent := false
		job := Job{ID: "run/job", PTY: pty, Args: []string{gate},
			Script: `echo one; until [ -e "$1" ]; do sleep 0.01; done; for s in HUP PIPE TERM; do sh -c "kill -$s \$\$"; echo $?; done 2>/dev/null; exit 3`,
			Output: func([]byte) {
				if sent {
					return
				}
				sent = true
				supervisor, _ := pids(t, s)
				for _, sig := range []syscall.Signal{syscall.SIGHUP, syscall.SIGINT, syscall.SIGQUIT, syscall.SIGPIPE, syscall.SIGTERM} {
					syscall.Kill(supervisor, sig)
				}
				if err := os.WriteFile(gate, nil, 0o600); err != nil {
					t.Error(err)
				}
			}}
		res, err := h.Job(short(t), job)
		if err != nil || string(res.Output) != "one\n129\n141\n143\n" || res.Exit != 3 {
			t.Errorf("pty %v: %q exit %d %v", pty, res.Output, res.Exit, err)
		}
		if err := h.ForgetJob(t.Context(), job.ID); err != nil {
			t.Error(err)
		}
	}
}

// When only the supervisor is killed, the job is not over before its last process.
func TestJobWithoutSupervisor(t *testing.T) {
	t.Parallel()
	h, s := localHost(t)
	count := newCounter(t)
	killed := false
	gate := filepath.Join(t.TempDir(), "gate")
	res, err := h.Job(short(t), Job{ID: "run/job", Args: []string{gate},
		Script: count.script() + `echo one; until [ -e "$1" ]; do sleep 0.01; done; echo two; sleep 0.1; echo three`,
		Output: func([]byte) {
			if !killed {
				killed = true
				supervisor, _ := pids(t, s)
				syscall.Kill(supervisor, syscall.SIGKILL)
				if st, err := h.JobStatus(t.Context(), "run/job"); err != nil || st.State != JobRunning {
					t.Errorf("%+v %v", st, err)
				}
				if err := h.ForgetJob(t.Context(), "run/job"); !errors.Is(err, ErrJobRunning) {
					t.Errorf("got %v", err)
				}
				if err := os.WriteFile(gate, nil, 0o600); err != nil {
					t.Error(err)
				}
			}
		}})
	var died *JobDiedError
	if !errors.As(err, &died) || string(res.Output) != "one\ntwo\nthree\n" {
		t.Errorf("%q %v", res.Output, err)
	}
	if want := `node "zva5n1": job "run/job": it ended without an exit status, after 14 bytes of output: it was killed, or the node went down`; err.Error() != want {
		t.Errorf("got %v", err)
	}
	count.check(t, 1)
}

func TestJobDied(t *testing.T) {
	t.Parallel()
	h, s := localHost(t)
	count := newCounter(t)
	job := Job{ID: "run/job", Script: count.script() + "echo one; sleep 30", Output: func([]byte) {
		supervisor, script := pids(t, s)
		syscall.Kill(supervisor, syscall.SIGKILL)
		syscall.Kill(-script, syscall.SIGKILL)
	}}
	_, err := h.Job(short(t), job)
	var died *JobDiedError
	if !errors.As(err, &died) {
		t.Fatalf("got %v", err)
	}
	if st, err := h.JobStatus(t.Context(), job.ID); err != nil || st.State != JobDied {
		t.Errorf("%+v %v", st, err)
	}
	// It is not started again by asking again, only after it was forgotten.
	job.Output = nil
	if _, err := h.Job(short(t), job); !errors.As(err, &died) {
		t.Errorf("got %v", err)
	}
	count.check(t, 1)
	if err := h.ForgetJob(t.Context(), job.ID); err != nil {
		t.Error(err)
	}
	job.Script = count.script()
	follow(t, h, job)
	count.check(t, 2)
}

// Processes of a job whose supervisor is gone are known by their session, and by
// what makes its number unique: the boot, and when the leader was started.
func TestJobKnowsItsProcesses(t *testing.T) {
	t.Parallel()
	h, s := localHost(t)
	job := Job{ID: "run/job", Script: "echo one"}
	follow(t, h, job)
	os.Remove(jobFile(s, "status"))
	leader := exec.Command("sleep", "60")
	leader.SysProcAttr = &syscall.SysProcAttr{Setsid: true}
	if err := leader.Start(); err != nil {
		t.Fatal(err)
	}
	defer leader.Wait()
	defer leader.Process.Kill()
	stat, err := os.ReadFile(fmt.Sprintf("/proc/%d/stat", leader.Process.Pid))
	if err != nil {
		t.Fatal(err)
	}
	ticks := strings.Fields(string(stat))[21]
	boot, err := os.ReadFile("/proc/sys/kernel/random/boot_id")
	if err != nil {
		t.Fatal(err)
	}
	for _, c := range []struct {
		what, ticks, boot string
		want              JobState
	}{
		{"the same", ticks, strings.TrimSpace(string(boot)), JobRunning},
		{"started at another time", "1", strings.TrimSpace(string(boot)), JobDied},
		{"of another boot", ticks, "11111111-2222-3333-4444-555555555555", JobDied},
	} {
		line := fmt.Sprintf("1700000000 1 %d %s %s\n", leader.Process.Pid, c.ticks, c.boot)
		if err := os.WriteFile(jobFile(s, "started"), []byte(line), 0o600); err != nil {
			t.Fatal(err)
		}
		if st, err := h.JobStatus(t.Context(), job.ID); err != nil || st.State != c.want {
			t.Errorf("%s: %v, want %v (%v)", c.what, st.State, c.want, err)
		}
	}
	os.Remove(jobFile(s, "started"))
}

// What a job prints last is not lost, however close to its end.
func TestJobOutputIsComplete(t *testing.T) {
	t.Parallel()
	h, _ := localHost(t)
	for i := range 40 {
		res := follow(t, h, Job{ID: fmt.Sprint("run/", i), PTY: i%2 == 1, Script: "i=0; while [ $i -lt 400 ]; do i=$((i+1)); echo $i; done; sleep 0.01; printf %03000d 1"})
		if n := bytes.Count(res.Output, []byte("\n")); n != 400 || !bytes.HasSuffix(res.Output, []byte("0001")) {
			t.Errorf("%d lines and %d bytes", n, len(res.Output))
		}
	}
}

func TestJobOffsetBeyondTheEnd(t *testing.T) {
	t.Parallel()
	h, _ := localHost(t)
	job := Job{ID: "run/job", Script: "echo one"}
	follow(t, h, job)
	job.Offset = 5
	_, err := h.Job(t.Context(), job)
	if want := `node "zva5n1": job "run/job": its output has 4 bytes, and 5 were asked for or received`; err == nil || err.Error() != want {
		t.Errorf("got %v", err)
	}
}

// A start that was cut off leaves a directory without the file "started": then the
// script never ran, and the next one starts it.
func TestJobHalfStarted(t *testing.T) {
	t.Parallel()
	h, s := localHost(t)
	count := newCounter(t)
	if err := os.MkdirAll(jobFile(s, ""), 0o700); err != nil {
		t.Fatal(err)
	}
	for _, name := range []string{"lock", "script", "script.new", "out", "status.new"} {
		if err := os.WriteFile(jobFile(s, name), nil, 0o600); err != nil {
			t.Fatal(err)
		}
	}
	if st, err := h.JobStatus(t.Context(), "run/job"); err != nil || st.State != JobNeverStarted {
		t.Errorf("%+v %v", st, err)
	}
	res := follow(t, h, Job{ID: "run/job", Script: count.script() + "echo one"})
	if res.Attached || string(res.Output) != "one\n" {
		t.Errorf("%+v", res)
	}
	count.check(t, 1)
}

// While somebody else holds the lock of a job that has not started, it is being
// started; if that one dies, the next in line starts it.
func TestJobStartTakenOver(t *testing.T) {
	t.Parallel()
	h, s := localHost(t)
	count := newCounter(t)
	if err := os.MkdirAll(jobFile(s, ""), 0o700); err != nil {
		t.Fatal(err)
	}
	lock, err := os.Create(jobFile(s, "lock"))
	if err != nil {
		t.Fatal(err)
	}
	if err := syscall.Flock(int(lock.Fd()), syscall.LOCK_EX); err != nil {
		t.Fatal(err)
	}
	_, err = h.Job(t.Context(), Job{ID: "run/job", Script: count.script(), Timeout: 150 * time.Millisecond})
	var running *StillRunningError
	if !errors.As(err, &running) || running.Seen {
		t.Errorf("got %v", err)
	}
	contains(t, "error", err.Error(), "it is not known whether it was started")
	count.check(t, 0)
	lock.Close()
	follow(t, h, Job{ID: "run/job", Script: count.script()})
	count.check(t, 1)
}

func TestJobDirectoryIsPrivate(t *testing.T) {
	t.Parallel()
	h, s := localHost(t)
	file := filepath.Join(t.TempDir(), "made by the script")
	follow(t, h, Job{ID: "run/job", Script: `umask; : >"$1"`, Args: []string{file}})
	for _, name := range []string{"", "script", "out", "status", "started"} {
		if i, err := os.Stat(jobFile(s, name)); err != nil || i.Mode().Perm()&0o077 != 0 {
			t.Errorf("%s: %v %v", name, i.Mode(), err)
		}
	}
	// The script itself has the mask of any other session.
	if i, err := os.Stat(file); err != nil || i.Mode().Perm() != 0o644 {
		t.Errorf("%v %v", i.Mode(), err)
	}
}

func TestJobDirectoryThatCannotBeMade(t *testing.T) {
	t.Parallel()
	s := sshtest.New(t, sshtest.Config{Local: true})
	d := newDialer(t)
	d.JobDir = "/proc/zup"
	h := dial(t, d, target(s))
	_, err := h.Job(t.Context(), Job{ID: "run/job", Script: "echo no"})
	if err == nil || err.Error() != `node "zva5n1": job "run/job": on the node: mkdir /proc/zup: No such file or directory` {
		t.Errorf("got %v", err)
	}
}

// ---- over connections that fail in time

func TestJobOutlivesFrozenLink(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s, d, to := inMemory(t)
		s.Answer("update", sshtest.Reply{Stdout: "begun\n", Delay: time.Minute, Exit: 3})
		h := dial(t, d, to)
		start := time.Now()
		go func() {
			time.Sleep(7 * time.Second)
			s.Freeze(true)
		}()
		res, err := h.Job(t.Context(), Job{ID: "run/job", Script: "update"})
		if err != nil || res.Exit != 3 || string(res.Output) != "begun\n" {
			t.Errorf("%+v %v", res, err)
		}
		if took := time.Since(start); took != time.Minute {
			t.Errorf("it took %v", took)
		}
		if s.Connections() != 2 {
			t.Errorf("%d connections", s.Connections())
		}
		s.Freeze(false)
		h.Close()
		d.Close()
	})
}

// A node that is down for long is waited for as long as Timeout allows, with few
// attempts.
func TestJobWaitsForTheNode(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s, d, to := inMemory(t)
		s.Answer("update", sshtest.Reply{Stdout: "begun\n", Delay: 2 * time.Minute})
		h := dial(t, d, to)
		go func() {
			time.Sleep(10 * time.Second)
			s.RefuseNext(1000, "")
			s.DropConnections()
			time.Sleep(5 * time.Minute)
			s.RefuseNext(0, "")
		}()
		res, err := h.Job(t.Context(), Job{ID: "run/job", Script: "update", Timeout: time.Hour})
		if err != nil || string(res.Output) != "begun\n" {
			t.Errorf("%+v %v", res, err)
		}
		if n := s.Connections(); n > 60 {
			t.Errorf("%d connections", n)
		}

		s.Answer("again", sshtest.Reply{Delay: time.Hour})
		s.DropConnections()
		go func() {
			time.Sleep(10 * time.Second)
			s.RefuseNext(1000, "")
			s.DropConnections()
		}()
		start := time.Now()
		_, err = h.Job(t.Context(), Job{ID: "run/again", Script: "again", Timeout: time.Minute})
		var running *StillRunningError
		if !errors.As(err, &running) || !running.Seen || time.Since(start) != time.Minute {
			t.Errorf("%v after %v", err, time.Since(start))
		}
		h.Close()
		d.Close()
	})
}

// What the operator has to mend ends the attempts at once.
func TestJobStopsAtAChangedHost(t *testing.T) {
	t.Parallel()
	s, impostor := sshtest.New(t, sshtest.Config{}), sshtest.New(t, sshtest.Config{})
	until := make(chan struct{})
	defer close(until)
	s.Answer("update", sshtest.Reply{Stdout: "begun\n", Until: until})
	var mu sync.Mutex
	now := s
	d := newDialer(t)
	d.DialContext = sshtest.Network{}.DialContext
	current := func() *sshtest.Server { mu.Lock(); defer mu.Unlock(); return now }
	d.DialContext = dialerTo(current)
	h := dial(t, d, target(s))
	_, err := h.Job(short(t), Job{ID: "run/job", Script: "update", Output: func([]byte) {
		mu.Lock()
		now = impostor
		mu.Unlock()
		s.DropConnections()
	}})
	var running *StillRunningError
	var changed *HostKeyChangedError
	if !errors.As(err, &running) || !errors.As(err, &changed) {
		t.Errorf("got %v", err)
	}
}

// Nothing was sent: then the job was not started, and the error says only why.
func TestJobThatWasNotSent(t *testing.T) {
	t.Parallel()
	s := sshtest.New(t, sshtest.Config{})
	h := dial(t, newDialer(t), target(s))
	s.RefuseNext(100, "")
	s.DropConnections()
	<-h.conn.gone
	_, err := h.Job(t.Context(), Job{ID: "run/job", Script: "update"})
	var running *StillRunningError
	if errors.As(err, &running) || !errors.Is(err, ErrHangup) {
		t.Errorf("got %v", err)
	}
}

// What is in a job's folder is run: where a link or somebody else's stands in the way of
// the folder, nothing is begun, and nothing is written where the link leads.
func TestJobIsNotBegunInSomebodyElsesFolder(t *testing.T) {
	t.Parallel()
	for name, prepare := range map[string]func(dir, elsewhere string) error{
		"zup's is a link": func(dir, elsewhere string) error { return os.Symlink(elsewhere, dir) },
		"the jobs' is a link": func(dir, elsewhere string) error {
			return errors.Join(os.Mkdir(dir, 0o700), os.Symlink(elsewhere, dir+"/jobs"))
		},
		"its own is a link": func(dir, elsewhere string) error {
			return errors.Join(os.MkdirAll(dir+"/jobs", 0o700), os.Symlink(elsewhere, dir+"/jobs/run+job"))
		},
		"the jobs' is somebody else's": func(dir, elsewhere string) error {
			return errors.Join(os.MkdirAll(dir+"/jobs", 0o755), os.Chown(dir+"/jobs", 65534, 65534))
		},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			if strings.Contains(name, "somebody else") && os.Getuid() != 0 {
				skip(t, "needs root, to give a folder away")
			}
			h, _ := localHost(t)
			dir, elsewhere, count := filepath.Join(t.TempDir(), "zup"), t.TempDir(), newCounter(t)
			if err := prepare(dir, elsewhere); err != nil {
				t.Fatal(err)
			}
			h.dialer.JobDir = dir + "/jobs"
			_, err := h.Job(short(t), Job{ID: "run/job", Script: count.script()})
			if err == nil || !strings.Contains(err.Error(), "is not a folder of root's: remove it, and nothing of zup's is lost") {
				t.Errorf("got %v", err)
			}
			count.check(t, 0)
			if left, _ := filepath.Glob(elsewhere + "/jobs/*/*"); len(left) > 0 {
				t.Errorf("it followed the link: %v", left)
			}
		})
	}
	// One that everybody may write to becomes root's alone.
	h, _ := localHost(t)
	dir := filepath.Join(t.TempDir(), "zup")
	if err := errors.Join(os.MkdirAll(dir+"/jobs", 0o755), os.Chmod(dir, 0o777), os.Chmod(dir+"/jobs", 0o777)); err != nil {
		t.Fatal(err)
	}
	h.dialer.JobDir = dir + "/jobs"
	follow(t, h, Job{ID: "run/job", Script: "echo hello"})
	for _, d := range []string{"", "/jobs", "/jobs/run+job"} {
		if info, err := os.Lstat(dir + d); err != nil || info.Mode() != os.ModeDir|0o700 {
			t.Errorf("%s: %v %v", d, info.Mode(), err)
		}
	}
}
