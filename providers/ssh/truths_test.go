package ssh

import (
	"fmt"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"zup/providers/ssh/sshtest"
)

// A thousand nodes behind one bastion cost no more commands of Match exec than there are
// different ones, one ssh -G less for each, and one connection to the bastion: all of them
// are reached over real SSH.
func TestThousandNodesBehindABastionWithMatchExec(t *testing.T) {
	t.Parallel()
	nodes, each := 1000, 1000
	if testing.Short() {
		nodes, each = 100, 100
	}
	node := sshtest.New(t, sshtest.Config{Local: true})
	names := sshtest.Network{}
	for n := range nodes {
		names[fmt.Sprintf("lb%d:2201", n)] = node
	}
	jump := sshtest.New(t, sshtest.Config{Forward: true, Names: names})
	for _, c := range []struct {
		name, config string
		commands     int
	}{
		{"without", "", 0},
		{"one for all", "Match exec \"echo >>$HOME/asked\"\n Port 2201\n", 1},
		{"one for each", "Match exec \"echo %h >>$HOME/asked\"\n Port 2201\n", each + 1},
	} {
		t.Run(c.name, func(t *testing.T) {
			d := newDialer(t)
			d.KnownHostsFiles = nil
			d.SSH = func() string { t.Error("ssh is asked"); return "" }
			writeConfig(t, d, strings.ReplaceAll(fmt.Sprintf("Host lb*\n ProxyJump bastion\nHost bastion\n HostName 127.0.0.1\n User root\n Port %d\n IdentityFile %s\n UserKnownHostsFile %s\nHost *\n%s",
				jump.Port(), jump.IdentityFile(), jump.KnownHosts(), c.config), "$HOME", d.Home))
			before := jump.Connections()
			dialAll(t, d, node, nodes)
			text, _ := os.ReadFile(filepath.Join(d.Home, "asked"))
			if n := strings.Count(string(text), "\n"); n != c.commands {
				t.Errorf("%d commands were run", n)
			}
			if n := jump.Connections() - before; n != 1 {
				t.Errorf("%d connections to the bastion", n)
			}
		})
	}
}

// dialAll dials every node, ten at a time as plan does it, and hangs up.
func dialAll(t *testing.T, d *Dialer, node *sshtest.Server, nodes int) {
	t.Helper()
	start := time.Now()
	turn := make(chan struct{}, 10)
	var wg sync.WaitGroup
	for n := range nodes {
		turn <- struct{}{}
		wg.Go(func() {
			defer func() { <-turn }()
			h, err := d.Dial(t.Context(), Target{Address: fmt.Sprintf("lb%d", n), Port: 2201, IdentityFile: node.IdentityFile(), HostKey: node.HostKey()})
			if err != nil {
				t.Error(err)
				return
			}
			h.Close()
		})
	}
	wg.Wait()
	t.Logf("%d nodes in %v", nodes, time.Since(start).Round(time.Millisecond))
}

// What it costs to find out where a thousand nodes are, by what the file says.
func BenchmarkThousandNodes(b *testing.B) {
	for _, c := range []struct{ name, config string }{
		{"no Match exec", "Port 2201\n"},
		{"one command for all", "Match exec true\n Port 2201\n"},
		{"a command for each", "Match exec \"test %h != x\"\n Port 2201\n"},
		{"what only ssh can tell", "Match exec \"test -n %C\"\n Port 2201\n"},
	} {
		b.Run(c.name, func(b *testing.B) {
			for b.Loop() {
				d := &Dialer{Home: b.TempDir(), LocalUser: "root", SystemConfigFile: "none", AgentSocket: "none", SSH: func() string { return "/usr/bin/ssh" }}
				if err := os.MkdirAll(filepath.Join(d.Home, ".ssh"), 0o700); err != nil {
					b.Fatal(err)
				}
				if err := os.WriteFile(filepath.Join(d.Home, ".ssh", "config"), []byte(c.config), 0o600); err != nil {
					b.Fatal(err)
				}
				var wg sync.WaitGroup
				for n := range 1000 {
					wg.Go(func() {
						if _, err := d.resolve(b.Context(), Target{Address: fmt.Sprintf("lb%d", n)}); err != nil {
							b.Error(err)
						}
					})
				}
				wg.Wait()
				d.Close()
			}
		})
	}
}

// What a command of Match exec may do to zup, and what it gets.
func TestMatchExecThatMisbehaves(t *testing.T) {
	t.Parallel()
	for _, c := range []struct{ name, command, want, err string }{
		{"reads", "read x || exit 0; exit 1", "lb1:2201", ""},
		{"prints", "cat /dev/urandom | head -c 1000000; cat /dev/urandom | head -c 1000000 >&2", "lb1:2201", ""},
		{"secret", "env | grep CANARY", "lb1:22", ""},
		{"leaves something behind", "sleep 1000 & echo $! >>$HOME/pids", "lb1:2201", ""},
		{"signal", "kill -9 $$", "", "config:1: Match exec: kill -9 $$: signal: killed"},
	} {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			d := newDialer(t)
			d.Environ = func() []string { return append(os.Environ(), "ZUP_SECRET_x=CANARY", "HOME="+d.Home) }
			writeConfig(t, d, "Match exec \""+c.command+"\"\n Port 2201\n")
			e, err := d.resolve(t.Context(), Target{Address: "lb1"})
			switch {
			case c.err != "":
				if err == nil || !strings.Contains(err.Error(), c.err) {
					t.Errorf("got %v", err)
				}
			case err != nil:
				t.Error(err)
			case e.addr != c.want:
				t.Errorf("got %s", e.addr)
			}
			if strings.Contains(c.command, "pids") { // a tunnel, perhaps: under ssh it stays, too
				d.Close()
				pid, _ := strconv.Atoi(written(t, d, "pids", 1)[0])
				if err := syscall.Kill(pid, syscall.SIGKILL); err != nil {
					t.Error(err)
				}
			}
		})
	}
}

// A command that is changed while zup runs has been asked: one run of zup goes one way.
func TestMatchExecIsAskedOnce(t *testing.T) {
	t.Parallel()
	d := newDialer(t)
	writeConfig(t, d, "Match exec \"test ! -e "+d.Home+"/changed\"\n Port 2201\n")
	for range 2 {
		if e, err := d.resolve(t.Context(), Target{Address: "lb1"}); err != nil || e.addr != "lb1:2201" {
			t.Error(e, err)
		}
		if err := os.WriteFile(filepath.Join(d.Home, "changed"), nil, 0o600); err != nil {
			t.Fatal(err)
		}
	}
}
