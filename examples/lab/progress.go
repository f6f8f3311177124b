//go:build linux

package main

import (
	"fmt"
	"os"
	"sync"
	"time"

	"github.com/mattn/go-isatty"

	"zup/examples/lab/world"
)

// progress says what the lab is doing, and since when whatever takes more than a
// second: on a terminal in place, elsewhere with a line now and then.
type progress struct {
	out      *os.File
	terminal bool

	mu      sync.Mutex
	current string
	since   time.Time
	ticker  *time.Ticker
	told    time.Time
}

// tellEvery is how often a step that takes long is mentioned again where lines
// can't be rewritten.
const tellEvery = 15 * time.Second

func newProgress(out *os.File) *progress {
	return &progress{out: out, terminal: isatty.IsTerminal(out.Fd())}
}

// step ends the current step and begins another.
func (p *progress) step(what string) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.finish()
	p.current, p.since = what, time.Now()
	p.told = p.since
	if p.terminal {
		fmt.Fprintf(p.out, "  %s", what)
	}
	if p.ticker == nil {
		p.ticker = time.NewTicker(200 * time.Millisecond)
		go p.watch(p.ticker)
	}
}

// detail is for steps within a step: they are shown only if wanted.
func (p *progress) detail(wanted bool) world.Progress {
	if wanted {
		return p.step
	}
	return nil
}

func (p *progress) end() {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.finish()
	if p.ticker != nil {
		p.ticker.Stop()
		p.ticker = nil
	}
}

func (p *progress) finish() {
	if p.current == "" {
		return
	}
	if p.terminal {
		fmt.Fprint(p.out, "\r\033[K")
	}
	fmt.Fprintf(p.out, "  %-60s %5.1fs\n", p.current, time.Since(p.since).Seconds())
	p.current = ""
}

func (p *progress) watch(ticker *time.Ticker) {
	for range ticker.C {
		p.mu.Lock()
		if p.current != "" {
			p.remind()
		}
		p.mu.Unlock()
	}
}

func (p *progress) remind() {
	elapsed := time.Since(p.since).Round(time.Second)
	switch {
	case elapsed < time.Second:
	case p.terminal:
		fmt.Fprintf(p.out, "\r\033[K  %s … %v", p.current, elapsed)
	case time.Since(p.told) >= tellEvery:
		p.told = time.Now()
		fmt.Fprintf(p.out, "  %s … %v\n", p.current, elapsed)
	}
}
