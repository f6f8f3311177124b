package ssh

import (
	"bufio"
	"bytes"
	"context"
	"crypto/rand"
	"encoding/binary"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"strings"
	"sync"
	"sync/atomic"
	"time"

	"golang.org/x/crypto/ssh"

	"zup/plan/escape"
)

// bootstrap is the command line of every session, the same whatever is run: words
// of a script must never stand in a command line on the node, because scripts look
// for processes by such words. The script comes on stdin:
//
//	MARK LENGTH[ read …]\n
//	LENGTH bytes of script, of which the last are MARK
//	the script's own input
//
// and the answer begins with MARK on a line of its own. What comes before it is
// the login shell's (somebody's echo in a .bashrc) and none of ours; if it never
// comes, the account does not run commands. A script of Run says when it ends, too. A script that arrived cut off lacks
// the mark at its end and is not run.
//
// What may follow LENGTH is for a reader, a key that runs nothing but what was installed
// on the node for it: it answers that, and not the script. A shell takes no notice of it.
const bootstrap = `sh -c 'read -r m n r && echo "$m" && z=$(head -c "$n") && case $z in (*"$m") eval "$z";; (*) exit 125;; esac' zup`

const (
	noiseMax  = 16 << 20    // bytes that may come before the mark
	stderrMax = 64 << 10    // bytes of stderr that are kept
	lingerFor = time.Second // how long to listen to what a script left behind

	// accountBegins is the time from a session's beginning to the mark. It is longer than a
	// connection that is lost goes unnoticed.
	accountBegins = 30 * time.Second
)

var errNUL = errors.New("the script contains a NUL byte, which no shell can read")

// errNoStatus says that a session ended without telling how: with its connection,
// or because somebody killed the part of sshd that serves it.
var errNoStatus = errors.New("the session ended without an exit status")

// A session is one run of bootstrap.
type session struct {
	on   *conn
	ch   ssh.Channel
	mark string
	read string // what a reader was asked

	entrance *entrance     // nil: nothing has to be answered first
	clock    *clock        // of the time until the mark
	late     chan struct{} // closed when that is over

	stdout *bufio.Reader // what comes after the mark, once begun
	stderr *tail
	noise  tail // what came before the mark, an unfinished line included
	begun  atomic.Bool

	exited chan struct{} // closed when status is there, or never will be
	status int           // exit status as sh says it; -1: none came
	errEOF chan struct{} // closed when stderr has ended
}

// sending is what a session sends.
type sending struct {
	script string
	read   string    // what a reader is asked instead; "": nothing
	input  io.Reader // what follows the script; nil: nothing
}

// open starts a session and sends what it is to. It returns
// before any of that has arrived. With an error nothing was sent: the node was at
// most asked to start the bootstrap, which does nothing by itself.
func (c *conn) open(ctx context.Context, d door, what sending) (*session, error) {
	if strings.ContainsRune(what.script, 0) {
		return nil, errNUL
	}
	if err := c.isMute(); err != nil {
		return nil, err
	}
	type opened struct {
		s   *session
		err error
	}
	result := make(chan opened, 1)
	go func() {
		s, err := c.exec(d)
		result <- opened{s, err}
	}()
	late := time.NewTimer(c.answer)
	defer late.Stop()
	err := errNoStatus
	select {
	case r := <-result:
		if r.err != nil {
			return nil, r.err
		}
		r.s.read = what.read
		go func() {
			if r.s.entrance == nil || r.s.entrance.pass(ctx, r.s) {
				r.s.send(what)
			}
		}()
		return r.s, nil
	case <-ctx.Done():
	case <-c.gone:
	case <-late.C:
		err = c.fallsMute(&ShellError{Exit: -1, Waited: c.answer})
	}
	go func() {
		if r := <-result; r.err == nil {
			r.s.ch.Close()
		}
	}()
	return nil, err
}

func (c *conn) exec(d door) (*session, error) {
	ch, requests, err := c.openChannel()
	if err != nil {
		return nil, err
	}
	command, asks, begins := d.command()
	s := &session{
		on: c, ch: ch,
		entrance: newEntrance(d, asks, begins),
		late:     make(chan struct{}),
		mark:     newMark(),
		stderr:   &tail{max: stderrMax},
		noise:    tail{max: 4 << 10},
		exited:   make(chan struct{}),
		errEOF:   make(chan struct{}),
		status:   -1,
	}
	s.stdout = bufio.NewReader(readerFunc(func(p []byte) (int, error) {
		n, err := ch.Read(p)
		if !s.begun.Load() {
			s.noise.Write(p[:n])
		}
		return n, err
	}))
	go s.listen(requests)
	go s.listenToErrors(ch)
	s.clock = newClock(c.answer, func() { close(s.late) })
	ok, err := ch.SendRequest("exec", true, ssh.Marshal(struct{ Command string }{command}))
	if err == nil && !ok {
		err = &ShellError{User: c.user(), Exit: -1, Output: "the server refuses to run commands"}
	}
	if err != nil {
		s.clock.stop()
		ch.Close()
		return nil, err
	}
	return s, nil
}

type readerFunc func([]byte) (int, error)

func (f readerFunc) Read(p []byte) (int, error) { return f(p) }

// openChannel tries again for a moment when the server has enough sessions: one of
// ours may have ended without the server having cleaned up yet.
func (c *conn) openChannel() (ssh.Channel, <-chan *ssh.Request, error) {
	for pause := 10 * time.Millisecond; ; pause *= 2 {
		ch, requests, err := c.client.OpenChannel("session", nil)
		var refused *ssh.OpenChannelError
		if err == nil {
			c.offer(ch)
		}
		if !errors.As(err, &refused) {
			return ch, requests, err
		}
		if pause > time.Second {
			return nil, nil, ErrNoSession
		}
		time.Sleep(pause)
	}
}

// offer offers the environment of SetEnv. The server takes of it what it likes, and does
// not say so; a connection that is lost shows in what comes next.
func (c *conn) offer(ch ssh.Channel) {
	for _, variable := range c.env {
		name, value, _ := strings.Cut(variable, "=")
		_, _ = ch.SendRequest("env", false, ssh.Marshal(struct{ Name, Value string }{name, value}))
	}
}

func newMark() string {
	b := make([]byte, 8)
	rand.Read(b)
	return "zup-" + hex.EncodeToString(b)
}

// send never fails: what keeps the script from arriving ends the session too.
func (s *session) send(what sending) {
	script := what.script + "\n#" + s.mark
	request := ""
	if what.read != "" {
		request = fmt.Sprintf(" read %d %s", ReaderProtocol, what.read)
	}
	io.WriteString(s.ch, fmt.Sprintf("%s %d%s\n%s", s.mark, len(script), request, script))
	if what.input != nil {
		io.Copy(s.ch, what.input)
	}
	s.ch.CloseWrite()
}

// listen waits for the exit status. It comes when the shell has ended, which can be
// long before the channel is closed: a process that the script left behind may
// hold it open.
func (s *session) listen(requests <-chan *ssh.Request) {
	var once sync.Once
	exited := func(status int) {
		once.Do(func() {
			s.status = status
			close(s.exited)
		})
	}
	for r := range requests {
		switch r.Type {
		case "exit-status":
			if len(r.Payload) >= 4 {
				exited(int(binary.BigEndian.Uint32(r.Payload)))
			}
		case "exit-signal":
			var sig struct {
				Name       string
				Core       bool
				Text, Lang string
			}
			ssh.Unmarshal(r.Payload, &sig)
			exited(128 + signals(sig.Name))
		}
		if r.WantReply {
			r.Reply(false, nil)
		}
	}
	exited(-1)
}

func signals(name string) int {
	switch name {
	case "HUP":
		return 1
	case "INT":
		return 2
	case "QUIT":
		return 3
	case "ABRT":
		return 6
	case "KILL":
		return 9
	case "SEGV":
		return 11
	case "PIPE":
		return 13
	case "ALRM":
		return 14
	case "TERM":
		return 15
	}
	return 0
}

// begin reads up to the mark. It blocks until the node's shell has answered, at most for
// the time that an account has for it: a start-up file may ask something, and a menu waits
// for a choice.
func (s *session) begin() error {
	begun := make(chan error, 1)
	go func() { begun <- s.await() }()
	defer s.clock.stop()
	select {
	case err := <-begun:
		return err
	case <-s.late:
		go s.ch.Close()
		return s.on.fallsMute(&ShellError{Exit: -1, Output: s.said(), Waited: s.on.answer})
	}
}

// await reads up to the mark.
func (s *session) await() error {
	var total int
	for {
		line, err := s.stdout.ReadSlice('\n')
		if s.entrance != nil && bytes.HasSuffix(line, []byte(s.entrance.begins+"\n")) {
			s.entrance.begun()
			continue
		}
		_, said, reads := bytes.Cut(line, []byte(s.mark+" "+readerWord+" "))
		if reads || bytes.HasSuffix(line, []byte(s.mark+"\n")) {
			s.begun.Store(true)
			s.noise.cut(s.mark)
		}
		switch {
		case reads:
			return s.beginReading(string(said))
		case s.begun.Load():
			return nil
		}
		total += len(line)
		if err == bufio.ErrBufferFull {
			err = nil
		}
		if err == nil && total > noiseMax {
			go s.ch.Close()
			return s.on.fallsMute(&ShellError{Exit: -1, Output: s.said(), Flood: total})
		}
		if err != nil {
			return s.refusal()
		}
	}
}

// refusal explains why the mark did not come.
func (s *session) refusal() error {
	select {
	case <-s.exited:
		if s.status < 0 {
			return errNoStatus
		}
		s.drain(nil, nil)
		if err := s.entrance.failed(); err != nil {
			return &entryError{err, s.said()}
		}
		if said := s.said(); strings.Contains(said, readerWord+": ") {
			_, at, _ := strings.Cut(s.on.to, "@")
			return &ReaderError{Said: said, Host: hostOnly(at)}
		}
		return s.failed(s.status)
	case <-time.After(lingerFor):
		return s.failed(-1)
	}
}

// failed says that the account has not run what it was asked to.
func (s *session) failed(status int) *ShellError {
	return &ShellError{User: s.on.user(), Exit: status, Output: s.said()}
}

// said returns the last lines of everything that came back outside the protocol.
func (s *session) said() string {
	return escape.Tail(string(s.entrance.without(append(s.noise.bytes(), s.stderr.bytes()...))), 5)
}

// A tail keeps the last max bytes written to it. It may be read while it is
// written.
type tail struct {
	max int

	mu   sync.Mutex
	kept []byte
}

func (t *tail) Write(p []byte) (int, error) {
	t.mu.Lock()
	defer t.mu.Unlock()
	t.kept = append(t.kept, p...)
	// Dropping in large steps keeps the copying down.
	if len(t.kept) > 2*t.max {
		t.kept = append(t.kept[:0], t.kept[len(t.kept)-t.max:]...)
	}
	return len(p), nil
}

// cut forgets everything from the first of these words on.
func (t *tail) cut(word string) {
	t.mu.Lock()
	defer t.mu.Unlock()
	if at := bytes.Index(t.kept, []byte(word)); at >= 0 {
		t.kept = t.kept[:at]
	}
}

func (t *tail) bytes() []byte {
	t.mu.Lock()
	defer t.mu.Unlock()
	return bytes.Clone(t.kept[max(0, len(t.kept)-t.max):])
}

// A head keeps the first max bytes written to it and counts the rest. It may be
// read while it is written.
type head struct {
	max int64

	mu    sync.Mutex
	kept  []byte
	total int64
}

func (h *head) Write(p []byte) (int, error) {
	h.mu.Lock()
	defer h.mu.Unlock()
	h.total += int64(len(p))
	if room := h.max - int64(len(h.kept)); room > 0 {
		h.kept = append(h.kept, p[:min(int64(len(p)), room)]...)
	}
	return len(p), nil
}

// count returns how many bytes were written; a nil head has none.
func (h *head) count() int64 {
	if h == nil {
		return 0
	}
	h.mu.Lock()
	defer h.mu.Unlock()
	return h.total
}

func (h *head) bytes() []byte {
	h.mu.Lock()
	defer h.mu.Unlock()
	return bytes.Clone(h.kept)
}
