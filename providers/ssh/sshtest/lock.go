package sshtest

import (
	"bufio"
	"encoding/hex"
	"fmt"
	"io"
	"maps"
	"slices"
	"strings"

	"golang.org/x/crypto/ssh"
)

// A lock is the node's lock as clients see it: it is free again when the session of
// its holder has ended, however that came, and what the holder wrote stays unless it
// gave the lock back or had not begun. That a silent client loses it is not emulated: a Local server
// does that too.
type lock struct {
	boots  int      // how often the node was started again
	file   []string // token and what the holder said; nil: there is none
	holder *holder  // nil: nobody
}

type holder struct {
	ch    ssh.Channel
	begun bool     // something may have been changed under it: what it wrote stays
	found []string // what it puts back otherwise
}

// Reboot is what happens to the lock when the node is started again: the connections
// are gone, and so is everything that is not on the disk.
func (s *Server) Reboot() {
	s.mu.Lock()
	s.lock = lock{boots: s.lock.boots + 1}
	s.mu.Unlock()
	s.DropConnections()
}

// LoseLock is what a holder finds whose connection was lost for longer than its
// lease: somebody else took the lock, and died. The connections are gone.
func (s *Server) LoseLock(who, since, what string) {
	s.mu.Lock()
	s.lock.holder, s.lock.file = nil, []string{"another", "-", who, since, what}
	s.mu.Unlock()
	s.DropConnections()
}

// LockText returns what the lock file says, "" if there is none.
func (s *Server) LockText() string {
	s.mu.Lock()
	defer s.mu.Unlock()
	return strings.Join(s.lock.file, "\n")
}

func (s *Server) serveLock(ch ssh.Channel, in *bufio.Reader, q Request) {
	defer exit(ch, 0)
	if q.Kind != Lock {
		s.mu.Lock()
		if q.Kind == LockClear && s.lock.holder == nil {
			s.lock.file = nil
		}
		status := s.lock.status()
		s.mu.Unlock()
		fmt.Fprintf(ch, "lock %s\njobs%s\n", status, s.runningJobs(""))
		return
	}
	me := &holder{ch: ch}
	answer, held := s.takeLock(me, q)
	fmt.Fprintln(ch, answer)
	if held {
		s.holdLock(me, in)
	}
}

// takeLock returns the answer to a client that wants the lock.
func (s *Server) takeLock(me *holder, q Request) (answer string, held bool) {
	body := strings.Split(strings.TrimSuffix(q.Script, "\n"), "\n") // path, lease, token, before, text
	token, before := body[2], body[3]
	jobs := s.runningJobs(q.ID)
	s.mu.Lock()
	defer s.mu.Unlock()
	l := &s.lock
	boot := fmt.Sprint("boot", l.boots)
	mine := l.file != nil && l.file[0] == token
	switch {
	case l.holder != nil && !mine:
		return "lock " + l.status(), false
	case before == boot && !mine:
		return "lock taken " + l.text(), false
	case jobs != "":
		return "jobs" + jobs, false
	}
	if l.holder != nil {
		l.holder.ch.Close()
	}
	me.begun = before != "-"
	if !mine {
		me.found = l.file
	}
	l.holder, l.file = me, append([]string{token, "127.0.0.1"}, body[4:]...)
	return "held " + boot, true
}

// holdLock keeps the lock until its session ends.
func (s *Server) holdLock(me *holder, in *bufio.Reader) {
	for {
		line, err := in.ReadString('\n')
		answer := "here"
		s.mu.Lock()
		over := err != nil || line == "release\n" || s.lock.holder != me
		if over && s.lock.holder == me {
			s.lock.holder = nil
			switch {
			case !me.begun:
				s.lock.file = me.found
			case err == nil:
				s.lock.file = nil
			}
			answer = "free"
		}
		me.begun = me.begun || line == "begin\n"
		s.mu.Unlock()
		if err == nil {
			io.WriteString(me.ch, answer+"\n")
		}
		if over {
			return
		}
	}
}

// status is the state with the evidence, without a process that there really is.
func (l *lock) status() string {
	switch {
	case l.holder != nil:
		return "held 4711 60 " + l.text()
	case l.file != nil:
		return "stale 0 -1 " + l.text()
	}
	return "free 0 -1 -"
}

func (l *lock) text() string {
	if len(l.file) < 2 {
		return "-"
	}
	return hex.EncodeToString([]byte(strings.Join(l.file[1:], "\n") + "\n"))
}

// runningJobs lists the jobs that run, but not those of a run.
func (s *Server) runningJobs(run string) string {
	s.mu.Lock()
	jobs := maps.Clone(s.jobs)
	s.mu.Unlock()
	var b strings.Builder
	for _, id := range slices.Sorted(maps.Keys(jobs)) {
		if since, running := strings.CutPrefix(jobs[id].status(), "running "); running && (run == "" || !strings.HasPrefix(id, run+".")) {
			fmt.Fprintf(&b, " %s %s", id, since)
		}
	}
	return b.String()
}
