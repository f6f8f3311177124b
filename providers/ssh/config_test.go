package ssh

import (
	"errors"
	"os"
	"path/filepath"
	"strings"
	"testing"
)

func writeConfig(t *testing.T, d *Dialer, text string) {
	t.Helper()
	file := filepath.Join(d.Home, ".ssh", "config")
	if err := os.MkdirAll(filepath.Dir(file), 0o700); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(file, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
}

// describe shows an endpoint in one line.
func describe(e *endpoint, home string) string {
	var b strings.Builder
	for _, hop := range e.hops {
		b.WriteString(hop.String())
		if hop.proxy != nil {
			b.WriteString(" through the command " + hop.proxy.command)
		}
		b.WriteString(" → ")
	}
	b.WriteString(e.String())
	if e.knownAs != e.addr {
		b.WriteString(" known as " + e.knownAs)
	}
	b.WriteString(" keys " + strings.Join(e.keys.files, " "))
	if e.keys.only {
		b.WriteString(" only")
	}
	return strings.ReplaceAll(b.String(), home, "~")
}

func TestResolve(t *testing.T) {
	t.Parallel()
	const defaults = "~/.ssh/id_ed25519 ~/.ssh/id_ecdsa ~/.ssh/id_rsa"
	for _, c := range []struct {
		name, config string
		target       Target
		want         string
	}{
		{"nothing said", "", Target{Address: "192.168.100.24"},
			"root@192.168.100.24:22 keys " + defaults},
		{"IPv6", "", Target{Address: "2001:db8::24"},
			"root@[2001:db8::24]:22 keys " + defaults},
		{"alias", "Host lb1\n HostName 192.168.100.24\n Port 2222\n User ops\n IdentityFile ~/.ssh/%n_%r\n IdentitiesOnly yes\n", Target{Address: "lb1"},
			"ops@192.168.100.24:2222 keys ~/.ssh/lb1_ops only"},
		{"arguments win", "Host *\n Port 2222\n User ops\n IdentityFile ~/a\n ProxyJump bastion\n",
			Target{Address: "lb1", Port: 22, User: "root", IdentityFile: "~/.ssh/config", Jump: []string{}},
			"root@lb1:22 keys ~/.ssh/config"},
		{"several identity files", "Host lb*\n IdentityFile ~/a\nHost *\n IdentityFile ~/b\n", Target{Address: "lb1"},
			"root@lb1:22 keys ~/a ~/b"},
		{"HostName with token", "Host lb1\n HostName %h.example.net\n", Target{Address: "lb1"},
			"root@lb1.example.net:22 keys " + defaults},
		{"HostKeyAlias", "Host lb1\n HostKeyAlias edge\n Port 2222\n", Target{Address: "lb1"},
			"root@lb1:2222 known as edge:22 keys " + defaults},
		{"ProxyJump", "Host lb1\n ProxyJump ops@bastion:2200,inner\nHost inner\n User me\n", Target{Address: "lb1"},
			"ops@bastion:2200 → me@inner:22 → root@lb1:22 keys " + defaults},
		{"ProxyJump of the jump host", "Host lb1\n ProxyJump inner\nHost inner\n ProxyJump outer\n", Target{Address: "lb1"},
			"me@outer:22 → me@inner:22 → root@lb1:22 keys " + defaults},
		{"ProxyJump of a later jump host does not count", "Host inner\n ProxyJump nowhere\n", Target{Address: "lb1", Jump: []string{"outer", "inner"}},
			"me@outer:22 → me@inner:22 → root@lb1:22 keys " + defaults},
		{"ProxyJump none", "Host lb1\n ProxyJump none\nHost *\n ProxyJump bastion\n", Target{Address: "lb1"},
			"root@lb1:22 keys " + defaults},
		{"ProxyJump for all", "Host *\n ProxyJump bastion\n", Target{Address: "lb1"},
			"me@bastion:22 → root@lb1:22 keys " + defaults},
		{"ProxyJump as URI", "Host lb1\n ProxyJump ssh://ops@bastion:2200/\n", Target{Address: "lb1"},
			"ops@bastion:2200 → root@lb1:22 keys " + defaults},
		{"jump by IPv6", "", Target{Address: "lb1", Jump: []string{"ops@[2001:db8::1]:2200"}},
			"ops@[2001:db8::1]:2200 → root@lb1:22 keys " + defaults},
		{"ProxyCommand none", "Host *\n ProxyCommand none\n", Target{Address: "lb1"},
			"root@lb1:22 keys " + defaults},
		{"Match host and all", "Match host lb1\n User ops\nMatch all\n Port 2222\n", Target{Address: "lb1"},
			"ops@lb1:2222 keys " + defaults},
	} {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			d := newDialer(t)
			d.LocalUser = "me"
			writeConfig(t, d, c.config)
			e, err := d.resolve(t.Context(), c.target)
			if err != nil {
				t.Fatal(err)
			}
			if got := describe(e, d.Home); got != c.want {
				t.Errorf("got  %s\nwant %s", got, c.want)
			}
		})
	}
}

func TestResolveErrors(t *testing.T) {
	t.Parallel()
	const forOthers = "that line holds for lb1: what it says can change where zup goes, so that it is not passed over; if it is meant for other hosts, put it into a Host block of theirs"
	for _, c := range []struct {
		name, config string
		target       Target
		want, hint   string
	}{
		{"Match exec", "Host a\n Port 2\nMatch exec \"test -n %C\"\n User x\n", Target{Address: "lb1"},
			`lb1: read ~/.ssh/config:3: Match exec: only ssh can tell whether it holds ("test -n %C": zup does not know "%C" there)`,
			`if that block is not meant for lb1: begin its criteria with !originalhost lb1`},
		{"Match user", "Match user me\n", Target{Address: "lb1"},
			`lb1: read ~/.ssh/config:1: Match user: nobody has said up to here who logs in (zup: root, ssh: me): say user in the ssh block`,
			forOthers},
		{"ProxyCommand that hands over a connection", "Host lb*\n ProxyCommand nc -F %h %p\n ProxyUseFdpass yes\n", Target{Address: "lb1"},
			`lb1: read ~/.ssh/config:3: ProxyUseFdpass yes: zup takes no connection that a program has opened: leave it out, and name a ProxyCommand that stays there, such as nc %h %p`,
			`mend that line; what does ssh -G make of it?`},
		{"circle", "Host a\n ProxyJump b\nHost b\n ProxyJump a\n", Target{Address: "a"},
			`a: jump hosts go round in a circle: a, b, a`, ""},
		{"port", "Port ssh\n", Target{Address: "lb1"}, `lb1: read ~/.ssh/config:1: Port: "ssh" is not a port number`,
			`mend that line; what does ssh -G make of it?`},
		{"jump", "", Target{Address: "lb1", Jump: []string{"ops@"}}, `lb1: jump host "ops@": it should look like user@host:port`, ""},
		{"jump port", "", Target{Address: "lb1", Jump: []string{"a:b"}}, `lb1: jump host "a:b": "b" is not a port number`, ""},
		{"host key", "", Target{Address: "lb1", HostKey: "ssh-ed25519"},
			`lb1: read the pinned host_key: it should look like "ssh-ed25519 AAAA…": ssh: no key found`, ""},
	} {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			d := newDialer(t)
			d.LocalUser = "me"
			writeConfig(t, d, c.config)
			err := dialError(t, d, c.target)
			if got := strings.ReplaceAll(err.Error(), d.Home, "~"); got != c.want {
				t.Errorf("got  %s\nwant %s", got, c.want)
			}
			if got := strings.ReplaceAll(hint(err), d.Home, "~"); got != c.hint {
				t.Errorf("hint %s\nwant %s", got, c.hint)
			}
		})
	}
}

// hint returns what an error suggests.
func hint(err error) string {
	var h interface{ Hint() string }
	if errors.As(err, &h) {
		return h.Hint()
	}
	return ""
}

func TestKnownHostsFiles(t *testing.T) {
	t.Parallel()
	for _, c := range []struct{ config, want string }{
		{"", "~/.ssh/known_hosts ~/.ssh/known_hosts2 /etc/ssh/ssh_known_hosts /etc/ssh/ssh_known_hosts2"},
		{"UserKnownHostsFile ~/a /b/%h\nGlobalKnownHostsFile none\n", "~/a /b/lb1"},
		{"UserKnownHostsFile none\nGlobalKnownHostsFile /c\n", "/c"},
	} {
		d := newDialer(t)
		d.KnownHostsFiles = nil
		writeConfig(t, d, c.config)
		e, err := d.resolve(t.Context(), Target{Address: "lb1"})
		if err != nil {
			t.Fatal(err)
		}
		if got := strings.ReplaceAll(strings.Join(e.knownHosts, " "), d.Home, "~"); got != c.want {
			t.Errorf("got  %s\nwant %s", got, c.want)
		}
	}
}

func TestNoConfigFile(t *testing.T) {
	t.Parallel()
	d := newDialer(t)
	writeConfig(t, d, "Match exec true\n")
	d.ConfigFile = "none"
	if _, err := d.resolve(t.Context(), Target{Address: "lb1"}); err != nil {
		t.Error(err)
	}
}

// IdentityAgent outranks the environment, and "none" means none.
func TestAgentSocket(t *testing.T) {
	t.Setenv("OTHER_AGENT", "/run/other")
	for _, c := range []struct{ config, socket, want string }{
		{"", "/run/agent", "/run/agent"},
		{"IdentityAgent ~/agent\n", "/run/agent", "~/agent"},
		{"IdentityAgent SSH_AUTH_SOCK\n", "/run/agent", "/run/agent"},
		{"IdentityAgent $OTHER_AGENT\n", "/run/agent", "/run/other"},
		{"IdentityAgent none\n", "/run/agent", ""},
		{"IdentityAgent ~/agent\n", "none", ""},
	} {
		d := newDialer(t)
		d.AgentSocket = c.socket
		writeConfig(t, d, c.config)
		e, err := d.resolve(t.Context(), Target{Address: "lb1"})
		if err != nil {
			t.Fatal(err)
		}
		if got := strings.ReplaceAll(e.keys.agent, d.Home, "~"); got != c.want {
			t.Errorf("%q with %s: %q, want %q", c.config, c.socket, got, c.want)
		}
	}
}
