package ssh

import (
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"zup/providers/ssh/sshtest"
)

// askTwice behaves like an updater: it asks on the terminal, gives up without an
// answer, and its exit status says nothing.
const askTwice = `
printf 'Are you sure? [y/N] '; read a || { echo Abort.; exit 0; }
echo "sure: <$a>"
printf 'Do you want to continue? [Y/n] '; read b || { echo Abort.; exit 0; }
echo "continue: <$b>"
`

const askTwiceOutput = "Are you sure? [y/N] y\nsure: <y>\nDo you want to continue? [Y/n] Y\ncontinue: <Y>\n"

func askTwicePrompts() []Prompt {
	return []Prompt{
		{Name: "sure", Match: `Are you sure\? \[y/N\] $`, Answer: "y"},
		{Name: "continue", Match: `Do you want to continue\? \[Y/n\] $`, Answer: "Y"},
	}
}

func TestJobPrompts(t *testing.T) {
	t.Parallel()
	h, _ := localHost(t)
	count := newCounter(t)
	// Without PromptQuiet: the job was seen to wait.
	res := follow(t, h, Job{ID: "run/job", Script: count.script() + askTwice, Prompts: askTwicePrompts(), PromptQuiet: time.Hour})
	if string(res.Output) != askTwiceOutput || res.Exit != 0 {
		t.Errorf("%q exit %d", res.Output, res.Exit)
	}
	count.check(t, 1)
}

func TestJobTerminal(t *testing.T) {
	t.Parallel()
	h, _ := localHost(t)
	res := follow(t, h, Job{ID: "run/job", PTY: true, Script: `tty -s && echo terminal; tty -s <&1 && echo out; stty size; echo "$TERM"; trap 'echo hup' HUP; printf 'a\nb\n'; ps -o tty= -p $$ | grep -q pts && echo controlling`})
	if got, want := string(res.Output), "terminal\nout\n24 200\ndumb\na\nb\ncontrolling\n"; got != want {
		t.Errorf("got %q, want %q", got, want)
	}
	res = follow(t, h, Job{ID: "run/plain", Script: `tty -s || echo none; ps -o tty= -p $$; test -t 1 || echo file`})
	if got, want := string(res.Output), "none\n?\nfile\n"; strings.ReplaceAll(got, " ", "") != want {
		t.Errorf("got %q, want %q", got, want)
	}
}

// A question without an answer gets end of input, and what comes of it is told.
func TestJobUnknownPrompt(t *testing.T) {
	t.Parallel()
	h, _ := localHost(t)
	job := Job{ID: "run/job", Script: askTwice, Prompts: askTwicePrompts()[:1], PromptQuiet: 100 * time.Millisecond}
	res, err := h.Job(short(t), job)
	var unknown *UnknownPromptError
	if !errors.As(err, &unknown) || !unknown.Ended || unknown.Exit != 0 || unknown.ID != job.ID {
		t.Fatalf("got %v", err)
	}
	want := `node "zva5n1": job "run/job": it asks what no prompt answers: "Do you want to continue? [Y/n]"; it was given end of input and ended with exit status 0`
	if err.Error() != want {
		t.Errorf("got  %s\nwant %s", err, want)
	}
	if !strings.HasSuffix(string(res.Output), "[Y/n] Abort.\n") {
		t.Errorf("%q", res.Output)
	}

	// Whoever attaches later learns the same.
	_, err = h.Job(short(t), job)
	if err == nil || err.Error() != want {
		t.Errorf("got  %v\nwant %s", err, want)
	}
}

// Closed is closed: a question that comes later gets no answer either, even a known
// one.
func TestJobClosedForGood(t *testing.T) {
	t.Parallel()
	h, _ := localHost(t)
	_, err := h.Job(short(t), Job{ID: "run/job", PromptQuiet: 100 * time.Millisecond, Prompts: askTwicePrompts(),
		Script: "printf 'Who are you? '; read a; echo \"<$a> $?\"" + askTwice})
	var unknown *UnknownPromptError
	if !errors.As(err, &unknown) || !unknown.Ended || unknown.Text != "Who are you?" {
		t.Fatalf("got %v", err)
	}
	res, _ := h.Job(short(t), Job{ID: "run/job", Prompts: askTwicePrompts(),
		Script: "printf 'Who are you? '; read a; echo \"<$a> $?\"" + askTwice})
	if got, want := string(res.Output), "Who are you? <> 1\nAre you sure? [y/N] Abort.\n"; got != want {
		t.Errorf("got %q, want %q", got, want)
	}
}

func TestJobAsksTooOften(t *testing.T) {
	t.Parallel()
	h, _ := localHost(t)
	_, err := h.Job(short(t), Job{ID: "run/job", Script: `for i in 1 2 3 4; do printf 'More? '; read a || exit 5; done`,
		Prompts: []Prompt{{Name: "more", Match: `More\? $`, Answer: "y", Max: 2}}})
	want := `node "zva5n1": job "run/job": it asks "more" more often than allowed: "More?"; it was given end of input and ended with exit status 5`
	if err == nil || err.Error() != want {
		t.Errorf("got  %v\nwant %s", err, want)
	}
}

// The question of a hostile node is shown as a terminal would have left it, harmless.
func TestJobUnknownPromptIsEscaped(t *testing.T) {
	t.Parallel()
	h, _ := localHost(t)
	_, err := h.Job(short(t), Job{ID: "run/job", PTY: true, PromptQuiet: 100 * time.Millisecond, Script: `printf '\033]0;owned\007 \033[7m\342\200\256ok? '; read a || exit 1`})
	if err == nil || !strings.Contains(err.Error(), `: "\u202eok?"; `) {
		t.Errorf("got %v", err)
	}
}

// A job that goes on when its input was closed is left alone.
func TestJobThatDoesNotMindTheEnd(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s, d, to := inMemory(t)
		s.Answer("ask", sshtest.Reply{Prompts: []sshtest.Prompt{{Text: "Who? "}}, Delay: time.Hour})
		h := dial(t, d, to)
		start := time.Now()
		_, err := h.Job(t.Context(), Job{ID: "run/job", Script: "ask", PTY: true})
		want := `node "zva5n1": job "run/job": it asks what no prompt answers: "Who?"; it was given end of input and is still running`
		if err == nil || err.Error() != want {
			t.Errorf("got  %v\nwant %s", err, want)
		}
		if took := time.Since(start); took != 15*time.Second {
			t.Errorf("it took %v, want 5s of silence and 10s of grace", took)
		}
		if hint(err) == "" {
			t.Error("no hint")
		}
		h.Close()
		d.Close()
	})
}

// Connections are cut all along the dialogue: every question is answered exactly
// once. An answer too many would show: the script reads on.
func TestJobPromptsOverDroppedConnections(t *testing.T) {
	t.Parallel()
	const script = askTwice + `
read -r c && echo "too much: <$c>"
`
	for at := 100; at <= 1500; at += 100 {
		t.Run(fmt.Sprint(at), func(t *testing.T) {
			t.Parallel()
			h, s := localHost(t)
			count := newCounter(t)
			s.DropAfter(at)
			_, err := h.Job(short(t), Job{ID: "run/job", Script: count.script() + script, Prompts: askTwicePrompts(), PromptQuiet: 300 * time.Millisecond})
			// The last read has no prompt: that ends it.
			var unknown *UnknownPromptError
			if !errors.As(err, &unknown) || !unknown.Ended {
				t.Errorf("got %v", err)
			}
			out, err := os.ReadFile(jobFile(s, "out"))
			if err != nil || string(out) != askTwiceOutput {
				t.Errorf("got %q %v", out, err)
			}
			answers, _ := os.ReadFile(jobFile(s, "answers"))
			if got := strings.Count(string(answers), "answer "); got != 2 {
				t.Errorf("%d answers:\n%s", got, answers)
			}
			count.check(t, 1)
		})
	}
}

// Two zups follow one job and know the answers: each question gets one.
func TestJobPromptsWithTwoFollowers(t *testing.T) {
	t.Parallel()
	h, s := localHost(t)
	count := newCounter(t)
	const script = `i=0; while [ $i -lt 20 ]; do i=$((i+1)); printf "$i? "; read a; echo "<$a>"; done`
	prompts := []Prompt{{Name: "number", Match: `\d+\? $`, Answer: "ok", Max: 20}}
	var want strings.Builder
	for i := range 20 {
		fmt.Fprintf(&want, "%d? ok\n<ok>\n", i+1)
	}
	d := newDialer(t)
	d.JobDir = s.JobDir()
	h2 := dial(t, d, target(s))
	var group sync.WaitGroup
	for _, h := range []*Host{h, h2} {
		group.Go(func() {
			res, err := h.Job(short(t), Job{ID: "run/job", Script: count.script() + script, Prompts: prompts})
			if err != nil || string(res.Output) != want.String() {
				t.Errorf("%v\n%s", err, res.Output)
			}
		})
	}
	group.Wait()
	count.check(t, 1)
}

// An answer is written down before it is given: a second process that takes over in
// between sees that it was.
func TestJobAnswersAreKnownLater(t *testing.T) {
	t.Parallel()
	h, s := localHost(t)
	const script = askTwice
	ctx, cancel := context.WithCancel(short(t))
	var printed strings.Builder
	_, err := h.Job(ctx, Job{ID: "run/job", Script: script, Prompts: askTwicePrompts()[:1], PromptQuiet: time.Hour, Output: func(b []byte) {
		if printed.Write(b); strings.HasSuffix(printed.String(), "[Y/n] ") {
			cancel()
		}
	}})
	var running *StillRunningError
	if !errors.As(err, &running) {
		t.Fatalf("got %v", err)
	}
	d := newDialer(t)
	d.JobDir = s.JobDir()
	h2 := dial(t, d, target(s))
	for _, offset := range []int64{0, 20, 45} {
		res := follow(t, h2, Job{ID: "run/job", Script: script, Prompts: askTwicePrompts(), Offset: offset})
		if string(res.Output) != askTwiceOutput[offset:] {
			t.Errorf("%q", res.Output)
		}
	}
}

// Somebody who waits in select is not seen to read. The prompt is answered after a
// silence.
func TestJobPromptInSelect(t *testing.T) {
	t.Parallel()
	h, _ := localHost(t)
	start := time.Now()
	res := follow(t, h, Job{ID: "run/job", PromptQuiet: 400 * time.Millisecond,
		Script:  `perl -e '$| = 1; print "Go on? "; vec($r, 0, 1) = 1; select $r, undef, undef, 20 or die; sysread STDIN, $_, 10; print "got $_"'`,
		Prompts: []Prompt{{Name: "go", Match: `Go on\? $`, Answer: "y"}}})
	if string(res.Output) != "Go on? y\ngot y\n" || res.Exit != 0 {
		t.Errorf("%q exit %d", res.Output, res.Exit)
	}
	if took := time.Since(start); took < 400*time.Millisecond {
		t.Errorf("answered after %v", took)
	}
}

// apt gives dpkg a terminal of its own: the one who waits reads from that.
func TestJobPromptOnInnerTerminal(t *testing.T) {
	t.Parallel()
	if _, err := exec.LookPath("script"); err != nil {
		skip(t, "needs script(1) of bsdutils, for a terminal inside the terminal")
	}
	h, _ := localHost(t)
	res := follow(t, h, Job{ID: "run/job", PromptQuiet: time.Hour,
		Script:  `script -qec "sh -c 'printf \"conffile [default=N] ? \"; read a; echo \"<\$a>\"'" /dev/null`,
		Prompts: []Prompt{{Name: "conffile", Match: `default=N\] \? $`, Answer: "N"}}})
	if !strings.Contains(string(res.Output), "<N>") {
		t.Errorf("%q", res.Output)
	}
}

// While a job is at work nothing is typed ahead, however much its unfinished line
// looks like a question that is known.
func TestJobAtWorkIsNotAsking(t *testing.T) {
	t.Parallel()
	h, s := localHost(t)
	res := follow(t, h, Job{ID: "run/job", PromptQuiet: 50 * time.Millisecond, Args: []string{jobFile(s, "answers")},
		Script:  `printf 'Proceed? '; perl -e 'my $end = time + 2; 1 while time < $end'; [ -e "$1" ] && echo early; read a; echo "<$a>"`,
		Prompts: []Prompt{{Name: "proceed", Match: `Proceed\? $`, Answer: "y"}}})
	if string(res.Output) != "Proceed? y\n<y>\n" {
		t.Errorf("%q", res.Output)
	}
}
