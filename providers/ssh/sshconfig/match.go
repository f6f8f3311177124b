package sshconfig

import (
	"errors"
	"fmt"
	"strconv"
	"strings"
)

// match reports whether the criteria behind Match hold for the host, in the state in which
// the settings are so far. All of them have to, so that one that can't be told counts only
// where no other one fails.
func (r *reader) match(rest string) (bool, error) {
	m := &criteria{reader: r, holds: true}
	for rest != "" && rest[0] != '#' {
		if strings.ContainsAny(rest[:1], `'\`) {
			return false, errors.New("Match: zup understands only double quotes there")
		}
		word, after, ok := delimited(rest)
		if !ok {
			return false, errors.New("Match: a quote that does not end")
		}
		name, negated := strings.CutPrefix(strings.ToLower(word), "!")
		rest = after
		switch name {
		case "all":
			if rest != "" && rest[0] != '#' || m.seen > 1 {
				return false, errors.New("Match all: other criteria beside it")
			}
			if negated {
				m.holds = false
			}
			return m.result()
		case "final", "canonical":
			m.seen++
			r.wantFinal = r.wantFinal || name == "final"
			m.is(r.final != negated)
			continue
		}
		m.seen++
		if rest == "" || rest[0] == '#' {
			return false, fmt.Errorf("Match %s: nothing follows", word)
		}
		var arg string
		if strings.ContainsAny(rest[:1], `'\`) {
			return false, errors.New("Match: zup understands only double quotes there")
		}
		if arg, rest, ok = delimited(rest); !ok {
			return false, errors.New("Match: a quote that does not end")
		}
		if known := m.criterion(name, arg, negated); !known {
			m.undecided(&UndecidedError{fmt.Sprintf("Match %s: zup does not know this criterion", word)})
			return m.result() // nobody knows how many words belong to it
		}
	}
	if m.seen == 0 {
		return false, errors.New("Match: nothing follows")
	}
	return m.result()
}

// criteria are those of one Match line.
type criteria struct {
	*reader
	holds bool
	seen  int
	doubt error  // about the first that can't be told
	runs  []exec // what only a command can tell, asked if all else holds
}

// An exec is the criterion that a command ends with status 0.
type exec struct {
	command string
	negated bool
}

func (m *criteria) is(holds bool) { m.holds = m.holds && holds }

func (m *criteria) undecided(why error) {
	if m.doubt == nil {
		m.doubt = why
	}
}

func (m *criteria) result() (bool, error) {
	for _, e := range m.runs {
		if !m.holds || m.doubt != nil {
			break
		}
		m.run(e)
	}
	if m.holds && m.doubt != nil {
		return false, m.doubt
	}
	return m.holds, nil
}

// run asks a command, in the state in which the settings are so far.
func (m *criteria) run(e exec) {
	const onlySSH = "Match exec: only ssh can tell whether it holds"
	if m.exec == nil || m.never {
		m.undecided(&UndecidedError{onlySSH})
		return
	}
	host, err := m.name()
	if err != nil {
		m.undecided(err)
		return
	}
	if m.final {
		host = strings.ToLower(host)
	}
	port := m.settings.Get("Port")
	if m.query.Port != 0 {
		port = strconv.Itoa(m.query.Port)
	}
	holds, err := m.exec(e.command, map[byte]string{
		'h': host, 'n': m.query.Host, 'k': or(m.settings.Get("HostKeyAlias"), host), 'p': or(port, "22"),
		'r': or(m.query.User, m.settings.Get("User"), m.query.LocalUser), 'u': m.query.LocalUser,
	})
	var undecided *UndecidedError
	switch {
	case errors.As(err, &undecided) && undecided.Why == "":
		m.undecided(&UndecidedError{onlySSH})
	case errors.As(err, &undecided):
		m.undecided(&UndecidedError{onlySSH + " (" + undecided.Why + ")"})
	case err != nil:
		m.undecided(fmt.Errorf("Match exec: %w", err))
	}
	m.is(holds != e.negated || err != nil)
}

func or(values ...string) string {
	for _, v := range values {
		if v != "" {
			return v
		}
	}
	return ""
}

// criterion heeds one criterion with an argument; it returns false if it does not know it.
func (m *criteria) criterion(name, arg string, negated bool) bool {
	switch name {
	case "host":
		host, err := m.name()
		if err != nil {
			m.undecided(err)
		}
		m.is(MatchList(strings.ToLower(arg), strings.ToLower(host)) != negated)
	case "originalhost":
		m.is(MatchList(strings.ToLower(arg), strings.ToLower(m.query.Host)) != negated)
	case "user":
		m.user(arg, negated)
	case "localuser":
		m.is(MatchList(arg, m.query.LocalUser) != negated)
	case "tagged":
		m.is(MatchList(arg, m.settings.Get("Tag")) != negated)
	case "exec":
		m.runs = append(m.runs, exec{arg, negated})
	case "localnetwork":
		m.undecided(&UndecidedError{fmt.Sprintf("Match %s: only ssh can tell whether it holds", name)})
	default:
		return false
	}
	return true
}

// name is the name to connect to, as far as it is known at this line.
func (m *criteria) name() (string, error) {
	name := m.settings.Get("HostName")
	if name == "" {
		return m.query.Host, nil
	}
	return Expand(name, map[byte]string{'h': m.query.Host}, false)
}

// user compares who logs in. Where nobody has said so yet, ssh takes the user who runs it,
// and zup the usual user of the host: they may differ only where the line does not ask.
func (m *criteria) user(arg string, negated bool) {
	said := m.query.User
	if said == "" {
		said = m.settings.Get("User")
	}
	if said != "" {
		m.is(MatchList(arg, said) != negated)
		return
	}
	usual, local := MatchList(arg, m.query.Usual), MatchList(arg, m.query.LocalUser)
	if usual != local {
		m.undecided(fmt.Errorf("Match user: nobody has said up to here who logs in (zup: %s, ssh: %s): say user in the ssh block", m.query.Usual, m.query.LocalUser))
		return
	}
	m.is(usual != negated)
}
