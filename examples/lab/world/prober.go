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
	"sync"
	"sync/atomic"
	"time"

	"golang.org/x/sys/unix"
)

// ProbeOptions says how the lab measures what clients of the VIPs feel. It is
// the lab's own measurement and knows nothing of zup's.
type ProbeOptions struct {
	Host     string        // where it runs: Client or Stranger
	Targets  []string      // VIPs
	Interval time.Duration // between two requests to a VIP; 0 means 5 ms
	Timeout  time.Duration // for connection and answer together; 0 means 900 ms

	// Forget drops the VIP's MAC address before every request, unless an earlier
	// one is still waiting for an answer: a client that has never been here.
	Forget bool
}

// ProbeResult is what was felt at one VIP.
type ProbeResult struct {
	Target    string
	Sent      int
	Lost      int            // refused, reset, or not answered in time
	Waited    int            // answered, but after more than 100 ms
	Longest   time.Duration  // the longest stretch without an answer
	LongestAt time.Time      // when it began
	Held      time.Duration  // the longest stretch in which the prober itself could not ask, the machine being busy
	ByNode    map[string]int // answers by the name of the node that gave them
	Errors    map[string]int // losses by what the kernel said
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
	unix.Setpriority(unix.PRIO_PROCESS, 0, -15) // the machine is small, and it is the nodes that shall be measured
	ctx, stop := context.WithCancel(context.Background())
	go func() {
		io.Copy(io.Discard, os.Stdin)
		stop()
	}()
	var all sync.WaitGroup
	results := make([]ProbeResult, len(o.Targets))
	for i, target := range o.Targets {
		t, err := newTarget(target, o)
		if err != nil {
			return err
		}
		all.Go(func() { results[i] = t.probe(ctx) })
	}
	all.Wait()
	return json.NewEncoder(os.Stdout).Encode(results)
}

// target is one VIP that is probed.
type target struct {
	ProbeOptions
	address netip.AddrPort
	forgetter
	link    int
	pending atomic.Int32

	mu      sync.Mutex
	answers []time.Time
	result  ProbeResult
}

func newTarget(vip string, o ProbeOptions) (*target, error) {
	address, err := netip.ParseAddr(vip)
	if err != nil {
		return nil, err
	}
	t := &target{ProbeOptions: o, address: netip.AddrPortFrom(address, 80),
		result: ProbeResult{Target: vip, ByNode: map[string]int{}, Errors: map[string]int{}}}
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

func (t *target) probe(ctx context.Context) ProbeResult {
	t.answers = append(t.answers, time.Now()) // as if: a gap may begin right here
	ticker := time.NewTicker(t.Interval)
	defer ticker.Stop()
	last := time.Now()
	var asked sync.WaitGroup
	for {
		select {
		case <-ctx.Done():
			end := time.Now()
			asked.Wait()
			t.judgeGaps(end)
			return t.result
		case <-ticker.C:
		}
		now := time.Now()
		t.result.Held = max(t.result.Held, now.Sub(last)-t.Interval)
		last = now
		if t.Forget && t.pending.Load() == 0 {
			t.forget(t.link, t.address.Addr())
		}
		t.result.Sent++
		t.pending.Add(1)
		asked.Go(t.ask)
	}
}

func (t *target) ask() {
	begin := time.Now()
	node, err := get(t.address, begin.Add(t.Timeout))
	end := time.Now()
	t.pending.Add(-1)
	t.mu.Lock()
	defer t.mu.Unlock()
	if err != nil {
		t.result.Lost++
		t.result.Errors[reason(err)]++
		return
	}
	t.answers = append(t.answers, end)
	t.result.ByNode[node]++
	if end.Sub(begin) > 100*time.Millisecond {
		t.result.Waited++
	}
}

// get asks for / over a new connection and returns which node answered.
func get(address netip.AddrPort, deadline time.Time) (node string, err error) {
	dialer := net.Dialer{Deadline: deadline}
	conn, err := dialer.Dial("tcp4", address.String())
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

// judgeGaps finds the longest stretch without an answer; one that has not ended
// when the probing does counts up to there.
func (t *target) judgeGaps(end time.Time) {
	answers := append(t.answers, end)
	slices.SortFunc(answers, time.Time.Compare)
	for i := 1; i < len(answers); i++ {
		if gap := answers[i].Sub(answers[i-1]); gap > t.result.Longest {
			t.result.Longest, t.result.LongestAt = gap, answers[i-1]
		}
	}
}
