package sshtest

import (
	"bufio"
	"encoding/hex"
	"fmt"
	"io"
	"maps"
	"slices"
	"strings"
	"sync"
	"time"

	"golang.org/x/crypto/ssh"
)

// A job is a detached job as a client sees it: it goes on by itself and has its
// output, its answers and its end for everyone who attaches.
type job struct {
	script string

	mu      sync.Mutex
	changed *sync.Cond
	started time.Time
	out     []byte
	answers []string // lines as they are told to clients
	asking  bool
	closed  bool   // nothing more is answered
	end     string // "exit CODE SIZE" or "died"
	gone    bool   // the test is over
}

// JobOutput returns what a job has printed so far, and whether it is over.
func (s *Server) JobOutput(id string) (output string, done bool) {
	s.mu.Lock()
	j := s.jobs[id]
	s.mu.Unlock()
	if j == nil {
		return "", false
	}
	j.mu.Lock()
	defer j.mu.Unlock()
	return string(j.out), j.end != ""
}

// AwaitJobs returns when every job that was begun before has ended or asks something.
func (s *Server) AwaitJobs() {
	s.mu.Lock()
	jobs := slices.Collect(maps.Values(s.jobs))
	s.mu.Unlock()
	for _, j := range jobs {
		j.mu.Lock()
		for j.end == "" && !j.asking && !j.gone {
			j.changed.Wait()
		}
		j.mu.Unlock()
	}
}

func (j *job) abandon() {
	j.mu.Lock()
	defer j.mu.Unlock()
	j.gone = true
	j.changed.Broadcast()
}

func (s *Server) serveJob(ch ssh.Channel, in *bufio.Reader, q Request) {
	s.mu.Lock()
	j := s.jobs[q.ID]
	s.mu.Unlock()
	switch q.Kind {
	case JobStatus:
		fmt.Fprintf(ch, "end %s\n", j.status())
	case JobForget:
		if strings.HasPrefix(j.status(), "running") {
			io.WriteString(ch, "error running it still runs\n")
			break
		}
		s.mu.Lock()
		delete(s.jobs, q.ID)
		s.mu.Unlock()
		io.WriteString(ch, "end never\n")
	case Job:
		attached := 1
		if j == nil {
			j, attached = s.startJob(q), 0
		}
		if j.script != q.Script {
			io.WriteString(ch, "error mismatch another script has this id\n")
			break
		}
		fmt.Fprintf(ch, "job %d %d\n", attached, j.started.Unix())
		s.work.Go(func() { j.listen(in) })
		j.follow(ch, q.Offset)
	}
	exit(ch, 0)
}

func (j *job) status() string {
	if j == nil {
		return "never"
	}
	j.mu.Lock()
	defer j.mu.Unlock()
	if j.end != "" {
		return j.end
	}
	return fmt.Sprintf("running %d", j.started.Unix())
}

func (s *Server) startJob(q Request) *job {
	j := &job{script: q.Script, started: time.Now()}
	j.changed = sync.NewCond(&j.mu)
	r := s.reply(q)
	s.mu.Lock()
	s.jobs[q.ID] = j
	s.mu.Unlock()
	s.work.Go(func() {
		j.print(r.Stdout + r.Stderr)
		for _, p := range r.Prompts {
			j.ask(p)
		}
		if r.Hangup {
			s.DropConnections()
		}
		s.wait(r)
		j.mu.Lock()
		defer j.mu.Unlock()
		j.end = fmt.Sprintf("exit %d %d", r.Exit, len(j.out))
		if r.Died {
			j.end = "died"
		}
		j.changed.Broadcast()
	})
	return j
}

func (j *job) print(text string) {
	j.mu.Lock()
	defer j.mu.Unlock()
	j.out = append(j.out, text...)
	j.changed.Broadcast()
}

// ask waits for the next answer, and echoes it as a terminal does.
func (j *job) ask(p Prompt) {
	j.print(p.Text)
	j.mu.Lock()
	defer j.mu.Unlock()
	given := len(j.answers)
	j.asking = true
	j.changed.Broadcast()
	for len(j.answers) == given && !j.closed && !j.gone {
		j.changed.Wait()
	}
	j.asking = false
	if len(j.answers) > given {
		fields := strings.Fields(j.answers[given])
		answer, _ := hex.DecodeString(fields[len(fields)-1])
		j.out = append(j.out, string(answer)+"\n"...)
	}
	j.out = append(j.out, p.Then...)
	j.changed.Broadcast()
}

// listen takes answers from one client.
func (j *job) listen(in *bufio.Reader) {
	for {
		line, err := in.ReadString('\n')
		if err != nil {
			return
		}
		line = strings.TrimSpace(line)
		j.mu.Lock()
		switch {
		case strings.HasPrefix(line, fmt.Sprintf("answer %d ", len(j.answers)+1)) && !j.closed:
			j.answers = append(j.answers, line)
		case strings.HasPrefix(line, "close ") && !j.closed:
			j.closed = true
			j.answers = append(j.answers, line)
		}
		j.changed.Broadcast()
		j.mu.Unlock()
	}
}

// follow tells one client everything from offset on.
func (j *job) follow(ch io.Writer, offset int64) {
	j.mu.Lock()
	defer j.mu.Unlock()
	told := 0
	state := ""
	if recall := min(offset, 4096); recall > 0 && offset <= int64(len(j.out)) {
		fmt.Fprintf(ch, "past %d\n%s", recall, j.out[offset-recall:offset])
	}
	for !j.gone {
		var news strings.Builder
		for offset < int64(len(j.out)) {
			n := min(int64(len(j.out))-offset, 64<<10)
			fmt.Fprintf(&news, "out %d\n%s", n, j.out[offset:offset+n])
			offset, state = offset+n, ""
		}
		for ; told < len(j.answers); told++ {
			fmt.Fprintln(&news, j.answers[told])
			state = ""
		}
		if j.asking && state == "" && !j.closed {
			state = "reading"
			fmt.Fprintln(&news, "state reading")
		}
		if j.end != "" {
			fmt.Fprintln(&news, "end "+j.end)
		}
		if news.Len() == 0 {
			j.changed.Wait()
			continue
		}
		ended := j.end != ""
		j.mu.Unlock()
		_, err := io.WriteString(ch, news.String())
		j.mu.Lock()
		if err != nil || ended {
			return
		}
	}
}
