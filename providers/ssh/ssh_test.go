package ssh

import (
	"context"
	"net"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"zup/providers/ssh/sshtest"
)

// newDialer returns a dialer that takes nothing from the machine it runs on.
func newDialer(t *testing.T) *Dialer {
	t.Helper()
	home := t.TempDir()
	d := &Dialer{
		Home:             home,
		LocalUser:        "root",
		SystemConfigFile: "none",
		AgentSocket:      "none",
		KnownHostsFiles:  []string{filepath.Join(home, "known_hosts")},
		RetryFor:         -1,
	}
	t.Cleanup(func() { d.Close() })
	return d
}

// target is the way to s with everything pinned and named.
func target(s *sshtest.Server) Target {
	return Target{
		Name:         `node "zva5n1"`,
		Address:      "127.0.0.1",
		Port:         s.Port(),
		IdentityFile: s.IdentityFile(),
		HostKey:      s.HostKey(),
	}
}

func dial(t *testing.T, d *Dialer, target Target) *Host {
	t.Helper()
	h, err := d.Dial(t.Context(), target)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { h.Close() })
	return h
}

// localHost returns a host that really runs what it is given.
func localHost(t *testing.T) (*Host, *sshtest.Server) {
	t.Helper()
	s := sshtest.New(t, sshtest.Config{Local: true})
	d := newDialer(t)
	d.JobDir, d.LockFile = s.JobDir(), s.LockFile()
	d.RetryFor = 30 * time.Second
	return dial(t, d, target(s)), s
}

func run(t *testing.T, h *Host, script string) Result {
	t.Helper()
	res, err := h.Run(t.Context(), Command{Script: script})
	if err != nil {
		t.Fatalf("run %q: %v", script, err)
	}
	return res
}

// short returns a context for what must come to an end; a busy machine takes its time.
func short(t *testing.T) context.Context {
	ctx, cancel := context.WithTimeout(t.Context(), 2*time.Minute)
	t.Cleanup(cancel)
	return ctx
}

// within fails the test if s does not contain all parts.
func contains(t *testing.T, what, s string, parts ...string) {
	t.Helper()
	for _, p := range parts {
		if !strings.Contains(s, p) {
			t.Errorf("%s lacks %q:\n%s", what, p, s)
		}
	}
}

// dialerTo connects to whatever server is the current one.
func dialerTo(current func() *sshtest.Server) func(context.Context, string, string) (net.Conn, error) {
	return func(ctx context.Context, network, addr string) (net.Conn, error) {
		return current().DialContext(ctx, network, addr)
	}
}
