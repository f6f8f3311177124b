package ssh

import (
	"bytes"
	"errors"
	"fmt"
	"regexp"
	"strings"
	"time"

	"zup/plan/escape"
)

// A Prompt is a question that a job may ask on its terminal, and the answer.
//
// A job asks when one of its processes sits in a read from a terminal, which the
// node can see; then a matching prompt is answered at once. Where that cannot be
// seen (the process waits in select, or the kernel does not tell), a matching
// prompt is answered after PromptQuiet. Every answer is written down on the node
// before it is given, so that no question is answered twice, whoever attaches.
type Prompt struct {
	Name   string // letters, digits, ".", "_" and "-"
	Match  string // RE2; its match has to reach into the last line, after the previous answer, as a terminal shows it: without colours
	Answer string // without the line feed
	Max    int    // how often it may be asked; 0: once
}

// An UnknownPromptError says that a job asked something that nobody has an answer
// for. It was given end of input instead, for good.
type UnknownPromptError struct {
	ID     string
	Text   string // the question, as printed; hostile until it was escaped
	Prompt string // the prompt that was asked more than Max times; "": none matches
	Ended  bool   // the job has ended since; otherwise it was still running a while later
	Exit   int    // its exit status if it has
}

func (e *UnknownPromptError) Error() string {
	what := "it asks what no prompt answers"
	if e.Prompt != "" {
		what = fmt.Sprintf("it asks %q more often than allowed", e.Prompt)
	}
	end := "is still running"
	if e.Ended {
		end = fmt.Sprintf("ended with exit status %d", e.Exit)
	}
	return fmt.Sprintf("%s: \"%s\"; it was given end of input and %s", what, strings.TrimSpace(escape.Printed(e.Text)), end)
}

// Hint says what to look at.
func (e *UnknownPromptError) Hint() string {
	if e.Ended {
		return "read its output, settle the question on the node by hand, then plan again"
	}
	return "log in to the node and look at what the job waits for; it is not ended by zup"
}

const (
	questionQuiet = 60 * time.Second // silence after which what only looks like a question is taken for one
	recallMax     = 4096             // bytes of output that a prompt may match in
	closeGrace    = 10 * time.Second // how long a job whose input was closed may be silent before it counts as stuck
)

// A rule is a Prompt ready for use.
type rule struct {
	Prompt
	match *regexp.Regexp
}

func compile(prompts []Prompt) ([]rule, error) {
	var rules []rule
	names := map[string]bool{}
	for _, p := range prompts {
		if p.Name == "" || strings.Trim(p.Name, plain) != "" || strings.ContainsAny(p.Name, "/:,@%+") || names[p.Name] {
			return nil, fmt.Errorf("prompt %q: it needs a name of its own, of letters, digits, \".\", \"_\" and \"-\"", p.Name)
		}
		if strings.ContainsAny(p.Answer, "\n\x00") {
			return nil, fmt.Errorf("prompt %q: the answer must be one line", p.Name)
		}
		re, err := regexp.Compile(p.Match)
		if err == nil && re.MatchString("") {
			err = errors.New("it matches when there is no question")
		}
		if err != nil {
			return nil, fmt.Errorf("prompt %q: %w", p.Name, err)
		}
		names[p.Name] = true
		p.Max = max(p.Max, 1)
		rules = append(rules, rule{p, re})
	}
	return rules, nil
}

// A prompter decides when to answer what. It knows what the node tells: output,
// answers that are written down, and what the job's processes are at. It does
// nothing by itself.
//
//	watching --a rule matches--> pending --the node wrote it down--> watching
//	    '------no rule does----> pending --the node wrote it down--> closed
type prompter struct {
	rules []rule
	quiet time.Duration // PromptQuiet

	text    []byte         // output after the last answer, the last recallMax bytes
	offset  int64          // of its end
	given   map[string]int // answers by prompt
	next    int            // number of the next answer
	pending bool           // an order was given and is not written down yet
	state   string         // what the processes are at: "reading", "busy", "idle", "unknown"; "": not known since the last move
	moved   time.Time      // when something last happened
	closed  *UnknownPromptError
}

// attach forgets everything: the node tells it again.
func (p *prompter) attach(offset int64, now time.Time) {
	*p = prompter{rules: p.rules, quiet: p.quiet, offset: offset, given: map[string]int{}, next: 1, moved: now}
}

// recall is told what stands right before the offset of attach.
func (p *prompter) recall(data []byte) { p.text = bytes.Clone(data) }

func (p *prompter) output(data []byte, now time.Time) {
	p.text = append(p.text, data...)
	p.text = p.text[max(0, len(p.text)-recallMax):]
	p.offset += int64(len(data))
	p.state, p.moved = "", now
}

// answered is told that an answer was written down, ours or somebody else's, to
// what was asked at offset.
func (p *prompter) answered(number int, offset int64, name string, now time.Time) {
	after := min(max(p.offset-offset, 0), int64(len(p.text)))
	p.text = p.text[int64(len(p.text))-after:]
	p.given[name]++
	p.next = number + 1
	p.pending, p.state, p.moved = false, "", now
}

// close is told that the job gets no more answers, and why.
func (p *prompter) close(because *UnknownPromptError, now time.Time) {
	p.closed = because
	p.pending, p.moved = false, now
}

// processes is told what the job's processes are at, each time that it changes.
func (p *prompter) processes(state string, now time.Time) { p.state, p.moved = state, now }

// An order is what has to be done: answer a rule, or close the input because of a
// question, or come back after wait. A wait of 0 is to be told something first.
type order struct {
	answer *rule
	close  *UnknownPromptError
	wait   time.Duration
}

// decide looks at the first row that fits:
//
//	an order is under way, or the processes are at work   nothing
//	a rule matches, a process reads the terminal          answer, or close if it is one too many
//	a rule matches an unfinished line                     the same, after quiet
//	a process reads the terminal                          close, after quiet
//	an unfinished line looks like a question              close, after questionQuiet
func (p *prompter) decide(now time.Time) order {
	if p.pending || p.closed != nil || p.state == "" || p.state == "busy" {
		return order{}
	}
	shown := escape.Drawn(p.text)
	line, unfinished := lastLine(shown)
	reading := p.state == "reading"
	silence := now.Sub(p.moved)
	r := p.matching(shown, line)
	switch {
	case r != nil && reading:
		return p.answerOrClose(r, line)
	case r != nil && unfinished:
		return after(p.quiet-silence, p.answerOrClose(r, line))
	case reading:
		return after(p.quiet-silence, order{close: &UnknownPromptError{Text: line}})
	case unfinished && asks(line):
		return after(questionQuiet-silence, order{close: &UnknownPromptError{Text: line}})
	}
	return order{}
}

func after(wait time.Duration, o order) order {
	if wait > 0 {
		return order{wait: wait}
	}
	return o
}

func (p *prompter) answerOrClose(r *rule, line string) order {
	if p.given[r.Name] >= r.Max {
		return order{close: &UnknownPromptError{Text: line, Prompt: r.Name}}
	}
	return order{answer: r}
}

// matching returns the first rule whose last match reaches into the last line.
func (p *prompter) matching(shown []byte, line string) *rule {
	if line == "" {
		return nil
	}
	start := bytes.LastIndex(shown, []byte(line))
	for i := range p.rules {
		all := p.rules[i].match.FindAllIndex(shown, -1)
		if len(all) > 0 && all[len(all)-1][1] > start {
			return &p.rules[i]
		}
	}
	return nil
}

// lastLine returns the last line that is not blank, and whether it has no line
// feed yet. What a carriage return has overwritten does not count.
func lastLine(text []byte) (line string, unfinished bool) {
	kept := bytes.TrimRight(text, " \t\r\n")
	unfinished = len(kept) > 0 && !bytes.ContainsRune(text[len(kept):], '\n')
	kept = kept[bytes.LastIndexAny(kept, "\r\n")+1:]
	return string(kept), unfinished
}

// asks reports whether a line looks like a question.
func asks(line string) bool {
	lower := strings.ToLower(line)
	return strings.HasSuffix(line, "?") || strings.HasSuffix(line, ":") || strings.HasSuffix(line, ">") ||
		strings.HasSuffix(line, "]") || strings.HasSuffix(line, ")") ||
		strings.Contains(lower, "y/n") || strings.Contains(lower, "yes/no") || strings.Contains(lower, "press ")
}
