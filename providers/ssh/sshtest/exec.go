package sshtest

import (
	"bufio"
	"fmt"
	"io"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"time"

	"golang.org/x/crypto/ssh"
)

// bootstrap is what package ssh runs in every session. It is written down once
// more, because it is a promise: no word of a script stands in a command line.
const bootstrap = `sh -c 'read -r m n r && echo "$m" && z=$(head -c "$n") && case $z in (*"$m") eval "$z";; (*) exit 125;; esac' zup`

// ending is what package ssh puts in front of a script that is run, behind its arguments.
const ending = `trap "printf '\n%s %s\n' $m \$?" 0; `

// A Kind is what a client asks for.
type Kind string

// What a client can ask for.
const (
	Run       Kind = "run"        // a script, and wait for it
	Job       Kind = "job"        // start a detached job, or attach to it
	JobStatus Kind = "job status" // how it stands
	JobForget Kind = "job forget" // remove what is left of it
	Lock      Kind = "lock"       // take the lock and hold it
	LockWho   Kind = "lock who"   // how it stands
	LockClear Kind = "lock clear" // remove what a dead holder has left
)

// A Request is what a client has asked for.
type Request struct {
	Kind   Kind
	Script string   // as it was given to Run or Job
	Args   []string // its arguments
	Stdin  string   // of Run
	ID     string   // of the job; of a lock: of the run that wants it
	Offset int64    // where the client wants a job's output from
	TTY    bool     // the job wants a terminal
	Read   string   // what a reader is asked instead
	Sudo   bool     // it was asked for with sudo
	Exec   string   // the command line of the session
}

// A Reply is what a script does.
type Reply struct {
	Stdout string
	Stderr string // of a job: comes after Stdout, in the same stream
	Exit   int
	Delay  time.Duration   // between the output and the end
	Until  <-chan struct{} // the end comes when this is closed; nil: at once
	AtEnd  func()          // called when only the end is left
	Hangup bool            // the connection is cut instead of ending; a job goes on to its end
	Cut    int             // not of a job: the end comes first, then so many bytes of Stdout, then the connection is cut
	Died   bool            // a job loses its supervisor after its output

	Prompts []Prompt // what a job asks after Stdout
}

// A Prompt is a question of a job.
type Prompt struct {
	Text string // printed without a line feed, then the job waits for a line
	Then string // printed after the answer
}

// Answer says what a script does, known by its exact text.
func (s *Server) Answer(script string, r Reply) {
	s.AnswerFunc(func(q Request) (Reply, bool) { return r, q.Script == script })
}

// AnswerMatch says what scripts do that match a regular expression.
func (s *Server) AnswerMatch(pattern string, r Reply) {
	s.t.Helper()
	re, err := regexp.Compile(pattern)
	if err != nil {
		s.t.Fatalf("sshtest: %v", err)
	}
	s.AnswerFunc(func(q Request) (Reply, bool) { return r, re.MatchString(q.Script) })
}

// AnswerFunc asks f what a script does, if f knows it. What was said last is asked
// first. Only scripts are asked about, not the status of jobs.
func (s *Server) AnswerFunc(f func(Request) (r Reply, known bool)) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.handlers = append(s.handlers, f)
}

// Requests returns what was asked for so far, in order.
func (s *Server) Requests() []Request {
	s.mu.Lock()
	defer s.mu.Unlock()
	return slices.Clone(s.requests)
}

// Scripts returns the scripts that were asked for so far, in order, of Run and Job.
func (s *Server) Scripts() []string {
	var scripts []string
	for _, q := range s.Requests() {
		if q.Kind == Run || q.Kind == Job {
			scripts = append(scripts, q.Script)
		}
	}
	return scripts
}

func (s *Server) record(q Request) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.requests = append(s.requests, q)
}

// reply looks for somebody who knows the script. Nobody is a failure of the test.
func (s *Server) reply(q Request) Reply {
	s.mu.Lock()
	handlers := slices.Clone(s.handlers)
	s.mu.Unlock()
	for _, f := range slices.Backward(handlers) {
		if r, ok := f(q); ok {
			return r
		}
	}
	s.t.Errorf("sshtest: nobody told the server what this does (%s):\n%s", q.Kind, q.Script)
	return Reply{Stderr: "sshtest: unknown script\n", Exit: 127}
}

func (s *Server) session(nc ssh.NewChannel, user string) {
	ch, reqs, err := nc.Accept()
	if err != nil {
		return
	}
	defer ch.Close()
	if s.cutsSessions() {
		s.DropConnections()
		return
	}
	for r := range reqs {
		var exec struct{ Command string }
		if r.Type != "exec" || ssh.Unmarshal(r.Payload, &exec) != nil {
			r.Reply(false, nil)
			continue
		}
		r.Reply(true, nil)
		s.work.Go(func() {
			for r := range reqs {
				r.Reply(false, nil)
			}
		})
		s.exec(ch, user, exec.Command)
		return
	}
}

func (s *Server) exec(ch ssh.Channel, user, command string) {
	shell, sudo := strings.CutPrefix(command, "sudo -n ")
	if s.config.Doas {
		shell, sudo = strings.CutPrefix(command, "doas -n ")
	}
	if rest, nonce, ok := asking(command); ok {
		if shell, sudo = rest, true; !s.asks(ch, nonce) {
			return
		}
	} else if sudo && s.config.SudoPassword != "" {
		io.WriteString(ch.Stderr(), "sudo: a password is required\n")
		exit(ch, 1)
		return
	}
	switch {
	case user != "root" && !sudo:
		s.t.Errorf("sshtest: user %s runs this without sudo: %s", user, command)
	case sudo && s.config.NoSudo:
		says := s.config.SudoSays
		if says == "" {
			says = "sudo: a password is required"
		}
		io.WriteString(ch.Stderr(), says+"\n")
		exit(ch, 1)
		return
	case sudo && s.config.NoExec: // as sudo 1.9.13 and dash do it: the mark comes from the shell itself
		line, _ := bufio.NewReader(ch).ReadString('\n')
		mark, _, _ := strings.Cut(line, " ")
		io.WriteString(ch, mark+"\n")
		io.WriteString(ch.Stderr(), "zup: 1: head: Permission denied\n")
		exit(ch, 126)
		return
	}
	if s.config.Local {
		s.local(ch, shell)
		return
	}
	if shell != bootstrap {
		s.t.Errorf("sshtest: not the command line that sessions have: %s", command)
		exit(ch, 127)
		return
	}
	in := bufio.NewReader(ch)
	q, ok := s.receive(in, ch)
	if !ok {
		return // cut off before it had arrived: it is not run
	}
	q.Sudo, q.Exec = sudo, command
	if q.Kind == Run {
		stdin, err := io.ReadAll(in)
		if err != nil {
			return
		}
		q.Stdin = string(stdin)
		s.record(q)
		s.run(ch, s.reply(q))
		return
	}
	s.record(q)
	switch q.Kind {
	case Lock, LockWho, LockClear:
		s.serveLock(ch, in, q)
	default:
		s.serveJob(ch, in, q)
	}
}

// receive reads what stands before the script's own input, and answers the mark.
func (s *Server) receive(in *bufio.Reader, ch ssh.Channel) (q Request, ok bool) {
	line, err := in.ReadString('\n')
	if err != nil {
		return q, false
	}
	mark, rest, _ := strings.Cut(strings.TrimSpace(line), " ")
	length, read, _ := strings.Cut(rest, " ") // a shell takes no notice of what a reader is asked
	q.Read = read
	n, err := strconv.Atoi(length)
	if err != nil {
		s.t.Errorf("sshtest: bad first line of a session: %q", line)
		return q, false
	}
	io.WriteString(ch, mark+"\n")
	text := make([]byte, n)
	if _, err := io.ReadFull(in, text); err != nil {
		return q, false
	}
	script, whole := strings.CutSuffix(string(text), "\n#"+mark)
	if !whole {
		s.t.Errorf("sshtest: the script does not end in its mark: %q", text)
		return q, false
	}
	if !strings.HasPrefix(script, "# zup job\n") {
		q.Kind = Run
		q.Script, q.Args = unwrap(s.t.Errorf, script)
		return q, true
	}
	q, ok = s.receiveJob(in)
	q.Read = read
	return q, ok
}

func (s *Server) receiveJob(in *bufio.Reader) (q Request, ok bool) {
	line, err := in.ReadString('\n')
	if err != nil {
		return q, false
	}
	var verb string
	var size, tty int
	if _, err := fmt.Sscanf(line, "%s %s %d %d %d", &verb, &q.ID, &q.Offset, &size, &tty); err != nil {
		s.t.Errorf("sshtest: bad request for a job: %q", line)
		return q, false
	}
	q.TTY = tty == 1
	text := make([]byte, size)
	if _, err := io.ReadFull(in, text); err != nil {
		return q, false
	}
	switch verb {
	case "job":
		q.Kind = Job
		q.Script, q.Args = unwrap(s.t.Errorf, string(text))
	case "status":
		q.Kind = JobStatus
	case "forget":
		q.Kind = JobForget
	case "hold", "who", "clear":
		q.Kind, q.Script = map[string]Kind{"hold": Lock, "who": LockWho, "clear": LockClear}[verb], string(text)
	default:
		s.t.Errorf("sshtest: bad request for a job: %q", line)
	}
	return q, true
}

func (s *Server) run(ch ssh.Channel, r Reply) {
	if r.Cut > 0 {
		tellExit(ch, r.Exit)
		io.WriteString(ch, r.Stdout[:r.Cut])
		s.DropConnections()
		return
	}
	io.WriteString(ch, r.Stdout)
	io.WriteString(ch.Stderr(), r.Stderr)
	s.wait(r)
	if r.Hangup {
		s.DropConnections()
		return
	}
	exit(ch, r.Exit)
}

func (s *Server) wait(r Reply) {
	if r.AtEnd != nil {
		r.AtEnd()
	}
	if r.Until != nil {
		select {
		case <-r.Until:
		case <-s.t.Context().Done():
		}
	}
	time.Sleep(r.Delay)
}

func exit(ch ssh.Channel, status int) {
	tellExit(ch, status)
	ch.Close()
}

func tellExit(ch ssh.Channel, status int) {
	ch.SendRequest("exit-status", false, ssh.Marshal(struct{ Status uint32 }{uint32(status)}))
}

// unwrap takes a script out of what stands before it on its first line.
func unwrap(errorf func(string, ...any), text string) (script string, args []string) {
	rest, ok := strings.CutPrefix(text, "cd /; ")
	if !ok {
		errorf("sshtest: the script does not start in /: %q", text)
	}
	rest, ok = strings.CutPrefix(rest, "set --")
	if !ok {
		return strings.TrimPrefix(rest, ending), nil
	}
	for strings.HasPrefix(rest, " ") {
		var word string
		word, rest = unquote(rest[1:])
		args = append(args, word)
	}
	return strings.TrimPrefix(strings.TrimPrefix(rest, "; "), ending), args
}

// unquote reads one word as ssh.Quote writes it.
func unquote(s string) (word, rest string) {
	for s != "" && s[0] != ' ' && s[0] != ';' {
		switch s[0] {
		case '\'':
			in, after, _ := strings.Cut(s[1:], "'")
			word, s = word+in, after
		case '\\':
			word, s = word+s[1:2], s[2:]
		default:
			word, s = word+s[:1], s[1:]
		}
	}
	return word, s
}
