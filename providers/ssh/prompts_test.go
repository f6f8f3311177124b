package ssh

import (
	"strings"
	"testing"
	"time"
)

func newPrompter(t *testing.T, prompts ...Prompt) *prompter {
	t.Helper()
	rules, err := compile(prompts)
	if err != nil {
		t.Fatal(err)
	}
	p := &prompter{rules: rules, quiet: 5 * time.Second}
	p.attach(0, time.Unix(0, 0))
	return p
}

// show says what an order is.
func show(o order) string {
	switch {
	case o.answer != nil:
		return "answer " + o.answer.Name
	case o.close != nil && o.close.Prompt != "":
		return "close " + o.close.Prompt + ": " + o.close.Text
	case o.close != nil:
		return "close: " + o.close.Text
	case o.wait > 0:
		return "wait " + o.wait.String()
	}
	return "nothing"
}

func TestDecide(t *testing.T) {
	t.Parallel()
	prompts := []Prompt{
		{Name: "sure", Match: `Are you sure\? \[y/N\] $`, Answer: "y"},
		{Name: "continue", Match: `Do you want to continue\? \[Y/n\]`, Answer: "y", Max: 2},
		{Name: "conffile", Match: `(?s)Configuration file '/etc/foo'.*default=N\] \? $`, Answer: "N"},
	}
	const silence = 5 * time.Second
	for _, c := range []struct {
		name    string
		output  string
		state   string
		silence time.Duration
		want    string
	}{
		{"nothing printed, nothing known", "", "", 0, "nothing"},
		{"seen to wait", "Are you sure? [y/N] ", "reading", 0, "answer sure"},
		{"not known yet whether it waits", "Are you sure? [y/N] ", "", time.Hour, "nothing"},
		{"at work", "Are you sure? [y/N] ", "busy", time.Hour, "nothing"},
		{"not seen to wait", "Are you sure? [y/N] ", "idle", 0, "wait 5s"},
		{"not seen to wait, silent", "Are you sure? [y/N] ", "idle", silence, "answer sure"},
		{"the kernel does not tell", "Are you sure? [y/N] ", "unknown", silence, "answer sure"},
		{"the line went on", "Are you sure? [y/N] Abort.", "reading", 0, "wait 5s"},
		{"the line is finished", "Do you want to continue? [Y/n] Abort.\n", "idle", time.Hour, "nothing"},
		{"earlier in the output", "Do you want to continue? [Y/n]\nfoo\nName: ", "reading", silence, "close: Name:"},
		{"both earlier and now", "Do you want to continue? [Y/n]\nDo you want to continue? [Y/n] ", "reading", 0, "answer continue"},
		{"over several lines", "Configuration file '/etc/foo'\n ==> Modified\n*** foo (Y/I/N/O/D/Z) [default=N] ? ", "reading", 0, "answer conffile"},
		{"another file", "Configuration file '/etc/bar'\n ==> Modified\n*** bar (Y/I/N/O/D/Z) [default=N] ? ", "reading", 0, "wait 5s"},
		{"another file, silent", "Configuration file '/etc/bar'\n*** bar [default=N] ? ", "reading", silence, "close: *** bar [default=N] ?"},
		{"coloured", "\x1b[1mAre you sure?\x1b[0m [y/N] \x1b[0m", "reading", 0, "answer sure"},
		{"a colour that has not ended yet", "Are you sure? [y/N] \x1b[3", "reading", 0, "wait 5s"},
		{"beside a progress bar", "Are you sure? [y/N] \x1b7\x1b[24;0f\x1b[42mProgress: [ 40%]\x1b[49m [####......] \x1b8", "reading", 0, "answer sure"},
		{"title and colours", "\x1b]0;apt\x07\x1b[33mName:\x1b[0m ", "reading", silence, "close: Name:"},
		{"question with line feed", "Do you want to continue? [Y/n]\n", "reading", 0, "answer continue"},
		{"question with line feed, nobody reads", "Do you want to continue? [Y/n]\n", "idle", time.Hour, "nothing"},
		{"waits without a word", "", "reading", silence, "close: "},
		{"progress overwritten", "10%\r20%\rWho are you? ", "reading", silence, "close: Who are you?"},
		{"looks like a question, nobody reads", "Who are you? ", "idle", silence, "wait 55s"},
		{"looks like one for long", "Who are you? ", "idle", time.Minute, "close: Who are you?"},
		{"looks like none", "Unpacking foo (1.2) ... ", "idle", time.Hour, "nothing"},
		{"a percentage", "Reading database ... 45%", "unknown", time.Hour, "nothing"},
		{"too long ago", "Do you want to continue? [Y/n]" + strings.Repeat(".", 5000), "reading", silence, "close: " + strings.Repeat(".", 4096)},
	} {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			p := newPrompter(t, prompts...)
			p.output([]byte(c.output), time.Unix(100, 0))
			p.processes(c.state, time.Unix(100, 0))
			if got := show(p.decide(time.Unix(100, 0).Add(c.silence))); got != c.want {
				t.Errorf("got %q, want %q", got, c.want)
			}
		})
	}
}

func TestDecideCountsAnswers(t *testing.T) {
	t.Parallel()
	p := newPrompter(t, Prompt{Name: "more", Match: `More\? `, Answer: "y", Max: 2})
	now := time.Unix(100, 0)
	for i, want := range []string{"answer more", "answer more", "close more: More?"} {
		p.output([]byte("More? "), now)
		p.processes("reading", now)
		if got := show(p.decide(now)); got != want {
			t.Errorf("%d: got %q, want %q", i, got, want)
		}
		p.pending = true
		if got := show(p.decide(now)); got != "nothing" {
			t.Errorf("%d: while one is under way: %q", i, got)
		}
		p.answered(i+1, p.offset, "more", now)
		// What was answered is not a question any more, although its line goes on.
		p.processes("reading", now)
		if got := show(p.decide(now)); got != "wait 5s" {
			t.Errorf("%d: after the answer: %q", i, got)
		}
	}
}

// An answer that another zup gave belongs to a place in the output, which may lie
// before what was received since.
func TestDecideAfterAnswerOfAnother(t *testing.T) {
	t.Parallel()
	p := newPrompter(t, Prompt{Name: "a", Match: `A\?`, Answer: "y"}, Prompt{Name: "b", Match: `B\?`, Answer: "y"})
	now := time.Unix(100, 0)
	p.attach(1000, now)
	p.recall([]byte("... A? y\nB"))
	p.output([]byte("? "), now)
	p.answered(1, 996, "a", now)
	p.processes("reading", now)
	if got := show(p.decide(now)); got != "answer b" {
		t.Errorf("got %q, text %q", got, p.text)
	}
	if p.next != 2 {
		t.Errorf("the next answer is number %d", p.next)
	}
}

// Silence begins when the processes come to rest: the question of a job that slept
// for long may be a moment behind the news that it waits.
func TestDecideSilenceBeginsWithTheWait(t *testing.T) {
	t.Parallel()
	p := newPrompter(t)
	p.output([]byte("one\n"), time.Unix(100, 0))
	p.processes("idle", time.Unix(100, 0))
	p.processes("reading", time.Unix(500, 0))
	if got := show(p.decide(time.Unix(501, 0))); got != "wait 4s" {
		t.Errorf("got %q", got)
	}
}

// The end of a job's work starts the silence anew.
func TestDecideBusyIsNotSilent(t *testing.T) {
	t.Parallel()
	p := newPrompter(t)
	p.output([]byte("Who? "), time.Unix(100, 0))
	p.processes("busy", time.Unix(100, 0))
	p.processes("idle", time.Unix(500, 0))
	if got := show(p.decide(time.Unix(510, 0))); got != "wait 50s" {
		t.Errorf("got %q", got)
	}
}

func TestPromptsThatAreRefused(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		prompt Prompt
		want   string
	}{
		{Prompt{Match: "x"}, `prompt "": it needs a name of its own, of letters, digits, ".", "_" and "-"`},
		{Prompt{Name: "a b", Match: "x"}, `prompt "a b": it needs a name of its own, of letters, digits, ".", "_" and "-"`},
		{Prompt{Name: "@", Match: "x"}, `prompt "@": it needs a name of its own, of letters, digits, ".", "_" and "-"`},
		{Prompt{Name: "a", Match: "("}, "prompt \"a\": error parsing regexp: missing closing ): `(`"},
		{Prompt{Name: "a", Match: ".*"}, `prompt "a": it matches when there is no question`},
		{Prompt{Name: "a", Match: "x", Answer: "y\ny"}, `prompt "a": the answer must be one line`},
	} {
		if _, err := compile([]Prompt{c.prompt}); err == nil || err.Error() != c.want {
			t.Errorf("got %v, want %s", err, c.want)
		}
	}
	if _, err := compile([]Prompt{{Name: "a", Match: "x"}, {Name: "a", Match: "y"}}); err == nil {
		t.Error("two prompts of one name")
	}
}
