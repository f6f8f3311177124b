package ssh

import (
	"encoding/binary"
	"errors"
	"io"
	"net"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"golang.org/x/crypto/ssh"
	"golang.org/x/crypto/ssh/agent"

	"zup/providers/ssh/sshtest"
)

// listenAgent serves an agent's socket.
func listenAgent(t *testing.T, serve func(net.Conn)) string {
	t.Helper()
	socket := filepath.Join(t.TempDir(), "agent")
	l, err := net.Listen("unix", socket)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { l.Close() })
	go func() {
		for {
			c, err := l.Accept()
			if err != nil {
				return
			}
			go func() {
				defer c.Close()
				serve(c)
			}()
		}
	}()
	return socket
}

// deaf never answers.
func deaf(c net.Conn) { io.Copy(io.Discard, c) }

// A slowAgent signs after a while, or, with a delay below 0, never; only one question at a
// time, as OpenSSH's.
type slowAgent struct {
	agent.Agent
	delay time.Duration
	done  <-chan struct{}
	mu    *sync.Mutex
}

func (a slowAgent) List() ([]*agent.Key, error) {
	a.mu.Lock()
	defer a.mu.Unlock()
	return a.Agent.List()
}

func (a slowAgent) Sign(key ssh.PublicKey, data []byte) (*ssh.Signature, error) {
	if a.delay < 0 {
		<-a.done
		return nil, errors.New("the test has ended")
	}
	a.mu.Lock()
	defer a.mu.Unlock()
	time.Sleep(a.delay)
	return a.Agent.Sign(key, data)
}

func startSlowAgent(t *testing.T, delay time.Duration, keys ...agent.AddedKey) string {
	t.Helper()
	ring := agent.NewKeyring()
	for _, k := range keys {
		if err := ring.Add(k); err != nil {
			t.Fatal(err)
		}
	}
	slow := slowAgent{ring, delay, t.Context().Done(), new(sync.Mutex)}
	return listenAgent(t, func(c net.Conn) { agent.ServeAgent(slow, c) })
}

// told remembers what a Dialer says to whoever waits.
func told(d *Dialer) func() []string {
	var mu sync.Mutex
	var lines []string
	d.Notice = func(text string) {
		mu.Lock()
		defer mu.Unlock()
		lines = append(lines, text)
	}
	return func() []string {
		mu.Lock()
		defer mu.Unlock()
		return append([]string(nil), lines...)
	}
}

// An agent that does not work keeps nobody out whose key is in a file, and takes no
// longer than its own limit, whoever else asks it.
func TestAgentThatHangsKeepsNobodyOut(t *testing.T) {
	t.Parallel()
	frame := func(head uint32, body string) func(net.Conn) {
		return func(c net.Conn) {
			io.ReadFull(c, make([]byte, 5))
			c.Write(append(binary.BigEndian.AppendUint32(nil, head), body...))
			deaf(c)
		}
	}
	for name, c := range map[string]struct {
		serve  func(net.Conn)
		silent bool
	}{
		"silent":             {deaf, true},
		"closes":             {func(net.Conn) {}, false},
		"half an answer":     {frame(100, "\x0c\x00\x00"), true},
		"an endless answer":  {frame(1<<31, "\x0c"), false},
		"an empty answer":    {frame(0, ""), false},
		"another answer":     {frame(1, "\x06"), false},
		"a refusal":          {frame(1, "\x05"), false},
		"more keys than fit": {frame(5, "\x0c\xff\xff\xff\xff"), false},
		"one byte at a time": {func(c net.Conn) {
			c.Write([]byte{0, 0, 1, 0})
			for _, err := c.Write([]byte{12}); err == nil; _, err = c.Write([]byte{0}) {
				time.Sleep(50 * time.Millisecond)
			}
		}, true},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			s := sshtest.New(t, sshtest.Config{})
			d := newDialer(t)
			d.AgentSocket, d.AgentTimeout, d.Timeout = listenAgent(t, c.serve), 400*time.Millisecond, 10*time.Second
			lines := told(d)
			to := target(s)
			start := time.Now()
			var all sync.WaitGroup
			for range 5 {
				all.Go(func() {
					if h, err := d.Dial(t.Context(), to); err != nil {
						t.Error(err)
					} else {
						h.Close()
					}
				})
			}
			all.Wait()
			if took := time.Since(start); c.silent && took > 4*time.Second {
				t.Errorf("five logins took %v", took)
			}
			said := strings.Join(lines(), "\n")
			if want := "the agent at " + d.AgentSocket + " does not answer (400ms): its keys are not used"; c.silent && said != want || !c.silent && said != "" {
				t.Errorf("said %q", said)
			}
			// Who has no other key is told what the agent did.
			to.IdentityFile = ""
			err := dialError(t, d, to)
			contains(t, "error", err.Error(), "agent "+d.AgentSocket, "no a")
			if c.silent {
				contains(t, "error", err.Error(), "no answer within 400ms: agent ")
				contains(t, "hint", hint(err), "the agent at "+d.AgentSocket+" hangs", "ssh-add -l", "IdentityAgent none")
			}
		})
	}
}

// An agent's limit is not taken from the time that a handshake has.
func TestAgentHasALimitOfItsOwn(t *testing.T) {
	t.Parallel()
	s := sshtest.New(t, sshtest.Config{})
	d := newDialer(t)
	d.AgentSocket, d.AgentTimeout, d.Timeout = listenAgent(t, deaf), 2500*time.Millisecond, 2*time.Second
	dial(t, d, target(s))
}

// One that lists its keys and hangs when it is to sign: the next key is tried, and it is not
// waited for once more.
func TestAgentThatHangsAtSigning(t *testing.T) {
	t.Parallel()
	s := sshtest.New(t, sshtest.Config{})
	d := newDialer(t)
	hanging := agentKey(t, s, "hanging\x1b[31m")
	d.AgentSocket, d.SignTimeout, d.Timeout = startSlowAgent(t, -1, hanging), 1500*time.Millisecond, time.Second
	lines := told(d)
	pub := keyOf(t, hanging)
	identity := filepath.Join(t.TempDir(), "held") // before the others: the file has the public half only
	if err := os.WriteFile(identity+".pub", ssh.MarshalAuthorizedKey(pub), 0o600); err != nil {
		t.Fatal(err)
	}
	writeConfig(t, d, "IdentityFile "+identity+"\nIdentityFile "+s.IdentityFile()+"\n")
	to := target(s)
	to.IdentityFile = ""
	start := time.Now()
	dial(t, d, to)
	first := time.Since(start)
	start = time.Now()
	dial(t, d, to)
	if again := time.Since(start); first < d.SignTimeout || first > 5*time.Second || again > time.Second {
		t.Errorf("it took %v, and the second time %v", first, again)
	}
	said := lines()
	if len(said) != 2 || !strings.HasPrefix(said[0], "waiting up to 1.5s for the agent at "+d.AgentSocket+" to sign with ssh-ed25519 "+ssh.FingerprintSHA256(pub)+` hanging\x1b[31m: it may want a PIN`) ||
		said[1] != "the agent at "+d.AgentSocket+" did not sign within 1.5s: that key is not used" {
		t.Errorf("said %q", said)
	}

	// Alone it is named in the error.
	d2 := newDialer(t)
	d2.AgentSocket, d2.SignTimeout = d.AgentSocket, 300*time.Millisecond
	err := dialError(t, d2, to)
	contains(t, "error", err.Error(), "accepted, but it cannot sign: no signature within 300ms")
	contains(t, "hint", hint(err), "did not sign with ssh-ed25519", `hanging\x1b[31m`, "touch the key or confirm")
}

// Somebody who has to touch a key gets time for it and is told; the others wait for their
// turn, because the agent answers nobody meanwhile.
func TestAgentThatWaitsForATouch(t *testing.T) {
	t.Parallel()
	s := sshtest.New(t, sshtest.Config{})
	d := newDialer(t)
	d.AgentSocket, d.AgentTimeout, d.Timeout = startSlowAgent(t, 1300*time.Millisecond, agentKey(t, s, "yubikey")), 500*time.Millisecond, time.Second
	lines := told(d)
	to := target(s)
	to.IdentityFile = ""
	var all sync.WaitGroup
	for range 3 {
		all.Go(func() {
			if h, err := d.Dial(t.Context(), to); err != nil {
				t.Error(err)
			} else {
				h.Close()
			}
		})
	}
	all.Wait()
	for _, line := range lines() {
		if !strings.HasPrefix(line, "waiting up to 30s for the agent at ") {
			t.Errorf("said %q", line)
		}
	}
	if n := len(lines()); n != 3 {
		t.Errorf("said %d lines: each signature is waited for", n)
	}
}

// An agent that signs at once is not news.
func TestAgentThatWorksSaysNothing(t *testing.T) {
	t.Parallel()
	s := sshtest.New(t, sshtest.Config{})
	d := newDialer(t)
	d.AgentSocket = startAgent(t, agentKey(t, s, "mine"))
	lines := told(d)
	to := target(s)
	to.IdentityFile = ""
	dial(t, d, to)
	if said := lines(); said != nil {
		t.Errorf("said %q", said)
	}
}

// What signs something else than a login has the same limits.
func TestSigningKeysOfAnAgentThatHangs(t *testing.T) {
	t.Parallel()
	d := newDialer(t)
	d.AgentSocket, d.AgentTimeout, d.SignTimeout = listenAgent(t, deaf), 200*time.Millisecond, 200*time.Millisecond
	if keys, err := d.SigningKeys(t.Context(), ""); err != nil || len(keys) != 0 {
		t.Errorf("%v %v", keys, err)
	}
	d = newDialer(t)
	d.AgentSocket, d.SignTimeout = startSlowAgent(t, -1, agentKey(t, nil, "mine")), 200*time.Millisecond
	keys, err := d.SigningKeys(t.Context(), "")
	if err != nil || len(keys) != 1 {
		t.Fatalf("%v %v", keys, err)
	}
	signer, err := keys[0].Signer()
	if err != nil {
		t.Fatal(err)
	}
	var silent *SilentAgentError
	if _, err := signer.Sign(nil, []byte("text")); !errors.As(err, &silent) {
		t.Errorf("got %v", err)
	}
}

func keyOf(t *testing.T, k agent.AddedKey) ssh.PublicKey {
	t.Helper()
	s, err := ssh.NewSignerFromKey(k.PrivateKey)
	if err != nil {
		t.Fatal(err)
	}
	return s.PublicKey()
}
