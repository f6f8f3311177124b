package sshtest

import (
	"errors"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"sync"
	"syscall"
	"testing"

	"golang.org/x/crypto/ssh"
)

// local runs a command line with the local sh, as sshd does: the status is told
// when the process ends, the channel is closed when nobody holds its pipes any
// more, and when the connection ends, the process is left alone.
func (s *Server) local(ch ssh.Channel, command string) {
	s.record(Request{Exec: command})
	cmd := exec.Command("sh", "-c", command)
	cmd.SysProcAttr = &syscall.SysProcAttr{Setsid: true}
	stdin, err := cmd.StdinPipe()
	stdout, err2 := cmd.StdoutPipe()
	stderr, err3 := cmd.StderrPipe()
	if err := errors.Join(err, err2, err3); err != nil {
		s.t.Errorf("sshtest: %v", err)
		return
	}
	if err := cmd.Start(); err != nil {
		s.t.Errorf("sshtest: %v", err)
		return
	}
	s.setRunning(cmd.Process.Pid, true)
	s.work.Go(func() {
		io.Copy(stdin, ch)
		stdin.Close()
	})
	var output sync.WaitGroup
	output.Go(func() { io.Copy(ch, stdout); stdout.Close() })
	output.Go(func() { io.Copy(ch.Stderr(), stderr); stderr.Close() })
	state, err := cmd.Process.Wait()
	if err == nil {
		tellExit(ch, status(state))
	}
	output.Wait()
	s.setRunning(cmd.Process.Pid, false)
	ch.Close()
}

func (s *Server) setRunning(pid int, on bool) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if on {
		s.running[pid] = true
	} else {
		delete(s.running, pid)
	}
}

// KillSessions ends, with SIGKILL, the processes of all sessions of a Local server,
// but no job: jobs have sessions of their own.
func (s *Server) KillSessions() { s.endProcesses() }

// endProcesses ends the process groups that still run or hold their pipes open.
func (s *Server) endProcesses() {
	s.mu.Lock()
	defer s.mu.Unlock()
	for pid := range s.running {
		syscall.Kill(-pid, syscall.SIGKILL)
	}
}

func status(p *os.ProcessState) int {
	if ws := p.Sys().(syscall.WaitStatus); ws.Signaled() {
		return 128 + int(ws.Signal())
	}
	return p.ExitCode()
}

// EndJobs ends what jobs in a job directory have left running, by the process numbers that they wrote
// down.
func EndJobs(t testing.TB, dir string) {
	files, _ := filepath.Glob(filepath.Join(dir, "*", "started"))
	for _, f := range files {
		text, err := os.ReadFile(f)
		fields := strings.Fields(string(text))
		if err != nil || len(fields) < 3 {
			continue
		}
		if _, err := os.Stat(filepath.Join(filepath.Dir(f), "status")); err == nil {
			continue
		}
		for _, field := range fields[1:3] {
			// The leader's number is that of its process group too.
			if pid, err := strconv.Atoi(field); err == nil && pid > 1 {
				syscall.Kill(-pid, syscall.SIGKILL)
			}
		}
		t.Logf("sshtest: ended the job in %s", filepath.Dir(f))
	}
}
