//go:build linux

package ssh

import (
	"context"
	"crypto/rand"
	"flag"
	"fmt"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"golang.org/x/crypto/ssh"
	"golang.org/x/sys/unix"

	"zup/examples/lab/world"
	"zup/providers/ssh/sshtest"
)

func TestMain(m *testing.M) {
	world.Main() // which builds a Debian by running this program again
	flag.Parse()
	if f := flag.Lookup("test.parallel"); f.Value.String() == fmt.Sprint(runtime.GOMAXPROCS(0)) {
		f.Value.Set("4") // servers and accounts mostly let us wait
	}
	code := m.Run()
	for _, d := range debians {
		if d.root != "" {
			os.RemoveAll(d.root)
		}
	}
	os.Exit(code)
}

// A debian is the system of a release, unpacked, whose sshd runs in it: with the libraries,
// PAM, sudo and shells of that release.
type debian struct {
	release int
	once    sync.Once
	root    string
	lacks   string
	err     error
	count   int
}

var debians = []*debian{{release: 11}, {release: 12}, {release: 13}}

// onDebians runs a test against the sshd of each release.
func onDebians(t *testing.T, test func(*testing.T, *debian)) {
	for _, d := range debians {
		t.Run(fmt.Sprintf("Debian %d", d.release), func(t *testing.T) {
			t.Parallel()
			d.once.Do(d.unpack)
			if d.lacks != "" {
				skip(t, d.lacks)
			}
			if d.err != nil {
				t.Fatal(d.err)
			}
			test(t, d)
		})
	}
}

func (d *debian) unpack() {
	if os.Getenv("ZUP_CI") != "1" && !(os.Getuid() == 0 && world.HasBase(d.release)) {
		d.lacks = fmt.Sprintf("needs root and the base system of Debian %d, which is built by: go run ./examples/lab -debian %d", d.release, d.release)
		return
	}
	packed, err := world.Base(context.Background(), d.release, nil)
	if err != nil {
		d.err = fmt.Errorf("base system of Debian %d: %w", d.release, err)
		return
	}
	if d.root, d.err = os.MkdirTemp("", "zup-debian"); d.err != nil {
		return
	}
	tar := exec.Command("tar", "-C", d.root, "--zstd", "--numeric-owner", "--exclude=./usr/share", "--exclude=./var/cache", "--exclude=./var/lib/apt", "--exclude=./var/lib/dpkg", "--exclude=./usr/lib/python3*", "-xpf", packed)
	if out, err := tar.CombinedOutput(); err != nil {
		d.err = fmt.Errorf("unpack %s: %w: %s", packed, err, out)
		return
	}
	d.err = d.furnish()
}

// accounts are what trouble people have with accounts; each is of /etc/passwd's fields
// behind the name, and what the shadow file has behind it.
var accounts = map[string]struct{ shell, shadow string }{
	"ops":      {"/bin/bash", "*:20000:0:99999:7:::"},
	"asked":    {"/bin/bash", "*:20000:0:99999:7:::"},
	"barred":   {"/bin/bash", "*:20000:0:99999:7:::"},
	"terminal": {"/bin/bash", "*:20000:0:99999:7:::"},
	"noexec":   {"/bin/bash", "*:20000:0:99999:7:::"},
	"falsy":    {"/bin/false", "*:20000:0:99999:7:::"},
	"nologin":  {"/usr/sbin/nologin", "*:20000:0:99999:7:::"},
	"noshell":  {"/bin/nosuchshell", "*:20000:0:99999:7:::"},
	"locked":   {"/bin/bash", "!:20000:0:99999:7:::"},
	"expired":  {"/bin/bash", "*:20000:0:99999:7::10000:"},
	"aged":     {"/bin/bash", "*:0:0:99999:7:::"},
}

// sudoers has the rules of those whom sudo refuses; those with 2 are for who changes it.
const sudoers = `ops ALL=(root) NOPASSWD: ALL
asked ALL=(root) ALL
barred ALL=(root) NOPASSWD: /bin/true
Defaults:barred !authenticate
terminal ALL=(root) NOPASSWD: ALL
Defaults:terminal requiretty
noexec ALL=(root) NOPASSWD: NOEXEC: ALL
asked2 ALL=(root) ALL
barred2 ALL=(root) NOPASSWD: /bin/true
Defaults:barred2 !authenticate
terminal2 ALL=(root) NOPASSWD: ALL
Defaults:terminal2 requiretty
noexec2 ALL=(root) NOPASSWD: NOEXEC: ALL
@includedir /etc/sudoers.d
`

func (d *debian) furnish() error {
	passwd, shadow, err := "", "", error(nil)
	uid := 2000
	for name, a := range accounts {
		accounts2 := name + "2" // for who changes it
		passwd += fmt.Sprintf("%s:x:%d:100::/tmp:%s\n", accounts2, uid+100, a.shell)
		shadow += accounts2 + ":" + a.shadow + "\n"
		passwd += fmt.Sprintf("%s:x:%d:100::/tmp:%s\n", name, uid, a.shell)
		shadow += name + ":" + a.shadow + "\n"
		uid++
	}
	for file, text := range map[string]string{"/etc/passwd": passwd, "/etc/shadow": shadow, "/etc/sudoers": sudoers} {
		f, e := os.OpenFile(d.root+file, os.O_APPEND|os.O_WRONLY, 0)
		if e != nil {
			return e
		}
		if _, err = f.WriteString(text); err != nil {
			return err
		}
		f.Close()
	}
	name, err := os.Hostname()
	if err != nil {
		return err
	}
	for file, text := range map[string]string{
		"/etc/hosts":       "127.0.0.1 localhost " + name + "\n", // sudo asks for it
		"/etc/resolv.conf": "nameserver 127.0.0.1\noptions timeout:1 attempts:1\n",
		// Debian 13 has it in a package that not every system has.
		"/usr/sbin/nologin": "#!/bin/sh\necho 'This account is currently not available.'\nexit 1\n",
	} {
		if _, err := os.Stat(d.root + file); err == nil && strings.HasPrefix(file, "/usr") {
			continue
		}
		os.Remove(d.root + file)
		if err := os.WriteFile(d.root+file, []byte(text), 0o755); err != nil {
			return err
		}
	}
	return os.MkdirAll(d.root+"/run/sshd", 0o755)
}

// having lets the release have a file for as long as f takes.
func (d *debian) having(t *testing.T, file, text string, f func()) {
	t.Helper()
	before, err := os.ReadFile(d.root + file)
	if err := os.WriteFile(d.root+file, []byte(text), 0o644); err != nil {
		t.Fatal(err)
	}
	defer func() {
		if os.Remove(d.root + file); err == nil {
			os.WriteFile(d.root+file, before, 0o644)
		}
	}()
	f()
}

// street is a network of its own, in which every sshd of a Debian listens on loopback, and
// where ways end as they do outside:
//
//	192.0.2.8      nobody answers there: no route to host
//	192.0.2.9      swallows everything
//	203.0.113.0    no route leads there
var street = sync.OnceValues(func() (*os.File, error) {
	type made struct {
		ns  *os.File
		err error
	}
	result := make(chan made)
	go func() {
		runtime.LockOSThread() // the thread ends with this function
		if err := unix.Unshare(unix.CLONE_NEWNET); err != nil {
			result <- made{nil, err}
			return
		}
		out, err := exec.Command("sh", "-ec", `ip link set lo up
ip link add v0 type veth peer name v1
ip link set v0 up; ip link set v1 up
echo 50 >/proc/sys/net/ipv4/neigh/v0/retrans_time_ms
ip address add 192.0.2.1/24 dev v0
ip neigh add 192.0.2.9 lladdr 02:00:00:00:00:09 dev v0`).CombinedOutput()
		if err != nil {
			result <- made{nil, fmt.Errorf("%w: %s", err, out)}
			return
		}
		ns, err := os.Open("/proc/thread-self/ns/net")
		result <- made{ns, err}
	}()
	m := <-result
	return m.ns, m.err
})

// inStreet does f on a thread that lives in the street.
func inStreet(f func() error) error {
	ns, err := street()
	if err != nil {
		return err
	}
	result := make(chan error)
	go func() {
		runtime.LockOSThread()
		if unix.Gettid() == unix.Getpid() { // it can't end with this function
			go func() { result <- inStreet(f) }()
			runtime.UnlockOSThread()
			return
		}
		if err := unix.Setns(int(ns.Fd()), unix.CLONE_NEWNET); err != nil {
			result <- err
			return
		}
		result <- f()
	}()
	return <-result
}

// fromStreet is for Dialer.DialContext.
func fromStreet(ctx context.Context, network, addr string) (c net.Conn, err error) {
	err = inStreet(func() (err error) {
		c, err = new(net.Dialer).DialContext(ctx, network, addr)
		return err
	})
	return c, err
}

// A daemon is an sshd of a release.
type daemon struct {
	of           *debian
	dir          string // in the root of the release
	port         int
	hostKey      string
	identityFile string
	cmd          *exec.Cmd
}

var daemons sync.Mutex

// start starts the release's sshd with a configuration of its own, which may say {dir}.
func (d *debian) start(t *testing.T, options ...string) *daemon {
	t.Helper()
	daemons.Lock()
	d.count++
	n := &daemon{of: d, dir: fmt.Sprintf("/t%d", d.count), port: 10000 + d.release*1000 + d.count}
	daemons.Unlock()
	here := d.root + n.dir
	if err := os.Mkdir(here, 0o755); err != nil {
		t.Fatal(err)
	}
	n.identityFile = filepath.Join(t.TempDir(), "id_ed25519")
	client := sshtest.WriteKey(t, "ed25519", n.identityFile, "")
	host := sshtest.WriteKey(t, "ed25519", here+"/host_key", "")
	n.hostKey = strings.TrimSpace(string(ssh.MarshalAuthorizedKey(host)))
	n.write(t, "authorized_keys", string(ssh.MarshalAuthorizedKey(client)))
	if d.release > 12 {
		options = append(options, "PerSourcePenalties no")
	}
	config := strings.Join(append(options,
		fmt.Sprint("Port ", n.port),
		"ListenAddress 127.0.0.1",
		"HostKey {dir}/host_key",
		"AuthorizedKeysFile {dir}/authorized_keys",
		"PidFile none",
		"StrictModes no",
		"PermitRootLogin yes",
		"UsePAM no",
		"LogLevel VERBOSE",
	), "\n") + "\n"
	n.write(t, "sshd_config", strings.ReplaceAll(config, "{dir}", n.dir))
	n.run(t)
	t.Cleanup(func() {
		n.cmd.Process.Kill() // and the kernel all that it has started
		n.cmd.Wait()
		if t.Failed() {
			t.Logf("log of sshd:\n%s", n.log())
		}
	})
	return n
}

// run starts the program and waits until it listens.
func (n *daemon) run(t *testing.T) {
	t.Helper()
	log, err := os.Create(n.of.root + n.dir + "/log")
	if err != nil {
		t.Fatal(err)
	}
	defer log.Close()
	n.cmd = &exec.Cmd{
		Path: "/usr/sbin/sshd", Args: []string{"/usr/sbin/sshd", "-D", "-e", "-f", n.dir + "/sshd_config"}, Dir: "/", Stderr: log,
		SysProcAttr: &syscall.SysProcAttr{Chroot: n.of.root, Setsid: true, Cloneflags: unix.CLONE_NEWPID},
	}
	if err := inStreet(n.cmd.Start); err != nil {
		t.Fatal(err)
	}
	for deadline := time.Now().Add(10 * time.Second); !strings.Contains(n.log(), "Server listening"); time.Sleep(10 * time.Millisecond) {
		if time.Now().After(deadline) {
			t.Fatalf("sshd does not listen: %s", n.log())
		}
	}
}

func (n *daemon) write(t *testing.T, name, text string) {
	t.Helper()
	if err := os.WriteFile(n.of.root+n.dir+"/"+name, []byte(text), 0o644); err != nil {
		t.Fatal(err)
	}
}

func (n *daemon) log() string {
	text, _ := os.ReadFile(n.of.root + n.dir + "/log")
	return string(text)
}

func (n *daemon) dialer(t *testing.T) *Dialer {
	d := newDialer(t)
	d.DialContext = fromStreet
	return d
}

func (n *daemon) target(user string) Target {
	return Target{Name: `node "real"`, Address: "127.0.0.1", Port: n.port, User: user, IdentityFile: n.identityFile, HostKey: n.hostKey}
}

// trial is one attempt to reach a node and run something there.
type trial struct {
	*testing.T
	on *debian
}

// ends dials and runs something, and wants that to end in a trouble of this kind, said about
// the node or, with a prefix, about another hop.
func (t trial) ends(kind string, d *Dialer, to Target) error {
	t.Helper()
	h, err := d.Dial(t.Context(), to)
	if err == nil {
		_, err = h.Run(t.Context(), Command{Script: "echo hello"})
		h.Close()
	}
	t.judge(kind, err)
	return err
}

func (t trial) judge(kind string, err error) {
	t.Helper()
	if err == nil {
		t.Errorf("%s: nothing went wrong", kind)
		return
	}
	if got := kindOf(err); got != kind {
		t.Errorf("%s: taken for %q: %v", kind, got, err)
	}
	t.Logf("%s\n    %v\n    hint: %s", kind, err, hint(err))
}

// The sshd of each release, its PAM and its sudo, in each way in which they end a login or
// a session.
func TestDebianSaysWhyNobodyGetsIn(t *testing.T) {
	onDebians(t, func(t *testing.T, d *debian) {
		try := trial{t, d}
		n := d.start(t)
		run(t, dial(t, n.dialer(t), n.target("root")), "echo hello")
		run(t, dial(t, n.dialer(t), n.target("ops")), "echo hello")
		for user, kind := range map[string]string{
			"falsy": "shell ends at once", "nologin": "shell is nologin", "noshell": "key refused", "locked": "key refused", "expired": "key refused",
			"asked": "sudo asks for a password", "barred": "rule for something else", "terminal": "sudo wants a terminal", "noexec": "sudo with NOEXEC",
		} {
			try.ends(kind, n.dialer(t), n.target(user))
		}
		pam := d.start(t, "UsePAM yes")
		run(t, dial(t, pam.dialer(t), pam.target("ops")), "echo hello")
		for user, kind := range map[string]string{"falsy": "shell ends at once", "nologin": "shell is nologin", "noshell": "key refused", "expired": "account expired", "aged": "password expired"} {
			try.ends(kind, pam.dialer(t), pam.target(user))
		}
		d.having(t, "/etc/nologin", "down for the \x1b[31mweekend\n", func() {
			try.ends("no logins for the time being (/etc/nologin)", n.dialer(t), n.target("ops"))
			if err := try.ends("account turned away with a message", pam.dialer(t), pam.target("ops")); !strings.Contains(err.Error(), `down for the \x1b[31mweekend`) {
				t.Errorf("its message is not said, or not escaped: %q", err)
			}
		})
		d.having(t, "/etc/hosts.deny", "sshd: 127.0.0.1\n", func() {
			try.ends("closed before the greeting", n.dialer(t), n.target("root"))
		})
		for option, kind := range map[string]string{
			"MaxSessions 0": "too many sessions (MaxSessions)", "ForceCommand internal-sftp": "files only (internal-sftp)",
			`ForceCommand echo "Choose 1-9:"; exit 1`: "forced command", "ForceCommand exec perl-of-nobody": "program missing",
			"PubkeyAuthentication no":                      "server takes no keys",
			"KexAlgorithms diffie-hellman-group16-sha512":  "no common key exchange",
			"Ciphers aes256-cbc":                           "no common cipher",
			"MACs umac-64@openssh.com\nCiphers aes128-ctr": "no common MAC",
			"AuthenticationMethods publickey,password":     "second factor",
			"AuthenticationMethods publickey,publickey":    "second factor",
			"UsePAM yes\nKbdInteractiveAuthentication yes\nChallengeResponseAuthentication yes\nAuthenticationMethods publickey,keyboard-interactive": "second factor",
		} {
			n := d.start(t, strings.Split(option, "\n")...)
			try.ends(kind, n.dialer(t), n.target("root"))
		}
		curve := d.start(t, "KexAlgorithms curve25519-sha256")
		narrow := curve.dialer(t)
		writeConfig(t, narrow, "KexAlgorithms diffie-hellman-group14-sha256\n")
		if err := try.ends("no common algorithm, by ssh_config", narrow, curve.target("root")); !strings.Contains(hint(err), "/.ssh/config:1 leaves none") {
			t.Errorf("hint %s", hint(err))
		}
		few := d.start(t, "MaxAuthTries 1")
		many, others := few.dialer(t), ""
		for i := range 3 {
			key := filepath.Join(t.TempDir(), fmt.Sprint("id", i))
			sshtest.WriteKey(t, "ed25519", key, "")
			others += "IdentityFile " + key + "\n"
		}
		writeConfig(t, many, others)
		to := few.target("root")
		to.IdentityFile = ""
		try.ends("too many keys (MaxAuthTries)", many, to)
	})
}

// What sshd says to addresses that want too much of it.
func TestDebianTurnsAddressesAway(t *testing.T) {
	onDebians(t, func(t *testing.T, d *debian) {
		const penalty = "penalty, or too many connections begun (PerSourcePenalties, MaxStartups)"
		try := trial{t, d}
		options := []string{"MaxStartups 1"}
		if d.release > 11 { // OpenSSH 8.4 does not have it
			options = append(options, "PerSourceMaxStartups 1")
		}
		for _, option := range options {
			n := d.start(t, option, "LoginGraceTime 60")
			idle, err := fromStreet(t.Context(), "tcp", fmt.Sprint("127.0.0.1:", n.port))
			if err != nil {
				t.Fatal(err)
			}
			idle.Read(make([]byte, 4))
			kind := "too many connections begun (MaxStartups)"
			if d.release > 12 { // which says it in the words of a penalty
				kind = penalty
			}
			try.ends(kind, n.dialer(t), n.target("root"))
			idle.Close()
		}
		if d.release < 13 { // penalties began with OpenSSH 9.8
			return
		}
		n := d.start(t, "PerSourcePenalties authfail:60s min:1s")
		stranger := n.target("root")
		stranger.IdentityFile = filepath.Join(t.TempDir(), "id")
		sshtest.WriteKey(t, "ed25519", stranger.IdentityFile, "")
		try.ends("key refused", n.dialer(t), stranger)
		var err error
		for deadline := time.Now().Add(10 * time.Second); time.Now().Before(deadline); time.Sleep(20 * time.Millisecond) {
			var h *Host
			if h, err = n.dialer(t).Dial(t.Context(), n.target("root")); err != nil {
				break
			}
			h.Close()
		}
		try.judge(penalty, err)
	})
}

// Ways that end before a server is reached: from here, and from a jump host, whose sshd has
// words of its own for it in each release.
func TestDebianAsJumpHostSaysWhatItMeets(t *testing.T) {
	onDebians(t, func(t *testing.T, d *debian) {
		try := trial{t, d}
		n := d.start(t)
		through := func(n *daemon, address string, port int) (*Dialer, Target) {
			d := n.dialer(t)
			d.Timeout = 2 * time.Second
			writeConfig(t, d, "IdentityFile "+n.identityFile+"\n")
			to := n.target("root")
			to.Address, to.Port = address, port
			to.Jump = []string{fmt.Sprint("root@127.0.0.1:", n.port)}
			to.JumpHostKeys = map[string]string{"127.0.0.1": n.hostKey}
			return d, to
		}
		for address, kinds := range map[string][2]string{
			"127.0.0.1": {"refused", "refused behind a jump host"},
			"192.0.2.8": {"no route to the machine", "no route from the jump host"},
			"192.0.2.9": {"time-out", "time-out behind a jump host"},
		} {
			dialer, to := through(n, address, 1)
			try.ends(kinds[1], dialer, to)
			to.Jump, to.JumpHostKeys = nil, nil
			try.ends(kinds[0], dialer, to)
		}
		dialer, to := through(n, "203.0.113.1", 0)
		if err := try.ends(kindOf(dialError(t, dialer, to)), dialer, to); !strings.Contains(err.Error(), "no answer: the jump host ") {
			t.Errorf("got %v", err)
		}
		to.Jump, to.JumpHostKeys = nil, nil
		try.ends("network unreachable", dialer, to)
		dialer, to = through(n, "lb1.example.net", 0)
		try.ends("jump host's name server in trouble", dialer, to)
		d.having(t, "/etc/nsswitch.conf", "hosts: files\n", func() {
			// Each release asks it anew for a connection of its own.
			dialer, to = through(n, "lb1.example.net", 0)
			try.ends("name unknown to the jump host", dialer, to)
		})
		for _, option := range []string{"AllowTcpForwarding no", "PermitOpen 192.0.2.200:22", "DisableForwarding yes"} {
			closed := d.start(t, option)
			dialer, to = through(closed, "127.0.0.1", n.port)
			try.ends("jump host does not forward", dialer, to)
		}
	})
}

// A connection that dies while something runs over it: the node's own, and that of the jump
// host, which is the one to be named.
func TestDebianThatDiesUnderARun(t *testing.T) {
	onDebians(t, func(t *testing.T, d *debian) {
		try := trial{t, d}
		hop, n := d.start(t), d.start(t)
		for _, victim := range []*daemon{hop, n} {
			dialer, to := n.dialer(t), n.target("root")
			kind := "closed by the server"
			if victim == hop {
				kind = "jump host lost"
				writeConfig(t, dialer, "IdentityFile "+hop.identityFile+"\n")
				to.Jump, to.JumpHostKeys = []string{fmt.Sprint("root@127.0.0.1:", hop.port)}, map[string]string{"127.0.0.1": hop.hostKey}
			}
			h := dial(t, dialer, to)
			time.AfterFunc(300*time.Millisecond, func() { victim.cmd.Process.Kill() })
			_, err := h.Run(short(t), Command{Script: "sleep 30"})
			try.judge(kind, err)
			if want := fmt.Sprintf(`node "real": run: connection lost: jump host 1 of 1, root@127.0.0.1:%d: `, hop.port); victim == hop && !strings.HasPrefix(err.Error(), want) {
				t.Errorf("got  %v\nwant %s", err, want)
			}
		}
	})
}

// What a host shows that is not to be believed: certificates of the sshd of each release.
func TestDebianShowsACertificateThatDoesNotCount(t *testing.T) {
	onDebians(t, func(t *testing.T, d *debian) {
		try := trial{t, d}
		authority, stranger := sshtest.NewKey(t, "ed25519"), sshtest.NewKey(t, "ed25519")
		now := uint64(time.Now().Unix())
		for kind, cert := range map[string]ssh.Certificate{
			"":                                  {ValidPrincipals: []string{"lb1"}, ValidBefore: ssh.CertTimeInfinity},
			"host certificate expired":          {ValidPrincipals: []string{"lb1"}, ValidBefore: now - 60},
			"host certificate not valid yet":    {ValidPrincipals: []string{"lb1"}, ValidAfter: now + 600, ValidBefore: ssh.CertTimeInfinity},
			"host certificate for another name": {ValidPrincipals: []string{"lb2", "lb3"}, ValidBefore: ssh.CertTimeInfinity},
			"host certificate of an unknown authority": {ValidPrincipals: []string{"lb1"}, ValidBefore: ssh.CertTimeInfinity, Nonce: []byte("stranger")},
		} {
			n := d.start(t, "HostCertificate {dir}/host_key-cert.pub")
			n.certify(t, authority, stranger, cert)
			dialer, to := n.dialer(t), n.target("root")
			to.HostKey, to.Address = "", "lb1"
			writeConfig(t, dialer, "HostName 127.0.0.1\nHostKeyAlias lb1\nHostKeyAlgorithms ssh-ed25519-cert-v01@openssh.com\n")
			knownHosts(t, dialer, "@cert-authority * "+authorizedKey(authority.PublicKey()))
			if kind == "" {
				dial(t, dialer, to)
				continue
			}
			try.ends(kind, dialer, to)
		}
	})
}

// Keys of hosts and users as each release has them: nobody vouches for it, another one is
// expected, it is revoked; and a certificate of the user's that is over.
func TestDebianShowsAKeyThatDoesNotCount(t *testing.T) {
	onDebians(t, func(t *testing.T, d *debian) {
		try := trial{t, d}
		n := d.start(t)
		name := fmt.Sprintf("[127.0.0.1]:%d ", n.port)
		other := authorizedKey(sshtest.NewKey(t, "ed25519").PublicKey())
		for line, kind := range map[string]string{
			"": "host key unknown", name + other: "host key changed", "@revoked * " + n.hostKey: "host key revoked",
			"@revoked " + name + n.hostKey + "\n" + name + n.hostKey: "host key revoked",
		} {
			dialer, to := n.dialer(t), n.target("root")
			to.HostKey = ""
			knownHosts(t, dialer, line)
			try.ends(kind, dialer, to)
		}
		dialer, to := n.dialer(t), n.target("root")
		to.HostKey = other
		try.ends("host key changed, of a host that is pinned", dialer, to)
		dialer, to = n.dialer(t), n.target("root")
		to.HostKey = ""
		knownHosts(t, dialer, "@revoked * "+other, "@revoked lb-old "+n.hostKey, name+n.hostKey)
		dial(t, dialer, to)

		authority := sshtest.NewKey(t, "ed25519")
		n = d.start(t, "TrustedUserCAKeys {dir}/ca.pub", "AuthorizedKeysFile none")
		n.write(t, "ca.pub", string(ssh.MarshalAuthorizedKey(authority.PublicKey())))
		for kind, until := range map[string]time.Duration{"": time.Hour, "user certificate expired": -time.Minute} {
			cert := &ssh.Certificate{Key: publicKeyOf(t, n.identityFile), CertType: ssh.UserCert, ValidPrincipals: []string{"root"}, ValidBefore: uint64(time.Now().Add(until).Unix())}
			if err := cert.SignCert(rand.Reader, authority); err != nil {
				t.Fatal(err)
			}
			if err := os.WriteFile(n.identityFile+"-cert.pub", ssh.MarshalAuthorizedKey(cert), 0o600); err != nil {
				t.Fatal(err)
			}
			if kind == "" {
				dial(t, n.dialer(t), n.target("root"))
				continue
			}
			try.ends(kind, n.dialer(t), n.target("root"))
		}
	})
}

// certify lets the server show a certificate, and start again with it.
func (n *daemon) certify(t *testing.T, authority, stranger ssh.Signer, cert ssh.Certificate) {
	t.Helper()
	key, _, _, _, err := ssh.ParseAuthorizedKey([]byte(n.hostKey))
	if err != nil {
		t.Fatal(err)
	}
	by := authority
	if cert.Nonce != nil {
		by = stranger
	}
	cert.Key, cert.CertType = key, ssh.HostCert
	if err := cert.SignCert(rand.Reader, by); err != nil {
		t.Fatal(err)
	}
	n.write(t, "host_key-cert.pub", string(ssh.MarshalAuthorizedKey(&cert)))
	n.cmd.Process.Kill()
	n.cmd.Wait()
	n.run(t)
}

// Who does what the hints say, one after the other, gets in: accounts, sudo and sshd's
// settings of each release.
func TestDebianLetsInWhoFollowsTheHints(t *testing.T) {
	onDebians(t, func(t *testing.T, d *debian) {
		t.Cleanup(func() { os.Remove(d.root + "/etc/sudoers.d/zup") })
		for user, options := range map[string]string{
			"falsy2": "UsePAM yes", "nologin2": "UsePAM yes", "expired2": "UsePAM yes", "aged2": "UsePAM yes", "asked2": "UsePAM yes", "barred2": "UsePAM yes",
			"terminal2": "UsePAM yes", "noexec2": "UsePAM yes", "root": "MaxSessions 0", "root ": "KexAlgorithms diffie-hellman-group16-sha512",
			"root  ": "Ciphers aes256-cbc", "root   ": "MACs umac-64@openssh.com\nCiphers aes128-ctr",
		} {
			n := d.start(t, strings.Split(options, "\n")...)
			to := n.target(strings.TrimSpace(user))
			var steps []string
			for {
				h, err := n.dialer(t).Dial(t.Context(), to)
				if err == nil {
					_, err = h.Run(t.Context(), Command{Script: "echo hello"})
					h.Close()
				}
				if err == nil {
					break
				}
				steps = append(steps, fmt.Sprint(err, "\n    hint: ", hint(err)))
				if len(steps) > 4 {
					t.Errorf("%s does not get in:\n%s", user, strings.Join(steps, "\n"))
					break
				}
				n.follow(t, hint(err))
			}
			if len(steps) == 0 {
				t.Errorf("%s: nothing was in the way", user)
			}
			t.Logf("%s, %s\n%s", user, options, strings.Join(steps, "\n"))
		}
	})
}

// follow does what a hint says: its end is a command for the node, or a line for sshd_config.
func (n *daemon) follow(t *testing.T, hint string) {
	t.Helper()
	_, what, _ := strings.Cut(hint, "on the node: ")
	if setting := strings.TrimPrefix(hint[strings.LastIndex(hint, ": ")+1:], " "); strings.Contains(hint, "in its /etc/ssh/sshd_config") {
		if strings.HasPrefix(hint, "give MaxSessions in its /etc/ssh/sshd_config 10") {
			setting = "MaxSessions 10"
		}
		n.set(t, setting)
		return
	}
	if what == "" {
		t.Fatalf("nothing to do in %q", hint)
	}
	cmd := exec.Command("/bin/sh", "-ec", what)
	cmd.Env, cmd.Dir = []string{"PATH=/usr/sbin:/usr/bin:/sbin:/bin"}, "/"
	cmd.SysProcAttr = &syscall.SysProcAttr{Chroot: n.of.root}
	if out, err := cmd.CombinedOutput(); err != nil {
		t.Errorf("%s: %v: %s", what, err, out)
	}
}

// set replaces a line of sshd_config, and has the server read it.
func (n *daemon) set(t *testing.T, setting string) {
	t.Helper()
	file := n.of.root + n.dir + "/sshd_config"
	text, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	name, _, _ := strings.Cut(setting, " ")
	lines := []string{setting}
	for line := range strings.Lines(string(text)) {
		if !strings.HasPrefix(line, name+" ") {
			lines = append(lines, strings.TrimSpace(line))
		}
	}
	n.write(t, "sshd_config", strings.Join(lines, "\n")+"\n")
	n.cmd.Process.Kill()
	n.cmd.Wait()
	n.run(t)
}
