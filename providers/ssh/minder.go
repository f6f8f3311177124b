package ssh

import (
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"syscall"
	"time"

	"zup/plan/disk"
	"zup/plan/escape"
)

// secretPrefix begins the names of variables that no program gets which ssh_config names.
const secretPrefix = "ZUP_SECRET_"

// environ is the environment of what ssh_config has zup start.
func (d *Dialer) environ() []string {
	env := os.Environ
	if d.Environ != nil {
		env = d.Environ
	}
	return slices.DeleteFunc(slices.Clone(env()), func(kv string) bool {
		return strings.HasPrefix(kv, secretPrefix) || strings.HasPrefix(kv, "PWD=") || strings.HasPrefix(kv, "OLDPWD=")
	})
}

// shellOf returns the shell in which ssh would run a command.
func shellOf(env []string) (string, error) {
	for _, kv := range slices.Backward(env) {
		if shell, ok := strings.CutPrefix(kv, "SHELL="); ok && shell != "" {
			if !strings.HasPrefix(shell, "/") {
				return "", fmt.Errorf("SHELL is %q: it must begin with /", shell)
			}
			if _, err := disk.Stat(shell); err != nil {
				return "", fmt.Errorf("SHELL: %w", err)
			}
			return shell, nil
		}
	}
	return "/bin/sh", nil
}

// A minder ends the processes that ssh_config had zup start when zup is gone, however it
// went. It is a shell that is told about each process group, and that kills those that are
// left when nobody can tell it anything any more. It begins with the first process.
type minder struct {
	mu     sync.Mutex
	cmd    *exec.Cmd // nil: it was not needed yet
	tell   io.WriteCloser
	gone   chan struct{}     // closed when it has ended
	all    map[*process]bool // that it knows
	closed bool
}

const mindingScript = `trap '' HUP INT QUIT TERM
while read -r what group; do
	case $what in
	+) set -- "$@" "$group" ;;
	-) for g do shift; [ "$g" = "$group" ] || set -- "$@" "$g"; done ;;
	esac
done
for g do kill -s KILL -- "-$g"; done`

// mind tells the minder about the group of a process; forget takes it back.
func (m *minder) mind(p *process) error {
	m.mu.Lock()
	defer m.mu.Unlock()
	if m.closed {
		return errors.New("dialer is closed")
	}
	if m.all == nil {
		m.all = map[*process]bool{}
	}
	m.all[p] = true
	if m.cmd != nil && m.say("+", p) == nil {
		return nil // if somebody has ended it a moment ago, the next one is told
	}
	err := m.begin()
	if err != nil {
		delete(m.all, p)
	}
	return err
}

func (m *minder) say(what string, p *process) error {
	_, err := fmt.Fprintf(m.tell, "%s %d\n", what, p.cmd.Process.Pid)
	return err
}

// begin starts the shell, and tells it what there is. If somebody ends it, there is another.
func (m *minder) begin() error {
	m.end()
	cmd := exec.Command("/bin/sh", "-c", mindingScript, "zup")
	cmd.Dir, cmd.Env = "/", []string{}
	cmd.SysProcAttr = &syscall.SysProcAttr{Setsid: true}
	tell, err := cmd.StdinPipe()
	if err == nil {
		err = cmd.Start()
	}
	if err != nil {
		return err
	}
	m.cmd, m.tell, m.gone = cmd, tell, make(chan struct{})
	go m.watch(cmd, m.gone)
	for p := range m.all {
		if err := m.say("+", p); err != nil {
			return err
		}
	}
	return nil
}

func (m *minder) watch(cmd *exec.Cmd, gone chan<- struct{}) {
	_ = cmd.Wait()
	close(gone)
	m.mu.Lock()
	defer m.mu.Unlock()
	if m.cmd == cmd && len(m.all) > 0 {
		_ = m.begin() // else the next process begins it
	}
}

func (m *minder) end() {
	if m.cmd != nil {
		m.tell.Close()
		<-m.gone
		m.cmd = nil
	}
}

func (m *minder) forget(p *process) {
	m.mu.Lock()
	defer m.mu.Unlock()
	delete(m.all, p)
	if m.cmd != nil {
		_ = m.say("-", p) // else there is nobody who would end it
	}
}

// close ends every process that is still there, and returns when that is done.
func (m *minder) close() {
	m.mu.Lock()
	m.closed = true
	var ends sync.WaitGroup
	for p := range m.all {
		ends.Go(p.end)
	}
	m.mu.Unlock()
	ends.Wait()
	m.mu.Lock()
	defer m.mu.Unlock()
	m.end()
}

// A process is one that ssh_config had zup start. It has a session of its own: a ^C at the
// terminal does not reach it, and it can't ask there.
type process struct {
	cmd    *exec.Cmd
	minder *minder
	stderr *tail
	ended  chan struct{} // closed when it has ended
	err    error         // how, to be read after ended; nil: with status 0
	once   sync.Once
	ours   atomic.Bool // zup has ended it
}

// Processes are told to end with SIGHUP, as by ssh, and are killed after hangupGrace.
const hangupGrace = time.Second

// waiting is what a process is first: it waits until the minder knows it.
const waiting = `read -r go <&3 && exec "$@" 3<&-`

// streams are what a process reads and writes; without one it has /dev/null there.
type streams struct {
	in, out *os.File // closed here when it has them
	quiet   bool     // nobody wants to know what it writes to stderr
}

func (s streams) close() {
	for _, f := range []*os.File{s.in, s.out} {
		if f != nil {
			f.Close()
		}
	}
}

// start starts a program in the user's home.
func (d *Dialer) start(argv []string, std streams) (*process, error) {
	defer std.close()
	r, w, err := os.Pipe()
	if err != nil {
		return nil, err
	}
	defer r.Close()
	defer w.Close()
	p := &process{minder: &d.minder, stderr: &tail{max: 4 << 10}, ended: make(chan struct{})}
	p.cmd = exec.Command("/bin/sh", append([]string{"-c", waiting, "zup"}, argv...)...)
	p.cmd.Dir, p.cmd.Env = first(d.home(), "/"), d.environ()
	p.cmd.ExtraFiles = []*os.File{r}
	p.cmd.SysProcAttr = &syscall.SysProcAttr{Setsid: true}
	p.cmd.WaitDelay = hangupGrace / 2
	if std.in != nil {
		p.cmd.Stdin = std.in
	}
	if std.out != nil {
		p.cmd.Stdout = std.out
	}
	if !std.quiet {
		p.cmd.Stderr = p.stderr
	}
	if err := p.cmd.Start(); err != nil {
		return nil, err
	}
	go p.wait()
	if err := p.minder.mind(p); err != nil {
		p.signal(syscall.SIGKILL)
		<-p.ended
		return nil, fmt.Errorf("start the shell that ends it with zup: %w", err)
	}
	if _, err := io.WriteString(w, "go\n"); err != nil {
		p.end()
		return nil, err
	}
	return p, nil
}

func (p *process) wait() {
	p.err = p.cmd.Wait()
	if errors.Is(p.err, exec.ErrWaitDelay) { // something that it started holds on to stderr
		p.err = nil
	}
	close(p.ended)
}

// signal reaches whatever it has started, unless that has gone into a session of its own.
func (p *process) signal(s syscall.Signal) { _ = syscall.Kill(-p.cmd.Process.Pid, s) }

// end ends the process and what it has started. It returns when that is done.
func (p *process) end() {
	p.once.Do(func() {
		select {
		case <-p.ended:
		default:
			p.ours.Store(true)
		}
		p.signal(syscall.SIGHUP)
		select {
		case <-p.ended:
		case <-time.After(hangupGrace):
		}
		p.signal(syscall.SIGKILL)
		<-p.ended
		p.minder.forget(p)
	})
}

// leave leaves a process that has ended what it has started: it may be the way to the host.
// One that has not ended is ended.
func (p *process) leave() {
	select {
	case <-p.ended:
		p.once.Do(func() { p.minder.forget(p) })
	default:
		p.end()
	}
}

// said returns how the process has ended, "" where it goes on or zup has ended it, and the
// last lines that it wrote to stderr, escaped, on one line.
func (p *process) said() (status, text string) {
	select {
	case <-p.ended:
		if !p.ours.Load() {
			status = "exit status 0"
		}
		if p.err != nil && status != "" {
			status = escape.Line(p.err.Error())
		}
	default:
	}
	return status, strings.ReplaceAll(escape.Tail(string(p.stderr.bytes()), 3), "\n", "; ")
}
