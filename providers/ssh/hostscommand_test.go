package ssh

import (
	"errors"
	"fmt"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"zup/providers/ssh/sshtest"
)

// asksHosts returns a dialer whose ssh_config names a script as KnownHostsCommand, with
// arguments behind it.
func asksHosts(t *testing.T, script, args, config string) *Dialer {
	t.Helper()
	d := newDialer(t)
	d.KnownHostsFiles = nil
	ask := filepath.Join(d.Home, "ask")
	if err := os.WriteFile(ask, []byte("#!/bin/sh\n"+strings.ReplaceAll(script, "$DIR", d.Home)+"\n"), 0o700); err != nil {
		t.Fatal(err)
	}
	writeConfig(t, d, "KnownHostsCommand "+ask+" "+args+"\n"+config)
	return d
}

// Real ssh asks the same questions from the same file, and believes the same answers.
func TestSSHDKnownByACommand(t *testing.T) {
	t.Parallel()
	s := startSSHD(t)
	program, err := exec.LookPath("ssh")
	if err != nil {
		skip(t, "there is no ssh to compare with")
	}
	full := fmt.Sprintf("[127.0.0.1]:%d", s.port)
	other := authorizedKey(sshtest.NewKey(t, "ed25519").PublicKey())
	for _, c := range []struct {
		name, script, config string
		asked                int
		ok                   bool
	}{
		{"known", "echo '" + full + " " + s.hostKey + "'", "", 2, true},
		{"known without a port", "echo '127.0.0.1 " + s.hostKey + "'", "", 2, false},
		{"only when the key is known", `test "$1" = ORDER || echo "$2 $3 $5"`, "", 2, true},
		{"only before the key is known", "test $1 != ORDER || echo '" + full + " " + s.hostKey + "'", "", 2, false},
		{"another key", "echo '" + full + " " + other + "'", "", 2, false},
		{"another host", "echo 'other " + s.hostKey + "'", "", 2, false},
		{"revoked", "echo '" + full + " " + s.hostKey + "'; echo '@revoked * " + s.hostKey + "'", "", 2, false},
		{"silence", "true", "", 2, false},
		{"silence, and a file without the port", "true", "UserKnownHostsFile $OTHER\n", 2, true},
		{"silence, and a file", "true", "UserKnownHostsFile $FILE\n", 2, true},
		{"status, and a file", "exit 1", "UserKnownHostsFile $FILE\n", 1, false},
		{"the right key and a status", "echo '" + full + " " + s.hostKey + "'; exit 1", "", 1, false},
		{"alias", "echo 'edge " + s.hostKey + "'", "HostKeyAlias Edge\n", 2, true},
		{"junk before it", "echo; echo '# x'; echo junk; echo '" + full + " " + s.hostKey + "'", "", 2, true},
		{"pattern", "echo '[127.0.0.*]:* " + s.hostKey + "'", "", 2, true},
		{"fingerprint in md5", "echo '" + full + " " + s.hostKey + "'", "FingerprintHash md5\n", 2, true},
	} {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			d := asksHosts(t, "printf '%s|' \"$@\" >>$DIR/asked; echo >>$DIR/asked\n"+c.script, `%I %H %t %f %K %h %n %p %r %k %l %L %u %i %d "%%" 'a b'`, "")
			files := "UserKnownHostsFile none\nGlobalKnownHostsFile none\n"
			if c.config != "" {
				known := filepath.Join(d.Home, "known")
				if err := os.WriteFile(known, []byte(full+" "+s.hostKey+"\n"), 0o600); err != nil {
					t.Fatal(err)
				}
				if err := os.WriteFile(known+".other", []byte("127.0.0.1 "+s.hostKey+"\n"), 0o600); err != nil {
					t.Fatal(err)
				}
				files = strings.NewReplacer("$FILE", known, "$OTHER", known+".other").Replace(c.config) + files
			}
			config := filepath.Join(d.Home, ".ssh", "config")
			text, _ := os.ReadFile(config)
			writeConfig(t, d, string(text)+files+fmt.Sprintf("User root\nPort %d\nIdentityFile %s\nIdentitiesOnly yes\n", s.port, s.identityFile))

			out, sshErr := exec.Command(program, "-F", config, "-o", "BatchMode=yes", "-o", "StrictHostKeyChecking=yes", "127.0.0.1", "echo", "hello").CombinedOutput()
			theirs, _ := os.ReadFile(filepath.Join(d.Home, "asked"))
			os.Remove(filepath.Join(d.Home, "asked"))
			d.LocalUser = "root"
			_, err := d.resolve(t.Context(), Target{Address: "127.0.0.1"})
			if err != nil {
				t.Fatal(err)
			}
			h, err := d.Dial(t.Context(), Target{Address: "127.0.0.1"})
			if err == nil {
				h.Close()
			}
			ours, _ := os.ReadFile(filepath.Join(d.Home, "asked"))
			home, _ := os.UserHomeDir()
			if got := strings.ReplaceAll(string(ours), "|"+d.Home+"|", "|"+home+"|"); got != string(theirs) || strings.Count(got, "\n") != c.asked {
				t.Errorf("ssh asks\n%szup asks\n%s", theirs, got)
			}
			if (sshErr == nil) != c.ok || (err == nil) != c.ok {
				t.Errorf("ssh: %v %s\nzup: %v", sshErr, out, err)
			}
		})
	}
}

// A command that fails, floods or hangs is said in words, and is gone afterwards.
func TestKnownHostsCommandThatFails(t *testing.T) {
	t.Parallel()
	s := sshtest.New(t, sshtest.Config{})
	for _, c := range []struct{ name, script, want string }{
		{"status", `printf 'no\033[31m luck\n' >&2; exit 7`, `KnownHostsCommand: asked for 127.0.0.1 (ORDER): exit status 7; it said: no\x1b[31m luck`},
		{"signal", `kill -9 $$`, "signal: killed"},
		{"second question", `test "$1" = ORDER`, "(HOSTNAME): exit status 1"},
		{"hangs before", `echo patience >&2; trap '' HUP; sleep 1000`, "(ORDER): time is up, and it has not ended; it said: patience"},
		{"hangs within", `test "$1" = ORDER || sleep 1000`, "KnownHostsCommand: no end within 5s"},
		{"floods", `cat /dev/zero`, "MB"},
		{"secret", `env | grep CANARY >&2; exit 1`, "exit status 1"},
	} {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			d := asksHosts(t, "echo $$ >>$DIR/pids\n"+c.script, "%I", "")
			d.Environ = func() []string { return append(os.Environ(), "ZUP_SECRET_x=CANARY") }
			d.Timeout = time.Minute
			if strings.HasPrefix(c.name, "hangs") { // long enough for it to say so on a busy machine
				d.Timeout = 5 * time.Second
			}
			to := target(s)
			to.HostKey = ""
			d.DialContext = (&net.Dialer{}).DialContext
			_, err := d.Dial(t.Context(), to)
			var ce *ConfigError
			if !errors.As(err, &ce) || !strings.Contains(err.Error(), c.want) || !strings.Contains(ce.Hint(), filepath.Join(d.Home, "ask")+" ORDER") || strings.Contains(err.Error(), "CANARY") {
				t.Errorf("got %v", err)
			}
			gone(t, written(t, d, "pids", 1))
		})
	}
}

// A program that is not there, and one that others have brought, are not run.
func TestKnownHostsCommandIsTheUsersOwn(t *testing.T) {
	t.Parallel()
	for _, c := range []struct{ name, command, address, want string }{
		{"foreign", "/bin/echo %H", "lb1", "config:1: KnownHostsCommand: it is not run: config is foreign"},
		{"option", "/bin/echo %H", "-x", "a shell may read that as more than a name"},
		{"quote", "/bin/echo %n", "a'b", "a shell may read that as more than a name"},
		{"not asked for", "/bin/echo x", "a'b", ""},
	} {
		d := newDialer(t)
		writeConfig(t, d, "KnownHostsCommand "+c.command+"\n")
		if c.name == "foreign" {
			d.Trusted = func(file string) error { return errors.New(filepath.Base(file) + " is foreign") }
		}
		_, err := d.resolve(t.Context(), Target{Address: c.address})
		if (err == nil) != (c.want == "") || err != nil && !strings.Contains(err.Error(), c.want) {
			t.Errorf("%s: got %v", c.name, err)
		}
	}
	d := newDialer(t)
	writeConfig(t, d, "KnownHostsCommand "+d.Home+"/none %H\n")
	s := sshtest.New(t, sshtest.Config{})
	to := target(s)
	to.HostKey = ""
	if _, err := d.Dial(t.Context(), to); err == nil || !strings.Contains(err.Error(), "none: no such file") {
		t.Errorf("got %v", err)
	}
	to.HostKey = s.HostKey() // who has the key pinned asks nobody
	dial(t, d, to)
}

// With CheckHostIP the command is asked about the address too, and nobody may know another
// key of that.
func TestCheckHostIP(t *testing.T) {
	t.Parallel()
	key, other := sshtest.NewKey(t, "ed25519").PublicKey(), sshtest.NewKey(t, "ed25519").PublicKey()
	remote := &net.TCPAddr{IP: net.IPv4(192, 0, 2, 7), Port: 2201}
	for _, c := range []struct {
		name, script, config string
		remote               net.Addr
		asked                string
		ok                   bool
	}{
		{"not asked", ":", "CheckHostIP no\n", remote, "HOSTNAME [lb1]:2201", true},
		{"nothing known", ":", "CheckHostIP yes\n", remote, "HOSTNAME [lb1]:2201 ADDRESS [192.0.2.7]:2201", true},
		{"same key", "echo '[192.0.2.7]:2201 KEY'", "CheckHostIP yes\n", remote, "HOSTNAME [lb1]:2201 ADDRESS [192.0.2.7]:2201", true},
		{"another key", "echo '[192.0.2.7]:2201 OTHER'", "CheckHostIP yes\n", remote, "HOSTNAME [lb1]:2201 ADDRESS [192.0.2.7]:2201", false},
		{"revoked", "echo '@revoked [192.0.2.7]:2201 KEY'", "CheckHostIP yes\n", remote, "HOSTNAME [lb1]:2201 ADDRESS [192.0.2.7]:2201", false},
		{"loopback", "echo '* OTHER'", "CheckHostIP yes\n", &net.TCPAddr{IP: net.IPv4(127, 0, 0, 1), Port: 2201}, "HOSTNAME [lb1]:2201", true},
		{"through a command", ":", "CheckHostIP yes\n", &piped{of: &proxyCommand{}}, "HOSTNAME [lb1]:2201", true},
	} {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			keys := strings.NewReplacer("KEY", authorizedKey(key), "OTHER", authorizedKey(other))
			d := asksHosts(t, "echo $1 $2 >>$DIR/asked; if [ $1 = ADDRESS ]; then "+keys.Replace(c.script)+"; else echo '[lb1]:2201 "+authorizedKey(key)+"'; fi", "%I %H", "Port 2201\n"+c.config)
			e, err := d.resolve(t.Context(), Target{Address: "lb1"})
			if err != nil {
				t.Fatal(err)
			}
			check, err := d.newKeyCheck(t.Context(), e)
			if err != nil {
				t.Fatal(err)
			}
			if err := check.check("", c.remote, key); (err == nil) != c.ok {
				t.Errorf("got %v", err)
			}
			asked := written(t, d, "asked", 1)
			if got := strings.Join(asked[1:], " "); got != c.asked || asked[0] != "ORDER lb1" {
				t.Errorf("asked: %s", got)
			}
		})
	}
}
