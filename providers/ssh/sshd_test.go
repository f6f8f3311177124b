package ssh

import (
	"context"
	"fmt"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
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
		if os.Getenv("ZUP_CI") == "1" {
			t.Fatal(missing)
		}
		t.Skip(missing)
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

func freePort(t testing.TB) int {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer l.Close()
	return l.Addr().(*net.TCPAddr).Port
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
			c.Close()
			return
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

func TestSSHDRunAndJob(t *testing.T) {
	t.Parallel()
	s := startSSHD(t)
	d := newDialer(t)
	d.JobDir = jobDir(t)
	start := time.Now()
	h := dial(t, d, s.target())
	dialed := time.Since(start)
	var runs, jobs time.Duration
	const n = 20
	for i := range n {
		start = time.Now()
		if res := run(t, h, "echo hello"); string(res.Stdout) != "hello\n" {
			t.Fatalf("%+v", res)
		}
		runs += time.Since(start)
		res, err := h.Job(short(t), Job{ID: fmt.Sprintf("run/job%d", i), Script: "echo hello"})
		if err != nil || string(res.Output) != "hello\n" {
			t.Fatalf("%+v %v", res, err)
		}
		jobs += res.Duration
	}
	t.Logf("dial %v, run %v, job %v", dialed, runs/n, jobs/n)
}
