package ssh

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"golang.org/x/crypto/ssh"
	xknownhosts "golang.org/x/crypto/ssh/knownhosts"

	"zup/providers/ssh/sshtest"
)

// knownHosts writes a known_hosts file and makes d use it.
func knownHosts(t *testing.T, d *Dialer, lines ...string) string {
	t.Helper()
	file := filepath.Join(d.Home, "known_hosts")
	if err := os.WriteFile(file, []byte(strings.Join(lines, "\n")+"\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	return file
}

func TestKnownHosts(t *testing.T) {
	t.Parallel()
	s := sshtest.New(t, sshtest.Config{HostKeys: []string{"rsa", "ecdsa", "ed25519"}})
	rsa, ecdsa, ed := s.HostKeys()[0], s.HostKeys()[1], s.HostKeys()[2]
	other := authorizedKey(sshtest.NewKey(t, "ed25519").PublicKey())
	otherECDSA := authorizedKey(sshtest.NewKey(t, "ecdsa").PublicKey())
	name := fmt.Sprintf("[127.0.0.1]:%d", s.Port())

	for _, c := range []struct {
		name  string
		lines []string
		key   string // of the server, that is chosen; "": refused
	}{
		{"ed25519 only", []string{name + " " + ed}, ed},
		{"ecdsa only", []string{name + " " + ecdsa}, ecdsa},
		{"rsa only", []string{name + " " + rsa}, rsa},
		{"all three", []string{name + " " + ed, name + " " + rsa, name + " " + ecdsa}, ed},
		{"several names, one line", []string{"lb1," + name + ",lb2 " + ecdsa}, ecdsa},
		{"hashed", []string{xknownhosts.HashHostname(name) + " " + ecdsa}, ecdsa},
		{"wildcard", []string{"* " + ecdsa}, ecdsa},
		{"two keys of a type, one is it", []string{name + " " + other, name + " " + ed}, ed},
		{"other key of another type beside it", []string{name + " " + otherECDSA, name + " " + ed}, ""},
		{"without the port, as ssh looks again", []string{"127.0.0.1 " + ed}, ed},
		{"without the port, hashed", []string{xknownhosts.HashHostname("127.0.0.1") + " " + ecdsa}, ecdsa},
		{"without the port, another key", []string{"127.0.0.1 " + other}, ""},
		{"with the port another key, without it this one", []string{name + " " + other, "127.0.0.1 " + ed}, ""},
		{"revoked without the port", []string{name + " " + ed, "@revoked 127.0.0.1 " + ed}, ""},
		{"revoked for others", []string{name + " " + ed, "@revoked elsewhere " + ed}, ed},
		{"revoked for all, unreadable", []string{name + " " + ed, "@revoked * ssh-ed25519 junk"}, ""},
		{"port without brackets", []string{strings.Trim(strings.ReplaceAll(name, "]", ""), "[") + " " + ed}, ""},
		{"excluded with its port, found without, as ssh does", []string{"*,!" + name + " " + ed}, ed},
		{"excluded", []string{"*,!127.0.0.1,!" + name + " " + ed}, ""},
		{"wildcard for the port", []string{"[127.0.0.?]:* " + ed}, ed},
		{"an authority's own key", []string{"@cert-authority " + name + " " + ed}, ""},
		{"two marks", []string{"@cert-authority @revoked " + name + " " + ed, name + " " + ed}, ed},
		{"unknown mark", []string{"@unknown " + name + " " + ed}, ""},
		{"other port", []string{"[127.0.0.1]:1 " + ed}, ""},
		{"changed", []string{name + " " + other}, ""},
		{"comment and blank lines", []string{"# hello", "", name + " " + ed + " comment"}, ed},
	} {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			d := newDialer(t)
			knownHosts(t, d, c.lines...)
			to := target(s)
			to.HostKey = ""
			h, err := d.Dial(t.Context(), to)
			if (err == nil) != (c.key != "") {
				t.Fatalf("got %v", err)
			}
			if err != nil {
				return
			}
			defer h.Close()
			if h.HostKey() != c.key {
				t.Errorf("got %s, want %s", h.HostKey(), c.key)
			}
			pub, _, _, _, _ := ssh.ParseAuthorizedKey([]byte(c.key))
			if h.Fingerprint() != ssh.FingerprintSHA256(pub) {
				t.Errorf("fingerprint %s", h.Fingerprint())
			}
		})
	}
}

// A signature with SHA-1 is never asked for, and a certificate only where an
// authority is known.
func TestHostKeyAlgorithms(t *testing.T) {
	t.Parallel()
	key := sshtest.NewKey(t, "rsa").PublicKey()
	pinned := (&keyCheck{of: &endpoint{pinned: key}}).algorithms()
	if pinned[0] != ssh.KeyAlgoRSASHA512 || pinned[1] != ssh.KeyAlgoRSASHA256 {
		t.Errorf("got %v", pinned)
	}
	d := newDialer(t)
	file := knownHosts(t, d, "@cert-authority lb1 "+authorizedKey(key))
	for host, want := range map[string]string{"lb1:22": ssh.CertAlgoRSASHA512v01, "lb2:22": ssh.KeyAlgoRSASHA256} {
		c, err := new(Dialer).newKeyCheck(t.Context(), &endpoint{knownAs: host, knownHosts: []string{file}})
		if err != nil {
			t.Fatal(err)
		}
		got := c.algorithms()
		if got[0] != want {
			t.Errorf("%s: %v", host, got)
		}
		pinned = append(pinned, got...)
		if certs := strings.Contains(strings.Join(got, " "), "-cert-"); certs != (host == "lb1:22") {
			t.Errorf("%s: %v", host, got)
		}
	}
	if slices.Contains(pinned, ssh.KeyAlgoRSA) || slices.Contains(pinned, ssh.CertAlgoRSAv01) {
		t.Errorf("SHA-1 in %v", pinned)
	}
}

func TestUnknownHost(t *testing.T) {
	t.Parallel()
	s := sshtest.New(t, sshtest.Config{})
	d := newDialer(t)
	to := target(s)
	to.HostKey = ""
	pub, _, _, _, _ := ssh.ParseAuthorizedKey([]byte(s.HostKey()))
	want := func(where string) string {
		return `node "zva5n1": host key of ` + s.Addr() + ` is unknown: ` + where + `
  it is the ssh-ed25519 key ` + ssh.FingerprintSHA256(pub) + `
  once you know that it is the right one, add this line to your known_hosts file:
    [127.0.0.1]:` + fmt.Sprint(s.Port()) + ` ` + s.HostKey() + `
  or pin it in the node's ssh block:
    host_key = "` + s.HostKey() + `"`
	}
	err := dialError(t, d, to)
	if err.Error() != want("there is no known_hosts file") {
		t.Errorf("got  %s\nwant %s", err, want("there is no known_hosts file"))
	}
	if got, want := hint(err), "compare the fingerprint on the node's own console: ssh-keygen -lf /etc/ssh/ssh_host_ed25519_key.pub"; got != want {
		t.Errorf("hint %s", got)
	}

	file := knownHosts(t, d, "elsewhere "+s.HostKey())
	err = dialError(t, d, to)
	if err.Error() != want("it is not in "+file) {
		t.Errorf("got  %s", err)
	}
	var unknown *UnknownHostError
	if !errors.As(err, &unknown) {
		t.Fatalf("got %T", err)
	}

	// Both lines that the error proposes work.
	knownHosts(t, d, unknown.KnownHosts)
	dial(t, d, to)
	to.HostKey = unknown.HostKey
	dial(t, newDialer(t), to)
}

func TestUnknownHostOnPort22(t *testing.T) {
	t.Parallel()
	s := sshtest.New(t, sshtest.Config{})
	d := newDialer(t)
	d.DialContext = s.DialContext
	to := target(s)
	to.Address, to.Port, to.HostKey = "zva5n1.example.net", 22, ""
	var unknown *UnknownHostError
	if err := dialError(t, d, to); !errors.As(err, &unknown) || unknown.KnownHosts != "zva5n1.example.net "+s.HostKey() {
		t.Errorf("got %v", err)
	}
	to.Address = "2001:db8::24"
	if err := dialError(t, d, to); !errors.As(err, &unknown) || unknown.KnownHosts != "2001:db8::24 "+s.HostKey() {
		t.Errorf("got %v", err)
	}
	writeConfig(t, d, "")
	d = newDialer(t)
	d.DialContext = s.DialContext
	writeConfig(t, d, "HostKeyAlias edge\n")
	to.Port = 2222
	if err := dialError(t, d, to); !errors.As(err, &unknown) || unknown.KnownHosts != "edge "+s.HostKey() {
		t.Errorf("got %v", err)
	}
}

func TestChangedHostKey(t *testing.T) {
	t.Parallel()
	s := sshtest.New(t, sshtest.Config{})
	d := newDialer(t)
	to := target(s)
	to.HostKey = ""
	old := sshtest.NewKey(t, "ecdsa").PublicKey()
	now, _, _, _, _ := ssh.ParseAuthorizedKey([]byte(s.HostKey()))
	name := fmt.Sprintf("[127.0.0.1]:%d", s.Port())
	file := knownHosts(t, d, "# a comment", name+" "+authorizedKey(old))
	err := dialError(t, d, to)
	want := `node "zva5n1": host key of ` + s.Addr() + ` is not the expected one: somebody may be listening in
  offered:  ssh-ed25519 ` + ssh.FingerprintSHA256(now) + `
  expected: ecdsa-sha2-nistp256 ` + ssh.FingerprintSHA256(old) + ` (` + file + `:2)`
	if err.Error() != want {
		t.Errorf("got  %s\nwant %s", err, want)
	}
	if got, want := hint(err), "compare on the node's own console: ssh-keygen -lf /etc/ssh/ssh_host_ed25519_key.pub; if the host was reinstalled: ssh-keygen -f "+Quote(file)+" -R '"+name+"'"; got != want {
		t.Errorf("hint %s\nwant %s", got, want)
	}

	// A pinned key outranks known_hosts, and nothing but it will do.
	knownHosts(t, d, name+" "+s.HostKey())
	to.HostKey = authorizedKey(old)
	err = dialError(t, d, to)
	contains(t, "error", err.Error(), "expected: ecdsa-sha2-nistp256 "+ssh.FingerprintSHA256(old)+" (the pinned host_key)")
	to.HostKey = s.HostKey()
	knownHosts(t, d, name+" "+authorizedKey(old))
	dial(t, d, to)
}

// A pinned key of a server with several is asked for, whatever the server likes
// better; an RSA key goes by names of its own in the key exchange.
func TestPinnedKeyOfEveryType(t *testing.T) {
	t.Parallel()
	s := sshtest.New(t, sshtest.Config{HostKeys: []string{"ed25519", "ecdsa", "rsa"}})
	for _, key := range s.HostKeys() {
		to := target(s)
		to.HostKey = key
		if h := dial(t, newDialer(t), to); h.HostKey() != key {
			t.Errorf("got %s, want %s", h.HostKey(), key)
		}
	}
}

// Lines that nobody can read are somebody else's trouble: they stop the nodes that they
// are about, and these only where no other line vouches for them.
func TestUnreadableLinesStopOnlyTheirOwnHost(t *testing.T) {
	t.Parallel()
	s := sshtest.New(t, sshtest.Config{})
	name := fmt.Sprintf("[127.0.0.1]:%d", s.Port())
	for _, line := range []string{
		"=", "x", "@", "@revoked", "@cert-authority old.example.com", "@new-mark a ssh-ed25519 AAAA",
		"old.example.com 1024 35 135420563", "old.example.com ssh-ed25519", "old.example.com ssh-ed25519 AAAA",
		"old.example.com ssh-ed25519 ????", "old.example.com ssh-rsa " + strings.Fields(s.HostKey())[1],
		"old.example.com ssh-mldsa-65 AAAADHNzaC1tbGRzYS02NQAAAAA=", "|1|x ssh-ed25519 AAAA", "|2|eA==|eA== ssh-ed25519 AAAA",
		"!,, ssh-ed25519 AAAA", "<<<<<<< HEAD", "\x00\xff\xfe", "[old.example.com ssh-ed25519 AAAA", strings.Repeat("x", 200_000) + " y z",
		"@revoked old.example.com junk",
	} {
		d := newDialer(t)
		knownHosts(t, d, line, name+" "+s.HostKey())
		to := target(s)
		to.HostKey = ""
		dial(t, d, to)
		// As the last line, without an end.
		file := knownHosts(t, d)
		if err := os.WriteFile(file, []byte(name+" "+s.HostKey()+"\r\n"+line), 0o600); err != nil {
			t.Fatal(err)
		}
		dial(t, d, to)
		knownHosts(t, d, line)
		var unknown *UnknownHostError
		if err := dialError(t, d, to); !errors.As(err, &unknown) {
			t.Errorf("%q: %v", line, err)
		}
	}
	// Its own line, where there is another one: as ssh.
	d := newDialer(t)
	to := target(s)
	to.HostKey = ""
	knownHosts(t, d, name+" ssh-ed25519 junk", name+" "+s.HostKey())
	dial(t, d, to)
}

func TestRevokedHostKey(t *testing.T) {
	t.Parallel()
	s := sshtest.New(t, sshtest.Config{})
	d := newDialer(t)
	to := target(s)
	to.HostKey = ""
	name := fmt.Sprintf("[127.0.0.1]:%d", s.Port())
	file := knownHosts(t, d, name+" "+s.HostKey(), "@revoked * "+s.HostKey())
	err := dialError(t, d, to)
	var changed *HostKeyChangedError
	if !errors.As(err, &changed) || !changed.Revoked {
		t.Fatalf("got %v", err)
	}
	contains(t, "error", err.Error(), "is revoked: ssh-ed25519 SHA256:", ", by "+file+":2")
}

func TestKnownHostsThatCannotBeRead(t *testing.T) {
	t.Parallel()
	s := sshtest.New(t, sshtest.Config{})
	d := newDialer(t)
	file := knownHosts(t, d, "127.0.0.1 ssh-ed25519 junk")
	to := target(s)
	to.HostKey = ""
	var bad *ConfigError
	err := dialError(t, d, to)
	if !errors.As(err, &bad) {
		t.Fatalf("got %v", err)
	}
	contains(t, "error", err.Error(), file+":1")
}
