package ssh

import (
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"io"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"sync/atomic"
	"syscall"
	"testing"
	"time"

	"golang.org/x/crypto/ssh"

	"zup/providers/ssh/sshtest"
)

// An openSSH is a real sshd on loopback with a configuration of its own.
type openSSH struct {
	dir, user    string
	port         int
	hostKey      string
	identityFile string
	cmd          *exec.Cmd
}

// startSSHD starts the machine's sshd, or skips the test where there is none.
func startSSHD(t testing.TB, options ...string) *openSSH {
	t.Helper()
	const program = "/usr/sbin/sshd"
	missing := ""
	if _, err := os.Stat(program); err != nil {
		missing = "needs " + program + ": apt-get install openssh-server"
	} else if os.Getuid() != 0 {
		missing = "needs root, to log in as root"
	}
	if missing != "" {
		skip(t, missing)
	}
	// sshd insists on this directory; the service makes it at boot.
	if err := os.MkdirAll("/run/sshd", 0o755); err != nil {
		t.Fatal(err)
	}
	d := &openSSH{dir: t.TempDir(), user: "root"}
	d.identityFile = filepath.Join(d.dir, "id_ed25519")
	client := sshtest.WriteKey(t, "ed25519", d.identityFile, "")
	host := sshtest.WriteKey(t, "ed25519", filepath.Join(d.dir, "host_key"), "")
	d.hostKey = strings.TrimSpace(string(ssh.MarshalAuthorizedKey(host)))
	d.write(t, "authorized_keys", ssh.MarshalAuthorizedKey(client))
	d.port = freePort(t)
	config := append([]string{
		fmt.Sprintf("Port %d", d.port),
		"ListenAddress 127.0.0.1",
		"HostKey " + filepath.Join(d.dir, "host_key"),
		"AuthorizedKeysFile " + filepath.Join(d.dir, "authorized_keys"),
		"PidFile none",
		"StrictModes no",
		"UsePAM no",
		"PermitRootLogin yes",
		// The login shell reads no .bashrc of this machine.
		"SetEnv HOME=" + d.dir,
	}, options...)
	d.write(t, "sshd_config", []byte(strings.Join(config, "\n")+"\n"))
	d.start(t)
	t.Cleanup(d.stop)
	return d
}

func (d *openSSH) write(t testing.TB, name string, text []byte) {
	t.Helper()
	if err := os.WriteFile(filepath.Join(d.dir, name), text, 0o600); err != nil {
		t.Fatal(err)
	}
}

var lastPort atomic.Int32

// freePort returns a port that stays free while its server is away: each is given
// out once, and the kernel gives none below 32768 to anybody who does not ask.
func freePort(t testing.TB) int {
	t.Helper()
	for range 1000 {
		port := 20000 + (os.Getpid()*64+int(lastPort.Add(1)))%12000
		if l, err := net.Listen("tcp", fmt.Sprintf("127.0.0.1:%d", port)); err == nil {
			l.Close()
			return port
		}
	}
	t.Fatal("no free port")
	return 0
}

func (d *openSSH) start(t testing.TB) {
	t.Helper()
	log, err := os.OpenFile(filepath.Join(d.dir, "log"), os.O_CREATE|os.O_APPEND|os.O_WRONLY, 0o600)
	if err != nil {
		t.Fatal(err)
	}
	defer log.Close()
	d.cmd = exec.Command("/usr/sbin/sshd", "-D", "-e", "-f", filepath.Join(d.dir, "sshd_config"))
	d.cmd.Stderr = log
	d.cmd.SysProcAttr = &syscall.SysProcAttr{Setsid: true}
	if err := d.cmd.Start(); err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithTimeout(context.Background(), 10*time.Second)
	defer cancel()
	for {
		c, err := new(net.Dialer).DialContext(ctx, "tcp", fmt.Sprintf("127.0.0.1:%d", d.port))
		if err == nil {
			// A server that accepts need not be ready to talk yet.
			banner := make([]byte, 4)
			c.SetDeadline(time.Now().Add(5 * time.Second))
			_, err = io.ReadFull(c, banner)
			c.Close()
			if err == nil && string(banner) == "SSH-" {
				return
			}
		}
		if sleep(ctx, 5*time.Millisecond) != nil {
			text, _ := os.ReadFile(filepath.Join(d.dir, "log"))
			t.Fatalf("sshd does not listen: %s", text)
		}
	}
}

// stop ends the listener. What it has forked for its connections goes on.
func (d *openSSH) stop() {
	d.cmd.Process.Signal(syscall.SIGTERM)
	d.cmd.Wait()
}

func (d *openSSH) target() Target {
	return Target{Name: `node "real"`, Address: "127.0.0.1", Port: d.port, User: d.user, IdentityFile: d.identityFile, HostKey: d.hostKey}
}

// jobDir returns a directory for jobs; what they leave running ends with the test.
func jobDir(t testing.TB) string {
	t.Helper()
	dir := filepath.Join(t.TempDir(), "jobs")
	t.Cleanup(func() { sshtest.EndJobs(t, dir) })
	return dir
}

// children returns the processes that sshd has forked for connections.
func (d *openSSH) children(t *testing.T) []int {
	t.Helper()
	var pids []int
	stats, _ := filepath.Glob("/proc/[0-9]*/stat")
	for _, f := range stats {
		text, err := os.ReadFile(f)
		if err != nil {
			continue
		}
		fields := strings.Fields(string(text[strings.LastIndexByte(string(text), ')')+1:]))
		if fields[1] == strconv.Itoa(d.cmd.Process.Pid) {
			pid, _ := strconv.Atoi(filepath.Base(filepath.Dir(f)))
			pids = append(pids, pid)
		}
	}
	return pids
}

func sshdHost(t *testing.T, s *openSSH) *Host {
	t.Helper()
	d := newDialer(t)
	d.JobDir, d.LockFile = jobDir(t), filepath.Join(s.dir, "lock")
	d.RetryFor = 10 * time.Second
	return dial(t, d, s.target())
}

// What a script costs beyond its own time, on loopback, with a login shell that
// reads no start-up files: see the log of this test.
func TestSSHDLatency(t *testing.T) {
	s := startSSHD(t)
	d := newDialer(t)
	d.JobDir = jobDir(t)
	start := time.Now()
	h := dial(t, d, s.target())
	dialed := time.Since(start)
	var runs, jobs, asked []time.Duration
	for i := range 15 {
		start = time.Now()
		if res := run(t, h, "echo hello"); string(res.Stdout) != "hello\n" {
			t.Fatalf("%+v", res)
		}
		runs = append(runs, time.Since(start))
		res := follow(t, h, Job{ID: fmt.Sprintf("run/plain%d", i), Script: "echo hello"})
		jobs = append(jobs, res.Duration)
		res = follow(t, h, Job{ID: fmt.Sprintf("run/asks%d", i), Script: "printf 'ok? '; read a", Prompts: []Prompt{{Name: "ok", Match: `ok\? $`, Answer: "y"}}})
		asked = append(asked, res.Duration)
	}
	t.Logf("dial %v; median of run %v, job %v, job with a question %v", dialed, median(runs), median(jobs), median(asked))
	if job, run := median(jobs), median(runs); job > 20*run {
		t.Errorf("a job of one echo takes %v where the echo alone takes %v", job, run)
	}
}

func median(d []time.Duration) time.Duration {
	slices.Sort(d)
	return d[len(d)/2].Round(10 * time.Microsecond)
}

// sshd and all its sessions are killed while a job runs, and sshd comes back.
func TestSSHDRestart(t *testing.T) {
	t.Parallel()
	s := startSSHD(t)
	h := sshdHost(t, s)
	count := newCounter(t)
	restarted := false
	res := follow(t, h, Job{ID: "run/job", Script: count.script() + "echo one; sleep 1; echo two; exit 3"})
	if string(res.Output) != "one\ntwo\n" || res.Exit != 3 {
		t.Errorf("%q exit %d", res.Output, res.Exit)
	}
	count.check(t, 1)

	var live strings.Builder
	res, err := h.Job(short(t), Job{ID: "run/job2", Script: count.script() + "echo one; sleep 1; echo two; exit 3", Output: func(b []byte) {
		live.Write(b)
		if !restarted {
			restarted = true
			children := s.children(t)
			if len(children) == 0 {
				t.Error("sshd has no children")
			}
			s.stop()
			for _, pid := range children {
				syscall.Kill(pid, syscall.SIGKILL)
			}
			time.AfterFunc(300*time.Millisecond, func() { s.start(t) })
		}
	}})
	if err != nil || live.String() != "one\ntwo\n" || res.Exit != 3 {
		t.Errorf("%q exit %d %v", live.String(), res.Exit, err)
	}
	count.check(t, 2)
}

func TestSSHDPrompts(t *testing.T) {
	t.Parallel()
	h := sshdHost(t, startSSHD(t))
	res := follow(t, h, Job{ID: "run/job", Script: askTwice, Prompts: askTwicePrompts()})
	if string(res.Output) != askTwiceOutput {
		t.Errorf("%q", res.Output)
	}
}

// skip skips a test on a user's machine; in CI nothing may be missing.
func skip(t testing.TB, missing string) {
	t.Helper()
	if os.Getenv("ZUP_CI") == "1" {
		t.Fatal(missing)
	}
	t.Skip(missing)
}

// A login shell that talks before the command is none of the command's output.
func TestSSHDTalkativeLoginShell(t *testing.T) {
	t.Parallel()
	s := startSSHD(t)
	if shell := loginShell(t); !strings.HasSuffix(shell, "/bash") {
		skip(t, "needs bash as the login shell of root, which reads .bashrc for ssh; it is "+shell)
	}
	s.write(t, ".bashrc", []byte("echo welcome; echo oops >&2; printf 'no line feed'\n"))
	h := sshdHost(t, s)
	if res := run(t, h, "echo hello"); string(res.Stdout) != "hello\n" {
		t.Errorf("%q", res.Stdout)
	}
	if res := follow(t, h, Job{ID: "run/job", Script: "echo hello"}); string(res.Output) != "hello\n" {
		t.Errorf("%q", res.Output)
	}
}

// Nor is what it says when it ends, or the status that it ends with: a line of it could be
// taken for a fact.
func TestSSHDLoginShellThatTalksAtTheEnd(t *testing.T) {
	t.Parallel()
	s := startSSHD(t)
	if shell := loginShell(t); !strings.HasSuffix(shell, "/bash") {
		skip(t, "needs bash as the login shell of root, which reads .bashrc for ssh; it is "+shell)
	}
	s.write(t, ".bashrc", []byte("echo begin\ntrap 'echo role=master; echo bye >&2; exit 7' EXIT\n"))
	h := sshdHost(t, s)
	for script, want := range map[string]struct {
		stdout string
		exit   int
	}{
		"echo hello":                            {"hello\n", 0},
		"printf 'no line feed'":                 {"no line feed", 0},
		"":                                      {"", 0},
		"echo one; exit 3":                      {"one\n", 3},
		"set -eu; echo two; false; echo more":   {"two\n", 1},
		"(exit 4)":                              {"", 4},
		"echo four; (echo five; exit 2) & wait": {"four\nfive\n", 0},
		"m=other; echo \"$m\"":                  {"other\n", 0},
		"printf '\\n%s 0\\nmore\\n' \"$m\"":     {"\nMARK 0\nmore\n", 0},
	} {
		res := run(t, h, script)
		got := regexp.MustCompile("zup-[0-9a-f]{16}").ReplaceAllString(string(res.Stdout), "MARK")
		if got != want.stdout || res.Exit != want.exit {
			t.Errorf("%q: %q, exit %d", script, got, res.Exit)
		}
	}
	res, err := h.Run(t.Context(), Command{Script: "echo 12345", Limit: 6})
	if err != nil || string(res.Stdout) != "12345\n" {
		t.Errorf("at the limit: %q, %v", res.Stdout, err)
	}
	var output *OutputError
	if res, err = h.Run(t.Context(), Command{Script: "echo 123456", Limit: 6}); !errors.As(err, &output) || output.Bytes != 7 || string(res.Stdout) != "123456" {
		t.Errorf("above the limit: %q, %v", res.Stdout, err)
	}
	if res := follow(t, h, Job{ID: "run/job", Script: "echo hello; exit 5"}); string(res.Output) != "hello\n" || res.Exit != 5 {
		t.Errorf("%q", res.Output)
	}
}

func loginShell(t *testing.T) string {
	t.Helper()
	text, err := os.ReadFile("/etc/passwd")
	if err != nil {
		t.Fatal(err)
	}
	line, _, _ := strings.Cut(string(text), "\n")
	return line[strings.LastIndexByte(line, ':')+1:]
}

func TestSSHDForcedCommand(t *testing.T) {
	t.Parallel()
	h := sshdHost(t, startSSHD(t, `ForceCommand echo "Choose 1-9:"; exit 1`))
	_, err := h.Run(t.Context(), Command{Script: "echo hello"})
	var shell *ShellError
	if !errors.As(err, &shell) {
		t.Fatalf("got %v", err)
	}
	if want := `node "real": run: the account does not run commands (exit status 1): Choose 1-9:`; err.Error() != want {
		t.Errorf("got  %s\nwant %s", err, want)
	}
	if _, err = h.Job(t.Context(), Job{ID: "run/job", Script: "echo hello"}); !errors.As(err, &shell) {
		t.Errorf("got %v", err)
	}
}

func TestSSHDWithoutPerl(t *testing.T) {
	t.Parallel()
	bin := t.TempDir()
	for _, name := range []string{"sh", "head"} {
		path, err := exec.LookPath(name)
		if err != nil {
			t.Fatal(err)
		}
		if err := os.Symlink(path, filepath.Join(bin, name)); err != nil {
			t.Fatal(err)
		}
	}
	s := startSSHD(t)
	s.stop()
	config, _ := os.ReadFile(filepath.Join(s.dir, "sshd_config"))
	s.write(t, "sshd_config", []byte(strings.Replace(string(config), "SetEnv HOME=", "SetEnv PATH="+bin+" HOME=", 1)))
	s.start(t)
	h := sshdHost(t, s)
	_, err := h.Job(t.Context(), Job{ID: "run/job", Script: "echo hello"})
	var shell *ShellError
	if !errors.As(err, &shell) || shell.Exit != 127 || !strings.Contains(shell.Output, "perl: not found") {
		t.Errorf("got %v", err)
	}
}

func TestSSHDSessionLimit(t *testing.T) {
	t.Parallel()
	h := sshdHost(t, startSSHD(t, "MaxSessions 1"))
	_, err := h.Job(short(t), Job{ID: "run/job", Script: "echo one; sleep 2", Output: func([]byte) {
		_, err := h.Run(t.Context(), Command{Script: "echo hello"})
		if !errors.Is(err, ErrNoSession) {
			t.Errorf("got %v", err)
		}
	}})
	if err != nil {
		t.Error(err)
	}
	run(t, h, "echo hello")
}

// sshd's own way of turning somebody away, and that it passes.
func TestSSHDMaxStartups(t *testing.T) {
	t.Parallel()
	s := startSSHD(t, "MaxStartups 1", "LoginGraceTime 60")
	idle := holdStartup(t, s.port)
	d := newDialer(t)
	err := dialError(t, d, s.target())
	if !errors.Is(err, ErrHangup) {
		t.Errorf("got %v", err)
	}
	d = newDialer(t)
	d.RetryFor = 20 * time.Second
	idle.Close()
	dial(t, d, s.target())
}

// holdStartup connects until sshd greets, and says nothing: the only start-up that
// sshd allows is taken then. Until then who looked whether it is up may hold it, and
// sshd says "Exceeded MaxStartups".
func holdStartup(t *testing.T, port int) net.Conn {
	t.Helper()
	for deadline := time.Now().Add(20 * time.Second); time.Now().Before(deadline); time.Sleep(20 * time.Millisecond) {
		c, err := net.Dial("tcp", fmt.Sprintf("127.0.0.1:%d", port))
		if err != nil {
			t.Fatal(err)
		}
		said := make([]byte, 4)
		if _, err := io.ReadFull(c, said); err == nil && string(said) == "SSH-" {
			t.Cleanup(func() { c.Close() })
			return c
		}
		c.Close()
	}
	t.Fatal("sshd never talked")
	return nil
}

// Hosts and users that are vouched for by an authority.
func TestSSHDCertificates(t *testing.T) {
	t.Parallel()
	ca := sshtest.NewKey(t, "ed25519")
	s := startSSHD(t)
	s.stop()
	sign := func(name string, kind uint32, principal string) {
		pub, err := os.ReadFile(filepath.Join(s.dir, name))
		if err != nil {
			t.Fatal(err)
		}
		signer, err := ssh.ParsePrivateKey(pub)
		if err != nil {
			t.Fatal(err)
		}
		cert := &ssh.Certificate{Key: signer.PublicKey(), CertType: kind, ValidPrincipals: []string{principal}, ValidBefore: ssh.CertTimeInfinity}
		if err := cert.SignCert(rand.Reader, ca); err != nil {
			t.Fatal(err)
		}
		s.write(t, name+"-cert.pub", ssh.MarshalAuthorizedKey(cert))
	}
	sign("host_key", ssh.HostCert, "127.0.0.1")
	sign("id_ed25519", ssh.UserCert, "root")
	s.write(t, "ca.pub", ssh.MarshalAuthorizedKey(ca.PublicKey()))
	s.write(t, "authorized_keys", nil)
	config, _ := os.ReadFile(filepath.Join(s.dir, "sshd_config"))
	s.write(t, "sshd_config", fmt.Appendf(config, "HostCertificate %s/host_key-cert.pub\nTrustedUserCAKeys %s/ca.pub\n", s.dir, s.dir))
	s.start(t)

	d := newDialer(t)
	knownHosts(t, d, "@cert-authority [127.0.0.1]:"+strconv.Itoa(s.port)+" "+authorizedKey(ca.PublicKey()))
	to := s.target()
	to.HostKey = ""
	h := dial(t, d, to)
	if h.HostKey() != s.hostKey {
		t.Errorf("got %s, want the host's own key %s", h.HostKey(), s.hostKey)
	}

	// Without the authority it is a host with an unknown key.
	d = newDialer(t)
	var unknown *UnknownHostError
	if err := dialError(t, d, to); !errors.As(err, &unknown) || unknown.HostKey != s.hostKey {
		t.Errorf("got %v", err)
	}
	// Another authority vouches for nothing.
	knownHosts(t, d, "@cert-authority * "+authorizedKey(sshtest.NewKey(t, "ed25519").PublicKey()))
	if err := dialError(t, d, to); err == nil {
		t.Error("connected")
	}
}

// What ~/.ssh/config says about how to connect holds on the way to a real sshd.
func TestSSHDAsTheConfigurationSays(t *testing.T) {
	t.Parallel()
	s := startSSHD(t, "AcceptEnv MENU WORD", "Ciphers aes128-ctr,aes256-ctr", "ListenAddress [::1]")
	other := sshtest.NewKey(t, "ed25519").PublicKey()
	keys := t.TempDir() + "/"
	for name, text := range map[string]string{
		"revoked": s.hostKey + "\n", "others": "# old\n" + authorizedKey(other) + "\n", "junk": authorizedKey(other) + "\nssh-ed25519 junk\n", "krl": "SSHKRL\n\x00\x00",
	} {
		if err := os.WriteFile(keys+name, []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	for _, c := range []struct{ config, script, want, err string }{
		{"SetEnv MENU=off WORD=\"a b\"", `echo "$MENU $WORD"`, "off a b\n", ""},
		{"BindAddress 127.0.0.2", "echo ${SSH_CLIENT%% *}", "127.0.0.2\n", ""},
		{"AddressFamily inet", "echo ${SSH_CLIENT%% *}", "127.0.0.1\n", ""},
		{"AddressFamily inet6", "", "", "connect 127.0.0.1"},
		{"Ciphers aes128-ctr", "echo ok", "ok\n", ""},
		{"Ciphers aes256-gcm@openssh.com", "", "", "no common algorithm for client to server cipher"},
		{"HostKeyAlgorithms ssh-ed25519", "echo ok", "ok\n", ""},
		{"HostKeyAlgorithms rsa-sha2-512", "", "", "no common algorithm for host key"},
		{"HostKeyAlgorithms +ssh-rsa\nPubkeyAcceptedAlgorithms ssh-ed25519", "echo ok", "ok\n", ""},
		{"PubkeyAcceptedAlgorithms rsa-sha2-*", "", "", "PubkeyAcceptedAlgorithms leaves it out"},
		{"RevokedHostKeys " + keys + "others", "echo ok", "ok\n", ""},
		{"RevokedHostKeys " + keys + "revoked", "", "", "is revoked: ssh-ed25519 SHA256:"},
		{"RevokedHostKeys " + keys + "junk", "", "", "junk:2: RevokedHostKeys: this line can't be read"},
		{"RevokedHostKeys " + keys + "krl", "", "", "zup does not read the binary form (KRL)"},
		{"RevokedHostKeys " + keys + "missing", "", "", "no such file"},
		{"RequiredRSASize 4096", "echo ok", "ok\n", ""},
	} {
		d := newDialer(t)
		writeConfig(t, d, c.config+"\n")
		h, err := d.Dial(t.Context(), s.target())
		if c.err != "" {
			if err == nil || !strings.Contains(err.Error(), c.err) {
				t.Errorf("%s: %v", c.config, err)
			}
			continue
		}
		if err != nil {
			t.Errorf("%s: %v", c.config, err)
			continue
		}
		if got := string(run(t, h, c.script).Stdout); got != c.want {
			t.Errorf("%s: %q", c.config, got)
		}
		h.Close()
	}
}

// A certificate that does not lie beside its key.
func TestSSHDCertificateFile(t *testing.T) {
	t.Parallel()
	s := startSSHD(t)
	s.stop()
	ca := sshtest.NewKey(t, "ed25519")
	dir := t.TempDir()
	key := sshtest.WriteKey(t, "rsa", filepath.Join(dir, "id"), "")
	cert := &ssh.Certificate{Key: key, CertType: ssh.UserCert, ValidPrincipals: []string{"root"}, ValidBefore: ssh.CertTimeInfinity}
	if err := cert.SignCert(rand.Reader, ca); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(filepath.Join(dir, "my.cert"), ssh.MarshalAuthorizedKey(cert), 0o600); err != nil {
		t.Fatal(err)
	}
	s.write(t, "ca.pub", ssh.MarshalAuthorizedKey(ca.PublicKey()))
	s.write(t, "authorized_keys", nil)
	config, _ := os.ReadFile(filepath.Join(s.dir, "sshd_config"))
	s.write(t, "sshd_config", fmt.Appendf(config, "TrustedUserCAKeys %s/ca.pub\n", s.dir))
	s.start(t)
	to := s.target()
	to.IdentityFile = ""
	for _, c := range []struct{ config, err string }{
		{"IdentityFile DIR/id\nCertificateFile DIR/my.cert", ""},
		{"IdentityFile DIR/id\nCertificateFile DIR/my.cert\nPubkeyAcceptedAlgorithms rsa-sha2-256-cert-v01@openssh.com", ""},
		{"IdentityFile DIR/id", "no key was accepted"},
		{"IdentityFile none\nCertificateFile DIR/my.cert", "the key that it is for is not at hand"},
		{"IdentityFile DIR/id\nCertificateFile DIR/id.pub", "this is not a certificate"},
	} {
		d := newDialer(t)
		writeConfig(t, d, strings.ReplaceAll(c.config, "DIR", dir)+"\n")
		h, err := d.Dial(t.Context(), to)
		if c.err == "" && err != nil || c.err != "" && (err == nil || !strings.Contains(err.Error(), c.err)) {
			t.Errorf("%s: %v", c.config, err)
		}
		if err == nil {
			h.Close()
		}
	}
}

// A jump host that is a real sshd, with its own words for what goes wrong.
func TestSSHDJump(t *testing.T) {
	t.Parallel()
	bastion, node := startSSHD(t), startSSHD(t)
	d := newDialer(t)
	d.JobDir = jobDir(t)
	knownHosts(t, d, fmt.Sprintf("[127.0.0.1]:%d %s", bastion.port, bastion.hostKey))
	both, _ := os.ReadFile(filepath.Join(node.dir, "authorized_keys"))
	bastion.write(t, "authorized_keys", both)
	writeConfig(t, d, "IdentityFile "+node.identityFile+"\n")
	to := node.target()
	to.Jump = []string{fmt.Sprintf("root@127.0.0.1:%d", bastion.port)}
	h := dial(t, d, to)
	if res := follow(t, h, Job{ID: "run/job", Script: "echo hello"}); string(res.Output) != "hello\n" {
		t.Errorf("%q", res.Output)
	}

	to.Port = freePort(t)
	if err := dialError(t, d, to); !errors.Is(err, ErrRefused) {
		t.Errorf("got %v", err)
	}
	to.Address = "no-such-host.invalid"
	if err := dialError(t, d, to); !errors.Is(err, ErrResolve) {
		t.Errorf("got %v", err)
	}
}

// What sshd offers besides keys is in the error.
func TestSSHDRefusesTheKey(t *testing.T) {
	t.Parallel()
	s := startSSHD(t, "PasswordAuthentication yes", "KbdInteractiveAuthentication no")
	s.write(t, "authorized_keys", nil)
	err := dialError(t, newDialer(t), s.target())
	contains(t, "error", err.Error(), `node "real": log in to 127.0.0.1:`, "as root: no key was accepted (the server accepts publickey, password; zup uses keys only)\n  refused: "+s.identityFile)
}

// The lock of a real sshd's host: the address of the other one is known, and a killed
// sshd frees it.
func TestSSHDLock(t *testing.T) {
	t.Parallel()
	s := startSSHD(t)
	h := sshdHost(t, s)
	other := second(t, h, s.target())
	beginOn(t, h, claim("anna", "run1"))
	heldError(t, other.Lock(short(t), claim("ben", "run2")))
	if got := lockStatus(t, other); got.State != LockHeld || got.Client != "127.0.0.1" || got.PID == 0 || got.Age < 0 || got.Age > time.Minute {
		t.Errorf("%+v", got)
	}
	// sshd and all that it has forked are killed, and it comes back: the lock is taken
	// again by whoever had it.
	children := s.children(t)
	s.stop()
	for _, pid := range children {
		syscall.Kill(pid, syscall.SIGKILL)
	}
	s.start(t)
	res := follow(t, h, Job{ID: "run1.a", Script: "echo hello"})
	if string(res.Output) != "hello\n" {
		t.Errorf("%q", res.Output)
	}
	if err := h.Confirm(short(t)); err != nil {
		t.Error(err)
	}
	heldError(t, other.Lock(short(t), claim("ben", "run2")))
	h.Close()
	eventually(t, "the lock is free", func() bool { return lockStatus(t, other).State == LockStale })
	beginOn(t, other, claim("ben", "run2"))
	if err := other.Unlock(short(t)); err != nil {
		t.Error(err)
	}
	noFile(t, h.dialer.LockFile)
}

// What a lock costs beside the connection that is there already: see the log.
func TestSSHDLockLatency(t *testing.T) {
	h := sshdHost(t, startSSHD(t))
	var taken, confirmed, given []time.Duration
	for range 15 {
		start := time.Now()
		lockOn(t, h, claim("anna", "run1"))
		taken = append(taken, time.Since(start))
		start = time.Now()
		if err := h.Confirm(short(t)); err != nil {
			t.Fatal(err)
		}
		confirmed = append(confirmed, time.Since(start))
		start = time.Now()
		if err := h.Unlock(short(t)); err != nil {
			t.Fatal(err)
		}
		given = append(given, time.Since(start))
	}
	t.Logf("median of taking it %v, confirming it %v, giving it back %v", median(taken), median(confirmed), median(given))
}
