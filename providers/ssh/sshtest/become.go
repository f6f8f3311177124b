package sshtest

import (
	"io"
	"regexp"
	"strings"

	"golang.org/x/crypto/ssh"
)

// withPassword is the command line of a session that may have to give a password to sudo.
var withPassword = regexp.MustCompile(`^sudo -S -p '(zup-[0-9a-f]{16})%%asks' (sh -c ')echo "\$1-\$2"; (.*) (zup-[0-9a-f]{16}) begins$`)

// asking takes the command line of such a session apart: what is run behind sudo, and
// what the words are by which the client knows sudo's question and its end.
func asking(command string) (shell, nonce string, ok bool) {
	m := withPassword.FindStringSubmatch(command)
	if m == nil || m[1] != m[4] {
		return "", "", false
	}
	return m[2] + m[3], m[1], true
}

// asks does what sudo -S does: a lecture, the question, and once more if the answer is not
// right; it reads byte by byte, because what follows is not its own.
func (s *Server) asks(ch ssh.Channel, nonce string) (let bool) {
	if s.config.SudoSays != "" {
		io.WriteString(ch.Stderr(), s.config.SudoSays+"\n")
		exit(ch, 1)
		return false
	}
	if s.config.SudoPassword != "" {
		io.WriteString(ch.Stderr(), "\nWe trust you have received the usual lecture from the local System\nAdministrator.\n\n")
		for tries := 0; ; tries++ {
			io.WriteString(ch.Stderr(), nonce+"%as")
			io.WriteString(ch.Stderr(), "ks")
			given, ended := line(ch)
			switch {
			case given == s.config.SudoPassword && !ended:
			case ended || tries == 2:
				io.WriteString(ch.Stderr(), "sudo: no password was provided\nsudo: 1 incorrect password attempt\n")
				exit(ch, 1)
				return false
			default:
				s.wrongPassword()
				io.WriteString(ch.Stderr(), "Sorry, try again.\n")
				continue
			}
			break
		}
	}
	io.WriteString(ch, nonce+"-begins\n")
	return true
}

// line reads up to a line feed, and no further.
func line(r io.Reader) (text string, ended bool) {
	var b strings.Builder
	for one := make([]byte, 1); ; {
		if _, err := io.ReadFull(r, one); err != nil {
			return b.String(), true
		}
		if one[0] == '\n' {
			return b.String(), false
		}
		b.WriteByte(one[0])
	}
}

// WrongPasswords returns how often sudo was given a password that is not right.
func (s *Server) WrongPasswords() int {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.wrong
}

func (s *Server) wrongPassword() {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.wrong++
}
