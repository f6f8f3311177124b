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
	key := c.node.IdentityFile()
	writeConfig(t, c.d, "IdentityFile "+key+"\n")
	pub := publicKeyOf(t, key)
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
