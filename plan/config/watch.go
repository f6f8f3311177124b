package config

import (
	"runtime"
	"runtime/debug"
	"runtime/metrics"
	"sync"
	"syscall"
	"time"

	"github.com/hashicorp/hcl/v2"
)

// What is counted should be all that there is to it. In case that something is not
// counted as it should be there is a watch, which looks at the time that the process has
// worked, and at its memory. Where one passes its limit the evaluation ends at its next
// step, or is left behind if it does not come to one. A machine that has other things to
// do gets six times as long.
const (
	firstLook = 100 * time.Millisecond // most configurations are done by then
	nextLook  = 20 * time.Millisecond
	patience  = 500 * time.Millisecond // for the evaluation to come to its next step

	tightMemory = 400 << 20 // what the collector keeps to when three quarters of the limit are in use
)

// watched runs a load and returns what came of it.
func (l *loader) watched(load func() *Config) (*Config, *Diagnostics) {
	w := l.watch(MaxTime, MaxMemory)
	defer w.end()
	return l.under(w, load)
}

func (l *loader) under(w *watch, load func() *Config) (*Config, *Diagnostics) {
	var cfg *Config
	done := make(chan any, 1)
	go func() { done <- ending(func() { cfg = load() }) }()
	select {
	case why := <-done:
		return l.ended(cfg, why)
	case <-w.passed:
	}
	select {
	case why := <-done:
		return l.ended(cfg, why)
	case <-time.After(patience):
		return nil, l.leftBehind()
	}
}

// ending runs something and returns the value of the panic that ended it early, or nil.
func ending(run func()) (why any) {
	defer func() {
		switch r := recover().(type) {
		case nil:
		case *overrun, tooManyMistakes:
			why = r
		default:
			panic(r)
		}
	}()
	run()
	return nil
}

// ended makes what a load has found ready to be handed out.
func (l *loader) ended(cfg *Config, why any) (*Config, *Diagnostics) {
	switch why := why.(type) {
	case *overrun:
		l.diags = append(l.diags, why.diagnostic())
	case tooManyMistakes:
		l.diags = append(l.diags, &hcl.Diagnostic{Severity: hcl.DiagError, Summary: "there are too many mistakes",
			Detail: "These are the first that were found. The others are looked for once these are mended."})
	}
	diags := l.finish()
	if diags.HasErrors() {
		return nil, diags
	}
	return cfg, diags
}

// leftBehind says what is to be said of an evaluation that does not end, which may still
// be writing to everything but what it has settled.
func (l *loader) leftBehind() *Diagnostics {
	o := &overrun{limit: limit(l.stop.Load())}
	l.locate(o)
	diags := &Diagnostics{All: hcl.Diagnostics{o.diagnostic()}}
	if sources := l.settled.Load(); sources != nil {
		diags.sources = *sources
	}
	return diags
}

// settle remembers the texts for leftBehind, once it is known what in them must not be
// shown.
func (l *loader) settle() {
	sources := make(map[string]*source, len(l.sources))
	for name, s := range l.sources {
		sources[name] = s.clone()
	}
	l.settled.Store(&sources)
}

// watch looks at the clock and the memory until it is ended.
type watch struct {
	*budget
	time   time.Duration
	memory uint64
	passed chan struct{} // closed when a limit was passed
	begun  time.Time
	spent  time.Duration // processor time of the process when it began
	before uint64        // bytes on the heap when it began

	mu    sync.Mutex
	timer *time.Timer
	tight bool
}

func (b *budget) watch(most time.Duration, memory uint64) *watch {
	w := &watch{budget: b, time: most, memory: memory, passed: make(chan struct{}), begun: time.Now(), spent: processorTime(), before: onHeap()}
	w.mu.Lock()
	defer w.mu.Unlock()
	w.timer = time.AfterFunc(firstLook, w.look)
	return w
}

func (w *watch) end() {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.timer.Stop()
	w.timer = nil
	if w.tight {
		loosen()
	}
}

func (w *watch) look() {
	w.mu.Lock()
	defer w.mu.Unlock()
	if w.timer == nil {
		return
	}
	elapsed := time.Since(w.begun)
	switch {
	case elapsed > 6*w.time || elapsed > w.time && processorTime()-w.spent > w.time:
		w.pass(overTime)
		return
	case w.uses() < w.memory*3/4:
	case !w.tight:
		w.tight = true
		tighten()
	case w.uses() > w.memory:
		runtime.GC()
		if w.uses() > w.memory {
			w.pass(overMemory)
			return
		}
	}
	w.timer.Reset(nextLook)
}

func (w *watch) pass(l limit) {
	w.stop.Store(int32(l))
	close(w.passed)
}

// uses is how much more there is on the heap than when the watch began.
func (w *watch) uses() uint64 {
	now := onHeap()
	return now - min(now, w.before)
}

// processorTime is how long processors have worked for this process.
func processorTime() time.Duration {
	var use syscall.Rusage
	if syscall.Getrusage(syscall.RUSAGE_SELF, &use) != nil {
		return 0
	}
	return time.Duration(use.Utime.Nano() + use.Stime.Nano())
}

func onHeap() uint64 {
	is := []metrics.Sample{{Name: "/memory/classes/heap/objects:bytes"}}
	metrics.Read(is)
	return is[0].Value.Uint64()
}

// tightened is how many watches want the collector to keep the process small, and what
// it kept to before.
var tightened struct {
	sync.Mutex
	by     int
	before int64
}

func tighten() {
	tightened.Lock()
	defer tightened.Unlock()
	if tightened.by++; tightened.by == 1 {
		tightened.before = debug.SetMemoryLimit(-1)
		debug.SetMemoryLimit(min(tightened.before, tightMemory))
	}
}

func loosen() {
	tightened.Lock()
	defer tightened.Unlock()
	if tightened.by--; tightened.by == 0 {
		debug.SetMemoryLimit(tightened.before)
	}
}
