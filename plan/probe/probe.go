// Package probe watches what the users of a VIP feel while a cluster is updated.
//
// A Watch sends one request an interval to each target, every one over a new
// connection, from the moment of Start until Stop. A request that waits for its
// answer never delays the next one. Figures says what was felt between two
// moments: how many requests were sent, how many got no answer, and what was
// the longest stretch in which no answer arrived. Requests come from where zup
// runs: what is measured is that one client's view, at the resolution of the
// interval.
package probe

import (
	"context"
	"crypto/tls"
	"fmt"
	"io"
	"net"
	"net/http"
	"slices"
	"sync"
	"time"
)

// Target is what one probe asks. Exactly one of HTTP and TCP is set.
type Target struct {
	Name     string        // the key of everything that Watch returns
	TCP      string        // "host:port": an accepted connection is an answer
	HTTP     string        // a URL: a complete response with a status below 500 is an answer
	Interval time.Duration // from one request to the next
	Timeout  time.Duration // without an answer by then the request is lost
}

// Method says in words how the figures come about, for a report.
func (t Target) Method() string {
	what := "TCP connect to " + t.TCP
	if t.HTTP != "" {
		what = "GET " + t.HTTP
	}
	return fmt.Sprintf("%s every %s over a new connection, lost after %s", what, t.Interval, t.Timeout)
}

// Sample is one request.
type Sample struct {
	Start time.Time
	Took  time.Duration // until the answer or until it was given up
	OK    bool
}

// End is when the answer came or the request was given up.
func (s Sample) End() time.Time { return s.Start.Add(s.Took) }

// maxInFlight bounds the requests of one target that wait for an answer. Beyond
// it a request counts as lost without having been sent.
const maxInFlight = 4096

// Watch is a set of targets that are being asked. Its methods may be called
// from several goroutines.
type Watch struct {
	cancel  context.CancelFunc
	senders sync.WaitGroup
	lanes   []*lane
}

// lane is one target with what it answered so far.
type lane struct {
	target Target
	ask    func(context.Context) error
	close  func()

	mu       sync.Mutex
	samples  []Sample // in the order in which they ended
	inFlight int
	began    time.Time
	ended    time.Time // zero: still asking
	answered time.Time // when the last answer came
	first    time.Time // when the first request was sent that was answered; zero: none was
	latest   time.Time // when the latest request was sent that was answered
	longest  time.Duration
}

// Start begins to ask every target, and returns at once. It goes on until Stop
// or the end of ctx.
func Start(ctx context.Context, targets []Target) *Watch {
	ctx, cancel := context.WithCancel(ctx)
	w := &Watch{cancel: cancel}
	for _, t := range targets {
		l := newLane(t)
		w.lanes = append(w.lanes, l)
		w.senders.Go(func() { l.run(ctx) })
	}
	return w
}

// Stop ends the asking and returns when every request has ended. It may be
// called twice.
func (w *Watch) Stop() {
	w.cancel()
	w.senders.Wait()
}

func newLane(t Target) *lane {
	l := &lane{target: t, began: time.Now(), close: func() {}}
	l.answered = l.began
	if t.HTTP != "" {
		l.ask, l.close = httpAsker(t)
	} else {
		l.ask = tcpAsker(t)
	}
	return l
}

// run sends by the clock, not by the answers. A moment that was missed because
// this machine was busy is not made up for.
func (l *lane) run(ctx context.Context) {
	defer l.close()
	var requests sync.WaitGroup
	next := time.Now()
	timer := time.NewTimer(0)
	defer timer.Stop()
	for {
		select {
		case <-ctx.Done():
			l.mu.Lock()
			l.ended = time.Now()
			l.mu.Unlock()
			requests.Wait()
			return
		case <-timer.C:
		}
		if l.take() {
			requests.Go(l.once)
		}
		now := time.Now()
		for next = next.Add(l.target.Interval); next.Before(now); {
			next = next.Add(l.target.Interval)
		}
		timer.Reset(next.Sub(now))
	}
}

func (l *lane) take() bool {
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.inFlight >= maxInFlight {
		l.samples = append(l.samples, Sample{Start: time.Now()})
		return false
	}
	l.inFlight++
	return true
}

// once asks once. It has a time-out of its own and outlives the watch: a request
// that was under way when the watch ended is still counted as what it became.
func (l *lane) once() {
	ctx, cancel := context.WithTimeout(context.Background(), l.target.Timeout)
	defer cancel()
	start := time.Now()
	err := l.ask(ctx)
	s := Sample{Start: start, Took: time.Since(start), OK: err == nil}
	l.mu.Lock()
	defer l.mu.Unlock()
	l.inFlight--
	l.samples = append(l.samples, s)
	if s.OK && l.first.IsZero() {
		l.first = s.Start
	}
	if s.OK && s.Start.After(l.latest) {
		l.latest = s.Start
	}
	if end := s.End(); s.OK && end.After(l.answered) {
		l.longest = max(l.longest, end.Sub(l.answered))
		l.answered = end
	}
}

// dial leaves no connection in TIME_WAIT here: a thousand requests a second
// would run out of ports.
func dial(ctx context.Context, network, addr string) (net.Conn, error) {
	conn, err := (&net.Dialer{KeepAlive: -1}).DialContext(ctx, network, addr)
	if tcp, ok := conn.(*net.TCPConn); ok {
		tcp.SetLinger(0)
	}
	return conn, err
}

func tcpAsker(t Target) func(context.Context) error {
	return func(ctx context.Context) error {
		conn, err := dial(ctx, "tcp", t.TCP)
		if err != nil {
			return err
		}
		return conn.Close()
	}
}

func httpAsker(t Target) (ask func(context.Context) error, closeIdle func()) {
	transport := &http.Transport{
		DialContext:       dial,
		DisableKeepAlives: true,
		TLSClientConfig:   &tls.Config{InsecureSkipVerify: true}, // whether it answers is asked, not who it is
	}
	client := &http.Client{
		Transport:     transport,
		CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse },
	}
	ask = func(ctx context.Context) error {
		req, err := http.NewRequestWithContext(ctx, http.MethodGet, t.HTTP, nil)
		if err != nil {
			return err
		}
		req.Header.Set("User-Agent", "zup-probe")
		resp, err := client.Do(req)
		if err != nil {
			return err
		}
		defer resp.Body.Close()
		if _, err := io.Copy(io.Discard, io.LimitReader(resp.Body, 1<<20)); err != nil {
			return err
		}
		if resp.StatusCode >= 500 {
			return fmt.Errorf("status %d", resp.StatusCode)
		}
		return nil
	}
	return ask, transport.CloseIdleConnections
}

// Figures are what one target felt between two moments.
type Figures struct {
	Sent      int           // requests that started in between
	Lost      int           // of those, without an answer
	Longest   time.Duration // longest stretch without any answer arriving; about the interval where nothing happened
	LongestAt time.Time     // when that stretch began
}

// Figures returns what the target of that name felt between two moments. A
// stretch that reaches into the time between them counts with its whole length.
func (w *Watch) Figures(name string, from, to time.Time) Figures {
	for _, l := range w.lanes {
		if l.target.Name == name {
			return l.figures(from, to)
		}
	}
	return Figures{}
}

func (l *lane) figures(from, to time.Time) Figures {
	l.mu.Lock()
	samples := slices.Clone(l.samples)
	end := l.ended
	l.mu.Unlock()
	if end.IsZero() {
		end = time.Now()
	}
	var f Figures
	for _, s := range samples {
		if s.Start.Before(from) || s.Start.After(to) {
			continue
		}
		f.Sent++
		if !s.OK {
			f.Lost++
		}
	}
	slices.SortFunc(samples, func(a, b Sample) int { return a.End().Compare(b.End()) })
	last := l.began
	stretch := func(until time.Time) {
		if until.Sub(last) > f.Longest && until.After(from) && last.Before(to) {
			f.Longest, f.LongestAt = until.Sub(last), last
		}
		last = until
	}
	for _, s := range samples {
		if s.OK {
			stretch(s.End())
		}
	}
	if end.After(last) { // what has not ended yet is at least this long
		stretch(end)
	}
	return f
}

// Longest returns the longest stretch without an answer since Start, of any
// target, with the name of that target. A stretch that lasts counts as it is now.
// It is cheap enough to be asked all the time.
func (w *Watch) Longest() (name string, longest time.Duration) {
	for _, l := range w.lanes {
		l.mu.Lock()
		d := l.longest
		if l.ended.IsZero() {
			d = max(d, time.Since(l.answered))
		}
		l.mu.Unlock()
		if d > longest {
			name, longest = l.target.Name, d
		}
	}
	return name, longest
}

// Silent returns the targets that have answered a request from before the one
// moment, and none from after the other.
func (w *Watch) Silent(before, since time.Time) []string {
	var names []string
	for _, l := range w.lanes {
		l.mu.Lock()
		if !l.first.IsZero() && l.first.Before(before) && !l.latest.After(since) {
			names = append(names, l.target.Name)
		}
		l.mu.Unlock()
	}
	return names
}

// Samples returns every request of the target of that name so far, in the order
// in which they ended.
func (w *Watch) Samples(name string) []Sample {
	for _, l := range w.lanes {
		if l.target.Name == name {
			l.mu.Lock()
			defer l.mu.Unlock()
			return slices.Clone(l.samples)
		}
	}
	return nil
}
