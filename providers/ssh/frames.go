package ssh

import (
	"bufio"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"strconv"
	"strings"
	"sync"
	"time"

	"zup/plan/escape"
)

// A frame is one reply of the job program: a word, its fields, and the bytes that
// follow "out" and "past". The last one of a session has no word, only stop.
type frame struct {
	word   string
	fields []string
	data   []byte
	stop   error // why there are no more
}

const (
	frameMax = 64 << 10 // bytes in one frame, as the program has it
	lineMax  = 16 << 10
)

// frames returns everything that the program says, until it has ended or stop was
// called. What was not received then is lost, and the session is over.
func (s *session) frames() (frames <-chan frame, stop func()) {
	out := make(chan frame)
	quit := make(chan struct{})
	stop = sync.OnceFunc(func() {
		close(quit)
		go s.ch.Close()
	})
	go func() {
		err := s.begin()
		for {
			var f frame
			if err == nil {
				f, err = s.readFrame()
			}
			if err != nil {
				f = frame{stop: s.ended(err)}
			}
			select {
			case out <- f:
			case <-quit:
				return
			}
			if err != nil {
				return
			}
		}
	}()
	return out, stop
}

// ended says what the end of the stream means: the connection broke, or the program
// did not work.
func (s *session) ended(err error) error {
	if !errors.Is(err, io.EOF) && !errors.Is(err, io.ErrUnexpectedEOF) {
		return err
	}
	select {
	case <-s.exited:
	case <-time.After(lingerFor):
		return errNoStatus
	}
	if s.status < 0 {
		return errNoStatus
	}
	s.drain(nil, nil)
	return s.failed(s.status)
}

func (s *session) readFrame() (frame, error) {
	line, err := s.readLine()
	if err != nil {
		return frame{}, err
	}
	fields := strings.Fields(line)
	if len(fields) == 0 {
		return frame{}, &ShellError{Output: "an empty line in the job protocol"}
	}
	f := frame{word: fields[0], fields: fields[1:]}
	if f.word != "out" && f.word != "past" {
		return f, nil
	}
	n := f.int(0)
	if n < 0 || n > frameMax {
		return frame{}, &ShellError{Output: "in the job protocol: " + escape.Line(line)}
	}
	f.data = make([]byte, n)
	_, err = io.ReadFull(s.stdout, f.data)
	return f, err
}

func (s *session) readLine() (string, error) {
	var line []byte
	for {
		part, err := s.stdout.ReadSlice('\n')
		line = append(line, part...)
		switch {
		case err == nil:
			return string(line), nil
		case len(line) > lineMax:
			return "", &ShellError{Output: "an endless line in the job protocol"}
		case err != bufio.ErrBufferFull:
			return "", err
		}
	}
}

func (f frame) field(i int) string {
	if i < len(f.fields) {
		return f.fields[i]
	}
	return ""
}

// int returns a field as a number, -1 if it is none.
func (f frame) int(i int) int64 {
	n, err := strconv.ParseInt(f.field(i), 10, 64)
	if err != nil {
		return -1
	}
	return n
}

// hex returns a field that came in hexadecimal.
func (f frame) hex(i int) string {
	b, _ := hex.DecodeString(f.field(i))
	return string(b)
}

// status reads an "end" frame.
func (f frame) status() JobStatus {
	switch f.field(0) {
	case "exit":
		return JobStatus{State: JobDone, Exit: int(f.int(1)), Bytes: f.int(2)}
	case "running":
		return JobStatus{State: JobRunning, Started: time.Unix(f.int(1), 0)}
	case "died":
		return JobStatus{State: JobDied}
	}
	return JobStatus{}
}

// err reads an "error" frame.
func (f frame) err() error {
	switch f.field(0) {
	case "running":
		return ErrJobRunning
	case "mismatch":
		return errMismatch
	}
	return fmt.Errorf("on the node: %s", escape.Line(strings.Join(f.fields[min(1, len(f.fields)):], " ")))
}

var errMismatch = errors.New("mismatch")
