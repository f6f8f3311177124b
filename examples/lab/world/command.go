//go:build linux

package world

import (
	"bytes"
	"context"
	"fmt"
	"os"
	"os/exec"
	"strings"
	"sync"
	"time"

	"golang.org/x/sys/unix"
)

// Cmd is an exec.Cmd that runs on a host of the world: in its namespaces, among
// its processes, with its files. It is a child of the calling process, so
// signals, terminals and exit statuses are what they always are; and it ends
// with the world.
type Cmd struct {
	*exec.Cmd
	world *World
	host  string

	wait sync.Once
	err  error // of the first Wait
}

// Command prepares argv to run on a host: a node's name, Control, Client or
// Stranger. The program is looked up there. On a node it gets a small
// environment and runs in /root; elsewhere it has this process's environment
// and working directory, with Home as its home.
func (w *World) Command(ctx context.Context, host string, argv ...string) *Cmd {
	c := &Cmd{Cmd: exec.CommandContext(ctx, "/usr/bin/env", argv...), world: w, host: host}
	c.WaitDelay = time.Second
	if host == Control || host == Client || host == Stranger {
		c.Env = append(os.Environ(), "HOME="+Home)
		c.Dir, _ = os.Getwd()
		return c
	}
	c.Env = []string{"PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin", "HOME=/root", "LANG=C.UTF-8", "TERM=" + os.Getenv("TERM")}
	c.Dir = "/root"
	return c
}

// Start starts the command on its host.
func (c *Cmd) Start() error {
	w := c.world
	if err := w.refresh(c.host); err != nil {
		return err
	}
	w.mu.Lock()
	defer w.mu.Unlock()
	init, ok := w.hosts[c.host]
	if !ok {
		return fmt.Errorf("%q is not a host of the world", c.host)
	}
	err := aside(func() error {
		if err := unix.Unshare(unix.CLONE_FS); err != nil {
			return fmt.Errorf("leave this machine: %w", err)
		}
		if err := unix.Setns(init, hostNamespaces); err != nil {
			return fmt.Errorf("enter %s: %w", c.host, err)
		}
		return c.Cmd.Start()
	})
	if err == nil {
		w.commands[c] = true
	}
	return err
}

// Wait is that of exec.Cmd. It may be called again and says the same then.
func (c *Cmd) Wait() error {
	c.wait.Do(func() {
		c.err = c.Cmd.Wait()
		c.world.mu.Lock()
		defer c.world.mu.Unlock()
		delete(c.world.commands, c)
	})
	return c.err
}

// Run starts the command and waits for its end.
func (c *Cmd) Run() error {
	if err := c.Start(); err != nil {
		return err
	}
	return c.Wait()
}

// Output runs the command and returns its standard output.
func (c *Cmd) Output() ([]byte, error) {
	var out bytes.Buffer
	c.Stdout = &out
	err := c.Run()
	return out.Bytes(), err
}

// CombinedOutput runs the command and returns all its output.
func (c *Cmd) CombinedOutput() ([]byte, error) {
	var out bytes.Buffer
	c.Stdout, c.Stderr = &out, &out
	err := c.Run()
	return out.Bytes(), err
}

// Exec runs argv on a host and returns its standard output. An error has the
// command and the last lines that it wrote to standard error.
func (w *World) Exec(ctx context.Context, host string, argv ...string) (string, error) {
	return w.ExecInput(ctx, host, "", argv...)
}

// ExecInput is Exec with something on standard input.
func (w *World) ExecInput(ctx context.Context, host, input string, argv ...string) (string, error) {
	c := w.Command(ctx, host, argv...)
	var stderr bytes.Buffer
	c.Stdin, c.Stderr = strings.NewReader(input), &stderr
	out, err := c.Output()
	if err != nil {
		err = fmt.Errorf("%s: %q: %w: %s", host, argv, err, tail(stderr.String(), 5))
	}
	return string(out), err
}

// WriteFile writes a file on a host, and the directories that it needs.
func (w *World) WriteFile(ctx context.Context, host, name string, data []byte, mode os.FileMode) error {
	const write = `mkdir -p "$(dirname "$1")" && cat >"$1" && chmod "$2" "$1"`
	_, err := w.ExecInput(ctx, host, string(data), "sh", "-c", write, "sh", name, fmt.Sprintf("%o", mode))
	return err
}

// PID is the process on this machine that is a host's init: what nsenter takes.
func (w *World) PID(host string) (int, error) {
	if err := w.refresh(host); err != nil {
		return 0, err
	}
	w.mu.Lock()
	defer w.mu.Unlock()
	init, ok := w.hosts[host]
	if !ok {
		return 0, fmt.Errorf("%q is not a host of the world", host)
	}
	info, err := os.ReadFile(fmt.Sprintf("/proc/self/fdinfo/%d", init))
	if err != nil {
		return 0, err
	}
	var pid int
	for line := range strings.Lines(string(info)) {
		if n, _ := fmt.Sscanf(line, "Pid: %d", &pid); n == 1 && pid > 0 {
			return pid, nil
		}
	}
	return 0, fmt.Errorf("%s has ended", host)
}
