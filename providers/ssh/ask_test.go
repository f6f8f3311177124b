package ssh

import (
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"
)

// asking returns a dialer that may ask ssh.
func asking(t *testing.T, config string) *Dialer {
	t.Helper()
	program, err := exec.LookPath("ssh")
	if err != nil {
		skip(t, "there is no ssh to ask")
	}
	d := newDialer(t)
	d.SSH = func() string { return program }
	d.KnownHostsFiles = nil
	writeConfig(t, d, strings.ReplaceAll(config, "$HOME", d.Home))
	return d
}

// Each host is asked for once, whoever wants to know, and none waits for another one.
func TestHostsAreAskedForOnceAndSideBySide(t *testing.T) {
	t.Parallel()
	for name, config := range map[string]string{
		"by zup": "Match exec \"echo %n >>$HOME/asked; sleep 0.2\"\n  Port 2201\n",
		"by ssh": "Match exec \"echo %n >>$HOME/asked; sleep 0.2 # %C\"\n  Port 2201\n",
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			d := asking(t, config)
			program, asked := d.SSH, atomic.Int64{}
			d.SSH = func() string { asked.Add(1); return program() }
			hostsAreAskedForOnceAndSideBySide(t, d)
			if (asked.Load() > 0) != (name == "by ssh") {
				t.Errorf("ssh was asked for %d times", asked.Load())
			}
		})
	}
}

func hostsAreAskedForOnceAndSideBySide(t *testing.T, d *Dialer) {
	t.Helper()
	const hosts = 64
	start := time.Now()
	var wg sync.WaitGroup
	for n := range 2 * hosts {
		wg.Go(func() {
			e, err := d.resolve(t.Context(), Target{Address: fmt.Sprintf("lb%d", n%hosts), Jump: []string{"bastion"}})
			if err != nil {
				t.Error(err)
			} else if e.addr != fmt.Sprintf("lb%d:2201", n%hosts) || e.hops[0].addr != "bastion:2201" {
				t.Error(e, e.hops)
			}
		})
	}
	wg.Wait()
	asked, _ := os.ReadFile(filepath.Join(d.Home, "asked"))
	if n := strings.Count(string(asked), "\n"); n != hosts+1 {
		t.Errorf("%d commands were run for %d hosts and their jump host", n, hosts)
	}
	if took := time.Since(start); took > hosts*200*time.Millisecond/2 {
		t.Errorf("it took %v: one waits for the other", took)
	}
}

// A file that needs no command costs no program.
func TestNobodyIsAskedWithoutNeed(t *testing.T) {
	t.Parallel()
	d := asking(t, "Match host other exec \"touch $HOME/asked\"\n  Port 1\nHost *\n  Port 2201\n")
	d.SSH = func() string { t.Error("somebody wants to ask"); return "" }
	if e, err := d.resolve(t.Context(), Target{Address: "lb1"}); err != nil || e.addr != "lb1:2201" {
		t.Error(e, err)
	}
}

func TestWhatSSHIsAskedFor(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		name, config string
		target       Target
		want, err    string
	}{
		{"user that nobody names", "Match exec \"test -n %C\"\n Port 2201\n", Target{Address: "lb1"}, "root@lb1:2201", ""},
		{"user of the file", "Match exec \"test -n %C\"\n User ops\n", Target{Address: "lb1"}, "ops@lb1:22", ""},
		{"user of the block", "Match exec \"test %r = bob\"\n Port 2201\n", Target{Address: "lb1", User: "bob"}, "bob@lb1:2201", ""},
		{"port of the block", "Match exec \"test %p = 2299\"\n User ops\nHost *\n Port 2201\n", Target{Address: "lb1", Port: 2299}, "ops@lb1:2299", ""},
		{"name", "Match exec \"test -n %C\"\n HostName %h.example.net\n", Target{Address: "lb1"}, "root@lb1.example.net:22", ""},
		{"home is where commands run", "Match exec \"test $(pwd) = $HOME\"\n Port 2201\n", Target{Address: "lb1"}, "root@lb1:2201", ""},
		{"unknown criterion", "Match moon full\n Port 2201\n", Target{Address: "lb1"}, "", "ssh -G lb1"},
		{"proxy command that zup can't follow", "Match exec \"test -n %C\"\n ProxyUseFdpass yes\n ProxyCommand nc %h %p\n", Target{Address: "lb1"}, "", "zup takes no connection that a program has opened"},
		{"remote command", "Match exec \"test -n %C\"\n RemoteCommand top\n", Target{Address: "lb1"}, "", "remotecommand top: zup does without it"},
		{"relative file", "Match exec \"test -n %C\"\n UserKnownHostsFile hosts\n", Target{Address: "lb1"}, "", "a relative name means another file"},
		{"name that a shell reads", "Match exec \"echo %n\"\n Port 2201\n", Target{Address: "lb1;touch"}, "", "a shell may read"},
		{"name that ssh reads as an option", "Match exec \"test -n %C\"\n Port 2201\n", Target{Address: "-oProxyCommand=x"}, "", "a shell may read"},
		{"user that a shell reads", "Match exec \"echo %r\"\n Port 2201\n", Target{Address: "lb1", User: "$(id)"}, "", "a shell may read"},
		{"include elsewhere", "Match exec \"test -n %C\"\n Port 2201\nInclude more\n", Target{Address: "lb1"}, "", "write it with / at the beginning"},
	} {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			d := asking(t, c.config)
			e, err := d.resolve(t.Context(), c.target)
			switch {
			case c.err == "" && err != nil, c.err != "" && (err == nil || !strings.Contains(err.Error(), c.err)):
				t.Errorf("got %v", err)
			case err == nil && e.String() != c.want:
				t.Errorf("got %s", e)
			}
		})
	}
}

// A file that others may have written starts nothing, nor does one beside it.
func TestFilesOfOthersStartNoProgram(t *testing.T) {
	t.Parallel()
	d := asking(t, "Match exec \"touch $HOME/ran\"\n Port 2201\nInclude $HOME/more\n")
	more := filepath.Join(d.Home, "more")
	if err := os.WriteFile(more, []byte("Port 1\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	d.Trusted = func(file string) error {
		if file == more {
			return errors.New("more is foreign")
		}
		return nil
	}
	_, err := d.resolve(t.Context(), Target{Address: "lb1"})
	if err == nil || !strings.Contains(err.Error(), "config:1: Match exec: only ssh can tell whether it holds, and ssh is not asked: its files may start programs, and more is foreign") {
		t.Errorf("got %v", err)
	}
	if _, err := os.Stat(filepath.Join(d.Home, "ran")); err == nil {
		t.Error("the command was run")
	}
}
