package observe

import (
	"context"
	"fmt"
	"net"
	"sync/atomic"
	"testing"
	"time"

	"zup/plan"
	"zup/plan/config"
	"zup/plan/reach"
)

// said is a product whose MASTER says what a test wants.
type said struct{ vips, farms []string }

func (said) FactsScript() string          { return "" }
func (said) ObservedFacts() []string      { return nil }
func (said) Watches(*config.Cluster) bool { return true }
func (s said) Farms([]plan.ObservedNode) (vips, farms []string) {
	return s.vips, append([]string{}, s.farms...)
}

func tryFarms(t *testing.T, s said) []plan.Farm {
	t.Helper()
	cfg := &config.Cluster{Provider: "x", Name: "edge"}
	ctx, cancel := context.WithTimeout(t.Context(), 20*time.Second)
	defer cancel()
	return Farms(ctx, []*config.Cluster{cfg}, plan.Observed{}, map[string]Product{"x": s}, reach.New(net.InterfaceAddrs()))["edge"]
}

// A node that lies about its VIPs and farms does not make zup connect to this machine,
// by whichever of its addresses.
func TestNoFarmIsThisMachine(t *testing.T) {
	l, err := net.Listen("tcp", ":0")
	if err != nil {
		t.Fatal(err)
	}
	defer l.Close()
	var accepted atomic.Int32
	go func() {
		for {
			c, err := l.Accept()
			if err != nil {
				return
			}
			accepted.Add(1)
			c.Close()
		}
	}()
	port := l.Addr().(*net.TCPAddr).Port
	var s said
	here, err := net.InterfaceAddrs()
	if err != nil {
		t.Fatal(err)
	}
	for _, a := range here {
		s.vips = append(s.vips, a.(*net.IPNet).IP.String())
	}
	s.vips = append(s.vips, "127.1.2.3", "::1", "0.0.0.0", "::", "::ffff:127.0.0.1", "localhost", "127.1")
	for _, v := range s.vips {
		s.farms = append(s.farms, net.JoinHostPort(v, fmt.Sprint(port)), v)
	}
	for _, f := range tryFarms(t, s) {
		if f.Foreign == "" || f.Answers {
			t.Errorf("%+v", f)
		}
	}
	if n := accepted.Load(); n != 0 {
		t.Errorf("%d connections", n)
	}
	// The listener would have noticed.
	c, err := net.Dial("tcp", fmt.Sprintf("127.0.0.1:%d", port))
	if err != nil {
		t.Fatal(err)
	}
	c.Close()
	for accepted.Load() == 0 {
		time.Sleep(time.Millisecond)
	}
}

// However many farms a node names, 200 are tried, each once, and it takes no longer for
// it; what it says is kept short.
func TestFarmsAreBounded(t *testing.T) {
	if testing.Short() {
		t.Skip("waits for time-outs")
	}
	s := said{vips: []string{"192.0.2.10"}}
	for i := range 300_000 {
		s.farms = append(s.farms, fmt.Sprintf("192.0.2.10:%d", i%60_000+1), fmt.Sprintf("192.0.2.%d:%d", i%9+20, i))
	}
	s.farms = append(s.farms, fmt.Sprintf("0%0999999d", 1))
	start := time.Now()
	farms := tryFarms(t, s)
	tried := 0
	for _, f := range farms {
		if f.Foreign == "" && !f.Spared {
			tried++
		}
		if len(f.Address) > 100 {
			t.Fatalf("an address of %d bytes", len(f.Address))
		}
	}
	if tried != 200 || len(farms) < 60_000 {
		t.Errorf("%d of %d farms were tried", tried, len(farms))
	}
	if took := time.Since(start); took > 15*time.Second {
		t.Errorf("it took %v", took)
	}
}
