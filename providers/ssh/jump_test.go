package ssh

import (
	"errors"
	"strings"
	"testing"

	"zup/providers/ssh/sshtest"
)

// A chain is outer → inner → node, each with its name and its own entry in
// known_hosts.
type chain struct {
	outer, inner, node *sshtest.Server
	lines              []string
	d                  *Dialer
	target             Target
	key                string // identity file that all of them take
}

func newChain(t *testing.T) *chain {
	c := &chain{}
	c.node = sshtest.New(t, sshtest.Config{})
	c.node.Answer("hostname", sshtest.Reply{Stdout: "zva5n1\n"})
	c.inner = sshtest.New(t, sshtest.Config{User: "ops", Forward: true, Names: sshtest.Network{"192.168.100.24:22": c.node, "192.168.100.25:22": c.node}})
	c.outer = sshtest.New(t, sshtest.Config{User: "ops", Forward: true, Names: sshtest.Network{"inner:2200": c.inner}})
	c.lines = []string{
		"outer " + c.outer.HostKey(),
		"[inner]:2200 " + c.inner.HostKey(),
		"192.168.100.24,192.168.100.25 " + c.node.HostKey(),
	}
	c.d = newDialer(t)
	c.d.DialContext = sshtest.Network{"outer:22": c.outer}.DialContext
	knownHosts(t, c.d, c.lines...)
	c.key = c.node.IdentityFile()
	writeConfig(t, c.d, "IdentityFile "+c.key+"\n")
	pub := publicKeyOf(t, c.key)
	c.outer.AcceptKey(pub)
	c.inner.AcceptKey(pub)
	c.target = Target{Name: `node "zva5n1"`, Address: "192.168.100.24", Jump: []string{"ops@outer", "ops@inner:2200"}}
	return c
}

func TestJumpChain(t *testing.T) {
	t.Parallel()
	c := newChain(t)
	h := dial(t, c.d, c.target)
	if res := run(t, h, "hostname"); string(res.Stdout) != "zva5n1\n" {
		t.Errorf("%+v", res)
	}

	// The second node behind the same chain shares its connections.
	c.target.Address = "192.168.100.25"
	dial(t, c.d, c.target)
	if c.outer.Connections() != 1 || c.inner.Connections() != 1 || c.node.Connections() != 2 {
		t.Errorf("%d, %d and %d connections", c.outer.Connections(), c.inner.Connections(), c.node.Connections())
	}

	// When one breaks, the way is made again from there.
	c.inner.DropConnections()
	<-h.conn.gone
	c.d.RetryFor = 0
	if res := run(t, h, "hostname"); string(res.Stdout) != "zva5n1\n" {
		t.Errorf("%+v", res)
	}
	if c.outer.Connections() != 1 || c.inner.Connections() != 2 {
		t.Errorf("%d and %d connections", c.outer.Connections(), c.inner.Connections())
	}

	c.d.Close()
	<-h.conn.gone
	if _, err := c.d.Dial(t.Context(), c.target); err == nil {
		t.Error("a closed dialer connects")
	}
}

func TestJumpFromSSHConfig(t *testing.T) {
	t.Parallel()
	c := newChain(t)
	writeConfig(t, c.d, "IdentityFile "+c.node.IdentityFile()+"\nHost 192.168.*\n ProxyJump inner\nHost inner\n User ops\n Port 2200\n ProxyJump outer\nHost outer\n User ops\n")
	c.target.Jump = nil
	dial(t, c.d, c.target)
}

// Every host of the chain is verified against its own entry, and the error says
// which one it was.
func TestJumpVerification(t *testing.T) {
	t.Parallel()
	wrong := authorizedKey(sshtest.NewKey(t, "ed25519").PublicKey())
	for i, c := range []struct{ entry, want string }{
		{"outer " + wrong, `node "zva5n1": jump host 1 of 2, ops@outer:22: host key of outer:22 is not the expected one`},
		{"[inner]:2200 " + wrong, `node "zva5n1": jump host 2 of 2, ops@inner:2200: host key of inner:2200 is not the expected one`},
		{"192.168.100.24 " + wrong, `node "zva5n1": host key of 192.168.100.24:22 is not the expected one`},
	} {
		t.Run(c.entry[:5], func(t *testing.T) {
			t.Parallel()
			ch := newChain(t)
			ch.lines[i] = c.entry
			knownHosts(t, ch.d, ch.lines...)
			err := dialError(t, ch.d, ch.target)
			var changed *HostKeyChangedError
			if !errors.As(err, &changed) || !strings.HasPrefix(err.Error(), c.want) {
				t.Errorf("got %v", err)
			}
			var hop *JumpError
			if errors.As(err, &hop) != (i < 2) {
				t.Errorf("jump error: %v", hop)
			}

			ch.lines = append(ch.lines[:i], ch.lines[i+1:]...)
			knownHosts(t, ch.d, ch.lines...)
			var unknown *UnknownHostError
			if err := dialError(t, ch.d, ch.target); !errors.As(err, &unknown) {
				t.Errorf("got %v", err)
			}
		})
	}
}

// A pinned key is the node's own. It vouches for no jump host.
func TestPinnedKeyIsNotForJumpHosts(t *testing.T) {
	t.Parallel()
	c := newChain(t)
	knownHosts(t, c.d)
	c.target.HostKey = c.node.HostKey()
	var hop *JumpError
	var unknown *UnknownHostError
	if err := dialError(t, c.d, c.target); !errors.As(err, &hop) || hop.Place != 1 || !errors.As(err, &unknown) {
		t.Errorf("got %v", err)
	}
}

// Jump hosts are pinned by name, with or without their port, or by the address that
// ~/.ssh/config has for the name; a pinned one needs no known_hosts.
func TestJumpHostKeys(t *testing.T) {
	t.Parallel()
	for name, keys := range map[string]func(c *chain) map[string]string{
		"by name": func(c *chain) map[string]string {
			return map[string]string{"outer": c.outer.HostKey(), "inner": c.inner.HostKey()}
		},
		"with port": func(c *chain) map[string]string {
			return map[string]string{"outer:22": c.outer.HostKey(), "inner:2200": c.inner.HostKey(), "inner": "ssh-ed25519 AAAA"}
		},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			c := newChain(t)
			knownHosts(t, c.d)
			c.target.HostKey, c.target.JumpHostKeys = c.node.HostKey(), keys(c)
			if name == "with port" {
				delete(c.target.JumpHostKeys, "inner")
			}
			if res := run(t, dial(t, c.d, c.target), "hostname"); string(res.Stdout) != "zva5n1\n" {
				t.Errorf("%+v", res)
			}
		})
	}
	t.Run("behind ssh_config", func(t *testing.T) {
		t.Parallel()
		c := newChain(t)
		knownHosts(t, c.d)
		writeConfig(t, c.d, "IdentityFile "+c.node.IdentityFile()+"\nHost 192.168.*\n ProxyJump way\nHost way\n User ops\n HostName inner\n Port 2200\n ProxyJump outer\nHost outer\n User ops\n")
		c.target.Jump, c.target.HostKey = nil, c.node.HostKey()
		c.target.JumpHostKeys = map[string]string{"way": c.inner.HostKey(), "outer": c.outer.HostKey()}
		dial(t, c.d, c.target)
	})
	t.Run("nobody's", func(t *testing.T) {
		t.Parallel()
		c := newChain(t)
		c.target.JumpHostKeys = map[string]string{"outre": c.outer.HostKey()}
		if err := dialError(t, c.d, c.target); err.Error() != `node "zva5n1": jump_host_keys has a key for "outre", and the way is through outer, inner` {
			t.Errorf("got %v", err)
		}
		if c.outer.Connections() != 0 {
			t.Error("it connected all the same")
		}
	})
}

// Another key than the pinned one is refused, whatever known_hosts says, and also when
// somebody else has come through the same jump host without pinning it.
func TestJumpHostWithAnotherKey(t *testing.T) {
	t.Parallel()
	c := newChain(t)
	dial(t, c.d, c.target)
	c.target.JumpHostKeys = map[string]string{"inner": authorizedKey(sshtest.NewKey(t, "ed25519").PublicKey())}
	err := dialError(t, c.d, c.target)
	var changed *HostKeyChangedError
	if !errors.As(err, &changed) || !strings.Contains(err.Error(), `(jump_host_keys["inner"])`) {
		t.Errorf("got %v", err)
	}
	want := `compare on the jump host's own console: ssh-keygen -lf /etc/ssh/ssh_host_ed25519_key.pub; if the key was replaced: jump_host_keys = { "inner" = "` + c.inner.HostKey() + `" }`
	if got := changed.Hint(); got != want {
		t.Errorf("hint %s\nwant %s", got, want)
	}
}

// What is said about the unknown key of a jump host pins the jump host and not the node,
// and both lines that are proposed work.
func TestHintPinsTheJumpHost(t *testing.T) {
	t.Parallel()
	for i, name := range []string{"outer", "inner"} {
		c := newChain(t)
		lines := append(append([]string{}, c.lines[:i]...), c.lines[i+1:]...)
		knownHosts(t, c.d, lines...)
		err := dialError(t, c.d, c.target)
		var unknown *UnknownHostError
		if !errors.As(err, &unknown) {
			t.Fatalf("got %v", err)
		}
		key := []string{c.outer.HostKey(), c.inner.HostKey()}[i]
		contains(t, "error", err.Error(), "host key of the jump host "+name+":", "never as the node's own key", `    jump_host_keys = { "`+name+`" = "`+key+`" }`)
		if strings.Contains(err.Error(), " host_key = ") || strings.Contains(err.Error(), "node's ssh block") {
			t.Errorf("it proposes to pin it as the node's:\n%v", err)
		}
		contains(t, "hint", unknown.Hint(), "jump host's own console")
		c.target.JumpHostKeys = map[string]string{unknown.Jump: unknown.HostKey}
		dial(t, c.d, c.target)
		c.target.JumpHostKeys = nil
		knownHosts(t, c.d, append(lines, unknown.KnownHosts)...)
		dial(t, c.d, c.target)
	}
}

// A jump host that answers in the node's place with a key of its own is refused, also if
// somebody has pinned that key as the node's, or known_hosts has it for the node. So is
// one that answers in the place of the next jump host.
func TestJumpHostCannotBeTheNode(t *testing.T) {
	t.Parallel()
	for name, tt := range map[string]struct {
		prepare func(t *testing.T, c *chain)
		want    string
	}{
		"pinned as the node's": {func(t *testing.T, c *chain) { c.target.HostKey = c.inner.HostKey() },
			`node "zva5n1": 192.168.100.24:22 shows the same host key as the jump host ops@inner:2200, which may be answering in its place: ssh-ed25519 SHA256:`},
		"in known_hosts": {func(t *testing.T, c *chain) {
			knownHosts(t, c.d, c.lines[0], c.lines[1], "192.168.100.24 "+c.inner.HostKey())
		}, `node "zva5n1": 192.168.100.24:22 shows the same host key as the jump host ops@inner:2200`},
		"the outer one, pinned": {func(t *testing.T, c *chain) {
			*c = *newImpostorChain(t, func(c *chain) *sshtest.Server { return c.outer })
			c.target.HostKey = c.outer.HostKey()
		}, `node "zva5n1": 192.168.100.24:22 shows the same host key as the jump host ops@outer:22`},
		"the outer one as the inner one": {func(t *testing.T, c *chain) {
			c.outer = sshtest.New(t, sshtest.Config{User: "ops", Forward: true, KeysOf: c.inner, Names: sshtest.Network{"inner:2200": c.inner}})
			c.outer.AcceptKey(publicKeyOf(t, c.key))
			c.d.DialContext = sshtest.Network{"outer:22": c.outer}.DialContext
			knownHosts(t, c.d, "outer "+c.inner.HostKey(), c.lines[1], c.lines[2])
		}, `node "zva5n1": jump host 2 of 2, ops@inner:2200: inner:2200 shows the same host key as the jump host ops@outer:22`},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			c := newImpostorChain(t, func(c *chain) *sshtest.Server { return c.inner })
			tt.prepare(t, c)
			err := dialError(t, c.d, c.target)
			var same *SameKeyError
			if !errors.As(err, &same) || !strings.HasPrefix(err.Error(), tt.want) {
				t.Errorf("got %v", err)
			}
			if len(c.node.Requests()) > 0 {
				t.Errorf("the impostor was asked %v", c.node.Requests())
			}
		})
	}
}

// newImpostorChain is a chain whose node has the host keys of another host in it.
func newImpostorChain(t *testing.T, whose func(*chain) *sshtest.Server) *chain {
	c := newChain(t)
	c.node = sshtest.New(t, sshtest.Config{KeysOf: whose(c)})
	c.inner = sshtest.New(t, sshtest.Config{User: "ops", Forward: true, KeysOf: c.inner, Names: sshtest.Network{"192.168.100.24:22": c.node}})
	c.outer = sshtest.New(t, sshtest.Config{User: "ops", Forward: true, KeysOf: c.outer, Names: sshtest.Network{"inner:2200": c.inner}})
	for _, s := range []*sshtest.Server{c.node, c.inner, c.outer} {
		s.AcceptKey(publicKeyOf(t, c.key))
	}
	c.d.DialContext = sshtest.Network{"outer:22": c.outer}.DialContext
	return c
}

func TestJumpErrors(t *testing.T) {
	t.Parallel()
	t.Run("refused behind", func(t *testing.T) {
		t.Parallel()
		c := newChain(t)
		c.target.Address = "192.168.100.99"
		err := dialError(t, c.d, c.target)
		want := `node "zva5n1": connect 192.168.100.99:22 through ops@inner:2200: connection refused`
		if !errors.Is(err, ErrRefused) || err.Error() != want {
			t.Errorf("got  %v\nwant %s", err, want)
		}
	})
	t.Run("login at the jump host", func(t *testing.T) {
		t.Parallel()
		c := newChain(t)
		c.inner.Deny(true)
		err := dialError(t, c.d, c.target)
		var denied *AuthError
		if !errors.As(err, &denied) || !strings.HasPrefix(err.Error(), `node "zva5n1": jump host 2 of 2, ops@inner:2200: log in to inner:2200 as ops: no key was accepted`) {
			t.Errorf("got  %v", err)
		}
	})
	t.Run("no forwarding", func(t *testing.T) {
		t.Parallel()
		c := newChain(t)
		c.target.Jump = []string{"192.168.100.24"}
		c.target.Address = "192.168.100.25"
		c.d.DialContext = c.node.DialContext
		err := dialError(t, c.d, c.target)
		want := `node "zva5n1": connect 192.168.100.25:22 through root@192.168.100.24:22: no answer: the jump host does not forward connections: AllowTcpForwarding or PermitOpen in its sshd_config`
		if err.Error() != want {
			t.Errorf("got  %v\nwant %s", err, want)
		}
	})
	t.Run("unreachable jump host", func(t *testing.T) {
		t.Parallel()
		c := newChain(t)
		c.target.Jump = []string{"ops@gone"}
		err := dialError(t, c.d, c.target)
		want := `node "zva5n1": jump host 1 of 1, ops@gone:22: connect gone:22: connection refused`
		if err.Error() != want {
			t.Errorf("got  %v\nwant %s", err, want)
		}
	})
}
