//go:build linux

package world

import (
	"context"
	"flag"
	"fmt"
	"os"
	"runtime"
	"strings"
	"testing"
	"time"
)

// startEnv makes the test binary a program that starts a world and waits to be
// killed.
const startEnv = "ZUP_LAB_TEST_START"

func TestMain(m *testing.M) {
	Main()
	if os.Getenv(startEnv) != "" {
		startAndWait()
	}
	// The tests mostly wait for timers, not for a processor.
	flag.Parse()
	if f := flag.Lookup("test.parallel"); f.Value.String() == fmt.Sprint(runtime.GOMAXPROCS(0)) {
		f.Value.Set("4")
	}
	os.Exit(m.Run())
}

func startAndWait() {
	w, err := Start(context.Background(), Options{Progress: func(step string) { fmt.Println(step) }})
	if err != nil {
		fmt.Println("failed:", err)
		os.Exit(1)
	}
	fmt.Println("up")
	<-w.Ended()
}

// needNamespaces skips a test where the lab can't run; in CI that is a failure.
func needNamespaces(t *testing.T) {
	t.Helper()
	lacks := Missing()
	switch {
	case testing.Short():
		t.Skip("a real pair is not for -short")
	case len(lacks) > 0 && os.Getenv("ZUP_CI") == "1":
		t.Fatalf("this machine lacks %s", strings.Join(lacks, "; "))
	case len(lacks) > 0:
		t.Skipf("this machine lacks %s", strings.Join(lacks, "; "))
	}
}

// oneOfMany skips what is not in the sample of a long matrix; the tests of zup on the
// lab use every fault too. ZUP_MATRIX=1 runs all of it.
func oneOfMany(t *testing.T, sample bool) {
	t.Helper()
	if !sample && os.Getenv("ZUP_MATRIX") != "1" {
		t.Skip("one of many like it: ZUP_MATRIX=1 runs them all")
	}
}

// pairUnderTest is a world of one pair that is driven by hand: as a person on
// control would, over real ssh, with nothing of zup.
type pairUnderTest struct {
	*testing.T
	*World
	master, backup Node
}

func startPair(t *testing.T, o Options) *pairUnderTest {
	t.Helper()
	needNamespaces(t)
	w, err := Start(t.Context(), o)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(w.Close)
	return &pairUnderTest{t, w, w.Clusters[0].Nodes[0], w.Clusters[0].Nodes[1]}
}

// ssh runs a command on a node from control and returns all its output.
func (p *pairUnderTest) ssh(node Node, input, command string) string {
	p.Helper()
	out, err := p.trySSH(node, input, command)
	if err != nil {
		p.Fatalf("%s: %s: %v\n%s", node.Name, command, err, out)
	}
	return out
}

func (p *pairUnderTest) trySSH(node Node, input, command string) (string, error) {
	ctx, cancel := context.WithTimeout(p.Context(), 30*time.Second)
	defer cancel()
	c := p.Command(ctx, Control, "ssh", "-o", "ConnectTimeout=3", node.Name, command)
	c.Stdin = strings.NewReader(input)
	out, err := c.CombinedOutput()
	return string(out), err
}

func (p *pairUnderTest) inspect(node Node) NodeState {
	p.Helper()
	state, err := p.Inspect(p.Context(), node.Name)
	if err != nil {
		p.Fatal(err)
	}
	return state
}

// await polls until a node looks as wanted.
func (p *pairUnderTest) await(node Node, what string, wanted func(NodeState) bool) {
	p.Helper()
	deadline := time.Now().Add(20 * time.Second)
	for {
		state := p.inspect(node)
		if wanted(state) {
			return
		}
		if time.Now().After(deadline) {
			p.Fatalf("%s: not %s: %+v", node.Name, what, state)
		}
	}
}

func (p *pairUnderTest) awaitRole(node Node, role string) {
	p.Helper()
	p.await(node, role, func(s NodeState) bool { return s.Role == role })
}
