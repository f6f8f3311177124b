package main

import (
	"fmt"
	"sync"
	"time"

	"zup/plan/escape"
)

// progressLine is a line on stderr that counts, shown after a second and only
// on a terminal.
type progressLine struct {
	c     *cli
	what  string
	total int
	start time.Time
	quit  chan struct{}
	wg    sync.WaitGroup

	mu    sync.Mutex
	done  int
	shown bool
}

func (c *cli) progressLine(what string, total int) *progressLine {
	p := &progressLine{c: c, what: what, total: total, start: time.Now(), quit: make(chan struct{})}
	if isTerminal(c.err) && c.getenv("TERM") != "dumb" {
		p.wg.Go(p.run)
	}
	return p
}

func (p *progressLine) run() {
	tick := time.NewTicker(time.Second)
	defer tick.Stop()
	for {
		select {
		case <-p.quit:
			return
		case now := <-tick.C:
			p.mu.Lock()
			p.shown = true
			fmt.Fprintf(p.c.err, escape.Begin+"%s: %d of %d answered, %s", p.what, p.done, p.total, since(p.start, now))
			p.mu.Unlock()
		}
	}
}

func (p *progressLine) add() {
	p.mu.Lock()
	p.done++
	p.mu.Unlock()
}

// stop removes the line.
func (p *progressLine) stop() {
	close(p.quit)
	p.wg.Wait()
	if p.shown {
		fmt.Fprint(p.c.err, escape.Begin)
	}
}
