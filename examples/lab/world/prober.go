//go:build linux

package world

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"net"
	"net/netip"
	"os"
	"slices"
	"strconv"
	"sync"
	"sync/atomic"
	"time"

	"golang.org/x/sys/unix"
)

// ProbeOptions says how the lab measures what clients of the VIPs feel. It is
// the lab's own measurement and knows nothing of zup's.
type ProbeOptions struct {
	Host     string        // where it runs: Client or Stranger
	Targets  []string      // addresses that are asked, all at the same moments
	Interval time.Duration // between two requests to each of them; 0 means 5 ms
	Timeout  time.Duration // for connection and answer together; 0 means 900 ms

	// Forget drops the VIP's MAC address before every request, unless an earlier
	// one is still waiting for an answer: a client that has never been here.
	Forget bool
}

// ProbeResult is what was felt at one target.
type ProbeResult struct {
	Target  string
	Samples []Sample // in the order in which they were sent
	Sent    int
	Lost    int            // refused, reset, or not answered in time
	Waited  int            // answered, but after more than 100 ms
	Longest time.Duration  // the longest stretch without an answer
	Held    time.Duration  // the longest stretch in which the prober itself could not ask, the machine being busy
	ByNode  map[string]int // answers by the name of the node that gave them
	Errors  map[string]int // losses by what the kernel said
}

// A Sample is one request. All targets of a measurement are asked at the same
// moments: the requests with the same index belong together.
type Sample struct {
	At   time.Duration // when it was sent, since the measurement began
	Took time.Duration // until it was answered or lost
	OK   bool          // answered
}

func (r ProbeResult) String() string {
	return fmt.Sprintf("%s: %d sent, %d lost, longest gap %d ms, %d waited over 100 ms, prober held up for %d ms, answers %v, losses %v",
		r.Target, r.Sent, r.Lost, r.Longest.Milliseconds(), r.Waited, r.Held.Milliseconds(), r.ByNode, r.Errors)
}

// Probe is a running measurement.
type Probe struct {
	cmd   *Cmd
	input io.Closer
	out   bytes.Buffer
	errs  bytes.Buffer
}

// Probe begins to measure: new TCP connection and GET, at every interval,
// whether the last one was answered or not.
func (w *World) Probe(ctx context.Context, o ProbeOptions) (*Probe, error) {
	if o.Interval == 0 {
		o.Interval = 5 * time.Millisecond
	}
	if o.Timeout == 0 {
		o.Timeout = 900 * time.Millisecond
	}
	p := &Probe{cmd: w.Command(ctx, o.Host)}
	p.cmd.Path, p.cmd.Args = "/proc/self/exe", []string{roleProber}
	p.cmd.Stdout, p.cmd.Stderr = &p.out, &p.errs
	input, err := p.cmd.StdinPipe()
	if err != nil {
		return nil, err
	}
	p.input = input
	if err := p.cmd.Start(); err != nil {
		return nil, fmt.Errorf("start prober on %s: %w", o.Host, err)
	}
	return p, json.NewEncoder(input).Encode(o)
}

// Stop ends the measurement, waits for the last answers and returns the results
// in the order of the targets.
func (p *Probe) Stop() ([]ProbeResult, error) {
	p.input.Close()
	if err := p.cmd.Wait(); err != nil {
		return nil, fmt.Errorf("prober: %w: %s", err, p.errs.String())
	}
	var results []ProbeResult
	if err := json.Unmarshal(p.out.Bytes(), &results); err != nil {
		return nil, fmt.Errorf("prober: %w", err)
	}
	return results, nil
}

// runProber measures until its standard input ends.
func runProber() error {
	var o ProbeOptions
	input := json.NewDecoder(os.Stdin)
	if err := input.Decode(&o); err != nil {
		return err
	}
	if err := beforeOthers(); err != nil {
		return err
	}
	ctx, stop := context.WithCancel(context.Background())
	go func() {
		io.Copy(io.Discard, os.Stdin)
		stop()
	}()
	var targets []*target
	for _, name := range o.Targets {
		t, err := newTarget(name, o)
		if err != nil {
			return err
		}
		targets = append(targets, t)
	}
	return json.NewEncoder(os.Stdout).Encode(probe(ctx, o.Interval, targets))
}

// beforeOthers gives all threads of this process, and those that it starts, a processor
// as soon as they want one: it is the nodes that shall be measured, not how busy the
// machine is. Niceness would not do, it does not count from one session to another.
func beforeOthers() error {
	threads, err := os.ReadDir("/proc/self/task")
	if err != nil {
		return err
	}
	for _, thread := range threads {
		id, err := strconv.Atoi(thread.Name())
		if err != nil {
			return err
		}
		attributes := unix.SchedAttr{Size: unix.SizeofSchedAttr, Policy: unix.SCHED_RR, Priority: 1}
		if err := unix.SchedSetAttr(id, &attributes, 0); err != nil && err != unix.ESRCH {
			return fmt.Errorf("real-time priority for the prober: %w", err)
		}
	}
	return nil
}

// probe asks all targets at each tick, until ctx ends.
func probe(ctx context.Context, interval time.Duration, targets []*target) []ProbeResult {
	ticker := time.NewTicker(interval)
	defer ticker.Stop()
	began := time.Now()
	var asked sync.WaitGroup
	var held time.Duration
	last := began
	for i := 0; ; i++ {
		select {
		case <-ctx.Done():
			end := time.Since(began)
			asked.Wait()
			var results []ProbeResult
			for _, t := range targets {
				t.sum(end)
				t.result.Held = held
				results = append(results, t.result)
			}
			return results
		case <-ticker.C:
		}
		now := time.Now()
		held = max(held, now.Sub(last)-interval)
		last = now
		for _, t := range targets {
			if t.Forget && t.pending.Load() == 0 {
				t.forget(t.link, t.address.Addr())
			}
			t.pending.Add(1)
			t.mu.Lock()
			t.result.Samples = append(t.result.Samples, Sample{}) // until there is one
			t.mu.Unlock()
			asked.Go(func() { t.ask(i, began) })
		}
	}
}

// target is one address that is probed.
type target struct {
	ProbeOptions
	address netip.AddrPort
	forgetter
	link    int
	pending atomic.Int32

	mu     sync.Mutex
	result ProbeResult
}

func newTarget(name string, o ProbeOptions) (*target, error) {
	address, err := netip.ParseAddr(name)
	if err != nil {
		return nil, err
	}
	t := &target{ProbeOptions: o, address: netip.AddrPortFrom(address, 80),
		result: ProbeResult{Target: name, ByNode: map[string]int{}, Errors: map[string]int{}}}
	if !o.Forget {
		return t, nil
	}
	link, err := net.InterfaceByName("eth0")
	if err != nil {
		return nil, err
	}
	t.link = link.Index
	t.forgetter, err = newForgetter()
	return t, err
}

// ask is the request with index i of a measurement that began then.
func (t *target) ask(i int, began time.Time) {
	begin := time.Now()
	node, err := get(t.address, begin.Add(t.Timeout))
	took := time.Since(begin)
	t.pending.Add(-1)
	t.mu.Lock()
	defer t.mu.Unlock()
	t.result.Samples[i] = Sample{At: begin.Sub(began), Took: took, OK: err == nil}
	if err != nil {
		t.result.Errors[reason(err)]++
	} else {
		t.result.ByNode[node]++
	}
}

// get asks for / over a new connection and returns which node answered.
func get(address netip.AddrPort, deadline time.Time) (node string, err error) {
	dialer := net.Dialer{Deadline: deadline}
	conn, err := dialer.Dial("tcp", address.String())
	if err != nil {
		return "", err
	}
	defer conn.Close()
	conn.(*net.TCPConn).SetLinger(0) // nobody has to remember this connection
	conn.SetDeadline(deadline)
	if _, err := io.WriteString(conn, "GET / HTTP/1.0\r\n\r\n"); err != nil {
		return "", err
	}
	var buf [1024]byte
	for n := 0; n < len(buf); {
		m, err := conn.Read(buf[n:])
		n += m
		head, _, whole := bytes.Cut(buf[:n], []byte("\r\n\r\n"))
		if whole && bytes.HasPrefix(head, []byte("HTTP/1.1 200 ")) {
			return header(head, "X-Node: "), nil
		}
		if err != nil {
			return "", fmt.Errorf("no whole answer: %w", err)
		}
	}
	return "", fmt.Errorf("strange answer")
}

func header(head []byte, name string) string {
	_, rest, _ := bytes.Cut(head, []byte(name))
	value, _, _ := bytes.Cut(rest, []byte("\r\n"))
	return string(value)
}

// reason shortens an error to what the kernel said.
func reason(err error) string {
	if e, ok := err.(net.Error); ok && e.Timeout() {
		return "timeout"
	}
	for {
		inner, ok := err.(interface{ Unwrap() error })
		if !ok || inner.Unwrap() == nil {
			return err.Error()
		}
		err = inner.Unwrap()
	}
}

// sum counts what the samples say and finds the longest stretch without an
// answer; one that has not ended when the probing does counts up to there.
func (t *target) sum(end time.Duration) {
	r := &t.result
	answers := []time.Duration{0, end} // as if: a gap may begin and end right there
	for _, s := range r.Samples {
		r.Sent++
		switch {
		case !s.OK:
			r.Lost++
			continue
		case s.Took > 100*time.Millisecond:
			r.Waited++
		}
		answers = append(answers, s.At+s.Took)
	}
	slices.Sort(answers)
	for i := 1; i < len(answers); i++ {
		r.Longest = max(r.Longest, answers[i]-answers[i-1])
	}
}
