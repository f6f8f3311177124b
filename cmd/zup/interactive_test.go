package main

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"sync"
	"syscall"
	"testing"
	"time"

	gossh "golang.org/x/crypto/ssh"
	"golang.org/x/sys/unix"

	"zup/providers/ssh/sshtest"
)

// A desk is a terminal with somebody at it, and zup ssh in it that has a real sshd to go to.
type desk struct {
	t      *testing.T
	master *os.File
	slave  *os.File
	sshd   *exec.Cmd
	zup    *exec.Cmd
	before unix.Termios

	mu   sync.Mutex
	seen bytes.Buffer
}

func newDesk(t *testing.T, args ...string) *desk {
	t.Helper()
	if _, err := os.Stat("/usr/sbin/sshd"); err != nil || os.Getuid() != 0 {
		missing(t, "needs /usr/sbin/sshd, and root to log in as root")
	}
	d := &desk{t: t}
	d.open()
	dir := t.TempDir()
	port := d.serve(dir)
	const config = "cluster \"zevenet\" \"edge\" {\n  version = \"6.1.20\"\n  node \"zva5n1\" { address = \"lb1\" }\n}\n"
	home := filepath.Join(dir, "home")
	hosts := fmt.Sprintf("Host lb1\n HostName 127.0.0.1\n Port %d\n User root\n IdentityFile %s/id\n UserKnownHostsFile %s/known\n SetEnv DESK=oak\n", port, dir, dir)
	err := errors.Join(os.MkdirAll(filepath.Join(home, ".ssh"), 0o700), os.WriteFile(filepath.Join(home, ".ssh", "config"), []byte(hosts), 0o600),
		os.WriteFile(filepath.Join(dir, "edge.zup.hcl"), []byte(config), 0o600))
	if err != nil {
		t.Fatal(err)
	}
	d.zup = exec.Command("zup", append(args, "ssh", "zva5n1")...)
	d.zup.Dir, d.zup.Env = dir, append(os.Environ(), "HOME="+home, "SSH_AUTH_SOCK=", "TERM=vt220", "ZUP_LOG=")
	d.zup.Stdin, d.zup.Stdout, d.zup.Stderr = d.slave, d.slave, d.slave
	d.zup.SysProcAttr = &syscall.SysProcAttr{Setsid: true, Setctty: true}
	if err := d.zup.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { d.zup.Process.Kill(); d.zup.Wait() })
	return d
}

// missing skips a test on a user's machine; in CI nothing may be missing.
func missing(t *testing.T, what string) {
	t.Helper()
	if os.Getenv("ZUP_CI") != "" {
		t.Fatal(what)
	}
	t.Skip(what)
}

// open makes a pseudo-terminal of 100 columns and 30 rows.
func (d *desk) open() {
	d.t.Helper()
	var err error
	if d.master, err = os.OpenFile("/dev/ptmx", os.O_RDWR|syscall.O_NOCTTY, 0); err != nil {
		d.t.Fatal(err)
	}
	fd := int(d.master.Fd())
	n, err := unix.IoctlGetInt(fd, unix.TIOCGPTN)
	err = errors.Join(err, unix.IoctlSetPointerInt(fd, unix.TIOCSPTLCK, 0), unix.IoctlSetWinsize(fd, unix.TIOCSWINSZ, &unix.Winsize{Row: 30, Col: 100}))
	if err != nil {
		d.t.Fatal(err)
	}
	if d.slave, err = os.OpenFile(fmt.Sprintf("/dev/pts/%d", n), os.O_RDWR|syscall.O_NOCTTY, 0); err != nil {
		d.t.Fatal(err)
	}
	d.before = d.settings()
	d.t.Cleanup(func() { d.slave.Close(); d.master.Close() })
	go io.Copy(d, d.master)
}

func (d *desk) Write(b []byte) (int, error) {
	d.mu.Lock()
	defer d.mu.Unlock()
	return d.seen.Write(b)
}

func (d *desk) settings() unix.Termios {
	d.t.Helper()
	s, err := unix.IoctlGetTermios(int(d.slave.Fd()), unix.TCGETS)
	if err != nil {
		d.t.Fatal(err)
	}
	return *s
}

// serve starts sshd and returns its port.
func (d *desk) serve(dir string) int {
	d.t.Helper()
	key, host := sshtest.WriteKey(d.t, "ed25519", filepath.Join(dir, "id"), ""), sshtest.WriteKey(d.t, "ed25519", filepath.Join(dir, "host"), "")
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		d.t.Fatal(err)
	}
	port := l.Addr().(*net.TCPAddr).Port
	l.Close()
	config := fmt.Sprintf("Port %d\nListenAddress 127.0.0.1\nHostKey %s/host\nAuthorizedKeysFile %s/keys\nPidFile none\nStrictModes no\nUsePAM no\nPermitRootLogin yes\nPrintMotd no\nPrintLastLog no\nAcceptEnv DESK\nSetEnv HOME=%s\n", port, dir, dir, dir)
	known := append([]byte(fmt.Sprintf("[127.0.0.1]:%d ", port)), gossh.MarshalAuthorizedKey(host)...)
	err = errors.Join(os.MkdirAll("/run/sshd", 0o755), os.WriteFile(filepath.Join(dir, "sshd_config"), []byte(config), 0o600),
		os.WriteFile(filepath.Join(dir, "keys"), gossh.MarshalAuthorizedKey(key), 0o600), os.WriteFile(filepath.Join(dir, "known"), known, 0o600))
	if err != nil {
		d.t.Fatal(err)
	}
	d.sshd = exec.Command("/usr/sbin/sshd", "-D", "-e", "-f", filepath.Join(dir, "sshd_config"))
	if err := d.sshd.Start(); err != nil {
		d.t.Fatal(err)
	}
	d.t.Cleanup(func() { d.sshd.Process.Signal(syscall.SIGTERM); d.sshd.Wait() })
	for range 500 {
		if c, err := net.Dial("tcp", fmt.Sprintf("127.0.0.1:%d", port)); err == nil {
			c.Close()
			return port
		}
		time.Sleep(10 * time.Millisecond)
	}
	d.t.Fatal("sshd does not listen")
	return 0
}

func (d *desk) types(text string) {
	d.t.Helper()
	if _, err := io.WriteString(d.master, text); err != nil {
		d.t.Fatal(err)
	}
}

// sees waits until a pattern is on the screen.
func (d *desk) sees(pattern string) {
	d.t.Helper()
	re := regexp.MustCompile(pattern)
	for range 3000 {
		d.mu.Lock()
		ok := re.Match(d.seen.Bytes())
		d.mu.Unlock()
		if ok {
			return
		}
		time.Sleep(10 * time.Millisecond)
	}
	d.t.Fatalf("%s does not come: %q", pattern, d.screen())
}

func (d *desk) screen() string {
	d.mu.Lock()
	defer d.mu.Unlock()
	return d.seen.String()
}

// ends waits for zup, and looks at the terminal that it leaves.
func (d *desk) ends(status int) {
	d.t.Helper()
	ended := make(chan struct{})
	go func() { d.zup.Wait(); close(ended) }()
	select {
	case <-ended:
	case <-time.After(time.Minute):
		d.t.Fatalf("zup does not end: %q", d.screen())
	}
	if got := d.zup.ProcessState.ExitCode(); got != status {
		d.t.Errorf("exit status %d, want %d: %q", got, status, d.screen())
	}
	for range 500 {
		if d.settings() == d.before {
			return
		}
		time.Sleep(10 * time.Millisecond)
	}
	d.t.Errorf("the terminal was left as %+v; it was %+v", d.settings(), d.before)
}

// shell waits for the shell on the node.
func (d *desk) shell() {
	d.t.Helper()
	d.types("PS1=; unset HISTFILE; echo the shell is $((40+2)) $TERM $DESK\n")
	d.sees("the shell is 42 vt220 oak")
	if now := d.settings(); now == d.before || now.Lflag&(unix.ICANON|unix.ECHO|unix.ISIG) != 0 {
		d.t.Errorf("the terminal is not raw: %+v", now)
	}
}

// Everything that somebody types goes to the shell, ^C too; its size and its end come back.
func TestSSHOpensAShell(t *testing.T) {
	t.Parallel()
	d := newDesk(t)
	d.shell()
	d.types("stty size; tty\n")
	d.sees(`30 100\r\n/dev/pts/`)
	if err := unix.IoctlSetWinsize(int(d.master.Fd()), unix.TIOCSWINSZ, &unix.Winsize{Row: 41, Col: 123}); err != nil {
		t.Fatal(err)
	}
	d.types("until stty size | grep '41 123'; do sleep 0.1; done\n")
	d.sees(`\r41 123\r\n`)
	d.types("trap 'echo got it' INT; sleep 1000\n")
	time.Sleep(300 * time.Millisecond)
	d.types("\x03")
	d.sees("got it")
	d.types("printf '\\033]0;title\\007\\377ok\\n'\n")
	d.sees(`\x1b\]0;title\x07\x{fffd}ok`)
	d.types("exit 7\n")
	d.ends(7)
}

func TestSSHThatIsEndedLeavesTheTerminalAsItWas(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct {
		end    func(d *desk)
		status int
		said   string
	}{
		"exit 0":         {func(d *desk) { d.types("exit\n") }, 0, ""},
		"SIGTERM":        {func(d *desk) { d.zup.Process.Signal(syscall.SIGTERM) }, 130, "interrupted"},
		"SIGINT":         {func(d *desk) { d.zup.Process.Signal(syscall.SIGINT) }, 130, "interrupted"},
		"SIGQUIT":        {func(d *desk) { d.zup.Process.Signal(syscall.SIGQUIT) }, 130, "interrupted"},
		"SIGHUP":         {func(d *desk) { d.zup.Process.Signal(syscall.SIGHUP) }, 130, "interrupted"},
		"SIGKILL":        {func(d *desk) { d.zup.Process.Kill() }, -1, ""},
		"SIGTSTP":        {func(d *desk) { d.zup.Process.Signal(syscall.SIGTSTP); d.types("echo still; exit 3\n") }, 3, "still"},
		"~.":             {func(d *desk) { d.types("sleep 1000\r"); d.types("~.") }, 1, "hung up: ~. was typed"},
		"shell killed":   {func(d *desk) { d.types("kill -9 $$\n") }, 137, ""},
		"sshd killed":    {func(d *desk) { d.types("kill -9 $PPID\n") }, 1, "connection lost"},
		"no such option": {nil, 64, ""},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			if name == "no such option" {
				newDesk(t, "-nonsense").ends(c.status)
				return
			}
			d := newDesk(t)
			d.shell()
			c.end(d)
			d.ends(c.status)
			d.sees(c.said)
		})
	}
}
