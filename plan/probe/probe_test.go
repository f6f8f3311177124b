package probe

import (
	"fmt"
	"net"
	"net/http"
	"net/http/httptest"
	"os"
	"strings"
	"sync/atomic"
	"testing"
	"time"
)

func watch(t *testing.T, target Target, during func()) (*Watch, Figures) {
	t.Helper()
	start := time.Now()
	w := Start(t.Context(), []Target{target})
	during()
	w.Stop()
	return w, w.Figures(target.Name, start, time.Now())
}

// A server that keeps a request waiting delays no other one.
func TestSlowAnswerDelaysNoNextRequest(t *testing.T) {
	t.Parallel()
	var n atomic.Int32
	third := make(chan struct{})
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		switch n.Add(1) {
		case 3: // is answered after 20 others, or never
			select {
			case <-third:
			case <-r.Context().Done():
			}
		case 23:
			close(third)
		}
	}))
	defer server.Close()
	target := Target{Name: "web", HTTP: server.URL, Interval: 10 * time.Millisecond, Timeout: 20 * time.Second}
	_, f := watch(t, target, func() { <-third })
	if f.Lost != 0 || f.Sent < 23 {
		t.Errorf("sent %d, lost %d", f.Sent, f.Lost)
	}
}

func TestLostRequestsAndTheLongestStretch(t *testing.T) {
	t.Parallel()
	var said [2]atomic.Int32 // how often each
	var down atomic.Bool
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if down.Load() {
			w.WriteHeader(http.StatusServiceUnavailable)
			said[1].Add(1)
			return
		}
		said[0].Add(1)
	}))
	defer server.Close()
	await := func(n *atomic.Int32, more int32) {
		for from := n.Load(); n.Load() < from+more; {
			time.Sleep(time.Millisecond)
		}
	}
	target := Target{Name: "web", HTTP: server.URL, Interval: 5 * time.Millisecond, Timeout: 20 * time.Second}
	var was time.Duration
	_, f := watch(t, target, func() {
		await(&said[0], 5)
		down.Store(true)
		await(&said[1], 1) // what was answered before has arrived, or nearly
		from := time.Now()
		time.Sleep(150 * time.Millisecond)
		await(&said[1], 10)
		was = time.Since(from)
		down.Store(false)
		await(&said[0], 5)
	})
	if f.Lost < 10 {
		t.Errorf("lost %d of %d while the server said 503", f.Lost, f.Sent)
	}
	if f.Longest < was/2 {
		t.Errorf("longest stretch %s while the server said 503 for %s", f.Longest, was)
	}
}

// A stretch without an answer counts while it lasts.
func TestStretchThatHasNotEnded(t *testing.T) {
	t.Parallel()
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	target := Target{Name: "tcp", TCP: listener.Addr().String(), Interval: 5 * time.Millisecond, Timeout: 50 * time.Millisecond}
	listener.Close()
	start := time.Now()
	w := Start(t.Context(), []Target{target})
	time.Sleep(300 * time.Millisecond)
	if name, d := w.Longest(); name != "tcp" || d < 250*time.Millisecond {
		t.Errorf("nobody has answered for 300ms, Longest says %q %s", name, d)
	}
	w.Stop()
	f := w.Figures("tcp", start, time.Now())
	if f.Sent == 0 || f.Lost != f.Sent || f.Longest < 250*time.Millisecond {
		t.Errorf("nobody listens: %+v", f)
	}
}

func TestFiguresOfAWindow(t *testing.T) {
	t.Parallel()
	t0 := time.Unix(1000, 0)
	l := &lane{began: t0, ended: t0.Add(time.Second)}
	at := func(ms, took int, ok bool) {
		l.samples = append(l.samples, Sample{t0.Add(time.Duration(ms) * time.Millisecond), time.Duration(took) * time.Millisecond, ok})
	}
	for ms := 0; ms < 1000; ms += 10 {
		switch {
		case ms >= 300 && ms < 400:
			at(ms, 50, false)
		default:
			at(ms, 1, true)
		}
	}
	at(700, 5, true)
	for _, tt := range []struct {
		from, to   int
		sent, lost int
		longest    time.Duration
	}{
		{0, 200, 21, 0, 10 * time.Millisecond},
		{250, 450, 21, 10, 110 * time.Millisecond},
		{350, 360, 2, 2, 110 * time.Millisecond},
		{0, 1000, 101, 10, 110 * time.Millisecond},
	} {
		f := l.figures(t0.Add(time.Duration(tt.from)*time.Millisecond), t0.Add(time.Duration(tt.to)*time.Millisecond))
		if f.Sent != tt.sent || f.Lost != tt.lost || f.Longest != tt.longest {
			t.Errorf("%d-%d ms: %+v, want sent %d lost %d longest %s", tt.from, tt.to, f, tt.sent, tt.lost, tt.longest)
		}
	}
}

func TestMethodNamesEverything(t *testing.T) {
	m := Target{HTTP: "http://192.0.2.10/", Interval: 5 * time.Millisecond, Timeout: time.Second}.Method()
	for _, want := range []string{"GET http://192.0.2.10/", "5ms", "new connection", "1s"} {
		if !strings.Contains(m, want) {
			t.Errorf("%q is not in %q", want, m)
		}
	}
}

// What watching two VIPs costs, a request.
func BenchmarkRequest(b *testing.B) {
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) { fmt.Fprint(w, "ok") }))
	defer server.Close()
	l := newLane(Target{HTTP: server.URL, Timeout: time.Second})
	b.ReportAllocs()
	for b.Loop() {
		if err := l.ask(b.Context()); err != nil {
			b.Fatal(err)
		}
	}
}

// An answer that sends elsewhere is an answer, and is not followed; a proxy of the
// environment's is not asked.
func TestProbeGoesNowhereElse(t *testing.T) {
	var elsewhere, proxied atomic.Int32
	other := httptest.NewServer(http.HandlerFunc(func(http.ResponseWriter, *http.Request) { elsewhere.Add(1) }))
	defer other.Close()
	proxy := httptest.NewServer(http.HandlerFunc(func(http.ResponseWriter, *http.Request) { proxied.Add(1) }))
	defer proxy.Close()
	for _, name := range []string{"HTTP_PROXY", "http_proxy", "ALL_PROXY"} {
		t.Setenv(name, proxy.URL)
	}
	for _, code := range []int{301, 302, 303, 307, 308} {
		var asked atomic.Int32
		server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
			asked.Add(1)
			http.Redirect(w, r, other.URL, code)
		}))
		_, f := watch(t, Target{Name: "web", HTTP: server.URL, Interval: 10 * time.Millisecond, Timeout: time.Minute}, func() {
			for asked.Load() < 4 {
				time.Sleep(time.Millisecond)
			}
		})
		server.Close()
		if f.Sent == 0 || f.Lost != 0 {
			t.Errorf("%d: sent %d, lost %d", code, f.Sent, f.Lost)
		}
	}
	if elsewhere.Load() != 0 || proxied.Load() != 0 {
		t.Errorf("%d requests went elsewhere, %d to the proxy", elsewhere.Load(), proxied.Load())
	}
}

// What listens at an IPv6 address is asked there, by TCP and by HTTP.
func TestProbesReachIPv6(t *testing.T) {
	t.Parallel()
	listener, err := net.Listen("tcp6", "[::1]:0")
	if err != nil {
		if os.Getenv("ZUP_CI") != "" {
			t.Fatal("this machine has no IPv6: ", err)
		}
		t.Skip("this machine has no IPv6: ", err)
	}
	server := &http.Server{Handler: http.HandlerFunc(func(http.ResponseWriter, *http.Request) {})}
	go server.Serve(listener)
	defer server.Close()
	at := listener.Addr().String()
	for _, target := range []Target{
		{Name: "tcp", TCP: at, Interval: 5 * time.Millisecond, Timeout: 5 * time.Second},
		{Name: "http", HTTP: "http://" + at + "/", Interval: 5 * time.Millisecond, Timeout: 5 * time.Second},
	} {
		start := time.Now()
		w := Start(t.Context(), []Target{target})
		time.Sleep(200 * time.Millisecond)
		w.Stop()
		if f := w.Figures(target.Name, start, time.Now()); f.Sent == 0 || f.Lost > 0 {
			t.Errorf("%s: %+v", target.Name, f)
		}
	}
}
