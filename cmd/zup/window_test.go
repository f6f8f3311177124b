package main

import (
	"bytes"
	"context"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"zup/providers/ssh/sshtest"
	"zup/providers/zevenet/zevenettest"
)

// clocked is zup in this process, with a clock of its own that tests move.
type clocked struct {
	t    *testing.T
	dir  string
	home string

	mu    sync.Mutex
	moved time.Duration
	began time.Time // real
	start time.Time // on its clock
}

func (c *clocked) now() time.Time {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.start.Add(c.moved + time.Since(c.began))
}

func (c *clocked) sleep(d time.Duration) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.moved += d
}

// zup runs a command and returns its exit status and everything that it wrote.
func (c *clocked) zup(args ...string) (int, string) {
	c.t.Helper()
	var out bytes.Buffer
	cli := newCLI(stdio{strings.NewReader(""), &out, &out}, []string{"HOME=" + c.home})
	cli.now = c.now
	root := cli.root()
	root.SetArgs(singleDash(root, append([]string{"-chdir", c.dir}, args...)))
	root.SetOut(&out)
	root.SetErr(&out)
	code := cli.exit(root.ExecuteContext(context.Background()))
	return code, out.String()
}

const weekendOnly = `
window "weekend" {
  days     = ["sat"]
  start    = "22:00"
  duration = "4h"
  timezone = "Europe/Berlin"
}

cluster "zevenet" "edge" {
  version = "6.1.20"
  node "zva5n1" { address = "zva5n1" }
  node "zva5n2" { address = "zva5n2" }
}
`

func newClocked(t *testing.T, start string) (*clocked, *zevenettest.Pair) {
	t.Helper()
	c := &clocked{t: t, dir: t.TempDir(), home: t.TempDir(), began: time.Now()}
	var err error
	if c.start, err = time.Parse(time.RFC3339, start); err != nil {
		t.Fatal(err)
	}
	pair := zevenettest.New("zva5n1", "zva5n2", "zva5n1", "disabled")
	var config strings.Builder
	for _, name := range []string{"zva5n1", "zva5n2"} {
		s := pair.Serve(t, name, sshtest.Config{})
		fmt.Fprintf(&config, "Host %s\n\tHostName 127.0.0.1\n\tPort %d\n\tUser root\n\tHostKeyAlias %s\n\tIdentityFile %s\n\tUserKnownHostsFile %s\n",
			name, s.Port(), name, s.IdentityFile(), s.KnownHosts(name))
	}
	write := func(path, text string) {
		if err := os.MkdirAll(filepath.Dir(path), 0o700); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	write(filepath.Join(c.home, ".ssh", "config"), config.String())
	write(filepath.Join(c.dir, "edge.zup.hcl"), weekendOnly)
	return c, pair
}

func (c *clocked) expect(code int, texts []string, args ...string) {
	c.t.Helper()
	got, out := c.zup(args...)
	if got != code {
		c.t.Errorf("zup %s: exit %d, want %d\n%s", strings.Join(args, " "), got, code, out)
	}
	flat := strings.Join(strings.Fields(out), " ")
	for _, text := range texts {
		if !strings.Contains(flat, text) {
			c.t.Errorf("zup %s does not say %q\n%s", strings.Join(args, " "), text, out)
		}
	}
}

// BACKUP's update takes longer than the window: MASTER is not touched, and everybody
// is served as before. The run goes on in the next window, and not before.
func TestWindowEndsWhileBackupIsUpdated(t *testing.T) {
	c, pair := newClocked(t, "2026-11-28T21:10:00Z")
	pair.Fail("zva5n2", "update", func(*zevenettest.Pair) zevenettest.Fault {
		c.sleep(5 * time.Hour)
		return zevenettest.Fault{}
	})
	c.expect(0, []string{"May begin now, for another 3 h 49 min, until window weekend ends, Sun 2026-11-29 02:00 CET (01:00 UTC)"}, "plan", "-out", filepath.Join(c.dir, "edge.plan"))
	c.expect(6, []string{
		"edge: stopped at a safe point, because of the window", "Because no window is open", "Serves now zva5n1, with version 6.1.19",
		"Next zup resume, when it may go on: the next window is weekend: Sat 2026-12-05 22:00 CET (21:00 UTC), for 4 h",
	}, "apply", filepath.Join(c.dir, "edge.plan"))
	if v := pair.FactsOf("zva5n2")["version"]; v != "6.1.20" {
		t.Errorf("BACKUP runs %s", v)
	}
	c.sleep(10 * time.Hour)
	c.expect(6, []string{"not now: no window is open", "Sat 2026-12-05 22:00 CET"}, "resume")
	c.expect(6, []string{"not now: no window is open"}, "apply", "-auto-approve")
	c.sleep(6*24*time.Hour + 9*time.Hour)
	c.expect(0, []string{"edge: verified: zva5n1 and zva5n2 run 6.1.20"}, "resume")
	if d := pair.Damage(); d != "" {
		t.Error(d)
	}
}

// The old MASTER's update takes longer than the window, while it is out of service:
// it comes back all the same, and MASTER stays where it is until the next window.
func TestWindowEndsWhileANodeIsOut(t *testing.T) {
	c, pair := newClocked(t, "2026-11-28T21:10:00Z")
	pair.Fail("zva5n1", "update", func(*zevenettest.Pair) zevenettest.Fault {
		c.sleep(5 * time.Hour)
		return zevenettest.Fault{}
	})
	c.expect(6, []string{"edge: stopped at a safe point, because of the window", "Serves now zva5n2, with version 6.1.20"}, "apply", "-auto-approve")
	if f := pair.FactsOf("zva5n1"); f["maintenance"] != "no" || f["deny"] != "none" || f["role"] != "backup" || f["version"] != "6.1.20" {
		t.Errorf("the old MASTER rests as %v", f)
	}
	c.expect(6, []string{"not now: no window is open"}, "resume")
	c.sleep(6*24*time.Hour + 20*time.Hour)
	c.expect(0, []string{"edge: verified: zva5n1 and zva5n2 run 6.1.20, zva5n1 is MASTER"}, "resume")
	if d := pair.Damage(); d != "" {
		t.Error(d)
	}
}
