package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"os/signal"
	"strings"
	"syscall"

	"golang.org/x/term"

	"zup/plan/config"
	"zup/providers/ssh"
)

// openShell opens a shell on a node, over the connection that zup would use, and returns
// the shell's exit status as an error.
func (p *planning) openShell(ctx context.Context, name string) error {
	in, typed := file(p.in)
	out, shown := file(p.raw)
	if !typed || !shown || !isTerminal(in) || !isTerminal(out) {
		return usagef(p.command("ssh", "-print", name)+" prints how zup reaches it", "zup ssh opens a shell, and this is not a terminal; -print needs none")
	}
	dir, n, err := p.nodeOf(name)
	if err != nil {
		return err
	}
	// From here on a signal ends the session and not zup, which has a terminal to put back.
	ctx, stop := signal.NotifyContext(ctx, os.Interrupt, syscall.SIGTERM, syscall.SIGHUP, syscall.SIGQUIT)
	defer stop()
	fleet := p.newFleet(dir, true)
	defer fleet.Close()
	login, err := fleet.dialer.Login(ctx, fleet.targetOf(n))
	if err != nil {
		return interruptedOr(ctx, err)
	}
	defer login.Close()
	signal.Ignore(syscall.SIGTSTP) // nobody could type there, or anywhere
	status, err := p.atTerminal(ctx, login, in, out)
	switch {
	case err != nil:
		return interruptedOr(ctx, err)
	case status != 0:
		return said(status)
	}
	return nil
}

func interruptedOr(ctx context.Context, err error) error {
	if ctx.Err() != nil {
		return fail(exitInterrupted, "", "interrupted")
	}
	return err
}

// atTerminal runs the shell. The terminal is raw meanwhile, and as it was afterwards, however
// this ends.
func (p *planning) atTerminal(ctx context.Context, login *ssh.Login, in, out *os.File) (int, error) {
	before, err := keepTerminal(in)
	if err != nil {
		return 0, err
	}
	defer before.restore()
	columns, rows, err := term.GetSize(int(out.Fd()))
	if err != nil {
		return 0, fmt.Errorf("read the size of the terminal: %w", err)
	}
	resized, done := make(chan [2]int), make(chan struct{})
	defer close(done)
	go follow(out, resized, done)
	return login.Shell(ctx, ssh.Terminal{In: in, Out: out, Term: p.getenv("TERM"), Columns: columns, Rows: rows, Resized: resized})
}

// follow tells the size of a terminal whenever it changes, until done.
func follow(terminal *os.File, sizes chan<- [2]int, done <-chan struct{}) {
	changes := make(chan os.Signal, 1)
	signal.Notify(changes, syscall.SIGWINCH)
	defer signal.Stop(changes)
	for {
		select {
		case <-changes:
		case <-done:
			return
		}
		columns, rows, err := term.GetSize(int(terminal.Fd()))
		if err != nil {
			continue
		}
		select {
		case sizes <- [2]int{columns, rows}:
		case <-done:
			return
		}
	}
}

// A keptTerminal is one that is raw, and how it was before. Beside zup a shell waits that
// puts it back if zup is killed; where somebody else has done so already, it does nothing.
type keptTerminal struct {
	terminal *os.File
	before   *term.State
	keeper   *exec.Cmd
	tell     io.WriteCloser
}

const keeping = `trap '' HUP INT QUIT TERM
before=$(stty -g <&3) && echo kept || exit
read -r go
raw=$(stty -g <&3)
read -r well && exit
if [ -z "$go" ] || [ "$(stty -g <&3)" = "$raw" ]; then stty "$before" <&3; fi`

// keepTerminal makes a terminal raw.
func keepTerminal(terminal *os.File) (*keptTerminal, error) {
	k := &keptTerminal{terminal: terminal}
	k.keeper = exec.Command("/bin/sh", "-c", keeping, "zup")
	k.keeper.Env, k.keeper.Dir = []string{"PATH=/usr/bin:/bin"}, "/"
	k.keeper.ExtraFiles = []*os.File{terminal}
	k.keeper.SysProcAttr = &syscall.SysProcAttr{Setsid: true}
	var err error
	if k.tell, err = k.keeper.StdinPipe(); err != nil {
		return nil, err
	}
	answer, err := k.keeper.StdoutPipe()
	if err != nil {
		return nil, err
	}
	if err := k.keeper.Start(); err != nil {
		return nil, fmt.Errorf("start the shell that puts the terminal back: %w", err)
	}
	if kept, err := io.ReadAll(io.LimitReader(answer, int64(len("kept\n")))); err != nil || string(kept) != "kept\n" {
		k.tell.Close()
		_ = k.keeper.Wait()
		return nil, errors.New("the settings of the terminal can't be read: stty -g fails")
	}
	if k.before, err = term.MakeRaw(int(terminal.Fd())); err != nil {
		k.restore()
		return nil, fmt.Errorf("make the terminal raw: %w", err)
	}
	io.WriteString(k.tell, "raw\n")
	return k, nil
}

// restore puts the terminal back.
func (k *keptTerminal) restore() {
	if k.before != nil {
		_ = term.Restore(int(k.terminal.Fd()), k.before)
	}
	io.WriteString(k.tell, strings.Repeat("well\n", 2))
	k.tell.Close()
	_ = k.keeper.Wait()
}

// nodeOf reads the configuration and finds a node in it.
func (p *planning) nodeOf(name string) (string, *config.Node, error) {
	dir, err := p.directory()
	if err != nil {
		return "", nil, err
	}
	cfg, err := p.load(dir, &p.config)
	if err != nil {
		return "", nil, err
	}
	n, err := nodeCalled(cfg, name)
	return dir, n, err
}
