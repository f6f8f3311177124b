package main

import (
	"fmt"
	"slices"
	"strings"
	"sync"
	"time"

	"zup/plan"
	"zup/plan/apply"
	"zup/plan/escape"
	"zup/plan/stream"
)

// view shows a run while it goes on: a line for every action that ends, and on a
// terminal a last line that lives.
type view struct {
	c       *applying
	plan    *plan.Plan
	style   style
	live    bool
	several bool // more than one cluster: lines say which
	width   int
	quit    chan struct{}
	wg      sync.WaitGroup

	mu      sync.Mutex
	running []*running // in the order in which they began
	shown   bool       // the live line is on the screen
	nodes   int        // width of the longest node name
}

// running is an action that has begun.
type running struct {
	event    apply.Event
	waits    string
	progress string // of an upload
	began    time.Time
	spokeAt  time.Time // when a line about it was last written, where nothing lives
}

// sayEvery is how often a long action is mentioned where no line can live.
const sayEvery = 10 * time.Second

func (a *applying) newView(p *plan.Plan) *view {
	v := &view{
		c: a, plan: p, style: a.outStyle(), width: width(a.out), quit: make(chan struct{}), nodes: 4,
		live: isTerminal(a.out) && a.getenv("TERM") != "dumb",
	}
	clusters := map[string]bool{}
	for _, act := range p.Actions {
		clusters[act.Cluster] = true
		v.nodes = min(max(v.nodes, escape.Width(escape.Name(act.Node))), 20)
	}
	v.several = len(clusters) > 1
	v.wg.Go(v.tick)
	return v
}

func (v *view) tick() {
	t := time.NewTicker(time.Second)
	defer t.Stop()
	for {
		select {
		case <-v.quit:
			return
		case now := <-t.C:
			v.mu.Lock()
			v.beat(now)
			v.mu.Unlock()
		}
	}
}

// beat redraws the live line, or mentions what takes long.
func (v *view) beat(now time.Time) {
	if v.live {
		v.draw(now)
		return
	}
	for _, r := range v.running {
		if now.Sub(r.spokeAt) >= sayEvery {
			r.spokeAt = now
			v.print(v.describe(r, "...", now))
		}
	}
}

// event takes one event of the run.
func (v *view) event(e apply.Event) {
	v.mu.Lock()
	defer v.mu.Unlock()
	now := time.Now()
	e.Node, e.Title, e.Text = escape.Name(e.Node), escape.Line(e.Title), escape.Line(e.Text)
	switch e.Kind {
	case apply.ActionBegin:
		v.running = append(v.running, &running{event: e, began: now, spokeAt: now})
	case apply.ActionWaits:
		if r := v.find(e.Action); r != nil {
			r.waits, r.progress = e.Text, ""
		}
	case apply.ActionProgress:
		if r := v.find(e.Action); r != nil {
			r.progress = e.Text
		}
		if !v.live {
			return
		}
	case apply.ActionPrints:
		if v.c.verbose {
			v.print(v.style.faint("    | " + e.Text))
		}
		return
	case apply.ActionDone:
		v.drop(e.Action)
		v.print(v.ended(e, v.style.good("done  "), tookText(e.Took)))
	case apply.ActionFailed:
		v.drop(e.Action)
		v.print(v.ended(e, v.style.bad("failed"), tookText(e.Took)))
	case apply.UndoBegin:
		v.print(v.ended(e, v.style.notice("undoes"), ""))
	case apply.UndoEnd:
		v.print(v.ended(e, v.style.notice("undo  "), e.Text))
	default:
		return
	}
	v.draw(now)
}

// tookText is how long something took, for people: "0.4 s", "2:07".
func tookText(d time.Duration) string {
	if d < time.Minute {
		return fmt.Sprintf("%.1f s", d.Seconds())
	}
	return since(time.Time{}, time.Time{}.Add(d))
}

func (v *view) find(action string) *running {
	for _, r := range v.running {
		if r.event.Action == action {
			return r
		}
	}
	return nil
}

func (v *view) drop(action string) {
	v.running = slices.DeleteFunc(v.running, func(r *running) bool { return r.event.Action == action })
}

// ended is the line about an action that is over.
func (v *view) ended(e apply.Event, how, last string) string {
	return fmt.Sprintf("%s %s  %s  %6s", v.place(e), how, v.name(e), last)
}

// place is how far an event's cluster is: " 5/17", after the cluster's name if
// there are several.
func (v *view) place(e apply.Event) string {
	width := len(fmt.Sprint(e.Total))
	s := fmt.Sprintf("%*d/%d", width, e.Index, e.Total)
	if v.several {
		s = escape.Pad(escape.First(escape.Name(e.Cluster), 12), 12) + " " + s
	}
	return s
}

func (v *view) name(e apply.Event) string {
	node := e.Node
	if node == "" {
		node = "both"
		if c := v.plan.Cluster(e.Cluster); c != nil && len(c.Nodes) == 1 {
			node = escape.Name(c.Nodes[0].Name)
		}
	}
	room := max(20, min(v.width, 110)-escape.Width(v.place(e))-v.nodes-20)
	here := stream.Mark(e.Here)
	title := escape.Cut(e.Title, room-len(here)) + here
	return escape.Pad(escape.Cut(node, v.nodes), v.nodes) + "  " + escape.Pad(title, room)
}

func (v *view) describe(r *running, mark string, now time.Time) string {
	s := fmt.Sprintf("%s %s  %s  %s", v.place(r.event), mark, strings.TrimRight(v.name(r.event), " "), since(r.began, now))
	if r.progress != "" {
		s += ", " + r.progress
	}
	if r.waits != "" {
		s += ", waits: " + r.waits
	}
	return s
}

// draw puts the live line on the screen.
func (v *view) draw(now time.Time) {
	if !v.live || len(v.running) == 0 {
		return
	}
	r := v.running[0]
	text := v.describe(r, "......", now)
	if more := len(v.running) - 1; more > 0 {
		text = fmt.Sprintf("[%d running] %s", more+1, text)
	}
	fmt.Fprint(v.c.out, escape.Begin+v.style.notice(escape.Cut(text, v.width-1)))
	v.shown = true
}

// print writes a line that stays.
func (v *view) print(line string) {
	if v.shown {
		fmt.Fprint(v.c.out, escape.Begin)
		v.shown = false
	}
	fmt.Fprintln(v.c.out, strings.TrimRight(line, " "))
}

// stopping says where the run will stop.
func (v *view) stopping() {
	v.mu.Lock()
	defer v.mu.Unlock()
	if len(v.running) == 0 {
		v.print(v.style.notice("Stopping: no further action begins."))
		return
	}
	seen := map[string]bool{}
	for _, r := range v.running {
		if seen[r.event.Cluster] {
			continue
		}
		seen[r.event.Cluster] = true
		v.print(v.style.notice(fmt.Sprintf("Stopping at the next safe point: %s stops after %s.",
			escape.Name(r.event.Cluster), escape.Name(apply.RestAfter(v.plan, r.event.Action)))))
	}
	v.print(v.style.notice("^C again does not wait for it."))
}

// leaving says what goes on without anybody waiting for it.
func (v *view) leaving() {
	v.mu.Lock()
	defer v.mu.Unlock()
	for _, r := range v.running {
		v.print(v.style.bad(fmt.Sprintf("Not waiting any more: %s may still be running on %s.", escape.Name(r.event.Action), r.event.Node)))
	}
}

// end takes the live line away.
func (v *view) end() {
	close(v.quit)
	v.wg.Wait()
	v.mu.Lock()
	defer v.mu.Unlock()
	if v.shown {
		fmt.Fprint(v.c.out, escape.Begin)
		v.shown = false
	}
	fmt.Fprintln(v.c.out)
}
