//go:build linux

package main

import (
	"bytes"
	"context"
	"strings"
	"testing"
	"time"

	"zup/examples/lab/world"
)

// plainBench is a pair of ordinary Debian nodes with zup on its control host.
type plainBench struct {
	*testing.T
	*world.World
	before map[string]string
}

func newPlainBench(t *testing.T, o world.PlainOptions, c choices) *plainBench {
	t.Helper()
	needLab(t)
	needsRoom(t)
	binary, err := zupBinary()
	if err != nil {
		t.Fatal(err)
	}
	w, err := world.StartPlain(t.Context(), o)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(w.Close)
	b := &plainBench{T: t, World: w}
	if err := w.WriteFile(t.Context(), world.Control, world.Home+"/bin/zup", binary, 0o755); err != nil {
		t.Fatal(err)
	}
	config, err := plainConfig(t.Context(), w, c)
	if err != nil {
		t.Fatal(err)
	}
	if err := w.WriteFile(t.Context(), world.Control, workDir+"/lab.zup.hcl", []byte(config), 0o644); err != nil {
		t.Fatal(err)
	}
	if b.before, err = lookPlain(t.Context(), w); err != nil {
		t.Fatal(err)
	}
	return b
}

// zup runs zup on control until it ends, or ctx does, which kills it.
func (b *plainBench) zup(ctx context.Context, watch func(out string), args ...string) (status int, out string) {
	b.Helper()
	cmd := b.Command(ctx, world.Control, append([]string{world.Home + "/bin/zup"}, args...)...)
	cmd.Dir = workDir
	printed := &watched{tell: watch}
	cmd.Stdout, cmd.Stderr = printed, printed
	cmd.Run()
	return cmd.ProcessState.ExitCode(), printed.String()
}

// watched is output that somebody looks at while it is written.
type watched struct {
	text bytes.Buffer
	tell func(string)
}

func (w *watched) String() string { return w.text.String() }

func (w *watched) Write(p []byte) (int, error) {
	n, err := w.text.Write(p)
	if w.tell != nil {
		w.tell(w.text.String())
	}
	return n, err
}

// wants runs zup and wants it to end with a status, and to say something.
func (b *plainBench) wants(status int, says string, args ...string) {
	b.Helper()
	if got, out := b.zup(b.Context(), nil, args...); got != status || !strings.Contains(out, says) {
		b.Fatalf("zup %s ended with %d, want %d and %q\n%s", strings.Join(args, " "), got, status, says, out)
	}
}

// atRest wants everything updated, the rest as it was before, and nothing left to do.
func (b *plainBench) atRest() {
	b.Helper()
	b.wants(0, "No changes.", "plan", "-detailed-exitcode")
	findings, err := verifyPlain(b.Context(), b.World, b.before)
	if err != nil {
		b.Fatal(err)
	}
	for _, f := range findings {
		if !f.ok {
			b.Errorf("%s: %s", f.where, f.what)
		}
	}
}

// A pair of ordinary nodes is updated in each way to move MASTER, and users lose at most one
// request where it is moved while it serves.
func TestPlainUpdate(t *testing.T) {
	for name, tt := range map[string]struct {
		world.PlainOptions
		c    choices
		lost int // of each client at each virtual IP
	}{
		"priority":        {lost: 1},
		"track_file":      {PlainOptions: world.PlainOptions{TrackFile: true, Web: "nginx", Instances: 2}, lost: 1},
		"raise-then-stop": {PlainOptions: world.PlainOptions{NoPreempt: true}, lost: 40},
		"debian 11":       {PlainOptions: world.PlainOptions{Debian: 11}, lost: 1},
		"debian 13":       {PlainOptions: world.PlainOptions{Debian: 13, Web: "nginx"}, lost: 1},
	} {
		t.Run(name, func(t *testing.T) {
			oneOfMany(t, name == "priority")
			tt.c.web = "haproxy"
			if tt.Web != "" {
				tt.c.web = tt.Web
			}
			b := newPlainBench(t, tt.PlainOptions, tt.c)
			b.wants(2, "on lb2, then lb1", "plan", "-detailed-exitcode")
			watch, err := startWatch(t.Context(), b.World)
			if err != nil {
				t.Fatal(err)
			}
			defer watch.stop()
			b.wants(0, "shop: verified", "apply", "-auto-approve")
			felt, err := watch.stop()
			if err != nil {
				t.Fatal(err)
			}
			t.Logf("\n%s", felt)
			for _, r := range felt {
				// What is under way when an address moves is cut: as many as this machine keeps waiting at the reference.
				cut := int(r.reference.Longest / (5 * time.Millisecond))
				if r.Lost > tt.lost+r.reference.Lost+cut && r.Held < 100*time.Millisecond {
					t.Errorf("%s at %s: %d lost: %v", r.kind, r.Target, r.Lost, r.Errors)
				}
			}
			b.atRest()
		})
	}
}

// zup is killed once an action has begun; whatever is done then ends where the update shall.
func TestPlainCuts(t *testing.T) {
	for _, tt := range []struct {
		at  string // "N/" of the line that says so
		way string
	}{
		{"lb1   Lower", "resume"}, {"lb1   Lower", "apply"}, {"lb1   Lower", "back-out"},
		{"lb2   Update", "resume"}, {"lb2   Update", "apply"},
		{"lb1   Update", "resume"}, {"lb1   Update", "apply"},
		{"lb1   Put its", "resume"}, {"lb1   Put its", "apply"},
	} {
		t.Run(tt.at+", then "+tt.way, func(t *testing.T) {
			oneOfMany(t, tt.at == "lb1   Lower" && tt.way == "apply")
			b := newPlainBench(t, world.PlainOptions{}, choices{web: "haproxy"})
			ctx, kill := context.WithCancel(t.Context())
			defer kill()
			// Finished lines come one after the other: what stands before the wanted one in the
			// plan has been done when the line before it is printed.
			before := map[string]string{"lb1   Lower": "Check lb2", "lb2   Update": "lb1   Fetch", "lb1   Update": "lb2   One more", "lb1   Put its": "lb1   Wait until it could"}[tt.at]
			status, out := b.zup(ctx, func(out string) {
				if strings.Contains(out, "done    "+before) || strings.Contains(out, "done    both  "+before) {
					time.AfterFunc(700*time.Millisecond, kill)
				}
			}, "apply", "-auto-approve")
			if status != -1 {
				t.Fatalf("it was not killed, and ended with %d\n%s", status, out)
			}
			if tt.way == "back-out" {
				time.Sleep(6 * time.Second) // the role is where it goes
				b.wants(6, "one node is updated and the other is not", "plan", "-back-out")
				b.wants(0, "lb1/priority", "status")
				tt.way = "apply"
			}
			args := []string{tt.way}
			if tt.way == "apply" {
				args = append(args, "-auto-approve")
			}
			b.wants(0, "shop: verified", args...)
			b.atRest()
		})
	}
}
