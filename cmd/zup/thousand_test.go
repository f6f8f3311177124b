package main

import (
	"bytes"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"zup/providers/ssh/sshtest"
	"zup/providers/zevenet/zevenettest"
)

// BenchmarkPlanBehindABastion plans 500 pairs in memory, over real SSH and one bastion, with
// and without a Match exec in ~/.ssh/config: zup is a process of its own.
func BenchmarkPlanBehindABastion(b *testing.B) {
	const pairs = 500
	w := newBehindBastion(b, pairs)
	for _, c := range []struct {
		name, match string
		commands    int
	}{
		{"without", "", 0},
		{"with one command", "Match exec \"echo >>$HOME/asked\"\n  ForwardAgent yes\n", 1},
		{"with one for each", "Match exec \"echo %n >>$HOME/asked\"\n  ForwardAgent yes\n", 2*pairs + 1},
	} {
		b.Run(c.name, func(b *testing.B) {
			for b.Loop() {
				w.plan(b, c.match, c.commands)
			}
		})
	}
}

// Planning asks each command of Match exec once, and opens one connection to the bastion.
func TestPlanBehindABastionWithMatchExec(t *testing.T) {
	t.Parallel()
	const pairs = 20
	w := newBehindBastion(t, pairs)
	w.plan(t, "", 0)
	w.plan(t, "Match exec \"echo >>$HOME/asked\"\n  ForwardAgent yes\n", 1)
	w.plan(t, "Match exec \"echo %n >>$HOME/asked\"\n  ForwardAgent yes\n", 2*pairs+1)
	w.plan(t, "Match user root exec \"echo %n >>$HOME/asked\" originalhost lb7?\n  ForwardAgent yes\n", 2)
}

// behindBastion are pairs in memory that only a bastion reaches.
type behindBastion struct {
	dir, home, hosts string
	jump             *sshtest.Server
}

func newBehindBastion(t testing.TB, pairs int) *behindBastion {
	t.Helper()
	w := &behindBastion{dir: t.TempDir(), home: t.TempDir()}
	key := filepath.Join(w.home, "key")
	client := sshtest.WriteKey(t, "ed25519", key, "")
	names := sshtest.Network{}
	var config, known bytes.Buffer
	for n := range pairs {
		first, second := fmt.Sprintf("lb%da", n), fmt.Sprintf("lb%db", n)
		pair := zevenettest.New(first, second, first, "disabled")
		fmt.Fprintf(&config, "cluster \"zevenet\" \"c%d\" {\n  version = \"6.1.20\"\n", n)
		for _, name := range []string{first, second} {
			s := pair.Serve(t, name, sshtest.Config{InMemory: true})
			s.AcceptKey(client)
			names[name+":22"] = s
			fmt.Fprintf(&config, "  node %q { address = %q }\n", name, name)
			fmt.Fprintf(&known, "%s %s\n", name, s.HostKey())
		}
		config.WriteString("}\n")
	}
	w.jump = sshtest.New(t, sshtest.Config{Forward: true, Names: names})
	w.jump.AcceptKey(client)
	fmt.Fprintf(&known, "bastion %s\n", w.jump.HostKey())
	w.hosts = fmt.Sprintf("Host lb*\n  ProxyJump bastion\nHost bastion\n  HostName 127.0.0.1\n  HostKeyAlias bastion\n  Port %d\nHost *\n  User root\n  IdentityFile %s\n", w.jump.Port(), key)
	err := errors.Join(os.Mkdir(filepath.Join(w.home, ".ssh"), 0o700),
		os.WriteFile(filepath.Join(w.dir, "fleet.zup.hcl"), config.Bytes(), 0o600),
		os.WriteFile(filepath.Join(w.home, ".ssh", "known_hosts"), known.Bytes(), 0o600))
	if err != nil {
		t.Fatal(err)
	}
	return w
}

// plan plans all pairs, with a block in front of ~/.ssh/config, and counts the commands.
func (w *behindBastion) plan(t testing.TB, match string, commands int) {
	t.Helper()
	asked := filepath.Join(w.home, "asked")
	os.Remove(asked)
	if err := os.WriteFile(filepath.Join(w.home, ".ssh", "config"), []byte(w.hosts+strings.ReplaceAll(match, "$HOME", w.home)), 0o600); err != nil {
		t.Fatal(err)
	}
	before, start := w.jump.Connections(), time.Now()
	cmd := exec.Command("zup", "plan", "-detailed-exitcode", "-parallelism=10")
	cmd.Dir, cmd.Env = w.dir, append(os.Environ(), "HOME="+w.home, "SSH_AUTH_SOCK=", "ZUP_LOG=")
	out, err := cmd.CombinedOutput()
	if cmd.ProcessState.ExitCode() != exitChanges {
		t.Fatalf("%v: %s", err, out[:min(len(out), 2000)])
	}
	text, _ := os.ReadFile(asked)
	if n := bytes.Count(text, []byte("\n")); n != commands {
		t.Errorf("%d commands were run, want %d", n, commands)
	}
	if n := w.jump.Connections() - before; n != 1 {
		t.Errorf("%d connections to the bastion", n)
	}
	t.Logf("planned in %v; processor %v", time.Since(start).Round(time.Millisecond), cmd.ProcessState.UserTime()+cmd.ProcessState.SystemTime())
}
